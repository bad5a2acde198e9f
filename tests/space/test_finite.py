import itertools
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import ParameterGrid

from skhpo.space import Categorical, Integer, Ordinal, Space

values = st.one_of(st.integers(-5, 5), st.sampled_from(["a", "b", "c", None, 0.5]))
grids = st.dictionaries(
    st.text("abcxyz_", min_size=1, max_size=4),
    st.lists(values, min_size=1, max_size=4, unique=True),
    max_size=4,
)


def settings_of(space):
    return [space.to_params(point) for point in space.grid()]


@given(grid=grids)
@settings(deadline=None, derandomize=True, max_examples=50)
def test_grid_comes_in_parameter_grids_order(grid):
    space = Space(grid)
    assert settings_of(space) == list(ParameterGrid(grid))
    assert space.size == len(ParameterGrid(grid))


@given(grid=st.lists(grids, min_size=1, max_size=3))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_alternatives_come_one_after_the_other_without_repeats(grid):
    expected = []
    for params in ParameterGrid(grid):
        if params not in expected:
            expected.append(params)
    space = Space(grid)
    assert settings_of(space) == expected
    assert space.size == len(expected)


@st.composite
def conditional_spaces(draw):
    """Up to five integers; each may hang on earlier ones."""
    space, n_values = {}, {}
    for i in range(draw(st.integers(1, 5))):
        parents = (
            draw(st.sets(st.sampled_from(sorted(space)), max_size=2)) if space else ()
        )
        when = {
            p: sorted(draw(st.sets(st.integers(1, n_values[p]), min_size=1)))
            for p in sorted(parents)
        }
        name = "xyzab"[i]
        n_values[name] = draw(st.integers(2, 4))
        space[name] = Integer(1, n_values[name], when=when or None)
    return space


def brute_force(space):
    """The slow clear form: the whole product, then what is inactive is dropped."""
    found = set()
    for combination in itertools.product(
        *(range(1, d.high + 1) for d in space.values())
    ):
        params = dict(zip(space, combination, strict=True))
        for name, dimension in space.items():  # parents stand before children
            for parent, allowed in (dimension.when or {}).items():
                if params.get(parent) not in allowed:
                    params.pop(name, None)
        found.add(tuple(sorted(params.items())))
    return found


@given(definition=conditional_spaces())
@settings(deadline=None, derandomize=True, max_examples=50)
def test_size_and_grid_agree_with_brute_force(definition):
    space = Space(definition)
    expected = brute_force(definition)
    found = [tuple(sorted(params.items())) for params in settings_of(space)]
    assert len(found) == len(set(found)) == space.size
    assert set(found) == expected


def test_overlapping_alternatives_count_common_settings_once():
    space = Space([{"a": [1, 2, 3]}, {"a": (3, 4)}, {"a": [2, True, 1.0]}])
    assert space.size == 6
    assert [p["a"] for p in settings_of(space)] == [1, 2, 3, 4, True, 1.0]


def test_the_grid_is_lazy():
    space = Space({name: list(range(100)) for name in "abcdefgh"})
    assert space.size == 100**8
    first = [space.to_params(p) for p in itertools.islice(space.grid(), 2)]
    assert first == [
        dict.fromkeys("abcdefgh", 0),
        dict.fromkeys("abcdefgh", 0) | {"h": 1},
    ]


def test_independent_conditions_are_counted_apart():
    space = {}
    for i in range(40):
        space[f"s{i}"] = ["on", "off"]
        space[f"p{i}"] = Integer(1, 10, when={f"s{i}": "on"})
    assert Space(space).size == 11**40


def test_finite_and_infinite():
    assert Space({}).size == 1
    assert settings_of(Space({})) == [{}]
    assert Space([{}, {"a": [1, 2]}]).size == 3
    assert Space({"a": stats.binom(5, 0.5)}).size == 6
    assert Space({"a": stats.poisson(5)}).size is None
    assert Space({"a": [1, 2], "b": (0.0, 1.0)}).size is None
    assert Space({"a": (1, 10, "log-uniform"), "b": Ordinal([1, 5])}).size == 20
    with pytest.raises(ValueError, match=r"infinite.*\['b'\]"):
        Space({"a": [1, 2], "b": (0.0, 1.0)}).grid()


def test_constraints_thin_the_grid_but_not_the_size():
    space = Space({"a": (1, 3), "b": (1, 3)}, lambda p: p["a"] < p["b"])
    assert [tuple(p.values()) for p in settings_of(space)] == [(1, 2), (1, 3), (2, 3)]
    assert space.size == 9


def test_a_million_categories_are_instant():
    start = time.process_time()
    space = Space({"a": [f"s{i}" for i in range(10**6)], "b": range(10**6)})
    assert space.size == 10**12
    space.sample(100, np.random.default_rng(0))
    assert time.process_time() - start < 4


def test_many_alternatives_are_no_trouble():
    start = time.process_time()
    space = Space([{"a": [i], "b": ["x", "y"], "c": [i % 7]} for i in range(1000)])
    assert space.size == 2000
    assert time.process_time() - start < 5


def test_when_on_an_ordinal_and_a_categorical():
    space = Space(
        {
            "a": Ordinal([1, 5, 10]),
            "b": Categorical(["u", "v"], when={"a": [5, 10]}),
            "c": Integer(1, 3, when={"b": "u"}),
        }
    )
    assert space.size == 1 + 2 * (3 + 1)
