"""What does the search itself cost, apart from the fits?

Three parts, to be run together or apart:

``folds``
    CPU and wall time per fold beside RandomizedSearchCV, with equal numbers of
    candidates and folds, for three tiny models: one process, two loky workers, two
    threads. Pairs of runs in alternating order; medians over the pairs.
``suggestions``
    CPU time of one suggestion (ask and tell) in 8 dimensions after 20 to 200
    observations, one thread, beside Optuna's GPSampler and TPE and scikit-optimize.
``size``
    Time per candidate and peak memory of random searches of 100 to 10,000 candidates
    with 5 folds: nothing may grow with the number of candidates.

Wall times mean something on a quiet machine only; CPU times survive company.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from functools import partial

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV

N_FOLDS = 5


class Tiny(ClassifierMixin, BaseEstimator):
    """Fits in no time at all, or in a given time, and brings its own score."""

    def __init__(self, a=0.5, seconds=0.0):
        self.a = a
        self.seconds = seconds

    def fit(self, X, y):
        if self.seconds:
            time.sleep(self.seconds)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((self.a - 0.3) ** 2)


def main():
    args = parse_arguments()
    if args.child:
        return print(json.dumps(measure_size(*json.loads(args.child))))
    print(__doc__.split("\n\n")[0])
    _common.print_machine(_common.PACKAGES + _common.PEERS)
    for part in args.parts:
        PARTS[part](args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("parts", nargs="*", default=[], help=f"any of {', '.join(PARTS)}; default all")
    add("--repeats", type=int, default=9, help="pairs of runs in `folds`")
    add("--candidates", type=int, default=60, help="per run in `folds`")
    add("--cases", nargs="+", help=f"of `folds`: any of {', '.join(CASES)}")
    add("--told", nargs="+", type=int, default=[20, 50, 100, 200], help="observations")
    add("--asks", type=int, default=16, help="suggestions that are averaged")
    add("--methods", nargs="+", default=list(SUGGESTERS), help="of `suggestions`")
    add("--sizes", nargs="+", type=int, default=[100, 1_000, 10_000], help="candidates")
    add("--quick", action="store_true", help="a minute: fewer repeats, smaller sizes")
    add("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.quick:
        args.repeats, args.asks, args.told, args.sizes = 3, 3, [20, 50], [100, 1_000]
    args.parts = args.parts or list(PARTS)
    args.cases = args.cases or list(CASES)
    for part in args.parts:
        if part not in PARTS:
            parser.error(f"unknown part {part!r}; possible: {', '.join(PARTS)}")
    return args


def ours(estimator, space, n_candidates, **options):
    from skhpo import BayesSearchCV

    return BayesSearchCV(
        estimator, space, n_iter=n_candidates, optimizer="random", **options
    )


def theirs(estimator, space, n_candidates, **options):
    return RandomizedSearchCV(estimator, space, n_iter=n_candidates, **options)


# ----------------------------------------------------------------------------- folds

MODELS = {  # name: (estimator, space); the same scipy laws for both searches
    "Dummy": (DummyClassifier(), {"random_state": randint(0, 10**6)}),
    "empty fit": (Tiny(), {"a": uniform()}),
    # A narrow range: every candidate needs about the same number of iterations.
    "LogisticRegression": (LogisticRegression(max_iter=500), {"C": loguniform(0.5, 2)}),
    "10 ms sleep": (Tiny(seconds=0.01), {"a": uniform()}),
}

CLOCKS = ("cpu", "wall")

# name: (model, n_jobs, joblib backend, figure that counts, goal)
CASES = {
    "dummy": ("Dummy", 1, "loky", "cpu", ("ratio", 1.05)),
    "empty": ("empty fit", 1, "loky", "cpu", ("ratio", 1.05)),
    "logistic": ("LogisticRegression", 1, "loky", "cpu", ("ratio", 1.05)),
    "sleep": ("10 ms sleep", 1, "loky", "wall", ("ratio", 1.05)),
    "dummy-loky": ("Dummy", 2, "loky", "wall", ("difference", 0.15)),
    "empty-loky": ("empty fit", 2, "loky", "wall", ("difference", 0.15)),
    "sleep-loky": ("10 ms sleep", 2, "loky", "wall", ("ratio", 1.05)),
    "dummy-threads": ("Dummy", 2, "threading", "wall", ("difference", 0.15)),
    "empty-threads": ("empty fit", 2, "threading", "wall", ("difference", 0.15)),
    "sleep-threads": ("10 ms sleep", 2, "threading", "wall", ("ratio", 1.05)),
}


def folds(args):
    rows = []
    for case in args.cases:
        _common.progress(f"folds: {case}")
        rows.append(folds_row(*CASES[case], args))
    _common.print_table(
        f"Milliseconds per fold, {args.candidates} candidates x {N_FOLDS} folds, "
        f"medians of {args.repeats} pairs; +- = half the interquartile range",
        [
            "model",
            "jobs",
            "CPU theirs",
            "ours",
            "diff",
            "ratio",
            "wall theirs",
            "ours",
            "diff",
            "ratio",
            "goal",
            "+-",
            "met",
        ],
        rows,
    )


def folds_row(model, n_jobs, backend, clock, goal, args):
    """One line of the table: ms per fold on both clocks, and the goal's verdict."""
    pairs = 1e3 * np.array(list(timed_pairs(model, n_jobs, backend, args)))
    pairs /= args.candidates * N_FOLDS  # (repeats, [theirs, ours], [cpu, wall])
    each = {
        "difference": pairs[:, 1] - pairs[:, 0],
        "ratio": pairs[:, 1] / pairs[:, 0],
    }
    row = [model, f"{n_jobs} {backend}" if n_jobs > 1 else "1"]
    for column in range(2):
        row += [float(ms) for ms in np.median(pairs[:, :, column], axis=0)]
        row += [float(np.median(values[:, column])) for values in each.values()]

    kind, limit = goal
    values = each[kind][:, CLOCKS.index(clock)]
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    text = f"{clock} {kind} <= {limit}"
    return [*row, text, (high - low) / 2, "yes" if middle <= limit else "NO"]


def timed_pairs(model, n_jobs, backend, args):
    """Per repeat the seconds of both searches, the first of a pair alternating."""
    from joblib import parallel_config

    estimator, space = MODELS[model]
    X, y = load_iris(return_X_y=True)
    with parallel_config(backend=backend, n_jobs=n_jobs), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for repeat in range(-1, args.repeats):  # the first pair warms up and is dropped
            searches = [
                make(
                    estimator,
                    space,
                    args.candidates,
                    cv=N_FOLDS,
                    refit=False,
                    random_state=repeat + 1,
                )
                for make in (theirs, ours)
            ]
            order = (0, 1) if repeat % 2 else (1, 0)
            seconds = {i: timed_fit(searches[i], X, y) for i in order}
            if repeat >= 0:
                yield seconds[0], seconds[1]


def timed_fit(search, X, y):
    """CPU seconds (with loky's workers) and wall seconds of a fit."""
    cpu, wall = _common.cpu_time(), time.perf_counter()
    search.fit(X, y)
    return _common.cpu_time() - cpu, time.perf_counter() - wall


# ----------------------------------------------------------------------- suggestions

N_DIMS = 8


def suggestions(args):
    ms = {method: [] for method in args.methods}
    for n_told in args.told:  # the methods in turn: what slows one slows the others
        for method in args.methods:
            _common.progress(f"suggestions: {method} after {n_told}")
            ms[method].append(suggestion_ms(SUGGESTERS[method], n_told, args.asks))
    rows = [[method, *cells] for method, cells in ms.items()]
    _common.print_table(
        f"CPU ms per suggestion (ask + tell) in {N_DIMS} dimensions, mean of "
        f"{args.asks} after so many observations",
        ["method", *(f"n = {n}" for n in args.told)],
        [[name, *(f"{ms:.2f}" for ms in cells)] for name, *cells in rows],
    )
    print_share(rows, args)


def print_share(rows, args):
    """The goal: at most a tenth of GPSampler's in the same run."""
    ms = {name: np.array(cells) for name, *cells in rows}
    if {"ours", "gpsampler"} <= ms.keys():
        shares = ms["ours"] / ms["gpsampler"]
        text = ", ".join(
            f"{share:.3f} (n = {n})" for share, n in zip(shares, args.told, strict=True)
        )
        met = "yes" if max(shares) <= 0.1 else "NO"
        print(f"ours / gpsampler: {text}; goal <= 0.100: {met}")


def smooth_noisy(points, rng):
    """A loss on the unit cube (n, 8) -> (n,): a tilted bowl with ripples and noise."""
    weights = np.linspace(2.0, 0.1, N_DIMS)
    bowl = ((points - 0.6) ** 2 * weights).sum(axis=-1)
    ripples = 0.1 * np.sin(7 * points[..., 0]) * np.cos(5 * points[..., 1])
    return bowl + ripples + 0.02 * rng.standard_normal(points.shape[:-1])


def suggestion_ms(make, n_told, n_asks):
    """Mean CPU of a round of ask and tell once the model has warmed up.

    The mean over consecutive rounds, because some do more than others (restarts, steps
    without a model). The first round is not counted: it fits without a warm start what
    a running search would have fitted long before.
    """
    rng = np.random.default_rng(0)
    points = rng.random((n_told, N_DIMS))
    ask, tell = make(points, smooth_noisy(points, rng))
    seconds = 0.0
    for number in range(n_asks + 1):
        start = time.process_time()
        handle, point = ask()
        seconds += time.process_time() - start if number else 0
        loss = float(smooth_noisy(np.asarray(point, dtype=float), rng))
        start = time.process_time()
        tell(handle, loss)
        seconds += time.process_time() - start if number else 0
    return 1e3 * seconds / n_asks


def suggest_ours(points, losses):
    """The optimizer of the door: initial points first, then what was observed."""
    from skhpo._types import Proposal, Result
    from skhpo.optimizers import GaussianProcessOptimizer
    from skhpo.space import Space

    space = Space({f"x{i}": (0.0, 1.0) for i in range(N_DIMS)})
    optimizer = GaussianProcessOptimizer(space, rng=np.random.default_rng(0))

    def ask():
        (proposal,) = optimizer.ask(1, pending=())
        return proposal, proposal.point

    def tell(proposal, loss):
        optimizer.tell([Result(proposal, -loss)])

    for number, (point, loss) in enumerate(zip(points, losses, strict=True)):
        tell(Proposal(-1 - number, point), float(loss))
    return ask, tell


def suggest_optuna(points, losses, sampler):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [f"x{i}" for i in range(N_DIMS)]
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(sampler=sampler())
    for point, loss in zip(points, losses, strict=True):
        params = dict(zip(names, map(float, point), strict=True))
        trial = optuna.create_trial(
            params=params, distributions=space, value=float(loss)
        )
        study.add_trial(trial)

    def ask():
        trial = study.ask(space)
        return trial, [trial.params[name] for name in names]

    return ask, study.tell


def gpsampler():
    import optuna
    import torch

    torch.set_num_threads(1)
    return optuna.samplers.GPSampler(seed=0)


def tpe():
    import optuna

    return optuna.samplers.TPESampler(seed=0)


def suggest_skopt(points, losses):
    import skopt

    warnings.simplefilter("ignore")
    optimizer = skopt.Optimizer([(0.0, 1.0)] * N_DIMS, random_state=0)
    optimizer.tell(points.tolist(), losses.tolist())

    def ask():
        point = optimizer.ask()
        return point, point

    return ask, optimizer.tell


SUGGESTERS = {
    "ours": suggest_ours,
    "tpe": partial(suggest_optuna, sampler=tpe),
    "gpsampler": partial(suggest_optuna, sampler=gpsampler),
    "skopt": suggest_skopt,
}


# ------------------------------------------------------------------------------ size


def size(args):
    rows = []
    for name in ("theirs", "ours"):
        for n_candidates in args.sizes:
            _common.progress(f"size: {name}, {n_candidates} candidates")
            rows.append([name, n_candidates, *in_a_fresh_process(name, n_candidates)])
    _common.print_table(
        f"Random search on an estimator that does nothing, {N_FOLDS} folds, n_jobs=1",
        ["search", "candidates", "CPU ms/candidate", "wall ms/candidate", "peak MB"],
        [[*row[:2], row[2], row[3], f"{row[4]:.0f}"] for row in rows],
    )
    print_size_goals([row for row in rows if row[0] == "ours"])


def print_size_goals(rows):
    cpu, peak = [row[2] for row in rows], rows[-1][4]
    print(
        f"ours, largest: {peak:.0f} MB added at the peak; goal < 300: "
        f"{'yes' if peak < 300 else 'NO'}; CPU per candidate, largest / smallest run: "
        f"{cpu[-1] / cpu[0]:.2f}; goal: flat (<= 1.1): "
        f"{'yes' if cpu[-1] / cpu[0] <= 1.1 else 'NO'}"
    )


def in_a_fresh_process(*arguments):
    """No measurement inherits another's memory and caches."""
    command = [sys.executable, __file__, "--child", json.dumps(arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=-1).stdout)


def measure_size(name, n_candidates):
    """CPU and wall ms per candidate, MB that the search added at its peak."""
    make = {"ours": ours, "theirs": theirs}[name]
    options = dict(cv=N_FOLDS, refit=False, random_state=0)
    X, y = load_iris(return_X_y=True)
    make(Tiny(), {"a": uniform()}, 20, **options).fit(X, y)  # imports, caches
    search = make(Tiny(), {"a": uniform()}, n_candidates, **options)
    _common.reset_peak_memory()
    before = _common.peak_memory()
    cpu, wall = timed_fit(search, X, y)
    added = (_common.peak_memory() - before) / 2**20
    return 1e3 * cpu / n_candidates, 1e3 * wall / n_candidates, added


PARTS = {"folds": folds, "suggestions": suggestions, "size": size}


if __name__ == "__main__":
    main()
