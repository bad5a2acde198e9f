"""Which parameters mattered, how surely, and whether there is evidence at all."""

import numpy as np

from skhpo.importance import SearchImportance, search_importance
from skhpo.plots._figure import (
    BLUE,
    GREY,
    PURPLE,
    SKY,
    few_ticks,
    figure_and_ax,
    legend_above,
    short,
)
from skhpo.plots._surrogate import doubt_of
from skhpo.plots._table import check_some_params, read_table


def importance_data(importance: SearchImportance, n_bars: int = 15) -> dict:
    """Return the arguments of :class:`ParamImportanceDisplay`."""
    if not isinstance(importance, SearchImportance):
        raise TypeError(
            "from_importance draws what skhpo.importance.search_importance returned, "
            f"got a {type(importance).__name__}. Of a search: from_search(search)."
        )
    table = importance.importances.iloc[:n_bars]
    return {
        "names": [_name(name, row) for name, row in table.iterrows()],
        "total": table["importance"].to_numpy(float),
        "main": table["main"].to_numpy(float),
        "intervals": table[["low", "high"]].to_numpy(float),
        "interactions": _pairs(importance.interactions, n_bars),
        "surrogate_score": importance.surrogate_score,
        "doubt": doubt_of(importance),
        "n_used": importance.n_used,
        "n_more": len(importance.importances) - len(table),
        "metric": importance.metric,
    }


def _name(name, row):
    text = short(name, 32)
    is_everywhere = not row.share_active < 1  # nan too: there is no surrogate
    return text if is_everywhere else f"{text}\n(active in {row.share_active:.0%})"


def _pairs(table, n_bars):
    """Return (text, share, low, high) of the strongest pairs; None = not asked for."""
    if table is None:
        return None
    return [
        (_pair_name(row.first, row.second), row.share, row.low, row.high)
        for row in table.head(min(5, n_bars)).itertuples()
        if np.isfinite(row.share)
    ]


def _pair_name(first, second):
    return " × ".join(short(name, 20) for name in (first, second))


class ParamImportanceDisplay:
    """Which parameters mattered, how surely, and whether there is evidence at all.

    A bar is a parameter's total Sobol index: the share of the variance of the score
    that would remain if all other parameters were known. The dark part is what it does
    alone (its main effect); the light rest it does together with others. The line is a
    90 % interval. All of it is read off a surrogate, and is worth as much as this is:
    its R2 on settings that it has not seen stands below the axis. Where that is below
    0.3 the bars are grey, and the picture says that there is not enough evidence.

    Use :meth:`from_search` or :meth:`from_importance` to make one.

    Parameters
    ----------
    names : list of str
        The parameters, the most important one first.
    total, main : array-like of shape (n,)
        Total indices and main effects.
    intervals : array-like of shape (n, 2)
        Of the total indices; nan = none.
    interactions : list of (name, share, low, high), default=None
        Pairs of parameters, drawn below the parameters.
    surrogate_score : float, default=nan
        R2 of the surrogate on settings that it has not seen.
    doubt : str, default=None
        Why the bars are not to be believed; None = they are.
    n_used : int, default=None
        Settings behind the surrogate.
    n_more : int, default=0
        Parameters that were left out, the least important ones.
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_, main_bars_ : matplotlib BarContainer
        Total indices, and the main effects inside.
    pair_bars_ : matplotlib BarContainer or None
    intervals_ : matplotlib LineCollection or None
    doubt_ : matplotlib Text or None
        The warning that there is not enough evidence.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.plots import ParamImportanceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [1, 5, 20, 50, 100], "p": [1, 2]}
    ... ).fit(X, y)
    >>> display = ParamImportanceDisplay.from_search(search)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['n_neighbors', 'p']
    >>> display.doubt_ is None
    True
    """

    def __init__(
        self,
        names,
        total,
        main,
        intervals,
        *,
        interactions=None,
        surrogate_score=float("nan"),
        doubt=None,
        n_used=None,
        n_more=0,
        metric="score",
    ):
        self.names = names
        self.total = total
        self.main = main
        self.intervals = intervals
        self.interactions = interactions
        self.surrogate_score = surrogate_score
        self.doubt = doubt
        self.n_used = n_used
        self.n_more = n_more
        self.metric = metric

    @classmethod
    def from_search(
        cls,
        search,
        *,
        ax=None,
        metric=None,
        region="all",
        method="auto",
        interactions=False,
        n_bars=15,
        random_state=0,
    ):
        """Draw which parameters of a fitted search mattered.

        Parameters
        ----------
        search : search estimator
            Fitted: a search of skhpo, or one of scikit-learn, halving included.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.
        region : {"all", "top"}, default="all"
            ``"top"``: what matters among settings that are decent already.
        method : {"auto", "gp", "forest"}, default="auto"
            The surrogate, as of :func:`~skhpo.importance.search_importance`.
        interactions : bool, default=False
            Whether to draw the five strongest pairs as well.
        n_bars : int, default=15
            How many parameters at most.
        random_state : int, RandomState instance or None, default=0
            For the points and samples behind the figures.

        Returns
        -------
        display : ParamImportanceDisplay
        """
        check_some_params(read_table(search, metric))
        found = search_importance(
            search,
            metric=metric,
            method=method,
            region=region,
            interactions=interactions,
            random_state=random_state,
        )
        return cls.from_importance(found, ax=ax, n_bars=n_bars)

    @classmethod
    def from_importance(cls, importance, *, ax=None, n_bars=15):
        """Draw what :func:`~skhpo.importance.search_importance` returned.

        Parameters
        ----------
        importance : SearchImportance
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        n_bars : int, default=15
            How many parameters at most.

        Returns
        -------
        display : ParamImportanceDisplay
        """
        return cls(**importance_data(importance, n_bars)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : ParamImportanceDisplay
        """
        n_rows = len(self.names) + len(self.interactions or [])
        self.figure_, self.ax_ = figure_and_ax(ax, (7.0, 1.6 + 0.38 * n_rows))
        self._draw_bars()
        self._draw_pairs()
        self._draw_doubt()
        self._label()
        return self

    def _draw_bars(self):
        light, dark = (SKY, BLUE) if self.doubt is None else ("0.85", "0.7")
        places = np.arange(len(self.names))
        total, main = (np.nan_to_num(np.asarray(v, float)) for v in self._lengths())
        self.bars_ = self.ax_.barh(
            places, total, color=light, height=0.7, label="total, with others"
        )
        self.main_bars_ = self.ax_.barh(
            places, main, color=dark, height=0.7, label="alone (main effect)"
        )
        self.intervals_ = self._draw_intervals(places, self.intervals)

    def _lengths(self):
        """Main effects end where the total does: both are estimates."""
        total = np.asarray(self.total, float)
        return total, np.minimum(np.asarray(self.main, float), total)

    def _draw_intervals(self, places, intervals):
        intervals = np.asarray(intervals, float).reshape(-1, 2)
        known = np.isfinite(intervals).all(axis=1)
        if not known.any():
            return None
        low, high = intervals[known].T
        color = "black" if self.doubt is None else GREY
        return self.ax_.hlines(
            np.asarray(places)[known], low, high, color=color, linewidth=1.3, zorder=3
        )

    def _draw_pairs(self):
        self.pair_bars_ = None
        if not self.interactions:
            return
        _, shares, low, high = zip(*self.interactions, strict=True)
        places = len(self.names) + 0.4 + np.arange(len(shares))
        color = PURPLE if self.doubt is None else "0.85"
        self.pair_bars_ = self.ax_.barh(
            places, shares, color=color, height=0.5, label="pairs, acting together"
        )
        self._draw_intervals(places, np.column_stack([low, high]))

    def _draw_doubt(self):
        self.doubt_ = None
        if self.doubt is not None:
            self.doubt_ = self.ax_.annotate(
                self.doubt,
                (0.97, 0.06),
                xycoords="axes fraction",
                ha="right",
                va="bottom",
                bbox={"fc": "white", "ec": "0.5", "alpha": 0.9, "boxstyle": "round"},
                zorder=5,
            )

    def _label(self):
        n, pairs = len(self.names), self.interactions or []
        places = [*range(n), *(n + 0.4 + k for k in range(len(pairs)))]
        texts = [*self.names, *(pair[0] for pair in pairs)]
        self.ax_.set_yticks(places, texts, fontsize="small")
        self.ax_.set_ylim(places[-1] + 0.7, -0.7)
        self.ax_.set_xlim(left=0)
        if self.ax_.get_xlim()[1] <= 0 or not np.isfinite(self.total).any():
            self.ax_.set_xlim(0, 1)
        few_ticks(self.ax_, 6)
        self.ax_.set_xlabel(f"Share of the variance of {self.metric}\n{self._trust()}")
        if np.isfinite(self.total).any():
            legend_above(self.ax_)

    def _trust(self):
        score = self.surrogate_score
        parts = [] if self.n_used is None else [f"{self.n_used} settings"]
        if np.isfinite(score):
            parts.append(f"R² of the surrogate on unseen ones {score:.2f}")
        if self.n_more:
            parts.append(f"{self.n_more} lesser parameters not shown")
        return ", ".join(parts)
