"""The doors: search estimators that stand where ``GridSearchCV`` stood."""

from skhpo.search._bayes import BayesSearchCV

__all__ = ["BayesSearchCV"]
