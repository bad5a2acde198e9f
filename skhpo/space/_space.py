"""The search space: from what users write to points of the unit cube, and back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._errors import did_you_mean
from skhpo.space._columns import Column, lay_out
from skhpo.space._dimensions import Real
from skhpo.space._finite import count_settings, enumerate_settings
from skhpo.space._parse import parse_branches
from skhpo.space._values import Lookup, is_number, unique

__all__ = ["Space"]

Array = NDArray[np.float64]
Params = dict[str, Any]
Constraint = Callable[[Params], bool]

# A step that starts nearer to a face than this turns round instead of leaving.
_FACE = 2e-9

# Where alternatives overlap, so many settings at most are visited to count them.
_MAX_COUNTED = 20_000

# More alternatives than that are not compared in pairs, to see whether they overlap.
_MAX_COMPARED = 50


class Space:
    """All settings a search may try, as points of a unit cube.

    Parameters
    ----------
    search_space : dict, list of dict or Space
        Parameter names and what they may be. A list of values is a set of choices, as
        in ``GridSearchCV`` (three or more numbers in order are taken as `Ordinal`:
        neighbours behave alike); ``(1, 10)`` is a range of whole numbers,
        ``(0.0, 1.0)`` of real ones, a third entry ``"log-uniform"`` sets the scale;
        frozen scipy distributions keep their law; `Real`, `Integer`, `Categorical` and
        `Ordinal` say it in full. A list of dicts holds alternatives, each as likely as
        the next.
    constraints : callable or list of callable, default=None
        Functions of a setting (a dict without the inactive parameters) that return
        whether it is allowed. All must hold.

    Attributes
    ----------
    columns : tuple of Column
        The dimensions of the unit cube. Where there are alternatives the first is a
        hidden one, ``"<branch>"``, that says which is meant.
    n_dims : int
        Number of columns.
    names : tuple of str
        The parameters, as a user knows them.
    categorical : ndarray of bool, shape (n_dims,)
        Columns whose values have no order.
    n_branches : int
        Number of alternatives; 1 for a dict.
    size : int or None
        Number of distinct settings, constraints not counted; None = infinite.
    layout : Layout
        Which columns belong to which alternative, and when they are active.

    Notes
    -----
    A point has one column per dimension; nan says that a parameter is inactive. A
    uniform draw from the cube, snapped, follows the law that the user declared.

    Examples
    --------
    >>> from skhpo.space import Integer, Space
    >>> space = Space(
    ...     {
    ...         "C": (1e-3, 1e3, "log-uniform"),
    ...         "kernel": ["linear", "poly"],
    ...         "degree": Integer(2, 5, when={"kernel": "poly"}),
    ...     }
    ... )
    >>> space
    Space(
        C: Real(0.001, 1000.0, scale='log')
        kernel: Categorical(['linear', 'poly'])
        degree: Integer(2, 5, when={'kernel': 'poly'})
    )
    >>> space.to_params(space.snap([[0.5, 0.9, 0.1]])[0])
    {'C': 1.0, 'kernel': 'poly', 'degree': 2}
    >>> space.to_params(space.snap([[0.5, 0.1, 0.1]])[0])
    {'C': 1.0, 'kernel': 'linear'}
    """

    def __init__(self, search_space: Any, constraints: Any = None):
        own = _as_constraints(constraints)
        if isinstance(search_space, Space):
            own = search_space.constraints + own
            search_space = search_space.search_space
        self.search_space = search_space
        self.constraints = own
        self.layout = lay_out(parse_branches(search_space))
        self.columns = self.layout.columns
        self._prepare()

    def _prepare(self) -> None:
        """Per-column facts as arrays, so that points are handled all at once."""
        dimensions = [column.dimension for column in self.columns]
        self.n_dims = len(dimensions)
        self.n_branches = len(self.layout.members)
        self.names = tuple(
            dict.fromkeys(c.name for c in self.columns if not c.is_hidden)
        )
        self.categorical = np.array([d.is_categorical for d in dimensions], bool)
        self._has_cells = np.array([not d.is_continuous for d in dimensions], bool)
        self._n_cells = np.array(
            [1 if d.is_continuous else d.n_cells for d in dimensions], float
        )
        self._uneven = [  # every column that the arithmetic of equal cells cannot do
            (j, d)
            for j, d in enumerate(dimensions)
            if not d.has_equal_cells and not isinstance(d, Real)
        ]
        self._readers = tuple(
            tuple((j, self.columns[j].name, dimensions[j].value) for j in member)
            for member in self.layout.members
        )

    # Points ---------------------------------------------------------------------

    def snap(self, U: Any) -> Array:
        """Numbers in [0, 1] as points: values in their places, nan where inactive.

        Parameters
        ----------
        U : array-like of shape (n, n_dims)

        Returns
        -------
        points : ndarray of shape (n, n_dims)
        """
        U = self._as_rows(U)
        U = np.where(np.isnan(U), 0.5, U).clip(0.0, 1.0)
        points = self._to_cells(U)
        if self.layout.has_conditions:
            points[~self.layout.activity(points)] = np.nan
        return points

    def _to_cells(self, U: Array) -> Array:
        cells = np.minimum(np.floor(U * self._n_cells), self._n_cells - 1)
        points = np.where(self._has_cells, (cells + 0.5) / self._n_cells, U)
        for j, dimension in self._uneven:
            points[:, j] = dimension.snap(U[:, j])
        return points

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Random points under the declared law that satisfy the constraints.

        The first k of n points are those that ``sample(k, rng)`` gives. Where hardly
        any setting is feasible, those found are repeated.

        Raises
        ------
        ValueError
            If no feasible setting was found.
        """
        if not self.constraints:
            return self.snap(rng.random((n, self.n_dims)))
        found, n_drawn, n_found = [], 0, 0
        while n_found < n and n_drawn < 10_000 + 20 * n:
            points = self.snap(rng.random((max(n - n_found, 16), self.n_dims)))
            found.append(points[self.feasible(points)])
            n_found += len(found[-1])
            n_drawn += len(points)
        if n_found == 0 and n > 0:
            raise ValueError(self._contradiction(f"{n_drawn:,} sampled settings"))
        points = np.concatenate([*found, np.empty((0, self.n_dims))])
        return points[np.arange(n) % max(n_found, 1)]

    def perturb(
        self,
        points: Any,
        scale: float,
        rng: np.random.Generator,
        p: float | None = None,
    ) -> Array:
        """Neighbours of points: some columns changed, at least one.

        Numbers take a gaussian step and stop at the faces of the cube (from a face
        they turn round), integers and ordinals move by one cell at least, categories
        become another one. Parameters that become active are drawn anew. Constraints
        are not looked at.

        Parameters
        ----------
        points : array-like of shape (n, n_dims)
        scale : float
            Standard deviation of the steps, in units of the cube.
        rng : Generator
        p : float, default=None
            Probability to change an active column; None = max(0.3, 3 / n_dims). An
            alternative is left for another with probability 0.1.

        Returns
        -------
        neighbours : ndarray of shape (n, n_dims)
        """
        points = self._as_rows(points)
        is_active = ~np.isnan(points)
        chosen = np.nonzero(self._choose_columns(is_active, rng, p))
        if not is_active.all():
            points = np.where(is_active, points, rng.random(points.shape))
        neighbours = points.copy()
        neighbours[chosen] = self._moved(points[chosen], chosen[1], scale, rng)
        return self.snap(neighbours)

    def _choose_columns(
        self, is_active: NDArray[np.bool_], rng: np.random.Generator, p: float | None
    ) -> NDArray[np.bool_]:
        """(n, d): which columns change, at least one where any can."""
        can_change = is_active & (~self._has_cells | (self._n_cells > 1))
        chance = np.full(self.n_dims, max(0.3, 3 / max(self.n_dims, 1)))
        chance[:] = chance if p is None else p
        if self.n_branches > 1:
            chance[0] = 0.1
        lots = rng.random(is_active.shape)
        chosen = can_change & (lots < chance)
        idle = ~chosen.any(axis=1) & can_change.any(axis=1)
        if idle.any():
            priority = np.where(
                can_change[idle], rng.random((idle.sum(), self.n_dims)), -2
            )
            if self.n_branches > 1:  # to jump is the last resort
                priority[:, 0] = np.minimum(priority[:, 0], -1)
            chosen[idle, priority.argmax(axis=1)] = True
        return chosen

    def _moved(
        self, u: Array, j: NDArray[np.int64], scale: float, rng: np.random.Generator
    ) -> Array:
        """(m,) numbers, each of its column j, moved."""
        step = scale * rng.standard_normal(u.shape)
        is_leaving = np.where(step < 0, u <= _FACE, u >= 1 - _FACE)
        step = np.where(is_leaving, -step, step)
        target = (u + step).clip(0.0, 1.0)
        if not self._has_cells.any():
            return target
        n_cells = self._n_cells[j]
        before = np.minimum(np.floor(u * n_cells), n_cells - 1)
        after = np.minimum(np.floor(target * n_cells), n_cells - 1)
        after = _at_least_one_cell(before, after, step, n_cells)
        jump = 1 + np.floor(rng.random(u.shape) * (n_cells - 1))
        after = np.where(self.categorical[j], (before + jump) % n_cells, after)
        moved = np.where(self._has_cells[j], (after + 0.5) / n_cells, target)
        for column, dimension in self._uneven:
            if not dimension.is_continuous:
                (here,) = np.nonzero(j == column)
                cells = dimension.cell(u[here]), dimension.cell(target[here])
                after = _at_least_one_cell(*cells, step[here], dimension.n_cells)
                moved[here] = dimension.centre(after)
        return moved

    def encode(self, points: Any) -> Array:
        """Points for a model: nan becomes 0.5, and -1 in categorical columns."""
        points = self._as_rows(points)
        return np.where(np.isnan(points), np.where(self.categorical, -1.0, 0.5), points)

    def branch_of(self, point: Any) -> int:
        """Which alternative a point belongs to; 0 where there is only one."""
        if self.n_branches == 1:
            return 0
        return min(int(point[0] * self.n_branches), self.n_branches - 1)

    def _as_rows(self, points: Any) -> Array:
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != self.n_dims:
            raise ValueError(
                f"Points must have shape (n, {self.n_dims}), got {points.shape}."
            )
        return points

    # Settings -------------------------------------------------------------------

    def to_params(self, point: Any) -> Params:
        """The setting at a point: Python numbers and the user's own objects."""
        numbers = point.tolist() if isinstance(point, np.ndarray) else list(point)
        return {
            name: value(numbers[j])
            for j, name, value in self._readers[self.branch_of(numbers)]
            if numbers[j] == numbers[j]
        }

    def to_point(self, params: Mapping[str, Any]) -> Array:
        """The point of a setting, in the first alternative that it fits.

        One that has the values in the same types goes before one that does not: 2.0
        lies in a range of integers, too, but an estimator may read it as a share.

        Raises
        ------
        ValueError
            If a name is unknown or missing, or a value lies outside.
        """
        for name in params:
            if name not in self.names:
                raise ValueError(
                    f"{name!r} is not a parameter of the search space."
                    f"{did_you_mean(name, self.names)} Possible: {list(self.names)}."
                )
        points, reasons = [], []
        for branch in range(self.n_branches):
            try:
                points.append(self.point_in(branch, params))
            except ValueError as error:
                reasons.append(str(error))
        if points:
            same = (point for point in points if self._has_types_of(point, params))
            return next(same, points[0])
        if self.n_branches == 1:
            raise ValueError(f"{reasons[0]} (in the setting {dict(params)!r}).")
        listed = "; ".join(f"{i}: {reason}" for i, reason in enumerate(reasons))
        raise ValueError(
            f"The setting {dict(params)!r} fits none of the {self.n_branches} "
            f"alternatives of the search space. {listed}."
        )

    def _has_types_of(self, point: Array, params: Mapping[str, Any]) -> bool:
        values = self.to_params(point)
        return all(type(value) is type(params[name]) for name, value in values.items())

    def point_in(self, branch: int, params: Mapping[str, Any]) -> Array:
        """The point of a setting in one alternative; ValueError where it is none."""
        point = np.full(self.n_dims, 0.5)
        if self.n_branches > 1:
            point[0] = (branch + 0.5) / self.n_branches
        member = self.layout.members[branch]
        for j in member:
            column = self.columns[j]
            if column.name in params:
                try:
                    point[j] = column.dimension.position(params[column.name])
                except ValueError as error:
                    raise ValueError(f"{column.name!r}: {error}") from None
        point = self.snap(point[None])[0]
        active = {self.columns[j].name for j in member if point[j] == point[j]}
        self._check_same_names(active, params)
        return point

    def _check_same_names(self, active: set[str], params: Mapping[str, Any]) -> None:
        missing = sorted(active - params.keys())
        if missing:
            raise ValueError(f"{missing[0]!r} is missing")
        idle = [name for name in params if name not in active]
        if idle:
            raise ValueError(f"{idle[0]!r} is not active beside the other values")

    def key(self, point: Any) -> bytes:
        """Equal exactly for equal settings (numbers rounded to 12 digits).

        Equal settings of two alternatives have one key.
        """
        numbers = point.tolist() if isinstance(point, np.ndarray) else list(point)
        parts = []
        for j, name, value in self._readers[self.branch_of(numbers)]:
            u = numbers[j]
            if u == u:
                parts.append(self._key_part(j, name, u, value))
        return "|".join(sorted(parts) if self.n_branches > 1 else parts).encode()

    def _key_part(self, j: int, name: str, u: float, value: Callable) -> str:
        if name in self._told_by_value:
            return f"{self.names.index(name)}={self._value_text(name, value(u))}"
        if self._has_cells[j]:
            return f"{j}={self.columns[j].dimension.cell_at(u)}"
        return f"{j}={_rounded(value(u))}"

    def _value_text(self, name: str, value: Any) -> str:
        if isinstance(value, float):
            return _rounded(value)
        if is_number(value):
            return f"i{value}"
        return f"#{self._told_by_value[name].find(value)}"

    @cached_property
    def _told_by_value(self) -> dict[str, Lookup]:
        """Names with several columns: their values are compared, not their cells."""
        names = [column.name for column in self.columns]
        several = {name for name in self.names if names.count(name) > 1}
        return {
            name: Lookup(
                unique(
                    [
                        choice
                        for column in self.columns
                        if column.name == name
                        for choice in getattr(column.dimension, "choices", ())
                    ]
                )
            )
            for name in several
        }

    # Constraints ----------------------------------------------------------------

    def is_feasible(self, point: Any) -> bool:
        """Whether a point's setting satisfies all constraints."""
        if not self.constraints:
            return True
        params = self.to_params(point)
        return all(_satisfies(params, constraint) for constraint in self.constraints)

    def feasible(self, points: Any) -> NDArray[np.bool_]:
        """(n,): which points satisfy all constraints."""
        if not self.constraints:
            return np.ones(len(points), bool)
        return np.array([self.is_feasible(point) for point in points], bool)

    def check_feasible(self, rng: np.random.Generator, n: int = 10_000) -> None:
        """Raise a ValueError if no setting satisfies the constraints.

        A finite space of at most ``n`` settings is enumerated, others are sampled.
        """
        if not self.constraints:
            return
        if self.size is not None and self.size <= n:
            if not any(self.is_feasible(point) for point in self._all_points()):
                raise ValueError(self._contradiction(f"all {self.size:,} settings"))
            return
        for start in range(0, n, 500):
            u = rng.random((min(500, n - start), self.n_dims))
            if any(self.is_feasible(point) for point in self.snap(u)):
                return
        raise ValueError(self._contradiction(f"{n:,} sampled settings"))

    def _contradiction(self, what: str) -> str:
        names = ", ".join(map(_name_of, self.constraints))
        return (
            f"Contradictory constraints: 0 of {what} satisfy {names}. Relax the "
            "constraints, or write the space such that they hold in more of it."
        )

    # Finite spaces --------------------------------------------------------------

    @cached_property
    def size(self) -> int | None:
        """Number of distinct settings, constraints not counted; None = infinite.

        Settings that alternatives have in common count once, unless there are more
        than 20,000 in all.
        """
        counts = [count_settings(self.layout, b) for b in range(self.n_branches)]
        if None in counts:
            return None
        total = sum(counts)
        if self._may_overlap and total <= _MAX_COUNTED:
            return sum(1 for _ in self._all_points())
        return total

    def grid(self, repeats: bool = False) -> Iterator[Array]:
        """All feasible points of a finite space, lazily, in ParameterGrid's order.

        That is: names sorted, the last one varies fastest, alternatives one after the
        other. No setting comes twice; or, with ``repeats``, exactly as often as
        ParameterGrid brings it.
        """
        if self.size is None:
            endless = [c.name for c in self.columns if c.n_levels is None]
            raise ValueError(
                f"The space is infinite and cannot be enumerated: {endless} have no "
                "finite number of values. Give them lists of values."
            )
        return filter(self.is_feasible, self._all_points(repeats))

    def _all_points(self, repeats: bool = False) -> Iterator[Array]:
        seen: set[bytes] = set()
        for branch in range(self.n_branches):
            for cells in enumerate_settings(self.layout, branch, repeats):
                point = self._point_of_cells(branch, cells)
                if self._may_overlap and not repeats:
                    key = self.key(point)
                    if key in seen:
                        continue
                    seen.add(key)
                yield point

    def _point_of_cells(self, branch: int, cells: Mapping[int, int]) -> Array:
        point = np.full(self.n_dims, np.nan)
        if self.n_branches > 1:
            point[0] = (branch + 0.5) / self.n_branches
        for j, cell in cells.items():
            point[j] = self.columns[j].dimension.centre(np.int64(cell))
        return point

    @cached_property
    def _may_overlap(self) -> bool:
        """Whether two alternatives may hold the same setting."""
        if self.n_branches > _MAX_COMPARED:
            return True
        names = [
            {self.columns[j].name for j in member} for member in self.layout.members
        ]
        always = [
            {
                self.columns[j].name
                for j in member
                if self.columns[j].dimension.when is None
            }
            for member in self.layout.members
        ]
        return any(
            always[a] <= names[b] and always[b] <= names[a] and self._meet(a, b)
            for b in range(self.n_branches)
            for a in range(b)
        )

    def _meet(self, a: int, b: int) -> bool:
        """Whether no parameter keeps two alternatives apart."""
        ours = {self.columns[j].name: self.columns[j] for j in self.layout.members[a]}
        theirs = {self.columns[j].name: self.columns[j] for j in self.layout.members[b]}
        return not any(
            _are_apart(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()
        )

    # Reading --------------------------------------------------------------------

    def __repr__(self) -> str:
        return "\n".join(["Space(", *self._lines(), *self._constraint_lines(), ")"])

    def _lines(self) -> Iterator[str]:
        for number, member in enumerate(self.layout.members):
            indent = "    "
            if self.n_branches > 1:
                yield f"    alternative {number}:"
                indent = "        "
            for j in member:
                column = self.columns[j]
                yield f"{indent}{column.name}: {column.dimension!r}"
            if not member:
                yield f"{indent}(the estimator as it is)"

    def _constraint_lines(self) -> Iterator[str]:
        for constraint in self.constraints:
            yield f"    constraint: {_name_of(constraint)}"


def _at_least_one_cell(before: Any, after: Any, step: Array, n_cells: Any) -> Any:
    """Where a step stays in its cell, the neighbour it points at, or the other one."""
    direction = np.where(step < 0, -1, 1)
    beside = before + direction
    beside = np.where((beside < 0) | (beside >= n_cells), before - direction, beside)
    return np.where(after == before, beside, after)


def _are_apart(ours: Column, theirs: Column) -> bool:
    """Whether two always active columns have no value in common."""
    if ours is theirs or ours.dimension.when or theirs.dimension.when:
        return False
    a = getattr(ours.dimension, "choices", None)
    if a is None or not hasattr(theirs.dimension, "choices") or len(a) > _MAX_COUNTED:
        return False
    return all(theirs.dimension.find(choice) is None for choice in a)


def _rounded(number: float) -> str:
    return f"{number + 0.0:.11e}"  # + 0.0: no negative zero


def _as_constraints(constraints: Any) -> tuple[Constraint, ...]:
    if constraints is None:
        return ()
    if callable(constraints):
        return (constraints,)
    is_listing = isinstance(constraints, Sequence) and not isinstance(constraints, str)
    if not is_listing or not all(map(callable, constraints)):
        raise TypeError(
            "constraints must be a function of a setting that returns True or False, "
            f"or a list of such functions, got {constraints!r}."
        )
    return tuple(constraints)


def _satisfies(params: Params, constraint: Constraint) -> bool:
    try:
        answer = constraint(dict(params))
    except Exception as error:
        raise ValueError(
            f"The constraint {_name_of(constraint)} raised {type(error).__name__}: "
            f"{error}, for the setting {params!r}. Parameters that are not active are "
            "absent: read them with params.get(name)."
        ) from error
    if answer is None:
        raise ValueError(
            f"The constraint {_name_of(constraint)} returned None for the setting "
            f"{params!r}; it must return True or False."
        )
    return bool(answer)


def _name_of(constraint: Constraint) -> str:
    return getattr(constraint, "__qualname__", None) or repr(constraint)
