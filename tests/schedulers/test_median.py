"""Median stopping: who falls behind."""

from math import nan

import pytest

from skhpo.schedulers import MedianStopping, median_bracket
from skhpo.testing import SimulatedSearch
from tests.schedulers.test_halving import Driver, candidates

N_STEPS = 6


def make(n_candidates=10, **kwargs):
    bracket = median_bracket(1, N_STEPS, n_candidates, n_steps=N_STEPS)
    return Driver(MedianStopping(bracket, **kwargs))


def train(driver, curve):
    """Start a candidate and give it a curve, as long as it goes on; its trials."""
    trials = []
    for score in curve:
        trials += driver.jobs(1)
        driver.give(trials[-1], score)
        if trials[-1].id not in driver.scheduler.may_continue():
            break
    assert len(set(candidates(trials))) == 1
    return trials


def test_a_candidate_goes_on_step_by_step_from_its_own_trials():
    driver = make(n_candidates=1)
    trials = train(driver, [0.1] * N_STEPS)
    assert [t.job.resource for t in trials] == [1, 2, 3, 4, 5, 6]
    assert [t.job.parent for t in trials] == [None, 0, 1, 2, 3, 4]
    assert candidates(trials) == [0] * N_STEPS
    assert driver.jobs(1) == []


def test_those_that_go_on_come_before_new_candidates():
    driver = make()
    trials = driver.jobs(3)
    driver.give(trials[1], 0.5)
    assert candidates(driver.jobs(1)) == [1]


@pytest.mark.parametrize("n_grace_steps", [1, 3, 6])
def test_a_bad_candidate_ends_after_the_grace_steps(n_grace_steps):
    driver = make(n_grace_steps=n_grace_steps)
    for _ in range(5):
        assert len(train(driver, [0.5] * N_STEPS)) == N_STEPS
    (first,) = driver.jobs(1)
    step = first
    for n_steps in range(1, n_grace_steps + 1):
        driver.give(step, 0.4)
        (step,) = driver.jobs(1)
        assert (step.candidate == first.candidate) == (n_steps < n_grace_steps)


@pytest.mark.parametrize("min_candidates", [1, 3, 5])
def test_no_candidate_ends_before_enough_others_came_as_far(min_candidates):
    driver = make(min_candidates=min_candidates, n_grace_steps=1)
    for number in range(min_candidates):
        assert len(train(driver, [-number] * N_STEPS)) == N_STEPS
    assert len(train(driver, [-99.0] * N_STEPS)) == 1


def test_the_best_score_so_far_is_compared_with_the_median_of_running_means():
    driver = make(n_grace_steps=2, min_candidates=3)
    for level in (0.2, 0.4, 0.6):  # running means .1, .2, .3 at the second step
        train(driver, [0.0, level, *[level] * 4])
    (good,) = driver.jobs(1)
    driver.give(good, 0.2)
    (good,) = driver.jobs(1)
    driver.give(good, 0.0)  # its best is .2, no worse than the median
    (next_step,) = driver.jobs(1)
    assert next_step.candidate == good.candidate
    driver.give(next_step, 0.1)  # median at the third step: (0 + .4 + .4) / 3
    assert driver.jobs(1)[0].candidate != good.candidate


def test_failed_trials_do_not_go_on_and_do_not_count():
    driver = make(min_candidates=1, n_grace_steps=1)
    (trial,) = driver.jobs(1)
    driver.give(trial, nan)
    assert len(train(driver, [0.1] * N_STEPS)) == N_STEPS
    assert driver.scheduler.status_of(trial) == "failed"


def test_models_are_kept_until_their_continuation_is_there():
    driver = make()
    trials = driver.jobs(2)
    for trial in trials:
        driver.give(trial, 0.5)
    assert driver.scheduler.may_continue() == {0, 1}
    (step,) = driver.jobs(1)
    assert driver.scheduler.may_continue() == {0, 1}
    driver.give(step, 0.5)
    assert driver.scheduler.may_continue() == {1, step.id}


def test_statuses_say_what_became_of_a_trial():
    driver = make(n_candidates=2, min_candidates=1)
    complete = train(driver, [0.5] * N_STEPS)
    stopped = train(driver, [0.1] * N_STEPS)
    statuses = [driver.scheduler.status_of(t) for t in complete]
    assert statuses == ["promoted"] * (N_STEPS - 1) + ["complete"]
    statuses = [driver.scheduler.status_of(t) for t in stopped]
    assert statuses == ["promoted", "promoted", "stopped"]


def test_about_half_of_the_candidates_are_trained_in_full():
    search = SimulatedSearch(MedianStopping(median_bracket(1, 81, 60)), n_points=4)
    search.run()
    n_full = sum(trial.job.resource == 81 for trial in search.trials)
    assert 0.35 * 60 < n_full < 0.7 * 60
