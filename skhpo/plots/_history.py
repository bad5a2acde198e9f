"""How a search went: the score of each candidate, and the best so far."""

from typing import Any

import numpy as np

from skhpo.plots._figure import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    few_ticks,
    figure_and_ax,
    legend_above,
    limit_scores,
)
from skhpo.plots._table import (
    best_so_far,
    read_table,
    row_of_default,
    standard_error,
)

X_LABELS = {
    "candidates": "Candidates evaluated",
    "seconds": "Seconds of fitting and scoring (all folds, added up)",
}


def check_x(x: str) -> None:
    """Refuse an unknown horizontal axis."""
    if x not in X_LABELS:
        raise ValueError(f"x must be one of {list(X_LABELS)}, got {x!r}.")


def positions(table: Any, x: str) -> np.ndarray:
    """(n,): where each row stands: its number from 1, or the work done by then."""
    check_x(x)
    if x == "seconds":
        return np.cumsum(table.seconds)
    return np.arange(1, len(table.score) + 1, dtype=float)


def history_data(search: Any, metric: str | None = None, x: str = "candidates") -> dict:
    """Return the arguments of :class:`SearchHistoryDisplay` for a fitted search."""
    table = read_table(search, metric)
    winners = best_so_far(table.score, table.level)
    has_winner = winners >= 0
    errors = standard_error(table.folds)
    default = row_of_default(search, table)
    is_fair = default is not None and table.at_the_top[default]
    return {
        "x": positions(table, x),
        "scores": table.guess,
        "best": np.where(has_winner, table.score[winners], np.nan),
        "best_se": np.where(has_winner, errors[winners], np.nan),
        "best_resource": np.where(has_winner, table.level[winners], np.nan),
        "winner": int(winners[-1]) if has_winner.any() else None,
        "is_full": np.isfinite(table.score) & table.at_the_top,
        "default_score": float(table.score[default]) if is_fair else None,
        "x_label": _x_label(table, x),
        "metric": table.metric,
    }


def _x_label(table, x):
    """A candidate has a row for each resource that it reached."""
    is_one_row_each = np.ptp(table.resource) == 0
    return X_LABELS[x] if x == "seconds" or is_one_row_each else "Rows of cv_results_"


def pieces(x: Any, best: Any, level: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the line of the best at all levels but the last, with gaps between them.

    Each piece goes on to where the next level begins.
    """
    ends = np.flatnonzero(np.diff(level)) + 1
    at, height = [], []
    for start, end in zip([0, *ends[:-1]], ends, strict=False):
        at += [*x[start : end + 1], x[end]]
        height += [*best[start:end], best[end - 1], np.nan]
    return np.array(at), np.array(height)


class SearchHistoryDisplay:
    """How a search went: the score of each candidate, and the best so far.

    The band is one standard error of the best candidate's mean over its folds: gains
    smaller than that may be luck of the splits. Where the best-so-far line went flat
    long ago, more candidates would hardly have helped. Where rows are the resource of a
    search in rungs, the line is thin and dotted until the first candidate was trained
    on all of them: scores before and after cannot be compared.

    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    x : array-like of shape (n,)
        Where each row stands: its number, or seconds.
    scores : array-like of shape (n,)
        Mean test score of each row; nan = failed.
    best : array-like of shape (n,)
        Score of what would have won after each row.
    best_se : array-like of shape (n,), default=None
        Standard error of ``best``.
    best_resource : array-like of shape (n,), default=None
        How far ``best`` was trained, where only equal resources are compared; None =
        all are.
    winner : int, default=None
        The row with the best score, among those at the highest ``best_resource``.
    is_full : array-like of bool, shape (n,), default=None
        Rows that were evaluated on all folds and trained as far as any; others are
        drawn hollow. None = all.
    default_score : float, default=None
        Score of the estimator's own values, where they were tried and trained as far
        as any.
    x_label : str, default="Candidates evaluated"
    metric : str, default="score"
        Name of the score, for the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_, partial_points_ : matplotlib PathCollection
        Candidates evaluated in full, and others.
    failed_points_ : matplotlib Line2D or None
        Candidates that failed, at the lower edge.
    line_ : matplotlib Line2D
        Best so far, of those trained as far as any; nan before there are some.
    early_line_ : matplotlib Line2D or None
        Best so far, of those trained less; a piece for each resource.
    band_ : matplotlib PolyCollection or None
    star_ : matplotlib Line2D or None
        The best of all.
    default_line_ : matplotlib Line2D or None

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo.plots import SearchHistoryDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = GridSearchCV(tree, {"max_depth": [1, 2, None]}).fit(X, y)
    >>> display = SearchHistoryDisplay.from_search(search)
    >>> display.ax_.get_ylabel()
    'Mean test score'
    """

    def __init__(
        self,
        x,
        scores,
        best,
        *,
        best_se=None,
        best_resource=None,
        winner=None,
        is_full=None,
        default_score=None,
        x_label=X_LABELS["candidates"],
        metric="score",
    ):
        self.x = x
        self.scores = scores
        self.best = best
        self.best_se = best_se
        self.best_resource = best_resource
        self.winner = winner
        self.is_full = is_full
        self.default_score = default_score
        self.x_label = x_label
        self.metric = metric

    @classmethod
    def from_search(cls, search, *, ax=None, metric=None, x="candidates"):
        """Draw the history of a fitted search.

        Parameters
        ----------
        search : search estimator
            Fitted: a search of skhpo, or one of scikit-learn, halving included.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.
        x : {"candidates", "seconds"}, default="candidates"
            What the horizontal axis counts. Seconds are those of all fits added up:
            with several workers the search itself took less.

        Returns
        -------
        display : SearchHistoryDisplay
        """
        return cls(**history_data(search, metric, x)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : SearchHistoryDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        x, scores = np.asarray(self.x, float), np.asarray(self.scores, float)
        self._draw_points(x, scores)
        self._draw_best(x)
        self.default_line_ = None
        if self.default_score is not None and np.isfinite(self.default_score):
            self.default_line_ = self.ax_.axhline(
                self.default_score, color=RED, linestyle="--", linewidth=1.2
            )
            self.default_line_.set_label("estimator's own values")
        self.ax_.set(xlabel=self.x_label, ylabel=f"Mean test {self.metric}")
        self._limit(scores)
        few_ticks(self.ax_, 8, integer=self.x_label != X_LABELS["seconds"])
        legend_above(self.ax_)
        return self

    def _draw_points(self, x, scores):
        is_known = np.isfinite(scores)
        is_full = np.ones(len(x), bool) if self.is_full is None else self.is_full
        full, partial = is_known & is_full, is_known & ~np.asarray(is_full)
        size = 26 if len(x) <= 60 else 12
        self.points_ = self.ax_.scatter(
            x[full], scores[full], s=size, color=GREY, label="candidate", zorder=2
        )
        self.partial_points_ = self.ax_.scatter(
            x[partial],
            scores[partial],
            s=size,
            facecolors="none",
            edgecolors=GREY,
            linewidths=0.8,
            label="not in full" if partial.any() else None,
            zorder=2,
        )
        self.failed_points_ = None
        if not is_known.all():
            (self.failed_points_,) = self.ax_.plot(
                x[~is_known],
                np.full((~is_known).sum(), 0.02),
                "x",
                color=RED,
                markersize=5,
                transform=self.ax_.get_xaxis_transform(),
                label="failed",
            )

    def _draw_best(self, x):
        every = np.asarray(self.best, float)
        level = np.zeros(len(x)) if self.best_resource is None else self.best_resource
        best = np.where(level == level[-1], every, np.nan)
        (self.line_,) = self.ax_.step(
            x, best, where="post", color=BLUE, linewidth=2, label="best so far"
        )
        self._draw_early(*pieces(x, every, np.asarray(level, float)))
        self.band_ = None
        if self.best_se is not None and np.isfinite(self.best_se).any():
            error = np.asarray(self.best_se, float)
            self.band_ = self.ax_.fill_between(
                x,
                best - error,
                best + error,
                step="post",
                color=BLUE,
                alpha=0.18,
                linewidth=0,
                label="± 1 standard error",
            )
        self.star_ = None
        if self.winner is not None:
            (self.star_,) = self.ax_.plot(
                x[self.winner],
                best[self.winner],
                "*",
                color=ORANGE,
                markersize=12,
                markeredgecolor="black",
                markeredgewidth=0.5,
                label="best",
                zorder=4,
            )

    def _draw_early(self, x, early):
        self.early_line_ = None
        if np.isfinite(early).any():
            (self.early_line_,) = self.ax_.step(
                x,
                early,
                where="post",
                color=BLUE,
                linestyle=":",
                linewidth=1.2,
                label="of those trained less",
            )

    def _limit(self, scores):
        best = np.asarray(self.best, float)
        top = best if self.band_ is None else np.fmax(best, best + self.best_se)
        limit_scores(self.ax_, scores, top=np.nanmax([*top, -np.inf]))
