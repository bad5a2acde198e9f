"""What do rungs cost apart from training, and what do the low ones tell?

Two parts, to be run together or apart:

``overhead``
    CPU time of HyperbandSearchCV outside of training and scoring, where a unit takes
    10 ms and 1 ms: as a share of the time of the units, and in milliseconds per fold
    and rung. A unit sleeps, so that whatever CPU time there is, is overhead; a busy
    machine makes it more.
``tau``
    Imbalanced data of four classes (2 % in the rarest, 1,500 rows), 24 settings of a
    support vector machine: Kendall's tau between the scores with a 27th of the rows and
    with all of them. ``ours`` takes stratified training rows, two of each class at
    least, and scores whole test folds; ``theirs`` (scikit-learn's halving) cuts
    training and test rows at random; ``whole tests`` cuts only the training rows, at
    random; ``one each`` is ours with one row of each class at least, ``shares`` without
    any such promise. The scores with all rows are the same for all. Differences are
    paired by seed.
"""

import argparse
import time
import warnings
from functools import partial
from unittest import mock

import _common  # first of all that loads numpy: it limits the BLAS threads
import _rungs
import numpy as np
from scipy.stats import kendalltau, wilcoxon
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import ParameterSampler

from skhpo import HyperbandSearchCV
from skhpo.evaluation import _rows, nest_rows

N_SETTINGS = 24
PART = 27  # the lowest rung has one in so many rows
SCORINGS = {"accuracy": accuracy_score, "balanced": balanced_accuracy_score}


def main():
    args = parse_arguments()
    warnings.simplefilter("ignore")
    print(__doc__.split("\n\n")[0])
    _common.print_machine()
    for part in args.parts:
        PARTS[part](args)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("parts", nargs="*", default=[], help=f"any of {', '.join(PARTS)}; default all")
    add("--seeds", type=int, default=20, help="data sets of `tau`")
    add("--repeats", type=int, default=3, help="of `overhead`; the least counts")
    add("--quick", action="store_true", help="a minute: 4 seeds, 1 repeat")
    args = parser.parse_args()
    if args.quick:
        args.seeds, args.repeats = 4, 1
    args.parts = args.parts or list(PARTS)
    for part in args.parts:
        if part not in PARTS:
            parser.error(f"unknown part {part!r}; possible: {', '.join(PARTS)}")
    return args


# --------------------------------------------------------------------------- overhead


class Sleeper(ClassifierMixin, BaseEstimator):
    """Grows by naps, and knows how good it will be."""

    def __init__(self, a=0.5, seconds=0.01):
        self.a = a
        self.seconds = seconds

    def __skhpo_resource__(self):
        return Naps()

    def partial_fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_naps_ = getattr(self, "n_naps_", 0) + 1
        time.sleep(self.seconds)
        return self

    def fit(self, X, y):
        return self.partial_fit(X, y)

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((self.a - 0.3) ** 2) - 1 / self.n_naps_


class Naps:
    """The resource of a Sleeper."""

    kind, param = "naps", None

    def advance(self, estimator, X, y, frm, to):
        for _ in range(frm, to):
            estimator.partial_fit(X, y)


def overhead(args):
    rows = [
        overhead_row(seconds, most, args.repeats)
        for seconds, most in ((0.01, 27), (0.001, 81))
    ]
    _common.print_table(
        "CPU time outside of training and scoring, 2 folds, n_jobs=1 (goal: below 5 % "
        "at 10 ms per unit)",
        ["ms per unit", "units", "fits", "share of units", "ms per fit"],
        rows,
    )


def overhead_row(seconds, most, n_repeats):
    X, y = np.zeros((100, 2)), np.arange(100) % 2
    times = []
    for _ in range(n_repeats):
        _common.progress(f"overhead: {1e3 * seconds:.0f} ms per unit")
        search = HyperbandSearchCV(
            Sleeper(seconds=seconds), {"a": (0.0, 1.0)},
            max_resource=most, min_resource=1, cv=2, refit=False, random_state=0,
        )  # fmt: skip
        start = time.process_time()
        search.fit(X, y)
        times.append(time.process_time() - start)
    units = int(search.plan_["units"].sum())
    n_fits = 2 * len(search.cv_results_["params"])
    share = f"{100 * min(times) / (units * seconds):.1f} %"
    return [f"{1e3 * seconds:.0f}", units, n_fits, share, 1e3 * min(times) / n_fits]


# -------------------------------------------------------------------------------- tau


def tau(args):
    task = next(task for task in _rungs.TASKS if task.name == "rare classes")
    taus = {}  # (weights, scoring, how rows are cut): a tau per seed
    n_lacking = dict.fromkeys(WAYS, 0)
    for seed in range(args.seeds):
        _common.progress(f"tau: seed {seed}")
        for weights in ("balanced", None):
            estimator = clone(task.estimator).set_params(svc__class_weight=weights)
            one_seed(estimator, task, seed, weights or "equal", taus, n_lacking)
    rows = [
        [
            weights,
            scoring,
            *tau_texts({way: taus[weights, scoring, way] for way in WAYS}),
        ]
        for weights in ("balanced", "equal")
        for scoring in SCORINGS
    ]
    headers = [f"{way} -" if way != "theirs" else way for way in WAYS]
    _common.print_table(
        f"Kendall's tau of 1/{PART} of the rows with all, {N_SETTINGS} settings, "
        f"{args.seeds} seeds: scikit-learn's way,\nand the others minus that "
        "(p of the signed-rank test, one-sided; goal: ours - at least +.05)",
        ["class weights", "score", *headers],
        rows,
    )
    total = _rungs.N_SPLITS * args.seeds
    lacking = ", ".join(f"{way} {n // 2} of {total}" for way, n in n_lacking.items())
    print(f"Training subsets that miss a class: {lacking}")


def one_seed(estimator, task, seed, weights, taus, n_lacking):
    """Add the taus of one data set."""
    (X, y), _ = task.halves(seed, 0)
    splits = list(_rungs.folds(seed).split(X, y))
    settings = list(ParameterSampler(task.space, N_SETTINGS, random_state=seed))
    full = scores_of(estimator, settings, X, y, splits)
    for way, cut in WAYS.items():
        parts = cut(splits, y, np.random.default_rng(seed))
        n_lacking[way] += sum(len(np.unique(y[rows])) < 4 for rows, _ in parts)
        low = scores_of(estimator, settings, X, y, parts)
        for scoring in SCORINGS:
            value = kendalltau(low[scoring], full[scoring]).statistic
            taus.setdefault((weights, scoring, way), []).append(np.nan_to_num(value))


def scores_of(estimator, settings, X, y, splits):
    """{scoring: (n,) mean over the folds}; a fit that fails has the worst score."""
    scores = {scoring: np.zeros(len(settings)) for scoring in SCORINGS}
    for number, params in enumerate(settings):
        for train, test in splits:
            try:
                model = clone(estimator).set_params(**params).fit(X[train], y[train])
            except ValueError:  # a single class
                continue
            predicted = model.predict(X[test])
            for name, of in scores.items():
                of[number] += SCORINGS[name](y[test], predicted) / len(splits)
    return scores


def tau_texts(taus):
    theirs = np.array(taus["theirs"])
    yield f"{theirs.mean():.3f}"
    for way in [way for way in WAYS if way != "theirs"]:
        d = np.array(taus[way]) - theirs
        p = wilcoxon(d, alternative="greater").pvalue if d.any() else 1.0
        yield f"{d.mean():+.3f} ({p:.3f})"


def theirs(splits, y, rng):
    """As scikit-learn's halving: training and test rows are cut."""
    return [(_any(train, rng), _any(test, rng)) for train, test in splits]


def whole_tests(splits, y, rng):
    return [(_any(train, rng), test) for train, test in splits]


def ours(splits, y, rng):
    nested = nest_rows(splits, y, is_classifier=True, rng=rng)
    n = nested.most // PART
    return [(nested.rows(k, n), test) for k, (_, test) in enumerate(splits)]


def with_at_least(n, splits, y, rng):
    """As ours, with at least so many rows of each class."""
    with mock.patch("skhpo.evaluation._rows.ROWS_PER_CLASS", n):
        order = _rows._stratified
        n_rows = min(len(train) for train, _ in splits) // PART
        return [(t[np.sort(order(y[t], rng)[:n_rows])], test) for t, test in splits]


def _any(rows, rng):
    return rng.choice(rows, len(rows) // PART, replace=False)


WAYS = {
    "theirs": theirs,
    "ours": ours,
    "whole tests": whole_tests,
    "one each": partial(with_at_least, 1),
    "shares": partial(with_at_least, 0),
}
PARTS = {"overhead": overhead, "tau": tau}


if __name__ == "__main__":
    main()
