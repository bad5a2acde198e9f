import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skhpo.surrogates import fit_score_transform
from skhpo.surrogates._transforms import shrunk_noise

any_scores = arrays(np.float64, st.integers(0, 12), elements=st.floats(width=64))


def test_one_disaster_does_not_hide_the_differences_among_the_others():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, -1e30])
    targets = fit_score_transform(scores)(scores)
    assert targets[0] - targets[4] > 0.05 * (targets[0] - targets[5])


def test_noise_follows_the_slope_and_stays_finite():
    scores = np.array([0.0, 1.0, 2.0, 3.0, 4.0, -30.0])
    transform = fit_score_transform(scores)
    noise = transform.noise(np.full(6, 0.01), scores)
    np.testing.assert_allclose(noise, 0.01 * transform.slope(scores) ** 2)
    assert np.isfinite(transform.noise(np.full(6, 1e300), scores)).all()
    assert np.isfinite(transform.noise(np.full(6, np.inf), scores)).all()


@given(any_scores)
def test_any_scores_give_finite_targets_in_the_order_of_the_scores(scores):
    transform = fit_score_transform(scores)
    if transform is None:
        finite = scores[np.isfinite(scores)] / 4
        if len(finite):  # all tied, to rounding
            rounding = max(1e-12 * abs(np.median(finite)), np.finfo(float).tiny)
            assert np.ptp(finite) <= 2 * rounding
        return
    targets = transform(scores)
    assert np.isfinite(targets).all()
    finite = np.isfinite(scores)
    order = np.argsort(scores[finite], kind="stable")
    assert np.all(np.diff(targets[finite][order]) >= 0)
    assert (targets[~finite] < targets[finite].min()).all()


def test_targets_are_standardised():
    targets = fit_score_transform(y := np.random.default_rng(0).random(50))(y)
    assert targets.mean() == pytest.approx(0) and targets.std() == pytest.approx(1)


def test_good_scores_keep_their_proportions_and_bad_ones_are_squashed():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, -1e6])
    targets = fit_score_transform(scores)(scores)
    good = targets[0] - targets[1]
    assert targets[1] - targets[2] == pytest.approx(good)
    assert targets[4] - targets[5] < 100 * good


def test_squash_is_continuous_with_a_continuous_slope():
    transform = fit_score_transform(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    edge = 2.0 - 2.0  # median - spread
    at = transform(np.array([edge - 1e-7, edge, edge + 1e-7]))
    assert at[2] - at[1] == pytest.approx(at[1] - at[0], rel=1e-5)


def test_slope_agrees_with_differences():
    scores = np.array([0.0, 1.0, 2.0, 3.0, 4.0, -30.0])
    transform = fit_score_transform(scores)
    y = np.array([-30.0, -5.0, 0.5, 2.0, 3.5])
    difference = (transform(y + 1e-5) - transform(y - 1e-5)) / 2e-5
    np.testing.assert_allclose(transform.slope(y), difference, rtol=1e-6)


def test_failed_scores_have_no_slope_and_fall_below_the_worst():
    scores = np.array([1.0, 2.0, np.nan, np.inf, -np.inf, 3.0])
    transform = fit_score_transform(scores)
    targets = transform(scores)
    assert (targets[2:5] < targets[0]).all() and np.ptp(targets[2:5]) == 0
    np.testing.assert_array_equal(transform.slope(scores)[2:5], 0)


def test_more_than_half_tied_at_the_best():
    scores = np.array([1.0, 1.0, 1.0, 1.0, 0.5, 0.2])
    targets = fit_score_transform(scores)(scores)
    assert targets[0] > targets[4] > targets[5]


@pytest.mark.parametrize(
    "scores", [[], [1.0], [np.nan], [2.0, 2.0], [0.0, 0.0], [1e300, np.nan, 1e300]]
)
def test_without_two_distinct_scores_there_is_no_transform(scores):
    assert fit_score_transform(np.array(scores)) is None


def test_noise_is_shrunk_half_way_to_its_median():
    noise = shrunk_noise(np.array([1.0, 3.0, 5.0, np.nan]))
    np.testing.assert_allclose(noise, [2.0, 3.0, 4.0, 3.0])
    np.testing.assert_allclose(shrunk_noise(np.full(3, np.nan)), 0)


def test_what_is_known_exactly_stays_exact_among_many_noisy_ones():
    noise = shrunk_noise(np.array([0.0, 1.0, 3.0, 5.0, 0.0, np.nan]))
    np.testing.assert_allclose(noise[:5], [0.0, 2.0, 3.0, 4.0, 0.0])
    assert noise[5] > 0


def test_targets_lead_back_to_the_scores():
    scores = np.array([0.9, 0.8, 0.7, 0.2, -5.0, -200.0])
    transform = fit_score_transform(scores)
    np.testing.assert_allclose(transform.inverse(transform(scores)), scores, rtol=1e-9)
