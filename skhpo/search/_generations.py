"""The tables of an evolution: who came from whom, and how the population went.

An optimizer labels what it proposes with the ids of its parents' proposals; a reader
of ``cv_results_`` wants rows. Nothing in the search depends on these tables.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skhpo.space import Space, mean_pairwise_distance

#: Columns of ``cv_results_`` that tell where a candidate came from.
COLUMNS = ("generation", "parents", "operator", "origin")


def generation_columns(trials: Sequence[Any]) -> dict[str, NDArray]:
    """The columns of ``cv_results_`` that say where each candidate came from.

    What nobody bred (settings given, a grid) is of generation 0. ``parents`` are rows,
    as text: "3,17", so that they outlive a CSV file. Parents that are no rows of this
    table (of an old study) are left out.
    """
    row_of = {trial.job.proposal.id: row for row, trial in enumerate(trials)}
    labels = [trial.job.proposal.labels for trial in trials]
    parents = [_rows(one.get("parents", ""), row_of) for one in labels]
    generations = [one.get("generation", 0) for one in labels]
    return {
        "generation": np.array(generations, dtype=int),
        "parents": np.array(parents, dtype=object),
        "operator": np.array([one.get("operator", "") for one in labels], dtype=object),
        "origin": np.array([one.get("origin", "") for one in labels], dtype=object),
    }


def _rows(ids: str, row_of: dict[int, int]) -> str:
    numbers = [int(number) for number in ids.split(",") if number]
    return ",".join(str(row_of[number]) for number in numbers if number in row_of)


def history(trials: Sequence[Any], space: Space) -> pd.DataFrame:
    """One row per generation: how good it was, how different its candidates were.

    ``best`` is the best complete score up to then, ``mean`` that of the generation
    (estimates of what was raced out among them), ``diversity`` the mean distance of two
    of its candidates, 0 = all alike, 1 = nothing in common; nan for a single one.
    """
    of_trial = generation_columns(trials)["generation"]
    rows, best = [], np.nan
    for generation in np.unique(of_trial):
        members = [t for t, g in zip(trials, of_trial, strict=True) if g == generation]
        best = np.fmax(best, _max([trial.score for trial in members]))
        estimates = np.array([trial.estimate for trial in members])
        estimates = estimates[np.isfinite(estimates)]
        points = np.array([trial.job.proposal.point for trial in members])
        rows.append(
            {
                "generation": int(generation),
                "n_candidates": len(members),
                "best": best,
                "mean": estimates.mean() if len(estimates) else np.nan,
                "diversity": mean_pairwise_distance(space, points),
            }
        )
    names = ["generation", "n_candidates", "best", "mean", "diversity"]
    return pd.DataFrame(rows, columns=names)


def _max(scores: Sequence[float]) -> float:
    finite = [score for score in scores if np.isfinite(score)]
    return max(finite, default=np.nan)
