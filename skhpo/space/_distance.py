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
    """How far a point is from others, averaged over the columns, each in [0, 1].

    Parameters
    ----------
    point : ndarray of shape (n_dims,)
        One point of the unit cube.
    others : ndarray of shape (n, n_dims)
        The others.
    is_categorical : ndarray of bool, shape (n_dims,)
        Columns whose values have no order.

    Returns
    -------
    distances : ndarray of shape (n,)
        0 = the same setting, 1 = as far apart as can be.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.space import mean_distances
    >>> others = np.array([[0.5, 0.25], [0.9, 0.25], [0.5, 0.75]])
    >>> print(mean_distances(others[0], others, np.array([False, True])))
    [0.  0.2 0.5]
    """
    gap = np.abs(others - point)
    gap = np.where(is_categorical, gap > 0, gap)
    one_is_inactive = np.isnan(others) != np.isnan(point)
    gap = np.where(one_is_inactive, 1.0, np.where(np.isnan(others), 0.0, gap))
    return gap.mean(axis=1)


def mean_pairwise_distance(space: Space, points: Points) -> float:
    """Mean distance between two of the points; nan for fewer than two.

    Column by column, so that thousands of points need no n x n matrix.

    Parameters
    ----------
    space : Space
        Where the points lie.
    points : ndarray of shape (n, n_dims)
        Points of its unit cube.

    Returns
    -------
    distance : float
        0 = all the same; random points of numbers are 1/3 apart.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.space import Space, mean_pairwise_distance
    >>> space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    >>> points = space.sample(1000, np.random.default_rng(0))
    >>> round(float(mean_pairwise_distance(space, points)), 1)
    0.3
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
