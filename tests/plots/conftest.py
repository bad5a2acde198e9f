"""Searches to be drawn, fitted once, and matplotlib without a window."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, HyperbandSearchCV, Integer, PBTSearchCV
from tests.importance import helpers

X, y = load_iris(return_X_y=True)
SGD_SPACE = {"eta0": (1e-4, 1e0, "log-uniform"), "alpha": (1e-6, 1e-2, "log-uniform")}


def searched(function, n):
    """A search of three numbers that was never run."""
    space = {"a": (0.0, 1.0), "b": (0.0, 1.0), "k": Integer(1, 5)}
    zeros = np.zeros(n)
    search = helpers.searched(
        space, function, n, mean_fit_time=zeros, mean_score_time=zeros
    )
    scores = search.cv_results_["mean_test_score"]
    search.cv_results_["split0_test_score"] = scores
    search.cv_results_["rank_test_score"] = np.argsort(np.argsort(-scores)) + 1
    return search


@pytest.fixture
def plt():
    """``matplotlib.pyplot``; figures are closed, settings must be as they were."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    before = dict(matplotlib.rcParams)
    yield plt
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="session")
def grid():
    """Three candidates; the second one has the estimator's own value."""
    return GridSearchCV(SVC(), {"C": [0.01, 1.0, 100.0]}, cv=3).fit(X, y)


@pytest.fixture(scope="session")
def random():
    """Three hundred candidates with two kinds of settings."""
    space = [
        {"max_depth": [1, 2, 3, None], "ccp_alpha": loguniform(1e-5, 1e-1)},
        {"min_samples_leaf": [1, 2, 30], "criterion": ["gini", "entropy"]},
    ]
    tree = DecisionTreeClassifier(random_state=0)
    return RandomizedSearchCV(
        tree, space, n_iter=300, cv=2, random_state=0, scoring="balanced_accuracy"
    ).fit(X, y)


@pytest.fixture(scope="session")
def bayes():
    """A search with conditions, races and a log scale."""
    space = {
        "C": (1e-3, 1e3, "log-uniform"),
        "kernel": ["linear", "rbf", "poly"],
        "degree": Integer(2, 5, when={"kernel": "poly"}),
    }
    search = BayesSearchCV(
        SVC(), space, n_iter=8, optimizer="random", racing="exact", random_state=1, cv=4
    )
    return search.fit(X, y)


@pytest.fixture(scope="session")
def hyperband():
    """49 candidates in four brackets."""
    model = SGDClassifier(learning_rate="constant", random_state=0)
    return HyperbandSearchCV(
        model, SGD_SPACE, max_resource=9, cv=2, random_state=0
    ).fit(X, y)


@pytest.fixture(scope="session")
def rows_hyperband():
    """17 candidates in three brackets of rows."""
    search = HyperbandSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": (1, 9)},
        resource="n_samples", min_resource=8, max_resource=72, cv=2, random_state=0,
    )  # fmt: skip
    return search.fit(X, y)


@pytest.fixture(scope="session")
def population():
    """Four members in three steps."""
    model = SGDClassifier(learning_rate="constant", random_state=0)
    return PBTSearchCV(
        model, SGD_SPACE, population_size=4, n_steps=3, interval=2, cv=2, random_state=0
    ).fit(X, y)
