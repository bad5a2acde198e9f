"""Is every name in the space a parameter of the estimator? Asked before the first fit.

A step of a pipeline may itself be searched (``{"clf": [SVC(), Ridge()], "clf__C":
[...]}``), so a nested name is looked for in everything its owner may be: the choices
in the same alternative, or else the estimator's own part. It is valid when one of them
has it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.base import clone

from skhpo._errors import did_you_mean
from skhpo.space._columns import Column
from skhpo.space._space import Space
from skhpo.space._values import is_estimator

Choices = dict[str, tuple[Any, ...]]  # parameter -> what it may be, estimators only


def check_names(space: Space, estimator: Any) -> None:
    """Check that every name of every alternative is a parameter of the estimator.

    Estimators that do not tell their parameters (``get_params`` fails or returns
    nothing) are taken at their word, and one that tells some of them is asked to take
    the value.

    Parameters
    ----------
    space : Space
        What is to be searched.
    estimator : estimator
        Whose parameters are meant.

    Raises
    ------
    ValueError
        Naming the first unknown parameter, what it may have been meant to be, and where
        to read the possible names.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from skhpo.space import Space, check_names
    >>> check_names(Space({"C": (0.1, 10.0)}), SVC())
    >>> check_names(Space({"gama": (0.1, 10.0)}), SVC())
    Traceback (most recent call last):
        ...
    ValueError: 'gama' is not a parameter of SVC. Did you mean 'gamma'? ...
    """
    for branch in range(space.n_branches):
        choices = _estimator_choices(space, branch)
        for column in _columns_in(space, branch):
            name = column.name
            is_known = _has_parameter(estimator, name, choices)
            is_searched = any(name.startswith(f"{path}__") for path in choices)
            if not is_known and (is_searched or not _takes(estimator, column)):
                raise ValueError(_unknown(name, estimator, choices))


def _columns_in(space: Space, branch: int) -> list[Column]:
    return [space.columns[index] for index in space.layout.members[branch]]


def _estimator_choices(space: Space, branch: int) -> Choices:
    """What the searched parameters may be, where that is an estimator for one."""
    found = {}
    for column in _columns_in(space, branch):
        values = getattr(column.dimension, "choices", ())
        if not isinstance(values, range) and any(map(is_estimator, values)):
            found[column.name] = tuple(filter(is_estimator, values))
    return found


def _has_parameter(estimator: Any, name: str, choices: Choices) -> bool:
    owner, _, last = name.rpartition("__")
    for part in _possible_parts(estimator, owner, choices):
        parameters = _parameters(part)
        if parameters is None or last in parameters:
            return True
    return False


def _takes(estimator: Any, column: Column) -> bool:
    """Whether a duck-typed estimator takes a parameter that it does not tell."""
    try:
        clone(estimator).set_params(**{column.name: column.dimension.value(0.5)})
    except Exception:
        return False
    return True


def _possible_parts(estimator: Any, path: str, choices: Choices) -> Iterator[Any]:
    """All estimators that may stand at a path such as ``"pipe__clf"``."""
    if path == "":
        yield estimator
    elif path in choices:
        yield from choices[path]
    else:
        owner, _, last = path.rpartition("__")
        for part in _possible_parts(estimator, owner, choices):
            parameters = _parameters(part)
            if parameters is None:
                yield part  # it does not tell; so it may have anything
            elif is_estimator(parameters.get(last)):
                yield parameters[last]


def _parameters(estimator: Any) -> Mapping[str, Any] | None:
    """An estimator's parameters; None where it does not tell them."""
    try:
        parameters = estimator.get_params()
    except Exception:  # duck-typed estimators may do anything
        return None
    return parameters if isinstance(parameters, Mapping) and parameters else None


def _unknown(name: str, estimator: Any, choices: Choices) -> str:
    searched = [path for path in choices if name.startswith(f"{path}__")]
    if searched:
        return _unknown_in_choices(name, max(searched, key=len), choices)
    own = list(_parameters(estimator) or ())
    return (
        f"{name!r} is not a parameter of {_described(estimator)}."
        f"{_with_its_step(name, own) or did_you_mean(name, own)} "
        f"All {len(own)} names: estimator.get_params().keys()."
    )


def _with_its_step(name: str, own: list[str]) -> str:
    """A hint where only the step was forgotten: ``"C"`` for ``"svc__C"``; or ""."""
    found = [repr(other) for other in own if other.endswith(f"__{name}")]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _unknown_in_choices(name: str, path: str, choices: Choices) -> str:
    """The name belongs to a part that is searched itself."""
    parts = choices[path]
    possible = [f"{path}__{other}" for part in parts for other in _parameters(part)]
    kinds = " or ".join(dict.fromkeys(map(_described, parts)))
    return (
        f"{name!r} is not a parameter of {kinds}, which the space has for {path!r}."
        f"{did_you_mean(name, dict.fromkeys(possible))}"
    )


def _described(estimator: Any) -> str:
    """``Pipeline(scaler, clf)``: the class, and its steps where it has some."""
    kind = type(estimator).__name__
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list):
        return kind
    return f"{kind}({', '.join(str(step[0]) for step in steps)})"
