"""Tasks whose models can be trained a little, and searches of them by the clock.

A method is a function f(task, data, seed, most, seconds, n_sweeps) -> :class:`Run`.
``most`` are the units of a full model. HyperbandSearchCV runs its plan to the end and
so sets the CPU seconds that all others have.
"""

import _common  # noqa: F401, I001  (first: it limits the BLAS threads)

import ast
import importlib.util
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import loguniform, randint
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
N_JUDGED = 5  # fits by which settings are judged, where fits are random


# ------------------------------------------------------------------------------ tasks


@dataclass(frozen=True)
class Task:
    """What is tuned; ``resource`` is the name that scikit-learn's halving knows."""

    name: str
    estimator: Any
    space: dict  # of scipy's distributions and lists, which all methods read alike
    data: Any  # f(seed, n_rows) -> X, y
    resource: str
    scoring: str = "accuracy"
    is_random: bool = False  # whether a fit depends on its seed

    def halves(self, seed, n_rows):
        """Return X, y to tune on, and X, y to judge by."""
        X, y = self.data(seed, n_rows)
        parts = train_test_split(X, y, test_size=0.5, random_state=seed, stratify=y)
        return (parts[0], parts[2]), (parts[1], parts[3])

    @property
    def counts_rows(self):
        """Whether rows are the resource."""
        return self.resource == "n_samples"

    def full(self, most):
        """Return the parameters that make a model a full one."""
        return {} if self.counts_rows else {self.resource: most}


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
        is_random=True,
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
        is_random=True,
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


# ---------------------------------------------------------------- what was found, when


class Run:
    """The best full model of a search, and the CPU second at which each was found.

    ``by_sweep`` holds, after each sweep of Hyperband, the CV score and the parameters
    of the best so far.
    """

    def __init__(self):
        self.start = time.process_time()
        self.seconds = 0.0
        self.best, self.params, self.history = -np.inf, None, []
        self.by_sweep = []

    def tick(self):
        self.seconds = time.process_time() - self.start
        return self.seconds

    def is_over(self, seconds):
        """Whether what ended just now ended too late; something must be found."""
        return self.tick() > seconds and self.params is not None

    def see(self, score, params):
        if score > self.best:
            self.best, self.params = float(score), dict(params)
            self.history.append((self.tick(), self.best))


# ---------------------------------------------------------------------------- methods


def run_hyperband(task, data, seed, most, _, n_sweeps, **settings):
    """Run the plan to its end."""
    run = Run()
    see = partial(_see, run, most, np.inf)
    search = make_search(task, seed, most, n_iterations=n_sweeps, callbacks=see)
    search.set_params(**settings).fit(*data)
    run.tick()
    run.by_sweep = [_best_until(search, sweep, most) for sweep in range(n_sweeps)]
    return run


def _see(run, most, seconds, progress):
    """Note a full model; truthy ends the search."""
    if run.is_over(seconds):
        return True
    if progress.n_resources == most and progress.status == "complete":
        run.see(progress.score, progress.params)
    return False


def _best_until(search, sweep, most):
    table = search.cv_results_
    is_candidate = (table["n_resources"] == most) & (table["sweep"] <= sweep)
    scores = np.where(is_candidate, table["mean_test_score"], -np.inf)
    row = int(np.nanargmax(scores))
    return float(scores[row]), table["params"][row]


def make_search(task, seed, most, **settings):
    """Return a HyperbandSearchCV of four rungs."""
    defaults = dict(
        resource="n_samples" if task.counts_rows else "auto",
        max_resource=most,
        min_resource=max(1, most // FACTOR**3),
        factor=FACTOR,
        scoring=task.scoring,
        cv=folds(seed),
        random_state=seed,
        refit=False,
    )
    return HyperbandSearchCV(task.estimator, task.space, **{**defaults, **settings})


def folds(seed):
    return StratifiedKFold(N_SPLITS, shuffle=True, random_state=seed)


def run_random(task, data, seed, most, seconds, _):
    """RandomizedSearchCV, with a clock."""
    run = Run()
    for params in ParameterSampler(task.space, 100_000, random_state=seed):
        params = {**params, **task.full(most)}
        estimator = clone(task.estimator).set_params(**params)
        scores = cross_val_score(estimator, *data, scoring=task.scoring, cv=folds(seed))
        if run.is_over(seconds):
            break
        run.see(np.mean(scores), params)
    return run


def run_halving(task, data, seed, most, seconds, _):
    """HalvingRandomSearchCV, again and again."""
    run = Run()
    if task.counts_rows:  # there they count the test rows, too
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
            cv=folds(seed),
            random_state=1000 * seed + number,
            refit=False,
        ).fit(*data)
        if run.is_over(seconds):
            break
        table = search.cv_results_
        rows = np.flatnonzero(table["iter"] == table["iter"].max())
        row = rows[np.argmax(table["mean_test_score"][rows])]
        run.see(table["mean_test_score"][row], table["params"][row])
    return run


def run_top_k(task, data, seed, most, seconds, _):
    """One in 27 is trained in full, with nothing in between, again and again."""
    keep = FACTOR**3
    settings = dict(strategy="sha", factor=keep, n_candidates=keep)
    return _until(seconds, task, data, seed, most, **settings)


def run_refitted(task, data, seed, most, seconds, _):
    """Hyperband that calls fit at each rung, also where it could go on."""
    return _until(seconds, task, data, seed, most, resource=task.resource)


def _until(seconds, task, data, seed, most, **settings):
    """Run sweep after sweep until the CPU seconds are used up."""
    run = Run()
    see = partial(_see, run, most, seconds)
    search = make_search(task, seed, most, n_iterations=200, callbacks=see)
    search.set_params(**settings).fit(*data)
    run.tick()
    return run


def run_dask(task, data, seed, most, seconds, _):
    """dask-ml's Hyperband, again and again; on one hold-out set, as it does.

    It trains by ``partial_fit``, which pipelines do not have: it gets scaled data. A
    chunk is all rows, so that a call is an epoch as in the other searches.
    """
    from dask_ml.model_selection import HyperbandSearchCV as DaskSearch

    name, last = task.estimator.steps[-1]
    X = clone(task.estimator)[:-1].fit_transform(data[0])
    space = {key.removeprefix(f"{name}__"): v for key, v in task.space.items()}
    with _dask_client():
        run = Run()
        for number in range(1000):
            search = DaskSearch(
                clone(last),
                space,
                max_iter=most,
                aggressiveness=FACTOR,
                test_size=1 / N_SPLITS,
                scoring=task.scoring,
                random_state=1000 * seed + number,
            ).fit(X, data[1], classes=np.unique(data[1]))
            if run.is_over(seconds):
                break
            params = {f"{name}__{key}": v for key, v in search.best_params_.items()}
            run.see(search.best_score_, {**params, **task.full(most)})
    return run


@contextmanager
def _dask_client():
    import logging

    from distributed import Client

    # In this process: its CPU seconds are those of the benchmark.
    client = Client(
        processes=False,
        n_workers=1,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs=logging.ERROR,
    )
    with client:
        yield


METHODS = {
    "hyperband": partial(run_hyperband, optimizer="random"),
    "random": run_random,
    "halving": run_halving,
    "gp": partial(run_hyperband, optimizer="gp"),
    "top-k": run_top_k,
    "dask": run_dask,
    "refitted": run_refitted,  # differs where epochs are the resource; not by default
}
BY_DEFAULT = ("gp", "hyperband", "random", "halving", "top-k", "dask")


def why_not(method, task):
    """Return why a method cannot search a task; None = it can."""
    if method != "dask":
        return None
    if importlib.util.find_spec("dask_ml") is None:
        return "dask-ml is not installed"
    last = getattr(task.estimator, "steps", [(None, task.estimator)])[-1][1]
    return None if hasattr(last, "partial_fit") else "it needs partial_fit"


# ---------------------------------------------------------------------------- judging


def measure(task, method, seed, n_rows, most, n_sweeps, seconds):
    """Run a method; return what is worth keeping, as JSON has it."""
    data, held_out = task.halves(seed, n_rows)
    if task.counts_rows:
        most = min(len(train) for train, _ in folds(seed).split(*data))
    run = METHODS[method](task, data, seed, most, seconds, n_sweeps)
    test = partial(judge, task, data=data, held_out=held_out, most=most)
    return {
        "seconds": run.seconds,
        "cv": run.best,
        "test": test(run.params),
        "history": run.history,
        "by_sweep": [[score, test(params)] for score, params in run.by_sweep],
        "params": {k: str(v) for k, v in run.params.items()},
    }


def judge(task, params, data, held_out, most):
    """Return the score on held-out rows of plain fits with the parameters found.

    The mean over seeds: a network's single fit may score 5 points off by its start.
    """
    settings = {k: v for k, v in params.items() if k != "n_samples"}
    model = clone(task.estimator).set_params(**{**settings, **task.full(most)})
    seeds = [k for k in model.get_params() if k.split("__")[-1] == "random_state"]
    scores = []
    for seed in range(N_JUDGED if task.is_random else 1):
        judged = clone(model).set_params(**dict.fromkeys(seeds, seed))
        scores.append(get_scorer(task.scoring)(judged.fit(*data), *held_out))
    return float(np.mean(scores))


def judge_again(record):
    """Return the test score of a record, by the parameters that it holds."""
    task = next(task for task in TASKS if task.name == record["task"])
    seed, most = record["seed"], record["units"]
    data, held_out = task.halves(seed, record["rows"])
    if task.counts_rows:
        most = min(len(train) for train, _ in folds(seed).split(*data))
    return judge(task, read_params(record["params"]), data, held_out, most)


def read_params(texts):
    """Return parameters from their texts: numbers, or names."""
    return {name: _literal(text) for name, text in texts.items()}


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
