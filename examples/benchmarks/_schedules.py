"""Tasks whose settings may change while a model is trained, and searches of them.

A method is a function f(task, data, seed, size) -> :class:`Found`. Each has the units
of training of a population: ``size.members`` full models of ``size.units`` per fold.
"""

import _common  # noqa: F401, I001  (first: it limits the BLAS threads)

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo import BayesSearchCV, HyperbandSearchCV, PBTSearchCV

N_SPLITS = 3
N_STEPS = 10
FACTOR = 3  # of successive halving


# ------------------------------------------------------------------------------ tasks


@dataclass(frozen=True)
class Task:
    """What is tuned. ``full`` are the parameters that make a plain fit a full one."""

    name: str
    estimator: Any
    space: dict
    data: Any  # f(seed) -> X, y
    full: Any  # f(units) -> params

    def parts(self, seed, n_rows):
        """Return X, y to tune on, and X, y to judge by."""
        X, y = self.data(seed, n_rows)
        parts = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
        return (parts[0], parts[2]), (parts[1], parts[3])


def _digits(seed, n_rows):
    X, y = load_digits(return_X_y=True)
    return X[:n_rows], y[:n_rows]


def _noisy(seed, n_rows, n_classes=4):
    """Return clusters with a tenth of the labels wrong."""
    return make_classification(
        n_rows,
        20,
        n_informative=10,
        n_redundant=4,
        n_classes=n_classes,
        n_clusters_per_class=3,
        flip_y=0.1,
        random_state=seed,
    )


_SGD = make_pipeline(
    StandardScaler(), SGDClassifier(loss="log_loss", learning_rate="constant", tol=None)
)
_SGD_SPACE = {
    "sgdclassifier__eta0": loguniform(1e-4, 1.0),
    "sgdclassifier__alpha": loguniform(1e-6, 1e-1),
}
_MLP = make_pipeline(StandardScaler(), MLPClassifier((32,), tol=0.0))
_MLP_SPACE = {
    "mlpclassifier__learning_rate_init": loguniform(1e-4, 1e-1),
    "mlpclassifier__alpha": loguniform(1e-6, 10.0),
}


def _sgd_epochs(units):
    return {"sgdclassifier__max_iter": units}


def _mlp_epochs(units):
    name = "mlpclassifier__"
    return {f"{name}max_iter": units, f"{name}n_iter_no_change": units + 1}


TASKS = [
    Task("sgd digits", _SGD, _SGD_SPACE, _digits, _sgd_epochs),
    Task("sgd noisy", _SGD, _SGD_SPACE, _noisy, _sgd_epochs),
    Task("mlp digits", _MLP, _MLP_SPACE, _digits, _mlp_epochs),
    Task("mlp noisy", _MLP, _MLP_SPACE, _noisy, _mlp_epochs),
    Task(
        "boosting noisy",
        HistGradientBoostingClassifier(early_stopping=False),
        {
            "learning_rate": loguniform(1e-2, 1.0),
            "l2_regularization": loguniform(1e-6, 10.0),
            "max_leaf_nodes": randint(4, 64),
        },
        partial(_noisy, n_classes=2),
        lambda units: {"max_iter": units},
    ),
]


# ---------------------------------------------------------------------------- methods


@dataclass(frozen=True)
class Size:
    """What all methods have alike."""

    rows: int
    members: int
    units: int  # of a full model


@dataclass(frozen=True)
class Found:
    """A fitted search; ``units`` is what it trained, per fold."""

    search: Any
    units: int


def run_pbt(task, data, seed, size, explore="perturb"):
    """Let a population find a schedule."""
    search = PBTSearchCV(
        task.estimator,
        task.space,
        population_size=size.members,
        n_steps=min(N_STEPS, size.units),
        max_resource=size.units,
        explore=explore,
        **_common_settings(seed),
    ).fit(*data)
    lineage = search.lineage_
    return Found(search, int((lineage["to"] - lineage["from"]).sum()))


def run_random(task, data, seed, size):
    """Train each candidate in full, by the same steps: a rung is all there is."""
    settings = dict(min_resource=size.units, n_candidates=size.members)
    return _run_halving(task, data, seed, size, **settings)


def run_sha(task, data, seed, size):
    """Halve so many candidates that they take the units of the population."""
    n = 1
    while _planned(task, data, seed, size, n + 1) <= size.members * size.units:
        n += 1
    return _run_halving(task, data, seed, size, n_candidates=n)


def run_bayes(task, data, seed, size):
    """Choose settings one after the other, each fitted in full."""
    estimator = clone(task.estimator).set_params(**task.full(size.units))
    search = BayesSearchCV(
        estimator, task.space, n_iter=size.members, **_common_settings(seed)
    )
    return Found(search.fit(*data), size.members * size.units)


def _run_halving(task, data, seed, size, **settings):
    search = _halving(task, seed, size, **settings)
    units = search.plan(*data)["units"].sum() // N_SPLITS
    return Found(search.fit(*data), int(units))


def _planned(task, data, seed, size, n_candidates):
    plan = _halving(task, seed, size, n_candidates=n_candidates).plan(*data)
    return plan["units"].sum() / N_SPLITS


def _halving(task, seed, size, **settings):
    return HyperbandSearchCV(
        task.estimator,
        task.space,
        strategy="sha",
        factor=FACTOR,
        max_resource=size.units,
        **settings,
        **_common_settings(seed),
    )


def _common_settings(seed):
    cv = StratifiedKFold(N_SPLITS, shuffle=True, random_state=seed)
    return {"cv": cv, "random_state": seed}


METHODS = {
    "pbt": run_pbt,
    "resample": partial(run_pbt, explore="resample"),
    "pb2": partial(run_pbt, explore="pb2"),
    "random": run_random,
    "sha": run_sha,
    "bayes": run_bayes,
}
WITH_SCHEDULE = ("pbt", "resample", "pb2")


# ---------------------------------------------------------------------------- judging


def measure(task, method, seed, size):
    """Run a method; return what is worth keeping, as JSON has it."""
    data, held_out = task.parts(seed, size.rows)
    start = time.process_time()
    found = METHODS[method](task, data, seed, size)
    search, seconds = found.search, time.process_time() - start
    record = {
        "test": float(search.score(*held_out)),
        "cv": float(search.best_score_),
        "trained": found.units,
        "seconds": seconds,
        "params": {key: str(value) for key, value in search.best_params_.items()},
    }
    if method in WITH_SCHEDULE:
        record["last"] = judge_last(search, data, held_out)
        record["schedule"] = [
            {key: str(value) for key, value in step["params"].items()}
            for step in search.best_schedule_
        ]
    return record


def judge_last(search, data, held_out):
    """Return the score of the schedule's last settings, held from start to end."""
    constant = [
        {**step, "params": search.best_params_} for step in search.best_schedule_
    ]
    return float(search.replay(*data, schedule=constant).score(*held_out))
