"""PBTSearchCV: settings that change while models are trained, and the schedule."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import NotFittedError

from skhpo._archive import build_cv_results
from skhpo._errors import warn_user
from skhpo._loop import SPACE_EXHAUSTED
from skhpo._sklearn import Interval, StrOptions
from skhpo.evaluation import (
    Training,
    check_swappable,
    choose_resource,
    classes_of,
    resource_bounds,
    resource_info,
)
from skhpo.optimizers import PB2, Chain, FixedPoints, Perturb, Resample
from skhpo.schedulers import PopulationBased
from skhpo.search._base import SequentialSearchCV
from skhpo.search._hyperband import PLAN_COMPLETED
from skhpo.search._population import (
    PopulationPlan,
    check_factors,
    check_population,
    line_of,
    lineage,
    make_steps,
    population,
    population_columns,
)
from skhpo.search._schedule import cannot_go_on, follow_schedule, make_schedule, replay
from skhpo.space import own_setting

POPULATION_FAILED = "population_failed"

#: Trainings in flight of a large population: enough for any number of workers.
MOST_POINTS = 100


class PBTSearchCV(SequentialSearchCV):
    """Search for a schedule: settings that change while the models are trained.

    A population of settings is trained side by side, on the same folds. After each
    step the worst members take over models and settings of the best, fold by fold, and
    go on with settings a little different [1]_. So a learning rate may fall and a
    penalty grow on the way, which no search with fixed settings finds. What comes out
    is a schedule, ``best_schedule_``, and ``best_estimator_`` is trained along it on
    all data.

    Choose it for estimators whose rate must be annealed and that have no schedule of
    their own: ``SGDClassifier`` with a constant rate, networks of your own with
    ``partial_fit``, boosting with a falling rate. Elsewhere expect no gain over
    successive halving (:class:`~skhpo.HyperbandSearchCV`) at equal cost.

    Parameters
    ----------
    estimator : estimator object
        One that can be trained on where it stands: linear models and networks with
        ``partial_fit`` by epochs, boosting by rounds (scikit-learn's, xgboost,
        lightgbm, catboost), your own, see ``resource``; also as the last step of a
        pipeline, whose transformers and resamplers (imbalanced-learn's) are fitted once
        per fold and member.

    search_space : dict or list of dicts
        Parameter names and what to try, as for :class:`~skhpo.BayesSearchCV`. One of
        them at least must be such that it can change while a model is trained; the
        others are drawn once for each member, and go along when a model is copied.
        ``swapped_`` and ``fixed_`` say which are which.

    population_size : int, default=8
        Members, each with one model per fold. Twice as many explore twice as much, at
        twice the cost. One is the estimator's own setting, where the space holds it,
        and keeps it to the end.

    n_steps : int or "auto", default=10
        How often the members are compared and may copy. Of ``n_steps``, ``interval``
        and ``max_resource`` two give the third; "auto" is 10 unless both others are
        given.

    resource : str or object, default="auto"
        What is counted: ``"epochs"`` (``partial_fit``) or the name of the parameter
        that counts the rounds. ``"auto"`` finds it out, and ``resource_info_`` says
        what was chosen. Or an object of your own with ``kind``, ``param``,
        ``advance(estimator, X, y, frm, to)`` and ``swappable``, the names of the
        parameters that may change. An estimator may declare any of these in
        ``__skhpo_resource__``, a class attribute or a method.

    max_resource : int or "auto", default="auto"
        Units of a full model. "auto" is ``n_steps * interval`` where ``interval`` is
        given, and otherwise the estimator's own number of rounds or epochs (81 for
        linear models, whose ``max_iter`` is only a cap).

    interval : int or "auto", default="auto"
        Units from step to step. "auto" is ``max_resource / n_steps``. A long one
        compares what settings are good for in the end, a short one what helps at once:
        falling rates do, and so tend to win too early.

    exploit : {"truncation", "tournament"}, default="truncation"
        Who copies whom. ``"truncation"``: the lowest ``quantile`` of the members each
        copy one of the highest. ``"tournament"``: each member meets another one, and
        the loser copies the winner, which copies more.

    quantile : float, default=0.25
        Share of the members that copy after each step, and share of those copied; up to
        0.5. Only for ``"truncation"``.

    explore : {"perturb", "resample", "pb2"}, default="perturb"
        What a member tries after it has copied. ``"perturb"``: each number is
        multiplied by one of ``perturb_factors`` (on its own scale, inside the space),
        or drawn anew with ``resample_probability``, as choices are. ``"resample"``: all
        drawn anew. ``"pb2"``: a Gaussian process of what settings gained at which time
        proposes [2]_; for few members and numbers only.

    perturb_factors : sequence of float, default=(0.8, 1.25)
        For ``explore="perturb"``. Further from 1 moves faster through a space of many
        orders of magnitude.

    resample_probability : float, default=0.25
        For ``explore="perturb"``: chance of each parameter to be drawn anew.

    keep_models : {"auto", "memory", "disk", "none"}, default="auto"
        Where models wait between steps: in memory up to 512 MB and on disk beyond, in
        memory only, on disk only; or nowhere: each step trains from the start, along
        the schedule so far, to the same models.

    scoring : str, callable, list, tuple or dict, default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`. Higher is better. With
        several metrics the one that steers decides who copies whom, see ``objective``.

    n_jobs : int or None, default=None
        Fits that run in parallel; -1 uses all processors. Results do not depend on it.

    refit : bool, str or callable, default=True
        Whether to train along the best schedule on all data at the end; with several
        metrics, the name of the one that decides; or a function that gets
        ``cv_results_`` and returns the index of the best row. Only complete rows at the
        highest resource are offered to it.

    cv : int, cross-validation generator or iterable, default=None
        Splitting strategy; None = 5-fold. Splits are made once per ``fit``: the model
        of a fold only ever sees the training rows of that fold, whoever copies it.

    verbose : int, default=0
        1 announces the plan, 2 adds one line per fit with its time, 3 its score, 10
        its start.

    pre_dispatch : int or str, default="2*n_jobs"
        How many tasks are handed to the workers at a time. It never changes results.

    random_state : int, RandomState instance or None, default=None
        Seed of everything the search draws, and of estimators whose own
        ``random_state`` is None. Splitters keep their own.

    error_score : "raise" or numeric, default=nan
        What a failed fit shows in ``cv_results_``. A member that failed copies one of
        the best and goes on. ``"raise"`` ends the search.

    return_train_score : bool, default=False
        Whether to add training scores.

    initial_params : dict or list of dicts, default=None
        Settings of the first members; those of the others are spread over the space.

    checkpoint : path, Checkpoint or None, default=None
        Where the search is written down while it runs, so that the same search, run
        again after a crash or Ctrl-C, goes on where it was: with the same results, and
        with no fit done twice but those that were running. A file holds one search, a
        folder (one that exists, or a path that ends with ``/``) any number, each known
        by its data, splits, space, estimator and seed; as nested cross-validation
        needs. ``n_jobs`` and limits of time may differ from run to run. A search that
        came to its end is read back at once. :func:`~skhpo.load_results` shows how far
        it is (doc/checkpoints.rst).

    n_points : int or "auto", default="auto"
        Trainings in flight; "auto" is the whole population (100 at most).

    asynchronous : bool, default=False
        Let each member go on as soon as it has come to the end of a step, compared with
        those that came there before. For many workers and uneven fits; the results then
        depend on timing.

    objective : str or None, default=None
        With several metrics, the one that steers the search. None = the one named by
        ``refit``, or the first.

    constraints : callable or list of callables, default=None
        Each gets a setting as a dict and returns whether it is allowed.

    max_time : float or None, default=None
        Seconds after which no new training is started and no result awaited; the refit
        is not included. The best is then the best at the highest resource reached.

    fit_timeout : float or None, default=None
        Seconds that the fit of one fold may take, with its scoring. A fit that takes
        longer is killed, with its process, and its candidate has failed; no other fit
        is disturbed. With it all fits run in processes of their own, also with
        ``n_jobs=1``. It needs a backend with processes (loky or multiprocessing), and
        does not limit the refit (doc/reliability.rst).

    stop : stopping rule or callable, default=None
        When to stop before all steps are done, as for :class:`~skhpo.BayesSearchCV`;
        the rules count the rows at the highest resource so far.

    store_predictions : bool or "auto", default=False
        Whether to keep the out-of-fold predictions of each member at
        the last step. They are made once, for the scorer; they show where a
        candidate errs (``predictions_``) and tell best how much ``best_score_``
        flatters (``score_estimate_``). They take 4 bytes per row, candidate and column
        (of probabilities of several classes); y is kept with them. "auto" keeps up to
        256 MB, or nothing, with a warning.

    callbacks : callable or list of callables, default=None
        Functions ``f(progress)`` called after each row with a
        :class:`~skhpo.Progress`; returning something truthy ends the search.
        Those of ``skhpo.tracking`` record the search: files, MLflow, TensorBoard.
        scikit-learn's own callbacks (>= 1.9) are registered with ``set_callbacks``.

    Attributes
    ----------
    best_schedule_ : list of dicts
        How the best model came about, step by step: ``"from"`` and ``"to"`` (units),
        ``"params"`` in force between them and ``"seed"``. What :func:`~skhpo.replay`
        takes, also for other data.

    best_estimator_ : estimator
        Trained along ``best_schedule_`` on all data; only with ``refit``.

    default_score_ : float
        Mean cross-validated score of the estimator's own setting, trained in full; nan
        where it failed. Within the space it is a row of ``cv_results_``. Outside of it
        it is fitted and scored once, on the same folds, and counts in no table and no
        budget. Not there where it was not evaluated.

    predictions_ : Predictions
        Out-of-fold predictions: ``predictions_[index]`` are those of the candidate in
        row ``index``, one per row of X. Only with ``store_predictions``.

    results_ : DataFrame
        ``cv_results_`` as a tidy table, a row per trial: number, status, score, std,
        rank, fit_time, and a column of plain type per parameter.

    timeline_ : DataFrame
        Who fitted what, and when: a row per fit of a fold with number (row of
        ``cv_results_``), split, worker, start, seconds and status; also in an
        interrupted search.

    score_estimate_ : ScoreEstimate
        What ``best_score_`` would be without its expected optimism, with an interval;
        computed when first asked for (doc/score_estimate.rst). Needs
        ``store_predictions`` or three folds. Only full models take part.

    best_params_ : dict
        The settings of the last step. A model trained with them from the start is
        another one, and in general a worse one.

    best_score_ : float
        Mean cross-validated score of the best row. It flatters more than that of other
        searches: a schedule is chosen by a look at the same held-out rows in every
        step. Cross-validate the search itself for a figure to publish.

    best_index_ : int
        Row of the best member in ``cv_results_``, among those at the highest resource.

    best_resource_ : int
        Units of that row, to which ``best_estimator_`` was trained.

    cv_results_ : dict of numpy (masked) ndarrays
        One row per member and step, in the order of asking: the usual columns and
        ``member``, ``step``, ``event`` ("init", "continue" or "exploit"), ``origin``
        (of the settings: "initial", "continue", "perturb", "resample", "pb2"),
        ``n_resources``, ``candidate`` (another one wherever settings changed),
        ``parent`` (the row whose models went on, or -1) and ``status``: "promoted"
        (some later row went on from it), "stopped", "complete" (at the top) or
        "failed". Times are those of the step alone. The highest resource ranks first.

    lineage_ : DataFrame
        Which training went on from which, one row per row of ``cv_results_``: member,
        step, event, parent, units, settings, scores, and ``is_best`` on the line that
        led to the best model.

    population_ : DataFrame
        One row per member: how it ended, how often it copied, and ``founder``, the
        member whose first model its own descends from.

    swapped_, fixed_ : tuple of str
        Parameters that changed during training, and those fixed for each model.

    resource_info_ : dict
        What was counted ("kind", "param", "min", "max"), whether models were
        "continued" or "refitted" ("mode"), and "why".

    scorer_ : function or dict
        The scorer, or several by name.

    n_splits_ : int
        Number of folds.

    search_time_ : float
        Seconds that the search took, without the final fit.

    refit_time_ : float
        Seconds of the final training.

    multimetric_ : bool
        Whether several metrics were computed.

    n_points_ : int
        Trainings in flight.

    stop_reason_ : str
        Why the search ended: "plan_completed", "population_failed" (all members failed
        at one step), "max_time", "callback", "scoring_fails" (no setting can be
        scored), "interrupted", or what the stopping rule said.

    classes_ : ndarray of shape (n_classes,)
        Class labels; only of a classifier.

    n_features_in_ : int
        Number of features seen by ``best_estimator_``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where ``best_estimator_`` knows them.

    See Also
    --------
    skhpo.replay : Trains an estimator along a schedule.
    skhpo.HyperbandSearchCV : Settings that stay; more of them, most trained a little.

    Notes
    -----
    Equal settings that go on from equal models are trained once.

    References
    ----------
    .. [1] M. Jaderberg et al. (2017), Population based training of neural networks,
       arXiv:1711.09846.
    .. [2] J. Parker-Holder, V. Nguyen, S. Roberts (2020), Provably efficient online
       hyperparameter optimization with population-based bandits, NeurIPS,
       arXiv:2002.02518.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skhpo import PBTSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = PBTSearchCV(
    ...     make_pipeline(StandardScaler(), SGDClassifier(learning_rate="constant")),
    ...     {
    ...         "sgdclassifier__eta0": (1e-4, 1e0, "log-uniform"),
    ...         "sgdclassifier__alpha": (1e-6, 1e-2, "log-uniform"),
    ...     },
    ...     population_size=4,
    ...     n_steps=3,
    ...     interval=5,
    ...     cv=3,
    ...     random_state=0,
    ... )
    >>> search = search.fit(X, y)
    >>> [(step["from"], step["to"]) for step in search.best_schedule_]
    [(0, 5), (5, 10), (10, 15)]
    >>> search.best_schedule_[-1]["params"] == search.best_params_
    True
    >>> bool(search.best_score_ > search.default_score_)
    True

    The same schedule on other data, or the same:

    >>> model = search.replay(X, y)
    >>> bool((model[-1].coef_ == search.best_estimator_[-1].coef_).all())
    True
    """

    _parameter_constraints: dict = {
        **SequentialSearchCV._parameter_constraints,
        "population_size": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "resource": "no_validation",  # choose_resource has better messages
        "max_resource": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "interval": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "exploit": [StrOptions({"truncation", "tournament"})],
        "quantile": [Interval(Real, 0, 0.5, closed="right")],
        "explore": [StrOptions({"perturb", "resample", "pb2"})],
        "perturb_factors": "no_validation",  # check_factors
        "resample_probability": [Interval(Real, 0, 1, closed="both")],
        "keep_models": [StrOptions({"auto", "memory", "disk", "none"})],
    }

    def __init__(
        self,
        estimator,
        search_space,
        *,
        population_size=8,
        n_steps=10,
        resource="auto",
        max_resource="auto",
        interval="auto",
        exploit="truncation",
        quantile=0.25,
        explore="perturb",
        perturb_factors=(0.8, 1.25),
        resample_probability=0.25,
        keep_models="auto",
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        initial_params=None,
        checkpoint=None,
        n_points="auto",
        asynchronous=False,
        objective=None,
        constraints=None,
        max_time=None,
        fit_timeout=None,
        stop=None,
        store_predictions=False,
        callbacks=None,
    ):
        super().__init__(
            estimator,
            search_space,
            n_iter=None,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
            initial_params=initial_params,
            warm_start_from=None,
            checkpoint=checkpoint,
            n_points=n_points,
            asynchronous=asynchronous,
            objective=objective,
            constraints=constraints,
            max_time=max_time,
            fit_timeout=fit_timeout,
            stop=stop,
            racing=None,
            callbacks=callbacks,
            store_predictions=store_predictions,
        )
        self.population_size = population_size
        self.n_steps = n_steps
        self.resource = resource
        self.max_resource = max_resource
        self.interval = interval
        self.exploit = exploit
        self.quantile = quantile
        self.explore = explore
        self.perturb_factors = perturb_factors
        self.resample_probability = resample_probability
        self.keep_models = keep_models

    def replay(self, X, y=None, schedule=None, **fit_params):
        """Train the estimator along the best schedule, on these data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data: those of the search, or others.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.

        schedule : list of dicts, default=None
            A schedule to follow instead of ``best_schedule_``, as for
            :func:`~skhpo.replay`.

        **fit_params : dict of str -> object
            For the ``fit`` (or ``partial_fit``) of the estimator.

        Returns
        -------
        estimator : estimator object
            A trained clone of the search's estimator.
        """
        if schedule is None and not hasattr(self, "best_schedule_"):
            raise NotFittedError(
                f"This {type(self).__name__} has no best_schedule_ yet. Call fit "
                "first, or pass schedule=."
            )
        schedule = self.best_schedule_ if schedule is None else schedule
        return replay(
            self.estimator, schedule, X, y, resource=self.resource, **fit_params
        )

    # ---- check

    def _check_own_parameters(self):
        check_population(self.population_size, self.exploit, self.quantile)
        check_factors(self.perturb_factors)

    def _check(self, X, y, params):
        task = super()._check(X, y, params)
        if len(task.given) > self.population_size:
            raise ValueError(
                f"initial_params has {len(task.given)} settings, and there are "
                f"population_size={self.population_size} members to begin with them."
            )
        chosen = self._choose_resource(task)
        self.swapped_, self.fixed_ = check_swappable(
            self.estimator, task.space.names, self.resource
        )
        steps = make_steps(
            self.n_steps,
            self.interval,
            self.max_resource,
            lambda: resource_bounds(chosen, self.estimator, 1, self.max_resource, 1)[1],
            chosen.kind,
        )
        keeps_models = self.keep_models != "none"
        self.resource_info_ = resource_info(chosen, steps[0], steps[-1], keeps_models)
        task.training = Training(
            chosen,
            steps[-1],
            task.streams.root,
            classes=classes_of(self.estimator, task.y),
            keeps_models=keeps_models,
            swapped=self.swapped_,
        )
        task.plan = PopulationPlan(self.population_size, steps, self.swapped_)
        return task

    def _choose_resource(self, task):
        """Return what is counted; models must be able to go on."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that they cannot is an error here
            chosen = choose_resource(
                self.resource,
                self.estimator,
                task.space.names,
                task.fit_params,
                exact=False,
            )
        grower = chosen.prefix.removesuffix("__")
        is_own = hasattr(chosen.how, "resource")  # it knows what it does
        if not is_own and grower and grower in task.space.names:
            raise ValueError(
                f"{grower!r} is in the search space, and it is what is trained on: "
                "members could not copy each other. Run a search for each, or use "
                "HyperbandSearchCV."
            )
        if not chosen.continued:
            raise ValueError(cannot_go_on(self.estimator, chosen))
        return chosen

    # ---- assemble

    def _scheduler(self, task):
        return PopulationBased(
            self.population_size,
            task.plan.steps,
            self.exploit,
            self.quantile,
            seed=int(task.streams.generator("exploit").integers(2**31)),
            asynchronous=self.asynchronous,
            stays=task.own.is_of,
        )

    def _learns(self, task):
        return len(task.plan.steps) > 1  # in one step nobody copies

    def _optimizer(self, task, archive):
        return self.make_optimizer(task.space, task.given, task.streams, task.plan)

    def make_optimizer(self, space, given, streams, plan):
        """Return what proposes settings: the first ones, and those of copies."""
        rng = streams.generator("optimizer")
        own = list(filter(None, [own_setting(space, self.estimator)]))
        firsts = [
            FixedPoints(space, given, rng=rng),
            FixedPoints(space, own, origin="default", rng=rng),
        ]
        return Chain(firsts, then=self._explorer(space, plan, rng))

    def _explorer(self, space, plan, rng):
        if self.explore == "resample":
            return Resample(space, swapped=plan.swapped, rng=rng)
        settings = dict(
            factors=self.perturb_factors,
            resample_probability=self.resample_probability,
            swapped=plan.swapped,
            rng=rng,
        )
        if self.explore == "pb2":
            return PB2(space, max_resource=plan.steps[-1], **settings)
        return Perturb(space, **settings)

    def _n_planned(self, task):
        return task.plan.n_trials

    def _n_complete(self, task):
        return self.population_size

    def _points_in_flight(self, n_jobs):
        if self.n_points == "auto":
            return min(self.population_size, MOST_POINTS)
        return self.n_points

    def _announce(self, n_trials, task):
        if self.verbose > 0:
            info, k, n = self.resource_info_, self.n_splits_, len(task.plan.steps)
            print(
                f"Training {self.population_size} members in {n} steps on {k} folds, "
                f"totalling {n_trials * k} fits up to {info['max']} {info['kind']} "
                f"({info['mode']})"
            )

    def _stop_reason(self, task, reason, archive):
        if reason != SPACE_EXHAUSTED:
            return reason
        top = task.plan.steps[-1]
        n_done = sum(trial.job.resource == top for trial in archive.closed)
        is_all = n_done == self.population_size
        return PLAN_COMPLETED if is_all else POPULATION_FAILED

    # ---- finish

    def _publish(self, task, archive):
        trials = archive.finished
        results = build_cv_results(archive, self.return_train_score)
        status = np.array([trial.status for trial in trials], dtype=object)
        error = {"error": results.pop("error")} if "error" in results else {}
        self.cv_results_ = {
            **results,
            **population_columns(trials),
            "status": status,
            **error,
        }
        self.lineage_ = lineage(self.cv_results_)
        self.population_ = population(self.lineage_)

    def _select(self, task, archive):
        super()._select(task, archive)
        if not hasattr(self, "best_index_"):
            return
        best = self._chosen(task, archive)
        self.best_resource_ = int(best.job.resource)
        self.best_schedule_ = make_schedule(best, task.training, self.n_splits_)
        rows = line_of(self.best_index_, self.cv_results_["parent"])
        self.lineage_.loc[rows, "is_best"] = True

    def _finish(self, task, archive):
        super()._finish(task, archive)
        best = archive.incumbent
        if self.stop_reason_ == POPULATION_FAILED and best is not None:
            failed = max(trial.job.labels["step"] for trial in archive.finished)
            warn_user(
                f"Members failed at step {failed} with nobody left to copy, and the "
                f"population ended there. The best model has {best.job.resource} of "
                f"{task.plan.steps[-1]} {task.training.resource.kind}; "
                "cv_results_['error'] says what happened."
            )

    def _params_at_birth(self):
        return self.best_schedule_[0]["params"]

    def _fit_best(self, task, estimator, best):
        """Train a fresh clone with the first setting along the schedule."""
        return follow_schedule(
            task.training,
            estimator,
            task.X,
            task.y,
            self.best_schedule_,
            task.fit_params,
        )
