"""Hyperparameter search estimators for scikit-learn."""

from skhpo._callbacks import Progress
from skhpo._version import __version__
from skhpo.search import BayesSearchCV
from skhpo.space import Categorical, Integer, Ordinal, Real

__all__ = [
    "BayesSearchCV",
    "Categorical",
    "Integer",
    "Ordinal",
    "Progress",
    "Real",
    "__version__",
]
