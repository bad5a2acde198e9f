import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV
from skhpo.plots._table import (
    best_so_far,
    is_final_level,
    leaders,
    lowest_to_show,
    read_table,
    row_of_default,
    standard_error,
)

NAN = np.nan


class Fitted:
    """A search of which only the table is there."""

    def __init__(self, **columns):
        self.cv_results_ = {
            "params": [{"a": k} for k in range(len(columns["mean_test_score"]))],
            "mean_fit_time": np.full(len(columns["mean_test_score"]), 2.0),
            "mean_score_time": np.full(len(columns["mean_test_score"]), 1.0),
            "rank_test_score": np.zeros(len(columns["mean_test_score"]), int),
            **columns,
        }


def test_the_best_so_far_is_the_running_maximum_at_one_resource():
    assert list(best_so_far(np.array([NAN, 1, 0, 3, 3, 2]))) == [-1, 1, 1, 3, 3, 3]


def test_a_row_that_was_trained_further_is_the_best_whatever_its_score():
    score, resource = np.array([3.0, 1, 2, 9]), np.array([1, 3, 3, 1])
    assert list(best_so_far(score, resource)) == [0, 1, 2, 2]


def test_the_standard_error_is_that_of_a_mean():
    folds = np.array([[1.0, 2, 3, 6]])
    assert standard_error(folds)[0] == pytest.approx(np.sqrt(14 / 3) / 2)


def test_one_fold_has_no_standard_error():
    assert np.isnan(standard_error(np.ones((2, 1)))).all()


def test_the_table_of_grid_search_is_read(grid):
    table = read_table(grid)
    np.testing.assert_array_equal(table.score, grid.cv_results_["mean_test_score"])
    assert table.folds.shape == (3, 3)
    assert table.folds[1, 2] == grid.cv_results_["split2_test_score"][1]
    assert (table.names, table.metric) == (["C"], "score")
    assert table.at_the_top.all()


def test_the_axis_names_the_metric_that_was_asked_for(random):
    assert read_table(random).metric == "balanced_accuracy"


def test_a_failed_row_has_no_score_whatever_error_score_was():
    scores = np.array([0.0, 0.5])
    status = np.array(["failed", "complete"], dtype=object)
    search = Fitted(mean_test_score=scores, split0_test_score=scores, status=status)
    table = read_table(search)
    np.testing.assert_array_equal(table.score, [NAN, 0.5])
    np.testing.assert_array_equal(table.folds, [[NAN], [0.5]])


def test_what_was_raced_out_has_a_guess_and_no_score(bayes):
    table = read_table(bayes)
    is_out = bayes.cv_results_["status"] == "raced_out"
    assert is_out.any()
    assert np.isnan(table.score[is_out]).all()
    assert np.isfinite(table.guess[is_out]).all()


def test_seconds_are_those_of_the_folds_that_ran():
    search = Fitted(
        mean_test_score=np.array([1.0, NAN]),
        split0_test_score=np.array([1.0, 0.5]),
        split1_test_score=np.array([1.0, NAN]),
        n_splits_evaluated=np.array([2, 1]),
    )
    assert list(read_table(search).seconds) == [6.0, 3.0]


def test_leaders_are_the_best_of_all_rows_that_may_be_the_best(hyperband):
    table = read_table(hyperband)
    rows = leaders(table, 3)
    assert rows[0] == hyperband.best_index_
    assert list(table.score[rows]) == sorted(table.score, reverse=True)[:3]


def test_where_rows_are_the_resource_leaders_are_trained_furthest(rows_hyperband):
    table = read_table(rows_hyperband)
    rows = leaders(table, 3)
    assert rows[0] == rows_hyperband.best_index_
    assert (np.diff(table.score[rows]) <= 0).all()
    assert (table.resource[rows] == 72).all()


def test_the_row_of_the_estimators_own_values_is_found(grid, random):
    assert row_of_default(grid, read_table(grid)) == 1
    row = row_of_default(random, read_table(random))
    assert random.cv_results_["params"][row]["min_samples_leaf"] == 1
    assert random.cv_results_["params"][row]["criterion"] == "gini"


def test_true_is_not_the_number_one():
    search = GridSearchCV(DecisionTreeClassifier(), {"min_samples_leaf": [2]}, cv=2)
    search.fit(*load_iris(return_X_y=True))
    table = read_table(search)
    table.params[0]["min_samples_leaf"] = True
    assert row_of_default(search, table) is None


def test_of_several_metrics_refit_chooses_and_metric_overrules():
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    scoring = ["accuracy", "neg_log_loss"]
    search = GridSearchCV(tree, {"max_depth": [1]}, scoring=scoring, refit="accuracy")
    search.fit(*load_iris(return_X_y=True))
    assert read_table(search).metric == "accuracy"
    assert read_table(search, "neg_log_loss").score[0] < 0
    with pytest.raises(ValueError, match="Did you mean 'accuracy'"):
        read_table(search, "acuracy")
    search.refit = False
    with pytest.raises(ValueError, match="2 metrics .* choose one with metric="):
        read_table(search)


def test_a_search_that_is_not_fitted_is_an_error():
    with pytest.raises(NotFittedError, match="BayesSearchCV has no cv_results_"):
        read_table(BayesSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}))


def test_one_absurd_score_among_many_is_left_out_of_the_picture():
    scores = np.array([*np.linspace(0.8, 0.9, 19), -1e9])
    assert 0.6 < lowest_to_show(scores) < 0.8


@pytest.mark.parametrize("share", [0.15, 0.25, 0.4])
def test_many_absurd_scores_are_left_out_as_well(share):
    n_absurd = int(100 * share)
    scores = [*np.linspace(0.8, 0.9, 100 - n_absurd), *(-np.logspace(3, 9, n_absurd))]
    assert 0.6 < lowest_to_show(np.array(scores)) < 0.81


def test_absurd_scores_are_seen_where_most_are_equally_good():
    scores = [1.0] * 60 + [0.99] * 20 + [-1e9] * 20
    assert 0.9 < lowest_to_show(np.array(scores)) < 0.99


def test_bad_scores_that_are_not_absurd_are_shown():
    """A third of the settings predict one class only: that is worth seeing."""
    scores = [*np.linspace(0.85, 0.95, 60), *np.full(30, 0.5)]
    assert lowest_to_show(np.array(scores)) == -np.inf


def test_only_the_best_trained_as_far_as_the_last_one_are_compared():
    winners, level = np.array([-1, 1, 2, 2]), np.array([9.0, 1, 3, 1])
    assert list(is_final_level(winners, level)) == [False, False, True, True]
    assert not is_final_level(np.array([-1, -1]), np.array([1.0, 1])).any()


@pytest.mark.parametrize(
    "scores", [[0.9, 0.5, -1e9], np.linspace(0, 1, 50), np.ones(20), [NAN] * 20]
)
def test_otherwise_all_scores_are_shown(scores):
    assert lowest_to_show(np.array(scores)) == -np.inf
