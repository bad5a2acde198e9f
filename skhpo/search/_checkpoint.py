"""``checkpoint=``: which journal belongs to a search, and what it holds.

A search is known by its *fingerprint*: one short hash for each thing that its table
depends on, so that a difference can be called by its name. Functions and classes count
by their qualified names, estimators by their parameters, data by their values.
"""

import dataclasses
import functools
import os
import platform
import types
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy
import sklearn
from scipy import sparse

from skhpo._archive import Archive, Trial, build_cv_results
from skhpo._errors import CheckpointError, warn_user
from skhpo._journal import (
    Journal,
    JournalFile,
    decode,
    is_folder,
    path_of,
    point_of_json,
    read_record,
)
from skhpo._loop import MAX_TIME, NoJournal
from skhpo._types import Job, Proposal
from skhpo._version import __version__
from skhpo.search._results import tidy

#: Parameters of the searches that do not change the table: how it is computed, what is
#: said of it, and when it ends.
_NOT_IN_THE_TABLE = {
    *("n_jobs", "pre_dispatch", "verbose", "callbacks", "checkpoint", "keep_models"),
    *("max_time", "stop", "fit_timeout"),
    *("cv", "refit", "random_state"),  # in other words: splits, steering, seed
}

#: Nor do these of an estimator.
_NOT_IN_A_MODEL = {"n_jobs", "verbose", "memory"}

_SUFFIX, _MODELS = ".jsonl", ".models"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Where a search is written down, for ``checkpoint=``.

    Parameters
    ----------
    path : path-like
        A file for one search; or a folder for any number of them, which is one that
        exists or a path with a separator at its end.

    models : bool, default=False
        Whether models that wait for the next rung or step are kept in files as well.
        Without them they are trained again, to the same models, when a search is
        resumed. They are pickles: load only what you trust, since a pickle can run any
        code. The checkpoint itself is none.

    Examples
    --------
    >>> from skhpo import Checkpoint
    >>> Checkpoint("search.jsonl")
    Checkpoint(path='search.jsonl', models=False)
    """

    path: Any
    models: bool = False


def check_checkpoint(checkpoint):
    """Refuse what is no path."""
    try:
        text = path_of(checkpoint)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text:
        raise TypeError(
            f"checkpoint={checkpoint!r} is no path. Possible: None, a path such as "
            "'search.jsonl', a folder such as 'searches/', or "
            "skhpo.Checkpoint(path, models=True)."
        )


# ---- one search and its journal


@dataclasses.dataclass(eq=False)
class Session:
    """One call of ``fit``, and the checkpoint that it goes on from or begins.

    ``header`` is what was recorded of the search before, if anything.
    """

    path: Path
    fingerprint: dict[str, tuple[str, str]]  # part -> (hash, what a reader is shown)
    facts: dict[str, Any]  # for readers of the journal
    header: dict | None = None
    models: Path | None = None  # the folder where models are kept, if they are

    def seed(self, drawn):
        """Return the seed of the search: the recorded one, or that drawn now."""
        self.facts["seed"] = int(drawn if self.header is None else self.header["seed"])
        return self.facts["seed"]

    def is_limited(self, is_now):
        """Return whether the search began with a limit of time: its order is kept."""
        header = {} if self.header is None else self.header
        self.facts["is_limited"] = header.get("is_limited", is_now)
        return self.facts["is_limited"]

    @contextmanager
    def journal(self, max_time, with_predictions):
        """Open the journal for the length of the search, for nobody else."""
        file = JournalFile(self.path)
        try:
            journal = Journal(file, with_predictions)
            header = journal.record.header
            if header is not None:
                _compare(self.fingerprint, header, self.path)
                if header["seed"] != self.facts["seed"]:
                    raise _has_changed(self.path)
            elif self.header is not None:
                raise _has_changed(self.path)
            journal.max_time = max_time
            journal.is_finished = _is_finished(journal.record, max_time)
            yield journal
        finally:
            file.close()

    def begin(self, journal, n_points):
        """Write who this is, where nothing is written yet."""
        parts = {name: list(part) for name, part in self.fingerprint.items()}
        header = {"versions": _versions(), "fingerprint": parts, **self.facts}
        journal.begin(header, n_points)


class NoSession:
    """There is no checkpoint."""

    models = None

    def begin(self, journal, n_points):
        """Write nothing."""

    def seed(self, drawn):
        """Return the seed that was drawn."""
        return drawn

    def is_limited(self, is_now):
        """Return whether there is a limit of time."""
        return is_now

    @contextmanager
    def journal(self, max_time, with_predictions):
        """Return a journal that does nothing."""
        yield NoJournal()


def open_session(search, X, y, routed, splits):
    """Return what a search's ``checkpoint=`` means for this call of its ``fit``.

    Raises
    ------
    CheckpointError
        When it is another search's, or cannot be read.
    """
    checkpoint = search.checkpoint
    if checkpoint is None:
        return NoSession()
    check_checkpoint(checkpoint)
    fingerprint = fingerprint_of(search, X, y, routed, splits)
    path = _file_of(checkpoint, type(search).__name__, fingerprint)
    header = _read_header(path)
    if header is not None:
        _compare(fingerprint, header, path)
        _warn_of_versions(header, path)
    keeps_models = getattr(checkpoint, "models", False)
    models = Path(f"{path}{_MODELS}") if keeps_models else None
    return Session(path, fingerprint, _facts(search), header, models)


def _file_of(checkpoint, name, fingerprint):
    """Return the path of the journal; make the folder where there is to be one."""
    path = Path(path_of(checkpoint))
    if not is_folder(checkpoint):
        return path
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint={path_of(checkpoint)!r}: the folder cannot be made "
            f"({error.strerror or error})."
        ) from error
    whole = digest([part[0] for part in fingerprint.values()])
    return path / f"{name}-{whole[:16]}{_SUFFIX}"


def _read_header(path):
    try:
        with path.open("rb") as file:
            data = file.readline()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(
            f"checkpoint={str(path)!r} cannot be read: {error.strerror or error}."
        ) from error
    events, _, _ = decode(data, path)
    return read_record(events, path).header


def _is_finished(record, max_time):
    """Return whether there is nothing left to do.

    Unless the time was over then, and there is more of it now.
    """
    if record.end is None or record.n_lost:
        return False
    if record.end["reason"] != MAX_TIME:
        return True
    return max_time is not None and max_time <= record.end["max_time"]


def _facts(search):
    """Return what readers of the journal need to make a table of it."""
    error_score = search.error_score
    return {
        "search": type(search).__name__,
        "n_splits": search.n_splits_,
        "racing": search.racing is not None,
        "error_score": error_score if error_score == "raise" else float(error_score),
        "objective": search.objective,
        "refit": search.refit if isinstance(search.refit, str) else None,
    }


def _versions():
    return {
        "skhpo": __version__,
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "pandas": pd.__version__,
        "joblib": joblib.__version__,
    }


def _warn_of_versions(header, path):
    before, now = header["versions"], _versions()
    changed = [
        f"{name} {before.get(name)} then, {now[name]} now"
        for name in now
        if before.get(name) != now[name]
    ]
    if changed:
        warn_user(
            f"The checkpoint {path} was begun with other versions ({'; '.join(changed)}"
            "). The search goes on; results may differ from those of one version."
        )


# ---- fingerprints


def fingerprint_of(search, X, y, routed, splits):
    """Return (hash, short text) for each thing that the table depends on."""
    params = search.get_params(deep=False)
    parts = {
        "X": X,
        "y": y,
        "the parameters of fit": [routed.estimator.fit, routed.scorer.score],
        "the splits": [(np.asarray(train), np.asarray(test)) for train, test in splits],
        "random_state": search.random_state,
        "refit": search.refit if isinstance(search.refit, str) else None,
        **{k: v for k, v in params.items() if k not in _NOT_IN_THE_TABLE},
    }
    if not isinstance(params.get("optimizer"), str | None):
        parts["optimizer"] = _name_of(params["optimizer"])
    if params.get("warm_start_from") is not None:
        parts["warm_start_from"] = _without_times(params["warm_start_from"])
    found = {name: (digest(value), _shown(value)) for name, value in parts.items()}
    return {"the class": (digest(type(search)), type(search).__name__), **found}


def _without_times(source):
    """Return the tables of old studies, which searches hold beside their parameters."""
    if isinstance(source, list | tuple):
        return [_without_times(one) for one in source]
    table = getattr(source, "cv_results_", source)
    if not isinstance(table, Mapping):
        return table
    return {k: v for k, v in table.items() if not str(k).endswith("_time")}


def digest(value):
    """Return a short hash of a value: the same in every process, on every machine.

    Examples
    --------
    >>> digest({"C": 1.0}) == digest({"C": 1.0})
    True
    >>> digest({"C": 1.0}) == digest({"C": 2.0})
    False
    """
    state = blake2b(digest_size=10)
    _feed(state, value, ())
    return state.hexdigest()


def _feed(state, value, above):
    """Add a value to a hash; ``above`` are the objects that it is a part of."""
    if isinstance(value, np.generic):
        value = value.item()
    if any(value is other for other in above):
        _tag(state, "itself")
        return
    above = (*above, value)
    if value is None or isinstance(value, bool | int | float | complex | str):
        _tag(state, type(value).__name__, repr(value))
    elif isinstance(value, bytes | bytearray):
        _tag(state, "bytes", len(value))
        state.update(value)
    elif isinstance(value, list | tuple):
        _tag(state, type(value).__name__, len(value))
        for part in value:
            _feed(state, part, above)
    elif isinstance(value, Mapping):
        _tag(state, "dict", len(value))
        for item in value.items():
            _feed(state, item, above)
    elif isinstance(value, set | frozenset):
        _feed(state, sorted(digest(part) for part in value), above)
    elif sparse.issparse(value):
        _feed_sparse(state, value)
    elif isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        _feed_frame(state, value, above)
    elif isinstance(value, np.ndarray):
        _feed_array(state, value, above)
    elif hasattr(value, "__array__") and not isinstance(value, type):
        _tag(state, _name_of(type(value)), getattr(value, "columns", ""))
        _feed_array(state, np.asarray(value), above)
    else:
        _feed_object(state, value, above)


def _tag(state, *words):
    state.update(("|".join(map(str, words)) + "\n").encode(errors="replace"))


def _feed_array(state, array, above):
    _tag(state, "array", array.dtype.str, array.shape)
    if isinstance(array, np.ma.MaskedArray):
        _feed_array(state, np.ma.getmaskarray(array), above)
        array = array.compressed()
    if array.dtype.hasobject:
        for part in array.ravel():
            _feed(state, part, above)
    else:
        array = np.ascontiguousarray(array)
        state.update(array.view(np.uint8).data if array.size else b"")


def _feed_sparse(state, matrix):
    matrix = matrix.tocsr()
    _tag(state, "sparse", matrix.shape)
    for array in (matrix.data, matrix.indices.astype(np.int64), matrix.indptr):
        _feed_array(state, np.asarray(array), ())


def _feed_frame(state, frame, above):
    _tag(state, type(frame).__name__, frame.shape)
    if isinstance(frame, pd.DataFrame):
        _feed(state, [*frame.columns], above)
        _feed(state, [str(dtype) for dtype in frame.dtypes], above)
        frame = frame.set_axis(range(frame.shape[1]), axis=1)
    try:
        rows = pd.util.hash_pandas_object(frame)
    except TypeError:  # cells that cannot be hashed, such as lists
        _feed_array(state, frame.to_numpy(dtype=object), above)
    else:
        _feed_array(state, rows.to_numpy(), above)


def _feed_object(state, value, above):
    """Add functions and classes by name, anything else by its class and its parts."""
    if isinstance(value, functools.partial):
        _tag(state, "partial")
        _feed(state, [value.func, value.args, value.keywords], above)
    elif isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        _tag(state, "name", _name_of(value))
    elif isinstance(value, types.MethodType):
        _tag(state, "method", value.__func__.__name__)
        _feed(state, value.__self__, above)
    else:
        _tag(state, "object", _name_of(type(value)))
        _feed(state, _parts_of(value), above)


def _parts_of(value):
    """Return what makes an object different from others of its class."""
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        return {k: v for k, v in params.items() if k not in _NOT_IN_A_MODEL}
    if isinstance(value, np.random.RandomState):
        return value.get_state(legacy=False)
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if dataclasses.is_dataclass(value):  # not what it remembers beside its fields
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if hasattr(value, "_score_func"):  # made by make_scorer
        names = ("_score_func", "_sign", "_kwargs", "_response_method")
        return [getattr(value, name, None) for name in names]
    if hasattr(value, "dist") and hasattr(value, "kwds"):  # scipy's frozen laws
        return [value.dist.name, value.args, value.kwds]
    if hasattr(value, "__dict__"):
        return {
            name: part
            for name, part in sorted(vars(value).items())
            if not isinstance(
                getattr(type(value), name, None), functools.cached_property
            )
        }
    text = repr(value)
    return None if " at 0x" in text else text


def _name_of(value):
    """Return the qualified name of a class, a function, or an object's class."""
    if not hasattr(value, "__qualname__"):
        value = type(value)
    return f"{value.__module__}.{value.__qualname__}"


def _shown(value, width=60):
    """Return what a message may say of a value."""
    if hasattr(value, "shape"):
        dtype = getattr(value, "dtype", "")
        return f"{type(value).__name__} of shape {tuple(value.shape)} {dtype}".strip()
    if isinstance(value, list | tuple | dict) and len(value) > 10:
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return f"list of {len(value)} pairs"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # whatever a __repr__ raises
        text = type(value).__name__
    return text if len(text) <= width else text[: width - 3] + "..."


# ---- differences


def _compare(fingerprint, header, path):
    """Refuse the journal of another search, naming what differs."""
    before = header["fingerprint"]
    names = dict.fromkeys([*fingerprint, *before])
    missing = ("", "not there")
    differing = {
        name: (before.get(name, missing), fingerprint.get(name, missing))
        for name in names
        if before.get(name, missing)[0] != fingerprint.get(name, missing)[0]
    }
    if differing:
        raise CheckpointError(_difference(differing, header, path))


def _difference(differing, header, path):
    lines = [_one_difference(name, *pair) for name, pair in differing.items()]
    text = f"The checkpoint {path} is of another search. {' '.join(lines)} "
    changed = [n for n, v in _versions().items() if header["versions"].get(n) != v]
    if changed:
        text += f"(It was begun with other versions of {', '.join(changed)}.) "
    return text + _cure(differing, path)


def _one_difference(name, before, now):
    name = name[0].upper() + name[1:] if name.startswith("the ") else name
    if before[1] == now[1]:
        return f"{name}: not what it was."
    return f"{name}: {before[1]} then, {now[1]} now."


def _cure(differing, path):
    folder = str(path.with_suffix("")) + os.sep
    if "n_iter" in differing and len(differing) == 1:
        return (
            "To go on with what it knows, start a new search from it: "
            f"warm_start_from=skhpo.load_results({str(path)!r}), with another "
            "checkpoint."
        )
    if list(differing) == ["the splits"]:
        return (
            "Does cv draw other splits each time? Give it a random_state, an int. "
            f"Otherwise use another path, or a folder: checkpoint={folder!r}."
        )
    return (
        "Use another path; or a folder, which holds a file for each search (also for "
        f"those inside of cross-validation): checkpoint={folder!r}."
    )


def _has_changed(path):
    return CheckpointError(
        f"The checkpoint {path} was written by another search in the meantime. Give "
        "each search a path of its own, or both a folder."
    )


# ---- reading


def load_results(path):
    """Read a checkpoint as a table, also while its search still runs.

    Parameters
    ----------
    path : path-like or Checkpoint
        A file; or a folder of several searches.

    Returns
    -------
    results : DataFrame
        A row per trial that is done, with the columns of ``search.results_`` but for
        those that say where a trial stands in its search (a generation, a rung). Of a
        folder, those of all searches, and a column ``search`` with the name of the
        file.

    Raises
    ------
    FileNotFoundError
        When there is nothing.
    CheckpointError
        When it is no checkpoint, or a damaged one.

    Notes
    -----
    Parameter values that are neither numbers nor texts are given as text. It can be
    passed on as ``warm_start_from``, with values of the new search's space.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skhpo import BayesSearchCV, load_results
    >>> X, y = load_iris(return_X_y=True)
    >>> with TemporaryDirectory() as folder:
    ...     search = BayesSearchCV(
    ...         SVC(), {"C": [0.1, 1, 10]}, checkpoint=f"{folder}/search.jsonl"
    ...     ).fit(X, y)
    ...     table = load_results(f"{folder}/search.jsonl")
    >>> table[["status", "rank", "param_C"]].shape
    (3, 3)
    """
    if not is_folder(path):
        return _load_one(Path(path_of(path)))
    files = sorted(Path(path_of(path)).glob(f"*{_SUFFIX}"))
    if not files:
        raise FileNotFoundError(f"{path_of(path)!r} holds no checkpoint (*{_SUFFIX}).")
    tables = [_load_one(file) for file in files]
    for file, one in zip(files, tables, strict=True):
        one.insert(0, "search", file.stem)
    return pd.concat([one for one in tables if len(one)] or tables, ignore_index=True)


def _load_one(path):
    events, _, _ = decode(path.read_bytes(), path)
    record = read_record(events, path)
    if record.header is None or not record.commits:
        return pd.DataFrame({"number": np.arange(0), "status": [], "score": []})
    try:
        return _table_of(record)
    except (KeyError, TypeError, IndexError) as error:
        raise CheckpointError(f"{path} makes no sense ({error!r}).") from error


def _table_of(record):
    header, archive = record.header, _archive_of(record)
    with np.errstate(all="ignore"), _quiet():
        table = build_cv_results(archive)
    trials = archive.finished
    table["status"] = np.array([trial.status for trial in trials], dtype=object)
    if any(trial.job.resource is not None for trial in trials):
        table["n_resources"] = np.array([trial.job.resource for trial in trials])
    named = [header["objective"], header["refit"]]
    steering = [name for name in named if f"mean_test_{name}" in table]
    return tidy(table, next(iter(steering), None))


@contextmanager
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _archive_of(record):
    """Return the trials that were committed, as the search has them."""
    header = record.header
    n_splits = header["n_splits"]
    race = object() if header["racing"] else None
    archive = Archive(n_splits, None, header["error_score"], race)
    archive.trials = [
        Trial(number, _job_of(event), number, event["params"])
        for number, event in enumerate(record.asked)
    ]
    end = record.end or {"closed": {}}
    closed = {**record.commits, **{int(k): v for k, v in end["closed"].items()}}
    for number, event in closed.items():
        _close(archive.trials[number], event, archive, record)
    return archive


def _job_of(event):
    proposal = Proposal(event["trial"], point_of_json(event["point"]))
    return Job(proposal, event["resource"], event["candidate"], event["parent"])


def _close(trial, event, archive, record):
    source = trial.id if event["twin"] is None else event["twin"]
    outcomes = [
        record.outcomes[source, fold]
        for fold in range(archive.n_splits)
        if (source, fold) in record.outcomes
    ]
    trial.status = event["status"]
    trial.outcomes = outcomes[: event["n_folds"]]
    trial.ahead = [] if event["twin"] is not None else outcomes[event["n_folds"] :]
    if event["rival"] is not None:
        trial.rival = archive.trials[event["rival"]]
