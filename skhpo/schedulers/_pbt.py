"""Population-based training: members learn side by side, the worst copy the best.

All members of a population are trained in steps. After each step the lowest of them
take over the models and settings of some of the highest (*exploit*) and go on with
settings near theirs (*explore*) [1]_. So settings change while a model is trained, and
what wins is a schedule: a learning rate that falls, a penalty that grows.

Notation
--------
==========  ============================================================================
symbol      meaning
==========  ============================================================================
N           members of the population
q           quantile: ``k = floor(q N)`` members copy after each step, from the k best
s           step: all members are trained to ``steps[s]`` units
==========  ============================================================================

Who copies whom is drawn from a stream of its own for each (step, member): it does not
depend on who finished first. There is no exploit after the last step: nothing would be
trained on.

References
----------
.. [1] Jaderberg, Dalibard, Osindero, Czarnecki, Donahue, Razavi, Vinyals, Green,
   Dunning, Simonyan, Fernando, Kavukcuoglu (2017), Population based training of neural
   networks, arXiv:1711.09846.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Any

import numpy as np

from skhpo._types import Job, Propose
from skhpo.schedulers._base import ContinuingScheduler

INIT, CONTINUE, EXPLOIT = "init", "continue", "exploit"


class PopulationBased(ContinuingScheduler):
    """Trains a population in steps; after each, the worst copy the best and move on.

    Parameters
    ----------
    population_size : int
        Members.
    steps : sequence of int
        Units that a model has after each step, rising.
    exploit : {"truncation", "tournament"}, default="truncation"
        ``"truncation"``: the lowest ``quantile`` copy one of the highest each.
        ``"tournament"``: each member meets another one, and the loser copies it.
    quantile : float, default=0.25
        Share of the population that copies, and of that which is copied.
    seed : int, default=0
        Of the draws of who copies whom.
    asynchronous : bool, default=False
        Decide for each member as soon as it has come to the end of a step, by what is
        known of that step then; wait only for so many that one of them is the lowest
        (``1 / quantile``; two in a tournament), or the first would never copy.
    stays : callable, default=None
        Returns whether the member of a trial keeps its own models and settings, however
        low it ranks; None = no member does. A failed one copies all the same.

    Notes
    -----
    Labels of the jobs: ``member``, ``step`` and ``event`` ("init", "continue",
    "exploit"). A member keeps its number when it copies; as it then has other settings,
    it is a new candidate. A member that failed copies one of the best in any case.
    Where all of them failed at a step, the search is over.

    Examples
    --------
    >>> from skhpo.schedulers import PopulationBased
    >>> scheduler = PopulationBased(population_size=8, steps=[10, 20, 30])
    """

    def __init__(
        self,
        population_size: int,
        steps: Sequence[int],
        exploit: str = "truncation",
        quantile: float = 0.25,
        seed: int = 0,
        asynchronous: bool = False,
        stays: Callable[[Any], bool] | None = None,
    ):
        super().__init__(max_resource=steps[-1])
        self.steps = tuple(steps)
        self.quantile = quantile
        self.seed = seed
        self._stays = stays
        self._donor, self._any_may_win = _DONORS[exploit]
        self._n_members = population_size
        self._n_places = population_size  # members that are not started
        self._moves: deque[_Move] = deque()
        self._arrived: list[list[Any]] = [[] for _ in steps]  # trials, by step
        self._waiting: list[list[Any]] = [[] for _ in steps]  # those not decided on
        self._n_children: Counter[int] = Counter()  # in flight, by parent
        self._quorum = population_size
        if asynchronous:
            self._quorum = 2 if self._any_may_win else ceil(1 / quantile - 1e-9)

    def next_jobs(self, n: int, propose: Propose) -> list[Job]:
        """Return up to ``n`` jobs; fewer = ask again, or wait for results."""
        if n < 1:
            return []
        if self._n_places:
            # one question per call: an exploit has to wait for the next
            return self._new_members(n, propose) or self._continuations(n)
        if self._moves and self._moves[0].is_exploit:
            return [self._copy(self._moves.popleft(), propose)]
        return self._continuations(n)

    def observe(self, trial: Any) -> None:
        """Learn that a trial was committed; decide who copies whom, where it is time.

        That is after a step, or when enough have come there.
        """
        self._landed(trial)
        step = trial.job.labels["step"]
        if step + 1 < len(self.steps):
            self._arrived[step].append(trial)
            self._waiting[step].append(trial)
            self._decide(step)

    def may_continue(self) -> set[int]:
        """Return the trials whose models must be kept."""
        kept = {move.source.id for move in self._moves} | self._n_children.keys()
        for arrived, waiting in zip(self._arrived, self._waiting, strict=True):
            kept.update(trial.id for trial in waiting if trial.status == "complete")
            if len(arrived) < self._n_members:  # those to come may copy
                kept.update(trial.id for trial in self._possible_donors(arrived))
        return kept

    def _possible_donors(self, trials: list[Any]) -> list[Any]:
        n = self._n_members
        n_best = n if self._any_may_win else max(1, _share(self.quantile, n))
        return _ranked(trials)[:n_best]

    # ---- decide

    def _decide(self, step: int) -> None:
        """Say how those that wait at a step go on, given all that arrived there."""
        known = self._arrived[step]
        ranked = _ranked(known)
        if len(known) < min(self._quorum, self._n_members) or not ranked:
            return
        moves = [
            self._move(step, trial, ranked, len(known))
            for trial in sorted(self._waiting[step], key=_member)
        ]
        self._waiting[step] = []
        # those that go on first: a copy that changes nothing is their twin
        self._moves.extend(sorted(moves, key=lambda move: move.is_exploit))

    def _move(self, step: int, trial: Any, ranked: list[Any], n: int) -> "_Move":
        member = _member(trial)
        rng = np.random.default_rng(
            np.random.SeedSequence(self.seed, spawn_key=(step, member))
        )
        donor = self._donor(trial, ranked, n, self.quantile, rng)
        if trial.status == "complete" and self._stays and self._stays(trial):
            donor = None
        return _Move(member, trial if donor is None else donor, donor is not None)

    # ---- jobs

    def _new_members(self, n: int, propose: Propose) -> list[Job]:
        first = self._n_members - self._n_places
        jobs = self._new(min(n, self._n_places), propose, self.steps[0])
        self._n_places -= len(jobs)
        if not jobs:
            self._start_no_more()
        return [
            replace(job, labels={"member": member, "step": 0, "event": INIT})
            for member, job in enumerate(jobs, start=first)
        ]

    def _start_no_more(self) -> None:
        """There are no more settings; the population is what has been started."""
        self._n_members -= self._n_places
        self._n_places = 0
        self._decide(0)

    def _continuations(self, n: int) -> list[Job]:
        """Up to n members go on with their own models."""
        moves = [move for move in self._moves if not move.is_exploit][:n]
        self._moves = deque(move for move in self._moves if move not in moves)
        return [self._go_on(move) for move in moves]

    def _go_on(self, move: "_Move") -> Job:
        trial = move.source
        return self._job(
            move, trial.job.proposal, "continue", CONTINUE, candidate=trial.candidate
        )

    def _copy(self, move: "_Move", propose: Propose) -> Job:
        """Leave the donor's settings; keep them where nothing else is proposed."""
        donor = move.source
        resource = self.steps[donor.job.labels["step"] + 1]
        point = donor.job.proposal.point
        proposals = propose(1, near=point, resource=resource)
        proposal = proposals[0] if proposals else donor.job.proposal
        origin = str(proposal.labels.get("origin", EXPLOIT))
        return self._job(move, proposal, origin, EXPLOIT)

    def _job(self, move, proposal, origin, event, candidate=None) -> Job:
        parent = move.source
        step = parent.job.labels["step"] + 1
        self.n_in_flight += 1
        self._promoted.add(parent.id)
        self._n_children[parent.id] += 1
        return Job(
            proposal,
            self.steps[step],
            candidate=candidate,
            parent=parent.id,
            origin=origin,
            labels=dict(member=move.member, step=step, event=event),
        )

    def _landed(self, trial: Any) -> None:
        """The job of this trial is not in flight any more; its parent may have more."""
        self.n_in_flight -= 1
        parent = trial.job.parent
        if parent is not None:
            self._n_children[parent] -= 1
            if not self._n_children[parent]:
                del self._n_children[parent]


@dataclass(frozen=True, eq=False)
class _Move:
    """How a member goes on: from which trial, and whether that is another's."""

    member: int
    source: Any
    is_exploit: bool


# ---- who copies whom: (trial, ranked, n, quantile, rng) -> the donor, or None


def _one_of_the_best(trial, ranked, n, quantile, rng):
    """Truncation: the lowest k of n, failed ones first, copy one of the k best."""
    k = _share(quantile, n)
    best = ranked[: max(1, k)]
    n_lowest = max(0, k - (n - len(ranked)))
    lowest = ranked[max(len(best), len(ranked) - n_lowest) :]
    if trial.status == "complete" and trial not in lowest:
        return None
    return best[rng.integers(len(best))]


def _winner_of_two(trial, ranked, n, quantile, rng):
    """Binary tournament: against another member, drawn at random."""
    others = [other for other in ranked if other is not trial]
    if not others:
        return None
    other = others[rng.integers(len(others))]
    loses = trial.status != "complete" or other.score > trial.score
    return other if loses else None


#: By name: the rule, and whether it may choose any member.
_DONORS = {
    "truncation": (_one_of_the_best, False),
    "tournament": (_winner_of_two, True),
}


def _share(quantile: float, n: int) -> int:
    return floor(quantile * n + 1e-9)  # 0.29 * 100 is below 29


def _ranked(trials: Sequence[Any]) -> list[Any]:
    """Complete trials, the best first; ties go to the first member."""
    complete = [trial for trial in trials if trial.status == "complete"]
    return sorted(complete, key=lambda trial: (-trial.score, _member(trial)))


def _member(trial: Any) -> int:
    return trial.job.labels["member"]
