"""The events of a journal: which fields each has, and what a field may hold.

A journal may have been edited, or made by somebody else. Each event is checked once,
when it is read; the code that works with events relies on that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf, isnan
from reprlib import Repr
from sys import float_info
from typing import Any

from skhpo._types import REFERENCE

FORMAT = 1

#: Numbers of trials, bytes and the like are smaller.
_LARGEST = 2**63

#: Folds, and candidates in flight: more would make the table or the search too large.
_MOST = 100_000


@dataclass(frozen=True)
class Field:
    """What a field of an event may hold.

    Parameters
    ----------
    must_be : str
        What it must be, for a message.
    holds : callable
        Returns whether a value is that.
    is_optional : bool, default=False
        Whether the field may be missing.
    """

    must_be: str
    holds: Callable[[Any], bool]
    is_optional: bool = False


def check_event(event: Mapping[str, Any]) -> None:
    """Check the fields of an event.

    Raises
    ------
    ValueError
        When a field is missing or wrong, or when there is no such event.
    """
    kind = event.get("event")
    if not _is_text(kind) or kind not in EVENTS:
        raise ValueError(f"there is no event {_shown(kind)}")
    wrong = _wrong_field(EVENTS[kind], event)
    if wrong is not None:
        raise ValueError(wrong)


def _wrong_field(fields: Mapping[str, Field], event: Mapping[str, Any]) -> str | None:
    """Return a message about the first wrong field, or None."""
    for name, field in fields.items():
        if name not in event:
            if not field.is_optional:
                return f"{name!r} is missing"
        elif not field.holds(event[name]):
            return f"{name!r} must be {field.must_be}, got {_shown(event[name])}"
    return None


def _shown(value: Any) -> str:
    text = _REPR.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_REPR = Repr()
_REPR.maxlevel = 2


# ---- values


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_number(value: Any) -> bool:
    """Whether it is a finite number that a float can hold."""
    return type(value) in (int, float) and abs(value) <= float_info.max


def _is_score(value: Any) -> bool:
    is_special = type(value) is float and (isnan(value) or abs(value) == inf)
    return is_special or type(value) is bool or _is_number(value)


def _is_limit(value: Any) -> bool:
    return type(value) in (int, float) and value >= 0


def _is_plain(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str)


def _is_scores(value: Any) -> bool:
    """Whether it is one score, or pairs of a name and a score, or None."""
    if not isinstance(value, list):
        return value is None or _is_score(value)
    return len(value) > 0 and all(
        _is_list(pair, 2) and _is_plain(pair[0]) and _is_score(pair[1])
        for pair in value
    )


def _is_list(value: Any, size: int) -> bool:
    return isinstance(value, list) and len(value) == size


def _is_int(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value < high


def _is_dict(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(of, value.values()))


def _is_list_of(part: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(part, value))


def _is_coordinate(value: Any) -> bool:
    return value is None or (_is_number(value) and 0 <= value <= 1)


def _is_array(value: Any) -> bool:
    """Whether it says where an array lies: offset, size, checksum, dtype, shape."""
    return (
        _is_list(value, 5)
        and all(map(_is_int(0, _LARGEST), value[:3]))
        and _is_text(value[3])
        and _is_list_of(_is_int(0, _LARGEST))(value[4])
    )


def _is_hash(value: Any) -> bool:
    return _is_list(value, 2) and all(map(_is_text, value))


def _is_closed(value: Any) -> bool:
    """Whether it holds, by the number of a trial, what became of it."""
    return isinstance(value, dict) and all(
        key.isdecimal()
        and isinstance(summary, dict)
        and _wrong_field(_SUMMARY, summary) is None
        for key, summary in value.items()
    )


# ---- fields


def _int(low: int, high: int = _LARGEST) -> Field:
    most = "" if high == _LARGEST else f" to {high - 1}"
    return Field(f"an int from {low}{most}", _is_int(low, high))


def _one_of(*values: Any) -> Field:
    shown = ", ".join(map(repr, values))
    return Field(
        f"one of {shown}",
        lambda value: any(type(value) is type(v) and value == v for v in values),
    )


def _or_none(field: Field) -> Field:
    return Field(f"{field.must_be} or null", lambda v: v is None or field.holds(v))


def _optional(field: Field) -> Field:
    return replace(field, is_optional=True)


_TEXT = Field("a text", _is_text)
_AMOUNT = Field("a finite number from 0", lambda v: _is_number(v) and v >= 0)
_SCORES = Field("a number, pairs of a name and a number, or null", _is_scores)
_COST = Field("a number from 0, or NaN", lambda v: _AMOUNT.holds(v) or v != v)
_TIME = Field("a finite number or NaN", lambda v: _is_number(v) or v != v)
_PLAIN = Field("names with numbers, texts, truth values or null", _is_dict(_is_plain))

#: What became of a trial that was closed.
_SUMMARY = {
    "status": _one_of("complete", "promoted", "stopped", "raced_out", "failed"),
    "n_folds": _int(1, _MOST),
    "twin": _or_none(_int(0)),
    "rival": _or_none(_int(0)),
}

#: The fields of each event. Others are left aside.
EVENTS = {
    "header": {
        "format": _one_of(FORMAT),
        "n_points": _int(1, _MOST),
        "versions": Field("names with texts", _is_dict(_is_text)),
        "fingerprint": Field("names with pairs of texts", _is_dict(_is_hash)),
        "search": _TEXT,
        "n_splits": _int(1, _MOST),
        "racing": _one_of(True, False),
        "error_score": Field(
            "a number or 'raise'", lambda v: v == "raise" or _is_score(v)
        ),
        "objective": _or_none(_TEXT),
        "refit": _or_none(_TEXT),
        "seed": _int(0),
        "is_limited": _optional(_one_of(True, False)),
        "every_row": _optional(_one_of(True, False)),
    },
    "session": {"pid": _int(0), "host": _TEXT, "time": _AMOUNT},
    "asked": {
        "trial": _int(0),
        "ask": _or_none(_int(0)),
        "exact": _one_of("point", "plain", "no"),
        "point": Field(
            "a list of numbers from 0 to 1, or null", _is_list_of(_is_coordinate)
        ),
        "labels": _PLAIN,
        "origin": Field("a text", _is_plain),
        "resource": _or_none(_int(1)),
        "parent": _or_none(_int(0)),
        "candidate": _or_none(_int(0)),
        "params": _PLAIN,
        "seconds": _optional(_AMOUNT),
    },
    "fold": {
        "trial": _int(REFERENCE),  # the estimator's own setting is no trial
        "fold": _int(0, _MOST),
        "test": _SCORES,
        "train": _SCORES,
        "fit_time": _AMOUNT,
        "score_time": _AMOUNT,
        "error": _optional(_or_none(_TEXT)),
        "stage": _optional(_or_none(_one_of("fit", "score"))),
        "task_time": _optional(_AMOUNT),
        "units": _optional(_int(0)),
        "work": _optional(_COST),
        "work_error": _optional(_or_none(_TEXT)),
        "started": _optional(_TIME),
        "worker": _optional(_TEXT),
        "predictions": _optional(
            Field("the place of an array in the file of predictions", _is_array)
        ),
        "seconds": _optional(_AMOUNT),
    },
    "committed": {
        "trial": _int(0),
        "cost": _COST,
        **_SUMMARY,
        "seconds": _optional(_AMOUNT),
    },
    "stopped": {
        "reason": Field("what ended the search", lambda v: v is not None),
        "late": Field("a list of ints from 0", _is_list_of(_is_int(0, _LARGEST))),
        "closed": Field("trials with what became of them", _is_closed),
        "max_time": _or_none(Field("a number from 0", _is_limit)),
        "seconds": _optional(_AMOUNT),
    },
}
