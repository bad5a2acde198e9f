"""A run for each trial in MLflow, below one run for the search."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from skhpo._callbacks import Progress, SearchEnd
from skhpo.tracking._tracker import Tracker
from skhpo.tracking._values import text

#: MLflow's own limits, of its oldest version in use, to the length of values.
_LONGEST_PARAM, _LONGEST_TAG = 500, 5000

#: Parameters that MLflow takes in one request.
_MOST_PARAMS = 100

_PARENT = "mlflow.parentRunId"

#: The experiment "Default", which each store has.
_DEFAULT = "0"


class MLflowCallback(Tracker):
    """Record a search in MLflow: one run for the search, below it one for each trial.

    A trial's run has its parameters, ``score``, ``std`` and each of several metrics,
    ``n_resources`` where there are rungs, its duration, and the status FINISHED, or
    FAILED with the traceback as tag ``skhpo.error``. In the end the best one, as
    ``refit`` chose it, is tagged ``skhpo.best``, and the search's own run has
    ``best_score``, ``n_trials``, the best parameters (``best_<name>``), and the tags
    ``skhpo.best_run_id`` and ``skhpo.stop_reason``. It is FAILED after an error and
    KILLED after an interrupt; what was finished by then is there.

    Where a run of MLflow is active, the search goes below it. The active run, the
    tracking URI and the experiment of the process are left as they are.

    Parameters
    ----------
    experiment_name : str, default=None
        Experiment of the runs, made where there is none. None = that of the active run,
        else MLflow's active one.

    tracking_uri : str, default=None
        Where MLflow keeps its runs: "sqlite:///mlflow.db", "http://...", a folder as
        "file:///...". None = as MLflow is configured.

    run_name : str, default=None
        Name of the search's run; None = its class and id.

    tags : dict of str -> str, default=None
        Tags for all runs.

    Raises
    ------
    ImportError
        In ``fit``, before the first candidate, when MLflow is not installed:
        ``pip install "skhpo[mlflow]"``.

    Notes
    -----
    What is written takes a request to the server for each trial, in the process that
    called ``fit``. The fitted model is not stored: use
    ``mlflow.sklearn.log_model(search.best_estimator_)``.

    Examples
    --------
    >>> from skhpo.tracking import MLflowCallback
    >>> callback = MLflowCallback("wine", tracking_uri="sqlite:///mlflow.db")
    >>> callback
    MLflowCallback(experiment_name='wine', tracking_uri='sqlite:///mlflow.db')

    It goes into ``callbacks=`` of a search: ``BayesSearchCV(..., callbacks=callback)``.
    """

    def __init__(
        self, experiment_name=None, *, tracking_uri=None, run_name=None, tags=None
    ):
        self.experiment_name = experiment_name
        self.tracking_uri = tracking_uri
        self.run_name = run_name
        self.tags = tags

    def open(self, begin):
        """Make the run of the search."""
        mlflow = _mlflow()
        client = mlflow.MlflowClient(tracking_uri=self.tracking_uri)
        is_here = self.tracking_uri in (None, mlflow.get_tracking_uri())
        above = mlflow.active_run() if is_here else None
        experiment = self._experiment(client, above, is_here)
        tags = {str(k): str(v) for k, v in (self.tags or {}).items()}
        parent = client.create_run(
            experiment,
            run_name=self.run_name or f"{begin.name} {begin.id}",
            tags=tags | _facts(begin) | _below(above and above.info),
        )
        record = _MLflowRecord(client, parent.info, tags, {})
        record.log(parent.info, {}, {"estimator": begin.estimator, **begin.settings})
        return record

    def _experiment(self, client, above, is_here):
        """Return the id of the experiment."""
        if self.experiment_name is not None:
            return _experiment_named(client, self.experiment_name)
        if above is not None:
            return above.info.experiment_id
        return _active_experiment() if is_here else _DEFAULT


@dataclass
class _MLflowRecord:
    client: Any
    parent: Any  # mlflow's RunInfo
    tags: Mapping[str, str]
    run_ids: dict[int, str]  # number of a trial -> its run

    def write(self, progress: Progress) -> None:
        now = _milliseconds()
        run = self.client.create_run(
            self.parent.experiment_id,
            start_time=now - int(1000 * progress.seconds),
            run_name=f"trial {progress.number}",
            tags=self.tags | _below(self.parent) | self._status(progress),
        ).info
        self.run_ids[progress.number] = run.run_id
        self.log(run, _metrics(progress), progress.params)
        is_wrong = progress.status == "failed"
        self._finish(run, "FAILED" if is_wrong else "FINISHED", now)

    def _status(self, progress):
        facts = {
            "skhpo.status": progress.status,
            "skhpo.number": str(progress.number),
            "skhpo.candidate": str(progress.candidate),
        }
        if progress.error is not None:
            facts["skhpo.error"] = progress.error[-_LONGEST_TAG:]
        return facts

    def close(self, end: SearchEnd) -> None:
        tags = {"skhpo.stop_reason": str(end.stop_reason)[:_LONGEST_TAG]}
        if end.error is not None:
            tags["skhpo.error"] = repr(end.error)[:_LONGEST_TAG]
        best = self.run_ids.get(end.best_number)
        if best is not None:
            tags["skhpo.best_run_id"] = best
            self.client.set_tag(best, "skhpo.best", "true")
        metrics = {"best_score": end.best_score, "n_trials": end.n_done}
        params = {f"best_{k}": v for k, v in (end.best_params or {}).items()}
        self.log(self.parent, metrics, params, tags)
        self._finish(self.parent, _final_status(end.error), _milliseconds())

    def log(self, run, metrics, params, tags=None):
        """Write numbers that are numbers, and parameters as text."""
        from mlflow.entities import Metric, Param, RunTag

        now = _milliseconds()
        items = [Param(k, text(v)[:_LONGEST_PARAM]) for k, v in params.items()]
        for start in range(_MOST_PARAMS, len(items), _MOST_PARAMS):
            rest = items[start : start + _MOST_PARAMS]
            self.client.log_batch(run.run_id, params=rest)
        self.client.log_batch(
            run.run_id,
            metrics=[Metric(k, v, now, 0) for k, v in metrics.items() if isfinite(v)],
            params=items[:_MOST_PARAMS],
            tags=[RunTag(k, v) for k, v in (tags or {}).items()],
        )

    def _finish(self, run, status, end_time):
        self.client.set_terminated(run.run_id, status=status, end_time=end_time)


def _mlflow():
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(
            "MLflowCallback writes with mlflow, which is not installed. Install it: "
            "python -m pip install 'skhpo[mlflow]' (or mlflow alone)."
        ) from error
    return mlflow


def _experiment_named(client, name):
    found = client.get_experiment_by_name(name)
    return client.create_experiment(name) if found is None else found.experiment_id


def _active_experiment():
    """Return the id of the experiment that mlflow.start_run() would use.

    Nothing public tells it without starting a run.
    """
    from mlflow.tracking import fluent

    return getattr(fluent, "_get_experiment_id", lambda: _DEFAULT)()


def _facts(begin):
    """Return what the run of a search is tagged with from its begin."""
    return {
        "skhpo.search": begin.id,
        "skhpo.class": begin.name,
        "skhpo.n_iter": str(begin.n_iter),
    }


def _below(info):
    return {} if info is None else {_PARENT: info.run_id}


def _metrics(progress):
    metrics = {"score": progress.score, "std": progress.std, **progress.scores}
    if progress.n_resources is not None:
        metrics["n_resources"] = progress.n_resources
    return metrics | {"seconds": progress.seconds}


def _final_status(error):
    if error is None:
        return "FINISHED"
    return "FAILED" if isinstance(error, Exception) else "KILLED"


def _milliseconds():
    return int(1000 * time.time())
