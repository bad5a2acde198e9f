"""States of models between rungs: packed by a worker, kept by the parent.

A live fitted model must not be an argument of a joblib call: arrays above 1 MB arrive
as read-only memory maps, on which ``MLPClassifier.partial_fit`` raises and
``SGDClassifier.partial_fit`` takes the process down. Bytes and file names pass.
"""

import json
import os
import pickle
import re
import stat
import sys
from contextlib import suppress
from importlib import import_module
from math import inf
from pathlib import Path
from zlib import crc32

from skhpo._errors import CheckpointError, warn_user
from skhpo.evaluation._folders import Folder
from skhpo.evaluation._picklable import dumps_by_value

#: Names of the files of :class:`KeptStates`: trial, fold, checksum.
_KEPT_NAME = re.compile(r"\d+-\d+-[0-9a-f]{8}\.pickle")

#: ``keep_models="auto"`` holds so many bytes in memory before it goes to disk.
MEMORY_BYTES = 512 * 2**20


#: What every state was written with, beside the packages of the estimator.
PACKAGES = {"numpy", "sklearn", "skhpo"}


def pack(model):
    """Return a model as bytes; None when it cannot be pickled.

    The last line of the bytes, which pickle ignores, names the versions of the
    libraries. The stepper trains a model again that could not be packed, which gives
    the same model.
    """
    try:
        pickled = _dumps(model)
    except Exception:  # whatever a __reduce__ raises
        return None
    return pickled + _versions_line(_packages_of(model.estimator))


def _dumps(model):
    """Pickle a model so that every process can load it, one with another main, too."""
    try:
        pickled = pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:
        return dumps_by_value(model)
    return dumps_by_value(model) if b"__main__" in pickled else pickled


def unpack(state):
    """Return the model of a state: bytes, the path of a file, or None.

    Also None when it cannot be read: the file is gone, a class is not known here, or
    other versions of the libraries wrote it.
    """
    if state is None:
        return None
    try:
        data = _read(state)
        line = data[data.rindex(b"\n") :]
        packages = set(json.loads(line)) - {"python"}
        return pickle.loads(data) if line == _versions_line(packages) else None
    except Exception:  # whatever a __setstate__ raises
        return None


def _versions_line(packages):
    versions = {name: _version(name) for name in sorted(packages)}
    versions["python"] = ".".join(map(str, sys.version_info[:3]))
    return b"\n" + json.dumps(versions).encode()


def _version(package):
    try:
        return str(getattr(import_module(package), "__version__", None))
    except ImportError:
        return "None"


def _packages_of(estimator):
    """Return the packages of an estimator and its parts, and of their base classes."""
    parts = [estimator, *estimator.get_params().values()]
    kinds = {type(part) for part in parts if hasattr(part, "get_params")}
    modules = {base.__module__ for kind in kinds for base in kind.__mro__}
    packages = {module.partition(".")[0] for module in modules}
    return PACKAGES | packages - {"__main__", "builtins"}


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

    _cure = (
        "keep_models='memory' needs no disk; the environment variable "
        "JOBLIB_TEMP_FOLDER names another folder."
    )

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
        try:
            return None if state is None else _read(state)
        except OSError:  # somebody removed the file: the model is trained again
            return None

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
            where = "" if path is None else f", in {path.parent}"
            warn_user(
                f"A model could not be kept on disk ({error}{where}); such models are "
                f"trained again from the start. {self._cure}"
            )
            return None
        return path

    def _path_for(self, key, state):
        if self._folder is None or not os.path.isdir(self._folder.path):
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
        Is made when the first state is put, for the user alone.
    recorded : collection of (int, int)
        Keys (trial, fold) whose states may be gone on from; other files are removed.

    Raises
    ------
    CheckpointError
        When the folder holds something else, or others can write to it.
    """

    _cure = "Make room there, or leave out Checkpoint(models=True)."

    def __init__(self, folder, recorded=()):
        super().__init__(limit=0)
        self._kept = Path(folder)
        self._found = {}  # key -> what an earlier process left
        for path in kept_files(self._kept):
            key = tuple(int(number) for number in path.name.split("-")[:2])
            if key in recorded:
                self._found[key] = path
            else:
                _remove(path)

    def put(self, key, state):
        """Keep a state; None = that which an earlier process kept, if it is sound."""
        path = self._found.pop(key, None)
        if state is None and path is not None and _is_sound(path):
            self._states[key] = path
            return
        if path is not None:
            _remove(path)
        super().put(key, state)

    def discard(self):
        """Remove our files, and the folder if nothing else is in it."""
        self.close()
        for path in self._kept.glob("*.pickle"):
            if _KEPT_NAME.fullmatch(path.name):
                _remove(path)
        with suppress(OSError):
            self._kept.rmdir()

    def _path_for(self, key, state):
        self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _why_not_ours(self._kept)
        if reason is not None:  # somebody made it in the meantime
            raise OSError(f"{self._kept} {reason}")
        trial, fold = key
        return self._kept / f"{trial}-{fold}-{crc32(state):08x}.pickle"


def kept_files(folder):
    """Return the files of a folder of :class:`KeptStates`, sorted.

    Raises
    ------
    CheckpointError
        When it is not a folder of our own with nothing else in it.
    """
    folder = Path(folder)
    if not os.path.lexists(folder):
        return []
    try:
        reason = _why_not_ours(folder)
        files = [] if reason else sorted(folder.iterdir())
        reason = reason or _why_not_kept(files, folder)
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error})"
    if reason is not None:
        raise CheckpointError(
            f"The folder of models {folder} {reason}. Models are pickles, which can "
            "run code, so that it may hold nothing but those of this checkpoint, and "
            "be open to nobody else. Nothing in it was changed. Move it away, or "
            "choose another path for checkpoint=; without models=True no folder is "
            "needed."
        )
    return files


def _why_not_ours(folder):
    """Return why a folder may not be used, or None."""
    status = os.lstat(folder)
    if stat.S_ISLNK(status.st_mode):
        return "is a symbolic link"
    if not stat.S_ISDIR(status.st_mode):
        return "is no folder"
    if not hasattr(os, "getuid"):  # Windows
        return None
    if status.st_uid != os.getuid():
        return "belongs to another user"
    if status.st_mode & 0o022:
        return f"can be written by others (mode {stat.S_IMODE(status.st_mode):o})"
    return None


def _why_not_kept(files, folder):
    """Return which files of a folder are not ours, or None."""
    is_open = os.lstat(folder).st_mode & 0o011
    not_ours = [file.name for file in files if not _is_kept(file, is_open)]
    if not not_ours:
        return None
    shown = ", ".join(map(repr, not_ours[:3]))
    return f"holds other files: {shown}{', ...' if len(not_ours) > 3 else ''}"


def _is_kept(file, is_open):
    """Return whether a file has a name of ours, and only its user can write to it."""
    mode = os.lstat(file).st_mode
    is_ours = stat.S_ISREG(mode) and _KEPT_NAME.fullmatch(file.name)
    return is_ours and not (is_open and mode & 0o022)


def _remove(path):
    with suppress(OSError):  # in a place where nothing can be written
        path.unlink()


def _is_sound(path):
    try:
        return path.stem.split("-")[2] == f"{crc32(path.read_bytes()):08x}"
    except OSError:
        return False
