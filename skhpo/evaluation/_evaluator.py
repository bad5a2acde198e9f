"""From trials to fold tasks and back: what is submitted, in which order, in what lumps.

A trial is a number of folds. They wait here until the backend has room for them; cheap
folds of one trial are sent together, and folds of a search that races one by one.
None of this has any influence on results, which are put in order by the loop.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from skhpo._types import REFERENCE
from skhpo.evaluation._training import Stage, schedule_of


class FoldEvaluator:
    """Evaluates trials fold by fold on a dispatcher.

    Parameters
    ----------
    dispatcher : Inline, Queued, Isolated or Waves
        Runs the calls.
    n_splits : int
        Folds of each trial.
    n_points : int
        Trials in flight, as planned by the loop; folds are never lumped so that fewer
        tasks than workers come of it.
    contexts : FoldContexts
        scikit-learn's callbacks, told of the begin and the end of each fold.
    store : StateStore or None
        Keeps the models that may be continued, by (trial id, fold); None = plain fits.
    """

    def __init__(self, dispatcher, n_splits, n_points, contexts, store=None):
        self._dispatcher = dispatcher
        self._n_splits = n_splits
        self._contexts = contexts
        self._store = store
        self._waiting = deque()  # (trial, fold)
        self._stored = set()  # trials of which the store may have models
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
        if self._store is not None:
            outcomes = [self._without_state(outcome) for outcome in outcomes]
        self._feed()
        return outcomes

    def cancel(self, trial):
        """Drop the folds of a trial that are still waiting."""
        self._waiting = deque(item for item in self._waiting if item[0] is not trial)

    def keep_models(self, trials):
        """Forget the models of all trials but these."""
        for trial in self._stored - trials:
            self._stored.remove(trial)
            for fold in range(self._n_splits):
                self._store.drop((trial, fold))

    def _feed(self):
        limit = self._dispatcher.limit
        while self._waiting and (limit is None or self._n_out < limit):
            self._send(*self._next_lump())

    def _send(self, trial, folds):
        contexts = self._begin(trial, folds)
        call = (trial.id, trial.params, folds, contexts)
        if self._store is not None:
            call = (*call, self._stage(trial, folds))
        self._dispatcher.submit(call)
        self._n_out += 1

    def _stage(self, trial, folds):
        """Return how far a trial is trained, with the models that it goes on from."""
        states = {}
        before = schedule_of(trial)[:-1]
        if trial.parent is not None:
            source = (trial.parent.twin or trial.parent).id
            shares_disk = self._dispatcher.shares_disk
            get = self._store.get if shares_disk else self._store.get_bytes
            states = {fold: get((source, fold)) for fold in folds}
        return Stage(trial.job.resource, trial.namesake, states, before)

    def _without_state(self, outcome):
        """Put the model of an outcome into the store."""
        self._stored.add(outcome.trial)
        self._store.put((outcome.trial, outcome.fold), outcome.state)
        return replace(outcome, state=None)

    def _next_lump(self):
        trial, fold = self._waiting.popleft()
        folds, size = [fold], self._lump_size()
        while len(folds) < size and self._waiting and self._waiting[0][0] is trial:
            folds.append(self._waiting.popleft()[1])
        return trial, folds

    def _lump_size(self):
        if self._fold_seconds is None or self._dispatcher.n_jobs == 1:
            return 1
        n_folds = self._dispatcher.task_seconds / max(self._fold_seconds, 1e-6)
        return min(self._max_lump, ceil(n_folds))

    def _note(self, outcome):
        seconds, known = outcome.task_time, self._fold_seconds
        self._fold_seconds = seconds if known is None else 0.8 * known + 0.2 * seconds
        if self._contexts.active:
            context = self._open.pop((outcome.trial, outcome.fold), None)
            if context is not None:
                self._contexts.end_fold(context, outcome.fold)

    def _begin(self, trial, folds):
        """Open the callback contexts of some folds; return what their task needs.

        A reference has none: it is not among the tasks that callbacks count.
        """
        if not self._contexts.active or trial.id == REFERENCE:
            return None
        reports = {}
        for fold in folds:
            task_id = trial.id * self._n_splits + fold
            reports[fold], self._open[trial.id, fold] = self._contexts.begin_fold(
                task_id, fold, self.shares_memory
            )
        return reports if self.shares_memory else None


@dataclass(eq=False)
class _Runner:
    """A trial in a race: how far it is."""

    trial: Any
    n_started: int = 0  # folds 0, 1, ... handed to the workers
    outcomes: list = field(default_factory=list)

    @property
    def n_out(self):
        """Folds with the workers."""
        return self.n_started - len(self.outcomes)


class RacingEvaluator(FoldEvaluator):
    """Evaluates the folds of each trial one by one, as long as there is other work.

    A worker gets the next fold of the trial that has the fewest with the workers
    already, the first asked for first. So no fold runs before those that decide whether
    it is needed, unless a worker would be idle. A trial that the present incumbent
    would drop *pauses*: it is not this incumbent that has the last word, but the one
    at its turn in the order of commits. By then it is dropped, or goes on.

    Parameters
    ----------
    is_over : callable
        Returns whether a trial with these outcomes needs no further fold, as things
        stand: all are there, one failed, or the rule would drop it.
    dispatcher, n_splits, n_points, contexts
        As of :class:`FoldEvaluator`.
    """

    def __init__(self, is_over, dispatcher, n_splits, n_points, contexts):
        super().__init__(dispatcher, n_splits, n_points, contexts)
        self._is_over = is_over
        self._runners = {}  # trial id -> runner, in the order of asking

    @property
    def n_outstanding(self):
        """Folds waiting or running."""
        return self._n_out + sum(
            self._n_splits - runner.n_started for runner in self._runners.values()
        )

    @property
    def is_hungry(self):
        """Whether another trial would keep a worker from running a fold too early.

        Not for the sake of every worker: what is asked for late is proposed by an
        optimizer that knows more, which is worth some folds that run in vain.
        """
        n_racing = sum(not self._is_over(r.outcomes) for r in self._runners.values())
        return n_racing <= self._dispatcher.n_jobs // 2

    def submit(self, trial):
        """Queue all folds of a trial."""
        self._runners[trial.id] = _Runner(trial)
        self._feed()

    def collect(self, timeout=None):
        """Wait for a fold and return its outcome, in a list.

        Empty when ``timeout`` (s) passed.
        """
        self._feed(ahead=True)  # nothing else is to be done; the incumbent may be new
        if not self._n_out:  # a rule of the user's that changes its mind
            self._send_next(self._waiting_runners())
        return super().collect(timeout)

    def cancel(self, trial):
        """Drop the folds of a trial that are still waiting."""
        self._runners.pop(trial.id, None)

    def finish(self):
        """End the folds that ran ahead and are not awaited, for those who listen.

        scikit-learn's callbacks hear of the end of each fold whose beginning they were
        told: what runs in threads is waited for, what runs elsewhere is not.
        """
        self._runners.clear()
        if self.shares_memory and self._dispatcher.n_jobs > 1:
            while self._contexts.active and self._n_out:
                super().collect()
        elif not self.shares_memory:
            for (_, fold), context in self._open.items():
                self._contexts.end_fold(context, fold)
            self._open.clear()

    def _feed(self, ahead=False):
        """Give free workers what is known to be needed; or also what may be."""
        while self._n_out < self._dispatcher.n_jobs:
            racing = [
                runner
                for runner in self._waiting_runners()
                if (ahead or not runner.n_out) and not self._is_over(runner.outcomes)
            ]
            if not racing:
                return
            self._send_next(racing)

    def _waiting_runners(self):
        return [r for r in self._runners.values() if r.n_started < self._n_splits]

    def _send_next(self, runners):
        runner = min(runners, key=lambda r: r.n_out)
        self._send(runner.trial, [runner.n_started])
        runner.n_started += 1

    def _note(self, outcome):
        super()._note(outcome)
        runner = self._runners.get(outcome.trial)
        if runner is None:  # dropped in the meantime
            return
        runner.outcomes.append(outcome)
        if len(runner.outcomes) == self._n_splits:
            self.cancel(runner.trial)
