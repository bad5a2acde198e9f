"""Importance of a whole search, from random searches over known functions."""

import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, Categorical, Integer
from skhpo.importance import search_importance
from tests.importance.helpers import searched, table

SPACE = {
    "a": (0.0, 1.0),
    "b": (0.0, 1.0),
    "c": (0.0, 1.0),
    "k": Integer(1, 10),
    "cat": Categorical(["x", "y", "z"]),
}


def additive(p):
    return p["a"] + 2 * p["b"] + 0.8 * (p["cat"] == "x")


def importance_of(search, **options):
    return search_importance(search, **{"random_state": 0, "n_boot": 20, **options})


def test_an_additive_function_shows_the_shares_of_its_variances():
    found = importance_of(searched(SPACE, additive, 60, noise=0.02))
    variances = {"a": 1 / 12, "b": 4 / 12, "cat": 0.64 * 2 / 9, "c": 0, "k": 0}
    expected = {name: v / sum(variances.values()) for name, v in variances.items()}
    assert found.importances["importance"].to_dict() == pytest.approx(
        expected, abs=0.05
    )
    assert found.importances.index[0] == "b"
    assert found.is_enough and found.surrogate_score > 0.9
    assert (found.method, found.n_used, found.n_failed) == ("gp", 60, 0)


def test_intervals_contain_the_estimate_and_shrink_with_rows():
    widths = []
    for n in (15, 80):
        rows = importance_of(searched(SPACE, additive, n, noise=0.1)).importances
        assert (rows["low"] <= rows["importance"]).all()
        assert (rows["importance"] <= rows["high"]).all()
        widths.append((rows["high"] - rows["low"]).sum())
    assert widths[1] < widths[0]


def test_noise_is_no_evidence():
    for seed in range(5):
        search = searched(SPACE, lambda p: 0.0, 30, seed=seed, noise=1.0)
        found = importance_of(search, n_boot=0)
        assert not found.is_enough
        assert "Not enough evidence: R2" in repr(found)


def test_without_samples_there_is_no_interval():
    found = importance_of(searched(SPACE, additive, 20), n_boot=0)
    assert found.importances["std"].isna().all()
    assert found.importances["importance"].notna().all()


def test_an_interaction_is_named_and_an_additive_pair_is_not():
    search = searched(SPACE, lambda p: p["a"] * p["b"] + p["c"], 60, noise=0.01)
    pairs = importance_of(search, interactions=True).interactions
    assert set(pairs.loc[0, ["first", "second"]]) == {"a", "b"}
    assert pairs["share"][0] > 5 * pairs["share"][1]
    assert len(pairs) == 10


def test_the_top_region_forgets_what_only_ruins():
    def ruined(p):
        return (-10 if p["cat"] == "x" else 0) + p["a"]

    space = {"a": (0.0, 1.0), "cat": Categorical(["x", "y", "z", "u", "v"])}
    search = searched(space, ruined, 60)
    whole, top = (importance_of(search, region=r) for r in ("all", "top"))
    assert whole.importances.index.tolist() == ["cat", "a"]
    assert top.importances.index.tolist() == ["a", "cat"]
    shift = top.importances["importance"] - whole.importances["importance"]
    assert shift["a"] > 0.1


def test_many_rows_go_to_a_forest():
    search = searched(SPACE, additive, 310, noise=0.05)
    found = importance_of(search, n_boot=3)
    assert found.method == "forest" and found.is_enough
    assert set(found.importances.index[:3]) == {"a", "b", "cat"}


def test_where_the_search_looked_does_not_matter():
    """An adaptive search varies "b" little; its importance stays what it is."""
    rng = np.random.default_rng(0)
    near = np.where(rng.random(80) < 0.9, 0.9 + 0.1 * rng.random(80), rng.random(80))
    params = [{"a": rng.random(), "b": float(b)} for b in near]
    search = searched({"a": (0.0, 1.0), "b": (0.0, 1.0)}, lambda p: 0, 1)
    search.cv_results_ = table(params, [p["a"] + 2 * p["b"] for p in params])
    found = importance_of(search).importances["importance"]
    assert found["b"] == pytest.approx(0.8, abs=0.05)  # 4 / (1 + 4)
    variances = np.var([[p["a"], 2 * p["b"]] for p in params], axis=0)
    assert variances[1] / variances.sum() < 0.7  # as the rows have it


def test_conditional_parameters_tell_how_often_they_are_active():
    space = {
        "x": (0.0, 1.0),
        "kernel": Categorical(["rbf", "poly"]),
        "degree": Integer(1, 4, when={"kernel": "poly"}),
    }
    search = searched(space, lambda p: p["x"] + p.get("degree", 0), 60)
    found = importance_of(search)
    assert found.importances.loc["degree", "share_active"] == pytest.approx(
        0.5, abs=0.05
    )
    assert found.importances.loc["degree", "importance"] > 0.7
    assert "active in " in repr(found)


# ---- rows that say little


def test_constant_scores_say_nothing():
    found = importance_of(searched(SPACE, lambda p: 0.5, 20), interactions=True)
    assert found.reason == "all scores are equal"
    assert found.importances["importance"].isna().all()
    assert not found.is_enough and len(found.interactions) == 0
    assert "Not enough evidence: all scores are equal." in repr(found)


def test_three_rows_say_nothing():
    found = importance_of(searched(SPACE, additive, 3))
    assert "3 distinct settings" in found.reason and found.method is None


def test_a_search_in_which_everything_failed_says_nothing():
    found = importance_of(searched(SPACE, lambda p: np.nan, 20))
    assert "0 distinct settings" in found.reason
    assert found.n_failed == 20


def test_failures_count_as_bad_and_error_score_is_no_score():
    def f(p):
        return 0.0 if p["a"] > 0.7 else p["b"]  # 0.0 = error_score

    search = searched(SPACE, f, 60)
    failed = np.array([p["a"] > 0.7 for p in search.cv_results_["params"]])
    search.cv_results_["status"] = np.where(failed, "failed", "complete")
    found = importance_of(search)
    assert found.n_failed == failed.sum() and "of them failed" in repr(found)
    assert set(found.importances.index[:2]) == {"a", "b"}


def test_only_rows_at_the_top_resource_count():
    search = searched(SPACE, additive, 60)
    resources = np.repeat([1, 9], [20, 40])
    search.cv_results_["mean_test_score"][:20] = 1e6
    search.cv_results_["n_resources"] = resources
    found = importance_of(search)
    assert (found.n_used, found.n_left_out) == (40, 20)
    assert found.importances.index[0] == "b"


def test_a_setting_that_came_twice_counts_once():
    search = searched(SPACE, additive, 30)
    results = search.cv_results_
    twice = table(results["params"] * 2, np.tile(results["mean_test_score"], 2))
    search.cv_results_ = twice
    assert importance_of(search).n_used == 30


def test_raced_out_rows_count_by_their_estimate():
    search = searched(SPACE, additive, 40)
    results = search.cv_results_
    results["mean_test_score_partial"] = results["mean_test_score"].copy()
    results["mean_test_score"] = np.ma.masked_array(np.full(40, 5.0), np.arange(40) % 2)
    assert importance_of(search).importances.index[0] == "b"


# ---- real searches


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 4))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


TREE = DecisionTreeClassifier(random_state=0)
LISTS = {"max_depth": [1, 2, 3, 5, 8], "criterion": ["gini", "entropy"]}


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(TREE, LISTS, cv=3),
        RandomizedSearchCV(TREE, LISTS, n_iter=8, cv=3, random_state=0),
        BayesSearchCV(TREE, LISTS, n_iter=8, cv=3, random_state=0),
        BayesSearchCV(TREE, LISTS, n_iter=8, cv=3, random_state=0, racing="forgiving"),
    ],
    ids=["grid", "randomized", "bayes", "racing"],
)
def test_searches_of_any_kind_are_read(search, data):
    found = importance_of(search.fit(*data), n_boot=5)
    assert found.importances.index[0] == "max_depth"
    assert found.n_left_out == 0


def test_a_halving_search_counts_its_last_rung(data):
    search = HalvingRandomSearchCV(
        TREE,
        {"max_depth": list(range(1, 9)), "min_samples_leaf": list(range(1, 9))},
        n_candidates=18,
        factor=3,
        cv=3,
        random_state=0,
        resource="n_samples",
        min_resources=12,
        aggressive_elimination=False,
    ).fit(*data)
    found = importance_of(search, n_boot=0)
    n = search.n_candidates_[-1]
    assert found.n_used == n and found.n_left_out == sum(search.n_candidates_[:-1])
    assert found.reason is not None  # so few are no evidence


def test_six_settings_of_three_parameters_are_no_evidence():
    space = {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}
    found = importance_of(searched(space, lambda p: p["a"], 6))
    assert found.surrogate_score > 0.3 and not found.is_enough
    assert repr(found).splitlines()[1:] == [
        "Not enough evidence: 6 settings of 3 parameters, at least 15 needed."
    ]
    assert set(found.importances["verdict"]) == {"unclear"}


def test_a_parameter_is_dismissed_on_ten_settings_each_and_a_narrow_interval():
    space = {"a": (0.0, 1.0), "b": (0.0, 1.0), "one": [7]}
    few = importance_of(searched(space, lambda p: p["a"], 19))
    many = importance_of(searched(space, lambda p: p["a"], 20))
    unsure = importance_of(searched(space, lambda p: p["a"], 20), n_boot=0)
    for found in (few, many, unsure):
        assert found.is_enough and found.importances.loc["b", "importance"] < 0.05
        assert found.importances.loc["a", "verdict"] == "important"
    assert few.importances.loc["b", "verdict"] == "unclear"
    assert many.importances.loc["b", "verdict"] == "unimportant"
    assert unsure.importances.loc["b", "verdict"] == "unclear"


def test_a_wide_interval_dismisses_nothing():
    wide = searched(SPACE, lambda p: p["a"] + 0.25 * p["b"], 50, noise=0.12)
    table = importance_of(wide).importances
    assert (table["high"] >= 0.1).any()
    assert not (table.loc[table["high"] >= 0.1, "verdict"] == "unimportant").any()


def test_shares_lie_between_0_and_1():
    for seed in range(3):
        space = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
        search = searched(space, lambda p: p["a"], 12, seed=seed, noise=0.1)
        found = importance_of(search, interactions=True)
        shares = found.importances[["importance", "low", "high", "main"]]
        assert ((shares >= 0) & (shares <= 1)).all(axis=None)
        assert (found.importances["main"] <= found.importances["importance"]).all()
        assert found.interactions["high"].max() <= 1


def test_the_choice_among_alternatives_has_a_name_of_its_own():
    space = [{"C": (0.0, 1.0)}, {"gamma": (0.0, 1.0)}]
    search = searched(space, lambda p: 5 * ("C" in p), 40)
    found = importance_of(search, interactions=True)
    assert found.importances.index[0] == "(which alternative)"
    assert "(which alternative)" in set(found.interactions["first"])
    assert "<branch>" not in repr(found)


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_scores_of_any_size_are_ranked(size):
    found = importance_of(searched(SPACE, lambda p: size * additive(p), 50))
    assert found.is_enough and found.importances.index[0] == "b"


# ---- bad input


def test_what_is_not_fitted_is_refused():
    with pytest.raises(ValueError, match="GridSearchCV has no cv_results_"):
        search_importance(GridSearchCV(TREE, LISTS))


def test_a_metric_that_is_not_there_is_refused_with_a_hint():
    search = searched(SPACE, additive, 10)
    with pytest.raises(ValueError, match="Did you mean 'score'"):
        search_importance(search, metric="scor")


@pytest.mark.parametrize(
    ("option", "value"),
    [("method", "gpp"), ("region", "topp"), ("n_boot", -1), ("n_boot", 0.5)],
)
def test_bad_options_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option}="):
        search_importance(searched(SPACE, additive, 10), **{option: value})


def test_several_metrics_need_a_name_unless_the_search_has_one():
    search = searched(SPACE, additive, 30)
    scores = search.cv_results_.pop("mean_test_score")
    search.cv_results_ |= {"mean_test_f1": scores, "mean_test_auc": -scores}
    with pytest.raises(ValueError, match="2 metrics \\['f1', 'auc'\\]: choose"):
        importance_of(search)
    search.refit = "auc"
    assert importance_of(search).metric == "auc"
    assert importance_of(search, metric="f1").metric == "f1"


def test_a_space_that_cannot_be_read_is_refused(data):
    class Law:
        def rvs(self, random_state=None):
            return 2

    search = RandomizedSearchCV(TREE, {"max_depth": Law()}, n_iter=2, cv=2).fit(*data)
    with pytest.raises(ValueError, match="cannot be read"):
        search_importance(search)


def test_equal_seeds_give_equal_tables():
    search = searched(SPACE, additive, 20)
    first, again = (importance_of(search).importances for _ in range(2))
    assert first.equals(again)


@pytest.mark.statistics
def test_the_right_three_of_seven_are_named_at_60_rows():
    space = {
        "C": (1e-3, 1e3, "log-uniform"),
        "gamma": (1e-3, 1e3, "log-uniform"),
        "kernel": Categorical(["rbf", "poly", "linear"]),
        "t": (0.0, 1.0),
        "u": (0.0, 1.0),
        "n": Integer(1, 10),
        "other": Categorical(["u", "v"]),
    }
    height = {"rbf": 1.0, "poly": 0.7, "linear": 0.4}

    def ridge(p):
        across = np.log10(p["C"] * p["gamma"])
        return height[p["kernel"]] * np.exp(-((across / 2) ** 2))

    def is_right(seed):
        search = searched(space, ridge, 60, seed=seed, noise=0.05)
        found = importance_of(search, n_boot=0)
        return set(found.importances.index[:3]) == {"C", "gamma", "kernel"}

    assert np.mean([is_right(seed) for seed in range(20)]) >= 0.9
