"""catboost copies the lists that it gets, and then cannot be cloned."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)

catboost = pytest.importorskip("catboost")
pytestmark = pytest.mark.boosters

SEARCHES = [BayesSearchCV, EvolutionarySearchCV, HyperbandSearchCV, PBTSearchCV]


def table():
    X, y = load_iris(return_X_y=True)
    letters = np.where(np.arange(len(X)) % 3, "u", "v")
    return pd.DataFrame(X, columns=list("abcd")).assign(k=letters), y


def model(**params):
    quiet = dict(verbose=0, allow_writing_files=False)
    return catboost.CatBoostClassifier(iterations=4, **quiet, **params)


@pytest.mark.parametrize("search", SEARCHES)
def test_the_list_is_named_and_the_tuple_that_works(search):
    estimator = model(cat_features=["k"])
    words = r"cannot be cloned.*in the place of the list: cat_features=\('k',\)\.$"
    with pytest.raises(RuntimeError, match=words):
        search(estimator, {"learning_rate": (0.1, 0.5)}, cv=3).fit(*table())


@pytest.mark.parametrize("search", SEARCHES)
def test_with_the_tuple_the_search_runs(search):
    X, y = table()
    settings = dict(cv=3, random_state=0, error_score="raise")
    if search in (BayesSearchCV, EvolutionarySearchCV):
        settings["n_iter"] = 3
    if search is PBTSearchCV:
        settings.update(population_size=4, n_steps=2)
    space = {"learning_rate": (0.1, 0.5), "depth": [2]}
    done = search(model(cat_features=("k",)), space, **settings).fit(X, y)
    assert done.best_score_ > 0.8
    assert list(done.predict(X[:2])) == [[0], [0]]
