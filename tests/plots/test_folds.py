import numpy as np
import pytest
from scipy import stats

from skhpo.plots import FoldScoresDisplay
from skhpo.plots._folds import candidate_labels, fold_data, paired_intervals


def test_the_interval_without_shared_rows_is_that_of_a_paired_t_test():
    folds = np.array([[0.9, 0.8, 0.7, 0.95], [0.85, 0.82, 0.6, 0.9]])
    expected = stats.ttest_rel(folds[1], folds[0]).confidence_interval(0.95)
    np.testing.assert_allclose(paired_intervals(folds, rho=0.0)[1], expected)


def test_shared_rows_widen_it_by_what_nadeau_and_bengio_say():
    folds = np.random.default_rng(0).normal(size=(2, 5))
    naive, wide = (np.ptp(paired_intervals(folds, rho)[1]) for rho in (0.0, None))
    assert wide / naive == pytest.approx(np.sqrt((1 / 5 + 1 / 4) / (1 / 5)))


def test_one_fold_has_no_interval():
    assert np.isnan(paired_intervals(np.ones((2, 1)))).all()


def test_labels_say_only_what_differs():
    params = [{"svc__C": 0.12345, "svc__tol": 1}, {"svc__C": 2.0, "svc__tol": 1}]
    assert candidate_labels(params) == ["C=0.123", "C=2"]
    assert candidate_labels(params[:1]) == ["C=0.123, tol=1"]


def test_leaders_are_ordered_by_score(random):
    data = fold_data(random, n_leaders=4)
    means = random.cv_results_["mean_test_score"]
    assert list(means[data["rows"]]) == sorted(means, reverse=True)[:4]
    assert data["fold_scores"].shape == (4, 2)


def test_nothing_to_compare_is_an_error(bayes):
    class AllFailed:
        cv_results_ = {
            **bayes.cv_results_,
            "status": np.full(8, "failed", dtype=object),
        }

    with pytest.raises(ValueError, match="nothing to compare"):
        fold_data(AllFailed())


@pytest.mark.parametrize("name", ["grid", "random", "hyperband"])
def test_each_leader_has_a_row_a_bar_and_its_folds(plt, request, name):
    search = request.getfixturevalue(name)
    display = FoldScoresDisplay.from_search(search)
    n = len(display.rows)
    assert 1 < n <= 10
    assert len(display.bars_) == len(display.points_) == n - 1
    assert len(display.points_[0].get_offsets()) == search.n_splits_
    texts = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert len(texts) == n and texts[0].endswith(f"(row {search.best_index_})")
    assert display.ax_.yaxis_inverted()


def test_a_single_candidate_can_be_drawn(plt):
    display = FoldScoresDisplay([[0.5, 0.6]], [0], ["C=1"], [[0, 0]]).plot()
    assert display.bars_ == []
