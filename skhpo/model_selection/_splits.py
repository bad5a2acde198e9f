"""Outer and inner splits of nested cross-validation: made, and judged together."""

import copy
import warnings
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold, check_cv
from sklearn.utils import check_random_state

from skhpo._errors import warn_user
from skhpo._sklearn import check_method_params, safe_split
from skhpo.model_selection._guards import (
    LeakageWarning,
    SplitFacts,
    as_sentence,
    ignored_groups,
    own_early_stopping,
    shuffled_time,
    split_facts,
    times_of,
)

# ---- outer splits


def outer_splits(outer_cv, search, X, y, groups, repeats, random_state):
    """Return a list of (train, test), the first repeat's folds first."""
    if isinstance(repeats, bool) or not isinstance(repeats, Integral) or repeats < 1:
        raise ValueError(f"repeats must be an integer >= 1, got {repeats!r}.")
    cv = check_cv(outer_cv, y, classifier=is_classifier(search.estimator))
    drawn = [
        splits_of(cv_of_repeat, X, y, groups)
        for cv_of_repeat in _reseeded(cv, outer_cv, repeats, random_state)
    ]
    if repeats > 1 and _same_splits(drawn[0], drawn[1]):
        raise ValueError(
            f"repeats={repeats} would use the same splits {repeats} times: "
            f"outer_cv={outer_cv!r} draws nothing. Use a splitter that shuffles, such "
            "as KFold(5, shuffle=True), or repeats=1."
        )
    return [split for splits in drawn for split in splits]


def _reseeded(cv, outer_cv, repeats, random_state):
    """Yield the splitter of each repeat; an int means shuffled folds from 2 on."""
    if isinstance(outer_cv, Integral | None) and repeats > 1:
        kind = StratifiedKFold if isinstance(cv, StratifiedKFold) else KFold
        cv = kind(cv.n_splits, shuffle=True)
    own = copy.deepcopy(getattr(cv, "random_state", None))
    rng = check_random_state(own if random_state is None else random_state)
    for _ in range(repeats):
        twin = copy.deepcopy(cv)
        is_open = repeats > 1 or own is None
        if hasattr(cv, "random_state") and getattr(cv, "shuffle", True) and is_open:
            twin.random_state = int(rng.randint(2**31 - 1))
        yield twin


def splits_of(cv, X, y, groups):
    """Return the splits; a splitter without use for groups is left to the guards."""
    given = {} if groups is None else {"groups": groups}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The groups parameter is ignored")
        return list(cv.split(X, y, **given))


def _same_splits(some, others):
    return len(some) == len(others) and all(
        np.array_equal(a[1], b[1]) for a, b in zip(some, others, strict=True)
    )


# ---- inner splits


def check_splits(search, X, y, outer, outer_cv, params, accepted, on_mismatch):
    """Judge inner and outer splits; return the number of inner splits of each fold.

    ``params`` is what the user gave, ``accepted`` what the search has a use for.
    """
    groups, when = params.get("groups"), times_of(X)
    groups = None if groups is None else np.asarray(groups)
    facts = split_facts(outer, groups, when)
    object_to(ignored_groups(facts, "outer_cv", outer_cv), on_mismatch)
    object_to(shuffled_time(facts, X, "outer_cv", outer_cv), on_mismatch)
    _warn_of_early_stopping(search, facts, outer, params)
    inner = [
        _inner_splits(search, X, y, number, train, accepted)
        for number, (train, _) in enumerate(outer)
    ]
    inner_facts = _facts_of_all(inner, outer, groups, when)
    object_to(ignored_groups(inner_facts, "search.cv", search.cv), on_mismatch)
    object_to(_order_mismatch(facts, inner_facts, search, outer_cv), on_mismatch)
    return [len(splits) for splits in inner]


def _facts_of_all(inner, outer, groups, when):
    """Return what holds for the inner splits of every outer fold."""
    facts = []
    for splits, (train, _) in zip(inner, outer, strict=True):
        of_train = [None if a is None else a[train] for a in (groups, when)]
        facts.append(split_facts(splits, *of_train))
    return SplitFacts(
        is_ordered=all(f.is_ordered for f in facts),
        is_series=all(f.is_series for f in facts),
        keeps_groups=None if groups is None else all(f.keeps_groups for f in facts),
    )


def _warn_of_early_stopping(search, facts, outer, params):
    n_rows = max(len(train) for train, _ in outer)
    goes_in_rungs = hasattr(search, "resource")  # there "auto" is off
    message = own_early_stopping(
        search.estimator, facts, n_rows, params, not goes_in_rungs
    )
    if message is not None:
        warn_user(as_sentence(message), LeakageWarning)


def _inner_splits(search, X, y, number, train, accepted):
    """Return the splits that the search will make of the rows of an outer fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the search itself will say it again
        routed = search._get_routed_params_for_fit(accepted).splitter.split
        split_params = check_method_params(X, params=dict(routed), indices=train)
        X_train, y_train = safe_split(search, X, y, train)
        is_class = is_classifier(search.estimator)
        cv = copy.deepcopy(search.cv)  # a generator in it would move on
        try:
            cv = check_cv(cv, y_train, classifier=is_class)
            splits = list(cv.split(X_train, y_train, **split_params))
        except ValueError as error:
            raise ValueError(
                f"The inner splits (search.cv={search.cv!r}) cannot be made from the "
                f"{len(train)} training rows of outer fold {number}: {error} Use fewer "
                "inner splits, or more (or larger) outer training sets."
            ) from error
    most = max((int(np.max(rows)) for split in splits for rows in split), default=0)
    if most >= len(train):
        raise ValueError(
            f"search.cv={search.cv!r} names row {most}, and outer fold {number} has "
            f"{len(train)} training rows: it was made for other rows. Use a splitter "
            "that splits what it is given, such as GroupKFold(5)."
        )
    return splits


def _order_mismatch(outer, inner, search, outer_cv):
    """One level respects time, the other does not."""
    if outer.is_series and not inner.is_ordered:
        return (
            f"outer splits are in order of time, and inner splits (search.cv="
            f"{search.cv!r}) train on rows that come after those they test: settings "
            "would be chosen by a score that knows the future. Use "
            "search.set_params(cv=TimeSeriesSplit(5))."
        )
    if inner.is_series and not outer.is_ordered:
        return (
            f"inner splits (search.cv={search.cv!r}) are in order of time, and outer "
            f"splits (outer_cv={outer_cv!r}) train on rows that come after those they "
            "test. Use outer_cv=TimeSeriesSplit(5)."
        )
    return None


# ---- what is done about it


def object_to(message, on_mismatch="raise"):
    """Raise or warn, as the user wants; None = there is nothing to object to."""
    if message is None:
        return
    if on_mismatch == "raise":
        raise ValueError(as_sentence(message))
    warn_user(as_sentence(message), LeakageWarning)
