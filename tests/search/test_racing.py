"""Racing over the folds, for every door that has it."""

import time
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV, EvolutionarySearchCV, NoImprovement
from skhpo.optimizers import RandomDesign, TPEOptimizer

from .doors import (
    assert_same_table,
    n_rows,
    one_door,
    one_step,
    plain_doors,
    statuses,
    told_scores,
)
from .spies import EVENTS, Recorder, Toy, fits, watched
from .test_bad_input import assert_refused
from .test_contract import FOLD, WORKERS, backend, has_callbacks, quiet

N_ROWS, K = 60, 5
X = np.column_stack([np.arange(N_ROWS), np.random.default_rng(1).normal(size=N_ROWS)])
y = np.arange(N_ROWS) % 2
SPACE = {"a": (0.0, 1.0), "kind": ["x", "y", "z"]}


TWO = ["accuracy", "recall"]


def two_metrics(estimator, X, y):
    score = estimator.score(X, y)
    return {"good": score, "bad": -score}


class Guess(ClassifierMixin, BaseEstimator):
    """Knows the label of some rows: most near a = 0.3. Its score is accuracy."""

    def __init__(self, a=0.5, kind="x", nap=0.0):
        self.a = a
        self.kind = kind
        self.nap = nap

    def fit(self, X, y):
        EVENTS.append(("fit", self.get_params()))
        if self.kind == "fail" or (self.kind == "fail late" and X[0, 0] == 0):
            raise RuntimeError("no fit today")
        if self.nap:
            time.sleep(self.nap * (self.a * 7919 % 1))
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        share = {"y": 0.9, "z": 0.5}.get(self.kind, 1.0) - (self.a - 0.3) ** 2
        is_known = X[:, 0] * 0.618 % 1 < share
        return np.where(is_known, X[:, 0] % 2, 1 - X[:, 0] % 2).astype(int)


def search_of(door, racing, estimator=None, space=SPACE, **parameters):
    """Return a search that races."""
    defaults = dict(n_iter=16, cv=StratifiedKFold(K), racing=racing, refit=False)
    estimator = Guess() if estimator is None else estimator
    return door.search(estimator, space, **{**defaults, **parameters})


def close_call(c, b):
    """Drop what is worse on the folds done: it comes and goes with the incumbent."""
    return c.mean() < b[: len(c)].mean()


every_rule = pytest.mark.parametrize("racing", ["exact", "paired", close_call])


def fold_scores(search):
    return np.array([search.cv_results_[f"split{k}_test_score"] for k in range(K)]).T


# ---- the table


@every_rule
@plain_doors
def test_the_rows_say_which_folds_were_skipped(door, racing):
    search = search_of(door, racing).fit(X, y)
    table, scores = search.cv_results_, fold_scores(search)
    n_folds, status = table["n_splits_evaluated"], table["status"]
    assert set(status) == {"complete", "raced_out"}
    for row, params in enumerate(table["params"]):
        n = n_folds[row]
        whole = cross_val_score(Guess(**params), X, y, cv=StratifiedKFold(K))
        np.testing.assert_array_equal(scores[row], [*whole[:n], *[np.nan] * (K - n)])
        assert (status[row] == "complete") is bool(n == K)
        if n == K:
            assert table["mean_test_score"][row] == whole.mean()
            assert table["mean_test_score_partial"][row] == whole.mean()
        else:
            assert np.isnan(table["mean_test_score"][row])
            assert abs(table["mean_test_score_partial"][row] - whole.mean()) < 0.5
    assert (table["mean_fit_time"] > 0).all()
    assert "error" not in table


@every_rule
@plain_doors
def test_complete_rows_rank_first_and_one_of_them_is_the_best(door, racing):
    search = search_of(door, racing).fit(X, y)
    table = search.cv_results_
    is_complete = table["status"] == "complete"
    ranks, guesses = table["rank_test_score"], table["mean_test_score_partial"]
    assert ranks[is_complete].max() < ranks[~is_complete].min()
    for rows in (is_complete, ~is_complete):
        order = np.argsort(ranks[rows], kind="stable")
        assert (np.diff(guesses[rows][order]) <= 0).all()
    assert ranks[search.best_index_] == 1
    assert search.best_score_ == np.nanmax(table["mean_test_score"])


@every_rule
@plain_doors
def test_one_worker_fits_what_the_table_shows_and_no_more(door, racing):
    watched()
    search = search_of(door, racing).fit(X, y)
    n_folds = search.cv_results_["n_splits_evaluated"].sum()
    assert len(fits()) == n_folds < K * n_rows(search)


@plain_doors
def test_exact_racing_keeps_the_winner_of_the_same_candidates(door):
    parameters = dict(n_iter=16)
    models = ("bayes", "bayes-gp", "bayes-tpe", "bayes-forest")
    if door.name in models:
        parameters["optimizer"] = "random"  # the model would propose others
    if door.name.startswith("evolution"):
        parameters["population_size"] = 16  # and so would offspring
    raced = search_of(door, "exact", **parameters).fit(X, y)
    whole = search_of(door, None, **parameters).fit(X, y)
    assert raced.cv_results_["params"] == whole.cv_results_["params"]
    assert raced.best_index_ == whole.best_index_
    assert raced.best_score_ == whole.best_score_
    assert "raced_out" in raced.cv_results_["status"]
    winners = [s.cv_results_["rank_test_score"] == 1 for s in (raced, whole)]
    np.testing.assert_array_equal(*winners)


@plain_doors
def test_without_racing_nothing_is_there_of_it(door):
    search = search_of(door, None).fit(X, y)
    assert statuses(search) == ["complete"] * n_rows(search)
    assert not {"status", "n_splits_evaluated"} & set(search.cv_results_)
    assert not [key for key in search.cv_results_ if "partial" in key]


@every_rule
@one_door
def test_rows_of_a_race_are_no_reason_for_warnings(door, racing):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search_of(door, racing, return_train_score=True, refit=True).fit(X, y)


@one_door
def test_training_scores_are_skipped_too(door):
    search = search_of(door, "forgiving", return_train_score=True).fit(X, y)
    table = search.cv_results_
    for fold in range(K):
        np.testing.assert_array_equal(
            np.isnan(table[f"split{fold}_train_score"]),
            table["n_splits_evaluated"] <= fold,
        )
    is_out = table["status"] == "raced_out"
    np.testing.assert_array_equal(np.isnan(table["mean_train_score"]), is_out)


# ---- by default

AUTO = dict(racing="auto", scoring="accuracy")


@pytest.mark.parametrize(
    "search, parameters, rule, why",
    [
        (BayesSearchCV, {}, "paired", None),
        (BayesSearchCV, dict(optimizer="gp"), "paired", None),
        (BayesSearchCV, dict(optimizer="tpe"), "paired", None),
        (BayesSearchCV, dict(optimizer="forest"), "paired", None),
        (BayesSearchCV, dict(optimizer=TPEOptimizer), "paired", None),
        (EvolutionarySearchCV, {}, "paired", None),
        (BayesSearchCV, dict(cv=4), None, None),
        (EvolutionarySearchCV, dict(cv=4), None, None),
        (BayesSearchCV, dict(optimizer="random"), None, None),
        (BayesSearchCV, dict(optimizer="sobol"), None, None),
        (BayesSearchCV, dict(search_space={"a": [0.1, 0.2]}), None, None),
        (EvolutionarySearchCV, dict(search_space={"a": [0.1, 0.2]}), None, None),
        (BayesSearchCV, dict(optimizer=RandomDesign), None, "none of skhpo's"),
        (
            BayesSearchCV,
            dict(optimizer=lambda space, rng: TPEOptimizer(space, rng=rng)),
            *(None, "none of skhpo's"),
        ),
        (BayesSearchCV, dict(refit=lambda table: 0), None, "refit is a function"),
        (
            EvolutionarySearchCV,
            dict(refit=lambda table: 0),
            None,
            "refit is a function",
        ),
        (BayesSearchCV, dict(refit=lambda table: 0, cv=4), None, None),
        (BayesSearchCV, dict(scoring=TWO, refit="accuracy"), "paired", None),
        (BayesSearchCV, dict(scoring=TWO, refit="recall"), "paired", None),
        (BayesSearchCV, dict(scoring=TWO, objective="recall"), "paired", None),
        (
            BayesSearchCV,
            dict(scoring=TWO, refit="accuracy", objective="recall"),
            *(None, "the metric that steers"),
        ),
        (BayesSearchCV, dict(scoring=TWO), None, "the metric that steers"),
        (BayesSearchCV, dict(scoring=make_scorer(accuracy_score)), "paired", None),
        (BayesSearchCV, dict(scoring=two_metrics, refit="good"), "paired", None),
        (BayesSearchCV, dict(scoring=two_metrics), None, "the metric that steers"),
        (BayesSearchCV, dict(racing=None), None, None),
        (BayesSearchCV, dict(racing="forgiving", cv=4), "forgiving", None),
        (
            BayesSearchCV,
            dict(racing="exact", refit=lambda table: 0, optimizer="random"),
            *("exact", None),
        ),
        (BayesSearchCV, dict(racing=close_call), "close_call", None),
        (BayesSearchCV, dict(racing="exact", scoring=two_metrics), None, None),
    ],
)
@pytest.mark.filterwarnings("ignore:racing='exact' needs")
def test_where_a_search_races_by_itself(search, parameters, rule, why):
    defaults = dict(search_space=SPACE, n_iter=4, cv=K, random_state=0, refit=False)
    settings = {**defaults, **AUTO, **parameters}
    fitted = search(Guess(), **settings).fit(X, y)
    assert fitted.racing_ == rule
    assert ("n_splits_evaluated" in fitted.cv_results_) is (rule is not None)
    said = [line for line in fitted.summary().splitlines() if "Not raced" in line]
    assert len(said) == (why is not None)
    assert why is None or (why in said[0] and "racing='auto'" in said[0])


@pytest.mark.parametrize("search", [BayesSearchCV, EvolutionarySearchCV])
def test_racing_by_itself_is_the_default(search):
    assert search(Guess(), SPACE).racing == "auto"


def test_searches_in_rungs_and_populations_say_nothing_of_races():
    search = one_step(Toy(), {"a": (0.0, 1.0)}, n_iter=4, random_state=0).fit(X, y)
    assert not hasattr(search, "racing_")


def test_an_interrupted_search_says_how_it_raced():
    def interrupt(progress):
        raise KeyboardInterrupt

    search = BayesSearchCV(Guess(), SPACE, callbacks=interrupt)
    search.set_params(refit=lambda table: 0)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert search.racing_ is None
    assert "Not raced" in search.summary()
    search.set_params(refit=False)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert search.racing_ == "paired"
    assert "Not raced" not in search.summary()


def test_the_summary_tells_of_the_default_race():
    search = BayesSearchCV(Guess(), SPACE, n_iter=16, random_state=0).fit(X, y)
    n = statuses(search).count("raced_out")
    assert n > 0
    said = f"Raced out: {n} of 16, on fewer folds (racing='auto': paired)"
    assert said in search.summary().splitlines()
    assert f"{n} of 16, on fewer folds" in search._repr_html_()


@pytest.mark.parametrize("name, n_jobs", WORKERS)
@pytest.mark.parametrize("search", [BayesSearchCV, EvolutionarySearchCV])
def test_the_default_race_does_not_depend_on_the_workers(search, name, n_jobs):
    settings = dict(n_iter=14, random_state=0, refit=False)
    reference = search(Guess(), SPACE, **settings).fit(X, y)
    assert "raced_out" in statuses(reference)
    other = search(Guess(nap=0.003), SPACE, n_jobs=n_jobs, **settings)
    with backend(name):
        other.fit(X, y)
    assert_same_table(other.cv_results_, reference.cv_results_)


# ---- determinism


@every_rule
@pytest.mark.parametrize("name, n_jobs", WORKERS)
@one_door
def test_a_race_does_not_depend_on_the_workers(door, racing, name, n_jobs):
    reference = search_of(door, racing).fit(X, y).cv_results_
    search = search_of(door, racing, Guess(nap=0.01), n_jobs=n_jobs)
    with backend(name):
        assert_same_table(search.fit(X, y).cv_results_, reference)


@plain_doors
def test_a_race_of_plain_doors_does_not_depend_on_the_workers(door):
    reference = search_of(door, "forgiving").fit(X, y).cv_results_
    for n_jobs in (2, 4):
        search = search_of(door, "forgiving", Guess(nap=0.01), n_jobs=n_jobs)
        with backend("threading"):
            assert_same_table(search.fit(X, y).cv_results_, reference)


@one_door
def test_a_backend_without_asynchronous_results_runs_the_same_race(door):
    from joblib import register_parallel_backend
    from joblib._parallel_backends import ThreadingBackend

    class Foreign(ThreadingBackend):
        """A backend that skhpo knows nothing about."""

    register_parallel_backend("foreign", Foreign)
    reference = search_of(door, "forgiving").fit(X, y).cv_results_
    search = search_of(door, "forgiving", Guess(nap=0.01), n_jobs=2)
    with backend("foreign"):
        assert_same_table(search.fit(X, y).cv_results_, reference)


@pytest.mark.parametrize("name, n_jobs", [(None, 1), ("threading", 3), ("loky", 2)])
@plain_doors
def test_an_asynchronous_race_runs_to_its_end(door, name, n_jobs):
    search = search_of(
        door, "forgiving", Guess(nap=0.01), n_jobs=n_jobs, asynchronous=True
    )
    watched()
    with backend(name):
        search.fit(X, y)
    assert n_rows(search) == (16 if door.is_random else 9)
    assert set(statuses(search)) == {"complete", "raced_out"}
    assert search.best_score_ == np.nanmax(search.cv_results_["mean_test_score"])
    if n_jobs == 1:
        assert len(fits()) == search.cv_results_["n_splits_evaluated"].sum()


# ---- failures


@quiet
@pytest.mark.parametrize("n_jobs", [1, 2])
@plain_doors
def test_a_failed_fold_ends_a_candidate(door, n_jobs):
    space = {"a": (0.0, 1.0), "kind": ["x", "z", "fail"]}
    watched()
    search = search_of(door, "forgiving", space=space, n_jobs=n_jobs)
    with backend("threading"):
        search.fit(X, y)
    table = search.cv_results_
    is_bad = np.array([p["kind"] == "fail" for p in table["params"]])
    assert is_bad.any()
    assert (table["status"] == "failed").tolist() == is_bad.tolist()
    assert set(table["n_splits_evaluated"][is_bad]) == {1}
    assert set(table["rank_test_score"][is_bad]) == {(~is_bad).sum() + 1}
    assert np.isnan(table["mean_test_score_partial"][is_bad]).all()
    assert all("no fit today" in text for text in table["error"][is_bad])
    assert search.best_params_["kind"] != "fail"
    if n_jobs == 1:
        assert len(fits()) == table["n_splits_evaluated"].sum()


@one_door
def test_a_fold_that_fails_late_is_no_failure_of_what_was_dropped_before(door):
    space = {"a": (0.0, 1.0), "kind": ["x", "fail late"]}
    table = None
    for n_jobs in (1, 2):
        search = search_of(door, lambda c, b: True, space=space, n_jobs=n_jobs)
        search.set_params(initial_params={"a": 0.3, "kind": "x"})
        with backend("threading"), warnings.catch_warnings():
            warnings.simplefilter("error", FitFailedWarning)
            search.fit(X, y)
        assert "failed" not in statuses(search)
        if table is not None:
            assert_same_table(search.cv_results_, table)
        table = search.cv_results_


@quiet
@plain_doors
def test_when_every_fit_fails_there_is_one_clear_error(door):
    search = search_of(door, "forgiving", space={"a": (0.0, 1.0), "kind": ["fail"]})
    with pytest.raises(ValueError, match="All the .* fits failed"):
        search.fit(X, y)
    assert set(statuses(search)) == {"failed"}
    assert set(search.cv_results_["n_splits_evaluated"]) == {1}


def test_skipped_folds_of_failures_do_not_show_a_numeric_error_score():
    space = {"a": (0.0, 1.0), "kind": ["x", "fail"]}
    search = BayesSearchCV(
        Guess(), space, n_iter=10, random_state=0, error_score=-1.0, racing="forgiving"
    )
    with pytest.warns(FitFailedWarning):
        search.fit(X, y)
    row = statuses(search).index("failed")
    np.testing.assert_array_equal(fold_scores(search)[row], [-1] + [np.nan] * (K - 1))


# ---- what others are told


@every_rule
@plain_doors
def test_the_optimizer_hears_an_estimate_with_its_noise(door, racing, monkeypatch):
    search = search_of(door, racing)
    told = told_scores(door, monkeypatch, search)
    search.fit(X, y)
    table = search.cv_results_
    np.testing.assert_allclose(
        [r.score for r in told], table["mean_test_score_partial"]
    )
    noisy = [result.noise > 0 for result in told]
    assert not np.any(np.array(noisy) & (table["status"] == "complete"))
    assert np.isfinite([result.noise for result in told]).all()


@plain_doors
def test_a_callback_is_told_the_estimate_and_the_status(door):
    seen = []
    search = search_of(door, "forgiving", callbacks=[seen.append]).fit(X, y)
    assert [p.status for p in seen] == statuses(search)
    np.testing.assert_allclose(
        [p.score for p in seen], search.cv_results_["mean_test_score_partial"]
    )
    assert seen[-1].best_score == search.best_score_


@one_door
def test_a_stopping_rule_counts_what_was_raced_out(door):
    search = search_of(door, "forgiving", stop=NoImprovement(5), n_iter=60).fit(X, y)
    assert search.stop_reason_.startswith("no_improvement")
    last = search.cv_results_["mean_test_score"][-5:]
    assert not (last > search.best_score_).any()


@pytest.mark.parametrize(
    "parameters",
    [
        dict(scoring=["accuracy", "neg_brier_score"], objective="accuracy"),
        dict(scoring=two_metrics, refit="good"),
        dict(scoring={"loss": "neg_log_loss", "acc": "accuracy"}, refit="acc"),
    ],
)
@plain_doors
def test_the_metric_that_steers_decides(door, parameters):
    class_probabilities = SVC(probability=True, random_state=0)
    X, y = load_iris(return_X_y=True)
    X, y = X[50:], y[50:]  # two classes that are hard to tell
    if callable(parameters["scoring"]):
        space, estimator = SPACE, Guess()
        X, y = globals()["X"], globals()["y"]
    else:
        space, estimator = {"C": (1e-3, 1e2, "log-uniform")}, class_probabilities
    search = search_of(
        door, "forgiving", estimator, space, **{"n_iter": 8, **parameters}
    )
    table = search.fit(X, y).cv_results_
    steering = parameters.get("objective") or parameters["refit"]
    other = next(
        m for m in ("bad", "neg_brier_score", "loss") if f"mean_test_{m}" in table
    )
    is_complete = table["status"] == "complete"
    for metric in (steering, other):
        np.testing.assert_array_equal(
            np.isfinite(table[f"mean_test_{metric}"]), is_complete
        )
        assert np.isfinite(table[f"mean_test_{metric}_partial"]).all()
        ranks = table[f"rank_test_{metric}"]
        assert (~is_complete).sum() == 0 or (
            ranks[is_complete].max() < ranks[~is_complete].min()
        )


@one_door
def test_a_refit_function_is_offered_complete_rows_only(door):
    offered = []

    def last(results):
        offered.append(results)
        return len(results["params"]) - 1

    search = search_of(door, "forgiving", refit=last).fit(X, y)
    (rows,) = offered
    assert np.isfinite(rows["mean_test_score"]).all()
    assert statuses(search)[search.best_index_] == "complete"


# ---- nothing finished is lost, nothing is fitted twice


@pytest.mark.parametrize("n_jobs", [1, 2])
@plain_doors
def test_ctrl_c_keeps_what_was_raced_out(door, n_jobs):
    def interrupt(progress):
        if progress.n_done == 6:
            raise KeyboardInterrupt

    search = search_of(door, close_call, callbacks=interrupt, n_jobs=n_jobs)
    with backend("threading"), pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    whole = search_of(door, close_call).fit(X, y)
    assert statuses(search)[:6] == statuses(whole)[:6]
    assert "raced_out" in statuses(search)
    assert search.best_score_ == np.nanmax(search.cv_results_["mean_test_score"])


@pytest.mark.parametrize("name, n_jobs", [(None, 1), ("threading", 2), ("loky", 2)])
@one_door
def test_max_time_keeps_what_was_raced_out(door, name, n_jobs):
    search = search_of(
        door, close_call, Guess(nap=0.02), n_iter=None, max_time=1.5, n_jobs=n_jobs
    )
    with backend(name):
        clone(search).set_params(n_iter=2, max_time=None).fit(X, y)  # workers start
        search.fit(X, y)
    assert search.stop_reason_ == "max_time"
    assert "raced_out" in statuses(search)


@one_door
def test_a_value_listed_twice_shares_the_fate_of_the_first(door):
    grid = {"a": [0.3, 0.9, 0.9, 0.3], "kind": ["x"]}
    watched()
    search = search_of(door, "forgiving", space=grid).fit(X, y)
    assert statuses(search) == ["complete", "raced_out", "raced_out", "complete"]
    scores = fold_scores(search)
    np.testing.assert_array_equal(scores[1], scores[2])
    np.testing.assert_array_equal(scores[0], scores[3])
    guesses = search.cv_results_["mean_test_score_partial"]
    assert guesses[1] == guesses[2]
    assert len(fits()) == sum(search.cv_results_["n_splits_evaluated"][:2])


# ---- scikit-learn's callbacks


@has_callbacks
@pytest.mark.parametrize(
    "name, n_jobs",
    [
        (None, 1),
        ("threading", 4),
        pytest.param("loky", 2, marks=pytest.mark.slow),
        pytest.param("multiprocessing", 2, marks=pytest.mark.slow),
    ],
)
@plain_doors
def test_each_fold_that_begins_ends(door, name, n_jobs):
    recorder = Recorder()
    search = search_of(door, close_call, Guess(nap=0.01), n_jobs=n_jobs, refit=True)
    with backend(name):
        search.set_callbacks(recorder).fit(X, y)
    n_folds = search.cv_results_["n_splits_evaluated"].sum()
    n_begun = recorder.count("begin", FOLD)
    assert n_begun == recorder.count("end", FOLD) >= n_folds
    assert n_jobs > 1 or n_begun == n_folds
    levels = [level for _, level in recorder.events]
    last_fold = len(levels) - 1 - levels[::-1].index(FOLD)
    assert recorder.events.index(("end", "search")) > last_fold
    assert recorder.events[-2:] == [("end", "fit"), ("teardown", "fit")]


@has_callbacks
@pytest.mark.parametrize("name, n_jobs", [(None, 1), ("threading", 2), ("loky", 2)])
@one_door
def test_the_progress_bar_of_scikit_learn_gets_to_its_end(door, name, n_jobs, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = search_of(door, close_call, Guess(nap=0.01), n_jobs=n_jobs)
    with backend(name):
        search.set_callbacks(ProgressBar()).fit(X, y)
    assert "100%" in capsys.readouterr().out.rsplit("search", 1)[-1]


# ---- bounds, bad input


def accuracy(y_true, y_pred):
    return float(np.mean(y_true == y_pred))


@pytest.mark.parametrize(
    "parameters",
    [
        dict(scoring=make_scorer(accuracy)),
        dict(scoring="mutual_info_score"),
        dict(scoring=two_metrics, refit="good"),
        dict(estimator=Toy()),  # a score of its own
        dict(
            estimator=Pipeline([("scale", StandardScaler()), ("clf", Guess())]),
            space={"clf": [Guess(a=0.1), Guess(), Toy()]},
        ),
    ],
)
@one_door
def test_exact_racing_without_a_bound_says_so_and_is_off(door, parameters):
    search = search_of(door, "exact", **parameters)
    watched()
    with pytest.warns(UserWarning, match="racing is off") as record:
        search.fit(X, y)
    (said,) = [w for w in record if "racing" in str(w.message)]
    assert "racing='forgiving'" in str(said.message)
    assert said.filename == __file__
    assert len(fits()) == K * n_rows(search) + bool(search.refit)
    assert "n_splits_evaluated" not in search.cv_results_


@pytest.mark.parametrize("scoring", [None, "accuracy", "neg_log_loss", ["accuracy"]])
@one_door
def test_exact_racing_with_a_bound_does_not_warn(door, scoring):
    X, y = load_iris(return_X_y=True)
    pipe = Pipeline([("scale", StandardScaler()), ("clf", SVC(probability=True))])
    space = {"clf__C": (1e-4, 1e2, "log-uniform"), "clf": [SVC(probability=True)]}
    search = search_of(door, "exact", clone(pipe), space, scoring=scoring, n_iter=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        search.fit(X, y)
    assert "n_splits_evaluated" in search.cv_results_


@pytest.mark.parametrize(
    "racing, error, words",
    [
        ("forgivin", ValueError, ["'forgivin'", "Did you mean 'forgiving'?"]),
        (
            "wilcoxon",
            ValueError,
            ["'wilcoxon'", "'auto', 'exact', 'forgiving'"],
        ),
        (0.5, TypeError, ["racing=0.5", "function"]),
        (lambda scores: True, TypeError, ["two arguments"]),
    ],
)
@one_door
def test_what_is_no_rule(door, racing, error, words):
    assert_refused(search_of(door, racing, Toy()), error, *words)


@one_door
def test_an_error_in_a_rule_keeps_the_finished_rows(door):
    def fail(c, b):
        raise ZeroDivisionError

    search = search_of(door, fail)
    with pytest.raises(ZeroDivisionError):
        search.fit(X, y)
    assert statuses(search)[0] == "complete"


@one_door
def test_a_race_over_one_fold_is_none(door):
    cv = [(np.arange(40), np.arange(40, 60))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = search_of(door, "forgiving", cv=cv).fit(X, y)
    assert statuses(search) == ["complete"] * 16


@one_door
def test_what_is_announced_is_a_bound(door, capsys):
    search_of(door, "forgiving", verbose=1).fit(X, y)
    said = capsys.readouterr().out
    assert "at most 5 folds" in said and "at most 80 fits" in said
