"""How far apart points are: |u - v|, averaged over the columns of the unit cube.

Categories are equal (0) or not (1); a column that is active in one of two points only
makes 1, and one that is active in neither 0.
"""

import numpy as np
from numpy.typing import NDArray

from skhpo.space._space import Space

Points = NDArray[np.float64]


def mean_distances(
    point: Points, others: Points, is_categorical: NDArray[np.bool_]
) -> Points:
    """(n,) distances averaged over the columns, each in [0, 1]."""
    gap = np.abs(others - point)
    gap = np.where(is_categorical, gap > 0, gap)
    one_is_inactive = np.isnan(others) != np.isnan(point)
    gap = np.where(one_is_inactive, 1.0, np.where(np.isnan(others), 0.0, gap))
    return gap.mean(axis=1)


def mean_pairwise_distance(space: Space, points: Points) -> float:
    """Mean distance of two of the points (n, d); nan for fewer than two.

    Column by column, so that thousands of points need no n x n matrix.
    """
    n = len(points)
    if n < 2 or not space.n_dims:
        return np.nan
    total = 0.0
    for j in range(space.n_dims):
        active = points[~np.isnan(points[:, j]), j]
        gaps = _differing if space.categorical[j] else _sum_of_gaps
        total += gaps(active) + len(active) * (n - len(active))
    return total / (space.n_dims * n * (n - 1) / 2)


def _differing(values: Points) -> float:
    """Pairs of values that are not equal."""
    _, counts = np.unique(values, return_counts=True)
    return (len(values) ** 2 - np.sum(counts.astype(float) ** 2)) / 2


def _sum_of_gaps(values: Points) -> float:
    """Sum of |u - v| over pairs: in order, value k is above k and below n - 1 - k."""
    n = len(values)
    return float(np.sum((2 * np.arange(n) - n + 1) * np.sort(values)))
