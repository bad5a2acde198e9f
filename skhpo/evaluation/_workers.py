"""Worker processes of our own, one pipe each: it is known who died, and of what.

joblib's pools cannot say which call killed a process, and cannot end a single one. Here
each worker runs one task at a time, so that whatever becomes of a process is the fate
of a task:

- it **died** (killed by the system for its memory, a crash in compiled code, a call of
  ``os._exit``): the end of the process, seen on its pipe, on its sentinel, or in its
  exit code;
- it is **overdue**: it was given a number of seconds, and is killed.

A task that is *suspect*, since a process died of it, waits until it can run alone, with
nothing beside it that could take its memory, in a process that ran nothing before.

A thread of the parent does all that, so that workers are fed, and overdue ones killed,
whatever the caller is busy with. What it needs of joblib is handed in.
"""

import atexit
import ctypes
import faulthandler
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from multiprocessing.connection import wait
from multiprocessing.pool import RemoteTraceback
from traceback import format_exc
from typing import Any

#: Seconds after which the workers are looked at although none of them stirred: of one
#: whose children hold its pipe open, only the exit code tells that it is dead.
LOOK_SECONDS = 1.0

#: Workers in a row that may die before they are ready; then nothing ever will be.
MAX_STILLBORN = 3

#: From Linux's sys/prctl.h.
PR_SET_PDEATHSIG = 1

#: Seconds that idle workers have to end by themselves when the search is over.
GOODBYE_SECONDS = 1.0


# ---- in the worker


def serve(pipe, dumps):
    """Answer requests until the parent closes the pipe, or is gone.

    A request is a pickled function without parameters; the answer says whether it
    returned, and what it returned or raised. ``dumps`` pickles also what was defined in
    ``__main__``.
    """
    _die_with_parent()
    # The parent decides what Ctrl-C means. Not SIG_IGN: programs that a fit starts
    # would inherit it.
    signal.signal(signal.SIGINT, lambda *_: None)
    if "PYTHONFAULTHANDLER" not in os.environ and not faulthandler.is_enabled():
        faulthandler.enable()  # as in loky's workers: a crash tells where
    requests, is_busy = queue.SimpleQueue(), threading.Event()
    threading.Thread(
        target=_listen, args=(pipe, requests, is_busy), daemon=True
    ).start()
    while (request := requests.get()) is not None:
        answer = _answer(request, dumps)
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(OSError, ValueError):  # nobody reads it, or it is closed
                stream.flush()
        is_busy.clear()
        try:
            pipe.send_bytes(answer)
        except OSError:  # nobody is there to read it
            return


def _die_with_parent():
    """Have Linux kill this process when its parent is gone.

    A thread of ours would not be heard while a fit holds the GIL in compiled code.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(pipe, requests, is_busy):
    """Pass requests on; at their end stop also in the middle of a fit."""
    while True:
        try:
            request = pipe.recv_bytes()
        except (EOFError, OSError):
            if is_busy.is_set():
                os._exit(1)  # the parent was killed: nobody waits for this fit
            return requests.put(None)
        is_busy.set()
        requests.put(request)


def _answer(request, dumps):
    try:
        return dumps((True, pickle.loads(request)()))
    except BaseException as error:
        return _error_answer(error, format_exc(), dumps)


def _error_answer(error, text, dumps):
    error.__traceback__ = error.__cause__ = error.__context__ = None
    try:
        answer = dumps((False, (error, text)))
        pickle.loads(answer)
    except Exception:  # it cannot be pickled, or not be made again
        error = RuntimeError(f"{type(error).__name__}: {error}")
        answer = dumps((False, (error, text)))
    return answer


# ---- in the parent


@dataclass(eq=False)
class Task:
    """A request to the workers; ``key`` tells whoever sent it which one it is."""

    key: Any
    request: bytes
    is_suspect: bool = False  # a process died of it


@dataclass(frozen=True)
class End:
    """What became of a task.

    ``fate`` is "returned" (``value``), "raised" (``value`` is the error), "died"
    (``value`` is the exit code; -9 = killed by signal 9) or "overdue".
    """

    fate: str
    value: Any = None
    seconds: float = 0.0  # since a worker began with it


class Worker:
    """A process with a pipe, and the task that it is busy with."""

    def __init__(self, start_process, first_request):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = start_process(theirs)
        theirs.close()
        self.is_ready = False  # once it answered the first request
        self.is_fresh = True  # until it began its first task
        self.task = None
        self.begin = None  # time.monotonic()
        with suppress(OSError):  # it is dead already, and will be found
            self.pipe.send_bytes(first_request)

    @property
    def is_free(self):
        """Whether it could begin with a task now."""
        return self.is_ready and self.task is None

    @property
    def has_ended(self):
        """Whether the process is dead, as far as the system says."""
        return self.process.exitcode is not None

    def run(self, task):
        """Begin with a task."""
        self.task, self.begin, self.is_fresh = task, time.monotonic(), False
        self.pipe.send_bytes(task.request)

    def seconds(self):
        """Return how long it has been busy with its task."""
        return time.monotonic() - self.begin


class Crew:
    """As many workers as needed, and a thread that looks after them.

    Parameters
    ----------
    n_workers : int
        Tasks that may run at a time.
    start_process : callable
        Called with one end of a pipe; returns a started process that runs :func:`serve`
        on it.
    first_request : bytes
        Prepares a worker for its tasks.
    report : callable
        Called with a task and its :class:`End`, in the crew's own thread.
    kill : callable
        Ends a process and all that it started, at once.
    limit : float, default=inf
        Seconds that a task may take in a worker. Starting a process does not count.
    """

    def __init__(
        self, n_workers, start_process, first_request, report, kill, limit=inf
    ):
        self._n_workers = n_workers
        self._start_process = start_process
        self._first_request = first_request
        self._report = report
        self._kill = kill
        self._limit = limit
        self._workers = []
        self._arriving = queue.SimpleQueue()  # tasks that the thread has not seen yet
        self._waiting, self._suspects = deque(), deque()
        self._n_stillborn = 0
        self._is_closing = False
        self.error = None  # what went wrong with the crew itself
        self._lock, self._has_rung = threading.Lock(), False
        self._ear, self._bell = multiprocessing.Pipe(duplex=False)  # wakes the thread
        self._thread = threading.Thread(
            target=self._supervise, name="skhpo-crew", daemon=True
        )
        self._thread.start()
        atexit.register(self.close)  # else the interpreter waits for the processes

    def submit(self, task):
        """Have a task run as soon as there is a free worker."""
        self._arriving.put(task)
        self._ring()

    def take_back(self, is_meant):
        """Return the waiting tasks of a kind, which then will not run.

        To be called by ``report`` only: nobody else is in the crew's thread.
        """
        self._sort_arrivals()
        taken = [task for task in (*self._suspects, *self._waiting) if is_meant(task)]
        self._suspects = deque(task for task in self._suspects if task not in taken)
        self._waiting = deque(task for task in self._waiting if task not in taken)
        return taken

    def close(self):
        """End all workers; what runs is killed, what waits is forgotten."""
        atexit.unregister(self.close)
        if self._is_closing:
            return
        self._is_closing = True
        self._ring()
        self._thread.join()
        self._ear.close()
        self._bell.close()

    def _ring(self):
        """Wake the thread; once is enough until it hears it."""
        with self._lock:
            if not self._has_rung:
                self._bell.send_bytes(b"")
                self._has_rung = True

    def _hear(self):
        with self._lock:
            self._ear.recv_bytes()
            self._has_rung = False

    # ---- in the crew's thread

    def _supervise(self):
        try:
            while not self._is_closing:
                self._sort_arrivals()
                self._hire()
                self._assign()
                self._listen()
                self._end_overdue()
        except BaseException as error:  # a fault of ours: nobody must wait for ever
            self.error = error
            self._fail_all(error)
        finally:
            self._dismiss_all()

    def _sort_arrivals(self):
        while not self._arriving.empty():
            self._queue(self._arriving.get())

    def _queue(self, task):
        (self._suspects if task.is_suspect else self._waiting).append(task)

    def _hire(self):
        """Start the workers that there is work for."""
        n_tasks = len(self._waiting) + len(self._suspects)
        n_tasks += sum(worker.task is not None for worker in self._workers)
        while len(self._workers) < min(self._n_workers, n_tasks):
            self._workers.append(Worker(self._start_process, self._first_request))

    def _assign(self):
        """Give free workers something to do."""
        while (pair := self._next_pair()) is not None:
            worker, task = pair
            try:
                worker.run(task)
            except OSError:  # it died in its sleep, which is not the task's fault
                worker.task = None
                (self._suspects if task.is_suspect else self._waiting).appendleft(task)
                self._lay_off(worker)
                self._hire()

    def _next_pair(self):
        """Return a worker and what it is to begin with; None = nothing for now."""
        free = [worker for worker in self._workers if worker.is_free]
        busy = [worker for worker in self._workers if worker.task is not None]
        if any(worker.task.is_suspect for worker in busy):
            return None
        if self._suspects:
            fresh = None if busy else self._fresh_worker(free)
            return None if fresh is None else (fresh, self._suspects.popleft())
        if not (free and self._waiting):
            return None
        return free[0], self._waiting.popleft()

    def _fresh_worker(self, free):
        """Return a worker that ran nothing so far; None = one is starting."""
        fresh = [worker for worker in free if worker.is_fresh]
        if not fresh and all(worker.is_ready for worker in self._workers):
            for worker in free[:1]:
                self._lay_off(worker)
            self._hire()
        return fresh[0] if fresh else None

    def _listen(self):
        """Wait until something happens, and see to it."""
        pipes = {worker.pipe: worker for worker in self._workers}
        sentinels = {worker.process.sentinel: worker for worker in self._workers}
        ready = wait([self._ear, *pipes, *sentinels], self._patience())
        if self._ear in ready:
            self._hear()
        stirred = {pipes.get(r) or sentinels.get(r) for r in ready if r != self._ear}
        for worker in list(self._workers):
            if worker in stirred or worker.has_ended:
                self._look_at(worker)

    def _patience(self):
        """Return for how many seconds there is nothing to do unless a worker stirs."""
        busy = [worker for worker in self._workers if worker.task is not None]
        left = [self._limit - worker.seconds() for worker in busy]
        return max(0.0, min([LOOK_SECONDS, *left]))

    def _look_at(self, worker):
        """Take the answer of a worker, or note its death."""
        try:
            answer = worker.pipe.recv_bytes() if worker.pipe.poll() else None
        except (EOFError, OSError):
            answer = None
        if answer is None:
            self._bury(worker)
        else:
            self._take(worker, answer)

    def _take(self, worker, answer):
        task, worker.task = worker.task, None
        seconds = 0.0 if task is None else worker.seconds()
        end = _end_of(answer, seconds)
        if task is not None:
            self._report(task, end)
        elif end.fate == "raised":  # it cannot even be prepared
            self._fail_all(end.value)
        else:
            worker.is_ready, self._n_stillborn = True, 0

    def _bury(self, worker):
        """Note that a process ended by itself."""
        task, worker.task = worker.task, None
        worker.process.join(GOODBYE_SECONDS)
        code = worker.process.exitcode
        self._lay_off(worker)
        if task is not None:
            self._report(task, End("died", code, worker.seconds()))
        elif not worker.is_ready:
            self._note_stillborn(code)

    def _note_stillborn(self, code):
        self._n_stillborn += 1
        if self._n_stillborn >= MAX_STILLBORN:
            self._n_stillborn = 0
            self._fail_all(
                RuntimeError(
                    f"{MAX_STILLBORN} worker processes in a row died while they "
                    f"started: the last one {how_it_ended(code)}. What they wrote to "
                    "the standard error tells more; n_jobs=1 needs none of them."
                )
            )

    def _end_overdue(self):
        for worker in list(self._workers):
            task = worker.task
            if task is None or worker.seconds() < self._limit:
                continue
            if worker.pipe.poll():  # just in time
                self._look_at(worker)
                continue
            seconds, worker.task = worker.seconds(), None
            self._lay_off(worker)
            self._report(task, End("overdue", seconds=seconds))

    def _lay_off(self, worker):
        """End a worker whatever it does."""
        self._workers.remove(worker)
        if not worker.has_ended:  # else its number may be somebody else's by now
            self._kill(worker.process)
        worker.pipe.close()

    def _fail_all(self, error):
        """Report an error for everything that waits or runs."""
        running = [worker for worker in self._workers if worker.task is not None]
        self._sort_arrivals()
        tasks = [*(w.task for w in running), *self._suspects, *self._waiting]
        self._suspects.clear()
        self._waiting.clear()
        for worker in running:
            worker.task = None
            self._lay_off(worker)
        for task in tasks:
            self._report(task, End("raised", error))

    def _dismiss_all(self):
        """Let the free workers end by themselves, and kill all others."""
        for worker in [worker for worker in self._workers if not worker.is_free]:
            self._lay_off(worker)
        for worker in self._workers:
            worker.pipe.close()
        end = time.monotonic() + GOODBYE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            if not worker.has_ended:
                self._kill(worker.process)
        self._workers.clear()


def _end_of(answer, seconds):
    try:
        has_returned, value = pickle.loads(answer)
    except Exception as error:
        return End("raised", error, seconds)
    if has_returned:
        return End("returned", value, seconds)
    error, text = value
    error.__cause__ = RemoteTraceback(text)
    return End("raised", error, seconds)


def how_it_ended(code):
    """Say in words how a process ended that has this exit code.

    Examples
    --------
    >>> how_it_ended(-9)
    'was killed by SIGKILL'
    >>> how_it_ended(3)
    'ended with exit code 3'
    """
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
