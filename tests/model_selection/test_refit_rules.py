"""Refit rules: which row, by hand; in scikit-learn's searches and in ours."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV
from skhpo.model_selection import (
    one_standard_error,
    pareto,
    under_limit,
    within_tolerance,
)

# best: row 3 with .90 and splits .85, .90, .95: standard error .05 / sqrt(3) = .0289
TABLE = {
    "params": [{"k": 1}, {"k": 2}, {"k": 5}, {"k": 9}, {"k": None}],
    "mean_test_score": np.array([0.80, 0.88, 0.89, 0.90, 0.86]),
    "split0_test_score": np.array([0.80, 0.88, 0.89, 0.85, 0.86]),
    "split1_test_score": np.array([0.80, 0.88, 0.89, 0.90, 0.86]),
    "split2_test_score": np.array([0.80, 0.88, 0.89, 0.95, 0.86]),
    "mean_score_time": np.array([5.0, 4.0, 3.0, 9.0, 1.0]),
    "mean_fit_time": np.array([5.0, 1.0, 1.0, 9.0, 1.0]),
}
ALL_RULES = [
    one_standard_error("k"),
    within_tolerance(["k", "mean_fit_time"], tolerance=0.02),
    pareto("mean_score_time", weights=[2, 1]),
    under_limit(at_most=4.0),
]


@pytest.mark.parametrize(
    "rule, row",
    [
        (one_standard_error("k"), 1),  # .88 >= .90 - .0289
        (one_standard_error("-k"), 3),
        (one_standard_error("mean_score_time"), 2),
        (one_standard_error("mean_fit_time"), 2),  # 1 and 2 are equal: the better
        (one_standard_error(["mean_fit_time", "k"]), 1),
        (one_standard_error(lambda params: -(params["k"] or 0)), 3),
        (within_tolerance("k"), 2),
        (within_tolerance("k", tolerance=0.02), 1),
        (within_tolerance("k", tolerance=0.1, relative=True), 1),
        (within_tolerance("k", tolerance=0.12, relative=True), 0),
        (within_tolerance("-k", tolerance=0.05), 4),  # None is infinite
        (under_limit(at_most=3.5), 2),
        (under_limit(at_least=4.5), 3),
        (under_limit("k", at_most=2), 1),
        (under_limit("mean_score_time", at_least=4, at_most=5), 1),
    ],
)
def test_row_is_the_one_found_by_hand(rule, row):
    assert rule(TABLE) == row


def test_front_has_the_rows_that_nothing_beats():
    assert pareto("mean_score_time").front(TABLE) == [2, 3, 4]
    # row 1 beats row 0 in score and time, but not in k; None is no finite number
    assert pareto(["mean_score_time", "k"]).front(TABLE) == [0, 1, 2, 3]


def test_front_equals_a_brute_force_search():
    rng = np.random.default_rng(0)
    costs = rng.integers(0, 6, size=(60, 3)).astype(float)
    table = {
        "params": [{}] * 60,
        "mean_test_score": -costs[:, 0],
        "a": costs[:, 1],
        "b": costs[:, 2],
    }
    expected = [
        i
        for i in range(60)
        if not any(
            np.all(costs[j] <= costs[i]) and np.any(costs[j] < costs[i])
            for j in range(60)
        )
    ]
    assert pareto(["a", "b"]).front(table) == expected


def test_weights_move_the_compromise():
    assert pareto("mean_score_time", weights=[1, 0])(TABLE) == 3
    assert pareto("mean_score_time", weights=[0, 1])(TABLE) == 4


def test_rows_without_a_score_are_never_chosen():
    table = {**TABLE, "mean_test_score": np.array([0.8, np.nan, 0.89, np.inf, 0.86])}
    for rule in (within_tolerance("k", tolerance=1), under_limit(at_most=99)):
        assert rule(table) in (0, 2)
    assert pareto("mean_score_time").front(table) == [2, 4]


def test_a_setting_that_lacks_the_parameter_comes_last():
    table = {
        "params": [{}, {"k": 3}],
        "mean_test_score": [0.9, 0.9],
    }
    assert within_tolerance("k")(table) == 1
    assert within_tolerance("-k")(table) == 1


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: type(rule).__name__)
def test_rules_pickle_clone_print_and_compare(rule):
    assert pickle.loads(pickle.dumps(rule)) == rule
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1]}, refit=rule)
    assert clone(search).refit == rule
    assert repr(rule).startswith(f"{type(rule).__name__}(")
    assert type(rule)(**{k: getattr(rule, k) for k in vars(rule)}) == rule


@pytest.mark.parametrize(
    "make",
    [
        lambda rule: GridSearchCV(
            DecisionTreeClassifier(random_state=0),
            {"max_depth": [1, 2, 3, 5, None]},
            refit=rule,
        ),
        lambda rule: RandomizedSearchCV(
            DecisionTreeClassifier(random_state=0),
            {"max_depth": [1, 2, 3, 5, None]},
            n_iter=5,
            random_state=0,
            refit=rule,
        ),
        lambda rule: BayesSearchCV(
            DecisionTreeClassifier(random_state=0),
            {"max_depth": [1, 2, 3, 5, None]},
            refit=rule,
        ),
    ],
)
def test_rules_work_in_every_search(make):
    X, y = load_iris(return_X_y=True)
    depth = {}
    for rule in (
        one_standard_error("max_depth"),
        within_tolerance("max_depth", tolerance=1.0),
        under_limit("max_depth", at_most=2),
        pareto("max_depth", weights=[0, 1]),
    ):
        search = make(rule).fit(X, y)
        depth[type(rule).__name__] = search.best_params_["max_depth"]
        assert search.best_estimator_.max_depth == search.best_params_["max_depth"]
    assert depth == {
        "one_standard_error": 3,
        "within_tolerance": 1,
        "under_limit": 2,
        "pareto": 1,
    }


def test_rules_work_with_several_metrics():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": [1, 20, 60]},
        scoring=["accuracy", "neg_log_loss"],
        refit=under_limit("neg_log_loss", at_least=-0.3, score="accuracy"),
    ).fit(X, y)
    table = search.cv_results_
    keeps = table["mean_test_neg_log_loss"] >= -0.3
    assert 0 < keeps.sum() < 3
    best = np.where(keeps, table["mean_test_accuracy"], 0).argmax()
    assert search.best_index_ == best


@pytest.mark.parametrize(
    "rule, table, message",
    [
        (one_standard_error("depth"), TABLE, "'depth' is neither a parameter"),
        (one_standard_error("k", metric="acc"), TABLE, r"Possible: \['score'\]"),
        (
            one_standard_error("k"),
            {**TABLE, "mean_test_f1": TABLE["mean_test_score"]},
            "needs one. Use metric='score'",
        ),
        (
            one_standard_error("k"),
            {key: TABLE[key] for key in TABLE if key[:6] not in ("split1", "split2")},
            "two splits at least",
        ),
        (within_tolerance("k", tolerance=-1), TABLE, "tolerance must be >= 0"),
        (
            within_tolerance("k"),
            {"params": [{"k": "auto"}], "mean_test_score": [1.0]},
            "k='auto' is no number",
        ),
        (
            within_tolerance("k"),
            {"params": [{"k": 1}], "mean_test_score": [np.nan]},
            "No setting has a score",
        ),
        (under_limit(), TABLE, "needs at_most"),
        (under_limit(at_most=0.5), TABLE, "None of the 5 .* <= 0.5: it goes from 1"),
        (pareto("k", weights=[1]), TABLE, "weights must be 2 numbers"),
    ],
)
def test_mistakes_are_told(rule, table, message):
    with pytest.raises(ValueError, match=message):
        rule(table)
