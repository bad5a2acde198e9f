"""Every scheduler passes the contract that third parties can inherit."""

import pytest

from skhpo.schedulers import (
    AsynchronousHalving,
    Fifo,
    MedianStopping,
    PopulationBased,
    SuccessiveHalving,
    halving_bracket,
    hyperband_brackets,
    median_bracket,
    plan,
    with_place,
)
from skhpo.testing import SchedulerContract


def units(brackets, n_iterations=1):
    return sum(row["units_continued"] for row in plan(brackets, n_iterations))


class TestFifo(SchedulerContract):
    n_units = n_candidates = 30

    def make(self):
        return Fifo(30)


class TestSuccessiveHalving(SchedulerContract):
    bracket = halving_bracket(2, 54, 3)
    max_resource = 54
    n_units, n_candidates = units([bracket]), 27

    def make(self):
        return SuccessiveHalving([self.bracket])


class TestHyperband(SchedulerContract):
    brackets = hyperband_brackets(1, 30, 3)
    max_resource = 30
    n_units, n_candidates = units(brackets), sum(b.n_candidates[0] for b in brackets)

    def make(self):
        return SuccessiveHalving(self.brackets)


class TestHyperbandOfFewCandidatesTwice(SchedulerContract):
    brackets = hyperband_brackets(1, 81, 3, n_candidates=20)
    max_resource = 81
    n_units, n_candidates = units(brackets, 2), 40

    def make(self):
        return SuccessiveHalving(self.brackets, n_iterations=2)


class TestHyperbandInFullFirst(SchedulerContract):
    brackets = hyperband_brackets(1, 27, 3)
    max_resource = 27
    n_units, n_candidates = units(brackets), sum(b.n_candidates[0] for b in brackets)

    def make(self):
        return SuccessiveHalving(self.brackets, early=27)


class TestHyperbandThatDoesNotWait(TestHyperbandInFullFirst):
    def make(self):
        return SuccessiveHalving(self.brackets, early=1, waits=False)


class TestAsynchronousHalvingWithOneInFull(SchedulerContract):
    bracket, full = with_place([halving_bracket(1, 27, 3)], 27)
    max_resource = 27
    n_units = units([bracket, full])
    n_candidates = bracket.n_candidates[0] + 1

    def make(self):
        return AsynchronousHalving(self.bracket, beside=[self.full])


class TestMedianStoppingWithOneInFullFirst(SchedulerContract):
    bracket, full = with_place([median_bracket(1, 27, 12)], 27)
    max_resource = 27
    n_units, n_candidates = units([bracket, full]), 12

    def make(self):
        return MedianStopping(self.bracket, beside=[self.full], beside_first=True)


class TestHyperbandOfOneRung(SchedulerContract):
    brackets = hyperband_brackets(7, 7, 4)
    max_resource = 7
    n_units, n_candidates = 7, 1

    def make(self):
        return SuccessiveHalving(self.brackets)


class TestAsynchronousHalving(SchedulerContract):
    bracket = halving_bracket(1, 27, 3)
    max_resource = 27
    n_units, n_candidates = units([bracket]), 27

    def make(self):
        return AsynchronousHalving(self.bracket)


class TestAsynchronousHalvingOfFewCandidatesTwice(SchedulerContract):
    bracket = halving_bracket(1, 64, 2, n_candidates=10)
    max_resource = 64
    n_units, n_candidates = units([bracket], 2), 20

    def make(self):
        return AsynchronousHalving(self.bracket, n_iterations=2)


class TestMedianStopping(SchedulerContract):
    bracket = median_bracket(1, 40, n_candidates=25)
    max_resource = 40
    n_units, n_candidates = units([bracket]), 25

    def make(self):
        return MedianStopping(self.bracket)


class TestPopulationBased(SchedulerContract):
    steps = [4, 8, 12, 16, 20]
    max_resource = 20
    n_units, n_candidates = 12 * 20, 12

    def make(self):
        return PopulationBased(12, self.steps)


class TestTournament(TestPopulationBased):
    def make(self):
        return PopulationBased(12, self.steps, exploit="tournament")


class TestAsynchronousPopulation(TestPopulationBased):
    def make(self):
        return PopulationBased(12, self.steps, asynchronous=True)


class TestAsynchronousTournament(TestPopulationBased):
    def make(self):
        return PopulationBased(12, self.steps, "tournament", asynchronous=True)


class TestPopulationOfOneStep(SchedulerContract):
    max_resource = 7
    n_units, n_candidates = 4 * 7, 4

    def make(self):
        return PopulationBased(4, [7])


class Broken(SchedulerContract):
    bracket = halving_bracket(1, 27, 3)
    max_resource = 27
    n_units, n_candidates = units([bracket]), 27

    def __init__(self, scheduler):
        self.scheduler = scheduler

    def make(self):
        return self.scheduler([self.bracket])


def test_the_contract_finds_a_scheduler_that_forgets_models():
    class Forgets(SuccessiveHalving):
        def may_continue(self):
            return super().may_continue() - self._in_use

    with pytest.raises(AssertionError):
        Broken(Forgets).test_models_are_kept_until_their_continuation_is_there()


def test_the_contract_finds_a_population_that_forgets_a_donor_with_more_copies():
    class Forgets(PopulationBased):
        def _landed(self, trial):
            self.n_in_flight -= 1
            self._n_children.pop(trial.job.parent, None)

    class Forgetful(TestPopulationBased):
        __test__ = False

        def make(self):
            return Forgets(12, self.steps)

    with pytest.raises(AssertionError):
        Forgetful().test_models_are_kept_until_their_continuation_is_there()


def test_the_contract_finds_a_copy_that_keeps_the_candidate_of_the_donor():
    class Numbers(PopulationBased):
        def _job(self, move, *args, candidate=None):
            return super()._job(move, *args, candidate=move.source.candidate)

    class Numbering(TestPopulationBased):
        __test__ = False

        def make(self):
            return Numbers(12, self.steps)

    with pytest.raises(AssertionError):
        contract = Numbering()
        contract.test_who_goes_on_from_another_candidates_models_is_a_new_candidate()


def test_the_contract_finds_a_scheduler_that_asks_twice():
    class AsksTwice(SuccessiveHalving):
        def _new_candidates(self, n, propose):
            first = super()._new_candidates(n - n // 2, propose)
            return first + super()._new_candidates(n // 2, propose)

    with pytest.raises(AssertionError):
        Broken(AsksTwice).test_proposals_are_asked_for_once_per_call()


def test_the_contract_finds_a_scheduler_that_promotes_failed_trials():
    class Generous(SuccessiveHalving):
        def observe(self, trial):
            trial.status = "complete"
            super().observe(trial)

    contract = Broken(Generous)
    with pytest.raises(AssertionError):
        contract.test_a_continued_trial_was_trained_less_and_did_not_fail()


def test_the_contract_finds_a_scheduler_that_never_comes_to_an_end_of_the_space():
    class Waits(SuccessiveHalving):
        def _end_of_space(self):
            pass

    with pytest.raises(AssertionError):
        Broken(Waits).test_a_small_space_is_used_up_and_the_search_ends()
