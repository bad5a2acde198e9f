"""Profiles at the best setting, and the words made of them."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, Categorical, Integer
from skhpo.importance import (
    ablation,
    local_importance,
    search_importance,
    tune_first,
)
from skhpo.importance._marginal import marginals
from tests.importance.helpers import searched

SPACE = {
    "a": (0.0, 1.0),
    "b": (0.0, 1.0),
    "c": (0.0, 1.0),
    "cat": Categorical(["x", "y", "z"]),
}


def product(p):
    """At the best b (1) it is "a" that counts; "b" as well, and "cat" a little."""
    return 2 * p["a"] * p["b"] + 0.3 * (p["cat"] == "x")


def test_profiles_follow_the_function_at_the_best_setting():
    search = searched(SPACE, product, 80)
    found = local_importance(search, random_state=0)
    best = found.params
    profile = found.profiles["a"]
    expected = [product({**best, "a": a}) for a in profile["value"]]
    np.testing.assert_allclose(profile["score"], expected, atol=0.1)
    assert (profile["low"] <= profile["score"]).all()
    assert (profile["score"] <= profile["high"]).all()
    assert found.profiles["cat"]["value"].tolist() == ["x", "y", "z"]
    assert found.importances.loc["cat", "best_value"] == "x"


def test_local_importances_are_the_shares_of_the_variances():
    found = local_importance(searched(SPACE, product, 80), random_state=0)
    table, best = found.importances, found.params
    assert table["importance"].sum() == pytest.approx(1)
    variances = {
        "a": 4 * best["b"] ** 2 / 12,
        "b": 4 * best["a"] ** 2 / 12,
        "c": 0,
        "cat": 0.09 * 2 / 9,
    }
    for name, variance in variances.items():
        expected = variance / sum(variances.values())
        assert table.loc[name, "importance"] == pytest.approx(expected, abs=0.05)
    assert table.loc["cat", "loss"] == pytest.approx(0.3, abs=0.1)


def test_what_is_inactive_at_the_best_has_no_profile():
    space = {
        "kernel": Categorical(["rbf", "poly"]),
        "degree": Integer(1, 4, when={"kernel": "poly"}),
        "a": (0.0, 1.0),
    }
    search = searched(space, lambda p: p["a"] - p.get("degree", 0), 40)
    found = local_importance(search, random_state=0)
    assert set(found.profiles) == {"kernel", "a"}


def test_constraints_hold_along_a_profile():
    space = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    search = searched(space, lambda p: -abs(p["a"] - 0.4), 30)
    search.constraints = lambda p: p["a"] < 0.5
    profile = local_importance(search, random_state=0).profiles["a"]
    assert profile["value"].max() < 0.5


def test_too_little_evidence_is_said_by_both():
    search = searched(SPACE, product, 3)
    found = local_importance(search)
    assert found.profiles == {} and "Not enough evidence: 3 " in repr(found)
    assert tune_first(search).startswith("Not enough evidence to say")
    noise = searched(SPACE, lambda p: 0.0, 30, noise=1.0)
    assert "explains too little" in tune_first(noise, random_state=0)
    failed = searched(SPACE, lambda p: np.nan, 8)
    assert local_importance(failed).params is None


def test_the_list_is_in_order_and_has_its_reasons():
    lines = tune_first(searched(SPACE, product, 80), random_state=0).splitlines()
    assert lines[0].startswith("Tune first (80 settings")
    first_two = {line.split(". ")[1].split(":")[0] for line in lines[1:3]}
    assert first_two == {"a", "b"}
    assert "acts together with" in lines[1] and "% of the variance [" in lines[1]
    assert "the end of its range: try a wider one" in lines[1]
    assert lines[-1].startswith("Leave alone: ") and "c" in lines[-1]


def test_values_in_the_text_are_written_as_python_writes_them():
    space = {"n": Integer(1, 20), "is_on": [False, True], "a": (0.0, 1.0)}
    search = searched(space, lambda p: -abs(p["n"] - 7) + 8 * p["is_on"], 40)
    text = tune_first(search, random_state=0)
    assert "best near True" in text
    assert any(f"best near {n}" in text for n in (6, 7, 8)), text
    assert "np." not in text


def test_none_is_none_and_no_nan():
    space = {"depth": [None, 1, 2.5], "a": (0.0, 1.0)}
    search = searched(space, lambda p: p["a"] + 2 * (p["depth"] is None), 30)
    found = local_importance(search)
    assert found.profiles["depth"]["value"].tolist() == [None, 1, 2.5]
    assert found.importances["best_value"].to_dict()["depth"] is None
    assert "best near None" in tune_first(search) and "nan" not in tune_first(search)


def test_all_that_reports_rests_on_the_same_evidence():
    for n in (8, 16, 30):
        search = searched(SPACE, product, n, noise=0.3)
        whole, local = search_importance(search), local_importance(search)
        assert local.surrogate_score == whole.surrogate_score
        assert local.doubt == whole.doubt == marginals(search).doubt
        assert whole.is_enough != tune_first(search).startswith("Not enough evidence")


def test_the_list_has_the_figures_and_verdicts_of_the_table():
    search = searched(SPACE, product, 80)
    table = search_importance(search).importances
    lines = str(tune_first(search)).splitlines()
    for number, (name, row) in enumerate(table.iterrows(), 1):
        if row.verdict == "important":
            share = f"{row.importance:.0%} of the variance [{row.low:.0%}, "
            assert lines[number].startswith(f"{number}. {name}: {share}")
    left = set(table.index[table["verdict"] == "unimportant"])
    assert f"Leave alone: {', '.join(left)} (" in lines[-1]


def test_too_few_settings_leave_nothing_alone():
    text = str(tune_first(searched(SPACE, product, 39)))
    assert "Leave alone" not in text
    assert "Not enough evidence to leave alone: " in text


def test_a_notebook_shows_lines():
    text = tune_first(searched(SPACE, product, 80))
    assert isinstance(text, str) and repr(text) == str(text)
    assert "\n1. " in repr(text)


# ---- from the default to the best


@pytest.fixture(scope="module")
def tree_search():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 3))
    y = (X[:, 0] * X[:, 1] + 0.5 * rng.standard_normal(150) > 0).astype(int)
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    space = {"max_depth": [1, 2, 3, 4, 6, 9], "min_samples_leaf": [1, 3, 9, 27]}
    return GridSearchCV(tree, space, cv=3).fit(X, y)


def test_the_gains_add_up_to_the_difference_of_the_surrogate(tree_search):
    gains = ablation(tree_search, random_state=0)
    results = tree_search.cv_results_
    default = results["params"].index({"max_depth": 1, "min_samples_leaf": 1})
    gain = tree_search.best_score_ - results["mean_test_score"][default]
    assert set(gains) <= {"max_depth", "min_samples_leaf"} and "max_depth" in gains
    assert sum(gains.values()) == pytest.approx(gain, abs=0.05)


def test_a_default_outside_the_space_has_no_path(tree_search):
    tree = DecisionTreeClassifier(random_state=0)  # max_depth=None
    search = GridSearchCV(tree, tree_search.param_grid)
    search.cv_results_ = tree_search.cv_results_
    assert ablation(search) == {}


def test_a_search_of_ours_is_explained(tree_search):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    search = BayesSearchCV(
        DecisionTreeClassifier(max_depth=1, random_state=0),
        {"max_depth": Integer(1, 9), "min_samples_leaf": Integer(1, 30)},
        n_iter=15,
        cv=3,
        random_state=0,
    ).fit(X, y)
    text = tune_first(search, random_state=0)
    assert "min_samples_leaf" in text or "Not enough evidence" in text
