"""``cv_results_`` of any search, ours or scikit-learn's: which metric is meant."""

from collections.abc import Mapping
from typing import Any

from skhpo._errors import did_you_mean

MEAN = "mean_test_"
PARTIAL = "_partial"  # where racing skipped folds: estimates of the whole mean


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
