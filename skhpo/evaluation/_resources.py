"""What a rung counts: epochs, trees, boosting rounds, rows, or a parameter.

``_families.py`` has the estimators that can be trained on. A ``partial_fit`` alone
proves nothing: naive Bayes counts rows twice that it is shown twice. So an estimator
that is not in that table grows by rows, unless the user says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Protocol, runtime_checkable

from sklearn.pipeline import Pipeline

from skhpo._errors import did_you_mean, warn_user
from skhpo.evaluation._families import (
    Asked,
    epochs,
    obstacles,
    overridden,
    registered_family,
)
from skhpo.evaluation._stepper import (
    Boosted,
    Epochs,
    Family,
    Own,
    Refitted,
    share_out,
    takes,
)

#: Below so many rows, or so many of each class, scores of a rung are mostly noise.
GOOD_ROWS, GOOD_ROWS_PER_CLASS = 250, 50

#: And below these there is no point in cutting the rows at all.
LEAST_ROWS, LEAST_ROWS_PER_CLASS = 100, 10


@runtime_checkable
class Resource(Protocol):
    """A resource of your own: how to train your estimator on from where it stands.

    Give it as ``resource=``, or as ``__skhpo_resource__`` of the estimator (a class
    attribute, or a method that returns it). If the estimator is the last step of a
    pipeline, ``advance`` gets that step and the transformed rows.

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
    ``prefix`` leads to the last step of a pipeline. ``instead`` says by what else the
    estimator could be trained, where the user may have expected it.
    """

    how: Family
    prefix: str
    why: str
    instead: str = ""

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
    def or_else(self):
        """``instead``, with a space before it, as the end of a message."""
        return f" {self.instead}" if self.instead else ""

    @property
    def is_rows(self):
        return self.how == ROWS  # not `is`: it may come from another process


ROWS = Refitted("n_samples")


#: What users call rows.
_ROWS = ("samples", "rows", "n_rows", "data")

#: Parameters that mean something else on fewer rows.
_COUNTS_OF_ROWS = (
    "min_samples_leaf",
    "min_samples_split",
    "n_neighbors",
    "min_child_samples",
)


# ---- the choice


def choose_resource(resource, estimator, searched=(), fit_params=None, exact=True):
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
    exact : bool, default=True
        Whether a model that goes on must equal the model of all units at once. If not,
        a booster may draw rows and columns anew after each pause.

    Raises
    ------
    ValueError, TypeError
        When it cannot be done; the message says what can.

    Warns
    -----
    UserWarning
        When models that could be continued have to be refitted at each rung.
    """
    place = _Place.of(estimator, frozenset(searched), fit_params or {}, exact)
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
    _check_fit_params(chosen, place)
    return chosen


@dataclass(frozen=True)
class _Place:
    """The estimator that grows: the last step of a pipeline, or the whole."""

    whole: Any
    last: Any
    prefix: str
    searched: frozenset
    fit_params: Mapping  # of the whole
    exact: bool

    @classmethod
    def of(cls, estimator, *settings):
        if isinstance(estimator, Pipeline):
            name, last = estimator.steps[-1]
            return cls(estimator, last, f"{name}__", *settings)
        return cls(estimator, estimator, "", *settings)

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
        """How the estimator grows, or None where that is not known of its class."""
        if not self.grows_alone or self.is_searched:
            return None
        how = registered_family(self.last)
        return None if isinstance(how, Epochs) and overridden(self.last) else how

    @property
    def is_searched(self):
        """Whether candidates may have other estimators in this place."""
        return bool(self.prefix) and self.prefix.removesuffix("__") in self.searched

    @property
    def has_partial_fit(self):
        return self.grows_alone and hasattr(self.last, "partial_fit")

    @property
    def asked(self):
        """What is asked of the family of the estimator."""
        n = len(self.prefix)
        own = [name[n:] for name in self.searched if name.startswith(self.prefix)]
        names = {name.partition("__")[0] for name in own}
        return Asked(
            self.last,
            self.prefix,
            frozenset(names),
            self.last_fit_params,
            self.exact,
        )

    @property
    def last_fit_params(self):
        """Fit parameters of the estimator that grows."""
        if self.last is self.whole:
            return self.fit_params
        return share_out(self.whole, self.fit_params)[1]

    def chosen(self, how, why, instead=""):
        return ChosenResource(how, self.prefix, why, instead)

    # -- one for each kind of ``resource=``

    @property
    def declared(self):
        """The resource that the estimator declares, or None."""
        return declared_resource(self.last) if self.grows_alone else None

    def automatic(self):
        if self.declared is not None:
            return self.as_declared()
        if self.family is not None:
            return self.continued(self.family)
        if self.is_searched:
            step = self.prefix.removesuffix("__")
            return self.by_rows(f"{step!r} is in the search space.")
        if self.has_partial_fit:
            return self.with_partial_fit()
        return self.by_rows(f"{self.name} is trained in one go.")

    def as_declared(self):
        resource = self.declared
        if not isinstance(resource, str):
            return self.own(resource, f"{self.name}.__skhpo_resource__")
        if resource == "epochs":
            return self.by_epochs()
        if resource == "n_samples":
            return self.by_rows(f"{self.name}.__skhpo_resource__ says so.")
        return self.by_parameter(self.prefix + resource)

    def with_partial_fit(self):
        """Return the resource of an estimator that the table does not have."""
        how, library = epochs(), type(self.last).__module__.partition(".")[0]
        if library == "skorch":
            return self.by_rows_unless_epochs(how)
        modules = {base.__module__ for base in type(self.last).__mro__}
        if "sklearn.naive_bayes" in modules:
            why = (
                f"partial_fit of {self.name} is no further epoch: rows that it is "
                "shown again count twice."
            )
            return self.by_rows(why)
        instead = (
            f"If each call of {self.name}.partial_fit is one more pass over the rows, "
            "use resource='epochs', or write __skhpo_resource__ = 'epochs' into its "
            "class."
        )
        why = f"{self.name} has a partial_fit, and nothing says what a call of it does."
        return self.by_rows(f"{why} {instead}", instead)

    def by_rows_unless_epochs(self, how):
        """Return epochs of a network whose partial_fit trains ``max_epochs``."""
        found = self.in_the_way(how)
        if found is None:
            return self.continued(how)
        obstacle, cure = found
        instead = f"{cure} to train it by resource='epochs'."
        why = f"With {obstacle} a call of {self.name}.partial_fit is not one epoch."
        return self.by_rows(f"{why} {instead}", instead)

    def by_rows(self, why, instead=""):
        why += " Each rung is a fit of its own, on more rows."
        names = {name.rpartition("__")[2] for name in self.searched}
        counts = sorted(names.intersection(_COUNTS_OF_ROWS))
        if counts:
            why += (
                f" Counts of rows ({', '.join(counts)}) mean something else on fewer "
                "rows: where fractions are possible, search these."
            )
        return self.chosen(ROWS, why, instead)

    def by_epochs(self):
        if getattr(self.declared, "kind", None) == "epochs":
            return self.as_declared()
        if not self.has_partial_fit:
            raise ValueError(
                f"resource='epochs' needs partial_fit, and {self.description} has "
                f"none that can be used. {self.what_it_can()}"
            )
        known = self.family
        return self.continued(known if isinstance(known, Epochs) else epochs())

    def by_parameter(self, resource):
        params = self.whole.get_params()
        how = self.family
        if how is not None and resource in self.names_of_units(how):
            return self.continued(how)
        if resource not in params:
            possible = ["n_samples", *_with_ints(params)]
            meant = "n_samples" if resource in _ROWS else resource
            raise ValueError(
                f"resource={resource!r} is not a parameter of {self.description}."
                f"{did_you_mean(meant, possible)} {self.what_it_can()}"
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
        found = self.in_the_way(how)
        if found is None:
            if isinstance(how, Boosted):
                how = replace(how, draws_anew=not self.exact)
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
        why = f"With {obstacle} each rung is a fit of its own. {cure} to continue."
        return self.chosen(Refitted(how.kind, how.param, how.full), why)

    def in_the_way(self, how):
        """Return what keeps the estimator from being continued and a cure, or None."""
        found = obstacles(how, self.asked)
        return tuple(_and(texts) for texts in zip(*found, strict=True)) or None

    def names_of_units(self, how):
        """Return the full names of the parameter that counts the units."""
        names = how.rounds if isinstance(how, Boosted) else [how.param]
        return {self.prefix + name for name in names if name}

    # -- words

    @property
    def description(self):
        if self.last is self.whole:
            return self.name
        steps = ", ".join(name for name, _ in self.whole.steps)
        return f"{type(self.whole).__name__}({steps})"

    @property
    def resampling(self):
        """A sentence on the resamplers before the estimator, or ""."""
        steps = self.whole.steps[:-1] if self.last is not self.whole else []
        names = [type(s).__name__ for _, s in steps if hasattr(s, "fit_resample")]
        if not names:
            return ""
        return f" Training rows are resampled once per model, by {', '.join(names)}."

    def what_it_can(self):
        how = self.family
        if how is None and self.has_partial_fit:
            return (
                f"{self.name} can be trained by its partial_fit, one call per epoch "
                "(resource='epochs'), or on growing data (resource='n_samples')."
            )
        if how is None:
            return (
                f"{self.name} cannot be trained in steps; use growing data: "
                "resource='n_samples'."
            )
        resource = "epochs" if isinstance(how, Epochs) else self.prefix + how.param
        return f"{self.name} can be trained by {how.kind}: resource={resource!r}."


def declared_resource(estimator):
    """Return what an estimator declares as ``__skhpo_resource__``, or None.

    A method returns it; a class attribute is it: a string, or an object (or its class).
    """
    given = getattr(estimator, "__skhpo_resource__", None)
    is_object = not isinstance(given, type) and hasattr(given, "advance")
    return given() if callable(given) and not is_object else given


def _and(texts):
    """Join sentences without a full stop, the first of which begins with a capital."""
    first, *others = dict.fromkeys(texts)
    return ", and ".join([first, *(text[0].lower() + text[1:] for text in others)])


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
        names |= set(how.rounds)
    if isinstance(how, Epochs):
        names.add("max_iter")
    both = sorted({chosen.prefix + n for n in names if n} & place.searched)
    if both:
        raise ValueError(
            f"{both[0]!r} is in the search space, and the rungs decide the number of "
            f"{how.kind}. Remove it from search_space (max_resource= says how many a "
            "full model has), or use another resource, for example 'n_samples'."
        )


def _check_fit_params(chosen, place):
    """Check that partial_fit takes what fit would."""
    if not isinstance(chosen.how, Epochs):
        return
    fit_params = place.last_fit_params
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
    if chosen.instead and (min_resource, max_resource) != ("auto", "auto"):
        warn_user(
            f"min_resource and max_resource count rows here, not calls of partial_fit. "
            f"{chosen.instead}"
        )
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
            f"{chosen.or_else}"
        )
    if chosen.is_rows and least < rows.fewest:
        raise ValueError(
            f"min_resource={least} rows are too few: it takes {rows.fewest} of a "
            "training fold to have two rows of each class. "
            f"Use min_resource={rows.fewest} or more.{chosen.or_else}"
        )
    return least, most


def _most(chosen, estimator, max_resource, rows):
    if max_resource != "auto":
        most = _positive_int("max_resource", max_resource)
        if chosen.is_rows and most > rows.most:
            raise ValueError(
                f"max_resource={most} is more than the {rows.most} rows of the "
                "smallest training fold. Use max_resource='auto' for all of them."
                f"{chosen.or_else}"
            )
        return most
    if chosen.is_rows:
        return rows.most
    full = _full(chosen, estimator)
    if not _is_count(full):
        raise ValueError(
            f"max_resource='auto' finds no number of {chosen.kind} that makes a full "
            f"model (found {full!r}). Say how many: max_resource=<int>."
        )
    return int(full)


def own_units(chosen, estimator, most):
    """Return the units to which an estimator is trained as the user wrote it.

    Its own number of trees, rounds or epochs, or ``most`` where that is less.
    """
    full = None if chosen.is_rows else _full(chosen, estimator)
    return min(int(full), most) if _is_count(full) else most


def _full(chosen, estimator):
    """Return the units of a full model by the estimator's own account."""
    full = chosen.how.full
    if isinstance(full, str):
        return estimator.get_params().get(chosen.prefix + full)
    return full


def _is_count(value):
    return not isinstance(value, bool) and isinstance(value, Integral) and value >= 1


def _positive_int(name, value):
    if not _is_count(value):
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
