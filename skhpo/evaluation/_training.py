"""One rung of one trial on one fold: which rows, from which state, to how many units.

A state (bytes, or the path of a file) takes the place of the model wherever one
travels; a trial without one is trained from the start, which gives the same model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skhpo.evaluation._resources import ChosenResource
from skhpo.evaluation._rows import RowSubsets
from skhpo.evaluation._states import pack, unpack
from skhpo.evaluation._stepper import Model, Seeds, Step, train


@dataclass(frozen=True, eq=False)
class Stage:
    """How far a trial is trained, and from where.

    ``candidate`` names the seeds; ``states`` holds, by fold, what is continued.
    """

    to: int  # units in all
    candidate: int
    states: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Training:
    """What the models of one search have in common that are trained in steps.

    ``rows`` is None unless rows are the resource; ``classes`` are those of all rows;
    ``root`` is the seed of all seeds. Models of ``top`` units are never continued.
    """

    resource: ChosenResource
    top: int
    root: int
    rows: RowSubsets | None = None
    classes: Any = None
    keeps_models: bool = True

    def rows_of(self, fold, train_rows, to):
        """Return the training rows of a fold for a model of ``to`` units."""
        return train_rows if self.rows is None else self.rows.rows(fold, to)

    def model(self, stage, fold, estimator):
        """Return the model to train on: the state's, or a new one of ``estimator``."""
        return unpack(stage.states.get(fold)) or Model(estimator)

    def advance(self, model, X, y, stage, fold, fit_params, quiet=True):
        """Train a model on to the units of the stage; return it and the new units."""
        before = model.units if self.resource.continued else 0
        seeds = Seeds(self.root, stage.candidate, fold)
        step = Step(stage.to, seeds, self.classes, fit_params, quiet)
        model = train(self.resource, model.estimator, X, y, step, model)
        return model, stage.to - before

    def final_model(self, estimator, X, y, best, n_splits, fit_params):
        """Return a model trained on all rows like those of the trial ``best``.

        From 0 and with seeds of its own: those of a fold that does not exist.
        """
        stage = Stage(best.job.resource, best.namesake)
        model = Model(estimator)
        return self.advance(model, X, y, stage, n_splits, fit_params, quiet=False)[0]

    def state(self, model, stage):
        """Return the model as bytes, if it may be continued; else None."""
        is_needed = self.keeps_models and self.resource.continued
        return pack(model) if is_needed and stage.to < self.top else None
