import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skhpo._types import Proposal, Result
from skhpo.optimizers import GaussianProcessOptimizer
from skhpo.optimizers._gp._model import Belief
from skhpo.optimizers._gp._scoring import JOINT_FROM, scoring
from skhpo.space import Space
from skhpo.surrogates import fit_gaussian_process
from skhpo.surrogates._acquisition import EI, PI, UCB, LogEI, Thompson
from skhpo.testing import OptimizerContract, toys
from skhpo.testing._optimizer_contract import contract_spaces, run

POINTWISE = [LogEI(), EI(), PI(), UCB()]
UNIT = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def peak(point):
    return float(-np.sum((point - 0.3) ** 2))


def belief(n=15):
    X = np.random.default_rng(0).random((n, 2))
    t = np.array([peak(x) for x in X])
    t = (t - t.mean()) / t.std()
    process = fit_gaussian_process(X, t, np.zeros(2, bool))
    return Belief(process, float(t.max()))


def values(acquisition, q, seed=0, n=200):
    """What 200 points promise with q in flight."""
    in_flight = np.random.default_rng(1).random((q, 2))
    X = np.random.default_rng(2).random((n, 2))
    rng = np.random.default_rng(seed)
    return scoring(acquisition, belief(), in_flight, rng)(X)


@pytest.mark.parametrize("acquisition", POINTWISE, ids=repr)
def test_with_nothing_in_flight_it_is_the_acquisition_of_the_posterior(acquisition):
    X = np.random.default_rng(2).random((200, 2))
    mean, variance = belief().process.predict(X)
    value = getattr(acquisition, "log", acquisition)
    expected = value(mean, np.sqrt(variance), belief().best)
    np.testing.assert_allclose(values(acquisition, 0), expected)


def test_four_in_flight_give_the_joint_gain_of_one_more_point():
    """EI averaged over fantasies = mean of max(f(x), f(P), best) - max(f(P), best)."""
    q, n_draws = JOINT_FROM, 60_000
    in_flight = np.random.default_rng(1).random((q, 2))
    X = np.random.default_rng(2).random((20, 2))
    process, best = belief().process, belief().best
    best -= 1.0  # so that the points in flight matter
    log_gain = scoring(
        LogEI(), Belief(process, best), in_flight, np.random.default_rng(0)
    )(X)
    everything = np.vstack([in_flight, X])
    mean = process.predict(everything)[0]
    extended = process.extend(everything)
    # the last block of L^-1 is the inverse of the joint posterior's Cholesky factor
    factor = np.linalg.inv(extended.L_inverse[-len(everything) :, -len(everything) :])
    e = np.random.default_rng(3).standard_normal((len(everything), n_draws))
    f = mean[:, None] + factor @ e
    before = np.maximum(f[:q].max(axis=0), best)
    gain = np.maximum(f[q:] - before, 0.0)
    error = 4 * gain.std(axis=1) / np.sqrt(n_draws)
    # 32 fantasies instead of all: 25 % where the gain is worth looking at
    worth = gain.mean(axis=1) > 0.05 * gain.mean(axis=1).max()
    np.testing.assert_array_less(
        np.abs(np.exp(log_gain) - gain.mean(axis=1))[worth],
        (error + 0.25 * gain.mean(axis=1))[worth],
    )


def test_ucb_over_fantasies_is_ucb_with_the_believers_variance():
    in_flight = np.random.default_rng(1).random((6, 2))
    X = np.random.default_rng(2).random((200, 2))
    mean, variance = belief().process.extend(in_flight).predict(X)
    np.testing.assert_allclose(
        values(UCB(2.0), 6), mean + 2.0 * np.sqrt(variance), atol=1e-6
    )


@pytest.mark.parametrize("acquisition", [*POINTWISE, Thompson()], ids=repr)
@pytest.mark.parametrize("q", [0, 3, 7])
def test_values_follow_the_generator_alone(acquisition, q):
    first, second = values(acquisition, q), values(acquisition, q)
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(first).all()


def test_a_function_of_the_user_is_averaged_over_fantasies_and_may_refuse_points():
    def above_the_best(mean, sd, best):
        assert mean.shape == sd.shape and isinstance(best, float)
        return np.where(sd > 0.05, mean - best, -np.inf)

    for q in (0, 2, 5):
        found = values(above_the_best, q)
        assert np.isneginf(found).any() and np.isfinite(found).any()


# The optimizer with each of them ----------------------------------------------------


def gp(space, acquisition, seed=0):
    rng = np.random.default_rng(seed)
    return GaussianProcessOptimizer(
        space, acquisition=acquisition, n_initial=5, rng=rng
    )


@pytest.mark.slow  # the same points as logei's, see below
class TestEI(OptimizerContract):
    def make(self, space, rng):
        return GaussianProcessOptimizer(space, acquisition="ei", n_initial=5, rng=rng)


@pytest.mark.slow  # as TestOwnFunction, by another formula
class TestPI(OptimizerContract):
    def make(self, space, rng):
        return GaussianProcessOptimizer(space, acquisition="pi", n_initial=5, rng=rng)


@pytest.mark.slow  # as TestOwnFunction, by another formula
class TestUCB(OptimizerContract):
    def make(self, space, rng):
        return GaussianProcessOptimizer(
            space, acquisition=UCB(kappa=1.0), n_initial=5, rng=rng
        )


@pytest.mark.slow
class TestThompson(OptimizerContract):
    def make(self, space, rng):
        return GaussianProcessOptimizer(
            space, acquisition="thompson", n_initial=5, rng=rng
        )


def mean_only(mean, sd, best):
    return mean


@pytest.mark.slow
class TestOwnFunction(OptimizerContract):
    def make(self, space, rng):
        return GaussianProcessOptimizer(
            space, acquisition=mean_only, n_initial=5, rng=rng
        )


@pytest.mark.slow
@pytest.mark.parametrize("acquisition", ["logei", "thompson"])
@pytest.mark.parametrize("name", contract_spaces())
def test_never_a_duplicate_with_eight_in_flight(name, acquisition):
    space = contract_spaces()[name]
    asked = run(gp(space, acquisition), n_rounds=30, in_flight=8)
    keys = [space.key(proposal.point) for proposal, _ in asked]
    assert len(keys) == len(set(keys)) == min(30, space.size or 30)


@pytest.mark.parametrize("acquisition", [*POINTWISE, Thompson()], ids=repr)
def test_every_acquisition_climbs_a_smooth_peak(acquisition):
    asked = run(gp(UNIT, acquisition), n_rounds=25)
    assert max(score for _, score in asked) > -3e-3


def test_ei_and_log_ei_propose_the_same_points():
    first, second = (
        [p.point for p, _ in run(gp(UNIT, a), n_rounds=20)] for a in ("ei", "logei")
    )
    np.testing.assert_array_equal(first, second)


def test_eight_in_flight_still_find_the_optimum_of_a_toy():
    toy = toys()[0]
    optimizer, pending, best = gp(toy.space, "logei"), [], -np.inf
    for _ in range(48):
        pending += optimizer.ask(8 - len(pending), pending=pending)
        proposal = pending.pop(0)
        score = toy(proposal.point)
        best = max(best, score)
        optimizer.tell([Result(proposal, score)])
    assert toy.optimum - best < 0.1


def test_ten_in_flight_keep_their_distance():
    optimizer = gp(UNIT, "logei")
    points = UNIT.sample(12, np.random.default_rng(1))
    optimizer.tell([Result(Proposal(i, x), peak(x)) for i, x in enumerate(points)])
    chosen = np.array([proposal.point for proposal in optimizer.ask(10)])
    distances = np.linalg.norm(chosen[:, None] - chosen, axis=-1)
    assert distances[np.triu_indices(10, 1)].min() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 2000])
def test_a_suggestion_in_eight_dimensions_takes_less_than_100_ms(n):
    """CPU, one thread, refits included; 20 to 30 ms where it was written."""
    space = Space({f"x{i}": (0.0, 1.0) for i in range(8)})
    optimizer = gp(space, "logei")
    points = space.sample(n, np.random.default_rng(0))
    optimizer.tell([Result(Proposal(i, x), peak(x)) for i, x in enumerate(points)])
    with threadpool_limits(1):
        run(optimizer, n_rounds=1)
        start = time.process_time()
        run(optimizer, n_rounds=40)
        assert (time.process_time() - start) / 40 < 0.1
