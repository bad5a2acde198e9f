"""Kernel ridge regression over numeric and categorical columns: cheap and coarse.

Notation
--------
======= ======= ========================================================================
symbol  shape   meaning
======= ======= ========================================================================
X       (n, d)  encoded points: numeric columns in [0, 1], categories as codes
D2      (n, m)  squared distances: (x - x')^2 per number, a weight per category
s       ()      bandwidth, a share of the median of D2
K       (n, m)  kernel exp(-D2 / (2 s))
y       (n,)    targets, centred
a       (n,)    dual coefficients, (K + noise I) a = y
L       (n, n)  Cholesky factor of K + noise I
======= ======= ========================================================================

No hyperparameter is learnt: it takes a millisecond for 200 points. How little is known
of a place is the standard deviation of the Gaussian process with the same kernel [1]_.

References
----------
.. [1] Rasmussen, Williams (2006), Gaussian Processes for Machine Learning, eq. (2.26).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular

Array = NDArray[np.float64]

_MIN_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """A fitted regression: call :meth:`predict`."""

    X: Array
    is_categorical: NDArray[np.bool_]
    category_weight: float
    bandwidth: float  # s
    noise: float
    mean: float
    scale: float  # standard deviation of the targets
    factor: Array  # L
    dual: Array  # a

    def predict(self, X: Array) -> tuple[Array, Array]:
        """(m,) predictions, and (m,) their standard deviations."""
        K = self._kernel(X, self.X)
        reduction = solve_triangular(self.factor, K.T, lower=True, check_finite=False)
        variance = np.maximum(1.0 - (reduction**2).sum(axis=0), 0.0)
        return self.mean + K @ self.dual, self.scale * np.sqrt(variance)

    def believing(self, X: Array) -> "KernelRidge":
        """As if X had been observed, just as predicted: only deviations change.

        Targets K a at the new rows are met by dual coefficients of 0 there.
        """
        across = self._kernel(self.X, X)
        L21 = solve_triangular(self.factor, across, lower=True, check_finite=False).T
        below = self._kernel(X, X) - L21 @ L21.T
        below[np.diag_indices(len(X))] += self.noise
        above = np.hstack([self.factor, np.zeros(across.shape)])
        return replace(
            self,
            X=np.vstack([self.X, X]),
            factor=np.vstack([above, np.hstack([L21, np.linalg.cholesky(below)])]),
            dual=np.append(self.dual, np.zeros(len(X))),
        )

    def _kernel(self, A: Array, B: Array) -> Array:
        D2 = squared_distances(A, B, self.is_categorical, self.category_weight)
        return np.exp(-0.5 / self.bandwidth * D2)


def fit_kernel_ridge(
    X: Array,
    y: Array,
    is_categorical: NDArray[np.bool_],
    *,
    category_weight: float = 0.5,
    width: float = 0.35,
    noise: float = 0.05,
) -> KernelRidge:
    """Kernel ridge regression with a bandwidth from the data.

    Parameters
    ----------
    X : (n, d) array
    y : (n,) array
        Finite.
    category_weight : float, default=0.5
        Squared distance of two different categories.
    width : float, default=0.35
        Bandwidth as a share of the median squared distance.
    noise : float, default=0.05
        Added to the diagonal, in units of the kernel's 1.
    """
    D2 = squared_distances(X, X, is_categorical, category_weight)
    pairs = D2[np.triu_indices(len(X), 1)]
    bandwidth = width * max(float(np.median(pairs)) if len(pairs) else 1.0, _MIN_SPREAD)
    K = np.exp(-0.5 / bandwidth * D2)
    K[np.diag_indices(len(X))] += noise
    mean = float(y.mean())
    L = np.linalg.cholesky(K)
    return KernelRidge(
        X,
        is_categorical,
        category_weight,
        bandwidth,
        noise,
        mean,
        scale=float(y.std()),
        factor=L,
        dual=cho_solve((L, True), y - mean, check_finite=False),
    )


def squared_distances(
    A: Array, B: Array, is_categorical: NDArray[np.bool_], category_weight: float
) -> Array:
    """(n, m) D2."""
    a, b = A[:, ~is_categorical], B[:, ~is_categorical]
    D2 = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * (a @ b.T)
    np.maximum(D2, 0.0, out=D2)  # can go below 0 by rounding
    for j in np.flatnonzero(is_categorical):
        D2 += category_weight * (A[:, j, None] != B[:, j])
    return D2


def gumbel_ranks(scores: Array) -> Array:
    """(n,) targets from ranks: the best stand out, the bad ones are all alike.

    Quantiles of the Gumbel law; ties share their mean rank, failures are the worst.
    """
    n = len(scores)
    y = np.where(np.isfinite(scores), scores, -np.inf)
    _, inverse, counts = np.unique(y, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle = (last - 0.5 * counts)[inverse.reshape(-1)]
    return -np.log(-np.log(middle / n))
