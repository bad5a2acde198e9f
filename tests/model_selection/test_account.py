"""What a search says of itself, whatever became of it."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV

from skhpo import BayesSearchCV, HyperbandSearchCV, PBTSearchCV, TargetReached
from skhpo.model_selection import confirm
from skhpo.model_selection._account import Account, duration, units_in_words
from tests.search.doors import X, doors_at_all, n_rows, y
from tests.search.spies import Toy

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test"
)

SPACE = {"a": (0.0, 1.0), "kind": ["x", "y"]}


class Fussy(Toy):
    """Fails above ``a = 0.6``; with all rows where ``kind="y"``."""

    def fit(self, X, y):
        if self.a > 0.6:
            raise ValueError(f"a={self.a:.0f} is\ntoo much")
        return super().fit(X, y)


def bayes(estimator=None, space=SPACE, **parameters):
    parameters = {"n_iter": 6, "cv": 3, "random_state": 0, **parameters}
    return BayesSearchCV(estimator or Toy(), space, **parameters)


@doors_at_all
def test_every_door_says_what_it_did(door):
    search = door.search(Toy(), SPACE).fit(X, y)
    lines = search.summary().splitlines()
    n = n_rows(search)
    assert lines[0].startswith(f"{type(search).__name__}: {n} ")
    assert lines[0].endswith(f", 3 folds, {3 * n} fits")
    assert lines[1].startswith("Own setting: ")
    assert lines[2].startswith("Ended after ") and " s of fits): " in lines[2]
    assert lines[3].startswith(f"Best: row {search.best_index_}, mean score ")
    assert f"    kind = {search.best_params_['kind']!r}" in lines
    assert max(map(len, lines)) <= 88
    assert not any(line.startswith(("Failed", "There is no model")) for line in lines)


def test_failures_are_counted_and_named():
    search = bayes(Fussy(), n_iter=10).fit(X, y)
    n_failed = int(np.sum(search.cv_results_["status"] == "failed"))
    assert 0 < n_failed < 10
    line = f"Failed: {n_failed} of 10 ({n_failed} x ValueError: a=1 is too much)"
    assert line in search.summary()


def test_of_many_errors_the_most_frequent_are_shown():
    account = Account(bayes(n_iter=2).fit(X, y))
    texts = ["", "T:\n  f\nE: 1\n", "E: 2", "E: 1", "E: 3", "E: 3", "E: 4" + "x" * 900]
    account._table = {**account._table, "error": texts}
    assert account.errors[:2] == [("E: 1", 2), ("E: 3", 2)]
    assert len(account.errors) == 3
    account._table["error"] = texts[-1:]
    del account.errors
    ((text, _),) = account.errors
    assert len(text) == 200 and text.endswith(" ...")


def test_when_everything_failed_there_is_no_best():
    search = bayes(Fussy(), {"a": [0.7, 0.8]})
    with pytest.raises(ValueError, match="fits failed"):
        search.fit(X, y)
    assert "Best: none, since every candidate failed" in search.summary()
    with pytest.raises(AttributeError, match="no best row: every candidate failed"):
        confirm(search, X, y)
    assert not hasattr(search, "score_estimate_")
    assert "There is no model" in search.summary()


def test_an_interrupted_search_says_so():
    def stop(progress):
        if progress.n_done == 3:
            raise KeyboardInterrupt

    search = bayes(callbacks=stop)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    text = search.summary()
    assert "3 candidates, 3 folds, 9 fits" in text
    assert "it was interrupted" in text and "There is no model" in text
    assert "Best: row " in text


def test_a_limit_of_time_is_named():
    search = bayes(n_iter=None, max_time=0.1).fit(X, y)
    assert "time was up (max_time=0.1 s)" in search.summary()
    assert search.search_time_ >= 0.1


@pytest.mark.parametrize(
    "parameters, words",
    [
        (dict(), "all n_iter candidates were tried"),
        (dict(callbacks=lambda p: True), "a callback ended it"),
        (dict(stop=TargetReached(-99)), "target_reached: "),
        (dict(search_space={"kind": ["x", "y"]}), "every setting of the space"),
    ],
)
def test_the_reason_is_told_in_words(parameters, words):
    search = bayes().set_params(**parameters).fit(X, y)
    assert f": {words}" in search.summary().splitlines()[2]


def test_racing_is_told():
    search = bayes(n_iter=20, cv=5, racing="forgiving").fit(X, y)
    n = int(np.sum(search.cv_results_["status"] == "raced_out"))
    assert n > 0
    said = f"Raced out: {n} of 20, on fewer folds (racing='forgiving')"
    assert said in search.summary()
    n_fits = int(np.sum(search.cv_results_["n_splits_evaluated"]))
    assert n_fits < 100 and f" {n_fits} fits" in search.summary()


def test_rungs_and_populations_count_trials_and_candidates():
    sgd, space = SGDClassifier(random_state=0), {"alpha": (1e-5, 1e-1, "log-uniform")}
    search = HyperbandSearchCV(
        sgd, space, n_candidates=4, max_resource=9, cv=2, random_state=0
    ).fit(X, y)
    table = search.cv_results_
    full = int(np.sum(table["n_resources"] == 9))
    n = len(set(table["candidate"]))
    expected = f"{n_rows(search)} trials of {n} candidates ({full} trained in full)"
    assert expected in search.summary()
    assert f" after {units_in_words(search.best_resource_, 'epochs')}, with" in (
        search.summary()
    )

    search = PBTSearchCV(
        sgd, space, population_size=4, n_steps=2, max_resource=4, cv=2, random_state=0
    ).fit(X, y)
    assert "PBTSearchCV: 8 trials of " in search.summary()
    assert "the plan was completed" in search.summary()


def test_several_metrics_are_named():
    metrics = ["accuracy", "f1"]
    search = bayes(scoring=metrics, refit="f1").fit(X, y)
    assert "mean f1 " in search.summary()
    search = bayes(scoring=metrics, refit=False).fit(X, y)
    text = search.summary()
    assert "Best: not chosen; of several metrics, refit= names the one" in text
    assert "There is no model" not in text
    search = bayes(scoring=metrics, refit=lambda results: 2).fit(X, y)
    assert "Best: row 2, with" in search.summary()


def test_one_candidate_flatters_nobody():
    text = bayes(n_iter=1).fit(X, y).summary()
    assert "1 candidate, 3 folds, 3 fits" in text
    assert "flatter" not in text and "Estimate without optimism" in text


def test_scikit_learns_searches_say_the_same():
    from skhpo.model_selection import summary

    search = GridSearchCV(Toy(), {"a": [0.1, 0.2]}, cv=3).fit(X, y)
    text = summary(search)
    assert text.startswith("GridSearchCV: 2 candidates, 3 folds, 6 fits\nTook ")
    assert f"Best: row {search.best_index_}" in text


def test_before_fit_the_error_says_so():
    with pytest.raises(NotFittedError, match="not fitted yet. Call fit first"):
        bayes().summary()


def test_the_seconds_of_fits_are_those_of_the_folds_that_ran():
    search = bayes().fit(X, y)
    table = search.cv_results_
    seconds = 3 * np.sum(table["mean_fit_time"] + table["mean_score_time"])
    account = Account(search)
    assert account.fit_seconds == pytest.approx(seconds)
    assert account.seconds == search.search_time_ > seconds
    assert (duration(0), duration(59.96), duration(3600)) == (
        *("0.00 s", "60.0 s", "1 h 0 min"),
    )
