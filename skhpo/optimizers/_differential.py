"""Differential evolution that adapts itself, one result at a time.

Notation
--------
======== ======== ======================================================================
symbol   shape    meaning
======== ======== ======================================================================
x        (d,)     the target: the member that a child competes with
p        (d,)     a random one of the best members (pbest)
a, b     (d,)     two other members; b may come from the archive
F        ()       how far along the differences, Cauchy(M_F, 0.1)
CR       ()       share of the columns that the child does not have from x, N(M_CR, 0.1)
M_F, M_CR (H,)    memories of what F and CR were successful
w        (n,)     weight of a success: its gain in score, as a share of all gains
======== ======== ======================================================================

Numbers are mutated by current-to-pbest/1, v = x + F (p - x) + F (a - b) [1]_. The
difference of two categories means nothing. A category moves as far towards p as a
number does on average, by taking p's value with probability F; and where a and b
disagree, which is what their difference says about numbers, it takes a's value with
probability F. What all four agree about would stay for ever, where no member has the
right category: it is drawn anew with probability 0.1.

A child that is not worse than its target takes its place, and the target goes to the
archive. The population shrinks linearly, from exploring to exploiting [2]_.

References
----------
.. [1] Zhang, Sanderson (2009), JADE: adaptive differential evolution with optional
   external archive, IEEE Transactions on Evolutionary Computation 13(5).
.. [2] Tanabe, Fukunaga (2014), Improving the search performance of SHADE using linear
   population size reduction, IEEE CEC.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._population import (
    Child,
    EvolutionaryOptimizer,
    Member,
    cell_widths,
    filled,
)
from skhpo.optimizers._prior_cost import CostOf
from skhpo.space import Space

Array = NDArray[np.float64]

_MIN_SIZE = 5
_BEST_SHARE = 0.2  # p of pbest
_MEMORY = 5  # H
_FIRST_F, _FIRST_CR = 0.5, 0.7
_SPREAD = 0.1  # of the laws of F and CR
_REDRAWN = 0.1  # categories that all agree about


@dataclass(frozen=True, eq=False)
class TrialVector(Child):
    """A child, with its F and CR; the first of its parents is its target."""

    F: float = np.nan
    CR: float = np.nan


class SuccessHistory:
    """Which F and CR made children that were better than their targets."""

    def __init__(self) -> None:
        self.M_F = np.full(_MEMORY, _FIRST_F)
        self.M_CR = np.full(_MEMORY, _FIRST_CR)
        self._position = 0
        self._successes: list[tuple[float, float, float]] = []  # F, CR, gain

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """(n,) F in (0, 1] and (n,) CR in [0, 1]."""
        r = rng.integers(_MEMORY, size=n)
        F = self.M_F[r] + _SPREAD * rng.standard_cauchy(n)
        while (is_refused := F <= 0).any():
            again = _SPREAD * rng.standard_cauchy(int(is_refused.sum()))
            F[is_refused] = self.M_F[r][is_refused] + again
        CR = rng.normal(self.M_CR[r], _SPREAD)
        return np.minimum(F, 1.0), CR.clip(0.0, 1.0)

    def add(self, F: float, CR: float, gain: float) -> None:
        """One success."""
        self._successes.append((F, CR, gain))

    def update(self) -> None:
        """Write the successes since the last update into the next place of memory."""
        if not self._successes:
            return
        F, CR, gains = np.array(self._successes).T
        self._successes = []
        top = gains.max()  # shares of it, not of the sum: that could overflow
        w = gains / top if top > 0 else np.ones(len(gains))
        self.M_F[self._position] = lehmer_mean(F, w)
        self.M_CR[self._position] = lehmer_mean(CR, w)
        self._position = (self._position + 1) % _MEMORY


class DifferentialEvolution(EvolutionaryOptimizer):
    """Children from differences between members; sizes of steps learn from success.

    Success-history adaptive differential evolution with linear population reduction
    (L-SHADE), asynchronous, for mixed spaces, and with a cheap regression that chooses
    among several children.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    n_iter : int or None
        How many results there will be; the population shrinks until then. None =
        unknown: it does not shrink.
    population_size : int or "auto", default="auto"
        Members at the start. More explore, fewer exploit. "auto": twice the number of
        columns, 10 at least, and a sixth of ``n_iter`` at most.
    surrogate : "auto" or None, default="auto"
        "auto": kernel ridge regression picks the most promising of several children. It
        takes a millisecond, and helps most early. None: plain differential evolution.
    prior_cost : callable, default=None
        Params -> a guess at their cost, nan = unknown. With it, the start is cheap, and
        so are the children that the surrogate prefers.
    rng : numpy.random.Generator
        The only source of randomness.

    References
    ----------
    .. [1] Tanabe, Fukunaga (2014), Improving the search performance of SHADE using
       linear population size reduction, IEEE CEC.
    .. [2] Zhang, Sanderson (2009), JADE: adaptive differential evolution with optional
       external archive, IEEE Transactions on Evolutionary Computation 13(5).

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo._types import Result
    >>> from skhpo.optimizers import DifferentialEvolution
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0), "kind": ["a", "b"]})
    >>> rng = np.random.default_rng(0)
    >>> optimizer = DifferentialEvolution(space, n_iter=60, rng=rng)
    >>> best = -np.inf
    >>> for _ in range(60):
    ...     (proposal,) = optimizer.ask(1)
    ...     params = space.to_params(proposal.point)
    ...     score = -((params["x"] - 0.3) ** 2) - (params["kind"] == "b")
    ...     optimizer.tell([Result(proposal, score)])
    ...     best = max(best, score)
    >>> best > -1e-3
    True
    """

    name = "de"

    def __init__(
        self,
        space: Space,
        *,
        n_iter: int | None,
        population_size: int | str = "auto",
        surrogate: str | None = "auto",
        prior_cost: CostOf | None = None,
        rng: np.random.Generator,
    ):
        if population_size == "auto":
            population_size = automatic_size(space, n_iter)
        super().__init__(
            space,
            n_iter=n_iter,
            population_size=population_size,
            surrogate=surrogate,
            prior_cost=prior_cost,
            rng=rng,
        )
        self.history = SuccessHistory()
        self.archive: list[Member] = []
        self._widths = cell_widths(space)
        self._last_target = -1

    # Children -------------------------------------------------------------------------

    def _breed(self, n: int, unseen: Unseen) -> Sequence[Child]:
        return self._trial_vectors(self._next_target(unseen), n)

    def _next_target(self, unseen: Unseen) -> Member:
        """The next member, in turn, that has no child in flight; else the next one."""
        busy = {
            child.parents[0].key
            for key, child in self._children.items()
            if not unseen.has_key(key)
        }
        n = len(self.members)
        turns = [(self._last_target + 1 + i) % n for i in range(n)]
        free = (i for i in turns if self.members[i].key not in busy)
        self._last_target = next(free, turns[0])
        return self.members[self._last_target]

    def _trial_vectors(self, target: Member, n: int) -> list[TrialVector]:
        """n children of one target."""
        F, CR = self.history.draw(n, self.rng)
        families = [(target, *self._others(target)) for _ in range(n)]
        x, p, a, b = np.array([[m.point for m in f] for f in families]).swapaxes(0, 1)
        x = filled(x, p, self.rng)
        v = self._mutants(x, p, a, b, F[:, None])
        crossed = self.rng.random(x.shape) < CR[:, None]
        crossed[np.arange(n), self.rng.integers(x.shape[1], size=n)] = True
        points = self.space.snap(np.where(crossed, v, x))
        return [
            TrialVector(point, "current-to-pbest", family, F=F[i], CR=CR[i])
            for i, (point, family) in enumerate(zip(points, families, strict=True))
        ]

    def _others(self, target: Member) -> tuple[Member, Member, Member]:
        """(p, a, b)"""
        n_best = max(2, round(_BEST_SHARE * len(self.members)))
        p = self.best_first()[self.rng.integers(n_best)]
        others = [member for member in self.members if member is not target]
        a = others[self.rng.integers(len(others))]
        pool = [member for member in [*others, *self.archive] if member is not a]
        return p, a, pool[self.rng.integers(len(pool))]

    def _mutants(self, x: Points, p: Points, a: Points, b: Points, F: Array) -> Points:
        """(n, d) v; numbers with cells are rounded up or down by chance."""
        v = current_to_pbest(x, p, a, b, F)
        v = v + self._widths * (self.rng.random(v.shape) - 0.5)
        v = inside(v, x)
        categories = category_mutation(x, p, a, b, F, self.rng)
        return np.where(self.space.categorical, categories, v)

    # Survivors ------------------------------------------------------------------------

    def _enter(self, member: Member, child: Child | None) -> None:
        rival = self._rival(child)
        if rival is None:
            self.members.append(member)
        elif member.score >= rival.score:  # ties: a plateau must not hold it fast
            self._replace(rival, member, child)
        self._shrink()

    def _rival(self, child: Child | None) -> Member | None:
        """Whose place a newcomer takes if it is not worse; None = there is room."""
        if isinstance(child, TrialVector):
            target = child.parents[0]
            if target in self.members:
                return target
        if len(self.members) < self.current_size:
            return None
        return self.best_first()[-1]

    def _replace(self, rival: Member, member: Member, child: Child | None) -> None:
        self.members[self.members.index(rival)] = member
        if member.score > rival.score:
            self.archive.append(rival)
            if isinstance(child, TrialVector):
                gain = 0.25 * member.score - 0.25 * rival.score  # never overflows
                self.history.add(child.F, child.CR, gain)

    @property
    def current_size(self) -> int:
        """Members now: from population_size linearly down to 5."""
        return linear_size(self.population_size, self._n_spent, self.n_iter)

    def _shrink(self) -> None:
        size = self.current_size
        if len(self.members) > size:
            survivors = self.best_first()[:size]
            self.members = [member for member in self.members if member in survivors]
        while len(self.archive) > size:
            del self.archive[self.rng.integers(len(self.archive))]

    def _end_generation(self) -> None:
        self.history.update()


def automatic_size(space: Space, n_iter: int | None) -> int:
    """2 d, 10 at least; a sixth of the budget at most."""
    size = max(2 * space.n_dims, 10)
    return size if n_iter is None else max(min(size, n_iter // 6), _MIN_SIZE)


def linear_size(start: int, n_told: int, n_iter: int | None) -> int:
    """Linear population size reduction, Tanabe, Fukunaga (2014), eq. (10)."""
    end = min(start, _MIN_SIZE)
    if n_iter is None:
        return start
    progress = min(n_told / max(n_iter, 1), 1.0)
    return round(start + (end - start) * progress)


def lehmer_mean(values: Array, weights: Array) -> float:
    """Weighted Lehmer mean, Tanabe, Fukunaga (2014): pulled to the large values."""
    total = float(np.sum(weights * values))
    return float(np.sum(weights * values**2)) / total if total > 0 else 0.0


def current_to_pbest(x: Points, p: Points, a: Points, b: Points, F: Array) -> Points:
    """(n, d) v = x + F (p - x) + F (a - b); an inactive column makes no difference."""
    return x + F * np.nan_to_num(p - x) + F * np.nan_to_num(a - b)


def inside(v: Points, x: Points) -> Points:
    """Back into the cube: half-way between x and the face that was crossed."""
    v = np.where(v < 0.0, 0.5 * x, v)
    return np.where(v > 1.0, 0.5 * (x + 1.0), v)


def category_mutation(
    x: Points,
    p: Points,
    a: Points,
    b: Points,
    F: Array,
    rng: np.random.Generator,
) -> Points:
    """(n, d) p's category with probability F, then a's where a and b disagree.

    Where all four agree the category may be drawn anew; the result is to be snapped.
    """
    v = np.where((rng.random(x.shape) < F) & ~np.isnan(p), p, x)
    follows = (rng.random(x.shape) < F) & (a != b) & ~np.isnan(a)
    is_agreed = (x == p) & (p == a) & (a == b)
    is_redrawn = is_agreed & (rng.random(x.shape) < _REDRAWN)
    return np.where(is_redrawn, rng.random(x.shape), np.where(follows, a, v))
