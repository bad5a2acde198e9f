"""Parzen estimators on the unit cube: where did observations lie?

Notation
--------
========= ====== =======================================================================
symbol    shape  meaning
========= ====== =======================================================================
x         (m, d) points; nan = the column is inactive
mu        (n, d) observations, the centres of the kernels; nan likewise
w         (n+1,) weights, of sum 1; the last one belongs to the prior
b         (d,)   bandwidths
k_j       (m, n) kernel of column j: density, or mass where a column has cells
pi_j      (m,)   prior of column j: the uniform law of the unit interval
========= ====== =======================================================================

The estimator is a mixture of products, so that what goes well together stays together:

    p(x) = sum_i w_i prod_j k_j(x_j | mu_ij)  +  w_0 prod_j pi_j(x_j)

The products run over the columns that are active in x, and where a column is inactive
in mu_i, k_j is pi_j: nothing was seen there. This is the law of a draw from the mixture
in which inactive columns are then forgotten. It sums to 1 over all activity patterns,
and densities of points with different patterns can be compared. How often a pattern was
seen is in the kernels of the categories that decide about it.

References
----------
.. [1] Bergstra, Bardenet, Bengio, Kegl (2011), Algorithms for hyper-parameter
   optimization, NeurIPS.
.. [2] Watanabe (2023), Tree-structured Parzen estimator: understanding its algorithm
   components and their roles for better empirical performance, arXiv:2304.11127.
.. [3] Aitchison, Aitken (1976), Multivariate binary discrimination by the kernel
   method, Biometrika 63(3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

from skhpo.surrogates._kernels import Array

_MIN_BANDWIDTH = 0.03  # Delta of [2], which recommends it
_UNIFORM_VARIANCE = 1.0 / 12.0
_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class Interval:
    """A column of numbers: Gaussians truncated to [0, 1]."""

    def bandwidth(self, mu: Array, n_dims: int) -> float:
        """Scott's rule, the prior counted as one observation; bounded below.

        The bound is the "magic clip" of [2], with exponent 1: the fewer observations,
        the more exploration.
        """
        n = len(mu)
        spread = (n * (mu.var() if n else 0.0) + _UNIFORM_VARIANCE) / (n + 1)
        scott = np.sqrt(spread) * (n + 1) ** (-1.0 / (n_dims + 4))
        return max(float(scott), 1.0 / (n + 2), _MIN_BANDWIDTH)

    def log_prior(self, x: Array) -> Array:
        """(m,)"""
        return np.zeros(len(x))

    def log_kernel(self, x: Array, mu: Array, b: float) -> Array:
        """(m, n) log densities."""
        z = (x[:, None] - mu) / b
        return -0.5 * z * z - (_LOG_SQRT_2PI + np.log(b) + _log_inside(mu, b))

    def draw(self, mu: Array, b: float, rng: np.random.Generator) -> Array:
        """(n,) one number from each kernel, by inversion."""
        low, high = ndtr(-mu / b), ndtr((1.0 - mu) / b)
        return (mu + b * ndtri(low + rng.random(len(mu)) * (high - low))).clip(0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Cells(Interval):
    """A column of whole numbers: what of the Gaussian lies in a number's cell.

    Parameters
    ----------
    edges : (K + 1,) array
        From 0 to 1.
    """

    edges: Array

    def log_prior(self, x: Array) -> Array:
        """(m,)"""
        return np.log(np.diff(self.edges))[self._cell(x)]

    def log_kernel(self, x: Array, mu: Array, b: float) -> Array:
        """(m, n) log masses; each pair of values is computed once."""
        cells, rows = np.unique(self._cell(x), return_inverse=True)
        centres, columns = np.unique(mu, return_inverse=True)
        low = (self.edges[cells, None] - centres) / b
        high = (self.edges[cells + 1, None] - centres) / b
        is_right = low > 0.0  # of the centre: there 1 - Phi keeps its digits
        mass = ndtr(np.where(is_right, -low, high)) - ndtr(
            np.where(is_right, -high, low)
        )
        with np.errstate(divide="ignore"):  # far away; the prior is never 0
            table = np.log(mass) - _log_inside(centres, b)
        return table[rows[:, None], columns]

    def _cell(self, x: Array) -> Array:
        return np.searchsorted(self.edges[1:-1], x, side="right")


@dataclass(frozen=True)
class Choices:
    """A column of categories: Aitchison and Aitken's kernel [3].

    Parameters
    ----------
    n : int
        How many; category i stands at (i + 1/2) / n.
    """

    n: int

    def bandwidth(self, mu: Array, n_dims: int) -> float:
        """The probability of another category: a prior weight of 1 / (n + 1) each."""
        return (self.n - 1) / (len(mu) + 1 + self.n)

    def log_prior(self, x: Array) -> Array:
        """(m,)"""
        return np.full(len(x), -np.log(self.n))

    def log_kernel(self, x: Array, mu: Array, b: float) -> Array:
        """(m, n) log probabilities."""
        is_same = np.abs(x[:, None] - mu) < 0.5 / self.n
        return np.where(is_same, np.log1p(-b), np.log(b / (self.n - 1)) if b else 0.0)

    def draw(self, mu: Array, b: float, rng: np.random.Generator) -> Array:
        """(n,) one category from each kernel."""
        jump = 1 + np.floor(rng.random(len(mu)) * (self.n - 1))
        jump = np.where(rng.random(len(mu)) < b, jump, 0.0)
        return (np.floor(mu * self.n) + jump) % self.n / self.n + 0.5 / self.n


Axis = Interval | Choices


@dataclass(frozen=True, eq=False)
class ParzenEstimator:
    """A density over the unit cube, made by :func:`fit_parzen_estimator`.

    Attributes
    ----------
    axes : sequence of axes
        Of what kind each column is.
    mu : ndarray of shape (n, n_dims)
        The observations: centres of the kernels.
    w : ndarray of shape (n + 1,)
        Weights of the kernels, and of the prior.
    b : ndarray of shape (n_dims,)
        Bandwidths.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_parzen_estimator
    >>> from skhpo.surrogates._parzen import Interval
    >>> seen = np.array([[0.2], [0.25], [0.3]])
    >>> density = fit_parzen_estimator([Interval()], seen)
    >>> near, far = density.log_density(np.array([[0.25], [0.9]]))
    >>> bool(near > far)
    True
    """

    axes: Sequence[Axis]
    mu: Array
    w: Array
    b: Array

    def log_density(self, x: Array) -> Array:
        """(m,) log p at (m, d) points."""
        log_kernels = np.zeros((len(x), len(self.mu)))
        log_prior = np.zeros(len(x))
        for j, axis in enumerate(self.axes):
            active = ~np.isnan(x[:, j])
            x_j, mu_j = x[active, j], self.mu[:, j]
            pi_j = axis.log_prior(x_j)
            k_j = axis.log_kernel(x_j, mu_j, self.b[j])
            log_kernels[active] += np.where(np.isnan(mu_j), pi_j[:, None], k_j)
            log_prior[active] += pi_j
        terms = np.column_stack([log_kernels, log_prior])
        return logsumexp(terms + np.log(self.w), axis=1)

    def sample(self, m: int, rng: np.random.Generator) -> Array:
        """(m, d) draws, none of them nan: the space knows what is inactive."""
        n = len(self.mu)
        kernel = rng.choice(n + 1, m, p=self.w)
        x = rng.random((m, len(self.axes)))  # the prior's
        for j, axis in enumerate(self.axes):
            mu_j = np.append(self.mu[:, j], np.nan)[kernel]
            seen = ~np.isnan(mu_j)
            x[seen, j] = axis.draw(mu_j[seen], self.b[j], rng)
        return x


def fit_parzen_estimator(
    axes: Sequence[Axis], mu: Array, weights: Array | None = None
) -> ParzenEstimator:
    """The estimator for these observations; the prior weighs as much as their mean.

    Parameters
    ----------
    axes : sequence of d axes
        Of what kind each column is.
    mu : (n, d) array
        The observations; n may be 0.
    weights : (n,) array, default=None
        None = equal; all at least 0, some of them above.

    Returns
    -------
    estimator : ParzenEstimator
        A density over the unit cube.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_parzen_estimator
    >>> from skhpo.surrogates._parzen import Interval
    >>> density = fit_parzen_estimator([Interval()], np.array([[0.2], [0.3]]))
    >>> density.sample(4, np.random.default_rng(0)).shape
    (4, 1)
    """
    weights = np.ones(len(mu)) if weights is None else weights
    w = np.append(weights, weights.mean() if len(mu) else 1.0)
    columns = [column[~np.isnan(column)] for column in mu.T]
    pairs = zip(axes, columns, strict=True)
    b = [axis.bandwidth(column, len(axes)) for axis, column in pairs]
    return ParzenEstimator(axes, mu, w / w.sum(), np.array(b))


def _log_inside(mu: Array, b: float) -> Array:
    """(n,) log of each Gaussian's share in [0, 1]; far from 0, as b <= 1/2."""
    return np.log(ndtr((1.0 - mu) / b) - ndtr(-mu / b))
