import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

from skhpo.plots import RungDisplay
from skhpo.plots._rungs import rung_data


@pytest.fixture(scope="module")
def halving():
    return HalvingGridSearchCV(
        RandomForestClassifier(random_state=0),
        {"max_depth": [1, 2, 3, None]},
        resource="n_estimators",
        max_resources=8,
        factor=2,
        cv=2,
        random_state=0,
    ).fit(*load_iris(return_X_y=True))


def test_curves_are_those_of_hyperband(hyperband):
    data = rung_data(hyperband)
    expected = hyperband.curves_["mean_test_score"].dropna()
    assert sorted(data["curves"]["score"]) == sorted(expected)
    assert data["unit"] == "epochs"
    best = hyperband.cv_results_["candidate"][hyperband.best_index_]
    assert data["best"] == best


def test_a_candidate_of_halving_search_is_found_again_at_the_next_rung(halving):
    curves = rung_data(halving)["curves"]
    assert set(curves["candidate"]) == {0, 1, 2, 3}
    assert len(curves) == sum(halving.n_candidates_)
    last = curves.groupby("candidate")["n_resources"].max()
    assert (last == halving.n_resources_[-1]).sum() == halving.n_candidates_[-1]
    assert rung_data(halving)["unit"] == "n_estimators"


def test_the_best_of_a_halving_search_is_of_its_last_rung(halving):
    row = halving.best_index_
    assert halving.cv_results_["n_resources"][row] == halving.n_resources_[-1]
    curves, best = rung_data(halving)["curves"], rung_data(halving)["best"]
    last = curves[curves["n_resources"] == halving.n_resources_[-1]]
    assert last.loc[last["score"].idxmax(), "candidate"] == best


def test_a_search_without_rungs_is_an_error(grid):
    with pytest.raises(ValueError, match="GridSearchCV trained every candidate"):
        rung_data(grid)


def test_each_candidate_is_a_line(plt, hyperband):
    display = RungDisplay.from_search(hyperband)
    candidates = np.unique(hyperband.cv_results_["candidate"])
    assert len(display.lines_) == len(candidates)
    assert display.ax_.get_xscale() == "log"
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["1", "3", "9"]
    assert display.ax_.get_xlabel() == "epochs"
    assert display.best_line_.get_ydata().max() == hyperband.best_score_
    texts = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert len(texts) == 1 + len(set(hyperband.cv_results_["bracket"]))


def test_halving_search_is_drawn(plt, halving):
    display = RungDisplay.from_search(halving)
    assert len(display.lines_) == 4
    texts = [t.get_text() for t in display.ax_.get_legend().get_texts()]
    assert texts == ["best"]
