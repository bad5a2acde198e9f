"""Is the score that is reported after tuning true?

Each repetition draws a data set of its own (25 features; "signal": 5 of them
informative, some labels wrong; "noise": labels that nothing explains, as many of each
class), searches 100 candidates of a least-squares support vector machine (C and gamma)
with 5 folds, and compares each estimate with the accuracy of the refitted winner on
3000 fresh rows (of noise: exactly 0.5).

Estimates: ``best`` is best_score_; ``bbc`` score_estimate_ from stored predictions;
``tt`` score_estimate_ from the scores of the folds; ``nested`` the mean of 5 outer
folds around the whole search. Searches: ``random`` (with nested), ``racing`` (random
with racing="forgiving"), ``paired`` (random with racing="paired"), ``gp``
(adaptive), ``gp-racing``, ``gp-paired``, ``gp300`` (300 candidates), ``gp-nested``.

Printed: bias and its standard error, root mean squared error; of nominal 95 % intervals
the coverage, the width, and the width as a multiple of the pooled normal interval
2 x 1.96 sqrt(s (1 - s) / n).
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import StratifiedKFold, cross_validate

from skhpo import BayesSearchCV
from skhpo.model_selection import score_estimate

FILE = Path(tempfile.gettempdir()) / "skhpo_bench_optimism.jsonl"
METHODS = ("random", "racing", "paired", "gp", "gp-racing", "gp-paired")
METHODS += ("gp300", "gp-nested")
DEFAULT = ("random", "racing", "paired", "gp", "gp-racing", "gp-paired")
N_FRESH = 3000
Z = 1.96


class LeastSquaresSVC(ClassifierMixin, BaseEstimator):
    """A support vector machine with squared loss: one linear system, no checks.

    (K + I / C) alpha = y,  K_ij = exp(-gamma |x_i - x_j|^2),  y = -1 or 1
    """

    def __init__(self, C=1.0, gamma=0.1):
        self.C = C
        self.gamma = gamma

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.X_ = X
        K = self._kernel(X)
        K.flat[:: len(X) + 1] += 1 / self.C
        self.alpha_ = np.linalg.solve(K, np.where(y == self.classes_[1], 1.0, -1.0))
        return self

    def _kernel(self, X):
        squares = (X**2).sum(1)[:, None] + (self.X_**2).sum(1) - 2 * X @ self.X_.T
        return np.exp(-self.gamma * squares)

    def decision_function(self, X):
        return self._kernel(X) @ self.alpha_

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


SPACE = {"C": (1e-3, 1e4, "log-uniform"), "gamma": (1e-5, 1e1, "log-uniform")}


# --------------------------------------------------------------------- one repetition


def draw(data, repetition, n_rows):
    """Rows to tune on, and fresh ones: X, y, X_fresh, y_fresh."""
    if data == "noise":
        rng = np.random.default_rng(repetition)
        y = rng.permutation(np.arange(n_rows) % 2)
        return rng.normal(size=(n_rows, 25)), y, None, None
    X, y = make_classification(
        n_rows + N_FRESH,
        n_features=25,
        n_informative=5,
        n_redundant=0,
        flip_y=0.15,
        random_state=repetition,
    )
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def racing_of(method):
    rules = {"racing": "forgiving", "paired": "paired"}
    return rules.get(method.removeprefix("gp-"))


def make_search(method, repetition, n_iter):
    adaptive = method.startswith("gp")
    return BayesSearchCV(
        LeastSquaresSVC(),
        SPACE,
        n_iter=3 * n_iter if method == "gp300" else n_iter,
        optimizer="gp" if adaptive else "random",
        cv=StratifiedKFold(5, shuffle=True, random_state=repetition),
        racing=racing_of(method),
        store_predictions=True,
        random_state=repetition,
    )


def run(data, method, repetition, n_rows, n_iter):
    """The record of one repetition."""
    start = time.perf_counter()
    X, y, X_fresh, y_fresh = draw(data, repetition, n_rows)
    search = make_search(method, repetition, n_iter).fit(X, y)
    truth = 0.5 if X_fresh is None else float(search.score(X_fresh, y_fresh))
    record = dict(data=data, method=method, repetition=repetition, truth=truth)
    record |= dict(n_rows=n_rows, n_iter=n_iter, best=float(search.best_score_))
    for name in ("bbc", "tt"):
        estimate = score_estimate(search)
        record[name] = estimate.score
        record[f"{name}_interval"] = estimate.interval()
        if name == "bbc":
            del search.predictions_  # what is left are the scores of the folds
    if method in ("random", "gp-nested"):
        record["nested"] = nested_score(method, X, y, repetition, n_iter)
    return record | dict(seconds=time.perf_counter() - start)


def nested_score(method, X, y, repetition, n_iter):
    search = make_search(method, repetition, n_iter).set_params(store_predictions=False)
    outer = StratifiedKFold(5, shuffle=True, random_state=10_000 + repetition)
    return float(cross_validate(search, X, y, cv=outer)["test_score"].mean())


# ------------------------------------------------------------------------- all of them


def key_of(record):
    names = ("data", "method", "repetition", "n_rows", "n_iter")
    return tuple(record[name] for name in names)


def read(path):
    """Finished records; the last line may be half a line."""
    if not path.exists():
        return {}
    records = map(json.loads, path.read_text().split("\n")[:-1])
    return {key_of(record): record for record in records}


def complete(wanted, known, path, n_jobs):
    """Run what is missing; each record is appended to the file when it is done."""
    missing = [key for key in wanted if key not in known]
    _common.progress(f"{len(wanted) - len(missing)} known, {len(missing)} to do")
    if not missing:
        return
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    with ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        futures = [pool.submit(run, *key) for key in missing]
        for number, future in enumerate(as_completed(futures), 1):
            record = future.result()
            with path.open("a") as file:
                file.write(json.dumps(record) + "\n")
            known[key_of(record)] = record
            if number % 20 == 0:
                seconds = time.perf_counter() - start
                _common.progress(f"[{number}/{len(missing)}, {seconds:.0f} s]")


def bias_row(name, records, estimate):
    errors = np.array([r[estimate] - r["truth"] for r in records])
    se = errors.std(ddof=1) / np.sqrt(len(errors)) if len(errors) > 1 else np.nan
    rmse = float(np.sqrt(np.mean(errors**2)))
    return [name, estimate, len(errors), float(errors.mean()), float(se), rmse]


def interval_row(name, records, estimate):
    bounds = np.array([r[f"{estimate}_interval"] for r in records])
    truth = np.array([r["truth"] for r in records])
    covered = float(np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])))
    width = float(np.mean(bounds[:, 1] - bounds[:, 0]))
    return [
        name,
        estimate,
        len(records),
        covered,
        width,
        width / _pooled_width(records),
    ]


def _pooled_width(records):
    s = np.clip([r["bbc"] for r in records], 0.01, 0.99)
    n = np.array([r["n_rows"] for r in records])
    return float(np.mean(2 * Z * np.sqrt(s * (1 - s) / n)))


def report(records, data, methods):
    biases, intervals = [], []
    for method in methods:
        for kind in (*data, "all"):
            own = [r for r in records if r["method"] == method]
            own = [r for r in own if kind in (r["data"], "all")]
            if not own:
                continue
            name = f"{method}, {kind}"
            estimates = ["best", "bbc", "tt"] + ["nested"] * ("nested" in own[0])
            biases += [bias_row(name, own, e) for e in estimates]
            intervals += [interval_row(name, own, e) for e in ("bbc", "tt")]
    headers = ["search, data", "estimate", "runs", "bias", "+-", "RMSE"]
    _common.print_table("Estimate minus true accuracy of the winner", headers, biases)
    headers = ["search, data", "estimate", "runs", "covered", "width", "x pooled"]
    _common.print_table("Nominal 95 % intervals", headers, intervals)


def main():
    args = parse_arguments()
    _common.print_machine()
    sizes = (args.rows, args.n_iter)
    wanted = [
        (data, method, repetition, *sizes)
        for repetition in range(args.first, args.first + args.repetitions)
        for method in args.methods
        for data in args.data
    ]
    known = read(args.file)
    if not args.only_known:
        complete(wanted, known, args.file, args.jobs)
    report([known[key] for key in wanted if key in known], args.data, args.methods)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--methods", nargs="+", default=DEFAULT, choices=METHODS)
    parser.add_argument("--data", nargs="+", default=["signal", "noise"])
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--n-iter", type=int, default=100, help="candidates")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--file", type=Path, default=FILE, help="of finished runs")
    parser.add_argument("--only-known", action="store_true", help="print what is there")
    parser.add_argument("--quick", action="store_true", help="4 runs, 20 candidates")
    args = parser.parse_args()
    if args.quick:
        args.repetitions, args.n_iter = 4, 20
    return args


if __name__ == "__main__":
    main()
