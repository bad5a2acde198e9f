from collections import Counter

import numpy as np
import pytest

from skhpo.optimizers import GeneticAlgorithm, RandomDesign
from skhpo.optimizers._genetic import automatic_size, varied_step
from skhpo.space import Integer, Space
from skhpo.testing import toys
from tests.optimizers.asking import UNIT, best_after, peak, results


def ga(space=UNIT, seed=0, n_iter=100, **kwargs):
    rng = np.random.default_rng(seed)
    return GeneticAlgorithm(space, n_iter=n_iter, rng=rng, **kwargs)


def started(optimizer, score=peak):
    points = optimizer.space.sample(optimizer.population_size, np.random.default_rng(1))
    optimizer.tell(results(points, [score(point) for point in points]))
    return optimizer


@pytest.mark.statistics
def test_beats_random_search_on_four_of_five_toys():
    """Mean regret over 4 seeds after 100 points at most 0.7 of random search's."""
    n_won = 0
    for toy in toys():
        regret = {"ga": 0.0, "random": 0.0}
        for seed in range(4):
            random = RandomDesign(toy.space, rng=np.random.default_rng(seed))
            regret["ga"] += toy.optimum - best_after(ga(toy.space, seed), toy, 100)
            regret["random"] += toy.optimum - best_after(random, toy, 100)
        n_won += regret["ga"] < 0.7 * regret["random"]
    assert n_won >= 4


@pytest.mark.parametrize("surrogate", ["auto", None])
def test_finds_a_peak(surrogate):
    assert best_after(ga(surrogate=surrogate), peak, 100) > -5e-3


def test_the_best_of_parents_and_children_survive():
    optimizer = started(ga(population_size=8))
    scores = sorted((member.score for member in optimizer.members), reverse=True)
    children = optimizer.ask(3)
    told = [scores[0] + 1, scores[-1] - 1, scores[3] + 1e-6]
    optimizer.tell(results([child.point for child in children], told))
    expected = sorted([*scores, told[0], told[2]], reverse=True)[:8]
    assert [member.score for member in optimizer.best_first()] == expected


def test_parents_win_their_tournaments():
    optimizer = started(ga(population_size=10, tournament_size=3))
    rank = {m.id: r for r, m in enumerate(optimizer.best_first())}
    ranks = [rank[optimizer._winner().id] for _ in range(3000)]
    expected = np.mean([sum((k / 10) ** 3 for k in range(1, 10))])  # E[min of 3]
    assert np.mean(ranks) == pytest.approx(expected, abs=0.15)


def test_a_tournament_of_one_is_a_lottery():
    optimizer = started(ga(population_size=10, tournament_size=1))
    winners = Counter(optimizer._winner().id for _ in range(2000))
    assert len(winners) == 10
    assert max(winners.values()) < 300


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_so_many_children_have_two_parents(rate):
    optimizer = started(ga(crossover_rate=rate))
    operators = [optimizer._child().operator for _ in range(500)]
    assert np.mean(np.array(operators) == "crossover+mutation") == pytest.approx(
        rate, abs=0.08
    )
    for child in (optimizer._child() for _ in range(20)):
        assert len(child.parents) == 1 + (child.operator == "crossover+mutation")


def test_crossover_takes_each_column_from_a_parent():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(12)})
    optimizer = ga(space)
    mother, father = np.full(12, 0.2), np.full(12, 0.7)
    point = optimizer._crossed(mother, father)
    assert set(point) == {0.2, 0.7}


def test_crossover_takes_what_only_one_parent_has():
    space = Space({"kind": ["a", "b"], "n": Integer(1, 9, when={"kind": "b"})})
    optimizer = ga(space)
    mother = space.to_point({"kind": "a"})
    father = space.to_point({"kind": "b", "n": 7})
    for _ in range(20):
        params = space.to_params(optimizer._crossed(mother, father))
        assert params in ({"kind": "a"}, {"kind": "b", "n": 7})


@pytest.mark.parametrize("rate, expected", [(0.0, 1.0), (0.25, 3.0), (1.0, 12.0)])
def test_columns_mutate_at_the_rate_that_was_asked_for(rate, expected):
    space = Space({f"x{i}": (0.0, 1.0) for i in range(12)})
    optimizer = started(ga(space, crossover_rate=0.0, mutation_rate=rate))
    children = [optimizer._child() for _ in range(300)]
    n_changed = [(c.point != c.parents[0].point).sum() for c in children]
    assert min(n_changed) >= 1
    assert np.mean(n_changed) == pytest.approx(expected, abs=0.3)


def test_steps_are_inherited_varied_and_bounded():
    rng = np.random.default_rng(0)
    steps = np.array([varied_step([0.1, 0.4], 4, rng) for _ in range(4000)])
    assert np.median(steps) == pytest.approx(0.2, rel=0.03)  # geometric mean
    assert (0.02 <= steps).all()
    assert (steps <= 0.5).all()
    inner = np.log(steps[(steps > 0.02) & (steps < 0.5)])
    assert inner.std() == pytest.approx(1 / np.sqrt(8), rel=0.1)  # tau
    assert varied_step([0.02], 1, Always(-5.0)) == 0.02
    assert varied_step([0.5], 1, Always(5.0)) == 0.5
    assert varied_step([np.nan], 1, Always(0.0)) == 0.25


class Always:
    def __init__(self, number):
        self.number = number

    def standard_normal(self):
        return self.number


def test_a_members_step_is_its_childs_start():
    optimizer = started(ga())
    (child,) = optimizer.ask(1)
    step = optimizer._children[UNIT.key(child.point)].step
    optimizer.tell(results([child.point], [1.0]))
    assert optimizer.best_first()[0].step == step


def test_steps_shrink_near_an_optimum(monkeypatch):
    optimizer = ga(n_iter=300)
    monkeypatch.setattr(optimizer, "_needs_restart", lambda: False)
    best_after(optimizer, peak, 300)
    assert np.nanmedian([member.step for member in optimizer.members]) < 0.15


def test_the_automatic_size_is_the_root_of_the_budget():
    sizes = [automatic_size(n) for n in (4, 25, 100, 400, 10_000, None)]
    assert sizes == [4, 8, 16, 32, 40, 20]
