"""Rungs and brackets: how many candidates are trained how far.

Notation
--------
======  ====================  ==========================================================
symbol  here                  meaning
======  ====================  ==========================================================
R       max_resource          units (epochs, trees, rows) of the top rung
r       min_resource          no rung lies below
eta     factor                one in eta candidates goes on, to eta times the resource
s       len(resources) - 1    promotions that a bracket holds
s_max   len(ladder) - 1       the same of the most exploring bracket: the largest s with
                              r eta^s <= R
r_i     resources[i]          floor(R / eta^(s - i)), cumulative units at rung i
n_i     n_candidates[i]       max(1, floor(n_0 / eta^i)), candidates at rung i
======  ====================  ==========================================================

All of it is integer arithmetic: ``floor(log(243) / log(3))`` is 4 in floating point,
and a rung is lost. Dividing from the top down makes the last rung R itself, whatever R
is; and floors of floors are floors, so that resources grow by the factor at least.

References
----------
.. [1] Jamieson, Talwalkar (2016), Non-stochastic best arm identification and
   hyperparameter optimization, arXiv:1502.07943.
.. [2] Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar (2018), Hyperband: a novel
   bandit-based approach to hyperparameter optimization, JMLR 18(185), arXiv:1603.06560.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

N_STEPS = 10  # of median stopping


@dataclass(frozen=True)
class Bracket:
    """How many candidates at most are trained how far: rung by rung.

    Rung i has n_candidates[i] places, and trains from resources[i - 1] units (0 at the
    first rung) to resources[i].

    Parameters
    ----------
    resources : tuple of int
        Units at each rung, the lowest first.
    n_candidates : tuple of int
        Places at each rung.
    factor : int
        One in so many candidates goes on.

    Examples
    --------
    >>> from skhpo.schedulers import Bracket
    >>> bracket = Bracket(resources=(1, 3, 9), n_candidates=(9, 3, 1), factor=3)
    >>> bracket.units_continued, bracket.units_refit
    ([9, 6, 6], [9, 9, 9])
    """

    resources: tuple[int, ...]
    n_candidates: tuple[int, ...]
    factor: int

    def resized(self, n_candidates: int) -> "Bracket":
        """The same first and last rung for fewer candidates at the start."""
        return halve(self.resources, n_candidates, self.factor)

    @property
    def max_resource(self) -> int:
        """Units of the top rung."""
        return self.resources[-1]

    @property
    def units_continued(self) -> list[int]:
        """Units to train at each rung, where models go on from the rung below."""
        steps = (b - a for a, b in pairwise((0, *self.resources)))
        return [n * step for n, step in zip(self.n_candidates, steps, strict=True)]

    @property
    def units_refit(self) -> list[int]:
        """Units to train at each rung, where models start anew."""
        counts = zip(self.n_candidates, self.resources, strict=True)
        return [n * resource for n, resource in counts]


def resource_ladder(
    min_resource: int, max_resource: int, factor: int
) -> tuple[int, ...]:
    """The resources of all rungs, the lowest first.

    The top one is ``max_resource``; each one below is the factor-th part of its
    neighbour, as long as that is at least ``min_resource``.

    Examples
    --------
    >>> resource_ladder(1, 243, 3)
    (1, 3, 9, 27, 81, 243)
    >>> resource_ladder(5, 100, 3)
    (11, 33, 100)
    """
    _check(min_resource, max_resource, factor)
    ladder = [int(max_resource)]
    while ladder[-1] // factor >= min_resource:
        ladder.append(ladder[-1] // int(factor))
    return tuple(reversed(ladder))


def halve(resources: Sequence[int], n_candidates: int, factor: int) -> Bracket:
    """Successive halving [1]_ of so many candidates over these resources.

    A rung between the first and the last where one candidate would meet nobody
    decides nothing and is left out.
    """
    levels = [max(1, n_candidates // factor**i) for i in range(len(resources))]
    top = len(levels) - 1
    rungs = [i for i, n in enumerate(levels) if n > 1 or i in (0, top)]
    return Bracket(
        tuple(resources[i] for i in rungs), tuple(levels[i] for i in rungs), factor
    )


def halving_bracket(
    min_resource: int, max_resource: int, factor: int, n_candidates: int | None = None
) -> Bracket:
    """The bracket of ``strategy="sha"`` and ``"asha"``: all rungs.

    Parameters
    ----------
    min_resource, max_resource, factor : int
        See :func:`resource_ladder`.
    n_candidates : int, default=None
        Candidates at the first rung; None = as many as leave one at the top.

    Returns
    -------
    bracket : Bracket
        Its rungs.

    Examples
    --------
    >>> halving_bracket(1, 9, 3)
    Bracket(resources=(1, 3, 9), n_candidates=(9, 3, 1), factor=3)
    """
    ladder = resource_ladder(min_resource, max_resource, factor)
    _check_candidates(n_candidates)
    n = factor ** (len(ladder) - 1) if n_candidates is None else n_candidates
    return _bracket(ladder, int(n), int(factor))


def hyperband_brackets(
    min_resource: int, max_resource: int, factor: int, n_candidates: int | None = None
) -> tuple[Bracket, ...]:
    """The brackets of one sweep of Hyperband, the most exploring one first.

    Parameters
    ----------
    min_resource, max_resource, factor : int
        See :func:`resource_ladder`.
    n_candidates : int, default=None
        Candidates of the sweep, shared out among the brackets in Hyperband's
        proportions; brackets left without any are dropped. None = Hyperband's number,
        for which all brackets cost about the same.

    Returns
    -------
    brackets : tuple of Bracket
        One for each number of promotions, from the largest to 0.

    Examples
    --------
    >>> for bracket in hyperband_brackets(1, 81, 3):
    ...     print(bracket.n_candidates, bracket.resources)
    (81, 27, 9, 3, 1) (1, 3, 9, 27, 81)
    (34, 11, 3, 1) (3, 9, 27, 81)
    (15, 5, 1) (9, 27, 81)
    (8, 2) (27, 81)
    (5,) (81,)
    """
    ladder = resource_ladder(min_resource, max_resource, factor)
    _check_candidates(n_candidates)
    n_rungs, factor = len(ladder), int(factor)
    sizes = [  # Algorithm 1 of [2]: n = ceil(B / R eta^s / (s + 1)), B = (s_max + 1) R
        _ceil_div(n_rungs * factor**s, s + 1) for s in reversed(range(n_rungs))
    ]
    if n_candidates is not None:
        sizes = share_out(int(n_candidates), sizes)
    return tuple(
        _bracket(ladder[first:], n, factor) for first, n in enumerate(sizes) if n
    )


def median_bracket(
    min_resource: int, max_resource: int, n_candidates: int, n_steps: int = N_STEPS
) -> Bracket:
    """The steps of ``strategy="median"``, at equal distances.

    Each candidate has a place at each step, so the plan is what is trained at most.

    Parameters
    ----------
    min_resource, max_resource : int
        Units at the first and at the last step.
    n_candidates : int
        Candidates that are started.
    n_steps : int, default=10
        Steps.

    Returns
    -------
    bracket : Bracket
        With a factor of 1: nobody is eliminated by plan.

    Examples
    --------
    >>> median_bracket(10, 50, n_candidates=20, n_steps=5)
    Bracket(resources=(10, 20, 30, 40, 50), n_candidates=(20, 20, 20, 20, 20), factor=1)
    """
    _check_range(min_resource, max_resource)
    _check_candidates(n_candidates)
    width, n = int(max_resource - min_resource), max(int(n_steps) - 1, 1)
    steps = sorted({int(max_resource) - width * i // n for i in range(n_steps)})
    return Bracket(tuple(steps), (int(n_candidates),) * len(steps), factor=1)


def with_place(
    brackets: Sequence[Bracket], resource: int, is_continued: bool = True
) -> tuple[Bracket, ...]:
    """Brackets of which at least one begins at a resource.

    Where there is none yet, one of a single candidate is added, and the first bracket
    starts as many fewer candidates as it costs. No more units are trained than before.

    Parameters
    ----------
    brackets : sequence of Bracket
        Those of one sweep.
    resource : int
        Units that a candidate is to be trained to at once.
    is_continued : bool, default=True
        Whether models go on from the rung below, as the units are counted.

    Returns
    -------
    brackets : tuple of Bracket
        The same where the first bracket is too small to pay for it.

    Examples
    --------
    >>> from skhpo.schedulers import halving_bracket, with_place
    >>> for bracket in with_place([halving_bracket(1, 81, 3)], 81):
    ...     print(bracket.n_candidates, bracket.resources)
    (54, 18, 6, 2, 1) (1, 3, 9, 27, 81)
    (1,) (81,)
    """
    first, *others = brackets
    if any(bracket.resources[0] == resource for bracket in brackets):
        return tuple(brackets)
    most = _units(first, is_continued) - resource
    for n in range(first.n_candidates[0] - 1, 1, -1):
        smaller = first.resized(n)
        if _units(smaller, is_continued) <= most:
            return smaller, *others, Bracket((resource,), (1,), first.factor)
    return tuple(brackets)


def _units(bracket: Bracket, is_continued: bool) -> int:
    return sum(bracket.units_continued if is_continued else bracket.units_refit)


def share_out(total: int, weights: Sequence[int]) -> list[int]:
    """Integers in proportion to the weights whose sum is the total.

    What rounding down leaves goes to the largest remainders, the first of equal ones.
    """
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: -remainders[i])
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares


def plan(
    brackets: Sequence[Bracket],
    n_iterations: int = 1,
    n_splits: int = 1,
    is_continued: bool = True,
) -> list[dict[str, int | float]]:
    """What brackets will cost: one row per rung, before anything is fitted.

    Parameters
    ----------
    brackets : sequence of Bracket
        Those of one sweep.
    n_iterations : int, default=1
        Sweeps.
    n_splits : int, default=1
        Folds; each trains its own model.
    is_continued : bool, default=True
        Whether models go on from the rung below, as the column ``share`` has it.

    Returns
    -------
    rows : list of dict
        ``sweep``, ``bracket``, ``rung``, ``n_candidates``, ``n_resources``,
        ``units_continued`` and ``units_refit`` (units trained at this rung, all folds
        together), ``share`` (of the cost of the whole search).

    Examples
    --------
    >>> from skhpo.schedulers import halving_bracket, plan
    >>> for row in plan([halving_bracket(1, 9, 3)], n_splits=5):
    ...     print(row["n_candidates"], row["n_resources"], row["units_continued"])
    9 1 45
    3 3 30
    1 9 30
    """
    rows = [
        {"sweep": i, "bracket": b, **row}
        for i in range(n_iterations)
        for b, bracket in enumerate(brackets)
        for row in _rungs(bracket, n_splits)
    ]
    units = "units_continued" if is_continued else "units_refit"
    total = sum(row[units] for row in rows)
    return [{**row, "share": row[units] / total} for row in rows]


def _rungs(bracket: Bracket, n_splits: int) -> Iterator[dict[str, int]]:
    columns = zip(
        bracket.n_candidates,
        bracket.resources,
        bracket.units_continued,
        bracket.units_refit,
        strict=True,
    )
    for rung, (n, resource, continued, refit) in enumerate(columns):
        yield {
            "rung": rung,
            "n_candidates": n,
            "n_resources": resource,
            "units_continued": continued * n_splits,
            "units_refit": refit * n_splits,
        }


def _bracket(resources: Sequence[int], n: int, factor: int) -> Bracket:
    """A lone candidate needs no rungs: it is trained in one go."""
    return halve(resources[-1:] if n == 1 else resources, n, factor)


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def _check(min_resource: int, max_resource: int, factor: int) -> None:
    if not isinstance(factor, Integral) or factor < 2:
        raise ValueError(
            f"factor must be an integer of at least 2, got {factor!r}: one in `factor` "
            "candidates goes on to the next rung. 3 is usual."
        )
    _check_range(min_resource, max_resource)


def _check_range(min_resource: int, max_resource: int) -> None:
    for name, value in (("min_resource", min_resource), ("max_resource", max_resource)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
    if min_resource > max_resource:
        raise ValueError(
            f"min_resource={min_resource} exceeds max_resource={max_resource}, so that "
            "there is no rung. Lower min_resource or raise max_resource."
        )


def _check_candidates(n_candidates: int | None) -> None:
    if n_candidates is None:
        return
    if not isinstance(n_candidates, Integral) or n_candidates < 1:
        raise ValueError(
            "n_candidates must be an integer of at least 1, or None for as many as "
            f"fill the brackets, got {n_candidates!r}."
        )
