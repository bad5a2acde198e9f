"""How far a Gaussian process can be trusted: what single rows change, kernel fixed.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
t        (n,)   targets
K        (n, n) covariance of the targets, noise included
alpha    (n,)   K^-1 t
mu_-i    ()     prediction of t_i by the process that has not seen row i
c        (n,)   how often a bootstrap sample has each row
n2       ()     learned noise variance
======== ====== ========================================================================

    mu_-i = t_i - alpha_i / [K^-1]_ii                                                (1)
    R2    = 1 - sum_i (t_i - mu_-i)^2 / sum_i (t_i - mean of the others)^2           (2)

(1) is what conditioning on the other n - 1 rows gives, at the same hyperparameters
[1]_. A row that a sample has c times is a row once, with the noise n2 / c: their mean
says all.

References
----------
.. [1] Rasmussen, Williams (2006), Gaussian Processes for Machine Learning, eq. (5.12).
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import cho_solve

from skhpo.surrogates._gp import (
    GaussianProcess,
    _cholesky,
    fit_gaussian_process,
)
from skhpo.surrogates._kernels import Array, Columns, matern52, scaled_distance


def leave_one_out(process: GaussianProcess) -> Array:
    """(n,) mu_-i: eq. (1). For a process without known noise, too."""
    precisions = np.einsum("ij,ij->j", process.L_inverse, process.L_inverse)
    return process.targets - process.alpha / precisions


def leave_one_out_refitted(
    process: GaussianProcess,
    X: Array,
    is_categorical: np.ndarray,
    *,
    n_parts: int,
    warp: bool,
    rng: np.random.Generator,
) -> Array:
    """(n,) mu_-i at hyperparameters that have not seen row i, either.

    They are fitted ``n_parts`` times, each time without a part of the rows; the other
    n - 1 rows condition the prediction.
    """
    n, targets = len(X), process.targets
    part, predicted = rng.permutation(n) % n_parts, np.empty(n)
    for number in np.unique(part):
        out = part == number
        h = fit_gaussian_process(
            X[~out], targets[~out], is_categorical, warp=warp
        ).hyperparameters
        columns = Columns.of(X, is_categorical)
        others = GaussianProcess.of(X, targets, np.zeros(n), columns, h)
        predicted[out] = leave_one_out(others)[out]
    return predicted


def r2_left_out(targets: Array, predicted: Array) -> float:
    """R2 of predictions that did not see their row: eq. (2); nan for equal targets."""
    n = len(targets)
    total = (n / (n - 1)) ** 2 * np.sum((targets - targets.mean()) ** 2)
    if total == 0.0:
        return np.nan
    return float(1.0 - np.sum((targets - predicted) ** 2) / total)


def covariances(process: GaussianProcess, X: Array) -> Array:
    """(m, n) between encoded points and the process's own: ``@ alpha`` is the mean."""
    Z, q = process._features(X)
    return process.hyperparameters.s2 * matern52(
        scaled_distance(Z, q, process.Z, process.q)
    )


def average(process: GaussianProcess, X: Array) -> tuple[float, float]:
    """Posterior mean and standard deviation of the average of f over encoded points.

    Its variance is the mean of the posterior covariances of all pairs: with k the mean
    row of covariances to the process's own points, mean K(X, X) - k' K^-1 k.
    """
    s2, (Z, q) = process.hyperparameters.s2, process._features(X)
    k = covariances(process, X).mean(axis=0)
    prior = s2 * matern52(scaled_distance(Z, q, Z, q)).mean()
    known = process.L_inverse @ k
    variance = max(prior - known @ known, 0.0)  # can go below 0 by rounding
    return float(k @ process.alpha), float(np.sqrt(variance))


def bootstrap_alphas(
    process: GaussianProcess, n_boot: int, rng: np.random.Generator
) -> Iterator[Array]:
    """(n,) alpha of each bootstrap sample of the rows; 0 for rows that it lacks."""
    h, n = process.hyperparameters, len(process.targets)
    K = h.s2 * matern52(scaled_distance(process.Z, process.q, process.Z, process.q))
    for _ in range(n_boot):
        counts = np.bincount(rng.integers(n, size=n), minlength=n)
        rows = np.flatnonzero(counts)
        sample = K[np.ix_(rows, rows)]
        sample.flat[:: len(rows) + 1] = h.s2 + h.n2 / counts[rows]
        alpha = np.zeros(n)
        alpha[rows] = cho_solve((_cholesky(sample, h.s2), True), process.targets[rows])
        yield alpha
