"""The archive remembers: every trial, its folds, its place, and the table at the end.

``cv_results_`` is built once, from the finished trials in ask order, and equals
``RandomizedSearchCV``'s for the same candidates. Five facts are ours:

- a failed candidate ranks after every successful one, whatever ``error_score`` is;
- a non-finite score counts as a failure and shows ``error_score``;
- where a trial failed, the columns ``status`` and ``error`` say so;
- a trial that was raced out has nan for the folds that it was spared, and ranks between
  the complete and the failed ones by an estimate of its mean;
- where models tell their work, there is a column ``mean_work``.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import takewhile
from math import isfinite, nan
from typing import Any

import numpy as np
from scipy.stats import rankdata

from skhpo._errors import warn_user
from skhpo._sklearn import masked_param_columns, warn_or_raise_about_fit_failures
from skhpo._types import REFERENCE, FoldOutcome, Job, Result

FINISHED = ("complete", "promoted", "stopped", "raced_out", "failed")
_UNKNOWN = object()


@dataclass(eq=False, slots=True)
class Trial:
    """One candidate evaluated at one resource on its folds: a row of ``cv_results_``.

    ``score`` is the mean over the folds of the metric that steers the search; nan until
    the trial is closed, and for a trial that failed or was raced out. ``estimate`` is
    the same for a complete trial, and the best guess for one that was raced out, with
    the variance ``noise``.
    """

    id: int
    job: Job
    candidate: int
    params: dict[str, Any]
    status: str | None = None  # None = still being evaluated
    score: float = nan
    estimate: float = nan
    noise: float = 0.0
    outcomes: list[FoldOutcome] = field(default_factory=list)
    ahead: list[FoldOutcome] = field(default_factory=list)  # folds that were not needed
    rival: "Trial | None" = None  # the incumbent by which it was raced out
    twin: "Trial | None" = (
        None  # an earlier trial of the same setting, not fitted twice
    )
    parent: "Trial | None" = None  # the trial whose models are continued
    namesake: int = 0  # the first candidate of this setting: it names the seeds

    @property
    def error(self):
        """Traceback text of the first fold that failed, or None."""
        return next((o.error for o in self.outcomes if o.error), None)

    @property
    def cost(self):
        """Seconds spent on fits and scoring, all folds together."""
        return sum(o.fit_time + o.score_time for o in self.outcomes + self.ahead)

    @property
    def work(self):
        """Mean work of a fit over the folds where it is known, or nan.

        Without those that ran ahead: which did depends on the clock.
        """
        known = [o.work for o in self.outcomes if isfinite(o.work)]
        return float(np.mean(known)) if known else nan


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
    race : Race or None
        Decides which trials are spared their remaining folds.
    continues : bool
        Whether a trial with a parent goes on from its models: what it costs then is
        the difference.
    predictions : PredictionStore or None
        Keeps the predictions of the complete trials.
    price : str or None
        What an optimizer is told that a trial costs: its "work", its "seconds" or,
        with None, nothing.
    spares : callable or None
        Returns whether a trial gets all of its folds, whatever the race says; None =
        no trial does.
    every_row : bool
        Whether any row may be the best. If not, those at the highest resource come
        first, whatever their scores.
    """

    def __init__(
        self,
        n_splits,
        choose_metric,
        error_score=nan,
        race=None,
        continues=True,
        predictions=None,
        price="seconds",
        spares=None,
        every_row=False,
    ):
        self.n_splits = n_splits
        self.objective = _UNKNOWN  # name of the metric that steers; None = the only one
        self._choose_metric = choose_metric
        self.error_score = error_score
        self.race = race
        self.continues = continues
        self.predictions = predictions
        self.price = price
        self._spares = spares
        self.every_row = every_row
        self._spared = {REFERENCE}  # numbers of the trials that no race drops
        self.trials = []
        self._n_candidates = 0
        self.incumbent = None  # the best of the complete trials
        self._top = None  # the highest resource of a complete trial
        self.closed = []  # finished trials, in the order of commits

    def open(self, job, params, twin=None):
        """Record that a job was asked for; return its trial."""
        candidate = job.candidate
        if candidate is None:
            candidate = self._n_candidates
            self._n_candidates += 1
        parent = None if job.parent is None else self.trials[job.parent]
        number = len(self.trials)
        trial = Trial(number, job, candidate, params, twin=twin, parent=parent)
        self.trials.append(trial)
        if self.race is not None and self._spares and self._spares(trial):
            self._spared.add(number)
        return trial

    def new_units(self, trial):
        """Return the units of training that a trial takes; 1 for a plain fit."""
        resource = trial.job.resource or 1
        if trial.parent is None or not self.continues:
            return resource
        return resource - trial.parent.job.resource

    def add(self, outcome):
        """Record the outcome of a fold; return its trial."""
        trial = self.trials[outcome.trial]
        is_late = trial.status is not None  # raced out while it ran
        if outcome.predictions is not None:
            if not is_late:
                self.predictions.put(outcome)
            outcome = replace(outcome, predictions=None)
        (trial.ahead if is_late else trial.outcomes).append(outcome)
        return trial

    def is_evaluated(self, trial):
        """Return whether all folds of a trial are there that it needs.

        In a race this may depend on the incumbent. A twin waits for what becomes of the
        other, since its own incumbent might want further folds.
        """
        if self.race is None:
            return len((trial.twin or trial).outcomes) == self.n_splits
        if trial.twin is not None:
            return trial.twin.status is not None
        return self.is_over(trial.outcomes)

    def is_over(self, outcomes):
        """Return whether a race is over for a trial with these outcomes."""
        return self._n_folds(outcomes) is not None

    def _n_folds(self, outcomes):
        """Return after how many folds a trial with these outcomes ends, or None."""
        is_spared = bool(outcomes) and outcomes[0].trial in self._spared
        return self.race.n_folds(self._scores_in_order(outcomes), is_spared)

    def close(self, trial):
        """Commit a trial: its status, its score, perhaps a new incumbent."""
        if trial.twin is not None:
            self._copy_twin(trial)
        elif self.race is not None:
            self._cut(trial)
        trial.outcomes.sort(key=lambda o: o.fold)
        scores = [self.steering_score(o) for o in trial.outcomes]
        if not all(map(isfinite, scores)):
            trial.status = "failed"
        elif len(scores) == self.n_splits:
            self._complete(trial, scores)
        else:
            self._race_out(trial, scores)
        if self.predictions is not None and trial.status != "complete":
            self.predictions.drop(trial)
        self.closed.append(trial)

    def _copy_twin(self, trial):
        twin = trial.twin
        trial.outcomes, trial.rival = list(twin.outcomes), twin.rival
        trial.noise = twin.noise

    def _cut(self, trial):
        """Take from a trial the folds that ran ahead of the decision against it."""
        n_known = len(self._scores_in_order(trial.outcomes))
        n_folds = self._n_folds(trial.outcomes) or n_known
        trial.ahead = [o for o in trial.outcomes if o.fold >= n_folds]
        trial.outcomes = [o for o in trial.outcomes if o.fold < n_folds]

    def _scores_in_order(self, outcomes):
        """Return the scores of folds 0, 1, ... up to the first that is not there."""
        outcomes = sorted(outcomes, key=lambda o: o.fold)
        known = [o for number, o in enumerate(outcomes) if o.fold == number]
        return [self.steering_score(o) for o in known]

    def _complete(self, trial, scores):
        trial.status = "complete"
        trial.score = trial.estimate = float(np.mean(scores))
        best = self.incumbent
        is_best = best is None or self._height(trial) > self._height(best)
        if is_best:
            self.incumbent = trial
        self._top = max(trial.job.resource or 0, self._top or 0)
        if self.race is not None:
            self.race.observe(scores, is_best)

    def _race_out(self, trial, scores):
        trial.status = "raced_out"
        if trial.rival is None:
            trial.rival = self.incumbent
            trial.noise = self.race.noise(len(scores))
        trial.estimate = _estimate(trial, self.steering_score)

    def mean_scores(self, trial):
        """Return the mean of each metric over the folds done; empty when it failed."""
        if trial.status == "failed":
            return {}
        return {
            metric: float(
                np.mean([_value(o, "test_scores", metric) for o in trial.outcomes])
            )
            for metric in self.metrics or ["score"]
        }

    def settle(self, status_of):
        """Write down what became of the closed trials, at the end of the search."""
        for trial in self.closed:
            trial.status = status_of(trial)

    def drop(self, trial):
        """Mark a trial that will not be evaluated to its end."""
        trial.status = "interrupted"

    def result(self, trial, seconds=None):
        """Return what an optimizer is told about a closed trial.

        ``seconds`` are those that it took; None = as its folds say.
        Without noise when all folds were evaluated: the splits are frozen, and the mean
        over all of them is what is to be maximised (doc/decisions/0003). What an
        unseeded estimator adds, a model has to find out.
        """
        resource = trial.job.resource
        seconds = trial.cost if seconds is None else seconds
        cost = {"work": trial.work, "seconds": seconds}.get(self.price, nan)
        parent = None if trial.parent is None else trial.parent.job.proposal
        return Result(
            trial.job.proposal, trial.estimate, trial.noise, resource, cost, parent
        )

    @property
    def finished(self):
        """The trials that make up the table, in ask order."""
        return [t for t in self.trials if t.status in FINISHED]

    def level(self, trial):
        """Return the resource of a trial where those above come first; else 0.

        Only the scores of trials at the same level are compared with each other.
        """
        return 0 if self.every_row else trial.job.resource or 0

    @property
    def _level(self):
        """The level of the best trial; None without one."""
        return None if self.incumbent is None else self.level(self.incumbent)

    def _height(self, trial):
        return self.level(trial), trial.score

    @property
    def comparable(self):
        """The committed trials that were trained as far as any complete one.

        Each of them is another candidate.
        """
        if self._top is None:
            return self.closed
        return [t for t in self.closed if (t.job.resource or 0) == self._top]

    def compared(self, until=None):
        """Return the committed trials whose scores are compared with the best one's.

        ``until`` leaves out this trial and those committed after it.
        """
        closed = takewhile(lambda trial: trial is not until, self.closed)
        return [t for t in closed if self.level(t) == self._level]

    def rows_to_choose_from(self):
        """Return the rows of the table among which the best one is chosen.

        The complete ones at the highest level. Without any, those that could at least
        be fitted; or all.
        """
        complete = [
            isfinite(t.score) and self.level(t) == self._level for t in self.finished
        ]
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


def _estimate(trial, score_of):
    """Guess the mean over all folds of a trial that was raced out.

    The incumbent's mean plus the mean difference to it on the folds that were done:
    that some folds are harder than others cancels.
    """
    theirs = [score_of(o) for o in trial.rival.outcomes]
    ours = [score_of(o) for o in trial.outcomes]
    return float(np.mean(theirs) + np.mean(ours) - np.mean(theirs[: len(ours)]))


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
    status = np.array([t.status for t in trials], dtype=object)
    results = {}
    for key in ("fit_time", "score_time"):
        _add_times(results, key, trials, archive.n_splits)
    work = np.array([t.work for t in trials], dtype=np.float64)
    if np.isfinite(work).any():
        results["mean_work"] = work
    results.update(masked_param_columns([t.params for t in trials]))
    results["params"] = [t.params for t in trials]
    for metric in archive.metrics or ["score"]:
        test = _scores(archive, trials, "test_scores", metric)
        _add_scores(results, f"test_{metric}", test)
        guesses = _guesses(trials, results[f"mean_test_{metric}"], metric)
        results[f"rank_test_{metric}"] = _ranks(guesses, trials, archive.level)
        if archive.race is not None:
            results[f"mean_test_{metric}_partial"] = guesses
        if return_train_score:
            train = _scores(archive, trials, "train_scores", metric)
            _add_scores(results, f"train_{metric}", train)
    for label in labels:
        results[label] = np.array([_label(t, label) for t in trials])
    if archive.race is not None:
        results["n_splits_evaluated"] = np.array([len(t.outcomes) for t in trials])
    if archive.race is not None or not np.all(status == "complete"):
        results["status"] = status
    if np.any(status == "failed"):
        results["error"] = np.array([t.error or "" for t in trials], dtype=object)
    return results


def _label(trial, name):
    return {**trial.job.proposal.labels, **trial.job.labels}.get(name)


def _value(outcome, kind, metric):
    """Return a score of a fold, nan where there is none."""
    scores = getattr(outcome, kind)
    if isinstance(scores, dict):
        scores = scores.get(metric)
    return nan if scores is None else scores


def _matrix(rows, n_splits):
    """(n, n_splits) values; nan at the end of rows that are shorter."""
    values = [v for row in rows for v in row + [nan] * (n_splits - len(row))]
    return np.array(values, dtype=np.float64).reshape(-1, n_splits)


def _scores(archive, trials, kind, metric):
    """(n_trials, n_splits) scores, masked where a fold was skipped.

    What is missing or non-finite is ``error_score``.
    """
    rows = [[_value(o, kind, metric) for o in t.outcomes] for t in trials]
    matrix = _matrix(rows, archive.n_splits)
    error_score = nan if archive.error_score == "raise" else archive.error_score
    n_folds = np.array([len(row) for row in rows], dtype=int).reshape(-1, 1)
    is_skipped = np.arange(archive.n_splits) >= n_folds
    matrix = np.where(np.isfinite(matrix) | is_skipped, matrix, error_score)
    return np.ma.masked_array(matrix, is_skipped)


def _add_mean_std(results, key, matrix):
    results[f"mean_{key}"] = mean = np.average(matrix, axis=1)
    spread = np.average((matrix - mean[:, np.newaxis]) ** 2, axis=1)
    results[f"std_{key}"] = np.sqrt(spread)


def _add_times(results, key, trials, n_splits):
    """Add mean and std over the folds that ran, needed or not."""
    rows = [[getattr(o, key) for o in t.outcomes] for t in trials]
    _add_mean_std(results, key, _matrix(rows, n_splits))
    for number, trial in enumerate(trials):
        if len(rows[number]) < n_splits:
            seconds = rows[number] + [getattr(o, key) for o in trial.ahead]
            results[f"mean_{key}"][number] = np.mean(seconds)
            results[f"std_{key}"][number] = np.std(seconds)


def _add_scores(results, key, scores):
    """Add split, mean and std columns; warn of means that are not finite."""
    matrix, is_whole = scores.data, ~scores.mask.any(axis=1)
    for fold in range(matrix.shape[1]):
        results[f"split{fold}_{key}"] = matrix[:, fold]
    _add_mean_std(results, key, matrix)
    mean = results[f"mean_{key}"]
    is_bad = np.where(is_whole, ~np.isfinite(mean), ~np.isfinite(scores).all(axis=1))
    if is_bad.any():
        kind = key.split("_")[0]
        message = f"One or more of the {kind} scores are non-finite: {mean}"
        warn_user(message)


def _guesses(trials, means, metric):
    """(n,) means over all folds, estimated for what was raced out; nan = failed."""
    guesses = np.array(means)
    for number, trial in enumerate(trials):
        if trial.status == "raced_out":
            guesses[number] = _estimate(
                trial, lambda outcome: _value(outcome, "test_scores", metric)
            )
        elif trial.status == "failed":
            guesses[number] = nan
    return guesses


def _ranks(guesses, trials, level):
    """Rank 1 = best, ties share the smaller rank.

    The highest level comes first, and there the complete ones before those raced out;
    what failed comes last, tied.
    """
    is_known = np.isfinite(guesses)
    tiers = [(-level(t), t.status == "raced_out") for t in trials]
    tiers = np.array(tiers).reshape(-1, 2)
    ranks = np.full(len(guesses), is_known.sum() + 1, dtype=np.int32)
    n_before = 0
    for tier in np.unique(tiers, axis=0):
        rows = is_known & (tiers == tier).all(axis=1)
        ranks[rows] = n_before + rankdata(-guesses[rows], method="min")
        n_before += rows.sum()
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
        warn_user(
            f"Scoring failed on {total} out of {len(outcomes)} train-test partitions. "
            f"The score there is set to {archive.error_score}. Details:\n{details}",
        )
    _report_bad_work(outcomes)


def _report_bad_work(outcomes):
    """Warn once of what estimators said of their work that makes no sense."""
    errors = [o.work_error for o in outcomes if o.work_error]
    if errors:
        warn_user(
            f"The work of {len(errors)} out of {len(outcomes)} fits is unknown: "
            f"{errors[0]}. __skhpo_work__ must return a number that is not negative, "
            "and in proportion to the seconds of the fit."
        )
