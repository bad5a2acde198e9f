"""Does Hyperband find better models in the same CPU time?

Real fits on four tasks that were fixed before any figure was seen: boosting and a
linear model on 20,000 rows, a network on digits, and a support vector machine on
imbalanced data where rows are the resource. Each search tunes on one half of the
data and is judged on the other. Every method has the CPU seconds that HyperbandSearchCV
took for its plan:

- ``random``: RandomizedSearchCV, one full candidate after the other;
- ``halving``: HalvingRandomSearchCV over the same rungs, again and again with new
  candidates; the best of the last rungs counts;
- ``top-k``: all candidates for the fewest units, the best of them in full (no halving
  in between), as many as make the units of Hyperband's plan. Where a unit is cheap this
  takes more CPU seconds than Hyperband, which the table shows;
- ``gp``: HyperbandSearchCV(optimizer="gp").

    python bench_hyperband.py --quick       # about 2 minutes of CPU time
    python bench_hyperband.py --seeds 10    # hours
"""

import _common  # noqa: I001  (first: it limits the BLAS threads)

import argparse
import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import loguniform, randint, wilcoxon
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    HalvingRandomSearchCV,
    ParameterSampler,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import HyperbandSearchCV

FACTOR = 3
N_SPLITS = 3


# ---- tasks


@dataclass(frozen=True)
class Task:
    """What is tuned; ``resource`` is the name that scikit-learn's halving knows."""

    name: str
    estimator: Any
    space: dict  # of scipy's distributions and lists, which all methods read alike
    data: Any  # f(seed, n_rows) -> X, y
    resource: str
    scoring: str = "accuracy"

    def halves(self, seed, n_rows):
        """Return X, y to tune on, and X, y to judge by."""
        X, y = self.data(seed, n_rows)
        parts = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y)
        return (parts[0], parts[2]), (parts[1], parts[3])


def _clusters(seed, n_rows, **settings):
    return make_classification(
        2 * n_rows,
        20,
        n_informative=10,
        n_redundant=4,
        n_clusters_per_class=4,
        flip_y=0.05,
        random_state=seed,
        **settings,
    )


def _digits(seed, n_rows):
    return load_digits(return_X_y=True)


def _rare(seed, n_rows):
    n_rows = max(n_rows // 4, 1500)
    return _clusters(
        seed, n_rows, n_classes=4, weights=[0.55, 0.3, 0.13, 0.02], class_sep=1.5
    )


TASKS = [
    Task(
        "boosting",
        HistGradientBoostingClassifier(early_stopping=False, random_state=0),
        {
            "learning_rate": loguniform(1e-2, 1.0),
            "max_leaf_nodes": randint(4, 64),
            "l2_regularization": loguniform(1e-6, 10.0),
            "min_samples_leaf": randint(2, 100),
        },
        _clusters,
        "max_iter",
    ),
    Task(
        "sgd",
        make_pipeline(StandardScaler(), SGDClassifier(tol=None, random_state=0)),
        {
            "sgdclassifier__alpha": loguniform(1e-7, 1.0),
            "sgdclassifier__loss": ["hinge", "log_loss", "modified_huber"],
            "sgdclassifier__penalty": ["l2", "l1", "elasticnet"],
        },
        _clusters,
        "sgdclassifier__max_iter",
    ),
    Task(
        "mlp",
        make_pipeline(
            StandardScaler(),
            MLPClassifier((32,), tol=0.0, n_iter_no_change=1000, random_state=0),
        ),
        {
            "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
            "mlpclassifier__alpha": loguniform(1e-6, 10.0),
            "mlpclassifier__batch_size": [16, 32, 64, 128, 256],
        },
        _digits,
        "mlpclassifier__max_iter",
    ),
    Task(
        "rare classes",
        make_pipeline(StandardScaler(), SVC(class_weight="balanced")),
        {"svc__C": loguniform(1e-3, 1e3), "svc__gamma": loguniform(1e-4, 1.0)},
        _rare,
        "n_samples",
        "balanced_accuracy",
    ),
]


# ---- what was found, and when


class Run:
    """The best full model of a search, and the CPU second at which each was found."""

    def __init__(self):
        self.start = time.process_time()
        self.seconds = 0.0
        self.best, self.params, self.history = -np.inf, None, []

    def tick(self):
        self.seconds = time.process_time() - self.start
        return self.seconds

    def see(self, score, params):
        if score > self.best:
            self.best, self.params = score, dict(params)
            self.history.append((self.tick(), score))

    def time_to(self, score):
        """Return the CPU seconds until a score was reached; None = never."""
        return next((s for s, found in self.history if found >= score), None)


def run_hyperband(task, data, seed, most, _, **settings):
    """Run the plan to its end."""
    run = Run()
    search = _search(task, seed, most, refit=False, callbacks=partial(_see, run, most))
    search.set_params(**settings).fit(*data)
    run.tick()
    return run


def _see(run, most, progress):
    if progress.n_resources == most and progress.status == "complete":
        run.see(progress.score, progress.params)


def _search(task, seed, most, **settings):
    resource = "n_samples" if task.resource == "n_samples" else "auto"
    return HyperbandSearchCV(
        task.estimator,
        task.space,
        resource=resource,
        max_resource=most,
        min_resource=max(1, most // FACTOR**3),
        factor=FACTOR,
        scoring=task.scoring,
        cv=_cv(seed),
        random_state=seed,
        **settings,
    )


def _cv(seed):
    return StratifiedKFold(N_SPLITS, shuffle=True, random_state=seed)


def run_random(task, data, seed, most, seconds):
    """RandomizedSearchCV, with a clock."""
    run = Run()
    full = {} if task.resource == "n_samples" else {task.resource: most}
    for params in ParameterSampler(task.space, 100_000, random_state=seed):
        estimator = clone(task.estimator).set_params(**params, **full)
        score = np.mean(
            cross_val_score(estimator, *data, scoring=task.scoring, cv=_cv(seed))
        )
        if run.tick() > seconds and run.params is not None:
            return run
        run.see(score, {**params, **full})
    return run


def run_halving(task, data, seed, most, seconds):
    """HalvingRandomSearchCV, again and again."""
    run = Run()
    if task.resource == "n_samples":  # there they count the test rows, too
        most = len(data[0])
    for number in range(1000):
        search = HalvingRandomSearchCV(
            task.estimator,
            task.space,
            n_candidates=FACTOR**3,
            resource=task.resource,
            min_resources=max(1, most // FACTOR**3),
            max_resources=most,
            factor=FACTOR,
            scoring=task.scoring,
            cv=_cv(seed),
            random_state=1000 * seed + number,
            refit=False,
        ).fit(*data)
        if run.tick() > seconds and run.params is not None:
            return run
        table = search.cv_results_
        rows = np.flatnonzero(table["iter"] == table["iter"].max())
        row = rows[np.argmax(table["mean_test_score"][rows])]
        run.see(table["mean_test_score"][row], table["params"][row])
    return run


def run_top_k(task, data, seed, most, _):
    """All candidates for the fewest units, the best in full: no halving in between."""
    units = _search(task, seed, most).plan(*data)["units"].sum() / N_SPLITS
    least = max(1, most // FACTOR**3)
    keep = most // least
    per_candidate = least + (most - least * (task.resource != "n_samples")) / keep
    n = max(keep, round(units / per_candidate))
    return run_hyperband(
        task, data, seed, most, None, strategy="sha", factor=keep, n_candidates=n
    )


METHODS = {
    "hyperband": run_hyperband,
    "random": run_random,
    "halving": run_halving,
    "top-k": run_top_k,
    "gp": partial(run_hyperband, optimizer="gp"),
}


# ---- judging


def judge(task, params, data, held_out, most):
    """Return the score on held-out rows of a plain fit with the parameters found."""
    full = {} if task.resource == "n_samples" else {task.resource: most}
    settings = {k: v for k, v in params.items() if k != "n_samples"}
    model = clone(task.estimator).set_params(**{**settings, **full}).fit(*data)
    return get_scorer(task.scoring)(model, *held_out)


def compare(task, seed, methods, n_rows, most, n_sweeps):
    """Return {method: (test score, CV score, CPU seconds, run)} of one seed."""
    data, held_out = task.halves(seed, n_rows)
    if task.resource == "n_samples":
        folds = _cv(seed).split(*data)
        most = min(len(train) for train, _ in folds)
    found, budget = {}, None
    for name in ["hyperband", *[m for m in methods if m != "hyperband"]]:
        _common.progress(f"{task.name}, seed {seed}: {name}")
        settings = {"n_iterations": n_sweeps} if name in ("hyperband", "gp") else {}
        run = METHODS[name](task, data, seed, most, budget, **settings)
        budget = run.seconds if budget is None else budget
        test = judge(task, run.params, data, held_out, most)
        found[name] = (test, run.best, run.seconds, run)
    return found


def report(results, methods):
    """Print the scores of each task, and Hyperband against each other method."""
    rows = []
    for task in results:
        for method in methods:
            runs = [found[method] for found in results[task]]
            test, cv, seconds = (np.mean([r[k] for r in runs]) for k in range(3))
            rows.append([task, method, f"{test:.4f}", f"{cv:.4f}", f"{seconds:.1f}"])
    headers = ["task", "method", "test score", "CV score", "CPU s"]
    _common.print_table("Means over seeds", headers, rows)
    rows = [_against(results, method) for method in methods if method != "hyperband"]
    headers = ["hyperband -", "mean", "better", "worse", "p (Wilcoxon, greater)"]
    _common.print_table("Test score, paired by task and seed", headers, rows)
    _common.print_table(
        "CPU seconds until RandomizedSearchCV's final CV score at full resource",
        ["task", "random", "hyperband", "speed-up", "reached"],
        [_speed(task, results[task]) for task in results],
    )


def _against(results, method):
    differences = np.array(
        [f["hyperband"][0] - f[method][0] for found in results.values() for f in found]
    )
    p = "-"
    if len(differences) > 4 and differences.any():
        p = f"{wilcoxon(differences, alternative='greater').pvalue:.3f}"
    better, worse = (differences > 0).sum(), (differences < 0).sum()
    return [method, f"{differences.mean():+.4f}", better, worse, p]


def _speed(task, found):
    theirs, ours = [], []
    for run in found:
        needed = run["hyperband"][3].time_to(run["random"][1])
        if needed is not None:
            theirs.append(run["random"][3].history[-1][0])
            ours.append(needed)
    reached = f"{len(ours)}/{len(found)}"
    if not ours:
        return [task, "-", "-", "-", reached]
    ratio = f"{np.mean(theirs) / np.mean(ours):.2f}"
    return [task, f"{np.mean(theirs):.1f}", f"{np.mean(ours):.1f}", ratio, reached]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small, 2 seeds")
    parser.add_argument("--seeds", type=int, help="default: 3, with --quick 2")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", type=int, help="to tune on: 20000, quick 1000")
    parser.add_argument("--units", type=int, help="of a full model: 81, quick 9")
    parser.add_argument("--sweeps", type=int, default=1, help="of Hyperband")
    parser.add_argument("--tasks", nargs="+", default=[t.name for t in TASKS])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    args = parser.parse_args()
    n_rows = args.rows or (1000 if args.quick else 20_000)
    most = args.units or (9 if args.quick else 81)
    n_seeds = args.seeds or (2 if args.quick else 3)
    methods = ["hyperband", *[m for m in args.methods if m != "hyperband"]]
    warnings.simplefilter("ignore")
    _common.print_machine()
    results = {}
    for task in (task for task in TASKS if task.name in args.tasks):
        results[task.name] = [
            compare(task, seed, methods, n_rows, most, args.sweeps)
            for seed in range(args.first_seed, args.first_seed + n_seeds)
        ]
    report(results, methods)


if __name__ == "__main__":
    main()
