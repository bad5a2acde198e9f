"""Runs in which a setting counts once, however often a method proposes it.

Evolutionary algorithms repeat themselves, above all the peer's, which keeps the scores
of what it has seen. To count its repeats would be unfair to it, and to evaluate them a
waste. So all methods search a stand-in of the problem that looks scores up, counts the
distinct settings, and ends the search at the last of them. The scores are kept for all
methods and seeds of a process: the objectives are functions.
"""

import time

import _common  # noqa: F401, first of all that loads numpy: limits the BLAS threads
import _methods
import _problems
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

MAX_REPEATS = 2000  # known settings in a row after which a method is taken for stuck

_SCORES = {}  # (problem, setting): score, of this process


class Enough(BaseException):
    """The budget is used up. No Exception: searches catch those of their fits."""


class Distinct:
    """A problem to search in, which ends the search after ``n_iter`` settings.

    It has what the methods ask of a :class:`_problems.Problem`; its estimator fits
    nothing, and scores what the problem says.
    """

    scoring = None

    def __init__(self, name, n_iter):
        self.problem = _problems.Problem(name)
        self.n_iter = n_iter
        self.scores = []  # of the distinct settings, in the order of their first coming
        self.n_asked = 0
        self._seen = set()
        self._n_repeats = 0  # in a row

    @property
    def branches(self):
        return self.problem.branches

    @property
    def estimator(self):
        return self.as_estimator()

    @property
    def data(self):
        return np.zeros((2, 1)), np.zeros(2)

    @property
    def cv(self):
        """A single split: one "fit" is one evaluation."""
        return [(np.arange(2), np.arange(2))]

    def as_estimator(self, decode=dict, may_be_nan=True):
        """What a search through a front door gets as its estimator."""
        StandIn.problem, StandIn.decode = self, staticmethod(decode)
        StandIn.may_be_nan = may_be_nan
        names = [name for branch in self.branches for name in branch.space]
        own = self.problem.estimator.get_params()
        return StandIn(**{name: own.get(name) for name in names})

    def evaluate(self, params):
        """Score of a setting, known or not; ends the search when all are counted."""
        key = key_of(params)
        is_new = key not in self._seen
        self._n_repeats = 0 if is_new else self._n_repeats + 1
        is_full = is_new and len(self.scores) == self.n_iter
        if is_full or self._n_repeats > MAX_REPEATS:
            raise Enough
        self.n_asked += 1
        score = score_of(self.problem, key, params)
        if is_new:
            self._seen.add(key)
            self.scores.append(score)
        return score

    def finite(self, score):
        """A failure as the worst score so far, for those who take numbers only."""
        known = [s for s in self.scores if np.isfinite(s)]
        return score if np.isfinite(score) else min(known, default=0.0)


class StandIn(RegressorMixin, BaseEstimator):
    """Has the parameters of the space, fits nothing, scores what the problem says."""

    problem, decode, may_be_nan = None, dict, True  # of the run in this process

    def __init__(self, **params):
        self.params = params

    def get_params(self, deep=True):
        return dict(self.params)

    def set_params(self, **params):
        self.params.update(params)
        return self

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y=None):
        score = self.problem.evaluate(self.decode(self.params))
        return score if self.may_be_nan else self.problem.finite(score)


def key_of(params):
    """One text per setting; numbers that differ by rounding are equal."""
    parts = []
    for name in sorted(params):
        value = params[name]
        is_real = isinstance(value, (float, np.floating))
        parts.append(f"{name}={float(value):.11e}" if is_real else f"{name}={value!r}")
    return "|".join(parts)


def score_of(problem, key, params):
    """The score of a setting, computed once in this process."""
    place = problem.name, key
    if place not in _SCORES:
        _SCORES[place] = problem.evaluate(params)
    return _SCORES[place]


def run(name, method, seed, n_iter):
    """One search. Never raises: a method that breaks keeps what it had found."""
    function, options = _methods.parse(method)
    problem, trace, error = Distinct(name, n_iter), _methods.Trace(), None
    n_rounds = n_iter if _methods.is_ours(method) else 100 * n_iter
    start = time.perf_counter()
    try:
        function(problem, n_rounds, seed, trace, **options)
    except Enough:
        pass
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    return {
        "problem": name,
        "method": method,
        "seed": seed,
        "n_iter": n_iter,
        "scores": [float(s) if np.isfinite(s) else None for s in problem.scores],
        "n_asked": problem.n_asked,
        "suggest_ms": 1e3 * trace.suggest_seconds / max(problem.n_asked, 1),
        "seconds": time.perf_counter() - start,
        "error": error,
    }
