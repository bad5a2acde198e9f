"""What every optimizer here shares: numbering, and never proposing a point twice."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Proposal, Result
from skhpo.space import Space

Points = NDArray[np.float64]

_NEAR_SCALE = 0.2  # step of "explore round this point", in unit-cube widths
_NEAR_ATTEMPTS = 50


class Unseen:
    """The points of a space that were neither told nor are in flight.

    A view for the length of one ``ask``: ``told`` is shared, what is in flight is
    added to.
    """

    def __init__(self, space: Space, told: Set[bytes], pending: Sequence[Proposal]):
        self.space = space
        self.in_flight: list[Points] = []
        self._told = told
        self._taken: set[bytes] = set()
        for proposal in pending:
            self.take(proposal.point)

    def __contains__(self, point: Points) -> bool:
        return self.has_key(self.space.key(point))

    def has_key(self, key: bytes) -> bool:
        """Whether the point with this key is unseen."""
        return key not in self._told and key not in self._taken

    def take(self, point: Points) -> None:
        """The point is now in flight."""
        self.in_flight.append(point)
        self._taken.add(self.space.key(point))


class BaseOptimizer(ABC):
    """Ask and tell round one method: :meth:`_suggest` the next unseen point.

    Parameters
    ----------
    space : Space
        Where the points lie.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    The state is arrays, sets and a Generator, so an optimizer can be pickled at any
    time and continues exactly. Implementers must not remember what is pending: it is
    handed over at each call.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import BaseOptimizer
    >>> from skhpo.space import Space
    >>> class Corners(BaseOptimizer):
    ...     def _suggest(self, unseen):
    ...         corners = self.rng.integers(0, 2, (50, self.space.n_dims))
    ...         points = self.space.snap(corners.astype(float))
    ...         point = next((p for p in points if p in unseen), None)
    ...         return None if point is None else self._proposal(point)
    >>> space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    >>> proposals = Corners(space, rng=np.random.default_rng(0)).ask(10)
    >>> sorted(tuple(proposal.point.tolist()) for proposal in proposals)
    [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
    """

    def __init__(self, space: Space, *, rng: np.random.Generator):
        self.space = space
        self.rng = rng
        self._told: set[bytes] = set()
        self._n_proposed = 0

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: Points | None = None,
        resource: int | None = None,
    ) -> list[Proposal]:
        """At most ``n`` unseen points; fewer when there are no more to be had.

        Parameters
        ----------
        n : int
            How many.
        pending : sequence of Proposal
            What was proposed and not told yet.
        near : (d,) array, default=None
            Explore round this point instead.
        resource : int, default=None
            Ignored: these optimizers propose for any resource.
        """
        unseen = Unseen(self.space, self._told, pending)
        proposals: list[Proposal] = []
        while len(proposals) < n:
            if near is None:
                proposal = self._suggest(unseen)
            else:
                proposal = self._suggest_near(near, unseen)
            if proposal is None:
                break
            unseen.take(proposal.point)
            proposals.append(proposal)
        return proposals

    def tell(self, results: Sequence[Result]) -> None:
        """Remember that these points were evaluated, whatever came of it."""
        self._told.update(self.space.key(result.proposal.point) for result in results)

    @abstractmethod
    def _suggest(self, unseen: Unseen) -> Proposal | None:
        """The next proposal, a point of ``unseen``; None = there is none."""

    def _suggest_near(self, near: Points, unseen: Unseen) -> Proposal | None:
        crowd = np.repeat(near[None, :], _NEAR_ATTEMPTS, axis=0)
        for point in self.space.perturb(crowd, _NEAR_SCALE, self.rng):
            if point in unseen and self.space.is_feasible(point):
                return self._proposal(point)
        return self._suggest(unseen)

    def _proposal(
        self,
        point: Points,
        *,
        params: Mapping[str, Any] | None = None,
        origin: str = "ask",
    ) -> Proposal:
        """Number the point."""
        proposal = Proposal(self._n_proposed, point, params, {"origin": origin})
        self._n_proposed += 1
        return proposal
