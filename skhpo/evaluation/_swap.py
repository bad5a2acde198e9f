"""The hot-swap registry: what may change while a model is trained, and how.

A parameter stands here when setting it on a partly trained model does two things, and
no third: the next update uses the new value, and nothing that was learnt before is
another. Each is tested, for each estimator and scikit-learn version (contract tests in
``tests/evaluation/test_swap.py``; doc/decisions/0013 has what was measured).

==========================  =================================  =========================
estimator                   what may change                    made to take effect by
==========================  =================================  =========================
SGD*, Perceptron            penalties, ``eta0``, ...           set_params: each
                                                               partial_fit reads them
PassiveAggressive*          ``C``, ``epsilon``                 the attribute that 1.9
                                                               reads, too
MLP*                        ``alpha``, ``batch_size``          set_params
                            ``learning_rate_init``, momenta    the optimizer's own copy
HistGradientBoosting*       the rate and what a tree is        set_params: read at each
                                                               fit with warm_start
GradientBoosting*           what a tree is, **not** the rate   set_params
xgboost, lightgbm,          the rate, what a tree is,          set_params: each
catboost                    sampling, penalties                continuation is a fit
with ``__skhpo_swap__()``   what it returns                    set_params
==========================  =================================  =========================

Left out, because they fail: ``learning_rate`` of GradientBoosting* (it scales all
trees at predict, those of the past too); ``max_bins`` of HistGradientBoosting* (rows
are binned anew, and old trees read the new bins); ``solver`` and ``learning_rate`` (the
rule) of MLP* (the optimizer was made for one of them), and its ``power_t`` (acts one
update late); ``loss``, which also changes what a model predicts. Trees of a forest know
nothing of each other: nothing can be annealed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.pipeline import Pipeline

from skhpo._errors import warn_user
from skhpo._sklearn import HAS_MLP_OPTIMIZERS, set_mlp_params, set_passive_aggressive
from skhpo.evaluation._families import REGISTRY, known_class
from skhpo.evaluation._resources import declared_resource
from skhpo.evaluation._stepper import write_params

_INSTEAD = (
    "HyperbandSearchCV and BayesSearchCV train each candidate with one setting, and so "
    "search any parameter."
)


@dataclass(frozen=True)
class Swaps:
    """What may change in one kind of estimator.

    ``acts_with`` holds, by parameter, on which others its effect depends: their name,
    and a test of their value.
    """

    names: tuple[str, ...]
    acts_with: Mapping[str, Mapping[str, Callable[[Any], bool]]] = field(
        default_factory=dict
    )
    write: Callable[[Any, Mapping], None] = write_params
    are_params: bool = True  # get_params lists them all (catboost's: only those set)


# ---- the table


def _in(*values):
    return lambda value: value in values


def _truthy(value):
    return bool(value)


_ELASTIC = {"l1_ratio": {"penalty": _in("elasticnet")}}
_SGD = Swaps(
    ("alpha", "eta0", "l1_ratio", "penalty", "power_t", "epsilon"),
    {
        **_ELASTIC,
        "eta0": {"learning_rate": lambda rule: rule != "optimal"},
        "power_t": {"learning_rate": _in("invscaling")},
        "epsilon": {
            "loss": _in("huber", "epsilon_insensitive", "squared_epsilon_insensitive")
        },
    },
)
_PERCEPTRON = Swaps(
    ("alpha", "eta0", "l1_ratio", "penalty"),
    {**_ELASTIC, "alpha": {"penalty": _truthy}},
)

#: Those that live on in MLP's optimizer, by the solver that has them.
_OPTIMIZER = {
    "sgd": ("momentum", "nesterovs_momentum"),
    "adam": ("beta_1", "beta_2", "epsilon"),
}
_MLP = Swaps(
    (
        *("alpha", "batch_size"),
        *(("learning_rate_init", *_OPTIMIZER["sgd"]) if HAS_MLP_OPTIMIZERS else ()),
        *(_OPTIMIZER["adam"] if HAS_MLP_OPTIMIZERS else ()),
    ),
    {
        **{
            name: {"solver": _in(solver)}
            for solver in _OPTIMIZER
            for name in _OPTIMIZER[solver]
        },
        "nesterovs_momentum": {"solver": _in("sgd"), "momentum": _truthy},
    },
    set_mlp_params,
)

_HIST = Swaps(
    (
        "learning_rate",
        "max_leaf_nodes",
        "max_depth",
        "min_samples_leaf",
        "l2_regularization",
        "max_features",
    )
)
_GRADIENT = Swaps(
    (
        "max_depth",
        "max_leaf_nodes",
        "min_samples_split",
        "min_samples_leaf",
        "min_weight_fraction_leaf",
        "min_impurity_decrease",
        "max_features",
        "subsample",
        "ccp_alpha",
    )
)
_XGBOOST = Swaps(
    (
        *("learning_rate", "max_depth", "max_leaves", "min_child_weight", "gamma"),
        *("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode"),
        *("reg_alpha", "reg_lambda", "max_delta_step"),
    ),
    {"max_leaves": {"tree_method": lambda method: method != "exact"}},
)
_LIGHTGBM = Swaps(
    (
        *("learning_rate", "num_leaves", "max_depth", "min_child_samples"),
        *("min_child_weight", "min_split_gain", "subsample", "colsample_bytree"),
        *("reg_alpha", "reg_lambda"),
    ),
    {"subsample": {"subsample_freq": _truthy}},
)
_LEAVES = {"grow_policy": _in("Depthwise", "Lossguide")}
_CATBOOST = Swaps(
    (
        *("learning_rate", "depth", "max_depth", "l2_leaf_reg", "reg_lambda"),
        *("random_strength", "bagging_temperature", "subsample", "rsm"),
        *("colsample_bylevel", "min_data_in_leaf", "min_child_samples", "max_leaves"),
        "num_leaves",
    ),
    {
        "min_data_in_leaf": _LEAVES,
        "min_child_samples": _LEAVES,
        "max_leaves": {"grow_policy": _in("Lossguide")},
        "num_leaves": {"grow_policy": _in("Lossguide")},
    },
    are_params=False,
)

#: By the name of a class, as ``_families.REGISTRY`` is.
SWAPS = {
    **dict.fromkeys(("SGDClassifier", "SGDRegressor"), _SGD),
    "SGDOneClassSVM": Swaps(("nu", "eta0", "power_t"), _SGD.acts_with),
    "Perceptron": _PERCEPTRON,
    "PassiveAggressiveClassifier": Swaps(("C",), write=set_passive_aggressive),
    "PassiveAggressiveRegressor": Swaps(("C", "epsilon"), write=set_passive_aggressive),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _MLP),
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _HIST
    ),
    **dict.fromkeys(
        ("GradientBoostingClassifier", "GradientBoostingRegressor"), _GRADIENT
    ),
    **dict.fromkeys(("XGBModel", "XGBClassifier", "XGBRegressor"), _XGBOOST),
    **dict.fromkeys(("LGBMModel", "LGBMClassifier", "LGBMRegressor"), _LIGHTGBM),
    **dict.fromkeys(("CatBoost", "CatBoostClassifier", "CatBoostRegressor"), _CATBOOST),
}

_INDEPENDENT = (
    "its {} are trained independently of each other, so that a parameter that changes "
    "between them anneals nothing."
)
#: Why there is nothing, or not what one would expect, by the name of a class.
_WHY_NOT = {
    **{
        name: _INDEPENDENT.format(how.kind)
        for name, how in REGISTRY.items()
        if how is not None and how.kind in ("trees", "estimators")
    },
    **dict.fromkeys(
        ("GradientBoostingClassifier", "GradientBoostingRegressor"),
        "its learning_rate scales all trees, those of the past too; "
        "HistGradientBoosting* can change it.",
    ),
}


# ---- the three questions


def swappable(estimator, resource=None):
    """Return the names of the parameters that may change while a model is trained.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Of a pipeline the last step counts, as only it is trained on.
    resource : str or Resource, default=None
        What the user gave as ``resource=``: an object of the user's may name
        parameters in its attribute ``swappable``.

    Returns
    -------
    tuple of str
        Full names ("mlpclassifier__alpha"). Empty where nothing can change.

    Examples
    --------
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> swappable(make_pipeline(StandardScaler(), SGDClassifier()))[:2]
    ('sgdclassifier__alpha', 'sgdclassifier__eta0')
    """
    last, prefix = _last(estimator)
    return tuple(prefix + name for name in _swaps(last, resource).names)


def check_swappable(estimator, names, resource=None):
    """Return which of the searched parameters may change, and which stay as at birth.

    Parameters
    ----------
    estimator : estimator or Pipeline
        As given to the search.
    names : iterable of str
        Full names of the parameters in the search space.
    resource : str or Resource, default=None
        What the user gave as ``resource=``.

    Returns
    -------
    swapped, fixed : tuple of str
        In the order of ``names``.

    Raises
    ------
    ValueError
        When no parameter of the space can be swapped. The message says what could be.

    Warns
    -----
    UserWarning
        For parameters that would have no effect, as ``eta0`` under
        ``learning_rate="optimal"``; they count as fixed.
    """
    names = tuple(names)
    possible = swappable(estimator, resource)
    idle = _idle(estimator, names, names, resource)
    swapped = tuple(n for n in names if n in possible and n not in idle)
    if not swapped:
        raise ValueError(_refusal(estimator, names, resource))
    if idle:
        warn_user(" ".join([*idle.values(), _IDLE]))
    return swapped, tuple(n for n in names if n not in swapped)


_IDLE = "Such parameters are not changed during training."


def swap_params(estimator, params, resource=None):
    """Set parameters on a model in training; its next update uses them.

    In place. Nothing that was learnt before changes: weights, momenta, the number of
    updates, trees of the past. An estimator that was not trained yet is given its
    parameters in the same way.

    Parameters
    ----------
    estimator : estimator or Pipeline
        The model.
    params : dict
        Full names to values.
    resource : str or Resource, default=None
        What the user gave as ``resource=``.

    Raises
    ------
    ValueError
        When a parameter may not change while a model is trained; then none is set.

    Examples
    --------
    The optimizer of a network holds a copy of its rate, which ``set_params`` does not
    reach:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(learning_rate_init=0.01)
    >>> model = model.partial_fit(X, y, classes=[0, 1, 2])
    >>> swap_params(model, {"learning_rate_init": 0.001})
    >>> model._optimizer.learning_rate_init
    0.001
    """
    last, prefix = _last(estimator)
    swaps = _swaps(last, resource)
    unknown = set(params).difference(prefix + name for name in swaps.names)
    if unknown:
        raise ValueError(_refusal(estimator, sorted(unknown), resource))
    swaps.write(last, {name.removeprefix(prefix): v for name, v in params.items()})


# ---- how they are answered


def _last(estimator):
    """Return what is trained in steps, and the prefix of its parameters."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return last, f"{name}__"
    return estimator, ""


def _swaps(estimator, resource=None):
    """Return what may change in an estimator: as it says, or as the table does."""
    if not hasattr(estimator, "get_params"):  # "passthrough"
        return Swaps(())
    own = _declared(estimator, resource)
    if own is not None:
        return Swaps(own)
    known = getattr(known_class(estimator), "__name__", None)
    swaps = SWAPS.get(known, Swaps(()))
    if known in ("MLPClassifier", "MLPRegressor") and estimator.solver == "lbfgs":
        return Swaps(())
    if not swaps.are_params:
        return swaps
    params = estimator.get_params(deep=False)
    names = tuple(name for name in swaps.names if name in params)
    return Swaps(names, swaps.acts_with, swaps.write)


def _declared(estimator, resource):
    """Return the names that the user's own code declares; None = it says nothing."""
    if getattr(resource, "swappable", None) is not None:
        return _names(resource.swappable, "swappable of the resource")
    source = f"{type(estimator).__name__}.__skhpo_swap__()"
    if hasattr(estimator, "__skhpo_swap__"):
        return _names(estimator.__skhpo_swap__(), source)
    given = getattr(declared_resource(estimator), "swappable", None)
    return None if given is None else _names(given, source)


def _names(given, source):
    if isinstance(given, str) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"{source} must be names of parameters, got {given!r}.")
    return tuple(given)


def _idle(estimator, names, searched, resource):
    """Return a sentence for each name that has no effect as the others are set.

    Those that are searched may be set in another way.
    """
    last, prefix = _last(estimator)
    swaps = _swaps(last, resource)
    params = last.get_params(deep=False) if swaps.acts_with else {}
    sentences = {}
    for name in names:
        conditions = swaps.acts_with.get(name.removeprefix(prefix), {})
        for other, acts in conditions.items():
            is_set = prefix + other not in searched
            is_known = other in params or not swaps.are_params
            if is_set and is_known and not acts(params.get(other)):
                value = f"{prefix}{other}={params.get(other)!r}"
                sentences[name] = f"{name} has no effect with {value}."
    return sentences


def _refusal(estimator, names, resource=None):
    """Say why nothing of this can change, and what could."""
    last, _ = _last(estimator)
    mro = [base.__name__ for base in type(last).__mro__]
    why = next((_WHY_NOT[name] for name in mro if name in _WHY_NOT), None)
    every = swappable(estimator, resource)
    idle = _idle(estimator, (*names, *every), names, resource)
    possible = [name for name in every if name not in idle]
    what = f"{mro[0]} cannot change {', '.join(map(repr, names))} while it is trained"
    parts = [f"{what}: {why}" if why else f"{what}."]
    parts += [sentence for name, sentence in idle.items() if name in names]
    if possible:
        parts.append(f"It can change {', '.join(map(repr, possible))}.")
    elif not why:
        parts.append(
            "It has no parameter that can (an estimator of your own names them in a "
            "method __skhpo_swap__())."
        )
    return " ".join([*parts, _INSTEAD])
