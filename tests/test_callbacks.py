"""Who is told of a search: functions, objects with more methods, and the log."""

import logging
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from skhpo import BayesSearchCV
from tests.search.doors import SPACE, X, doors_at_all, n_rows, one_door, y
from tests.search.spies import Toy


class Listener:
    """Keeps what it is told; ``wrong``: the method that raises."""

    def __init__(self, wrong=None, error=None):
        self.wrong = wrong
        self.error = error
        self.heard = []

    def on_search_begin(self, begin):
        self._hear("begin", begin)

    def __call__(self, progress):
        self._hear("trial", progress)

    def on_search_end(self, end):
        self._hear("end", end)

    def _hear(self, what, value):
        self.heard.append((what, value))
        if what == self.wrong:
            raise self.error or RuntimeError(f"{what} went wrong")

    @property
    def names(self):
        return [what for what, _ in self.heard]

    @property
    def end(self):
        return self.heard[-1][1]


@doors_at_all
def test_begin_and_end_are_told_around_the_trials(door):
    listener = Listener()
    search = door.search(Toy(), SPACE, callbacks=listener).fit(X, y)
    n = n_rows(search)
    assert listener.names == ["begin", *["trial"] * n, "end"]
    begin, end = listener.heard[0][1], listener.end
    assert (begin.name, begin.estimator) == (type(search).__name__, "Toy")
    assert (begin.n_splits, begin.metrics) == (3, ())
    assert set(begin.param_names) == {"a", "kind"}
    assert begin.n_iter == n
    assert begin.settings["cv"] == 3
    assert not {"estimator", "search_space", "callbacks"} & set(begin.settings)
    assert (end.n_done, end.error) == (n, None)
    assert end.stop_reason == search.stop_reason_
    assert end.best_number == search.best_index_
    assert end.best_params == search.best_params_
    assert end.best_score == search.best_score_
    assert end.elapsed >= listener.heard[-2][1].elapsed


@doors_at_all
def test_progress_names_the_row_and_what_it_cost(door):
    seen = []
    search = door.search(Toy(), SPACE, callbacks=seen.append).fit(X, y)
    table = search.cv_results_
    assert [table["params"][p.number] for p in seen] == [p.params for p in seen]
    rows = [p.number for p in seen]
    np.testing.assert_allclose([p.std for p in seen], table["std_test_score"][rows])
    assert [p.scores for p in seen] == [{"score": p.score} for p in seen]
    seconds = table["mean_fit_time"] + table["mean_score_time"]
    np.testing.assert_allclose([p.seconds for p in seen], 3 * seconds[rows])
    bests = [p.number for p in seen if p.is_best]
    assert bests[0] == seen[0].number and bests[-1] == search.best_index_
    assert len({p.candidate for p in seen}) == len(seen)


def test_several_metrics_have_their_names():
    listener = Listener()
    BayesSearchCV(
        Toy(),
        SPACE,
        n_iter=3,
        cv=3,
        scoring=["accuracy", "f1"],
        refit="f1",
        callbacks=listener,
    ).fit(X, y)
    assert listener.heard[0][1].metrics == ("accuracy", "f1")
    progress = listener.heard[1][1]
    assert set(progress.scores) == {"accuracy", "f1"}
    assert progress.score == progress.scores["f1"]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt("stop")])
@one_door
def test_the_end_is_told_when_a_callback_ends_the_search(door, error):
    listener = Listener("trial", error)
    plain = Listener()
    with pytest.raises(type(error)):
        door.search(Toy(), SPACE, callbacks=[plain, listener]).fit(X, y)
    assert plain.names == ["begin", "trial", "end"]
    assert plain.end.error is error
    assert (plain.end.stop_reason, plain.end.n_done) == ("interrupted", 1)
    assert plain.end.best_number == 0


class NoRefit(Toy):
    """Fails on all rows, not on the folds."""

    def fit(self, X, y):
        if len(X) == 30:
            raise ValueError("too many rows")
        return super().fit(X, y)


@one_door
def test_the_end_is_told_after_a_failed_refit(door):
    listener = Listener()
    with pytest.raises(ValueError, match="too many rows"):
        door.search(NoRefit(), SPACE, callbacks=listener).fit(X, y)
    assert "too many rows" in str(listener.end.error)
    assert listener.end.best_number is not None


@one_door
def test_who_was_told_of_the_begin_is_told_of_the_end(door):
    first, second, third = Listener(), Listener("begin"), Listener()
    search = door.search(Toy(), SPACE, callbacks=[first, second, third])
    with pytest.raises(RuntimeError, match="begin went wrong"):
        search.fit(X, y)
    assert first.names == ["begin", "end"]
    assert second.names == ["begin"] and third.names == []
    assert (first.end.n_done, first.end.best_number) == (0, None)


@one_door
def test_an_error_at_the_end_keeps_nobody_from_hearing_of_it(door):
    first, second = Listener(), Listener("end")
    search = door.search(Toy(), SPACE, callbacks=[first, second])
    with pytest.raises(RuntimeError, match="end went wrong"):
        search.fit(X, y)
    assert first.names[-1] == "end"
    assert "end went wrong" in str(first.end.error)
    assert hasattr(search, "best_estimator_")


def test_each_clone_of_a_search_has_listeners_of_its_own():
    listener = Listener()
    search = BayesSearchCV(Toy(), SPACE, n_iter=2, cv=2, callbacks=[listener])
    cross_val_score(search, X, y, cv=2)
    assert listener.heard == []
    assert clone(search).callbacks[0] is not listener
    assert type(pickle.loads(pickle.dumps(search)).callbacks[0]) is Listener


@one_door
def test_the_class_of_a_callback_is_no_callback(door):
    with pytest.raises(TypeError, match=r"the class Listener.*\[Listener\(\.\.\.\)\]"):
        door.search(Toy(), SPACE, callbacks=[Listener]).fit(X, y)


# ---- the log


@one_door
def test_nothing_is_logged_unasked(door, capfd):
    door.search(Toy(), SPACE).fit(X, y)
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("skhpo").handlers == []


@doors_at_all
def test_the_log_has_begin_bests_and_end(door, caplog):
    with caplog.at_level(logging.INFO, "skhpo"):
        search = door.search(Toy(), SPACE).fit(X, y)
    lines = [record.getMessage() for record in caplog.records]
    assert {record.name for record in caplog.records} == {"skhpo"}
    assert lines[0].startswith(type(search).__name__) and "of Toy begins" in lines[0]
    assert all(line.startswith("new best, trial ") for line in lines[1:-1])
    assert lines[-2].startswith(f"new best, trial {search.best_index_}")
    assert search.stop_reason_ in lines[-1] and str(search.best_params_) in lines[-1]


@one_door
def test_the_log_has_each_trial_for_those_who_debug(door, caplog):
    with caplog.at_level(logging.DEBUG, "skhpo"):
        search = door.search(Toy(), SPACE).fit(X, y)
    assert len(caplog.records) == n_rows(search) + 2


@one_door
def test_the_log_says_what_ended_a_search(door, caplog):
    def stop(progress):
        raise ValueError("the disk is full")

    with caplog.at_level(logging.INFO, "skhpo"), pytest.raises(ValueError):
        door.search(Toy(), SPACE, callbacks=stop).fit(X, y)
    assert "the disk is full" in caplog.records[-1].getMessage()
