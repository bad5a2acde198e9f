"""The space of a fitted search, ours or scikit-learn's."""

from collections.abc import Mapping

from skhpo.space._space import Space


def space_of(search):
    """Return the space of a search, ours or scikit-learn's.

    Parameters
    ----------
    search : estimator
        A search; it need not be fitted.

    Returns
    -------
    space : Space or None
        None where it cannot be read, as with a distribution that has no ``ppf``.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from skhpo.space import space_of
    >>> space_of(GridSearchCV(SVC(), {"C": [0.1, 1, 10]}))
    Space(
        C: Ordinal([0.1, 1, 10])
    )
    """
    if hasattr(search, "search_space"):
        return Space(search.search_space, getattr(search, "constraints", None))
    grid = getattr(search, "param_distributions", getattr(search, "param_grid", None))
    try:
        return Space(_with_lists(grid))
    except (TypeError, ValueError):  # a distribution without ppf, say
        return None


def _with_lists(grid):
    """Return a grid in which each tuple is a list: for us it would be a range."""
    if isinstance(grid, Mapping):
        return {k: list(v) if isinstance(v, tuple) else v for k, v in grid.items()}
    return [_with_lists(branch) for branch in grid]
