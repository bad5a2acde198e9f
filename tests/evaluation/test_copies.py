"""What is passed to ``fit`` is the same for each fit."""

import pickle
import threading

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)
from skhpo.evaluation._copies import Copies
from skhpo.evaluation._task import fit_fold
from tests.search.doors import X, assert_same_table, y

from .test_dispatch import make_payload


class Counter:
    """Counts the calls of ``tick``, as callbacks with a state do."""

    def __init__(self):
        self.n = 0

    def tick(self):
        self.n += 1
        return self.n


class Ticking(ClassifierMixin, BaseEstimator):
    """Scores how often the counters were ticked that it was given."""

    def __init__(self, a=0.5):
        self.a = a

    def fit(self, X, y, counters=None):
        self.seen_ = 0
        return self.partial_fit(X, y, counters=counters)

    def partial_fit(self, X, y, classes=None, counters=None):
        self.classes_ = np.unique(y)
        ticks = [counter.tick() for counter, _ in counters]
        self.seen_ = getattr(self, "seen_", 0) + sum(ticks)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return float(self.seen_) - self.a

    def __skhpo_swap__(self):
        return ["a"]


def closure():
    """Return a function that counts its calls."""
    n = 0

    def tick():
        nonlocal n
        n += 1
        return n

    tick.tick = tick
    return tick


SPACE = {"a": (0.0, 1.0)}
RUNGS = dict(resource="epochs", cv=2, random_state=0)
PLAIN = dict(n_iter=4, cv=2, random_state=0)

SEARCHES = [
    BayesSearchCV(Ticking(), SPACE, **PLAIN),
    EvolutionarySearchCV(Ticking(), SPACE, population_size=4, **PLAIN),
    HyperbandSearchCV(Ticking(), SPACE, n_candidates=3, max_resource=3, **RUNGS),
    PBTSearchCV(Ticking(), SPACE, population_size=4, n_steps=2, **RUNGS),
]


@pytest.mark.parametrize("make", [Counter, closure])
@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_no_fit_sees_what_another_did_to_a_callback(search, make):
    tables = []
    for backend, n_jobs in [("loky", 1), ("threading", 2), ("loky", 2)]:
        counters = [(make(), (X, y)), (make(), None)]
        search.set_params(n_jobs=n_jobs)
        with joblib.parallel_config(backend=backend):
            tables.append(search.fit(X, y, counters=counters).cv_results_)
        # the model that is kept was fitted with the user's own, and alone with them
        assert search.best_estimator_.seen_ == sum(
            2 * n for n in range(1, counters[0][0].tick())
        )
    for table in tables[1:]:
        assert_same_table(table, tables[0])


@pytest.mark.parametrize("keep_models", ["memory", "none"])
def test_each_rung_gets_a_copy_also_where_a_model_is_trained_again(keep_models):
    search = HyperbandSearchCV(
        Ticking(), SPACE, n_candidates=3, max_resource=9, **RUNGS
    )
    search.set_params(keep_models=keep_models, refit=False)
    table = search.fit(X, y, counters=[(Counter(), None)]).cv_results_
    ticks = table["mean_test_score"] + table["param_a"].astype(float)
    expected = []
    for units, parent in zip(table["n_resources"], table["parent"], strict=True):
        before = 0 if parent < 0 else table["n_resources"][parent]
        ticked = 0 if parent < 0 else expected[parent]
        expected.append(ticked + sum(range(1, units - before + 1)))
    assert max(table["parent"]) >= 0
    np.testing.assert_allclose(ticks, expected)


def test_data_are_not_copied():
    shared = [
        np.zeros((3, 2)),
        pd.DataFrame({"a": [1]}),
        pd.Series([1.0]),
        sparse.csr_matrix(np.eye(2)),
        *("text", 1.5, None, Counter),
    ]
    rows = [Counter() for _ in range(len(X))]
    sets = [(shared[0], shared[1])]
    params = {str(number): value for number, value in enumerate(shared)}
    copies = Copies({**params, "sets": sets, "rows": rows}, "fit parameters", X)
    new = copies.new()
    assert all(new[name] is value for name, value in params.items())
    assert new["sets"][0][0] is shared[0] and new["sets"][0][1] is shared[1]
    assert new["rows"] is rows  # each fit gets a part of it anyway


def test_objects_and_what_holds_them_are_new_each_time():
    counter, history = Counter(), {}
    params = {"callbacks": [counter, counter], "history": history, "log": []}
    copies = pickle.loads(pickle.dumps(Copies(params, "fit parameters", X)))
    for _ in range(2):
        new = copies.new()
        first, second = new["callbacks"]
        assert first is second is not counter
        assert first.tick() == 1
        assert new["history"] == {} and new["log"] == []
        new["history"]["loss"] = [1.0]
        new["log"].append(1)
    assert counter.n == 0 and history == {} and params["log"] == []


def test_nothing_is_pickled_where_there_are_no_parameters():
    assert Copies({}, "fit parameters", X).new() == {}


class Locked(Counter):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


def test_what_cannot_be_copied_is_shared_with_a_warning_that_names_it():
    search = BayesSearchCV(Ticking(), {"a": [0.1, 0.2]}, cv=2, refit=False)
    locked, counter = Locked(), Counter()
    named = r"^fit parameters\['counters'\]\[0\]\[0\].lock .a _thread.lock. cannot be "
    with pytest.warns(UserWarning, match=named + "copied.*depends on n_jobs") as caught:
        search.fit(X, y, counters=[(locked, None), (counter, None)])
    assert [str(w.message)[:14] for w in caught].count("fit parameters") == 1
    assert locked.n == 4
    assert counter.n == 0
    with pytest.raises(ValueError, match=named + "sent to worker processes"):
        search.set_params(n_jobs=2).fit(X, y, counters=[(locked, None)])


def scored_with(estimator, X, y, counter):
    return counter.tick()


def test_each_scoring_gets_copies_too():
    counter = Counter()
    payload = make_payload(
        scorer=scored_with, score_params={"counter": counter}, return_train_score=True
    )
    for fold in range(2):
        outcome = fit_fold(payload, 0, {}, fold)
        assert (outcome.test_scores, outcome.train_scores) == (1, 1)
    assert counter.n == 0
