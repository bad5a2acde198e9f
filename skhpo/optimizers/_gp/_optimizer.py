"""Bayesian optimization with a Gaussian process.

Each suggestion fits the process to everything that was told (``_model.py``), takes the
points in flight for granted, and maximises the acquisition.

References
----------
.. [1] Snoek, Larochelle, Adams (2012), Practical Bayesian optimization of machine
   learning algorithms, arXiv:1206.2944.
"""

from collections.abc import Callable

import numpy as np

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._gp._model import Belief, Model
from skhpo.optimizers._gp._prior_mean import PriorMean
from skhpo.optimizers._gp._scoring import scoring
from skhpo.optimizers._maximiser import FULL, SMALL, Effort
from skhpo.optimizers._model_based import ModelBasedOptimizer
from skhpo.optimizers._observations import Observations
from skhpo.optimizers._prior_cost import CostOf
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
    budget_used : callable, default=None
        Returns the share of the budget that is used up, in [0, 1]. With it, cheap
        points are preferred early, by a second process that learns from the costs.
        Only where the acquisition has a logarithm: "logei", "ei", "pi" and own
        objects with a method ``log``. Bounds, plain functions and Thompson's draws are
        not proportional to a gain that could be divided by a cost: they stay as they
        are.
    prior_cost : callable, default=None
        Params -> a guess at their cost, nan = unknown. Where the guesses differ by more
        than a factor of five, the cheapest initial points come first, and costs count
        before any is told.
    rng : numpy.random.Generator
        The only source of randomness.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import GaussianProcessOptimizer
    >>> from skhpo.space import Space
    >>> space = Space({"x": (0.0, 1.0)})
    >>> optimizer = GaussianProcessOptimizer(space, rng=np.random.default_rng(0))
    >>> from skhpo.optimizers import Result
    >>> for proposal in optimizer.ask(8):
    ...     optimizer.tell([Result(proposal, -((proposal.point[0] - 0.3) ** 2))])
    >>> (proposal,) = optimizer.ask(1)
    >>> bool(abs(proposal.point[0] - 0.3) < 0.1)
    True
    """

    def __init__(
        self,
        space: Space,
        *,
        acquisition: str | Acquisition | Thompson = "logei",
        n_initial: int = 8,
        budget_used: Callable[[], float] | None = None,
        prior_cost: CostOf | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(
            space,
            n_initial=n_initial,
            budget_used=budget_used,
            prior_cost=prior_cost,
            rng=rng,
        )
        self.acquisition = resolve_acquisition(acquisition)
        self._model = self._new_model()

    def learn_prior(self, points: Points, scores: np.ndarray) -> PriorMean | None:
        """Take an old study on other data for a prior mean; None = it says nothing.

        How much it counts is decided anew after each result, by how well it orders the
        new scores.
        """
        old = Observations(self.space)
        pairs = zip(points, scores.tolist(), strict=True)
        old.add([Result(Proposal(0, point), score, 0.0) for point, score in pairs])
        belief = self._new_model().belief(self._seen(old))
        if belief is None:
            return None
        self._model.priors.append(PriorMean(belief.process))
        return self._model.priors[-1]

    def _new_model(self) -> Model:
        return Model(self.space.categorical, rng=self.rng)

    def _encode(self, points: Points) -> np.ndarray:
        """(n, d) points as the process sees them."""
        return self.space.encode(points)

    def _seen(self, data: Observations) -> Observations:
        """What the process sees of what was told."""
        return data

    def _acquisition(self, unseen: Unseen):
        belief = self._belief()
        return None if belief is None else self._acquisition_of(belief, unseen)

    def _belief(self) -> Belief | None:
        return self._model.belief(self._seen(self._observations))

    @property
    def _effort(self) -> Effort:
        """A candidate of a drawn function costs as much as all those before it."""
        return SMALL if isinstance(self.acquisition, Thompson) else FULL

    def _acquisition_of(self, belief: Belief, unseen: Unseen):
        """(n, d) points -> (n,) values, given what is in flight."""
        in_flight = np.array(unseen.in_flight).reshape(-1, self.space.n_dims)
        encoded = self._encode(in_flight)
        score = scoring(self.acquisition, belief, encoded, self.rng)

        def acquisition(points: Points) -> np.ndarray:
            return score(self._encode(points))

        has_log = hasattr(self.acquisition, "log")
        return self._per_cost(acquisition) if has_log else acquisition
