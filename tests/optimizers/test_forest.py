import time

import numpy as np
import pytest

import skhpo.optimizers._forest as forest_module
from skhpo.optimizers import ForestOptimizer, RandomDesign
from skhpo.space import Integer, Space
from skhpo.testing import toys
from tests.optimizers.asking import UNIT, best_after, peak, results


def forest(space=UNIT, seed=0, **kwargs):
    return ForestOptimizer(space, rng=np.random.default_rng(seed), **kwargs)


def told(n, score=peak, space=UNIT, **kwargs):
    optimizer = forest(space, **kwargs)
    points = space.sample(n, np.random.default_rng(1))
    optimizer.tell(results(points, [score(point) for point in points]))
    return optimizer


@pytest.mark.statistics
def test_beats_random_search_on_four_of_five_toys():
    """Mean regret over 4 seeds after 60 points at most half of random search's.

    Random search itself would pass this on a toy in fewer than 1 of 10 cases.
    """
    n_won = 0
    for toy in toys():
        regret = {"forest": 0.0, "random": 0.0}
        for seed in range(4):
            random = RandomDesign(toy.space, rng=np.random.default_rng(seed))
            found = best_after(forest(toy.space, seed), toy, 60)
            regret["forest"] += toy.optimum - found
            regret["random"] += toy.optimum - best_after(random, toy, 60)
        n_won += regret["forest"] < 0.5 * regret["random"]
    assert n_won >= 4


@pytest.mark.parametrize(
    "acquisition", ["logei", "ei", "pi", "ucb", "thompson", lambda m, s, b: m + s]
)
def test_every_acquisition_goes_where_scores_are_good(acquisition):
    optimizer = told(60, acquisition=acquisition)
    asked = [peak(proposal.point) for proposal in optimizer.ask(7)]
    everywhere = [peak(point) for point in UNIT.sample(500, np.random.default_rng(0))]
    assert np.median(asked) > np.quantile(everywhere, 0.8)


def test_finds_the_good_ones_of_many_categories():
    space = Space({name: [f"{name}{i}" for i in range(20)] for name in "abc"})
    worth = np.random.default_rng(0).permutation(20)

    def score(point):
        return -float(sum(worth[int(u * 20)] for u in point))

    random = RandomDesign(space, rng=np.random.default_rng(0))
    assert best_after(forest(space), score, 80) > best_after(random, score, 80) + 3


def test_what_matters_only_at_times_is_learnt():
    space = Space({"kind": ["a", "b"], "n": Integer(0, 99, when={"kind": ["b"]})})

    def score(point):
        params = space.to_params(point)
        return -abs(params["n"] - 70) / 99 if "n" in params else -0.2

    optimizer = told(40, score, space)
    asked = [space.to_params(proposal.point) for proposal in optimizer.ask(6)]
    near = [abs(params["n"] - 70) <= 12 for params in asked if "n" in params]
    assert sum(near) >= 4


def test_points_in_flight_push_the_next_ones_away():
    chosen = np.array([proposal.point for proposal in told(30).ask(4)])
    distances = np.linalg.norm(chosen[:, None] - chosen, axis=-1)
    assert distances[np.triu_indices(4, 1)].min() > 0.005


def test_every_eighth_point_comes_from_the_design(monkeypatch):
    optimizer = told(20)
    n_designed = 0
    next_point = optimizer._design.next_point

    def counted(unseen):
        nonlocal n_designed
        n_designed += 1
        return next_point(unseen)

    monkeypatch.setattr(optimizer._design, "next_point", counted)
    monkeypatch.setattr(
        type(optimizer._observations), "n_since_improvement", 0
    )  # never stuck
    optimizer.ask(16)
    assert n_designed == 2


def test_several_asks_without_news_fit_once(monkeypatch):
    fits = counted_fits(monkeypatch)
    optimizer = told(12)
    pending = optimizer.ask(2)
    optimizer.ask(2, pending=pending)
    assert fits == [12]


def test_beyond_two_hundred_points_trees_are_not_grown_each_time(monkeypatch):
    fits = counted_fits(monkeypatch)
    optimizer = told(398)
    for point in UNIT.sample(5, np.random.default_rng(2)):
        optimizer.ask(1)
        optimizer.tell(results([point], [peak(point)]))
    assert fits == [398, 400]  # then, every third
    assert len(optimizer._forest.targets) == 402


def counted_fits(monkeypatch):
    fits = []
    fit = forest_module.fit_forest
    monkeypatch.setattr(
        forest_module,
        "fit_forest",
        lambda *args, **kwargs: fits.append(len(args[0])) or fit(*args, **kwargs),
    )
    return fits


def test_a_region_where_everything_fails_is_avoided():
    def score(point):
        return np.nan if point[0] > 0.5 else peak(point)

    optimizer = told(20, score)
    x = np.array([proposal.point[0] for proposal in optimizer.ask(16)])
    assert np.mean(x > 0.5) < 0.35  # an eighth is the design's


def test_unknown_acquisition_is_one_clear_error():
    with pytest.raises(ValueError, match="acquisition='magic'.*'logei'"):
        forest(acquisition="magic")


def test_suggestions_are_cheap():
    space = Space({f"x{i}": (0.0, 1.0) for i in range(5)} | {"k": list("abcdefgh")})
    optimizer = told(200, lambda point: -point[0], space)
    optimizer.ask(1)
    start = time.process_time()
    for point in space.sample(5, np.random.default_rng(2)):
        optimizer.tell(results([point], [-point[0]]))
        optimizer.ask(1)
    assert (time.process_time() - start) / 5 < 0.1  # 20 ms on an idle machine
