"""Hyperparameter search estimators for scikit-learn."""

from skhpo._callbacks import Progress
from skhpo._stopping import ExpectedGainBelow, NoImprovement, TargetReached
from skhpo._version import __version__
from skhpo.search import BayesSearchCV
from skhpo.space import Categorical, Integer, Ordinal, Real

__all__ = [
    "BayesSearchCV",
    "Categorical",
    "ExpectedGainBelow",
    "Integer",
    "NoImprovement",
    "Ordinal",
    "Progress",
    "Real",
    "TargetReached",
    "__version__",
]
