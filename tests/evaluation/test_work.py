"""Work: a figure that a fitted model tells, in proportion to the seconds of its fit."""

import warnings
from math import isnan

import numpy as np
import pytest
from scipy import sparse
from sklearn import ensemble, linear_model, neighbors, svm
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, EvolutionarySearchCV, HyperbandSearchCV
from skhpo.evaluation._work import tells_work, work_of

X, y = make_classification(
    120, 8, n_informative=5, n_classes=3, flip_y=0.1, random_state=0
)

KNOWN = {
    "hist": ensemble.HistGradientBoostingClassifier(max_iter=3),
    "gradient": ensemble.GradientBoostingRegressor(n_estimators=3),
    "forest": ensemble.RandomForestClassifier(3, random_state=0),
    "extra": ensemble.ExtraTreesRegressor(3, random_state=0),
    "isolation": ensemble.IsolationForest(n_estimators=3, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "bagging": ensemble.BaggingClassifier(n_estimators=3, random_state=0),
    "bagged": ensemble.BaggingClassifier(svm.SVC(), n_estimators=3, random_state=0),
    "adaboost": ensemble.AdaBoostClassifier(n_estimators=3, random_state=0),
    "sgd": linear_model.SGDClassifier(random_state=0),
    "mlp": MLPClassifier((4,), max_iter=3, random_state=0),
    "logistic": linear_model.LogisticRegression(),
    "linear svm": svm.LinearSVC(),
    "lasso": linear_model.Lasso(0.1),
    "poisson": linear_model.PoissonRegressor(),
    "svc": svm.SVC(),
    "svr": svm.SVR(),
    "neighbors": neighbors.KNeighborsRegressor(),
    "radius": neighbors.RadiusNeighborsRegressor(radius=9.0),
    "ridge": linear_model.Ridge(),
    "bayes": GaussianNB(),
    "process": GaussianProcessRegressor(),
    "clusters": KMeans(3, n_init=1, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), PCA(3), svm.SVC()),
    "target": TransformedTargetRegressor(linear_model.Ridge()),
    "one vs rest": OneVsRestClassifier(svm.SVC()),
    "calibrated": CalibratedClassifierCV(svm.SVC(), cv=2),
    "voting": ensemble.VotingClassifier([("a", svm.SVC()), ("b", GaussianNB())]),
    "stacking": ensemble.StackingClassifier([("a", GaussianNB())], svm.SVC(), cv=2),
}


class Telling(BaseEstimator):
    """Says of its work what it was given."""

    def __init__(self, work=1.0):
        self.work = work

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def score(self, X, y=None):
        return 0.5

    def __skhpo_work__(self):
        if self.work == "error":
            raise RuntimeError("no idea")
        return self.work


class Silent(Telling):
    """Says nothing."""

    __skhpo_work__ = property()


def work(estimator, rows=X, target=y, test_rows=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = clone(estimator).fit(rows, target)
    found, error = work_of(model, rows, test_rows)
    assert error is None
    return found


# ---- the table


@pytest.mark.parametrize("name", KNOWN)
def test_the_work_of_a_known_family_is_a_number_that_does_not_change(name):
    estimator = KNOWN[name]
    found = work(estimator)
    assert 0.0 < found < 1e12
    assert work(estimator) == found
    assert tells_work(estimator)


@pytest.mark.parametrize(
    ("name", "less", "more", "factor"),
    [
        ("hist", dict(max_iter=10), dict(max_iter=100), 8.0),
        ("hist", dict(max_leaf_nodes=2), dict(max_leaf_nodes=30), 1.2),
        ("gradient", dict(n_estimators=5), dict(n_estimators=50), 8.0),
        ("gradient", dict(max_depth=1), dict(max_depth=8), 1.1),
        ("forest", dict(n_estimators=5), dict(n_estimators=50), 9.9),
        ("forest", dict(min_samples_leaf=30), dict(min_samples_leaf=1), 1.05),
        ("forest", dict(max_features=1), dict(max_features=8), 1.1),
        ("sgd", dict(max_iter=5, tol=None), dict(max_iter=500, tol=None), 5.0),
        ("mlp", dict(max_iter=2), dict(max_iter=40), 5.0),
        ("logistic", dict(C=1e-4), dict(C=1e4, max_iter=500), 1.1),
        ("svc", dict(gamma=1e-3), dict(gamma=100.0), 1.05),
    ],
)
def test_what_takes_longer_has_more_work(name, less, more, factor):
    estimator = KNOWN[name]
    small = work(clone(estimator).set_params(**less))
    assert work(clone(estimator).set_params(**more)) > factor * small


def test_rows_columns_and_test_rows_count():
    tall = np.repeat(X, 50, axis=0)
    for name in ("hist", "forest", "ridge", "sgd"):
        target = np.repeat(y, 50)
        assert work(KNOWN[name], tall, target) > 1.5 * work(KNOWN[name])
    nearest = neighbors.KNeighborsClassifier()
    assert work(nearest, test_rows=tall) > 5.0 * work(nearest)
    wide = np.repeat(X, 100, axis=1)
    assert work(KNOWN["ridge"], wide) > 10.0 * work(KNOWN["ridge"])


def test_zeros_of_a_sparse_matrix_take_no_time():
    thin = sparse.random(1000, 500, density=0.01, random_state=0, format="csr")
    target = np.arange(1000) % 2
    model = linear_model.SGDClassifier(max_iter=20, tol=None, random_state=0)
    assert work(model, thin, target) < 0.1 * work(model, thin.toarray(), target)


def test_a_power_that_is_no_whole_number_is_dear():
    nearest = neighbors.KNeighborsClassifier(p=1.5)
    assert work(nearest) > 1.2 * work(neighbors.KNeighborsClassifier(p=2))


def test_rows_may_be_lists_and_frames():
    pd = pytest.importorskip("pandas")
    expected = work(svm.SVC())
    assert work(svm.SVC(), X.tolist(), test_rows=X.tolist()) == expected
    assert work(svm.SVC(), pd.DataFrame(X), test_rows=pd.DataFrame(X)) == expected


# ---- what is made of parts


def test_a_pipeline_is_the_sum_of_its_steps():
    pipe = make_pipeline(StandardScaler(), PCA(3), svm.SVC()).fit(X, y)
    parts = [work_of(step, X, X)[0] for _, step in pipe.steps]
    assert work_of(pipe, X, X)[0] == pytest.approx(sum(parts))


def test_an_unknown_step_counts_nothing_and_an_unknown_last_one_decides():
    scaled = make_pipeline(FunctionTransformer(), "passthrough", svm.SVC())
    assert work(scaled) == work(svm.SVC())
    assert isnan(work(make_pipeline(StandardScaler(), Silent())))
    assert not tells_work(make_pipeline(StandardScaler(), Silent()))
    assert not tells_work(make_pipeline(StandardScaler(), "passthrough"))
    assert work(make_pipeline(StandardScaler(), Telling(3.0))) == 3.0


def test_unions_and_columns_are_the_sum_of_their_transformers():
    scaler, pca = StandardScaler(), PCA(2)
    union = FeatureUnion([("a", scaler), ("b", pca), ("c", "passthrough")])
    apart = ColumnTransformer([("a", scaler, [0, 1]), ("b", "drop", [2])])
    assert work(union) == work(scaler) + work(pca)
    assert work(apart) == work(scaler, X[:, :2])


def test_a_selection_makes_the_next_step_cheaper():
    wide = make_classification(120, 90, random_state=0)[0]
    few, many = (
        work(make_pipeline(SelectKBest(k=k), linear_model.Ridge()), wide)
        for k in (2, 80)
    )
    assert few < many


# ---- the estimator's own


@pytest.mark.parametrize("told", [3, 2.5, np.float32(0.5), np.int64(7), 0.0])
def test_an_estimator_may_tell_its_own_work(told):
    model = Telling(told).fit(X)
    assert work_of(model, X, X) == (float(told), None)
    assert tells_work(model)


@pytest.mark.parametrize(
    "told", [-1.0, np.nan, np.inf, "3", None, [1.0], True, "error", 1j]
)
def test_work_that_makes_no_sense_is_unknown_and_reported(told):
    found, error = work_of(Telling(told).fit(X), X, X)
    assert isnan(found)
    assert "Telling.__skhpo_work__()" in error
    assert ("RuntimeError: no idea" if told == "error" else repr(told)) in error


def test_what_is_not_known_is_nan():
    for model in (IsotonicRegression().fit(X[:, 0], y), Silent().fit(X)):
        assert work_of(model, X, X) == (pytest.approx(np.nan, nan_ok=True), None)
        assert not tells_work(model)


def test_a_class_that_only_has_the_name_of_a_known_one_is_unknown():
    class Ridge(BaseEstimator):
        n_features_in_ = "many"

    found, error = work_of(Ridge(), X, X)
    assert isnan(found)
    assert error is None


# ---- in a search


def search(estimator, space, door=BayesSearchCV, **parameters):
    settings = dict(n_iter=6, cv=3, random_state=0, refit=False) | parameters
    return door(estimator, space, **settings).fit(X, y).cv_results_


FOREST = ensemble.RandomForestClassifier(random_state=0)
TREES = {"n_estimators": (1, 9), "max_depth": (1, 6)}


@pytest.mark.parametrize("door", [BayesSearchCV, EvolutionarySearchCV])
def test_the_table_tells_the_mean_work_of_a_fit(door):
    table = search(FOREST, TREES, door)
    trees = table["param_n_estimators"].astype(float)
    assert np.corrcoef(trees, table["mean_work"])[0, 1] > 0.9


def test_there_is_no_column_where_nothing_is_known():
    assert "mean_work" not in search(Silent(), {"work": (0.0, 1.0)})


def test_models_that_are_trained_in_steps_tell_no_work():
    search = HyperbandSearchCV(FOREST, {"max_depth": (1, 6)}, max_resource=4, cv=3)
    assert "mean_work" not in search.fit(X, y).cv_results_


def test_work_is_the_same_in_other_processes_and_where_folds_are_raced():
    one, two = (search(FOREST, TREES, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one["mean_work"], two["mean_work"])
    space = {"max_depth": (1, 6), "n_estimators": (1, 20)}
    raced = [
        search(FOREST, space, racing="forgiving", n_jobs=n)["mean_work"] for n in (1, 2)
    ]
    np.testing.assert_array_equal(*raced)
    assert np.isfinite(raced[0]).all()


def test_a_candidate_that_failed_has_no_work():
    space = {"n_estimators": [3, -3, 2, 1], "max_depth": (1, 6)}
    with pytest.warns(Warning, match="fits failed"):
        table = search(FOREST, space, n_iter=8)
    failed = table["status"] == "failed"
    assert failed.any()
    np.testing.assert_array_equal(np.isnan(table["mean_work"]), failed)


def test_nonsense_is_reported_once_per_search():
    with pytest.warns(UserWarning, match="__skhpo_work__") as caught:
        table = search(Telling(), {"work": [1.0, -1.0, "error"]}, EvolutionarySearchCV)
    (warning,) = [w for w in caught if "__skhpo_work__" in str(w.message)]
    assert "6 out of 9 fits" in str(warning.message)
    np.testing.assert_array_equal(table["mean_work"], [1.0, np.nan, np.nan])


def test_a_resumed_search_has_the_same_column(tmp_path):
    tables = [
        search(FOREST, TREES, checkpoint=tmp_path / "a", max_time=limit)
        for limit in (1e-3, None)
    ]
    fresh = search(FOREST, TREES)
    assert 0 < len(tables[0]["params"]) < 6
    np.testing.assert_array_equal(tables[1]["mean_work"], fresh["mean_work"])
