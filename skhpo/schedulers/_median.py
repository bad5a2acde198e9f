"""Median stopping: candidates go on in small steps unless they fall behind the others.

Notation, after section 3.2.2 of [1]_
-------------------------------------
==========  ============================================================================
symbol      meaning
==========  ============================================================================
s           a step: the candidate was trained to ``resources[s]``
y_1 .. y_s  scores of a candidate at its steps so far
mean        (y_1 + .. + y_s) / s, the running mean of a candidate
==========  ============================================================================

A candidate ends at step s if its best score so far is below the median of the running
means that the other candidates had at the same step. No model of the learning curves is
needed, and curves may cross or have any shape.

References
----------
.. [1] Golovin, Solnik, Moitra, Kochanski, Karro, Sculley (2017), Google Vizier: a
   service for black-box optimization, KDD, doi:10.1145/3097983.3098043.
"""

from collections import deque
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from skhpo._types import Job, Propose
from skhpo.schedulers._base import ContinuingScheduler, places_of
from skhpo.schedulers._brackets import Bracket


class MedianStopping(ContinuingScheduler):
    """Ends candidates whose best score is below the median of the others' curves.

    Gentler than halving: about half of the candidates are trained in full. Prefer it
    where few candidates are affordable, or good ones show late.

    Parameters
    ----------
    bracket : Bracket
        Steps and number of candidates, from :func:`median_bracket`. Best where models
        are continued: each step costs a refit otherwise.
    n_grace_steps : int, default=3
        Steps that each candidate is granted before the first comparison.
    min_candidates : int, default=5
        Other candidates that must have come as far for a comparison.
    beside : sequence of Bracket, default=()
        Brackets of one rung beside it (labels ``bracket`` 1, ...).
    beside_first : bool, default=False
        Whether those come before the others, or last.

    Examples
    --------
    >>> from skhpo.schedulers import MedianStopping, median_bracket
    >>> scheduler = MedianStopping(median_bracket(1, 100, n_candidates=40))
    """

    def __init__(
        self,
        bracket: Bracket,
        n_grace_steps: int = 3,
        min_candidates: int = 5,
        beside: Sequence[Bracket] = (),
        beside_first: bool = False,
    ):
        super().__init__(bracket.max_resource)
        self.resources = bracket.resources
        self.n_grace_steps = n_grace_steps
        self.min_candidates = min_candidates
        n = bracket.n_candidates[0]
        self._places = places_of(bracket.resources[0], n, beside, beside_first)
        self._goes_on: deque[Any] = deque()  # trials that wait for their continuation
        self._scores: dict[int, list[float]] = {}  # candidate -> y_1 .. y_s
        self._means: list[dict[int, float]] = [{} for _ in self.resources]  # by step

    def next_jobs(self, n: int, propose: Propose) -> list[Job]:
        """Return up to ``n`` jobs; fewer = ask again, or wait for results."""
        return self._continuations(n) or self._fill(self._places, n, propose)

    def observe(self, trial: Any) -> None:
        """Learn that a trial was committed, and decide whether it goes on."""
        self._landed(trial)
        if trial.status != "complete" or trial.job.labels["bracket"]:
            return
        step = trial.job.labels["rung"]
        scores = self._scores.setdefault(trial.candidate, [])
        scores.append(trial.score)
        if step + 1 < len(self.resources) and not self._is_behind(trial, step):
            self._goes_on.append(trial)
            self._waiting.add(trial.id)
        self._means[step][trial.candidate] = fmean(scores)

    def _is_behind(self, trial: Any, step: int) -> bool:
        others = self._means[step].values()
        if step + 1 < self.n_grace_steps or len(others) < self.min_candidates:
            return False
        return max(self._scores[trial.candidate]) < median(others)

    def _continuations(self, n: int) -> list[Job]:
        jobs = []
        while self._goes_on and len(jobs) < n:
            trial = self._goes_on.popleft()
            step = trial.job.labels["rung"] + 1
            labels = {"sweep": 0, "bracket": 0, "rung": step}
            jobs.append(self._continue(trial, self.resources[step], **labels))
        return jobs
