"""Real tuning problems by Bayesmark's definitions: model x data x metric.

A problem is written ``model/data/metric``, for example ``DT/wine/acc``. The objective
is the mean score of a 5-fold cross-validation without shuffling on the 80 % training
part of ``train_test_split(random_state=0)``; higher is better. The spaces are those of
Bayesmark 0.0.8 (Turner et al., 2021, "Bayesian optimization is superior to random
search for machine learning hyperparameter tuning", arXiv:2104.10201).

Where today's scikit-learn forced a change:

- the Boston data are gone: 90 of the 108 problems are left;
- ``normalize`` was removed from Lasso and Ridge: a transformer in front of the model
  centres the columns and divides them by their L2 norm;
- liblinear takes two classes only: OneVsRestClassifier around it for all data;
- AdaBoost is SAMME; the estimators' ``random_state`` is fixed, so that the objective
  is a function; an SVM computes probabilities only where the metric needs them.

Beside these 90 there are problems in the same notation that Bayesmark lacks: ``noisy``
ones (trees and forests without a seed; a setting is judged by repeated
cross-validation), a ``wide`` one (20 dimensions), ``conditional`` ones (pipelines
with a choice of the model, each with parameters of its own), and ``mixed`` ones: 4 to
11 dimensions, most of them with choices beside numbers, 3 folds, a few milliseconds.

**The halves.** Options and constants are tuned on one half of the quick problems, and
claims are made on the other. The halves were fixed on 2026-11-21, before any result on
them, and never change. Both metrics of a model on the same data lie in the same half.
Nothing is ever tuned on the digits and MLP problems, nor on the additional ones.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

import numpy as np
from sklearn import datasets
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

N_FOLDS = 5


# ------------------------------------------------------------------------ dimensions


def _logit(value):
    return float(np.log(value) - np.log1p(-value))


def _expit(value):
    return float(1 / (1 + np.exp(-value)))


def _identity(value):
    return value


# name: (value -> a scale on which it is uniform, and back)
SCALES: dict[str, tuple[Callable, Callable]] = {
    "linear": (_identity, _identity),
    "log": (np.log, np.exp),
    "logit": (_logit, _expit),
}


@dataclass(frozen=True)
class Dimension:
    """One parameter in nobody's notation; each method translates it into its own."""

    kind: str  # "int", "real" or "choice"
    low: float = 0
    high: float = 1
    scale: str = "linear"
    options: dict = field(default_factory=dict)  # of a choice; label: value

    def sample(self, rng):
        """Draw a value, uniform on the declared scale; integers by equal cells."""
        if self.kind == "choice":
            return list(self.options.values())[rng.integers(len(self.options))]
        margin = 0.5 if self.kind == "int" else 0.0
        forth, back = SCALES[self.scale]
        value = back(rng.uniform(forth(self.low - margin), forth(self.high + margin)))
        return int(np.rint(value)) if self.kind == "int" else float(value)


def integer(low, high, scale="linear"):
    return Dimension("int", low, high, scale)


def real(low, high, scale="linear"):
    return Dimension("real", float(low), float(high), scale)


def choice(options):
    """One of the values of a dict, whose keys are for methods that want plain ones."""
    return Dimension("choice", options=options)


BOOL = choice({False: False, True: True})


@dataclass(frozen=True)
class Branch:
    """One alternative of a conditional space: what is fixed there, what is searched."""

    name: str
    fixed: dict
    space: dict[str, Dimension]

    def sample(self, rng):
        values = {name: d.sample(rng) for name, d in self.space.items()}
        return {**self.fixed, **values}


# ---------------------------------------------------------------------------- models


class ColumnNorm(TransformerMixin, BaseEstimator):
    """What ``normalize=True`` of Lasso and Ridge did, as a step of its own."""

    def __init__(self, normalize=False):
        self.normalize = normalize

    def fit(self, X, y=None):
        self.mean_ = X.mean(axis=0)
        norm = np.linalg.norm(X - self.mean_, axis=0)
        self.norm_ = np.where(norm > 0, norm, 1.0)
        return self

    def transform(self, X):
        return (X - self.mean_) / self.norm_ if self.normalize else X


def _linear_classifier(l1_ratio):
    # liblinear separates two classes; C and intercept_scaling reach it as estimator__*.
    return OneVsRestClassifier(_liblinear(l1_ratio))


def _liblinear(l1_ratio):
    if LogisticRegression().penalty == "deprecated":  # since scikit-learn 1.8
        return LogisticRegression(l1_ratio=l1_ratio, solver="liblinear", random_state=0)
    penalty = "l1" if l1_ratio else "l2"
    return LogisticRegression(penalty=penalty, solver="liblinear", random_state=0)


KNN = {"n_neighbors": integer(1, 25), "p": integer(1, 4)}
SVM = {
    "C": real(1, 1e3, "log"),
    "gamma": real(1e-4, 1e-3, "log"),
    "tol": real(1e-5, 1e-1, "log"),
}
TREE = {
    "max_depth": integer(1, 15),
    "min_samples_split": real(0.01, 0.99, "logit"),
    "min_samples_leaf": real(0.01, 0.49, "logit"),
    "min_weight_fraction_leaf": real(0.01, 0.49, "logit"),
    "max_features": real(0.01, 0.99, "logit"),
    "min_impurity_decrease": real(0, 0.5),
}
MLP = {
    "hidden_layer_sizes": integer(50, 200),
    "alpha": real(1e-5, 1e1, "log"),
    "batch_size": integer(10, 250),
    "learning_rate_init": real(1e-5, 1e-1, "log"),
    "tol": real(1e-5, 1e-1, "log"),
    "validation_fraction": real(0.1, 0.9, "logit"),
}
MLP_ADAM = {
    **MLP,
    "beta_1": real(0.5, 0.99, "logit"),
    "beta_2": real(0.9, 1 - 1e-6, "logit"),
    "epsilon": real(1e-9, 1e-6, "log"),
}
MLP_SGD = {
    **MLP,
    "power_t": real(0.1, 0.9, "logit"),
    "momentum": real(0.001, 0.999, "logit"),
}
BOOST = {"n_estimators": integer(10, 100), "learning_rate": real(1e-4, 1e1, "log")}
LIBLINEAR = {
    "estimator__C": real(1e-2, 1e2, "log"),
    "estimator__intercept_scaling": real(1e-2, 1e2, "log"),
}


def _linear_regression_space(step, **more):
    return {
        f"{step}__alpha": real(1e-2, 1e2, "log"),
        f"{step}__fit_intercept": BOOL,
        "columnnorm__normalize": BOOL,
        f"{step}__max_iter": integer(10, 5000, "log"),
        **{f"{step}__{name}": dimension for name, dimension in more.items()},
    }


LASSO = _linear_regression_space("lasso", tol=real(1e-5, 1e-1, "log"), positive=BOOL)
RIDGE = _linear_regression_space("ridge", tol=real(1e-4, 1e-1, "log"))

_mlp = partial(dict, early_stopping=True, random_state=0)
_sgd = partial(_mlp, solver="sgd", learning_rate="invscaling")

# model: (classifier, its space, regressor, its space)
MODELS = {
    "kNN": (KNeighborsClassifier(), KNN, KNeighborsRegressor(), KNN),
    "SVM": (SVC(random_state=0), SVM, SVR(), SVM),
    "DT": (
        DecisionTreeClassifier(random_state=0),
        TREE,
        DecisionTreeRegressor(random_state=0),
        TREE,
    ),
    "RF": (
        RandomForestClassifier(n_estimators=10, random_state=0),
        TREE,
        RandomForestRegressor(n_estimators=10, random_state=0),
        TREE,
    ),
    "MLP-adam": (MLPClassifier(**_mlp()), MLP_ADAM, MLPRegressor(**_mlp()), MLP_ADAM),
    "MLP-sgd": (
        MLPClassifier(**_sgd()),
        MLP_SGD,
        MLPRegressor(**_sgd(activation="tanh")),
        MLP_SGD,
    ),
    "ada": (
        AdaBoostClassifier(random_state=0),
        BOOST,
        AdaBoostRegressor(random_state=0),
        BOOST,
    ),
    "lasso": (
        _linear_classifier(l1_ratio=1),
        LIBLINEAR,
        make_pipeline(ColumnNorm(), Lasso(random_state=0)),
        LASSO,
    ),
    "linear": (
        _linear_classifier(l1_ratio=0),
        LIBLINEAR,
        make_pipeline(ColumnNorm(), Ridge(random_state=0)),
        RIDGE,
    ),
}

# ----------------------------------------------------------------- additional models


class FeatureWeights(TransformerMixin, BaseEstimator):
    """Multiplies each column by a weight of its own: a parameter per column."""

    def __init__(self, **weights):
        self.weights = weights

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X * np.array(list(self.weights.values()))

    def get_params(self, deep=True):
        return dict(self.weights)

    def set_params(self, **weights):
        self.weights.update(weights)
        return self


_SCALERS = {
    "standard": StandardScaler(),
    "minmax": MinMaxScaler(),
    "robust": RobustScaler(),
}
MAX_ITER = 20_000  # some settings of an SVC would take minutes

_WINE_COLUMNS = [f"w{i}" for i in range(13)]
WIDE = Pipeline(
    [
        ("scale", StandardScaler()),
        ("weigh", FeatureWeights(**dict.fromkeys(_WINE_COLUMNS, 1.0))),
        ("svc", SVC(max_iter=MAX_ITER, random_state=0)),
    ]
)
WIDE_SPACE = {
    "scale": choice({**_SCALERS, "power": PowerTransformer()}),
    **{f"weigh__{name}": real(1e-2, 1e1, "log") for name in _WINE_COLUMNS},
    "svc__kernel": choice({k: k for k in ("rbf", "poly", "sigmoid")}),
    "svc__C": real(1e-3, 1e3, "log"),
    "svc__gamma": real(1e-4, 1e0, "log"),
    "svc__coef0": real(-1, 1),
    "svc__degree": integer(2, 5),
    "svc__tol": real(1e-5, 1e-1, "log"),
}

PIPELINE = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
_SCALE = {"scale": choice({"none": "passthrough", **_SCALERS})}
# Three families with 2, 3 and 7 parameters, and the scaler that they share.
FAMILIES = (
    Branch(
        "svc",
        {"model": SVC(max_iter=MAX_ITER, random_state=0)},
        {
            **_SCALE,
            "model__C": real(1e-3, 1e4, "log"),
            "model__gamma": real(1e-6, 1e1, "log"),
        },
    ),
    Branch(
        "forest",
        {"model": RandomForestClassifier(random_state=0)},
        {
            **_SCALE,
            "model__n_estimators": integer(5, 50, "log"),
            "model__criterion": choice({c: c for c in ("gini", "entropy")}),
            **{f"model__{name}": dimension for name, dimension in TREE.items()},
        },
    ),
    Branch(
        "knn",
        {"model": KNeighborsClassifier()},
        {
            **_SCALE,
            "model__n_neighbors": integer(1, 50, "log"),
            "model__p": real(1, 4),
            "model__weights": choice({w: w for w in ("uniform", "distance")}),
        },
    ),
)


# --------------------------------------------------------------------- mixed problems


def _choices(*values):
    return choice({str(value): value for value in values})


_PREPARE = {"scale": choice({"none": "passthrough", **_SCALERS})}
_KERNELS = ("rbf", "poly", "sigmoid")
_DIABETES_COLUMNS = [f"w{i}" for i in range(10)]


def _pipeline(**steps):
    return Pipeline(list(steps.items()))


# model: (estimator, its space)
MIXED = {
    "svc-mixed": (
        SVC(max_iter=MAX_ITER, random_state=0),
        {
            "kernel": _choices("linear", *_KERNELS),
            "C": real(1e-3, 1e3, "log"),
            "gamma": real(1e-6, 1e-1, "log"),
            "coef0": real(-1, 1),
            "degree": integer(2, 5),
        },
    ),
    "svr-mixed": (
        _pipeline(scale=StandardScaler(), svr=SVR(max_iter=MAX_ITER)),
        {
            **_PREPARE,
            "svr__kernel": _choices("linear", *_KERNELS),
            "svr__C": real(1e-2, 1e3, "log"),
            "svr__gamma": real(1e-4, 1e1, "log"),
            "svr__epsilon": real(1e-2, 1e2, "log"),
            "svr__shrinking": BOOL,
        },
    ),
    "forest-mixed": (
        RandomForestClassifier(n_estimators=10, random_state=0),
        {
            "max_depth": integer(1, 15),
            "max_features": real(0.05, 1.0),
            "min_samples_leaf": integer(1, 20, "log"),
            "min_samples_split": integer(2, 40, "log"),
            "criterion": _choices("gini", "entropy", "log_loss"),
            "bootstrap": BOOL,
            "class_weight": _choices(None, "balanced", "balanced_subsample"),
        },
    ),
    "tree-mixed": (
        DecisionTreeClassifier(random_state=0),
        {
            "max_depth": integer(1, 20),
            "max_features": real(0.05, 1.0),
            "min_samples_leaf": integer(1, 30, "log"),
            "min_samples_split": integer(2, 60, "log"),
            "ccp_alpha": real(1e-5, 1e-1, "log"),
            "criterion": _choices("gini", "entropy"),
            "splitter": _choices("best", "random"),
        },
    ),
    "kernel-ridge": (
        KernelRidge(),
        {
            "kernel": _choices("linear", "laplacian", *_KERNELS),
            "alpha": real(1e-4, 1e2, "log"),
            "gamma": real(1e-3, 1e2, "log"),
            "coef0": real(0, 3),
            "degree": integer(2, 5),
        },
    ),
    "sgd-mixed": (
        _pipeline(
            scale=StandardScaler(), sgd=SGDClassifier(max_iter=20, random_state=0)
        ),
        {
            **_PREPARE,
            "sgd__loss": _choices("hinge", "log_loss", "modified_huber", "perceptron"),
            "sgd__penalty": _choices("l2", "l1", "elasticnet"),
            "sgd__alpha": real(1e-6, 1e0, "log"),
            "sgd__l1_ratio": real(0.0, 1.0),
            "sgd__learning_rate": _choices("optimal", "constant", "invscaling"),
            "sgd__eta0": real(1e-4, 1e1, "log"),
            "sgd__average": BOOL,
        },
    ),
    "boosting-mixed": (
        GradientBoostingRegressor(n_estimators=20, random_state=0),
        {
            "n_estimators": integer(5, 25, "log"),
            "learning_rate": real(1e-2, 1e0, "log"),
            "max_depth": integer(1, 6),
            "subsample": real(0.3, 1.0),
            "max_features": real(0.1, 1.0),
            "min_samples_leaf": integer(1, 40, "log"),
            "loss": _choices("squared_error", "absolute_error", "huber"),
        },
    ),
    "weights": (
        _pipeline(
            scale=StandardScaler(),
            weigh=FeatureWeights(**dict.fromkeys(_DIABETES_COLUMNS, 1.0)),
            ridge=KernelRidge(kernel="rbf", gamma=0.1),
        ),
        {
            **{f"weigh__{name}": real(1e-2, 1e1, "log") for name in _DIABETES_COLUMNS},
            "ridge__alpha": real(1e-3, 1e1, "log"),
        },
    ),
    "knn-mixed": (
        _pipeline(
            scale=StandardScaler(), select=SelectKBest(k=5), knn=KNeighborsClassifier()
        ),
        {
            **_PREPARE,
            "select__k": integer(2, 13),
            "knn__n_neighbors": integer(1, 40, "log"),
            "knn__weights": _choices("uniform", "distance"),
            "knn__metric": _choices(
                "euclidean", "manhattan", "chebyshev", "canberra", "braycurtis"
            ),
        },
    ),
    "ada-mixed": (
        AdaBoostRegressor(DecisionTreeRegressor(random_state=0), random_state=0),
        {
            "n_estimators": integer(3, 20, "log"),
            "learning_rate": real(1e-2, 1e1, "log"),
            "loss": _choices("linear", "square", "exponential"),
            "estimator__max_depth": integer(1, 8),
            "estimator__min_samples_leaf": integer(1, 40, "log"),
            "estimator__splitter": _choices("best", "random"),
        },
    ),
}
N_FOLDS_MIXED = 3


# ------------------------------------------------------------------------------ data


def _load_small_digits(return_X_y):
    """Every third digit."""
    X, y = datasets.load_digits(return_X_y=return_X_y)
    return X[::3], y[::3]


CLASSIFICATION = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast": datasets.load_breast_cancer,
}
REGRESSION = {"diabetes": datasets.load_diabetes}
LOADERS = {**CLASSIFICATION, **REGRESSION, "digits3": _load_small_digits}

METRICS = {
    "nll": "neg_log_loss",
    "acc": "accuracy",
    "auc": "roc_auc",
    "mae": "neg_mean_absolute_error",
    "mse": "neg_mean_squared_error",
    "r2": "r2",
}


# -------------------------------------------------------------------------- problems

NOISY = "noisy-"  # in front of a model: without its seed
N_REPEATS = 10  # seeds by which a setting of a noisy problem is judged


@dataclass(frozen=True)
class Problem:
    """One tuning problem: an estimator, a space, data and a metric."""

    name: str
    family: str | None = None  # the only alternative, of a conditional problem

    @cached_property
    def _parts(self):
        return self.name.split("/")

    @cached_property
    def estimator(self):
        estimator = self._seeded()
        return estimator.set_params(random_state=None) if self.is_noisy else estimator

    def _seeded(self):
        model, data, metric = self._parts
        if model == "pipe":
            return clone(PIPELINE)
        if model == "wide":
            return clone(WIDE).set_params(svc__probability=metric == "nll")
        if model in MIXED:
            return clone(MIXED[model][0])
        model = MODELS[model.removeprefix(NOISY)]
        estimator = clone(model[2 if data in REGRESSION else 0])
        if isinstance(estimator, SVC) and metric == "nll":
            estimator.set_params(probability=True)
        return estimator

    @property
    def is_noisy(self):
        return self.name.startswith(NOISY)

    @property
    def branches(self):
        """The alternatives: of most problems a single one, with nothing fixed."""
        model, data, _ = self._parts
        if model == "pipe":
            return [b for b in FAMILIES if self.family in (None, b.name)]
        if model == "wide":
            return [Branch("", {}, WIDE_SPACE)]
        if model in MIXED:
            return [Branch("", {}, MIXED[model][1])]
        model = MODELS[model.removeprefix(NOISY)]
        return [Branch("", {}, model[3 if data in REGRESSION else 1])]

    def families(self):
        """One problem per alternative."""
        return [Problem(self.name, family=branch.name) for branch in self.branches]

    @property
    def scoring(self):
        return METRICS[self._parts[2]]

    @property
    def cv(self):
        """Number of folds."""
        return N_FOLDS_MIXED if self._parts[0] in MIXED else N_FOLDS

    @property
    def data(self):
        """X, y of the training part; the rest is never looked at."""
        return _training_part(self._parts[1])

    def evaluate(self, params):
        """Mean cross-validation score of a setting; nan when a fold failed."""
        return self._score(self.estimator, params)

    def judge(self, params):
        """What a setting of a noisy problem is worth: the mean over fixed seeds."""
        estimators = (
            clone(self.estimator).set_params(random_state=seed)
            for seed in range(N_REPEATS)
        )
        return float(np.mean([self._score(e, params) for e in estimators]))

    def _score(self, estimator, params):
        estimator = clone(estimator).set_params(**params)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = cross_val_score(
                estimator, *self.data, scoring=self.scoring, cv=self.cv
            )
        return float(np.mean(scores))


@lru_cache
def _training_part(data):
    X, y = LOADERS[data](return_X_y=True)
    X, _, y, _ = train_test_split(X, y, test_size=0.2, random_state=0)
    return X, y


def budget(name, n_iter):
    """Evaluations on a problem: fewer than it has settings.

    A search of ours that may try every setting does so in the order of a grid, which
    says nothing about its suggestions.
    """
    return min(n_iter, 99) if name.startswith("kNN/") else n_iter


def _names(models, data, metrics):
    return [f"{m}/{d}/{s}" for m in models for d in data for s in metrics]


def _both(models, data):
    """Problems with the metrics that fit the data."""
    classes = [d for d in data if d in CLASSIFICATION]
    numbers = [d for d in data if d in REGRESSION]
    return [
        *_names(models, classes, ("nll", "acc")),
        *_names(models, numbers, ("mae", "mse")),
    ]


_QUICK_MODELS = [model for model in MODELS if not model.startswith("MLP")]
_QUICK_DATA = [data for data in CLASSIFICATION if data != "digits"] + ["diabetes"]

#: All 90 of Bayesmark's names.
ALL = _both(MODELS, [*CLASSIFICATION, *REGRESSION])
#: The 56 that take less than half a second per evaluation.
QUICK = _both(_QUICK_MODELS, _QUICK_DATA)

_TUNE_PAIRS = (
    *("kNN/breast", "kNN/diabetes", "SVM/wine", "SVM/diabetes", "DT/breast"),
    *("DT/wine", "DT/diabetes", "RF/wine", "RF/iris", "ada/wine", "lasso/diabetes"),
    *("lasso/iris", "linear/breast", "linear/iris"),
)
TUNE = [name for name in QUICK if name.rpartition("/")[0] in _TUNE_PAIRS]
HELD_OUT = [name for name in QUICK if name not in TUNE]

NOISY_PROBLEMS = [
    *_names(["noisy-DT"], ["wine"], ["nll", "acc"]),
    *_names(["noisy-DT"], ["diabetes"], ["mse"]),
    *_names(["noisy-RF"], ["iris", "wine"], ["acc"]),
    *_names(["noisy-RF"], ["breast"], ["nll"]),
]
WIDE_PROBLEMS = _names(["wide"], ["wine"], ["nll", "acc"])
CONDITIONAL = ["pipe/breast/auc", "pipe/wine/acc", "pipe/digits3/acc"]
MIXED_PROBLEMS = [
    "svc-mixed/digits3/acc",
    "svr-mixed/diabetes/r2",
    "forest-mixed/wine/nll",
    "tree-mixed/digits3/nll",
    "kernel-ridge/diabetes/r2",
    "sgd-mixed/breast/auc",
    "boosting-mixed/diabetes/mse",
    "weights/diabetes/mse",
    "knn-mixed/wine/acc",
    "ada-mixed/diabetes/mae",
]
EXTRA = [*NOISY_PROBLEMS, *WIDE_PROBLEMS, *CONDITIONAL, *MIXED_PROBLEMS]

#: Many settings share one score: trees, small spaces, accuracies on small data.
PLATEAU = [n for n in QUICK if n.startswith(("DT/", "kNN/")) or n.endswith("/acc")]

GROUPS = {
    "quick": QUICK,
    "tune": TUNE,
    "held-out": HELD_OUT,
    "all": ALL,
    "noisy": NOISY_PROBLEMS,
    "wide": WIDE_PROBLEMS,
    "conditional": CONDITIONAL,
    "mixed": MIXED_PROBLEMS,
    "plateau": PLATEAU,
}
