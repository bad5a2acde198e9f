"""A real MLflow (mlflow-skinny is enough) with a store of files; .ci/full has it."""

import sys

import numpy as np
import pytest

from skhpo.tracking import MLflowCallback
from skhpo.tracking._mlflow import _MLflowRecord
from tests.tracking.helpers import Fussy, interrupt, recorded

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")


def test_without_mlflow_the_first_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r"pip install 'skhpo\[mlflow\]'"):
        recorded([MLflowCallback(), interrupt])


@pytest.fixture
def mlflow():
    return pytest.importorskip("mlflow")


@pytest.fixture
def uri(mlflow, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow >= 3 wants it said
    return (tmp_path / "runs").as_uri()


def runs_of(mlflow, uri, experiment="trials"):
    """Return the run of the search and those of its trials in their order."""
    client = mlflow.MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id])
    (parent,) = [run for run in runs if "skhpo.search" in run.data.tags]
    trials = [run for run in runs if "skhpo.number" in run.data.tags]
    assert len(runs) == 1 + len(trials)
    for run in trials:
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    return parent, sorted(trials, key=lambda run: int(run.data.tags["skhpo.number"]))


@quiet
def test_a_run_for_the_search_and_one_for_each_trial(mlflow, uri):
    callback = MLflowCallback("trials", tracking_uri=uri, tags={"team": 7})
    search = recorded(callback, Fussy(), n_iter=8)
    parent, trials = runs_of(mlflow, uri)
    table = search.cv_results_
    for row, run in enumerate(trials):
        params = {name: str(value) for name, value in table["params"][row].items()}
        assert run.data.params == params
        assert run.data.tags["team"] == "7"
        seconds = 3 * (table["mean_fit_time"][row] + table["mean_score_time"][row])
        assert run.data.metrics["seconds"] == pytest.approx(seconds)
        assert run.info.end_time - run.info.start_time == int(1000 * seconds)
        if table["status"][row] == "failed":
            assert run.info.status == "FAILED" and "score" not in run.data.metrics
            assert 'no "z"' in run.data.tags["skhpo.error"]
        else:
            assert run.info.status == "FINISHED"
            assert run.data.metrics["score"] == table["mean_test_score"][row]
            assert run.data.metrics["std"] == pytest.approx(
                table["std_test_score"][row]
            )
    assert len(trials) == 8


def test_the_best_run_is_linked_and_tagged(mlflow, uri):
    search = recorded(MLflowCallback("trials", tracking_uri=uri, run_name="toy"))
    parent, trials = runs_of(mlflow, uri)
    best = [run for run in trials if run.data.tags.get("skhpo.best") == "true"]
    assert [int(run.data.tags["skhpo.number"]) for run in best] == [search.best_index_]
    assert parent.data.tags["skhpo.best_run_id"] == best[0].info.run_id
    assert parent.data.tags["skhpo.stop_reason"] == "n_iter"
    assert parent.data.tags["mlflow.runName"] == "toy"
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best_score"] == search.best_score_
    assert parent.data.metrics["n_trials"] == 6
    assert parent.data.params["estimator"] == "Toy"
    assert parent.data.params["cv"] == "3"
    for name, value in search.best_params_.items():
        assert parent.data.params[f"best_{name}"] == str(value)


def test_the_best_run_is_the_one_that_refit_chose(mlflow, uri):
    def last(results):
        return len(results["params"]) - 1

    search = recorded(MLflowCallback("trials", tracking_uri=uri), refit=last)
    parent, trials = runs_of(mlflow, uri)
    assert parent.data.tags["skhpo.best_run_id"] == trials[-1].info.run_id
    assert search.best_index_ == 5


@pytest.mark.parametrize(
    "error, status", [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")]
)
def test_a_search_that_is_cut_short_ends_its_run(mlflow, uri, error, status):
    def stop(progress):
        if progress.n_done == 2:
            raise error("enough")

    with pytest.raises(error):
        recorded([MLflowCallback("trials", tracking_uri=uri), stop])
    parent, trials = runs_of(mlflow, uri)
    assert parent.info.status == status
    assert "enough" in parent.data.tags["skhpo.error"]
    assert len(trials) == 2 and "skhpo.best_run_id" in parent.data.tags


def test_below_an_active_run_nothing_of_the_users_changes(mlflow, uri):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        mlflow.set_experiment("trials")
        with mlflow.start_run() as mine:
            recorded(MLflowCallback(), n_iter=2)
            assert mlflow.active_run().info.run_id == mine.info.run_id
        assert mlflow.get_tracking_uri() == uri
        client = mlflow.MlflowClient()
        runs = client.search_runs([mine.info.experiment_id])
        (search,) = [run for run in runs if "skhpo.search" in run.data.tags]
        assert search.data.tags["mlflow.parentRunId"] == mine.info.run_id
        assert len(runs) == 1 + 1 + 2
    finally:
        mlflow.set_tracking_uri(before)


def test_long_and_many_parameters_fit_into_the_limits_of_mlflow(mlflow, uri):
    space = {"a": [0.5], "kind": ["x" * 9000]}
    callback = MLflowCallback("trials", tracking_uri=uri)
    recorded(callback, space=space, n_iter=1, scoring=lambda e, X, y: 0.5)
    parent, (trial,) = runs_of(mlflow, uri)
    assert trial.data.params["kind"] == "x" * 500

    client = mlflow.MlflowClient(tracking_uri=uri)
    run = client.create_run(parent.info.experiment_id)
    record = _MLflowRecord(client, run.info, {}, {})
    record.log(run.info, {"n": np.nan}, {f"p{i}": i for i in range(250)})
    data = client.get_run(run.info.run_id).data
    assert len(data.params) == 250 and data.metrics == {}


def test_a_store_that_is_gone_costs_a_warning(mlflow, uri, monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("no route to host")

    def cut(progress):
        monkeypatch.setattr(mlflow.MlflowClient, "log_batch", fail)

    with pytest.warns(UserWarning, match="not recorded. ConnectionError: no route"):
        search = recorded([cut, MLflowCallback("trials", tracking_uri=uri)])
    assert len(search.cv_results_["params"]) == 6
