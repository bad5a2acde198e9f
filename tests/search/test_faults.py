"""What a search promises when processes die, fits hang, and users lose patience.

Each fault is compared with the same search in which an exception took its place, or
nothing happened at all: the tables must be the same.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from math import inf
from pathlib import Path

import joblib
import numpy as np
import pytest

from skhpo import HyperbandSearchCV, PBTSearchCV

from . import test_hyperband, test_pbt
from .doors import (
    DOORS,
    SPACE,
    Script,
    X,
    assert_same_table,
    doors_at_all,
    n_rows,
    one_door,
    statuses,
    y,
)
from .spies import Toy


def these_doors(*names):
    """Run a test for some doors: what takes seconds is not done for every one."""
    doors = [door for door in DOORS if door.name in names]
    return pytest.mark.parametrize("door", doors, ids=lambda door: door.name)


four_doors = these_doors("bayes", "evolution-de", "hyperband", "pbt")
two_doors = these_doors("bayes", "pbt")

pytestmark = pytest.mark.filterwarnings("ignore")


class Deadly(Toy):
    """Goes wrong in the way that ``fault`` names, where ``kind`` is "z".

    ``once`` names a file: there is one that goes wrong, and leaves it.
    """

    def __init__(self, a=0.5, kind="x", fault="none", once=None):
        self.a = a
        self.kind = kind
        self.fault = fault
        self.once = once
        self.b, self.nap, self.log = 1, 0.0, None

    def fit(self, X, y=None):
        if self.kind == "z" and X[0, 0] > 0 and len(X) < 30:  # on one of three folds
            go_wrong(self.fault, self.once)
        return super().fit(X, y)

    def score(self, X, y=None):
        if self.kind == "z" and self.fault == "slow score":
            time.sleep(1000)
        return super().score(X, y)


def go_wrong(fault, once=None):
    """End this process, or hang; with ``once`` for the first caller only."""
    if once is not None:
        try:
            Path(once).touch(exist_ok=False)
        except FileExistsError:
            return
    if fault == "exception":
        raise RuntimeError("no fit today")
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "kill and leave":  # a child holds what the process had open
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "exit":
        os._exit(137)
    if fault == "hang":
        time.sleep(1000)
    if fault == "hang and hold":  # no signal but SIGKILL gets through
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "1000"])
        while True:
            time.sleep(1000)


def run(door, fault, name="loky", **parameters):
    """Return a search over settings of which some go wrong."""
    search = door.search(
        Deadly(fault=fault), SPACE, **{"n_jobs": 2, "n_points": 3, **parameters}
    )
    with joblib.parallel_config(backend=name):
        return search.fit(X, y)


def assert_like_an_exception(search, door, text, **parameters):
    """Check that nothing but the text of the error tells how fits went wrong."""
    expected = run(door, "exception", n_jobs=1, **parameters)
    assert_same_table(search.cv_results_, expected.cv_results_, ignored=["error"])
    assert "failed" in statuses(search)
    for status, error in zip(
        statuses(search), search.cv_results_["error"], strict=True
    ):
        assert (text in error) == (status == "failed"), error
    assert search.best_params_ == expected.best_params_
    search.predict(X)


# ---- workers that die


@pytest.mark.faults
@four_doors
def test_a_fit_that_is_killed_has_failed_and_nothing_else(door):
    assert_like_an_exception(run(door, "kill"), door, "killed by SIGKILL")


@pytest.mark.faults
@pytest.mark.parametrize(
    "fault, text",
    [
        ("segfault", "SIGSEGV"),
        ("exit", "exit code 137"),
        ("kill and leave", "SIGKILL"),
    ],
)
@one_door
def test_every_death_is_named(door, fault, text):
    assert_like_an_exception(run(door, fault), door, text)


@one_door
def test_a_death_costs_no_more_than_its_fit(door):
    """A quick one for every day: workers are forked, and one dies."""
    search = run(door, "kill", "multiprocessing", n_iter=3)
    assert_like_an_exception(search, door, "killed by SIGKILL", n_iter=3)


@pytest.mark.faults
@one_door
def test_the_next_search_finds_sound_workers(door):
    run(door, "kill", n_iter=4)
    search = run(door, "none", n_iter=4)
    plain = run(door, "none", n_iter=4, n_jobs=1)
    assert_same_table(search.cv_results_, plain.cv_results_)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["loky", "multiprocessing"])
@two_doors
def test_an_innocent_fit_that_was_killed_runs_again(door, name, tmp_path):
    search = door.search(Deadly(fault="kill"), SPACE, n_jobs=2, n_points=3)
    search.set_params(estimator__once=str(tmp_path / "once"))
    with joblib.parallel_config(backend=name):
        search.fit(X, y)
    assert (tmp_path / "once").exists()
    plain = run(door, "none", n_jobs=1)
    assert_same_table(search.cv_results_, plain.cv_results_)


@pytest.mark.faults
@two_doors
def test_error_score_raise_names_the_candidate_and_the_fold(door):
    with pytest.raises(RuntimeError, match=r"Candidate \d+, split \d, .*'kind': 'z'"):
        run(door, "kill", error_score="raise")


class Grower(test_hyperband.Grower):
    """Goes wrong once, in the middle of its training."""

    def __init__(self, a=0.5, fault="none", once=None):
        self.a = a
        self.fault = fault
        self.once = once
        self.fails, self.nap, self.ballast = (), 0.0, 0

    def partial_fit(self, X, y):
        super().partial_fit(X, y)
        if self.units_ == 5:
            go_wrong(self.fault, self.once)
        return self


class Learner(test_pbt.Learner):
    """The same for populations."""

    def __init__(self, a=0.5, b=0.5, fault="none", once=None):
        super().__init__(a, b)
        self.fault = fault
        self.once = once

    def partial_fit(self, X, y):
        super().partial_fit(X, y)
        if len(self.history_) == 7:
            go_wrong(self.fault, self.once)
        return self


def in_rungs(estimator, **parameters):
    parameters = dict(min_resource=1, max_resource=9, n_candidates=6, **parameters)
    return HyperbandSearchCV(estimator, test_hyperband.SPACE, **parameters)


def in_steps(estimator, **parameters):
    parameters = dict(population_size=4, n_steps=4, **parameters)
    return PBTSearchCV(estimator, test_pbt.SPACE, **parameters)


@pytest.mark.faults
@pytest.mark.parametrize("keep_models", ["memory", "disk", "none"])
@pytest.mark.parametrize("build, model", [(in_rungs, Grower), (in_steps, Learner)])
def test_training_goes_on_from_where_it_was(build, model, keep_models, tmp_path):
    once = tmp_path / "once"
    data = test_hyperband.X, test_hyperband.y
    shared = dict(cv=2, random_state=0, keep_models=keep_models)
    search = build(model(fault="kill", once=str(once)), n_jobs=2, n_points=3, **shared)
    with joblib.parallel_config(backend="multiprocessing"):
        search.fit(*data)
    assert once.exists()
    plain = build(model(), n_points=3, **shared).fit(*data)
    assert_same_table(search.cv_results_, plain.cv_results_)


@pytest.mark.faults
@pytest.mark.parametrize("racing", ["forgiving", None])
@pytest.mark.parametrize("asynchronous", [True, False])
@one_door
def test_races_and_free_orders_go_on(door, asynchronous, racing):
    search = run(
        door, "kill", "multiprocessing", racing=racing, asynchronous=asynchronous
    )
    assert n_rows(search) == 8
    assert "failed" in statuses(search)


# ---- fits that hang


@pytest.mark.faults
@four_doors
def test_a_fit_that_hangs_has_failed_and_nothing_else(door):
    search = run(door, "hang", n_jobs=1, fit_timeout=2)
    assert_like_an_exception(search, door, "fit_timeout=2 seconds")


@pytest.mark.faults
@one_door
def test_a_fit_that_resists_is_ended_with_what_it_started(door):
    search = run(door, "hang and hold", n_jobs=2, fit_timeout=2)
    assert_like_an_exception(search, door, "fit_timeout=2 seconds")
    times = search.cv_results_["mean_fit_time"][np.array(statuses(search)) == "failed"]
    assert np.all(times < 2 + 5 / 3)  # one of three folds was overdue, for < 5 s


@pytest.mark.faults
@one_door
def test_a_score_that_hangs_counts_too(door):
    search = run(door, "slow score", n_iter=5, fit_timeout=2)
    assert "failed" in statuses(search)
    for error in search.cv_results_["error"]:
        assert error == "" or "fit_timeout=2" in error


@pytest.mark.faults
@two_doors
def test_with_error_score_raise_a_limit_is_an_error(door):
    with pytest.raises(TimeoutError, match=r"Candidate \d+, split \d.*fit_timeout=2"):
        run(door, "hang", fit_timeout=2, error_score="raise")


@pytest.mark.faults
@pytest.mark.parametrize("name", ["loky", "multiprocessing"])
@pytest.mark.parametrize("n_jobs", [1, 2])
@one_door
def test_fits_in_time_give_the_same_table(door, n_jobs, name):
    search = run(door, "none", name, n_jobs=n_jobs, fit_timeout=100)
    plain = run(door, "none", n_jobs=1)
    assert_same_table(search.cv_results_, plain.cv_results_)


@pytest.mark.faults
@one_door
def test_deaths_are_survived_with_a_limit_too(door):
    search = run(door, "kill", n_jobs=1, fit_timeout=100)
    assert_like_an_exception(search, door, "killed by SIGKILL")


@pytest.mark.parametrize("fit_timeout", [0, -1.0, "1h", np.nan])
@doors_at_all
def test_a_limit_that_is_no_number_of_seconds(door, fit_timeout):
    search = door.search(Toy(), SPACE, fit_timeout=fit_timeout)
    with pytest.raises((ValueError, TypeError), match="fit_timeout"):
        search.fit(X, y)


@doors_at_all
def test_an_infinite_limit_is_none(door):
    search = door.search(Toy(), SPACE, fit_timeout=inf, n_jobs=1).fit(X, y)
    plain = door.search(Toy(), SPACE).fit(X, y)
    assert_same_table(search.cv_results_, plain.cv_results_)


@doors_at_all
def test_a_limit_where_nobody_can_keep_it_is_refused(door):
    search = door.search(Toy(), SPACE, fit_timeout=10, n_jobs=2)
    with (
        joblib.parallel_config(backend="threading"),
        pytest.raises(ValueError, match="ThreadingBackend has none. Possible: backend"),
    ):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")


# ---- stopping


@pytest.mark.faults
@pytest.mark.parametrize("settings", [{"n_jobs": 1, "fit_timeout": 99}, {"n_jobs": 2}])
@these_doors("bayes", "evolution-de", "hyperband")
def test_max_time_ends_what_hangs_where_it_can_be_killed(door, settings):
    first = {"a": 0.5, "kind": "x"}  # is always awaited
    times = [time.monotonic() + 4]
    search = run(
        door,
        "hang",
        max_time=4,
        n_iter=30,
        initial_params=first,
        callbacks=lambda progress: times.append(time.monotonic()),
        **settings,
    )
    assert time.monotonic() - max(times[:2]) < 10  # the first candidate is awaited
    assert search.stop_reason_ == "max_time"
    search.predict(X)


@pytest.mark.parametrize("how", ["exit", "memory"])
@doors_at_all
def test_what_python_calls_an_exit_is_a_failed_fit(door, how):
    from .spies import Faulty

    space = {"a": (0.0, 1.0), "fault": ["none", how]}
    search = door.search(Faulty(), space).fit(X, y)
    failed = [p["fault"] == how for p in search.cv_results_["params"]]
    assert [s == "failed" for s in statuses(search)] == failed
    assert any(failed)


STOPPED_SCRIPT = """
import json, os, sys, time
import joblib
from tests.search.doors import DOORS, X, y
from tests.search.test_faults import Dozer

door = {door.name: door for door in DOORS}[os.environ["DOOR"]]
n_jobs = int(os.environ["N_JOBS"])
limit = os.environ["FIT_TIMEOUT"]
search = door.search(
    Dozer(), {"a": (0.0, 1.0)}, n_iter=50, n_jobs=n_jobs, n_points=2,
    fit_timeout=float(limit) if limit else None,
    callbacks=lambda p: print("ready", flush=True) if p.n_done == 2 else None,
)
try:
    search.fit(X, y)
except KeyboardInterrupt:
    print(json.dumps(dict(
        end=time.time(),
        n_rows=len(search.cv_results_["params"]),
        best=search.best_params_,
        reason=search.stop_reason_,
    )), flush=True)
"""


class Dozer(Toy):
    """Its first six fits in a process are quick, then each starts one that is not."""

    n_done = 0

    def fit(self, X, y=None):
        Dozer.n_done += 1
        if Dozer.n_done > 6:
            self.doze()
        return super().fit(X, y)

    def doze(self):
        subprocess.run(["sleep", "1000"])


def stopped_script(tmp_path, door, n_jobs, limit=1000):
    script = Script(
        tmp_path,
        STOPPED_SCRIPT,
        DOOR=door.name,
        N_JOBS=str(n_jobs),
        FIT_TIMEOUT="" if limit is None else str(limit),
    )
    script.wait_for("ready")
    time.sleep(1.0)
    return script


@pytest.mark.faults
@pytest.mark.parametrize("send", [os.kill, os.killpg])  # as a terminal does
@pytest.mark.parametrize("n_jobs, limit", [(1, 1000), (2, 1000), (2, None)])
@two_doors
def test_ctrl_c_ends_soon_and_leaves_nothing_running(
    door, n_jobs, limit, send, tmp_path
):
    script = stopped_script(tmp_path, door, n_jobs, limit)
    try:
        sent = time.time()
        send(script.process.pid, signal.SIGINT)
        report = json.loads(script.finish(timeout=60).splitlines()[-1])
        assert report["end"] - sent < 5
        assert report["n_rows"] >= 2
        assert report["reason"] == "interrupted"
        assert report["best"]
        assert none_left(script)
        assert script.leftovers() == []
    finally:
        script.kill()


@pytest.mark.faults
@pytest.mark.parametrize("n_jobs", [1, 2])
@one_door
def test_workers_end_with_a_killed_parent_and_its_folder_later(door, n_jobs, tmp_path):
    script = stopped_script(tmp_path, door, n_jobs)
    try:
        os.kill(script.process.pid, signal.SIGKILL)
        end = time.time() + 10
        while python_processes(script) and time.time() < end:
            time.sleep(0.1)
        assert not python_processes(script)
        (left,) = script.leftovers()
        os.utime(script.folder / left, (0, 0))
        clearing = "import sys; from skhpo.evaluation._folders import Folder; Folder()"
        subprocess.run(
            [sys.executable, "-c", clearing],
            env={**os.environ, "TMPDIR": str(script.folder)},
            check=True,
        )
        assert script.leftovers() == []
    finally:
        script.kill()


class Hog(Dozer):
    """Then its fits run in compiled code that lets no thread of Python work."""

    def doze(self):
        sum(range(10**12))


@pytest.mark.faults
@pytest.mark.parametrize("estimator, limit", [("Hog", 1000), ("Dozer", None)])
@one_door
def test_workers_end_with_a_killed_parent_whatever_they_do(
    door, estimator, limit, tmp_path, monkeypatch
):
    """Our own and joblib's, in compiled code and in a program that a fit started."""
    text = STOPPED_SCRIPT.replace("Dozer", estimator)
    monkeypatch.setitem(globals(), "STOPPED_SCRIPT", text)
    script = stopped_script(tmp_path, door, 2, limit)
    try:
        os.kill(script.process.pid, signal.SIGKILL)
        end = time.time() + 10
        while python_processes(script) and time.time() < end:
            time.sleep(0.1)
        assert not python_processes(script)
    finally:
        script.kill()


def python_processes(script):
    """Return the processes of a script but for what its fits started."""
    found = []
    for number in script.descendants():
        try:
            command = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if b"sleep" not in command and b"tracker" not in command and command:
            found.append(command)
    return found


def none_left(script, seconds=5):
    end = time.time() + seconds
    while script.descendants() and time.time() < end:
        time.sleep(0.05)
    return not script.descendants()


# ---- what cannot be sent


class Locked:
    """A value that cannot be pickled, as connections and open files cannot."""

    def __init__(self):
        self.lock = threading.Lock()

    def __deepcopy__(self, memo):
        return self


@pytest.mark.parametrize("settings", [{"n_jobs": 2}, {"fit_timeout": 100}])
@doors_at_all
def test_what_cannot_be_sent_is_named(door, settings):
    search = door.search(Toy(log=Locked()), SPACE, **settings)
    named = r"^estimator__log.lock \(a _thread.lock\) cannot be sent to worker proce"
    with pytest.raises(ValueError, match=named):
        search.fit(X, y)


@pytest.mark.parametrize("settings", [{"n_jobs": 2}, {"fit_timeout": 100}])
@doors_at_all
def test_a_choice_that_cannot_be_sent_is_named(door, settings):
    space = {**SPACE, "log": [None, Locked()]}
    named = r"^search_space\['log'\]\[1\].lock \(a _thread.lock\) cannot be sent"
    with pytest.raises(ValueError, match=named):
        door.search(Toy(), space, **settings).fit(X, y)


@pytest.mark.parametrize("settings", [{}, {"n_jobs": 2}])
@doors_at_all
def test_what_cannot_be_copied_is_named(door, settings):
    search = door.search(Toy(log=[threading.Lock()]), SPACE, **settings)
    named = r"^estimator__log\[0\] \(a _thread.lock\) cannot be copied for each fit"
    with pytest.raises(TypeError, match=named):
        search.fit(X, y)


def score_with(lock, estimator, X, y):
    return estimator.score(X, y)


@doors_at_all
def test_a_scorer_that_cannot_be_sent_is_named(door):
    scorer = partial(score_with, threading.Lock())
    search = door.search(Toy(), SPACE, scoring=scorer, n_jobs=2)
    with pytest.raises(ValueError, match=r"scoring.*args\[0\] \(a _thread.lock\)"):
        search.fit(X, y)
