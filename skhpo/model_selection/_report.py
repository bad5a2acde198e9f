"""A tuning run, judged: is the winner stable, better than the defaults, at an edge?

Notation of the gain by another budget

========  =======  =====================================================================
symbol    shape    meaning
========  =======  =====================================================================
C         ()       candidates
x         (C,)     their mean scores, in ascending order
E_m       ()       expected best of m of them, drawn without replacement
========  =======  =====================================================================

    E_m  = sum_i x_i binom(i - 1, m - 1) / binom(C, m)                             (1)
    gain = (E_C - E_{C/2}) min(1, (E_C - E_{C/2}) / (E_{C/2} - E_{C/4}))           (2)

(1) is the best-so-far curve, averaged over all orders in which the same candidates
could have come: the i-th is the largest of m with that probability. (2) continues it as
a geometric series: of 50 independent normal scores it expects 0.24 standard deviations
where 0.26 is right. An adaptive search finds its best ones late; there it is no more
than an order of magnitude.
"""

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from scipy import special, stats

from skhpo._statistics import corrected_error
from skhpo._words import count
from skhpo.model_selection._confirm import confirm, rescore
from skhpo.model_selection._estimate import (
    NO_BIAS,
    chosen_metric,
    is_complete,
    score_estimate,
    score_limits,
)
from skhpo.model_selection._pictures import draw_pictures, pictures_as_html
from skhpo.model_selection._stability import point_of
from skhpo.space import space_of

#: How near to the end of its range, in units of it, a number is at the edge.
EDGE = 0.05

#: A difference of scores that is none.
_ROUNDING = 1e-12

#: Candidates without which a curve tells nothing.
LEAST_CANDIDATES = 8


@dataclass(frozen=True, repr=False)
class TuningReport:
    """What a tuning run is worth: ``print`` it, or take the parts from ``to_dict``.

    Attributes
    ----------
    name : str
        Class of the search.

    leaders : DataFrame
        The best candidates on new splits and seeds, as of
        :func:`~skhpo.model_selection.confirm`.

    stability : dict
        ``sd_seed``: standard deviation of the winner's mean score from seed to seed;
        ``share_best``: share of the seeds in which it beats the other leaders. None for
        a single seed, or where a fit failed.

    gain : dict
        ``mean``: gain over the estimator's own parameters on the same new splits, None
        where a fit failed; ``interval`` and ``p_value`` of a paired t test with the
        variance of Nadeau and Bengio, None where the differences do not vary.

    optimism : ScoreEstimate or None
        The expected optimism of the best score; None where it cannot be estimated.

    edges : dict of str -> str, or None
        Parameters of the best setting within 5 % of the end of their range, and which
        end: the range may be too narrow. None where the ranges cannot be read, or the
        best setting lies outside of them.

    doubling : dict or None
        ``gain``: what the best cross-validated score would gain if twice as many
        candidates were tried; ``interval``: 90 %, from resampled candidates. None for
        fewer than 8 candidates.

    pictures : dict of str -> bytes
        PNG images: ``"history"``, ``"leaders"``, ``"importance"`` and ``"slices"``, as
        far as they can be drawn. A notebook shows them below the text.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import tuning_report
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 9]}, cv=3)
    >>> report = tuning_report(search.fit(X, y), X, y, top=2, seeds=2)
    >>> sorted(report.stability)
    ['sd_seed', 'share_best']
    """

    name: str
    leaders: Any
    stability: dict
    gain: dict
    optimism: Any
    edges: dict | None = field(default_factory=dict)
    doubling: dict | None = None
    pictures: dict = field(default_factory=dict)

    def _repr_html_(self):
        return f"<pre>{escape(repr(self))}</pre>{pictures_as_html(self.pictures)}"

    def to_dict(self):
        """Return everything but the pictures as plain dicts, lists and numbers.

        Returns
        -------
        report : dict
        """
        optimism = self.optimism
        return {
            "leaders": self.leaders.reset_index().to_dict("records"),
            "stability": self.stability,
            "gain": self.gain,
            "optimism": optimism
            and {
                "score": optimism.score,
                "bias": optimism.bias,
                "interval": list(optimism.interval()),
                "method": optimism.method,
            },
            "edges": self.edges,
            "doubling": self.doubling,
        }

    def __repr__(self):
        return "\n".join(
            [
                f"{self.name}: what its result is worth",
                *self._about_the_winner(),
                *self._about_the_gain(),
                *self._about_the_optimism(),
                *self._about_the_edges(),
                *self._about_the_budget(),
            ]
        )

    def _about_the_winner(self):
        winner = self.leaders.iloc[0]
        n_seeds, sd = self.leaders.attrs["n_seeds"], self.stability["sd_seed"]
        new, spread = f"{winner['new_score']:.4g}", ""
        if np.isnan(winner["new_score"]):
            new = "no score, since a fit failed,"
        elif sd:
            spread = f"; from seed to seed +-{sd:.2g}"
        yield (
            f"- Winner (row {self.leaders.index[0]}): {winner['old_score']:.4g} in the "
            f"search, {new} on {count(n_seeds, 'new seed')}{spread}."
        )
        share = self.stability["share_best"]
        if len(self.leaders) > 1 and share is not None:
            yield (
                f"  It is the best of {len(self.leaders)} leaders, or ties, in "
                f"{round(share * n_seeds)} of {n_seeds} seeds."
            )

    def _about_the_gain(self):
        what, mean = "- Gain over the estimator's own parameters", self.gain["mean"]
        if mean is None:
            yield f"{what}: not known, since a fit failed on the new splits."
        elif self.gain["interval"] is None and mean == 0:
            yield f"{what}: none, they score the same on all new folds."
        elif self.gain["interval"] is None:
            yield f"{what}: {mean:+.3g}; not enough evidence for an interval."
        else:
            low, high = self.gain["interval"]
            yield (
                f"{what}: {mean:+.3g}, 95 % interval [{low:+.3g}, {high:+.3g}], "
                f"{_p(self.gain['p_value'])} (corrected paired test)."
            )

    def _about_the_optimism(self):
        if self.optimism is None:
            yield "- Optimism: cannot be estimated (fewer than three folds?)."
            return
        if not self.optimism.is_measured:
            yield (
                f"- Optimism of the best of {self.optimism.n_candidates}: {NO_BIAS} "
                f"({self.optimism.method} shows none)."
            )
            return
        yield (
            f"- Optimism expected of the best of {self.optimism.n_candidates}: "
            f"{self.optimism.bias:.3g}; without it {self.optimism.score:.4g} "
            f"({self.optimism.method})."
        )

    def _about_the_edges(self):
        if self.edges is None:
            yield "- The place of the best setting in its ranges is not known."
        elif not self.edges:
            yield "- No parameter of the best setting is at the edge of its range."
        for name, where in (self.edges or {}).items():
            yield f"- {name} is at the {where} of its range: try a wider one."

    def _about_the_budget(self):
        if self.doubling is None:
            yield "- Too few candidates to tell what more of them would bring."
            return
        low, high = self.doubling["interval"]
        if not self.doubling["gain"] > 0:
            yield "- Twice as many candidates: not enough evidence of a gain."
            return
        yield (
            f"- Twice as many candidates: {self.doubling['gain']:+.2g} in the best "
            f"score (90 % interval [{low:.2g}, {high:.2g}]), optimism included."
        )


def tuning_report(
    search,
    X,
    y=None,
    *,
    top=3,
    seeds=5,
    params=None,
    cv=None,
    n_jobs=None,
    pictures=True,
):
    """Judge a finished search: stability, gain, optimism, edges and budget.

    Costs ``(top + 1) * seeds * n_splits`` fits.

    Parameters
    ----------
    search : estimator
        A fitted search, ours or scikit-learn's.

    X, y : array-like
        The data that it was fitted on.

    top, seeds, params, cv, n_jobs
        As of :func:`~skhpo.model_selection.confirm`.

    pictures : bool, default=True
        Whether to draw the search, for notebooks and ``report.pictures``: a second or
        two. Without matplotlib there are none.

    Returns
    -------
    report : TuningReport
        Its repr is the text; ``to_dict()`` has the numbers. In a notebook the pictures
        stand below.

    References
    ----------
    C. Nadeau, Y. Bengio (2003), Inference for the generalization error, Machine
    Learning 52.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import tuning_report
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [50, 60, 70, 80]}
    ... ).fit(X, y)
    >>> report = tuning_report(search, X, y, top=1, seeds=3, pictures=False)
    >>> report.edges
    {'n_neighbors': 'lower end'}
    >>> report.gain["mean"] < 0  # 5 neighbours would be better
    True
    """
    leaders = confirm(
        search, X, y, top=top, seeds=seeds, params=params, cv=cv, n_jobs=n_jobs
    )
    scores = np.array(leaders.attrs["scores"])  # (leaders, seeds, folds)
    default = rescore(search, X, y, [{}], seeds, params, cv, n_jobs)[0]
    limits = score_limits(search, chosen_metric(search))
    try:
        optimism = score_estimate(search)
    except AttributeError:
        optimism = None
    return TuningReport(
        name=type(search).__name__,
        leaders=leaders,
        stability=_stability(scores.mean(axis=2)),
        gain=paired_gain(
            scores[0].ravel(), default.ravel(), scores.shape[2], limits=limits
        ),
        optimism=optimism,
        edges=edges(search),
        doubling=value_of_doubling(_candidate_scores(search), most=limits[1]),
        pictures=draw_pictures(search, chosen_metric(search)) if pictures else {},
    )


# ---- the parts


def _stability(means):
    """``means`` (leaders, seeds)."""
    n_seeds = means.shape[1]
    if n_seeds < 2 or not np.isfinite(means[0]).all():
        return {"sd_seed": None, "share_best": None}
    rounding = _ROUNDING * np.abs(means[0])
    best = np.nanmax(means, axis=0)
    return {
        "sd_seed": float(corrected_error(means[0], 0.0) * np.sqrt(n_seeds)),
        "share_best": float(np.mean(means[0] >= best - rounding)),
    }


def _p(p_value):
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"


def paired_gain(own, other, n_splits, level=0.95, limits=(-np.inf, np.inf)):
    """Compare paired scores of folds whose training rows overlap.

    Parameters
    ----------
    own, other : ndarray of shape (n_scores,)
    n_splits : int
        Folds of one partition: a fold tests 1 / (n_splits - 1) of what it trains on.
    limits : (float, float)
        What a score can be at least and at most.

    Returns
    -------
    gain : dict
        ``mean``, ``interval`` and two-sided ``p_value``. The first is None where a
        score is none, the others where there is no spread to test against.
    """
    d = own - other
    mean = float(np.mean(d)) if np.isfinite(d).all() else None
    sd = 0.0
    if mean is not None and len(d) > 1:
        sd = float(corrected_error(d, 1 / max(n_splits - 1, 1)))
    if not sd > 0:  # the winner is the default setting, say
        return {"mean": mean, "interval": None, "p_value": None}
    half = float(sd * stats.t.ppf((1 + level) / 2, len(d) - 1))
    p_value = float(2 * stats.t.sf(abs(mean) / sd, len(d) - 1))
    widest = limits[1] - limits[0]
    low, high = np.clip([mean - half, mean + half], -widest, widest)
    return {"mean": mean, "interval": (float(low), float(high)), "p_value": p_value}


def edges(search):
    """Return the parameters of the best setting at the ends of their ranges.

    None where its place in them is not known.
    """
    space = space_of(search)
    point = point_of(space, _searched(search, search.best_params_))
    if point is None:
        return None
    found = {}
    for column, place in zip(space.columns, point, strict=True):
        where = _end_of_range(column, place)
        if where is not None:
            found[column.name] = where
    return found


def _searched(search, params):
    """Return the parameters without the one that counts the resource."""
    resource = getattr(search, "resource_info_", {}).get("param")
    return {name: value for name, value in params.items() if name != resource}


def _end_of_range(column, place):
    """Return "lower end" or "upper end"; None in between and without an order."""
    if np.isnan(place) or column.is_hidden:
        return None
    if hasattr(column.dimension, "choices"):
        return _end_of_list(column.dimension.choices, place)
    if column.is_categorical:
        return None
    one_value = 0 if column.n_levels is None else _half(column.n_levels)
    return _end(place, max(EDGE, one_value))


def _end_of_list(values, place):
    """Treat three numbers or more in ascending or descending order as a range."""
    if len(values) < 3 or not all(type(v) in (int, float) for v in values):
        return None
    steps = np.diff(np.array(values, dtype=float))
    if np.all(steps < 0):
        place = 1 - place
    elif not np.all(steps > 0):
        return None
    return _end(place, _half(len(values)))


def _half(n_levels):
    """Return the place of the first of ``n_levels`` values, or a little more."""
    return 0.5 / n_levels + 1e-9


def _end(place, width):
    if place <= width:
        return "lower end"
    return "upper end" if place >= 1 - width else None


def _candidate_scores(search):
    """(C,) mean scores of the complete candidates, in order."""
    means = search.cv_results_[f"mean_test_{chosen_metric(search)}"]
    return np.asarray(means)[is_complete(search) & np.isfinite(means)]


def expected_best(x, m):
    """Expected best of ``m`` of the scores: eq. (1)."""
    x, n = np.sort(x), len(x)
    i = np.arange(1, n + 1)
    with np.errstate(divide="ignore"):
        log_share = _log_choose(i - 1, m - 1) - _log_choose(n, m)
    return float(x @ np.where(i >= m, np.exp(log_share), 0))


def _log_choose(n, k):
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)


def gain_of_doubling(x):
    """Expected gain of the best score by twice as many candidates: eq. (2)."""
    n = len(x)
    quarter, half, whole = (expected_best(x, m) for m in (n // 4, n // 2, n))
    last, before = whole - half, half - quarter
    if min(last, before) <= _ROUNDING * np.abs(x).max():
        return 0.0
    return last * min(1.0, last / before)


def value_of_doubling(x, n_draws=400, random_state=0, most=np.inf):
    """Return the gain with a 90 % interval over resampled candidates; or None.

    ``most`` is the best possible score: no gain goes beyond it.
    """
    if len(x) < LEAST_CANDIDATES:
        return None
    rng = np.random.default_rng(random_state)
    draws = [gain_of_doubling(rng.choice(x, len(x))) for _ in range(n_draws)]
    found = [gain_of_doubling(x), *np.quantile(draws, [0.05, 0.95])]
    gain, low, high = np.minimum(found, max(most - np.max(x), 0.0)).tolist()
    return {"gain": gain, "interval": (low, high)}
