"""Bayesian optimization with a Gaussian process.

Each suggestion fits the process to everything that was told (``_model.py``), takes the
points in flight for granted, and maximises the acquisition.

References
----------
.. [1] Snoek, Larochelle, Adams (2012), Practical Bayesian optimization of machine
   learning algorithms, arXiv:1206.2944.
"""

import numpy as np

from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._gp._model import Belief, Model
from skhpo.optimizers._gp._scoring import scoring
from skhpo.optimizers._maximiser import FULL, SMALL, Effort
from skhpo.optimizers._model_based import ModelBasedOptimizer
from skhpo.space import Space
from skhpo.surrogates._acquisition import Acquisition, Thompson, resolve_acquisition


class GaussianProcessOptimizer(ModelBasedOptimizer):
    """Proposes where a Gaussian process expects the most improvement.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    acquisition : str, acquisition or callable, default="logei"
        What is maximised: ``"logei"``, ``"ei"``, ``"pi"``, ``"ucb"``, ``"thompson"``,
        one of their objects with settings, or a function ``f(mean, sd, best)``; see
        :func:`~skhpo.surrogates.resolve_acquisition`.
    n_initial : int, default=8
        Points told or in flight before the model is used; up to there scrambled Sobol
        points are proposed. See :func:`initial_design_size`.
    rng : numpy.random.Generator
        The only source of randomness.
    """

    def __init__(
        self,
        space: Space,
        *,
        acquisition: str | Acquisition | Thompson = "logei",
        n_initial: int = 8,
        rng: np.random.Generator,
    ):
        super().__init__(space, n_initial=n_initial, rng=rng)
        self.acquisition = resolve_acquisition(acquisition)
        self._model = Model(space.categorical, rng=rng)

    def _acquisition(self, unseen: Unseen):
        belief = self._model.belief(self._observations)
        return None if belief is None else self._acquisition_of(belief, unseen)

    @property
    def _effort(self) -> Effort:
        """A candidate of a drawn function costs as much as all those before it."""
        return SMALL if isinstance(self.acquisition, Thompson) else FULL

    def _acquisition_of(self, belief: Belief, unseen: Unseen):
        """(n, d) points -> (n,) values, given what is in flight."""
        space = self.space
        in_flight = np.array(unseen.in_flight).reshape(-1, space.n_dims)
        score = scoring(self.acquisition, belief, space.encode(in_flight), self.rng)

        def acquisition(points: Points) -> np.ndarray:
            return score(space.encode(points))

        return acquisition
