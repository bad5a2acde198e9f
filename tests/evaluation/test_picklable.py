"""What cannot be sent to other processes is named."""

import pickle
import threading
from functools import partial

import pytest
from joblib.externals.loky.backend.reduction import dumps
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skhpo.evaluation._picklable import check_sendable, unpicklable

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
