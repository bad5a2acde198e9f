"""Values of settings in plain types, for files and services."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """A value that JSON has: what JSON lacks becomes None (nan, inf) or text.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"C": np.float64(0.5), "sizes": (np.int64(8), 4), "score": float("nan")})
    {'C': 0.5, 'sizes': [8, 4], 'score': None}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return text(value)


def number_or_text(value: Any) -> bool | int | float | str:
    """A value as the number or the truth value it is, everything else as text.

    Examples
    --------
    >>> number_or_text(0.5), number_or_text(True), number_or_text(None)
    (0.5, True, 'None')
    """
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float)) else text(value)


def text(value: Any) -> str:
    r"""A value in one line.

    Examples
    --------
    >>> text("two\n  lines")
    'two lines'
    """
    return " ".join(str(value).split())
