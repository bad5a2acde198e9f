import numpy as np

from skhpo.surrogates._priors import gaussian, two_sided


def test_two_sided_prior_prefers_scales_of_the_order_of_the_cube():
    at = {w: two_sided(np.log([w]))[0] for w in (0.01, 0.3, 1.0, 3.0, 100.0)}
    assert at[1.0] == max(at.values())
    assert at[0.01] < at[0.3] - 1 and at[100.0] < at[3.0] - 1


def test_many_dimensions_prefer_longer_scales():
    log_w = np.full(60, -0.5 * np.log(4.0))
    assert two_sided(log_w)[0] > two_sided(-log_w)[0]


def test_gradients_agree_with_differences():
    x = np.array([-0.7, 0.2, 1.9])
    for prior in (two_sided, lambda v: gaussian(v, 0.3, 1.5)):
        difference = [
            (prior(x + 1e-6 * e)[0] - prior(x - 1e-6 * e)[0]) / 2e-6 for e in np.eye(3)
        ]
        np.testing.assert_allclose(prior(x)[1], difference, atol=1e-8)
