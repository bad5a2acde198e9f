"""Temporary folders and what becomes of them when their owner is killed."""

import os
from pathlib import Path

import pytest

from skhpo.evaluation._folders import LOCK, Folder, remove_abandoned

pytest.importorskip("fcntl")


def left_behind(tmp_path):
    """Return the folder of a process that was killed."""
    if os.fork() == 0:
        folder = Folder(tmp_path)
        (Path(folder.path) / "data").write_bytes(b"0" * 1000)
        os.kill(os.getpid(), 9)
    os.wait()
    (path,) = tmp_path.glob("skhpo-*")
    return path


def test_a_folder_goes_when_it_is_closed_or_forgotten(tmp_path):
    one, two = Folder(tmp_path), Folder(tmp_path)
    assert len(os.listdir(tmp_path)) == 2
    one.close()
    one.close()
    del two
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    dead, alive = left_behind(tmp_path), Folder(tmp_path)
    strange = tmp_path / "skhpo-of-somebody"
    strange.mkdir()  # has no lock: nobody knows
    (tmp_path / "skhpo-link").symlink_to(strange)
    remove_abandoned(tmp_path)
    assert dead.exists(), "it is too young"
    remove_abandoned(tmp_path, min_age=0)
    assert not dead.exists()
    assert (Path(alive.path) / LOCK).exists() and strange.exists()


def test_making_a_folder_clears_up(tmp_path):
    dead = left_behind(tmp_path)
    os.utime(dead, (0, 0))
    Folder(tmp_path)
    assert not dead.exists()


def test_a_fork_that_ends_leaves_the_folder_of_its_parent(tmp_path):
    folder = Folder(tmp_path)
    if os.fork() == 0:
        try:
            folder.close()
        finally:
            os._exit(0)
    os.wait()
    assert Path(folder.path).exists()
