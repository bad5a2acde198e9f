"""What a scorer can return at best, for racing by an exact bound.

Known for scikit-learn's own metrics, by the function that computes the score: so it
holds for ``make_scorer(fbeta_score, beta=2)`` as for names. A function of the user's
may return anything.
"""

from inspect import getattr_static

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline

from skhpo._sklearn import is_own_score, scorer_parts

#: Never above 1. Not among them: mutual_info_score (up to the entropy of the labels),
#: positive_likelihood_ratio and dcg_score (no limit).
_AT_MOST_ONE = frozenset(
    """
    accuracy_score balanced_accuracy_score cohen_kappa_score matthews_corrcoef
    f1_score fbeta_score precision_score recall_score jaccard_score
    average_precision_score roc_auc_score top_k_accuracy_score ndcg_score
    label_ranking_average_precision_score
    r2_score explained_variance_score d2_absolute_error_score d2_brier_score
    d2_log_loss_score d2_pinball_score d2_tweedie_score
    adjusted_mutual_info_score adjusted_rand_score completeness_score
    fowlkes_mallows_score homogeneity_score normalized_mutual_info_score rand_score
    v_measure_score
    """.split()
)

#: Never below 0: losses, whose scorers change the sign.
_AT_LEAST_ZERO = frozenset(
    """
    log_loss brier_score_loss hinge_loss hamming_loss zero_one_loss coverage_error
    label_ranking_loss negative_likelihood_ratio
    max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance
    mean_pinball_loss mean_poisson_deviance mean_squared_error mean_squared_log_error
    mean_tweedie_deviance median_absolute_error root_mean_squared_error
    root_mean_squared_log_error
    """.split()
)


def best_possible_score(scorer, estimator, choices_of):
    """Return what no fold can score more than; None = not known.

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
        return _best_of_own_score(estimator, choices_of)
    function, sign, arguments = scorer_parts(scorer) or (None, 1, {})
    if not getattr(function, "__module__", "").startswith("sklearn.metrics."):
        return None
    name = function.__name__
    if sign > 0 and name in _AT_MOST_ONE and arguments.get("normalize", True):
        return 1.0
    return 0.0 if sign < 0 and name in _AT_LEAST_ZERO else None


def _best_of_own_score(estimator, choices_of, prefix=""):
    """Return 1 where ``score`` is accuracy or R2, whatever the search puts in place."""
    score = _method(type(estimator), "score")
    if score in [_method(owner, "score") for owner in _accuracy_or_r2()]:
        return 1.0
    if score is not _method(Pipeline, "score") or choices_of(f"{prefix}steps"):
        return None
    name = prefix + estimator.steps[-1][0]
    last = [estimator.steps[-1][1], *choices_of(name)]
    known = [_best_of_own_score(step, choices_of, f"{name}__") for step in last]
    return None if None in known else 1.0


def _accuracy_or_r2():
    """Return the classes whose ``score`` is accuracy or R2.

    The last four only add that X may be None.
    """
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.neighbors import (  # it loads half of scikit-learn
        KNeighborsClassifier,
        RadiusNeighborsClassifier,
    )

    return (
        ClassifierMixin,
        RegressorMixin,
        KNeighborsClassifier,
        RadiusNeighborsClassifier,
        DummyClassifier,
        DummyRegressor,
    )


def _method(cls, name):
    return getattr_static(cls, name, None)
