"""Gaussian-process regression of a function that changes with time.

Notation
--------
======== ========= =====================================================================
symbol   shape     meaning
======== ========= =====================================================================
x        (d,)      inputs, in the unit cube
t        ()        time, in units of the whole training: 0 to 1
g        ()        functions of x, independent draws from a process with kernel k
eps      ()        what changes: 0 = nothing, 1 = each unit of time brings a new g
lam      ()        rate of forgetting, -log(1 - eps) / 2
w        (d,)      inverse squared lengthscales
s2, n2   ()        signal variance; noise variance
y        (n,)      targets, standardised
K        (n, n)    covariance of y
M, D     (n, n)    Matern-5/2 correlation of the inputs; decay over time
alpha    (n,)      K^-1 y
theta    (d + 3,)  log of (w, s2, n2, lam)
======== ========= =====================================================================

The function forgets as it goes on [1]_,

    f_0 = g_0,    f_(t+1) = sqrt(1 - eps) f_t + sqrt(eps) g_(t+1),                   (1)

so that its covariance is that of g times a decay, here for any times,

    cov(f_t(x), f_t'(x')) = k(x, x') (1 - eps)^(|t - t'| / 2)                        (2)
                          = s2 matern52(r) exp(-lam |t - t'|),                       (3)
    r^2 = sum_j w_j (x_j - x'_j)^2,                                                  (4)
    K = s2 M * D + n2 I    (* by entry).                                             (5)

The hyperparameters minimise the negative log posterior [3]_

    y' alpha / 2 + log|K| / 2 - log p(theta),                                        (6)

whose gradient is, with Q = K^-1 - alpha alpha' and m' = d matern52 / d r^2,

    d / d theta_i = sum(Q * dK / d theta_i) / 2 - d log p / d theta_i,               (7)
    dK / d log w_j = s2 w_j (x_j - x'_j)^2 m' D,    dK / d log s2 = s2 M * D,        (8)
    dK / d log lam = -lam |t - t'| s2 M * D,        dK / d log n2 = n2 I.            (9)

References
----------
.. [1] Bogunovic, Scarlett, Cevher (2016), Time-varying Gaussian process bandit
   optimization, arXiv:1601.06650.
.. [2] Parker-Holder, Nguyen, Roberts (2020), Provably efficient online hyperparameter
   optimization with population-based bandits, arXiv:2002.02518.
.. [3] Rasmussen, Williams (2006), Gaussian Processes for Machine Learning,
   algorithm 2.1 and eq. (5.9).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from skhpo.surrogates._gp import _cholesky
from skhpo.surrogates._kernels import (
    Array,
    matern52,
    matern52_with_slope,
    scaled_distance,
)
from skhpo.surrogates._priors import gaussian, two_sided

_NOISE_MODE, _NOISE_WIDTH = 0.1, 1.5  # score differences are noisy
_RATE_MODE, _RATE_WIDTH = 1.0, 1.0  # half of the variance is new after .35 trainings
_BOUNDS = {
    "log_w": (np.log(1e-3), np.log(1e3)),
    "log_s2": (np.log(1e-2), np.log(1e2)),
    "log_n2": (np.log(1e-6), np.log(1e1)),
    "log_lam": (np.log(1e-3), np.log(1e2)),
}
_MAX_ITERATIONS = 50
_TOLERANCE = 3e-4  # relative decrease of the loss


@dataclass(frozen=True, eq=False)
class TimeVaryingHyperparameters:
    """theta, entry by entry."""

    log_w: Array  # (d,)
    log_s2: float
    log_n2: float
    log_lam: float

    @classmethod
    def default(cls, d: int) -> "TimeVaryingHyperparameters":
        noise, rate = np.log(_NOISE_MODE), np.log(_RATE_MODE)
        return cls(np.zeros(d), 0.0, float(noise), float(rate))

    @classmethod
    def of(cls, theta: Array) -> "TimeVaryingHyperparameters":
        log_s2, log_n2, log_lam = map(float, theta[-3:])
        return cls(theta[:-3], log_s2, log_n2, log_lam)

    @property
    def theta(self) -> Array:
        return np.append(self.log_w, [self.log_s2, self.log_n2, self.log_lam])

    @property
    def bounds(self) -> list[tuple[float, float]]:
        scalars = [_BOUNDS[name] for name in ("log_s2", "log_n2", "log_lam")]
        return [_BOUNDS["log_w"]] * len(self.log_w) + scalars

    @property
    def eps(self) -> float:
        """What changes in the time of one training."""
        return 1.0 - float(np.exp(-2.0 * np.exp(self.log_lam)))


def correlation(
    X: Array, times: Array, X2: Array, times2: Array, h: TimeVaryingHyperparameters
) -> Array:
    """(n, m) M * D, eqs. (3), (4)."""
    decay = np.exp(-np.exp(h.log_lam) * np.abs(times[:, None] - times2))
    return matern52(_distance(X, X2, h)) * decay


def _distance(X: Array, X2: Array, h: TimeVaryingHyperparameters) -> Array:
    """(n, m) sqrt(5) r."""
    Z, Z2 = X * np.exp(0.5 * h.log_w), X2 * np.exp(0.5 * h.log_w)
    return scaled_distance(Z, (Z * Z).sum(axis=1), Z2, (Z2 * Z2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class TimeVaryingLoss:
    """Negative log posterior of theta given the data, with its gradient."""

    X: Array  # (n, d)
    times: Array  # (n,)
    targets: Array  # (n,)

    @cached_property
    def squares(self) -> Array:
        """(d, n, n) (x_j - x'_j)^2."""
        columns = self.X.T
        return (columns[:, :, None] - columns[:, None, :]) ** 2

    @cached_property
    def gaps(self) -> Array:
        """(n, n) |t - t'|."""
        return np.abs(self.times[:, None] - self.times)

    def __call__(self, theta: Array) -> tuple[float, Array]:
        h = TimeVaryingHyperparameters.of(theta)
        prior, by_prior = log_prior(h)
        likelihood, by_data = self._likelihood(h)
        return likelihood - prior, by_data - by_prior

    def _likelihood(self, h: TimeVaryingHyperparameters) -> tuple[float, Array]:
        n, y = len(self.targets), self.targets
        w, s2, n2, lam = np.exp(h.log_w), *np.exp([h.log_s2, h.log_n2, h.log_lam])
        D = np.exp(-lam * self.gaps)
        r5 = _distance(self.X, self.X, h)
        M, slope = matern52_with_slope(r5, np.empty((n, n)), np.empty((n, n)))
        signal = s2 * M * D
        L = _cholesky(signal + n2 * np.eye(n), s2)
        alpha = cho_solve((L, True), y)
        value = 0.5 * y @ alpha + np.log(np.diagonal(L)).sum()  # eq. (6)
        Q = cho_solve((L, True), np.eye(n)) - np.outer(alpha, alpha)
        by_w = 0.5 * w * np.einsum("jik,ik->j", self.squares, s2 * Q * slope * D)
        by_s2 = 0.5 * np.sum(Q * signal)
        by_n2 = 0.5 * n2 * np.trace(Q)
        by_lam = -0.5 * lam * np.sum(Q * self.gaps * signal)
        return value, np.append(by_w, [by_s2, by_n2, by_lam])  # eqs. (7) to (9)


def log_prior(h: TimeVaryingHyperparameters) -> tuple[float, Array]:
    """log p(theta) up to a constant, and its gradient."""
    parts = [
        two_sided(h.log_w),
        gaussian(np.array([h.log_s2]), 0.0, 1.0),
        gaussian(np.array([h.log_n2]), np.log(_NOISE_MODE), _NOISE_WIDTH),
        gaussian(np.array([h.log_lam]), np.log(_RATE_MODE), _RATE_WIDTH),
    ]
    return sum(value for value, _ in parts), np.concatenate([g for _, g in parts])


@dataclass(frozen=True, eq=False)
class TimeVaryingProcess:
    """A Gaussian process over inputs and time, conditioned on data."""

    hyperparameters: TimeVaryingHyperparameters
    X: Array  # (n, d)
    times: Array  # (n,)
    targets: Array  # (n,)

    @cached_property
    def L(self) -> Array:
        """(n, n) lower Cholesky factor of K."""
        h, n = self.hyperparameters, len(self.X)
        s2, n2 = np.exp([h.log_s2, h.log_n2])
        K = s2 * correlation(self.X, self.times, self.X, self.times, h)
        return _cholesky(K + n2 * np.eye(n), s2)

    @cached_property
    def alpha(self) -> Array:
        """(n,) K^-1 y."""
        return cho_solve((self.L, True), self.targets)

    def predict(self, X: Array, times: Array) -> tuple[Array, Array]:
        """Posterior mean and variance of the noise-free function, each (m,)."""
        h = self.hyperparameters
        s2 = float(np.exp(h.log_s2))
        k = s2 * correlation(self.X, self.times, X, times, h)
        V = solve_triangular(self.L, k, lower=True)
        variance = s2 - np.einsum("ij,ij->j", V, V)
        return k.T @ self.alpha, np.maximum(variance, 1e-12 * s2)  # rounding

    def believing(self, X: Array, times: Array) -> "TimeVaryingProcess":
        """The process that has seen its own mean at more points."""
        mean, _ = self.predict(X, times)
        return TimeVaryingProcess(
            self.hyperparameters,
            np.vstack([self.X, X]),
            np.append(self.times, times),
            np.append(self.targets, mean),
        )


def fit_time_varying_process(
    X: Array,
    times: Array,
    targets: Array,
    *,
    start: TimeVaryingHyperparameters | None = None,
) -> TimeVaryingProcess:
    """The process whose hyperparameters maximise the log posterior.

    Parameters
    ----------
    X : (n, d) array
        Inputs in [0, 1].
    times : (n,) array
        When each target was observed, in [0, 1].
    targets : (n,) array
        Standardised targets.
    start : TimeVaryingHyperparameters, default=None
        Where the maximisation starts (the last fit's), beside the prior's mode.

    Raises
    ------
    LinAlgError
        When no covariance matrix on the way is positive definite.
    """
    default = TimeVaryingHyperparameters.default(X.shape[1])
    loss = TimeVaryingLoss(X, times, targets)
    starts = [default] if start is None else [start, default]
    ends = [_minimise(loss, h) for h in starts]
    value, theta = min(ends, key=lambda end: end[0])
    if not np.isfinite(value):
        raise LinAlgError("no start leads to a finite posterior density")
    h = TimeVaryingHyperparameters.of(theta)
    return TimeVaryingProcess(h, X, times, targets)


def _minimise(
    loss: TimeVaryingLoss, start: TimeVaryingHyperparameters
) -> tuple[float, Array]:
    """The loss and theta at the end of L-BFGS-B; inf where it breaks down."""
    options = {"maxiter": _MAX_ITERATIONS, "ftol": _TOLERANCE}
    try:
        end = minimize(
            loss,
            start.theta,
            jac=True,
            method="L-BFGS-B",
            bounds=start.bounds,
            options=options,
        )
    except LinAlgError:
        return np.inf, start.theta
    return float(end.fun), end.x
