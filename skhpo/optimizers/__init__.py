"""Optimizers: ask them for points, tell them scores. They know a space, never a fit."""

from skhpo._types import Proposal, Result
from skhpo.optimizers._auto import automatic_optimizer, fits_in
from skhpo.optimizers._base import BaseOptimizer
from skhpo.optimizers._design import (
    Chain,
    FixedPoints,
    GridDesign,
    RandomDesign,
    SobolDesign,
    initial_design_size,
)
from skhpo.optimizers._explore import Perturb, Resample
from skhpo.optimizers._fidelity import (
    FidelityGaussianProcessOptimizer,
    FidelityTPEOptimizer,
)
from skhpo.optimizers._forest import ForestOptimizer
from skhpo.optimizers._gp import GaussianProcessOptimizer
from skhpo.optimizers._own import (
    OwnOptimizer,
    check_own_optimizer,
    make_own_optimizer,
)
from skhpo.optimizers._pb2 import PB2
from skhpo.optimizers._tpe import TPEOptimizer
from skhpo.optimizers._warm_start import OldStudy, WarmStart

__all__ = [
    "PB2",
    "BaseOptimizer",
    "Chain",
    "FidelityGaussianProcessOptimizer",
    "FidelityTPEOptimizer",
    "FixedPoints",
    "ForestOptimizer",
    "GaussianProcessOptimizer",
    "GridDesign",
    "OldStudy",
    "OwnOptimizer",
    "Perturb",
    "Proposal",
    "RandomDesign",
    "Resample",
    "Result",
    "SobolDesign",
    "TPEOptimizer",
    "WarmStart",
    "automatic_optimizer",
    "check_own_optimizer",
    "fits_in",
    "initial_design_size",
    "make_own_optimizer",
]
