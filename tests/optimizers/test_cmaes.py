import sys
from collections import Counter

import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers import (
    CovarianceMatrixAdaptation,
    RandomDesign,
    has_cmaes,
    require_cmaes,
)
from skhpo.optimizers._cmaes import Axes, losses_of
from skhpo.space import Categorical, Integer, Real, Space
from skhpo.testing import OptimizerContract, toys
from tests.optimizers.asking import UNIT, best_after, peak, results


class TestCovarianceMatrixAdaptation(OptimizerContract):
    def make(self, space, rng):
        return CovarianceMatrixAdaptation(space, n_iter=15, rng=rng)


def cma(space=UNIT, seed=0, n_iter=100, **kwargs):
    rng = np.random.default_rng(seed)
    return CovarianceMatrixAdaptation(space, n_iter=n_iter, rng=rng, **kwargs)


BOWL = Space({f"x{i}": (0.0, 1.0) for i in range(5)})


def ask_and_tell(optimizer, score, n):
    """What was proposed, in order."""
    proposals = []
    for _ in range(n):
        (proposal,) = optimizer.ask(1)
        proposals.append(proposal)
        optimizer.tell([Result(proposal, score(proposal.point))])
    return proposals


# The search -----------------------------------------------------------------------


def test_finds_the_bottom_of_a_bowl():
    assert best_after(cma(BOWL, n_iter=200), peak, 200) > -1e-3


def test_learns_a_valley_that_runs_across_the_axes():
    def valley(x):
        return -float(1000 * (x[0] - x[1]) ** 2 + (x[0] + x[1] - 1.2) ** 2)

    worst = min(best_after(cma(seed=s, n_iter=150), valley, 150) for s in range(3))
    assert worst > -3e-3


@pytest.mark.statistics
def test_beats_random_search_on_three_of_five_toys():
    """Mean regret over 4 seeds after 100 points at most half of random search's."""
    n_won = 0
    for toy in toys():
        regret = {"cma": 0.0, "random": 0.0}
        for seed in range(4):
            random = RandomDesign(toy.space, rng=np.random.default_rng(seed))
            regret["cma"] += toy.optimum - best_after(cma(toy.space, seed), toy, 100)
            regret["random"] += toy.optimum - best_after(random, toy, 100)
        n_won += regret["cma"] < 0.5 * regret["random"]
    assert n_won >= 3


def test_agrees_with_the_package_where_everything_is_continuous():
    """The oracle: the package itself, asked in generations, with the same seeds."""
    cmaes = pytest.importorskip("cmaes")
    size, ours = 6, cma(BOWL, population_size=6)
    points = [p.point for p in ask_and_tell(ours, peak, 4 * size)]
    theirs = cmaes.CMA(
        np.full(5, 0.5), 0.3, np.tile([0.0, 1.0], (5, 1)), population_size=size
    )
    rng = np.random.default_rng(0)
    for generation in range(4):
        solutions = []
        for number in range(size):
            theirs.reseed_rng(int(rng.integers(2**32)))
            x = theirs.ask()
            np.testing.assert_allclose(points[generation * size + number], x)
            solutions.append((x, -peak(x)))
        theirs.tell(solutions)


# Where it starts ------------------------------------------------------------------


def first_points(optimizer, n=200):
    return np.array([proposal.point for proposal in optimizer.ask(n)])


def test_starts_round_the_best_setting_that_was_told():
    optimizer = cma()
    optimizer.tell(results([[0.2, 0.2], [0.8, 0.8], [0.5, 0.5]], [0.0, 1.0, np.nan]))
    assert np.median(first_points(optimizer), axis=0) == pytest.approx(0.8, abs=0.1)


def test_starts_round_what_is_in_flight_when_nothing_was_told():
    default = Proposal(0, np.array([0.2, 0.7]))
    points = np.array([p.point for p in cma().ask(200, pending=[default])])
    assert np.median(points, axis=0) == pytest.approx([0.2, 0.7], abs=0.1)


def test_a_start_in_a_corner_is_pulled_into_the_cube():
    optimizer = cma()
    optimizer.tell(results([[0.0, 1.0]], [1.0]))
    optimizer.ask(1)
    assert optimizer._strategy.mean.tolist() == [0.1, 0.9]


def test_results_of_others_do_not_move_the_distribution():
    optimizer = cma(population_size=4)
    optimizer.ask(1)
    optimizer.tell(results(UNIT.sample(8, np.random.default_rng(1)), range(8)))
    assert optimizer._generation == 1


def test_short_searches_have_small_generations():
    wide = Space({f"x{i}": (0.0, 1.0) for i in range(20)})
    sizes = [cma(wide, n_iter=n)._first_size() for n in (10, 48, 100, None)]
    assert sizes == [4, 8, 12, 12]


# Kinds of columns -----------------------------------------------------------------


def test_whole_numbers_and_categories_are_discrete_axes_with_their_own_cells():
    space = Space(
        {
            "x": (0.0, 1.0),
            "n": Integer(1, 5),
            "rate": Integer(1, 1000, scale="log"),
            "many": Integer(1, 1000),
            "kind": ["a", "b"],
            "fixed": ["only"],
        }
    )
    axes = Axes(space)
    assert [space.columns[j].name for j in axes.columns] == [
        "x",
        "n",
        "rate",
        "many",
        "kind",
    ]
    assert axes.steps.tolist() == [0, 0.2, 0, 0, 0.5]
    assert axes.bounds[1].tolist() == [0.1, 0.9]


def test_no_category_is_lost_for_good():
    """The margin: also after many generations that prefer one, others are drawn."""
    space = Space({"x": (0.0, 1.0), "y": (0.0, 1.0), "kind": ["a", "b", "c"]})

    def score(point):
        return peak(point[:2]) - 5 * (point[2] != 0.5)

    asked = ask_and_tell(cma(space, n_iter=300), score, 200)
    late = Counter(p.point[2] for p in asked[50:])
    assert late.most_common(1)[0][0] == 0.5
    assert len(late) == 3


def test_a_space_of_one_dimension_is_searched():
    space = Space({"x": (0.0, 1.0)})
    assert best_after(cma(space), peak, 40) > -1e-3


def test_a_space_where_nothing_varies_has_one_point():
    space = Space({"kind": ["a"]})
    optimizer = cma(space)
    assert len(optimizer.ask(3)) == 1


def test_constraints_cut_the_distribution_off():
    space = Space(
        {"x": (0.0, 1.0), "y": (0.0, 1.0)},
        constraints=[lambda p: p["x"] + p["y"] < 0.5],
    )
    asked = ask_and_tell(cma(space), peak, 60)
    assert all(space.is_feasible(p.point) for p in asked)
    assert max(peak(p.point) for p in asked) > -0.03
    assert Counter(p.labels["operator"] for p in asked)["sample"] > 50


def test_the_parameters_of_one_category_alone_are_found():
    space = Space(
        {
            "kind": Categorical(["a", "b"]),
            "x": Real(0, 1, when={"kind": ["b"]}),
            "y": Real(0, 1),
        }
    )

    def score(point):
        u = np.where(np.isnan(point), 0.0, point)
        return float((point[0] > 0.5) - (u[1] - 0.7) ** 2 - (u[2] - 0.2) ** 2)

    assert best_after(cma(space), score, 100) > 1 - 1e-3


# Generations ----------------------------------------------------------------------


def test_labels_say_which_generation_and_by_what():
    asked = ask_and_tell(cma(population_size=5), peak, 12)
    assert [p.labels["generation"] for p in asked] == [1] * 5 + [2] * 5 + [3] * 2
    assert {p.labels["operator"] for p in asked} == {"sample"}
    assert {p.labels["parents"] for p in asked} == {""}


def test_late_results_count_in_the_generation_that_is_open():
    optimizer = cma(population_size=4)
    batch = optimizer.ask(6)
    optimizer.tell([Result(p, peak(p.point)) for p in batch])
    assert (optimizer._generation, len(optimizer._offspring)) == (2, 2)


def test_what_is_known_counts_again_and_costs_nothing():
    space = Space({"n": Integer(1, 4), "m": Integer(1, 4)})
    optimizer = cma(space, population_size=4)
    asked = ask_and_tell(optimizer, peak, 10)
    assert len({space.key(p.point) for p in asked}) == 10
    assert optimizer._generation >= 4  # more results than evaluations


@pytest.mark.parametrize("score", [lambda x: 0.5, lambda x: np.nan])
def test_starts_again_where_scores_tell_nothing(score):
    optimizer = cma(population_size=4, n_iter=60)
    ask_and_tell(optimizer, score, 4 * 3)
    assert optimizer._n_restarts == 1
    assert optimizer._strategy.population_size == 8


def test_starts_again_when_a_generation_has_collapsed():
    space = Space({"x": (0.0, 1.0)})
    optimizer = cma(space, population_size=6, n_iter=None)
    ask_and_tell(optimizer, peak, 200)
    assert optimizer._n_restarts >= 1


def test_restarts_do_not_outgrow_the_budget():
    optimizer = cma(population_size=4, n_iter=60)
    ask_and_tell(optimizer, lambda x: 0.5, 200)
    assert optimizer._n_restarts > 2
    assert optimizer._strategy.population_size == 10


def test_failures_are_the_worst_of_their_generation():
    losses = losses_of([0.5, np.nan, 0.7, np.inf, 0.1])
    assert losses[[0, 2, 4]].tolist() == [-0.5, -0.7, -0.1]
    assert losses[1] == losses[3] > -0.1
    assert losses_of([np.nan, np.nan]).tolist() == [0, 0]
    assert np.isfinite(losses_of([-1e308, np.nan])).all()


# The package ----------------------------------------------------------------------


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    assert not has_cmaes()
    with pytest.raises(ImportError, match="python -m pip install cmaes"):
        require_cmaes()
    with pytest.raises(ImportError, match="python -m pip install cmaes"):
        cma()
