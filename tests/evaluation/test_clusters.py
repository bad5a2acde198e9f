"""The same searches on dask, ray and spark: the real engines, where they are installed.

What needs processes of dask is marked ``slow`` or ``faults``; in the default run its
workers are threads of this process, which takes the same way through our code.
"""

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import ThreadingBackend
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)
from skhpo.evaluation import open_dispatcher
from skhpo.evaluation._dispatch import Waves
from skhpo.evaluation._distributed import Distributed
from skhpo.evaluation._task import run_folds
from tests.evaluation.test_dispatch import evaluate, make_payload
from tests.search.doors import SPACE, Script, X, assert_same_table, y
from tests.search.spies import ConfigSpy, Toy

# ---- the engines


@contextmanager
def dask_workers(**options):
    distributed = pytest.importorskip("distributed")
    import dask

    options = {"n_workers": 2, "threads_per_worker": 1, **options}
    with (
        # a busy machine may need more than 15 s to start a worker again
        dask.config.set({"distributed.deploy.lost-worker-timeout": "120s"}),
        distributed.LocalCluster(
            dashboard_address=None, memory_limit=0, silence_logs=50, **options
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def dask_threads():
    with dask_workers(processes=False) as client:
        yield client


@pytest.fixture(scope="module")
def dask_processes():
    with dask_workers(processes=True) as client:
        yield client


@pytest.fixture(scope="module")
def ray():
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def spark():
    register = pytest.importorskip("joblibspark").register_spark
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").getOrCreate()
    register()
    yield session
    session.stop()


# ---- same seed, same table

SGD = SGDClassifier(random_state=0)
RATES = {"alpha": (1e-6, 1.0, "log-uniform")}
NAPPER = Toy(nap=0.02)  # results arrive in disorder
COMMON = dict(cv=3, random_state=0)  # 3: the table depends on n_jobs > 1.5 folds

SEARCHES = [
    BayesSearchCV(NAPPER, SPACE, n_iter=6, initial_points=3, optimizer="gp", **COMMON),
    EvolutionarySearchCV(NAPPER, SPACE, n_iter=8, population_size=4, **COMMON),
    HyperbandSearchCV(
        SGD, RATES, n_candidates=4, resource="epochs", max_resource=4, **COMMON
    ),
    PBTSearchCV(SGD, RATES, population_size=4, n_steps=3, resource="epochs", **COMMON),
]

WORKERS = [
    ("threading", 4, None),
    ("dask", None, "dask_threads"),
    *[
        pytest.param(name, n_jobs, engine, marks=pytest.mark.slow)
        for name, n_jobs, engine in [
            ("loky", 2, None),
            ("loky", 4, None),
            ("multiprocessing", 2, None),
            ("dask", None, "dask_processes"),
            ("ray", 2, "ray"),
            ("spark", 2, "spark"),
        ]
    ],
]


@pytest.mark.parametrize("name, n_jobs, engine", WORKERS)
@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_same_seed_same_table_whatever_works(search, name, n_jobs, engine, request):
    if engine is not None:
        request.getfixturevalue(engine)
    alone = search.set_params(n_jobs=1).fit(X, y).cv_results_
    search.set_params(n_jobs=n_jobs)
    with joblib.parallel_config(backend=name):
        assert_same_table(search.fit(X, y).cv_results_, alone)


# ---- dask


@contextmanager
def on_dask(**options):
    with joblib.parallel_config(backend="dask", **options):
        yield


def toy_search(estimator=None, space=None, **options):
    options = {"n_iter": 6, "cv": 2, "random_state": 0, **options}
    return BayesSearchCV(
        Toy() if estimator is None else estimator,
        SPACE if space is None else space,
        optimizer="random",
        **options,
    )


def test_dask_is_asynchronous_and_has_as_many_workers_as_the_cluster(dask_threads):
    with on_dask():
        dispatcher = open_dispatcher(None, "2*n_jobs", make_payload())
    assert type(dispatcher) is Distributed
    assert (dispatcher.n_jobs, dispatcher.limit) == (2, 4)
    assert dispatcher.is_asynchronous and not dispatcher.can_kill
    assert evaluate(dispatcher, [{}, {"C": 0.1}]).min() > 0.8
    dispatcher.close(kill=False)


def test_data_are_scattered_once_and_forgotten_at_the_end(dask_threads, monkeypatch):
    scattered = []
    scatter = type(dask_threads).scatter

    def watch(client, data, **options):
        scattered.append(data)
        return scatter(client, data, **options)

    monkeypatch.setattr(type(dask_threads), "scatter", watch)
    with on_dask():
        toy_search(refit=False).fit(X, y)
    assert len(scattered) == 1
    end = time.monotonic() + 5
    while dask_threads.futures and time.monotonic() < end:
        time.sleep(0.02)
    assert not dask_threads.futures


def test_error_score_raise_raises_the_error_of_the_fit(dask_threads):
    search = toy_search(space={"nap": [0.0, "long"]}, error_score="raise")
    with on_dask(), pytest.raises(TypeError):
        search.fit(X, y)


def test_scikit_learns_configuration_reaches_dask(dask_threads):
    import sklearn

    settings = dict(assume_finite=True, transform_output="pandas")
    with sklearn.config_context(**settings), on_dask():
        search = toy_search(ConfigSpy(), {"a": [0.1, 0.2]}, refit=False).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], 1.0)


def test_max_time_cancels_what_waits(dask_threads):
    search = toy_search(Toy(nap=0.5), n_iter=500, max_time=0.6, refit=False)
    with on_dask():
        start = time.monotonic()
        search.fit(X, y)
    assert search.stop_reason_ == "max_time"
    assert time.monotonic() - start < 3


def test_a_search_within_a_task_of_dask_gives_its_slot_away(dask_threads):
    """Two outer folds take both slots: their fits would wait for ever."""
    search = toy_search(refit=True)
    scores = cross_val_score(search, X, y, cv=4)
    with on_dask():
        np.testing.assert_array_equal(cross_val_score(search, X, y, cv=4), scores)


@pytest.mark.slow
def test_what_cannot_be_pickled_is_refused_before_the_first_fit(dask_processes):
    lock = threading.Lock()

    def scorer(estimator, X, y):
        with lock:
            return 1.0

    with on_dask(), pytest.raises(ValueError, match="lock"):
        toy_search(scoring=scorer).fit(X, y)


class Deadly(Toy):
    """Kills its process: where ``a`` says so, or once if there is the file ``fuse``."""

    def __init__(self, a=0.5, kills_at=None, fuse=None):
        self.a = a
        self.kills_at = kills_at
        self.fuse = fuse

    def fit(self, X, y=None):
        if self.a == self.kills_at:
            time.sleep(3)  # dask starts no worker anew that dies while it is started
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fuse is not None and Path(self.fuse).exists():
            Path(self.fuse).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y=None):
        return self.a


@pytest.mark.faults
def test_a_worker_of_dask_that_dies_costs_nothing_but_time(dask_processes, tmp_path):
    fuse = tmp_path / "fuse"
    space = {"a": [0.1, 0.2, 0.3, 0.4], "fuse": [str(fuse)]}
    alone = toy_search(Deadly(), space, refit=False).fit(X, y)
    fuse.touch()
    with on_dask():
        search = toy_search(Deadly(), space, refit=False).fit(X, y)
    assert not fuse.exists()
    assert_same_table(search.cv_results_, alone.cv_results_)


@pytest.mark.faults
@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_fit_that_kills_worker_after_worker_is_a_failed_candidate(n_workers):
    """With one worker, the data die with it."""
    pytest.importorskip("distributed")
    import dask

    search = toy_search(Deadly(kills_at=0.3), {"a": [0.2, 0.3, 0.4]}, refit=False)
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        with dask_workers(processes=True, n_workers=n_workers), on_dask():
            with pytest.warns(match="fits failed"):
                search.fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores, [0.2, np.nan, 0.4])
    assert "KilledWorker" in search.cv_results_["error"][1]


def test_of_folds_that_went_together_only_the_deadly_one_has_failed(dask_threads):
    """Dask gives up a task of three folds, then twice one of them."""
    with on_dask():
        dispatcher = open_dispatcher(None, "2*n_jobs", make_payload())
    calls = []

    def lose(function, handle, call, **options):
        calls.append(call[2])
        return dask_threads.submit(_lost if 1 in call[2] else _as_asked, handle, call)

    dispatcher._killed = RuntimeError
    dispatcher._client = SubmitBy(dispatcher._client, lose)
    dispatcher.submit((0, {}, [0, 1, 2], None))
    outcomes = dispatcher.get()
    dispatcher.close(kill=False)
    assert calls == [[0, 1, 2], [0], [1], [2]]
    assert [outcome.fold for outcome in outcomes] == [0, 1, 2]
    assert [outcome.error is not None for outcome in outcomes] == [False, True, False]


class SubmitBy:
    """A client of dask that submits in another way."""

    def __init__(self, client, submit):
        self._real, self.submit = client, submit

    def __getattr__(self, name):
        return getattr(self._real, name)


def _as_asked(payload, call):
    return run_folds(payload, *call)


class Killed(RuntimeError):
    allowed_failures = 0


def _lost(payload, call):
    raise Killed


def test_cheap_folds_of_a_candidate_go_together(dask_threads, monkeypatch):
    sizes = []
    submit = Distributed.submit

    def watch(self, call):
        sizes.append(len(call[2]))
        submit(self, call)

    monkeypatch.setattr(Distributed, "submit", watch)
    search = toy_search(Toy(), n_iter=30, cv=3, refit=False)
    alone = search.fit(X, y).cv_results_
    with on_dask():
        assert_same_table(search.fit(X, y).cv_results_, alone)
    assert sum(sizes) == 90
    assert sizes.count(3) >= 20


INTERRUPTED = """
import json, time
import joblib
from distributed import Client, LocalCluster
from skhpo import BayesSearchCV
from tests.search.doors import SPACE, X, y
from tests.search.spies import Toy

if __name__ == "__main__":
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster, Client(cluster) as client:
        search = BayesSearchCV(
            Toy(nap=0.5), SPACE, n_iter=500, cv=2, optimizer="random",
            callbacks=lambda p: print("ready", flush=True) if p.n_done == 2 else None,
        )
        with joblib.parallel_config(backend="dask"):
            try:
                search.fit(X, y)
            except KeyboardInterrupt:
                end = time.time()
                time.sleep(1)
                left = sum(map(len, client.processing().values()))
                n_rows = len(search.cv_results_["params"])
                print(json.dumps([end, n_rows, left]), flush=True)
"""


@pytest.mark.faults
def test_ctrl_c_keeps_the_rows_and_takes_back_what_waits(tmp_path):
    pytest.importorskip("distributed")
    script = Script(tmp_path, INTERRUPTED)
    try:
        script.wait_for("ready")
        sent = time.time()
        os.kill(script.process.pid, signal.SIGINT)
        end, n_rows, left = json.loads(script.finish().splitlines()[-1])
    finally:
        script.kill()
    assert end - sent < 5
    assert n_rows >= 2
    assert left == 0


# ---- waves


class Fragile(ThreadingBackend):
    """A backend that knows nothing of callbacks, and fails when it is told to."""

    n_failures = 0

    def submit(self, func, callback=None):
        if Fragile.n_failures:
            Fragile.n_failures -= 1
            raise ConnectionError("an actor died")
        submit = getattr(super(), "submit", None) or super().apply_async
        return submit(func, callback)

    if not hasattr(ThreadingBackend, "submit"):
        apply_async = submit  # joblib < 1.5


def open_fragile(n_failures, **changes):
    Fragile.n_failures = n_failures
    joblib.register_parallel_backend("fragile", Fragile)
    with joblib.parallel_config(backend="fragile"):
        return open_dispatcher(2, "2*n_jobs", make_payload(**changes))


@pytest.mark.parametrize("n_failures", [1, 2])
def test_a_wave_that_the_engine_lost_is_repeated_call_by_call(n_failures):
    dispatcher = open_fragile(n_failures)
    assert type(dispatcher) is Waves
    assert evaluate(dispatcher, [{}, {"C": 0.1}]).min() > 0.8
    dispatcher.close(kill=False)


def test_a_call_that_the_engine_loses_alone_and_again_has_failed():
    dispatcher = open_fragile(3)  # the wave, and the first call twice
    for number in range(2):
        dispatcher.submit((number, {}, [0, 1], None))
    lost, found = dispatcher.get(), dispatcher.get()
    dispatcher.close(kill=False)
    assert [outcome.fold for outcome in lost] == [0, 1]
    assert all("ConnectionError: an actor died" in outcome.error for outcome in lost)
    assert all(outcome.error is None for outcome in found)


def test_a_lost_call_with_error_score_raise_names_the_candidate():
    dispatcher = open_fragile(3, error_score="raise")
    dispatcher.submit((7, {"C": 0.1}, [2], None))
    with pytest.raises(RuntimeError, match=r"Candidate 7 .*0\.1.*folds \[2\]"):
        dispatcher.get()
    dispatcher.close(kill=False)


def test_what_is_raised_on_purpose_is_not_taken_for_a_fault_of_the_engine():
    dispatcher = open_fragile(0, scorer=lambda estimator, X, y: "good")
    dispatcher.submit((0, {}, [0], None))
    with pytest.raises(ValueError, match="scoring must return a number"):
        dispatcher.get()
    dispatcher.close(kill=False)


@pytest.mark.faults
def test_an_actor_of_ray_that_dies_costs_nothing_but_time(ray, tmp_path):
    fuse = tmp_path / "fuse"
    space = {"a": [0.1, 0.2, 0.3, 0.4], "fuse": [str(fuse)]}
    alone = toy_search(Deadly(), space, refit=False).fit(X, y)
    fuse.touch()
    with joblib.parallel_config(backend="ray", n_jobs=2):
        search = toy_search(Deadly(), space, refit=False).fit(X, y)
    assert not fuse.exists()
    assert_same_table(search.cv_results_, alone.cv_results_)
