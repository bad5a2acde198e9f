"""Population-based bandits: a model says what a copied member should try.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
r', r    (n,)   units in all before and after a part of the training
y', y    (n,)   scores then
change   (n,)   (y - y') / (r - r'), the improvement per unit [1]_; as a target it is
                standardised among those of the same r (doc/decisions/0014)
t        (n,)   time, r / max_resource
x        (n, d) numeric columns of the setting, in the unit cube
n        ()     differences known
kappa    ()     how many standard deviations are added: sqrt(0.2 log(0.4 n))
======== ====== ========================================================================

A time-varying Gaussian process (``surrogates/_time_varying.py``) learns the change from
(x, y') and t. What is proposed maximises its upper confidence bound at the score of the
models that were copied; kappa is that of the authors' implementation.

References
----------
.. [1] Parker-Holder, Nguyen, Roberts (2020), Provably efficient online hyperparameter
   optimization with population-based bandits, arXiv:2002.02518.
.. [2] Desautels, Krause, Burdick (2014), Parallelizing exploration-exploitation
   tradeoffs in Gaussian process bandit optimization, JMLR 15: points in flight are
   taken as known for the standard deviation, not for the mean.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import Points
from skhpo.optimizers._changes import Changes
from skhpo.optimizers._explore import Perturb
from skhpo.optimizers._maximiser import Candidates
from skhpo.space import Space
from skhpo.surrogates import ScoreTransform, fit_score_transform
from skhpo.surrogates._time_varying import (
    TimeVaryingHyperparameters,
    TimeVaryingProcess,
    fit_time_varying_process,
)

Array = NDArray[np.float64]

_FAILED = -2.0  # target of a failure among equals
_MORE_THAN_D = 3  # differences needed beyond the number of inputs
_N_CLOUD = 512  # settings over the whole space
_N_PARENTS, _N_CHILDREN = 8, 160
_STEPS = (0.1, 0.045, 0.02, 0.009)  # of the children, round by round


class PB2(Perturb):
    """Asks a model what improves the copied models fastest.

    Numbers are where a Gaussian process of the improvement per unit of training, over
    settings, scores and time, has its largest upper confidence bound; older
    observations count for less. Categories are drawn anew, as by :class:`Perturb`.

    Parameters
    ----------
    space : Space
        Where the points lie.
    max_resource : int
        Units of a full training.
    swapped : iterable of str, default=None
        Parameters that may change during training; None = all.
    factors, resample_probability
        As in :class:`Perturb`, which proposes until there are enough differences: 3
        more than there are numeric parameters.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    Differences of scores need to be told with ``resource`` and ``parent``, the proposal
    whose models were continued. A point may be proposed again.

    References
    ----------
    .. [1] Parker-Holder, Nguyen, Roberts (2020), Provably efficient online
       hyperparameter optimization with population-based bandits, arXiv:2002.02518.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import PB2, Result
    >>> from skhpo.space import Space
    >>> space = Space({"rate": (0.0, 1.0)})
    >>> explore = PB2(space, max_resource=10, rng=np.random.default_rng(0))
    >>> members = explore.ask(8)
    >>> for member in members:
    ...     x = member.point[0]
    ...     explore.tell([Result(member, 0.0, resource=1)])
    ...     change = 1 - (x - 0.3) ** 2
    ...     explore.tell([Result(member, change, resource=2, parent=member)])
    >>> (proposal,) = explore.ask(1, near=members[0].point, resource=3)
    >>> proposal.labels["origin"], bool(abs(proposal.point[0] - 0.3) < 0.1)
    ('pb2', True)
    """

    def __init__(
        self,
        space: Space,
        *,
        max_resource: int,
        swapped: Iterable[str] | None = None,
        factors: Sequence[float] = (0.8, 1.25),
        resample_probability: float = 0.25,
        rng: np.random.Generator,
    ):
        super().__init__(
            space,
            factors=factors,
            resample_probability=resample_probability,
            swapped=swapped,
            rng=rng,
        )
        self.max_resource = max_resource
        self._changes = Changes(space)
        self._model: Model | None = None
        self._start: TimeVaryingHyperparameters | None = None

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from what became of models that were trained on."""
        super().tell(results)
        self._changes.add(results)
        self._model = None

    def _explored(self, near, in_flight, resource) -> Proposal:
        perturbed = self._perturbed(near)
        free = self._free(perturbed)
        try:
            if len(free) and self._is_modelled():
                units = self._changes.last_resource if resource is None else resource
                bound = self._bound(near, in_flight, units / self.max_resource)
                point = self._most_promising(bound, perturbed, free, near)
                return self._proposal(point, origin="pb2")
        except (LinAlgError, FloatingPointError):
            pass
        return self._proposal(perturbed, origin="perturb")

    def _free(self, point: Points) -> NDArray[np.intp]:
        """Columns whose values the model chooses: numbers in use that may change."""
        is_free = self._is_swapped & ~self.space.categorical & ~np.isnan(point)
        return np.flatnonzero(is_free)

    def _is_modelled(self) -> bool:
        """Fit the model where that is due; return whether there is one."""
        if self._model is None and self._changes.n_finite >= self._n_needed:
            self._model = Model.of(self._changes, self._start, self.max_resource)
            if self._model is not None:
                self._start = self._model.process.hyperparameters
        return self._model is not None

    @property
    def _n_needed(self) -> int:
        return int(np.sum(~self.space.categorical)) + _MORE_THAN_D

    def _bound(
        self, near: Points, in_flight: Sequence[Proposal], time: float
    ) -> Callable[[Points], Array]:
        """(m, d) points -> (m,) upper confidence bounds for the copied models."""
        process = believer = self._model.process
        kappa = np.sqrt(0.2 * np.log(0.4 * len(process.X)))
        before = self._changes.score_at(near)
        if in_flight:
            points = np.array([proposal.point for proposal in in_flight])
            scores = [self._changes.score_at(point, before) for point in points]
            inputs = self._model.inputs(points, np.array(scores))
            believer = process.believing(inputs, np.full(len(points), time))

        def bound(points: Points) -> Array:
            inputs = self._model.inputs(points, np.full(len(points), before))
            times = np.full(len(points), time)
            mean, _ = process.predict(inputs, times)
            _, variance = believer.predict(inputs, times)
            return mean + kappa * np.sqrt(variance)

        return bound

    def _most_promising(self, bound, point: Points, free, near: Points) -> Points:
        """The point with the largest bound that differs in the free columns only."""
        candidates = Candidates(self.space, bound)
        candidates.add(point[None])
        cloud = np.repeat(self._filled(point)[None], _N_CLOUD, axis=0)
        cloud[:, free] = self.rng.random((_N_CLOUD, len(free)))
        candidates.add(self.space.snap(cloud))
        for step in _STEPS:
            parents = list(islice(candidates.descending(), _N_PARENTS))
            if parents:
                candidates.add(self._children(parents, free, step))
        return self._first_allowed(chain(candidates.descending(), [point]), near)

    def _children(self, parents: list[Points], free, step: float) -> Points:
        crowd = np.array(parents)[np.arange(_N_CHILDREN) % len(parents)]
        crowd = np.where(np.isnan(crowd), self.rng.random(crowd.shape), crowd)
        crowd[:, free] += step * self.rng.standard_normal((_N_CHILDREN, len(free)))
        return self.space.snap(crowd)


@dataclass(frozen=True, eq=False)
class Model:
    """A process of the changes, and how points become its inputs."""

    space: Space
    process: TimeVaryingProcess
    transform: ScoreTransform  # of scores
    low: float  # target of the worst score
    high: float

    @classmethod
    def of(
        cls, changes: Changes, start: TimeVaryingHyperparameters | None, units: int
    ) -> "Model | None":
        """Fit to what was told; None while all changes are alike.

        ``units`` are those of a full training.
        """
        targets = within_steps(changes.changes, changes.resources)
        transform = fit_score_transform(changes.scores)
        if transform is None or np.ptp(targets) == 0:
            return None
        heights = transform(changes.scores)
        blank = cls(changes.space, None, transform, heights.min(), heights.max())
        process = fit_time_varying_process(
            blank.inputs(changes.points, changes.before),
            changes.resources / units,
            targets,
            start=start,
        )
        return replace(blank, process=process)

    def inputs(self, points: Points, before: Array) -> Array:
        """(m, d + 1) numeric columns of points; scores before, from worst to best."""
        height = (self.transform(before) - self.low) / (self.high - self.low)
        numbers = self.space.encode(points)[:, ~self.space.categorical]
        return np.column_stack([numbers, height])


def within_steps(changes: Array, resources: Array) -> Array:
    """(n,) targets: changes beside the others at the same time.

    Early changes dwarf late ones, but settings are to be told apart in each step.
    """
    targets = np.empty(len(changes))
    for units in np.unique(resources):
        rows = resources == units
        transform = fit_score_transform(changes[rows])
        if transform is None:  # all that succeeded improved alike
            targets[rows] = np.where(np.isfinite(changes[rows]), 0.0, _FAILED)
        else:
            targets[rows] = transform(changes[rows])
    return targets
