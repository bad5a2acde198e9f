"""Fits that were done before: their outcomes are read from a record, not computed.

To those who submit calls this is a dispatcher like any other, whose calls have the
form (trial id, params, folds, contexts[, stage]). Each is answered once, whether all of
its folds are recorded, or some, or none.
"""

from collections import deque

from skhpo._errors import CheckpointError


class Recorded:
    """Answers calls from a record, and hands on what is not there.

    Parameters
    ----------
    dispatcher : dispatcher
        Does what was not recorded.
    outcomes : dict
        Outcomes by (trial id, fold).
    """

    def __init__(self, dispatcher, outcomes):
        self._dispatcher = dispatcher
        self._outcomes = outcomes
        self._ready = deque()  # answers to calls of which every fold is recorded
        self._partial = {}  # (trial, a fold that runs) -> those that are recorded

    def __getattr__(self, name):
        """Return what the dispatcher says of itself: ``n_jobs``, ``can_kill``, ..."""
        return getattr(self._dispatcher, name)

    def submit(self, call):
        """Take a call; what is recorded of it does not reach the workers."""
        trial, params, folds, contexts, *stage = call
        known = [
            self._outcomes[trial, fold]
            for fold in folds
            if (trial, fold) in self._outcomes
        ]
        _tell_begin(contexts, [outcome.fold for outcome in known])
        if len(known) == len(folds):
            self._ready.append(known)
            return
        if known:
            done = {outcome.fold for outcome in known}
            folds = [fold for fold in folds if fold not in done]
            self._partial[trial, folds[0]] = known
        self._dispatcher.submit((trial, params, folds, contexts, *stage))

    def get(self, timeout=None):
        """Return the next answer; None when ``timeout`` (s) passed."""
        if self._ready:
            return self._ready.popleft()
        outcomes = self._dispatcher.get(timeout)
        if not outcomes:
            return outcomes
        first = outcomes[0]
        return self._partial.pop((first.trial, first.fold), []) + list(outcomes)

    def close(self, kill):
        """Release the workers."""
        self._dispatcher.close(kill)


def _tell_begin(contexts, folds):
    """Tell scikit-learn's callbacks, as the fold task does where it runs."""
    for fold in folds:
        if contexts and contexts.get(fold) is not None:
            search, context = contexts[fold]
            context.call_on_fit_task_begin(estimator=search)


class NoWorkers:
    """The dispatcher behind the record of a search that is finished: nothing is fitted.

    What is asked for beyond the record is forgotten: the search came to its end without
    it.

    Parameters
    ----------
    path : path-like
        The record, for a message.
    """

    n_jobs = 1_000_000  # never a reason to wait
    limit = None
    task_seconds = 0.0  # folds are answered one by one
    can_kill = False
    task_seconds = 0.02
    is_asynchronous = shares_memory = shares_disk = True

    def __init__(self, path):
        self._path = path

    def submit(self, call):
        """Forget it."""

    def get(self, timeout=None):
        """Say that the record is not that of this search."""
        raise CheckpointError(
            f"The checkpoint {self._path} ends, and the search does not: it was "
            "written by another version of skhpo, or by an optimizer that does "
            "something else each time. Choose another path to start anew."
        )

    def close(self, kill):
        """There is nothing to release."""
