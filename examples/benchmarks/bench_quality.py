"""How good are the settings found within 10 to 100 evaluations, on real data?

Searches on real tuning problems (Bayesmark's definitions, see ``_problems.py``):
skhpo's BayesSearchCV beside random search, Optuna's TPE and GPSampler,
scikit-optimize, and SMAC3 (``smac``) and HEBO (``hebo``) where they are installed. The
measure is the normalised regret

    r = (loss of its best so far - best) / (clip - best), clipped to [-1, 1]

where *best* is the lowest loss of any run of any method on this problem and *clip* the
median loss of a single random evaluation: 0 = as good as the best known, 1 = no better
than one random guess. The score is 100 (1 - r). A failed evaluation never improves the
best so far. Intervals are bootstrapped over problems and seeds (``_regret.py``).

Each finished run is appended to a file of JSON lines, so that an interrupted benchmark
goes on where it stopped; ``--rerun ours`` measures a method anew, and runs in other
files are read with ``--known``. ``--only-known`` starts no run.

Problems are named (``DT/wine/acc``) or in groups: quick (the default: 56, in two
halves), tune, held-out, all (Bayesmark's 90), plateau, noisy, wide, conditional.

Methods may carry options: ``ours:n_points=1``, ``tpe:multivariate=True,group=True``,
``gpsampler:default_first=True`` (evaluates the estimator's own parameters first, where
they lie in the space, as BayesSearchCV does by default). Options of ours in upper case
are constants inside skhpo, so that an ablation is one command::

    bench_quality.py --half tune --methods ours ours:WARP_FROM=1000 ours:FULL.n_cloud=64

``gp`` is the Gaussian process without the front door: ``gp:n_points=1,n_initial=6``.
"""

import argparse
import tempfile
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _methods
import _problems
import _regret
import _runs
import numpy as np

QUICK = ("kNN/breast/nll", "DT/wine/acc", "DT/diabetes/mse", "lasso/diabetes/mse")
METHODS = ("random", "tpe", "gpsampler", "skopt", "ours")
IN_FLIGHT = tuple(f"ours:n_points={n}" for n in (1, 3, 8))
CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_quality.jsonl"
MARKS = (10, 25, 50, 64, 100)  # evaluations of which the regret is printed
SCORED_AT = 64  # and of these, the one that decides
N_WORST = 8  # plateau problems in the table
HALVES = {"tune": _problems.TUNE, "held-out": _problems.HELD_OUT}


# --------------------------------------------------------------------------- command


def main():
    args = parse_arguments()
    runs = _runs.read([*args.known, args.cache], args.rerun)
    if not args.only_known:
        _runs.complete(runs, wanted(args), args.cache, args.jobs)
    print(__doc__.split("\n\n")[0])
    _common.print_machine(_common.PACKAGES + _common.PEERS)
    for title, problems in sections(args.problems):
        report(title, problems, runs, args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--problems", nargs="+", help="names as kNN/breast/nll, or groups")
    add("--half", choices=[*HALVES, "both"], default="both", help="of the quick 56")
    add("--full", action="store_true", help="Bayesmark's 90 and the additional ones")
    add("--quick", action="store_true", help="4 problems, 2 seeds, 25 evaluations")
    add("--methods", nargs="+", help="name or name:key=value,...")
    add("--seeds", type=int, default=3, help="runs per problem and method")
    add("--n-iter", type=int, help=f"evaluations per run, default {SCORED_AT}")
    add("--jobs", type=int, default=1, help="processes over the runs")
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--known", type=Path, nargs="+", default=(), help="more such files, only read")
    add("--only-known", action="store_true", help="report what is known, run nothing")
    add("--rerun", nargs="*", default=(), help="methods whose known runs are ignored")
    add("--per-problem", action="store_true", help="also print regret per problem")
    add(
        "--efficiency",
        action="store_true",
        help="what 3 and 8 candidates in flight cost, in evaluations (n_iter=100)",
    )
    args = parser.parse_args()
    apply_presets(args)
    check(parser, args)
    return args


def apply_presets(args):
    """Fill in what was not said."""
    if args.quick:
        args.problems, args.seeds, args.n_iter = QUICK, 2, 25
    if args.efficiency:
        args.methods, args.n_iter = args.methods or IN_FLIGHT, args.n_iter or 100
    args.methods, args.n_iter = args.methods or METHODS, args.n_iter or SCORED_AT
    if args.full:
        args.problems = [*_problems.ALL, *_problems.EXTRA]
    names = args.problems or ["quick" if args.half == "both" else args.half]
    groups = [_problems.GROUPS.get(name, [name]) for name in names]
    args.problems = list(dict.fromkeys(name for group in groups for name in group))


def check(parser, args):
    """Refuse a misspelt name before the first run, not after an hour."""
    for name in args.problems:
        if name not in [*_problems.ALL, *_problems.EXTRA]:
            parser.error(
                f"unknown problem {name!r}; groups: {', '.join(_problems.GROUPS)}; "
                f"names: {', '.join([*_problems.ALL, *_problems.EXTRA])}"
            )
    for spec in args.methods:
        try:
            _methods.parse(spec)
        except ValueError as error:
            parser.error(str(error))


def wanted(args):
    """(problem, method, seed, n_iter) in an order that gives early a first picture."""
    return [
        (problem, method, seed, args.n_iter)
        for seed in range(args.seeds)
        for problem in args.problems
        for method in args.methods
    ]


def sections(problems):
    """(title, problems) of each report: the halves, both together, what is beyond."""
    parts = {
        "tuning half": _problems.TUNE,
        "held-out half": _problems.HELD_OUT,
        "both halves": _problems.QUICK,
        "digits and MLP": [n for n in _problems.ALL if n not in _problems.QUICK],
        "noisy": _problems.NOISY_PROBLEMS,
        "20 dimensions": _problems.WIDE_PROBLEMS,
        "conditional": _problems.CONDITIONAL,
    }
    chosen = {t: [n for n in problems if n in part] for t, part in parts.items()}
    if not chosen["tuning half"] or not chosen["held-out half"]:
        del chosen["both halves"]
    return [(title, names) for title, names in chosen.items() if names]


# --------------------------------------------------------------------------- reports


def report(title, problems, runs, args):
    """All tables about some problems."""
    records = records_of(problems, runs, args)
    unknown = [m for m, known in records.items() if not any(known.values())]
    if unknown:
        print(f"\n{title}: no runs of {', '.join(unknown)}")
    records = {m: known for m, known in records.items() if m not in unknown}
    args = argparse.Namespace(**{**vars(args), "methods": list(records)})
    problems = [p for p in problems if all(records[m].get(p) for m in args.methods)]
    if not problems or not records:
        print(f"\n{title}: no problem has runs of every method")
        return
    scales = {p: _regret.scale(runs.on(p)) for p in problems}
    curves = {
        method: _regret.Curves(
            [
                np.array(
                    [_regret.regret_curve(r, args.n_iter, *scales[p]) for r in known[p]]
                )
                for p in problems
            ]
        )
        for method, known in records.items()
    }
    comparison = _regret.Comparison(curves)
    n_runs = [len(c) for method in curves.values() for c in method.of_problem]
    seeds = f"{min(n_runs)}-{max(n_runs)}" if len(set(n_runs)) > 1 else n_runs[0]
    title = f"{title}, {len(problems)} problems x {seeds} seeds"
    report_regret(title, comparison, records, problems, args)
    if args.efficiency:
        report_efficiency(title, comparison, args)
        return
    report_lead(title, comparison, args)
    report_plateaus(title, comparison, problems, args)
    if args.per_problem:
        report_problems(title, comparison, problems, args)


def records_of(problems, runs, args):
    """Method: problem: its finished runs."""

    def find(problem, method):
        known = (
            runs.find(problem, method, s, args.n_iter)
            for s in runs.seeds(problem, method)
            if s < args.seeds
        )
        return [record for record in known if record is not None]

    return {m: {p: find(p, m) for p in problems} for m in args.methods}


def scored_at(args):
    return min(SCORED_AT, args.n_iter)


def report_regret(title, comparison, records, problems, args):
    marks = sorted({m for m in MARKS if m < args.n_iter} | {args.n_iter})
    decides = scored_at(args)
    ranks = comparison.ranks(decides)
    first = np.min(list(ranks.values()), axis=0)
    rows = []
    for method in sorted(records, key=lambda m: comparison.regret(m, decides)):
        low, high = comparison.interval(method, decides)
        done = [r for p in problems for r in records[method][p]]
        rows.append(
            [
                method,
                *(comparison.regret(method, mark) for mark in marks),
                f"{100 * (1 - comparison.regret(method, decides)):.2f}",
                f"[{100 - 100 * high:.1f}, {100 - 100 * low:.1f}]",
                f"{ranks[method].mean():.2f}",
                int((ranks[method] == first).sum()),
                f"{np.mean([r['suggest_ms'] for r in done]):.1f}",
                sum(r["error"] is not None for r in done),
            ]
        )
    _common.print_table(
        f"Normalised regret r, 0 = best known, 1 = a random guess; score 100 (1 - r) "
        f"at {decides}\n({title})",
        [
            "method",
            *(f"r@{mark}" for mark in marks),
            "score",
            "95 %",
            "rank",
            "wins",
            "CPU ms/ask",
            "errors",
        ],
        rows,
    )
    print_errors(records, problems)


def print_errors(records, problems):
    for method, known in records.items():
        errors = {r["error"] for p in problems for r in known[p] if r["error"]}
        for text in sorted(errors):
            print(f"{method}: {text}")


def report_lead(title, comparison, args):
    """The first method of ours against each other method."""
    ours = next((m for m in args.methods if _methods.is_ours(m)), None)
    others = [m for m in args.methods if m != ours]
    if ours is None or not others:
        return
    marks = sorted({scored_at(args), args.n_iter})
    rows = [
        [
            other,
            *(lead_text(*comparison.lead(ours, other, mark)) for mark in marks),
            match_text(*comparison.match(ours, other, args.n_iter)),
            count_text(comparison.median_match(ours, other, args.n_iter)),
        ]
        for other in others
    ]
    _common.print_table(
        f"Lead of {ours} in points of the score [95 %], and its evaluations to the "
        f"other's result at {args.n_iter}\n({title})",
        [
            "over",
            *(f"lead at {mark}" for mark in marks),
            "by mean regret",
            "median run",
        ],
        rows,
    )


def lead_text(value, low, high):
    if np.isnan(low):
        return f"{value:+.2f} (one seed)"
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def match_text(value, low, high):
    return f"{count_text(value)} [{count_text(low)}, {count_text(high)}]"


def count_text(value):
    return f"{value:.0f}" if np.isfinite(value) else "never"


def report_plateaus(title, comparison, problems, args):
    """Where ours is worst beside random search and TPE, problem by problem."""
    ours = next((m for m in args.methods if _methods.is_ours(m)), None)
    peers = [m for m in args.methods if m.partition(":")[0] in ("random", "tpe")]
    known = [p for p in problems if p in _problems.PLATEAU]
    if ours is None or not peers or not known:
        return
    numbers = [problems.index(p) for p in known]
    mark = scored_at(args)
    pairs = [
        (problems[i], peer, *behind(comparison, ours, peer, i, mark))
        for i in numbers
        for peer in peers
    ]
    n_beyond = sum(low > 0 for _, _, _, low, _ in pairs)
    pairs.sort(key=lambda pair: -pair[2])
    _common.print_table(
        f"Plateaus: {ours} behind random search and TPE, points of the score at {mark} "
        f"on a single problem [95 %, Welch]\n"
        f"({title}; {len(known)} plateau problems: behind by more than noise in "
        f"{n_beyond} of {len(pairs)} comparisons, by chance alone "
        f"{0.025 * len(pairs):.1f}; the {N_WORST} worst)",
        ["problem", "beside", "behind"],
        [
            [problem, peer, lead_text(value, low, high)]
            for problem, peer, value, low, high in pairs[:N_WORST]
        ],
    )


def behind(comparison, ours, peer, number, mark):
    """Points of the score on one problem by which ours is behind; low, high."""
    a, b = (
        100 * comparison.curves[m].of_problem[number][:, mark - 1] for m in (ours, peer)
    )
    return _regret.welch(a, b)


def report_efficiency(title, comparison, args):
    """Evaluations to the regret of the first method after 25 and 64 evaluations."""
    first, *others = args.methods
    marks = [mark for mark in (25, SCORED_AT) if mark < args.n_iter]
    rows = []
    for method in others:
        row = [method]
        for mark in marks:
            needed = comparison.match(method, first, mark)
            share = [f"{100 * mark / n:.0f} %" for n in needed]
            row += [match_text(*needed), f"{share[0]} [{share[2]}, {share[1]}]"]
        rows.append(row)
    heads = [h for mark in marks for h in (f"to its r@{mark}", "efficiency")]
    _common.print_table(
        f"Evaluations to the regret of {first}, and what that makes of each evaluation "
        f"[95 %]\n({title})",
        ["method", *heads],
        rows,
    )


def report_problems(title, comparison, problems, args):
    mark = scored_at(args)
    order = sorted(args.methods, key=lambda m: comparison.regret(m, mark))
    rows = [
        [p, *(float(comparison.curves[m].by_problem[i, mark - 1]) for m in order)]
        for i, p in enumerate(problems)
    ]
    _common.print_table(
        f"Regret at {mark}, per problem ({title})", ["problem", *order], rows
    )


if __name__ == "__main__":
    main()
