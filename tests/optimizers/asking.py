"""What the tests of optimizers that learn have in common."""

import numpy as np

from skhpo._types import Proposal, Result
from skhpo.space import Space

UNIT = Space({"x": (0.0, 1.0), "y": (0.0, 1.0)})


def results(points, scores):
    pairs = enumerate(zip(points, scores, strict=True))
    return [Result(Proposal(i, point), score) for i, (point, score) in pairs]


def best_after(optimizer, score, n):
    best = -np.inf
    for _ in range(n):
        (proposal,) = optimizer.ask(1)
        value = score(proposal.point)
        best = max(best, value)
        optimizer.tell([Result(proposal, value)])
    return best


def peak(point):
    return float(-np.sum((point - 0.3) ** 2))
