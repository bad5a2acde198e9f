"""Temporary folders that do not outlive their owner for long.

A folder is removed when it is closed, forgotten, or when its process ends. A process
that is killed removes nothing; so its folders hold a locked file, and whoever makes a
folder later removes those whose lock nobody holds any more. The system releases a lock
when its holder dies, however that may be; numbers of processes would tell less, since
they are used again, and differ between containers that share a disk.
"""

import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: what is left behind there stays
    fcntl = None

PREFIX = "skhpo-"
LOCK = "in_use"

#: Memory that is used like a disk. joblib takes it when so many bytes are free.
SHARED_MEMORY = "/dev/shm"
SHARED_MEMORY_BYTES = 2e9

#: A folder younger than this (s) may not have its lock yet.
MIN_AGE = 60


class Folder:
    """A temporary folder of ours.

    Parameters
    ----------
    directory : str or None, default=None
        Where it is made; None = in ``JOBLIB_TEMP_FOLDER``, or the system's place.
    """

    @property
    def is_memory(self):
        """Whether it is in memory that is used like a disk."""
        return os.path.dirname(self.path) == SHARED_MEMORY

    def __init__(self, directory=None):
        directory = directory or _places()[-1]
        remove_abandoned(directory)
        self.path = tempfile.mkdtemp(prefix=PREFIX, dir=directory)
        lock = os.open(os.path.join(self.path, LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        if fcntl is not None:
            _try_to_lock(lock)
        self.close = weakref.finalize(self, _remove, self.path, lock, os.getpid())


def filled_folder(write, chosen=None):
    """Make a folder where there is room, and fill it.

    Parameters
    ----------
    write : callable
        Called with the path of a folder; fills it, and returns something.
    chosen : str or None, default=None
        Where to make it. None = as joblib chooses: ``JOBLIB_TEMP_FOLDER``, or memory
        that is used like a disk, or the system's place.

    Returns
    -------
    folder : Folder
        The folder.
    written : object
        What ``write`` returned.

    Raises
    ------
    OSError
        When there is no room anywhere; names the places, and what to do.
    """
    errors = []
    for place in _places(chosen):
        folder = None
        try:
            os.makedirs(place, exist_ok=True)  # joblib makes JOBLIB_TEMP_FOLDER, too
            folder = Folder(place)
            return folder, write(folder.path)
        except BaseException as error:
            if folder is not None:
                folder.close()
            if not isinstance(error, OSError):
                raise
            errors.append(f"{place}: {error.strerror or error}")
    raise OSError(
        "The data of a search could not be written for its worker processes "
        f"({'; '.join(errors)}). Set the environment variable JOBLIB_TEMP_FOLDER to a "
        "folder that exists and has room for X, y and the fit parameters; n_jobs=1 and "
        "threads (joblib.parallel_config(backend='threading')) need none."
    )


def _places(chosen=None):
    """Return where a folder may be made, the best place first, a disk last."""
    chosen = chosen or os.environ.get("JOBLIB_TEMP_FOLDER")
    if chosen:
        return [os.path.abspath(os.path.expanduser(chosen))]
    return [SHARED_MEMORY, _system()] if _has_shared_memory() else [_system()]


def _system():
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # no folder can be written to: whoever tries will say so
        return os.path.join(os.sep, "tmp")


def _has_shared_memory():
    try:
        free = os.statvfs(SHARED_MEMORY)
    except (OSError, AttributeError):  # Windows has no statvfs
        return False
    return free.f_bsize * free.f_bavail > SHARED_MEMORY_BYTES


def _remove(path, lock, owner):
    os.close(lock)
    if os.getpid() == owner:  # not a copy of it, made by os.fork, that ends
        shutil.rmtree(path, ignore_errors=True)


def _try_to_lock(file):
    """Lock an open file; return whether nobody else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_abandoned(directory=None, min_age=MIN_AGE):
    """Remove the folders of this user that killed processes left behind.

    Parameters
    ----------
    directory : str or None, default=None
        Where to look; None = as for :class:`Folder`.
    min_age : float, default=60
        Leave alone what changed during the last seconds.
    """
    if fcntl is None:
        return
    try:
        with os.scandir(directory or _places()[-1]) as entries:
            ours = [entry for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:  # one may be allowed to write here, and not to look around
        return
    for entry in ours:
        try:
            if _is_mine(entry) and time.time() - entry.stat().st_mtime >= min_age:
                _remove_if_abandoned(Path(entry))
        except OSError:  # gone in the meantime, or not ours to touch
            continue


def _is_mine(entry):
    is_folder = entry.is_dir(follow_symlinks=False)
    return is_folder and entry.stat(follow_symlinks=False).st_uid == os.getuid()


def _remove_if_abandoned(path):
    lock = os.open(path / LOCK, os.O_RDWR | os.O_NOFOLLOW)  # may not be there: leave it
    try:
        if _try_to_lock(lock):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)
