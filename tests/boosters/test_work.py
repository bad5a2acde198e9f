"""The work of the libraries' boosters: rounds, leaves and classes count."""

import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification

from skhpo.evaluation._work import tells_work, work_of

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
catboost = pytest.importorskip("catboost")

pytestmark = pytest.mark.boosters

X, y = make_classification(200, 8, n_informative=6, n_classes=3, random_state=0)

QUIET = dict(verbose=0, thread_count=1, allow_writing_files=False, random_seed=0)
BOOSTERS = {
    "lightgbm": (lightgbm.LGBMClassifier(n_jobs=1, verbose=-1), "num_leaves"),
    "lightgbm regressor": (lightgbm.LGBMRegressor(n_jobs=1, verbose=-1), "num_leaves"),
    "xgboost": (xgboost.XGBClassifier(n_jobs=1), "max_depth"),
    "xgboost regressor": (xgboost.XGBRegressor(n_jobs=1), "max_depth"),
    "xgboost forest": (xgboost.XGBRFRegressor(n_jobs=1), "max_depth"),
    "catboost": (catboost.CatBoostClassifier(**QUIET), "depth"),
    "catboost regressor": (catboost.CatBoostRegressor(**QUIET), "depth"),
}


def work(booster, **params):
    model = clone(booster).set_params(**params).fit(X, y)
    found, error = work_of(model, X, X)
    assert error is None
    return found


@pytest.mark.parametrize("name", BOOSTERS)
def test_rounds_and_leaves_count(name):
    booster, leaves = BOOSTERS[name]
    rounds = "iterations" if "catboost" in name else "n_estimators"
    usual = work(booster, **{rounds: 10, leaves: 6})
    assert work(booster, **{rounds: 10, leaves: 6}) == usual
    assert work(booster, **{rounds: 80, leaves: 6}) > 3.0 * usual
    assert work(booster, **{rounds: 10, leaves: 2}) < 0.8 * usual
    assert tells_work(booster)


def test_each_class_has_a_tree_of_its_own():
    for booster in (BOOSTERS["lightgbm"][0], BOOSTERS["xgboost"][0]):
        three = work(booster, n_estimators=10)
        model = clone(booster).set_params(n_estimators=10).fit(X, y > 0)
        assert work_of(model, X, X)[0] < 0.7 * three
