"""The arithmetic of the report, and what it says."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier

from skhpo import BayesSearchCV, HyperbandSearchCV
from skhpo.model_selection import tuning_report
from skhpo.model_selection._report import (
    edges,
    expected_best,
    gain_of_doubling,
    paired_gain,
    value_of_doubling,
)

X, y = make_classification(60, 5, flip_y=0.2, random_state=0)
KNN = KNeighborsClassifier()


# ---- equations


@pytest.mark.parametrize("m", [1, 3, 6])
def test_the_expected_best_is_the_mean_over_all_subsets(m):
    x = np.array([0.3, 0.9, 0.1, 0.5, 0.5, 0.7])
    subsets = [max(subset) for subset in combinations(x, m)]
    assert expected_best(x, m) == pytest.approx(np.mean(subsets))


def test_the_gain_of_doubling_is_about_right_for_normal_scores():
    rng = np.random.default_rng(0)
    guesses = [gain_of_doubling(rng.normal(size=50)) for _ in range(400)]
    assert np.mean(guesses) == pytest.approx(2.508 - 2.249, abs=0.05)


def test_more_of_the_same_gains_nothing():
    assert gain_of_doubling(np.full(20, 0.7)) == 0


def test_the_value_of_doubling_lies_in_its_interval():
    value = value_of_doubling(np.random.default_rng(0).normal(size=40))
    low, high = value["interval"]
    assert 0 <= low <= value["gain"] <= high
    assert value_of_doubling(np.arange(7.0)) is None


def test_the_paired_test_is_that_of_nadeau_and_bengio():
    own = np.array([0.8, 0.9, 0.7, 0.85, 0.95, 0.8])
    other = np.array([0.7, 0.85, 0.7, 0.8, 0.8, 0.85])
    d = own - other
    se = np.sqrt((1 / 6 + 1 / 2) * d.var(ddof=1))  # folds of a third
    gain = paired_gain(own, other, n_splits=3)
    assert gain["mean"] == pytest.approx(d.mean())
    assert gain["p_value"] == pytest.approx(2 * stats.t.sf(d.mean() / se, 5))
    low, high = gain["interval"]
    assert high - low == pytest.approx(2 * se * stats.t.ppf(0.975, 5))


def test_the_winner_may_be_the_default():
    same = np.array([0.5, 0.7, 0.9])
    gain = paired_gain(same, same, n_splits=3)
    assert gain == {"mean": 0.0, "interval": None, "p_value": None}


def test_equal_differences_and_failures_are_not_tested():
    own = np.array([0.5, 0.7, 0.9])
    nothing = {"interval": None, "p_value": None}
    gain = paired_gain(own, own - 0.1, n_splits=3)
    assert gain == {"mean": pytest.approx(0.1), **nothing}
    failed = paired_gain(own, np.array([0.5, np.nan, 0.9]), n_splits=3)
    assert failed == {"mean": None, **nothing}
    assert paired_gain(own[:1], own[1:2], n_splits=1) == {
        "mean": pytest.approx(-0.2),
        **nothing,
    }


def test_no_gain_is_wider_than_the_range_of_the_metric():
    own, other = np.array([0.9, 0.5]), np.array([0.1, 0.5])
    low, high = paired_gain(own, other, n_splits=2, limits=(0, 1))["interval"]
    assert (low, high) == (-1, 1)
    x = np.r_[np.linspace(0.1, 0.8, 20), 0.99]
    value = value_of_doubling(x, most=1.0)
    assert 0 < value["gain"] <= 0.01 + 1e-12 and value["interval"][1] <= 0.01 + 1e-12
    assert value_of_doubling(x)["gain"] > 0.01


# ---- edges


class Fitted:
    """A search that is done."""

    def __init__(self, best_params_, **space):
        self.best_params_ = best_params_
        vars(self).update(space)


RANGE = {"C": (1e-3, 1e3, "log-uniform"), "n": (1, 100), "kind": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"C": 1.0, "n": 50, "kind": "a"}, {}),
        ({"C": 1.5e-3, "n": 100, "kind": "c"}, {"C": "lower end", "n": "upper end"}),
        ({"C": 900.0, "n": 50, "kind": "b"}, {"C": "upper end"}),
    ],
)
def test_the_edges_of_ranges(params, expected):
    assert edges(Fitted(params, search_space=RANGE)) == expected


@pytest.mark.parametrize(
    ("values", "best", "expected"),
    [
        ([1, 3, 5], 1, {"k": "lower end"}),
        ([5, 3, 1], 1, {"k": "lower end"}),
        ([1, 3, 5], 3, {}),
        ([3, 1, 5], 3, {}),
        ([1, 3], 1, {}),
        (["x", "y", "z"], "x", {}),
        ([True, False], True, {}),
        ((0.1, 1.0, 10.0), 10.0, {"k": "upper end"}),
    ],
)
def test_the_edges_of_lists_of_numbers(values, best, expected):
    assert edges(Fitted({"k": best}, param_grid={"k": values})) == expected


def test_the_edges_of_distributions():
    space = {"C": stats.loguniform(1e-2, 1e2)}
    assert edges(Fitted({"C": 1.1e-2}, param_distributions=space)) == {"C": "lower end"}


def test_a_space_that_cannot_be_read_has_no_edges():
    class Odd:
        def rvs(self, random_state=None):
            return 1.0

    assert edges(Fitted({"C": 1.0}, param_distributions={"C": Odd()})) is None
    assert edges(Fitted({"C": 1e9}, search_space={"C": (0.1, 1.0)})) is None


def test_the_choice_among_alternatives_has_no_edge():
    space = [{"C": (0.1, 10.0)}, {"C": [1, 2]}, {"kind": ["a"]}]
    assert edges(Fitted({"kind": "a"}, search_space=space)) == {}


# ---- the whole


SEARCHES = {
    "grid": GridSearchCV(KNN, {"n_neighbors": [1, 3, 5, 7, 9, 11, 13, 15]}, cv=3),
    "randomized": RandomizedSearchCV(
        LogisticRegression(),
        {"C": stats.loguniform(1e-3, 1e3)},
        cv=3,
        n_iter=8,
        random_state=0,
    ),
    "bayes": BayesSearchCV(
        KNN,
        {"n_neighbors": (1, 15)},
        cv=3,
        n_iter=8,
        random_state=0,
        store_predictions=True,
    ),
    "hyperband": HyperbandSearchCV(
        LogisticRegression(C=1e-3),  # seldom the winner
        {"C": (1e-3, 1e3, "log-uniform")},
        resource="n_samples",
        min_resource=10,
        cv=3,
        random_state=0,
    ),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_the_report_of_every_kind_of_search(name):
    search = SEARCHES[name].fit(X, y)
    report = tuning_report(search, X, y, top=2, seeds=2, pictures=False)
    text, numbers = repr(report), report.to_dict()
    assert text.startswith(f"{type(search).__name__}: what its result is worth")
    assert "Gain over the estimator's own parameters" in text
    assert "corrected paired test" in text
    assert numbers["leaders"][0]["row"] == search.best_index_
    assert numbers["optimism"]["bias"] == report.optimism.bias
    assert set(numbers) == {
        "leaders",
        "stability",
        "gain",
        "optimism",
        "edges",
        "doubling",
    }


def test_a_report_without_an_estimate_of_the_optimism():
    search = GridSearchCV(KNN, {"n_neighbors": [1, 3]}, cv=2).fit(X, y)
    report = tuning_report(search, X, y, top=1, seeds=2, pictures=False)
    assert report.optimism is None
    assert report.to_dict()["optimism"] is None
    assert "cannot be estimated" in repr(report)
    assert "Too few candidates" in repr(report)


def test_one_seed_and_a_winner_that_is_the_default_need_no_numbers():
    search = GridSearchCV(KNN, {"n_neighbors": [5]}, cv=3).fit(X, y)
    report = tuning_report(search, X, y, top=1, seeds=1, pictures=False)
    text = repr(report)
    assert "on 1 new seed." in text and "from seed to seed" not in text
    assert "none, they score the same on all new folds" in text
    assert report.stability == {"sd_seed": None, "share_best": None}
    assert "nan" not in text and "p = 1" not in text


def test_a_flat_curve_is_no_evidence_of_a_gain():
    search = GridSearchCV(KNN, {"n_neighbors": list(range(1, 10))}, cv=3).fit(X, y)
    search.cv_results_["mean_test_score"][:] = 0.7
    text = repr(tuning_report(search, X, y, top=1, seeds=2, pictures=False))
    assert "Twice as many candidates: not enough evidence" in text


def test_what_fails_on_new_splits_is_said_to_have_failed():
    search = GridSearchCV(KNN, {"n_neighbors": [1, 5]}, cv=3).fit(X, y)
    search.cv_results_["params"][search.best_index_] = {"n_neighbors": 1000}
    with pytest.warns(UserWarning, match="Scoring failed"):
        report = tuning_report(search, X, y, top=1, seeds=2, pictures=False)
    text = repr(report)
    assert "no score, since a fit failed, on 2 new seeds." in text
    assert "not known, since a fit failed" in text and "nan" not in text
