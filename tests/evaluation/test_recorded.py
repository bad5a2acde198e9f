"""Recorded outcomes: every call is answered once, and only what is missing is done."""

import pytest

from skhpo._errors import CheckpointError
from skhpo._types import FoldOutcome
from skhpo.evaluation import NoWorkers, Recorded


def outcome(trial, fold, score=0.0):
    return FoldOutcome(trial, fold, score, None, 0.0, 0.0)


class Workers:
    """A dispatcher that does the last call first."""

    n_jobs, limit, can_kill = 2, 4, False

    def __init__(self):
        self.calls, self.closed = [], None

    def submit(self, call):
        self.calls.append(call)

    def get(self, timeout=None):
        if timeout == 0:
            return None
        trial, _, folds, *_ = self.calls.pop()
        return [outcome(trial, fold, score=1.0) for fold in folds]

    def close(self, kill):
        self.closed = kill


KNOWN = {(0, fold): outcome(0, fold) for fold in range(3)} | {
    (1, fold): outcome(1, fold) for fold in (0, 2)
}


def answers(recorded, n):
    found = {}
    for _ in range(n):
        for one in recorded.get():
            assert found.setdefault((one.trial, one.fold), one.test_scores) is not None
    return found


def test_a_call_is_answered_from_the_record_as_far_as_that_goes():
    workers = Workers()
    recorded = Recorded(workers, KNOWN)
    recorded.submit((2, {}, [0, 1], None))
    recorded.submit((1, {}, [0, 1, 2, 3], None, "stage"))
    recorded.submit((0, {}, [0, 1, 2], None))
    assert workers.calls == [(2, {}, [0, 1], None), (1, {}, [1, 3], None, "stage")]
    assert answers(recorded, 3) == {
        **{(0, 0): 0.0, (0, 1): 0.0, (0, 2): 0.0},
        **{(1, 0): 0.0, (1, 1): 1.0, (1, 2): 0.0, (1, 3): 1.0},
        **{(2, 0): 1.0, (2, 1): 1.0},
    }


def test_what_is_recorded_comes_first_and_in_order():
    recorded = Recorded(Workers(), KNOWN)
    recorded.submit((2, {}, [0], None))
    for fold in (2, 0):
        recorded.submit((0, {}, [fold], None))
    assert [recorded.get()[0].fold for _ in range(2)] == [2, 0]
    assert recorded.get(timeout=0) is None


def test_it_looks_like_the_dispatcher_behind_it():
    workers = Workers()
    recorded = Recorded(workers, {})
    assert (recorded.n_jobs, recorded.limit, recorded.can_kill) == (2, 4, False)
    recorded.close(kill=True)
    assert workers.closed is True


def test_begin_is_told_of_what_is_not_run():
    told = []

    class Context:
        def call_on_fit_task_begin(self, estimator):
            told.append(estimator)

    contexts = {fold: ("search", Context()) for fold in range(4)}
    Recorded(Workers(), KNOWN).submit((1, {}, [0, 1, 2, 3], contexts))
    assert told == ["search", "search"]


def test_without_workers_nothing_is_done_that_was_not_recorded():
    recorded = Recorded(NoWorkers("a.jsonl"), KNOWN)
    recorded.submit((1, {}, [0, 1], None))
    recorded.submit((0, {}, [0], None))
    assert recorded.get() == [KNOWN[0, 0]]
    with pytest.raises(CheckpointError, match="The checkpoint a.jsonl ends"):
        recorded.get()
    recorded.close(kill=False)
