"""The unit of work: fit a setting on a fold, score it, time it, catch what it raises.

Runs in a worker, so everything here is a module-level function of plain values. What is
the same for all fits of a search travels once, as a :class:`Payload`.
"""

import os
import threading
import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields, replace
from functools import partial
from numbers import Number
from socket import gethostname
from traceback import format_exc
from typing import Any

from joblib.logger import short_format_time
from sklearn import config_context
from sklearn.base import clone

from skhpo._sklearn import (
    check_method_params,
    is_multimetric_scorer,
    safe_split,
    scorer_names,
    warning_filters,
)
from skhpo._types import REFERENCE, FoldOutcome
from skhpo.evaluation._copies import Copies
from skhpo.evaluation._predictions import PredictionPlan, asked_once
from skhpo.evaluation._training import Training
from skhpo.evaluation._work import work_of_fold

#: What a fit may raise without ending the search. ``SystemExit`` is a failed candidate
#: too; ``KeyboardInterrupt`` passes.
CAUGHT = (Exception, SystemExit)

#: Parameters whose objects are copied for each fit, as users know them.
COPIED = {"fit_params": "fit parameters", "score_params": "score parameters"}


@dataclass(frozen=True, eq=False)
class Payload:
    """What all fits of one search share.

    No fit changes it: objects among ``fit_params`` and ``score_params`` are copied for
    each. ``splits`` were made once per ``fit`` and are frozen: every candidate gets the
    same folds, also from an unseeded splitter or a one-shot generator.
    """

    estimator: Any
    X: Any
    y: Any
    splits: list  # (train, test) row numbers of each fold
    scorer: Any
    fit_params: dict = field(default_factory=dict)
    score_params: dict = field(default_factory=dict)
    return_train_score: bool = False
    error_score: Any = float("nan")
    verbose: int = 0
    n_candidates: int | None = None
    sklearn_config: dict = field(default_factory=dict)
    warning_filters: list = field(default_factory=list)
    training: Training | None = None  # None = plain fits
    predictions: PredictionPlan | None = None  # None = they are not kept

    def __post_init__(self):
        for name, shown in COPIED.items():
            copies = Copies(getattr(self, name), shown, self.X)
            object.__setattr__(self, f"_{name}", copies)

    @property
    def n_splits(self):
        """Number of folds."""
        return len(self.splits)

    def parts(self):
        """Return what it was made of, by name."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def fit_params_of(self, rows):
        """Return the fit parameters for one fit on some rows."""
        return check_method_params(self.X, self._fit_params.new(), rows)

    def score_params_of(self, rows):
        """Return the score parameters for one scoring of some rows."""
        return check_method_params(self.X, self._score_params.new(), rows)

    def shared_objects(self):
        """Return the name, part and error of each object that cannot be copied."""
        return [*self._fit_params.shared, *self._score_params.shared]

    def of_trial(self, trial):
        """Return what is to be done for a trial. No reference ends a search."""
        if trial != REFERENCE:
            return self
        error_score = float("nan") if self.error_score == "raise" else self.error_score
        return replace(
            self, error_score=error_score, predictions=None, return_train_score=False
        )


def run_folds(payload, trial, params, folds, contexts=None, stage=None):
    """Evaluate one setting on some folds, in order; return their outcomes.

    ``stage`` says how far a model is trained in steps; None = a plain fit.
    """
    contexts, payload = contexts or {}, payload.of_trial(trial)
    return [
        fit_fold(payload, trial, params, fold, contexts.get(fold), stage)
        for fold in folds
    ]


def fit_fold(payload, trial, params, fold, context=None, stage=None):
    """Fit ``params`` on the training rows of ``fold`` and score the held-out rows."""
    start = time.perf_counter()
    outcome = dict(trial=trial, fold=fold, started=time.time(), worker=worker_name())
    shown = _with_units(payload, params, stage)
    _print_start(payload, trial, shown, fold)
    estimator = clone(payload.estimator)
    at_birth = params if stage is None else stage.params_at_birth(params)
    try:
        if at_birth:  # cloned: a value may be an estimator, and is fitted in place
            estimator.set_params(**clone(at_birth, safe=False))
    except CAUGHT:
        return _failed(payload, outcome, shown, start)
    train, test = payload.splits[fold]
    if stage is not None:
        train = payload.training.rows_of(fold, train, stage.to)
    data_train = safe_split(estimator, payload.X, payload.y, train)
    data_test = safe_split(estimator, payload.X, payload.y, test, train)
    try:
        if stage is None:
            _fit(payload, estimator, data_train, train, context)
        else:
            estimator, trained = _train(
                payload, estimator, data_train, train, context, stage, params, fold
            )
            outcome.update(trained)
    except CAUGHT:
        return _failed(payload, outcome, shown, start)
    outcome["fit_time"] = time.perf_counter() - start
    scores, error, predictions = _judge(payload, estimator, data_test, test, stage)
    outcome["score_time"] = time.perf_counter() - start - outcome["fit_time"]
    train_scores = None
    if payload.return_train_score:
        train_scores, train_error = score_on(payload, estimator, data_train, train)
        error = error or train_error
    if stage is None:
        work, work_error = work_of_fold(estimator, data_train[0], data_test[0])
        outcome.update(work=work, work_error=work_error)
    _print_end(payload, outcome, shown, scores, train_scores)
    return FoldOutcome(
        **outcome,
        test_scores=scores,
        train_scores=train_scores,
        error=error,
        stage="score" if error else None,
        task_time=time.perf_counter() - start,
        predictions=predictions,
    )


def worker_name():
    """Return who does the work: host and process, and the thread if it is not the main.

    The host, since a cluster's workers may have equal process numbers.
    """
    name, thread = f"{gethostname()}:{os.getpid()}", threading.current_thread()
    is_main = thread is threading.main_thread()
    return name if is_main else f"{name}/{thread.ident}"


def _fit(payload, estimator, data, rows, context):
    X, y = data
    fit_params = payload.fit_params_of(rows)
    args = (X,) if y is None else (X, y)
    with _fit_callbacks(context, estimator, X, y, fit_params):
        estimator.fit(*args, **fit_params)


def _train(payload, estimator, data, rows, context, stage, params, fold):
    """Train on from where the trial's parent stopped.

    Returns the estimator, another one where a model was continued, and what is to be
    reported beside its scores.
    """
    (X, y), training = data, payload.training
    new_params = partial(payload.fit_params_of, rows)
    model = training.model(stage, fold, estimator)
    told = {} if context is None else new_params()
    with _fit_callbacks(context, model.estimator, X, y, told):
        model, units = training.advance(model, X, y, stage, params, fold, new_params)
    state = training.state(model, stage)
    return model.estimator, dict(units=units, state=state)


def _fit_callbacks(context, estimator, X, y, fit_params):
    """Hand scikit-learn's callbacks on to the estimator, where there are any."""
    if context is None:
        return nullcontext()
    return _propagated(context, estimator, X, y, fit_metadata(fit_params))


@contextmanager
def _propagated(context, estimator, X, y, metadata):
    search, fold_context = context
    with fold_context.propagate_callback_context(estimator):
        fold_context.call_on_fit_task_begin(
            estimator=search, X=X, y=y, metadata=metadata
        )
        yield


def fit_metadata(fit_params):
    """Return what scikit-learn's callbacks are told about the fit parameters."""
    weight = fit_params.get("sample_weight")
    return None if weight is None else {"sample_weight": weight}


def _failed(payload, outcome, params, start):
    """Record what a fit raised, or pass it on with error_score='raise'."""
    if payload.error_score == "raise":
        raise
    seconds = time.perf_counter() - start
    return _failure(payload, outcome, params, format_exc(), seconds)


def lost_fold(payload, call, fold, error, seconds):
    """Record that there is no fit of a fold, in the place of a worker that could not.

    ``call`` is what the worker was asked for: the parameters of :func:`run_folds`.
    """
    trial, params, _, _, *stage = call
    shown = _with_units(payload, params, stage[0] if stage else None)
    began = dict(started=time.time() - seconds, worker="lost")
    outcome = dict(trial=trial, fold=fold, **began)
    return _failure(payload, outcome, shown, error, seconds)


def _failure(payload, outcome, params, error, seconds):
    outcome.update(fit_time=seconds, score_time=0.0)
    _print_end(payload, outcome, params, None, None)
    return FoldOutcome(
        **outcome,
        test_scores=None,
        train_scores=None,
        error=error,
        stage="fit",
        task_time=seconds,
    )


def failed_call(payload, call, text):
    """Return the outcomes of a call that no worker survived, or came back from.

    With error_score='raise' it is an error.
    """
    trial, params, folds = call[:3]
    if payload.of_trial(trial).error_score == "raise":
        raise RuntimeError(f"Candidate {trial} ({params}), folds {folds}: {text}")
    return [lost_fold(payload, call, fold, text, 0.0) for fold in folds]


def _judge(payload, estimator, data, rows, stage):
    """Return the test scores, what went wrong, and predictions where they are kept.

    Of models that cannot be the best they are not.
    """
    plan, X = payload.predictions, data[0]
    competes = stage is None or payload.training.may_be_best(stage)
    if plan is None or not competes:
        return *score_on(payload, estimator, data, rows), None
    with asked_once(estimator, X) as asked:
        scores, error = score_on(payload, estimator, data, rows)
        predictions = None if scores is None else plan.of(estimator, X, asked)
    return scores, error, predictions


def score_on(payload, estimator, data, rows):
    """Return the scores (number, or dict by metric) and the text of what went wrong.

    A metric that could not be computed is nan.
    """
    X, y = data
    score_params = payload.score_params_of(rows)
    args = (X,) if y is None else (X, y)
    try:
        scores = payload.scorer(estimator, *args, **score_params)
    except CAUGHT:
        if payload.error_score == "raise":
            raise
        return None, format_exc()
    if not isinstance(scores, dict):
        return _number(scores, payload.scorer), None
    errors = None
    if is_multimetric_scorer(payload.scorer):  # hands back the texts of what it caught
        failed = {k: v for k, v in scores.items() if isinstance(v, str)}
        errors = "\n".join(failed.values()) or None
        scores = {**scores, **dict.fromkeys(failed, float("nan"))}
    return {name: _number(value, name) for name, value in scores.items()}, errors


def _number(score, scorer):
    """Return ``score`` as a number, or say who returned something else."""
    if hasattr(score, "item"):
        try:
            score = score.item()  # numpy scalars, memory-mapped ones too
        except ValueError:
            pass
    if not isinstance(score, Number):
        raise ValueError(
            f"scoring must return a number, got {score} ({type(score)}) instead. "
            f"(scorer={scorer})"
        )
    return score


# ---- what `verbose` prints, in scikit-learn's words


def _progress(payload, trial, fold):
    text = f" {fold + 1}/{payload.n_splits}" if payload.verbose > 2 else ""
    if payload.verbose > 9:
        total = "?" if payload.n_candidates is None else payload.n_candidates
        text += f"; {trial + 1}/{total}"
    return text


def _with_units(payload, params, stage):
    """Return the parameters, and how far the model is trained where none says so."""
    if stage is None or payload.training.resource.param is not None:
        return params
    return {payload.training.resource.kind: stage.to, **params}


def _params_text(params):
    return ", ".join(f"{name}={params[name]}" for name in sorted(params))


def _print_start(payload, trial, params, fold):
    if payload.verbose > 9:
        message = f"[CV{_progress(payload, trial, fold)}] START {_params_text(params)}"
        print(f"{message}{(80 - len(message)) * '.'}")


def _print_end(payload, outcome, params, scores, train_scores):
    if payload.verbose <= 1:
        return
    text = _params_text(params)
    text += ";" if text else ""
    if payload.verbose > 2:
        text += _scores_text(payload, scores, train_scores)
    seconds = outcome["fit_time"] + outcome["score_time"]
    text += f" total time={short_format_time(seconds)}"
    head = f"[CV{_progress(payload, outcome['trial'], outcome['fold'])}] END "
    print(head + "." * (80 - len(head) - len(text)) + text)


def _scores_text(payload, scores, train_scores):
    if scores is None and is_multimetric_scorer(payload.scorer):
        scores = dict.fromkeys(scorer_names(payload.scorer))
    if not isinstance(scores, dict):
        scores, train_scores = {None: scores}, {None: train_scores}
    text = ""
    for name in sorted(scores, key=str):
        test = _value_text(payload, scores[name])
        if payload.return_train_score:
            train = _value_text(payload, (train_scores or {}).get(name))
            test = f"train={train}, test={test}"
        elif name is not None:
            test = f"test={test}"
        if name is not None:
            text += f" {name}: ({test})"
        else:
            text += f", score={f'({test})' if payload.return_train_score else test}"
    return text


def _value_text(payload, value):
    return f"{payload.error_score if value is None else value:.3f}"


# ---- the worker's side of the warnings and scikit-learn's configuration


@contextmanager
def same_world(payload):
    """Work in another process under the caller's configuration and warning filters."""
    with config_context(**payload.sklearn_config), warnings.catch_warnings():
        warnings.resetwarnings()
        warning_filters().extend(payload.warning_filters)
        yield
