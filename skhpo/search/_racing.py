"""``racing="auto"``: where the folds of hopeless candidates are skipped by default.

===========================================  ==========================================
the search                                   racing
===========================================  ==========================================
fewer than five folds                        off: there is little to skip
refit is a function                          off: it may need complete rows
nothing learns: "random", "sobol", a grid    off: the table is scikit-learn's
that is tried in full
an optimizer of the user's own               off: it may take an estimate for a score
several metrics, and the one that steers is  off: the best row of the other may be
not the one that refit names                 raced out
every other                                  "paired"
===========================================  ==========================================
"""

from skhpo.evaluation import AUTO, LEAST_FOLDS
from skhpo.search._optimizers import is_learning


def resolve_racing(search, is_single, learns):
    """Return the rule that a search races by, or None, and why ``"auto"`` is off.

    The reason is None where nobody would expect a race.

    Parameters
    ----------
    search : search
        Its ``racing``, ``refit``, ``objective``, ``optimizer`` and ``n_splits_`` count.
    is_single : bool
        Whether the scorer is known to return one number.
    learns : bool
        Whether an optimizer that is chosen by its name learns from scores.
    """
    if not isinstance(search.racing, str) or search.racing != "auto":
        return search.racing, None
    optimizer = getattr(search, "optimizer", "auto")
    is_own = not isinstance(optimizer, str)
    if search.n_splits_ < LEAST_FOLDS or not (learns or is_own):
        return None, None
    if callable(search.refit):
        return None, "refit is a function, which may need complete rows"
    if is_own and not is_learning(optimizer):
        return None, "the optimizer is none of skhpo's that learn"
    if not is_single and not _steers_by_what_refit_names(search):
        return None, "the metric that steers is not the one that refit names"
    return AUTO, None


def _steers_by_what_refit_names(search):
    """Return whether one of several metrics both steers and chooses the best row."""
    if isinstance(search.refit, str):
        return search.objective in (None, search.refit)
    return search.objective is not None
