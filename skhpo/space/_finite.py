"""Finite spaces: how many settings there are, and all of them in order."""

from collections.abc import Iterator, Sequence
from math import prod

from skhpo.space._columns import Condition, Layout
from skhpo.space._dimensions import Dimension

Cells = dict[int, int]  # column -> cell, only active columns


def count_settings(layout: Layout, branch: int) -> int | None:
    """Number of settings of a branch without visiting them; None = infinite.

    Groups of columns that conditions tie together are counted apart and multiplied.
    """
    counts = [_count_group(layout, branch, group) for group in _groups(layout, branch)]
    return None if None in counts else prod(counts)


def _groups(layout: Layout, branch: int) -> list[list[int]]:
    """Columns connected by conditions, parents first in each group."""
    group_of = {column: [column] for column in layout.members[branch]}
    for column in layout.members[branch]:
        for condition in layout.conditions_in(branch, column):
            ours, theirs = group_of[column], group_of[condition.parent]
            if ours is not theirs:
                ours.extend(theirs)
                group_of.update((member, ours) for member in theirs)
    groups: dict[int, list[int]] = {}
    for column in layout.order:
        if column in group_of:
            groups.setdefault(id(group_of[column]), []).append(column)
    return list(groups.values())


def _count_group(layout: Layout, branch: int, group: list[int]) -> int | None:
    """Sum over the parents' values; values that allow the same children are one case.

    A case is (number of values, one cell of them).
    """
    conditions = {column: layout.conditions_in(branch, column) for column in group}
    cases = {
        column: _cases(
            layout.columns[column].n_levels,
            [c for tied in conditions.values() for c in tied if c.parent == column],
        )
        for column in group
    }

    def count(position: int, cells: Cells) -> int | None:
        if position == len(group):
            return 1
        column = group[position]
        if not holds(conditions[column], cells):
            return count(position + 1, cells)
        total = 0
        for n_values, cell in cases[column]:
            rest = count(position + 1, {**cells, column: cell})
            if rest is None or n_values is None:
                return None
            total += n_values * rest
        return total

    return count(0, {})


def _cases(n_levels: int | None, uses: list[Condition]) -> list[tuple[int | None, int]]:
    """A parent's values, grouped by which of the conditions on it they meet."""
    met: dict[tuple[bool, ...], list[int]] = {}
    mentioned = sorted({cell for condition in uses for cell in condition.cells})
    for cell in mentioned:
        pattern = tuple(cell in condition.cells for condition in uses)
        met.setdefault(pattern, []).append(cell)
    cases: list[tuple[int | None, int]] = [
        (len(cells), cells[0]) for cells in met.values()
    ]
    if n_levels is None:
        return [*cases, (None, -1)]
    n_others = n_levels - len(mentioned)
    return [*cases, (n_others, -1)] if n_others else cases


def enumerate_settings(
    layout: Layout, branch: int, repeats: bool = False
) -> Iterator[Cells]:
    """All settings of a branch, lazily, in the order of scikit-learn's ParameterGrid.

    That is: names sorted, the last one varies fastest. Where there are conditions, a
    parent comes before its children and inactive columns are left out. With
    ``repeats``, a value that was listed twice comes twice.
    """
    group = _sorted_parents_first(layout, branch)
    conditions = {column: layout.conditions_in(branch, column) for column in group}

    def settings(position: int, cells: Cells) -> Iterator[Cells]:
        if position == len(group):
            yield cells
            return
        column = group[position]
        if not holds(conditions[column], cells):
            yield from settings(position + 1, cells)
            return
        dimension = layout.columns[column].dimension
        for cell in _cells(dimension, repeats):
            yield from settings(position + 1, {**cells, column: cell})

    return settings(0, {})


def _cells(dimension: Dimension, repeats: bool) -> Sequence[int]:
    is_listed = repeats and hasattr(dimension, "listed_cells")
    return dimension.listed_cells() if is_listed else range(dimension.n_cells)


def _sorted_parents_first(layout: Layout, branch: int) -> list[int]:
    names = {layout.columns[column].name: column for column in layout.members[branch]}
    placed: dict[int, None] = {}

    def place(column: int) -> None:
        for condition in layout.conditions_in(branch, column):
            if condition.parent not in placed:
                place(condition.parent)
        placed.setdefault(column)

    for name in sorted(names):
        place(names[name])
    return list(placed)


def holds(conditions: tuple[Condition, ...], cells: Cells) -> bool:
    """Whether conditions are met by a setting, of which the parents are known."""
    return all(cells.get(c.parent, -1) in c.cells for c in conditions)
