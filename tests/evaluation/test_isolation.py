"""What the fate of a process means for the folds of its call: a crew that is acted."""

import pickle
import queue
import re

import pytest

from skhpo._types import FoldOutcome
from skhpo.evaluation import _isolation
from skhpo.evaluation._isolation import Isolation
from skhpo.evaluation._workers import End

from .test_dispatch import make_payload


class Stage:
    """Acts as a crew: runs one task at a time, and asks ``fate`` what becomes of it."""

    def __init__(self, *args, **settings):
        self.report = args[3]
        self.limit = args[5]
        self.tasks, self.ran, self.error = [], [], None
        Stage.last = self

    def submit(self, task):
        self.tasks.append(task)

    def take_back(self, is_meant):
        taken = [t for t in self.tasks if is_meant(t)]
        self.tasks = [t for t in self.tasks if t not in taken]
        return taken

    def close(self):
        pass

    def play(self, fate):
        while self.tasks:
            self.tasks.sort(key=lambda task: not task.is_suspect)  # suspects first
            task = self.tasks.pop(0)
            trial, _, folds = pickle.loads(task.request)
            self.ran.append((trial, tuple(folds), task.is_suspect))
            self.report(task, fate(trial, folds))


@pytest.fixture
def isolate(monkeypatch):
    """Return what plays some calls: (outcomes by call, what ran in which order)."""
    monkeypatch.setattr(_isolation, "Crew", Stage)

    def play(calls, fate, fit_timeout=None, **payload):
        results = queue.SimpleQueue()
        own = Isolation(
            make_payload(**payload),
            results,
            pickle.dumps,
            fit_timeout,
            n_workers=2,
            start_process=None,
            first_request=b"",
            kill=None,
        )
        for number, (trial, folds) in enumerate(calls):
            own.submit(number, (trial, {"C": trial}, folds))
        Stage.last.play(fate)
        found = {}
        while not results.empty():
            number, result = results.get()
            assert number not in found, "a call came back twice"
            found[number] = result
        return found, Stage.last.ran

    # calls here have no contexts
    monkeypatch.setattr(_isolation, "lost_fold", lost_fold)
    return play


def lost_fold(payload, call, fold, error, seconds):
    return FoldOutcome(call[0], fold, None, None, seconds, 0.0, error, "fit")


def deadly(*pairs, code=-9):
    """Return a fate: these (trial, fold) kill whatever they run in."""

    def fate(trial, folds):
        if any((trial, fold) in pairs for fold in folds):
            return End("died", code, 1.5)
        return End("returned", [FoldOutcome(trial, f, 1.0, None, 0, 0) for f in folds])

    return fate


def errors(outcomes):
    return [outcome.error is not None for outcome in outcomes]


def test_of_a_call_only_the_guilty_fold_fails(isolate):
    found, ran = isolate([(0, [0, 1, 2]), (1, [0])], deadly((0, 1)))
    assert errors(found[0]) == [False, True, False]
    assert [outcome.fold for outcome in found[0]] == [0, 1, 2]
    assert errors(found[1]) == [False]
    assert ran == [
        (0, (0, 1, 2), False),
        *((0, (fold,), True) for fold in range(2)),
        (1, (0,), False),
        (0, (2,), False),  # needs no fresh worker: the candidate has failed anyhow
    ]


def test_who_is_killed_once_has_a_second_life(isolate):
    lives = iter([End("died", -9)])

    def fate(trial, folds):
        return next(lives, None) or deadly()(trial, folds)

    found, ran = isolate([(0, [0])], fate)
    assert errors(found[0]) == [False]
    assert ran == [(0, (0,), False), (0, (0,), True)]


def test_a_failed_candidate_needs_no_proof_for_its_other_folds(isolate):
    guilty = deadly(*((0, fold) for fold in range(4)))
    found, ran = isolate([(0, [fold]) for fold in range(4)], guilty)
    assert all(errors(found[number]) == [True] for number in range(4))
    # the first dies twice, the second once: three dead processes, not eight
    assert ran == [(0, (0,), False), (0, (0,), True), (0, (1,), False)]
    for number in (2, 3):
        assert "was not run, since the worker processes of two other" in (
            found[number][0].error
        )


@pytest.mark.parametrize("fit_timeout", [None, 10])
def test_folds_of_one_call_need_no_workers_once_two_of_them_killed(
    isolate, fit_timeout
):
    guilty = deadly(*((0, fold) for fold in range(5)))
    found, ran = isolate([(0, [0, 1, 2, 3, 4]), (1, [0])], guilty, fit_timeout)
    assert errors(found[0]) == [True] * 5 and errors(found[1]) == [False]
    assert {folds for trial, folds, _ in ran if trial == 0 and len(folds) == 1} == {
        (0,),
        (1,),
    }


def test_what_comes_later_of_a_candidate_that_kills_is_not_run(isolate):
    """As when the backend takes a few folds at a time."""
    found, ran = isolate([(0, [0]), (0, [1])], deadly((0, 0), (0, 1)))
    own, results = Stage.last, queue.SimpleQueue()
    n_ran = len(ran)
    isolation = own.report.__self__
    isolation._results = results
    isolation.submit(7, (0, {"C": 0}, [2]))
    number, (outcome,) = results.get()
    assert number == 7 and "was not run" in outcome.error
    assert len(own.ran) == n_ran and own.tasks == []


def test_the_text_says_how_it_died_and_what_may_be_the_reason(isolate):
    found, _ = isolate([(0, [0])], deadly((0, 0), code=-11))
    (outcome,) = found[0]
    assert outcome.error.startswith("WorkerDied: the worker process of this fit was")
    assert "killed by SIGSEGV" in outcome.error
    assert outcome.fit_time == 1.5


def test_an_overdue_fit_has_one_life(isolate):
    def fate(trial, folds):
        slow = End("overdue", seconds=2.5)
        return slow if folds == [1] else deadly()(trial, folds)

    found, ran = isolate([(0, [0, 1, 2])], fate, fit_timeout=2.5)
    assert [folds for _, folds, _ in ran] == [(0,), (1,), (2,)]  # one by one
    assert errors(found[0]) == [False, True, False]
    assert "longer than fit_timeout=2.5 seconds" in found[0][1].error
    assert Stage.last.limit == 2.5


@pytest.mark.parametrize(
    "end, kind", [(End("died", -9), RuntimeError), (End("overdue"), TimeoutError)]
)
def test_error_score_raise_makes_it_an_error(isolate, end, kind):
    found, _ = isolate([(4, [2])], lambda *_: end, fit_timeout=1, error_score="raise")
    assert type(found[0]) is kind
    assert re.match(r"Candidate 4, split 2, params {'C': 4}: ", str(found[0]))


def test_what_a_call_raises_ends_it_once(isolate):
    error = KeyError("x")
    found, _ = isolate([(0, [0, 1])], lambda *_: End("raised", error), fit_timeout=1)
    assert found == {0: error}
