"""What does it cost to survive dead workers and hanging fits?

Fits of 50 ms that do nothing but sleep, on two workers, 100 candidates x 5 folds; the
ideal is what the fits themselves take. Beside RandomizedSearchCV (loky in batches):

``pool``
    ours on joblib's pool, as always; a death is noticed, and costs nothing before.
``own``
    ours on processes of our own, with ``fit_timeout``.
``after``
    ours after a worker was killed in its first fits: the rest runs on processes of our
    own. The time of the same search without the death is subtracted: what is left is
    the recovery, the start of new processes and the fits that were lost.
``hang``
    as ``own``, and one fit hangs: seconds from its limit to its end, and what else it
    cost.

The processes of each are started before, by a search of two candidates, but for those
of our own, which live as long as one search: their start is measured by a search of one
candidate, subtracted, and shown beside it. Wall times mean something on a quiet machine
only; the CPU time of the caller, per fold, survives company.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import RandomizedSearchCV

from skhpo import BayesSearchCV

N_FOLDS, N_JOBS, SECONDS = 5, 2, 0.05
SPACE = {"a": np.linspace(0.0, 1.0, 10_000).tolist()}
X, y = load_iris(return_X_y=True)


class Sleeper(ClassifierMixin, BaseEstimator):
    """Sleeps, and goes wrong once where ``once`` names a file that is not there."""

    def __init__(self, a=0.5, fault=None, once=None):
        self.a = a
        self.fault = fault
        self.once = once

    def fit(self, X, y):
        if self.once is not None and not Path(self.once).exists():
            Path(self.once).touch()
            if self.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(1000)
        time.sleep(SECONDS)
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        return -((self.a - 0.3) ** 2)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20 candidates, one run")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print(__doc__.split("\n\n")[0])
    _common.print_machine(_common.PACKAGES)
    n_iter, repeats = (20, 1) if args.quick else (100, args.repeats)
    show(n_iter, repeats)
    return 0


def show(n_iter, repeats):
    ideal = n_iter * N_FOLDS * SECONDS / N_JOBS
    print(f"{n_iter} x {N_FOLDS} fits of {SECONDS:g} s, {N_JOBS} workers: {ideal:g} s")
    ways = {"sklearn": theirs, "pool": ours, "own": own}
    times, cpu = ({name: [] for name in ways} for _ in range(2))
    for name in ("sklearn", "pool"):
        ways[name](2)  # starts the workers
    for _ in range(repeats):
        for name, way in ways.items():
            begin = time.process_time()
            times[name].append(way(n_iter))
            cpu[name].append(time.process_time() - begin)
    start = min(own(1) for _ in range(repeats + 1)) - N_FOLDS * SECONDS / N_JOBS
    for name, seconds in times.items():
        best = min(seconds) - (start if name == "own" else 0.0)
        note = f" and {start:.2f} s for starting" if name == "own" else ""
        ms = min(cpu[name]) / (n_iter * N_FOLDS) * 1000
        print(
            f"{name:8} {best:7.2f} s  {best / ideal - 1:+7.2%}  CPU of the caller "
            f"{ms:.2f} ms per fold{note}",
            flush=True,
        )
    pool, with_limit = min(times["pool"]), min(times["own"])
    after = min(with_fault("kill", n_iter) for _ in range(repeats))
    print(f"after    {after:7.2f} s  {after - pool:+.2f} s for one death on the pool")
    hang = min(with_fault("hang", n_iter, fit_timeout=1.0) for _ in range(repeats))
    cost = hang - with_limit
    print(f"hang     {hang:7.2f} s  {cost:+.2f} s for one fit of fit_timeout=1 s")


def timed(search):
    begin = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - begin


def theirs(n_iter):
    shared = dict(n_iter=n_iter, cv=N_FOLDS, n_jobs=N_JOBS, refit=False, random_state=0)
    return timed(RandomizedSearchCV(Sleeper(), SPACE, **shared))


def ours(n_iter, estimator=None, **parameters):
    estimator = Sleeper() if estimator is None else estimator
    shared = dict(n_iter=n_iter, cv=N_FOLDS, n_jobs=N_JOBS, refit=False, random_state=0)
    search = BayesSearchCV(estimator, SPACE, optimizer="random", **shared, **parameters)
    return timed(search)


def own(n_iter):
    return ours(n_iter, fit_timeout=100.0)


def with_fault(fault, n_iter, **parameters):
    ours(2)  # starts the workers
    with tempfile.TemporaryDirectory() as folder:
        once = str(Path(folder, "once"))
        return ours(n_iter, Sleeper(fault=fault, once=once), **parameters)


if __name__ == "__main__":
    sys.exit(main())
