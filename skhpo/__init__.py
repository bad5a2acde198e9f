"""Hyperparameter search estimators for scikit-learn."""

from skhpo._callbacks import Progress
from skhpo._stopping import ExpectedGainBelow, NoImprovement, TargetReached
from skhpo._version import __version__
from skhpo.search import BayesSearchCV, EvolutionarySearchCV, HyperbandSearchCV
from skhpo.space import Categorical, Integer, Ordinal, Real
from skhpo.surrogates import EI, PI, UCB, LogEI, Thompson

__all__ = [
    "BayesSearchCV",
    "Categorical",
    "EI",
    "EvolutionarySearchCV",
    "ExpectedGainBelow",
    "HyperbandSearchCV",
    "Integer",
    "LogEI",
    "NoImprovement",
    "Ordinal",
    "PI",
    "Progress",
    "Real",
    "TargetReached",
    "Thompson",
    "UCB",
    "__version__",
]
