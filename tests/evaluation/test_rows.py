"""Rows as a resource: nested, covering, and from the training rows only."""

import numpy as np
import pytest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from skhpo.evaluation._rows import ROWS_PER_CLASS, nest_rows

N = 1500
rng = np.random.default_rng(0)
#: Four classes, one of them 2 % of the rows.
y = rng.permutation(np.repeat([0, 1, 2, 3], [735, 450, 285, 30]))
groups = np.sort(rng.integers(0, 60, size=N))


def subsets(cv, y=y, groups=None, is_classifier=True, seed=0):
    splits = list(cv.split(np.zeros((N, 1)), y, groups))
    rows = nest_rows(
        splits,
        y,
        groups,
        is_classifier=is_classifier,
        rng=np.random.default_rng(seed),
    )
    return rows, splits


RUNGS = [19, 56, 167, 500, 1000]


@pytest.mark.parametrize(
    "cv, groups, kind",
    [
        (KFold(3), None, "classes"),
        (ShuffleSplit(3, test_size=0.3, random_state=0), None, "classes"),
        (GroupKFold(3), groups, "groups"),
        (TimeSeriesSplit(3), None, "time"),
    ],
)
def test_rungs_are_nested_training_rows_in_the_order_of_the_fold(cv, groups, kind):
    rows, splits = subsets(cv, groups=groups)
    assert rows.kind == kind
    for fold, (train, test) in enumerate(splits):
        place = {row: number for number, row in enumerate(train)}
        smaller = set()
        for n in RUNGS:
            chosen = rows.rows(fold, n)
            assert len(set(chosen)) == len(chosen)
            assert smaller <= set(chosen) <= set(train)
            assert not set(chosen) & set(test)
            assert (np.diff([place[row] for row in chosen]) > 0).all()
            smaller = set(chosen)


def test_the_top_rung_has_all_rows_of_every_fold():
    rows, splits = subsets(KFold(7))  # folds of 1285 and 1286 rows
    assert rows.most == min(len(train) for train, _ in splits)
    for fold, (train, _) in enumerate(splits):
        np.testing.assert_array_equal(rows.rows(fold, rows.most), train)


def test_the_same_seed_gives_the_same_rows_and_folds_differ():
    first, _ = subsets(KFold(3))
    second, _ = subsets(KFold(3))
    other, _ = subsets(KFold(3), seed=1)
    np.testing.assert_array_equal(first.rows(1, 60), second.rows(1, 60))
    assert not np.array_equal(first.rows(1, 60), other.rows(1, 60))


@pytest.mark.parametrize("n", RUNGS)
def test_no_rung_misses_a_class_and_shares_hold(n):
    rows, splits = subsets(StratifiedKFold(3))
    assert rows.fewest == 8
    for fold, (train, _) in enumerate(splits):
        counts = np.bincount(y[rows.rows(fold, n)], minlength=4)
        exact = np.bincount(y[train], minlength=4) * n / len(train)
        assert counts.sum() == n
        assert (counts >= 2).all()
        # the rare class takes what it lacks from the others, no more
        lack = np.maximum(2 - exact, 0).sum()
        assert (np.abs(counts - np.maximum(exact, 2)) <= 2 + lack).all()


def test_the_smallest_possible_rung_has_two_rows_of_each_class():
    rows, _ = subsets(KFold(3))
    counts = np.bincount(y[rows.rows(0, rows.fewest)])
    np.testing.assert_array_equal(counts, [2, 2, 2, 2])


def test_a_class_of_one_row_is_there_once():
    lonely = np.zeros(N, int)
    lonely[[5, 700]] = 1  # one in fold 0's test rows, one in its training rows
    rows, _ = subsets(KFold(3), y=lonely)
    assert lonely[rows.rows(0, rows.fewest)].sum() == 1


def test_groups_stay_whole_while_the_splitter_keeps_them():
    for cv in (GroupKFold(3), StratifiedGroupKFold(3)):
        rows, splits = subsets(cv, groups=groups)
        assert rows.kind == "groups"
        for fold, (train, _) in enumerate(splits):
            for n in [rows.fewest, *RUNGS[2:]]:
                chosen = rows.rows(fold, n)
                taken = np.isin(groups, groups[chosen])
                expected = np.intersect1d(np.flatnonzero(taken), train)
                np.testing.assert_array_equal(np.sort(chosen), expected)
                assert (np.bincount(y[chosen], minlength=4) >= 2).all()
                assert abs(len(chosen) - n) <= 40 or n == rows.fewest


def test_groups_with_rare_classes_come_first():
    of_ten = np.arange(N) // 10
    rare = np.isin(of_ten, [20, 70, 120]).astype(int)  # one group in each test fold
    splits = [
        (np.flatnonzero(of_ten % 3 != k), np.flatnonzero(of_ten % 3 == k))
        for k in range(3)
    ]
    rng = np.random.default_rng(0)
    rows = nest_rows(splits, rare, of_ten, is_classifier=True, rng=rng)
    assert rows.fewest <= 20 + ROWS_PER_CLASS
    assert all(len(np.unique(rare[rows.rows(k, rows.fewest)])) == 2 for k in range(3))


def test_groups_that_the_splitter_ignores_are_ignored():
    splits = list(KFold(3, shuffle=True, random_state=0).split(y))
    rng = np.random.default_rng(0)
    rows = nest_rows(splits, y, groups, is_classifier=True, rng=rng)
    assert rows.kind == "classes"


def test_time_series_get_the_most_recent_block():
    rows, splits = subsets(TimeSeriesSplit(3))
    for fold, (train, _) in enumerate(splits):
        chosen = rows.rows(fold, 100)
        np.testing.assert_array_equal(chosen, train[-100:])
    limited = TimeSeriesSplit(3, max_train_size=100).split(np.zeros((N, 1)))
    for fold, (train, _) in enumerate(limited):
        np.testing.assert_array_equal(rows.rows(fold, 100), train)


def test_a_block_is_long_enough_for_every_class():
    rising = np.sort(y)  # the last rows are all of one class
    rows, splits = subsets(TimeSeriesSplit(3), y=rising)
    for fold, (train, _) in enumerate(splits):
        have = np.bincount(rising[rows.rows(fold, rows.fewest)], minlength=4)
        exist = np.bincount(rising[train], minlength=4)
        assert (have >= np.minimum(exist, 2)).all()


def test_one_hold_out_at_the_end_is_not_taken_for_time():
    split = [(np.arange(1000), np.arange(1000, N))]
    kind = nest_rows(split, y, is_classifier=True, rng=np.random.default_rng(0)).kind
    assert kind == "classes"


@pytest.mark.parametrize("target", [None, np.linspace(0, 1, N), np.eye(3)[y % 3]])
def test_without_single_classes_any_rows_will_do(target):
    rows, splits = subsets(KFold(3), y=target, is_classifier=target is not None)
    assert rows.kind == "any"
    share = np.mean([row < N / 2 for row in rows.rows(2, 500)])
    assert 0.7 < share <= 1  # of fold 2's rows, all but the last third
    assert rows.fewest == 2


def test_names_as_classes_and_unsorted_training_rows():
    names = np.array(["a", "b", "c", "d"])[y]
    order = np.random.default_rng(0).permutation(N)
    mixed = [(order[:900], order[900:]), (order[600:], order[:600])]
    rows = nest_rows(mixed, names, is_classifier=True, rng=np.random.default_rng(0))
    chosen = rows.rows(0, 100)
    place = {row: number for number, row in enumerate(mixed[0][0])}
    assert (np.diff([place[row] for row in chosen]) > 0).all()
    assert set(names[chosen]) == set("abcd")
