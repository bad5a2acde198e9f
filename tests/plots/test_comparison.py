from dataclasses import replace

import numpy as np
import pytest

from skhpo.plots import SearchComparisonDisplay
from skhpo.plots._comparison import comparison_data, median_curve
from skhpo.plots._table import Table


def table(scores, seconds=1.0):
    scores = np.array(scores, dtype=float)
    n = len(scores)
    nothing = np.zeros(n)
    folds = scores[:, np.newaxis]
    levels = nothing, nothing
    return Table("score", scores, scores, folds, nothing + seconds, *levels, [{}] * n)


def test_one_run_is_its_best_so_far():
    curve = median_curve([table([1, 0, 3])])
    assert list(curve["x"]) == [1, 2, 3]
    for name in ("low", "median", "high"):
        assert list(curve[name]) == [1, 1, 3]


def test_several_runs_give_median_and_quartiles_where_all_have_a_score():
    runs = [table([np.nan, 1, 1, 9]), table([2, 2, 2]), table([5, 0, 7])]
    curve = median_curve(runs)
    assert list(curve["x"]) == [2, 3]
    assert list(curve["median"]) == [2, 2]
    assert list(curve["low"]) == [1.5, 1.5]
    assert list(curve["high"]) == [3.5, 4.5]


def test_in_rungs_the_line_begins_at_the_top():
    run = table([5, 1, 2])
    run = replace(run, level=np.array([1.0, 3, 3]))
    curve = median_curve([run])
    assert list(curve["x"]) == [2, 3]
    assert list(curve["median"]) == [1, 2]


def test_in_seconds_runs_meet_at_all_their_times():
    curve = median_curve([table([1, 2], 1.0), table([3, 5], 0.8)], "seconds")
    np.testing.assert_allclose(curve["x"], [1.0, 1.6])
    np.testing.assert_allclose(curve["median"], [2, 3])


def test_different_metrics_are_not_compared(grid, random):
    with pytest.raises(ValueError, match="different metrics"):
        comparison_data([grid, random])


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ValueError, match="no searches"):
        comparison_data({})


def test_unnamed_searches_are_called_by_their_class(grid, bayes):
    assert list(comparison_data([grid, bayes, grid])["curves"]) == [
        "GridSearchCV 1",
        "BayesSearchCV",
        "GridSearchCV 2",
    ]


def test_each_search_is_a_line(plt, grid, bayes, hyperband):
    searches = {"grid": grid, "bayes": [bayes, bayes], "rungs": hyperband}
    display = SearchComparisonDisplay.from_searches(searches)
    assert list(display.lines_) == list(display.bands_) == list(searches)
    assert display.lines_["bayes"].get_ydata()[-1] == bayes.best_score_
    assert display.ax_.get_xlabel() == "Rows of cv_results_"
    assert display.ax_.get_ylabel() == "Best mean test score so far"


def test_a_poor_start_does_not_press_the_lines_together(plt):
    def curve(first, last):
        best = np.append([first] * 2, np.linspace(last - 0.05, last, 28))
        x = np.arange(1.0, 31.0)
        return {"x": x, "median": best, "low": best - 0.01, "high": best + 0.01}

    poor = SearchComparisonDisplay({"a": curve(-40, 0.97), "b": curve(0.3, 0.95)})
    low, high = poor.plot().ax_.get_ylim()
    assert 0.5 < low < 0.9
    assert 0.98 <= high < 1.1
    fair = SearchComparisonDisplay({"a": curve(0.91, 0.97)}).plot()
    assert fair.ax_.get_ylim()[0] <= 0.9
