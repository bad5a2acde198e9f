"""The arithmetic of the comparison: normalised regret and its bootstrap intervals.

    r = (loss of the best so far - best) / (clip - best), clipped to [-1, 1]

where *best* is the lowest loss of any known run on the problem and *clip* the median
loss of a random evaluation. The score is 100 (1 - r).

Two methods on one problem share the problem and nothing else. So each draw of the
bootstrap draws problems, the same ones for all methods, and within each of them the
seeds, for each method its own: the difference of two methods is paired by problem.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import rankdata, t

N_DRAWS = 2000
_SAME = 1e-9  # regrets that differ by less are equal


# --------------------------------------------------------------------------- regrets


def scale(records):
    """Best loss of any record, and the median loss of a random evaluation."""
    random = [r for r in records if r["method"] == "random"] or records
    guesses = [-s for r in random for s in r["scores"] if s is not None]
    final = [value for r in records for value in _losses(r) if np.isfinite(value)]
    return min(final), float(np.median(guesses))


def regret_curve(record, n_iter, best, clip):
    """(n_iter,) regret after each evaluation; 1 before the first success."""
    loss = _losses(record)[:n_iter]
    loss = np.append(loss, np.full(n_iter - len(loss), np.inf))
    if record.get("judged") is None:
        loss = np.minimum.accumulate(loss)
    else:  # a lucky score can be replaced by a worse setting, but not by none
        loss = _carried_forward(loss)
    return np.clip((loss - best) / max(clip - best, 1e-12), -1, 1)


def _losses(record):
    """Loss after each evaluation; of a noisy problem, that of the best so far."""
    scores = record.get("judged") or record["scores"]
    return np.array([np.inf if s is None else -s for s in scores])


def _carried_forward(loss):
    """The last finite value takes the place of what is missing behind it."""
    last = np.maximum.accumulate(np.where(np.isfinite(loss), np.arange(len(loss)), 0))
    return loss[last]


@dataclass(frozen=True, eq=False)
class Curves:
    """Regret of one method after each evaluation: per problem (seeds, n_iter)."""

    of_problem: list[np.ndarray]

    @cached_property
    def by_problem(self):
        """(problems, n_iter) mean over the seeds."""
        return np.array([curves.mean(axis=0) for curves in self.of_problem])

    @cached_property
    def mean(self):
        """(n_iter,) mean over problems."""
        return self.by_problem.mean(axis=0)

    def draws(self, problems, rng):
        """(draws, n_iter) the mean of each bootstrap draw, given its problems."""
        n_seeds = np.array([len(curves) for curves in self.of_problem])
        return _weights(problems, n_seeds, rng) @ np.concatenate(self.of_problem)


def _weights(problems, n_seeds, rng):
    """(draws, runs) weight of each run, whose rows lie problem after problem."""
    n_draws, n_problems = problems.shape
    first = np.append(0, np.cumsum(n_seeds))
    of_draw = np.arange(n_draws)[:, None]
    weights = np.zeros((n_draws, first[-1]))
    for k in range(n_seeds.max()):
        drawn = n_seeds[problems]  # seeds of each drawn problem: as many are drawn
        seed = np.floor(rng.random(problems.shape) * drawn).astype(int)
        weight = np.where(k < drawn, 1 / (drawn * n_problems), 0.0)
        np.add.at(weights, (of_draw, first[problems] + seed), weight)
    return weights


class Comparison:
    """All methods on the same problems, with the draws of the bootstrap."""

    def __init__(self, curves, n_draws=N_DRAWS):
        self.curves = dict(curves)  # method: Curves
        rng = np.random.default_rng(0)
        n_problems = len(next(iter(self.curves.values())).of_problem)
        problems = rng.integers(n_problems, size=(n_draws, n_problems))
        self.draws = {m: c.draws(problems, rng) for m, c in self.curves.items()}

    def regret(self, method, evaluation):
        return float(self.curves[method].mean[evaluation - 1])

    def interval(self, method, evaluation):
        """95 % interval of the mean regret."""
        return _interval(self.draws[method][:, evaluation - 1])

    def lead(self, method, peer, evaluation):
        """Points of 100 (1 - r) by which a method leads, low and high end of 95 %."""
        k = evaluation - 1
        lead = 100 * (self.curves[peer].mean[k] - self.curves[method].mean[k])
        low, high = _interval(self.draws[peer][:, k] - self.draws[method][:, k])
        return float(lead), 100 * low, 100 * high

    def match(self, method, peer, evaluation):
        """Evaluations to the peer's mean regret after so many; low, high; inf = never.

        On the curves of mean regret.
        """
        k = evaluation - 1
        own, other = self.curves[method].mean, self.curves[peer].mean[k]
        drawn = first_below(self.draws[method], self.draws[peer][:, k])
        low, high = np.quantile(drawn, [0.025, 0.975], method="nearest")
        return float(first_below(own, other)), float(low), float(high)

    def median_match(self, method, peer, evaluation):
        """Median over the runs: evaluations to the peer's mean on the problem."""
        targets = self.curves[peer].by_problem[:, evaluation - 1]
        curves = self.curves[method].of_problem
        pairs = zip(curves, targets, strict=True)
        return float(np.median(np.concatenate([first_below(c, g) for c, g in pairs])))

    def ranks(self, evaluation):
        """Method: (problems,) its rank by regret averaged over the seeds; 1 = first."""
        columns = [c.by_problem[:, evaluation - 1] for c in self.curves.values()]
        ranks = rankdata(np.round(columns, 9), axis=0)
        return dict(zip(self.curves, ranks, strict=True))


def first_below(curves, target):
    """(...,) first evaluation of curves (..., n_iter) at the target; inf = never."""
    reached = curves <= np.asarray(target)[..., None] + _SAME
    first = 1.0 + np.argmax(reached, axis=-1)
    return np.where(reached.any(axis=-1), first, np.inf)


def _interval(draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def welch(a, b):
    """Mean of a minus mean of b and its 95 % interval (Welch); nan with one value.

    Plateaus: where neither varies, the interval is the difference itself.
    """
    difference = float(np.mean(a) - np.mean(b))
    if min(len(a), len(b)) < 2:
        return difference, np.nan, np.nan
    va, vb = np.var(a, ddof=1) / len(a), np.var(b, ddof=1) / len(b)
    if va + vb < _SAME**2:
        return difference, difference, difference
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = float(t.ppf(0.975, df) * np.sqrt(va + vb))
    return difference, difference - half, difference + half
