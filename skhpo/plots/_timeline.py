"""What the workers did all the time: fits as bars, and what was idle."""

from typing import Any

import numpy as np
import pandas as pd

from skhpo.plots._figure import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    figure_and_ax,
    legend_above,
    visible_blues,
)

#: What a bar is coloured by.
COLOURS = ("auto", "status", "candidate")

_COLOUR_OF = {
    "complete": BLUE,
    "promoted": SKY,
    "stopped": PURPLE,
    "raced_out": ORANGE,
    "ahead": GREEN,
    "failed": RED,
    "interrupted": "0.5",
}


def timeline_data(search: Any) -> dict:
    """Return the arguments of :class:`TimelineDisplay` for a fitted search."""
    timeline = getattr(search, "timeline_", None)
    if timeline is None:
        raise ValueError(
            f"{type(search).__name__} has no timeline_: it is not fitted, or no search "
            "of skhpo. scikit-learn's searches do not keep when a fit began, and who "
            "did it; SearchHistoryDisplay.from_search(search, x='seconds') shows the "
            "work of any search."
        )
    timeline = timeline[np.isfinite(timeline["start"])]
    if timeline.empty:
        raise ValueError("No fit ended before the search did: nothing to show.")
    return {"timeline": timeline.reset_index(drop=True)}


def idle_share(timeline: pd.DataFrame) -> float:
    """Return the share of the workers' time, first to last fit, without a fit."""
    end = (timeline["start"] + timeline["seconds"]).max()
    whole = timeline["worker"].nunique() * (end - timeline["start"].min())
    if whole <= 0:
        return 0.0
    return float(np.clip(1 - timeline["seconds"].sum() / whole, 0, 1))


def worker_labels(workers: list[str]) -> list[str]:
    """Return names without what all have in common; threads are numbered."""
    parts = [worker.rpartition("/") for worker in workers]
    processes = [head or tail for head, _, tail in parts]
    hosts = {name.rpartition(":")[0] for name in processes}
    if len(hosts) == 1:
        processes = [name.rpartition(":")[2] for name in processes]
    if not any(head for head, _, _ in parts):
        return processes
    return [f"{name} thread {k}" for k, name in enumerate(processes, 1)]


class TimelineDisplay:
    """What the workers did all the time: fits as bars, and what was idle.

    One row is a worker, one bar the fit and the scoring of a candidate on a fold. Gaps
    are waiting: for the optimizer, for the order in which results are told to it, or
    for the end of the search, when fewer fits are left than workers. The title says
    which share of the workers' time they are, from the first fit to the end of the
    last; workers that had no fit at all do not count. Long gaps everywhere speak for
    fewer workers, for a larger ``n_points``, or for ``asynchronous=True``.

    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    timeline : DataFrame
        As ``search.timeline_``: ``number``, ``worker``, ``start``, ``seconds`` and
        ``status``.
    color : {"auto", "status", "candidate"}, default="auto"
        By what became of the candidate, or by its row in ``cv_results_``, darker =
        later. "auto" = by status where there is more than one.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : list of matplotlib PolyCollection
        One for each worker, in the order of their first fits.
    idle_ : float
        Share of the workers' time without a fit.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skhpo import BayesSearchCV
    >>> from skhpo.plots import TimelineDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": (1e-3, 1e3, "log-uniform")}
    >>> search = BayesSearchCV(SVC(), space, n_iter=5, cv=3, random_state=0).fit(X, y)
    >>> display = TimelineDisplay.from_search(search)
    >>> len(display.bars_[0].get_paths())  # 5 candidates x 3 folds
    15
    """

    def __init__(self, timeline, *, color="auto"):
        self.timeline = timeline
        self.color = color

    @classmethod
    def from_search(cls, search, *, ax=None, color="auto"):
        """Draw the timeline of a fitted search.

        Parameters
        ----------
        search : search estimator
            Of skhpo, fitted or interrupted.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        color : {"auto", "status", "candidate"}, default="auto"
            What the colours mean.

        Returns
        -------
        display : TimelineDisplay
        """
        return cls(**timeline_data(search), color=color).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : TimelineDisplay
        """
        by_status = self._is_by_status()
        workers = list(dict.fromkeys(self.timeline["worker"]))
        size = (8, 1.6 + min(0.35 * len(workers), 8))
        self.figure_, self.ax_ = figure_and_ax(ax, size)
        colours = self._colours(by_status)
        self.bars_ = [
            self._draw_worker(
                row, (self.timeline["worker"] == worker).to_numpy(), colours
            )
            for row, worker in enumerate(workers)
        ]
        self.idle_ = idle_share(self.timeline)
        self._label(workers)
        if by_status:
            self._draw_legend()
        else:
            self.ax_.set_title("darker = later", fontsize="small", loc="left")
        return self

    def _is_by_status(self):
        if self.color not in COLOURS:
            raise ValueError(f"color must be one of {COLOURS}, got {self.color!r}.")
        if self.color == "auto":
            return self.timeline["status"].nunique() > 1
        return self.color == "status"

    def _colours(self, by_status):
        """(n, 4) or (n,) colours of the fits; grey where there is no row."""
        if by_status:
            return self.timeline["status"].map(_COLOUR_OF).fillna("0.5").to_numpy()
        number = self.timeline["number"].to_numpy()
        colours = visible_blues()(number / max(number.max(), 1))
        colours[number < 0] = (0.5, 0.5, 0.5, 1)
        return colours

    def _draw_worker(self, row, is_here, colours):
        fits = self.timeline.loc[is_here, ["start", "seconds"]].to_numpy()
        return self.ax_.broken_barh(
            fits,
            (row - 0.4, 0.8),
            facecolors=colours[is_here],
            edgecolors="white",
            linewidth=0.4 if len(fits) <= 150 else 0,
        )

    def _label(self, workers):
        n = len(workers)
        step = -(-n // 24)
        texts = worker_labels(workers)
        self.ax_.set_yticks(range(0, n, step), texts[::step], fontsize="x-small")
        self.ax_.set_ylim(n - 0.4, -0.6)
        self.ax_.set_xlim(left=0)
        self.ax_.set(xlabel="Seconds since the first fit", ylabel="Worker")
        of = "1 worker" if n == 1 else f"{n} workers"
        title = f"{of}, {len(self.timeline)} fits, idle {self.idle_:.0%}"
        self.ax_.set_title(title, fontsize="small", loc="right")

    def _draw_legend(self):
        for status in dict.fromkeys(self.timeline["status"]):
            colour = _COLOUR_OF.get(status, "0.5")
            self.ax_.barh(0, 0, color=colour, label=status.replace("_", " "))
        legend_above(self.ax_, n_columns=4)
