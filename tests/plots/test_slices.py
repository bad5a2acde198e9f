import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from skhpo.importance._marginal import marginals
from skhpo.plots import ParallelCoordinatesDisplay, ParamSliceDisplay
from skhpo.plots._slices import slice_data
from tests.plots.conftest import searched


def test_a_parameter_that_was_not_searched_is_an_error(grid):
    with pytest.raises(ValueError, match="'c' was not searched. The search has"):
        slice_data(grid, params=["c"])


def test_a_misspelt_parameter_is_guessed(random):
    with pytest.raises(ValueError, match="Did you mean 'max_depth'"):
        slice_data(random, params=["maxdepth"])


def test_chosen_parameters_come_in_the_order_they_were_given(random):
    data = slice_data(random, params=["criterion", "ccp_alpha"])
    assert [axis.name for axis in data["axes"]] == ["criterion", "ccp_alpha"]
    assert [axis.scale for axis in data["axes"]] == ["category", "log"]


def test_each_parameter_has_a_panel_on_its_scale(plt, random):
    display = ParamSliceDisplay.from_search(random)
    assert display.axes_.shape == (2, 3)
    panels = {p.get_xlabel(): p for p in display.axes_.ravel() if p is not None}
    assert set(panels) == set(random.cv_results_["params"][0]) | set(panels)
    assert len(panels) == 4
    assert panels["ccp_alpha"].get_xscale() == "log"
    assert panels["min_samples_leaf"].get_xscale() == "linear"
    labels = [t.get_text() for t in panels["criterion"].get_xticklabels()]
    assert labels == ["entropy", "gini"]


def test_a_panel_shows_the_rows_that_use_its_parameter(plt, random):
    display = ParamSliceDisplay.from_search(random, params=["ccp_alpha", "criterion"])
    n_used = [
        sum(name in one for one in random.cv_results_["params"])
        for name in ("ccp_alpha", "criterion")
    ]
    assert [len(p.get_offsets()) for p in display.points_] == n_used
    assert sum(n_used) == 300 and display.colorbar_ is not None


def test_three_candidates_need_no_colour_bar(plt, grid):
    display = ParamSliceDisplay.from_search(grid)
    assert display.colorbar_ is None
    np.testing.assert_allclose(
        display.points_[0].get_offsets()[:, 1], grid.cv_results_["mean_test_score"]
    )


def test_it_fits_into_the_users_axes(plt, random):
    figure, axes = plt.subplots(1, 2, layout="constrained", figsize=(12, 6))
    display = ParamSliceDisplay.from_search(random, ax=axes[0], n_columns=2)
    figure.canvas.draw()
    assert display.figure_ is figure
    boxes = [panel.get_position() for panel in display.axes_.ravel()]
    assert min(box.height for box in boxes) > 0.2


@pytest.mark.parametrize("display", [ParamSliceDisplay, ParallelCoordinatesDisplay])
def test_a_search_without_parameters_is_an_error(display):
    search = GridSearchCV(SVC(), {}, cv=2).fit([[0], [1], [2], [3]], [0, 1, 0, 1])
    with pytest.raises(ValueError, match="has no parameters"):
        display.from_search(search)


def test_estimators_and_nan_among_the_values_are_categories(plt):
    data = [[0], [1], [2], [3]] * 3, [0, 1, 0, 1] * 3
    steps = Pipeline([("fill", SimpleImputer()), ("model", SVC())])
    space = {"fill__missing_values": [np.nan, -1], "model": [SVC(), DummyClassifier()]}
    search = GridSearchCV(steps, space, cv=2).fit(*data)
    display = ParamSliceDisplay.from_search(search)
    assert [axis.labels for axis in display.axes] == [
        ["-1", "nan"],
        ["DummyClassifier()", "SVC()"],
    ]


def test_lines_are_the_marginals_of_the_surrogate(plt):
    search = searched(lambda p: p["a"] + 2 * p["b"], 30)
    display = ParamSliceDisplay.from_search(search, params=["b", "k"])
    found = marginals(search)
    for name, (line,) in zip(["b", "k"], display.band_lines_, strict=True):
        (marginal,) = found.of(name)
        np.testing.assert_array_equal(line.get_xdata(), marginal.values)
        np.testing.assert_array_equal(line.get_ydata(), marginal.score)
    assert display.note_ is None
    assert len(display.axes_[0, 0].collections) == 2  # dots and the band


def test_categories_have_points_with_bars(plt, random):
    display = ParamSliceDisplay.from_search(random, params=["criterion", "max_depth"])
    (line,), (other,) = display.band_lines_
    assert list(line.get_xdata()) == [0, 1] and line.get_linestyle() == "None"
    assert list(other.get_xdata()) == [0, 1, 2, 3]


def test_without_evidence_there_is_a_note_instead_of_a_band(plt, grid):
    display = ParamSliceDisplay.from_search(grid)
    assert display.band_lines_ == [[]]
    assert display.note_.get_text() == (
        "no band: not enough evidence: 3 distinct settings with a score, at least 5 "
        "needed"
    )


def test_a_band_that_is_not_wanted_is_not_made(plt, random):
    display = ParamSliceDisplay.from_search(random, band=False)
    assert display.band_lines_ == [[]] * 4 and display.note_ is None


def test_a_space_that_cannot_be_read_has_no_band(grid):
    class Strange:
        cv_results_ = grid.cv_results_

    assert slice_data(Strange())["note"].startswith("no band: the space of this search")
