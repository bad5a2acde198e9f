"""NestedResult: which interval, and what it says when there is none."""

import numpy as np
import pytest

from skhpo.model_selection import NestedResult, Stability


def result(**changes):
    scores = np.array([0.8, 0.9, 0.85, 0.75])
    entries = dict(
        test_score=scores,
        inner_best_score=scores + 0.05,
        indices={"train": [range(75)] * 4, "test": [range(25)] * 4},
        stability=Stability({}, 0.25),
        n_folds=4,
        n_repeats=1,
        is_series=False,
        pooled_se=0.03,
    )
    return NestedResult(**{**entries, **changes})


def test_summary_numbers_are_means():
    assert result().score == pytest.approx(0.825)
    assert result().optimism == pytest.approx(0.05)


@pytest.mark.parametrize(
    "changes, method",
    [
        ({}, "pooled"),
        ({"pooled_se": None}, "nadeau-bengio"),
        ({"is_series": True}, "nadeau-bengio"),
    ],
)
def test_auto_is_pooled_where_rows_can_be_pooled(changes, method):
    assert result(**changes).interval().method == method


def test_nadeau_bengio_takes_the_sizes_of_the_folds():
    small = result(indices={"train": [range(99)] * 4, "test": [range(1)] * 4})
    widths = [
        np.ptp(list(r.interval(method="nadeau-bengio"))) for r in (result(), small)
    ]
    ratio = np.sqrt((1 / 4 + 1 / 3) / (1 / 4 + 1 / 99))
    assert widths[0] / widths[1] == pytest.approx(ratio)


def test_higher_levels_are_wider():
    for method in ("pooled", "nadeau-bengio", "fold-t"):
        low = result().interval(0.8, method)
        high = result().interval(0.99, method)
        assert high.low < low.low < low.high < high.high


def test_one_fold_alone_has_the_pooled_interval_only():
    one = result(test_score=np.array([0.8]), n_folds=1)
    assert one.interval().method == "pooled"
    with pytest.raises(ValueError, match="two outer folds at least"):
        one.interval(method="fold-t")
    one["pooled_se"] = None
    assert "95 %" not in repr(one)
    assert "95 %" in repr(result())


def test_the_interval_ends_where_the_metric_does():
    wide = dict(pooled_se=None, limits=(0.0, 1.0))
    assert tuple(result(**wide).interval(0.9999)) == (0, 1)
    assert result(**wide).interval(0.8).low > 0


def test_equal_scores_have_no_interval():
    for pooled_se in (None, 0.0):
        one = result(test_score=np.ones(4), pooled_se=pooled_se, limits=(0.0, 1.0))
        assert tuple(one.interval()) == (0, 1)
        assert "not enough evidence for an interval" in repr(one)
    nothing = result(test_score=np.array([0.8, np.nan, 0.9, 1]), pooled_se=None)
    assert "not known, 3 of 4 folds" in repr(nothing) and "nan" not in repr(nothing)


def test_what_is_made_of_the_entries_completes_by_tab():
    names = dir(result())
    assert {"score", "optimism", "interval", "test_score", "n_folds"} <= set(names)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(level=95), "between 0 and 1"),
        (dict(method="bootstrap"), "method must be one of"),
        (dict(method="pooled"), "mean over rows"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        result(pooled_se=None).interval(**arguments)
