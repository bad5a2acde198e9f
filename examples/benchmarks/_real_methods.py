"""Whole searches that run for some CPU seconds: ``method(task, budget, seed, trace)``.

Every method gets the same space in its own notation (``_methods.py``), the same folds
and the same metric, and searches until the CPU seconds of its process reach the budget.
Candidates are not counted. What a search finds it writes into a ``Trace`` as it goes.

A method that cannot be stopped between two candidates reports the CPU that it used.
Libraries that look at a wall clock see CPU seconds there (:func:`cpu_clock`): limits of
time then mean the same on a busy machine.
"""

import contextlib
import importlib
import io
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import _methods
import numpy as np

MANY = 1000  # candidates: more than any budget affords
GRID = tuple(np.geomspace(0.05, 1.0, 14))  # shares of a budget: points of a curve
N_PLANS = 10  # of Hyperband, likewise


class OutOfTime(Exception):
    """Raised inside of a search that cannot be stopped in another way."""


@dataclass
class Trace:
    """The best so far after each candidate, and the CPU seconds until then."""

    budget: float
    start: float = field(default_factory=time.process_time)
    seconds: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    params: list[dict] = field(default_factory=list)
    end: float | None = None  # CPU seconds of the search, where not the last candidate

    @property
    def now(self):
        return time.process_time() - self.start

    @property
    def is_over(self):
        return self.now >= self.budget

    def best_is(self, score, params):
        """Note the best so far; return whether the budget is used up."""
        self.seconds.append(self.now)
        self.scores.append(-np.inf if score is None or score != score else float(score))
        self.params.append(dict(params or {}))
        return self.is_over

    def evaluated(self, score, params):
        """Note a candidate; return whether the budget is used up."""
        if self.scores and not score > self.scores[-1]:  # a failed one is no better
            score, params = self.scores[-1], self.params[-1]
        return self.best_is(score, params)

    def curve(self, budget):
        """The best score known at shares of a budget; None = no candidate is done."""
        last = np.searchsorted(self.seconds, np.multiply(GRID, budget), side="right")
        return [self.scores[k - 1] if k else None for k in last]

    def at(self, budget):
        """What a search with a smaller budget has found: CPU, score, setting, number.

        It ends with the candidate during which the budget is used up.
        """
        late = np.flatnonzero(np.array(self.seconds) >= budget)
        k = late[0] if len(late) else len(self.seconds) - 1
        is_last = k == len(self.seconds) - 1
        seconds = self.end if is_last and self.end is not None else self.seconds[k]
        return seconds, self.scores[k], self.params[k], int(k) + 1


@contextmanager
def cpu_clock():
    """The clocks of the module ``time`` count CPU seconds of this process for a while.

    Not those that a module imported by name.
    """
    names = ("time", "monotonic", "perf_counter")
    originals = {name: getattr(time, name) for name in names}
    begin = {name: clock() - time.process_time() for name, clock in originals.items()}
    for name in names:
        setattr(time, name, lambda begin=begin[name]: begin + time.process_time())
    try:
        yield
    finally:
        for name, clock in originals.items():
            setattr(time, name, clock)


# --------------------------------------------------------------------------- random


def random(task, budget, seed, trace):
    """One random search: the factor of many of them is about 1."""
    rng = np.random.default_rng(seed)
    (branch,) = task.branches
    is_over = False
    while not is_over:
        params = branch.sample(rng)
        is_over = trace.evaluated(task.evaluate(params), params)


def halving(task, budget, seed, trace, factor=3):
    """scikit-learn's HalvingRandomSearchCV over rows."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    n_rows, n_classes = len(task.table.X), 1
    if task.table.is_classification:
        n_classes = len(np.unique(task.table.y))
    smallest = 2 * task.cv.get_n_splits() * n_classes
    search = HalvingRandomSearchCV(
        task.estimator,
        {name: _Law(d) for name, d in task.space.items()},
        n_candidates=candidates_to_halve(
            budget / task.mean_seconds, n_rows / smallest, factor
        ),
        factor=factor,
        min_resources="exhaust",
        scoring=task.scoring,
        cv=task.cv,
        refit=False,
        random_state=seed,
    ).fit(*task.data)
    trace.end = trace.now
    # The score of its last rung is of fewer rows, where they cannot be divided evenly.
    trace.best_is(task.evaluate(search.best_params_), search.best_params_)


def candidates_to_halve(n_full, ratio, factor=3):
    """Candidates of a halving that costs ``n_full`` full ones or less.

    Where the cost of a fit is proportional to its rows, and the lowest rung has a
    ``ratio``-th of all rows at least. Every rung then costs the same.
    """

    def cost(n):
        n_rungs = 1 + int(min(np.log(n), np.log(max(ratio, 1.0))) / np.log(factor))
        return n_rungs * n / factor ** (n_rungs - 1)

    affordable = [n for n in range(1, MANY) if cost(n) <= n_full]
    return max(affordable, default=1)


class _Law:
    """A dimension as scikit-learn draws from it."""

    def __init__(self, dimension):
        self.dimension = dimension

    def rvs(self, random_state):
        rng = SimpleNamespace(
            uniform=random_state.uniform, integers=random_state.randint
        )
        return self.dimension.sample(rng)


# --------------------------------------------------------------------------- optuna


def optuna(task, budget, seed, trace, **options):
    """OptunaSearchCV of optuna-integration; choices are handed over as they are."""
    import optuna
    from optuna_integration import OptunaSearchCV

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def note(study, trial):
        try:
            best = study.best_value, study.best_params
        except ValueError:  # every trial has failed so far
            best = None, None
        if trace.best_is(*best):
            study.stop()

    OptunaSearchCV(
        task.estimator,
        {name: _to_optuna(d) for name, d in task.space.items()},
        n_trials=None,
        scoring=task.scoring,
        cv=task.cv,
        refit=False,
        random_state=seed,
        callbacks=[note],
        **options,
    ).fit(*task.data)


def _to_optuna(d):
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if d.kind == "choice":
        return CategoricalDistribution(list(d.options.values()))
    law = IntDistribution if d.kind == "int" else FloatDistribution
    return law(d.low, d.high, log=d.scale == "log")


# ----------------------------------------------------- scikit-optimize, genetic search

FAILED = -10.0  # the score of a failed fit, for searches that refuse nan


def skopt(task, budget, seed, trace, **options):
    """scikit-optimize's BayesSearchCV."""
    from skopt import BayesSearchCV

    names = sorted(task.space)  # the order of the values of its points

    def note(result):
        params = {n: _methods._plain(v) for n, v in zip(names, result.x, strict=True)}
        return trace.best_is(-result.fun, params)

    BayesSearchCV(
        task.estimator,
        {name: _methods._to_skopt(d) for name, d in task.space.items()},
        n_iter=MANY,
        scoring=task.scoring,
        cv=task.cv,
        refit=False,
        error_score=FAILED,
        random_state=seed,
        **options,
    ).fit(*task.data, callback=note)


def genetic(task, budget, seed, trace, population_size=None, **options):
    """sklearn-genetic-opt's GASearchCV, which can be stopped between generations.

    Its default population of 50 is twice the budget: a fifth of the budget is taken.
    """
    import random

    from sklearn_genetic import GASearchCV
    from sklearn_genetic.callbacks.base import BaseCallback

    class Stop(BaseCallback):
        def on_step(self, record=None, logbook=None, estimator=None):
            return trace.is_over

    random.seed(seed)  # it draws from the global generators
    n_affordable = round(budget / task.mean_seconds)
    search = GASearchCV(
        task.estimator,
        scoring=task.scoring,
        cv=task.cv,
        param_grid={name: _to_genetic(d) for name, d in task.space.items()},
        population_size=population_size or max(4, n_affordable // 5),
        generations=MANY,
        criteria="max",
        refit=False,
        error_score=FAILED,
        verbose=False,
        **options,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        search.fit(*task.data, callbacks=[Stop()])
    k = int(np.argmax(search.cv_results_["mean_test_score"]))
    params = search.cv_results_["params"][k]
    trace.best_is(search.cv_results_["mean_test_score"][k], params)


def _to_genetic(d):
    """It has no integers on a log scale."""
    from sklearn_genetic.space import Categorical, Continuous, Integer

    if d.kind == "choice":
        return Categorical(list(d.options.values()))
    if d.kind == "int":
        return Integer(d.low, d.high)
    return Continuous(d.low, d.high, distribution=_methods._sgo_law(d.scale))


# ----------------------------------------------------------------------------- flaml


def flaml(task, budget, seed, trace, **options):
    """FLAML's tune, which starts where the model is cheap."""
    from flaml import tune

    def evaluate(config):
        score = task.evaluate(config)
        if trace.evaluated(score, config):
            raise OutOfTime
        return {"score": score if np.isfinite(score) else FAILED}

    with contextlib.suppress(OutOfTime):
        tune.run(
            evaluate,
            config={name: _to_flaml(d) for name, d in task.space.items()},
            low_cost_partial_config=_cheapest(task),
            metric="score",
            mode="max",
            time_budget_s=budget,
            num_samples=-1,
            verbose=0,
            **options,
        )


def _cheapest(task):
    if task.family.resource is None:
        return {}
    name, _ = task.family.resource
    return {name: task.space[name].low} if name in task.space else {}


def _to_flaml(d):
    from flaml import tune

    if d.kind == "choice":
        return tune.choice(list(d.options.values()))
    upper = d.high + 1 if d.kind == "int" else d.high  # an integer is below it
    laws = {
        ("int", "linear"): tune.randint,
        ("int", "log"): tune.lograndint,
        ("real", "linear"): tune.uniform,
        ("real", "log"): tune.loguniform,
    }
    return laws[d.kind, d.scale](d.low, upper)


# ------------------------------------------------------------------------------ ours


def ours(task, budget, seed, trace, **options):
    """skhpo's BayesSearchCV: ``ours:racing=None``, ``ours:max_time=True``."""
    from skhpo import BayesSearchCV

    options = {"n_iter": MANY, **options}
    _search(BayesSearchCV, task, budget, seed, trace, task.space, options)


def evolution(task, budget, seed, trace, **options):
    """skhpo's EvolutionarySearchCV."""
    from skhpo import EvolutionarySearchCV

    options = {"n_iter": MANY, **options}
    _search(EvolutionarySearchCV, task, budget, seed, trace, task.space, options)


def hyperband(task, budget, seed, trace, **options):
    """skhpo's HyperbandSearchCV over rounds, trees or epochs, otherwise over rows."""
    from skhpo import HyperbandSearchCV

    space = dict(task.space)
    options = {"n_iterations": N_PLANS, **options}
    if task.family.resource is None:
        options["resource"] = "n_samples"
    else:
        name, largest = task.family.resource
        space.pop(name)
        options["max_resource"] = largest
    search = _search(HyperbandSearchCV, task, budget, seed, trace, space, options)
    return search.best_estimator_, search.refit_time_


def _search(kind, task, budget, seed, trace, space, options):
    """Run one of our searches; with ``max_time=True`` it knows the budget."""
    constants, options = _methods._split(options)
    if options.get("max_time") is True:
        options["max_time"] = budget

    def note(progress):
        return trace.best_is(progress.best_score, progress.best_params)

    search = kind(
        task.estimator,
        {name: _methods._to_ours(d) for name, d in space.items()},
        scoring=task.scoring,
        cv=task.cv,
        refit="n_iterations" in options,
        random_state=seed,
        callbacks=note,
        **options,
    )
    with _methods.patched(constants):
        search.fit(*task.data)
    trace.end = trace.now - getattr(search, "refit_time_", 0.0)
    trace.scores[-1], trace.params[-1] = search.best_score_, search.best_params_
    return search


METHODS = {
    "random": random,
    "halving": halving,
    "optuna": optuna,
    "skopt": skopt,
    "genetic": genetic,
    "flaml": flaml,
    "ours": ours,
    "hyperband": hyperband,
    "evolution": evolution,
}
_OURS = ("skhpo.search", "skhpo.optimizers", "skhpo.surrogates")
#: Modules that a method needs. They are imported before its clock starts.
NEEDS = {
    "halving": ("sklearn.experimental.enable_halving_search_cv",),
    "optuna": ("optuna_integration.sklearn",),
    "skopt": ("skopt",),
    "genetic": ("sklearn_genetic",),
    "flaml": ("flaml.tune",),
    **dict.fromkeys(("ours", "hyperband", "evolution"), _OURS),
}
#: Methods whose beginning depends on their budget.
PLANNING = ("halving", "genetic", "flaml", "hyperband")


def parse(spec):
    """``name:key=value,key=value`` -> (function, options)."""
    return _methods.parse(spec, METHODS)


def load(spec):
    """Import what a method needs; return what is not installed."""
    missing = []
    with warnings.catch_warnings(action="ignore"):
        for name in NEEDS.get(spec.partition(":")[0], ()):
            try:
                importlib.import_module(name)
            except ImportError as error:
                missing.append(error.name or name)
    return missing


def plans(spec):
    """Whether a search with less budget is more than the beginning of a longer one."""
    name, _, options = spec.partition(":")
    return name in PLANNING or "max_time" in options


# --------------------------------------------------------------------------- one run


def run(task, spec, seed, budget, marks):
    """Run one search and return, for each budget of ``marks``, what it has found.

    Never raises: a method that breaks says how.
    """
    function, options = parse(spec)
    load(spec)
    task.refit({})  # the first fit of a process loads libraries, too
    np.random.seed(seed)  # noqa: NPY002 - what some peers draw from
    trace, fitted, error = Trace(budget), None, None
    with cpu_clock(), warnings.catch_warnings(action="ignore"):
        try:
            fitted = function(task, budget, seed, trace, **options)
        except Exception as caught:
            error = f"{type(caught).__name__}: {caught}"
    if not trace.scores or not np.isfinite(trace.scores[-1]):
        error = error or "no candidate succeeded"
        return {mark: {"error": error} for mark in marks}
    return {
        mark: {**judged(task, trace, fitted, mark), "error": error} for mark in marks
    }


def judged(task, trace, fitted, mark):
    """What a search has found within a budget, and what that is worth."""
    seconds, inner, params, n = trace.at(mark)
    if not isinstance(fitted, tuple):
        test, refit_seconds = task.refit(params)
    else:
        model, refit_seconds = fitted
        test = task.judge(model)
    return {
        "seconds": seconds,
        "refit_seconds": refit_seconds,
        "inner": inner if np.isfinite(inner) else None,
        "test": test if np.isfinite(test) else None,
        "n": n,
        "curve": [None if s is None or s == -np.inf else s for s in trace.curve(mark)],
        "params": {name: _methods._plain(value) for name, value in params.items()},
    }
