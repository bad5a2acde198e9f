import numpy as np
import pytest
from sklearn.base import clone

from skhpo.plots import SearchHistoryDisplay
from skhpo.plots._history import history_data, pieces


def test_each_candidate_has_its_score_and_the_best_so_far(grid):
    data = history_data(grid)
    mean = grid.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(data["scores"], mean)
    np.testing.assert_array_equal(data["best"], np.maximum.accumulate(mean))
    np.testing.assert_array_equal(data["x"], [1, 2, 3])
    assert data["default_score"] == mean[1]
    assert data["winner"] == grid.best_index_


def test_the_band_is_the_standard_error_of_the_best_so_far(grid):
    folds = [grid.cv_results_[f"split{k}_test_score"] for k in range(3)]
    errors = np.std(folds, axis=0, ddof=1) / np.sqrt(3)
    data = history_data(grid)
    assert data["best_se"][0] == pytest.approx(errors[0])
    assert data["best_se"][-1] == pytest.approx(errors[grid.best_index_])


def test_seconds_add_up_the_work_of_all_folds(grid):
    results = grid.cv_results_
    work = 3 * np.sum(results["mean_fit_time"] + results["mean_score_time"])
    data = history_data(grid, x="seconds")
    assert data["x"][-1] == pytest.approx(work)
    assert (np.diff(data["x"]) > 0).all()


def test_an_unknown_x_is_an_error(grid):
    with pytest.raises(ValueError, match="x must be one of .*'hours'"):
        history_data(grid, x="hours")


def test_rows_of_one_candidate_at_several_rungs_are_not_called_candidates(hyperband):
    data = history_data(hyperband)
    assert data["x_label"] == "Rows of cv_results_"
    assert data["winner"] == hyperband.best_index_
    assert data["best"][-1] == hyperband.best_score_


@pytest.mark.parametrize("name, n", [("grid", 3), ("random", 300)])
def test_all_candidates_are_on_the_axes(plt, request, name, n):
    display = SearchHistoryDisplay.from_search(request.getfixturevalue(name))
    assert len(display.points_.get_offsets()) == n
    assert len(display.line_.get_xdata()) == n
    assert display.band_ is not None and display.failed_points_ is None
    assert display.ax_.get_xlabel() == "Candidates evaluated"
    metric = {"grid": "score", "random": "balanced_accuracy"}[name]
    assert display.ax_.get_ylabel() == f"Mean test {metric}"


def test_the_score_of_the_estimators_own_values_is_a_line(plt, grid, bayes):
    display = SearchHistoryDisplay.from_search(grid)
    (height,) = set(display.default_line_.get_ydata())
    assert height == grid.cv_results_["mean_test_score"][1]


def test_what_was_raced_out_is_hollow(plt, bayes):
    display = SearchHistoryDisplay.from_search(bayes)
    n_out = np.sum(bayes.cv_results_["status"] == "raced_out")
    assert len(display.partial_points_.get_offsets()) == n_out
    assert len(display.points_.get_offsets()) == 8 - n_out
    assert len(display.partial_points_.get_facecolors()) == 0


def test_failures_stand_at_the_lower_edge(plt):
    display = SearchHistoryDisplay([1, 2, 3], [0.5, np.nan, 0.6], [0.5, 0.5, 0.6])
    assert list(display.plot().failed_points_.get_xdata()) == [2]
    assert display.band_ is None and display.star_ is None


def test_nothing_but_failures_can_be_drawn(plt):
    nothing = [np.nan, np.nan]
    display = SearchHistoryDisplay([1, 2], nothing, nothing, best_se=nothing).plot()
    assert len(display.points_.get_offsets()) == 0


def test_an_absurd_score_does_not_press_the_others_into_a_line(plt):
    scores = [*np.linspace(0.8, 0.9, 19), -1e9]
    display = SearchHistoryDisplay(range(20), scores, scores).plot()
    assert display.ax_.get_ylim()[0] > 0.6
    assert display.ax_.texts[0].get_text() == "▾ 1 below"


def test_it_is_drawn_on_the_users_axes(plt, grid):
    figure, axes = plt.subplots(1, 2)
    display = SearchHistoryDisplay.from_search(grid, ax=axes[1])
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert not axes[0].lines and len(plt.get_fignums()) == 1


def test_own_values_that_were_not_trained_to_the_end_are_no_line(hyperband):
    results = dict(hyperband.cv_results_)
    low = int(np.argmin(results["n_resources"]))
    own = {"eta0": 0.5, "alpha": 0.5}

    class Search:
        estimator = clone(hyperband.estimator).set_params(**own)
        cv_results_ = {
            **results,
            "params": [
                own if row == low else one for row, one in enumerate(results["params"])
            ],
        }

    assert history_data(Search())["default_score"] is None
    Search.cv_results_["params"] = [own] * len(results["params"])
    assert history_data(Search())["default_score"] is not None


def test_the_line_is_the_running_maximum_where_every_row_may_be_best(plt, hyperband):
    display = SearchHistoryDisplay.from_search(hyperband)
    scores = hyperband.cv_results_["mean_test_score"]
    assert list(display.line_.get_ydata()) == list(np.maximum.accumulate(scores))
    assert display.early_line_ is None


def test_the_line_of_a_search_in_rungs_of_rows_never_falls(plt, rows_hyperband):
    hyperband = rows_hyperband
    display = SearchHistoryDisplay.from_search(hyperband)
    line, early = (x.get_ydata() for x in (display.line_, display.early_line_))
    assert (np.diff(line[np.isfinite(line)]) >= 0).all()
    levels = len(np.unique(history_data(hyperband)["best_resource"]))
    assert np.isnan(early).sum() == levels - 1
    first = np.flatnonzero(np.isfinite(line))[0]
    results = hyperband.cv_results_
    top = results["n_resources"].max()
    assert first == np.flatnonzero(results["n_resources"] == top)[0]
    assert line[-1] == hyperband.best_score_


def test_pieces_of_the_line_reach_to_the_next_level():
    x, best = np.arange(5.0), np.array([3.0, 4, 1, 2, 0])
    at, height = pieces(x, best, np.array([1.0, 1, 3, 3, 9]))
    np.testing.assert_array_equal(at, [0, 1, 2, 2, 2, 3, 4, 4])
    np.testing.assert_array_equal(height, [3, 4, 4, np.nan, 1, 2, 2, np.nan])
    assert len(pieces(x, best, np.ones(5))[0]) == 0


def test_a_search_without_rungs_has_one_line(plt, grid):
    display = SearchHistoryDisplay.from_search(grid)
    assert display.early_line_ is None
    assert np.isfinite(display.line_.get_ydata()).all()
