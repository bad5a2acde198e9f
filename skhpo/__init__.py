"""Hyperparameter search estimators for scikit-learn."""

from skhpo._callbacks import Progress
from skhpo._errors import CheckpointError
from skhpo._stopping import ExpectedGainBelow, NoImprovement, TargetReached
from skhpo._version import __version__
from skhpo.search import (
    BayesSearchCV,
    Checkpoint,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
    load_results,
    replay,
)
from skhpo.space import Categorical, Integer, Ordinal, Real
from skhpo.surrogates import EI, PI, UCB, LogEI, Thompson

__all__ = [
    "BayesSearchCV",
    "Categorical",
    "Checkpoint",
    "CheckpointError",
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
    "TargetReached",
    "Thompson",
    "UCB",
    "__version__",
    "load_results",
    "replay",
]
