"""The doors: search estimators that stand where ``GridSearchCV`` stood."""

from skhpo.search._bayes import BayesSearchCV
from skhpo.search._checkpoint import Checkpoint, load_results
from skhpo.search._evolutionary import EvolutionarySearchCV
from skhpo.search._hyperband import HyperbandSearchCV
from skhpo.search._pbt import PBTSearchCV
from skhpo.search._schedule import replay

__all__ = [
    "BayesSearchCV",
    "Checkpoint",
    "EvolutionarySearchCV",
    "HyperbandSearchCV",
    "PBTSearchCV",
    "load_results",
    "replay",
]
