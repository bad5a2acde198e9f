"""Successive halving and Hyperband: who is promoted, and when."""

from math import nan

import numpy as np
import pytest

from skhpo._archive import Trial
from skhpo._types import Proposal
from skhpo.schedulers import (
    Bracket,
    SuccessiveHalving,
    halving_bracket,
    hyperband_brackets,
)
from skhpo.testing import SimulatedSearch

NINE = halving_bracket(1, 9, 3)  # 9, 3, 1 candidates


class Driver:
    """Hands out jobs and gives each trial the score that a test asks for."""

    def __init__(self, scheduler, size=None):
        self.scheduler = scheduler
        self.trials = []
        self.asked = []
        self.n_left = float("inf") if size is None else size

    def jobs(self, n):
        jobs = []
        while more := self.scheduler.next_jobs(n - len(jobs), self._propose):
            jobs += more
        return [self._open(job) for job in jobs]

    def give(self, trial, score):
        trial.status = "failed" if np.isnan(score) else "complete"
        trial.score = score
        self.scheduler.observe(trial)

    def rung(self, scores):
        """Run a whole rung; return its trials."""
        trials = self.jobs(len(scores))
        assert len(trials) == len(scores)
        for trial, score in zip(trials, scores, strict=True):
            self.give(trial, score)
        return trials

    def _propose(self, n, *, resource):
        self.asked.append((n, resource))
        n = int(min(n, self.n_left))
        self.n_left -= n
        first = sum(t.job.parent is None for t in self.trials)
        return [Proposal(first + i, np.array([0.5])) for i in range(n)]

    def _open(self, job):
        number = len(self.trials)
        candidate = number if job.candidate is None else job.candidate
        self.trials.append(Trial(number, job, candidate, {}))
        return self.trials[-1]


def candidates(trials):
    return [trial.candidate for trial in trials]


def test_the_best_third_of_a_full_rung_is_promoted_best_first():
    driver = Driver(SuccessiveHalving([NINE]))
    driver.rung([0.1, 0.5, 0.3, 0.9, 0.2, 0.4, 0.8, 0.0, 0.6])
    second = driver.rung([0.7, 0.6, 0.95])
    assert candidates(second) == [3, 6, 8]
    assert candidates(driver.jobs(9)) == [8]


def test_a_promotion_continues_the_trial_below():
    driver = Driver(SuccessiveHalving([NINE]))
    first = driver.rung([0.1 * i for i in range(9)])
    job = driver.jobs(1)[0].job
    assert (job.candidate, job.parent, job.resource) == (8, 8, 3)
    assert job.origin == "promote"
    assert job.proposal is first[8].job.proposal
    assert job.labels == {"sweep": 0, "bracket": 0, "rung": 1}


def test_a_new_job_has_the_origin_of_its_proposal_and_no_parent():
    initial = Proposal(0, np.array([0.5]), labels={"origin": "initial"})
    (job,) = SuccessiveHalving([NINE]).next_jobs(1, lambda n, resource: [initial])
    assert (job.candidate, job.parent, job.resource) == (None, None, 1)
    assert job.origin == "initial"
    assert job.labels == {"sweep": 0, "bracket": 0, "rung": 0}


def test_an_optimizer_that_proposes_too_many_does_no_harm():
    driver = Driver(SuccessiveHalving([NINE]))
    propose = driver._propose
    driver._propose = lambda n, *, resource: propose(n + 3, resource=resource)
    assert len(driver.jobs(4)) == 4
    assert len(driver.jobs(100)) == 5


def test_the_next_rung_waits_until_this_one_is_complete():
    driver = Driver(SuccessiveHalving([NINE]))
    trials = driver.jobs(9)
    for trial in trials[:-1]:
        driver.give(trial, 0.5)
        assert driver.jobs(9) == []
    driver.give(trials[-1], 0.5)
    assert len(driver.jobs(9)) == 3


def test_equal_scores_promote_the_candidates_that_came_first():
    driver = Driver(SuccessiveHalving([NINE]))
    trials = driver.jobs(9)
    for trial in reversed(trials):
        driver.give(trial, 0.5)
    assert candidates(driver.jobs(9)) == [0, 1, 2]


def test_failed_trials_are_never_promoted_and_rungs_shrink():
    driver = Driver(SuccessiveHalving([NINE]))
    driver.rung([nan] * 7 + [-1e300, 0.5])
    assert candidates(driver.rung([nan, 0.1])) == [8, 7]
    assert candidates(driver.jobs(9)) == [7]


def test_a_bracket_ends_where_everything_fails():
    driver = Driver(SuccessiveHalving([NINE]))
    driver.rung([nan] * 9)
    assert driver.jobs(9) == []
    assert driver.scheduler.may_continue() == set()


def test_proposals_are_asked_for_at_the_resource_of_the_bracket():
    driver = Driver(SuccessiveHalving(hyperband_brackets(1, 9, 3)))
    driver.jobs(100)
    assert driver.asked == [(9, 1), (5, 3), (3, 9)]


def test_a_thin_rung_is_filled_up_from_other_brackets():
    driver = Driver(SuccessiveHalving(hyperband_brackets(1, 9, 3)))
    driver.rung([0.1 * i for i in range(9)])
    brackets = [trial.job.labels["bracket"] for trial in driver.jobs(9)]
    assert brackets == [0, 0, 0, 1, 1, 1, 1, 1, 2]


def test_sweeps_follow_each_other_with_new_candidates():
    scheduler = SuccessiveHalving(hyperband_brackets(1, 3, 3), n_iterations=2)
    driver = Driver(scheduler)
    trials = driver.jobs(100)
    sweeps = [(t.job.labels["sweep"], t.job.labels["bracket"]) for t in trials]
    assert sweeps == [(0, 0)] * 3 + [(0, 1)] * 2 + [(1, 0)] * 3 + [(1, 1)] * 2
    assert candidates(trials) == list(range(10))


# Small spaces ---------------------------------------------------------------------


def test_a_space_smaller_than_the_first_rung_is_halved_by_its_own_size():
    driver = Driver(SuccessiveHalving([halving_bracket(1, 81, 3)]), size=10)
    driver.rung([0.1 * i for i in range(10)])
    assert candidates(driver.rung([0.1, 0.2, 0.3])) == [9, 8, 7]
    top = driver.rung([0.5])
    assert top[0].job.resource == 81
    assert driver.jobs(9) == []


def test_no_proposal_while_jobs_are_in_flight_means_wait():
    driver = Driver(SuccessiveHalving([NINE]))
    first = driver.jobs(1)
    driver.n_left = 0
    assert driver.jobs(1) == []
    driver.n_left = 8
    assert len(driver.jobs(9)) == 8
    driver.give(first[0], 0.5)
    assert driver.jobs(9) == []  # the other eight are open


def test_a_space_that_ends_in_a_later_bracket_ends_that_bracket_only():
    driver = Driver(SuccessiveHalving(hyperband_brackets(1, 9, 3)), size=11)
    driver.rung([0.1 * i for i in range(9)] + [0.0, 0.1])
    trials = driver.jobs(9)
    assert [t.job.labels["bracket"] for t in trials] == [0, 0, 0]
    for trial in trials:
        driver.give(trial, 0.5)
    (top,) = driver.jobs(9)
    driver.give(top, 0.5)
    (top,) = driver.jobs(9)  # of the two that entered the second bracket
    assert (top.candidate, top.job.resource) == (10, 9)


# Models and statuses --------------------------------------------------------------


def test_models_that_cannot_be_promoted_any_more_are_dropped_at_once():
    driver = Driver(SuccessiveHalving([NINE]))
    trials = driver.jobs(9)
    kept = []
    for trial, score in zip(trials, [5, 4, 3, 2, 6, nan, 1, 7, 0], strict=True):
        driver.give(trial, score)
        kept.append(driver.scheduler.may_continue())
    assert kept[2:5] == [{0, 1, 2}, {0, 1, 2}, {0, 1, 4}]
    assert kept[-1] == {0, 4, 7}


def test_a_model_is_kept_while_its_continuation_is_in_flight():
    driver = Driver(SuccessiveHalving([NINE]))
    driver.rung(range(9))
    trials = driver.jobs(3)
    assert driver.scheduler.may_continue() == {6, 7, 8}
    driver.give(trials[0], 0.5)  # trial 9 continues trial 8
    assert driver.scheduler.may_continue() == {6, 7, 9}


def test_statuses_say_what_became_of_a_trial():
    driver = Driver(SuccessiveHalving([NINE]))
    first = driver.rung([nan, *range(8)])
    second = driver.rung([0.1, nan, 0.2])
    (top,) = driver.rung([0.3])
    statuses = [driver.scheduler.status_of(t) for t in (*first, *second, top)]
    assert statuses == (
        ["failed"] + ["stopped"] * 5 + ["promoted"] * 3
        + ["stopped", "failed", "promoted", "complete"]
    )  # fmt: skip


# Busy workers ---------------------------------------------------------------------


@pytest.mark.parametrize("n_workers, most", [(2, 0.06), (4, 0.17), (8, 0.32)])
def test_brackets_side_by_side_keep_workers_busier_than_one_after_another(
    n_workers, most
):
    brackets = hyperband_brackets(1, 81, 3)
    idle, idle_in_turn = [], []
    for seed in range(8):
        idle.append(idle_share([brackets], n_workers, seed))
        idle_in_turn.append(idle_share([[b] for b in brackets], n_workers, seed))
    assert np.mean(idle) < most
    assert np.mean(idle) < 0.5 * np.mean(idle_in_turn)


def idle_share(groups, n_workers, seed):
    """Of groups of brackets run one after another; log-normal times."""
    busy = total = 0.0
    for group in groups:
        search = SimulatedSearch(
            SuccessiveHalving(group), n_workers, spread=0.5, seed=seed
        )
        search.run()
        busy, total = busy + search.busy, total + search.clock.now
    return 1.0 - busy / (n_workers * total)


def in_runs(scheduler):
    """Return the trials that the brackets still have in their lists."""
    runs = scheduler._runs.values()
    return {t.id for run in runs for t in [*run.promoted, *run._results.best]}


@pytest.mark.parametrize("size", [None, 13])
@pytest.mark.parametrize("seed", range(5))
def test_the_account_of_models_is_what_a_look_at_all_trials_finds(seed, size):
    scheduler = SuccessiveHalving(hyperband_brackets(1, 27, 3), n_iterations=2)
    search = SimulatedSearch(
        scheduler, n_points=4, size=size, fails=0.2, spread=1.0, seed=seed
    )
    looked = []
    observe = scheduler.observe

    def observe_and_look(trial):
        observe(trial)
        looked.append(in_runs(scheduler) | scheduler._in_use)

    scheduler.observe = observe_and_look
    search.run()
    assert len(looked) > 13
    assert search.kept == looked
    assert scheduler.may_continue() == set()


# ---- for a search that may end at any time


def starts(scheduler):
    """Return the brackets of the candidates, in the order of starting."""
    search = SimulatedSearch(scheduler, n_points=3)
    search.run()
    return [t.job.labels["bracket"] for t in search.trials if t.job.parent is None]


def test_a_candidate_in_full_comes_before_each_bracket():
    brackets = hyperband_brackets(1, 9, 3)
    plain, mixed = (
        starts(SuccessiveHalving(brackets, early=units)) for units in (None, 9)
    )
    assert plain == [0] * 9 + [1] * 5 + [2] * 3
    assert mixed == [2] + [0] * 9 + [2] + [1] * 5 + [2]
    lower = starts(SuccessiveHalving(brackets, early=3))
    assert lower == [1] + [0] * 9 + [1] + [2] * 3 + [1] * 3
    alone = [Bracket((5,), (1,), 3), *brackets]
    assert starts(SuccessiveHalving(alone[::-1], early=5))[0] == 3


@pytest.mark.parametrize("n_commits", [3, 10, 20])
def test_wherever_time_ends_something_is_trained_in_full(n_commits):
    brackets = hyperband_brackets(1, 27, 3)
    search = SimulatedSearch(SuccessiveHalving(brackets, early=27), n_points=3)
    search.run(n_commits)
    started = [t.job.resource for t in search.trials]
    assert started[0] == 27
    while search.clock.now < 27:
        n_commits += 1
        search.run(n_commits)
    assert 27 in [t.job.resource for t in search.committed]


def test_the_first_time_may_have_other_brackets():
    scheduler = SuccessiveHalving([NINE], 2, first=[NINE.resized(3)])
    assert len(starts(scheduler)) == 3 + 9


@pytest.mark.parametrize("fails", [0.0, 0.3])
def test_a_rung_that_does_not_wait_trains_the_same_plan_and_goes_up_early(fails):
    brackets = hyperband_brackets(1, 27, 3)
    searches = [
        SimulatedSearch(SuccessiveHalving(brackets, waits=waits), fails=fails)
        for waits in (True, False)
    ]
    for search in searches:
        search.run()
        assert search.scheduler.may_continue() == set()
    waiting, eager = ([t.job.resource for t in s.trials] for s in searches)
    assert waiting.index(3) >= 27 > eager.index(3)
    assert max(eager) == 27
    if not fails:
        assert sorted(eager) == sorted(waiting)


def test_a_space_that_ends_early_ends_a_search_that_does_not_wait():
    scheduler = SuccessiveHalving(hyperband_brackets(1, 27, 3), waits=False)
    search = SimulatedSearch(scheduler, size=5)
    search.run()
    resources = [t.job.resource for t in search.trials]
    assert resources.count(1) == 5 and max(resources) == 27
    assert scheduler.may_continue() == set()
