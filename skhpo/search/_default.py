"""The estimator's own setting: where it stands in a search, and what it scores.

Within the space it is a candidate. Elsewhere it is a *reference*: scored once on the
same folds, counted nowhere, and only there to be compared with.
"""

from dataclasses import dataclass
from math import nan
from typing import Any

from skhpo._archive import Trial
from skhpo._types import REFERENCE, Job
from skhpo.space import default_params, own_setting


@dataclass(eq=False)
class OwnSetting:
    """The estimator's own setting, and what came of it as a reference.

    ``setting`` is its (point, params) in the space, None where it lies outside of it;
    ``nearest`` the same with numbers moved into their ranges, None where a value has no
    place; ``outcomes`` are those of its folds, None where it is no reference.
    """

    space: Any
    setting: tuple[Any, dict[str, Any]] | None
    nearest: tuple[Any, dict[str, Any]] | None = None
    outcomes: list | None = None

    @classmethod
    def of(cls, space, estimator):
        """Return where an estimator stands in a space."""
        setting = own_setting(space, estimator)
        return cls(space, setting, setting or default_params(space, estimator))

    def is_of(self, trial):
        """Return whether a trial has this setting, and has had it from the start."""
        if self.setting is None:
            return False
        while trial.parent is not None and trial.parent.candidate == trial.candidate:
            trial = trial.parent
        key = self.space.key(trial.job.proposal.point)
        return trial.parent is None and key == self.space.key(self.setting[0])

    def row(self, archive, resource):
        """Return the trial that evaluated it at a resource, or None."""
        return next(
            (
                trial
                for trial in archive.finished
                if trial.job.resource == resource and self.is_of(trial)
                if trial.status != "raced_out"
            ),
            None,
        )

    def scores(self, archive, resource, score_of):
        """Return its score on each fold, or None where it was not evaluated."""
        row = self.row(archive, resource)
        outcomes = self.outcomes if row is None else row.outcomes
        if outcomes is None:
            return None
        scores = [score_of(outcome) for outcome in outcomes]
        return scores if len(scores) == archive.n_splits else [nan]


def evaluate_reference(evaluator, archive, journal, training):
    """Fit and score the estimator as it is on every fold and return the outcomes.

    Nothing else may be with the workers but folds that are not needed any more. None =
    the record of a finished search has no reference.
    """
    known = [(REFERENCE, fold) in journal.outcomes for fold in range(archive.n_splits)]
    if journal.is_finished and not all(known):
        return None
    evaluator.submit(_reference(training))
    outcomes = []
    while len(outcomes) < archive.n_splits:
        for outcome in evaluator.collect():
            journal.arrived(outcome)
            if outcome.trial == REFERENCE:
                outcomes.append(outcome)
            else:
                archive.add(outcome)
    return sorted(outcomes, key=lambda outcome: outcome.fold)


def _reference(training):
    """Return the trial of the estimator as it is, with its own units."""
    resource = None if training is None else training.own_units
    param = None if training is None else training.resource.param
    params = {} if param is None else {param: resource}
    return Trial(REFERENCE, Job(None, resource), 0, params)
