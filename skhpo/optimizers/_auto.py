"""``optimizer="auto"``: which optimizer for which space.

===========================================  ==========================================
the space                                    what searches it
===========================================  ==========================================
no more settings than candidates             "grid": all of it, in order
more than 200 columns                        "tpe": a Gaussian process has a length
                                             scale for each, and takes 100 ms and more
every other, whatever its kind               "gp"
===========================================  ==========================================

For a search in rungs:

===========================================  ==========================================
all settings of a finite space are tried     "random": a model has nothing to choose
more than 1,000 candidates, or 200 columns   "random": a suggestion of a process takes
                                             as long as a small fit
every other                                  "gp", with the resource as an input
===========================================  ==========================================

Neither many categories, nor conditions, nor thousands of observations make a difference
that was measured in favour of another: ``doc/decisions/0008`` has the figures, 0009
those of rungs.
"""

from skhpo.space import Space

MANY_COLUMNS = 200
MANY_CANDIDATES = 1000


def automatic_optimizer(space: Space, n_iter: int | None) -> str:
    """The name of what suits this space and this budget.

    Parameters
    ----------
    space : Space
        What is searched.
    n_iter : int or None
        Candidates; None = no limit.

    Returns
    -------
    name : str
        "grid", "tpe" or "gp".

    Examples
    --------
    >>> from skhpo.optimizers import automatic_optimizer
    >>> from skhpo.space import Space
    >>> automatic_optimizer(Space({"C": (0.1, 10.0)}), n_iter=50)
    'gp'
    >>> automatic_optimizer(Space({"C": [0.1, 1, 10]}), n_iter=50)
    'grid'
    """
    if fits_in(space, n_iter):
        return "grid"
    if space.n_dims > MANY_COLUMNS:
        return "tpe"
    return "gp"


def automatic_rung_optimizer(space: Space, n_candidates: int) -> str:
    """The name of what suits this space and so many candidates in rungs.

    Parameters
    ----------
    space : Space
        What is searched.
    n_candidates : int
        Candidates that are started.

    Returns
    -------
    name : str
        "gp" or "random".

    Examples
    --------
    >>> from skhpo.optimizers import automatic_rung_optimizer
    >>> from skhpo.space import Space
    >>> space = Space({"alpha": (1e-6, 1.0, "log-uniform")})
    >>> automatic_rung_optimizer(space, 81), automatic_rung_optimizer(space, 6561)
    ('gp', 'random')
    """
    is_large = n_candidates > MANY_CANDIDATES or space.n_dims > MANY_COLUMNS
    return "random" if is_large or fits_in(space, n_candidates) else "gp"


def fits_in(space: Space, n_iter: int | None) -> bool:
    """Whether all settings of a finite space can be tried.

    Parameters
    ----------
    space : Space
        What is searched.
    n_iter : int or None
        Candidates; None = no limit.

    Returns
    -------
    fits : bool
        False where the space is infinite, or the budget has no limit.

    Examples
    --------
    >>> from skhpo.optimizers import fits_in
    >>> from skhpo.space import Space
    >>> space = Space({"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]})
    >>> fits_in(space, 6), fits_in(space, 5)
    (True, False)
    """
    return None not in (space.size, n_iter) and space.size <= n_iter
