"""Does a search hold where it gets large?

Four parts, to be run together or apart:

``candidates``
    A random search of 10,000 candidates on 5 folds: CPU and memory per candidate
    (``bench_overhead.py size`` has it beside RandomizedSearchCV).
``data``
    1 GB of X (``--full``: 2 GB) and two loky workers: what of it is memory of their
    own (USS), and what is shared (RSS - USS). Linux only.
``categories``
    A search over one parameter of 1,000,000 categories, beside a number, with 12
    candidates: seconds and memory, for each search.
``workers``
    64 and 1,000 workers on a simulated clock. A fold takes 10 s in the mean
    (log-normal; standard deviation of the logarithm ``--spreads`` between candidates
    and 0.2 between folds) and costs nothing here; everything else, asking, telling, the
    loop, is our real code and takes its real CPU time, as on a machine of its own.
    Results are told on arrival (``asynchronous=True``), tasks wait in the backend's
    queue as with dask (``pre_dispatch="2*n_jobs"``), and ``--message`` is what it costs
    the search to send a task or to receive a result.
    *Busy*: share of the workers' time spent in fits, from the call of ``fit`` to the
    last result. *Before the tail* stops when the last fold begins. *Ideal*: busy of a
    random search that costs no time at all, on the same workers; what that one lacks
    to 1 is the wait for the last folds. *Share of ask*: CPU of asking / makespan.
"""

import argparse
import heapq
import json
import os
import subprocess
import sys
import time
import warnings
from itertools import product

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from scipy.stats import uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import ShuffleSplit

import skhpo
from skhpo import BayesSearchCV
from skhpo._types import FoldOutcome
from skhpo.search import _base

N_FOLDS = 5


def main():
    args = parse_arguments()
    if args.child:
        name, *arguments = json.loads(args.child)
        return print(json.dumps(CHILDREN[name](*arguments)))
    print(__doc__.split("\n\n")[0])
    _common.print_machine((*_common.PACKAGES, "psutil"))
    for part in args.parts:
        _common.progress(part)
        PARTS[part](args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("parts", nargs="*", default=[], help=f"any of {', '.join(PARTS)}; default all")
    add("--candidates", type=int, default=10_000, help="of `candidates`")
    add("--megabytes", type=int, default=1_000, help="of `data`")
    add("--categories", type=int, default=1_000_000, help="of `categories`")
    add("--workers", type=int, nargs="+", default=[64, 1_000], help="of `workers`")
    add("--trials", type=int, default=1_000, help="candidates of `workers`")
    add("--optimizers", nargs="+", default=["auto", "random"], help="of `workers`")
    add("--seconds", type=float, default=10.0, help="mean time of a fold in `workers`")
    add("--spreads", type=float, nargs="+", default=[0.5, 1.0], help="of `workers`")
    add("--message", type=float, default=0.0015, help="seconds each, of `workers`")
    add("--full", action="store_true", help="2 GB of data")
    add("--quick", action="store_true", help="less of everything: half a minute")
    add("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.full:
        args.megabytes = 2_000
    if args.quick:
        args.candidates, args.megabytes, args.categories = 300, 100, 50_000
        args.workers, args.trials, args.spreads = [64], 150, [0.5]
    args.parts = args.parts or list(PARTS)
    for part in args.parts:
        if part not in PARTS:
            parser.error(f"unknown part {part!r}; possible: {', '.join(PARTS)}")
    return args


def in_a_fresh_process(*arguments):
    """No measurement inherits another's memory and caches."""
    command = [sys.executable, __file__, "--child", json.dumps(arguments)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def verdict(is_met):
    return "yes" if is_met else "NO"


class Tiny(ClassifierMixin, BaseEstimator):
    """Fits in no time and brings its own score."""

    def __init__(self, a=0.5, kind=0, memory=False):
        self.a = a
        self.kind = kind
        self.memory = memory

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.memory_ = worker_memory(X) if self.memory else None
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((self.a - 0.3) ** 2) + 1e-6 * (self.kind % 1000)


# ------------------------------------------------------------------------ candidates


def candidates(args):
    rows = []
    for n in sorted({args.candidates // 10, args.candidates}):
        cpu, wall, added = in_a_fresh_process("candidates", n)
        rows.append([str(n), 1e3 * cpu / n, 1e3 * wall / n, f"{added:.0f}", added / n])
    _common.print_table(
        f"Random search on an estimator that does nothing, {N_FOLDS} folds, n_jobs=1",
        ["candidates", "CPU ms/candidate", "wall ms/candidate", "peak MB", "MB each"],
        rows,
    )


def measure_candidates(n_candidates):
    """CPU and wall seconds of a search, and the MB that it added at its peak."""

    def fit(n):
        X, y = load_iris(return_X_y=True)
        BayesSearchCV(
            Tiny(),
            {"a": uniform()},
            n_iter=n,
            cv=N_FOLDS,
            optimizer="random",
            refit=False,
            random_state=0,
        ).fit(X, y)

    fit(10)  # imports, caches
    return measured(lambda: fit(n_candidates))


def measured(run):
    """CPU seconds, wall seconds and MB added at the peak by ``run()``."""
    _common.reset_peak_memory()
    before = _common.peak_memory()
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu, wall, (_common.peak_memory() - before) / 2**20


# ------------------------------------------------------------------------------ data


def data(args):
    workers = in_a_fresh_process("data", args.megabytes)
    rows = [
        [f"worker {pid}", *(f"{megabytes:.0f}" for megabytes in figures)]
        for pid, *figures in workers
    ]
    _common.print_table(
        f"X of {args.megabytes} MB, two loky workers, in MB, the largest seen in a fit",
        ["process", "RSS", "USS (its own)", "shared"],
        rows,
    )
    largest = max(figures[2] for figures in workers)
    # the rows of a fold are a copy that scikit-learn makes for each fit
    met = verdict(largest < 0.4 * args.megabytes + 200)
    print(f"own memory < a fold's rows (0.25 X) + 15 % + 200 MB: {met}")


def measure_data(megabytes):
    """[pid, RSS, USS, RSS - USS] of each worker, in MB."""
    n_rows = 1000
    X = np.zeros((n_rows, megabytes * 10**6 // 8 // n_rows))
    X[:] = np.arange(n_rows)[:, None]  # pages of its own
    search = BayesSearchCV(
        Tiny(memory=True),
        {"a": uniform()},
        n_iter=6,
        cv=ShuffleSplit(2, train_size=0.2, test_size=0.05, random_state=0),
        scoring=memory_scores,
        optimizer="random",
        refit=False,
        n_jobs=2,
        random_state=0,
    ).fit(X, np.arange(n_rows) % 2)
    table, largest = search.cv_results_, {}
    for fold in range(2):
        columns = [table[f"split{fold}_test_{k}"] for k in ("pid", "rss", "uss")]
        for pid, rss, uss in zip(*columns, strict=True):
            largest[int(pid)] = max(largest.get(int(pid), (0, 0)), (rss, uss))
    return [(pid, rss, uss, rss - uss) for pid, (rss, uss) in largest.items()]


def worker_memory(X):
    """Resident and own memory (MB) of this process, once it has read the rows."""
    float(np.sum(X))
    import psutil

    info = psutil.Process().memory_full_info()
    return info.rss / 1e6, info.uss / 1e6


def memory_scores(estimator, X, y):
    rss, uss = estimator.memory_
    return {"pid": float(os.getpid()), "rss": rss, "uss": uss}


# ------------------------------------------------------------------------ categories

SEARCHES = ("gp", "forest", "tpe", "EvolutionarySearchCV", "HyperbandSearchCV")


def categories(args):
    rows = []
    for name in SEARCHES:
        _common.progress(f"categories: {name}")
        cpu, wall, added = in_a_fresh_process("categories", name, args.categories)
        met = verdict(wall < 30 and added < 600)
        rows.append([name, f"{cpu:.1f}", f"{wall:.1f}", f"{added:.0f}", met])
    _common.print_table(
        f"{args.categories} categories and a number, 12 candidates, {N_FOLDS} folds",
        ["search", "CPU s", "wall s", "peak MB", "< 30 s and < 600 MB"],
        rows,
    )


def measure_categories(name, n):
    X, y = load_iris(return_X_y=True)
    space = {"a": (0.0, 1.0), "kind": list(range(n))}
    options = dict(cv=N_FOLDS, refit=False, random_state=0)
    if name == "HyperbandSearchCV":
        search = skhpo.HyperbandSearchCV(
            Tiny(), space, n_candidates=12, resource="n_samples", **options
        )
    elif name == "EvolutionarySearchCV":
        search = skhpo.EvolutionarySearchCV(
            Tiny(), space, n_iter=12, population_size=4, racing=None, **options
        )
    else:
        options.update(n_iter=12, optimizer=name, initial_points=4, racing=None)
        search = BayesSearchCV(Tiny(), space, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return measured(lambda: search.fit(X, y))


# --------------------------------------------------------------------------- workers

LAWS = {f"x{i}": (0.0, 1.0) for i in range(8)}
WITHIN = 0.2  # standard deviation of the logarithm of a fit's time between folds


class Smooth(BaseEstimator):
    """A name for the eight numbers that are searched; it is never fitted."""

    def __init__(self, x0=0, x1=0, x2=0, x3=0, x4=0, x5=0, x6=0, x7=0):
        for i, value in enumerate((x0, x1, x2, x3, x4, x5, x6, x7)):
            setattr(self, f"x{i}", value)

    def fit(self, X, y=None):
        raise AssertionError("the workers are simulated")

    def score(self, X, y=None):
        raise AssertionError("the workers are simulated")


class SimulatedWorkers:
    """A dispatcher whose workers exist on a clock only.

    The clock goes on by the CPU time of whatever is done between two calls of ours, and
    jumps to the next result where there is nothing to do but wait.

    Parameters
    ----------
    n_jobs : int
        Workers.
    seconds : float
        Mean time of a fold.
    spread : float
        Standard deviation of the logarithm of that time between candidates.
    message : float
        Seconds that it costs the search to send a task or to receive a result.
    counts_cpu : bool
        Whether the clock goes on by our CPU time and by the messages.
    """

    can_kill, shares_memory, shares_disk, is_asynchronous = False, False, False, True

    def __init__(self, n_jobs, seconds, spread, message, counts_cpu=True):
        self.n_jobs, self.limit = n_jobs, 2 * n_jobs
        self.seconds, self.spread = seconds, spread
        self.message = message if counts_cpu else 0.0
        self.counts_cpu = counts_cpu
        self.now = 0.0
        self.fits = []  # (begin, end)
        self._free = [0.0] * n_jobs  # when each worker is
        self._running = []  # (end, number, begin, call)
        self._cpu = time.process_time()

    def submit(self, call):
        self._tick(self.message)
        begin = max(self.now, heapq.heappop(self._free))
        end = begin + self._fold_time(call)
        heapq.heappush(self._free, end)
        heapq.heappush(self._running, (end, len(self.fits), begin, call))
        self.fits.append((begin, end))

    def get(self, timeout=None):
        self._tick()
        end, _, begin, call = heapq.heappop(self._running)
        self.now = max(self.now, end) + self.message
        self._cpu = time.process_time()
        return [outcome_of(call, fold, end - begin) for fold in call[2]]

    def close(self, kill):
        self._tick()

    def _tick(self, seconds=0.0):
        now = time.process_time()
        if self.counts_cpu:
            self.now += now - self._cpu + seconds
        self._cpu = now

    def _fold_time(self, call):
        trial, _, folds, *_ = call
        mean = np.log(self.seconds) - (self.spread**2 + WITHIN**2) / 2
        total = 0.0
        for fold in folds:
            between = np.random.default_rng((1, trial)).standard_normal()
            within = np.random.default_rng((2, trial, fold)).standard_normal()
            total += np.exp(mean + self.spread * between + WITHIN * within)
        return total


def outcome_of(call, fold, seconds):
    """What a fold of a setting comes to: a bowl with ripples, and noise."""
    trial, params, *_ = call
    x = np.array([params[f"x{i}"] for i in range(8)])
    noise = np.random.default_rng((3, trial, fold)).standard_normal()
    score = -((x - 0.6) ** 2 @ np.linspace(2, 0.1, 8)) - 0.1 * np.sin(9 * x[0])
    return FoldOutcome(
        trial, fold, score + 0.02 * noise, None, seconds, 0.0, task_time=seconds
    )


class TimedSearchCV(BayesSearchCV):
    """Notes the CPU seconds of each ask."""

    def make_optimizer(self, *args):
        optimizer = super().make_optimizer(*args)
        ask = optimizer.ask

        def timed(*args, **context):
            start = time.process_time()
            proposals = ask(*args, **context)
            self.seconds.append(time.process_time() - start)
            return proposals

        optimizer.ask = timed
        return optimizer


def workers(args):
    rows = []
    for n_workers, spread in product(args.workers, args.spreads):
        n_trials = max(args.trials, 2 * n_workers)
        case = (n_workers, spread, n_trials)
        ideal = simulate(*case, "random", args, counts_cpu=False)
        for optimizer in args.optimizers:
            _common.progress(f"workers: {n_workers}, spread {spread}, {optimizer}")
            run = simulate(*case, optimizer, args)
            rows.append([optimizer, *case, *figures_of(run, ideal)])
    _common.print_table(
        f"Simulated workers, folds of {args.seconds} s, {N_FOLDS} per candidate, "
        f"{1e3 * args.message} ms per message",
        [
            "optimizer",
            "workers",
            "spread",
            "candidates",
            "busy",
            "> 0.95",
            "before the tail",
            "ideal",
            "makespan s",
            "share of ask",
            "ask ms, mean",
            "last 100",
            "rest ms/fold",
        ],
        rows,
    )


def figures_of(run, ideal):
    busy, before_tail = busy_shares(run)
    asks = np.array(run.asks)
    rest = run.cpu - asks.sum()
    return [
        busy,
        verdict(busy > 0.95),
        before_tail,
        busy_shares(ideal)[0],
        f"{run.now:.0f}",
        float(asks.sum() / run.now),
        f"{1e3 * asks.mean():.1f}",
        f"{1e3 * asks[-100:].mean():.1f}",
        f"{1e3 * rest / len(run.fits):.2f}",
    ]


def busy_shares(run):
    """Share of the workers' time in fits: all of it, and until the last fit begins."""
    begin, end = np.array(run.fits).T
    last = begin.max()
    before = (np.minimum(end, last) - begin).sum() / (run.n_jobs * last)
    return float((end - begin).sum() / (run.n_jobs * run.now)), float(before)


def simulate(n_workers, spread, n_trials, optimizer, args, counts_cpu=True):
    """Run a search on simulated workers; return them, with the times of each ask."""
    pool = SimulatedWorkers(n_workers, args.seconds, spread, args.message, counts_cpu)
    search = TimedSearchCV(
        Smooth(),
        LAWS,
        n_iter=n_trials,
        cv=N_FOLDS,
        optimizer=optimizer,
        racing=None,
        asynchronous=True,
        refit=False,
        random_state=0,
    )
    search.seconds = pool.asks = []
    opened, _base.open_dispatcher = _base.open_dispatcher, lambda *_, **__: pool
    start = time.process_time()
    try:
        search.fit(*load_iris(return_X_y=True))
    finally:
        _base.open_dispatcher = opened
    pool.cpu = time.process_time() - start
    return pool


CHILDREN = {
    "candidates": measure_candidates,
    "data": measure_data,
    "categories": measure_categories,
}
PARTS = {
    "candidates": candidates,
    "data": data,
    "categories": categories,
    "workers": workers,
}


if __name__ == "__main__":
    main()
