"""scikit-learn's checks of estimators, on searches over estimators of all kinds.

Not over ``KMeans``: a search over what transforms is neither quite a transformer nor
quite none, and the checks refuse ``GridSearchCV`` too before they begin.
"""

import numpy as np
import pytest
from sklearn.cluster import MeanShift
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge, SGDRegressor
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)


def make_search(estimator, space, **parameters):
    """Return a small search, as scikit-learn makes them for its own checks."""
    defaults = dict(n_iter=4, cv=2, random_state=0, error_score="raise")
    return BayesSearchCV(estimator, space, **{**defaults, **parameters})


def few_clusters(estimator, X, y=None):
    """Score a clusterer that has no score of its own."""
    return -len(np.unique(estimator.predict(X)))


C, ALPHA = (0.1, 10.0, "log-uniform"), (0.1, 1.0)

#: One of each class, for every day.
SEARCHES = [
    make_search(LogisticRegression(), {"C": C}),
    EvolutionarySearchCV(
        Ridge(),
        {"alpha": ALPHA, "fit_intercept": [True, False]},
        n_iter=6,
        population_size=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ),
    HyperbandSearchCV(
        SGDRegressor(),
        {"alpha": ALPHA},
        max_resource=4,
        factor=2,
        strategy="sha",
        cv=2,
        random_state=0,
        error_score="raise",
    ),
    PBTSearchCV(
        SGDRegressor(),
        {"alpha": ALPHA},
        population_size=2,
        quantile=0.5,
        n_steps=2,
        interval=1,
        cv=2,
        random_state=0,
        error_score="raise",
    ),
]

#: Other kinds of estimators.
MORE_SEARCHES = [
    make_search(Ridge(), {"alpha": ALPHA}),
    make_search(
        make_pipeline(PCA(), LogisticRegression()), {"logisticregression__C": C}
    ),
    make_search(
        make_pipeline(PCA(), Ridge()),
        {"ridge__alpha": ALPHA, "ridge__fit_intercept": [True, False]},
    ),
    make_search(
        MeanShift(bandwidth=10.0), {"bandwidth": (5.0, 20.0)}, scoring=few_clusters
    ),
    make_search(GaussianMixture(random_state=0), {"reg_covar": [1e-3, 1e-2]}),
]


def expected_failures(search):
    """Return the checks that scikit-learn's own ``GridSearchCV`` does not pass."""
    return {
        "check_supervised_y_2d": "DataConversionWarning not caught",
        "check_requires_y_none": "Doesn't fail gracefully",
    }


@parametrize_with_checks(SEARCHES, expected_failed_checks=expected_failures)
def test_passes_the_estimator_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(MORE_SEARCHES, expected_failed_checks=expected_failures)
def test_passes_them_over_estimators_of_other_kinds(estimator, check):
    check(estimator)
