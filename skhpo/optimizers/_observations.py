"""What a model learns from: everything that was told, as arrays."""

from collections.abc import Sequence

import numpy as np

from skhpo._types import Result
from skhpo.space import Space


class Observations:
    """Grows by results; gives points, also encoded, scores, noise, costs, resources."""

    def __init__(self, space: Space):
        self.space = space
        self.points = np.empty((0, space.n_dims))
        self.encoded = np.empty((0, space.n_dims))
        self.scores = np.empty(0)
        self.noise = np.empty(0)
        self.costs = np.empty(0)  # work or seconds, nan = unknown
        self.resources = np.empty(0)  # units, nan = a plain fit

    def __len__(self) -> int:
        return len(self.scores)

    def add(self, results: Sequence[Result]) -> None:
        """Append results; an infinite score is a failed one."""
        if not len(results):
            return
        points = np.array([result.proposal.point for result in results], dtype=float)
        scores = np.array([result.score for result in results], dtype=float)
        noise = np.array([result.noise for result in results], dtype=float)
        self.points = np.vstack([self.points, points])
        self.encoded = np.vstack([self.encoded, self.space.encode(points)])
        self.scores = np.append(
            self.scores, np.where(np.isfinite(scores), scores, np.nan)
        )
        self.noise = np.append(self.noise, noise)
        self.costs = np.append(self.costs, [float(result.cost) for result in results])
        units = [np.nan if r.resource is None else r.resource for r in results]
        self.resources = np.append(self.resources, np.array(units, dtype=float))

    @property
    def best_score(self) -> float:
        return float(
            np.max(self.scores, where=np.isfinite(self.scores), initial=-np.inf)
        )

    @property
    def n_best(self) -> int:
        """How many points share the best score."""
        return int(np.sum(self.scores == self.best_score))

    @property
    def n_since_improvement(self) -> int:
        """Results since the first of those that share the best score."""
        is_best = self.scores == self.best_score
        return len(self) - 1 - int(np.argmax(is_best)) if is_best.any() else len(self)

    def best(self, k: int) -> np.ndarray:
        """(<= k, d) the points with the best scores, the best first."""
        order = np.argsort(-self.scores, kind="stable")  # nan last
        finite = order[np.isfinite(self.scores[order])]
        return self.points[finite[:k]]
