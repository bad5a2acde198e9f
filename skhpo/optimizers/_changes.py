"""What the parts of a training improved: scores told, as differences per unit."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Result
from skhpo.optimizers._base import Points
from skhpo.space import Space

Array = NDArray[np.float64]

_NEWEST = 200  # differences that are kept: older ones have decayed anyway


class Changes:
    """How much each part of a training improved the score, as arrays.

    A member that goes on has the same proposal at several resources: what its models
    were worth before is found by the proposal and the units.
    """

    def __init__(self, space: Space):
        self.space = space
        self._scores: dict[int, dict[int, float]] = {}  # proposal id: {resource: y}
        self._newest: dict[bytes, float] = {}  # key of a setting: its last score
        self._rows: list[tuple[Points, int, float, float]] = []  # x, r, y', change
        self.last_resource = 0

    @property
    def n_finite(self) -> int:
        """Differences that are known."""
        return int(np.isfinite(self.changes).sum())

    @property
    def points(self) -> Points:
        """(n, d) settings of the parts"""
        points = np.array([row[0] for row in self._rows])
        return points.reshape(-1, self.space.n_dims)

    @property
    def resources(self) -> Array:
        """(n,) r"""
        return np.array([row[1] for row in self._rows], dtype=float)

    @property
    def before(self) -> Array:
        """(n,) y'"""
        return np.array([row[2] for row in self._rows])

    @property
    def changes(self) -> Array:
        """(n,) improvement per unit; nan = the training failed"""
        return np.array([row[3] for row in self._rows])

    @property
    def scores(self) -> Array:
        """All finite scores told."""
        told = [list(by_resource.values()) for by_resource in self._scores.values()]
        scores = np.array(list(chain.from_iterable(told)))
        return scores[np.isfinite(scores)]

    def score_at(self, point: Points, otherwise: float | None = None) -> float:
        """The last score of the models trained with a setting; or the best one."""
        if otherwise is None:
            otherwise = float(self.scores.max())
        return self._newest.get(self.space.key(point), otherwise)

    def add(self, results: Sequence[Result]) -> None:
        """Take note of the scores, and of what came before them."""
        for result in results:
            if result.resource is not None:
                self._add(result, float(result.score))

    def _add(self, result: Result, score: float) -> None:
        score = score if np.isfinite(score) else np.nan
        start = self._start(result)
        by_resource = self._scores.setdefault(result.proposal.id, {})
        by_resource[result.resource] = score
        self.last_resource = max(self.last_resource, result.resource)
        if np.isfinite(score):
            self._newest[self.space.key(result.proposal.point)] = score
        if start is not None:
            units, before = start
            change = _difference(score, before) / (result.resource - units)
            row = result.proposal.point, result.resource, before, change
            self._rows = [*self._rows[-_NEWEST + 1 :], row]

    def _start(self, result: Result) -> tuple[int, float] | None:
        """Units and score of the models that were continued; None = unknown."""
        if result.parent is None:
            return None
        known = self._scores.get(result.parent.id, {})
        earlier = [units for units in known if units < result.resource]
        if not earlier or not np.isfinite(known[max(earlier)]):
            return None
        return max(earlier), known[max(earlier)]


def _difference(score: float, before: float) -> float:
    with np.errstate(over="ignore"):
        change = np.subtract(score, before)
    return float(change) if np.isfinite(change) else np.nan
