"""All parameters of all candidates at once, as lines across parallel axes."""

from typing import Any

import numpy as np

from skhpo.plots._axis import declared_scales, param_axes
from skhpo.plots._figure import (
    BLUE,
    ORANGE,
    figure_and_ax,
    legend_above,
    short,
    short_name,
)
from skhpo.plots._table import check_some_params, lowest_to_show, read_table

#: Where a line goes that does not use a parameter, below the axis.
NOT_USED = -0.1


def parallel_data(search: Any, metric: str | None = None, top: float = 0.1) -> dict:
    """Return the arguments of :class:`ParallelCoordinatesDisplay` for a search."""
    table = read_table(search, metric)
    rows = np.isfinite(table.score) & table.at_the_top
    if not rows.any():
        raise ValueError("No candidate was evaluated on all folds: nothing to show.")
    params = [one for one, is_in in zip(table.params, rows, strict=True) if is_in]
    check_some_params(table)
    names = [name for name in table.names if any(name in one for one in params)]
    return {
        "axes": param_axes(params, names, declared_scales(search)),
        "scores": table.score[rows],
        "top": top,
        "metric": table.metric,
    }


def is_among_top(scores: Any, share: float) -> np.ndarray:
    """(n,): whether a score is among the best ``share`` of all, at least one."""
    scores = np.asarray(scores, float)
    n_top = max(1, round(share * len(scores)))
    is_top = np.zeros(len(scores), bool)
    is_top[np.argsort(-scores, kind="stable")[:n_top]] = True
    return is_top


def heights(axes: Any, seed: int = 0) -> np.ndarray:
    """(n, d): the height of each line at each axis; those of a category spread a bit.

    Lines of one category would lie on top of each other; a fixed jitter separates them.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for axis in axes:
        height = axis.unit()
        if axis.is_category:
            half = 0.25 / len(axis.labels)
            height = height + rng.uniform(-half, half, size=len(height))
        columns.append(np.where(np.isfinite(height), height, NOT_USED))
    return np.column_stack(columns)


class ParallelCoordinatesDisplay:
    """All parameters of all candidates at once, as lines across parallel axes.

    One line is one candidate; the best tenth is drawn in colour. Where the coloured
    lines run together, a parameter matters and the picture says where it should be;
    where they are spread over the axis, it hardly does. Axes are on the parameters' own
    scales. A line that dips below an axis does not use this parameter.

    Of searches in rungs only the candidates trained furthest are shown.
    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    axes : list of ParamAxis
        One for each parameter.
    scores : array-like of shape (n,)
    top : float, default=0.1
        Share of the candidates that is drawn in colour.
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : matplotlib LineCollection
        All but the best.
    top_lines_ : matplotlib LineCollection
        The best ones, the best last.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from skhpo.plots import ParallelCoordinatesDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"C": [0.01, 1, 100], "kernel": ["linear", "rbf"]}
    >>> search = GridSearchCV(SVC(), grid).fit(X, y)
    >>> display = ParallelCoordinatesDisplay.from_search(search)
    >>> [axis.scale for axis in display.axes]
    ['log', 'category']
    """

    def __init__(self, axes, scores, *, top=0.1, metric="score"):
        self.axes = axes
        self.scores = scores
        self.top = top
        self.metric = metric

    @classmethod
    def from_search(cls, search, *, ax=None, metric=None, top=0.1):
        """Draw the candidates of a fitted search.

        Parameters
        ----------
        search : search estimator
            Fitted: a search of skhpo, or one of scikit-learn, halving included.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.
        top : float, default=0.1
            Share of the candidates that is drawn in colour.

        Returns
        -------
        display : ParallelCoordinatesDisplay
        """
        return cls(**parallel_data(search, metric, top)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : ParallelCoordinatesDisplay
        """
        size = (2.2 + 1.35 * (len(self.axes) + 1), 4.4)
        self.figure_, self.ax_ = figure_and_ax(ax, size)
        scores = np.asarray(self.scores, float)
        places = np.column_stack([heights(self.axes), self._score_heights(scores)])
        self._draw_lines(places, scores)
        for number, axis in enumerate(self.axes):
            self._draw_axis(number, axis)
        self._draw_score_axis(len(self.axes), scores)
        self._frame(places)
        return self

    def _score_ends(self, scores):
        low = max(scores.min(), lowest_to_show(scores))
        high = scores.max()
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    def _score_heights(self, scores):
        low, high = self._score_ends(scores)
        return np.clip((scores - low) / (high - low), 0, 1)

    def _draw_lines(self, places, scores):
        from matplotlib.collections import LineCollection

        is_top = is_among_top(scores, self.top)
        at = np.arange(places.shape[1])
        lines = [np.column_stack([at, line]) for line in places]
        n = len(lines)
        self.lines_ = LineCollection(
            [line for line, high in zip(lines, is_top, strict=True) if not high],
            colors="0.6",
            alpha=float(np.clip(30 / n, 0.18, 0.7)),
            linewidths=0.8,
            zorder=1,
        )
        order = np.flatnonzero(is_top)
        order = order[np.argsort(-scores[order], kind="stable")][::-1]  # best on top
        self.top_lines_ = LineCollection(
            [lines[row] for row in order],
            colors=[BLUE] * (len(order) - 1) + [ORANGE],
            linewidths=[1.3] * (len(order) - 1) + [2.8],
            alpha=0.85,
            zorder=2,
        )
        self.ax_.add_collection(self.lines_)
        self.ax_.add_collection(self.top_lines_)
        self._draw_legend(scores[order], n)

    def _draw_legend(self, top_scores, n):
        worst, best, n_top = top_scores[0], top_scores[-1], len(top_scores)
        text = f"top {n_top} of {n} (from {worst:.4g})"
        if n_top > 1:
            self.ax_.plot([], [], color=BLUE, label=text)
        self.ax_.plot([], [], color=ORANGE, linewidth=2.8, label=f"best ({best:.4g})")
        self.ax_.plot([], [], color="0.6", linewidth=0.8, label="others")
        legend_above(self.ax_)

    def _draw_axis(self, number, axis):
        self.ax_.axvline(number, 0.0, 1.0, color="0.2", linewidth=1, zorder=3)
        ticks = [(axis.unit_of(tick), axis.text_of(tick)) for tick in axis.ticks()]
        self._write(number, ticks)

    def _draw_score_axis(self, number, scores):
        low, high = self._score_ends(scores)
        self.ax_.axvline(number, color="0.2", linewidth=1, zorder=3)
        ticks = [(u, f"{low + u * (high - low):.3g}") for u in (0, 0.25, 0.5, 0.75, 1)]
        if low > scores.min():
            ticks[0] = (0, f"≤ {low:.3g}")
        self._write(number, ticks)

    def _write(self, number, ticks):
        box = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
        for height, text in ticks:
            self.ax_.annotate(
                text,
                (number, height),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize="x-small",
                bbox=box,
                zorder=4,
            )

    def _frame(self, places):
        names = [axis.name for axis in self.axes]
        texts = [short(short_name(name, names), 16) for name in names]
        n = len(names)
        texts = [*texts, short(self.metric, 22)]
        turned = {"rotation": 20, "ha": "right"} if max(map(len, texts)) > 14 else {}
        self.ax_.set_xticks(range(n + 1), texts, fontsize="small", **turned)
        self.ax_.tick_params(axis="x", length=0)
        self.ax_.set_yticks([])
        if (places == NOT_USED).any():
            self.ax_.set_yticks([NOT_USED], ["not used"], fontsize="x-small")
            self.ax_.tick_params(axis="y", length=0)
        self.ax_.set_xlim(-0.15, n + 0.35)
        self.ax_.set_ylim(places.min() - 0.05, 1.05)
        for side in self.ax_.spines.values():
            side.set_visible(False)
