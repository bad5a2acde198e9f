"""Marginals of the surrogate, against functions whose marginals are known."""

import numpy as np
import pytest

from skhpo import Categorical, Integer
from skhpo.importance._marginal import marginals
from skhpo.surrogates import fit_forest, fit_gaussian_process
from skhpo.surrogates._kernels import matern52, scaled_distance
from skhpo.surrogates._validation import average
from tests.importance.helpers import searched

SPACE = {"a": (0.0, 1.0), "b": (0.0, 1.0), "cat": Categorical(["x", "y", "z"])}


def additive(p):
    return np.sin(3 * p["a"]) + 2 * p["b"] + 0.8 * (p["cat"] == "x")


@pytest.fixture(scope="module")
def found():
    return marginals(searched(SPACE, additive, 50))


def test_the_doubt_about_an_average_is_that_of_dense_algebra():
    rng = np.random.default_rng(0)
    X, points = rng.random((12, 2)), rng.random((7, 2))
    process = fit_gaussian_process(X, np.sin(5 * X[:, 0]), np.array([False, False]))
    h = process.hyperparameters

    def K(A, B):
        (Z_a, q_a), (Z_b, q_b) = process._features(A), process._features(B)
        return h.s2 * matern52(scaled_distance(Z_a, q_a, Z_b, q_b))

    inverse = np.linalg.inv(K(X, X) + h.n2 * np.eye(12))
    covariance = K(points, points) - K(points, X) @ inverse @ K(X, points)
    mean, sd = average(process, points)
    assert sd == pytest.approx(np.sqrt(covariance.mean()), rel=1e-5)
    assert mean == pytest.approx(process.predict(points)[0].mean())
    mean, variance = process.predict(points[:1])
    assert average(process, points[:1])[1] == pytest.approx(np.sqrt(variance[0]))


def test_the_trees_of_a_forest_have_its_mean():
    rng = np.random.default_rng(0)
    X = rng.random((20, 2))
    forest = fit_forest(X, X[:, 0], np.array([False, False]), rng=rng)
    np.testing.assert_allclose(forest.tree_means(X).mean(axis=0), forest.predict(X)[0])


def test_the_marginal_of_a_number_is_its_part_and_the_mean_of_the_rest(found):
    (curve,) = found.of("a")
    expected = np.sin(3 * np.array(curve.values)) + 1 + 0.8 / 3
    assert (len(curve.values), curve.values[0], curve.values[-1]) == (33, 0.0, 1.0)
    np.testing.assert_allclose(curve.score, expected, atol=0.12)
    assert (curve.low <= curve.score).all() and (curve.score <= curve.high).all()


def test_the_marginal_of_a_category_has_each_of_them(found):
    (curve,) = found.of("cat")
    assert curve.values == ["x", "y", "z"]
    assert curve.score[0] - curve.score[1:] == pytest.approx([0.8, 0.8], abs=0.12)


def test_the_marginal_of_two_is_the_sum_of_their_parts(found):
    pair = found.of_pair("b", "cat")
    assert pair.score.shape == (len(pair.values[0]), 3)
    mean_a = (1 - np.cos(3)) / 3
    b, is_x = np.array(pair.values[0]), np.array([1, 0, 0])
    expected = mean_a + 2 * b[:, None] + 0.8 * is_x
    np.testing.assert_allclose(pair.score, expected, atol=0.2)


def test_parameters_come_in_the_order_of_importance(found):
    assert found.most_important() == ["b", "cat", "a"]


def test_of_many_integers_some_are_tried_and_of_few_all():
    space = {"few": Integer(1, 5), "many": Integer(0, 1000)}
    found = marginals(searched(space, lambda p: p["few"] + p["many"] / 1000, 12))
    assert found.of("few")[0].values == [1, 2, 3, 4, 5]
    values = found.of("many")[0].values
    assert (values[0], values[-1]) == (0, 1000)
    assert len(values) == 33 and all(isinstance(v, int) for v in values)


def test_a_conditional_parameter_is_averaged_where_it_is_active():
    space = {
        "kernel": Categorical(["rbf", "poly"]),
        "degree": Integer(1, 4, when={"kernel": "poly"}),
    }
    search = searched(space, lambda p: p.get("degree", 20), 30)
    (curve,) = marginals(search).of("degree")
    np.testing.assert_allclose(curve.score, [1, 2, 3, 4], atol=0.5)


def test_each_alternative_has_a_marginal_of_its_own_and_strangers_have_none():
    space = [{"C": (0.0, 1.0)}, {"C": (5.0, 6.0), "gamma": (0.0, 1.0)}]
    found = marginals(searched(space, lambda p: p["C"], 30))
    ends = [(curve.values[0], curve.values[-1]) for curve in found.of("C")]
    assert ends == [(0.0, 1.0), (5.0, 6.0)]
    assert found.of_pair("C", "gamma").values[0][0] == 5.0
    apart = [{"C": (0.0, 1.0)}, {"gamma": (0.0, 1.0)}]
    found = marginals(searched(apart, lambda p: sum(p.values()), 20))
    assert found.of_pair("C", "gamma") is None


def test_what_the_constraints_forbid_is_left_out():
    space = {"a": Categorical([0, 1, 2]), "b": Categorical([0, 1, 2])}
    search = searched(space, lambda p: p["a"] - p["b"], 30)
    search.constraints = lambda p: p["a"] > p["b"]
    pair = marginals(search).of_pair("a", "b")
    allowed = np.greater.outer(pair.values[0], pair.values[1])
    np.testing.assert_array_equal(np.isfinite(pair.score), allowed)


def test_too_few_settings_are_a_reason():
    found = marginals(searched(SPACE, additive, 3))
    assert "at least 5 needed" in found.reason
    assert not found.is_enough and np.isnan(found.surrogate_score)
