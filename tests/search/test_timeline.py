import pickle
import time

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import SGDClassifier
from sklearn.svm import SVC

from skhpo import BayesSearchCV, HyperbandSearchCV
from skhpo._archive import Archive
from skhpo._types import FoldOutcome, Job, Proposal
from skhpo.search._timeline import Timeline

X = np.random.default_rng(0).normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)
SPACE = {"C": (1e-3, 1e3, "log-uniform")}


class Sleeper(ClassifierMixin, BaseEstimator):
    """Takes its time, and is interrupted or fails where it is told to."""

    def __init__(self, a=0.0, seconds=0.0, interrupt_above=2.0, fail_above=2.0):
        self.a = a
        self.seconds = seconds
        self.interrupt_above = interrupt_above
        self.fail_above = fail_above

    def fit(self, X, y):
        time.sleep(self.seconds)
        if self.a > self.interrupt_above:
            raise KeyboardInterrupt
        if self.a > self.fail_above:
            raise ValueError("too large")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), int)


def fitted(**options):
    settings = {"n_iter": 4, "cv": 3, "optimizer": "random", "random_state": 0}
    return BayesSearchCV(SVC(), SPACE, **{**settings, **options}).fit(X, y)


def test_each_fit_has_a_row_in_the_order_of_time():
    timeline = fitted().timeline_
    assert list(timeline) == ["number", "split", "worker", "start", "seconds", "status"]
    assert list(timeline["number"]) == list(np.repeat(range(4), 3))
    assert list(timeline["split"]) == [0, 1, 2] * 4
    assert timeline["start"][0] == 0 and timeline["start"].is_monotonic_increasing
    assert (timeline["seconds"] > 0).all()
    assert set(timeline["status"]) == {"complete"}


def test_one_worker_does_one_thing_at_a_time():
    search = BayesSearchCV(
        Sleeper(seconds=0.02), {"a": (0.0, 1.0)}, n_iter=3, cv=2, random_state=0
    ).fit(X, y)
    timeline = search.timeline_
    ends = timeline["start"] + timeline["seconds"]
    assert (timeline["start"].to_numpy()[1:] >= ends.to_numpy()[:-1] - 2e-3).all()
    assert timeline["seconds"].min() >= 0.02
    assert timeline["worker"].nunique() == 1


def test_threads_are_workers_of_one_process():
    with joblib.parallel_config("threading"):
        workers = fitted(n_jobs=2, n_iter=8).timeline_["worker"].unique()
    assert 1 <= len(workers) <= 2
    assert len({worker.rpartition("/")[0] for worker in workers}) == 1


def test_it_is_small_in_a_pickle_and_survives_it():
    search = fitted()
    n_fits = 12
    arrays = len(pickle.dumps(search._timeline)) - len(
        pickle.dumps(vars(Timeline.of(Archive(3, lambda scores: None))))
    )
    assert arrays < 30 * n_fits + 100
    again = pickle.loads(pickle.dumps(search)).timeline_
    assert again.equals(search.timeline_)


def test_nothing_is_added_to_the_table():
    assert not {"worker", "start", "started"} & set(fitted().cv_results_)


def test_an_interrupted_search_has_what_was_done():
    search = BayesSearchCV(
        Sleeper(interrupt_above=0.5),
        {"a": (0.0, 1.0)},
        n_iter=3,
        cv=2,
        initial_params=[{"a": 0.1}, {"a": 0.9}],
        random_state=0,
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    timeline = search.timeline_
    assert list(timeline["number"]) == [0, 0]
    assert list(timeline["status"]) == ["complete", "complete"]
    search.set_params(estimator__interrupt_above=-1.0)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert len(search.timeline_) == 0  # and not that of the search before


@pytest.mark.filterwarnings("ignore")  # that it failed
def test_a_failed_candidate_is_called_so():
    search = BayesSearchCV(
        Sleeper(fail_above=0.5),
        {"a": [0.0, 1.0]},
        n_iter=2,
        cv=2,
        random_state=0,
    )
    search.fit(X, y)
    by_row = search.timeline_.groupby("number")["status"].first()
    assert list(by_row) == list(search.results_["status"])
    assert set(by_row) == {"complete", "failed"}


def test_rungs_have_the_statuses_of_their_rows():
    model = SGDClassifier(random_state=0)
    space = {"alpha": (1e-6, 1.0, "log-uniform")}
    search = HyperbandSearchCV(model, space, max_resource=4, cv=2, random_state=0)
    timeline = search.fit(X, y).timeline_
    status = np.asarray(search.cv_results_["status"])
    np.testing.assert_array_equal(timeline["status"], status[timeline["number"]])


def test_folds_that_ran_ahead_are_there_and_twins_are_not():
    archive = Archive(2, lambda scores: None)
    one = archive.open(Job(Proposal(0, np.zeros(1))), {})
    twin = archive.open(Job(Proposal(1, np.zeros(1))), {}, twin=one)
    cut = archive.open(Job(Proposal(2, np.zeros(1))), {})
    started = iter(range(100, 110))

    def outcome(trial, fold):
        return FoldOutcome(
            trial.id, fold, 0.5, None, 1, 1, started=next(started), worker="here"
        )

    for fold in (0, 1):
        archive.add(outcome(one, fold))
    archive.close(one)
    archive.close(twin)
    cut.outcomes, cut.ahead = [outcome(cut, 0)], [outcome(cut, 1)]
    frame = Timeline.of(archive).frame()
    assert list(frame["number"]) == [0, 0, -1, -1]
    assert list(frame["start"]) == [0, 1, 2, 3]
    assert list(frame["status"]) == ["complete", "complete", "interrupted", "ahead"]


def test_a_fit_whose_beginning_is_not_known_stands_at_the_end():
    archive = Archive(3, lambda scores: None)
    trial = archive.open(Job(Proposal(0, np.zeros(1))), {})
    for fold, started in ((0, np.nan), (1, 8.0), (2, 7.0)):
        archive.add(FoldOutcome(trial.id, fold, 0.5, None, 1, 1, started=started))
    frame = Timeline.of(archive).frame()
    assert list(frame["split"]) == [2, 1, 0]
    np.testing.assert_array_equal(frame["start"], [0, 1, np.nan])


def test_before_fit_the_error_says_so():
    search = BayesSearchCV(SVC(), SPACE)
    assert not hasattr(search, "timeline_")
    with pytest.raises(AttributeError, match="not fitted yet: timeline_ is there"):
        search.timeline_  # noqa: B018
