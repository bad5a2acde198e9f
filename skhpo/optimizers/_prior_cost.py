"""What points cost, as far as it is known before anything is evaluated."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._design import SobolDesign, StreamDesign
from skhpo.space import Space

_N_PROBES = 64
_LEAST_FACTOR = 5.0  # that the costs of 90 % of the points span, or they do not count

CostOf = Callable[[Mapping[str, Any]], float]


class PriorCost:
    """A guess at the costs of points, which is good for their order.

    Parameters
    ----------
    space : Space
        Where the points lie.
    cost_of : callable or None
        Params -> cost, nan = unknown; None = nothing is known.
    """

    def __init__(self, space: Space, cost_of: CostOf | None):
        self.space = space
        self.cost_of = cost_of

    def log_costs(self, points: Iterable[Points]) -> NDArray[np.float64]:
        """(n,) logarithms of the costs; nan = unknown."""
        to_params = self.space.to_params
        return np.log([self.cost_of(to_params(point)) for point in points])

    @cached_property
    def probes(self) -> NDArray[np.float64]:
        """(k, d) points all over the space, the same ones at each call."""
        design = SobolDesign(self.space, rng=np.random.default_rng(0))
        return np.array([proposal.point for proposal in design.ask(_N_PROBES)])

    @cached_property
    def log_costs_of_probes(self) -> NDArray[np.float64]:
        """(k,) what the probes cost; nan = unknown."""
        return self.log_costs(self.probes)

    @cached_property
    def counts(self) -> bool:
        """Whether all points have a cost, and these differ enough."""
        if self.cost_of is None:
            return False
        low, high = np.quantile(self.log_costs_of_probes, [0.05, 0.95])
        return bool(high - low >= np.log(_LEAST_FACTOR))  # nan is not

    def cheapest(self, points: Sequence[Points], one_in: int) -> list[Points]:
        """One in so many of the points of each branch, the cheapest first."""
        costs = self.log_costs(points)
        branches = np.array([self.space.branch_of(point) for point in points])
        kept = []
        for branch in np.unique(branches):
            rows = np.flatnonzero(branches == branch)
            cheapest = rows[np.argsort(costs[rows], kind="stable")]
            kept += cheapest[: -(-len(rows) // one_in)].tolist()
        return [points[i] for i in sorted(kept, key=lambda i: (costs[i], i))]


class CheapStart:
    """The first points of a search, the cheapest first.

    Where nothing is known of costs, or they hardly differ, there are no such points.

    Parameters
    ----------
    prior : PriorCost
        What is known.
    design : callable
        Makes the design that the points come from.
    one_in : int, default=1
        So many times as many points are drawn, and the cheapest of them are taken.
    """

    def __init__(
        self, prior: PriorCost, design: Callable[[], StreamDesign], one_in: int = 1
    ):
        self.prior = prior
        self.design = design
        self.one_in = one_in
        self._queue: deque[Points] | None = None

    def next_point(self, n: int, unseen: Unseen) -> Points | None:
        """The next of the unseen ones of n points; None = there is no other."""
        if self._queue is None:
            self._queue = deque(self._chosen(n, unseen))
        while self._queue:
            point = self._queue.popleft()
            if point in unseen:
                return point
        return None

    def _chosen(self, n: int, unseen: Unseen) -> list[Points]:
        if not self.prior.counts:
            return []
        design = self.design()
        drawn = (design.next_point(unseen) for _ in range(self.one_in * n))
        points = [point for point in drawn if point is not None]
        return self.prior.cheapest(points, self.one_in)
