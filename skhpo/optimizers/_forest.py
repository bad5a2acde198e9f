"""Bayesian optimization with a forest, in the manner of SMAC.

References
----------
.. [1] Hutter, Hoos, Leyton-Brown (2011), Sequential model-based optimization for
   general algorithm configuration, LION 5.
"""

from collections.abc import Callable

import numpy as np

from skhpo.optimizers._base import Points, Unseen
from skhpo.optimizers._maximiser import Acquisition
from skhpo.optimizers._model_based import ModelBasedOptimizer
from skhpo.optimizers._prior_cost import CostOf
from skhpo.space import Space
from skhpo.surrogates import (
    Forest,
    Thompson,
    fit_forest,
    fit_score_transform,
    resolve_acquisition,
)

_EVERY_POINT_UNTIL = 200  # points up to which each one brings a new forest
_INTERLEAVED_EVERY = 8  # proposals; SMAC: every second, or one in five


class ForestOptimizer(ModelBasedOptimizer):
    """Proposes where a forest of randomised trees expects the most improvement.

    Sequential model-based algorithm configuration [1]_ with scikit-learn's trees. A
    forest takes categories, conditions and steps as they come, and has no idea of
    smoothness: where scores are smooth a Gaussian process needs far fewer evaluations.

    Parameters
    ----------
    space : Space
        Where the points lie: mixed, conditional, constrained, finite or not.
    acquisition : str, acquisition or callable, default="logei"
        What is maximised, see :func:`~skhpo.surrogates.resolve_acquisition`. Thompson
        sampling goes to the maximum of one tree, drawn at random.
    n_initial : int, default=8
        Points told or in flight before the forest is used; up to there scrambled Sobol
        points are proposed. See :func:`initial_design_size`.
    budget_used : callable, default=None
        As for :class:`GaussianProcessOptimizer`.
    prior_cost : callable, default=None
        As for :class:`GaussianProcessOptimizer`.
    n_trees : int, default=20
        More make smoother predictions, at proportional time.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    Every eighth proposal comes from the space-filling design, whatever the forest says:
    trees do not know what they do not know. ``Result.noise`` is not used; the
    trees' disagreement and the spread within their leaves stand for it.

    References
    ----------
    .. [1] Hutter, Hoos, Leyton-Brown (2011), Sequential model-based optimization for
       general algorithm configuration, LION 5.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo._types import Result
    >>> from skhpo.optimizers import ForestOptimizer
    >>> from skhpo.space import Space
    >>> space = Space({"n": (1, 200), "kind": list("abcdefgh")})
    >>> optimizer = ForestOptimizer(space, rng=np.random.default_rng(0))
    >>> best = -np.inf
    >>> for _ in range(40):
    ...     (proposal,) = optimizer.ask(1)
    ...     params = space.to_params(proposal.point)
    ...     score = -abs(params["n"] - 60) / 200 - (params["kind"] != "e")
    ...     optimizer.tell([Result(proposal, score)])
    ...     best = max(best, score)
    >>> best > -0.05
    True
    """

    def __init__(
        self,
        space: Space,
        *,
        acquisition="logei",
        n_initial: int = 8,
        budget_used: Callable[[], float] | None = None,
        prior_cost: CostOf | None = None,
        n_trees: int = 20,
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
        self.n_trees = n_trees
        self._forest: Forest | None = None
        self._n_seen = 0  # observations at the last update
        self._n_refit = 0  # observations at the last refit
        self._n_explored = 0

    def _explores(self) -> bool:
        self._n_explored += 1
        return self._n_explored % _INTERLEAVED_EVERY == 0 or super()._explores()

    def _acquisition(self, unseen: Unseen) -> Acquisition | None:
        forest = self._updated_forest()
        if forest is None:
            return None
        if isinstance(self.acquisition, Thompson):
            return forest.draw(self.rng)
        if unseen.in_flight:  # they have come out as they are believed to
            forest = forest.extend(np.array(unseen.in_flight))
        value = getattr(self.acquisition, "log", self.acquisition)
        best = float(forest.targets.max())

        def acquisition(points: Points) -> np.ndarray:
            mean, variance = forest.predict(points)
            return value(mean, np.sqrt(variance), best)

        has_log = hasattr(self.acquisition, "log")
        return self._per_cost(acquisition) if has_log else acquisition

    def _updated_forest(self) -> Forest | None:
        """The forest after all that was told; None without two distinct scores."""
        data = self._observations
        if len(data) == self._n_seen and self._forest is not None:
            return self._forest
        transform = fit_score_transform(data.scores)
        if transform is None:
            return None
        targets = transform(data.scores)
        if self._is_refit_due(len(data)):
            self._n_refit = len(data)
            self._forest = fit_forest(
                data.points,
                targets,
                self.space.categorical,
                n_trees=self.n_trees,
                rng=self.rng,
            )
        else:
            new = slice(self._n_seen, None)
            self._forest = self._forest.extend(data.points[new], targets[new])
        self._n_seen = len(data)
        return self._forest

    def _is_refit_due(self, n: int) -> bool:
        every = -(-n // _EVERY_POINT_UNTIL)
        return self._forest is None or n - self._n_refit >= every
