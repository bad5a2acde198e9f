"""One rung of one trial on one fold."""

from dataclasses import replace

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.svm import SVC

from skhpo._types import Job, Proposal
from skhpo.evaluation import FoldEvaluator, Stage, Training, choose_resource, open_store
from skhpo.evaluation._rows import nest_rows
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


def test_a_state_that_cannot_be_read_is_a_failed_fit():
    broken = Stage(9, 0, {0: b"not a pickle"})
    outcome = fit_fold(payload(SGDClassifier()), 0, {}, 0, stage=broken)
    assert outcome.stage == "fit"
    assert "Unpickling" in outcome.error


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
