"""Asynchronous successive halving: promote without waiting for a full rung.

A trial is promoted as soon as it is among the best 1 / factor of those that its rung
has seen so far (Algorithm 2 of [1]_, the variant that pauses and promotes). No worker
waits for the slowest trial of a rung, at the price of promotions that later results
would not have granted.

Two things differ from the paper, so that what is trained never exceeds the plan and
always includes the top. No rung promotes more than 1 / factor of what it has seen: in
the paper a promoted trial that has fallen behind makes room for another, which costs a
third more units on average (81 candidates) and twice as many at times. And a rung that
nothing can reach any more promotes one trial at least.

References
----------
.. [1] Li, Jamieson, Rostamizadeh, Gonina, Ben-Tzur, Hardt, Recht, Talwalkar (2020), A
   system for massively parallel hyperparameter tuning, MLSys, arXiv:1810.05934.
"""

from collections.abc import Sequence
from typing import Any

from skhpo._types import Job, Propose
from skhpo.schedulers._base import (
    ContinuingScheduler,
    Rung,
    insert,
    order,
    places_of,
)
from skhpo.schedulers._brackets import Bracket


class AsynchronousHalving(ContinuingScheduler):
    """Successive halving that never waits: for many workers, and uneven fits.

    Parameters
    ----------
    bracket : Bracket
        Rungs and numbers of candidates, from :func:`halving_bracket`.
    n_iterations : int, default=1
        How many times as many candidates, over the same rungs.
    beside : sequence of Bracket, default=()
        Brackets of one rung beside it (labels ``bracket`` 1, ...).
    beside_first : bool, default=False
        Whether those come before the others, or last.

    Notes
    -----
    Decisions depend on the order of commits. In a search that commits in the order of
    the virtual clock they are the same for any number of workers.

    Examples
    --------
    >>> from skhpo.schedulers import AsynchronousHalving, halving_bracket
    >>> asha = AsynchronousHalving(halving_bracket(1, 81, factor=3))
    """

    def __init__(
        self,
        bracket: Bracket,
        n_iterations: int = 1,
        beside: Sequence[Bracket] = (),
        beside_first: bool = False,
    ):
        super().__init__(bracket.max_resource)
        self.bracket = bracket
        n = n_iterations * bracket.n_candidates[0]
        self._places = places_of(bracket.resources[0], n, beside, beside_first)
        places = tuple(n_iterations * n for n in bracket.n_candidates)
        self._rungs = EagerRungs(Bracket(bracket.resources, places, bracket.factor))

    def next_jobs(self, n: int, propose: Propose) -> list[Job]:
        """Return up to ``n`` jobs; fewer = ask again, or wait for results."""
        jobs = self._promotions(n) or self._new_candidates(n, propose)
        if n > 0 and not jobs and self.n_in_flight == 0:
            self._places.clear()  # nothing in flight, no proposal: the end of the space
            jobs = self._promotions(n)
        return jobs

    def observe(self, trial: Any) -> None:
        """Learn that a trial was committed."""
        self._landed(trial)
        if trial.job.labels["bracket"]:  # trained in full at once
            return
        self._waiting.add(trial.id)
        self._waiting -= {fallen.id for fallen in self._rungs.observe(trial)}

    def _promotions(self, n: int) -> list[Job]:
        jobs: list[Job] = []
        is_full = all(places.labels["bracket"] for places in self._places)
        while len(jobs) < n and (found := self._rungs.promotion(is_full)):
            number, trial = found
            labels = {"sweep": 0, "bracket": 0, "rung": number}
            resource = self.bracket.resources[number]
            jobs.append(self._continue(trial, resource, **labels))
        return jobs

    def _new_candidates(self, n: int, propose: Propose) -> list[Job]:
        jobs = self._fill(self._places, n, propose)
        for job in jobs:
            if not job.labels["bracket"]:
                self._rungs.start()
        return jobs


class EagerRungs:
    """The rungs of a bracket that promote without waiting."""

    def __init__(self, bracket: Bracket):
        self.bracket = bracket
        above = (*bracket.n_candidates[1:], 0)
        self._rungs = [_AsynchronousRung(n) for n in above]

    @property
    def n_in_flight(self) -> int:
        """Trials that are not committed."""
        return sum(rung.n_in_flight for rung in self._rungs)

    @property
    def left(self) -> set[int]:
        """The trials that wait for a promotion."""
        return {trial.id for rung in self._rungs for trial in rung.waiting}

    def start(self) -> None:
        """A new candidate is in flight."""
        self._rungs[0].n_in_flight += 1

    def observe(self, trial: Any) -> list[Any]:
        """Take in a trial; return those that cannot be promoted any more."""
        rung = self._rungs[trial.job.labels["rung"]]
        rung.n_in_flight -= 1
        return rung.add(trial)

    def promotion(self, is_full: bool) -> tuple[int, Any] | None:
        """Promote a trial and return (its new rung, it), or None.

        ``is_full``: no more candidates will enter the first rung.
        """
        found = self.promotable(is_full)
        if found is None:
            return None
        number, trial = found
        self._rungs[number].promote_first()
        self._rungs[number + 1].n_in_flight += 1
        return number + 1, trial

    def promotable(self, is_full: bool) -> tuple[int, Any] | None:
        """(rung, trial) to promote: of the highest rung that has one."""
        found, is_final = None, is_full  # whether the rung can get no more trials
        for number, rung in enumerate(self._rungs):
            is_final = is_final and rung.n_in_flight == 0
            trial = rung.promotable(self.bracket.factor, is_final)
            if trial is not None:
                found, is_final = (number, trial), False
        return found


class _AsynchronousRung(Rung):
    """A rung whose places above grow with the number of trials that it has seen."""

    def __init__(self, capacity: int):
        super().__init__(capacity)
        self.n_in_flight = 0
        self.n_promoted = 0
        self.waiting: list[Any] = []  # those of the best that were not promoted yet

    def add(self, trial: Any) -> list[Any]:
        """Take in a committed trial; return those that cannot be promoted any more."""
        if trial in super().add(trial):
            return [trial]
        return insert(self.waiting, trial, self.capacity - self.n_promoted)

    def promotable(self, factor: int, is_final: bool) -> Any:
        """The best trial to promote now, or None."""
        n = max(self.n_observed // factor, int(is_final))
        n = min(n, self.capacity)
        if self.n_promoted >= n or not self.waiting:
            return None
        first = self.waiting[0]
        return first if order(first) <= order(self.best[:n][-1]) else None

    def promote_first(self) -> None:
        """The first that waits is promoted."""
        self.n_promoted += 1
        del self.waiting[0]
