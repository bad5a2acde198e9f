"""Whether scoring fails for a model that predicts a constant, too."""

from dataclasses import replace
from math import nan

from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor

from skhpo._sklearn import safe_split
from skhpo.evaluation._task import CAUGHT, score_on


def baseline_of(estimator):
    """Return a model of the same kind that predicts a constant, or None."""
    if is_classifier(estimator):
        return DummyClassifier()
    return DummyRegressor() if is_regressor(estimator) else None


def baseline_errors(payload, folds):
    """Return what scoring a baseline raises on some folds, by fold, as text.

    Empty where there is no baseline for the estimator, or none that can be fitted.
    """
    baseline = baseline_of(payload.estimator)
    if baseline is None:
        return {}
    payload = replace(payload, error_score=nan)
    errors = {fold: _error(payload, clone(baseline), fold) for fold in folds}
    return {fold: text for fold, text in errors.items() if text}


def _error(payload, baseline, fold):
    train, test = payload.splits[fold]
    data_train = safe_split(payload.estimator, payload.X, payload.y, train)
    data_test = safe_split(payload.estimator, payload.X, payload.y, test, train)
    try:
        baseline.fit(*data_train)
    except CAUGHT:
        return None
    return score_on(payload, baseline, data_test, test)[1]
