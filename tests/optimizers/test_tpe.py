import time

import numpy as np
import pytest
from scipy.stats import randint

from skhpo._types import Proposal
from skhpo.optimizers import RandomDesign, TPEOptimizer
from skhpo.optimizers._tpe import cell_edges, good_points, improvements, is_plateau
from skhpo.space import Integer, Space
from skhpo.testing import OptimizerContract, toys
from tests.ids import plain
from tests.optimizers.asking import UNIT, best_after, peak, results


class TestTPEOptimizer(OptimizerContract):
    def make(self, space, rng):
        return TPEOptimizer(space, n_initial=5, rng=rng)


def tpe(space=UNIT, seed=0, **kwargs):
    return TPEOptimizer(space, rng=np.random.default_rng(seed), **kwargs)


# The search -----------------------------------------------------------------------


@pytest.mark.statistics
def test_beats_random_search_on_four_of_five_toys():
    """Mean regret over 4 seeds after 60 points at most half of random search's.

    Random search itself would pass this on a toy in fewer than 1 of 10 cases.
    """
    n_won = 0
    for toy in toys():
        regret = {"tpe": 0.0, "random": 0.0}
        for seed in range(4):
            random = RandomDesign(toy.space, rng=np.random.default_rng(seed))
            regret["tpe"] += toy.optimum - best_after(tpe(toy.space, seed), toy, 60)
            regret["random"] += toy.optimum - best_after(random, toy, 60)
        n_won += regret["tpe"] < 0.5 * regret["random"]
    assert n_won >= 4


def test_finds_the_best_alternative_and_its_own_parameter():
    toy = next(toy for toy in toys() if toy.name == "conditional")
    optimizer = tpe(toy.space)
    assert best_after(optimizer, toy, 60) > -0.02
    settings = [toy.space.to_params(p.point) for p in optimizer.ask(20)]
    assert np.mean([s.get("kernel") == "rbf" for s in settings]) > 0.6


def test_learns_from_an_alternative_what_is_shared_with_another():
    space = Space(
        [
            {"m": [1], "x": (0.0, 1.0)},
            {"m": [2], "x": (0.0, 1.0), "y": (0.0, 1.0)},
        ]
    )
    optimizer = tpe(space)
    points = [p for p in space.sample(99, np.random.default_rng(1)) if p[0] < 0.5]
    x = np.array([space.to_params(point)["x"] for point in points])
    optimizer.tell(results(points, -np.abs(x - 0.8)))  # of the first one only
    proposed = [space.to_params(p.point) for p in optimizer.ask(20)]
    x = [params["x"] for params in proposed if params["m"] == 2]
    assert len(x) >= 5
    assert abs(np.median(x) - 0.8) < 0.1


def test_failed_points_are_avoided():
    optimizer = tpe()
    points = UNIT.sample(60, np.random.default_rng(1))
    scores = np.where(points[:, 0] < 0.5, np.nan, points[:, 1])
    optimizer.tell(results(points, scores))
    x = np.array([proposal.point[0] for proposal in optimizer.ask(20)])
    assert np.mean(x > 0.5) > 0.8


@pytest.mark.parametrize("score", [0.5, np.nan])
def test_while_all_scores_are_equal_it_keeps_away_from_what_was_told(score):
    optimizer = tpe()
    points = UNIT.sample(40, np.random.default_rng(1)) * [0.5, 1.0]
    optimizer.tell(results(points, np.full(40, score)))
    x = np.array([proposal.point[0] for proposal in optimizer.ask(10)])
    assert np.mean(x > 0.5) > 0.8


def test_every_second_point_leaves_a_plateau_of_best_scores():
    optimizer = tpe()
    points = UNIT.sample(60, np.random.default_rng(1))
    optimizer.tell(results(points, np.minimum(points[:, 0], 0.6)))
    n_designed = 0
    next_point = optimizer._design.next_point

    def counted(unseen):
        nonlocal n_designed
        n_designed += 1
        return next_point(unseen)

    optimizer._design.next_point = counted
    optimizer.ask(10)
    assert n_designed == 5


def test_points_in_flight_push_the_next_ones_away():
    optimizer = tpe()
    points = UNIT.sample(40, np.random.default_rng(1))
    optimizer.tell(results(points, [peak(point) for point in points]))
    pending = [Proposal(100 + i, np.array([0.3, 0.3 + i / 1e3])) for i in range(30)]
    free = np.array([p.point for p in tpe_copy(optimizer).ask(12)])
    pushed = np.array([p.point for p in optimizer.ask(12, pending=pending)])
    distance = [np.linalg.norm(x - 0.3, axis=1).mean() for x in (free, pushed)]
    assert distance[1] > 1.5 * distance[0]


def tpe_copy(optimizer):
    other = tpe()
    points, scores = optimizer._points, optimizer._scores
    other.tell(results(points, scores))
    return other


def test_initial_points_count_what_is_told_and_in_flight():
    optimizer = tpe(n_initial=6)
    points = UNIT.sample(4, np.random.default_rng(1))
    optimizer.tell(results(points, [peak(point) for point in points]))
    origins = [proposal.labels["origin"] for proposal in optimizer.ask(4)]
    assert origins == ["initial", "initial", "ask", "ask"]


def test_needs_no_initial_points():
    assert best_after(tpe(n_initial=0), peak, 60) > -0.01


def test_finds_the_best_of_two_thousand_points():
    space = Space({"n": (1, 50), "m": (1, 40)})
    optimum = np.array([0.61, 0.2125])
    assert best_after(tpe(space), lambda x: -np.abs(x - optimum).sum(), 100) > -0.02


def test_the_next_best_candidate_replaces_one_that_was_seen(monkeypatch):
    space = Space({"n": (1, 9)})
    optimizer = tpe(space, n_initial=0)
    ranked = space.snap(np.array([[0.6], [0.5], [0.9], [0.1]]))
    monkeypatch.setattr(optimizer, "_candidates", lambda unseen: iter(ranked))
    optimizer.tell(results(ranked[:1], [1.0]))
    pending = [Proposal(7, ranked[1])]
    (proposal,) = optimizer.ask(1, pending=pending)
    assert proposal.point == ranked[2]


def test_suggestions_are_cheap():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(5)} | {"n": (1, 300)})
    optimizer = tpe(space)
    points = space.sample(200, np.random.default_rng(0))
    optimizer.tell(results(points, [peak(point) for point in points]))
    optimizer.ask(1)
    start = time.process_time()
    optimizer.ask(20)
    assert (time.process_time() - start) / 20 < 0.02  # 1.5 ms on an idle machine


# The split ------------------------------------------------------------------------


def test_a_tenth_is_good_and_25_at_most():
    rng = np.random.default_rng(0)
    for n, expected in ((1, 0), (2, 1), (10, 1), (11, 2), (100, 10), (1000, 25)):
        scores = rng.random(n)
        is_good = good_points(scores)
        assert is_good.sum() == expected
        if expected:
            assert scores[is_good].min() > scores[~is_good].max()


@pytest.mark.parametrize(
    "scores, expected",
    [
        ([3, 2] + [1] * 38, [1, 1] + [0] * 38),  # the plateau stays out
        ([2, 2, 2] + [1] * 7, [1, 1, 1] + [0] * 7),  # the summit comes as a whole
        ([5, 4, 3, 2, 2] + [1] * 35, [1, 1, 1, 1, 1] + [0] * 35),
        ([5, 4, 3, 2, 2, 2, 2] + [1] * 33, [1, 1, 1, 0, 0, 0, 0] + [0] * 33),
        ([1] * 10, [0] * 10),
        ([np.nan] * 10, [0] * 10),
        ([1, np.nan, np.nan], [1, 0, 0]),
        ([], []),
    ],
)
def test_equal_scores_are_not_separated(scores, expected):
    is_good = good_points(np.array(scores, dtype=float))
    np.testing.assert_array_equal(is_good, np.array(expected, dtype=bool))


def test_scores_that_differ_by_rounding_are_equal():
    scores = np.array([0.3] * 5 + [0.1 + 0.2] * 5 + [0.1] * 10)
    assert good_points(scores).sum() == 10


def test_a_plateau_is_a_best_score_that_too_many_points_share():
    assert is_plateau(np.array([2.0] * 4 + [1.0] * 16))
    assert not is_plateau(np.array([2.0] * 2 + [1.0] * 18))
    assert not is_plateau(np.full(20, 1.0))  # the other rule: keep away from them
    assert not is_plateau(np.full(20, np.nan))
    assert is_plateau(np.array([1.0] * 10 + [np.nan] * 10))


def test_good_points_weigh_what_they_exceed_the_best_bad_one_by():
    scores = np.array([1.0, 5.0, 2.0, np.nan, 3.0])
    weights = improvements(scores, np.array([False, True, False, False, True]))
    np.testing.assert_allclose(weights, [1.0, 1 / 3])


def test_weights_survive_huge_scores():
    scores = np.array([-1.7e308, 1.7e308, 1.0, -1e308])
    weights = improvements(scores, np.array([False, True, True, False]))
    assert np.all(np.isfinite(weights) & (weights > 0))


# Cells ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dimension",
    [
        Integer(2, 9),
        Integer(1, 500, scale="log"),
        [0.1, 1, 7, 9],
        randint(3, 30),
        [1, 2, 3],
    ],
    ids=plain,
)
def test_edges_are_where_the_cell_changes(dimension):
    dimension = Space({"n": dimension}).columns[0].dimension
    edges = cell_edges(dimension)
    assert len(edges) == dimension.n_cells + 1
    inner = edges[1:-1]
    np.testing.assert_array_equal(
        dimension.cell(inner - 1e-9), np.arange(dimension.n_cells - 1)
    )
    np.testing.assert_array_equal(
        dimension.cell(inner + 1e-9), np.arange(1, dimension.n_cells)
    )
