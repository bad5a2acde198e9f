"""matplotlib, imported when the first picture is drawn, and what all pictures share."""

import numpy as np

from skhpo.plots._table import lowest_to_show

#: Colours that people who see few colours can tell apart (Okabe, Ito 2008).
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#999999"
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)


def pyplot():
    """Return ``matplotlib.pyplot``; an error that says how to install it."""
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise ImportError(
            "The displays of skhpo.plots draw with matplotlib, which is not installed. "
            "Install it: python -m pip install 'skhpo[plots]' (or matplotlib alone)."
        ) from error
    return matplotlib.pyplot


def figure_and_ax(ax=None, figsize=None):
    """Return the figure and the Axes to draw on: the user's, or new ones."""
    plt = pyplot()
    if ax is not None:
        return ax.figure, ax
    return plt.subplots(figsize=figsize, layout="constrained")


def figure_and_grid(ax, n_panels, n_columns, sharey=False):
    """Return the figure, and (rows, columns) panels in the place of the user's Axes.

    Panels beyond ``n_panels`` are left out. The place of ``ax`` is taken as
    scikit-learn's PartialDependenceDisplay does: its frame is switched off.
    """
    plt = pyplot()
    n_columns = max(1, min(n_columns, n_panels))
    n_rows = max(1, -(-n_panels // n_columns))
    if ax is None:
        size = (3.2 * n_columns + 0.6, 2.6 * n_rows + 0.6)
        figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(n_rows, n_columns)
    else:
        figure = ax.figure
        if ax.get_subplotspec() is None:
            raise ValueError(
                "The place of these Axes cannot be divided among the panels: make them "
                "with plt.subplots() or figure.add_subplot(), not with add_axes()."
            )
        ax.set_axis_off()
        # a layout engine makes room for labels itself
        space = {"hspace": 0.5} if figure.get_layout_engine() is None else {}
        grid = ax.get_subplotspec().subgridspec(n_rows, n_columns, **space)
    axes = np.full((n_rows, n_columns), None, dtype=object)
    for panel in range(n_panels):
        place = divmod(panel, n_columns)
        first = axes[0, 0] if sharey else None
        axes[place] = figure.add_subplot(grid[place], sharey=first)
    return figure, axes


def limit_scores(ax, scores, top=-np.inf, note=True):
    """End the axis of scores above absurd ones, and say how many lie below.

    ``top``: what else is to be seen at the upper end.
    """
    floor = lowest_to_show(scores)
    n_below = int((scores < floor).sum())
    if not n_below:
        return
    top = max(np.nanmax(scores), top)
    ax.set_ylim(floor, top + 0.05 * (top - floor))  # not where the absurd end
    if note:
        ax.annotate(
            f"▾ {n_below} below",
            (0.01, 0.015),
            xycoords="axes fraction",
            fontsize="x-small",
            color="0.35",
        )


def legend_above(ax, n_columns=3):
    """Put the legend over the frame, where it hides nothing."""
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=n_columns,
        fontsize="small",
        frameon=False,
        columnspacing=1.2,
        handletextpad=0.5,
        handlelength=1.5,
    )


def few_ticks(ax, n=5, integer=False, axis="x"):
    """Have at most ``n`` ticks; whole numbers where only these make sense."""
    from matplotlib.ticker import MaxNLocator

    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_major_locator(MaxNLocator(n, integer=integer))


def visible_blues():
    """The colour map "Blues" without its beginning, which is white on white."""
    pyplot()
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["Blues"](np.linspace(0.3, 1, 256)))


def short(value, width=18):
    """Text of a value that fits at an axis or in a label."""
    if isinstance(value, float | np.floating):
        return f"{value:.3g}"
    name = getattr(value, "__name__", None)
    text = name if isinstance(name, str) else " ".join(str(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def short_name(name, all_names):
    """A parameter's name without its steps (``svc__C``), where that is enough."""
    last = name.rsplit("__", 1)[-1]
    is_enough = sum(other.rsplit("__", 1)[-1] == last for other in all_names) == 1
    return last if is_enough else name
