"""What random search is expected to have found after some CPU seconds.

One random search is no reference: its best differs widely from run to run. So random
candidates of a task are measured once, and put into many orders. Averaged over the
orders, the score of the best so far is a smooth curve over CPU seconds.

A setting that is worse than a model that ignores the columns is worth as much as that
model: otherwise a few settings that diverge would decide about every mean.

Notation
--------
======  ===========  ==================================================================
symbol  shape        meaning
======  ===========  ==================================================================
n       ()           candidates
o       ()           orders
times   (o, n)       CPU seconds after which each candidate of an order is finished
best    (o, n)       number of the best candidate so far, by inner score
======  ===========  ==================================================================
"""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

N_ORDERS = 400
SAME = 1e-12  # scores that differ by less are equal
LEAST_SPREAD = 1e-3  # where most random candidates have one and the same score


# ------------------------------------------------------------------------- measuring


def measure(task, n_candidates, max_seconds):
    """Measure random candidates, the own setting, and a constant model of a task.

    Stops after ``max_seconds`` of CPU for the inner scores of the candidates.
    """
    own = measured(task, {})  # first: the first fit of a process loads libraries
    if own["inner"] is None:
        raise RuntimeError(f"{task.name}: the estimator's own setting failed")
    rng = np.random.default_rng(0)
    candidates, total = [], 0.0
    (branch,) = task.branches
    while len(candidates) < n_candidates and (total < max_seconds or not candidates):
        candidates.append(measured(task, branch.sample(rng)))
        total += candidates[-1]["seconds"]
    return {"candidates": candidates, "own": own, "constant": task.constant()}


def measured(task, params):
    """CPU seconds and inner score of a setting, and the same of its refit."""
    start = time.process_time()
    inner = task.evaluate(params)
    seconds = time.process_time() - start
    test, refit_seconds = task.refit(params)
    return {
        "seconds": seconds,
        "inner": number(inner),
        "test": number(test),
        "refit_seconds": refit_seconds,
    }


def number(score):
    """A score as JSON has it; None = failed."""
    return float(score) if np.isfinite(score) else None


def at_least(score, constant):
    """A score, or that of a constant model where it is worse or there is none."""
    return float(constant) if score is None else max(float(score), float(constant))


# ----------------------------------------------------------------------------- curve


@dataclass(frozen=True, eq=False)
class Curve:
    """Random search averaged over orders of candidates that were measured."""

    seconds: np.ndarray  # (n,)
    inner: np.ndarray  # (n,)
    test: np.ndarray  # (n,)
    refit_seconds: np.ndarray  # (n,)
    orders: np.ndarray  # (o, n)

    @classmethod
    def of(cls, candidates, constant, orders=None):
        """The curve of records of :func:`measured`, failed ones among them."""
        n = len(candidates)
        if orders is None:
            rng = np.random.default_rng(0)
            orders = rng.permuted(np.tile(np.arange(n), (N_ORDERS, 1)), axis=1)
        inner, test = (
            np.array([at_least(c[name], constant[name]) for c in candidates])
            for name in ("inner", "test")
        )
        seconds, refit_seconds = (
            np.array([c[name] for c in candidates])
            for name in ("seconds", "refit_seconds")
        )
        return cls(seconds, inner, test, refit_seconds, np.asarray(orders))

    @property
    def mean_seconds(self):
        """CPU seconds of a random candidate."""
        return float(self.seconds.mean())

    @property
    def end(self):
        """CPU seconds of all candidates."""
        return float(self.seconds.sum())

    @cached_property
    def times(self):
        return np.cumsum(self.seconds[self.orders], axis=1)

    @cached_property
    def best(self):
        inner = self.inner[self.orders]
        is_new = np.ones(inner.shape, dtype=bool)
        is_new[:, 1:] = inner[:, 1:] > np.maximum.accumulate(inner, axis=1)[:, :-1]
        position = np.where(is_new, np.arange(inner.shape[1]), 0)
        position = np.maximum.accumulate(position, axis=1)
        return np.take_along_axis(self.orders, position, axis=1)

    def inner_at(self, seconds):
        """Expected inner score of the best so far; the first candidate is awaited."""
        return float(self.inner[self._best_at(self.times, seconds)].mean())

    def test_at(self, seconds):
        """Expected test score after so many CPU seconds, the refit included."""
        totals = self.times + self.refit_seconds[self.best]
        return float(self.test[self._best_at(totals, seconds)].mean())

    def _best_at(self, times, seconds):
        """(o,) the best candidate of each order at the last time that is not later."""
        is_in_time = times <= seconds
        last = times.shape[1] - 1 - np.argmax(is_in_time[:, ::-1], axis=1)
        last[~is_in_time.any(axis=1)] = 0
        return self.best[np.arange(len(self.best)), last]

    @cached_property
    def _steps(self):
        """Times at which the expected inner score rises, and its values from there."""
        score = self.inner[self.best]
        gain = np.diff(score, axis=1).ravel()
        times = self.times[:, 1:].ravel()
        order = np.argsort(times, kind="stable")
        order = order[gain[order] > 0.0]
        return times[order], score[:, 0].mean() + np.cumsum(gain[order]) / len(score)

    def seconds_to(self, inner):
        """CPU seconds until the expected inner score is so high; inf = never."""
        if inner <= self.inner[self.orders[:, 0]].mean() + SAME:
            return self.mean_seconds
        times, values = self._steps
        reached = np.flatnonzero(values >= inner - _rounding(values))
        if len(reached) == 0:
            return np.inf
        # In some orders two cheap candidates finish before a mean one would.
        return max(float(times[reached[0]]), self.mean_seconds)

    @cached_property
    def spread(self):
        """Robust standard deviation of the test scores, at least ``LEAST_SPREAD``."""
        low, high = np.quantile(self.test, [0.25, 0.75])
        return max(float(high - low) / 1.349, LEAST_SPREAD)


def _rounding(values):
    """Rounding errors of a cumulative sum of so many steps."""
    return SAME * max(1.0, float(np.abs(values).max(initial=0.0))) * 100


def budget(curve, n_candidates, max_seconds):
    """CPU seconds of a task: of so many random candidates, with an upper limit."""
    return min(n_candidates * curve.mean_seconds, max_seconds)


# ---------------------------------------------------------------------------- factor


def factor(curve, inner, seconds):
    """CPU of random search over that of a method for its inner score; reached or not.

    A score that random search is not expected to reach counts as the end of its curve.
    """
    needed = curve.seconds_to(inner)
    is_reached = bool(np.isfinite(needed))
    return (needed if is_reached else curve.end) / seconds, is_reached
