"""Score the leaders again, on splits and with seeds that took no part in the choice."""

import copy
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold, check_cv, cross_validate

from skhpo.model_selection._estimate import check_has_best, chosen_metric
from skhpo.model_selection._guards import times_of


def confirm(search, X, y=None, *, top=3, seeds=5, params=None, cv=None, n_jobs=None):
    """Score the best candidates of a search again, on new splits and with new seeds.

    Whether the winner won by its splits or its seed is seen at once, for ``top * seeds
    * n_splits`` fits. The new mean is the cheapest good estimate of the winner's score;
    it is free of the luck of the splits, but not of the luck of the rows, since these
    are the same: ``score_estimate_`` and
    :func:`~skhpo.model_selection.nested_cross_validate` see that, too. Do not pick the
    best of the new means and report it: that would be another choice by luck.

    Parameters
    ----------
    search : estimator
        A fitted search, ours or scikit-learn's.

    X, y : array-like
        The data that it was fitted on.

    top : int, default=3
        How many candidates, the best first.

    seeds : int or sequence of int, default=5
        How many times the splits are drawn, or the seeds to draw them with. Each one is
        also the ``random_state`` of every part of the estimator that has one.

    params : dict, default=None
        What ``fit`` was given beside X and y: groups, sample weights.

    cv : splitter, default=None
        None draws anew from the search's own: an int gives shuffled folds, a splitter
        gets another ``random_state``. One that does not shuffle (``KFold(5)``,
        ``TimeSeriesSplit``) is kept as it is, unless it keeps groups together: then
        only the estimator's seeds change.

    n_jobs : int or None, default=None
        Fits that run in parallel.

    Returns
    -------
    leaders : DataFrame
        A row per candidate, the index its row in ``cv_results_``: ``old_score`` and
        ``old_rank`` in the search, ``new_score`` (mean over seeds and folds), ``se``
        (standard error over the seeds: of splits and seeds, not of the rows),
        ``new_rank`` among these, and ``params``. ``leaders.attrs["scores"]`` has
        all scores, as lists of the shape (candidates, seeds, folds).

    Raises
    ------
    AttributeError
        When the search has no best row, since every candidate failed, say.
    ValueError
        When neither splits nor estimator have anything that could be drawn anew.

    Notes
    -----
    Each fit is a plain one, with the candidate's parameters: also of a search that
    trained its models in steps. Where that counted epochs, or units that are no
    parameter, models are trained to the estimator's own number of them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import confirm
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [1, 5, 9, 50]}
    ... ).fit(X, y)
    >>> leaders = confirm(search, X, y, top=2, seeds=3)
    >>> list(leaders.columns)
    ['old_score', 'new_score', 'se', 'old_rank', 'new_rank', 'params']
    """
    metric = chosen_metric(search)
    check_has_best(search)
    results, rows = search.cv_results_, leading_rows(search, metric, top)
    settings = [results["params"][row] for row in rows]
    scores = rescore(search, X, y, settings, seeds, params, cv, n_jobs)
    means = scores.mean(axis=2)  # (candidates, seeds)
    n_seeds = means.shape[1]
    frame = pd.DataFrame(
        {
            "old_score": results[f"mean_test_{metric}"][rows],
            "new_score": means.mean(axis=1),
            "se": _standard_error(means),
            "old_rank": results[f"rank_test_{metric}"][rows],
        },
        index=pd.Index(rows, name="row"),
    )
    frame["new_rank"] = frame["new_score"].round(12).rank(ascending=False, method="min")
    frame["new_rank"] = frame["new_rank"].fillna(len(rows)).astype(int)
    frame["params"] = settings
    frame.attrs["scores"], frame.attrs["n_seeds"] = scores.tolist(), n_seeds
    return frame


def leading_rows(search, metric, top):
    """Return the rows of the best settings, the search's own choice first."""
    if not isinstance(top, Integral) or top < 1:
        raise ValueError(f"top={top!r} must be a number of candidates, at least 1.")
    ranks = np.asarray(search.cv_results_[f"rank_test_{metric}"])
    means = np.asarray(search.cv_results_[f"mean_test_{metric}"])
    order = [search.best_index_, *np.argsort(ranks, kind="stable")]
    settings, rows = [], []
    for row in order:
        setting = search.cv_results_["params"][row]
        if np.isfinite(means[row]) and setting not in settings:
            settings.append(setting)
            rows.append(int(row))
    return rows[:top]


def rescore(search, X, y, settings, seeds, params, cv, n_jobs):
    """(settings, seeds, folds) scores of each setting, all on the same new splits."""
    params = dict(params or {})
    groups = params.pop("groups", None)
    seeds = range(1, seeds + 1) if isinstance(seeds, Integral) else list(seeds)
    estimators = [
        clone(search.estimator).set_params(**clone(setting, safe=False))
        for setting in settings
    ]
    drawn = _drawn_splits(search, X, y, groups, cv, seeds)
    if drawn is None:
        drawn = [_fixed_splits(search, X, y, groups, cv)] * len(seeds)
        if len(seeds) > 1 and not any(map(_seed_names, estimators)):
            raise ValueError(
                f"cv={search.cv if cv is None else cv!r} draws nothing, and "
                f"{search.estimator!r} has no random_state: every seed would give the "
                "same scores. Pass a splitter that shuffles, such as "
                "cv=KFold(5, shuffle=True)."
            )
    scores = [
        [
            _scores(search, _seeded(estimator, seed), X, y, splits, params, n_jobs)
            for seed, splits in zip(seeds, drawn, strict=True)
        ]
        for estimator in estimators
    ]
    return np.array(scores, dtype=float)


def _scores(search, estimator, X, y, splits, params, n_jobs):
    done = cross_validate(
        estimator,
        X,
        y,
        cv=splits,
        scoring=search.scoring,
        params=params or None,
        n_jobs=n_jobs,
    )
    metric = chosen_metric(search)
    return done[f"test_{metric}"]


# ---- what is drawn anew


def _drawn_splits(search, X, y, groups, cv, seeds):
    """Return the splits of each seed; None where the splitter draws nothing."""
    own = search.cv if cv is None else cv
    splitter = check_cv(own, y, classifier=is_classifier(search.estimator))
    if isinstance(own, Integral | None):
        _check_shuffling(X, own)
        kind = StratifiedKFold if isinstance(splitter, StratifiedKFold) else KFold
        splitter = kind(splitter.n_splits, shuffle=True)
    return _draw(splitter, X, y, groups, seeds)


def _draw(splitter, X, y, groups, seeds):
    if not hasattr(splitter, "random_state"):
        return None
    if not getattr(splitter, "shuffle", True) and not _keeps_groups(splitter):
        return None  # whoever does not shuffle may have a reason
    drawn = []
    for seed in seeds:
        twin = copy.deepcopy(splitter)
        if hasattr(twin, "shuffle"):  # of whole groups, where it did not
            twin.shuffle = True
        twin.random_state = seed
        drawn.append(list(twin.split(X, y, groups)))
    return drawn


def _keeps_groups(splitter):
    return splitter.get_metadata_routing().split.requests.get("groups") is True


def _fixed_splits(search, X, y, groups, cv):
    own = search.cv if cv is None else cv
    splitter = check_cv(own, y, classifier=is_classifier(search.estimator))
    return list(splitter.split(X, y, groups))


def _check_shuffling(X, cv):
    if times_of(X) is not None:
        raise ValueError(
            f"The rows of X carry times, and cv={cv!r} would be shuffled. Pass a "
            "splitter that keeps their order, such as cv=TimeSeriesSplit()."
        )


def _seed_names(estimator):
    return [
        name
        for name in estimator.get_params()
        if name.rpartition("__")[2] == "random_state"
    ]


def _seeded(estimator, seed):
    seeds = dict.fromkeys(_seed_names(estimator), int(seed))
    return clone(estimator).set_params(**seeds)


def _standard_error(means):
    """(candidates,) standard error of the mean over the seeds; nan for a single one."""
    if means.shape[1] < 2:
        return np.full(len(means), np.nan)
    return means.std(axis=1, ddof=1) / np.sqrt(means.shape[1])
