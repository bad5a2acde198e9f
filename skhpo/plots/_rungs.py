"""How scores grow with training: the learning curves of a search in rungs."""

from typing import Any

import numpy as np
import pandas as pd

from skhpo.plots._figure import CYCLE, ORANGE, figure_and_ax, legend_above, limit_scores
from skhpo.plots._table import best_so_far, read_table, results_of


def rung_data(search: Any, metric: str | None = None) -> dict:
    """Return the arguments of :class:`RungDisplay` for a fitted search."""
    results = results_of(search)
    if "n_resources" not in results:
        raise ValueError(
            f"{type(search).__name__} trained every candidate to the end: it has no "
            "rungs. RungDisplay shows HyperbandSearchCV, HalvingGridSearchCV and "
            "HalvingRandomSearchCV; SearchHistoryDisplay shows any search."
        )
    table = read_table(search, metric)
    n = len(table.score)
    frame = pd.DataFrame(
        {
            "candidate": results.get("candidate", _candidates(search, table.params)),
            "bracket": results.get("bracket", np.zeros(n, dtype=int)),
            "n_resources": table.resource.astype(int),
            "score": table.score,
        }
    )
    best = int(frame["candidate"].iloc[best_so_far(table.score, table.level)[-1]])
    frame = frame[np.isfinite(frame["score"])]
    if frame.empty:
        raise ValueError("No candidate was evaluated at any rung: nothing to show.")
    order = ["candidate", "n_resources"]
    frame = frame.sort_values(order, kind="stable").reset_index(drop=True)
    names = {"unit": _unit(search), "metric": table.metric}
    return {"curves": frame, "best": best, **names}


def _candidates(search, params):
    """(n,): numbers of the candidates of a halving search, which has none itself.

    The same setting is the same candidate; the resource may be one of its parameters.
    """
    resource = getattr(search, "resource", None)
    keys = [
        repr(sorted((k, repr(v)) for k, v in one.items() if k != resource))
        for one in params
    ]
    number_of = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([number_of[key] for key in keys])


def _unit(search):
    info = getattr(search, "resource_info_", None)
    if info is not None:
        return str(info["kind"])
    return str(getattr(search, "resource", "resource"))


class RungDisplay:
    """How scores grow with training: the learning curves of a search in rungs.

    One line is one candidate; it ends where the candidate was stopped, and a lone dot
    was not promoted at all. Where lines cross a lot, low rungs say little about high
    ones, and a larger ``min_resource`` is worth its price.

    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    curves : DataFrame
        A row for each candidate and resource, with the columns ``candidate``,
        ``bracket``, ``n_resources`` and ``score``.
    best : int, default=None
        The candidate to highlight; None = none.
    unit : str, default="resource"
        What the resource counts, for the axis.
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each candidate, in the order of their numbers.
    best_line_ : matplotlib Line2D or None
        The curve of ``best``, all the way that it was trained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skhpo import HyperbandSearchCV
    >>> from skhpo.plots import RungDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"alpha": (1e-6, 1.0, "log-uniform")}
    >>> model = SGDClassifier(random_state=0)
    >>> search = HyperbandSearchCV(model, space, max_resource=9, random_state=0)
    >>> search = search.fit(X, y)
    >>> display = RungDisplay.from_search(search)
    >>> display.ax_.get_xlabel()
    'epochs'
    """

    def __init__(self, curves, *, best=None, unit="resource", metric="score"):
        self.curves = curves
        self.best = best
        self.unit = unit
        self.metric = metric

    @classmethod
    def from_search(cls, search, *, ax=None, metric=None):
        """Draw the rungs of a fitted search.

        Parameters
        ----------
        search : search estimator
            Fitted: ``HyperbandSearchCV``, or a halving search of scikit-learn.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.

        Returns
        -------
        display : RungDisplay
        """
        return cls(**rung_data(search, metric)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : RungDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        brackets = sorted(self.curves["bracket"].unique())
        color_of = {b: CYCLE[k % len(CYCLE)] for k, b in enumerate(brackets)}
        color_of = {b: c if c != ORANGE else CYCLE[-1] for b, c in color_of.items()}
        groups = self.curves.groupby("candidate")
        faint = float(np.clip(20 / len(groups), 0.25, 0.8))
        self.lines_ = [
            self._draw_curve(curve, color_of[curve["bracket"].iloc[0]], faint)
            for _, curve in groups
        ]
        self.best_line_ = None
        if self.best is not None:
            self._draw_best(self.curves[self.curves["candidate"] == self.best])
        self._scale()
        self._legend(color_of)
        limit_scores(self.ax_, self.curves["score"].to_numpy())
        return self

    def _draw_curve(self, curve, color, alpha):
        (line,) = self.ax_.plot(
            curve["n_resources"],
            curve["score"],
            "o-",
            color=color,
            alpha=alpha,
            markersize=3.5,
            linewidth=1,
        )
        return line

    def _draw_best(self, curve):
        (self.best_line_,) = self.ax_.plot(
            curve["n_resources"],
            curve["score"],
            "o-",
            color=ORANGE,
            markersize=5,
            linewidth=2.5,
            label="best",
            zorder=4,
        )

    def _scale(self):
        rungs = np.unique(self.curves["n_resources"])
        if rungs[-1] > 4 * rungs[0]:
            self.ax_.set_xscale("log")
            self.ax_.minorticks_off()
        shown = rungs if len(rungs) <= 12 else rungs[:: -(-len(rungs) // 12)]
        self.ax_.set_xticks(shown, [str(rung) for rung in shown])
        self.ax_.set(xlabel=self.unit, ylabel=f"Mean test {self.metric}")

    def _legend(self, color_of):
        if len(color_of) > 1:
            for bracket, color in color_of.items():
                of_bracket = self.curves["bracket"] == bracket
                n = self.curves.loc[of_bracket, "candidate"].nunique()
                label = f"bracket {bracket} ({n})"
                self.ax_.plot([], [], "o-", color=color, label=label)
        legend_above(self.ax_)
