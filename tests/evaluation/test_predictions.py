"""Predictions are made once, as the scorer sees them, and kept within limits."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo._types import FoldOutcome
from skhpo.evaluation._predictions import (
    PredictionPlan,
    PredictionStore,
    asked_once,
    codes_of,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 2))
y = np.where(X[:, 0] > 0, "yes", "no")
CLASSES = np.array(["no", "yes"])


class Counting(LogisticRegression):
    """Counts how often it is asked."""

    def fit(self, X, y):
        self.asked_ = []
        return super().fit(X, y)

    def predict(self, X):
        self.asked_.append("predict")
        return super().predict(X)

    def predict_proba(self, X):
        self.asked_.append("predict_proba")
        return super().predict_proba(X)

    def decision_function(self, X):
        self.asked_.append("decision_function")
        return super().decision_function(X)


def own(estimator, X, y):
    """A scorer of the user's."""
    return float(np.mean(estimator.predict_proba(X)[:, 1]))


def kept(scorer, estimator, classes=CLASSES, target=None):
    """What is kept after the scorer has been served."""
    plan = PredictionPlan(None if scorer is own else scorer, classes)
    with asked_once(estimator, X) as asked:
        scorer(estimator, X, y if target is None else target)
        return plan.of(estimator, X, asked)


@pytest.mark.parametrize(
    ("scorer", "method"),
    [
        ("accuracy", "predict"),
        ("neg_log_loss", "predict_proba"),
        ("roc_auc", "decision_function"),
    ],
)
def test_the_estimator_is_asked_no_more_often_than_by_the_scorer_alone(scorer, method):
    scorer, model = get_scorer(scorer), Counting().fit(X, y)
    scorer(model, X, y)
    alone, model.asked_ = model.asked_, []
    kept(scorer, model)
    assert model.asked_ == alone
    assert alone.count(method) == 1


def test_labels_are_kept_as_codes():
    model = LogisticRegression().fit(X, y)
    values = kept(get_scorer("accuracy"), model)
    assert values.dtype == np.int32
    assert list(CLASSES[values]) == list(model.predict(X))


def test_of_two_classes_the_positive_column_is_kept():
    model = LogisticRegression().fit(X, y)
    values = kept(get_scorer("neg_log_loss"), model)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, model.predict_proba(X)[:, 1], rtol=1e-6)


def test_the_scorers_positive_label_decides_on_the_column():
    model = LogisticRegression().fit(X, y)
    scorer = make_scorer(
        lambda y_true, y_prob, pos_label: 0.0,
        response_method="predict_proba",
        pos_label="no",
    )
    values = kept(scorer, model)
    np.testing.assert_allclose(values, model.predict_proba(X)[:, 0], rtol=1e-6)


def test_a_function_of_the_users_is_watched():
    model = Counting().fit(X, y)
    values = kept(own, model)
    assert model.asked_.count("predict_proba") == 1
    np.testing.assert_allclose(values, model.predict_proba(X), rtol=1e-6)


def test_numbers_are_kept_as_they_are():
    model = LinearRegression().fit(X, X[:, 1])
    values = kept(get_scorer("r2"), model, classes=None, target=X[:, 1])
    np.testing.assert_allclose(values, model.predict(X), rtol=1e-5, atol=1e-6)


def test_a_pipeline_is_asked_once_too():
    model = make_pipeline(StandardScaler(), Counting()).fit(X, y)
    kept(get_scorer("roc_auc"), model)
    assert model[-1].asked_ == ["decision_function"]


def test_a_fold_without_a_class_has_a_column_for_it():
    three = np.tile(["a", "b", "c"], 10)
    model = LogisticRegression().fit(X, np.where(three == "b", "a", three))
    plan = PredictionPlan(None, np.array(["a", "b", "c"]))
    values = plan.of(model, X, ["predict_proba"])
    assert values.shape == (30, 3)
    assert (values[:, 1] == 0).all()
    np.testing.assert_allclose(values[:, [0, 2]], model.predict_proba(X), rtol=1e-6)


def test_the_estimator_is_left_as_it_was():
    model = LogisticRegression().fit(X, y)
    before = dict(vars(model))
    kept(get_scorer("roc_auc"), model)
    assert vars(model) == before


def test_other_rows_are_never_answered_from_memory():
    model = LogisticRegression().fit(X, y)
    with asked_once(model, X):
        model.predict(X)
        assert len(model.predict(X[:3])) == 3


class Silent(ClassifierMixin, BaseEstimator):
    """Predicts nothing that could be kept."""

    def predict(self, X):
        return [object()] * len(X)


def test_what_is_no_number_is_not_kept():
    plan = PredictionPlan(None, CLASSES)
    assert plan.of(Silent(), X, ["predict"]) is None


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="not among the classes"):
        codes_of(np.array(["maybe"]), CLASSES)
    with pytest.raises(ValueError, match="not among the classes"):
        codes_of(np.array(["zebra"]), CLASSES)


# ---- the store


def outcome(trial, fold, n=5):
    return FoldOutcome(
        trial, fold, 1.0, None, 0.0, 0.0, predictions=np.zeros(n, dtype=np.float32)
    )


class Trial:
    def __init__(self, id, twin=None):
        self.id, self.twin = id, twin


def test_the_store_gives_back_all_folds_or_none():
    store = PredictionStore()
    store.put(outcome(0, 1))
    assert store.get(Trial(0), 2) is None
    store.put(outcome(0, 0))
    assert len(store.get(Trial(0), 2)) == 2
    assert store.get(Trial(7, twin=Trial(0)), 2) is not None


def test_the_store_forgets_what_is_dropped():
    store = PredictionStore()
    store.put(outcome(0, 0))
    store.drop(Trial(0))
    assert store.n_bytes == 0
    assert store.get(Trial(0), 1) is None


def test_a_full_store_lets_go_of_everything_and_says_so_once():
    said = []
    store = PredictionStore(max_bytes=50, on_full=lambda: said.append(1))
    for fold in range(5):
        store.put(outcome(0, fold))
    assert said == [1]
    assert store.get(Trial(0), 2) is None
