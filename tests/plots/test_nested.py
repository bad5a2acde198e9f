import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skhpo.model_selection import nested_cross_validate
from skhpo.plots import NestedCVDisplay
from skhpo.plots._nested import nested_data


@pytest.fixture(scope="module")
def result():
    search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]})
    X, y = load_iris(return_X_y=True)
    return nested_cross_validate(search, X, y, outer_cv=3, random_state=0)


def test_scores_and_interval_are_those_of_the_result(result):
    data = nested_data(result, level=0.8)
    np.testing.assert_array_equal(data["test_score"], result.test_score)
    np.testing.assert_array_equal(data["inner_best_score"], result.inner_best_score)
    assert data["interval"] == tuple(result.interval(0.8))


def test_each_outer_fold_has_two_dots(plt, result):
    display = NestedCVDisplay.from_result(result, metric="accuracy")
    assert list(display.outer_points_.get_ydata()) == list(result.test_score)
    assert list(display.inner_points_.get_ydata()) == list(result.inner_best_score)
    assert set(display.line_.get_ydata()) == {result.score}
    assert display.band_ is not None
    assert display.ax_.get_ylabel() == "Test accuracy"


def test_without_an_interval_there_is_no_band(plt):
    assert NestedCVDisplay([0.5], [0.6]).plot().band_ is None


def test_a_search_is_not_a_result(grid):
    with pytest.raises(TypeError, match="got a GridSearchCV"):
        nested_data(grid)
