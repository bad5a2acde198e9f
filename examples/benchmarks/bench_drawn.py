"""Who finds the better settings on a hundred problems that nobody has tuned on?

The same methods and the same arithmetic as ``bench_quality.py``, on problems drawn at
random (``_drawn.py``): so many that the lead over a peer is known to a few points. One
run per problem and method is the best use of time, since problems differ more than
seeds. With ``--conditional`` each problem has three model families with parameters of
their own; ``ours-per-family`` is one search per family with a third of the budget each.

Finished runs are kept in a file of JSON lines: an interrupted benchmark goes on.
"""

import argparse
import tempfile
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import _drawn
import _methods
import _runs
import bench_quality

METHODS = ("ours", "tpe", "random")
CONDITIONAL_METHODS = (
    *("ours", "tpe", "tpe:multivariate=True,group=True"),
    *("ours-per-family", "random"),
)
CACHE = Path(tempfile.gettempdir()) / "skhpo_bench_drawn.jsonl"


def main():
    args = parse_arguments()
    runs = _runs.read([*args.known, args.cache], args.rerun)
    wanted = [
        (problem, method, seed, args.n_iter)
        for seed in range(args.seeds)
        for problem in args.problems
        for method in args.methods
    ]
    if not args.only_known:
        _runs.complete(runs, wanted, args.cache, args.jobs, do=run)
    print(__doc__.split("\n\n")[0])
    _common.print_machine(_common.PACKAGES + _common.PEERS)
    title = f"{args.kind}/{args.first} to {args.first + args.n_problems - 1}"
    bench_quality.report(title, args.problems, runs, args)


def run(problem, method, seed, n_iter):
    """One search; each problem has seeds of its own."""
    number = int(problem.partition("/")[2])
    record = _runs.run(problem, method, 1000 * seed + number, n_iter, of=_drawn.Drawn)
    return {**record, "seed": seed}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--conditional", action="store_true", help="three model families each")
    add("--first", type=int, default=0, help="number of the first problem")
    add("--n-problems", type=int, default=100)
    add("--quick", action="store_true", help="4 problems, 20 evaluations")
    add("--methods", nargs="+", help="as in bench_quality.py")
    add("--seeds", type=int, default=1, help="runs per problem and method")
    add("--n-iter", type=int, default=bench_quality.SCORED_AT)
    add("--jobs", type=int, default=1, help="processes over the runs")
    add("--cache", type=Path, default=CACHE, help=f"JSON lines, default {CACHE}")
    add("--known", type=Path, nargs="+", default=(), help="more such files, only read")
    add("--only-known", action="store_true", help="report what is known, run nothing")
    add("--rerun", nargs="*", default=(), help="methods whose known runs are ignored")
    add("--per-problem", action="store_true", help="also print regret per problem")
    args = parser.parse_args()
    if args.quick:
        args.n_problems, args.n_iter = 4, 20
    args.kind = "pipe" if args.conditional else "drawn"
    args.methods = args.methods or (
        CONDITIONAL_METHODS if args.conditional else METHODS
    )
    for spec in args.methods:
        try:
            _methods.parse(spec)
        except ValueError as error:
            parser.error(str(error))
    numbers = range(args.first, args.first + args.n_problems)
    args.problems = [f"{args.kind}/{number}" for number in numbers]
    args.efficiency = False
    return args


if __name__ == "__main__":
    main()
