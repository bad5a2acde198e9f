import csv
import json
import threading

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.linear_model import SGDClassifier
from sklearn.svm import SVC

from skhpo import BayesSearchCV, HyperbandSearchCV, PBTSearchCV
from skhpo.model_selection import nested_cross_validate
from skhpo.tracking import CSVWriter, JSONLinesWriter
from skhpo.tracking._files import _begin_with
from tests.search.doors import X, y
from tests.tracking.helpers import Fussy, interrupt, recorded

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@quiet
def test_the_file_has_the_table(tmp_path):
    path = tmp_path / "trials.csv"
    search = recorded(CSVWriter(path), Fussy(), n_iter=8)
    frame = (
        pd.read_csv(path, float_precision="round_trip").set_index("number").sort_index()
    )
    table = search.results_
    assert list(frame.columns) == [
        *("search", "candidate", "status", "score", "std", "n_resources", "seconds"),
        *("elapsed", "param_a", "param_kind", "error"),
    ]
    for name in ("score", "std", "param_a"):
        np.testing.assert_allclose(frame[name], table[name], rtol=1e-14)
    for name in ("status", "param_kind"):
        assert frame[name].tolist() == table[name].tolist()
    failed = frame["status"] == "failed"
    assert failed.any() and not failed.all()
    assert set(frame["error"][failed]) == {'ValueError: no "z", please'}
    assert frame["error"][~failed].isna().all()
    assert frame["search"].nunique() == 1


@quiet
def test_each_trial_is_one_line_and_one_object(tmp_path):
    path = tmp_path / "trials.jsonl"
    search = recorded(JSONLinesWriter(path), Fussy(), n_iter=8)
    lines = sorted(lines_of(path), key=lambda line: line["number"])
    assert [line["params"] for line in lines] == search.cv_results_["params"]
    for line, status in zip(lines, search.cv_results_["status"], strict=True):
        assert line["status"] == status
        assert (line["score"] is None) == (status == "failed")
        assert ("Traceback" in (line["error"] or "")) == (status == "failed")
    assert pd.read_json(path, lines=True).shape[0] == 8


@quiet
def test_values_of_any_kind(tmp_path):
    space = {
        "C": [1, 0.5],
        "class_weight": [None, {0: 1, 1: 2.5}],
        "kernel": ["rbf", 'a "b", c\nd'],
    }
    for cls, name in ((CSVWriter, "a.csv"), (JSONLinesWriter, "a.jsonl")):
        recorded(cls(tmp_path / name), SVC(), space, n_iter=8, error_score=0.0, cv=2)
    rows, lines = rows_of(tmp_path / "a.csv"), lines_of(tmp_path / "a.jsonl")
    assert {row["param_kernel"] for row in rows} == {"rbf", 'a "b", c d'}
    assert {row["param_class_weight"] for row in rows} == {"None", "{0: 1, 1: 2.5}"}
    assert {row["param_C"] for row in rows} == {"1", "0.5"}
    weights = [line["params"]["class_weight"] for line in lines]
    assert {"0": 1, "1": 2.5} in weights and None in weights
    assert {line["params"]["kernel"] for line in lines} == set(space["kernel"])


def test_several_metrics_have_their_columns(tmp_path):
    path = tmp_path / "trials.csv"
    search = recorded(CSVWriter(path), scoring=["accuracy", "f1"], refit="f1")
    for metric in ("accuracy", "f1"):
        scores = [float(row[f"score_{metric}"]) for row in rows_of(path)]
        np.testing.assert_allclose(scores, search.cv_results_[f"mean_test_{metric}"])


def test_rungs_and_populations_have_their_columns(tmp_path):
    sgd, space = SGDClassifier(random_state=0), {"alpha": (1e-5, 1e-1, "log-uniform")}
    path = tmp_path / "rungs.csv"
    search = HyperbandSearchCV(
        *(sgd, space),
        n_candidates=4,
        max_resource=9,
        cv=2,
        random_state=0,
        callbacks=CSVWriter(path),
    ).fit(X, y)
    rows = sorted(rows_of(path), key=lambda row: int(row["number"]))
    resources = [int(row["n_resources"]) for row in rows]
    assert resources == search.cv_results_["n_resources"].tolist()
    assert len({row["candidate"] for row in rows}) < len(rows)

    path = tmp_path / "population.csv"
    search = PBTSearchCV(
        *(sgd, space),
        population_size=4,
        n_steps=2,
        max_resource=4,
        cv=2,
        random_state=0,
        callbacks=CSVWriter(path),
    ).fit(X, y)
    rows = sorted(rows_of(path), key=lambda row: int(row["number"]))
    alphas = [float(row["param_alpha"]) for row in rows]
    assert alphas == [params["alpha"] for params in search.cv_results_["params"]]


def test_a_resource_that_is_a_parameter_has_a_column(tmp_path):
    from sklearn.ensemble import RandomForestClassifier

    path = tmp_path / "forest.csv"
    HyperbandSearchCV(
        *(RandomForestClassifier(random_state=0), {"max_depth": [1, 2, 3]}),
        resource="n_estimators",
        max_resource=4,
        min_resource=2,
        factor=2,
        cv=2,
        random_state=0,
        callbacks=CSVWriter(path),
    ).fit(X, y)
    rows = rows_of(path)
    assert {row["param_n_estimators"] for row in rows} == {"2", "4"}
    assert all(row["param_n_estimators"] == row["n_resources"] for row in rows)


def test_what_was_finished_is_in_the_file_at_once(tmp_path):
    csv_path, json_path = tmp_path / "a.csv", tmp_path / "a.jsonl"
    seen = []

    def look(progress):
        seen.append((len(rows_of(csv_path)), len(lines_of(json_path))))

    recorded([CSVWriter(csv_path), JSONLinesWriter(json_path), look], n_iter=3)
    assert seen == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize("writer", [CSVWriter, JSONLinesWriter])
def test_an_interrupted_search_leaves_its_lines(writer, tmp_path):
    path = tmp_path / "trials"
    with pytest.raises(KeyboardInterrupt):
        recorded([writer(path), interrupt])
    is_csv = writer is CSVWriter
    assert len(path.read_text().splitlines()) == 2 + is_csv


@pytest.mark.parametrize("writer", [CSVWriter, JSONLinesWriter])
def test_a_second_search_is_appended(writer, tmp_path):
    path = tmp_path / "trials"
    recorded(writer(path), n_iter=2)
    recorded(writer(path), n_iter=3)
    read = rows_of if writer is CSVWriter else lines_of
    rows = read(path)
    assert [row["search"] for row in rows].count(rows[0]["search"]) == 2
    assert len(rows) == 5


@pytest.mark.parametrize("writer", [CSVWriter, JSONLinesWriter])
def test_a_line_that_was_cut_off_stands_alone(writer, tmp_path):
    path = tmp_path / "trials"
    recorded(writer(path), n_iter=2)
    path.write_bytes(path.read_bytes()[:-7])
    n_before = len(path.read_text().splitlines())
    recorded(writer(path), n_iter=2)
    assert len(path.read_text().splitlines()) == n_before + 2


def test_a_table_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "trials.csv"
    recorded(CSVWriter(path), n_iter=2)
    before = path.read_text()
    with pytest.raises(ValueError, match="first line is not 'search,.*JSONLinesWriter"):
        recorded(CSVWriter(path), space={"a": (0.0, 1.0)})
    assert path.read_text() == before


def test_an_empty_file_gets_its_header(tmp_path):
    path = tmp_path / "trials.csv"
    path.touch()
    recorded(CSVWriter(path), n_iter=2)
    assert len(rows_of(path)) == 2


@pytest.mark.parametrize("writer", [CSVWriter, JSONLinesWriter])
def test_a_folder_that_is_missing_is_told_before_the_first_fit(writer, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        recorded([writer(tmp_path / "nowhere" / "trials"), interrupt])


def test_a_full_disk_ends_the_file_not_the_search(tmp_path):
    path = tmp_path / "full"
    path.symlink_to("/dev/full")
    with pytest.warns(UserWarning, match="not recorded. OSError"):
        search = recorded(JSONLinesWriter(path))
    assert len(search.cv_results_["params"]) == 6


def test_several_that_begin_at_a_time_write_one_header(tmp_path):
    header = b"a,b,c\n"
    for number in range(20):
        path = tmp_path / f"{number}.csv"
        threads = [
            threading.Thread(target=_begin_with, args=(header, path)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert path.read_bytes() == header


def nested(path, n_jobs):
    search = BayesSearchCV(
        Fussy(),
        {"a": (0.0, 1.0), "kind": ["x", "y"]},
        n_iter=4,
        cv=2,
        random_state=0,
        callbacks=CSVWriter(path),
    )
    nested_cross_validate(search, X, y, outer_cv=3, n_jobs=n_jobs)
    counts = pd.read_csv(path).groupby("search")["number"].agg(["size", "nunique"])
    return counts.to_numpy().tolist()


def test_nested_searches_share_a_file(tmp_path):
    with parallel_config("threading"):
        counts = nested(tmp_path / "trials.csv", 2)
    assert [[4, 4]] * 3 == counts[:3] and len(counts) in (3, 4)


@pytest.mark.slow
def test_nested_searches_in_other_processes_share_a_file(tmp_path):
    counts = nested(tmp_path / "trials.csv", 2)
    assert [[4, 4]] * 3 == counts[:3] and len(counts) in (3, 4)


def test_a_resumed_search_is_recorded_anew_and_whole(tmp_path):
    path, checkpoint = tmp_path / "trials.csv", tmp_path / "checkpoint"
    search = BayesSearchCV(
        SVC(),
        {"C": (0.01, 100.0, "log-uniform")},
        n_iter=5,
        cv=3,
        random_state=0,
        checkpoint=checkpoint,
        callbacks=[CSVWriter(path), interrupt],
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    search.set_params(callbacks=CSVWriter(path)).fit(X, y)
    first, second = (
        rows for _, rows in pd.read_csv(path).groupby("search", sort=False)
    )
    assert len(first) < len(second) == 5
    assert second["score"].tolist() == pytest.approx(search.results_["score"].tolist())
    assert first["score"].tolist() == second["score"].tolist()[: len(first)]
