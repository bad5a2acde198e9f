"""Calls go out to joblib's active backend, results come back one by one.

Four ways, chosen by what the backend can do:

- :class:`Inline`: one worker; a call runs in the caller's thread when its result is
  asked for.
- :class:`Queued`: loky, threading and multiprocessing. Calls are submitted to the
  backend with a completion callback that puts the result on a queue. No poll, no
  barrier; measured 0.2 ms per call, against 3.6 to 5.4 ms for
  ``Parallel(return_as="generator_unordered")`` with its 10 ms poll
  (``doc/decisions/0002-dispatch.md``).
- :class:`Distributed`: dask. The same, with the cluster's own futures.
- :class:`Waves`: any other backend (ray, spark), through joblib's public ``Parallel``
  only: what is queued runs as one list. Same results, less busy workers.

joblib's private names in use, all of them here: ``Parallel._backend`` (the resolved
backend, set on entering the context manager; 0.12), ``BatchedCalls`` (tells the worker
which backend is right for nested calls; 0.12), the backends' ``submit`` (1.5; before
that ``apply_async``), ``retrieve_result_callback`` (1.3) and ``abort_everything``
(0.10), loky's ``dumps`` (cloudpickle, so that what was defined in ``__main__`` travels;
0.12) and its executor's ``_work_ids`` (emptied before a kill; 0.12). Of the backend for
dask its class (0.12), ``client``, ``submit_kwargs`` (0.12) and ``retrieval_context``
(0.12).
"""

import os
import pickle
import queue
import shutil
import tempfile
import time
import warnings
from uuid import uuid4

import joblib
from joblib._parallel_backends import (
    LokyBackend,
    MultiprocessingBackend,
    SequentialBackend,
    ThreadingBackend,
)
from joblib._utils import eval_expr
from joblib.externals.loky.backend.reduction import dumps
from joblib.parallel import BatchedCalls
from sklearn import config_context

from skhpo.evaluation._task import Payload, failed_call, run_folds, same_world

#: A data set larger than this is memory-mapped by the workers, as joblib does.
MMAP_BYTES = 1_000_000

#: How long (s) a search on dask waits for a worker when all have died.
NEW_WORKER_SECONDS = 300


def open_dispatcher(n_jobs, pre_dispatch, payload):
    """Return the dispatcher that fits joblib's active backend.

    Parameters
    ----------
    n_jobs : int or None
        As in scikit-learn; None = 1 unless ``joblib.parallel_config`` says otherwise.
    pre_dispatch : int or str
        How many calls may be with the backend at a time; ``"all"`` = no limit.
    payload : Payload
        What all calls share.
    """
    parallel = joblib.Parallel(n_jobs=n_jobs, pre_dispatch="all")
    parallel.__enter__()
    backend = parallel._backend
    if isinstance(backend, SequentialBackend):
        return Inline(parallel, payload)
    # by exact type: ray's backend derives from MultiprocessingBackend
    if type(backend) in (LokyBackend, ThreadingBackend, MultiprocessingBackend):
        return Queued(parallel, payload, pre_dispatch)
    # by name: its module imports dask
    if type(backend).__module__ == "joblib._dask":
        return Distributed(parallel, payload, pre_dispatch)
    return Waves(parallel, payload)


class _Dispatcher:
    """What the four ways have in common: life cycle and capabilities."""

    can_kill = False
    is_asynchronous = True
    shares_memory = True
    shares_disk = True

    def __init__(self, parallel, payload):
        self._parallel = parallel
        self._payload = payload
        self.n_jobs = _effective_n_jobs(parallel)

    def close(self, kill):
        """Release the workers. What waits is dropped; what runs is killed, or left.

        Left to itself it ends with its fit, and the workers stay for the next search;
        killed workers have to be started anew.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's on an early end
            if kill:  # not both: loky's manager thread would trip over a cancelled call
                self._kill()
            else:
                self._drop_waiting()
            self._parallel.__exit__(None, None, None)

    def _drop_waiting(self):
        pass

    def _kill(self):
        pass


class Inline(_Dispatcher):
    """One worker: the caller. A call runs when its result is asked for."""

    limit = None

    def __init__(self, parallel, payload):
        super().__init__(parallel, payload)
        self._calls = []

    def submit(self, call):
        self._calls.append(call)

    def get(self, timeout=None):
        """Run the next call and return its result."""
        return run_folds(self._payload, *self._calls.pop(0))


class Queued(_Dispatcher):
    """Calls submitted to the backend; a callback queues each result as it arrives."""

    def __init__(self, parallel, payload, pre_dispatch):
        super().__init__(parallel, payload)
        self._backend = parallel._backend
        self._submit = getattr(self._backend, "submit", None) or (
            self._backend.apply_async  # joblib < 1.5
        )
        self.can_kill = isinstance(self._backend, LokyBackend)
        self.shares_memory = isinstance(self._backend, ThreadingBackend)
        self.limit = _pre_dispatch_limit(pre_dispatch, self.n_jobs)
        self._results = queue.SimpleQueue()
        self._submitted = set()  # loky's futures that are not done
        self._folder = None
        self._handle = payload if self.shares_memory else self._dump(payload)

    def submit(self, call):
        run = _run_in_thread if self.shares_memory else _run_in_process
        # A new one for each call: in threads, one for all would be a pool that a fit
        # shuts down while another waits for it.
        nested = self._backend.get_nested_backend()
        batch = BatchedCalls([(run, (self._handle, *call), {})], nested)
        future = self._submit(batch, callback=self._results.put)
        if self.can_kill:
            self._submitted.add(future)

    def get(self, timeout=None):
        """Return the result that arrives next; None when ``timeout`` (s) passed."""
        while True:  # short waits: Windows delivers Ctrl-C only between them
            wait = 1.0 if timeout is None else min(timeout, 1.0)
            try:
                out = self._results.get(timeout=wait)
            except queue.Empty:
                if timeout is not None:
                    timeout -= wait
                    if timeout <= 0:
                        return None
                continue
            if self.can_kill:
                self._submitted.discard(out)
            return self._backend.retrieve_result_callback(out)[0]

    def close(self, kill):
        try:
            super().close(kill)
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _drop_waiting(self):
        for future in self._submitted:
            future.cancel()

    def _kill(self):
        if self.can_kill:
            _empty(self._backend._workers)
        self._backend.abort_everything(ensure_ready=False)

    def _dump(self, payload):
        """Write the payload once for all workers; they memory-map what is large."""
        self._folder = tempfile.mkdtemp(prefix="skhpo-")
        try:
            return PayloadFile.write(self._folder, payload)
        except BaseException:
            self.close(kill=False)
            raise


class Distributed(_Dispatcher):
    """Tasks of a dask cluster; each result is queued as it arrives.

    The payload is scattered once, to all workers. Dask runs a task again whose worker
    died; one that has taken several workers with it (``KilledWorker``; how many, says
    dask's ``distributed.scheduler.allowed-failures``) has failed.

    Scattered data are lost with the last worker that holds them, and all tasks with
    them. They are scattered anew then, and the tasks repeated one by one: one of them
    did it, and has failed when it does it twice again.
    """

    shares_memory = False
    shares_disk = False  # the workers may be on other machines

    def __init__(self, parallel, payload, pre_dispatch):
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        super().__init__(parallel, payload)
        self._cancelled, self._killed = CancelledError, KilledWorker
        backend = parallel._backend
        self._client, self._options = backend.client, backend.submit_kwargs
        self.limit = _pre_dispatch_limit(pre_dispatch, self.n_jobs)
        self._waiting = []  # calls
        self._suspects = []  # calls that ended with the last worker: to run alone
        self._n_lost_alone = 0  # how often the first of them did it again
        self._running = {}  # dask's future -> call
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
        self._waiting.append(call)
        self._send()

    def get(self, timeout=None):
        """Return the result that arrives next; None when ``timeout`` (s) passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            future = _next(self._results, deadline)
            if future is None:
                return None
            outcomes = self._outcomes_of(future, self._running.pop(future))
            self._send()
            if outcomes is not None:
                return outcomes

    def _send(self):
        """Submit what may run now: all, or one suspect."""
        if self._suspects:
            if not self._running:
                self._submit(self._suspects[0])
            return
        while self._waiting:
            self._submit(self._waiting.pop(0))

    def _submit(self, call):
        if self._handle.status != "finished":
            self._scatter_again()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # a model's state
            future = self._client.submit(
                _run_on_dask,
                self._handle,
                call,
                key=f"skhpo-trial-{call[0]}-{uuid4().hex}",
                pure=False,
                **self._options,
            )
        self._running[future] = call
        future.add_done_callback(self._results.put)

    def _outcomes_of(self, future, call):
        """Return what a task came to; None when it is to be repeated."""
        is_alone = bool(self._suspects) and call is self._suspects[0]
        try:
            outcomes = future.result()
        except self._cancelled:
            self._scatter_again()
            self._n_lost_alone += is_alone
            if not is_alone:
                self._suspects.append(call)
            if self._n_lost_alone < 2:
                return None
            outcomes = self._died(call, "every worker of the cluster, again and again")
        except self._killed as error:
            outcomes = self._died(call, f"{error.allowed_failures + 1} workers")
        if is_alone:
            del self._suspects[0]
            self._n_lost_alone = 0
        return outcomes

    def _died(self, call, who):
        return failed_call(
            self._payload,
            call,
            f"dask lost {who} in this fit (KilledWorker). Their logs may tell why; "
            "often it is memory.",
        )

    def _scatter(self):
        try:
            return self._client.scatter(self._payload, broadcast=True, hash=False)
        except Exception as error:
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


class Waves(_Dispatcher):
    """joblib's list mode: what is queued runs as one list, a barrier at its end.

    When the engine fails (a worker died, a connection broke), the calls of the wave are
    repeated one by one; what fails alone twice has failed.
    """

    is_asynchronous = False
    shares_memory = False
    shares_disk = False  # the workers may be on other machines
    limit = None

    def __init__(self, parallel, payload):
        super().__init__(parallel, payload)
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


class PayloadFile:
    """A payload on disk, loaded once per worker process.

    X and y are written by joblib, whose arrays can be memory-mapped; everything else is
    pickled by value where it was defined in ``__main__``.
    """

    def __init__(self, folder, token, mmap_mode):
        self.folder, self.token, self.mmap_mode = folder, token, mmap_mode

    @classmethod
    def write(cls, folder, payload):
        data, body = os.path.join(folder, "data"), os.path.join(folder, "body")
        rest = {k: v for k, v in vars(payload).items() if k not in ("X", "y")}
        try:
            pickled = dumps(rest)
        except Exception as error:
            raise ValueError(
                f"The search cannot be sent to worker processes: {error}. Use "
                "n_jobs=1, threads (joblib.parallel_config(backend='threading')), or "
                f"make every part of {type(payload.estimator).__name__} and its "
                "parameters picklable."
            ) from error
        with open(body, "wb") as file:
            file.write(pickled)
        joblib.dump((payload.X, payload.y), data)
        mmap_mode = "r" if os.path.getsize(data) > MMAP_BYTES else None
        return cls(folder, uuid4().hex, mmap_mode)

    def load(self):
        data, body = (os.path.join(self.folder, name) for name in ("data", "body"))
        X, y = joblib.load(data, mmap_mode=self.mmap_mode)
        with open(body, "rb") as file:
            return X, y, pickle.load(file)


_loaded = {}  # in a worker: token -> payload of the search that runs now


def _payload_of(handle):
    if not isinstance(handle, PayloadFile):
        return handle
    if handle.token not in _loaded:
        X, y, rest = handle.load()
        _loaded.clear()
        _loaded[handle.token] = Payload(X=X, y=y, **rest)
    return _loaded[handle.token]


def _run_in_process(handle, *call):
    payload = _payload_of(handle)
    with same_world(payload):
        return run_folds(payload, *call)


def _run_caught(handle, *call):
    """Hand back what is raised on purpose: the rest comes from the engine."""
    try:
        return _run_in_process(handle, *call)
    except Exception as error:
        return Raised(error)


def _run_in_thread(payload, *call):
    # warning filters are the process's own already; the configuration is per thread
    with config_context(**payload.sklearn_config):
        return run_folds(payload, *call)


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


def _empty(executor):
    """Take back what loky's manager thread has not seen yet.

    It would look up calls that ``terminate`` has forgotten, and print a KeyError.
    """
    while True:
        try:
            executor._work_ids.get_nowait()
        except queue.Empty:
            return


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
