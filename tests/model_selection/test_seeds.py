"""Which parts of a search its own random_state does not reach."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    RepeatedKFold,
    ShuffleSplit,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)
from skhpo.model_selection import summary

X, y = load_iris(return_X_y=True)
OPEN, SEEDED = DecisionTreeClassifier(), DecisionTreeClassifier(random_state=0)
DEPTH = {"max_depth": [1, 2, 3]}
PIPE = {"decisiontreeclassifier__max_depth": [1, 2]}
CHOICE = Pipeline([("scale", StandardScaler()), ("model", KNeighborsClassifier())])
NAMED = "Without a seed of its own: DecisionTreeClassifier (random_state=None)."


def bayes(estimator=SEEDED, space=DEPTH, **options):
    options = {"random_state": 0, "cv": 3, "n_iter": 3, **options}
    return BayesSearchCV(estimator, space, **options)


UNSEEDED = {
    "bayes": bayes(OPEN),
    "evolution": EvolutionarySearchCV(OPEN, DEPTH, n_iter=3, random_state=0),
    "scikit-learn's": RandomizedSearchCV(OPEN, DEPTH, n_iter=2, random_state=0),
    "a generator for the search": bayes(OPEN, random_state=np.random.RandomState(0)),
    "a step": bayes(make_pipeline(StandardScaler(), OPEN), PIPE),
    "a choice": bayes(CHOICE, {"model": [KNeighborsClassifier(), OPEN]}),
}
SILENT = {
    "a seed": bayes(),
    "a generator": bayes(DecisionTreeClassifier(random_state=np.random.RandomState(0))),
    "a search without a seed": bayes(OPEN, random_state=None),
    "a grid": GridSearchCV(OPEN, DEPTH),
    "nothing to seed": bayes(KNeighborsClassifier(), {"n_neighbors": [1, 5]}),
    "searched seeds": bayes(OPEN, {"random_state": [0, 1]}),
    "a replaced step": bayes(
        Pipeline([("model", OPEN)]), {"model": [KNeighborsClassifier(), SEEDED]}
    ),
    "a chosen step with searched seeds": bayes(
        CHOICE, {"model": [OPEN], "model__random_state": [0, 1]}
    ),
    "splits that do not draw": bayes(cv=KFold(3)),
    "seeded splits": bayes(cv=KFold(3, shuffle=True, random_state=0)),
}


@pytest.mark.parametrize("case", UNSEEDED)
def test_an_estimator_without_a_seed_is_named_once(case):
    text = " ".join(summary(UNSEEDED[case].fit(X, y)).split())
    assert text.count(NAMED) == 1 and text.count("seed") == 1


@pytest.mark.parametrize("case", SILENT)
def test_nothing_is_said_of_seeds_where_all_is_seeded_or_nothing_is(case):
    assert "seed" not in summary(SILENT[case].fit(X, y)).lower()


@pytest.mark.parametrize(
    "cv", [KFold(3, shuffle=True), ShuffleSplit(3), RepeatedKFold(n_splits=3)]
)
def test_splits_without_a_seed_are_named(cv):
    text = " ".join(bayes(cv=cv).fit(X, y).summary().split())
    assert f"seed of its own: cv={type(cv).__name__} (random_state=None)" in text


@pytest.mark.parametrize("kind", [HyperbandSearchCV, PBTSearchCV])
def test_searches_in_steps_draw_the_open_seeds(kind):
    space = {"max_features": (0.2, 1.0), "min_samples_leaf": (1, 20)}
    options = dict(resource="n_samples", min_resource=30)
    if kind is PBTSearchCV:
        space = {"alpha": (1e-5, 1e-1, "log-uniform")}
        options = dict(population_size=4, n_steps=2, max_resource=2)
    model = OPEN if kind is HyperbandSearchCV else SGDClassifier()
    searches = [
        kind(model, space, cv=3, random_state=0, **options).fit(X, y) for _ in range(2)
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    text = " ".join(searches[0].summary().split())
    assert f"Seeds: {type(model).__name__} had none (random_state=None); the" in text
    assert "another run" not in text
