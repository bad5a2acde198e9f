"""Where nothing can be scored: the search stops early, and says why."""

from inspect import signature
from math import isfinite

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.multiclass import type_of_target

from skhpo._sklearn import (
    is_multimetric_scorer,
    scorer_dict,
    scorer_parts,
    scorer_response_method,
)
from skhpo.evaluation import baseline_errors, baseline_of
from skhpo.space._values import is_estimator

SCORING_FAILS = "scoring_fails"

OWN_IS_TAKEN = (
    "The estimator's own setting, or the first one where the own was not tried, is "
    "taken for the best, and refitted in full."
)

#: So many candidates must fail in the same way before a baseline is asked.
ENOUGH = 3

#: So many classes are named in a message.
N_NAMED = 3


# ---- before the first fit


def check_scorer(scorer, estimator, scoring, choices):
    """Refuse a metric of class probabilities for an estimator that has no classes.

    ``choices`` are the values of the space. Where an estimator is among them, it is
    not known what will be scored.
    """
    methods = _methods(scorer)
    kind = get_tags(estimator).estimator_type if methods else None
    if kind not in ("density_estimator", "clusterer") or "predict" in methods:
        return
    asked = next((name for name in methods if hasattr(estimator, name)), None)
    if asked == "predict_proba" and not any(map(is_estimator, choices)):
        raise ValueError(
            f"scoring={scoring!r} compares probabilities of the classes in y, and "
            f"{type(estimator).__name__} is a {kind.replace('_', ' ')}: its "
            "predict_proba has components, not classes. Use a metric of predict, or a "
            "function f(estimator, X, y)."
        )


def _methods(scorer):
    """Return the methods of which a scorer asks the first that exists, or ()."""
    if is_multimetric_scorer(scorer):
        return ()
    methods = scorer_response_method(scorer)
    return (methods,) if isinstance(methods, str) else tuple(methods or ())


# ---- while it runs


class ScoringWatch:
    """Ends a search in which scoring fails for every candidate in the same way.

    The first candidates may have it in common that they diverge, so that alone ends
    nothing. ``is_hopeless`` decides.

    Parameters
    ----------
    archive : Archive
        Knows the scores.
    is_hopeless : callable
        Called with the last lines of the errors of the first candidates, by fold.
        Returns whether scoring must fail for all others.
    """

    def __init__(self, archive, is_hopeless):
        self._archive = archive
        self._is_hopeless = is_hopeless
        self._cause = None
        self._n_seen = 0
        self._is_on = True

    def __call__(self, trial):
        """Return the reason to stop after a committed trial, or None."""
        if not self._is_on:
            return None
        if self._n_seen < ENOUGH and trial.twin is None:
            self._look_at(trial)
        return SCORING_FAILS if self._is_on and self._n_seen == ENOUGH else None

    def _look_at(self, trial):
        cause = _scoring_errors(self._archive, trial)
        self._cause = self._cause or cause
        self._n_seen += 1
        self._is_on = bool(cause) and cause == self._cause
        if self._is_on and self._n_seen == ENOUGH:
            self._is_on = self._is_hopeless(cause)


def _scoring_errors(archive, trial):
    """Return the last lines of what scoring raised, by fold."""
    bad = [o for o in trial.outcomes if not isfinite(archive.steering_score(o))]
    if not all(o.stage == "score" for o in bad):
        return {}
    return {o.fold: _last_line(o.error) for o in bad}


def _last_line(text):
    return text.strip().splitlines()[-1]


def is_hopeless(payload, choices, cause):
    """Return whether scoring must fail for every setting, given how it failed.

    It must where it fails in the same way for a model that predicts a constant, or asks
    for a method that the estimator lacks with each of the choices of the space.
    """
    own = type(payload.estimator).__name__
    constant = type(baseline_of(payload.estimator)).__name__
    errors = baseline_errors(payload, cause)
    of_constant = {k: _last_line(e).replace(constant, own) for k, e in errors.items()}
    if of_constant == cause:
        return True
    methods = _methods(payload.scorer)
    is_missing = all(text.startswith("AttributeError") for text in cause.values())
    return bool(methods) and is_missing and not _may_have(payload, choices, methods)


def _may_have(payload, choices, methods):
    """Return whether an estimator has a method, as it is or with any of the choices."""
    for name, value in [(None, None), *choices]:
        estimator = clone(payload.estimator)
        try:
            if name is not None:
                estimator.set_params(**{name: clone(value, safe=False)})
        except Exception:  # only possible together with others
            return True
        if any(hasattr(estimator, method) for method in methods):
            return True
    return False


# ---- at the end


def is_all_unscored(archive):
    """Return whether every candidate failed with an error, one of them in scoring."""
    trials = archive.finished
    return (
        archive.incumbent is None
        and all(trial.error for trial in trials)
        and any(o.stage == "score" for trial in trials for o in trial.outcomes)
    )


def unscored_message(archive, payload, is_early):
    """Say that no candidate could be scored, why, and what to do."""
    trials, n_splits = archive.finished, archive.n_splits
    trial, outcome = _first_error(trials)
    folds = {o.fold for o in trial.outcomes if o.stage == "score"}
    evaluated = {o.fold for o in trial.outcomes}  # a race ends at the first that fails
    absent = _absent_classes(payload, folds, set(range(n_splits)) - evaluated)
    early = ": scoring fails for every setting, and the search stopped early"
    scorer = payload.scorer
    if is_multimetric_scorer(scorer):
        scorer = scorer_dict(scorer)[archive.objective]
    return (
        f"None of the {len(trials)} candidates could be scored on all {n_splits} "
        f"folds{early if is_early else ''}. {_in_words(absent)}"
        f"{_cure(absent, n_splits, scorer)} "
        f"{'cv_results_ has what was evaluated.' if is_early else OWN_IS_TAKEN} The "
        f"first error (candidate {trial.candidate}, split {outcome.fold}, params "
        f"{trial.params}):\n{outcome.error}"
    )


def _first_error(trials):
    """Return the first trial in which scoring failed, and the fold where it did."""
    return next(
        (trial, outcome)
        for trial in trials
        for outcome in trial.outcomes
        if outcome.stage == "score"
    )


def _absent_classes(payload, folds, skipped):
    """Return (class, its rows, "test" or "training", folds without it) of each.

    Empty where they do not explain why scoring failed on these folds. What lacks a
    class among the skipped ones would have failed, too.
    """
    y = np.asarray(payload.y)
    kinds = ("binary", "multiclass")
    if not is_classifier(payload.estimator) or type_of_target(y) not in kinds:
        return []
    y, found = np.ravel(y), []
    for label, count in zip(*np.unique(y, return_counts=True), strict=True):
        for side, name in ((1, "test"), (0, "training")):
            without = [
                k
                for k in sorted(folds | skipped)
                if label not in y[payload.splits[k][side]]
            ]
            if without:
                found.append((label, int(count), name, without))
    explained = {k for *_, without in found for k in without}
    return found if folds <= explained else []


def _in_words(absent):
    text = ""
    for label, count, side, folds in absent[:N_NAMED]:
        numbers = ", ".join(map(str, folds))
        plural = "s" if len(folds) > 1 else ""
        text += (
            f"Class {str(label)!r} ({count} rows) is absent from the "
            f"{side} rows of split{plural} {numbers}. "
        )
    more = len(absent) - N_NAMED
    return text + (f"So it is {more} more times. " if more > 0 else "")


def _cure(absent, n_splits, scorer):
    if not absent:
        return (
            "Use a metric that suits the estimator and y; error_score='raise' ends the "
            "search at the first error."
        )
    fewest = min(count for _, count, _, _ in absent)
    if fewest >= n_splits:
        cure = f"Use cv=StratifiedKFold({n_splits}), which has each class in every fold"
    elif fewest > 1:
        cure = f"Use fewer folds (cv={fewest} has each class in every fold)"
    else:
        cure = "Leave a class of one row out"
    if all(side == "test" for _, _, side, _ in absent):
        cure += f", or give the scorer all labels: {_with_labels(scorer)}"
    return f"{cure}."


def _with_labels(scorer):
    """Return how to write a scorer that knows all labels."""
    parts = scorer_parts(scorer)
    if parts is None or "labels" not in signature(parts[0]).parameters:
        return "labels=np.unique(y) of its metric, where it has that"
    function, sign, settings = parts
    given = dict(response_method=scorer_response_method(scorer))
    given.update({"greater_is_better": False} if sign < 0 else {}, **settings)
    written = ", ".join(f"{name}={value!r}" for name, value in given.items())
    return f"make_scorer({function.__name__}, {written}, labels=np.unique(y))"
