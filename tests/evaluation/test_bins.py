"""Bins are found once for the same rows, and the models are those without sharing."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from skhpo import HyperbandSearchCV
from skhpo._sklearn import bins_with
from skhpo.evaluation import _bins, shared_bins
from skhpo.evaluation._bins import SharedBins

X, y = make_classification(200, 6, n_informative=4, random_state=0)
X[::7, 1] = np.nan
X[:, 5] = np.arange(200) % 5
WEIGHTS = np.random.default_rng(0).uniform(0.5, 2.0, 200)
SMALL = dict(max_iter=5, early_stopping=False, random_state=0)


def fitted(estimator, bins, X=X, **params):
    with bins_with(estimator, bins.bin):
        return estimator.fit(X, y, **params)


class CountingBins(SharedBins):
    """Counts the fits of mappers."""

    n_fits = 0

    def bin(self, mapper, X, weights, fit_transform):
        def counted():
            self.n_fits += 1
            return fit_transform()

        return super().bin(mapper, X, weights, counted)


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (HistGradientBoostingClassifier(**SMALL), {}),
        (HistGradientBoostingClassifier(**SMALL), {"sample_weight": WEIGHTS}),
        (HistGradientBoostingClassifier(**SMALL, categorical_features=[5]), {}),
        (HistGradientBoostingRegressor(**SMALL, max_bins=20), {}),
    ],
    ids=["plain", "weights", "categories", "regressor"],
)
def test_models_are_those_without_sharing(estimator, params):
    bins, alone = CountingBins(), estimator.fit(X, y, **params).predict(X)
    for _ in range(2):
        together = fitted(estimator, bins, **params).predict(X)
        np.testing.assert_array_equal(together, alone)
    assert bins.n_fits == 1
    assert "_bin_data" not in vars(estimator)


def test_candidates_and_seeds_share_what_rows_and_settings_do_not():
    bins = CountingBins()
    for seed, leaves in enumerate([3, 9, 30]):
        params = {**SMALL, "random_state": seed, "max_leaf_nodes": leaves}
        model = fitted(HistGradientBoostingClassifier(**params), bins)
        assert model._bin_mapper.random_state == model._random_seed
    assert bins.n_fits == 1
    fitted(HistGradientBoostingClassifier(**SMALL, max_bins=10), bins)
    fitted(HistGradientBoostingClassifier(**SMALL), bins, X=X + 1)
    assert bins.n_fits == len(bins) == 3


class Mapper:
    """As scikit-learn's, with few rows to look at."""

    def __init__(self, random_state, subsample=100):
        self.random_state = random_state
        self.subsample = subsample

    def get_params(self):
        return vars(self)


def test_where_rows_are_drawn_the_seed_counts():
    bins, calls = SharedBins(), []
    for seed, n in ((0, 200), (1, 200), (1, 200), (0, 50), (1, 50)):
        mapper = Mapper(seed)
        bins.bin(mapper, X[:n], (), lambda n=n: calls.append(n) or X[:n])
    assert calls == [200, 200, 50]


def test_the_oldest_bins_are_forgotten_where_memory_ends():
    bins = CountingBins(limit=2 * X.size)  # a byte per value
    for shift in (0, 1, 2, 1, 0):
        fitted(HistGradientBoostingClassifier(**SMALL), bins, X=X + shift)
    assert bins.n_fits == 4
    assert len(bins) == 2
    bins.forget()
    assert len(bins) == 0


def test_a_fit_that_fails_leaves_nothing_behind():
    estimator = HistGradientBoostingClassifier(**SMALL, max_leaf_nodes=-1)
    with pytest.raises(ValueError, match="max_leaf_nodes"):
        fitted(estimator, SharedBins())
    assert "_bin_data" not in vars(estimator)


def test_other_estimators_are_left_alone():
    assert fitted(DecisionTreeClassifier(), SharedBins()).get_depth() > 0


def test_a_search_finds_the_bins_of_each_fold_once_and_then_forgets_them(monkeypatch):
    bins = CountingBins()
    monkeypatch.setattr(_bins, "shared_bins", bins)
    search = HyperbandSearchCV(
        HistGradientBoostingClassifier(min_samples_leaf=5),
        {"max_leaf_nodes": (2, 9)},
        max_resource=9, min_resource=1, cv=2, random_state=0, refit=False,
    )  # fmt: skip
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    assert bins.n_fits == 2
    monkeypatch.setattr(_bins, "shared_bins", SharedBins(limit=0))
    again = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, again)


def test_a_search_gives_the_memory_back():
    search = HyperbandSearchCV(
        HistGradientBoostingClassifier(min_samples_leaf=5),
        {"max_leaf_nodes": (2, 9)},
        max_resource=3, min_resource=1, cv=2, random_state=0,
    )  # fmt: skip
    search.fit(X, y)
    assert len(shared_bins) == 0
