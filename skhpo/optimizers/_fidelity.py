"""Model-guided proposals for Hyperband: short trainings tell of the long ones.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
R        ()     max_resource: units (epochs, trees, rows) of a full training
r        (n,)   units behind a score; one point comes with several
z        (n,)   log resource, as a column for the process: 2/3 - log_27(R / r) / 3
======== ====== ========================================================================

BOHB [1]_ takes the highest resource that has enough results and forgets the others. A
Gaussian process can use them all: log resource is one more column of its inputs, as in
[2]_, and the acquisition is asked about full trainings.

That scores grow with the resource is left for the process to learn. Taking the growth
off first (by the median gain of the candidates that were trained on; the means of the
rungs are those of a selection) was worse on toys, up to ten times the regret after two
sweeps: nothing is left then to show that rungs differ, and the process follows the low
ones into their bias. A third of random proposals was no worse than an eighth, and much
better where low rungs mislead.

References
----------
.. [1] Falkner, Klein, Hutter (2018), BOHB: robust and efficient hyperparameter
   optimization at scale, ICML, arXiv:1807.01774.
.. [2] Klein, Tiao, Lienart, Archambeau, Seeger (2020), Model-based asynchronous
   hyperparameter and neural architecture search, arXiv:2003.10865.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skhpo._types import Result
from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._gp import GaussianProcessOptimizer
from skhpo.optimizers._gp._model import Belief, Model
from skhpo.optimizers._observations import Observations
from skhpo.optimizers._tpe import TPEOptimizer
from skhpo.space import Space

Array = NDArray[np.float64]

_RANDOM_EVERY = 3  # proposals; a third as in [1]
_UNIT_RATIO = 27.0  # three rungs of factor 3 are a unit range of log resource


class FidelityGaussianProcessOptimizer(GaussianProcessOptimizer):
    """Proposes what a Gaussian process expects to be best when fully trained.

    Learns from the results of all rungs at once; where short trainings order the points
    otherwise than long ones, the long ones count. Every third proposal is random (a
    space-filling point), so that it also finds what short trainings hide.

    Parameters
    ----------
    space : Space
        Where the points lie.
    max_resource : int
        Units of a full training: what proposals are meant to be good at.
    n_initial : int, default=8
        Results told, or points in flight, before the model is used; up to there
        scrambled Sobol points are proposed.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    ``ask`` takes a ``resource`` and does not use it: whatever the first rung, what
    counts is the end. Points in flight are believed to come out at their mean when
    fully trained. Beyond 400 results the process sees the best, the newest and some
    others.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo._types import Result
    >>> from skhpo.optimizers import FidelityGaussianProcessOptimizer
    >>> from skhpo.space import Space
    >>> optimizer = FidelityGaussianProcessOptimizer(
    ...     Space({"x": (0.0, 1.0)}), max_resource=81, rng=np.random.default_rng(0)
    ... )
    >>> for proposal in optimizer.ask(8, resource=9):
    ...     score = -((proposal.point[0] - 0.3) ** 2)
    ...     optimizer.tell([Result(proposal, score, resource=9)])
    >>> (proposal,) = optimizer.ask(1, resource=9)
    >>> bool(abs(proposal.point[0] - 0.3) < 0.1)
    True
    """

    def __init__(
        self,
        space: Space,
        *,
        max_resource: int,
        n_initial: int = 8,
        rng: np.random.Generator,
    ):
        super().__init__(space, n_initial=n_initial, rng=rng)
        self.max_resource = max_resource
        self._n_asked = 0  # proposals since the initial ones

    def _new_model(self) -> Model:
        return Model(np.append(self.space.categorical, False), rng=self.rng)

    def _encode(self, points: Points) -> Array:
        """(n, d + 1) the points, fully trained."""
        full = np.full(len(points), float(self.max_resource))
        return self._with_resource(self.space.encode(points), full)

    def _seen(self, data: Observations) -> Observations:
        resources = np.nan_to_num(data.resources, nan=self.max_resource)
        seen = copy(data)
        seen.encoded = self._with_resource(data.encoded, resources)
        return seen

    def _with_resource(self, encoded: Array, resources: Array) -> Array:
        return np.column_stack([encoded, log_column(resources, self.max_resource)])

    def _belief(self) -> Belief | None:
        """The target to beat is the best mean that a known point has when trained."""
        belief = super()._belief()
        if belief is None:
            return None
        known = self._encode(self._observations.points)
        believed = belief.process.mean(known) + belief.offset(known)
        return replace(belief, best=float(believed.max()))

    def _explores(self) -> bool:
        self._n_asked += 1
        return self._n_asked % _RANDOM_EVERY == 0


class FidelityTPEOptimizer(TPEOptimizer):
    """BOHB [1]_: proposes what the best points of the highest known rung share.

    Parameters
    ----------
    space : Space
        Where the points lie.
    max_resource : int
        Units of a full training; a result without a resource counts as one.
    n_initial : int, default=10
        Results told, or points in flight, before the densities are used.
    n_candidates : int, default=24
        Points drawn per proposal.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    The densities are those of the largest resource with d + 2 finished results at
    least; a third of the proposals are random.

    References
    ----------
    .. [1] Falkner, Klein, Hutter (2018), BOHB: robust and efficient hyperparameter
       optimization at scale, ICML, arXiv:1807.01774.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import FidelityTPEOptimizer
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0), "kind": ["a", "b"]})
    >>> optimizer = FidelityTPEOptimizer(
    ...     space, max_resource=81, rng=np.random.default_rng(0)
    ... )
    >>> from skhpo.optimizers import Result
    >>> for proposal in optimizer.ask(12, resource=9):
    ...     score = -((proposal.point[0] - 0.3) ** 2)
    ...     optimizer.tell([Result(proposal, score, resource=9)])
    >>> len(optimizer.ask(1, resource=9))
    1
    """

    def __init__(
        self,
        space: Space,
        *,
        max_resource: int,
        n_initial: int = 10,
        n_candidates: int = 24,
        rng: np.random.Generator,
    ):
        super().__init__(space, n_initial=n_initial, n_candidates=n_candidates, rng=rng)
        self.max_resource = max_resource
        self._all = Observations(space)
        self._n_asked = 0  # proposals since the initial ones

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from results; failed ones (nan, infinite) count as bad points."""
        super().tell(results)
        self._all.add(results)
        rows = self._rows_of_highest_rung()  # instead of all
        self._points, self._scores = self._all.points[rows], self._all.scores[rows]

    def _rows_of_highest_rung(self) -> NDArray[np.bool_]:
        """(n,) the results at the largest resource that has enough; or none."""
        resources = np.nan_to_num(self._all.resources, nan=self.max_resource)
        finished = resources[np.isfinite(self._all.scores)]
        levels, counts = np.unique(finished, return_counts=True)
        enough = levels[counts >= self.space.n_dims + 2]
        return resources == (enough.max() if len(enough) else np.nan)

    def _n_known(self, unseen: Unseen) -> int:
        return len(self._all) + len(unseen.in_flight)

    def _explores(self, unseen: Unseen) -> bool:
        self._n_asked += 1
        is_turn = self._n_asked % _RANDOM_EVERY == 0
        return is_turn or not len(self._scores) or super()._explores(unseen)


def log_column(resources: Array, max_resource: float) -> Array:
    """(n,) z.

    A third of the unit interval for three rungs: the prior of the lengthscales, .3 to
    3 of a column, then means 1 to 9 of what the rungs span. The interval's ends are
    left alone, as the input warp is steep there.
    """
    ratio = np.maximum(max_resource / resources, 1.0)
    return np.maximum(2.0 - np.log(ratio) / np.log(_UNIT_RATIO), 0.0) / 3.0
