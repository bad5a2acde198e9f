"""A line for each trial, in files that several searches may share."""

import csv
import io
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skhpo._callbacks import Progress, SearchBegin, SearchEnd
from skhpo._errors import without_stack
from skhpo.tracking._tracker import Tracker
from skhpo.tracking._values import number_or_text, plain

_LEADING = ("search", "number", "candidate", "status", "score", "std")


class CSVWriter(Tracker):
    """Append a line for each finished trial to a CSV file.

    Columns: ``search`` (eight digits that name the search), ``number``, ``candidate``,
    ``status``, ``score``, ``std``, of several metrics ``score_<metric>``,
    ``n_resources``, ``seconds``, ``elapsed``, a column ``param_<name>`` for each
    parameter of the space, ``error``: see :class:`~skhpo.Progress`. A parameter that is
    not active leaves its field empty. Values that are neither number nor text are
    written as ``str`` has them (None as "None", which pandas reads as missing, too,
    unless told otherwise: ``keep_default_na=False``).

    Each line is written at once and in one piece: others may read the file meanwhile,
    and searches in several processes, as in nested cross-validation, may share it. A
    file with the same columns is appended to, any other is refused.

    Parameters
    ----------
    path : str or path-like
        The file; its folder must exist.

    See Also
    --------
    JSONLinesWriter : For spaces that change, and values with a structure.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import pandas as pd
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo import BayesSearchCV
    >>> from skhpo.tracking import CSVWriter
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "trials.csv"
    >>> space = {"max_depth": [1, 2, 3], "criterion": ["gini", "entropy"]}
    >>> search = BayesSearchCV(
    ...     DecisionTreeClassifier(random_state=0), space, callbacks=CSVWriter(path)
    ... ).fit(*load_iris(return_X_y=True))
    >>> pd.read_csv(path)[["number", "status", "param_criterion", "param_max_depth"]]
       number    status param_criterion  param_max_depth
    0       0  complete            gini                1
    1       1  complete            gini                2
    2       2  complete            gini                3
    3       3  complete         entropy                1
    4       4  complete         entropy                2
    5       5  complete         entropy                3
    >>> folder.cleanup()
    """

    def __init__(self, path):
        self.path = path

    def open(self, begin):
        """Write the header where there is none yet.

        Raises
        ------
        ValueError
            When the file has other columns.
        OSError
            When the file cannot be written.
        """
        columns = _columns(begin)
        header = _csv_line(columns)
        path = Path(self.path)
        _begin_with(header, path)
        with path.open("rb") as file:
            found = file.read(len(header)) == header
        if not found:
            raise ValueError(
                f"CSVWriter({str(path)!r}): the file exists and its first line is not "
                f"{header.decode().strip()!r}, as it would be for this search. Use "
                "another path, or JSONLinesWriter, whose lines may differ."
            )
        return _CSVRecord(_Appended(path), begin, columns)


@dataclass
class _CSVRecord:
    file: "_Appended"
    begin: SearchBegin
    columns: list[str]

    def write(self, progress: Progress) -> None:
        fields = _fields(self.begin, progress)
        fields["error"] = without_stack(progress.error)
        for name, value in progress.params.items():
            fields[f"param_{name}"] = number_or_text(value)
        for name, value in progress.scores.items():
            fields[f"score_{name}"] = value
        self.file.append(_csv_line([fields.get(name) for name in self.columns]))

    def close(self, end: SearchEnd) -> None:
        self.file.close()


def _columns(begin):
    scores = [f"score_{name}" for name in begin.metrics]
    params = [f"param_{name}" for name in begin.param_names]
    times = ["n_resources", "seconds", "elapsed"]
    return [*_LEADING, *scores, *times, *params, "error"]


def _csv_line(fields):
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(fields)
    return line.getvalue().encode()


class JSONLinesWriter(Tracker):
    """Append a JSON object for each finished trial to a file, one per line.

    Keys: those of :class:`CSVWriter`, but for ``params`` and ``scores``, which are
    objects of their own, and ``error`` with the whole traceback. Not-a-number and
    infinity, which JSON lacks, become null; other objects are text.

    Parameters
    ----------
    path : str or path-like
        The file; its folder must exist. It is appended to.

    Examples
    --------
    >>> import tempfile, pathlib, json
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skhpo import BayesSearchCV
    >>> from skhpo.tracking import JSONLinesWriter
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "trials.jsonl"
    >>> space = [{"kernel": ["linear"]}, {"kernel": ["rbf"], "gamma": [0.1, 1.0]}]
    >>> search = BayesSearchCV(SVC(), space, callbacks=JSONLinesWriter(path))
    >>> _ = search.fit(*load_iris(return_X_y=True))
    >>> for line in path.read_text().splitlines():
    ...     print(json.loads(line)["params"])
    {'kernel': 'linear'}
    {'gamma': 0.1, 'kernel': 'rbf'}
    {'gamma': 1.0, 'kernel': 'rbf'}
    >>> folder.cleanup()
    """

    def __init__(self, path):
        self.path = path

    def open(self, begin):
        """Open the file.

        Raises
        ------
        OSError
            When the file cannot be written.
        """
        return _JSONRecord(_Appended(Path(self.path)), begin)


@dataclass
class _JSONRecord:
    file: "_Appended"
    begin: SearchBegin

    def write(self, progress: Progress) -> None:
        fields = {
            **_fields(self.begin, progress),
            "scores": progress.scores,
            "params": progress.params,
            "error": progress.error,
        }
        line = json.dumps(plain(fields), ensure_ascii=False, allow_nan=False)
        self.file.append(line.encode() + b"\n")

    def close(self, end: SearchEnd) -> None:
        self.file.close()


# ---- what both write, and how


def _fields(begin: SearchBegin, progress: Progress) -> dict[str, Any]:
    names = (*_LEADING[1:], "n_resources", "seconds", "elapsed")
    return {"search": begin.id, **{name: getattr(progress, name) for name in names}}


class _Appended:
    """A file to whose end lines are added, each in one call of the system."""

    def __init__(self, path: Path):
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0)
        if not self._ends_a_line():
            self.append(b"\n")  # somebody was killed while writing

    def _ends_a_line(self):
        if self._file.seek(0, os.SEEK_END) == 0:
            return True
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) == b"\n"

    def append(self, line: bytes) -> None:
        if self._file.write(line) < len(line):
            raise OSError(f"{self._file.name} took a part of a line only: disk full?")

    def close(self) -> None:
        self._file.close()


def _begin_with(header: bytes, path: Path) -> None:
    """Write the first line of a file that is new or empty.

    Of several searches that begin at a time the one that makes the file writes it.
    """
    try:
        with path.open("xb", buffering=0) as file:
            file.write(header)
    except FileExistsError:
        deadline = time.monotonic() + 0.2
        while not path.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.01)  # the one that made it is about to write
        if not path.stat().st_size:  # nobody is: the user made it
            path.write_bytes(header)
