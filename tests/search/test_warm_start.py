"""``warm_start_from``: what a search learns from an earlier one."""

import io
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, Integer
from skhpo.search._warm_start import Metric, read_old_studies
from skhpo.space import Space
from tests.search.doors import SPACE, X, n_rows, plain_doors, y
from tests.search.spies import Faulty, Toy

OTHER_X = X[:24] + 50.0
OTHER_Y = y[:24]


def settings_of(search):
    """The settings that a search tried, as texts."""
    return [repr(sorted(params.items())) for params in search.cv_results_["params"]]


def first_search(door, **parameters):
    parameters = {"n_iter": 12, **parameters}
    return door.search(Toy(), SPACE, **parameters).fit(X, y)


def warm(source, **parameters):
    """A small search over the usual space that starts from ``source``."""
    defaults = dict(n_iter=6, cv=3, random_state=1, optimizer="random")
    return BayesSearchCV(
        Toy(), SPACE, warm_start_from=source, **{**defaults, **parameters}
    )


# ---- what it does


@plain_doors
def test_the_same_data_are_noticed_and_nothing_is_tried_again(door):
    old = first_search(door)
    search = door.search(Toy(), SPACE, n_iter=6, random_state=7, warm_start_from=old)
    search.fit(X, y)
    n_old = n_rows(old)
    assert search.warm_start_ == f"observations: {n_old} rows, 0 dropped"
    assert search.best_score_ >= old.best_score_
    assert search.cv_results_["params"][0] == old.best_params_
    assert len(set(settings_of(search)) & set(settings_of(old))) == 2
    expected = {"bayes-grid": 2}  # everything is known, and two are evaluated again
    assert n_rows(search) == expected.get(door.name, 6)


@plain_doors
def test_other_data_give_initial_points(door):
    old = first_search(door)
    search = door.search(Toy(), SPACE, n_iter=9, random_state=7, warm_start_from=old)
    search.fit(OTHER_X, OTHER_Y)
    kind = getattr(search, "optimizer_", None)
    assert search.warm_start_.startswith("other data: 3 initial points")
    assert ("prior mean with weight" in search.warm_start_) == (kind == "gp")
    assert search.cv_results_["params"][0] == old.best_params_
    assert set(settings_of(search)[:3]) <= set(settings_of(old))


@plain_doors
def test_the_table_does_not_depend_on_n_jobs(door):
    old = first_search(door)
    tables = []
    for n_jobs in (1, 2):
        search = door.search(Toy(), SPACE, n_iter=8, n_jobs=n_jobs, warm_start_from=old)
        search.fit(OTHER_X, OTHER_Y)
        tables.append((search.warm_start_, settings_of(search)))
    assert tables[0] == tables[1]


def test_an_asynchronous_search_waits_for_the_verdict_as_well():
    old = warm(None, n_iter=12).fit(X, y)
    search = warm(old, asynchronous=True, n_jobs=2).fit(X, y)
    assert search.warm_start_ == "observations: 12 rows, 0 dropped"
    assert n_rows(search) == 6


def test_a_related_gp_search_says_its_weight():
    old = warm(None, n_iter=25, optimizer="gp").fit(X, y)
    search = warm(old, n_iter=14, optimizer="gp").fit(OTHER_X, OTHER_Y)
    assert float(search.warm_start_.rpartition(" ")[2]) > 0.3


def test_another_splitter_makes_other_data():
    old = warm(None).fit(X, y)
    search = warm(old, cv=KFold(4)).fit(X, y)
    assert search.warm_start_.startswith("other data")


def test_no_race_drops_what_judges_an_old_study():
    settings = dict(n_iter=12, cv=5, random_state=0, refit=False)
    old = BayesSearchCV(Toy(), SPACE, **settings).fit(X, y)
    new = BayesSearchCV(Toy(), SPACE, warm_start_from=old, **settings).fit(X, y)
    assert new.racing_ == "paired"
    assert "raced_out" in new.cv_results_["status"]
    assert (new.cv_results_["status"][:2] == "complete").all()
    scores = new.cv_results_["mean_test_score"][:2]
    assert np.isin(scores, old.cv_results_["mean_test_score"]).all()
    assert scores[0] > scores[1] + 0.01  # so the second would be dropped
    assert new.warm_start_.startswith("observations")


def test_a_budget_of_one_ends_before_the_verdict():
    search = warm(warm(None).fit(X, y), n_iter=1).fit(X, y)
    assert search.warm_start_.startswith("not decided")
    assert n_rows(search) == 1


def test_a_second_fit_knows_nothing_of_the_first():
    search = warm(warm(None).fit(X, y)).fit(X, y)
    first = settings_of(search)
    assert settings_of(search.fit(X, y)) == first
    search.set_params(warm_start_from=None).fit(X, y)
    assert not hasattr(search, "warm_start_")


def test_the_interrupted_search_still_says_what_it_did():
    def stop(progress):
        if progress.n_done == 4:
            raise KeyboardInterrupt

    search = warm(warm(None).fit(X, y), callbacks=stop)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert search.warm_start_ == "observations: 6 rows, 0 dropped"


# ---- clone, pickle


def test_a_clone_keeps_the_fitted_search_as_it_is():
    old = warm(None).fit(X, y)
    search = warm([old, old.cv_results_], stop=lambda archive, space: None)
    twin = clone(search.fit(X, y))
    assert twin.warm_start_from is search.warm_start_from
    assert not hasattr(twin, "cv_results_")
    assert twin.estimator is not search.estimator
    assert twin.fit(X, y).warm_start_ == search.warm_start_
    assert search.warm_start_from[0] is old  # the original is as it was


def test_it_works_inside_cross_validation():
    old = warm(None).fit(X, y)
    scores = cross_val_score(warm(old), X, y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_a_search_that_starts_warm_can_be_pickled():
    old = warm(None).fit(X, y)
    search = pickle.loads(pickle.dumps(warm(old).fit(X, y)))
    assert search.warm_start_ == "observations: 6 rows, 0 dropped"
    assert hasattr(search.warm_start_from, "cv_results_")


# ---- sources


TREE_SPACE = {
    "max_depth": [None, 2, 4],
    "min_samples_leaf": (1, 9),
    "criterion": ["gini", "entropy"],
    "ccp_alpha": (1e-4, 1e-1, "log-uniform"),
    "min_samples_split": [2, 0.25],
}


def tree_search(source=None, **parameters):
    defaults = dict(n_iter=12, cv=3, random_state=0, warm_start_from=source)
    tree = DecisionTreeClassifier(random_state=0)
    return BayesSearchCV(tree, TREE_SPACE, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def trees():
    return tree_search(optimizer="random").fit(X, y)


def through_csv(frame):
    return pd.read_csv(io.StringIO(frame.to_csv(index=False)))


@pytest.mark.parametrize(
    "source_of",
    [
        lambda search: search,
        lambda search: search.cv_results_,
        lambda search: pd.DataFrame(search.cv_results_),
        lambda search: through_csv(pd.DataFrame(search.cv_results_)),
        lambda search: through_csv(
            pd.DataFrame(search.cv_results_).drop(columns="params")
        ),
        lambda search: {
            key: list(search.cv_results_[key]) for key in ("params", "mean_test_score")
        },
        lambda search: (search.cv_results_,),
    ],
    ids=["search", "dict", "frame", "csv", "csv of columns", "lists", "tuple"],
)
def test_every_kind_of_source_gives_the_same_points(trees, source_of):
    metric, space = Metric(["score"]), Space(TREE_SPACE)
    (expected,) = read_old_studies(trees, space, metric)
    (study,) = read_old_studies(source_of(trees), space, metric)
    assert len(study.points) == 12
    np.testing.assert_allclose(study.points, expected.points)
    assert list(map(_typed, study.params)) == list(
        map(_typed, trees.cv_results_["params"])
    )
    search = tree_search(source_of(trees), n_iter=4).fit(X, y)
    assert search.warm_start_ == "observations: 12 rows, 0 dropped"


def _typed(params):
    """Names, types and values; pandas < 3 reads the last digit of a float wrongly."""
    return sorted(
        (name, type(value), f"{value:.9g}" if isinstance(value, float) else value)
        for name, value in params.items()
    )


def test_costs_are_those_of_all_folds(trees):
    (study,) = read_old_studies(trees, Space(TREE_SPACE), Metric(["score"]))
    table = trees.cv_results_
    seconds = 3 * (table["mean_fit_time"] + table["mean_score_time"])
    np.testing.assert_allclose(study.costs, seconds)


def test_objects_and_tuples_survive_a_csv_file():
    space = Space(
        {
            "hidden_layer_sizes": [(10,), (5, 5)],
            "model": [DecisionTreeClassifier(max_depth=2), MLPClassifier()],
        }
    )
    rows = [space.to_params(point) for point in space.grid()]
    frame = pd.DataFrame(
        {f"param_{name}": [row[name] for row in rows] for name in space.names}
    ).assign(mean_test_score=range(4), params=rows)
    (study,) = read_old_studies(through_csv(frame), space, Metric(["score"]))
    np.testing.assert_array_equal(study.points, list(space.grid()))
    assert study.params[0]["model"] is rows[0]["model"]


def test_a_grid_search_of_scikit_learn_is_understood():
    grid = {"a": [0.0, 0.2, 0.9], "kind": ["x", "y"]}
    old = GridSearchCV(Toy(), grid, cv=3).fit(X, y)
    search = warm(old).fit(X, y)
    assert search.warm_start_ == "observations: 6 rows, 0 dropped"
    assert search.best_score_ >= old.best_score_


def test_a_randomized_search_over_alternatives_is_understood():
    space = [
        {"kind": ["x"], "a": (0.0, 1.0)},
        {"kind": ["y", "z"], "b": [1, 2, 3]},
    ]
    scipy_like = [
        {"kind": ["x"], "a": list(np.linspace(0, 1, 9))},
        {"kind": ["y", "z"], "b": [1, 2, 3]},
    ]
    old = RandomizedSearchCV(Toy(), scipy_like, n_iter=10, cv=3, random_state=0)
    old.fit(X, y)
    frame = through_csv(pd.DataFrame(old.cv_results_).drop(columns="params"))
    for source in (old, frame):
        search = BayesSearchCV(
            Toy(), space, n_iter=6, cv=3, random_state=0, warm_start_from=source
        ).fit(X, y)
        assert search.warm_start_ == "observations: 10 rows, 0 dropped"


def test_a_conditional_space_reads_inactive_cells():
    space = {"kind": ["x", "y"], "b": Integer(1, 5, when={"kind": ["y"]})}
    build = dict(cv=3, random_state=0, optimizer="random")
    old = BayesSearchCV(Toy(), space, n_iter=5, **build).fit(X, y)
    assert np.ma.getmaskarray(old.cv_results_["param_b"]).any()
    frame = through_csv(pd.DataFrame(old.cv_results_).drop(columns="params"))
    search = BayesSearchCV(Toy(), space, n_iter=4, warm_start_from=frame, **build)
    assert (
        search.fit(X, y).warm_start_ == f"observations: {n_rows(old)} rows, 0 dropped"
    )


def test_of_a_halving_search_the_last_resource_counts():
    grid = {"a": list(np.linspace(0, 1, 9)), "kind": ["x"]}
    old = HalvingGridSearchCV(Toy(), grid, cv=3, min_resources=8, random_state=0)
    old.fit(X, y)
    last = np.max(old.cv_results_["n_resources"])
    (study,) = read_old_studies(old, Space(SPACE), Metric(["score"]))
    assert len(study.points) == np.sum(old.cv_results_["n_resources"] == last) < 9


def test_failed_rows_are_left_out():
    faults = {"a": [0.1, 0.5, 0.9], "fault": ["none", "fit"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = BayesSearchCV(Faulty(), faults, n_iter=6, cv=3, error_score=0.0)
        old.fit(X, y)
    (study,) = read_old_studies(old, Space(faults), Metric(["score"]))
    assert {params["fault"] for params in study.params} == {"none"}
    assert len(study.scores) == 3


def test_rows_out_of_range_are_dropped_with_one_note():
    grid = {"a": [0.2, 0.9, 1.5, 7.0], "kind": ["x", "y"]}
    old = GridSearchCV(Toy(), grid, cv=3).fit(X, y)
    with pytest.warns(UserWarning) as caught:
        search = warm(old).fit(X, y)
    (warning,) = caught
    assert "4 of its 8 rows" in str(warning.message)
    assert "1.5" in str(warning.message)
    assert warning.filename == __file__
    assert search.warm_start_ == "observations: 4 rows, 4 dropped"


def test_rows_that_violate_a_constraint_are_dropped():
    old = GridSearchCV(Toy(), {"a": [0.2, 0.9], "kind": ["x"]}, cv=3).fit(X, y)
    search = warm(old, constraints=[lambda params: params["a"] < 0.5])
    with pytest.warns(UserWarning, match="violates a constraint"):
        search.fit(X, y)
    assert search.warm_start_ == "observations: 1 row, 1 dropped"


# ---- metrics


TWO = {"accuracy": "accuracy", "f1": "f1"}


def test_the_steering_metric_of_several_counts():
    old = tree_search(scoring=TWO, refit="f1", n_iter=5).fit(X, y)
    search = tree_search(old, scoring=TWO, refit="f1", n_iter=4).fit(X, y)
    assert search.warm_start_ == "observations: 5 rows, 0 dropped"
    (study,) = read_old_studies(old, Space(TREE_SPACE), Metric(["f1"]))
    np.testing.assert_array_equal(study.scores, old.cv_results_["mean_test_f1"])
    single = tree_search(old, scoring="f1", n_iter=4).fit(X, y)
    assert single.warm_start_ == "observations: 5 rows, 0 dropped"


def test_a_callable_scoring_with_several_names_takes_the_first():
    def scoring(estimator, X, y):
        score = estimator.score(X, y)
        return {"good": score, "bad": -score}

    old = warm(None, scoring=scoring, refit="good").fit(X, y)
    search = warm(old, scoring=scoring, refit=False).fit(X, y)
    assert search.warm_start_ == "observations: 6 rows, 0 dropped"


def test_a_missing_metric_is_named(trees):
    search = tree_search(trees, scoring=TWO, refit="f1")
    with pytest.raises(ValueError, match="mean_test_f1.*has scores of \\['score'\\]"):
        search.fit(X, y)


# ---- bad input


@pytest.mark.parametrize("source", ["table.csv", 3, Toy, [3], object()])
def test_what_cannot_be_read_is_refused(source):
    with pytest.raises(TypeError, match="fitted search.*DataFrame"):
        warm(source).fit(X, y)


def test_an_unfitted_search_is_refused():
    with pytest.raises(ValueError, match="BayesSearchCV has no cv_results_"):
        warm(warm(None)).fit(X, y)


def test_a_table_without_settings_is_refused():
    with pytest.raises(ValueError, match="'param_<name>'"):
        warm({"mean_test_score": [1.0]}).fit(X, y)


def test_a_table_without_scores_is_refused():
    table = {"params": [{"a": 0.5, "kind": "x"}] * 2, "mean_test_score": [np.nan] * 2}
    with pytest.raises(ValueError, match="none of its 2 rows has a score"):
        warm(table).fit(X, y)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"toy__a": 0.5, "kind": "x"}, "'toy__a'.*They lack 'a'"),
        ({"aa": 0.5, "kind": "x"}, "'aa'.*Did you mean 'a'"),
        ({"a": 0.5}, "They lack 'kind'"),
        ({"a": 9.5, "kind": "x"}, "9.5 lies outside"),
    ],
)
def test_a_table_of_which_no_row_fits_says_why(params, words):
    table = {"params": [params], "mean_test_score": [1.0]}
    with pytest.raises(ValueError, match=words):
        warm(table).fit(X, y)


def test_the_number_of_the_bad_source_is_named():
    good = {"params": [{"a": 0.5, "kind": "x"}], "mean_test_score": [1.0]}
    with pytest.raises(ValueError, match=r"warm_start_from\[1\]"):
        warm([good, {**good, "params": [{"a": 0.5}]}]).fit(X, y)


@pytest.mark.parametrize("nothing", [None, [], ()])
def test_nothing_to_start_from_is_a_cold_start(nothing):
    search = warm(nothing).fit(X, y)
    assert not hasattr(search, "warm_start_")
    assert settings_of(search) == settings_of(warm(None).fit(X, y))
