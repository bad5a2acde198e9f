"""When to stop: rules over the archive, which combine with ``|`` and ``&``.

A rule is asked after each commit. It returns the reason to stop, or None. Since it sees
committed results only, the search ends at the same candidate for any ``n_jobs``. Where
candidates are trained in rungs, those at the highest resource so far are counted. The
best score is that of any row, or, where rows are the resource, one of these.

Notation of :class:`ExpectedGainBelow`, after Makarova et al. (2022)

==========  =======  ===================================================================
symbol      shape    meaning
==========  =======  ===================================================================
m, v        (n,)     posterior mean and variance of the objective at the seen points
m', v'      (q,)     the same at points drawn from the space
beta        scalar   width of the confidence bounds, in standard deviations
r           scalar   max(m' + beta sqrt v') - max(m - beta sqrt v), bounds the regret
s           scalar   spread of the incumbent's fold scores, eq. (4)
==========  =======  ===================================================================

References
----------
A. Makarova et al. (2022), Automatic termination for hyperparameter optimization,
AutoML-Conf, arXiv:2104.08166.
"""

from abc import ABC, abstractmethod
from math import isfinite, sqrt

import numpy as np

from skhpo.surrogates import fit_gaussian_process, fit_score_transform


class StoppingRule(ABC):
    """Base class of the rules: adds ``|`` (either) and ``&`` (both)."""

    @abstractmethod
    def __call__(self, archive, space):
        """Return the reason to stop, or None.

        Parameters
        ----------
        archive : Archive
            All trials; ``archive.closed`` are the committed ones in their order,
            ``archive.incumbent`` is the best complete one, ``archive.comparable`` are
            those at the highest resource so far.
        space : Space
            Where the candidates lie.
        """

    def __or__(self, other):
        return _Either(self, other)

    def __and__(self, other):
        return _Both(self, other)


class _Either(StoppingRule):
    def __init__(self, first, second):
        self.first, self.second = first, second

    def __call__(self, archive, space):
        return self.first(archive, space) or self.second(archive, space)

    def __repr__(self):
        return f"({self.first!r} | {self.second!r})"


class _Both(StoppingRule):
    def __init__(self, first, second):
        self.first, self.second = first, second

    def __call__(self, archive, space):
        reasons = self.first(archive, space), self.second(archive, space)
        return " and ".join(reasons) if all(reasons) else None

    def __repr__(self):
        return f"({self.first!r} & {self.second!r})"


class TargetReached(StoppingRule):
    """Stop as soon as a candidate is good enough.

    Parameters
    ----------
    score : float
        Mean cross-validated score that is enough; higher is better, so a loss is
        negative (``neg_log_loss``: ``TargetReached(-0.3)``).

    Examples
    --------
    >>> from skhpo import NoImprovement, TargetReached
    >>> TargetReached(0.99) | NoImprovement(30)
    (TargetReached(0.99) | NoImprovement(30, tol=0.0))
    """

    def __init__(self, score):
        self.score = score

    def __call__(self, archive, space):
        """Return the reason to stop, or None."""
        best = archive.incumbent
        if best is None or best.score < self.score:
            return None
        return f"target_reached: {best.score:.6g} >= {self.score:.6g}"

    def __repr__(self):
        return f"TargetReached({self.score!r})"


class NoImprovement(StoppingRule):
    """Stop when the best score has not grown for a number of candidates.

    Parameters
    ----------
    n : int
        Candidates in a row without improvement; those that fail count, and those whose
        remaining folds were skipped.
    tol : float, default=0.0
        Growth of the best score over these candidates that does not count as one.

    Examples
    --------
    >>> from skhpo import NoImprovement
    >>> NoImprovement(20, tol=1e-3)
    NoImprovement(20, tol=0.001)
    """

    def __init__(self, n, tol=0.0):
        self.n = n
        self.tol = tol

    def __call__(self, archive, space):
        """Return the reason to stop, or None."""
        candidates = archive.comparable
        if len(candidates) <= self.n:
            return None
        before = _best(archive.compared(until=candidates[-self.n]))
        after = _best(archive.compared())
        if not isfinite(before) or after - before > self.tol:
            return None
        return f"no_improvement: not by more than {self.tol:g} in {self.n} candidates"

    def __repr__(self):
        return f"NoImprovement({self.n!r}, tol={self.tol!r})"


class ExpectedGainBelow(StoppingRule):
    """Stop when what is left to gain is less than matters.

    A Gaussian process on the scores bounds how much better the best setting of the
    whole space can be than the best one seen [1]_. The search ends when this bound
    falls below ``tol``; or, by default, below the statistical error of the
    cross-validated score itself, beyond which tuning fits the folds.

    Parameters
    ----------
    tol : float or None, default=None
        Gain in score that does not matter. None takes the standard error of the best
        candidate's score under overlapping training sets [2]_; it needs two folds.
    min_candidates : int, default=15
        Candidates before the rule is asked at all.
    every : int, default=3
        The process is fitted after each ``every``-th candidate: some ten milliseconds.

    References
    ----------
    .. [1] A. Makarova et al. (2022), Automatic termination for hyperparameter
       optimization, arXiv:2104.08166.
    .. [2] C. Nadeau, Y. Bengio (2003), Inference for the generalization error, Machine
       Learning 52.

    Examples
    --------
    >>> from skhpo import ExpectedGainBelow
    >>> ExpectedGainBelow(tol=0.002)
    ExpectedGainBelow(tol=0.002)
    """

    #: Points drawn from the space, beside those seen, for the upper bound.
    N_DRAWN = 1000

    def __init__(self, tol=None, *, min_candidates=15, every=3):
        self.tol = tol
        self.min_candidates = min_candidates
        self.every = every

    def __call__(self, archive, space):
        """Return the reason to stop, or None."""
        n = len(archive.comparable)
        is_asked = n >= self.min_candidates and n % self.every == 0
        if not is_asked or archive.incumbent is None:
            return None
        tol = self.tol if self.tol is not None else _standard_error(archive)
        gain = expected_gain(archive, space, n_drawn=self.N_DRAWN)
        if not gain < tol:
            return None
        return f"expected_gain_below: {gain:.3g} < {tol:.3g}"

    def __repr__(self):
        return f"ExpectedGainBelow(tol={self.tol!r})"


def expected_gain(archive, space, n_drawn=1000):
    """Return the bound r of the simple regret, in score units; inf while unknown."""
    trials = archive.comparable
    scores = np.array([trial.estimate for trial in trials])
    is_complete = np.isfinite([trial.score for trial in trials])
    points = np.array([trial.job.proposal.point for trial in trials])
    transform = fit_score_transform(scores)
    if transform is None:
        return np.inf
    targets = transform(scores)
    noise = np.array([trial.noise for trial in trials])
    process = fit_gaussian_process(
        space.encode(points),
        targets,
        space.categorical,
        noise=transform.noise(noise, scores),
        warp=len(points) >= 10,
    )
    beta = _beta(len(points), space.n_dims)
    rng = np.random.default_rng(len(points))  # a bound needs points, not luck
    drawn = np.vstack([points, space.sample(n_drawn, rng)])
    mean, variance = process.predict(space.encode(drawn))
    upper, lower = mean + beta * np.sqrt(variance), mean - beta * np.sqrt(variance)
    bound = upper.max() - lower[: len(points)][is_complete].max()
    slope = transform.slope(np.array([archive.incumbent.score]))[0]  # targets per score
    return float(bound / slope)


def _beta(n, d):
    """Width of the bounds, a fifth of theory's beta^2 as in the experiments of [1]."""
    delta = 0.1  # probability that a bound fails
    return sqrt(2 * np.log(d * n**2 * np.pi**2 / (6 * delta)) / 5)


def _standard_error(archive):
    """Return s, eq. (4): sqrt(1/K + 1/(K-1)) times the sd of the best fold scores."""
    scores = [archive.steering_score(o) for o in archive.incumbent.outcomes]
    k = len(scores)
    return sqrt(1 / k + 1 / (k - 1)) * np.std(scores, ddof=1) if k > 1 else 0.0


def _best(trials):
    return max((t.score for t in trials if isfinite(t.score)), default=-np.inf)
