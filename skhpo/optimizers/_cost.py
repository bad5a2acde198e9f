"""What a fit costs: a second process, on the logarithm of its work or its seconds.

Where a guess at the costs is known before anything is evaluated (``_prior_cost.py``), a
process of the guesses is its prior mean.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
c(x)     ()     predicted cost of an evaluation, up to a constant factor
used     ()     share of the budget that is used up, in [0, 1]
alpha    ()     (1 - used^4) / 2
======== ====== ========================================================================

What is maximised is log acquisition(x) - alpha log c(x): at first the improvement per
root of the cost, at the end the improvement itself [1]_. Improvement per cost all along
would stay with cheap, bad models. The root: ``doc/decisions/0028``; the fading is late:
``doc/decisions/0007``.

References
----------
.. [1] Lee, Perrone, Archambeau, Seeger (2020), Cost-aware Bayesian optimization,
   arXiv:2003.10870: cost cooling.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.linalg import LinAlgError

from skhpo.optimizers._observations import Observations
from skhpo.optimizers._prior_cost import PriorCost
from skhpo.space import Space
from skhpo.surrogates import GaussianProcess, Hyperparameters, fit_gaussian_process
from skhpo.surrogates._kernels import Columns

_LEAST_POINTS = 5
_NEWEST = 200  # points that are learned from
_FIRST = 0.5  # the weight of costs at first
_LATE = 4  # .94 of it is left at half of the budget, .68 at three quarters
_JITTER = 0.1  # standard deviation of log costs that no model has to explain
_LEAST_SPREAD = 0.5  # standard deviation of log costs below which they do not count
_GROWTH = 1.25  # points between two fits of the hyperparameters, as a factor


@dataclass(frozen=True, eq=False)
class LogCost:
    """(m, d) encoded points -> (m,) log costs, up to a constant."""

    process: GaussianProcess
    scale: float
    prior: "LogCost | None" = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        own = self.scale * self.process.mean(X)
        return own if self.prior is None else own + self.prior(X)


class CostModel:
    """Learns from what evaluations cost, failed ones included.

    Parameters
    ----------
    space : Space
        Where the points lie.
    guess : PriorCost
        What is known before.
    """

    def __init__(self, space: Space, guess: PriorCost):
        self.space = space
        self.guess = guess
        self._hyperparameters: Hyperparameters | None = None
        self._n_fitted = 0  # points at the last fit of the hyperparameters
        self._n_seen = 0  # observations at the last update
        self._log_cost: LogCost | None = None

    def log_cost(self, data: Observations) -> LogCost | None:
        """What is known after ``data``; None while that is nothing."""
        if self._n_seen != len(data):
            self._log_cost = self._updated(data)
            self._n_seen = len(data)
        return self._log_cost

    @cached_property
    def _prior(self) -> LogCost | None:
        """What is known before anything was evaluated."""
        if not self.guess.counts:
            return None
        log_costs = self.guess.log_costs_of_probes
        scale = float(log_costs.std())
        process = fit_gaussian_process(
            self.space.encode(self.guess.probes),
            (log_costs - log_costs.mean()) / scale,
            self.space.categorical,
            noise=np.full(len(log_costs), (_JITTER / scale) ** 2),
            warp=False,
            second_start=False,
        )
        return LogCost(process, scale)

    def _updated(self, data: Observations) -> LogCost | None:
        known = np.isfinite(data.costs) & (data.costs > 0.0)
        rows = np.flatnonzero(known)[-_NEWEST:]
        try:
            prior = self._prior
            if len(rows) < _LEAST_POINTS:
                return prior
            return self._beside(prior, data, rows, known.sum())
        except LinAlgError:
            return None

    def _beside(self, prior: LogCost | None, data: Observations, rows, n: int):
        """What the costs of some rows say beside the prior."""
        X, log_costs = data.encoded[rows], np.log(data.costs[rows])
        if prior is not None:
            log_costs = log_costs - prior(X)
        scale = float(log_costs.std())
        if scale < (_LEAST_SPREAD if prior is None else _JITTER):
            return prior
        targets = (log_costs - log_costs.mean()) / scale
        noise = np.full(len(rows), (_JITTER / scale) ** 2)
        return LogCost(self._process(X, targets, noise, n), scale, prior)

    def _process(self, X, targets, noise, n: int) -> GaussianProcess:
        """Fitted now and then, conditioned on the data in between."""
        h = self._hyperparameters
        if h is not None and n < _GROWTH * self._n_fitted:
            columns = Columns.of(X, self.space.categorical)
            return GaussianProcess.of(X, targets, noise, columns, h)
        process = fit_gaussian_process(
            X,
            targets,
            self.space.categorical,
            noise=noise,
            warp=False,
            start=h,
            second_start=False,
        )
        self._hyperparameters, self._n_fitted = process.hyperparameters, n
        return process


Scoring = Callable[[np.ndarray], np.ndarray]  # (m, d) encoded points -> (m,) values


def per_cost(log_value: Scoring, log_cost: Scoring, used: float) -> Scoring:
    """A logarithmic acquisition, less what remains of the weight of the costs."""
    alpha = weight(used)
    if alpha == 0.0:
        return log_value
    return lambda X: log_value(X) - alpha * log_cost(X)


def weight(used: float) -> float:
    """Alpha: how much costs count when a share of the budget is used up."""
    return _FIRST * (1.0 - min(max(used, 0.0), 1.0) ** _LATE)
