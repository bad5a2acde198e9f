"""Nested cross-validation: check -> split -> guard -> cross_validate -> result."""

import copy
import os
import warnings
from numbers import Integral

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, cross_validate
from sklearn.utils import check_random_state, indexable

from skhpo._journal import is_folder, path_of
from skhpo._sklearn import BaseSearchCV, check_method_params, num_samples, safe_split
from skhpo._words import count
from skhpo.evaluation import may_skip_folds
from skhpo.model_selection._guards import fixed_eval_set, old_scores, split_facts
from skhpo.model_selection._intervals import pooled_standard_error
from skhpo.model_selection._result import NestedResult
from skhpo.model_selection._shell import OuterFold, OuterScorer, scoring_twin
from skhpo.model_selection._splits import check_splits, object_to, outer_splits
from skhpo.model_selection._stability import stability_of
from skhpo.space import space_of


def nested_cross_validate(
    search,
    X,
    y=None,
    *,
    outer_cv=5,
    repeats=1,
    groups=None,
    params=None,
    scoring=None,
    n_jobs=None,
    random_state=None,
    return_estimator=False,
    on_mismatch="raise",
    verbose=0,
):
    """Estimate how good a search's model is on rows that the search never saw.

    ``best_score_`` is the best of many scores on the same folds, and so too high: by
    0.045 accuracy at 100 rows and 100 candidates. Here the whole search is repeated in
    each outer fold, on its training rows only, and its refitted winner is scored on the
    rest [1]_ [2]_. The result is about the procedure (this search, on that many rows),
    not about one model: each fold may have another winner.

    Parameters
    ----------
    search : search estimator
        Any search of skhpo or scikit-learn (``GridSearchCV``, ``RandomizedSearchCV``,
        ...), not fitted, with ``refit``. Preprocessing belongs into its ``estimator``,
        as a pipeline: what was done to X before is not seen, and may leak.
    X : array-like of shape (n_samples, n_features)
        All rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Target.
    outer_cv : int, splitter or list of (train, test), default=5
        Outer splits; an int means folds as scikit-learn makes them, stratified for
        classifiers. Inner and outer splitters must be of a kind: both of groups or
        neither, both of time or neither.
    repeats : int, default=1
        How often to do it all, with other outer splits each time. More repeats make the
        score depend less on the splits (not on the rows).
    groups : array-like of shape (n_samples,), default=None
        Which rows belong together. They reach the inner and the outer splitter, with
        metadata routing on or off. The same as ``params={"groups": groups}``.
    params : dict, default=None
        What ``search.fit`` would get: ``groups``, ``sample_weight`` and the like. What
        has one entry per row is split along with X, at both levels.
    scoring : str or callable, default=None
        One metric for the outer folds. None = that of the search; a search of several
        needs a choice, here or by ``refit="name"``.
    n_jobs : int, default=None
        Outer folds to do at the same time. None = one after the other, so that the
        ``n_jobs`` of the search is used in full.
    random_state : int, RandomState or None, default=None
        For outer splits that are drawn, and for the search where its own
        ``random_state`` is not an int.
    return_estimator : bool, default=False
        Whether to keep the fitted inner searches.
    on_mismatch : {"raise", "warn"}, default="raise"
        What to do when the splits ignore groups or time, or ``warm_start_from`` may
        know the test rows.
    verbose : int, default=0
        1 announces the number of fits before the start; 2 and more are passed on to
        ``cross_validate``, less 1.

    Returns
    -------
    result : NestedResult
        ``test_score``, ``score``, ``interval()``, ``inner_best_score``, ``optimism``,
        ``best_params``, ``stability`` and more.

    Raises
    ------
    ValueError
        When the inner splits cannot be made from the rows of an outer fold, when splits
        do not fit together, a validation set was made beforehand, or the search has a
        file for its ``checkpoint`` (a folder goes well); before the first fit. Errors
        of a search are raised as they are.
    TypeError
        When ``search`` is no search.

    References
    ----------
    .. [1] Varma, Simon (2006), Bias in error estimation when using cross-validation for
       model selection, BMC Bioinformatics 7:91.
    .. [2] Cawley, Talbot (2010), On over-fitting in model selection and subsequent
       selection bias in performance evaluation, JMLR 11.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skhpo import BayesSearchCV
    >>> from skhpo.model_selection import nested_cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> search = BayesSearchCV(
    ...     SVC(), {"C": (1e-2, 1e2, "log-uniform")}, n_iter=5, cv=3, random_state=0
    ... )
    >>> result = nested_cross_validate(search, X, y, outer_cv=3, verbose=1)
    Nested cross-validation: 3 outer folds x (5 candidates x 3 inner folds + 1 refit),
    totalling 48 fits
    >>> result.score > 0.9
    True
    >>> result.interval().method
    'pooled'
    """
    _check_search(search, scoring)
    _check_on_mismatch(on_mismatch)
    _check_checkpoint(search)
    X, y = indexable(X, y)
    params = _merge_groups(X, params, groups)
    _check_what_is_known(search, params, on_mismatch)
    search = _with_seed(search, random_state)
    outer = outer_splits(
        outer_cv, search, X, y, params.get("groups"), repeats, random_state
    )
    accepted = _accepted_by(search, params, scoring)
    inner = check_splits(search, X, y, outer, outer_cv, params, accepted, on_mismatch)
    n_candidates = _n_candidates(search, X, y, outer[0][0], accepted)
    cost = None if n_candidates is None else sum(n_candidates * k + 1 for k in inner)
    if verbose > 0:
        _announce(search, n_candidates, inner, cost)
    names, routing = tuple(accepted), get_config()["enable_metadata_routing"]
    with config_context(enable_metadata_routing=True):
        done = cross_validate(
            OuterFold(search, names, routing, keep=return_estimator),
            X,
            y,
            cv=outer,
            scoring=OuterScorer(scoring_twin(search, scoring), scoring, names),
            params=accepted,  # scikit-learn 1.6.0 takes no None here
            n_jobs=n_jobs,
            verbose=max(0, verbose - 1),
            return_estimator=True,
            error_score="raise",
        )
    return _result(done, search, outer, repeats, params.get("groups"), cost)


# ---- check


def _check_search(search, scoring):
    if isinstance(search, type) or not isinstance(search, BaseSearchCV):
        inside = _search_inside(search)
        cure = (
            "Turn it inside out, so that all steps are part of what is searched: "
            f"{type(inside).__name__}(make_pipeline(...), ...)."
            if inside is not None
            else "For an estimator without a search use "
            "sklearn.model_selection.cross_validate."
        )
        raise TypeError(
            "search must be a search estimator, such as BayesSearchCV or GridSearchCV, "
            f"got {search!r}. {cure}"
        )
    if search.refit is False:
        raise ValueError(
            "search has refit=False, and the outer folds score its refitted winner. "
            "Use search.set_params(refit=True), or the name of a metric."
        )
    _check_one_metric(search, scoring)
    if search.cv is not None and not isinstance(search.cv, Integral):
        if not hasattr(search.cv, "split"):
            raise ValueError(
                "search has cv=<a list of splits>, which hold the numbers of all rows; "
                "each outer fold has rows of its own. Use a splitter, such as "
                "StratifiedKFold(5) or GroupKFold(5)."
            )


def _check_on_mismatch(on_mismatch):
    if on_mismatch not in ("raise", "warn"):
        raise ValueError(f"on_mismatch must be 'raise' or 'warn', got {on_mismatch!r}.")


def _check_what_is_known(search, params, on_mismatch):
    """Refuse what may know the outer test rows before the first fit."""
    object_to(fixed_eval_set(params))
    object_to(old_scores(search), on_mismatch)


def _check_checkpoint(search):
    """Refuse one file for the searches of all folds."""
    checkpoint = getattr(search, "checkpoint", None)
    if checkpoint is None or is_folder(checkpoint):
        return
    path = path_of(checkpoint)
    folder = os.path.splitext(path)[0] + os.sep
    raise ValueError(
        f"search has checkpoint={path!r}, which is one file, and each outer fold is a "
        "search of its own. Use a folder, which holds a file for each: "
        f"search.set_params(checkpoint={folder!r})."
    )


def _search_inside(estimator):
    """Return a search that is a part of another estimator; None = there is none."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return None
    parts = estimator.get_params().values()
    return next((part for part in parts if isinstance(part, BaseSearchCV)), None)


def _check_one_metric(search, scoring):
    if isinstance(scoring, list | tuple | set | dict):
        raise ValueError(
            f"scoring must be one metric, got {scoring!r}. Choose one, for example "
            f"scoring={_first_of(scoring)!r}."
        )
    is_several = isinstance(search.scoring, list | tuple | set | dict)
    if scoring is None and is_several and not isinstance(search.refit, str):
        raise ValueError(
            f"The search has several metrics, {list(search.scoring)}, and "
            f"refit={search.refit!r} names none of them for the outer folds. Use "
            f"nested_cross_validate(..., scoring={_first_of(search.scoring)!r})."
        )


def _first_of(metrics):
    return next(iter(metrics), None)


def _merge_groups(X, params, groups):
    """Return ``params`` with the groups in it."""
    params = dict(params or {})
    if groups is not None:
        given = params.setdefault("groups", groups)
        if given is not groups and not np.array_equal(given, groups):
            raise ValueError(
                "groups= and params['groups'] differ. Give the groups once."
            )
    if params.get("groups") is None:
        params.pop("groups", None)
        return params
    n_rows, n_groups = num_samples(X), num_samples(params["groups"])
    if n_groups != n_rows:
        raise ValueError(
            f"groups must have one entry per row: X has {n_rows} rows, groups has "
            f"{n_groups} entries."
        )
    return params


def _with_seed(search, random_state):
    """Return a clone with a seed, where it has none and one was given.

    An int: clones of a generator would be in the same state in every fold anyway.
    """
    search = clone(search)
    seed = getattr(search, "random_state", 0)
    if isinstance(seed, Integral) or (seed is None and random_state is None):
        return search
    rng = check_random_state(random_state if seed is None else copy.deepcopy(seed))
    return search.set_params(random_state=int(rng.randint(2**31 - 1)))


def _accepted_by(search, params, scoring):
    """Return the parameters that the search, or the outer scorer, has a use for.

    With metadata routing on, groups that no splitter asks for would be an error (and
    are dropped without a word by ``cross_validate``); the guards judge what that means.
    """
    accepted = dict(params)
    if "groups" in params and get_config()["enable_metadata_routing"]:
        if not search.get_metadata_routing().consumes("fit", ["groups"]):
            del accepted["groups"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search._get_routed_params_for_fit(accepted)  # may raise: requests that lack
        scoring_twin(search, scoring)._get_routed_params_for_fit(accepted)
    return accepted


# ---- cost


def _announce(search, n_candidates, inner, cost):
    """Say how many fits there will be; ``inner`` are the numbers of inner splits."""
    n_splits = f"{min(inner)} to {max(inner)}" if len(set(inner)) > 1 else inner[0]
    racing = getattr(search, "racing", None)
    most = "at most " if may_skip_folds(racing, max(inner), search.refit) else ""
    print(
        f"Nested cross-validation: {count(len(inner), 'outer fold')} x ("
        f"{'?' if n_candidates is None else n_candidates} candidates x {n_splits} "
        f"inner folds + 1 refit), totalling {most}{'?' if cost is None else cost} fits"
    )


def _n_candidates(search, X, y, train, accepted):
    """Return how many candidates a search will try; None = not known."""
    if hasattr(search, "param_grid") and not hasattr(search, "factor"):
        return len(ParameterGrid(search.param_grid))
    if hasattr(search, "plan"):
        X_train, y_train = safe_split(search, X, y, train)
        params = check_method_params(X, params=accepted, indices=train)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(search.plan(X_train, y_train, **params)["n_candidates"].sum())
    if not hasattr(search, "n_iter"):
        return None
    space = space_of(search)
    numbers = [search.n_iter, None if space is None else space.size]
    return min((n for n in numbers if n is not None), default=None)


# ---- result


def _result(done, search, outer, repeats, groups, cost):
    folds = done["estimator"]
    winners = [fold.best_params_ for fold in folds]
    points = [fold.point_ for fold in folds]
    result = NestedResult(
        test_score=done["test_score"],
        inner_best_score=np.array([fold.inner_best_score_ for fold in folds]),
        best_params=winners,
        stability=stability_of(winners, space_of(search), points),
        n_candidates=[fold.n_candidates_ for fold in folds],
        fit_time=done["fit_time"],
        score_time=done["score_time"],
        estimated_cost=cost,
        indices={"train": [a for a, _ in outer], "test": [b for _, b in outer]},
        n_folds=len(outer) // repeats,
        n_repeats=repeats,
        is_series=split_facts(outer).is_series,
        pooled_se=_pooled_se(folds, outer, groups),
        limits=_limits(folds),
    )
    if folds[0].keep:
        result["estimator"] = [fold.search_ for fold in folds]
    return result


def _limits(folds):
    """Return what the score of any winner can be at least and at most."""
    lows, highs = zip(*(fold.limits_ for fold in folds), strict=True)
    return min(lows), max(highs)


def _pooled_se(folds, outer, groups):
    """Return the standard error from all rows; one tested twice counts once."""
    if any(fold.row_scores_ is None for fold in folds):
        return None
    rows = np.concatenate([np.asarray(test) for _, test in outer])
    scores = np.concatenate([fold.row_scores_ for fold in folds])
    tested, place = np.unique(rows, return_inverse=True)
    means = np.bincount(place, weights=scores) / np.bincount(place)
    groups = None if groups is None else np.asarray(groups)[tested]
    return pooled_standard_error(means, groups)
