"""What nested cross-validation found."""

from math import inf, isfinite

import numpy as np
from sklearn.utils import Bunch

from skhpo._words import count
from skhpo.model_selection._intervals import (
    METHODS,
    ScoreInterval,
    fold_t_interval,
    nadeau_bengio_interval,
    pooled_interval,
)


class NestedResult(Bunch):
    """What `nested_cross_validate` found: a dict whose entries are attributes, too.

    All arrays and lists have one entry per outer fold, ``repeats`` x folds, the folds
    of the first repeat first.

    Attributes
    ----------
    test_score : ndarray of shape (n_outer,)
        Score of the refitted winner of each inner search on rows that this search never
        saw.
    inner_best_score : ndarray of shape (n_outer,)
        What each inner search said of its winner (``best_score_``). nan where
        ``scoring`` is none of the metrics of the search.
    best_params : list of dict
        The winner of each inner search.
    stability : Stability
        How much the winners differ: ``.distance`` in the space, and for each parameter
        the share of the most frequent value and the interquartile range.
    n_candidates : list of int
        Rows of each inner ``cv_results_``.
    fit_time, score_time : ndarray of shape (n_outer,)
        Seconds of each inner search, its refit included, and of each scoring.
    estimated_cost : int or None
        Number of fits that was expected before the start. None = not known.
    indices : dict
        ``"train"`` and ``"test"``: lists of row numbers.
    n_folds, n_repeats : int
    is_series : bool
        Each outer fold is tested on what comes after it.
    pooled_se : float or None
        Standard error of ``score`` from single rows (groups, where given) of all folds
        together. None unless the metric is a mean over rows (accuracy, squared and
        absolute error, log loss), without weights.
    limits : (float, float)
        What the metric can be at least and at most; infinite = no limit is known.
    estimator : list of estimators
        The fitted inner searches; only with ``return_estimator=True``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.model_selection import nested_cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, cv=3)
    >>> result = nested_cross_validate(search, X, y, outer_cv=3, random_state=0)
    >>> len(result.test_score), result.n_candidates
    (3, [2, 2, 2])
    >>> bool(result.score > 0.9)
    True
    """

    def __dir__(self):
        """Return what tab completion offers: the entries and what is made of them."""
        return sorted({*super().__dir__(), "interval", "optimism", "score"})

    @property
    def score(self):
        """Mean of the outer scores: what the whole procedure, tuning included, gets."""
        return float(np.mean(self.test_score))

    @property
    def optimism(self):
        """Mean inner best score minus mean outer score; of the procedure, not of one
        run.
        """
        return float(np.mean(self.inner_best_score) - np.mean(self.test_score))

    def interval(self, level=0.95, method="auto"):
        """Return an approximate confidence interval for ``score``.

        Parameters
        ----------
        level : float, default=0.95
            Nominal probability to cover the score, between 0 and 1.
        method : {"auto", "pooled", "nadeau-bengio", "fold-t"}, default="auto"
            ``"pooled"``: 1.25 standard errors of single rows of all folds together
            (groups, where given); for metrics that are means over rows. Measured: 94 %
            covered, nominal 95.
            ``"nadeau-bengio"``: the spread of the folds, corrected for the training
            rows that they share; any metric, and wider by half. Measured: 97 %.
            ``"fold-t"``: the spread of the folds as if they were independent, known to
            be too narrow (86 %); for comparison with other work.
            ``"auto"``: "pooled" where possible and the folds are no time series, else
            "nadeau-bengio".

        Returns
        -------
        interval : ScoreInterval
            ``low, high = interval``; it has ``level`` and ``method``, too. It ends
            where the metric does. Where all scores are equal, it is ``limits``: there
            is not enough evidence for a narrower one.

        Raises
        ------
        ValueError
            When the method has not what it needs.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {level!r}.")
        if method not in METHODS:
            raise ValueError(f"method must be one of {METHODS}, got {method!r}.")
        if method == "auto":
            pools = self.pooled_se is not None and not self.is_series
            method = "pooled" if pools else "nadeau-bengio"
        found = self._interval(level, method)
        low, high = np.clip(tuple(found), *self._limits)
        return ScoreInterval(float(low), float(high), level, method)

    @property
    def _limits(self):
        return self.get("limits", (-inf, inf))

    def _interval(self, level, method):
        if method == "pooled":
            self._check_pooled()
            return pooled_interval(self.test_score, self.pooled_se, level)
        self._check_several_folds(method)
        if method == "fold-t":
            return fold_t_interval(self.test_score, self.n_folds, level)
        return nadeau_bengio_interval(self.test_score, self._rho(), level)

    def _rho(self):
        """Return test rows / training rows, mean over the outer folds."""
        train, test = self.indices["train"], self.indices["test"]
        return np.mean([len(b) / len(a) for a, b in zip(train, test, strict=True)])

    def _check_pooled(self):
        if self.pooled_se is None:
            raise ValueError(
                "method='pooled' needs a metric that is a mean over rows (accuracy, "
                "neg_mean_squared_error, neg_mean_absolute_error, neg_log_loss), "
                "scored without weights. Use method='nadeau-bengio'."
            )

    def _check_several_folds(self, method):
        if self.n_folds < 2:
            raise ValueError(
                f"method={method!r} needs two outer folds at least, got {self.n_folds}."
            )

    def __repr__(self):
        """Return a summary of a few lines."""
        lines = [
            f"Nested cross-validation: {count(self.n_folds, 'outer fold')}"
            + (f" x {self.n_repeats} repeats" if self.n_repeats > 1 else ""),
            f"  score      {self._score_text()}",
        ]
        if isfinite(self.optimism):
            inner = np.mean(self.inner_best_score)
            lines.append(
                f"  optimism   {self.optimism:+.4g} (inner searches said {inner:.4g})"
            )
        if self.stability.distance is not None:
            lines.append(
                f"  winners    {self.stability.distance:.2f} apart (0 = all the same, "
                "1/3 = at random)"
            )
        return "\n".join(lines)

    def _score_text(self):
        n_known = np.isfinite(self.test_score).sum()
        if n_known < len(self.test_score):
            return f"not known, {n_known} of {len(self.test_score)} folds have one"
        return f"{self.score:.4g}{self._interval_text()}"

    def _interval_text(self):
        try:
            low, high = interval = self.interval()
        except ValueError:
            return " (one fold alone has no interval)"
        if (low, high) == self._limits:
            return " (not enough evidence for an interval)"
        return f" in [{low:.4g}, {high:.4g}] (95 %, {interval.method})"
