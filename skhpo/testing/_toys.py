"""Cheap objectives with a known optimum: what searches are compared on.

Higher is better, as everywhere. They take the dict that a user would see.

References
----------
.. [1] Branin (1972), Widely convergent method for finding multiple solutions of
   simultaneous nonlinear equations.
.. [2] Dixon, Szego (1978), The global optimization problem: an introduction (Hartmann).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skhpo.space import Integer, Real, Space


@dataclass(frozen=True)
class Toy:
    """An objective over a space.

    Parameters
    ----------
    name : str
        How it is called.
    space : Space
        Where it is defined.
    score : callable
        From a dict of parameters to a number; higher is better.
    optimum : float
        The largest score in the space.

    Examples
    --------
    >>> from skhpo.testing import toys
    >>> branin = toys()[0]
    >>> round(branin.score({"x": 3.14159, "y": 2.275}), 4)
    -0.3979
    """

    name: str
    space: Space
    score: Callable[[Mapping[str, Any]], float]
    optimum: float

    def __call__(self, point) -> float:
        """The score at a point of the unit cube."""
        return self.score(self.space.to_params(point))


def branin() -> Toy:
    """Two numbers, three equal optima in curved valleys."""
    space = Space({"x": (-5.0, 10.0), "y": (0.0, 15.0)})

    def score(params):
        x, y = params["x"], params["y"]
        valley = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
        return -float(valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

    return Toy("branin", space, score, optimum=-0.397887)


_HARTMANN_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann6() -> Toy:
    """Six numbers, one global optimum and five local ones."""
    space = Space({f"x{i}": (0.0, 1.0) for i in range(6)})

    def score(params):
        x = np.array([params[f"x{i}"] for i in range(6)])
        distance = (_HARTMANN_A * (x - _HARTMANN_P) ** 2).sum(axis=1)
        return float(_HARTMANN_ALPHA @ np.exp(-distance))

    return Toy("hartmann6", space, score, optimum=3.32237)


def mixed() -> Toy:
    """A network-like space: a log scale, a whole number, a choice, a switch."""
    space = Space(
        {
            "rate": (1e-5, 1.0, "log-uniform"),
            "units": (1, 64),
            "activation": ["relu", "tanh", "identity"],
            "shuffle": [True, False],
        }
    )
    penalty = {"relu": 0.0, "tanh": 0.1, "identity": 0.5}
    best_rate = {"relu": -2.5, "tanh": -1.5, "identity": -3.5}

    def score(params):
        activation = params["activation"]
        by_rate = (np.log10(params["rate"]) - best_rate[activation]) ** 2 / 4
        by_units = ((params["units"] - 40) / 40) ** 2
        loss = penalty[activation] + by_rate + by_units + 0.05 * (not params["shuffle"])
        return -float(loss)

    return Toy("mixed", space, score, optimum=0.0)


def stairs() -> Toy:
    """Steps up to a small summit in a plain where every score is the same.

    What decision trees' ``min_*`` parameters do to a search.
    """
    space = Space({name: (0.0, 1.0) for name in "abcd"})
    summit = np.array([0.15, 0.8, 0.4, 0.6])

    def score(params):
        point = np.array([params[name] for name in "abcd"])
        height = 1.0 - np.abs(point - summit).sum() / 1.2
        return float(np.floor(np.clip(height, 0.0, 0.999) * 12) / 11)

    return Toy("stairs", space, score, optimum=1.0)


def conditional() -> Toy:
    """Two alternatives, one of which has a parameter that is active only at times."""
    space = Space(
        [
            {"model": ["linear"], "alpha": (1e-4, 1e2, "log-uniform")},
            {
                "model": ["kernel"],
                "C": (1e-2, 1e3, "log-uniform"),
                "kernel": ["rbf", "poly"],
                "degree": Integer(2, 5, when={"kernel": ["poly"]}),
                "gamma": Real(1e-4, 1.0, scale="log", when={"kernel": ["rbf"]}),
            },
        ]
    )

    def score(params):
        if params["model"] == "linear":
            return -0.3 - 0.05 * float((np.log10(params["alpha"]) + 1) ** 2)
        by_c = 0.05 * (np.log10(params["C"]) - 1.5) ** 2
        if params["kernel"] == "poly":
            return -0.2 - float(by_c) - 0.05 * abs(params["degree"] - 3)
        return -float(by_c + 0.1 * (np.log10(params["gamma"]) + 2) ** 2)

    return Toy("conditional", space, score, optimum=0.0)


def toys() -> list[Toy]:
    """All toy objectives, the easiest first.

    Returns
    -------
    toys : list of Toy
        Smooth, mixed, with plateaus, with conditions.

    Examples
    --------
    >>> from skhpo.testing import toys
    >>> [toy.name for toy in toys()]
    ['branin', 'hartmann6', 'mixed', 'stairs', 'conditional']
    """
    return [branin(), hartmann6(), mixed(), stairs(), conditional()]
