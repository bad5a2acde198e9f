"""Schedules: what population-based training finds, and how it is trained again.

A schedule is a list of dicts, one for each step: ``from`` and ``to`` in units of the
resource, the ``params`` in force between them, and the ``seed`` of what is random in
it. The models that were scored came of all of it: the last setting alone would not have
led there.
"""

from collections.abc import Mapping
from itertools import pairwise
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state, indexable

from skhpo._errors import did_you_mean
from skhpo.evaluation import (
    Model,
    ReplaySeeds,
    Segment,
    Training,
    choose_resource,
    classes_of,
    same_value,
    schedule_of,
    seed_of_replay,
    swappable,
)


def make_schedule(trial, training, n_splits):
    """Return the schedule that led to a trial, for all data.

    What was fixed at birth reads as it was then: on its way through the unit cube, a
    number may change in its last bit.
    """
    schedule, before = [], 0
    segments = schedule_of(trial)
    born = segments[0].params
    for segment in segments:
        fixed = born.keys() & segment.params.keys() - set(training.swapped)
        params = {**segment.params, **{name: born[name] for name in fixed}}
        params.pop(training.resource.param, None)  # "to" says it
        seed = seed_of_replay(training.root, segment.candidate, n_splits)
        step = {"from": before, "to": segment.to, "params": params, "seed": seed}
        schedule.append(step)
        before = segment.to
    return schedule


def follow_schedule(training, estimator, X, y, schedule, fit_params):
    """Train a fresh clone with the first setting along a schedule; return it."""
    segments = [Segment(step["to"], step["params"], None) for step in schedule]
    birth = schedule[0]["seed"]
    seeds = [ReplaySeeds(step["seed"], birth) for step in schedule]
    model = Model(estimator)
    model = training.follow(model, X, y, segments, seeds, lambda: fit_params)
    return model.estimator


def replay(
    estimator,
    schedule,
    X,
    y=None,
    *,
    resource="auto",
    random_state=None,
    **fit_params,
):
    """Train an estimator along a schedule: one that a search found, or your own.

    The model of a population-based search came of settings that changed while it was
    trained. This does so again, on the same data or on others, in the very steps of the
    search: on the data of :class:`~skhpo.PBTSearchCV` its ``best_schedule_`` gives
    ``best_estimator_``, bit for bit.

    Parameters
    ----------
    estimator : estimator object
        What is to be trained; a clone is. It must be one that can be trained on, as for
        :class:`~skhpo.PBTSearchCV`.

    schedule : list of dicts
        One for each step, in order: ``"to"`` (units in all at its end), ``"params"``
        (from the first step on all that differ from the estimator's own; in later steps
        those that were given before stay unless they are named again), and if you like
        ``"from"`` (where the step before ended) and ``"seed"`` (an int).

    X : array-like of shape (n_samples, n_features)
        Training data.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Target.

    resource : str or object, default="auto"
        What the units are, as for :class:`~skhpo.PBTSearchCV`.

    random_state : int, RandomState instance or None, default=None
        Seed of the steps that have none.

    **fit_params : dict of str -> object
        For the ``fit`` (or ``partial_fit``) of the estimator.

    Returns
    -------
    estimator : estimator object
        The trained clone.

    Raises
    ------
    ValueError
        When the steps do not follow one another, or a parameter changes that cannot be
        changed while a model is trained.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skhpo import replay
    >>> X, y = load_iris(return_X_y=True)
    >>> falling = [
    ...     {"to": 10, "params": {"learning_rate": "constant", "eta0": 0.1}},
    ...     {"to": 20, "params": {"eta0": 0.01}},
    ...     {"to": 30, "params": {"eta0": 0.001}},
    ... ]
    >>> model = replay(SGDClassifier(), falling, X, y, random_state=0)
    >>> model.eta0, bool(model.score(X, y) > 0.9)
    (0.001, True)
    """
    steps = _completed(_checked(schedule, estimator), random_state)
    chosen = choose_resource(resource, estimator, (), fit_params, exact=False)
    _check_changes(steps, estimator, resource, chosen)
    X, y = indexable(X, y)
    training = Training(
        chosen,
        top=steps[-1]["to"],
        root=0,
        classes=classes_of(estimator, y),
        swapped=swappable(estimator, resource),
    )
    estimator = clone(estimator)
    estimator.set_params(**clone(steps[0]["params"], safe=False))
    return follow_schedule(training, estimator, X, y, steps, fit_params)


# ---- what a user may write


def _checked(schedule, estimator):
    """Return the steps, or say what is wrong with them."""
    if isinstance(schedule, Mapping) or not len(schedule):
        raise ValueError(
            "schedule must be a non-empty list of dicts with 'to' and 'params', got "
            f"{schedule!r}."
        )
    before = 0
    names = estimator.get_params()
    for number, step in enumerate(schedule):
        where = f"schedule[{number}]"
        if not isinstance(step, Mapping) or not {"to", "params"} <= set(step):
            raise ValueError(f"{where} must be a dict with 'to' and 'params': {step!r}")
        _check_units(where, step, before)
        for name in step["params"]:
            if name not in names:
                raise ValueError(
                    f"{where}: {name!r} is not a parameter of "
                    f"{type(estimator).__name__}.{did_you_mean(name, names)}"
                )
        before = step["to"]
    return list(schedule)


def _check_units(where, step, before):
    to = step["to"]
    if isinstance(to, bool) or not isinstance(to, Integral) or to <= before:
        raise ValueError(
            f"{where}: 'to' must be an integer above {before}, where the step before "
            f"ends, got {to!r}."
        )
    if step.get("from", before) != before:
        raise ValueError(
            f"{where}: 'from' is {step['from']!r}, and the step before ends at "
            f"{before}. Leave 'from' out, or close the gap."
        )


def _completed(steps, random_state):
    """Return the steps with all settings and seeds."""
    seed = None
    if any(step.get("seed") is None for step in steps):
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    completed, params = [], {}
    for step in steps:
        params = {**params, **step["params"]}
        own = step.get("seed")
        its_seed = seed if own is None else int(own)
        completed.append({"to": int(step["to"]), "params": params, "seed": its_seed})
    return completed


def _check_changes(steps, estimator, resource, chosen):
    """Refuse what cannot be: models that are fitted anew, parameters that are fixed."""
    if not chosen.continued:
        raise ValueError(cannot_go_on(estimator, chosen))
    possible = {*swappable(estimator, resource), chosen.param}
    for before, after in pairwise(steps):
        for name, value in after["params"].items():
            changes = not same_value(before["params"].get(name, np.nan), value)
            if changes and name not in possible:
                raise ValueError(
                    f"schedule: {name!r} changes at {before['to']} {chosen.kind}, and "
                    f"{type(estimator).__name__} cannot change it while it is trained. "
                    f"What can change: {sorted(possible - {None, chosen.param})}."
                )


def cannot_go_on(estimator, chosen):
    """Say that an estimator is no case for settings that change."""
    return (
        f"{type(estimator).__name__} cannot be trained on with other settings: each "
        f"step would be a fit of its own. {chosen.why} HyperbandSearchCV (few epochs, "
        "trees or rows first) and BayesSearchCV search settings that stay."
    )
