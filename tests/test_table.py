from types import SimpleNamespace

import pytest

from skhpo._table import chosen_metric, metrics_of

ONE = {"mean_test_score": [], "mean_test_score_partial": [], "rank_test_score": []}
TWO = {"mean_test_f1": [], "std_test_f1": [], "mean_test_auc": []}


def search(refit=True, **attributes):
    return SimpleNamespace(refit=refit, **attributes)


def test_metrics_are_found_by_their_means_without_the_estimates_of_racing():
    assert metrics_of(ONE) == ["score"]
    assert metrics_of(TWO) == ["f1", "auc"]
    assert metrics_of({"mean_test_x_partial": [], "mean_fit_time": []}) == ["x_partial"]


@pytest.mark.parametrize("refit", [True, False, "accuracy", lambda table: 0])
def test_a_single_metric_is_the_one(refit):
    assert chosen_metric(search(refit), ONE) == "score"


def test_of_several_the_one_that_chose_the_best_counts_before_the_one_that_steered():
    assert chosen_metric(search("auc", objective="f1"), TWO) == "auc"
    assert chosen_metric(search(False, objective="f1"), TWO) == "f1"
    assert chosen_metric(search("auc"), TWO, "f1") == "f1"


@pytest.mark.parametrize("refit", [False, "r2", lambda table: 0])
def test_nobody_guesses_among_several(refit):
    with pytest.raises(ValueError, match="2 metrics .* choose one with metric="):
        chosen_metric(search(refit), TWO)


def test_a_misspelt_metric_is_an_error_with_a_hint():
    with pytest.raises(ValueError, match="'ac' is not a score .* Did you mean 'auc'"):
        chosen_metric(search(), TWO, "ac")
