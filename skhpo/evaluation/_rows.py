"""Rows as a resource: which training rows of a fold a rung of so many rows gets.

All are taken from the training rows; test folds stay whole. A larger rung holds the
rows of a smaller one (prefixes of one order per fold), and all candidates get the same.

The order depends on the splits, looked at as they are and not by the splitter's name:

- every training row before every test row, in each of several folds = time: the most
  recent block, as ``TimeSeriesSplit(max_train_size=...)`` means it; never a shuffle;
- ``groups``, none of which is on both sides of a split: whole groups;
- classes: each prefix has the classes' shares, but at least two rows of each;
- otherwise any rows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import type_of_target

#: Rows of a class without which most classifiers, and any inner split, fail.
ROWS_PER_CLASS = 2


@dataclass(frozen=True, eq=False)
class RowSubsets:
    """Nested subsets of the training rows of each fold.

    Attributes
    ----------
    orders : list of (train, order, cuts)
        For each fold: its rows; positions in them, those first that the smallest rung
        gets; the numbers of rows at which the order may be cut (None = any).
    kind : {"time", "groups", "classes", "any"}
        What the order respects.
    fewest : int
        Rows from which on each fold has two of every class.
    most : int
        Rows of the smallest fold. From there on a rung has all rows of every fold.
    """

    orders: list
    kind: str
    fewest: int

    @property
    def most(self):
        return min(len(train) for train, _, _ in self.orders)

    def rows(self, fold, n):
        """Return the rows of a fold for a rung of ``n``, in the order of the fold.

        With groups the number is as close to ``n`` as whole groups can be.
        """
        train, order, cuts = self.orders[fold]
        if n >= self.most:
            return train
        if cuts is not None:
            n = cuts[np.abs(cuts - n).argmin()]
        return train[np.sort(order[:n])]


def nest_rows(splits, y, groups=None, *, is_classifier, rng):
    """Order the training rows of each fold, once per search.

    Parameters
    ----------
    splits : list of (train, test)
        Row numbers, as frozen for the search.
    y : array-like or None
        Target of all rows.
    groups : array-like or None, default=None
        What the splitter was given.
    is_classifier : bool
        Whether the classes in ``y`` are to be covered.
    rng : numpy.random.Generator
    """
    codes = _class_codes(y) if is_classifier else None
    group_codes = _group_codes(splits, groups)
    kind = _kind(splits, codes, group_codes)
    orders, fewest = [], ROWS_PER_CLASS
    for train, _ in splits:
        train = np.asarray(train)
        labels = np.zeros(len(train), int) if codes is None else codes[train]
        if kind == "time":
            order, cuts = np.argsort(train)[::-1], None
        elif kind == "groups":
            order, cuts = _whole_groups(group_codes[train], labels, rng)
        else:
            order, cuts = _stratified(labels, rng), None
        orders.append((train, order, _from(_covering(labels[order]), cuts)))
        fewest = max(fewest, _covering(labels[order]))
    return RowSubsets(orders, kind, fewest)


def trains_on_the_past(splits, when=None):
    """Return whether every fold is tested on what comes after all it is trained on.

    ``when`` is the time of each row; None = rows stand in order of time.
    """

    def times(rows):
        return np.asarray(rows) if when is None else when[rows]

    return all(
        len(train) and len(test) and times(train).max() <= times(test).min()
        for train, test in splits
    )


def keeps_groups(splits, groups):
    """Return whether no group is on both sides of a split."""
    codes, _ = pd.factorize(np.asarray(groups))  # also of objects that have no order
    return not any(
        np.intersect1d(codes[train], codes[test]).size for train, test in splits
    )


def _kind(splits, codes, group_codes):
    # one fold alone is a hold-out set at the end of the table, which says nothing
    if len(splits) > 1 and trains_on_the_past(splits):
        return "time"
    if group_codes is not None:
        return "groups"
    return "any" if codes is None else "classes"


def _class_codes(y):
    """Return y as class numbers; None where it has no single class per row."""
    if y is None or type_of_target(y) not in ("binary", "multiclass"):
        return None
    return np.unique(np.ravel(y), return_inverse=True)[1]


def _group_codes(splits, groups):
    """Return the groups as numbers; None when the splitter does not keep them whole."""
    if groups is None:
        return None
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    return codes if keeps_groups(splits, codes) else None


def _stratified(labels, rng):
    """Return an order whose prefixes have the classes' shares, two of each first.

    The i-th of the n rows of a class, shuffled, has its place at (i + 1/2) / n.
    """
    places = np.empty(len(labels))
    for members in _members(labels):
        ranks = np.arange(len(members))
        shares = (ranks + 0.5) / len(members)
        places[rng.permutation(members)] = np.where(ranks < ROWS_PER_CLASS, 0, shares)
    shuffled = rng.permutation(len(labels))  # who comes first among equals
    return shuffled[np.argsort(places[shuffled], kind="stable")]


def _whole_groups(groups, labels, rng):
    """Return an order of rows that keeps groups together, and where groups end.

    The groups that it takes to have two rows of every class come first.
    """
    blocks = _members(groups)
    missing = np.minimum(np.bincount(labels), ROWS_PER_CLASS)
    first, rest = [], []
    for block in (blocks[i] for i in rng.permutation(len(blocks))):
        counts = np.bincount(labels[block], minlength=len(missing))
        is_needed = (counts[missing > 0] > 0).any()
        (first if is_needed else rest).append(block)
        missing = np.maximum(missing - counts, 0)
    blocks = first + rest
    return np.concatenate(blocks), np.cumsum([len(block) for block in blocks])


def _members(codes):
    """Return the positions of each code's members, in ascending order."""
    ends = np.cumsum(np.unique(codes, return_counts=True)[1])
    return np.split(np.argsort(codes, kind="stable"), ends[:-1])


def _covering(labels):
    """Return the length of the shortest prefix with two rows of each class.

    Of a class with a single row, that one.
    """
    return max(int(rows[:ROWS_PER_CLASS][-1]) + 1 for rows in _members(labels))


def _from(fewest, cuts):
    return cuts if cuts is None else cuts[cuts >= fewest]
