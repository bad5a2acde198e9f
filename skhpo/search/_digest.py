"""Short hashes of values: the same in every process and on every machine.

Data count by their values, estimators by their parameters, other objects by their class
and attributes. Functions, classes, modules, loggers and what belongs to a process count
by name.
"""

import collections
import dataclasses
import enum
import functools
import inspect
import io
import logging
import os
import random
import re
import types
import weakref
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from math import inf

import numpy as np
import pandas as pd
from scipy import sparse

#: Parameters of an estimator that do not change what it learns.
_NOT_IN_A_MODEL = {"n_jobs", "verbose", "memory"}

#: Objects of these modules hold the state of a process.
_OF_A_PROCESS = frozenset(
    "_asyncio _contextvars _queue _socket _thread _weakref asyncio concurrent joblib "
    "logging multiprocessing queue selectors socket sqlite3 ssl subprocess tempfile "
    "threading weakref".split()
)

#: Objects inside of objects beyond this depth or number count by their class.
_MAX_DEPTH = 60
_MAX_OBJECTS = 10_000

#: How a scalar enters a hash. The largest int of a text has 4300 digits, in hex any.
_SCALARS = {
    type(None): lambda value: b"None\n",
    bool: lambda value: b"bool|%d\n" % value,
    int: lambda value: b"int|%x\n" % value,
    float: lambda value: b"float|%a\n" % value,
    complex: lambda value: b"complex|%a\n" % value,
    str: lambda value: b"str|%a\n" % value,
}


def digest(value):
    """Return a short hash of a value: the same in every process, on every machine.

    Examples
    --------
    >>> digest({"C": 1.0}) == digest({"C": 1.0})
    True
    >>> digest({"C": 1.0}) == digest({"C": 2.0})
    False
    """
    return _hash(_Walk().encoded(value)).hex()


def name_of(value):
    """Return the qualified name of a class, a function, or an object's class."""
    if not isinstance(getattr(value, "__qualname__", None), str):
        value = type(value)
    return f"{getattr(value, '__module__', None)}.{value.__qualname__}"


def _hash(*parts):
    state = blake2b(digest_size=10)
    for part in parts:
        state.update(part)
    return state.digest()


class _Walk:
    """One walk through a value and its parts.

    A part is hashed once, however often it occurs. A part that holds itself counts
    there by the number of levels between the two places.
    """

    def __init__(self):
        self._known = {}  # id -> (the part, its hash): the part keeps its id
        self._above = {}  # id -> level of the parts that are being walked
        self._highest = inf  # level that the latest parts refer back to
        self._n_objects = 0

    def encoded(self, value):
        """Return the bytes of a scalar, or the hash of anything else."""
        encode = _SCALARS.get(type(value))
        if encode is not None:
            return encode(value)
        if type(value) in weakref.ProxyTypes:
            return _text("process", "weakref")
        if issubclass(type(value), np.generic) and type(value.item()) in _SCALARS:
            return self.encoded(value.item())
        key = id(value)
        if key in self._known:
            return self._known[key][1]
        if key in self._above:
            self._highest = min(self._highest, self._above[key])
            return b"up %d\n" % (len(self._above) - self._above[key])
        if len(self._above) >= _MAX_DEPTH:
            return _text("deep", name_of(type(value)))
        return self._walked(key, value)

    def _walked(self, key, value):
        before, self._highest = self._highest, inf
        level = self._above[key] = len(self._above)
        try:
            found = self._hash_of(value)
        finally:
            del self._above[key]
        if self._highest >= level:  # no part of it refers to what it is a part of
            self._known[key] = (value, found)
            self._highest = inf
        self._highest = min(self._highest, before)
        return found

    def _hash_of(self, value):
        try:
            kind, parts = self._kind_of(value)
            return _hash(_text(kind), *[self._part(part) for part in parts])
        except Exception:  # whatever the methods of a strange object raise
            return _hash(_text("strange", name_of(type(value))))

    def _part(self, part):
        return part.raw if isinstance(part, _Raw) else self.encoded(part)

    def _kind_of(self, value):
        """Return a word for what a value is, and the parts that make it different."""
        describe = _describer_of(type(value))
        if describe is not None:
            return describe(value)
        if isinstance(value, set | frozenset):
            return "set", sorted(self.encoded(part) for part in value)
        if isinstance(getattr(value, "__qualname__", None), str):
            return "name", [name_of(value)]
        if _is_of_a_process(type(value)):
            return "process", [name_of(type(value))]
        return self._object(value)

    def _object(self, value):
        if hasattr(type(value), "__array__"):
            try:
                return _array_like(value)
            except Exception:  # data on another device, or without values
                pass
        self._n_objects += 1
        name = name_of(type(value))
        if self._n_objects > _MAX_OBJECTS:
            return "too many", [name]
        return "object", [name, parts_of(value)]


@dataclasses.dataclass(frozen=True)
class _Raw:
    """Bytes that enter the hash as they are."""

    raw: bytes | memoryview


def _text(*words):
    return ("|".join(map(str, words)) + "\n").encode(errors="surrogatepass")


# ---- kinds of values


def _state_of(value):
    if isinstance(value, random.Random):
        return "random", [value.getstate()]
    if isinstance(value, np.random.RandomState):
        return "random", [value.get_state(legacy=False)]
    return "random", [getattr(value, "bit_generator", value).state]


def _sequence(value):
    return type(value).__name__, [len(value), *value]


def _mapping(value):
    return "dict", [len(value), *(part for item in value.items() for part in item)]


def _special_scalar(value):
    """Describe a scalar of a class derived from that of a plain one."""
    base = next(base for base in type(value).__mro__ if base in _SCALARS)
    return type(value).__name__, [_Raw(_SCALARS[base](base(value)))]


def _enum_member(value):
    return "enum", [name_of(type(value)), str(value.name)]


def _array(array):
    parts = [array.dtype.str, array.shape]
    if isinstance(array, np.ma.MaskedArray):
        parts += [np.ma.getmaskarray(array)]
        array = array.compressed()
    if array.dtype.hasobject:
        return "array", [*parts, array.ravel().tolist()]
    array = np.ascontiguousarray(array)
    return "array", [*parts, _Raw(array.view(np.uint8).data if array.size else b"")]


def _array_like(value):
    parts = [name_of(type(value)), str(getattr(value, "columns", ""))]
    return "like an array", [*parts, np.asarray(value)]


def _sparse(matrix):
    matrix = matrix.tocsr()
    indices = matrix.indices.astype(np.int64)
    indptr = matrix.indptr.astype(np.int64)
    return "sparse", [matrix.shape, matrix.data, indices, indptr]


def _frame(frame):
    kind, parts = type(frame).__name__, [frame.shape]
    if isinstance(frame, pd.DataFrame):
        parts += [[*frame.columns], [str(dtype) for dtype in frame.dtypes]]
        frame = frame.set_axis(range(frame.shape[1]), axis=1)
    try:
        rows = pd.util.hash_pandas_object(frame)
    except Exception:  # cells that cannot be hashed, such as lists
        return kind, [*parts, frame.to_numpy(dtype=object)]
    return kind, [*parts, rows.to_numpy()]


#: What each kind of value is called, and which of its parts make it different.
_KINDS = (
    (enum.Enum, _enum_member),
    ((bytes, bytearray), lambda value: ("bytes", [len(value), _Raw(value)])),
    ((int, float, complex, str), _special_scalar),
    ((list, tuple, collections.deque), _sequence),
    (Mapping, _mapping),
    (types.ModuleType, lambda value: ("module", [value.__name__])),
    (logging.Logger, lambda value: ("logger", [value.name])),
    (type, lambda value: ("name", [name_of(value)])),
    (
        functools.partial,
        lambda value: ("partial", [value.func, value.args, value.keywords]),
    ),
    (
        types.MethodType,
        lambda value: ("method", [value.__func__.__name__, value.__self__]),
    ),
    (np.ufunc, lambda value: ("ufunc", [value.__name__])),
    (np.dtype, lambda value: ("dtype", [repr(value)])),
    (re.Pattern, lambda value: ("pattern", [value.pattern, value.flags])),
    (os.PathLike, lambda value: ("path", [os.fspath(value)])),
    (
        (
            random.Random,
            np.random.RandomState,
            np.random.Generator,
            np.random.BitGenerator,
        ),
        _state_of,
    ),
    (io.IOBase, lambda value: ("file", [])),
    (Iterator, lambda value: ("iterator", [name_of(type(value))])),
    ((sparse.spmatrix, sparse.sparray), _sparse),
    ((pd.DataFrame, pd.Series, pd.Index), _frame),
    (np.ndarray, _array),
)


# ---- objects


def parts_of(value):
    """Return what makes an object different from others of its class."""
    if hasattr(type(value), "get_params"):
        params = value.get_params(deep=False)
        return {k: v for k, v in params.items() if k not in _NOT_IN_A_MODEL}
    if dataclasses.is_dataclass(value):  # not what it remembers beside its fields
        fields = [f.name for f in dataclasses.fields(value) if f.compare]
        return {name: getattr(value, name, None) for name in fields}
    attributes = _attributes_of(value)
    if "_score_func" in attributes:  # made by make_scorer
        names = ("_score_func", "_sign", "_kwargs", "_response_method")
        return [attributes.get(name) for name in names]
    if {"dist", "args", "kwds"} <= attributes.keys():  # scipy's frozen distributions
        return [value.dist.name, value.args, value.kwds]
    if attributes or hasattr(value, "__dict__"):
        return _without_caches(value, attributes)
    text = repr(value)
    return None if " at 0x" in text else text


def _attributes_of(value):
    """Return the attributes in the object's dict and slots, sorted by name."""
    found = {name: getattr(value, name, None) for name in _slots_of(type(value))}
    return dict(sorted({**found, **getattr(value, "__dict__", {})}.items()))


def _without_caches(value, attributes):
    """Leave out attributes that an object may fill later.

    These are cached properties. Where each argument of the constructor is kept under
    its name, names with an underscore at either end are left out as well.
    """
    names = _arguments_of(type(value))
    is_visible = names is not None and all(
        n in attributes or f"_{n}" in attributes for n in names
    )
    if not is_visible:
        return _without(_cached_by(type(value)), attributes)
    kept = {*names, *(f"_{n}" for n in names)}
    hidden = {n for n in attributes if n.strip("_") != n and n not in kept}
    return _without(hidden | _cached_by(type(value)), attributes)


def _without(names, attributes):
    return {name: part for name, part in attributes.items() if name not in names}


# ---- classes


def _package_of(cls):
    return cls.__module__.partition(".")[0]


def _members_of(cls):
    return [item for base in cls.__mro__ for item in vars(base).items()]


@functools.lru_cache(maxsize=1000)
def _is_of_a_process(cls):
    return any(_package_of(base) in _OF_A_PROCESS for base in cls.__mro__)


@functools.lru_cache(maxsize=1000)
def _slots_of(cls):
    return [
        name
        for name, member in _members_of(cls)
        if isinstance(member, types.MemberDescriptorType) and name[:2] != "__"
    ]


@functools.lru_cache(maxsize=1000)
def _cached_by(cls):
    """Return the names of the attributes that the class fills by itself."""
    of_python = (types.FunctionType, classmethod, staticmethod)
    return {
        name
        for name, member in _members_of(cls)
        if hasattr(type(member), "__get__")
        and not hasattr(type(member), "__set__")
        and not isinstance(member, of_python)
    }


@functools.lru_cache(maxsize=1000)
def _arguments_of(cls):
    """Return the names of the constructor's arguments, or None."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    return [p.name for p in parameters]


@functools.lru_cache(maxsize=1000)
def _describer_of(cls):
    """Return what describes the values of a class, or None if it is nothing special."""
    found = (describe for kinds, describe in _KINDS if issubclass(cls, kinds))
    return next(found, None)
