"""The estimators that can be trained on, and the settings with which they are.

A model that goes on from rung to rung must equal the model of all units at once, within
1e-6 in every prediction. So only what was measured is continued: classes of the known
libraries themselves, with the parameters and fit parameters that are listed here.
Whatever is not listed is refitted. doc/decisions/0023 has what was measured, and
``python -m tests.boosters.neighbours`` measures it again.

Classes are known by their names and the libraries that they come from, so that xgboost,
lightgbm and catboost need not be there. A subclass counts as its class as long as it
overrides nothing that takes part in training.

==============================================  ==================  ====================
estimator                                       resource            a full model
==============================================  ==================  ====================
SGD*, Perceptron, PassiveAggressive*            epochs              81 (theirs is a cap)
MLP*                                            epochs              ``max_iter``
RandomForest*, ExtraTrees*, IsolationForest,    trees               ``n_estimators``
RandomTreesEmbedding
Bagging*                                        estimators          ``n_estimators``
GradientBoosting*, HistGradientBoosting*,       boosting rounds     ``n_estimators``,
xgboost, lightgbm, catboost                                         ``max_iter``, ...
everything else                                 n_samples           all training rows
==============================================  ==================  ====================
"""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from typing import Any

from skhpo.evaluation._bins import binning_once
from skhpo.evaluation._stepper import Boosted, Epochs, Grown

#: A full model of a linear learner whose ``max_iter`` is a cap and not a plan: 3 ** 4.
EPOCHS = 81

_ALL = ("random_state", "verbose", "warm_start", "n_jobs")


def _names(*texts):
    return frozenset(name for text in texts for name in text.split())


# ---- scikit-learn


def epochs(full=EPOCHS, **settings):
    """Return a family of one ``partial_fit`` per epoch.

    The last two of what it needs: networks whose partial_fit goes on for several epochs
    (skorch).
    """
    needs = {
        "early_stopping": (False, None),
        "max_epochs": (1, None),
        "epochs": (1, None),
    }
    return Epochs(full=full, needs=needs, **settings)


_LINEAR = epochs(
    free=_names(
        "loss penalty alpha l1_ratio fit_intercept max_iter tol shuffle epsilon nu C",
        "learning_rate eta0 power_t validation_fraction n_iter_no_change class_weight",
        "average random_state verbose warm_start n_jobs",
    )
)
_NETWORK = epochs(
    "max_iter",
    free=_names(
        "hidden_layer_sizes activation solver alpha batch_size learning_rate loss",
        "learning_rate_init power_t max_iter shuffle tol momentum nesterovs_momentum",
        "validation_fraction beta_1 beta_2 epsilon n_iter_no_change max_fun",
        "random_state verbose warm_start",
    ),
)


def _grown(kind, param="n_estimators", free=(), **settings):
    free = frozenset({*_ALL, "sample_weight", param, *free})
    return Grown(kind, param, full=param, free=free, **settings)


_TREE = _names(
    "criterion max_depth max_features max_leaf_nodes min_impurity_decrease",
    "min_samples_leaf min_samples_split min_weight_fraction_leaf ccp_alpha",
)
_FOREST = _grown(
    "trees",
    free=_TREE
    | _names(
        "bootstrap class_weight max_samples monotonic_cst oob_score contamination",
        "sparse_output",
    ),
)
_BAGGING = _grown(
    "estimators",
    free=_names("estimator bootstrap bootstrap_features max_features max_samples"),
    needs={"oob_score": (False, None)},
)
_GRADIENT = _grown(
    "boosting rounds",
    free=_TREE
    | _names("loss learning_rate init subsample alpha tol validation_fraction"),
    needs={"n_iter_no_change": (None,)},
)
_HIST = _grown(
    "boosting rounds",
    "max_iter",
    free=_names(
        "loss quantile learning_rate max_leaf_nodes max_depth min_samples_leaf",
        "l2_regularization max_features max_bins categorical_features monotonic_cst",
        "interaction_cst scoring validation_fraction n_iter_no_change tol class_weight",
    ),
    off=("early_stopping",),
    meanwhile=binning_once,
    needs={"early_stopping": (False, "auto")},
)

# ---- xgboost, lightgbm, catboost: ``draws`` has what PBTSearchCV alone goes on with

_ONE = (1.0, None)

_XGBOOST = Boosted(
    "boosting rounds",
    full=100,
    keyword="xgb_model",
    needs={
        "early_stopping_rounds": (None,),
        "callbacks": (None, []),
        "booster": ("gbtree", None),  # dart drops trees: they must all be its own
        "device": ("cpu", None),
    },
    draws=dict.fromkeys(
        ("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode"), _ONE
    ),
    free=_names(
        "n_estimators objective base_score eval_metric gamma grow_policy n_jobs",
        "missing importance_type interaction_constraints learning_rate max_bin",
        "max_delta_step max_cat_threshold max_cat_to_onehot max_depth max_leaves",
        "min_child_weight",
        "monotone_constraints multi_strategy num_parallel_tree random_state reg_alpha",
        "reg_lambda sampling_method scale_pos_weight tree_method validate_parameters",
        "verbosity feature_types feature_weights enable_categorical",
        "eta alpha lambda nthread seed min_split_loss quantile_alpha huber_slope",
        "tweedie_variance_power",
        "sample_weight verbose",
    ),
)

_GBDT = ("gbdt", "gbrt", None)
_ROUNDS_OF_LIGHTGBM = (
    "n_estimators",
    "num_iterations",
    "num_iteration",
    "n_iter",
    "num_tree",
    "num_trees",
    "num_round",
    "num_rounds",
    "nrounds",
    "num_boost_round",
    "max_iter",
)
_LIGHTGBM = Boosted(
    "boosting rounds",
    full=100,
    keyword="init_model",
    rounds=_ROUNDS_OF_LIGHTGBM,
    needs=dict.fromkeys(("boosting_type", "boosting", "boost"), (*_GBDT, "goss")),
    draws={
        **dict.fromkeys(("boosting_type", "boosting", "boost"), _GBDT),
        "data_sample_strategy": ("bagging", None),
        **dict.fromkeys(("subsample_freq", "bagging_freq"), (0, None)),
        **dict.fromkeys(("pos_bagging_fraction", "neg_bagging_fraction"), _ONE),
        **dict.fromkeys(
            ("colsample_bytree", "feature_fraction", "feature_fraction_bynode"), _ONE
        ),
        "extra_trees": (False, None),
    },
    free=_names(
        "class_weight importance_type learning_rate max_depth min_child_samples",
        "min_child_weight min_split_gain n_jobs num_leaves objective random_state",
        "reg_alpha reg_lambda subsample subsample_for_bin",
        "alpha bagging_fraction bin_construct_sample_cnt boost_from_average cat_l2",
        "cat_smooth data_random_seed deterministic enable_bundle eta fair_c",
        "force_col_wise force_row_wise interaction_constraints is_unbalance lambda_l1",
        "lambda_l2 max_bin max_bin_by_feature max_cat_threshold max_delta_step",
        "max_leaves metric min_data_in_bin min_data_in_leaf min_gain_to_split",
        "min_sum_hessian_in_leaf monotone_constraints num_threads path_smooth",
        "reg_sqrt scale_pos_weight seed shrinkage_rate sigmoid",
        "tweedie_variance_power use_missing verbose verbosity zero_as_missing",
        "sample_weight feature_name categorical_feature",
    ).union(_ROUNDS_OF_LIGHTGBM),
)

_ROUNDS_OF_CATBOOST = ("iterations", "n_estimators", "num_boost_round", "num_trees")
_CATBOOST = Boosted(
    "boosting rounds",
    full=1000,
    keyword="init_model",
    rounds=_ROUNDS_OF_CATBOOST,
    needs={
        "boosting_type": ("Plain", "Ordered", None),
        "boost_from_average": (False, None),
        "task_type": ("CPU", None),
        "use_best_model": (False, None),
    },
    draws={
        "bootstrap_type": ("No",),  # None is another: Bayesian or MVS
        "random_strength": (0,),  # None is 1
        "boosting_type": ("Plain", None),
        **dict.fromkeys(("rsm", "colsample_bylevel"), _ONE),
        **dict.fromkeys(("cat_features", "text_features"), (None,)),
        "embedding_features": (None,),
    },
    free=_names(
        "learning_rate eta depth max_depth l2_leaf_reg reg_lambda loss_function",
        "objective border_count max_bin feature_border_type nan_mode",
        "leaf_estimation_iterations leaf_estimation_method",
        "leaf_estimation_backtracking random_seed random_state metric_period",
        "bagging_temperature subsample grow_policy min_data_in_leaf min_child_samples",
        "max_leaves num_leaves score_function auto_class_weights",
        "scale_pos_weight eval_metric thread_count used_ram_limit",
        "allow_writing_files train_dir name logging_level verbose silent verbose_eval",
        "sampling_frequency mvs_reg allow_const_label sample_weight",
    ).union(_ROUNDS_OF_CATBOOST),
)

# ---- the table

#: How a class grows, by its name. Read along the MRO.
REGISTRY = {
    **dict.fromkeys(
        (
            "SGDClassifier",
            "SGDRegressor",
            "SGDOneClassSVM",
            "Perceptron",
            "PassiveAggressiveClassifier",
            "PassiveAggressiveRegressor",
        ),
        _LINEAR,
    ),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _NETWORK),
    **dict.fromkeys(
        (
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
            "RandomTreesEmbedding",
            "IsolationForest",
        ),
        _FOREST,
    ),
    **dict.fromkeys(("BaggingClassifier", "BaggingRegressor"), _BAGGING),
    **dict.fromkeys(
        ("GradientBoostingClassifier", "GradientBoostingRegressor"), _GRADIENT
    ),
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _HIST
    ),
    # a continuation would boost these forests
    **dict.fromkeys(("XGBRFClassifier", "XGBRFRegressor"), None),
    **dict.fromkeys(("XGBModel", "XGBClassifier", "XGBRegressor"), _XGBOOST),
    **dict.fromkeys(("LGBMModel", "LGBMClassifier", "LGBMRegressor"), _LIGHTGBM),
    **dict.fromkeys(("CatBoost", "CatBoostClassifier", "CatBoostRegressor"), _CATBOOST),
}

#: Where the classes come from that are not scikit-learn's, by the start of their names.
_LIBRARIES = {"XGB": "xgboost", "LGBM": "lightgbm", "CatBoost": "catboost"}

#: Methods that take no part in training, and what Python and scikit-learn themselves
#: write into each class.
_HARMLESS = _names(
    "predict predict_proba predict_log_proba decision_function score score_samples",
    "transform apply __module__ __qualname__ __doc__ __dict__ __weakref__ __slots__",
    "__annotations__ __annotate_func__ __annotations_cache__ __firstlineno__",
    "__static_attributes__ __parameters__ __orig_bases__ __abstractmethods__",
    "__hash__ __repr__ __str__ __slotnames__ _abc_impl _sklearn_auto_wrap_output_keys",
)

#: Methods that Python and scikit-learn call where a class has them.
_HOOKS = _names("__getattr__ __setstate__ __copy__ __deepcopy__ __sklearn_clone__")


def known_class(estimator):
    """Return the class of the table that an estimator belongs to, or None."""
    for base in type(estimator).__mro__:
        name, library = base.__name__, base.__module__.partition(".")[0]
        if name in REGISTRY and library == _library(name):
            return base
    return None


def _library(name):
    starts = (lib for start, lib in _LIBRARIES.items() if name.startswith(start))
    return next(starts, "sklearn")


def overridden(estimator):
    """Return what a subclass of a known class does in its own way, names.

    A ``partial_fit`` of its own is no obstacle where an epoch is a call of it, in rungs
    and at once; nor is the ``fit`` beside it, which is not called.
    """
    known = known_class(estimator)
    kinds = [kind for kind in type(estimator).__mro__ if kind not in known.__mro__]
    names = {name for kind in kinds for name in vars(kind)}
    if "partial_fit" in names and isinstance(REGISTRY[known.__name__], Epochs):
        names -= {"partial_fit", "fit"}
    return sorted(name for name in names if _trains(name, known))


def _trains(name, known):
    is_request = name.startswith("set_") and name.endswith("_request")
    if name in _HARMLESS or name.startswith("__skhpo_") or is_request:
        return False
    return name in _HOOKS or hasattr(known, name)


def registered_family(estimator):
    """Return the family of an estimator, or None."""
    known = known_class(estimator)
    how = None if known is None else REGISTRY[known.__name__]
    if isinstance(how, Epochs) and not hasattr(estimator, "partial_fit"):
        return None  # MLP with solver="lbfgs"
    if isinstance(how, Boosted):
        return _counting_rounds(how, estimator.get_params(deep=False))
    if how is None or how.param is None or how.param in estimator.get_params():
        return how
    return None  # a subclass that counts in another way


def _counting_rounds(how, params):
    """Return a family with the name of the number of rounds that is in force.

    lightgbm prefers all others to its ``n_estimators``, and the first of them.
    """
    given = [name for name in (*how.rounds[1:], how.rounds[0]) if name in params]
    name = given[0] if given else how.rounds[0]
    full = how.full if params.get(name) is None else name
    return replace(how, param=name, full=full)


# ---- what stands in the way


@dataclass(frozen=True)
class Asked:
    """What is asked of a family: settings of one estimator in one search.

    ``prefix`` leads to the estimator in its pipeline; the names in ``searched`` and
    ``fit_params`` are those of the estimator. If not ``exact``, rows and columns may be
    drawn anew after each pause.
    """

    estimator: Any
    prefix: str = ""
    searched: frozenset = frozenset()
    fit_params: Mapping = field(default_factory=dict)
    exact: bool = True

    @property
    def given(self):
        """Parameters and fit parameters, by name."""
        fit_params = {k: v for k, v in self.fit_params.items() if v is not None}
        return {**self.estimator.get_params(deep=False), **fit_params}

    def shown(self, name):
        """Return a setting in words."""
        if name in self.searched:
            return f"{self.prefix}{name} in the search space"
        if name in self.fit_params:
            return f"the fit parameter {self.prefix}{name}"
        value = self.given.get(name)
        if value is None:
            return f"{self.prefix}{name} at its default"
        return f"{self.prefix}{name}={reprlib.repr(value)}"


def obstacles(how, asked):
    """Return what keeps an estimator from being continued, and a cure for each."""
    found = [*_broken(how, asked), *_derived_rate(asked)]
    if how.free is not None:
        found += [*_own_ways(asked), *_unknown(how, asked)]
    return found


def _broken(how, asked):
    """Yield the settings with values that were found to do harm."""
    rules = {**how.needs, **how.draws} if asked.exact else how.needs
    for name, harmless in rules.items():
        value = asked.given.get(name)
        if name in asked.searched or not _is_one_of(value, harmless):
            where = f"{asked.prefix}{name}={harmless[0]!r}"
            yield asked.shown(name), f"Set {where} and do not search it"


def _unknown(how, asked):
    """Yield the settings that nobody has measured."""
    known = how.free.union(how.needs, how.draws)
    if isinstance(how, Epochs):
        known |= set(asked.fit_params)  # partial_fit takes them, or there is an error
    for name in sorted({*asked.given, *asked.searched}.difference(known)):
        is_default = asked.given.get(name) is _default(asked.estimator, name)
        if name in asked.searched or name in asked.fit_params or not is_default:
            yield asked.shown(name), f"Leave out {asked.prefix}{name}"


def _own_ways(asked):
    own = overridden(asked.estimator)
    if own:
        known = known_class(asked.estimator).__name__
        what = f"{', '.join(own)} of its own, in place of those of {known},"
        yield what, "Give it a method __skhpo_resource__"


def _derived_rate(asked):
    names = {"learning_rate", "eta"}
    is_open = not names & asked.searched and not any(map(asked.given.get, names))
    mro = {base.__name__ for base in type(asked.estimator).__mro__}
    if is_open and "CatBoost" in mro:
        what = "a learning_rate that catboost derives from the number of rounds"
        yield what, f"Set {asked.prefix}learning_rate, or search it,"


def _is_one_of(value, harmless):
    return any(value is one or (value == one) is True for one in harmless)


def _default(estimator, name):
    parameter = signature(type(estimator)).parameters.get(name)
    return Parameter.empty if parameter is None else parameter.default
