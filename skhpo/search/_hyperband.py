"""HyperbandSearchCV: many candidates a little, the best of them in full."""

from numbers import Integral

import numpy as np
from sklearn.base import clone, is_classifier

from skhpo._archive import build_cv_results
from skhpo._errors import warn_user
from skhpo._loop import SPACE_EXHAUSTED
from skhpo._sklearn import Interval, StrOptions
from skhpo._table import EVERY_ROW, TOP_RUNG
from skhpo.evaluation import (
    Training,
    choose_resource,
    classes_of,
    nest_rows,
    own_units,
    resource_bounds,
    resource_info,
)
from skhpo.optimizers import (
    FidelityGaussianProcessOptimizer,
    FidelityTPEOptimizer,
    Reserved,
    automatic_rung_optimizer,
    initial_design_size,
)
from skhpo.schedulers import (
    AsynchronousHalving,
    Bracket,
    MedianStopping,
    SuccessiveHalving,
    halving_bracket,
    hyperband_brackets,
    median_bracket,
    with_place,
)
from skhpo.search._base import SequentialSearchCV
from skhpo.search._optimizers import DESIGNS, check_optimizer, make_chain
from skhpo.search._rungs import (
    RungPlan,
    curves,
    rank_correlation,
    rung_columns,
    warn_of_misleading_rungs,
    what_was_done,
)

_MODELS = {"gp": FidelityGaussianProcessOptimizer, "tpe": FidelityTPEOptimizer}
_OPTIMIZERS = ("auto", *DESIGNS, *_MODELS)

PLAN_COMPLETED = "plan_completed"

#: What fills brackets of one or two rungs is too few to choose from.
LEAST_CANDIDATES = 10


class HyperbandSearchCV(SequentialSearchCV):
    """Search by training many candidates a little and only the best of them in full.

    Candidates start with few epochs, trees, boosting rounds or rows; the best third is
    trained on to three times as much, and so on up to full models [1]_ [2]_. Models go
    on where they stopped, fold by fold, on the same rows: nothing is trained twice and
    nothing leaks. Choose it when a full fit takes seconds or more and early scores tell
    something about late ones, which ``rank_correlation_`` shows afterwards.

    Every row of the table may be the best, also one of few epochs, trees or rounds: its
    model was trained on the same rows and scored on the same folds as all others. Where
    rows are the resource, it is one of those with the most rows.

    The estimator's own setting is trained to its own number of epochs, trees or rounds
    (``max_resource`` at most), in the place of planned candidates: what is returned
    does not score lower in cross-validation.

    Parameters
    ----------
    estimator : estimator object
        Anything that follows scikit-learn's interface. What it can be trained by is
        found out, see ``resource``; of a pipeline, the last step grows, and the
        transformers and resamplers (imbalanced-learn's) are fitted once per candidate
        and fold.

    search_space : dict or list of dicts
        Parameter names and what to try, as for :class:`~skhpo.BayesSearchCV`. It must
        not hold the resource.

    resource : str or object, default="auto"
        What a rung has more of than the one below. ``"epochs"`` (``partial_fit``),
        ``"n_samples"`` (rows of the training folds: stratified, whole groups, or the
        most recent ones; test folds stay whole), or the name of an integer parameter,
        such as ``"n_estimators"``. ``"auto"`` knows scikit-learn's and the well-known
        boosting libraries' estimators that can be trained on, and takes rows for all
        others, those with a ``partial_fit`` of their own included: of these only you
        know whether a call is one epoch, and say so by ``resource="epochs"``.
        ``resource_info_`` says what was chosen, and why. Or an object of your own with
        ``kind``, ``param`` and ``advance(estimator, X, y, frm, to)``. An estimator may
        declare any of these in ``__skhpo_resource__``, a class attribute or a method.

    max_resource : int or "auto", default="auto"
        Units of a full model. "auto" is the estimator's own number of trees, rounds or
        epochs (81 for linear models trained by epochs, whose ``max_iter`` is only a
        cap), or all rows of the smallest training fold.

    min_resource : int or "auto", default="auto"
        Units below which no rung lies. "auto" leaves four rungs, the lowest with about
        a ``factor ** 3``-th part of a full model; of rows at least 250, and 50 per
        class.

    factor : int, default=3
        One in ``factor`` candidates goes on to ``factor`` times the resource.

    strategy : {"hyperband", "sha", "asha", "median"}, default="hyperband"
        ``"hyperband"`` hedges with several brackets, from many short trainings to a few
        full ones. ``"sha"`` is successive halving: the first, most exploring of them
        only. ``"asha"`` promotes without waiting for a full rung, for many workers and
        uneven fits; unlike in the paper, never more than one in ``factor`` of a rung,
        so that the plan is not exceeded. ``"median"`` trains in ten small steps and
        ends what falls below the median of the others: gentler and dearer, for
        candidates that show late.

    optimizer : str, class, callable or object, default="auto"
        What proposes the candidates: ``"random"`` the space's own distribution;
        ``"sobol"`` a scrambled Sobol sequence; ``"gp"`` a Gaussian process that learns
        from all rungs; ``"tpe"`` a tree-structured Parzen estimator, which makes this
        BOHB [3]_. ``"auto"`` is ``"gp"`` for up to 1,000
        candidates, and ``"random"`` beyond, where a suggestion takes as long as a small
        fit, or where all settings of a finite space are tried; ``optimizer_`` says
        which. Or one of your own (doc/own_optimizer.rst): it is told a result for each
        rung, with its ``resource``.

    n_candidates : int or "auto", default="auto"
        Candidates that one iteration starts, shared out among the brackets. "auto" is
        the number that fills the brackets (10 at least, where there are fewer than
        three rungs), or all settings of a smaller finite space. Where no bracket begins
        with the units of the estimator's own setting, fewer are started, to pay for it;
        :meth:`plan` shows how many.

    n_iterations : int, default=1
        How many times the brackets are run, with new candidates each time. For
        ``"asha"`` and ``"median"``, how many times as many candidates.

    keep_models : {"auto", "memory", "disk", "none"}, default="auto"
        Where models wait between rungs: in memory up to 512 MB and on disk beyond,
        in memory only, on disk only; or nowhere: each rung trains from the start, to
        the same models. Models that cannot go on any more are dropped at once.

    scoring : str, callable, list, tuple or dict, default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`. Higher is better. With
        several metrics the one that steers decides on promotions, see ``objective``.

    n_jobs : int or None, default=None
        Fits that run in parallel; -1 uses all processors. Results do not depend on it.

    refit : bool, str or callable, default=True
        Whether to train the best setting on all data at the end, from 0 to
        ``best_resource_`` units in the same way as in the search; with several metrics,
        the name of the one that decides; or a function that gets ``cv_results_`` and
        returns the index of the best row. It is offered the rows that did not fail;
        where rows are the resource, those at the highest rung only.

    cv : int, cross-validation generator or iterable, default=None
        Splitting strategy; None = 5-fold. Splits are made once per ``fit``: each model
        sees the same training rows at every rung, and is scored on the same others.

    verbose : int, default=0
        1 announces the plan, 2 adds one line per fit with its time, 3 its score, 10
        its start.

    pre_dispatch : int or str, default="2*n_jobs"
        How many tasks are handed to the workers at a time. It never changes results.

    random_state : int, RandomState instance or None, default=None
        Seed of everything the search draws, and of estimators whose own
        ``random_state`` is None: a model that goes on must not change its mind.
        Splitters keep their own.

    error_score : "raise" or numeric, default=nan
        What a failed fit shows in ``cv_results_``. A failed candidate is never promoted
        and never the best while any other succeeded. ``"raise"`` ends the search.

    return_train_score : bool, default=False
        Whether to add training scores, on the rows that the rung had.

    initial_params : dict or list of dicts, default=None
        Settings to try first, in the first and most exploring bracket.

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
        Trainings in flight. Results are committed in the order of their lengths, so
        that they depend on ``random_state`` and on this number alone. "auto" is 3, and
        more once ``n_jobs`` exceeds 1.5 times the number of folds.

    asynchronous : bool, default=False
        Use each result as soon as it arrives. The results then depend on timing.

    objective : str or None, default=None
        With several metrics, the one that steers the search. None = the one named by
        ``refit``, or the first.

    constraints : callable or list of callables, default=None
        Each gets a setting as a dict and returns whether it is allowed.

    max_time : float or None, default=None
        Seconds after which no new training is started and no result awaited; the refit
        is not included. With a limit the estimator's own setting comes first, and rungs
        promote their best as results come, not only when all are there. Where rows are
        the resource they wait, and a candidate has all rows before each bracket. The
        plan is run ``n_iterations`` times at most: give enough of them to use the time.

    fit_timeout : float or None, default=None
        Seconds that the fit of one fold may take, with its scoring. A fit that takes
        longer is killed, with its process, and its candidate has failed; no other fit
        is disturbed. With it all fits run in processes of their own, also with
        ``n_jobs=1``. It needs a backend with processes (loky or multiprocessing), and
        does not limit the refit (doc/reliability.rst).

    stop : stopping rule or callable, default=None
        When to stop before the plan is completed, as for
        :class:`~skhpo.BayesSearchCV`. Rules count the candidates that were trained
        furthest; the best score is that of any row that may be the best.

    store_predictions : bool or "auto", default=False
        Whether to keep the out-of-fold predictions of each row of ``cv_results_`` that
        may be the best. They are made once, for the scorer; they show where a
        candidate errs (``predictions_``) and tell best how much ``best_score_``
        flatters (``score_estimate_``). They take 4 bytes per row of the table, row of X
        and column (of probabilities of several classes); y is kept with them. "auto"
        keeps up to 256 MB, or nothing, with a warning.

    callbacks : callable or list of callables, default=None
        Functions ``f(progress)`` called after each row with a
        :class:`~skhpo.Progress`; returning something truthy ends the search.
        Those of ``skhpo.tracking`` record the search: files, MLflow, TensorBoard.
        scikit-learn's own callbacks (>= 1.9) are registered with ``set_callbacks``.

    Attributes
    ----------
    cv_results_ : dict of numpy (masked) ndarrays
        One row per candidate and rung, in the order of asking, with the columns of
        :class:`~sklearn.model_selection.HalvingRandomSearchCV` and more: ``iter`` and
        ``rung`` (the same: 0 is the first rung of a bracket), ``n_resources``,
        ``bracket`` (0 = the most exploring), ``sweep`` (of ``n_iterations``),
        ``candidate``, ``parent`` (the row whose models went on, or -1) and ``status``:
        "promoted", "stopped", "complete" (at the top) or "failed". Times are those of
        the rung alone. A parameter that counts the resource is among the ``params``.
        Where rows are the resource, the highest rung ranks first.

    best_estimator_ : estimator
        The best setting trained on all data; only with ``refit``.

    best_score_ : float
        Mean cross-validated score of the best row. As with every search, it flatters.

    default_score_ : float
        Mean cross-validated score of the estimator's own setting, trained to its own
        number of units (``max_resource`` at most); nan where it failed. Within the
        space it is a row of ``cv_results_``. Outside of it it is fitted and scored
        once, on the same folds, and counts in no table and no budget. Not there where
        it was not evaluated: ``optimizer="random"`` and ``"sobol"`` add nothing of
        their own.

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
        ``store_predictions`` or three folds. All rows take part that may be the best.

    best_params_ : dict
        The best setting, with its units where a parameter counts them.

    best_index_ : int
        Its row in ``cv_results_``.

    best_resource_ : int
        Units of that row, to which ``best_estimator_`` was trained. Where rows are the
        resource it was trained on all of them.

    resource_info_ : dict
        What was counted ("kind", "param", "min", "max"), whether models were
        "continued" or "refitted" ("mode"), and "why"; "best_of" says whether "every
        row" may be the best, or those of the "top rung".

    plan_ : DataFrame
        The plan, and what was done, per rung: candidates, failures, units, seconds.

    curves_ : DataFrame
        Learning curves in the long form: one row per candidate and resource.

    rank_correlation_ : DataFrame
        Kendall's tau between the scores at each two resources, over the candidates that
        have both: near 1 = early scores told everything, near 0 = nothing.

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

    optimizer_ : str
        What proposed the settings: its name, or the class of your own.

    n_points_ : int
        Trainings in flight.

    stop_reason_ : str
        Why the search ended: "plan_completed", "space_exhausted", "max_time",
        "callback", "scoring_fails" (no setting can be scored), "interrupted", or what
        the stopping rule said.

    classes_ : ndarray of shape (n_classes,)
        Class labels; only of a classifier.

    n_features_in_ : int
        Number of features seen by ``best_estimator_``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where ``best_estimator_`` knows them.

    See Also
    --------
    skhpo.BayesSearchCV : Trains every candidate in full, and learns from each.
    sklearn.model_selection.HalvingRandomSearchCV : Successive halving with refits.

    Notes
    -----
    There is no ``racing``: rungs drop hopeless candidates already, and a raced-out
    score on some of the folds cannot be compared within a rung.

    Continuing saves less than one might think: a sixth of the units at ``factor=3``,
    against training each rung from the start. What saves most is that few candidates
    are trained in full. Each call has a price of its own, which low rungs feel most.
    Where a full fit takes less than a second, ``BayesSearchCV(max_time=...)`` finds
    more in the same CPU seconds (doc/decisions/0027).
    ``partial_fit`` takes one to three times as long as an epoch inside of ``fit`` where
    epochs take milliseconds: on small data ``resource="max_iter"`` (in a pipeline with
    its prefix), which trains linear models and networks by ``fit`` at each rung, may be
    faster. HistGradientBoosting finds its bins once per fold.

    References
    ----------
    .. [1] K. Jamieson, A. Talwalkar (2016), Non-stochastic best arm identification and
       hyperparameter optimization, AISTATS, arXiv:1502.07943.
    .. [2] L. Li et al. (2018), Hyperband: a novel bandit-based approach to
       hyperparameter optimization, JMLR 18(185), arXiv:1603.06560.
    .. [3] S. Falkner, A. Klein, F. Hutter (2018), BOHB: robust and efficient
       hyperparameter optimization at scale, ICML, arXiv:1807.01774.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skhpo import HyperbandSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = HyperbandSearchCV(
    ...     RandomForestClassifier(random_state=0),
    ...     {"max_depth": (1, 8), "max_features": (0.1, 1.0)},
    ...     max_resource=27,
    ...     min_resource=3,
    ...     cv=3,
    ...     random_state=0,
    ... )
    >>> search.plan(X, y)[["bracket", "n_candidates", "n_resources", "units"]]
       bracket  n_candidates  n_resources  units
    0        0             9            3     81
    1        0             3            9     54
    2        0             1           27     54
    3        1             5            9    135
    4        1             1           27     54
    5        2             3           27    243
    >>> search = search.fit(X, y)
    >>> search.best_resource_ == len(search.best_estimator_.estimators_)
    True
    >>> bool(search.best_score_ > 0.93)
    True
    """

    _parameter_constraints: dict = {
        **SequentialSearchCV._parameter_constraints,
        "resource": "no_validation",  # choose_resource has better messages
        "max_resource": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "min_resource": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "factor": [Interval(Integral, 2, None, closed="left")],
        "strategy": [StrOptions({"hyperband", "sha", "asha", "median"})],
        "optimizer": "no_validation",
        "n_candidates": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "n_iterations": [Interval(Integral, 1, None, closed="left")],
        "keep_models": [StrOptions({"auto", "memory", "disk", "none"})],
    }

    def __init__(
        self,
        estimator,
        search_space,
        *,
        resource="auto",
        max_resource="auto",
        min_resource="auto",
        factor=3,
        strategy="hyperband",
        optimizer="auto",
        n_candidates="auto",
        n_iterations=1,
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
        self.resource = resource
        self.max_resource = max_resource
        self.min_resource = min_resource
        self.factor = factor
        self.strategy = strategy
        self.optimizer = optimizer
        self.n_candidates = n_candidates
        self.n_iterations = n_iterations
        self.keep_models = keep_models

    def plan(self, X, y=None, **params):
        """Show what ``fit`` would do, without fitting anything.

        Parameters
        ----------
        X, y, **params
            As for ``fit``. Only their numbers of rows, the classes and the groups
            matter.

        Returns
        -------
        plan : DataFrame
            One row per rung: ``sweep``, ``bracket``, ``rung``, ``n_candidates`` (at
            most), ``n_resources`` (of each model), ``units`` (to train at this rung,
            all folds together), ``share`` (of the units of the whole search).
        """
        twin = clone(self)
        vars(twin).pop("_skl_callbacks", None)  # nothing happens that they would hear
        twin.checkpoint = None
        if self.random_state is None:
            twin.random_state = 0  # the global generator is left alone
        twin._validate_params()
        return twin._check(X, y, params).plan.frame()

    # ---- check

    def _check_own_parameters(self):
        check_optimizer(self.optimizer, _OPTIMIZERS)

    def _check(self, X, y, params):
        task = super()._check(X, y, params)
        task.training, least = self._choose_training(task)
        is_continued = task.training.resource.continued
        units = task.training.own_units
        brackets = self._brackets(task.space, least, task.training.top)
        first = brackets
        if self._is_asked_to_learn() and task.own.nearest is not None:
            # by the units as if models were kept: keep_models changes no candidate
            first = with_place(brackets, units, is_continued)
        n_sweeps = self.n_iterations if self.strategy in ("hyperband", "sha") else 1
        task.plan = RungPlan(
            brackets,
            n_sweeps,
            self.n_splits_,
            is_continued and self.keep_models != "none",
            first,
            units if task.session.is_limited(self.max_time is not None) else None,
        )
        return task

    def _is_asked_to_learn(self):
        return isinstance(self.optimizer, str) and self.optimizer not in DESIGNS

    def _learns(self, task):
        size, plan = task.space.size, task.plan
        is_grid = size is not None and size <= plan.n_candidates and not plan.has_rungs
        return self._is_asked_to_learn() and not is_grid

    def _choose_training(self, task):
        """Return what is counted up to where, and from where."""
        estimator, X_rows = self.estimator, None
        chosen = choose_resource(
            self.resource, estimator, task.space.names, task.fit_params
        )
        if chosen.is_rows:
            X_rows = nest_rows(
                task.splits,
                task.y,
                task.routed.splitter.split.get("groups"),
                is_classifier=is_classifier(estimator),
                rng=task.streams.generator("rows"),
            )
        classes = classes_of(estimator, task.y)
        least, most = resource_bounds(
            chosen,
            estimator,
            self.min_resource,
            self.max_resource,
            self.factor,
            X_rows,
            0 if classes is None else len(classes),
        )
        if self.strategy != "median":
            _warn_if_one_rung(least, most, self.factor)
        keeps_models = self.keep_models != "none"
        self.resource_info_ = {
            **resource_info(chosen, least, most, keeps_models),
            "best_of": TOP_RUNG if chosen.is_rows else EVERY_ROW,
        }
        training = Training(
            chosen,
            most,
            task.streams.root,
            X_rows,
            classes,
            keeps_models,
            every_row=not chosen.is_rows,
            own=own_units(chosen, estimator, most),
        )
        return training, least

    # ---- assemble

    def _brackets(self, space, least, most):
        """Return the brackets of one iteration, or all of those that never wait."""
        bounds, n = (least, most, self.factor), self.n_candidates
        if self.strategy == "hyperband":
            full = hyperband_brackets(*bounds)
        else:
            full = [halving_bracket(*bounds)]
        if n == "auto":
            n = sum(bracket.n_candidates[0] for bracket in full)
            if len(full[0].resources) < 3:  # one or two rungs: it would be 1 to 5
                n = max(n, LEAST_CANDIDATES)
        n = int(n) if space.size is None else min(int(n), space.size)
        if self.strategy == "hyperband":
            return hyperband_brackets(*bounds, n)
        if self.strategy == "median":
            return [median_bracket(least, most, n * self.n_iterations)]
        bracket = halving_bracket(*bounds, n)
        if self.strategy == "asha":
            places = tuple(self.n_iterations * k for k in bracket.n_candidates)
            bracket = Bracket(bracket.resources, places, bracket.factor)
        return [bracket]

    def _scheduler(self, task):
        plan = task.plan
        is_eager = plan.early is not None and task.training.every_row
        if self.strategy in ("hyperband", "sha"):
            return SuccessiveHalving(
                plan.brackets, plan.n_sweeps, plan.first, plan.early, waits=not is_eager
            )
        bracket, *beside = plan.first
        kind = AsynchronousHalving if self.strategy == "asha" else MedianStopping
        return kind(bracket, beside=beside, beside_first=plan.early is not None)

    def _optimizer(self, task, archive):
        """Return what proposes settings and keeps the own one for its own units.

        So is the nearest one in the space, where numbers lie outside of their ranges.
        """
        chain = self.make_optimizer(task.space, task.given, task.streams, task.plan)
        own, plan, training = task.own.nearest, task.plan, task.training
        units = training.own_units
        is_special = plan.has_rungs or units < training.top
        is_kept = is_special and plan.begins_with(units) and self._learns(task)
        if own is None or not is_kept:
            return chain
        return Reserved(own, resource=units, then=chain)

    def make_optimizer(self, space, given, streams, budget):
        """Return what proposes settings; ``budget`` is the plan."""
        rng, name = streams.generator("optimizer"), self.optimizer
        if isinstance(name, str) and name == "auto":
            name = automatic_rung_optimizer(space, budget.n_candidates)
        chain = make_chain(
            name,
            space,
            given,
            estimator=self.estimator,
            n_starts=initial_design_size(space, budget.n_candidates),
            make_model=lambda: self._model_optimizer(name, space, budget, rng),
            rng=rng,
        )
        self.optimizer_ = name if isinstance(name, str) else chain.then.name
        return chain

    def _model_optimizer(self, name, space, plan, rng):
        """Return the optimizer that learns from scores."""
        return _MODELS[name](
            space,
            max_resource=max(bracket.max_resource for bracket in plan.brackets),
            n_initial=initial_design_size(space, plan.n_candidates),
            rng=rng,
        )

    def _n_planned(self, task):
        return task.plan.n_trials

    def _n_complete(self, task):
        if task.training.every_row:
            return task.plan.n_trials
        rungs = task.plan.frame()
        is_top = rungs["n_resources"] == task.training.top
        return int(rungs.loc[is_top, "n_candidates"].sum())

    def _announce(self, n_trials, task):
        if self.verbose > 0:
            info, k = self.resource_info_, self.n_splits_
            units = int(task.plan.frame()["units"].sum())
            print(
                f"Fitting at most {k} folds for each of {n_trials} evaluations of "
                f"{task.plan.n_candidates} candidates, totalling at most "
                f"{n_trials * k} fits of {info['min']} to {info['max']} "
                f"{info['kind']}, {units} in all ({info['mode']})"
            )

    def _stop_reason(self, task, reason, archive):
        n_started = 1 + max((t.candidate for t in archive.trials), default=-1)
        size, wanted = task.space.size, self.n_candidates
        is_small = size is not None and wanted != "auto" and size < wanted
        is_all = n_started == task.plan.n_candidates and not is_small
        is_all = is_all and reason == SPACE_EXHAUSTED
        return PLAN_COMPLETED if is_all else reason

    # ---- finish

    def _publish(self, task, archive):
        trials = archive.finished
        results = build_cv_results(archive, self.return_train_score)
        status = np.array([trial.status for trial in trials], dtype=object)
        error = {"error": results.pop("error")} if "error" in results else {}
        self.cv_results_ = {
            **results,
            **rung_columns(trials),
            "status": status,
            **error,
        }
        self.curves_ = curves(self.cv_results_)
        self.plan_ = what_was_done(task.plan.frame(), trials)
        self.rank_correlation_ = rank_correlation(trials)

    def _select(self, task, archive):
        super()._select(task, archive)
        if hasattr(self, "best_index_"):
            self.best_resource_ = int(self._chosen(task, archive).job.resource)

    def _finish(self, task, archive):
        super()._finish(task, archive)
        warn_of_misleading_rungs(self.rank_correlation_)


# ---- helpers


def _warn_if_one_rung(least, most, factor):
    """Warn of bounds between which no rung fits."""
    if least < most < least * factor:
        warn_user(
            f"Between min_resource={least} and max_resource={most} there is room for "
            f"one rung only with factor={factor}: every candidate is trained in full, "
            f"and none is stopped. Use min_resource={most // factor} or less.",
        )
