"""How much the winners of several searches differ: as settings, not as numbers.

The identity of the winner is no measure: of five outer folds, 4.4 to 5.0 winners were
distinct, of equal quality. The distance in the space says whether they are neighbours.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skhpo.space import mean_pairwise_distance


@dataclass(frozen=True)
class ParameterStability:
    """How much one parameter differs between the winners.

    Attributes
    ----------
    modal_value : object
        The value that most winners have; None where most have none (a condition).
    modal_share : float
        Share of the winners that have it.
    iqr : float or None
        Interquartile range of a number, in units of its range and on its own scale
        (logarithmic for ``"log-uniform"``): 0.1 says that the middle half of the
        winners lie within a tenth of what was searched. None for values without an
        order, and where the space is not known.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import nested_cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, cv=3)
    >>> result = nested_cross_validate(search, X, y, outer_cv=3, random_state=0)
    >>> result.stability.parameters["n_neighbors"].modal_value in (1, 5)
    True
    """

    modal_value: Any
    modal_share: float
    iqr: float | None


@dataclass(frozen=True)
class Stability:
    """How much the winners of the outer folds differ.

    Attributes
    ----------
    parameters : dict of str -> ParameterStability
    distance : float or None
        Mean distance between two winners: over the parameters, differences of numbers
        in units of their range, 0 or 1 for other values. 0 = all the same; two random
        settings of numbers are 1/3 apart. None where the space is not known, or there
        is one winner only.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import nested_cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, cv=3)
    >>> result = nested_cross_validate(search, X, y, outer_cv=3, random_state=0)
    >>> bool(0 <= result.stability.distance <= 1)
    True
    """

    parameters: Mapping[str, ParameterStability]
    distance: float | None


def point_of(space, params):
    """Return the point of a winner; None where the space does not know it."""
    if space is None:
        return None
    try:
        return space.to_point(params)
    except (TypeError, ValueError):
        return None


def stability_of(winners: Sequence[Mapping[str, Any]], space, points) -> Stability:
    """Compare winners.

    Parameters
    ----------
    winners : list of dict
        ``best_params_`` of each search.
    space : Space or None
    points : list of (ndarray of shape (n_dims,) or None)
        The winners' places in the space.
    """
    known = space is not None and all(point is not None for point in points)
    U = np.array(points) if known else None
    names = dict.fromkeys(name for params in winners for name in params)
    parameters = {
        name: ParameterStability(*_mode(name, winners), _iqr(name, space, U))
        for name in names
    }
    return Stability(parameters, _distance(space, U))


def _mode(name, winners):
    values = [params.get(name) for params in winners]
    text, count = Counter(map(repr, values)).most_common(1)[0]
    value = next(value for value in values if repr(value) == text)
    return value, count / len(values)


def _iqr(name, space, U):
    """Return the range of the middle half, in the unit cube; None without an order."""
    if U is None:
        return None
    columns = [j for j, column in enumerate(space.columns) if column.name == name]
    active = [j for j in columns if not np.isnan(U[:, j]).all()]
    if len(active) != 1 or space.categorical[active[0]]:
        return None
    low, high = np.nanquantile(U[:, active[0]], [0.25, 0.75])
    return float(high - low)


def _distance(space, U):
    """Return the mean distance of two winners; None where it is not known."""
    return None if U is None or len(U) < 2 else mean_pairwise_distance(space, U)
