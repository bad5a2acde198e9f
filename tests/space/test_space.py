import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo.space import Categorical, Integer, Ordinal, Real, Space
from tests.ids import plain

RNG = np.random.default_rng

C = Real(1e-3, 1e3, scale="log")
SPACES = {
    "plain": Space({"C": C, "n": (1, 9), "k": ["a", "b", None], "o": [1, 5, 10]}),
    "scales": Space(
        {"p": Real(0.01, 0.99, "logit"), "n": Integer(1, 500, "log"), "x": (-1.0, 1.0)}
    ),
    "laws": Space({"x": stats.norm(), "k": stats.poisson(3), "b": stats.beta(2, 3)}),
    "chain": Space(
        {
            "kernel": ["linear", "poly", "rbf"],
            "degree": Integer(2, 5, when={"kernel": "poly"}),
            "coef0": Real(0, 1, when={"degree": [3, 4]}),
            "gamma": Real(1e-3, 1, "log", when={"kernel": ["poly", "rbf"]}),
        }
    ),
    "alternatives": Space(
        [
            {"clf": [SVC()], "clf__C": C, "scale": ["passthrough", StandardScaler()]},
            {"clf": [RandomForestClassifier()], "clf__max_depth": [3, None]},
            {"clf__C": C, "scale": ["passthrough"]},
            {},
        ]
    ),
    "alike": Space([{"a": [1, True, 1.0]}, {"a": (1, 3)}, {"a": (1.0, 3.0)}]),
    "odd": Space({"a": [np.arange(3), {"x": 1}, [1, 2], float("nan"), len], "b": [0]}),
    "constrained": Space(
        {"a": (0.0, 1.0), "b": (0.0, 1.0)}, [lambda p: p["a"] > p["b"]]
    ),
}
every = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)


def cubes(space, n=4):
    shape = n * space.n_dims
    rows = st.lists(st.floats(0, 1), min_size=shape, max_size=shape)
    return rows.map(lambda u: np.array(u).reshape(n, space.n_dims))


def same_points(a, b, tolerance=1e-9):
    return np.allclose(a, b, atol=tolerance, rtol=0, equal_nan=True)


@every
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=30)
def test_snap_is_idempotent(space, data):
    points = space.snap(data.draw(cubes(space)))
    assert np.array_equal(space.snap(points), points, equal_nan=True)


def test_a_whole_number_written_as_a_float_stays_one():
    space = Space([{"a": Integer(1, 3)}, {"a": (1.0, 3.0)}])
    assert type(space.to_params(space.to_point({"a": 2.0}))["a"]) is float
    assert type(space.to_params(space.to_point({"a": 2}))["a"]) is int
    alone = Space({"a": Integer(1, 3)})  # as it comes out of a CSV file
    assert alone.to_params(alone.to_point({"a": 2.0})) == {"a": 2}


@every
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=30)
def test_params_come_back_from_their_point(space, data):
    for point in space.snap(data.draw(cubes(space).map(lambda u: u * 0.98 + 0.01))):
        params = space.to_params(point)
        again = space.to_point(params)
        assert space.key(again) == space.key(point)
        back = space.to_params(again)
        assert list(back) == list(params)
        for name, value in params.items():
            if type(value) is float and value == value:
                assert back[name] == pytest.approx(value, rel=1e-9, abs=1e-12)
            else:
                assert back[name] is value or back[name] == value


@every
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=30)
def test_perturbed_points_stay_inside_and_change(space, data):
    points = space.snap(data.draw(cubes(space)))
    scale = data.draw(st.sampled_from([1e-3, 0.1, 3.0]))
    neighbours = space.perturb(points, scale, RNG(0))
    assert np.array_equal(space.snap(neighbours), neighbours, equal_nan=True)
    for before, after in zip(points, neighbours, strict=True):
        assert not np.array_equal(before, after, equal_nan=True)


@every
def test_sampled_points_are_snapped_feasible_and_repeatable(space):
    points = space.sample(200, RNG(0))
    assert points.shape == (200, space.n_dims) and points.dtype == np.float64
    assert np.array_equal(space.snap(points), points, equal_nan=True)
    assert space.feasible(points).all()
    assert np.array_equal(space.sample(200, RNG(0)), points, equal_nan=True)
    assert np.array_equal(space.sample(7, RNG(0)), points[:7], equal_nan=True)
    assert space.sample(0, RNG(0)).shape == (0, space.n_dims)


@every
def test_keys_are_equal_exactly_for_equal_settings(space):
    points = space.sample(60, RNG(0))
    settings_ = [space.to_params(point) for point in points]
    keys = [space.key(point) for point in points]
    assert all(isinstance(key, bytes) for key in keys)

    def identity(params):
        return [
            (name, type(value), id(value) if value is not None and isinstance(
                value, (BaseEstimator, np.ndarray, dict, list)) else str(value))
            for name, value in params.items()
        ]  # fmt: skip

    for (a, p), (b, q) in itertools.combinations(zip(keys, settings_, strict=True), 2):
        assert (a == b) == (sorted(identity(p)) == sorted(identity(q)))


def test_a_key_rounds_to_twelve_digits():
    space = Space({"x": (0.0, 1.0)})
    assert space.key([0.1 + 1e-15]) == space.key([0.1])
    assert space.key([0.1 + 1e-10]) != space.key([0.1])


def test_alternatives_with_the_same_setting_have_the_same_key():
    space = SPACES["alike"]
    keys = [
        space.key(space.point_in(b, {"a": v})) for b, v in [(0, 1), (1, 1), (2, 1.0)]
    ]
    assert keys[0] == keys[1] != keys[2]
    assert space.key(space.point_in(0, {"a": 1.0})) == keys[2]
    assert len({space.key(space.point_in(0, {"a": v})) for v in (1, True, 1.0)}) == 3


@every
def test_copies_work_the_same(space):
    if space.constraints:
        pytest.skip("lambdas do not pickle")
    points = space.sample(20, RNG(1))
    for other in [
        copy.deepcopy(space),
        clone(space, safe=False),
        pickle.loads(pickle.dumps(space)),
    ]:
        assert repr(other) == repr(space)
        for point in points:
            assert other.key(point) == space.key(point)
            again = other.to_point(other.to_params(point))
            assert other.key(again) == space.key(point)


def test_numbers_are_python_scalars_and_choices_are_untouched():
    scaler = StandardScaler()
    space = Space({"x": (0.0, 1.0), "n": (1, 5), "s": [scaler], "k": stats.poisson(2)})
    params = space.to_params(space.sample(1, RNG(0))[0])
    assert [type(params[name]) for name in "xnk"] == [float, int, int]
    assert params["s"] is scaler


def test_keys_keep_the_users_order_in_every_alternative():
    space = Space([{"b": [1], "a": [2]}, {"c": [0], "a": [2], "b": [1]}])
    orders = [list(space.to_params(point)) for point in space.grid()]
    assert orders == [["b", "a"], ["c", "a", "b"]]


@pytest.mark.parametrize(
    "value, law",
    [
        ((-1.0, 3.0), stats.uniform(-1, 4)),
        ((1e-4, 10.0, "log-uniform"), stats.loguniform(1e-4, 10)),
        (stats.norm(1, 2), stats.norm(1, 2)),
        (stats.loguniform(1e-4, 10), stats.loguniform(1e-4, 10)),
        ((0.01, 0.99, "logit-uniform"), None),
    ],
    ids=plain,
)
def test_samples_follow_the_declared_law(value, law):
    space = Space({"x": value, "y": ["a", "b"]})
    drawn = [space.to_params(p)["x"] for p in space.sample(2000, RNG(0))]
    if law is None:  # uniform in the logit
        drawn, end = np.log(drawn) - np.log1p(-np.array(drawn)), np.log(0.99 / 0.01)
        law = stats.uniform(-end, 2 * end)
    assert stats.kstest(drawn, law.cdf).pvalue > 0.01


def test_integers_and_choices_are_equally_likely():
    space = Space(
        {"n": (1, 4), "c": list("abcd"), "o": [1, 2, 3, 4], "r": stats.randint(1, 5)}
    )
    drawn = [space.to_params(p) for p in space.sample(4000, RNG(0))]
    for name in space.names:
        _, counts = np.unique([str(p[name]) for p in drawn], return_counts=True)
        assert stats.chisquare(counts).pvalue > 0.01


def test_alternatives_are_equally_likely():
    space = Space([{"a": [1]}, {"a": (0.0, 1.0), "b": range(100)}, {}])
    branches = [space.branch_of(p) for p in space.sample(3000, RNG(0))]
    assert stats.chisquare(np.bincount(branches)).pvalue > 0.01


def test_snap_fills_unknown_places_and_clips():
    space = SPACES["chain"]
    points = space.snap(np.full((1, 4), np.nan))
    assert space.to_params(points[0])["kernel"] == "poly"
    assert space.to_params(space.snap([[9.0, -1.0, 0.5, 0.5]])[0])["kernel"] == "rbf"


def test_points_of_a_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(n, 4\), got \(3,\)"):
        SPACES["chain"].snap([0.1, 0.2, 0.3])


def test_encode_leaves_no_nan():
    space = SPACES["alternatives"]
    codes = space.encode(space.sample(100, RNG(0)))
    is_idle = np.isnan(space.sample(100, RNG(0)))
    assert (codes[:, space.categorical][is_idle[:, space.categorical]] == -1).all()
    assert (codes[:, ~space.categorical][is_idle[:, ~space.categorical]] == 0.5).all()


# Neighbours -----------------------------------------------------------------------


def test_small_steps_move_integers_by_one():
    space = Space(
        {"n": (1, 9), "m": Integer(1, 100, "log"), "o": Ordinal(list("abcd"))}
    )
    points = space.sample(300, RNG(0))
    neighbours = space.perturb(points, 1e-9, RNG(1), p=1.0)
    for j, column in enumerate(space.columns):
        moved = column.dimension.cell(neighbours[:, j]) - column.dimension.cell(
            points[:, j]
        )
        assert set(moved) == {-1, 1}


def test_small_steps_stay_near_on_real_columns():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
    points = np.array([[0.0, 1.0]] * 100)
    neighbours = space.perturb(points, 0.01, RNG(0), p=1.0)
    assert np.abs(neighbours - points).max() < 0.06
    assert (neighbours != points).all()


def test_categories_become_another_one_with_equal_chance():
    space = Space({"c": Categorical(list("abcde"))})
    points = space.snap(np.full((2000, 1), 0.5))
    cells = space.columns[0].dimension.cell(space.perturb(points, 0.1, RNG(0))[:, 0])
    counts = np.bincount(cells, minlength=5)
    assert counts[2] == 0
    assert stats.chisquare(np.delete(counts, 2)).pvalue > 0.01


def test_alternatives_are_left_with_probability_one_tenth():
    space = Space([{"a": (0.0, 1.0)}, {"b": (0.0, 1.0), "c": (0.0, 1.0)}])
    points = space.sample(4000, RNG(0))
    neighbours = space.perturb(points, 0.1, RNG(1))
    jumped = np.mean(points[:, 0] != neighbours[:, 0])
    assert jumped == pytest.approx(0.1, abs=0.015)


def test_a_chosen_probability_is_kept():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(20)})
    points = space.sample(1000, RNG(0))
    changed = space.perturb(points, 0.1, RNG(1), p=0.5) != points
    assert changed.mean() == pytest.approx(0.5, abs=0.02)
    rare = (space.perturb(points, 0.1, RNG(1), p=0.0) != points).sum(axis=1)
    assert (rare == 1).all()


def test_a_single_setting_has_no_neighbour():
    space = Space({"a": [1], "b": ["x"]})
    point = space.sample(1, RNG(0))
    assert np.array_equal(space.perturb(point, 0.1, RNG(0)), point)
    assert Space({}).perturb(np.empty((3, 0)), 0.1, RNG(0)).shape == (3, 0)


# From params ----------------------------------------------------------------------


def test_to_point_finds_the_alternative():
    space = SPACES["alternatives"]
    forest = space.columns[4].dimension.choices[0]
    cases = [
        ({"clf__C": 1, "scale": "passthrough"}, 2),
        ({"clf": SVC(), "clf__C": 1.0, "scale": "passthrough"}, 0),
        ({"clf": forest, "clf__max_depth": None}, 1),
        ({}, 3),
    ]
    for params, branch in cases:
        assert space.branch_of(space.to_point(params)) == branch


@pytest.mark.parametrize(
    "name, params, words",
    [
        ("plain", {"CC": 1}, "'CC' is not a parameter.*Did you mean 'C'"),
        ("plain", {"C": 1.0, "n": 3, "k": "a"}, "'o' is missing"),
        (
            "plain",
            {"C": 1e9, "n": 3, "k": "a", "o": 1},
            "'C': 1000000000.0 lies outside",
        ),
        ("plain", {"C": 1.0, "n": 10, "k": "a", "o": 1}, "'n': 10 lies outside"),
        ("plain", {"C": 1.0, "n": 3, "k": "z", "o": 1}, "'k': 'z' is not one of"),
        (
            "chain",
            {"kernel": "rbf", "gamma": 0.1, "degree": 2},
            "'degree' is not active",
        ),
        ("chain", {"kernel": "rbf"}, "'gamma' is missing"),
        (
            "alternatives",
            {"clf__C": 1.0, "scale": 3},
            "none of the 4 alternatives.*2: ",
        ),
    ],
)
def test_a_setting_outside_is_refused_with_its_offender(name, params, words):
    with pytest.raises(ValueError, match=words):
        SPACES[name].to_point(params)


# Constraints ----------------------------------------------------------------------


def never(params):
    return False


def test_contradictory_constraints_are_named_with_their_rate():
    space = Space({"x": (0.0, 1.0)}, never)
    words = "Contradictory constraints: 0 of 10,000 sampled settings satisfy never"
    with pytest.raises(ValueError, match=words):
        space.check_feasible(RNG(0))
    with pytest.raises(ValueError, match="0 of 10,100 sampled settings|0 of 10,"):
        space.sample(5, RNG(0))


def test_small_finite_spaces_are_enumerated_to_find_a_feasible_setting():
    space = Space({"a": range(90), "b": range(90)}, lambda p: p["a"] == p["b"] == 77)
    space.check_feasible(RNG(0))
    with pytest.raises(ValueError, match="0 of all 4 settings satisfy never"):
        Space({"a": [1, 2], "b": [1, 2]}, [never]).check_feasible(RNG(0))


def test_scarce_feasible_settings_are_repeated_rather_than_failed_on():
    space = Space({"a": range(1000)}, lambda p: p["a"] == 5)
    points = space.sample(100, RNG(0))
    assert {space.to_params(point)["a"] for point in points} == {5}


def test_a_constraint_that_raises_is_named_with_its_setting():
    def needs_degree(params):
        return params["degree"] > 2

    space = Space(SPACES["chain"].search_space, needs_degree)
    with pytest.raises(
        ValueError, match=r"needs_degree raised KeyError: 'degree'.*get"
    ):
        space.sample(50, RNG(0))
    with pytest.raises(ValueError, match="returned None"):
        Space({"a": [1, 2]}, lambda p: None).sample(1, RNG(0))


@pytest.mark.parametrize("constraints", [5, "a < b", [len, 3]])
def test_constraints_must_be_functions(constraints):
    with pytest.raises(TypeError, match="constraints must be a function"):
        Space({"a": [1]}, constraints)


def test_a_space_of_a_space_adds_constraints():
    first = Space({"a": (1, 9)}, lambda p: p["a"] > 3)
    second = Space(first, [lambda p: p["a"] < 6])
    assert [second.to_params(p)["a"] for p in second.grid()] == [4, 5]
    assert len(first.constraints) == 1


def test_a_constraint_cannot_change_the_setting():
    space = Space({"a": [1]}, lambda p: p.pop("a") == 1)
    assert space.feasible(space.sample(3, RNG(0))).all()


def test_repr_shows_alternatives_and_constraints():
    text = repr(Space([{"a": (1, 2)}, {}], never))
    assert text == (
        "Space(\n    alternative 0:\n        a: Integer(1, 2)\n    alternative 1:\n"
        "        (the estimator as it is)\n    constraint: never\n)"
    )
