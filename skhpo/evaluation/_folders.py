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

#: A folder younger than this (s) may not have its lock yet.
MIN_AGE = 60


class Folder:
    """A temporary folder of ours.

    Parameters
    ----------
    directory : str or None, default=None
        Where it is made; None = the system's place.
    """

    def __init__(self, directory=None):
        remove_abandoned(directory)
        self.path = tempfile.mkdtemp(prefix=PREFIX, dir=directory)
        lock = os.open(os.path.join(self.path, LOCK), os.O_CREAT | os.O_RDWR, 0o600)
        if fcntl is not None:
            _try_to_lock(lock)
        self.close = weakref.finalize(self, _remove, self.path, lock, os.getpid())


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
        Where to look; None = the system's place.
    min_age : float, default=60
        Leave alone what changed during the last seconds.
    """
    if fcntl is None:
        return
    try:
        with os.scandir(directory or tempfile.gettempdir()) as entries:
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
