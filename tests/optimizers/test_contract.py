"""Every optimizer passes the contract that third parties can inherit."""

import numpy as np
import pytest

from skhpo.optimizers import (
    Chain,
    DifferentialEvolution,
    FixedPoints,
    ForestOptimizer,
    GaussianProcessOptimizer,
    GeneticAlgorithm,
    GridDesign,
    LatinDesign,
    RandomDesign,
    RegularizedEvolution,
    SobolDesign,
)
from skhpo.testing import OptimizerContract


class TestRandomDesign(OptimizerContract):
    def make(self, space, rng):
        return RandomDesign(space, rng=rng)


class TestSobolDesign(OptimizerContract):
    def make(self, space, rng):
        return SobolDesign(space, rng=rng)


class TestLatinDesign(OptimizerContract):
    def make(self, space, rng):
        return LatinDesign(space, block=10, rng=rng)


class TestGridDesign(OptimizerContract):
    def make(self, space, rng):
        return GridDesign(space, rng=rng)

    def spaces(self):
        return {k: s for k, s in super().spaces().items() if s.size is not None}

    def test_odd_noise_and_cost_do_no_harm(self):
        pytest.skip("needs an infinite space")


class TestGaussianProcessOptimizer(OptimizerContract):
    def make(self, space, rng):
        return GaussianProcessOptimizer(space, n_initial=5, rng=rng)


class TestForestOptimizer(OptimizerContract):
    def make(self, space, rng):
        return ForestOptimizer(space, n_initial=5, n_trees=5, rng=rng)


@pytest.mark.slow
class TestForestOptimizerThatSamples(OptimizerContract):
    def make(self, space, rng):
        return ForestOptimizer(
            space, acquisition="thompson", n_initial=5, n_trees=5, rng=rng
        )


class TestDifferentialEvolution(OptimizerContract):
    def make(self, space, rng):
        return DifferentialEvolution(space, n_iter=40, rng=rng)


class TestDifferentialEvolutionByItself(OptimizerContract):
    def make(self, space, rng):
        return DifferentialEvolution(
            space, n_iter=None, population_size=5, surrogate=None, rng=rng
        )


class TestGeneticAlgorithm(OptimizerContract):
    def make(self, space, rng):
        return GeneticAlgorithm(space, n_iter=20, rng=rng)


class TestGeneticAlgorithmWithASurrogate(OptimizerContract):
    def make(self, space, rng):
        return GeneticAlgorithm(space, n_iter=20, surrogate="auto", rng=rng)


class TestRegularizedEvolution(OptimizerContract):
    def make(self, space, rng):
        return RegularizedEvolution(space, n_iter=40, rng=rng)


@pytest.mark.slow
class TestChain(OptimizerContract):
    def make(self, space, rng):
        first = [(x, space.to_params(x)) for x in space.sample(2, rng)]
        designs = [
            FixedPoints(space, first, rng=rng),
            SobolDesign(space, n_points=3, rng=rng),
        ]
        model = GaussianProcessOptimizer(space, n_initial=3, rng=rng)
        return Chain(designs, then=model)


class TestChainOfRandomPoints(OptimizerContract):
    def make(self, space, rng):
        return Chain(
            [SobolDesign(space, n_points=4, rng=rng)], then=RandomDesign(space, rng=rng)
        )


def test_the_contract_finds_an_optimizer_that_repeats_itself():
    class Repeats(OptimizerContract):
        def make(self, space, rng):
            return Stubborn(space, rng=rng)

    class Stubborn(RandomDesign):
        def ask(self, n, *, pending=(), near=None, resource=None):
            point = self.space.snap(np.full((1, self.space.n_dims), 0.1))[0]
            return [self._proposal(point) for _ in range(n)]

    contract = Repeats()
    for promise in (
        contract.test_no_point_comes_twice_while_others_are_in_flight,
        contract.test_several_points_at_once_are_different,
        contract.test_a_finite_space_is_exhausted_without_repeats,
    ):
        with pytest.raises(AssertionError):
            promise()
