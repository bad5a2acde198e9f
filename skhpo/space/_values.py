"""When are two values the same? For choices that may be anything.

A choice can be a number, None, a tuple, an array, an estimator. Python's ``==`` alone
cannot tell them apart: ``1 == 1.0 == True``, ``nan != nan``, and an array answers with
an array. Where the answer can be had from a hash it is (10^6 choices are looked up at
once); the odd ones (arrays, estimators, dicts) are compared one by one.
"""

import operator
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

_PLAIN = frozenset({int, float, complex, str, bool, bytes, type(None)})

# Comparing odd values is quadratic; so many at most are compared with each other.
_MAX_ODD = 300


def token(value: Any) -> Any:
    """A hashable stand-in: tokens are equal exactly when the values are the same.

    None where that cannot be decided from a hash.
    """
    kind = type(value)
    if _is_plain(kind):
        return (kind, value) if _is_equal(value, value) else (kind, "nan")
    if kind is tuple:
        tokens = tuple(map(token, value))
        return None if None in tokens else (tuple, tokens)
    return None


def same_value(a: Any, b: Any) -> bool:
    """Whether two values are the same setting: equal, and of the same type."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return _same_array(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, dict):
        return same_value(list(a.items()), list(b.items()))
    return _is_equal(a, b) or (_is_nan(a) and _is_nan(b))


def same_estimator(a: Any, b: Any) -> bool:
    """Whether two estimators are of one type and have equal parameters."""
    if type(a) is not type(b) or not is_estimator(a):
        return False
    ours, theirs = a.get_params(), b.get_params()
    return ours.keys() == theirs.keys() and all(
        same_value(ours[key], theirs[key]) or same_estimator(ours[key], theirs[key])
        for key in ours
    )


def is_estimator(value: Any) -> bool:
    """Whether a value is an object (not a class) that names its parameters."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number by type; True and False are not."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number by type; True and False are not."""
    return is_integer(value) or isinstance(value, (float, np.floating))


def unique(values: Sequence[Any]) -> Sequence[Any]:
    """The values in their order, repeated ones dropped. A range stays a range."""
    if isinstance(values, range):
        return values
    kinds = set(map(type, values))
    if len(kinds) == 1 and _is_plain(*kinds):
        distinct = tuple(dict.fromkeys(values))
        if not any(map(operator.ne, distinct, distinct)):  # nan is not equal to nan
            return distinct
    return _unique_by_token(values)


def _is_plain(kind: type) -> bool:
    return kind in _PLAIN or issubclass(kind, np.generic)


def _unique_by_token(values: Sequence[Any]) -> tuple[Any, ...]:
    seen, odd, kept = set(), [], []
    for value in values:
        mark = token(value)
        if mark is not None:
            if mark in seen:
                continue
            seen.add(mark)
        elif len(odd) < _MAX_ODD:
            if any(same_value(value, other) for other in odd):
                continue
            odd.append(value)
        kept.append(value)
    return tuple(kept)


class Lookup:
    """Where a value stands among distinct values: the closest reading wins.

    Identity first, then equality with type, then looser readings that users expect:
    a numpy scalar for its Python twin, 1 for 1.0, a fresh estimator with the same
    parameters.
    """

    def __init__(self, values: Sequence[Any]):
        self.values = values
        self.by_token = {}
        self.by_identity = {}
        for i, value in enumerate(values):
            mark = token(value)
            if mark is None:
                self.by_identity[id(value)] = i
            else:
                self.by_token[mark] = i

    def find(self, value: Any) -> int | None:
        """The index of a value, or None where it is not among them."""
        mark = token(value)
        if mark in self.by_token:
            return self.by_token[mark]
        if id(value) in self.by_identity:
            return self.by_identity[id(value)]
        for agree in (same_value, same_estimator):
            for i in self.by_identity.values():
                if agree(value, self.values[i]):
                    return i
        return self._find_number(value)

    def _find_number(self, value: Any) -> int | None:
        """1.0 finds 1, and numpy's numbers and strings find Python's, and back."""
        if not isinstance(value, (int, float, str, np.generic)):
            return None
        return self._by_plain_token.get(_plain_token(value))

    @cached_property
    def _by_plain_token(self) -> dict[Any, int]:
        plain: dict[Any, int] = {}
        for i, value in enumerate(self.values):
            if isinstance(value, (int, float, str, np.generic)):
                plain.setdefault(_plain_token(value), i)
        return plain

    def __reduce__(self) -> Any:
        return Lookup, (self.values,)  # identities do not survive a copy


def same_values(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Whether two sequences hold the same values in the same order."""
    if len(a) != len(b):
        return False
    if isinstance(a, range) and isinstance(b, range):
        return a == b
    return all(map(operator.is_, a, b)) or all(map(same_value, a, b))


def _plain_token(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return ("number", value) if is_number(value) else (type(value), value)


def _same_array(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "fc":
        return np.array_equal(a, b, equal_nan=True)
    if a.dtype.kind == "O":
        return all(map(same_value, a.ravel(), b.ravel()))
    return np.array_equal(a, b)


def _is_equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except Exception:  # a foreign __eq__ may do anything
        return False


def _is_nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and value != value
