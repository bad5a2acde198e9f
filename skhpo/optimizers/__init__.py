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
from skhpo.optimizers._gp import GaussianProcessOptimizer
from skhpo.optimizers._tpe import TPEOptimizer
from skhpo.optimizers._warm_start import OldStudy, WarmStart

__all__ = [
    "BaseOptimizer",
    "Chain",
    "FixedPoints",
    "GaussianProcessOptimizer",
    "GridDesign",
    "OldStudy",
    "RandomDesign",
    "SobolDesign",
    "TPEOptimizer",
    "WarmStart",
    "initial_design_size",
]
