"""Runs of searches: which are known, and those that are missing over processes.

A run is one line of JSON: problem, method, seed, n_iter, the score of each evaluation
(null = failed). A longer run of a method that never looks at its budget serves a
shorter request: its beginning is what the shorter run would have been.
"""

import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import _common  # first of all that loads numpy: it limits the BLAS threads
import _methods
import _problems
import numpy as np


class Runs:
    """Finished runs, found by problem, method, seed and number of evaluations."""

    def __init__(self, records=()):
        self._records = {}  # (problem, method, seed): {n_iter: record}
        for record in records:
            self.add(record)

    def add(self, record):
        """Of two runs with one key the later counts."""
        key = record["problem"], record["method"], record["seed"]
        self._records.setdefault(key, {})[record["n_iter"]] = record

    def find(self, problem, method, seed, n_iter):
        """The run, or a longer one whose beginning it is; None = not known."""
        known = self._records.get((problem, method, seed), {})
        n_iter = _problems.budget(problem, n_iter)
        if n_iter in known or not _methods.ignores_budget(method):
            return known.get(n_iter)
        longer = [n for n in known if n > n_iter]
        return known[min(longer)] if longer else None

    def seeds(self, problem, method):
        """The seeds of which anything is known."""
        return sorted(s for p, m, s in self._records if (p, m) == (problem, method))

    def on(self, problem):
        """Every run on a problem, whatever its method and length."""
        return [
            record
            for (name, _, _), known in self._records.items()
            for record in known.values()
            if name == problem
        ]


def records(paths):
    """What stands in files of JSON lines.

    Somebody may be writing: the last line may be half a line.
    """
    lines = (li for p in paths if p.exists() for li in p.read_text().split("\n")[:-1])
    return (json.loads(line) for line in lines)


def append(path, record):
    """Add a line to a file, in one piece: others may be writing, too."""
    with path.open("ab", buffering=0) as file:
        file.write(json.dumps(record).encode() + b"\n")


def read(paths, rerun=()):
    """The runs in files of JSON lines, without those of the methods in ``rerun``."""
    return Runs(r for r in records(paths) if r["method"] not in rerun)


def by_task(records):
    """{task: {seed: {method: record}}}"""
    results = {}
    for record in records:
        of_task = results.setdefault(record["task"], {})
        of_task.setdefault(record["seed"], {})[record["method"]] = record
    return results


def complete(runs, wanted, path, n_jobs, do=None):
    """Do the runs that are missing; each is appended to the file when it is done.

    ``do(problem, method, seed, n_iter)`` makes a record; the default is :func:`run`.
    """
    missing = [key for key in wanted if runs.find(*key) is None]
    skipped = {method for _, method, _, _ in missing if _methods.missing(method)}
    for method in sorted(skipped):
        names = ", ".join(_methods.missing(method))
        _common.progress(f"{method} is skipped: {names} is not installed")
    n_known = len(wanted) - len(missing)
    missing = [key for key in missing if key[1] not in skipped]
    _common.progress(f"{n_known} runs known, {len(missing)} to do")
    for record in _run_all(missing, n_jobs, do or run):
        append(path, record)
        runs.add(record)


def _run_all(keys, n_jobs, run):
    """Records of finished runs as they arrive."""
    if not keys:
        return
    start = time.perf_counter()
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_jobs, mp_context=context) as pool:
        futures = [pool.submit(run, *key) for key in keys]
        for number, future in enumerate(as_completed(futures), 1):
            record = future.result()
            _progress(record, number, len(keys), time.perf_counter() - start)
            yield record


def run(problem, method, seed, n_iter, of=_problems.Problem):
    """One search. Never raises: a method that breaks keeps what it had found."""
    function, options = _methods.parse(method)
    task = of(problem)
    n_iter = _problems.budget(problem, n_iter)
    np.random.seed(seed)  # noqa: NPY002 -- what unseeded estimators draw from
    start = time.perf_counter()
    trace, error = _methods.Trace(), None
    try:
        function(task, n_iter, seed, trace, **options)
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    record = {
        "problem": problem,
        "method": method,
        "seed": seed,
        "n_iter": n_iter,
        "scores": [_number(score) for score in trace.scores],
        "suggest_ms": 1e3 * trace.suggest_seconds / max(len(trace.scores), 1),
        "seconds": time.perf_counter() - start,
        "error": error,
    }
    if task.is_noisy:
        record["judged"] = [_number(score) for score in _judged(task, trace)]
    return record


def _judged(problem, trace):
    """What the best so far is worth, without luck, after each evaluation."""
    best, value = -np.inf, np.nan
    for params, score in zip(trace.params, trace.scores, strict=True):
        if score > best:
            best, value = score, problem.judge(params)
        yield value


def _number(score):
    return float(score) if np.isfinite(score) else None


def _progress(record, number, n_runs, seconds):
    best = max((s for s in record["scores"] if s is not None), default=float("nan"))
    note = f"  {record['error']}" if record["error"] else ""
    _common.progress(
        f"[{number}/{n_runs}, {seconds:.0f} s] {record['problem']} {record['method']} "
        f"seed {record['seed']}: {best:.5g} in {record['seconds']:.1f} s{note}"
    )
