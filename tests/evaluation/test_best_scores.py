"""What a scorer returns at best."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    check_scoring,
    fbeta_score,
    get_scorer,
    get_scorer_names,
    make_scorer,
    mean_pinball_loss,
    mean_squared_error,
    zero_one_loss,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from skhpo.evaluation import best_possible_score, score_range

UNBOUNDED = {"mutual_info_score", "positive_likelihood_ratio"}


def best(scoring, estimator=None, **choices):
    """Return what is known of a scoring as the user writes it."""
    estimator = SVC() if estimator is None else estimator
    scorer = check_scoring(estimator, scoring)
    return best_possible_score(scorer, estimator, lambda name: choices.get(name, []))


@pytest.mark.parametrize("name", get_scorer_names())
def test_every_scorer_of_scikit_learn(name):
    if name in UNBOUNDED:
        assert best(name) is None
    else:
        assert best(name) == (0.0 if name.startswith("neg_") else 1.0)


class Told(BaseEstimator):
    """Predicts what it is told."""

    def __init__(self, predictions, kind):
        self.predictions = predictions
        self.kind = kind
        self._estimator_type = kind
        self.classes_ = np.array([0, 1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = self.kind
        return tags

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.predictions

    def predict_proba(self, X):
        p = np.where(self.predictions == 1, 0.9, 0.2)
        return np.column_stack([1 - p, p])

    def decision_function(self, X):
        return self.predictions


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(set(get_scorer_names()) - UNBOUNDED))
def test_no_score_is_above_its_bound(name):
    rng = np.random.default_rng(0)
    n_scored = 0
    for _ in range(50):
        n = rng.integers(2, 12)
        classes = rng.integers(2, size=n)
        labels = np.where(rng.uniform(size=n) < rng.uniform(), classes, 1 - classes)
        numbers = rng.lognormal(size=n)
        guesses = numbers * np.exp(rng.choice([0, 1e-9, 1]) * rng.normal(size=n))
        for y, p, kind in (
            (classes, labels, "classifier"),
            (numbers, guesses, "regressor"),
        ):
            try:
                score = get_scorer(name)(Told(p, kind), np.zeros((n, 1)), y)
            except ValueError:  # a metric for the other kind
                continue
            n_scored += np.isfinite(score)
            assert not score > best(name) + 1e-12
            assert not score < limits(name)[0] - 1e-12
    if "samples" not in name:  # multilabel only
        assert n_scored >= 20


def accuracy(y_true, y_pred):
    return float(np.mean(y_true == y_pred))


@pytest.mark.parametrize(
    "scoring, expected",
    [
        (make_scorer(fbeta_score, beta=2), 1.0),
        (make_scorer(mean_squared_error, greater_is_better=False), 0.0),
        (make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False), 0.0),
        (make_scorer(mean_squared_error), None),  # a mistake, but no bound
        (make_scorer(accuracy_score, greater_is_better=False), None),
        (make_scorer(accuracy_score, normalize=False), None),  # a count
        (make_scorer(accuracy), None),
        (lambda estimator, X, y: 0.5, None),
    ],
)
def test_scorers_of_the_users(scoring, expected):
    assert best(scoring) == expected


def limits(scoring, estimator=None):
    estimator = SVC() if estimator is None else estimator
    return score_range(check_scoring(estimator, scoring), estimator, lambda _: ())


@pytest.mark.parametrize(
    "scoring, estimator, expected",
    [
        (None, SVC(), (0, 1)),
        (None, SVR(), (-np.inf, 1)),
        (None, make_pipeline(PCA(), KNeighborsClassifier()), (0, 1)),
        (None, KMeans(), (-np.inf, np.inf)),
        ("roc_auc", None, (0, 1)),
        ("balanced_accuracy", None, (0, 1)),
        ("matthews_corrcoef", None, (-1, 1)),
        ("r2", None, (-np.inf, 1)),
        ("neg_log_loss", None, (-np.inf, 0)),
        ("neg_mean_absolute_error", None, (-np.inf, 0)),
        (make_scorer(accuracy_score, normalize=False), None, (0, np.inf)),
        (make_scorer(balanced_accuracy_score, adjusted=True), None, (-1, 1)),
        (make_scorer(zero_one_loss, greater_is_better=False), None, (-1, 0)),
        (make_scorer(mean_squared_error), None, (-np.inf, np.inf)),
        (lambda estimator, X, y: 0.5, None, (-np.inf, np.inf)),
    ],
)
def test_the_range_of_a_score(scoring, estimator, expected):
    assert limits(scoring, estimator) == expected


class OwnScore(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y):
        return 17.0


@pytest.mark.parametrize(
    "estimator, expected",
    [
        (SVC(), 1.0),
        (SVR(), 1.0),
        (KNeighborsClassifier(), 1.0),  # overrides score: X may be None
        (DummyRegressor(), 1.0),
        (RandomForestClassifier(), 1.0),
        (TransformedTargetRegressor(Ridge()), 1.0),
        (make_pipeline(StandardScaler(), SVC()), 1.0),
        (make_pipeline(StandardScaler(), make_pipeline(PCA(), Ridge())), 1.0),
        (OwnScore(), None),
        (make_pipeline(StandardScaler(), OwnScore()), None),
        (KernelDensity(), None),
        (KMeans(), None),
        (PCA(), None),
        (GridSearchCV(SVC(), {"C": [1]}, scoring="neg_log_loss"), None),
    ],
)
def test_the_estimators_own_score(estimator, expected):
    assert best(None, estimator) == expected


def test_estimators_that_the_search_puts_in_place_count_too():
    pipe = Pipeline([("scale", PCA()), ("clf", SVC())])
    assert best(None, pipe, scale=[PCA(), "passthrough"]) == 1.0  # is not scored
    assert best(None, pipe, clf=[SVC(), LogisticRegression()]) == 1.0
    assert best(None, pipe, clf=[SVC(), OwnScore()]) is None
    assert best(None, pipe, clf=["passthrough"]) is None
    assert best(None, pipe, steps=[[("clf", OwnScore())]]) is None
    inner = Pipeline([("last", SVC())])
    nested = dict(clf=[inner], clf__last=[OwnScore()])
    assert best(None, pipe, **nested) is None
    assert best("accuracy", pipe, **nested) == 1.0
