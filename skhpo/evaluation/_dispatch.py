"""Calls go out to joblib's active backend, results come back one by one.

Five ways, chosen by what the backend can do, and by what is asked of it:

- :class:`Inline`: one worker; a call runs in the caller's thread when its result is
  asked for.
- :class:`Queued`: loky, threading and multiprocessing. Calls are submitted to the
  backend with a completion callback that puts the result on a queue. No poll, no
  barrier; measured 0.2 ms per call, against 3.6 to 5.4 ms for
  ``Parallel(return_as="generator_unordered")`` with its 10 ms poll
  (``doc/decisions/0002-dispatch.md``).
- :class:`Isolated`: with ``fit_timeout=``, which takes processes that can be killed one
  by one; joblib's backend only says how many. :class:`Queued` sends its calls there,
  too, when the pool loses a process: they tell which call killed it.
- :class:`Distributed`: dask. The same, with the cluster's own futures.
- :class:`Waves`: any other backend (ray, spark), through joblib's public ``Parallel``
  only: what is queued runs as one list. Same results, less busy workers.

joblib's private names in use, all of them here: ``Parallel._backend`` (the resolved
backend, set on entering the context manager; 0.12), ``BatchedCalls`` (tells the worker
which backend is right for nested calls; 0.12), the backends' ``submit`` (1.5; before
that ``apply_async``), ``retrieve_result_callback`` (1.3) and ``abort_everything``
(0.10), loky's ``dumps`` (cloudpickle, so that what was defined in ``__main__`` travels;
0.12), its context of processes (0.12), ``resource_tracker`` (removes the folders of
killed processes; 0.12), ``kill_process_tree`` (1.4) and its executor's ``_work_ids``
(emptied before a kill; 0.12) and ``_processes`` (0.12); the backends'
``_prepare_worker_env`` (1.3) and, of multiprocessing's, ``_pool`` (0.10);
``Parallel._backend_kwargs`` (holds ``temp_folder``; 1.5; before that
``_backend_args``). Of the backend for dask ``client``, ``submit_kwargs`` (0.12),
``retrieval_context`` (0.12).
"""

import multiprocessing
import queue
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

import joblib
from joblib._parallel_backends import (
    LokyBackend,
    MultiprocessingBackend,
    SequentialBackend,
    ThreadingBackend,
)
from joblib._utils import eval_expr
from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.backend.context import get_context
from joblib.externals.loky.backend.reduction import dumps
from joblib.externals.loky.backend.utils import kill_process_tree
from joblib.parallel import BatchedCalls

from skhpo._errors import warn_user
from skhpo.evaluation._dispatcher import Dispatcher
from skhpo.evaluation._distributed import Distributed
from skhpo.evaluation._folders import filled_folder
from skhpo.evaluation._isolation import Isolation
from skhpo.evaluation._payload import (
    PayloadFile,
    payload_of,
    run_in_process,
    run_in_thread,
)
from skhpo.evaluation._picklable import cannot_be, check_sendable
from skhpo.evaluation._task import failed_call, run_folds
from skhpo.evaluation._workers import serve

#: Seconds of silence after which the pool is asked for its dead.
LOOK_SECONDS = 1.0

#: Seconds that a pool with a dead process has for ending; then it is left to itself.
GOODBYE_SECONDS = 2.0


def open_dispatcher(n_jobs, pre_dispatch, payload, fit_timeout=None):
    """Return the dispatcher that fits joblib's active backend.

    Parameters
    ----------
    n_jobs : int or None
        As in scikit-learn; None = 1 unless ``joblib.parallel_config`` says otherwise.
    pre_dispatch : int or str
        How many calls may be with the backend at a time; ``"all"`` = no limit.
    payload : Payload
        What all calls share.
    fit_timeout : float or None, default=None
        Seconds after which the fit of a fold, with its scoring, is ended; None = never.

    Raises
    ------
    ValueError
        With ``fit_timeout``, where the backend has no processes that could be killed.
    """
    parallel = joblib.Parallel(n_jobs=n_jobs, pre_dispatch="all")
    parallel.__enter__()
    if fit_timeout not in (None, inf):
        _check_can_kill(parallel._backend)
        return Isolated(parallel, payload, pre_dispatch, fit_timeout)
    dispatcher = _dispatcher_for(parallel, payload, pre_dispatch)
    if dispatcher.shares_memory:
        _warn_of_shared_objects(payload)
    return dispatcher


def _dispatcher_for(parallel, payload, pre_dispatch):
    backend = parallel._backend
    if isinstance(backend, SequentialBackend):
        return Inline(parallel, payload)
    # by exact type: ray's backend derives from MultiprocessingBackend
    if type(backend) in (LokyBackend, ThreadingBackend, MultiprocessingBackend):
        return Queued(parallel, payload, pre_dispatch)
    # by name: its module imports dask
    if type(backend).__module__ == "joblib._dask":
        n_jobs = _effective_n_jobs(parallel)
        limit = _pre_dispatch_limit(pre_dispatch, n_jobs)
        return Distributed(parallel, payload, n_jobs, limit, backend, dumps)
    return Waves(parallel, payload)


def _warn_of_shared_objects(payload):
    """Warn where fits of this process get one object, since it cannot be copied."""
    for name, part, error in payload.shared_objects():
        warn_user(
            cannot_be(name, part, error, "copied for each fit")
            + " All fits share it; if one changes it, the table depends on n_jobs."
        )


class Inline(Dispatcher):
    """One worker: the caller. A call runs when its result is asked for."""

    limit = None

    def __init__(self, parallel, payload):
        super().__init__(parallel, payload, _effective_n_jobs(parallel))
        self._calls = []

    def submit(self, call):
        self._calls.append(call)

    def get(self, timeout=None):
        """Run the next call and return its result."""
        return run_folds(self._payload, *self._calls.pop(0))


class _InProcesses(Dispatcher):
    """Results arrive on a queue, as (number of the call, what came of it)."""

    def __init__(self, parallel, payload, pre_dispatch):
        super().__init__(parallel, payload, _effective_n_jobs(parallel))
        self._backend = parallel._backend
        self.limit = _pre_dispatch_limit(pre_dispatch, self.n_jobs)
        self._results = queue.SimpleQueue()
        self._n_calls = 0
        self._last_look = time.monotonic()
        self._folder = None

    def get(self, timeout=None):
        """Return the result that arrives next; None when ``timeout`` (s) passed."""
        end = inf if timeout is None else time.monotonic() + timeout
        while True:  # short waits: Windows delivers Ctrl-C only between them
            wait = min(LOOK_SECONDS, max(0.0, end - time.monotonic()))
            if time.monotonic() - self._last_look >= LOOK_SECONDS:
                self._look_after_workers()
                self._last_look = time.monotonic()
            try:
                outcomes = self._outcomes(*self._results.get(timeout=wait))
            except queue.Empty:
                if time.monotonic() >= end:
                    return None
            else:
                if outcomes is not None:
                    return outcomes

    def close(self, kill):
        try:
            super().close(kill)
        finally:
            if self._folder is not None:
                self._remove_folder()

    def _remove_folder(self):
        self._folder.close()
        if self._folder.is_memory:
            resource_tracker.unregister(self._folder.path, "folder")
        self._folder = None

    def _next_number(self):
        self._n_calls += 1
        return self._n_calls

    def _dump(self, payload):
        """Write the payload once for all workers; they memory-map what is large."""
        write = partial(PayloadFile.write, payload=payload, dumps=dumps)
        try:
            self._folder, handle = filled_folder(write, _temp_folder(self._parallel))
        except BaseException:
            self.close(kill=False)
            raise
        if self._folder.is_memory:  # freed also when this process is killed
            resource_tracker.register(self._folder.path, "folder")
        return handle

    def _isolation(self, handle, fit_timeout=None):
        """Return workers of our own, which are like those of the backend."""
        is_one = isinstance(self._backend, SequentialBackend)
        env = {} if is_one else self._backend._prepare_worker_env(self.n_jobs)
        nested = self._backend.get_nested_backend()
        return Isolation(
            self._payload,
            self._results,
            partial(_request, handle, nested),
            fit_timeout,
            n_workers=self.n_jobs,
            start_process=partial(_start_process, env),
            first_request=dumps(partial(_prepare, handle)),
            kill=kill_process_tree,
        )


class Isolated(_InProcesses):
    """Calls on processes of our own, each of which can be killed by itself."""

    can_kill = True
    shares_memory = False

    def __init__(self, parallel, payload, pre_dispatch, fit_timeout=None):
        super().__init__(parallel, payload, pre_dispatch)
        self._workers = None
        handle = self._dump(payload)
        self._workers = self._isolation(handle, fit_timeout)

    def submit(self, call):
        self._workers.submit(self._next_number(), call)

    def _outcomes(self, number, out):
        return _raised_or(out)

    def _look_after_workers(self):
        self._workers.check()

    def _kill(self):
        if self._workers is not None:
            self._workers.close()

    _drop_waiting = _kill  # they are nobody else's


class Queued(_InProcesses):
    """Calls submitted to the backend; a callback queues each result as it arrives.

    When the pool loses a process, what is not back yet and all that follows goes to
    workers of our own: they are as fast, and know which call it was.
    """

    def __init__(self, parallel, payload, pre_dispatch):
        super().__init__(parallel, payload, pre_dispatch)
        self._submit = getattr(self._backend, "submit", None) or (
            self._backend.apply_async  # joblib < 1.5
        )
        self.can_kill = isinstance(self._backend, LokyBackend)
        self.shares_memory = isinstance(self._backend, ThreadingBackend)
        self._calls = {}  # number -> call that is not back yet
        self._futures = {}  # the same for loky's futures
        self._own = None  # workers of our own, once the pool lost a process
        self._at_first = frozenset(_processes_of(self._backend))
        self._missing = set()  # processes that were missing at the last look
        self._handle = payload if self.shares_memory else self._dump(payload)

    def submit(self, call):
        number = self._next_number()
        if self._own is not None:
            return self._own.submit(number, call)
        self._calls[number] = call
        run = run_in_thread if self.shares_memory else run_in_process
        # A new one for each call: in threads, one for all would be a pool that a fit
        # shuts down while another waits for it.
        nested = self._backend.get_nested_backend()
        batch = BatchedCalls([(run, (self._handle, *call), {})], nested)
        try:
            future = self._submit(batch, callback=partial(self._arrive, number))
        except BrokenExecutor:
            self._isolate(number)
        else:
            if self.can_kill:
                self._futures[number] = future

    def close(self, kill):
        super().close(kill or bool(self._lost()))

    def _arrive(self, number, out):
        self._results.put((number, _FromPool(out)))

    def _outcomes(self, number, out):
        """Return the outcomes of a call; None when it has to run again, or did."""
        if not isinstance(out, _FromPool):
            return _raised_or(out)
        if number not in self._calls:  # it was given to workers of our own
            return None
        try:
            outcomes = self._backend.retrieve_result_callback(out.out)[0]
        except BrokenExecutor:
            if not self._is_broken():  # one of the fit's own is
                raise
            return self._isolate(number)
        del self._calls[number]
        self._futures.pop(number, None)
        return outcomes

    # ---- when the pool lost a process

    def _isolate(self, number):
        """Run a call on workers of our own."""
        if self._own is None:
            self._kill_pool()
            self._own = self._isolation(self._handle)
            self.can_kill = True
        self._futures.pop(number, None)
        self._own.submit(number, self._calls.pop(number))

    def _look_after_workers(self):
        """Notice when a process is missing and the pool did not say so.

        multiprocessing's puts another one in its place, and waits for ever for what the
        first was working on. loky's waits for ever where a dead process leaves children
        that hold its pipes open.
        """
        if self._own is not None:
            return self._own.check()
        lost = self._lost()
        if lost & self._missing:
            self._give_up_pool()
        self._missing = lost

    def _lost(self):
        """Return the numbers of the processes that ended, and should not have."""
        if self.shares_memory or self._own is not None:
            return set()
        return _lost_processes(self._backend, self._at_first)

    def _is_broken(self):
        if not isinstance(self._backend, LokyBackend):
            return False
        executor = self._backend._workers
        return executor is None or executor._flags.broken is not None

    def _give_up_pool(self):
        for number in sorted(self._numbers_not_back()):
            self._isolate(number)

    def _numbers_not_back(self):
        """Return the calls without a result, those on the queue not counted."""
        back = []
        while not self._results.empty():
            back.append(self._results.get())
        for item in back:
            self._results.put(item)
        return set(self._calls) - {number for number, _ in back}

    def _drop_waiting(self):
        for future in self._futures.values():
            future.cancel()
        self._close_own()

    def _kill(self):
        self._close_own()
        self._kill_pool()

    def _close_own(self):
        if self._own is not None:
            self._own.close()

    def _kill_pool(self):
        if isinstance(self._backend, LokyBackend):
            _kill_loky(self._backend)
        elif isinstance(self._backend, MultiprocessingBackend):
            _kill_multiprocessing(self._backend)
        else:
            self._backend.abort_everything(ensure_ready=False)


class Waves(Dispatcher):
    """joblib's list mode: what is queued runs as one list, a barrier at its end.

    When the engine fails (a worker died, a connection broke), the calls of the wave are
    repeated one by one; what fails alone twice has failed.
    """

    is_asynchronous = False
    shares_memory = False
    shares_disk = False  # the workers may be on other machines
    task_seconds = 0.2  # what joblib aims at where a task is expensive
    limit = None

    def __init__(self, parallel, payload):
        super().__init__(parallel, payload, _effective_n_jobs(parallel))
        self._calls, self._done = [], []

    def submit(self, call):
        self._calls.append(call)

    def get(self, timeout=None):
        """Return the next result of the wave; run a wave when there is none left."""
        if not self._done:
            calls, self._calls = self._calls, []
            self._done = self._run(calls)[::-1]
        return self._done.pop()

    def _run(self, calls):
        """Return the outcomes of a wave."""
        try:
            done = self._run_list(calls)
        except Exception:
            self._start_anew()
            done = [self._run_alone(call) for call in calls]
        for raised in done:
            if isinstance(raised, Raised):
                raise raised.error
        return done

    def _run_alone(self, call):
        for _ in range(2):
            try:
                return self._run_list([call])[0]
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                self._start_anew()
        engine = type(self._parallel._backend).__name__
        return failed_call(
            self._payload,
            call,
            f"joblib's {engine} failed in this fit, and again when nothing else was "
            f"running. Last it said: {text}",
        )

    def _start_anew(self):
        """Leave what still comes from a failed list to itself, in a pool of its own."""
        failed = self._parallel
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            failed.__exit__(None, None, None)
        self._parallel = joblib.Parallel(
            n_jobs=failed.n_jobs, backend=failed._backend, pre_dispatch="all"
        )
        self._parallel.__enter__()

    def _run_list(self, calls):
        return self._parallel(
            joblib.delayed(_run_caught)(self._payload, *call) for call in calls
        )


class Raised:
    """An exception of ours or the user's, which is to end the search."""

    def __init__(self, error):
        self.error = error


def _run_caught(handle, *call):
    """Hand back what is raised on purpose: the rest comes from the engine."""
    try:
        return run_in_process(handle, *call)
    except Exception as error:
        return Raised(error)


def check_values(values):
    """Refuse values of parameters that cannot be sent to other processes.

    ``values`` are lists by the name under which the user knows them.
    """
    check_sendable(values, dumps)


# ---- workers of our own


def _request(handle, nested, call):
    """Return a call as bytes, with the backend that is right for nested calls."""
    trial, params, *_ = call
    batch = BatchedCalls([(run_in_process, (handle, *call), {})], nested)
    try:
        return dumps(partial(_only, batch))
    except Exception:
        check_sendable({f"candidate {trial}: {k}": v for k, v in params.items()}, dumps)
        raise


def _only(batch):
    """Return what the only function of a batch returns."""
    return batch()[0]


def _prepare(handle):
    """Load what all calls share, in a worker."""
    payload_of(handle)


def _start_process(env, pipe):
    """Start a process as loky does: it does not run ``__main__`` again."""
    process = get_context("loky").Process(target=serve, args=(pipe, dumps), env=env)
    process.start()
    return process


@dataclass(frozen=True)
class _FromPool:
    """What a pool says about a call: for the backend to read."""

    out: Any


def _raised_or(out):
    """Return the outcomes of a call, or raise what it raised."""
    if isinstance(out, BaseException):
        raise out
    return out


def _check_can_kill(backend):
    """Refuse a limit of time where nobody could keep it."""
    if not isinstance(backend, SequentialBackend) and (
        type(backend) not in (LokyBackend, MultiprocessingBackend)
    ):
        raise ValueError(
            "fit_timeout needs processes that can be killed one by one, and joblib's "
            f"{type(backend).__name__} has none. Possible: backend='loky' (the "
            "default) or 'multiprocessing' with any n_jobs, 1 included; or, with this "
            "backend, max_time= for the whole search and fit_timeout=None."
        )
    if multiprocessing.current_process().daemon:
        raise ValueError(
            "fit_timeout needs processes that can be killed, and this search runs in a "
            "process of multiprocessing that may not start any. Use backend='loky' for "
            "what is around the search, or fit_timeout=None."
        )


# ---- joblib's pools


def _temp_folder(parallel):
    """Return the folder that ``joblib.parallel_config`` names, or None."""
    settings = vars(parallel)
    settings = settings.get("_backend_kwargs") or settings.get("_backend_args") or {}
    return settings.get("temp_folder")


def _processes_of(backend):
    """Return the processes of a pool, by number."""
    if isinstance(backend, LokyBackend):
        return dict(backend._workers._processes)
    if isinstance(backend, MultiprocessingBackend):
        return {process.pid: process for process in list(backend._pool._pool)}
    return {}


def _lost_processes(backend, at_first):
    """Return the numbers of processes that ended, and should not have.

    loky's list grows and shrinks with its load; multiprocessing's is always as long,
    and names others where some died.
    """
    now = _processes_of(backend)
    dead = {pid for pid, process in now.items() if process.exitcode is not None}
    is_loky = isinstance(backend, LokyBackend)
    return dead if is_loky else dead | (at_first - set(now))


def _kill_loky(backend):
    executor = backend._workers
    if executor is None:  # done before
        return
    _empty(executor)
    backend.abort_everything(ensure_ready=False)


def _empty(executor):
    """Take back what loky's manager thread has not seen yet.

    It would look up calls that ``terminate`` has forgotten, and print a KeyError.
    """
    while True:
        try:
            executor._work_ids.get_nowait()
        except queue.Empty:
            return


def _kill_multiprocessing(backend):
    """End a pool also when one of its processes died with the lock of its queue."""
    pool = backend._pool
    if pool is None:  # done before
        return
    abort = partial(backend.abort_everything, ensure_ready=False)
    thread = threading.Thread(target=abort, daemon=True)
    thread.start()
    thread.join(GOODBYE_SECONDS)
    for process in list(pool._pool):
        if process.is_alive():
            process.kill()


def _effective_n_jobs(parallel):
    if isinstance(parallel._backend, SequentialBackend):
        return 1
    return parallel._backend.effective_n_jobs(parallel.n_jobs)


def _pre_dispatch_limit(pre_dispatch, n_jobs):
    """Return how many calls may be with the backend: never fewer than the workers."""
    if pre_dispatch == "all":
        return None
    if isinstance(pre_dispatch, str):
        pre_dispatch = eval_expr(pre_dispatch.replace("n_jobs", str(n_jobs)))
    return max(int(pre_dispatch), n_jobs)
