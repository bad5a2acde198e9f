"""Callbacks of the search itself: who sees each finished candidate, and the log.

A callback is a function ``f(progress)``. An object with a ``__call__`` may have two
methods more, named after scikit-learn's ``on_fit_task_begin`` and ``on_fit_task_end``:
``on_search_begin(begin)`` before the first candidate, ``on_search_end(end)`` whatever
way the search ended.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import nan
from typing import Any

from skhpo._errors import without_stack

logger = logging.getLogger("skhpo")


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
        Best setting so far, with rungs of those trained furthest; None while every
        candidate failed.
    best_score : float
        Its mean score; nan while every candidate failed.
    elapsed : float
        Seconds since the search began.
    error : str or None
        Traceback text when this candidate failed.
    n_resources : int or None
        Units to which this candidate was trained; None where there are no rungs.
    number : int
        Its number in the order in which candidates were asked for: its row of
        ``cv_results_``, unless the search is cut short by time or an interrupt.
    candidate : int
        Number of its setting: the same at each rung.
    std : float
        Standard deviation of the score over the folds that were evaluated.
    scores : dict
        Mean of each metric over the folds that were evaluated, by name; "score" where
        there is only one. Empty when it failed.
    seconds : float
        Seconds spent on its fits and scoring, all folds together.
    is_best : bool
        Whether it is the best so far.
    is_replayed : bool
        Whether this was read from a ``checkpoint``: a callback may have been told of it
        before, by another process. It cannot end the search here, which went on.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo import BayesSearchCV
    >>> def watch(progress):
    ...     print(progress.n_done, progress.params, round(progress.score, 2))
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"n_neighbors": [1, 5]}
    >>> search = BayesSearchCV(KNeighborsClassifier(), grid, callbacks=watch).fit(X, y)
    1 {'n_neighbors': 1} 0.96
    2 {'n_neighbors': 5} 0.97
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
    number: int = -1
    candidate: int = -1
    std: float = nan
    scores: Mapping[str, float] = field(default_factory=dict)
    seconds: float = nan
    is_best: bool = False
    is_replayed: bool = False


@dataclass(frozen=True)
class SearchBegin:
    """What a callback with ``on_search_begin(begin)`` is told before the first fit.

    Attributes
    ----------
    id : str
        Name of this search among all: eight random hexadecimal digits.
    name : str
        Class of the search.
    estimator : str
        Class of what is searched.
    n_iter : int or None
        Trials that are planned at most; None when a limit of time alone ends it.
    n_splits : int
        Folds.
    param_names : tuple of str
        Parameters that a setting may have.
    metrics : tuple of str
        Names of several metrics; empty where there is one, or where only the first
        score will tell.
    settings : dict
        Parameters of the search itself, without those that hold the estimator, the
        space or callbacks.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo import BayesSearchCV
    >>> class Announce:
    ...     def __call__(self, progress):
    ...         pass
    ...
    ...     def on_search_begin(self, begin):
    ...         print(begin.name, begin.n_iter, begin.param_names)
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"n_neighbors": [1, 5]}
    >>> search = BayesSearchCV(KNeighborsClassifier(), grid, callbacks=Announce())
    >>> _ = search.fit(X, y)
    BayesSearchCV 2 ('n_neighbors',)
    """

    id: str
    name: str
    estimator: str
    n_iter: int | None
    n_splits: int
    param_names: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class SearchEnd:
    """What a callback with ``on_search_end(end)`` is told, after the refit.

    Or when an error, an interrupt or a failed refit ended the search.

    Attributes
    ----------
    n_done : int
        Trials that were finished.
    elapsed : float
        Seconds since the search began, with the refit.
    stop_reason : str
        ``stop_reason_`` of the search; "interrupted" after an error.
    best_number : int or None
        Number of the best trial (``Progress.number``), as ``refit`` chose it; None
        without any.
    best_params : dict or None
        Its setting.
    best_score : float
        Its mean score, of the metric that steers; nan without any.
    error : BaseException or None
        What ended the search; None where all went well.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo import BayesSearchCV
    >>> class Report:
    ...     def __call__(self, progress):
    ...         pass
    ...
    ...     def on_search_end(self, end):
    ...         print(end.n_done, end.best_params, end.error)
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"n_neighbors": [1, 5]}
    >>> search = BayesSearchCV(KNeighborsClassifier(), grid, callbacks=Report())
    >>> _ = search.fit(X, y)
    2 {'n_neighbors': 5} None
    """

    n_done: int
    elapsed: float
    stop_reason: str
    best_number: int | None = None
    best_params: Mapping[str, Any] | None = None
    best_score: float = nan
    error: BaseException | None = None


@contextmanager
def told_of_search(
    callbacks: Sequence[Callable],
    begin: SearchBegin,
    make_end: Callable[[BaseException | None], SearchEnd],
) -> Iterator[None]:
    """Tell callbacks that a search begins, and of its end, however that comes.

    Whoever was told of the begin is told of the end, the last one first, also when
    another one raises.
    """
    with ExitStack() as stack:
        for callback in callbacks:
            if hasattr(callback, "on_search_begin"):
                callback.on_search_begin(begin)
            if hasattr(callback, "on_search_end"):
                stack.push(partial(_tell_end, callback, make_end))
        yield


def _tell_end(callback, make_end, _type, error, _traceback):
    callback.on_search_end(make_end(error))


class Log:
    """Writes to the logger "skhpo": begin, end and each new best, INFO; trials, DEBUG.

    It is a callback of every search. The logger has no handler and so is silent until
    the user configures logging.
    """

    def on_search_begin(self, begin: SearchBegin) -> None:
        n_iter = "no limit of" if begin.n_iter is None else f"at most {begin.n_iter}"
        logger.info(
            "%s %s of %s begins: %s trials, %d folds",
            *(begin.name, begin.id, begin.estimator, n_iter, begin.n_splits),
        )

    def __call__(self, progress: Progress) -> None:
        level = logging.INFO if progress.is_best else logging.DEBUG
        if not logger.isEnabledFor(level):
            return
        after = "" if progress.n_resources is None else f" at {progress.n_resources}"
        error = without_stack(progress.error)
        logger.log(
            level,
            "%strial %d%s: %s, score %.6g, %.3g s, %s%s",
            *("new best, " if progress.is_best else "", progress.number, after),
            *(progress.status, progress.score, progress.seconds),
            *(dict(progress.params), f": {error}" if error else ""),
        )

    def on_search_end(self, end: SearchEnd) -> None:
        why = end.stop_reason if end.error is None else f"by {end.error!r}"
        logger.info(
            "search ends after %d trials and %.3g s (%s): best score %.6g with %s",
            *(end.n_done, end.elapsed, why, end.best_score, end.best_params),
        )


def those_who_listen(callbacks: Sequence[Callable]) -> list[Callable]:
    """Return the callbacks but for the log, where nobody reads it: the usual case."""
    is_read = logger.isEnabledFor(logging.INFO)
    return [c for c in callbacks if is_read or not isinstance(c, Log)]
