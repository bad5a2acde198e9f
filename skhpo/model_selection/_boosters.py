"""How many rounds a booster should have, by a validation set.

====================================  =================================================
xgboost, lightgbm, catboost           their own early stopping, with the validation rows
                                      as ``eval_set``
HistGradientBoosting*,                the same, by ``X_val`` and ``y_val``
scikit-learn >= 1.7
GradientBoosting*, and                ``warm_start``: a round more, a score more, until
HistGradientBoosting* before          it has not improved for long
====================================  =================================================

Each function takes an unfitted booster, its training rows, a :class:`Validation`, the
number of rounds without improvement after which it ends, and what ``fit`` gets; it
returns the best number of rounds.
"""

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from skhpo.evaluation import registered_family, takes
from skhpo.model_selection._row_scores import surprise

#: Parameters by which boosters stop themselves; off in the model of a known length.
_STOPPERS = {
    "early_stopping": False,
    "n_iter_no_change": None,
    "early_stopping_rounds": None,
    "early_stopping_round": None,
    "od_type": None,
    "od_pval": None,
    "od_wait": None,
}


@dataclass(frozen=True, eq=False)
class Validation:
    """Rows that were kept back: as the booster gets them, with their weights."""

    X: Any
    y: Any
    weights: Any = None


@dataclass(frozen=True, eq=False)
class Booster:
    """The booster in an estimator: the last step of a pipeline, or the whole.

    ``prefix`` leads to its parameters; ``param`` counts its rounds.
    """

    prefix: str
    param: str
    names: frozenset

    @classmethod
    def of(cls, estimator):
        """Find it; TypeError where there is none."""
        prefix, last = "", estimator
        if isinstance(estimator, Pipeline):
            name, last = estimator.steps[-1]
            prefix = f"{name}__"
        family = registered_family(last) if hasattr(last, "get_params") else None
        if family is None or family.kind != "boosting rounds":
            raise TypeError(
                "EarlyStoppingSplit needs a booster (GradientBoosting*, "
                "HistGradientBoosting*, xgboost, lightgbm, catboost), or a pipeline "
                f"that ends in one, got {estimator!r}."
            )
        names = frozenset(base.__name__ for base in type(last).__mro__)
        return cls(prefix, family.param, names)

    def for_refit(self, estimator, n_rounds):
        """Return the parameters of a model that is trained for ``n_rounds``."""
        known = estimator.get_params()
        off = {self.prefix + name: value for name, value in _STOPPERS.items()}
        if self.prefix + "early_stopping" in known:  # its n_iter_no_change is a number
            del off[self.prefix + "n_iter_no_change"]
        off = {n: v for n, v in off.items() if n in known and known[n] != v}
        return {**off, self.prefix + self.param: n_rounds}

    def best_rounds(self, last, X, y, validation, patience, fit_params, scoring):
        """Return how many rounds are best for the validation rows."""
        if "XGBModel" in self.names:
            find = _by_xgboost
        elif "LGBMModel" in self.names:
            find = _by_lightgbm
        elif "CatBoost" in self.names:
            find = _by_catboost
        elif "X_val" in signature(last.fit).parameters:
            find = _by_hist_gradient_boosting
        else:
            score = _scorer_of(last, scoring)
            return _by_growing(
                last, X, y, validation, patience, fit_params, self.param, score
            )
        return find(last, X, y, validation, patience, fit_params)


def _by_xgboost(last, X, y, validation, patience, fit_params):
    weights = validation.weights
    last.set_params(early_stopping_rounds=patience)
    last.fit(
        X,
        y,
        **fit_params,
        eval_set=[(validation.X, validation.y)],
        sample_weight_eval_set=None if weights is None else [weights],
        verbose=False,
    )
    return last.best_iteration + 1


def _by_lightgbm(last, X, y, validation, patience, fit_params):
    from lightgbm import early_stopping

    weights = validation.weights
    own = fit_params.pop("callbacks", None) or []
    rows = {"eval_set": [(validation.X, validation.y)]}
    if "eval_X" in signature(last.fit).parameters:  # lightgbm >= 4.7
        rows = {"eval_X": validation.X, "eval_y": validation.y}
    last.fit(
        X,
        y,
        **fit_params,
        **rows,
        eval_sample_weight=None if weights is None else [weights],
        callbacks=[*own, early_stopping(patience, verbose=False)],
    )
    return last.best_iteration_


def _by_catboost(last, X, y, validation, patience, fit_params):
    from catboost import Pool

    pool = Pool(
        validation.X,
        validation.y,
        weight=validation.weights,
        cat_features=last.get_params().get("cat_features"),
    )
    last.fit(
        X,
        y,
        **{"verbose": False, **fit_params},
        eval_set=pool,
        early_stopping_rounds=patience,
    )
    return last.get_best_iteration() + 1


def _by_hist_gradient_boosting(last, X, y, validation, patience, fit_params):
    last.set_params(early_stopping=True, n_iter_no_change=patience)
    weights = validation.weights
    last.fit(
        X,
        y,
        **fit_params,
        X_val=validation.X,
        y_val=validation.y,
        **({} if weights is None else {"sample_weight_val": weights}),
    )
    return np.argmax(last.validation_score_)  # entry 0: before the first round


def _by_growing(last, X, y, validation, patience, fit_params, param, score):
    params = last.get_params()
    most, best, best_score = params[param], 0, -np.inf
    off = {"early_stopping": False} if "early_stopping" in params else {}
    if not off and "n_iter_no_change" in params:
        off = {"n_iter_no_change": None}
    for n_rounds in range(1, most + 1):
        last.set_params(warm_start=True, **off, **{param: n_rounds}).fit(
            X, y, **fit_params
        )
        now = score(last, validation)
        if now > best_score:
            best, best_score = n_rounds, now
        elif n_rounds - best >= patience:
            break
    return best


def _scorer_of(last, scoring):
    """Return a function (estimator, validation) -> number, higher is better."""
    if scoring is None:
        return _minus_log_loss if is_classifier(last) else _minus_squared_error
    scorer = check_scoring(last, scoring)

    def score(estimator, validation):
        weights = {}
        if validation.weights is not None and takes(scorer, "sample_weight"):
            weights = {"sample_weight": validation.weights}
        return scorer(estimator, validation.X, validation.y, **weights)

    return score


def _minus_log_loss(estimator, validation):
    values = surprise(estimator, validation.X, np.ravel(validation.y))
    return -np.average(values, weights=validation.weights)


def _minus_squared_error(estimator, validation):
    predicted = estimator.predict(validation.X)
    error = np.reshape(validation.y, np.shape(predicted)) - predicted
    return -np.average(error**2, weights=validation.weights)
