"""What the displays read from a search: its table, ours or scikit-learn's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

from skhpo._errors import did_you_mean
from skhpo._table import MEAN, PARTIAL, chosen_metric, levels

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of ``cv_results_`` as arrays, in the order in which they were asked for.

    Attributes
    ----------
    metric : str
        As it is to be written at an axis.
    score : ndarray of shape (n,)
        Mean over all folds; nan where a row failed or has not all of them.
    guess : ndarray of shape (n,)
        The same, with the estimates for what was raced out; nan where a row failed.
    folds : ndarray of shape (n, n_splits)
        nan where a fold failed or was skipped.
    seconds : ndarray of shape (n,)
        Fitting and scoring, all folds together.
    resource : ndarray of shape (n,)
        How far a row was trained; 0 where the search has no such thing.
    level : ndarray of shape (n,)
        The same where only equal resources are compared; 0 where every row may be best.
    params : list of dict
    """

    metric: str
    score: Array
    guess: Array
    folds: Array
    seconds: Array
    resource: Array
    level: Array
    params: list[dict[str, Any]]

    @property
    def names(self) -> list[str]:
        """The parameters, in the order of their first appearance."""
        return list(dict.fromkeys(name for one in self.params for name in one))

    @property
    def at_the_top(self) -> NDArray[np.bool_]:
        """(n,): rows that were trained as far as any, each another candidate."""
        return self.resource == self.resource.max(initial=0)


def results_of(search: Any) -> Any:
    """Return the ``cv_results_`` of a search; an error where there are none."""
    results = getattr(search, "cv_results_", None)
    if results is None:
        raise NotFittedError(
            f"{type(search).__name__} has no cv_results_ to be drawn: pass a search "
            "after fit (BayesSearchCV, GridSearchCV, HalvingRandomSearchCV ...)."
        )
    return results


def read_table(search: Any, metric: str | None = None) -> Table:
    """Read the table of a fitted search, by one of its metrics.

    ``metric=None``: the only one, or the one that steered or chose the best row.
    """
    results = results_of(search)
    name = chosen_metric(search, results, metric)
    score = np.array(results[MEAN + name], dtype=float)
    guess = np.array(results.get(MEAN + name + PARTIAL, score), dtype=float)
    failed = _failed(results, len(score))
    score, guess = (np.where(failed, np.nan, _finite(v)) for v in (score, guess))
    folds = _folds(results, name)
    return Table(
        _written(search, name),
        score,
        guess,
        np.where(failed[:, np.newaxis], np.nan, folds),
        _seconds(results, folds.shape[1]),
        np.array(results.get("n_resources", np.zeros(len(score))), dtype=float),
        levels(search, results),
        list(results["params"]),
    )


def _written(search, name):
    """Return the metric's name for an axis; scikit-learn calls a single one "score"."""
    scoring = getattr(search, "scoring", None)
    return scoring if name == "score" and isinstance(scoring, str) else name


def _failed(results, n):
    status = results.get("status")
    return np.zeros(n, bool) if status is None else np.asarray(status) == "failed"


def _finite(values):
    return np.where(np.isfinite(values), values, np.nan)


def _folds(results, name):
    columns = []
    while (key := f"split{len(columns)}_test_{name}") in results:
        columns.append(np.asarray(results[key], dtype=float))
    return _finite(np.column_stack(columns))


def _seconds(results, n_splits):
    n_folds = np.asarray(results.get("n_splits_evaluated", n_splits))
    per_fold = np.asarray(results["mean_fit_time"]) + results["mean_score_time"]
    return np.nan_to_num(per_fold * n_folds)


# ---- numbers that several displays need


def best_so_far(score: Array, level: Array | None = None) -> NDArray[np.intp]:
    """(n,): the row that would have won after each row; -1 = none yet.

    Rows at a higher level come first, whatever their score: scores at different levels
    are not compared with each other. So the score of the best may fall where a level
    is reached for the first time.
    """
    height = np.zeros(len(score)) if level is None else level
    best, winners = -1, []
    for row in range(len(score)):
        is_better = best < 0 or (height[row], score[row]) > (height[best], score[best])
        if np.isfinite(score[row]) and is_better:
            best = row
        winners.append(best)
    return np.array(winners, dtype=np.intp)


def is_final_level(winners: NDArray[np.intp], level: Array) -> NDArray[np.bool_]:
    """(n,): whether a best so far can be compared with the last one."""
    is_there = winners >= 0
    return is_there & (level[winners] == level[winners[-1]])


def standard_error(folds: Array) -> Array:
    """(n,): standard error of the mean over folds, as if these were independent.

    They share training rows, so it is a little too small. nan for a single fold.
    """
    n_folds = folds.shape[1]
    if n_folds < 2:
        return np.full(len(folds), np.nan)
    return folds.std(axis=1, ddof=1) / np.sqrt(n_folds)


def leaders(table: Table, n: int) -> NDArray[np.intp]:
    """Rows with the ``n`` best scores, among those at the highest level."""
    is_highest = table.level == table.level.max(initial=0)
    rows = np.flatnonzero(np.isfinite(table.score) & is_highest)
    return rows[np.argsort(-table.score[rows], kind="stable")][:n]


def row_of_default(search: Any, table: Table) -> int | None:
    """Return the row that has the estimator's own values; None = not tried.

    At several resources the highest one.
    """
    try:
        own = search.estimator.get_params()
    except Exception:  # duck-typed searches and estimators may do anything
        return None
    rows = [r for r, one in enumerate(table.params) if one and _is_part(one, own)]
    return max(rows, key=lambda row: table.resource[row], default=None)


def _is_part(params, own):
    return all(name in own and _same(own[name], params[name]) for name in params)


def _same(a, b):
    if a is b:
        return True
    try:
        return type(a) is not bool and type(b) is not bool and bool(a == b)
    except Exception:  # arrays, say
        return False


def check_some_params(table: Table) -> None:
    """Refuse a search that has nothing to draw against."""
    if not table.names:
        raise ValueError("The search has no parameters: all rows are the same setting.")


def check_searched(names: Any, table: Table) -> None:
    """Refuse parameters that the search does not have."""
    for name in names:
        if name not in table.names:
            raise ValueError(
                f"{name!r} was not searched. The search has {table.names}."
                + did_you_mean(name, table.names)
            )


#: Scores are absurd that are so many times as far from the best as the median is.
_ABSURD = 50

#: The share of scores that lies below what is shown at least, in the order of trying.
_TAILS = (0.1, 0.2, 0.3, 0.4, 0.5)


def lowest_to_show(scores: Array) -> float:
    """Return the score below which a picture loses more than it shows.

    Absurd candidates would press all others into a line. The axis ends as far below the
    lower tenth of the scores as this is below the best. Where the lower tenth is absurd
    itself, the lower fifth counts instead, and so on up to the half. -inf = show all.
    """
    known = scores[np.isfinite(scores)]
    if len(known) < 10:
        return -np.inf
    high = known.max()
    reach = high - np.quantile(known, _TAILS)  # in descending order
    reach = reach[reach > 0]  # more than half may be equally good
    if len(reach) == 0:
        return -np.inf
    floor = high - 2 * reach[reach <= _ABSURD * reach[-1]][0]
    return float(floor) if known.min() < floor else -np.inf
