"""The journal: what a search did, event by event, in a file that outlives it.

One event per line, as JSON behind a checksum::

    <crc32, 8 hex digits> {"event":"fold","trial":3,"fold":0, ...}

The checksum is that of all events so far, this one included: a line that was changed,
deleted, doubled or moved does not fit its place. Lines are only ever appended. What is
read back is plain data: nothing is unpickled, evaluated or imported.

========== =============================================================================
event      meaning
========== =============================================================================
header     which search this is, its seed, points in flight; always the first line
session    a process began to work on it
asked      a trial: its point in the unit cube, resource, parent; params for readers
fold       what one fit and its scoring came to
committed  a trial has all it needs; its place in the order of commits
stopped    why the search ended; without it, it did not
========== =============================================================================

A search is resumed by running it again (:class:`Journal`): what was asked is asked
again, in the same order, and folds that were recorded are not fitted but read.
"""

import json
import os
import socket
import stat
import string
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from io import BytesIO
from math import nan
from numbers import Number
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from skhpo._errors import CheckpointError, warn_user
from skhpo._events import FORMAT, check_event
from skhpo._types import FoldOutcome, Proposal

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

#: How the first line begins, behind its checksum.
_BEGINNING = b' {"event":"header","format":'

#: After a commit the disk is waited for at most once in so many seconds: what is lost
#: with the power is that much work; what is lost with the process is nothing.
SYNC_SECONDS = 1.0

#: The byte that is locked on Windows, where nobody can read what is locked.
_FAR = 2**31 - 2

_PREDICTIONS = ".predictions"
_DTYPES = ("<f4", "<i4")  # of predictions


# ---- places


def path_of(checkpoint):
    """Return the path of what was passed as ``checkpoint=``, as text."""
    return os.fspath(getattr(checkpoint, "path", checkpoint))


def is_folder(checkpoint):
    """Return whether each search gets a file of its own there."""
    path = path_of(checkpoint)
    separators = tuple(filter(None, (os.sep, os.altsep)))
    return path.endswith(separators) or os.path.isdir(path)


# ---- lines


def encode(event: Mapping[str, Any], before: int) -> tuple[bytes, int]:
    """Return the line of an event, and its checksum; ``before`` is the last one's."""
    text = json.dumps(event, separators=(",", ":"), default=plain).encode()
    crc = crc32(text, before)
    return b"%08x %s\n" % (crc, text), crc


def decode(data: bytes, path: Any = "the journal") -> tuple[list[dict], int, int]:
    """Return the events of a journal, the bytes that they take, and their checksum.

    The last line may be torn: it is left out.

    Raises
    ------
    CheckpointError
        When the damage is further up, or this never was a journal.
    """
    _check_ours(data, path)
    events, size, crc = [], 0, 0
    for number, line in enumerate(BytesIO(data), start=1):
        if line[:9] != b"%08x " % crc32(line[9:-1], crc) or line[-1:] != b"\n":
            if size + len(line) == len(data):
                break
            n_lines = data.count(b"\n")
            raise CheckpointError(
                f"{path} is damaged in line {number} of {n_lines}. {_cure(number)}"
            )
        events.append(_event_of(line[9:], number, path))
        size, crc = size + len(line), int(line[:8], 16)
    return events, size, crc


def _event_of(text: bytes, number: int, path: Any) -> dict:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise _makes_no_sense(path, number, "it holds no event")
    return event


def _makes_no_sense(path: Any, number: int, why: Any) -> CheckpointError:
    what = f"makes no sense in line {number} ({why})."
    return CheckpointError(f"{path} {what} {_cure(number)}")


def _cure(number: int) -> str:
    """Return what to do about a journal with a line that is wrong."""
    if number == 1:
        return "Choose another path to start anew."
    return (
        f"The {number - 1} lines before it are sound: cut the file there to go on from "
        f"them (head -n {number - 1}), or choose another path to start anew."
    )


def _check_ours(data: bytes, path: Any) -> None:
    if not _may_be_ours(data):
        raise CheckpointError(
            f"{path} is no checkpoint of skhpo, and is left as it is. Choose another "
            "path for checkpoint=, of a file that does not exist."
        )


def _may_be_ours(data: bytes) -> bool:
    """Whether a file is a journal, or the beginning of one: nothing, or a torn line."""
    head, rest = data[:8], data[8 : 8 + len(_BEGINNING)]
    is_hex = all(chr(byte) in string.hexdigits for byte in head)
    return is_hex and rest == _BEGINNING[: len(rest)]


def read_bytes(path: Any, only_first_line: bool = False) -> bytes:
    """Return what a file holds that may be a journal.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    CheckpointError
        When it cannot be read, or does not begin as a journal does.
    """
    try:
        check_is_file(os.stat(path), path)
        with open(path, "rb") as file:
            begin = file.read(8 + len(_BEGINNING))
            _check_ours(begin, path)
            return begin + (file.readline() if only_first_line else file.read())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CheckpointError(
            f"checkpoint={str(path)!r} cannot be read: {error.strerror or error}. Give "
            "the path of a file that you may read and write."
        ) from error


def check_is_file(status: os.stat_result, path: Any) -> None:
    """Refuse folders, devices and pipes."""
    if not stat.S_ISREG(status.st_mode):
        raise CheckpointError(
            f"checkpoint={str(path)!r} is no file. Choose another path for "
            "checkpoint=, of a file that does not exist."
        )


# ---- values


def plain(value: Any) -> Any:
    """Return a number, a truth value, a text or None: what a reader is shown."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    try:
        return str(value)
    except Exception:  # whatever a __str__ raises
        return type(value).__name__


def _exactness(proposal: Proposal) -> str:
    """Say whether the parameters are those of the point, or else all plain, or not."""
    if proposal.params is None:
        return "point"
    is_plain = all(
        value is None or type(value) in (bool, int, float, str)
        for value in proposal.params.values()
    )
    return "plain" if is_plain else "no"


def _proposal_of(event: Mapping[str, Any], params_of: Any) -> Proposal:
    point, params = point_of_json(event["point"]), None
    if event["exact"] == "plain":
        names = params_of(point)
        params = {name: event["params"][name] for name in names}
    return Proposal(event["trial"], point, params, event["labels"])


def _scores_as_json(scores: Any) -> Any:
    """Pairs for a dict, whose keys need not be texts."""
    if isinstance(scores, Mapping):
        return [[name, _number(value)] for name, value in scores.items()]
    return scores if scores is None else _number(scores)


def _number(score: Number) -> int | float:
    return score if isinstance(score, int | float) else float(score)


def _scores_of_json(scores: Any) -> Any:
    return (
        {name: value for name, value in scores} if isinstance(scores, list) else scores
    )


def _point_as_json(point: Any) -> list[float | None]:
    return [None if np.isnan(u) else float(u) for u in point]


def point_of_json(point: Sequence[float | None]) -> np.ndarray:
    return np.array([nan if u is None else u for u in point], dtype=np.float64)


_OTHER_FIELDS = {
    *("trial", "fold", "test_scores", "train_scores", "state", "predictions")
}
_FOLD_FIELDS = [
    field.name for field in fields(FoldOutcome) if field.name not in _OTHER_FIELDS
]


def _fold_event(outcome: FoldOutcome) -> dict[str, Any]:
    return {
        "event": "fold",
        "trial": outcome.trial,
        "fold": outcome.fold,
        "test": _scores_as_json(outcome.test_scores),
        "train": _scores_as_json(outcome.train_scores),
        **{name: getattr(outcome, name) for name in _FOLD_FIELDS},
    }


def _outcome_of(event: Mapping[str, Any]) -> FoldOutcome:
    return FoldOutcome(
        trial=event["trial"],
        fold=event["fold"],
        test_scores=_scores_of_json(event["test"]),
        train_scores=_scores_of_json(event["train"]),
        **{name: event[name] for name in _FOLD_FIELDS if name in event},
    )


# ---- what was recorded


@dataclass(eq=False)
class Record:
    """What the events of a journal come to.

    Attributes
    ----------
    header : dict or None
        None: it has none yet.
    asked : list of dict
        By trial.
    outcomes : dict
        By (trial, fold).
    order : list of (str, int)
        "asked" or "committed", and the trial.
    commits : dict
        Events of the commits, by trial, in their order.
    end : dict or None
        The last event, when that says why the search ended.
    session : dict or None
        The last process that worked on it.
    seconds : float
        Of search, in all sessions.
    lost : set of (int, int)
        Folds that count as not recorded since their predictions are damaged.
    """

    header: dict | None = None
    asked: list[dict] = field(default_factory=list)
    outcomes: dict[tuple[int, int], FoldOutcome] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    commits: dict[int, dict] = field(default_factory=dict)
    end: dict | None = None
    session: dict | None = None
    seconds: float = 0.0
    lost: set[tuple[int, int]] = field(default_factory=set)
    scores: Any = None  # the first ones that are known


def read_record(events: Sequence[dict], path: Any, predictions: Any = None) -> Record:
    """Return what events come to; ``predictions`` reads those of a fold, or None.

    Raises
    ------
    CheckpointError
        When they were written by another version, or make no sense.
    """
    record = Record()
    for number, event in enumerate(events, start=1):
        try:
            _note(record, event, path, predictions)
        except CheckpointError:
            raise
        except ValueError as error:
            raise _makes_no_sense(path, number, error) from error
    return record


def _note(record: Record, event: dict, path: Any, predictions: Any) -> None:
    _check_format(event, path)
    check_event(event)
    kind = event["event"]
    if (kind == "header") != (record.header is None):
        raise ValueError("the header is the first line and no other one")
    record.seconds = max(record.seconds, float(event.get("seconds", 0.0)))
    if kind in ("asked", "fold", "committed"):
        record.end = None  # it went on
    if kind in ("asked", "committed"):
        record.order.append((kind, event["trial"]))
    if kind == "fold":
        _note_fold(record, event, predictions)
    else:
        _NOTES[kind](record, event)


def _check_format(event: dict, path: Any) -> None:
    number = event.get("format", FORMAT)
    if event.get("event") != "header" or type(number) is not int or number == FORMAT:
        return
    versions = event.get("versions")
    writer = versions.get("skhpo") if isinstance(versions, dict) else None
    raise CheckpointError(
        f"The checkpoint {path} has format {number}, and this version of skhpo reads "
        f"format {FORMAT}. Use the version that wrote it ({writer or 'unknown'}), or "
        "another path."
    )


def _note_header(record: Record, event: dict) -> None:
    record.header = event


def _note_session(record: Record, event: dict) -> None:
    record.session = event


def _note_asked(record: Record, event: dict) -> None:
    number = len(record.asked)
    if event["trial"] != number:
        raise ValueError(f"trial {event['trial']} where {number} is next")
    for name in ("parent", "candidate"):
        if event[name] is not None and event[name] >= number:
            raise ValueError(f"{name!r} is {event[name]}, which is not asked for yet")
    n_dims = len(record.asked[0]["point"] if record.asked else event["point"])
    if len(event["point"]) != n_dims:
        raise ValueError(f"'point' has {len(event['point'])} numbers, not {n_dims}")
    record.asked.append(event)


def _note_fold(record: Record, event: dict, predictions: Any) -> None:
    _check_asked(record, event["trial"])
    if event["fold"] >= record.header["n_splits"]:
        raise ValueError(f"fold {event['fold']} of {record.header['n_splits']}")
    outcome = _outcome_of(event)
    for scores in (outcome.test_scores, outcome.train_scores):
        _check_metrics(record, scores)
    place, key = event.get("predictions"), (outcome.trial, outcome.fold)
    if place is not None and predictions is not None:
        array = predictions(*place)
        if array is None:
            record.lost.add(key)
            return
        outcome = replace(outcome, predictions=array)
    record.lost.discard(key)
    record.outcomes[key] = outcome


def _check_metrics(record: Record, scores: Any) -> None:
    """Check that scores are of one metric, or all of several, as the first ones are.

    Of several, the metrics that the header names must be there.
    """
    if scores is None:
        return
    if record.scores is None:
        record.scores = scores
    if isinstance(scores, dict) != isinstance(record.scores, dict):
        raise ValueError("scores are of one metric here and of several there")
    if isinstance(scores, dict):
        header = record.header
        named = {header["objective"], header["refit"]} - {None}
        missing = (named or {next(iter(record.scores))}) - scores.keys()
        if missing:
            raise ValueError(f"there is no score of {sorted(map(str, missing))[0]}")


def _note_commit(record: Record, event: dict) -> None:
    if event["trial"] in record.commits:
        raise ValueError(f"trial {event['trial']} was committed before")
    _check_closed(record, event["trial"], event, record.commits)
    record.commits[event["trial"]] = event


def _note_end(record: Record, event: dict) -> None:
    closed = {int(number): summary for number, summary in event["closed"].items()}
    for number, summary in closed.items():
        _check_closed(record, number, summary, record.commits.keys() | closed.keys())
    for number in event["late"]:
        _check_asked(record, number)
    record.end = event


def _check_asked(record: Record, number: int) -> None:
    if number >= len(record.asked):
        raise ValueError(f"trial {number} is not asked for yet")


def _check_closed(record: Record, number: int, event: dict, closed: Any) -> None:
    """Check what became of a trial against the trials that were closed."""
    _check_asked(record, number)
    twin, rival, n_folds = event["twin"], event["rival"], event["n_folds"]
    n_splits, racing = record.header["n_splits"], record.header["racing"]
    if twin is not None and (twin >= number or (racing and twin not in closed)):
        raise ValueError(f"'twin' is {twin}, which is not done yet")
    if rival is not None and (rival == number or rival not in closed):
        raise ValueError(f"'rival' is {rival}, which is not done yet")
    is_raced_out = event["status"] == "raced_out"
    if is_raced_out and not (racing and rival is not None):
        raise ValueError("'status' is 'raced_out' without a race or a rival")
    may_be_short = is_raced_out or (racing and event["status"] == "failed")
    if n_folds != n_splits and not (may_be_short and n_folds < n_splits):
        raise ValueError(f"'n_folds' is {n_folds}, of {n_splits} folds")
    source = number if twin is None else twin
    folds = [(source, fold) for fold in range(n_folds)]
    if not all(key in record.outcomes or key in record.lost for key in folds):
        raise ValueError(f"not all of the {n_folds} folds are there")


_NOTES = {
    "header": _note_header,
    "session": _note_session,
    "asked": _note_asked,
    "committed": _note_commit,
    "stopped": _note_end,
}


# ---- the file


class JournalFile:
    """A journal that is open for writing, and locked.

    When something cannot be written later on, that is said once, and no more is tried:
    the search is worth more than its record.

    Parameters
    ----------
    path : path-like
        Is created if it does not exist.

    Attributes
    ----------
    refusal : CheckpointError or None
        Why the file can only be read; None = it can be written as well.

    Raises
    ------
    CheckpointError
        When it cannot be opened, is in use by another process, or is damaged.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._predictions = Path(f"{self.path}{_PREDICTIONS}")
        self._file, self.refusal = _open(self.path)
        try:
            check_is_file(os.fstat(self._file.fileno()), self.path)
            if self.refusal is None:
                _lock(self._file, self.path)
            self.events, self._size, self._crc = decode(self._file.read(), self.path)
        except BaseException:
            self._file.close()
            raise
        self._n_predictions = None  # bytes in the file beside it; None = not known
        self._n_uncut = self._size  # what lies behind is torn
        self._synced = time.monotonic()
        self._failed = False
        _opened.add(self)

    def append(self, event):
        """Write an event, or warn that nothing more will be written."""
        if self._failed:
            return
        try:
            self.append_or_raise(event)
        except OSError as error:
            self._give_up(error)

    def append_or_raise(self, event):
        """Write an event."""
        line, crc = encode(event, self._crc)
        if self._n_uncut is not None:
            self._file.truncate(self._n_uncut)
            self._file.seek(self._n_uncut)
            self._n_uncut = None
        _write_all(self._file, line)
        self._crc = crc

    def append_fold(self, event, predictions):
        """Write the event of a fold, its predictions beforehand."""
        if self._failed:
            return
        try:
            if predictions is not None:
                event = {**event, "predictions": self._append_array(predictions)}
            self.append_or_raise(event)
        except OSError as error:
            self._give_up(error)

    def sync(self, at_once=False):
        """Wait until it is on the disk; not more often than every SYNC_SECONDS."""
        now = time.monotonic()
        if self._failed or not (at_once or now - self._synced > SYNC_SECONDS):
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self._give_up(error)
        self._synced = now

    def close(self):
        """Close the file, which unlocks it."""
        _opened.discard(self)
        self._file.close()

    def read_array(self, offset, size, crc, dtype, shape):
        """Return predictions as they were written; None when they are not."""
        try:
            with self._predictions.open("rb") as file:
                if offset + size > os.fstat(file.fileno()).st_size:
                    return None
                file.seek(offset)
                data = file.read(size)
        except OSError:
            return None
        if len(data) != size or crc32(data) != crc or dtype not in _DTYPES:
            return None
        return np.frombuffer(data, dtype=dtype).reshape(shape).copy()

    def _append_array(self, array):
        data = np.ascontiguousarray(array, dtype=f"<{array.dtype.str[1:]}").tobytes()
        with self._predictions.open("ab", buffering=0) as file:
            offset = file.seek(0, os.SEEK_END)
            _write_all(file, data)
        dtype = f"<{array.dtype.str[1:]}"
        return [offset, len(data), crc32(data), dtype, list(array.shape)]

    def _give_up(self, error):
        self._failed = True
        warn_user(
            f"The checkpoint {self.path} cannot be written any more ({error}). The "
            "search goes on without it; what was written so far can be resumed from."
        )


_opened = weakref.WeakSet()  # journals open in this process


def _forget_in_child():
    """Close in a child what it inherited: it would keep the lock for its parent."""
    for journal in list(_opened):
        journal._file.close()
    _opened.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def _open(path):
    """Return the open file, and why it can only be read, if so."""
    try:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0), None
    except OSError as error:
        refusal = CheckpointError(
            f"checkpoint={str(path)!r} cannot be written: {error.strerror or error}. "
            "Give the path of a file (or, with a separator at its end, of a folder) in "
            "a place where you may write."
        )
        try:
            return open(path, "rb", buffering=0), refusal
        except OSError:
            raise refusal from error


def _lock(file, path):
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            _lock_on_windows(file)
    except (BlockingIOError, PermissionError):
        raise CheckpointError(
            f"The checkpoint {path} is in use by {_user_of(path)}. Wait for its end, "
            "or give each search a path of its own: a folder "
            f"(checkpoint={str(path.with_suffix('')) + os.sep!r}) holds any number."
        ) from None
    except OSError:  # a file system without locks
        pass


def _lock_on_windows(file):
    import msvcrt

    place = file.tell()
    file.seek(_FAR)
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    finally:
        file.seek(place)


def _user_of(path):
    try:
        events, _, _ = decode(path.read_bytes(), path)
        session = read_record(events, path).session
    except (OSError, CheckpointError):
        session = None
    if session is None:
        return "another process"
    own = session["pid"] == os.getpid() and session["host"] == socket.gethostname()
    is_own = ", this one," if own else ""
    return f"process {session['pid']}{is_own} on {session['host']}"


def _write_all(file, data):
    view = memoryview(data)
    while view:
        n = file.write(view)
        view = view[n or 0 :]


# ---- what the loop talks to


class Journal:
    """Replays what was recorded, and writes down what is new.

    Parameters
    ----------
    file : JournalFile
        What is there already, and where the rest goes.
    with_predictions : bool
        Whether folds need their predictions.

    Attributes
    ----------
    is_finished : bool
        The recorded search came to an end that counts: nothing is fitted or written.
    is_quick : bool
        Nor is the optimizer asked: what it proposed is all that is wanted of it.
    """

    def __init__(self, file, with_predictions=False):
        self.file = file
        read = file.read_array if with_predictions else None
        self.record = read_record(file.events, file.path, read)
        self.is_finished = self.is_quick = False
        self._step = 0  # of the recorded order
        self._n_commits = 0
        self._start = time.monotonic()
        self._statuses = {n: e["status"] for n, e in self.record.commits.items()}
        self.max_time = None  # seconds that the search may take
        self._replayed = 0.0  # seconds of search at the last event that was replayed
        #: Seconds that do not count: of the replay, less those of earlier sessions.
        self.credit = -self.record.seconds

    # ---- time

    def seconds(self):
        """Return the seconds of search so far: while it is replayed, those recorded."""
        if self.is_replaying:
            return self._replayed
        return time.monotonic() - self._start - self.credit

    @property
    def is_replaying(self):
        """Whether commits that were recorded are still to come."""
        return self._n_commits < len(self.record.commits)

    # ---- begin, end

    @property
    def outcomes(self):
        """What was recorded of folds, by (trial, fold)."""
        return self.record.outcomes

    @property
    def n_points(self):
        """Points in flight of the recorded search; None = there is none."""
        header = self.record.header
        return None if header is None else header["n_points"]

    def begin(self, header, n_points):
        """Write the header of a new journal, and who works on it now."""
        if self.is_finished:
            return
        try:
            if self.record.header is None:
                begin = {"event": "header", "format": FORMAT, "n_points": n_points}
                self.file.append_or_raise({**begin, **header})
            self.file.append_or_raise(
                {
                    "event": "session",
                    "pid": os.getpid(),
                    "host": socket.gethostname(),
                    "time": time.time(),
                }
            )
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint {self.file.path} cannot be written: "
                f"{error.strerror or error}. Give a path with room for it."
            ) from error
        self.file.sync(at_once=True)

    def stopped(self, reason, late, closed):
        """Write down why the search ended, and what became of its trials.

        ``late`` are the trials that were kept although their turn had not come.
        """
        if self.is_finished:
            return
        changed = {
            trial.id: _summary(trial)
            for trial in closed
            if self._statuses.get(trial.id) != trial.status
        }
        self._write(
            "stopped", reason=reason, late=late, closed=changed, max_time=self.max_time
        )
        self.file.sync(at_once=True)

    # ---- what is replayed

    def next_step(self):
        """Return what came next in the recorded order; None = all was replayed."""
        order = self.record.order
        return order[self._step] if self._step < len(order) else None

    def diverge(self):
        """Follow the recorded order no longer: it cannot be."""
        self._step = len(self.record.order)

    def recorded(self, number, job):
        """Return the job as it was recorded; as it is, if it was not.

        Another machine's floating point, or an optimizer that draws without a seed, may
        propose something else now: what was evaluated wins.
        """
        if number >= len(self.record.asked):
            return job
        event = self.record.asked[number]
        self._check_same_job(event, job)
        point = point_of_json(event["point"])
        if np.array_equal(point, job.proposal.point, equal_nan=True):
            return job
        labels, params = event["labels"], None
        proposal = replace(job.proposal, point=point, labels=labels, params=params)
        return replace(job, proposal=proposal, origin=event["origin"])

    def proposals(self, ask, params_of):
        """Return what was proposed at an ask of this number; None = ask again.

        Of an asynchronous search (``ask=None``), what was proposed next.
        """
        if not self.is_quick:
            return None
        if ask is None:
            kind, number = self.next_step() or ("", 0)
            events = [self.record.asked[number]] if kind == "asked" else []
            events = [event for event in events if event["ask"] is not None]
        else:
            events = self._batches.get(ask, [])
        return [_proposal_of(event, params_of) for event in events]

    @cached_property
    def _batches(self):
        """What was proposed, by the number of the ask."""
        batches = {}
        for event in self.record.asked:
            batches.setdefault(event["ask"], []).append(event)
        return batches

    def can_be_quick(self):
        """Whether it holds all that a finished search was proposed, to the last bit."""
        return self.is_finished and all(e["exact"] != "no" for e in self.record.asked)

    def _check_same_job(self, event, job):
        for name in ("resource", "parent", "candidate"):
            if event[name] != getattr(job, name):
                raise CheckpointError(
                    f"{self.file.path} cannot be replayed: trial {event['trial']} was "
                    f"asked for with {name}={event[name]}, and now with "
                    f"{name}={getattr(job, name)}. Was it written by another version "
                    "of skhpo, or with a scheduler or data that changed? Choose "
                    "another path to start anew."
                )

    def has_ended(self):
        """Whether all of a search that is finished was replayed."""
        is_all = self._step >= len(self.record.order)
        return self.is_finished and is_all and not self.is_replaying

    @property
    def reason(self):
        """Why the recorded search ended."""
        return self.record.end["reason"]

    def is_late(self, number):
        """Whether a trial was kept, at the recorded end, before its turn."""
        return not self.is_finished or number in self.record.end["late"]

    # ---- what happens

    def asked(self, trial, ask):
        """Write down what was asked for, and at which ask; None = it was known."""
        if trial.id < len(self.record.asked):
            self._follow(self.record.asked[trial.id], "asked")
            return
        job = trial.job
        self._write(
            "asked",
            trial=trial.id,
            ask=ask,
            exact=_exactness(job.proposal),
            point=_point_as_json(job.proposal.point),
            labels={name: plain(v) for name, v in job.proposal.labels.items()},
            origin=job.origin,
            resource=job.resource,
            parent=job.parent,
            candidate=job.candidate,
            params={name: plain(value) for name, value in trial.params.items()},
        )

    def arrived(self, outcome):
        """Write down what a fold came to."""
        if (outcome.trial, outcome.fold) in self.record.outcomes:
            return
        event = {**_fold_event(outcome), "seconds": round(self.seconds(), 4)}
        self.file.append_fold(event, outcome.predictions)

    def committed(self, trial):
        """Write down that it was a trial's turn, and what it came to."""
        if trial.id in self.record.commits:
            self._n_commits += 1
            self._follow(self.record.commits[trial.id], "committed")
            if not self.is_replaying:
                self.credit = time.monotonic() - self._start - self.record.seconds
            return
        self._statuses[trial.id] = trial.status
        self._write("committed", trial=trial.id, cost=trial.cost, **_summary(trial))
        self.file.sync()

    def was_committed(self, trial):
        """Return whether this was recorded before this process began."""
        return trial.id in self.record.commits

    def seconds_of(self, trial):
        """Return what a trial cost, as recorded, where it was."""
        event = self.record.commits.get(trial.id)
        return trial.cost if event is None else event["cost"]

    def _follow(self, event, kind):
        self._replayed = event.get("seconds", self._replayed)
        if self.next_step() == (kind, event["trial"]):
            self._step += 1
        elif self.next_step() is not None:
            self._skip(kind, event["trial"])

    def _skip(self, kind, trial):
        """Count a step that came earlier or later than it was recorded."""
        self.record.order.remove((kind, trial))

    def _write(self, kind, **values):
        seconds = round(self.seconds(), 4)
        self.file.append({"event": kind, **values, "seconds": seconds})


def _summary(trial):
    """Return what a reader of the journal has to know of a trial that was closed."""
    return {
        "status": trial.status,
        "n_folds": len(trial.outcomes),
        "twin": None if trial.twin is None else trial.twin.id,
        "rival": None if trial.rival is None else trial.rival.id,
    }
