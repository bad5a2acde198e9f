"""What users write for a parameter, read as a dimension.

[1, 5, None]                      choices, untouched; also arrays, ranges, Series
(1, 10)                           whole numbers from 1 to 10
(0.0, 1.0)                        real numbers
(1e-6, 1.0, "log-uniform")        ... on a log scale; also "uniform", "logit-uniform"
("relu", "tanh")                  any other tuple: choices, as GridSearchCV reads it
scipy.stats.loguniform(1e-6, 1)   any frozen distribution, its law kept
Real(...), Integer(...), ...      the dimension itself
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skhpo.space._dimensions import (
    Categorical,
    Dimension,
    Distribution,
    Integer,
    Ordinal,
    Real,
    scipy_name,
)
from skhpo.space._values import is_estimator, is_integer, is_number, unique

_SCALES = {"uniform": "linear", "log-uniform": "log", "logit-uniform": "logit"}

# Near misses of these three that no estimator has for a value of its own.
_MISSPELT = {
    "linear": "uniform",
    "log": "log-uniform",
    "loguniform": "log-uniform",
    "log_uniform": "log-uniform",
    "logit": "logit-uniform",
    "logituniform": "logit-uniform",
    "logit_uniform": "logit-uniform",
}


def parse_branches(search_space: Any) -> list[dict[str, Dimension]]:
    """A dict or a list of dicts as checked dimensions: one dict per alternative."""
    if isinstance(search_space, Mapping):
        search_space = [search_space]
    elif isinstance(search_space, str) or not isinstance(search_space, Sequence):
        raise TypeError(
            "Parameter space should be a dict or a list of dicts, got: "
            f"{search_space!r} of type {type(search_space).__name__}"
        )
    if len(search_space) == 0:
        raise ValueError(
            "The search space is empty: a list of no alternatives, got "
            f"{search_space!r}. Give a dict of parameters, for example "
            "{'C': (1e-3, 1e3, 'log-uniform')}."
        )
    _check_no_pairs(search_space)
    return [_parse_branch(branch) for branch in search_space]


def _check_no_pairs(search_space: Sequence[Any]) -> None:
    """Refuse (space, n_iter) pairs, which scikit-optimize's BayesSearchCV takes."""
    is_bare = isinstance(search_space, tuple) and _is_pair(search_space)
    entries = [search_space] if is_bare else search_space
    counts = [entry[1] for entry in entries if _is_pair(entry)]
    if counts:
        raise TypeError(
            f"search_space has {len(counts)} (space, n_iter) pairs, the first with "
            f"n_iter={counts[0]!r}. Dicts in a list are alternatives that share one "
            "budget: write [space, ...] without numbers, and the budget once, "
            f"n_iter={sum(counts)}. For a budget of its own, run a search for each."
        )


def _is_pair(entry: Any) -> bool:
    return (
        isinstance(entry, (tuple, list))
        and len(entry) == 2
        and isinstance(entry[0], Mapping)
        and is_integer(entry[1])
    )


def _parse_branch(branch: Any) -> dict[str, Dimension]:
    if not isinstance(branch, Mapping):
        raise TypeError(f"Parameter space is not a dict ({branch!r})")
    for name in branch:
        if not isinstance(name, str):
            raise TypeError(
                f"The names in a search space must be strings, got {name!r} of type "
                f"{type(name).__name__}."
            )
    return {name: parse(name, value) for name, value in branch.items()}


def parse(name: str, value: Any) -> Dimension:
    """One parameter's dimension from any of its short forms."""
    if isinstance(value, Dimension):
        value.check(name)
        return value.settled()
    _check_not_foreign(name, value)
    if hasattr(value, "rvs") or hasattr(value, "icdf"):
        dimension = _from_scipy(name, value)
    elif isinstance(value, tuple):
        dimension = _from_tuple(name, value)
    else:
        dimension = _from_list(name, value)
    dimension.check(name)
    return dimension


def _check_not_foreign(name: str, value: Any) -> None:
    """Refuse what optuna or scikit-optimize would take, and say how to write it."""
    if isinstance(value, (Sequence, type)) or _is_array(value) or is_estimator(value):
        return
    written = None if hasattr(value, "ppf") else _as_written_here(value)
    if written is not None:
        kind = type(value)
        raise TypeError(
            f"{value!r} for {name!r} is a {kind.__module__}.{kind.__qualname__}, which "
            f"another library reads. Write {written}, which means the same."
        )


def _as_written_here(value: Any) -> str | None:
    """The short form of another library's dimension, or None."""
    choices = getattr(value, "choices", getattr(value, "categories", None))
    if choices is not None:
        return repr(list(choices))
    low, high = getattr(value, "low", None), getattr(value, "high", None)
    if not (is_number(low) and is_number(high)):
        return None
    is_whole = type(value).__name__.startswith("Int")
    low, high = (int(low), int(high)) if is_whole else (float(low), float(high))
    step = getattr(value, "step", None)
    if step is not None and not (is_whole and step == 1):
        n_steps = round((high - low) / step)
        if is_whole:
            return f"range({low}, {high + 1}, {step})"
        return f"numpy.linspace({low}, {low + n_steps * step}, {n_steps + 1})"
    is_log = getattr(value, "log", getattr(value, "prior", None) == "log-uniform")
    return repr((low, high, "log-uniform") if is_log else (low, high))


def _from_tuple(name: str, value: tuple[Any, ...]) -> Dimension:
    """A range where it is two numbers, with a scale or without; else choices."""
    is_pair = len(value) in (2, 3) and is_number(value[0]) and is_number(value[1])
    if not is_pair or (len(value) == 3 and not isinstance(value[2], str)):
        return _from_list(name, value)
    low, high, *law = value
    if law and law[0] not in _SCALES:
        meant = _MISSPELT.get(law[0].strip().lower())
        if meant:
            raise ValueError(
                f"{value!r} for {name!r}: the third entry must be one of "
                f"{tuple(_SCALES)}, got {law[0]!r}. Did you mean {meant!r}? For a "
                "choice of the three write a list."
            )
        return _from_list(name, value)
    scale = _SCALES[law[0]] if law else "linear"
    if is_integer(low) and is_integer(high) and scale != "logit":
        return Integer(int(low), int(high), scale)
    return Real(_as_float(low), _as_float(high), scale)


def _as_float(number: Any) -> Any:
    return int(number) if is_integer(number) else float(number)


def _from_list(name: str, value: Any) -> Dimension:
    if _is_array(value) and np.ndim(value) > 1:
        raise ValueError(
            f"Parameter array for {name!r} should be one-dimensional, got: {value!r} "
            f"with shape {np.shape(value)}. To choose among its rows write list(array)."
        )
    is_listing = isinstance(value, Sequence) or (_is_array(value) and np.ndim(value))
    if isinstance(value, (str, bytes)) or not is_listing:
        raise TypeError(_wrap_it(name, value))
    if len(value) == 0:
        raise ValueError(
            f"Parameter grid for parameter {name!r} need to be a non-empty sequence, "
            f"got: {value!r}. Name at least one value, or leave the parameter out."
        )
    values = value if isinstance(value, range) else list(value)
    kind = Ordinal if _is_ordered(unique(values)) else Categorical
    return kind.of(values)


def _wrap_it(name: str, value: Any) -> str:
    """GridSearchCV's words for the same mistake, and what else could be written."""
    message = (
        f"Parameter grid for parameter {name!r} needs to be a list or a numpy array, "
        f"but got {value!r} (of type {type(value).__name__}) instead. Single values "
        "need to be wrapped in a list with one element."
    )
    if isinstance(value, (set, frozenset)):
        return f"{message} A set has no order; write a list of its values."
    return f"{message} For a range write a tuple: (low, high)."


def _is_array(value: Any) -> bool:
    """numpy's arrays, pandas' Series and Index; not a number, not an estimator."""
    return hasattr(value, "__array__") and hasattr(value, "__len__")


def _is_ordered(choices: Sequence[Any]) -> bool:
    """Whether choices are a grid on the number line: at least three, monotone.

    Neighbours of ``[0.1, 1, 10, 100]`` behave alike; a model should know. The values,
    their order and their law are the same either way.
    """
    if len(choices) < 3:
        return False
    if isinstance(choices, range):
        return True
    if not all(_is_number_type(kind) for kind in set(map(type, choices))):
        return False
    numbers = np.asarray(choices, float)
    before, after = numbers[:-1], numbers[1:]
    return bool(np.all(before < after) or np.all(before > after))


def _is_number_type(kind: type) -> bool:
    numbers = (int, float, np.integer, np.floating)
    return issubclass(kind, numbers) and kind is not bool


def _from_scipy(name: str, law: Any) -> Dimension:
    """Real or Integer where that is the same law; else the law itself."""
    _check_law(name, law)
    read = _READ_AS.get(scipy_name(law), Distribution)
    return read(law)


def _check_law(name: str, law: Any) -> None:
    needed = ("ppf", "cdf", "support")
    missing = [method for method in needed if not hasattr(law, method)]
    if missing:
        raise TypeError(
            f"{law!r} for {name!r} can be sampled but has no {missing[0]}(), which "
            "a model needs to place values. Use a frozen scipy distribution, such as "
            "scipy.stats.loguniform(1e-3, 1e3), a range (low, high), or a list of "
            "values."
        )
    try:
        middle = float(law.ppf(0.5))
    except Exception as error:
        raise TypeError(
            f"{law!r} for {name!r}: ppf(0.5) raised {type(error).__name__}: {error}. "
            "Give the distribution its parameters, for example "
            "scipy.stats.loguniform(1e-3, 1e3)."
        ) from error
    if not np.isfinite(middle):
        raise ValueError(
            f"{law!r} for {name!r}: ppf(0.5) is {middle}. Its parameters do not make a "
            "distribution; check their order and signs."
        )


def _read_uniform(law: Any) -> Dimension:
    low, high = map(float, law.support())
    return Real(low, high)


def _read_loguniform(law: Any) -> Dimension:
    _, loc, _ = law.dist._parse_args(*law.args, **law.kwds)
    low, high = map(float, law.support())
    return Distribution(law) if loc else Real(low, high, "log")


def _read_randint(law: Any) -> Dimension:
    low, high = map(int, law.support())  # both included, unlike randint's own
    return Integer(low, high) if low < high else Ordinal([low])


_READ_AS = {
    "uniform": _read_uniform,
    "loguniform": _read_loguniform,
    "reciprocal": _read_loguniform,
    "randint": _read_randint,
}
