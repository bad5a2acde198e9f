import numpy as np
import pytest

from skhpo.plots import ParallelCoordinatesDisplay
from skhpo.plots._axis import param_axes
from skhpo.plots._parallel import NOT_USED, heights, is_among_top, parallel_data


def test_the_top_tenth_is_at_least_one():
    assert list(is_among_top([1, 3, 2], 0.1)) == [False, True, False]
    assert is_among_top(np.arange(300), 0.1).nonzero()[0].tolist() == [*range(270, 300)]


def test_ties_do_not_make_the_top_larger():
    assert is_among_top(np.ones(20), 0.1).sum() == 2


def test_lines_of_a_category_stay_within_its_cell():
    axes = param_axes([{"a": "x"}, {"a": "y"}, {}] * 50, ["a"])
    at = heights(axes)[:, 0].reshape(50, 3)
    assert ((at[:, 0] > 0.1) & (at[:, 0] < 0.4)).all() and np.ptp(at[:, 0]) > 0
    assert ((at[:, 1] > 0.6) & (at[:, 1] < 0.9)).all()
    assert (at[:, 2] == NOT_USED).all()


def test_axes_follow_the_space(bayes):
    data = parallel_data(bayes)
    assert {axis.name: axis.scale for axis in data["axes"]}["C"] == "log"


def test_only_rows_trained_to_the_end_are_shown(hyperband):
    n = np.sum(hyperband.cv_results_["n_resources"] == 9)
    assert len(parallel_data(hyperband)["scores"]) == n


@pytest.mark.parametrize("name, n, n_top", [("grid", 3, 1), ("random", 300, 30)])
def test_the_best_tenth_is_drawn_apart(plt, request, name, n, n_top):
    search = request.getfixturevalue(name)
    display = ParallelCoordinatesDisplay.from_search(search)
    assert len(display.top_lines_.get_segments()) == n_top
    assert len(display.lines_.get_segments()) == n - n_top
    best = display.top_lines_.get_segments()[-1]
    assert best[-1, 1] == 1.0
    texts = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert len(texts) == len(display.axes) + 1


def test_the_line_on_top_is_the_first_of_equal_scores(plt):
    axes = param_axes([{"a": 0}, {"a": 1}, {"a": 2}], ["a"])
    display = ParallelCoordinatesDisplay(axes, [0.5, 0.9, 0.9], top=1.0).plot()
    assert display.top_lines_.get_segments()[-1][0, 1] == 0.5


def test_lines_that_do_not_use_a_parameter_are_explained(plt, random, grid):
    display = ParallelCoordinatesDisplay.from_search(random)
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["not used"]
    display = ParallelCoordinatesDisplay.from_search(grid)
    assert display.ax_.get_yticklabels() == []


def test_equal_scores_can_be_drawn(plt):
    axes = param_axes([{"a": 1}, {"a": 1}], ["a"])
    display = ParallelCoordinatesDisplay(axes, [0.5, 0.5]).plot()
    assert np.isfinite(display.top_lines_.get_segments()[0]).all()


def test_an_absurd_score_stands_at_the_lower_end(plt):
    scores = [*np.linspace(0.8, 0.9, 19), -1e9]
    axes = param_axes([{"a": k} for k in range(20)], ["a"])
    display = ParallelCoordinatesDisplay(axes, scores).plot()
    heights = sorted(line[-1, 1] for line in display.lines_.get_segments())
    assert heights[0] == 0.0 and heights[1] > 0.3
    assert any(text.get_text().startswith("≤ 0.") for text in display.ax_.texts)
