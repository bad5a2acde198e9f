"""Scores of rows: their mean is the score, or there are none."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import check_scoring, fbeta_score, log_loss, make_scorer

from skhpo.model_selection._row_scores import row_scores, surprise

IRIS, DIABETES = load_iris(return_X_y=True), load_diabetes(return_X_y=True)


@pytest.mark.parametrize(
    "scoring, data, model",
    [
        ("accuracy", IRIS, LogisticRegression(max_iter=50, tol=1)),
        (None, IRIS, LogisticRegression(max_iter=50, tol=1)),
        ("neg_log_loss", IRIS, LogisticRegression(max_iter=50, tol=1)),
        ("neg_mean_squared_error", DIABETES, Ridge()),
        ("neg_mean_absolute_error", DIABETES, Ridge()),
    ],
)
def test_mean_is_the_score(scoring, data, model):
    X, y = data
    model.fit(X[::2], y[::2])
    scorer = check_scoring(model, scoring)
    rows = row_scores(scorer, model, X[1::2], y[1::2])
    assert rows.shape == y[1::2].shape
    assert rows.mean() == pytest.approx(scorer(model, X[1::2], y[1::2]))


@pytest.mark.parametrize(
    "scoring, data, model",
    [
        ("roc_auc_ovr", IRIS, LogisticRegression()),
        ("r2", DIABETES, Ridge()),
        (None, DIABETES, Ridge()),
        ("neg_root_mean_squared_error", DIABETES, Ridge()),
        (make_scorer(fbeta_score, beta=2, average="macro"), IRIS, LogisticRegression()),
        (lambda model, X, y: 1.0, DIABETES, Ridge()),
    ],
)
def test_what_is_no_mean_over_rows_has_none(scoring, data, model):
    X, y = data
    scorer = check_scoring(model, scoring)
    assert row_scores(scorer, model.fit(X, y), X, y) is None


def test_several_outputs_have_none():
    X, y = DIABETES
    Y = np.column_stack([y, y])
    scorer = check_scoring(Ridge(), "neg_mean_squared_error")
    assert row_scores(scorer, Ridge().fit(X, Y), X, Y) is None


def test_surprise_is_the_log_loss_and_knows_of_classes_never_seen():
    X, y = IRIS
    model = LogisticRegression().fit(X, y)
    expected = log_loss(y, model.predict_proba(X))
    assert surprise(model, X, y).mean() == pytest.approx(expected)
    names = np.array(["a", "b", "c"])[y]
    some = LogisticRegression().fit(X[:100], names[:100])
    assert surprise(some, X, names)[100:].min() > 30
    assert surprise(some, X, names)[:100].max() < 10
