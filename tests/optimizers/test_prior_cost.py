"""Costs that are known before anything is evaluated."""

import pickle

import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers import (
    DifferentialEvolution,
    ForestOptimizer,
    GaussianProcessOptimizer,
    GeneticAlgorithm,
    RegularizedEvolution,
)
from skhpo.optimizers._prior_cost import PriorCost
from skhpo.space import Space

UNIT = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
MODELS = [GaussianProcessOptimizer, ForestOptimizer]
POPULATIONS = [DifferentialEvolution, GeneticAlgorithm, RegularizedEvolution]


def steep(params):
    """A factor of 1000 along x."""
    return 1000.0 ** params["x"]


def nothing():
    return 0.0


def model(prior_cost=steep, kind=GaussianProcessOptimizer, space=UNIT, n_initial=6):
    rng = np.random.default_rng(0)
    return kind(
        space,
        n_initial=n_initial,
        budget_used=nothing,
        prior_cost=prior_cost,
        rng=rng,
    )


def population(prior_cost=steep, kind=DifferentialEvolution):
    rng = np.random.default_rng(0)
    return kind(UNIT, n_iter=60, population_size=8, prior_cost=prior_cost, rng=rng)


def genetic(prior_cost):
    rng = np.random.default_rng(0)
    settings = dict(n_iter=60, population_size=8, surrogate="auto", rng=rng)
    return GeneticAlgorithm(UNIT, prior_cost=prior_cost, **settings)


def asked(optimizer, n):
    return np.array([proposal.point for proposal in optimizer.ask(n)])


@pytest.mark.parametrize("kind", MODELS)
def test_the_points_before_the_model_are_cheap_ones_first(kind):
    x = asked(model(kind=kind), 6)[:, 0]
    assert np.all(np.diff(x) > 0)
    assert x.max() > 0.6  # none is left out
    assert not np.all(np.diff(asked(model(None, kind), 6)[:, 0]) > 0)


@pytest.mark.parametrize("kind", POPULATIONS)
def test_a_population_starts_with_cheap_ones(kind):
    x = asked(population(kind=kind), 8)[:, 0]
    assert np.all(np.diff(x) > 0)
    assert x.max() < 0.6 < asked(population(None, kind), 8)[:, 0].max()


@pytest.mark.parametrize(
    "hardly",
    [
        lambda params: np.nan,
        lambda params: np.nan if params["x"] < 0.1 else steep(params),
        lambda params: 4.0 ** params["x"],
    ],
)
@pytest.mark.parametrize("make", [model, population])
def test_unknown_costs_and_small_differences_change_nothing(make, hardly):
    found = [proposals_of_a_search(make(cost)) for cost in (hardly, None)]
    np.testing.assert_array_equal(*found)


def proposals_of_a_search(optimizer, n=9):
    points = []
    for _ in range(n):
        (proposal,) = optimizer.ask(1)
        points.append(proposal.point)
        optimizer.tell([Result(proposal, flat(proposal.point), 0.0)])
    return np.array(points)


def flat(point):
    """A score that says nothing of x."""
    return -float((point[1] - 0.5) ** 2)


def told(cost=lambda point: np.nan):
    points = UNIT.sample(12, np.random.default_rng(1))
    pairs = [(Proposal(i, point), point) for i, point in enumerate(points)]
    return [Result(p, flat(point), 0.0, cost=cost(point)) for p, point in pairs]


def test_a_process_prefers_what_is_cheap_where_no_cost_was_told():
    mindful, plain = model(steep), model(None)
    for optimizer in (mindful, plain):
        optimizer.tell(told())
    assert asked(mindful, 1)[0, 0] < 0.2 < asked(plain, 1)[0, 0]


@pytest.mark.parametrize("make", [population, genetic])
def test_the_surrogate_of_a_population_prefers_cheap_children(make):
    mindful, plain = (proposals_of_a_search(make(p), 20)[10:, 0] for p in (steep, None))
    assert mindful.mean() < plain.mean() - 0.1


def test_what_is_told_corrects_what_was_known_before():
    optimizer = model(lambda params: 1000.0 ** params["y"])
    optimizer.tell(told(lambda point: 1000.0 ** point[0]))
    log_cost = optimizer._cost.log_cost(optimizer._observations)
    low, high, other = log_cost(np.array([[0.2, 0.5], [0.8, 0.5], [0.2, 0.9]]))
    assert high - low == pytest.approx(0.6 * np.log(1000.0), rel=0.2)
    assert abs(other - low) < 0.7


@pytest.mark.parametrize("one_in", [1, 2, 3])
def test_the_cheapest_of_each_branch_are_kept(one_in):
    dear = {"kind": ["dear"], "x": (0.5, 1.0)}
    cheap = {"kind": ["cheap"], "x": (0.0, 0.5)}
    space = Space([dear, cheap])
    points = [*space.sample(40, np.random.default_rng(0))]
    kept = PriorCost(space, steep).cheapest(points, one_in)
    counts = [[space.branch_of(p) for p in of].count(0) for of in (points, kept)]
    assert counts[1] == -(-counts[0] // one_in)
    costs = [steep(space.to_params(point)) for point in kept]
    assert costs == sorted(costs)
    assert 0 <= len(kept) - 40 // one_in <= 2


def test_a_small_space_is_not_exhausted_early():
    space = Space({"x": [0.0, 0.5, 1.0], "kind": ["a", "b", "c"]})
    optimizer = model(space=space, n_initial=8)
    seen = set()
    for _ in range(9):
        (proposal,) = optimizer.ask(1)
        seen.add(space.key(proposal.point))
        optimizer.tell([Result(proposal, 1.0, 0.0)])
    assert len(seen) == 9
    assert optimizer.ask(1) == []


def test_it_goes_on_after_a_pickle():
    one = model()
    one.ask(3)
    other = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(asked(one, 5), asked(other, 5))
