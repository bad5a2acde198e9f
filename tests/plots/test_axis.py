import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn.model_selection import RandomizedSearchCV
from sklearn.svm import SVC

from skhpo import BayesSearchCV, Integer, Real
from skhpo.plots._axis import declared_scales, param_axes
from skhpo.space import Space


def axis_of(values, scale=None):
    params = [{} if value is ... else {"a": value} for value in values]
    (axis,) = param_axes(params, ["a"], {"a": scale} if scale else None)
    return axis


def test_numbers_keep_their_values_and_nan_where_not_used():
    axis = axis_of([3, ..., 5])
    np.testing.assert_array_equal(axis.places, [3, np.nan, 5])
    assert (axis.scale, axis.is_integer, axis.labels) == ("linear", True, [])


def test_anything_else_becomes_categories_numbers_first():
    axis = axis_of(["sqrt", 10, None, 2, ..., 10])
    assert axis.labels == ["2", "10", "None", "sqrt"]
    np.testing.assert_array_equal(axis.places, [3, 1, 2, 0, np.nan, 1])


def test_true_and_false_are_categories():
    assert axis_of([True, False]).labels == ["False", "True"]


@pytest.mark.parametrize(
    "values, scale",
    [
        ([0.01, 1, 100], "log"),
        ([1e-5, 1e-4, 1e-3], "log"),
        ([1, 50, 99], "linear"),
        ([0, 1, 100], "linear"),
        ([1, 2, 3], "linear"),
        ([0.001, 1000], "linear"),  # two values say nothing of what lies between
    ],
)
def test_the_scale_of_a_grid_is_seen_from_its_values(values, scale):
    assert axis_of(values).scale == scale


def test_what_is_declared_counts_more():
    assert axis_of([1, 2, 3], "log").scale == "log"


def test_scales_are_read_from_spaces_of_ours():
    space = {
        "C": (1e-3, 1e3, "log-uniform"),
        "degree": Integer(2, 5, when={"kernel": "poly"}),
        "kernel": ["poly", "rbf"],
        "tol": Real(0.1, 0.9, scale="logit"),
    }
    expected = {"C": "log", "degree": "linear", "tol": "logit"}
    assert declared_scales(BayesSearchCV(SVC(), space)) == expected
    assert declared_scales(BayesSearchCV(SVC(), Space(space))) == expected


def test_scales_are_read_from_distributions_of_scikit_learns_searches():
    space = [{"C": loguniform(1e-3, 1)}, {"degree": randint(2, 5), "tol": [1, 2]}]
    search = RandomizedSearchCV(SVC(), space)
    assert declared_scales(search) == {"C": "log", "degree": "linear"}


@pytest.mark.parametrize(
    "scale, values, middle",
    [("linear", [2, 4], 3), ("log", [1, 100], 10), ("logit", [0.1, 0.9], 0.5)],
)
def test_heights_are_even_on_the_own_scale_and_go_back(scale, values, middle):
    axis = axis_of([*values, middle], scale)
    np.testing.assert_allclose(axis.unit(), [0, 1, 0.5], atol=1e-12)
    assert axis.at(0.5) == pytest.approx(middle)
    assert axis.unit_of(middle) == pytest.approx(0.5)


@pytest.mark.parametrize("scale", ["linear", "log", "logit"])
def test_a_single_value_stands_inside_its_axis(scale):
    assert 0 < axis_of([0.3, 0.3], scale).unit()[0] < 1


def test_categories_stand_in_the_middle_of_equal_cells():
    np.testing.assert_allclose(axis_of(["b", "a"]).unit(), [0.75, 0.25])


def test_ticks_are_powers_of_ten_whole_numbers_and_a_dozen_at_most():
    assert axis_of([0.02, 30], "log").ticks() == pytest.approx([0.1, 1, 10])
    assert axis_of([2, 5]).ticks() == [2, 3, 4, 5]
    names = axis_of([f"name {k:02}" for k in range(30)])
    assert len(names.ticks()) <= 12
    assert names.text_of(names.ticks()[1]) == "name 03"


def test_values_of_the_space_have_places_unless_no_candidate_had_them():
    axis = axis_of([None, "b", 2])
    np.testing.assert_array_equal(axis.places_of([2, "b", "c"]), [0, 2, np.nan])
    np.testing.assert_array_equal(axis_of([1, 2]).places_of([7, 0.5]), [7, 0.5])
