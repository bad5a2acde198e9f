import copy
import pickle

import numpy as np
import pytest
from sklearn.svm import SVC

from skhpo.space._values import Lookup, same_estimator, same_value, token, unique

ALIKE = [1, True, 1.0, np.int64(1), np.float64(1), "1", b"1", (1,), (True,), [1]]


@pytest.mark.parametrize("i", range(len(ALIKE)))
def test_values_that_python_calls_equal_are_told_apart(i):
    same = [same_value(ALIKE[i], other) for other in ALIKE]
    assert same == [j == i for j in range(len(ALIKE))]


def test_nan_is_the_same_as_nan():
    assert same_value(float("nan"), float("nan"))
    assert same_value(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    assert token(float("nan")) == token(float("nan"))


def test_an_equality_that_raises_means_different():
    class Rude:
        def __eq__(self, other):
            raise RuntimeError

    assert not same_value(Rude(), Rude())


def test_arrays_inside_dicts_and_tuples_are_compared():
    a, b = {"w": (np.arange(3), 1)}, {"w": (np.arange(3), 1)}
    assert same_value(a, b)
    assert not same_value(a, {"w": (np.arange(3), True)})


def test_unique_keeps_order_and_first_occurrence():
    values = [3, 1, 3, "a", None, 1.0, True, "a", None, float("nan"), float("nan")]
    kept = unique(values)
    assert [type(v) for v in kept] == [int, int, str, type(None), float, bool, float]


def test_unique_collapses_equal_dicts_and_arrays():
    values = [{0: 1}, {0: 1}, {0: 2}, np.arange(2), np.arange(2)]
    assert len(unique(values)) == 3


def test_lookup_tells_one_true_and_one_point_zero_apart():
    lookup = Lookup(ALIKE)
    assert [lookup.find(value) for value in ALIKE] == list(range(len(ALIKE)))


def test_lookup_reads_numpy_scalars_and_whole_floats_loosely():
    lookup = Lookup([1, 2.5, "a", False])
    assert lookup.find(np.int64(1)) == 0
    assert lookup.find(1.0) == 0
    assert lookup.find(np.float32(2.5)) == 1
    assert lookup.find(np.str_("a")) == 2
    assert lookup.find(np.bool_(False)) == 3
    assert lookup.find(True) is None
    assert lookup.find(0) is None


def test_lookup_finds_a_fresh_estimator_with_equal_parameters():
    lookup = Lookup([SVC(C=1), SVC(C=2), None])
    assert lookup.find(SVC(C=2)) == 1
    assert lookup.find(SVC(C=3)) is None
    assert same_estimator(SVC(gamma=0.5), SVC(gamma=0.5))
    assert not same_estimator(SVC, SVC())


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copied_lookup_forgets_old_identities(copied):
    values = [np.arange(3), SVC(), {"a": 1}]
    lookup = copied(Lookup(values))
    assert [lookup.find(value) for value in lookup.values] == [0, 1, 2]
    assert [lookup.find(value) for value in values] == [0, 1, 2]
