"""How many candidates are trained how far: against fractions, and known tables."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skhpo.schedulers import (
    halving_bracket,
    hyperband_brackets,
    median_bracket,
    plan,
    with_place,
)
from skhpo.schedulers._brackets import halve, resource_ladder, share_out


def most_promotions(r, R, eta):
    """s_max: the largest s with r eta^s <= R, counted."""
    s = 0
    while Fraction(R, eta ** (s + 1)) >= r:
        s += 1
    return s


def hyperband(r, R, eta):
    """[(n_i, r_i), ...] of each bracket: Algorithm 1 of Li et al. (2018)."""
    s_max = most_promotions(r, R, eta)
    for s in range(s_max, -1, -1):
        n = ceil(Fraction(s_max + 1, s + 1) * eta**s)
        yield [
            (floor(Fraction(n, eta**i)), floor(Fraction(R, eta ** (s - i))))
            for i in range(s + 1)
        ]


def rungs(bracket):
    return list(zip(bracket.n_candidates, bracket.resources, strict=True))


@pytest.mark.parametrize("factor", range(2, 11))
def test_ladders_are_exact_for_any_resource(factor):
    for R in range(1, 3001):
        s_max = most_promotions(1, R, factor)
        exact = [floor(Fraction(R, factor**k)) for k in range(s_max, -1, -1)]
        assert resource_ladder(1, R, factor) == tuple(exact)


@pytest.mark.parametrize("factor", range(2, 11))
def test_brackets_are_exact_for_any_resource(factor):
    powers = {factor**k + d for k in range(12) for d in (-1, 0, 1)}
    resources = sorted({R for R in powers if 1 <= R <= 3000} | {*range(1, 3001, 61)})
    for R in resources:
        for r in {1, max(1, R // 7), max(1, R // factor), R}:
            brackets = [rungs(b) for b in hyperband_brackets(r, R, factor)]
            assert brackets == list(hyperband(r, R, factor))


@pytest.mark.parametrize(
    "R, factor, n_rungs", [(243, 3, 6), (1000, 10, 4), (125, 5, 4), (729, 9, 4)]
)
def test_exact_powers_lose_no_rung(R, factor, n_rungs):
    assert len(resource_ladder(1, R, factor)) == n_rungs
    assert resource_ladder(1, R, factor)[0] == 1
    assert len(resource_ladder(1, R - 1, factor)) == n_rungs - 1
    assert len(hyperband_brackets(1, R, factor)) == n_rungs


def test_the_brackets_of_81_and_3_are_the_known_ones():
    assert [rungs(bracket) for bracket in hyperband_brackets(1, 81, 3)] == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


def test_continuing_saves_a_sixth_of_the_units_of_81_and_3():
    rows = plan(hyperband_brackets(1, 81, 3), n_splits=3)
    continued = sum(row["units_continued"] for row in rows)
    refit = sum(row["units_refit"] for row in rows)
    assert (continued, refit) == (4743, 5706)
    assert refit / continued >= 1.19


def test_halving_starts_with_as_many_as_leave_one():
    assert rungs(halving_bracket(1, 27, 3)) == [(27, 1), (9, 3), (3, 9), (1, 27)]
    assert rungs(halving_bracket(10, 100, 3)) == [(9, 11), (3, 33), (1, 100)]


def test_one_resource_is_one_rung():
    for R in (1, 7):
        assert [rungs(b) for b in hyperband_brackets(R, R, 3)] == [[(1, R)]]
        assert rungs(halving_bracket(R, R, 3, n_candidates=4)) == [(4, R)]


def test_a_rung_where_one_meets_nobody_is_left_out():
    assert rungs(halving_bracket(1, 81, 3, n_candidates=6)) == [(6, 1), (2, 3), (1, 81)]
    assert rungs(halving_bracket(1, 81, 3, n_candidates=1)) == [(1, 81)]
    assert rungs(halve((1, 3, 9), 1, 3)) == [(1, 1), (1, 9)]  # its first rung is done


@given(
    st.integers(1, 400), st.integers(1, 3000), st.integers(2, 10), st.integers(1, 500)
)
def test_any_bracket_narrows_as_it_rises(r, R, factor, n):
    for bracket in (*hyperband_brackets(min(r, R), R, factor, n),):
        assert bracket.max_resource == R
        assert np.all(np.diff(bracket.resources) > 0)
        assert np.all(np.diff(bracket.n_candidates) <= 0)
        assert min(bracket.n_candidates) >= 1
        steps = zip(bracket.resources, bracket.resources[1:], strict=False)
        assert all(high >= factor * low for low, high in steps)


@given(
    st.integers(1, 400), st.integers(1, 3000), st.integers(2, 10), st.integers(1, 500)
)
def test_all_candidates_are_shared_out_among_the_brackets(r, R, factor, n):
    brackets = hyperband_brackets(min(r, R), R, factor, n)
    assert sum(b.n_candidates[0] for b in brackets) == n


def test_asking_for_hyperbands_number_changes_nothing():
    assert hyperband_brackets(1, 81, 3, 143) == hyperband_brackets(1, 81, 3)


def test_few_candidates_keep_hyperbands_proportions():
    sizes = [b.n_candidates[0] for b in hyperband_brackets(1, 81, 3, n_candidates=20)]
    assert sizes == [11, 5, 2, 1, 1]
    assert [len(hyperband_brackets(1, 81, 3, n)) for n in (1, 2, 10)] == [1, 2, 4]


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**6), min_size=1, max_size=9))
def test_shares_are_off_by_less_than_one(total, weights):
    shares = share_out(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - Fraction(total * weight, sum(weights))) < 1


def test_a_smaller_bracket_is_the_one_planned_for_that_number():
    bracket = halving_bracket(1, 81, 3)
    for n in range(2, 82):
        assert bracket.resized(n) == halving_bracket(1, 81, 3, n_candidates=n)
        assert bracket.resized(n).resized(2) == bracket.resized(2)


def test_a_lowest_resource_rounded_down_loses_no_rung():
    """ceil(100 / 27) = 4 would leave 11, 33, 100: three rungs instead of four."""
    assert resource_ladder(100 // 27, 100, 3) == (3, 11, 33, 100)
    for factor in range(2, 11):
        for R in range(factor**3, 3001):
            assert len(resource_ladder(R // factor**3, R, factor)) == 4


def test_median_steps_are_even_and_end_at_the_top():
    for R in range(1, 200):
        for r in {1, (R + 1) // 2, R}:
            steps = np.array(median_bracket(r, R, n_candidates=9).resources)
            assert steps[-1] == R and steps[0] >= r
            assert len(steps) == min(10, R - r + 1)
            assert np.ptp(np.diff(steps)) <= 1 if len(steps) > 1 else True
    assert median_bracket(1, 50, 9, n_steps=1).resources == (50,)
    assert sum(median_bracket(1, 50, 9).units_continued) == 9 * 50


def test_the_plan_has_one_row_per_rung_and_shares_that_sum_to_one():
    brackets = hyperband_brackets(1, 9, 3)
    rows = plan(brackets, n_iterations=2, n_splits=5)
    assert [(r["sweep"], r["bracket"], r["rung"]) for r in rows] == [
        (i, b, k) for i in (0, 1) for b, k in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
        + [(2, 0)]
    ]  # fmt: skip
    assert rows[1] == {
        "sweep": 0,
        "bracket": 0,
        "rung": 1,
        "n_candidates": 3,
        "n_resources": 3,
        "units_continued": 5 * 3 * 2,
        "units_refit": 5 * 3 * 3,
        "share": 5 * 3 * 2 / (2 * 5 * (21 + 21 + 27)),
    }
    for is_continued in (True, False):
        rows = plan(brackets, is_continued=is_continued)
        assert sum(row["share"] for row in rows) == pytest.approx(1.0)


def test_numpy_integers_become_pythons():
    bracket = hyperband_brackets(np.int64(1), np.int32(9), np.int64(3))[0]
    assert {type(x) for x in (*bracket.resources, bracket.factor)} == {int}
    assert type(halving_bracket(1, 9, 3, np.int64(5)).n_candidates[0]) is int


@pytest.mark.parametrize(
    "r, R, factor, n, message",
    [
        (10, 9, 3, None, "min_resource=10 exceeds max_resource=9"),
        (0, 9, 3, None, "min_resource must be an integer of at least 1, got 0"),
        (1, 9.5, 3, None, "max_resource must be an integer of at least 1, got 9.5"),
        (1, 9, 1, None, "factor must be an integer of at least 2, got 1"),
        (1, 9, 2.5, None, "factor must be an integer of at least 2, got 2.5"),
        (1, 9, 3, 0, "n_candidates must be an integer of at least 1"),
        (1, 9, 3, "auto", "n_candidates must be .* got 'auto'"),
    ],
)
def test_what_cannot_be_planned_is_said(r, R, factor, n, message):
    for brackets in (halving_bracket, hyperband_brackets):
        with pytest.raises(ValueError, match=message):
            brackets(r, R, factor, n)


# ---- a place that trains in full


def units_of(brackets):
    return sum(sum(bracket.units_continued) for bracket in brackets)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("max_resource", [27, 81, 100])
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_a_place_costs_no_more_units(max_resource, factor, share):
    units = int(share * max_resource)
    for brackets in (
        [halving_bracket(1, max_resource, factor)],
        hyperband_brackets(1, max_resource, factor, n_candidates=20),
        [median_bracket(1, max_resource, 20)],
    ):
        changed = with_place(brackets, units)
        assert units_of(changed) <= units_of(brackets)
        places = [b.n_candidates[0] for b in changed if b.resources == (units,)]
        is_small = sum(brackets[0].units_continued) < 2 * max_resource
        assert any(places) or (is_small and changed == brackets)


@pytest.mark.parametrize("units", [1, 9, 81])
def test_brackets_that_begin_there_stay_as_they_are(units):
    brackets = hyperband_brackets(1, 81, 3)
    assert with_place(brackets, units) == brackets


def test_a_bracket_that_is_too_small_to_pay_stays_as_it_is():
    brackets = (halving_bracket(9, 27, 3, n_candidates=3),)
    assert with_place(brackets, 27) == brackets
