"""What each parameter does at one setting, all others kept.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
x*       (d,)   the best setting that was evaluated
f                posterior mean of the surrogate
S_i      (g,)   values of parameter i: evenly spaced under its prior, or all of them
V_i      ()     variance of f over S_i, all other parameters as in x*
======== ====== ========================================================================

    LPI_i = V_i / sum_j V_j                                                          (1)

the local parameter importance of Biedenkapp et al. [1]_.

References
----------
.. [1] Biedenkapp, Marben, Lindauer, Hutter (2018), CAVE: Configuration assessment,
   visualization and evaluation, LION 12, section 3.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skhpo.importance._evidence import doubt_about
from skhpo.importance._global import check_choice, generator
from skhpo.importance._rows import Rows, read_rows
from skhpo.importance._sobol import Array
from skhpo.importance._surrogate import METHODS, fit_surrogate

_N_VALUES = 33  # of a number; a finite parameter with fewer is tried in full


@dataclass(frozen=True, repr=False)
class LocalImportance:
    """What each parameter does at the best setting.

    Attributes
    ----------
    importances : DataFrame
        A row per parameter that is active there, the most important first.
        ``importance``: share of the variances along the single parameters; ``loss``:
        how far the score falls, from the best to the worst value of the parameter;
        ``best_value``: the value at which the surrogate's mean is highest.

    profiles : dict of str -> DataFrame
        For each parameter ``value``, the expected ``score``, and ``low`` and ``high``,
        one standard deviation of the surrogate below and above it.

    params : dict or None
        The best setting; None where nothing could be evaluated.

    surrogate_score : float
        As of :class:`SearchImportance`.

    reason : str or None
        Why there is no surrogate; the tables are empty then.

    doubt : str or None
        Why there is not enough evidence, as of :class:`SearchImportance`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.importance import local_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [1, 5, 20, 50, 100], "p": [1, 2]}
    ... ).fit(X, y)
    >>> found = local_importance(search, random_state=0)
    >>> found.profiles["n_neighbors"].columns.tolist()
    ['value', 'score', 'low', 'high']
    """

    importances: pd.DataFrame
    profiles: dict[str, pd.DataFrame]
    params: dict | None
    surrogate_score: float
    reason: str | None = None
    doubt: str | None = None

    @property
    def is_enough(self) -> bool:
        """Whether there is enough evidence to speak about parameters."""
        return self.doubt is None

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        best = "which is not known" if self.params is None else repr(self.params)
        yield f"Importance at the best setting, {best}"
        if not self.is_enough:
            yield f"Not enough evidence: {self.doubt}."
            return
        yield f"R2 of the surrogate: {self.surrogate_score:.2f}"
        width = max(map(len, self.importances.index), default=0)
        for name, row in self.importances.iterrows():
            yield f"  {name:<{width}}  {row.importance:.2f}  loss {row.loss:.3g}"


def local_importance(search, *, metric=None, method="auto", random_state=0):
    """Tell what each parameter does at the best setting, all others kept.

    Parameters
    ----------
    search, metric, method, random_state
        As of :func:`search_importance`.

    Returns
    -------
    importance : LocalImportance
        Its repr is a small table; ``profiles`` has the curves.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.importance import local_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [1, 5, 20, 50, 100], "p": [1, 2]}
    ... ).fit(X, y)
    >>> found = local_importance(search, random_state=0)
    >>> found.importances.index.tolist()
    ['n_neighbors', 'p']
    >>> found.profiles["p"]["value"].tolist()
    [1, 2]
    """
    check_choice("method", method, METHODS)
    rows = read_rows(search, metric)
    rng = generator(random_state)
    surrogate = fit_surrogate(rows, method=method, region="all", n_boot=0, rng=rng)
    return local_of(rows, surrogate)


def local_of(rows: Rows, surrogate) -> LocalImportance:
    """The same for rows and a surrogate that are there; text = why there is none."""
    params = None if rows.best is None else rows.space.to_params(rows.points[rows.best])
    if isinstance(surrogate, str):
        empty = pd.DataFrame(columns=["importance", "loss", "best_value"])
        return LocalImportance(empty, {}, params, np.nan, surrogate, surrogate)
    x, names = rows.points[rows.best], rows.space.names
    columns = {
        rows.space.columns[j].name: j
        for j in np.flatnonzero(~np.isnan(x))
        if rows.space.columns[j].name in names
    }
    profiles, variances = {}, {}
    for name, j in columns.items():
        points = neighbours(rows, x, j)
        mean, sd = surrogate.predict(points)
        variances[name] = float(np.var(mean))
        profiles[name] = _profile(rows, name, points, surrogate.transform, mean, sd)
    table = _table(profiles, variances)
    doubt = doubt_about(rows, surrogate)
    return LocalImportance(table, profiles, params, surrogate.score, doubt=doubt)


def neighbours(rows: Rows, x: Array, j: int) -> Array:
    """(g, d) the setting with each value of column j; what becomes active is central.

    Settings that the constraints forbid are left out.
    """
    column = rows.space.columns[j]
    if column.n_levels is None or column.n_levels > _N_VALUES:
        places = np.linspace(0, 1, _N_VALUES)
    else:
        places = column.dimension.centre(np.arange(column.n_levels))
    U = np.tile(np.where(np.isnan(x), 0.5, x), (len(places), 1))
    U[:, j] = places
    points = rows.space.snap(U)
    points = points[np.unique(points[:, j], return_index=True)[1]]
    is_allowed = rows.space.feasible(points)
    return points[is_allowed] if is_allowed.any() else x[None]


def _profile(rows: Rows, name, points, transform, mean, sd) -> pd.DataFrame:
    values = [rows.space.to_params(point)[name] for point in points]
    return pd.DataFrame(
        {
            "value": _as_written(values),
            "score": transform.inverse(mean),
            "low": transform.inverse(mean - sd),
            "high": transform.inverse(mean + sd),
        }
    )


def _as_written(values: list, index=None) -> pd.Series:
    """A column of values that stay what they are: None is no nan, 1 is no 1.0."""
    kinds = {type(value) for value in values}
    is_uniform = len(kinds) == 1 and kinds <= {bool, int, float, str}
    return pd.Series(values, index, dtype=None if is_uniform else object)


def _table(profiles, variances: dict[str, float]) -> pd.DataFrame:
    total = sum(variances.values()) or 1.0
    table = pd.DataFrame(
        {
            "importance": {name: v / total for name, v in variances.items()},
            "loss": {n: float(np.ptp(p["score"])) for n, p in profiles.items()},
        }
    )
    best = [p["value"].tolist()[p["score"].argmax()] for p in profiles.values()]
    table["best_value"] = _as_written(best, list(profiles))
    table.index.name = "parameter"
    return table.sort_values("importance", ascending=False, kind="stable")
