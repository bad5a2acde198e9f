"""What a Gaussian process learns from: everything that was told, as arrays."""

from collections.abc import Sequence

import numpy as np

from skhpo._types import Result
from skhpo.space import Space
from skhpo.surrogates import tied_share


class Observations:
    """Grows by results; gives points, encoded points, scores and noise variances."""

    def __init__(self, space: Space):
        self.space = space
        self.points = np.empty((0, space.n_dims))
        self.encoded = np.empty((0, space.n_dims))
        self.scores = np.empty(0)
        self.noise = np.empty(0)
        self._n_at_best = 0  # results told up to the last improvement

    def __len__(self) -> int:
        return len(self.scores)

    def add(self, results: Sequence[Result]) -> None:
        """Append results; an infinite score is a failed one."""
        if not len(results):
            return
        points = np.array([result.proposal.point for result in results], dtype=float)
        scores = np.array([result.score for result in results], dtype=float)
        noise = np.array([result.noise for result in results], dtype=float)
        best = self.best_score
        self.points = np.vstack([self.points, points])
        self.encoded = np.vstack([self.encoded, self.space.encode(points)])
        self.scores = np.append(
            self.scores, np.where(np.isfinite(scores), scores, np.nan)
        )
        self.noise = np.append(self.noise, noise)
        if self.best_score > best:
            self._n_at_best = len(self)

    @property
    def best_score(self) -> float:
        return float(
            np.max(self.scores, where=np.isfinite(self.scores), initial=-np.inf)
        )

    @property
    def n_since_improvement(self) -> int:
        return len(self) - self._n_at_best

    @property
    def tied_share(self) -> float:
        """Share of the scores that are one and the same number."""
        return tied_share(self.scores)

    def best(self, k: int) -> np.ndarray:
        """(<= k, d) the points with the best scores, the best first."""
        order = np.argsort(-self.scores, kind="stable")  # nan last
        finite = order[np.isfinite(self.scores[order])]
        return self.points[finite[:k]]
