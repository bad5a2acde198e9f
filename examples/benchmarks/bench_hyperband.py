"""Does Hyperband find better models in the same CPU time?

Real fits on four tasks that were fixed before any figure was seen: boosting and a
linear model on 20,000 rows, a network on digits, and a support vector machine on
imbalanced data where rows are the resource. Each search tunes on one half of the
data and is judged on the other. Every method has the CPU seconds that ``gp`` took for
its plan, HyperbandSearchCV as it is by default:

- ``gp``: HyperbandSearchCV(optimizer="gp"), its plan to the end;
- ``hyperband``: the same plan with random candidates, to its end;
- ``random``: RandomizedSearchCV, one full candidate after the other;
- ``halving``: HalvingRandomSearchCV over the same rungs, again and again with new
  candidates; the best of the last rungs counts;
- ``top-k``: of 27 candidates for the fewest units the best is trained in full, with no
  halving in between, again and again;
- ``dask``: dask-ml's HyperbandSearchCV with its one hold-out set, again and again,
  where it is installed and the model has ``partial_fit`` (``pip install dask-ml
  dask==2025.1.0 distributed==2025.1.0``: its release of 2025 fails with newer ones).

Each finished run is appended to a file of JSON lines: an interrupted benchmark goes on
where it stopped, more seeds are added to it, and several processes with different seeds
may write to one file.

    python bench_hyperband.py --quick                  # about 2 minutes of CPU time
    python bench_hyperband.py --seeds 10 --sweeps 2    # hours
    python bench_hyperband.py --seeds 10 --sweeps 2 --only-known
"""

import argparse
import tempfile
import warnings
from itertools import product
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _rungs
import _runs
import numpy as np
from scipy.stats import wilcoxon

CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_hyperband.jsonl"
TASKS = {task.name: task for task in _rungs.TASKS}
CLOCK = "gp"  # whose CPU seconds the others have
SIZE = ("rows", "units", "sweeps")  # what makes runs comparable


# ---------------------------------------------------------------------------- command


def main():
    args = parse_arguments()
    runs = read(args.cache)
    warnings.simplefilter("ignore")
    if args.judge_again:
        judge_again(runs, args)
    elif not args.only_known:
        complete(runs, args)
    print(__doc__.split("\n\n")[0])
    _common.print_machine((*_common.PACKAGES, "dask-ml", "distributed"))
    print(f"{args.rows} rows, {args.units} units, {args.sweeps} sweeps")
    report(results_of(runs, args), args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--quick", action="store_true", help="1000 rows, 9 units, 2 seeds")
    add("--seeds", type=int, help="default: 3, with --quick 2")
    add("--first-seed", type=int, default=0)
    add("--rows", type=int, help="to tune on: 20000, quick 1000")
    add("--units", type=int, help="of a full model: 81, quick 9")
    add("--sweeps", type=int, default=1, help="of Hyperband")
    add("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    add("--methods", nargs="+", default=_rungs.BY_DEFAULT, choices=_rungs.METHODS)
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--only-known", action="store_true", help="report what is known, run nothing")
    add("--judge-again", action="store_true", help="test scores of known runs anew")
    args = parser.parse_args()
    args.rows = args.rows or (1000 if args.quick else 20_000)
    args.units = args.units or (9 if args.quick else 81)
    n_seeds = args.seeds or (2 if args.quick else 3)
    args.seeds = range(args.first_seed, args.first_seed + n_seeds)
    args.methods = [CLOCK, *[m for m in args.methods if m != CLOCK]]
    return args


# ------------------------------------------------------------------------------- runs


def key_of(record):
    names = (*SIZE, "task", "seed", "method")
    return tuple(record[name] for name in names)


def read(path):
    """The runs that are known, by key; of two with one key the later counts."""
    return {key_of(record): record for record in _runs.records([path])}


def wanted(args):
    """What is to be run, a seed after the other; the one first that sets the clock."""
    for seed, task, method in product(args.seeds, args.tasks, args.methods):
        yield dict(
            rows=args.rows,
            units=args.units,
            sweeps=args.sweeps,
            task=task,
            seed=seed,
            method=method,
        )


def complete(runs, args):
    """Do the runs that are missing; each is appended to the file when it is done."""
    for run in wanted(args):
        task, method = TASKS[run["task"]], run["method"]
        if key_of(run) in runs:
            continue
        name = f"{task.name}, seed {run['seed']}: {method}"
        reason = _rungs.why_not(method, task)
        _common.progress(f"{name} is skipped: {reason}" if reason else name)
        if reason is None:
            record = {**run, **measure(runs, run)}
            _runs.append(args.cache, record)
            runs[key_of(run)] = record


def judge_again(runs, args):
    """Judge anew what known runs found; of earlier sweeps nothing else is kept."""
    for run in wanted(args):
        record = runs.get(key_of(run))
        if record is not None:
            record = {**record, "test": _rungs.judge_again(record)}
            if record["by_sweep"]:
                last = [record["cv"], record["test"]]
                record["by_sweep"] = [*record["by_sweep"][:-1], last]
            _runs.append(args.cache, record)
            runs[key_of(run)] = record


def measure(runs, run):
    seconds = None
    if run["method"] != CLOCK:
        seconds = runs[key_of({**run, "method": CLOCK})]["seconds"]
    task, size = TASKS[run["task"]], [run[name] for name in SIZE]
    return _rungs.measure(task, run["method"], run["seed"], *size, seconds)


def results_of(runs, args):
    """{task: {seed: {method: record}}} of what is known of what was asked for."""
    return _runs.by_task(runs[key_of(r)] for r in wanted(args) if key_of(r) in runs)


# ---------------------------------------------------------------------------- reports


def report(results, args):
    """Print the scores of each task, and ours against each other method."""
    report_means(results, args.methods)
    for ours in ("gp", "hyperband"):
        if ours in args.methods:
            others = [method for method in args.methods if method != ours]
            report_differences(results, ours, others, "test", "Test score")
            others = [m for m in others if m != "dask"]  # scored on other rows
            report_differences(results, ours, others, "cv", "CV score")
    report_speed(results)
    if "gp" in args.methods:
        report_sweeps(results, args.sweeps)


def report_means(results, methods):
    rows = []
    for task, method in product(results, methods):
        found = [of[method] for of in results[task].values() if method in of]
        if found:
            test, cv, seconds = (
                np.mean([run[name] for run in found])
                for name in ("test", "cv", "seconds")
            )
            texts = f"{test:.4f}", f"{cv:.4f}", f"{seconds:.1f}"
            rows.append([task, method, len(found), *texts])
    headers = ["task", "method", "seeds", "test score", "CV score", "CPU s"]
    _common.print_table("Means over seeds", headers, rows)


def report_differences(results, ours, others, measure, title):
    """One of ours minus the others: per task, and pooled over all pairs."""
    rows = []
    for method in others:
        by_task = {
            task: differences([(ours, measure), (method, measure)], of.values())
            for task, of in results.items()
        }
        rows += [[method, *summary(task, d)] for task, d in by_task.items() if len(d)]
        pooled = np.concatenate([*by_task.values(), []])
        if len(pooled):
            rows.append([method, *summary("ALL", pooled)])
    headers = [f"{ours} -", "task", "n", "mean", "better", "worse", "p greater"]
    _common.print_table(f"{title}, paired by task and seed", headers, rows)


def differences(pair, found):
    """The differences of two (method, measure) over the seeds that have both."""
    (a, x), (b, y) = pair
    both = [of for of in found if a in of and b in of]
    return np.array([_value(of[a], x) - _value(of[b], y) for of in both])


def _value(record, measure):
    """A number of a record; ``("test", 0)`` is the test score after the first sweep."""
    if isinstance(measure, str):
        return record[measure]
    name, sweep = measure
    return record["by_sweep"][sweep][("cv", "test").index(name)]


def summary(name, d):
    """n, mean, how often better and worse, one-sided p of the signed-rank test."""
    p = "-"
    if len(d) > 4 and d.any():
        p = f"{wilcoxon(d, alternative='greater').pvalue:.3f}"
    return [name, len(d), f"{d.mean():+.4f}", (d > 0).sum(), (d < 0).sum(), p]


def report_speed(results):
    """How much sooner the CV score is there with which RandomizedSearchCV ends."""
    rows, everything = [], []
    for task, of in results.items():
        pairs = [
            speed(found[CLOCK], found["random"])
            for found in of.values()
            if {CLOCK, "random"} <= {*found}
        ]
        everything += pairs
        rows.append([task, *speed_texts(pairs)])
    rows.append(["ALL", *speed_texts(everything)])
    _common.print_table(
        "CPU seconds to RandomizedSearchCV's final CV score: its own (until that model "
        "was found;\nin brackets, all that it had) over Hyperband's; median over seeds,"
        " 0 = never reached",
        ["task", "speed-up", "(of all)", "reached"],
        rows,
    )


def speed(ours, theirs):
    """(speed-up to when random search found its best, and to its end)."""
    times = [s for s, score in ours["history"] if score >= theirs["cv"]]
    if not times:
        return 0.0, 0.0
    return theirs["history"][-1][0] / times[0], theirs["seconds"] / times[0]


def speed_texts(pairs):
    if not pairs:
        return ["-", "-", "0/0"]
    found, end = np.median(pairs, axis=0)
    reached = sum(pair[0] > 0 for pair in pairs)
    return [f"{found:.2f}", f"({end:.2f})", f"{reached}/{len(pairs)}"]


def report_sweeps(results, n_sweeps):
    """Guided by the process minus not guided, after each sweep."""
    rows = []
    for measure, sweep in product(("test", "cv"), range(n_sweeps)):
        at = (measure, sweep)
        found = [of for seeds in results.values() for of in seeds.values()]
        d = differences([("gp", at), ("hyperband", at)], found)
        if len(d):
            rows.append([measure, *summary(sweep + 1, d)])
    _common.print_table(
        "optimizer='gp' minus 'random', best so far after each sweep, all tasks",
        ["score", "sweep", "n", "mean", "better", "worse", "p greater"],
        rows,
    )


if __name__ == "__main__":
    main()
