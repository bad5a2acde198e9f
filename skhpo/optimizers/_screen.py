"""Several children for one evaluation: a cheap regression says which one."""

from collections.abc import Sequence

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from skhpo._types import Result
from skhpo.optimizers._base import Points
from skhpo.optimizers._observations import Observations
from skhpo.space import Space
from skhpo.surrogates._ridge import KernelRidge, fit_kernel_ridge, gumbel_ranks

_MIN_ROWS = 8
_MAX_ROWS = 300  # more are thinned
_OFF_ABOVE = 1500


class Screen:
    """Ranks points by what kernel ridge regression expects of them.

    Learns the ranks of the scores, so that any score will do. Beyond 300 rows the
    better half of the places goes to the best ones, the other to the latest.
    """

    def __init__(self, space: Space):
        self.space = space
        self._observations = Observations(space)
        self._model: KernelRidge | None = None

    def tell(self, results: Sequence[Result]) -> None:
        """Learn from results."""
        self._observations.add(results)
        self._model = None

    @property
    def is_ready(self) -> bool:
        scores = self._observations.scores
        if not _MIN_ROWS <= len(scores) <= _OFF_ABOVE:
            return False
        finite = scores[np.isfinite(scores)]
        return len(finite) > 1 and bool(np.any(finite != finite[0]))

    def order(
        self,
        points: Points,
        *,
        optimism: float = 0.0,
        in_flight: Sequence[Points] = (),
        malus: NDArray[np.float64] | float = 0.0,
    ) -> NDArray[np.intp]:
        """(n,) the points' numbers, the most promising first.

        Parameters
        ----------
        points : (n, d) array
        optimism : float, default=0.0
            How many standard deviations are added to what is expected.
        in_flight : sequence of (d,) array, default=()
            Believed to come out as expected, so that the others keep away from them.
        malus : (n,) array, default=0.0
            Subtracted from what is expected, in Gumbel ranks.
        """
        try:
            model = self._fitted()
            if len(in_flight):
                model = model.believing(self.space.encode(np.array(in_flight)))
            mean, deviation = model.predict(self.space.encode(points))
        except LinAlgError:
            return np.arange(len(points))
        return np.argsort(malus - mean - optimism * deviation, kind="stable")

    def _fitted(self) -> KernelRidge:
        if self._model is None:
            rows = self._rows()
            self._model = fit_kernel_ridge(
                self._observations.encoded[rows],
                gumbel_ranks(self._observations.scores)[rows],
                self.space.categorical,
            )
        return self._model

    def _rows(self) -> NDArray[np.intp]:
        scores = self._observations.scores
        n = len(scores)
        if n <= _MAX_ROWS:
            return np.arange(n)
        best = np.argsort(-scores, kind="stable")[: _MAX_ROWS // 2]  # nan last
        others = np.setdiff1d(np.arange(n), best)
        return np.append(best, others[-(_MAX_ROWS - len(best)) :])
