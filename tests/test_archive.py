"""What the archive remembers, and the table it makes of it."""

import warnings
from math import inf, nan

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import FitFailedWarning

from skhpo._archive import Archive, build_cv_results, report_failures
from skhpo._types import FoldOutcome, Job, Proposal
from skhpo.evaluation import Race


def single(scores):
    """There is one metric."""


def first(scores):
    """The first of several metrics steers."""
    return next(iter(scores)) if isinstance(scores, dict) else None


def outcome(trial, fold, scores, error=None, stage=None):
    return FoldOutcome(trial, fold, scores, scores, 0.1, 0.01, error, stage)


def make_archive(table, **keywords):
    """Return an archive with one closed trial per row of fold scores."""
    keywords = {"choose_metric": first, **keywords}
    archive = Archive(n_splits=len(table[0]), **keywords)
    for number, row in enumerate(table):
        job = Job(Proposal(number, np.array([0.5])))
        trial = archive.open(job, {"a": number})
        for fold, scores in reversed(list(enumerate(row))):  # arrival in any order
            archive.add(outcome(number, fold, scores))
        archive.close(trial)
    return archive


def test_the_incumbent_is_the_first_of_the_best():
    archive = make_archive([[0.1, 0.2], [0.5, 0.3], [0.3, 0.5], [0.2, 0.2]])
    assert archive.incumbent.id == 1
    assert archive.incumbent.score == pytest.approx(0.4)


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_a_score_that_is_not_finite_is_a_failure_and_never_best(bad):
    archive = make_archive([[0.1, 0.1], [0.9, bad]])
    assert [t.status for t in archive.trials] == ["complete", "failed"]
    assert archive.incumbent.id == 0
    assert np.isnan(archive.result(archive.trials[1]).score)


def test_an_optimizer_is_told_whose_models_were_continued():
    archive = make_archive([[0.1, 0.1]])
    (first,) = archive.trials
    copied = archive.open(Job(Proposal(7, np.array([0.2])), 3, parent=0), {"a": 1})
    assert archive.result(first).parent is None
    assert archive.result(copied).parent is first.job.proposal


def test_a_failed_candidate_ranks_last_also_with_a_large_error_score():
    archive = make_archive([[0.1, 0.1], [0.9, nan], [0.5, 0.5]], error_score=1e9)
    results = build_cv_results(archive)
    assert_array_equal(results["rank_test_score"], [2, 3, 1])
    assert results["split1_test_score"][1] == 1e9
    assert list(results["status"]) == ["complete", "failed", "complete"]


def test_without_failures_there_are_no_further_columns():
    results = build_cv_results(make_archive([[0.1, 0.1], [0.2, 0.2]]))
    assert "status" not in results
    assert "error" not in results


def test_ties_share_the_smaller_rank():
    results = build_cv_results(make_archive([[0.5], [0.7], [0.5], [0.1]]))
    assert_array_equal(results["rank_test_score"], [2, 1, 2, 4])


def test_a_trial_in_flight_is_not_in_the_table():
    archive = make_archive([[0.1], [0.2]])
    archive.open(Job(Proposal(9, np.array([0.1]))), {"a": 9})
    archive.drop(archive.open(Job(Proposal(8, np.array([0.2]))), {"a": 8}))
    assert len(build_cv_results(archive)["params"]) == 2


def test_non_finite_means_are_warned_of_once_per_metric():
    archive = make_archive([[{"m": 1.0, "n": 1.0}], [{"m": nan, "n": 1.0}]])
    with pytest.warns(UserWarning, match="test scores are non-finite") as record:
        results = build_cv_results(archive)
    assert len(record) == 1
    assert_array_equal(results["rank_test_n"], [1, 2])  # the steering one failed


def test_labels_become_columns_where_asked_for():
    archive = Archive(1, choose_metric=single)
    for number in range(2):
        proposal = Proposal(number, np.array([0.5]), labels={"origin": "ask"})
        job = Job(proposal, labels={"rung": number})
        trial = archive.open(job, {"a": 1})
        archive.add(outcome(number, 0, 0.5))
        archive.close(trial)
    results = build_cv_results(archive, labels=("origin", "rung"))
    assert list(results["origin"]) == ["ask", "ask"]
    assert_array_equal(results["rung"], [0, 1])


def test_a_mean_over_all_the_frozen_folds_is_told_without_noise():
    archive = make_archive([[0.1, 0.9, 0.2], [nan, 0.5, 0.5]])
    assert [archive.result(t).noise for t in archive.trials] == [0.0, 0.0]


def test_equal_tracebacks_are_counted_in_one_warning():
    archive = make_archive([[0.5, 0.5]])
    for number in (1, 2):
        trial = archive.open(Job(Proposal(number, np.array([0.1]))), {"a": number})
        for fold in range(2):
            archive.add(outcome(number, fold, None, "Boom", "fit"))
        archive.close(trial)
    with pytest.warns(FitFailedWarning, match="4 fits failed out of a total of 6"):
        report_failures(archive)


def test_scoring_that_failed_is_reported_once():
    archive = make_archive([[0.5, 0.5]])
    trial = archive.open(Job(Proposal(1, np.array([0.1]))), {"a": 1})
    for fold in range(2):
        archive.add(outcome(1, fold, None, "Boom", "score"))
    archive.close(trial)
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        report_failures(archive)
    assert len(record) == 1
    assert "Scoring failed on 2 out of 4" in str(record[0].message)


def test_without_a_complete_row_those_that_were_fitted_are_chosen_from():
    archive = make_archive([[nan, nan], [inf, 0.5]])
    trial = archive.open(Job(Proposal(2, np.array([0.1]))), {"a": 2})
    for fold in range(2):
        archive.add(outcome(2, fold, None, "Boom", "fit"))
    archive.close(trial)
    assert_array_equal(archive.rows_to_choose_from(), [0, 1])


def test_all_rows_are_chosen_from_when_none_could_be_fitted():
    archive = Archive(1, choose_metric=single)
    for number in range(2):
        trial = archive.open(Job(Proposal(number, np.array([0.1]))), {})
        archive.add(outcome(number, 0, None, "Boom", "fit"))
        archive.close(trial)
    assert_array_equal(archive.rows_to_choose_from(), [0, 1])


# ---- racing


def raced(table, rule=None, **keywords):
    """Return an archive of a race: a trial ends where the rule says so."""

    def is_half(c, b):
        return c[0] < b[0] / 2

    n_splits = len(table[0])
    keywords = {"choose_metric": first, **keywords}
    race = Race(rule or is_half, n_splits)
    archive = Archive(n_splits, race=race, **keywords)
    for number, row in enumerate(table):
        trial = archive.open(Job(Proposal(number, np.array([0.5]))), {"a": number})
        for fold, scores in enumerate(row):
            if not archive.is_evaluated(trial):
                archive.add(outcome(number, fold, scores))
        archive.close(trial)
    return archive


TABLE = [
    [0.6, 0.8, 0.7],
    [0.2, 0.9, 0.9],  # raced out
    [0.7, 0.8, 0.7],
    [nan, 0.9, 0.9],  # failed, which ends it
    [0.1, 0.9, 0.9],  # raced out, by another
    [0.4, 0.6, 0.5],
]


def test_the_row_of_what_was_raced_out():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nan is no surprise here
        results = build_cv_results(raced([row for row in TABLE if row[0] == row[0]]))
    status = ["complete", "raced_out", "complete", "raced_out", "complete"]
    assert list(results["status"]) == status
    assert "error" not in results
    assert_array_equal(results["n_splits_evaluated"], [3, 1, 3, 1, 3])
    assert_array_equal(results["split0_test_score"], [0.6, 0.2, 0.7, 0.1, 0.4])
    assert_array_equal(results["split2_test_score"], [0.7, nan, 0.7, nan, 0.5])
    assert_array_equal(np.isnan(results["mean_test_score"]), [0, 1, 0, 1, 0])
    assert_array_equal(np.isnan(results["std_test_score"]), [0, 1, 0, 1, 0])
    assert_array_equal(results["rank_test_score"], [2, 4, 1, 5, 3])
    assert results["mean_test_score_partial"] == pytest.approx(
        [0.7, 0.7 - 0.4, 2.2 / 3, 2.2 / 3 - 0.6, 0.5]
    )


def test_a_failed_fold_ends_a_row_of_a_race_and_ranks_last():
    with pytest.warns(UserWarning, match="non-finite"):
        results = build_cv_results(raced(TABLE))
    assert results["status"][3] == "failed"
    assert results["n_splits_evaluated"][3] == 1
    assert_array_equal(results["rank_test_score"], [2, 4, 1, 6, 5, 3])
    assert np.isnan(results["mean_test_score_partial"][3])


def test_skipped_folds_do_not_show_the_error_score():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = build_cv_results(raced(TABLE, error_score=-1.0), True)
    for kind in ("test", "train"):
        row = [results[f"split{fold}_{kind}_score"][3] for fold in range(3)]
        assert_array_equal(row, [-1.0, nan, nan])
        assert_array_equal(results[f"split2_{kind}_score"][[1, 4]], [nan, nan])
    assert results["rank_test_score"][3] == 6


def test_folds_beyond_the_decision_are_cut_but_their_time_counts():
    archive = raced([[0.6, 0.8, 0.7]])
    trial = archive.open(Job(Proposal(1, np.array([0.1]))), {"a": 1})
    for fold, seconds in ((2, 0.3), (0, 0.1)):  # out of order, and ahead
        archive.add(FoldOutcome(1, fold, 0.1, 0.1, seconds, 0.0))
    archive.close(trial)
    archive.add(FoldOutcome(1, 1, None, None, 0.5, 0.0, "Boom", "fit"))  # late
    results = build_cv_results(archive)
    assert list(results["status"]) == ["complete", "raced_out"]
    assert "error" not in results
    assert_array_equal(results["n_splits_evaluated"], [3, 1])
    assert np.isnan(results["split2_test_score"][1])
    assert results["mean_fit_time"] == pytest.approx([0.1, 0.3])
    assert trial.cost == pytest.approx(0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report_failures(archive)


def test_a_trial_waits_for_the_folds_before_those_that_are_there():
    archive = raced([[0.6, 0.8, 0.7]])
    trial = archive.open(Job(Proposal(1, np.array([0.1]))), {"a": 1})
    archive.add(outcome(1, 1, 0.1))
    archive.add(outcome(1, 2, 0.1))
    assert not archive.is_evaluated(trial)
    archive.add(outcome(1, 0, 0.1))
    assert archive.is_evaluated(trial)


def test_the_metric_that_steers_races_and_each_has_its_estimate():
    table = [
        [{"m": 0.6, "n": 1.0}, {"m": 0.8, "n": 3.0}],
        [{"m": 0.1, "n": 9.0}, {"m": 0.9, "n": 9.0}],
        [{"m": 0.2, "n": nan}, {"m": 0.9, "n": 9.0}],
    ]
    with pytest.warns(UserWarning, match="non-finite") as record:
        results = build_cv_results(raced(table))
    assert len(record) == 1  # n was not a number, which has nothing to do with racing
    assert list(results["status"]) == ["complete", "raced_out", "raced_out"]
    assert results["mean_test_m_partial"] == pytest.approx([0.7, 0.2, 0.3])
    assert_array_equal(results["rank_test_m"], [1, 3, 2])
    assert results["mean_test_n_partial"][:2] == pytest.approx([2.0, 10.0])
    assert_array_equal(results["rank_test_n"], [1, 2, 3])


def test_only_complete_rows_are_chosen_from():
    archive = raced(TABLE)
    assert_array_equal(archive.rows_to_choose_from(), [0, 2, 5])
    assert archive.incumbent.id == 2


def test_what_an_optimizer_is_told_of_a_race():
    archive = raced(TABLE)
    told = [archive.result(t) for t in archive.trials]
    scores = [0.7, 0.3, 2.2 / 3, nan, 2.2 / 3 - 0.6, 0.5]
    assert [r.score for r in told] == pytest.approx(scores, nan_ok=True)
    assert [r.noise > 0 for r in told] == [False, True, False, False, True, False]
    spread = 2 * np.var([0.7, 0.8, 0.7], ddof=1)  # larger than that of (.1, 0, 0)
    assert told[4].noise == pytest.approx(spread * (1 - 1 / 3))
