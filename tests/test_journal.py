"""The journal: what is written is read back, and what is damaged is never believed."""

import json
import os
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from skhpo._errors import CheckpointError
from skhpo._journal import (
    Journal,
    JournalFile,
    decode,
    encode,
    is_folder,
    plain,
    read_record,
)
from skhpo._types import FoldOutcome, Job, Proposal

HEADER = {
    "versions": {"skhpo": "0"},
    "fingerprint": {"X": ["ab12", "ndarray"]},
    "search": "BayesSearchCV",
    "n_splits": 1,
    "racing": False,
    "every_row": False,
    "error_score": np.nan,
    "objective": None,
    "refit": None,
    "seed": 1,
}


def a_trial(number, params=None, **job):
    proposal = Proposal(number, np.array([0.1 * number, np.nan]), labels={"n": 1})
    return SimpleNamespace(
        id=number,
        job=Job(proposal, **job),
        params=params or {"a": 0.1},
        cost=1.5,
        status="complete",
        outcomes=[None],
        twin=None,
        rival=None,
    )


def an_outcome(trial, fold=0, **changes):
    values = dict(test_scores=0.5 + trial, train_scores=None, fit_time=0.1)
    return FoldOutcome(trial, fold, **{**values, "score_time": 0.2, **changes})


def written(path, n=3):
    """Write a journal of ``n`` trials and close it."""
    file = JournalFile(path)
    journal = Journal(file)
    journal.begin(HEADER, 3)
    for number in range(n):
        trial = a_trial(number)
        journal.asked(trial, 1)
        journal.arrived(an_outcome(number))
        journal.committed(trial)
    file.close()
    return Path(path)


def read(path):
    return read_record(decode(Path(path).read_bytes())[0], path)


# ---- what is written


def test_a_line_is_json_behind_a_checksum_of_all_before_it(tmp_path):
    first, second = written(tmp_path / "j").read_bytes().splitlines()[:2]
    assert first[8:9] == b" "
    assert json.loads(first[9:])["seed"] == 1
    event = json.loads(second[9:])
    assert encode(event, int(first[:8], 16))[0] == second + b"\n"
    assert encode(event, 0)[0] != second + b"\n"


@pytest.mark.parametrize(
    "scores",
    [
        *(0.1, 1, -0.0, 1e308, np.nan, np.inf, True, None, 2**70),
        {"good": 0.1, "bad": np.nan},
        {1: 0.5},
    ],
)
def test_outcomes_are_read_back_as_they_were(scores, tmp_path):
    outcome = an_outcome(
        *(0, 2),
        test_scores=scores,
        train_scores=scores,
        error="Traceback \n\ud800 \x00 \u2028",
        stage="score",
        task_time=0.3,
        units=4,
    )
    file = JournalFile(tmp_path / "j")
    journal = Journal(file)
    journal.begin({**HEADER, "n_splits": 3}, 3)
    journal.asked(a_trial(0), 1)
    journal.arrived(outcome)
    file.close()
    assert repr(read(tmp_path / "j").outcomes[0, 2]) == repr(outcome)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_predictions_are_kept_beside_it(dtype, tmp_path):
    arrays = [np.arange(6, dtype=dtype).reshape(3, 2), np.zeros(0, dtype), None]
    file = JournalFile(tmp_path / "j")
    journal = Journal(file)
    journal.begin({**HEADER, "n_splits": 3}, 3)
    journal.asked(a_trial(0), 1)
    for fold, array in enumerate(arrays):
        journal.arrived(an_outcome(0, fold, predictions=array))
    file.close()
    file = JournalFile(tmp_path / "j")
    found = Journal(file, with_predictions=True).outcomes
    file.close()
    for fold, array in enumerate(arrays):
        np.testing.assert_array_equal(found[0, fold].predictions, array)
    assert found[0, 0].predictions.dtype == dtype


def test_what_readers_are_shown_is_plain():
    values = [None, True, 1, 0.5, "x", np.float64(0.5), np.bool_(True), (1, 2), len]
    shown = [plain(value) for value in values]
    assert shown == [None, True, 1, 0.5, "x", 0.5, True, "(1, 2)", str(len)]
    assert json.loads(json.dumps(shown)) == shown


def test_it_goes_on_where_it_ended(tmp_path):
    path = written(tmp_path / "j")
    before = path.read_bytes()
    file = JournalFile(path)
    journal = Journal(file)
    journal.begin(HEADER, 3)
    journal.asked(a_trial(0), 1)
    journal.arrived(an_outcome(0))  # known
    journal.asked(a_trial(3), 1)
    file.close()
    after = path.read_bytes()
    assert after.startswith(before)
    kinds = [
        json.loads(line[9:])["event"] for line in after[len(before) :].splitlines()
    ]
    assert kinds == ["session", "asked"]
    assert len(read(path).asked) == 4


def test_seconds_of_sessions_add_up(tmp_path):
    path = written(tmp_path / "j")
    file = JournalFile(path)
    journal = Journal(file)
    journal.record.seconds = 100.0
    journal.record.commits[1]["seconds"] = 50.0
    for number in range(2):
        journal.committed(a_trial(number))
    assert journal.seconds() == 50.0  # a replay takes no time
    journal.committed(a_trial(2))
    assert 100.0 <= journal.seconds() < 101.0
    assert -101.0 < journal.credit < -99.0
    file.close()


# ---- what is replayed


def test_a_logged_proposal_wins(tmp_path):
    file = JournalFile(written(tmp_path / "j"))
    journal = Journal(file)
    same = Job(Proposal(7, np.array([0.1, np.nan]), {"a": 0.123}))
    assert journal.recorded(1, same) is same
    other = Job(Proposal(7, np.array([0.1 + 1e-16, 0.5]), {"a": 0.123}))
    job = journal.recorded(1, other)
    np.testing.assert_array_equal(job.proposal.point, [0.1, np.nan])
    assert job.proposal.params is None
    assert job.proposal.id == 7
    assert journal.recorded(3, other) is other
    file.close()


def test_a_job_that_is_another_is_refused(tmp_path):
    file = JournalFile(written(tmp_path / "j"))
    with pytest.raises(CheckpointError, match=r"trial 1 .* parent=None, .* parent=0"):
        Journal(file).recorded(1, Job(Proposal(7, np.array([0.1])), parent=0))
    file.close()


def test_the_recorded_order_is_told_step_by_step(tmp_path):
    file = JournalFile(written(tmp_path / "j", n=2))
    journal = Journal(file)
    assert journal.next_step() == ("asked", 0)
    journal.asked(a_trial(0), 1)
    assert journal.next_step() == ("committed", 0)
    journal.committed(a_trial(0))
    journal.diverge()
    assert journal.next_step() is None
    file.close()


def test_what_came_after_an_end_takes_it_back(tmp_path):
    path = written(tmp_path / "j")
    for number in (3, 4):
        file = JournalFile(path)
        journal = Journal(file)
        journal.asked(a_trial(number), 1)
        assert not journal.has_ended()
        journal.stopped("max_time", [], [])
        file.close()
        assert read(path).end["reason"] == "max_time"
    file = JournalFile(path)
    Journal(file).asked(a_trial(5), 1)
    file.close()
    assert read(path).end is None


# ---- damage


def test_a_torn_tail_is_dropped_and_cut_off(tmp_path):
    path = written(tmp_path / "j")
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for size in range(len(whole) - len(lines[-1]), len(whole)):
        path.write_bytes(whole[:size])
        file = JournalFile(path)
        assert len(file.events) == len(lines) - 1
        file.append({"event": "session"})
        file.close()
        assert len(decode(path.read_bytes())[0]) == len(lines)


@pytest.mark.parametrize("size", [0, 1, 8, 9, 20, 60])
def test_an_empty_or_torn_header_is_a_beginning(size, tmp_path):
    path = written(tmp_path / "j")
    path.write_bytes(path.read_bytes()[:size])
    assert written(path).read_bytes().count(b"\n") == 11


def test_damage_further_up_is_an_error_that_names_the_line(tmp_path):
    path = written(tmp_path / "j")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"1.5", b"2.5")
    path.write_bytes(b"".join(lines))
    with pytest.raises(CheckpointError, match="line 5 of 11.*head -n 4"):
        JournalFile(path)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04", b"a,b\n1,2\n", b"12345678 {}\n", b"\0"]
)
def test_what_is_no_journal_is_left_alone(data, tmp_path):
    path = tmp_path / "j"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="no checkpoint of skhpo"):
        JournalFile(path)
    assert path.read_bytes() == data


def test_another_format_names_the_version_to_use(tmp_path):
    line, _ = encode({"event": "header", "format": 2, "versions": {"skhpo": "9.9"}}, 0)
    path = tmp_path / "j"
    path.write_bytes(line)
    with pytest.raises(CheckpointError, match=r"format 2.*format 1.*9\.9"):
        read(path)


class Payload:
    """Would tell of it, if it were unpickled."""

    executed = False

    def __reduce__(self):
        return setattr, (Payload, "executed", True)


def mutated(data, rng):
    """Return a journal after an accident."""
    lines, at = data.splitlines(keepends=True), int(rng.integers(len(data)))
    one, other = rng.integers(len(lines), size=2)
    kind = rng.integers(8)
    if kind == 0:  # a bit
        return data[:at] + bytes([data[at] ^ (1 << rng.integers(8))]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + rng.bytes(int(rng.integers(1, 20))) + data[at:]
    if kind == 2:
        return data[:at] + data[at + int(rng.integers(1, 200)) :]
    if kind == 3:
        return data[:at]
    if kind == 4:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 5:
        lines.insert(one, lines[other])
    elif kind == 6:
        del lines[one]
    else:
        payload = pickle.dumps(Payload())
        lines.insert(one, payload + b"\n" * int(rng.integers(2)))
    return b"".join(lines)


def test_a_thousand_accidents_make_no_wrong_result(tmp_path):
    data = written(tmp_path / "j", n=6).read_bytes()
    whole, rng = decode(data)[0], np.random.default_rng(0)
    n_refused = n_shorter = 0
    for _ in range(1000):
        try:
            events, size, _ = decode(mutated(data, rng))
        except CheckpointError:
            n_refused += 1
        else:
            assert repr(events) == repr(whole[: len(events)])
            assert data.startswith(data[:size])
            n_shorter += len(events) < len(whole)
    assert n_refused > 300
    assert n_shorter > 50
    assert not Payload.executed
    pickle.loads(pickle.dumps(Payload()))
    assert Payload.executed  # it would have


# ---- files


def test_a_second_journal_is_refused_by_name(tmp_path):
    path = tmp_path / "j"
    file = JournalFile(path)
    Journal(file).begin(HEADER, 3)
    with pytest.raises(CheckpointError, match=f"process {os.getpid()}, this one, on"):
        JournalFile(path)
    file.close()
    JournalFile(path).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_does_not_keep_the_lock(tmp_path):
    file = JournalFile(tmp_path / "j")
    (hears, tells), (begun, begins) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begins, b"x")
        os.read(hears, 1)  # as long as the parent wants
        os._exit(0)
    os.read(begun, 1)
    file.close()
    try:
        JournalFile(tmp_path / "j").close()
    finally:
        os.write(tells, b"x")
        os.waitpid(child, 0)
        for end in (hears, tells, begun, begins):
            os.close(end)


class FullDisk:
    """A file of which so many bytes can be written."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        n = min(self._room, len(data))
        self._room -= n
        if n == 0:
            raise OSError(28, "No space left on device")
        return self._file.write(data[:n])


@pytest.mark.parametrize("room", [0, 10, 400])
def test_a_full_disk_is_said_once_and_what_is_there_can_be_read(room, tmp_path):
    path = written(tmp_path / "j")
    file = JournalFile(path)
    journal = Journal(file)
    file._file = FullDisk(file._file, room)
    with pytest.warns(UserWarning, match="No space left") as caught:
        for number in range(3, 9):
            trial = a_trial(number)
            journal.asked(trial, 1)
            journal.arrived(an_outcome(number))
            journal.committed(trial)
        journal.stopped("n_iter", [], [])
    file.close()
    assert len(caught) == 1
    assert len(read(path).asked) >= 3
    written(path, n=9)
    assert len(read(path).asked) == 9


def test_no_room_for_the_header_is_an_error(tmp_path):
    file = JournalFile(tmp_path / "j")
    file._file = FullDisk(file._file, 5)
    with pytest.raises(CheckpointError, match="No space left"):
        Journal(file).begin(HEADER, 3)
    file.close()


def test_folders_exist_or_end_in_a_separator(tmp_path):
    assert is_folder(tmp_path)
    assert is_folder("searches/")
    assert not is_folder("searches")
    assert not is_folder(tmp_path / "search.jsonl")
