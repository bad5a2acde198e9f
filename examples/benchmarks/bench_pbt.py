"""Do settings that change during training find better models for the same epochs?

Five tasks that were fixed before any figure was seen: a linear model with a constant
rate and a network, on digits and on noisy clusters, and boosting, whose rate may fall
from round to round. Each search tunes on 60 % of the data and is judged on the rest;
all train as many units (epochs, rounds) as a population has:

- ``pbt``: PBTSearchCV; the model that is judged follows the schedule on all the data
  to tune on;
- ``resample``, ``pb2``: the same with ``explore=`` these;
- ``random``: candidates trained in full, as many as the population has members;
- ``sha``: successive halving of more candidates (HyperbandSearchCV(strategy="sha"));
- ``bayes``: BayesSearchCV, as many candidates as there are members, each fitted in full
  with settings that stay.

``last`` is a model trained with the last settings of the schedule from start to end:
what ``best_params_`` alone is worth. Each finished run is appended to a file of JSON
lines: an interrupted benchmark goes on where it stopped, and several processes with
different seeds may write to one file.

    python bench_pbt.py --quick         # about 2 minutes
    python bench_pbt.py                 # about 70 minutes of CPU time
    python bench_pbt.py --only-known
"""

import argparse
import tempfile
import warnings
from itertools import product
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _runs
import _schedules
import numpy as np
from scipy.stats import wilcoxon

CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_pbt.jsonl"
TASKS = {task.name: task for task in _schedules.TASKS}
SIZE = ("rows", "members", "units")  # what makes runs comparable
LEVEL = 0.05
FEWEST = 5  # pairs for a test


# ---------------------------------------------------------------------------- command


def main():
    args = parse_arguments()
    runs = read(args.cache)
    if not args.only_known:
        warnings.simplefilter("ignore")
        complete(runs, args)
    print(__doc__.split("\n\n")[0])
    _common.print_machine()
    print(f"{args.rows} rows at most, {args.members} members, {args.units} units")
    report(results_of(runs, args), args.methods)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="600 rows, 6 members, 20 units, 2 seeds")
    add("--seeds", type=int, help="default: 10, with --quick 2")
    add("--first-seed", type=int, default=0)
    add("--rows", type=int, help="with those to judge by: 3000, quick 600")
    add("--members", type=int, help="of the population: 16, quick 6")
    add("--units", type=int, help="of a full model: 60, quick 20")
    add("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    add("--methods", nargs="+", default=list(_schedules.METHODS))
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--only-known", action="store_true", help="report what is known, run nothing")
    args = parser.parse_args()
    unknown = set(args.methods) - set(_schedules.METHODS)
    if unknown:
        parser.error(f"unknown methods {unknown}, choose of {[*_schedules.METHODS]}")
    for name, full, quick in (
        ("rows", 3000, 600),
        ("members", 16, 6),
        ("units", 60, 20),
    ):
        if getattr(args, name) is None:
            setattr(args, name, quick if args.quick else full)
    n_seeds = args.seeds or (2 if args.quick else 10)
    args.seeds = range(args.first_seed, args.first_seed + n_seeds)
    return args


# ------------------------------------------------------------------------------- runs


def key_of(record):
    return tuple(record[name] for name in (*SIZE, "task", "seed", "method"))


def read(path):
    """The runs that are known, by key; of two with one key the later counts."""
    return {key_of(record): record for record in _runs.records([path])}


def wanted(args):
    """What is to be run, a seed after the other."""
    size = {name: getattr(args, name) for name in SIZE}
    for seed, task, method in product(args.seeds, args.tasks, args.methods):
        yield {**size, "task": task, "seed": seed, "method": method}


def complete(runs, args):
    """Do the runs that are missing; each is appended to the file when it is done."""
    missing = [run for run in wanted(args) if key_of(run) not in runs]
    for number, run in enumerate(missing, 1):
        name = f"{run['task']}, seed {run['seed']}: {run['method']}"
        _common.progress(f"[{number}/{len(missing)}] {name}")
        size = _schedules.Size(*(run[name] for name in SIZE))
        found = _schedules.measure(TASKS[run["task"]], run["method"], run["seed"], size)
        runs[key_of(run)] = {**run, **found}
        _runs.append(args.cache, runs[key_of(run)])


def results_of(runs, args):
    """{task: {seed: {method: record}}} of what is known of what was asked for."""
    return _runs.by_task(runs[key_of(r)] for r in wanted(args) if key_of(r) in runs)


# ---------------------------------------------------------------------------- reports


def report(results, methods):
    """Print the means, what replay is worth, and the population against the others."""
    report_means(results, methods)
    report_replay(results, [m for m in methods if m in _schedules.WITH_SCHEDULE])
    pairs = [("pbt", other) for other in methods if other != "pbt"]
    pairs += [("pb2", other) for other in ("random", "sha", "bayes")]
    pairs = [pair for pair in pairs if {*pair} <= {*methods}]
    report_differences(results, pairs, "test", "Test score, paired by task and seed")
    report_differences(results, pairs, "cv", "CV score, paired by task and seed")
    rivals = [m for m in methods if m not in _schedules.WITH_SCHEDULE]
    report_where_it_does_not_pay(results, rivals)


def report_means(results, methods):
    rows = []
    for task, method in product(results, methods):
        found = [of[method] for of in results[task].values() if method in of]
        if found:
            means = [_mean(found, name) for name in ("test", "last", "cv")]
            effort = f"{np.mean([run['trained'] for run in found]):.0f}"
            seconds = f"{np.mean([run['seconds'] for run in found]):.1f}"
            rows.append([task, method, len(found), *means, effort, seconds])
    headers = ["task", "method", "seeds", "test", "last", "CV", "units", "CPU s"]
    _common.print_table("Means over seeds", headers, rows)


def _mean(found, name):
    values = [run[name] for run in found if name in run]
    return f"{np.mean(values):.4f}" if values else "-"


HEADERS = ["n", "mean", "se", "wins", "ties", "losses", "p (two-sided)"]


def report_replay(results, methods):
    rows = []
    for method in methods:
        pair = (method, "test"), (method, "last")
        rows += rows_of(method, by_task(results, *pair))
    title = "Test score: schedule replayed - its last settings held constant"
    _common.print_table(title, ["method", "task", *HEADERS], rows)


def report_differences(results, pairs, measure, title):
    rows = []
    for ours, other in pairs:
        found = by_task(results, (ours, measure), (other, measure))
        rows += rows_of(f"{ours} - {other}", found)
    _common.print_table(title, ["", "task", *HEADERS], rows)


def report_where_it_does_not_pay(results, rivals):
    """Say it in words, since tables are read for what one hopes to find."""
    print(f"\nWhere it does not pay (test score; no lead with p < {LEVEL}):")
    for task, rival in product(results, rivals):
        d = by_task({task: results[task]}, ("pbt", "test"), (rival, "test"))[task]
        if len(d) and not (d.mean() > 0 and p_value(d) < LEVEL):
            significant = d.mean() < 0 and p_value(d) < LEVEL
            what = "worse than" if significant else "not clearly better than"
            print(
                f"  {task}: {what} {rival} ({d.mean():+.4f}, {(d > 0).sum()} wins of "
                f"{len(d)}, p = {p_text(d)})"
            )


def by_task(results, ours, other):
    """{task: differences of two (method, measure) over the seeds that have both}."""
    return {
        task: np.round(
            [
                of[ours[0]][ours[1]] - of[other[0]][other[1]]
                for of in seeds.values()
                if ours[0] in of and other[0] in of
            ],
            12,  # digits: means of equal scores are ties
        )
        for task, seeds in results.items()
    }


def rows_of(name, found):
    """A row per task and one of all pairs."""
    everything = np.concatenate([*found.values(), []])
    found = {task: d for task, d in found.items() if len(d)}
    rows = [[name, task, *summary(d)] for task, d in found.items()]
    return rows + ([[name, "ALL", *summary(everything)]] if len(found) > 1 else [])


def summary(d):
    """n, mean, standard error, wins, ties, losses, p."""
    se = f"{d.std(ddof=1) / np.sqrt(len(d)):.4f}" if len(d) > 1 else "-"
    counts = [int(c) for c in ((d > 0).sum(), (d == 0).sum(), (d < 0).sum())]
    return [len(d), f"{d.mean():+.4f}", se, *counts, p_text(d)]


def p_value(d):
    """Of Wilcoxon's signed-rank test, two-sided; 1 where there is nothing to test."""
    return float(wilcoxon(d).pvalue) if len(d) >= FEWEST and d.any() else 1.0


def p_text(d):
    return f"{p_value(d):.3f}" if len(d) >= FEWEST else "-"


if __name__ == "__main__":
    main()
