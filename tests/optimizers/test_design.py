import pickle

import numpy as np
import pytest
from sklearn.model_selection import ParameterGrid

from skhpo._types import Proposal, Result
from skhpo.optimizers import (
    Chain,
    FixedPoints,
    GridDesign,
    LatinDesign,
    RandomDesign,
    SobolDesign,
    initial_design_size,
)
from skhpo.space import Space


def rng():
    return np.random.default_rng(0)


def points_of(proposals):
    return np.array([proposal.point for proposal in proposals])


FINITE = {"a": [1, 2, 3], "b": ["x", "y"], "c": (1, 5)}


def test_random_points_follow_the_declared_law():
    space = Space({"rate": (1e-4, 1.0, "log-uniform"), "n": (1, 4)})
    params = [
        space.to_params(p.point) for p in RandomDesign(space, rng=rng()).ask(2000)
    ]
    exponents = np.log10([p["rate"] for p in params])
    assert np.mean(exponents) == pytest.approx(-2.0, abs=0.1)
    assert np.bincount([p["n"] for p in params])[1:].min() > 400


def test_random_points_of_a_finite_space_come_without_replacement():
    space = Space(FINITE)
    keys = {space.key(p.point) for p in RandomDesign(space, rng=rng()).ask(100)}
    assert len(keys) == space.size == 30


def test_random_points_do_not_depend_on_how_many_are_asked_at_once():
    space = Space({"x": (0.0, 1.0), "y": (1, 100)})
    at_once = RandomDesign(space, rng=rng()).ask(100)
    design, one_by_one = RandomDesign(space, rng=rng()), []
    for _ in range(100):
        one_by_one += design.ask(1, pending=one_by_one)
    np.testing.assert_array_equal(points_of(at_once), points_of(one_by_one))


def test_a_choice_that_is_nearly_exhausted_still_gives_its_last_points():
    space = Space({"n": (1, 3000)})
    design = RandomDesign(space, rng=rng())
    told = [Result(Proposal(i, x), 0.0) for i, x in enumerate(space.grid()) if i != 77]
    design.tell(told)
    (last,) = design.ask(3)
    assert space.to_params(last.point) == {"n": 78}


def test_sobol_points_fill_the_cube_more_evenly_than_random_ones():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})

    def filled_cells(design):
        points = points_of(design.ask(64))
        return len(np.unique((points * 8).astype(int), axis=0))

    assert filled_cells(SobolDesign(space, rng=rng())) == 64
    assert filled_cells(RandomDesign(space, rng=rng())) < 50


def test_sobol_stops_after_its_number_of_points():
    space = Space({"x": (0.0, 1.0)})
    design = SobolDesign(space, n_points=5, rng=rng())
    assert len(design.ask(3)) == 3
    assert len(design.ask(9)) == 2
    assert design.ask(1) == []


def test_sobol_alone_runs_for_any_number_of_points():
    space = Space({"x": (0.0, 1.0), "k": ["a", "b"]})
    assert len(SobolDesign(space, rng=rng()).ask(3000)) == 3000


@pytest.mark.parametrize("seed", range(5))
def test_sobol_gives_each_branch_two_points_first(seed):
    dicts = [{"m": [i], f"x{i}": (0.0, 1.0)} for i in range(4)]
    space = Space(dicts)
    design = SobolDesign(space, rng=np.random.default_rng(seed))
    branches = [space.branch_of(point) for point in points_of(design.ask(200))]
    assert sorted(branches[:4]) == [0, 1, 2, 3]
    assert sorted(branches[:8]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert np.bincount(branches).min() > 40


def test_sobol_goes_on_when_a_branch_has_a_single_point():
    space = Space([{"m": [1]}, {"m": [2], "x": (0.0, 1.0)}])
    design = SobolDesign(space, rng=rng())
    branches = [space.branch_of(point) for point in points_of(design.ask(20))]
    assert branches.count(0) == 1 and branches.count(1) == 19


def test_sobol_skips_infeasible_points_even_when_most_are():
    space = Space(
        {"x": (0.0, 1.0), "y": (0.0, 1.0)},
        constraints=[lambda p: p["x"] + p["y"] < 0.1],
    )
    points = points_of(SobolDesign(space, rng=rng()).ask(20))
    assert len(points) == 20 and (points.sum(axis=1) < 0.1).all()


def test_a_latin_hypercube_has_a_point_in_each_slice_of_each_column():
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0), "kind": list("abcd")})
    design = LatinDesign(space, block=8, rng=rng())
    for _ in range(2):  # one hypercube after the other
        points = points_of(design.ask(8))
        slices = np.sort((8 * points[:, :2]).astype(int), axis=0)
        np.testing.assert_array_equal(slices.T, [range(8)] * 2)
        assert np.bincount((4 * points[:, 2]).astype(int)).tolist() == [2] * 4


def test_a_latin_hypercube_skips_infeasible_points():
    space = Space({"x": (0.0, 1.0)}, constraints=[lambda params: params["x"] < 0.3])
    points = points_of(LatinDesign(space, block=8, rng=rng()).ask(20))
    assert len(points) == 20
    assert points.max() < 0.3


def test_grid_comes_in_the_order_of_parameter_grid():
    grid = {"a": [1, 2, 3], "b": ["x", "y"]}
    space = Space(grid)
    params = [space.to_params(p.point) for p in GridDesign(space, rng=rng()).ask(100)]
    assert params == list(ParameterGrid(grid))


def test_grid_survives_a_pickle_in_the_middle():
    space = Space(FINITE)
    design = GridDesign(space, rng=rng())
    first = design.ask(10)
    rest = pickle.loads(pickle.dumps(design)).ask(100)
    np.testing.assert_array_equal(points_of(first + rest), np.array(list(space.grid())))


def test_fixed_points_come_in_order_with_their_exact_params():
    space = Space({"x": (0.0, 1.0)})
    given = [(space.to_point({"x": x}), {"x": x}) for x in (0.3, 0.1, 0.3, 0.2)]
    proposals = FixedPoints(space, given, rng=rng()).ask(10)
    assert [p.params["x"] for p in proposals] == [0.3, 0.1, 0.2]
    assert {p.labels["origin"] for p in proposals} == {"initial"}


def test_chain_asks_one_part_after_the_other_and_counts_through():
    space = Space({"x": (0.0, 1.0)})
    given = [(space.to_point({"x": 0.5}), {"x": 0.5})]
    chain = Chain(
        [
            FixedPoints(space, given, rng=rng()),
            SobolDesign(space, n_points=2, rng=rng()),
        ],
        then=RandomDesign(space, rng=rng()),
    )
    proposals = chain.ask(2)
    proposals += chain.ask(4, pending=proposals)
    assert [p.id for p in proposals] == list(range(6))
    assert [p.labels["origin"] for p in proposals] == ["initial"] + ["ask"] * 5


def test_chain_tells_every_part():
    space = Space({"n": (1, 5)})
    chain = Chain([GridDesign(space, rng=rng())], then=RandomDesign(space, rng=rng()))
    points = list(space.grid())[:3]
    chain.tell([Result(Proposal(i, x), 0.0) for i, x in enumerate(points)])
    assert [space.to_params(p.point)["n"] for p in chain.ask(9)] == [4, 5]


@pytest.mark.parametrize(
    "n_dims, n_iter, expected",
    [(2, 50, 6), (8, 50, 9), (20, 50, 10), (8, 12, 3), (8, 1, 1)],
)
def test_initial_design_has_six_to_ten_points_and_a_quarter_at_most(
    n_dims, n_iter, expected
):
    space = Space({f"x{i}": (0.0, 1.0) for i in range(n_dims)})
    assert initial_design_size(space, n_iter) == expected
