"""Bayesian optimization with a Gaussian process."""

from skhpo.optimizers._gp._optimizer import GaussianProcessOptimizer

__all__ = ["GaussianProcessOptimizer"]
