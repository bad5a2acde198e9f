"""The archive remembers: every trial, its folds, its place, and the table at the end.

``cv_results_`` is built once, from the finished trials in ask order, and equals
``RandomizedSearchCV``'s for the same candidates. Three facts are ours:

- a failed candidate ranks after every successful one, whatever ``error_score`` is;
- a non-finite score counts as a failure and shows ``error_score``;
- where a trial failed, the columns ``status`` and ``error`` say so.
"""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from math import isfinite, nan
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skhpo._sklearn import masked_param_columns, warn_or_raise_about_fit_failures
from skhpo._types import FoldOutcome, Job, Result

FINISHED = ("complete", "failed")
_UNKNOWN = object()


@dataclass(eq=False, slots=True)
class Trial:
    """One candidate evaluated at one resource on its folds: a row of ``cv_results_``.

    ``score`` is the mean over the folds of the metric that steers the search; nan until
    the trial is closed, and for a failed trial.
    """

    id: int
    job: Job
    candidate: int
    params: dict[str, Any]
    status: str | None = None  # None = still being evaluated
    score: float = nan
    outcomes: list[FoldOutcome] = field(default_factory=list)
    twin: "Trial | None" = (
        None  # an earlier trial of the same setting, not fitted twice
    )

    @property
    def error(self):
        """Traceback text of the first fold that failed, or None."""
        return next((o.error for o in self.outcomes if o.error), None)

    @property
    def cost(self):
        """Seconds spent on fits and scoring, all folds together."""
        return sum(o.fit_time + o.score_time for o in self.outcomes)


class Archive:
    """All trials of one search.

    Parameters
    ----------
    n_splits : int
        Folds of each trial.
    choose_metric : callable
        Called with the first scores of a fold: a number, or a dict by metric. Returns
        the name of the metric that steers, None for a number. May raise.
    error_score : float
        What a failed fold shows in the table.
    """

    def __init__(self, n_splits, choose_metric, error_score=nan):
        self.n_splits = n_splits
        self.objective = _UNKNOWN  # name of the metric that steers; None = the only one
        self._choose_metric = choose_metric
        self.error_score = error_score
        self.trials = []
        self.incumbent = None  # best complete trial so far
        self.closed = []  # complete and failed trials, in the order of commits

    def open(self, job, params, twin=None):
        """Record that a job was asked for; return its trial."""
        number = len(self.trials)
        candidate = number if job.candidate is None else job.candidate
        self.trials.append(Trial(number, job, candidate, params, twin=twin))
        return self.trials[-1]

    def add(self, outcome):
        """Record the outcome of a fold; return its trial."""
        trial = self.trials[outcome.trial]
        trial.outcomes.append(outcome)
        return trial

    def is_evaluated(self, trial):
        """Return whether all folds of a trial are there."""
        return len((trial.twin or trial).outcomes) == self.n_splits

    def close(self, trial):
        """Commit a trial: its status, its score, perhaps a new incumbent."""
        if trial.twin is not None:
            trial.outcomes = list(trial.twin.outcomes)
        trial.outcomes.sort(key=lambda o: o.fold)
        scores = [self.steering_score(o) for o in trial.outcomes]
        if all(map(isfinite, scores)):
            trial.status, trial.score = "complete", float(np.mean(scores))
            if self.incumbent is None or trial.score > self.incumbent.score:
                self.incumbent = trial
        else:
            trial.status = "failed"
        self.closed.append(trial)

    def drop(self, trial):
        """Mark a trial that will not be evaluated to its end."""
        trial.status = "interrupted"

    def result(self, trial):
        """Return what an optimizer is told about a closed trial.

        Without noise: the splits are frozen, and the mean over all of them is what is
        to be maximised (doc/decisions/0003). What an unseeded estimator adds, a model
        has to find out.
        """
        job = trial.job
        return Result(job.proposal, trial.score, 0.0, job.resource, trial.cost)

    @property
    def finished(self):
        """The trials that make up the table, in ask order."""
        return [t for t in self.trials if t.status in FINISHED]

    def rows_to_choose_from(self):
        """Return the rows of the table among which the best one is chosen.

        The complete ones. Without any, those that could at least be fitted; or all.
        """
        complete = [t.status == "complete" for t in self.finished]
        fitted = [all(o.stage != "fit" for o in t.outcomes) for t in self.finished]
        chosen = next(filter(any, (complete, fitted)), [True] * len(complete))
        return np.flatnonzero(chosen)

    @property
    def metrics(self):
        """Names of the metrics; ``["score"]`` for a single one, None if none is known.

        With a callable ``scoring`` this is known only after a fit that succeeded.
        """
        for trial in self.trials:
            for outcome in trial.outcomes:
                if isinstance(outcome.test_scores, dict):
                    return list(outcome.test_scores)
                if outcome.test_scores is not None:
                    return ["score"]
        return None

    @property
    def is_multimetric(self):
        """Whether the scorer returns several named metrics."""
        return any(
            isinstance(o.test_scores, dict) for t in self.trials for o in t.outcomes
        )

    def steering_score(self, outcome):
        """Return the score of a fold that steers the search; nan where it failed."""
        scores = outcome.test_scores
        if scores is None:
            return nan
        if self.objective is _UNKNOWN:
            self.objective = self._choose_metric(scores)
        return scores if self.objective is None else scores[self.objective]


# ---- the table


def build_cv_results(archive, return_train_score=False, labels=()):
    """Return ``cv_results_``: a dict of columns over the finished trials.

    Parameters
    ----------
    archive : Archive
        What was evaluated.
    return_train_score : bool
        Whether to add the columns of the training scores.
    labels : sequence of str
        Labels of the jobs that become columns.
    """
    trials = archive.finished
    good = np.array([t.status == "complete" for t in trials], dtype=bool)
    results = {}
    for key in ("fit_time", "score_time"):
        values = [getattr(o, key) for t in trials for o in t.outcomes]
        _add_mean_std(results, key, _matrix(values, archive.n_splits))
    results.update(masked_param_columns([t.params for t in trials]))
    results["params"] = [t.params for t in trials]
    for metric in archive.metrics or ["score"]:
        test = _scores(archive, trials, "test_scores", metric)
        _add_scores(results, f"test_{metric}", test, good)
        if return_train_score:
            train = _scores(archive, trials, "train_scores", metric)
            _add_scores(results, f"train_{metric}", train)
    for label in labels:
        results[label] = np.array([_label(t, label) for t in trials])
    if not good.all():
        results["status"] = np.array([t.status for t in trials], dtype=object)
        results["error"] = np.array([t.error or "" for t in trials], dtype=object)
    return results


def _label(trial, name):
    return {**trial.job.proposal.labels, **trial.job.labels}.get(name)


def _matrix(values, n_splits):
    return np.array(values, dtype=np.float64).reshape(-1, n_splits)


def _scores(archive, trials, kind, metric):
    """(n_trials, n_splits) scores; what is missing or non-finite = ``error_score``."""
    values = []
    for trial in trials:
        for outcome in trial.outcomes:
            scores = getattr(outcome, kind)
            if isinstance(scores, dict):
                scores = scores.get(metric)
            values.append(nan if scores is None else scores)
    matrix = _matrix(values, archive.n_splits)
    error_score = nan if archive.error_score == "raise" else archive.error_score
    return np.where(np.isfinite(matrix), matrix, error_score)


def _add_mean_std(results, key, matrix):
    results[f"mean_{key}"] = mean = np.average(matrix, axis=1)
    spread = np.average((matrix - mean[:, np.newaxis]) ** 2, axis=1)
    results[f"std_{key}"] = np.sqrt(spread)


def _add_scores(results, key, matrix, good=None):
    """Add split, mean and std columns; and, where ``good`` is given, the ranks."""
    for fold in range(matrix.shape[1]):
        results[f"split{fold}_{key}"] = matrix[:, fold]
    _add_mean_std(results, key, matrix)
    mean = results[f"mean_{key}"]
    if not np.all(np.isfinite(mean)):
        kind = key.split("_")[0]
        message = f"One or more of the {kind} scores are non-finite: {mean}"
        warnings.warn(message, category=UserWarning, stacklevel=2)
    if good is not None:
        results[f"rank_{key}"] = _ranks(mean, good)


def _ranks(mean, good):
    """Rank 1 = best, ties share the smaller rank; what failed comes last, tied."""
    good = good & np.isfinite(mean)
    ranks = np.full(len(mean), good.sum() + 1, dtype=np.int32)
    ranks[good] = rankdata(-mean[good], method="min")
    return ranks


# ---- failures


def report_failures(archive, n_shown=3):
    """Warn once of what failed in the whole search; raise when everything did."""
    outcomes = [o for t in archive.finished for o in t.outcomes]
    fit_errors = [o.error if o.stage == "fit" else None for o in outcomes]
    warn_or_raise_about_fit_failures(fit_errors, archive.error_score)
    score_errors = Counter(o.error for o in outcomes if o.stage == "score")
    if score_errors:
        total = sum(score_errors.values())
        details = "\n".join(
            f"{n} x\n{text}" for text, n in score_errors.most_common(n_shown)
        )
        warnings.warn(
            f"Scoring failed on {total} out of {len(outcomes)} train-test partitions. "
            f"The score there is set to {archive.error_score}. Details:\n{details}",
            UserWarning,
            stacklevel=2,
        )
