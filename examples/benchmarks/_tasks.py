"""Searches that a user would start on a real table: a pipeline, a space, a metric.

A task is written ``family/table``, for example ``boosting/credit_g``. Seven families
take turns over the tables, two per table, in the order of the catalog. Every estimator
has a fixed seed, so that the score of a setting is a number and not a draw.
"""

import importlib.util
import time
import warnings
from dataclasses import dataclass
from functools import cached_property

import _tables
import numpy as np
from _problems import (
    BOOL,
    MAX_ITER,
    N_FOLDS,
    Branch,
    Dimension,
    _choices,
    integer,
    real,
)
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectPercentile, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR

MIN_FREQUENCY, MAX_CATEGORIES = 10, 100  # rarer categories are one category
MAX_ROUNDS = 300


# ------------------------------------------------------------------------- pipelines


@dataclass(frozen=True)
class Family:
    """A kind of model on a table: estimator, space, and what may grow in it."""

    estimator: BaseEstimator
    space: dict[str, Dimension]
    #: Parameter that counts rounds, trees or epochs, and its largest value.
    resource: tuple[str, int] | None = None
    scoring: str | None = None  # None = log loss or r2


class Change(TransformerMixin, BaseEstimator):
    """Scales or expands columns in one of several ways.

    A plain string chooses the way, because not every library can search transformers.
    """

    def __init__(self, how="none"):
        self.how = how

    def fit(self, X, y=None):
        self.transformer_ = clone(CHANGES[self.how]).fit(X)
        return self

    def transform(self, X):
        return self.transformer_.transform(X)


CHANGES = {
    "none": FunctionTransformer(),
    "standard": StandardScaler(),
    "robust": RobustScaler(),
    "quantiles": QuantileTransformer(n_quantiles=100, output_distribution="normal"),
    "splines": SplineTransformer(n_knots=5),
    "bins": KBinsDiscretizer(n_bins=5, encode="onehot-dense"),
}
SCALERS = ("standard", "robust", "quantiles")
EXPANSIONS = ("none", "quantiles", "splines", "bins")


def one_hot(table, *, change="none"):
    """Numbers: imputed and changed. Text: imputed, one column per frequent category."""
    numbers = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("change", Change(change)),
    ]
    text = [
        ("impute", SimpleImputer(strategy="constant", fill_value="missing")),
        ("encode", _one_hot_encoder()),
    ]
    return _by_column(table, Pipeline(numbers), Pipeline(text))


def _one_hot_encoder():
    return OneHotEncoder(
        min_frequency=MIN_FREQUENCY,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    )


def ordinal(table):
    """Text: a number per category, in the first columns. Numbers as they are."""
    encoder = OrdinalEncoder(
        min_frequency=MIN_FREQUENCY,
        max_categories=MAX_CATEGORIES,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
    )
    return _by_column(table, "passthrough", encoder)


def _by_column(table, numbers, text):
    parts = [("text", text, table.text_columns)] if table.text_columns else []
    if table.number_columns:
        parts.append(("numbers", numbers, table.number_columns))
    return ColumnTransformer(parts)


# -------------------------------------------------------------------------- families

_ROUNDS = integer(10, MAX_ROUNDS, "log")


def boosting(table):
    kind = (
        HistGradientBoostingClassifier
        if table.is_classification
        else HistGradientBoostingRegressor
    )
    model = kind(
        categorical_features=list(range(len(table.text_columns))) or None,
        early_stopping=False,
        random_state=0,
    )
    space = {
        "model__learning_rate": real(0.01, 0.5, "log"),
        "model__max_leaf_nodes": integer(4, 128, "log"),
        "model__max_iter": _ROUNDS,
        "model__min_samples_leaf": integer(2, 100, "log"),
        "model__l2_regularization": real(1e-6, 10, "log"),
    }
    pipeline = Pipeline([("prepare", ordinal(table)), ("model", model)])
    return Family(pipeline, space, ("model__max_iter", MAX_ROUNDS))


def lightgbm(table):
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if table.is_classification else LGBMRegressor
    model = kind(n_jobs=1, verbose=-1, random_state=0)
    space = {
        "model__learning_rate": real(0.01, 0.5, "log"),
        "model__num_leaves": integer(4, 128, "log"),
        "model__n_estimators": _ROUNDS,
        "model__min_child_samples": integer(2, 100, "log"),
        "model__reg_lambda": real(1e-6, 10, "log"),
        "model__colsample_bytree": real(0.3, 1.0),
    }
    pipeline = Pipeline([("prepare", ordinal(table)), ("model", model)])
    return Family(pipeline, space, ("model__n_estimators", MAX_ROUNDS))


def forest(table):
    kind = RandomForestClassifier if table.is_classification else RandomForestRegressor
    space = {
        "model__n_estimators": integer(10, 200, "log"),
        "model__max_features": real(0.05, 1.0),
        "model__min_samples_leaf": integer(1, 50, "log"),
        "model__max_depth": integer(2, 30, "log"),
        "model__bootstrap": BOOL,
    }
    pipeline = Pipeline(
        [("prepare", one_hot(table)), ("model", kind(random_state=0, n_jobs=1))]
    )
    return Family(pipeline, space, ("model__n_estimators", 200))


def svm(table):
    space = {
        "model__C": real(1e-2, 1e3, "log"),
        "model__gamma": real(1e-4, 1.0, "log"),
        "model__kernel": _choices("rbf", "sigmoid", "linear"),
    }
    if table.is_classification:
        model = SVC(max_iter=MAX_ITER, random_state=0)
        space["model__tol"] = real(1e-4, 1e-1, "log")
    else:
        model = SVR(max_iter=MAX_ITER)
        space["model__epsilon"] = real(1e-3, 1.0, "log")
    if table.number_columns:
        space["prepare__numbers__change__how"] = _choices(*SCALERS)
    pipeline = Pipeline(
        [("prepare", one_hot(table, change="standard")), ("model", model)]
    )
    scoring = "accuracy" if table.is_classification else None
    return Family(pipeline, space, scoring=scoring)


def linear(table):
    """Columns are expanded, scaled and selected in front of a linear model."""
    if table.is_classification:
        model, score = LogisticRegression(max_iter=300), f_classif
        space = {"model__C": real(1e-4, 1e3, "log")}
    else:
        model, score = ElasticNet(max_iter=2000), f_regression
        space = {
            "model__alpha": real(1e-4, 10.0, "log"),
            "model__l1_ratio": real(0.01, 1.0),
        }
    space["select__percentile"] = integer(5, 100)
    if table.number_columns:
        space["prepare__numbers__change__how"] = _choices(*EXPANSIONS)
    if table.text_columns:
        space["prepare__text__encode__min_frequency"] = integer(2, 50, "log")
    pipeline = Pipeline(
        [
            ("prepare", one_hot(table)),
            ("scale", StandardScaler()),
            ("select", SelectPercentile(score, percentile=100)),
            ("model", model),
        ]
    )
    return Family(pipeline, space)


def neighbors(table):
    kind = KNeighborsClassifier if table.is_classification else KNeighborsRegressor
    space = {
        "pca__n_components": real(0.3, 0.99),
        "pca__whiten": BOOL,
        "model__n_neighbors": integer(1, 50, "log"),
        "model__weights": _choices("uniform", "distance"),
        "model__p": integer(1, 2),
    }
    pipeline = Pipeline(
        [
            ("prepare", one_hot(table, change="standard")),
            ("pca", PCA(n_components=0.95, svd_solver="full")),
            ("model", kind()),
        ]
    )
    return Family(pipeline, space)


def network(table):
    kind = MLPClassifier if table.is_classification else MLPRegressor
    space = {
        "model__hidden_layer_sizes": integer(8, 128, "log"),
        "model__alpha": real(1e-6, 1.0, "log"),
        "model__learning_rate_init": real(1e-4, 1e-1, "log"),
        "model__batch_size": integer(16, 256, "log"),
        "model__max_iter": integer(10, 100, "log"),
        "model__activation": _choices("relu", "tanh"),
    }
    model = kind(max_iter=50, random_state=0)
    prepare = one_hot(table, change="standard")
    pipeline = Pipeline([("prepare", prepare), ("model", model)])
    return Family(pipeline, space, ("model__max_iter", 100))


FAMILIES = {
    "boosting": boosting,
    "forest": forest,
    "svm": svm,
    "linear": linear,
    "neighbors": neighbors,
    "network": network,
    "lightgbm": lightgbm,
}
PER_TABLE = 2


# ----------------------------------------------------------------------------- tasks


def task_names(tables):
    """Names of all tasks: two families per table, taking turns."""
    families = [*FAMILIES] * (PER_TABLE * len(tables))
    return [
        f"{families[PER_TABLE * number + k]}/{table}"
        for number, table in enumerate(tables)
        for k in range(PER_TABLE)
    ]


def is_possible(name):
    """Whether the library of the family is installed."""
    return not name.startswith("lightgbm/") or (
        importlib.util.find_spec("lightgbm") is not None
    )


@dataclass(frozen=True)
class Task:
    """One search: everything that a method is given, and the rows that judge it.

    It has the attributes of a ``_problems.Problem`` that the methods use.
    """

    name: str
    folder: str | None = None
    mean_seconds: float = np.nan  # CPU of a random candidate, once it is known

    @cached_property
    def table(self):
        return _tables.read(self.name.partition("/")[2], self.folder)

    @cached_property
    def family(self):
        return FAMILIES[self.name.partition("/")[0]](self.table)

    @property
    def estimator(self):
        return self.family.estimator

    @property
    def space(self):
        return self.family.space

    @property
    def branches(self):
        return [Branch("", {}, self.space)]

    @property
    def data(self):
        return self.table.X, self.table.y

    @property
    def scoring(self):
        by_default = "neg_log_loss" if self.table.is_classification else "r2"
        return self.family.scoring or by_default

    @property
    def cv(self):
        kind = StratifiedKFold if self.table.is_classification else KFold
        return kind(N_FOLDS, shuffle=True, random_state=0)

    def evaluate(self, params):
        """Mean cross-validation score of a setting; nan when a fold failed."""
        return self.cross_validated(clone(self.estimator).set_params(**params))

    def cross_validated(self, estimator):
        with warnings.catch_warnings(action="ignore"):
            try:
                scores = cross_val_score(
                    estimator, *self.data, scoring=self.scoring, cv=self.cv
                )
            except ValueError:  # every fold failed
                return np.nan
        return float(np.mean(scores))

    def constant(self):
        """Inner and test score of a model that ignores the columns."""
        kind = DummyClassifier if self.table.is_classification else DummyRegressor
        model = kind(strategy="prior" if self.table.is_classification else "mean")
        return {
            "inner": self.cross_validated(model),
            "test": self.judge(model.fit(*self.data)),
        }

    def refit(self, params):
        """Score on the test rows of a setting fitted on all others, and CPU of the fit.

        The score is nan when that fails.
        """
        estimator = clone(self.estimator).set_params(**params)
        start = time.process_time()
        with warnings.catch_warnings(action="ignore"):
            try:
                estimator.fit(*self.data)
            except Exception:  # as in a fold: what fails has no score
                return np.nan, time.process_time() - start
        seconds = time.process_time() - start
        return self.judge(estimator), seconds

    def judge(self, fitted):
        """Score on the test rows."""
        with warnings.catch_warnings(action="ignore"):
            scorer = get_scorer(self.scoring)
            return float(scorer(fitted, self.table.X_test, self.table.y_test))
