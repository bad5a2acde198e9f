"""Is the winner really better? The leaders against it, fold by fold."""

from typing import Any

import numpy as np
from scipy import stats

from skhpo._statistics import corrected_variance
from skhpo.plots._figure import (
    BLUE,
    GREY,
    ORANGE,
    figure_and_ax,
    legend_above,
    short,
    short_name,
)
from skhpo.plots._table import leaders, read_table


def fold_data(
    search: Any,
    metric: str | None = None,
    n_leaders: int = 10,
    rho: float | None = None,
) -> dict:
    """Return the arguments of :class:`FoldScoresDisplay` for a fitted search."""
    table = read_table(search, metric)
    rows = leaders(table, n_leaders)
    if len(rows) == 0:
        raise ValueError("No candidate was evaluated on all folds: nothing to compare.")
    folds = table.folds[rows]
    return {
        "fold_scores": folds,
        "rows": rows,
        "labels": candidate_labels([table.params[row] for row in rows]),
        "intervals": paired_intervals(folds, rho),
        "metric": table.metric,
    }


def paired_intervals(folds: Any, rho: float | None = None, level: float = 0.95):
    """Intervals of the mean difference of each row to the first, over paired folds.

    mean(d) +- t_{K-1} sqrt((1/K + rho) var(d)), Nadeau and Bengio (2003). ``rho`` is
    test rows / training rows of a split; None = 1 / (K - 1), that of K-fold.

    Parameters
    ----------
    folds : array-like of shape (n, n_splits)
    rho : float, default=None
    level : float, default=0.95

    Returns
    -------
    intervals : ndarray of shape (n, 2)
        nan for a single fold.
    """
    folds = np.asarray(folds, float)
    n_folds = folds.shape[1]
    if n_folds < 2:
        return np.full((len(folds), 2), np.nan)
    differences = folds - folds[0]
    rho = 1 / (n_folds - 1) if rho is None else rho
    error = np.sqrt(corrected_variance(differences, rho))
    reach = stats.t.ppf((1 + level) / 2, n_folds - 1) * error
    mean = differences.mean(axis=1)
    return np.column_stack([mean - reach, mean + reach])


def candidate_labels(params: Any, width: int = 44) -> list[str]:
    """Return what tells some candidates apart, as short texts."""
    names = list(dict.fromkeys(name for one in params for name in one))
    telling = [n for n in names if len({short(one.get(n, "-")) for one in params}) > 1]
    texts = [
        ", ".join(
            f"{short_name(n, names)}={short(one[n], 14)}"
            for n in (telling or names)
            if n in one
        )
        for one in params
    ]
    return [text if len(text) <= width else text[: width - 1] + "…" for text in texts]


class FoldScoresDisplay:
    """Is the winner really better? The leaders against it, fold by fold.

    Each row is a candidate, each dot a fold: its score less that of the best candidate
    on the same fold. That some folds are harder than others cancels, which makes this a
    sharper comparison than means with error bars. The bar is an approximate 95 %
    interval of the mean difference that allows for folds sharing training rows [1]_. A
    bar that reaches zero says that the best may be no better than this candidate; then
    the simpler or the faster one is as good a choice. The leaders were selected by
    these very scores, so the picture flatters the best a little.

    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    fold_scores : array-like of shape (n_leaders, n_splits)
        The best candidate first.
    rows : array-like of shape (n_leaders,)
        Their rows in ``cv_results_``.
    labels : list of str
        What tells them apart.
    intervals : array-like of shape (n_leaders, 2)
        Of the mean difference to the first.
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : list of matplotlib PathCollection
        Differences by fold, one for each candidate but the best.
    bars_ : list of matplotlib Line2D
        Intervals, one for each candidate but the best.
    line_ : matplotlib Line2D
        The best, at zero.

    References
    ----------
    .. [1] Nadeau, Bengio (2003), Inference for the generalization error, Machine
       Learning 52.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo.plots import FoldScoresDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = GridSearchCV(tree, {"max_depth": [1, 2, None]}).fit(X, y)
    >>> display = FoldScoresDisplay.from_search(search)
    >>> len(display.bars_)
    2
    """

    def __init__(self, fold_scores, rows, labels, intervals, *, metric="score"):
        self.fold_scores = fold_scores
        self.rows = rows
        self.labels = labels
        self.intervals = intervals
        self.metric = metric

    @classmethod
    def from_search(cls, search, *, ax=None, metric=None, n_leaders=10, rho=None):
        """Draw the leaders of a fitted search.

        Parameters
        ----------
        search : search estimator
            Fitted: a search of skhpo, or one of scikit-learn, halving included.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.
        n_leaders : int, default=10
            How many candidates to show.
        rho : float, default=None
            Test rows / training rows of a split, for the intervals. None = that of
            K-fold; for ``ShuffleSplit(test_size=0.2)`` it would be 0.25.

        Returns
        -------
        display : FoldScoresDisplay
        """
        return cls(**fold_data(search, metric, n_leaders, rho)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : FoldScoresDisplay
        """
        folds = np.asarray(self.fold_scores, float)
        n = len(folds)
        self.figure_, self.ax_ = figure_and_ax(ax, (7.6, 1.4 + 0.36 * n))
        self.points_, self.bars_ = [], []
        self.line_ = self.ax_.axvline(0, color=ORANGE, linewidth=2, zorder=1)
        self.line_.set_label(f"best ({folds[0].mean():.4g})")
        differences = folds - folds[0]
        for place in range(1, n):
            self._draw_candidate(place, differences[place])
        self._label(n)
        return self

    def _draw_candidate(self, place, differences):
        offsets = np.linspace(-0.16, 0.16, len(differences))
        self.points_.append(
            self.ax_.scatter(
                differences,
                place + offsets,
                s=14,
                color=GREY,
                zorder=2,
                label="a fold" if place == 1 else None,
            )
        )
        (bar,) = self.ax_.plot(
            self.intervals[place], [place, place], color=BLUE, linewidth=2, zorder=3
        )
        self.bars_.append(bar)
        self.ax_.plot(
            differences.mean(),
            place,
            "o",
            color=BLUE,
            markersize=6,
            zorder=4,
            label="mean and 95 % interval" if place == 1 else None,
        )

    def _label(self, n):
        pairs = zip(self.rows, self.labels, strict=True)
        texts = [f"{text}  (row {row})" for row, text in pairs]
        self.ax_.set_yticks(range(n), texts, fontsize="small")
        self.ax_.set_ylim(n - 0.4, -0.6)
        self.ax_.set_xlabel(f"Test {self.metric} less that of the best, fold by fold")
        self.ax_.margins(x=0.08)
        legend_above(self.ax_)
