import pytest

from skhpo.optimizers import automatic_optimizer
from skhpo.space import Integer, Space


def numbers(n):
    return Space({f"x{i}": (0.0, 1.0) for i in range(n)})


FINITE = Space({"n": (1, 9), "kind": ["a", "b"]})
KINDS = {
    "numbers": numbers(3),
    "categories": Space({f"c{i}": list("abcdefghijkl") for i in range(9)}),
    "conditions": Space(
        {
            "k": ["a", "b"],
            **{f"n{i}": Integer(1, 9, when={"k": "a"}) for i in range(60)},
        }
    ),
}


@pytest.mark.parametrize("space", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("n_iter", [10, 3000, None])
def test_a_gaussian_process_for_every_kind_of_space(space, n_iter):
    assert automatic_optimizer(space, n_iter) == "gp"


def test_all_of_a_space_that_fits_into_the_budget():
    assert automatic_optimizer(FINITE, 18) == "grid"
    assert automatic_optimizer(FINITE, 17) == "gp"
    assert automatic_optimizer(FINITE, None) == "gp"


def test_parzen_estimators_for_hundreds_of_columns():
    assert automatic_optimizer(numbers(200), 50) == "gp"
    assert automatic_optimizer(numbers(201), 50) == "tpe"
