"""What the Gaussian process sees of the scores.

Notation
--------
========= ====== =======================================================================
symbol    shape  meaning
========= ====== =======================================================================
y         (n,)   scores, higher is better; nan or infinite = the evaluation failed
m         ()     median of the finite scores
s         ()     spread of the good half: max(y) - m
u         (n,)   (y - m) / s, then squashed
t         (n,)   targets: u standardised; higher is better
========= ====== =======================================================================

Scores have one long tail, on the bad side: a diverged network may lose by 1e6. How bad
it was hardly matters; that it was bad does. Below u = -1 the scores are squashed to
-1 - log(-u), continuous with a continuous slope, and all alike below -1000; then they
are standardised. A failed evaluation becomes a bit worse than the worst one *after*
the squash. There is no sign flip: the process models scores.
"""

from dataclasses import dataclass

import numpy as np

from skhpo.surrogates._kernels import Array

_TIED = 1e-12  # relative difference below which scores are one and the same number
_FAILURE_GAP = 0.1  # distance of a failure below the worst, in (median - worst)
_DEEPEST = 1e3  # loss, in spreads, beyond which worse is no worse
_QUARTER = 0.25  # differences of quarters never overflow
_MAX_NOISE = 1e6


@dataclass(frozen=True)
class ScoreTransform:
    """Scores to standardised targets, fitted by :func:`fit_score_transform`.

    Attributes
    ----------
    median, spread : float
        Of a quarter of the scores: what is subtracted, and divided by.
    mean, scale : float
        Of the squashed scores: what makes them standardised.
    failure : float
        The target of a failed evaluation.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_score_transform
    >>> transform = fit_score_transform(np.array([0.7, 0.8, 0.9]))
    >>> targets = transform(np.array([0.9, np.nan, -1e9]))
    >>> bool(targets[0] > 0 > targets[1])
    True
    """

    median: float  # of a quarter of the scores, as the spread
    spread: float
    mean: float  # of the squashed u, as the scale
    scale: float
    failure: float  # the target of a failed evaluation

    def __call__(self, scores: Array) -> Array:
        """(n,) targets."""
        failed = ~np.isfinite(scores)
        squashed = _squashed(_quarters(scores), self.median, self.spread)
        return np.where(failed, self.failure, (squashed - self.mean) / self.scale)

    def inverse(self, targets: Array) -> Array:
        """(n,) scores whose targets these are, as far as the squash keeps them."""
        u = targets * self.scale + self.mean
        depth = np.exp(np.minimum(np.maximum(-1.0 - u, 0.0), np.log(_DEEPEST)))
        quarters = self.median + self.spread * np.where(u < -1.0, -depth, u)
        return quarters / _QUARTER

    def slope(self, scores: Array) -> Array:
        """(n,) dt / dy; 0 for a failed evaluation, whose target is a convention."""
        depth = np.maximum(self.median - _quarters(scores), self.spread)
        flat = ~np.isfinite(scores) | (depth / _DEEPEST > self.spread)
        with np.errstate(over="ignore"):  # scores of 1e-310
            return np.where(flat, 0.0, _QUARTER / depth / self.scale)

    def noise(self, variances: Array, scores: Array) -> Array:
        """(n,) variances of the targets from those of the scores; see shrunk_noise."""
        with np.errstate(over="ignore", invalid="ignore"):
            noise = shrunk_noise(variances) * self.slope(scores) ** 2
        return np.clip(np.nan_to_num(noise, posinf=_MAX_NOISE), 0.0, _MAX_NOISE)


def fit_score_transform(scores: Array) -> ScoreTransform | None:
    """The transform for these scores.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Higher is better; nan or infinite = failed.

    Returns
    -------
    transform : ScoreTransform or None
        None without two distinct finite scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_score_transform
    >>> scores = np.array([0.7, 0.8, 0.9, np.nan])
    >>> targets = fit_score_transform(scores)(scores)
    >>> bool(abs(targets[:3].mean()) < 1e-12)
    True
    """
    y = _quarters(scores[np.isfinite(scores)])
    if not len(y):
        return None
    median = float(np.median(y))
    spread = _spread(y, median)
    if spread is None:
        return None
    u = _squashed(y, median, spread)
    mean, scale, worst = float(u.mean()), float(u.std()), float(u.min())
    failure = worst - _FAILURE_GAP * max(-worst, scale)
    return ScoreTransform(median, spread, mean, scale, (failure - mean) / scale)


def shrunk_noise(variance: Array) -> Array:
    """(n,) noise variances half-way to their median: five folds say little about one.

    What is known exactly (variance 0) stays exact, however many others are noisy. An
    unknown variance (nan) becomes the median, and 0 where none is known.
    """
    known = np.isfinite(variance) & (variance >= 0.0)
    noisy = known & (variance > 0.0)
    if not known.any():
        return np.zeros_like(variance)
    median = float(np.median(variance[noisy])) if noisy.any() else 0.0
    shrunk = 0.5 * (np.where(known, variance, median) + median)
    return np.where(known & ~noisy, 0.0, shrunk)


def _quarters(scores: Array) -> Array:
    """A quarter of each score, 0 for a failed one."""
    return _QUARTER * np.where(np.isfinite(scores), scores, 0.0)


_TINY = float(np.finfo(float).tiny)  # below, quotients of spreads may overflow


def _spread(y: Array, median: float) -> float | None:
    """max - median; where half of the scores are the best, the usual loss."""
    rounding = max(_TIED * abs(median), _TINY)
    above, losses = float(y.max()) - median, median - y
    if above > rounding:
        return above
    losses = losses[losses > rounding]
    return float(np.median(losses)) if len(losses) else None


def _squashed(y: Array, median: float, spread: float) -> Array:
    """(n,) u; a difference of logarithms where the quotient could overflow."""
    depth = np.maximum(median - y, spread)
    bad = -1.0 - np.minimum(np.log(depth) - np.log(spread), np.log(_DEEPEST))
    return np.where(
        depth > spread, bad, (np.maximum(y, median - spread) - median) / spread
    )
