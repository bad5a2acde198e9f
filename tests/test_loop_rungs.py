"""Schedulers of rungs on the real loop, with an evaluator that keeps "models"."""

import numpy as np
import pytest

from skhpo._archive import Archive, build_cv_results
from skhpo._loop import SPACE_EXHAUSTED, SearchLoop
from skhpo._types import FoldOutcome, Proposal
from skhpo.optimizers import RandomDesign
from skhpo.schedulers import (
    AsynchronousHalving,
    MedianStopping,
    PopulationBased,
    SuccessiveHalving,
    hyperband_brackets,
    median_bracket,
)
from skhpo.space import Space

from .test_loop import SimulatedEvaluator, single

BRACKETS = hyperband_brackets(1, 27, 3)
SCHEDULERS = {
    "hyperband": lambda: SuccessiveHalving(BRACKETS),
    "two sweeps": lambda: SuccessiveHalving(BRACKETS, 2),
    "asha": lambda: AsynchronousHalving(BRACKETS[0]),
    "median": lambda: MedianStopping(median_bracket(1, 27, 20)),
}
every_scheduler = pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS)


class KeepingEvaluator(SimulatedEvaluator):
    """Says when a job goes on from models that are gone; scores grow with units."""

    def __init__(self, *args):
        super().__init__(*args)
        self.models, self.trials, self.most = set(), {}, 0

    def submit(self, trial):
        if trial.parent is not None:
            assert (trial.parent.twin or trial.parent).id in self.models
        self.trials[trial.id] = trial
        self.models.add(trial.id)
        super().submit(trial)

    def keep_models(self, trials):
        self.models &= trials
        self.most = max(self.most, len(self.models))

    def collect(self, timeout=None):
        (outcome,) = super().collect(timeout)
        score = outcome.test_scores - 1.0 / self.trials[outcome.trial].job.resource
        return [FoldOutcome(outcome.trial, outcome.fold, score, None, 0.0, 0.0)]


def run(make, n_workers=2, space=None, seed=0, optimizer=None, **keywords):
    space = Space(space or {"a": (0.0, 1.0)})
    times = np.random.default_rng(seed).lognormal(size=(3000, 3))
    evaluator = KeepingEvaluator(n_workers, 3, lambda t, f: times[t, f])
    archive = Archive(3, choose_metric=single)
    design = RandomDesign(space, rng=np.random.default_rng(1))
    loop = SearchLoop(
        space=space,
        optimizer=optimizer or design,
        scheduler=make(),
        evaluator=evaluator,
        archive=archive,
        n_points=3,
        **keywords,
    )
    assert loop.run() == SPACE_EXHAUSTED
    return archive, evaluator


def facts(archive):
    return [
        (t.candidate, t.job.parent, t.job.resource, t.score, t.status)
        for t in archive.trials
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
@every_scheduler
def test_a_search_in_rungs_runs_to_its_end(make, asynchronous):
    archive, _ = run(make, asynchronous=asynchronous)
    assert len(archive.finished) == len(archive.trials)
    assert {t.status for t in archive.trials} == {"promoted", "stopped", "complete"}
    assert archive.incumbent.job.resource == 27
    chosen = [archive.finished[i] for i in archive.rows_to_choose_from()]
    assert {t.status for t in chosen} == {"complete"}
    assert archive.comparable == sorted(chosen, key=archive.closed.index)


@every_scheduler
def test_the_table_is_the_same_for_any_number_of_workers(make):
    tables = [facts(run(make, n_workers=n, seed=n)[0]) for n in (1, 2, 4, 8)]
    assert tables[0] == tables[1] == tables[2] == tables[3]


@every_scheduler
def test_a_small_space_ends_at_the_top_all_the_same(make):
    archive, _ = run(make, space={"a": [0.1, 0.2, 0.3, 0.4]})
    assert archive.incumbent.job.resource == 27
    assert {t.candidate for t in archive.trials} == {0, 1, 2, 3}


def test_candidates_are_numbered_through():
    archive, _ = run(SCHEDULERS["hyperband"])
    n = sum(bracket.n_candidates[0] for bracket in BRACKETS)
    assert {t.candidate for t in archive.trials} == set(range(n))


def test_models_are_let_go_when_nothing_can_go_on_from_them():
    archive, evaluator = run(SCHEDULERS["hyperband"])
    assert evaluator.most < 20 < len(archive.trials)
    assert evaluator.models == set()


def test_the_clock_counts_the_units_that_are_new():
    archive, _ = run(SCHEDULERS["hyperband"])
    promoted = next(t for t in archive.trials if t.parent is not None)
    whole = promoted.job.resource
    assert archive.new_units(promoted) == whole - promoted.parent.job.resource
    archive.continues = False
    assert archive.new_units(promoted) == whole


def test_rank_one_is_the_best_of_the_highest_resource():
    archive, _ = run(SCHEDULERS["hyperband"])
    ranks = build_cv_results(archive)["rank_test_score"]
    resources = np.array([t.job.resource for t in archive.finished])
    assert archive.finished[np.argmin(ranks)] is archive.incumbent
    assert (np.diff(resources[np.argsort(ranks, kind="stable")]) <= 0).all()


class Stubborn:
    """Proposes one setting again and again."""

    def __init__(self, space):
        self.design = RandomDesign(space, rng=np.random.default_rng(0))
        (self.proposal,) = self.design.ask(1)

    def ask(self, n, *, pending=(), near=None, resource=None):
        return [self.proposal] * n

    def tell(self, results):
        """It never learns."""


def test_a_twin_goes_on_from_the_models_of_the_first_of_its_kind():
    optimizer = Stubborn(Space({"a": (0.0, 1.0)}))
    archive, evaluator = run(SCHEDULERS["asha"], optimizer=optimizer)
    assert len(evaluator.trials) == len({t.job.resource for t in archive.trials}) == 4
    assert {t.namesake for t in archive.trials} == {0}


def test_an_optimizer_that_only_repeats_itself_does_not_stop_promotions():
    class Endless(SuccessiveHalving):
        """Takes a thousand candidates."""

    optimizer = Stubborn(Space({"a": (0.0, 1.0)}))
    bracket = hyperband_brackets(1, 27, 3, 1000)[:1]
    archive, _ = run(lambda: Endless(bracket), optimizer=optimizer)
    assert 100 <= len({t.candidate for t in archive.trials}) <= 103
    assert archive.incumbent.job.resource == 27


# ---- populations: models of other candidates


STEPS = [3, 6, 9, 12, 15, 18, 21, 24, 27]
POPULATIONS = {
    "truncation": lambda: PopulationBased(8, STEPS),
    "tournament": lambda: PopulationBased(8, STEPS, "tournament"),
}
every_population = pytest.mark.parametrize(
    "make", POPULATIONS.values(), ids=POPULATIONS
)


@pytest.mark.parametrize("asynchronous", [False, True])
@every_population
def test_a_population_runs_to_its_end(make, asynchronous):
    archive, evaluator = run(make, asynchronous=asynchronous)
    assert len(archive.finished) == len(archive.trials) == 8 * 9
    assert archive.incumbent.job.resource == 27
    assert evaluator.most < 30
    assert evaluator.models == set()


@every_population
def test_the_table_of_a_population_does_not_depend_on_workers(make):
    tables = [facts(run(make, n_workers=n, seed=n)[0]) for n in (1, 2, 4, 8)]
    assert tables[0] == tables[1] == tables[2] == tables[3]


class OfOne(Stubborn):
    """Begins with several settings; whoever copies gets one and the same."""

    def ask(self, n, *, pending=(), near=None, resource=None):
        return self.design.ask(n) if near is None else [self.proposal] * n


def test_equal_settings_with_different_pasts_are_two_models_and_with_one_past_one():
    archive, evaluator = run(
        lambda: PopulationBased(8, [9, 18, 27], quantile=0.5),
        optimizer=OfOne(Space({"a": (0.0, 1.0)})),
    )
    copies = [t for t in archive.trials if t.job.labels["event"] == "exploit"]
    at_two = [t for t in copies if t.job.resource == 18]
    assert len({t.params["a"] for t in at_two}) == 1
    for trial in at_two:
        others = [t for t in at_two if t.id < trial.id and t.parent is trial.parent]
        assert trial.twin is (others[0] if others else None)
    assert 1 < len({t.parent.id for t in at_two}) < len(at_two)
    assert len(evaluator.trials) == sum(t.twin is None for t in archive.trials)
    assert all(t.namesake == (t.twin or t).namesake for t in archive.trials)


def test_who_copies_and_changes_nothing_is_the_twin_of_the_donor():
    class Near(Stubborn):
        def ask(self, n, *, pending=(), near=None, resource=None):
            if near is None:
                return self.design.ask(n)
            return [Proposal(1000, near)]

    archive, _ = run(
        POPULATIONS["truncation"], optimizer=Near(Space({"a": (0.0, 1.0)}))
    )
    copies = [t for t in archive.trials if t.job.labels["event"] == "exploit"]
    assert copies
    for trial in copies:
        assert trial.twin.parent in (trial.parent, trial.parent.twin)
        assert trial.namesake == trial.parent.namesake
