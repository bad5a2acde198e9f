"""Several searches side by side: how fast and how far each got."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skhpo.plots._figure import CYCLE, figure_and_ax, legend_above, limit_scores
from skhpo.plots._history import X_LABELS, check_x, positions
from skhpo.plots._table import best_so_far, is_final_level, read_table


def comparison_data(
    searches: Any, metric: str | None = None, x: str = "candidates"
) -> dict:
    """Return the arguments of :class:`SearchComparisonDisplay`."""
    check_x(x)
    named = _named(searches)
    tables = {
        name: [read_table(one, metric) for one in runs] for name, runs in named.items()
    }
    metrics = {table.metric for runs in tables.values() for table in runs}
    if len(metrics) > 1:
        raise ValueError(
            f"The searches have different metrics {sorted(metrics)}: their scores "
            "cannot be compared. Choose one that all have, with metric=."
        )
    curves = {name: median_curve(runs, x) for name, runs in tables.items()}
    label = X_LABELS[x]
    if any(np.ptp(t.resource) > 0 for runs in tables.values() for t in runs):
        label = label.replace("Candidates evaluated", "Rows of cv_results_")
    return {"curves": curves, "x_label": label, "metric": metrics.pop()}


def _named(searches):
    """Return a dict of lists of searches; unnamed ones are called by class."""
    if not isinstance(searches, Mapping):
        names = [type(one).__name__ for one in searches]
        searches = {
            _numbered(names, number): one for number, one in enumerate(searches)
        }
    if not searches:
        raise ValueError("There are no searches to compare.")
    return {
        name: list(one) if isinstance(one, list | tuple) else [one]
        for name, one in searches.items()
    }


def _numbered(names, number):
    """Return a name, with its count where it stands for several."""
    name = names[number]
    count = names[: number + 1].count(name)
    return f"{name} {count}" if names.count(name) > 1 else name


def median_curve(tables: Any, x: str = "candidates") -> dict[str, np.ndarray]:
    """Return best so far over several runs: ``x``, ``median``, ``low`` and ``high``.

    ``low`` and ``high`` are the quartiles. It ends where the first of the runs does,
    and begins where all have a score that can be compared with their last one.
    """
    curves = []
    for table in tables:
        winners = best_so_far(table.score, table.level)
        is_fair = is_final_level(winners, table.level)
        curves.append((positions(table, x)[is_fair], table.score[winners[is_fair]]))
    if any(len(at) == 0 for at, _ in curves):
        raise ValueError("A search has no candidate that was evaluated on all folds.")
    start, end = (f(at[k] for at, _ in curves) for f, k in ((max, 0), (min, -1)))
    grid = np.unique(np.concatenate([at for at, _ in curves]))
    grid = grid[(grid >= start) & (grid <= end)]
    if len(grid) == 0:
        raise ValueError("The runs of a search have no time in common: compare fewer.")
    rows = [best[np.searchsorted(at, grid, "right") - 1] for at, best in curves]
    low, median, high = np.quantile(rows, (0.25, 0.5, 0.75), axis=0)
    return {"x": grid, "median": median, "low": low, "high": high}


class SearchComparisonDisplay:
    """Several searches side by side: how fast and how far each got.

    Lines are the best score so far; with several runs of a search (other
    ``random_state``) their median, with the quartiles as a band. One run of each says
    little: where bands overlap, so may the methods. Scores are comparable only on the
    same data, folds and metric. Where rows are the resource, the line of a search in
    rungs begins with its first candidate that was trained on all of them.

    Use :meth:`from_searches` to make one from fitted searches.

    Parameters
    ----------
    curves : dict of str -> dict
        For each search ``x``, ``median``, ``low`` and ``high``, arrays of one shape.
    x_label : str, default="Candidates evaluated"
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str -> matplotlib Line2D
    bands_ : dict of str -> matplotlib PolyCollection

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    >>> from sklearn.svm import SVC
    >>> from skhpo.plots import SearchComparisonDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = GridSearchCV(SVC(), {"C": [0.01, 0.1, 1, 10]}).fit(X, y)
    >>> random = [
    ...     RandomizedSearchCV(
    ...         SVC(), {"C": loguniform(0.01, 10)}, n_iter=4, random_state=seed
    ...     ).fit(X, y)
    ...     for seed in range(3)
    ... ]
    >>> both = {"grid": grid, "random": random}
    >>> display = SearchComparisonDisplay.from_searches(both)
    >>> list(display.lines_)
    ['grid', 'random']
    """

    def __init__(self, curves, *, x_label=X_LABELS["candidates"], metric="score"):
        self.curves = curves
        self.x_label = x_label
        self.metric = metric

    @classmethod
    def from_searches(cls, searches, *, ax=None, metric=None, x="candidates"):
        """Draw fitted searches together.

        Parameters
        ----------
        searches : dict of str -> search or list of searches
            By name; a list holds runs of one search. Or a list of searches.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.
        x : {"candidates", "seconds"}, default="candidates"
            What the horizontal axis counts. Seconds are those of all fits added up.

        Returns
        -------
        display : SearchComparisonDisplay
        """
        return cls(**comparison_data(searches, metric, x)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : SearchComparisonDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        self.lines_, self.bands_ = {}, {}
        for number, (name, curve) in enumerate(self.curves.items()):
            color = CYCLE[number % len(CYCLE)]
            (self.lines_[name],) = self.ax_.step(
                curve["x"],
                curve["median"],
                where="post",
                color=color,
                linewidth=2,
                linestyle=("-", "--", ":")[number // len(CYCLE) % 3],
                label=name,
            )
            self.bands_[name] = self.ax_.fill_between(
                curve["x"],
                curve["low"],
                curve["high"],
                step="post",
                color=color,
                alpha=0.15,
                linewidth=0,
            )
        drawn = [curve[k] for curve in self.curves.values() for k in ("median", "low")]
        top = max(curve["high"].max() for curve in self.curves.values())
        limit_scores(self.ax_, np.concatenate(drawn), top=top, note=False)
        ylabel = f"Best mean test {self.metric} so far"
        self.ax_.set(xlabel=self.x_label, ylabel=ylabel)
        legend_above(self.ax_)
        return self
