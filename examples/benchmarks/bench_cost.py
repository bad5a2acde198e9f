"""Does it pay to prefer cheap settings early, when a search is limited by time?

Time is simulated: an evaluation takes as many seconds as its fits took when they were
measured, once, into a table of a finite space (all settings of it, 3 folds); a search
ends when its next result would come after the end. The toys have made-up costs. So the
load of the machine plays no part, and each method meets the same costs.

Methods: ``plain`` maximises log EI; ``cooled`` log EI - alpha log cost, where alpha
falls from 1 to 0 as time is used up, what BayesSearchCV does with ``max_time``;
``per-second`` keeps alpha at 1. Figures are normalised regret: 0 = the best of the
table (the known optimum of a toy), 1 = the median setting; at shares of the time,
means over seeds.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.model_selection import KFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo._types import Result
from skhpo.optimizers import GaussianProcessOptimizer, initial_design_size
from skhpo.space import Space

TABLES = Path(tempfile.gettempdir()) / "skhpo_bench_cost.json"
SHARES = (0.1, 0.25, 0.5, 1.0)
METHODS = ("plain", "cooled", "per-second")


# -------------------------------------------------------------------------- problems


@dataclass(frozen=True)
class Toy:
    """A smooth score whose cost spans a factor of 100 along one dimension.

    ``slope`` > 0: the best setting is dear; < 0: it is cheap; 0: in between.
    """

    name: str
    slope: float

    @cached_property
    def space(self):
        return Space({name: (0.0, 1.0) for name in "abcd"})

    best, mean_cost = 0.0, 99 / np.log(100)

    def __call__(self, params):
        """(score, seconds) of a setting."""
        place = np.array([0.5 + 0.35 * self.slope, 0.3, 0.7, 0.4])
        distance = np.array([params[name] for name in "abcd"]) - place
        score = -float(distance @ distance + 0.05 * np.sin(12 * distance).sum() ** 2)
        return score, float(100 ** params["a"])

    @cached_property
    def median(self):
        points = self.space.sample(501, np.random.default_rng(0))
        return float(np.median([self(self.space.to_params(x))[0] for x in points]))


@dataclass(frozen=True)
class Table:
    """All settings of a finite space, fitted once; scores and seconds as measured."""

    name: str
    estimator: object
    choices: dict
    load: Callable
    scoring: str
    path: Path = TABLES

    @cached_property
    def space(self):
        return Space(self.choices)

    @cached_property
    def rows(self):
        """A pair (score, seconds) per setting."""
        tables = json.loads(self.path.read_text()) if self.path.exists() else {}
        if self.name not in tables:
            _common.progress(f"measuring {self.space.size} settings of {self.name}")
            tables[self.name] = [self._measure(x) for x in self.space.grid()]
            self.path.write_text(json.dumps(tables))
        keys = [self.space.key(x) for x in self.space.grid()]
        return dict(zip(keys, map(tuple, tables[self.name]), strict=True))

    def _measure(self, point):
        model = clone(self.estimator).set_params(**self.space.to_params(point))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cv = KFold(3, shuffle=True, random_state=0)
            done = cross_validate(model, *self.load(), cv=cv, scoring=self.scoring)
        seconds = done["fit_time"].sum() + done["score_time"].sum()
        return float(done["test_score"].mean()), float(seconds)

    def __call__(self, params):
        return self.rows[self.space.key(self.space.to_point(params))]

    @cached_property
    def best(self):
        return max(score for score, _ in self.rows.values())

    @cached_property
    def median(self):
        return float(np.median([score for score, _ in self.rows.values()]))

    @cached_property
    def mean_cost(self):
        return float(np.mean([seconds for _, seconds in self.rows.values()]))


def digits(n=300):
    X, y = datasets.load_digits(return_X_y=True)
    return X[:n], y[:n]


def breast():
    return datasets.load_breast_cancer(return_X_y=True)


def diabetes():
    return datasets.load_diabetes(return_X_y=True)


FOREST = {
    "n_estimators": [5, 10, 20, 40, 80, 160],
    "max_features": [0.1, 0.3, 0.6, 1.0],
    "min_samples_leaf": [1, 2, 5, 15],
}
MLP = {
    "mlpclassifier__hidden_layer_sizes": [4, 16, 64, 256],
    "mlpclassifier__max_iter": [5, 15, 50],
    "mlpclassifier__learning_rate_init": [1e-4, 1e-3, 1e-2, 1e-1],
    "mlpclassifier__alpha": [1e-4, 1e1],
}
BOOSTING = {
    "n_estimators": [5, 10, 20, 50, 100, 200],
    "learning_rate": [0.01, 0.03, 0.1, 0.3],
    "max_depth": [1, 2, 3, 5],
}
SUPPORT = {
    "svc__C": [1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3],
    "svc__gamma": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0],
    "svc__kernel": ["linear", "rbf", "poly", "sigmoid"],
}


def problems(path):
    forest, boosting = (
        RandomForestClassifier(random_state=0),
        GradientBoostingRegressor(random_state=0),
    )
    mlp = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    svc = make_pipeline(StandardScaler(), SVC(random_state=0))
    return [
        Toy("toy: best is dear", 1.0),
        Toy("toy: in between", 0.0),
        Toy("toy: best is cheap", -1.0),
        Table("RF/breast", forest, FOREST, breast, "neg_log_loss", path),
        Table("MLP/digits", mlp, MLP, digits, "neg_log_loss", path),
        Table("GBM/diabetes", boosting, BOOSTING, diabetes, "r2", path),
        Table("SVM/breast", svc, SUPPORT, breast, "accuracy", path),
    ]


# ------------------------------------------------------------------------------ runs


class Clock:
    """Simulated time, and the budget that an optimizer sees of it."""

    def __init__(self, limit, method):
        self.now, self.limit, self.method = 0.0, limit, method

    def used(self):
        return 0.0 if self.method == "per-second" else self.now / self.limit


def run(problem, method, seed, n_mean):
    """(time, best score) after each result that came within ``n_mean`` mean costs."""
    clock = Clock(n_mean * problem.mean_cost, method)
    optimizer = GaussianProcessOptimizer(
        problem.space,
        n_initial=initial_design_size(problem.space, n_mean),
        budget_used=None if method == "plain" else clock.used,
        rng=np.random.default_rng(seed),
    )
    curve, best = [], -np.inf
    while proposals := optimizer.ask(1):
        score, cost = problem(problem.space.to_params(proposals[0].point))
        clock.now += cost
        if clock.now > clock.limit:
            break
        best = max(best, score)
        curve.append((clock.now / clock.limit, best))
        optimizer.tell([Result(proposals[0], score, 0.0, None, cost)])
    return curve


def regrets(problem, curve):
    """Normalised regret at the shares of the time; 1 before the first result."""
    at = [max([s for t, s in curve if t <= share], default=-np.inf) for share in SHARES]
    r = (problem.best - np.array(at)) / (problem.best - problem.median)
    return np.clip(r, 0.0, 1.0)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--methods", nargs="+", default=METHODS, choices=METHODS)
    add("--seeds", type=int, default=6)
    add("--budget", type=int, default=25, help="in mean costs of the space")
    add("--only", default="", help="problems whose name contains this")
    add("--tables", type=Path, default=TABLES, help="where measured costs are kept")
    add("--quick", action="store_true", help="the toys, 2 seeds")
    args = parser.parse_args()
    if args.quick:
        args.only, args.seeds = "toy", 2
    _common.print_machine()
    report([p for p in problems(args.tables) if args.only in p.name], args)


def report(chosen, args):
    start, rows, all_regrets = time.perf_counter(), [], {m: [] for m in args.methods}
    for problem in chosen:
        for method in args.methods:
            seeds = range(args.seeds)
            curves = [run(problem, method, seed, args.budget) for seed in seeds]
            r = np.array([regrets(problem, curve) for curve in curves])
            all_regrets[method].append(r)
            n = float(np.mean([len(curve) for curve in curves]))
            rows.append([problem.name, method, *r.mean(axis=0).tolist(), round(n)])
    headers = ["problem", "method", *(f"r@{share}" for share in SHARES), "evaluations"]
    title = f"Normalised regret, budget {args.budget} mean costs, {args.seeds} seeds"
    _common.print_table(title, headers, rows)
    summary = [
        [method, *np.array(all_regrets[method]).mean(axis=(0, 1)).tolist()]
        for method in args.methods
    ]
    _common.print_table("Mean over the problems", ["method", *headers[2:-1]], summary)
    if "plain" in args.methods:
        plain = np.array(all_regrets["plain"])
        print_differences(plain, all_regrets, args)
    print(f"\n{time.perf_counter() - start:.0f} s")


def print_differences(plain, all_regrets, args):
    """Paired by problem and seed; the error is that of the problems' means."""
    rows = []
    for method in args.methods:
        if method != "plain":
            d = (np.array(all_regrets[method]) - plain).mean(axis=1)
            errors = d.std(axis=0, ddof=1) / np.sqrt(len(d)) if len(d) > 1 else 0 * d[0]
            cells = zip(d.mean(axis=0), errors, strict=True)
            rows.append([method, *(f"{m:+.3f} ({e:.3f})" for m, e in cells)])
    headers = ["minus plain", *(f"r@{share}" for share in SHARES)]
    _common.print_table("Difference (standard error over problems)", headers, rows)


if __name__ == "__main__":
    main()
