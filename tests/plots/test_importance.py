import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from skhpo.importance import search_importance
from skhpo.plots import ParamImportanceDisplay
from skhpo.plots._importance import importance_data
from tests.plots.conftest import searched


@pytest.fixture(scope="module")
def importance():
    return search_importance(
        searched(lambda p: p["b"] + 4 * (p["a"] - 0.5) * (p["b"] - 0.5), 40),
        interactions=True,
        random_state=0,
    )


def labels(display):
    return [tick.get_text() for tick in display.ax_.get_yticklabels()]


def test_bars_are_the_total_indices_and_what_is_alone_lies_inside(plt, importance):
    display = ParamImportanceDisplay.from_importance(importance)
    table = importance.importances
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, table["importance"])
    inside = [bar.get_width() for bar in display.main_bars_]
    np.testing.assert_allclose(inside, table[["main", "importance"]].min(axis=1))
    assert inside[0] < widths[0] - 0.3  # b acts together with a
    assert labels(display)[:3] == ["b", "a", "k"] == list(table.index)
    assert display.ax_.yaxis_inverted() and display.doubt_ is None


def test_lines_are_the_intervals(plt, importance):
    display = ParamImportanceDisplay.from_importance(importance)
    ends = [line[:, 0] for line in display.intervals_.get_segments()]
    np.testing.assert_allclose(ends, importance.importances[["low", "high"]])


def test_pairs_stand_below_the_parameters(plt, importance):
    display = ParamImportanceDisplay.from_importance(importance)
    assert labels(display)[3] == "a × b" and len(labels(display)) == 6
    shares = [bar.get_width() for bar in display.pair_bars_]
    np.testing.assert_allclose(shares, importance.interactions["share"])
    assert display.pair_bars_[0].get_y() > display.bars_[-1].get_y()


def test_the_trust_figure_stands_below_the_axis(plt, importance):
    display = ParamImportanceDisplay.from_importance(importance, n_bars=2)
    first, second = display.ax_.get_xlabel().split("\n")
    assert first == "Share of the variance of score"
    score = f"{importance.surrogate_score:.2f}"
    assert second == (
        f"40 settings, R² of the surrogate on unseen ones {score}, "
        "1 lesser parameters not shown"
    )


def test_noise_is_grey_and_says_that_there_is_not_enough_evidence(plt):
    noise = np.random.default_rng(0)
    search = searched(lambda p: noise.normal(), 20)
    display = ParamImportanceDisplay.from_search(search)
    assert display.doubt_.get_text().startswith("not enough evidence:\nR² of the surr")
    red, green, blue, _ = display.bars_[0].get_facecolor()
    assert red == green == blue


@pytest.mark.parametrize("name", ["grid", "random", "bayes", "hyperband"])
def test_searches_of_all_kinds_can_be_drawn(plt, request, name):
    search = request.getfixturevalue(name)
    display = ParamImportanceDisplay.from_search(search)
    display.figure_.canvas.draw()
    n_hidden = name == "random"  # the choice of the alternative
    assert len(display.bars_) == len(labels(display))
    names = dict.fromkeys(n for one in search.cv_results_["params"] for n in one)
    assert len(display.bars_) == len(names) + n_hidden


def test_three_candidates_are_too_few_and_the_picture_says_so(plt, grid):
    display = ParamImportanceDisplay.from_search(grid)
    assert "3 distinct settings with a score, at least 5" in display.doubt_.get_text()
    assert [bar.get_width() for bar in display.bars_] == [0]
    assert display.ax_.get_xlim() == (0, 1) and display.ax_.get_legend() is None


def test_a_conditional_parameter_says_how_often_it_is_active(plt, random):
    display = ParamImportanceDisplay.from_search(random)
    texts = labels(display)
    assert "(which alternative)" in texts
    (text,) = (text for text in texts if text.startswith("ccp_alpha"))
    assert text in (f"ccp_alpha\n(active in {k}%)" for k in range(45, 56))


def test_what_is_no_importance_is_an_error(grid):
    with pytest.raises(TypeError, match="got a GridSearchCV. Of a search: from_search"):
        importance_data(grid)


def test_a_search_that_is_not_fitted_is_an_error():
    with pytest.raises(NotFittedError, match="GridSearchCV has no cv_results_"):
        ParamImportanceDisplay.from_search(GridSearchCV(SVC(), {"C": [1]}))
