"""Statistics that more than one room needs."""

from typing import Any

import numpy as np


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
