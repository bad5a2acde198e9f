import numpy as np
import pytest

from skhpo._types import Result
from skhpo.optimizers import RandomDesign, RegularizedEvolution
from skhpo.optimizers._regularized import automatic_size
from skhpo.space import Space
from tests.optimizers.asking import UNIT, best_after, peak, results

LETTERS = Space({f"c{j}": list("abcdefgh") for j in range(6)})


def regularized(space=UNIT, seed=0, n_iter=100, **kwargs):
    rng = np.random.default_rng(seed)
    return RegularizedEvolution(space, n_iter=n_iter, rng=rng, **kwargs)


def n_right(point):
    return float(sum(v == "c" for v in LETTERS.to_params(point).values()))


def test_beats_random_search_on_categories():
    means = []
    for make in (regularized, lambda space, s: RandomDesign(space, rng=rng(s))):
        means.append(
            np.mean([best_after(make(LETTERS, s), n_right, 100) for s in range(5)])
        )
    assert means[0] > means[1] + 0.8


def rng(seed):
    return np.random.default_rng(seed)


def test_the_oldest_dies_however_good():
    optimizer = regularized(population_size=5)
    points = UNIT.sample(8, rng(1))
    told = results(points, [100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -1.0])
    optimizer.tell(told[:5])
    assert [member.id for member in optimizer.members] == [0, 1, 2, 3, 4]
    optimizer.tell(told[5:])
    assert [member.id for member in optimizer.members] == [3, 4, 5, 6, 7]


def test_failures_do_not_age_the_others():
    optimizer = regularized(population_size=5)
    optimizer.tell(results(UNIT.sample(5, rng(1)), np.arange(5.0)))
    optimizer.tell(results(UNIT.sample(3, rng(2)), [np.nan] * 3))
    assert [member.id for member in optimizer.members] == [0, 1, 2, 3, 4]


def test_a_sample_of_all_gives_the_best():
    optimizer = regularized(population_size=8, tournament_size=8)
    optimizer.tell(results(UNIT.sample(8, rng(1)), np.arange(8.0)))
    assert {optimizer._winner().id for _ in range(20)} == {7}


def test_the_sample_is_drawn_without_replacement():
    optimizer = regularized(population_size=8, tournament_size=7)
    optimizer.tell(results(UNIT.sample(8, rng(1)), np.arange(8.0)))
    assert {optimizer._winner().id for _ in range(200)} == {6, 7}


def test_a_mutation_changes_one_column():
    optimizer = regularized(LETTERS, population_size=8)
    points = LETTERS.sample(8, rng(1))
    optimizer.tell(results(points, np.arange(8.0)))
    for _ in range(20):
        (proposal,) = optimizer.ask(1)
        parent = points[int(proposal.labels["parents"])]
        assert (proposal.point != parent).sum() == 1
        assert proposal.labels["operator"] == "mutation"


def test_numbers_are_searched_as_well():
    assert best_after(regularized(), peak, 100) > -0.02


def test_never_restarts():
    optimizer = regularized(LETTERS, population_size=8)
    operators = set()
    for _ in range(100):
        (proposal,) = optimizer.ask(1)
        operators.add(proposal.labels["operator"])
        optimizer.tell([Result(proposal, 0.5)])
    assert operators == {"initial", "mutation"}


@pytest.mark.parametrize(
    "n_iter, expected", [(4, 4), (25, 8), (100, 20), (5000, 100), (None, 20)]
)
def test_the_automatic_size_is_a_fifth_of_the_budget(n_iter, expected):
    assert automatic_size(n_iter) == expected


def test_the_sample_is_a_quarter_of_the_members():
    assert regularized(n_iter=100).tournament_size == 5
    assert regularized(n_iter=4).tournament_size == 2
