"""Where models wait between rungs."""

import gc
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skhpo
from skhpo._errors import CheckpointError
from skhpo.evaluation._states import KeptStates, StateStore, open_store, pack, unpack
from skhpo.evaluation._stepper import Model


def test_a_model_comes_back_from_bytes_and_from_a_file(tmp_path):
    model = Model(SGDClassifier().fit([[0.0], [1.0]], [0, 1]), units=3)
    state = pack(model)
    assert isinstance(state, bytes)
    file = tmp_path / "state"
    file.write_bytes(state)
    for place in (state, file):
        back = unpack(place)
        np.testing.assert_array_equal(back.estimator.coef_, model.estimator.coef_)
        assert back.units == 3
    assert unpack(None) is None


def test_what_was_defined_on_the_spot_travels_too():
    shift = 3.0
    model = Model(FunctionTransformer(lambda X: X + shift))
    back = unpack(pack(model))
    assert back.estimator.transform(np.zeros((1, 1))) == 3.0


class Own(SGDClassifier):
    pass


def test_a_class_of_main_can_be_read_by_every_process(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(Own, "__module__", "__main__")
    monkeypatch.setattr(main, "Own", Own, raising=False)
    state = pack(Model(Own(alpha=0.5)))
    read = "import sys, pickle; print(pickle.load(sys.stdin.buffer).estimator.alpha)"
    done = subprocess.run(
        [sys.executable, "-c", read], input=state, capture_output=True, check=True
    )
    assert float(done.stdout) == 0.5


def test_a_state_names_the_versions_of_what_wrote_it():
    state = pack(Model(make_pipeline(FunctionTransformer(), Own())))
    versions = json.loads(state.splitlines()[-1])
    assert versions.pop("python") == platform.python_version()
    assert versions.pop("tests") == "None"
    packages = {"numpy": np, "sklearn": sklearn, "skhpo": skhpo}
    assert versions == {name: module.__version__ for name, module in packages.items()}


def test_a_file_that_is_gone_is_no_state(tmp_path):
    store = open_store("disk", tmp_path)
    store.put("a", b"1")
    shutil.rmtree(store.get("a").parent)  # as cleaners of temporary folders do
    assert store.get_bytes("a") is None
    assert unpack(store.get("a")) is None
    store.put("b", b"2")
    assert store.get_bytes("b") == b"2"


def test_what_cannot_be_pickled_is_no_state():
    model = Model(FunctionTransformer(iter))
    model.estimator.generator_ = (i for i in range(3))
    assert pack(model) is None


def test_memory_is_bounded_and_the_rest_goes_to_disk(tmp_path):
    store = StateStore(limit=10, directory=tmp_path)
    states = {number: bytes([number]) * 4 for number in range(5)}
    for number, state in states.items():
        store.put(number, state)
        assert store.n_bytes <= 10
    assert [type(store.get(number)) is bytes for number in states] == [
        *(True, True, False, False, False)
    ]
    assert {number: store.get_bytes(number) for number in states} == states
    assert len(files_below(tmp_path)) == 3
    store.drop(3)
    assert len(files_below(tmp_path)) == 2
    assert store.get(3) is None
    store.drop(0)  # makes room
    store.put(0, b"12")
    assert store.get(0) == b"12"
    store.close()
    assert os.listdir(tmp_path) == []
    assert len(store) == 0


def test_a_new_state_takes_the_place_of_the_old_one(tmp_path):
    store = StateStore(limit=10, directory=tmp_path)
    store.put("a", b"1" * 8)
    store.put("a", b"2" * 9)
    assert store.n_bytes == 9
    store.put("a", b"3" * 11)
    assert store.n_bytes == 0
    assert store.get_bytes("a") == b"3" * 11
    store.put("a", None)
    assert "a" not in store
    assert files_below(tmp_path) == []


def test_what_is_dropped_leaves_memory_and_disk(tmp_path):
    store = StateStore(limit=2, directory=tmp_path)
    for key in "abc":
        store.put(key, b"11")
    for key in "acz":
        store.drop(key)
    assert store.get_bytes("b") == b"11"
    assert len(store) == 1
    assert store.n_bytes == 0
    assert len(files_below(tmp_path)) == 1


def test_a_forgotten_store_leaves_no_files(tmp_path):
    store = StateStore(limit=0, directory=tmp_path)
    store.put("a", b"1")
    assert len(files_below(tmp_path)) == 1
    del store
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_the_user_says_where_models_wait(tmp_path):
    kinds = {}
    for keep_models in ("auto", "memory", "disk", "none"):
        store = open_store(keep_models, tmp_path)
        store.put("a", b"1")
        kinds[keep_models] = type(store.get("a"))
        store.close()
    assert kinds.pop("disk") in (type(Path()), Path)
    assert kinds == {"auto": bytes, "memory": bytes, "none": type(None)}
    assert open_store("auto").limit == 512 * 2**20
    with pytest.raises(ValueError, match="keep_models must be one of .*'ram'"):
        open_store("ram")


def test_a_full_disk_loses_a_state_and_not_the_search(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    store = StateStore(limit=0, directory=tmp_path)
    with pytest.warns(UserWarning, match="could not be kept on disk .No space left"):
        store.put("a", b"1")
    assert store.get("a") is None


def files_below(folder):
    return [path for path in Path(folder).rglob("*.pickle")]


# ---- states that outlive the process


def test_kept_states_are_found_by_a_later_process(tmp_path):
    folder = tmp_path / "models"
    store = KeptStates(folder)
    for key in ((0, 0), (0, 1), (12, 0)):
        store.put(key, repr(key).encode())
    store.close()
    later = KeptStates(folder, recorded={(0, 0), (12, 0)})
    for key in ((0, 0), (0, 1), (12, 0)):
        later.put(key, None)
    assert later.get_bytes((0, 0)) == b"(0, 0)"
    assert later.get_bytes((12, 0)) == b"(12, 0)"
    assert later.get((0, 1)) is None  # not recorded: nobody knows what it is of
    assert len(list(folder.iterdir())) == 2
    later.drop((0, 0))
    assert len(list(folder.iterdir())) == 1
    later.discard()
    assert not folder.exists()


def test_a_new_state_takes_the_place_of_a_kept_one(tmp_path):
    store = KeptStates(tmp_path)
    store.put((0, 0), b"old")
    later = KeptStates(tmp_path, recorded={(0, 0)})
    later.put((0, 0), b"new")
    assert later.get_bytes((0, 0)) == b"new"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "content", [b"", b"ol", b"olx", b"cos\nsystem\n(S'false'\ntR."]
)
def test_a_kept_state_that_was_changed_is_not_used(content, tmp_path):
    KeptStates(tmp_path).put((0, 0), b"old")
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    later = KeptStates(tmp_path, recorded={(0, 0)})
    later.put((0, 0), None)
    assert later.get((0, 0)) is None


def test_a_disk_without_room_is_a_warning(tmp_path):
    folder = tmp_path / "models"
    store = KeptStates(folder)
    folder.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="could not be kept on disk"):
        store.put((0, 0), b"state")


def test_a_folder_of_models_is_for_its_user_alone(tmp_path):
    store = KeptStates(tmp_path / "deep" / "models")
    store.put((0, 0), b"state")
    assert stat.S_IMODE((tmp_path / "deep" / "models").stat().st_mode) == 0o700


STRANGE_NAMES = [
    *("best.pickle", "notes.txt", "2-0-final.pickle", "0-0-ABCDEF12.pickle"),
    *("0-0-abcdef12.pickle.bak", "x0-0-abcdef12.pickle", "0-0-abcdef123.pickle"),
    *("0-0-abcdef12", ".hidden", "0-0-0-abcdef12.pickle"),
]


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_a_folder_with_files_of_others_is_refused(name, tmp_path):
    KeptStates(tmp_path).put((0, 0), b"state")
    (tmp_path / name).write_text("mine")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(CheckpointError, match="holds other files: '.*Move it away"):
        KeptStates(tmp_path)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_file_of_models_must_be_a_file(kind, tmp_path):
    (tmp_path / "other").mkdir()
    place = tmp_path / "models" / "0-0-abcdef12.pickle"
    place.parent.mkdir()
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "other")
    with pytest.raises(CheckpointError, match="holds other files"):
        KeptStates(place.parent)
    assert os.path.lexists(place)


def make_file(folder):
    folder.write_text("mine")


def make_link(folder):
    (folder.parent / "elsewhere").mkdir()
    folder.symlink_to(folder.parent / "elsewhere")


def make_open(folder):
    folder.mkdir()
    folder.chmod(0o777)


def make_open_file(folder):
    folder.mkdir(mode=0o755)
    (folder / "0-0-abcdef12.pickle").write_text("mine")
    (folder / "0-0-abcdef12.pickle").chmod(0o666)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users and modes")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_file, "is no folder"),
        (make_link, "is a symbolic link"),
        (make_open, "can be written by others .mode 777"),
        (make_open_file, "holds other files"),
    ],
)
def test_a_folder_that_others_can_change_is_refused(make, reason, tmp_path):
    make(tmp_path / "models")
    with pytest.raises(CheckpointError, match=reason):
        KeptStates(tmp_path / "models")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    store = KeptStates(tmp_path)
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(CheckpointError, match="belongs to another user"):
        KeptStates(tmp_path)
    with pytest.warns(UserWarning, match="belongs to another user"):
        store.put((0, 0), b"state")
    assert os.listdir(tmp_path) == []


def test_what_came_into_the_folder_later_stays(tmp_path):
    store = KeptStates(tmp_path)
    store.put((0, 0), b"state")
    (tmp_path / "notes.pickle").write_text("mine")
    store.discard()
    assert os.listdir(tmp_path) == ["notes.pickle"]
