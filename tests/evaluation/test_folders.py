"""Temporary folders and what becomes of them when their owner is killed."""

import os
from pathlib import Path

import pytest

from skhpo.evaluation import _folders
from skhpo.evaluation._folders import (
    LOCK,
    Folder,
    filled_folder,
    remove_abandoned,
)

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


# ---- where there is room


def no_room(*places):
    """Return what writes a file, or finds no room in some places."""

    def write(path):
        if Path(path).parent in places:
            (Path(path) / "half").write_bytes(b"0")
            raise OSError(28, "No space left on device")
        (Path(path) / "data").write_bytes(b"0")
        return "written"

    return write


@pytest.fixture
def two_places(tmp_path, monkeypatch):
    """Return stand-ins for the shared memory and the system's temporary folder."""
    memory, system = tmp_path / "memory", tmp_path / "system"
    memory.mkdir()
    system.mkdir()
    monkeypatch.delenv("JOBLIB_TEMP_FOLDER", raising=False)
    monkeypatch.setattr(_folders, "SHARED_MEMORY", str(memory))
    monkeypatch.setattr(_folders, "SHARED_MEMORY_BYTES", 0)
    monkeypatch.setattr("tempfile.tempdir", str(system))
    return memory, system


def test_shared_memory_comes_first_and_the_disk_when_it_is_full(two_places):
    memory, system = two_places
    folder, written = filled_folder(no_room())
    assert written == "written" and Path(folder.path).parent == memory
    assert folder.is_memory
    folder.close()
    folder, _ = filled_folder(no_room(memory))
    assert Path(folder.path).parent == system
    assert not folder.is_memory
    assert os.listdir(memory) == []
    assert sorted(os.listdir(folder.path)) == ["data", LOCK]


def test_little_shared_memory_is_left_alone(two_places, monkeypatch):
    monkeypatch.setattr(_folders, "SHARED_MEMORY_BYTES", 1e30)
    folder, _ = filled_folder(no_room())
    assert Path(folder.path).parent == two_places[1]


def test_the_folder_that_the_user_chose_for_joblib_is_the_only_one(
    two_places, tmp_path, monkeypatch
):
    chosen = tmp_path / "new" / "chosen"
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(chosen))
    folder, _ = filled_folder(no_room())
    assert Path(folder.path).parent == chosen
    assert Path(Folder().path).parent == chosen
    with pytest.raises(OSError, match="No space left") as error:
        filled_folder(no_room(chosen))
    assert str(two_places[0]) not in str(error.value)
    given = tmp_path / "given"  # as joblib.parallel_config(temp_folder=)
    assert Path(filled_folder(no_room(), given)[0].path).parent == given


@pytest.mark.parametrize("missing", [True, False])
def test_without_room_the_error_names_the_places_and_what_to_do(
    two_places, missing, monkeypatch
):
    memory, system = two_places
    if missing:
        system.rmdir()
        system.write_text("no folder")
    with pytest.raises(OSError, match="JOBLIB_TEMP_FOLDER") as error:
        filled_folder(no_room(memory, system))
    assert f"{memory}: No space left" in str(error.value)
    assert f"{system}: " in str(error.value)
    assert os.listdir(memory) == []


def test_what_is_not_a_matter_of_room_is_raised_as_it_is(two_places):
    def write(path):
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        filled_folder(write)
    assert os.listdir(two_places[0]) == []
