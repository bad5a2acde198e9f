"""The estimator's own current parameters, as a setting of a space."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo.space._finite import holds
from skhpo.space._space import Space


def default_params(
    space: Space, estimator: Any
) -> tuple[NDArray[np.float64], dict[str, Any]] | None:
    """Where an estimator stands in a space before it is tuned: a point, its params.

    Numbers outside a range move to its nearer end. Other values must be among the
    choices; an estimator is found by its type and parameters. Of several alternatives
    the first in which the estimator can be expressed counts.

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
    current = _current_params(estimator)
    for branch in range(space.n_branches):
        try:
            params = _params_in(space, branch, current)
        except ValueError:  # a value without a place
            continue
        point = space.point_in(branch, params)
        if space.is_feasible(point):
            return point, params
    return None


def _current_params(estimator: Any) -> Mapping[str, Any]:
    try:
        params = estimator.get_params()
    except Exception:  # duck-typed estimators may do anything
        return {}
    return params if isinstance(params, Mapping) else {}


def _params_in(space: Space, branch: int, current: Mapping[str, Any]) -> dict[str, Any]:
    """The current values as values of a branch; ValueError where one has no place."""
    layout = space.layout
    values: dict[int, Any] = {}
    cells: dict[int, int] = {}
    for index in layout.order:
        if index not in layout.members[branch]:
            continue
        if not holds(layout.conditions_in(branch, index), cells):
            continue
        name, dimension = space.columns[index].name, space.columns[index].dimension
        if name not in current:
            raise ValueError(f"{name!r} is not a parameter of the estimator now")
        values[index] = dimension.clip(current[name])
        if not dimension.is_continuous:
            position = np.float64(dimension.position(values[index]))
            cells[index] = int(dimension.cell(position))
    members = layout.members[branch]
    return {space.columns[j].name: values[j] for j in members if j in values}
