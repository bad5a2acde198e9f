"""Reads old studies: fitted searches, their tables, and tables that went through a CSV.

A table is a mapping from column names to columns. Its settings stand in ``params`` (a
column of dicts) or in the columns ``param_<name>``, where an empty cell (masked, nan)
says that the parameter is inactive. A CSV file makes texts of dicts, tuples and
objects, and empty cells of None: they are read back as far as the search space knows
the value that was meant.
"""

from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skhpo._errors import did_you_mean, warn_user
from skhpo.optimizers import OldStudy
from skhpo.space import Space

_SOURCES = (
    "a fitted search of skhpo or scikit-learn, a dict such as cv_results_, a DataFrame "
    "of one or of results_, or a list of these"
)
_SCORE = "mean_test_"
_TIDY = "<score>"  # of results_: of the metric that steered, whatever its name
_N_NAMED = 8  # names listed in a message


@dataclass(frozen=True)
class Metric:
    """Which column of scores counts.

    ``names`` in order of preference; ``or_first``: else the table's first one, as for a
    callable ``scoring``, whose names are not known before a fit.
    """

    names: Sequence[str]
    or_first: bool = False


def read_old_studies(
    source: Any, space: Space, metric: Metric, price: str | None = "seconds"
) -> list[OldStudy]:
    """The studies that a user names as ``warm_start_from``.

    ``price`` says which costs count: "work", "seconds", or none.

    Raises
    ------
    ValueError
        When one has no usable row: it says which names or values do not fit.
    TypeError
        When a source is of a kind that cannot be read.
    """
    if source is None:
        return []
    if not isinstance(source, (list, tuple)):
        return [_read(source, space, metric, price, "warm_start_from")]
    studies = []
    for number, one in enumerate(source):
        name = f"warm_start_from[{number}]"
        studies.append(_read(one, space, metric, price, name))
    return studies


def _read(source: Any, space: Space, metric: Metric, price, name: str) -> OldStudy:
    table = _as_table(source, name)
    scores = _scores(table, metric, name)
    settings = list(_settings(table, space, len(scores), name))
    usable = np.isfinite(scores) & _is_complete(table, len(scores))
    if not usable.any():
        raise ValueError(
            f"{name}: none of its {len(scores)} rows has a score: there is nothing to "
            "start from. Leave warm_start_from=None."
        )
    rows = _Rows(space)
    for row in np.flatnonzero(usable):
        rows.add(int(row), settings[row])
    if not rows.kept:
        unfit = [settings[row] for row in np.flatnonzero(usable)]
        raise ValueError(f"{name}: {_mismatch(rows, unfit)}")
    if rows.reasons:
        _note_dropped(rows, int(usable.sum()), name)
    kept = [row for row, _, _ in rows.kept]
    return OldStudy(
        points=np.array([point for _, point, _ in rows.kept]),
        params=[params for _, _, params in rows.kept],
        scores=scores[kept],
        costs=_costs(table, len(scores), price)[kept],
        n_dropped=len(rows.reasons),
    )


# ---- tables


def _as_table(source: Any, name: str) -> dict[str, Any]:
    """Columns by name, whatever they came in."""
    if isinstance(source, type) or isinstance(source, (str, bytes)):
        raise TypeError(f"{name} must be {_SOURCES}; got {source!r}.")
    if hasattr(source, "get_params") and not hasattr(source, "cv_results_"):
        raise ValueError(
            f"{name}: this {type(source).__name__} has no cv_results_: it is not "
            "fitted, or no search. (A fitted search that was cloned is unfitted: pass "
            "its cv_results_ instead.)"
        )
    table = getattr(source, "cv_results_", source)
    is_frame = hasattr(table, "columns") and hasattr(table, "__getitem__")
    if not is_frame and not isinstance(table, Mapping):
        raise TypeError(f"{name} must be {_SOURCES}; got {type(source).__name__}.")
    names = table.columns if is_frame else table
    return _untidy({str(key): _as_column(table[key]) for key in names})


def _untidy(table: dict[str, Any]) -> dict[str, Any]:
    """The columns of ``results_`` and ``load_results`` under their long names."""
    if "score" not in table or any(key.startswith(_SCORE) for key in table):
        return table
    long = {
        _SCORE + key.removeprefix("score_"): table[key]
        for key in table
        if key == "score" or key.startswith("score_")
    }
    if "fit_time" in table:
        long["mean_fit_time"] = table["fit_time"]
    return {**table, **long, _TIDY: table["score"]}


def _as_column(column: Any) -> Any:
    """A list or a (masked) array, instead of a data frame's own type."""
    is_plain = isinstance(column, (list, np.ndarray))
    return column if is_plain else np.asarray(column, dtype=object)


def _scores(table: Mapping[str, Any], metric: Metric, name: str) -> np.ndarray:
    """(n,) scores by the metric that steers the search."""
    possible = [key.removeprefix(_SCORE) for key in table if key.startswith(_SCORE)]
    wanted = [metric_name for metric_name in metric.names if metric_name in possible]
    if not wanted and metric.or_first:
        wanted = possible
    if not wanted and _TIDY in table:  # the score that steered is called so there
        return np.array([_as_number(cell) for cell in table[_TIDY]])
    if not wanted:
        asked = metric.names[0] if metric.names else "score"
        raise ValueError(
            f"{name} has no column {_SCORE + asked!r}, and that is the metric which "
            f"steers this search.{did_you_mean(asked, possible)} It has scores of "
            f"{possible}."
        )
    return np.array([_as_number(cell) for cell in table[_SCORE + wanted[0]]])


def _is_complete(table: Mapping[str, Any], n: int) -> np.ndarray:
    """(n,) rows evaluated in full: not failed, on all folds, at the top resource."""
    complete = np.ones(n, dtype=bool)
    if "status" in table:
        complete &= [status == "complete" for status in table["status"]]
    for key in ("n_resources", "n_splits_evaluated"):
        if key in table:
            amounts = np.array([_as_number(cell) for cell in table[key]])
            complete &= amounts == np.nanmax(amounts)
    return complete


def _costs(table: Mapping[str, Any], n: int, price: str | None) -> np.ndarray:
    """(n,) work of a fit, or seconds of all folds, nan where not known."""
    if price == "work" and "mean_work" in table:
        return np.array([_as_number(cell) for cell in table["mean_work"]])
    if price != "seconds":
        return np.full(n, np.nan)
    n_splits = len({key.split("_")[0] for key in table if _is_fold(key)})
    if not n_splits or "mean_fit_time" not in table:
        return np.full(n, np.nan)
    keys = [key for key in ("mean_fit_time", "mean_score_time") if key in table]
    return n_splits * np.sum([[_as_number(t) for t in table[k]] for k in keys], axis=0)


def _is_fold(key: str) -> bool:
    return key.startswith("split") and "_test_" in key


def _as_number(cell: Any) -> float:
    """A number, nan for a cell that holds none."""
    if cell is np.ma.masked:
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan


# ---- settings


def _settings(
    table: Mapping[str, Any], space: Space, n: int, name: str
) -> Iterator[dict[str, Any]]:
    """The setting of each row, as far as it can be read."""
    columns = {
        key.removeprefix("param_"): column
        for key, column in table.items()
        if key.startswith("param_")
    }
    whole = table.get("params")
    if whole is None and not columns:
        raise ValueError(
            f"{name} has no settings: it needs a column 'params' of dicts, or columns "
            f"'param_<name>'. It has {list(table)[:_N_NAMED]}."
        )
    for row in range(n):
        params = None if whole is None else _as_dict(whole[row])
        if params is None:
            cells = {key: column[row] for key, column in columns.items()}
            cells = {key: cell for key, cell in cells.items() if not _is_empty(cell)}
            params = _with_none(cells, columns, space)
        yield {key: _as_meant(key, value, space) for key, value in params.items()}


def _as_dict(cell: Any) -> dict[str, Any] | None:
    """A dict, also one that a CSV file holds as text."""
    if isinstance(cell, str):
        try:
            cell = literal_eval(cell)
        except (ValueError, SyntaxError):
            return None
    return dict(cell) if isinstance(cell, Mapping) else None


def _is_empty(cell: Any) -> bool:
    if cell is np.ma.masked or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, (float, np.floating)) and bool(np.isnan(cell))


def _with_none(
    cells: dict[str, Any], columns: Mapping[str, Any], space: Space
) -> dict[str, Any]:
    """None in empty cells where the space has it and the setting is none without."""
    may_be_none = {
        name: None
        for name in columns
        if name not in cells and _accepts(name, None, space)
    }
    if not may_be_none or _fits(cells, space):
        return cells
    return {**cells, **may_be_none}


def _fits(params: Mapping[str, Any], space: Space) -> bool:
    meant = {key: _as_meant(key, value, space) for key, value in params.items()}
    try:
        space.to_point(meant)
    except (ValueError, TypeError):
        return False
    return True


def _as_meant(name: str, value: Any, space: Space) -> Any:
    """The value that a text stands for, if the space has such a value."""
    if not isinstance(value, str) or _accepts(name, value, space):
        return value
    for choice in _choices(name, space):
        if str(choice) == value:
            return choice
    try:
        return literal_eval(value)
    except (ValueError, SyntaxError):
        return value


def _choices(name: str, space: Space) -> Iterator[Any]:
    for column in space.columns:
        if column.name == name:
            yield from getattr(column.dimension, "choices", ())


def _accepts(name: str, value: Any, space: Space) -> bool:
    return any(
        _has(column.dimension, value) for column in space.columns if column.name == name
    )


def _has(dimension: Any, value: Any) -> bool:
    try:
        dimension.position(value)
    except (ValueError, TypeError):
        return False
    return True


# ---- points


@dataclass
class _Rows:
    """Rows that fit the space, each setting once; and why others do not."""

    space: Space
    kept: list = field(default_factory=list)  # (row, point, params)
    reasons: list[str] = field(default_factory=list)
    _keys: set[bytes] = field(default_factory=set)

    def add(self, row: int, params: Mapping[str, Any]) -> None:
        try:
            point = self.space.to_point(params)
        except (ValueError, TypeError) as error:
            self.reasons.append(str(error))
            return
        if not self.space.is_feasible(point):
            self.reasons.append(f"The setting {dict(params)!r} violates a constraint.")
        elif self.space.key(point) not in self._keys:
            self._keys.add(self.space.key(point))
            self.kept.append((row, point, self._exact(point, params)))

    def _exact(self, point: np.ndarray, params: Mapping[str, Any]) -> dict[str, Any]:
        """The space's own objects, and real numbers to the last digit."""
        return {
            name: float(params[name]) if isinstance(value, float) else value
            for name, value in self.space.to_params(point).items()
        }


def _note_dropped(rows: _Rows, n: int, name: str) -> None:
    warn_user(
        f"{name}: {len(rows.reasons)} of its {n} rows do not fit the search space and "
        f"are left out. The first: {rows.reasons[0]}",
    )


def _mismatch(rows: _Rows, settings: Sequence[Mapping[str, Any]]) -> str:
    """Why no row fits: names that differ, or else the first row's reason."""
    names, known = {name for s in settings for name in s}, set(rows.space.names)
    foreign, lacking = sorted(names - known), sorted(known - names)
    parts = [f"none of its {len(settings)} rows fits the search space."]
    if foreign:
        hint = did_you_mean(foreign[0], rows.space.names)
        parts.append(f"They set {_listed(foreign)}: not in the space.{hint}")
    if lacking:
        parts.append(f"They lack {_listed(lacking)}.")
    if not foreign and not lacking:
        parts.append(f"The first: {rows.reasons[0]}")
    return " ".join(parts)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _N_NAMED
    shown = ", ".join(map(repr, names[:_N_NAMED]))
    return f"{shown} and {more} more" if more > 0 else shown
