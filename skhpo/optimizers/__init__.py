"""Optimizers: ask them for points, tell them scores. They know a space, never a fit."""

from skhpo._types import Proposal, Result
from skhpo.optimizers._auto import (
    automatic_optimizer,
    automatic_rung_optimizer,
    fits_in,
)
from skhpo.optimizers._base import BaseOptimizer
from skhpo.optimizers._cmaes import (
    CovarianceMatrixAdaptation,
    has_cmaes,
    require_cmaes,
)
from skhpo.optimizers._design import (
    Chain,
    FixedPoints,
    GridDesign,
    LatinDesign,
    RandomDesign,
    Reserved,
    SobolDesign,
    initial_design_size,
)
from skhpo.optimizers._differential import DifferentialEvolution
from skhpo.optimizers._evolution_auto import automatic_evolution
from skhpo.optimizers._explore import Perturb, Resample
from skhpo.optimizers._fidelity import (
    FidelityGaussianProcessOptimizer,
    FidelityTPEOptimizer,
)
from skhpo.optimizers._forest import ForestOptimizer
from skhpo.optimizers._genetic import GeneticAlgorithm
from skhpo.optimizers._gp import GaussianProcessOptimizer
from skhpo.optimizers._own import (
    OwnOptimizer,
    check_own_optimizer,
    make_own_optimizer,
)
from skhpo.optimizers._pb2 import PB2
from skhpo.optimizers._regularized import RegularizedEvolution
from skhpo.optimizers._tpe import TPEOptimizer
from skhpo.optimizers._warm_start import OldStudy, WarmStart

__all__ = [
    "PB2",
    "BaseOptimizer",
    "Chain",
    "CovarianceMatrixAdaptation",
    "DifferentialEvolution",
    "FidelityGaussianProcessOptimizer",
    "FidelityTPEOptimizer",
    "FixedPoints",
    "ForestOptimizer",
    "GaussianProcessOptimizer",
    "GeneticAlgorithm",
    "GridDesign",
    "LatinDesign",
    "OldStudy",
    "OwnOptimizer",
    "Perturb",
    "Proposal",
    "RandomDesign",
    "RegularizedEvolution",
    "Resample",
    "Reserved",
    "Result",
    "SobolDesign",
    "TPEOptimizer",
    "WarmStart",
    "automatic_evolution",
    "automatic_optimizer",
    "automatic_rung_optimizer",
    "check_own_optimizer",
    "fits_in",
    "has_cmaes",
    "initial_design_size",
    "make_own_optimizer",
    "require_cmaes",
]
