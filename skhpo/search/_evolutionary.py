"""EvolutionarySearchCV: evolutionary algorithms behind scikit-learn's door."""

from inspect import signature
from numbers import Integral, Real

import numpy as np

from skhpo._errors import did_you_mean, warn_user
from skhpo._sklearn import Interval, StrOptions
from skhpo.optimizers import (
    CovarianceMatrixAdaptation,
    DifferentialEvolution,
    GeneticAlgorithm,
    GridDesign,
    RegularizedEvolution,
    automatic_evolution,
    fits_in,
    has_cmaes,
    initial_design_size,
    require_cmaes,
)
from skhpo.schedulers import Fifo
from skhpo.search._base import SequentialSearchCV
from skhpo.search._generations import generation_columns, history
from skhpo.search._optimizers import make_chain

_ALGORITHMS = {
    "de": DifferentialEvolution,
    "ga": GeneticAlgorithm,
    "regularized": RegularizedEvolution,
    "cmaes": CovarianceMatrixAdaptation,
}

#: Which algorithm has which parameter; all have a ``population_size``.
_HAS = {
    "surrogate": ("de", "ga"),
    "tournament_size": ("ga", "regularized"),
    "crossover_rate": ("ga",),
    "mutation_rate": ("ga",),
}

#: Fewer members have no children.
_LEAST_POPULATION = 4


class EvolutionarySearchCV(SequentialSearchCV):
    """Search hyperparameters with a population of settings that evolves.

    Stands wherever ``GridSearchCV`` or ``RandomizedSearchCV`` stood, with the same
    methods and the same ``cv_results_``. The default, differential evolution that
    adapts its own settings [1]_ [2]_, makes new settings from differences between good
    ones, and a cheap regression picks the most promising of several. There is no
    generation to wait for: each result changes the population at once, and no setting
    is fitted twice. Choose it for some hundreds of candidates of quick fits, or on
    many workers: a suggestion takes a few milliseconds, however many there were
    before. For up to a hundred candidates of slow fits :class:`~skhpo.BayesSearchCV`
    is the first to try.

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
        and the population.

    n_iter : int or None, default=100
        Number of candidates, all of them different. A finite space with no more
        settings than this is tried in full, in grid order. None searches until
        ``max_time`` is over.

    algorithm : {"auto", "de", "ga", "regularized", "cmaes"}, default="auto"
        ``"de"`` is differential evolution with success-history adaptation, for spaces
        of any kind. ``"ga"`` is the classic: tournaments, crossover, mutation with
        self-adapted steps, and the best survive. ``"regularized"`` is aging evolution
        [3]_ for spaces of categories: the oldest dies, however good. ``"cmaes"`` is
        the covariance matrix adaptation evolution strategy [4]_ [5]_ with margins
        for integers and categories [6]_, for numbers above all; it needs the package
        ``cmaes`` (``python -m pip install cmaes``). ``"auto"`` takes ``"cmaes"`` (if
        installed) for six or more real numbers and nothing else with at least 60
        candidates for each, and ``"de"`` for all others; ``algorithm_`` says which.

    population_size : int or "auto", default="auto"
        Settings that live at a time; of differential evolution at the start, it shrinks
        to 5. More explore, fewer exploit. "auto" goes by the space and ``n_iter``.

    surrogate : "auto" or None, default="auto"
        "auto": of several offspring a kernel ridge regression on the scores so far
        picks the one to be evaluated, in ``"de"`` and ``"ga"``. None: the plain
        algorithm.

    price : "auto" or None, default="auto"
        "auto": cheap settings first, where the work of a fit can be guessed from its
        parameters (rounds, trees, leaves, epochs, hidden sizes) and spans more than a
        factor of five. The first population is the cheaper half of twice as many
        settings, the cheapest first, and the surrogate prefers cheap offspring, less
        and less so as ``n_iter`` is used up. No clock is read. ``"cmaes"`` minds no
        price. None: all settings count as equally dear, which finds more with the same
        number of candidates, and less in the same time.

    tournament_size : int or "auto", default="auto"
        A parent is the best of so many random members, in ``"ga"`` and
        ``"regularized"``. More exploit, fewer explore. "auto" is 3, and a quarter of
        the population of ``"regularized"``.

    crossover_rate : float, default=0.5
        Share of the offspring of ``"ga"`` that have two parents, in [0, 1]; the others
        are mutants of one.

    mutation_rate : float or "auto", default="auto"
        Probability of each parameter to mutate in ``"ga"``, in [0, 1]; at least one
        always does. "auto" changes 1.5 parameters on average.

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

    initial_params : dict or list of dicts, default=None
        Settings to try first, complete ones: all parameters of the space (of one of the
        alternatives) by name.

    warm_start_from : search, `cv_results_`, DataFrame or list of these, default=None
        What is known already: a fitted search (this class's, or scikit-learn's), its
        ``cv_results_`` or a DataFrame of that, as it comes out of a CSV file. Its best
        setting and a second one are evaluated first. If both scores are the old ones,
        data, splits and scorer are the same: all its rows enter the population, and
        none is tried again. Otherwise only its three best settings, spread, are tried
        first. Rows outside the space are left out, with a warning; ``warm_start_``
        says what was done. In nested cross-validation a search that saw all data leaks
        them.

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
        not included. The first candidate is always awaited.

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
          fold is below its mean, and by less after more folds [7]_.
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
          for a grid that is tried in full; with several metrics, unless the one that
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
        are those of :class:`~sklearn.model_selection.RandomizedSearchCV`, and four
        more. ``generation``: 0 for what stood before any offspring, which are counted
        in populations. ``parents``: their rows, as text ("3,17"; "" = none).
        ``operator``: what made it, such as "current-to-pbest" or
        "crossover+mutation". ``origin``: "initial_params", "default" (the estimator's
        own values in each alternative of the space), "warm_start", "initial" (a design
        that fills the space) or "ask" (the algorithm). Where a candidate failed there
        are ``status`` and ``error``; where models tell it there is ``mean_work``, the
        mean work of a fit: without a unit, in proportion to seconds, roughly, and the
        same on every machine; in a race (``racing_``) there are ``status``
        ("complete", "raced_out" or "failed"), ``n_splits_evaluated``, and
        ``mean_test_score_partial``, an estimate of the mean score where folds were
        skipped; their scores and the ``mean_test_score`` of such a row are nan, and it
        ranks after all complete ones.

    history_ : DataFrame
        One row per generation: ``generation``, ``n_candidates``, ``best`` (score so
        far), ``mean`` (score of its candidates) and ``diversity``: the mean distance of
        two of its candidates in the unit cube, averaged over the parameters, 0 = all
        alike.

    algorithm_ : str
        What proposed the settings: "de", "ga", "regularized", "cmaes", or "grid" for a
        finite space that was tried in full.

    best_estimator_ : estimator
        The best setting fitted on all data; only with ``refit``.

    best_score_ : float
        Mean cross-validated score of the best setting. As with every search, it
        flatters: the best of many is also the luckiest.

    default_score_ : float
        Mean cross-validated score of the estimator's own setting, trained in full; nan
        where it failed. Within the space it is a row of ``cv_results_``. Outside of it
        it is fitted and scored once, on the same folds, and counts in no table and no
        budget. Not there where it was not evaluated: a grid that is tried in
        full adds nothing of its own.

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

    warm_start_ : str
        What came of ``warm_start_from``: "observations: 40 rows, 3 dropped" or "other
        data: 3 initial points"; only where it was given.

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
    skhpo.BayesSearchCV : Learns more from each candidate, and thinks longer about it.
    skhpo.HyperbandSearchCV : Trains many candidates a little, and the best in full.
    sklearn.model_selection.RandomizedSearchCV : Tries settings at random.

    Notes
    -----
    A parameter that the algorithm does not have is ignored, with a warning.

    References
    ----------
    .. [1] R. Tanabe, A. Fukunaga (2014), Improving the search performance of SHADE
       using linear population size reduction, IEEE CEC.
    .. [2] J. Zhang, A. C. Sanderson (2009), JADE: adaptive differential evolution with
       optional external archive, IEEE Transactions on Evolutionary Computation 13(5).
    .. [3] E. Real, A. Aggarwal, Y. Huang, Q. V. Le (2019), Regularized evolution for
       image classifier architecture search, AAAI, arXiv:1802.01548.
    .. [4] N. Hansen (2016), The CMA evolution strategy: a tutorial, arXiv:1604.00772.
    .. [5] M. Nomura, M. Shibata (2024), cmaes: a simple yet practical Python library
       for CMA-ES, arXiv:2402.01373.
    .. [6] R. Hamano, S. Saito, M. Nomura, S. Shirakawa (2022), CMA-ES with margin:
       lower-bounding marginal probability for mixed-integer black-box optimization,
       GECCO, arXiv:2205.13482.
    .. [7] E. Bergman, L. Purucker, F. Hutter (2024), Don't waste your time: early
       stopping cross-validation, AutoML-Conf, PMLR 256.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skhpo import EvolutionarySearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = EvolutionarySearchCV(
    ...     SVC(),
    ...     {"C": (1e-2, 1e3, "log-uniform"), "kernel": ["linear", "rbf"]},
    ...     n_iter=30,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    >>> search.algorithm_
    'de'
    >>> search.history_.columns.tolist()
    ['generation', 'n_candidates', 'best', 'mean', 'diversity']
    >>> bool(search.history_["best"].iloc[-1] == search.best_score_)
    True
    """

    _parameter_constraints: dict = {
        **SequentialSearchCV._parameter_constraints,
        "algorithm": "no_validation",  # has a better message of its own
        "population_size": [
            StrOptions({"auto"}),
            Interval(Integral, _LEAST_POPULATION, None, closed="left"),
        ],
        "surrogate": [StrOptions({"auto"}), None],
        "price": [StrOptions({"auto"}), None],
        "tournament_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "crossover_rate": [Interval(Real, 0, 1, closed="both")],
        "mutation_rate": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
    }

    def __init__(
        self,
        estimator,
        search_space,
        *,
        n_iter=100,
        algorithm="auto",
        population_size="auto",
        surrogate="auto",
        price="auto",
        tournament_size="auto",
        crossover_rate=0.5,
        mutation_rate="auto",
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
            store_predictions=store_predictions,
            callbacks=callbacks,
        )
        self.algorithm = algorithm
        self.population_size = population_size
        self.surrogate = surrogate
        self.price = price
        self.tournament_size = tournament_size
        self.crossover_rate = crossover_rate
        self.mutation_rate = mutation_rate

    # ---- check

    def _check_own_parameters(self):
        super()._check_own_parameters()
        _check_algorithm(self.algorithm)
        _check_population(self.population_size, self.n_iter)
        _check_tournament(self.tournament_size, self.population_size)

    def _check(self, X, y, params):
        task = super()._check(X, y, params)
        self.algorithm_ = self._algorithm_name(task.space)
        if self.algorithm_ == "cmaes":
            _check_has_numbers(task.space)
        self._warn_of_ignored_parameters()
        return task

    def _algorithm_name(self, space):
        if fits_in(space, self.n_iter):
            return "grid"
        if self.algorithm == "auto":
            return automatic_evolution(space, self.n_iter, has_cmaes())
        return self.algorithm

    def _warn_of_ignored_parameters(self):
        """Warn of what the algorithm has no use for."""
        ignored = [
            name
            for name, algorithms in _HAS.items()
            if self.algorithm_ not in ("grid", *algorithms)
            and getattr(self, name) not in ("auto", None, _default_of(name))
        ]
        for name in ignored:
            chosen = self.algorithm_
            why = "" if self.algorithm != "auto" else " (chosen by algorithm='auto')"
            named = " and ".join(f"algorithm={one!r}" for one in _HAS[name])
            warn_user(
                f"{name}={getattr(self, name)!r} is ignored: algorithm={chosen!r}{why} "
                f"has none. It matters for {named}."
            )

    # ---- assemble

    def make_optimizer(self, space, given, streams, prior_cost=None):
        """Return what proposes settings."""
        rng = streams.generator("optimizer")
        if self.algorithm_ == "grid":
            repeats = self.warm_start_from is None  # else what is known is left out
            return GridDesign(space, repeats=repeats, rng=rng)
        return make_chain(
            self.algorithm_,
            space,
            given,
            estimator=self.estimator,
            n_starts=initial_design_size(space, self.n_iter or 100),
            make_model=lambda: self._evolution(space, prior_cost, rng),
            rng=rng,
        )

    def _learns(self, task):
        return self.algorithm_ != "grid"

    def _budget(self, task, archive):
        return None if self.price is None else self._prior_cost(task)

    def _evolution(self, space, prior_cost, rng):
        """Return the algorithm with those of the parameters that it has."""
        own = {
            name: getattr(self, name)
            for name, algorithms in _HAS.items()
            if self.algorithm_ in algorithms
        }
        if self.algorithm_ == "ga" and self.tournament_size == "auto":
            del own["tournament_size"]
        if self.algorithm_ != "cmaes":
            own["prior_cost"] = prior_cost
        return _ALGORITHMS[self.algorithm_](
            space,
            n_iter=self.n_iter,
            population_size=self.population_size,
            rng=rng,
            **own,
        )

    def make_scheduler(self):
        """Return what decides on the order: each proposal once, in full."""
        return Fifo(self.n_iter)

    # ---- finish

    def _publish(self, task, archive):
        super()._publish(task, archive)
        trials = archive.finished
        self.cv_results_ = {**self.cv_results_, **generation_columns(trials)}
        self.history_ = history(trials, task.space)


# ---- helpers


def _default_of(name):
    return signature(EvolutionarySearchCV).parameters[name].default


def _check_algorithm(algorithm):
    """Refuse an unknown name, and a package that is missing."""
    possible = ("auto", *_ALGORITHMS)
    if not isinstance(algorithm, str) or algorithm not in possible:
        raise ValueError(
            f"algorithm={algorithm!r} is not known.{did_you_mean(algorithm, possible)} "
            f"Choose one of {', '.join(map(repr, possible))}."
        )
    if algorithm == "cmaes":
        require_cmaes()


def _check_population(population_size, n_iter):
    """Refuse a population that the budget cannot fill."""
    if population_size == "auto" or n_iter is None or population_size <= n_iter:
        return
    raise ValueError(
        f"population_size={population_size} is larger than n_iter={n_iter}: not even "
        "the first population could be evaluated, and there would be no offspring. Use "
        f"population_size='auto', a smaller one (a tenth to a fifth of n_iter), or "
        f"n_iter of at least {2 * population_size}."
    )


def _check_tournament(tournament_size, population_size):
    if "auto" in (tournament_size, population_size):
        return
    if tournament_size > population_size:
        raise ValueError(
            f"tournament_size={tournament_size} is larger than population_size="
            f"{population_size}, of which the tournament is a sample. Use at most "
            f"{population_size}; 2 or 3 is usual."
        )


def _check_has_numbers(space):
    """Refuse CMA-ES where there is nothing that a normal distribution can describe."""
    if not space.categorical.all():
        return
    raise ValueError(
        "algorithm='cmaes' adapts a normal distribution of numbers, and here every "
        f"parameter is a choice without order: {list(space.names)}. Use "
        "algorithm='de' (which 'auto' would take), 'ga' or 'regularized'."
    )
