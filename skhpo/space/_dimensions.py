"""One parameter each: what values it has, and where they lie on the unit interval.

Every dimension maps values to ``u`` in [0, 1] such that a uniform ``u`` follows the
law the user declared. A numeric scale does it for ranges (``log``: uniform in the
logarithm), the distribution function for a scipy distribution, cells of equal width
for choices.

Dimensions with separate values cut the unit interval into *cells*, one per value;
``cell`` says in which cell a number lies, ``centre`` where a cell's value stands.

Dimensions are values: constructors only store, so that scikit-learn's ``clone`` and
``set_params`` work on a space. ``check`` is called when a space is made of them.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from skhpo._errors import did_you_mean
from skhpo.space._values import (
    Lookup,
    is_integer,
    is_number,
    same_value,
    same_values,
    token,
    unique,
)

__all__ = ["Categorical", "Dimension", "Distribution", "Integer", "Ordinal", "Real"]

Array = NDArray[np.float64]
When = Mapping[str, Any] | None

# Above it floats skip integers.
_LARGEST_INTEGER = 2**53


def _logit(x: float) -> float:
    return math.log(x) - math.log1p(-x)


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))


_FORWARD = {"linear": float, "log": math.log, "logit": _logit}
_BACKWARD = {"linear": float, "log": math.exp, "logit": _expit}


class Dimension(ABC):
    """What all dimensions can do. The methods work on plain arrays of any shape."""

    when: When
    is_categorical = False  # unordered: two values are equal or not, that is all
    is_continuous = False
    has_equal_cells = False
    n_cells: int  # of the dimensions that are not continuous

    @property
    def n_levels(self) -> int | None:
        """Number of values; None = infinitely many."""
        return None if self.is_continuous else self.n_cells

    def check(self, name: str) -> None:  # noqa: B027 - most have nothing to check
        """Raise an error that names the parameter where this makes no sense."""

    def settled(self) -> "Dimension":
        """The dimension as a space uses it: out of the user's reach."""
        return self

    def cell(self, u: Array) -> NDArray[np.int64]:
        """In which cell each number of [0, 1] lies."""
        return np.minimum(u * self.n_cells, self.n_cells - 1).astype(np.int64)

    def cell_at(self, u: float) -> int:
        """``cell`` for one number."""
        return min(int(u * self.n_cells), self.n_cells - 1)

    def centre(self, cells: NDArray[np.int64]) -> Array:
        """Where the value of each cell stands."""
        return (cells + 0.5) / self.n_cells

    def snap(self, u: Array) -> Array:
        """Numbers in [0, 1] moved to the nearest place that stands for a value."""
        return self.centre(self.cell(u))

    @abstractmethod
    def value(self, u: float) -> Any:
        """The value a user sees at ``u``."""

    @abstractmethod
    def position(self, value: Any) -> float:
        """The place of a value; ValueError where it has none."""

    @abstractmethod
    def clip(self, value: Any) -> Any:
        """The nearest value of the dimension; ValueError where nothing is near."""

    def _outside(self, value: Any) -> ValueError:
        return ValueError(f"{value!r} lies outside {self!r}")


class _Range(Dimension):
    """Numbers between two bounds on a scale."""

    low: float
    high: float
    scale: str
    _scales: tuple[str, ...]

    def check(self, name: str) -> None:
        where = f"{self!r} for {name!r}"
        for which, bound in (("low", self.low), ("high", self.high)):
            message = f"{where}: {which} must be a finite number, got {bound!r}."
            if not is_number(bound):
                raise TypeError(message)
            if not math.isfinite(bound):
                raise ValueError(message)
        if self.scale not in self._scales:
            raise ValueError(
                f"{where}: scale must be one of {self._scales}, got {self.scale!r}."
                + did_you_mean(self.scale, self._scales)
            )
        if self.low >= self.high:
            raise ValueError(self._reversed(where))
        if self.scale == "log" and self.low <= 0:
            raise ValueError(
                f"{where}: a log scale needs low > 0, got low={self.low!r}. Use a "
                f"small positive bound, for example {self._with_positive_bound()!r}."
            )
        if self.scale == "logit" and not (self.low > 0 and self.high < 1):
            raise ValueError(
                f"{where}: a logit scale needs 0 < low and high < 1, got "
                f"low={self.low!r}, high={self.high!r}. Use bounds inside, for example "
                "Real(1e-3, 0.999, scale='logit')."
            )

    def _reversed(self, where: str) -> str:
        text = (
            f"{where}: low must be less than high, got {self.low!r} and {self.high!r}."
        )
        if self.low == self.high:
            return f"{text} For a single value write a list: [{self.low!r}]."
        return (
            f"{text} Swap them for a range; for a choice of the two write a list: "
            f"[{self.low!r}, {self.high!r}]."
        )

    def _with_positive_bound(self) -> "_Range":
        high = self.high if self.high > 0 else 1.0
        return type(self)(min(1e-6, high / 2), high, self.scale)

    def clip(self, value: Any) -> Any:
        if not is_number(value) or not math.isfinite(value):
            raise self._outside(value)
        return min(max(float(value), float(self.low)), float(self.high))


@dataclass(frozen=True, repr=False)
class Real(_Range):
    """A real number between two bounds, both included.

    Parameters
    ----------
    low, high : float
        The bounds.
    scale : {"linear", "log", "logit"}, default="linear"
        The scale on which values are spread evenly. Use "log" for parameters whose
        order of magnitude matters (learning rates, penalties), "logit" for shares
        where both 0.001 and 0.999 are worth telling from their neighbours.
    when : dict, default=None
        Use the parameter only while other parameters have certain values:
        ``when={"kernel": ["rbf", "poly"]}``.

    Examples
    --------
    >>> from skhpo.space import Real, Space
    >>> space = Space({"alpha": Real(1e-6, 1, scale="log")})
    >>> space.to_params([1.0])
    {'alpha': 1.0}
    """

    low: float
    high: float
    scale: str = "linear"
    when: When = None

    is_continuous = True
    _scales = ("linear", "log", "logit")

    def __repr__(self) -> str:
        return _text(self, scale="linear", when=None)

    def __hash__(self) -> int:
        return hash((Real, self.low, self.high, self.scale))

    def settled(self) -> "Real":
        low, high = np.asarray(self.low).item(), np.asarray(self.high).item()
        return Real(low, high, self.scale, self.when)

    def cell(self, u: Array) -> NDArray[np.int64]:
        raise TypeError(f"{self!r} has no cells")

    def snap(self, u: Array) -> Array:
        return np.clip(u, 0.0, 1.0)

    def value(self, u: float) -> float:
        if u <= 0 or u >= 1:  # exactly, whatever exp(log(bound)) rounds to
            return float(self.low if u <= 0 else self.high)
        forward = _FORWARD[self.scale]
        start, end = forward(self.low), forward(self.high)
        value = _BACKWARD[self.scale](start + u * (end - start))
        return float(min(max(value, self.low), self.high))

    def position(self, value: Any) -> float:
        inside = self.clip(value)
        if not math.isclose(inside, value, rel_tol=1e-9):
            raise self._outside(value)
        forward = _FORWARD[self.scale]
        start, end = forward(self.low), forward(self.high)
        return min(max((forward(inside) - start) / (end - start), 0.0), 1.0)


@dataclass(frozen=True, repr=False)
class Integer(_Range):
    """A whole number between two bounds, both included.

    Parameters
    ----------
    low, high : int
        The bounds.
    scale : {"linear", "log"}, default="linear"
        The scale on which values are spread evenly. Use "log" for numbers that range
        over orders of magnitude (trees, units, neighbours).
    when : dict, default=None
        Use the parameter only while other parameters have certain values:
        ``when={"kernel": ["poly"]}``.

    Notes
    -----
    Value k owns the cell from k - 1/2 to k + 1/2, measured on the scale. On the linear
    scale all values are equally likely a priori.

    Examples
    --------
    >>> from skhpo.space import Integer, Space
    >>> space = Space({"degree": Integer(2, 5)})
    >>> [space.to_params(point) for point in space.grid()]
    [{'degree': 2}, {'degree': 3}, {'degree': 4}, {'degree': 5}]
    """

    low: int
    high: int
    scale: str = "linear"
    when: When = None

    _scales = ("linear", "log")

    def __repr__(self) -> str:
        return _text(self, scale="linear", when=None)

    def __hash__(self) -> int:
        return hash((Integer, self.low, self.high, self.scale))

    def check(self, name: str) -> None:
        for which, bound in (("low", self.low), ("high", self.high)):
            if is_number(bound) and not is_integer(bound):
                raise TypeError(
                    f"{self!r} for {name!r}: {which} must be a whole number, got "
                    f"{bound!r}. Use Real for fractions."
                )
        super().check(name)
        if max(abs(self.low), abs(self.high)) > _LARGEST_INTEGER:
            raise ValueError(
                f"{self!r} for {name!r}: bounds must lie within +-2**53. "
                "Search on a log scale with Real and round in the estimator."
            )

    def settled(self) -> "Integer":
        return Integer(int(self.low), int(self.high), self.scale, self.when)

    def _with_positive_bound(self) -> "Integer":
        return Integer(1, max(2, self.high), self.scale)

    @property
    def n_cells(self) -> int:
        return self.high - self.low + 1

    @property
    def has_equal_cells(self) -> bool:
        return self.scale == "linear"

    @cached_property
    def _ends(self) -> tuple[float, float]:
        return math.log(self.low - 0.5), math.log(self.high + 0.5)

    def cell(self, u: Array) -> NDArray[np.int64]:
        if self.scale == "linear":
            return super().cell(u)
        start, end = self._ends
        values = np.floor(np.exp(start + u * (end - start)) + 0.5)
        return (np.clip(values, self.low, self.high) - self.low).astype(np.int64)

    def centre(self, cells: NDArray[np.int64]) -> Array:
        if self.scale == "linear":
            return super().centre(cells)
        start, end = self._ends
        return (np.log(cells + self.low) - start) / (end - start)

    def value(self, u: float) -> int:
        return self.low + self.cell_at(u)

    def cell_at(self, u: float) -> int:
        if self.scale == "linear":
            return super().cell_at(u)
        start, end = self._ends
        value = math.floor(math.exp(start + u * (end - start)) + 0.5)
        return min(max(value, self.low), self.high) - self.low

    def position(self, value: Any) -> float:
        if not is_number(value) or not self.low <= value <= self.high:
            raise self._outside(value)
        if int(value) != value:
            raise self._outside(value)
        return float(self.centre(np.int64(int(value) - self.low)))

    def clip(self, value: Any) -> Any:
        # A fraction may mean another thing than a count (max_features=1.0 is "all").
        if not is_integer(value):
            raise self._outside(value)
        return min(max(int(value), self.low), self.high)


class _Choices(Dimension):
    """A number of given values, all equally likely."""

    choices: Sequence[Any]
    has_equal_cells = True
    listed: Sequence[int] | None = None  # cells as the user listed them, with repeats

    @classmethod
    def of(cls, values: Sequence[Any], when: When = None) -> "_Choices":
        """Choices among the distinct values, which remember what was listed twice."""
        distinct = unique(values)
        choices = cls(distinct, when)
        if len(distinct) < len(values):
            lookup = Lookup(distinct)
            cells = tuple(lookup.find(value) for value in values)
            object.__setattr__(choices, "listed", cells)
        return choices

    def listed_cells(self) -> Sequence[int]:
        """The cells in the order of the user's list, repeated ones repeatedly."""
        return range(self.n_cells) if self.listed is None else self.listed

    def check(self, name: str) -> None:
        where = f"{type(self).__name__} for {name!r}"
        if isinstance(self.choices, (str, bytes, Mapping)) or not hasattr(
            self.choices, "__len__"
        ):
            raise TypeError(
                f"{where}: choices must be a list, got {self.choices!r}. A single "
                f"value is a list with one element: {type(self).__name__}([value])."
            )
        if len(self.choices) == 0:
            raise ValueError(
                f"{where}: the list of choices is empty, got {self.choices!r}. Name at "
                "least one value, or leave the parameter out."
            )

    def settled(self) -> "_Choices":
        values = self.choices
        if not isinstance(values, (list, tuple, range)):
            values = list(values)
        return type(self).of(values, self.when)

    @cached_property
    def n_cells(self) -> int:
        return len(self.choices)

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.choices)

    def value(self, u: float) -> Any:
        return self.choices[self.cell_at(u)]

    def find(self, value: Any) -> int | None:
        """The number of a choice, or None."""
        if isinstance(self.choices, range) and is_integer(value):
            return self.choices.index(value) if value in self.choices else None
        return self._lookup.find(value)

    def position(self, value: Any) -> float:
        index = self.find(value)
        if index is None:
            raise ValueError(f"{value!r} is not one of {self!r}")
        return (index + 0.5) / self.n_cells

    def clip(self, value: Any) -> Any:
        return self.value(self.position(value))

    def __eq__(self, other: Any) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same_value(self.when, other.when) and (
            self.choices is other.choices or same_values(self.choices, other.choices)
        )

    def __hash__(self) -> int:
        first = token(self.choices[0]) if len(self.choices) else None
        return hash((type(self), len(self.choices), first))

    def __repr__(self) -> str:
        return _text(self, when=None)

    def __getstate__(self) -> dict[str, Any]:
        # Looking up by identity does not survive a copy.
        return {"choices": self.choices, "when": self.when, "listed": self.listed}


@dataclass(frozen=True, repr=False, eq=False)
class Categorical(_Choices):
    """One of several values without an order.

    A plain list in a space means the same; the class is needed for ``when``.

    Parameters
    ----------
    choices : list or array
        The values: any objects, also None, tuples and estimators. They reach the
        estimator as they are.
    when : dict, default=None
        Use the parameter only while other parameters have certain values:
        ``when={"solver": ["saga"]}``.

    Examples
    --------
    >>> from skhpo.space import Categorical, Space
    >>> space = Space({"penalty": Categorical(["l1", "l2", None])})
    >>> [space.to_params(point) for point in space.grid()]
    [{'penalty': 'l1'}, {'penalty': 'l2'}, {'penalty': None}]
    """

    choices: Sequence[Any]
    when: When = None

    is_categorical = True


@dataclass(frozen=True, repr=False, eq=False)
class Ordinal(_Choices):
    """One of several values with an order: neighbours behave alike.

    Parameters
    ----------
    choices : list or array
        The values in their order: any objects. They reach the estimator as they are.
        Neighbours are equally far apart: ``[1, 5, 10, 100]`` is a grid of four steps.
    when : dict, default=None
        Use the parameter only while other parameters have certain values.

    Examples
    --------
    >>> from skhpo.space import Ordinal, Space
    >>> space = Space({"hidden_layer_sizes": Ordinal([(8,), (32,), (32, 32)])})
    >>> space.to_params([0.9])
    {'hidden_layer_sizes': (32, 32)}
    """

    choices: Sequence[Any]
    when: When = None


# What lies further out in a discrete law's infinite tail is never proposed.
_TAIL = 1e-9
# Nor is this part of each end of a continuous law, where values are extreme (an
# exponential law's 0 is no valid C) and a model that explores would go first.
_END = 1e-4
_LONGEST_TABLE = 100_000


@dataclass(frozen=True, repr=False, eq=False)
class Distribution(Dimension):
    """A frozen scipy distribution: the unit interval is its distribution function.

    A discrete law is cut into cells as wide as its probabilities; a heavy tail is cut
    after some 100,000 values. Of a continuous law, 0.01 % at each end are left out.
    """

    law: Any
    when: When = None

    @property
    def is_continuous(self) -> bool:
        return not hasattr(self.law, "pmf")

    @property
    def n_levels(self) -> int | None:
        is_finite = not self.is_continuous and np.all(np.isfinite(self.law.support()))
        return self.n_cells if is_finite else None

    @property
    def n_cells(self) -> int:
        return len(self._values)

    def check(self, name: str) -> None:
        if not self.is_continuous and self.law.pmf(self._likely_values()).sum() < 0.5:
            raise ValueError(
                f"{self!r} for {name!r} is spread over more than {_LONGEST_TABLE:,} "
                "values. Use a range of integers, Integer(low, high)."
            )

    @cached_property
    def _table(self) -> tuple[NDArray[Any], Array]:
        """The values of a discrete law, and the upper ends of their cells."""
        values = self._likely_values()
        widths = self.law.pmf(values)
        wide = widths > 1e-12
        values, ends = values[wide], np.cumsum(widths[wide])
        return values, ends / ends[-1]

    def _likely_values(self) -> NDArray[Any]:
        """From the median outwards, until hardly any probability is left.

        Sums of probabilities, because scipy's cdf and ppf take minutes in a heavy tail.
        """
        low, high = self.law.support()
        listed = getattr(getattr(self.law, "dist", self.law), "xk", None)
        if listed is not None:  # rv_discrete(values=...)
            return np.unique(listed) + (low - np.min(listed))
        middle, reach = self.law.ppf(0.5), 64
        while True:
            values = np.arange(max(low, middle - reach), min(high, middle + reach) + 1)
            is_enough = self.law.pmf(values).sum() > 1 - _TAIL
            if is_enough or 4 * reach > _LONGEST_TABLE:
                return values
            reach *= 2

    @cached_property
    def _values(self) -> list[int | float]:
        values = self._table[0].tolist()
        return [int(value) if value == int(value) else value for value in values]

    def cell(self, u: Array) -> NDArray[np.int64]:
        ends = self._table[1]
        return np.minimum(np.searchsorted(ends, u, side="left"), len(ends) - 1)

    def centre(self, cells: NDArray[np.int64]) -> Array:
        ends = self._table[1]
        starts = np.where(cells > 0, ends[cells - 1], 0.0)
        return (starts + ends[cells]) / 2

    def snap(self, u: Array) -> Array:
        return np.clip(u, _END, 1 - _END) if self.is_continuous else super().snap(u)

    def value(self, u: float) -> int | float:
        if self.is_continuous:
            return float(self.law.ppf(u))
        return self._values[self.cell_at(u)]

    def cell_at(self, u: float) -> int:
        return int(self.cell(np.float64(u)))

    def position(self, value: Any) -> float:
        if not is_number(value):
            raise self._outside(value)
        if self.is_continuous:
            low, high = self.law.support()
            if not low <= value <= high:
                raise self._outside(value)
            return float(np.clip(self.law.cdf(value), _END, 1 - _END))
        index = np.searchsorted(self._table[0], value)
        if index == self.n_cells or self._table[0][index] != value:
            raise self._outside(value)
        return float(self.centre(index))

    def clip(self, value: Any) -> Any:
        if not is_number(value) or not math.isfinite(value):
            raise self._outside(value)
        if self.is_continuous:
            return float(np.clip(value, *self.law.ppf([_END, 1 - _END])))
        if isinstance(self._values[0], int) and not is_integer(value):
            raise self._outside(value)
        distance = np.abs(self._table[0] - value)
        return self._values[int(np.argmin(distance))]

    def _law_token(self) -> Any:
        """What makes two frozen scipy distributions the same law."""
        name = scipy_name(self.law)
        if name is None:
            return id(self.law)
        given = token((name, *self.law.args, *sorted(self.law.kwds.items())))
        return id(self.law) if given is None else given

    def __eq__(self, other: Any) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        if self.law is other.law:
            return same_value(self.when, other.when)
        return self._law_token() == other._law_token() and same_value(
            self.when, other.when
        )

    def __hash__(self) -> int:
        return hash((Distribution, scipy_name(self.law)))

    def __repr__(self) -> str:
        if not hasattr(self.law, "args"):
            return repr(self.law)
        given = [repr(arg) for arg in self.law.args]
        given += [f"{key}={arg!r}" for key, arg in self.law.kwds.items()]
        return f"{self.law.dist.name}({', '.join(given)})"

    def __getstate__(self) -> dict[str, Any]:
        return {"law": self.law, "when": self.when}


def scipy_name(law: Any) -> str | None:
    """The name under which scipy.stats knows a frozen distribution, or None."""
    family = getattr(law, "dist", None)
    name = getattr(family, "name", None)
    if not isinstance(name, str) or hasattr(family, "xk"):
        return None
    return name if type(getattr(stats, name, None)) is type(family) else None


def _text(dimension: Any, **defaults: Any) -> str:
    """``Real(0.1, 1.0, scale='log')``: how the dimension was written."""
    if isinstance(dimension, _Choices):
        shown = [_shortened(dimension.choices)]
    else:
        shown = [_number(dimension.low), _number(dimension.high)]
    for name, default in defaults.items():
        value = getattr(dimension, name)
        if not same_value(value, default):
            shown.append(f"{name}={value!r}")
    return f"{type(dimension).__name__}({', '.join(shown)})"


def _shortened(choices: Any, longest: int = 12) -> str:
    if isinstance(choices, range) or not hasattr(choices, "__len__"):
        return repr(choices)
    if isinstance(choices, (str, Mapping)) or len(choices) <= longest:
        return repr(list(choices) if isinstance(choices, tuple) else choices)
    first = ", ".join(repr(choices[i]) for i in range(longest // 2))
    return f"[{first}, ..., {choices[-1]!r}] with {len(choices):,} values"


def _number(value: Any) -> str:
    """1e-6 rather than 1e-06."""
    return re.sub(r"e([+-])0+", r"e\1", repr(value))
