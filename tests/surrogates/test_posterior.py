import numpy as np
import pytest
from scipy.stats import norm

from skhpo.surrogates import GaussianProcess, Hyperparameters, fit_gaussian_process
from skhpo.surrogates._kernels import Columns, matern52, scaled_distance
from skhpo.surrogates._posterior import Fantasies, SampledFunction, quasi_normals
from skhpo.surrogates._priors import NOISE_FLOOR

MIXED = np.array([False, False, True])


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random((n, 2)), rng.integers(0, 3, n)])
    return X, 1.5 * np.sin(5 * X[:, 0]) + (X[:, 2] == 1) * X[:, 1] - 0.5


def fitted(n=15):
    return fit_gaussian_process(*data(n), MIXED)


def covariance_of(process, X):
    """(m, m) posterior covariance at points, the textbook's way."""
    s2 = process.hyperparameters.s2
    Z, q = process._features(X)
    k = s2 * matern52(scaled_distance(Z, q, process.Z, process.q))
    K_inverse = process.L_inverse.T @ process.L_inverse
    return s2 * matern52(scaled_distance(Z, q, Z, q)) - k @ K_inverse @ k.T


# Fantasies --------------------------------------------------------------------------


def test_fantasised_means_and_variances_are_those_of_a_refit_with_the_values_appended():
    process, (P, _), (X, _) = fitted(), data(5, seed=1), data(600, seed=2)
    normals = quasi_normals(5, 4, np.random.default_rng(0))
    fantasies = Fantasies(process.extend(P), normals)
    means, variance = fantasies.predict(X)
    h, (X_told, t) = process.hyperparameters, data(15)
    noise = np.append(np.zeros(15), np.full(5, NOISE_FLOOR - h.n2))  # no noise at P
    everywhere = np.vstack([X_told, P])
    columns = Columns.of(everywhere, MIXED)
    for i, values in enumerate(fantasies.values.T):
        refitted = GaussianProcess.of(
            everywhere, np.append(t, values), noise, columns, h
        )
        mean, expected = refitted.predict(X)
        np.testing.assert_allclose(means[:, i], mean, atol=1e-6)
        np.testing.assert_allclose(variance, expected, atol=1e-8)


def test_fantasies_have_the_joint_law_of_the_points_in_flight():
    process, (P, _) = fitted(), data(4, seed=1)
    fantasies = Fantasies(
        process.extend(P), quasi_normals(4, 4096, np.random.default_rng(0))
    )
    np.testing.assert_allclose(
        fantasies.values.mean(axis=1), process.predict(P)[0], atol=1e-9
    )
    covariance = covariance_of(process, P)
    largest = covariance.diagonal().max()
    np.testing.assert_allclose(
        np.cov(fantasies.values), covariance, atol=0.02 * largest
    )


def test_the_mean_over_fantasies_is_what_a_believer_thinks():
    process, (P, _), (X, _) = fitted(), data(4, seed=1), data(30, seed=2)
    fantasies = Fantasies(
        process.extend(P), quasi_normals(4, 16, np.random.default_rng(0))
    )
    means, variance = fantasies.predict(X)
    np.testing.assert_allclose(means.mean(axis=1), process.predict(X)[0], atol=1e-9)
    assert np.all(variance <= process.predict(X)[1] + 1e-12)


@pytest.mark.parametrize("q", [1, 4, 31])
def test_quasi_normals_are_centred_standard_and_follow_their_generator(q):
    e = quasi_normals(q, 256, np.random.default_rng(3))
    np.testing.assert_array_equal(e, quasi_normals(q, 256, np.random.default_rng(3)))
    np.testing.assert_allclose(e.mean(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(e.std(axis=1), 1.0, atol=0.05)


# Thompson's functions ---------------------------------------------------------------


def draws(process, n, *blocks):
    """(n, m) values of n functions, asked for block by block."""
    functions = [
        SampledFunction(process, np.random.default_rng(seed)) for seed in range(n)
    ]
    return np.array([np.concatenate([f(X) for X in blocks]) for f in functions])


def test_sampled_functions_have_the_posterior_mean_and_covariance():
    """All 12 means and 78 covariances within 4.5 standard errors, in 1 or 3 calls.

    A mean of n draws has standard error sqrt(c_ii / n), a covariance
    sqrt((c_ii c_jj + c_ij^2) / n). 90 normal deviates beyond 4.5: 1 case in 1,600.
    """
    process, (X, _), n = fitted(), data(12, seed=1), 2000
    mean, c = process.predict(X)[0], covariance_of(process, X)
    for blocks in ([X], [X[:5], X[5:6], X[6:]]):
        values = draws(process, n, *blocks)
        variance = c.diagonal() + 1e-6  # the jitter
        error = np.abs(values.mean(axis=0) - mean) / np.sqrt(variance / n)
        assert error.max() < 4.5
        spread = np.sqrt((np.outer(variance, variance) + c**2) / n)
        assert (np.abs(np.cov(values.T) - c) / spread).max() < 4.5


def test_a_sampled_function_is_standard_normal_in_its_own_units():
    process, (X, _) = fitted(), data(1, seed=1)
    mean, variance = process.predict(X)
    z = np.sort((draws(process, 1000, X)[:, 0] - mean[0]) / np.sqrt(variance[0]))
    gap = np.abs(norm.cdf(z) - (np.arange(1000) + 0.5) / 1000).max()
    assert gap < 1.95 / np.sqrt(1000)  # Kolmogorov's law: 1 case in 1,000


def test_a_sampled_function_keeps_its_values_when_asked_again():
    process, (X, _) = fitted(), data(40, seed=1)
    function = SampledFunction(process, np.random.default_rng(0))
    first = function(X)
    np.testing.assert_allclose(function(X[::-1])[::-1], first, atol=2e-3)


def test_a_sampled_function_is_continuous_across_calls():
    process, (X, _) = fitted(), data(40, seed=1)
    function = SampledFunction(process, np.random.default_rng(0))
    near = X.copy()
    near[:, 0] += 1e-4
    np.testing.assert_allclose(function(near), function(X), atol=0.02)


def test_a_sampled_function_passes_through_scores_without_noise():
    X, t = data(15)
    h = Hyperparameters.default(3, 2)
    h = Hyperparameters(h.log_w, h.log_s2, np.log(1e-6), h.log_a, h.log_b)
    process = GaussianProcess.of(X, t, np.zeros(15), Columns.of(X, MIXED), h)
    function = SampledFunction(process, np.random.default_rng(0))
    np.testing.assert_allclose(function(X), t, atol=0.01)


def test_a_sampled_function_knows_levels_that_nobody_has_tried():
    X, t = data(15)
    told = X[:, 2] != 2
    process = fit_gaussian_process(X[told], t[told], MIXED)
    function = SampledFunction(process, np.random.default_rng(0))
    first = function(X)
    np.testing.assert_allclose(function(X), first, atol=2e-3)
