"""Searches that were never run: a space, settings and the scores of a function."""

from types import SimpleNamespace

import numpy as np

from skhpo.space import Space


def table(params, scores, **columns):
    scores = np.asarray(scores, dtype=float)
    return {"params": list(params), "mean_test_score": scores, **columns}


def searched(search_space, function, n, *, seed=0, noise=0.0, **columns):
    """What a random search of n settings leaves."""
    space, rng = Space(search_space), np.random.default_rng(seed)
    params = [space.to_params(point) for point in space.sample(n, rng)]
    scores = np.array([function(p) for p in params], dtype=float)
    scores += noise * rng.standard_normal(n)
    results = table(params, scores, **columns)
    return SimpleNamespace(search_space=search_space, cv_results_=results)
