"""Log priors of the Gaussian process's hyperparameters.

Notation
--------
======== ========= =====================================================================
symbol   shape     meaning
======== ========= =====================================================================
log_w    (d,)      log inverse squared lengthscales
log_s2   ()        log signal variance
log_n2   ()        log noise variance; the targets are standardised
log_ab   (2 d_num) log exponents of the input warp
======== ========= =====================================================================

Each function returns the log density up to a constant, and its gradient with respect to
its argument.

References
----------
.. [1] Optuna's GPSampler (pull request 5274): the two-sided prior of the lengthscales,
   log p(w) = -0.1 / w - 0.1 w, punishes both the very short and the very long ones.
.. [2] Hvarfner, Hellsten, Nardi (2024), Vanilla Bayesian optimization performs great in
   high dimensions, arXiv:2402.02229: lengthscales grow as sqrt(d).
"""

import numpy as np

from skhpo.surrogates._kernels import Array

NOISE_FLOOR = 1e-6
NOISE_MODE = 1e-3
NOISE_WIDTH = 1.5  # standard deviation of log noise
WARP_WIDTH = 0.5  # standard deviation of log a and log b
_STRENGTH = 0.1
_MANY_DIMENSIONS = 30


def two_sided(log_w: Array) -> tuple[float, Array]:
    """Lengthscales between .3 and 3 of the unit range; longer beyond 30 dimensions."""
    scale = max(1.0, len(log_w) / _MANY_DIMENSIONS)  # l grows as sqrt(d), [2]
    w = np.exp(log_w) * scale
    short, long = _STRENGTH * w, _STRENGTH / w
    return -float(np.sum(short + long)), long - short


def gaussian(value: Array, mean: float, width: float) -> tuple[float, Array]:
    """Independent normal law with a common mean and standard deviation."""
    deviation = (value - mean) / width
    return -0.5 * float(np.sum(deviation**2)), -deviation / width
