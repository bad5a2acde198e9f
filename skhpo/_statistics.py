"""Statistics that more than one room needs."""

from typing import Any

import numpy as np

_ROUNDING = 1e-12  # relative to the largest value


def corrected_variance(values: Any, test_to_train: float, axis: int = -1) -> Any:
    """Variance of the mean of values that come from overlapping training rows.

    (1/K + test rows / training rows) var(values), Nadeau and Bengio (2003), Inference
    for the generalization error, Machine Learning 52.

    Examples
    --------
    >>> float(corrected_variance([1.0, 2.0, 3.0], test_to_train=1 / 2).round(3))
    0.833
    """
    values = np.asarray(values, dtype=float)
    K = values.shape[axis]
    return (1 / K + test_to_train) * values.var(axis=axis, ddof=1)


def corrected_error(values: Any, test_to_train: float, axis: int = -1) -> Any:
    """Standard error of the mean: the root of :func:`corrected_variance`.

    Also of values whose squares are no floats any more, 1e300 or 1e-300. Differences by
    rounding are none.

    Examples
    --------
    >>> float(corrected_error([1e300, 2e300, 3e300], test_to_train=1 / 2) / 1e300)
    0.912...
    """
    values = np.asarray(values, dtype=float)
    size = abs(values).max(axis=axis, keepdims=True)
    size = np.where(size > 0, size, 1.0)
    error = np.sqrt(corrected_variance(values / size, test_to_train, axis))
    return np.where(error > _ROUNDING, error, 0.0) * size.squeeze(axis)
