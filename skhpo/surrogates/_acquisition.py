"""Log expected improvement, exact far into the tail.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
mu       (m,)   posterior mean of the target at a point; higher is better
sigma    (m,)   posterior standard deviation
best     ()     target to be improved upon
z        (m,)   (mu - best) / sigma
h(z)     (m,)   phi(z) + z Phi(z), so that EI = sigma h(z)
======== ====== ========================================================================

EI underflows to 0 on most of the space once a good point is known, and an acquisition
that is 0 everywhere chooses at random. Its logarithm keeps the order.

References
----------
.. [1] Ament, Daulton, Eriksson, Balandat, Bakshy (2023), Unexpected improvements to
   expected improvement for Bayesian optimization, arXiv:2310.20708, eq. (9).
"""

import numpy as np
from scipy.special import erfcx, ndtr

from skhpo.surrogates._kernels import Array

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_FAR = -100.0  # below, 1 - |z| sqrt(pi/2) erfcx(|z|/sqrt 2) has lost 4 digits


def log_expected_improvement(mu: Array, sigma: Array, best: float) -> Array:
    """(m,) log E[max(target - best, 0)]; sigma > 0."""
    return np.log(sigma) + log_h((mu - best) / sigma)


def log_h(z: Array) -> Array:
    """(m,) log(phi(z) + z Phi(z)) in three branches."""
    near = np.maximum(z, -1.0)
    tail = np.clip(z, _FAR, -1.0)
    far = np.minimum(z, _FAR)
    return np.select([z > -1.0, z > _FAR], [_plain(near), _tail(tail)], _series(far))


def _plain(z: Array) -> Array:
    return np.log(np.exp(-0.5 * z * z - _LOG_SQRT_2PI) + z * ndtr(z))


def _tail(z: Array) -> Array:
    """log phi(z) + log(1 - |z| sqrt(pi/2) erfcx(|z| / sqrt 2))."""
    mills = np.sqrt(np.pi / 2.0) * erfcx(-z * np.sqrt(0.5))
    return -0.5 * z * z - _LOG_SQRT_2PI + np.log1p(z * mills)


def _series(z: Array) -> Array:
    """h(z) ~ phi(z) / z^2 (1 - 3/z^2 + 15/z^4 - 105/z^6); relative error < 1e-13."""
    u = 1.0 / (z * z)
    tail = np.log1p(u * (-3.0 + u * (15.0 - 105.0 * u)))
    return -0.5 * z * z - _LOG_SQRT_2PI - 2.0 * np.log(-z) + tail
