import pickle

import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers import Chain, GaussianProcessOptimizer
from skhpo.optimizers._base import Unseen
from skhpo.optimizers._cost import CostModel, per_cost
from skhpo.optimizers._observations import Observations
from skhpo.optimizers._prior_cost import PriorCost
from skhpo.space import Space
from skhpo.surrogates import UCB, LogEI, Thompson, fit_gaussian_process

UNIT = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def rng(seed=0):
    return np.random.default_rng(seed)


def steep(point):
    """Seconds: a factor of 1000 along x."""
    return float(1000.0 ** point[0])


def told(cost, score=lambda point: -((point[0] - 0.5) ** 2) - point[1], n=12):
    """Results on points that surround the best ones, cheap and dear."""
    points = UNIT.sample(n, rng(1))
    return [
        Result(Proposal(i, x), score(x), 0.0, None, cost(x))
        for i, x in enumerate(points)
    ]


def optimizer(used=None, **kwargs):
    budget_used = None if used is None else lambda: used
    return GaussianProcessOptimizer(
        UNIT, n_initial=5, budget_used=budget_used, rng=rng(), **kwargs
    )


def proposed(results, used, n=1, **kwargs):
    asked = optimizer(used, **kwargs)
    asked.tell(results)
    return np.array([proposal.point for proposal in asked.ask(n)])


def observations(results):
    data = Observations(UNIT)
    data.add(results)
    return data


def cost_model(guess=None):
    return CostModel(UNIT, PriorCost(UNIT, guess))


def flat(point):
    """A score that says nothing of x: only the cost tells settings apart."""
    return -float((point[1] - 0.5) ** 2)


def test_cheap_settings_are_preferred_early_and_not_late():
    results = told(steep, flat)
    early, late, plain = (proposed(results, used)[0] for used in (0.0, 1.0, None))
    assert early[0] < 0.2
    np.testing.assert_array_equal(late, plain)


def test_the_preference_fades():
    results = told(steep)
    seconds = [steep(proposed(results, used)[0]) for used in (0.0, 0.8, 1.0)]
    assert seconds[0] < seconds[1] < seconds[2]


@pytest.mark.parametrize("cost", [2.0, np.nan, 0.0, -1.0, np.inf])
def test_constant_or_unknown_costs_change_nothing(cost):
    results = told(lambda point: cost)
    np.testing.assert_array_equal(proposed(results, 0.0), proposed(results, None))


def test_the_noise_of_a_clock_changes_next_to_nothing():
    noise = rng(5)
    results = told(lambda point: 2.0 * np.exp(0.15 * noise.standard_normal()))
    mindful, plain = proposed(results, 0.0)[0], proposed(results, None)[0]
    assert np.abs(mindful - plain).max() < 0.1


def test_the_weighted_value_is_the_logarithm_less_the_log_cost():
    X = UNIT.sample(9, rng(3))
    value, log_cost = (lambda X: -X[:, 0]), (lambda X: 3.0 * X[:, 1])
    weighted = per_cost(value, log_cost, used=0.25)(X)
    np.testing.assert_allclose(weighted, -X[:, 0] - (1 - 0.25**4) / 2 * 3.0 * X[:, 1])
    for used in (1.0, 1.5):
        np.testing.assert_array_equal(per_cost(value, log_cost, used)(X), -X[:, 0])
    weighted = per_cost(value, log_cost, used=-0.5)(X)
    np.testing.assert_allclose(weighted, -X[:, 0] - 3.0 / 2 * X[:, 1])


def test_improvement_per_root_of_the_seconds_at_the_start():
    """exp(weighted) is EI / sqrt(c): the very quotient, up to a constant."""
    asked = optimizer(0.0)
    asked.tell(told(steep))
    belief = asked._model.belief(asked._observations)
    X = UNIT.sample(50, rng(3))
    mean, variance = belief.process.predict(X)
    log_improvement = LogEI()(mean, np.sqrt(variance), belief.best)
    log_cost = asked._cost.log_cost(asked._observations)
    score = asked._acquisition(Unseen(UNIT, set(), []))
    quotient = np.exp(log_improvement) / np.sqrt(np.exp(log_cost(X)))
    np.testing.assert_allclose(np.exp(score(X)), quotient)


def test_predicted_costs_are_those_of_a_process_on_log_seconds():
    results = told(steep, n=30)
    data = observations(results)
    log_cost = cost_model().log_cost(data)
    X = UNIT.sample(40, rng(7))
    expected = np.log([steep(x) for x in X])
    got = log_cost(X)
    np.testing.assert_allclose(got - got.mean(), expected - expected.mean(), atol=0.2)
    y = np.log(data.costs)
    process = fit_gaussian_process(
        data.encoded,
        (y - y.mean()) / y.std(),
        UNIT.categorical,
        noise=np.full(30, (0.1 / y.std()) ** 2),
        warp=False,
        second_start=False,
    )
    np.testing.assert_allclose(got, y.std() * process.predict(X)[0])


def test_failed_evaluations_have_costs_too():
    good = told(steep, n=4)
    failed = [
        Result(r.proposal, np.nan, 0.0, None, steep(r.proposal.point))
        for r in told(steep, n=12)[4:]
    ]
    log_cost = cost_model().log_cost(observations(good + failed))
    low, high = log_cost(np.array([[0.1, 0.5], [0.9, 0.5]]))
    assert high - low == pytest.approx(0.8 * np.log(1000.0), rel=0.2)


def test_fewer_than_five_costs_are_not_modelled():
    results = told(steep, n=4)
    assert cost_model().log_cost(observations(results)) is None


def test_hyperparameters_are_fitted_rarely_and_data_are_always_new(monkeypatch):
    import skhpo.optimizers._cost as module

    n_fits = 0

    def counted(*args, **kwargs):
        nonlocal n_fits
        n_fits += 1
        return fit_gaussian_process(*args, **kwargs)

    monkeypatch.setattr(module, "fit_gaussian_process", counted)
    data, model = Observations(UNIT), cost_model()
    for result in told(steep, n=40):
        data.add([result])
        log_cost = model.log_cost(data)
        assert model.log_cost(data) is log_cost  # no news, no work
    assert len(log_cost.process.targets) == 40
    assert 8 <= n_fits <= 13


@pytest.mark.parametrize(
    "acquisition", [UCB(), Thompson(), lambda mean, sd, best: mean + sd]
)
def test_acquisitions_without_a_logarithm_stay_as_they_are(acquisition):
    results = told(steep)
    mindful = proposed(results, 0.0, acquisition=acquisition)
    plain = proposed(results, None, acquisition=acquisition)
    np.testing.assert_array_equal(mindful, plain)


@pytest.mark.parametrize("acquisition", ["ei", "pi", "logei"])
@pytest.mark.parametrize("n", [1, 6])  # the last one with five in flight
def test_points_in_flight_and_costs_get_on(acquisition, n):
    results = told(steep, flat)
    cheap = proposed(results, 0.0, n, acquisition=acquisition)
    plain = proposed(results, None, n, acquisition=acquisition)
    assert len({UNIT.key(point) for point in cheap}) == n
    assert np.mean(cheap[:, 0]) < np.mean(plain[:, 0])


class Half:
    """A budget half used up, that can travel."""

    def __call__(self):
        return 0.5


def test_it_can_be_pickled():
    asked = GaussianProcessOptimizer(UNIT, n_initial=5, budget_used=Half(), rng=rng())
    asked.tell(told(steep))
    asked.ask(1)
    copy = pickle.loads(pickle.dumps(asked))
    np.testing.assert_array_equal(asked.ask(1)[0].point, copy.ask(1)[0].point)


def test_more_evaluations_fit_into_the_same_time():
    """And the dear optimum is found all the same."""

    def search(mindful):
        spent, limit, best, n = 0.0, 4000.0, -np.inf, 0
        chain = Chain(
            [],
            then=GaussianProcessOptimizer(
                UNIT,
                n_initial=5,
                budget_used=(lambda: spent / limit) if mindful else None,
                rng=rng(),
            ),
        )
        while True:
            (proposal,) = chain.ask(1)
            score = -float(np.sum((proposal.point - 0.6) ** 2))
            spent += steep(proposal.point)
            if spent > limit:
                return n, best
            best, n = max(best, score), n + 1
            cost = steep(proposal.point)
            chain.tell([Result(proposal, score, 0.0, None, cost)])

    (n_plain, best_plain), (n_mindful, best_mindful) = search(False), search(True)
    assert n_mindful > n_plain
    assert best_mindful > max(best_plain - 1e-3, -5e-3)
