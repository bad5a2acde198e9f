import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge

from skhpo.surrogates._ridge import (
    fit_kernel_ridge,
    gumbel_ranks,
    squared_distances,
)

NUMERIC = np.zeros(3, bool)


def data(n=40, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((n, d))
    return X, np.sin(4 * X[:, 0]) + X[:, 1], rng.random((7, d))


@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_predicts_what_scikit_learn_predicts(noise):
    X, y, new = data()
    model = fit_kernel_ridge(X, y, NUMERIC, noise=noise)
    oracle = KernelRidge(alpha=noise, kernel="rbf", gamma=0.5 / model.bandwidth)
    oracle.fit(X, y - y.mean())
    expected = oracle.predict(new) + y.mean()
    np.testing.assert_allclose(model.predict(new)[0], expected, rtol=1e-8)


def test_deviations_are_those_of_a_gaussian_process():
    X, y, new = data()
    model = fit_kernel_ridge(X, y, NUMERIC, noise=0.05)
    kernel = RBF(np.sqrt(model.bandwidth), length_scale_bounds="fixed")
    oracle = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None)
    oracle.fit(X, (y - y.mean()) / y.std())
    _, expected = oracle.predict(new, return_std=True)
    np.testing.assert_allclose(model.predict(new)[1], expected * y.std(), rtol=1e-6)


def test_believing_is_observing_what_was_predicted():
    X, y, new = data()
    model = fit_kernel_ridge(X, y, NUMERIC, noise=0.05)
    believed = new[:3]
    expected, _ = model.predict(believed)
    kernel = RBF(np.sqrt(model.bandwidth), length_scale_bounds="fixed")
    oracle = GaussianProcessRegressor(kernel, alpha=0.05, optimizer=None)
    oracle.fit(np.vstack([X, believed]), np.append(y, expected) - y.mean())
    mean, deviation = oracle.predict(new, return_std=True)
    found = model.believing(believed).predict(new)
    np.testing.assert_allclose(found[0], mean + y.mean(), rtol=1e-6)
    np.testing.assert_allclose(found[1], deviation * y.std(), rtol=1e-6)
    np.testing.assert_allclose(found[0], model.predict(new)[0])


def test_the_bandwidth_is_a_share_of_the_median_squared_distance():
    X, y, _ = data()
    gaps = [np.sum((a - b) ** 2) for i, a in enumerate(X) for b in X[:i]]
    model = fit_kernel_ridge(X, y, NUMERIC, width=0.3)
    assert model.bandwidth == pytest.approx(0.3 * np.median(gaps))


def test_categories_are_equal_or_not():
    A = np.array([[0.1, 0.25], [0.4, 0.75], [0.4, -1.0]])
    D2 = squared_distances(A, A, np.array([False, True]), category_weight=0.5)
    expected = [[0, 0.59, 0.59], [0.59, 0, 0.5], [0.59, 0.5, 0]]
    np.testing.assert_allclose(D2, expected, atol=1e-12)


def test_categories_predict_what_one_hot_columns_predict():
    rng = np.random.default_rng(0)
    codes = rng.integers(3, size=(30, 2)) / 3
    X = np.column_stack([rng.random(30), codes])
    y = X[:, 0] + (codes[:, 0] == 0)
    model = fit_kernel_ridge(X, y, np.array([False, True, True]), category_weight=0.5)
    levels = np.arange(3) / 3
    hot = np.column_stack([X[:, 0], *(0.5 * (c[:, None] == levels) for c in codes.T)])
    oracle = KernelRidge(alpha=0.05, kernel="rbf", gamma=0.5 / model.bandwidth)
    oracle.fit(hot, y - y.mean())
    np.testing.assert_allclose(model.predict(X)[0], oracle.predict(hot) + y.mean())


def test_equal_points_do_no_harm():
    X = np.full((6, 3), 0.5)
    model = fit_kernel_ridge(X, np.arange(6.0), NUMERIC)
    assert np.isfinite(np.array(model.predict(X))).all()


def test_ranks_keep_the_order_and_only_the_order():
    scores = np.array([1.0, 1e300, -1e300, 5.0])
    targets = gumbel_ranks(scores)
    np.testing.assert_array_equal(np.argsort(targets), np.argsort(scores))
    np.testing.assert_array_equal(targets, gumbel_ranks(np.array([2.0, 4.0, 1.0, 3.0])))


def test_ranks_are_quantiles_of_the_gumbel_law():
    targets = gumbel_ranks(np.arange(4.0))
    expected = -np.log(-np.log((np.arange(4) + 0.5) / 4))
    np.testing.assert_allclose(targets, expected)


def test_equal_scores_have_equal_ranks_and_failures_the_worst():
    targets = gumbel_ranks(np.array([1.0, np.nan, 1.0, 0.0, np.inf]))
    assert targets[0] == targets[2]
    assert targets[1] == targets[4] == targets.min()
    assert targets[3] > targets[1]
