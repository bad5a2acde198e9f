"""Joint posterior of many points: fantasies of those in flight, and whole functions.

Notation
--------
======== ======== ======================================================================
symbol   shape    meaning
======== ======== ======================================================================
P        (q, d)   points whose values are not known yet
m_P, L_P (q,)     posterior mean at P; lower Cholesky factor (q, q) of the covariance
e        (q, s)   standard normal numbers, a column per fantasy
y_P      (q, s)   m_P + L_P e, the values in each fantasy
L        (n+q,)*2 Cholesky factor of the kernel matrix of the n told points and P
k(x)     (n+q,)   covariances between x and those points
======== ======== ======================================================================

The last q rows of L are (.., L_P), hence L^-1 (t, y_P) = (L^-1 t, e): in whitened
coordinates a fantasy is its normal numbers. The mean at x given a fantasy is therefore

    k(x)' L^-T L^-1 (t, y_P) = believed mean + (last q entries of L^-1 k(x))' e,

one matrix product for all fantasies; the variance is the same in all of them.

References
----------
.. [1] Snoek, Larochelle, Adams (2012), Practical Bayesian optimization of machine
   learning algorithms, arXiv:1206.2944, section 3.2: fantasies of points in flight.
.. [2] Wilson, Hutter, Deisenroth (2018), Maximizing acquisition functions for Bayesian
   optimization, arXiv:1805.10196: the joint expected improvement, point by point.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.blas import dtrmm, dtrsm
from scipy.linalg.lapack import dtrtri
from scipy.special import ndtri
from scipy.stats import qmc

from skhpo.surrogates._gp import GaussianProcess, _cholesky
from skhpo.surrogates._kernels import Array, matern52, scaled_distance

_BLOCK = 512  # rows predicted at a time, so that they stay in the processor's cache
_LEAST_JITTER = 1e-8  # of the signal variance: candidates may lie side by side


def quasi_normals(q: int, half: int, rng: np.random.Generator) -> Array:
    """(q, 2 half) scrambled Sobol normals with their negatives: of mean 0."""
    try:
        sobol = qmc.Sobol(q, scramble=True, rng=rng)
    except TypeError:  # scipy < 1.15
        sobol = qmc.Sobol(q, scramble=True, seed=rng)
    uniform = np.clip(sobol.random(half), 1e-10, 1.0 - 1e-10)
    e = ndtri(uniform).T
    return np.hstack([e, -e])


@dataclass(frozen=True, eq=False)
class Fantasies:
    """What may come of the points in flight, drawn from their joint posterior.

    ``believer`` is the process extended by these points at its own mean (its last q
    points), ``normals`` are e.
    """

    believer: GaussianProcess
    normals: Array  # (q, s)

    @property
    def _q(self) -> int:
        return len(self.normals)

    @cached_property
    def values(self) -> Array:
        """(q, s) y_P."""
        # a diagonal block of the inverse of a triangular matrix is its block's inverse
        inverse = self.believer.L_inverse[-self._q :, -self._q :]
        spread = solve_triangular(inverse, self.normals, lower=True)
        return self.believer.targets[-self._q :, None] + spread

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Means (m, s) given each fantasy, and the variance (m,) they share."""
        blocks = [
            self._predict_block(X[i : i + _BLOCK]) for i in range(0, len(X), _BLOCK)
        ]
        means, variances = zip(*blocks, strict=True)
        return np.vstack(means), np.concatenate(variances)

    def _predict_block(self, X: Array) -> tuple[Array, Array]:
        process = self.believer
        s2 = process.hyperparameters.s2
        k = s2 * matern52(scaled_distance(*process._features(X), process.Z, process.q))
        mean = k @ process.alpha
        V = dtrmm(1.0, process.L_inverse, k.T, lower=1, overwrite_b=1)
        variance = s2 - np.einsum("ij,ij->j", V, V)
        means = mean[:, None] + V[-self._q :].T @ self.normals
        return means, np.maximum(variance, 1e-12 * s2)  # can go below 0 by rounding


class SampledFunction:
    """One function drawn from the posterior, exactly, where it is asked.

    Each call conditions on all earlier ones, so that a search that comes nearer and
    nearer walks on one and the same function. k points in all cost O(k^3).
    """

    def __init__(self, process: GaussianProcess, rng: np.random.Generator):
        self.process = process
        self.rng = rng
        self._Z, self._q = process.Z, process.q
        self._L = np.asfortranarray(dtrtri(process.L_inverse, lower=1)[0])
        self._e = process.L_inverse @ process.targets  # whitened targets

    def __call__(self, X: Array) -> Array:
        """(m,) values at the points."""
        s2 = self.process.hyperparameters.s2
        Z, q = self._features(X)
        k = s2 * matern52(scaled_distance(self._Z, self._q, Z, q))
        V = dtrsm(1.0, self._L, k, lower=1)
        covariance = s2 * matern52(scaled_distance(Z, q, Z, q))
        covariance -= V.T @ V
        covariance.flat[:: len(X) + 1] += _LEAST_JITTER * s2
        L_X, e_X = _cholesky(covariance, s2), self.rng.standard_normal(len(X))
        values = V.T @ self._e + L_X @ e_X
        self._L, self._e = _with_block(self._L, V, L_X), np.append(self._e, e_X)
        self._Z, self._q = np.vstack([self._Z, Z]), np.append(self._q, q)
        return values

    def _features(self, X: Array) -> tuple[Array, Array]:
        """Z and q of the points, after room was made for their new levels."""
        old, self.process = self.process, self.process._with_levels_of(X)
        Z = np.zeros((len(self._Z), self.process.Z.shape[1]))
        Z[:, old.columns.positions_in(self.process.columns)] = self._Z
        self._Z = Z
        return self.process._features(X)


def _with_block(L: Array, V: Array, L_X: Array) -> Array:
    """The Cholesky factor ((L, .), (V', L_X)); what lies above is never read."""
    n, m = V.shape
    grown = np.empty((n + m, n + m), order="F")
    grown[:n, :n] = L
    grown[n:, :n] = V.T
    grown[n:, n:] = L_X
    return grown
