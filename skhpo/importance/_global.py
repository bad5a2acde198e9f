"""Which parameters mattered in a search, how surely, and which act together."""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from skhpo._errors import did_you_mean
from skhpo._words import count
from skhpo.importance._evidence import doubt_about, verdicts
from skhpo.importance._rows import Rows, read_rows
from skhpo.importance._sobol import (
    Array,
    Indices,
    columns_by_name,
    sobol_indices,
)
from skhpo.importance._surrogate import METHODS, REGIONS, fit_surrogate
from skhpo.space._columns import BRANCH

#: Share of the bootstrap samples that an interval holds.
LEVEL = 0.9

#: What users see of the hidden parameter of a list of dicts.
ALTERNATIVE = "(which alternative)"

_N_SAMPLES = 2048  # points of the prior; their own error is 5 % of an index or so


@dataclass(frozen=True, repr=False)
class SearchImportance:
    """Which parameters mattered: ``print`` it, or take the tables.

    Attributes
    ----------
    importances : DataFrame
        A row per parameter, the most important first. ``importance``: total Sobol
        index, the share of the variance of the score that is due to the parameter,
        interactions included, among the settings in which it is active. ``std``,
        ``low``, ``high``: standard deviation and 90 % interval over bootstrap samples
        of the rows. ``main``: main effect, the part of it that the parameter has alone;
        the rest is in interactions. ``share_active``: share of the settings in which it
        is active; rows are ordered by ``importance * share_active``. ``verdict``:
        ``"important"``, ``"unimportant"`` (at least ten settings per parameter, and an
        interval below a tenth) or ``"unclear"``. In a list of dicts,
        ``"(which alternative)"`` is the choice among them. All numbers are nan where
        there is no surrogate.

    interactions : DataFrame or None
        A row per pair, the strongest first: ``first``, ``second``, ``share`` of the
        variance in effects that both take part in, ``std``, ``low``, ``high``. None if
        not asked for.

    surrogate_score : float
        R2 of the surrogate on rows that it has not seen. For ``"gp"`` leave-one-out,
        at hyperparameters that have not seen the row either (they are fitted ten times,
        without a tenth of the rows); for ``"forest"`` ten-fold.

    method : str or None
        ``"gp"`` or ``"forest"``; None where neither could be fitted.

    region, metric : str
        As asked for.

    n_used, n_failed, n_left_out : int
        Distinct settings that were used; those of them without a score, taken for a
        little worse than the worst; rows of the table that took no part, most of them
        at lower resources.

    reason : str or None
        Why there is no surrogate.

    doubt : str or None
        Why there is not enough evidence: no surrogate, one that scores below 0.3, fewer
        than ten settings, or fewer than five per parameter. The table is noise then,
        and all verdicts are "unclear". None = there is enough.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.importance import search_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [1, 5, 20, 50, 100], "p": [1, 2]}
    ... ).fit(X, y)
    >>> importance = search_importance(search, random_state=0)
    >>> importance.importances.index[0], importance.is_enough
    ('n_neighbors', True)
    """

    importances: pd.DataFrame
    interactions: pd.DataFrame | None
    surrogate_score: float
    method: str | None
    region: str
    metric: str
    n_used: int
    n_failed: int
    n_left_out: int
    reason: str | None = None
    doubt: str | None = None

    @property
    def is_enough(self) -> bool:
        """Whether there is enough evidence to speak about parameters."""
        return self.doubt is None

    def __repr__(self) -> str:
        found = [*self._table(), *self._pairs()] if self.is_enough else []
        return "\n".join([*self._head(), *found])

    def _head(self) -> Iterator[str]:
        where = "" if self.region == "all" else ", top half"
        failed = f", {self.n_failed} of them failed" if self.n_failed else ""
        left = f"; {count(self.n_left_out, 'row')} left out" if self.n_left_out else ""
        yield (
            f"Importance for {self.metric!r}{where}: {count(self.n_used, 'setting')}"
            f"{failed}{left}"
        )
        if self.is_enough:
            yield f"R2 of the surrogate ({self.method}): {self.surrogate_score:.2f}"
        else:
            yield f"Not enough evidence: {self.doubt}."

    def _table(self) -> Iterator[str]:
        width = max(len(name) for name in self.importances.index)
        for name, row in self.importances.iterrows():
            active = ""
            if row.share_active < 1:
                active = f"  active in {row.share_active:.0%}"
            figures = _figures(row.importance, row)
            yield f"  {name:<{width}}  {figures}  {row.verdict}{active}"

    def _pairs(self) -> Iterator[str]:
        if self.interactions is None:
            return
        yield "Interactions"
        for row in self.interactions.itertuples():
            yield f"  {row.first} x {row.second}  {_figures(row.share, row)}"


def _figures(value: float, row: Any) -> str:
    if np.isnan(value):
        return "never active"
    interval = "" if np.isnan(row.low) else f"  [{row.low:.2f}, {row.high:.2f}]"
    return f"{value:.2f}{interval}"


def search_importance(
    search,
    *,
    metric=None,
    method="auto",
    region="all",
    interactions=False,
    n_boot=50,
    random_state=0,
):
    """Tell which parameters of a search mattered, and how surely.

    A surrogate is fitted to the scores. The importance of a parameter is its total
    Sobol index on the surrogate: the share of the variance of the score that would
    remain if all others were known. Settings are weighted as the declared space would
    draw them, so that it does not matter where the search happened to look.

    Parameters
    ----------
    search : estimator
        A fitted search, ours or scikit-learn's. Of searches over a resource
        (Hyperband, halving, populations) the rows at the highest one count.

    metric : str, default=None
        Which of several scores. None = the one that chose the best setting.

    method : {"auto", "gp", "forest"}, default="auto"
        The surrogate: a Gaussian process, or a random forest. ``"auto"`` takes the
        process up to 300 settings.

    region : {"all", "top"}, default="all"
        ``"top"``: scores below the median count as the median. What matters once a
        setting is decent already?

    interactions : bool, default=False
        Whether to tell which pairs of parameters act together.

    n_boot : int, default=50
        Bootstrap samples of the rows for the intervals. The hyperparameters of the
        process stay those of all rows. 0 = no intervals.

    random_state : int, RandomState instance or None, default=0
        Draws the points of the prior and the bootstrap samples. Equal seeds give equal
        figures here and in :func:`tune_first`.

    Returns
    -------
    importance : SearchImportance
        Its repr is a small table. Without enough evidence (too few settings with a
        score, all scores equal, a surrogate that explains little) it says so instead.

    Raises
    ------
    ValueError
        For a search that is not fitted, a metric that it does not have, or a space that
        cannot be read.

    Notes
    -----
    Bad scores are squashed, as the search itself does: below the median by more than
    the best is above it, only the logarithm counts. The one setting that diverged does
    not decide what mattered. The intervals hold what other rows would have said, given
    the kernel; not what another kernel would have said.

    References
    ----------
    Jansen (1999), Analysis of variance designs for model output, Computer Physics
    Communications 117. Saltelli et al. (2010), Variance based sensitivity analysis of
    model output, Computer Physics Communications 181.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import RandomizedSearchCV
    >>> from sklearn.svm import SVC
    >>> from skhpo.importance import search_importance
    >>> X, y = load_iris(return_X_y=True)
    >>> search = RandomizedSearchCV(
    ...     SVC(),
    ...     {"C": loguniform(1e-3, 1e3), "tol": loguniform(1e-6, 1e-3)},
    ...     n_iter=20,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> importance = search_importance(search, random_state=0)
    >>> importance.importances.index[0]
    'C'
    >>> importance.is_enough
    True
    """
    return examine(
        search,
        metric=metric,
        method=method,
        region=region,
        interactions=interactions,
        n_boot=n_boot,
        random_state=random_state,
    )[-1]


def examine(search, *, metric, method, region, interactions, n_boot, random_state):
    """Return the rows, the surrogate (or why there is none), and what it says."""
    check_choice("method", method, METHODS)
    check_choice("region", region, REGIONS)
    if not isinstance(n_boot, Integral) or n_boot < 0:
        raise ValueError(f"n_boot={n_boot!r} must be a number of samples, 0 or more.")
    rng = generator(random_state)
    (rng_of_points,) = rng.spawn(1)  # the points do not depend on n_boot
    rows = read_rows(search, metric)
    surrogate = fit_surrogate(
        rows, method=method, region=region, n_boot=n_boot, rng=rng
    )
    found = _indices(rows, surrogate, region, interactions, rng_of_points)
    return rows, surrogate, found


def _indices(rows, surrogate, region, interactions, rng) -> SearchImportance:
    facts = {
        "region": region,
        "metric": rows.metric,
        "n_used": len(rows.scores),
        "n_failed": len(rows.scores) - rows.n_known,
        "n_left_out": rows.n_left_out,
        "doubt": doubt_about(rows, surrogate),
    }
    if isinstance(surrogate, str):
        return _nothing(rows, interactions, surrogate, facts)
    found = sobol_indices(
        surrogate,
        rows.space,
        n_samples=_N_SAMPLES,
        interactions=interactions,
        rng=rng,
    )
    return SearchImportance(
        importances=_table(found, None if facts["doubt"] else rows),
        interactions=_pairs_table(found.pairs) if interactions else None,
        surrogate_score=surrogate.score,
        method=surrogate.method,
        **facts,
    )


def generator(random_state) -> np.random.Generator:
    """Return numpy's newer generator for scikit-learn's ``random_state``."""
    seed = check_random_state(random_state).randint(2**31 - 1)
    return np.random.default_rng(seed)


def check_choice(name: str, value: Any, possible: tuple[str, ...]) -> None:
    if value not in possible:
        raise ValueError(
            f"{name}={value!r} is not known.{did_you_mean(value, possible)} Possible: "
            f"{list(possible)}."
        )


def _nothing(rows: Rows, interactions: bool, reason: str, facts) -> SearchImportance:
    """Say that there is no surrogate, in the usual form."""
    names = tuple(columns_by_name(rows.space))
    unknown = np.full((len(names), 1), np.nan)
    nowhere = Indices(names, unknown, unknown, unknown[:, 0], {})
    return SearchImportance(
        importances=_table(nowhere, None),
        interactions=_pairs_table({}) if interactions else None,
        surrogate_score=np.nan,
        method=None,
        reason=reason,
        **facts,
    )


def _table(found: Indices, rows: Rows | None) -> pd.DataFrame:
    """A row per parameter, with verdicts where ``rows`` are given."""
    names = [_shown(name) for name in found.names]
    table = pd.DataFrame(_summary("importance", found.total), index=names)
    table["main"] = found.main[:, 0]
    table["share_active"] = found.share_active
    table["verdict"] = "unclear" if rows is None else verdicts(rows, table)
    table.index.name = "parameter"
    weight = (table["importance"] * found.share_active).fillna(-np.inf)
    return table.loc[weight.sort_values(ascending=False, kind="stable").index]


def _shown(name: str) -> str:
    return ALTERNATIVE if name == BRANCH else name


def _pairs_table(pairs: dict[tuple[str, str], Array]) -> pd.DataFrame:
    shares = np.array(list(pairs.values())) if pairs else np.empty((0, 1))
    columns = {
        "first": [_shown(first) for first, _ in pairs],
        "second": [_shown(second) for _, second in pairs],
        **_summary("share", shares),
    }
    table = pd.DataFrame(columns).sort_values("share", ascending=False, kind="stable")
    return table.reset_index(drop=True)


def _summary(name: str, values: Array) -> dict[str, Array]:
    """Estimate, spread and interval; the first column of ``values`` is the estimate.

    The spread is about the estimate, and the interval contains it: samples lack a third
    of the rows, which is a bias of theirs.
    """
    estimate, samples = values[:, 0], values[:, 1:]
    if not samples.shape[1]:
        unknown = np.full(len(values), np.nan)
        return {name: estimate, "std": unknown, "low": unknown, "high": unknown}
    std = np.sqrt(np.mean((samples - estimate[:, None]) ** 2, axis=1))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], axis=1)
    return {
        name: estimate,
        "std": std,
        "low": np.minimum(low, estimate),
        "high": np.maximum(high, estimate),
    }
