"""The searches that are compared: ``method(problem, n_iter, seed, trace, **options)``.

Every method gets the same space in its own notation and the same objective; a peer
that lacks the logit scale searches the logit of the value, which is the same law.
What a method finds it writes into ``trace`` as it goes, so that a crash loses nothing.
"""

import ast
import contextlib
import importlib.util
import io
import re
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from _problems import SCALES


@dataclass
class Trace:
    """What one search did: a score per evaluation (nan = failed), CPU spent asking."""

    scores: list[float] = field(default_factory=list)
    params: list[dict] = field(default_factory=list)
    suggest_seconds: float = 0.0  # CPU of ask and tell

    @contextmanager
    def suggesting(self):
        start = time.process_time()
        try:
            yield
        finally:
            self.suggest_seconds += time.process_time() - start


def _search(problem, n_iter, trace, ask, tell):
    """The loop of a sequential ask/tell search."""
    for _ in range(n_iter):
        with trace.suggesting():
            handle, params = ask()
        trace.params.append(params)
        trace.scores.append(problem.evaluate(params))
        with trace.suggesting():
            tell(handle, trace.scores[-1])


# ---------------------------------------------------------------------------- random


def random(problem, n_iter, seed, trace):
    rng = np.random.default_rng(seed)

    def ask():
        several = len(problem.branches) > 1
        number = rng.integers(len(problem.branches)) if several else 0
        return None, problem.branches[number].sample(rng)

    _search(problem, n_iter, trace, ask, lambda handle, score: None)


# ---------------------------------------------------------------------------- optuna


def tpe(problem, n_iter, seed, trace, default_first=False, **options):
    import optuna

    sampler = optuna.samplers.TPESampler(seed=seed, **options)
    _optuna(problem, n_iter, trace, sampler, default_first)


def gpsampler(problem, n_iter, seed, trace, default_first=False, **options):
    import optuna
    import torch

    torch.set_num_threads(1)
    sampler = optuna.samplers.GPSampler(seed=seed, **options)
    _optuna(problem, n_iter, trace, sampler, default_first)


def optuna_cmaes(problem, n_iter, seed, trace, default_first=False, **options):
    """Optuna's CMA-ES, which draws categories at random."""
    import optuna

    sampler = optuna.samplers.CmaEsSampler(
        seed=seed, warn_independent_sampling=False, **options
    )
    _optuna(problem, n_iter, trace, sampler, default_first)


def _optuna(problem, n_iter, trace, sampler, default_first):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    if default_first and len(problem.branches) == 1:
        study.enqueue_trial(_encode(problem.branches[0].space, default_params(problem)))

    def ask():
        trial = study.ask()
        branch = _suggest_branch(trial, problem)
        values = {
            name: _decode(d, _suggest(trial, _unique(name, branch, problem), d))
            for name, d in branch.space.items()
        }
        return trial, {**branch.fixed, **values}

    def tell(trial, score):
        state = optuna.trial.TrialState
        if np.isfinite(score):
            study.tell(trial, score)
        else:
            study.tell(trial, state=state.FAIL)

    _search(problem, n_iter, trace, ask, tell)


def _suggest_branch(trial, problem):
    """The model is a parameter like others, and decides which ones come next."""
    if len(problem.branches) == 1:
        return problem.branches[0]
    branches = {branch.name: branch for branch in problem.branches}
    return branches[trial.suggest_categorical("branch", list(branches))]


def _unique(name, branch, problem):
    """Alternatives share the name of a parameter only where they share its law."""
    others = (b.space.get(name) for b in problem.branches)
    shared = all(d is branch.space[name] for d in others)
    return name if shared else f"{branch.name}:{name}"


def _suggest(trial, name, d):
    if d.kind == "choice":
        return trial.suggest_categorical(name, list(d.options))
    if d.scale == "logit":
        forth, _ = SCALES["logit"]
        return trial.suggest_float(name, forth(d.low), forth(d.high))
    suggest = trial.suggest_int if d.kind == "int" else trial.suggest_float
    return suggest(name, d.low, d.high, log=d.scale == "log")


def _decode(d, value):
    """A peer's value to the estimator's: logits to fractions, labels to objects."""
    if d.kind == "choice":
        return d.options[value]
    return SCALES["logit"][1](value) if d.scale == "logit" else value


def _encode(space, params):
    """The estimator's values to a peer's."""

    def encode(d, value):
        if d.kind == "choice":
            return next(label for label, v in d.options.items() if v is value)
        return SCALES["logit"][0](value) if d.scale == "logit" else value

    return {name: encode(space[name], value) for name, value in params.items()}


def default_params(problem):
    """The estimator's own values where they lie in the space."""
    params = problem.estimator.get_params()
    space = problem.branches[0].space
    return {n: params[n] for n, d in space.items() if _inside(params[n], d)}


def _inside(value, d):
    if d.kind == "choice":
        return any(value is option for option in d.options.values())
    if isinstance(value, bool):
        return False
    kind = int if d.kind == "int" else (int, float)
    return isinstance(value, kind) and d.low <= value <= d.high


# ------------------------------------------------------------------- scikit-optimize


def skopt(problem, n_iter, seed, trace, **options):
    """scikit-optimize's Optimizer with its defaults, which are its BayesSearchCV's.

    As there, alternatives are searched one by one, each with a part of the budget.
    """
    if len(problem.branches) > 1:
        per_family(partial(skopt, **options), problem, n_iter, seed, trace)
    else:
        _skopt(problem, n_iter, seed, trace, **options)


def per_family(method, problem, n_iter, seed, trace):
    """One search per alternative, with equal parts of the budget, taking turns."""
    families, runs = problem.families(), []
    for number, family in enumerate(families):
        run = Trace()
        n_own = (n_iter + len(families) - 1 - number) // len(families)
        method(family, n_own, seed, run)
        trace.suggest_seconds += run.suggest_seconds
        runs.append(run)
    for turn in range(len(runs[0].scores)):
        for run in runs:
            trace.scores += run.scores[turn : turn + 1]
            trace.params += run.params[turn : turn + 1]


def _skopt(problem, n_iter, seed, trace, **options):
    import skopt

    space = problem.branches[0].space
    dimensions = [_to_skopt(d) for d in space.values()]
    optimizer = skopt.Optimizer(dimensions, random_state=seed, **options)
    losses = []

    def ask():
        values = optimizer.ask()
        params = {
            name: _decode(d, _plain(value))
            for (name, d), value in zip(space.items(), values, strict=True)
        }
        return values, {**problem.branches[0].fixed, **params}

    def tell(values, score):
        # Its model refuses nan: a failed evaluation is told as the worst one so far.
        losses.append(-score if np.isfinite(score) else max(losses, default=0.0))
        optimizer.tell(values, losses[-1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _search(problem, n_iter, trace, ask, tell)


def _to_skopt(d):
    from skopt.space import Categorical, Integer, Real

    if d.kind == "choice":
        return Categorical(list(d.options))
    if d.scale == "logit":
        forth, _ = SCALES["logit"]
        return Real(forth(d.low), forth(d.high))
    law = Integer if d.kind == "int" else Real
    return law(d.low, d.high, prior="log-uniform" if d.scale == "log" else "uniform")


# --------------------------------------------------------------- sklearn-genetic-opt


def sgo(problem, n_iter, seed, trace, population_size=20, **options):
    """sklearn-genetic-opt's GASearchCV with its defaults, a population of 20 but for.

    It has neither a budget of evaluations nor a space of alternatives: it runs until
    ``_distinct.py`` ends it. Its default population of 50 would use half of 100
    evaluations for a random start.
    """
    import random

    from sklearn_genetic import GASearchCV

    random.seed(seed)  # it draws from the global generators
    np.random.seed(seed)  # noqa: NPY002
    branch = problem.branches[0]
    search = GASearchCV(
        problem.as_estimator(decode=partial(_of_branch, branch), may_be_nan=False),
        cv=problem.cv,
        param_grid={name: _to_sgo(d) for name, d in branch.space.items()},
        population_size=population_size,
        generations=n_iter,
        criteria="max",
        refit=False,
        verbose=False,
        **options,
    )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        search.fit(*problem.data)


def _of_branch(branch, values):
    decoded = {n: _of_sgo(d, _plain(values[n])) for n, d in branch.space.items()}
    return {**branch.fixed, **decoded}


def _of_sgo(d, value):
    if d.kind == "int" and d.scale == "log":
        return int(np.clip(np.rint(np.exp(value)), d.low, d.high))
    return _decode(d, value)


def _to_sgo(d):
    from sklearn_genetic.space import Categorical, Continuous, Integer

    if d.kind == "choice":
        return Categorical(list(d.options))
    if d.scale == "logit":
        forth, _ = SCALES["logit"]
        return Continuous(forth(d.low), forth(d.high))
    if d.kind == "int" and d.scale == "log":  # it lacks these: their logarithm, rounded
        return Continuous(float(np.log(d.low - 0.5)), float(np.log(d.high + 0.5)))
    if d.kind == "int":
        return Integer(d.low, d.high)
    return Continuous(d.low, d.high, distribution=_sgo_law(d.scale))


def _sgo_law(scale):
    return "log-uniform" if scale == "log" else "uniform"


# ------------------------------------------------------------------------------ smac


def smac(problem, n_iter, seed, trace, facade="HyperparameterOptimizationFacade"):
    """SMAC3 by ask and tell: its forest, or ``facade=BlackBoxFacade``, its process."""
    import smac
    from smac.runhistory import TrialValue
    from smac.runhistory.enumerations import StatusType

    space = _to_config_space(problem, seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario = smac.Scenario(
            space,
            deterministic=True,
            n_trials=n_iter,
            seed=seed,
            output_directory=Path(folder),
        )
        optimizer = getattr(smac, facade)(
            scenario, lambda config, seed: 0.0, logging_level=False, overwrite=True
        )

        def ask():
            trial = optimizer.ask()
            return trial, _of_config(problem, dict(trial.config))

        def tell(trial, score):
            failed = not np.isfinite(score)
            status = StatusType.CRASHED if failed else StatusType.SUCCESS
            cost = np.inf if failed else -score
            optimizer.tell(trial, TrialValue(cost=cost, status=status), save=False)

        _search(problem, n_iter, trace, ask, tell)


def _to_config_space(problem, seed):
    import ConfigSpace

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    names = [branch.name for branch in problem.branches]
    root = ConfigSpace.Categorical("branch", names) if len(names) > 1 else None
    if root is not None:
        space.add(root)
    for branch in problem.branches:
        for name, d in branch.space.items():
            unique = _unique(name, branch, problem)
            if unique in space:
                continue
            child = _to_config(unique, d)
            space.add(child)
            if ":" in unique:
                space.add(ConfigSpace.EqualsCondition(child, root, branch.name))
    return space


def _to_config(name, d):
    import ConfigSpace

    if d.kind == "choice":
        return ConfigSpace.Categorical(name, list(d.options))
    if d.scale == "logit":
        forth, _ = SCALES["logit"]
        return ConfigSpace.Float(name, (forth(d.low), forth(d.high)))
    law = ConfigSpace.Integer if d.kind == "int" else ConfigSpace.Float
    return law(name, (d.low, d.high), log=d.scale == "log")


def _of_config(problem, values):
    branches = {branch.name: branch for branch in problem.branches}
    branch = branches[values["branch"]] if "branch" in values else problem.branches[0]
    params = {
        name: _decode(d, values[_unique(name, branch, problem)])
        for name, d in branch.space.items()
    }
    return {**branch.fixed, **params}


# ------------------------------------------------------------------------------ hebo


def hebo(problem, n_iter, seed, trace, **options):
    """HEBO, winner of the black-box challenge of 2020; alternatives one by one."""
    if len(problem.branches) > 1:
        per_family(partial(hebo, **options), problem, n_iter, seed, trace)
    else:
        # It prints each jitter of its Cholesky factors.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _hebo(problem, n_iter, seed, trace, **options)


def _hebo(problem, n_iter, seed, trace, **options):
    import torch
    from hebo.design_space.design_space import DesignSpace
    from hebo.optimizers.hebo import HEBO

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    branch, losses = problem.branches[0], []
    space = DesignSpace().parse([_to_hebo(n, d) for n, d in branch.space.items()])
    optimizer = HEBO(space, scramble_seed=seed, **options)

    def ask():
        row = optimizer.suggest(1)
        values = {n: _plain(row[n].iloc[0]) for n in branch.space}
        params = {n: _decode(d, values[n]) for n, d in branch.space.items()}
        return row, {**branch.fixed, **params}

    def tell(row, score):
        # Its model refuses nan: a failed evaluation is told as the worst one so far.
        losses.append(-score if np.isfinite(score) else max(losses, default=0.0))
        optimizer.observe(row, np.array([losses[-1:]]))

    _search(problem, n_iter, trace, ask, tell)


def _to_hebo(name, d):
    if d.kind == "choice":
        return {"name": name, "type": "cat", "categories": list(d.options)}
    low, high = d.low, d.high
    if d.scale == "logit":
        low, high = SCALES["logit"][0](low), SCALES["logit"][0](high)
    number = {"int": "int", "real": "num"}, {"int": "pow_int", "real": "pow"}
    kind = number[d.scale == "log"][d.kind]
    return {"name": name, "type": kind, "lb": low, "ub": high}


def _plain(value):
    """A Python scalar instead of numpy's."""
    return value.item() if hasattr(value, "item") else value


# ------------------------------------------------------------------------------ ours


def ours(problem, n_iter, seed, trace, **options):
    """skhpo's BayesSearchCV through its front door."""
    from skhpo import BayesSearchCV

    _through_the_door(BayesSearchCV, problem, n_iter, seed, trace, options)


def evolution(problem, n_iter, seed, trace, **options):
    """skhpo's EvolutionarySearchCV, likewise: ``evolution:algorithm=ga``."""
    from skhpo import EvolutionarySearchCV

    _through_the_door(EvolutionarySearchCV, problem, n_iter, seed, trace, options)


def _through_the_door(door, problem, n_iter, seed, trace, options):
    constants, options = _split(options)
    options = {"racing": None, **options}  # an evaluation is one on all folds
    search = door(
        problem.estimator,
        our_space(problem),
        n_iter=n_iter,
        scoring=problem.scoring,
        cv=problem.cv,
        refit=False,
        random_state=seed,
        **options,
    )
    with warnings.catch_warnings(), patched(constants), _timed_optimizers(trace):
        warnings.simplefilter("ignore")
        search.fit(*problem.data)
    trace.scores = [float(s) for s in search.cv_results_["mean_test_score"]]
    trace.params = list(search.cv_results_["params"])


def ours_per_family(problem, n_iter, seed, trace, **options):
    """The same budget, one search of ours per alternative of a conditional space."""
    per_family(partial(ours, **options), problem, n_iter, seed, trace)


def gp(problem, n_iter, seed, trace, n_points=1, **options):
    """The Gaussian process without the door: ask, evaluate, tell.

    Options in lower case are the optimizer's own (``acquisition``, ``n_initial``), and
    ``n_points`` the number in flight; as with ``ours``, those in upper case are
    constants of the modules.
    """
    from skhpo import optimizers
    from skhpo.space import Space, starting_points

    constants, options = _split(options)
    rng = np.random.default_rng(seed)
    space = Space(our_space(problem))
    options = {"n_initial": optimizers.initial_design_size(space, n_iter), **options}
    starts = starting_points(space, problem.estimator)[: options["n_initial"]]
    with patched(constants):
        model = optimizers.GaussianProcessOptimizer(space, rng=rng, **options)
        first = optimizers.FixedPoints(space, starts, rng=rng)
        optimizer = optimizers.Chain([first], then=model)
        _in_flight(problem, space, optimizer, n_iter, n_points, trace)


def _in_flight(problem, space, optimizer, n_iter, n_points, trace):
    """Results arrive in the order of the proposals; n_points are always under way."""
    from skhpo._types import Result

    pending, n_asked = [], 0
    while len(trace.scores) < n_iter:
        while len(pending) < n_points and n_asked < n_iter:
            with trace.suggesting():
                pending += optimizer.ask(1, pending=tuple(pending))
            n_asked += 1
        if len(pending) == 0:
            return  # every setting was tried
        proposal = pending.pop(0)
        params = proposal.params or space.to_params(proposal.point)
        trace.params.append(params)
        trace.scores.append(problem.evaluate(params))
        with trace.suggesting():
            optimizer.tell([Result(proposal, trace.scores[-1], noise=0.0)])


def our_space(problem):
    spaces = [
        {
            **{name: [value] for name, value in branch.fixed.items()},
            **{name: _to_ours(d) for name, d in branch.space.items()},
        }
        for branch in problem.branches
    ]
    return spaces if len(spaces) > 1 else spaces[0]


def _split(options):
    """Options that are constants of skhpo's modules, and the others."""
    names = {n for n in options if n.partition(".")[0].isupper()}
    return (
        {n: options[n] for n in names},
        {n: value for n, value in options.items() if n not in names},
    )


@contextmanager
def patched(constants):
    """Constants of skhpo's modules have other values for a while, wherever they are.

    ``WARP_FROM`` replaces a constant, ``FULL.n_cloud`` a field of one.
    """
    changes = [change for item in constants.items() for change in _changes(*item)]
    for module, name, _, new in changes:
        setattr(module, name, new)
    try:
        yield
    finally:
        for module, name, old, _ in reversed(changes):
            setattr(module, name, old)


def _changes(constant, value):
    """(module, name, old, new) for each module that has the constant."""
    name, _, attribute = constant.partition(".")
    modules = [m for key, m in list(sys.modules.items()) if key.startswith("skhpo")]
    found = [(m, vars(m)[name]) for m in modules if name in vars(m)]
    if not found:
        raise ValueError(f"no module of skhpo has a constant {name!r}")
    return [
        (module, name, old, replace(old, **{attribute: value}) if attribute else value)
        for module, old in found
    ]


def _to_ours(d):
    if d.kind == "choice":
        return list(d.options.values())
    return (d.low, d.high, "uniform" if d.scale == "linear" else f"{d.scale}-uniform")


@contextmanager
def _timed_optimizers(trace):
    """Measure ask and tell inside the door, by wrapping the optimizers' methods."""
    from skhpo import optimizers

    classes = [c for c in vars(optimizers).values() if isinstance(c, type)]
    methods = [(c, n) for c in classes for n in ("ask", "tell") if n in vars(c)]
    originals = [(c, name, vars(c)[name]) for c, name in methods]
    outermost = Outermost(trace)
    for cls, name, original in originals:
        setattr(cls, name, outermost.timed(original))
    try:
        yield
    finally:
        for cls, name, original in originals:
            setattr(cls, name, original)


class Outermost:
    """Times calls into a trace; where one optimizer asks another, once only."""

    def __init__(self, trace):
        self.trace = trace
        self.is_running = False

    def timed(self, method):
        def call(*args, **kwargs):
            if self.is_running:
                return method(*args, **kwargs)
            self.is_running = True
            try:
                with self.trace.suggesting():
                    return method(*args, **kwargs)
            finally:
                self.is_running = False

        return call


METHODS = {
    "random": random,
    "tpe": tpe,
    "gpsampler": gpsampler,
    "skopt": skopt,
    "smac": smac,
    "hebo": hebo,
    "ours": ours,
    "ours-per-family": ours_per_family,
    "gp": gp,
    "evolution": evolution,
    "optuna-cmaes": optuna_cmaes,
    "sgo": sgo,  # in bench_evolution.py only
}
#: Methods that do not know how many evaluations there will be.
SEQUENTIAL = ("random", "tpe", "gpsampler", "skopt", "hebo", "optuna-cmaes", "sgo")
OURS = ("ours", "ours-per-family", "gp", "evolution")
#: Modules without which a method cannot run.
NEEDS = {
    "tpe": ("optuna",),
    "gpsampler": ("optuna", "torch"),
    "skopt": ("skopt",),
    "smac": ("smac",),
    "hebo": ("hebo", "torch"),
    "optuna-cmaes": ("optuna", "cmaes"),
    "sgo": ("sklearn_genetic",),
    **dict.fromkeys(OURS, ("skhpo",)),
}


def parse(spec, methods=METHODS):
    """``name:key=value,key=value`` -> (function, options); values are Python literals.

    A value that is no literal is taken as a string: ``ours:optimizer=random``.
    """
    name, _, tail = spec.partition(":")
    if name not in methods:
        raise ValueError(f"unknown method {name!r}; possible: {', '.join(methods)}")
    items = re.split(r",(?![^(\[{]*[)\]}])", tail)  # commas outside brackets
    pairs = (item.partition("=") for item in items if item)
    return methods[name], {key: _literal(value) for key, _, value in pairs}


def missing(spec):
    """The modules that a method needs and that are not installed."""
    needs = NEEDS.get(spec.partition(":")[0], ())
    return [name for name in needs if importlib.util.find_spec(name) is None]


def ignores_budget(spec):
    """Whether the beginning of a long run is what a short one would have been."""
    return spec.partition(":")[0] in SEQUENTIAL


def is_ours(spec):
    return spec.partition(":")[0] in OURS


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
