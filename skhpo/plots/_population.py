"""How a population went: its scores, who copied whom, and what was changed."""

from typing import Any

import numpy as np
import pandas as pd

from skhpo._errors import did_you_mean
from skhpo.plots._axis import declared_scales, param_axes
from skhpo.plots._figure import (
    GREY,
    ORANGE,
    RED,
    few_ticks,
    figure_and_ax,
    figure_and_grid,
    legend_above,
    limit_scores,
)
from skhpo.plots._table import read_table

_UNITS = "Trained for"


def population_frame(search: Any, metric: str | None = None) -> pd.DataFrame:
    """Return a row for each member and step, with the score in ``score``."""
    lineage = getattr(search, "lineage_", None)
    if lineage is None:
        raise ValueError(
            f"{type(search).__name__} has no lineage_: only a fitted PBTSearchCV has a "
            "population. RungDisplay shows searches in rungs, SearchHistoryDisplay any."
        )
    names = ["member", "event", "parent", "from", "to", "is_best"]
    frame = lineage[names].reset_index(drop=True)
    return frame.assign(score=read_table(search, metric).score)


def _unit(search):
    kind = getattr(search, "resource_info_", {}).get("kind", "units")
    return f"{_UNITS} ({kind})"


# ---- lineage


def lineage_data(search: Any, metric: str | None = None) -> dict:
    """Return the arguments of :class:`LineageDisplay` for a fitted search."""
    frame = population_frame(search, metric)
    written = read_table(search, metric).metric
    return {"lineage": frame, "x_label": _unit(search), "metric": written}


def lineage_segments(lineage: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the lines from each parent to its child, as (n, 2, 2) arrays by kind.

    ``"continue"``: a member went on; ``"exploit"``: it took over another's models;
    ``"best"``: the line that led to the best model, of either kind. Rows that failed
    have no line.
    """
    rows = lineage[lineage["parent"] >= 0]
    parents = lineage.loc[rows["parent"]]
    start, end = (part[["to", "score"]].to_numpy(float) for part in (parents, rows))
    segments = np.stack([start, end], axis=1)
    is_drawn = np.isfinite(segments).all(axis=(1, 2))
    is_copy = (rows["event"] == "exploit").to_numpy()
    is_best = rows["is_best"].to_numpy(bool)
    return {
        "continue": segments[is_drawn & ~is_copy & ~is_best],
        "exploit": segments[is_drawn & is_copy & ~is_best],
        "best": segments[is_drawn & is_best],
    }


class LineageDisplay:
    """How a population went: the score of each member, and who copied whom.

    A dot is a member after a step; a grey line goes on with its own models, a dashed
    one leads from the member that was copied. The thick line is the training that led
    to the best model, through whichever members it went. If almost all lines go back to
    one early member, the population had too little to choose from.

    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    lineage : DataFrame
        A row for each member and step, with the columns ``member``, ``event``,
        ``parent`` (a row number, -1 = none), ``from``, ``to``, ``is_best``, ``score``.
    x_label : str, default="Trained for (units)"
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
    lines_ : dict of str -> matplotlib LineCollection
        ``"continue"``, ``"exploit"`` and ``"best"``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skhpo import PBTSearchCV
    >>> from skhpo.plots import LineageDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SGDClassifier(learning_rate="constant", random_state=0)
    >>> space = {"eta0": (1e-4, 1.0, "log-uniform")}
    >>> search = PBTSearchCV(
    ...     model, space, population_size=4, n_steps=3, interval=2, random_state=0
    ... ).fit(X, y)
    >>> display = LineageDisplay.from_search(search)
    >>> sorted(display.lines_)
    ['best', 'continue', 'exploit']
    """

    def __init__(self, lineage, *, x_label=f"{_UNITS} (units)", metric="score"):
        self.lineage = lineage
        self.x_label = x_label
        self.metric = metric

    @classmethod
    def from_search(cls, search, *, ax=None, metric=None):
        """Draw the lineage of a fitted search.

        Parameters
        ----------
        search : PBTSearchCV
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.

        Returns
        -------
        display : LineageDisplay
        """
        return cls(**lineage_data(search, metric)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : LineageDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        from matplotlib.collections import LineCollection

        styles = {
            "continue": {"colors": GREY, "linewidths": 0.9, "label": "goes on"},
            "exploit": {
                "colors": RED,
                "linewidths": 0.9,
                "linestyles": "--",
                "label": "copied from",
            },
            "best": {"colors": ORANGE, "linewidths": 2.6, "label": "led to the best"},
        }
        self.lines_ = {}
        for kind, segments in lineage_segments(self.lineage).items():
            lines = LineCollection(segments, **styles[kind], zorder=1)
            self.lines_[kind] = self.ax_.add_collection(lines)
        scores = self.lineage["score"].to_numpy(float)
        self.points_ = self.ax_.scatter(
            self.lineage["to"], scores, s=14, color="0.35", zorder=2, label="member"
        )
        self.ax_.set(xlabel=self.x_label, ylabel=f"Mean test {self.metric}")
        steps = np.unique(self.lineage["to"])
        self.ax_.set_xticks(steps[:: -(-len(steps) // 12)])
        limit_scores(self.ax_, scores)
        legend_above(self.ax_, 4)
        return self


# ---- schedules


def schedule_data(search: Any, params: Any = None) -> dict:
    """Return the arguments of :class:`ScheduleDisplay` for a fitted search."""
    frame = population_frame(search)
    known = read_table(search).names
    names = list(getattr(search, "swapped_", known)) if params is None else list(params)
    for name in names:
        if name not in known:
            raise ValueError(
                f"{name!r} was not searched. The search has {known}."
                + did_you_mean(name, known)
            )
    settings = search.cv_results_["params"]
    axes = param_axes(settings, names, declared_scales(search))
    return {"lineage": frame, "axes": axes, "x_label": _unit(search)}


def stairs(
    lineage: pd.DataFrame, places: np.ndarray, rows: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of a value that is constant within each of some rows.

    Each row is drawn from where it began to where it ended, in the order of training.
    """
    part = lineage.loc[rows].sort_values("to", kind="stable")
    x = part[["from", "to"]].to_numpy(float).ravel()
    return x, np.repeat(np.asarray(places, float)[part.index], 2)


class ScheduleDisplay:
    """What was changed during training: each parameter over time, and the schedule.

    A thin line is a member; it jumps where the member copied another and changed the
    setting. The thick line is the schedule that led to the best model
    (``best_schedule_``). A rate that falls from left to right was annealed; thick lines
    that wander without direction say that a fixed setting would have done.

    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    lineage : DataFrame
        A row for each member and step, as for :class:`LineageDisplay`.
    axes : list of ParamAxis
        One for each parameter.
    x_label : str, default="Trained for (units)"

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_rows, n_columns)
        None where there is no panel.
    figure_ : matplotlib Figure
    lines_ : list of lists of matplotlib Line2D
        For each parameter one line for each member.
    best_lines_ : list of matplotlib Line2D
        The schedule, by parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skhpo import PBTSearchCV
    >>> from skhpo.plots import ScheduleDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SGDClassifier(learning_rate="constant", random_state=0)
    >>> space = {"eta0": (1e-4, 1.0, "log-uniform")}
    >>> search = PBTSearchCV(
    ...     model, space, population_size=4, n_steps=3, interval=2, random_state=0
    ... ).fit(X, y)
    >>> display = ScheduleDisplay.from_search(search)
    >>> display.axes_[0, 0].get_yscale()
    'log'
    """

    def __init__(self, lineage, axes, *, x_label=f"{_UNITS} (units)"):
        self.lineage = lineage
        self.axes = axes
        self.x_label = x_label

    @classmethod
    def from_search(cls, search, *, ax=None, params=None, n_columns=2):
        """Draw the schedules of a fitted search.

        Parameters
        ----------
        search : PBTSearchCV
            Fitted.
        ax : matplotlib Axes, default=None
            Its place is divided among the panels; None = a new figure.
        params : list of str, default=None
            Which parameters; None = those that may change during training.
        n_columns : int, default=2
            Panels side by side.

        Returns
        -------
        display : ScheduleDisplay
        """
        return cls(**schedule_data(search, params)).plot(ax=ax, n_columns=n_columns)

    def plot(self, ax=None, *, n_columns=2):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Its place is divided among the panels; None = a new figure.
        n_columns : int, default=2
            Panels side by side.

        Returns
        -------
        self : ScheduleDisplay
        """
        self.figure_, self.axes_ = figure_and_grid(ax, len(self.axes), n_columns)
        panels = [panel for panel in self.axes_.ravel() if panel is not None]
        self.lines_, self.best_lines_ = [], []
        for panel, axis in zip(panels, self.axes, strict=True):
            self._draw_panel(panel, axis)
        legend_above(panels[0])
        return self

    def _draw_panel(self, panel, axis):
        groups = self.lineage.groupby("member").groups
        faint = float(np.clip(8 / len(groups), 0.3, 0.9))
        lines = []
        for number, rows in enumerate(groups.values()):
            x, y = stairs(self.lineage, axis.places, rows)
            label = "a member" if number == 0 else None
            style = {"color": GREY, "alpha": faint, "linewidth": 1, "label": label}
            lines += panel.plot(x, y, **style)
        self.lines_.append(lines)
        best = np.flatnonzero(self.lineage["is_best"])
        x, y = stairs(self.lineage, axis.places, best)
        self.best_lines_ += panel.plot(
            x, y, color=ORANGE, linewidth=2.6, label="schedule of the best"
        )
        panel.set_ylabel(axis.name, fontsize="small")
        panel.set_xlabel(self.x_label, fontsize="small")
        few_ticks(panel, 6, integer=True)
        if axis.is_category:
            ticks = axis.ticks()
            panel.set_yticks(ticks, [axis.text_of(tick) for tick in ticks])
        elif axis.scale != "linear":
            panel.set_yscale(axis.scale)
            panel.minorticks_off()
