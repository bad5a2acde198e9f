import pickle
import time
from dataclasses import replace

import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers import DifferentialEvolution, RandomDesign
from skhpo.optimizers._differential import (
    SuccessHistory,
    automatic_size,
    category_mutation,
    current_to_pbest,
    inside,
    lehmer_mean,
    linear_size,
)
from skhpo.space import Integer, Space
from skhpo.testing import toys
from tests.optimizers.asking import UNIT, best_after, peak, results


def de(space=UNIT, seed=0, n_iter=60, **kwargs):
    rng = np.random.default_rng(seed)
    return DifferentialEvolution(space, n_iter=n_iter, rng=rng, **kwargs)


def started(optimizer, score=peak, seed=1):
    """The same optimizer, with a population of random points."""
    n = optimizer.population_size
    points = optimizer.space.sample(n, np.random.default_rng(seed))
    optimizer.tell(results(points, [score(point) for point in points]))
    return optimizer


class Fixed:
    """A generator whose random() gives these numbers, in turn."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self, shape):
        return np.full(shape, self.numbers.pop(0))


# The search -----------------------------------------------------------------------


@pytest.mark.statistics
def test_beats_random_search_on_four_of_five_toys():
    """Mean regret over 4 seeds after 100 points at most half of random search's."""
    n_won = 0
    for toy in toys():
        regret = {"de": 0.0, "random": 0.0}
        for seed in range(4):
            random = RandomDesign(toy.space, rng=np.random.default_rng(seed))
            own = de(toy.space, seed, n_iter=100)
            regret["de"] += toy.optimum - best_after(own, toy, 100)
            regret["random"] += toy.optimum - best_after(random, toy, 100)
        n_won += regret["de"] < 0.5 * regret["random"]
    assert n_won >= 4


@pytest.mark.parametrize("surrogate", ["auto", None])
def test_finds_a_peak(surrogate):
    assert best_after(de(surrogate=surrogate), peak, 60) > -3e-3


def test_the_surrogate_saves_evaluations():
    with_one, without = (
        np.mean([best_after(de(seed=s, surrogate=k), peak, 30) for s in range(8)])
        for k in ("auto", None)
    )
    assert with_one > 0.5 * without  # both negative: at most half of the loss


def test_finds_the_best_category():
    space = Space({"kind": list("abcdefgh"), "x": (0.0, 1.0), "flag": [True, False]})

    def score(point):
        params = space.to_params(point)
        return (params["kind"] == "f") + params["flag"] - (params["x"] - 0.7) ** 2

    assert best_after(de(space, n_iter=80), score, 80) > 1.99


def test_what_others_asked_for_enters_the_population():
    optimizer = started(de())
    best = Proposal(500, np.array([0.3, 0.3]))
    optimizer.tell([Result(best, 1.0)])
    assert optimizer.best_first()[0].id == 500
    parents = [
        proposal.labels["parents"].split(",")
        for _ in range(20)
        for proposal in optimizer.ask(1)
    ]
    assert any("500" in ids for ids in parents)


def test_failed_points_are_no_parents():
    optimizer = de(population_size=6)
    points = UNIT.sample(12, np.random.default_rng(1))
    scores = np.where(np.arange(12) % 2, np.nan, 1.0 + np.arange(12))
    optimizer.tell(results(points, scores))
    assert {member.id for member in optimizer.members} == {0, 2, 4, 6, 8, 10}


def test_what_racing_gave_up_is_never_the_best():
    optimizer = de(population_size=6)
    points = UNIT.sample(6, np.random.default_rng(1))
    told = [
        Result(Proposal(i, point), score=float(i), noise=0.1 if i > 2 else 0.0)
        for i, point in enumerate(points)
    ]
    optimizer.tell(told)
    assert [member.id for member in optimizer.best_first()] == [2, 5, 4, 3, 1, 0]


def test_targets_take_turns_and_have_one_child_in_flight():
    optimizer = started(de(population_size=6))
    pending = []
    for _ in range(6):
        pending += optimizer.ask(1, pending=pending)
    targets = [proposal.labels["parents"].split(",")[0] for proposal in pending]
    assert sorted(targets) == list("012345")
    optimizer.tell([Result(pending[2], -1e9)])
    (more,) = optimizer.ask(1, pending=pending[:2] + pending[3:])
    assert more.labels["parents"].split(",")[0] == targets[2]


def test_a_child_takes_its_targets_place_at_once():
    optimizer = started(de(population_size=6))
    child, _ = optimizer.ask(2)
    target = int(child.labels["parents"].split(",")[0])
    optimizer.tell([Result(replace(child, id=77), 10.0)])
    assert {m.id for m in optimizer.members} == {*range(6), 77} - {target}
    assert [m.id for m in optimizer.archive] == [target]


def test_a_worse_child_does_not_survive():
    optimizer = started(de(population_size=6))
    before = list(optimizer.members)
    (child,) = optimizer.ask(1)
    optimizer.tell([Result(child, -1e9)])
    assert optimizer.members == before
    assert optimizer.archive == []


def test_an_equal_child_survives_but_is_no_success():
    optimizer = started(de(population_size=6, surrogate=None), score=lambda x: 0.5)
    (child,) = optimizer.ask(1)
    optimizer.tell([Result(child, 0.5)])
    assert child.point.tobytes() in {m.point.tobytes() for m in optimizer.members}
    assert optimizer.archive == []
    assert optimizer.history._successes == []


def test_labels_say_where_a_point_comes_from():
    optimizer = de(population_size=5, n_iter=None)
    for proposal in optimizer.ask(5):
        assert proposal.labels == {
            "origin": "initial",
            "generation": 0,
            "operator": "initial",
            "parents": "",
        }
        optimizer.tell([Result(proposal, peak(proposal.point))])
    generations = []
    for _ in range(10):
        (proposal,) = optimizer.ask(1)
        assert proposal.labels["origin"] == "ask"
        assert proposal.labels["operator"] == "current-to-pbest"
        assert len(proposal.labels["parents"].split(",")) == 4
        generations.append(proposal.labels["generation"])
        optimizer.tell([Result(proposal, peak(proposal.point))])
    assert generations == [1] * 5 + [2] * 5


def test_a_pickled_optimizer_continues_with_what_it_learnt():
    optimizer = de(n_iter=80)
    best_after(optimizer, peak, 40)
    copy = pickle.loads(pickle.dumps(optimizer))
    for _ in range(20):
        (first,), (second,) = optimizer.ask(1), copy.ask(1)
        np.testing.assert_array_equal(first.point, second.point)
        assert first.labels == second.labels
        for one, proposal in ((optimizer, first), (copy, second)):
            one.tell([Result(proposal, peak(proposal.point))])
    np.testing.assert_array_equal(optimizer.history.M_F, copy.history.M_F)


def test_suggestions_are_cheap_at_five_hundred_results():
    space = Space({**{f"x{i}": (0.0, 1.0) for i in range(8)}, "c": list("abcd")})
    optimizer = de(space, n_iter=600)
    points = space.sample(500, np.random.default_rng(0))
    optimizer.tell(results(points, [peak(point) for point in points]))
    start = time.process_time()
    for i in range(20):
        (proposal,) = optimizer.ask(1)
        optimizer.tell([Result(proposal, -float(i))])
    assert (time.process_time() - start) / 20 < 0.03  # 3 ms on an idle machine


# Mutation -------------------------------------------------------------------------


def test_mutants_follow_the_formula():
    x, p, a, b = np.array([[0.2, 0.4], [0.6, 0.4], [0.9, 0.5], [0.5, 0.1]])
    v = current_to_pbest(x, p, a, b, F=0.5)
    np.testing.assert_allclose(v, [0.2 + 0.2 + 0.2, 0.4 + 0.0 + 0.2])


def test_what_is_inactive_in_a_parent_makes_no_difference():
    x, p, a, b = np.array([[0.2, 0.4], [np.nan, 0.8], [0.9, np.nan], [0.5, 0.1]])
    v = current_to_pbest(x, p, a, b, F=0.5)
    np.testing.assert_allclose(v, [0.2 + 0.2, 0.4 + 0.2])


def test_mutants_outside_return_half_way():
    x = np.array([0.2, 0.4, 0.9])
    v = inside(np.array([-0.3, 0.7, 1.7]), x)
    np.testing.assert_allclose(v, [0.1, 0.7, 0.95])


A, B, C, D = 0.125, 0.375, 0.625, 0.875


@pytest.mark.parametrize(
    "first, second, expected",
    [
        (0.4, 0.6, B),  # towards p
        (0.6, 0.4, C),  # a and b disagree
        (0.4, 0.4, C),
        (0.6, 0.6, A),
    ],
)
def test_categories_come_from_the_best_or_from_a_difference(first, second, expected):
    x, p, a, b = np.array([[A], [B], [C], [D]])
    draws = Fixed(first, second, 0.0, 0.99)
    assert category_mutation(x, p, a, b, np.array([0.5]), draws) == expected


@pytest.mark.parametrize("lot, expected", [(0.09, 0.99), (0.11, A)])
def test_a_category_that_all_agree_about_is_drawn_anew_now_and_then(lot, expected):
    x = p = a = b = np.array([A])
    draws = Fixed(0.0, 0.0, lot, 0.99)
    assert category_mutation(x, p, a, b, np.array([1.0]), draws) == expected


def test_a_category_that_no_member_has_is_found():
    space = Space({f"c{j}": list("abcdefghijklmnopqrst") for j in range(3)})
    optimizer = de(space, n_iter=400)
    optimizer.tell(results(space.snap(np.full((1, 3), 0.01)), [0.0]))

    def score(point):
        return float(sum(v == "t" for v in space.to_params(point).values()))

    assert best_after(optimizer, score, 300) == 3.0


def test_small_steps_move_integers_now_and_then():
    space = Space({"n": (0, 9), "x": (0.0, 1.0)})
    optimizer = started(de(space))
    x = np.array([[0.45, 0.5]])
    difference = np.array([[0.02, 0.0]])  # a fifth of a cell
    moved = [
        space.snap(optimizer._mutants(x, x, x + difference, x, np.array([[1.0]])))[0, 0]
        for _ in range(2000)
    ]
    assert np.mean(np.array(moved) > 0.5) == pytest.approx(0.2, abs=0.05)


# Success history ------------------------------------------------------------------


def test_the_lehmer_mean_is_that_of_the_paper():
    S, gains = np.array([0.2, 0.6, 0.9]), np.array([1.0, 3.0, 4.0])
    w = gains / gains.sum()
    expected = np.sum(w * S**2) / np.sum(w * S)
    assert lehmer_mean(S, gains) == pytest.approx(expected)
    assert lehmer_mean(np.zeros(3), gains) == 0.0


def test_successes_fill_the_memory_in_turn():
    history = SuccessHistory()
    for k in range(6):
        history.add(0.1 * (k + 1), 0.5, 1.0)
        history.add(0.9, 0.5, 0.0)  # no gain, no weight
        history.update()
    np.testing.assert_allclose(history.M_F, [0.6, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_allclose(history.M_CR, 0.5)


def test_a_generation_without_success_leaves_the_memory_alone():
    history = SuccessHistory()
    history.update()
    assert set(history.M_F) == {0.5}
    history.add(0.8, 0.5, 1.0)
    history.update()
    np.testing.assert_allclose(history.M_F, [0.8, 0.5, 0.5, 0.5, 0.5])


@pytest.mark.parametrize("gain", [0.0, 5e-324, 1e308])
def test_odd_gains_leave_a_memory_that_can_be_used(gain):
    history = SuccessHistory()
    for F in (0.3, 0.6, 0.9):
        history.add(F, 0.5, gain)
    history.update()
    assert 0.3 < history.M_F[0] < 0.9


def test_draws_lie_where_they_must():
    history = SuccessHistory()
    F, CR = history.draw(5000, np.random.default_rng(0))
    assert F.min() > 0
    assert F.max() == 1.0
    assert np.median(F) == pytest.approx(0.5, abs=0.02)
    assert (CR.min(), CR.max()) >= (0.0, 0.9)
    assert CR.max() <= 1.0


def test_what_succeeds_is_drawn_more_often():
    optimizer = started(de())
    for _ in range(200):
        optimizer.history.add(0.9, 0.1, 1.0)
        optimizer.history.update()
    F, CR = optimizer.history.draw(500, np.random.default_rng(0))
    assert np.median(F) > 0.8
    assert np.median(CR) < 0.2


# Sizes ----------------------------------------------------------------------------


def test_the_population_shrinks_linearly():
    sizes = [linear_size(20, n, 100) for n in (0, 20, 40, 60, 80, 100, 150)]
    assert sizes == [20, 17, 14, 11, 8, 5, 5]
    assert linear_size(20, 1000, None) == 20
    assert linear_size(3, 50, 100) == 3


def test_members_are_as_many_as_the_size_allows():
    optimizer = de(n_iter=60, population_size=12)
    for n in range(1, 61):
        (proposal,) = optimizer.ask(1)
        optimizer.tell([Result(proposal, peak(proposal.point))])
        assert len(optimizer.members) <= max(linear_size(12, n, 60), 5)
    assert len(optimizer.members) <= 5


def test_the_automatic_size_grows_with_the_columns_and_with_the_budget():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(9)})
    sizes = [automatic_size(space, n) for n in (10, 60, 100, 1000, None)]
    assert sizes == [5, 10, 16, 18, 18]


def test_spaces_with_conditions_keep_their_points_whole():
    space = Space(
        {"kind": ["a", "b"], "n": Integer(1, 9, when={"kind": "b"}), "x": (0.0, 1.0)}
    )
    optimizer = de(space)
    for _ in range(60):
        (proposal,) = optimizer.ask(1)
        params = space.to_params(proposal.point)
        assert ("n" in params) == (params["kind"] == "b")
        optimizer.tell([Result(proposal, -params.get("n", 5))])
