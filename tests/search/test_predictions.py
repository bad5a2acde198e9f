"""``store_predictions``: what every search keeps, and what it costs."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_val_predict,
)

from skhpo import BayesSearchCV, HyperbandSearchCV
from skhpo.search import _predictions
from skhpo.search._predictions import repeats_of

from .doors import DOORS, every_door
from .doors import X as X_TOY
from .doors import y as y_toy
from .spies import Faulty, Toy

X, labels = load_iris(return_X_y=True)
X, labels = X[::3], labels[::3]
names = np.array(["setosa", "versicolor", "virginica"])[labels]
two = np.where(labels == 0, "no", "yes")
number = load_diabetes(return_X_y=True)[1][:50]

MODEL = LogisticRegression(max_iter=300)
SPACE = {"C": [0.01, 0.1, 1.0, 10.0]}
random = partial(BayesSearchCV, optimizer="random", n_iter=4, random_state=0)


def fitted(y, *, model=MODEL, space=SPACE, store_predictions=True, **arguments):
    arguments = {"cv": KFold(3, shuffle=True, random_state=0), **arguments}
    search = random(model, space, store_predictions=store_predictions, **arguments)
    return search.fit(X, y)


@pytest.mark.parametrize(
    ("y", "scoring", "method"),
    [
        (names, None, "predict"),
        (names, "accuracy", "predict"),
        (names, "neg_log_loss", "predict_proba"),
        (names, "roc_auc_ovr", "predict_proba"),
        (names, ["neg_log_loss", "accuracy"], "predict"),
    ],
)
def test_predictions_are_those_of_cross_val_predict(y, scoring, method):
    several = isinstance(scoring, list)
    search = fitted(y, scoring=scoring, refit="accuracy" if several else True)
    assert list(search.predictions_) == [0, 1, 2, 3]
    for row, params in enumerate(search.cv_results_["params"]):
        model = clone(MODEL).set_params(**params)
        theirs = cross_val_predict(model, X, y, cv=search.cv, method=method)
        ours = search.predictions_[row]
        if method == "predict":
            assert ours.dtype == theirs.dtype
            assert (ours == theirs).all()
        else:
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_of_two_classes_it_is_the_probability_of_the_second():
    search = fitted(two, scoring="neg_log_loss")
    model = clone(MODEL).set_params(**search.cv_results_["params"][1])
    theirs = cross_val_predict(model, X, two, cv=search.cv, method="predict_proba")
    np.testing.assert_allclose(search.predictions_[1], theirs[:, 1], atol=1e-6)


def test_predictions_of_numbers():
    space = {"alpha": [0.1, 1.0, 10.0]}
    search = fitted(number, model=Ridge(), space=space)
    model = Ridge(**search.cv_results_["params"][0])
    theirs = cross_val_predict(model, X, number, cv=search.cv)
    np.testing.assert_allclose(search.predictions_[0], theirs, rtol=1e-6)


def test_rows_that_are_never_tested_are_nan():
    search = fitted(
        number, model=Ridge(), space={"alpha": [1.0]}, cv=TimeSeriesSplit(4)
    )
    is_known = ~np.isnan(search.predictions_[0])
    assert not is_known[:10].any()
    assert is_known[10:].all()


@pytest.mark.parametrize(("y", "kind"), [(labels, float), (names, object)])
def test_labels_of_rows_that_are_never_tested_are_nan(y, kind):
    cv = ShuffleSplit(1, test_size=10, random_state=0)
    values = fitted(y, cv=cv).predictions_[0]
    assert values.dtype == kind
    assert sum(value == value for value in values) == 10


def test_repeated_splits_have_an_array_per_repeat():
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    search = fitted(names, cv=cv)
    assert search.predictions_.n_repeats == 2
    assert search.predictions_[0].shape == (2, 50)
    first, model = list(cv.split(X))[0], clone(MODEL)
    model.set_params(**search.cv_results_["params"][0]).fit(
        X[first[0]], names[first[0]]
    )
    assert (search.predictions_[0][0, first[1]] == model.predict(X[first[1]])).all()


def test_folds_that_share_test_rows_are_of_different_repeats():
    assert repeats_of([[0, 1], [2, 3], [1, 2], [0, 3], [3]]).tolist() == [0, 0, 1, 1, 2]


@every_door
def test_every_search_keeps_predictions(door):
    search = door.search(Toy(), {"a": (0.0, 1.0)}, store_predictions=True)
    search.fit(X_TOY, y_toy)
    assert len(search.predictions_) == len(search.cv_results_["params"])
    assert (search.predictions_[search.best_index_] == 0).all()  # what Toy predicts


@every_door
def test_without_store_predictions_there_are_none(door):
    search = door.search(Toy(), {"a": (0.0, 1.0)}).fit(X_TOY, y_toy)
    assert not hasattr(search, "predictions_")


@every_door
def test_the_table_is_the_same_with_predictions(door):
    def table(store_predictions):
        search = door.search(
            Toy(), {"a": (0.0, 1.0)}, store_predictions=store_predictions
        )
        return search.fit(X_TOY, y_toy).cv_results_

    with_, without = table("auto"), table(False)
    assert with_.keys() == without.keys()
    assert list(with_["mean_test_score"]) == list(without["mean_test_score"])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_predictions_come_back_from_workers(n_jobs):
    search = fitted(names, scoring="neg_log_loss", n_jobs=n_jobs)
    assert search.predictions_[0].shape == (50, 3)


def test_a_fitted_search_pickles_with_its_predictions():
    search = fitted(names)
    twin = pickle.loads(pickle.dumps(search))
    assert (twin.predictions_[2] == search.predictions_[2]).all()
    assert twin.score_estimate_ == search.score_estimate_


def test_a_failed_candidate_has_no_predictions():
    space = {"fault": ["none", "fit", "nan", "predict"]}
    search = random(Faulty(), space, store_predictions=True, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X_TOY, y_toy)
    assert list(search.predictions_) == [0]
    with pytest.raises(KeyError, match="No predictions of row 1.*complete.*: 0"):
        search.predictions_[1]


def test_a_candidate_that_is_raced_out_has_no_predictions():
    search = random(
        MODEL,
        {"C": (1e-5, 1e2, "log-uniform")},
        n_iter=15,
        racing="forgiving",
        cv=5,
        store_predictions=True,
    )
    search.set_params(n_iter=15).fit(X, labels)
    complete = np.flatnonzero(search.cv_results_["status"] == "complete")
    assert 0 < len(complete) < 15
    assert list(search.predictions_) == complete.tolist()


@pytest.mark.parametrize(
    "resource, most, is_every_row",
    [("n_estimators", 9, True), ("n_samples", 27, False)],
)
def test_a_search_in_rungs_keeps_those_that_may_be_best(resource, most, is_every_row):
    search = HyperbandSearchCV(
        RandomForestClassifier(n_estimators=3, random_state=0),
        {"max_depth": (1, 8)},
        resource=resource,
        max_resource=most,
        min_resource=most // 3,
        cv=3,
        random_state=0,
        store_predictions=True,
    ).fit(X, names)
    may_be_best = search.cv_results_["n_resources"] >= (0 if is_every_row else most)
    assert list(search.predictions_) == np.flatnonzero(may_be_best).tolist()
    assert search.best_index_ in search.predictions_


def test_equal_settings_share_their_predictions():
    search = BayesSearchCV(
        MODEL, {"C": [1.0, 1.0]}, n_iter=2, cv=3, store_predictions=True
    ).fit(X, names)
    assert (search.predictions_[0] == search.predictions_[1]).all()


def test_an_interrupted_search_keeps_what_was_finished():
    def stop(progress):
        if progress.n_done == 2:
            raise KeyboardInterrupt

    search = random(MODEL, SPACE, store_predictions=True, cv=3, callbacks=stop)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, names)
    assert len(search.predictions_) >= 2


def test_without_y_there_is_nothing_to_predict():
    search = random(Toy(), {"a": [0.1, 0.2]}, store_predictions=True, cv=3)
    with pytest.warns(UserWarning, match="no effect without y"):
        search.fit(X_TOY)
    assert not hasattr(search, "predictions_")


# ---- memory


def test_auto_keeps_nothing_where_it_would_be_too_much(monkeypatch):
    monkeypatch.setattr(_predictions, "AUTO_BYTES", 4 * 50 * 4 - 1)
    with pytest.warns(UserWarning, match="Predictions are not kept") as caught:
        search = fitted(names, store_predictions="auto")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert not hasattr(search, "predictions_")
    assert search.score_estimate_.method.startswith("Tibshirani")


def test_auto_keeps_what_just_fits(monkeypatch):
    monkeypatch.setattr(_predictions, "AUTO_BYTES", 4 * 50 * 4)
    assert len(fitted(names, store_predictions="auto").predictions_) == 4


def test_auto_stops_on_the_way_where_the_number_is_not_known(monkeypatch):
    monkeypatch.setattr(_predictions, "AUTO_BYTES", 4 * 50 * 2)
    search = random(
        MODEL,
        {"C": (0.1, 1.0)},
        n_iter=None,
        max_time=60,
        callbacks=lambda progress: progress.n_done == 5,
        store_predictions="auto",
        cv=3,
    )
    search.n_iter = None
    with pytest.warns(UserWarning, match="Predictions are not kept") as caught:
        search.fit(X, names)
    assert len(caught) == 1
    assert not hasattr(search, "predictions_")


def test_more_than_memory_is_refused_before_the_first_fit(monkeypatch):
    monkeypatch.setattr(_predictions, "machine_bytes", lambda: 1000)
    with pytest.raises(ValueError, match="would keep .* this machine has"):
        fitted(names)


def test_the_columns_of_several_classes_count(monkeypatch):
    monkeypatch.setattr(_predictions, "AUTO_BYTES", 4 * 50 * 4 * 3 - 1)
    with pytest.warns(UserWarning, match="Predictions are not kept"):
        fitted(names, scoring="neg_log_loss", store_predictions="auto")


def test_a_wrong_value_is_named():
    with pytest.raises(ValueError, match="store_predictions"):
        fitted(names, store_predictions="yes")


def test_the_repr_tells_how_much_is_kept():
    text = repr(fitted(names).predictions_)
    assert text == "<out-of-fold predictions of 4 candidates for 50 rows, 0.0 MB>"


def test_groups_are_remembered_as_numbers():
    groups = np.repeat([f"g{i}" for i in range(10)], 5)
    search = random(MODEL, SPACE, cv=GroupKFold(3), store_predictions=True)
    search.fit(X, names, groups=groups)
    assert len(np.unique(search.predictions_.target.groups)) == 10
    assert "rows" not in search.score_estimate_.method


def test_every_door_documents_and_takes_the_parameter():
    for door in DOORS:
        search = door.search(Toy(), {"a": (0.0, 1.0)})
        assert "store_predictions" in search.get_params(deep=False)
        for name in ("store_predictions :", "predictions_ :", "score_estimate_ :"):
            assert name in type(search).__doc__
