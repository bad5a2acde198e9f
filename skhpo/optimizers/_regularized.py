"""Regularized evolution: who is oldest dies, however good.

A good score that was luck is forgotten with its member, and only a setting that is good
again and again, in its children, survives [1]_.

References
----------
.. [1] Real, Aggarwal, Huang, Le (2019), Regularized evolution for image classifier
   architecture search, AAAI, arXiv:1802.01548.
"""

from collections.abc import Sequence

import numpy as np

from skhpo.optimizers._base import Unseen
from skhpo.optimizers._population import Child, EvolutionaryOptimizer, Member
from skhpo.optimizers._prior_cost import CostOf
from skhpo.space import Space

_SMALLEST, _LARGEST = 8, 100
_SIZE_WITHOUT_LIMIT = 20
_STEP = 0.2


class RegularizedEvolution(EvolutionaryOptimizer):
    """Aging evolution: mutants of the best of a sample; the oldest member dies.

    Made for spaces of categories, where one changed value is a step.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    n_iter : int or None
        How many results there will be; None = unknown.
    population_size : int or "auto", default="auto"
        Members. More explore, fewer exploit. "auto": a fifth of ``n_iter``, between 8
        and 100.
    tournament_size : int or "auto", default="auto"
        A parent is the best of so many random members. "auto": a quarter of them.
    prior_cost : callable, default=None
        Params -> a guess at their cost, nan = unknown. With it, the start is cheap.
    rng : numpy.random.Generator
        The only source of randomness.

    References
    ----------
    .. [1] Real, Aggarwal, Huang, Le (2019), Regularized evolution for image classifier
       architecture search, AAAI, arXiv:1802.01548.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo._types import Result
    >>> from skhpo.optimizers import RegularizedEvolution
    >>> from skhpo.space import Space
    >>> space = Space({name: list("abcdefgh") for name in ("u", "v", "w")})
    >>> rng = np.random.default_rng(0)
    >>> optimizer = RegularizedEvolution(space, n_iter=100, rng=rng)
    >>> best = 0
    >>> for _ in range(100):
    ...     (proposal,) = optimizer.ask(1)
    ...     score = sum(v == "c" for v in space.to_params(proposal.point).values())
    ...     optimizer.tell([Result(proposal, score)])
    ...     best = max(best, score)
    >>> best
    3
    """

    name = "regularized"

    def __init__(
        self,
        space: Space,
        *,
        n_iter: int | None,
        population_size: int | str = "auto",
        tournament_size: int | str = "auto",
        prior_cost: CostOf | None = None,
        rng: np.random.Generator,
    ):
        if population_size == "auto":
            population_size = automatic_size(n_iter)
        if tournament_size == "auto":
            tournament_size = max(2, round(population_size / 4))
        super().__init__(
            space,
            n_iter=n_iter,
            population_size=population_size,
            prior_cost=prior_cost,
            rng=rng,
        )
        self.tournament_size = tournament_size

    def _breed(self, n: int, unseen: Unseen) -> Sequence[Child]:
        parent = self._winner()
        crowd = np.repeat(parent.point[None], n, axis=0)
        one_column = self.space.perturb(crowd, _STEP, self.rng, p=0.0)
        return [Child(point, "mutation", (parent,)) for point in one_column]

    def _winner(self) -> Member:
        """The best of a sample, which is drawn without replacement."""
        n = min(self.tournament_size, len(self.members))
        ranked = self.best_first()
        return ranked[int(self.rng.choice(len(ranked), size=n, replace=False).min())]

    def _enter(self, member: Member, child: Child | None) -> None:
        self.members = [*self.members, member][-self.population_size :]

    def _needs_restart(self) -> bool:
        return False  # age does away with what is too successful


def automatic_size(n_iter: int | None) -> int:
    """P: a fifth of the budget."""
    if n_iter is None:
        return _SIZE_WITHOUT_LIMIT
    return max(min(max(n_iter // 5, _SMALLEST), _LARGEST, n_iter), 4)
