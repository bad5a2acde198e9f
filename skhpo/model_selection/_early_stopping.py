"""Early stopping by rows of the training set, taken as the splits take theirs.

Boosters stop at a random part of their rows, or at a validation set that was made
before the folds. Both know too much where rows come in groups or in time. Here the
number of rounds is found on splits of the training rows, by a splitter of the user's,
and the model is then trained on all of them for that many rounds: the mean of the best
iterations.
"""

from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skhpo._sklearn import check_method_params, safe_split
from skhpo.evaluation import head_of, keeps_groups, share_out
from skhpo.model_selection._boosters import Booster, Validation
from skhpo.model_selection._guards import as_sentence, fixed_eval_set
from skhpo.model_selection._splits import splits_of


def _has(name):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class EarlyStoppingSplit(MetaEstimatorMixin, BaseEstimator):
    """A booster that finds its number of rounds on splits of its training rows.

    Parameters
    ----------
    estimator : estimator
        A booster of scikit-learn, xgboost, lightgbm or catboost, or a pipeline that
        ends in one. Its own number of rounds is the most that are tried. In a search
        its parameters are ``estimator__...``.
    cv : int or splitter, default=3
        Splits of the training rows: each gives a best iteration. Take a splitter of the
        same kind as that of the search: ``TimeSeriesSplit(3)``, ``GroupKFold(3)``,
        ``ShuffleSplit(1)`` for one split only. An int means folds as in scikit-learn,
        by whole groups where groups are given.
    n_iter_no_change : int, default=10
        Rounds without improvement after which the training of a split ends.
    scoring : str or callable, default=None
        By what GradientBoosting* (and HistGradientBoosting* before scikit-learn 1.7) is
        judged; None = log loss or squared error. Others use their own loss.

    Attributes
    ----------
    estimator_ : estimator
        Trained on all rows for ``n_iter_`` rounds.
    n_iter_ : int
        Mean of the best iterations, rounded.
    best_iterations_ : list of int
        The best iteration of each split, counted from 1.
    n_features_in_, feature_names_in_, classes_
        Those of ``estimator_``.

    Notes
    -----
    The validation rows are never rows that a search scores: they are taken from what
    ``fit`` is given. ``K`` splits make ``K + 1`` fits.

    A search keeps ``groups`` for its own splitter while metadata routing is off; pass
    them a second time: ``search.fit(X, y, groups=g, validation_groups=g)``. With
    routing on, ``groups`` reach both.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import GradientBoostingRegressor
    >>> from skhpo.model_selection import EarlyStoppingSplit
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = EarlyStoppingSplit(
    ...     GradientBoostingRegressor(n_estimators=300, random_state=0)
    ... ).fit(X, y)
    >>> model.n_iter_ < 100
    True
    >>> len(model.best_iterations_)
    3
    """

    # groups may come by either name; with routing on they are asked for
    __metadata_request__fit = {"groups": True, "validation_groups": True}

    def __init__(self, estimator, *, cv=3, n_iter_no_change=10, scoring=None):
        self.estimator = estimator
        self.cv = cv
        self.n_iter_no_change = n_iter_no_change
        self.scoring = scoring

    def fit(self, X, y=None, *, groups=None, validation_groups=None, **fit_params):
        """Find the number of rounds on splits, and train on all rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Target.
        groups, validation_groups : array-like of shape (n_samples,), default=None
            Which rows belong together; the same under two names.
        **fit_params : dict
            For ``fit`` of the estimator. What has one entry per row is split;
            ``sample_weight`` weighs the validation rows, too.

        Returns
        -------
        self : object
        """
        booster = Booster.of(self.estimator)
        self._check_patience()
        message = fixed_eval_set(fit_params)
        if message is not None:
            raise ValueError(as_sentence(message))
        X, y = indexable(X, y)
        groups = validation_groups if groups is None else groups
        params = check_method_params(X, params=self._routed(fit_params))
        self.best_iterations_ = [
            self._best_iteration(booster, X, y, train, test, params)
            for train, test in self._splits(X, y, groups)
        ]
        self.n_iter_ = max(1, round(float(np.mean(self.best_iterations_))))
        estimator = clone(self.estimator)
        estimator.set_params(**booster.for_refit(estimator, self.n_iter_))
        self.estimator_ = estimator.fit(X, y, **params)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))
        return self

    def _routed(self, fit_params):
        """Return what the estimator gets, with metadata routing on or off."""
        if not fit_params or not get_config()["enable_metadata_routing"]:
            return fit_params
        return process_routing(self, "fit", **fit_params).estimator.fit

    def get_metadata_routing(self):
        """Ask for groups, and for what the estimator asks for."""
        mapping = MethodMapping()
        for method in ("fit", "score"):
            mapping.add(caller=method, callee=method)
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(estimator=self.estimator, method_mapping=mapping)
        )

    def _check_patience(self):
        n = self.n_iter_no_change
        if isinstance(n, bool) or not isinstance(n, Integral) or n < 1:
            raise ValueError(f"n_iter_no_change must be an integer >= 1, got {n!r}.")

    def _splits(self, X, y, groups):
        is_class = is_classifier(self.estimator)
        cv = self.cv
        if isinstance(cv, Integral) and groups is not None:
            cv = StratifiedGroupKFold(cv) if is_class else GroupKFold(cv)
        cv = check_cv(cv, y, classifier=is_class)
        splits = splits_of(cv, X, y, groups)
        if groups is not None and not keeps_groups(splits, groups):
            raise ValueError(
                f"groups were given, and cv={self.cv!r} puts rows of one group on both "
                "sides of a split. Use cv=GroupKFold(3), or cv=3."
            )
        return splits

    def _best_iteration(self, booster, X, y, train, test, params):
        estimator = clone(self.estimator)
        X_train, y_train = safe_split(estimator, X, y, train)
        X_val, y_val = safe_split(estimator, X, y, test, train)
        of_train = check_method_params(X, params=params, indices=train)
        of_val = check_method_params(X, params=params, indices=test)
        last = estimator
        if isinstance(estimator, Pipeline):
            last = estimator.steps[-1][1]
            head_params, of_train = share_out(estimator, of_train)
            _, of_val = share_out(estimator, of_val)
            head = head_of(estimator)
            X_train = head.fit_transform(X_train, y_train, **head_params)
            X_val = head.transform(X_val)
        best = booster.best_rounds(
            last,
            X_train,
            y_train,
            Validation(X_val, y_val, of_val.get("sample_weight")),
            self.n_iter_no_change,
            dict(of_train),
            self.scoring,
        )
        return max(1, int(best))

    # ---- what the estimator can do

    @available_if(_has("predict"))
    def predict(self, X):
        """Predict, as the estimator does."""
        return self._fitted().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X):
        """Return probabilities of the classes, as the estimator does."""
        return self._fitted().predict_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X):
        """Return the decision function, as the estimator does."""
        return self._fitted().decision_function(X)

    @available_if(_has("score"))
    def score(self, X, y, **score_params):
        """Return the score of the estimator."""
        return self._fitted().score(X, y, **score_params)

    def _fitted(self):
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def __sklearn_is_fitted__(self):
        """Return whether ``fit`` came to its end."""
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        """Return the estimator's: what it is, and what it takes."""
        return get_tags(self.estimator)
