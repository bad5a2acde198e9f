"""Estimators that watch what a search does to them.

Module-level, so that they travel to other processes.
"""

import threading
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin

#: What happened in this process, since the last ``watched()``.
EVENTS = []


def watched():
    """Forget what happened; return the list that fills from now on."""
    time.sleep(0.05)  # a fit of an interrupted search may still run in a thread
    EVENTS.clear()
    return EVENTS


def fits():
    """Return the settings that were fitted in this process, in order."""
    return [settings for what, settings in EVENTS if what == "fit"]


class Toy(ClassifierMixin, BaseEstimator):
    """Scores a smooth function of its parameters, and a little of its rows.

    ``nap`` is the longest time (s) that a fit may take; how long it does take depends
    on the parameters. ``log`` names a file to which each fit adds a line.
    """

    def __init__(self, a=0.5, b=1, kind="x", nap=0.0, log=None):
        self.a = a
        self.b = b
        self.kind = kind
        self.nap = nap
        self.log = log

    def fit(self, X, y=None):
        EVENTS.append(("fit", self.get_params()))
        if self.log is not None:
            with Path(self.log).open("a") as file:
                file.write(f"{self.a} {self.b} {self.kind}\n")
        if self.nap:
            time.sleep(self.nap * (self.a * 7919 % 1))
        self.classes_ = np.unique(y)
        self.n_features_in_ = np.shape(X)[1]
        self.centre_ = float(np.mean(np.asarray(X)[:, 0]))
        return self

    def predict(self, X):
        return np.full(np.shape(X)[0], self.classes_[0])

    def score(self, X, y=None):
        bonus = {"x": 0.0, "y": 0.1, "z": -0.1}[self.kind]
        rows = (float(np.mean(np.asarray(X)[:, 0])) - 0.1 * self.centre_) / 1000
        return 1 - (self.a - 0.3) ** 2 - 0.01 * self.b + bonus + rows


class RowSpy(Toy):
    """Its score tells its training and its test rows, and nothing else."""

    def fit(self, X, y=None):
        super().fit(X, y)
        self.rows_ = float(np.sum(X[:, 0] ** 3) % 997) / 1024
        return self

    def score(self, X, y=None):
        return float(np.sum(2.0 ** X[:, 0])) + self.rows_  # the test rows, exactly


class Faulty(Toy):
    """Goes wrong in the way that ``fault`` names."""

    def __init__(self, a=0.5, fault="none"):
        self.a = a
        self.fault = fault
        self.b, self.kind, self.nap, self.log = 1, "x", 0.0, None

    def fit(self, X, y=None):
        super().fit(X, y)
        if self.fault == "fit":
            raise RuntimeError("no fit today")
        if self.fault == "exit":
            raise SystemExit(3)
        if self.fault == "memory":
            raise MemoryError("too big")
        if self.fault == "interrupt":
            raise KeyboardInterrupt
        if self.fault == "one fold" and X[0, 0] > 0:
            raise RuntimeError("not on this fold")
        return self

    def predict(self, X):
        if self.fault == "predict":
            raise RuntimeError("no prediction today")
        return super().predict(X)

    def score(self, X, y=None):
        special = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}
        if self.fault in special:
            return special[self.fault]
        self.predict(X)
        return super().score(X, y)


_COUNTING = threading.Lock()


class Interrupting(Toy):
    """Is interrupted by Ctrl-C in the fit with number ``at`` of this process."""

    def __init__(self, a=0.5, kind="x", at=10):
        self.a = a
        self.kind = kind
        self.at = at
        self.b, self.nap, self.log = 1, 0.0, None

    def fit(self, X, y=None):
        with _COUNTING:  # else two threads are both counted, and neither is number at
            super().fit(X, y)
            number = len(fits())
        if number == self.at:
            raise KeyboardInterrupt
        return self


class BadRefit(Toy):
    """Cannot be fitted on all rows."""

    def fit(self, X, y=None):
        if len(X) == 30:
            raise RuntimeError("no refit today")
        return super().fit(X, y)


class TypeSpy(Toy):
    """Keeps the very values that its parameters had when it was fitted.

    Not those of its own setting, which a search fits once as a reference.
    """

    def __init__(self, p="own", q="own", r="own"):
        self.p = p
        self.q = q
        self.r = r
        self.a, self.b, self.kind, self.nap, self.log = 0.5, 1, "x", 0.0, None

    def fit(self, X, y=None):
        super().fit(X, y)
        values = self.p, self.q, self.r
        if not all(isinstance(value, str) and value == "own" for value in values):
            EVENTS.append(("values", values))
        return self

    def score(self, X, y=None):
        return float(len(repr(self.p)) % 3)


class Seeded(Toy):
    """Has a ``random_state``, which is nobody else's business."""

    def __init__(self, a=0.5, random_state=None):
        self.a = a
        self.random_state = random_state
        self.b, self.kind, self.nap, self.log = 1, "x", 0.0, None


class ConfigSpy(Toy):
    """Scores 1 where scikit-learn's configuration is what the test set."""

    def score(self, X, y=None):
        config = get_config()
        is_set = config["assume_finite"] and config["transform_output"] == "pandas"
        return float(is_set)


class Warner(Toy):
    """Warns in each fit."""

    def fit(self, X, y=None):
        warnings.warn("mind the step", UserWarning, stacklevel=2)
        return super().fit(X, y)


class WeightSpy(Toy):
    """Its score tells the weights with which it was fitted and scored."""

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y)
        self.weight_ = 0.0 if sample_weight is None else float(np.sum(sample_weight))
        return self

    def score(self, X, y=None, sample_weight=None):
        weight = 0.0 if sample_weight is None else float(np.sum(sample_weight))
        return self.weight_ + weight / 1e6 - self.a


class Verbose(Toy):
    """Its ``fit`` has parameters of names that a search has too, as xgboost's has."""

    def fit(self, X, y=None, verbose=True, callbacks=None):
        EVENTS.append(("fit parameters", (verbose, callbacks)))
        return super().fit(X, y)


def faulty_scorer(estimator, X, y):
    """Raise for the candidates whose ``fault`` is "scorer"."""
    if estimator.fault == "scorer":
        raise RuntimeError("no score today")
    return estimator.score(X, y)


def two_scores(estimator, X, y):
    """Return two scores by name."""
    score = estimator.score(X, y)
    return {"good": score, "bad": -score}


class Recorder:
    """A callback of scikit-learn >= 1.9 that notes which hook was called for what."""

    def __init__(self, stop_after=None):
        self.events = []
        self.stop_after = stop_after

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, **data):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, **data):
        self.events.append(("end", context.task_name))
        n_folds = self.count("end", "candidate-split-evaluation")
        return self.stop_after is not None and n_folds >= self.stop_after

    def count(self, hook, task_name):
        """Return how often a hook was called for tasks of a name."""
        return self.events.count((hook, task_name))
