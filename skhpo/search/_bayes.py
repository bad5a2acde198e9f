"""BayesSearchCV: Bayesian optimisation behind scikit-learn's door."""

from numbers import Integral

import numpy as np

from skhpo._sklearn import Interval, StrOptions
from skhpo.optimizers import (
    Chain,
    FixedPoints,
    GaussianProcessOptimizer,
    GridDesign,
    RandomDesign,
    SobolDesign,
    TPEOptimizer,
    initial_design_size,
)
from skhpo.schedulers import Fifo
from skhpo.search._base import SequentialSearchCV
from skhpo.space import default_params
from skhpo.surrogates import resolve_acquisition


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
        Seed of everything the search draws. Estimators keep their own.

    error_score : "raise" or numeric, default=nan
        What a failed fit shows in ``cv_results_``. A failed candidate is never the best
        while any other succeeded, whatever this number is. ``"raise"`` ends the search
        with the error.

    return_train_score : bool, default=False
        Whether to add training scores to ``cv_results_``.

    optimizer : {"auto", "gp", "tpe", "random", "sobol"}, default="auto"
        What proposes settings: ``"gp"`` a Gaussian process; ``"tpe"`` a tree-structured
        Parzen estimator, which costs a millisecond per candidate also after thousands
        of them; ``"random"`` the space's own distribution; ``"sobol"`` a scrambled
        Sobol sequence. ``"auto"`` takes the Gaussian process; ``optimizer_`` says what
        was used.

    acquisition : str, acquisition or callable, default="logei"
        What the Gaussian process maximises: ``"logei"``, ``"ei"``, ``"pi"``, ``"ucb"``
        or ``"thompson"``; the same with its own settings, as in
        ``skhpo.UCB(kappa=2.0)``; or a function
        ``f(mean, sd, best) -> values`` in standardised scores, larger is better. The
        default, the logarithm of the expected improvement, is seldom wrong.

    initial_points : int or "auto", default="auto"
        Settings that are tried before the model takes over: the estimator's own
        parameters where they lie in the space, then a scrambled Sobol design. "auto" is
        the number of dimensions plus one, between 6 and 10, and at most a quarter of
        ``n_iter``.

    initial_params : dict or list of dicts, default=None
        Settings to try first, complete ones: all parameters of the space (of one of the
        alternatives) by name.

    warm_start_from : search, cv_results_, DataFrame or list of these, default=None
        What is known already: a fitted search (this class's, or scikit-learn's), its
        ``cv_results_`` or a DataFrame of that, as it comes out of a CSV file. Its best
        setting and a second one are evaluated first. If both scores are the old ones,
        data, splits and scorer are the same: all its rows count as observations, and
        none is tried again. Otherwise its scores are never mixed with the new ones:
        its three best settings, spread, are tried first, and the Gaussian process takes
        its ranking for a hint that fades unless the new scores confirm it. Rows
        outside the space are left out, with a warning; ``warm_start_`` says what was
        done. In nested cross-validation a search that saw all data leaks them.

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
        not included. The first candidate is always awaited. With it the Gaussian
        process learns from fit times, too, and prefers cheap settings early; less and
        less so as time, or ``n_iter`` if that is nearer, is used up.

    stop : stopping rule or callable, default=None
        When to stop before the budget is used up: :class:`~skhpo.NoImprovement`,
        :class:`~skhpo.TargetReached`, :class:`~skhpo.ExpectedGainBelow`, combined with
        ``|`` (either) and ``&`` (both); or a function ``f(archive, space)`` that
        returns the reason to stop, or None. Asked after each candidate.

    callbacks : callable or list of callables, default=None
        Functions ``f(progress)`` called after each candidate with a
        :class:`~skhpo.Progress`; returning something truthy ends the search.
        scikit-learn's own callbacks (>= 1.9) are registered with ``set_callbacks``.

    Attributes
    ----------
    cv_results_ : dict of numpy (masked) ndarrays
        One row per candidate, in the order in which they were asked for; the columns
        are those of :class:`~sklearn.model_selection.RandomizedSearchCV`. Where a
        candidate failed there are two more, ``status`` and ``error``.

    best_estimator_ : estimator
        The best setting fitted on all data; only with ``refit``.

    best_score_ : float
        Mean cross-validated score of the best setting. As with every search, it
        flatters: the best of many is also the luckiest.

    best_params_ : dict
        The best setting.

    best_index_ : int
        Its row in ``cv_results_``.

    scorer_ : function or dict
        The scorer, or several by name.

    n_splits_ : int
        Number of folds.

    refit_time_ : float
        Seconds of the final fit.

    multimetric_ : bool
        Whether several metrics were computed.

    optimizer_ : str
        What proposed the settings: "gp", "tpe", "random", "sobol", or "grid" for a
        finite space that was tried in full.

    warm_start_ : str
        What came of ``warm_start_from``: "observations: 40 rows, 3 dropped" or "other
        data: 3 initial points, prior mean with weight 0.6"; only where it was given.

    n_points_ : int
        Candidates in flight.

    stop_reason_ : str
        Why the search ended: "n_iter", "space_exhausted", "max_time", "callback",
        "interrupted", or what the stopping rule said.

    classes_ : ndarray of shape (n_classes,)
        Class labels; only of a classifier.

    n_features_in_ : int
        Number of features seen by ``best_estimator_``.

    feature_names_in_ : ndarray of shape (n_features_in_,)
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
        "optimizer": [StrOptions({"auto", "gp", "tpe", "random", "sobol"})],
        "acquisition": "no_validation",  # resolve_acquisition has better messages
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
        initial_points="auto",
        initial_params=None,
        warm_start_from=None,
        n_points="auto",
        asynchronous=False,
        objective=None,
        constraints=None,
        max_time=None,
        stop=None,
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
            n_points=n_points,
            asynchronous=asynchronous,
            objective=objective,
            constraints=constraints,
            max_time=max_time,
            stop=stop,
            callbacks=callbacks,
        )
        self.optimizer = optimizer
        self.acquisition = acquisition
        self.initial_points = initial_points

    def _check_own_parameters(self):
        resolve_acquisition(self.acquisition)

    def make_optimizer(self, space, given, streams, budget_used=None):
        """Return what proposes settings."""
        rng = streams.generator("optimizer")
        self.optimizer_ = self._optimizer_name(space)
        if self.optimizer_ == "grid":
            repeats = self.warm_start_from is None  # else what is known is left out
            return GridDesign(space, repeats=repeats, rng=rng)
        given = FixedPoints(space, given, rng=rng)
        if self.optimizer_ == "random":
            return Chain([given], then=RandomDesign(space, rng=rng))
        if self.optimizer_ == "sobol":
            return Chain([given], then=SobolDesign(space, rng=rng))
        own = default_params(space, self.estimator)
        default = FixedPoints(space, [] if own is None else [own], rng=rng)
        n_initial = self._n_initial(space)
        if self.optimizer_ == "tpe":
            model = TPEOptimizer(space, n_initial=n_initial, rng=rng)
        else:
            model = GaussianProcessOptimizer(
                space,
                acquisition=self.acquisition,
                n_initial=n_initial,
                budget_used=budget_used,
                rng=rng,
            )
        return Chain([given, default], then=model)

    def make_scheduler(self):
        """Return what decides on the order: each proposal once, in full."""
        return Fifo(self.n_iter)

    def _optimizer_name(self, space):
        if space.size is not None and self.n_iter is not None:
            if space.size <= self.n_iter:
                return "grid"
        return "gp" if self.optimizer == "auto" else self.optimizer

    def _n_initial(self, space):
        """Return the size of the initial design, the estimator's own included."""
        if self.initial_points != "auto":
            return self.initial_points
        return initial_design_size(space, self.n_iter or 100)
