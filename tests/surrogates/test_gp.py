import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from skhpo.surrogates import GaussianProcess, Hyperparameters, fit_gaussian_process
from skhpo.surrogates._gp import Loss
from skhpo.surrogates._kernels import Columns, kumaraswamy

NUMERIC = np.zeros(3, bool)
MIXED = np.array([False, False, True, False, True])


def numeric_data(n=30, seed=0):
    X = np.random.default_rng(seed).random((n, 3))
    y = np.sin(5 * X[:, 0] ** 2) + X[:, 1] * X[:, 2]
    return X, (y - y.mean()) / y.std()


def mixed_data(n=25, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.random((n, 5))
    X[:, 2], X[:, 4] = rng.integers(0, 3, n), rng.integers(0, 2, n)
    X[0, 0], X[1, 0] = 0.0, 1.0
    y = np.sin(5 * X[:, 0]) + (X[:, 2] == 1) * X[:, 1]
    return X, (y - y.mean()) / y.std()


def some_hyperparameters(d, d_num, seed=0):
    theta = 0.5 * np.random.default_rng(seed).standard_normal(d + 2 + 2 * d_num)
    theta[d + 1] -= 5
    return Hyperparameters.of(theta, d)


def conditioned(X, y, is_categorical, h, noise=None):
    noise = np.zeros(len(X)) if noise is None else noise
    return GaussianProcess.of(X, y, noise, Columns.of(X, is_categorical), h)


def test_mean_and_variance_agree_with_sklearn():
    X, y = numeric_data()
    noise = np.random.default_rng(1).random(len(X)) * 0.01
    h = some_hyperparameters(3, 3)
    kernel = ConstantKernel(h.s2) * Matern(h.w**-0.5, nu=2.5)
    oracle = GaussianProcessRegressor(kernel, alpha=h.n2 + noise, optimizer=None)
    oracle.fit(kumaraswamy(X, h.a, h.b), y)
    new = np.random.default_rng(2).random((700, 3))
    mean, variance = conditioned(X, y, NUMERIC, h, noise).predict(new)
    expected, deviation = oracle.predict(kumaraswamy(new, h.a, h.b), return_std=True)
    np.testing.assert_allclose(mean, expected, atol=1e-9)
    np.testing.assert_allclose(variance, deviation**2, atol=1e-9)


def test_likelihood_agrees_with_sklearn():
    X, y = numeric_data()
    h = replace(some_hyperparameters(3, 3), log_a=np.zeros(3), log_b=np.zeros(3))
    kernel = ConstantKernel(h.s2) * Matern(h.w**-0.5, nu=2.5)
    oracle = GaussianProcessRegressor(kernel, alpha=h.n2, optimizer=None).fit(X, y)
    loss = Loss(X, y, np.zeros(len(X)), Columns.of(X, NUMERIC))
    value = -loss._likelihood(h)[0] - 0.5 * len(X) * np.log(2 * np.pi)
    assert value == pytest.approx(oracle.log_marginal_likelihood_value_, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_gradient_agrees_with_differences_in_every_hyperparameter(seed):
    X, y = mixed_data(seed=seed)
    noise = np.random.default_rng(seed).random(len(X)) * 0.05
    loss = Loss(X, y, noise, Columns.of(X, MIXED))
    theta = some_hyperparameters(5, 3, seed).theta
    step = 1e-5
    difference = [
        (loss(theta + step * e)[0] - loss(theta - step * e)[0]) / (2 * step)
        for e in np.eye(len(theta))
    ]
    np.testing.assert_allclose(loss(theta)[1], difference, rtol=1e-5, atol=1e-6)


def test_fit_recovers_what_matters():
    rng = np.random.default_rng(0)
    X = rng.random((80, 3))
    y = np.sin(6 * X[:, 0])
    y = (y - y.mean()) / y.std()
    gp = fit_gaussian_process(X, y, NUMERIC)
    w = gp.hyperparameters.w
    assert w[0] > 5 * w[1] and w[0] > 5 * w[2]
    new = rng.random((200, 3))
    truth = (np.sin(6 * new[:, 0]) - np.sin(6 * X[:, 0]).mean()) / np.sin(
        6 * X[:, 0]
    ).std()
    assert np.sqrt(np.mean((gp.predict(new)[0] - truth) ** 2)) < 0.05


def test_fit_is_a_minimum_of_the_loss():
    X, y = numeric_data(40)
    gp = fit_gaussian_process(X, y, NUMERIC)
    loss = Loss(X, y, np.zeros(len(X)), gp.columns)
    theta = gp.hyperparameters.theta
    rng = np.random.default_rng(0)
    nearby = [loss(theta + 0.1 * rng.standard_normal(len(theta)))[0] for _ in range(30)]
    assert loss(theta)[0] < min(nearby) + 1e-2


def test_warm_start_ends_no_worse_than_a_cold_one():
    X, y = numeric_data(40)
    loss = Loss(X, y, np.zeros(40), Columns.of(X, NUMERIC))
    before = fit_gaussian_process(X[:39], y[:39], NUMERIC).hyperparameters
    warm = fit_gaussian_process(X, y, NUMERIC, start=before, second_start=True)
    cold = fit_gaussian_process(X, y, NUMERIC)
    assert (
        loss(warm.hyperparameters.theta)[0]
        <= loss(cold.hyperparameters.theta)[0] + 1e-9
    )


def test_without_warp_its_exponents_stay_where_they_start():
    X, y = numeric_data()
    start = some_hyperparameters(3, 3)
    gp = fit_gaussian_process(X, y, NUMERIC, warp=False, start=start)
    np.testing.assert_array_equal(gp.hyperparameters.log_a, start.log_a)
    np.testing.assert_array_equal(gp.hyperparameters.log_b, start.log_b)


@pytest.mark.parametrize("n", [15, 4, 20])  # the rest one by one, or at once, or few
def test_extension_by_rows_equals_conditioning_on_everything(n):
    X, y = mixed_data()
    X[-1, 2] = 7.0  # a level that the first rows do not have
    X[-2, 2] = 7.0
    h, noise = some_hyperparameters(5, 3), np.full(len(X), 0.01)
    whole = conditioned(X, y, MIXED, h, noise)
    part = conditioned(X[:n], y[:n], MIXED, h, noise[:n])
    grown = part.extend(X[n:], y[n:], noise[n:])
    new = mixed_data(50, seed=5)[0]
    new[0, 2] = 7.0
    for mine, expected in zip(grown.predict(new), whole.predict(new), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-9)
    np.testing.assert_allclose(grown.L_inverse, whole.L_inverse, atol=1e-8)
    np.testing.assert_allclose(grown.fitted_mean(), whole.predict(X)[0], atol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 20])
def test_points_side_by_side_extend_a_process(n):
    X, y = mixed_data()
    gp = conditioned(X, y, MIXED, some_hyperparameters(5, 3))
    grown = gp.extend(np.repeat(X[:1], n, axis=0))
    assert len(grown.Z) == len(X) + n
    assert np.isfinite(grown.predict(X)[1]).all()
    np.testing.assert_allclose(grown.predict(X)[0], gp.predict(X)[0], atol=1e-5)


def test_believer_keeps_the_mean_and_shrinks_the_variance():
    X, y = mixed_data()
    gp = conditioned(X, y, MIXED, some_hyperparameters(5, 3))
    pending = mixed_data(4, seed=9)[0]
    new = mixed_data(50, seed=5)[0]
    before, after = gp.predict(new), gp.extend(pending).predict(new)
    np.testing.assert_allclose(after[0], before[0], atol=1e-8)
    assert (after[1] <= before[1] + 1e-12).all()
    assert gp.extend(pending).predict(pending)[1].max() < 1e-4


def test_other_targets_change_the_mean_only():
    X, y = numeric_data()
    gp = conditioned(X, y, NUMERIC, some_hyperparameters(3, 3))
    mean, variance = gp.with_targets(2 * y).predict(X)
    np.testing.assert_allclose(mean, 2 * gp.predict(X)[0], atol=1e-9)
    np.testing.assert_array_equal(variance, gp.predict(X)[1])


def test_duplicated_points_and_faces_of_the_cube_do_no_harm():
    X = np.repeat(
        np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.5]]), 8, axis=0
    )
    y = np.random.default_rng(0).standard_normal(24)
    gp = fit_gaussian_process(X, y, NUMERIC)
    mean, variance = gp.predict(X)
    assert np.isfinite(mean).all() and (variance > 0).all()


def test_only_categorical_columns_or_two_points():
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    y = np.array([1.0, -1.0, 0.5, -0.5])
    for rows in (slice(4), slice(2)):
        gp = fit_gaussian_process(X[rows], y[rows], np.ones(2, bool))
        assert np.isfinite(gp.predict(X)[0]).all()


def test_targets_that_are_not_numbers_are_a_linear_algebra_error():
    X, y = numeric_data()
    with pytest.raises(LinAlgError):
        fit_gaussian_process(X, np.full_like(y, np.nan), NUMERIC)


def test_predicting_no_points_gives_none():
    X, y = numeric_data()
    mean, variance = conditioned(X, y, NUMERIC, some_hyperparameters(3, 3)).predict(
        X[:0]
    )
    assert mean.shape == variance.shape == (0,)


def test_pickle_predicts_the_same_floats():
    X, y = numeric_data()
    gp = fit_gaussian_process(X, y, NUMERIC)
    again = pickle.loads(pickle.dumps(gp))
    np.testing.assert_array_equal(again.predict(X), gp.predict(X))
