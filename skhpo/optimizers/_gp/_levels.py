"""Alternatives of a space have levels of their own.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
b        ()     an alternative (branch) of the space: column 0 of the encoded points
t_b      (n_b,) standardised targets of the points told there
mu_b     ()     sum(t_b) / (n_b + 2), the level of the alternative
======== ====== ========================================================================

One process models all alternatives, so that what they share is learned once. Where it
knows nothing it falls back to 0, the average of everything. A poor alternative with
many parameters would promise something good in each corner that was not looked at, and
a search would end up there. With mu_b as a prior mean an alternative falls back to what
it usually brings: the posterior mean of a level whose prior variance is half of that of
the points round it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skhpo.optimizers._observations import Observations

Offset = Callable[[np.ndarray], np.ndarray]  # (m, d) encoded points -> (m,)

_SHRINKAGE = 2.0  # targets of 0 that each alternative is taken to have had


@dataclass(frozen=True, eq=False)
class Levels:
    """A prior mean, raised by the level of each point's alternative."""

    offset: Offset
    codes: np.ndarray  # (k,) of the alternatives seen, ascending
    levels: np.ndarray  # (k,) mu_b

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """(m,) prior means; an alternative that was never seen has the level 0."""
        nearest = np.searchsorted(self.codes, X[:, 0]).clip(max=len(self.codes) - 1)
        is_seen = self.codes[nearest] == X[:, 0]
        return self.offset(X) + np.where(is_seen, self.levels[nearest], 0.0)


def with_levels(offset: Offset, data: Observations, targets: np.ndarray) -> Offset:
    """The prior mean with the levels of the alternatives, where there are several."""
    if data.space.n_branches == 1 or not len(data):
        return offset
    left = targets - offset(data.encoded)
    codes, of_code = np.unique(data.encoded[:, 0], return_inverse=True)
    sums = np.bincount(of_code, left)
    return Levels(offset, codes, sums / (np.bincount(of_code) + _SHRINKAGE))
