"""The space of a fitted search; those of scikit-learn are in test_stability.py."""

from types import SimpleNamespace

from skhpo.space import space_of


def test_the_constraints_of_a_search_hold_in_its_space():
    search = SimpleNamespace(
        search_space={"a": (0.0, 1.0)}, constraints=lambda p: p["a"] < 0.5
    )
    space = space_of(search)
    assert space.is_feasible(space.to_point({"a": 0.2}))
    assert not space.is_feasible(space.to_point({"a": 0.7}))


def test_a_tuple_in_a_grid_is_a_list_of_values_and_no_range():
    space = space_of(SimpleNamespace(param_grid={"a": (1, 7)}))
    assert [space.to_params(point)["a"] for point in space.grid()] == [1, 7]


def test_a_law_without_quantiles_cannot_be_read():
    law = SimpleNamespace(rvs=lambda random_state=None: 1)
    assert space_of(SimpleNamespace(param_distributions={"a": law})) is None
