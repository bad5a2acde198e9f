"""Left-out predictions and bootstrap samples against processes made anew."""

import numpy as np
import pytest

from skhpo.surrogates import GaussianProcess, fit_gaussian_process
from skhpo.surrogates._kernels import Columns
from skhpo.surrogates._validation import (
    bootstrap_alphas,
    covariances,
    leave_one_out,
    leave_one_out_refitted,
    r2_left_out,
)

CATEGORICAL = np.array([False, False, True])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random((25, 2)), rng.integers(3, size=25)])
    t = np.sin(5 * X[:, 0]) + (X[:, 2] == 1) + 0.1 * rng.standard_normal(25)
    t = (t - t.mean()) / t.std()
    return X, t, fit_gaussian_process(X, t, CATEGORICAL)


def conditioned(X, t, h):
    return GaussianProcess.of(X, t, np.zeros(len(X)), Columns.of(X, CATEGORICAL), h)


def test_left_out_predictions_are_those_of_processes_without_the_row(data):
    X, t, process = data
    expected = []
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        smaller = conditioned(X[others], t[others], process.hyperparameters)
        expected.append(smaller.mean(X[[i]])[0])
    np.testing.assert_allclose(leave_one_out(process), expected, rtol=1e-6, atol=1e-8)


def test_refitted_with_as_many_parts_as_rows_is_a_brute_force_refit(data):
    X, t, process = data
    found = leave_one_out_refitted(
        process,
        X,
        CATEGORICAL,
        n_parts=len(X),
        warp=True,
        rng=np.random.default_rng(0),
    )
    for i in (0, 7, 24):
        others = np.arange(len(X)) != i
        smaller = fit_gaussian_process(X[others], t[others], CATEGORICAL)
        assert found[i] == pytest.approx(smaller.mean(X[[i]])[0], abs=1e-6)


def test_a_bootstrap_sample_is_a_process_with_its_rows_repeated(data):
    X, t, process = data
    (alpha,) = bootstrap_alphas(process, 1, np.random.default_rng(3))
    rows = np.random.default_rng(3).integers(len(X), size=len(X))
    repeated = conditioned(X[rows], t[rows], process.hyperparameters)
    np.testing.assert_allclose(
        covariances(process, X) @ alpha, repeated.mean(X), rtol=1e-5, atol=1e-6
    )


def test_r2_is_0_for_the_mean_of_the_others_and_1_for_the_truth():
    t = np.array([1.0, 2.0, 6.0])
    others = (t.sum() - t) / 2
    assert r2_left_out(t, others) == pytest.approx(0)
    assert r2_left_out(t, t) == 1
    assert np.isnan(r2_left_out(np.ones(3), np.ones(3)))
