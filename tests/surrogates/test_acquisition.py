import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from skhpo.surrogates import log_expected_improvement
from skhpo.surrogates._acquisition import log_h


@pytest.mark.parametrize("z", [-7.0, -3.0, -1.0001, -0.9999, -0.2, 0.0, 1.5, 8.0])
def test_log_h_agrees_with_quadrature(z):
    # E[max(z + e, 0)] = integral of u phi(u - z) over u > 0; phi(z) factored out
    value, _ = quad(
        lambda u: u * np.exp(u * min(z, 0) - 0.5 * (u - max(z, 0)) ** 2), 0, 60
    )
    expected = np.log(value) + (norm.logpdf(z) if z < 0 else norm.logpdf(0))
    assert log_h(np.array([z]))[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("z", [-5.0, -12.0, -25.0, -40.0, -99.0, -101.0, -1e3, -1e6])
def test_log_h_is_exact_far_in_the_tail(z):
    # h(z) / phi(z) = integral of u exp(z u - u^2 / 2) over u > 0; with v = |z| u
    value, _ = quad(lambda v: v * np.exp(-v - 0.5 * (v / z) ** 2), 0, 60, epsrel=1e-13)
    expected = norm.logpdf(z) - 2 * np.log(-z) + np.log(value)
    assert log_h(np.array([z]))[0] == pytest.approx(expected, rel=1e-11)


def test_branches_join_smoothly():
    for joint in (-1.0, -100.0):
        left, right = log_h(np.array([joint - 1e-9, joint + 1e-9]))
        assert left == pytest.approx(right, abs=1e-6)


def test_log_h_increases_everywhere():
    z = np.concatenate([-np.logspace(8, -8, 4000), np.logspace(-8, 3, 2000)])
    assert np.all(np.diff(log_h(z)) > 0)


def test_expected_improvement_of_a_sure_gain_is_the_gain():
    value = log_expected_improvement(np.array([3.0]), np.array([1e-6]), best=1.0)
    assert np.exp(value[0]) == pytest.approx(2.0)


def test_expected_improvement_agrees_with_the_mean_over_draws():
    draws = 0.3 + 0.7 * np.random.default_rng(0).standard_normal(2_000_000)
    expected = np.maximum(draws - 0.9, 0).mean()
    value = log_expected_improvement(np.array([0.3]), np.array([0.7]), best=0.9)
    assert np.exp(value[0]) == pytest.approx(expected, rel=5e-3)
