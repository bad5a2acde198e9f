"""Where is the acquisition largest? Search by perturbation over a mixed space.

A cloud over the whole space and mutations of the best observed points, then rounds of
ever smaller mutations of the best candidates. No gradients: categories, integers and
conditions need none, and each round is one prediction of the model.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from skhpo.optimizers._base import Points, Unseen
from skhpo.space import Space

Acquisition = Callable[[Points], np.ndarray]  # (n, d) points -> (n,) values

_WIDE_STEPS = (0.2, 0.05)  # steps of the mutations of the best observed points
_N_PARENTS = 8
_N_ROUNDS, _FIRST_STEP, _SHRINK = 5, 0.1, 0.45
_MAX_CHECKS = 128  # candidates per round checked against the user's constraints
_N_SAMPLED = 32  # feasible points to go on from where all those fail


@dataclass(frozen=True)
class Effort:
    """How many candidates are looked at."""

    n_cloud: int  # over the whole space
    n_mutations: int  # of the best observed points, per step
    n_children: int  # per round
    n_exact: int  # of a small space, instead of all that


FULL = Effort(n_cloud=1024, n_mutations=256, n_children=160, n_exact=2**62)
SMALL = Effort(n_cloud=512, n_mutations=64, n_children=64, n_exact=1000)


class Candidates:
    """Points with their acquisition; constraints are checked only on the best ones."""

    def __init__(self, space: Space, acquisition: Acquisition):
        self.space = space
        self.acquisition = acquisition
        self.points = np.empty((0, space.n_dims))
        self.values = np.empty(0)
        self._feasible = np.empty(0)  # 1, 0 or nan = not checked yet

    def add(self, points: Points, *, feasible: float = np.nan) -> None:
        """More candidates, all with the same feasibility."""
        values = self.acquisition(points)
        values = np.where(np.isnan(values), -np.inf, values)
        self.points = np.vstack([self.points, points])
        self.values = np.append(self.values, values)
        self._feasible = np.append(self._feasible, np.full(len(points), feasible))

    def descending(self) -> Iterator[Points]:
        """Feasible candidates from the best on, found with few checks."""
        n_checked = 0
        for i in np.argsort(-self.values, kind="stable"):
            if not np.isfinite(self.values[i]):
                return
            if np.isnan(self._feasible[i]) and n_checked < _MAX_CHECKS:
                self._feasible[i] = self.space.is_feasible(self.points[i])
                n_checked += 1
            if self._feasible[i] == 1.0:
                yield self.points[i]


def maximise(
    space: Space,
    acquisition: Acquisition,
    *,
    cloud: Points,
    observed: Points,
    unseen: Unseen,
    effort: Effort = FULL,
    rng: np.random.Generator,
) -> Points | None:
    """The unseen, feasible point with the largest acquisition that was found.

    Parameters
    ----------
    cloud : (n, d) array
        Points over the whole space.
    observed : (k, d) array
        The best observed points.
    """
    candidates = Candidates(space, acquisition)
    candidates.add(np.vstack([cloud, *_mutations(space, observed, effort, rng)]))
    for r in range(_N_ROUNDS):
        parents = list(islice(candidates.descending(), _N_PARENTS))  # seen ones, too
        if not parents:
            parents = space.sample(_N_SAMPLED, rng)
            candidates.add(parents, feasible=1.0)
        crowd = _repeat(np.array(parents), effort.n_children)
        candidates.add(space.perturb(crowd, _FIRST_STEP * _SHRINK**r, rng))
    return next((x for x in candidates.descending() if x in unseen), None)


def maximise_exactly(acquisition: Acquisition, unseen_points: Points) -> Points | None:
    """The best of all unseen points of a small space."""
    if not len(unseen_points):
        return None
    values = acquisition(unseen_points)
    return unseen_points[np.argmax(np.where(np.isnan(values), -np.inf, values))]


def _mutations(space: Space, observed: Points, effort: Effort, rng) -> list[Points]:
    if not len(observed):
        return []
    crowd = _repeat(observed, effort.n_mutations)
    return [space.perturb(crowd, step, rng) for step in _WIDE_STEPS]


def _repeat(points: Points, n: int) -> Points:
    """(n, d) the points in turn."""
    return points[np.arange(n) % len(points)]
