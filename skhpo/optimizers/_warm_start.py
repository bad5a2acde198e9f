"""Warm start: what an earlier study knows, after a test whether it was the same task.

An old study is a list of points with scores. Whether its scores mean anything here, on
these data, splits and scorer, nobody has to say: its best point is evaluated again, and
a second one whose score was clearly different. Where both scores are the old ones,
everything that the old study evaluated is told to the optimizer as if it had just
happened. Otherwise the scores belong to other data and are never mixed with the new
ones: the best old points, spread, are tried first, and an optimizer that can makes the
old study a discounted prior belief [1]_ [2]_.

References
----------
.. [1] Feurer, Letham, Hutter, Bakshy (2018), Practical transfer learning for Bayesian
   optimization, arXiv:1802.02219: weights by the ranking of the new scores.
.. [2] Feurer, Springenberg, Hutter (2015), Initializing Bayesian hyperparameter
   optimization via meta-learning, AAAI.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Optimizer, Proposal, Result
from skhpo.optimizers._base import Points, Unseen
from skhpo.space import Space, mean_distances

_SAME = 1e-9  # relative difference up to which two scores are one
_CLEARLY = 0.1  # of (best - median): the second check's distance below the best
_N_INITIAL = 3  # initial points of a study on other data
_APART = 0.1  # mean distance per column between initial points


@dataclass(frozen=True, eq=False)
class OldStudy:
    """What was evaluated once: rows with a finite score, each setting once.

    Parameters
    ----------
    points : ndarray of shape (n, n_dims)
        The settings in the unit cube.
    params : sequence of dict
        Their exact values.
    scores : ndarray of shape (n,)
        Higher is better; all finite.
    costs : ndarray of shape (n,)
        Seconds; nan = unknown.
    n_dropped : int, default=0
        Rows of the study that lie outside the space.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import OldStudy
    >>> from skhpo.space import Space
    >>> space = Space({"C": (0.01, 100.0, "log-uniform")})
    >>> params = [{"C": 0.1}, {"C": 1.0}, {"C": 10.0}]
    >>> points = np.array([space.to_point(setting) for setting in params])
    >>> study = OldStudy(points, params, np.array([0.8, 0.9, 0.7]), np.full(3, np.nan))
    >>> study.order.tolist()
    [1, 0, 2]
    """

    points: Points  # (n, d)
    params: Sequence[Mapping[str, Any]]  # the exact values
    scores: NDArray[np.float64]  # (n,)
    costs: NDArray[np.float64]  # (n,) as Result.cost, nan = unknown
    n_dropped: int = 0  # rows outside the space

    @property
    def order(self) -> NDArray[np.int64]:
        """(n,) rows from the best on."""
        return np.argsort(-self.scores, kind="stable")

    @property
    def checks(self) -> list[int]:
        """The rows that are evaluated again, to see whether the scores hold here."""
        return checks(self.scores)


class WarmStart:
    """Finds out what old studies are worth here, and asks another optimizer.

    Parameters
    ----------
    studies : sequence of OldStudy
        Each is judged by itself.
    then : Optimizer
        Proposes everything else. It is told what is told here, and the rows of the
        studies that turned out to be of the same data. Where it has a method
        ``learn_prior(points, scores)``, it gets the others by it; what that returns has
        a ``weight``, or is None.
    space : Space
        Where the points lie.

    Notes
    -----
    While the first results are awaited fewer points are proposed than were asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import OldStudy, RandomDesign, WarmStart
    >>> from skhpo.space import Space
    >>> space = Space({"C": (0.01, 100.0, "log-uniform")})
    >>> params = [{"C": 0.1}, {"C": 1.0}, {"C": 10.0}]
    >>> points = np.array([space.to_point(setting) for setting in params])
    >>> study = OldStudy(points, params, np.array([0.8, 0.9, 0.7]), np.full(3, np.nan))
    >>> then = RandomDesign(space, rng=np.random.default_rng(0))
    >>> optimizer = WarmStart([study], then=then, space=space)
    >>> optimizer.ask(1)[0].params  # its best setting comes first
    {'C': 1.0}
    """

    def __init__(self, studies: Sequence[OldStudy], *, then: Optimizer, space: Space):
        self.then = then
        self.space = space
        self._cases = [_Case(study, space) for study in studies]
        self._queue = deque(
            (case.study, row) for case in self._cases for row in case.checks
        )
        self._told: dict[bytes, Result] = {}
        self._n_proposed = 0

    @property
    def summary(self) -> str:
        """What became of the studies, in words."""
        return "; ".join(case.summary for case in self._cases)

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: Points | None = None,
        resource: int | None = None,
    ) -> list[Proposal]:
        """At most ``n`` points: old ones first; fewer while the old ones are judged."""
        unseen = Unseen(self.space, self._told.keys(), pending)
        proposals = list(self._from_queue(n, unseen)) if near is None else []
        in_flight, missing = [*pending, *proposals], n - len(proposals)
        if missing > 0 and not self._is_waiting(in_flight):
            context = dict(pending=in_flight, near=near, resource=resource)
            proposals += map(self._numbered, self.then.ask(missing, **context))
        return proposals

    def tell(self, results: Sequence[Result]) -> None:
        """Pass results on, and judge the studies by them."""
        for result in results:
            self._told.setdefault(self.space.key(result.proposal.point), result)
        self.then.tell(results)
        for case in self._cases:
            if case.is_same is None and case.try_to_judge(self._told):
                if case.is_same:
                    self._tell_all(case.study)
                else:
                    self._start_from(case)

    def _from_queue(self, n: int, unseen: Unseen) -> Iterator[Proposal]:
        while self._queue and n > 0:
            study, row = self._queue.popleft()
            point = study.points[row]
            if point in unseen:
                unseen.take(point)
                n -= 1
                labels = {"origin": "warm_start"}
                yield self._numbered(Proposal(0, point, study.params[row], labels))

    def _is_waiting(self, in_flight: Sequence[Proposal]) -> bool:
        """Whether a result that decides on a study is in flight."""
        undecided = [case.keys for case in self._cases if case.is_same is None]
        if not undecided:
            return False
        keys = {self.space.key(proposal.point) for proposal in in_flight}
        return any(keys.intersection(checked) for checked in undecided)

    def _tell_all(self, study: OldStudy) -> None:
        """The rows of the same data are observations like any other."""
        old = []
        for row, point in enumerate(study.points):
            key = self.space.key(point)
            if key not in self._told:
                labels = {"origin": "warm_start"}
                proposal = Proposal(0, point, study.params[row], labels)
                score, cost = float(study.scores[row]), float(study.costs[row])
                old.append(Result(self._numbered(proposal), score, 0.0, None, cost))
                self._told[key] = old[-1]
        self.then.tell(old)

    def _start_from(self, case: "_Case") -> None:
        """The best points of other data come first; their scores are only a hint."""
        rows = initial_rows(case.study, case.checks, self.space.categorical)
        case.n_initial = len(rows)
        self._queue.extend((case.study, row) for row in rows)
        learn = getattr(self.then, "learn_prior", None)
        if learn is not None:
            case.prior = learn(case.study.points, case.study.scores)

    def _numbered(self, proposal: Proposal) -> Proposal:
        self._n_proposed += 1
        return replace(proposal, id=self._n_proposed - 1)


class _Case:
    """An old study on trial: how it is checked, and what came of that."""

    def __init__(self, study: OldStudy, space: Space):
        self.study = study
        self.checks = study.checks
        self.keys = [space.key(study.points[row]) for row in self.checks]
        self.is_same: bool | None = None
        self.n_initial = 0
        self.prior: Any = None

    def try_to_judge(self, told: Mapping[bytes, Result]) -> bool:
        """Judge if all checks are told; partial scores (with noise) prove nothing."""
        if not all(key in told for key in self.keys):
            return False
        pairs = zip(self.checks, (told[key] for key in self.keys), strict=True)
        verdicts = [
            is_same_score(result.score, self.study.scores[row])
            for row, result in pairs
            if not result.noise > 0
        ]
        self.is_same = bool(verdicts) and all(verdicts)
        return True

    @property
    def summary(self) -> str:
        if self.is_same is None:
            return "not decided: its best settings were not evaluated again"
        if self.is_same:
            n = _plural(len(self.study.scores), "row")
            return f"observations: {n}, {self.study.n_dropped} dropped"
        weight = getattr(self.prior, "weight", None)
        prior = "" if weight is None else f", prior mean with weight {weight:.1f}"
        return f"other data: {_plural(self.n_initial, 'initial point')}{prior}"


def checks(scores: NDArray[np.float64]) -> list[int]:
    """Rows to evaluate again: the best, and the best of those clearly below it.

    Two scores are harder to hit by accident than one: where accuracies are counted in
    few rows, 0.97 is the best on many data.
    """
    best = int(np.argmax(scores))
    top = scores[best]
    gap = max(_CLEARLY * (top - np.median(scores)), _SAME * abs(top))
    is_lower = scores < top - gap
    if not is_lower.any():
        return [best]
    return [best, int(np.argmax(np.where(is_lower, scores, -np.inf)))]


def is_same_score(new: float, old: float) -> bool:
    """Whether two scores are one number but for rounding; nan is none."""
    new, old = float(new), float(old)
    return isfinite(new) and abs(new - old) <= _SAME * max(abs(new), abs(old))


def initial_rows(
    study: OldStudy, first: Sequence[int], is_categorical: NDArray[np.bool_]
) -> list[int]:
    """Rows to start from, ``first`` among them: the best, spread.

    From the best down to the median, the next that is not too near to one already
    chosen; if there is none, the next best.
    """
    rows, order = list(first), study.order.tolist()
    others = [row for row in order if row not in rows]
    better_half = order[: (len(order) + 1) // 2]

    def is_apart(row: int) -> bool:
        near = mean_distances(study.points[row], study.points[rows], is_categorical)
        return bool(near.min() >= _APART)

    while len(rows) < _N_INITIAL and others:
        spread = (row for row in others if row in better_half and is_apart(row))
        rows.append(next(spread, others[0]))
        others.remove(rows[-1])
    return rows


def _plural(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
