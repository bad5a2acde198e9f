"""What a fit took, read off the fitted model and not off a clock.

*Work* is the same on every machine and under any load. It is proportional, roughly, to
the CPU seconds of a fit and its scoring, with a unit of about a nanosecond; decision
0025 says how roughly. Families are known by the names of their classes, along the MRO,
so that xgboost, lightgbm and catboost need not be there.

=======================================  ==============================================
family                                   work
=======================================  ==============================================
boosting                                 rounds, nodes, rows x columns x depth
forests, single trees                    trees, nodes, rows x features tried x depth
SGD, MLP                                 epochs x rows x weights
logistic, linear SVM, lasso, GLM         iterations x rows x columns
SVC, SVR and their like                  kernel evaluations and iterations
neighbors                                rows x test rows x columns
Ridge and its like                       rows x columns^2
pipelines, unions, meta-estimators       the sum over what was fitted
an estimator with ``__skhpo_work__``     what that returns
=======================================  ==============================================
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log2, nan
from numbers import Integral, Real
from typing import Any

import numpy as np

from skhpo._sklearn import hist_boosting_nodes, num_samples

OWN = "__skhpo_work__"

PER_FIT = 1e6  # cloning, cutting the rows and scoring, whatever the model
_EXP = 15.0  # columns' worth of time that the exponential of a kernel takes


@dataclass(frozen=True)
class Size:
    """Of the rows that a model was fitted to, and those that it was scored on."""

    n: int
    n_test: int
    density: float = 1.0  # share of the entries that are not zero

    @classmethod
    def of(cls, X: Any, X_test: Any) -> "Size":
        shape = getattr(X, "shape", ())
        is_sparse = hasattr(X, "nnz") and len(shape) == 2 and all(shape)
        density = X.nnz / (shape[0] * shape[1]) if is_sparse else 1.0
        return cls(num_samples(X), num_samples(X_test), density)

    def entries(self, model: Any) -> float:
        """Entries of the training rows as the model sees them, zeros left out."""
        return self.n * self.density * _columns(model)


Formula = Callable[[Any, Size], float]


def work_of(model: Any, X: Any, X_test: Any) -> tuple[float, str | None]:
    """Return the work of a fitted model, nan where it is unknown, and a complaint.

    The complaint is about the estimator's own ``__skhpo_work__``; None = there is none.
    """
    try:
        work = _work(model, Size.of(X, X_test))
    except _BadWork as error:
        return nan, str(error)
    except Exception:  # a class that has the name of a known one and not its attributes
        return nan, None
    return (work, None) if isfinite(work) and work >= 0.0 else (nan, None)


def work_of_fold(model: Any, X: Any, X_test: Any) -> tuple[float, str | None]:
    """Return what :func:`work_of` does, with what each fit takes beside the model.

    An estimator that tells its work itself has a unit of its own: nothing is added.
    """
    work, complaint = work_of(model, X, X_test)
    return work + (0.0 if hasattr(_head(model), OWN) else PER_FIT), complaint


def tells_work(estimator: Any) -> bool:
    """Return whether the work of a fit is known for estimators of this class."""
    head = _head(estimator)
    return hasattr(head, OWN) or _formula(head) is not None


def _head(estimator: Any) -> Any:
    """What decides whether work is known: the last step of a pipeline, or the whole."""
    while "Pipeline" in class_names(estimator) and getattr(estimator, "steps", None):
        estimator = estimator.steps[-1][1]
    return estimator


def class_names(estimator: Any) -> list[str]:
    return [base.__name__ for base in type(estimator).__mro__]


def _formula(model: Any) -> Formula | None:
    return next((_FORMULAS[n] for n in class_names(model) if n in _FORMULAS), None)


def _work(model: Any, size: Size) -> float:
    if hasattr(model, OWN):
        return _own(model)
    formula = _formula(model)
    return nan if formula is None else float(formula(model, size))


# ---- the estimator's own


class _BadWork(Exception):
    """What an estimator says of its work makes no sense."""


def _own(model: Any) -> float:
    name = f"{type(model).__name__}.{OWN}"
    try:
        work = getattr(model, OWN)()
    except (Exception, SystemExit) as error:
        raise _BadWork(f"{name}() raised {type(error).__name__}: {error}") from error
    if isinstance(work, bool) or not isinstance(work, Real):
        raise _BadWork(f"{name}() returned {work!r}")
    if not isfinite(work) or work < 0.0:
        raise _BadWork(f"{name}() returned {work!r}")
    return float(work)


# ---- trees


@dataclass(frozen=True)
class Trees:
    """Trees that were grown: how many, and what lies in them, all told."""

    rounds: int
    n_trees: float
    nodes: float

    @property
    def depth(self) -> float:
        """Of a tree of that many nodes, were it even."""
        return log2(2.0 + self.nodes / max(self.n_trees, 1.0)) - 1.0


@dataclass(frozen=True)
class Boosting:
    """Nanoseconds of boosting, by what they are spent on."""

    count: Callable[[Any], Trees]
    per_round: float
    per_tree: float
    per_node: float
    per_bin: float  # a column of a node
    per_entry: float  # an entry of X at a level of a tree; binning is ten of these

    def __call__(self, model: Any, size: Size) -> float:
        return self.of(self.count(model), size.entries(model), _columns(model))

    def of(self, trees: Trees, entries: float, columns: int) -> float:
        """Return the work of trees that were grown on so many entries of X."""
        levels = 10.0 + trees.n_trees * trees.depth
        return (
            self.per_round * trees.rounds
            + self.per_tree * trees.n_trees
            + (self.per_node + self.per_bin * columns) * trees.nodes
            + self.per_entry * entries * levels
        )


def _hist_trees(model: Any) -> Trees:
    nodes = hist_boosting_nodes(model)
    return Trees(model.n_iter_, len(nodes), sum(nodes))


def _lightgbm_trees(model: Any) -> Trees:
    booster = model.booster_
    n_trees = booster.num_trees()
    splits = float(booster.feature_importance("split").sum())
    return Trees(booster.current_iteration(), n_trees, 2.0 * splits + n_trees)


def _xgboost_trees(model: Any) -> Trees:
    booster = model.get_booster()
    rounds = booster.num_boosted_rounds()
    n_classes = getattr(model, "n_classes_", 2)
    width = n_classes if n_classes > 2 else 1
    n_trees = rounds * width * (model.get_params().get("num_parallel_tree") or 1)
    splits = sum(booster.get_score(importance_type="weight").values())
    return Trees(rounds, n_trees, 2.0 * splits + n_trees)


def _catboost_trees(model: Any) -> Trees:
    leaves = float(np.sum(model.get_tree_leaf_counts()))
    return Trees(model.tree_count_, model.tree_count_, 2.0 * leaves)


def _gradient(model: Any, size: Size) -> float:
    trees = [tree for tree in np.ravel(model.estimators_) if tree is not None]
    return gradient(len(model.estimators_), size) + sum_of_trees(trees)


def gradient(rounds: int, size: Size) -> float:
    """What rounds of gradient boosting take beside their trees."""
    return rounds * (25e3 + 100.0 * size.n)


def _forest(model: Any, size: Size) -> float:
    return sum_of_trees(model.estimators_)


def _tree(model: Any, size: Size) -> float:
    return sum_of_trees([model])


def sum_of_trees(trees: Sequence[Any]) -> float:
    """Nanoseconds: of a tree, a node, a value that is looked at for a split."""
    counts = [(t.tree_.node_count, t.tree_.n_node_samples[0]) for t in trees]
    nodes, rows = np.array(counts, dtype=float).reshape(-1, 2).T
    first = trees[0]
    is_random = getattr(first, "splitter", "best") == "random"
    per_value, per_node = (3.0, 150.0) if is_random else (18.0, 150.0)
    tried = getattr(first, "max_features_", 1)
    looked_at = rows * np.log2(1.0 + nodes) * tried
    return float(np.sum(300e3 + per_node * nodes * tried**0.5 + per_value * looked_at))


# ---- iterations


def _n_iter(model: Any) -> float:
    return float(np.sum(model.n_iter_))


def _n_outputs(model: Any) -> int:
    coef = getattr(model, "coef_", None)
    return 1 if np.ndim(coef) < 2 else len(coef)


def sgd(model: Any, size: Size) -> float:
    per_row = 15.0 * size.n + 0.8 * size.entries(model)
    return 300e3 + _n_iter(model) * _n_outputs(model) * per_row


def mlp(model: Any, size: Size) -> float:
    weights = sum(coef.size for coef in model.coefs_)
    batch = getattr(model, "batch_size", "auto")
    batch = min(200 if batch == "auto" else batch, size.n)
    if getattr(model, "solver", "adam") == "lbfgs":
        batch = size.n
    steps = -(-size.n // batch)
    per_epoch = 0.1 * size.n * weights + steps * (150e3 + 2.0 * weights)
    return 500e3 + _n_iter(model) * per_epoch


def _linear(model: Any, size: Size) -> float:
    per_iteration = 70e3 + size.entries(model) * _n_outputs(model)
    return 500e3 + _n_iter(model) * per_iteration


def _coordinate(model: Any, size: Size) -> float:
    return 500e3 + size.entries(model) * (10.0 + _n_iter(model))


# ---- kernels, neighbors, matrices


#: Nanoseconds of a difference between two entries, by the metric.
_PER_VALUE = {
    "euclidean": 0.1,
    "sqeuclidean": 0.1,
    "manhattan": 0.3,
    "chebyshev": 0.3,
    "minkowski": 7.0,  # any other power
}


def _kernel(model: Any, size: Size) -> float:
    """libsvm: kernel values of the support vectors, and steps through all rows."""
    per_value = size.density * _columns(model) + _EXP
    kernel_values = len(model.support_) * (size.n + size.n_test)
    repeats = 6.0 if getattr(model, "probability", False) is True else 1.0
    share = 4.0 / (1.0 + (1.0 + 8.0 * np.size(model.n_iter_)) ** 0.5)  # one vs one
    steps = _n_iter(model) * size.n * share
    return 500e3 + repeats * (per_value * kernel_values + 2.0 * steps)


def _neighbors(model: Any, size: Size) -> float:
    """Distances, of which a tree spares some where there are few columns."""
    columns, visited = size.density * _columns(model), size.n
    per_value = _PER_VALUE.get(model.effective_metric_, 1.0)
    if model.algorithm in ("kd_tree", "ball_tree"):
        visited = min(size.n, 30.0 * 2.0 ** min(columns, 30.0))
        per_value = max(per_value, 0.5)
    kept = 100.0 * (getattr(model, "n_neighbors", None) or 1)
    return 1e6 + size.n_test * (visited * (4.0 + per_value * columns) + kept)


def _pairs(model: Any, size: Size) -> float:
    """Gaussian processes and kernel ridge: a kernel matrix that is factored."""
    return 500e3 + size.n**2 * (_columns(model) + _EXP) + 0.1 * size.n**3


def _square(model: Any, size: Size) -> float:
    columns = _columns(model)
    return 500e3 + size.entries(model) * min(columns, size.n)


def _pass(model: Any, size: Size) -> float:
    return 300e3 + 10.0 * size.entries(model)


def _components(model: Any, size: Size) -> float:
    kept = getattr(model, "n_components_", None) or len(model.components_)
    return 500e3 + size.entries(model) * (10.0 + kept + min(_columns(model), 50))


def _clusters(model: Any, size: Size) -> float:
    centers = len(model.cluster_centers_)
    return 1e6 + _n_iter(model) * (100e3 + size.entries(model) * centers)


def _columns(model: Any) -> int:
    return int(getattr(model, "n_features_in_", 1))


# ---- estimators made of others


def _pipeline(model: Any, size: Size) -> float:
    """Add up the steps, those of unknown work as nothing."""
    *others, last = [step for _, step in model.steps]
    total = _work(last, size)
    return total if hasattr(last, OWN) else total + _known(others, size)


def _known(models: Iterable[Any], size: Size) -> float:
    works = [_work(model, size) for model in models]
    return float(np.nansum(works))


def _union(model: Any, size: Size) -> float:
    return _known([part for _, part in model.transformer_list], size)


def _by_columns(model: Any, size: Size) -> float:
    return _known([part for _, part, _ in model.transformers_], size)


def _part(name: str) -> Formula:
    return lambda model, size: _work(getattr(model, name), size)


def _parts(model: Any, size: Size) -> float:
    parts = model.estimators_
    if _formula(parts[0]) is _tree:
        return sum_of_trees(parts)
    return sum(_work(part, size) for part in parts)


def _bagging(model: Any, size: Size) -> float:
    n = model.max_samples  # a number, a share, or (None) all
    n = size.n if n is None else n if isinstance(n, Integral) else n * size.n
    return _parts(model, replace(size, n=int(n)))


def _calibrated(model: Any, size: Size) -> float:
    return sum(_work(c.estimator, size) for c in model.calibrated_classifiers_)


def _stacking(model: Any, size: Size) -> float:
    folds = 1 + (model.cv if isinstance(model.cv, int) else 5) * (model.cv != "prefit")
    return folds * _parts(model, size) + _work(model.final_estimator_, size)


# ---- the table


def both(*stems: str) -> list[str]:
    return [stem + kind for stem in stems for kind in ("Classifier", "Regressor")]


hist = Boosting(_hist_trees, 60e3, 60e3, 3e3, 150.0, 0.6)
lightgbm = Boosting(_lightgbm_trees, 20e3, 20e3, 3e3, 60.0, 0.5)
xgboost = Boosting(_xgboost_trees, 60e3, 10e3, 5e3, 900.0, 0.3)
catboost = Boosting(_catboost_trees, 250e3, 0.0, 1e3, 500.0, 1.0)

_FORMULAS: dict[str, Formula] = {
    name: formula
    for formula, names in (
        (hist, both("HistGradientBoosting")),
        (lightgbm, ["LGBMModel"]),
        (xgboost, ["XGBModel"]),
        (catboost, ["CatBoost"]),
        (_gradient, both("GradientBoosting")),
        (_forest, [*both("RandomForest", "ExtraTrees"), "IsolationForest"]),
        (_tree, both("DecisionTree", "ExtraTree")),
        (sgd, [*both("SGD", "PassiveAggressive"), "Perceptron", "SGDOneClassSVM"]),
        (mlp, both("MLP")),
        (_linear, ["LogisticRegression", "LinearSVC", "LinearSVR", "HuberRegressor"]),
        (_linear, ["PoissonRegressor", "GammaRegressor", "TweedieRegressor"]),
        (_coordinate, ["ElasticNet", "MultiTaskElasticNet"]),  # Lasso is one, too
        (_kernel, ["SVC", "SVR", "NuSVC", "NuSVR", "OneClassSVM"]),
        (_neighbors, both("KNeighbors", "RadiusNeighbors")),
        (_pairs, ["KernelRidge", *both("GaussianProcess")]),
        (_square, ["Ridge", "RidgeClassifier", "LinearRegression", "BayesianRidge"]),
        (_square, ["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]),
        (_pass, ["GaussianNB", "MultinomialNB", "BernoulliNB", "ComplementNB"]),
        (_pass, ["StandardScaler", "MinMaxScaler", "RobustScaler", "SimpleImputer"]),
        (_pass, ["SelectKBest", "SelectPercentile", "OneHotEncoder", "Normalizer"]),
        (_pass, ["QuantileTransformer", "OrdinalEncoder", "VarianceThreshold"]),
        (_components, ["PCA", "TruncatedSVD"]),
        (_clusters, ["KMeans", "MiniBatchKMeans"]),
        (_pipeline, ["Pipeline"]),
        (_union, ["FeatureUnion"]),
        (_by_columns, ["ColumnTransformer"]),
        (_part("regressor_"), ["TransformedTargetRegressor"]),
        (_part("estimator_"), ["SelectFromModel"]),
        (_parts, ["OneVsRestClassifier", "OneVsOneClassifier", *both("AdaBoost")]),
        (
            _parts,
            [*both("MultiOutput", "Voting"), "ClassifierChain", "RegressorChain"],
        ),
        (_bagging, both("Bagging")),
        (_calibrated, ["CalibratedClassifierCV"]),
        (_stacking, both("Stacking")),
    )
    for name in names
}
