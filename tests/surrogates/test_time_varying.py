"""Oracles: scikit-learn's regressor with our kernel written as a plain formula."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel, Matern

from skhpo.surrogates._time_varying import (
    TimeVaryingHyperparameters,
    TimeVaryingLoss,
    TimeVaryingProcess,
    fit_time_varying_process,
    log_prior,
)

H = TimeVaryingHyperparameters(np.log([0.5, 4.0, 20.0]), 0.3, -3.0, 0.4)


class TimeVarying(Kernel):
    """s2 matern52(x, x') (1 - eps)^(|t - t'| / 2); time is the last column."""

    def __init__(self, h):
        self.h = h

    def __call__(self, X, Y=None, eval_gradient=False):
        Y = X if Y is None else Y
        matern = Matern(np.exp(-0.5 * self.h.log_w), nu=2.5)(X[:, :-1], Y[:, :-1])
        gaps = np.abs(X[:, -1][:, None] - Y[:, -1])
        K = np.exp(self.h.log_s2) * matern * (1 - self.h.eps) ** (gaps / 2)
        return (K, np.empty((*K.shape, 0))) if eval_gradient else K

    def diag(self, X):
        return np.full(len(X), np.exp(self.h.log_s2))

    def is_stationary(self):
        return True


def data(n=25, seed=0):
    rng = np.random.default_rng(seed)
    X, times = rng.random((n, 3)), np.repeat(np.arange(n // 5) / 5, 5)
    return X, times, np.sin(5 * X[:, 0] + 2 * times) + 0.1 * rng.standard_normal(n)


def oracle(X, times, targets, h=H):
    regressor = GaussianProcessRegressor(
        TimeVarying(h), alpha=np.exp(h.log_n2), optimizer=None
    )
    return regressor.fit(np.column_stack([X, times]), targets)


def test_mean_and_variance_are_those_of_scikit_learn():
    X, times, targets = data()
    new, then = np.random.default_rng(1).random((40, 3)), np.linspace(0, 1.2, 40)
    mean, variance = TimeVaryingProcess(H, X, times, targets).predict(new, then)
    expected, sd = oracle(X, times, targets).predict(
        np.column_stack([new, then]), return_std=True
    )
    np.testing.assert_allclose(mean, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.sqrt(variance), sd, rtol=1e-7)


def test_the_loss_is_the_likelihood_of_scikit_learn_and_the_prior():
    X, times, targets = data()
    value, _ = TimeVaryingLoss(X, times, targets)(H.theta)
    likelihood = oracle(X, times, targets).log_marginal_likelihood_value_
    constant = 0.5 * len(X) * np.log(2 * np.pi)
    assert value == pytest.approx(-likelihood - constant - log_prior(H)[0], rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(seed):
    loss = TimeVaryingLoss(*data(seed=seed))
    theta = H.theta + np.random.default_rng(seed).normal(0, 0.5, 6)
    expected = approx_fprime(theta, lambda x: loss(x)[0], 1e-7)
    np.testing.assert_allclose(loss(theta)[1], expected, rtol=1e-4, atol=1e-5)


def test_theta_goes_there_and_back():
    np.testing.assert_array_equal(TimeVaryingHyperparameters.of(H.theta).theta, H.theta)
    assert (1 - H.eps) ** 0.5 == pytest.approx(np.exp(-np.exp(H.log_lam)))


def test_a_fit_ends_where_the_gradient_is_flat():
    X, times, targets = data(40)
    process = fit_time_varying_process(X, times, targets)
    loss = TimeVaryingLoss(X, times, targets)
    theta = process.hyperparameters.theta
    assert loss(theta)[0] < loss(TimeVaryingHyperparameters.default(3).theta)[0] - 1
    rng = np.random.default_rng(0)
    around = [loss(theta + 0.3 * rng.standard_normal(6))[0] for _ in range(50)]
    assert min(around) > loss(theta)[0] - 0.05


def drawn(rate, seed=0, n=150):
    """Data from the model itself, at a rate of forgetting."""
    rng = np.random.default_rng(seed)
    h = TimeVaryingHyperparameters(np.log([4.0]), 0.0, np.log(0.01), np.log(rate))
    X, times = rng.random((n, 1)), np.repeat(np.linspace(0, 1, 10), n // 10)
    K = TimeVarying(h)(np.column_stack([X, times])) + 0.01 * np.eye(n)
    return X, times, np.linalg.cholesky(K) @ rng.standard_normal(n)


def test_the_rate_of_forgetting_is_found():
    slow, fast = (
        np.mean(
            [
                fit_time_varying_process(*drawn(rate, seed)).hyperparameters.log_lam
                for seed in range(5)
            ]
        )
        for rate in (0.05, 8.0)
    )
    assert slow < np.log(0.5)
    assert fast > np.log(3.0)


def test_what_was_seen_long_ago_counts_for_less():
    process = TimeVaryingProcess(
        H, np.full((1, 3), 0.5), np.array([0.0]), np.array([1.0])
    )
    times = np.linspace(0, 1, 5)
    mean, variance = process.predict(np.full((5, 3), 0.5), times)
    assert np.all(np.diff(mean) < 0)
    assert np.all(np.diff(variance) > 0)
    ratio = mean[1:] / mean[:-1]
    np.testing.assert_allclose(ratio, (1 - H.eps) ** (0.25 / 2))


def test_a_believer_keeps_its_mean_and_is_surer():
    X, times, targets = data()
    process = TimeVaryingProcess(H, X, times, targets)
    P, now = np.full((2, 3), [[0.2], [0.9]]), np.array([0.8, 0.8])
    believer = process.believing(P, now)
    new, then = np.random.default_rng(1).random((20, 3)), np.full(20, 0.8)
    mean, variance = process.predict(new, then)
    again, smaller = believer.predict(new, then)
    np.testing.assert_allclose(again, mean, atol=1e-9)
    assert np.all(smaller <= variance + 1e-12)
    at_P = believer.predict(P, now)[1] / process.predict(P, now)[1]
    assert np.all(at_P < 0.2)


def test_constant_targets_at_one_place_can_be_fitted():
    X, times = np.full((6, 2), 0.5), np.full(6, 0.5)
    process = fit_time_varying_process(X, times, np.zeros(6))
    mean, variance = process.predict(X, times)
    assert np.all(np.isfinite(mean)) and np.all(variance > 0)
