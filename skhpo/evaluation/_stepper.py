"""The stepper: train a model on from where it stands to so many units.

It keeps one promise: 10 units, then 30, then 90 give the model that 90 units at once
give, bit for bit, with any pause between (the model pickled, sent to another process,
written to disk); catboost's sums differ in the last bits. Each family of estimators
gets there in its own way:

=================  =====================================  ===========================
family             one step from ``frm`` to ``to``        randomness
=================  =====================================  ===========================
:class:`Epochs`    ``partial_fit``, ``to - frm`` calls    a seed for each epoch
:class:`Grown`     ``warm_start`` and a growing total     one seed for the whole life
:class:`Boosted`   ``fit`` of ``to - frm`` more rounds    one seed for the whole life
                   on top of the old model
:class:`Refitted`  ``fit`` from scratch                   one seed for the whole life
:class:`Own`       the user's ``advance``                 one seed for the whole life
=================  =====================================  ===========================

Settings with which it does not hold are refitted: ``_families.py`` lists those with
which it does. Two exceptions: what an ``advance`` of the user does, and PBTSearchCV,
which goes on with boosters that draw rows or columns, with a seed for each
continuation. Their trees depend on where the pauses are, and a schedule has them always
in the same places.

What is set on an estimator for a step (seeds, ``warm_start``, ``early_stopping``, class
weights) is taken back at its end: between steps, and in the refitted model, parameters
read as the user wrote them.
"""

import pickle
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager, nullcontext
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import get_config
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.multiclass import type_of_target, unique_labels

from skhpo._sklearn import num_samples

#: Rows on which it is seen whether ``transform`` repeats what ``fit_transform`` gave.
ROWS_TO_COMPARE = 64


@dataclass(frozen=True)
class Seeds:
    """Randomness by number, never by arrival: (candidate, fold, unit) -> seed.

    Unit 0 is birth: what is drawn once in the life of a model. Where the models of
    another candidate were continued, ``birth`` is the one that began.
    """

    root: int
    candidate: int
    fold: int
    birth: int | None = None

    def at(self, unit, own=None):
        """Return a seed, 31 bits.

        ``own`` is an int that the user gave as ``random_state``: as in scikit-learn, it
        makes all candidates and folds draw alike.
        """
        if own is not None:
            sequence = np.random.SeedSequence(int(own), spawn_key=(unit,))
        else:
            is_birth = unit == 0 and self.birth is not None
            key = (self.birth if is_birth else self.candidate, self.fold, unit)
            sequence = np.random.SeedSequence(self.root, spawn_key=key)
        return int(sequence.generate_state(1)[0] >> 1)


@dataclass(frozen=True, eq=False)
class Step:
    """What a model is given to be trained on, beside its rows.

    ``fit_params`` are cut to the rows already; ``classes`` are those of the whole
    training set of the search (``classes_of``): a fold, or a few rows, may lack some.
    ``quiet`` keeps warnings to itself that every short rung would give.
    """

    to: int  # units in all
    seeds: Seeds
    classes: Any = None
    fit_params: dict = field(default_factory=dict)
    quiet: bool = False


@dataclass(eq=False)
class Model:
    """A model on its way: the state that travels from rung to rung."""

    estimator: Any  # parameters as the user wrote them
    units: int = 0
    X_head: Any = None  # training rows as the transformers gave them; None = ask again
    y_head: Any = None  # their target, where a resampler changed the rows


def train(chosen, estimator, X, y, step, model=None):
    """Return a model of ``step.to`` units.

    Parameters
    ----------
    chosen : ChosenResource
        What is counted, and how it grows.
    estimator : estimator
        A fresh clone with the candidate's parameters; fitted in place when there is no
        model to continue.
    X, y : array-like
        Training rows of the fold. The same at each step of one model, unless the
        resource is rows.
    step : Step
        How far, and with what.
    model : Model or None, default=None
        What to continue. None = from 0; so a model that was dropped comes back equal.

    Raises
    ------
    ValueError
        When the model is trained further than ``step.to`` already.
    """
    how = chosen.how
    if model is None or not how.continued:
        model = Model(estimator)
    if model.units > step.to:
        raise ValueError(
            f"A model of {model.units} {how.kind} cannot be brought to {step.to}."
        )
    if model.units == step.to:
        return model
    before = _exchange(model.estimator, _birth_seeds(model.estimator, chosen, step))
    try:
        _advance(chosen, model, X, y, step)
    finally:
        _exchange(model.estimator, before)
    model.units = step.to
    return model


def _advance(chosen, model, X, y, step):
    if not chosen.how.continued:
        _refit(chosen.param, model.estimator, X, y, step)
    elif isinstance(model.estimator, Pipeline):
        _advance_last(chosen.how, model, X, y, step)
    else:
        model.estimator = chosen.how.advance(model.estimator, X, y, model.units, step)


def _refit(param, estimator, X, y, step):
    if param is not None:
        estimator.set_params(**{param: step.to})
    cut_short = param is not None and step.quiet  # a solver would say so in each rung
    with silenced("", ConvergenceWarning) if cut_short else nullcontext():
        _fit(estimator.fit, X, y, step.fit_params)


def _advance_last(how, model, X, y, step):
    pipeline = model.estimator
    head_params, last_params = share_out(pipeline, step.fit_params)
    step = replace(step, fit_params=last_params)
    name, last = pipeline.steps[-1]
    n_rows = num_samples(X)
    X, y = _through_head(model, X, y, head_params)
    if model.y_head is not None:
        _check_no_rows_in(last_params, last, n_rows)
    pipeline.steps[-1] = (name, how.advance(last, X, y, model.units, step))


# ---- the families


@dataclass(frozen=True)
class Family:
    """How a kind of estimator grows.

    ``param`` counts the units, where a parameter does; ``full`` is the number of units
    of a full model, or the name of the parameter that holds it.

    The other three say with which parameters and fit parameters a model goes on.
    ``needs`` holds the values that some must have. ``draws`` holds the values with
    which nothing is drawn anew after a pause. ``free`` names those that may have any
    value (None: all that are in neither).
    """

    kind: str
    param: str | None = None
    full: int | str | None = None
    needs: Mapping = field(default_factory=dict, kw_only=True)
    draws: Mapping = field(default_factory=dict, kw_only=True)
    free: frozenset | None = field(default=None, kw_only=True)

    continued = True
    seeds_itself = False  # chooses the estimator's own seed in each step


@dataclass(frozen=True)
class Epochs(Family):
    """``partial_fit`` once per epoch: step sizes and moments live on between them."""

    kind: str = "epochs"
    seeds_itself = True

    def advance(self, estimator, X, y, frm, step):
        """Train from ``frm`` to ``step.to`` epochs."""
        _check_has_partial_fit(estimator)
        keywords = dict(step.fit_params)
        if step.classes is not None and takes(estimator.partial_fit, "classes"):
            keywords["classes"] = step.classes
        is_random = "random_state" in estimator.get_params(deep=False)
        own = _own_seed(estimator) if is_random else None
        with _set(estimator, balanced_weights(estimator, y)):
            with _kept(estimator, "random_state") if is_random else nullcontext():
                for unit in range(frm + 1, step.to + 1):
                    if is_random:  # an int would shuffle all epochs alike
                        estimator.random_state = step.seeds.at(unit, own)
                    _fit(estimator.partial_fit, X, y, keywords)
        return estimator


@dataclass(frozen=True)
class Grown(Family):
    """``warm_start`` with a growing total: what is there stays, the rest is added."""

    off: tuple = ()  # parameters that must be False meanwhile: early stopping
    meanwhile: Callable = nullcontext  # f(estimator) -> a context around its fit

    def advance(self, estimator, X, y, frm, step):
        """Train from ``frm`` to ``step.to`` trees or rounds."""
        estimator.set_params(**{self.param: step.to})
        changes = {"warm_start": True, **dict.fromkeys(self.off, False)}
        with (
            _set(estimator, changes),
            _no_word_of_balance(estimator),
            self.meanwhile(estimator),
        ):
            _fit(estimator.fit, X, y, step.fit_params)
        return estimator


@dataclass(frozen=True)
class Boosted(Family):
    """More rounds on top of the old model, which is handed to ``fit`` by ``keyword``.

    The first step keeps the user's seed, and so equals a plain fit. Later ones keep it,
    too, unless they draw rows or columns: these would repeat the first step's samples.

    ``rounds`` holds all names of the number of rounds, the main one first.
    """

    keyword: str = "init_model"
    rounds: tuple = ("n_estimators",)
    draws_anew: bool = False
    seeds_itself = True

    def advance(self, estimator, X, y, frm, step):
        """Train from ``frm`` to ``step.to`` rounds; the old model is left alone."""
        before = estimator.get_params(deep=False)
        more = clone(estimator)  # catboost refuses set_params once it is fitted
        seed = _boost_seed(before, frm if self.draws_anew else 0, step)
        more.set_params(**{self.param: step.to - frm}, **seed)
        old = {self.keyword: estimator} if frm else {}
        _fit(more.fit, X, y, {**step.fit_params, **old})
        write_params(more, {name: before.get(name) for name in seed})
        write_params(more, {self.param: step.to})
        return _on_its_own(more)


@dataclass(frozen=True)
class Refitted(Family):
    """A plain fit at each rung, with ``param`` set, or on more rows."""

    continued = False


@dataclass(frozen=True)
class Own(Family):
    """A resource of the user's: see :class:`skhpo.evaluation._resources.Resource`."""

    resource: Any = None

    def advance(self, estimator, X, y, frm, step):
        """Train from ``frm`` to ``step.to`` units as the user says."""
        out = self.resource.advance(estimator, X, y, frm, step.to, **step.fit_params)
        estimator = estimator if out is None else out
        if self.param is not None:
            estimator.set_params(**{self.param: step.to})
        return estimator


def _check_has_partial_fit(estimator):
    if not hasattr(estimator, "partial_fit"):
        raise ValueError(
            f"{estimator!r} has no partial_fit, and so cannot be trained by epochs."
        )


def balanced_weights(estimator, y):
    """Return the class weights that fit computes for "balanced", as partial_fit asks.

    The same numbers: from the training rows of the fold.
    """
    if estimator.get_params(deep=False).get("class_weight") != "balanced":
        return {}
    y = np.ravel(y)
    classes = np.unique(y)
    weights = compute_class_weight("balanced", classes=classes, y=y)
    return {"class_weight": dict(zip(classes.tolist(), weights.tolist(), strict=True))}


def _no_word_of_balance(estimator):
    """Forests warn that balanced weights need the same data in each fit. They have."""
    if isinstance(estimator.get_params(deep=False).get("class_weight"), str):
        return silenced(".*not recommended for warm_start.*", UserWarning)
    return nullcontext()


def _boost_seed(params, frm, step):
    name = "random_state" if "random_state" in params else "random_seed"  # catboost
    own = _as_int(params.get(name), None)
    if frm == 0 and isinstance(params.get(name), Integral):
        return {}
    return {name: step.seeds.at(frm, own)}


def _on_its_own(estimator):
    """Return a model that shares no memory with the one it went on from.

    A continued model of catboost reads its predecessor's memory, also after that is
    freed. And a model that was not pickled yet hands more on than its trees, so that
    the next rounds would depend on whether it had been.
    """
    if not hasattr(estimator, "_init_params"):
        return estimator
    return pickle.loads(pickle.dumps(estimator))


def write_params(estimator, params):
    """Set parameters of an estimator that may be fitted, and leave all others alone.

    catboost refuses ``set_params`` once it is fitted; it keeps them in a plain dict, in
    which None is no value. Parameters that are not to change stay unset: the objective
    that ``fit`` of xgboost and lightgbm derives from the classes lives among them, and
    without it their ``predict_proba`` of three classes fails.
    """
    if "_init_params" in vars(estimator):
        changed = {**estimator._init_params, **params}
        unset = {name for name, value in params.items() if value is None}
        estimator._init_params = {k: v for k, v in changed.items() if k not in unset}
    else:
        estimator.set_params(**params)


def classes_of(estimator, y):
    """Return all classes in y, as partial_fit wants to know them; None = no classes."""
    if y is None or not is_classifier(estimator):
        return None
    is_multilabel = type_of_target(y).startswith("multilabel")
    return unique_labels(y) if is_multilabel else np.unique(y)


def takes(method, keyword):
    """Return whether a method accepts a keyword."""
    parameters = signature(method).parameters.values()
    return any(p.name == keyword or p.kind is p.VAR_KEYWORD for p in parameters)


def _fit(method, X, y, params):
    args = (X,) if y is None else (X, y)
    method(*args, **params)


# ---- seeds and other things set for a step, and taken back


def _own_seed(estimator):
    """Return the seed that the user gave as ``random_state``; None = none."""
    return _as_int(estimator.get_params(deep=False).get("random_state"), None)


def _birth_seeds(estimator, chosen, step):
    """Return an int for each seed that the user left open, the nested ones included.

    Of a model that lives through several fits: a generator would move on, and nothing
    would be repeatable. A seed that the family chooses itself is left out.
    """
    its_own = chosen.prefix + "random_state" if chosen.how.seeds_itself else None
    params = estimator.get_params()
    names = [
        name
        for name in sorted(params)
        if name.rpartition("__")[2] == "random_state" and name != its_own
    ]
    born = (
        np.random.SeedSequence(step.seeds.at(0)).generate_state(max(len(names), 1)) >> 1
    )
    return {
        name: _as_int(params[name], int(seed))
        for name, seed in zip(names, born, strict=False)
        if params[name] is None or isinstance(params[name], np.random.RandomState)
    }


def _as_int(random_state, otherwise):
    """Return an int, or the first draw of a generator, or what is given otherwise."""
    if isinstance(random_state, np.random.RandomState):
        return int(deepcopy(random_state).randint(2**31 - 1))
    return int(random_state) if isinstance(random_state, Integral) else otherwise


def _exchange(estimator, changes):
    """Set parameters; return what they were."""
    if not changes:
        return {}
    params = estimator.get_params()
    estimator.set_params(**changes)
    return {name: params[name] for name in changes}


@contextmanager
def _set(estimator, changes):
    """Set parameters meanwhile; afterwards they are what they were."""
    before = _exchange(estimator, changes)
    try:
        yield
    finally:
        _exchange(estimator, before)


@contextmanager
def _kept(estimator, name):
    """Let an attribute be changed meanwhile (faster than set_params, per epoch)."""
    before = getattr(estimator, name)
    try:
        yield
    finally:
        setattr(estimator, name, before)


_silence_lock = threading.Lock()
_silences = {}  # (message, category) -> [number of users, what ends it]


@contextmanager
def silenced(message, category):
    """Ignore a warning meanwhile. Threads that want the same share one filter.

    ``warnings.catch_warnings`` alone would, left in another order than entered, leave
    its filter behind.
    """
    key = (message, category)
    with _silence_lock:
        if key not in _silences:
            catcher = warnings.catch_warnings()
            catcher.__enter__()
            warnings.filterwarnings("ignore", message=message, category=category)
            _silences[key] = [0, catcher]
        _silences[key][0] += 1
    try:
        yield
    finally:
        with _silence_lock:
            _silences[key][0] -= 1
            if _silences[key][0] == 0:
                _silences.pop(key)[1].__exit__(None, None, None)


# ---- pipelines: the transformers and resamplers are fitted once


def _through_head(model, X, y, params):
    """Return the training rows and their target as the last step gets them.

    The transformers are fitted at birth and only asked later. Some give at birth what
    they do not repeat (``fit_transform`` of TargetEncoder is cross-fitted, that of PCA
    differs in the last bits, a resampler only acts in ``fit``): then what they gave is
    kept with the model.
    """
    pipeline = model.estimator
    if len(pipeline.steps) == 1:
        return X, y
    head = head_of(pipeline)
    if model.units:
        X_head = head.transform(X) if model.X_head is None else model.X_head
        return X_head, y if model.y_head is None else model.y_head
    if any(hasattr(step, "fit_resample") for _, step in head.steps):
        model.X_head, model.y_head = _resampled(pipeline, X, y, params)
        return model.X_head, model.y_head
    X_head = head.fit_transform(X, y, **params)
    pipeline.steps[:-1] = head.steps[:-1]  # with memory=, clones were fitted
    if not _repeats(head, X, X_head):
        model.X_head = X_head
    return X_head, y


def _check_no_rows_in(params, last, n_rows):
    """Refuse fit parameters of the last step that belong to rows before resampling."""
    for name, value in params.items():
        is_plain = isinstance(value, str) or not hasattr(value, "__len__")
        if not is_plain and num_samples(value) == n_rows:
            kind = type(last).__name__
            raise ValueError(
                f"{name} has an entry for each of the {n_rows} rows, and a resampler "
                f"changes the rows before {kind} gets them. Leave {name} out, or the "
                "resampler; class_weight of an estimator weighs classes."
            )


class _LastStep(BaseEstimator):
    """Keeps the rows that ``fit`` of the last step of a pipeline gets."""

    def fit(self, X, y):
        self.rows_ = X, y
        return self


def _resampled(pipeline, X, y, params):
    """Fit all steps but the last and return the rows and the target that it gets.

    The pipeline's own ``fit`` knows what to do with resamplers (imbalanced-learn's
    does, scikit-learn's does not).
    """
    last, head = _LastStep(), copy(pipeline)
    head.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], last)]
    head.fit(X, y, **params)
    pipeline.steps[:-1] = head.steps[:-1]
    return last.rows_


def head_of(pipeline):
    """Return the transformers. All of them: ``memory`` leaves out the last step."""
    steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], "passthrough")]
    return Pipeline(steps, memory=pipeline.memory, verbose=pipeline.verbose)


def _repeats(head, X, X_head):
    try:
        some = X[:ROWS_TO_COMPARE]
        return _equal(head.transform(some), X_head[:ROWS_TO_COMPARE])
    except Exception:  # no slices, no transform of a few rows, no comparison
        return False


def _equal(A, B):
    if sparse.issparse(A) or sparse.issparse(B):
        return type(A) is type(B) and A.shape == B.shape and (A != B).nnz == 0
    A, B = np.asarray(A), np.asarray(B)
    has_nan = A.dtype.kind in "fc" and B.dtype.kind in "fc"
    return A.dtype == B.dtype and np.array_equal(A, B, equal_nan=has_nan)


def share_out(pipeline, params):
    """Return the fit parameters of the transformers, and those of the last step.

    Under metadata routing what is requested for ``fit`` also serves ``partial_fit``.
    """
    last = pipeline.steps[-1][0]
    if not params:
        return {}, {}
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(pipeline, "fit", **params)[last]["fit"]
        router = head_of(pipeline).get_metadata_routing()
        wanted = router.consumes("fit_transform", params)
        return {name: params[name] for name in wanted}, dict(routed)
    prefix = last + "__"
    routed = {k[len(prefix) :]: v for k, v in params.items() if k.startswith(prefix)}
    return {k: v for k, v in params.items() if not k.startswith(prefix)}, routed
