"""The doors: search estimators that stand where ``GridSearchCV`` stood."""

from skhpo.search._bayes import BayesSearchCV
from skhpo.search._evolutionary import EvolutionarySearchCV
from skhpo.search._hyperband import HyperbandSearchCV

__all__ = ["BayesSearchCV", "EvolutionarySearchCV", "HyperbandSearchCV"]
