"""Around a copied setting: how far, inside what, and what stays as it was."""

import pickle
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from skhpo._types import Proposal, Result
from skhpo.optimizers import Chain, FixedPoints, Perturb, Resample
from skhpo.optimizers._explore import multiplied
from skhpo.space import Categorical, Integer, Ordinal, Real, Space
from skhpo.testing import OptimizerContract
from skhpo.testing._optimizer_contract import contract_spaces
from tests.optimizers.explorers import ExplorerContract

MIXED = Space(
    {
        "rate": (1e-4, 1.0, "log-uniform"),
        "share": (0.0, 1.0),
        "n": (1, 100),
        "size": Ordinal([(8,), (16,), (32,), (64,)]),
        "kind": ["a", "b", "c"],
    }
)
MIDDLE = {"rate": 0.01, "share": 0.5, "n": 40, "size": (16,), "kind": "b"}


class TestPerturb(ExplorerContract, OptimizerContract):
    def make(self, space, rng, **kwargs):
        return Perturb(space, rng=rng, **kwargs)


class TestPerturbThatNeverResamples(ExplorerContract, OptimizerContract):
    def make(self, space, rng, **kwargs):
        return Perturb(space, resample_probability=0, rng=rng, **kwargs)


class TestResample(ExplorerContract, OptimizerContract):
    def make(self, space, rng, **kwargs):
        return Resample(space, rng=rng, **kwargs)


def explored(optimizer, params, n=200):
    """Settings near one setting."""
    space = optimizer.space
    near = space.to_point(params)
    return [space.to_params(p.point) for p in optimizer.ask(n, near=near)]


def perturb(space=MIXED, seed=0, **kwargs):
    kwargs = {"resample_probability": 0, **kwargs}
    return Perturb(space, rng=np.random.default_rng(seed), **kwargs)


# ---- how far


def test_numbers_are_multiplied_by_a_factor_on_every_scale():
    space = Space(
        {
            "log": (1e-4, 1.0, "log-uniform"),
            "linear": (0.0, 1.0),
            "law": stats.loguniform(1e-3, 1e3),
            "whole": (1, 100),
            "whole_log": Integer(1, 1000, scale="log"),
        }
    )
    near = {"log": 0.01, "linear": 0.4, "law": 2.0, "whole": 40, "whole_log": 100}
    found = explored(perturb(space), near)
    for name, value in near.items():
        expected = [0.8 * value, 1.25 * value]
        values = sorted({round(params[name], 10) for params in found})
        assert values == pytest.approx(expected), name


def test_the_odds_are_multiplied_on_a_logit_scale():
    space = Space({"momentum": Real(0.001, 0.999, scale="logit")})
    values = {p["momentum"] for p in explored(perturb(space), {"momentum": 0.9})}
    odds = sorted({round(v / (1 - v), 9) for v in values})
    assert odds == pytest.approx([0.8 * 9, 1.25 * 9])


def test_all_factors_are_used_equally_often():
    counts = Counter(
        round(p["share"], 6)
        for p in explored(
            perturb(factors=(0.5, 1.5, 2.0)), {**MIDDLE, "share": 0.4}, 3000
        )
    )
    assert sorted(counts) == [0.2, 0.6, 0.8]
    assert min(counts.values()) > 850  # 1000 expected, sd 26


def test_small_whole_numbers_move_by_one_at_least():
    space = Space({"n": (-5, 10)})
    assert {p["n"] for p in explored(perturb(space), {"n": 2})} == {1, 3}
    assert {p["n"] for p in explored(perturb(space), {"n": 0})} == {-1, 1}
    assert {p["n"] for p in explored(perturb(space), {"n": -2})} == {-3, -1}


def test_a_discrete_law_moves_by_one_value_at_least():
    space = Space({"n": stats.randint(2, 9)})
    assert {p["n"] for p in explored(perturb(space), {"n": 3})} == {2, 4}
    assert {p["n"] for p in explored(perturb(space), {"n": 8})} == {6}


def test_ordered_choices_move_by_one_place():
    sizes = {p["size"] for p in explored(perturb(), MIDDLE)}
    assert sizes == {(8,), (32,)}
    sizes = {p["size"] for p in explored(perturb(), {**MIDDLE, "size": (64,)})}
    assert sizes == {(32,), (64,)}


def test_categories_are_drawn_anew():
    counts = Counter(p["kind"] for p in explored(perturb(), MIDDLE, 3000))
    assert all(abs(n - 1000) < 120 for n in counts.values()) and len(counts) == 3


def test_values_stay_inside_the_space():
    space = Space({"x": (0.1, 1.0), "n": (3, 10), "r": (1e-3, 1.0, "log-uniform")})
    highest = {"x": 0.95, "n": 10, "r": 1.0}
    for name, values in {"x": {0.76, 1.0}, "n": {8, 10}, "r": {0.8, 1.0}}.items():
        found = {round(p[name], 6) for p in explored(perturb(space), highest)}
        assert found == values, name


def test_zero_has_no_multiples_and_is_drawn_anew():
    space = Space({"momentum": (0.0, 1.0)})
    values = [p["momentum"] for p in explored(perturb(space), {"momentum": 0.0}, 500)]
    assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_a_factor_of_one_leaves_a_value_alone():
    rng = np.random.default_rng(0)
    for dimension in (Real(0, 1), Integer(1, 9), Ordinal([1, 2, 3])):
        u = dimension.snap(np.array(0.4))
        assert multiplied(dimension, float(u), 1.0, rng) == u


def test_a_quarter_of_the_values_is_resampled():
    space = Space({"rate": (1e-4, 1.0, "log-uniform"), "x": (0.0, 1.0)})
    optimizer = perturb(space, resample_probability=0.25)
    found = explored(optimizer, {"rate": 0.01, "x": 0.5}, 4000)
    steps = np.array([round(p["rate"], 9) not in (0.008, 0.0125) for p in found])
    assert abs(steps.mean() - 0.25) < 0.03
    fresh = [np.log10(p["rate"]) / 4 + 1 for p in np.array(found)[steps]]
    assert stats.kstest(fresh, "uniform").pvalue > 1e-3


def test_resampling_draws_by_the_declared_law():
    optimizer = Resample(MIXED, rng=np.random.default_rng(0))
    found = explored(optimizer, MIDDLE, 2000)
    rates = [np.log10(p["rate"]) / 4 + 1 for p in found]
    assert stats.kstest(rates, "uniform").pvalue > 1e-3
    assert stats.kstest([p["share"] for p in found], "uniform").pvalue > 1e-3
    assert abs(np.mean([p["kind"] == "a" for p in found]) - 1 / 3) < 0.05


# ---- what stays


@pytest.mark.parametrize("cls", [Perturb, Resample])
def test_only_swapped_parameters_change(cls):
    optimizer = cls(MIXED, swapped=["rate", "kind"], rng=np.random.default_rng(0))
    found = explored(optimizer, MIDDLE)
    for name in ("share", "n", "size"):
        assert {p[name] for p in found} == {MIDDLE[name]}
    assert len({p["rate"] for p in found}) > 1
    assert {p["kind"] for p in found} == {"a", "b", "c"}


@pytest.mark.parametrize("cls", [Perturb, Resample])
def test_a_parameter_fixed_at_birth_never_comes_or_goes(cls):
    space = Space(
        {
            "solver": ["sgd", "adam"],
            "rate": (0.0, 1.0),
            "momentum": Real(0, 1, when={"solver": ["sgd"]}),
        }
    )
    optimizer = cls(space, swapped=["solver", "rate"], rng=np.random.default_rng(0))
    found = explored(optimizer, {"solver": "adam", "rate": 0.5})
    assert {p["solver"] for p in found} == {"adam"}
    found = explored(optimizer, {"solver": "sgd", "rate": 0.5, "momentum": 0.3})
    assert {(p["solver"], p["momentum"]) for p in found} == {("sgd", 0.3)}


@pytest.mark.parametrize("cls", [Perturb, Resample])
def test_children_come_from_the_prior_and_go(cls):
    space = Space({"kind": ["a", "b"], "n": Integer(1, 50, when={"kind": ["b"]})})
    optimizer = cls(space, rng=np.random.default_rng(0))
    found = explored(optimizer, {"kind": "a"}, 1000)
    fresh = [p["n"] for p in found if p["kind"] == "b"]
    assert stats.chisquare(np.bincount(fresh, minlength=51)[1:]).pvalue > 1e-3
    found = explored(optimizer, {"kind": "b", "n": 7})
    assert {"kind": "a"} in found


@pytest.mark.parametrize("cls", [Perturb, Resample])
def test_constraints_hold(cls):
    space = Space(
        {"x": (0.0, 1.0), "y": (0.0, 1.0)}, constraints=lambda p: p["x"] + p["y"] <= 1
    )
    optimizer = cls(space, rng=np.random.default_rng(0))
    found = explored(optimizer, {"x": 0.6, "y": 0.39})
    assert all(p["x"] + p["y"] <= 1 for p in found)
    assert len({p["x"] for p in found}) > 1


@pytest.mark.parametrize("cls", [Perturb, Resample])
def test_where_nothing_else_is_allowed_the_copied_setting_is_proposed(cls):
    space = Space({"x": (0.0, 1.0)}, constraints=lambda p: p["x"] == 0.5)
    optimizer = cls(space, rng=np.random.default_rng(0))
    assert explored(optimizer, {"x": 0.5}, 3) == [{"x": 0.5}] * 3
    nothing = cls(MIXED, swapped=[], rng=np.random.default_rng(0))
    copied = MIXED.to_params(MIXED.to_point(MIDDLE))
    assert explored(nothing, MIDDLE, 3) == [copied] * 3


def test_something_changes_wherever_it_can():
    space = Space({"flag": [True, False], "n": (1, 2)})
    for near in ({"flag": True, "n": 1}, {"flag": False, "n": 2}):
        assert near not in explored(perturb(space), near)


def test_what_was_told_may_be_proposed_again():
    space = Space({"n": (1, 3)})
    optimizer = perturb(space)
    points = [space.to_point({"n": n}) for n in (1, 2, 3)]
    optimizer.tell([Result(Proposal(i, x), 0.0) for i, x in enumerate(points)])
    assert {p["n"] for p in explored(optimizer, {"n": 2}, 50)} == {1, 3}


# ---- the initial population


def test_the_population_starts_with_given_points_and_spreads_over_the_space():
    rng = np.random.default_rng(0)
    given = FixedPoints(MIXED, [(MIXED.to_point(MIDDLE), MIDDLE)], rng=rng)
    chain = Chain([given], then=Perturb(MIXED, rng=rng))
    proposals = chain.ask(9)
    assert proposals[0].params == MIDDLE
    rates = np.array([p.point[0] for p in proposals[1:]])
    assert sorted(np.floor(rates * 8)) == list(range(8))  # as in a latin hypercube
    assert {p.labels["origin"] for p in proposals} == {"initial"}


def test_a_population_larger_than_the_space_begins_again():
    space = Space({"rate": [0.1, 0.01, 0.001]})
    values = [space.to_params(p.point)["rate"] for p in perturb(space).ask(8)]
    assert set(values[:3]) == {0.1, 0.01, 0.001}
    assert len(values) == 8


@pytest.mark.parametrize(
    ("cls", "origin"), [(Perturb, "perturb"), (Resample, "resample")]
)
def test_the_origin_says_who_proposed(cls, origin):
    optimizer = cls(MIXED, rng=np.random.default_rng(0))
    (first,) = optimizer.ask(1)
    (second,) = optimizer.ask(1, near=first.point, resource=10)
    assert [p.labels["origin"] for p in (first, second)] == ["initial", origin]
    assert [p.id for p in (first, second)] == [0, 1]


@pytest.mark.parametrize("cls", [Perturb, Resample])
def test_an_unknown_name_is_refused_with_the_possible_ones(cls):
    with pytest.raises(ValueError, match="'rat'.*Did you mean 'rate'.*'share'"):
        cls(MIXED, swapped=["rat"], rng=np.random.default_rng(0))


def test_a_scipy_law_with_given_values_moves_among_them():
    law = stats.rv_discrete(values=([1, 2, 40], [0.2, 0.3, 0.5]))
    space = Space({"n": law})
    assert {p["n"] for p in explored(perturb(space), {"n": 2})} == {1, 40}


def test_pickled_between_two_explorations_it_goes_on_exactly():
    optimizer = perturb(resample_probability=0.25, swapped=iter(["rate", "n"]))
    copy = pickle.loads(pickle.dumps(optimizer))
    assert explored(optimizer, MIDDLE, 5) == explored(copy, MIDDLE, 5)


def test_alternatives_are_left_only_where_nothing_fixed_changes():
    space = Space(
        [
            {"penalty": ["l2"], "alpha": (0.0, 1.0), "depth": (1, 5)},
            {
                "penalty": Categorical(["elasticnet"]),
                "alpha": (0.0, 1.0),
                "depth": (1, 5),
            },
        ]
    )
    near = {"penalty": "l2", "alpha": 0.5, "depth": 3}
    free = Resample(space, swapped=["penalty", "alpha"], rng=np.random.default_rng(0))
    found = explored(free, near)
    assert {p["penalty"] for p in found} == {"l2", "elasticnet"}
    assert {p["depth"] for p in found} == {3}
    fixed = Resample(space, swapped=["alpha"], rng=np.random.default_rng(0))
    assert {p["penalty"] for p in explored(fixed, near)} == {"l2"}


def test_every_space_of_the_contract_is_explored():
    for space in contract_spaces().values():
        near = space.sample(1, np.random.default_rng(1))[0]
        found = perturb(space).ask(20, near=near)
        assert len({space.key(p.point) for p in found}) > 1


@pytest.mark.parametrize("make", [Perturb, Resample])
def test_two_that_copy_the_same_take_different_steps(make):
    space = Space({"a": [1, 2, 3], "b": (0.1, 10.0)})
    explore = make(space, swapped=["a"], rng=np.random.default_rng(0))
    near = space.to_point({"a": 2, "b": 1.0})
    (one,) = explore.ask(1, near=near)
    (two,) = explore.ask(1, near=near, pending=[one])
    assert {space.to_params(p.point)["a"] for p in (one, two)} == {1, 3}
    assert len(explore.ask(1, near=near, pending=[one, two])) == 1  # no other is left
