"""Estimators that grow, and what they are shown; importable by worker processes."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone

from skhpo.evaluation._states import pack, unpack
from skhpo.evaluation._stepper import Seeds, Step, train


def steps_to(
    chosen, estimator, X, y, stops, *, classes=None, seeds=(7, 1, 2), **params
):
    """Train through the given numbers of units; the model is packed at each stop."""
    state = None
    for to in stops:
        step = Step(to, Seeds(*seeds), classes=classes, fit_params=params)
        state = step_in_worker(chosen, estimator, X, y, step, state)
    return unpack(state)


def step_in_worker(chosen, estimator, X, y, step, state):
    """What a task does: unpack, train, pack."""
    return pack(train(chosen, clone(estimator), X, y, step, unpack(state)))


class CountingScaler(TransformerMixin, BaseEstimator):
    """Centres; adds the number of rows that it was fitted on to a list for each fit."""

    log = []

    def fit(self, X, y=None, sample_weight=None):
        self.log.append(len(X))
        self.weight_ = None if sample_weight is None else np.sum(sample_weight)
        self.mean_ = np.mean(X, axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


class Selfish(CountingScaler):
    """``fit_transform`` gives what ``transform`` does not, as TargetEncoder does."""

    def fit_transform(self, X, y=None, **params):
        return self.fit(X, y, **params).transform(X) + 1.0


class RowSpy(ClassifierMixin, BaseEstimator):
    """Keeps the first column of all rows that it was ever trained on: row numbers."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        self.seen_ = []
        return self.partial_fit(X, y, np.unique(y), sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        self.classes_ = classes
        self.seen_ = [*getattr(self, "seen_", []), np.asarray(X)[:, 0].astype(int)]
        self.seeds_ = [*getattr(self, "seeds_", []), self.random_state]
        self.weights_ = sample_weight
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Sweeps:
    """A resource of the user's own."""

    kind, param, max_resource = "sweeps", None, 27

    def advance(self, estimator, X, y, frm, to, **fit_params):
        for _ in range(frm, to):
            estimator.partial_fit(X, y, classes=np.unique(y), **fit_params)


class Sweeper(RowSpy):
    """An estimator that says itself how it grows."""

    def __skhpo_resource__(self):
        return Sweeps()
