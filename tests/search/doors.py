"""The doors under contract, and what their tests share.

A later door is one new entry of ``DOORS``; every test of ``test_contract.py`` then runs
on it. An entry says how to build the search from an estimator, a space and the keyword
arguments that all doors have in common.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid
from sklearn.pipeline import Pipeline

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)

ROOT = Path(__file__).parents[2]


# ---- doors


@dataclass(frozen=True)
class Door:
    """One way to search.

    ``is_random``: what it tries depends on ``random_state``. ``budget``: its parameter
    that counts candidates; with ``n_iter`` go the promises about small spaces.
    """

    name: str
    build: Callable[..., Any]
    is_random: bool = True
    budget: str = "n_iter"

    def search(self, estimator, space, **parameters):
        """Return an unfitted search: small, seeded, three folds, unless told else."""
        defaults = dict(n_iter=8, cv=3, random_state=0, error_score=nan)
        return self.build(estimator, space, **{**defaults, **parameters})


def full_grid(estimator, space, *, n_iter, **parameters):
    """Return a search over a small finite space, which is tried in full."""
    grid = as_grid(space)
    n_iter = max(n_iter, size_of(grid))
    return BayesSearchCV(estimator, grid, n_iter=n_iter, **parameters)


def as_grid(space):
    """Return a space in which each range is three of its values."""
    if isinstance(space, list):
        return [as_grid(branch) for branch in space]
    return {name: _three_of(values) for name, values in space.items()}


def size_of(grid):
    """Return the number of settings of a grid; dimensions count with their values."""
    plain = [
        {
            name: getattr(v, "choices", range(9)) if hasattr(v, "when") else v
            for name, v in branch.items()
        }
        for branch in (grid if isinstance(grid, list) else [grid])
    ]
    return len(ParameterGrid(plain))


def _three_of(values):
    if not _is_range(values):
        return values
    low, high = values[:2]
    if len(values) == 3 and values[2] == "log-uniform":
        return [low, (low * high) ** 0.5, high]
    return [low, type(low)((low + high) / 2), high]


def _is_range(values):
    if not isinstance(values, tuple) or len(values) not in (2, 3):
        return False
    is_named = len(values) == 2 or isinstance(values[2], str)
    return is_named and all(type(v) in (int, float) for v in values[:2])


class InOneGo:
    """A resource of one unit, which is a plain fit: any estimator has it."""

    kind, param, max_resource = "fits", None, 1

    def __eq__(self, other):
        return type(self) is type(other)

    def advance(self, estimator, X, y, frm, to, **fit_params):
        args = (X,) if y is None else (X, y)
        return estimator.fit(*args, **fit_params)


def one_rung(estimator, space, *, n_iter, **parameters):
    """Return a search in rungs that has one rung only, where all doors are alike.

    With several, rows are not candidates and most are not trained in full:
    test_hyperband.py has what holds then.
    """
    parameters = {"resource": InOneGo(), **parameters}
    return HyperbandSearchCV(estimator, space, n_candidates=n_iter, **parameters)


class InOneStep(InOneGo):
    """The same for a population: it may change any parameter, and has no occasion."""

    def __init__(self, swappable):
        self.swappable = swappable


def one_step(estimator, space, *, n_iter, **parameters):
    """Return a population that is trained in one step, and so never copies.

    test_pbt.py has what holds when it does.
    """
    is_pipeline = isinstance(estimator, Pipeline)
    last = estimator.steps[-1][1] if is_pipeline else estimator
    names = () if isinstance(last, type) else tuple(sorted(last.get_params()))
    resource = InOneStep(names)
    parameters = {"resource": resource, "exploit": "tournament", **parameters}
    return PBTSearchCV(
        estimator, space, population_size=n_iter, n_steps=1, **parameters
    )


def evolution(estimator, space, *, n_iter, population_size="auto", **parameters):
    """Return a search that has offspring also among a few candidates."""
    if population_size == "auto" and n_iter is not None and n_iter > 4:
        population_size = 4
    return EvolutionarySearchCV(
        estimator, space, n_iter=n_iter, population_size=population_size, **parameters
    )


DOORS = [
    Door("bayes", BayesSearchCV),
    Door("bayes-gp", partial(BayesSearchCV, optimizer="gp", initial_points=3)),
    Door("bayes-forest", partial(BayesSearchCV, optimizer="forest", initial_points=3)),
    Door("bayes-tpe", partial(BayesSearchCV, optimizer="tpe", initial_points=3)),
    Door("bayes-random", partial(BayesSearchCV, optimizer="random")),
    Door("bayes-sobol", partial(BayesSearchCV, optimizer="sobol")),
    Door("evolution-de", partial(evolution, algorithm="de")),
    Door("evolution-ga", partial(evolution, algorithm="ga")),
    Door("bayes-grid", full_grid, is_random=False),
    Door("hyperband", one_rung, budget="n_candidates"),
    Door("pbt", one_step, budget="population_size"),
]

AT_ALL = ("bayes", "evolution-de", "bayes-grid", "hyperband", "pbt")

#: Each class, a grid, and a process with few initial points. The others differ in how
#: they propose settings only: they are marked ``slow``, and .ci/full runs them.
USUAL = (*AT_ALL, "bayes-gp")


def _doors(doors):
    """Return the mark that runs a test on each of these doors."""
    marked = [
        pytest.param(door, marks=() if door.name in USUAL else pytest.mark.slow)
        for door in doors
    ]
    return pytest.mark.parametrize("door", marked, ids=[door.name for door in doors])


every_door = _doors(DOORS)

#: For what is promised of ``n_iter`` candidates: a small space is tried in full, in the
#: order of the grid; rungs want a mixture. And of plain fits: no seed is touched.
plain_doors = _doors([door for door in DOORS if door.budget == "n_iter"])

#: For spaces of parameters that no population can change while it is trained, and what
#: is promised of those that are smaller than the budget: a population repeats settings.
free_doors = _doors(DOORS[:-1])

#: For what is checked before anything is proposed: each class, and a grid.
doors_at_all = _doors([door for door in DOORS if door.name in AT_ALL])

#: For what is costly and has nothing to do with how settings are proposed.
one_door = pytest.mark.parametrize("door", DOORS[:1], ids=lambda door: door.name)


# ---- data

N_ROWS = 30
X = np.column_stack(
    [np.arange(N_ROWS, dtype=float), np.random.default_rng(0).normal(size=(N_ROWS, 2))]
)
y = np.tile([0, 1], N_ROWS // 2)

#: A space for the estimators of ``spies.py``.
SPACE = {"a": (0.0, 1.0), "kind": ["x", "y", "z"]}


# ---- tables


def is_time(key):
    """Return whether a column of ``cv_results_`` holds seconds."""
    return key.endswith(("_fit_time", "_score_time"))


def n_rows(search):
    """Return the number of candidates in the table."""
    return len(search.cv_results_["params"])


def statuses(search):
    """Return the status of each row: there is no such column when all went well."""
    column = search.cv_results_.get("status")
    return ["complete"] * n_rows(search) if column is None else list(column)


def assert_same_table(ours, theirs, ignored=(), in_order=True):
    """Compare two ``cv_results_``: keys and their order, dtypes, masks, values.

    Times are compared in shape only. With ``in_order=False`` the parameters of a
    setting, and their columns, may stand in any order.
    """
    keys = [key for key in ours if key not in ignored]
    order = list if in_order else sorted
    assert order(keys) == order(key for key in theirs if key not in ignored)
    for key in keys:
        if key == "params":
            settings = [list(map(_text_of, table[key])) for table in (ours, theirs)]
            assert settings[0] == settings[1]
        else:
            _assert_same_column(key, ours[key], theirs[key])


def _text_of(params):
    return repr(sorted(params.items(), key=lambda item: item[0]))


def _assert_same_column(key, ours, theirs):
    assert type(ours) is type(theirs), key
    assert ours.dtype == theirs.dtype, key
    assert ours.shape == theirs.shape, key
    if is_time(key):
        return
    if isinstance(ours, np.ma.MaskedArray):
        np.testing.assert_array_equal(
            np.ma.getmaskarray(ours), np.ma.getmaskarray(theirs), err_msg=key
        )
        ours, theirs = ours.compressed(), theirs.compressed()
    if ours.dtype == object:
        assert list(map(repr, ours)) == list(map(repr, theirs)), key
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=key)


OUR_COLUMNS = (
    *("status", "error", "mean_work"),
    *("iter", "n_resources", "bracket", "rung", "sweep", "candidate", "parent"),
    *("member", "step", "event"),
    *("generation", "parents", "operator", "origin"),
)


def grid_search_over(search, **changes):
    """Return scikit-learn's search with the same arguments and the very candidates.

    Each row of the fitted ``search`` becomes a dict of single choices.
    """
    shared = (
        "scoring n_jobs refit cv verbose pre_dispatch error_score return_train_score"
    )
    arguments = {name: getattr(search, name) for name in shared.split()}
    candidates = [
        {name: _one_choice(value) for name, value in params.items()}
        for params in search.cv_results_["params"]
    ]
    return GridSearchCV(clone(search.estimator), candidates, **{**arguments, **changes})


def _one_choice(value):
    if isinstance(value, (list, tuple, np.ndarray)):  # not to be taken for choices
        choice = np.empty(1, dtype=object)
        choice[0] = value
        return choice
    return [value]


def assert_like_grid_search(search, *data, **fit_params):
    """Compare a fitted search with ``GridSearchCV`` over the same candidates."""
    theirs = grid_search_over(search).fit(*data, **fit_params)
    assert_same_table(
        search.cv_results_, theirs.cv_results_, OUR_COLUMNS, in_order=False
    )
    for name in ("best_index_", "best_score_", "multimetric_", "n_splits_"):
        assert hasattr(search, name) == hasattr(theirs, name), name
        if hasattr(theirs, name):
            assert getattr(search, name) == getattr(theirs, name), name
    for name in ("best_params_", "best_estimator_", "scorer_"):
        assert hasattr(search, name) == hasattr(theirs, name), name
    if hasattr(theirs, "best_params_"):
        assert _text_of(search.best_params_) == _text_of(theirs.best_params_)
    return theirs


def told_scores(door, monkeypatch, search):
    """Return a list that fills with what the optimizer of ``search`` is told."""
    told = []
    make = search.make_optimizer

    def make_optimizer(*args):
        optimizer = make(*args)
        tell = optimizer.tell

        def listening(results):
            told.extend(results)
            return tell(results)

        optimizer.tell = listening
        return optimizer

    monkeypatch.setattr(search, "make_optimizer", make_optimizer, raising=False)
    return told


# ---- other processes


class Script:
    """A Python script in a process of its own, and what it leaves behind.

    Its descendants carry a mark in their environment, so that they are found also when
    they lost their parent; its temporary files have a folder of their own.
    """

    def __init__(self, tmp_path, text, **environment):
        self.folder = tmp_path / "temporary"
        self.folder.mkdir()
        path = tmp_path / "script.py"
        path.write_text(text)
        self._mark = f"SKHPO_TEST={uuid.uuid4().hex}"
        name, value = self._mark.split("=")
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, str(path)],
            cwd=ROOT,
            env={
                **os.environ,
                name: value,
                "TMPDIR": str(self.folder),
                "JOBLIB_TEMP_FOLDER": str(self.folder),  # else data are in /dev/shm
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a process group of its own, as a terminal gives
        )

    def wait_for(self, line):
        """Read the output until it says ``line``."""
        for text in self.process.stdout:
            if text.strip() == line:
                return
        raise AssertionError(f"ended early:\n{self.process.communicate()[1]}")

    def finish(self, timeout=120):
        """Wait for the end; return the rest of the output."""
        try:
            out, self.errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert self.process.returncode == 0, self.errors
        return out

    def descendants(self):
        """Return the ids of its processes that are alive, its own included."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and self._is_ours(entry):
                found.append(int(entry.name))
        return found

    def _is_ours(self, entry):
        try:
            if "\nState:\tZ" in (entry / "status").read_text():
                return False
            environment = (entry / "environ").read_bytes()
        except OSError:  # not ours to read, or gone
            return False
        return self._mark.encode() in environment.split(b"\0")

    def kill(self):
        """End whatever is left of it."""
        for pid in self.descendants():
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass

    def leftovers(self):
        """Return our temporary folders that it left."""
        return [path.name for path in self.folder.glob("**/skhpo-*")]
