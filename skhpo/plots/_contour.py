"""Two parameters at once: where is it good, and where did the search look?"""

from itertools import combinations
from typing import Any

import numpy as np

from skhpo.plots._axis import declared_scales, param_axes
from skhpo.plots._figure import ORANGE, few_ticks, figure_and_ax, legend_above
from skhpo.plots._surrogate import read_marginals
from skhpo.plots._table import check_searched, lowest_to_show, read_table

_LEVELS = 12


def contour_data(
    search: Any, params: Any = None, metric: str | None = None
) -> dict[str, Any]:
    """Return the arguments of :class:`ContourDisplay` for a fitted search."""
    table = read_table(search, metric)
    _check_names(table, params)
    found, doubt = read_marginals(search, metric)
    names = _most_important(table, found) if params is None else list(params)
    rows = _rows_with(table, names)
    if not rows:
        raise ValueError(f"No candidate that was evaluated on all folds has {names}.")
    axes = param_axes([table.params[r] for r in rows], names, declared_scales(search))
    pair = None if found is None or found.reason else found.of_pair(*names)
    if pair is None and doubt is None:
        doubt = "no setting has both"
    return {
        "axes": axes,
        "scores": table.score[rows],
        "surface": None if pair is None else _surface(axes, pair),
        "doubt": doubt,
        "surrogate_score": np.nan if found is None else found.surrogate_score,
        "metric": table.metric,
    }


def _check_names(table, params):
    if len(table.names) < 2:
        raise ValueError(
            f"A contour needs two parameters; the search has {table.names}. "
            "ParamSliceDisplay shows one at a time."
        )
    if params is None:
        return
    names = [params] if isinstance(params, str) else list(params)
    check_searched(names, table)
    if len(names) != 2 or names[0] == names[1]:
        raise ValueError(
            f"A contour needs two different parameters, got params={params!r}. The "
            f"search has {table.names}."
        )


def _most_important(table, found):
    """Return the two most important parameters of those that some candidate has."""
    names = table.names
    if found is not None and found.reason is None:
        names = [name for name in found.most_important() if name in names]
    pairs = combinations(names, 2)
    return next((list(p) for p in pairs if _rows_with(table, p)), table.names[:2])


def _rows_with(table, names):
    """Return the rows to be drawn: in full, with all of the parameters."""
    rows = np.flatnonzero(np.isfinite(table.score) & table.at_the_top)
    return [row for row in rows if all(name in table.params[row] for name in names)]


def _surface(axes, pair):
    """Return x (g,), y (h,) in ascending order and z (h, g), places on the axes."""
    x, y = (axis.places_of(v) for axis, v in zip(axes, pair.values, strict=True))
    columns, rows = (np.argsort(v)[: np.isfinite(v).sum()] for v in (x, y))
    return {"x": x[columns], "y": y[rows], "z": pair.score.T[np.ix_(rows, columns)]}


class ContourDisplay:
    """Show where two parameters are good together, and where the search looked.

    The colour is what a surrogate expects of two values, as the mean over all settings
    of the other parameters that the declared space would draw. Dots are candidates, in
    the colour of their own scores; the star is the best. A dot is brighter than what is
    around it where the other parameters were chosen well. Where no dots are, the colour
    is a guess. Without enough evidence (R2 of the surrogate below 0.3) the surface is
    pale, and the picture says so.

    Of searches in rungs only the candidates trained furthest are shown.
    Use :meth:`from_search` to make one from a fitted search.

    Parameters
    ----------
    axes : list of two ParamAxis
        The horizontal one first.
    scores : array-like of shape (n,)
    surface : dict, default=None
        ``x`` of shape (g,) and ``y`` of shape (h,), in ascending order, and ``z`` of
        shape (h, g). None = only dots.
    doubt : str, default=None
        Why the surface is not to be believed; None = it is.
    surrogate_score : float, default=nan
        R2 of the surrogate on settings that it has not seen.
    metric : str, default="score"

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    surface_ : matplotlib QuadContourSet, QuadMesh or None
        Contours of two numbers; cells where one of them is a category.
    points_ : matplotlib PathCollection
    star_ : matplotlib Line2D
        The best candidate.
    colorbar_ : matplotlib Colorbar
    doubt_ : matplotlib Text or None

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import RandomizedSearchCV
    >>> from sklearn.svm import SVC
    >>> from skhpo.plots import ContourDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 1e1)}
    >>> search = RandomizedSearchCV(SVC(), space, n_iter=25, random_state=0).fit(X, y)
    >>> display = ContourDisplay.from_search(search, params=["C", "gamma"])
    >>> display.ax_.get_xscale(), display.ax_.get_ylabel()
    ('log', 'gamma')
    """

    def __init__(
        self,
        axes,
        scores,
        *,
        surface=None,
        doubt=None,
        surrogate_score=float("nan"),
        metric="score",
    ):
        self.axes = axes
        self.scores = scores
        self.surface = surface
        self.doubt = doubt
        self.surrogate_score = surrogate_score
        self.metric = metric

    @classmethod
    def from_search(cls, search, params=None, *, ax=None, metric=None):
        """Draw two parameters of a fitted search.

        Parameters
        ----------
        search : search estimator
            Fitted: a search of skhpo, or one of scikit-learn, halving included.
        params : list of two str, default=None
            Which parameters, the horizontal one first; None = the two most important
            ones.
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.
        metric : str, default=None
            Which of several metrics; None = the one that steered, or ``refit``.

        Returns
        -------
        display : ContourDisplay
        """
        return cls(**contour_data(search, params, metric)).plot(ax=ax)

    def plot(self, ax=None):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None = a new figure.

        Returns
        -------
        self : ContourDisplay
        """
        self.figure_, self.ax_ = figure_and_ax(ax)
        colours = {"cmap": "viridis", **self._limits()}
        self._draw_surface(colours)
        self._draw_points(colours)
        self._scale()
        self.colorbar_ = self.figure_.colorbar(self.points_, ax=self.ax_)
        self.colorbar_.set_label(f"Mean test {self.metric}", fontsize="small")
        self._draw_doubt()
        legend_above(self.ax_)
        return self

    def _limits(self):
        """One scale for dots and surface; absurd scores have the colour of its end."""
        scores = np.asarray(self.scores, float)
        low = max(scores.min(), lowest_to_show(scores))
        high = scores.max()
        return {"vmin": low, "vmax": high if high > low else low + 1e-9}

    def _draw_surface(self, colours):
        self.surface_ = None
        if self.surface is None:
            return
        x, y, z = (self.surface[name] for name in "xyz")
        colours = {**colours, "alpha": 0.85 if self.doubt is None else 0.3}
        if len(x) > 1 and len(y) > 1 and not any(a.is_category for a in self.axes):
            levels = np.linspace(colours["vmin"], colours["vmax"], _LEVELS + 1)
            self.surface_ = self.ax_.contourf(
                x, y, z, levels, extend="both", **colours, zorder=0
            )
            return
        edges = [_edges(a, v) for a, v in zip(self.axes, (x, y), strict=True)]
        self.surface_ = self.ax_.pcolormesh(*edges, z, **colours, zorder=0)

    def _draw_points(self, colours):
        x, y = self._places()
        scores = np.asarray(self.scores, float)
        order = np.argsort(scores, kind="stable")  # the best on top
        self.points_ = self.ax_.scatter(
            x[order],
            y[order],
            c=scores[order],
            s=30 if len(scores) <= 60 else 14,
            edgecolors="white",
            linewidths=0.7,
            label="candidate",
            zorder=2.5,
            clip_on=False,
            **colours,
        )
        best = order[-1]
        (self.star_,) = self.ax_.plot(
            x[best],
            y[best],
            "*",
            color=ORANGE,
            markersize=14,
            markeredgecolor="black",
            linestyle="none",
            label=f"best ({scores[best]:.4g})",
            zorder=3,
            clip_on=False,
        )

    def _places(self):
        """Categories would lie on top of each other; a fixed jitter separates them."""
        rng = np.random.default_rng(0)
        return [
            axis.places + rng.uniform(-0.25, 0.25, len(axis.places))
            if axis.is_category
            else axis.places
            for axis in self.axes
        ]

    def _scale(self):
        from matplotlib.ticker import NullLocator

        for which, axis in zip("xy", self.axes, strict=True):
            getattr(self.ax_, f"set_{which}label")(axis.name)
            if axis.is_category:
                ticks = axis.ticks()
                texts = [axis.text_of(tick) for tick in ticks]
                getattr(self.ax_, f"set_{which}ticks")(ticks, texts)
                getattr(self.ax_, f"set_{which}lim")(axis.ends())
            elif axis.scale == "linear":
                few_ticks(self.ax_, 6, axis.is_integer, which)
            else:
                getattr(self.ax_, f"set_{which}scale")(axis.scale)
                lines = self.ax_.xaxis if which == "x" else self.ax_.yaxis
                lines.set_minor_locator(NullLocator())  # logit writes at each of them

    def _draw_doubt(self):
        self.doubt_ = None
        score = self.surrogate_score
        if self.doubt is None and np.isfinite(score):
            self.colorbar_.set_label(
                f"Mean test {self.metric} (R² of the surrogate {score:.2f})",
                fontsize="small",
            )
        elif self.doubt is not None:
            self.doubt_ = self.ax_.annotate(
                self.doubt,
                (0.98, 0.02),
                xycoords="axes fraction",
                ha="right",
                va="bottom",
                fontsize="small",
                bbox={"fc": "white", "ec": "0.5", "alpha": 0.85, "boxstyle": "round"},
                zorder=5,
            )


def _edges(axis, at):
    """Edges of cells around places in ascending order, on the axis' own scale."""
    if axis.is_category:
        return np.append(at - 0.5, at[-1] + 0.5)
    if len(at) == 1:
        return np.array([at[0] * 0.9, at[0] * 1.1]) if at[0] else np.array([-0.5, 0.5])
    forward, back = _FORTH_AND_BACK[axis.scale]
    t = forward(at)
    middles = (t[1:] + t[:-1]) / 2
    return back(np.concatenate([[t[0]], middles, [t[-1]]]))


_FORTH_AND_BACK = {
    "linear": (np.asarray, np.asarray),
    "log": (np.log, np.exp),
    "logit": (lambda v: np.log(v / (1 - v)), lambda t: 1 / (1 + np.exp(-t))),
}
