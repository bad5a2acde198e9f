"""What optimizers with a model share: a design first, then the best of what it says.

While nothing gets better, a point of the space-filling design comes in between now and
then: a model that has settled into a local basin never notices what it does not look
at.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.linalg import LinAlgError

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import BaseOptimizer, Points, Unseen
from skhpo.optimizers._cost import CostModel, per_cost
from skhpo.optimizers._design import SobolDesign
from skhpo.optimizers._maximiser import (
    FULL,
    Acquisition,
    Effort,
    maximise,
    maximise_exactly,
)
from skhpo.optimizers._observations import Observations
from skhpo.optimizers._prior_cost import CheapStart, CostOf, PriorCost
from skhpo.space import Space

_N_BEST = 5  # observed points whose surroundings are searched
_STUCK_AFTER = 8  # results without an improvement, or d where that is more
_EXPLORE_EVERY = 8  # proposals while stuck
_SMALL_SPACE = 2000  # points, or 4 times those told: searched exactly


class ModelBasedOptimizer(BaseOptimizer):
    """Maximises over the space what a model of the scores promises.

    A subclass says what that is: :meth:`_acquisition`.

    Parameters
    ----------
    space : Space
        Where the points lie.
    n_initial : int
        Points told or in flight before the model is used; up to there scrambled Sobol
        points are proposed.
    budget_used : callable, default=None
        Returns the share of the budget that is used up, in [0, 1]. With it, cheap
        points are preferred early, as far as costs are told.
    prior_cost : callable, default=None
        Params -> a guess at their cost, nan = unknown. With it, the points that come
        before the model are cheap ones.
    rng : numpy.random.Generator
        The only source of randomness.
    """

    def __init__(
        self,
        space: Space,
        *,
        n_initial: int,
        budget_used: Callable[[], float] | None = None,
        prior_cost: CostOf | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(space, rng=rng)
        self.n_initial = n_initial
        self.budget_used = budget_used
        guess = PriorCost(space, prior_cost)
        self._cost = CostModel(space, guess)
        self._design = SobolDesign(space, rng=rng)
        self._start = CheapStart(guess, partial(SobolDesign, space, rng=rng))
        self._observations = Observations(space)
        self._n_asked_while_stuck = 0
        self._grid: tuple[Points, list[bytes]] | None = None

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from results; failed ones (nan, infinite) count as bad points."""
        super().tell(results)
        self._observations.add(results)

    @abstractmethod
    def _acquisition(self, unseen: Unseen) -> Acquisition | None:
        """What to maximise, given what is in flight; None = there is no model now."""

    def _per_cost(self, log_gain: Acquisition) -> Acquisition:
        """The logarithm of a gain, less that of what it costs, as far as it is known.

        Less and less so, as the budget is used up.
        """
        if self.budget_used is None:
            return log_gain
        log_cost = self._cost.log_cost(self._observations)
        if log_cost is None:
            return log_gain
        encode = self.space.encode
        return per_cost(log_gain, lambda X: log_cost(encode(X)), self.budget_used())

    @property
    def _effort(self) -> Effort:
        """How many points are looked at."""
        return FULL

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        n_missing = self.n_initial - len(self._observations) - len(unseen.in_flight)
        if n_missing > 0:
            return self._initial(n_missing, unseen)
        if self._explores():
            return self._from_design(unseen, "ask")
        point = self._most_promising(unseen)
        if point is None:
            return self._from_design(unseen, "ask")
        return self._proposal(point)

    def _initial(self, n_missing: int, unseen: Unseen) -> Proposal | None:
        point = self._start.next_point(n_missing, unseen)
        if point is None:
            return self._from_design(unseen, "initial")
        return self._proposal(point, origin="initial")

    def _from_design(self, unseen: Unseen, origin: str) -> Proposal | None:
        point = self._design.next_point(unseen)
        return None if point is None else self._proposal(point, origin=origin)

    def _explores(self) -> bool:
        """Whether this proposal ignores the model, as some do while it is stuck."""
        n_idle = self._observations.n_since_improvement
        if n_idle < max(_STUCK_AFTER, self.space.n_dims):
            return False
        self._n_asked_while_stuck += 1
        return self._n_asked_while_stuck % _EXPLORE_EVERY == 0

    def _most_promising(self, unseen: Unseen) -> Points | None:
        """The point of largest acquisition; None = the model is of no use now."""
        try:
            acquisition = self._acquisition(unseen)
            if acquisition is None:
                return None
            if self._is_small():
                return maximise_exactly(acquisition, self._unseen_grid(unseen))
            cloud = self.rng.random((self._effort.n_cloud, self.space.n_dims))
            return maximise(
                self.space,
                acquisition,
                cloud=self.space.snap(cloud),
                observed=self._observations.best(_N_BEST),
                unseen=unseen,
                effort=self._effort,
                rng=self.rng,
            )
        except (LinAlgError, FloatingPointError):
            return None

    def _is_small(self) -> bool:
        limit = max(_SMALL_SPACE, 4 * len(self._observations))
        return self.space.size is not None and self.space.size <= limit

    def _unseen_grid(self, unseen: Unseen) -> Points:
        """(k, d) the unseen points of a small space: all, or what effort allows."""
        if self._grid is None:
            points = np.array(list(self.space.grid()))
            self._grid = points, [self.space.key(point) for point in points]
        points, keys = self._grid
        points = points[[unseen.has_key(key) for key in keys]]
        if len(points) > self._effort.n_exact:
            return self.rng.choice(points, self._effort.n_exact, replace=False)
        return points
