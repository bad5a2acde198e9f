"""What all calls of a search share, on its way to the workers.

It is written once and loaded once per process; a call names it, and says what to do.
"""

import os
import pickle
import threading
import time
from functools import cache
from uuid import uuid4

import joblib
from sklearn import config_context

from skhpo.evaluation._picklable import check_sendable
from skhpo.evaluation._task import COPIED, Payload, run_folds, same_world
from skhpo.evaluation._workers import LOOK_SECONDS

#: A data set larger than this is memory-mapped by the workers, as joblib does.
MMAP_BYTES = 1_000_000

#: What is not known to users under the name that it has in a payload.
SHOWN = {
    **COPIED,
    "scorer": "scoring",
    "training": "resource",
}


class PayloadFile:
    """A payload on disk, loaded once per worker process.

    X and y are written by joblib, whose arrays can be memory-mapped; everything else is
    pickled by value where it was defined in ``__main__``.
    """

    def __init__(self, folder, token, mmap_mode):
        self.folder, self.token, self.mmap_mode = folder, token, mmap_mode

    @classmethod
    def write(cls, folder, payload, dumps):
        """Write it to a folder; ``dumps`` pickles also what ``__main__`` defines."""
        data, body = os.path.join(folder, "data"), os.path.join(folder, "body")
        rest = {k: v for k, v in payload.parts().items() if k not in ("X", "y")}
        try:
            pickled = dumps(rest)
        except Exception:
            check_sendable({SHOWN.get(k, k): v for k, v in rest.items()}, dumps)
            raise
        with open(body, "wb") as file:
            file.write(pickled)
        try:
            joblib.dump((payload.X, payload.y), data)
        except OSError:  # no room
            raise
        except Exception:
            check_sendable({"X": payload.X, "y": payload.y}, dumps)
            raise
        mmap_mode = "r" if os.path.getsize(data) > MMAP_BYTES else None
        return cls(folder, uuid4().hex, mmap_mode)

    def load(self):
        data, body = (os.path.join(self.folder, name) for name in ("data", "body"))
        try:
            X, y = joblib.load(data, mmap_mode=self.mmap_mode)
            with open(body, "rb") as file:
                return X, y, pickle.load(file)
        except FileNotFoundError as error:
            if os.path.isdir(self.folder):  # what is missing is not ours
                raise
            raise FileNotFoundError(
                f"The data of the search are gone from {self.folder}: they were "
                "removed while it ran. Set the environment variable "
                "JOBLIB_TEMP_FOLDER to a folder that nobody clears."
            ) from error


_loaded = {}  # in a worker: token -> payload of the search that runs now


def payload_of(handle):
    """Return the payload of a handle: itself, or the file that it names."""
    if not isinstance(handle, PayloadFile):
        return handle
    if handle.token not in _loaded:
        X, y, rest = handle.load()
        _end_with_parent(os.getpid(), os.getppid())
        _loaded.clear()
        _loaded[handle.token] = Payload(X=X, y=y, **rest)
    return _loaded[handle.token]


@cache  # by process: a fork has no thread yet
def _end_with_parent(process, parent):
    """End this worker soon after its parent is killed, in the middle of a fit, too.

    joblib's workers would go on with what was sent to them.
    """

    def look():
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, name="skhpo-parent", daemon=True).start()


def run_in_process(handle, *call):
    """Run a call in a worker process, under the caller's filters and settings."""
    payload = payload_of(handle)
    with same_world(payload):
        return run_folds(payload, *call)


def run_in_thread(payload, *call):
    """Run a call in a thread of the caller's process."""
    # warning filters are the process's own already; the configuration is per thread
    with config_context(**payload.sklearn_config):
        return run_folds(payload, *call)
