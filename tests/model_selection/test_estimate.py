"""``score_estimate_``: which method, for which scores, and what it says."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, fbeta_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.neighbors import KNeighborsClassifier

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)
from skhpo.model_selection import (
    OptimismWarning,
    ScoreEstimate,
    score_estimate,
    summary,
)
from skhpo.model_selection._bias import (
    completed_bias,
    merged_folds,
    tibshirani_bias,
)

X, y = make_classification(
    60, 8, n_informative=2, flip_y=0.2, n_classes=2, random_state=0
)
three = make_classification(
    60, 8, n_informative=3, n_classes=3, flip_y=0.2, random_state=0
)[1]
number = load_diabetes(return_X_y=True)[1][:60] / 100
KNN, SPACE = KNeighborsClassifier(), {"n_neighbors": [1, 2, 3, 4, 5, 7, 9, 11]}
random = partial(BayesSearchCV, optimizer="random", random_state=0, n_iter=8)


def fitted(model=KNN, space=SPACE, target=y, store_predictions=True, **arguments):
    fit_params = arguments.pop("fit_params", {})
    arguments = {"cv": 5, "n_iter": 8, **arguments}
    search = random(model, space, store_predictions=store_predictions, **arguments)
    return search.fit(X, target, **fit_params)


def bbc_by_hand(search, target, score, n_bootstraps):
    """BBC-CV by two loops over the public predictions."""
    rng = np.random.default_rng(0)
    n, draws = len(target), []
    P = [search.predictions_[row] for row in search.predictions_]
    for w in rng.multinomial(n, np.full(n, 1 / n), size=n_bootstraps):
        rows, left = np.repeat(np.arange(n), w), np.flatnonzero(w == 0)
        best = max(P, key=lambda p: score(target[rows], p[rows]))
        draws.append(score(target[left], best[left]))
    return np.array(draws), max(score(target, p) for p in P)


@pytest.mark.parametrize(
    ("score", "scoring", "target"),
    [
        (accuracy_score, None, y),
        (accuracy_score, "accuracy", three),
        (f1_score, "f1", y),
        (partial(fbeta_score, beta=2.0), make_scorer(fbeta_score, beta=2.0), y),
    ],
)
def test_bbc_is_that_of_two_loops(score, scoring, target):
    search = fitted(scoring=scoring, target=target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws, best = bbc_by_hand(search, target, score, n_bootstraps=30)
    estimate = score_estimate(search, n_bootstraps=30)
    assert estimate.method == "BBC-CV, 30 bootstraps of rows"
    assert estimate.n_candidates == 8
    assert estimate.bias == pytest.approx(best - draws.mean())
    assert estimate.score == pytest.approx(search.best_score_ - estimate.bias)
    shift = search.best_score_ - best
    expected = np.quantile(draws, [0.05, 0.95]) + shift
    np.testing.assert_allclose(estimate.interval(0.9), expected)


RIDGE = dict(model=Ridge(), space={"alpha": np.logspace(-2, 2, 4).tolist()})
PROBABLE = dict(model=LogisticRegression(), space={"C": np.logspace(-2, 2, 4).tolist()})
KINDS = {
    "R2": dict(**RIDGE, target=number),
    "squared error": dict(**RIDGE, target=number, scoring="neg_mean_squared_error"),
    "two outputs": dict(**RIDGE, target=np.column_stack([number, X[:, 0]])),
    "multi-class": dict(target=three),
    "words": dict(target=np.where(y == 1, "yes", "no")),
    "AUC": dict(**PROBABLE, scoring="roc_auc"),
    "multi-class AUC": dict(**PROBABLE, target=three, scoring="roc_auc_ovr"),
    "log loss": dict(**PROBABLE, scoring="neg_log_loss"),
    "multi-class log loss": dict(**PROBABLE, target=three, scoring="neg_log_loss"),
    "Brier": dict(**PROBABLE, scoring="neg_brier_score"),
    "average precision": dict(**PROBABLE, scoring="average_precision"),
    "repeated": dict(cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=2)),
    "shuffled": dict(cv=ShuffleSplit(6, test_size=0.3, random_state=0)),
    "one by one": dict(cv=LeaveOneOut(), space={"n_neighbors": [1, 5, 9]}),
    "several metrics": dict(scoring=["accuracy", "f1"], refit="f1"),
    "weights": dict(
        **PROBABLE,
        scoring="accuracy",
        fit_params=dict(sample_weight=np.linspace(0.5, 2, 60)),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_both_methods_estimate_an_optimism_of_every_kind_of_score(kind):
    search = fitted(**KINDS[kind])
    bootstrap = search.score_estimate_
    assert bootstrap.method.startswith("BBC-CV")
    del search.predictions_
    folds = score_estimate(search)
    assert folds.method.startswith("Tibshirani-Tibshirani from ")
    spread = search.cv_results_[f"std_test_{_metric(search)}"][search.best_index_]
    for estimate in (bootstrap, folds):
        assert np.isfinite(estimate.bias)
        assert estimate.score + estimate.bias == pytest.approx(_best(search))
        assert -0.3 * spread <= estimate.bias <= 3 * spread
        low, high = estimate.interval()
        assert low < estimate.score < high
        assert estimate.interval(0.5)[0] > low


def _metric(search):
    return search.refit if search.multimetric_ else "score"


def _best(search):
    return search.cv_results_[f"mean_test_{_metric(search)}"][search.best_index_]


def test_the_best_score_is_left_alone():
    search = fitted()
    before = search.best_score_
    assert search.score_estimate_.score < before
    assert search.best_score_ == before == fitted(store_predictions=False).best_score_


def test_tibshirani_is_the_mean_shortfall_on_the_folds():
    search = fitted(store_predictions=False)
    table = search.cv_results_
    s = np.stack([table[f"split{k}_test_score"] for k in range(5)])
    expected = np.mean(s.max(axis=0 + 1) - s[:, search.best_index_])
    merged = np.array_split(s, 3)  # folds of 12 rows are too small by themselves
    merged = np.stack([part.mean(axis=0) for part in merged])
    winner = merged.mean(axis=0).argmax()
    expected = np.mean(merged.max(axis=1) - merged[:, winner])
    estimate = search.score_estimate_
    assert estimate.bias == pytest.approx(expected)
    assert estimate.method == "Tibshirani-Tibshirani from 3 folds"


def test_the_interval_from_folds_is_that_of_nadeau_and_bengio():
    search = fitted(store_predictions=False)
    table, best = search.cv_results_, search.best_index_
    own = [table[f"split{k}_test_score"][best] for k in range(5)]
    half = 2.7764451 * np.sqrt((1 / 5 + 1 / 4) * np.var(own, ddof=1))
    score = search.score_estimate_.score
    expected = [score - half, min(score + half, 1)]
    np.testing.assert_allclose(search.score_estimate_.interval(), expected)


def test_a_single_candidate_has_next_to_no_optimism():
    search = fitted(space={"n_neighbors": [5]})
    assert abs(search.score_estimate_.bias) < 0.02
    del search.predictions_
    assert score_estimate(search).bias == 0


def test_groups_are_the_units_of_the_bootstrap():
    groups = np.repeat(np.arange(12), 5)
    shift = np.repeat(np.random.default_rng(0).normal(size=12), 5)  # alike in a group
    target = (X[:, 0] + 3 * shift > 0).astype(int)
    cv = GroupKFold(4)
    search = fitted(target=target, cv=cv, fit_params=dict(groups=groups))
    assert search.score_estimate_.method == "BBC-CV, 100 bootstraps of groups"
    by_rows = fitted(target=target, cv=list(cv.split(X, target, groups)))
    low, high = search.score_estimate_.interval()
    low_rows, high_rows = by_rows.score_estimate_.interval()
    assert high - low > high_rows - low_rows  # rows alone pretend to know more


def test_time_series_are_not_bootstrapped():
    search = fitted(cv=TimeSeriesSplit(4))
    method = search.score_estimate_.method
    assert method.startswith("Tibshirani-Tibshirani from ")
    assert "order of time" in method


def test_a_function_that_may_look_at_anything_is_not_bootstrapped():
    search = fitted(scoring=lambda model, X, y: model.score(X, y))
    assert "the scorer may look at more" in search.score_estimate_.method
    assert len(search.predictions_) == 8


def test_clusters_are_not_bootstrapped():
    search = fitted(
        KMeans(n_init=1, random_state=0),
        {"n_clusters": [2, 3, 4]},
        scoring="adjusted_rand_score",
    )
    assert search.score_estimate_.method.startswith("Tibshirani-Tibshirani")


def test_two_folds_are_too_few_without_predictions():
    with pytest.raises(AttributeError, match="at least 3 folds, or predictions"):
        _ = fitted(cv=2, store_predictions=False).score_estimate_
    assert fitted(cv=2).score_estimate_.method.startswith("BBC-CV")


def test_before_fit_there_is_no_estimate():
    with pytest.raises(NotFittedError, match="Call fit first"):
        _ = random(KNN, SPACE).score_estimate_
    assert not hasattr(random(KNN, SPACE), "score_estimate_")


def test_before_fit_there_is_no_summary():
    with pytest.raises(NotFittedError, match="Call fit first"):
        random(KNN, SPACE).summary()


def test_without_a_best_row_there_is_no_estimate():
    search = fitted(scoring=["accuracy", "f1"], refit=False)
    with pytest.raises(AttributeError, match="name one by refit="):
        _ = search.score_estimate_


def test_the_estimate_is_made_once_and_anew_after_the_next_fit():
    search = fitted()
    first = search.score_estimate_
    assert search.score_estimate_ is first
    search.fit(X, three)
    assert search.score_estimate_ is not first
    assert pickle.loads(pickle.dumps(search)).score_estimate_ == search.score_estimate_


def test_showing_a_search_computes_no_estimate():
    search = fitted()
    search._repr_html_()
    assert "score_estimate_" not in vars(search)
    assert "score_estimate_" not in dir(search)
    assert hasattr(search, "score_estimate_")
    assert "score_estimate_" in dir(search)


def test_failures_take_no_part():
    space = {"n_neighbors": [1, 3, 5, 1000]}  # more neighbours than rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = fitted(space=space)
    assert search.score_estimate_.n_candidates == 3
    del search.predictions_
    assert score_estimate(search).n_candidates == 3


@pytest.mark.parametrize("stored", [True, False])
def test_what_was_raced_out_was_a_competitor(stored):
    search = fitted(racing="forgiving", store_predictions=stored)
    table = search.cv_results_
    is_complete = table["status"] == "complete"
    assert 1 < is_complete.sum() < 8
    s = np.stack([table[f"split{k}_test_score"] for k in range(5)])
    s = np.hstack([s[:, is_complete], s[:, ~is_complete]])
    rng = np.random.default_rng(0)
    if stored:
        rng.multinomial(60, np.full(60, 1 / 60), size=100)  # the bootstrap comes first
    expected = completed_bias(s, n_test=12, limits=(0, 1), rng=rng)
    if stored:
        complete = s[:, : is_complete.sum()]
        draws, best = bbc_by_hand(search, y, accuracy_score, n_bootstraps=100)
        expected += best - draws.mean() - tibshirani_bias(merged_folds(complete, 12))
    estimate = search.score_estimate_
    assert estimate.bias == pytest.approx(expected)
    assert estimate.n_candidates == 8
    skipped = f"folds that {8 - is_complete.sum()} candidates skipped in the race"
    assert skipped in str(estimate.reservations)


def test_only_full_models_of_a_search_in_rungs_take_part():
    search = HyperbandSearchCV(
        LogisticRegression(max_iter=300),
        {"C": (1e-3, 1e3, "log-uniform")},
        resource="n_samples",
        min_resource=10,
        factor=2,
        cv=4,
        random_state=0,
        store_predictions=True,
    ).fit(X, y)
    at_top = search.cv_results_["n_resources"] == search.best_resource_
    assert search.score_estimate_.n_candidates == at_top.sum()
    assert search.score_estimate_.method.startswith("BBC-CV")
    assert any("stopped early" in one for one in search.score_estimate_.reservations)


def test_an_adaptive_search_says_that_some_optimism_is_left():
    rate = {"alpha": (1e-5, 1e-1, "log-uniform")}
    searches = [
        BayesSearchCV(KNN, SPACE, n_iter=6, optimizer="tpe", random_state=0, cv=5),
        EvolutionarySearchCV(KNN, SPACE, n_iter=6, random_state=0),
        PBTSearchCV(SGDClassifier(), rate, max_resource=2, n_steps=2, random_state=0),
    ]
    for search in searches:
        estimate = search.fit(X, y).score_estimate_
        assert "some optimism is left" in estimate.reservations[0]
    assert fitted().score_estimate_.reservations == ()


@pytest.mark.parametrize("refit", [True, lambda results: 3])
def test_searches_of_scikit_learn_are_corrected_too(refit):
    grid = GridSearchCV(KNN, SPACE, cv=KFold(3), refit=refit).fit(X, y)
    estimate = score_estimate(grid)
    assert estimate.method == "Tibshirani-Tibshirani from 3 folds"
    assert estimate.n_candidates == 8
    best = grid.cv_results_["mean_test_score"][grid.best_index_]
    assert estimate.score == pytest.approx(best - estimate.bias)


def test_leave_one_out_of_scikit_learn_is_no_miracle():
    grid = GridSearchCV(KNN, {"n_neighbors": [1, 5, 9]}, cv=LeaveOneOut()).fit(X, y)
    assert score_estimate(grid).bias < 0.2  # 1 - accuracy, fold by fold


# ---- words


def estimate(bias=0.05, sd=0.05, **more):
    return ScoreEstimate(
        score=0.7,
        bias=bias,
        method="?",
        n_candidates=100,
        **{"sd": sd, "df": 1000, "limits": (0.0, 1.0), **more},
    )


def test_a_warning_is_given_only_on_demand():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = fitted(target=three).score_estimate_
    expected = "expected to flatter best_score_ by 0.050 (0.750 -> 0.700)"
    with pytest.warns(OptimismWarning) as caught:
        assert estimate().warn() == estimate()
    assert expected in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "quiet",
    [
        estimate(bias=0.019, sd=0.001),
        estimate(bias=0.05, sd=0.11),
        ScoreEstimate(-100.0, 1.9, "?", 9, sd=0.1, df=100),
    ],
)
def test_a_small_optimism_is_not_worth_a_warning(quiet):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet.warn()


def test_an_interval_needs_a_level_between_0_and_1():
    with pytest.raises(ValueError, match="level=95"):
        estimate().interval(95)


def test_the_interval_ends_where_the_metric_does():
    assert estimate(sd=1.0).interval() == (0, 1)
    low, high = estimate(sd=1.0, limits=(-np.inf, np.inf)).interval()
    assert low < 0 and high > 1


@pytest.mark.parametrize("kind", ["squared error", "AUC", "log loss", "R2"])
@pytest.mark.parametrize("stored", [True, False])
def test_no_estimate_leaves_the_range_of_its_metric(kind, stored):
    search = fitted(**KINDS[kind], store_predictions=stored, cv=3)
    low, high = search.score_estimate_.limits
    expected = {"AUC": (0, 1), "R2": (-np.inf, 1)}.get(kind, (-np.inf, 0))
    assert (low, high) == expected
    start, end = search.score_estimate_.interval(0.999)
    assert low <= start <= search.score_estimate_.score <= end <= high


def test_a_bias_that_the_folds_do_not_show_is_not_said_to_be_0():
    grid = GridSearchCV(KNN, {"n_neighbors": [1, 30]}, cv=3).fit(X, y)
    for fold in range(3):  # the winner leads on each
        grid.cv_results_[f"split{fold}_test_score"][grid.best_index_] = 0.7 + fold / 9
    found = score_estimate(grid)
    assert found.bias == 0 and not found.is_measured
    text = summary(grid)
    assert "No estimate of its optimism: not enough evidence" in text
    assert "flatter" not in text and "Estimate without" not in text
    assert "not enough evidence for a bias" in repr(found)


def test_equal_folds_have_no_interval():
    grid = GridSearchCV(KNN, {"n_neighbors": [1, 30]}, cv=3).fit(X, y)
    for fold in range(3):
        grid.cv_results_[f"split{fold}_test_score"][:] = [0.9, 0.8]
    found = score_estimate(grid)
    assert found.interval() == (0, 1) and not found.has_interval
    assert "not enough evidence for an interval" in summary(grid)


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_scores_of_any_size_have_an_interval(size):
    def scoring(model, X, y):
        return size * (model.score(X, y) + model.n_neighbors / 100)

    with np.errstate(over="ignore"):  # of the std_test_score, as scikit-learn has it
        search = fitted(scoring=scoring, store_predictions=False)
    low, high = search.score_estimate_.interval()
    assert 0 < low < search.score_estimate_.score < high < 2 * size
    text = search.summary()
    assert "nan" not in text and "inf" not in text
    assert max(map(len, text.splitlines())) <= 88


def test_a_single_fold_has_no_spread():
    search = fitted(cv=ShuffleSplit(1, random_state=0), store_predictions=False)
    text = search.summary()
    assert "8 candidates, 1 fold, 8 fits" in text
    assert "(std" not in text and "nan" not in text


def test_nothing_was_stopped_early_where_nothing_was():
    rate = {"alpha": (1e-5, 1e-1, "log-uniform")}
    options = dict(max_resource=4, cv=3, random_state=0)
    sgd = SGDClassifier(random_state=0)
    epochs = HyperbandSearchCV(sgd, rate, n_candidates=4, **options).fit(X, y)
    assert "stopped" in epochs.cv_results_["status"]  # and yet it takes part
    assert "stopped early" not in str(epochs.score_estimate_.reservations)
    assert epochs.score_estimate_.n_candidates == len(epochs.cv_results_["params"])
    few = {**options, "max_resource": 40, "resource": "n_samples", "min_resource": 10}
    rows = HyperbandSearchCV(sgd, rate, n_candidates=4, **few).fit(X, y)
    n = int(np.sum(rows.cv_results_["status"] == "stopped"))
    assert n and f"{n} candidate" in str(rows.score_estimate_.reservations)


def test_a_summary_shows_its_lines():
    text = fitted().summary()
    assert isinstance(text, str) and repr(text) == str(text)


def test_the_repr_says_it_all():
    text = repr(estimate(sd=0.1))
    assert text == (
        "ScoreEstimate(score=0.700, 95 % interval [0.504, 0.896], bias=0.050 expected "
        "of the best of 100, ?)"
    )


def test_the_summary_words_the_optimism_as_expected():
    text = fitted().summary()
    assert "BayesSearchCV: 8 candidates, 5 folds" in text
    assert "n_neighbors = " in text
    assert "is expected to flatter by" in text
    assert "cannot be told" in text


def test_the_summary_does_without_an_estimate():
    search = fitted(cv=2, store_predictions=False)
    assert "No estimate of its optimism: " in search.summary()
    assert "GridSearchCV: 8 candidates" in summary(GridSearchCV(KNN, SPACE).fit(X, y))
