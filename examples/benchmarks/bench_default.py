"""Is the estimator's own setting protected, and what do the first rounds tell?

Histogram boosting on three tables, two folds. Two parts, to be run together or apart:

``protected``
    HyperbandSearchCV, seed by seed: the cross-validated score of what it returns, minus
    that of the estimator's own setting with ``max_resource`` rounds. It must not be
    negative. Beside it the units that were trained, and those that the plan has without
    the own setting (``optimizer="random"``).
``tau``
    Random settings, scored after every round. Kendall's tau between the order after a
    few rounds and that after all of them, and what floors of the ladder are worth: the
    regret of Hyperband with four, three and two rungs, and of random search, at equal
    units, drawn from these settings again and again.

Beside Friedman's table there are two of scikit-learn's; with ``--tables`` those of a
folder, ``<name>.csv.gz`` with a column ``target``.
"""

import argparse
import warnings
from functools import partial
from pathlib import Path

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
import pandas as pd
from scipy.stats import kendalltau
from sklearn.base import is_classifier
from sklearn.datasets import load_digits, make_classification, make_friedman1
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import (
    KFold,
    StratifiedKFold,
    cross_val_score,
)

from skhpo import HyperbandSearchCV
from skhpo.schedulers import hyperband_brackets
from skhpo.space import Space

ROWS = 3000
TOP = 81
ROUNDS = (1, 3, 9, 27)
FLOORS = {"four rungs": 3, "three rungs": 9, "two rungs": 27}
SPACE = {
    "learning_rate": (0.01, 0.3, "log-uniform"),
    "max_leaf_nodes": (4, 64),
    "min_samples_leaf": (5, 100, "log-uniform"),
    "l2_regularization": (1e-6, 10.0, "log-uniform"),
}


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
    add("--seeds", type=int, default=10, help="searches per table")
    add("--settings", type=int, default=40, help="random settings of `tau`")
    add("--draws", type=int, default=1000, help="of each schedule, from the settings")
    add("--units", type=int, default=27, help="max_resource of `protected`")
    add("--tables", type=Path, help="a folder of <name>.csv.gz")
    add("--names", nargs="*", default=["227_cpu_small", "phoneme"], help="of these")
    add("--quick", action="store_true", help="a minute: 2 seeds, 24 settings")
    args = parser.parse_args()
    if args.quick:
        args.seeds, args.settings, args.draws = 2, 24, 100
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"{sorted(unknown)} is none of {sorted(PARTS)}")
    args.parts = args.parts or list(PARTS)
    return args


def tables(args):
    """Yield (name, X, y, estimator, folds, scoring) of each table."""
    yield "friedman1", *_problem(*make_friedman1(ROWS, 10, noise=1.0, random_state=0))
    if args.tables is None:
        yield "digits", *_problem(*load_digits(return_X_y=True))
        drawn = make_classification(
            ROWS, 20, n_informative=8, flip_y=0.1, random_state=0
        )
        yield "classes", *_problem(*drawn)
        return
    for name in args.names:
        frame = pd.read_csv(args.tables / f"{name}.csv.gz")
        frame = frame.sample(min(ROWS, len(frame)), random_state=0)
        y = frame.pop("target").to_numpy()
        yield name, *_problem(frame.to_numpy(float), y)


def _problem(X, y):
    if y.dtype.kind == "f" and len(np.unique(y)) > 20:
        folds = KFold(2, shuffle=True, random_state=0).split(X)
        model, scoring = HistGradientBoostingRegressor(), "neg_root_mean_squared_error"
    else:
        y = np.unique(y, return_inverse=True)[1]
        folds = StratifiedKFold(2, shuffle=True, random_state=0).split(X, y)
        model, scoring = HistGradientBoostingClassifier(), "neg_log_loss"
    return X, y, model, list(folds), scoring


# ---- protected


def protected(args):
    """Print how far what is returned is above the own setting, and what it took."""
    columns = ["table", "strategy", "best - own", "below own", "units", "plan before"]
    rows = []
    for name, X, y, model, folds, scoring in tables(args):
        own = model.set_params(max_iter=args.units)
        floor = cross_val_score(own, X, y, cv=folds, scoring=scoring).mean()
        for strategy in ("hyperband", "sha"):
            gains, units, before = zip(
                *(
                    one_search(args, strategy, seed, X, y, model, folds, scoring, floor)
                    for seed in range(args.seeds)
                ),
                strict=True,
            )
            n_below = sum(gain < -1e-12 for gain in gains)
            spread = f"{min(gains):.4g} to {max(gains):.4g}"
            below = f"{n_below} of {len(gains)}"
            rows.append([name, strategy, spread, below, max(units), min(before)])
    print(pd.DataFrame(rows, columns=columns).to_string(index=False))


def one_search(args, strategy, seed, X, y, model, folds, scoring, floor):
    """Return the gain over the own setting, the units trained, and those planned."""
    search = HyperbandSearchCV(
        model,
        SPACE,
        max_resource=args.units,
        min_resource=1,
        strategy=strategy,
        cv=folds,
        scoring=scoring,
        random_state=seed,
    ).fit(X, y)
    best = cross_val_score(search.best_estimator_, X, y, cv=folds, scoring=scoring)
    pure = search.set_params(optimizer="random").plan(X, y)
    return best.mean() - floor, search.plan_["units"].sum(), pure["units"].sum()


# ---- tau


def tau(args):
    """Print the agreement of the first rounds with the last, and regrets by floor."""
    agreement, regrets = {}, {}
    for name, X, y, model, folds, _ in tables(args):
        curves = scored_by_round(args.settings, X, y, model, folds)
        agreement[name] = [
            kendalltau(curves[rounds], curves[TOP]).statistic for rounds in ROUNDS
        ]
        regrets[name] = regrets_of(curves, args.draws)
    print(f"Kendall's tau with {TOP} rounds, {args.settings} settings")
    print(pd.DataFrame(agreement, index=ROUNDS).round(2).to_string())
    print("regret in standard deviations of the last scores (standard error)")
    print(pd.DataFrame(regrets).to_string())


def scored_by_round(n_settings, X, y, model, folds):
    """Return {rounds: (n_settings,) mean scores over the folds}."""
    space = Space(SPACE)
    points = space.sample(n_settings, np.random.default_rng(0))
    curves = [
        np.mean(
            [_curve(X, y, model, fold, space.to_params(point)) for fold in folds],
            axis=0,
        )
        for point in points
    ]
    return dict(zip((*ROUNDS, TOP), np.transpose(curves), strict=True))


def _curve(X, y, model, fold, params):
    """Scores of one fit after each number of rounds."""
    train, test = fold
    fitted = model.set_params(**params, max_iter=TOP).fit(X[train], y[train])
    if is_classifier(model):
        stages = fitted.staged_predict_proba(X[test])
        score = partial(log_loss, y[test], labels=fitted.classes_)
    else:
        stages, score = fitted.staged_predict(X[test]), partial(_rmse, y[test])
    return [
        -score(predicted)
        for rounds, predicted in enumerate(stages, start=1)
        if rounds in (*ROUNDS, TOP)
    ]


def _rmse(y, predicted):
    return np.sqrt(mean_squared_error(y, predicted))


def regrets_of(curves, n_draws):
    """Return the mean regret of each schedule at the units of two default sweeps."""
    budget = 2 * _cost(hyperband_brackets(FLOORS["four rungs"], TOP, 3))
    plans = {name: hyperband_brackets(r, TOP, 3) for name, r in FLOORS.items()}
    plans["random"] = hyperband_brackets(TOP, TOP, 3)
    scale = np.std(curves[TOP])
    found = {}
    for name, brackets in plans.items():
        rng = np.random.default_rng(0)
        best = [_replay(curves, brackets, budget, rng) for _ in range(n_draws)]
        regret = (curves[TOP].max() - np.array(best)) / scale
        error = regret.std() / np.sqrt(n_draws)
        found[name] = f"{regret.mean():.3f} ({error:.3f})"
    return found


def _cost(brackets):
    return sum(sum(bracket.units_continued) for bracket in brackets)


def _promotions(bracket):
    """Return (units at a rung, places at the next) pairs."""
    return zip(bracket.resources[:-1], bracket.n_candidates[1:], strict=True)


def _replay(curves, brackets, budget, rng):
    """Return the best last score found until the units are used up."""
    best, turn = -np.inf, 0
    while True:
        bracket = brackets[turn % len(brackets)]
        budget -= _cost([bracket])
        if budget < 0:
            return best
        rows = rng.choice(len(curves[TOP]), bracket.n_candidates[0])
        for resource, n in _promotions(bracket):
            rows = rows[np.argsort(-curves[resource][rows], kind="stable")][:n]
        best = max(best, curves[TOP][rows].max())
        turn += 1


PARTS = {"protected": protected, "tau": tau}

if __name__ == "__main__":
    main()
