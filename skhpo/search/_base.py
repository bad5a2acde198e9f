"""What all doors share: fit = check -> assemble -> run -> finish."""

import copy
import time
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from inspect import signature
from itertools import chain
from math import ceil, isfinite, nan
from numbers import Integral, Number, Real
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, indexable

from skhpo._archive import Archive, build_cv_results, report_failures
from skhpo._callbacks import (
    Log,
    Progress,
    SearchBegin,
    SearchEnd,
    those_who_listen,
    told_of_search,
)
from skhpo._errors import did_you_mean, warn_user
from skhpo._loop import MAX_TIME, SPACE_EXHAUSTED, SearchLoop
from skhpo._random import Streams
from skhpo._sklearn import (
    BaseSearchCV,
    FoldContexts,
    Interval,
    StrOptions,
    check_method_params,
    fit_context,
    is_multimetric_scorer,
    safe_split,
    scorer_dict,
    scorer_parts,
    warning_filters,
)
from skhpo.evaluation import (
    FoldEvaluator,
    KeptStates,
    NoWorkers,
    Payload,
    Race,
    RacingEvaluator,
    Recorded,
    Training,
    best_possible_score,
    check_racing,
    check_values,
    copied,
    fit_metadata,
    make_race,
    name_of_rule,
    open_dispatcher,
    open_store,
    prior_work,
    shared_bins,
)
from skhpo.model_selection import score_estimate, summary
from skhpo.model_selection._guards import check_leaks
from skhpo.optimizers import OldStudy, WarmStart
from skhpo.search._checkpoint import open_session
from skhpo.search._default import OwnSetting, evaluate_reference
from skhpo.search._html import panel
from skhpo.search._predictions import Keeping, open_keeping
from skhpo.search._racing import resolve_racing
from skhpo.search._results import tidy
from skhpo.search._scoring import (
    OWN_IS_TAKEN,
    SCORING_FAILS,
    ScoringWatch,
    check_scorer,
    is_all_unscored,
    is_hopeless,
    unscored_message,
)
from skhpo.search._timeline import Timeline
from skhpo.search._warm_start import Metric, read_old_studies
from skhpo.space import Space, check_names


@dataclass(eq=False)
class _Task:
    """Everything that one call of ``fit`` works on."""

    X: Any
    y: Any
    routed: Any  # scikit-learn's routed parameters
    scorer: Any
    splits: list
    space: Space
    own: OwnSetting  # the estimator's
    given: list  # (point, params) of initial_params
    old: list[OldStudy]  # warm_start_from
    session: Any  # what checkpoint= means for this call
    streams: Streams
    estimator: Any  # a clone, never fitted
    contexts: FoldContexts
    race: Race | None = None
    training: Training | None = None  # None = plain fits
    keeping: Keeping | None = None  # how predictions are kept; None = not at all
    plan: Any = None  # what a subclass means to do
    journal: Any = None  # of the session, while the search runs
    archive: Archive | None = None  # what came of it
    callbacks: tuple = ()
    began: float = field(default_factory=time.monotonic)

    @property
    def fit_params(self):
        return self.routed.estimator.fit

    @property
    def score_params(self):
        return self.routed.scorer.score


class SequentialSearchCV(BaseSearchCV):
    """Base class of the searches: one loop, different optimizers and schedulers.

    A subclass defines ``make_optimizer(space, given, streams, budget)`` (``budget`` is
    what its ``_budget`` returned) and ``make_scheduler()``, and names its own
    parameters in ``_parameter_constraints``.
    """

    _parameter_constraints: dict = {
        **BaseSearchCV._parameter_constraints,
        # checked in fit, with better messages
        "search_space": "no_validation",
        "scoring": [str, callable, list, tuple, dict, None],
        "callbacks": "no_validation",
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "initial_params": [list, tuple, dict, None],
        "warm_start_from": "no_validation",
        "checkpoint": "no_validation",  # check_checkpoint has a better message
        "n_points": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "asynchronous": ["boolean"],
        "objective": [str, None],
        "constraints": [callable, list, tuple, None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "fit_timeout": [Interval(Real, 0, None, closed="right"), None],
        "stop": [callable, None],
        "racing": "no_validation",  # check_racing has better messages
        "store_predictions": ["boolean", StrOptions({"auto"})],
    }

    #: scikit-learn's hook for its own ``fit``, which ours replaces.
    _run_search = None

    def __init__(
        self,
        estimator,
        search_space,
        *,
        n_iter,
        scoring,
        n_jobs,
        refit,
        cv,
        verbose,
        pre_dispatch,
        random_state,
        error_score,
        return_train_score,
        initial_params,
        warm_start_from,
        n_points,
        asynchronous,
        objective,
        constraints,
        max_time,
        stop,
        racing,
        callbacks,
        store_predictions=False,
        fit_timeout=None,
        checkpoint=None,
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.search_space = search_space
        self.n_iter = n_iter
        self.random_state = random_state
        self.initial_params = initial_params
        self.warm_start_from = warm_start_from
        self.checkpoint = checkpoint
        self.n_points = n_points
        self.asynchronous = asynchronous
        self.objective = objective
        self.constraints = constraints
        self.max_time = max_time
        self.stop = stop
        self.racing = racing
        self.callbacks = callbacks
        self.store_predictions = store_predictions
        self.fit_timeout = fit_timeout

    def __sklearn_clone__(self):
        """Clone as usual, but for ``warm_start_from``: a clone of that is unfitted."""
        bare = copy.copy(self)
        bare.warm_start_from = None
        twin = BaseEstimator.__sklearn_clone__(bare)
        twin.warm_start_from = self.warm_start_from
        return twin

    def __sklearn_is_fitted__(self):
        """Return whether the search ended; after Ctrl-C it did not."""
        return hasattr(self, "cv_results_") and (
            not self.refit or hasattr(self, "best_estimator_")
        )

    def __dir__(self):
        """Leave out what may take a minute to compute and was not asked for yet.

        scikit-learn's (1.9) tries each name, as does its HTML representation.
        """
        own = vars(self)
        is_dear = "predictions_" in own and "score_estimate_" not in own
        names = set(object.__dir__(self)) - ({"score_estimate_"} if is_dear else set())
        return [name for name in names if hasattr(self, name)]

    @cached_property
    def score_estimate_(self):
        """What ``best_score_`` would be without its expected optimism."""
        return score_estimate(self)

    @property
    def results_(self):
        """The trials as a data frame, a row for each row of ``cv_results_``.

        Columns of plain types, to sort, group, plot or write to a file:

        - ``number``: row of ``cv_results_``; ``status``: "complete", "failed",
          "raced_out", and where there are rungs "promoted" or "stopped";
        - ``score``, ``std``, ``rank``: of the score that steers the search; where
          racing skipped folds, ``score`` is the estimate that the rank goes by. Of
          several metrics the others are ``score_<metric>``;
        - what else ``cv_results_`` tells of a trial: ``n_resources``, how far it was
          trained, where that differs; its ``generation``, ``rung`` or ``member``;
          ``n_splits_evaluated`` where folds were skipped;
        - ``fit_time``: mean seconds of a fit;
        - ``param_<name>``: numbers as numbers, True and False as such, everything else
          as text; missing where the parameter is not active.
        """
        self._check_there("results_", "cv_results_")
        return tidy(self.cv_results_, self._steering_name())

    @property
    def timeline_(self):
        """Who fitted what, and when: a data frame with a row for each fit of a fold.

        In the order of their beginnings:

        - ``number``: row of ``cv_results_``; -1 for candidates that have none, since
          the search ended before they did;
        - ``split``: the fold; ``worker``: host and process, and the thread where it is
          not the main one;
        - ``start``: seconds since the beginning of the first fit, by the clock on the
          wall; ``seconds``: from there to the end of scoring;
        - ``status``: what became of the candidate, as in ``results_``; "ahead" for a
          fold that turned out not to be needed, "interrupted" for a candidate that was
          not evaluated to its end.

        It is there after an interrupted search, too. ``TimelineDisplay`` draws it.
        """
        self._check_there("timeline_", "_timeline")
        return Timeline(**self._timeline).frame()

    def _check_there(self, name, source):
        """Refuse to show ``name`` before ``fit`` has left what it is made of."""
        if source not in vars(self):
            raise AttributeError(
                f"This {type(self).__name__} is not fitted yet: {name} is there after "
                "fit."
            )

    def _steering_name(self):
        """Return the name of the score that steered the search, or chose its best."""
        named = [n for n in (self.objective, self.refit) if isinstance(n, str)]
        return next((n for n in named if f"mean_test_{n}" in self.cv_results_), None)

    def score(self, X, y=None, **params):
        """Return the score of the best estimator, as scikit-learn's searches do.

        Where several metrics were computed and ``refit`` is a function, it is the
        score that steered the search: ``objective``, or the first metric.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score on.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Their target; None for unsupervised learning.

        **params : dict of str -> object
            Passed on to the scorer, where metadata routing is enabled.

        Returns
        -------
        score : float
            By ``scoring``, or by the estimator's own ``score`` where there is none.
        """
        named = self
        if callable(self.refit) and getattr(self, "multimetric_", False):
            named = copy.copy(self)
            named.refit = self._steering_name() or _first_metric(self.cv_results_)
        return super(SequentialSearchCV, named).score(X, y, **params)

    def summary(self):
        """Say in words what the search found, and what its score is worth.

        Returns
        -------
        text : str
            A few lines: what was tried, the best setting, its score, and the expected
            optimism of that score.
        """
        return summary(self)

    @property
    def _repr_html_(self):
        """Return what notebooks show: the result, then scikit-learn's diagram.

        Not there where scikit-learn is configured to show text.
        """
        diagram = super()._repr_html_
        return lambda: panel(self) + diagram()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] = panel(self) + bundle["text/html"]
        return bundle

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Search, and refit the best setting on all data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
            Training data; a square matrix for precomputed kernels or distances.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target; None for unsupervised learning.

        **params : dict of str -> object
            Passed on to the ``fit`` method of the estimator, to the scorer and to the
            splitter (``groups``), as in scikit-learn's own searches. What has one entry
            per row of ``X`` is split along with it.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            When the search space, the scoring or the data make no search possible;
            before the first fit. Or when every fit failed.
        TypeError
            When a parameter of the search is passed to ``fit``.
        """
        self._forget()
        task = self._check(X, y, params)
        task.race = self._make_race(task)
        task.callbacks = (Log(), *_as_list(self.callbacks))
        begin = self._begin(task)
        with told_of_search(task.callbacks, begin, partial(self._end, task)):
            archive = self._search(task)
            self._finish(task, archive)
        task.contexts.end()
        return self

    # ---- check

    def _forget(self):
        """Drop the results of an earlier fit: what is there after this one is its own.

        Also when it is interrupted.
        """
        for name in [name for name in vars(self) if _is_fitted_name(name)]:
            delattr(self, name)
        for name in ("_timeline", "_why_not_raced"):
            vars(self).pop(name, None)

    def _check(self, X, y, params):
        _check_misplaced(self, params)
        _check_callbacks(self.callbacks)
        _check_stop(self.stop)
        _check_scorer_names(self.scoring)
        check_racing(self.racing)
        self._check_own_parameters()
        estimator = copied(self.estimator)
        scorer, _ = self._get_scorers()
        if is_multimetric_scorer(scorer):
            self._steering_metric(scorer_dict(scorer))
        elif not callable(self.scoring):
            self._check_no_objective()
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        contexts = FoldContexts(self, X, y, fit_metadata(params))
        splits = self._split(X, y, routed.splitter.split)
        check_leaks(self, X, splits, params)
        session = open_session(self, X, y, routed, splits)
        drawn = check_random_state(self.random_state).randint(2**31 - 1)
        streams = Streams(session.seed(drawn))
        space = self._make_space(streams)
        choices = _choices_by_name(space).values()
        check_scorer(scorer, estimator, self.scoring, chain.from_iterable(choices))
        return _Task(
            X=X,
            y=y,
            routed=routed,
            scorer=scorer,
            splits=splits,
            space=space,
            own=OwnSetting.of(space, self.estimator),
            given=self._given_settings(space),
            old=read_old_studies(
                self.warm_start_from, space, self._metric(scorer), self._price()
            ),
            session=session,
            streams=streams,
            estimator=estimator,
            contexts=contexts,
        )

    def _check_own_parameters(self):
        """Check the budget, and in a subclass what only it knows; may raise."""
        if self.n_iter is None and self.max_time is None:
            raise ValueError(
                "n_iter=None means no limit to the number of candidates, which needs "
                "max_time=<seconds>; got max_time=None."
            )

    def _make_space(self, streams):
        space = Space(self.search_space, constraints=self.constraints)
        _check_clones(space)
        check_names(space, self.estimator)
        space.check_feasible(streams.generator("feasible"))
        return space

    def _given_settings(self, space):
        """Return ``initial_params`` as (point, params) pairs."""
        given = self.initial_params or []
        settings = []
        for number, params in enumerate([given] if isinstance(given, dict) else given):
            try:
                point = space.to_point(params)
            except (ValueError, TypeError) as error:
                raise ValueError(f"initial_params[{number}]: {error}") from error
            if not space.is_feasible(point):
                raise ValueError(
                    f"initial_params[{number}]={params!r} violates the constraints."
                )
            settings.append((point, params))
        return settings

    def _metric(self, scorer):
        """Return which score of an old study is compared with this search's."""
        if is_multimetric_scorer(scorer):
            return Metric([self._steering_metric(scorer_dict(scorer))])
        if not callable(self.scoring):
            names = [self.scoring] if isinstance(self.scoring, str) else []
            return Metric(["score", *names])
        named = [n for n in (self.objective, self.refit) if isinstance(n, str)]
        return Metric(named[:1] or ["score"], or_first=not named)

    def _split(self, X, y, split_params):
        """Make the splits, once and for all candidates."""
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        n_splits = cv.get_n_splits(X, y, **split_params)
        splits = list(cv.split(X, y, **split_params))
        if len(splits) != n_splits:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. Expected "
                f"{n_splits} splits, got {len(splits)}"
            )
        if not splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no "
                "candidates?"
            )
        self.n_splits_ = n_splits
        self._fold_sizes = tuple(
            float(np.mean([len(rows) for rows in side]))
            for side in zip(*splits, strict=True)
        )
        return splits

    def _steering_metric(self, scores):
        """Return which of several metrics steers the search; None = there is one."""
        if not isinstance(scores, dict):
            self._check_no_objective()
            return None
        self._check_refit_for_multimetric(scores)
        if self.objective is None:
            return self.refit if isinstance(self.refit, str) else next(iter(scores))
        if self.objective not in scores:
            raise ValueError(
                f"objective={self.objective!r} is not one of the metrics."
                f"{did_you_mean(self.objective, scores)} Possible: {list(scores)}."
            )
        return self.objective

    def _make_race(self, task):
        """Return what decides which folds are skipped; None = none are."""
        scorer, best = task.scorer, None
        racing, self._why_not_raced = resolve_racing(
            self, self._is_single(scorer), self._learns(task)
        )
        if racing == "exact":
            best = self._best_possible(scorer, task.space)
        race = make_race(racing, self.n_splits_, best)
        if "racing" in self.get_params(deep=False):
            self.racing_ = None if race is None else name_of_rule(racing)
        if race is None and racing is not None:
            warn_user(
                "racing='exact' needs a score that is known to be bounded above, such "
                "as accuracy (1) or neg_mean_squared_error (0). No bound is known for "
                f"scoring={self.scoring!r} of {type(self.estimator).__name__}: racing "
                "is off. Possible: racing='forgiving', or a function of your own.",
            )
        return race

    def _is_single(self, scorer):
        """Return whether a scorer is known to return one number."""
        is_function = callable(self.scoring) and scorer_parts(scorer) is None
        return not is_multimetric_scorer(scorer) and not is_function

    def _best_possible(self, scorer, space):
        if is_multimetric_scorer(scorer):
            scorers = scorer_dict(scorer)
            scorer = scorers[self._steering_metric(scorers)]
        return best_possible_score(scorer, self.estimator, partial(_choices_of, space))

    def _check_no_objective(self):
        if self.objective is not None:
            raise ValueError(
                f"objective={self.objective!r} chooses among several metrics, and "
                f"scoring={self.scoring!r} is a single one. Leave objective=None."
            )

    # ---- assemble, run

    def _search(self, task):
        """Evaluate candidates until the search ends; publish what came of it."""
        keeps = bool(self.store_predictions)
        session, limit = task.session, self.max_time
        with session.journal(limit, keeps, task.space) as task.journal:
            return self._run(task)

    def _run(self, task):
        if self.store_predictions:
            task.keeping = self._open_keeping(task)
        archive = task.archive = self._archive(task)
        task.began = time.monotonic()
        planned = self._n_planned(task)
        optimizer = self._optimizer(task, archive)
        # where there are old studies, warm_start_ tells what the optimizer made of them
        task.journal.is_quick = not task.old and task.journal.can_be_quick()
        with self._evaluator(task, planned, archive) as evaluator:
            deadline = self._deadline()
            loop = SearchLoop(
                space=task.space,
                optimizer=optimizer,
                scheduler=self._scheduler(task),
                resource_param=task.training and task.training.resource.param,
                evaluator=evaluator,
                archive=archive,
                n_points=self.n_points_,
                asynchronous=self.asynchronous,
                listeners=self._listeners(archive, task, planned),
                deadline=deadline,
                journal=task.journal,
            )
            try:
                if self._learns(task) and task.own.setting is None:
                    self._evaluate_reference(task, evaluator)
                reason = loop.run()
                if reason == SPACE_EXHAUSTED and self._lacks_default(task):
                    self._evaluate_reference(task, evaluator)
            except BaseException:
                self.stop_reason_ = "interrupted"
                self._publish_interrupted(task, archive)
                raise
            finally:
                self._timeline = vars(Timeline.of(archive))
                self.search_time_ = time.monotonic() - task.began
                if task.old:
                    self.warm_start_ = optimizer.summary
            self.stop_reason_ = self._stop_reason(task, reason, archive)
            if task.race is not None and reason != MAX_TIME:
                evaluator.finish()
        task.contexts.end_search()
        return archive

    def _scheduler(self, task):
        return self.make_scheduler()

    def _learns(self, task):
        """Return whether the search learns, and so is compared with the default."""
        return True

    def _lacks_default(self, task):
        """Return whether the estimator's own setting is still to be evaluated."""
        return self._learns(task) and self._default_scores(task) is None

    def _evaluate_reference(self, task, evaluator):
        task.own.outcomes = evaluate_reference(
            evaluator, task.archive, task.journal, task.training
        )

    def _default_scores(self, task):
        """Return the scores of the own setting by fold, or None without any."""
        units = None if task.training is None else task.training.own_units
        return task.own.scores(task.archive, units, self._choosing_score(task.archive))

    def _choosing_score(self, archive):
        """Return what reads the score that chooses the best row off an outcome."""

        def score_of(outcome):
            scores = outcome.test_scores
            if isinstance(scores, dict) and isinstance(self.refit, str):
                return scores[self.refit]
            return archive.steering_score(outcome)

        return score_of

    def _archive(self, task):
        """Return what remembers the trials."""
        return Archive(
            self.n_splits_,
            self._steering_metric,
            self.error_score,
            task.race,
            continues=task.training is None or task.training.resource.continued,
            predictions=task.keeping and task.keeping.store,
            price=self._price(),
            spares=self._spares(task) if self._learns(task) else None,
            every_row=task.training is not None and task.training.every_row,
        )

    def _spares(self, task):
        """Return what tells whether a trial gets all folds, whatever a race says.

        The own setting does, and those by which old studies are judged.
        """
        key, old = task.space.key, task.old
        judged_by = {key(study.points[row]) for study in old for row in study.checks}
        return lambda t: task.own.is_of(t) or key(t.job.proposal.point) in judged_by

    def _open_keeping(self, task):
        """Return how the predictions are kept that tell how much best_score_ flatters.

        With several metrics, those for the one that chooses the best row.
        """
        scorer = task.scorer
        if is_multimetric_scorer(scorer):
            scorers = scorer_dict(scorer)
            name = self.refit if isinstance(self.refit, str) else None
            scorer = scorers[name or self._steering_metric(scorers)]
        return open_keeping(
            self.store_predictions,
            task,
            scorer,
            self._n_complete(task),
            partial(_choices_of, task.space),
        )

    def _stop_reason(self, task, reason, archive):
        is_all = reason == SPACE_EXHAUSTED and len(archive.closed) == self.n_iter
        return "n_iter" if is_all else reason

    def _optimizer(self, task, archive):
        """Return what proposes settings: the subclass's own, or old ones first."""
        budget = self._budget(task, archive)
        own = self.make_optimizer(task.space, task.given, task.streams, budget)
        if not task.old:
            return own
        return WarmStart(task.old, then=own, space=task.space)

    def _budget(self, task, archive):
        """Return what an optimizer may want to know of the budget, or None."""
        return None

    def _prior_cost(self, task):
        """Return what guesses the cost of a setting before anything is fitted."""
        shape = getattr(task.X, "shape", None) or np.shape(task.X[:1])
        return partial(
            prior_work,
            task.estimator,
            n_rows=int(self._fold_sizes[0]),
            n_columns=shape[1] if len(shape) == 2 else 1,
        )

    def _price(self):
        """Return what an optimizer is told that a trial costs."""
        return "seconds"

    def _tells_work(self):
        """Return whether the table has the work of fits, where it is known."""
        return True

    def _n_planned(self, task):
        """Return how many trials there will be at most; None = not known."""
        numbers = [n for n in (self.n_iter, task.space.size) if n is not None]
        return min(numbers, default=None)

    def _n_complete(self, task):
        """Return among how many trials the best is chosen at most; None = not known."""
        return self._n_planned(task)

    @contextmanager
    def _evaluator(self, task, n_candidates, archive):
        """Open the workers for the time of the search."""
        payload = self._payload(task, n_candidates)
        dispatcher = self._dispatcher(task, payload)
        self.n_points_ = self._points_in_flight(dispatcher.n_jobs)
        if task.journal.n_points is not None:
            self.n_points_ = task.journal.n_points
        self._announce(n_candidates, task)
        max_folds = None if n_candidates is None else n_candidates * self.n_splits_
        task.contexts.begin_search(max_folds, partial(_fold_data, task))
        make, store = FoldEvaluator, None
        if task.race is not None:
            make = partial(RacingEvaluator, archive.is_over)
        elif task.training is not None:
            store = self._store(task)
            make = partial(FoldEvaluator, store=store)
        evaluator = make(dispatcher, self.n_splits_, self.n_points_, task.contexts)
        kill = True
        try:
            if not dispatcher.shares_memory:
                check_values(_choices_by_name(task.space))
            is_raced = task.race is not None
            task.session.begin(
                task.journal, self.n_points_, is_raced, archive.every_row
            )
            yield evaluator
            kill = self.stop_reason_ == MAX_TIME and evaluator.n_outstanding > 0
        finally:
            dispatcher.close(kill)
            if store is not None:
                store.close()
                shared_bins.forget()
        if isinstance(store, KeptStates) and self.stop_reason_ != MAX_TIME:
            store.discard()  # nothing goes on from here

    def _store(self, task):
        """Return where models wait for their next step."""
        folder = task.session.models
        if folder is None or self.keep_models == "none":
            return open_store(self.keep_models)
        return KeptStates(folder, task.journal.outcomes)

    def _dispatcher(self, task, payload):
        """Return what runs the fits; of those that were recorded, what came of them."""
        if task.journal.is_finished:
            return Recorded(NoWorkers(task.session.path), task.journal.outcomes)
        dispatcher = open_dispatcher(
            self.n_jobs, self.pre_dispatch, payload, self.fit_timeout
        )
        if not task.journal.outcomes:
            return dispatcher
        return Recorded(dispatcher, task.journal.outcomes)

    def _points_in_flight(self, n_jobs):
        return _resolve_n_points(self.n_points, n_jobs, self.n_splits_)

    def _payload(self, task, n_candidates):
        return Payload(
            estimator=task.estimator,
            X=task.X,
            y=task.y,
            splits=task.splits,
            scorer=task.scorer,
            fit_params=task.fit_params,
            score_params=task.score_params,
            return_train_score=self.return_train_score,
            error_score=self.error_score,
            verbose=self.verbose,
            n_candidates=n_candidates,
            sklearn_config=get_config(),
            warning_filters=list(warning_filters()),
            training=task.training,
            predictions=task.keeping and task.keeping.plan,
        )

    def _announce(self, n_candidates, task):
        if self.verbose > 0:
            k, n = self.n_splits_, n_candidates
            total = "?" if n is None else n * k
            most = "" if task.race is None else "at most "
            print(
                f"Fitting {most}{k} folds for each of {'?' if n is None else n} "
                f"candidates, totalling {most}{total} fits"
            )

    def _deadline(self):
        return None if self.max_time is None else time.monotonic() + self.max_time

    def _listeners(self, archive, task, planned):
        """Return what looks at each committed trial, and may end the search."""
        listeners = [partial(_call_back, task, planned)]
        if task.contexts.active:
            listeners.append(
                lambda _: "callback" if task.contexts.stop_requested else None
            )
        if not task.journal.is_finished:
            listeners.append(self._scoring_watch(archive, task))
        if self.stop is not None and not task.journal.is_finished:
            listeners.append(lambda _: self.stop(archive, task.space))
        return listeners

    def _scoring_watch(self, archive, task):
        """Return what ends the search where nothing can be scored."""
        names = {column.name for column in task.space.columns}
        choices = [(n, v) for n in sorted(names) for v in _choices_of(task.space, n)]
        return ScoringWatch(
            archive,
            lambda cause: is_hopeless(self._payload(task, None), choices, cause),
        )

    # ---- what callbacks are told

    def _begin(self, task):
        """Return what callbacks are told before the search."""
        several = is_multimetric_scorer(task.scorer)
        resource = task.training and task.training.resource.param
        names = task.space.names if resource is None else (*task.space.names, resource)
        return SearchBegin(
            id=uuid.uuid4().hex[:8],
            name=type(self).__name__,
            estimator=type(self.estimator).__name__,
            n_iter=self._n_planned(task),
            n_splits=self.n_splits_,
            param_names=tuple(sorted(set(names))),
            metrics=tuple(scorer_dict(task.scorer)) if several else (),
            settings={
                name: value
                for name, value in self.get_params(deep=False).items()
                if name not in _NO_SETTINGS
            },
        )

    def _end(self, task, error):
        """Return what callbacks are told after the search; None = no error."""
        archive, best = task.archive, None
        if archive is not None:
            best = archive.incumbent
            if hasattr(self, "best_index_"):
                best = archive.finished[self.best_index_]
        return SearchEnd(
            n_done=0 if archive is None else len(archive.closed),
            elapsed=time.monotonic() - task.began,
            stop_reason=getattr(self, "stop_reason_", "interrupted"),
            best_number=None if best is None else best.id,
            best_params=None if best is None else best.params,
            best_score=nan if best is None else best.score,
            error=error,
        )

    # ---- finish

    def _publish_interrupted(self, task, archive):
        """Keep the table and the best of what was finished; there is no refit."""
        if not archive.finished:
            return
        self._publish_scorer(task)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is reported is the interruption
            self._publish(task, archive)
            self._publish_default(task, archive)
            self._publish_predictions(task, archive)
        if archive.incumbent is not None:
            self._select(task, archive)

    def _finish(self, task, archive):
        try:
            self._report_failures(task, archive)
        except ValueError:  # nothing could be fitted or scored: the table says how
            self._publish_interrupted(task, archive)
            raise
        self.multimetric_ = archive.is_multimetric
        self._publish(task, archive)
        self._publish_default(task, archive)
        self._publish_predictions(task, archive)
        self._publish_scorer(task)
        if self.refit or not self.multimetric_:
            self._select(task, archive)
        if self.refit:
            self._refit(task, self._chosen(task, archive))

    def _report_failures(self, task, archive):
        """Warn of what failed, or raise where everything did."""
        if not is_all_unscored(archive):
            report_failures(archive)
            if archive.incumbent is None:  # all was fitted, no score is a number
                warn_user(_no_score_message(archive))
            return
        is_early = self.stop_reason_ == SCORING_FAILS
        message = unscored_message(archive, self._payload(task, None), is_early)
        if is_early:
            raise ValueError(message)
        warn_user(message)  # the fit goes on, as scikit-learn's searches do

    def _publish(self, task, archive):
        """Make the table of what was evaluated."""
        self.cv_results_ = build_cv_results(archive, self.return_train_score)
        if not self._tells_work():
            self.cv_results_.pop("mean_work", None)

    def _publish_scorer(self, task):
        several = is_multimetric_scorer(task.scorer)
        self.scorer_ = scorer_dict(task.scorer) if several else task.scorer

    def _publish_default(self, task, archive):
        """Say what the estimator's own setting scores, where that is known."""
        scores = self._default_scores(task)
        if scores is not None:
            self.default_score_ = float(np.mean(scores))

    def _publish_predictions(self, task, archive):
        predictions = task.keeping and task.keeping.predictions(archive, task.splits)
        if predictions is not None:
            self.predictions_ = predictions

    def _select(self, task, archive):
        """Choose the best row; only complete ones are offered to a refit function."""
        self.multimetric_ = archive.is_multimetric
        if self.multimetric_ and not self.refit:
            return
        metric = self.refit if self.multimetric_ else "score"
        rows = archive.rows_to_choose_from()
        offered = _take_rows(self.cv_results_, rows)
        index = self._select_best_index(self.refit, metric, offered)
        if archive.incumbent is None and not callable(self.refit):
            index = self._own_row(task, archive, rows)
        self.best_index_ = rows[index]
        self.best_params_ = self._chosen(task, archive).params
        if not callable(self.refit):
            self.best_score_ = self.cv_results_[f"mean_test_{metric}"][self.best_index_]

    def _own_row(self, task, archive, rows):
        """Return which of some rows has the estimator's own setting, or 0."""
        is_own = [task.own.is_of(archive.finished[row]) for row in rows]
        return is_own.index(True) if any(is_own) else 0

    def _chosen(self, task, archive):
        """Return the trial to refit, in full where none could be scored."""
        trial = archive.finished[self.best_index_]
        is_scored = archive.incumbent is not None or callable(self.refit)
        if is_scored or task.training is None:
            return trial
        top, name = task.training.top, task.training.resource.param
        params = trial.params if name is None else {**trial.params, name: top}
        return replace(trial, params=params, job=replace(trial.job, resource=top))

    def _refit(self, task, best):
        estimator = clone(task.estimator)
        estimator.set_params(**clone(self._params_at_birth(), safe=False))
        start = time.perf_counter()
        try:
            estimator = task.contexts.refit(
                estimator, lambda: self._fit_best(task, estimator, best)
            )
        except Exception as error:
            error.add_note(
                "This happened in the refit on all data. The search itself is done: "
                "cv_results_, best_params_ and best_score_ are on the object."
            )
            raise
        self.refit_time_ = time.perf_counter() - start
        self.best_estimator_ = estimator
        if hasattr(estimator, "feature_names_in_"):
            self.feature_names_in_ = estimator.feature_names_in_

    def _params_at_birth(self):
        """Return the setting with which the training of the best begins."""
        return self.best_params_

    def _fit_best(self, task, estimator, best):
        """Fit a fresh clone with the parameters of the trial ``best`` on all rows."""
        if task.training is not None:
            model = task.training.final_model(
                estimator, task.X, task.y, best, self.n_splits_, task.fit_params
            )
            shared_bins.forget()
            return model.estimator
        args = (task.X,) if task.y is None else (task.X, task.y)
        estimator.fit(*args, **task.fit_params)
        return estimator


# ---- helpers

#: Parameters that say what is searched, not how.
_NO_SETTINGS = ("estimator", "search_space", "callbacks", "warm_start_from")


def _is_fitted_name(name):
    return name.endswith("_") and not name.startswith("_")


def _as_list(value):
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _check_misplaced(search, params):
    """Refuse parameters of the search that were passed to ``fit``.

    Unless the estimator's own ``fit`` knows the name, as xgboost's does ``verbose``.
    """
    own = set(signature(type(search)).parameters)
    fits = set(signature(search.estimator.fit).parameters)
    misplaced = sorted((own & set(params)) - fits)
    if misplaced:
        name, door = misplaced[0], type(search).__name__
        raise TypeError(
            f"{name!r} is a parameter of {door}, not of its fit method. "
            f"Use {door}(..., {name}={params[name]!r}).fit(X, y)."
        )


def _check_callbacks(callbacks):
    for callback in _as_list(callbacks):
        if isinstance(callback, type) and hasattr(callback, "on_search_begin"):
            raise TypeError(
                f"callbacks has the class {callback.__name__}, not an object of it: "
                f"write callbacks=[{callback.__name__}(...)]."
            )
        if hasattr(callback, "on_fit_task_end") or not callable(callback):
            raise TypeError(
                f"callbacks must be functions f(progress), got {callback!r}. "
                "scikit-learn's own callback objects are set with "
                "search.set_callbacks(...) (scikit-learn >= 1.9)."
            )


def _check_stop(stop):
    """Check that a rule is passed and not its class, which is callable, too."""
    if isinstance(stop, type):
        raise TypeError(
            f"stop={stop.__name__} is a class, and a rule is needed: "
            f"stop={stop.__name__}(...), with its limits in the brackets."
        )


def _check_scorer_names(scoring):
    """Refuse names of scorers that do not exist; scikit-learn's list them all."""
    possible = get_scorer_names()
    for name in scoring.values() if isinstance(scoring, dict) else _as_list(scoring):
        if isinstance(name, str) and name not in possible:
            raise ValueError(
                f"scoring={name!r} is not a scorer.{did_you_mean(name, possible)} All "
                "names: sklearn.metrics.get_scorer_names()."
            )


def _resolve_n_points(n_points, n_jobs, n_splits):
    """Return how many trials to keep in flight.

    Enough that workers do not wait for the commit order: 3, and more once
    ``n_jobs > 1.5 n_splits``. It must not depend on ``n_jobs`` for the usual numbers of
    workers, since the table depends on it.
    """
    if n_points != "auto":
        return n_points
    return max(3, ceil(2 * n_jobs / n_splits))


def _call_back(task, planned, trial):
    """Tell the callbacks of a committed trial; return a reason to stop, or None."""
    callbacks = those_who_listen(task.callbacks)
    if not callbacks:
        return None
    archive = task.archive
    best, scores = archive.incumbent, archive.mean_scores(trial)
    progress = Progress(
        n_done=len(archive.closed),
        n_iter=planned,
        params=trial.params,
        score=trial.estimate,
        status=trial.status,
        best_params=None if best is None else best.params,
        best_score=nan if best is None else best.score,
        elapsed=time.monotonic() - task.began,
        error=trial.error,
        n_resources=trial.job.resource,
        number=trial.id,
        candidate=trial.candidate,
        std=float(np.std([archive.steering_score(o) for o in trial.outcomes])),
        scores=scores,
        seconds=trial.cost,
        is_best=best is trial,
        is_replayed=task.journal.was_committed(trial),
    )
    stops = [bool(callback(progress)) for callback in callbacks]
    return "callback" if any(stops) else None


def _fold_data(task, fold):
    """Return what scikit-learn's callbacks may ask of a fold, computed when asked."""
    train, _ = task.splits[fold]

    def rows(k):
        return safe_split(task.estimator, task.X, task.y, train)[k]

    def metadata():
        params = check_method_params(task.X, params=task.fit_params, indices=train)
        return fit_metadata(params)

    return dict(X=partial(rows, 0), y=partial(rows, 1), metadata=metadata)


def _choices_of(space, name):
    """Return the values that a space lists for a parameter."""
    columns = [column for column in space.columns if column.name == name]
    return [v for column in columns for v in getattr(column.dimension, "choices", ())]


def _choices_by_name(space):
    """Return all values that a space lists, by where they stand."""
    names = {column.name for column in space.columns}
    return {f"search_space[{name!r}]": _choices_of(space, name) for name in names}


def _check_clones(space):
    """Refuse values of which the fits cannot get copies."""
    for name, values in _choices_by_name(space).items():
        for number, value in enumerate(values):
            if not isinstance(value, (str, Number, type(None))):
                copied(value, f"{name}[{number}]", safe=False)


def _first_metric(results):
    return next(
        key.removeprefix("mean_test_")
        for key in results
        if key.startswith("mean_test_")
    )


def _take_rows(results, rows):
    """Return the table with only some of its rows."""
    if len(rows) == len(results["params"]):
        return results
    return {
        key: [column[i] for i in rows] if isinstance(column, list) else column[rows]
        for key, column in results.items()
    }


def _no_score_message(archive):
    trials = archive.finished
    error = next((t.error for t in trials if t.error), None)
    what = f"The first error:\n{error}" if error else "Every score was nan or infinite"
    trial, fold = _first_bad_fold(archive)
    return (
        f"None of the {len(trials)} candidates could be scored on all "
        f"{archive.n_splits} folds. {what} (first: candidate {trial.id}, split {fold}, "
        f"params {trial.params}). {OWN_IS_TAKEN} Check the "
        "scorer and the folds (a fold without one of the classes?), or set "
        "error_score='raise' to debug."
    )


def _first_bad_fold(archive):
    for trial in archive.finished:
        for outcome in trial.outcomes:
            if not isfinite(archive.steering_score(outcome)):
                return trial, outcome.fold
    return archive.finished[0], 0
