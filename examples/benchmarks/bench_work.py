"""Does the work that a model tells go along with the CPU seconds of its fit?

Random settings of each family, one fold of bundled data (600 rows at most). Printed:
the correlation of the logarithms of work and of CPU seconds (fit and prediction), the
ratio of the two (nanoseconds per unit: comparable between families within a few), by
how much seconds differ between settings, what it takes to tell the work, as a share of
the fit, and the rank correlation of the work with what is guessed before the fit.

``--pays``: what that is good for. Whole searches of BayesSearchCV over
HistGradientBoosting*, with ``price=None`` and ``price="work"``: the best inner score
at equal CPU seconds, those of suggestions included. On bundled data, or on tables with
a column ``target`` (``--csv``, 600 rows of each).
"""

import argparse
import time
import warnings

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn import datasets, ensemble, linear_model, neighbors, neural_network, svm
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV
from skhpo.evaluation import prior_work
from skhpo.evaluation._work import work_of
from skhpo.space import Space

DATA = {
    "digits": datasets.load_digits,
    "breast": datasets.load_breast_cancer,
    "diabetes": datasets.load_diabetes,
}
LOG = "log-uniform"
GROWTH = {"learning_rate": (0.01, 0.5, LOG), "max_depth": (1, 8)}
FOREST = {
    "n_estimators": (10, 200, LOG),
    "max_features": (0.05, 1.0),
    "min_samples_leaf": (1, 50, LOG),
}


def scaled(model, **space):
    """A pipeline that selects columns and scales them, and its space."""
    pipe = make_pipeline(SelectKBest(k="all"), StandardScaler(), model)
    name = pipe.steps[-1][0]
    return pipe, {f"{name}__{key}": value for key, value in space.items()}


def families():
    """By name: the data, the estimator, its space."""
    found = {
        "HistGradientBoosting": (
            "digits",
            ensemble.HistGradientBoostingClassifier(early_stopping=False),
            {
                "max_iter": (10, 100, LOG),
                "max_leaf_nodes": (2, 64, LOG),
                "min_samples_leaf": (1, 50, LOG),
                "learning_rate": (0.01, 0.5, LOG),
            },
        ),
        "HistGradientBoosting/diabetes": (
            "diabetes",
            ensemble.HistGradientBoostingRegressor(),
            {
                "max_iter": (10, 300, LOG),
                "max_leaf_nodes": (2, 128, LOG),
                "min_samples_leaf": (1, 50, LOG),
                "learning_rate": (0.01, 0.5, LOG),
            },
        ),
        "GradientBoosting": (
            "breast",
            ensemble.GradientBoostingClassifier(),
            {"n_estimators": (10, 200, LOG), "subsample": (0.3, 1.0), **GROWTH},
        ),
        "RandomForest": ("digits", ensemble.RandomForestClassifier(), FOREST),
        "ExtraTrees": ("diabetes", ensemble.ExtraTreesRegressor(), FOREST),
        "Bagging": (
            "breast",
            ensemble.BaggingClassifier(DecisionTreeClassifier()),
            {
                "n_estimators": (5, 60, LOG),
                "max_samples": (0.1, 1.0),
                "estimator__max_depth": (1, 12),
            },
        ),
        "SGD": (
            "digits",
            *scaled(
                linear_model.SGDClassifier(),
                alpha=(1e-6, 1.0, LOG),
                max_iter=(5, 300, LOG),
            ),
        ),
        "MLP": (
            "digits",
            *scaled(
                neural_network.MLPClassifier(),
                hidden_layer_sizes=(4, 300, LOG),
                max_iter=(5, 60, LOG),
                batch_size=(16, 256, LOG),
            ),
        ),
        "LogisticRegression": (
            "digits",
            *scaled(linear_model.LogisticRegression(max_iter=1000), C=(1e-5, 1e3, LOG)),
        ),
        "LinearSVC": (
            "breast",
            *scaled(svm.LinearSVC(max_iter=5000), C=(1e-5, 1e2, LOG)),
        ),
        "ElasticNet": (
            "digits",
            *scaled(
                linear_model.ElasticNet(max_iter=5000),
                alpha=(1e-4, 10.0, LOG),
                l1_ratio=(0.01, 1.0),
            ),
        ),
        "SVC": (
            "digits",
            *scaled(svm.SVC(), C=(1e-2, 1e3, LOG), gamma=(1e-4, 1.0, LOG)),
        ),
        "SVR": (
            "diabetes",
            *scaled(svm.SVR(), C=(1e-1, 1e4, LOG), epsilon=(0.1, 50.0, LOG)),
        ),
    }
    pipe, space = scaled(
        neighbors.KNeighborsClassifier(),
        n_neighbors=(1, 50, LOG),
        p=[1.0, 1.5, 2.0],
        algorithm=["brute", "kd_tree"],
    )
    found["KNeighbors"] = (
        "digits-all",  # fewer rows do not take longer than what every fit takes
        pipe,
        {**space, "selectkbest__k": (2, 64, LOG)},
    )
    return found | boosters()


def boosters():
    """Those of the libraries that are there."""
    found, tree = {}, {"learning_rate": (0.01, 0.5, LOG)}
    try:
        from lightgbm import LGBMClassifier

        space = {"n_estimators": (10, 300, LOG), "num_leaves": (2, 64, LOG), **tree}
        model = LGBMClassifier(n_jobs=1, verbose=-1)
        found["LightGBM"] = ("breast", model, space)
    except ImportError:
        pass
    try:
        from xgboost import XGBClassifier

        space = {"n_estimators": (10, 300, LOG), "max_depth": (1, 10), **tree}
        found["XGBoost"] = ("breast", XGBClassifier(n_jobs=1), space)
    except ImportError:
        pass
    try:
        from catboost import CatBoostClassifier

        space = {"iterations": (10, 200, LOG), "depth": (1, 8), **tree}
        settings = dict(thread_count=1, verbose=False, allow_writing_files=False)
        found["CatBoost"] = ("breast", CatBoostClassifier(**settings), space)
    except ImportError:
        pass
    return found


def measure(family, n, seed=0):
    """(n, 4) work, CPU seconds of fit and prediction and of telling, guessed work."""
    name, estimator, space = family
    X, y = DATA[name.removesuffix("-all")](return_X_y=True)
    if not name.endswith("-all"):
        X, y = X[:600], y[:600]
    split = train_test_split(X, y, test_size=0.2, random_state=0)
    X_train, X_test, y_train, _ = split
    space = Space(space)
    points = space.sample(n + 1, np.random.default_rng(seed))
    rows = []
    for point in points:
        params = space.to_params(point)
        model = clone(estimator).set_params(**params)
        start = time.process_time()
        model.fit(X_train, y_train)
        model.predict(X_test)
        fitted = time.process_time()
        work, _ = work_of(model, X_train, X_test)
        seconds = fitted - start, time.process_time() - fitted
        rows.append((work, *seconds, prior_work(estimator, params, *X_train.shape)))
    return np.array(rows[1:])  # the first one pays for imports


def summary(rows):
    """Log correlation, ns per unit, spread, share of a fit, rank correlation."""
    work, seconds, telling, guesses = rows.T
    r = np.corrcoef(np.log(work), np.log(seconds))[0, 1]
    low, high = np.quantile(seconds, [0.05, 0.95])
    ratio = float(np.median(1e9 * seconds / work))
    share = float(telling.sum() / seconds.sum())
    return [float(r), ratio, float(high / low), share, rank_correlation(work, guesses)]


def rank_correlation(work, guesses):
    """Of guesses and work; nan where there are no guesses."""
    return float("nan") if np.isnan(guesses).any() else spearmanr(work, guesses)[0]


# ------------------------------------------------------------------- does it pay?

BOOSTING = {
    "learning_rate": (0.01, 0.5, LOG),
    "max_leaf_nodes": (2, 64, LOG),
    "max_iter": (10, 200, LOG),
    "min_samples_leaf": (1, 60, LOG),
    "l2_regularization": (1e-4, 10.0, LOG),
}


def tables(paths):
    """By name: X, y of at most 600 rows; text as it is coded in the file."""
    if not paths:
        names = ("breast", "diabetes")
        return {name: DATA[name](return_X_y=True) for name in names}
    frames = {path: pd.read_csv(path) for path in paths}
    found = {}
    for path, frame in frames.items():
        frame = frame.sample(min(600, len(frame)), random_state=0)
        found[path] = (
            frame.drop(columns="target").to_numpy(),
            frame["target"].to_numpy(),
        )
    return found


def curve(X, y, price, seed, n_iter):
    """(CPU seconds, best inner score) after each candidate."""
    points, start = [], time.process_time()
    is_classes = len(np.unique(y)) == 2
    kind = "Classifier" if is_classes else "Regressor"
    model = getattr(ensemble, f"HistGradientBoosting{kind}")(early_stopping=False)
    BayesSearchCV(
        model,
        BOOSTING,
        n_iter=n_iter,
        cv=(StratifiedKFold if is_classes else KFold)(3, shuffle=True, random_state=0),
        scoring="neg_log_loss" if is_classes else "r2",
        price=price,
        random_state=seed,
        refit=False,
        callbacks=lambda p: points.append((time.process_time() - start, p.best_score)),
    ).fit(X, y)
    return np.array(points)


def best_at(points, seconds):
    """The best score known after so many seconds."""
    is_done = points[:, 0] <= seconds
    return float(points[is_done, 1].max()) if is_done.any() else float("nan")


def pays(args):
    rows = []
    for name, (X, y) in tables(args.csv).items():
        for seed in range(args.seeds):
            _common.progress(f"{name}, seed {seed}")
            free, priced = (
                curve(X, y, price, seed, args.n_iter) for price in (None, "work")
            )
            end = min(free[-1, 0], priced[-1, 0])
            scores = [best_at(c, t) for t in (end / 2, end) for c in (free, priced)]
            rows.append([name[-24:], seed, free[-1, 0], priced[-1, 0], *scores])
            rows[-1] += [float(free[-1, 1]), float(priced[-1, 1])]
    headers = ["data", "seed", "CPU None", "CPU work", "half: None", "half: work"]
    headers += ["equal: None", "equal: work", "all: None", "all: work"]
    _common.print_table(f"Best score, {args.n_iter} candidates", headers, rows)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--n", type=int, default=30, help="settings of each family")
    add("--only", default="", help="families whose name contains this")
    add("--quick", action="store_true", help="8 settings; 1 seed, 8 candidates")
    add("--pays", action="store_true", help="whole searches, about 10 minutes")
    add("--seeds", type=int, default=3)
    add("--n-iter", type=int, default=25)
    add("--csv", nargs="+", default=(), help="tables with a column `target`")
    args = parser.parse_args()
    if args.quick:
        args.n, args.seeds, args.n_iter = 8, 1, 8
    _common.print_machine()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pays(args) if args.pays else correlations(args)


def correlations(args):
    n = args.n
    rows = []
    for name, family in families().items():
        if args.only in name:
            _common.progress(name)
            rows.append([name, *summary(measure(family, n))])
    headers = ["family", "correlation", "ns per unit", "spread", "telling / fit"]
    headers += ["guess"]
    _common.print_table(f"Work and CPU seconds, {n} settings", headers, rows)


if __name__ == "__main__":
    main()
