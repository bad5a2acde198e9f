"""Designs: optimizers that do not look at scores.

Random points by the space's own law, scrambled Sobol points, the full grid, points the
user gave; and :class:`Chain`, which asks designs first and a model afterwards.

References
----------
.. [1] Sobol (1967), On the distribution of points in a cube and the approximate
   evaluation of integrals.
.. [2] Owen (1998), Scrambling Sobol' and Niederreiter-Xing points.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from scipy.stats import qmc

from skhpo._types import Optimizer, Proposal, Result
from skhpo.optimizers._base import BaseOptimizer, Points, Unseen
from skhpo.space import Space

_BLOCK = 64  # points drawn at a time
_PATIENCE = 8  # blocks without a new point before a finite space is enumerated
_MAX_ENUMERATED = 200_000
_POINTS_PER_BRANCH = 2  # in turns, before Sobol's own proportions rule


class StreamDesign(BaseOptimizer):
    """Takes the unseen points from a stream drawn in blocks.

    Where the stream brings nothing new any more and the space is finite, what is left
    of the space follows in random order.
    """

    def __init__(self, space: Space, *, rng: np.random.Generator):
        super().__init__(space, rng=rng)
        self._stream: deque[Points] = deque()
        self._rest: deque[Points] | None = None

    @abstractmethod
    def _draw(self) -> Points:
        """The next (k, d) feasible points of the stream; seen ones, too; k may be 0."""

    def _is_due(self, point: Points) -> bool:
        """Whether an unseen point of the stream is wanted now."""
        return True

    def next_point(self, unseen: Unseen) -> Points | None:
        """The next unseen point; None = the space is exhausted."""
        if self._rest is not None:
            return self._next_of_rest(unseen)
        for _ in range(_PATIENCE):
            while self._stream:
                point = self._stream.popleft()
                if point in unseen and self._is_due(point):
                    return point
            self._stream.extend(self._draw())
        if self.space.size is None or self.space.size > _MAX_ENUMERATED:
            samples = self.space.sample(_BLOCK, self.rng)
            return next((point for point in samples if point in unseen), None)
        rest = [point for point in self.space.grid() if point in unseen]
        self.rng.shuffle(rest)
        self._rest = deque(rest)
        return self._next_of_rest(unseen)

    def _next_of_rest(self, unseen: Unseen) -> Points | None:
        while self._rest:
            point = self._rest.popleft()
            if point in unseen:
                return point
        return None

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        point = self.next_point(unseen)
        return None if point is None else self._proposal(point)


class RandomDesign(StreamDesign):
    """Random search: points drawn by the space's own law, none of them twice.

    Parameters
    ----------
    space : Space
        Where the points lie.
    rng : numpy.random.Generator
        The only source of randomness.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import RandomDesign
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0), "kind": ["a", "b"]})
    >>> optimizer = RandomDesign(space, rng=np.random.default_rng(0))
    >>> [proposal.id for proposal in optimizer.ask(3)]
    [0, 1, 2]
    """

    def _draw(self) -> Points:
        return self.space.sample(_BLOCK, self.rng)


class SobolDesign(StreamDesign):
    """Scrambled Sobol points: spread more evenly than random ones.

    Parameters
    ----------
    space : Space
        Where the points lie. Infeasible points are skipped. Where the space has
        branches, they take turns until each has two points.
    n_points : int, default=None
        How many points to propose; None = as many as are asked for.
    rng : numpy.random.Generator
        Scrambles the sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import SobolDesign
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0)})
    >>> optimizer = SobolDesign(space, n_points=8, rng=np.random.default_rng(0))
    >>> cells = sorted(int(8 * proposal.point[0]) for proposal in optimizer.ask(8))
    >>> cells
    [0, 1, 2, 3, 4, 5, 6, 7]
    """

    def __init__(
        self,
        space: Space,
        *,
        n_points: int | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(space, rng=rng)
        self.n_points = n_points
        self._sobol = scrambled_sobol(space.n_dims, rng)
        self._per_branch = np.zeros(space.n_branches, dtype=int)
        self._n_refused = 0

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        if self.n_points is not None and self._n_proposed >= self.n_points:
            return None
        return super()._suggest(unseen)

    def _draw(self) -> Points:
        points = self.space.snap(self._sobol.random(_BLOCK))
        return points[[self.space.is_feasible(point) for point in points]]

    def _is_due(self, point: Points) -> bool:
        """Whether it is its branch's turn: branches take turns at the start."""
        n_served = self._per_branch.min()
        impatient = self._n_refused > 32 * len(self._per_branch)  # one is exhausted
        if len(self._per_branch) == 1 or n_served >= _POINTS_PER_BRANCH or impatient:
            return True
        branch = self.space.branch_of(point)
        is_due = bool(self._per_branch[branch] == n_served)
        self._per_branch[branch] += is_due
        self._n_refused += not is_due
        return is_due


class LatinDesign(StreamDesign):
    """Latin hypercubes, one after the other: each column is covered evenly.

    Of n points one lies in each n-th of a number's range, and each of k categories
    comes n / k times, rounded up or down.

    Parameters
    ----------
    space : Space
        Where the points lie. Infeasible points are skipped.
    block : int
        Points per hypercube.
    rng : numpy.random.Generator
        The only source of randomness.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import LatinDesign
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    >>> optimizer = LatinDesign(space, block=5, rng=np.random.default_rng(0))
    >>> points = np.array([proposal.point for proposal in optimizer.ask(5)])
    >>> np.sort((5 * points).astype(int), axis=0).T.tolist()
    [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
    """

    def __init__(self, space: Space, *, block: int, rng: np.random.Generator):
        super().__init__(space, rng=rng)
        self.block = block

    def _draw(self) -> Points:
        strata = np.tile(np.arange(self.block)[:, None], self.space.n_dims)
        strata = self.rng.permuted(strata, axis=0)
        points = self.space.snap((strata + self.rng.random(strata.shape)) / self.block)
        return points[self.space.feasible(points)]


class GridDesign(BaseOptimizer):
    """Every point of a finite space, in ParameterGrid's order.

    Parameters
    ----------
    space : Space
        A finite one.
    repeats : bool, default=False
        Propose a value that the user listed twice twice, as GridSearchCV does; whoever
        evaluates knows it already.
    rng : numpy.random.Generator
        Not used; every optimizer takes one.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import GridDesign
    >>> from skhpo.space import Space
    >>> space = Space({"kernel": ["linear", "rbf"], "C": [1, 10]})
    >>> optimizer = GridDesign(space, rng=np.random.default_rng(0))
    >>> for proposal in optimizer.ask(3):
    ...     print(space.to_params(proposal.point))
    {'kernel': 'linear', 'C': 1}
    {'kernel': 'rbf', 'C': 1}
    {'kernel': 'linear', 'C': 10}
    """

    def __init__(
        self, space: Space, *, repeats: bool = False, rng: np.random.Generator
    ):
        super().__init__(space, rng=rng)
        self.repeats = repeats
        self._position = 0  # points of the grid already passed
        self._iterator = None

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        if self._iterator is None:
            points = self.space.grid(self.repeats)
            self._iterator = islice(points, self._position, None)
        for point in self._iterator:
            self._position += 1
            if self.repeats or point in unseen:
                return self._proposal(point)
        return None

    def __getstate__(self):
        return {**self.__dict__, "_iterator": None}  # generators cannot be pickled


class FixedPoints(BaseOptimizer):
    """Points given beforehand: settings of the user, the estimator's own.

    Parameters
    ----------
    space : Space
        Where the points lie.
    points : iterable of (point, params)
        In the order of proposal; ``params`` are the exact values, or None.
    origin : str, default="initial"
        Label of these points: who gave them.
    rng : numpy.random.Generator
        Not used; every optimizer takes one.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import FixedPoints
    >>> from skhpo.space import Space
    >>> space = Space({"C": (0.01, 100.0, "log-uniform")})
    >>> mine = {"C": 0.1}
    >>> points = [(space.to_point(mine), mine)]
    >>> optimizer = FixedPoints(space, points, rng=np.random.default_rng(0))
    >>> [proposal.params for proposal in optimizer.ask(3)]
    [{'C': 0.1}]
    """

    def __init__(
        self,
        space: Space,
        points: Iterable[tuple[Points, Mapping[str, Any] | None]],
        *,
        origin: str = "initial",
        rng: np.random.Generator,
    ):
        super().__init__(space, rng=rng)
        self.origin = origin
        self._queue = deque(points)

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        while self._queue:
            point, params = self._queue.popleft()
            if point in unseen:
                return self._proposal(point, params=params, origin=self.origin)
        return None


class Chain:
    """Asks designs until they are exhausted, then the optimizer named ``then``.

    Every part is told everything, and ids count through.

    Parameters
    ----------
    designs : sequence of Optimizer
        Asked in order; one that returns fewer points than asked for is exhausted.
    then : Optimizer
        Asked afterwards.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import Chain, RandomDesign, SobolDesign
    >>> from skhpo.space import Space
    >>> space, rng = Space({"x": (0.0, 1.0)}), np.random.default_rng(0)
    >>> first = SobolDesign(space, n_points=4, rng=rng)
    >>> optimizer = Chain([first], then=RandomDesign(space, rng=rng))
    >>> [proposal.id for proposal in optimizer.ask(6)]
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(self, designs: Sequence[Optimizer], *, then: Optimizer):
        self.designs = list(designs)
        self.then = then
        self._n_proposed = 0

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: Points | None = None,
        resource: int | None = None,
    ) -> list[Proposal]:
        """At most ``n`` points, from the first part that still has some."""
        parts = [*self.designs, self.then] if near is None else [self.then]
        proposals: list[Proposal] = []
        for part in parts:
            in_flight = [*pending, *proposals]
            missing = n - len(proposals)
            if missing > 0:
                more = part.ask(
                    missing, pending=in_flight, near=near, resource=resource
                )
                proposals += [self._renumbered(proposal) for proposal in more]
        return proposals

    def tell(self, results: Sequence[Result]) -> None:
        """Tell every part."""
        for part in [*self.designs, self.then]:
            part.tell(results)

    def learn_prior(self, points: Points, scores: np.ndarray) -> Any:
        """Hand an old study on to the optimizer that comes last, if it can use it."""
        learn = getattr(self.then, "learn_prior", None)
        return None if learn is None else learn(points, scores)

    def _renumbered(self, proposal: Proposal) -> Proposal:
        self._n_proposed += 1
        return replace(proposal, id=self._n_proposed - 1)


class Reserved(Chain):
    """Keeps a setting for the first ask at a resource, and asks another optimizer.

    Until then the setting counts as pending, so that it is not proposed for less.

    Parameters
    ----------
    setting : (point, params)
        What is kept.
    resource : int
        At which it is proposed.
    then : Optimizer
        Proposes everything else.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import RandomDesign, Reserved
    >>> from skhpo.space import Space
    >>> space = Space({"C": (0.01, 100.0, "log-uniform")})
    >>> others = RandomDesign(space, rng=np.random.default_rng(0))
    >>> own = space.to_point({"C": 1.0}), {"C": 1.0}
    >>> optimizer = Reserved(own, resource=81, then=others)
    >>> [proposal.params for proposal in optimizer.ask(2, resource=3)]
    [None, None]
    >>> [proposal.params for proposal in optimizer.ask(1, resource=81)]
    [{'C': 1.0}]
    """

    def __init__(
        self,
        setting: tuple[Points, Mapping[str, Any]],
        *,
        resource: int,
        then: Optimizer,
    ):
        super().__init__([], then=then)
        self.resource = resource
        self._kept = [Proposal(0, *setting, {"origin": "default"})]

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: Points | None = None,
        resource: int | None = None,
    ) -> list[Proposal]:
        """At most ``n`` points, the kept one as the first at the resource."""
        proposals: list[Proposal] = []
        if n > 0 and resource == self.resource:
            proposals, self._kept = self._kept, []
        in_flight = [*pending, *proposals, *self._kept]
        if n > len(proposals):
            proposals = proposals + self.then.ask(
                n - len(proposals), pending=in_flight, near=near, resource=resource
            )
        return [self._renumbered(proposal) for proposal in proposals]


def scrambled_sobol(n_dims: int, rng: np.random.Generator) -> qmc.Sobol:
    """scipy's sequence; its generator argument was ``seed`` before scipy 1.15."""
    try:
        return qmc.Sobol(n_dims, scramble=True, rng=rng)
    except TypeError:
        return qmc.Sobol(n_dims, scramble=True, seed=rng)


def initial_design_size(space: Space, n_iter: int) -> int:
    """How many points come before the model.

    One more than there are dimensions, between 6 and 10, and a quarter of all at most.

    Parameters
    ----------
    space : Space
        What is searched.
    n_iter : int
        Candidates in all.

    Returns
    -------
    n : int
        Points of the initial design.

    Examples
    --------
    >>> from skhpo.optimizers import initial_design_size
    >>> from skhpo.space import Space
    >>> space = Space({name: (0.0, 1.0) for name in "abcdefgh"})
    >>> initial_design_size(space, n_iter=100), initial_design_size(space, n_iter=20)
    (9, 5)
    """
    return min(max(6, min(space.n_dims + 1, 10)), max(1, n_iter // 4))
