"""Hyperparameter search estimators for scikit-learn."""

from skhpo._callbacks import Progress, SearchBegin, SearchEnd
from skhpo._stopping import ExpectedGainBelow, NoImprovement, TargetReached
from skhpo._version import __version__
from skhpo.search import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
    replay,
)
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
    "PBTSearchCV",
    "PI",
    "Progress",
    "Real",
    "SearchBegin",
    "SearchEnd",
    "TargetReached",
    "Thompson",
    "UCB",
    "__version__",
    "replay",
]
