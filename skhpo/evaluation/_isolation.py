"""Calls on worker processes of our own: what the fate of a process means for its folds.

A call whose process dies is taken apart into its folds, and each is run once more,
alone. One that kills a second process has failed, as if it had raised an exception; so
has one that is overdue, at once. Folds of other trials never learn of it.

A trial is *fatal* once a fold of it has failed so. Its other folds run once more at
most, beside others. When a second fold has killed a process, the rest are not run.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from skhpo._types import FoldOutcome
from skhpo.evaluation._task import lost_fold
from skhpo.evaluation._workers import Crew, End, Task, how_it_ended


class Isolation:
    """Runs calls on workers of our own; their outcomes are put on a queue.

    Parameters
    ----------
    payload : Payload
        What all calls share.
    results : SimpleQueue
        Gets (number of the call, list of its outcomes or an error) when a call is done.
    pickled : callable
        Turns a call into a request to a worker.
    fit_timeout : float or None
        Seconds for a fold, which then travels alone; None = no limit.
    n_workers, start_process, first_request, kill
        As of :class:`Crew`.
    """

    def __init__(
        self,
        payload,
        results,
        pickled,
        fit_timeout,
        *,
        n_workers,
        start_process,
        first_request,
        kill,
    ):
        self._payload = payload
        self._results = results
        self._pickled = pickled
        self._fit_timeout = fit_timeout
        self._killers = {}  # fatal trials: id -> folds that failed by a death
        self._crew = Crew(
            n_workers,
            start_process,
            first_request,
            self._report,
            kill,
            inf if fit_timeout is None else fit_timeout,
        )
        self.close = self._crew.close

    def submit(self, number, call):
        """Have a call run; its outcomes will be on the queue under this number."""
        job = _Job(number, call)
        if self._is_hopeless(job.trial):
            self._give_up_all(job, job.folds)
        elif self._fit_timeout is None:
            self._send(job, job.folds)
        else:
            self._send_one_by_one(job, job.folds)

    def check(self):
        """Raise what went wrong with the workers as a whole."""
        if self._crew.error is not None:
            raise self._crew.error

    def _send(self, job, folds, is_suspect=False, was_single=False):
        trial, params, _, *rest = job.call
        request = self._pickled((trial, params, folds, *rest))
        self._crew.submit(Task((job, folds, was_single), request, is_suspect))

    def _send_one_by_one(self, job, folds, is_suspect=False):
        for fold in folds:
            self._send(job, [fold], is_suspect, was_single=len(folds) == 1)

    # ---- in the thread of the crew

    def _report(self, task: Task, end: End):
        job, folds, _ = task.key
        if end.fate == "raised":
            self._finish(job, end.value)
        elif end.fate == "returned":
            self._add(job, end.value)
        elif end.fate == "died" and self._may_retry(task):
            self._send_one_by_one(job, folds, is_suspect=job.trial not in self._killers)
        else:
            self._give_up(job, folds[0], end)
            if end.fate == "died":
                self._note_killer(job.trial, folds[0], end)

    def _may_retry(self, task):
        """Return whether what a process died of may run once more.

        A fold of a fatal trial may not, unless it was in one call with others.
        """
        job, folds, _ = task.key
        is_first = not task.is_suspect and job.trial not in self._killers
        return is_first or len(folds) > 1

    def _note_killer(self, trial, fold, end):
        """Mark a trial as fatal, and see to those of its folds that wait.

        Folds that killed a worker on their own fail at once. Folds that only shared a
        call with such a fold are retried, but need no worker for themselves: the trial
        has failed anyhow. When a second fold has killed, none is tried.
        """
        killers = self._killers.setdefault(trial, set())
        killers.add(fold)
        waiting = self._crew.take_back(lambda task: task.key[0].trial == trial)
        for task in filter(_has_killed, list(waiting)):
            job, (fold,), _ = task.key
            killers.add(fold)
            self._give_up(job, fold, end)
            waiting.remove(task)
        for task in waiting:
            task.is_suspect = False
            if self._is_hopeless(trial):
                self._give_up_all(*task.key[:2])
            else:
                self._crew.submit(task)

    def _is_hopeless(self, trial):
        return len(self._killers.get(trial, ())) > 1

    def _give_up_all(self, job, folds):
        """Record folds that are not run since others of their trial killed workers."""
        for fold in folds:
            self._give_up(job, fold, End("not run"))

    def _add(self, job, outcomes):
        job.outcomes.update((outcome.fold, outcome) for outcome in outcomes)
        if len(job.outcomes) == len(job.folds):
            self._finish(job, [job.outcomes[fold] for fold in job.folds])

    def _give_up(self, job, fold, end):
        trial, params, *_ = job.call
        if self._payload.error_score == "raise":
            kind = TimeoutError if end.fate == "overdue" else RuntimeError
            where = f"Candidate {trial}, split {fold}, params {params}: "
            return self._finish(job, kind(where + self._text(end)))
        text = self._text(end)
        outcome = lost_fold(self._payload, job.call, fold, text, end.seconds)
        self._add(job, [outcome])

    def _text(self, end):
        if end.fate == "overdue":
            return _OVERDUE.format(self._fit_timeout)
        if end.fate == "not run":
            return _NOT_RUN
        return _DIED.format(how_it_ended(end.value))

    def _finish(self, job, result):
        """Put what came of a call on the queue, once."""
        if not job.is_finished:
            job.is_finished = True
            self._results.put((job.number, result))


@dataclass(eq=False)
class _Job:
    """A call, and what is known of its folds."""

    number: int
    call: tuple[Any, ...]  # trial, params, folds, ...
    outcomes: dict[int, FoldOutcome] = field(default_factory=dict)
    is_finished: bool = False

    @property
    def trial(self):
        return self.call[0]

    @property
    def folds(self):
        return self.call[2]


def _has_killed(task):
    """Return whether a process died while it ran a single fold: that of the task."""
    *_, was_single = task.key
    return task.is_suspect and was_single


# Without the number of the candidate and the like: equal texts are counted as one.
_OVERDUE = (
    "TimeoutError: the fit and its scoring took longer than fit_timeout={:g} seconds, "
    "and were ended. Allow more, or leave out of search_space what takes so long."
)
_NOT_RUN = (
    "WorkerDied: this fit was not run, since the worker processes of two other folds "
    "of this candidate died."
)
_DIED = (
    "WorkerDied: the worker process of this fit {}, and so did one before it. A crash "
    "in compiled code (SIGSEGV), too little memory (SIGKILL) or a call of os._exit may "
    "be the reason; the last time it ran alone. To see it happen, fit this setting "
    "outside of a search."
)
