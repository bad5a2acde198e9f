"""What evolutionary optimizers share: a population, its start, its children, new blood.

Every result changes the population at once: nobody waits for the end of a generation,
and a *generation* is only a count, of as many told children as there are members.

========== =============================================================================
operator   where a point comes from
========== =============================================================================
"initial"  the start: a latin hypercube, so that each category has its share (where
           prices differ, the cheaper half of one)
"random"   a latin hypercube, too: there are too few parents, or their children were
           all seen before
"restart"  the population had become too uniform, or had not improved for long; half of
           the new ones is random, half lies round the best
"near"     somebody wanted the surroundings of a point
========== =============================================================================

The other operators are those of the algorithms.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import BaseOptimizer, Points, Unseen
from skhpo.optimizers._cost import weight
from skhpo.optimizers._design import LatinDesign
from skhpo.optimizers._prior_cost import CheapStart, CostOf, PriorCost
from skhpo.optimizers._screen import Screen
from skhpo.space import Space, mean_pairwise_distance

_MIN_PARENTS = 4  # fewer members have no children: a target and three others
_N_CHILDREN = 4  # to have another one where the first was seen
_N_SCREENED = 16  # that the surrogate chooses from
_OPTIMISM = 0.5  # deviations that the unknown is worth to it,
_IMPATIENCE, _MAX_OPTIMISM = 0.1, 4.0  # and more with each result without improvement
_PRICE = 2.0  # what a logarithm of the cost is worth to it, in ranks, times its weight
_N_REDRAWS = 15  # attempts round a child that was seen before
_REDRAW_STEP = 0.1
_UNIFORM = 0.02  # mean distance per column below which a population is uniform
_N_KEPT = 2  # best members that survive a restart
_RESTART_STEP = 0.2


@dataclass(frozen=True, eq=False)
class Member:
    """A setting that was evaluated without failing."""

    point: Points  # (d,)
    key: bytes
    score: float
    id: int  # of its proposal, as it was told
    is_partial: bool = False  # given up before its last fold: the score is an estimate
    step: float = np.nan  # of its mutation, where it has its own


@dataclass(frozen=True, eq=False)
class Child:
    """A point to be evaluated, and what has to be known when its score arrives."""

    point: Points
    operator: str
    parents: tuple[Member, ...]
    step: float = np.nan


class EvolutionaryOptimizer(BaseOptimizer):
    """A population whose members have children; a subclass says how, and who survives.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    n_iter : int or None
        How many results there will be; None = unknown.
    population_size : int
        Members at the start.
    surrogate : "auto" or None
        "auto": a regression says which of several children is worth its evaluation.
    prior_cost : callable, default=None
        Params -> a guess at their cost, nan = unknown. Where the guesses differ by more
        than a factor of five, the start is the cheaper half of twice as many points,
        and the regression prefers cheap children: less and less so as ``n_iter`` is
        used up.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    What is told enters the population whoever asked for it. Failed evaluations never
    do. A result that racing gave up early is a member like others, but never the best
    while there is another.
    """

    def __init__(
        self,
        space: Space,
        *,
        n_iter: int | None,
        population_size: int,
        surrogate: str | None = None,
        prior_cost: CostOf | None = None,
        rng: np.random.Generator,
    ):
        if population_size < _MIN_PARENTS:
            raise ValueError(
                f"population_size={population_size!r} is too small: evolution needs "
                f"{_MIN_PARENTS} members at least. Leave it at 'auto' if in doubt."
            )
        super().__init__(space, rng=rng)
        self.n_iter = n_iter
        self.population_size = population_size
        self.surrogate = surrogate
        self.members: list[Member] = []
        self.generation = 1  # of the next children; 0 is the start
        self._design = LatinDesign(space, block=population_size, rng=rng)
        self._guess = PriorCost(space, prior_cost)
        wide = partial(LatinDesign, space, block=2 * population_size, rng=rng)
        self._start = CheapStart(self._guess, wide, one_in=2)
        self._screen = None if surrogate is None else Screen(space)
        self._children: dict[bytes, Child] = {}  # asked for and not told yet
        self._n_told = 0
        self._n_spent = 0  # of n_iter: what an earlier search knew cost nothing
        self._n_told_children = 0  # of this generation
        self._n_newcomers = 0  # that a restart still has to propose
        self._best_score = -np.inf
        self._n_idle = 0  # results since the last improvement or restart

    # Asking ---------------------------------------------------------------------------

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        n_missing = self.population_size - self._n_told - len(unseen.in_flight)
        if n_missing > 0:
            return self._initial(n_missing, unseen)
        if self._n_newcomers > 0:
            self._n_newcomers -= 1
            return self._newcomer(unseen)
        if len(self.members) < _MIN_PARENTS:
            return self._random(unseen, "random")
        child = self._unseen_child(unseen)
        if child is None:
            return self._random(unseen, "random")
        self._children[self.space.key(child.point)] = child
        return self._proposal(
            child.point, operator=child.operator, parents=child.parents
        )

    @abstractmethod
    def _breed(self, n: int, unseen: Unseen) -> Sequence[Child]:
        """n children, one of which will be the next proposal; seen ones, too."""

    def _unseen_child(self, unseen: Unseen) -> Child | None:
        """The first child that is new, or a new point beside one that is not."""
        children = self._children_in_order(unseen)
        for child in children:
            if child.point in unseen and self.space.is_feasible(child.point):
                return child
        if not children:
            return None
        crowd = np.repeat(children[0].point[None], _N_REDRAWS, axis=0)
        for point in self.space.perturb(crowd, _REDRAW_STEP, self.rng):
            if point in unseen and self.space.is_feasible(point):
                return replace(children[0], point=point)
        return None

    def _children_in_order(self, unseen: Unseen) -> Sequence[Child]:
        """The most promising first, where there is a surrogate."""
        if self._screen is None or not self._screen.is_ready:
            return self._breed(_N_CHILDREN, unseen)
        children = self._breed(_N_SCREENED, unseen)
        points = np.array([child.point for child in children])
        order = self._screen.order(
            points,
            optimism=min(_OPTIMISM + _IMPATIENCE * self._n_idle, _MAX_OPTIMISM),
            in_flight=unseen.in_flight,
            malus=self._malus(points),
        )
        return [children[i] for i in order]

    def _malus(self, points: Points) -> NDArray[np.float64]:
        """(n,) what points have to be better by, since they are expensive."""
        if not self._guess.counts:
            return np.zeros(len(points))
        used = self._n_spent / self.n_iter if self.n_iter else 0.0
        return _PRICE * weight(used) * self._guess.log_costs(points)

    def _initial(self, n_missing: int, unseen: Unseen) -> Proposal | None:
        point = self._start.next_point(n_missing, unseen)
        if point is None:
            return self._random(unseen, "initial")
        return self._proposal(point, origin="initial", operator="initial")

    def _random(self, unseen: Unseen, operator: str) -> Proposal | None:
        point = self._design.next_point(unseen)
        if point is None:
            return None
        origin = "initial" if operator == "initial" else "ask"
        return self._proposal(point, origin=origin, operator=operator)

    def _newcomer(self, unseen: Unseen) -> Proposal | None:
        """Of a restart: in turns anywhere, and round the best."""
        if self._n_newcomers % 2 == 0 or not self.members:
            return self._random(unseen, "restart")
        best = self.best_first()[0]
        crowd = np.repeat(best.point[None], _N_REDRAWS, axis=0)
        for point in self.space.perturb(crowd, _RESTART_STEP, self.rng):
            if point in unseen and self.space.is_feasible(point):
                return self._proposal(point, operator="restart", parents=(best,))
        return self._random(unseen, "restart")

    def _proposal(
        self,
        point: Points,
        *,
        params: Mapping[str, Any] | None = None,
        origin: str = "ask",
        operator: str = "near",
        parents: Sequence[Member] = (),
    ) -> Proposal:
        proposal = super()._proposal(point, params=params, origin=origin)
        labels = {
            "origin": origin,
            "generation": 0 if origin == "initial" else self.generation,
            "operator": operator,
            "parents": ",".join(str(parent.id) for parent in parents),
        }
        return replace(proposal, labels=labels)

    # Telling --------------------------------------------------------------------------

    def tell(self, results: Sequence[Result]) -> None:
        """Let results into the population; failed ones (nan, infinite) stay outside."""
        if self._screen is not None:
            self._screen.tell(results)
        for result in results:
            self._tell_one(result)

    def _tell_one(self, result: Result) -> None:
        key = self.space.key(result.proposal.point)
        super().tell([result])
        child = self._children.pop(key, None)
        member = self._member(result, key, child)
        is_old = result.proposal.labels.get("origin") == "warm_start"
        self._n_told += 1
        self._n_spent += not is_old
        self._n_idle += not is_old
        if member is not None:
            self.members = [other for other in self.members if other.key != key]
            self._enter(member, child)
            self._note_improvement(member)
        if child is not None:
            self._count_child()
        if not is_old and self._needs_restart():
            self._restart()

    def _member(self, result: Result, key: bytes, child: Child | None) -> Member | None:
        """None = it failed."""
        score = float(result.score)
        if not np.isfinite(score):
            return None
        return Member(
            np.asarray(result.proposal.point, dtype=float),
            key,
            score,
            result.proposal.id,
            is_partial=bool(result.noise > 0),
            step=np.nan if child is None else child.step,
        )

    @abstractmethod
    def _enter(self, member: Member, child: Child | None) -> None:
        """Who survives, with one more; child None = it is nobody's child."""

    def _count_child(self) -> None:
        self._n_told_children += 1
        if self._n_told_children >= len(self.members):
            self._n_told_children = 0
            self.generation += 1
            self._end_generation()

    def _end_generation(self) -> None:
        """As many children were told as there are members."""

    def _note_improvement(self, member: Member) -> None:
        if member.score > self._best_score and not member.is_partial:
            self._best_score, self._n_idle = member.score, 0

    def best_first(self) -> list[Member]:
        """The members by score; one that was given up early is not the first."""
        ranked = sorted(self.members, key=lambda member: -member.score)  # stable
        best = next((m for m in ranked if not m.is_partial), None)
        if best is None:
            return ranked
        return [best, *(member for member in ranked if member is not best)]

    # New blood ------------------------------------------------------------------------

    @property
    def diversity(self) -> float:
        """Mean distance between two members, averaged over the columns."""
        points = np.array([member.point for member in self.members])
        return mean_pairwise_distance(self.space, points.reshape(-1, self.space.n_dims))

    def _needs_restart(self) -> bool:
        if len(self.members) < _MIN_PARENTS or self._n_told <= self.population_size:
            return False
        return self._n_idle >= self._patience or self.diversity < _UNIFORM

    @property
    def _patience(self) -> int:
        """Results without an improvement before a restart."""
        return max(20, 4 * self.space.n_dims)

    def _restart(self) -> None:
        self._n_newcomers = max(len(self.members) - _N_KEPT, _MIN_PARENTS)
        self.members = self.best_first()[:_N_KEPT]
        self._n_idle = 0


def filled(points: Points, others: Points, rng: np.random.Generator) -> Points:
    """Points without nan: what is inactive has the value of others, or a random one."""
    points = np.where(np.isnan(points), others, points)
    return np.where(np.isnan(points), rng.random(points.shape), points)


def cell_widths(space: Space) -> NDArray[np.float64]:
    """(d,) width of a cell; 0 for continuous columns and categories."""
    widths = [
        0.0 if column.is_categorical or column.n_levels is None else 1 / column.n_levels
        for column in space.columns
    ]
    return np.array(widths)
