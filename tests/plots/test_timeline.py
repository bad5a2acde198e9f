import numpy as np
import pandas as pd
import pytest

from skhpo.plots import TimelineDisplay
from skhpo.plots._timeline import idle_share, timeline_data, worker_labels

TIMELINE = pd.DataFrame(
    {
        "number": [0, 1, 0, 2, -1],
        "worker": ["host:1", "host:2", "host:1", "host:2", "host:1"],
        "start": [0.0, 1.0, 2.0, 4.0, 5.0],
        "seconds": [2.0, 2.0, 3.0, 1.0, 3.0],
        "status": ["complete", "failed", "complete", "complete", "interrupted"],
    }
)


def corners(bars):
    """(n, 4) left, right, lower and upper end of each bar."""
    vertices = [path.vertices for path in bars.get_paths()]
    return [[*v[:, 0].min(0, keepdims=True), v[:, 0].max()] for v in vertices]


def test_the_idle_share_is_what_the_workers_did_not_fit():
    assert idle_share(TIMELINE) == pytest.approx(1 - 11 / 16)


def test_each_worker_is_a_row_and_each_fit_a_bar(plt):
    display = TimelineDisplay(TIMELINE).plot()
    first, second = (corners(bars) for bars in display.bars_)
    np.testing.assert_allclose(first, [[0, 2], [2, 5], [5, 8]])
    np.testing.assert_allclose(second, [[1, 3], [4, 5]])
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["1", "2"]
    assert display.ax_.get_title(loc="right") == "2 workers, 5 fits, idle 31%"
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["complete", "failed", "interrupted"]


def test_candidates_are_darker_the_later_and_grey_without_a_row(plt):
    display = TimelineDisplay(TIMELINE, color="candidate").plot()
    first, same, none = display.bars_[0].get_facecolors()
    np.testing.assert_array_equal(first, same)
    np.testing.assert_allclose(none, [0.5, 0.5, 0.5, 1])
    second, third = display.bars_[1].get_facecolors()
    assert first[:3].sum() > second[:3].sum() > third[:3].sum()
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize("name", ["bayes", "hyperband", "population"])
def test_searches_of_ours_can_be_drawn(plt, request, name):
    search = request.getfixturevalue(name)
    display = TimelineDisplay.from_search(search)
    n_bars = sum(len(bars.get_paths()) for bars in display.bars_)
    assert n_bars == len(search.timeline_)
    assert 0 <= display.idle_ < 1


def test_names_have_only_what_tells_them_apart():
    assert worker_labels(["a:1", "a:12"]) == ["1", "12"]
    assert worker_labels(["a:1", "b:1"]) == ["a:1", "b:1"]
    threads = ["a:1/1409", "a:1/1410"]
    assert worker_labels(threads) == ["1 thread 1", "1 thread 2"]


def test_a_search_of_scikit_learn_has_none(grid):
    with pytest.raises(ValueError, match="GridSearchCV has no timeline_.* x='seconds'"):
        timeline_data(grid)


def test_a_search_that_ended_before_any_fit_has_nothing_to_show():
    class Interrupted:
        timeline_ = TIMELINE[:0]

    with pytest.raises(ValueError, match="nothing to show"):
        timeline_data(Interrupted())


def test_an_unknown_colour_is_an_error(plt):
    with pytest.raises(ValueError, match="color must be one of .* got 'fold'"):
        TimelineDisplay(TIMELINE, color="fold").plot()
