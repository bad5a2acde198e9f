"""Fits that were recorded, on which a search is simulated in seconds.

A pool holds settings x units x folds: the score, the CPU seconds and the leaves of each
fit. Units are rounds or trees. Every row (a setting with its units) is a candidate; an
optimizer of ``skhpo.optimizers`` proposes a point, the nearest row that was not taken
is evaluated by looking it up, and the optimizer is told that row. What the optimizer
itself costs is not counted.
"""

import json
import time
import warnings
from dataclasses import asdict, dataclass
from functools import partial
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

from skhpo.evaluation import prior_work
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
    scores: np.ndarray  # (rows,) mean over the folds
    seconds: np.ndarray  # (rows,) sum over the folds
    work: np.ndarray  # (rows,) likewise, of leaves and trees
    constant: dict  # scores of a model that ignores the columns

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
        trees = np.array(about["units"])[:, None]
        work = leaves + WORK_OF_TREE * trees
        return cls(
            about["task"],
            space,
            np.array(points),
            scores.mean(axis=2).ravel(),
            seconds.sum(axis=2).ravel(),
            work.sum(axis=2).ravel(),
            {"inner": about["constant"], "test": about["constant"]},
        )

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


def random_order(pool, budget, rng):
    return RandomDesign(pool.space, rng=rng), None


def expected_improvement(price, guesses=False):
    """Today's Gaussian process; ``price``: divide by "seconds", "work" or nothing.

    ``guesses``: the parameters tell the price before the first fit, as in a search.
    """

    def make(pool, budget, rng):
        used = SimpleNamespace(share=0.0)
        optimizer = GaussianProcessOptimizer(
            pool.space,
            n_initial=initial_design_size(pool.space, 4 * N_CANDIDATES),
            budget_used=(lambda: used.share) if price else None,
            prior_cost=guess_of(pool.task) if guesses else None,
            rng=rng,
        )
        optimizer.used = used
        return optimizer, price

    return make


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
    "random order": random_order,
    "EI": expected_improvement(None),
    "EI per second": expected_improvement("seconds"),
    "EI per work": expected_improvement("work"),
    "EI per work, guesses": expected_improvement("work", guesses=True),
}


def simulate(pool, make, budget, seed):
    """Search a pool for some CPU seconds; return the seconds and the best after each.

    The last row is the one during which the budget is used up.
    """
    optimizer, price = make(pool, budget, np.random.default_rng(seed))
    costs = pool.work if price == "work" else pool.seconds
    affordable = budget * costs.mean() / pool.seconds.mean()  # in the unit of the price
    taken, spent, seconds, best = [], 0.0, [], []
    while len(taken) < len(pool.scores) and (not seconds or seconds[-1] < budget):
        (proposal,) = optimizer.ask(1)
        row = pool.nearest(proposal.point, taken)
        taken.append(row)
        spent += costs[row]
        if price:
            optimizer.used.share = min(spent / affordable, 1.0)
        found = Proposal(proposal.id, pool.points[row])
        optimizer.tell([Result(found, pool.scores[row], noise=0.0, cost=costs[row])])
        seconds.append((seconds[-1] if seconds else 0.0) + pool.seconds[row])
        best.append(pool.scores[taken].max())
    return np.array(seconds), np.array(best)


def factors(pool, make, n_seeds):
    """(shares,) geometric mean of the factor, and how many runs were beyond random."""
    curve = pool.curve()
    full = N_CANDIDATES * curve.mean_seconds
    logs, n_beyond = [], 0
    for share in SHARES:
        runs = [simulate(pool, make, share * full, seed) for seed in range(n_seeds)]
        pairs = [_reference.factor(curve, best[-1], s[-1]) for s, best in runs]
        logs.append(np.mean([np.log(factor) for factor, _ in pairs]))
        n_beyond += sum(not is_reached for _, is_reached in pairs)
    return np.exp(logs), n_beyond


def report(folder, n_seeds):
    """Print, per strategy and pool, the factor at the budget and at a third of it."""
    pools = [Pool.read(path) for path in sorted(folder.glob("*.npz"))]
    rows = []
    for name, make in STRATEGIES.items():
        found = [factors(pool, make, n_seeds) for pool in pools]
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
