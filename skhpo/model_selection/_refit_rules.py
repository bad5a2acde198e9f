"""Refit rules: which row of ``cv_results_`` is taken, where the best mean is not all.

Each rule is a callable as scikit-learn's ``refit=`` wants it: it gets ``cv_results_``
and returns an index. They are classes with the names of functions, as
``functools.partial`` is: they compare, print, pickle and clone by their arguments.

What can be compared is named in one way everywhere: a column of ``cv_results_``
(``"mean_score_time"``), a metric (``"neg_log_loss"`` for its ``mean_test_`` column), a
parameter (``"C"``), any of these with a minus sign in front, or a function of the
setting.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from skhpo._errors import did_you_mean

Measure = str | Callable[[dict], float]


@dataclass(frozen=True)
class one_standard_error:  # noqa: N801
    """Refit the simplest setting that is within one standard error of the best.

    Breiman's rule: where scores differ by less than their noise, the simpler model is
    preferred. It is for those who want a simple model: it cost 0.014 accuracy on
    average (measured at 100 to 500 rows).

    Parameters
    ----------
    simplest : str, callable or list of these
        What is to be small: a parameter (``"max_depth"``), one with a minus sign where
        large is simple (``"-min_samples_leaf"``), a column of ``cv_results_``
        (``"mean_score_time"``) or a function of the setting (``lambda params: ...``).
        Of several, the later ones decide among equals. A parameter that is None counts
        as infinite; a setting that lacks it comes last.
    metric : str, default=None
        Which of several metrics is meant; None = the only one.

    Notes
    -----
    The standard error is that of the best row: the standard deviation of its K split
    scores (K - 1 degrees of freedom) over the square root of K.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo.model_selection import one_standard_error
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     DecisionTreeClassifier(random_state=0),
    ...     {"max_depth": [1, 2, 3, 4, None]},
    ...     refit=one_standard_error(simplest="max_depth"),
    ... ).fit(X, y)
    >>> search.best_params_
    {'max_depth': 3}
    """

    simplest: Measure | Sequence[Measure]
    metric: str | None = None

    def __call__(self, cv_results):
        """Return the index of the chosen row."""
        scores, name = _scores(cv_results, self.metric)
        best = _best(scores)
        splits = _split_scores(cv_results, name)[best]
        if len(splits) < 2:
            raise ValueError(
                "one_standard_error needs two splits at least to know a standard "
                "error; cv made one. Use within_tolerance(...)."
            )
        error = np.std(splits, ddof=1) / np.sqrt(len(splits))
        good = scores >= scores[best] - error
        return _simplest(cv_results, self.simplest, good, scores)


@dataclass(frozen=True)
class within_tolerance:  # noqa: N801
    """Refit the simplest setting that is hardly worse than the best.

    Parameters
    ----------
    simplest : str, callable or list of these
        As for `one_standard_error`.
    tolerance : float, default=0.01
        How much worse it may be, in units of the score.
    relative : bool, default=False
        Whether the tolerance is a share of the best score instead.
    metric : str, default=None
        Which of several metrics is meant; None = the only one.

    Examples
    --------
    >>> from skhpo.model_selection import within_tolerance
    >>> rule = within_tolerance("n_estimators", tolerance=0.02)
    >>> rule(
    ...     {
    ...         "params": [{"n_estimators": 10}, {"n_estimators": 500}],
    ...         "mean_test_score": [0.89, 0.90],
    ...     }
    ... )
    0
    """

    simplest: Measure | Sequence[Measure]
    tolerance: float = 0.01
    relative: bool = False
    metric: str | None = None

    def __call__(self, cv_results):
        """Return the index of the chosen row."""
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance must be >= 0, got {self.tolerance!r}.")
        scores, _ = _scores(cv_results, self.metric)
        best = scores[_best(scores)]
        margin = self.tolerance * (abs(best) if self.relative else 1.0)
        return _simplest(cv_results, self.simplest, scores >= best - margin, scores)


@dataclass(frozen=True)
class pareto:  # noqa: N801
    """Refit the best compromise between the score and what a model costs.

    Of the rows that no other row beats in everything, the one that is nearest to the
    best of each objective at once.

    Parameters
    ----------
    objectives : str, callable or list of these
        What is to be small beside a high score: ``"mean_score_time"``, ``"max_depth"``,
        ``"-neg_brier_score"`` and so on, named as for `one_standard_error`.
    weights : list of float, default=None
        How much each objective counts, the score first. None = all alike.
    metric : str, default=None
        Which of several metrics is the score; None = the only one.

    Notes
    -----
    Each objective is scaled to [0, 1] over the rows of the front, and the row with the
    smallest weighted Euclidean distance from 0 is chosen.

    Examples
    --------
    >>> from skhpo.model_selection import pareto
    >>> results = {
    ...     "params": [{}, {}, {}, {}],
    ...     "mean_test_score": [0.90, 0.89, 0.80, 0.70],
    ...     "mean_score_time": [9.0, 2.0, 1.0, 5.0],
    ... }
    >>> rule = pareto("mean_score_time")
    >>> rule.front(results)
    [0, 1, 2]
    >>> rule(results)
    1
    """

    objectives: Measure | Sequence[Measure]
    weights: Sequence[float] | None = None
    metric: str | None = None

    def front(self, cv_results):
        """Return the indices of the rows that no other row beats in everything."""
        costs = self._costs(cv_results)
        rows = np.flatnonzero(np.isfinite(costs).all(axis=1))
        return [int(i) for i in rows if not _is_beaten(costs[i], costs[rows])]

    def __call__(self, cv_results):
        """Return the index of the chosen row."""
        front = self.front(cv_results)
        if not front:
            raise ValueError(
                "pareto found no row whose score and objectives are all finite "
                f"numbers; objectives={self.objectives!r}."
            )
        costs = self._costs(cv_results)[front]
        low, high = costs.min(axis=0), costs.max(axis=0)
        scaled = (costs - low) / np.where(high > low, high - low, 1.0)
        return front[int(np.argmin((scaled**2) @ self._weights(scaled.shape[1])))]

    def _costs(self, cv_results):
        """(n, 1 + objectives), all to be small."""
        scores, _ = _scores(cv_results, self.metric)
        measures = _as_list(self.objectives)
        columns = [_measure(cv_results, measure) for measure in measures]
        return np.column_stack([-scores, *columns])

    def _weights(self, n):
        weights = np.ones(n) if self.weights is None else np.asarray(self.weights)
        if weights.shape != (n,) or not np.all(weights >= 0):
            raise ValueError(
                f"weights must be {n} numbers >= 0 (the score first), got "
                f"{self.weights!r}."
            )
        return weights


@dataclass(frozen=True)
class under_limit:  # noqa: N801
    """Refit the best setting that keeps a limit: of latency, size, calibration.

    Parameters
    ----------
    metric : str or callable, default="mean_score_time"
        What is limited: a column of ``cv_results_``, another metric of the search
        (``"neg_brier_score"``), a parameter, or a function of the setting.
    at_most, at_least : float, default=None
        The limits, in the units of ``metric`` (seconds per fold for times); at least
        one of them.
    score : str, default=None
        Which of several metrics is to be high; None = the only one.

    Raises
    ------
    ValueError
        In the refit, when no setting keeps the limit: it names the nearest.

    Examples
    --------
    >>> from skhpo.model_selection import under_limit
    >>> rule = under_limit("mean_score_time", at_most=0.1)
    >>> rule(
    ...     {
    ...         "params": [{"n_neighbors": 5}, {"n_neighbors": 50}],
    ...         "mean_test_score": [0.89, 0.90],
    ...         "mean_score_time": [0.01, 0.50],
    ...     }
    ... )
    0
    """

    metric: Measure = "mean_score_time"
    at_most: float | None = None
    at_least: float | None = None
    score: str | None = None

    def __call__(self, cv_results):
        """Return the index of the chosen row."""
        if self.at_most is None and self.at_least is None:
            raise ValueError("under_limit needs at_most=<limit> or at_least=<limit>.")
        scores, _ = _scores(cv_results, self.score)
        values = _measure(cv_results, self.metric)
        high = inf if self.at_most is None else self.at_most
        low = -inf if self.at_least is None else self.at_least
        keeps = (low <= values) & (values <= high)
        if not np.isfinite(scores[keeps]).any():
            raise ValueError(self._no_row(values[np.isfinite(scores)]))
        return _best(np.where(keeps, scores, np.nan))

    def _no_row(self, values):
        wanted = [f"<= {self.at_most:g}"] if self.at_most is not None else []
        wanted += [f">= {self.at_least:g}"] if self.at_least is not None else []
        known = values[np.isfinite(values)]
        span = f"{known.min():.4g} to {known.max():.4g}" if len(known) else "no number"
        return (
            f"None of the {len(values)} scored settings has {self.metric!r} "
            f"{' and '.join(wanted)}: it goes from {span}. Widen the limit, or search "
            "where it can be kept."
        )


# ---- tables


def _scores(cv_results, metric):
    """Return the mean scores, (n,), and the metric's name."""
    prefix = "mean_test_"
    names = [key.removeprefix(prefix) for key in cv_results if key.startswith(prefix)]
    if metric is None and len(names) != 1:
        raise ValueError(
            f"The search has {len(names)} metrics, {names}: the refit rule needs one. "
            f"Use metric={names[0] if names else 'score'!r} (score= of under_limit)."
        )
    name = names[0] if metric is None else metric
    if name not in names:
        raise ValueError(
            f"{name!r} is not a metric of this search.{did_you_mean(name, names)} "
            f"Possible: {names}."
        )
    return np.asarray(cv_results[prefix + name], float), name


def _best(scores):
    """Return the index of the highest score, nan left out."""
    if not np.isfinite(scores).any():
        raise ValueError("No setting has a score: there is nothing to refit.")
    return int(np.nanargmax(np.where(np.isfinite(scores), scores, np.nan)))


def _split_scores(cv_results, name):
    """(n, K) scores of the splits."""
    keys = [
        key
        for key in cv_results
        if key.startswith("split") and key.endswith(f"_test_{name}")
    ]
    return np.column_stack([np.asarray(cv_results[key], float) for key in keys])


def _simplest(cv_results, simplest, good, scores):
    """Return the index of the simplest good row; of equals, the best."""
    rows = np.flatnonzero(good & np.isfinite(scores))
    measures = [_measure(cv_results, measure) for measure in _as_list(simplest)]
    keys = [*measures, -scores]
    return int(min(rows, key=lambda i: tuple(_last_if_nan(key[i]) for key in keys)))


def _last_if_nan(value):
    return (np.isnan(value), value)


def _is_beaten(cost, others):
    """Return whether some other row is as good in everything and better in one."""
    as_good = (others <= cost).all(axis=1)
    return bool((as_good & (others < cost).any(axis=1)).any())


def _as_list(measures):
    is_one = isinstance(measures, str) or callable(measures)
    return [measures] if is_one else list(measures)


def _measure(cv_results, measure):
    """Return a number per row, (n,): nan where a setting lacks the parameter."""
    settings = cv_results["params"]
    if callable(measure):
        return np.array([float(measure(dict(params))) for params in settings])
    if not isinstance(measure, str):
        raise TypeError(
            f"A measure must be a name or a function of the setting, got {measure!r}."
        )
    sign = -1.0 if measure.startswith("-") else 1.0
    name = measure.removeprefix("-")
    for key in (name, f"mean_test_{name}"):
        if key in cv_results:
            return sign * np.asarray(cv_results[key], float)
    possible = dict.fromkeys(name for params in settings for name in params)
    if name not in possible:
        columns = [key for key in cv_results if key.startswith("mean_")]
        raise ValueError(
            f"{name!r} is neither a parameter nor a column of this search."
            f"{did_you_mean(name, [*possible, *columns])} Possible: "
            f"{[*possible, *columns]}."
        )
    return sign * np.array([_as_number(name, params) for params in settings])


def _as_number(name, params):
    """Return a parameter as a number: infinite for None, nan where it is not there."""
    if name not in params:
        return np.nan
    value = params[name]
    try:
        return inf if value is None else float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}={value!r} is no number, so it cannot be said which is simplest. "
            "Use a function of the setting: simplest=lambda params: ..."
        ) from None
