"""Which fold runs next."""

from dataclasses import dataclass, field

import pytest

from skhpo._types import FoldOutcome
from skhpo.evaluation import FoldEvaluator, RacingEvaluator


class NoCallbacks:
    active = False


class FakeDispatcher:
    """Collects calls; the test says which of them ends next."""

    can_kill = is_asynchronous = False
    shares_memory = True
    limit = None

    def __init__(self, n_jobs):
        self.n_jobs = n_jobs
        self.running = []  # (trial, fold)

    def submit(self, call):
        trial, _, folds, _ = call
        self.running += [(trial, fold) for fold in folds]

    def get(self, timeout=None):
        trial, fold = self.running.pop(0)
        return [FoldOutcome(trial, fold, 0.5, None, 0.1, 0.0, task_time=0.1)]

    def end(self, trial, fold):
        """Let this one end next."""
        self.running.remove((trial, fold))
        self.running.insert(0, (trial, fold))


@dataclass
class FakeTrial:
    id: int
    params: dict = field(default_factory=dict)


K = 3


def race(n_jobs, n_trials, hopeless=()):
    """Return an evaluator with trials, and its dispatcher.

    Trials in ``hopeless`` are dropped after their first fold, as things stand.
    """

    def is_over(outcomes):
        return len(outcomes) == K or bool(outcomes and outcomes[0].trial in hopeless)

    dispatcher = FakeDispatcher(n_jobs)
    evaluator = RacingEvaluator(is_over, dispatcher, K, 3, NoCallbacks())
    for number in range(n_trials):
        evaluator.submit(FakeTrial(number))
    return evaluator, dispatcher


def test_one_worker_finishes_a_trial_before_the_next():
    evaluator, dispatcher = race(1, 2)
    order = []
    for _ in range(2 * K):
        order += dispatcher.running
        evaluator.collect()
    assert order == [(t, f) for t in range(2) for f in range(K)]
    assert evaluator.n_outstanding == 0


def test_each_trial_has_one_fold_with_the_workers_while_there_are_others():
    _, dispatcher = race(2, 3)
    assert dispatcher.running == [(0, 0), (1, 0)]
    evaluator, dispatcher = race(3, 3)
    assert dispatcher.running == [(0, 0), (1, 0), (2, 0)]
    dispatcher.end(1, 0)
    evaluator.collect()
    assert sorted(dispatcher.running) == [(0, 0), (1, 1), (2, 0)]


def test_folds_run_ahead_only_when_the_loop_has_nothing_else_to_do():
    evaluator, dispatcher = race(4, 2)
    assert dispatcher.running == [(0, 0), (1, 0)]
    evaluator.collect()
    assert dispatcher.running == [(1, 0), (0, 1), (1, 1)]


def test_no_more_calls_are_with_the_backend_than_there_are_workers():
    for n_jobs in (1, 2, 4):
        evaluator, dispatcher = race(n_jobs, 5)
        assert len(dispatcher.running) == n_jobs
        evaluator.collect()
        assert len(dispatcher.running) == n_jobs


def test_a_trial_that_would_be_dropped_pauses_and_goes_on_if_it_must():
    hopeless = {1}
    evaluator, dispatcher = race(2, 2, hopeless)
    dispatcher.end(1, 0)
    evaluator.collect()
    assert dispatcher.running == [(0, 0)]
    evaluator.collect()
    assert dispatcher.running == [(0, 1)]  # ahead, rather than (1, 1)
    hopeless.clear()
    evaluator.collect()
    assert dispatcher.running == [(1, 1), (0, 2)]


def test_idle_workers_do_not_run_what_is_hopeless():
    evaluator, dispatcher = race(2, 2, hopeless={1})
    for _ in range(K + 1):
        evaluator.collect()
    assert dispatcher.running == []
    assert evaluator.n_outstanding == K - 1


def test_what_the_loop_waits_for_runs_also_against_the_rule():
    evaluator, dispatcher = race(2, 2, hopeless={1})
    for _ in range(2 * K):
        evaluator.collect()
    assert evaluator.n_outstanding == 0


def test_a_dropped_trial_leaves_and_what_still_runs_is_handed_over():
    evaluator, dispatcher = race(2, 2)
    evaluator.cancel(FakeTrial(0))
    assert evaluator.n_outstanding == 1 + K
    assert [outcome.trial for outcome in evaluator.collect()] == [0]
    assert dispatcher.running == [(1, 0)]


@pytest.mark.parametrize("n_jobs, n_trials", [(1, 0), (2, 1), (4, 2)])
def test_an_asynchronous_race_asks_while_too_few_trials_race(n_jobs, n_trials):
    assert race(n_jobs, n_trials)[0].is_hungry
    assert not race(n_jobs, n_trials + 1)[0].is_hungry


def test_hopeless_trials_do_not_keep_others_from_being_asked():
    evaluator, dispatcher = race(2, 2, hopeless={1})
    assert not evaluator.is_hungry
    dispatcher.end(1, 0)
    evaluator.collect()
    assert evaluator.is_hungry


class Ended:
    """Callback contexts that are counted."""

    active = True

    def __init__(self):
        self.open = set()

    def begin_fold(self, task_id, fold, in_this_process):
        self.open.add(task_id)
        return None, task_id

    def end_fold(self, context, fold):
        self.open.remove(context)


@pytest.mark.parametrize("shares_memory", [True, False])
def test_each_fold_that_began_ends_for_callbacks(shares_memory):
    contexts, dispatcher = Ended(), FakeDispatcher(2)
    dispatcher.shares_memory = shares_memory
    evaluator = RacingEvaluator(lambda outcomes: False, dispatcher, K, 3, contexts)
    for number in range(2):
        evaluator.submit(FakeTrial(number))
    evaluator.collect()
    assert len(contexts.open) == 2
    evaluator.finish()
    assert contexts.open == set()
    assert (dispatcher.running == []) is shares_memory  # threads are waited for


def test_without_a_race_all_folds_go_out_at_once():
    dispatcher = FakeDispatcher(2)
    evaluator = FoldEvaluator(dispatcher, K, 3, NoCallbacks())
    for number in range(2):
        evaluator.submit(FakeTrial(number))
    assert dispatcher.running == [(t, f) for t in range(2) for f in range(K)]
