"""Fingerprints of strange values: quick, never an error, the same in every process."""

import concurrent.futures
import enum
import io
import logging
import os
import pathlib
import queue
import random
import re
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache, partial
from operator import itemgetter

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.svm import SVC

from skhpo.search._digest import digest

from .doors import ROOT


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Slots:
    __slots__ = ("a", "unset")

    def __init__(self, a):
        self.a = a


class Lazy:
    """Fills a private attribute, a fitted one and a cached property when it is used."""

    def __init__(self, beta=1):
        self.beta = beta
        self._cache = None

    def used(self):
        self._cache = self.table
        self.n_calls_ = 1
        return self

    @cached_property
    def table(self):
        return np.zeros(3)


class Hidden:
    """Keeps what its constructor was given under another name."""

    def __init__(self, beta):
        self._weight = beta


class Loop:
    def __init__(self, a):
        self.a = a
        self.me = self
        self.others = [self, {"me": self}]


class Awkward:
    """Raises whatever it is asked."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("on another device")

    def get_params(self, deep=True):
        raise RuntimeError("not yet")

    def __repr__(self):
        raise RuntimeError("no words")


@dataclass
class Table:
    a: int
    cache: dict = field(default_factory=dict, compare=False)


@lru_cache
def cached(x):
    return x


def counting():
    yield 1


def holding(part):
    return {"kwargs": [Lazy(part)]}


def strange_values():
    """Return values that are none of a search's own, by name."""
    return {
        "module": np,
        "logger": logging.getLogger("mine"),
        "adapter": logging.LoggerAdapter(logging.getLogger("mine")),
        "lock": threading.Lock(),
        "reentrant lock": threading.RLock(),
        "event": threading.Event(),
        "thread": threading.Thread(target=print),
        "executor": concurrent.futures.ThreadPoolExecutor(1),
        "queue": queue.Queue(),
        "socket": socket.socket(),
        "file": io.StringIO("abc"),
        "stream": sys.stderr,
        "weak reference": weakref.ref(Lazy),
        "dead proxy": weakref.proxy(Lazy()),
        "generator": counting(),
        "iterator": iter([1, 2]),
        "memory": joblib.Memory(None),
        "random": random.Random(0),
        "bits": np.random.PCG64(0),
        "ufunc": np.add,
        "another ufunc": special.expit,
        "dispatcher": np.mean,
        "cached function": cached,
        "slot wrapper": str.lower,
        "getter": itemgetter(1),
        "bound": Lazy(2).used,
        "partial": partial(cached, 1),
        "dtype": np.dtype([("a", "f4"), ("b", "i2")]),
        "member": Color.RED,
        "family": socket.AF_INET,
        "pattern": re.compile("a" * 500),
        "path": pathlib.Path("/tmp/a b"),
        "date": date(2020, 1, 1),
        "datetime": datetime(2020, 1, 1, tzinfo=UTC),
        "delta": timedelta(1),
        "stamp": np.datetime64("2020-01-01", "ns"),
        "time zone": pd.Timestamp("2020-01-01", tz="UTC"),
        "set": {*"abcdefgh", 1, 2.5, None, (1, 2)},
        "sets": {"a": frozenset("xyz"), "b": [{"p", "q", ("r", "s")}]},
        "loop": Loop(1),
        "slots": Slots(1),
        "lazy": Lazy(),
        "awkward": Awkward(),
        "huge int": 10**5000,
        "surrogate": "\ud800",
        "lambda": lambda x: x,
    }


CODE = (
    "from skhpo.search._digest import digest\n"
    "from tests.search.test_digest import holding, strange_values\n"
    "for name, value in strange_values().items():\n"
    "    print(name, digest(value), digest(holding(value)))"
)


def printed(seed):
    run = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.slow
def test_strange_values_have_the_same_hash_in_every_process():
    first = printed("1")
    assert len(first) == len(strange_values())
    assert printed("2") == first


@pytest.mark.parametrize("name", strange_values())
def test_a_strange_value_is_hashed_at_once_wherever_it_is(name):
    value = strange_values()[name]
    start = time.process_time()
    assert digest(value) == digest(strange_values()[name])
    assert digest(holding(value)) == digest(holding(strange_values()[name]))
    assert digest(SVC(C=value)) != digest(SVC(C="other"))
    assert time.process_time() - start < 1.0


def test_strange_values_are_told_apart():
    values = [
        *(np, np.random, logging.getLogger("a"), logging.getLogger("b")),
        *(np.add, np.multiply, special.expit, np.mean, np.sum),
        *(Color.RED, Color.BLUE, 1, re.compile("a"), re.compile("a", re.I)),
        *(re.compile("a" * 500), re.compile("a" * 499 + "b")),
        *(np.dtype("f4"), np.dtype("f8"), pathlib.Path("a"), pathlib.Path("b")),
        *(date(2020, 1, 1), date(2020, 1, 2), timedelta(1), timedelta(2)),
        *(np.datetime64("2020-01-01", "ns"), np.datetime64("2020-01-02", "ns")),
        *({"a", "b"}, {"a", "c"}, frozenset({"a"}), {("a", 1)}, {("a", 2)}),
        *(Slots(1), Slots(2), Loop(1), Loop(2), Lazy(1), Lazy(2)),
        *(Hidden(1), Hidden(2), Table(1), Table(2), itemgetter(1), itemgetter(2)),
        *(random.Random(0), random.Random(1), np.random.PCG64(0), np.random.PCG64(1)),
        *(Lazy(1).used, Lazy(2).used, 10**5000, 10**5000 + 1, True, range(2), range(3)),
    ]
    assert len({digest(value) for value in values}) == len(values)


def test_what_an_object_remembers_does_not_count():
    assert digest(Lazy(2).used()) == digest(Lazy(2))
    assert digest(Table(1, {"a": 1})) == digest(Table(1))
    before = digest(cached)
    cached(1)
    assert digest(cached) == before


def test_shared_parts_count_as_equal_ones():
    part = [1, 2]
    assert digest([part, part]) == digest([[1, 2], [1, 2]])
    model = SVC()
    assert digest((model, model)) == digest((SVC(), SVC()))
    loop = [1]
    loop.append(loop)
    assert digest([loop, loop]) == digest([loop, [1, loop]][:1] * 2)


def test_large_nests_are_hashed_at_once():
    deep, wide, objects = [], [1], Lazy(0)
    for _ in range(50_000):
        deep = [deep]
        objects = Lazy(objects)
    for _ in range(100):
        wide = [wide, wide]
    start = time.process_time()
    digest(deep)
    digest(wide)
    digest(objects)
    digest([Lazy(i) for i in range(50_000)])
    assert time.process_time() - start < 10
    while deep:  # else the interpreter's stack is not enough to delete it
        deep = deep[0]
    while isinstance(objects, Lazy):
        objects = objects.beta
