"""The default is protected: what is returned is no worse than the own setting."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neural_network import MLPClassifier

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)
from skhpo.evaluation import choose_resource, own_units

from .doors import X, y
from .spies import Toy, fits, watched
from .tables import assert_equal_tables, table

INSIDE = {"a": (0.0, 1.0), "kind": ["x", "z"]}
OUTSIDE = {"a": (0.6, 1.0), "kind": ["x", "z"]}  # a=0.5 is not in the range
LEARNING = {
    "gp": lambda **rest: BayesSearchCV(n_iter=6, optimizer="gp", **rest),
    "tpe": lambda **rest: BayesSearchCV(n_iter=6, optimizer="tpe", **rest),
    "forest": lambda **rest: BayesSearchCV(n_iter=6, optimizer="forest", **rest),
    "evolution": lambda **rest: EvolutionarySearchCV(n_iter=6, **rest),
}
STRATEGIES = ("hyperband", "sha", "asha", "median")


class Grower(ClassifierMixin, BaseEstimator):
    """Grows by epochs. With its own ``a`` it is last at first and the best in full."""

    def __init__(self, a=0.5, rate=1.0, fails=False):
        self.a = a
        self.rate = rate
        self.fails = fails

    def __skhpo_resource__(self):
        return Epochs()

    def __skhpo_swap__(self):
        return ("rate",)

    def fit(self, X, y):
        return Epochs().advance(self, X, y, 0, 9)

    def partial_fit(self, X, y):
        if self.fails and self.a == 0.5:
            raise RuntimeError("not with this one")
        self.classes_ = np.unique(y)
        self.rates_ = [*getattr(self, "rates_", []), self.rate]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        units = len(self.rates_)
        if self.a == 0.5 and set(self.rates_) == {1.0}:
            return 2.0 if units == 9 else -1.0
        return 1.0 - self.a / 10 - 1 / (1 + units)


class Epochs:
    kind, param, max_resource = "epochs", None, 9

    def __eq__(self, other):
        return type(self) is type(other)

    def advance(self, estimator, X, y, frm, to):
        for _ in range(frm, to):
            estimator.partial_fit(X, y)
        return estimator


def rungs(space=None, estimator=None, **parameters):
    defaults = dict(min_resource=1, max_resource=9, cv=2, random_state=0)
    space = {"a": (0.0, 1.0)} if space is None else space
    estimator = Grower() if estimator is None else estimator
    return HyperbandSearchCV(estimator, space, **{**defaults, **parameters})


def fit(make, space, estimator=None, **rest):
    estimator = Toy() if estimator is None else estimator
    settings = dict(cv=3, random_state=0, estimator=estimator, search_space=space)
    return make(**{**settings, **rest}).fit(X, y)


# ---- within the space it is a row


@pytest.mark.parametrize("make", LEARNING.values(), ids=LEARNING)
def test_within_the_space_it_is_a_row(make):
    search = fit(make, INSIDE)
    own = [p["a"] == 0.5 and p["kind"] == "x" for p in search.cv_results_["params"]]
    (row,) = np.flatnonzero(own)
    assert search.default_score_ == search.cv_results_["mean_test_score"][row]
    assert search.best_score_ >= search.default_score_
    assert f"Own setting: {search.default_score_:.4g} (best +" in search.summary()


@pytest.mark.parametrize("racing", ["paired", "forgiving", lambda mine, best: True])
def test_no_race_drops_it(racing):
    better = [{"a": 0.3, "kind": "x"}, {"a": 0.31, "kind": "x"}]
    search = fit(LEARNING["gp"], INSIDE, racing=racing, initial_params=better)
    own = search.cv_results_["params"].index({"a": 0.5, "kind": "x"})
    assert search.cv_results_["status"][own] == "complete"
    assert search.default_score_ == pytest.approx(
        cross_val_score(Toy(), X, y, cv=3).mean()
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n_iterations", [1, 3])
def test_rungs_train_it_in_full_and_the_plan_costs_no_more(strategy, n_iterations):
    settings = dict(strategy=strategy, n_iterations=n_iterations)
    search = rungs(**settings).fit(X, y)
    rows = table(search)
    own = rows[rows["param_a"] == 0.5]
    assert own["n_resources"].tolist() == [9]
    assert search.best_params_ == {"a": 0.5}
    assert search.default_score_ == search.best_score_ == 2.0
    before = rungs(optimizer="random", **settings).plan(X, y)
    assert search.plan_["planned_units"].sum() <= before["units"].sum()
    assert search.plan_["units"].sum() <= before["units"].sum()
    assert search.stop_reason_ == "plan_completed"


def test_hyperband_gives_it_a_place_that_trains_in_full():
    search = rungs().fit(X, y)
    before = rungs(optimizer="random").plan(X, y)
    assert search.plan(X, y).equals(before)
    own = table(search).query("param_a == 0.5").iloc[0]
    assert (own["bracket"], own["rung"], own["parent"]) == (2, 0, -1)


def test_a_plan_that_is_too_small_has_it_as_a_reference():
    search = rungs(strategy="sha", n_candidates=2).fit(X, y)
    assert search.plan_["planned_candidates"].tolist() == [2, 1]
    rows = table(search)
    assert rows.loc[rows["param_a"] == 0.5, "n_resources"].tolist() == [1]
    assert search.default_score_ == 2.0
    second = search.summary().splitlines()[1]
    assert second.startswith("The estimator's own setting scores higher")


def test_a_finite_space_proposes_it_once():
    search = rungs({"a": [0.1, 0.5, 0.9]}).fit(X, y)
    rows = table(search)
    assert rows.loc[rows["param_a"] == 0.5, "n_resources"].tolist() == [9]
    assert search.best_params_ == {"a": 0.5}


def test_a_member_of_the_population_keeps_it_to_the_end():
    search = PBTSearchCV(
        Grower(), {"a": (0.0, 1.0), "rate": (0.5, 2.0)}, population_size=8, n_steps=3,
        interval=3, max_resource=9, cv=2, random_state=0,
    ).fit(X, y)  # fmt: skip
    rows = table(search)
    own = rows[rows["member"] == 0]
    assert own["event"].tolist() == ["init", "continue", "continue"]
    assert set(own["param_rate"]) == {1.0}
    assert search.default_score_ == search.best_score_ == 2.0
    assert {step["params"]["rate"] for step in search.best_schedule_} == {1.0}


OWN = GradientBoostingClassifier(n_estimators=4, random_state=0)
RATE = {"learning_rate": (0.01, 1.0, "log-uniform")}
SPACES = {
    "inside": {"max_depth": (1, 5), **RATE},
    "outside": {"max_depth": (4, 6), **RATE},
}


@pytest.mark.parametrize(
    "strategy, max_time, where",
    [
        ("hyperband", None, "inside"),
        ("hyperband", 60.0, "inside"),
        ("hyperband", 60.0, "outside"),
        ("sha", None, "outside"),
        ("asha", 60.0, "inside"),
        ("median", 60.0, "inside"),
    ],
)
def test_it_has_its_own_number_of_units(strategy, max_time, where):
    search = HyperbandSearchCV(
        OWN, SPACES[where], strategy=strategy, max_resource=9, min_resource=1, cv=2,
        max_time=max_time, random_state=0,
    ).fit(X, y)  # fmt: skip
    rows = table(search)
    expected = cross_val_score(OWN, X, y, cv=2).mean()
    assert search.default_score_ == pytest.approx(expected)
    nearest = 3 if where == "inside" else 4
    own = rows.query(f"param_max_depth == {nearest} and param_learning_rate == 0.1")
    assert own["n_resources"].tolist() == [4]
    assert (own.index[0] == 0) == (max_time is not None)
    if where == "inside":
        assert search.best_score_ >= search.default_score_


@pytest.mark.parametrize(
    "estimator, units",
    [
        (GradientBoostingClassifier(n_estimators=4), 4),
        (GradientBoostingClassifier(n_estimators=400), 9),
        (SGDClassifier(max_iter=5), 9),  # only a cap
        (MLPClassifier(max_iter=5), 5),
    ],
)
def test_units_of_an_estimator_as_it_is(estimator, units):
    chosen = choose_resource("auto", estimator)
    assert own_units(chosen, estimator, 9) == units


# ---- outside of it, it is a reference


@pytest.mark.parametrize("make", LEARNING.values(), ids=LEARNING)
def test_outside_of_the_space_it_is_scored_once(make):
    watched()
    search = fit(make, OUTSIDE, refit=False)
    assert len(search.cv_results_["params"]) == 6
    assert sum(settings["a"] == 0.5 for settings in fits()) == 3
    assert search.default_score_ == pytest.approx(
        cross_val_score(Toy(), X, y, cv=3).mean()
    )
    second = search.summary().splitlines()[1]
    assert second.startswith("The estimator's own setting scores higher")
    again = fit(make, OUTSIDE, refit=False, n_jobs=2)
    assert again.default_score_ == search.default_score_
    assert_equal_tables(again, search)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rungs_score_a_reference_in_full(strategy):
    search = rungs({"a": (0.6, 1.0)}, strategy=strategy).fit(X, y)
    assert search.default_score_ == 2.0
    assert search.summary().splitlines()[1].startswith("The estimator's own setting")
    before = rungs(strategy=strategy, optimizer="random").plan(X, y)
    assert search.plan_["units"].sum() <= before["units"].sum()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rungs_train_the_nearest_setting_in_full_where_a_number_is_out_of_range(
    strategy,
):
    rows = table(rungs({"a": (0.6, 1.0)}, strategy=strategy).fit(X, y))
    assert rows.loc[rows["param_a"] == 0.6, "n_resources"].tolist() == [9]


def test_a_population_scores_a_reference_in_full():
    search = PBTSearchCV(
        Grower(), {"a": (0.6, 1.0), "rate": (0.5, 2.0)}, n_steps=3, interval=3, cv=2,
        max_resource=9, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert search.default_score_ == 2.0
    assert len(search.cv_results_["params"]) == 24


@pytest.mark.parametrize("error_score", [np.nan, -1.0, "raise"])
def test_a_reference_that_fails_ends_no_search(error_score):
    space = {"a": (0.6, 1.0)}
    search = rungs(space, Grower(fails=True), error_score=error_score).fit(X, y)
    assert np.isnan(search.default_score_)
    assert search.summary().splitlines()[1] == "Own setting: failed, and has no score"


def test_values_of_another_kind_are_outside():
    class Half(Toy):
        def fit(self, X, y=None):
            if self.a is None:
                self.a = 0.4
            return super().fit(X, y)

    search = fit(LEARNING["gp"], INSIDE, Half(a=None))
    assert search.default_score_ == pytest.approx(
        cross_val_score(Toy(a=0.4), X, y, cv=3).mean()
    )


def test_where_given_settings_take_all_places_it_is_a_reference():
    given = [{"a": 0.9, "kind": "x"}, {"a": 0.8, "kind": "x"}]
    search = fit(BayesSearchCV, INSIDE, n_iter=2, optimizer="gp", initial_params=given)
    assert search.cv_results_["params"] == given
    assert search.default_score_ > search.best_score_


def test_the_metric_is_the_one_that_chooses():
    scoring = {
        "one": lambda model, X, y: model.a,
        "two": lambda model, X, y: -model.a,
    }
    settings = dict(scoring=scoring, refit="two", objective="one")
    search = fit(LEARNING["gp"], OUTSIDE, **settings)
    assert search.default_score_ == -0.5
    inside = fit(LEARNING["gp"], INSIDE, **settings)
    assert inside.default_score_ == -0.5


def test_a_search_that_is_resumed_does_not_fit_it_again(tmp_path):
    def stop(progress):
        if progress.n_done == 3:
            raise KeyboardInterrupt

    settings = dict(checkpoint=tmp_path / "search.jsonl", refit=False)
    watched()
    with pytest.raises(KeyboardInterrupt):
        fit(LEARNING["gp"], OUTSIDE, callbacks=stop, **settings)
    search = fit(LEARNING["gp"], OUTSIDE, **settings)
    finished = fit(LEARNING["gp"], OUTSIDE, **settings)
    assert sum(settings["a"] == 0.5 for settings in fits()) == 3
    plain = fit(LEARNING["gp"], OUTSIDE, refit=False)
    assert search.default_score_ == finished.default_score_ == plain.default_score_
    assert_equal_tables(search, plain)


# ---- pure searches


@pytest.mark.parametrize("optimizer", ["random", "sobol"])
def test_pure_searches_stay_pure(optimizer):
    watched()
    search = fit(BayesSearchCV, OUTSIDE, n_iter=4, optimizer=optimizer, refit=False)
    assert len(fits()) == 4 * 3
    assert not hasattr(search, "default_score_")
    assert "Own setting: not tried" in search.summary()
    in_rungs = rungs(optimizer=optimizer).fit(X, y)
    assert not hasattr(in_rungs, "default_score_")
    assert 0.5 not in in_rungs.cv_results_["param_a"]


def test_a_grid_adds_nothing():
    watched()
    search = fit(BayesSearchCV, {"a": [0.1, 0.2]}, refit=False)
    assert len(fits()) == 2 * 3
    assert "Own setting: not tried" in search.summary()
    assert hasattr(fit(BayesSearchCV, {"a": [0.1, 0.5]}), "default_score_")


# ---- a limit of time


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_with_a_limit_of_time_it_comes_first(strategy):
    rows = table(rungs(strategy=strategy, max_time=60.0).fit(X, y))
    assert (rows["param_a"][0], rows["n_resources"][0]) == (0.5, 9)


def test_a_limit_of_time_leaves_the_order_of_a_resumed_search(tmp_path):
    def stop(progress):
        if progress.n_done == 4:
            raise KeyboardInterrupt

    path = tmp_path / "search.jsonl"
    with pytest.raises(KeyboardInterrupt):
        rungs(checkpoint=path, callbacks=stop).fit(X, y)
    search = rungs(checkpoint=path, max_time=60.0).fit(X, y)
    assert_equal_tables(search, rungs().fit(X, y))


# ---- a model that is real


def test_boosting_by_epochs_is_no_worse_than_its_default():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 5))
    target = (features[:, 0] + rng.normal(size=200) > 0).astype(int)
    model = SGDClassifier(random_state=0)
    search = HyperbandSearchCV(
        model, {"alpha": (1e-5, 1e1, "log-uniform")}, max_resource=27, cv=3,
        random_state=0,
    ).fit(features, target)  # fmt: skip
    assert search.default_score_ <= search.best_score_
    assert 1e-4 in list(search.cv_results_["param_alpha"])
