"""Gaussian-process regression: maximum a posteriori fit, prediction, extension.

Notation
--------
======== ============== ================================================================
symbol   shape          meaning
======== ============== ================================================================
X        (n, d)         encoded points (see ``_kernels.py`` for w, a, b, F, c, q, r5)
t        (n,)           targets, standardised, zero mean
v        (n,)           known noise variance of each target
s2, n2   ()             signal variance; learned noise variance, common to all
theta    (d+2+2 d_num,) log of (w, s2, n2, a, b)
K        (n, n)         s2 * matern52(r5) + diag(n2 + v)
L        (n, n)         lower Cholesky factor of K
alpha    (n,)           K^-1 t
S        (n, n)         derivative of the loss with respect to r^2
======== ============== ================================================================

The loss is t' K^-1 t / 2 + log|K| / 2 - log p(theta). With Q = K^-1 - alpha alpha',
d loss / dK = Q / 2, so S = Q/2 * s2 * d matern52 / d r^2. As r^2 is the sum of
w_j (g_j - g'_j)^2, every gradient needs S only in the products S 1 and S F, for example

    d loss / d w_j = sum_ik S_ik (g_ij - g_kj)^2 = 2 (S 1)' g_j^2 - 2 g_j' S g_j.

References
----------
.. [1] Rasmussen, Williams (2006), Gaussian Processes for Machine Learning,
   algorithm 2.1 and eq. (5.9).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray
from scipy.linalg.blas import dsymm, dtrmm
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtri
from scipy.optimize import minimize

from skhpo.surrogates._kernels import (
    Array,
    Columns,
    clipped_log,
    kumaraswamy,
    kumaraswamy_with_slopes,
    matern52,
    matern52_with_slope,
    scaled_distance,
)
from skhpo.surrogates._priors import (
    NOISE_FLOOR,
    NOISE_MODE,
    NOISE_WIDTH,
    WARP_WIDTH,
    gaussian,
    two_sided,
)

_LOG_W_BOUNDS = (np.log(1e-3), np.log(1e3))
_LOG_S2_BOUNDS = (np.log(1e-2), np.log(1e2))
_LOG_N2_BOUNDS = (np.log(NOISE_FLOOR), np.log(1e1))
_LOG_AB_BOUNDS = (-2.0, 2.0)
_JITTERS = (0.0, 1e-8, 1e-6, 1e-4)  # times the signal variance
_MAX_ITERATIONS = 50
_TOLERANCE = 3e-4  # relative decrease of the loss: a hundredth of a nat or so
_MANY_ROWS = 16  # rows that are appended at once; fewer one by one
_BLOCK = 512  # rows predicted at a time, so that they stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """The Gaussian process's hyperparameters, all as logarithms.

    Attributes
    ----------
    log_w : ndarray of shape (n_dims,)
        Weight of each column in the distance.
    log_s2, log_n2 : float
        Variance of the signal, and of the noise.
    log_a, log_b : ndarray of shape (n_numeric,)
        The two exponents of each numeric column's input warp.

    Examples
    --------
    >>> from skhpo.surrogates import Hyperparameters
    >>> h = Hyperparameters.default(d=3, d_num=2)
    >>> h.w.tolist(), h.s2
    ([1.0, 1.0, 1.0], 1.0)
    """

    log_w: Array  # (d,)
    log_s2: float
    log_n2: float
    log_a: Array  # (d_num,)
    log_b: Array  # (d_num,)

    @classmethod
    def default(cls, d: int, d_num: int) -> "Hyperparameters":
        zeros = np.zeros(d_num)
        return cls(np.zeros(d), 0.0, float(np.log(NOISE_MODE)), zeros, zeros)

    @classmethod
    def of(cls, theta: Array, d: int) -> "Hyperparameters":
        log_a, log_b = np.split(theta[d + 2 :], 2)
        return cls(theta[:d], float(theta[d]), float(theta[d + 1]), log_a, log_b)

    @property
    def theta(self) -> Array:
        variances = [self.log_s2, self.log_n2]
        return np.concatenate([self.log_w, variances, self.log_a, self.log_b])

    @cached_property
    def w(self) -> Array:
        return np.exp(self.log_w)

    @cached_property
    def s2(self) -> float:
        return float(np.exp(self.log_s2))

    @cached_property
    def n2(self) -> float:
        return float(np.exp(self.log_n2))

    @cached_property
    def a(self) -> Array:
        return np.exp(self.log_a)

    @cached_property
    def b(self) -> Array:
        return np.exp(self.log_b)


@dataclass(frozen=True, eq=False)
class Loss:
    """Negative log posterior of theta given the data, with its gradient."""

    X: Array
    targets: Array
    noise: Array  # (n,) v
    columns: Columns

    @cached_property
    def log_x(self) -> Array:
        return clipped_log(self.X[:, self.columns.numeric])

    @cached_property
    def level_rows(self) -> Array:
        return self.columns.level_rows(self.X)

    @cached_property
    def scratch(self) -> Array:
        """Three matrices that every evaluation reuses: fresh pages are slow."""
        n = len(self.targets)
        return np.empty((3, n, n))

    def __call__(self, theta: Array) -> tuple[float, Array]:
        h = Hyperparameters.of(theta, self.X.shape[1])
        likelihood, by_data = self._likelihood(h)
        prior, by_prior = log_prior(h)
        return likelihood - prior, by_data - by_prior

    def _likelihood(self, h: Hyperparameters) -> tuple[float, Array]:
        """t' K^-1 t / 2 + log|K| / 2 and its gradient in theta."""
        n, t = len(self.targets), self.targets
        first, second, third = self.scratch
        G, G_a, G_b = kumaraswamy_with_slopes(self.log_x, h.a, h.b)
        F = np.hstack([G, self.level_rows])
        Z = F * np.sqrt(self.columns.feature_weights(h.w))
        q = self.columns.squared_norms(G, h.w)
        r5 = scaled_distance(Z, q, Z, q, out=first)
        K, slope = matern52_with_slope(r5, second, third)
        K *= h.s2
        K.flat[:: n + 1] = h.s2 + h.n2 + self.noise
        L = _cholesky(K, h.s2, out=second)
        alpha = dpotrs(L, t, lower=1)[0]
        value = 0.5 * t @ alpha + np.log(np.diagonal(L)).sum()

        Q = dpotri(L, lower=1, overwrite_c=1)[0].T  # only its upper triangle is filled
        Q -= np.multiply.outer(alpha, alpha, out=first)
        diagonal = np.diagonal(Q).copy()
        slope *= 0.5 * h.s2
        slope *= Q  # now S
        by_r2 = self._by_distance(slope, G, G_a, G_b, h)
        # sum(Q * (K - N)) = n - t' alpha - sum(diag(Q) N), with N the noise diagonal
        by_s2 = 0.5 * (n - t @ alpha - diagonal @ (h.n2 + self.noise))
        by_n2 = 0.5 * h.n2 * diagonal.sum()
        d = len(h.w)
        return value, np.concatenate([by_r2[:d], [by_s2, by_n2], by_r2[d:]])

    def _by_distance(self, S, G, G_a, G_b, h: Hyperparameters) -> Array:
        """Gradient in (log w, log a, log b), S given by its upper triangle."""
        numeric, categorical = self.columns.numeric, self.columns.categorical
        right = np.empty((len(G), G.shape[1] + self.level_rows.shape[1] + 1), order="F")
        right[:, : G.shape[1]] = G
        right[:, G.shape[1] : -1] = self.level_rows
        right[:, -1] = 1.0
        product = dsymm(1.0, S.T, right, lower=1)
        SG, SO, s = (
            product[:, : G.shape[1]],
            product[:, G.shape[1] : -1],
            product[:, -1],
        )
        centred = s[:, None] * G - SG  # sum_k S_ik (g_i - g_k)
        w = h.w[numeric]
        by_w = np.empty(len(h.w))
        by_w[numeric] = 2.0 * w * np.einsum("ij,ij->j", G, centred)
        matches = np.einsum("ij,ij->j", self.level_rows, SO)
        of_level = self.columns.owner[len(numeric) :]
        by_match = np.bincount(of_level, matches, minlength=len(h.w))
        by_w[categorical] = h.w[categorical] * (s.sum() - by_match[categorical])
        by_a = 4.0 * w * np.einsum("ij,ij->j", G_a, centred)
        by_b = 4.0 * w * np.einsum("ij,ij->j", G_b, centred)
        return np.concatenate([by_w, by_a, by_b])


def log_prior(h: Hyperparameters) -> tuple[float, Array]:
    """log p(theta) up to a constant, and its gradient."""
    parts = [
        two_sided(h.log_w),
        gaussian(np.array([h.log_s2]), 0.0, 1.0),
        gaussian(np.array([h.log_n2]), np.log(NOISE_MODE), NOISE_WIDTH),
        gaussian(h.log_a, 0.0, WARP_WIDTH),
        gaussian(h.log_b, 0.0, WARP_WIDTH),
    ]
    return sum(value for value, _ in parts), np.concatenate([g for _, g in parts])


def fit_gaussian_process(
    X: Array,
    targets: Array,
    is_categorical: NDArray[np.bool_],
    *,
    noise: Array | None = None,
    warp: bool = True,
    start: Hyperparameters | None = None,
    second_start: bool = True,
) -> "GaussianProcess":
    """The Gaussian process whose hyperparameters maximise the log posterior.

    Parameters
    ----------
    X : (n, d) array
        Encoded points: numeric columns in [0, 1], categorical columns as codes.
    targets : (n,) array
        Standardised targets.
    is_categorical : (d,) bool array
        Columns whose distance is "equal or not".
    noise : (n,) array, default=None
        Known noise variance of each target; a common one is learned on top.
    warp : bool, default=True
        Learn the input warp; otherwise it stays as it is in ``start``.
    start : Hyperparameters, default=None
        Where the maximisation starts (the last fit's); None = the prior's mode.
    second_start : bool, default=True
        Start from the prior's mode as well and keep the better end.

    Returns
    -------
    process : GaussianProcess
        Conditioned on the data.

    Raises
    ------
    LinAlgError
        When no covariance matrix on the way is positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_gaussian_process
    >>> X = np.random.default_rng(0).random((20, 2))
    >>> process = fit_gaussian_process(X, np.sin(6 * X[:, 0]), np.array([False, False]))
    >>> weights = process.hyperparameters.w  # the second column does not matter
    >>> bool(weights[0] > 10 * weights[1])
    True
    """
    columns = Columns.of(X, is_categorical)
    noise = np.zeros(len(X)) if noise is None else noise
    default = Hyperparameters.default(X.shape[1], len(columns.numeric))
    starts = [start or default]
    if start is not None and second_start:
        mode = (
            default if warp else replace(default, log_a=start.log_a, log_b=start.log_b)
        )
        starts.append(mode)
    loss = Loss(X, targets, noise, columns)
    theta = _minimise(loss, [h.theta for h in starts], _bounds(default, warp=warp))
    return GaussianProcess.of(X, targets, noise, columns, theta)


def _bounds(h: Hyperparameters, *, warp: bool) -> list[tuple[float, float] | None]:
    """A pair per entry of theta; None = stays where it starts."""
    warps = [_LOG_AB_BOUNDS if warp else None] * (2 * len(h.log_a))
    return [_LOG_W_BOUNDS] * len(h.log_w) + [_LOG_S2_BOUNDS, _LOG_N2_BOUNDS] + warps


def _minimise(loss: Loss, starts: list[Array], bounds: list) -> Hyperparameters:
    """L-BFGS-B from each start over the free entries of theta; the best end."""
    free = np.array([bound is not None for bound in bounds])
    free_bounds = [bound for bound in bounds if bound is not None]
    best_value, best = np.inf, None
    for start in starts:
        theta = start.copy()

        def value_and_gradient(x, theta=theta):
            theta[free] = x
            value, gradient = loss(theta.copy())
            return value, gradient[free]

        try:
            end = minimize(
                value_and_gradient,
                start[free],
                jac=True,
                method="L-BFGS-B",
                bounds=free_bounds,
                options={"maxiter": _MAX_ITERATIONS, "ftol": _TOLERANCE},
            )
        except LinAlgError:
            continue
        if end.fun < best_value:
            theta[free] = end.x
            best_value, best = end.fun, theta
    if best is None:
        raise LinAlgError("no start leads to a finite posterior density")
    return Hyperparameters.of(best, loss.X.shape[1])


@dataclass(frozen=True, eq=False)
class GaussianProcess:
    """A fitted Gaussian process: a value that predicts and grows by points.

    ``L_inverse`` is kept instead of L: predictions are then one triangular product, and
    a new point appends one row.

    Attributes
    ----------
    hyperparameters : Hyperparameters
        Those that it was conditioned at.
    columns : Columns
        Which columns are numbers, which categories.
    Z : ndarray of shape (n, n_features)
        The points as features of the distance.
    q : ndarray of shape (n,)
        Their squared norms.
    L_inverse : ndarray of shape (n, n)
        Inverse of the Cholesky factor of the covariance.
    targets : ndarray of shape (n,)
        What it was told.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_gaussian_process
    >>> X = np.linspace(0, 1, 9)[:, None]
    >>> process = fit_gaussian_process(X, np.sin(6 * X[:, 0]), np.array([False]))
    >>> mean, variance = process.predict(np.array([[0.5], [0.55]]))
    >>> bool(np.allclose(mean, np.sin([3.0, 3.3]), atol=0.05))
    True
    """

    hyperparameters: Hyperparameters
    columns: Columns
    Z: Array  # (n, f) F * sqrt(c)
    q: Array  # (n,)
    L_inverse: Array  # (n, n) lower, Fortran order
    targets: Array  # (n,)

    @classmethod
    def of(cls, X, targets, noise, columns, h: Hyperparameters) -> "GaussianProcess":
        """Condition on data at given hyperparameters: O(n^3), no optimisation."""
        empty = np.empty((0, len(columns.owner)))
        blank = cls(h, columns, empty, np.empty(0), np.empty((0, 0)), np.empty(0))
        Z, q = blank._features(X)
        K = h.s2 * matern52(scaled_distance(Z, q, Z, q))
        K.flat[:: len(X) + 1] = h.s2 + h.n2 + noise
        L_inverse, info = dtrtri(_cholesky(K, h.s2), lower=1, overwrite_c=1)
        if info:
            raise LinAlgError("singular Cholesky factor")
        return replace(blank, Z=Z, q=q, L_inverse=L_inverse, targets=targets)

    @cached_property
    def alpha(self) -> Array:
        """(n,) K^-1 t."""
        return self.L_inverse.T @ (self.L_inverse @ self.targets)

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Posterior mean and variance of the noise-free target, each (m,)."""
        blocks = [
            self._predict_block(X[i : i + _BLOCK]) for i in range(0, len(X), _BLOCK)
        ]
        mean, variance = zip(*blocks, strict=True) if blocks else ((), ())
        return np.concatenate([*mean, []]), np.concatenate([*variance, []])

    def mean(self, X: Array) -> Array:
        """(m,) posterior mean alone: O(m n), where :meth:`predict` is O(m n^2)."""
        s2, (Z, q) = self.hyperparameters.s2, self._features(X)
        return s2 * (matern52(scaled_distance(Z, q, self.Z, self.q)) @ self.alpha)

    def extend(
        self, X: Array, targets: Array | None = None, noise: Array | float | None = None
    ) -> "GaussianProcess":
        """The process with more points, at the same hyperparameters: O(k n^2).

        Without ``targets`` it believes its own mean (a "kriging believer") and takes
        the points as noise-free: the mean stays everywhere, the variance shrinks.
        ``noise`` is their known noise variance, to which the learned one is added.
        """
        h, grown = self.hyperparameters, self._with_levels_of(X)
        if targets is None:
            targets, diagonal = self.predict(X)[0], np.full(len(X), NOISE_FLOOR)
        else:
            known = 0.0 if noise is None else noise
            diagonal = np.broadcast_to(h.n2 + known, len(X))
        Z_new, q_new = grown._features(X)
        Z, q = np.vstack([grown.Z, Z_new]), np.append(grown.q, q_new)
        k = h.s2 * matern52(scaled_distance(Z, q, Z_new, q_new))
        k[-len(X) :].flat[:: len(X) + 1] = h.s2 + diagonal
        L_inverse = _append_rows(self.L_inverse, k, h.s2)
        targets = np.append(self.targets, targets)
        return replace(grown, Z=Z, q=q, L_inverse=L_inverse, targets=targets)

    def with_targets(self, targets: Array) -> "GaussianProcess":
        """The same points and hyperparameters with other targets: O(n^2)."""
        return replace(self, targets=targets)

    def fitted_mean(self) -> Array:
        """(n,) posterior mean of the noise-free target at the process's own points."""
        h = self.hyperparameters
        r5 = scaled_distance(self.Z, self.q, self.Z, self.q)
        return h.s2 * (matern52(r5) @ self.alpha)

    def _with_levels_of(self, X: Array) -> "GaussianProcess":
        """The same process with features for levels that only these points have."""
        columns = self.columns.including(X)
        Z = np.zeros((len(self.Z), len(columns.owner)))
        Z[:, self.columns.positions_in(columns)] = self.Z
        return replace(self, columns=columns, Z=Z)

    def _features(self, X: Array) -> tuple[Array, Array]:
        """Z and q of points."""
        h, columns = self.hyperparameters, self.columns
        G = kumaraswamy(X[:, columns.numeric], h.a, h.b)
        F = np.hstack([G, columns.level_rows(X)])
        return F * np.sqrt(columns.feature_weights(h.w)), columns.squared_norms(G, h.w)

    def _predict_block(self, X: Array) -> tuple[Array, Array]:
        Z, q = self._features(X)
        k = self.hyperparameters.s2 * matern52(scaled_distance(Z, q, self.Z, self.q))
        mean = k @ self.alpha
        V = dtrmm(1.0, self.L_inverse, k.T, lower=1, overwrite_b=1)  # L^-1 k'
        variance = self.hyperparameters.s2 - np.einsum("ij,ij->j", V, V)
        # can go below 0 by rounding
        return mean, np.maximum(variance, 1e-12 * self.hyperparameters.s2)


def _cholesky(K: Array, s2: float, out: Array | None = None) -> Array:
    """Lower factor of K in Fortran order, with the least jitter that helps."""
    n = len(K)
    diagonal = np.diagonal(K).copy()
    out = np.empty_like(K) if out is None else out
    for jitter in _JITTERS:
        np.copyto(out, K)
        out.flat[:: n + 1] = diagonal + jitter * s2
        L, info = dpotrf(out.T, lower=1, clean=1, overwrite_a=1)
        if info == 0:
            return L
    raise LinAlgError("covariance matrix is not positive definite")


def _append_rows(L_inverse: Array, k: Array, s2: float) -> Array:
    """L^-1 of the matrix with p more rows; ``k`` (n + p, p) are its last columns.

    Many at once: the new rows of L are (V', L_S) with V = L^-1 k and L_S the factor of
    k's last rows less V'V; those of L^-1 are L_S^-1 (-V' L^-1, 1).
    """
    n, p = len(L_inverse), k.shape[1]
    if p >= _MANY_ROWS:
        V = L_inverse @ k[:n]
        try:
            L_S = _cholesky(k[n:] - V.T @ V, s2)
        except LinAlgError:  # points side by side; one by one they have a floor
            pass
        else:
            grown = np.zeros((n + p, n + p), order="F")
            grown[:n, :n] = L_inverse
            grown[n:, n:] = dtrtri(L_S, lower=1)[0]
            grown[n:, :n] = -(grown[n:, n:] @ V.T) @ L_inverse
            return grown
    for i in range(n, n + p):
        L_inverse = _append_row(L_inverse, k[:i, i - n], k[i, i - n])
    return L_inverse


def _append_row(L_inverse: Array, k: Array, diagonal: float) -> Array:
    """L^-1 of the matrix with one more row (k', diagonal).

    The new row of L is (l', r) with l = L^-1 k and r = sqrt(diagonal - l'l); that of
    L^-1 is (-l' L^-1, 1) / r.
    """
    n = len(k)
    l_row = L_inverse @ k
    remainder = np.sqrt(max(diagonal - l_row @ l_row, 1e-10))
    grown = np.zeros((n + 1, n + 1), order="F")
    grown[:n, :n] = L_inverse
    grown[n, :n] = -(l_row @ L_inverse) / remainder
    grown[n, n] = 1.0 / remainder
    return grown
