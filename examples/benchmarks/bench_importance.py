"""Which parameters mattered: does importance name the right ones, from few settings?

Random settings of spaces with 7 dimensions (floats, an integer, categories), functions
whose truth is known, noise of standard deviation 0.05:

``additive``: three parameters that add up, two of them with a product as well.
``ridge``: C and gamma matter only through their product, along a narrow ridge, which
the kernel makes lower; ``--widths`` are its widths in decades.

The truth are total Sobol indices by Monte Carlo on the function itself. Printed: in how
many of the seeds the top three are the right ones, the error (half the L1 distance of
the indices, each set normalised to sum 1), and the time of a call; for our Gaussian
process and forest, and where optuna is installed for its fANOVA and PED-ANOVA.
PED-ANOVA answers another question (what sets the best tenth apart) and should not be
condemned for its answer to this one.
"""

import argparse
import time
from functools import partial
from types import SimpleNamespace

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np

from skhpo import Categorical, Integer, Real
from skhpo.importance import search_importance
from skhpo.importance._sobol import sobol_indices
from skhpo.space import Space

NOISE = 0.05
OURS = {"skhpo gp": "gp", "skhpo forest": "forest"}

ADDITIVE = {
    "a": Real(0, 1),
    "b": Real(0, 1),
    "c": Real(0, 1),
    "d": Real(0, 1),
    "k": Integer(1, 10),
    "cat": Categorical(["x", "y", "z"]),
    "other": Categorical(["u", "v"]),
}
RIDGE = {
    "C": Real(1e-3, 1e3, scale="log"),
    "gamma": Real(1e-3, 1e3, scale="log"),
    "kernel": Categorical(["rbf", "poly", "linear"]),
    "t": Real(0, 1),
    "u": Real(0, 1),
    "n": Integer(1, 10),
    "other": Categorical(["u", "v"]),
}
HEIGHT = {"rbf": 1.0, "poly": 0.7, "linear": 0.4}


def additive(p):
    score = 2 * p["a"] + 3 * p["a"] * p["b"] + 1.2 * (p["cat"] == "x")
    return score + 0.1 * p["c"] + 0.05 * p["d"] + 0.02 * p["k"]


def ridge(p, width):
    across = np.log10(p["C"]) + np.log10(p["gamma"])
    return HEIGHT[p["kernel"]] * np.exp(-((across / width) ** 2))


def truth(space, function, n_samples=20_000):
    """Total indices of the function itself."""

    def f(points):
        return np.array([[function(space.to_params(point))] for point in points])

    rng = np.random.default_rng(0)
    found = sobol_indices(f, space, n_samples=n_samples, rng=rng)
    return dict(zip(found.names, found.total[:, 0], strict=True))


def random_search(space, function, n, seed):
    """What a search of n random settings leaves."""
    rng = np.random.default_rng(seed)
    params = [space.to_params(point) for point in space.sample(n, rng)]
    scores = np.array([function(p) for p in params])
    scores += NOISE * rng.standard_normal(n)
    results = {"params": params, "mean_test_score": scores}
    return SimpleNamespace(search_space=space.search_space, cv_results_=results)


def ours(method):
    def importances(search, seed):
        found = search_importance(search, method=method, random_state=seed)
        return found.importances["importance"].to_dict()

    return importances


def optunas():
    """Optuna's evaluators by name; none where it is not installed."""
    try:
        import optuna
    except ImportError:
        print("optuna is not installed: its evaluators are left out")
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds = optuna.importance

    def importances(make, search, seed):
        study = optuna.create_study(direction="maximize")
        results, laws = search.cv_results_, distributions(search, optuna)
        rows = zip(results["params"], results["mean_test_score"], strict=True)
        for params, score in rows:
            trial = optuna.trial.create_trial(
                params=params, distributions=laws, value=score
            )
            study.add_trial(trial)
        return kinds.get_param_importances(study, evaluator=make(seed))

    makers = {
        "optuna fANOVA": lambda seed: kinds.FanovaImportanceEvaluator(seed=seed),
        "optuna PED-ANOVA": lambda seed: kinds.PedAnovaImportanceEvaluator(),
    }
    return {
        name: lambda search, seed, make=make: importances(make, search, seed)
        for name, make in makers.items()
    }


def distributions(search, optuna):
    laws = optuna.distributions
    made = {}
    for name, dimension in search.search_space.items():
        if isinstance(dimension, Categorical):
            made[name] = laws.CategoricalDistribution(list(dimension.choices))
        elif isinstance(dimension, Integer):
            made[name] = laws.IntDistribution(dimension.low, dimension.high)
        else:
            log = dimension.scale == "log"
            made[name] = laws.FloatDistribution(dimension.low, dimension.high, log=log)
    return made


def top(importances):
    return set(sorted(importances, key=importances.get, reverse=True)[:3])


def error(found, true):
    """Half the L1 distance of the normalised indices."""
    shares = [np.array([d[name] for name in true]) for d in (found, true)]
    p, q = (values / max(values.sum(), 1e-12) for values in shares)
    return 0.5 * float(np.abs(p - q).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--rows", type=int, nargs="+", default=[30, 60, 120])
    parser.add_argument("--widths", type=float, nargs="+", default=[1.0, 1.5, 2.0])
    parser.add_argument("--without", nargs="*", default=[], help="names of methods")
    parser.add_argument("--quick", action="store_true", help="5 seeds, 60 rows")
    args = parser.parse_args()
    seeds = range(5 if args.quick else args.seeds)
    _common.print_machine((*_common.PACKAGES, "optuna"))
    methods = {name: ours(method) for name, method in OURS.items()} | optunas()
    methods = {name: m for name, m in methods.items() if name not in args.without}
    problems = {"additive": (Space(ADDITIVE), additive)}
    for width in args.widths:
        function = partial(ridge, width=width)
        problems[f"ridge of width {width:g}"] = (Space(RIDGE), function)
    for problem, (space, function) in problems.items():
        true = truth(space, function)
        print(f"\n{problem}: truth", {n: round(float(t), 3) for n, t in true.items()})
        print(f"{'method':<18}{'rows':>6}{'top 3':>8}{'error':>8}{'seconds':>9}")
        for n in [60] if args.quick else args.rows:
            for name, method in methods.items():
                hits, errors, start = [], [], time.perf_counter()
                for seed in seeds:
                    found = method(random_search(space, function, n, seed), seed)
                    hits.append(top(found) == top(true))
                    errors.append(error(found, true))
                seconds = (time.perf_counter() - start) / len(seeds)
                figures = f"{np.mean(hits):>8.0%}{np.mean(errors):>8.2f}{seconds:>9.2f}"
                print(f"{name:<18}{n:>6}{figures}", flush=True)


if __name__ == "__main__":
    main()
