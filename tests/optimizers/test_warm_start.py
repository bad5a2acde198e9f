import pickle

import numpy as np
import pytest
from scipy.stats import kendalltau

from skhpo._types import Proposal, Result
from skhpo.optimizers import (
    Chain,
    FixedPoints,
    GaussianProcessOptimizer,
    GridDesign,
    OldStudy,
    RandomDesign,
    TPEOptimizer,
    WarmStart,
)
from skhpo.optimizers._gp._model import Model
from skhpo.optimizers._gp._prior_mean import Offset, PriorMean, weight_of
from skhpo.optimizers._gp._scoring import scoring
from skhpo.optimizers._observations import Observations
from skhpo.optimizers._warm_start import (
    checks,
    initial_rows,
    is_same_score,
)
from skhpo.space import Integer, Space, mean_distances
from skhpo.surrogates import LogEI, Thompson, log_expected_improvement
from skhpo.testing import OptimizerContract

UNIT = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def rng(seed=0):
    return np.random.default_rng(seed)


def peak(point):
    return float(-np.nansum((point - 0.3) ** 2))


def study(space=UNIT, score=peak, n=12, seed=1):
    points = space.sample(n, rng(seed))
    return OldStudy(
        points=points,
        params=[space.to_params(point) for point in points],
        scores=np.array([score(point) for point in points]),
        costs=np.arange(n) + 1.0,
    )


def warm(studies, then, space=UNIT):
    return WarmStart(studies, then=then, space=space)


def model(space=UNIT, seed=0):
    return GaussianProcessOptimizer(space, n_initial=6, rng=rng(seed))


def run(optimizer, score=peak, n=10, in_flight=1):
    """The points asked for, one result at a time."""
    pending, points = [], []
    while len(points) < n:
        pending += optimizer.ask(in_flight - len(pending), pending=list(pending))
        if not pending:
            break
        proposal = pending.pop(0)
        points.append(proposal.point)
        optimizer.tell([Result(proposal, score(proposal.point))])
    return np.array(points)


class Told(RandomDesign):
    """Remembers what it was told."""

    def __init__(self, space, *, rng):
        super().__init__(space, rng=rng)
        self.results = []

    def tell(self, results):
        super().tell(results)
        self.results += results


class TestWarmStartOfTheSameData(OptimizerContract):
    def make(self, space, rng):
        def score(point):  # the contract's own
            return float(-np.nansum((point - 0.3) ** 2))

        old = study(space, score, n=4)
        return warm([old], RandomDesign(space, rng=rng), space)

    def test_a_finite_space_is_exhausted_without_repeats(self):
        """All but the old points, of which two are evaluated again."""
        space = self.spaces()["finite"]
        optimizer = self.make(space, np.random.default_rng(0))
        asked = run(optimizer, n=2 * space.size, in_flight=3)
        keys = {space.key(point) for point in asked}
        n_old = len({space.key(point) for point in study(space, n=4).points})
        assert len(asked) == len(keys) == space.size - (n_old - 2)
        assert optimizer.ask(1) == []


@pytest.mark.slow
class TestWarmStartOfOtherData(OptimizerContract):
    def make(self, space, rng):
        old = study(space, lambda point: 7.0 + peak(point), n=8)
        return warm([old], GaussianProcessOptimizer(space, n_initial=3, rng=rng), space)


# ---- the same data


def test_the_best_row_and_a_clearly_different_one_come_first():
    old = study()
    optimizer = warm([old], RandomDesign(UNIT, rng=rng()))
    proposals = optimizer.ask(5)
    assert len(proposals) == 2  # the others wait
    np.testing.assert_array_equal(proposals[0].point, old.points[old.scores.argmax()])
    assert proposals[0].params == old.params[old.scores.argmax()]
    assert peak(proposals[1].point) < old.scores.max() - 1e-3
    assert optimizer.ask(3, pending=proposals) == []
    assert {p.labels["origin"] for p in proposals} == {"warm_start"}


def test_equal_scores_make_all_rows_observations():
    old, inner = study(), Told(UNIT, rng=rng())
    optimizer = warm([old], inner)
    run(optimizer, n=2, in_flight=2)
    assert optimizer.summary == "observations: 12 rows, 0 dropped"
    told = {UNIT.key(r.proposal.point): r for r in inner.results}
    assert len(inner.results) == len(told) == 12
    for point, score, cost in zip(old.points, old.scores, old.costs, strict=True):
        result = told[UNIT.key(point)]
        assert result.score == pytest.approx(score, rel=1e-9)
        assert result.cost == cost or np.isnan(result.cost)  # the two evaluated again


def test_old_points_are_never_tried_again_but_for_the_two_checks():
    old = study(n=20)
    asked = run(warm([old], model()), n=15, in_flight=3)
    keys = [UNIT.key(point) for point in asked]
    assert len(keys) == len(set(keys)) == 15
    assert len({UNIT.key(point) for point in old.points} & set(keys)) == 2


def test_the_same_data_make_a_short_second_search_at_least_as_good():
    first = run(model(), n=20)
    scores = np.array([peak(point) for point in first])
    old = OldStudy(first, [UNIT.to_params(x) for x in first], scores, np.ones(20))
    second = run(warm([old], model(seed=1)), n=5)
    assert max(map(peak, second)) >= scores.max()


@pytest.mark.parametrize("change", [1e-6, np.nan, np.inf])
def test_a_score_that_differs_makes_it_other_data(change):
    optimizer = warm([study()], RandomDesign(UNIT, rng=rng()))
    run(optimizer, lambda point: peak(point) + change, n=2)
    assert optimizer.summary == "other data: 3 initial points"


def test_one_score_of_two_is_not_enough():
    old = study()
    optimizer = warm([old], RandomDesign(UNIT, rng=rng()))
    run(optimizer, lambda point: max(peak(point), old.scores.max()), n=2)
    assert optimizer.summary.startswith("other data")


def test_a_score_of_some_folds_only_proves_nothing():
    optimizer = warm([study()], RandomDesign(UNIT, rng=rng()))
    best, second = optimizer.ask(2)
    optimizer.tell([Result(best, peak(best.point), noise=0.0)])
    optimizer.tell([Result(second, -9.0, noise=0.1)])  # raced out
    assert optimizer.summary.startswith("observations")


def test_a_grid_leaves_out_what_is_known():
    space = Space({"n": (1, 6), "kind": ["a", "b"]})
    old = study(space, n=5)
    n_old = len({space.key(point) for point in old.points})
    optimizer = warm([old], GridDesign(space, rng=rng()), space)
    assert len(run(optimizer, n=99)) == 12 - n_old + 2


def test_results_that_never_come_do_not_block_for_ever():
    optimizer = warm([study()], RandomDesign(UNIT, rng=rng()))
    optimizer.ask(2)
    assert len(optimizer.ask(3, pending=())) == 3
    assert optimizer.summary.startswith("not decided")


def test_ids_are_distinct_also_of_what_is_told():
    inner = Told(UNIT, rng=rng())
    optimizer = warm([study()], inner)
    run(optimizer, n=6, in_flight=3)
    ids = [result.proposal.id for result in inner.results]
    assert len(ids) == len(set(ids)) == 12 + 4


# ---- other data


def shifted(point):
    return 100.0 + 3.0 * peak(point)


def test_other_data_give_three_initial_points_of_which_the_third_lies_apart():
    old = study(n=40)
    asked = run(warm([old], RandomDesign(UNIT, rng=rng())), shifted, n=5)
    known = {UNIT.key(point) for point in old.points}
    assert [UNIT.key(point) in known for point in asked] == [True] * 3 + [False] * 2
    assert mean_distances(asked[2], asked[:2], UNIT.categorical).min() >= 0.1
    median = np.median(old.scores)
    assert all(peak(point) >= median for point in asked[:3])


def test_scores_of_other_data_are_never_told():
    inner = Told(UNIT, rng=rng())
    run(warm([study()], inner), shifted, n=9)
    assert len(inner.results) == 9
    assert all(r.score == shifted(r.proposal.point) for r in inner.results)


def test_a_study_that_ranks_alike_becomes_a_prior_mean_with_weight():
    optimizer = warm([study(n=30)], model())
    run(optimizer, shifted, n=4)
    assert optimizer.summary.endswith("prior mean with weight 0.0")
    run(optimizer, shifted, n=8)
    weight = float(optimizer.summary.rpartition(" ")[2])
    assert 0.5 < weight <= 1.0


def test_an_unrelated_study_has_no_weight():
    optimizer = warm([study(n=30, score=lambda x: -peak(x))], model())
    run(optimizer, n=12)
    assert optimizer.summary.endswith("prior mean with weight 0.0")


def test_without_weight_the_process_is_the_plain_one():
    """The very points that a search proposes which starts from the same ones."""
    old = study(n=30, score=lambda point: -peak(point))
    asked = run(warm([old], model()), n=12)
    first = [(point, None) for point in asked[:3]]
    plain = Chain([FixedPoints(UNIT, first, rng=rng())], then=model())
    np.testing.assert_array_equal(run(plain, n=12), asked)


def test_a_related_study_saves_evaluations():
    """Mean over seeds of the best of few points, on a function like the old one."""
    space = Space({name: (0.0, 1.0) for name in "abcd"})

    def score(point):
        return 5.0 - 2.0 * float(np.sum((point - [0.32, 0.68, 0.3, 0.31]) ** 2))

    def old_score(point):
        return -float(np.sum((point - [0.3, 0.7, 0.3, 0.3]) ** 2))

    cold = warm_ = 0.0
    for seed in range(3):
        old = study(space, old_score, n=40, seed=seed)
        plain = run(model(space, seed), score, n=10)
        informed = run(warm([old], model(space, seed), space), score, n=10)
        cold += 5.0 - max(map(score, plain))
        warm_ += 5.0 - max(map(score, informed))
    assert warm_ < 0.5 * cold


@pytest.mark.parametrize("kind", [TPEOptimizer, RandomDesign])
def test_optimizers_without_a_prior_get_the_initial_points_only(kind):
    optimizer = warm([study()], Chain([], then=kind(UNIT, rng=rng())))
    run(optimizer, shifted, n=8)
    assert optimizer.summary == "other data: 3 initial points"


def test_each_of_several_studies_is_judged_by_itself():
    other = study(n=15, score=shifted, seed=2)
    optimizer = warm([study(), other], model())
    asked = run(optimizer, n=12, in_flight=3)
    same, different = optimizer.summary.split("; ")
    assert same == "observations: 12 rows, 0 dropped"
    assert different.startswith("other data: 3 initial points, prior mean")
    assert len({UNIT.key(point) for point in asked}) == 12


def test_it_can_be_pickled_with_a_prior_at_work():
    optimizer = warm([study(n=30)], model())
    run(optimizer, shifted, n=9)
    copy = pickle.loads(pickle.dumps(optimizer))
    assert copy.summary == optimizer.summary
    np.testing.assert_array_equal(run(optimizer, shifted, n=5), run(copy, shifted, n=5))
    assert copy.summary == optimizer.summary  # the weight is still the model's own


# ---- rules


def test_the_second_check_is_the_best_that_is_clearly_different():
    scores = np.array([0.1, 0.9, 0.5, 0.9, 0.895, 0.7])
    assert checks(scores) == [1, 5]  # .895 is too near to .9
    assert checks(np.array([0.5, 0.5, 0.5])) == [0]
    assert checks(np.array([1.0, 1.0, 1.0, 0.4])) == [0, 3]
    assert checks(np.array([0.3])) == [0]


def test_equal_means_to_nine_digits():
    assert is_same_score(0.1 + 0.2, 0.3)
    assert is_same_score(0.0, 0.0)
    assert not is_same_score(0.3, 0.3 + 1e-8)
    assert not is_same_score(np.nan, np.nan)
    assert is_same_score(-1e300, -1e300)


def test_a_crowded_study_gives_three_initial_points_all_the_same():
    points = np.full((9, 2), 0.5) + 1e-3 * np.arange(9)[:, None]
    old = OldStudy(points, [{}] * 9, np.arange(9.0), np.ones(9))
    assert initial_rows(old, [8], UNIT.categorical) == [8, 7, 6]


def test_the_weight_is_kendalls_tau_and_needs_five_points():
    told = np.array([0.1, 0.5, 0.3, 0.9, 0.7, 0.2])
    scores = np.array([1.0, 3.0, 2.0, 9.0, 2.5, np.nan])
    expected = kendalltau(told[:5], scores[:5]).statistic
    assert weight_of(told, scores) == pytest.approx(expected)
    assert weight_of(told, -scores) == 0.0
    assert weight_of(told[:4], scores[:4]) == 0.0
    assert weight_of(told, np.ones(6)) == 0.0


# ---- the prior mean in the process


def observations(space, score, n, seed=3):
    data = Observations(space)
    points = space.sample(n, rng(seed))
    pairs = enumerate(points)
    data.add([Result(Proposal(i, x), score(x), 0.0) for i, x in pairs])
    return data


@pytest.fixture
def informed():
    """(a belief with a prior mean, its observations)"""
    old = Model(UNIT.categorical, rng=rng()).belief(observations(UNIT, peak, 20))
    data, own = (
        observations(UNIT, shifted, 9, seed=4),
        Model(UNIT.categorical, rng=rng()),
    )
    own.priors.append(PriorMean(old.process))
    return own.belief(data), data


def test_the_process_models_what_the_prior_mean_leaves(informed):
    belief, data = informed
    targets = belief.process.targets + belief.offset(data.encoded)
    z = (data.scores - data.scores.mean()) / data.scores.std()
    assert np.corrcoef(targets, z)[0, 1] > 0.95  # the squash bends the rest
    assert np.std(belief.process.targets) < 0.5 * np.std(targets)
    assert belief.offset.weight > 0.5
    assert belief.best == pytest.approx(targets.max())


def test_the_acquisition_sees_the_process_plus_the_prior_mean(informed):
    belief, _ = informed
    X = UNIT.sample(7, rng(9))
    mean, variance = belief.process.predict(X)
    mean = mean + belief.offset(X)
    expected = log_expected_improvement(mean, np.sqrt(variance), belief.best)
    values = scoring(LogEI(), belief, np.empty((0, 2)), rng())(X)
    np.testing.assert_allclose(values, expected)


@pytest.mark.parametrize("q", [1, 5])
def test_points_in_flight_are_believed_with_the_prior_mean(informed, q):
    """A constant prior mean, taken off the scores, changes no preference."""
    belief, _ = informed

    class Raised:
        def __call__(self, X):
            return np.full(len(X), 2.0)

    zero = type(belief)(belief.process, belief.best)
    raised = type(belief)(belief.process, belief.best + 2.0, Raised())
    X, in_flight = UNIT.sample(7, rng(9)), UNIT.sample(q, rng(8))
    values = [scoring(LogEI(), b, in_flight, rng())(X) for b in (zero, raised)]
    np.testing.assert_allclose(*values)


def test_a_thompson_draw_has_the_prior_mean(informed):
    belief, _ = informed
    X = UNIT.sample(7, rng(9))
    zero = type(belief)(belief.process, belief.best)
    draws = [scoring(Thompson(), b, np.empty((0, 2)), rng())(X) for b in (zero, belief)]
    np.testing.assert_allclose(draws[0] + belief.offset(X), draws[1])


def test_the_mean_alone_is_the_mean_of_the_prediction(informed):
    belief, _ = informed
    X = UNIT.sample(7, rng(9))
    np.testing.assert_allclose(belief.process.mean(X), belief.process.predict(X)[0])
    offset = Offset(belief.process, 0.5, 1.0)
    np.testing.assert_allclose(offset(X), 0.5 * (belief.process.mean(X) - 1.0))


def test_a_study_of_equal_scores_is_no_prior():
    assert model().learn_prior(UNIT.sample(9, rng()), np.ones(9)) is None


def test_conditional_spaces_have_priors_too():
    space = Space(
        {"kind": ["a", "b"], "depth": Integer(1, 9, when={"kind": ["b"]}), "x": (0, 9)}
    )
    optimizer = warm([study(space, n=12)], model(space), space)
    run(optimizer, shifted, n=12, in_flight=2)
    assert "prior mean with weight" in optimizer.summary
