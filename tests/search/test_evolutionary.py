"""EvolutionarySearchCV: what it alone has, and the defects of the peer that it has not.

The peer is sklearn-genetic-opt. What was measured there (0.12.0, and the repository of
2026-08): its search cannot be cloned, returns the worst row of a loss that is to be
minimised, keeps scores of the first data in a second fit, lists (and pays for) repeated
settings, and fits the user's own estimator.
"""

import io
import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from skhpo import EvolutionarySearchCV, Integer, NoImprovement, Real, TargetReached
from skhpo.space import Space

from .doors import SPACE, X, n_rows, y
from .spies import Faulty, Toy, fits, two_scores, watched
from .test_bad_input import assert_refused

ALGORITHMS = ("de", "ga", "regularized", "cmaes")
#: Those of the other two differ in how they propose settings: the contract of the
#: optimizers has that.
every_algorithm = pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param(name, marks=() if name in ("de", "cmaes") else pytest.mark.slow)
        for name in ALGORITHMS
    ],
)

WIDE = {
    "a": (0.0, 1.0),
    "b": (1, 9),
    "kind": ["x", "y", "z"],
}


def search(estimator=None, space=WIDE, **parameters):
    defaults = dict(n_iter=24, population_size=6, cv=3, random_state=0, n_points=1)
    estimator = Toy() if estimator is None else estimator
    return EvolutionarySearchCV(estimator, space, **{**defaults, **parameters})


def settings_of(fitted):
    return [repr(params) for params in fitted.cv_results_["params"]]


# ---- defects of the peer


@every_algorithm
def test_a_fitted_search_can_be_cloned(algorithm):
    fitted = search(algorithm=algorithm, initial_params={"a": 0.1, "b": 2, "kind": "y"})
    before = fitted.get_params()
    fitted.fit(X, y)
    assert fitted.get_params() == before
    assert settings_of(clone(fitted).fit(X, y)) == settings_of(fitted)


@every_algorithm
def test_a_search_can_be_nested_in_cross_validation(algorithm):
    scores = cross_val_score(search(algorithm=algorithm), X, y, cv=2)
    assert np.isfinite(scores).all()


@every_algorithm
def test_a_second_fit_on_other_data_knows_nothing_of_the_first(algorithm):
    other_X, other_y = X[::-1] * 2.0 + 5.0, 1 - y
    twice = search(algorithm=algorithm).fit(X, y)
    watched()
    twice.fit(other_X, other_y)
    assert len(fits()) == 24 * 3 + 1
    once = search(algorithm=algorithm).fit(other_X, other_y)
    for name in ("mean_test_score", "generation", "parents"):
        assert twice.cv_results_[name].tolist() == once.cv_results_[name].tolist()
    assert settings_of(twice) == settings_of(once)
    pd.testing.assert_frame_equal(twice.history_, once.history_)


@every_algorithm
@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "neg_max_error"])
def test_a_loss_to_be_minimised_returns_its_best_row_not_its_worst(algorithm, scoring):
    data = load_diabetes(return_X_y=True)
    space = {"alpha": (1e-4, 1e4, "log-uniform")}
    fitted = search(Ridge(), space, algorithm=algorithm, scoring=scoring).fit(*data)
    losses = -fitted.cv_results_["mean_test_score"]
    assert fitted.best_score_ == -losses.min() > -losses.max()
    assert losses[fitted.best_index_] == losses.min()
    assert fitted.history_["best"].iloc[-1] == -losses.min()
    late, early = losses[12:], losses[1:7]  # it also searches in the right direction
    assert late.mean() < early.mean()


@every_algorithm
def test_the_estimator_of_the_user_is_never_touched(algorithm):
    own = DecisionTreeClassifier(max_depth=7, random_state=0)
    before = pickle.dumps(own)
    space = {"max_depth": (1, 6), "min_samples_leaf": (0.01, 0.4)}
    fitted = search(own, space, algorithm=algorithm).fit(X, y)
    assert fitted.best_estimator_ is not own
    assert fitted.estimator is own
    assert pickle.dumps(own) == before


@every_algorithm
def test_no_setting_is_fitted_twice(algorithm):
    space = {"a": [i / 10 for i in range(10)], "b": (1, 6), "kind": ["x", "y", "z"]}
    watched()
    fitted = search(
        space=space, algorithm=algorithm, n_iter=120, population_size=12, refit=False
    )
    fitted.fit(X, y)  # of 180 settings
    assert len(set(settings_of(fitted))) == 120
    settings = [(s["a"], s["b"], s["kind"]) for s in fits()]
    assert len(settings) == 3 * 120
    assert len(set(settings)) == 120


@every_algorithm
def test_n_iter_settings_are_tried_and_no_fewer(algorithm):
    """In the peer repeated settings eat the budget."""
    space = {"a": (0.0, 1.0), "kind": ["x", "y"]}
    fitted = search(space=space, algorithm=algorithm, n_iter=40).fit(X, y)
    assert n_rows(fitted) == 40
    assert fitted.stop_reason_ == "n_iter"


@every_algorithm
@pytest.mark.parametrize("n_iter", [1, 2, 3, 5])
def test_budgets_smaller_than_any_population_are_possible(algorithm, n_iter):
    fitted = search(algorithm=algorithm, n_iter=n_iter, population_size="auto")
    assert n_rows(fitted.fit(X, y)) == n_iter


# ---- which algorithm


@every_algorithm
def test_algorithm_says_what_was_used(algorithm):
    assert search(algorithm=algorithm).fit(X, y).algorithm_ == algorithm


def test_auto_goes_by_the_space_and_the_budget():
    numbers = {name: (0.0, 1.0) for name in "abcdef"}
    cases = [
        (WIDE, 24, "de"),
        ({"kind": list("xyz"), "b": Integer(1, 2), "a": (0.0, 1.0)}, 24, "de"),
        (numbers, 100, "de"),
        (numbers, 360, "cmaes"),
        ({name: list("xyzuvw") for name in "abc"}, 100, "de"),
        ({name: list("xyzuvw") for name in "ab"}, 100, "grid"),
    ]
    for space, n_iter, expected in cases:
        estimator = search(space=space, n_iter=n_iter)
        assert estimator._algorithm_name(Space(space)) == expected, space


def test_auto_does_without_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    numbers = {name: (0.0, 1.0) for name in "abcdef"}
    assert search(n_iter=400)._algorithm_name(Space(numbers)) == "de"


@every_algorithm
def test_a_small_finite_space_is_tried_in_full(algorithm):
    fitted = search(space={"b": (1, 5)}, algorithm=algorithm).fit(X, y)
    assert fitted.algorithm_ == "grid"
    assert [p["b"] for p in fitted.cv_results_["params"]] == [1, 2, 3, 4, 5]
    assert fitted.cv_results_["generation"].tolist() == [0] * 5
    assert fitted.history_["n_candidates"].tolist() == [5]


@every_algorithm
def test_it_improves_on_its_first_population(algorithm):
    fitted = search(algorithm=algorithm, n_iter=80, population_size=10).fit(X, y)
    scores = fitted.cv_results_["mean_test_score"]
    assert scores[40:].mean() > scores[:12].mean() + 0.05
    assert fitted.best_score_ > 1.08  # of 1.1


@pytest.mark.parametrize("surrogate", ["auto", None])
@pytest.mark.parametrize("algorithm", ["de", "ga"])
def test_the_surrogate_can_be_switched_off(algorithm, surrogate):
    fitted = search(algorithm=algorithm, surrogate=surrogate, n_iter=30).fit(X, y)
    other = search(algorithm=algorithm, surrogate=None, n_iter=30).fit(X, y)
    assert (settings_of(fitted) == settings_of(other)) == (surrogate is None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"tournament_size": 5},
        {"crossover_rate": 0.0},
        {"crossover_rate": 1},
        {"mutation_rate": 0},
        {"mutation_rate": 1.0},
        {"population_size": 8},
    ],
    ids=str,
)
def test_the_parameters_of_the_genetic_algorithm_matter(parameters):
    fitted = search(algorithm="ga", **parameters).fit(X, y)
    assert settings_of(fitted) != settings_of(search(algorithm="ga").fit(X, y))
    if "crossover_rate" in parameters:
        operators = set(fitted.cv_results_["operator"]) - {"", "initial", "restart"}
        has_two_parents = {"crossover+mutation"} == operators
        assert has_two_parents == (parameters["crossover_rate"] == 1)


# ---- the tables


@every_algorithm
def test_parents_are_rows_above_and_operators_say_what_was_done(algorithm):
    fitted = search(algorithm=algorithm, n_iter=40, n_points=3).fit(X, y)
    table = pd.DataFrame(fitted.cv_results_)
    parents = [[int(i) for i in t.split(",") if i] for t in table["parents"]]
    assert all(i < row for row, rows in enumerate(parents) for i in rows)
    n_bred = sum(map(bool, parents))
    assert n_bred == 0 if algorithm == "cmaes" else n_bred > 20
    assert table["origin"][0] == "default"
    assert set(table["origin"][1:]) <= {"initial", "ask"}
    assert (table["operator"][1:] != "").all()
    is_first = table["origin"] != "ask"
    assert set(table["generation"][is_first]) == {0}
    assert table["generation"][~is_first].min() == 1
    assert table["generation"].max() >= 3


def test_a_child_of_mutation_differs_from_its_parent_and_shares_with_it():
    fitted = search(algorithm="regularized", n_iter=40).fit(X, y)
    table = fitted.cv_results_
    for row in np.flatnonzero(table["operator"] == "mutation"):
        child, parent = (
            table["params"][row],
            table["params"][int(table["parents"][row])],
        )
        assert sum(child[name] != parent[name] for name in child) >= 1
    assert (table["operator"] == "mutation").sum() > 20


def test_parents_are_rows_also_where_some_candidates_were_not_finished():
    """An interrupted search drops trials: rows are then not the numbers of trials."""

    def interrupt(progress):
        if progress.n_done == 20:
            raise KeyboardInterrupt

    broken = search(algorithm="ga", n_iter=40, n_points=4, callbacks=interrupt)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(X, y)
    table = broken.cv_results_
    rows = np.flatnonzero(table["parents"] != "")
    assert len(rows) and len(broken.history_)
    for row in rows:
        numbers = [int(i) for i in table["parents"][row].split(",")]
        assert all(0 <= number < row for number in numbers)


@every_algorithm
def test_the_table_survives_a_csv_file(algorithm):
    fitted = search(algorithm=algorithm).fit(X, y)
    table = pd.DataFrame(fitted.cv_results_)
    text = {name: str for name in ("parents", "operator", "origin")}
    back = pd.read_csv(
        io.StringIO(table.to_csv(index=False)), dtype=text, keep_default_na=False
    )
    for name in ("generation", "parents", "operator", "origin"):
        assert back[name].tolist() == table[name].tolist()
    again = search(algorithm=algorithm, warm_start_from=back, random_state=1).fit(X, y)
    assert again.warm_start_ == "observations: 24 rows, 0 dropped"


@every_algorithm
def test_history_is_what_the_table_says(algorithm):
    fitted = search(algorithm=algorithm, n_iter=40).fit(X, y)
    table, told = pd.DataFrame(fitted.cv_results_), fitted.history_
    by_generation = table.groupby("generation")
    assert told["generation"].tolist() == sorted(set(table["generation"]))
    assert told["n_candidates"].tolist() == by_generation.size().tolist()
    best = by_generation["mean_test_score"].max().cummax()
    np.testing.assert_array_equal(told["best"], best)
    means = by_generation["mean_test_score"].mean()
    np.testing.assert_allclose(told["mean"], means)
    assert told["diversity"].dropna().between(0, 1).all()
    assert told["best"].iloc[-1] == fitted.best_score_


def test_old_studies_and_given_settings_are_marked_as_such():
    old = search(algorithm="ga").fit(X, y)
    given = {"a": 0.05, "b": 9, "kind": "z"}
    fitted = search(
        algorithm="de", warm_start_from=old, initial_params=given, random_state=1
    ).fit(X, y)
    table = fitted.cv_results_
    assert table["origin"][:2].tolist() == ["warm_start"] * 2
    row = table["params"].index(given)
    assert table["origin"][row] == "initial_params"
    for text in table["parents"]:  # those of the old study are no rows here
        assert all(int(i) < n_rows(fitted) for i in text.split(",") if i)


# ---- what the base offers


@every_algorithm
def test_racing_spares_folds_and_tells_the_population(algorithm):
    watched()
    fitted = search(algorithm=algorithm, racing="forgiving", cv=5, n_iter=40).fit(X, y)
    table = fitted.cv_results_
    n_folds = table["n_splits_evaluated"].sum()
    assert len(fits()) == n_folds + 1 < 0.9 * 40 * 5
    assert table["status"][fitted.best_index_] == "complete"
    assert fitted.best_score_ == np.nanmax(table["mean_test_score"])
    assert np.isfinite(fitted.history_["mean"]).all()


@every_algorithm
@pytest.mark.parametrize(
    "stop, reason",
    [(NoImprovement(5), "no_improvement"), (TargetReached(0.5), "target_reached")],
    ids=["no improvement", "target"],
)
def test_stopping_rules_end_the_search(algorithm, stop, reason):
    fitted = search(algorithm=algorithm, n_iter=300, stop=stop).fit(X, y)
    assert fitted.stop_reason_.startswith(reason)
    assert n_rows(fitted) < 300
    assert fitted.history_["n_candidates"].sum() == n_rows(fitted)


@every_algorithm
def test_time_alone_is_a_budget(algorithm):
    fitted = search(algorithm=algorithm, n_iter=None, max_time=0.7).fit(X, y)
    assert fitted.stop_reason_ == "max_time"
    assert n_rows(fitted) > 3


@every_algorithm
def test_callbacks_hear_of_each_candidate_and_may_stop(algorithm):
    heard = []

    def listen(progress):
        heard.append(progress.best_score)
        return progress.n_done == 15

    fitted = search(algorithm=algorithm, callbacks=listen).fit(X, y)
    assert fitted.stop_reason_ == "callback"
    assert len(heard) == 15
    assert heard == sorted(heard)


@every_algorithm
def test_constraints_hold_for_offspring(algorithm):
    def is_allowed(params):
        return params["a"] + params["b"] / 9 < 0.8

    fitted = search(algorithm=algorithm, constraints=is_allowed, n_iter=40).fit(X, y)
    assert n_rows(fitted) == 40
    assert all(map(is_allowed, fitted.cv_results_["params"]))


@every_algorithm
def test_conditions_hold_for_offspring(algorithm):
    space = {
        "kind": ["x", "y", "z"],
        "a": Real(0, 1, when={"kind": ["x", "y"]}),
        "b": Integer(1, 50),
    }
    fitted = search(space=space, algorithm=algorithm, n_iter=40).fit(X, y)
    for params in fitted.cv_results_["params"]:
        assert ("a" in params) == (params["kind"] != "z")


@every_algorithm
def test_alternatives_share_the_population(algorithm):
    space = [{"kind": ["x"], "a": (0.0, 1.0)}, {"kind": ["y"], "b": (1, 90)}]
    fitted = search(space=space, algorithm=algorithm, n_iter=40).fit(X, y)
    kinds = [params["kind"] for params in fitted.cv_results_["params"]]
    assert 3 < kinds.count("x") < 37
    for params in fitted.cv_results_["params"]:
        assert set(params) == (
            {"kind", "a"} if params["kind"] == "x" else {"kind", "b"}
        )


@every_algorithm
def test_an_old_search_is_continued_without_repeats(algorithm):
    old = search(algorithm=algorithm).fit(X, y)
    fitted = search(algorithm=algorithm, warm_start_from=old, random_state=1).fit(X, y)
    assert fitted.warm_start_ == "observations: 24 rows, 0 dropped"
    assert len(set(settings_of(fitted)) & set(settings_of(old))) == 2
    assert fitted.best_score_ >= old.best_score_


@every_algorithm
@pytest.mark.filterwarnings("ignore")
def test_failed_candidates_have_no_offspring(algorithm):
    space = {"a": (0.0, 1.0), "fault": ["none", "fit"]}
    fitted = search(Faulty(), space, algorithm=algorithm, n_iter=40).fit(X, y)
    table = fitted.cv_results_
    failed = {str(row) for row in np.flatnonzero(table["status"] == "failed")}
    assert failed and len(failed) < 20
    assert not any(failed & set(text.split(",")) for text in table["parents"])
    assert np.isfinite(fitted.history_["best"].iloc[-1])


@every_algorithm
def test_one_of_several_metrics_steers(algorithm):
    fitted = search(algorithm=algorithm, scoring=two_scores, refit="bad", n_iter=40)
    fitted.fit(X, y)
    best = fitted.cv_results_["mean_test_bad"]
    assert fitted.best_score_ == best.max()
    assert fitted.history_["best"].iloc[-1] == best.max()
    assert best[20:].mean() > best[:8].mean()


@every_algorithm
def test_many_workers_out_of_order_find_every_candidate(algorithm):
    estimator = Toy(nap=0.01)
    with parallel_config(backend="threading"):
        fitted = search(
            estimator, algorithm=algorithm, asynchronous=True, n_jobs=4, n_iter=40
        ).fit(X, y)
    assert len(set(settings_of(fitted))) == 40


@every_algorithm
def test_the_table_does_not_depend_on_the_workers(algorithm):
    tables = []
    for n_jobs in (1, 3):
        with parallel_config(backend="threading"):
            fitted = search(
                Toy(nap=0.01), algorithm=algorithm, n_jobs=n_jobs, n_points=4
            ).fit(X, y)
        tables.append((settings_of(fitted), fitted.cv_results_["parents"].tolist()))
    assert tables[0] == tables[1]


# ---- bad input


@pytest.mark.parametrize(
    "name, meant", [("cma", "cmaes"), ("regularised", "regularized"), ("autos", "auto")]
)
def test_an_unknown_algorithm(name, meant):
    assert_refused(
        search(algorithm=name),
        ValueError,
        repr(name),
        f"Did you mean '{meant}'?",
        "'ga'",
    )


@pytest.mark.parametrize("algorithm", [None, 5, ["de"], object], ids=repr)
def test_what_is_no_algorithm(algorithm):
    assert_refused(search(algorithm=algorithm), ValueError, "algorithm=", "'de'")


def test_a_population_larger_than_the_budget():
    bad = search(population_size=50, n_iter=24)
    assert_refused(bad, ValueError, "population_size=50", "n_iter=24", "'auto'")


def test_a_tournament_larger_than_the_population():
    bad = search(algorithm="ga", population_size=5, tournament_size=8)
    assert_refused(bad, ValueError, "tournament_size=8", "population_size=5")


@pytest.mark.parametrize("value", [-0.1, 1.1, 30, "half", np.nan], ids=repr)
@pytest.mark.parametrize("name", ["crossover_rate", "mutation_rate"])
def test_a_rate_outside_of_zero_to_one(name, value):
    bad = search(algorithm="ga", **{name: value})
    assert_refused(bad, ValueError, name, "[0.0, 1.0]", repr(value))


@pytest.mark.parametrize(
    "name, value",
    [
        ("population_size", 3),
        ("population_size", 0),
        ("population_size", 7.5),
        ("population_size", None),
        ("tournament_size", 0),
        ("tournament_size", "3"),
        ("surrogate", "kernel"),
        ("surrogate", True),
        ("n_iter", 0),
    ],
)
def test_parameters_out_of_range(name, value):
    assert_refused(search(**{name: value}), ValueError, name, repr(value))


CHOICES = {name: list("xyzuvw") for name in ("a", "b", "kind")}


def test_an_algorithm_of_numbers_in_a_space_of_choices_says_which_would_do():
    bad = search(space=CHOICES, algorithm="cmaes")
    words = ("algorithm='cmaes'", "'a', 'b', 'kind'", "'regularized'", "'ga'", "'auto'")
    assert_refused(bad, ValueError, *words)


def test_a_package_that_is_not_installed_is_missed_before_the_first_fit(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    bad = search(algorithm="cmaes")
    assert_refused(bad, ImportError, "python -m pip install cmaes", "algorithm='de'")


@pytest.mark.parametrize(
    "algorithm, parameters, words",
    [
        (
            "de",
            {"crossover_rate": 0.9},
            "crossover_rate=0.9 is ignored: algorithm='de'",
        ),
        (
            "de",
            {"tournament_size": 4},
            "for algorithm='ga' and algorithm='regularized'",
        ),
        ("cmaes", {"mutation_rate": 0.1}, "algorithm='cmaes' has none"),
        (
            "auto",
            {"mutation_rate": 0.1},
            "algorithm='de' \\(chosen by algorithm='auto'",
        ),
    ],
)
def test_a_parameter_that_the_algorithm_lacks_is_one_warning(
    algorithm, parameters, words
):
    with pytest.warns(UserWarning, match=words) as caught:
        search(algorithm=algorithm, n_iter=10, **parameters).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@every_algorithm
def test_defaults_never_complain(algorithm):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        EvolutionarySearchCV(
            Toy(), SPACE, algorithm=algorithm, n_iter=12, random_state=0
        ).fit(X, y)
        search(algorithm=algorithm, surrogate=None, n_iter=10).fit(X, y)
