"""Optimizers: ask them for points, tell them scores. They know a space, never a fit."""

from skhpo.optimizers._base import BaseOptimizer
from skhpo.optimizers._design import (
    Chain,
    FixedPoints,
    GridDesign,
    RandomDesign,
    SobolDesign,
    initial_design_size,
)
from skhpo.optimizers._forest import ForestOptimizer
from skhpo.optimizers._gp import GaussianProcessOptimizer
from skhpo.optimizers._tpe import TPEOptimizer

__all__ = [
    "BaseOptimizer",
    "Chain",
    "FixedPoints",
    "ForestOptimizer",
    "GaussianProcessOptimizer",
    "GridDesign",
    "RandomDesign",
    "SobolDesign",
    "TPEOptimizer",
    "initial_design_size",
]
