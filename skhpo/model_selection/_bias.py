"""How much the best of many candidates flatters: the mathematics.

Two corrections of the same thing. The best of C candidates was chosen by the very score
that is then reported, so part of that score is luck.

Bootstrap bias-corrected cross-validation (BBC-CV) repeats the choice on a bootstrap
sample of the rows and looks at the score on the rows that were left out; it needs the
out-of-fold predictions of every candidate, and no further fit [1]_:

    c_b = argmax_c S_c(w_b)                                                        (1)
    BBC = mean_b S_{c_b}(o_b),     o_b = 1 where w_b = 0, else 0                   (2)

Tibshirani and Tibshirani compare, fold by fold, the best candidate of that fold with
the one that is best on average; it needs the scores of the folds only [2]_:

    bias = mean_k (max_c s_kc - s_kc*),     c* = argmax_c mean_k s_kc              (3)

Of (2) too only the difference is used, bias = max_c S_c(1) - BBC: a pooled metric may
differ from the mean over the folds (an AUC does, since folds differ in level), and it
is the mean over the folds that is corrected.

A race skips folds of candidates that fall behind. They were competitors all the same:
without them (1) and (3) choose among fewer candidates than the search did. Which folds
are skipped depends on scores that are known, so skipped ones can be drawn from a model
of the others (multiple imputation of data missing at random [3]_). The model says that
the folds of a candidate share a part and are alike otherwise,

    s_kc = m_k + a_c + e_kc,   var s_0c = V,   corr(s_jc, s_kc) = rho              (4)

so that, given the mean s'_kc of the k folds before, known or drawn,

    s_kc = m_k + b_k s'_kc + sqrt(1 - b_k rho) r_i,   b_k = k rho / (1 + (k - 1) rho)
                                                                                   (5)

m_k is the mean of s_kc - b_k s'_kc over the candidates that have fold k. rho is the
slope of the folds k > 0 on fold 0, where both are known: dropping candidates by their
score on fold 0 does not bias it. All candidates have fold 0, so its deviations r_i from
their mean are drawn: those that complete the race are too much alike to tell V.
Candidates that are alike err alike: they get one r_i per group of neighbors on fold 0,
sqrt(C) groups. The estimates are, with completed scores s* and c* of the complete
candidates,

    Tibshirani: mean over draws and k of max_c s*_kc - s_kc*                       (6)
    BBC:        bias from (2), plus what (6) exceeds (3) of complete candidates    (7)

Without skipped folds s* = s, and (6) and (7) are (3) and (2).

Notation

=========  ================  ===========================================================
symbol     shape             meaning
=========  ================  ===========================================================
n, C, K    ()                rows, candidates, folds
R          ()                repeats: how often the splits go through the rows
B          ()                bootstrap samples
y          (n,)              target; class labels as codes
p          (n,) or (n, m)    out-of-fold predictions of a candidate, nan = never tested
w          (B, n)            how often each row is in each sample; whole units (groups)
                             are drawn, if rows belong together
v          (n,)              weights that the scorer was given
S_c(w)     (B,)              pooled score of candidate c on weighted rows, mean over the
                             repeats
s          (K, C)            scores of the folds, nan = skipped
s*         (M, K, C)         M draws of s with skipped scores filled in
x          (K, C)            s without its lower tail: what failed badly is no measure
r          (<= C,)           deviations on fold 0, of those that are not in its tail
a, m       (C,), (K,)        level of a candidate, of a fold
=========  ================  ===========================================================

References
----------
.. [1] I. Tsamardinos, E. Greasidou, G. Borboudakis (2018), Bootstrapping the
   out-of-sample predictions for efficient and accurate cross-validation, Machine
   Learning 107, arXiv:1708.07180.
.. [2] R. J. Tibshirani, R. Tibshirani (2009), A bias correction for the minimum error
   rate in cross-validation, Annals of Applied Statistics 3(2), arXiv:0908.2904.
.. [3] D. B. Rubin (1987), Multiple Imputation for Nonresponse in Surveys, Wiley,
   chapter 5.4 (monotone missing data).
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: S(y, p, w, v) -> (B,): scores of a candidate on B weightings of the rows.
PooledScore = Callable[..., Array]


# ---- equations


def bbc_draws(scores: Sequence[Callable[[Array], Array]], w: Array) -> Array:
    """(B',) scores of the chosen on what was left out: the terms of eq. (2).

    ``scores`` holds S_c for each candidate. Samples that leave nothing out of which a
    score could be made are dropped.
    """
    in_sample = np.stack([S(w) for S in scores], axis=1)  # (B, C)
    chosen = np.argmax(np.where(np.isnan(in_sample), -np.inf, in_sample), axis=1)
    is_out = (w == 0).astype(float)
    draws = np.full(len(w), np.nan)
    for c in np.unique(chosen):  # S_c is asked for the samples only that chose c
        draws[chosen == c] = scores[c](is_out[chosen == c])
    return draws[np.isfinite(draws)]


def tibshirani_bias(s: Array, may_win: NDArray | bool = True) -> float:
    """Eq. (3); ``may_win`` (C,) tells which candidates c* may be."""
    winner = np.argmax(np.where(may_win, s.mean(axis=0), -np.inf))
    return float(np.mean(s.max(axis=1) - s[:, winner]))


def completed_bias(s: Array, n_test: float, limits, rng: np.random.Generator) -> float:
    """Eq. (6); ``n_test`` as in :func:`merged_folds`, ``limits`` of a score."""
    is_complete = np.isfinite(s).all(axis=0)
    draws = [merged_folds(each, n_test) for each in completed(s, limits, rng)]
    return float(np.mean([tibshirani_bias(each, is_complete) for each in draws]))


def completed(s: Array, limits, rng: np.random.Generator, n_draws: int = 20) -> Array:
    """Return s*, eq. (5): draws of the scores that a race skipped.

    Candidates have the folds 0, 1, ... up to some fold, and one of them has all.
    """
    is_known = np.isfinite(s)
    if is_known.all():
        return s[np.newaxis]
    x, r = _without_tail(s)
    rho, group = _shared_part(x), _groups_alike(s[0])
    drawn = np.repeat(x[np.newaxis], n_draws, axis=0)
    total = drawn[:, 0].copy()
    for k in range(1, len(s)):
        b = k * rho / (1 + (k - 1) * rho)
        expected = b * total / k
        level = (x[k] - expected)[:, is_known[k]].mean(axis=1, keepdims=True)
        own = rng.choice(r, size=(n_draws, group.max() + 1))[:, group]
        values = level + expected + np.sqrt(1 - b * rho) * own
        drawn[:, k] = np.where(is_known[k], x[k], np.clip(values, *limits))
        total += drawn[:, k]
    return np.where(is_known, s, drawn)


def _without_tail(s: Array) -> tuple[Array, Array]:
    """Return x and r: a diverged fit must not tell how much scores vary.

    The tail lies further below the median of a fold than three times the lead of the
    best over the median on fold 0.
    """
    middle = np.nanmedian(s, axis=1, keepdims=True)
    floor = middle - 3 * (s[0].max() - middle[0])
    usual = s[0][s[0] >= floor[0]]
    return np.maximum(s, floor), usual - usual.mean()


def _shared_part(x: Array) -> float:
    """Return rho: the slope of later folds on fold 0, within 0 and 1."""
    pairs = [x[:, np.isfinite(fold)][[0, k]] for k, fold in enumerate(x)][1:]
    centered = [pair - pair.mean(axis=1, keepdims=True) for pair in pairs]
    first, later = np.hstack(centered)
    size = abs(first).max()
    if size == 0:
        return 0.0
    first, later = first / size, later / size  # scores of 1e300 have no square
    return float(np.clip(first @ later / (first @ first), 0, 1))


def _groups_alike(first: Array) -> NDArray:
    """(C,) number of the group of each candidate, by rank on fold 0."""
    rank = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    return rank * round(np.sqrt(len(first))) // len(first)


def merged_folds(s: Array, n_test: float, n_least: int = 20) -> Array:
    """Average neighbouring folds until each tests ``n_least`` rows, three at least.

    In a fold of one row some candidate is always right: eq. (3) would take that for
    luck.
    """
    if n_test >= n_least or len(s) <= 3:
        return s
    n_folds = max(3, int(len(s) * n_test // n_least))
    return np.stack([part.mean(axis=0) for part in np.array_split(s, n_folds)])


def bootstrap_weights(units: NDArray, n_samples: int, rng: np.random.Generator):
    """(B, n) how often each row is in each sample; equal ``units`` stay together."""
    _, place = np.unique(units, return_inverse=True)
    n_units = int(place.max()) + 1
    drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_samples)
    return drawn[:, place]


# ---- pooled scores, B at a time


def pooled(score: PooledScore, y: NDArray, p: NDArray, v: Array | None):
    """Return S_c as a function of w: the mean over the repeats of ``p`` (R, n, ...)."""
    is_tested = ~np.isnan(p.reshape(*p.shape[:2], -1)).any(axis=2)
    parts = [
        (rows, y[rows], repeat[rows], None if v is None else v[rows])
        for rows, repeat in zip(is_tested, p, strict=True)
    ]

    def S(w: Array) -> Array:
        values = [score(y_r, p_r, w[:, rows], v_r) for rows, y_r, p_r, v_r in parts]
        return _mean_of_known(np.stack(values))

    return S


def _mean_of_known(values: Array) -> Array:
    """Mean over the repeats, of those that have a score."""
    is_known = np.isfinite(values)
    total = np.where(is_known, values, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return total / is_known.sum(axis=0)


def _weighted_mean(values: Array, w: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return (w @ values) / w.sum(axis=1)


def mean_of_rows(of_row: Callable[[NDArray, NDArray], Array]) -> PooledScore:
    """Make the pooled score of a metric that is a mean over rows."""

    def score(y, p, w, v):
        return _weighted_mean(of_row(y, p), w if v is None else w * v)

    return score


def _is_right(y, p):
    return (y == p).reshape(len(y), -1).all(axis=1).astype(float)


def _squared(y, p):
    return ((y - p) ** 2).reshape(len(y), -1).mean(axis=1)


def _absolute(y, p):
    return abs(y - p).reshape(len(y), -1).mean(axis=1)


def _minus_log(y, p):
    if p.ndim == 1:
        p = np.where(y == 1, p, 1 - p)
    else:
        p = p[np.arange(len(y)), y]
    return -np.log(np.clip(p, np.finfo(float).eps, 1 - np.finfo(float).eps))


def root_mean_squared(y, p, w, v):
    """Root of the mean squared error."""
    return np.sqrt(mean_of_rows(_squared)(y, p, w, v))


def r2(y, p, w, v):
    """1 - squared error / variance of y, both of the weighted rows."""
    w = w if v is None else w * v
    mean, square = _weighted_mean(y, w), _weighted_mean(y**2, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - _weighted_mean((y - p) ** 2, w) / (square - mean**2)


def balanced_accuracy(y, p, w, v):
    """Mean over the classes that are there of the share that is found."""
    w = w if v is None else w * v
    right = (y == p).astype(float)
    recalls = [_weighted_mean(right[y == k], w[:, y == k]) for k in np.unique(y)]
    return _mean_of_known(np.stack(recalls))


#: From tp, predicted and true weights of a class.
_OF_CLASS = {
    "precision_score": lambda tp, predicted, true: (tp, predicted),
    "recall_score": lambda tp, predicted, true: (tp, true),
    "f1_score": lambda tp, predicted, true: (2 * tp, predicted + true),
    "jaccard_score": lambda tp, predicted, true: (tp, predicted + true - tp),
}


def class_score(name: str, average: str) -> PooledScore:
    """Make the pooled precision, recall, F1 or Jaccard score; 0 / 0 is 0.

    ``average`` is scikit-learn's: "binary" is the class of code 1.
    """

    def score(y, p, w, v):
        w = w if v is None else w * v
        codes = [1] if average == "binary" else np.union1d(y, p)
        tp, predicted, true = (
            np.stack([w @ rows(k).astype(float) for k in codes], axis=1)  # (B, K)
            for rows in (
                lambda k: (y == k) & (p == k),
                lambda k: p == k,
                lambda k: y == k,
            )
        )
        if average == "micro":
            tp, predicted, true = (
                a.sum(axis=1, keepdims=True) for a in (tp, predicted, true)
            )
        above, below = _OF_CLASS[name](tp, predicted, true)
        values = above / np.where(below > 0, below, 1)
        share = {"weighted": true, "macro": predicted + true > 0}.get(
            average, below >= 0
        )
        share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        values = (values * share).sum(axis=1)
        return np.where(w.sum(axis=1) > 0, values, np.nan)

    return score


def auc(y, p, w, v):
    """Area under the ROC curve by ranks: sorted once for all B weightings.

    The share of pairs (positive, negative) in the right order; ties count half.
    """
    w = w if v is None else w * v
    levels, level_of = np.unique(p, return_inverse=True)
    negative = _sum_by_level(w * (y == 0), level_of, len(levels))
    positive = _sum_by_level(w * (y == 1), level_of, len(levels))
    below = np.cumsum(negative, axis=1) - negative / 2
    n_pairs = negative.sum(axis=1) * positive.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return (positive * below).sum(axis=1) / np.where(n_pairs > 0, n_pairs, np.nan)


def _sum_by_level(w: Array, level_of: NDArray, n_levels: int) -> Array:
    """(B, n_levels) sums of the weights of the rows with equal predictions."""
    order = np.argsort(level_of, kind="stable")
    starts = np.searchsorted(level_of[order], np.arange(n_levels))
    return np.add.reduceat(w[:, order], starts, axis=1)


def any_metric(function, arguments, classes=None, are_labels=False) -> PooledScore:
    """Make the pooled score of any metric f(y, p): called for each sample, slow.

    The function gets labels where y, and perhaps p, are codes of ``classes``.
    """

    def one(y, p, w, v):
        rows = np.repeat(np.arange(len(y)), w.astype(int))
        y, p = y[rows], p[rows]
        if classes is not None:
            y, p = classes[y], classes[p.astype(int)] if are_labels else p
        more = {} if v is None else {"sample_weight": v[rows]}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of classes that a sample lacks
                return float(function(y, p, **arguments, **more))
        except ValueError:  # a sample of which there is no score
            return np.nan

    def score(y, p, w, v):
        return np.array([one(y, p, each, v) for each in w])

    return score


#: By what y and p must be like.
_FAST: dict[str, dict[str, PooledScore]] = {
    "numbers": {
        "mean_squared_error": mean_of_rows(_squared),
        "mean_absolute_error": mean_of_rows(_absolute),
    },
    "a number per row": {
        "mean_squared_error": mean_of_rows(_squared),
        "mean_absolute_error": mean_of_rows(_absolute),
        "root_mean_squared_error": root_mean_squared,
        "r2_score": r2,
    },
    "labels": {
        "accuracy_score": mean_of_rows(_is_right),
        "balanced_accuracy_score": balanced_accuracy,
    },
    "probabilities": {"log_loss": mean_of_rows(_minus_log)},
    "of two classes": {
        "log_loss": mean_of_rows(_minus_log),
        "brier_score_loss": mean_of_rows(_squared),  # codes 0 and 1
        "roc_auc_score": auc,
    },
}


def fast_score(function, arguments, y, p, classes, are_labels) -> PooledScore | None:
    """Return the pooled score of a metric without its function; None = none is known.

    ``p`` (R, n, ...) are the predictions of any of the candidates, ``classes`` those of
    which y, and with ``are_labels`` also p, are codes, or None.
    """
    if not str(function.__module__).startswith("sklearn.metrics."):
        return None
    kind = _kind_of(y, p, classes, are_labels)
    if kind == "labels" and function.__name__ in _OF_CLASS:
        return _fast_class_score(function.__name__, arguments, classes)
    return None if arguments else _FAST.get(kind, {}).get(function.__name__)


def _fast_class_score(name, arguments, classes):
    average = arguments.get("average", "binary")
    is_usual = set(arguments) <= {"average", "pos_label"}
    is_usual &= average in ("binary", "macro", "micro", "weighted")
    if average == "binary":  # the positive class is called 1
        is_usual &= arguments.get("pos_label", 1) == 1
        is_usual &= len(classes) == 2 and classes[1] == 1
    return class_score(name, average) if is_usual else None


def _kind_of(y, p, classes, are_labels):
    if classes is None:
        if y.dtype.kind not in "iufb":
            return None
        return "a number per row" if y.ndim == 1 and p.ndim == 2 else "numbers"
    if are_labels:
        return "labels"
    if p.ndim == 3:
        return "probabilities"
    return "of two classes" if len(classes) == 2 else None
