"""Is evolution worth its evaluations, and what does it cost?

Searches on ten real tuning problems, 5 to 11 dimensions, most of them with choices
beside numbers (group ``mixed`` of ``_problems.py``): skhpo's EvolutionarySearchCV by
algorithm and its BayesSearchCV beside random search, sklearn-genetic-opt's GASearchCV,
and Optuna's CMA-ES and TPE. The measure is the normalised score

    s = (best so far - zero) / (one - zero), clipped to [-1, 1]

where *zero* is the mean best of the first 10 evaluations of random search and *one* the
best score of any run on the problem. What counts are distinct settings: a repeat costs
a method nothing (``_distinct.py``). Intervals are bootstrapped over problems and seeds;
W:T:L counts the pairs of problem and seed in which a method has won against random
search, is equal, or has lost.

Methods that know their budget (ours) are run anew for each of ``--n-iter``; others are
run once, and their beginning is their shorter run. What is printed for 25 evaluations
are the first 25 of the shortest run that has as many.

Each finished run is appended to a file of JSON lines: an interrupted benchmark goes on
where it stopped. ``--rerun evolution:algorithm=de`` measures a method anew,
``--only-known`` starts no run. Methods may carry options, as in ``bench_quality.py``:
``evolution:algorithm=ga,surrogate=None``, ``sgo:population_size=10``.

``--overhead`` prints two other things, and nothing else: the time of a suggestion, up
to 500 candidates, and how long workers are idle whose fits take very different times,
on a simulated clock.

sklearn-genetic-opt 0.12 is the last one for Python 3.11; newer ones need 3.12. The
version that was measured is printed.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _distinct
import _methods
import _problems
import _regret
import _runs
import numpy as np
from sklearn.base import BaseEstimator

ALGORITHMS = ("de", "ga", "regularized", "cmaes")
METHODS = (
    *("random", "sgo", "optuna-cmaes", "tpe", "ours"),
    *(f"evolution:algorithm={name}" for name in ALGORITHMS),
)
PROBLEMS = _problems.MIXED_PROBLEMS
QUICK = ("kernel-ridge/diabetes/r2", "tree-mixed/digits3/nll")
MARKS = (25, 100, 300)
CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_evolution.jsonl"
PEERS = ("optuna", "cmaes", "sklearn-genetic-opt")
N_START = 10  # random evaluations whose best is the zero
_SAME = 1e-9  # relative difference below which two scores are equal


# --------------------------------------------------------------------------- command


def main():
    args = parse_arguments()
    print(__doc__.split("\n\n")[0])
    _common.print_machine(_common.PACKAGES + PEERS)
    if args.overhead:
        print_overhead(args)
        print_idle(args)
        return
    runs = _runs.read([*args.known, args.cache], args.rerun)
    if not args.only_known:
        _runs.complete(runs, wanted(args), args.cache, args.jobs, _distinct.run)
    report(runs, args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--problems", nargs="+", help="names or groups; default mixed")
    add("--methods", nargs="+", default=METHODS, help="name or name:key=value,...")
    add("--seeds", type=int, default=10, help="runs per problem and method")
    add("--n-iter", type=int, nargs="+", default=[100, 300], help="distinct settings")
    add("--quick", action="store_true", help="2 problems, 2 seeds, 25 evaluations")
    add("--jobs", type=int, default=1, help="processes over the runs")
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--known", type=Path, nargs="+", default=(), help="more such files, only read")
    add("--only-known", action="store_true", help="report what is known, run nothing")
    add("--rerun", nargs="*", default=(), help="methods whose known runs are ignored")
    add("--per-problem", action="store_true", help="also print scores per problem")
    add("--overhead", action="store_true", help="cost of suggestions, idle workers")
    args = parser.parse_args()
    if args.quick:
        args.problems, args.seeds, args.n_iter = args.problems or QUICK, 2, [25]
    args.n_iter = sorted(args.n_iter)
    names = args.problems or ["mixed"]
    groups = [_problems.GROUPS.get(name, [name]) for name in names]
    args.problems = list(dict.fromkeys(name for group in groups for name in group))
    check(parser, args)
    return args


def check(parser, args):
    """Refuse what cannot be run before the first run, not after an hour."""
    for name in args.problems:
        if name not in [*_problems.ALL, *_problems.EXTRA]:
            parser.error(
                f"unknown problem {name!r}; groups: {', '.join(_problems.GROUPS)}; "
                f"names: {', '.join(PROBLEMS)}, and those of bench_quality.py"
            )
        problem = _problems.Problem(name)
        if problem.is_noisy or len(problem.branches) > 1:
            parser.error(f"{name!r} is noisy or has alternatives: not for this script")
    for spec in args.methods:
        try:
            _methods.parse(spec)
        except ValueError as error:
            parser.error(str(error))
    if min(args.n_iter) < N_START:
        parser.error(f"--n-iter must be at least {N_START}: that is the zero")


def wanted(args):
    """(problem, method, seed, n_iter): a first picture early, long runs first."""
    return [
        (problem, method, seed, n_iter)
        for seed in range(args.seeds)
        for problem in args.problems
        for method in args.methods
        for n_iter in budgets(method, args)
    ]


def budgets(method, args):
    """How long a method is run: once and for all, if it does not look at its budget."""
    return args.n_iter[-1:] if _methods.ignores_budget(method) else args.n_iter


# --------------------------------------------------------------------------- reports


def report(runs, args):
    """All tables, about the methods and problems of which there are runs."""
    methods = [m for m in args.methods if any(runs.seeds(p, m) for p in args.problems)]
    unknown = [m for m in args.methods if m not in methods]
    if unknown:
        print(f"\nno runs of {', '.join(unknown)}")
    for mark in marks(args):
        report_scores(runs, methods, mark, args)
    print_errors(runs, methods, args)
    if args.per_problem:
        report_problems(runs, methods, args)


def known_runs(runs, methods, mark, args):
    """Method: problem: seed: its run; problems of which all methods have some."""
    n_iter = budget_for(mark, args)
    of = {
        m: {p: records(runs, p, m, n_iter, args) for p in args.problems}
        for m in methods
    }
    problems = [p for p in args.problems if all(known[p] for known in of.values())]
    return {m: {p: known[p] for p in problems} for m, known in of.items()}, problems


def marks(args):
    """Numbers of evaluations that are reported."""
    longest = args.n_iter[-1]
    return sorted({m for m in MARKS if m < longest} | {longest})


def budget_for(mark, args):
    """The shortest budget that has so many evaluations."""
    return next(n for n in args.n_iter if n >= mark)


def records(runs, problem, method, n_iter, args):
    """Seed: finished run."""
    found = {
        seed: runs.find(problem, method, seed, n_iter)
        for seed in runs.seeds(problem, method)
        if seed < args.seeds
    }
    return {seed: record for seed, record in found.items() if record is not None}


def scale(runs, problem):
    """(zero, one) of a problem."""
    everything = runs.on(problem)
    random = [r for r in everything if r["method"] == "random"]
    longest = {r["seed"]: r for r in sorted(random, key=lambda r: r["n_iter"])}
    starts = [best_curve(r, N_START)[-1] for r in longest.values()]
    one = max(best_curve(r, r["n_iter"])[-1] for r in everything if r["scores"])
    return float(np.mean(starts)), float(one)


def best_curve(record, n):
    """(n,) best score so far; -inf before the first success."""
    scores = [-np.inf if s is None else s for s in record["scores"][:n]]
    scores += [-np.inf] * (n - len(scores))
    return np.maximum.accumulate(scores)


def normalised(curve, zero, one):
    """0 = the best of 10 random settings, 1 = the best that is known."""
    return np.clip((curve - zero) / max(one - zero, 1e-12), -1, 1)


def report_scores(runs, methods, mark, args):
    of, problems = known_runs(runs, methods, mark, args)
    if not problems or "random" not in of:
        print(f"\n{mark} evaluations: no problem has runs of random and of all others")
        return
    comparison = compare(of, {p: scale(runs, p) for p in problems}, mark)
    ranks = comparison.ranks(mark)
    rows = [
        score_row(m, of, comparison, ranks[m], mark)
        for m in sorted(of, key=lambda m: comparison.regret(m, mark))
    ]
    n_runs = sorted({len(run) for known in of.values() for run in known.values()})
    seeds = "-".join(map(str, dict.fromkeys((n_runs[0], n_runs[-1]))))
    _common.print_table(
        f"Normalised score after {mark} distinct evaluations, 0 = best of {N_START} "
        f"random, 1 = best known\n({len(problems)} problems x {seeds} seeds, runs of "
        f"{budget_for(mark, args)})",
        [
            "method",
            "score",
            "95 %",
            "rank",
            "W:T:L random",
            "over sgo",
            "over tpe",
            "asked/distinct",
            "s/run",
            "errors",
        ],
        rows,
    )


def compare(of, scales, mark):
    """The methods' losses 1 - s as curves, with their bootstrap."""

    def curves(known, p):
        scores = [normalised(best_curve(r, mark), *scales[p]) for r in known.values()]
        return 1 - np.array(scores)

    return _regret.Comparison(
        {
            m: _regret.Curves([curves(known, p) for p, known in by_problem.items()])
            for m, by_problem in of.items()
        }
    )


def score_row(method, of, comparison, ranks, mark):
    low, high = comparison.interval(method, mark)
    done = [r for known in of[method].values() for r in known.values()]
    asked = np.mean([r["n_asked"] / max(len(r["scores"]), 1) for r in done])
    return [
        method,
        1 - comparison.regret(method, mark),
        f"[{1 - high:.2f}, {1 - low:.2f}]",
        two(ranks.mean()),
        duels(of[method], of["random"], mark),
        *(lead_text(comparison, method, peer, mark) for peer in ("sgo", "tpe")),
        two(asked),
        f"{np.mean([r['seconds'] for r in done]):.1f}",
        sum(r["error"] is not None for r in done),
    ]


def duels(ours, random, mark):
    """Wins, ties and losses over problems and seeds."""
    results = [0, 0, 0]
    for problem, known in ours.items():
        for seed in known.keys() & random[problem].keys():
            a, b = (best_curve(r[problem][seed], mark)[-1] for r in (ours, random))
            is_tie = a == b or abs(a - b) <= _SAME * max(abs(a), abs(b))
            results[1 if is_tie else 0 if a > b else 2] += 1
    return ":".join(map(str, results))


def lead_text(comparison, method, peer, mark):
    if peer not in comparison.curves or method == peer:
        return ""
    lead, low, high = (v / 100 for v in comparison.lead(method, peer, mark))
    return f"{lead:+.2f} [{low:+.2f}, {high:+.2f}]"


def print_errors(runs, methods, args):
    for m in methods:
        done = [r for p in args.problems for r in runs.on(p) if r["method"] == m]
        for text in sorted({r["error"] for r in done if r["error"]}):
            print(f"{m}: {text}")


def report_problems(runs, methods, args):
    mark = max(m for m in marks(args) if m <= 100)
    of, problems = known_runs(runs, methods, mark, args)
    if not problems:
        return
    comparison = compare(of, {p: scale(runs, p) for p in problems}, mark)
    rows = [
        [p, *(float(1 - comparison.curves[m].by_problem[i, mark - 1]) for m in of)]
        for i, p in enumerate(problems)
    ]
    _common.print_table(
        f"Normalised score at {mark}, per problem", ["problem", *of], rows
    )


# -------------------------------------------------------------------------- overhead

SPACE = {
    **{f"x{i}": (0.0, 1.0) for i in range(4)},
    "rate": (1e-4, 1.0, "log-uniform"),
    "n": (1, 50),
    "kind": list("abcd"),
    "flag": [True, False],
}
N_WORKERS = 8
N_CANDIDATES = 500
N_DRAWS = 2  # of fit times


class Nothing(BaseEstimator):
    """Costs nothing, and scores its parameters."""

    def __init__(self, **params):
        self.params = params

    def get_params(self, deep=True):
        return dict(self.params)

    def set_params(self, **params):
        self.params.update(params)
        return self

    def fit(self, X, y=None):
        return self

    def score(self, X, y=None):
        return score_of(self.params)


def score_of(params):
    loss = sum((params[f"x{i}"] - 0.3) ** 2 for i in range(4))
    return -loss - (params["n"] / 50 - 0.5) ** 2 - (params["kind"] != "b")


def make_optimizer(algorithm, n_iter):
    from skhpo import optimizers
    from skhpo.space import Space

    make = {
        "de": optimizers.DifferentialEvolution,
        "ga": optimizers.GeneticAlgorithm,
        "regularized": optimizers.RegularizedEvolution,
        "cmaes": optimizers.CovarianceMatrixAdaptation,
    }[algorithm]
    space = Space(SPACE)
    return space, make(space, n_iter=n_iter, rng=np.random.default_rng(0))


def print_overhead(args):
    n = 60 if args.quick else N_CANDIDATES
    rows = []
    for algorithm in ALGORITHMS:
        _common.progress(f"overhead: {algorithm}")
        ms = suggestion_ms(algorithm, n)
        whole = door_ms(algorithm, n)
        met = "yes" if whole < 10 else "NO"
        last = ms[-n // 5 :]
        rows.append([algorithm, *map(two, (ms.mean(), last.mean(), ms.max(), whole))])
        rows[-1].append(met)
    _common.print_table(
        f"CPU ms per candidate, {n} candidates, {len(SPACE)} mixed dimensions: ask + "
        "tell, the last fifth of them, the longest;\nand all of EvolutionarySearchCV "
        "with an estimator that does nothing, one fold",
        ["algorithm", "ask + tell", "last fifth", "longest", "whole search", "< 10"],
        rows,
    )


def two(value):
    return f"{value:.2f}"


def suggestion_ms(algorithm, n):
    """(n,) CPU of an ask and a tell, one after the other."""
    from skhpo._types import Result

    space, optimizer = make_optimizer(algorithm, n)
    ms = np.empty(n)
    for i in range(n):
        start = time.process_time()
        (proposal,) = optimizer.ask(1)
        ms[i] = time.process_time() - start
        result = Result(proposal, score_of(space.to_params(proposal.point)), 0.0)
        start = time.process_time()
        optimizer.tell([result])
        ms[i] += time.process_time() - start
    return 1e3 * ms


def door_ms(algorithm, n):
    from skhpo import EvolutionarySearchCV

    estimator = Nothing(**dict.fromkeys(SPACE))
    search = EvolutionarySearchCV(
        estimator,
        SPACE,
        n_iter=n,
        algorithm=algorithm,
        cv=[(np.arange(2), np.arange(2))],
        refit=False,
        random_state=0,
    )
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(np.zeros((2, 1)), np.zeros(2))
    return 1e3 * (time.process_time() - start) / n


def print_idle(args):
    n = 100 if args.quick else N_CANDIDATES
    cases = {"asynchronous": None, "in ask order, 16 in flight": 16}
    cases |= {"in ask order, 32 in flight": 32, "generations of 20": "generations"}
    rows = []
    for algorithm in ALGORITHMS:
        _common.progress(f"idle: {algorithm}")
        shares = [
            np.mean(
                [idle(algorithm, n, policy, seed) for seed in range(N_DRAWS)], axis=0
            )
            for policy in cases.values()
        ]
        rows.append([algorithm, *(f"{a:.1%} ({b:.1%})" for a, b in shares)])
    _common.print_table(
        f"Idle share of {N_WORKERS} workers, {n} candidates, fit times log-normal with "
        f"sd 1, simulated, mean of {N_DRAWS};\nin brackets: before the last fit began "
        "(goal, asynchronous: < 10 %)",
        ["algorithm", *cases],
        rows,
    )


def idle(algorithm, n, policy, seed):
    """Idle share of the workers in all, and until the last fit begins.

    ``policy``: None = a free worker gets a new candidate at once; a number = so many
    may be in flight, and results are told in the order of asking; "generations" = 20
    are asked for when all before them are done, as generational algorithms do.
    """
    from skhpo._types import Result

    space, optimizer = make_optimizer(algorithm, n)
    seconds = np.random.default_rng(seed).lognormal(sigma=1.0, size=n)
    starts, ends, now = np.empty(n), np.empty(n), 0.0
    n_asked, n_told = 0, 0
    running, done = {}, {}  # number of a candidate: its proposal

    def may_ask():
        if n_asked == n or len(running) == N_WORKERS:
            return False
        if policy == "generations":
            return n_asked % 20 != 0 or n_told == n_asked
        return policy is None or n_asked - n_told < policy

    while n_told < n:
        while may_ask():
            pending = [*done.values(), *running.values()]
            (running[n_asked],) = optimizer.ask(1, pending=pending)
            starts[n_asked], ends[n_asked] = now, now + seconds[n_asked]
            n_asked += 1
        first = min(running, key=ends.__getitem__)
        now, done[first] = ends[first], running.pop(first)
        while done and (not isinstance(policy, int) or n_told in done):
            proposal = done.pop(n_told if isinstance(policy, int) else first)
            score = score_of(space.to_params(proposal.point))
            optimizer.tell([Result(proposal, score, 0.0)])
            n_told += 1
    return idle_until(ends.max(), starts, ends), idle_until(starts.max(), starts, ends)


def idle_until(end, starts, ends):
    """Share of the workers' time up to a moment in which they had nothing to do."""
    busy = np.sum(np.minimum(ends, end) - np.minimum(starts, end))
    return 1 - busy / (N_WORKERS * end)


if __name__ == "__main__":
    main()
