"""One rung of one trial on one fold: which rows, from which state, to how many units.

A state (bytes, or the path of a file) takes the place of the model wherever one
travels; a trial without one is trained from the start, which gives the same model. To
that end it carries its schedule: with which setting, and from which seeds, the models
were trained that it goes on from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from skhpo.evaluation._resources import ChosenResource
from skhpo.evaluation._rows import RowSubsets
from skhpo.evaluation._states import pack, unpack
from skhpo.evaluation._stepper import Model, Seeds, Step, train
from skhpo.evaluation._swap import swap_params


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of training with one setting, from where the one before ended."""

    to: int  # units in all at its end
    params: Mapping[str, Any]
    candidate: int  # names the seeds


def schedule_of(trial):
    """Return the segments along which a trial was trained, its own last."""
    line = [trial]
    while line[-1].parent is not None:
        line.append(line[-1].parent)
    return tuple(Segment(t.job.resource, t.params, t.namesake) for t in reversed(line))


@dataclass(frozen=True, eq=False)
class Stage:
    """How far a trial is trained, and from where.

    ``candidate`` names the seeds; ``states`` holds, by fold, what is continued, and
    ``before`` how that was trained: what to do where a state is missing.
    """

    to: int  # units in all
    candidate: int
    states: Mapping[int, Any] = field(default_factory=dict)
    before: tuple[Segment, ...] = ()

    def params_at_birth(self, params):
        """Return the setting with which the model began, given its present one."""
        return self.before[0].params if self.before else params


@dataclass(frozen=True)
class ReplaySeeds:
    """Seeds of a schedule that is trained again: by unit, from one number.

    ``birth`` is that of the first segment, for what is drawn once in a model's life.
    """

    seed: int
    birth: int

    def at(self, unit, own=None):
        """Return a seed, 31 bits; ``own`` as for :class:`Seeds`."""
        base = own if own is not None else self.seed if unit else self.birth
        sequence = np.random.SeedSequence(int(base), spawn_key=(unit,))
        return int(sequence.generate_state(1)[0] >> 1)


def seed_of_replay(root, candidate, n_splits):
    """Return the number from which a candidate's units are seeded in a replay.

    That of a fold that does not exist.
    """
    sequence = np.random.SeedSequence(root, spawn_key=(candidate, n_splits))
    return int(sequence.generate_state(1)[0] >> 1)


@dataclass(frozen=True, eq=False)
class Training:
    """What the models of one search have in common that are trained in steps.

    ``rows`` is None unless rows are the resource; ``classes`` are those of all rows;
    ``root`` is the seed of all seeds. Models of ``top`` units are never continued.
    ``swapped`` are the parameters that may change while a model is trained; others stay
    as they were at its birth. ``every_row`` says whether models of fewer units than
    ``top`` may be the best. ``own`` is the number of units of the estimator as the user
    wrote it; None = ``top``.
    """

    resource: ChosenResource
    top: int
    root: int
    rows: RowSubsets | None = None
    classes: Any = None
    keeps_models: bool = True
    swapped: Sequence[str] = ()
    every_row: bool = False
    own: int | None = None

    @property
    def own_units(self):
        """Units to which the estimator's own setting is trained."""
        return self.top if self.own is None else self.own

    def may_be_best(self, stage):
        """Return whether a model at this stage competes with the best."""
        return self.every_row or stage.to >= self.top

    def rows_of(self, fold, train_rows, to):
        """Return the training rows of a fold for a model of ``to`` units."""
        return train_rows if self.rows is None else self.rows.rows(fold, to)

    def model(self, stage, fold, estimator):
        """Return the model to train on.

        It is the state's, or a new one of ``estimator`` where that cannot be read.
        """
        model = unpack(stage.states.get(fold))
        is_sound = isinstance(model, Model) and model.units <= stage.to
        return model if is_sound else Model(estimator)

    def advance(self, model, X, y, stage, params, fold, new_params, quiet=True):
        """Train a model on to the units of the stage; return it and the new units.

        ``new_params()`` returns the fit parameters for one segment.
        """
        last = Segment(stage.to, params, stage.candidate)
        segments = [*stage.before, last] if self.resource.continued else [last]
        before = model.units if self.resource.continued else 0
        birth = segments[0].candidate
        seeds = [Seeds(self.root, s.candidate, fold, birth) for s in segments]
        model = self.follow(model, X, y, segments, seeds, new_params, quiet)
        return model, stage.to - before

    def follow(self, model, X, y, segments, seeds, new_params, quiet=False):
        """Train a model along a schedule, from where it stands.

        ``new_params()`` returns the fit parameters for one segment.
        """
        changes = [{}, *(self._changes(*pair) for pair in pairwise(segments))]
        for segment, its_seeds, changed in zip(segments, seeds, changes, strict=True):
            if segment.to <= model.units:
                continue
            if changed:
                swap_params(model.estimator, changed, self._own_resource)
            step = Step(segment.to, its_seeds, self.classes, new_params(), quiet)
            model = train(self.resource, model.estimator, X, y, step, model)
        return model

    def _changes(self, before, after):
        """Return what is set on a model when one segment ends and the next begins.

        Only what changed: to set a rate again may start its decay anew.
        """
        return {
            name: after.params[name]
            for name in self.swapped
            if name in after.params
            and not same_value(before.params.get(name, _NOTHING), after.params[name])
        }

    @property
    def _own_resource(self):
        return getattr(self.resource.how, "resource", None)

    def final_model(self, estimator, X, y, best, n_splits, fit_params):
        """Return a model trained on all rows like those of the trial ``best``.

        From 0 and with seeds of its own: those of a fold that does not exist.
        ``fit_params`` are passed on as they are, not copied.
        """
        stage, last = Stage(best.job.resource, best.namesake), best.params
        model, _ = self.advance(
            Model(estimator),
            *(X, y, stage, last, n_splits),
            new_params=lambda: fit_params,
            quiet=False,
        )
        return model

    def state(self, model, stage):
        """Return the model as bytes, if it may be continued; else None."""
        is_needed = self.keeps_models and self.resource.continued
        return pack(model) if is_needed and stage.to < self.top else None


_NOTHING = object()


def same_value(one, other):
    """Return whether two values of a parameter are one; 1 and 1.0 are two."""
    if one is other:
        return True
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # no truth in it: an array
        return False
