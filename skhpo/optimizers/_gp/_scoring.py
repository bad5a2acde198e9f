"""What each candidate promises, whatever comes of the points in flight.

Up to three points in flight are believed to come out at their posterior mean (the
kriging believer). From four on that is too sure of itself: the acquisition is averaged
over fantasies, draws of their joint posterior, each with its own score to beat. For
the expected improvement the average is the exact gain of one more point in the batch.
``doc/decisions/0004`` has the figures.

References
----------
.. [1] Ginsbourger, Le Riche, Carraro (2010), Kriging is well-suited to parallelize
   optimization: the kriging believer.
.. [2] Snoek, Larochelle, Adams (2012), Practical Bayesian optimization of machine
   learning algorithms, arXiv:1206.2944, section 3.2: fantasies.
.. [3] Kandasamy, Krishnamurthy, Schneider, Poczos (2018), Parallelised Bayesian
   optimisation via Thompson sampling, arXiv:1705.09236: draws need no fantasies.
"""

from collections.abc import Callable

import numpy as np

from skhpo.optimizers._gp._model import Belief
from skhpo.surrogates._acquisition import Acquisition, Thompson
from skhpo.surrogates._posterior import Fantasies, SampledFunction, quasi_normals

Scoring = Callable[[np.ndarray], np.ndarray]  # (m, d) encoded points -> (m,) values

JOINT_FROM = 4  # points in flight
_HALF = 16  # of the number of fantasies


def scoring(
    acquisition: Acquisition | Thompson,
    belief: Belief,
    in_flight: np.ndarray,  # (q, d) encoded
    rng: np.random.Generator,
) -> Scoring:
    """The function to maximise."""
    if isinstance(acquisition, Thompson):
        sampled = SampledFunction(belief.process, rng)
        return lambda X: sampled(X) + belief.offset(X)
    if len(in_flight) < JOINT_FROM:
        return _believing(acquisition, belief, in_flight)
    return _averaging(acquisition, belief, in_flight, rng)


def _believing(acquisition: Acquisition, belief: Belief, in_flight) -> Scoring:
    """The points in flight have come out at their posterior mean."""
    value = getattr(acquisition, "log", acquisition)
    process, best = belief.process, belief.best
    if len(in_flight):
        process = process.extend(in_flight)
        believed = process.targets[-len(in_flight) :] + belief.offset(in_flight)
        # else every point of a batch would go to the same believed summit
        best = max(best, float(believed.max()))

    def score(X: np.ndarray) -> np.ndarray:
        mean, variance = process.predict(X)
        return value(mean + belief.offset(X), np.sqrt(variance), best)

    return score


def _averaging(acquisition: Acquisition, belief: Belief, in_flight, rng) -> Scoring:
    """The mean over what may have come of the points in flight."""
    value = getattr(acquisition, "log", acquisition)
    average = _log_mean_exp if hasattr(acquisition, "log") else _mean
    believer = belief.process.extend(in_flight)
    fantasies = Fantasies(believer, quasi_normals(len(in_flight), _HALF, rng))
    values = fantasies.values + belief.offset(in_flight)[:, None]
    bests = np.maximum(belief.best, values.max(axis=0))

    def score(X: np.ndarray) -> np.ndarray:
        means, variance = fantasies.predict(X)
        means = means.T + belief.offset(X)
        sd, pairs = np.sqrt(variance), zip(means, bests.tolist(), strict=True)
        return average(np.array([value(mean, sd, best) for mean, best in pairs]))

    return score


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0)


def _log_mean_exp(values: np.ndarray) -> np.ndarray:
    """(m,) log of the mean over rows, given logarithms (s, m)."""
    peak = values.max(axis=0)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):  # log 0 where all are -inf
        return peak + np.log(np.exp(values - peak).mean(axis=0))
