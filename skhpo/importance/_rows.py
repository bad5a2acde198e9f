"""What a fitted search says about its settings: points and scores, one per setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._table import MEAN, PARTIAL, chosen_metric
from skhpo.space import Space, space_of

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """The settings of a search that can be compared with each other.

    A setting that was evaluated several times is there once, with its mean score.

    Parameters
    ----------
    space : Space
        Where the points lie.
    metric : str
        The score that was read.
    points : (n, d) array
        nan = inactive.
    scores : (n,) array
        Higher is better; nan = the evaluation failed.
    n_left_out : int
        Rows of the table that take no part: those at lower resources, and those that
        the space does not contain.
    """

    space: Space
    metric: str
    points: Array
    scores: Array
    n_left_out: int

    @property
    def n_known(self) -> int:
        """How many settings have a score."""
        return int(np.isfinite(self.scores).sum())

    @property
    def n_params(self) -> int:
        """How many parameters have more than one value."""
        columns = self.space.columns
        return len({column.name for column in columns if column.n_levels != 1})

    @property
    def best(self) -> int | None:
        """The row of the best score; None where everything failed."""
        known = np.isfinite(self.scores)
        scores = np.where(known, self.scores, -np.inf)
        return int(scores.argmax()) if known.any() else None


def read_rows(search: Any, metric: str | None = None) -> Rows:
    """The comparable rows of a fitted search, ours or scikit-learn's."""
    table = _table(search)
    space = space_of(search)
    if space is None:
        raise ValueError(
            f"The space of this {type(search).__name__} cannot be read: importance "
            "needs lists, ranges or frozen scipy distributions (with ppf), since it "
            "is about the settings that might have been tried."
        )
    metric = chosen_metric(search, table, metric)
    scores = _scores(table, metric)
    is_comparable = _at_the_top(table, scores)
    points = [_point(space, params) for params in table["params"]]
    rows = [i for i in np.flatnonzero(is_comparable) if points[i] is not None]
    merged = _merged(space, [points[i] for i in rows], scores[rows])
    return Rows(space, metric, *merged, n_left_out=len(scores) - len(rows))


def _table(search: Any) -> Mapping[str, Any]:
    table = getattr(search, "cv_results_", None)
    if table is None:
        raise ValueError(
            f"This {type(search).__name__} has no cv_results_: it is not fitted, or no "
            "search. Pass a fitted search, ours or scikit-learn's."
        )
    return table


def _scores(table: Mapping[str, Any], metric: str) -> Array:
    """(n,) mean scores: those raced out as the search estimated them, failed ones nan.

    A failed one shows ``error_score``, which is no score.
    """
    scores = table.get(MEAN + metric + PARTIAL, table[MEAN + metric])
    scores = np.ma.filled(np.ma.asarray(scores, float), np.nan)
    failed = np.asarray(table.get("status", [])) == "failed"
    return np.where(failed, np.nan, scores) if len(failed) else scores


def _at_the_top(table: Mapping[str, Any], scores: Array) -> NDArray[np.bool_]:
    """(n,) rows at the highest resource at which any row has a score."""
    known = np.isfinite(scores)
    if "n_resources" not in table or not known.any():
        return np.ones(len(scores), bool)
    resources = np.asarray(table["n_resources"])
    return resources == resources[known].max()


def _point(space: Space, params: Mapping[str, Any]) -> Array | None:
    """The point of a setting without its resource; None = the space has it not."""
    searched = {name: params[name] for name in params if name in space.names}
    try:
        return space.to_point(searched)
    except (TypeError, ValueError):
        return None


def _merged(space: Space, points: list[Array], scores: Array) -> tuple[Array, Array]:
    """Distinct points in order, and the mean of each one's scores that are there."""
    groups: dict[bytes, list[int]] = {}
    for row, point in enumerate(points):
        groups.setdefault(space.key(point), []).append(row)
    distinct = [points[rows[0]] for rows in groups.values()]
    means = [_mean_of_finite(scores[rows]) for rows in groups.values()]
    return np.array(distinct).reshape(-1, space.n_dims), np.array(means, float)


def _mean_of_finite(scores: Array) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else np.nan
