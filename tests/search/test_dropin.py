"""``BayesSearchCV`` stands wherever ``GridSearchCV`` stood.

Where a fitted search is at hand, the oracle is ``GridSearchCV`` over the very settings
that it tried.
"""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_multilabel_classification,
    make_regression,
)
from sklearn.ensemble import IsolationForest, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import silhouette_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skhpo import BayesSearchCV

from .doors import assert_like_grid_search, n_rows

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]  # 50 rows, all three classes


def make_search(estimator=None, space=None, **parameters):
    """Return a small search; of a decision tree if nothing is said."""
    if estimator is None:
        estimator = DecisionTreeClassifier(random_state=0)
    space = space or {"max_depth": (1, 6), "min_samples_leaf": (1, 10)}
    defaults = dict(n_iter=6, cv=3, random_state=0)
    return BayesSearchCV(estimator, space, **{**defaults, **parameters})


# ---- around a search


def test_as_the_last_step_of_a_pipeline():
    pipe = make_pipeline(StandardScaler(), make_search()).fit(X, y)
    assert pipe.score(X, y) > 0.9
    assert pipe.predict_proba(X).shape == (50, 3)
    assert list(pipe.classes_) == [0, 1, 2]


def test_as_a_first_step_that_transforms():
    search = make_search(
        Pipeline([("scale", StandardScaler())]),
        {"scale__with_mean": [True, False]},
        scoring=lambda estimator, X, y: 1.0,
    )
    pipe = make_pipeline(search, LogisticRegression()).fit(X, y)
    assert pipe.score(X, y) > 0.9
    np.testing.assert_allclose(
        search.fit(X, y).inverse_transform(search.transform(X)), X
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_in_cross_val_score(n_jobs):
    scores = cross_val_score(make_search(), X, y, cv=3, n_jobs=n_jobs)
    expected = [
        clone(make_search()).fit(X[train], y[train]).score(X[test], y[test])
        for train, test in StratifiedKFold(3).split(X, y)
    ]
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_in_cross_validate_with_several_metrics(n_jobs):
    result = cross_validate(
        make_search(scoring=["accuracy", "f1_macro"], refit="f1_macro"),
        X,
        y,
        cv=3,
        n_jobs=n_jobs,
        scoring=["accuracy", "neg_log_loss"],
        return_estimator=True,
        return_train_score=True,
        error_score="raise",
    )
    assert np.isfinite(result["test_neg_log_loss"]).all()
    assert all(n_rows(search) == 6 for search in result["estimator"])


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_in_cross_val_predict(method):
    predicted = cross_val_predict(make_search(), X, y, cv=3, method=method)
    assert len(predicted) == len(X)


def test_in_a_voting_classifier():
    voting = VotingClassifier(
        [("search", make_search()), ("logistic", LogisticRegression(max_iter=500))],
        voting="soft",
    ).fit(X, y)
    assert voting.score(X, y) > 0.9
    assert n_rows(voting.named_estimators_["search"]) == 6


def test_in_a_stacking_classifier():
    stacking = StackingClassifier(
        [("search", make_search(n_iter=3))],
        final_estimator=make_search(LogisticRegression(), {"C": (0.1, 10.0)}),
        cv=2,
    ).fit(X, y)
    assert stacking.score(X, y) > 0.9


def test_inside_a_grid_search_that_tunes_it():
    outer = GridSearchCV(
        make_search(),
        {"n_iter": [2, 4], "estimator__criterion": ["gini", "entropy"]},
        cv=2,
    ).fit(X, y)
    assert n_rows(outer.best_estimator_) == outer.best_params_["n_iter"]


def test_inside_another_bayes_search():
    outer = BayesSearchCV(
        make_search(n_iter=3),
        {"estimator__criterion": ["gini", "entropy"], "n_points": (1, 3)},
        n_iter=3,
        cv=2,
    ).fit(X, y)
    assert n_rows(outer.best_estimator_) == 3


def test_around_and_inside_transformed_target_regressor():
    X, y = make_regression(60, 3, noise=1.0, random_state=0)
    y = np.exp(y / 100)
    inside = TransformedTargetRegressor(
        make_search(Ridge(), {"alpha": (1e-3, 10.0, "log-uniform")}),
        func=np.log,
        inverse_func=np.exp,
    )
    assert inside.fit(X, y).score(X, y) > 0.9
    around = make_search(
        TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp),
        {"regressor__alpha": (1e-3, 10.0, "log-uniform")},
    )
    assert around.fit(X, y).score(X, y) > 0.9
    assert_like_grid_search(around, X, y)


def test_in_a_calibrated_classifier():
    calibrated = CalibratedClassifierCV(make_search(n_iter=3), cv=2).fit(X, y)
    assert calibrated.predict_proba(X).shape == (50, 3)


def test_for_each_of_several_outputs():
    Y = np.column_stack([y == 1, y == 2]).astype(int)
    outer = MultiOutputClassifier(make_search(n_iter=3)).fit(X, Y)
    assert [n_rows(search) for search in outer.estimators_] == [3, 3]
    regressor = DecisionTreeRegressor(random_state=0)
    outer = MultiOutputRegressor(make_search(regressor, n_iter=3)).fit(X, Y)
    assert outer.predict(X).shape == (50, 2)


def test_in_one_versus_rest():
    outer = OneVsRestClassifier(make_search(n_iter=3)).fit(X, y)
    assert outer.score(X, y) > 0.9


def test_in_learning_curves_and_permutation_tests():
    _, _, scores = learning_curve(
        make_search(n_iter=2), X, y, cv=2, train_sizes=[0.6, 1.0]
    )
    assert np.isfinite(scores).all()
    score, _, _ = permutation_test_score(
        make_search(n_iter=2), X, y, cv=2, n_permutations=2
    )
    assert score > 0.5


# ---- the data


def test_frames_through_a_column_transformer():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(
        species=np.where(y > 0, "yes", "no")
    )
    prepare = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["a", "b"]),
            ("text", OneHotEncoder(), ["species"]),
        ]
    )
    pipe = Pipeline([("prepare", prepare), ("clf", LogisticRegression())])
    space = {
        "clf__C": (1e-2, 1e2, "log-uniform"),
        "prepare__numbers": [StandardScaler(), "passthrough"],
    }
    search = make_search(pipe, space).fit(frame, pd.Series(y, name="target"))
    assert list(search.feature_names_in_) == [*"abcd", "species"]
    assert_like_grid_search(search, frame, pd.Series(y))
    assert len(search.predict(frame.head(3))) == 3


def test_frames_out_when_scikit_learn_is_told_so():
    frame = pd.DataFrame(X, columns=list("abcd"))

    def is_frame(estimator, X, y):
        return float(isinstance(estimator.transform(X), pd.DataFrame))

    pipe = Pipeline([("scale", StandardScaler())]).set_output(transform="pandas")
    search = make_search(pipe, {"scale__with_std": [True, False]}, scoring=is_frame)
    assert search.fit(frame, y).best_score_ == 1.0
    assert isinstance(search.transform(frame), pd.DataFrame)


@pytest.mark.parametrize(
    "make", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array]
)
def test_sparse_data(make):
    search = make_search(LogisticRegression(), {"C": (0.1, 10.0)}).fit(make(X), y)
    assert_like_grid_search(search, make(X), y)


def test_sparse_data_in_processes():
    search = make_search(LogisticRegression(), {"C": [0.1, 10.0]}, n_jobs=2)
    search.fit(sparse.csr_matrix(X), y)
    assert_like_grid_search(search.set_params(n_jobs=None), sparse.csr_matrix(X), y)


def test_precomputed_kernels():
    kernel = rbf_kernel(X)
    search = make_search(SVC(kernel="precomputed"), {"C": (0.1, 10.0)}).fit(kernel, y)
    assert_like_grid_search(search, kernel, y)
    with pytest.raises(ValueError, match="square"):
        make_search(SVC(kernel="precomputed"), {"C": (0.1, 10.0)}).fit(kernel[:, :9], y)


def test_precomputed_kernels_in_a_pipeline():
    pipe = Pipeline([("svc", SVC(kernel="precomputed"))])
    search = make_search(pipe, {"svc__C": (0.1, 10.0)}).fit(rbf_kernel(X), y)
    assert_like_grid_search(search, rbf_kernel(X), y)


def test_lists_instead_of_arrays():
    search = make_search().fit(X.tolist(), y.tolist())
    assert_like_grid_search(search, X.tolist(), y.tolist())


def test_classes_with_names():
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    search = make_search().fit(X, names)
    assert list(search.classes_) == ["setosa", "versicolor", "virginica"]
    assert_like_grid_search(search, X, names)
    objects = names.astype(object)
    assert_like_grid_search(make_search().fit(X, objects), X, objects)


def test_several_outputs_at_once():
    X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    assert_like_grid_search(make_search(cv=KFold(3)).fit(X, Y), X, Y)
    X, Y = make_regression(60, 4, n_targets=2, random_state=0)
    search = make_search(Ridge(), {"alpha": (0.1, 10.0)}).fit(X, Y)
    assert search.predict(X).shape == (60, 2)
    assert_like_grid_search(search, X, Y)


def test_missing_values_are_the_estimators_business():
    holes = X.copy()
    holes[::5, 0] = np.nan
    tree = DecisionTreeClassifier(random_state=0)
    assert_like_grid_search(make_search(tree).fit(holes, y), holes, y)


def test_texts_through_a_pipeline_with_a_memory(tmp_path):
    texts = [f"{w} and {v}" for w in ("good", "bad", "fine", "poor") for v in "abcde"]
    target = np.repeat([1, 0, 1, 0], 5)
    pipe = Pipeline(
        [("words", TfidfVectorizer()), ("clf", MultinomialNB())], memory=str(tmp_path)
    )
    space = {
        "words__ngram_range": [(1, 1), (1, 2)],
        "words__min_df": (1, 2),
        "clf__alpha": (1e-2, 1.0, "log-uniform"),
    }
    search = make_search(pipe, space).fit(texts, target)
    assert search.score(texts, target) > 0.7
    assert all(
        type(p["words__ngram_range"]) is tuple for p in search.cv_results_["params"]
    )
    assert_like_grid_search(search, texts, target)


# ---- without a target


def test_clustering_without_a_target():
    search = make_search(KMeans(random_state=0, n_init=2), {"n_clusters": (2, 6)})
    search.fit(X)
    assert search.best_params_["n_clusters"] == 6  # inertia always likes more
    assert_like_grid_search(search, X)
    assert search.transform(X).shape == (50, 6)
    assert set(search.predict(X)) <= set(range(6))


def test_clustering_with_a_scorer():
    def silhouette(estimator, X):
        return silhouette_score(X, estimator.predict(X))

    search = make_search(
        KMeans(random_state=0, n_init=2),
        {"n_clusters": (2, 6)},
        scoring=silhouette,
        cv=KFold(3, shuffle=True, random_state=0),
    ).fit(X)
    assert search.best_params_["n_clusters"] == 2
    assert_like_grid_search(search, X)


def test_clustering_scored_against_labels():
    search = make_search(
        KMeans(random_state=0, n_init=2),
        {"n_clusters": (2, 6)},
        scoring=["adjusted_rand_score", "completeness_score"],
        refit="adjusted_rand_score",
    ).fit(X, y)
    assert_like_grid_search(search, X, y)


def test_outlier_detection_with_a_function_as_scorer():
    def tail(estimator, X, y=None):
        scores = estimator.score_samples(X)
        return {"median": float(np.median(scores)), "worst": float(scores.min())}

    search = make_search(
        IsolationForest(n_estimators=5, random_state=0),
        {"max_samples": (0.2, 1.0), "contamination": ["auto", 0.1]},
        scoring=tail,
        refit="median",
    ).fit(X)
    assert set(search.predict(X)) <= {-1, 1}
    assert search.score_samples(X).shape == (50,)
    assert_like_grid_search(search, X)


# ---- splitters

GROUPS = np.arange(50) // 10

SPLITTERS = {
    "number": 4,
    "KFold": KFold(3),
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "stratified": StratifiedKFold(2),
    "time": TimeSeriesSplit(3),
    "predefined": PredefinedSplit(np.arange(50) % 3),
    "list": [(np.arange(25), np.arange(25, 50)), (np.arange(25, 50), np.arange(25))],
    "unequal": [(np.arange(40), np.arange(40, 50)), (np.arange(30), np.arange(30, 33))],
    "one split": [(np.arange(0, 50, 2), np.arange(1, 50, 2))],
    "masks": [(np.arange(50) < 40, np.arange(50) >= 40)] * 2,
}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
def test_any_splitter(cv):
    order = np.random.default_rng(0).permutation(50)
    search = make_search(cv=cv).fit(X[order], y[order])
    assert_like_grid_search(search, X[order], y[order])


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()], ids=str)
def test_splitters_with_groups(cv, routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        search = make_search(cv=cv, racing=None).fit(X, y, groups=GROUPS)
        assert_like_grid_search(search, X, y, groups=GROUPS)


def test_groups_go_through_both_levels_of_a_nested_search():
    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            make_search(cv=GroupKFold(2)),
            X,
            y,
            cv=GroupKFold(3),
            params={"groups": GROUPS},
            return_estimator=True,
            error_score="raise",
        )
    for (train, _), search in zip(
        GroupKFold(3).split(X, y, GROUPS), result["estimator"], strict=True
    ):
        alone = make_search(cv=GroupKFold(2)).fit(
            X[train], y[train], groups=GROUPS[train]
        )
        np.testing.assert_array_equal(
            search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
        )


def test_a_splitter_that_needs_groups_says_so():
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        make_search(cv=GroupKFold(3)).fit(X, y)


def test_groups_as_a_series_with_frames():
    frame, groups = pd.DataFrame(X, columns=list("abcd")), pd.Series(GROUPS)
    search = make_search(cv=GroupKFold(3)).fit(frame, y, groups=groups)
    assert_like_grid_search(search, frame, y, groups=groups)


# ---- estimators and scorers


def test_regression():
    X, y = load_diabetes(return_X_y=True)
    search = make_search(
        Ridge(),
        {"alpha": (1e-4, 1e2, "log-uniform"), "fit_intercept": [True, False]},
        scoring="neg_root_mean_squared_error",
    ).fit(X[:100], y[:100])
    assert_like_grid_search(search, X[:100], y[:100])


@pytest.mark.parametrize(
    "scoring",
    [
        lambda estimator, X, y: estimator.score(X, y),
        lambda estimator, X, y: np.float32(estimator.score(X, y)),
        lambda estimator, X, y: {"only": estimator.score(X, y)},
        lambda estimator, X, y: {"a": estimator.score(X, y), "b": len(X)},
    ],
    ids=["float", "numpy", "one by name", "two by name"],
)
def test_functions_as_scorers(scoring):
    refit = {"only": "only", "a": "a"}
    scores = scoring(DecisionTreeClassifier().fit(X, y), X, y)
    name = refit[next(iter(scores))] if isinstance(scores, dict) else True
    search = make_search(scoring=scoring, refit=name).fit(X, y)
    assert_like_grid_search(search, X, y)


def test_probabilities_and_multiclass_scores():
    search = make_search(
        scoring=["roc_auc_ovr", "neg_log_loss", "accuracy"], refit="neg_log_loss"
    ).fit(X, y)
    assert_like_grid_search(search, X, y)


def test_a_linear_model_by_stochastic_gradient():
    search = make_search(
        make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
        {
            "sgdclassifier__loss": ["hinge", "log_loss"],
            "sgdclassifier__alpha": (1e-5, 1e-1, "log-uniform"),
        },
    )
    assert_like_grid_search(search.fit(X, y), X, y)


def test_a_search_improves_on_the_default_of_a_real_problem():
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[::4], y[::4]
    pipe = make_pipeline(StandardScaler(), SVC())
    space = {
        "svc__C": (1e-2, 1e3, "log-uniform"),
        "svc__gamma": (1e-4, 1e1, "log-uniform"),
    }
    search = make_search(pipe, space, n_iter=20).fit(X, y)
    assert search.best_score_ >= cross_val_score(pipe, X, y, cv=3).mean()
    assert len({repr(p) for p in search.cv_results_["params"]}) == 20


def test_a_table_that_pandas_reads():
    table = pd.DataFrame(make_search().fit(X, y).cv_results_)
    assert len(table) == 6
    assert {"param_max_depth", "mean_test_score", "rank_test_score"} <= set(table)
