"""What all evolutionary optimizers do, whatever their algorithm."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers import (
    DifferentialEvolution,
    GeneticAlgorithm,
    RegularizedEvolution,
)
from skhpo.optimizers._population import Child, cell_widths, filled
from skhpo.schedulers import Fifo
from skhpo.space import Space
from skhpo.testing import SimulatedSearch
from tests.optimizers.asking import UNIT, peak, results

ALGORITHMS = [DifferentialEvolution, GeneticAlgorithm, RegularizedEvolution]
CATEGORIES = Space({"kind": list("abc"), "flag": [True, False], "x": (0.0, 1.0)})


def make(algorithm, space=UNIT, n_iter=60, seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    return algorithm(space, n_iter=n_iter, rng=rng, **kwargs)


# The start ------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_start_has_each_category_equally_often(algorithm):
    optimizer = make(algorithm, CATEGORIES, population_size=12)
    settings = [CATEGORIES.to_params(p.point) for p in optimizer.ask(12)]
    kinds = [params["kind"] for params in settings]
    assert [kinds.count(kind) for kind in "abc"] == [4, 4, 4]
    assert sum(params["flag"] for params in settings) == 6
    strata = sorted(int(12 * params["x"]) for params in settings)
    assert strata == list(range(12))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_others_told_or_asked_for_counts_as_start(algorithm):
    optimizer = make(algorithm, population_size=8)
    points = UNIT.sample(6, np.random.default_rng(1))
    told = results(points, [peak(point) for point in points])
    optimizer.tell(told[:5])
    origins = [
        proposal.labels["origin"]
        for proposal in optimizer.ask(4, pending=[told[5].proposal])
    ]
    assert origins == ["initial", "initial", "ask", "ask"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_while_all_fail_points_stay_random(algorithm):
    optimizer = make(algorithm, population_size=5)
    for i in range(30):
        (proposal,) = optimizer.ask(1)
        operator = "initial" if i < 5 else "random"
        assert proposal.labels["operator"] == operator
        assert proposal.labels["parents"] == ""
        optimizer.tell([Result(proposal, np.nan)])


# Members --------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_point_told_again_is_one_member_with_the_new_score(algorithm):
    optimizer = make(algorithm, population_size=8)
    points = UNIT.sample(5, np.random.default_rng(1))
    optimizer.tell(results(points, np.arange(5.0)))
    optimizer.tell([Result(Proposal(9, points[1]), 7.0)])
    assert len(optimizer.members) == 5
    assert [member.score for member in optimizer.best_first()] == [7, 4, 3, 2, 0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_parents_are_named_by_the_ids_that_were_told(algorithm):
    optimizer = make(algorithm, population_size=6)
    points = UNIT.sample(6, np.random.default_rng(1))
    told = [
        Result(Proposal(100 + i, point), peak(point)) for i, point in enumerate(points)
    ]
    optimizer.tell(told)
    parents = {
        int(name)
        for proposal in optimizer.ask(6)
        for name in proposal.labels["parents"].split(",")
    }
    assert parents <= set(range(100, 106))
    assert parents


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_near_has_all_labels(algorithm):
    optimizer = make(algorithm)
    (proposal,) = optimizer.ask(1, near=np.array([0.5, 0.5]))
    assert proposal.labels["operator"] == "near"
    assert set(proposal.labels) == {"origin", "generation", "operator", "parents"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_too_few_members_are_refused(algorithm):
    with pytest.raises(ValueError, match="population_size=3 is too small.*4 members"):
        make(algorithm, population_size=3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("n_iter", [1, 3, 7])
def test_tiny_budgets_have_a_population_that_works(algorithm, n_iter):
    optimizer = make(algorithm, CATEGORIES, n_iter=n_iter)
    for i in range(12):
        (proposal,) = optimizer.ask(1)
        optimizer.tell([Result(proposal, float(i))])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_an_earlier_search_knew_costs_nothing(algorithm):
    optimizer = make(algorithm, population_size=12, n_iter=60)
    labels = {"origin": "warm_start"}
    points = UNIT.sample(80, np.random.default_rng(1))
    points = sorted(points, key=peak, reverse=True)  # nothing improves for long
    optimizer.tell(
        [Result(Proposal(i, x, None, labels), peak(x)) for i, x in enumerate(points)]
    )
    assert len(optimizer.members) == 12
    (proposal,) = optimizer.ask(1)
    assert proposal.labels["operator"] not in ("initial", "restart")


# New blood ------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS[:2])
def test_lost_diversity_brings_new_blood(algorithm):
    optimizer = make(algorithm, population_size=8, n_iter=None)
    alike = 0.4 + 1e-3 * np.random.default_rng(1).random((9, 2))
    optimizer.tell(results(alike, np.arange(9.0)))
    assert [member.id for member in optimizer.members] == [8, 7]
    operators, points = [], []
    for _ in range(7):
        (proposal,) = optimizer.ask(1)
        operators.append(proposal.labels["operator"])
        points.append(proposal.point)
        optimizer.tell([Result(proposal, peak(proposal.point))])
    assert operators[:6] == ["restart"] * 6
    assert operators[6] != "restart"
    assert optimizer.diversity > 0.1
    distances = np.linalg.norm(np.array(points[:6]) - 0.4, axis=1)
    assert (distances > 0.3).any()  # anywhere


@pytest.mark.parametrize("algorithm", ALGORITHMS[:2])
def test_no_improvement_for_long_brings_new_blood(algorithm):
    optimizer = make(algorithm, population_size=8, n_iter=None)
    operators = []
    for i in range(60):
        (proposal,) = optimizer.ask(1)
        operators.append(proposal.labels["operator"])
        optimizer.tell([Result(proposal, 1.0 if i == 0 else 0.0)])
    assert "restart" in operators
    assert "restart" not in operators[: optimizer._patience]
    assert max(member.score for member in optimizer.members) == 1.0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_child_that_was_seen_becomes_a_neighbour(algorithm, monkeypatch):
    space = Space({"n": (0, 99), "m": (0, 99)})
    optimizer = make(algorithm, space, population_size=6, n_iter=None)
    points = space.sample(6, np.random.default_rng(1))
    optimizer.tell(results(points, np.arange(6.0)))
    seen = Child(points[5], "mutation", (optimizer.members[0],))
    monkeypatch.setattr(optimizer, "_breed", lambda n, unseen: [seen])
    for proposal in optimizer.ask(3):
        assert proposal.labels["operator"] == "mutation"
        assert 0 < np.linalg.norm(proposal.point - points[5]) < 0.5


@pytest.mark.parametrize("algorithm", ALGORITHMS[:2])
def test_while_nothing_improves_the_unknown_is_worth_more(algorithm, monkeypatch):
    optimizer = make(algorithm, population_size=8, surrogate="auto")
    points = UNIT.sample(10, np.random.default_rng(1))
    optimizer.tell(results(points, [peak(point) for point in points]))
    given, order = [], optimizer._screen.order

    def recorded(points, *, optimism, **kwargs):
        given.append(optimism)
        return order(points, optimism=optimism, **kwargs)

    monkeypatch.setattr(optimizer._screen, "order", recorded)
    for score in (1.0, 0.0, 0.0, 0.0, 2.0, 0.0):
        (proposal,) = optimizer.ask(1)
        optimizer.tell([Result(proposal, score)])
    np.testing.assert_allclose(given[1:], [0.5, 0.6, 0.7, 0.8, 0.5])


def test_what_is_inactive_is_filled_from_others_or_by_chance():
    points = np.array([[0.1, np.nan, np.nan]])
    others = np.array([[0.9, 0.8, np.nan]])
    full = filled(points, others, np.random.default_rng(0))
    assert full[0, :2].tolist() == [0.1, 0.8]
    assert 0 <= full[0, 2] <= 1


def test_only_numbers_with_cells_have_widths():
    space = Space({"x": (0.0, 1.0), "n": (1, 4), "kind": list("abc")})
    assert cell_widths(space).tolist() == [0.0, 0.25, 0.0]


# Workers --------------------------------------------------------------------------


@dataclass
class EvolutionOnSimulatedWorkers(SimulatedSearch):
    """The clock and the workers of a simulated search; an optimizer proposes."""

    optimizer: Any = None

    def _propose(self, calls):
        def propose(n, **context):
            calls.append(n)
            pending = [trial.job.proposal for trial in self.running.values()]
            proposals = self.optimizer.ask(n, pending=pending)
            self.n_proposed += len(proposals)
            return proposals

        return propose

    def _commit(self, trial):
        super()._commit(trial)
        proposal = trial.job.proposal
        score = trial.score if trial.status == "failed" else peak(proposal.point)
        self.optimizer.tell([Result(proposal, score)])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_workers_never_wait_for_a_generation(algorithm):
    """Log-normal times (sd 1), 8 workers: they idle at the end only."""
    optimizer = make(algorithm, n_iter=300)
    search = EvolutionOnSimulatedWorkers(
        Fifo(300), n_points=8, spread=1.0, fails=0.05, optimizer=optimizer
    )
    search.run()
    assert len(search.committed) == 300
    assert search.idle_share < 0.1
    keys = {UNIT.key(trial.job.proposal.point) for trial in search.committed}
    assert len(keys) == 300


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_eight_workers_still_find_a_peak(algorithm):
    optimizer = make(algorithm, n_iter=120)
    search = EvolutionOnSimulatedWorkers(
        Fifo(120), n_points=8, spread=1.0, optimizer=optimizer
    )
    search.run()
    best = max(peak(trial.job.proposal.point) for trial in search.committed)
    assert best > -0.01
