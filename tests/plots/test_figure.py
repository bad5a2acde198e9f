import subprocess
import sys

import numpy as np
import pytest

from skhpo.plots import SearchHistoryDisplay
from skhpo.plots._figure import figure_and_grid, limit_scores, short, short_name


def test_importing_the_displays_does_not_import_matplotlib():
    code = "import sys, skhpo.plots; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_says_how_to_install_it(grid, monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install 'skhpo\[plots\]'"):
        SearchHistoryDisplay.from_search(grid)


@pytest.mark.parametrize(
    "value, text",
    [
        (0.123456, "0.123"),
        (None, "None"),
        (float, "float"),
        ("a" * 30, "a" * 17 + "…"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_values_are_written_briefly(value, text):
    assert short(value) == text


def test_steps_are_left_out_of_names_where_the_rest_is_enough():
    names = ["svc__C", "pca__n", "tree__n"]
    assert [short_name(n, names) for n in names] == ["C", "pca__n", "tree__n"]


def test_panels_fill_the_place_of_the_users_axes(plt):
    figure, (left, right) = plt.subplots(1, 2)
    place = left.get_position()
    found, axes = figure_and_grid(left, 3, 2)
    assert found is figure
    assert axes.shape == (2, 2) and axes[1, 1] is None
    inside = axes[1, 0].get_position()
    assert place.x0 - 1e-6 <= inside.x0 and inside.x1 <= place.x1 + 1e-6
    assert not left.axison and right.axison


def test_axes_that_cannot_be_divided_are_an_error(plt):
    ax = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match="not with add_axes"):
        figure_and_grid(ax, 2, 2)


def test_absurd_scores_press_the_others_into_no_line(plt):
    """The axis used to end 5 % of the way to the absurd score above the best."""
    scores = np.array([*np.linspace(0.8, 0.9, 19), -1e9])
    ax = plt.figure().subplots()
    ax.plot(scores)
    limit_scores(ax, scores)
    low, high = ax.get_ylim()
    assert 0.6 < low < 0.8 and 0.9 < high < 0.95
    assert [text.get_text() for text in ax.texts] == ["▾ 1 below"]
    limit_scores(ax, scores, top=1.0)
    assert 1.0 < ax.get_ylim()[1] < 1.05


def test_without_absurd_scores_the_axis_is_left_alone(plt):
    ax = plt.figure().subplots()
    ax.set_ylim(-3, 3)
    limit_scores(ax, np.linspace(0, 1, 20))
    assert ax.get_ylim() == (-3, 3) and not ax.texts
