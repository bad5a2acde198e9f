import pytest

from skhpo.optimizers import automatic_evolution
from skhpo.space import Space

LETTERS = Space({name: list("abcdef") for name in "uvw"})
NUMBERS = Space({name: (0.0, 1.0) for name in "abcdef"})
MIXED = Space({"x": (0.0, 1.0), "n": (1, 9), "kind": ["a", "b"]})


@pytest.mark.parametrize(
    "space, n_iter, has_cmaes, expected",
    [
        (LETTERS, 100, True, "de"),
        (MIXED, 1000, True, "de"),
        (NUMBERS, 359, True, "de"),
        (NUMBERS, 360, True, "cmaes"),
        (NUMBERS, 360, False, "de"),
        (NUMBERS, None, True, "cmaes"),
        (Space({name: (0.0, 1.0) for name in "abcde"}), 1000, True, "de"),
        (Space({name: (1, 90) for name in "abcdef"}), 1000, True, "de"),
    ],
)
def test_the_algorithm_follows_the_space_and_the_budget(
    space, n_iter, has_cmaes, expected
):
    assert automatic_evolution(space, n_iter, has_cmaes) == expected
