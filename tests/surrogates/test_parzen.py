import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import kstest, norm, truncnorm

from skhpo.surrogates import fit_parzen_estimator
from skhpo.surrogates._parzen import Cells, Choices, Interval

FIVE = Cells(np.array([0.0, 0.3, 0.5, 0.65, 0.8, 1.0]))
CENTRES = 0.5 * (FIVE.edges[1:] + FIVE.edges[:-1])
THREE = Choices(3)
NAN = np.nan


def gaussian(mu, b):
    return truncnorm(-mu / b, (1 - mu) / b, loc=mu, scale=b)


def kernel_by_hand(axis, x, mu, b):
    """One number, as the definitions have it."""
    if isinstance(axis, Choices):
        if axis.n == 1 or abs(x - mu) < 0.1 / axis.n:
            return 1 - b
        return b / (axis.n - 1)
    if isinstance(axis, Cells):
        k = np.searchsorted(axis.edges, x) - 1
        return np.diff(gaussian(mu, b).cdf(axis.edges[k : k + 2]))[0]
    return gaussian(mu, b).pdf(x)


def prior_by_hand(axis, x):
    if isinstance(axis, Choices):
        return 1 / axis.n
    if isinstance(axis, Cells):
        return np.diff(axis.edges)[np.searchsorted(axis.edges, x) - 1]
    return 1.0


def density_by_hand(estimator, x):
    total = 0.0
    prior = np.full(len(x), NAN)
    for w, mu in zip(estimator.w, [*estimator.mu, prior], strict=True):
        product = w
        for axis, x_j, mu_j, b in zip(estimator.axes, x, mu, estimator.b, strict=True):
            if np.isnan(x_j):
                continue
            unknown = np.isnan(mu_j)
            product *= (
                prior_by_hand(axis, x_j)
                if unknown
                else kernel_by_hand(axis, x_j, mu_j, b)
            )
        total += product
    return total


def draws(axes, n, rng):
    x = rng.random((n, len(axes)))
    for j, axis in enumerate(axes):
        if isinstance(axis, Choices):
            x[:, j] = (rng.integers(axis.n, size=n) + 0.5) / axis.n
        elif isinstance(axis, Cells):
            x[:, j] = rng.choice(CENTRES, n)
    return x


@pytest.mark.parametrize(
    "axes",
    [
        (Interval(),),
        (FIVE,),
        (THREE,),
        (Interval(), Interval(), Interval()),
        (Interval(), FIVE, THREE, Choices(1), Interval()),
    ],
    ids=["interval", "cells", "choices", "intervals", "mixed"],
)
def test_density_agrees_with_the_sum_by_hand(axes):
    rng = np.random.default_rng(0)
    mu, x = draws(axes, 9, rng), draws(axes, 20, rng)
    weights = rng.random(9)
    if len(axes) > 1:  # some are inactive in points, observations or both
        mu[:4, 1] = x[:10, 1] = mu[3, 2] = NAN
    estimator = fit_parzen_estimator(axes, mu, weights)
    expected = np.log([density_by_hand(estimator, point) for point in x])
    np.testing.assert_allclose(estimator.log_density(x), expected, rtol=1e-9)


def test_one_number_integrates_to_1():
    mu = np.array([[0.0], [0.02], [0.4], [0.99]])
    p = fit_parzen_estimator([Interval()], mu)
    total, _ = quad(
        lambda x: np.exp(p.log_density(np.array([[x]]))[0]),
        0,
        1,
        points=[0.02, 0.4, 0.99],
    )
    assert total == pytest.approx(1.0, abs=1e-8)


def test_two_numbers_integrate_to_1():
    mu = np.random.default_rng(0).random((4, 2))
    p = fit_parzen_estimator([Interval(), Interval()], mu)
    total, _ = dblquad(
        lambda x, y: np.exp(p.log_density(np.array([[x, y]]))[0]),
        0,
        1,
        0,
        1,
        epsabs=1e-6,
    )
    assert total == pytest.approx(1.0, abs=1e-5)


def test_cells_and_categories_sum_to_1():
    mu = np.array([[CENTRES[1], 0.5], [CENTRES[4], 1 / 6], [CENTRES[4], NAN]])
    p = fit_parzen_estimator([FIVE, THREE], mu)
    grid = np.array([[u, v] for u in CENTRES for v in (1 / 6, 0.5, 5 / 6)])
    assert np.exp(p.log_density(grid)).sum() == pytest.approx(1.0)


def test_a_conditional_space_sums_to_1_over_its_patterns():
    # category 0: the number is active; categories 1 and 2: it is not
    mu = np.array([[1 / 6, 0.2], [1 / 6, 0.3], [0.5, NAN], [5 / 6, NAN]])
    p = fit_parzen_estimator([THREE, Interval()], mu)
    active, _ = quad(lambda x: np.exp(p.log_density(np.array([[1 / 6, x]]))[0]), 0, 1)
    others = np.exp(p.log_density(np.array([[0.5, NAN], [5 / 6, NAN]]))).sum()
    assert active + others == pytest.approx(1.0, abs=1e-7)
    assert 1 / 3 < active < 1 / 2  # two of four observations, and the prior


def test_draws_follow_the_density():
    """Kolmogorov-Smirnov; a right sampler fails this in 1 of 1000 seeds."""
    mu = np.array([[0.0], [0.05], [0.6], [1.0]])
    p = fit_parzen_estimator([Interval()], mu, np.array([1.0, 2.0, 0.5, 1.0]))

    def cdf(x):
        parts = [gaussian(m, p.b[0]).cdf(x) for m in mu[:, 0]]
        return p.w @ np.array([*parts, x])

    x = p.sample(4000, np.random.default_rng(0))[:, 0]
    assert kstest(x, cdf).pvalue > 1e-3


def test_draws_of_cells_and_categories_come_as_often_as_they_should():
    mu = np.array([[CENTRES[1], 0.5], [CENTRES[4], 1 / 6]])
    p = fit_parzen_estimator([FIVE, THREE], mu)
    x = p.sample(20_000, np.random.default_rng(0))
    cell = np.searchsorted(FIVE.edges[1:-1], x[:, 0])
    choice = (x[:, 1] * 3).astype(int)
    counts = np.bincount(3 * cell + choice, minlength=15)
    grid = np.array([[u, v] for u in CENTRES for v in (1 / 6, 0.5, 5 / 6)])
    expected = np.exp(p.log_density(grid))
    error = np.sqrt(expected * (1 - expected) / 20_000)
    assert np.all(np.abs(counts / 20_000 - expected) < 4 * error)


def test_what_goes_together_stays_together():
    mu = np.array([[0.1, 0.9], [0.9, 0.1]] * 20)
    p = fit_parzen_estimator([Interval(), Interval()], mu)
    x = p.sample(500, np.random.default_rng(0))
    assert np.corrcoef(x.T)[0, 1] < -0.5
    here, there = p.log_density(np.array([[0.1, 0.9], [0.1, 0.1]]))
    assert here > there + 1


def test_without_observations_there_is_the_prior():
    p = fit_parzen_estimator([Interval(), THREE], np.empty((0, 2)))
    x = np.array([[0.3, 0.5], [NAN, 1 / 6]])
    np.testing.assert_allclose(p.log_density(x), -np.log(3))
    assert p.sample(5, np.random.default_rng(0)).shape == (5, 2)


def test_observations_that_coincide_keep_some_width():
    p = fit_parzen_estimator([Interval()], np.full((2000, 1), 0.3))
    assert p.b[0] == pytest.approx(0.03)
    assert np.isfinite(p.log_density(np.array([[0.3], [1.0]]))).all()


def test_bandwidths_shrink_with_observations():
    rng = np.random.default_rng(0)
    for axis in (Interval(), THREE):
        widths = [
            fit_parzen_estimator([axis], draws([axis], n, rng)).b[0] for n in (5, 500)
        ]
        assert widths[1] < 0.6 * widths[0]


def test_masses_far_from_a_centre_keep_their_digits():
    edges = np.linspace(0.0, 1.0, 101)
    x, mu, b = np.array([0.995]), np.zeros(1), 0.05
    mass = Cells(edges).log_kernel(x, mu, b)[0, 0]
    a, c = norm.logsf([0.99 / b, 1.0 / b])  # 1e-88; 1 - Phi would be 0
    assert mass == pytest.approx(a + np.log1p(-np.exp(c - a)) + np.log(2.0))
