import numpy as np
import pytest
from sklearn.gaussian_process.kernels import Matern

from skhpo.surrogates._kernels import (
    Columns,
    clipped_log,
    kumaraswamy,
    kumaraswamy_with_slopes,
    matern52,
    matern52_with_slope,
    scaled_distance,
)

rng = np.random.default_rng(0)


def squared_distance_by_hand(x, y, w, is_categorical):
    return sum(
        w[j] * (float(x[j] != y[j]) if is_categorical[j] else (x[j] - y[j]) ** 2)
        for j in range(len(w))
    )


def test_distance_is_that_of_the_definition_also_for_levels_never_seen():
    is_categorical = np.array([False, True, False, True])
    X = np.column_stack([rng.random(6), rng.integers(0, 3, 6), rng.random(6), [0] * 6])
    Y = np.column_stack(
        [rng.random(5), [7, 8, 0, 1, 2], rng.random(5), [0, 9] * 2 + [9]]
    )
    w = np.array([1.3, 0.4, 2.0, 0.7])
    columns = Columns.of(X, is_categorical)

    def features(P):
        F = np.hstack([P[:, columns.numeric], columns.level_rows(P)])
        Z = F * np.sqrt(columns.feature_weights(w))
        return Z, columns.squared_norms(P[:, columns.numeric], w)

    r5 = scaled_distance(*features(X), *features(Y))
    expected = [
        [squared_distance_by_hand(x, y, w, is_categorical) for y in Y] for x in X
    ]
    np.testing.assert_allclose(r5**2 / 5, expected, atol=1e-14)


def test_matern_agrees_with_sklearn():
    X, Y = rng.random((7, 3)), rng.random((4, 3))
    lengthscales = np.array([0.3, 1.0, 2.0])
    Z, Z2 = X / lengthscales, Y / lengthscales
    r5 = scaled_distance(Z, (Z**2).sum(1), Z2, (Z2**2).sum(1))
    np.testing.assert_allclose(matern52(r5), Matern(lengthscales, nu=2.5)(X, Y))


def test_slope_of_the_matern_kernel_agrees_with_differences():
    r2 = np.array([[0.01, 0.5, 2.0, 30.0]])
    out = matern52_with_slope(np.sqrt(5 * r2), np.empty((1, 4)), np.empty((1, 4)))
    at = [matern52(np.sqrt(5 * (r2 + step))) for step in (-1e-6, 0, 1e-6)]
    np.testing.assert_allclose(out[0], at[1])
    np.testing.assert_allclose(out[1], (at[2] - at[0]) / 2e-6, rtol=1e-6)


def test_warp_is_a_cdf_and_the_identity_at_one():
    x = np.linspace(0, 1, 101)[:, None]
    np.testing.assert_allclose(kumaraswamy(x, np.ones(1), np.ones(1)), x, atol=1e-8)
    g = kumaraswamy(x, np.array([3.0]), np.array([0.4]))
    assert np.all(np.diff(g[:, 0]) > 0) and g[0] < 1e-6 and g[-1] > 0.999


@pytest.mark.parametrize("a, b", [(1.0, 1.0), (0.2, 5.0), (7.0, 0.15)])
def test_slopes_of_the_warp_agree_with_differences(a, b):
    x = np.array([[0.02], [0.3], [0.9], [0.999]])
    g, by_log_a, by_log_b = kumaraswamy_with_slopes(clipped_log(x), a, b)
    h = 1e-6
    in_a = kumaraswamy(x, a * np.exp(h), b) - kumaraswamy(x, a * np.exp(-h), b)
    in_b = kumaraswamy(x, a, b * np.exp(h)) - kumaraswamy(x, a, b * np.exp(-h))
    np.testing.assert_allclose(g, kumaraswamy(x, a, b))
    np.testing.assert_allclose(by_log_a, in_a / (2 * h), atol=1e-8)
    np.testing.assert_allclose(by_log_b, in_b / (2 * h), atol=1e-8)
