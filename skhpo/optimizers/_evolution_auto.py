"""``algorithm="auto"``: which evolutionary algorithm for which space.

===========================================  ==========================================
the space                                    what searches it
===========================================  ==========================================
numbers only, six and more, and 60           "cmaes", where the package is installed
candidates for each
every other                                  "de"
===========================================  ==========================================

Categories alone are no exception: ``doc/decisions/0011`` has the figures.
"""

from skhpo.space import Space

_MIN_DIMS_CMAES = 6
_N_ITER_PER_DIM_CMAES = 60


def automatic_evolution(space: Space, n_iter: int | None, has_cmaes: bool) -> str:
    """The name of what suits this space and this budget.

    Parameters
    ----------
    space : Space
        What is searched.
    n_iter : int or None
        Candidates; None = no limit.
    has_cmaes : bool
        Whether the package ``cmaes`` is installed.

    Returns
    -------
    name : str
        "cmaes" or "de".

    Examples
    --------
    >>> from skhpo.optimizers import automatic_evolution
    >>> from skhpo.space import Space
    >>> space = Space({name: (0.0, 1.0) for name in "abcdef"})
    >>> automatic_evolution(space, 360, has_cmaes=True)
    'cmaes'
    >>> automatic_evolution(space, 100, has_cmaes=True)
    'de'
    """
    if has_cmaes and suits_cmaes(space, n_iter):
        return "cmaes"
    return "de"


def suits_cmaes(space: Space, n_iter: int | None) -> bool:
    """Whether there are enough numbers, nothing else, and a budget to learn from."""
    is_continuous = all(column.n_levels is None for column in space.columns)
    d = space.n_dims
    is_enough = n_iter is None or n_iter >= _N_ITER_PER_DIM_CMAES * d
    return is_continuous and d >= _MIN_DIMS_CMAES and is_enough
