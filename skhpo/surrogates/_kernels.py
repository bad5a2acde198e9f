"""Matern-5/2 kernel over numeric and categorical columns, with warped inputs.

Notation
--------
======== =========== ===================================================================
symbol   shape       meaning
======== =========== ===================================================================
X        (n, d)      encoded points: numeric columns in [0, 1], categories as codes
w        (d,)        inverse squared lengthscales, one per column (l = w ** -0.5)
a, b     (d_num,)    exponents of the Kumaraswamy warp g of the numeric columns
F        (n, f)      features: g(numeric columns), then a 0/1 column per level seen
c        (f,)        weight of a feature in a product: w_j, or w_j / 2 for a level
q        (n,)        squared norm of a point, so that r^2 = q + q' - 2 (F * c) F'
r5       (n, m)      sqrt(5) r
======== =========== ===================================================================

The distance is r^2 = sum_j w_j (g_j(x_j) - g_j(x'_j))^2 + sum_c w_c [x_c != x'_c].
A Hamming term is an inner product too: [x != x'] = 1/2 + 1/2 - 2 (1/2) <x, x'> for 0/1
rows, and a level never seen in training has the row 0: distance 1 from all of them. So
the whole distance, and its gradient, are matrix products.

References
----------
.. [1] Rasmussen, Williams (2006), Gaussian Processes for Machine Learning, eq. (4.17).
.. [2] Snoek, Swersky, Zemel, Adams (2014), Input warping for Bayesian optimization of
   non-stationary functions, arXiv:1402.0929. They warp by the Beta distribution's cdf;
   Kumaraswamy's is nearly the same curve in closed form.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EDGE = 1e-9  # log(x) and log(1 - x^a) stay finite this far from the faces of the cube


@dataclass(frozen=True, eq=False)
class Columns:
    """How the columns of X become features: fixed by the training points."""

    numeric: NDArray[np.intp]  # (d_num,) positions in X
    categorical: NDArray[np.intp]  # (d_cat,)
    levels: tuple[Array, ...]  # codes seen in training, per categorical column

    @classmethod
    def of(cls, X: Array, is_categorical: NDArray[np.bool_]) -> "Columns":
        categorical = np.flatnonzero(is_categorical)
        levels = tuple(np.unique(X[:, j]) for j in categorical)
        return cls(np.flatnonzero(~is_categorical), categorical, levels)

    def including(self, X: Array) -> "Columns":
        """The same columns with the levels of these points, too."""
        merged = tuple(
            np.union1d(levels, X[:, j])
            for j, levels in zip(self.categorical, self.levels, strict=True)
        )
        return Columns(self.numeric, self.categorical, merged)

    def positions_in(self, other: "Columns") -> NDArray[np.intp]:
        """(f,) where each feature stands among those of ``other``, a superset."""
        start, positions = len(self.numeric), [np.arange(len(self.numeric))]
        for mine, theirs in zip(self.levels, other.levels, strict=True):
            positions.append(start + np.searchsorted(theirs, mine))
            start += len(theirs)
        return np.concatenate(positions)

    @property
    def owner(self) -> NDArray[np.intp]:
        """(f,) the column of X that each feature belongs to."""
        n_levels = [len(levels) for levels in self.levels]
        return np.concatenate([self.numeric, np.repeat(self.categorical, n_levels)])

    def level_rows(self, X: Array) -> Array:
        """(n, f - d_num) 0/1 rows of the categorical columns."""
        rows = [
            X[:, j, None] == levels
            for j, levels in zip(self.categorical, self.levels, strict=True)
        ]
        return np.hstack([np.empty((len(X), 0)), *rows]).astype(np.float64, copy=False)

    def feature_weights(self, w: Array) -> Array:
        """(f,) c: a level carries half of its column's weight."""
        halves = np.ones(len(w))
        halves[self.categorical] = 0.5
        return (w * halves)[self.owner]

    def squared_norms(self, G: Array, w: Array) -> Array:
        """(n,) q from the warped numeric columns G (n, d_num)."""
        return (G * G) @ w[self.numeric] + 0.5 * w[self.categorical].sum()


def kumaraswamy(x: Array, a: Array, b: Array) -> Array:
    """(n, d_num) g(x) = 1 - (1 - x^a)^b, the cdf of Kumaraswamy's law."""
    x = np.clip(x, _EDGE, 1.0 - _EDGE)
    return 1.0 - (1.0 - x**a) ** b


def kumaraswamy_with_slopes(log_x: Array, a: Array, b: Array):
    """g and its derivatives with respect to log a and log b, each (n, d_num)."""
    power = np.exp(a * log_x)  # x^a
    log_rest = np.log1p(-power)  # log(1 - x^a)
    rest = np.exp(b * log_rest)
    by_log_a = (a * b) * rest / (1.0 - power) * power * log_x
    by_log_b = -b * rest * log_rest
    return 1.0 - rest, by_log_a, by_log_b


def clipped_log(x: Array) -> Array:
    """log(x) for the warp: finite on the faces of the cube."""
    return np.log(np.clip(x, _EDGE, 1.0 - _EDGE))


def scaled_distance(
    Z: Array, q: Array, Z2: Array, q2: Array, out: Array | None = None
) -> Array:
    """(n, m) r5 between rows of Z = F * sqrt(c) and of Z2."""
    squared = np.matmul(Z, Z2.T, out=out)
    squared *= -2.0
    squared += q[:, None]
    squared += q2
    np.maximum(squared, 0.0, out=squared)  # can go below 0 by rounding
    squared *= 5.0
    return np.sqrt(squared, out=squared)


def matern52(r5: Array) -> Array:
    """(n, m) correlation (1 + r5 + r5^2 / 3) exp(-r5)."""
    correlation = r5 * (1.0 / 3.0)
    correlation += 1.0
    correlation *= r5
    correlation += 1.0
    correlation *= np.exp(-r5)
    return correlation


def matern52_with_slope(r5: Array, decay: Array, slope: Array) -> tuple[Array, Array]:
    """(n, m) correlation and its derivative with respect to r^2.

    Works in place, as it runs some 30 times per fit: the correlation overwrites ``r5``,
    the derivative ``slope``; ``decay`` is scratch.
    """
    np.negative(r5, out=decay)
    np.exp(decay, out=decay)
    np.add(r5, 1.0, out=slope)
    slope *= decay  # (1 + r5) exp(-r5)
    r5 *= r5
    r5 *= 1.0 / 3.0
    r5 *= decay
    r5 += slope
    slope *= -5.0 / 6.0
    return r5, slope
