"""How far apart points are."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from skhpo.space import (
    Integer,
    Real,
    Space,
    mean_distances,
    mean_pairwise_distance,
)


def test_it_is_the_mean_over_pairs_and_columns():
    """The oracle: scipy, column by column."""
    space = Space({"a": (0.0, 1.0), "b": (1, 9), "kind": ["x", "y", "z"]})
    points = space.sample(40, np.random.default_rng(0))
    numbers = [pdist(points[:, [j]], "cityblock").mean() for j in (0, 1)]
    category = pdist(points[:, [2]], "hamming").mean()
    expected = np.mean([*numbers, category])
    assert mean_pairwise_distance(space, points) == pytest.approx(expected)
    assert mean_pairwise_distance(space, points[[0, 0, 0]]) == 0
    assert np.isnan(mean_pairwise_distance(space, points[:1]))


def test_a_parameter_that_only_one_of_two_has_makes_them_differ():
    space = Space({"kind": ["x", "y"], "a": Real(0, 1, when={"kind": ["x"]})})
    points = space.snap([[0.1, 0.2], [0.9, 0.2], [0.9, 0.7]])
    pairs = [(1 + 1) / 2, (1 + 1) / 2, 0]
    assert mean_pairwise_distance(space, points) == pytest.approx(np.mean(pairs))


def test_distances_count_categories_numbers_and_activity():
    space = Space(
        {"kind": ["a", "b"], "n": Integer(0, 3, when={"kind": "b"}), "x": (0.0, 1.0)}
    )
    a = space.to_point({"kind": "a", "x": 0.2})
    b = space.to_point({"kind": "b", "n": 1, "x": 0.6})
    c = space.to_point({"kind": "b", "n": 3, "x": 0.6})
    assert mean_pairwise_distance(space, np.array([a, b])) == pytest.approx(
        (1 + 1 + 0.4) / 3
    )
    assert mean_pairwise_distance(space, np.array([b, c])) == pytest.approx(0.5 / 3)
    assert mean_pairwise_distance(space, np.array([a, a])) == 0.0
    three = mean_pairwise_distance(space, np.array([a, b, c]))
    assert three == pytest.approx((2 * 2.4 / 3 + 0.5 / 3) / 3)


def test_distances_count_categories_and_inactive_columns():
    is_categorical = np.array([False, True, False])
    point, others = np.array([0.2, 0.5, np.nan]), np.array([[0.6, 0.1, np.nan]])
    assert mean_distances(point, others, is_categorical) == pytest.approx(1.4 / 3)
    others = np.array([[0.2, 0.5, 0.9]])
    assert mean_distances(point, others, is_categorical) == pytest.approx(1 / 3)
