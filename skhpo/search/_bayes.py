"""BayesSearchCV: Bayesian optimisation behind scikit-learn's door."""

from functools import partial
from math import isnan
from numbers import Integral

import numpy as np

from skhpo._errors import warn_user
from skhpo._sklearn import Interval, StrOptions
from skhpo.evaluation import tells_work
from skhpo.optimizers import (
    ForestOptimizer,
    GaussianProcessOptimizer,
    GridDesign,
    TPEOptimizer,
    automatic_optimizer,
    fits_in,
    initial_design_size,
)
from skhpo.schedulers import Fifo
from skhpo.search._base import SequentialSearchCV
from skhpo.search._budget import BudgetUsed
from skhpo.search._optimizers import DESIGNS, check_optimizer, make_chain
from skhpo.surrogates import LogEI, resolve_acquisition

_OPTIMIZERS = ("auto", "gp", "forest", "tpe", "random", "sobol")
_PURE = ("grid", *DESIGNS)  # learn from no score
_WITHOUT_ACQUISITION = ("tpe", *DESIGNS)


class BayesSearchCV(SequentialSearchCV):
    """Search hyperparameters with a model that learns from each evaluation.

    Stands wherever ``GridSearchCV`` or ``RandomizedSearchCV`` stood, with the same
    methods and the same ``cv_results_``. After a short initial design a Gaussian
    process is fitted to the scores so far, and the setting with the largest expected
    improvement is tried next [1]_ [2]_. Choose it when a fit takes longer than a few
    milliseconds and you can afford between 20 and a few hundred candidates.

    Parameters
    ----------
    estimator : estimator object
        Anything that follows scikit-learn's interface: a classifier, a regressor, a
        clusterer, a pipeline. It needs a ``score`` method, or pass ``scoring``.

    search_space : dict or list of dicts
        Parameter names and what to try. A value is a list of choices; a tuple
        ``(low, high)`` of two ints or two floats for a range, with an optional third
        entry ``"uniform"``, ``"log-uniform"`` or ``"logit-uniform"``; a dimension
        (:class:`~skhpo.Real`, :class:`~skhpo.Integer`, :class:`~skhpo.Categorical`,
        :class:`~skhpo.Ordinal`), which may be conditional (``when=``); or a frozen
        scipy distribution. A list of dicts holds alternatives, which share the budget
        and the model.

    n_iter : int or None, default=50
        Number of candidates. A finite space with no more settings than this is tried
        in full, in grid order. None searches until ``max_time`` is over.

    scoring : str, callable, list, tuple or dict, default=None
        As in :class:`~sklearn.model_selection.GridSearchCV`. Higher is better.

    n_jobs : int or None, default=None
        Fits that run in parallel; -1 uses all processors. Folds of several candidates
        run at the same time, without a barrier between candidates. Results do not
        depend on it, see ``n_points``.

    refit : bool, str or callable, default=True
        Whether to fit the best setting on all data at the end; with several metrics,
        the name of the one that decides; or a function that gets ``cv_results_`` and
        returns the index of the best row. Only complete rows are offered to it.

    cv : int, cross-validation generator or iterable, default=None
        Splitting strategy; None = 5-fold. Splits are made once per ``fit``, so that
        every candidate meets the same folds, also with an unseeded shuffling splitter.

    verbose : int, default=0
        1 announces the number of fits, 2 adds one line per fit with its time, 3 its
        score, 10 its start.

    pre_dispatch : int or str, default="2*n_jobs"
        How many tasks are handed to the workers at a time. It bounds memory and never
        changes results.

    random_state : int, RandomState instance or None, default=None
        Seed of everything the search draws. Estimators and splitters keep their own:
        the table is repeatable where these have a seed, or draw nothing.
        ``summary()`` names those that have none.

    error_score : "raise" or numeric, default=nan
        What a failed fit shows in ``cv_results_``. A failed candidate is never the best
        while any other succeeded, whatever this number is. ``"raise"`` ends the search
        with the error.

    return_train_score : bool, default=False
        Whether to add training scores to ``cv_results_``.

    optimizer : str, class, callable or object, default="auto"
        What proposes settings: ``"gp"`` a Gaussian process; ``"forest"`` a forest of
        randomised trees in the manner of SMAC; ``"tpe"`` a tree-structured Parzen
        estimator, which costs a few milliseconds per candidate also after thousands of
        them; ``"random"`` the space's own distribution; ``"sobol"`` a scrambled Sobol
        sequence. ``"auto"`` takes the Gaussian process, and ``"tpe"`` above 200
        dimensions; ``optimizer_`` says what was used. Or one of your own: an object
        with ``ask`` and ``tell``, of which each fit uses a copy, or its class, which is
        called with the space and ``rng=`` a generator; doc/own_optimizer.rst has an
        example.

    acquisition : str, acquisition or callable, default="logei"
        What the Gaussian process or the forest maximises: ``"logei"``, ``"ei"``,
        ``"pi"``, ``"ucb"`` or ``"thompson"``; the same with its own settings, as in
        ``skhpo.UCB(kappa=2.0)``; or a function
        ``f(mean, sd, best) -> values`` in standardised scores, larger is better. The
        default, the logarithm of the expected improvement, is seldom wrong. Other
        optimizers have none.

    price : {"auto", "work", "seconds"} or None, default="auto"
        What a candidate costs. A setting that costs four times as much should promise
        twice the improvement: so at first, and less and less as ``n_iter`` (or
        ``max_time``) is used up. ``"work"`` is read off the fitted models, such as
        their number of nodes (doc/budgets.rst): the same on every machine, and for any
        ``n_jobs``. An estimator of your own tells its work in a method
        ``__skhpo_work__()``. ``"seconds"`` are those of the fits: what is proposed then
        depends on the clock. ``"auto"`` takes the work where it is known, and seconds
        with ``max_time``. None ignores costs. The Gaussian process and the forest can
        use it, with ``acquisition="logei"``, ``"ei"`` or ``"pi"``; an optimizer of your
        own is told it as ``Result.cost``.

    initial_points : int or "auto", default="auto"
        Settings that are tried before the model takes over: the estimator's own values
        in each alternative of the space (the middle of a range in which its value has
        no place), then a scrambled Sobol design. Where ``price`` counts and can be told
        from the parameters (rounds, trees, leaves, epochs, hidden sizes) and spans more
        than a factor of five, the cheapest of these points come first. "auto" is the
        number of dimensions plus one, between 6 and 10, and at most a quarter of
        ``n_iter``.

    initial_params : dict or list of dicts, default=None
        Settings to try first, complete ones: all parameters of the space (of one of the
        alternatives) by name.

    warm_start_from : search, `cv_results_`, DataFrame or list of these, default=None
        What is known already: a fitted search (this class's, or scikit-learn's), its
        ``cv_results_`` or a DataFrame of that, as it comes out of a CSV file. Its best
        setting and a second one are evaluated first. If both scores are the old ones,
        data, splits and scorer are the same: all its rows count as observations, and
        none is tried again. Otherwise its scores are never mixed with the new ones:
        its three best settings, spread, are tried first, and the Gaussian process takes
        its ranking for a hint that fades unless the new scores confirm it. Rows
        outside the space are left out, with a warning; ``warm_start_`` says what was
        done. In nested cross-validation a search that saw all data leaks them.

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
        Candidates in flight. A new candidate is asked for each time that a result was
        committed, in an order that does not depend on which fit ended first; so the
        result depends on ``random_state`` and on this number alone. "auto" is 3, and
        more once ``n_jobs`` exceeds 1.5 times the number of folds.

    asynchronous : bool, default=False
        Use each result as soon as it arrives. Workers are never idle and candidates
        never outdated, but the results then depend on timing.

    objective : str or None, default=None
        With several metrics, the one that steers the search. None = the one named by
        ``refit``, or the first.

    constraints : callable or list of callables, default=None
        Each gets a setting as a dict and returns whether it is allowed.

    max_time : float or None, default=None
        Seconds after which no new fit is started and no result awaited; the refit is
        not included. The first candidate is always awaited. With it ``price="auto"``
        is ``"seconds"``.

    fit_timeout : float or None, default=None
        Seconds that the fit of one fold may take, with its scoring. A fit that takes
        longer is killed, with its process, and its candidate has failed; no other fit
        is disturbed. With it all fits run in processes of their own, also with
        ``n_jobs=1``. It needs a backend with processes (loky or multiprocessing), and
        does not limit the refit (doc/reliability.rst).

    stop : stopping rule or callable, default=None
        When to stop before the budget is used up: :class:`~skhpo.NoImprovement`,
        :class:`~skhpo.TargetReached`, :class:`~skhpo.ExpectedGainBelow`, combined with
        ``|`` (either) and ``&`` (both); or a function ``f(archive, space)`` that
        returns the reason to stop, or None. Asked after each candidate.

    racing : {"auto", "paired", "forgiving", "exact"}, callable or None, default="auto"
        Skip the remaining folds of a candidate that will not win. Folds run in their
        order, and after each the candidate is compared with the best complete one so
        far, the incumbent, fold by fold.

        - ``"paired"`` drops it when it is further behind than complete candidates
          differ from the incumbent by chance: by more than the standard deviation of
          these differences between folds, over the root of the folds done. Until there
          are five of them ``"forgiving"`` decides.
        - ``"forgiving"`` drops it when it is behind by more than the incumbent's worst
          fold is below its mean, and by less after more folds [3]_.
        - ``"exact"`` drops it when it could not catch up with the best possible scores
          on all folds left. The winner among the same candidates stays the same. It
          needs a bounded score, such as accuracy, and turns itself off with a warning
          otherwise.
        - A function ``f(candidate_scores, incumbent_scores)`` of two arrays, the first
          as long as folds were done, returns whether to drop.
        - None evaluates every fold of every candidate: rows of ``cv_results_`` are
          complete.
        - ``"auto"`` is ``"paired"`` where that is safe, and None elsewhere: with fewer
          than five folds; where ``refit`` is a function, which may need complete rows;
          with ``optimizer="random"``, ``"sobol"``, a grid that is tried in full, or an
          optimizer that is none of skhpo's; with several metrics, unless the one that
          steers is the one
          which ``refit`` names. ``racing_`` says what came of it, and ``summary()``
          why it is off where that may surprise.

        The estimator's own setting is never dropped, nor are those of an earlier search
        that tell whether its scores hold here. With several metrics the one that steers
        the search decides.

    store_predictions : bool or "auto", default=False
        Whether to keep the out-of-fold predictions of each complete candidate. They are
        made once, for the scorer; they show where a candidate errs (``predictions_``)
        and tell best how much ``best_score_`` flatters (``score_estimate_``). They take
        4 bytes per row, candidate and column (of probabilities of several classes); y
        is kept with them. "auto" keeps up to 256 MB, or nothing, with a warning.

    callbacks : callable or list of callables, default=None
        Functions ``f(progress)`` called after each candidate with a
        :class:`~skhpo.Progress`; returning something truthy ends the search.
        Those of ``skhpo.tracking`` record the search: files, MLflow, TensorBoard.
        scikit-learn's own callbacks (>= 1.9) are registered with ``set_callbacks``.

    Attributes
    ----------
    cv_results_ : dict of numpy (masked) ndarrays
        One row per candidate, in the order in which they were asked for; the columns
        are those of :class:`~sklearn.model_selection.RandomizedSearchCV`. Where a
        candidate failed there are two more, ``status`` and ``error``. Where models tell
        it there is ``mean_work``, the mean work of a fit: without a unit, in proportion
        to seconds, roughly, and the same on every machine (not with ``"random"``,
        ``"sobol"`` or a grid that is tried in full). In a race (``racing_``) there are
        ``status`` ("complete", "raced_out" or "failed"), ``n_splits_evaluated``, and
        ``mean_test_score_partial``, an estimate of the mean score where folds were
        skipped; their scores and the ``mean_test_score`` of such a row are nan, and it
        ranks after all complete ones.

    best_estimator_ : estimator
        The best setting fitted on all data; only with ``refit``.

    best_score_ : float
        Mean cross-validated score of the best setting. As with every search, it
        flatters: the best of many is also the luckiest.

    default_score_ : float
        Mean cross-validated score of the estimator's own setting, trained in full; nan
        where it failed. Within the space it is a row of ``cv_results_``. Outside of it
        it is fitted and scored once, on the same folds, and counts in no table and no
        budget. Not there where it was not evaluated: ``optimizer="random"``,
        ``"sobol"`` and a grid that is tried in full add nothing of their own.

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
        ``store_predictions`` or three folds.

    best_params_ : dict
        The best setting.

    best_index_ : int
        Its row in ``cv_results_``.

    scorer_ : function or dict
        The scorer, or several by name.

    n_splits_ : int
        Number of folds.

    search_time_ : float
        Seconds that the search took, without the final fit.

    refit_time_ : float
        Seconds of the final fit.

    multimetric_ : bool
        Whether several metrics were computed.

    optimizer_ : str
        What proposed the settings: "gp", "forest", "tpe", "random", "sobol", "grid"
        for a finite space that was tried in full, or the class of your own.

    warm_start_ : str
        What came of ``warm_start_from``: "observations: 40 rows, 3 dropped" or "other
        data: 3 initial points, prior mean with weight 0.6"; only where it was given.

    n_points_ : int
        Candidates in flight.

    racing_ : str or None
        The rule by which candidates were dropped: "paired", "forgiving", "exact" or the
        name of a function; None = every candidate got all folds.

    stop_reason_ : str
        Why the search ended: "n_iter", "space_exhausted", "max_time", "callback",
        "scoring_fails" (no setting can be scored), "interrupted", or what the stopping
        rule said.

    classes_ : ndarray of shape (n_classes,)
        Class labels; only of a classifier.

    n_features_in_ : int
        Number of features seen by ``best_estimator_``.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where ``best_estimator_`` knows them.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Tries every combination.
    sklearn.model_selection.RandomizedSearchCV : Tries settings at random.

    References
    ----------
    .. [1] D. R. Jones, M. Schonlau, W. J. Welch (1998), Efficient global optimization
       of expensive black-box functions, Journal of Global Optimization 13.
    .. [2] S. Ament et al. (2023), Unexpected improvements to expected improvement for
       Bayesian optimization, NeurIPS, arXiv:2310.20708.
    .. [3] E. Bergman, L. Purucker, F. Hutter (2024), Don't waste your time: early
       stopping cross-validation, AutoML-Conf, PMLR 256.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skhpo import BayesSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = BayesSearchCV(
    ...     SVC(),
    ...     {"C": (1e-2, 1e3, "log-uniform"), "kernel": ["linear", "rbf"]},
    ...     n_iter=12,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    >>> len(search.cv_results_["params"])
    12
    """

    _parameter_constraints: dict = {
        **SequentialSearchCV._parameter_constraints,
        "optimizer": "no_validation",  # these two have better messages of their own
        "acquisition": "no_validation",
        "price": [StrOptions({"auto", "work", "seconds"}), None],
        "initial_points": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
    }

    def __init__(
        self,
        estimator,
        search_space,
        *,
        n_iter=50,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        pre_dispatch="2*n_jobs",
        random_state=None,
        error_score=np.nan,
        return_train_score=False,
        optimizer="auto",
        acquisition="logei",
        price="auto",
        initial_points="auto",
        initial_params=None,
        warm_start_from=None,
        checkpoint=None,
        n_points="auto",
        asynchronous=False,
        objective=None,
        constraints=None,
        max_time=None,
        fit_timeout=None,
        stop=None,
        racing="auto",
        store_predictions=False,
        callbacks=None,
    ):
        super().__init__(
            estimator,
            search_space,
            n_iter=n_iter,
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
            warm_start_from=warm_start_from,
            checkpoint=checkpoint,
            n_points=n_points,
            asynchronous=asynchronous,
            objective=objective,
            constraints=constraints,
            max_time=max_time,
            fit_timeout=fit_timeout,
            stop=stop,
            racing=racing,
            callbacks=callbacks,
            store_predictions=store_predictions,
        )
        self.optimizer = optimizer
        self.acquisition = acquisition
        self.price = price
        self.initial_points = initial_points

    def _check_own_parameters(self):
        super()._check_own_parameters()
        check_optimizer(self.optimizer, _OPTIMIZERS)
        acquisition = resolve_acquisition(self.acquisition)
        if acquisition != LogEI():
            _warn_if_ignored(self.optimizer, self.acquisition)
        if self.price in ("work", "seconds"):
            _warn_of_no_price(self.optimizer, self.price, acquisition)

    def _make_space(self, streams):
        space = super()._make_space(streams)
        if self.price == "work":
            _check_work(self.estimator, space)
        return space

    def _price(self):
        if self.price != "auto":
            return self.price
        return "work" if self.max_time is None else "seconds"

    def _tells_work(self):
        return self.optimizer_ not in _PURE  # scikit-learn's tables

    def _budget(self, task, archive):
        divides = hasattr(resolve_acquisition(self.acquisition), "log")
        if self._price() is None or not divides:
            return None
        return BudgetUsed(
            self.max_time,
            self.n_iter,
            archive,
            seconds=task.journal.seconds,
            prior_cost=self._prior_cost(task),
        )

    def _listeners(self, archive, task, planned):
        listeners = super()._listeners(archive, task, planned)
        if self.price == "work":
            listeners.append(partial(_warn_of_no_work, archive))
        return listeners

    def make_optimizer(self, space, given, streams, budget_used=None):
        """Return what proposes settings."""
        rng, optimizer = streams.generator("optimizer"), self.optimizer
        if isinstance(optimizer, str):
            self.optimizer_ = optimizer = self._optimizer_name(space)
        if optimizer == "grid":
            repeats = self.warm_start_from is None  # else what is known is left out
            return GridDesign(space, repeats=repeats, rng=rng)
        chain = make_chain(
            optimizer,
            space,
            given,
            estimator=self.estimator,
            n_starts=self._n_initial(space),
            make_model=lambda: self._model_optimizer(space, budget_used, rng),
            rng=rng,
        )
        if not isinstance(optimizer, str):
            self.optimizer_ = chain.then.name
        return chain

    def _learns(self, task):
        name = self.optimizer
        if isinstance(name, str):
            name = self._optimizer_name(task.space)
        return isinstance(name, str) and name not in _PURE

    def _model_optimizer(self, space, budget_used, rng):
        """Return the optimizer that learns from scores."""
        settings = dict(n_initial=self._n_initial(space), rng=rng)
        if self.optimizer_ == "tpe":
            return TPEOptimizer(space, **settings)
        settings |= dict(
            acquisition=self.acquisition,
            budget_used=budget_used,
            prior_cost=getattr(budget_used, "prior_cost", None),
        )
        if self.optimizer_ == "forest":
            return ForestOptimizer(space, **settings)
        return GaussianProcessOptimizer(space, **settings)

    def make_scheduler(self):
        """Return what decides on the order: each proposal once, in full."""
        return Fifo(self.n_iter)

    def _optimizer_name(self, space):
        if self.optimizer == "auto":
            return automatic_optimizer(space, self.n_iter)
        return "grid" if fits_in(space, self.n_iter) else self.optimizer

    def _n_initial(self, space):
        """Return the size of the initial design, the estimator's own included."""
        if self.initial_points != "auto":
            return self.initial_points
        return initial_design_size(space, self.n_iter or 100)


# ---- helpers


def _warn_if_ignored(optimizer, acquisition):
    """Warn of an acquisition that nobody will look at."""
    is_own = not isinstance(optimizer, str)
    if is_own or optimizer in _WITHOUT_ACQUISITION:
        what = "an optimizer of your own" if is_own else f"optimizer={optimizer!r}"
        warn_user(
            f"acquisition={acquisition!r} is ignored: {what} has none. It matters for "
            "optimizer='gp' and optimizer='forest'.",
        )


def _warn_of_no_price(optimizer, price, acquisition):
    """Warn of a price that nobody will pay attention to."""
    if not isinstance(optimizer, str):
        return
    if optimizer in _WITHOUT_ACQUISITION:
        why = f"optimizer={optimizer!r} does not weigh costs"
    elif not hasattr(acquisition, "log"):
        why = "this acquisition is no improvement that could be divided by a cost"
    else:
        return
    warn_user(
        f"price={price!r} is ignored: {why}. It matters for optimizer='gp' and "
        "optimizer='forest' with acquisition='logei', 'ei' or 'pi'."
    )


_HOW_TO_TELL_WORK = (
    "It is known of boosting, forests, trees, SGD, MLPs, linear models, SVMs, "
    "neighbors, naive Bayes, Gaussian processes, KMeans, and of what is made of them. "
    "Give the estimator a method __skhpo_work__() that returns a number in proportion "
    "to the seconds of its fit, or use price='seconds'."
)


def _check_work(estimator, space):
    """Refuse to search by work where it is known that no fit tells it."""
    choices = [
        value
        for column in space.columns
        for value in getattr(column.dimension, "choices", ())
    ]
    is_fixed = not any(hasattr(value, "fit") for value in choices)
    if is_fixed and not tells_work(estimator):
        raise ValueError(
            f"price='work', and the work of {type(estimator).__name__} is not known. "
            f"{_HOW_TO_TELL_WORK}"
        )


def _warn_of_no_work(archive, trial):
    """Warn at the first complete trial when its work is not known."""
    first = next((t for t in archive.closed if t.status == "complete"), None)
    if first is trial and isnan(trial.work):
        warn_user(
            "price='work', and the first candidate's models do not tell their work: as "
            f"long as none does, all count as equally dear. {_HOW_TO_TELL_WORK}"
        )
