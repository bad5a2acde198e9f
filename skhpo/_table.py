"""``cv_results_`` of any search: which metric is meant, and what can be compared."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skhpo._errors import did_you_mean

MEAN = "mean_test_"
PARTIAL = "_partial"  # where racing skipped folds: estimates of the whole mean

#: Among which rows a search in rungs chooses, as ``resource_info_["best_of"]`` has it.
EVERY_ROW, TOP_RUNG = "every row", "top rung"


def metrics_of(table: Mapping[str, Any]) -> list[str]:
    """Names of the metrics; ``score`` for a single one.

    Examples
    --------
    >>> metrics_of({"mean_test_r2": [], "mean_test_r2_partial": [], "params": []})
    ['r2']
    """
    names = [key.removeprefix(MEAN) for key in table if key.startswith(MEAN)]
    estimates = {name + PARTIAL for name in names}
    return [name for name in names if name not in estimates]


def chosen_metric(
    search: Any, table: Mapping[str, Any], metric: str | None = None
) -> str:
    """Name of the metric that is meant.

    The one asked for; that by which the best row was chosen (``refit``); that which
    steered the search (``objective``); or the only one.
    """
    possible = metrics_of(table)
    if metric is None:
        own = [getattr(search, name, None) for name in ("refit", "objective")]
        found = [name for name in own if isinstance(name, str) and name in possible]
        found = found or (possible if len(possible) == 1 else [])
        if not found:
            raise ValueError(
                f"The search has {len(possible)} metrics {possible}: choose one with "
                "metric=."
            )
        return found[0]
    if metric not in possible:
        raise ValueError(
            f"metric={metric!r} is not a score of this search."
            f"{did_you_mean(metric, possible)} Possible: {possible}."
        )
    return metric


def levels(search: Any, table: Mapping[str, Any]) -> np.ndarray:
    """(n,) levels of the rows: only scores at the same level are compared.

    How far each row was trained; all 0 where every row may be the best, as in
    ``HyperbandSearchCV`` when rounds, trees or epochs are the resource.

    Examples
    --------
    >>> levels(None, {"params": [{}, {}], "n_resources": [100, 300]})
    array([100., 300.])
    """
    same = np.zeros(len(table["params"]))
    info = getattr(search, "resource_info_", {})
    if info.get("best_of") == EVERY_ROW or "n_resources" not in table:
        return same
    return np.asarray(table["n_resources"], dtype=float)
