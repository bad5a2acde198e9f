"""Each guard says one thing, and nothing where there is nothing to say."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, TimeSeriesSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo import BayesSearchCV, HyperbandSearchCV
from skhpo.model_selection import EarlyStoppingSplit, LeakageWarning
from skhpo.model_selection._guards import (
    fixed_eval_set,
    own_early_stopping,
    split_facts,
)

N = 24
X = np.random.default_rng(0).normal(size=(N, 2))
y = np.tile([0, 1], N // 2)
g = np.repeat(np.arange(8), 3)


def facts_of(cv, groups=None, when=None):
    return split_facts(list(cv.split(X, y, groups)), groups, when)


def messages(record):
    return [str(w.message) for w in record if w.category is LeakageWarning]


def fit(search, *args, **params):
    """Fit; return what the guards said."""
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        search.fit(*args, **params)
    return messages(record)


def search(estimator, space=None, **parameters):
    space = {"alpha": [1e-3, 1.0]} if space is None else space
    return BayesSearchCV(estimator, space, **{"cv": 3, **parameters})


# ---- facts


def test_splits_are_judged_by_what_they_do():
    assert facts_of(TimeSeriesSplit(3)).is_series
    assert not facts_of(KFold(3)).is_ordered
    assert facts_of(GroupKFold(3), g).keeps_groups is True
    assert facts_of(KFold(4), g).keeps_groups is True  # blocks of two whole groups
    assert facts_of(KFold(4, shuffle=True, random_state=0), g).keeps_groups is False
    assert facts_of(LeaveOneOut()).keeps_groups is None


def test_one_hold_out_at_the_end_is_in_order_but_no_series():
    facts = split_facts([(np.arange(20), np.arange(20, 24))])
    assert (facts.is_ordered, facts.is_series) == (True, False)


def test_times_count_where_there_are_any():
    splits = list(TimeSeriesSplit(3).split(X))
    assert split_facts(splits, when=np.arange(N) // 6).is_ordered
    assert not split_facts(splits, when=np.arange(N)[::-1]).is_ordered


# ---- in the searches


def test_a_search_warns_of_groups_torn_apart_once():
    cv = KFold(3, shuffle=True, random_state=0)
    (message,) = fit(search(Ridge(), cv=cv), X, y, groups=g)
    assert "cv=KFold" in message
    assert "cv=GroupKFold(5)" in message
    assert fit(search(Ridge(), cv=GroupKFold(3)), X, y, groups=g) == []
    assert fit(search(Ridge(), cv=cv), X, y) == []


@pytest.mark.parametrize("groups", [g[1:], ["a", None, 3.0] * 8], ids=["short", "odd"])
def test_groups_that_nobody_uses_do_no_harm(groups):
    search(Ridge()).fit(X, y, groups=groups)


@pytest.mark.parametrize("kind", ["dates", "periods", "spans"])
def test_a_search_warns_of_times_torn_apart(kind):
    index = {
        "dates": pd.date_range("2026", periods=N),
        "periods": pd.period_range("2026", periods=N, freq="D"),
        "spans": pd.timedelta_range("1h", periods=N),
    }[kind]
    timed = pd.DataFrame(X, index=index)
    (message,) = fit(search(Ridge()), timed, y)
    assert "cv=TimeSeriesSplit(5)" in message
    assert "reset_index" in message
    assert fit(search(Ridge(), cv=TimeSeriesSplit(3)), timed, y) == []
    assert fit(search(Ridge()), timed.reset_index(drop=True), y) == []


def test_hyperband_warns_at_the_same_place():
    timed = pd.DataFrame(X, index=pd.date_range("2026", periods=N))
    rungs = HyperbandSearchCV(
        SGDClassifier(), {"alpha": (1e-4, 1e-2)}, max_resource=3, n_candidates=3, cv=2
    )
    assert len(fit(rungs, timed, y)) == 1


def test_warning_points_at_the_line_of_the_user():
    timed = pd.DataFrame(X, index=pd.date_range("2026", periods=N))
    with pytest.warns(LeakageWarning) as record:
        search(Ridge()).fit(timed, y)
    (warning,) = [w for w in record if w.category is LeakageWarning]
    assert warning.filename == __file__


# ---- early stopping


@pytest.mark.parametrize(
    "estimator, off",
    [
        (HistGradientBoostingClassifier(early_stopping=True), "early_stopping=False"),
        (GradientBoostingRegressor(n_iter_no_change=5), "n_iter_no_change=None"),
        (MLPClassifier(early_stopping=True), "early_stopping=False"),
        (
            make_pipeline(StandardScaler(), SGDClassifier(early_stopping=True)),
            "sgdclassifier__early_stopping=False",
        ),
    ],
)
def test_early_stopping_by_any_rows_is_found(estimator, off):
    grouped, timed = facts_of(GroupKFold(3), g), facts_of(TimeSeriesSplit(3))
    assert off in own_early_stopping(estimator, grouped, N)
    assert "keep groups together" in own_early_stopping(estimator, grouped, N)
    assert "respect time" in own_early_stopping(estimator, timed, N)
    assert own_early_stopping(estimator, facts_of(KFold(3)), N) is None


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(),
        HistGradientBoostingClassifier(early_stopping=False),
        GradientBoostingRegressor(),
        MLPClassifier(),
        Ridge(),
        EarlyStoppingSplit(
            HistGradientBoostingClassifier(early_stopping=True), cv=GroupKFold(3)
        ),
    ],
)
def test_where_nothing_stops_nothing_is_said(estimator):
    assert own_early_stopping(estimator, facts_of(GroupKFold(3), g), N) is None


def test_automatic_early_stopping_is_on_from_10_000_rows():
    model, facts = HistGradientBoostingClassifier(), facts_of(GroupKFold(3), g)
    assert own_early_stopping(model, facts, 10_000) is None
    assert "early_stopping='auto'" in own_early_stopping(model, facts, 10_001)
    assert own_early_stopping(model, facts, 10_001, auto_stops=False) is None


def test_early_stopping_split_must_hear_of_groups_and_time():
    model = EarlyStoppingSplit(GradientBoostingRegressor())
    grouped, timed = facts_of(GroupKFold(3), g), facts_of(TimeSeriesSplit(3))
    assert "validation_groups" in own_early_stopping(model, grouped, N)
    told = {"validation_groups": g}
    assert own_early_stopping(model, grouped, N, told) is None
    assert "cv=TimeSeriesSplit(3)" in own_early_stopping(model, timed, N)
    model.set_params(cv=TimeSeriesSplit(2))
    assert own_early_stopping(model, timed, N) is None


def test_a_search_warns_of_early_stopping_under_groups():
    booster = GradientBoostingRegressor(n_estimators=2, n_iter_no_change=1)
    space = {"max_depth": [1, 2]}
    (message,) = fit(search(booster, space, cv=GroupKFold(3)), X, y, groups=g)
    assert "EarlyStoppingSplit" in message


# ---- validation sets


class Listener(ClassifierMixin, BaseEstimator):
    """Takes a validation set, as the boosting libraries do."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y, eval_set=None):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(np.shape(X)[0], int)


@pytest.mark.parametrize("wrap", [np.asarray, pd.DataFrame, sparse.csr_array])
@pytest.mark.parametrize("as_list", [True, False])
def test_a_validation_set_with_rows_of_x_is_refused(wrap, as_list):
    pair = (wrap(X[:5]), y[:5])
    eval_set = [(wrap(X[:2] + 9), y[:2]), pair] if as_list else pair
    with pytest.raises(ValueError, match="shares rows with X.*'eval_set'.*EarlySt"):
        search(Listener()).fit(X, y, eval_set=eval_set)


def test_a_validation_set_of_other_rows_is_left_to_the_user():
    assert fit(search(Listener()), X, y, eval_set=[(X + 9, y)]) == []
    assert fit(search(Listener()), X, y, eval_set=None) == []


@pytest.mark.parametrize("name", ["eval_set", "clf__eval_set", "X_val", "eval_X"])
def test_validation_sets_are_known_by_name(name):
    assert name in fixed_eval_set({name: X})
    assert fixed_eval_set({"sample_weight": y}) is None
