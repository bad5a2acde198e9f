"""``checkpoint=``: what is interrupted goes on, and nothing is done twice."""

import json
import os
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from scipy import sparse
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skhpo import (
    BayesSearchCV,
    Checkpoint,
    CheckpointError,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    NoImprovement,
    PBTSearchCV,
    Real,
    load_results,
)
from skhpo._journal import encode
from skhpo.model_selection import nested_cross_validate
from skhpo.search._checkpoint import digest
from skhpo.space import Space

from .doors import ROOT, SPACE, X, every_door, y
from .spies import Faulty, Recorder, Toy, fits, two_scores, watched
from .tables import assert_equal_tables

X_IRIS, y_iris = load_iris(return_X_y=True)
RATES = {"alpha": (1e-6, 1e-1, "log-uniform"), "eta0": (1e-3, 1.0, "log-uniform")}
SGD = SGDClassifier(learning_rate="constant")

random = partial(
    BayesSearchCV, optimizer="random", n_iter=8, cv=3, random_state=0, refit=False
)


class Killed(Exception):
    """Raised by a callback: as good as a kill, and cheaper."""


class KillAtEvery:
    """A callback that ends the process, so to speak, at every ``k``-th new commit."""

    def __init__(self, k):
        self.k = k
        self.n = 0

    def __call__(self, progress):
        if progress.is_replayed:
            return
        self.n += 1
        if self.n % self.k == 0:
            raise Killed


def resumed(make, path, data=(X, y), every=3, n_jobs=(None,), **fit_params):
    """Run a search until it ends, killed all the while; return it and the kills."""
    kill, n_kills = KillAtEvery(every), 0
    while True:
        workers = n_jobs[n_kills % len(n_jobs)]
        search = make(checkpoint=path, callbacks=kill, n_jobs=workers)
        try:
            return search.fit(*data, **fit_params), n_kills
        except Killed:
            n_kills += 1


def assert_resumes(make, path, data=(X, y), **options):
    """Compare an uninterrupted search with one that is killed all the while."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = make().fit(*data)
        search, n_kills = resumed(make, path, data, **options)
    assert n_kills >= 1
    assert_equal_tables(whole, search)
    assert search.stop_reason_ == whole.stop_reason_
    return search


# ---- the same table, at every door


@every_door
def test_what_was_killed_goes_on_without_a_fit_done_twice(door, tmp_path):
    make = partial(door.search, Toy(), SPACE)
    watched()
    make().fit(X, y)
    n_fits = len(fits())
    watched()
    search = assert_resumes(make, tmp_path / "search.jsonl")
    assert len(fits()) == 2 * n_fits  # the whole one, and the other
    watched()
    again = make(checkpoint=tmp_path / "search.jsonl").fit(X, y)
    assert len(fits()) == 1  # the refit
    assert_equal_tables(search, again)
    assert again.stop_reason_ == search.stop_reason_


@pytest.mark.parametrize("strategy", ["hyperband", "asha", "median"])
def test_rungs_go_on_with_models_that_are_trained_again(strategy, tmp_path):
    make = partial(
        *(HyperbandSearchCV, SGD, RATES),
        strategy=strategy,
        n_candidates=6,
        min_resource=1,
        max_resource=9,
        cv=2,
        random_state=0,
    )
    data = X_IRIS[::3], y_iris[::3]
    search = assert_resumes(make, tmp_path / "search.jsonl", data, every=5)
    table = load_results(tmp_path / "search.jsonl")
    assert {"n_resources", "score"} <= set(table.columns)
    pd.testing.assert_frame_equal(table, search.results_[list(table.columns)])


@pytest.mark.parametrize("explore", ["perturb", "pb2"])
def test_populations_go_on_along_their_schedules(explore, tmp_path):
    make = partial(
        *(PBTSearchCV, SGD, RATES),
        population_size=4,
        n_steps=3,
        interval=2,
        explore=explore,
        cv=2,
        random_state=0,
    )
    data = X_IRIS[::3], y_iris[::3]
    path = tmp_path / "search.jsonl"
    search = assert_resumes(make, path, data, every=5)
    again = make(checkpoint=path).fit(*data)
    assert again.best_schedule_ == search.best_schedule_
    np.testing.assert_array_equal(
        again.best_estimator_.coef_, search.best_estimator_.coef_
    )


@pytest.mark.parametrize("models", [False, True])
@pytest.mark.parametrize("accident", [None, "flip"])
def test_models_that_were_kept_are_trained_on(models, accident, tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(
        *(HyperbandSearchCV, SGD, RATES),
        strategy="sha",
        optimizer="random",  # nine candidates, none in full at once
        n_candidates=9,
        min_resource=1,
        max_resource=9,
        cv=2,
        random_state=0,
    )
    data = X_IRIS[::3], y_iris[::3]
    with pytest.raises(Killed):
        kept = Checkpoint(path, models=models)
        make(checkpoint=kept, callbacks=KillAtEvery(9)).fit(*data)
    files = list(Path(f"{path}.models").glob("*.pickle"))
    assert bool(files) == models
    if accident == "flip":
        for file in files:
            file.write_bytes(b"X" + file.read_bytes()[1:])
    n_before = len(path.read_text().splitlines())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = make(checkpoint=kept).fit(*data)
        assert_equal_tables(search, make().fit(*data))
    events = [json.loads(line[9:]) for line in path.read_text().splitlines()[n_before:]]
    units = [event["units"] for event in events if event["event"] == "fold"]
    trained = {2} if models and accident is None else {3}  # from 1 to 3, or from 0
    assert set(units[:6]) == trained
    assert not Path(f"{path}.models").exists()


def _case(estimator, space, data=(X, y), **arguments):
    return estimator, space, data, arguments


FAULTS = {"a": (0.0, 1.0), "fault": ["none", "none ", "fit", "nan", "one fold"]}
ALTERNATIVES = [
    {"scale": [StandardScaler(), "passthrough"], "svc__C": Real(1e-2, 1e2, "log")},
    {"scale": [MinMaxScaler()], "svc__kernel": ["linear", "rbf"]},
]


@pytest.mark.parametrize(
    ("estimator", "space", "data", "arguments"),
    [
        _case(Toy(), SPACE, racing="forgiving", cv=4, n_iter=14),
        _case(Faulty(), FAULTS, error_score=-1.0, n_iter=12),
        _case(Faulty(), FAULTS, racing="forgiving", cv=4, n_iter=12),
        _case(Toy(), {"a": [0.1, 0.1, 0.2, 0.5, 0.5], "b": [1, 2]}, n_iter=10),
        _case(Toy(), SPACE, store_predictions=True, return_train_score=True),
        _case(Toy(), SPACE, scoring=two_scores, refit="good"),
        _case(Toy(), SPACE, initial_params=[{"a": 0.123456789, "kind": "z"}]),
        _case(
            Pipeline([("scale", None), ("svc", SVC())]),
            ALTERNATIVES,
            (X_IRIS[::3], y_iris[::3]),
        ),
        _case(Toy(), SPACE, (pd.DataFrame(X, columns=list("abc")), pd.Series(y))),
        _case(Toy(), {"a": uniform(0, 1)}, stop=NoImprovement(4), n_iter=30),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_search_may_hold(estimator, space, data, arguments, tmp_path):
    path = tmp_path / "search.jsonl"
    arguments = {"refit": True, **arguments}
    make = partial(random, estimator, space, **arguments)
    search = assert_resumes(make, path, data)
    again = make(checkpoint=path).fit(*data)
    assert_equal_tables(search, again)
    pd.testing.assert_frame_equal(load_results(path), search.results_)


def test_predictions_are_read_back(tmp_path):
    make = partial(
        *(random, LogisticRegression(), {"C": (1e-3, 1e1, "log-uniform")}),
        scoring="neg_log_loss",
        store_predictions=True,
        refit=True,
    )
    data = X_IRIS[::3], y_iris[::3]
    path = tmp_path / "search.jsonl"
    whole = make().fit(*data)
    search = assert_resumes(make, path, data)
    for index in whole.predictions_:
        ours, theirs = search.predictions_[index], whole.predictions_[index]
        np.testing.assert_array_equal(ours, theirs)
    assert search.score_estimate_.score == whole.score_estimate_.score


def test_damaged_predictions_are_made_again(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, store_predictions=True, checkpoint=path)
    whole = make().fit(X, y)
    file = Path(f"{path}.predictions")
    data = bytearray(file.read_bytes())
    data[5] ^= 1
    file.write_bytes(data)
    watched()
    search = make().fit(X, y)
    assert len(fits()) == 1
    assert_equal_tables(whole, search)
    np.testing.assert_array_equal(search.predictions_[0], whole.predictions_[0])
    watched()
    make().fit(X, y)
    assert len(fits()) == 0


def test_warm_starts_are_part_of_what_is_resumed(tmp_path):
    old = random(Toy(), SPACE, n_iter=5).fit(X, y)
    make = partial(BayesSearchCV, Toy(), SPACE, n_iter=8, cv=3, random_state=1)
    make = partial(make, warm_start_from=old)
    path = tmp_path / "search.jsonl"
    search = assert_resumes(make, path)
    assert "observations" in search.warm_start_
    other = random(Toy(), SPACE, n_iter=6).fit(X, y)
    with pytest.raises(CheckpointError, match="warm_start_from: not what it was"):
        make(checkpoint=path).set_params(warm_start_from=other).fit(X, y)


def test_a_race_by_default_goes_on_as_it_was(tmp_path):
    make = partial(BayesSearchCV, Toy(), SPACE, n_iter=10, cv=5, random_state=1)
    path = tmp_path / "search.jsonl"
    search = assert_resumes(make, path)
    assert search.racing_ == "paired"
    assert "raced_out" in search.cv_results_["status"]
    pd.testing.assert_frame_equal(load_results(path), search.results_)
    for other in (dict(racing=None), dict(racing="exact"), dict(refit=lambda table: 0)):
        with pytest.raises(CheckpointError, match="racing: .auto. then"):
            make(checkpoint=path, **other).fit(X, y)


def test_where_it_is_off_the_default_race_is_none(tmp_path):
    make = partial(BayesSearchCV, Toy(), SPACE, n_iter=4, cv=4, random_state=1)
    path = tmp_path / "search.jsonl"
    search = make(checkpoint=path).fit(X, y)
    watched()
    for other in (dict(racing=None), dict(refit=lambda table: 0)):
        again = make(checkpoint=path, **other).fit(X, y)
        assert again.racing_ is None
        assert_equal_tables(search, again)
    assert len(fits()) == 2  # the refits
    assert "n_splits_evaluated" not in load_results(path)


def test_workers_may_be_more_or_fewer_from_one_session_to_the_next(tmp_path):
    make = partial(random, Toy(), SPACE, n_iter=12)
    with parallel_config(backend="threading"):
        assert_resumes(make, tmp_path / "search.jsonl", n_jobs=[2, 1])


def test_points_in_flight_are_those_of_the_beginning(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, n_iter=12, checkpoint=path)
    with parallel_config(backend="threading"):
        with pytest.raises(Killed):
            make(callbacks=KillAtEvery(3), n_jobs=9).fit(X, y)
    search = make(n_jobs=1).fit(X, y)
    assert search.n_points_ == 6


def test_an_asynchronous_search_that_ran_out_of_time_is_read_back(tmp_path):
    path = tmp_path / "search.jsonl"
    old = random(Toy(), SPACE, n_iter=3).fit(X, y)  # asks the optimizer again
    make = partial(
        *(BayesSearchCV, Toy(nap=0.02), SPACE),
        optimizer="tpe",
        n_iter=None,
        max_time=0.3,
        cv=2,
        asynchronous=True,
        random_state=0,
        checkpoint=path,
        refit=False,
    )
    for warm_start_from in (None, old):
        path.unlink(missing_ok=True)
        with parallel_config(backend="threading"):
            search = make(warm_start_from=warm_start_from, n_jobs=3).fit(X, y)
        watched()
        again = make(warm_start_from=warm_start_from).fit(X, y)
        assert fits() == []
        assert again.stop_reason_ == "max_time"
        assert_equal_tables(search, again)


@pytest.mark.parametrize("racing", [None, "forgiving"])
def test_asynchronous_searches_commit_as_they_did(racing, tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(
        *(BayesSearchCV, Toy(nap=0.005), SPACE),
        optimizer="tpe",
        initial_points=3,
        n_iter=14,
        cv=2,
        racing=racing,
        asynchronous=True,
        random_state=0,
        checkpoint=path,
        refit=False,
    )
    seen = []
    with parallel_config(backend="threading"):
        with pytest.raises(Killed):
            make(n_jobs=4, callbacks=[_keep(seen), KillAtEvery(7)]).fit(X, y)
        again = []
        search = make(n_jobs=2, callbacks=_keep(again)).fit(X, y)
    assert again[:7] == seen
    assert len(again) == 14
    once_more = []
    finished = make(n_jobs=1, callbacks=_keep(once_more)).fit(X, y)
    assert once_more == again
    assert_equal_tables(search, finished)


def _keep(seen):
    def keep(progress):
        seen.append((progress.params, progress.score))

    return keep


# ---- how searches end


def test_a_finished_search_ends_for_the_recorded_reason(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, checkpoint=path)
    first = make(callbacks=lambda progress: progress.n_done == 5).fit(X, y)
    watched()
    again = make(callbacks=lambda progress: progress.n_done == 2).fit(X, y)
    assert fits() == []
    assert first.stop_reason_ == again.stop_reason_ == "callback"
    assert_equal_tables(first, again)


def test_a_callback_cannot_end_what_went_on(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, checkpoint=path)
    with pytest.raises(Killed):
        make(callbacks=KillAtEvery(6)).fit(X, y)
    search = make(callbacks=lambda progress: progress.n_done >= 2).fit(X, y)
    assert len(search.cv_results_["params"]) == 6


def test_more_time_lets_a_search_go_on_that_had_too_little(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(nap=0.05), SPACE, n_iter=12, checkpoint=path)
    first = make(max_time=0.2).fit(X, y)
    assert first.stop_reason_ == "max_time"
    watched()
    start = time.monotonic()
    again = make(max_time=0.2).fit(X, y)
    assert time.monotonic() - start < 0.2
    assert fits() == []
    assert again.stop_reason_ == "max_time"
    assert_equal_tables(first, again)
    table = load_results(path)
    pd.testing.assert_frame_equal(table, again.results_[list(table.columns)])
    search = make(max_time=60).fit(X, y)
    assert search.stop_reason_ == "n_iter"
    assert_equal_tables(search, make(checkpoint=None).fit(X, y))


def test_time_of_earlier_sessions_counts(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(
        random, Toy(nap=0.04), {"a": (0.0, 1.0)}, n_iter=None, checkpoint=path
    )
    with pytest.raises(Killed):
        make(max_time=60, callbacks=KillAtEvery(6)).fit(X, y)
    spent = json.loads(path.read_text().splitlines()[-1][9:])["seconds"]
    search = make(max_time=spent + 0.01).fit(X, y)
    assert search.stop_reason_ == "max_time"
    assert 6 <= len(search.cv_results_["params"]) <= 9


def test_what_was_finished_before_ctrl_c_counts(tmp_path):
    class Interrupted(Toy):
        def fit(self, X, y=None):
            if self.a == 0.5 and len(fits()) >= 9:
                raise KeyboardInterrupt
            return super().fit(X, y)

    path = tmp_path / "search.jsonl"
    space = {"b": [1, 2, 3, 4, 5, 6]}
    make = partial(BayesSearchCV, cv=3, checkpoint=path, refit=False)
    watched()
    with pytest.raises(KeyboardInterrupt):
        make(Interrupted(), space).fit(X, y)
    watched()
    make(Interrupted(), space).fit(X, y)
    assert len(fits()) == 9


def test_an_error_score_of_raise_leaves_what_went_well(tmp_path):
    path = tmp_path / "search.jsonl"
    space = {"fault": ["none", "none ", "fit", "none  "]}
    make = partial(BayesSearchCV, Faulty(), space, cv=3, checkpoint=path, refit=False)
    with pytest.raises(RuntimeError, match="no fit today"):
        make(error_score="raise").fit(X, y)
    assert len(load_results(path)) == 2


# ---- what makes a search another one


def test_the_seed_of_an_unseeded_search_is_kept(tmp_path):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, random_state=None, checkpoint=path)
    with pytest.raises(Killed):
        make(callbacks=KillAtEvery(4)).fit(X, y)
    before = load_results(path)
    search = make().fit(X, y)
    assert list(search.results_["param_a"][:4]) == list(before["param_a"])
    assert_equal_tables(search, make().fit(X, y))


def finished(path, **arguments):
    return random(Toy(), SPACE, n_iter=2, checkpoint=path, **arguments)


def test_another_search_is_refused_by_name(tmp_path):
    path = tmp_path / "search.jsonl"
    search = finished(path).fit(X, y)
    text = path.read_bytes()
    for name, value in {
        "n_iter": 3,
        "random_state": 1,
        "search_space": {"a": (0.0, 0.5)},
        "estimator": Toy(b=2),
        "scoring": two_scores,
        "return_train_score": True,
        "optimizer": "sobol",
    }.items():
        other = clone(search).set_params(**{name: value}, refit=False)
        with pytest.raises(CheckpointError, match=f"another search. {name}: "):
            other.fit(X, y)
    with pytest.raises(CheckpointError, match=r"y: not what it was.*folder"):
        clone(search).fit(X, 1 - y)
    with pytest.raises(CheckpointError, match=r"X: .*\(30, 3\).*\(27, 3\)"):
        clone(search).fit(X[:27], y[:27])
    with pytest.raises(CheckpointError, match="The splits: .*random_state"):
        search.set_params(cv=KFold(3, shuffle=True)).fit(X, y)
    with pytest.raises(CheckpointError, match="The class"):
        EvolutionarySearchCV(Toy(), SPACE, checkpoint=path).fit(X, y)
    assert path.read_bytes() == text


def test_what_does_not_change_the_table_may_change(tmp_path):
    path = tmp_path / "search.jsonl"
    search = finished(path).fit(X, y)
    watched()
    search.set_params(
        n_jobs=1, verbose=0, pre_dispatch="all", refit=True, stop=NoImprovement(3)
    ).fit(X, y)
    assert len(fits()) == 1


def test_a_larger_budget_starts_from_what_is_known(tmp_path):
    path = tmp_path / "search.jsonl"
    search = finished(path).fit(X, y)
    with pytest.raises(CheckpointError, match="warm_start_from=skhpo.load_results"):
        clone(search).set_params(n_iter=4).fit(X, y)
    larger = BayesSearchCV(
        *(Toy(), SPACE),
        n_iter=4,
        cv=3,
        warm_start_from=load_results(path),
        checkpoint=tmp_path / "larger.jsonl",
    ).fit(X, y)
    assert larger.warm_start_.startswith("observations: 2 rows")


def test_results_of_several_metrics_start_the_metric_that_steers(tmp_path):
    path = tmp_path / "search.jsonl"
    finished(path).set_params(scoring=two_scores, refit="good").fit(X, y)
    make = partial(BayesSearchCV, Toy(), SPACE, n_iter=3, cv=3)
    make = partial(make, warm_start_from=load_results(path))
    for scoring in (two_scores, None):
        refit = "good" if scoring else True
        search = make(scoring=scoring, refit=refit).fit(X, y)
        assert search.warm_start_.startswith("observations: 2 rows")


def test_other_versions_are_said_and_go_on(tmp_path, monkeypatch):
    from skhpo.search import _checkpoint

    path = tmp_path / "search.jsonl"
    search = finished(path).fit(X, y)
    monkeypatch.setattr(_checkpoint, "__version__", "99.0")
    with pytest.warns(UserWarning, match="skhpo .* then, 99.0 now"):
        search.fit(X, y)


class Plain:
    def __init__(self, a):
        self.a = a


def test_a_fingerprint_tells_values_apart():
    def law():
        return None

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    values = [
        *(None, True, 1, 1.0, "1", b"1", (1,), [1], {1}, {1: 1}, np.nan),
        *(np.arange(3), np.arange(3.0), np.arange(3)[::-1], np.arange(4).reshape(2, 2)),
        np.array([1, "a", None], dtype=object),
        np.array(["a", "b"]),
        np.ma.masked_array([1, 2], [True, False]),
        *(frame, frame["a"], frame.rename(columns={"a": "c"}), frame[::-1]),
        frame.assign(b=[[1], [2]]),
        frame.astype({"b": "category"}),
        *(
            sparse.eye(3).tocsr(),
            sparse.eye(4).tocsr(),
            sparse.csr_array(np.eye(3) * 2),
        ),
        *(uniform(0, 1), uniform(0, 2), Real(0.0, 1.0), Real(0.0, 2.0)),
        *(SVC(), SVC(C=2), LogisticRegression(), SVC, LogisticRegression),
        *(law, len, partial(len, 1), partial(len, 2), Plain(1), Plain(2), Plain),
        *(make_scorer(two_scores), make_scorer(two_scores, greater_is_better=False)),
        *(np.random.RandomState(0), np.random.RandomState(1)),
        *(np.random.default_rng(0), np.random.default_rng(1)),
        Pipeline([("scale", StandardScaler()), ("svc", SVC())]),
        Pipeline([("scale", MinMaxScaler()), ("svc", SVC())]),
    ]
    hashes = [digest(value) for value in values]
    assert len(set(hashes)) == len(values)


def test_a_fingerprint_is_the_same_for_equal_values_and_in_every_process():
    space = {"C": Real(1e-3, 1.0, "log"), "law": uniform(0, 1), "f": two_scores}
    X32 = np.asfortranarray(np.ones((3, 2), dtype=np.float32))
    assert digest(X32) == digest(X32.copy(order="C"))
    assert digest(np.float64(0.5)) == digest(0.5)
    assert digest(SVC(verbose=True)) == digest(SVC())
    loop = [1]
    loop.append(loop)
    assert digest(loop) == digest(loop)
    space_object = Space({"C": space["C"], "b": [1, 2]})
    before = digest(space_object)
    assert space_object.size is None
    assert digest(space_object) == before
    code = (
        "from scipy.stats import uniform\n"
        "from skhpo import Real\n"
        "from skhpo.search._checkpoint import digest\n"
        "from tests.search.spies import two_scores\n"
        "print(digest({'C': Real(1e-3, 1.0, 'log'), 'law': uniform(0, 1), "
        "'f': two_scores}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.strip() == digest(space), run.stderr


# ---- files and folders


def test_a_folder_holds_a_file_for_each_search(tmp_path):
    folder = f"{tmp_path}/searches/"
    make = partial(random, Toy(), SPACE, n_iter=2, checkpoint=folder)
    make().fit(X, y)
    make(random_state=1).fit(X, y)
    watched()
    make().fit(X, y)
    make(random_state=1).fit(X, y)
    assert fits() == []
    files = sorted(Path(folder).iterdir())
    assert len(files) == 2
    table = load_results(folder)
    assert len(table) == 4
    assert set(table["search"]) == {file.stem for file in files}


def test_nested_cross_validation_goes_on_in_a_folder(tmp_path):
    make = partial(random, Toy(), SPACE, n_iter=3, refit=True)
    whole = nested_cross_validate(make(), X, y, outer_cv=3)
    search = make(checkpoint=f"{tmp_path}/nested/")
    done = []

    def kill_at_fifth(progress):
        done.append(progress)
        if len(done) == 5:
            raise Killed

    with pytest.raises(Killed):
        killed = clone(search).set_params(callbacks=kill_at_fifth)
        nested_cross_validate(killed, X, y, outer_cv=3)
    watched()
    result = nested_cross_validate(search, X, y, outer_cv=3)
    assert len(fits()) == 3 * (3 * 3 + 1) - 5 * 3
    np.testing.assert_array_equal(result.test_score, whole.test_score)


def test_nested_cross_validation_refuses_a_file(tmp_path):
    search = random(Toy(), SPACE, refit=True, checkpoint=tmp_path / "search.jsonl")
    watched()
    with pytest.raises(ValueError, match=r"one file.*folder.*search[/\\]"):
        nested_cross_validate(search, X, y, outer_cv=3)
    assert fits() == []


def test_cross_validation_over_one_file_says_what_to_do(tmp_path):
    search = finished(tmp_path / "search.jsonl").set_params(refit=True)
    with pytest.raises(CheckpointError, match="for those inside of cross-validation"):
        cross_validate(search, X, y, cv=2, error_score="raise")


@pytest.mark.parametrize("checkpoint", [1, "", b"x", object()])
def test_what_is_no_path_is_refused(checkpoint):
    with pytest.raises(TypeError, match="is no path"):
        random(Toy(), SPACE, checkpoint=checkpoint).fit(X, y)


def test_a_file_of_somebody_else_is_left_alone(tmp_path):
    path = tmp_path / "thesis.tex"
    path.write_text("\\documentclass{article}\n")
    with pytest.raises(CheckpointError, match="no checkpoint of skhpo"):
        finished(path).fit(X, y)
    assert path.read_text() == "\\documentclass{article}\n"


def test_a_path_that_cannot_be_written_is_said_before_the_first_fit(tmp_path):
    watched()
    for path in (tmp_path / "no" / "such" / "folder.jsonl", Path("/proc/search.jsonl")):
        with pytest.raises(CheckpointError, match="cannot be (written|read)"):
            finished(path).fit(X, y)
    assert fits() == []


def test_a_checkpoint_in_use_names_the_process(tmp_path):
    path = tmp_path / "search.jsonl"
    seen = []

    def nosy(progress):
        with pytest.raises(CheckpointError, match=f"process {os.getpid()}, this one"):
            finished(path).fit(X, y)
        seen.append(len(load_results(path)))  # reading needs no lock

    finished(path).set_params(callbacks=nosy).fit(X, y)
    assert seen == [1, 2]


def test_an_error_before_the_first_fit_leaves_no_lock(tmp_path):
    path = tmp_path / "search.jsonl"
    with parallel_config(backend="threading"):
        for _ in range(2):
            with pytest.raises(ValueError, match="arithmetic"):
                finished(path).set_params(n_jobs=2, pre_dispatch="n_jobs*?").fit(X, y)
    finished(path).fit(X, y)


def test_plan_does_not_touch_the_checkpoint(tmp_path):
    path = tmp_path / "search.jsonl"
    search = HyperbandSearchCV(SGD, RATES, max_resource=9, checkpoint=path)
    assert len(search.plan(X_IRIS, y_iris))
    assert not path.exists()


def test_callbacks_of_scikit_learn_hear_of_folds_that_are_read_back(tmp_path):
    pytest.importorskip("sklearn.callback")
    path = tmp_path / "search.jsonl"
    search = finished(path).fit(X, y)
    recorder = Recorder()
    search.set_callbacks(recorder).fit(X, y)
    name = "candidate-split-evaluation"
    assert recorder.count("begin", name) == recorder.count("end", name) == 6


def test_searches_hold_nothing_of_their_journals(tmp_path):
    import pickle

    search = finished(tmp_path / "search.jsonl").fit(X, y)
    twin = pickle.loads(pickle.dumps(search))
    assert clone(twin).checkpoint == search.checkpoint
    kept = Checkpoint(tmp_path / "search.jsonl")
    assert clone(search.set_params(checkpoint=kept)).checkpoint == kept


def test_results_of_nothing_and_of_a_beginning(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_results(tmp_path / "nothing.jsonl")
    with pytest.raises(FileNotFoundError, match="holds no checkpoint"):
        load_results(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    assert len(load_results(tmp_path / "empty.jsonl")) == 0


@pytest.mark.parametrize("names", [["best.pickle"], ["notes.txt", "2-0-a.pickle"]])
def test_a_folder_of_models_with_files_of_others_is_left_alone(names, tmp_path):
    path = tmp_path / "search.jsonl"
    folder = Path(f"{path}.models")
    folder.mkdir()
    for name in names:
        (folder / name).write_text("mine")
    kept = Checkpoint(path, models=True)
    make = partial(HyperbandSearchCV, SGD, RATES, max_resource=3, random_state=0)
    with pytest.raises(CheckpointError, match=r"search.jsonl.models holds other files"):
        make(checkpoint=kept).fit(X_IRIS, y_iris)
    assert {file.name: file.read_text() for file in folder.iterdir()} == dict.fromkeys(
        names, "mine"
    )
    assert not path.exists()
    search = make(checkpoint=kept, keep_models="none").fit(X_IRIS, y_iris)
    assert len(list(folder.iterdir())) == len(names)
    assert search.best_score_ > 0


# ---- places where nothing can be written


@pytest.fixture
def read_only(monkeypatch):
    """Return a function that makes files ones that cannot be written, by root too."""
    system_open = os.open

    def refuse(path, flags, *args, **kwargs):
        if flags & (os.O_RDWR | os.O_WRONLY | os.O_CREAT):
            raise OSError(30, "Read-only file system", os.fspath(path))
        return system_open(path, flags, *args, **kwargs)

    return lambda: monkeypatch.setattr(os, "open", refuse)


def test_a_finished_checkpoint_is_read_where_nothing_can_be_written(
    tmp_path, read_only
):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, store_predictions=True, checkpoint=path)
    whole = make().fit(X, y)
    before = path.read_bytes()
    read_only()
    watched()
    again = make().fit(X, y)
    assert fits() == []
    assert_equal_tables(whole, again)
    np.testing.assert_array_equal(again.predictions_[0], whole.predictions_[0])
    pd.testing.assert_frame_equal(load_results(path), whole.results_)
    assert path.read_bytes() == before


def test_what_is_not_finished_names_the_place_where_nothing_can_be_written(
    tmp_path, read_only
):
    path = tmp_path / "search.jsonl"
    make = partial(random, Toy(), SPACE, checkpoint=path)
    with pytest.raises(Killed):
        make(callbacks=KillAtEvery(3)).fit(X, y)
    before = path.read_bytes()
    read_only()
    watched()
    with pytest.raises(
        CheckpointError, match=r"search.jsonl.*Read-only.* not finished"
    ):
        make().fit(X, y)
    with pytest.raises(CheckpointError, match=r"new.jsonl.*cannot be written"):
        make(checkpoint=tmp_path / "new.jsonl").fit(X, y)
    assert fits() == []
    assert len(load_results(path)) == 3
    assert path.read_bytes() == before


def test_a_finished_search_writes_nothing_when_it_is_read_back(tmp_path):
    path = tmp_path / "search.jsonl"
    finished(path).fit(X, y)
    before = path.read_bytes()
    finished(path).fit(X, y)
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="needs modes")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_checkpoint_has_the_mode_of_any_new_file(umask, tmp_path):
    path = tmp_path / "search.jsonl"
    before = os.umask(umask)
    try:
        finished(path).set_params(store_predictions=True).fit(X, y)
    finally:
        os.umask(before)
    for file in (path, Path(f"{path}.predictions")):
        assert file.stat().st_mode & 0o777 == 0o666 & ~umask
    path.chmod(0o640)
    finished(path).set_params(store_predictions=True).fit(X, y)
    assert path.stat().st_mode & 0o777 == 0o640


# ---- crafted files: the checksums are right, and what they stand for is not


def events_of(path):
    return [json.loads(line[9:]) for line in Path(path).read_bytes().splitlines()]


def write_events(path, events):
    crc, lines = 0, []
    for event in events:
        line, crc = encode(event, crc)
        lines.append(line)
    Path(path).write_bytes(b"".join(lines))


def crafted_searches():
    """Return searches that are cheap, with their data, by name."""
    iris = X_IRIS[::3], y_iris[::3]
    cheap = partial(random, n_iter=3)
    return {
        "given": (cheap(Toy(), SPACE, initial_params=[{"a": 0.25, "kind": "z"}]), X, y),
        "several": (cheap(Toy(), SPACE, scoring=two_scores, refit="good"), X, y),
        "predictions": (
            *(cheap(LogisticRegression(), {"C": (0.1, 1.0)}, store_predictions=True),),
            *iris,
        ),
        "racing": (cheap(Faulty(), FAULTS, n_iter=6, racing="forgiving"), X, y),
        "rungs": (
            *(HyperbandSearchCV(SGD, RATES, max_resource=3, cv=2, random_state=0),),
            *iris,
        ),
    }


STRANGE = [
    *(None, True, -1, 0, 2, 10**8, 10**400, -0.5, 1e308, np.nan, np.inf),
    *("", "x", "2020-01-01", "complete", "raced_out", "max_time"),
    *([], [1], [None], ["a"], [[["a"]]], {}, {"a": 1}, {"0": {}}),
]


def crafted(events, rng):
    """Return a journal with a change that no search makes."""
    events = [dict(event) for event in events]
    one, other = (int(n) for n in rng.integers(1, len(events), size=2))
    names = sorted(events[one])
    name, kind = names[rng.integers(len(names))], rng.integers(8)
    if kind == 0:
        del events[one]
    elif kind == 1:
        events.insert(other, events[one])
    elif kind == 2:
        events[one], events[other] = events[other], events[one]
    elif kind == 3:
        del events[one][name]
    elif kind == 4:
        events[0] = {**events[0], sorted(events[0])[rng.integers(10)]: _strange(rng)}
    else:
        events[one][name] = _strange(rng)
    return events


def _strange(rng):
    return STRANGE[rng.integers(len(STRANGE))]


@pytest.mark.parametrize("name", crafted_searches())
@pytest.mark.filterwarnings("ignore")
def test_a_crafted_checkpoint_is_refused_or_makes_a_table(name, tmp_path):
    path = tmp_path / "search.jsonl"
    search, *data = crafted_searches()[name]
    search.set_params(checkpoint=path).fit(*data)
    events, rng = events_of(path), np.random.default_rng(0)
    unfinished, n_refused = events[: len(events) * 2 // 3], 0
    for number in range(20):
        some = crafted([events, unfinished][number % 2], rng)
        for use in (lambda: load_results(path), lambda: search.fit(*data)):
            write_events(path, some)
            start = time.process_time()
            try:
                use()
            except CheckpointError as error:
                assert str(path) in str(error)
                n_refused += 1
            assert time.process_time() - start < 10
    assert n_refused > 15


# ---- real kills, and other processes


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and process groups")
@pytest.mark.parametrize(
    ("n_jobs", "backend", "n_kills"),
    [(1, "loky", 52), (2, "threading", 44), (2, "loky", 8)],
)
def test_a_hundred_kills_change_nothing(n_jobs, backend, n_kills, tmp_path):
    arguments = [str(tmp_path), str(n_jobs), backend, str(n_kills)]
    run = subprocess.run(
        [sys.executable, "-m", "tests.search.killing", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr  # it compares the tables
    found = json.loads(run.stdout)
    assert found["kills"] >= n_kills
    assert found["over"] <= 0, found


HOLDER = """
import sys
from skhpo import BayesSearchCV
from tests.search.doors import SPACE, X, y
from tests.search.spies import Toy

def wait(progress):
    print("begun", flush=True)
    sys.stdin.read()

BayesSearchCV(
    Toy(), SPACE, optimizer="random", n_iter=2, cv=3, random_state=0, refit=False,
    checkpoint=sys.argv[1], callbacks=wait,
).fit(X, y)
"""


@pytest.mark.faults
def test_a_checkpoint_in_use_by_another_process_names_it(tmp_path):
    path = tmp_path / "search.jsonl"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "begun\n"
        watched()
        with pytest.raises(CheckpointError, match=f"in use by process {other.pid} on"):
            finished(path).fit(X, y)
        assert fits() == []
        assert len(load_results(path)) == 1
    finally:
        other.kill()
        other.communicate()
    assert len(finished(path).fit(X, y).results_) == 2


@pytest.mark.faults
def test_a_full_disk_does_not_end_the_search(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "search.jsonl"
    whole = random(Toy(), SPACE).fit(X, y)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, limits[1]))
    try:
        with pytest.warns(UserWarning, match="cannot be written any more") as caught:
            search = random(Toy(), SPACE, checkpoint=path).fit(X, y)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(caught) == 1
    assert_equal_tables(whole, search)
    assert 0 < len(load_results(path)) < 8
    assert_equal_tables(whole, random(Toy(), SPACE, checkpoint=path).fit(X, y))
    assert len(load_results(path)) == 8
