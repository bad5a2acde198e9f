"""Prior work: a guess from the parameters alone, which orders settings as work does."""

from math import isnan, nan

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import ensemble, linear_model, svm
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skhpo.evaluation._prior_work import prior_work
from skhpo.evaluation._work import work_of
from skhpo.space import Space

X, y = make_classification(120, 8, n_informative=5, flip_y=0.1, random_state=0)
LOG = "log-uniform"

FAMILIES = {
    "hist": (
        ensemble.HistGradientBoostingClassifier(early_stopping=False),
        {
            "max_iter": (1, 8, LOG),
            "max_leaf_nodes": (2, 32, LOG),
            "min_samples_leaf": (2, 40, LOG),
        },
    ),
    "gradient": (
        ensemble.GradientBoostingClassifier(random_state=0),
        {"n_estimators": (1, 9, LOG), "max_depth": (1, 6), "subsample": (0.3, 1.0)},
    ),
    "forest": (
        ensemble.RandomForestClassifier(random_state=0),
        {
            "n_estimators": (1, 9, LOG),
            "max_features": (0.1, 1.0),
            "min_samples_leaf": (1, 30, LOG),
            "max_depth": (1, 10),
            "bootstrap": [True, False],
        },
    ),
    "tree": (
        DecisionTreeClassifier(random_state=0),
        {"max_features": ["sqrt", "log2", None, 3], "max_leaf_nodes": (2, 40, LOG)},
    ),
    "bagging": (
        ensemble.BaggingClassifier(DecisionTreeClassifier(), random_state=0),
        {
            "n_estimators": (1, 6, LOG),
            "max_samples": (0.1, 1.0),
            "estimator__max_depth": (1, 6),
        },
    ),
    "sgd": (
        make_pipeline(StandardScaler(), linear_model.SGDClassifier(tol=None)),
        {"sgdclassifier__max_iter": (1, 40, LOG)},
    ),
    "mlp": (
        make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
        {
            "mlpclassifier__max_iter": (1, 6, LOG),
            "mlpclassifier__hidden_layer_sizes": [(4,), (16,), (64,), (16, 16)],
            "mlpclassifier__batch_size": (16, 96, LOG),
        },
    ),
}


def guess(estimator, **params):
    return prior_work(estimator, params, *X.shape)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_it_orders_settings_as_the_work_of_fitted_models_does(family):
    estimator, space = FAMILIES[family]
    space = Space(space)
    settings = map(space.to_params, space.sample(20, np.random.default_rng(0)))
    pairs = [
        (
            guess(estimator, **params),
            work_of(clone(estimator).set_params(**params).fit(X, y), X, X)[0],
        )
        for params in settings
    ]
    assert spearmanr(*zip(*pairs, strict=True)).statistic >= 0.8


@pytest.mark.parametrize(
    ("kind", "rounds", "leaves"),
    [
        ("lightgbm.LGBMClassifier", "n_estimators", "num_leaves"),
        ("xgboost.XGBClassifier", "n_estimators", "max_depth"),
        ("catboost.CatBoostClassifier", "iterations", "depth"),
    ],
)
def test_boosters_of_other_libraries_have_one(kind, rounds, leaves):
    library, name = kind.split(".")
    booster = getattr(pytest.importorskip(library), name)()
    few = guess(booster, **{rounds: 10, leaves: 2})
    assert 0 < few < guess(booster, **{rounds: 10, leaves: 5})
    assert 2 * few < guess(booster, **{rounds: 100, leaves: 2}) < guess(booster)


def test_nested_names_and_replaced_steps_are_followed():
    forest, tree = ensemble.RandomForestClassifier(), DecisionTreeClassifier()
    inner = Pipeline([("scale", StandardScaler()), ("model", forest)])
    pipe = Pipeline([("outer", "passthrough"), ("inner", inner)])
    expected = guess(forest, n_estimators=7)
    assert guess(pipe, inner__model__n_estimators=7) == expected
    assert guess(pipe, inner__model=tree) == guess(tree)
    params = dict(inner__model=tree, inner__model__max_depth=2)
    assert guess(pipe, **params) == guess(tree, max_depth=2)
    assert guess(pipe, inner=forest, inner__n_estimators=7) == expected
    assert forest.n_estimators == 100
    assert pipe.steps[1][1] is inner


def test_none_is_a_value():
    hist = ensemble.HistGradientBoostingClassifier(max_leaf_nodes=2)
    assert guess(hist, max_leaf_nodes=None) > guess(hist)


class Telling(DecisionTreeClassifier):
    def __skhpo_work__(self):
        return 1.0


class Unknown(BaseEstimator):
    def fit(self, X, y=None):
        return self


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (Unknown(), {}),
        (Telling(), {}),
        (svm.SVC(), {"C": 10.0}),
        (ensemble.BaggingClassifier(svm.SVC()), {}),
        (ensemble.RandomForestClassifier(), {"n_estimators": "many"}),
        (ensemble.RandomForestClassifier(), {"n_estimators": nan}),
        (Pipeline([("model", "passthrough")]), {}),
    ],
)
def test_where_nothing_is_known_it_says_so(estimator, params):
    assert isnan(guess(estimator, **params))
