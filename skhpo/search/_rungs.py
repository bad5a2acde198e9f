"""The tables of a search in rungs: what is planned, what was done, how scores grow.

One row of ``cv_results_`` is one candidate at one rung. The frames made from it are for
reading and plotting; nothing in the search depends on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, norm

from skhpo._errors import warn_user
from skhpo.schedulers import Bracket, plan

#: Columns of ``cv_results_`` that tell where a row belongs; -1 = no parent.
COLUMNS = (
    "iter",
    "n_resources",
    "bracket",
    "rung",
    "sweep",
    "candidate",
    "parent",
)

#: Promotions without which the agreement of rungs is not judged.
ENOUGH_TO_COMPARE = 10

#: Promotions from a rung without which it is not judged alone.
ENOUGH_AT_A_RUNG = 7

#: Kendall's tau of two neighboring rungs from which on the lower one misleads, and the
#: probability of such a tau by chance that is small enough to say so.
TURNED_ROUND, RARE = -0.5, 0.05


@dataclass(frozen=True, eq=False)
class RungPlan:
    """What a search means to train: brackets, how often, how.

    ``units_are_new``: a promoted model costs only the units that it lacks. ``first``
    are the brackets of the first sweep; None = those of the others. ``early``: a
    candidate of the bracket that begins with so many units comes before each of the
    others; None = none does.
    """

    brackets: Sequence[Bracket]
    n_sweeps: int
    n_splits: int
    units_are_new: bool
    first: Sequence[Bracket] | None = None
    early: int | None = None

    @property
    def sweeps(self) -> list[Sequence[Bracket]]:
        """The brackets of each sweep."""
        first = self.brackets if self.first is None else self.first
        return [first, *[self.brackets] * (self.n_sweeps - 1)]

    @property
    def n_candidates(self) -> int:
        """Candidates that are started, at most."""
        return sum(b.n_candidates[0] for sweep in self.sweeps for b in sweep)

    @property
    def n_trials(self) -> int:
        """Rows of the table, at most."""
        return sum(sum(b.n_candidates) for sweep in self.sweeps for b in sweep)

    @property
    def has_rungs(self) -> bool:
        """Whether any candidate is trained less than in full."""
        return any(len(b.resources) > 1 for sweep in self.sweeps for b in sweep)

    def begins_with(self, units: int) -> bool:
        """Whether the first sweep has a bracket that begins with so many units."""
        return any(bracket.resources[0] == units for bracket in self.sweeps[0])

    def frame(self) -> pd.DataFrame:
        """One row per rung, before anything is fitted."""
        rows = pd.concat(
            pd.DataFrame(plan(brackets, 1, self.n_splits, self.units_are_new)).assign(
                sweep=sweep
            )
            for sweep, brackets in enumerate(self.sweeps)
        ).reset_index(drop=True)
        units = "units_continued" if self.units_are_new else "units_refit"
        rows = rows.rename(columns={units: "units"})
        rows["share"] = rows["units"] / rows["units"].sum()
        return rows[
            [
                "sweep",
                "bracket",
                "rung",
                "n_candidates",
                "n_resources",
                "units",
                "share",
            ]
        ]


def rung_columns(trials: Sequence[Any]) -> dict[str, np.ndarray]:
    """The columns of ``cv_results_`` that say which candidate, and how far.

    ``iter`` is the rung, counted within its bracket as scikit-learn's halving counts.
    """
    row_of = {trial.id: row for row, trial in enumerate(trials)}
    columns = {name: [] for name in COLUMNS}
    for trial in trials:
        labels = trial.job.labels
        columns["iter"].append(labels["rung"])
        columns["n_resources"].append(trial.job.resource)
        for name in ("bracket", "rung", "sweep"):
            columns[name].append(labels[name])
        columns["candidate"].append(trial.candidate)
        parent = trial.parent
        columns["parent"].append(-1 if parent is None else row_of[parent.id])
    return {name: np.array(values, dtype=int) for name, values in columns.items()}


def curves(results: dict[str, Any]) -> pd.DataFrame:
    """The learning curves as a long frame: a row per candidate and resource."""
    names = ["sweep", "bracket", "candidate", "n_resources", "status"]
    scores = [key for key in results if key.startswith(("mean_test_", "std_test_"))]
    frame = pd.DataFrame({key: results[key] for key in [*names, *scores]})
    frame = frame.sort_values(["candidate", "n_resources"], kind="stable")
    return frame.reset_index(drop=True)


def what_was_done(planned: pd.DataFrame, trials: Sequence[Any]) -> pd.DataFrame:
    """The plan beside what came of it.

    ``n_candidates`` and ``units`` were evaluated and trained, ``planned_candidates``
    and ``planned_units`` would have been at most. ``share`` is of the time of all fits.
    """
    place = ["sweep", "bracket", "rung"]
    records = [
        {
            **{name: trial.job.labels[name] for name in place},
            "n_candidates": 1,
            "n_failed": int(trial.status == "failed"),
            "units": 0 if trial.twin else sum(o.units for o in trial.outcomes),
            "fit_time": 0.0 if trial.twin else sum(o.fit_time for o in trial.outcomes),
        }
        for trial in trials
    ]
    columns = [*place, "n_candidates", "n_failed", "units", "fit_time"]
    done = pd.DataFrame(records, columns=columns).groupby(place, as_index=False).sum()
    plan_columns = {"n_candidates": "planned_candidates", "units": "planned_units"}
    table = planned.drop(columns="share").rename(columns=plan_columns)
    table = table.merge(done, on=place, how="left")
    counts = ["n_candidates", "n_failed", "units"]
    table[counts] = table[counts].fillna(0).astype(int)
    table["fit_time"] = table["fit_time"].fillna(0.0).astype(float)
    table["share"] = table["fit_time"] / max(table["fit_time"].sum(), 1e-12)
    return table


# ---- do low rungs predict high ones?


def rank_correlation(trials: Sequence[Any]) -> pd.DataFrame:
    """Kendall's tau between each two resources, over candidates scored at both.

    Only promoted candidates are, which makes it a cautious figure: among the best of a
    rung there is less order to be found than among all.
    """
    scores: dict[int, dict[int, float]] = {}
    for trial in trials:
        if np.isfinite(trial.score):
            at = scores.setdefault(trial.job.resource, {})
            at[trial.candidate] = trial.score
    rows = [
        _agreement(low, high, scores[low], scores[high])
        for low, high in combinations(sorted(scores), 2)
    ]
    columns = ["n_resources", "n_resources_above", "n_candidates", "kendall_tau"]
    return pd.DataFrame(rows, columns=columns)


def _agreement(low, high, below, above):
    both = sorted(below.keys() & above.keys())
    tau = np.nan
    if len(both) > 1:
        x, y = [below[c] for c in both], [above[c] for c in both]
        tau = float(kendalltau(x, y).statistic)
    return low, high, len(both), tau


def warn_of_misleading_rungs(table: pd.DataFrame) -> None:
    """Warn where the order at rungs said nothing about the order at the next ones.

    A pair of neighboring rungs is named where its order was turned round, by more than
    chance. Otherwise all pairs are judged together: one alone has few promoted
    candidates.
    """
    neighbors = table.drop_duplicates("n_resources")  # the first pair of each
    neighbors = neighbors[neighbors["kendall_tau"].notna()]
    if not _warn_of_turned_pair(neighbors):
        _warn_of_no_order(neighbors)


def _warn_of_turned_pair(neighbors: pd.DataFrame) -> bool:
    """Warn of the pair of rungs with the lowest tau, if that is low and no accident."""
    pairs = [
        pair
        for pair in neighbors.itertuples()
        if pair.kendall_tau <= TURNED_ROUND
        and pair.n_candidates >= ENOUGH_AT_A_RUNG
        and _chance(pair.kendall_tau, pair.n_candidates) * len(neighbors) < RARE
    ]
    for pair in sorted(pairs, key=lambda pair: pair.kendall_tau)[:1]:
        warn_user(
            f"From {pair.n_resources} to {pair.n_resources_above} units the order of "
            f"the candidates was turned round (Kendall's tau {pair.kendall_tau:.2f} "
            f"over {pair.n_candidates} promotions): what is good in the end looks bad "
            f"there, and the rung may have dropped the best. Use min_resource="
            f"{pair.n_resources_above} or more, or strategy='median'; "
            "rank_correlation_ has the figures of all rungs.",
        )
    return bool(pairs)


def _chance(tau: float, n: int) -> float:
    """Probability of a tau as low or lower where there is no order.

    By the normal approximation, corrected for continuity: .0003 too much for seven
    candidates in opposite order, less than .01 off elsewhere.
    """
    deviation = np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return float(norm.sf((-tau * n * (n - 1) / 2 - 1) / deviation))


def _warn_of_no_order(neighbors: pd.DataFrame) -> None:
    """Warn where the mean tau of all pairs is not above 0."""
    n = neighbors["n_candidates"]
    n_pairs = n * (n - 1) / 2
    if n.sum() < ENOUGH_TO_COMPARE or n_pairs.sum() == 0:
        return
    tau = np.average(neighbors["kendall_tau"], weights=n_pairs)
    if tau > 0:
        return
    warn_user(
        "The order of the candidates at a rung did not predict their order at the next "
        f"(Kendall's tau {tau:.2f} over {n.sum()} promotions), so that rungs may have "
        "dropped good ones. Raise min_resource, or use strategy='median'; "
        "rank_correlation_ has the figures by rung.",
    )
