"""The first candidates of the searches that learn: the estimator's own values."""

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, EvolutionarySearchCV, HyperbandSearchCV

X, y = load_iris(return_X_y=True)
PIPELINE = Pipeline([("model", SVC(C=3.0))])
SVC_OWN, TREE = SVC(C=3.0), DecisionTreeClassifier(max_depth=4, random_state=0)
ALTERNATIVES = [
    {"model": [TREE], "model__max_depth": (1, 9), "model__min_samples_leaf": (1, 50)},
    {
        "model": [SVC_OWN],
        "model__C": (0.1, 100.0, "log-uniform"),
        "model__gamma": (1e-4, 1.0, "log-uniform"),
    },
    {
        "model": [LogisticRegression(max_iter=500)],
        "model__C": (0.01, 1.0, "log-uniform"),
    },
]
DOORS = {
    "bayes": lambda **rest: BayesSearchCV(PIPELINE, ALTERNATIVES, **rest),
    "tpe": lambda **rest: BayesSearchCV(
        PIPELINE, ALTERNATIVES, optimizer="tpe", **rest
    ),
    "evolution": lambda **rest: EvolutionarySearchCV(PIPELINE, ALTERNATIVES, **rest),
    "hyperband": lambda **rest: HyperbandSearchCV(
        PIPELINE, ALTERNATIVES, optimizer="gp", min_resource=10, n_jobs=2, **rest
    ),
}


def first_params(door, n, **rest):
    search = DOORS[door](cv=3, random_state=0, refit=False, **rest).fit(X, y)
    return search.cv_results_["params"][:n]


@pytest.mark.parametrize("door", DOORS)
def test_every_alternative_starts_from_its_estimators_own_values(door):
    budget = {} if door == "hyperband" else {"n_iter": 14}
    tree, svc, linear = first_params(door, 3, **budget)
    assert tree == {
        "model": TREE,
        "model__max_depth": 4,
        "model__min_samples_leaf": 1,
    }
    assert svc["model"] is SVC_OWN
    assert svc["model__C"] == 3.0
    assert svc["model__gamma"] == pytest.approx(0.01)  # "scale" has no place: middle
    assert linear["model__C"] == 1.0


def test_a_small_budget_is_not_spent_on_them():
    first, second = first_params("bayes", 2, n_iter=5)
    assert first["model"] is TREE
    own = {"model__max_depth": 4, "model__min_samples_leaf": 1}
    assert not own.items() <= second.items()
    assert second.get("model__C") not in (1.0, 3.0)
