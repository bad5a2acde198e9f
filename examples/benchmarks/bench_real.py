"""Who finds better models on real tables, in the same CPU seconds?

Whole searches (``_real_methods.py``) of pipelines on tables with text and missing
values (``_tables.py``), two of seven families of models per table (``_tasks.py``).
A task's budget is the CPU time of 25 random candidates, 20 seconds at most, and a third
of that. Everything that a method does counts: fits, suggestions, its final fit.

The reference is what random search is expected to have found after as many seconds
(``_reference.py``): 150 random candidates are measured once per task and averaged over
400 orders. At most 2,000 rows are trained on, and the others are the test set.

    python bench_real.py --quick                          # two minutes
    python bench_real.py --tables DIR --jobs 2            # hours
    python bench_real.py --tables DIR --n-tasks 12        # a cheap part of it
    python bench_real.py --tables DIR --max-seconds 2     # small budgets
    python bench_real.py --methods ours "ours:racing=None,price=None"  # alone
    python bench_real.py --only-known --picture FILE      # curves, of what is known
    python bench_real.py --pool --seeds 5                 # strategies, simulated
    python bench_real.py --tables DIR --record-pool       # fits for that; an hour

Without ``--tables`` the tables are those that come with scikit-learn. A folder of
tables has ``catalog.csv`` with the columns name and task ("classification" or
"regression"), and ``name.csv`` or ``name.csv.gz``, whose column ``target`` is
predicted. Finished parts are kept in a file of JSON lines, and are skipped.

Reading the tables:

- factor: CPU that random search needs for the inner score of the method, over the CPU
  of the method; the geometric mean, and its 95 % interval over tables. A score that
  random search is not expected to reach with all its candidates counts as reached at
  their end; "beyond" counts these runs.
- CPU: what the method used, in budgets; the factor uses this.
- test: runs with a better and with a worse test score than random search is expected
  to have at the same CPU, final fits included. Gain: the mean difference, in robust
  standard deviations of the test scores of random candidates, with its 95 % interval.
  Scores below those of a model that ignores the columns count as these.
- < own: share of runs that end below the setting that the estimator has by itself.
- missing: runs that found nothing, or that the method cannot do.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _pool
import _real_methods
import _reference
import _runs
import _tables
import _tasks
import numpy as np
from scipy.stats import rankdata

METHODS = (
    *("ours", "ours:racing=None", "ours:price=None", "ours:racing=None,price=None"),
    *("ours:max_time=True", "hyperband", "evolution"),
    *("halving", "optuna", "skopt", "genetic", "flaml"),
)
QUICK_METHODS = ("ours", "hyperband", "evolution") + METHODS[-5:]
#: Cheap ones of the tasks on scikit-learn's tables.
QUICK_TASKS = (
    *("boosting/sklearn.breast_cancer", "svm/sklearn.diabetes"),
    *("linear/sklearn.diabetes", "neighbors/sklearn.wine"),
)
SHARES = (1.0, 1 / 3)  # of a budget
CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_real.jsonl"
N_DRAWS = 2000  # of the bootstrap


# ---------------------------------------------------------------------------- command


def main():
    args = parse_arguments()
    if args.record_pool is not None:
        record_pools(args)
    elif args.pool:
        _common.print_machine()
        _pool.report(args.pool_folder, args.seeds)
    else:
        compare(args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tables", metavar="DIR", help="folder with catalog.csv and tables")
    add("--quick", action="store_true", help="small budgets, four cheap tasks")
    add("--methods", nargs="+", help=f"of {', '.join(_real_methods.METHODS)}")
    add("--seeds", type=int, default=1, help="runs per task and method")
    add("--families", nargs="+", default=[*_tasks.FAMILIES], choices=_tasks.FAMILIES)
    add("--only", nargs="+", metavar="TABLE", help="tables")
    add("--n-tasks", type=int, help="the first of a fixed, shuffled order")
    add("--max-seconds", type=float, help="CPU of a budget at most: 20, quick 0.6")
    add("--jobs", type=int, default=1, help="processes")
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--only-known", action="store_true", help="report what is known, run nothing")
    add("--picture", type=Path, help="also draw score over CPU seconds, by family")
    add("--rerun", nargs="*", default=(), help="methods whose known runs are ignored")
    add("--pool", action="store_true", help="simulate strategies on recorded fits")
    add("--record-pool", nargs="*", metavar="TASK", help="record fits of these tasks")
    add("--pool-folder", type=Path, default=_pool.FOLDER, help="of recorded fits")
    args = parser.parse_args()
    # candidates in a budget and in the reference; CPU seconds of a budget at most
    *counts, limit = (5, 15, 0.6) if args.quick else (25, 150, 20.0)
    args.size = (*counts, args.max_seconds or limit)
    args.methods = args.methods or (QUICK_METHODS if args.quick else METHODS)
    for spec in args.methods:
        try:
            _real_methods.parse(spec)
        except ValueError as error:
            parser.error(str(error))
    args.tasks = chosen_tasks(args)
    return args


def chosen_tasks(args):
    """Names of the tasks that were asked for."""
    names = _tasks.task_names(_tables.names(args.tables))
    if args.quick and args.tables is None:
        names = list(QUICK_TASKS)
    order = np.random.default_rng(0).permutation(len(names))
    if args.n_tasks is not None:
        names = [names[k] for k in order]
    chosen = []
    for name in names:
        family, _, table = name.partition("/")
        if family in args.families and (not args.only or table in args.only):
            chosen.append(name)
    possible = [name for name in chosen if _tasks.is_possible(name)]
    if len(possible) < len(chosen):
        _common.progress(f"{len(chosen) - len(possible)} tasks need lightgbm")
    return possible[: args.n_tasks]


def record_pools(args):
    """Record the named tasks, or those of the eight that are missing."""
    missing = (
        t for t in _pool.TASKS if not _pool.path_of(t, args.pool_folder).exists()
    )
    for name in args.record_pool or missing:
        _pool.record(_tasks.Task(name, args.tables), args.pool_folder)


def compare(args):
    known = Known(_runs.records([args.cache]), args.size, args.rerun)
    if not args.only_known:
        complete_references(known, args)
        complete_runs(known, args)
    print(__doc__.split("\n\n")[0])
    _common.print_machine(
        (*_common.PACKAGES, "lightgbm", "optuna", "optuna-integration")
        + ("scikit-optimize", "sklearn-genetic-opt", "flaml")
    )
    report(known, args)
    if args.picture:
        import _real_picture

        _real_picture.draw(known, args)


# ------------------------------------------------------------------------------- runs


class Known:
    """What is known of tasks and of runs with one size; the later line counts."""

    def __init__(self, records, size, rerun=()):
        self.size = list(size)
        self.references, self.runs = {}, {}
        for record in records:
            if record.get("method") not in rerun:
                self.add(record)

    def add(self, record):
        if record["size"] != self.size:
            return
        if "candidates" in record:
            self.references[record["task"]] = record
        else:
            key = record["task"], record["method"], record["seed"], record["share"]
            self.runs[key] = record

    @cache  # noqa: B019 - one object per process
    def curve(self, task):
        reference = self.references[task]
        return _reference.Curve.of(reference["candidates"], reference["constant"])

    def budget(self, task):
        n_candidates, _, max_seconds = self.size
        return _reference.budget(self.curve(task), n_candidates, max_seconds)


def complete_references(known, args):
    missing = [task for task in args.tasks if task not in known.references]
    jobs = [(task, args.tables, args.size) for task in missing]
    for record in in_processes(reference, jobs, args.jobs):
        _runs.append(args.cache, record)
        known.add(record)
        for note in record["notes"]:
            _common.progress(f"{record['task']}: {note}")


def reference(name, folder, size):
    """Measure the random candidates of a task."""
    n_budget, n_candidates, max_seconds = size
    task = _tasks.Task(name, folder)
    limit = max_seconds * n_candidates / n_budget
    measured = _reference.measure(task, n_candidates, limit)
    return (
        dict(task=name, size=list(size), metric=task.scoring, notes=task.table.notes)
        | measured
    )


def complete_runs(known, args):
    jobs = []
    for spec in args.methods:
        missing = _real_methods.load(spec)
        if missing:
            _common.progress(f"{spec} is skipped: {missing[0]} is not installed")
            continue
        jobs += missing_runs(known, spec, args)
    jobs.sort(key=lambda job: (job[3], args.tasks.index(job[0])))
    for records in in_processes(search, jobs, args.jobs):
        for record in records:
            _runs.append(args.cache, record)
            known.add(record)


def missing_runs(known, spec, args):
    """Arguments of :func:`search` for the runs of a method that are not known."""
    for task in args.tasks:
        for seed in range(args.seeds):
            shares = [s for s in SHARES if (task, spec, seed, s) not in known.runs]
            together = not _real_methods.plans(spec)
            for group in [shares] if together and shares else [[s] for s in shares]:
                yield (
                    *(task, args.tables, spec, seed, group, args.size),
                    *(known.budget(task), known.curve(task).mean_seconds),
                )


def search(name, folder, spec, seed, shares, size, budget, mean_seconds):
    """One search; the records of what it has found within shares of the budget."""
    task = _tasks.Task(name, folder, mean_seconds)
    marks = [share * budget for share in shares]
    found = _real_methods.run(task, spec, seed, max(marks), marks)
    return [
        dict(task=name, method=spec, seed=seed, share=share, size=list(size))
        | found[mark]
        for share, mark in zip(shares, marks, strict=True)
    ]


def in_processes(function, jobs, n_jobs):
    """Results of ``function(*job)`` as they arrive."""
    if not jobs:
        return
    start = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        futures = {pool.submit(function, *job): job for job in jobs}
        for number, future in enumerate(as_completed(futures), 1):
            texts = [str(part) for part in futures[future][:4] if part is not None]
            seconds = time.perf_counter() - start
            _common.progress(
                f"[{number}/{len(jobs)}, {seconds:.0f} s] {function.__name__} "
                f"{' '.join(texts)}"
            )
            yield future.result()


# ---------------------------------------------------------------------------- reports


def report(known, args):
    """Print all tables: one of all tasks per share of the budget, then the families."""
    tasks = [task for task in args.tasks if task in known.references]
    report_tasks(known, tasks)
    for share in SHARES:
        outcomes = {
            spec: {
                (task, seed): outcome(known, task, spec, seed, share)
                for task in tasks
                for seed in range(args.seeds)
                if (task, spec, seed, share) in known.runs
            }
            for spec in args.methods
        }
        outcomes = {spec: of for spec, of in outcomes.items() if of}
        if outcomes:
            title = "the budget" if share == 1.0 else "a third of the budget"
            report_methods(outcomes, title, len(tasks) * args.seeds)
            report_families(outcomes, title)
            report_metrics(known, outcomes, title)
    print_errors(known, tasks, args)


def report_tasks(known, tasks):
    """What the tasks are: how many of which kind, and what their budgets are."""
    families = Counter(task.partition("/")[0] for task in tasks)
    rows = []
    for family in [f for f in _tasks.FAMILIES if f in families]:
        of = [task for task in tasks if task.startswith(f"{family}/")]
        metrics = Counter(known.references[task]["metric"] for task in of)
        n = [len(known.references[task]["candidates"]) for task in of]
        budgets = [known.budget(task) for task in of]
        rows.append(
            [
                family,
                len(of),
                ", ".join(f"{k} {name}" for name, k in sorted(metrics.items())),
                f"{np.median(budgets):.2f}",
                f"{sum(budgets):.1f}",
                min(n),
            ]
        )
    _common.print_table(
        "Tasks: median and sum of the budgets in CPU seconds, fewest random candidates",
        ["family", "tasks", "metrics", "median", "sum", "candidates"],
        rows,
    )


def outcome(known, task, spec, seed, share):
    """What a run is worth beside random search; None = it found nothing."""
    run = known.runs[task, spec, seed, share]
    if "seconds" not in run:
        return None
    curve = known.curve(task)
    reference = known.references[task]
    inner, test, own = (
        _reference.at_least(of[name], reference["constant"][name])
        for of, name in ((run, "inner"), (run, "test"), (reference["own"], "test"))
    )
    factor, is_reached = _reference.factor(curve, inner, run["seconds"])
    difference = test - curve.test_at(run["seconds"] + run["refit_seconds"])
    return dict(
        inner=inner,
        test=test,
        factor=factor,
        is_reached=is_reached,
        used=run["seconds"] / (share * known.budget(task)),
        difference=difference,
        gain=difference / curve.spread,
        is_below_own=test < own - _reference.SAME,
    )


def report_methods(outcomes, title, n_wanted):
    ranks = {name: mean_ranks(outcomes, name) for name in ("inner", "test")}
    rows = [
        [spec, *method_cells(of, n_wanted), *(f"{ranks[n][spec]:.2f}" for n in ranks)]
        for spec, of in outcomes.items()
    ]
    _common.print_table(
        f"All tasks, at {title}",
        ["method", "runs", "missing", "factor", "95 %", "beyond", "CPU", "test"]
        + ["gain", "95 %", "< own", "rank inner", "rank test"],
        rows,
    )


def method_cells(of, n_wanted):
    found = {key: each for key, each in of.items() if each is not None}
    n = len(found)
    if n == 0:
        return [0, n_wanted, *["-"] * 9]
    d = np.array([each["difference"] for each in found.values()])
    factor, *ends = np.exp(over_tables(log_factors(found)))
    gain, *interval = over_tables({key: each["gain"] for key, each in found.items()})
    below = np.mean([each["is_below_own"] for each in found.values()])
    return [
        n,
        n_wanted - n,
        f"{factor:.2f}",
        f"[{ends[0]:.2f}, {ends[1]:.2f}]",
        sum(not each["is_reached"] for each in found.values()),
        f"{np.mean([each['used'] for each in found.values()]):.2f}",
        f"{(d > _reference.SAME).sum()} : {(d < -_reference.SAME).sum()}",
        f"{gain:+.3f}",
        f"[{interval[0]:+.3f}, {interval[1]:+.3f}]",
        f"{100 * below:.0f} %",
    ]


def log_factors(found):
    return {key: np.log(each["factor"]) for key, each in found.items()}


def over_tables(values):
    """Mean over runs of {(task, seed): value}, and its bootstrap interval over tables.

    A draw takes tables with all of their runs.
    """
    tables = [task.partition("/")[2] for task, _ in values]
    numbers = np.array(list(values.values()))
    _, of_table = np.unique(tables, return_inverse=True)
    sums, counts = np.bincount(of_table, weights=numbers), np.bincount(of_table)
    draws = np.random.default_rng(0).integers(len(sums), size=(N_DRAWS, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(numbers.mean()), float(low), float(high)


def mean_ranks(outcomes, name):
    """{method: its mean rank by a score among the methods that did the run}."""
    ranks = {spec: [] for spec in outcomes}
    for key in {key for of in outcomes.values() for key in of}:
        there = [spec for spec, of in outcomes.items() if of.get(key) is not None]
        scores = [outcomes[spec][key][name] for spec in there]
        for spec, rank in zip(there, rankdata(np.negative(scores)), strict=True):
            ranks[spec].append(rank)
    return {spec: np.mean(r) if r else np.nan for spec, r in ranks.items()}


def report_families(outcomes, title):
    """Factor and test scores, a column per family."""
    tasks = {task for of in outcomes.values() for task, _ in of}
    families = [f for f in _tasks.FAMILIES if any(t.startswith(f"{f}/") for t in tasks)]
    rows = []
    for spec, of in outcomes.items():
        cells = []
        for family in families:
            found = {
                key: each
                for key, each in of.items()
                if each is not None and key[0].startswith(f"{family}/")
            }
            cells.append(family_cell(found) if found else "-")
        rows.append([spec, *cells])
    _common.print_table(
        f"Families, at {title}: factor (runs beyond random search), better : worse in "
        "test score",
        ["method", *families],
        rows,
    )


def family_cell(found):
    factor = np.exp(np.mean(list(log_factors(found).values())))
    beyond = sum(not each["is_reached"] for each in found.values())
    d = np.array([each["difference"] for each in found.values()])
    better, worse = (d > _reference.SAME).sum(), (d < -_reference.SAME).sum()
    return f"{factor:.2f} ({beyond}), {better} : {worse}"


def report_metrics(known, outcomes, title):
    """Mean gain in test score, as it is, a column per metric."""
    metrics = ("neg_log_loss", "accuracy", "r2")
    rows = []
    for spec, of in outcomes.items():
        cells = []
        for metric in metrics:
            d = [
                each["difference"]
                for (task, _), each in of.items()
                if each is not None and known.references[task]["metric"] == metric
            ]
            cells.append(f"{np.mean(d):+.4f} (n={len(d)})" if d else "-")
        rows.append([spec, *cells])
    _common.print_table(
        f"Mean difference in test score to random search, at {title}",
        ["method", *metrics],
        rows,
    )


def print_errors(known, tasks, args):
    """Print what went wrong, with how often."""
    errors = Counter()
    for (task, spec, seed, _), run in known.runs.items():
        is_asked = task in tasks and spec in args.methods and seed < args.seeds
        if is_asked and run["error"]:
            text = " ".join(run["error"].split())[:150]
            errors[f"{spec}, {task.partition('/')[0]}: {text}"] += 1
    for text, n in errors.most_common():
        print(f"{n} x {text}")


if __name__ == "__main__":
    main()
