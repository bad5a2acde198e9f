"""PBTSearchCV: settings that change on the way, and the schedule that is left."""

import json
import pickle
import time
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import PBTSearchCV, Real, TargetReached, replay
from skhpo.space import Space

from ..evaluation.growers import CountingScaler
from .tables import assert_equal_tables, table

# ---- an estimator that watches


class Learner(ClassifierMixin, BaseEstimator):
    """Learns by epochs; its score tells with which ``a`` it was trained in each.

    The best ``a`` falls from epoch to epoch. ``b`` cannot change: it is read once.
    """

    CALLS = []  # (a, b, rows of the call), in this process
    SCORED = []  # (units, rows)

    def __init__(self, a=0.5, b=1.0, fails=(), nap=0.0, ballast=0):
        self.a = a
        self.b = b
        self.fails = fails
        self.nap = nap
        self.ballast = ballast

    def __skhpo_resource__(self):
        return Epochs()

    def __skhpo_swap__(self):
        return ("a",)

    def fit(self, X, y):
        raise AssertionError("it grows by partial_fit")

    def partial_fit(self, X, y):
        if not hasattr(self, "b_"):
            self.b_, self.heavy_ = self.b, np.zeros(self.ballast)
        self.history_ = [*getattr(self, "history_", []), self.a]
        if len(self.history_) in self.fails and self.a > 0.5:
            raise RuntimeError("no more today")
        if self.nap:
            time.sleep(self.nap)
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.rows_ = set(X[:, 0].astype(int)) | getattr(self, "rows_", set())
        self.heavy_ += 1.0  # raises on a read-only memory map
        self.CALLS.append((self.a, self.b_, len(X)))
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y=None):
        assert self.b == self.b_, "the setting says what it was not trained with"
        rows = set(X[:, 0].astype(int))
        self.SCORED.append((len(self.history_), rows))
        if rows & self.rows_ and len(rows) < N:
            raise AssertionError("scored on rows that it was trained on")
        return score_of(self.history_, self.b_)


def score_of(history, b):
    """Return what a model scores that was trained with these ``a``."""
    best = [1 / (1 + unit / 5) for unit in range(len(history))]
    misses = [(a - one) ** 2 for a, one in zip(history, best, strict=True)]
    return 1 - sum(misses) / len(misses) - 0.01 * b - 1 / (5 + len(history))


class Epochs:
    kind, param, max_resource = "epochs", None, 20

    def advance(self, estimator, X, y, frm, to):
        for _ in range(frm, to):
            estimator.partial_fit(X, y)


N = 40
X = np.column_stack(
    [np.arange(N, dtype=float), np.random.default_rng(0).normal(size=N)]
)
y = np.tile([0, 1], N // 2)
SPACE = {"a": (0.0, 1.0), "b": (0.0, 1.0)}


def pbt(estimator=None, space=None, **parameters):
    defaults = dict(population_size=8, n_steps=5, cv=2, random_state=0)
    estimator = Learner() if estimator is None else estimator
    return PBTSearchCV(
        estimator, SPACE if space is None else space, **{**defaults, **parameters}
    )


def line(rows, row):
    """Return the rows from the first training of a model to ``row``."""
    found = [row]
    while rows.loc[found[0], "parent"] >= 0:
        found.insert(0, rows.loc[found[0], "parent"])
    return found


@pytest.fixture
def watch():
    """Forget what learners did; return what they do from now on: (calls, scored)."""
    Learner.CALLS.clear()
    Learner.SCORED.clear()
    return Learner.CALLS, Learner.SCORED


REAL, Y = make_classification(
    300, 8, n_informative=5, flip_y=0.2, n_classes=3, random_state=0
)

SGD = (
    SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.1),
    {"eta0": (1e-3, 1e0, "log-uniform"), "alpha": (1e-6, 1e-1, "log-uniform")},
)
MLP = (
    MLPClassifier((6,), batch_size=50),
    {
        "learning_rate_init": (1e-4, 1e-1, "log-uniform"),
        "alpha": (1e-6, 1e0, "log-uniform"),
    },
)
HIST = (
    HistGradientBoostingClassifier(max_features=0.5, min_samples_leaf=5),
    {"learning_rate": (1e-2, 1e0, "log-uniform"), "max_leaf_nodes": (2, 9)},
)
GRADIENT = (
    GradientBoostingClassifier(subsample=0.5, max_features=0.5),
    {"max_depth": (1, 4), "learning_rate": (0.05, 0.5)},
)
PIPELINE = (
    make_pipeline(StandardScaler(), PCA(4, svd_solver="randomized"), SGD[0]),
    {f"sgdclassifier__{name}": values for name, values in SGD[1].items()},
)
FAMILIES = {
    "sgd": SGD,
    "mlp": MLP,
    "hist": HIST,
    "gradient": GRADIENT,
    "pipeline": PIPELINE,
}
every_family = pytest.mark.parametrize(
    "estimator, space", FAMILIES.values(), ids=FAMILIES
)
#: One or two steps of each are too few to differ where they should.
SMALL = dict(population_size=4, n_steps=4, max_resource=8)


# ---- the table


def test_a_row_per_member_and_step():
    search = pbt().fit(X, y)
    rows = table(search)
    assert len(rows) == 40
    assert rows.groupby("step")["member"].apply(sorted).tolist() == [list(range(8))] * 5
    assert (rows["n_resources"] == 4 * (rows["step"] + 1)).all()
    assert set(rows.loc[rows["step"] == 0, "event"]) == {"init"}
    assert rows["event"].value_counts().to_dict() == {
        **{"init": 8, "continue": 24, "exploit": 8}
    }
    assert set(rows["origin"]) == {"default", "initial", "continue", "perturb"}
    assert search.stop_reason_ == "plan_completed"
    assert search.n_points_ == 8
    assert search.resource_info_["mode"] == "continued"
    assert (search.resource_info_["min"], search.resource_info_["max"]) == (4, 20)


def test_every_score_is_that_of_the_settings_along_the_line():
    rows = table(pbt().fit(X, y))
    for row in rows.index:
        along = rows.loc[line(rows, row)]
        history = [a for a in along["param_a"] for _ in range(4)]
        expected = score_of(history, along["param_b"].iloc[0])
        assert rows.loc[row, "split0_test_score"] == pytest.approx(expected, abs=1e-12)


def test_the_lowest_quarter_copies_from_the_highest_quarter():
    rows = table(pbt().fit(X, y))
    for _, row in rows[rows["event"] != "init"].iterrows():
        parent = rows.loc[row["parent"]]
        before = rows[rows["step"] == row["step"] - 1]
        ordered = before.sort_values("mean_test_score")["member"].tolist()
        assert parent["step"] == row["step"] - 1
        others = [member for member in ordered if member != 0]  # the own setting stays
        if row["event"] == "exploit":
            assert row["member"] in others[:2]
            assert parent["member"] in ordered[-2:]
        else:
            assert row["member"] not in others[:2]
            assert parent["member"] == row["member"]
            assert parent["params"] == row["params"]
            assert parent["candidate"] == row["candidate"]


def test_what_is_fixed_at_birth_goes_along_and_the_rest_changes_inside_the_space():
    search = pbt().fit(X, y)
    assert (search.swapped_, search.fixed_) == (("a",), ("b",))
    rows = table(search)
    copies = rows[rows["event"] == "exploit"]
    parents = rows.loc[copies["parent"]]
    assert (copies["param_b"].to_numpy() == parents["param_b"].to_numpy()).all()
    assert (copies["param_a"].to_numpy() != parents["param_a"].to_numpy()).all()
    assert rows["param_a"].between(0, 1).all()


def test_the_schedule_beats_what_its_settings_could_do_alone():
    search = pbt(population_size=16, n_steps=10, random_state=1).fit(X, y)
    used = [step["params"]["a"] for step in search.best_schedule_]
    assert len(set(used)) > 2
    assert used[-1] < used[0]
    b = search.best_params_["b"]
    assert search.best_score_ > max(score_of([a] * 20, b) for a in used)


def test_the_best_has_rank_one_and_the_highest_resource():
    class Fading(Learner):  # short trainings score best
        def score(self, X, y=None):
            return -super().score(X, y)

    search = pbt(Fading()).fit(X, y)
    rows = table(search)
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1
    assert rows.loc[search.best_index_, "n_resources"] == 20 == search.best_resource_
    by_rank = rows.sort_values("rank_test_score")
    assert (by_rank["n_resources"].diff().dropna() <= 0).all()


def test_the_lineage_says_what_went_on_from_what():
    search = pbt().fit(X, y)
    lineage, rows = search.lineage_, table(search)
    assert list(lineage.index) == list(rows.index)
    assert list(lineage["to"]) == list(rows["n_resources"])
    children = lineage[lineage["parent"] >= 0]
    parents = lineage.loc[children["parent"]]
    assert list(children["from"]) == list(parents["to"])
    assert list(children["parent_member"]) == list(parents["member"])
    best = lineage.index[lineage["is_best"]]
    assert list(best) == line(rows, search.best_index_)
    assert [s["params"]["a"] for s in search.best_schedule_] == list(
        lineage.loc[best, "param_a"]
    )


def test_the_population_says_how_each_member_ended():
    search = pbt().fit(X, y)
    rows, members = table(search), search.population_
    assert list(members["member"]) == list(range(8))
    assert members["n_exploits"].sum() == 8
    assert (members["n_resources"] == 20).all()
    for _, one in members.iterrows():
        assert rows.loc[one["row"], "member"] == one["member"]
        first = line(rows, one["row"])[0]
        assert rows.loc[first, "member"] == one["founder"]


def test_statuses_say_who_was_followed():
    rows = table(pbt().fit(X, y))
    assert (rows.loc[rows["step"] == 4, "status"] == "complete").all()
    followed = set(rows["parent"]) - {-1}
    assert set(rows.index[rows["status"] == "promoted"]) == followed
    assert (rows["status"] == "stopped").sum() == 32 - len(followed)


def test_several_metrics_and_the_one_that_steers():
    scoring = {"good": Learner.score, "bad": _bad}
    search = pbt(scoring=scoring, refit="good", objective="bad").fit(X, y)
    rows = table(search)
    assert search.cv_results_["rank_test_good"][search.best_index_] == 1
    assert {"mean_test_good", "mean_test_bad"} <= set(search.lineage_)
    first = rows[rows["step"] == 0].sort_values("mean_test_bad")
    second = rows[(rows["step"] == 1) & (rows["event"] == "exploit")]
    assert set(second["member"]) == set(first["member"][:2])
    unrefitted = pbt(scoring=scoring, refit=False).fit(X, y)
    assert not hasattr(unrefitted, "best_schedule_")


def _bad(estimator, X, y):
    return -Learner.score(estimator, X, y)


def test_a_refit_function_sees_the_rows_at_the_top_only():
    def choose(results):
        assert set(results["n_resources"]) == {20}
        return int(np.argmin(results["mean_test_score"]))

    search = pbt(refit=choose).fit(X, y)
    rows = table(search)
    worst = rows[rows["step"] == 4]["mean_test_score"].idxmin()
    assert search.best_index_ == worst
    assert search.best_schedule_[-1]["params"] == rows.loc[worst, "params"]


# ---- leaks


@pytest.mark.parametrize("exploit", ["truncation", "tournament"])
def test_no_model_is_scored_on_a_row_that_it_was_trained_on(exploit, watch):
    cv = ShuffleSplit(n_splits=3, test_size=0.4)  # unseeded
    pbt(cv=cv, exploit=exploit, error_score="raise", refit=False).fit(X, y)
    calls, scored = watch
    assert len(scored) > 60
    assert {n for *_, n in calls} == {24}
    assert len({frozenset(rows) for _, rows in scored}) == 3  # the same for all


def test_nothing_is_learnt_from_noise():
    # as for Hyperband: every fold score of a model that never saw its test rows is a
    # draw of 200 coins, also after many copies
    noise = np.random.default_rng(1).normal(size=(400, 5))
    coin = np.random.default_rng(2).permutation(np.tile([0, 1], 200))
    search = PBTSearchCV(
        *SGD, n_steps=5, max_resource=20, random_state=0,
        cv=ShuffleSplit(n_splits=4, test_size=0.5),
    ).fit(noise, coin)  # fmt: skip
    rows = table(search)
    folds = rows[[f"split{k}_test_score" for k in range(4)]].to_numpy()
    assert abs(folds.mean() - 0.5) < 3 * 0.5 / np.sqrt(4 * 200)
    assert folds.max() < 0.5 + 5 * 0.5 / np.sqrt(200)


# ---- the same table


@pytest.mark.parametrize("explore", ["perturb", "resample", "pb2"])
def test_workers_and_backends_change_nothing(explore):
    searches = []
    where = [(None, 1), ("loky", 2), ("threading", 4)]
    for name, n_jobs in where if explore == "perturb" else where[::2]:
        search = pbt(*SGD, **SMALL, explore=explore, n_jobs=n_jobs)
        with joblib.parallel_config(backend=name or "loky"):
            searches.append(search.fit(REAL, Y))
    for other in searches[1:]:
        assert_equal_tables(searches[0], other)
        assert other.best_schedule_ == searches[0].best_schedule_
        np.testing.assert_array_equal(
            other.best_estimator_.coef_, searches[0].best_estimator_.coef_
        )


@pytest.mark.slow
@every_family
def test_where_models_are_kept_changes_nothing(estimator, space):
    kept = [
        pbt(estimator, space, **SMALL, keep_models=where, error_score="raise")
        for where in ("memory", "disk", "none")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for search in kept:
            search.fit(REAL, Y)
    for other in kept[1:]:
        assert_equal_tables(kept[0], other)
    assert kept[0].resource_info_["mode"] == "continued"
    assert kept[2].resource_info_["mode"] == "refitted"


def test_models_that_cannot_be_pickled_are_trained_again_along_their_schedule(watch):
    class Secretive(Learner):
        def __getstate__(self):
            raise TypeError("not for others")

    assert_equal_tables(
        pbt(Secretive(), refit=False).fit(X, y), pbt(refit=False).fit(X, y)
    )


def test_continuing_trains_each_unit_once(watch):
    calls, _ = watch
    settings = dict(refit=False, explore="resample")  # no two copies are alike
    pbt(**settings).fit(X, y)
    assert len(calls) == 8 * 20 * 2
    calls.clear()
    pbt(**settings, keep_models="none").fit(X, y)
    assert len(calls) == 8 * (4 + 8 + 12 + 16 + 20) * 2


def test_nothing_is_left_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pbt(keep_models="disk").fit(X, y)
    assert list(tmp_path.glob("**/*.pickle")) == []


def test_a_second_fit_and_a_clone_give_the_same():
    search = pbt().fit(X, y)
    before = table(search)
    assert_equal_tables(search, clone(search).fit(X, y))
    pd.testing.assert_frame_equal(before, table(search.fit(X, y)))
    other = clone(search).set_params(random_state=1).fit(X, y)
    assert table(other)["param_a"].tolist() != before["param_a"].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_models_above_a_megabyte_are_copied_in_other_processes(backend):
    search = pbt(Learner(ballast=300_000), n_jobs=2, error_score="raise")
    with joblib.parallel_config(backend=backend):
        search.fit(X, y)
    assert (search.best_estimator_.heavy_ == 20).all()


def test_a_copy_that_changes_nothing_is_trained_once(watch):
    search = pbt(space={"a": [0.3], "b": [0.0]}, population_size=4).fit(X, y)
    calls, _ = watch
    assert len(table(search)) == 20
    # one member on two folds and the estimator's own setting, and the refit
    assert len(calls) == 2 * 20 * 2 + 20
    assert table(search)["mean_test_score"].nunique() == 5


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("exploit", ["truncation", "tournament"])
def test_an_asynchronous_population_completes_its_plan(exploit, n_jobs):
    search = pbt(exploit=exploit, n_jobs=n_jobs, asynchronous=True)
    with joblib.parallel_config(backend="threading"):
        search.fit(X, y)
    assert search.stop_reason_ == "plan_completed"
    rows = table(search)
    assert rows.groupby("step")["member"].apply(sorted).tolist() == [list(range(8))] * 5
    assert (rows["event"] == "exploit").any()


# ---- the refit is a replay


def unit_seed(seed, unit):
    """As the schedule means it: a number for each epoch, 0 = birth."""
    sequence = np.random.SeedSequence(seed, spawn_key=(unit,))
    return int(sequence.generate_state(1)[0] >> 1)


def sgd_by_hand(schedule):
    model = clone(SGD[0])
    for step in schedule:
        model.set_params(**step["params"])
        for unit in range(step["from"] + 1, step["to"] + 1):
            model.random_state = unit_seed(step["seed"], unit)
            model.partial_fit(REAL, Y, classes=[0, 1, 2])
    return model


def mlp_by_hand(schedule):
    model = clone(MLP[0]).set_params(**schedule[0]["params"])
    for step in schedule:
        model.set_params(**step["params"])
        if step["from"]:  # scikit-learn's optimizer has a rate of its own
            rate = step["params"]["learning_rate_init"]
            model._optimizer.learning_rate_init = rate
        for unit in range(step["from"] + 1, step["to"] + 1):
            model.random_state = unit_seed(step["seed"], unit)
            model.partial_fit(REAL, Y, classes=[0, 1, 2])
    return model


def hist_by_hand(schedule):
    model = clone(HIST[0])
    model.set_params(warm_start=True, early_stopping=False)
    born = np.random.SeedSequence(unit_seed(schedule[0]["seed"], 0))
    model.random_state = int(born.generate_state(1)[0] >> 1)
    for step in schedule:
        model.set_params(**step["params"], max_iter=step["to"]).fit(REAL, Y)
    return model


def search_with_changes(estimator, space):
    """Return a fitted search whose best model was copied on the way."""
    for seed in range(10):
        search = pbt(estimator, space, **SMALL, exploit="tournament")
        search.set_params(random_state=seed).fit(REAL, Y)
        if len({json.dumps(step["params"]) for step in search.best_schedule_}) > 1:
            return search
    raise AssertionError("no schedule with changes in ten searches")


@pytest.mark.parametrize(
    "family, by_hand",
    [(SGD, sgd_by_hand), (MLP, mlp_by_hand), (HIST, hist_by_hand)],
    ids=["sgd", "mlp", "hist"],
)
def test_the_refit_is_the_schedule_replayed_by_hand_bit_for_bit(family, by_hand):
    search = search_with_changes(*family)
    expected = by_hand(search.best_schedule_).predict_proba(REAL)
    np.testing.assert_array_equal(search.best_estimator_.predict_proba(REAL), expected)


@every_family
def test_a_schedule_can_be_replayed_also_from_json(estimator, space):
    search = search_with_changes(estimator, space)
    expected = search.best_estimator_.predict_proba(REAL)
    schedule = json.loads(json.dumps(search.best_schedule_))
    for model in (
        search.replay(REAL, Y),
        replay(estimator, schedule, REAL, Y),
        replay(search.best_estimator_, schedule, REAL, Y),  # a clone of it is trained
    ):
        np.testing.assert_array_equal(model.predict_proba(REAL), expected)
    last = schedule[-1]
    constant = [{"to": last["to"], "params": last["params"], "seed": last["seed"]}]
    other = search.replay(REAL, Y, constant)
    assert not np.array_equal(other.predict_proba(REAL), expected)


def test_the_refit_has_all_rows_and_the_parameters_of_the_last_step(watch):
    search = pbt().fit(X, y)
    model = search.best_estimator_
    assert model.rows_ == set(range(N))
    assert model.history_ == [
        step["params"]["a"] for step in search.best_schedule_ for _ in range(4)
    ]
    assert model.get_params()["a"] == search.best_params_["a"]
    assert search.refit_time_ > 0
    sgd = pbt(*SGD, **SMALL).fit(REAL, Y).best_estimator_
    assert sgd.random_state is None
    assert sgd.t_ == 1 + 8 * len(REAL)  # eight epochs, no reset
    hist = pbt(*HIST, **SMALL).fit(REAL, Y)
    assert hist.best_estimator_.n_iter_ == 8 == hist.best_params_["max_iter"]
    assert "max_iter" not in hist.best_schedule_[0]["params"]
    assert hist.best_estimator_.warm_start is False


def test_a_schedule_serves_other_data():
    search = pbt(*SGD, **SMALL).fit(REAL, Y)
    model = search.replay(REAL[:100, :3], Y[:100])
    assert model.n_features_in_ == 3
    assert model.t_ == 1 + 8 * 100


def test_an_int_seed_of_the_estimator_makes_all_draw_alike():
    estimator = clone(SGD[0]).set_params(random_state=3)
    search = pbt(estimator, SGD[1], **SMALL).fit(REAL, Y)
    one = {**search.best_schedule_[0], "seed": 1}
    two = {**search.best_schedule_[0], "seed": 2}
    models = [search.replay(REAL, Y, [step]).coef_ for step in (one, two)]
    np.testing.assert_array_equal(*models)
    assert search.best_estimator_.random_state == 3


# ---- pipelines, conditions, kinds of space


def test_transformers_are_fitted_once_per_fold_and_first_member():
    CountingScaler.log.clear()
    pipe = make_pipeline(CountingScaler(), SGD[0])
    pbt(pipe, PIPELINE[1], **SMALL, refit=False).fit(REAL, Y)
    assert CountingScaler.log == [150] * 4 * 2


def test_a_step_before_is_fixed_and_goes_along_with_the_model():
    space = {**PIPELINE[1], "pca__n_components": (2, 6)}
    search = pbt(PIPELINE[0], space, **SMALL, exploit="tournament").fit(REAL, Y)
    assert search.fixed_ == ("pca__n_components",)
    rows = table(search)
    children = rows[rows["parent"] >= 0]
    column = "param_pca__n_components"
    assert list(children[column]) == list(rows.loc[children["parent"], column])
    n = search.best_params_["pca__n_components"]
    assert search.best_estimator_[1].n_components_ == n


@pytest.mark.slow
def test_conditions_and_choices_change_on_the_way():
    space = {
        "penalty": ["l2", "elasticnet"],
        "l1_ratio": Real(0.1, 0.9, when={"penalty": ["elasticnet"]}),
        "alpha": (1e-6, 1e-1, "log-uniform"),
    }
    settings = dict(n_steps=6, max_resource=6, exploit="tournament")
    search = pbt(SGD[0], space, **settings, error_score="raise").fit(REAL, Y)
    for params in search.cv_results_["params"]:
        assert ("l1_ratio" in params) == (params["penalty"] == "elasticnet")
    rows = table(search)
    children = rows[rows["parent"] >= 0]
    before = rows.loc[children["parent"], "param_penalty"].to_numpy()
    assert (children["param_penalty"].to_numpy() != before).any()
    np.testing.assert_array_equal(
        search.replay(REAL, Y).coef_, search.best_estimator_.coef_
    )
    without = pbt(SGD[0], space, **settings, keep_models="none").fit(REAL, Y)
    assert_equal_tables(search, without)


def test_constraints_hold_for_every_setting():
    search = pbt(constraints=lambda params: params["a"] + params["b"] < 1.0).fit(X, y)
    assert all(p["a"] + p["b"] < 1.0 for p in search.cv_results_["params"])


def test_given_settings_are_the_first_members():
    first = [{"a": 0.125, "b": 0.0}, {"a": 0.625, "b": 0.5}]
    rows = table(pbt(initial_params=first).fit(X, y))
    assert list(rows["param_a"][:2]) == [0.125, 0.625]
    assert rows.loc[rows["step"] == 0, "member"].tolist() == list(range(8))


def test_given_settings_that_change_in_their_last_bit_are_replayed_all_the_same():
    space = Space({"b": (0.0, 0.7)})
    values = [number / 101 for number in range(1, 70)]
    exact = [space.to_params(space.to_point({"b": v}))["b"] == v for v in values]
    odd = [v for v, is_exact in zip(values, exact, strict=True) if not is_exact]
    first = [{"a": (2 * k + 1) / 16, "b": odd[k]} for k in range(8)]
    search = pbt(
        space={"a": (0.0, 1.0), "b": (0.0, 0.7)}, initial_params=first,
        exploit="tournament",
    ).fit(X, y)  # fmt: skip
    assert len({step["params"]["a"] for step in search.best_schedule_}) > 1
    assert {step["params"]["b"] for step in search.best_schedule_} <= set(odd)
    assert search.replay(X, y).history_ == search.best_estimator_.history_


def test_a_regressor_and_weights():
    weights = np.linspace(1, 2, 300)
    search = PBTSearchCV(
        SGDRegressor(), {"eta0": (1e-3, 1e-1, "log-uniform")}, n_steps=3, interval=3,
        population_size=4, random_state=0,
    )  # fmt: skip
    search.fit(REAL, REAL[:, 0], sample_weight=weights)
    assert search.best_resource_ == 9
    model = search.replay(REAL, REAL[:, 0], sample_weight=weights)
    np.testing.assert_array_equal(model.coef_, search.best_estimator_.coef_)


# ---- steps


@pytest.mark.parametrize(
    "given, resources",
    [
        (dict(n_steps=5), [4, 8, 12, 16, 20]),
        (dict(n_steps="auto"), list(range(2, 21, 2))),
        (dict(n_steps=3), [6, 13, 20]),
        (dict(n_steps=3, interval=2), [2, 4, 6]),
        (dict(n_steps=2, max_resource=7), [3, 7]),
        (dict(n_steps="auto", interval=3, max_resource=8), [3, 6, 8]),
        (dict(n_steps=4, interval=2, max_resource=8), [2, 4, 6, 8]),
        (dict(n_steps=1, max_resource=5), [5]),
    ],
)
def test_two_of_three_numbers_give_the_steps(given, resources):
    search = pbt(refit=False, population_size=4, **given).fit(X, y)
    assert sorted(set(search.cv_results_["n_resources"])) == resources


def test_verbose_announces_the_plan(capsys):
    pbt(verbose=1).fit(X, y)
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        "Training 8 members in 5 steps on 2 folds, totalling 80 fits up to 20 epochs "
        "(continued)"
    )


# ---- failures, Ctrl-C, time


def test_a_member_that_fails_copies_one_of_the_best():
    with pytest.warns(match="no more today"):
        search = pbt(Learner(fails=(6,))).fit(X, y)
    rows = table(search)
    failed = rows[rows["status"] == "failed"]
    assert len(failed) > 0
    assert (failed["step"] == 1).all() and (failed["param_a"] > 0.5).all()
    assert not set(rows["parent"]) & set(failed.index)
    after = rows[(rows["step"] == 2) & rows["member"].isin(failed["member"])]
    assert (after["event"] == "exploit").all()
    assert len(rows) == 40
    assert search.stop_reason_ == "plan_completed"
    assert all("no more today" in text for text in failed["error"])


def test_where_all_fail_there_is_one_clear_error():
    search = pbt(Learner(fails=(1,)), {"a": (0.6, 1.0)})
    with pytest.raises(ValueError, match=r"All the 16 fits failed"):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 8
    assert not hasattr(search, "best_estimator_")


def test_where_all_fail_at_a_later_step_it_is_said_and_the_best_so_far_is_kept():
    search = pbt(Learner(fails=(9,)), {"a": (0.6, 1.0)}, refit=False)
    with pytest.warns(UserWarning, match=r"step 2.*nobody left.*8 of 20 epochs"):
        search.fit(X, y)
    assert search.stop_reason_ == "population_failed"
    assert search.best_resource_ == 8
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1
    assert len(search.best_schedule_) == 2


def test_where_all_fail_later_and_several_metrics_choose_nothing_it_is_said():
    metrics = dict(scoring=["accuracy", "f1_macro"], refit=False)
    search = pbt(Learner(fails=(9,)), {"a": (0.6, 1.0)}, **metrics)
    with pytest.warns(UserWarning, match=r"step 2.*nobody left.*8 of 20 epochs"):
        search.fit(X, y)
    assert search.stop_reason_ == "population_failed"
    assert not hasattr(search, "best_resource_")


def test_error_score_raise_ends_the_search():
    with pytest.raises(RuntimeError, match="no more today"):
        pbt(Learner(fails=(6,)), error_score="raise").fit(X, y)


def test_ctrl_c_keeps_the_steps_that_are_done():
    def interrupt(progress):
        if progress.n_done == 20:
            raise KeyboardInterrupt

    search = pbt(callbacks=interrupt)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    rows = table(search)
    assert len(rows) >= 20
    assert search.stop_reason_ == "interrupted"
    assert search.best_resource_ == rows["n_resources"].max()
    assert len(search.best_schedule_) == search.best_resource_ // 4
    assert len(search.lineage_) == len(rows)
    assert not hasattr(search, "best_estimator_")
    assert search.replay(X, y).history_[0] == search.best_schedule_[0]["params"]["a"]


def test_the_end_of_time_keeps_results_and_refits():
    search = pbt(Learner(nap=0.005), n_steps=40, max_resource=400, max_time=1.0)
    rows = table(search.fit(X, y))
    assert 0 < len(rows) < 320
    assert search.stop_reason_ == "max_time"
    assert len(search.best_estimator_.history_) == search.best_resource_ < 400


def test_stopping_rules_look_at_the_highest_resource():
    search = pbt(stop=TargetReached(0.8)).fit(X, y)
    assert search.stop_reason_.startswith("target_reached")
    assert search.best_score_ >= 0.8
    assert search.best_resource_ < 20


# ---- a good neighbour


def test_a_fitted_search_pickles_small_and_predicts_the_same():
    search = pbt(*SGD, **SMALL, keep_models="memory").fit(REAL, Y)
    data = pickle.dumps(search)
    assert len(data) < 40_000
    copied = pickle.loads(data)
    np.testing.assert_array_equal(copied.predict(REAL), search.predict(REAL))
    assert copied.best_schedule_ == search.best_schedule_
    np.testing.assert_array_equal(
        copied.replay(REAL, Y).coef_, search.best_estimator_.coef_
    )


def test_it_stands_where_an_estimator_stands():
    search = pbt(*PIPELINE, **SMALL)
    scores = cross_val_score(search, REAL, Y, cv=2)
    assert (scores > 0.4).all()
    parallel = cross_val_score(search, REAL, Y, cv=2, n_jobs=2)
    np.testing.assert_array_equal(scores, parallel)
    assert search.get_params()["quantile"] == 0.25


def test_scikit_learns_callbacks_hear_of_every_training():
    from .spies import Recorder

    search = pbt(explore="resample")
    if not hasattr(search, "set_callbacks"):
        pytest.skip("scikit-learn >= 1.9")
    recorder = Recorder()
    search.set_callbacks(recorder).fit(X, y)
    assert recorder.count("begin", "candidate-split-evaluation") == 40 * 2
    assert recorder.count("end", "candidate-split-evaluation") == 40 * 2


def test_an_unfitted_search_has_nothing_to_replay():
    with pytest.raises(NotFittedError, match="best_schedule_"):
        pbt().replay(X, y)
    model = pbt().replay(X, y, [{"to": 3, "params": {"a": 0.25}}])
    assert model.history_ == [0.25] * 3


# ---- bad input: before the first fit

ETA = {"eta0": (1e-3, 1.0, "log-uniform")}
CONSTANT = SGDClassifier(learning_rate="constant", eta0=0.1)


@pytest.mark.parametrize(
    "estimator, space, settings, error, words",
    [
        (SVC(), {"C": (0.1, 1.0)}, {}, ValueError,
         "SVC cannot be trained on.*HyperbandSearchCV.*BayesSearchCV"),
        (LogisticRegression(), {"C": (0.1, 1.0)}, dict(resource="max_iter"),
         ValueError, "LogisticRegression cannot be trained on.*HyperbandSearchCV"),
        (CONSTANT, ETA, dict(resource="n_samples"), ValueError,
         "SGDClassifier cannot be trained on.*n_samples"),
        (RandomForestClassifier(), {"max_depth": (1, 9)}, {}, ValueError,
         "RandomForestClassifier.*independently.*HyperbandSearchCV"),
        (ExtraTreesClassifier(), {"max_depth": (1, 9)}, {}, ValueError,
         "independently"),
        (GradientBoostingClassifier(), {"learning_rate": (0.1, 1.0)}, {}, ValueError,
         "learning_rate.*past"),
        (MLPClassifier(), {"activation": ["relu", "tanh"]}, {}, ValueError,
         "cannot change 'activation'.*It can change 'alpha'"),
        (HistGradientBoostingClassifier(early_stopping=True),
         {"learning_rate": (0.1, 1.0)}, {}, ValueError, "early_stopping"),
        (MLPClassifier(early_stopping=True), {"alpha": (0.1, 1.0)}, {}, ValueError,
         "early_stopping"),
        (HistGradientBoostingClassifier(), {"max_iter": (9, 99)}, {}, ValueError,
         "max_iter.*search space"),
        (make_pipeline(StandardScaler(), CONSTANT),
         {"sgdclassifier": [CONSTANT], "sgdclassifier__alpha": (0.1, 1.0)}, {},
         ValueError, "'sgdclassifier' is in the search space"),
        (CONSTANT, ETA, dict(population_size=1), ValueError,
         "population_size=1.*nobody"),
        (CONSTANT, ETA, dict(population_size=0), ValueError, "population_size"),
        (CONSTANT, ETA, dict(population_size=3), ValueError,
         "quantile=0.25 of population_size=3 selects nobody.*population_size=4"),
        (CONSTANT, ETA, dict(quantile=0.6), ValueError, "quantile"),
        (CONSTANT, ETA, dict(quantile=0.0), ValueError, "quantile"),
        (CONSTANT, ETA, dict(n_steps=9, max_resource=8), ValueError,
         "n_steps=9 is more than the 8 epochs"),
        (CONSTANT, ETA, dict(n_steps=5, interval=2, max_resource=8), ValueError,
         "n_steps=5, interval=2 and max_resource=8 do not go together"),
        (CONSTANT, ETA, dict(n_steps="auto", interval=9, max_resource=8), ValueError,
         "interval=9 is more than max_resource=8"),
        (CONSTANT, ETA, dict(n_steps=0), ValueError, "n_steps"),
        (CONSTANT, ETA, dict(interval=0), ValueError, "interval"),
        (CONSTANT, ETA, dict(explore="grid"), ValueError, "explore"),
        (CONSTANT, ETA, dict(exploit="all"), ValueError, "exploit"),
        (CONSTANT, ETA, dict(perturb_factors=()), ValueError, "perturb_factors"),
        (CONSTANT, ETA, dict(perturb_factors=(0.5, -1)), ValueError,
         "perturb_factors must be positive"),
        (CONSTANT, ETA, dict(perturb_factors=0.8), ValueError, "perturb_factors"),
        (CONSTANT, ETA, dict(resample_probability=2), ValueError,
         "resample_probability"),
        (CONSTANT, ETA, dict(keep_models="ram"), ValueError, "keep_models"),
        (CONSTANT, ETA, dict(resource=3), TypeError, "resource=3.*advance"),
        (CONSTANT, ETA, dict(initial_params=[{"eta0": 0.1}] * 9), ValueError,
         "initial_params has 9 settings.*population_size=8"),
        (CONSTANT, ETA, dict(initial_params={"eta0": 5.0}), ValueError,
         r"initial_params\[0\]"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error(estimator, space, settings, error, words):
    search = PBTSearchCV(estimator, space, cv=3, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=words):
            search.fit(REAL, Y)
    assert not hasattr(search, "cv_results_")


def test_a_population_of_two_or_three_is_possible():
    search = pbt(population_size=2, quantile=0.5).fit(X, y)
    rows = table(search)
    copies = rows[rows["event"] == "exploit"]
    assert len(copies) > 0
    assert set(copies["member"]) == {1}  # member 0 is the own setting, which stays
    search = pbt(population_size=3, exploit="tournament").fit(X, y)
    assert search.stop_reason_ == "plan_completed"


def test_racing_is_no_parameter_of_it():
    with pytest.raises(TypeError, match="racing"):
        PBTSearchCV(CONSTANT, ETA, racing="exact")


# ---- other libraries


def booster(name):
    """Return a booster that draws rows and columns, and a space for it."""
    module = pytest.importorskip(name)
    if name == "xgboost":
        model = module.XGBClassifier(
            subsample=0.5, colsample_bytree=0.5, n_jobs=1, verbosity=0
        )
    else:
        model = module.LGBMClassifier(
            subsample=0.5, subsample_freq=1, colsample_bytree=0.5, n_jobs=1, verbose=-1
        )
    return model, {"learning_rate": (1e-2, 1.0, "log-uniform"), "max_depth": (1, 4)}


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_boosters_are_replayed_with_the_pauses_that_they_had(name):
    search = search_with_changes(*booster(name))
    expected = search.best_estimator_.predict_proba(REAL)
    replayed = search.replay(REAL, Y).predict_proba(REAL)
    np.testing.assert_array_equal(replayed, expected)
    lost = clone(search).set_params(keep_models="none").fit(REAL, Y)
    assert_equal_tables(search, lost)
