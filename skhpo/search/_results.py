"""``results_``: ``cv_results_`` as a tidy table of plain types."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from skhpo._table import MEAN, PARTIAL, metrics_of

#: What names of scikit-learn begin with.
_OF_SCIKIT_LEARN = ("param_", "split", "mean_", "std_", "rank_")
_TOLD_OTHERWISE = ("params", "status", "error")


def tidy(table: Mapping[str, Any], metric: str | None = None) -> pd.DataFrame:
    """A row per trial; ``metric`` is the one that steers, None = the first.

    Examples
    --------
    >>> table = {
    ...     "params": [{"C": 1, "kernel": "rbf"}, {"kernel": "linear"}],
    ...     "mean_test_score": [0.5, 0.75],
    ...     "std_test_score": [0.0, 0.25],
    ...     "rank_test_score": [2, 1],
    ...     "mean_fit_time": [0.5, 0.5],
    ... }
    >>> tidy(table)[["score", "rank", "param_C", "param_kernel"]]
       score  rank  param_C param_kernel
    0   0.50     2      1.0          rbf
    1   0.75     1      NaN       linear
    """
    n, metrics = len(table["params"]), metrics_of(table)
    first = metrics[0] if metric is None else metric
    columns = {
        "number": np.arange(n),
        "status": [str(s) for s in table.get("status", ["complete"] * n)],
        "score": _scores(table, first),
        "std": _floats(table[f"std_test_{first}"]),
        "rank": np.asarray(table[f"rank_test_{first}"], dtype=np.int64),
    }
    for other in metrics:
        if other != first:
            columns[f"score_{other}"] = _scores(table, other)
    columns |= {name: np.asarray(table[name]) for name in table if _is_label(name)}
    columns["fit_time"] = _floats(table["mean_fit_time"])
    for name in dict.fromkeys(name for params in table["params"] for name in params):
        columns[f"param_{name}"] = plain_column(name, table["params"])
    return pd.DataFrame(columns)


def _is_label(name: str) -> bool:
    """Whether a column says where a trial stands in a search, as a generation does."""
    return not name.startswith(_OF_SCIKIT_LEARN) and name not in _TOLD_OTHERWISE


def _scores(table: Mapping[str, Any], metric: str) -> np.ndarray:
    key = MEAN + metric
    return _floats(table.get(key + PARTIAL, table[key]))


def _floats(column: Any) -> np.ndarray:
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)


def plain_column(name: str, settings: Sequence[Mapping[str, Any]]) -> pd.Series:
    """Numbers, truth values, or text; missing where a setting lacks the name."""
    is_there = [name in params for params in settings]
    values = [params[name] for params in settings if name in params]
    kind = _kind(values)
    column = pd.Series([None] * len(settings), dtype=object)
    column[is_there] = pd.Series(
        [_plain(value, kind) for value in values],
        index=column.index[is_there],
        dtype=object,
    )
    if kind is bool and all(is_there):
        return column.astype(bool)
    if kind in (int, float):
        return column.astype(kind if all(is_there) else float)
    return column


def _kind(values: Sequence[Any]) -> type:
    """The one type that all values have."""
    if all(isinstance(v, (bool, np.bool_)) for v in values):
        return bool
    if any(isinstance(v, (bool, np.bool_)) for v in values):
        return str
    if all(isinstance(v, Integral) and abs(v) < 2**63 for v in values):
        return int
    return float if all(isinstance(v, Real) for v in values) else str


def _plain(value: Any, kind: type) -> Any:
    return " ".join(str(value).split()) if kind is str else kind(value)
