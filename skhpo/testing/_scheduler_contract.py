"""What every scheduler promises, as tests that a class inherits; a simulated search.

The simulation is the loop without fits: learning curves in place of models, a virtual
clock in place of workers.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import nan
from random import Random
from typing import Any

import numpy as np

from skhpo._archive import Trial
from skhpo._clock import VirtualClock
from skhpo._types import STATUSES, Job, Proposal, Scheduler

_SLOTS = (1, 2, 3, 8, 50)  # jobs in flight
_LEVELS_OFF = 10.0  # units after which half of what is to be learnt is learnt


class SchedulerContract:
    """Inherit, say how your scheduler is made, and let pytest collect the rest.

    Attributes
    ----------
    max_resource : int or None
        Units that no job may exceed; None = the jobs are plain fits.
    n_units : int or None
        Units of training that the scheduler may spend in all; None = not limited.
    n_candidates : int
        Candidates that it starts from scratch in a space that is large enough.

    Examples
    --------
    >>> from skhpo.schedulers import Fifo
    >>> class TestMyScheduler(SchedulerContract):
    ...     n_units = n_candidates = 5
    ...     def make(self):
    ...         return Fifo(n_iter=5)
    >>> TestMyScheduler().test_asking_for_none_gives_none()
    """

    max_resource: int | None = None
    n_units: int | None = None
    n_candidates: int = 0

    def make(self) -> Scheduler:
        """A new scheduler. To be defined."""
        raise TypeError(f"{type(self).__name__} must define make()")

    # Jobs -------------------------------------------------------------------------

    def test_jobs_are_never_more_than_asked_for(self):
        for search in self._searches():
            assert search.surplus == 0

    def test_proposals_are_asked_for_once_per_call(self):
        """A second call could not know that the first one's are pending."""
        for search in self._searches():
            assert search.max_proposed_per_call <= 1

    def test_asking_for_none_gives_none(self):
        scheduler = self.make()
        assert scheduler.next_jobs(0, _must_not_be_asked) == []

    def test_a_continued_trial_was_trained_less_and_did_not_fail(self):
        for search in self._searches():
            for trial, parent in search.continued():
                assert parent.status == "complete"
                assert parent.job.resource < trial.job.resource
                assert np.isfinite(parent.score)

    def test_a_promoted_trial_stays_the_same_candidate(self):
        for search in self._searches():
            for trial, parent in search.continued():
                if trial.job.origin in ("promote", "continue"):
                    assert trial.candidate == parent.candidate
                    assert trial.job.proposal is parent.job.proposal

    def test_who_goes_on_from_another_candidates_models_is_a_new_candidate(self):
        """Its settings may be equal all the same; who evaluates finds out."""
        for search in self._searches():
            for trial, _ in search.continued():
                if trial.job.origin not in ("promote", "continue"):
                    assert trial.job.candidate is None

    def test_no_candidate_is_trained_twice_to_the_same_resource(self):
        for search in self._searches():
            seen = Counter((t.candidate, t.job.resource) for t in search.trials)
            assert max(seen.values()) == 1

    def test_resources_are_positive_integers_up_to_the_largest(self):
        for search in self._searches():
            for trial in search.trials:
                if self.max_resource is None:
                    assert trial.job.resource is None
                else:
                    assert isinstance(trial.job.resource, int)
                    assert 0 < trial.job.resource <= self.max_resource

    # How much ---------------------------------------------------------------------

    def test_no_more_is_trained_than_planned(self):
        for search in self._searches():
            assert self.n_units is None or search.n_units <= self.n_units

    def test_all_candidates_are_started_and_none_is_left_in_flight(self):
        for search in self._searches():
            assert search.n_candidates == self.n_candidates
            assert all(trial.status is not None for trial in search.trials)

    def test_the_largest_resource_is_reached(self):
        for search in self._searches():
            resources = {t.job.resource for t in search.trials if t.score > -np.inf}
            assert self.max_resource in resources

    def test_nothing_is_trained_on_where_everything_fails(self):
        for n_points in _SLOTS:
            search = self._run(n_points, fails=1.0)
            assert search.n_candidates == self.n_candidates
            assert not list(search.continued())

    def test_a_small_space_is_used_up_and_the_search_ends(self):
        for n_points in _SLOTS:
            for size in {0, 1, 2, 5, self.n_candidates - 1}:
                search = self._run(n_points, size=size)
                assert search.n_candidates == min(size, self.n_candidates)
                if size:
                    assert max(t.job.resource or 0 for t in search.trials) == (
                        self.max_resource or 0
                    )

    def test_nothing_comes_after_the_end(self):
        for search in self._searches():
            assert search.scheduler.next_jobs(3, lambda n, **_: []) == []

    # Models and statuses ----------------------------------------------------------

    def test_models_are_kept_until_their_continuation_is_there(self):
        for search in self._searches():
            for trial, parent in search.continued():
                first, last = search.commit_of(parent), search.commit_of(trial)
                kept = search.kept[first:last]
                assert all(parent.id in trials for trials in kept)

    def test_models_are_kept_of_committed_trials_only(self):
        for search in self._searches():
            for n_commits, kept in enumerate(search.kept, start=1):
                assert kept <= {t.id for t in search.committed[:n_commits]}

    def test_each_trial_has_a_known_status_in_the_end(self):
        for search in self._searches():
            status_of = getattr(search.scheduler, "status_of", lambda t: t.status)
            continued = {parent.id for _, parent in search.continued()}
            for trial in search.trials:
                status = status_of(trial)
                assert status in STATUSES
                assert (status == "failed") == (trial.status == "failed")
                assert (status == "promoted") == (trial.id in continued)
                if status == "complete":
                    assert trial.job.resource == self.max_resource

    # How it behaves ---------------------------------------------------------------

    def test_equal_searches_are_equal(self):
        for n_points in _SLOTS:
            assert self._run(n_points).table() == self._run(n_points).table()

    def test_a_pickled_scheduler_continues_exactly(self):
        for n_commits in (0, 1, 7, 20):
            search = SimulatedSearch(self.make(), n_points=3, fails=0.1)
            search.run(n_commits)
            copy = pickle.loads(pickle.dumps(search))
            search.run()
            copy.run()
            assert copy.table() == search.table()

    def test_odd_scores_do_no_harm(self):
        for scores in ([0.5], [1e300, -1e300, 0.0], [1e-310, 2e-310]):
            search = SimulatedSearch(self.make(), n_points=4, scores=scores)
            search.run()
            assert search.n_candidates == self.n_candidates
            assert self.n_units is None or search.n_units <= self.n_units

    def _searches(self) -> Iterator["SimulatedSearch"]:
        """Few and many slots; failures; fits of very different lengths."""
        for n_points in _SLOTS:
            yield self._run(n_points)
            yield self._run(n_points, fails=0.3, spread=1.5)

    def _run(self, n_points: int, **how) -> "SimulatedSearch":
        search = SimulatedSearch(self.make(), n_points=n_points, **how)
        search.run()
        return search


@dataclass
class SimulatedSearch:
    """A search over one parameter that is the candidate's score in the long run.

    Parameters
    ----------
    scheduler : Scheduler
        What is to be tried.
    n_points : int
        Jobs in flight: workers, when each has one.
    size : int or None
        Settings in the space; None = no end of them.
    fails : float
        Share of the trials that fail; the first candidate never does.
    spread : float
        Standard deviation of the logarithm of the time per unit.
    scores : sequence of float or None
        Given out in turn, in place of the learning curves.
    seed : int
        For curves, failures and times. They depend on the candidate and the resource,
        not on the order.

    Attributes
    ----------
    trials, committed : list of Trial
        All of them, in the order of starting and of their commits.
    kept : list of set of int
        Trials whose models were kept, after each commit.
    running : dict of int -> Trial
        What is in flight.
    clock : VirtualClock
        What time it is.
    busy : float
        Time that workers spent, all together.
    n_numbered, n_proposed : int
        Candidates that have a number; proposals that were handed out.
    n_units : int
        Units that were trained.
    surplus : int
        Jobs beyond those asked for.
    max_proposed_per_call : int
        How often proposals were asked for in one call, at most.

    Examples
    --------
    >>> from skhpo.schedulers import SuccessiveHalving, halving_bracket
    >>> from skhpo.testing import SimulatedSearch
    >>> scheduler = SuccessiveHalving([halving_bracket(1, 9, 3)])
    >>> search = SimulatedSearch(scheduler, n_points=3)
    >>> search.run()
    >>> search.n_candidates, search.n_units
    (9, 21)
    """

    scheduler: Any
    n_points: int = 1
    size: int | None = None
    fails: float = 0.0
    spread: float = 0.0
    scores: list[float] | None = None
    seed: int = 0
    trials: list[Trial] = field(default_factory=list)
    committed: list[Trial] = field(default_factory=list)
    kept: list[set[int]] = field(default_factory=list)  # after each commit
    running: dict[int, Trial] = field(default_factory=dict)
    clock: VirtualClock = field(default_factory=VirtualClock)
    busy: float = 0.0  # time that workers spent, all together
    n_numbered: int = 0  # candidates
    n_proposed: int = 0
    n_units: int = 0
    surplus: int = 0  # jobs beyond those asked for
    max_proposed_per_call: int = 0

    def run(self, n_commits: float = np.inf) -> None:
        """Search to the end, or until so many trials are committed."""
        self._start_jobs()
        while self.running and len(self.committed) < n_commits:
            self._commit(self.running.pop(self.clock.first()))
            self._start_jobs()

    @property
    def idle_share(self) -> float:
        """Share of the workers' time in which they had nothing to do."""
        return 1.0 - self.busy / (self.n_points * self.clock.now)

    @property
    def n_candidates(self) -> int:
        """Candidates that were started from scratch."""
        return sum(trial.job.parent is None for trial in self.trials)

    def continued(self) -> Iterator[tuple[Trial, Trial]]:
        """(trial, parent) of the trials that continue another."""
        for trial in self.trials:
            if trial.job.parent is not None:
                yield trial, self.trials[trial.job.parent]

    def commit_of(self, trial: Trial) -> int:
        """Which commit it was."""
        return self.committed.index(trial)

    def table(self) -> list[tuple]:
        """One row per trial, in the order of starting."""
        return [
            (t.candidate, t.job.parent, t.job.resource, t.job.origin, *_labels(t))
            for t in self.trials
        ]

    def score(self, candidate: int, resource: int) -> float:
        """A learning curve that rises from about 0 to the candidate's own limit."""
        draws = self._draws(candidate)
        limit, speed = draws.random(), draws.uniform(0.3, 3.0)
        noise = self._draws(candidate, resource).gauss(0.0, 0.02)
        return limit * resource / (resource + _LEVELS_OFF / speed) + noise

    def _start_jobs(self) -> None:
        while (n := self.n_points - len(self.running)) > 0:
            calls: list[int] = []
            jobs = self.scheduler.next_jobs(n, self._propose(calls))
            self.surplus += max(0, len(jobs) - n)
            most = max(self.max_proposed_per_call, len(calls))
            self.max_proposed_per_call = most
            for job in jobs:
                self._start(job)
            if not jobs:
                return

    def _propose(self, calls: list[int]) -> Callable[..., list[Proposal]]:
        def propose(n: int, **context: Any) -> list[Proposal]:
            calls.append(n)
            left = n if self.size is None else min(n, self.size - self.n_proposed)
            first = self.n_proposed
            self.n_proposed += left
            return [Proposal(i, np.array([0.5])) for i in range(first, first + left)]

        return propose

    def _start(self, job: Job) -> None:
        number = len(self.trials)
        candidate = job.candidate
        if candidate is None:
            candidate = self.n_numbered
            self.n_numbered += 1
        trial = Trial(number, job, candidate, {})
        self.trials.append(trial)
        self.running[number] = trial
        units = self._new_units(job)
        duration = units * self._time_per_unit(candidate, job)
        self.n_units += units
        self.busy += duration
        self.clock.start(number, duration)

    def _new_units(self, job: Job) -> int:
        if job.resource is None:
            return 1
        before = 0 if job.parent is None else self.trials[job.parent].job.resource
        return job.resource - (before or 0)

    def _commit(self, trial: Trial) -> None:
        self.clock.finish(trial.id)
        resource = trial.job.resource or 1
        is_failure = self._draws(trial.candidate, resource, 1).random() < self.fails
        if is_failure and (trial.candidate > 0 or self.fails == 1.0):
            trial.status, trial.score = "failed", nan
        elif self.scores:
            trial.status = "complete"
            trial.score = self.scores[len(self.committed) % len(self.scores)]
        else:
            trial.status, trial.score = "complete", self._score(trial, resource)
        self.committed.append(trial)
        self.scheduler.observe(trial)
        self.kept.append(set(self.scheduler.may_continue()))

    def _score(self, trial: Trial, resource: int) -> float:
        if self.fails and trial.candidate == 0:
            return 2.0  # the best by far: somebody has to reach the top
        return self.score(trial.candidate, resource)

    def _time_per_unit(self, candidate: int, job: Job) -> float:
        draws = self._draws(candidate, job.resource or 1, 2)
        return draws.lognormvariate(0.0, self.spread)

    def _draws(self, *key: int) -> Random:
        return Random(f"{self.seed} {key}")  # numpy's take ten times as long to make


def _labels(trial: Trial) -> list[int | str | float]:
    return [trial.job.labels[name] for name in sorted(trial.job.labels)]


def _must_not_be_asked(n: int, **context: Any) -> list[Proposal]:
    raise AssertionError("the scheduler asked for proposals that it cannot use")
