"""The axis on which a parameter is drawn: its scale, its place for each value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skhpo.plots._figure import short
from skhpo.space import Space

#: Numbers that span so many times their least are spread by orders of magnitude.
_WIDE = 50


@dataclass(frozen=True, eq=False)
class ParamAxis:
    """How one parameter is drawn.

    Attributes
    ----------
    name : str
    scale : {"linear", "log", "logit", "category"}
    places : ndarray of shape (n,)
        The numbers themselves, or the numbers of the categories; nan where a row does
        not use the parameter.
    labels : list of str
        The categories; empty for numbers.
    is_integer : bool
    """

    name: str
    scale: str
    places: NDArray[np.float64]
    labels: list[str]
    is_integer: bool = False

    @property
    def is_category(self) -> bool:
        return self.scale == "category"

    def unit(self) -> NDArray[np.float64]:
        """(n,): the places between 0 and 1 on the parameter's own scale."""
        low, high = self.ends()
        start, end, at = (self._forward(v) for v in (low, high, self.places))
        return (at - start) / (end - start)

    def unit_of(self, value: float) -> float:
        """Return the height between 0 and 1 of a number."""
        start, end, at = (self._forward(v) for v in (*self.ends(), value))
        return float((at - start) / (end - start))

    def places_of(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """(n,): where values stand; nan for those that no candidate had as category."""
        if not self.is_category:
            return np.array(values, dtype=float)
        number_of = {label: float(k) for k, label in enumerate(self.labels)}
        return np.array([number_of.get(_label(value), np.nan) for value in values])

    def ticks(self) -> list[float]:
        """Return numbers (or categories) worth a mark, twelve at most."""
        low, high = self.ends()
        if self.is_category:
            n = len(self.labels)
            return [float(k) for k in range(0, n, -(-n // 12))]
        if self.scale == "log" and high >= 100 * low:
            powers = np.arange(np.ceil(np.log10(low) - 1e-9), np.log10(high) + 1e-9)
            return [10.0**k for k in powers[:: -(-len(powers) // 8)]]
        marks = [self.at(unit) for unit in (0, 0.25, 0.5, 0.75, 1)]
        if self.is_integer:
            whole = {float(round(mark)) for mark in marks}
            return sorted(mark for mark in whole if low <= mark <= high)
        return marks

    def at(self, unit: float) -> float:
        """Return the number that stands at a height between 0 and 1."""
        start, end = (self._forward(v) for v in self.ends())
        value = start + unit * (end - start)
        if self.scale == "log":
            return float(np.exp(value))
        return float(1 / (1 + np.exp(-value)) if self.scale == "logit" else value)

    def text_of(self, tick: float) -> str:
        """Return what is written at a tick."""
        if self.is_category:
            return self.labels[int(tick)]
        if self.is_integer and abs(tick) < 1e5:
            return f"{tick:.0f}"
        return f"{tick:.3g}" if abs(tick) >= 10 else f"{tick:.2g}"

    def ends(self) -> tuple[float, float]:
        """Return what stands at 0 and at 1. Categories lie in the middle of cells."""
        if self.is_category:
            return -0.5, len(self.labels) - 0.5
        known = self.places[np.isfinite(self.places)]
        low, high = float(known.min()), float(known.max())
        if low < high:
            return low, high
        if self.scale == "linear":
            return low - 0.5, low + 0.5
        return (low / 2, low * 2) if self.scale == "log" else (low / 2, (1 + low) / 2)

    def _forward(self, value):
        if self.scale == "log":
            return np.log(value)
        return np.log(value / (1 - value)) if self.scale == "logit" else value


def param_axes(
    params: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    scales: Mapping[str, str] | None = None,
) -> list[ParamAxis]:
    """Return the axis of each parameter, from its values and declared scales."""
    return [_param_axis(params, name, (scales or {}).get(name)) for name in names]


def _param_axis(params, name, scale):
    values = [one[name] for one in params if name in one]
    if all(_is_number(value) for value in values):
        places = np.array([one.get(name, np.nan) for one in params], dtype=float)
        is_integer = all(float(value).is_integer() for value in values)
        return ParamAxis(name, scale or _likely_scale(places), places, [], is_integer)
    labels = _in_order({_label(value) for value in values}, values)
    place_of = {label: number for number, label in enumerate(labels)}
    places = [place_of[_label(one[name])] if name in one else np.nan for one in params]
    return ParamAxis(name, "category", np.array(places, dtype=float), labels)


def _is_number(value):
    is_number = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    return is_number and bool(np.isfinite(value))


def _label(value):
    return short(value, width=24)


def _in_order(labels, values):
    """Numbers among the categories (10, None) by size, then the rest by name."""
    number_of = {_label(v): float(v) for v in values if _is_number(v)}
    return sorted(labels, key=lambda text: (number_of.get(text, np.inf), text))


def _likely_scale(places):
    """Return the scale that nobody declared: of a grid, say."""
    known = np.unique(places[np.isfinite(places)])
    if len(known) < 3 or known[0] <= 0 or known[-1] < _WIDE * known[0]:
        return "linear"
    is_in_the_middle = np.median(known) < (known[0] + known[-1]) / 4
    return "log" if is_in_the_middle else "linear"


def declared_scales(search: Any) -> dict[str, str]:
    """Return the scales of a search's ranges, where it says so.

    Reads our spaces and those of scikit-learn's searches (``loguniform``). A parameter
    that is a range in one alternative and a choice in the other has the range's.
    """
    given = (
        getattr(search, name, None)
        for name in ("search_space", "param_distributions", "param_grid")
    )
    scales: dict[str, str] = {}
    for branch in _branches(next((one for one in given if one is not None), {})):
        for name, value in branch.items():
            scale = _scale_of(name, value)
            if scale is not None:
                scales.setdefault(name, scale)
    return scales


def _branches(given):
    if isinstance(given, Space):
        given = given.search_space
    return [given] if isinstance(given, Mapping) else list(given)


def _scale_of(name, value):
    """Return the scale of one dimension; None = a choice, or not readable."""
    when = getattr(value, "when", None)
    if when is not None:  # its parent is not in this little space
        return getattr(value, "scale", None)
    try:
        (column,) = Space({name: value}).columns
    except (TypeError, ValueError):  # a law without ppf, a tuple of choices
        return None
    return getattr(column.dimension, "scale", None)
