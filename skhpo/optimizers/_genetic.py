"""A genetic algorithm: tournaments, crossover, mutation, and the best survive.

Notation
--------
======== ======= =======================================================================
symbol   shape   meaning
======== ======= =======================================================================
mu       ()      members that survive, of parents and children together: (mu + lambda)
step     ()      a member's own standard deviation of mutations, inherited and varied
tau      ()      how much it varies: log step changes by tau N(0, 1)
======== ======= =======================================================================

A step that makes good children survives in them [1]_: nobody has to choose one.

References
----------
.. [1] Beyer, Schwefel (2002), Evolution strategies: a comprehensive introduction,
   Natural Computing 1.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._population import (
    Child,
    EvolutionaryOptimizer,
    Member,
    filled,
)
from skhpo.optimizers._prior_cost import CostOf
from skhpo.space import Space

_FIRST_STEP, _MIN_STEP, _MAX_STEP = 0.25, 0.02, 0.5
_SMALLEST, _LARGEST = 8, 40  # mu
_SIZE_WITHOUT_LIMIT = 20
_COLUMNS_MUTATED = 1.5


class GeneticAlgorithm(EvolutionaryOptimizer):
    """The classic: parents by tournament, uniform crossover, self-adapted mutation.

    A (mu + lambda) genetic algorithm, asynchronous: each result competes at once.
    Prefer :class:`DifferentialEvolution`, which needs fewer evaluations on most spaces.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    n_iter : int or None
        How many results there will be; None = unknown.
    population_size : int or "auto", default="auto"
        Members. More explore, fewer exploit. "auto": 1.6 times the root of ``n_iter``,
        between 8 and 40.
    tournament_size : int, default=3
        A parent is the best of so many random members. More exploit, fewer explore.
    crossover_rate : float, default=0.5
        Share of the children that have two parents; the others are mutants of one.
    mutation_rate : float or "auto", default="auto"
        Probability of each column to mutate; one always does. "auto": 1.5 columns on
        average.
    surrogate : "auto" or None, default=None
        "auto": kernel ridge regression picks the most promising of several children.
    prior_cost : callable, default=None
        Params -> a guess at their cost, nan = unknown. With it, the start is cheap, and
        so are the children that the surrogate prefers.
    rng : numpy.random.Generator
        The only source of randomness.

    References
    ----------
    .. [1] Beyer, Schwefel (2002), Evolution strategies: a comprehensive introduction,
       Natural Computing 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo._types import Result
    >>> from skhpo.optimizers import GeneticAlgorithm
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0), "kind": ["a", "b"]})
    >>> rng = np.random.default_rng(0)
    >>> optimizer = GeneticAlgorithm(space, n_iter=60, rng=rng)
    >>> best = -np.inf
    >>> for _ in range(60):
    ...     (proposal,) = optimizer.ask(1)
    ...     params = space.to_params(proposal.point)
    ...     score = -((params["x"] - 0.3) ** 2) - (params["kind"] == "b")
    ...     optimizer.tell([Result(proposal, score)])
    ...     best = max(best, score)
    >>> best > -1e-2
    True
    """

    name = "ga"

    def __init__(
        self,
        space: Space,
        *,
        n_iter: int | None,
        population_size: int | str = "auto",
        tournament_size: int = 3,
        crossover_rate: float = 0.5,
        mutation_rate: float | str = "auto",
        surrogate: str | None = None,
        prior_cost: CostOf | None = None,
        rng: np.random.Generator,
    ):
        if population_size == "auto":
            population_size = automatic_size(n_iter)
        if mutation_rate == "auto":
            mutation_rate = min(_COLUMNS_MUTATED / max(space.n_dims, 1), 1.0)
        super().__init__(
            space,
            n_iter=n_iter,
            population_size=population_size,
            surrogate=surrogate,
            prior_cost=prior_cost,
            rng=rng,
        )
        self.tournament_size = tournament_size
        self.crossover_rate = crossover_rate
        self.mutation_rate = mutation_rate

    def _breed(self, n: int, unseen: Unseen) -> Sequence[Child]:
        return [self._child() for _ in range(n)]

    def _child(self) -> Child:
        mother = self._winner()
        if self.rng.random() < self.crossover_rate:
            father = self._winner()
            point = self._crossed(mother.point, father.point)
            operator, parents = "crossover+mutation", (mother, father)
        else:
            point, operator, parents = mother.point, "mutation", (mother,)
        step = varied_step(
            [parent.step for parent in parents], self.space.n_dims, self.rng
        )
        (point,) = self.space.perturb(point[None], step, self.rng, p=self.mutation_rate)
        return Child(point, operator, parents, step=step)

    def _winner(self) -> Member:
        """The best of some random members."""
        drawn = self.rng.integers(len(self.members), size=self.tournament_size)
        ranked = self.best_first()
        return ranked[int(drawn.min())]

    def _crossed(self, mother: Points, father: Points) -> Points:
        """Each column from one of the parents; from the other where it has none."""
        is_mothers = self.rng.random(mother.shape) < 0.5
        first = np.where(is_mothers, mother, father)
        second = np.where(is_mothers, father, mother)
        return self.space.snap(filled(first, second, self.rng)[None])[0]

    def _enter(self, member: Member, child: Child | None) -> None:
        self.members = [member, *self.members]  # of equals, the latest survives
        self.members = self.best_first()[: self.population_size]


def automatic_size(n_iter: int | None) -> int:
    """mu: 1.6 sqrt(n_iter) within 8 to 40; half of a smaller budget."""
    if n_iter is None:
        return _SIZE_WITHOUT_LIMIT
    size = min(max(round(1.6 * sqrt(n_iter)), _SMALLEST), _LARGEST)
    return max(min(size, n_iter // 2), 4)


def varied_step(steps: Sequence[float], n_dims: int, rng: np.random.Generator) -> float:
    """A child's step: the parents' geometric mean, log-normally varied, in bounds."""
    own = [step if step == step else _FIRST_STEP for step in steps]
    tau = 1 / sqrt(2 * max(n_dims, 1))
    step = np.exp(np.mean(np.log(own)) + tau * rng.standard_normal())
    return float(np.clip(step, _MIN_STEP, _MAX_STEP))
