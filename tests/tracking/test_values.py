import json

import numpy as np
import pytest
from sklearn.svm import SVC

from skhpo.tracking._values import number_or_text, plain, text


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (float("nan"), None),
        (-float("inf"), None),
        ({0: 0.5, (1, 2): np.int8(3)}, {"0": 0.5, "(1, 2)": 3}),
        ([np.float64("inf"), (None, "é")], [None, [None, "é"]]),
        (SVC(C=2), "SVC(C=2)"),
        (np.arange(3), "[0 1 2]"),
    ],
    ids=repr,
)
def test_plain_values_are_json(value, expected):
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


def test_numbers_stay_numbers_and_the_rest_is_text_in_one_line():
    assert [number_or_text(v) for v in (1, np.int64(2), 0.5)] == [1, 2, 0.5]
    assert number_or_text(True) is True
    assert [number_or_text(v) for v in (None, "a", (1, 2))] == ["None", "a", "(1, 2)"]
    assert text("a\n   b\tc") == "a b c"
