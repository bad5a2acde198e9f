import numpy as np
import pytest

from skhpo._statistics import corrected_variance


def test_the_corrected_variance_is_that_of_nadeau_and_bengio():
    values = np.array([0.1, 0.2, 0.4, 0.5, 0.8])
    s2 = np.sum((values - values.mean()) ** 2) / 4
    assert corrected_variance(values, 20 / 80) == pytest.approx((1 / 5 + 1 / 4) * s2)


def test_rows_of_values_have_one_variance_each():
    values = np.random.default_rng(0).normal(size=(3, 4))
    expected = [corrected_variance(row, 0.25) for row in values]
    np.testing.assert_allclose(corrected_variance(values, 0.25), expected)
    np.testing.assert_allclose(corrected_variance(values.T, 0.25, axis=0), expected)
