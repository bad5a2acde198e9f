"""Fold tasks on joblib's backends."""

import os
import pickle
import shutil
import threading

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.svm import SVC

from skhpo.evaluation import Payload, open_dispatcher
from skhpo.evaluation._dispatch import Inline, Queued, Waves
from skhpo.evaluation._payload import PayloadFile

X, y = load_iris(return_X_y=True)
SPLITS = list(StratifiedKFold(3).split(X, y))


def make_payload(estimator=None, **changes):
    estimator = SVC() if estimator is None else estimator
    values = dict(
        estimator=estimator,
        X=X,
        y=y,
        splits=SPLITS,
        scorer=check_scoring(estimator),
        sklearn_config={},
    )
    return Payload(**{**values, **changes})


def evaluate(dispatcher, settings):
    """Return the mean score of each setting, submitting everything at once."""
    for number, params in enumerate(settings):
        for fold in range(len(SPLITS)):
            dispatcher.submit((number, params, [fold], None))
    scores = np.empty((len(settings), len(SPLITS)))
    for _ in range(scores.size):
        (outcome,) = dispatcher.get()
        scores[outcome.trial, outcome.fold] = outcome.test_scores
    return scores


@pytest.mark.parametrize(
    "backend, n_jobs, kind",
    [
        ("loky", 1, Inline),
        ("loky", 2, Queued),
        ("threading", 2, Queued),
        ("multiprocessing", 2, Queued),
        ("subclass", 2, Waves),
    ],
)
def test_every_backend_gives_the_scores_of_cross_val_score(backend, n_jobs, kind):
    class Subclass(joblib._parallel_backends.ThreadingBackend):
        """A backend that skhpo knows nothing about."""

    joblib.register_parallel_backend("subclass", Subclass)
    settings = [{"C": 0.01}, {"C": 1.0}, {"kernel": "linear"}]
    with joblib.parallel_config(backend=backend):
        dispatcher = open_dispatcher(n_jobs, "2*n_jobs", make_payload())
    assert type(dispatcher) is kind
    assert dispatcher.n_jobs == n_jobs
    scores = evaluate(dispatcher, settings)
    dispatcher.close(kill=False)
    for params, row in zip(settings, scores, strict=True):
        expected = cross_val_score(SVC(**params), X, y, cv=SPLITS)
        np.testing.assert_array_equal(row, expected)


def test_the_payload_is_written_once_and_removed():
    big = np.random.default_rng(0).normal(size=(150, 2000))  # 2.4 MB: memory-mapped
    dispatcher = open_dispatcher(2, "2*n_jobs", make_payload(X=big))
    folder = dispatcher._folder.path
    assert sorted(os.listdir(folder)) == ["body", "data", "in_use"]
    evaluate(dispatcher, [{}, {}])
    dispatcher.close(kill=False)
    assert not os.path.exists(folder)


def test_data_that_were_removed_are_a_clear_error(tmp_path):
    file = PayloadFile.write(str(tmp_path), make_payload(), pickle.dumps)
    shutil.rmtree(tmp_path)
    with pytest.raises(FileNotFoundError, match="JOBLIB_TEMP_FOLDER") as error:
        file.load()
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("how", ["environment", "parallel_config"])
def test_the_payload_is_where_joblib_would_put_it(how, tmp_path, monkeypatch):
    settings = {"temp_folder": str(tmp_path)}
    if how == "environment":
        monkeypatch.setenv("JOBLIB_TEMP_FOLDER", settings.pop("temp_folder"))
    with joblib.parallel_config(backend="multiprocessing", **settings):
        dispatcher = open_dispatcher(2, "2*n_jobs", make_payload())
    assert os.path.dirname(dispatcher._folder.path) == str(tmp_path)
    dispatcher.close(kill=False)
    assert not [name for name in os.listdir(tmp_path) if name.startswith("skhpo")]


def test_an_unpicklable_estimator_gets_one_clear_error():
    search = make_payload(SVC(), fit_params={"lock": threading.Lock()})
    named = r"fit parameters\['lock'\] \(a _thread.lock\) cannot be sent to worker"
    for limit in (None, 10):
        with pytest.raises(ValueError, match=named):
            open_dispatcher(2, "2*n_jobs", search, limit)


class Picky(ClassifierMixin, BaseEstimator):
    """Fails in the way it is told to."""

    def __init__(self, fail=None):
        self.fail = fail

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.fail == "fit":
            raise RuntimeError("no fit today")
        if self.fail == "exit":
            raise SystemExit(3)
        return self

    def predict(self, X):
        if self.fail == "score":
            raise RuntimeError("no score today")
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize(
    "params, stage, text",
    [
        ({"fail": "fit"}, "fit", "no fit today"),
        ({"fail": "exit"}, "fit", "SystemExit: 3"),
        ({"fail": "score"}, "score", "no score today"),
        ({"unknown": 1}, "fit", "Invalid parameter 'unknown'"),
    ],
)
def test_what_a_fit_raises_is_data(params, stage, text):
    dispatcher = open_dispatcher(1, "2*n_jobs", make_payload(Picky()))
    dispatcher.submit((0, params, [0], None))
    (outcome,) = dispatcher.get()
    assert outcome.stage == stage
    assert text in outcome.error
    assert outcome.test_scores is None


def test_error_score_raise_lets_the_error_through():
    payload = make_payload(Picky(), error_score="raise")
    for n_jobs in (1, 2):
        dispatcher = open_dispatcher(n_jobs, "2*n_jobs", payload)
        dispatcher.submit((0, {"fail": "fit"}, [0], None))
        with pytest.raises(RuntimeError, match="no fit today"):
            dispatcher.get()
        dispatcher.close(kill=True)


def test_a_score_that_is_no_number_is_a_clear_error():
    payload = make_payload(scorer=lambda estimator, X, y: "good")
    dispatcher = open_dispatcher(1, "2*n_jobs", payload)
    dispatcher.submit((0, {}, [0], None))
    with pytest.raises(ValueError, match="scoring must return a number, got good"):
        dispatcher.get()


def test_waiting_ends_with_the_timeout():
    with joblib.parallel_config(backend="threading"):
        dispatcher = open_dispatcher(2, "2*n_jobs", make_payload())
    assert dispatcher.get(timeout=0.05) is None
    dispatcher.close(kill=False)


@pytest.mark.parametrize(
    "pre_dispatch, limit", [("all", None), ("2*n_jobs", 4), (1, 2), ("3*n_jobs", 6)]
)
def test_pre_dispatch_bounds_the_queue_but_never_below_the_workers(pre_dispatch, limit):
    with joblib.parallel_config(backend="threading"):
        dispatcher = open_dispatcher(2, pre_dispatch, make_payload())
    assert dispatcher.limit == limit
    dispatcher.close(kill=False)
