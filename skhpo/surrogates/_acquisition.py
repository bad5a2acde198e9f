"""Acquisitions: how much a point promises, given what the model believes about it.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
mu       (m,)   posterior mean of the target at a point; higher is better
sigma    (m,)   posterior standard deviation, > 0
best     ()     target to be improved upon
xi       ()     by how much at least
z        (m,)   (mu - best - xi) / sigma
h(z)     (m,)   phi(z) + z Phi(z), so that EI = sigma h(z)
======== ====== ========================================================================

Targets are standardised scores: xi = 0.1 means a tenth of the scores' standard
deviation, whatever their unit.

EI and PI underflow to 0 on most of the space once a good point is known, and an
acquisition that is 0 everywhere chooses at random. Their logarithms keep the order: so
those who maximise take an acquisition's ``log`` where it has one. EI and log EI have
the same maximum.

References
----------
.. [1] Ament, Daulton, Eriksson, Balandat, Bakshy (2023), Unexpected improvements to
   expected improvement for Bayesian optimization, arXiv:2310.20708, eq. (9).
"""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

from skhpo._errors import did_you_mean
from skhpo.surrogates._kernels import Array

Acquisition = Callable[[Array, Array, float], Array]  # mu, sigma, best -> values

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
_FAR = -100.0  # below, 1 - |z| sqrt(pi/2) erfcx(|z|/sqrt 2) has lost 4 digits


@dataclass(frozen=True)
class LogEI:
    """Logarithm of the expected improvement: the default, and seldom wrong.

    The gain over the best score so far, averaged over what the model holds possible
    [1]_; its logarithm stays exact where the improvement itself is too small for a
    float [2]_.

    Parameters
    ----------
    xi : float, default=0.0
        Only what exceeds the best score by more than this counts, in standard
        deviations of the scores. Larger values (0.01 to 0.3) explore more; helpful when
        the search settles early on many almost equal settings.

    References
    ----------
    .. [1] Jones, Schonlau, Welch (1998), Efficient global optimization of expensive
       black-box functions, doi:10.1023/A:1008306431147.
    .. [2] Ament, Daulton, Eriksson, Balandat, Bakshy (2023), Unexpected improvements to
       expected improvement for Bayesian optimization, arXiv:2310.20708.

    Examples
    --------
    >>> import numpy as np
    >>> mean, sd = np.array([0.0, -50.0]), np.array([1.0, 1.0])
    >>> LogEI()(mean, sd, best=1.0).round(2)
    array([   -2.49, -1309.28])
    """

    xi: float = 0.0

    def __post_init__(self):
        _check_at_least_zero("logei", "xi", self.xi)

    def __call__(self, mean, sd, best):
        """(m,) values; larger is better."""
        return log_expected_improvement(mean, sd, best + self.xi)

    log = __call__


@dataclass(frozen=True)
class EI:
    """Expected improvement [1]_.

    The search maximises its logarithm, which has the same maximum: ``EI(xi)`` and
    ``LogEI(xi)`` propose the same settings.

    Parameters
    ----------
    xi : float, default=0.0
        Only what exceeds the best score by more than this counts, in standard
        deviations of the scores. Larger values explore more.

    References
    ----------
    .. [1] Jones, Schonlau, Welch (1998), Efficient global optimization of expensive
       black-box functions, doi:10.1023/A:1008306431147.

    Examples
    --------
    >>> import numpy as np
    >>> mean, sd = np.array([0.0, -50.0]), np.array([1.0, 1.0])
    >>> EI()(mean, sd, best=1.0).round(4)
    array([0.0833, 0.    ])
    """

    xi: float = 0.0

    def __post_init__(self):
        _check_at_least_zero("ei", "xi", self.xi)

    def __call__(self, mean, sd, best):
        """(m,) values; 0 where they are too small for a float."""
        return np.exp(self.log(mean, sd, best))

    def log(self, mean, sd, best):
        """(m,) their logarithm, exact everywhere."""
        return log_expected_improvement(mean, sd, best + self.xi)


@dataclass(frozen=True)
class PI:
    """Probability of improvement [1]_: prefers small gains that are nearly sure.

    The search maximises its logarithm, which has the same maximum.

    Parameters
    ----------
    xi : float, default=0.01
        The gain over the best score whose probability counts, in standard deviations of
        the scores. It decides everything: near 0 the search crawls round the best
        setting, from 0.3 on it behaves much like the expected improvement.

    References
    ----------
    .. [1] Kushner (1964), A new method of locating the maximum point of an arbitrary
       multipeak curve in the presence of noise, doi:10.1115/1.3653121.

    Examples
    --------
    >>> import numpy as np
    >>> PI(xi=0.0)(np.array([1.0, 2.0]), np.array([1.0, 0.5]), best=1.0).round(3)
    array([0.5  , 0.977])
    """

    xi: float = 0.01

    def __post_init__(self):
        _check_at_least_zero("pi", "xi", self.xi)

    def __call__(self, mean, sd, best):
        """(m,) values; 0 where they are too small for a float."""
        return ndtr((mean - best - self.xi) / sd)

    def log(self, mean, sd, best):
        """(m,) their logarithm, exact everywhere."""
        return log_ndtr((mean - best - self.xi) / sd)


@dataclass(frozen=True)
class UCB:
    """Upper confidence bound [1]_: the mean plus so many standard deviations.

    It does not depend on the best score so far, hence it is not misled by a lucky one;
    but its balance is fixed by a number that somebody has to choose.

    Parameters
    ----------
    kappa : float, default=1.8
        Standard deviations added to the mean. 0 exploits only; 3 and more mainly
        explore.

    References
    ----------
    .. [1] Srinivas, Krause, Kakade, Seeger (2010), Gaussian process optimization in the
       bandit setting, arXiv:0912.3995.

    Examples
    --------
    >>> import numpy as np
    >>> UCB(kappa=2.0)(np.array([0.0, 1.0]), np.array([1.0, 0.1]), best=1.0)
    array([2. , 1.2])
    """

    kappa: float = 1.8

    def __post_init__(self):
        _check_at_least_zero("ucb", "kappa", self.kappa)

    def __call__(self, mean, sd, best):
        """(m,) values; ``best`` plays no part."""
        return mean + self.kappa * sd


@dataclass(frozen=True)
class Thompson:
    """Thompson sampling [1]_: the best point of one function that may be the true one.

    Each proposal draws a function from the model and goes to its maximum. Many
    candidates in flight differ by themselves. It explores more than the expected
    improvement and takes longer to draw; without randomness there is nothing to tune.

    References
    ----------
    .. [1] Thompson (1933), On the likelihood that one unknown probability exceeds
       another in view of the evidence of two samples, doi:10.1093/biomet/25.3-4.285.

    Examples
    --------
    >>> Thompson()
    Thompson()
    """


ACQUISITIONS = {"logei": LogEI, "ei": EI, "pi": PI, "ucb": UCB, "thompson": Thompson}


def resolve_acquisition(value):
    """The acquisition that a user means.

    Parameters
    ----------
    value : str, acquisition or callable
        A name; ``LogEI``, ``EI``, ``PI``, ``UCB`` or ``Thompson`` with their settings;
        or a function ``f(mean, sd, best) -> values`` of arrays of shape (m,) and a
        number, all in standardised scores, larger is better: it returns (m,) numbers,
        ``-inf`` where a point is out of the question. An object may have a method
        ``log`` with the same arguments, which is then maximised in its place.

    Returns
    -------
    acquisition : Thompson or callable
        What is maximised.

    Raises
    ------
    ValueError
        When the name is unknown, or the function fails on five points.

    Examples
    --------
    >>> resolve_acquisition("ucb")
    UCB(kappa=1.8)
    >>> resolve_acquisition(PI(xi=0.1))
    PI(xi=0.1)
    >>> resolve_acquisition("ucv")
    Traceback (most recent call last):
        ...
    ValueError: acquisition='ucv' is not known. Did you mean 'ucb'? Choose one of
    'logei', 'ei', 'pi', 'ucb', 'thompson', an object such as UCB(kappa=2.0), or a
    function f(mean, sd, best) -> values.
    """
    if isinstance(value, str) and value in ACQUISITIONS:
        return ACQUISITIONS[value]()
    if isinstance(value, tuple(ACQUISITIONS.values())):
        return value
    if isinstance(value, type):
        raise ValueError(
            f"acquisition={value.__name__} is a class, and an object is needed: "
            f"write acquisition={value.__name__}()."
        )
    if not callable(value):
        raise ValueError(
            f"acquisition={value!r} is not known.{did_you_mean(value, ACQUISITIONS)} "
            f"Choose one of {', '.join(map(repr, ACQUISITIONS))}, an object such as "
            f"UCB(kappa=2.0), or a function f(mean, sd, best) -> values."
        )
    _try_out(value)
    return value


def _try_out(acquisition: Acquisition) -> None:
    """A user's own acquisition on five points: better now than after many fits."""
    mean, sd = np.array([-3.0, -1.0, 0.0, 0.5, 2.0]), np.array([1.0, 0.1, 1e-6, 2, 0.5])
    wanted = (
        "It gets the means and standard deviations of 5 points, each an array of shape "
        "(5,), and the best score, a float; it must return 5 numbers, larger is better."
    )
    try:
        values = np.asarray(acquisition(mean, sd, 0.4), dtype=float)
    except Exception as error:
        raise ValueError(
            f"acquisition={acquisition!r} failed with {type(error).__name__}: {error}. "
            f"{wanted}"
        ) from error
    if values.shape != mean.shape:
        raise ValueError(
            f"acquisition={acquisition!r} returned shape {values.shape}. {wanted}"
        )
    if np.isnan(values).any() or np.isposinf(values).any():
        raise ValueError(
            f"acquisition={acquisition!r} returned {values.tolist()}: nan or inf "
            f"cannot be compared. {wanted} -inf is allowed."
        )


def _check_at_least_zero(name: str, setting: str, value: object) -> None:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and 0 <= value < np.inf):
        raise ValueError(f"{name} needs {setting} >= 0, got {setting}={value!r}.")


def log_expected_improvement(mu: Array, sigma: Array, best: float) -> Array:
    """The logarithm of E[max(target - best, 0)], exact far below the best, too.

    Parameters
    ----------
    mu : ndarray of shape (m,)
        Posterior means.
    sigma : ndarray of shape (m,)
        Posterior standard deviations, above 0.
    best : float
        The target to beat.

    Returns
    -------
    log_ei : ndarray of shape (m,)
        Finite also where the improvement itself is 0 in floating point.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import log_expected_improvement
    >>> mu, sigma = np.array([0.0, -50.0]), np.array([1.0, 1.0])
    >>> log_expected_improvement(mu, sigma, best=0.0).round(1).tolist()
    [-0.9, -1258.7]
    """
    return np.log(sigma) + log_h((mu - best) / sigma)


def log_h(z: Array) -> Array:
    """(m,) log(phi(z) + z Phi(z)) in three branches."""
    is_near, is_far = z > -1.0, z <= _FAR
    is_tail = ~(is_near | is_far)
    log_h = np.empty_like(z)
    log_h[is_near] = _plain(z[is_near])
    log_h[is_tail] = _tail(z[is_tail])
    log_h[is_far] = _series(z[is_far])
    return log_h


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
