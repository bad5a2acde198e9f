"""The shell around a search, which is what ``cross_validate`` is given.

scikit-learn passes groups and weights on to both levels in none of its two modes of
metadata routing without further ado; the inner winners are wanted, and not the fitted
searches; and rows are scored one by one where the metric allows it. So the shell asks
for all metadata, ``cross_validate`` always runs with routing on, and inside the shell
the user's own mode is restored.
"""

import copy
import warnings
from math import nan

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRequest

from skhpo._sklearn import is_multimetric_scorer, scorer_dict
from skhpo.evaluation import score_range
from skhpo.model_selection._row_scores import row_scores
from skhpo.model_selection._stability import point_of
from skhpo.space import space_of


class OuterFold(BaseEstimator):
    """One outer fold: the search on its training rows, and what is left of it.

    Parameters
    ----------
    search : search estimator
    names : tuple of str
        Parameters that it asks ``cross_validate`` for.
    routing : bool
        The user's mode of metadata routing.
    keep : bool
        Whether to keep the fitted search.
    """

    def __init__(self, search, names, routing, keep):
        self.search = search
        self.names = names
        self.routing = routing
        self.keep = keep

    def __sklearn_clone__(self):
        twin = copy.copy(self)
        twin.search = clone(self.search)
        return twin

    def __sklearn_tags__(self):
        """Return the search's: whether X is a square matrix, say."""
        return get_tags(self.search)

    def get_metadata_routing(self):
        """Ask for everything, for ``fit``."""
        return _asking_for(self, "fit", self.names)

    def fit(self, X, y=None, **params):
        """Search, with metadata routing as the user has it."""
        with config_context(enable_metadata_routing=self.routing):
            args = (X,) if y is None else (X, y)
            self.search_ = self.search.fit(*args, **params)
        return self


class OuterScorer:
    """Scores a fold's winner, notes what is wanted of it, and lets the search go.

    ``asked`` is the search with the outer ``scoring``, which finds out what the scorer
    gets; ``scoring`` as the user gave it.
    """

    def __init__(self, asked, scoring, names):
        self.asked = asked
        self.scoring = scoring
        self.names = names

    def get_metadata_routing(self):
        """Ask for everything, for ``score``."""
        return _asking_for(self, "score", self.names)

    def __call__(self, fold, X, y=None, **params):
        """Return the score, a float."""
        with config_context(enable_metadata_routing=fold.routing):
            score = self._score(fold, X, y, params)
        self._note(fold)
        return score

    def _score(self, fold, X, y, params):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the search said it
            routed = self.asked._get_routed_params_for_fit(params).scorer.score
        scorer, _ = self.asked._get_scorers()
        best = fold.search_.best_estimator_
        score = scorer(best, X, **routed) if y is None else scorer(best, X, y, **routed)
        fold.metric_ = None
        if isinstance(score, dict):
            fold.metric_ = self._metric(score)
            score = score[fold.metric_]
        if is_multimetric_scorer(scorer):
            scorer = scorer_dict(scorer)[fold.metric_]
        fold.limits_ = score_range(scorer, best, lambda _: ())
        is_plain = not routed  # a weighted mean has no standard error that we know
        fold.row_scores_ = (
            _rows_that_make(score, scorer, best, X, y) if is_plain else None
        )
        return score

    def _metric(self, scores):
        """Return which of several metrics is the score of the fold."""
        refit = self.asked.refit
        if self.scoring is None and isinstance(refit, str) and refit in scores:
            return refit
        if len(scores) == 1:
            return next(iter(scores))
        raise ValueError(
            f"scoring returns several metrics, {list(scores)}: nested_cross_validate "
            f"needs one. Choose it: scoring={next(iter(scores))!r}, or a function that "
            "returns a number."
        )

    def _note(self, fold):
        search = fold.search_
        fold.best_params_ = search.best_params_
        fold.point_ = point_of(space_of(search), search.best_params_)
        fold.inner_best_score_ = _inner_best_score(search, self.scoring, fold.metric_)
        fold.n_candidates_ = len(search.cv_results_["params"])
        fold.search = None
        if not fold.keep:
            del fold.search_


def scoring_twin(search, scoring):
    """Return a clone of the search that scores as the outer folds do."""
    twin = clone(search).set_params(error_score="raise")
    if scoring is not None:
        twin.set_params(scoring=scoring, refit=True)
    return twin


def _asking_for(owner, method, names):
    request = MetadataRequest(owner=owner)
    for name in names:
        getattr(request, method).add_request(param=name, alias=True)
    return request


def _rows_that_make(score, scorer, estimator, X, y):
    """Return scores of rows whose mean is the score; None where there are none."""
    values = row_scores(scorer, estimator, X, y)
    if values is None or not np.isclose(values.mean(), score, rtol=1e-6, atol=1e-9):
        return None
    return values


def _inner_best_score(search, scoring, metric):
    """Return the inner score of the winner by the outer metric; nan = it has none."""
    name = metric or "score"
    if scoring is not None and scoring != search.scoring:
        name = scoring if isinstance(scoring, str) else ""
    column = search.cv_results_.get(f"mean_test_{name}")
    return nan if column is None else float(column[search.best_index_])
