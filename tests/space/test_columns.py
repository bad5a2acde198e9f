import numpy as np
import pytest

from skhpo.space import Categorical, Integer, Real, Space


def names(space):
    return [column.name for column in space.columns]


def test_a_dict_has_one_column_per_parameter_in_the_users_order():
    space = Space({"b": [1, 2], "a": (0.0, 1.0)})
    assert names(space) == ["b", "a"]
    assert space.names == ("b", "a")
    assert space.categorical.tolist() == [True, False]
    assert [column.n_levels for column in space.columns] == [2, None]


def test_equal_dimensions_of_alternatives_share_a_column():
    C, gamma = (1e-3, 1e3, "log-uniform"), (0.0, 1.0)
    space = Space(
        [{"kernel": ["linear"], "C": C}, {"kernel": ["rbf"], "C": C, "g": gamma}]
    )
    assert names(space) == ["<branch>", "kernel", "C", "kernel", "g"]
    assert space.names == ("kernel", "C", "g")
    assert space.columns[0].is_categorical and space.columns[0].is_hidden
    assert space.columns[0].n_levels == 2
    assert space.columns[2].clauses == ()  # always active


def test_unequal_dimensions_of_one_name_get_columns_of_their_own():
    space = Space([{"C": (0.0, 1.0)}, {"C": (0.0, 2.0)}, {"C": [0.0, 1.0]}])
    assert names(space) == ["<branch>", "C", "C", "C"]
    points = space.snap(np.full((3, 4), 0.5) * [[0.2], [1], [1.9]])
    assert np.isnan(points[:, 1:]).sum(axis=1).tolist() == [2, 2, 2]


def test_a_shared_dimension_keeps_the_condition_of_each_alternative():
    degree = Integer(2, 5, when={"kernel": "poly"})
    space = Space(
        [
            {"kernel": ["poly", "rbf"], "degree": degree},
            {"kernel": ["poly", "sigmoid"], "degree": degree},
        ]
    )
    assert names(space) == ["<branch>", "kernel", "degree", "kernel"]
    for point in space.sample(100, np.random.default_rng(0)):
        params = space.to_params(point)
        assert ("degree" in params) == (params["kernel"] == "poly")
    assert space.size == 4 + 1 + 1  # poly with 4 degrees in both


def test_conditions_chain():
    space = Space(
        {
            "c": Real(0, 1, when={"b": [2, 3]}),
            "b": Integer(1, 4, when={"a": "x"}),
            "a": ["x", "y"],
        }
    )
    seen = {
        tuple(space.to_params(p)) for p in space.sample(200, np.random.default_rng(0))
    }
    assert seen == {("a",), ("b", "a"), ("c", "b", "a")}


def test_all_parents_must_agree():
    space = Space(
        {"a": [0, 1], "b": ["u", "v"], "c": Integer(1, 3, when={"a": [1], "b": ["v"]})}
    )
    for point in space.sample(100, np.random.default_rng(0)):
        params = space.to_params(point)
        assert ("c" in params) == (params["a"] == 1 and params["b"] == "v")


@pytest.mark.parametrize("wanted", [(8, 8), [(8, 8)], ((8, 8),), np.array(["x"]), "x"])
def test_when_takes_a_value_or_values(wanted):
    space = Space({"h": [(8, 8), "x"], "c": Integer(1, 2, when={"h": wanted})})
    assert space.size == 3


def test_a_parent_with_many_values_is_no_trouble():
    space = Space(
        {"n": Integer(0, 10**12), "c": Integer(1, 2, when={"n": list(range(20))})}
    )
    assert space.size == 10**12 + 1 + 20
    assert np.isnan(space.snap([[0.5, 0.5]])[0, 1])


@pytest.mark.parametrize(
    "space, error, words",
    [
        (
            {"kernel": ["a"], "d": Integer(1, 2, when={"kernl": "a"})},
            ValueError,
            "of 'd': 'kernl' is not another parameter.*Did you mean 'kernel'",
        ),
        (
            {"kernel": ["poly", "rbf"], "d": Integer(1, 2, when={"kernel": "ploy"})},
            ValueError,
            "'kernel' can never be 'ploy'.*Did you mean 'poly'",
        ),
        ({"d": Integer(1, 2, when={"d": 1})}, ValueError, "circle: 'd' -> 'd'"),
        (
            {
                "a": Categorical([1, 2], when={"b": 1}),
                "b": Categorical([1, 2], when={"a": 1}),
            },
            ValueError,
            "circle: 'a' -> 'b' -> 'a'",
        ),
        (
            {"a": (0.0, 1.0), "d": Integer(1, 2, when={"a": 0.5})},
            ValueError,
            "'a' must have separate values",
        ),
        ({"a": [1, 2], "d": Integer(1, 2, when="a")}, TypeError, "must be a dict"),
        (
            {"a": [1, 2], "d": Integer(1, 2, when={"a": []})},
            ValueError,
            "'d': the list of values is empty",
        ),
        (
            [{"a": [1, 2]}, {"d": Integer(1, 2, when={"a": 1})}],
            ValueError,
            "'a' is not another parameter",
        ),
    ],
)
def test_a_bad_condition_gets_a_clear_error(space, error, words):
    with pytest.raises(error, match=words):
        Space(space)
