"""What schedulers that continue trials share: jobs, and whose models are needed."""

from bisect import bisect
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skhpo._types import Job, Propose
from skhpo.schedulers._brackets import Bracket


class Rung:
    """The best trials at one resource, as many as can still be promoted.

    A trial that falls off the end of the list never comes back, since later trials
    only push it further down. So at most ``capacity`` models are kept.
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self.n_observed = 0  # failed ones included
        self.best: list[Any] = []  # complete trials, the best first

    def add(self, trial: Any) -> list[Any]:
        """Take in a committed trial; return those that fell off the end.

        Ties go to the candidate that came first.
        """
        self.n_observed += 1
        if trial.status != "complete":
            return [trial]
        return insert(self.best, trial, self.capacity)


def insert(best: list[Any], trial: Any, capacity: int) -> list[Any]:
    """Put a trial at its place in a list of the best; return what is cut off."""
    best.insert(bisect(best, order(trial), key=order), trial)
    fallen = best[capacity:]
    del best[capacity:]
    return fallen


def order(trial: Any) -> tuple[float, int]:
    """Sorts trials, the best first."""
    return -trial.score, trial.candidate


@dataclass
class Places:
    """Places for new candidates: how many, trained how far, and their labels."""

    n: int
    resource: int
    labels: Mapping[str, int]


def places_of(
    resource: int, n: int, beside: Sequence[Bracket], beside_first: bool
) -> deque[Places]:
    """The places of a single bracket, and of brackets of one rung beside it."""
    places = [Places(n, resource, {"sweep": 0, "bracket": 0, "rung": 0})]
    others = [
        Places(
            bracket.n_candidates[0],
            bracket.resources[0],
            {"sweep": 0, "bracket": number, "rung": 0},
        )
        for number, bracket in enumerate(beside, 1)
    ]
    return deque([*others, *places] if beside_first else [*places, *others])


class ContinuingScheduler:
    """Makes jobs, new ones and those that continue a trial, and keeps account of them.

    ``n_in_flight`` counts the jobs that were handed out and are not committed yet.
    """

    def __init__(self, max_resource: int):
        self.max_resource = max_resource
        self.n_in_flight = 0
        self._promoted: set[int] = set()  # trials that were continued
        self._in_use: set[int] = set()  # those of them whose continuation is in flight
        self._waiting: set[int] = set()  # trials that are continued, or may be, later

    def may_continue(self) -> set[int]:
        """Return the trials whose models must be kept.

        Asked for after each commit: there is no time to look at every trial.
        """
        return self._waiting | self._in_use

    def status_of(self, trial: Any) -> str:
        """What became of a committed trial: to be read when the search is over.

        "failed" stays; "promoted" = a later trial of the candidate goes on from it;
        "complete" = trained to the top resource; "stopped" = it went no further,
        eliminated or because the search ended.
        """
        if trial.status != "complete":
            return trial.status
        if trial.id in self._promoted:
            return "promoted"
        return "complete" if trial.job.resource >= self.max_resource else "stopped"

    def _new(self, n: int, propose: Propose, resource: int, **labels: int) -> list[Job]:
        """At most ``n`` jobs from scratch, whatever the optimizer returns."""
        proposals = propose(n, resource=resource)[:n] if n > 0 else []
        jobs = [
            Job(p, resource, origin=str(p.labels.get("origin", "ask")), labels=labels)
            for p in proposals
        ]
        self.n_in_flight += len(jobs)
        return jobs

    def _fill(self, places: deque[Places], n: int, propose: Propose) -> list[Job]:
        """At most ``n`` jobs for the first places that are not full."""
        if not places or n < 1:
            return []
        first = places[0]
        jobs = self._new(min(n, first.n), propose, first.resource, **first.labels)
        first.n -= len(jobs)
        if not first.n:
            places.popleft()
        return jobs

    def _continue(self, trial: Any, resource: int, **labels: int) -> Job:
        self.n_in_flight += 1
        self._waiting.discard(trial.id)
        self._promoted.add(trial.id)
        self._in_use.add(trial.id)
        return Job(
            trial.job.proposal,
            resource,
            candidate=trial.candidate,
            parent=trial.id,
            origin="promote",
            labels=labels,
        )

    def _landed(self, trial: Any) -> None:
        """The job of this trial is not in flight any more."""
        self.n_in_flight -= 1
        self._in_use.discard(trial.job.parent)
