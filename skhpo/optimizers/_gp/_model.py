"""Keeps a Gaussian process up to date with the observations.

How often it is refitted, what it starts from, which points it sees when there are many:
sections 3.4, 3.6-3.8 of the design notes, and ``doc/decisions/0003``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.linalg import LinAlgError

from skhpo.optimizers._gp._prior_mean import PriorMean, best_offset, no_offset
from skhpo.optimizers._observations import Observations
from skhpo.surrogates import (
    GaussianProcess,
    Hyperparameters,
    fit_gaussian_process,
    fit_score_transform,
)

WARP_FROM = 10  # points before the input warp is learned
_WARP_UNTIL = 200  # points after which the warp stays as it is
_EVERY_POINT_UNTIL = 200  # points up to which each one brings a refit
_SECOND_START_EVERY = 5  # fits
_MAX_POINTS = 400  # beyond: a part of the points
_N_BEST, _N_NEWEST = 150, 150  # of them; the others at random
_TIE_MARGIN, _MAX_MARGIN = 0.2, 1.0  # in standard deviations of the targets
_NOISY = 0.05  # share of noise in the variance above which a best score is luck


@dataclass(frozen=True, eq=False)
class Belief:
    """What is believed after some observations: the process, and the target to beat.

    Targets are those of the process plus ``offset``, a prior mean.
    """

    process: GaussianProcess
    best: float
    offset: Callable[[np.ndarray], np.ndarray] = no_offset


class Model:
    """Fits, caches and extends the Gaussian process of a search."""

    def __init__(self, is_categorical: np.ndarray, *, rng: np.random.Generator):
        self.is_categorical = is_categorical
        self.rng = rng
        self.priors: list[PriorMean] = []  # old studies on other data
        self._n_fits = 0
        self._hyperparameters: Hyperparameters | None = None
        self._process: GaussianProcess | None = None
        self._rows = np.empty(0, dtype=int)  # observations that the process has seen
        self._n_seen = 0  # observations at the last update
        self._n_refit = 0  # observations at the last refit
        self._belief: Belief | None = None

    def belief(self, data: Observations) -> Belief | None:
        """The belief after ``data``; None while nothing can be modelled."""
        if self._n_seen != len(data):
            self._belief = self._updated(data)
            self._n_seen = len(data)
        return self._belief

    def _updated(self, data: Observations) -> Belief | None:
        transform = fit_score_transform(data.scores)
        if transform is None:
            return None
        targets = transform(data.scores)
        noise = transform.noise(data.noise, data.scores)
        offset = best_offset(self.priors, data.encoded, data.scores)
        expected = offset(data.encoded)
        try:
            if self._is_refit_due(len(data)):
                rows = self._chosen_rows(targets)
                self._refit(data, targets - expected, noise, rows)
            else:
                self._extend(data, targets - expected, noise)
        except LinAlgError:
            self._process = None
            return None
        to_beat = self._incumbent(targets, expected, noise) + _margin(data.n_best)
        return Belief(self._process, to_beat, offset)

    def _is_refit_due(self, n: int) -> bool:
        every = 1 if n <= _EVERY_POINT_UNTIL else -(-n // 100)
        return self._process is None or n - self._n_refit >= every

    def _refit(
        self,
        data: Observations,
        targets: np.ndarray,
        noise: np.ndarray,
        rows: np.ndarray,
    ) -> None:
        self._process = fit_gaussian_process(
            data.encoded[rows],
            targets[rows],
            self.is_categorical,
            noise=noise[rows],
            warp=WARP_FROM <= len(rows) <= _WARP_UNTIL,
            start=self._hyperparameters,
            second_start=self._n_fits % _SECOND_START_EVERY == 0,
        )
        self._hyperparameters = self._process.hyperparameters
        self._rows, self._n_refit = rows, len(data)
        self._n_fits += 1

    def _extend(
        self, data: Observations, targets: np.ndarray, noise: np.ndarray
    ) -> None:
        new = np.arange(self._n_seen, len(data))
        grown = self._process.extend(data.encoded[new], targets[new], noise[new])
        self._rows = np.append(self._rows, new)
        self._process = grown.with_targets(targets[self._rows])

    def _chosen_rows(self, targets: np.ndarray) -> np.ndarray:
        """All rows, or the best, the newest and some others when there are many."""
        n = len(targets)
        if n <= _MAX_POINTS:
            return np.arange(n)
        best = np.argsort(-targets, kind="stable")[:_N_BEST]
        chosen = np.union1d(best, np.arange(n - _N_NEWEST, n))
        others = np.setdiff1d(np.arange(n), chosen)
        drawn = self.rng.choice(others, _MAX_POINTS - len(chosen), replace=False)
        return np.union1d(chosen, drawn)

    def _incumbent(
        self, targets: np.ndarray, expected: np.ndarray, noise: np.ndarray
    ) -> float:
        """The best target, or the best posterior mean where scores are noisy."""
        h = self._process.hyperparameters
        known = h.n2 + float(noise[np.argmax(targets)])  # of others it says nothing
        if known < _NOISY * (h.s2 + known):
            return float(targets.max())
        return float((self._process.fitted_mean() + expected[self._rows]).max())


def _margin(n_best: int) -> float:
    """How far to beat the incumbent, when so many points share the best score.

    Trees have a summit that is a plateau: many settings, one and the same score. A
    smooth process sees a little improvement left everywhere on it and would stay there
    for the rest of the search. A smooth objective never ties, and has no margin.
    """
    return min(_TIE_MARGIN * max(n_best - 1, 0), _MAX_MARGIN)
