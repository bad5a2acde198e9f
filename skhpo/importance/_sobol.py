"""Which coordinates of a point a function depends on, under the prior of a space.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
f                function of a point: the surrogate's mean, of one or more replicates
A        (m, d) points drawn from the prior (``space.sample``); nan = inactive
A_i      (m, d) A with parameter i drawn anew from the prior, all others kept
A_ij     (m, d) A with the parameters i and j as they are in A_i and in A_j
V        ()     variance of f under the prior
T_i      ()     total index of i: share of the variance that only knowing i removes
S_i      ()     main effect of i: share of the variance that knowing i alone removes
c        ()     cell of x_i: one value, or one of ``_N_CELLS`` parts of a range
U_ij     ()     share of the variance in interactions that i and j both take part in
======== ====== ========================================================================

    T_i  = E[Var(f | all but i)] / V = mean (f(A) - f(A_i))^2 / (2 V)                (1)
    U_ij = mean (f(A) - f(A_i) - f(A_j) + f(A_ij))^2 / (4 V)                         (2)
    S_i  = Var(E[f | x_i]) / V = 1 - W_i / V                                         (3)

(1) is Jansen's estimator [1]_, which Saltelli et al. recommend for total indices [2]_;
(2) is that of Liu and Owen [3]_, the superset importance of a pair. T sums to 1 where
nothing interacts, and to more where something does. (3) takes no further points: W_i is
the variance of f(A) within the cells of x_i, by its n - n_cells degrees of freedom
(one-way analysis of variance). What f does within a cell is not counted: a thousandth
of the effect of a straight line.

*Conditional parameters.* The mean and V in (1) are over the points at which i is
active: whether it is does not depend on i itself, so that this is the index within that
part of the space. Where i becomes inactive with another parameter, that is the other's
doing.
Columns of one name (one per alternative of a list of dicts) are drawn anew together.

*Constraints.* Parameters are no longer independent. A draw of i that is not feasible is
repeated, which draws from the law of i given the others: E[Var(f | all but i)] keeps
its meaning [4]_, the T need not sum to 1 or more any longer.

References
----------
.. [1] Jansen (1999), Analysis of variance designs for model output, Computer Physics
   Communications 117, 35-43.
.. [2] Saltelli, Annoni, Azzini, Campolongo, Ratto, Tarantola (2010), Variance based
   sensitivity analysis of model output, Computer Physics Communications 181, 259-270,
   table 2 (f).
.. [3] Liu, Owen (2006), Estimating mean dimensionality of analysis of variance
   decompositions, Journal of the American Statistical Association 101, 712-721.
.. [4] Kucherenko, Tarantola, Annoni (2012), Estimation of global sensitivity indices
   for models with dependent variables, Computer Physics Communications 183, 937-946.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skhpo.space import Space

Array = NDArray[np.float64]
Function = Callable[[Array], Array]  # (m, d) points -> (m, r) values of r replicates

_TRIES = 20  # draws after which an infeasible change is given up: i stays as it is
_N_CELLS = 32  # of a number, for the main effects
_FLAT = 1e-12  # variance, of targets with variance 1, below which f is a constant


@dataclass(frozen=True, eq=False)
class Indices:
    """Total indices of k parameters, for each of r replicates."""

    names: tuple[str, ...]
    total: Array  # (k, r) T, from 0 to 1; nan where the parameter is never active
    main: Array  # (k, r) S, from 0 to T
    share_active: Array  # (k,) of the points
    pairs: dict[tuple[str, str], Array]  # (r,) U of each pair, if asked for


def sobol_indices(
    f: Function,
    space: Space,
    *,
    n_samples: int,
    interactions: bool = False,
    rng: np.random.Generator,
) -> Indices:
    """Total indices of each parameter of a space: eq. (1), and eq. (2) if asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.space import Space
    >>> space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)})
    >>> rng = np.random.default_rng(0)
    >>> found = sobol_indices(
    ...     lambda U: U[:, :1] + 2 * U[:, 1:2], space, n_samples=4000, rng=rng
    ... )
    >>> dict(zip(found.names, found.total[:, 0].round(1).tolist()))
    {'a': 0.2, 'b': 0.8, 'c': 0.0}
    """
    groups = columns_by_name(space)
    A = space.sample(n_samples, rng)
    filled = np.where(np.isnan(A), rng.random(A.shape), A)
    f_A = f(A)
    changed = {n: _changed(space, A, filled, j, rng) for n, j in groups.items()}
    f_changed = {name: f(space.snap(U)) for name, U in changed.items()}
    active = {name: ~np.isnan(A[:, j]).all(axis=1) for name, j in groups.items()}
    total = [_total(f_A, f_changed[name], active[name]) for name in groups]
    main = [_main(f_A, _cells(space, A[:, j], j), active[n]) for n, j in groups.items()]
    total, main = np.array(total), np.minimum(main, total)
    pairs = {}
    for i, j in combinations(groups, 2) if interactions else ():
        both = filled.copy()
        both[:, groups[i]] = changed[i][:, groups[i]]
        both[:, groups[j]] = changed[j][:, groups[j]]
        mixed = space.snap(both)
        rows = active[i] & active[j] & space.feasible(mixed)
        pairs[i, j] = _pair(f_A, f_changed[i], f_changed[j], f(mixed), rows)
    shares = np.array([active[name].mean() for name in groups])
    return Indices(tuple(groups), total, main, shares, pairs)


def columns_by_name(space: Space) -> dict[str, list[int]]:
    """The columns of each parameter, in the user's order, the hidden one included."""
    groups: dict[str, list[int]] = {}
    for j, column in enumerate(space.columns):
        groups.setdefault(column.name, []).append(j)
    return groups


def _changed(space: Space, A: Array, filled: Array, columns: list[int], rng) -> Array:
    """(m, d) A_i before the snap: what is not active has a value, it may be needed."""
    U = filled.copy()
    left = np.arange(len(A))
    for _ in range(_TRIES):
        U[np.ix_(left, columns)] = rng.random((len(left), len(columns)))
        left = left[~space.feasible(space.snap(U[left]))]
        if not len(left):
            return U
    U[left] = filled[left]
    return U


def _total(f_A: Array, f_i: Array, rows: NDArray[np.bool_]) -> Array:
    """(r,) T_i: eq. (1)."""
    return _ratio(0.5 * (f_A - f_i) ** 2, f_A, rows)


def _cells(space: Space, values: Array, columns: list[int]) -> Array:
    """(m,) the cell of each point, as a number; nan = inactive."""
    cells = np.full(len(values), np.nan)
    for x, j in zip(values.T, columns, strict=True):
        column = space.columns[j]
        is_range = not column.is_categorical and (column.n_levels or np.inf) > _N_CELLS
        cell = np.floor(x * _N_CELLS) / _N_CELLS if is_range else x
        cells = np.where(np.isnan(x), cells, 2 * j + cell)  # apart from other columns
    return cells


def _main(f_A: Array, cells: Array, rows: NDArray[np.bool_]) -> Array:
    """(r,) S_i: eq. (3)."""
    f, cell = f_A[rows], np.unique(cells[rows], return_inverse=True)[1]
    counts = np.bincount(cell)
    left = len(f) - len(counts)  # degrees of freedom within the cells
    if left < 1:
        return np.full(f.shape[1], np.nan)
    sums = np.zeros((len(counts), f.shape[1]))
    np.add.at(sums, cell, f)
    within = np.sum((f - (sums / counts[:, None])[cell]) ** 2, axis=0) / left
    variance = f.var(axis=0, ddof=1)
    is_flat = variance < _FLAT
    share = 1 - within / np.where(is_flat, 1.0, variance)
    return np.where(is_flat, 0.0, np.maximum(share, 0.0))


def _pair(f_A: Array, f_i: Array, f_j: Array, f_ij: Array, rows) -> Array:
    """(r,) U_ij: eq. (2)."""
    return _ratio(0.25 * (f_A - f_i - f_j + f_ij) ** 2, f_A, rows)


def _ratio(parts: Array, f_A: Array, rows: NDArray[np.bool_]) -> Array:
    """Mean of some parts of the variance, by the variance; 0 where f is a constant.

    Both are estimates, so that their ratio may exceed 1, which no share does.
    """
    if rows.sum() < 2:
        return np.full(f_A.shape[1], np.nan)
    variance = f_A[rows].var(axis=0)
    is_flat = variance < _FLAT
    mean = parts[rows].mean(axis=0)
    share = np.minimum(mean / np.where(is_flat, 1.0, variance), 1.0)
    return np.where(is_flat, 0.0, share)
