"""What the best score would be without its expected optimism."""

import textwrap
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any

import numpy as np
from scipy import stats
from sklearn.model_selection import LeaveOneOut, check_cv

from skhpo._errors import warn_user
from skhpo._statistics import corrected_error
from skhpo._table import levels
from skhpo._words import Text, count
from skhpo.evaluation import score_range
from skhpo.model_selection._account import (
    Account,
    what_failed,
    what_it_took,
    what_of_the_default,
    what_was_raced_out,
    what_was_tried,
)
from skhpo.model_selection._bias import (
    any_metric,
    bbc_draws,
    bootstrap_weights,
    completed_bias,
    fast_score,
    merged_folds,
    pooled,
    tibshirani_bias,
)
from skhpo.model_selection._seeds import about_seeds

#: Folds that Tibshirani's correction needs.
LEAST_FOLDS = 3

#: An expected optimism that is worth a warning, in a score of at most 1.
WORTH_A_WARNING = 0.02

#: Share of a score below which an optimism, or a spread, is rounding.
_ROUNDING = 1e-9

#: Rows times bootstrap samples that are held in memory at a time.
_CHUNK = 5_000_000

NO_BIAS = "not enough evidence for a bias"

NO_PREDICTIONS = "no predictions"

#: What proposes settings without looking at scores.
_NOT_ADAPTIVE = ("random", "sobol", "grid")

#: Columns of a summary.
_WIDTH = 88


class OptimismWarning(UserWarning):
    """The best score of a search is expected to flatter by much.

    Never given unasked: see :meth:`ScoreEstimate.warn`.

    Examples
    --------
    >>> import warnings
    >>> from skhpo.model_selection import OptimismWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", OptimismWarning)
    ...     # search.score_estimate_.warn() here is now an error, where it warns
    """


@dataclass(frozen=True, repr=False)
class ScoreEstimate:
    """What ``best_score_`` would be without its expected optimism.

    The best of many candidates is also the luckiest, so its score is too high; by how
    much *on average* can be estimated from the search itself. It is not a detector: in
    a single search the correction says nothing about whether this winner was lucky.

    Attributes
    ----------
    score : float
        ``best_score_`` minus ``bias``.

    bias : float
        Expected optimism of the best of the candidates: how much its score is too high
        on average over data sets like this one. 0 = the scores do not show it
        (``is_measured``), which does not mean that there is none.

    method : str
        How it was estimated.

    n_candidates : int
        Candidates among which the best was chosen, with those that were raced out;
        what failed or was not trained in full does not count.

    reservations : tuple of str
        What this estimate does not see.

    limits : (float, float)
        What the metric can be at least and at most; infinite = no limit is known.

    draws : ndarray of shape (n_bootstraps,) or None
        Scores of the bootstrap samples, where there are any.

    sd, df : float, int
        Standard error of the score and its degrees of freedom, without ``draws``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo.model_selection import score_estimate
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = GridSearchCV(tree, {"max_depth": [1, 2, 3, 4]}).fit(X, y)
    >>> estimate = score_estimate(search)
    >>> bool(abs(estimate.score + estimate.bias - search.best_score_) < 1e-9)
    True
    >>> low, high = estimate.interval()
    >>> low < estimate.score < high
    True
    """

    score: float
    bias: float
    method: str
    n_candidates: int
    reservations: tuple = ()
    limits: tuple = (-inf, inf)
    draws: Any = field(default=None, compare=False)  # (B,) BBC, or None
    sd: float = 0.0  # of the score, without draws
    df: int = 0

    @property
    def is_measured(self):
        """Whether the scores of several candidates show an optimism."""
        size = abs(self.score) + abs(self.bias)
        return self.n_candidates == 1 or self.bias > _ROUNDING * size

    @property
    def has_interval(self):
        """Whether the scores differ enough for an interval."""
        half = self.sd if self.draws is None else np.ptp(self.draws)
        return isfinite(half) and half > _ROUNDING * abs(self.score)

    def interval(self, level=0.95):
        """Return an interval that holds the true score in ``level`` of all cases.

        Parameters
        ----------
        level : float, default=0.95
            Coverage, between 0 and 1. Reached in simulations, see
            doc/decisions/0016.

        Returns
        -------
        low, high : float
            With BBC-CV percentiles of the bootstrap. Otherwise a t interval with the
            variance of Nadeau and Bengio, which allows for overlapping training rows.
            It ends where the metric does. Where all folds have the same score, it is
            ``limits``: there is not enough evidence for a narrower one.
        """
        if not 0 < level < 1:
            raise ValueError(f"level={level!r} must lie between 0 and 1, as in 0.95.")
        if not self.has_interval:
            return self.limits
        if self.draws is not None:
            low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2])
        else:
            half = self.sd * stats.t.ppf((1 + level) / 2, self.df)
            low, high = self.score - half, self.score + half
        low, high = np.clip([low, high], *self.limits)
        return float(low), float(high)

    def warn(self):
        """Give an :class:`OptimismWarning` where the best score is expected to flatter.

        When the bias exceeds 0.02 (of a score that may exceed 1, and of losses, 2 % of
        its size) and half the
        standard error. Call it where numbers leave the house, after ``fit``; nothing
        calls it for you.

        Returns
        -------
        self : ScoreEstimate
        """
        best = self.score + self.bias
        limit = WORTH_A_WARNING * (1.0 if self.limits[1] == 1 else abs(best))
        if self.bias > max(limit, self._standard_error() / 2):
            warn_user(
                f"Picking the best of {self.n_candidates} candidates is expected to "
                f"flatter best_score_ by {short(self.bias)} ({short(best)} -> "
                f"{short(self.score)}); report score_estimate_ or "
                "nested_cross_validate.",
                OptimismWarning,
            )
        return self

    def _standard_error(self):
        low, high = self.interval(0.95)
        return (high - low) / (2 * stats.norm.ppf(0.975))

    def __repr__(self):
        bias = f"bias={short(self.bias)} expected" if self.is_measured else NO_BIAS
        return (
            f"ScoreEstimate(score={short(self.score)}, {interval_of(self)}, {bias} of "
            f"the best of {self.n_candidates}, {self.method})"
        )


def score_estimate(search, *, n_bootstraps=100, random_state=0):
    """Estimate what the best score of a search would be without its optimism.

    What ``score_estimate_`` of our own searches holds; for scikit-learn's, too. Where
    out-of-fold predictions were stored (``store_predictions``) it is bootstrap
    bias-corrected cross-validation [1]_, else the correction of Tibshirani and
    Tibshirani [2]_ from the scores of the folds. Nothing is fitted.

    Candidates that were raced out were competitors: the scores of their skipped folds
    are drawn, 20 times, from a model of the others.

    Parameters
    ----------
    search : estimator
        A fitted search, of three folds at least where no predictions were stored.

    n_bootstraps : int, default=100
        Bootstrap samples. 1000 gave the same in simulations.

    random_state : int, default=0
        Seed of the bootstrap, and of the scores of skipped folds.

    Returns
    -------
    estimate : ScoreEstimate
        The estimate, with an interval.

    Raises
    ------
    AttributeError
        When the search is not fitted, has no best row, or has too few folds.

    References
    ----------
    .. [1] I. Tsamardinos, E. Greasidou, G. Borboudakis (2018), Bootstrapping the
       out-of-sample predictions for efficient and accurate cross-validation, Machine
       Learning 107, arXiv:1708.07180.
    .. [2] R. J. Tibshirani, R. Tibshirani (2009), A bias correction for the minimum
       error rate in cross-validation, Annals of Applied Statistics 3(2),
       arXiv:0908.2904.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo.model_selection import score_estimate
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = GridSearchCV(
    ...     DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3, 4, 5, 6]}
    ... ).fit(X, y)
    >>> estimate = score_estimate(search)
    >>> estimate.method
    'Tibshirani-Tibshirani from 5 folds'
    >>> bool(estimate.score < search.best_score_)
    True
    """
    table = _Table(search)
    predictions = getattr(search, "predictions_", None)
    reason = _why_no_bootstrap(predictions)
    if reason is None:
        return _bbc(table, predictions, n_bootstraps, random_state)
    return _tibshirani(table, reason, np.random.default_rng(random_state))


def summary(search):
    """Say in words what a search found, and what its score is worth.

    Parameters
    ----------
    search : estimator
        A fitted search, ours or scikit-learn's.

    Returns
    -------
    text : str
        A few lines, which a notebook shows as such.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import summary
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"n_neighbors": [1, 5, 10]}
    >>> print(summary(GridSearchCV(KNeighborsClassifier(), grid).fit(X, y)))
    GridSearchCV: 3 candidates, 5 folds...
    Best: row ...
    """
    account = Account(search)
    lines = [f"{account.name}: {what_was_tried(account)}"]
    own = what_of_the_default(account, account.best(metric_or_none(search)))
    lines += [line for line in (own, _how_it_ended(account)) if line is not None]
    if what_failed(account) is not None:
        lines.append(f"Failed: {what_failed(account)}")
    if what_was_raced_out(account) is not None:
        lines.append(what_was_raced_out(account))
    lines += _the_best(search, account)
    if account.lacks_model:
        lines.append("There is no model: the refit failed or was not reached.")
    unseeded = about_seeds(search)
    if unseeded is not None:
        lines.append(unseeded)
    return Text("\n".join(_wrapped(line) for line in lines))


def _how_it_ended(account):
    if account.reason is None:
        return f"Took {what_it_took(account)}"
    return f"Ended after {what_it_took(account)}: {account.reason}"


def _the_best(search, account):
    """Return lines about the best row and what its score is worth."""
    best = account.best(metric_or_none(search))
    if best is None:
        return [f"Best: {why_no_best(account)}"]
    lines = [f"Best: row {best.row}{_scored(best)}, with"]
    lines += [f"    {name} = {value!r}" for name, value in best.params.items()]
    try:
        return lines + _expected(estimate_of(search))
    except AttributeError as error:
        return [*lines, f"No estimate of its optimism: {error}"]


def metric_or_none(search):
    """Return the name of the metric that chose the best row; None = not known."""
    try:
        return chosen_metric(search)
    except AttributeError:
        return None


def why_no_best(account):
    """Say why no row was chosen."""
    if account.status["failed"] == account.n_rows:
        return "none, since every candidate failed"
    return "not chosen; of several metrics, refit= names the one that chooses"


def _scored(best):
    after = "" if best.n_resources is None else f" after {best.n_resources}"
    if np.isnan(best.score):
        return after
    spread = "" if best.std is None else f" (std {short(best.std)})"
    return f", mean {best.metric} {short(best.score)}{spread}{after}"


def estimate_of(search):
    """Return the estimate that the search has, or make one."""
    if hasattr(type(search), "score_estimate_"):
        return search.score_estimate_
    return score_estimate(search)


def _expected(estimate):
    """Return lines about what a score is worth."""
    lines = [worth(estimate)]
    if not estimate.is_measured:
        lines.append(f"    With its optimism: {interval_of(estimate)}")
    elif estimate.n_candidates > 1:
        lines += [
            f"    The best of {estimate.n_candidates} candidates is expected to "
            f"flatter by {short(estimate.bias)} on average; whether",
            "    this one was lucky cannot be told from the search itself.",
        ]
    lines.append(f"    {estimate.method}")
    return lines + [f"    Not seen: {text}" for text in estimate.reservations]


def worth(estimate):
    """Return a line about what a score is worth."""
    if estimate.is_measured:
        return (
            f"Estimate without optimism: {short(estimate.score)}, "
            f"{interval_of(estimate)}"
        )
    return (
        "No estimate of its optimism: not enough evidence, the best of "
        f"{estimate.n_candidates} shows none"
    )


def interval_of(estimate):
    """Return the interval of an estimate in words."""
    if not estimate.has_interval:
        return "not enough evidence for an interval"
    low, high = estimate.interval()
    return f"95 % interval [{short(low)}, {short(high)}]"


def _wrapped(line):
    """Return a line in several where it is long; values of parameters stay whole."""
    if len(line) <= _WIDTH or " = " in line:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.fill(
        line,
        _WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


# ---- the two estimates


def _bbc(table, predictions, n_bootstraps, random_state):
    rows = [row for row in table.rows if row in predictions]
    target = predictions.target
    scores = [_pooled_score(predictions, row) for row in rows]
    rng = np.random.default_rng(random_state)
    units = np.arange(len(target.y)) if target.groups is None else target.groups
    size = max(1, _CHUNK // len(units))
    sizes = [min(size, n_bootstraps - i) for i in range(0, n_bootstraps, size)]
    draws = np.concatenate(
        [bbc_draws(scores, bootstrap_weights(units, n, rng)) for n in sizes]
    )
    if not len(draws):
        return _tibshirani(table, "no bootstrap sample could be scored", rng)
    everything = np.ones((1, len(units)))
    bias = max(float(S(everything)[0]) for S in scores) - float(draws.mean())
    bias = _possible(bias + _bias_of_raced_out(table, rng), table)
    unit = "rows" if target.groups is None else "groups"
    return ScoreEstimate(
        score=table.best - bias,
        bias=bias,
        method=f"BBC-CV, {n_bootstraps} bootstraps of {unit}",
        n_candidates=len(rows) + table.n_raced_out,
        reservations=table.reservations,
        limits=table.limits,
        draws=draws - draws.mean() + table.best - bias,
    )


def _pooled_score(predictions, row):
    """Return S_c of a candidate; higher is better."""
    target, (function, sign, arguments) = predictions.target, predictions.scoring
    y, classes, are_labels = target.y, target.classes, predictions.are_labels(row)
    score = fast_score(
        function, arguments, y, predictions.numbers(row), classes, are_labels
    )
    if score is None:
        score = any_metric(function, arguments, classes, are_labels)

    def S(w):  # the predictions of one candidate are unpacked at a time
        return sign * pooled(score, y, predictions.numbers(row), target.weight)(w)

    return S


def _bias_of_raced_out(table, rng):
    """Return the last term of eq. (7): what candidates add that were raced out."""
    complete = tibshirani_bias(merged_folds(table.fold_scores, table.n_test))
    return _completed_bias(table, rng) - complete


def _completed_bias(table, rng):
    return completed_bias(table.raced_scores, table.n_test, table.limits, rng)


def _why_no_bootstrap(predictions):
    """Return why (1) and (2) cannot be had, in words; None = they can."""
    if predictions is None:
        return NO_PREDICTIONS
    if predictions.target.is_ordered:
        return "rows in order of time are not exchangeable"
    if predictions.scoring is None:
        return "the scorer may look at more than y and predictions"
    return None


def _tibshirani(table, reason, rng):
    s = merged_folds(table.fold_scores, table.n_test)
    if len(table.fold_scores) < LEAST_FOLDS:
        raise AttributeError(
            f"score_estimate_ needs at least {LEAST_FOLDS} folds, or predictions "
            "(store_predictions=True); this search had "
            f"{count(len(table.fold_scores), 'fold')} and {reason}."
        )
    bias = _possible(_completed_bias(table, rng), table)
    own = table.fold_scores[:, table.best_place]
    note = "" if reason == NO_PREDICTIONS else f" ({reason})"
    return ScoreEstimate(
        score=table.best - bias,
        bias=bias,
        method=f"Tibshirani-Tibshirani from {len(s)} folds{note}",
        n_candidates=len(table.rows) + table.n_raced_out,
        reservations=table.reservations,
        limits=table.limits,
        sd=float(corrected_error(own, table.test_to_train)),
        df=len(own) - 1,
    )


def _possible(bias, table):
    """Return a bias of at least 0 that leaves the score what the metric can be."""
    return max(min(bias, table.best - table.limits[0]), 0.0)


# ---- what a fitted search says of itself


class _Table:
    """The part of ``cv_results_`` that the choice of the best row was made from.

    Attributes
    ----------
    rows : (C,) array
        The rows among which the best one was chosen.
    fold_scores : (K, C) array
        Their scores on each fold: s.
    raced_scores : (K, C + n_raced_out) array
        Those, and the scores of candidates that were raced out, nan = skipped.
    n_raced_out : int
        Candidates that were raced out.
    best : float
        Mean score of the best row.
    best_place : int
        Its column of ``fold_scores``.
    n_test, test_to_train : float
        Rows of a test fold, inf = not known; and their ratio to its training rows.
    limits : (float, float)
        What the score can be at least and at most.
    """

    def __init__(self, search):
        check_has_best(search)
        results, metric = search.cv_results_, chosen_metric(search)
        s = np.stack(
            [
                np.ma.filled(results[f"split{fold}_test_{metric}"], np.nan)
                for fold in range(search.n_splits_)
            ]
        )
        is_whole = is_complete(search)
        self.rows = np.flatnonzero(is_whole & np.isfinite(s).all(axis=0))
        if search.best_index_ not in self.rows:
            raise AttributeError(
                "The best row was not trained in full, or has no score that is a "
                "number on every fold."
            )
        self.fold_scores = s[:, self.rows]
        raced_out = s[:, was_raced_out(results, is_whole) & np.isfinite(s[0])]
        self.raced_scores = np.hstack([self.fold_scores, raced_out])
        self.n_raced_out = raced_out.shape[1]
        self.best_place = int(np.searchsorted(self.rows, search.best_index_))
        self.best = float(results[f"mean_test_{metric}"][search.best_index_])
        self.n_test, self.test_to_train = _fold_sizes(search)
        self.limits = score_limits(search, metric)
        self.reservations = tuple(_reservations(search))


def check_has_best(search):
    """Refuse a search that has no best row, and say why."""
    account = Account(search)
    if hasattr(search, "best_index_"):
        return
    if account.status["failed"] == account.n_rows:
        raise AttributeError("There is no best row: every candidate failed.")
    raise AttributeError(
        "There is no best row whose score could be corrected: with several "
        "metrics, name one by refit=."
    )


def chosen_metric(search):
    """Return the name of the metric by which a search chose its best row."""
    several = getattr(search, "multimetric_", False)
    if several and not isinstance(search.refit, str):
        raise AttributeError(
            f"Which of several metrics is corrected is not known with refit="
            f"{search.refit!r}: name one."
        )
    return search.refit if several else "score"


def is_complete(search):
    """(n,) whether a row of ``cv_results_`` was offered to the choice."""
    results = search.cv_results_
    level = levels(search, results)
    status = np.asarray(results.get("status", np.full(len(level), "complete")))
    is_whole = ~np.isin(status, ("failed", "raced_out"))
    return is_whole & (level == np.max(level[is_whole], initial=0))


def was_raced_out(results, is_whole):
    """(n,) whether a row lost a race against those that ``is_complete`` names."""
    status = np.asarray(results.get("status", [""] * len(is_whole)))
    resource = np.asarray(results.get("n_resources", np.ones(len(is_whole))))
    return (status == "raced_out") & np.isin(resource, resource[is_whole])


def _fold_sizes(search):
    """Return the rows of a test fold, and their ratio to those of its training fold."""
    known = getattr(search, "_fold_sizes", None)
    if known is not None:
        n_train, n_test = known
        return n_test, n_test / n_train
    cv = check_cv(search.cv)
    k = getattr(cv, "cvargs", {}).get("n_splits", search.n_splits_)  # of RepeatedKFold
    share = getattr(cv, "test_size", None)
    share = share if isinstance(share, float) else 1 / max(k, 2)
    n_test = 1 if isinstance(cv, LeaveOneOut) else np.inf
    return n_test, share / (1 - share)


def score_limits(search, metric):
    """Return what a score of a fitted search can be at least and at most."""
    scorer = getattr(search, "scorer_", None)
    scorer = scorer.get(metric) if isinstance(scorer, dict) else scorer
    settings = search.cv_results_["params"]

    def choices_of(name):
        return [params[name] for params in settings if name in params]

    return score_range(scorer, search.estimator, choices_of)


def _is_adaptive(search):
    """Return whether scores had a say in which candidates were tried."""
    if hasattr(search, "lineage_"):  # a population
        return True
    name = getattr(search, "optimizer_", getattr(search, "algorithm_", "random"))
    return name not in _NOT_ADAPTIVE


def _reservations(search):
    """Say what the estimate cannot see."""
    results = search.cv_results_
    if _is_adaptive(search):
        yield (
            "the candidates were steered by the same folds: some optimism is left, "
            "which nested_cross_validate sees"
        )
    status = np.asarray(results.get("status", []))
    n_stopped = _n_halved(results)
    if len(status):
        n_stopped = np.sum((status == "stopped") & ~is_complete(search))
    if n_stopped:
        was, takes = ("was", "takes") if n_stopped == 1 else ("were", "take")
        yield (
            f"{count(n_stopped, 'candidate')} that {was} stopped early {takes} no part"
        )
    n_raced = np.sum(status == "raced_out")
    if n_raced:
        yield (
            f"the folds that {count(n_raced, 'candidate')} skipped in the race; their "
            "scores are drawn from what is known of the others"
        )


def _n_halved(results):
    """Return how many candidates a halving search of scikit-learn left behind."""
    rung = np.asarray(results.get("iter", [0]))
    return np.sum(rung == rung.min()) - np.sum(rung == rung.max())


def short(value):
    """Return a score with three digits that say something."""
    return f"{value:.3f}" if 1e-2 <= abs(value) < 1e6 else f"{value:.3g}"
