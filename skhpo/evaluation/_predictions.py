"""Out-of-fold predictions: made once, with what the scorer asks for, and kept small.

In a worker an estimator is :func:`asked_once`: what it answered the scorer about the
held-out rows is what is sent back, without a second prediction. In the caller's process
a :class:`PredictionStore` keeps the answers of complete candidates within its limits.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np

from skhpo._sklearn import scorer_predictions

RESPONSES = ("predict", "predict_proba", "decision_function", "predict_log_proba")

#: Bytes that ``store_predictions="auto"`` keeps.
AUTO_BYTES = 256e6

#: The part of the machine's memory that ``store_predictions=True`` may take.
MEMORY_SHARE = 0.5


# ---- in a worker


@dataclass(frozen=True, eq=False)
class PredictionPlan:
    """Which predictions are sent back.

    ``scorer`` is the one whose view is kept, built by ``make_scorer``; None = whatever
    was asked for first. ``classes`` are those of all rows; None = all is numbers.
    """

    scorer: Any
    classes: Any = None

    def of(self, estimator, X, asked):
        """Return float32 predictions as the scorer saw them, labels as int32 codes.

        None where there is nothing that could be kept as numbers.
        """
        try:
            if self.scorer is not None:
                values, name = scorer_predictions(self.scorer, estimator, X)
            else:
                name = asked[0] if asked else "predict"
                values = getattr(estimator, name)(X)
            return self._as_numbers(np.asarray(values), name, estimator)
        except Exception:  # it could be scored all the same
            return None

    def _as_numbers(self, values, name, estimator):
        if self.classes is not None and name == "predict":
            return codes_of(values, self.classes).astype(np.int32)
        if self.classes is not None and values.ndim == 2:
            values = self._in_all_classes(values, estimator)
        return np.array(values, dtype=np.float32)

    def _in_all_classes(self, values, estimator):
        """Widen the columns of a fold that lacks a class: its probability is 0."""
        own = getattr(estimator, "classes_", None)
        if own is None or len(own) == len(self.classes) or values.shape[1] != len(own):
            return values
        wide = np.zeros((len(values), len(self.classes)))
        wide[:, codes_of(own, self.classes)] = values
        return wide


def codes_of(labels, classes):
    """Return the places of labels in the sorted ``classes``."""
    codes = np.searchsorted(classes, labels)
    is_known = np.take(classes, codes, mode="clip") == labels
    if not np.all(is_known):
        raise ValueError("a label is not among the classes")
    return codes


@contextmanager
def asked_once(estimator, X):
    """Let an estimator remember meanwhile what it predicts for the very object ``X``.

    Yields the names of the methods that were asked, from outside, in their order.
    """
    memory = _Memory(X)
    replaced = [name for name in RESPONSES if memory.replace(estimator, name)]
    try:
        yield memory.asked
    finally:
        for name in replaced:
            vars(estimator).pop(name, None)


class _Memory:
    def __init__(self, X):
        self._X, self._answers, self._depth = X, {}, 0
        self.asked = []

    def replace(self, estimator, name):
        """Put a method that remembers before the estimator's own, if that is possible.

        ``score`` and scorers of any kind find it there.
        """
        method = getattr(estimator, name, None)
        if method is None or name in getattr(estimator, "__dict__", (name,)):
            return False
        try:
            setattr(estimator, name, self._remembering(method, name))
        except AttributeError:
            return False
        return True

    def _remembering(self, method, name):
        @wraps(method)
        def ask(X, *args, **kwargs):
            if X is not self._X or args or kwargs:
                return method(X, *args, **kwargs)
            if self._depth == 0:  # predict asks decision_function in its turn
                self.asked.append(name)
            if name not in self._answers:
                self._depth += 1
                try:
                    self._answers[name] = method(X)
                finally:
                    self._depth -= 1
            return self._answers[name]

        return ask


# ---- in the caller's process


@dataclass(eq=False)
class PredictionStore:
    """Keeps predictions by trial and fold, as long as they fit.

    Parameters
    ----------
    max_bytes : float or None
        What may be kept; beyond it all is let go and ``on_full`` is called, once.
    """

    max_bytes: float | None = None
    on_full: Any = None
    is_full: bool = False
    n_bytes: int = 0
    _kept: dict = field(default_factory=dict)  # trial id -> {fold: array}

    def put(self, outcome):
        """Keep what an outcome brought."""
        if self.is_full or outcome.predictions is None:
            return
        self._kept.setdefault(outcome.trial, {})[outcome.fold] = outcome.predictions
        self.n_bytes += outcome.predictions.nbytes
        if self.max_bytes is not None and self.n_bytes > self.max_bytes:
            self.is_full = True
            self._kept.clear()
            self.on_full()

    def drop(self, trial):
        """Let go of a trial that is not complete."""
        arrays = self._kept.pop(trial.id, {})
        self.n_bytes -= sum(array.nbytes for array in arrays.values())

    def get(self, trial, n_splits):
        """Return the predictions of each fold of a trial; None = not all are there."""
        arrays = self._kept.get((trial.twin or trial).id, {})
        if len(arrays) < n_splits:
            return None
        return [arrays[fold] for fold in range(n_splits)]


def machine_bytes():
    """Return the memory of this machine in bytes; None = not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
