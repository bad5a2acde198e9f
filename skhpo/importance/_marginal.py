"""What one or two parameters do, averaged over all others.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
f                the surrogate: a random function with a posterior
x_k      (m, d) points of the prior at which the parameter is active
v        (g,)   values of the parameter: evenly spaced under its prior, or all of them
x_k(v)   (m, d) the same points, the parameter set to v
F(v)     ()     marginal: the mean of f over x_k(v)
======== ====== ========================================================================

    F(v) = 1/m sum_k f(x_k(v))                                                       (1)

is what the marginals of functional analysis of variance [1]_ estimate, and partial
dependence plots draw [2]_. Being a mean of f it has a posterior of its own, whose
standard deviation is that of the average and not the average of those at the points:
what is not known about single settings cancels in part.

A parameter that several alternatives have is a column of the space in each; the
marginal is that of a column, over the settings of its alternative.

References
----------
.. [1] Hutter, Hoos, Leyton-Brown (2014), An efficient approach for assessing
   hyperparameter importance, ICML.
.. [2] Friedman (2001), Greedy function approximation, Annals of Statistics 29.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from skhpo.importance._evidence import doubt_about
from skhpo.importance._global import check_choice, generator
from skhpo.importance._rows import Rows, read_rows
from skhpo.importance._sobol import Array, columns_by_name, sobol_indices
from skhpo.importance._surrogate import METHODS, fit_surrogate
from skhpo.space import Space

_N_VALUES, _N_VALUES_OF_TWO = 33, 24  # of a number; lists with fewer are tried in full
_N_POINTS, _N_POINTS_OF_TWO = 256, 64
_N_SAMPLES = 512  # for the order of importance
_TRIES = 8  # times that points are drawn until enough have the parameter


@dataclass(frozen=True, eq=False)
class Marginal:
    """F of one column of the space, as scores; nan where no setting is allowed."""

    name: str
    values: list  # (g,) as the estimator gets them
    score: Array  # (g,) posterior mean
    low: Array  # (g,) one standard deviation below
    high: Array  # (g,) one above


@dataclass(frozen=True, eq=False)
class PairMarginal:
    """F of two columns of the space, as scores; nan where no setting is allowed."""

    names: tuple[str, str]
    values: tuple[list, list]  # (g,) and (h,)
    score: Array  # (g, h) posterior mean


@dataclass(frozen=True, eq=False)
class Marginals:
    """A surrogate of a search that is asked for its marginals, or why there is none."""

    rows: Rows
    surrogate: Any
    seed: int

    @property
    def reason(self) -> str | None:
        """Why there is no surrogate."""
        return self.surrogate if isinstance(self.surrogate, str) else None

    @property
    def surrogate_score(self) -> float:
        """R2 on rows that the surrogate has not seen."""
        return np.nan if self.reason is not None else self.surrogate.score

    @property
    def doubt(self) -> str | None:
        """Why there is not enough evidence, or None."""
        return doubt_about(self.rows, self.surrogate)

    @property
    def is_enough(self) -> bool:
        """Whether there is enough evidence to speak about parameters."""
        return self.doubt is None

    def most_important(self) -> list[str]:
        """The parameters in the order of their total indices, as estimated at once."""
        found = sobol_indices(
            self.surrogate,
            self.rows.space,
            n_samples=_N_SAMPLES,
            rng=np.random.default_rng(self.seed),
        )
        weights = np.nan_to_num(found.total[:, 0]) * found.share_active
        return [found.names[k] for k in np.argsort(-weights, kind="stable")]

    def of(self, name: str) -> list[Marginal]:
        """The marginal of each column of a parameter: eq. (1)."""
        rng = np.random.default_rng(self.seed)
        found = (
            self._of_column(j, rng) for j in columns_by_name(self.rows.space)[name]
        )
        return [marginal for marginal in found if marginal is not None]

    def of_pair(self, first: str, second: str) -> PairMarginal | None:
        """The marginal of two parameters; None where no setting has both.

        Of parameters in several alternatives, that in the first one that has both.
        """
        rng = np.random.default_rng(self.seed)
        groups = columns_by_name(self.rows.space)
        for i in groups[first]:
            for j in groups[second]:
                found = self._of_columns(i, j, rng)
                if found is not None:
                    return found
        return None

    def _of_column(self, j: int, rng) -> Marginal | None:
        space = self.rows.space
        filled = _active_points(space, [j], _N_POINTS, rng)
        if filled is None:
            return None
        places = _places(space, j, _N_VALUES)
        mean, sd = np.array([self._average(filled, [j], [v]) for v in places]).T
        inverse = self.surrogate.transform.inverse
        return Marginal(
            space.columns[j].name,
            [_value(space, filled[0], j, v) for v in places],
            *(inverse(target) for target in (mean, mean - sd, mean + sd)),
        )

    def _of_columns(self, i: int, j: int, rng) -> PairMarginal | None:
        space = self.rows.space
        filled = _active_points(space, [i, j], _N_POINTS_OF_TWO, rng)
        if filled is None:
            return None
        first, second = (_places(space, k, _N_VALUES_OF_TWO) for k in (i, j))
        mean = [[self._mean(filled, [i, j], [v, w]) for w in second] for v in first]
        return PairMarginal(
            (space.columns[i].name, space.columns[j].name),
            (
                [_value(space, filled[0], i, v) for v in first],
                [_value(space, filled[0], j, w) for w in second],
            ),
            self.surrogate.transform.inverse(np.array(mean)),
        )

    def _average(self, filled, columns, values) -> tuple[float, float]:
        points = _set(self.rows.space, filled, columns, values)
        return self.surrogate.average(points) if len(points) else (np.nan, np.nan)

    def _mean(self, filled, columns, values) -> float:
        points = _set(self.rows.space, filled, columns, values)
        return float(self.surrogate(points)[:, 0].mean()) if len(points) else np.nan


def marginals(search, *, metric=None, method="auto", random_state=0) -> Marginals:
    """Fit a surrogate to the scores of a search, to be asked for its marginals.

    Parameters
    ----------
    search, metric, method, random_state
        As of :func:`~skhpo.importance.search_importance`.
    """
    check_choice("method", method, METHODS)
    rows, rng = read_rows(search, metric), generator(random_state)
    surrogate = fit_surrogate(rows, method=method, region="all", n_boot=0, rng=rng)
    return Marginals(rows, surrogate, int(rng.integers(2**31)))


def _active_points(space: Space, columns: list[int], n: int, rng) -> Array | None:
    """(m <= n, d) points at which the columns are active, the inactive ones filled."""
    found = []
    for _ in range(_TRIES):
        points = space.sample(4 * n, rng)
        found.append(points[~np.isnan(points[:, columns]).any(axis=1)])
        if sum(map(len, found)) >= n:
            break
    points = np.concatenate(found)[:n]
    if not len(points):
        return None
    return np.where(np.isnan(points), rng.random(points.shape), points)


def _places(space: Space, j: int, n: int) -> Array:
    """(g,) places of a column: all of its values, or evenly spaced ones."""
    column = space.columns[j]
    if column.n_levels is None:
        return np.linspace(0, 1, n)
    cells = np.arange(column.n_levels)
    if not column.is_categorical and column.n_levels > n:
        cells = np.unique(np.linspace(0, column.n_levels - 1, n).round().astype(int))
    return column.dimension.centre(cells)


def _set(space: Space, filled: Array, columns: list[int], values: list) -> Array:
    """x_k(v): those of them that the constraints allow."""
    U = filled.copy()
    U[:, columns] = values
    points = space.snap(U)
    return points[space.feasible(points)]


def _value(space: Space, filled: Array, j: int, place: float) -> Any:
    """The value that stands at a place of column j."""
    U = filled.copy()
    U[j] = place
    return space.to_params(space.snap(U[None])[0])[space.columns[j].name]
