"""Scores of single rows, for metrics that are means over rows.

Only these can be pooled over folds: a correlation, an area under a curve or a root of a
mean says nothing about one row.
"""

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    zero_one_loss,
)

from skhpo._sklearn import is_own_score, scorer_parts


def row_scores(scorer, estimator, X, y):
    """Return the score of each row, (n,); None where the metric is no mean over rows.

    Parameters
    ----------
    scorer : callable
        The scorer of a single metric.
    estimator : estimator
        Fitted.
    X, y : array-like
        Test rows.
    """
    function, sign, arguments = _parts(scorer, estimator)
    of_rows = _OF_ROWS.get(function)
    if of_rows is None or arguments or y is None:
        return None
    values = of_rows(estimator, X, np.asarray(y))
    if values is None or values.shape != (np.shape(y)[0],):  # several outputs
        return None
    return sign * values


def _parts(scorer, estimator):
    if is_own_score(scorer):
        # accuracy, as ClassifierMixin has it: judged by the numbers in the caller
        return (accuracy_score if is_classifier(estimator) else None), 1, {}
    return scorer_parts(scorer) or (None, 1, {})


def _is_right(estimator, X, y):
    return (np.asarray(estimator.predict(X)) == y).astype(float)


def _is_wrong(estimator, X, y):
    return 1 - _is_right(estimator, X, y)


def _squared_error(estimator, X, y):
    return (np.asarray(estimator.predict(X), float) - y) ** 2


def _absolute_error(estimator, X, y):
    return np.abs(np.asarray(estimator.predict(X), float) - y)


def surprise(estimator, X, y):
    """Return -log p of each row's class, (n,), probabilities clipped as in log_loss."""
    p = np.asarray(estimator.predict_proba(X))
    classes = np.asarray(estimator.classes_)
    places = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    of_class = np.where(classes[places] == y, p[np.arange(len(y)), places], 0.0)
    return -np.log(of_class.clip(np.finfo(p.dtype).eps, 1.0))


_OF_ROWS = {
    accuracy_score: _is_right,
    zero_one_loss: _is_wrong,
    mean_squared_error: _squared_error,
    mean_absolute_error: _absolute_error,
    log_loss: surprise,
}
