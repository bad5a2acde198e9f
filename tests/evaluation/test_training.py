"""One rung of one trial on one fold."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import skhpo
from skhpo._types import Job, Proposal
from skhpo.evaluation import (
    FoldEvaluator,
    ReplaySeeds,
    Segment,
    Stage,
    Training,
    choose_resource,
    open_store,
    same_value,
    seed_of_replay,
    swappable,
)
from skhpo.evaluation._rows import nest_rows
from skhpo.evaluation._states import pack
from skhpo.evaluation._stepper import Model, Seeds
from skhpo.evaluation._task import Payload, fit_fold

from .growers import RowSpy
from .test_evaluator import FakeDispatcher, FakeTrial, NoCallbacks

X = np.column_stack([np.arange(60.0), np.random.default_rng(0).normal(size=(60, 2))])
y = np.tile([0, 1], 30)
SPLITS = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]


def payload(estimator, resource="auto", top=9, **settings):
    chosen = choose_resource(resource, estimator)
    training = Training(chosen, top, root=7, classes=np.unique(y), **settings)
    scorer = type(estimator).score
    return Payload(estimator, X, y, SPLITS, scorer, training=training)


def test_a_state_goes_on_where_it_stopped_and_says_what_it_took():
    search = payload(SGDClassifier(), top=9)
    first = fit_fold(search, 0, {}, 1, stage=Stage(3, candidate=5))
    assert (first.units, type(first.state)) == (3, bytes)
    second = fit_fold(search, 1, {}, 1, stage=Stage(9, 5, {1: first.state}))
    assert second.units == 6
    whole = fit_fold(search, 2, {}, 1, stage=Stage(9, candidate=5))
    assert (whole.units, whole.test_scores) == (9, second.test_scores)


def test_a_model_at_the_top_or_one_that_nobody_keeps_is_not_packed():
    top = fit_fold(payload(SGDClassifier(), top=3), 0, {}, 0, stage=Stage(3, 0))
    none = fit_fold(
        payload(SGDClassifier(), keeps_models=False), 0, {}, 0, stage=Stage(3, 0)
    )
    rows = fit_fold(payload(SVC(), "n_samples"), 0, {}, 0, stage=Stage(40, 0))
    assert top.state is none.state is rows.state is None
    assert top.error is none.error is rows.error is None


def test_rows_are_cut_in_the_training_part_only():
    rng = np.random.default_rng(0)
    rows = nest_rows(SPLITS, y, is_classifier=True, rng=rng)
    search = payload(RowSpy(), "n_samples", rows=rows)
    (small, large) = (search.training.rows_of(0, SPLITS[0][0], n) for n in (10, 40))
    assert len(small) == 10
    assert set(small) < set(large) == set(range(40))
    assert fit_fold(search, 0, {}, 0, stage=Stage(10, 0)).units == 10


class Unreadable(SGDClassifier):
    """Cannot be loaded, as when a library renamed an attribute."""

    def __setstate__(self, state):
        raise KeyError("no attribute of that name")


@pytest.mark.parametrize(
    "state",
    [
        b"not a pickle",
        b"not a pickle\n{}",
        Path("no", "such", "file"),
        pack(Model(Unreadable())),
        pack(Model(SGDClassifier(), units=10)),  # of another trial
    ],
)
def test_a_model_that_cannot_be_read_is_trained_again(state):
    search, (a, b) = sgd_payload(), segments(*ETAS[:2])
    stages = [Stage(6, 1, states, (a,)) for states in ({}, {0: state})]
    want, found = (fit_fold(search, 0, b.params, 0, stage=stage) for stage in stages)
    assert found.error is None
    assert (found.test_scores, found.units) == (want.test_scores, 6)


@pytest.mark.parametrize("package", [sklearn, np, skhpo])
def test_a_model_of_other_versions_is_trained_again(package, monkeypatch):
    search = payload(SGDClassifier(), top=9)
    state = fit_fold(search, 0, {}, 0, stage=Stage(3, 0)).state
    again = Stage(6, 0, {0: state})
    assert fit_fold(search, 0, {}, 0, stage=again).units == 3
    monkeypatch.setattr(package, "__version__", "0.0")
    assert fit_fold(search, 0, {}, 0, stage=again).units == 6


# ---- models of another candidate


def segments(*settings, step=3):
    """Return segments of ``step`` units, candidates counted up."""
    return tuple(
        Segment(step * (number + 1), params, candidate=number)
        for number, params in enumerate(settings)
    )


def sgd_payload(estimator=None):
    estimator = estimator or SGDClassifier(learning_rate="constant")
    search = payload(estimator, top=99)
    swapped = swappable(estimator)
    return replace(search, training=replace(search.training, swapped=swapped))


ETAS = [dict(eta0=0.5, alpha=1e-3), dict(eta0=0.1, alpha=1e-3), dict(eta0=0.02)]


def test_a_state_goes_on_with_other_settings_and_comes_back_when_it_is_lost():
    search, (a, b, c) = sgd_payload(), segments(*ETAS)
    first = fit_fold(search, 0, a.params, 1, stage=Stage(3, 0))
    second = fit_fold(search, 1, b.params, 1, stage=Stage(6, 1, {1: first.state}, (a,)))
    kept = fit_fold(
        search, 2, c.params, 1, stage=Stage(9, 2, {1: second.state}, (a, b))
    )
    lost = fit_fold(search, 3, c.params, 1, stage=Stage(9, 2, {}, (a, b)))
    assert (kept.units, lost.units) == (3, 9)
    models = [pickle.loads(outcome.state).estimator for outcome in (kept, lost)]
    for model in models:
        assert (model.eta0, model.alpha) == (0.02, 1e-3)
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)
    assert kept.test_scores == lost.test_scores


def test_other_settings_on_the_way_give_another_model():
    search = sgd_payload()
    coefs = [
        pickle.loads(
            fit_fold(search, 0, {"eta0": 0.02}, 1, stage=Stage(6, 1, {}, before)).state
        ).estimator.coef_
        for before in (segments({"eta0": 0.5}), segments({"eta0": 0.02}))
    ]
    assert not np.array_equal(*coefs)


def test_a_model_keeps_what_was_fixed_at_its_birth():
    pipe = make_pipeline(PCA(1), SGDClassifier(learning_rate="constant"))
    search = sgd_payload(pipe)
    before = segments({"pca__n_components": 2, "sgdclassifier__eta0": 0.5})
    after = {"pca__n_components": 2, "sgdclassifier__eta0": 0.1}
    outcome = fit_fold(search, 0, after, 0, stage=Stage(6, 1, {}, before))
    model = pickle.loads(outcome.state).estimator
    assert model[0].n_components_ == 2
    assert model[1].eta0 == 0.1


def test_only_what_changed_is_set_so_that_decay_goes_on():
    mlp = MLPClassifier((3,), solver="sgd", learning_rate="invscaling")
    search = sgd_payload(mlp)
    rates = []
    for alpha in (1e-3, 1e-1):
        before = segments({"learning_rate_init": 0.1, "alpha": 1e-3})
        after = {"learning_rate_init": 0.1, "alpha": alpha}
        outcome = fit_fold(search, 0, after, 0, stage=Stage(6, 1, {}, before))
        model = pickle.loads(outcome.state).estimator
        assert model.alpha == alpha
        rates.append(model._optimizer.learning_rate)
    assert rates[0] == rates[1] < 0.1


def test_a_model_is_born_once():
    """What is drawn at birth is drawn as for the candidate that began."""
    seeds = Seeds(root=7, candidate=5, fold=1, birth=2)
    assert seeds.at(0) == Seeds(7, 2, 1).at(0)
    assert seeds.at(3) == Seeds(7, 5, 1).at(3)
    assert Seeds(7, 5, 1, birth=5).at(0) == Seeds(7, 5, 1).at(0)
    search = sgd_payload(
        make_pipeline(PCA(1, svd_solver="randomized"), SGDClassifier())
    )
    (a, b) = segments({"sgdclassifier__alpha": 0.1}, {"sgdclassifier__alpha": 0.2})
    model = fit_fold(search, 0, b.params, 0, stage=Stage(6, 1, {}, (a,)))
    only = fit_fold(search, 0, a.params, 0, stage=Stage(3, 0))
    heads = [pickle.loads(o.state).estimator[0].components_ for o in (model, only)]
    np.testing.assert_array_equal(*heads)


def test_seeds_of_a_replay_come_from_one_number():
    seeds = ReplaySeeds(seed=11, birth=4)
    expected = np.random.SeedSequence(11, spawn_key=(3,)).generate_state(1)[0] >> 1
    assert seeds.at(3) == expected
    assert seeds.at(0) == ReplaySeeds(4, 4).at(0) != ReplaySeeds(11, 11).at(0)
    assert seeds.at(3, own=8) == Seeds(0, 0, 0).at(3, own=8)
    assert seed_of_replay(7, 3, 5) == seed_of_replay(7, 3, 5)
    assert len({seed_of_replay(7, c, k) for c in range(5) for k in range(5)}) == 25


@pytest.mark.parametrize(
    "one, other, same",
    [
        (1, 1, True),
        (1, 1.0, False),  # of max_features they are two
        (1, True, False),
        (None, None, True),
        ("l2", "l2", True),
        ((5,), (5,), True),
        (np.zeros(2), np.zeros(2), False),  # who knows
    ],
)
def test_equal_values_have_the_same_type(one, other, same):
    assert same_value(one, other) is same


# ---- what the evaluator hands on


class StatefulTrial(FakeTrial):
    twin = parent = None
    namesake = 3

    def at(self, resource, parent=None):
        self.job = Job(Proposal(0, np.zeros(1)), resource)
        self.parent = parent
        return self


class Recording(FakeDispatcher):
    """Keeps the stages that it was given, and gives states back."""

    shares_disk = True

    def submit(self, call):
        self.stages = [*getattr(self, "stages", []), call[4]]
        super().submit(call[:4])

    def get(self, timeout=None):
        (outcome,) = super().get(timeout)
        return [replace(outcome, state=f"{outcome.trial} {outcome.fold}".encode())]


def test_the_evaluator_keeps_states_and_hands_them_on():
    dispatcher, store = Recording(1), open_store("memory")
    evaluator = FoldEvaluator(dispatcher, 2, 1, NoCallbacks(), store)
    first = StatefulTrial(0).at(3)
    evaluator.submit(first)
    outcomes = evaluator.collect() + evaluator.collect()
    assert [o.state for o in outcomes] == [None, None]
    assert len(store) == 2
    evaluator.submit(StatefulTrial(1).at(9, parent=first))
    stage = dispatcher.stages[-1]
    assert (stage.to, stage.candidate, stage.states) == (9, 3, {1: b"0 1"})
    assert [(s.to, s.params, s.candidate) for s in stage.before] == [(3, {}, 3)]
    evaluator.keep_models({1})
    assert len(store) == 0


def test_a_twin_has_the_states_of_the_other():
    dispatcher, store = Recording(1), open_store("memory")
    evaluator = FoldEvaluator(dispatcher, 1, 1, NoCallbacks(), store)
    first, twin = StatefulTrial(0).at(3), StatefulTrial(1).at(3)
    twin.twin = first
    evaluator.submit(first)
    evaluator.collect()
    evaluator.submit(StatefulTrial(2).at(9, parent=twin))
    assert dispatcher.stages[-1].states == {0: b"0 0"}


def test_workers_on_other_machines_get_bytes_and_no_paths():
    dispatcher, store = Recording(1), open_store("disk")
    dispatcher.shares_disk = False
    evaluator = FoldEvaluator(dispatcher, 1, 1, NoCallbacks(), store)
    first = StatefulTrial(0).at(3)
    evaluator.submit(first)
    evaluator.collect()
    evaluator.submit(StatefulTrial(1).at(9, parent=first))
    assert dispatcher.stages[-1].states == {0: b"0 0"}
    store.close()
