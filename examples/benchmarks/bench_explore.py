"""What should a member of a population try after it has copied another's models?

Simulated populations, no fits: two learners whose best settings move while they learn.

- ``quadratic``: gradient descent on a noisy quadratic with curvatures from 0.01 to 1,
  in closed form. The rate must fall; a second setting scales the noise.
- ``drift``: progress depends on the distance to an optimum of three numbers that moves
  through the space, and on a category.

Members copy by truncation (a quarter), as in PBTSearchCV. Printed are the final score
of the best member, paired differences to ``perturb``, and the milliseconds that a
suggestion takes (CPU time). ``pb2 raw`` learns from changes that are not standardised
within their step.

    python bench_explore.py --quick
    python bench_explore.py --seeds 60     # about 10 minutes
"""

import argparse
import time
from contextlib import contextmanager
from functools import partial
from itertools import product

import _common  # first of all that loads numpy: it limits the BLAS threads
import numpy as np
from scipy.stats import wilcoxon

from skhpo.optimizers import PB2, Perturb, Resample, Result, _pb2
from skhpo.space import Space

INTERVAL = 3  # units per step
QUARTER = 0.25


class Quadratic:
    """Second moments of the distance to the optimum, per direction."""

    space = Space({"rate": (1e-4, 1.0, "log-uniform"), "beta": (0.0, 1.0)})
    curvature = np.logspace(-2, 0, 20)
    updates = 30  # per unit

    def start(self):
        return np.full(20, 10.0)

    def train(self, moments, params, n_units):
        rate, h = params["rate"], self.curvature
        noise = 20 * (1 + 3 * (params["beta"] - 0.3) ** 2) * (rate * h) ** 2
        for _ in range(n_units * self.updates):
            moments = (1 - rate * h) ** 2 * moments + noise
        return np.minimum(moments, 1e6)

    def score(self, moments):
        return -np.log10(0.5 * self.curvature @ moments + 1e-3)


class Drift:
    """Quality, and the units so far."""

    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0), "n": (1, 100), "kind": ["a", "b"]})

    def start(self):
        return 0.0, 0

    def train(self, state, params, n_units):
        quality, units = state
        x = np.array([params["x"], params["y"], params["n"] / 100])
        gain = 1.0 if params["kind"] == "a" else 0.7
        for units in range(units, units + n_units):  # noqa: B020
            optimum = np.array([0.2 + 0.02 * units, 0.8 - 0.4 * units / 30, 0.5])
            closeness = np.exp(-8 * np.sum((x - optimum) ** 2))
            quality += 0.06 * (1 - quality) * (gain * closeness - 0.1)
        return quality, units + 1

    def score(self, state):
        return state[0]


LEARNERS = {"quadratic": (Quadratic(), 0.01), "drift": (Drift(), 0.005)}


# ------------------------------------------------------------------------ population


def run(learner, noise, make, seed, n_members, n_steps):
    """Return the score of the best member at the end, and seconds per suggestion."""
    rng = np.random.default_rng(seed)
    explore = make(learner.space, n_steps * INTERVAL, np.random.default_rng(seed))
    members, seconds = explore.ask(n_members), []
    parents, states = [None] * n_members, [learner.start()] * n_members
    for step in range(1, n_steps + 1):
        settings = [learner.space.to_params(member.point) for member in members]
        pairs = zip(states, settings, strict=True)
        states = [learner.train(state, params, INTERVAL) for state, params in pairs]
        exact = np.array([learner.score(state) for state in states])
        if step == n_steps:
            return exact.max(), np.mean(seconds)
        scores = exact + noise * rng.standard_normal(n_members)
        tell(explore, members, scores, step, parents)
        parents = list(members)
        for loser, winner in copies(scores, rng):
            start = time.process_time()
            (members[loser],) = explore.ask(
                1,
                pending=members,
                near=parents[winner].point,
                resource=(step + 1) * INTERVAL,
            )
            seconds.append(time.process_time() - start)
            states[loser], parents[loser] = states[winner], parents[winner]


def tell(explore, members, scores, step, parents):
    for member, score, parent in zip(members, scores, parents, strict=True):
        result = Result(member, score, 0.0, step * INTERVAL, parent=parent)
        explore.tell([result])


def copies(scores, rng):
    """Who copies whom: the lowest quarter, members of the highest at random."""
    order = np.argsort(scores)
    k = max(1, int(QUARTER * len(scores)))
    return [(loser, rng.choice(order[-k:])) for loser in order[:k]]


# --------------------------------------------------------------------------- methods


def _perturb(space, units, rng, **settings):
    return Perturb(space, rng=rng, **settings)


def _resample(space, units, rng):
    return Resample(space, rng=rng)


def _bandit(space, units, rng):
    return PB2(space, max_resource=units, rng=rng)


METHODS = {
    "perturb": _perturb,
    "perturb, never resampled": partial(_perturb, resample_probability=0.0),
    "resample": _resample,
    "pb2": _bandit,
    "pb2 raw": _bandit,
}


@contextmanager
def changed(method):
    """Switch off for a while what a method does without."""
    before = _pb2.within_steps
    if method == "pb2 raw":
        _pb2.within_steps = _in_all
    try:
        yield
    finally:
        _pb2.within_steps = before


def _in_all(changes, resources):
    transform = _pb2.fit_score_transform(changes)
    return np.zeros(len(changes)) if transform is None else transform(changes)


# --------------------------------------------------------------------------- reports


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="5 seeds, 8 members")
    parser.add_argument("--seeds", type=int, help="default: 40, quick 5")
    parser.add_argument("--members", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    args = parser.parse_args()
    n_seeds = args.seeds or (5 if args.quick else 40)
    print(__doc__.split("\n\n")[0])
    _common.print_machine()
    for name, size in product(
        LEARNERS, args.members[:1] if args.quick else args.members
    ):
        found = {}
        for method in args.methods:
            _common.progress(f"{name}, {size} members: {method}")
            with changed(method):
                found[method] = measure(name, method, n_seeds, size, args.steps)
        title = f"{name}, {size} members, {args.steps} steps, {n_seeds} seeds"
        report(title, found)


def measure(name, method, n_seeds, n_members, n_steps):
    """(n_seeds, 2) final scores, seconds per suggestion."""
    learner, noise = LEARNERS[name]
    make = METHODS[method]
    return np.array(
        [run(learner, noise, make, s, n_members, n_steps) for s in range(n_seeds)]
    )


def report(title, found):
    first = next(iter(found))
    rows = []
    for method, runs in found.items():
        d = runs[:, 0] - found[first][:, 0]
        lead = ["", "", "", ""]
        if d.any():
            se = f"{d.std(ddof=1) / np.sqrt(len(d)):.4f}"
            p = f"{wilcoxon(d).pvalue:.3f}"
            lead = [f"{d.mean():+.4f}", se, f"{(d > 0).sum()}:{(d < 0).sum()}", p]
        ms = f"{1e3 * runs[:, 1].mean():.1f}"
        rows.append([method, f"{runs[:, 0].mean():.4f}", *lead, ms])
    headers = ["method", "score", f"- {first}", "se", "wins:losses", "p", "ms"]
    _common.print_table(title, headers, rows)


if __name__ == "__main__":
    main()
