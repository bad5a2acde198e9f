"""The score against one parameter at a time, each on its own scale."""

from typing import Any

import numpy as np

from skhpo.plots._axis import declared_scales, param_axes
from skhpo.plots._figure import (
    GREEN,
    ORANGE,
    few_ticks,
    figure_and_grid,
    legend_above,
    limit_scores,
    visible_blues,
)
from skhpo.plots._surrogate import read_marginals
from skhpo.plots._table import (
    check_searched,
    check_some_params,
    read_table,
)

#: Values of a number that are shown one by one.
_FEW = 10


def slice_data(
    search: Any, metric: str | None = None, params: Any = None, band: bool = True
) -> dict:
    """Return the arguments of :class:`ParamSliceDisplay` for a fitted search."""
    table = read_table(search, metric)
    check_some_params(table)
    names = table.names if params is None else list(params)
    check_searched(names, table)
    rows = np.flatnonzero(np.isfinite(table.score) & table.at_the_top)
    if len(rows) == 0:
        raise ValueError("No candidate was evaluated on all folds: nothing to show.")
    settings = [table.params[row] for row in rows]
    names = [name for name in names if any(name in one for one in settings)]
    axes = param_axes(settings, names, declared_scales(search))
    bands, note = band_data(search, metric, axes) if band else (None, None)
    return {
        "axes": axes,
        "scores": table.score[rows],
        "order": rows + 1,
        "bands": bands,
        "note": note,
        "metric": table.metric,
    }


def band_data(search: Any, metric: str | None, axes: Any) -> tuple[Any, str | None]:
    """Return the marginals of the surrogate for each axis; or None, and why not.

    For each axis a list of curves, one for each alternative of the space that has the
    parameter: dicts of ``at`` (places on the axis), ``score``, ``low`` and ``high``.
    """
    found, doubt = read_marginals(search, metric)
    if doubt is not None:
        return None, f"no band: {doubt}".replace("\n", " ")
    return [[_curve(axis, one) for one in found.of(axis.name)] for axis in axes], None


def _curve(axis, marginal):
    at = axis.places_of(marginal.values)
    known = np.isfinite(at) & np.isfinite(marginal.score)
    order = np.flatnonzero(known)[np.argsort(at[known], kind="stable")]
    curves = {name: getattr(marginal, name)[order] for name in ("score", "low", "high")}
    return {"at": at[order], **curves}


class ParamSliceDisplay:
    """The score against one parameter at a time, each on its own scale.

    A dot is a candidate; the other parameters differ from dot to dot, so what counts is
    the upper edge of the cloud: how good can it be with this value? Darker dots came
    later; where they crowd the search has looked closely. The star is the best. A best
    value at the end of a range says that the range may be too narrow.

    The line is the mean of a surrogate over all settings of the other parameters, as
    the declared space would draw them; the band is one standard deviation of the
    surrogate to both sides. Of categories they are diamonds with bars. Dots lie above
    the line where the search chose good values of the other parameters. Without
    enough evidence (R2 of the surrogate below 0.3) there is no band, and a note.

    Of searches in rungs only the candidates trained furthest are shown.
    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    axes : list of ParamAxis
        One for each parameter.
    scores : array-like of shape (n,)
    order : array-like of shape (n,), default=None
        Number of each candidate, for the colour; None = as they come.
    bands : list of list of dict, default=None
        For each axis the marginals of the surrogate, one for each alternative of the
        space that has the parameter: ``at``, ``score``, ``low`` and ``high``, arrays of
        one shape.
    note : str, default=None
        Why there are no bands, to be written above the first panel.
    metric : str, default="score"

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_rows, n_columns)
        None where there is no panel.
    figure_ : matplotlib Figure
    points_ : list of matplotlib PathCollection
        One for each parameter.
    band_lines_ : list of list of matplotlib Line2D
        The means of the surrogate, for each parameter.
    note_ : matplotlib Text or None
    colorbar_ : matplotlib Colorbar or None
        None for fewer than ten candidates.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.svm import SVC
    >>> from skhpo.plots import ParamSliceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"C": [0.01, 1, 100], "kernel": ["linear", "rbf"]}
    >>> search = GridSearchCV(SVC(), grid).fit(X, y)
    >>> display = ParamSliceDisplay.from_search(search)
    >>> display.axes_[0, 0].get_xscale()
    'log'
    >>> display.note is None  # six candidates are not enough for a band
    False
    """

    def __init__(
        self, axes, scores, *, order=None, bands=None, note=None, metric="score"
    ):
        self.axes = axes
        self.scores = scores
        self.order = order
        self.bands = bands
        self.note = note
        self.metric = metric

    @classmethod
    def from_search(
        cls, search, *, ax=None, metric=None, params=None, band=True, n_columns=3
    ):
        """Draw the candidates of a fitted search.

        Parameters
        ----------
        search : search estimator
            Fitted: a search of skhpo, or one of scikit-learn, halving included.
        ax : matplotlib Axes, default=None
            Its place is divided among the panels; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.
        params : list of str, default=None
            Which parameters; None = all.
        band : bool, default=True
            Whether to draw the mean and the standard deviation of a surrogate, which
            takes about a second per hundred candidates.
        n_columns : int, default=3
            Panels side by side.

        Returns
        -------
        display : ParamSliceDisplay
        """
        data = slice_data(search, metric, params, band)
        return cls(**data).plot(ax=ax, n_columns=n_columns)

    def plot(self, ax=None, *, n_columns=3):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Its place is divided among the panels; None = a new figure.
        n_columns : int, default=3
            Panels side by side.

        Returns
        -------
        self : ParamSliceDisplay
        """
        self.figure_, self.axes_ = figure_and_grid(
            ax, len(self.axes), n_columns, sharey=True
        )
        scores = np.asarray(self.scores, float)
        panels = [panel for panel in self.axes_.ravel() if panel is not None]
        self.points_ = [
            self._draw_panel(panel, axis, scores, is_first=number == 0)
            for number, (panel, axis) in enumerate(zip(panels, self.axes, strict=True))
        ]
        bands = self.bands or [[] for _ in self.axes]
        self.band_lines_ = [
            [self._draw_curve(panel, axis, curve) for curve in curves]
            for panel, axis, curves in zip(panels, self.axes, bands, strict=True)
        ]
        self._explain(panels[0])
        for panel in self.axes_[:, 0]:
            panel.set_ylabel(f"Mean test {self.metric}", fontsize="small")
        for panel in self.axes_[:, 1:].ravel():
            if panel is not None:
                panel.tick_params(labelleft=False)
        self.colorbar_ = None
        if len(scores) >= 10:
            self.colorbar_ = self.figure_.colorbar(self.points_[-1], ax=panels)
            self.colorbar_.set_label("Candidate (darker = later)", fontsize="small")
        return self

    def _draw_panel(self, panel, axis, scores, is_first):
        order = np.arange(1, len(scores) + 1) if self.order is None else self.order
        at = axis.places
        if axis.is_category:
            at = at + np.random.default_rng(0).uniform(-0.2, 0.2, len(at))
        is_in = np.isfinite(at)
        points = panel.scatter(
            at[is_in],
            scores[is_in],
            c=np.asarray(order)[is_in],
            cmap=visible_blues(),
            vmin=1,
            vmax=max(2, np.max(order)),
            s=28 if len(scores) <= 60 else 14,
            edgecolors="0.35",
            linewidths=0.4,
        )
        best = int(np.argmax(scores))
        if is_in[best]:
            panel.plot(at[best], scores[best], "*", color=ORANGE, ms=12, mec="black")
        self._scale(panel, axis)
        limit_scores(panel, scores, note=is_first)
        return points

    def _draw_curve(self, panel, axis, curve):
        at, score, low, high = (curve[k] for k in ("at", "score", "low", "high"))
        if axis.is_category:
            panel.vlines(at, low, high, color=GREEN, linewidth=2.5, zorder=3)
            style = {"marker": "D", "ms": 6, "mec": "white", "linestyle": "none"}
        else:
            panel.fill_between(at, low, high, color=GREEN, alpha=0.2, linewidth=0)
            style = {"linewidth": 1.8}
            if len(at) <= _FEW:  # between them there is nothing
                style = {"linewidth": 1, "marker": "D", "ms": 5, "mec": "white"}
        (line,) = panel.plot(at, score, color=GREEN, zorder=4, **style)
        return line

    def _explain(self, panel):
        self.note_ = None
        if self.bands is not None and self.band_lines_[0]:
            label = "surrogate, mean over the others ± 1 sd"
            self.band_lines_[0][0].set_label(label)
            legend_above(panel)
        elif self.note is not None:
            self.note_ = panel.annotate(
                self.note,
                (0, 1.02),
                xycoords="axes fraction",
                fontsize="x-small",
                color="0.35",
            )

    def _scale(self, panel, axis):
        panel.set_xlabel(axis.name, fontsize="small")
        panel.tick_params(labelsize="small")
        if axis.is_category:
            texts = [axis.text_of(tick) for tick in axis.ticks()]
            is_long = sum(map(len, texts)) > 24
            turned = {"rotation": 35, "ha": "right"} if is_long else {}
            panel.set_xticks(axis.ticks(), texts, **turned)
            panel.set_xlim(axis.ends())
        elif axis.scale == "linear":
            few_ticks(panel, 5, axis.is_integer)
        else:
            panel.set_xscale(axis.scale)
            low, high = axis.ends()
            if axis.scale == "log" and high < 100 * low:  # one power of ten, or none
                ticks = axis.ticks()
                panel.set_xticks(ticks, [axis.text_of(tick) for tick in ticks])
            panel.minorticks_off()
