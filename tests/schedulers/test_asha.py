"""Asynchronous successive halving: who is promoted, without waiting."""

from math import nan

import pytest

from skhpo.schedulers import (
    AsynchronousHalving,
    halving_bracket,
    plan,
)
from skhpo.testing import SimulatedSearch
from tests.schedulers.test_halving import Driver, candidates

NINE = halving_bracket(1, 9, 3)  # 9, 3, 1 candidates


def test_the_best_third_so_far_is_promoted_at_once():
    driver = Driver(AsynchronousHalving(NINE))
    first = driver.jobs(4)
    for trial, score in zip(first, [0.3, 0.5], strict=False):
        driver.give(trial, score)
        assert driver.jobs(0) == []
    driver.give(first[2], 0.1)
    (promoted, new) = driver.jobs(2)
    assert (promoted.candidate, promoted.job.parent, promoted.job.resource) == (1, 1, 3)
    assert promoted.job.labels == {"sweep": 0, "bracket": 0, "rung": 1}
    assert (new.candidate, new.job.resource, new.job.origin) == (5, 1, "ask")


def test_nothing_is_promoted_before_a_rung_has_seen_enough():
    driver = Driver(AsynchronousHalving(NINE))
    for trial in driver.jobs(2):
        driver.give(trial, 0.5)
    assert driver.jobs(1)[0].job.parent is None


def test_the_highest_rung_comes_first():
    driver = Driver(AsynchronousHalving(halving_bracket(1, 27, 3)))
    first = driver.jobs(12)
    for trial in first[:9]:
        driver.give(trial, 0.5)
    for trial in [*driver.jobs(3), *first[9:]]:  # both rungs have something to promote
        driver.give(trial, 0.5)
    assert [trial.job.resource for trial in driver.jobs(3)] == [9, 3, 1]


def test_no_rung_promotes_more_than_a_third_of_what_it_has_seen():
    """Even where each new trial is better than those promoted before."""
    driver = Driver(AsynchronousHalving(halving_bracket(1, 27, 3)))
    rising = iter(range(100))
    while trials := driver.jobs(1):
        driver.give(trials[0], next(rising))
        seen = [sum(t.job.resource == r for t in driver.trials) for r in (1, 3, 9, 27)]
        for below, above in zip(seen, seen[1:], strict=False):
            assert above <= max(1, below // 3)
    assert seen == [27, 9, 3, 1]
    assert driver.scheduler.may_continue() == set()


def test_the_last_rung_is_reached_by_few_candidates_too():
    driver = Driver(AsynchronousHalving(halving_bracket(1, 81, 3)), size=2)
    driver.rung([0.1, 0.2])
    resources = []
    while trials := driver.jobs(1):
        assert candidates(trials) == [1]
        resources.append(trials[0].job.resource)
        driver.give(trials[0], 0.5)
    assert resources == [3, 9, 27, 81]


def test_a_rung_that_more_trials_can_reach_is_not_final():
    driver = Driver(AsynchronousHalving(NINE))
    driver.jobs(9)
    for trial in driver.trials[:8]:
        driver.give(trial, trial.id)
    promoted = driver.jobs(9)
    assert candidates(promoted) == [7, 6]
    driver.give(promoted[0], 0.5)
    assert driver.jobs(9) == []  # the second rung has seen one, two are to come


def test_a_rung_waits_for_what_the_rung_below_has_to_promote():
    driver = Driver(AsynchronousHalving(NINE))
    first = driver.jobs(9)
    for trial in first[:8]:
        driver.give(trial, 0.5)
    for trial in [*driver.jobs(2), first[8]]:
        driver.give(trial, 0.5)
    (third,) = driver.jobs(9)
    assert third.job.resource == 3
    driver.give(third, 0.5)
    (top,) = driver.jobs(9)
    assert top.job.resource == 9


def test_failed_trials_count_as_seen_and_are_never_promoted():
    driver = Driver(AsynchronousHalving(NINE))
    driver.rung([nan, nan, 0.1])
    assert candidates(driver.jobs(1)) == [2]
    assert not driver.jobs(1)[0].job.parent


def test_models_are_kept_of_those_that_can_still_be_promoted():
    driver = Driver(AsynchronousHalving(NINE))
    trials = driver.jobs(9)
    for trial, score in zip(trials, [5, 4, 3, 2, 6], strict=False):
        driver.give(trial, score)
    assert driver.scheduler.may_continue() == {0, 1, 4}
    driver.jobs(1)
    assert driver.scheduler.may_continue() == {0, 1, 4}  # 4 is being continued


def test_statuses_say_what_became_of_a_trial():
    driver = Driver(AsynchronousHalving(halving_bracket(1, 3, 3)))
    first = driver.rung([0.1, 0.3, nan])
    (top,) = driver.rung([0.5])
    statuses = [driver.scheduler.status_of(trial) for trial in (*first, top)]
    assert statuses == ["stopped", "promoted", "failed", "complete"]


def test_more_iterations_are_more_candidates_over_the_same_rungs():
    search = SimulatedSearch(AsynchronousHalving(NINE, n_iterations=3), n_points=4)
    search.run()
    assert search.n_candidates == 27
    assert search.n_units <= sum(r["units_continued"] for r in plan([NINE], 3))
    assert {t.job.resource for t in search.trials} == {1, 3, 9}


def test_no_worker_waits_as_long_as_there_are_new_candidates():
    search = SimulatedSearch(
        AsynchronousHalving(halving_bracket(1, 81, 3)), n_points=8, spread=1.0
    )
    for n_commits in range(1000):
        search.run(n_commits)
        if search.n_candidates == 81:
            break
        assert len(search.running) == 8
    assert len(search.trials) > 81 + 15  # many of them promotions


@pytest.mark.parametrize("seed", range(5))
def test_the_account_of_models_is_what_a_look_at_all_trials_finds(seed):
    scheduler = AsynchronousHalving(halving_bracket(1, 81, 3))
    search = SimulatedSearch(scheduler, n_points=4, fails=0.2, spread=1.0, seed=seed)
    looked = []
    observe = scheduler.observe

    def observe_and_look(trial):
        observe(trial)
        waiting = set()
        for rung in scheduler._rungs._rungs:
            left = [t.id for t in rung.best if t.id not in scheduler._promoted]
            waiting.update(left[: rung.capacity - rung.n_promoted])
        looked.append(waiting | scheduler._in_use)

    scheduler.observe = observe_and_look
    search.run()
    assert search.kept == looked
    assert scheduler.may_continue() == set()
