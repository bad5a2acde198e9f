"""What a scorer can return, for racing by an exact bound and for honest intervals.

Known for scikit-learn's own metrics, by the function that computes the score: so it
holds for ``make_scorer(fbeta_score, beta=2)`` as for names. A function of the user's
may return anything.
"""

from inspect import getattr_static
from math import inf

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline

from skhpo._sklearn import is_own_score, scorer_parts

_SHARES = """
    accuracy_score f1_score fbeta_score precision_score recall_score jaccard_score
    average_precision_score roc_auc_score top_k_accuracy_score ndcg_score
    label_ranking_average_precision_score
    completeness_score fowlkes_mallows_score homogeneity_score
    normalized_mutual_info_score rand_score v_measure_score
"""
_CORRELATIONS = """
    balanced_accuracy_score cohen_kappa_score matthews_corrcoef adjusted_rand_score
"""  # the first one where it is adjusted for chance
_AT_MOST_ONE = """
    r2_score explained_variance_score d2_absolute_error_score d2_brier_score
    d2_log_loss_score d2_pinball_score d2_tweedie_score adjusted_mutual_info_score
"""
_NO_LIMIT = "mutual_info_score positive_likelihood_ratio dcg_score"
_LOSSES = """
    log_loss brier_score_loss hinge_loss coverage_error negative_likelihood_ratio
    max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance
    mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error
    mean_tweedie_deviance median_absolute_error root_mean_squared_error
    root_mean_squared_log_error
"""
_SHARES_OF_ERRORS = "hamming_loss zero_one_loss label_ranking_loss"

#: What the functions of scores return at least and at most.
_OF_SCORES = {
    **dict.fromkeys(_SHARES.split(), (0.0, 1.0)),
    **dict.fromkeys(_CORRELATIONS.split(), (-1.0, 1.0)),
    **dict.fromkeys(_AT_MOST_ONE.split(), (-inf, 1.0)),
    **dict.fromkeys(_NO_LIMIT.split(), (0.0, inf)),
}

#: The same of losses, after their scorers have changed the sign.
_OF_LOSSES = {
    **dict.fromkeys(_LOSSES.split(), (-inf, 0.0)),
    **dict.fromkeys(_SHARES_OF_ERRORS.split(), (-1.0, 0.0)),
}

UNKNOWN = (-inf, inf)


def best_possible_score(scorer, estimator, choices_of):
    """Return what no fold can score more than; None = not known.

    Parameters
    ----------
    scorer, estimator, choices_of
        As of :func:`score_range`.
    """
    best = score_range(scorer, estimator, choices_of)[1]
    return None if best == inf else best


def score_range(scorer, estimator, choices_of):
    """Return what any fold scores at least and at most, infinite where not known.

    Parameters
    ----------
    scorer : callable
        The scorer of a single metric.
    estimator : estimator
        What is searched: its own ``score`` counts where no scoring was given.
    choices_of : callable
        Returns the values that the search may set for a parameter, by its name.
    """
    if is_own_score(scorer):
        return _range_of_own_score(estimator, choices_of)
    function, sign, arguments = scorer_parts(scorer) or (None, 1, {})
    if not getattr(function, "__module__", "").startswith("sklearn.metrics."):
        return UNKNOWN
    name, is_count = function.__name__, not arguments.get("normalize", True)
    low, high = (_OF_SCORES if sign > 0 else _OF_LOSSES).get(name, UNKNOWN)
    if is_count:  # of rows
        low, high = (low, inf) if sign > 0 else (-inf, high)
    if name == "balanced_accuracy_score" and not arguments.get("adjusted", False):
        low = max(low, 0.0)
    return low, high


def _range_of_own_score(estimator, choices_of, prefix=""):
    """Return that of accuracy or R2, whatever the search puts in place."""
    score = _method(type(estimator), "score")
    if score in [_method(owner, "score") for owner in _scored_by_accuracy()]:
        return _OF_SCORES["accuracy_score"]
    if score in [_method(owner, "score") for owner in _scored_by_r2()]:
        return _OF_SCORES["r2_score"]
    if score is not _method(Pipeline, "score") or choices_of(f"{prefix}steps"):
        return UNKNOWN
    name = prefix + estimator.steps[-1][0]
    last = [estimator.steps[-1][1], *choices_of(name)]
    ranges = [_range_of_own_score(step, choices_of, f"{name}__") for step in last]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _scored_by_accuracy():
    """Return the classes whose ``score`` is accuracy."""
    from sklearn.dummy import DummyClassifier
    from sklearn.neighbors import (  # it loads half of scikit-learn
        KNeighborsClassifier,
        RadiusNeighborsClassifier,
    )

    return (
        ClassifierMixin,
        KNeighborsClassifier,
        RadiusNeighborsClassifier,
        DummyClassifier,
    )


def _scored_by_r2():
    from sklearn.dummy import DummyRegressor

    return RegressorMixin, DummyRegressor


def _method(cls, name):
    return getattr_static(cls, name, None)
