"""The estimator's own current parameters, as a setting of a space."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo.space._finite import holds
from skhpo.space._space import Space
from skhpo.space._values import is_integer, is_number


def default_params(
    space: Space, estimator: Any
) -> tuple[NDArray[np.float64], dict[str, Any]] | None:
    """Where an estimator stands in a space before it is tuned: a point, its params.

    Numbers outside a range move to its nearer end, but for integers beside a range of
    fractions, which mean something else: a tree's ``min_samples_split=2`` is a number
    of rows, 0.5 a share of them. Other values must be among the choices; an estimator
    is found by its type and parameters. Of several alternatives the first in which the
    estimator can be expressed counts.

    Parameters
    ----------
    space : Space
        Where the setting must lie.
    estimator : estimator
        Whose ``get_params`` is asked.

    Returns
    -------
    point, params : ndarray of shape (n_dims,), dict
        None where there is no such setting: a parameter that the estimator does not
        have now, a value without a place (``gamma="scale"`` in a range of numbers, None
        in a range of integers), or a setting that violates the constraints.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from skhpo.space import Space, default_params
    >>> space = Space({"C": (0.01, 100.0, "log-uniform"), "kernel": ["linear", "rbf"]})
    >>> point, params = default_params(space, SVC(C=1.0))
    >>> params
    {'C': 1.0, 'kernel': 'rbf'}
    >>> print(point)
    [0.5  0.75]
    >>> print(default_params(Space({"gamma": (0.1, 1.0)}), SVC(gamma="scale")))
    None
    """
    return next(_places(space, _current_params(estimator)), None)


def own_setting(
    space: Space, estimator: Any
) -> tuple[NDArray[np.float64], dict[str, Any]] | None:
    """Return the estimator's own setting as a point of a space.

    Nothing is moved into a range: with these values the estimator is what it is now.

    Parameters
    ----------
    space : Space
        Where the setting must lie.
    estimator : estimator
        Whose ``get_params`` is asked.

    Returns
    -------
    point, params : ndarray of shape (n_dims,), dict
        None where the setting lies outside of the space: a value out of its range or
        not among the choices, or a setting that violates the constraints.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from skhpo.space import Space, own_setting
    >>> space = Space({"C": (0.01, 100.0, "log-uniform"), "kernel": ["linear", "rbf"]})
    >>> point, params = own_setting(space, SVC())
    >>> params
    {'C': 1.0, 'kernel': 'rbf'}
    >>> print(own_setting(space, SVC(C=1000.0)))
    None
    """
    current = _current_params(estimator)
    for point, placed in _places(space, current):
        if not _was_moved(placed, current):
            return point, {name: _as_is(v, current[name]) for name, v in placed.items()}
    return None


def _places(
    space: Space, current: Mapping[str, Any]
) -> Iterator[tuple[NDArray[np.float64], dict[str, Any]]]:
    """Yield the feasible settings with these values, one for each alternative."""
    for branch in range(space.n_branches):
        try:
            params = _params_in(space, branch, current)
        except ValueError:  # a value without a place
            continue
        point = space.point_in(branch, params)
        if space.is_feasible(point):
            yield point, params


def _was_moved(placed: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    """Whether a number lies outside of its range."""
    return any(
        is_number(value) and value != current[name] for name, value in placed.items()
    )


def _as_is(placed: Any, current: Any) -> Any:
    """Keep an integer where a range is real: 1 is not 1.0 to every parameter."""
    return int(current) if is_integer(current) and is_number(placed) else placed


def starting_points(
    space: Space, estimator: Any
) -> list[tuple[NDArray[np.float64], dict[str, Any]]]:
    """Where a search can start: the estimator's own values in every alternative.

    Where a value has no place, as ``gamma="scale"`` has none in a range of numbers, the
    middle of the range or the first choice stands in for it. An estimator among the
    choices brings its own values along.

    Parameters
    ----------
    space : Space
        Where the settings must lie.
    estimator : estimator
        Whose ``get_params`` is asked.

    Returns
    -------
    points : list of (ndarray of shape (n_dims,), dict)
        The estimator's own setting first, where it has one (:func:`default_params`);
        then one of each other alternative. Only settings that meet the constraints.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from skhpo.space import Space, starting_points
    >>> kernels = [
    ...     {"kernel": ["linear"], "C": (0.01, 100.0, "log-uniform")},
    ...     {"kernel": ["rbf"], "gamma": (0.0, 1.0)},
    ... ]
    >>> [params for _, params in starting_points(Space(kernels), SVC(C=1.0))]
    [{'kernel': 'linear', 'C': 1.0}, {'kernel': 'rbf', 'gamma': 0.5}]
    """
    found: dict[bytes, tuple[NDArray[np.float64], dict[str, Any]]] = {}
    for own in (own_setting(space, estimator), default_params(space, estimator)):
        if own is not None:
            found.setdefault(space.key(own[0]), own)
    for branch in range(space.n_branches):
        current = _with_choices(space, branch, _current_params(estimator))
        params = _params_in(space, branch, current, otherwise=_middle)
        point = space.point_in(branch, params)
        if space.is_feasible(point):
            found.setdefault(space.key(point), (point, params))
    return list(found.values())


def _current_params(estimator: Any) -> Mapping[str, Any]:
    try:
        params = estimator.get_params()
    except Exception:  # duck-typed estimators may do anything
        return {}
    return params if isinstance(params, Mapping) else {}


def _with_choices(
    space: Space, branch: int, current: Mapping[str, Any]
) -> dict[str, Any]:
    """The current values; a choice not among its options becomes the first of them.

    An estimator comes with its own values, so that a step stands before what it holds.
    """
    current = dict(current)
    columns = [space.columns[j] for j in space.layout.members[branch]]
    for column in sorted(columns, key=lambda column: column.name):
        options = getattr(column.dimension, "choices", None)
        if options is None or _has_place(column.dimension, column.name, current):
            continue
        first = current[column.name] = column.dimension.value(0.0)
        own = _current_params(first)
        current.update({f"{column.name}__{name}": own[name] for name in own})
    return current


def _has_place(dimension, name: str, current: Mapping[str, Any]) -> bool:
    try:
        _placed(dimension, name, current)
    except ValueError:
        return False
    return True


def _placed(dimension, name: str, current: Mapping[str, Any]) -> Any:
    """The current value, moved into its range; ValueError where it has no place."""
    if name not in current:
        raise ValueError(f"{name!r} is not a parameter of the estimator now")
    value, placed = current[name], dimension.clip(current[name])
    if (
        dimension.is_continuous
        and isinstance(value, int)
        and placed <= 1
        and placed < value
    ):
        # as in a tree's min_samples_split: 2 is a number of rows, .5 a share of them
        raise ValueError(f"{value!r} counts, {dimension!r} holds fractions")
    return placed


def _middle(dimension) -> Any:
    return dimension.value(0.5)


def _params_in(
    space: Space,
    branch: int,
    current: Mapping[str, Any],
    otherwise: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """The current values as values of a branch.

    Where one has no place: ``otherwise(dimension)``, or a ValueError without that.
    """
    layout = space.layout
    values: dict[int, Any] = {}
    cells: dict[int, int] = {}
    for index in layout.order:
        if index not in layout.members[branch]:
            continue
        if not holds(layout.conditions_in(branch, index), cells):
            continue
        name, dimension = space.columns[index].name, space.columns[index].dimension
        try:
            values[index] = _placed(dimension, name, current)
        except ValueError:
            if otherwise is None:
                raise
            values[index] = otherwise(dimension)
        if not dimension.is_continuous:
            position = np.float64(dimension.position(values[index]))
            cells[index] = int(dimension.cell(position))
    members = layout.members[branch]
    return {space.columns[j].name: values[j] for j in members if j in values}
