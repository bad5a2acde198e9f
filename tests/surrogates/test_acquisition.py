import copy
import pickle

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from skhpo.surrogates import log_expected_improvement
from skhpo.surrogates._acquisition import (
    ACQUISITIONS,
    EI,
    PI,
    UCB,
    LogEI,
    Thompson,
    log_h,
    resolve_acquisition,
)

POINTWISE = [LogEI(), EI(), PI(), UCB()]


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


def over_the_gain(value, mean, sd, best):
    """E[value(target - best); target > best] for a normal target, by quadrature."""
    top = max(best, mean) + 12 * sd
    return quad(
        lambda t: value(t - best) * norm.pdf(t, mean, sd),
        best,
        top,
        epsabs=0,
        points=[max(best, mean)],
    )[0]


BELIEFS = [(0.0, 1.0, 0.5), (0.3, 0.7, 0.9), (2.0, 0.1, 1.5), (-1.0, 0.5, 1.0)]


@pytest.mark.parametrize("xi", [0.0, 0.2])
@pytest.mark.parametrize(("mean", "sd", "best"), BELIEFS)
def test_ei_and_log_ei_agree_with_quadrature(mean, sd, best, xi):
    gain = over_the_gain(lambda excess: excess, mean, sd, best + xi)
    at = np.array([mean]), np.array([sd]), best
    assert EI(xi)(*at)[0] == pytest.approx(gain, rel=1e-7)
    assert np.exp(LogEI(xi)(*at)[0]) == pytest.approx(gain, rel=1e-7)


@pytest.mark.parametrize("xi", [0.0, 0.2])
@pytest.mark.parametrize(("mean", "sd", "best"), BELIEFS)
def test_pi_agrees_with_quadrature(mean, sd, best, xi):
    chance = over_the_gain(lambda excess: 1.0, mean, sd, best + xi)
    assert PI(xi)(np.array([mean]), np.array([sd]), best)[0] == pytest.approx(
        chance, rel=1e-7
    )


def test_ucb_is_the_mean_plus_kappa_deviations_whatever_the_best():
    mean, sd = np.array([0.0, 1.0, -3.0]), np.array([1.0, 0.5, 2.0])
    for best in (-5.0, 0.0, 1e6):
        np.testing.assert_array_equal(UCB(3.0)(mean, sd, best), [3.0, 2.5, 3.0])


@pytest.mark.parametrize("acquisition", [EI(), PI()])
def test_the_logarithm_keeps_the_order_where_the_value_is_zero(acquisition):
    mean, sd = np.linspace(-300.0, -50.0, 200), np.full(200, 0.5)
    assert acquisition(mean, sd, 0.0).max() == 0.0
    assert np.all(np.diff(acquisition.log(mean, sd, 0.0)) > 0)
    assert np.isfinite(acquisition.log(mean, sd, 0.0)).all()


@pytest.mark.parametrize(
    ("log", "value"),
    [(LogEI(), EI()), (LogEI().log, EI()), (EI().log, EI()), (PI().log, PI())],
)
def test_the_logarithm_is_that_of_the_value(log, value):
    rng = np.random.default_rng(0)
    at = rng.standard_normal(50), rng.random(50) + 0.1, 0.5
    np.testing.assert_allclose(log(*at), np.log(value(*at)), atol=1e-12)


@pytest.mark.parametrize("acquisition", POINTWISE, ids=repr)
def test_larger_means_are_never_worse(acquisition):
    mean = np.linspace(-6, 6, 500)
    assert np.all(np.diff(acquisition(mean, np.full(500, 0.8), 0.3)) >= 0)


# What a user writes -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("logei", LogEI(xi=0.0)),
        ("ei", EI(xi=0.0)),
        ("pi", PI(xi=0.01)),
        ("ucb", UCB(kappa=1.8)),
        ("thompson", Thompson()),
    ],
)
def test_a_name_is_the_object_with_its_defaults(name, default):
    assert resolve_acquisition(name) == default
    assert resolve_acquisition(default) is default


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_acquisitions_are_values(name):
    acquisition = resolve_acquisition(name)
    assert pickle.loads(pickle.dumps(acquisition)) == acquisition
    assert copy.deepcopy(acquisition) == acquisition
    assert hash(acquisition) == hash(resolve_acquisition(name))
    with pytest.raises(AttributeError):
        acquisition.kappa = 2.0


def test_a_function_of_the_user_is_taken_as_it_is():
    def mean_or_nothing(mean, sd, best):
        return np.where(sd > 0.3, mean, -np.inf)

    assert resolve_acquisition(mean_or_nothing) is mean_or_nothing


def _fails(mean, sd, best):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("logie", r"acquisition='logie' is not known. Did you mean 'logei'\?"),
        ("magic", "Choose one of 'logei', 'ei', 'pi', 'ucb', 'thompson', an object"),
        (None, "acquisition=None is not known."),
        (3, "acquisition=3 is not known."),
        (UCB, r"acquisition=UCB is a class, .* write acquisition=UCB\(\)."),
        (lambda mean, sd: mean, "failed with TypeError"),
        (_fails, "failed with KeyError: 'no such thing'. It gets the means"),
        (lambda mean, sd, best: 1.0, r"returned shape \(\). It gets"),
        (lambda mean, sd, best: mean[:, None], r"returned shape \(5, 1\)"),
        (lambda mean, sd, best: mean + np.nan, "nan or inf cannot be compared"),
        (lambda mean, sd, best: mean + np.inf, "nan or inf cannot be compared"),
        (lambda mean, sd, best: ["a"] * 5, "failed with ValueError"),
    ],
)
def test_a_wrong_acquisition_is_one_clear_error(wrong, message):
    with pytest.raises(ValueError, match=message):
        resolve_acquisition(wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UCB(kappa=-1), "ucb needs kappa >= 0, got kappa=-1."),
        (lambda: UCB(kappa="2"), "ucb needs kappa >= 0, got kappa='2'."),
        (lambda: UCB(kappa=np.nan), "ucb needs kappa >= 0, got kappa=nan."),
        (lambda: LogEI(xi=-0.1), "logei needs xi >= 0, got xi=-0.1."),
        (lambda: EI(xi=np.inf), "ei needs xi >= 0, got xi=inf."),
        (lambda: PI(xi=None), "pi needs xi >= 0, got xi=None."),
    ],
)
def test_a_setting_out_of_range_is_named(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message
