"""CMA-ES on the unit cube: the ``cmaes`` package's, asked and told one point at a time.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
x        (m,)   what the normal distribution gave: the columns that can vary
u        (d,)   the same as a point of the cube, with every value in its place
lambda_  ()     points per generation
======== ====== ========================================================================

A column with cells of equal width (integers, categories: bins of the interval) is a
discrete one with margin [2]_: the chance to leave its present cell never falls below
1 / (m lambda), so that no parameter is fixed for good. Columns with uneven cells
(integers on a log scale) are continuous ones that are rounded.

The package counts in generations, the search in single results. Whatever comes back is
collected, and ``lambda`` results move the distribution, whichever generation they were
drawn from. A setting that was evaluated before counts with its known score, at no cost.

References
----------
.. [1] N. Hansen (2016), The CMA evolution strategy: a tutorial, arXiv:1604.00772.
.. [2] R. Hamano, S. Saito, M. Nomura, S. Shirakawa (2022), CMA-ES with margin:
   lower-bounding marginal probability for mixed-integer black-box optimization, GECCO,
   arXiv:2205.13482.
.. [3] A. Auger, N. Hansen (2005), A restart CMA evolution strategy with increasing
   population size, CEC.
.. [4] M. Nomura, M. Shibata (2024), cmaes: a simple yet practical Python library for
   CMA-ES, arXiv:2402.01373.
"""

import pickle
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from math import floor, isfinite, log

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import BaseOptimizer, Points, Unseen
from skhpo.optimizers._design import RandomDesign
from skhpo.space import Space

Vector = NDArray[np.float64]

_SIGMA = 0.3  # first standard deviation, in widths of the cube
_PULL = (0.1, 0.9)  # the first mean lies in here
_ATTEMPTS = 60  # draws for a point that is unseen and feasible
_GENERATIONS = 6  # that a short search has at least, as far as lambda >= 4 allows
_COLLAPSED = 1e-3  # spread of a generation, in every column, at which it starts again
_FLAT = 3  # generations of one and the same score after which it starts again
_MAX_CELLS = 200  # a column of more values is as good as continuous


class CovarianceMatrixAdaptation(BaseOptimizer):
    """Proposes draws from a normal distribution that adapts to the scores.

    CMA-ES [1]_ with bounds, margins for integers and categories [2]_, and restarts. At
    home in continuous spaces of four and more dimensions, with 30 evaluations for each
    or more; it needs the package ``cmaes`` [4]_.

    Parameters
    ----------
    space : Space
        Where the points lie. Categories and conditions are handled as bins; where
        they are all there is, another optimizer is better.
    n_iter : int or None
        Evaluations in all, so that short searches have small generations; None = not
        known.
    population_size : int or "auto", default="auto"
        Points per generation; "auto" is 4 + 3 ln(columns), fewer in short searches.
    rng : numpy.random.Generator
        The only source of randomness.

    Raises
    ------
    ImportError
        Where the package is not installed.

    Notes
    -----
    It starts round the best setting told so far (the estimator's own, an old study's).
    When a generation has collapsed to a point, or tells nothing because all scores are
    equal, it starts again from a random setting, with twice as many points [3]_.

    References
    ----------
    .. [1] N. Hansen (2016), The CMA evolution strategy: a tutorial, arXiv:1604.00772.
    .. [2] R. Hamano, S. Saito, M. Nomura, S. Shirakawa (2022), CMA-ES with margin,
       GECCO, arXiv:2205.13482.
    .. [3] A. Auger, N. Hansen (2005), A restart CMA evolution strategy with increasing
       population size, CEC.
    .. [4] M. Nomura, M. Shibata (2024), cmaes: a simple yet practical Python library
       for CMA-ES, arXiv:2402.01373.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import CovarianceMatrixAdaptation, has_cmaes
    >>> from skhpo.space import Space
    >>> space = Space({name: (0.0, 1.0) for name in "abcdef"})
    >>> if has_cmaes():
    ...     optimizer = CovarianceMatrixAdaptation(
    ...         space, n_iter=360, rng=np.random.default_rng(0)
    ...     )
    ...     assert len(optimizer.ask(3)) == 3
    """

    name = "cmaes"

    def __init__(
        self,
        space: Space,
        *,
        n_iter: int | None,
        population_size: int | str = "auto",
        rng: np.random.Generator,
    ):
        super().__init__(space, rng=rng)
        require_cmaes()
        self.n_iter = n_iter
        self.population_size = population_size
        self._axes = Axes(space)
        self._design = RandomDesign(space, rng=rng)
        self._scores: dict[bytes, float] = {}  # all that was told
        self._best: tuple[float, Points | None] = (-np.inf, None)
        self._in_flight: dict[bytes, Vector] = {}  # key of a proposal -> its x
        self._strategy = None  # the package's object, from the first ask on
        self._offspring: list[tuple[Vector, float]] = []  # of this generation, so far
        self._generation = 1
        self._n_flat = 0
        self._n_restarts = 0

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from results; failed ones (nan, infinite) count as the worst."""
        super().tell(results)
        for result in results:
            key = self.space.key(result.proposal.point)
            score = float(result.score)
            self._scores[key] = score
            if isfinite(score) and score > self._best[0]:
                self._best = score, result.proposal.point
            x = self._in_flight.pop(key, None)
            if x is not None:
                self._learn(x, score)

    # Asking ---------------------------------------------------------------------

    def _suggest(self, unseen: Unseen) -> Proposal | None:
        if self._strategy is None and self._axes.columns.size:
            self._start(self._first_mean(unseen), self._first_size())
        for _ in range(_ATTEMPTS if self._axes.columns.size else 0):
            x, point = self._draw()
            key = self.space.key(point)
            if not self.space.is_feasible(point):
                continue  # drawn again: the distribution is cut off at the constraints
            if unseen.has_key(key):
                self._in_flight[key] = x
                return self._labelled(point, "sample")
            if key in self._scores:
                self._learn(x, self._scores[key])
        point = self._design.next_point(unseen)
        return None if point is None else self._labelled(point, "random")

    def _draw(self) -> tuple[Vector, Points]:
        """What the distribution gave, and the point of the space that it stands for."""
        # Its own generator does not survive pickling: it gets a new seed each time.
        self._strategy.reseed_rng(int(self.rng.integers(2**32)))
        on_grid, x = self._strategy.ask()
        return x, self.space.snap(self._axes.to_cube(on_grid)[None])[0]

    def _labelled(self, point: Points, operator: str) -> Proposal:
        labels = {"generation": self._generation, "operator": operator, "parents": ""}
        proposal = self._proposal(point)
        return replace(proposal, labels={**proposal.labels, **labels})

    # Learning -------------------------------------------------------------------

    def _learn(self, x: Vector, score: float) -> None:
        """Collect a result; the last one of a generation moves the distribution."""
        self._offspring.append((x, score))
        if len(self._offspring) < self._strategy.population_size:
            return
        offspring, self._offspring = self._offspring, []
        losses = losses_of([score for _, score in offspring])
        xs = np.array([x for x, _ in offspring])
        with np.errstate(all="ignore"):
            self._strategy.tell(list(zip(xs, losses.tolist(), strict=True)))
        self._generation += 1
        self._n_flat = self._n_flat + 1 if np.ptp(losses) == 0 else 0
        if self._is_over(xs):
            self._restart()
        # Pickling rounds its covariance: what is rounded now will not change later.
        self._strategy = pickle.loads(pickle.dumps(self._strategy))

    def _is_over(self, xs: NDArray[np.float64]) -> bool:
        with np.errstate(all="ignore"):
            is_stuck = self._strategy.should_stop()  # it also decomposes the covariance
        spread = np.std(xs[:, : self._axes.columns.size], axis=0).max()
        return bool(is_stuck or spread < _COLLAPSED or self._n_flat >= _FLAT)

    # Starting -------------------------------------------------------------------

    def _first_mean(self, unseen: Unseen) -> Points:
        """The best setting so far, or the first in flight, or the middle."""
        if self._best[1] is not None:
            return self._best[1]
        if unseen.in_flight:
            return unseen.in_flight[0]
        return np.full(self.space.n_dims, 0.5)

    def _first_size(self) -> int:
        if self.population_size != "auto":
            return int(self.population_size)
        usual = 4 + floor(3 * log(self._axes.columns.size))
        if self.n_iter is None:
            return usual
        return min(usual, max(4, self.n_iter // _GENERATIONS))

    def _restart(self) -> None:
        """Begin anew elsewhere, with generations twice as large."""
        size = 2 * self._strategy.population_size
        if self.n_iter is not None:
            size = min(size, max(self._first_size(), self.n_iter // _GENERATIONS))
        self._in_flight.clear()
        self._n_flat = 0
        self._n_restarts += 1
        self._start(self.space.sample(1, self.rng)[0], size)

    def _start(self, mean: Points, size: int) -> None:
        cmaes = import_module("cmaes")
        mean = np.where(np.isnan(mean), 0.5, mean).clip(*_PULL)
        axes = self._axes
        self._strategy = cmaes.CMAwM(
            mean=axes.from_cube(mean),
            sigma=_SIGMA,
            bounds=axes.bounds,
            steps=axes.steps,
            population_size=size,
        )


class Axes:
    """The columns that vary, as the axes of the package's search space.

    ``columns`` (m,) are their numbers; ``bounds`` (m, 2) and ``steps`` (m,) are in the
    package's terms, where a step of 0 means continuous. A single column gets a second
    axis beside it that nobody looks at: older versions refuse one dimension.
    """

    def __init__(self, space: Space):
        dimensions = [column.dimension for column in space.columns]
        n_cells = np.array(
            [0 if d.is_continuous else d.n_cells for d in dimensions], dtype=int
        )
        self.n_dims = space.n_dims
        self.columns = np.flatnonzero(n_cells != 1)
        is_stepped = [
            d.has_equal_cells and 1 < n <= _MAX_CELLS
            for d, n in zip(dimensions, n_cells, strict=True)
        ]
        n_dummies = int(self.columns.size == 1)
        cells = np.where(is_stepped, n_cells, 0)[self.columns]
        cells = np.append(cells, [0] * n_dummies)
        self.steps = np.divide(1.0, cells, where=cells > 0, out=np.zeros(len(cells)))
        self.bounds = np.column_stack([self.steps / 2, 1 - self.steps / 2])

    def to_cube(self, x: Vector) -> Points:
        """(d,) numbers of the cube; columns that cannot vary are in the middle."""
        u = np.full(self.n_dims, 0.5)
        u[self.columns] = x[: self.columns.size]
        return u

    def from_cube(self, u: Points) -> Vector:
        """(m,) the axes of a point, within their bounds."""
        x = np.full(len(self.steps), 0.5)
        x[: self.columns.size] = u[self.columns]
        return x.clip(*self.bounds.T)


def losses_of(scores: Sequence[float]) -> NDArray[np.float64]:
    """(n,) numbers to be minimised; what failed is a little worse than the worst."""
    losses = -np.array(scores, dtype=float)
    is_known = np.isfinite(losses)
    if not is_known.any():
        return np.zeros(len(losses))
    worst = losses[is_known].max()
    return np.where(is_known, losses, worst + max(1.0, abs(worst)) * 1e-3)


def has_cmaes() -> bool:
    """Whether the package ``cmaes`` is installed.

    Returns
    -------
    is_installed : bool
        Nothing is imported to find out.

    Examples
    --------
    >>> from skhpo.optimizers import has_cmaes
    >>> has_cmaes() in (True, False)
    True
    """
    return find_spec("cmaes") is not None


def require_cmaes() -> None:
    """Raise an ImportError that says how to install the package, where it is not.

    Raises
    ------
    ImportError
        Where the package is missing.

    Examples
    --------
    >>> from skhpo.optimizers import has_cmaes, require_cmaes
    >>> if has_cmaes():
    ...     require_cmaes()
    """
    if not has_cmaes():
        raise ImportError(
            "CMA-ES needs the package cmaes, which is not installed: "
            "python -m pip install cmaes. Without it, algorithm='de' is the nearest."
        )
