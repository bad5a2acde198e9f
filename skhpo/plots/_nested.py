"""What nested cross-validation found: what the searches said, and what was true."""

from typing import Any

import numpy as np

from skhpo.plots._figure import BLUE, GREY, few_ticks, figure_and_ax, legend_above


def nested_data(result: Any, level: float = 0.95) -> dict:
    """Return the arguments of :class:`NestedCVDisplay` for a ``NestedResult``."""
    if not hasattr(result, "inner_best_score"):
        raise TypeError(
            "NestedCVDisplay shows what nested_cross_validate returned, got a "
            f"{type(result).__name__}."
        )
    try:
        interval = tuple(result.interval(level))
    except ValueError:  # a single outer fold, and a metric that has no rows
        interval = None
    if interval is not None and not np.isfinite(interval).all():
        interval = None  # all scores are equal
    return {
        "test_score": np.asarray(result.test_score, float),
        "inner_best_score": np.asarray(result.inner_best_score, float),
        "interval": interval,
        "level": level,
    }


class NestedCVDisplay:
    """What nested cross-validation found: what the searches said, and what was true.

    One column is one outer fold: the hollow dot is what the inner search said of its
    winner, the full one the winner's score on rows that the search never saw. Hollow
    dots that lie above the full ones, fold after fold, are optimism; that they differ
    in both directions is the noise of small test sets.

    Use :meth:`from_result` to make one.

    Parameters
    ----------
    test_score : array-like of shape (n_outer,)
    inner_best_score : array-like of shape (n_outer,)
    interval : (low, high), default=None
        For the mean of ``test_score``.
    level : float, default=0.95
        Nominal probability of the interval.
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    outer_points_, inner_points_ : matplotlib Line2D
    line_ : matplotlib Line2D
        Mean outer score.
    band_ : matplotlib Patch or None
        The interval.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo.model_selection import nested_cross_validate
    >>> from skhpo.plots import NestedCVDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> search = GridSearchCV(tree, {"max_depth": [1, 2, None]})
    >>> result = nested_cross_validate(search, X, y, random_state=0)
    >>> display = NestedCVDisplay.from_result(result)
    >>> display.ax_.get_xlabel()
    'Outer fold'
    """

    def __init__(
        self, test_score, inner_best_score, *, interval=None, level=0.95, metric="score"
    ):
        self.test_score = test_score
        self.inner_best_score = inner_best_score
        self.interval = interval
        self.level = level
        self.metric = metric

    @classmethod
    def from_result(cls, result, *, ax=None, level=0.95, metric="score"):
        """Draw what ``nested_cross_validate`` returned.

        Parameters
        ----------
        result : NestedResult
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        level : float, default=0.95
            Nominal probability of the interval.
        metric : str, default="score"
            Name of the score, for the axis.

        Returns
        -------
        display : NestedCVDisplay
        """
        return cls(**nested_data(result, level), metric=metric).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : NestedCVDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        outer = np.asarray(self.test_score, float)
        inner = np.asarray(self.inner_best_score, float)
        x = np.arange(1, len(outer) + 1)
        self.band_ = None
        if self.interval is not None:
            label = f"{100 * self.level:g} % interval"
            style = {"color": BLUE, "alpha": 0.15, "linewidth": 0}
            self.band_ = self.ax_.axhspan(*self.interval, **style, label=label)
        mean = outer.mean()
        self.line_ = self.ax_.axhline(mean, color=BLUE, label=f"outer mean {mean:.4g}")
        self.ax_.vlines(x, outer, inner, color=GREY, linewidth=1)
        (self.outer_points_,) = self.ax_.plot(
            x, outer, "o", color=BLUE, label="on rows never seen"
        )
        (self.inner_points_,) = self.ax_.plot(
            x, inner, "o", color="0.3", mfc="white", label="said by the inner search"
        )
        self.ax_.set(xlabel="Outer fold", ylabel=f"Test {self.metric}")
        few_ticks(self.ax_, 12, integer=True)
        legend_above(self.ax_, 2)
        return self
