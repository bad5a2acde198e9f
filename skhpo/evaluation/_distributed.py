"""Calls to a dask cluster, by the client that joblib's backend for dask has."""

import queue
import time
import warnings
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import joblib
from sklearn import config_context

from skhpo._types import FoldOutcome
from skhpo.evaluation._dispatcher import Dispatcher
from skhpo.evaluation._payload import SHOWN
from skhpo.evaluation._picklable import check_sendable
from skhpo.evaluation._task import failed_call, run_folds, same_world

#: How long (s) a search on dask waits for a worker when all have died.
NEW_WORKER_SECONDS = 300


class Distributed(Dispatcher):
    """Tasks of a dask cluster; each result is queued as it arrives.

    The payload is scattered once, to all workers. Dask runs a task again whose worker
    died, and gives up one that was with several that did (``KilledWorker``; how many,
    says dask's ``distributed.scheduler.allowed-failures``), also if it only waited
    behind the culprit. Its folds run again then, each alone; what dask gives up once
    more has failed.

    Scattered data are lost with the last worker that holds them, and all tasks with
    them. They are scattered anew then, and the tasks repeated one by one: one of them
    did it, and has failed when it does it twice again.
    """

    shares_memory = False
    shares_disk = False  # the workers may be on other machines
    task_seconds = 0.2  # what joblib aims at: a task costs milliseconds

    def __init__(self, parallel, payload, n_jobs, limit, backend, dumps):
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        super().__init__(parallel, payload, n_jobs)
        self.limit, self._dumps = limit, dumps
        self._cancelled, self._killed = CancelledError, KilledWorker
        self._client, self._options = backend.client, backend.submit_kwargs
        self._waiting = []  # parts
        self._suspects = []  # parts that workers died with: to run alone
        self._n_lost_alone = 0  # how often the first of them did it again
        self._running = {}  # dask's future -> part
        self._results = queue.SimpleQueue()
        try:
            self._handle = self._scatter()
        except BaseException:
            super().close(kill=False)
            raise
        # within a task of dask, our slot is free for others until the search is done
        self._slot = backend.retrieval_context()
        self._slot.__enter__()

    def submit(self, call):
        self._waiting.append(_Part(call, call[2]))
        self._send()

    def get(self, timeout=None):
        """Return the result that arrives next; None when ``timeout`` (s) passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            future = _next(self._results, deadline)
            if future is None:
                return None
            part = self._running.pop(future)
            outcomes = self._outcomes_of(future, part)
            self._send()
            if outcomes is not None and part.add(outcomes):
                return part.all_outcomes()

    def _send(self):
        """Submit what may run now: all, or one suspect."""
        if self._suspects:
            if not self._running:
                self._submit(self._suspects[0])
            return
        while self._waiting:
            self._submit(self._waiting.pop(0))

    def _submit(self, part):
        if self._handle.status != "finished":
            self._scatter_again()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # a model's state
            future = self._client.submit(
                _run_on_dask,
                self._handle,
                part.request(),
                key=f"skhpo-trial-{part.call[0]}-{uuid4().hex}",
                pure=False,
                **self._options,
            )
        self._running[future] = part
        future.add_done_callback(self._results.put)

    def _outcomes_of(self, future, part):
        """Return what a task came to; None when it is to be repeated."""
        is_alone = bool(self._suspects) and part is self._suspects[0]
        try:
            outcomes = future.result()
        except self._cancelled:
            self._scatter_again()
            self._n_lost_alone += is_alone
            if not is_alone:
                self._suspects += part.single_folds()
            if self._n_lost_alone < 2:
                return None
            outcomes = self._died(part, "every worker of the cluster, again and again")
        except self._killed as error:
            if not is_alone:  # dask blames all that waited on a worker for its death
                self._suspects += part.single_folds()
                return None
            outcomes = self._died(part, f"{error.allowed_failures + 1} workers")
        if is_alone:
            del self._suspects[0]
            self._n_lost_alone = 0
        return outcomes

    def _died(self, part, who):
        return failed_call(
            self._payload,
            part.request(),
            f"dask lost {who} in this fit (KilledWorker). Their logs may tell why; "
            "often it is memory.",
        )

    def _scatter(self):
        try:
            return self._client.scatter(self._payload, broadcast=True, hash=False)
        except Exception as error:
            parts = self._payload.parts().items()
            check_sendable({SHOWN.get(k, k): v for k, v in parts}, self._dumps)
            raise ValueError(
                "The search cannot be sent to the workers of dask: "
                f"{error.__cause__ or error}. Make every part of it picklable."
            ) from error

    def _scatter_again(self):
        if self._client.status != "running":
            raise RuntimeError(
                "The connection to dask's scheduler is lost. What was finished is in "
                "cv_results_."
            )
        if self._has_data():
            return
        try:
            self._client.wait_for_workers(1, timeout=NEW_WORKER_SECONDS)
        except TimeoutError as error:
            raise RuntimeError(
                "The dask cluster has lost all its workers, and no new one came within "
                f"{NEW_WORKER_SECONDS} s. What was finished is in cv_results_."
            ) from error
        self._handle = self._scatter()

    def _has_data(self):
        """Return whether a worker has the payload."""
        try:
            return any(self._client.who_has([self._handle]).values())
        except self._cancelled:
            return False

    def close(self, kill):
        try:
            super().close(kill)
        finally:
            self._slot.__exit__(None, None, None)

    def _drop_waiting(self):
        """Take back what waits; what runs in a thread of a worker ends with its fit."""
        if self._running and self._client.status == "running":
            self._client.cancel(list(self._running))
        self._running.clear()
        self._handle = None  # dask forgets data that nobody refers to

    _kill = _drop_waiting


@dataclass(eq=False)
class _Part:
    """Some folds of a call, and the outcomes of all of its folds so far."""

    call: tuple[Any, ...]  # trial, params, folds, ...
    folds: list[int]
    found: dict[int, FoldOutcome] = field(default_factory=dict)

    def request(self):
        """Return a call for these folds."""
        trial, params, _, *rest = self.call
        return (trial, params, self.folds, *rest)

    def single_folds(self):
        """Return a part for each fold."""
        return [_Part(self.call, [fold], self.found) for fold in self.folds]

    def add(self, outcomes):
        """Note what came of the folds and return whether the call is complete."""
        self.found.update((outcome.fold, outcome) for outcome in outcomes)
        return len(self.found) == len(self.call[2])

    def all_outcomes(self):
        """Return the outcomes of the call, in its order."""
        return [self.found[fold] for fold in self.call[2]]


def _run_on_dask(payload, call):
    # nested calls see what they see in loky's workers, not the cluster
    with joblib.parallel_config(backend="threading"), _world_on_dask(payload):
        return run_folds(payload, *call)


def _world_on_dask(payload):
    """The caller's configuration, and its warning filters where no thread minds them.

    Filters belong to the process. In ours they are right already.
    """
    from distributed import get_worker

    worker = get_worker()
    if worker.state.nthreads == 1 and not worker.address.startswith("inproc"):
        return same_world(payload)
    return config_context(**payload.sklearn_config)


def _next(results, deadline):
    """Return the next of a queue; None when ``deadline`` has passed."""
    while True:  # short waits: Windows delivers Ctrl-C only between them
        left = 1.0 if deadline is None else deadline - time.monotonic()
        try:
            return results.get(timeout=min(max(left, 0), 1.0))
        except queue.Empty:
            if left <= 0:
                return None
