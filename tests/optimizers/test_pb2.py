"""What the bandit learns from, what it then proposes, and what it costs."""

import pickle
import time

import numpy as np
import pytest
from scipy.optimize import brute

from skhpo._types import Proposal, Result
from skhpo.optimizers import PB2, Chain, FixedPoints, Perturb
from skhpo.optimizers._changes import Changes
from skhpo.optimizers._pb2 import Model, within_steps
from skhpo.space import Integer, Real, Space
from skhpo.testing import OptimizerContract
from tests.optimizers.explorers import ExplorerContract

UNIT = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})
R = 20


class TestPB2(ExplorerContract, OptimizerContract):
    def make(self, space, rng, **kwargs):
        return PB2(space, max_resource=R, rng=rng, **kwargs)


class TestPB2WithAModel(ExplorerContract, OptimizerContract):
    """Told enough before the contract begins."""

    def make(self, space, rng, **kwargs):
        optimizer = PB2(space, max_resource=R, rng=rng, **kwargs)
        told(optimizer, lambda x: -np.nansum((x - 0.3) ** 2), known=False)
        return optimizer


def pb2(space=UNIT, seed=0, **kwargs):
    return PB2(space, max_resource=R, rng=np.random.default_rng(seed), **kwargs)


def told(optimizer, change, n=12, resource=2, seed=1, known=True):
    """Tell it what one unit of training improved, at n random points."""
    points = optimizer.space.sample(n, np.random.default_rng(seed))
    for i, point in enumerate(points):
        member = Proposal(1000 + i, point)
        first = Result(member, 0.5, resource=resource - 1)
        then = Result(member, 0.5 + change(point), resource=resource, parent=member)
        if known:
            optimizer.tell([first, then])
        else:  # as if others had been trained: their points stay unseen
            optimizer._changes.add([first, then])
    return optimizer


def peak(point):
    return 0.1 - np.sum((point - [0.3, 0.7]) ** 2)


def near_and_found(optimizer, n=1, **context):
    near = np.array([0.9, 0.1])
    return optimizer.ask(n, near=near, **{"resource": 3, **context})


# ---- what it learns from


def member(number, *point):
    return Proposal(number, np.array(point))


def test_the_change_of_a_member_that_goes_on_is_per_unit():
    changes = Changes(UNIT)
    a = member(0, 0.2, 0.4)
    changes.add([Result(a, 0.5, resource=3)])
    changes.add([Result(a, 0.8, resource=5, parent=a)])
    changes.add([Result(a, 0.7, resource=9, parent=a)])
    assert changes.changes == pytest.approx([0.15, -0.025])
    assert changes.before == pytest.approx([0.5, 0.8])
    assert changes.resources.tolist() == [5, 9]
    np.testing.assert_array_equal(changes.points, [a.point, a.point])


def test_the_change_of_a_copy_is_to_the_score_of_the_copied_models():
    changes = Changes(UNIT)
    a, b = member(0, 0.2, 0.4), member(1, 0.6, 0.6)
    changes.add([Result(a, 0.5, resource=3), Result(a, 0.9, resource=6, parent=a)])
    changes.add([Result(b, 0.7, resource=6, parent=a)])  # copied at 3
    assert changes.changes == pytest.approx([0.4 / 3, 0.2 / 3])
    np.testing.assert_array_equal(changes.points[1], b.point)


def test_beginnings_and_plain_fits_have_no_change():
    changes = Changes(UNIT)
    a, b = member(0, 0.2, 0.4), member(1, 0.6, 0.6)
    changes.add([Result(a, 0.5, resource=3), Result(b, 0.5)])
    changes.add([Result(b, 0.5, resource=6, parent=member(7, 0.1, 0.1))])
    assert changes.n_finite == len(changes.changes) == 0


def test_a_failure_is_a_change_that_is_not_known():
    changes = Changes(UNIT)
    a = member(0, 0.2, 0.4)
    changes.add([Result(a, 0.5, resource=3), Result(a, np.nan, resource=6, parent=a)])
    changes.add([Result(a, 0.6, resource=9, parent=a)])  # from models that failed
    assert np.isnan(changes.changes).tolist() == [True]
    assert changes.n_finite == 0
    assert changes.score_at(a.point) == 0.6


def test_the_score_of_copied_models_is_the_last_of_their_setting():
    changes = Changes(UNIT)
    a, b = member(0, 0.2, 0.4), member(1, 0.6, 0.6)
    changes.add([Result(a, 0.5, resource=3), Result(b, 0.8, resource=3)])
    changes.add([Result(a, 0.6, resource=6, parent=a)])
    assert changes.score_at(a.point) == 0.6
    assert changes.score_at(np.array([0.1, 0.1])) == 0.8  # unknown: the best
    assert changes.score_at(np.array([0.1, 0.1]), 0.2) == 0.2


def test_only_the_newest_changes_are_kept():
    changes = Changes(UNIT)
    for i in range(250):
        a = member(i, 0.2, 0.4)
        changes.add([Result(a, 0.0, resource=1), Result(a, i, resource=2, parent=a)])
    assert changes.changes.tolist() == list(range(50, 250))


def test_changes_are_seen_beside_the_others_of_their_step():
    resources = np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    changes = np.array([100.0, 0.1, 300.0, 0.3, 200.0, 0.2])
    targets = within_steps(changes, resources)
    early, late = targets[::2], targets[1::2]
    assert early == pytest.approx(late)
    assert early == pytest.approx([-np.sqrt(1.5), np.sqrt(1.5), 0.0])


def test_a_failure_is_below_all_others_of_its_step():
    resources = np.array([1.0] * 4 + [2.0] * 3)
    changes = np.array([0.1, np.nan, 0.3, 0.2, 0.5, 0.5, np.nan])
    targets = within_steps(changes, resources)
    assert targets[1] < targets[[0, 2, 3]].min()
    assert targets[4:6].tolist() == [0.0, 0.0]  # alike: neither good nor bad
    assert targets[6] < 0


# ---- what it proposes


def test_it_proposes_where_the_score_improves_fastest():
    (found,) = near_and_found(told(pb2(), peak, n=30))
    assert found.labels["origin"] == "pb2"
    assert np.abs(found.point - [0.3, 0.7]).max() < 0.1


def test_it_perturbs_until_there_are_d_and_three_differences():
    few, enough = told(pb2(), peak, n=4), told(pb2(), peak, n=5)
    origins = [near_and_found(o)[0].labels["origin"] for o in (few, enough)]
    assert origins == ["perturb", "pb2"]
    failed = told(pb2(), lambda x: np.nan, n=9)
    assert near_and_found(failed)[0].labels["origin"] == "perturb"


def test_it_perturbs_where_all_changes_are_alike():
    alike = told(pb2(), lambda x: 0.25)
    assert near_and_found(alike)[0].labels["origin"] == "perturb"


def test_until_then_it_is_perturb():
    rngs = [np.random.default_rng(0) for _ in range(2)]
    ours = PB2(UNIT, max_resource=R, rng=rngs[0]).ask(20, near=np.array([0.5, 0.5]))
    theirs = Perturb(UNIT, rng=rngs[1]).ask(20, near=np.array([0.5, 0.5]))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.point, b.point)


def test_the_proposal_maximises_the_upper_confidence_bound():
    optimizer = told(pb2(), peak)
    (found,) = near_and_found(optimizer)
    process = optimizer._model.process
    now = np.array([3 / R])
    kappa = np.sqrt(0.2 * np.log(0.4 * 12))
    best = optimizer._changes.scores.max()  # the copied setting was never told

    def minus_bound(x):
        inputs = optimizer._model.inputs(x[None], np.array([best]))
        mean, variance = process.predict(inputs, now)
        return -(mean + kappa * np.sqrt(variance))[0]

    grid = brute(minus_bound, [(0, 1), (0, 1)], Ns=60, full_output=True, finish=None)
    assert minus_bound(found.point) <= grid[1] + 1e-3


def test_points_of_a_batch_keep_apart():
    optimizer = told(pb2(), lambda x: 0.01 * np.sin(40 * x.sum()), n=12)
    found = np.array([p.point for p in near_and_found(optimizer, 4)])
    gaps = np.abs(found[:, None] - found[None]).max(axis=2)
    assert gaps[np.triu_indices(4, 1)].min() > 0.01


def test_what_is_in_flight_lowers_the_bound_round_it():
    optimizer = told(pb2(), peak)
    near, (first,) = np.array([0.9, 0.1]), near_and_found(optimizer)
    alone = optimizer._bound(near, [], 0.15)(first.point[None])
    beside = optimizer._bound(near, [first], 0.15)(first.point[None])
    assert beside < alone - 1e-3
    elsewhere = np.array([[0.9, 0.1]])
    gap = optimizer._bound(near, [], 0.15)(elsewhere) - alone
    assert optimizer._bound(near, [first], 0.15)(elsewhere) - beside > gap


def test_what_counts_is_what_improves_now():
    """The peak moves: early observations there, late ones here."""
    optimizer = pb2(seed=2)
    for resource in range(2, 18, 3):
        x = 0.2 if resource < 12 else 0.8
        told(
            optimizer,
            lambda p, x=x: 0.1 - (p[0] - x) ** 2,
            resource=resource,
            seed=resource,
        )
    (found,) = near_and_found(optimizer, resource=18)
    assert abs(found.point[0] - 0.8) < 0.15


def test_late_steps_are_heard_although_early_ones_changed_more():
    optimizer = pb2()
    for resource in range(2, 18, 3):
        x, size = (0.2, 100.0) if resource < 9 else (0.8, 1.0)
        told(
            optimizer,
            lambda p, x=x, size=size: size * (1 - (p[0] - x) ** 2),
            n=8,
            resource=resource,
            seed=resource,
        )
    (found,) = near_and_found(optimizer, resource=18)
    assert abs(found.point[0] - 0.8) < 0.15


def test_the_score_of_the_copied_models_matters():
    """Bad models want x = .2, good ones .8."""
    optimizer = pb2()
    rng = np.random.default_rng(3)
    for i, point in enumerate(UNIT.sample(40, rng)):
        before = float(i % 2)
        change = 0.1 - (point[0] - (0.8 if before else 0.2)) ** 2
        a = Proposal(i, point)
        optimizer.tell([Result(a, before, resource=1)])
        optimizer.tell([Result(a, before + change, resource=2, parent=a)])
    for score, x in ((0.0, 0.2), (1.0, 0.8)):
        copied = Proposal(100, np.array([0.5, 0.5]))
        optimizer.tell([Result(copied, score, resource=2)])
        (found,) = optimizer.ask(1, near=copied.point, resource=3)
        assert abs(found.point[0] - x) < 0.15


def test_categories_are_drawn_anew_and_their_children_exist():
    space = Space(
        {
            "x": (0.0, 1.0),
            "kind": ["a", "b", "c"],
            "n": Integer(1, 9, when={"kind": ["b"]}),
            "m": Real(0, 1, when={"kind": ["c"]}),
        }
    )
    optimizer = told(pb2(space), lambda p: -((p[0] - 0.3) ** 2), n=20)
    near = space.to_point({"x": 0.9, "kind": "a"})
    found = [space.to_params(p.point) for p in optimizer.ask(30, near=near, resource=3)]
    assert {p["kind"] for p in found} == {"a", "b", "c"}
    for params in found:
        assert ("n" in params) == (params["kind"] == "b")
        assert ("m" in params) == (params["kind"] == "c")


def test_with_categories_alone_it_perturbs():
    space = Space({"kind": ["a", "b", "c"]})
    optimizer = told(pb2(space), lambda p: p[0])
    (found,) = optimizer.ask(1, near=space.to_point({"kind": "a"}), resource=3)
    assert found.labels["origin"] == "perturb"


def test_only_swapped_numbers_move():
    optimizer = told(pb2(swapped=["y"]), peak, n=20)
    found = np.array([p.point for p in near_and_found(optimizer, 5)])
    assert np.all(found[:, 0] == 0.9)
    assert abs(found[0, 1] - 0.7) < 0.15


def test_constraints_hold_where_the_model_would_leave_them():
    space = Space(UNIT.search_space, constraints=lambda p: p["x"] + p["y"] > 1.3)
    optimizer = told(pb2(space), peak, n=20)
    near = np.array([0.9, 0.9])
    (found,) = optimizer.ask(1, near=near, resource=3)
    assert found.labels["origin"] == "pb2"
    assert 1.3 < found.point.sum() < 1.4


def test_through_a_chain_the_differences_are_found():
    rng = np.random.default_rng(0)
    given = FixedPoints(UNIT, [(np.array([0.5, 0.5]), None)], rng=rng)
    chain = Chain([given], then=PB2(UNIT, max_resource=R, rng=rng))
    members = chain.ask(8)
    for resource in (1, 2):
        chain.tell(
            [
                Result(p, resource * peak(p.point), resource=resource, parent=p)
                for p in members
            ]
        )
    (found,) = chain.ask(1, near=members[0].point, resource=3)
    assert found.labels["origin"] == "pb2"
    assert found.id == 8


def test_odd_changes_do_no_harm():
    for values in ([1e300, -1e300, 1e308, 0.0], [np.nan, 0.1, np.inf, 0.2], [1e-310]):
        optimizer = pb2()
        for i, point in enumerate(UNIT.sample(20, np.random.default_rng(0))):
            a = Proposal(i, point)
            scores = values[i % len(values)], values[(i + 1) % len(values)]
            optimizer.tell([Result(a, scores[0], resource=1)])
            optimizer.tell([Result(a, scores[1], resource=2, parent=a)])
        assert len(near_and_found(optimizer, 3)) == 3


def test_a_pickled_bandit_goes_on_exactly():
    optimizer = told(pb2(), peak)
    near_and_found(optimizer)
    copy = pickle.loads(pickle.dumps(optimizer))
    for a, b in zip(near_and_found(optimizer, 3), near_and_found(copy, 3), strict=True):
        np.testing.assert_array_equal(a.point, b.point)


def test_a_suggestion_costs_milliseconds():
    optimizer = pb2()
    for resource in range(2, 12):
        told(optimizer, peak, n=8, resource=resource, seed=resource)
    start = time.process_time()
    near_and_found(optimizer, 2)
    seconds = (time.process_time() - start) / 2
    print(f"PB2: {1e3 * seconds:.1f} ms per suggestion at 80 differences")
    assert seconds < 0.3
    assert isinstance(optimizer._model, Model)
