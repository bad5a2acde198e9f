"""What an old study on other data believed, as a discounted prior mean.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
m(x)     ()     posterior mean of the old study's process, of its standardised scores
y        (n,)   new scores; nan = failed
tau      ()     Kendall's rank correlation of m at the new points with y
weight   ()     tau, or 0 below .3 and with fewer than 5 points
c        ()     mean of m over the new points
======== ====== ========================================================================

The new targets are modelled as weight (m(x) - c) plus a Gaussian process of mean 0.
Only ranks of the old and new scores are compared, so their units never meet; a study
that orders the settings differently has no weight.

References
----------
.. [1] Feurer, Letham, Hutter, Bakshy (2018), Practical transfer learning for Bayesian
   optimization, arXiv:1802.02219.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from skhpo.surrogates import GaussianProcess

LEAST_POINTS = 5
LEAST_TAU = 0.3


@dataclass(frozen=True, eq=False)
class Offset:
    """(m, d) encoded points -> (m,) prior mean of the standardised targets."""

    process: GaussianProcess
    weight: float
    centre: float

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return self.weight * (self.process.mean(X) - self.centre)


def no_offset(X: np.ndarray) -> np.ndarray:
    """(m,) the prior mean of a study without a history."""
    return np.zeros(len(X))


class PriorMean:
    """An old study's process and its present weight."""

    def __init__(self, process: GaussianProcess):
        self.process = process
        self.weight = 0.0

    def offset(self, encoded: np.ndarray, scores: np.ndarray) -> Offset:
        """The prior mean after these new scores; (n, d) and (n,)."""
        told = self.process.mean(encoded)
        self.weight = weight_of(told, scores)
        return Offset(self.process, self.weight, float(np.mean(told)))


def weight_of(told: np.ndarray, scores: np.ndarray) -> float:
    """How far an old belief about points is to be trusted, given their scores."""
    known = np.isfinite(scores)
    if known.sum() < LEAST_POINTS:
        return 0.0
    tau = float(kendalltau(told[known], scores[known]).statistic)
    return tau if tau >= LEAST_TAU else 0.0  # nan where all are equal


def best_offset(priors, encoded: np.ndarray, scores: np.ndarray):
    """The prior mean of the old study that is trusted most; no_offset without any."""
    offsets = [prior.offset(encoded, scores) for prior in priors]
    trusted = [offset for offset in offsets if offset.weight > 0.0]
    return max(trusted, key=lambda offset: offset.weight, default=no_offset)
