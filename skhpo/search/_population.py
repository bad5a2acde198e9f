"""The tables of a population: what its members did, and where their models came from.

One row of ``cv_results_`` is one member at one step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

#: Columns of ``cv_results_`` that tell where a row belongs.
_LABELS = ("member", "step", "event")

#: Steps, where nothing else decides how many.
N_STEPS = 10


@dataclass(frozen=True, eq=False)
class PopulationPlan:
    """What a search means to train."""

    population_size: int
    steps: Sequence[int]  # units in all after each
    swapped: Sequence[str]  # parameters that may change meanwhile

    @property
    def n_trials(self) -> int:
        """Rows of the table, at most."""
        return self.population_size * len(self.steps)


def make_steps(n_steps, interval, max_resource, full, kind) -> list[int]:
    """Units in all after each step; two of three numbers give the third.

    Parameters
    ----------
    n_steps, interval, max_resource : int or "auto"
        As the user gave them.
    full : callable
        Returns the units of a full model, for where ``max_resource`` is to tell.
    kind : str
        What the units are, for errors.
    """
    if interval == "auto":
        n, most = N_STEPS if n_steps == "auto" else int(n_steps), full()
        if n > most:
            raise ValueError(
                f"n_steps={n} is more than the {most} {kind} of a full model: a step "
                f"trains one at least. Use n_steps={most} or less, or a larger "
                "max_resource."
            )
        return [most * step // n for step in range(1, n + 1)]
    interval = int(interval)
    if max_resource == "auto":
        n = N_STEPS if n_steps == "auto" else int(n_steps)
        return [interval * step for step in range(1, n + 1)]
    most = int(max_resource)
    if interval > most:
        raise ValueError(
            f"interval={interval} is more than max_resource={most} {kind}. Lower it, "
            "or leave one of them 'auto'."
        )
    steps = [*range(interval, most, interval), most]
    if n_steps not in ("auto", len(steps)):
        raise ValueError(
            f"n_steps={n_steps}, interval={interval} and max_resource={most} do not "
            f"go together: {n_steps} steps of {interval} {kind} make "
            f"{n_steps * interval}. Two of them give the third: n_steps='auto' would "
            f"be {len(steps)}, max_resource='auto' {n_steps * interval}."
        )
    return steps


def check_population(population_size, exploit, quantile):
    """Refuse a population of one, and a quantile without members."""
    if population_size < 2:
        raise ValueError(
            f"population_size={population_size} has nobody to learn from. Use 4 or "
            "more; or HyperbandSearchCV or BayesSearchCV, whose candidates are alone."
        )
    if exploit == "truncation" and int(quantile * population_size + 1e-9) < 1:
        raise ValueError(
            f"quantile={quantile} of population_size={population_size} selects nobody. "
            f"Use quantile={_least_quantile(population_size)} or more, or "
            f"population_size={int(np.ceil(1 / quantile - 1e-9))} or more."
        )


def _least_quantile(population_size):
    return np.ceil(1000 / population_size) / 1000


def check_factors(perturb_factors):
    """Refuse what numbers cannot be multiplied by."""
    try:
        factors = [float(factor) for factor in perturb_factors]
        are_good = bool(factors) and all(0 < f < np.inf for f in factors)
    except (TypeError, ValueError):
        are_good = False
    if not are_good:
        raise ValueError(
            "perturb_factors must be positive numbers, such as (0.8, 1.25), got "
            f"{perturb_factors!r}."
        )


def population_columns(trials: Sequence[Any]) -> dict[str, np.ndarray]:
    """The columns of ``cv_results_`` that say who, how far, and from whose models."""
    row_of = {trial.id: row for row, trial in enumerate(trials)}
    labels = {
        name: np.array([trial.job.labels[name] for trial in trials], dtype=dtype)
        for name, dtype in zip(_LABELS, (int, int, object), strict=True)
    }
    parents = [-1 if t.parent is None else row_of[t.parent.id] for t in trials]
    return {
        **labels,
        "origin": np.array([trial.job.origin for trial in trials], dtype=object),
        "n_resources": np.array([trial.job.resource for trial in trials], dtype=int),
        "candidate": np.array([trial.candidate for trial in trials], dtype=int),
        "parent": np.array(parents, dtype=int),
    }


def lineage(results: dict[str, Any]) -> pd.DataFrame:
    """Which training went on from which: one row per member and step, to be drawn.

    ``is_best`` is still to be filled in.
    """
    names = ["member", "step", "event", "origin", "candidate", "parent"]
    frame = pd.DataFrame({name: results[name] for name in names})
    parent = frame["parent"].to_numpy()
    has_parent = parent >= 0
    units, member = results["n_resources"], results["member"]
    frame["parent_member"] = np.where(has_parent, member[parent], -1)
    frame["from"] = np.where(has_parent, units[parent], 0)
    frame["to"] = units
    frame["status"] = results["status"]
    for key, column in results.items():
        if key.startswith(("mean_test_", "param_")):
            frame[key] = _filled(column)
    frame["is_best"] = False
    frame.index.name = "row"
    return frame


def _filled(column):
    """A plain column; nan where a parameter was not in use."""
    if np.ma.is_masked(column):
        return column.astype(object).filled(np.nan)
    return np.ma.getdata(column)


def line_of(row: int, parents: np.ndarray) -> list[int]:
    """Rows from the first training of a model to ``row``."""
    line = [int(row)]
    while parents[line[-1]] >= 0:
        line.append(int(parents[line[-1]]))
    return line[::-1]


def population(lineage: pd.DataFrame) -> pd.DataFrame:
    """One row per member: how it ended, and whose model it began with."""
    last = lineage.sort_values(["member", "step"], kind="stable")
    last = last.reset_index().drop_duplicates("member", keep="last")
    parents = lineage["parent"].to_numpy()
    founders = [lineage["member"].iloc[line_of(row, parents)[0]] for row in last["row"]]
    copies = lineage[lineage["event"] == "exploit"].groupby("member").size()
    frame = last[["member", "row", "step", "to", "status"]].copy()
    frame = frame.rename(columns={"to": "n_resources"})
    frame["founder"] = founders
    frame["n_exploits"] = frame["member"].map(copies).fillna(0).astype(int)
    columns = [c for c in last if c.startswith(("mean_test_", "param_"))]
    return pd.concat([frame, last[columns]], axis=1).reset_index(drop=True)
