import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.contour import QuadContourSet

from skhpo.importance._marginal import marginals
from skhpo.plots import ContourDisplay
from skhpo.plots._axis import param_axes
from skhpo.plots._contour import _edges, contour_data
from tests.plots.conftest import searched
from tests.plots.test_axis import axis_of


@pytest.fixture(scope="module")
def known():
    return searched(lambda p: p["a"] + 2 * p["b"], 30)


def test_the_surface_is_the_marginal_of_the_two(known):
    data = contour_data(known, ["b", "k"])
    pair = marginals(known).of_pair("b", "k")
    np.testing.assert_array_equal(data["surface"]["x"], pair.values[0])
    np.testing.assert_array_equal(data["surface"]["y"], pair.values[1])
    np.testing.assert_array_equal(data["surface"]["z"], pair.score.T)
    assert data["surface"]["z"][0, -1] - data["surface"]["z"][0, 0] > 1.5


def test_the_two_most_important_ones_are_drawn_unless_others_are_named(known):
    assert [axis.name for axis in contour_data(known)["axes"]] == ["b", "a"]
    assert [axis.name for axis in contour_data(known, ["k", "a"])["axes"]] == ["k", "a"]


def test_numbers_have_contours_with_candidates_and_the_best(plt, known):
    display = ContourDisplay.from_search(known)
    assert isinstance(display.surface_, QuadContourSet)
    assert len(display.points_.get_offsets()) == 30
    best = known.cv_results_["params"][known.cv_results_["mean_test_score"].argmax()]
    assert display.star_.get_xdata()[0] == best["b"]
    assert display.star_.get_ydata()[0] == best["a"]
    assert display.doubt_ is None
    assert "R² of the surrogate" in display.colorbar_.ax.get_ylabel()


def test_axes_are_those_of_the_space_and_a_category_has_cells(plt, random):
    display = ContourDisplay.from_search(random, ["ccp_alpha", "max_depth"])
    assert isinstance(display.surface_, QuadMesh)
    assert display.ax_.get_xscale() == "log"
    texts = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert texts == ["1", "2", "3", "None"]
    low, high = display.ax_.get_xlim()
    assert low == pytest.approx(1e-5) and high == pytest.approx(1e-1)
    n = sum("ccp_alpha" in one for one in random.cv_results_["params"])
    assert len(display.points_.get_offsets()) == n


def test_two_candidates_have_no_surface_and_the_picture_says_why(plt):
    display = ContourDisplay.from_search(searched(lambda p: p["a"], 3))
    assert display.surface_ is None
    assert "at least 5 needed" in display.doubt_.get_text()
    assert len(display.points_.get_offsets()) == 3


def test_a_surface_without_evidence_is_pale(plt):
    noise = np.random.default_rng(0)
    display = ContourDisplay.from_search(searched(lambda p: noise.normal(), 20))
    assert display.doubt_.get_text().startswith("not enough evidence")
    assert display.surface_.get_alpha() == 0.3


def test_dots_and_surface_share_their_colours(plt, known):
    display = ContourDisplay.from_search(known)
    assert display.points_.get_clim() == display.surface_.get_clim()


@pytest.mark.parametrize(
    "params, message",
    [
        (["a"], "two different parameters, got params="),
        (["a", "a"], "two different parameters"),
        (["a", "bb"], "'bb' was not searched. The search has .* Did you mean 'b'"),
        (["a", "b", "k"], "two different parameters"),
    ],
)
def test_other_than_two_known_parameters_are_an_error(known, params, message):
    with pytest.raises(ValueError, match=message):
        contour_data(known, params)


def test_a_search_of_one_parameter_has_no_contours(grid):
    with pytest.raises(ValueError, match="needs two parameters; the search has"):
        contour_data(grid)


def test_parameters_that_never_meet_are_an_error(random):
    with pytest.raises(ValueError, match="No candidate .* has"):
        contour_data(random, ["ccp_alpha", "criterion"])


def test_cells_meet_half_way_on_the_own_scale():
    axis = axis_of([1.0, 100.0], "log")
    np.testing.assert_allclose(_edges(axis, np.array([1, 100.0])), [1, 10, 100])
    category = axis_of(["x", "y"])
    np.testing.assert_allclose(_edges(category, np.array([0, 1])), [-0.5, 0.5, 1.5])


def test_a_logit_axis_has_room_for_its_labels(plt):
    axes = param_axes(
        [{"a": k / 20, "b": k} for k in range(1, 20)], ["a", "b"], {"a": "logit"}
    )
    display = ContourDisplay(axes, np.arange(19.0)).plot()
    assert display.ax_.get_xscale() == "logit"
    assert len(display.ax_.get_xticks(minor=True)) == 0
