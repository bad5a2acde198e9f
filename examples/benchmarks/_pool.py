"""Fits that were recorded, on which a search is simulated in seconds.

A pool holds settings x units x folds: the score, the CPU seconds and the leaves of each
fit. Units are rounds or trees. Every row (a setting with its units) is a candidate; an
optimizer of ``skhpo.optimizers`` proposes a point, the nearest row that was not taken
is evaluated by looking it up, and the optimizer is told that row. What the optimizer
itself costs is not counted. Where folds are raced, those that were skipped cost
nothing, and the optimizer is told the estimate and its noise, as by the searches.
"""

import json
import time
import warnings
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from types import SimpleNamespace

import _common
import _methods
import _reference
import numpy as np
from _problems import Branch, Dimension
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline

from skhpo.evaluation import best_possible_score, make_race, prior_work
from skhpo.optimizers import (
    GaussianProcessOptimizer,
    Proposal,
    RandomDesign,
    Result,
    initial_design_size,
)
from skhpo.space import Space

FOLDER = Path(__file__).parent / "pools"
#: The tasks that are kept beside the scripts: few rows, text, several classes.
TASKS = (
    *("lightgbm/saheart", "lightgbm/1029_lev", "lightgbm/penguins"),
    *("forest/560_bodyfat", "forest/ISLR_Hitters"),
    *("boosting/547_no2", "boosting/heart_statlog", "boosting/credit_g"),
)
N_SETTINGS, UNITS = 60, (10, 30, 100, 300)
N_CANDIDATES = 25  # in a budget
SHARES = (1.0, 1 / 3)  # of it
WORK_OF_TREE = 10  # in leaves: what a tree costs beside its leaves


# ------------------------------------------------------------------------- recording


def record(task, folder, n_settings=N_SETTINGS, units=UNITS):
    """Fit random settings of a task with trees, and write the pool; return its path."""
    resource, largest = task.family.resource
    units = [n for n in units if n <= largest]
    space = {n: d for n, d in task.space.items() if n != resource}
    rng = np.random.default_rng(0)
    settings = [Branch("", {}, space).sample(rng) for _ in range(n_settings)]
    facts = []
    for number, params in enumerate(settings):
        _common.progress(f"{task.name}: setting {number + 1} of {n_settings}")
        facts.append([fold_facts(task, {**params, resource: n}) for n in units])
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(task.name, folder)
    scores, seconds, leaves = np.moveaxis(np.array(facts), -1, 0)
    np.savez_compressed(
        path,
        about=json.dumps(
            {
                "task": task.name,
                "metric": task.scoring,
                "constant": task.constant()["inner"],
                "resource": resource,
                "units": units,
                "space": {name: asdict(d) for name, d in task.space.items()},
                "settings": settings,
            }
        ),
        scores=scores.astype(np.float32),
        seconds=seconds.astype(np.float32),
        leaves=leaves.astype(np.int32),
    )
    return path


def path_of(name, folder):
    return folder / f"{name.replace('/', '-')}.npz"


def fold_facts(task, params):
    """Score, CPU seconds and leaves of the fit on each fold."""
    X, y = task.data
    scorer, facts = get_scorer(task.scoring), []
    for train, test in task.cv.split(X, y):
        estimator = clone(task.estimator).set_params(**params)
        start = time.process_time()
        with warnings.catch_warnings(action="ignore"):
            estimator.fit(X.iloc[train], y[train])
            score = scorer(estimator, X.iloc[test], y[test])
        seconds = time.process_time() - start
        facts.append((score, seconds, count_leaves(estimator[-1])))
    return facts


def count_leaves(model):
    """Leaves of all trees of a fitted ensemble."""
    if hasattr(model, "booster_"):  # LightGBM
        return sum(t["num_leaves"] for t in model.booster_.dump_model()["tree_info"])
    if hasattr(model, "estimators_"):
        return sum(tree.get_n_leaves() for tree in model.estimators_)
    trees = [tree for trees in model._predictors for tree in trees]
    return sum(tree.get_n_leaf_nodes() for tree in trees)


# -------------------------------------------------------------------------- a table


@dataclass(frozen=True, eq=False)
class Pool:
    """An objective as a table: points of a space, and what each of them brings."""

    task: str
    space: Space
    points: np.ndarray  # (rows, d)
    folds: np.ndarray  # (rows, folds) scores
    fold_seconds: np.ndarray  # (rows, folds)
    fold_work: np.ndarray  # (rows, folds) of leaves and trees
    constant: dict  # scores of a model that ignores the columns
    best_possible: float | None  # what no fold can score more than

    @classmethod
    def read(cls, path):
        with np.load(path) as file:
            about = json.loads(str(file["about"]))
            scores, seconds, leaves = (
                file[name].astype(float) for name in ("scores", "seconds", "leaves")
            )
        dimensions = {name: Dimension(**d) for name, d in about["space"].items()}
        space = Space({n: _methods._to_ours(d) for n, d in dimensions.items()})
        points = [
            space.to_point({**params, about["resource"]: n})
            for params in about["settings"]
            for n in about["units"]
        ]
        work = leaves + WORK_OF_TREE * np.array(about["units"])[:, None]
        n_folds = scores.shape[-1]
        return cls(
            about["task"],
            space,
            np.array(points),
            *(facts.reshape(-1, n_folds) for facts in (scores, seconds, work)),
            {"inner": about["constant"], "test": about["constant"]},
            best_possible_score(get_scorer(about["metric"]), None, None),
        )

    @cached_property
    def scores(self):
        """(rows,) means over the folds."""
        return self.folds.mean(axis=1)

    @cached_property
    def seconds(self):
        """(rows,) of all folds together."""
        return self.fold_seconds.sum(axis=1)

    def curve(self):
        """Random search's expected curve over the seconds of the pool."""
        columns = zip(self.scores, self.seconds, strict=True)
        candidates = [
            {"seconds": s, "inner": score, "test": score, "refit_seconds": 0.0}
            for score, s in columns
        ]
        return _reference.Curve.of(candidates, self.constant)

    def nearest(self, point, taken):
        """The row nearest to a point that was not taken."""
        distance = ((self.points - np.nan_to_num(point)) ** 2).sum(axis=1)
        distance[taken] = np.inf
        return int(np.argmin(distance))


# ------------------------------------------------------------------------ simulation


@dataclass(frozen=True)
class Strategy:
    """What proposes rows, how a row is told, and which of its folds are run.

    ``price``: the improvement is divided by "seconds", "work" or nothing. ``racing``: a
    rule of ``skhpo.evaluation``, or nothing. ``guesses``: the parameters tell the price
    before the first fit, as in a search.
    """

    learns: bool = True
    price: str | None = None
    racing: object = None
    guesses: bool = False

    def optimizer(self, pool, used, rng):
        if not self.learns:
            return RandomDesign(pool.space, rng=rng)
        return GaussianProcessOptimizer(
            pool.space,
            n_initial=initial_design_size(pool.space, 4 * N_CANDIDATES),
            budget_used=(lambda: used.share) if self.price else None,
            prior_cost=guess_of(pool.task) if self.guesses else None,
            rng=rng,
        )


def guess_of(task, n_rows=400, n_columns=20):
    """Params -> prior work; the shape of the table hardly matters for the order."""
    family = task.partition("/")[0]
    if family == "lightgbm":
        from lightgbm import LGBMRegressor as Model
    else:
        Model = {  # noqa: N806
            "boosting": HistGradientBoostingRegressor,
            "forest": RandomForestRegressor,
        }[family]
    pipeline = Pipeline([("model", Model())])
    return partial(prior_work, pipeline, n_rows=n_rows, n_columns=n_columns)


STRATEGIES = {
    "random order": Strategy(learns=False),
    "EI": Strategy(),
    "EI per second": Strategy(price="seconds"),
    "EI per work": Strategy(price="work"),
    "EI per work, guesses": Strategy(price="work", guesses=True),
    "EI, paired": Strategy(racing="paired"),
    **{
        f"EI per work, {rule}": Strategy(price="work", racing=rule)
        for rule in ("exact", "forgiving", "paired")
    },
    "EI per work, guesses, paired": Strategy(
        price="work", racing="paired", guesses=True
    ),
}


class FoldsRun:
    """The rows of a pool that were evaluated, on the folds that a race asks for."""

    def __init__(self, pool, racing):
        self.pool = pool
        self.race = make_race(racing, pool.folds.shape[1], pool.best_possible)
        self.incumbent = None  # row of the best that is complete

    def add(self, row):
        """Return the number of folds of a row, its score as it is told, its noise."""
        folds, n = self.pool.folds, self.pool.folds.shape[1]
        if self.race is not None:
            n = self.race.n_folds(folds[row])
        if n < folds.shape[1]:
            d = folds[row, :n] - folds[self.incumbent, :n]
            score = self.pool.scores[self.incumbent] + d.mean()
            return n, score, self.race.noise(n)
        scores, best = self.pool.scores, self.incumbent
        is_best = best is None or scores[row] > scores[best]
        if self.race is not None:
            self.race.observe(folds[row], is_best)
        self.incumbent = row if is_best else best
        return n, scores[row], 0.0


def simulate(pool, strategy, budget, seed):
    """Search a pool for some CPU seconds; return the seconds and the best after each.

    The last row is the one during which the budget is used up.
    """
    used = SimpleNamespace(share=0.0)
    optimizer = strategy.optimizer(pool, used, np.random.default_rng(seed))
    costs = pool.fold_work if strategy.price == "work" else pool.fold_seconds
    affordable = budget * costs.mean() / pool.fold_seconds.mean()  # unit of the price
    run = FoldsRun(pool, strategy.racing)
    taken, spent, seconds, best = [], 0.0, [], []
    while len(taken) < len(pool.scores) and (not seconds or seconds[-1] < budget):
        (proposal,) = optimizer.ask(1)
        row = pool.nearest(proposal.point, taken)
        taken.append(row)
        n, score, noise = run.add(row)
        spent += costs[row, :n].sum()
        used.share = min(spent / affordable, 1.0)
        cost = told_cost(costs[row, :n], strategy.price)
        found = Proposal(proposal.id, pool.points[row])
        optimizer.tell([Result(found, score, noise=noise, cost=cost)])
        before = seconds[-1] if seconds else 0.0
        seconds.append(before + pool.fold_seconds[row, :n].sum())
        best.append(pool.scores[run.incumbent])
    return np.array(seconds), np.array(best)


def told_cost(costs, price):
    """The cost of some folds as the searches tell it: the mean work, all seconds."""
    return costs.mean() if price == "work" else costs.sum()


def factors(pool, strategy, n_seeds):
    """(shares,) geometric mean of the factor, and how many runs were beyond random."""
    curve = pool.curve()
    full = N_CANDIDATES * curve.mean_seconds
    logs, n_beyond = [], 0
    for share in SHARES:
        runs = [simulate(pool, strategy, share * full, seed) for seed in range(n_seeds)]
        pairs = [_reference.factor(curve, best[-1], s[-1]) for s, best in runs]
        logs.append(np.mean([np.log(factor) for factor, _ in pairs]))
        n_beyond += sum(not is_reached for _, is_reached in pairs)
    return np.exp(logs), n_beyond


def report(folder, n_seeds):
    """Print, per strategy and pool, the factor at the budget and at a third of it."""
    pools = [Pool.read(path) for path in sorted(folder.glob("*.npz"))]
    rows = []
    for name, strategy in STRATEGIES.items():
        found = [factors(pool, strategy, n_seeds) for pool in pools]
        cells = [f"{a:.2f} / {b:.2f} ({n})" for (a, b), n in found]
        a, b = np.exp(np.mean([np.log(f) for f, _ in found], axis=0))
        rows.append([name, *cells, f"{a:.2f} / {b:.2f}"])
    _common.print_table(
        f"Simulated on recorded fits, {n_seeds} seeds: CPU that random search needs "
        "for the same score,\nover the CPU of the strategy, at the budget and at a "
        "third of it (runs beyond random search)",
        ["strategy", *(pool.task for pool in pools), "all"],
        rows,
    )
