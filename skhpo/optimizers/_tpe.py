"""Tree-structured Parzen estimator: what do the good points have in common?

Notation
--------
========= ====== =======================================================================
symbol    shape  meaning
========= ====== =======================================================================
y         (n,)   scores, higher is better; nan = the evaluation failed
threshold ()     the best score of the bad group
l, g             densities of the good and of the bad points
========= ====== =======================================================================

Points are drawn from l, and the one with the largest l / g is proposed. Failed points
and points in flight are in the bad group. A good point weighs as much as it exceeds the
threshold, which makes the order of l / g that of the expected improvement [1]_. The
densities are in ``skhpo/surrogates/_parzen.py``.

References
----------
.. [1] Song, Yu, Neiswanger, Ermon (2022), A general recipe for likelihood-free Bayesian
   optimization, arXiv:2206.13035.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import BaseOptimizer, Points, Unseen
from skhpo.optimizers._design import SobolDesign
from skhpo.space import Space
from skhpo.surrogates import ParzenEstimator, fit_parzen_estimator
from skhpo.surrogates._parzen import Axis, Cells, Choices, Interval

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]

_GOOD_SHARE, _MAX_GOOD = 0.1, 25  # gamma of the papers, and how many that is at most
_SECOND_DRAW = 8  # times as many candidates, where all of the first were seen
_MAX_CELLS = 10_000  # a column of more values is as good as continuous
_BISECTIONS = 45
_TIED = 1e-12  # relative difference below which scores are one and the same number
_QUARTER = 0.25  # differences of quarters never overflow


class TPEOptimizer(BaseOptimizer):
    """Proposes what the best points so far have in common and the others do not.

    The multivariate tree-structured Parzen estimator: cheaper than a Gaussian process,
    and at home in spaces with many categories and conditions; it needs more evaluations
    where scores are smooth. Prefer it from some 500 evaluations on.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    n_initial : int, default=10
        Points told or in flight before the densities are used; up to there scrambled
        Sobol points are proposed. See :func:`initial_design_size`.
    n_candidates : int, default=24
        Points drawn per proposal. More exploit, fewer explore.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    Evaluations that failed (nan, infinite) and points in flight count as bad. Points of
    equal score are never separated; while all are equal, proposals keep away from what
    was told, and while many share the best score, every second proposal comes from the
    design. A suggestion costs a few milliseconds up to 2,000 observations.

    References
    ----------
    .. [1] Bergstra, Bardenet, Bengio, Kegl (2011), Algorithms for hyper-parameter
       optimization, NeurIPS.
    .. [2] Song, Yu, Neiswanger, Ermon (2022), A general recipe for likelihood-free
       Bayesian optimization, arXiv:2206.13035.
    .. [3] Watanabe (2023), Tree-structured Parzen estimator: understanding its
       algorithm components and their roles for better empirical performance,
       arXiv:2304.11127.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo._types import Result
    >>> from skhpo.optimizers import TPEOptimizer
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0), "kind": ["a", "b"]})
    >>> optimizer = TPEOptimizer(space, rng=np.random.default_rng(0))
    >>> best = -np.inf
    >>> for _ in range(40):
    ...     (proposal,) = optimizer.ask(1)
    ...     params = space.to_params(proposal.point)
    ...     score = -((params["x"] - 0.3) ** 2) - (params["kind"] == "b")
    ...     optimizer.tell([Result(proposal, score)])
    ...     best = max(best, score)
    >>> best > -1e-3
    True
    """

    def __init__(
        self,
        space: Space,
        *,
        n_initial: int = 10,
        n_candidates: int = 24,
        rng: np.random.Generator,
    ):
        super().__init__(space, rng=rng)
        self.n_initial = n_initial
        self.n_candidates = n_candidates
        self._design = SobolDesign(space, rng=rng)
        self._points = np.empty((0, space.n_dims))
        self._scores = np.empty(0)

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from results; failed ones (nan, infinite) count as bad points."""
        super().tell(results)
        if len(results):
            points = [result.proposal.point for result in results]
            scores = np.array([result.score for result in results], dtype=float)
            scores[~np.isfinite(scores)] = np.nan
            self._points = np.vstack([self._points, points])
            self._scores = np.append(self._scores, scores)

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        if self._n_known(unseen) < self.n_initial:
            return self._from_design(unseen, "initial")
        if self._explores(unseen):
            return self._from_design(unseen, "ask")
        for point in self._candidates(unseen):
            if point in unseen and self.space.is_feasible(point):
                return self._proposal(point)
        return self._from_design(unseen, "ask")

    def _from_design(self, unseen: Unseen, origin: str) -> Proposal | None:
        point = self._design.next_point(unseen)
        return None if point is None else self._proposal(point, origin=origin)

    def _explores(self, unseen: Unseen) -> bool:
        """Every second proposal while the best points are a plateau.

        The densities would fill it, although nothing more is to be learnt there.
        """
        return self._n_known(unseen) % 2 == 1 and is_plateau(self._scores)

    def _n_known(self, unseen: Unseen) -> int:
        """Results told and proposals in flight."""
        return len(self._scores) + len(unseen.in_flight)

    def _candidates(self, unseen: Unseen) -> Iterator[Points]:
        """Draws from l, those of the largest l / g first."""
        good, bad = self._densities(unseen)
        for n in (self.n_candidates, _SECOND_DRAW * self.n_candidates):
            points = self.space.snap(good.sample(n, self.rng))
            log_ratio = good.log_density(points) - bad.log_density(points)
            yield from points[np.argsort(-log_ratio, kind="stable")]

    def _densities(self, unseen: Unseen) -> tuple[ParzenEstimator, ParzenEstimator]:
        """(l, g)"""
        is_good = good_points(self._scores)
        weights = improvements(self._scores, is_good)
        bad = np.vstack([self._points[~is_good], *unseen.in_flight])
        return (
            fit_parzen_estimator(self._axes, self._points[is_good], weights),
            fit_parzen_estimator(self._axes, bad),
        )

    @cached_property
    def _axes(self) -> list[Axis]:
        return [axis_of(column.dimension) for column in self.space.columns]


def good_points(scores: Scores) -> Mask:
    """(n,) which points are good: a tenth, 25 at most; never some of equal ones.

    The cut goes to the nearer end of a tie, but some point is good; unless all
    are equal: then none is.
    """
    if not len(scores):
        return np.zeros(0, bool)
    y, n_good = np.where(np.isnan(scores), -np.inf, scores), quota(len(scores))
    as_good, above = at_least(y, np.partition(y, -n_good)[-n_good])
    if above.any() and n_good - above.sum() < as_good.sum() - n_good:
        return above
    return as_good & ~as_good.all() & (y > -np.inf)


def is_plateau(scores: Scores) -> bool:
    """Whether more points share the best score than a good group has."""
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return False
    n_best = at_least(finite, finite.max())[0].sum()
    return quota(len(scores)) < n_best < len(scores)


def quota(n: int) -> int:
    """How many of n points are good."""
    return min(int(np.ceil(_GOOD_SHARE * n)), _MAX_GOOD)


def at_least(y: Scores, level: float) -> tuple[Mask, Mask]:
    """(n,) which scores are at least the level, and which above; rounding aside."""
    slack = _TIED * abs(level) if level > -np.inf else 0.0
    return y >= level - slack, y > level + slack


def improvements(scores: Scores, is_good: Mask) -> NDArray[np.float64]:
    """(k,) by how much each good point exceeds the best bad one; at most 1."""
    bad = scores[~is_good & np.isfinite(scores)]
    if not is_good.any() or not len(bad):
        return np.ones(is_good.sum())
    excess = _QUARTER * scores[is_good] - _QUARTER * bad.max()
    largest = excess.max()
    return excess / largest if largest > 0.0 else np.ones(len(excess))


def axis_of(dimension) -> Axis:
    """How the densities treat a dimension of a space."""
    if dimension.is_categorical:
        return Choices(dimension.n_cells)
    if dimension.is_continuous or dimension.n_cells > _MAX_CELLS:
        return Interval()
    return Cells(cell_edges(dimension))


def cell_edges(dimension) -> NDArray[np.float64]:
    """(K + 1,) where the cells of a dimension meet, by bisection between centres."""
    cells = np.arange(dimension.n_cells)
    centres = dimension.centre(cells)
    low, high = centres[:-1], centres[1:]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_left = dimension.cell(middle) <= cells[:-1]
        low, high = np.where(is_left, middle, low), np.where(is_left, high, middle)
    return np.concatenate([[0.0], high, [1.0]])
