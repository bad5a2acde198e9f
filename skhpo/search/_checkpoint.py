"""``checkpoint=``: which journal belongs to a search, and what it holds.

A search is known by its *fingerprint*: one short hash for each thing that its table
depends on, so that a difference can be called by its name. Functions and classes count
by their qualified names, estimators by their parameters, data by their values.
"""

import dataclasses
import os
import platform
import re
import reprlib
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import scipy
import sklearn

from skhpo._archive import Archive, Trial, build_cv_results
from skhpo._errors import CheckpointError, warn_user
from skhpo._journal import (
    Journal,
    JournalFile,
    decode,
    is_folder,
    path_of,
    point_of_json,
    read_bytes,
    read_record,
)
from skhpo._loop import MAX_TIME, NoJournal
from skhpo._types import Job, Proposal
from skhpo._version import __version__
from skhpo.evaluation import kept_files, may_skip_folds
from skhpo.search._digest import digest, name_of
from skhpo.search._results import tidy

#: Parameters of the searches that do not change the table: how it is computed, what is
#: said of it, and when it ends.
_NOT_IN_THE_TABLE = {
    *("n_jobs", "pre_dispatch", "verbose", "callbacks", "checkpoint", "keep_models"),
    *("max_time", "stop", "fit_timeout"),
    *("cv", "refit", "random_state"),  # in other words: splits, steering, seed
}

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
    check_scores: Callable[[Any], Any]  # raises ValueError when they are of others
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
    def journal(self, max_time, with_predictions, space):
        """Open the journal for the length of the search, for nobody else."""
        file = JournalFile(self.path)
        try:
            journal = Journal(file, with_predictions)
            self._check(journal.record, space)
            journal.max_time = max_time
            journal.is_finished = _is_finished(journal.record, max_time)
            if file.refusal is not None and not journal.is_finished:
                raise CheckpointError(
                    f"{file.refusal} The search in it is not finished: to go on with "
                    "it, copy the file to such a place."
                )
            yield journal
        finally:
            file.close()

    def _check(self, record, space):
        """Refuse what another search wrote, or none."""
        header = record.header
        if header is None and self.header is None:
            return
        if header is None or header["seed"] != self.facts["seed"]:
            raise _has_changed(self.path)
        _compare(self.fingerprint, header, self.path)
        try:
            _check_points(record, space)
            if header["n_splits"] != self.facts["n_splits"]:
                raise ValueError(f"it has {header['n_splits']} folds")
            for outcome in record.outcomes.values():
                if outcome.test_scores is not None:
                    self.check_scores(outcome.test_scores)
        except ValueError as error:
            raise CheckpointError(
                f"{self.path} makes no sense for this search: {error}. Choose another "
                "path to start anew."
            ) from error

    def begin(self, journal, n_points, is_raced, every_row):
        """Write who this is, where nothing is written yet."""
        parts = {name: list(part) for name, part in self.fingerprint.items()}
        header = {"versions": _versions(), "fingerprint": parts, **self.facts}
        own = {"racing": is_raced, "every_row": every_row}
        journal.begin({**header, **own}, n_points)


class NoSession:
    """There is no checkpoint."""

    models = None

    def begin(self, journal, n_points, is_raced, every_row):
        """Write nothing."""

    def seed(self, drawn):
        """Return the seed that was drawn."""
        return drawn

    def is_limited(self, is_now):
        """Return whether there is a limit of time."""
        return is_now

    @contextmanager
    def journal(self, max_time, with_predictions, space):
        """Return a journal that does nothing."""
        yield NoJournal()


def open_session(search, X, y, routed, splits):
    """Return what a search's ``checkpoint=`` means for this call of its ``fit``.

    Raises
    ------
    CheckpointError
        When it is another search's, or cannot be read, or the folder of its models is
        not ours.
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
    models = None
    keeps_any = getattr(search, "keep_models", "none") != "none"
    if keeps_any and getattr(checkpoint, "models", False):
        models = Path(f"{path}{_MODELS}")
        kept_files(models)  # refuses a folder of somebody else
    facts, check_scores = _facts(search), _score_check(search)
    return Session(path, fingerprint, facts, check_scores, header, models)


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
            f"({error.strerror or error}). Give a path in a place where you may write."
        ) from error
    whole = digest([part[0] for part in fingerprint.values()])
    return path / f"{name}-{whole[:16]}{_SUFFIX}"


def _read_header(path):
    try:
        data = read_bytes(path, only_first_line=True)
    except FileNotFoundError:
        return None
    events, _, _ = decode(data, path)
    return read_record(events, path).header


def _is_finished(record, max_time):
    """Return whether there is nothing left to do.

    Unless the time was over then, and there is more of it now.
    """
    if record.end is None or record.lost:
        return False
    limit = record.end["max_time"]
    if record.end["reason"] != MAX_TIME or limit is None:
        return True
    return max_time is not None and max_time <= limit


def _facts(search):
    """Return what readers of the journal need to make a table of it."""
    error_score = search.error_score
    return {
        "search": type(search).__name__,
        "n_splits": search.n_splits_,
        "error_score": error_score if error_score == "raise" else float(error_score),
        "objective": search.objective,
        "refit": search.refit if isinstance(search.refit, str) else None,
    }


def _score_check(search):
    """Return what raises ValueError for scores that the search's scorer never gives."""
    if callable(search.scoring):
        return search._steering_metric
    is_single = isinstance(search.scoring, str | None)
    names = set() if is_single else set(search.scoring)

    def check(scores):
        found = set(scores) if isinstance(scores, dict) else set()
        if found != names:
            shown = [sorted(map(str, some)) or "one score" for some in (found, names)]
            raise ValueError("it has {}, and scoring gives {}".format(*shown))

    return check


def _check_points(record, space):
    """Check that what was proposed are points of the space."""
    if not record.asked:
        return
    points = np.array([point_of_json(event["point"]) for event in record.asked])
    if points.shape[1] != space.n_dims:
        raise ValueError(f"its points have {points.shape[1]} numbers")
    is_wrong = (np.isnan(points) != np.isnan(space.snap(points))).any(axis=1)
    if is_wrong.any():
        raise ValueError(f"the point of trial {np.argmax(is_wrong)} has gaps")
    for event, point in zip(record.asked, points, strict=True):
        if (
            event["exact"] == "plain"
            and space.to_params(point).keys() - event["params"]
        ):
            raise ValueError(f"a parameter of trial {event['trial']} is missing")


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
        parts["optimizer"] = name_of(params["optimizer"])
    races = may_skip_folds(params.get("racing"), search.n_splits_, search.refit)
    if "racing" in parts and not races:
        parts["racing"] = None
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


_REPR = reprlib.Repr()
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = 10
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 1000


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
        text = re.sub(" at 0x[0-9a-fA-F]+", "", " ".join(_REPR.repr(value).split()))
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
    events, _, _ = decode(read_bytes(path), path)
    record = read_record(events, path)
    if record.header is None or not record.commits:
        return pd.DataFrame({"number": np.arange(0), "status": [], "score": []})
    try:
        return _table_of(record)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path} makes no sense ({error!r}). It cannot be read as a table."
        ) from error


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
    every_row = header.get("every_row", False)
    archive = Archive(n_splits, None, header["error_score"], race, every_row=every_row)
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
