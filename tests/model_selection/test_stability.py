"""Stability: how far winners are apart, by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.svm import SVC

from skhpo import BayesSearchCV, Integer
from skhpo.model_selection._stability import point_of, stability_of
from skhpo.space import Space, space_of

SPACE = Space({"C": (1e-2, 1e2, "log-uniform"), "kernel": ["rbf", "linear"]})


def compare(winners, space=SPACE):
    points = [point_of(space, params) for params in winners]
    return stability_of(winners, space, points)


def test_equal_winners_are_at_distance_0():
    stability = compare([{"C": 1.0, "kernel": "rbf"}] * 3)
    assert stability.distance == 0
    assert stability.parameters["kernel"].modal_share == 1
    assert stability.parameters["C"].iqr == 0


def test_numbers_are_compared_on_their_own_scale():
    winners = [{"C": c, "kernel": "rbf"} for c in (1e-2, 1e-1, 1.0, 1e1, 1e2)]
    stability = compare(winners)
    assert stability.parameters["C"].iqr == pytest.approx(0.5)
    assert stability.parameters["C"].modal_share == pytest.approx(0.2)
    # gaps of |i - j| / 4, mean over pairs 0.5, over two columns of which one is equal
    assert stability.distance == pytest.approx(0.25)


def test_categories_are_equal_or_not():
    winners = [{"C": 1.0, "kernel": kernel} for kernel in ("rbf", "rbf", "linear")]
    stability = compare(winners)
    found = stability.parameters["kernel"]
    assert (found.modal_value, found.iqr) == ("rbf", None)
    assert found.modal_share == pytest.approx(2 / 3)
    assert stability.distance == pytest.approx((2 / 3) / 2)


def test_random_winners_are_a_third_apart():
    space = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    rng = np.random.default_rng(0)
    winners = [space.to_params(p) for p in space.sample(60, rng)]
    assert compare(winners, space).distance == pytest.approx(1 / 3, abs=0.05)


def test_a_parameter_that_is_off_is_a_value_of_its_own():
    space = Space(
        {
            "kernel": ["rbf", "poly"],
            "degree": Integer(2, 5, when={"kernel": "poly"}),
        }
    )
    winners = [{"kernel": "rbf"}, {"kernel": "rbf"}, {"kernel": "poly", "degree": 3}]
    found = compare(winners, space).parameters["degree"]
    assert (found.modal_value, found.modal_share) == (None, pytest.approx(2 / 3))
    assert found.iqr == 0


def test_one_winner_has_no_distance():
    assert compare([{"C": 1.0, "kernel": "rbf"}]).distance is None


def test_where_the_space_is_not_known_shares_remain():
    stability = stability_of([{"a": 1}, {"a": 1}, {"a": 2}], None, [None] * 3)
    assert stability.distance is None
    assert stability.parameters["a"].modal_share == pytest.approx(2 / 3)
    assert stability.parameters["a"].iqr is None


class NoQuantiles:
    def rvs(self, random_state=None):
        return 0.5


@pytest.mark.parametrize(
    "search, params, is_known",
    [
        (GridSearchCV(SVC(), {"C": (1, 10)}), {"C": 10}, True),  # a tuple of choices
        (GridSearchCV(SVC(), [{"C": [1]}, {"gamma": [2]}]), {"gamma": 2}, True),
        (RandomizedSearchCV(SVC(), {"C": stats.loguniform(1, 9)}), {"C": 3.0}, True),
        (RandomizedSearchCV(SVC(), {"C": NoQuantiles()}), {"C": 0.5}, False),
        (BayesSearchCV(Ridge(), {"alpha": (1, 10)}), {"alpha": 4}, True),
    ],
)
def test_spaces_of_all_searches_are_read(search, params, is_known):
    space = space_of(search)
    point = point_of(space, params)
    assert (point is not None) == is_known
    if is_known:
        assert space.to_params(point) == pytest.approx(params)
        assert point_of(space, {"else": 1}) is None
