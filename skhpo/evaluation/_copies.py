"""Copies of what was passed to ``fit``, one for each fit of the search.

A callback that counts, or remembers the best round, must not carry that from one fit to
the next: the table would depend on which fits share a process. Data are never copied.
"""

import pickle
from dataclasses import dataclass
from numbers import Number
from types import NoneType
from typing import Any

from skhpo._sklearn import num_samples
from skhpo.evaluation._picklable import dumps_by_value, unpicklable

#: What the types of arrays, frames, sparse matrices and the boosters' data sets have.
DATA_ATTRIBUTES = ("shape", "__array__", "__dataframe__", "num_row", "num_data")

CONSTANTS = (NoneType, str, bytes, Number, type)


class Copies:
    """Parameters of a method, of which each call gets copies.

    Objects are pickled once and loaded for each call, which is what other processes
    get, too. Lists, tuples and dicts are built anew around the data in them.

    Parameters
    ----------
    params : dict of str -> object
        The parameters.
    name : str
        What the user knows them as.
    X : array-like
        Values with as many rows are cut for each fold anyway.

    Attributes
    ----------
    shared : list of (str, object, Exception)
        Name, innermost part and error of each object that has no copies. All calls get
        the object itself.
    """

    def __init__(self, params, name, X):
        self.shared = []
        self._objects = []
        self._rows = {k: v for k, v in params.items() if _has_rows_of(v, X)}
        self._template = {
            key: self._emptied(value, f"{name}[{key!r}]")
            for key, value in params.items()
            if key not in self._rows
        }
        self._pickled = dumps_by_value(self._objects)
        del self._objects

    def new(self):
        """Return parameters for one call."""
        filled = _filled(self._template, pickle.loads(self._pickled))
        return {**filled, **self._rows}

    def _emptied(self, value, name):
        """Return a value with a place in each spot where an object is."""
        if type(value) in (list, tuple):
            parts = enumerate(value)
            return type(value)(self._emptied(v, f"{name}[{i}]") for i, v in parts)
        if type(value) is dict:
            parts = value.items()
            return {k: self._emptied(v, f"{name}[{k!r}]") for k, v in parts}
        if isinstance(value, CONSTANTS) or _is_data(value):
            return value
        found = unpicklable(value, name, _copy)
        if found is not None:
            self.shared.append(found)
            return value
        self._objects.append(value)
        return _Place(len(self._objects) - 1)


@dataclass(frozen=True)
class _Place:
    """Where the copy of an object goes."""

    number: int


def _filled(value: Any, objects):
    if type(value) is _Place:
        return objects[value.number]
    if type(value) in (list, tuple):
        return type(value)(_filled(part, objects) for part in value)
    if type(value) is dict:
        return {key: _filled(part, objects) for key, part in value.items()}
    return value


def _copy(value):
    return pickle.loads(dumps_by_value(value))


def _is_data(value):
    # of the type: a mock object has every attribute
    return any(hasattr(type(value), name) for name in DATA_ATTRIBUTES)


def _has_rows_of(value, X):
    if not isinstance(value, (list, tuple)):
        return False
    return len(value) == num_samples(X)
