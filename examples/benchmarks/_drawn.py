"""Problems drawn at random: data, model, its space and metric, by number.

Bayesmark's problems are few, and anyone solves half of them within 64 evaluations. Here
``drawn/17`` is the seventeenth of as many problems as one likes: a part of wine, breast
cancer, digits or diabetes, with noise added to the columns, or made-up data; a classic
model behind a scaler, with 1 to 8 parameters, many of them choices; accuracy, balanced
accuracy, log loss, or an error of regression. An evaluation takes 10 to 40
milliseconds. ``pipe/17`` has three model families with parameters of their own behind a
choice of scalers: a list of three spaces.

Nothing in skhpo was tuned on numbers below 1000; whoever tunes takes others, and says
which.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from _problems import N_FOLDS, Branch, Problem, choice, integer, real
from sklearn import datasets
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

N_FAMILIES = 3  # of a conditional problem
_KINDS = {"drawn": 0, "pipe": 1}  # first part of a name: its stream of numbers
_SHARE_OF_CLASSIFICATION = 0.75
_MAX_ITER = 5000  # some settings of an SVC would take minutes
_FOLDS = dict(n_splits=N_FOLDS, shuffle=True, random_state=0)


# ------------------------------------------------------------------------------ data


def _classes(rng):
    """X, y of 100 to 300 rows with two to six classes."""
    source = rng.integers(4)
    if source == 3:
        return datasets.make_classification(
            n_samples=int(rng.integers(100, 300)),
            n_features=int(rng.integers(8, 25)),
            n_informative=int(rng.integers(3, 8)),
            n_redundant=0,
            n_classes=int(rng.integers(2, 4)),
            n_clusters_per_class=int(rng.integers(1, 3)),
            class_sep=rng.uniform(0.5, 1.5),
            flip_y=rng.uniform(0, 0.15),
            random_state=int(rng.integers(1_000_000)),
        )
    load = (datasets.load_wine, datasets.load_breast_cancer, datasets.load_digits)
    X, y = load[source](return_X_y=True)
    if source == 2:
        few = y < rng.integers(3, 7)
        X, y = X[few], y[few]
    rows = rng.permutation(len(X))[: rng.integers(100, min(len(X), 250))]
    return _blurred(X[rows], rng), y[rows]


def _numbers(rng):
    """X, y of 80 to 300 rows with a continuous target."""
    source = rng.integers(3)
    if source == 0:
        X, y = datasets.load_diabetes(return_X_y=True)
        rows = rng.permutation(len(X))[: rng.integers(120, 300)]
        return X[rows], y[rows]
    n_samples, seed = int(rng.integers(80, 250)), int(rng.integers(1_000_000))
    if source == 1:
        return datasets.make_friedman1(
            n_samples, noise=rng.uniform(0.2, 3), random_state=seed
        )
    return datasets.make_regression(
        n_samples,
        n_features=int(rng.integers(5, 30)),
        n_informative=5,
        noise=rng.uniform(5, 60),
        random_state=seed,
    )


def _blurred(X, rng):
    """With noise, up to one standard deviation of each column: else most are solved."""
    return X + rng.normal(size=X.shape) * X.std(axis=0) * rng.uniform(0, 1)


# ---------------------------------------------------------------------------- models


def _choices(*values):
    return choice({str(value): value for value in values})


_BOOL = _choices(True, False)
_TREE = {
    "max_depth": integer(1, 15),
    "min_samples_split": real(0.01, 0.99, "logit"),
    "min_samples_leaf": real(0.01, 0.49, "logit"),
    "max_features": real(0.01, 0.99, "logit"),
    "min_impurity_decrease": real(0, 0.2),
    "splitter": _choices("best", "random"),
}
_SVM = {"C": real(1e-2, 1e4, "log"), "gamma": real(1e-6, 1e1, "log")}
_SGD = SGDClassifier(
    loss="modified_huber",
    penalty="elasticnet",
    learning_rate="adaptive",
    eta0=0.1,
    max_iter=20,
    tol=None,
    random_state=0,
)

#: name: (classifier, its space)
CLASSIFIERS = {
    "svc": (SVC(max_iter=_MAX_ITER), _SVM),
    "svc-kernels": (
        SVC(max_iter=_MAX_ITER),
        {
            **_SVM,
            "kernel": _choices("rbf", "poly", "sigmoid"),
            "degree": integer(2, 5),
            "coef0": real(0, 1),
            "shrinking": _BOOL,
        },
    ),
    "tree": (DecisionTreeClassifier(random_state=0), _TREE),
    "tree-mixed": (
        DecisionTreeClassifier(random_state=0),
        {
            **_TREE,
            "criterion": _choices("gini", "entropy"),
            "ccp_alpha": real(1e-5, 1e-1, "log"),
        },
    ),
    "extra-trees": (
        ExtraTreesClassifier(n_estimators=8, random_state=0),
        {
            "max_features": real(0.01, 0.99, "logit"),
            "min_samples_leaf": integer(1, 20, "log"),
            "max_depth": integer(1, 12),
            "criterion": _choices("gini", "entropy"),
        },
    ),
    "knn": (
        KNeighborsClassifier(),
        {
            "n_neighbors": integer(1, 40),
            "p": integer(1, 3),
            "weights": _choices("uniform", "distance"),
        },
    ),
    "naive-bayes": (GaussianNB(), {"var_smoothing": real(1e-10, 1, "log")}),
    "sgd": (
        _SGD,
        {
            "alpha": real(1e-6, 1e-1, "log"),
            "l1_ratio": real(0, 1),
            "eta0": real(1e-4, 1, "log"),
            "average": _BOOL,
        },
    ),
    "logistic": (
        LogisticRegression(max_iter=60),
        {
            "C": real(1e-4, 1e3, "log"),
            "class_weight": _choices(None, "balanced"),
            "fit_intercept": _BOOL,
        },
    ),
}
#: name: (regressor, its space)
REGRESSORS = {
    "svr": (
        SVR(max_iter=4 * _MAX_ITER),
        {**_SVM, "epsilon": real(1e-3, 1e1, "log")},
    ),
    "tree": (
        DecisionTreeRegressor(random_state=0),
        {**_TREE, "min_impurity_decrease": real(0, 50)},
    ),
    "kernel-ridge": (
        KernelRidge(kernel="rbf"),
        {
            "alpha": real(1e-4, 1e2, "log"),
            "gamma": real(1e-5, 1, "log"),
            "kernel": _choices("rbf", "laplacian", "poly"),
            "degree": integer(1, 4),
        },
    ),
    "elastic-net": (
        ElasticNet(max_iter=200, random_state=0),
        {
            "alpha": real(1e-3, 1e2, "log"),
            "l1_ratio": real(0, 1),
            "selection": _choices("cyclic", "random"),
        },
    ),
}
# What may stand between the scaler and a model of few parameters.
_BEFORE = {
    "knn": (SelectKBest(), {"k": integer(1, 5)}),
    "naive-bayes": (
        PCA(random_state=0),
        {"n_components": integer(1, 5), "whiten": _BOOL},
    ),
}
_SCALE = {
    "scale": choice(
        {"none": "passthrough", "standard": StandardScaler(), "minmax": MinMaxScaler()}
    )
}


def _of_step(step, space):
    return {f"{step}__{name}": dimension for name, dimension in space.items()}


# -------------------------------------------------------------------------- problems


@dataclass(frozen=True)
class Drawn(Problem):
    """The problem of a name such as ``drawn/17`` or ``pipe/17``."""

    @cached_property
    def _parts(self):
        """Its data, its branches, the pipeline and the name of its metric."""
        kind, number = self.name.split("/")
        rng = np.random.default_rng([_KINDS[kind], int(number)])
        draw = self._draw_families if kind == "pipe" else self._draw_model
        return draw(rng)

    def _draw_model(self, rng):
        if rng.random() < _SHARE_OF_CLASSIFICATION:
            data, models = _classes(rng), CLASSIFIERS
            metrics = ["accuracy"] * 3 + ["neg_log_loss", "balanced_accuracy"]
        else:
            data, models = _numbers(rng), REGRESSORS
            metrics = ["neg_mean_squared_error", "neg_mean_absolute_error"]
        name = rng.choice(list(models))
        model, space = models[name]
        if not hasattr(model, "predict_proba") and "neg_log_loss" in metrics:
            metrics.remove("neg_log_loss")
        before, more = _BEFORE.get(name, ("passthrough", {}))
        steps = [("scale", StandardScaler()), ("before", before), ("model", model)]
        space = {**_of_step("before", more), **_of_step("model", space)}
        return data, [Branch("", {}, space)], Pipeline(steps), rng.choice(metrics)

    def _draw_families(self, rng):
        data = _classes(rng)
        names = rng.choice(list(CLASSIFIERS), N_FAMILIES, replace=False)
        branches = []
        for name in names.tolist():
            model, space = CLASSIFIERS[name]
            space = {**_SCALE, **_of_step("model", space)}
            branches.append(Branch(name, {"model": model}, space))
        steps = [("scale", StandardScaler()), ("model", branches[0].fixed["model"])]
        metric = rng.choice(["accuracy", "balanced_accuracy"])
        return data, branches, Pipeline(steps), metric

    @property
    def estimator(self):
        """A pipeline; of a conditional problem, with the model of a family."""
        return clone(self._parts[2]).set_params(**self.branches[0].fixed)

    @property
    def branches(self):
        """The alternatives: of most problems a single one, with nothing fixed."""
        return [b for b in self._parts[1] if self.family in (None, b.name)]

    def families(self):
        """One problem per alternative."""
        return [Drawn(self.name, family=branch.name) for branch in self.branches]

    @property
    def scoring(self):
        """The metric's name in scikit-learn."""
        return str(self._parts[3])

    @property
    def cv(self):
        """Five shuffled folds, always the same."""
        is_regression = self.scoring.endswith("error")
        return KFold(**_FOLDS) if is_regression else StratifiedKFold(**_FOLDS)

    @property
    def data(self):
        """X, y."""
        return self._parts[0]


@lru_cache  # a replay of a race asks for its metric, and drawing makes the data
def problem(name):
    """The problem of that name, drawn or one of ``_problems.py``."""
    return Problem(name) if name.count("/") == 2 else Drawn(name)
