"""Processes of our own: each fate of a process is the fate of one task."""

import multiprocessing
import os
import pickle
import queue
import signal
import threading
import time
from functools import partial

import pytest

from skhpo.evaluation import _workers
from skhpo.evaluation._workers import MAX_STILLBORN, Crew, Task, how_it_ended, serve

FORK = multiprocessing.get_context("fork")  # starts in no time


def start(pipe, target=serve):
    process = FORK.Process(target=target, args=(pipe, pickle.dumps))
    process.start()
    return process


def kill(process):
    process.kill()
    process.join()


class Ends(queue.Queue):
    """What was reported, in order."""

    def report(self, task, end):
        self.put((task.key, end))

    def next(self):
        return super().get(timeout=20)

    def all(self, n):
        return dict(self.next() for _ in range(n))


@pytest.fixture
def ends():
    return Ends()


@pytest.fixture
def crew(ends, monkeypatch):
    """Return what makes a crew; it is closed after the test."""
    monkeypatch.setattr(_workers, "GOODBYE_SECONDS", 0.05)  # forks hear no goodbye
    crews = []

    def make(n_workers=2, first=int, report=None, target=serve, **settings):
        crews.append(
            Crew(
                n_workers,
                partial(start, target=target),
                pickle.dumps(first),
                report or ends.report,
                kill,
                **settings,
            )
        )
        return crews[-1]

    yield make
    for one in crews:
        one.close()


def task(key, function, *args, is_suspect=False):
    return Task(key, pickle.dumps(partial(function, *args)), is_suspect)


def fail(error):
    raise error


def kill_me(number=signal.SIGKILL):
    os.kill(os.getpid(), number)


def nap_and_tell(seconds):
    begin = time.monotonic()
    time.sleep(seconds)
    return os.getpid(), begin, time.monotonic()


def test_what_a_task_returns_comes_back(crew, ends):
    team = crew()
    for number in range(20):
        team.submit(task(number, divmod, number, 7))
    found = ends.all(20)
    assert {key: end.value for key, end in found.items()} == {
        number: divmod(number, 7) for number in range(20)
    }
    assert {end.fate for end in found.values()} == {"returned"}


def test_what_a_task_raises_comes_back_with_its_traceback(crew, ends):
    crew().submit(task("a", fail, KeyError("nothing there")))
    key, end = ends.next()
    assert (key, end.fate) == ("a", "raised")
    assert isinstance(end.value, KeyError)
    assert "in fail" in str(end.value.__cause__)


class Stubborn(Exception):
    """Cannot be pickled, also not by what dask adds to the pickling of errors."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")
        self.lock = threading.Lock()


def raise_stubborn():
    raise Stubborn(1, 2)


def test_an_error_that_cannot_travel_sends_its_text(crew, ends):
    crew().submit(task("a", raise_stubborn))
    _, end = ends.next()
    assert type(end.value) is RuntimeError
    assert str(end.value) == "Stubborn: 1 and 2"


@pytest.mark.parametrize(
    "death, code, words",
    [
        (partial(kill_me), -9, "was killed by SIGKILL"),
        (partial(kill_me, signal.SIGTERM), -15, "was killed by SIGTERM"),
        (partial(os._exit, 3), 3, "ended with exit code 3"),
        (partial(os._exit, 0), 0, "ended with exit code 0"),
    ],
)
def test_a_death_names_its_task_and_the_others_go_on(crew, ends, death, code, words):
    team = crew()
    for number in range(6):
        team.submit(task(number, death) if number == 2 else task(number, abs, number))
    found = ends.all(6)
    assert found.pop(2).value == code
    assert how_it_ended(code) == words
    assert {end.fate for end in found.values()} == {"returned"}


def leave_a_child_and_die():
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
    kill_me()


def test_a_death_is_seen_though_a_child_holds_the_pipe(crew, ends):
    begin = time.monotonic()
    crew(n_workers=1).submit(task("a", leave_a_child_and_die))
    assert ends.next()[1].value == -9
    assert time.monotonic() - begin < 10


def test_an_overdue_task_is_ended_soon_and_the_others_are_unharmed(crew, ends):
    team = crew(limit=0.3)
    team.submit(task("long", time.sleep, 60))
    for number in range(4):
        team.submit(task(number, nap_and_tell, 0.1))
    found = ends.all(5)
    assert found.pop("long").fate == "overdue"
    assert {end.fate for end in found.values()} == {"returned"}


def test_the_clock_does_not_run_while_a_process_starts(crew, ends):
    team = crew(first=partial(time.sleep, 0.6), limit=0.3)
    team.submit(task("a", abs, -1))
    _, end = ends.next()
    assert end.fate == "returned"
    assert end.seconds < 0.3


def test_nobody_waits_for_the_caller_to_end_what_is_overdue(crew, ends):
    team = crew(n_workers=1, limit=0.2)
    team.submit(task("a", time.sleep, 60))
    time.sleep(1.5)  # the caller is busy
    assert ends.qsize() == 1


def test_a_suspect_runs_alone_in_a_fresh_process(crew, ends):
    team = crew(n_workers=2)
    for number in range(2):  # both workers are used, and one is busy
        team.submit(task(number, nap_and_tell, 0.1))
    used = {end.value[0] for end in ends.all(2).values()}
    team.submit(task("before", nap_and_tell, 0.3))
    time.sleep(0.1)
    team.submit(task("suspect", nap_and_tell, 0.2, is_suspect=True))
    team.submit(task("after", nap_and_tell, 0.1))
    found = {key: end.value for key, end in ends.all(3).items()}
    assert found["suspect"][0] not in used
    assert found["before"][2] <= found["suspect"][1]
    assert found["suspect"][2] <= found["after"][1]


def test_suspects_can_be_taken_back(crew, ends):
    taken = []

    def report(one, end):
        taken.extend(t.key for t in team.take_back(lambda t: t.key in "bd"))
        ends.report(one, end)

    team = crew(n_workers=1, report=report)
    for key in "abcd":
        team.submit(task(key, nap_and_tell, 0.2, is_suspect=True))
    assert set(ends.all(2)) == {"a", "c"}
    assert sorted(taken) == ["b", "d"]


def dies_at_once(pipe, dumps):
    os._exit(7)


def test_processes_that_die_while_they_start_are_an_error_soon(crew, ends):
    crew(target=dies_at_once).submit(task("a", abs, 1))
    _, end = ends.next()
    assert end.fate == "raised"
    assert f"{MAX_STILLBORN} worker processes in a row" in str(end.value)
    assert "exit code 7" in str(end.value)


def test_workers_that_cannot_be_prepared_are_an_error(crew, ends):
    team = crew(first=partial(fail, RuntimeError("no data")))
    for number in range(3):
        team.submit(task(number, abs, number))
    assert {str(end.value) for end in ends.all(3).values()} == {"no data"}


def test_processes_that_cannot_be_started_are_an_error_and_not_the_end(ends):
    def no_memory(pipe):
        raise OSError("no memory for another process")

    team = Crew(1, no_memory, b"", ends.report, None)
    team.submit(task("a", abs, 1))
    _, end = ends.next()
    assert "no memory" in str(end.value)
    assert team.error is end.value
    team.close()


def test_closing_ends_processes_whatever_they_do(crew, ends):
    team = crew(n_workers=2)
    team.submit(task("quick", nap_and_tell, 0))
    ends.next()
    team.submit(task("long", time.sleep, 60))
    time.sleep(0.2)
    before = {worker.process for worker in team._workers}
    begin = time.monotonic()
    team.close()
    assert time.monotonic() - begin < 2
    assert before and not any(process.is_alive() for process in before)
    team.close()  # once more does no harm


def test_many_tasks_can_be_submitted_in_one_go(crew, ends):
    team, n = crew(n_workers=1), 2000
    for number in range(n):
        team.submit(task(number, abs, number))
    assert len(ends.all(n)) == n


def test_ctrl_c_is_for_the_parent_to_understand(crew, ends):
    team = crew(n_workers=1)
    team.submit(task("a", kill_me, signal.SIGINT))
    assert ends.next()[1].fate == "returned"
