"""Leak guards: what makes a score look better than the model is, found before the fit.

Splits are judged by what they do (is each test row later than all training rows? is no
group on both sides?) and never by the splitter's name. Each guard is a function that
returns one message, or None: who calls it decides whether to warn or to refuse.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn import get_config

from skhpo._errors import warn_user
from skhpo._sklearn import num_samples
from skhpo.evaluation import keeps_groups, trains_on_the_past

#: Rows from which on ``early_stopping="auto"`` of HistGradientBoosting stops early.
AUTO_STOPS_ABOVE = 10_000

#: Parameters of ``fit`` by which estimators take a validation set made beforehand.
EVAL_SETS = ("eval_set", "eval_X", "X_val", "validation_data", "valid_sets")


class LeakageWarning(UserWarning):
    """Scores may be better than the model is: it may know the rows that test it.

    A class of its own, so that it can be silenced, or made an error, by name:
    ``warnings.simplefilter("error", LeakageWarning)``.

    Examples
    --------
    >>> import warnings
    >>> from skhpo.model_selection import LeakageWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", LeakageWarning)
    ...     # fit searches here: a leak is now an error
    """


@dataclass(frozen=True)
class SplitFacts:
    """What splits do.

    Attributes
    ----------
    is_ordered : bool
        Every fold is tested on what comes after all that it is trained on.
    is_series : bool
        The same in several folds, which is no coincidence: a series in time. (One fold
        alone is a hold-out set at the end of the table.)
    keeps_groups : bool or None
        No group is on both sides of a split. None = no groups were given.
    """

    is_ordered: bool
    is_series: bool
    keeps_groups: bool | None


def split_facts(splits, groups=None, when=None):
    """Return what splits do.

    Parameters
    ----------
    splits : list of (train, test)
        Row numbers.
    groups : array-like of shape (n_samples,), default=None
    when : ndarray of shape (n_samples,), default=None
        The time of each row; None = rows stand in order of time.
    """
    is_ordered = trains_on_the_past(splits, when)
    return SplitFacts(
        is_ordered=is_ordered,
        is_series=is_ordered and len(splits) > 1,
        keeps_groups=None if groups is None else keeps_groups(splits, groups),
    )


def times_of(X):
    """Return the time of each row as integers; None where the index holds no times."""
    index = getattr(X, "index", None)
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex):
        return index.asi8
    return None


def as_sentence(message):
    """Return a message with a capital letter."""
    return message[0].upper() + message[1:]


# ---- the guards: one message, or None


def ignored_groups(facts, name, splitter):
    """Groups were given to a splitter that tears them apart."""
    if facts.keeps_groups is not False:
        return None
    return (
        f"groups were given, and {name}={splitter!r} puts rows of one group on both "
        "sides of a split: a model that recognises a group is taken for one that has "
        f"learnt something. Use {name}=GroupKFold(5), StratifiedGroupKFold(5) or "
        "another splitter of groups; without groups= if they do not matter."
    )


def shuffled_time(facts, X, name, splitter):
    """Rows carry times, and rows are tested on that are older than training rows."""
    times = times_of(X)
    if times is None or facts.is_ordered:
        return None
    is_sorted = bool(np.all(times[:-1] <= times[1:]))
    cure = f"Use {name}=TimeSeriesSplit(5)"
    if not is_sorted:
        cure = f"Sort the rows first (X.sort_index(), and y with it), and u{cure[1:]}"
    return (
        f"the rows of X carry times ({type(X.index).__name__}), and "
        f"{name}={splitter!r} tests rows that are older than rows of the training "
        f"set: the future is known, which it will not be. {cure}; or take the "
        "times off (X.reset_index(drop=True)) if rows do not depend on each other."
    )


def own_early_stopping(estimator, facts, n_rows, fit_params=(), auto_stops=True):
    """An estimator stops early by a random part of its rows, in spite of the splits."""
    reason = "groups" if facts.keeps_groups else "time" if facts.is_series else None
    if reason is None:
        return None
    found = _early_stoppers(estimator, n_rows, fit_params, auto_stops, reason)
    if not found:
        return None
    what, off = found[0]
    respects = "keep groups together" if reason == "groups" else "respect time"
    return (
        f"{what} stops the training by a random part of the training rows, "
        f"which does not {respects} as the splits do: it stops far too late. "
        f"Use skhpo.model_selection.EarlyStoppingSplit(estimator, cv=...) with a "
        f"splitter of the same kind, or {off}."
    )


def fixed_eval_set(fit_params):
    """A validation set was made before the splits, from whatever rows."""
    found = sorted(n for n in fit_params if n.rpartition("__")[2] in EVAL_SETS)
    if not found:
        return None
    return (
        f"{found[0]!r} is one validation set for all folds, and the training is "
        "stopped by rows that are scored later on: scores of such models "
        "flatter. Leave it out, and let "
        "skhpo.model_selection.EarlyStoppingSplit(estimator) take a validation set "
        "from the training rows of each fold."
    )


def old_scores(search):
    """A search starts from scores that rows of the outer test folds may have given."""
    if getattr(search, "warm_start_from", None) is None:
        return None
    return (
        "the search has warm_start_from="
        f"{type(search.warm_start_from).__name__}(...), whose scores may come from "
        "rows that the outer folds test: the test would not be one. Use "
        "search.set_params(warm_start_from=None); if the old study is of other data "
        "(and only then), its best settings can be given as initial_params."
    )


# ---- all that is cheap, for the searches themselves


def check_leaks(search, X, splits, params):
    """Warn of leaks, or refuse the data, before the first fit of a search.

    Parameters
    ----------
    search : estimator
        A search of skhpo, in its ``fit``.
    X : array-like
    splits : list of (train, test)
    params : dict
        What ``fit`` received beside X and y.
    """
    message = fixed_eval_set(params)
    if message is not None and _shares_rows(X, params):
        raise ValueError(f"It shares rows with X: {message}")
    groups = params.get("groups")
    if groups is not None and num_samples(groups) != num_samples(X):
        groups = None  # the splitter says so, if it matters
    facts = split_facts(splits, groups, times_of(X))
    n_rows = max(len(train) for train, _ in splits)
    goes_in_rungs = hasattr(search, "resource")  # there "auto" is off
    for message in (
        ignored_groups(facts, "cv", search.cv),
        shuffled_time(facts, X, "cv", search.cv),
        own_early_stopping(search.estimator, facts, n_rows, params, not goes_in_rungs),
    ):
        if message is not None:
            warn_user(as_sentence(message), LeakageWarning)


def _shares_rows(X, params):
    """Return whether a validation set has a row of X; True when that cannot be seen."""
    rows = _row_hashes(X)
    for name, value in params.items():
        if name.rpartition("__")[2] not in EVAL_SETS:
            continue
        for part in _tables_in(value):
            other = _row_hashes(part)
            if rows is None or other is None or rows & other:
                return True
    return False


def _tables_in(eval_set):
    """Return the X of each pair of an ``eval_set``, in any library's form."""
    if eval_set is None:
        return []
    if isinstance(eval_set, tuple):
        return [eval_set[0]]
    if isinstance(eval_set, list):
        return [p[0] if isinstance(p, tuple | list) else p for p in eval_set]
    return [eval_set]  # an array, or catboost's Pool and the like


def _row_hashes(X):
    """Return a set with a number for each row; None for what is no plain table."""
    try:
        table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
        numbers = table.set_axis(range(table.shape[1]), axis=1)
        return set(pd.util.hash_pandas_object(numbers, index=False).tolist())
    except (ValueError, TypeError):
        return None


# ---- estimators that stop by themselves


def _early_stoppers(estimator, n_rows, fit_params, auto_stops, reason):
    """Return (what stops early, how to turn it off) for all parts of an estimator."""
    auto_stops = auto_stops and n_rows > AUTO_STOPS_ABOVE
    found = []
    for path, part in _parts("", estimator):
        if not _is_split(part):
            found += _own_stops(path, part, auto_stops)
        elif not _is_told(path, part, fit_params, reason):
            found.append((f"EarlyStoppingSplit(cv={part.cv!r})", _HOW_TO_TELL[reason]))
    return found


def _parts(path, estimator):
    """Yield (path of its parameters, estimator): the whole, and what it is made of.

    What an EarlyStoppingSplit holds is its own affair.
    """
    yield path, estimator
    if _is_split(estimator):
        return
    for name, value in sorted(estimator.get_params(deep=False).items()):
        if hasattr(value, "get_params") and not isinstance(value, type):
            yield from _parts(f"{path}{name}__", value)
    for name, step in getattr(estimator, "steps", ()):
        if hasattr(step, "get_params"):
            yield from _parts(f"{path}{name}__", step)


def _is_split(part):
    return any(base.__name__ == "EarlyStoppingSplit" for base in type(part).__mro__)


def _own_stops(path, part, auto_stops):
    params = part.get_params(deep=False)
    for name, is_on in _STOPS_EARLY.get(_first_known(part), {}).items():
        value = params.get(name)
        if is_on(value) or (value == "auto" and auto_stops):
            off = "None" if name == "n_iter_no_change" else "False"
            yield f"{type(part).__name__}({name}={value!r})", f"set {path}{name}={off}"


def _first_known(part):
    names = (base.__name__ for base in type(part).__mro__)
    return next((name for name in names if name in _STOPS_EARLY), None)


def _is_on(value):
    return value is True


def _is_set(value):
    return value is not None and value != 0


#: Parameters that make a class stop by a random part of its rows: where they are on.
_STOPS_EARLY = {
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
        {"early_stopping": _is_on},
    ),
    **dict.fromkeys(
        ("GradientBoostingClassifier", "GradientBoostingRegressor"),
        {"n_iter_no_change": _is_set},
    ),
    **dict.fromkeys(
        (
            "MLPClassifier",
            "MLPRegressor",
            "SGDClassifier",
            "SGDRegressor",
            "Perceptron",
            "PassiveAggressiveClassifier",
            "PassiveAggressiveRegressor",
        ),
        {"early_stopping": _is_on},
    ),
    "CatBoost": {"eval_fraction": _is_set},
}


_HOW_TO_TELL = {
    "time": "give it cv=TimeSeriesSplit(3)",
    "groups": (
        "pass the groups a second time, as validation_groups=groups (a search keeps "
        "groups= for its own splitter while metadata routing is off)"
    ),
}


def _is_told(path, part, fit_params, reason):
    """Return whether an EarlyStoppingSplit respects groups, or time."""
    if hasattr(part.cv, "split"):
        return True  # its own fit checks the groups
    if reason == "time":
        return False
    routing = get_config()["enable_metadata_routing"]
    return routing or f"{path}validation_groups" in fit_params
