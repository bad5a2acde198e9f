import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from skhpo.learning_rate import lr_range_test
from skhpo.plots import LearningRateRangeDisplay
from skhpo.plots._rate import rate_data


@pytest.fixture(scope="module")
def found():
    X, y = load_digits(return_X_y=True)
    model = SGDClassifier(loss="log_loss")
    return lr_range_test(model, X / 16, y, random_state=0)


def test_the_curve_is_drawn_over_the_log_of_the_rate(plt, found):
    display = LearningRateRangeDisplay.from_result(found)
    np.testing.assert_array_equal(display.line_.get_xdata(), found.lrs)
    np.testing.assert_array_equal(display.line_.get_ydata(), found.smoothed)
    dots = display.points_.get_offsets()
    np.testing.assert_allclose(dots, np.column_stack([found.lrs, found.losses]))
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_xlabel() == "eta0"
    assert display.ax_.get_ylabel() == "Held-out log loss"


def test_the_range_to_search_is_shaded_and_the_suggestion_lies_in_it(plt, found):
    display = LearningRateRangeDisplay.from_result(found)
    ends = display.span_.get_extents()
    assert display.span_.get_window_extent().width > 0
    low, high = found.suggested_range
    left, right = display.ax_.transData.inverted().transform(
        [[ends.x0, ends.y0], [ends.x1, ends.y1]]
    )[:, 0]
    assert (left, right) == pytest.approx((low, high))
    assert low < display.suggested_line_.get_xdata()[0] == found.suggested < high


def test_steepest_place_and_minimum_are_marked_on_the_line(plt, found):
    display = LearningRateRangeDisplay.from_result(found)
    x, y = display.marks_.get_data()
    assert list(x) == [found.lr_steepest, found.lr_min_loss]
    assert y[1] == pytest.approx(found.smoothed.min())


def test_a_loss_that_blew_up_does_not_hide_the_fall(plt, found):
    losses = found.losses.copy()
    losses[-1] = 1e6
    display = LearningRateRangeDisplay(**{**rate_data(found), "losses": losses}).plot()
    low, high = display.ax_.get_ylim()
    assert low < found.smoothed.min() and found.losses[0] < high < 2 * found.losses[0]


@pytest.mark.parametrize("result", [3, {"lrs": [1, 2]}])
def test_anything_else_is_an_error(result):
    with pytest.raises(TypeError, match="what skhpo.learning_rate.lr_range_test"):
        rate_data(result)
