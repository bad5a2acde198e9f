"""The searches that are compared: ``method(problem, n_iter, seed, trace, **options)``.

Every method gets the same space in its own notation and the same objective; a peer
that lacks the logit scale searches the logit of the value, which is the same law.
What a method finds it writes into ``trace`` as it goes, so that a crash loses nothing.
"""

import ast
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from _problems import N_FOLDS, SCALES


@dataclass
class Trace:
    """What one search did: a score per evaluation (nan = failed), CPU spent asking."""

    scores: list[float] = field(default_factory=list)
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
        trace.scores.append(problem.evaluate(params))
        with trace.suggesting():
            tell(handle, trace.scores[-1])


# ---------------------------------------------------------------------------- random


def random(problem, n_iter, seed, trace):
    rng = np.random.default_rng(seed)

    def ask():
        return None, {name: d.sample(rng) for name, d in problem.space.items()}

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


def _optuna(problem, n_iter, trace, sampler, default_first):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = {n: _to_optuna(d) for n, d in problem.space.items()}
    if default_first:
        study.enqueue_trial(_encode(problem.space, default_params(problem)))

    def ask():
        trial = study.ask(distributions)
        return trial, _decode(problem.space, trial.params)

    def tell(trial, score):
        state = optuna.trial.TrialState
        if np.isfinite(score):
            study.tell(trial, score)
        else:
            study.tell(trial, state=state.FAIL)

    _search(problem, n_iter, trace, ask, tell)


def _to_optuna(d):
    from optuna import distributions

    if d.kind == "bool":
        return distributions.CategoricalDistribution([True, False])
    if d.scale == "logit":
        forth, _ = SCALES["logit"]
        return distributions.FloatDistribution(forth(d.low), forth(d.high))
    law = distributions.IntDistribution if d.kind == "int" else None
    law = law or distributions.FloatDistribution
    return law(d.low, d.high, log=d.scale == "log")


def _decode(space, values):
    """Peers' values to the estimator's: logit dimensions back to fractions."""
    return {
        name: SCALES["logit"][1](value) if space[name].scale == "logit" else value
        for name, value in values.items()
    }


def _encode(space, params):
    return {
        name: SCALES["logit"][0](value) if space[name].scale == "logit" else value
        for name, value in params.items()
    }


def default_params(problem):
    """The estimator's own values where they lie in the space."""
    params = problem.estimator.get_params()
    return {n: params[n] for n, d in problem.space.items() if _inside(params[n], d)}


def _inside(value, d):
    if d.kind == "bool" or isinstance(value, bool):
        return d.kind == "bool" and isinstance(value, bool)
    kind = int if d.kind == "int" else (int, float)
    return isinstance(value, kind) and d.low <= value <= d.high


# ------------------------------------------------------------------- scikit-optimize


def skopt(problem, n_iter, seed, trace, **options):
    """scikit-optimize's Optimizer with its defaults, which are its BayesSearchCV's."""
    import skopt

    names = list(problem.space)
    dimensions = [_to_skopt(d) for d in problem.space.values()]
    optimizer = skopt.Optimizer(dimensions, random_state=seed, **options)
    losses = []

    def ask():
        values = optimizer.ask()
        python = (v.item() if hasattr(v, "item") else v for v in values)
        return values, _decode(problem.space, dict(zip(names, python, strict=True)))

    def tell(values, score):
        # Its model refuses nan: a failed evaluation is told as the worst one so far.
        losses.append(-score if np.isfinite(score) else max(losses, default=0.0))
        optimizer.tell(values, losses[-1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _search(problem, n_iter, trace, ask, tell)


def _to_skopt(d):
    from skopt.space import Categorical, Integer, Real

    if d.kind == "bool":
        return Categorical([True, False])
    if d.scale == "logit":
        forth, _ = SCALES["logit"]
        return Real(forth(d.low), forth(d.high))
    law = Integer if d.kind == "int" else Real
    return law(d.low, d.high, prior="log-uniform" if d.scale == "log" else "uniform")


# ------------------------------------------------------------------------------ ours


def ours(problem, n_iter, seed, trace, **options):
    """skhpo's BayesSearchCV through its front door."""
    from skhpo import BayesSearchCV

    search = BayesSearchCV(
        problem.estimator,
        {name: _to_ours(d) for name, d in problem.space.items()},
        n_iter=n_iter,
        scoring=problem.scoring,
        cv=N_FOLDS,
        refit=False,
        random_state=seed,
        **options,
    )
    with warnings.catch_warnings(), _timed_optimizers(trace):
        warnings.simplefilter("ignore")
        search.fit(*problem.data)
    trace.scores = [float(s) for s in search.cv_results_["mean_test_score"]]


def _to_ours(d):
    if d.kind == "bool":
        return [True, False]
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
    "ours": ours,
}


def parse(spec):
    """``name:key=value,key=value`` -> (function, options); values are Python literals.

    A value that is no literal is taken as a string: ``ours:optimizer=random``.
    """
    name, _, tail = spec.partition(":")
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; possible: {', '.join(METHODS)}")
    pairs = (item.partition("=") for item in tail.split(",") if item)
    return METHODS[name], {key: _literal(value) for key, _, value in pairs}


def _literal(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
