"""scikit-learn's own tests of its searches, with ours in their place.

The tests come with the installed scikit-learn; no test code is copied. Their module is
loaded a second time while ``GridSearchCV`` and ``RandomizedSearchCV`` of
``sklearn.model_selection`` are two adapters that have the names, signatures and
parameters of the originals and do their work through :class:`BayesSearchCV`.
"""

import importlib.util
import sys
from unittest import mock

import numpy as np
import sklearn.model_selection as model_selection
from sklearn.model_selection import ParameterGrid

from skhpo import BayesSearchCV


class GridSearchCV(BayesSearchCV):
    """BayesSearchCV in the role of GridSearchCV: as many candidates as the grid has."""

    def __init__(
        self,
        estimator,
        param_grid,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        error_score=np.nan,
        return_train_score=False,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid

    def fit(self, X, y=None, **params):
        self.search_space = self.param_grid
        self.n_iter = len(ParameterGrid(self.param_grid))
        return super().fit(X, y, **params)


class RandomizedSearchCV(BayesSearchCV):
    """BayesSearchCV in the role of RandomizedSearchCV."""

    def __init__(
        self,
        estimator,
        param_distributions,
        *,
        n_iter=10,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
            racing=None,  # the original evaluates all folds of each candidate
        )
        self.param_distributions = param_distributions

    def fit(self, X, y=None, **params):
        self.search_space = self.param_distributions
        super().fit(X, y, **params)
        self.cv_results_.pop("mean_work", None)  # the original has no such column
        return self


def load(name):
    """Return a test module of scikit-learn, loaded anew with our two adapters."""
    spec = importlib.util.find_spec(name)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(
        model_selection,
        GridSearchCV=GridSearchCV,
        RandomizedSearchCV=RandomizedSearchCV,
    ):
        spec.loader.exec_module(module)
    return module


def collect(module, excluded):
    """Return the tests of a module by name, without the excluded ones."""
    return {
        name: function
        for name, function in vars(module).items()
        if name.startswith("test_") and name not in excluded
    }
