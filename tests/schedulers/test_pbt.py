"""Population-based training: who goes on, and from whose models."""

from collections import Counter
from math import nan

import numpy as np
import pytest

from skhpo._archive import Trial
from skhpo._types import Proposal
from skhpo.schedulers import PopulationBased
from skhpo.testing import SimulatedSearch

STEPS = [3, 6, 9]


class Driver:
    """Hands out jobs and gives each trial the score that a test asks for."""

    def __init__(self, scheduler, size=1000):
        self.scheduler = scheduler
        self.trials = []
        self.asked = []  # (n, near, resource)
        self.n_left = size

    def jobs(self, n=100):
        jobs = []
        while more := self.scheduler.next_jobs(n - len(jobs), self._propose):
            jobs += more
        return [self._open(job) for job in jobs]

    def give(self, trial, score):
        trial.status = "failed" if np.isnan(score) else "complete"
        trial.score = score
        self.scheduler.observe(trial)

    def step(self, scores, order=None):
        """Run a step; ``scores`` by member; return its trials, by member."""
        trials = sorted(self.jobs(), key=member)
        assert list(map(member, trials)) == list(range(len(scores)))
        for number in range(len(scores)) if order is None else order:
            self.give(trials[number], scores[number])
        return trials

    def _propose(self, n, *, resource, near=None):
        self.asked.append((n, None if near is None else float(near[0]), resource))
        n = min(n, self.n_left)
        self.n_left -= n
        first = sum(known for known, *_ in self.asked[:-1])
        return [Proposal(first + i, np.array([0.01 * (first + i)])) for i in range(n)]

    def _open(self, job):
        number = len(self.trials)
        candidate = number if job.candidate is None else job.candidate
        self.trials.append(Trial(number, job, candidate, {}))
        return self.trials[-1]


def member(trial):
    return trial.job.labels["member"]


def events(trials):
    return [trial.job.labels["event"] for trial in trials]


def sources(driver, trials):
    """Return from which member's models each goes on."""
    return [member(driver.trials[trial.job.parent]) for trial in trials]


EIGHT = [0.8, 0.1, 0.5, 0.9, 0.4, 0.2, 0.3, 0.6]  # by member


def test_all_members_begin_from_scratch_at_the_first_step():
    driver = Driver(PopulationBased(8, STEPS))
    trials = driver.step(EIGHT)
    assert events(trials) == ["init"] * 8
    assert {(t.job.resource, t.job.parent) for t in trials} == {(3, None)}
    assert [t.job.labels["step"] for t in trials] == [0] * 8


def test_the_lowest_quarter_copy_one_of_the_highest_and_the_others_go_on():
    driver = Driver(PopulationBased(8, STEPS))
    driver.step(EIGHT)
    second = driver.step(EIGHT)
    assert events(second) == [
        *["continue", "exploit", "continue", "continue"],
        *["continue", "exploit", "continue", "continue"],
    ]
    from_whom = sources(driver, second)
    assert {from_whom[1], from_whom[5]} <= {0, 3}
    assert [m for i, m in enumerate(from_whom) if i not in (1, 5)] == [0, 2, 3, 4, 6, 7]
    assert {t.job.resource for t in second} == {6}


def test_who_goes_on_stays_the_candidate_and_who_copies_is_a_new_one():
    driver = Driver(PopulationBased(8, STEPS))
    first = driver.step(EIGHT)
    second = driver.step(EIGHT)
    for before, after in zip(first, second, strict=True):
        assert (before.candidate == after.candidate) == (
            after.job.labels["event"] == "continue"
        )
        if after.job.labels["event"] == "continue":
            assert after.job.proposal is before.job.proposal


def test_settings_are_asked_near_those_of_the_donor_for_the_units_to_come():
    driver = Driver(PopulationBased(8, STEPS))
    first = driver.step(EIGHT)
    driver.asked.clear()
    copies = [t for t in driver.jobs() if t.job.labels["event"] == "exploit"]
    donors = [driver.trials[t.job.parent] for t in copies]
    near = [float(donor.job.proposal.point[0]) for donor in donors]
    assert driver.asked == [(1, point, 6) for point in near]
    assert set(donors) <= {first[0], first[3]}


def test_who_copies_whom_depends_on_the_seed_and_not_on_the_order_of_arrival():
    def table(seed, order):
        driver = Driver(PopulationBased(8, STEPS, quantile=0.5, seed=seed))
        driver.step(EIGHT, order)
        return sources(driver, driver.step(EIGHT))

    assert table(0, range(8)) == table(0, range(7, -1, -1))
    assert len({tuple(table(seed, range(8))) for seed in range(5)}) > 1


def test_every_one_of_the_best_is_copied_at_times():
    donors = Counter()
    for seed in range(200):
        driver = Driver(PopulationBased(8, STEPS, seed=seed))
        driver.step(EIGHT)
        second = driver.jobs()
        donors.update(
            member(driver.trials[t.job.parent])
            for t in second
            if t.job.labels["event"] == "exploit"
        )
    assert set(donors) == {0, 3}
    assert 150 < donors[0] < 250  # of 400


def test_nothing_comes_after_the_last_step():
    driver = Driver(PopulationBased(8, STEPS))
    for _ in STEPS:
        driver.step(EIGHT)
    assert driver.jobs() == []
    assert driver.scheduler.may_continue() == set()
    statuses = [driver.scheduler.status_of(t) for t in driver.trials]
    assert statuses[-8:] == ["complete"] * 8
    assert Counter(statuses[:8]) == {"promoted": 6, "stopped": 2}


# Failures -------------------------------------------------------------------------


def test_who_failed_copies_one_of_the_best():
    driver = Driver(PopulationBased(8, STEPS))
    driver.step([0.8, nan, nan, 0.9, 0.4, 0.2, nan, 0.6])
    second = driver.step(EIGHT)
    copies = [m for m, event in enumerate(events(second)) if event == "exploit"]
    assert copies == [1, 2, 6]  # more than a quarter have failed: no other has to
    assert {sources(driver, second)[m] for m in copies} <= {0, 3}


def test_failed_ones_count_among_the_lowest():
    driver = Driver(PopulationBased(8, STEPS))
    driver.step([0.8, nan, 0.5, 0.9, 0.4, 0.2, 0.3, 0.6])
    second = driver.step(EIGHT)
    copies = [m for m, event in enumerate(events(second)) if event == "exploit"]
    assert copies == [1, 5]


def test_a_single_survivor_is_copied_by_all():
    driver = Driver(PopulationBased(4, STEPS))
    driver.step([nan, nan, 0.1, nan])
    second = driver.step([0.1] * 4)
    assert sources(driver, second) == [2, 2, 2, 2]
    assert events(second) == ["exploit", "exploit", "continue", "exploit"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_where_all_failed_nobody_goes_on(asynchronous):
    driver = Driver(PopulationBased(4, STEPS, asynchronous=asynchronous))
    driver.step([0.1, 0.2, 0.3, 0.4])
    trials = driver.jobs()
    assert len(trials) == 4
    for trial in trials:
        driver.give(trial, nan)
    assert driver.jobs() == []


# Tournament -----------------------------------------------------------------------


def test_in_a_tournament_losers_copy_the_one_that_they_met():
    driver = Driver(PopulationBased(8, STEPS, exploit="tournament"))
    driver.step(EIGHT)
    second = driver.step(EIGHT)
    from_whom = sources(driver, second)
    for number, (event, source) in enumerate(
        zip(events(second), from_whom, strict=True)
    ):
        if event == "exploit":
            assert EIGHT[source] > EIGHT[number]
    assert events(second)[3] == "continue"  # the best one wins in any case
    assert events(second)[1] == "exploit"  # and the lowest loses
    assert 2 < events(second).count("exploit") < 8


# Asynchronous ---------------------------------------------------------------------


def test_an_asynchronous_member_is_measured_by_what_is_known_of_its_step():
    driver = Driver(PopulationBased(8, STEPS, asynchronous=True))
    trials = driver.jobs()
    for trial, score in zip(trials[:3], [0.1, 0.5, 0.4], strict=True):
        driver.give(trial, score)
        assert driver.jobs() == []  # too few for a quarter of them to be one
    driver.give(trials[3], 0.2)
    moved = sorted(driver.jobs(), key=member)
    assert events(moved) == ["exploit", "continue", "continue", "continue"]
    assert sources(driver, moved) == [1, 1, 2, 3]
    driver.give(trials[4], 0.6)
    assert events(driver.jobs()) == ["continue"]
    driver.give(trials[5], 0.05)  # the lowest of six
    (copy,) = driver.jobs()
    assert events([copy]) == ["exploit"]
    assert sources(driver, [copy]) == [4]
    driver.give(moved[3], 0.3)  # the first of them at the second step
    assert driver.jobs() == []


def test_an_asynchronous_failure_waits_for_somebody_to_copy():
    driver = Driver(PopulationBased(5, STEPS, asynchronous=True))
    trials = driver.jobs()
    driver.give(trials[0], nan)
    driver.give(trials[1], nan)
    driver.give(trials[2], nan)
    driver.give(trials[3], nan)
    assert driver.jobs() == []
    driver.give(trials[4], 0.5)
    moved = sorted(driver.jobs(), key=member)
    assert events(moved) == ["exploit"] * 4 + ["continue"]
    assert sources(driver, moved) == [4] * 5


def test_asynchronous_populations_do_not_wait():
    """With workers of their own and uneven fits, nobody stands idle at a barrier."""

    def idle(asynchronous):
        shares = []
        for seed in range(5):
            scheduler = PopulationBased(16, range(1, 11), asynchronous=asynchronous)
            search = SimulatedSearch(scheduler, n_points=8, spread=0.7, seed=seed)
            search.run()
            shares.append(search.idle_share)
        return np.mean(shares)

    assert idle(True) < 0.4 * idle(False)  # .08 against .40


# Models and small spaces ----------------------------------------------------------


def test_a_donors_model_is_kept_until_the_last_copy_is_there():
    driver = Driver(PopulationBased(4, STEPS))
    first = driver.step([nan, nan, 0.1, nan])
    trials = driver.jobs()
    for trial in trials:
        assert first[2].id in driver.scheduler.may_continue()
        driver.give(trial, 0.5)
    assert first[2].id not in driver.scheduler.may_continue()


def test_a_space_that_ends_is_a_smaller_population():
    driver = Driver(PopulationBased(8, STEPS), size=5)
    assert len(driver.step([0.5, 0.4, 0.3, 0.2, 0.1])) == 5
    second = driver.step([0.5, 0.4, 0.3, 0.2, 0.1])
    assert events(second) == ["continue"] * 4 + ["exploit"]


def test_a_copy_keeps_the_settings_where_no_others_are_proposed():
    driver = Driver(PopulationBased(4, STEPS), size=4)
    first = driver.step([0.1, 0.2, 0.3, 0.4])
    second = driver.step([0.1, 0.2, 0.3, 0.4])
    assert events(second) == ["exploit"] + ["continue"] * 3
    assert second[0].job.proposal is first[3].job.proposal
    assert second[0].job.origin == "exploit"


def test_those_that_go_on_are_started_before_those_that_copy():
    driver = Driver(PopulationBased(8, STEPS))
    driver.step(EIGHT)
    assert events(driver.jobs()) == ["continue"] * 6 + ["exploit"] * 2


def test_a_member_that_stays_never_copies():
    def stays(trial):
        return trial.candidate == 0

    for exploit in ("truncation", "tournament"):
        search = SimulatedSearch(
            PopulationBased(8, [3, 6, 9, 12], exploit, stays=stays), n_points=8
        )
        search.run()
        own = [t for t in search.trials if t.job.labels["member"] == 0]
        events = [t.job.labels["event"] for t in own]
        assert events == ["init", "continue", "continue", "continue"]
