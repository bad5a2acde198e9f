"""EarlyStoppingSplit: which rows validate, and how long the model is trained."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skhpo import BayesSearchCV
from skhpo.model_selection import EarlyStoppingSplit, nested_cross_validate
from skhpo.model_selection._boosters import Booster

X, Y = make_classification(120, 5, flip_y=0.3, random_state=0)
Z = X[:, 0] + np.random.default_rng(0).normal(size=120)
W = np.random.default_rng(1).uniform(0.2, 2.0, 120)
G = np.repeat(np.arange(30), 4)
CLASSIFIER = GradientBoostingClassifier(n_estimators=40, random_state=0)
REGRESSOR = GradientBoostingRegressor(n_estimators=40, random_state=0)


def best_by_stages(booster, X, y, train, test, weights=None):
    """Return the number of rounds after which the validation loss is lowest."""
    fit_params = {} if weights is None else {"sample_weight": weights[train]}
    model = clone(booster).fit(X[train], y[train], **fit_params)
    w = None if weights is None else weights[test]
    if is_classifier(model):
        stages = model.staged_predict_proba(X[test])
        losses = [log_loss(y[test], p, sample_weight=w) for p in stages]
    else:
        stages = model.staged_predict(X[test])
        losses = [mean_squared_error(y[test], p, sample_weight=w) for p in stages]
    return 1 + int(np.argmin(losses))


# ---- the number of rounds


@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("model, y", [(CLASSIFIER, Y), (REGRESSOR, Z)])
def test_rounds_are_those_of_the_best_stage(model, y, weights):
    cv = KFold(3, shuffle=True, random_state=0)
    params = {} if weights is None else {"sample_weight": weights}
    ours = EarlyStoppingSplit(model, cv=cv, n_iter_no_change=40).fit(X, y, **params)
    expected = [best_by_stages(model, X, y, *rows, weights) for rows in cv.split(X)]
    assert ours.best_iterations_ == expected
    assert ours.n_iter_ == round(np.mean(expected))
    by_hand = clone(model).set_params(n_estimators=ours.n_iter_).fit(X, y, **params)
    np.testing.assert_array_equal(ours.predict(X), by_hand.predict(X))


@pytest.mark.parametrize(
    "model, y",
    [
        (HistGradientBoostingClassifier(max_iter=40, random_state=0), Y),
        (HistGradientBoostingRegressor(max_iter=40, random_state=0), Z),
    ],
)
def test_rounds_of_histograms_are_those_of_the_best_stage(model, y):
    cv = KFold(3, shuffle=True, random_state=0)
    ours = EarlyStoppingSplit(model, cv=cv, n_iter_no_change=40).fit(X, y)
    expected = [best_by_stages(model, X, y, *rows) for rows in cv.split(X)]
    assert ours.best_iterations_ == expected
    assert ours.estimator_.n_iter_ == ours.n_iter_


def test_patience_ends_the_training_of_a_split():
    calls = []

    def scoring(model, X, y):
        calls.append(len(model.estimators_))
        return -abs(len(model.estimators_) - 4)

    model = EarlyStoppingSplit(
        REGRESSOR, cv=ShuffleSplit(1), n_iter_no_change=3, scoring=scoring
    ).fit(X, Z)
    assert calls == [1, 2, 3, 4, 5, 6, 7]
    assert model.n_iter_ == 4


@pytest.mark.parametrize(
    "library, name",
    [
        ("xgboost", "XGBClassifier"),
        ("xgboost", "XGBRegressor"),
        ("lightgbm", "LGBMClassifier"),
        ("lightgbm", "LGBMRegressor"),
        ("catboost", "CatBoostClassifier"),
        ("catboost", "CatBoostRegressor"),
    ],
)
def test_boosting_libraries_stop_by_rows_of_the_training_set(library, name):
    module = pytest.importorskip(library)
    quiet = {"verbose": 0 if library != "lightgbm" else -1}
    model = getattr(module, name)(n_estimators=60, random_state=0, **quiet)
    y = Y if "Classifier" in name else Z
    ours = EarlyStoppingSplit(model, n_iter_no_change=5).fit(X, y, sample_weight=W)
    assert len(ours.best_iterations_) == 3
    assert 1 <= ours.n_iter_ < 60
    by_hand = clone(model).set_params(n_estimators=ours.n_iter_)
    by_hand.fit(X, y, sample_weight=W)
    np.testing.assert_allclose(ours.predict(X), by_hand.predict(X), rtol=1e-6)
    in_pipeline = EarlyStoppingSplit(make_pipeline(StandardScaler(), model))
    assert in_pipeline.fit(X, y).n_iter_ < 60


def test_the_model_of_a_known_length_does_not_stop_itself():
    model = HistGradientBoostingClassifier(max_iter=30, early_stopping=True)
    fitted = EarlyStoppingSplit(model).fit(X, Y).estimator_
    assert fitted.early_stopping is False
    assert fitted.n_iter_ == fitted.max_iter
    stops = clone(REGRESSOR).set_params(n_iter_no_change=2)
    fitted = EarlyStoppingSplit(stops).fit(X, Z).estimator_
    assert fitted.n_iter_no_change is None
    assert model.early_stopping is True  # the user's is left alone


# ---- the rows


class Spy(GradientBoostingRegressor):
    """Keeps the rows of each fit, by column 0."""

    FITS = []

    def fit(self, X, y, **params):
        self.FITS.append(set(X[:, 0]))
        return super().fit(X, y, **params)

    def predict(self, X):
        assert not (self.FITS[-1] & set(X[:, 0])) or len(X) == 120
        return super().predict(X)


ROWS = np.column_stack([np.arange(120.0), G, Z])


def rows_of_last_fits(**arguments):
    Spy.FITS.clear()
    EarlyStoppingSplit(
        Spy(n_estimators=2, n_iter_no_change=None), **arguments.pop("init")
    ).fit(ROWS, Z, **arguments)
    *splits, refit = Spy.FITS
    assert refit == set(ROWS[:, 0])
    return {frozenset(rows) for rows in splits}


@pytest.mark.parametrize("name", ["groups", "validation_groups"])
@pytest.mark.parametrize("cv", [3, GroupKFold(3)])
def test_validation_rows_are_whole_groups(name, cv):
    for rows in rows_of_last_fits(init={"cv": cv}, **{name: G}):
        inside = set(G[[int(row) for row in rows]])
        outside = set(np.delete(G, [int(row) for row in rows]))
        assert not inside & outside


def test_validation_rows_come_later_with_a_splitter_of_time():
    rows = rows_of_last_fits(init={"cv": TimeSeriesSplit(3)})
    assert rows == {frozenset(range(n)) for n in (30, 60, 90)}


def test_a_splitter_that_tears_groups_apart_is_refused():
    with pytest.raises(ValueError, match=r"Use cv=GroupKFold\(3\), or cv=3"):
        cv = KFold(3, shuffle=True)
        EarlyStoppingSplit(REGRESSOR, cv=cv).fit(X, Z, groups=G)


def test_transformers_see_the_training_part_only():
    seen = []

    class Scaler(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            seen.append(len(X))
            return super().fit(X, y)

    model = make_pipeline(Scaler(), REGRESSOR)
    EarlyStoppingSplit(model, cv=KFold(3)).fit(X, Z)
    assert seen == [80, 80, 80, 120]


@pytest.mark.parametrize("routing", [False, True])
def test_weights_go_through_a_pipeline(routing):
    with config_context(enable_metadata_routing=routing):
        name, booster = "gradientboostingregressor__sample_weight", clone(REGRESSOR)
        if routing:
            name = "sample_weight"
            booster.set_fit_request(sample_weight=True)
        pipeline = make_pipeline("passthrough", booster)
        ours = EarlyStoppingSplit(pipeline).fit(X, Z, **{name: W})
    plain = EarlyStoppingSplit(REGRESSOR).fit(X, Z, sample_weight=W)
    assert ours.best_iterations_ == plain.best_iterations_
    np.testing.assert_array_equal(ours.predict(X), plain.predict(X))


# ---- inside searches


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("make", [GridSearchCV, BayesSearchCV])
def test_groups_reach_it_through_searches_and_nested_folds(make, routing):
    space = {"estimator__max_depth": [1, 2]}
    with config_context(enable_metadata_routing=routing):
        model = EarlyStoppingSplit(Spy(n_estimators=3), cv=3)
        search = make(model, space, cv=GroupKFold(3))
        params = {"groups": G}
        if not routing:
            params["validation_groups"] = G
        Spy.FITS.clear()
        result = nested_cross_validate(
            search, ROWS, Z, outer_cv=GroupKFold(3), params=params
        )
    assert len(result.test_score) == 3
    for rows in Spy.FITS:  # whole groups, however deep
        inside = G[[int(row) for row in rows]]
        assert (np.unique(inside, return_counts=True)[1] == 4).all()


def test_it_is_an_estimator_like_the_one_inside():
    model = EarlyStoppingSplit(CLASSIFIER)
    assert is_classifier(model)
    assert is_regressor(EarlyStoppingSplit(REGRESSOR))
    assert hasattr(model, "predict_proba")
    assert not hasattr(EarlyStoppingSplit(REGRESSOR), "predict_proba")
    model.fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert model.classes_.tolist() == [0, 1]
    assert model.n_features_in_ == 5
    assert model.score(X, Y) == model.estimator_.score(X, Y)
    assert "estimator__max_depth" in model.get_params()


@pytest.mark.slow
@pytest.mark.parametrize("model", [CLASSIFIER, HistGradientBoostingRegressor()])
def test_it_passes_the_checks_of_scikit_learn(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(EarlyStoppingSplit(model, cv=2))


# ---- bad input


@pytest.mark.parametrize(
    "model", [LogisticRegression(), RandomForestClassifier(), "passthrough"]
)
def test_what_does_not_boost_is_refused(model):
    with pytest.raises(TypeError, match="needs a booster"):
        EarlyStoppingSplit(model).fit(X, Y)


def test_a_validation_set_of_the_users_is_refused():
    with pytest.raises(ValueError, match="'eval_set' is one validation set"):
        EarlyStoppingSplit(CLASSIFIER).fit(X, Y, eval_set=[(X, Y)])


@pytest.mark.parametrize("n", [0, -1, True, 2.5])
def test_patience_is_a_positive_integer(n):
    with pytest.raises(ValueError, match="n_iter_no_change must be an integer >= 1"):
        EarlyStoppingSplit(CLASSIFIER, n_iter_no_change=n).fit(X, Y)


def test_boosters_are_found_at_the_end_of_pipelines():
    booster = Booster.of(make_pipeline(StandardScaler(), CLASSIFIER))
    assert booster.prefix == "gradientboostingclassifier__"
    assert booster.param == "n_estimators"
    assert Booster.of(HistGradientBoostingRegressor()).param == "max_iter"
