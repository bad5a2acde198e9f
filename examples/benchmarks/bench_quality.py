"""How good are the settings found after 10, 25 and 50 evaluations, on real data?

Searches on real tuning problems (Bayesmark's definitions, see ``_problems.py``):
skhpo's BayesSearchCV beside random search, Optuna's TPE and GPSampler and
scikit-optimize. The score of a search is its normalised regret

    r = (loss of its best so far - best) / (clip - best), clipped to [-1, 1]

where *best* is the lowest loss of any run of any method on this problem and *clip* the
median loss of a single random evaluation: 0 = as good as the best known, 1 = no better
than one random guess. A failed evaluation never improves the best so far.

Each finished run is appended to a file of JSON lines, so that an interrupted benchmark
goes on where it stopped; ``--rerun ours`` measures a method anew.

Methods may carry options: ``ours:n_points=1``, ``tpe:multivariate=True,group=True``,
``gpsampler:default_first=True`` (evaluates the estimator's own parameters first, where
they lie in the space, as BayesSearchCV does by default).
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _methods
import _problems
import numpy as np
from scipy.stats import rankdata

#: Cheap, and over all models, kinds of data and metrics. Half of the tree problems'
#: settings share one value (plateaus); lasso/diabetes has categorical dimensions.
SUITE = (
    "kNN/breast/nll",
    "SVM/wine/acc",
    "SVM/diabetes/mae",
    "DT/breast/nll",
    "DT/wine/acc",
    "DT/diabetes/mse",
    "RF/wine/nll",
    "MLP-adam/wine/nll",
    "MLP-sgd/breast/acc",
    "ada/wine/acc",
    "lasso/diabetes/mse",
    "linear/breast/nll",
)
QUICK = ("kNN/breast/nll", "DT/wine/acc", "DT/diabetes/mse", "lasso/diabetes/mse")
METHODS = ("random", "tpe", "gpsampler", "skopt", "ours")
CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_quality.jsonl"


# ------------------------------------------------------------------------------ runs


def main():
    args = parse_arguments()
    wanted = [
        (problem, method, seed, args.n_iter)
        for seed in range(args.seeds)
        for problem in args.problems
        for method in args.methods
    ]
    runs = read_cache(args.cache, args.rerun)
    missing = [key for key in wanted if key not in runs]
    _common.progress(f"{len(wanted) - len(missing)} runs known, {len(missing)} to do")
    for record in run_all(missing, args.jobs):
        append(args.cache, record)
        runs[key_of(record)] = record

    print(__doc__.split("\n\n")[0])
    _common.print_machine(_common.PACKAGES + _common.PEERS)
    report(Regrets(runs, args), args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--problems", nargs="+", default=SUITE, help="names as kNN/breast/nll, or all")
    add("--methods", nargs="+", default=METHODS, help="name or name:key=value,...")
    add("--seeds", type=int, default=5, help="runs per problem and method")
    add("--n-iter", type=int, default=50, help="evaluations per run")
    add("--jobs", type=int, default=1, help="processes over the runs")
    add("--quick", action="store_true", help="4 problems, 2 seeds, 25 evaluations")
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--rerun", nargs="*", default=(), help="methods whose known runs are ignored")
    add("--per-problem", action="store_true", help="also print regret per problem")
    args = parser.parse_args()
    if args.quick:
        args.problems, args.seeds, args.n_iter = QUICK, 2, 25
    if list(args.problems) == ["all"]:
        args.problems = _problems.ALL
    check(parser, args)
    return args


def check(parser, args):
    """Refuse a misspelt name before the first run, not after an hour."""
    for name in args.problems:
        if name not in _problems.ALL:
            parser.error(f"unknown problem {name!r}; all: {', '.join(_problems.ALL)}")
    for spec in args.methods:
        try:
            _methods.parse(spec)
        except ValueError as error:
            parser.error(str(error))


def key_of(record):
    return record["problem"], record["method"], record["seed"], record["n_iter"]


def read_cache(path, rerun):
    """Known runs by key; of two runs with one key the later counts."""
    if not path.exists():
        return {}
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return {key_of(r): r for r in records if r["method"] not in rerun}


def append(path, record):
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def run_all(keys, n_jobs):
    """Records of finished runs as they arrive."""
    start = time.perf_counter()
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        futures = [pool.submit(run, *key) for key in keys]
        for number, future in enumerate(as_completed(futures), 1):
            record = future.result()
            progress(record, number, len(keys), time.perf_counter() - start)
            yield record


def run(problem, method, seed, n_iter):
    """One search. Never raises: a method that breaks keeps what it had found."""
    function, options = _methods.parse(method)
    start = time.perf_counter()
    trace, error = _methods.Trace(), None
    try:
        function(_problems.Problem(problem), n_iter, seed, trace, **options)
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    return {
        "problem": problem,
        "method": method,
        "seed": seed,
        "n_iter": n_iter,
        "scores": [s if np.isfinite(s) else None for s in trace.scores],
        "suggest_ms": 1e3 * trace.suggest_seconds / max(len(trace.scores), 1),
        "seconds": time.perf_counter() - start,
        "error": error,
    }


def progress(record, number, n_runs, seconds):
    best = max((s for s in record["scores"] if s is not None), default=float("nan"))
    note = f"  {record['error']}" if record["error"] else ""
    _common.progress(
        f"[{number}/{n_runs}, {seconds:.0f} s] {record['problem']} {record['method']} "
        f"seed {record['seed']}: {best:.5g} in {record['seconds']:.1f} s{note}"
    )


# --------------------------------------------------------------------------- regrets


class Regrets:
    """Normalised regret after each evaluation: ``curves[method][problem]``.

    Each curve is an array (seeds, n_iter).
    """

    def __init__(self, runs, args):
        self.methods, self.problems = list(args.methods), list(args.problems)
        self.n_iter, self.runs = args.n_iter, runs
        self.seeds = range(args.seeds)
        self.curves = {m: {} for m in self.methods}
        for problem in self.problems:
            best, clip = self._scale(problem)
            for method in self.methods:
                loss = [self._best_so_far(r) for r in self.of(problem, method)]
                regret = (np.array(loss) - best) / max(clip - best, 1e-12)
                self.curves[method][problem] = np.clip(regret, -1, 1)

    def of(self, problem, method):
        keys = [(problem, method, seed, self.n_iter) for seed in self.seeds]
        return [self.runs[key] for key in keys]

    def _best_so_far(self, record):
        """Lowest loss after each evaluation (n_iter,); inf before the first success."""
        loss = np.full(self.n_iter, np.inf)
        scores = record["scores"][: self.n_iter]
        loss[: len(scores)] = [np.inf if s is None else -s for s in scores]
        return np.minimum.accumulate(loss)

    def _scale(self, problem):
        """Best loss of any known run, and the median loss of a random evaluation."""
        records = [r for r in self.runs.values() if r["problem"] == problem]
        losses = [-s for r in records for s in r["scores"] if s is not None]
        random = [r for r in records if r["method"] == "random"] or records
        guesses = [-s for r in random for s in r["scores"] if s is not None]
        return min(losses), float(np.median(guesses))

    def at(self, method, evaluation):
        """Regret (problems, seeds) after so many evaluations."""
        curves = self.curves[method]
        return np.array([curves[p][:, evaluation - 1] for p in self.problems])


def report(regrets, args):
    marks = [m for m in (10, 25) if m < args.n_iter] + [args.n_iter]
    final = {m: regrets.at(m, args.n_iter) for m in regrets.methods}
    order = sorted(regrets.methods, key=lambda m: final[m].mean())
    ranks = rankdata([final[m].mean(axis=1) for m in order], axis=0)
    rows = []
    for method, rank in zip(order, ranks, strict=True):
        means = [float(regrets.at(method, mark).mean()) for mark in marks]
        low, high = interval(final[method])
        gap = interval(final[method] - final[order[0]])
        records = [r for p in regrets.problems for r in regrets.of(p, method)]
        rows.append(
            [
                method,
                *means,
                f"[{low:.3f}, {high:.3f}]",
                f"[{gap[0]:+.3f}, {gap[1]:+.3f}]",
                f"{rank.mean():.2f}",
                int((rank == ranks.min(axis=0)).sum()),
                f"{np.mean([r['suggest_ms'] for r in records]):.1f}",
                sum(r["error"] is not None for r in records),
            ]
        )
    _common.print_table(
        f"Normalised regret, mean over {len(regrets.problems)} problems x "
        f"{args.seeds} seeds (0 = best known, 1 = a random guess)",
        [
            "method",
            *(f"r@{mark}" for mark in marks),
            "95 %",
            "behind first, 95 %",
            "rank",
            "wins",
            "CPU ms/ask",
            "errors",
        ],
        rows,
    )
    if args.per_problem:
        report_problems(final, order, regrets.problems)
    print_errors(regrets)


def interval(regret, n_draws=4000):
    """95 % bootstrap interval of the mean of (problems, seeds), over both.

    Problems are drawn with replacement, and within each its seeds: the differences of
    two methods are paired by problem; their seeds have nothing in common.
    """
    rng = np.random.default_rng(0)
    n_problems, n_seeds = regret.shape
    problems = rng.integers(n_problems, size=(n_draws, n_problems, 1))
    seeds = rng.integers(n_seeds, size=(n_draws, n_problems, n_seeds))
    means = regret[problems, seeds].mean(axis=(1, 2))
    return np.quantile(means, [0.025, 0.975])


def report_problems(final, order, problems):
    rows = [
        [problem, *(float(final[m][number].mean()) for m in order)]
        for number, problem in enumerate(problems)
    ]
    _common.print_table("Regret at the end, per problem", ["problem", *order], rows)


def print_errors(regrets):
    for method in regrets.methods:
        records = [r for p in regrets.problems for r in regrets.of(p, method)]
        for text in sorted({r["error"] for r in records if r["error"]}):
            print(f"{method}: {text}")


if __name__ == "__main__":
    main()
