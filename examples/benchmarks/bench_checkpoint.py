"""What does ``checkpoint=`` cost, and how long does it take to go on?

``folds``
    CPU and wall time per fold with and without a checkpoint, for fits that take no
    time, one process. Pairs of runs in alternating order; medians of the differences.
``resume``
    Seconds to read back a finished random search (Bayesian: a tenth of the
    candidates), and size of its file.
``fingerprint``
    Seconds to tell whether the data are the same.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from bench_overhead import Tiny
from sklearn.datasets import load_iris

from skhpo import BayesSearchCV
from skhpo.search._checkpoint import digest

N_FOLDS = 5
SPACE = {"a": (0.0, 1.0), "seconds": [0.0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=9, help="pairs of runs")
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=500, help="of X")
    parser.add_argument("--quick", action="store_true", help="fewer of each")
    args = parser.parse_args()
    if args.quick:
        args.repeats, args.megabytes = 3, 100
    print(__doc__.split("\n\n")[0])
    _common.print_machine()
    with tempfile.TemporaryDirectory(dir=os.environ.get("SKHPO_BENCH_DIR")) as folder:
        folds(Path(folder), args)
        resume(Path(folder), args)
    fingerprint(args)


def search(n_iter, checkpoint=None, optimizer="random"):
    return BayesSearchCV(
        *(Tiny(), SPACE),
        n_iter=n_iter,
        optimizer=optimizer,
        cv=N_FOLDS,
        racing=None,
        random_state=0,
        refit=False,
        checkpoint=checkpoint,
    )


def seconds_of(fit):
    """Return (CPU, wall) seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    fit()
    return np.array([time.process_time() - cpu, time.perf_counter() - wall])


def folds(folder, args):
    X, y = load_iris(return_X_y=True)
    n = max(100, args.candidates // 5)
    plain, kept = [], []
    for number in range(args.repeats):
        path = folder / f"{number}.jsonl"
        pair = [
            (plain, lambda: search(n).fit(X, y)),
            (kept, lambda path=path: search(n, path).fit(X, y)),
        ]
        for seconds, fit in pair[:: 1 if number % 2 else -1]:
            seconds.append(seconds_of(fit))
    without, more = np.array(plain), np.array(kept) - np.array(plain)
    rows = [
        [name, *(1000 * np.median(s, axis=0) / (n * N_FOLDS)).tolist()]
        for name, s in (("without", without), ("checkpoint, more", more))
    ]
    _common.print_table(
        f"ms per fold, {n} candidates x {N_FOLDS} folds", ["", "CPU", "wall"], rows
    )


def resume(folder, args):
    X, y = load_iris(return_X_y=True)
    rows = []
    for optimizer, n in (("random", args.candidates), ("gp", args.candidates // 10)):
        path = folder / f"{optimizer}.jsonl"
        first = seconds_of(lambda o=optimizer, n=n, p=path: search(n, p, o).fit(X, y))
        again = seconds_of(lambda o=optimizer, n=n, p=path: search(n, p, o).fit(X, y))
        size = path.stat().st_size / 1e6
        rows.append([f"{optimizer}, {n} candidates", first[1], again[1], size])
    headers = ["", "first (s)", "again (s)", "file (MB)"]
    _common.print_table("Reading back a finished search", headers, rows)


def fingerprint(args):
    X = np.random.default_rng(0).random((args.megabytes * 125, 1000))
    cpu, wall = seconds_of(lambda: digest(X))
    print(f"\nFingerprint of {X.nbytes / 1e6:.0f} MB: {cpu:.2f} s CPU, {wall:.2f} s")


if __name__ == "__main__":
    main()
