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
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from sklearn import datasets
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
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

    kind: str  # "int", "real" or "bool"
    low: float = 0
    high: float = 1
    scale: str = "linear"

    def sample(self, rng):
        """Draw a value, uniform on the declared scale; integers by equal cells."""
        if self.kind == "bool":
            return bool(rng.integers(2))
        margin = 0.5 if self.kind == "int" else 0.0
        forth, back = SCALES[self.scale]
        value = back(rng.uniform(forth(self.low - margin), forth(self.high + margin)))
        return int(np.rint(value)) if self.kind == "int" else float(value)


def integer(low, high, scale="linear"):
    return Dimension("int", low, high, scale)


def real(low, high, scale="linear"):
    return Dimension("real", float(low), float(high), scale)


BOOL = Dimension("bool")


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

CLASSIFICATION = {
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast": datasets.load_breast_cancer,
}
REGRESSION = {"diabetes": datasets.load_diabetes}
LOADERS = {**CLASSIFICATION, **REGRESSION}

METRICS = {
    "nll": "neg_log_loss",
    "acc": "accuracy",
    "mae": "neg_mean_absolute_error",
    "mse": "neg_mean_squared_error",
}


# -------------------------------------------------------------------------- problems


@dataclass(frozen=True)
class Problem:
    """One tuning problem: an estimator, a space, data and a metric."""

    name: str

    @cached_property
    def _parts(self):
        return self.name.split("/")

    @cached_property
    def estimator(self):
        model, data, metric = self._parts
        estimator = clone(MODELS[model][0 if data in CLASSIFICATION else 2])
        if model == "SVM" and metric == "nll":
            estimator.set_params(probability=True)
        return estimator

    @property
    def space(self):
        model, data, _ = self._parts
        return MODELS[model][1 if data in CLASSIFICATION else 3]

    @property
    def scoring(self):
        return METRICS[self._parts[2]]

    @cached_property
    def data(self):
        """X, y of the training part; the rest is never looked at."""
        X, y = LOADERS[self._parts[1]](return_X_y=True)
        X, _, y, _ = train_test_split(X, y, test_size=0.2, random_state=0)
        return X, y

    def evaluate(self, params):
        """Mean cross-validation score of a setting; nan when a fold failed."""
        estimator = clone(self.estimator).set_params(**params)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = cross_val_score(
                estimator, *self.data, scoring=self.scoring, cv=N_FOLDS
            )
        return float(np.mean(scores))


def _names(data, metrics):
    return [f"{m}/{d}/{s}" for m in MODELS for d in data for s in metrics]


#: All 90 names.
ALL = _names(CLASSIFICATION, ("nll", "acc")) + _names(REGRESSION, ("mae", "mse"))
