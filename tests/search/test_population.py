"""The tables of a population, on one that was made by hand."""

import numpy as np
import pandas as pd
import pytest

from skhpo.search._population import (
    check_factors,
    check_population,
    line_of,
    lineage,
    make_steps,
    population,
)

# three members, two steps, then member 2 copies member 0, and fails
RESULTS = {
    "member": np.array([0, 1, 2, 0, 1, 2]),
    "step": np.array([0, 0, 0, 1, 1, 1]),
    "event": np.array(["init"] * 3 + ["continue"] * 2 + ["exploit"], dtype=object),
    "origin": np.array(["initial"] * 3 + ["continue"] * 2 + ["perturb"], dtype=object),
    "candidate": np.array([0, 1, 2, 0, 1, 3]),
    "n_resources": np.array([5, 5, 5, 10, 10, 10]),
    "parent": np.array([-1, -1, -1, 0, 1, 0]),
    "status": np.array(["promoted"] * 2 + ["stopped"] + ["complete"] * 2 + ["failed"]),
    "mean_test_score": np.array([0.9, 0.8, 0.1, 0.95, 0.85, np.nan]),
    "param_a": np.ma.masked_array([1, 2, 3, 1, 2, 4]),
    "param_b": np.ma.masked_array([1, 2, 3, 1, 2, 4], mask=[0, 0, 1, 0, 0, 0]),
}


def test_the_line_of_a_model_leads_to_its_first_training():
    assert line_of(5, RESULTS["parent"]) == [0, 5]
    assert line_of(2, RESULTS["parent"]) == [2]


def test_a_lineage_has_parents_and_units():
    frame = lineage(RESULTS)
    assert list(frame["parent_member"]) == [-1, -1, -1, 0, 1, 0]
    assert list(frame["from"]) == [0, 0, 0, 5, 5, 5]
    assert list(frame["to"]) == [5, 5, 5, 10, 10, 10]
    assert list(frame["param_a"]) == [1, 2, 3, 1, 2, 4]
    assert np.isnan(frame["param_b"][2])


def test_a_population_is_a_row_per_member():
    frame = population(lineage(RESULTS))
    expected = pd.DataFrame(
        {
            "member": [0, 1, 2],
            "row": [3, 4, 5],
            "n_resources": [10, 10, 10],
            "status": ["complete", "complete", "failed"],
            "founder": [0, 1, 0],
            "n_exploits": [0, 0, 1],
        }
    )
    columns = list(expected)
    pd.testing.assert_frame_equal(frame[columns], expected, check_dtype=False)


def full():
    return 20


@pytest.mark.parametrize(
    "given, steps",
    [
        (("auto", "auto", "auto"), list(range(2, 21, 2))),
        ((4, "auto", "auto"), [5, 10, 15, 20]),
        ((3, "auto", "auto"), [6, 13, 20]),
        ((20, "auto", "auto"), list(range(1, 21))),
        ((3, 7, "auto"), [7, 14, 21]),
        (("auto", 7, 20), [7, 14, 20]),
        ((3, 7, 20), [7, 14, 20]),
        (("auto", 20, 20), [20]),
    ],
)
def test_steps_follow_from_two_of_three_numbers(given, steps):
    assert make_steps(*given, full, "epochs") == steps


@pytest.mark.parametrize("given", [(21, "auto", "auto"), (4, 7, 20), ("auto", 21, 20)])
def test_numbers_that_contradict_each_other(given):
    with pytest.raises(ValueError, match="epochs"):
        make_steps(*given, full, "epochs")


@pytest.mark.parametrize(
    "size, exploit, quantile",
    [(4, "truncation", 0.25), (2, "truncation", 0.5), (10, "truncation", 0.3),
     (2, "tournament", 0.01)],
)  # fmt: skip
def test_a_population_in_which_somebody_can_copy(size, exploit, quantile):
    check_population(size, exploit, quantile)


@pytest.mark.parametrize("factors", [None, 0.5, (), ("a",), (0.0, 2.0), (np.inf,)])
def test_factors_that_are_none(factors):
    with pytest.raises(ValueError, match="positive numbers"):
        check_factors(factors)
