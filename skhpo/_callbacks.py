"""Callbacks of the search itself: plain functions that see each finished candidate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """What a callback in ``callbacks=[f]`` is told after each candidate.

    A callback is called as ``f(progress)`` in the user's thread, in the order in which
    results are committed. Returning something truthy ends the search; what was found so
    far is kept and refitted.

    Attributes
    ----------
    n_done : int
        Candidates finished so far, this one included; in a search with rungs, rows of
        the table, of which a promoted candidate has several.
    n_iter : int or None
        As many are planned at most; None when a limit of time alone ends the search.
    params : dict
        Setting of this candidate.
    score : float
        Its mean score over the folds, of the metric that steers; nan = failed. With
        ``racing``, an estimate of it where folds were skipped.
    status : str
        "complete", "failed", or "raced_out" where folds were skipped. Whether a
        candidate will be promoted to the next rung is not known yet.
    best_params : dict or None
        Best setting so far; None while every candidate failed.
    best_score : float
        Its mean score; nan while every candidate failed.
    elapsed : float
        Seconds since the search began.
    error : str or None
        Traceback text when this candidate failed.
    n_resources : int or None
        Units to which this candidate was trained; None where there are no rungs.
    is_replayed : bool
        Whether this was read from a ``checkpoint``: a callback may have been told of it
        before, by another process. It cannot end the search here, which went on.
    """

    n_done: int
    n_iter: int | None
    params: Mapping[str, Any]
    score: float
    status: str
    best_params: Mapping[str, Any] | None
    best_score: float
    elapsed: float
    error: str | None = None
    n_resources: int | None = None
    is_replayed: bool = False
