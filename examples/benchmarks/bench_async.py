"""Are the workers busy when fits take very different times?

The "fits" sleep: log-normal times with standard deviation 1 (of the logarithm) between
candidates and 0.2 between folds, decided by the candidate's parameters and the fold's
data alone, so that every search meets the same law. Sleeping needs no core: four
workers on two cores are four workers.

*Busy* is the share of the workers' time that is spent in fits: the sum of all fits'
times / (workers x wall time from the call of ``fit`` to its return). The pool is warmed
up before. *Before the tail* stops the clock when the last fit begins: what is missing
there are gaps between fits; the rest is waiting for the last one. *Ideal* is the busy
share of a simulation with the same fits, in the same order and by the same policy, in
which nothing else costs time: what is missing to 1 there is the price of committing in
ask order, and the tail; the difference between ideal and busy is overhead. Draws with
one very long fit scatter (in ask order by 0.03), hence the repeats.

Beside it: RandomizedSearchCV, which needs no feedback and may queue everything at once,
and the same in waves (generations) of as many candidates as workers, which is what a
search gets that must wait for all of a batch.

Without psutil, loky's workers collect garbage once a second to be sure of their memory,
which takes them 0.1 s and more each time: install psutil before you read the shares.

Then the own overhead: wall time and the parent's CPU per task when a fit takes no time.
"""

import argparse
import heapq
import os
import tempfile
import time
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from joblib import Parallel, delayed, parallel_config
from scipy.stats import uniform
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    KFold,
    ParameterSampler,
    RandomizedSearchCV,
    ShuffleSplit,
)

SPACE = {"a": uniform(), "b": uniform()}
RANDOM = {"optimizer": "random"}


class Sleeper(BaseEstimator):
    """Sleeps instead of learning and writes down from when to when.

    Parameters
    ----------
    a, b : float
        What is searched. The score is smooth in them; the time is not.
    seconds : float
        Mean time of a fit.
    log : str
        File to which ``start end`` is appended. The monotonic clock is common to all
        processes of a machine.
    """

    def __init__(self, a=0.5, b=0.5, seconds=0.1, log=os.devnull):
        self.a = a
        self.b = b
        self.seconds = seconds
        self.log = log

    def fit(self, X, y=None):
        start = time.monotonic()
        if self.seconds:
            time.sleep(self.fit_time(X))
        with open(self.log, "a") as file:  # a short line is appended in one piece
            file.write(f"{start} {time.monotonic()}\n")
        return self

    def score(self, X, y=None):
        return -((self.a - 0.3) ** 2) - (self.b - 0.6) ** 2

    def fit_time(self, X):
        """Seconds of a fit; mean of the law exp(z + .2 z'): exp((1 + .2**2) / 2)."""
        between = _normal(np.array([self.a, self.b]))
        within = 0.2 * _normal(np.array([self.a, self.b, X.sum()]))
        return self.seconds * np.exp(between + within - (1 + 0.2**2) / 2)


def _normal(values):
    """A standard normal number that the values decide."""
    return np.random.default_rng(zlib.crc32(values.tobytes())).standard_normal()


class WavesSearchCV(RandomizedSearchCV):
    """Random search that waits for all of a wave, as generations do."""

    n_in_wave = 4

    def _run_search(self, evaluate_candidates):
        sampler = ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
        candidates = list(sampler)
        for first in range(0, len(candidates), self.n_in_wave):
            evaluate_candidates(candidates[first : first + self.n_in_wave])


# -------------------------------------------------------------------------- searches


def ours(estimator, n_candidates, optimizer="random", **options):
    from skhpo import BayesSearchCV

    options = {"n_iter": n_candidates, "racing": None, **options}  # the same folds
    return BayesSearchCV(estimator, SPACE, optimizer=optimizer, **options)


def randomized(estimator, n_candidates, **options):
    return RandomizedSearchCV(estimator, SPACE, n_iter=n_candidates, **options)


def waves(estimator, n_candidates, **options):
    return WavesSearchCV(estimator, SPACE, n_iter=n_candidates, **options)


@dataclass(frozen=True)
class Case:
    """One line of the table: a search, its options, folds, and the share to reach."""

    name: str
    make: object
    options: dict
    n_folds: int
    goal: float | None = None


def cases():
    for optimizer in ("random", "gp"):
        in_order = {"optimizer": optimizer}
        on_arrival = {"optimizer": optimizer, "asynchronous": True}
        yield Case(f"ours {optimizer}, ask order", ours, in_order, 5, 0.90)
        yield Case(f"ours {optimizer}, asynchronous", ours, on_arrival, 1, 0.95)
    yield Case("ours random, asynchronous", ours, {**RANDOM, "asynchronous": True}, 5)
    yield Case("ours random, ask order", ours, RANDOM, 1)
    for n_folds in (5, 1):
        yield Case("RandomizedSearchCV", randomized, {}, n_folds)
        yield Case("the same in waves", waves, {}, n_folds)


# -------------------------------------------------------------------------- measures


def main():
    args = parse_arguments()
    WavesSearchCV.n_in_wave = args.workers
    print(__doc__.split("\n\n")[0])
    _common.print_machine((*_common.PACKAGES, "psutil"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not args.only_overhead:
            print_busy(args)
        print_overhead(args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--workers", type=int, default=4, help="n_jobs")
    add("--tasks", type=int, default=400, help="fits per search")
    add("--repeats", type=int, default=3, help="searches per line, averaged")
    add("--seconds", type=float, default=0.15, help="mean time of a fit")
    add("--backends", nargs="+", default=["loky", "threading"], help="joblib's names")
    add("--only", default="", help="cases whose name contains this text")
    add("--only-overhead", action="store_true", help="skip the busy shares")
    add("--quick", action="store_true", help="one search of 100 fits of 50 ms each")
    args = parser.parse_args()
    if args.quick:
        args.tasks, args.seconds, args.repeats = 100, 0.05, 1
    return args


def print_busy(args):
    rows = []
    for case in cases():
        for backend in args.backends:
            if args.only in case.name:
                _common.progress(f"busy: {case.name}, {case.n_folds} folds, {backend}")
                rows.append(busy_row(case, backend, args))
    _common.print_table(
        f"{args.workers} workers, fits of {args.seconds} s in the mean, "
        f"{args.repeats} searches per line",
        [
            "search",
            "folds",
            "backend",
            "busy",
            "goal",
            "met",
            "before the tail",
            "ideal",
            "in flight",
            "fits",
            "wall s",
            "first fit after ms",
            "parent CPU ms/fit",
        ],
        rows,
    )


def busy_row(case, backend, args):
    runs = [measure(case, backend, args.seconds, args, n) for n in range(args.repeats)]
    busy, before_tail = np.mean([busy_shares(r, args.workers) for r in runs], axis=0)
    met = "" if case.goal is None else ("yes" if busy >= case.goal else "NO")
    goal = "" if case.goal is None else f">= {case.goal:.2f}"
    n_fits = len(runs[0].fits)
    return [
        case.name,
        case.n_folds,
        backend,
        float(busy),
        goal,
        met,
        float(before_tail),
        float(np.mean([ideal_share(case, run, args.workers) for run in runs])),
        runs[0].n_points if in_ask_order(case) else "",
        n_fits,
        f"{np.mean([r.end - r.start for r in runs]):.1f}",
        f"{1e3 * np.mean([r.fits[:, 0].min() - r.start for r in runs]):.0f}",
        f"{1e3 * np.mean([r.parent_cpu for r in runs]) / n_fits:.2f}",
    ]


@dataclass(frozen=True)
class Run:
    """Clock readings of one search; ``fits`` (n, 2): begin and end of each fit."""

    start: float
    end: float
    parent_cpu: float
    fits: np.ndarray
    times: np.ndarray  # seconds (candidates, folds) that the fits were to take
    n_points: int | None  # candidates in flight, where the search has such a number


def busy_shares(run, n_workers):
    """Share of the workers' time in fits: all of it, and until the last fit begins."""
    begin, end = run.fits.T
    busy = (end - begin).sum() / (n_workers * (run.end - run.start))
    first, last = begin.min(), begin.max()
    before = (np.minimum(end, last) - begin).sum() / (n_workers * (last - first))
    return float(busy), float(before)


def measure(case, backend, seconds, args, random_state):
    """Fit a search on a warm pool and read the log of its fits."""
    n_candidates = max(1, args.tasks // case.n_folds)
    with (
        parallel_config(backend=backend, n_jobs=args.workers),
        tempfile.TemporaryDirectory() as folder,
    ):
        log = str(Path(folder) / "fits")
        warm_up(case, args.workers)
        start, cpu = time.monotonic(), time.process_time()
        sleeper = Sleeper(seconds=seconds, log=log)
        search = fit_search(case, sleeper, n_candidates, random_state)
        end, cpu = time.monotonic(), time.process_time() - cpu
        n_points = getattr(search, "n_points_", None)
        fits, times = np.loadtxt(log, ndmin=2), fit_times(search, sleeper)
        return Run(start, end, cpu, fits, times, n_points)


def warm_up(case, n_workers):
    """Let every worker do what it does once only: start, import, read caches."""
    seen = set()
    for _ in range(20):
        pids = Parallel(batch_size=1)(delayed(warm_worker)(case) for _ in range(8))
        seen.update(pids)
        if len(seen) >= n_workers or seen == {os.getpid()}:  # the latter: threads
            break
    fit_search(case, Sleeper(seconds=0.02), 2 * n_workers)


def warm_worker(case):
    fit_search(case, Sleeper(seconds=0.0), 2)
    time.sleep(0.1)
    return os.getpid()


def fit_search(case, estimator, n_candidates, random_state=0):
    cv = KFold(5) if case.n_folds == 5 else ShuffleSplit(case.n_folds, random_state=0)
    search = case.make(
        estimator,
        n_candidates,
        cv=cv,
        refit=False,
        random_state=random_state,
        **case.options,
    )
    return search.fit(data())


def data():
    return np.arange(100.0).reshape(50, 2)


# ------------------------------------------------------------------------ simulation


def ideal_share(case, run, n_workers):
    """Busy share of the same fits when nothing but they takes time."""
    if case.make is waves:
        return simulate(run.times, n_workers, wave=n_workers)
    if in_ask_order(case):
        return simulate(run.times, n_workers, in_flight=run.n_points)
    return simulate(run.times, n_workers)  # a free worker always finds a fold


def in_ask_order(case):
    return case.make is ours and not case.options.get("asynchronous")


def fit_times(search, estimator):
    """Seconds (candidates, folds) of a search's fits, by its table."""
    X = data()
    trains = [train for train, _ in search.cv.split(X)]
    estimators = [
        clone(estimator).set_params(**p) for p in search.cv_results_["params"]
    ]
    return np.array([[e.fit_time(X[train]) for train in trains] for e in estimators])


def simulate(times, n_workers, in_flight=None, wave=None):
    """Busy share when each free worker takes the next fold of (candidates, folds).

    With ``in_flight``, candidate ``k + in_flight`` may start after the commit of ``k``,
    which comes after all earlier commits. With ``wave``, so many candidates start when
    all before them are done.
    """
    done = np.zeros(len(times))  # when the last fold of each candidate ended
    free = [0.0] * n_workers  # when each worker becomes free
    released = 0.0  # when the next candidate is known
    for candidate, fold_times in enumerate(times):
        if in_flight and candidate >= in_flight:
            released = max(released, done[candidate - in_flight])
        if wave and candidate % wave == 0:
            released = done.max()
        for seconds in fold_times:
            end = max(heapq.heappop(free), released) + seconds
            heapq.heappush(free, end)
            done[candidate] = max(done[candidate], end)
    return times.sum() / (n_workers * max(free))


# -------------------------------------------------------------------------- overhead


def print_overhead(args):
    rows = []
    for case in cases():
        measured = "gp" not in case.name and "waves" not in case.name
        for backend in args.backends:
            if measured and args.only in case.name:
                _common.progress(f"overhead: {case.name}, {case.n_folds}, {backend}")
                rows.append(overhead_row(case, backend, args))
    _common.print_table(
        f"Overhead: fits of no time, {args.workers} workers, medians of 3 searches",
        ["search", "folds", "backend", "wall ms/fit", "parent CPU ms/fit", "<= 1 ms"],
        rows,
    )


def overhead_row(case, backend, args):
    """Medians of three searches; the wall time counts."""
    runs = [measure(case, backend, 0.0, args, n) for n in range(3)]
    n_fits = len(runs[0].fits)
    wall = 1e3 * float(np.median([run.end - run.start for run in runs])) / n_fits
    cpu = 1e3 * float(np.median([run.parent_cpu for run in runs])) / n_fits
    met = ("yes" if wall <= 1 else "NO") if case.make is ours else ""
    return [case.name, case.n_folds, backend, f"{wall:.2f}", f"{cpu:.2f}", met]


if __name__ == "__main__":
    main()
