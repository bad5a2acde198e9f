"""First in, first out."""

import numpy as np

from skhpo._types import Proposal
from skhpo.schedulers import Fifo


def propose_all(n):
    return [Proposal(i, np.array([0.5])) for i in range(n)]


def test_the_budget_is_never_exceeded():
    fifo = Fifo(5)
    sizes = [len(fifo.next_jobs(2, propose_all)) for _ in range(4)]
    assert sizes == [2, 2, 1, 0]


def test_nothing_is_asked_once_the_budget_is_spent():
    fifo = Fifo(1)
    fifo.next_jobs(1, propose_all)
    assert fifo.next_jobs(1, lambda n: 1 / 0) == []


def test_fewer_proposals_cost_only_what_they_are():
    fifo = Fifo(5)
    assert len(fifo.next_jobs(4, lambda n: propose_all(1))) == 1
    assert len(fifo.next_jobs(9, propose_all)) == 4


def test_without_a_budget_there_are_always_jobs():
    fifo = Fifo(None)
    assert [len(fifo.next_jobs(3, propose_all)) for _ in range(100)] == [3] * 100


def test_the_origin_is_the_proposals_label():
    first = Proposal(0, np.array([0.5]), labels={"origin": "initial"})
    jobs = Fifo(2).next_jobs(2, lambda n: [first, Proposal(1, np.array([0.1]))])
    assert [job.origin for job in jobs] == ["initial", "ask"]
