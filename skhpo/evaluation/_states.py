"""States of models between rungs: packed by a worker, kept by the parent.

A live fitted model must not be an argument of a joblib call: arrays above 1 MB arrive
as read-only memory maps, on which ``MLPClassifier.partial_fit`` raises and
``SGDClassifier.partial_fit`` takes the process down. Bytes and file names pass.
"""

import pickle
import shutil
from math import inf
from pathlib import Path
from zlib import crc32

from joblib import wrap_non_picklable_objects

from skhpo._errors import warn_user
from skhpo.evaluation._folders import Folder

#: ``keep_models="auto"`` holds so many bytes in memory before it goes to disk.
MEMORY_BYTES = 512 * 2**20


def pack(model):
    """Return a model as bytes; None when it cannot be pickled.

    The stepper then trains it again from 0, which gives the same model.
    """
    for what in (model, wrap_non_picklable_objects(model, keep_wrapper=False)):
        try:  # the second way, slower, is for what was defined in ``__main__``
            return pickle.dumps(what, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception:  # whatever a __reduce__ raises
            continue
    return None


def unpack(state):
    """Return the model of a state: bytes, the path of a file, or None."""
    if state is None:
        return None
    return pickle.loads(_read(state))


def _read(state):
    return state if isinstance(state, bytes) else Path(state).read_bytes()


def open_store(keep_models, directory=None):
    """Return the store for ``keep_models=``.

    Parameters
    ----------
    keep_models : {"auto", "memory", "disk", "none"}
        Where models wait between rungs: in memory up to 512 MB and on disk beyond, in
        memory only, on disk only, or nowhere, which trains from scratch at each rung.
    directory : str or None, default=None
        Where the temporary folder is made; None = the system's place.
    """
    limits = {"auto": MEMORY_BYTES, "memory": inf, "disk": 0, "none": 0}
    if keep_models not in limits:
        raise ValueError(
            f"keep_models must be one of {list(limits)}, got {keep_models!r}."
        )
    return StateStore(limits[keep_models], directory, keeps=keep_models != "none")


class StateStore:
    """States of models by key, in bounded memory; the rest in a temporary folder.

    A folder is made when the first state goes to disk, and removed by ``close``, or
    when the store is forgotten. Nothing here decides which states are needed.

    Parameters
    ----------
    limit : float
        Bytes to hold in memory.
    directory : str or None, default=None
        Where the temporary folder is made; None = the system's place.
    keeps : bool, default=True
        False = forget whatever is put.

    Examples
    --------
    >>> store = StateStore(limit=4)
    >>> store.put("a", b"1234")
    >>> store.put("b", b"56")  # no room: to disk
    >>> store.get("a"), store.n_bytes
    (b'1234', 4)
    >>> store.get("b").read_bytes()
    b'56'
    >>> store.close()
    """

    def __init__(self, limit=MEMORY_BYTES, directory=None, keeps=True):
        self.limit = limit
        self.directory = directory
        self.keeps = keeps
        self.n_bytes = 0  # in memory
        self._states = {}  # key -> bytes or Path
        self._folder = None
        self._n_files = 0

    def __len__(self):
        return len(self._states)

    def __contains__(self, key):
        return key in self._states

    def put(self, key, state):
        """Keep a state (bytes), in place of an older one of that key.

        None is not kept. Nor is what the disk has no room for: the model is trained
        again when it is needed.
        """
        self.drop(key)
        if state is None or not self.keeps:
            return
        if self.n_bytes + len(state) <= self.limit:
            self.n_bytes += len(state)
        else:
            state = self._write(key, state)
        if state is not None:
            self._states[key] = state

    def get(self, key):
        """Return a state: bytes, the path of a file with them, or None."""
        return self._states.get(key)

    def get_bytes(self, key):
        """Return a state as bytes, for workers that do not share the disk; or None."""
        state = self.get(key)
        return None if state is None else _read(state)

    def drop(self, key):
        """Forget a state, if it is there."""
        state = self._states.pop(key, None)
        if isinstance(state, bytes):
            self.n_bytes -= len(state)
        elif state is not None:
            state.unlink(missing_ok=True)

    def close(self):
        """Forget everything and remove the folder."""
        self._states.clear()
        self.n_bytes = 0
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _write(self, key, state):
        path = None
        try:
            path = self._path_for(key, state)
            path.write_bytes(state)
        except OSError as error:
            if path is not None:
                path.unlink(missing_ok=True)
            warn_user(
                f"A model could not be kept on disk ({error}); such models are trained "
                "again from the start. keep_models='memory' needs no disk.",
            )
            return None
        return path

    def _path_for(self, key, state):
        if self._folder is None:
            self._folder = Folder(self.directory)
        self._n_files += 1
        return Path(self._folder.path, f"{self._n_files}.pickle")


class KeptStates(StateStore):
    """States in files that outlive the process, for a search that is resumed.

    They are pickles: whoever can write to the folder can run code in the process that
    goes on from them. A file that is not as it was written is left aside.

    Parameters
    ----------
    folder : path-like
        Is made when the first state is put.
    recorded : collection of (int, int)
        Keys (trial, fold) whose states may be gone on from; other files are removed.
    """

    def __init__(self, folder, recorded=()):
        super().__init__(limit=0)
        self._kept = Path(folder)
        self._found = {}  # key -> what an earlier process left
        for path in sorted(self._kept.glob("*.pickle")):
            key = tuple(int(number) for number in path.name.split("-")[:2])
            if key in recorded:
                self._found[key] = path
            else:
                path.unlink(missing_ok=True)

    def put(self, key, state):
        """Keep a state; None = that which an earlier process kept, if it is sound."""
        path = self._found.pop(key, None)
        if state is None and path is not None and _is_sound(path):
            self._states[key] = path
            return
        if path is not None:
            path.unlink(missing_ok=True)
        super().put(key, state)

    def discard(self):
        """Remove all files: the search is done."""
        self.close()
        shutil.rmtree(self._kept, ignore_errors=True)

    def _path_for(self, key, state):
        self._kept.mkdir(parents=True, exist_ok=True)
        trial, fold = key
        return self._kept / f"{trial}-{fold}-{crc32(state):08x}.pickle"


def _is_sound(path):
    try:
        return path.stem.split("-")[2] == f"{crc32(path.read_bytes()):08x}"
    except (OSError, IndexError):
        return False
