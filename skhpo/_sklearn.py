"""The only door to scikit-learn's private names: what, why, and since when.

Everything else in skhpo uses scikit-learn's public API. When a new scikit-learn release
breaks something, this is the file to look at. (joblib's private names live in
``evaluation/_dispatch.py``.)

Inherited private methods of ``BaseSearchCV`` that ``search/_base.py`` calls, and
``model_selection/`` on any search, with the same signatures from 1.6 to 1.9:
``_get_scorers``, ``_get_routed_params_for_fit``, ``_check_refit_for_multimetric``,
``_select_best_index``, ``_validate_params``.
"""

import warnings
from contextlib import contextmanager
from functools import partial

import sklearn
from sklearn.base import (
    _fit_context,  # validation + callback teardown; 1.3
    is_regressor,
)
from sklearn.metrics._scorer import (
    _MultimetricScorer,  # what _get_scorers builds; 0.24
    _PassthroughScorer,  # ... where there is no scoring: the estimator's own; 0.22
    _Scorer,  # what make_scorer builds, with _score_func, _sign, _kwargs; 1.4
)
from sklearn.model_selection._search import (
    BaseSearchCV,  # the base class of all searches; no public import path; 0.18
    _yield_masked_array_for_each_param,  # dtype rules of the param_* columns; 1.6
)
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures,  # groups equal tracebacks; 1.1
)
from sklearn.utils import _safe_indexing  # rows of lists, frames, sparse arrays; 0.22
from sklearn.utils._param_validation import (
    Interval,  # declared constraints of constructor parameters; 1.2
    StrOptions,
)
from sklearn.utils._response import _get_response_values  # what a scorer sees; 1.3
from sklearn.utils.metaestimators import _safe_split  # precomputed kernels; 0.18
from sklearn.utils.validation import (
    _check_method_params,  # rows of fit params; 0.22
    _num_samples,  # of whatever has rows; 0.16
)

try:  # what MLP* trains with, in their attribute _optimizer; 0.18
    from sklearn.neural_network._stochastic_optimizers import (
        AdamOptimizer,
        SGDOptimizer,
    )

    HAS_MLP_OPTIMIZERS = True
except ImportError:
    HAS_MLP_OPTIMIZERS = False
    SGDOptimizer = AdamOptimizer = object

try:  # scikit-learn >= 1.9
    from sklearn.callback import AutoPropagatedCallback  # noqa: F401

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False

__all__ = [
    "BaseSearchCV",
    "HAS_CALLBACKS",
    "HAS_MLP_OPTIMIZERS",
    "FoldContexts",
    "Interval",
    "StrOptions",
    "bins_with",
    "check_method_params",
    "fit_context",
    "hist_boosting_nodes",
    "is_multimetric_scorer",
    "is_own_score",
    "masked_param_columns",
    "num_samples",
    "safe_split",
    "scorer_dict",
    "scorer_names",
    "scorer_parts",
    "scorer_predictions",
    "scorer_response_method",
    "set_mlp_params",
    "set_passive_aggressive",
    "take_rows",
    "warn_or_raise_about_fit_failures",
    "warning_filters",
]

fit_context = _fit_context
safe_split = _safe_split
take_rows = _safe_indexing
check_method_params = _check_method_params
num_samples = _num_samples
masked_param_columns = _yield_masked_array_for_each_param


def is_multimetric_scorer(scorer):
    """Return whether ``scorer`` computes several named metrics at once."""
    return isinstance(scorer, _MultimetricScorer)


def scorer_names(scorer):
    """Return the metric names of a multi-metric scorer, in the user's order."""
    return list(scorer._scorers)


def scorer_dict(scorer):
    """Return a multi-metric scorer's single scorers by name."""
    return scorer._scorers


def is_own_score(scorer):
    """Return whether ``scorer`` calls the estimator's own ``score``."""
    return isinstance(scorer, _PassthroughScorer)


def scorer_parts(scorer):
    """Return the function, the sign and the arguments that ``make_scorer`` was given.

    None for any other scorer.
    """
    if type(scorer) is not _Scorer:
        return None
    return scorer._score_func, scorer._sign, scorer._kwargs


def scorer_response_method(scorer):
    """Return the method, or the methods to choose from, that a scorer asks.

    None for scorers that ``make_scorer`` has not built.
    """
    return scorer._response_method if type(scorer) is _Scorer else None


def scorer_predictions(scorer, estimator, X):
    """Return what a scorer of ``make_scorer`` hands to its function, and its source.

    The source is the name of the method. Of two classes it is the column of the
    positive one that is handed over.
    """
    pos_label = None if is_regressor(estimator) else scorer._get_pos_label()
    values, _, name = _get_response_values(
        estimator,
        X,
        scorer._response_method,
        pos_label=pos_label,
        return_response_method_used=True,
    )
    return values, name


def warn_or_raise_about_fit_failures(errors, error_score):
    """Warn (or raise, if all failed) as scikit-learn does.

    ``errors`` holds one traceback text or None per fit.
    """
    _warn_or_raise_about_fit_failures([{"fit_error": e} for e in errors], error_score)


def warning_filters():
    """Return the list of active warning filters; changing it changes them.

    From Python 3.14 they live in a context variable on free-threaded builds, behind a
    private accessor; scikit-learn reads them in the same way.
    """
    get = getattr(warnings, "_get_filters", None)
    return get() if get is not None else warnings.filters


#: How MLP's optimizer calls what was copied from a parameter of another name.
_OF_OPTIMIZER = {"nesterovs_momentum": "nesterov"}


def set_mlp_params(estimator, params):
    """Set parameters of an MLP*, also where its optimizer holds a copy of them.

    ``partial_fit`` makes the optimizer once and ``set_params`` does not reach it
    (scikit-learn #8149). The rate that stands, ``learning_rate``, is a part of
    ``learning_rate_init`` under "invscaling" and "adaptive": it stays the same part.
    ``alpha`` and ``batch_size`` are no business of the optimizer's.
    """
    estimator.set_params(**params)
    if not hasattr(estimator, "coefs_"):  # not trained yet
        return
    optimizer = getattr(estimator, "_optimizer", None)
    if not isinstance(optimizer, (SGDOptimizer, AdamOptimizer)):
        raise RuntimeError(
            f"{type(estimator).__name__} of scikit-learn {sklearn.__version__} does "
            "not keep its optimizer where skhpo looks for it: parameters cannot be "
            "changed during training. Please report this."
        )
    for name, value in params.items():
        name = _OF_OPTIMIZER.get(name, name)
        if name == "learning_rate_init" and value != optimizer.learning_rate_init:
            part = optimizer.learning_rate / optimizer.learning_rate_init
            optimizer.learning_rate = float(value) * part
        if hasattr(optimizer, name):  # momentum: not where the solver is adam
            setattr(optimizer, name, value)


def set_passive_aggressive(estimator, params):
    """Set parameters of a PassiveAggressive*; ``C`` acts under another name.

    In 1.9 (not in 1.6) ``partial_fit`` and ``fit`` read ``eta0``, which is no parameter
    of theirs: the constructor makes it of C, and ``set_params(C=...)`` forgets it.
    """
    estimator.set_params(**params)
    estimator.eta0 = estimator.C


@contextmanager
def bins_with(estimator, bin_rows):
    """Let somebody else find the bins of HistGradientBoosting*'s training rows.

    ``bin_rows(mapper, X, weights, fit_transform)`` returns a fitted mapper and the
    binned rows; ``fit_transform()`` is what the estimator would do. ``_bin_data`` and
    ``_bin_mapper`` exist since 0.21, with weights since 1.9. Where they do not, nothing
    is changed.
    """
    usual = getattr(estimator, "_bin_data", None)
    if usual is None:
        yield
        return

    def bin_data(X, *weights, is_training_data):
        fit_transform = partial(usual, X, *weights, is_training_data=is_training_data)
        if not is_training_data:
            return fit_transform()
        mapper = estimator._bin_mapper
        estimator._bin_mapper, binned = bin_rows(mapper, X, weights, fit_transform)
        return binned

    estimator._bin_data = bin_data
    try:
        yield
    finally:
        del estimator._bin_data


def hist_boosting_nodes(estimator):
    """Return the number of nodes of each tree of a fitted HistGradientBoosting*.

    The trees are in ``_predictors``, by round and class, since 0.21; nothing public
    tells how large they are.
    """
    rounds = estimator._predictors
    return [len(tree.nodes) for trees in rounds for tree in trees]


class FoldContexts:
    """scikit-learn's fit callbacks (>= 1.9) for one search; does nothing without any.

    The tree of tasks is scikit-learn's own: "fit" holds "search" and
    "refit-with-best-params"; "search" holds one "candidate-split-evaluation" per fold.

    The end of a fold is reported in the parent on every backend, so that callbacks hear
    of it also when the fit ran in another process (scikit-learn's own searches report
    in the worker, where a plain callback's record is lost). The beginning is reported
    in the parent too when the fit runs in another process; within this process the fold
    task does it, and hands auto-propagated callbacks on to the estimator that it fits.

    Parameters
    ----------
    search : estimator
        The search; callbacks were registered on it with ``set_callbacks``.
    X, y : array-like
        What ``fit`` received.
    metadata : dict or None
        ``{"sample_weight": ...}`` when weights were given.
    """

    def __init__(self, search, X, y, metadata):
        self._search = search
        self._data = dict(X=X, y=y, metadata=metadata)
        self.active = HAS_CALLBACKS and bool(getattr(search, "_skl_callbacks", None))
        self.stop_requested = False
        if self.active:
            n_tasks = 1 + (search.refit is not False)
            self._root = search._init_callback_context(max_subtasks=n_tasks)
            self._root.call_on_fit_task_begin(estimator=search, **self._data)

    def begin_search(self, max_folds, fold_data):
        """Open the level of the folds.

        ``max_folds=None`` = not known in advance. ``fold_data(fold)`` returns a dict of
        what callbacks may ask for, with callables where it costs something.
        """
        if self.active:
            self._fold_data = fold_data
            self._level = self._root.subcontext(
                task_name="search", max_subtasks=max_folds, sequential_subtasks=False
            ).call_on_fit_task_begin(estimator=self._search)

    def begin_fold(self, task_id, fold, in_this_process):
        """Return what the fold task needs to report its beginning, and the context."""
        context = self._level.subcontext(
            task_name="candidate-split-evaluation", task_id=task_id
        )
        if in_this_process:
            return (self._search, context), context
        context.call_on_fit_task_begin(estimator=self._search, **self._fold_data(fold))
        return None, context

    def end_fold(self, context, fold):
        """Report a finished fold."""
        data = self._fold_data(fold)
        stop = context.call_on_fit_task_end(estimator=self._search, **data)
        self.stop_requested = self.stop_requested or bool(stop)

    def end_search(self):
        """Close the level of the folds."""
        if self.active:
            self._level.call_on_fit_task_end(estimator=self._search)

    def refit(self, estimator, fit):
        """Return ``fit()``, which fits the best estimator, as the task of that name."""
        if not self.active:
            return fit()
        context = self._root.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(estimator):
            context.call_on_fit_task_begin(estimator=self._search, **self._data)
            fitted = fit()
        context.call_on_fit_task_end(estimator=self._search, **self._data)
        return fitted

    def end(self):
        """Report the end of the whole fit."""
        if self.active:
            self._root.call_on_fit_task_end(estimator=self._search, **self._data)
