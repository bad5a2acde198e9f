"""The tables of a search in rungs."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skhpo._types import FoldOutcome, Job, Proposal
from skhpo.schedulers import Bracket, halving_bracket, hyperband_brackets
from skhpo.search._rungs import (
    RungPlan,
    rank_correlation,
    rung_columns,
    warn_of_misleading_rungs,
    what_was_done,
)

PROPOSAL = Proposal(0, np.array([0.5]))


def trial(number, candidate, resource, rung, score, *, parent=None, units=0, **more):
    labels = {"sweep": 0, "bracket": 0, "rung": rung}
    job = Job(PROPOSAL, resource, candidate=candidate, labels=labels)
    outcomes = [FoldOutcome(number, 0, score, None, 2.0, 0.0, units=units)]
    facts = dict(status="complete", twin=None, parent=parent, outcomes=outcomes)
    return SimpleNamespace(
        id=number, job=job, candidate=candidate, score=score, **{**facts, **more}
    )


def test_the_plan_has_a_row_per_rung_and_all_of_the_cost():
    plan = RungPlan(hyperband_brackets(1, 9, 3), 2, n_splits=5, units_are_new=True)
    frame = plan.frame()
    assert len(frame) == 2 * (3 + 2 + 1)
    assert plan.n_candidates == 2 * (9 + 5 + 3)
    assert plan.n_trials == frame["n_candidates"].sum()
    assert frame["share"].sum() == pytest.approx(1)
    first = frame.iloc[1]
    assert (first["n_candidates"], first["n_resources"]) == (3, 3)
    assert first["units"] == 3 * (3 - 1) * 5


def test_a_plan_of_refits_counts_whole_models():
    plan = RungPlan([halving_bracket(1, 9, 3)], 1, n_splits=2, units_are_new=False)
    assert list(plan.frame()["units"]) == [9 * 1 * 2, 3 * 3 * 2, 1 * 9 * 2]


def test_parents_are_rows_of_the_table_and_not_numbers_of_trials():
    first = trial(4, 0, 1, 0, 0.5)
    second = trial(9, 0, 3, 1, 0.6, parent=first)
    columns = rung_columns([first, second])
    assert list(columns["parent"]) == [-1, 0]
    assert list(columns["iter"]) == list(columns["rung"]) == [0, 1]
    assert list(columns["n_resources"]) == [1, 3]


def test_what_was_done_stands_beside_the_plan_and_twins_cost_nothing():
    planned = RungPlan([halving_bracket(1, 3, 3)], 1, 1, units_are_new=True).frame()
    first = trial(0, 0, 1, 0, 0.5, units=1)
    twin = trial(1, 1, 1, 0, 0.5, units=1, twin=first)
    failed = trial(2, 2, 1, 0, np.nan, status="failed")
    done = what_was_done(planned, [first, twin, failed])
    assert list(done["n_candidates"]) == [3, 0]
    assert list(done["planned_candidates"]) == [3, 1]
    assert list(done["n_failed"]) == [1, 0]
    assert list(done["units"]) == [1, 0]
    assert list(done["fit_time"]) == [4.0, 0.0]
    assert list(done["share"]) == [1.0, 0.0]


def test_nothing_done_is_a_table_of_zeros():
    planned = RungPlan([halving_bracket(1, 3, 3)], 1, 1, units_are_new=True).frame()
    done = what_was_done(planned, [])
    assert (done[["n_candidates", "units", "fit_time", "share"]] == 0).all(axis=None)


def curves_of(low, high):
    pairs = list(zip(low, high, strict=True))
    return [trial(i, i, 1, 0, a) for i, (a, _) in enumerate(pairs)] + [
        trial(100 + i, i, 3, 1, b) for i, (_, b) in enumerate(pairs)
    ]


def test_rank_correlation_is_over_the_candidates_that_have_both_scores():
    trials = [*curves_of([0.1, 0.2, 0.3], [1, 2, 3]), trial(50, 9, 1, 0, 0.9)]
    (row,) = rank_correlation(trials).itertuples(index=False)
    assert tuple(row) == (1, 3, 3, 1.0)
    failed = trial(51, 9, 3, 1, np.nan)
    assert rank_correlation([*trials, failed])["n_candidates"][0] == 3


def test_no_pair_of_rungs_is_no_row():
    assert rank_correlation([]).empty
    assert rank_correlation([trial(0, 0, 1, 0, 0.5)]).empty


@pytest.mark.parametrize(
    "n, turned, warns",
    [(12, True, True), (12, False, False), (6, True, False)],
    ids=["opposite", "alike", "too few to tell"],
)
def test_rungs_are_called_misleading_only_on_evidence(n, turned, warns):
    scores = np.arange(n)
    table = rank_correlation(curves_of(scores, -scores if turned else scores))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_misleading_rungs(table)
    assert bool(caught) == warns


def test_constant_scores_are_no_evidence():
    table = rank_correlation(curves_of([0.5] * 20, [0.5] * 20))
    assert pd.isna(table["kendall_tau"][0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_misleading_rungs(table)


# ---- a pair of rungs that turns the order round


def said_of(taus):
    """Return what is said of (tau, promotions) pairs from rung to rung."""
    rows = [(3**i, 3 ** (i + 1), n, tau) for i, (tau, n) in enumerate(taus)]
    columns = ["n_resources", "n_resources_above", "n_candidates", "kendall_tau"]
    table = pd.DataFrame(rows, columns=columns)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_misleading_rungs(table)
    return [str(warning.message) for warning in caught]


def test_one_pair_that_turns_the_order_round_is_named_once():
    (said,) = said_of([(0.8, 27), (-0.9, 9), (-0.8, 9), (1.0, 4)])
    assert "From 3 to 9 units" in said
    assert "-0.90 over 9 promotions" in said
    assert "min_resource=9" in said


@pytest.mark.parametrize("tau, n", [(-1.0, 6), (-0.4, 27), (-0.5, 7), (np.nan, 9)])
def test_what_may_be_chance_or_is_weak_is_not_said(tau, n):
    assert said_of([(0.9, 27), (tau, n), (0.9, 9)]) == []


def test_the_probability_by_chance_is_that_of_the_exact_test():
    from scipy.stats import kendalltau

    from skhpo.search._rungs import _chance

    rng = np.random.default_rng(0)
    for n in (7, 8, 12, 20):
        for order in (np.arange(n)[::-1], *(rng.permutation(n) for _ in range(10))):
            tau, p = kendalltau(range(n), order, alternative="less", method="exact")
            assert _chance(tau, n) == pytest.approx(p, abs=0.01)


def test_the_first_sweep_may_have_other_brackets():
    one = Bracket((1, 9), (9, 3), 3)
    other, full = Bracket((1, 9), (6, 2), 3), Bracket((9,), (1,), 3)
    plan = RungPlan([one], 3, 2, True, first=[other, full])
    assert (plan.n_candidates, plan.n_trials) == (7 + 9 + 9, 9 + 12 + 12)
    frame = plan.frame()
    assert frame["sweep"].tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert frame["share"].sum() == pytest.approx(1)
    assert (plan.has_rungs, plan.begins_with(9)) == (True, True)
