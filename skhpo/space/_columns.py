"""Alternatives and conditions, laid out as the columns of one unit cube.

A list of dicts becomes one cube: a hidden column that says which alternative is meant,
and the union of all dimensions. Equal dimensions of one name share a column, so that
what is learnt about ``C`` in one alternative counts in the others.

A column is *active* where one of its clauses holds: the point is in one of the
clause's branches, and each parent is active and has one of the allowed values.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._errors import did_you_mean
from skhpo.space._dimensions import Categorical, Dimension

BRANCH = "<branch>"

Branch = dict[str, Dimension]


@dataclass(frozen=True)
class Condition:
    """A parent column must be active and lie in one of these cells."""

    parent: int
    cells: tuple[int, ...]


@dataclass(frozen=True)
class Clause:
    """In one of these branches all conditions hold. None = in every branch."""

    branches: tuple[int, ...] | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, eq=False)
class Column:
    """One dimension of the unit cube.

    ``name`` is the parameter's, or ``"<branch>"`` for the hidden column that chooses
    among alternatives. ``clauses`` is empty where the column is always active.
    """

    name: str
    dimension: Dimension
    clauses: tuple[Clause, ...] = ()

    @property
    def is_hidden(self) -> bool:
        return self.name == BRANCH

    @property
    def is_categorical(self) -> bool:
        """Whether values are equal or not and that is all: Hamming distance."""
        return self.dimension.is_categorical

    @property
    def n_levels(self) -> int | None:
        """Number of values; None = infinitely many."""
        return self.dimension.n_levels


@dataclass(frozen=True, eq=False)
class Layout:
    """All columns, and which of them each branch uses, in the user's order."""

    columns: tuple[Column, ...]
    members: tuple[tuple[int, ...], ...]  # per branch, without the hidden column
    order: tuple[int, ...]  # every column after its parents

    @property
    def has_conditions(self) -> bool:
        return any(column.clauses for column in self.columns)

    def conditions_in(self, branch: int, column: int) -> tuple[Condition, ...]:
        """What must hold for a column of this branch to be active in it."""
        for clause in self.columns[column].clauses:
            if clause.branches is None or branch in clause.branches:
                return clause.conditions
        return ()

    def activity(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n, d): where a point's columns are in use. Points must be snapped."""
        active = np.ones(points.shape, bool)
        cells: dict[int, NDArray[np.int64]] = {}

        def holds(condition: Condition) -> NDArray[np.bool_]:
            parent = condition.parent
            if parent not in cells:
                dimension = self.columns[parent].dimension
                cells[parent] = dimension.cell(points[:, parent])
            return active[:, parent] & _is_one_of(cells[parent], condition.cells)

        for index in self.order:
            clauses = self.columns[index].clauses
            if clauses:
                active[:, index] = _any(
                    _all(map(holds, _with_branch(clause))) for clause in clauses
                )
        return active


def lay_out(branches: Sequence[Branch]) -> Layout:
    """One cube for all branches."""
    index_of: dict[tuple[str, Dimension], int] = {}
    if len(branches) > 1:
        index_of[BRANCH, Categorical(range(len(branches)))] = 0
    members = [
        {
            name: index_of.setdefault((name, dimension), len(index_of))
            for name, dimension in branch.items()
        }
        for branch in branches
    ]
    for branch in branches:
        _check_acyclic(branch)
    columns = tuple(
        Column(name, dimension, _clauses(index, name, dimension, branches, members))
        for (name, dimension), index in index_of.items()
    )
    return Layout(
        columns,
        tuple(tuple(member.values()) for member in members),
        _parents_first(columns),
    )


def _clauses(
    index: int,
    name: str,
    dimension: Dimension,
    branches: Sequence[Branch],
    members: Sequence[dict[str, int]],
) -> tuple[Clause, ...]:
    """When a column is active: branches under equal conditions stand together."""
    where: dict[tuple[Condition, ...], list[int]] = {}
    for number, (branch, member) in enumerate(zip(branches, members, strict=True)):
        if member.get(name) == index:
            conditions = _conditions(name, dimension.when, branch, member)
            where.setdefault(conditions, []).append(number)
    everywhere = list(range(len(branches)))
    clauses = tuple(
        Clause(None if numbers == everywhere else tuple(numbers), conditions)
        for conditions, numbers in where.items()
    )
    return () if clauses == (Clause(None, ()),) else clauses


def _conditions(
    name: str, when: Any, branch: Branch, member: Mapping[str, int]
) -> tuple[Condition, ...]:
    """``when`` in columns and cells."""
    if when is None:
        return ()
    _check_when(name, when, branch)
    return tuple(
        Condition(member[parent], _allowed_cells(name, parent, wanted, branch[parent]))
        for parent, wanted in when.items()
    )


def _check_when(name: str, when: Any, branch: Branch) -> None:
    if not isinstance(when, Mapping):
        raise TypeError(
            f"when={when!r} of {name!r} must be a dict of other parameters' values, "
            'for example when={"kernel": ["poly"]}.'
        )
    for parent in when:
        others = [other for other in branch if other != name]
        if parent not in others:
            raise ValueError(
                f"when={when!r} of {name!r}: {parent!r} is not another parameter of "
                f"this space.{did_you_mean(parent, others)} Possible: {others}."
            )
        if branch[parent].is_continuous:
            raise ValueError(
                f"when={when!r} of {name!r}: {parent!r} must have separate values (a "
                f"list, Ordinal or Integer), but it is {branch[parent]!r}."
            )


def _allowed_cells(
    name: str, parent: str, wanted: Any, dimension: Dimension
) -> tuple[int, ...]:
    values = _as_values(wanted, dimension)
    if not values:
        raise ValueError(
            f"when={{{parent!r}: {wanted!r}}} of {name!r}: the list of values is "
            "empty, so the parameter would never be used."
        )
    cells = set()
    for value in values:
        try:
            position = dimension.position(value)
        except ValueError:
            possible = getattr(dimension, "choices", ())
            near = possible if len(possible) <= 1000 else ()
            raise ValueError(
                f"when={{{parent!r}: {wanted!r}}} of {name!r}: {parent!r} can never "
                f"be {value!r}, it is {dimension!r}.{did_you_mean(value, near)}"
            ) from None
        cells.add(int(dimension.cell(np.float64(position))))
    return tuple(sorted(cells))


def _as_values(wanted: Any, dimension: Dimension) -> list[Any]:
    """A list of values; a single value may stand for the list of it."""
    is_listing = isinstance(wanted, (list, tuple, set, frozenset, range, np.ndarray))
    if not is_listing or np.ndim(wanted) == 0 and isinstance(wanted, np.ndarray):
        return [wanted]
    if isinstance(wanted, tuple):  # a tuple may be a value: hidden_layer_sizes
        try:
            dimension.position(wanted)
        except ValueError:
            return list(wanted)
        return [wanted]
    return list(wanted)


def _check_acyclic(branch: Branch) -> None:
    for start in branch:
        path = [start]

        def visit(name: str, path: list[str] = path) -> None:
            when = branch[name].when
            for parent in when if isinstance(when, Mapping) else ():
                if parent in path:
                    circle = " -> ".join(map(repr, [*path, parent]))
                    raise ValueError(
                        f"The conditions go round in a circle: {circle}. At least one "
                        "of these parameters must have no `when`."
                    )
                if parent in branch:
                    path.append(parent)
                    visit(parent)
                    path.pop()

        visit(start)


def _parents_first(columns: Sequence[Column]) -> tuple[int, ...]:
    order: dict[int, None] = {}

    def place(index: int) -> None:
        for clause in columns[index].clauses:
            for condition in clause.conditions:
                if condition.parent not in order:
                    place(condition.parent)
        order.setdefault(index)

    for index in range(len(columns)):
        place(index)
    return tuple(order)


def _with_branch(clause: Clause) -> tuple[Condition, ...]:
    """A clause's conditions, its branches among them: column 0 says the branch."""
    if clause.branches is None:
        return clause.conditions
    return (Condition(0, clause.branches), *clause.conditions)


def _is_one_of(cells: NDArray[np.int64], allowed: tuple[int, ...]) -> NDArray[np.bool_]:
    if len(allowed) > 8:
        return np.isin(cells, allowed)
    return _any(cells == one for one in allowed)


def _any(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    result, *others = masks
    for mask in others:
        result = result | mask
    return result


def _all(masks: Iterable[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    result, *others = masks
    for mask in others:
        result = result & mask
    return result
