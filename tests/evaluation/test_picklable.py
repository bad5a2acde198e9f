"""What cannot be copied or sent to other processes is named."""

import pickle
import threading
from functools import partial

import pytest
from joblib.externals.loky.backend.reduction import dumps
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skhpo.evaluation._picklable import check_sendable, copied, unpicklable

LOCK = threading.Lock()


def use_lock():
    return LOCK


class Holder:
    def __init__(self, **values):
        vars(self).update(values)


@pytest.mark.parametrize(
    "value, name",
    [
        (LOCK, "x"),
        ([1, {"a": LOCK}], "x[1]['a']"),
        (Holder(a=1, b=Holder(c=LOCK)), "x.b.c"),
        (FunctionTransformer(partial(print, LOCK)), "x__func.args[0]"),
        (
            make_pipeline(StandardScaler(), FunctionTransformer(kw_args={"k": LOCK})),
            "x__functiontransformer__kw_args['k']",
        ),
        ((lambda lock: lambda: lock)(LOCK), "x, variable 'lock'"),
    ],
)
def test_the_innermost_part_is_named(value, name):
    found, part, error = unpicklable(value, "x", dumps)
    assert found == name
    assert part is LOCK
    assert "lock" in str(error)


def test_what_can_be_sent_has_no_such_part():
    assert unpicklable({"a": lambda: 1}, "x", dumps) is None
    assert unpicklable(use_lock, "x", pickle.dumps) is None


def test_what_contains_itself_has_an_end():
    knot = Holder(lock=LOCK)
    knot.knot = knot
    assert unpicklable(knot, "x", dumps)[0] == "x.lock"


def test_the_message_says_what_to_do():
    with pytest.raises(ValueError, match=r"^y\['b'\] \(a _thread.lock\) cannot be se"):
        check_sendable({"x": 1, "y": {"b": LOCK}}, dumps)
    with pytest.raises(ValueError, match="n_jobs=1, threads"):
        check_sendable({"x": LOCK}, dumps)


# ---- what cannot be cloned


class Converts(BaseEstimator):
    """Makes lists of what it gets, so that scikit-learn cannot clone it."""

    def __init__(self, columns=(), kind="x"):
        self.columns = list(columns)
        self.kind = kind


class CopiesLists(BaseEstimator):
    """Copies lists and keeps everything else, as catboost does."""

    def __init__(self, columns=None, weights=None, other=None):
        self.columns = columns[:] if isinstance(columns, list) else columns
        self.weights = weights[:] if isinstance(weights, list) else weights
        self.other = other


def test_what_the_constructor_changes_is_said_and_how_to_write_it():
    words = (
        r"^estimator \(a Converts\) cannot be cloned, .*: Cannot clone object .* "
        r"parameter columns\. Its __init__ must keep every argument as it is passed"
    )
    with pytest.raises(RuntimeError, match=words):
        copied(Converts(["a"]))


def test_where_tuples_can_be_cloned_they_are_the_cure():
    estimator = CopiesLists(["k"], weights=[1, 2], other=[3])
    words = r"in the place of the list: columns=\('k',\), weights=\(1, 2\)\.$"
    with pytest.raises(RuntimeError, match=words):
        copied(estimator)
    copied(CopiesLists(("k",), weights=(1, 2), other=[3]))


def test_the_step_that_cannot_be_cloned_is_named():
    pipe = make_pipeline(StandardScaler(), make_pipeline(Converts(["a"])))
    with pytest.raises(RuntimeError, match=r"^estimator__pipeline__converts \(a Con"):
        copied(pipe)
    with pytest.raises(RuntimeError, match=r"^search_space\['clf'\]\[1\] \(a Con"):
        copied(Converts(["a"]), "search_space['clf'][1]", safe=False)


def test_what_is_no_estimator_is_told_to_become_one():
    with pytest.raises(TypeError, match=r"\(a object\).*get_params.*BaseEstimator\.$"):
        copied(object())
    assert copied({"a": 1}, safe=False) == {"a": 1}
