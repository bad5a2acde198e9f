"""HyperbandSearchCV: what holds where candidates climb from rung to rung."""

import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skhpo import HyperbandSearchCV, NoImprovement, TargetReached

from ..evaluation.growers import CountingScaler, Sweeps
from .tables import assert_equal_tables, table

# ---- estimators that watch


class Grower(ClassifierMixin, BaseEstimator):
    """Learns by epochs, and keeps what it saw; ``units_`` counts real calls.

    Its score grows with its units towards a limit that ``a`` decides.
    """

    CALLS = []  # (a, rows of the call), in this process
    SCORED = []  # (a, units, rows)

    def __init__(self, a=0.5, fails=(), nap=0.0, ballast=0):
        self.a = a
        self.fails = fails
        self.nap = nap
        self.ballast = ballast

    def __skhpo_resource__(self):
        return Epochs()

    def fit(self, X, y):
        raise AssertionError("it grows by partial_fit")

    def partial_fit(self, X, y):
        self.units_ = getattr(self, "units_", 0) + 1
        if self.units_ in self.fails and self.a > 0.5:
            raise RuntimeError("no more today")
        if self.nap:
            time.sleep(self.nap)
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.rows_ = set(X[:, 0].astype(int)) | getattr(self, "rows_", set())
        if not hasattr(self, "heavy_"):
            self.heavy_ = np.zeros(self.ballast)
        self.heavy_ += 1.0  # raises on a read-only memory map
        self.CALLS.append((self.a, len(X)))
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        rows = set(X[:, 0].astype(int))
        self.SCORED.append((self.a, self.units_, rows))
        if rows & self.rows_ and len(rows) < 40:
            raise AssertionError("scored on rows that it was trained on")
        return 1 - (self.a - 0.3) ** 2 - 1 / (1 + self.units_)


class Epochs:
    kind, param, max_resource = "epochs", None, 27

    def advance(self, estimator, X, y, frm, to):
        for _ in range(frm, to):
            estimator.partial_fit(X, y)


N = 40
X = np.column_stack(
    [np.arange(N, dtype=float), np.random.default_rng(0).normal(size=N)]
)
y = np.tile([0, 1], N // 2)
SPACE = {"a": (0.0, 1.0)}


def hyperband(estimator=None, space=None, **parameters):
    defaults = dict(min_resource=1, max_resource=9, cv=2, random_state=0)
    estimator = Grower() if estimator is None else estimator
    return HyperbandSearchCV(
        estimator, SPACE if space is None else space, **{**defaults, **parameters}
    )


@pytest.fixture
def watch():
    """Forget what growers did; return what they do from now on: (calls, scored)."""
    Grower.CALLS.clear()
    Grower.SCORED.clear()
    return Grower.CALLS, Grower.SCORED


REAL, Y = make_classification(600, 8, n_informative=5, random_state=0)


# ---- the table


def test_a_row_per_candidate_and_rung():
    rows = table(hyperband().fit(X, y))
    assert rows.groupby(["bracket", "rung", "n_resources"]).size().to_dict() == {
        (0, 0, 1): 9,
        (0, 1, 3): 3,
        (0, 2, 9): 1,
        (1, 0, 3): 5,
        (1, 1, 9): 1,
        (2, 0, 9): 3,
    }
    assert (rows["iter"] == rows["rung"]).all()
    assert set(rows["sweep"]) == {0}
    assert sorted(set(rows["candidate"])) == list(range(17))
    statuses = rows["status"].value_counts().to_dict()
    assert statuses == {"stopped": 12, "promoted": 5, "complete": 5}


def test_the_best_third_of_a_rung_is_promoted():
    rows = table(hyperband().fit(X, y))
    for _, rung in rows[rows["n_resources"] < 9].groupby(["bracket", "rung"]):
        promoted = rung["status"] == "promoted"
        scores = rung["mean_test_score"]
        assert scores[promoted].min() >= scores[~promoted].max()


def test_a_parent_is_the_row_of_the_same_candidate_one_rung_below():
    rows = table(hyperband().fit(X, y))
    children = rows[rows["parent"] >= 0]
    assert len(children) == 5
    for _, child in children.iterrows():
        parent = rows.loc[child["parent"]]
        assert parent["candidate"] == child["candidate"]
        assert parent["rung"] == child["rung"] - 1
        assert parent["status"] == "promoted"
        assert parent["params"] == child["params"]
    assert (rows.loc[rows["parent"] < 0, "rung"] == 0).all()


class Peaking(Grower):
    """Scores best after three units, as a booster that overfits."""

    def score(self, X, y=None):
        return super().score(X, y) - 0.2 * max(self.units_ - 3, 0)


@pytest.mark.parametrize("strategy", ["hyperband", "sha", "asha", "median"])
def test_any_row_may_be_the_best_where_the_resource_belongs_to_the_model(strategy):
    search = hyperband(Peaking(), strategy=strategy).fit(X, y)
    rows = table(search)
    scores = rows["mean_test_score"]
    ranks = (-scores).rank(method="min").astype(int)
    assert list(rows["rank_test_score"]) == list(ranks)
    assert search.best_index_ == scores.argmax()
    assert search.best_score_ == scores.max() > scores[rows["n_resources"] == 9].max()
    assert rows.loc[search.best_index_, "status"] in ("promoted", "stopped")
    units = rows.loc[search.best_index_, "n_resources"]
    assert search.best_resource_ == units == search.best_estimator_.units_ < 9
    assert search.best_score_ >= search.default_score_
    assert search.resource_info_["best_of"] == "every row"


def test_the_highest_rung_ranks_first_where_rows_are_the_resource():
    class Forgetting(Memory):  # few rows score best
        def score(self, X, y):
            return super().score(X, y) - len(self.rows_) / 100

    search = hyperband(
        Forgetting(), {"max_depth": (1, 9)}, min_resource=50, max_resource=200
    ).fit(REAL, Y)
    rows = table(search)
    by_rank = rows.sort_values("rank_test_score")
    assert (by_rank["n_resources"].diff().dropna() <= 0).all()
    top = rows[rows["n_resources"] == 200]["mean_test_score"]
    assert search.best_score_ == top.max() < rows["mean_test_score"].max()
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1
    assert search.resource_info_["best_of"] == "top rung"


def test_callbacks_and_rules_hear_of_the_best_of_all_rows():
    heard = []
    search = hyperband(Peaking(), callbacks=heard.append).fit(X, y)
    by_number = [one.score for one in heard]
    expected = np.maximum.accumulate(by_number)
    assert [one.best_score for one in heard] == list(expected)
    assert heard[-1].best_score == search.best_score_
    assert heard[-1].best_params == search.best_params_
    target = search.best_score_
    reached = hyperband(Peaking(), stop=TargetReached(target)).fit(X, y)
    assert reached.best_score_ == target and reached.best_resource_ == 3


def test_predictions_of_every_row_are_kept_and_tell_what_the_score_is_worth():
    def fitted(**parameters):
        space = {"alpha": (1e-6, 1e0, "log-uniform")}
        search = hyperband(SGDClassifier(), space, cv=3, **parameters)
        return search.fit(REAL, Y)

    search, by_folds = fitted(store_predictions=True), fitted()
    n_rows = len(search.cv_results_["params"])
    assert list(search.predictions_) == list(range(n_rows))
    for fitted_one in (search, by_folds):
        estimate = fitted_one.score_estimate_
        assert estimate.n_candidates == n_rows
        assert 0 <= estimate.bias < 0.1
        assert "stopped early" not in str(estimate.reservations)


def test_sweeps_have_new_candidates():
    rows = table(hyperband(n_iterations=2).fit(X, y))
    assert rows.groupby("sweep")["candidate"].nunique().to_dict() == {0: 17, 1: 17}
    assert rows.loc[rows["rung"] == 0, "param_a"].nunique() == 34


def test_learning_curves_are_the_table_in_the_long_form():
    search = hyperband().fit(X, y)
    curves, rows = search.curves_, table(search)
    assert len(curves) == len(rows)
    winner = rows.loc[search.best_index_, "candidate"]
    curve = curves[curves["candidate"] == winner]
    assert list(curve["n_resources"]) == sorted(curve["n_resources"])
    scores = rows[rows["candidate"] == winner].sort_values("n_resources")
    assert list(curve["mean_test_score"]) == list(scores["mean_test_score"])


def test_rungs_that_agree_have_correlation_one():
    pairs = hyperband().fit(X, y).rank_correlation_
    (first,) = pairs[(pairs["n_resources"] == 1) & (pairs["n_resources_above"] == 3)][
        ["n_candidates", "kendall_tau"]
    ].to_numpy()
    assert list(first) == [3, 1.0]


def test_rungs_that_say_nothing_are_warned_of():
    class Turning(Grower):  # the order turns round from rung to rung
        def score(self, X, y=None):
            return self.a * (-1) ** round(np.log(self.units_) / np.log(3))

    with pytest.warns(UserWarning, match=r"min_resource.*rank_correlation_") as said:
        hyperband(Turning(), max_resource=27).fit(X, y)
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hyperband(max_resource=27).fit(X, y)


def test_several_metrics_and_the_one_that_steers():
    scoring = {"good": Grower.score, "bad": _bad}
    search = hyperband(scoring=scoring, refit="good").fit(X, y)
    rows = table(search)
    assert search.cv_results_["rank_test_good"][search.best_index_] == 1
    assert search.best_score_ == rows["mean_test_good"].max()
    assert rows["rank_test_bad"].loc[rows["mean_test_bad"].idxmax()] == 1
    assert {"mean_test_good", "std_test_bad"} <= set(search.curves_)
    steered = hyperband(scoring=scoring, refit="good", objective="bad").fit(X, y)
    rung = table(steered).query("bracket == 0 and rung == 0")
    promoted = rung["status"] == "promoted"
    assert (
        rung["mean_test_bad"][promoted].min() >= rung["mean_test_bad"][~promoted].max()
    )


def _bad(estimator, X, y):
    return -Grower.score(estimator, X, y)


@pytest.mark.parametrize(
    "estimator, space, settings, offered",
    [
        (Grower(fails=(9,)), SPACE, {}, {1, 3, 9}),
        (DecisionTreeClassifier(), {"max_depth": (1, 9)},
         dict(min_resource=50, max_resource=200), {200}),
    ],
    ids=["epochs", "rows"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_refit_function_sees_the_rows_that_compete(
    estimator, space, settings, offered
):
    seen = {}

    def choose(results):
        seen.update(results)
        return int(np.argmin(results["n_resources"]))

    data = (X, y) if estimator.get_params().get("fails") else (REAL, Y)
    search = hyperband(estimator, space, refit=choose, **settings).fit(*data)
    rows = table(search)
    assert set(seen["n_resources"]) == offered
    assert np.isfinite(seen["mean_test_score"]).all()
    competing = rows["n_resources"].isin(offered) & (rows["status"] != "failed")
    assert list(seen["candidate"]) == list(rows["candidate"][competing])
    assert search.best_resource_ == min(offered)
    assert search.cv_results_["params"][search.best_index_] == search.best_params_


# ---- leaks


@pytest.mark.parametrize("strategy", ["hyperband", "sha", "asha", "median"])
def test_no_model_is_scored_on_a_row_that_it_was_trained_on(strategy, watch):
    cv = ShuffleSplit(n_splits=3, test_size=0.4)  # unseeded
    hyperband(
        cv=cv, strategy=strategy, optimizer="random", error_score="raise", refit=False
    ).fit(X, y)
    calls, scored = watch
    assert len(scored) > 30
    assert {n for _, n in calls} == {24}  # whole training folds, and test folds
    assert {len(rows) for *_, rows in scored} == {16}
    assert len({frozenset(rows) for *_, rows in scored}) == 3  # the same for all


class Memory(DecisionTreeClassifier):
    """Remembers the rows that it was fitted on, and refuses to be scored on them."""

    def fit(self, X, y, check_input=True):  # scikit-learn 1.6 looks for the name
        self.rows_ = set(X[:, 0])
        return super().fit(X, y)

    def score(self, X, y):
        assert not self.rows_ & set(X[:, 0])
        return super().score(X, y)


@pytest.mark.parametrize("resource", ["n_samples", "max_leaf_nodes"])
def test_nor_where_rows_or_a_parameter_are_the_resource(resource):
    search = HyperbandSearchCV(
        Memory(max_leaf_nodes=9),
        {"min_impurity_decrease": (0.0, 0.1)},
        resource=resource,
        min_resource=40 if resource == "n_samples" else 2,
        cv=ShuffleSplit(n_splits=3, test_size=0.4),
        error_score="raise",
        random_state=0,
    ).fit(REAL, Y)
    assert search.plan_["n_resources"].nunique() > 1


NOISE = np.random.default_rng(1).normal(size=(400, 5))
COIN = np.random.default_rng(2).permutation(np.tile([0, 1], 200))


@pytest.mark.parametrize(
    "estimator, space, settings",
    [
        (SGDClassifier(), {"alpha": (1e-6, 1e0, "log-uniform")}, dict(max_resource=9)),
        (RandomForestClassifier(), {"max_depth": (2, 20)}, dict(max_resource=9)),
        (
            DecisionTreeClassifier(),
            {"max_depth": (2, 20)},
            dict(resource="n_samples", min_resource=40),
        ),
    ],
    ids=["epochs", "trees", "rows"],
)
def test_nothing_is_learnt_from_noise(estimator, space, settings):
    # every single fold score of a model that never saw its test rows is a draw of
    # 200 coins; a leak, as in OptunaSearchCV's pruning, reaches 1.0
    search = HyperbandSearchCV(
        estimator, space, cv=ShuffleSplit(n_splits=4, test_size=0.5), random_state=0,
        **settings,
    ).fit(NOISE, COIN)  # fmt: skip
    rows = table(search)
    folds = rows[[f"split{k}_test_score" for k in range(4)]].to_numpy()
    assert abs(folds.mean() - 0.5) < 3 * 0.5 / np.sqrt(4 * 200)
    assert folds.max() < 0.5 + 5 * 0.5 / np.sqrt(200)


# ---- the same table


FOREST = dict(
    estimator=RandomForestClassifier(max_depth=3),
    space={"max_features": (0.1, 1.0), "min_samples_leaf": (1, 20)},
)


@pytest.mark.parametrize("strategy", ["hyperband", "asha"])
def test_workers_and_backends_change_nothing(strategy):
    searches = []
    for name, n_jobs in ((None, 1), ("loky", 2), ("threading", 2)):
        search = hyperband(**FOREST, strategy=strategy, n_jobs=n_jobs, n_points=3)
        with joblib.parallel_config(backend=name or "loky"):
            searches.append(search.fit(REAL, Y))
    for other in searches[1:]:
        assert_equal_tables(searches[0], other)
        expected = searches[0].best_estimator_.predict_proba(REAL)
        np.testing.assert_array_equal(
            other.best_estimator_.predict_proba(REAL), expected
        )


@pytest.mark.parametrize(
    "estimator, space",
    [
        (SGDClassifier(), {"alpha": (1e-6, 1e0, "log-uniform")}),
        (MLPClassifier((5,)), {"alpha": (1e-6, 1e0, "log-uniform")}),
        (GradientBoostingClassifier(subsample=0.5), {"max_depth": (1, 4)}),
        (
            make_pipeline(CountingScaler(), HistGradientBoostingClassifier()),
            {"histgradientboostingclassifier__max_leaf_nodes": (2, 9)},
        ),
    ],
    ids=["sgd", "mlp", "boosting", "pipeline"],
)
def test_where_models_are_kept_changes_nothing(estimator, space):
    kept = [
        hyperband(estimator, space, keep_models=where).fit(REAL, Y)
        for where in ("memory", "disk", "none")
    ]
    for other in kept[1:]:
        assert_equal_tables(kept[0], other)
    assert kept[0].resource_info_["mode"] == "continued"
    assert kept[2].resource_info_["mode"] == "refitted"
    assert kept[0].plan_["units"].sum() < kept[2].plan_["units"].sum()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["sha", "asha", "median"])
def test_where_models_are_kept_changes_no_candidate(strategy):
    space = {"alpha": (1e-6, 1e0, "log-uniform")}
    settings = dict(strategy=strategy, n_candidates=9, max_resource=9)
    kept, dropped = [
        hyperband(SGDClassifier(), space, keep_models=where, **settings).fit(REAL, Y)
        for where in ("memory", "none")
    ]
    assert_equal_tables(kept, dropped)


def test_nothing_is_left_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    hyperband(keep_models="disk").fit(X, y)
    assert list(tmp_path.glob("**/*.pickle")) == []


def test_a_second_fit_and_a_clone_give_the_same():
    search = hyperband(**FOREST).fit(REAL, Y)
    again = clone(search).fit(REAL, Y)
    assert_equal_tables(search, again)
    before = table(search)
    pd.testing.assert_frame_equal(before, table(search.fit(REAL, Y)))


def test_a_setting_proposed_twice_is_trained_once(watch):
    class Stubborn:
        def ask(self, n):
            return [{"a": 0.3}] * n

        def tell(self, results):
            """It never learns."""

    search = hyperband(optimizer=Stubborn(), strategy="sha", refit=False).fit(X, y)
    calls, _ = watch
    assert len(calls) == 9 * 2  # one candidate to the top, on two folds
    assert len(table(search)) == 13
    assert search.plan_["units"].sum() == 18


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("strategy", ["hyperband", "asha"])
def test_an_asynchronous_search_completes_its_plan(strategy, n_jobs):
    search = hyperband(strategy=strategy, n_jobs=n_jobs, asynchronous=True)
    with joblib.parallel_config(backend="threading"):
        search.fit(X, y)
    assert search.stop_reason_ == "plan_completed"
    assert search.best_resource_ == 9
    done = search.plan_
    assert list(done["n_candidates"]) == list(done["planned_candidates"])


# ---- the plan


def test_the_plan_is_known_before_any_fit_and_kept(watch):
    search = hyperband()
    planned = search.plan(X, y)
    calls, _ = watch
    assert calls == []
    assert not hasattr(search, "n_splits_")
    assert not hasattr(search, "resource_info_")
    search.fit(X, y)
    done = search.plan_
    assert list(planned["n_candidates"]) == list(done["n_candidates"])
    assert list(planned["units"]) == list(done["units"]) == list(done["planned_units"])
    assert planned["share"].sum() == pytest.approx(1)
    refit = 9
    assert len(calls) == planned["units"].sum() + refit  # counted as real calls


def test_a_plan_leaves_the_global_generator_alone():
    before = np.random.get_state()[1:3]  # noqa: NPY002
    hyperband(random_state=None).plan(X, y)
    after = np.random.get_state()[1:3]  # noqa: NPY002
    assert (before[0] == after[0]).all()
    assert before[1] == after[1]


@pytest.mark.slow
def test_continuing_saves_a_sixth_of_the_units_at_81(watch):
    settings = dict(max_resource=81, cv=3, refit=False)
    calls, _ = watch
    hyperband(**settings).fit(X, y)
    continued = len(calls)
    refitted = hyperband(**settings, keep_models="none").plan(X, y)["units"].sum()
    assert continued == 4743
    assert refitted == 5706
    assert refitted / continued >= 1.19


@pytest.mark.slow
def test_the_plan_of_all_strategies_is_never_exceeded():
    for strategy in ("hyperband", "sha", "asha", "median"):
        search = hyperband(strategy=strategy, n_iterations=2, n_candidates=7).fit(X, y)
        done = search.plan_
        assert (done["n_candidates"] <= done["planned_candidates"]).all(), strategy
        assert (done["units"] <= done["planned_units"]).all(), strategy
        firsts = done["rung"] == 0
        n_planned = done.loc[firsts, "planned_candidates"].sum()
        assert table(search)["candidate"].nunique() == n_planned
        pure = search.set_params(optimizer="random").plan(X, y)
        assert pure.loc[pure["rung"] == 0, "n_candidates"].sum() == 14
        assert done["planned_units"].sum() <= pure["units"].sum()
        assert search.best_resource_ == 9
        assert search.stop_reason_ == "plan_completed"


def test_a_small_space_is_planned_for_and_tried_once():
    space = {"a": [0.1, 0.2, 0.3, 0.4]}
    search = hyperband(space=space).fit(X, y)
    rows = table(search)
    assert rows.loc[rows["rung"] == 0, "param_a"].nunique() == 4
    assert search.plan(X, y).query("rung == 0")["n_candidates"].sum() == 4
    assert search.best_params_["a"] in (0.2, 0.3, 0.4)


# ---- the refit


def test_the_refitted_model_has_exactly_the_best_resource(watch):
    search = hyperband().fit(X, y)
    assert search.best_estimator_.units_ == 9 == search.best_resource_
    assert search.best_estimator_.rows_ == set(range(N))
    assert search.refit_time_ > 0
    forest = hyperband(**FOREST).fit(REAL, Y)
    trees = forest.best_estimator_
    assert len(trees.estimators_) == forest.best_resource_ == trees.n_estimators


def test_a_refit_below_the_top_is_the_model_of_that_row():
    """As its folds were trained, by hand, with the seeds of a fold that is not there.

    The learning rate makes few rounds the best.
    """
    space = {"learning_rate": (0.9, 1.0), "max_depth": (3, 6)}
    model = HistGradientBoostingClassifier(random_state=0)
    search = hyperband(model, space, max_resource=81, min_resource=3, cv=3)
    search.fit(REAL, Y)
    assert search.best_params_["max_iter"] == search.best_resource_ < 81
    by_hand = clone(model).set_params(**search.best_params_, early_stopping=False)
    np.testing.assert_array_equal(
        search.best_estimator_.predict_proba(REAL),
        by_hand.fit(REAL, Y).predict_proba(REAL),
    )


def test_the_refit_is_the_stepper_seeds_included():
    search = hyperband(SGDClassifier(), {"alpha": (1e-6, 1e0, "log-uniform")})
    one, two = search.fit(REAL, Y), clone(search).fit(REAL, Y)
    np.testing.assert_array_equal(one.best_estimator_.coef_, two.best_estimator_.coef_)
    epochs = one.best_resource_
    assert one.best_estimator_.t_ == 1 + epochs * len(REAL)  # no reset
    assert one.best_estimator_.random_state is None


def test_the_best_parameters_can_be_set_and_hold_the_resource_only_if_it_is_one():
    search = hyperband(**FOREST).fit(REAL, Y)
    assert search.best_params_["n_estimators"] == search.best_resource_
    assert "param_n_estimators" in search.cv_results_
    model = RandomForestClassifier().set_params(**search.best_params_).fit(REAL, Y)
    assert len(model.estimators_) == search.best_resource_
    assert set(hyperband().fit(X, y).best_params_) == {"a"}
    pipe = make_pipeline(CountingScaler(), RandomForestClassifier(max_depth=2))
    space = {"randomforestclassifier__max_features": (0.1, 1.0)}
    search = hyperband(pipe, space).fit(REAL, Y)
    best = search.best_params_["randomforestclassifier__n_estimators"]
    assert best == search.best_resource_
    clone(pipe).set_params(**search.best_params_)


def test_where_rows_are_the_resource_the_refit_has_all_of_them():
    search = hyperband(
        Memory(), {"max_depth": (1, 9)}, min_resource=50, max_resource=200
    ).fit(REAL, Y)
    assert search.best_resource_ == 200
    assert len(search.best_estimator_.rows_) == 600


# ---- states


@pytest.mark.slow
@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize(
    "backend", ["loky", "threading", "multiprocessing", "unknown to us"]
)
def test_models_above_a_megabyte_go_on_in_other_processes(backend, where):
    class Unknown(joblib._parallel_backends.ThreadingBackend):
        """Served by waves; its workers may be on other machines."""

    joblib.register_parallel_backend("unknown to us", Unknown)
    search = hyperband(
        Grower(ballast=300_000), strategy="sha", n_jobs=2, keep_models=where,
        error_score="raise",
    )  # fmt: skip
    with joblib.parallel_config(backend=backend):
        search.fit(X, y)
    assert search.best_resource_ == 9
    assert (search.best_estimator_.heavy_ == 9).all()


def test_large_models_of_scikit_learn_go_on_in_other_processes():
    rng = np.random.default_rng(0)
    wide, labels = rng.normal(size=(60, 20_000)), np.tile([0, 1, 2], 20)
    sgd = hyperband(
        SGDClassifier(), {"alpha": (1e-6, 1e0, "log-uniform")}, n_jobs=2,
        strategy="sha", max_resource=9, n_candidates=3, error_score="raise",
    )  # fmt: skip
    assert sgd.fit(wide, labels).best_estimator_.coef_.nbytes > 400_000
    mlp = hyperband(
        MLPClassifier((300, 300)), {"alpha": (1e-6, 1e0, "log-uniform")}, n_jobs=2,
        strategy="sha", max_resource=9, n_candidates=3, error_score="raise",
    )  # fmt: skip
    mlp.fit(wide[:, :20], labels)
    assert mlp.cv_results_["n_resources"].max() == 9


def test_models_that_cannot_be_pickled_are_trained_again(watch):
    class Secretive(Grower):
        def __getstate__(self):
            raise TypeError("not for others")

    settings = dict(strategy="sha", optimizer="random", refit=False)
    search = hyperband(Secretive(), **settings).fit(X, y)
    plain = hyperband(Grower(), **settings).fit(X, y)
    assert_equal_tables(search, plain)
    assert search.plan_["units"].sum() == 2 * (9 * 1 + 3 * 3 + 1 * 9)


# ---- failures, Ctrl-C, time


def test_failing_candidates_are_never_promoted():
    search = hyperband(Grower(fails=(1, 2, 9)), SPACE)
    with pytest.warns(match="no more today"):
        search.fit(X, y)
    rows = table(search)
    failed = rows[rows["status"] == "failed"]
    assert len(failed) > 3
    assert not set(rows["parent"]) & set(failed.index)
    assert (failed["param_a"] > 0.5).all()
    assert search.best_params_["a"] <= 0.5
    assert list(failed["rank_test_score"].unique()) == [rows["rank_test_score"].max()]
    assert search.plan_["n_failed"].sum() == len(failed)
    assert all("no more today" in text for text in failed["error"])


def test_where_all_fail_there_is_one_clear_error():
    with pytest.raises(ValueError, match=r"All the \d+ fits failed"):
        hyperband(Grower(fails=(1,)), {"a": (0.6, 1.0)}).fit(X, y)


def test_where_all_fail_at_a_higher_rung_the_best_of_the_lower_one_is_kept():
    search = hyperband(
        Grower(fails=(2,)), {"a": (0.6, 1.0)}, strategy="sha", refit=False
    )
    with pytest.warns(match="no more today"):
        search.fit(X, y)
    assert search.best_resource_ == 1
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1


def test_a_search_that_goes_on_has_the_same_best_of_all_rows(tmp_path):
    def interrupt(progress):
        if progress.n_done == 12:
            raise KeyboardInterrupt

    settings = dict(checkpoint=tmp_path / "search.jsonl")
    stopped = hyperband(Peaking(), callbacks=interrupt, **settings)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(X, y)
    rows = table(stopped)
    assert stopped.best_score_ == rows["mean_test_score"].max()
    resumed = hyperband(Peaking(), **settings).fit(X, y)
    whole = hyperband(Peaking()).fit(X, y)
    assert_equal_tables(resumed, whole)
    assert resumed.best_index_ == whole.best_index_
    assert resumed.best_resource_ == resumed.best_estimator_.units_ == 3


def test_ctrl_c_keeps_the_rungs_that_are_done():
    def interrupt(progress):
        if progress.n_done == 12:
            raise KeyboardInterrupt

    search = hyperband(callbacks=interrupt)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    rows = table(search)
    assert len(rows) >= 12
    assert search.stop_reason_ == "interrupted"
    assert search.best_resource_ == rows["n_resources"].max()
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1
    assert {"promoted", "stopped"} <= set(rows["status"])
    assert len(search.curves_) == len(rows)
    assert not hasattr(search, "best_estimator_")


def test_the_end_of_time_keeps_results_and_refits():
    search = hyperband(Grower(nap=0.01), max_resource=81, max_time=1.0).fit(X, y)
    rows = table(search)
    assert 0 < len(rows) < 300
    assert search.stop_reason_ == "max_time"
    assert search.best_resource_ == rows["n_resources"].max()
    assert search.best_estimator_.units_ == search.best_resource_
    done = search.plan_
    assert done["units"].sum() < done["planned_units"].sum()


def test_with_a_limit_of_time_rungs_do_not_wait():
    def rows_of(**parameters):
        rows = table(hyperband(max_resource=27, **parameters).fit(X, y))
        return rows, rows["n_resources"].value_counts().to_dict()

    plain, counts = rows_of()
    limited, limited_counts = rows_of(max_time=600.0)
    assert counts == limited_counts
    first = [rows.index[rows["parent"] >= 0][0] for rows in (plain, limited)]
    assert first[0] >= 27 > 9 > first[1]
    assert limited["n_resources"][0] == 27  # the estimator's own setting


def test_stopping_rules_compare_what_was_trained_alike():
    search = hyperband(stop=TargetReached(0.8)).fit(X, y)
    assert search.stop_reason_.startswith("target_reached")
    assert search.best_resource_ > 1  # 1 - 1 / (1 + 1) = 0.5 at the first rung
    patient = hyperband(stop=NoImprovement(3)).fit(X, y)
    assert patient.stop_reason_.startswith("no_improvement")


# ---- pipelines, rows


def test_transformers_are_fitted_once_per_fold_and_candidate():
    CountingScaler.log.clear()
    pipe = make_pipeline(CountingScaler(), SGDClassifier())
    search = hyperband(pipe, {"sgdclassifier__alpha": (1e-6, 1e0, "log-uniform")})
    search.set_params(strategy="sha", optimizer="random", refit=False).fit(REAL, Y)
    assert CountingScaler.log == [300] * 9 * 2  # candidates x folds, not x rungs


def imbalanced(n=1500):
    shares = np.array([0.5, 0.33, 0.15, 0.02])
    labels = np.repeat(np.arange(4), (shares * n).astype(int))
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 6))
    labels = rng.permutation(labels)
    return centres[labels] + rng.normal(size=(len(labels), 6)), labels


class SeesAllClasses(SVC):
    def fit(self, X, y):
        counts = np.bincount(y, minlength=4)
        assert (counts >= 2).all(), counts
        return super().fit(X, y)


def test_no_rung_of_rows_misses_a_rare_class():
    data, labels = imbalanced()
    search = hyperband(
        SeesAllClasses(), {"C": (1e-2, 1e3, "log-uniform")}, min_resource=100,
        max_resource="auto", scoring="balanced_accuracy", cv=3, error_score="raise",
    ).fit(data, labels)  # fmt: skip
    assert search.plan_["n_resources"].min() < 120
    assert search.resource_info_["kind"] == "n_samples"


class KnowsItsRows(GaussianNB):
    LOG = []

    def fit(self, X, y):
        self.LOG.append(np.asarray(X)[:, 0].astype(int))
        return super().fit(X, y)


def test_time_series_keep_the_most_recent_rows_and_groups_stay_whole():
    data = np.column_stack([np.arange(600), REAL])
    KnowsItsRows.LOG.clear()
    settings = dict(resource="n_samples", min_resource=20, strategy="sha", refit=False)
    space = {"var_smoothing": (1e-9, 1e-1, "log-uniform")}
    search = HyperbandSearchCV(
        KnowsItsRows(), space, cv=TimeSeriesSplit(3), n_candidates=4, **settings
    ).fit(data, Y)
    assert search.plan_["n_resources"].nunique() > 1
    assert all((np.diff(rows) == 1).all() for rows in KnowsItsRows.LOG)
    KnowsItsRows.LOG.clear()
    groups = np.arange(600) // 10
    HyperbandSearchCV(
        KnowsItsRows(), space, cv=GroupKFold(3), n_candidates=4, **settings
    ).fit(data, Y, groups=groups)
    for rows in KnowsItsRows.LOG:
        assert (np.unique(rows // 10, return_counts=True)[1] == 10).all()


def test_scikit_learns_callbacks_hear_of_every_training():
    from .spies import Recorder

    search = hyperband(strategy="sha", optimizer="random")
    if not hasattr(search, "set_callbacks"):
        pytest.skip("scikit-learn >= 1.9")
    recorder = Recorder()
    search.set_callbacks(recorder).fit(X, y)
    assert recorder.count("begin", "candidate-split-evaluation") == 13 * 2
    assert recorder.count("end", "candidate-split-evaluation") == 13 * 2


def test_a_regressor_and_unsplit_weights():
    weights = np.linspace(1, 2, 600)
    search = hyperband(SGDRegressor(), {"alpha": (1e-6, 1e0, "log-uniform")})
    search.fit(REAL, REAL[:, 0], sample_weight=weights)
    assert search.best_score_ > 0.9
    assert search.best_estimator_.t_ == 1 + 9 * 600


def test_training_scores_are_those_of_the_rows_of_the_rung():
    scorer = make_scorer(accuracy_score)
    search = hyperband(
        DecisionTreeClassifier(), {"min_samples_split": (2, 3)}, scoring=scorer,
        resource="n_samples", min_resource=30, max_resource=300,
        return_train_score=True,
    ).fit(REAL, Y)  # fmt: skip
    assert table(search)["mean_train_score"].min() > 0.95


# ---- optimizers


@pytest.mark.parametrize("optimizer", ["random", "sobol", "gp", "tpe"])
def test_every_optimizer_fills_the_plan_and_finds_the_hill(optimizer):
    search = hyperband(optimizer=optimizer, n_iterations=2, refit=False).fit(X, y)
    assert search.optimizer_ == optimizer
    assert table(search)["candidate"].nunique() == 34
    assert abs(search.best_params_["a"] - 0.3) < 0.1


@pytest.mark.parametrize(
    "space, more, expected",
    [
        (SPACE, {}, "gp"),
        ({"a": [0.1, 0.5, 0.9]}, {}, "random"),  # all three are tried
        (SPACE, {"n_candidates": 1001, "max_time": 0.05}, "random"),
    ],
)
def test_auto_learns_from_rungs_where_there_is_something_to_choose(
    space, more, expected
):
    search = hyperband(space=space, refit=False, **more).fit(X, y)
    assert search.optimizer_ == expected


def test_an_optimizer_of_ones_own_is_told_each_rung_with_its_resource():
    told = []

    class Own:
        def __init__(self, space, rng):
            self.rng = rng

        def ask(self, n, resource=None):
            assert resource in (1, 3, 9)
            return [{"a": float(self.rng.random())} for _ in range(n)]

        def tell(self, results):
            told.extend(results)

    search = hyperband(optimizer=Own, refit=False).fit(X, y)
    assert search.optimizer_ == "Own"
    rows = table(search)
    assert sorted(r.resource for r in told) == sorted(rows["n_resources"])


def test_given_settings_are_tried_first():
    first = [{"a": 0.125}, {"a": 0.625}]
    rows = table(hyperband(initial_params=first).fit(X, y))
    assert list(rows["param_a"][:2]) == [0.125, 0.625]
    assert list(rows["bracket"][:2]) == [0, 0]


def test_a_resource_of_ones_own():
    search = HyperbandSearchCV(
        SGDClassifier(), {"alpha": (1e-6, 1e0, "log-uniform")}, resource=Sweeps(),
        cv=2, strategy="sha", random_state=0,
    ).fit(REAL, Y)  # fmt: skip
    assert search.resource_info_["kind"] == "sweeps"
    assert search.cv_results_["n_resources"].max() == 27


# ---- bad input: before the first fit


ALPHA = {"alpha": (1e-6, 1e0, "log-uniform")}


@pytest.mark.parametrize(
    "estimator, space, settings, error, words",
    [
        (RandomForestClassifier(), {"n_estimators": (9, 99)}, {}, ValueError,
         "n_estimators.*search space.*max_resource"),
        (SGDClassifier(), {"max_iter": (9, 99)}, {}, ValueError, "max_iter"),
        (LogisticRegression(), {"C": (0.1, 1.0)}, dict(resource="n_estimators"),
         ValueError, "not a parameter of LogisticRegression.*n_samples"),
        (GaussianNB(), {"var_smoothing": (1e-9, 1.0)}, dict(resource="n_estimators"),
         ValueError, "n_samples"),
        (MLPClassifier(early_stopping=True), ALPHA, {}, ValueError, "early_stopping"),
        (SGDClassifier(), ALPHA, dict(min_resource=9, max_resource=3), ValueError,
         "min_resource=9.*max_resource=3"),
        (SVC(), {"C": (0.1, 1.0)}, dict(max_resource=601), ValueError,
         "601.*rows.*training fold"),
        (SVC(), {"C": (0.1, 1.0)}, dict(min_resource=1), ValueError,
         "min_resource=1 rows are too few"),
        (SGDClassifier(), ALPHA, dict(factor=1), ValueError, "factor"),
        (SGDClassifier(), ALPHA, dict(factor=2.5), ValueError, "factor"),
        (SGDClassifier(), ALPHA, dict(n_candidates=0), ValueError, "n_candidates"),
        (SGDClassifier(), ALPHA, dict(n_iterations=0), ValueError, "n_iterations"),
        (SGDClassifier(), ALPHA, dict(min_resource=0), ValueError, "min_resource"),
        (SGDClassifier(), ALPHA, dict(strategy="hyper"), ValueError, "strategy"),
        (SGDClassifier(), ALPHA, dict(keep_models="ram"), ValueError, "keep_models"),
        (SGDClassifier(), ALPHA, dict(optimizer="gpp"), ValueError,
         "gpp.*Did you mean 'gp'"),
        (SGDClassifier(), ALPHA, dict(optimizer=3), TypeError, "ask"),
        (SGDClassifier(), ALPHA, dict(resource=3), TypeError, "resource=3.*advance"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(estimator, space, settings, error, words):
    search = HyperbandSearchCV(estimator, space, cv=3, **settings)
    for method in (search.fit, search.plan):
        with pytest.raises(error, match=words):
            method(REAL, Y)
    assert not hasattr(search, "cv_results_")


def test_weights_that_partial_fit_does_not_take():
    search = HyperbandSearchCV(MLPWithout(), ALPHA, resource="epochs", cv=2)
    with pytest.raises(
        TypeError, match=r"partial_fit takes no sample_weight.*n_samples"
    ):
        search.fit(REAL, Y, sample_weight=np.ones(600))


class MLPWithout(MLPClassifier):
    """Its ``partial_fit`` takes no weights, as scikit-learn's before 1.7."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)

    def partial_fit(self, X, y, classes=None):
        return super().partial_fit(X, y, classes)


def test_bounds_that_leave_one_rung_are_warned_of():
    search = hyperband(min_resource=5, max_resource=9, refit=False)
    words = r"one rung only.*min_resource=3 or less"
    with pytest.warns(UserWarning, match=words) as said:
        search.fit(X, y)
    assert said[0].filename == __file__
    assert set(table(search)["n_resources"]) == {9}
    assert len(table(search)) == 10  # one would fill the bracket


def test_early_stopping_of_the_estimators_own_is_a_warning_and_refits():
    search = HyperbandSearchCV(
        HistGradientBoostingClassifier(early_stopping=True),
        {"max_leaf_nodes": (2, 9)},
        cv=2, max_resource=9, n_candidates=3, strategy="sha",
    )  # fmt: skip
    with pytest.warns(UserWarning, match="early_stopping") as said:
        search.fit(REAL, Y)
    assert said[0].filename == __file__
    assert search.resource_info_["mode"] == "refitted"


def test_few_rows_are_warned_of():
    iris = load_iris(return_X_y=True)
    search = HyperbandSearchCV(SVC(), {"C": (0.1, 9.0)})
    with pytest.warns(UserWarning, match="too few to be cut") as said:
        search.fit(*iris)
    assert said[0].filename == __file__
    assert len(table(search)) == 10


def test_racing_is_no_parameter_of_it():
    with pytest.raises(TypeError, match="racing"):
        HyperbandSearchCV(SVC(), {"C": (0.1, 9.0)}, racing="exact")


def test_verbose_announces_the_plan(capsys):
    hyperband(verbose=1).fit(X, y)
    first = capsys.readouterr().out.splitlines()[0]
    assert "22 evaluations of 17 candidates" in first
    assert "1 to 9 epochs" in first


@pytest.mark.parametrize("verbose", [2, 3])
def test_verbose_says_how_far_each_model_is_trained(verbose, capsys):
    settings = dict(strategy="sha", optimizer="random", n_candidates=3, cv=2)
    hyperband(verbose=verbose, **settings).fit(X, y)
    ends = [line for line in capsys.readouterr().out.splitlines() if " END " in line]
    units = [line.partition("epochs=")[2].partition(";")[0] for line in ends]
    assert units == ["1"] * 6 + ["9"] * 2


def test_verbose_names_a_parameter_that_counts_once(capsys):
    search = hyperband(
        RandomForestClassifier(), {"max_depth": (1, 5)},
        verbose=2, strategy="sha", n_candidates=3,
    )  # fmt: skip
    search.fit(X, y)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.count("n_estimators=9") == 1
    assert "trees" not in line
