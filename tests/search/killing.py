"""A search is killed again and again, at random moments, until it is done.

Run as ``python -m tests.search.killing FOLDER N_JOBS BACKEND N_KILLS``: prints how many
kills there were, and how many fits had to be done again. Everything is imported once:
each life of a search is a fork of this process, in a process group of its own.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from math import inf
from pathlib import Path

import pandas as pd
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier

from skhpo import BayesSearchCV, EvolutionarySearchCV, HyperbandSearchCV, PBTSearchCV
from tests.search.doors import SPACE, X, y
from tests.search.spies import Toy
from tests.search.tables import table

RATES = {"alpha": (1e-6, 1e-1, "log-uniform"), "eta0": (1e-3, 1.0, "log-uniform")}
SGD = SGDClassifier(learning_rate="constant")
STEPS = dict(n_steps=6, interval=2, population_size=6)
IRIS = load_iris(return_X_y=True)


class Slow(Toy):
    """Takes long enough for its folds not to be sent in lumps."""

    def fit(self, X, y=None):
        super().fit(X, y)
        time.sleep(0.04)
        return self


def searches(number, log):
    """Return a search, its data, and its number of fits if each leaves a line."""
    common = dict(cv=3, random_state=number, refit=False)
    toy, n = Slow(log=log), 15
    if number % 4 == 0:
        search = BayesSearchCV(toy, SPACE, n_iter=n, optimizer="tpe", **common)
        return search, (X, y), 3 * n
    if number % 4 == 1:
        search = EvolutionarySearchCV(toy, SPACE, n_iter=n, **common)
        return search, (X, y), 3 * n
    if number % 4 == 2:
        search = HyperbandSearchCV(
            SGD, RATES, optimizer="random", max_resource=27, **common
        )
        return search, IRIS, None
    return PBTSearchCV(SGD, RATES, **STEPS, **common), IRIS, None


def live(search, data, path, result, n_jobs, backend):
    """Run the search in a child."""
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        search.set_params(checkpoint=path, n_jobs=n_jobs)
        with parallel_config(backend=backend):
            search.fit(*data)
        beside = f"{result}.half"
        table(search).to_pickle(beside)
        os.replace(beside, result)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def n_folds_of(path):
    """Return how many folds are recorded."""
    return path.read_bytes().count(b'"event":"fold"') if path.exists() else 0


def kill(child):
    """Kill a child and its workers, if they live."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_later(child, path, n_folds, moment):
    """Kill a child at some moment; return whether it lived.

    Usually so many seconds after it did something new, or little would ever be done;
    sometimes while it begins, or reads back what was.
    """
    begins = time.monotonic() if moment < 0.05 else inf
    while n_folds_of(path) == n_folds and time.monotonic() < begins + 10 * moment:
        if os.waitpid(child, os.WNOHANG)[0]:
            kill(child)
            return False
        time.sleep(0.001)
    if moment < inf:
        time.sleep(moment)
        kill(child)
    _, status = os.waitpid(child, 0)
    kill(child)  # what it left: workers that wait for more, and hold our pipes
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the search failed")
    return os.WIFSIGNALED(status)


def end_of(number, folder, n_jobs, backend, moments):
    """Run one search to its end; return the kills, and the fits done again.

    There are as many kills as ``moments``, if it lasts so long.
    """
    log, path, result = (folder / f"{name}{number}" for name in ("log", "j", "table"))
    search, data, n_fits = searches(number, str(log))
    n_kills = 0
    while not result.exists():
        n_folds = n_folds_of(path)
        child = live(search, data, path, result, n_jobs, backend)
        n_kills += kill_later(child, path, n_folds, next(moments, inf))
    search, data, _ = searches(number, None)
    search.set_params(checkpoint=None)
    pd.testing.assert_frame_equal(
        pd.read_pickle(result), table(search.fit(*data)), check_exact=True
    )
    n_done = 0 if n_fits is None else len(log.read_text().splitlines()) - n_fits
    return n_kills, n_done


def main(folder, n_jobs, backend, n_kills):
    """Go on with new searches until there were enough kills."""
    rng = random.Random(0)
    total = number = repeated = worst = 0
    while total < n_kills:
        moments = (rng.uniform(0.0, 0.3) for _ in range(n_kills // 4))
        kills, again = end_of(number, Path(folder), n_jobs, backend, moments)
        total, repeated, number = total + kills, repeated + again, number + 1
        worst = max(worst, again - n_jobs * kills)
    print(
        json.dumps(
            {
                "searches": number,
                "kills": total,
                "repeated": repeated,
                "over": worst,  # fits done again, less n_jobs for each kill
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
