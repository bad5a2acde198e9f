"""The pictures of a report: PNG images, where matplotlib is installed."""

from base64 import b64encode
from importlib.util import find_spec
from io import BytesIO

#: What is drawn, with its title, its size (inches) and what it is told.
_PICTURES = {
    "history": ("SearchHistoryDisplay", "How it went", (6.4, 3.6), {}),
    "leaders": (
        "FoldScoresDisplay",
        "Is the winner better than the runners-up?",
        (7.6, 3.4),
        {"n_leaders": 5},
    ),
    "importance": ("ParamImportanceDisplay", "What mattered", (7.0, 3.4), {}),
    "slices": ("ParamSliceDisplay", "Which values are good?", (9.0, 5.0), {}),
}


def draw_pictures(search, metric):
    """Return the pictures of a search as PNG, by name; empty without matplotlib.

    What cannot be shown of this search (a parameter against the score, where there is
    none) is left out. No window is opened, and pyplot knows of no figure.
    """
    if find_spec("matplotlib") is None:
        return {}
    pictures = {}
    for name in _PICTURES:
        try:
            pictures[name] = _draw(name, search, metric)
        except ValueError:  # the displays' word for what a search does not have
            continue
    return pictures


def _draw(name, search, metric):
    from matplotlib.figure import Figure

    from skhpo import plots

    display, _, size, options = _PICTURES[name]
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    getattr(plots, display).from_search(search, ax=ax, metric=metric, **options)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()


def pictures_as_html(pictures):
    """Return pictures as a part of a page that needs no other file."""
    return "".join(
        f'<figure><figcaption>{_PICTURES[name][1]}</figcaption><img alt="{name}" '
        f'src="data:image/png;base64,{b64encode(png).decode()}"/></figure>'
        for name, png in pictures.items()
    )
