"""Which part of a search cannot be copied, or sent to another process.

The message of pickle names a type; whoever reads it wants to know which of his
parameters that is.
"""

import pickle
from copy import deepcopy
from functools import partial

import numpy as np
from joblib import wrap_non_picklable_objects
from sklearn.base import clone

MAX_DEPTH = 8


def check_sendable(parts, dumps):
    """Refuse what cannot be pickled, by name.

    Parameters
    ----------
    parts : dict of str -> object
        What is to be sent, by the name under which the user knows it.
    dumps : callable
        Pickles.

    Raises
    ------
    ValueError
        When one of the parts cannot be pickled; names the innermost one that cannot.
    """
    for name, part in parts.items():
        found = unpicklable(part, name, dumps)
        if found is not None:
            raise ValueError(
                cannot_be(*found, "sent to worker processes")
                + " Use n_jobs=1, threads (joblib.parallel_config(backend='threading')"
                "), or something that can be pickled in its place."
            )


def dumps_by_value(value):
    """Return a value as bytes, with all of it that was defined in ``__main__``."""
    wrapped = wrap_non_picklable_objects(value, keep_wrapper=False)
    return pickle.dumps(wrapped, protocol=pickle.HIGHEST_PROTOCOL)


def copied(value, name="estimator", safe=True):
    """Return an unfitted copy of a value, or say what in it has none.

    Parameters
    ----------
    value : estimator or object
        What each fit gets a copy of.
    name : str
        The name under which the user knows it.
    safe : bool
        Whether it must be an estimator, as for ``sklearn.base.clone``.

    Raises
    ------
    TypeError, RuntimeError
        When it cannot be copied; names the innermost part that cannot, and a cure.
    """
    try:
        return clone(value, safe=safe)
    except Exception as error:
        found = unpicklable(value, name, deepcopy)
        if found is not None:
            raise TypeError(cannot_be(*found, "copied for each fit")) from error
        if not isinstance(error, (TypeError, RuntimeError)):
            raise
        part_name, part = _uncloneable(value, name)
        kind = TypeError if isinstance(error, TypeError) else RuntimeError
        raise kind(
            f"{part_name} (a {type(part).__name__}) cannot be cloned, and each fit "
            f"works on a clone: {error}. {_cure(part)}"
        ) from error


def _uncloneable(value, name):
    """Return the innermost estimator that cannot be cloned, as (name, part)."""
    for part_name, part in _params(value, name):
        if hasattr(part, "get_params") and not _has_clone(lambda part=part: part):
            return part_name, part
    return name, value


def _has_clone(make):
    try:
        clone(make())
    except Exception:
        return False
    return True


def _cure(estimator):
    """Say what to write so that an estimator can be cloned."""
    if not hasattr(estimator, "get_params"):
        return "Derive it from sklearn.base.BaseEstimator."
    tuples = _tuples_for_lists(estimator)
    if tuples:
        written = ", ".join(f"{key}={value!r}" for key, value in tuples.items())
        return f"It can be cloned with a tuple in the place of the list: {written}."
    return (
        "Its __init__ must keep every argument as it is passed (self.name = name, "
        "without a copy, a conversion or a check): what is made of it belongs in fit."
    )


def _tuples_for_lists(estimator):
    """Return the parameters that must be tuples for the clone, by name.

    A constructor that copies lists, as catboost's does, keeps tuples as they are.
    """
    params = estimator.get_params(deep=False)
    lists = {
        key: tuple(value)
        for key, value in params.items()
        if isinstance(value, (list, np.ndarray))
    }

    def is_fine(**changed):
        return _has_clone(lambda: type(estimator)(**{**params, **lists, **changed}))

    if not is_fine():
        return {}
    return {key: lists[key] for key in lists if not is_fine(**{key: params[key]})}


def cannot_be(name, part, error, purpose):
    """Say which part cannot be sent or copied, and why."""
    kind = type(part)
    return (
        f"{name} (a {kind.__module__}.{kind.__qualname__}) cannot be {purpose}: "
        f"{error}."
    )


def unpicklable(value, name, dumps, depth=0):
    """Return the innermost part that cannot be pickled: (name, part, error), or None.

    Examples
    --------
    >>> import pickle, threading
    >>> value = {"a": 1, "b": [2, threading.Lock()]}
    >>> name, part, _ = unpicklable(value, "x", pickle.dumps)
    >>> name
    "x['b'][1]"
    """
    error = _error_of(value, dumps)
    if error is None:
        return None
    if depth < MAX_DEPTH:
        for part_name, part in _parts(value, name):
            found = unpicklable(part, part_name, dumps, depth + 1)
            if found is not None:
                return found
    return name, value, error


def _error_of(value, dumps):
    try:
        dumps(value)
    except Exception as error:  # whatever a __reduce__ raises
        return error
    return None


def _parts(value, name):
    """Return what a value is made of, as (name, part) pairs."""
    if isinstance(value, dict):
        return [(f"{name}[{key!r}]", part) for key, part in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [(f"{name}[{number}]", part) for number, part in enumerate(value)]
    if isinstance(value, partial):
        return [
            (f"{name}.{k}", getattr(value, k)) for k in ("func", "args", "keywords")
        ]
    return [*_params(value, name), *_variables(value, name), *_attributes(value, name)]


def _params(value, name):
    """Return the parameters of an estimator, those of its own estimators first."""
    if isinstance(value, type) or not hasattr(value, "get_params"):
        return []
    names = sorted(value.get_params(), key=lambda key: -key.count("__"))
    return [(f"{name}__{key}", value.get_params()[key]) for key in names]


def _variables(value, name):
    """Return the variables that a function took from where it was defined."""
    code = getattr(value, "__code__", None)
    if code is None:
        return []
    cells = zip(code.co_freevars, value.__closure__ or (), strict=True)
    names = {key: cell.cell_contents for key, cell in cells}
    known = value.__globals__
    names.update({key: known[key] for key in code.co_names if key in known})
    return [(f"{name}, variable {key!r}", part) for key, part in names.items()]


def _attributes(value, name):
    own = getattr(value, "__dict__", {})
    return [(f"{name}.{key}", part) for key, part in own.items()]
