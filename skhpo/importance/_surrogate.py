"""The surrogate behind the figures: a Gaussian process, or a forest for many rows."""

from dataclasses import dataclass

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from skhpo._words import count
from skhpo.importance._rows import Rows
from skhpo.space import Space
from skhpo.surrogates import (
    Forest,
    GaussianProcess,
    ScoreTransform,
    fit_forest,
    fit_gaussian_process,
    fit_score_transform,
)
from skhpo.surrogates._validation import (
    average,
    bootstrap_alphas,
    covariances,
    leave_one_out_refitted,
    r2_left_out,
)

Array = NDArray[np.float64]

METHODS, REGIONS = ("auto", "gp", "forest"), ("all", "top")
LEAST_ROWS = 5
_MOST_ROWS_OF_GP = 300
_WARP_FROM = 10  # as the search itself
_N_TREES, _FEWER_TREES = 100, 20  # the fewer where a forest is one of many
_N_PARTS = 10  # of the rows, left out one after the other


@dataclass(frozen=True, eq=False)
class ProcessSurrogate:
    """A Gaussian process, and what it would be on bootstrap samples of its rows."""

    space: Space
    transform: ScoreTransform
    process: GaussianProcess
    alphas: Array  # (n, 1 + n_boot), the first is the process's own
    score: float  # R2 on rows that neither it nor its hyperparameters have seen
    method = "gp"

    def __call__(self, points: Array) -> Array:
        """(m, 1 + n_boot) means."""
        return covariances(self.process, self.space.encode(points)) @ self.alphas

    def predict(self, points: Array) -> tuple[Array, Array]:
        """(m,) means and standard deviations of the noise-free target."""
        mean, variance = self.process.predict(self.space.encode(points))
        return mean, np.sqrt(variance)

    def average(self, points: Array) -> tuple[float, float]:
        """Mean and standard deviation of the average over (m, d) points."""
        return average(self.process, self.space.encode(points))


@dataclass(frozen=True, eq=False)
class ForestSurrogate:
    """A forest, smaller ones on bootstrap samples, and its cross-validated R2."""

    transform: ScoreTransform
    forest: Forest
    replicates: tuple[Forest, ...]
    score: float
    method = "forest"

    def __call__(self, points: Array) -> Array:
        """(m, 1 + n_boot) means."""
        forests = (self.forest, *self.replicates)
        return np.column_stack([forest.predict(points)[0] for forest in forests])

    def predict(self, points: Array) -> tuple[Array, Array]:
        """(m,) means and standard deviations."""
        mean, variance = self.forest.predict(points)
        return mean, np.sqrt(variance)

    def average(self, points: Array) -> tuple[float, float]:
        """Mean and standard deviation, from tree to tree, of the average over points.

        That targets scatter within a leaf is no doubt about their mean.
        """
        means = self.forest.tree_means(points).mean(axis=1)
        return float(means.mean()), float(means.std())


def fit_surrogate(
    rows: Rows, *, method: str, region: str, n_boot: int, rng: np.random.Generator
) -> ProcessSurrogate | ForestSurrogate | str:
    """A surrogate for the scores; or why there is none.

    The score comes first, so that it does not depend on ``n_boot``.

    ``region="top"``: scores below the median are taken for the median.
    """
    if rows.n_known < LEAST_ROWS:
        found = count(rows.n_known, "distinct setting")
        return f"{found} with a score, at least {LEAST_ROWS} needed"
    scores = rows.scores if region == "all" else _clipped(rows.scores)
    transform = fit_score_transform(scores)
    if transform is None:
        return "all scores are equal"
    targets = transform(scores)
    if method == "auto":
        method = "gp" if len(targets) <= _MOST_ROWS_OF_GP else "forest"
    if method == "forest":
        return _forest(rows, targets, transform, n_boot, rng)
    try:
        return _process(rows, targets, transform, n_boot, rng)
    except LinAlgError:
        return "no Gaussian process could be fitted"


def _clipped(scores: Array) -> Array:
    """Scores not below the median; what failed is one of those."""
    median = np.median(scores[np.isfinite(scores)])
    return np.where(scores > median, scores, median)


def _process(rows: Rows, targets, transform, n_boot: int, rng) -> ProcessSurrogate:
    space, warp = rows.space, len(targets) >= _WARP_FROM
    X = space.encode(rows.points)
    process = fit_gaussian_process(X, targets, space.categorical, warp=warp)
    predicted = leave_one_out_refitted(
        process, X, space.categorical, n_parts=_N_PARTS, warp=warp, rng=rng
    )
    alphas = [process.alpha, *bootstrap_alphas(process, n_boot, rng)]
    return ProcessSurrogate(
        space,
        transform,
        process,
        np.column_stack(alphas),
        r2_left_out(targets, predicted),
    )


def _forest(rows: Rows, targets, transform, n_boot: int, rng) -> ForestSurrogate:
    space, points = rows.space, rows.points

    def grow(rows, n_trees):
        return fit_forest(
            points[rows], targets[rows], space.categorical, n_trees=n_trees, rng=rng
        )

    n = len(targets)
    score = _cross_validated_r2(points, targets, grow, rng)
    forest = grow(np.arange(n), _N_TREES)
    replicates = (grow(rng.integers(n, size=n), _FEWER_TREES) for _ in range(n_boot))
    return ForestSurrogate(transform, forest, tuple(replicates), score)


def _cross_validated_r2(points: Array, targets: Array, grow, rng) -> float:
    """R2 of forests that have not seen a tenth of the rows each."""
    n = len(targets)
    part = rng.permutation(n) % _N_PARTS
    predicted = np.empty(n)
    for number in np.unique(part):
        forest = grow(np.flatnonzero(part != number), _FEWER_TREES)
        predicted[part == number] = forest.predict(points[part == number])[0]
    return r2_left_out(targets, predicted)
