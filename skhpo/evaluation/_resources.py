"""What a rung counts: epochs, trees, boosting rounds, rows, or a parameter.

Known estimators are found by the names of their classes, so that xgboost, lightgbm and
catboost need not be there. A ``partial_fit`` alone proves nothing: naive Bayes counts
rows twice that it is shown twice. So whatever is not in the table grows by rows, unless
the user says otherwise.

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

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Protocol, runtime_checkable

from sklearn.pipeline import Pipeline

from skhpo._errors import did_you_mean, warn_user
from skhpo.evaluation._bins import binning_once
from skhpo.evaluation._stepper import (
    Boosted,
    Epochs,
    Family,
    Grown,
    Own,
    Refitted,
    share_out,
    takes,
)

#: A full model of a linear learner whose ``max_iter`` is a cap and not a plan: 3 ** 4.
EPOCHS = 81

#: Below so many rows, or so many of each class, scores of a rung are mostly noise.
GOOD_ROWS, GOOD_ROWS_PER_CLASS = 250, 50

#: And below these there is no point in cutting the rows at all.
LEAST_ROWS, LEAST_ROWS_PER_CLASS = 100, 10


@runtime_checkable
class Resource(Protocol):
    """A resource of your own: how to train your estimator on from where it stands.

    Give it as ``resource=``, or return it from a method ``__skhpo_resource__()`` of the
    estimator. If the estimator is the last step of a pipeline, ``advance`` gets that
    step and the transformed rows.

    Attributes
    ----------
    kind : str
        What is counted, in a word: "epochs".
    param : str or None
        Parameter of the estimator that holds the number of units; it is set to ``to``
        after each step. None = there is none.

    A ``max_resource`` attribute, if there is one, says how many units make a full
    model, or names the parameter of the estimator that does. A ``swappable`` attribute
    names the parameters that may change during training (``PBTSearchCV``): those that
    ``advance`` reads anew, and with which nothing learnt before becomes another.

    Examples
    --------
    >>> class Sweeps:
    ...     kind, param, max_resource = "sweeps", None, 27
    ...
    ...     def advance(self, estimator, X, y, frm, to):
    ...         for _ in range(frm, to):
    ...             estimator.sweep(X, y)
    """

    kind: str
    param: str | None

    def advance(self, estimator, X, y, frm, to, **fit_params):
        """Train ``estimator`` from ``frm`` to ``to`` units, on the same rows each time.

        ``frm=0`` is the first call for a fresh clone. Open seeds of the estimator have
        been set to ints, the same at each call. Return None (trained in place), or the
        trained estimator.
        """


@dataclass(frozen=True, eq=False)
class ChosenResource:
    """A resource, fixed for one search.

    ``param`` is the full name of the parameter that counts it; None = none does.
    ``prefix`` leads to the last step of a pipeline.
    """

    how: Family
    prefix: str
    why: str

    @property
    def kind(self):
        return self.how.kind

    @property
    def param(self):
        return None if self.how.param is None else self.prefix + self.how.param

    @property
    def continued(self):
        return self.how.continued

    @property
    def is_rows(self):
        return self.how == ROWS  # not `is`: it may come from another process


ROWS = Refitted("n_samples")


# ---- the table


def _epochs(full):
    # the last two: networks whose partial_fit goes on for so many epochs (skorch)
    needs = {"early_stopping": (False,), "max_epochs": (1,), "epochs": (1,)}
    return Epochs(full=full, needs=needs)


def _grown(kind, param="n_estimators", **settings):
    return Grown(kind, param, full=param, **settings)


def _boosted(keyword, full):
    needs = {name: (None,) for name in _EARLY_STOPPING}
    needs["booster"] = (None, "gbtree")  # dart drops trees: they must all be its own
    needs["boosting_type"] = (None, "gbdt", "goss", "Ordered", "Plain")
    return Boosted("boosting rounds", full=full, keyword=keyword, needs=needs)


_EARLY_STOPPING = (
    "early_stopping_rounds",
    "early_stopping_round",
    "od_pval",
    "od_wait",
)

_HIST = _grown(
    "boosting rounds",
    "max_iter",
    off=("early_stopping",),
    meanwhile=binning_once,
    needs={"early_stopping": (False, "auto")},
)
_GRADIENT = _grown("boosting rounds", needs={"n_iter_no_change": (None,)})

#: How a class grows, by its name; ``needs`` says with which parameters it can. Read
#: along the MRO, so that subclasses are known too.
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
        _epochs(EPOCHS),
    ),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), _epochs("max_iter")),
    **dict.fromkeys(
        (
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
            "RandomTreesEmbedding",
            "IsolationForest",
        ),
        _grown("trees"),
    ),
    **dict.fromkeys(
        ("BaggingClassifier", "BaggingRegressor"),
        _grown("estimators", needs={"oob_score": (False,)}),
    ),
    **dict.fromkeys(
        ("GradientBoostingClassifier", "GradientBoostingRegressor"), _GRADIENT
    ),
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), _HIST
    ),
    # a continuation would boost these forests
    **dict.fromkeys(("XGBRFClassifier", "XGBRFRegressor"), None),
    "XGBModel": _boosted("xgb_model", full=100),
    "LGBMModel": _boosted("init_model", full=100),
    "CatBoost": _boosted("init_model", full=1000),
}

#: Names of the number of rounds; catboost's parameters hold the one that was given.
_ROUNDS = ("iterations", "n_estimators", "num_boost_round", "num_trees")

#: Parameters that mean something else on fewer rows.
_COUNTS_OF_ROWS = (
    "min_samples_leaf",
    "min_samples_split",
    "n_neighbors",
    "min_child_samples",
)


def registered_family(estimator):
    """Return the family of an estimator, or None."""
    names = [base.__name__ for base in type(estimator).__mro__]
    how = next((REGISTRY[name] for name in names if name in REGISTRY), None)
    if isinstance(how, Epochs) and not hasattr(estimator, "partial_fit"):
        return None  # MLP with solver="lbfgs"
    if isinstance(how, Boosted):
        params = estimator.get_params(deep=False)
        name = next((name for name in _ROUNDS if name in params), _ROUNDS[0])
        full = how.full if params.get(name) is None else name
        how = replace(how, param=name, full=full)
    return how


# ---- the choice


def choose_resource(resource, estimator, searched=(), fit_params=None):
    """Return what a search counts, or say why it cannot.

    Parameters
    ----------
    resource : str or Resource
        "auto", "epochs", "n_samples", the name of a parameter, or the user's own.
    estimator : estimator
        As given to the search, never fitted.
    searched : iterable of str
        Names of the parameters in the search space.
    fit_params : dict or None, default=None
        What ``fit`` of the estimator gets.

    Raises
    ------
    ValueError, TypeError
        When it cannot be done; the message says what can.

    Warns
    -----
    UserWarning
        When models that could be continued have to be refitted at each rung.
    """
    place = _Place.of(estimator, frozenset(searched))
    if not isinstance(resource, str):
        chosen = place.own(resource, f"resource={resource!r}")
    elif resource == "auto":
        chosen = place.automatic()
    elif resource == "n_samples":
        chosen = place.by_rows("resource='n_samples'.")
    elif resource == "epochs":
        chosen = place.by_epochs()
    else:
        chosen = place.by_parameter(resource)
    _check_not_searched(chosen, place)
    _check_fit_params(chosen, place, fit_params or {})
    return chosen


@dataclass(frozen=True)
class _Place:
    """The estimator that grows: the last step of a pipeline, or the whole."""

    whole: Any
    last: Any
    prefix: str
    searched: frozenset

    @classmethod
    def of(cls, estimator, searched):
        if isinstance(estimator, Pipeline):
            name, last = estimator.steps[-1]
            return cls(estimator, last, f"{name}__", searched)
        return cls(estimator, estimator, "", searched)

    @property
    def name(self):
        return type(self.last).__name__

    @property
    def params(self):
        return self.last.get_params(deep=False) if self.grows_alone else {}

    @property
    def grows_alone(self):
        """Whether the steps before can be fitted once, and the last one go on."""
        if not hasattr(self.last, "get_params"):  # "passthrough"
            return False
        if self.last is self.whole:
            return True
        return getattr(self.whole, "transform_input", None) is None

    @property
    def family(self):
        return registered_family(self.last) if self.grows_alone else None

    def chosen(self, how, why):
        return ChosenResource(how, self.prefix, why)

    # -- one for each kind of ``resource=``

    @property
    def declared(self):
        """The resource that the estimator declares, or None."""
        if self.grows_alone and hasattr(self.last, "__skhpo_resource__"):
            return self.last.__skhpo_resource__()
        return None

    def automatic(self):
        if self.declared is not None:
            return self.own(self.declared, f"{self.name}.__skhpo_resource__()")
        if self.family is not None:
            return self.continued(self.family)
        return self.by_rows(f"{self.name} is trained in one go.")

    def by_rows(self, why):
        why += " Each rung is a fit of its own, on more rows."
        names = {name.rpartition("__")[2] for name in self.searched}
        counts = sorted(names.intersection(_COUNTS_OF_ROWS))
        if counts:
            why += (
                f" Counts of rows ({', '.join(counts)}) mean something else on fewer "
                "rows: where fractions are possible, search these."
            )
        return self.chosen(ROWS, why)

    def by_epochs(self):
        if getattr(self.declared, "kind", None) == "epochs":
            return self.automatic()
        if not self.grows_alone or not hasattr(self.last, "partial_fit"):
            raise ValueError(
                f"resource='epochs' needs partial_fit, and {self.description} has "
                f"none that can be used. {self.what_it_can()}"
            )
        known = self.family
        how = known if isinstance(known, Epochs) else _epochs(EPOCHS)
        return self.continued(how)

    def by_parameter(self, resource):
        params = self.whole.get_params()
        how = self.family
        if how is not None and how.param and resource == self.prefix + how.param:
            return self.continued(how)
        if resource not in params:
            raise ValueError(
                f"resource={resource!r} is not a parameter of {self.description}."
                f"{did_you_mean(resource, _with_ints(params))} {self.what_it_can()}"
            )
        value = params[resource]
        if isinstance(value, bool) or not isinstance(value, Integral | None):
            raise ValueError(
                f"resource={resource!r} counts nothing, as {resource}={value!r}: a "
                f"resource is a whole number of units. {self.what_it_can()}"
            )
        why = f"Each rung is a fit of its own, with its {resource}."
        # the name is the whole one already
        return ChosenResource(Refitted(resource, resource, resource), "", why)

    def own(self, resource, source):
        if not callable(getattr(resource, "advance", None)):
            raise TypeError(
                f"{source} must be a string or an object with kind, param and "
                f"advance(estimator, X, y, frm, to), got {type(resource).__name__}."
            )
        param = getattr(resource, "param", None)
        if param is not None and param not in self.params:
            raise ValueError(
                f"{source} counts by the parameter {param!r}, which is none of "
                f"{self.name}.{did_you_mean(param, self.params)}"
            )
        full = getattr(resource, "max_resource", param)
        how = Own(getattr(resource, "kind", "units"), param, full, resource=resource)
        return self.chosen(how, f"Trained on by {source}.")

    def continued(self, how):
        """Return a continuing resource, or a refitting one where something forbids."""
        found = self.obstacle(how)
        if found is None:
            return self.chosen(how, _why(how, self) + self.resampling)
        obstacle, cure = found
        if isinstance(how, Epochs):
            raise ValueError(
                f"{self.description} is trained epoch by epoch, which {obstacle} rules "
                f"out. {cure}, or use resource='n_samples'."
            )
        warn_user(
            f"{self.name} is refitted at each rung: with {obstacle} it cannot be "
            f"continued from rung to rung to give the same model. {cure} to continue.",
        )
        why = f"With {obstacle} each rung is a fit of its own."
        return self.chosen(Refitted(how.kind, how.param, how.full), why)

    def obstacle(self, how):
        """Return what keeps an estimator from being continued, and a cure; or None."""
        params = self.params
        for name, harmless in how.needs.items():
            full_name = self.prefix + name
            cure = f"Set {full_name}={harmless[0]!r} and do not search it"
            if full_name in self.searched:
                return f"{full_name} in the search space", cure
            if name in params and not _is_one_of(params[name], harmless):
                return f"{full_name}={params[name]!r}", cure
        rate = self.prefix + "learning_rate"
        is_open = params.get("learning_rate") is None and rate not in self.searched
        if _is_catboost(self.last) and is_open:
            what = "a learning_rate that catboost derives from the number of rounds"
            return what, f"Set {rate}, or search it,"
        return None

    # -- words

    @property
    def description(self):
        if self.last is self.whole:
            return self.name
        steps = ", ".join(name for name, _ in self.whole.steps)
        return f"{type(self.whole).__name__}({steps})"

    @property
    def resampling(self):
        """A sentence on the resamplers before the estimator; "" without any."""
        steps = self.whole.steps[:-1] if self.last is not self.whole else []
        names = [type(s).__name__ for _, s in steps if hasattr(s, "fit_resample")]
        if not names:
            return ""
        return f" Training rows are resampled once per model, by {', '.join(names)}."

    def what_it_can(self):
        how = self.family
        if how is None:
            return (
                f"{self.name} cannot be trained in steps; use growing data: "
                "resource='n_samples'."
            )
        resource = "epochs" if isinstance(how, Epochs) else self.prefix + how.param
        return f"{self.name} can be trained by {how.kind}: resource={resource!r}."


def _is_one_of(value, harmless):
    return any(value is one or (value == one) is True for one in harmless)


def _is_catboost(estimator):
    return any(base.__name__ == "CatBoost" for base in type(estimator).__mro__)


def _with_ints(params):
    return [k for k, v in params.items() if isinstance(v, Integral | None)]


def _why(how, place):
    """Say how an estimator grows, and what is changed for it."""
    if isinstance(how, Epochs):
        why = f"{place.name} is trained by partial_fit, one call per epoch."
        if place.params.get("learning_rate") == "adaptive" and "eta0" in place.params:
            why += " Its adaptive learning rate does not adapt: eta0 stays."
        return why
    if isinstance(how, Boosted):
        return f"{place.name} goes on from its last rounds, by {how.keyword}=."
    why = f"{place.name} grows by warm_start."
    if place.params.get("early_stopping") == "auto":
        why += " early_stopping='auto' is off in the search: rungs stop the training."
    return why


# ---- what must hold before the first fit


def _check_not_searched(chosen, place):
    how = chosen.how
    names = {how.param, how.full if isinstance(how.full, str) else None}
    if isinstance(how, Boosted):
        names |= set(_ROUNDS)
    if isinstance(how, Epochs):
        names.add("max_iter")
    both = sorted({chosen.prefix + n for n in names if n} & place.searched)
    if both:
        raise ValueError(
            f"{both[0]!r} is in the search space, and the rungs decide the number of "
            f"{how.kind}. Remove it from search_space (max_resource= says how many a "
            "full model has), or use another resource, for example 'n_samples'."
        )


def _check_fit_params(chosen, place, fit_params):
    """Check that partial_fit takes what fit would."""
    if not isinstance(chosen.how, Epochs):
        return
    if isinstance(place.whole, Pipeline):
        fit_params = share_out(place.whole, fit_params)[1]
    unknown = [n for n in fit_params if not takes(place.last.partial_fit, n)]
    if unknown:
        raise TypeError(
            f"{place.name}.partial_fit takes no {', '.join(unknown)}, which rules out "
            "resource='epochs'. Use resource='n_samples', which calls fit, or leave "
            f"out {', '.join(unknown)}."
        )


# ---- from where to where


def resource_bounds(
    chosen, estimator, min_resource, max_resource, factor, rows=None, n_classes=0
):
    """Return (least, most) units, ints.

    ``"auto"`` for the most is a full model; for the least a factor ** 3 part of it, so
    that there are four rungs: lower ones say little.

    Parameters
    ----------
    chosen : ChosenResource
    estimator : estimator
        As given to the search.
    min_resource, max_resource : int or "auto"
    factor : int
        By how much the resource grows from rung to rung.
    rows : RowSubsets or None, default=None
        Needed when rows are the resource.
    n_classes : int, default=0
        Number of classes; 0 = no classes.
    """
    most = _most(chosen, estimator, max_resource, rows)
    if min_resource != "auto":
        least = _positive_int("min_resource", min_resource)
    elif chosen.is_rows:
        least = _least_rows(most, factor, rows, n_classes)
    else:
        least = max(1, most // factor**3)  # from the top down, as the rungs are made
    if least > most:
        raise ValueError(
            f"min_resource={min_resource!r} is more than max_resource={max_resource!r} "
            f"= {most} {chosen.kind}. Lower min_resource, or raise max_resource."
        )
    if chosen.is_rows and least < rows.fewest:
        raise ValueError(
            f"min_resource={least} rows are too few: it takes {rows.fewest} of a "
            "training fold to have two rows of each class. "
            f"Use min_resource={rows.fewest} or more."
        )
    return least, most


def _most(chosen, estimator, max_resource, rows):
    if max_resource != "auto":
        most = _positive_int("max_resource", max_resource)
        if chosen.is_rows and most > rows.most:
            raise ValueError(
                f"max_resource={most} is more than the {rows.most} rows of the "
                "smallest training fold. Use max_resource='auto' for all of them."
            )
        return most
    if chosen.is_rows:
        return rows.most
    full = chosen.how.full
    if isinstance(full, str):
        full = estimator.get_params().get(chosen.prefix + full)
    if isinstance(full, bool) or not isinstance(full, Integral) or full < 1:
        raise ValueError(
            f"max_resource='auto' finds no number of {chosen.kind} that makes a full "
            f"model (found {full!r}). Say how many: max_resource=<int>."
        )
    return int(full)


def _positive_int(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be 'auto' or an integer >= 1, got {value!r}.")
    return int(value)


def _least_rows(most, factor, rows, n_classes):
    """Return the rows of the smallest rung: enough for a score that means something."""
    good = max(GOOD_ROWS, GOOD_ROWS_PER_CLASS * n_classes, most // factor**3)
    least = max(min(good, most // factor), rows.fewest)  # two rungs, where possible
    if least >= max(LEAST_ROWS, LEAST_ROWS_PER_CLASS * n_classes):
        return min(least, most)
    warn_user(
        f"The {most} rows of a training fold are too few to be cut: every rung has all "
        "of them, which is a search without early stopping. min_resource=<rows> cuts "
        "them nevertheless.",
    )
    return most


def resource_info(chosen, least, most, keeps_models=True) -> Mapping[str, Any]:
    """Return what a search counted, for ``resource_info_``."""
    is_continued = chosen.continued and keeps_models
    why = chosen.why
    if chosen.continued and not keeps_models:
        why += " keep_models='none': trained from the start at each rung."
    return {
        "kind": chosen.kind,
        "param": chosen.param,
        "min": least,
        "max": most,
        "mode": "continued" if is_continued else "refitted",
        "why": why,
    }
