"""The one loop. Space, optimizer, scheduler, evaluator and archive meet only here.

    scheduler.next_jobs -> evaluator.submit -> evaluator.collect -> commit in order:
        archive.close, optimizer.tell, scheduler.observe, listeners -> next job

Nothing here knows which method is running. Ask, tell and every listener run in the
caller's thread, with BLAS limited to one thread: the same floats everywhere.
"""

import time

from threadpoolctl import ThreadpoolController

from skhpo._clock import VirtualClock

#: How many known settings in a row an optimizer may propose before the space counts as
#: exhausted. Our own repeat none; a user's may, and a grid may list a value twice.
MAX_REPEATS = 100

SPACE_EXHAUSTED = "space_exhausted"
MAX_TIME = "max_time"


class NoJournal:
    """What the loop asks a journal, where there is none: nothing was recorded.

    :class:`~skhpo._journal.Journal` says what each of these means.
    """

    credit = 0.0
    is_replaying = is_finished = is_quick = False
    seconds = n_points = None
    outcomes = {}

    def recorded(self, number, job):
        return job

    def can_be_quick(self):
        return False

    def proposals(self, ask, params_of):
        return None

    def next_step(self):
        return None

    def diverge(self):
        pass

    def has_ended(self):
        return False

    def is_late(self, number):
        return True

    def asked(self, trial, ask):
        pass

    def arrived(self, outcome):
        pass

    def committed(self, trial):
        pass

    def was_committed(self, trial):
        return False

    def seconds_of(self, trial):
        return trial.cost

    def stopped(self, reason, late, closed):
        pass


class SearchLoop:
    """Runs one search to its end.

    Parameters
    ----------
    space : Space
        Turns points into params, and tells equal ones.
    optimizer : Optimizer
        Proposes points, is told results.
    scheduler : Scheduler
        Decides which job comes next.
    evaluator : Evaluator
        Fits.
    archive : Archive
        Remembers.
    n_points : int
        Trials in flight in ask order.
    asynchronous : bool
        Commit results as they arrive, and ask only when a worker would be idle.
    listeners : sequence of callable
        Each is called with a trial after its commit; what one returns, if truthy, is
        the reason to stop.
    deadline : float or None
        ``time.monotonic()`` after which no more results are waited for. The first
        candidate is always awaited.
    resource_param : str or None
        Parameter that holds the number of units of a job; None = there is none.
    journal : NoJournal or Journal
        Replays what was recorded of this search, and writes down what is new.
    """

    def __init__(
        self,
        *,
        space,
        optimizer,
        scheduler,
        evaluator,
        archive,
        n_points,
        asynchronous=False,
        listeners=(),
        deadline=None,
        resource_param=None,
        journal=None,
    ):
        self._space = space
        self._optimizer = optimizer
        self._scheduler = scheduler
        self._evaluator = evaluator
        self._archive = archive
        self._n_points = n_points
        self._asynchronous = asynchronous
        self._listeners = listeners
        self._deadline = deadline
        self._resource_param = resource_param
        self._journal = NoJournal() if journal is None else journal
        self._clock = VirtualClock()
        self._running = {}  # trial id -> trial, in ask order
        self._settings = {}  # trial id -> key of its setting, lineage
        self._lineages = {}  # (key, lineage, resource) of what was left -> lineage
        self._known = {}  # (key, lineage, resource) -> the trial that evaluates it
        self._first = {}  # (key, lineage) -> the candidate that had it first
        self._twins = set()  # ids of trials that another one evaluates
        self._is_short = False  # the last ask brought fewer than were asked for
        self._n_repeats = 0  # known settings proposed in a row
        self._n_asks = 0  # times that proposals were asked for
        self._proposed = []  # the latest proposals
        self._blas = ThreadpoolController()

    def run(self):
        """Search until a reason to stop appears, and return it."""
        late = []
        try:
            reason = self._run()
        except BaseException:
            self._close_evaluated()  # nothing finished is lost
            raise
        else:
            if reason == MAX_TIME:
                late = self._close_evaluated()
            self._drop_running()
        finally:
            self._archive.settle(self._scheduler.status_of)
        self._journal.stopped(reason, late, self._archive.closed)
        return reason

    def _run(self):
        with self._one_blas_thread():
            self._start_jobs()
        while self._running:
            trial = self._next_evaluated()
            if trial is None:
                return self._journal.reason if self._journal.has_ended() else MAX_TIME
            with self._one_blas_thread():
                reason = self._commit(trial)
                if reason:
                    return reason
                self._start_jobs()
        return SPACE_EXHAUSTED

    # ---- start

    def _start_jobs(self):
        n = self._n_wanted()
        while n > 0:
            self._is_short = False
            jobs = self._scheduler.next_jobs(n, self._propose)
            for job in jobs:
                self._start(job)
            if not jobs and self._asynchronous and self._journal.next_step():
                self._journal.diverge()  # what was asked then is not asked now
            n = self._n_wanted() if jobs and not self._is_short else 0

    def _n_wanted(self):
        if self._journal.has_ended():
            return 0
        if not self._asynchronous:
            return self._n_points - len(self._running)
        step = self._journal.next_step()
        return int(self._evaluator.is_hungry if step is None else step[0] == "asked")

    def _start(self, job):
        is_new = any(job.proposal is proposal for proposal in self._proposed)
        job = self._journal.recorded(len(self._archive.trials), job)
        setting = self._setting_of(job)
        twin = self._known.get((*setting, job.resource))
        trial = self._archive.open(job, self._params_of(job), twin)
        trial.namesake = self._first.setdefault(setting, trial.candidate)
        self._settings[trial.id] = setting
        self._running[trial.id] = trial
        self._clock.start(trial.id, self._archive.new_units(trial))
        self._journal.asked(trial, self._n_asks if is_new else None)
        if trial.twin is None:
            self._n_repeats = 0
            self._known[*setting, job.resource] = trial
            self._evaluator.submit(trial)
        else:
            self._twins.add(trial.id)
            self._n_repeats += job.parent is None  # nothing is fitted twice

    def _setting_of(self, job):
        """Return (key, lineage): what makes two models of equal resource the same one.

        The lineage numbers what a model was trained with before it had this setting:
        0 = nothing, it had none before. A rung above is the same setting, trained on.
        """
        key = self._space.key(job.proposal.point)
        if job.parent is None:
            return key, 0
        before, lineage = self._settings[job.parent]
        if key == before:
            return key, lineage
        left = before, lineage, self._archive.trials[job.parent].job.resource
        return key, self._lineages.setdefault(left, len(self._lineages) + 1)

    def _params_of(self, job):
        params = job.proposal.params
        if params is None:
            params = self._space.to_params(job.proposal.point)
        if self._resource_param is not None:
            params = {**params, self._resource_param: job.resource}
        return dict(sorted(params.items()))  # as scikit-learn's searches have them

    def _propose(self, n, **context):
        if self._n_repeats >= MAX_REPEATS:
            return []
        self._n_asks += 1
        ask = None if self._asynchronous else self._n_asks
        proposals = self._journal.proposals(ask, self._space.to_params)
        if proposals is None:
            pending = [t.job.proposal for t in self._running.values()]
            proposals = self._optimizer.ask(n, pending=pending, **context)
        self._proposed = proposals
        self._is_short = len(proposals) < n
        return proposals

    # ---- wait

    def _next_evaluated(self):
        """Wait for the trial whose turn it is; None when time is over."""
        while True:
            if self._journal.has_ended() and not self._awaited():
                return None
            trial = None if self._journal.has_ended() else self._due()
            if trial is not None:
                return trial
            left = self._time_left()
            if left is not None and left <= 0:
                return None
            for outcome in self._evaluator.collect(left):
                self._journal.arrived(outcome)
                self._archive.add(outcome)
            if self._asynchronous:
                with self._one_blas_thread():
                    self._start_jobs()

    def _due(self):
        """Return the trial that is to be committed now, if it is evaluated."""
        if not self._asynchronous:
            trials = [self._running[self._clock.first()]]
        elif (step := self._journal.next_step()) is None:
            trials = self._running.values()
        else:
            trials = filter(None, [self._running.get(step[1])])
        return next((t for t in trials if self._archive.is_evaluated(t)), None)

    def _awaited(self):
        """Return the trials without whose folds a recorded search is not complete."""
        return [
            trial
            for trial in self._running.values()
            if self._journal.is_late(trial.id) and not self._archive.is_evaluated(trial)
        ]

    def _time_left(self):
        is_limited = self._deadline is not None and self._archive.closed
        if not is_limited or self._journal.is_replaying or self._journal.is_finished:
            return None
        return self._deadline + self._journal.credit - time.monotonic()

    # ---- commit

    def _commit(self, trial):
        """Make a result known to every part; return a reason to stop, or None."""
        del self._running[trial.id]
        self._clock.finish(trial.id)
        self._archive.close(trial)
        self._journal.committed(trial)
        if len(trial.outcomes) < self._archive.n_splits:  # it is out of the race
            self._evaluator.cancel(trial)
        if not self._journal.is_quick:
            seconds = self._journal.seconds_of(trial)
            self._optimizer.tell([self._archive.result(trial, seconds)])
        self._scheduler.observe(trial)
        self._keep_models()
        reasons = [listener(trial) for listener in self._listeners]
        if self._journal.has_ended() and not self._awaited():
            return self._journal.reason
        if self._journal.is_replaying or self._journal.is_finished:
            return None  # the search went on from here
        return next((reason for reason in reasons if reason), None)

    def _keep_models(self):
        """Let go of the models from which nothing can go on any more."""
        kept = self._scheduler.may_continue() | self._running.keys()
        twins = kept & self._twins  # they go on from the models of another trial
        self._evaluator.keep_models(
            kept | {self._archive.trials[number].twin.id for number in twins}
        )

    def _one_blas_thread(self):
        return self._blas.limit(limits=1, user_api="blas")

    # ---- end

    def _close_evaluated(self):
        """Keep what was evaluated although its turn has not come; return which."""
        closed = []
        for number, trial in list(self._running.items()):
            if self._journal.is_late(number) and self._archive.is_evaluated(trial):
                self._archive.close(trial)
                del self._running[number]
                closed.append(number)
        return closed

    def _drop_running(self):
        for trial in self._running.values():
            self._evaluator.cancel(trial)
            self._archive.drop(trial)
