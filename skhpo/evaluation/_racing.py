"""Racing: a candidate that cannot win, or hardly, is spared its remaining folds.

Folds are looked at in their order, so that where a candidate ends depends on its scores
and on the incumbent's alone, not on which fold was ready first.

Notation

========  =======  =====================================================================
symbol    shape    meaning
========  =======  =====================================================================
k         ()       folds of the search
j         ()       folds of the candidate, 0 .. j - 1
c         (j,)     scores of the candidate
b         (k,)     scores of the incumbent, the best complete candidate so far
d         (j,)     c - b, the paired differences
s2        ()       variance of paired differences between folds
========  =======  =====================================================================

A dropped candidate counts for the optimizer as mean(b) + mean(d): that some folds are
harder than others cancels in d. As an estimate of the mean over all k folds, of which j
were drawn without replacement, it has the variance s2 (1/j - 1/k).

References
----------
E. Bergman, L. Purucker, F. Hutter (2024), Don't waste your time: early stopping
cross-validation, AutoML-Conf, PMLR 256.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from math import isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo._errors import did_you_mean

Scores = NDArray[np.float64]
Rule = Callable[[Scores, Scores], Any]

#: Relative size of a difference that may be rounding, in scores and in their sums.
_ROUNDING = 1e-10

#: Complete candidates whose paired differences tell s2: the latest ones.
_N_SPREADS = 50

#: Complete candidates beside the incumbent that "paired" takes.
_N_LEARNED = 5

NAMES = ("exact", "forgiving", "paired")

#: What "auto" is where it is safe, and the folds that it takes (doc/decisions/0026).
AUTO, LEAST_FOLDS = "paired", 5


@dataclass(frozen=True)
class Exact:
    """Drop what cannot even tie: no later fold can score more than ``best_possible``.

    A candidate that could reach the incumbent's mean is kept, also by less than a
    rounding error, so that neither the winner nor its ties can change.
    """

    best_possible: float

    def __call__(self, c: Scores, b: Scores) -> bool:
        left = len(b) - len(c)
        with np.errstate(over="ignore", invalid="ignore"):  # scores of 1e308
            reachable = c.sum() + left * self.best_possible
            size = abs(c).sum() + left * abs(self.best_possible) + abs(b).sum()
            return bool(reachable < b.sum() - _ROUNDING * size)


def forgiving(c: Scores, b: Scores) -> bool:
    """Drop what falls behind the incumbent by more than folds differ.

        mean(d) < (min(b) - mean(b)) sqrt((1/j - 1/k) / (1 - 1/k))

    The incumbent's worst fold tells how far a single fold may fall short of the mean;
    the mean over j of k folds falls short by the root less. After one fold this is the
    rule of Bergman et al., who compare mean(c) with min(b), but paired.
    """
    j, k = len(c), len(b)
    with np.errstate(over="ignore", invalid="ignore"):  # scores of 1e308
        shortfall = (b.min() - b.mean()) * np.sqrt((1 / j - 1 / k) / (1 - 1 / k))
        return bool((c - b[:j]).mean() < shortfall - _ROUNDING * abs(b).max())


class Paired:
    """Drop what is further behind than candidates differ from fold to fold by chance.

        mean(d) < -sd / sqrt(j)

    sd**2 is the variance of d between folds, averaged over the complete candidates,
    and at least that of the incumbent's scores: complete candidates resemble the
    incumbent, on plateaus they equal it, which says nothing of the others. With fewer
    than ``_N_LEARNED`` complete candidates beside the incumbent, :func:`forgiving`
    decides (doc/decisions/0026).
    """

    def __init__(self):
        self._complete: deque[Scores] = deque(maxlen=_N_SPREADS)
        self._sd: float | None = None

    def observe(self, scores: Scores, b: Scores) -> None:
        """Learn of a complete candidate, and of the incumbent after it."""
        self._complete.append(scores)
        others = [c for c in self._complete if c is not b]
        if len(others) < _N_LEARNED:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # scores of 1e308
            s2 = max(_variance(np.array(others) - b), _variance(b))
            self._sd = sqrt(s2)

    def __call__(self, c: Scores, b: Scores) -> bool:
        if self._sd is None:
            return forgiving(c, b)
        j = len(c)
        with np.errstate(over="ignore", invalid="ignore"):
            shortfall = -self._sd / np.sqrt(j) - _ROUNDING * abs(b).max()
            return bool((c - b[:j]).mean() < shortfall)


class Race:
    """A rule, the incumbent to beat, and how much folds differ.

    Parameters
    ----------
    rule : callable
        ``rule(c, b)`` returns whether the candidate drops out. A :class:`Paired` is
        told of the complete candidates in the order in which they are committed.
    n_splits : int
        Folds of each candidate, k.
    """

    def __init__(self, rule: Rule, n_splits: int):
        self._rule, self._n_splits = rule, n_splits
        self._best: Scores | None = None  # b
        self._spreads: deque[float] = deque(maxlen=_N_SPREADS)
        self._known: dict[tuple, int | None] = {}  # n_folds against this incumbent

    def n_folds(self, scores: Any, is_spared: bool = False) -> int | None:
        """Return after how many folds a candidate ends; None = it goes on.

        ``scores`` are those of folds 0, 1, ... as far as they are known. A fold that
        failed ends it too: nothing can save a candidate that failed. No rule drops a
        candidate that is spared.
        """
        key = (is_spared, *scores)
        if key not in self._known:  # it is asked several times per fold
            c = np.array(key[1:], dtype=np.float64)
            self._known[key] = self._n_folds(c, is_spared)
        return self._known[key]

    def _n_folds(self, c: Scores, is_spared: bool) -> int | None:
        for j in range(1, len(c) + 1):
            if j == self._n_splits or not isfinite(c[j - 1]):
                return j
            if not is_spared and self._drops(c[:j]):
                return j
        return None

    def _drops(self, c: Scores) -> bool:
        return self._best is not None and bool(self._rule(c, self._best))

    def observe(self, scores: Any, is_best: bool) -> None:
        """Learn of a complete candidate; the best so far is the one to beat."""
        self._known.clear()
        c = np.array(scores, dtype=np.float64)
        if self._best is not None:
            self._spreads.append(_variance(c - self._best))
        if is_best:
            c.flags.writeable = False  # a rule of the user's may try
            self._best = c
        if isinstance(self._rule, Paired):
            self._rule.observe(c, self._best)

    def noise(self, j: int) -> float:
        """Return the variance of a dropped candidate's estimate after ``j`` folds.

        s2 is that of two independent candidates whose folds differ as the incumbent's
        do. Complete candidates tell too little of it (their median counts where it is
        larger): they resemble the incumbent, which dropped ones do not
        (doc/decisions/0005).
        """
        spread = float(np.median(self._spreads)) if self._spreads else 0.0
        s2 = max(2 * _variance(self._best), spread)
        return s2 * (1 / j - 1 / self._n_splits)


def _variance(values: Any) -> float:
    """Return the variance between folds; of several rows, the mean of theirs."""
    if np.shape(values)[-1] == 1:
        return 0.0
    return float(np.var(values, axis=-1, ddof=1).mean())


# ---- what the user asked for


def check_racing(racing: Any) -> None:
    """Refuse what is no rule, and functions that do not take two sets of scores."""
    names = ("auto", *NAMES)
    if racing is None or (isinstance(racing, str) and racing in names):
        return
    possible = (
        f"Possible: None, {', '.join(map(repr, names))}, or a function "
        "f(candidate_scores, incumbent_scores) that returns whether to drop."
    )
    if isinstance(racing, str):
        hint = did_you_mean(racing, names)
        raise ValueError(f"racing={racing!r} is not a rule.{hint} {possible}")
    if not callable(racing):
        raise TypeError(f"racing={racing!r} is not a rule. {possible}")
    if not _takes_two(racing):
        raise TypeError(
            f"racing={racing!r} cannot be called with two arguments. {possible}"
        )


def _takes_two(function: Callable) -> bool:
    try:
        signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # a function in C that does not tell
        return True
    return True


def may_skip_folds(racing: Any, n_splits: int, refit: Any) -> bool:
    """Return whether a search with these parameters may skip folds.

    With "auto" only where there are enough of them, and where no function chooses the
    best row: it may need complete ones.
    """
    if isinstance(racing, str) and racing == "auto":
        return n_splits >= LEAST_FOLDS and not callable(refit)
    return racing is not None


def make_race(racing: Any, n_splits: int, best_possible: float | None) -> Race | None:
    """Return the race of a search; None where nothing is ever dropped.

    ``best_possible`` is what no fold can score more than, for "exact"; None = unknown.
    """
    if racing is None or (racing == "exact" and best_possible is None):
        return None
    rules = {
        "exact": Exact(best_possible),
        "forgiving": forgiving,
        "paired": Paired(),
    }
    return Race(rules[racing] if isinstance(racing, str) else racing, n_splits)


def name_of_rule(racing: Any) -> str:
    """Return the name of a rule; of a function, its own.

    Examples
    --------
    >>> name_of_rule("paired"), name_of_rule(forgiving)
    ('paired', 'forgiving')
    """
    if isinstance(racing, str):
        return racing
    return getattr(racing, "__name__", type(racing).__name__)
