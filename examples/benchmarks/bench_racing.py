"""What does racing over the folds save, and what does it cost?

Two tables. Real tuning problems (``_problems.py``), 5 folds; with ``--drawn 60`` as
many drawn at random (``_drawn.py``).

*Replays*: fixed lists of candidates, all folds of which were fitted, are raced as if
they came one by one, in the order in which a search proposed them and in random orders.
``saved`` is the share of fold fits that were not needed; ``winner kept`` how often the
best complete candidate is the best of all (also a tie); ``loss`` how much worse it is
on average, as a share of (best - median candidate) of the list, and in accuracy where
that is the score. ``z`` is the root mean square of (estimate - mean over all folds) /
sd of what is told of a dropped candidate: 1 = its noise is right; the median of |z| is
.67 for normal errors.

*Live*: BayesSearchCV with and without racing. At equal candidates, racing saves fits;
at equal fits, it affords more candidates. Regret = (best known - best found) / (best
known - median random candidate), best known over all runs of the problem.
"""

import argparse
import warnings

import _common  # first of all that loads numpy: it limits the BLAS threads
import _drawn
import _methods
import _problems
import numpy as np

from skhpo import BayesSearchCV
from skhpo.evaluation import make_race

#: Trees, neighbours and kernels; scores with plateaus and without.
SUITE = (
    "DT/wine/acc",
    "DT/breast/acc",
    "DT/digits/acc",
    "SVM/wine/acc",
    "kNN/breast/acc",
    "linear/iris/acc",
    "RF/wine/acc",
    "DT/diabetes/mse",
    "lasso/diabetes/mse",
    "kNN/breast/nll",
)
QUICK = ("DT/wine/acc", "SVM/wine/acc", "DT/diabetes/mse")
K = _problems.N_FOLDS


def aggressive(c, b):
    """Drop what is below the incumbent's mean: not offered, and here is why."""
    return c.mean() < b.mean()


_NAMED = {name: name for name in ("exact", "forgiving", "paired")}
RULES = {**_NAMED, "(aggressive)": aggressive}
LIVE = {"none": None, **_NAMED}


def main():
    args = parse_arguments()
    _common.print_machine()
    runs = {name: live_runs(name, args) for name in args.problems}
    lists = [each for name in args.problems for each in candidate_lists(name, runs)]
    report_replays(lists, args)
    report_live(runs, args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", default=SUITE, choices=_problems.ALL)
    parser.add_argument("--drawn", type=int, help="so many drawn problems instead")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-iter", type=int, default=40, help="candidates")
    parser.add_argument("--orders", type=int, default=30, help="random ones per list")
    parser.add_argument("--quick", action="store_true", help="3 problems, 2 seeds")
    args = parser.parse_args()
    if args.quick:
        args.problems, args.seeds = QUICK, 2
    if args.drawn:
        args.problems = [f"drawn/{number}" for number in range(args.drawn)]
    return args


# -------------------------------------------------------------------------- searches


def live_runs(name, args):
    """Return tables of fold scores by (rule, seed), in order of asking.

    Each search goes on until it has used up the fits of ``n_iter`` candidates.
    """
    runs = {}
    for seed in range(args.seeds):
        for rule, racing in LIVE.items():
            _common.progress(f"{name}: {rule}, seed {seed}")
            runs[rule, seed] = search(name, args, seed, racing=racing)
        runs["random", seed] = search(name, args, seed, optimizer="random")
    return runs


def search(name, args, seed, **options):
    """Return the fold scores (candidates, folds) of a search, nan where skipped."""
    problem = _drawn.problem(name)
    if options.get("optimizer") != "random":
        options["initial_points"] = 8
    fitted = BayesSearchCV(
        problem.estimator,
        _methods.our_space(problem),
        n_iter=5 * args.n_iter,
        stop=Fits(args.n_iter * K),
        scoring=problem.scoring,
        cv=problem.cv,
        refit=False,
        random_state=seed,
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = fitted.fit(*problem.data).cv_results_
    scores = np.array([table[f"split{fold}_test_score"] for fold in range(K)]).T
    if "status" in table:
        scores[table["status"] == "failed"] = np.nan
    return scores


class Fits:
    """Stops a search after so many fits of a fold."""

    def __init__(self, n):
        self.n = n

    def __call__(self, archive, space):
        n = sum(len(trial.outcomes) for trial in archive.closed)
        return f"{n} fits" if n >= self.n else None


def candidate_lists(name, runs):
    """Yield (problem, kind, fold scores) of lists without a skipped fold."""
    for (rule, _), scores in runs[name].items():
        if rule in ("none", "random"):
            whole = scores[np.isfinite(scores).all(axis=1)]
            yield name, "random" if rule == "random" else "Bayes", whole


# --------------------------------------------------------------------------- replays


def report_replays(lists, args):
    rows = []
    for kind in ("random", "Bayes"):
        for order in ("as asked", "shuffled"):
            for rule in RULES:
                rng = np.random.default_rng(0)  # the same orders for each rule
                replays = [
                    replay(name, orderly, rule)
                    for name, its_kind, scores in lists
                    if its_kind == kind
                    for orderly in orders(scores, order, args, rng)
                ]
                rows.append([f"{kind}, {order}: {rule}", *summary(replays)])
    headers = "saved %,winner kept %,replays,loss,max,loss in acc,max,z,median |z|"
    _common.print_table(
        f"Replays of fixed lists, {len(args.problems)} problems, {args.n_iter} "
        f"candidates, {args.seeds} lists each",
        ["list: rule", *headers.split(",")],
        rows,
    )


def orders(scores, order, args, rng):
    if order == "as asked":
        return [scores]
    return [rng.permutation(scores) for _ in range(args.orders)]


def replay(name, scores, rule):
    """Race a list of candidates; return what came of it."""
    is_accuracy = _drawn.problem(name).scoring.endswith("accuracy")
    race = make_race(RULES[rule], K, float(is_accuracy))
    means, best, n_folds, errors = scores.mean(axis=1), None, [], []
    for row, mean in zip(scores, means, strict=True):
        n = race.n_folds(row)
        n_folds.append(n)
        if n < K:
            estimate = best.mean() + (row - best)[:n].mean()
            errors.append((estimate - mean) / max(race.noise(n), 1e-300) ** 0.5)
            continue
        is_best = best is None or mean > best.mean()
        race.observe(row, is_best)
        best = row if is_best else best
    loss = means.max() - best.mean()
    return dict(
        saved=1 - np.sum(n_folds) / scores.size,
        loss=loss,
        share=loss / max(means.max() - np.median(means), 1e-12),
        errors=np.array(errors),
        is_accuracy=is_accuracy,
    )


def summary(replays):
    losses = np.array([r["loss"] for r in replays if r["is_accuracy"]])
    shares = np.array([r["share"] for r in replays])
    z = np.concatenate([r["errors"] for r in replays])
    # no two folds of the incumbent differed but by rounding: nothing was known
    z = z[np.abs(z) < 1e6]
    return [
        f"{100 * np.mean([r['saved'] for r in replays]):.1f}",
        f"{100 * np.mean(shares == 0):.1f}",
        len(replays),
        f"{shares.mean():.4f}",
        float(shares.max()),
        f"{losses.mean():.5f}",
        f"{losses.max():.4f}",
        f"{np.sqrt(np.mean(z**2)):.2f}",
        f"{np.median(np.abs(z)):.2f}",
    ]


# ------------------------------------------------------------------------------ live


def report_live(runs, args):
    regrets = {name: live_regrets(runs[name], args) for name in runs}
    rows = []
    for rule in LIVE:
        at_candidates = np.array([regrets[name][rule][0] for name in runs])
        at_fits = np.array([regrets[name][rule][1] for name in runs])
        gains = [regrets[name]["none"][1] - regrets[name][rule][1] for name in runs]
        tables = [runs[name][rule, seed] for name in runs for seed in range(args.seeds)]
        n_fits = [np.isfinite(table[: args.n_iter]).sum() for table in tables]
        n_candidates = [len(table) for table in tables]
        low, high = interval(np.array(gains))
        rows.append(
            [
                rule,
                f"{np.mean(n_fits):.0f}",
                float(at_candidates.mean()),
                f"{np.mean(n_candidates):.0f}",
                float(at_fits.mean()),
                f"[{low:+.3f}, {high:+.3f}]",
            ]
        )
    _common.print_table(
        f"Live: BayesSearchCV, {len(runs)} problems x {args.seeds} seeds, against "
        f"{args.n_iter} candidates without racing ({args.n_iter * K} fits)",
        [
            "racing",
            f"fits for {args.n_iter} candidates",
            "regret there",
            f"candidates for {args.n_iter * K} fits",
            "regret there",
            "gain, 95 %",
        ],
        rows,
    )


def live_regrets(runs, args):
    """Regrets by rule: (2, seeds), at equal candidates and at equal fits."""
    best = max(np.nanmax(table.mean(axis=1)) for table in runs.values())
    random = [runs["random", seed].mean(axis=1) for seed in range(args.seeds)]
    scale = max(best - np.nanmedian(np.concatenate(random)), 1e-12)
    regrets = {}
    for rule in LIVE:
        tables = [runs[rule, seed] for seed in range(args.seeds)]
        found = [
            [np.nanmax(table[: args.n_iter].mean(axis=1)) for table in tables],
            [np.nanmax(table.mean(axis=1)) for table in tables],
        ]
        regrets[rule] = (best - np.array(found)) / scale
    return regrets


def interval(gains, n_draws=4000):
    """95 % bootstrap interval of the mean of (problems, seeds), over both."""
    rng = np.random.default_rng(0)
    n_problems, n_seeds = gains.shape
    problems = rng.integers(n_problems, size=(n_draws, n_problems, 1))
    seeds = rng.integers(n_seeds, size=(n_draws, n_problems, n_seeds))
    return np.quantile(gains[problems, seeds].mean(axis=(1, 2)), [0.025, 0.975])


if __name__ == "__main__":
    main()
