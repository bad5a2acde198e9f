"""Successive halving and Hyperband, rung by rung.

Train many candidates a little, promote the best of them to the next rung, and so on to
the top [1]_. How many candidates are worth the start depends on how early the good ones
show; Hyperband hedges with several brackets, from many short ones to a few in full
[2]_. Notation in ``_brackets.py``.

A rung is closed only when all its trials are there, and the last rungs are thin. To
keep the workers busy all brackets run at once: a free slot takes the first job that any
of them can give, in the order of the brackets. As the long chains of promotions stand
first, what remains for the end are candidates that nothing depends on.

References
----------
.. [1] Jamieson, Talwalkar (2016), Non-stochastic best arm identification and
   hyperparameter optimization, arXiv:1502.07943.
.. [2] Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar (2018), Hyperband: a novel
   bandit-based approach to hyperparameter optimization, JMLR 18(185), arXiv:1603.06560.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from skhpo._types import Job, Propose
from skhpo.schedulers._asha import EagerRungs
from skhpo.schedulers._base import ContinuingScheduler, Places, Rung
from skhpo.schedulers._brackets import Bracket


class SuccessiveHalving(ContinuingScheduler):
    """Promotes the best of each full rung; with several brackets this is Hyperband.

    Parameters
    ----------
    brackets : sequence of Bracket
        One of :func:`halving_bracket`, or those of :func:`hyperband_brackets`.
    n_iterations : int, default=1
        How many times all brackets are run, with new candidates each time.
    first : sequence of Bracket, default=None
        The brackets of the first time; None = as the other times.
    early : int, default=None
        A candidate of the bracket that begins with so many units comes before each of
        the other brackets: for a search that may end at any time. None = none does.
    waits : bool, default=True
        Whether a rung promotes when all of its trials are there. If not, it promotes
        one in ``factor`` as they come: for a search that may end at any time, and whose
        lower rungs are answers, too.

    Notes
    -----
    Labels of the jobs: ``sweep`` (which one), ``bracket`` (0 = the most exploring),
    ``rung`` (0 = the first of the bracket). Only complete trials are promoted, so rungs
    shrink where many fail. A space that ends before a first rung is full counts as a
    rung of that size.

    Examples
    --------
    >>> from skhpo.schedulers import SuccessiveHalving, hyperband_brackets
    >>> brackets = hyperband_brackets(min_resource=1, max_resource=81, factor=3)
    >>> hyperband = SuccessiveHalving(brackets)
    """

    def __init__(
        self,
        brackets: Sequence[Bracket],
        n_iterations: int = 1,
        first: Sequence[Bracket] | None = None,
        early: int | None = None,
        waits: bool = True,
    ):
        super().__init__(max_resource=max(b.max_resource for b in brackets))
        kind = _Run if waits else _EagerRun
        sweeps = [brackets if first is None else first, *[brackets] * n_iterations]
        sweeps = sweeps[:n_iterations]
        self._runs = {  # those that are not over
            (sweep, number): kind(bracket)
            for sweep, its_brackets in enumerate(sweeps)
            for number, bracket in enumerate(its_brackets)
        }
        self._places = deque(
            Places(n, bracket.resources[0], dict(sweep=sweep, bracket=number, rung=0))
            for sweep, its_brackets in enumerate(sweeps)
            for number, bracket, n in _in_order(its_brackets, early)
        )

    def next_jobs(self, n: int, propose: Propose) -> list[Job]:
        """Return up to ``n`` jobs; fewer = ask again, or wait for results."""
        jobs = self._promotions(n) or self._new_candidates(n, propose)
        if n > 0 and not jobs and self.n_in_flight == 0 and self._runs:
            self._end_of_space()
            jobs = self._promotions(n)
        return jobs

    def observe(self, trial: Any) -> None:
        """Learn that a trial was committed; close its rung if it was the last."""
        self._landed(trial)
        run = self._runs[trial.job.labels["sweep"], trial.job.labels["bracket"]]
        self._waiting.add(trial.id)
        self._waiting -= {fallen.id for fallen in run.observe(trial)}
        self._forget_finished()

    def _promotions(self, n: int) -> list[Job]:
        jobs: list[Job] = []
        for (sweep, bracket), run in self._runs.items():
            while len(jobs) < n and (found := run.promotion()):
                rung, trial = found
                labels = {"sweep": sweep, "bracket": bracket, "rung": rung}
                resource = run.bracket.resources[rung]
                jobs.append(self._continue(trial, resource, **labels))
        return jobs

    def _new_candidates(self, n: int, propose: Propose) -> list[Job]:
        """Those of the first bracket that has places left."""
        jobs = self._fill(self._places, n, propose)
        for job in jobs:
            self._runs[job.labels["sweep"], job.labels["bracket"]].start()
        return jobs

    def _end_of_space(self) -> None:
        """Nothing is in flight, and yet there is no proposal: there are no more."""
        self._places.clear()
        for run in self._runs.values():
            self._waiting -= {fallen.id for fallen in run.start_no_more()}
        self._forget_finished()

    def _forget_finished(self) -> None:
        for run in self._runs.values():
            if run.is_over:
                self._waiting -= run.left
        self._runs = {key: run for key, run in self._runs.items() if not run.is_over}


def _in_order(
    brackets: Sequence[Bracket], early: int | None
) -> list[tuple[int, Bracket, int]]:
    """(number, bracket, places): in which order brackets take in new candidates."""
    order = [
        (i, bracket, bracket.n_candidates[0]) for i, bracket in enumerate(brackets)
    ]
    chosen = next((one for one in order if one[1].resources[0] == early), None)
    if chosen is None:
        return order
    number, bracket, n = chosen
    others = [one for one in order if one is not chosen]
    n_spread = min(n, len(others))
    mixed = [
        one for other in others[:n_spread] for one in ((number, bracket, 1), other)
    ]
    rest = [(number, bracket, n - n_spread)] if n > n_spread else []
    return [*mixed, *others[n_spread:], *rest]


class _Run:
    """Where a bracket stands.

    ``n_places`` candidates can still enter the first rung, ``promoted`` wait for their
    turn at the current one, of which ``n_open`` trials are not committed.
    """

    def __init__(self, bracket: Bracket):
        self.bracket = bracket
        self.rung = 0
        self.n_places = bracket.n_candidates[0]
        self.n_open = 0
        self.promoted: deque[Any] = deque()
        self._results = Rung(self._capacity)

    def promotion(self) -> tuple[int, Any] | None:
        """Return the next trial to continue and its rung; None = there is none."""
        return (self.rung, self.promoted.popleft()) if self.promoted else None

    @property
    def is_over(self) -> bool:
        """Whether the last rung is closed."""
        return self.rung == len(self.bracket.resources)

    @property
    def left(self) -> set[int]:
        """The trials that could still be promoted when the bracket is over."""
        return set()

    def start(self) -> None:
        """A new candidate is in flight."""
        self.n_places -= 1
        self.n_open += 1

    def start_no_more(self) -> list[Any]:
        """There are no new candidates; the first rung is what has entered it.

        Returns the trials that will not go on for that.
        """
        if self.n_places == 0:
            return []
        self.bracket = self.bracket.resized(self._results.n_observed)
        self.n_places = 0
        return self._close()

    def observe(self, trial: Any) -> list[Any]:
        """Take in a trial of the current rung; return those that will not go on now."""
        fallen = self._results.add(trial)
        self.n_open -= 1
        if self.n_open == self.n_places == 0:
            fallen += self._close()
        return fallen

    def _close(self) -> list[Any]:
        """Promote the best to the next rung; without any, the bracket is over.

        Returns the others.
        """
        n, ranked = self._capacity, self._results.best
        best = ranked[:n]
        self.rung = self.rung + 1 if best else len(self.bracket.resources)
        self.promoted.extend(best)
        self.n_open = len(best)
        self._results = Rung(self._capacity)
        return ranked[n:]

    @property
    def _capacity(self) -> int:
        """Places at the rung above the current one."""
        above = self.bracket.n_candidates[self.rung + 1 : self.rung + 2]
        return above[0] if above else 0


class _EagerRun:
    """Where a bracket stands that promotes without waiting."""

    def __init__(self, bracket: Bracket):
        self.bracket = bracket
        self.n_places = bracket.n_candidates[0]
        self._rungs = EagerRungs(bracket)

    @property
    def is_over(self) -> bool:
        """Whether nothing is in flight, and nothing will be."""
        is_idle = self.n_places == self._rungs.n_in_flight == 0
        return is_idle and self._rungs.promotable(is_full=True) is None

    @property
    def left(self) -> set[int]:
        """The trials that could still be promoted when the bracket is over."""
        return self._rungs.left

    def promotion(self) -> tuple[int, Any] | None:
        """Return the next trial to continue and its rung; None = there is none."""
        return self._rungs.promotion(self.n_places == 0)

    def start(self) -> None:
        """A new candidate is in flight."""
        self.n_places -= 1
        self._rungs.start()

    def start_no_more(self) -> list[Any]:
        """There are no new candidates; what waits may still be promoted."""
        self.n_places = 0
        return []

    def observe(self, trial: Any) -> list[Any]:
        """Take in a trial; return those that will not go on."""
        return self._rungs.observe(trial)
