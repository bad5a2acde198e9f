"""From trials to fold tasks and back: what is submitted, in which order, in what lumps.

A trial is a number of folds. They wait here until the backend has room for them; cheap
folds of one trial are sent together. Neither has any influence on results, which are
put in order by the loop.
"""

from collections import deque
from math import ceil

#: A task shorter than this (s) is not worth its dispatch: folds of a trial are lumped
#: together until it is reached.
TASK_SECONDS = 0.02


class FoldEvaluator:
    """Evaluates trials fold by fold on a dispatcher.

    Parameters
    ----------
    dispatcher : Inline, Queued or Waves
        Runs the calls.
    n_splits : int
        Folds of each trial.
    n_points : int
        Trials in flight, as planned by the loop; folds are never lumped so that fewer
        tasks than workers come of it.
    contexts : FoldContexts
        scikit-learn's callbacks, told of the begin and the end of each fold.
    """

    def __init__(self, dispatcher, n_splits, n_points, contexts):
        self._dispatcher = dispatcher
        self._n_splits = n_splits
        self._contexts = contexts
        self._waiting = deque()  # (trial, fold)
        self._open = {}  # (trial id, fold) -> scikit-learn's callback context
        self._n_out = 0  # tasks with the backend
        self._fold_seconds = None  # running mean, for lumping
        in_flight = n_points * n_splits
        self._max_lump = max(1, min(n_splits, in_flight // (dispatcher.n_jobs + 1)))
        self.can_kill = dispatcher.can_kill
        self.is_asynchronous = dispatcher.is_asynchronous
        self.shares_memory = dispatcher.shares_memory

    @property
    def n_outstanding(self):
        """Tasks waiting or running."""
        return len(self._waiting) + self._n_out

    @property
    def is_hungry(self):
        """Whether a worker is idle, or will be before anything could be asked.

        Half as many tasks wait as there are workers: a suggestion takes some 20 ms, and
        in that time several may end.
        """
        n_jobs = self._dispatcher.n_jobs
        return self.n_outstanding <= (0 if n_jobs == 1 else n_jobs * 3 // 2)

    def submit(self, trial):
        """Queue all folds of a trial."""
        self._waiting.extend((trial, fold) for fold in range(self._n_splits))
        self._feed()

    def collect(self, timeout=None):
        """Wait for a task and return the outcomes of its folds.

        Empty when ``timeout`` (s) passed.
        """
        outcomes = self._dispatcher.get(timeout)
        if outcomes is None:
            return []
        self._n_out -= 1
        for outcome in outcomes:
            self._note(outcome)
        self._feed()
        return outcomes

    def cancel(self, trial):
        """Drop the folds of a trial that are still waiting."""
        self._waiting = deque(item for item in self._waiting if item[0] is not trial)

    def _feed(self):
        limit = self._dispatcher.limit
        while self._waiting and (limit is None or self._n_out < limit):
            trial, folds = self._next_lump()
            contexts = self._begin(trial, folds)
            self._dispatcher.submit((trial.id, trial.params, folds, contexts))
            self._n_out += 1

    def _next_lump(self):
        trial, fold = self._waiting.popleft()
        folds, size = [fold], self._lump_size()
        while len(folds) < size and self._waiting and self._waiting[0][0] is trial:
            folds.append(self._waiting.popleft()[1])
        return trial, folds

    def _lump_size(self):
        if self._fold_seconds is None or self._dispatcher.n_jobs == 1:
            return 1
        return min(self._max_lump, ceil(TASK_SECONDS / max(self._fold_seconds, 1e-6)))

    def _note(self, outcome):
        seconds, known = outcome.task_time, self._fold_seconds
        self._fold_seconds = seconds if known is None else 0.8 * known + 0.2 * seconds
        if self._contexts.active:
            context = self._open.pop((outcome.trial, outcome.fold))
            self._contexts.end_fold(context, outcome.fold)

    def _begin(self, trial, folds):
        """Open the callback contexts of some folds; return what their task needs."""
        if not self._contexts.active:
            return None
        reports = {}
        for fold in folds:
            task_id = trial.id * self._n_splits + fold
            reports[fold], self._open[trial.id, fold] = self._contexts.begin_fold(
                task_id, fold, self.shares_memory
            )
        return reports if self.shares_memory else None
