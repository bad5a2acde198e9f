"""Intervals: the formulas by hand, and what they cover."""

import numpy as np
import pytest
from scipy import stats

from skhpo.model_selection._intervals import (
    fold_t_interval,
    nadeau_bengio_interval,
    pooled_interval,
    pooled_standard_error,
)

SCORES = np.array([0.70, 0.74, 0.81, 0.69, 0.76])


def test_fold_t_is_the_textbook_interval():
    low, high = fold_t_interval(SCORES, 5, 0.95)
    expected = stats.t.interval(0.95, 4, SCORES.mean(), stats.sem(SCORES))
    np.testing.assert_allclose((low, high), expected)


def test_repeats_do_not_narrow_fold_t():
    once, twice = (fold_t_interval(np.tile(SCORES, n), 5, 0.95) for n in (1, 2))
    width = [interval.high - interval.low for interval in (once, twice)]
    assert width[1] == pytest.approx(width[0], rel=0.1)


def test_nadeau_bengio_adds_the_share_of_test_rows():
    low, high = nadeau_bengio_interval(SCORES, 1 / 4, 0.95)
    se = np.sqrt((1 / 5 + 1 / 4) * SCORES.var(ddof=1))
    half = stats.t.ppf(0.975, 4) * se
    np.testing.assert_allclose(
        (low, high), (SCORES.mean() - half, SCORES.mean() + half)
    )


def test_pooled_is_1_25_standard_errors_wide():
    interval = pooled_interval(SCORES, 0.04, 0.9)
    assert interval.high - 0.74 == pytest.approx(1.25 * 0.04 * 1.6448536)
    assert (interval.level, interval.method) == (0.9, "pooled")


def test_pooled_error_of_single_rows_is_that_of_a_mean():
    v = np.random.default_rng(0).normal(size=50)
    assert pooled_standard_error(v) == pytest.approx(stats.sem(v))
    assert pooled_standard_error(v, np.arange(50)) == pytest.approx(stats.sem(v))


def test_pooled_error_of_groups_is_right_where_that_of_rows_is_not():
    # the true standard error of a mean over groups that share a part of the value
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(40), 5)
    draws = [
        rng.normal(size=40)[groups] + 0.5 * rng.normal(size=200) for _ in range(400)
    ]
    truth = np.std([v.mean() for v in draws])
    by_group = np.mean([pooled_standard_error(v, groups) for v in draws])
    by_row = np.mean([pooled_standard_error(v) for v in draws])
    assert by_group == pytest.approx(truth, rel=0.1)
    assert by_row < 0.6 * truth


def test_one_group_has_no_standard_error():
    assert pooled_standard_error(np.ones(4), np.zeros(4)) is None
