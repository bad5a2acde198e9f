"""What a member of a population tries after it has copied a better member's models.

Population-based training [1]_ asks an optimizer twice: for the settings that the
members start with, and, when one has copied another's models, for settings near those
that led there. Only parameters that may change during training are touched then.

References
----------
.. [1] Jaderberg, Dalibard, Osindero, Czarnecki, Donahue, Razavi, Vinyals, Green,
   Dunning, Simonyan, Fernando, Kavukcuoglu (2017), Population based training of neural
   networks, arXiv:1711.09846.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._errors import did_you_mean
from skhpo._types import Proposal
from skhpo.optimizers._base import BaseOptimizer, Points, Unseen
from skhpo.optimizers._design import SobolDesign
from skhpo.space import Ordinal, Space

_ATTEMPTS = 50  # draws until one is allowed and differs from the copied setting

#: Two that copy the same models and take the same step would be one and the same.
_ATTEMPTS_TO_DIFFER = 10  # from what is being trained


class Explorer(BaseOptimizer):
    """Round one method: :meth:`_explored`, a setting near a copied one.

    Parameters
    ----------
    space : Space
        Where the points lie.
    swapped : iterable of str, default=None
        Parameters that may change during training; None = all. The columns of the
        others are the copied point's, exactly. Which alternative of the space is meant
        may change where that leaves them alone.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    Unlike other optimizers these may propose a point again: a setting that was good at
    the start may be right once more at the end. Without ``near``, unseen points come
    first; a finite space that has none left is gone through again, as a population may
    be larger than the space.

    A draw that the constraints forbid, or that is the copied setting itself, is drawn
    anew; where 50 draws bring nothing else, the copied setting is proposed. What is
    being trained is avoided, too, where 10 draws suffice.
    """

    def __init__(
        self,
        space: Space,
        *,
        swapped: Iterable[str] | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(space, rng=rng)
        self._is_swapped = swapped_columns(space, swapped)
        self._design = SobolDesign(space, rng=rng)

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: Points | None = None,
        resource: int | None = None,
    ) -> list[Proposal]:
        """``n`` points to start with, or near the setting of the models copied.

        Parameters
        ----------
        n : int
            How many.
        pending : sequence of Proposal
            What is being trained.
        near : (d,) array, default=None
            The setting whose models are copied; None = the initial population.
        resource : int, default=None
            Units in all at which the training with the new setting ends.
        """
        if near is None:
            return super().ask(n, pending=pending)
        proposals: list[Proposal] = []
        taken = {self.space.key(proposal.point) for proposal in pending}
        while len(proposals) < n:
            in_flight = [*pending, *proposals]
            for _ in range(_ATTEMPTS_TO_DIFFER):
                proposal = self._explored(near, in_flight, resource)
                if self.space.key(proposal.point) not in taken:
                    break
            proposals.append(proposal)
        return proposals

    @abstractmethod
    def _explored(
        self, near: Points, in_flight: Sequence[Proposal], resource: int | None
    ) -> Proposal:
        """One proposal near a copied setting."""

    def _suggest(self, unseen: Unseen) -> Proposal:
        point = self._design.next_point(unseen)
        if point is None:
            point = self.space.sample(1, self.rng)[0]
        return self._proposal(point, origin="initial")

    def _first_allowed(self, points: Iterable[Points], near: Points) -> Points:
        """The first of some points that is allowed and new; the copied one itself."""
        key = self.space.key(near)
        allowed = (x for x in points if self._keeps_the_fixed(x, near))
        others = (x for x in allowed if self.space.key(x) != key)
        return next(filter(self.space.is_feasible, others), near.copy())

    def _keeps_the_fixed(self, point: Points, near: Points) -> bool:
        """Whether the other columns are the copied ones, and in use where those are."""
        fixed = ~self._is_swapped
        return np.array_equal(point[fixed], near[fixed], equal_nan=True)

    def _filled(self, near: Points) -> Points:
        """(d,) the copied point, with draws from the prior where it is inactive.

        Those count where a change makes a parameter active.
        """
        return np.where(np.isnan(near), self.rng.random(len(near)), near)

    def _changing(self, near: Points) -> NDArray[np.intp]:
        """Columns that are in use and may change."""
        return np.flatnonzero(self._is_swapped & ~np.isnan(near))


class Perturb(Explorer):
    """Steps away from a copied setting: a bit up or down, or somewhere else.

    Each parameter is drawn anew with probability ``resample_probability``; otherwise
    numbers are multiplied by one of the ``factors`` (whole numbers change by one at
    least), ordered choices move by one place, and categories are drawn anew. Values
    stay inside the space.

    Parameters
    ----------
    space : Space
        Where the points lie.
    factors : sequence of float, default=(0.8, 1.25)
        What numbers are multiplied by, each as likely as the next; below 1 = down. On a
        logit scale the odds are multiplied. 0 has no multiples: it is drawn anew.
    resample_probability : float, default=0.25
        Chance of each parameter to be drawn from the whole space. More of it explores
        more; 0 only ever walks.
    swapped : iterable of str, default=None
        Parameters that may change during training; None = all.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    A point may be proposed again. Parameters that become active are drawn from the
    prior, those that become inactive dropped; draws that break a constraint are
    repeated, at last in favour of the copied setting itself.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import Perturb
    >>> from skhpo.space import Space
    >>> space = Space({"eta0": (1e-4, 1.0, "log-uniform"), "batch_size": (10, 200)})
    >>> explore = Perturb(
    ...     space, resample_probability=0, rng=np.random.default_rng(0)
    ... )
    >>> near = space.to_point({"eta0": 0.1, "batch_size": 100})
    >>> for proposal in explore.ask(2, near=near):
    ...     params = space.to_params(proposal.point)
    ...     print(round(params["eta0"], 3), params["batch_size"])
    0.08 80
    0.125 125
    """

    def __init__(
        self,
        space: Space,
        *,
        factors: Sequence[float] = (0.8, 1.25),
        resample_probability: float = 0.25,
        swapped: Iterable[str] | None = None,
        rng: np.random.Generator,
    ):
        super().__init__(space, swapped=swapped, rng=rng)
        self.factors = factors
        self.resample_probability = resample_probability

    def _explored(self, near, in_flight, resource) -> Proposal:
        return self._proposal(self._perturbed(near), origin="perturb")

    def _perturbed(self, near: Points) -> Points:
        return self._first_allowed((self._step(near) for _ in range(_ATTEMPTS)), near)

    def _step(self, near: Points) -> Points:
        moved = self._filled(near)
        for j in self._changing(near):
            moved[j] = self._changed(j, near[j])
        return self.space.snap(moved[None])[0]

    def _changed(self, j: int, u: float) -> float:
        column = self.space.columns[j]
        is_choice = column.is_categorical and not column.is_hidden
        if self.rng.random() < self.resample_probability or is_choice:
            return self.rng.random()
        if column.is_hidden:  # to leave an alternative is rare
            return u
        factor = float(self.rng.choice(self.factors))
        return multiplied(column.dimension, u, factor, self.rng)


class Resample(Explorer):
    """Draws all parameters that may change anew, from the whole space.

    Parameters
    ----------
    space : Space
        Where the points lie.
    swapped : iterable of str, default=None
        Parameters that may change during training; None = all.
    rng : numpy.random.Generator
        The only source of randomness.

    Notes
    -----
    A point may be proposed again. Draws that break a constraint are repeated, at last
    in favour of the copied setting itself.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import Resample
    >>> from skhpo.space import Space
    >>> space = Space({"eta0": (1e-4, 1.0, "log-uniform"), "alpha": (1e-6, 1e-2)})
    >>> explore = Resample(space, swapped=["eta0"], rng=np.random.default_rng(0))
    >>> near = space.to_point({"eta0": 0.1, "alpha": 1e-3})
    >>> (proposal,) = explore.ask(1, near=near)
    >>> bool(proposal.point[0] != near[0]), bool(proposal.point[1] == near[1])
    (True, True)
    """

    def _explored(self, near, in_flight, resource) -> Proposal:
        draws = (self._drawn(near) for _ in range(_ATTEMPTS))
        return self._proposal(self._first_allowed(draws, near), origin="resample")

    def _drawn(self, near: Points) -> Points:
        drawn, changing = self._filled(near), self._changing(near)
        drawn[changing] = self.rng.random(len(changing))
        return self.space.snap(drawn[None])[0]


def swapped_columns(space: Space, swapped: Iterable[str] | None) -> NDArray[np.bool_]:
    """(d,): which columns may change; the one that chooses an alternative always.

    Raises
    ------
    ValueError
        If a name is not one of the space's.
    """
    names = space.names if swapped is None else tuple(swapped)
    for name in names:
        if name not in space.names:
            raise ValueError(
                f"swapped={names!r}: {name!r} is not a parameter of the search space."
                f"{did_you_mean(name, space.names)} Possible: {list(space.names)}."
            )
    return np.array([c.is_hidden or c.name in names for c in space.columns], bool)


def multiplied(
    dimension: Any, u: float, factor: float, rng: np.random.Generator
) -> float:
    """Where ``factor`` times the value at ``u`` lies; inside of the dimension.

    Separate values change by one place at least, while there is one.
    """
    if factor == 1:
        return u
    if isinstance(dimension, Ordinal):
        return _beside(dimension, dimension.cell_at(u), up=factor > 1)
    value = dimension.value(u)
    if not dimension.is_continuous:
        return _multiplied_in_cells(dimension, u, factor * value, up=factor > 1)
    if value == 0:
        return rng.random()
    if getattr(dimension, "scale", None) == "logit":
        odds = factor * value / (1 - value)
        return dimension.position(dimension.clip(odds / (1 + odds)))
    return dimension.position(dimension.clip(factor * value))


def _multiplied_in_cells(dimension: Any, u: float, target: float, *, up: bool) -> float:
    here, value = dimension.cell_at(u), dimension.value(u)
    whole = round(target) if isinstance(value, int) else target
    there = dimension.position(dimension.clip(whole))
    if dimension.cell_at(there) == here:
        return _beside(dimension, here, up=up if value >= 0 else not up)
    return there


def _beside(dimension: Any, cell: int, *, up: bool) -> float:
    """Where the next value up or down stands; at the end, the last one."""
    beside = min(max(cell + (1 if up else -1), 0), dimension.n_cells - 1)
    return float(dimension.centre(np.int64(beside)))
