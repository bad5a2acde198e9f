import pickle

import pytest
from sklearn.base import clone

from skhpo.tracking import (
    CSVWriter,
    JSONLinesWriter,
    MLflowCallback,
    ProgressBar,
    TensorBoardCallback,
    Tracker,
)
from tests.search.doors import X, doors_at_all, n_rows, y
from tests.search.spies import Toy
from tests.tracking.helpers import interrupt, recorded


class Kept(Tracker):
    """Keeps its records; ``wrong`` names what fails."""

    def __init__(self, wrong=None):
        self.wrong = wrong

    def open(self, begin):
        if self.wrong == "open":
            raise OSError("no such server")
        self.records = getattr(self, "records", [])
        self.records.append(KeptRecord(self.wrong))
        return self.records[-1]


class KeptRecord:
    def __init__(self, wrong):
        self.wrong, self.trials, self.end = wrong, [], None

    def write(self, progress):
        if self.wrong == "write" and self.trials:
            raise OSError("the server is gone")
        self.trials.append(progress.number)

    def close(self, end):
        if self.wrong == "close":
            raise OSError("the server is gone")
        self.end = end


@doors_at_all
def test_every_door_is_recorded_from_begin_to_end(door):
    tracker = Kept()
    space = {"a": (0.0, 1.0), "kind": ["x", "y"]}
    search = door.search(Toy(), space, callbacks=tracker).fit(X, y)
    (record,) = tracker.records
    assert len(record.trials) == n_rows(search)
    assert record.end.best_number == search.best_index_


def test_each_fit_has_a_record_of_its_own():
    tracker = Kept()
    search = recorded(tracker)
    search.fit(X, y)
    assert [len(record.trials) for record in tracker.records] == [6, 6]


def test_what_cannot_work_is_said_before_the_first_fit():
    with pytest.raises(OSError, match="no such server"):
        recorded([Kept("open"), interrupt])


def test_what_breaks_later_costs_a_warning_and_the_record():
    tracker = Kept("write")
    with pytest.warns(UserWarning, match="is not recorded. OSError: the server") as w:
        search = recorded(tracker)
    assert len(w) == 1 and w[0].filename == __file__.replace("test_tracker", "helpers")
    assert n_rows(search) == 6
    assert tracker.records[0].trials == [0] and tracker.records[0].end is None


def test_an_error_at_the_end_is_a_warning():
    with pytest.warns(UserWarning, match="the end of this search is not recorded"):
        search = recorded(Kept("close"))
    assert hasattr(search, "best_estimator_")


def test_an_interrupted_search_closes_its_record():
    tracker = Kept()
    with pytest.raises(KeyboardInterrupt):
        recorded([tracker, interrupt])
    (record,) = tracker.records
    assert len(record.trials) == 2
    assert isinstance(record.end.error, KeyboardInterrupt)


def test_a_search_that_runs_keeps_its_record_to_itself(tmp_path):
    tracker = CSVWriter(tmp_path / "trials.csv")
    twins = []

    def copies(progress):
        twins.extend([clone(tracker, safe=False), pickle.loads(pickle.dumps(tracker))])

    recorded([tracker, copies], n_iter=1)
    assert len(twins) == 2
    for twin in twins:
        assert vars(twin) == {"path": tmp_path / "trials.csv"}


@pytest.mark.parametrize(
    "tracker, text",
    [
        (CSVWriter("a.csv"), "CSVWriter(path='a.csv')"),
        (JSONLinesWriter("a"), "JSONLinesWriter(path='a')"),
        (MLflowCallback(run_name="x"), "MLflowCallback(run_name='x')"),
        (TensorBoardCallback("runs"), "TensorBoardCallback(log_dir='runs')"),
        (ProgressBar(), "ProgressBar()"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_tracker_shows_its_settings(tracker, text):
    assert repr(tracker) == repr(pickle.loads(pickle.dumps(tracker))) == text


def test_without_a_search_nothing_is_recorded():
    tracker = Kept()
    tracker(None)
    tracker.on_search_end(None)
    assert vars(tracker) == {"wrong": None, "_record": None}


def test_a_tracker_without_open_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match=r"Tracker must define open\(begin\)"):
        recorded(Tracker())
