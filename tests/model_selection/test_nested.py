"""nested_cross_validate: by hand, with spies, and with what users do wrong."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import get_scorer, make_scorer
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    PredefinedSplit,
    RandomizedSearchCV,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)
from skhpo.model_selection import (
    LeakageWarning,
    nested_cross_validate,
    one_standard_error,
)

IRIS = load_iris(return_X_y=True)
DEPTHS = {"max_depth": [1, 2, 4]}
TREE = DecisionTreeClassifier(random_state=0)


def grid(estimator=TREE, space=DEPTHS, **parameters):
    return GridSearchCV(estimator, space, **{"cv": 3, **parameters})


SEARCHES = {
    "grid": grid(),
    "randomized": RandomizedSearchCV(TREE, DEPTHS, n_iter=2, cv=3, random_state=0),
    "bayes": BayesSearchCV(TREE, {"max_depth": (1, 9)}, n_iter=4, cv=3, random_state=0),
    "hyperband": HyperbandSearchCV(
        SGDClassifier(random_state=0),
        {"alpha": (1e-5, 1e-1, "log-uniform")},
        max_resource=3,
        cv=3,
        random_state=0,
    ),
    "evolutionary": EvolutionarySearchCV(
        TREE, {"max_depth": (1, 9)}, n_iter=6, cv=3, random_state=0
    ),
    "pbt": PBTSearchCV(
        SGDClassifier(random_state=0),
        {"alpha": (1e-6, 1e0, "log-uniform")},
        max_resource=4,
        n_steps=4,
        cv=3,
        random_state=0,
    ),
}
every_search = pytest.mark.parametrize("name", SEARCHES)


def by_hand(search, X, y, outer, **params):
    """Return outer scores, inner best scores and winners, without any helper."""
    scores, inner, winners = [], [], []
    for train, test in outer:
        cut = {name: value[train] for name, value in params.items()}
        fitted = clone(search).fit(X[train], y[train], **cut)
        scores.append(fitted.score(X[test], y[test]))
        inner.append(fitted.best_score_)
        winners.append(fitted.best_params_)
    return scores, inner, winners


# ---- the numbers


@every_search
def test_is_the_search_in_each_outer_fold(name):
    X, y = IRIS
    outer = StratifiedKFold(3, shuffle=True, random_state=0)
    result = nested_cross_validate(SEARCHES[name], X, y, outer_cv=outer)
    scores, inner, winners = by_hand(SEARCHES[name], X, y, list(outer.split(X, y)))
    np.testing.assert_array_equal(result.test_score, scores)
    np.testing.assert_array_equal(result.inner_best_score, inner)
    assert result.best_params == winners
    assert result.score == pytest.approx(np.mean(scores))
    assert result.optimism == pytest.approx(np.mean(inner) - np.mean(scores))


TIMED = np.cumsum(np.random.default_rng(0).normal(size=(80, 2)), axis=0)
GROUPS = np.repeat(np.arange(25), 6)
TASKS = {
    "regression": (
        grid(Ridge(), {"alpha": [0.1, 10.0]}),
        make_regression(60, 5, noise=9, random_state=0),
        dict(outer_cv=3),
    ),
    "multi-class": (grid(), IRIS, dict(outer_cv=3)),
    "squared error": (
        grid(Ridge(), {"alpha": [0.1, 10.0]}, scoring="neg_mean_squared_error"),
        make_regression(60, 5, noise=9, random_state=0),
        dict(outer_cv=3),
    ),
    "auc": (
        grid(scoring="roc_auc"),
        (IRIS[0], (IRIS[1] == 1).astype(int)),
        dict(outer_cv=3),
    ),
    "log loss": (grid(scoring="neg_log_loss"), IRIS, dict(outer_cv=3)),
    "time series": (
        grid(Ridge(), {"alpha": [0.1, 10.0]}, cv=TimeSeriesSplit(3)),
        (TIMED, np.roll(TIMED[:, 0], -1)),
        dict(outer_cv=TimeSeriesSplit(3)),
    ),
    "groups": (
        grid(cv=GroupKFold(3)),
        IRIS,
        dict(outer_cv=StratifiedGroupKFold(3), groups=GROUPS),
    ),
}


@pytest.mark.parametrize("task", TASKS)
def test_every_kind_of_task_gets_the_scores_made_by_hand(task):
    search, (X, y), arguments = TASKS[task]
    result = nested_cross_validate(search, X, y, **arguments)
    groups = arguments.get("groups")
    outer = list(zip(result.indices["train"], result.indices["test"], strict=True))
    params = {} if groups is None else {"groups": groups}
    scores, inner, _ = by_hand(search, X, y, outer, **params)
    np.testing.assert_allclose(result.test_score, scores)
    np.testing.assert_allclose(result.inner_best_score, inner)
    low, high = result.interval()
    assert low < result.score < high
    pools = task in ("multi-class", "squared error", "log loss", "groups")
    assert (result.pooled_se is not None) == pools
    assert result.interval().method == ("pooled" if pools else "nadeau-bengio")


def test_outer_folds_of_an_int_are_scikit_learns():
    X, y = IRIS
    result = nested_cross_validate(grid(), X, y, outer_cv=4)
    plain = cross_validate(grid(), X, y, cv=4)
    np.testing.assert_array_equal(result.test_score, plain["test_score"])


def test_is_the_same_with_two_workers():
    X, y = IRIS
    search = RandomizedSearchCV(TREE, DEPTHS, n_iter=2, cv=3)
    one, two = (
        nested_cross_validate(
            search, X, y, outer_cv=3, repeats=2, random_state=0, n_jobs=n_jobs
        )
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.test_score, two.test_score)
    assert one.best_params == two.best_params


def test_repeats_have_splits_of_their_own_and_seeds_repeat_them():
    X, y = IRIS
    run = partial(nested_cross_validate, grid(), X, y, outer_cv=3, repeats=2)
    result = run(random_state=0)
    assert len(result.test_score) == 6
    assert (result.n_folds, result.n_repeats) == (3, 2)
    tests = result.indices["test"]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests[:3])), np.arange(150))
    assert not np.array_equal(tests[0], tests[3])
    np.testing.assert_array_equal(run(random_state=0).test_score, result.test_score)


def test_a_generator_in_the_search_is_left_as_it_was():
    X, y = IRIS
    rng = np.random.RandomState(0)
    search = RandomizedSearchCV(TREE, DEPTHS, n_iter=2, cv=3, random_state=rng)
    search.cv = StratifiedKFold(3, shuffle=True, random_state=rng)
    nested_cross_validate(search, X, y, outer_cv=3)
    assert rng.randint(10**6) == np.random.RandomState(0).randint(10**6)


def test_tables_of_pandas_give_the_same():
    X, y = IRIS
    search = grid(cv=GroupKFold(3))
    run = partial(nested_cross_validate, search, outer_cv=GroupKFold(3))
    plain = run(X, y, groups=GROUPS)
    index = np.arange(150)[::-1]
    framed = run(
        pd.DataFrame(X, index=index),
        pd.Series(y, index=index),
        groups=pd.Series(GROUPS, index=index),
    )
    np.testing.assert_array_equal(framed.test_score, plain.test_score)
    assert framed.pooled_se == plain.pooled_se


def test_a_cost_that_is_not_known_is_no_obstacle(capsys):
    search = HalvingGridSearchCV(TREE, DEPTHS, cv=3, random_state=0)
    result = nested_cross_validate(search, *IRIS, outer_cv=2, verbose=1)
    assert result.estimated_cost is None
    assert "? candidates x 3" in capsys.readouterr().out
    assert result.score > 0.8


def test_precomputed_kernels_are_cut_on_both_sides():
    X, y = IRIS
    search = grid(SVC(kernel="precomputed"), {"C": [0.1, 10.0]})
    plain = grid(SVC(kernel="rbf", gamma=0.1), {"C": [0.1, 10.0]})
    ours = nested_cross_validate(search, rbf_kernel(X, gamma=0.1), y, outer_cv=3)
    theirs = nested_cross_validate(plain, X, y, outer_cv=3)
    np.testing.assert_allclose(ours.test_score, theirs.test_score)
    assert ours.pooled_se == pytest.approx(theirs.pooled_se)


def test_fitting_twice_is_fitting_fresh():
    X, y = IRIS
    search = clone(SEARCHES["bayes"])
    first = nested_cross_validate(search, X, y, outer_cv=3)
    second = nested_cross_validate(search.fit(X, y), X, y, outer_cv=3)
    np.testing.assert_array_equal(first.test_score, second.test_score)
    assert not hasattr(clone(search), "cv_results_")


# ---- the winners


def test_pooled_error_is_that_of_all_rows_together():
    X, y = IRIS
    result = nested_cross_validate(grid(), X, y, outer_cv=3)
    right = []
    for train, test in StratifiedKFold(3).split(X, y):
        search = grid().fit(X[train], y[train])
        right.extend(search.predict(X[test]) == y[test])
    assert result.pooled_se == pytest.approx(np.std(right, ddof=1) / np.sqrt(150))


def test_pooled_error_takes_groups_for_units():
    X, y = IRIS
    twice = np.concatenate([np.arange(150), np.arange(150)])
    outer = GroupKFold(3)
    result = nested_cross_validate(
        grid(cv=GroupKFold(3)), X[twice], y[twice], outer_cv=outer, groups=twice
    )
    right = []
    for train, test in outer.split(twice, groups=twice):
        search = grid(cv=GroupKFold(3)).fit(
            X[twice][train], y[twice][train], groups=twice[train]
        )
        rows, first = np.unique(twice[test], return_index=True)
        right.extend(search.predict(X[rows]) == y[rows])
    # copies of a row carry nothing new
    assert result.pooled_se == pytest.approx(np.std(right, ddof=1) / np.sqrt(150))


def test_winners_are_compared_in_the_space_of_any_search():
    X, y = IRIS
    for name, search in SEARCHES.items():
        stability = nested_cross_validate(search, X, y, outer_cv=3).stability
        assert 0 <= stability.distance <= 1, name
        ((parameter, found),) = stability.parameters.items()
        assert parameter in ("max_depth", "alpha")
        assert 1 / 3 <= found.modal_share <= 1
        assert 0 <= found.iqr <= 1


def test_estimators_are_kept_only_when_asked_for():
    X, y = IRIS
    result = nested_cross_validate(grid(), X, y, outer_cv=3, return_estimator=True)
    assert [s.best_params_ for s in result.estimator] == result.best_params
    assert "estimator" not in nested_cross_validate(grid(), X, y, outer_cv=3)


def test_result_can_be_pickled_and_says_what_matters():
    X, y = IRIS
    result = nested_cross_validate(grid(), X, y, outer_cv=3)
    text = repr(pickle.loads(pickle.dumps(result)))
    for word in ("3 outer folds", "score", "95 %, pooled", "optimism", "apart"):
        assert word in text


# ---- metrics


def test_one_of_several_metrics_is_scored_where_the_search_refits_by_it():
    X, y = IRIS
    several = grid(scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss")
    single = grid(scoring="neg_log_loss")
    ours = nested_cross_validate(several, X, y, outer_cv=3)
    theirs = nested_cross_validate(single, X, y, outer_cv=3)
    np.testing.assert_allclose(ours.test_score, theirs.test_score)
    np.testing.assert_allclose(ours.inner_best_score, theirs.inner_best_score)
    assert ours.pooled_se == pytest.approx(theirs.pooled_se)


def test_another_metric_outside_has_no_optimism_unless_the_search_computed_it():
    X, y = IRIS
    outside = nested_cross_validate(grid(), X, y, outer_cv=3, scoring="neg_log_loss")
    assert np.isnan(outside.optimism)
    assert "optimism" not in repr(outside)
    both = grid(scoring=["accuracy", "neg_log_loss"], refit="accuracy")
    result = nested_cross_validate(both, X, y, outer_cv=3, scoring="neg_log_loss")
    np.testing.assert_allclose(result.test_score, outside.test_score)
    assert np.isfinite(result.optimism)


def test_a_refit_rule_decides_in_each_fold():
    X, y = IRIS
    rule = one_standard_error("max_depth")
    result = nested_cross_validate(grid(refit=rule), X, y, outer_cv=3)
    fitted = [
        grid(refit=rule).fit(X[train], y[train]) for train in result.indices["train"]
    ]
    assert result.best_params == [search.best_params_ for search in fitted]
    means = [s.cv_results_["mean_test_score"][s.best_index_] for s in fitted]
    np.testing.assert_allclose(result.inner_best_score, means)


def two_metrics(estimator, X, y):
    return {"a": estimator.score(X, y), "b": 0.0}


def several_metrics(**parameters):
    return grid(scoring=["accuracy", "roc_auc_ovr"], **parameters)


@pytest.mark.parametrize(
    "search, scoring, cure",
    [
        (grid(), ["accuracy"], "scoring='accuracy'"),
        (several_metrics(refit=lambda t: 0), None, "scoring='accuracy'"),
        (grid(), two_metrics, "scoring='a'"),
    ],
)
def test_several_metrics_without_a_choice_are_refused(search, scoring, cure):
    with pytest.raises(ValueError, match=cure):
        nested_cross_validate(search, *IRIS, outer_cv=3, scoring=scoring)


# ---- groups and weights: all forms of calling, both modes of routing


def test_groups_work_in_every_form_with_routing_on_or_off():
    X, y = IRIS
    search, g = grid(cv=GroupKFold(3)), GROUPS
    run = partial(nested_cross_validate, search, X, y, outer_cv=GroupKFold(5))
    expected, *_ = by_hand(search, X, y, list(GroupKFold(5).split(X, y, g)), groups=g)
    for routing in (False, True):
        with config_context(enable_metadata_routing=routing):
            for call in (
                dict(groups=g),
                dict(params={"groups": g}),
                dict(groups=g, params={"groups": g}),
                dict(groups=pd.Series(g)),
            ):
                np.testing.assert_array_equal(run(**call).test_score, expected)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    "inner, outer, cure",
    [
        (KFold(3), GroupKFold(5), "search.cv=GroupKFold"),
        (3, GroupKFold(5), "search.cv=GroupKFold"),
        (GroupKFold(3), KFold(5, shuffle=True), "outer_cv=GroupKFold"),
        (GroupKFold(3), 5, "outer_cv=GroupKFold"),
    ],
)
def test_groups_that_one_level_would_ignore_are_refused(routing, inner, outer, cure):
    with config_context(enable_metadata_routing=routing):
        with pytest.raises(ValueError, match=cure):
            nested_cross_validate(grid(cv=inner), *IRIS, outer_cv=outer, groups=GROUPS)


@pytest.mark.parametrize("routing", [False, True])
def test_a_mismatch_can_be_had_with_a_warning(routing):
    with config_context(enable_metadata_routing=routing):
        with pytest.warns(LeakageWarning, match="search.cv") as record:
            result = nested_cross_validate(
                grid(),
                *IRIS,
                outer_cv=GroupKFold(3),
                groups=GROUPS,
                on_mismatch="warn",
            )
    assert len(result.test_score) == 3
    assert record[0].filename == __file__


def test_group_splitters_without_groups_are_refused_with_the_cure():
    with pytest.raises(ValueError, match="groups"):
        nested_cross_validate(grid(), *IRIS, outer_cv=GroupKFold(3))
    with pytest.raises(ValueError, match="inner splits .*groups"):
        nested_cross_validate(grid(cv=GroupKFold(3)), *IRIS, outer_cv=3)


@pytest.mark.parametrize("name", ["grid", "bayes"])
@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_both_levels(name, routing):
    X, y = IRIS
    w = np.random.default_rng(0).uniform(0.1, 3.0, 150)
    with config_context(enable_metadata_routing=routing):
        scorer = get_scorer("accuracy")
        search = clone(SEARCHES[name])
        if routing:
            search.estimator.set_fit_request(sample_weight=True)
            scorer = make_scorer(
                lambda a, b, sample_weight: np.average(a == b, weights=sample_weight)
            ).set_score_request(sample_weight=True)
        search.set_params(scoring=scorer)
        result = nested_cross_validate(
            search, X, y, outer_cv=3, params={"sample_weight": w}
        )
        for k, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
            fitted = clone(search).fit(X[train], y[train], sample_weight=w[train])
            right = fitted.predict(X[test]) == y[test]
            # without routing scikit-learn weighs inner scores from 1.9 on: as we do
            routed = fitted._get_routed_params_for_fit({"sample_weight": w[test]})
            weighs = bool(routed.scorer.score)
            assert weighs or not routing
            weights = w[test] if weighs else None
            assert result.test_score[k] == pytest.approx(
                np.average(right, weights=weights)
            )
            assert result.inner_best_score[k] == pytest.approx(fitted.best_score_)


def test_weights_that_nobody_asked_for_are_refused_before_the_first_fit():
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError):
            nested_cross_validate(grid(), *IRIS, params={"sample_weight": np.ones(150)})


def test_groups_given_twice_must_agree():
    with pytest.raises(ValueError, match="differ"):
        nested_cross_validate(
            grid(), *IRIS, groups=GROUPS, params={"groups": GROUPS + 1}
        )


def test_groups_must_be_one_per_row():
    with pytest.raises(ValueError, match="150 rows, groups has 149"):
        nested_cross_validate(grid(), *IRIS, groups=GROUPS[1:])


# ---- time


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    "inner, outer, cure",
    [
        (3, TimeSeriesSplit(3), r"search.set_params\(cv=TimeSeriesSplit"),
        (TimeSeriesSplit(3), KFold(3), "outer_cv=TimeSeriesSplit"),
    ],
)
def test_time_on_one_level_only_is_refused(inner, outer, cure, routing):
    search = grid(Ridge(), {"alpha": [1.0]}, cv=inner)
    with config_context(enable_metadata_routing=routing):
        with pytest.raises(ValueError, match=cure):
            nested_cross_validate(search, TIMED, TIMED[:, 0], outer_cv=outer)


def test_rows_with_times_are_not_shuffled():
    X = pd.DataFrame(TIMED, index=pd.date_range("2026", periods=80))
    search = grid(Ridge(), {"alpha": [1.0]}, cv=TimeSeriesSplit(3))
    with pytest.raises(ValueError, match="The rows of X carry times"):
        nested_cross_validate(search, X, TIMED[:, 0], outer_cv=KFold(3))
    ordered = TimeSeriesSplit(3)
    result = nested_cross_validate(search, X, TIMED[:, 0], outer_cv=ordered)
    assert result.is_series
    with pytest.raises(ValueError, match="Sort the rows first"):
        mixed = X.sample(frac=1, random_state=0)
        nested_cross_validate(search, mixed, TIMED[:, 0], outer_cv=ordered)


def test_neighbours_in_time_flatter_a_shuffled_inner_score_only():
    # the planted leak: on a random walk the rows beside a test row know its target
    t = np.arange(120.0)[:, None]
    y = np.cumsum(np.random.default_rng(1).normal(size=120))
    space = {"n_neighbors": [1, 3]}
    optimism = {}
    for cv in (KFold(3, shuffle=True, random_state=0), TimeSeriesSplit(3)):
        search = grid(
            KNeighborsRegressor(), space, cv=cv, scoring="neg_mean_absolute_error"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LeakageWarning)
            result = nested_cross_validate(
                search, t, y, outer_cv=TimeSeriesSplit(3), on_mismatch="warn"
            )
        optimism[type(cv)] = result.optimism
    assert optimism[KFold] > 3 * abs(optimism[TimeSeriesSplit])


# ---- planted leaks


def balanced_noise(seed, n=60):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 6)), rng.permutation(np.tile([0, 1], n // 2))


NOISE_SEARCHES = {
    "bayes": BayesSearchCV(
        SVC(),
        {"C": (1e-2, 1e2, "log-uniform"), "gamma": (1e-3, 1e1, "log-uniform")},
        n_iter=9,
        cv=3,
        optimizer="tpe",
        random_state=0,
    ),
    "hyperband": HyperbandSearchCV(
        SGDClassifier(random_state=0),
        {"alpha": (1e-6, 1e0, "log-uniform"), "penalty": ["l1", "l2"]},
        max_resource=3,
        cv=3,
        random_state=0,
    ),
    "evolutionary": EvolutionarySearchCV(
        SVC(),
        {"C": (1e-2, 1e2, "log-uniform"), "gamma": (1e-3, 1e1, "log-uniform")},
        n_iter=12,
        cv=3,
        random_state=0,
    ),
    "pbt": PBTSearchCV(
        SGDClassifier(random_state=0),
        {"alpha": (1e-6, 1e0, "log-uniform")},
        max_resource=4,
        n_steps=4,
        cv=3,
        random_state=0,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOISE_SEARCHES)
def test_labels_of_noise_are_not_predicted(name):
    n_sets, n = 6, 80
    scores, inner = [], []
    for seed in range(n_sets):
        X, y = balanced_noise(seed, n)
        result = nested_cross_validate(NOISE_SEARCHES[name], X, y, outer_cv=3)
        scores.append(result.score)
        inner.append(np.mean(result.inner_best_score))
    error = 0.5 / np.sqrt(n_sets * n)
    assert abs(np.mean(scores) - 0.5) < 3 * error
    assert np.mean(inner) > np.mean(scores) + error  # which is why nesting is needed


def test_features_selected_outside_are_seen_by_nobody_and_inside_by_the_folds():
    from sklearn.feature_selection import SelectKBest

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 800)), np.tile([0, 1], 30)
    outside = SelectKBest(k=20).fit_transform(X, y)
    leaky = nested_cross_validate(
        grid(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}), outside, y
    )
    pipeline = make_pipeline(SelectKBest(k=20), GaussianNB())
    honest = nested_cross_validate(
        grid(pipeline, {"gaussiannb__var_smoothing": [1e-9, 1e-3]}), X, y
    )
    assert leaky.score > 0.75
    assert honest.score < 0.65


class Spy(SGDClassifier):
    """Knows its rows by column 0, and their groups by column 1."""

    EVENTS = []  # (rows it was trained on, rows it was scored on)

    def _learn(self, X):
        self.rows_ = getattr(self, "rows_", set()) | set(X[:, 0])
        self.groups_ = getattr(self, "groups_", set()) | set(X[:, 1])

    def fit(self, X, y, **params):
        self.rows_, self.groups_ = set(), set()
        self._learn(X)
        return super().fit(X / 100, y, **params)

    def partial_fit(self, X, y, **params):
        self._learn(X)
        return super().partial_fit(X / 100, y, **params)

    def score(self, X, y):
        self.EVENTS.append((self.rows_, self.groups_, set(X[:, 0]), set(X[:, 1])))
        return super().score(X / 100, y)


@pytest.mark.parametrize(
    "name", ["grid", "randomized", "bayes", "hyperband", "evolutionary", "pbt"]
)
@pytest.mark.parametrize("grouped", [False, True])
def test_no_model_is_scored_on_rows_it_knows(name, grouped):
    n = 72
    X = np.column_stack([np.arange(n), np.arange(n) // 3, np.ones(n)]).astype(float)
    y = np.random.default_rng(0).permutation(np.tile([0, 1], n // 2))
    spy, alphas = Spy(random_state=0), [1e-4, 1e-2]
    cv = GroupKFold(3) if grouped else 3
    search = {
        "grid": GridSearchCV(spy, {"alpha": alphas}, cv=cv),
        "randomized": RandomizedSearchCV(spy, {"alpha": alphas}, n_iter=2, cv=cv),
        "bayes": BayesSearchCV(spy, {"alpha": (1e-4, 1e-2)}, n_iter=3, cv=cv),
        "hyperband": HyperbandSearchCV(
            spy, {"alpha": (1e-4, 1e-2)}, max_resource=3, cv=cv
        ),
        "evolutionary": EvolutionarySearchCV(
            spy, {"alpha": (1e-4, 1e-2)}, n_iter=6, cv=cv
        ),
        "pbt": PBTSearchCV(
            spy, {"alpha": (1e-4, 1e-2)}, max_resource=4, n_steps=4, cv=cv
        ),
    }[name]
    given = {"groups": X[:, 1]} if grouped else {}
    outer = GroupKFold(4) if grouped else KFold(4, shuffle=True, random_state=0)
    Spy.EVENTS.clear()
    result = nested_cross_validate(
        search, X, y, outer_cv=outer, random_state=0, **given
    )
    assert len(Spy.EVENTS) > 4 * 3 * 2
    events = iter(Spy.EVENTS)
    for test in result.indices["test"]:
        outer_rows = set(X[test, 0])
        for known, known_groups, scored, scored_groups in events:
            assert not known & scored
            assert not known & outer_rows
            assert not grouped or not known_groups & scored_groups
            if scored == outer_rows:
                break
            assert not scored & outer_rows
    assert next(events, None) is None


# ---- bad input


def test_outer_folds_too_small_for_the_inner_splits_are_refused():
    X, y = IRIS[0][::10], IRIS[1][::10]
    with pytest.raises(ValueError, match="outer fold 0: .*Use fewer inner splits"):
        nested_cross_validate(grid(cv=5), X, y, outer_cv=3)
    with pytest.raises(ValueError, match="5 training rows of outer fold 0"):
        nested_cross_validate(
            grid(Ridge(), {"alpha": [1.0]}, cv=10),
            TIMED[:20],
            TIMED[:20, 0],
            outer_cv=ShuffleSplit(2, train_size=5),
        )


def test_splits_of_all_rows_are_refused_inside():
    X, y = IRIS
    rows = list(StratifiedKFold(3).split(X, y))
    with pytest.raises(ValueError, match="hold the numbers of all rows"):
        nested_cross_validate(grid(cv=rows), X, y)
    fixed = PredefinedSplit(np.arange(150) % 3)
    with pytest.raises(ValueError, match="made for other rows"):
        nested_cross_validate(grid(cv=fixed), X, y)


def test_repeats_that_would_repeat_nothing_are_refused():
    with pytest.raises(ValueError, match="the same splits 3 times"):
        nested_cross_validate(grid(), *IRIS, outer_cv=KFold(3), repeats=3)
    with pytest.raises(ValueError, match="repeats must be an integer"):
        nested_cross_validate(grid(), *IRIS, repeats=0)


def test_what_is_no_search_is_refused():
    with pytest.raises(TypeError, match="cross_validate"):
        nested_cross_validate(TREE, *IRIS)
    with pytest.raises(TypeError, match="inside out"):
        nested_cross_validate(make_pipeline(StandardScaler(), grid()), *IRIS)
    with pytest.raises(TypeError, match="must be a search"):
        nested_cross_validate(GridSearchCV, *IRIS)


def test_a_search_without_refit_is_refused():
    with pytest.raises(ValueError, match="refit=False"):
        nested_cross_validate(grid(refit=False), *IRIS)


def test_old_scores_are_refused_inside():
    X, y = IRIS
    search = SEARCHES["bayes"]
    old = clone(search).fit(X, y)
    warm = clone(search).set_params(warm_start_from=old)
    with pytest.raises(ValueError, match="warm_start_from=BayesSearchCV"):
        nested_cross_validate(warm, X, y)
    with pytest.warns(LeakageWarning, match="warm_start_from") as record:
        nested_cross_validate(warm, X, y, outer_cv=2, on_mismatch="warn")
    assert record[0].filename == __file__


def test_a_validation_set_made_before_is_refused():
    X, y = IRIS
    search = grid(HistGradientBoostingClassifier(), {"max_depth": [2]})
    with pytest.raises(ValueError, match="'eval_set' is one validation set"):
        nested_cross_validate(search, X, y, params={"eval_set": [(X, y)]})


def test_errors_of_the_search_are_raised():
    search = grid(LogisticRegression(), {"C": [-1.0]})
    with pytest.raises(ValueError, match="fits failed"):
        nested_cross_validate(search, *IRIS, outer_cv=3)


def test_on_mismatch_has_two_values():
    with pytest.raises(ValueError, match="'raise' or 'warn'"):
        nested_cross_validate(grid(), *IRIS, on_mismatch="ignore")


# ---- cost


@pytest.mark.parametrize(
    "search, cost",
    [
        (grid(), 3 * (3 * 3 + 1)),
        (grid(space=[DEPTHS, {"max_depth": [9]}]), 3 * (4 * 3 + 1)),
        (RandomizedSearchCV(TREE, DEPTHS, n_iter=2, cv=3), 3 * (2 * 3 + 1)),
        (BayesSearchCV(TREE, DEPTHS, n_iter=50, cv=3), 3 * (3 * 3 + 1)),
    ],
)
def test_cost_is_announced_and_true(search, cost, capsys):
    result = nested_cross_validate(search, *IRIS, outer_cv=3, verbose=1)
    assert f"totalling {cost} fits" in " ".join(capsys.readouterr().out.split())
    assert result.estimated_cost == cost
    assert cost == sum(n * 3 + 1 for n in result.n_candidates)


def test_cost_of_rungs_counts_each_of_them():
    result = nested_cross_validate(SEARCHES["hyperband"], *IRIS, outer_cv=3)
    assert result.estimated_cost == sum(n * 3 + 1 for n in result.n_candidates)


def test_nothing_is_said_unasked(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nested_cross_validate(grid(), *IRIS, outer_cv=3)
    assert capsys.readouterr().out == ""
