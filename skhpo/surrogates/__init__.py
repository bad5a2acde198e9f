"""Surrogate models: arrays in, arrays out. They know neither spaces nor proposals."""

from skhpo.surrogates._acquisition import (
    EI,
    PI,
    UCB,
    LogEI,
    Thompson,
    log_expected_improvement,
    resolve_acquisition,
)
from skhpo.surrogates._forest import Forest, fit_forest
from skhpo.surrogates._gp import (
    GaussianProcess,
    Hyperparameters,
    fit_gaussian_process,
)
from skhpo.surrogates._parzen import ParzenEstimator, fit_parzen_estimator
from skhpo.surrogates._transforms import ScoreTransform, fit_score_transform

__all__ = [
    "EI",
    "PI",
    "UCB",
    "Forest",
    "GaussianProcess",
    "Hyperparameters",
    "LogEI",
    "ParzenEstimator",
    "ScoreTransform",
    "Thompson",
    "fit_forest",
    "fit_gaussian_process",
    "fit_parzen_estimator",
    "fit_score_transform",
    "log_expected_improvement",
    "resolve_acquisition",
]
