"""The learning-rate range test: where is the rate worth searching?

The rate grows geometrically from update to update while a model is trained, and the
loss on rows that were held out is written down. Below some rate nothing is learnt;
then the loss falls, fastest at the *steepest* rate; it has a *minimum*; then it grows
beyond all bounds, and the test ends (Smith 2017, section 3.3).

=========  =================================================================
symbol     meaning
=========  =================================================================
lr_i       rate of update i: lr_min (lr_max / lr_min)^(i / (n_steps - 1))
L_i        loss on the held-out rows after update i, at most ``CEILING`` L_0
S_i        L smoothed over log lr by a Gaussian of ``WIDTH`` decades
=========  =================================================================
"""

import warnings
from itertools import count
from math import isfinite
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from scipy.ndimage import gaussian_filter1d
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.metrics import hinge_loss, log_loss, mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, check_random_state, gen_batches

from skhpo._errors import warn_user
from skhpo._sklearn import num_samples, take_rows
from skhpo.evaluation import classes_of, takes
from skhpo.learning_rate._rate import rate_of

#: Standard deviation of the smoothing, in decades of the rate.
WIDTH = 0.15

#: Losses are cut off here, in parts of the first one, before they are smoothed.
CEILING = 2.0

#: A minimum of the loss is too late for a whole training: divided by this (fastai: 10).
FROM_MINIMUM = 3.0

#: The range to search: so many times the suggestion, to both sides; the minimum of the
#: loss is within.
SPREAD = 10.0

#: The loss must fall by this part, or nothing was learnt that could be measured.
LEAST_FALL = 0.02


def lr_range_test(
    estimator,
    X,
    y,
    *,
    lr_min=1e-5,
    lr_max=10.0,
    n_steps=60,
    batch_size=128,
    holdout=0.2,
    stop_factor=4.0,
    lr_param="auto",
    random_state=None,
):
    """Find between which bounds a learning rate is worth searching, in one short run.

    A clone is trained on mini-batches while the rate grows from ``lr_min`` to
    ``lr_max``; the loss on rows that are held out says where it learns and where it
    blows up. That takes less time than one epoch or two of training.

    Parameters
    ----------
    estimator : estimator or Pipeline
        SGDClassifier, SGDRegressor, MLPClassifier or MLPRegressor (solvers "sgd" and
        "adam"), a ScheduledPartialFit of these, or a pipeline that ends with one; its
        transformers are fitted once, on the rows that are not held out. It is cloned,
        never changed.
    X : array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    lr_min, lr_max : float, default=1e-5 and 10
        The first and the last rate.
    n_steps : int, default=60
        Number of updates; more make a finer curve.
    batch_size : int, default=128
        Rows of each update. What is learnt from one update grows with it, so use what
        the training will use.
    holdout : float, default=0.2
        Share of the rows on which the loss is measured.
    stop_factor : float, default=4
        The test ends when the loss is more than this many times its minimum.
    lr_param : str, default="auto"
        Name of the parameter (of the last step) that is the rate. For an estimator of
        your own, let its method ``__skhpo_swap__()`` return that name.
    random_state : int, RandomState instance or None, default=None
        For the rows that are held out, the mini-batches, and the estimator where its
        own ``random_state`` is None.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        The curve, and what is read from it:

        lrs : ndarray of shape (n_updates,)
            The rates until the test ended.
        losses, smoothed : ndarray of shape (n_updates,)
            Loss after each update: log loss of classifiers that have ``predict_proba``,
            hinge loss of others, mean squared error of regressors. And that, smoothed.
        loss : str
            Its name.
        lr_steepest : float
            Where the smoothed loss falls fastest.
        lr_min_loss : float
            Where it is least: already too high for a whole training.
        suggested : float
            The geometric mean of ``lr_steepest`` and a third of ``lr_min_loss``.
        suggested_range : (float, float)
            Bounds for a search, on a log scale.
        lr_param : str
            Full name of the parameter, as a search space spells it.

    Raises
    ------
    ValueError
        When the estimator has no rate that could be changed between updates, or the
        test ended before it began.

    Warns
    -----
    UserWarning
        When the loss hardly fell, or was still falling at ``lr_max``.

    References
    ----------
    L. N. Smith, "Cyclical learning rates for training neural networks", 2017,
    arXiv:1506.01186.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skhpo import Real
    >>> from skhpo.learning_rate import lr_range_test
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss"))
    >>> found = lr_range_test(model, X, y, random_state=0)
    >>> found.lr_param
    'sgdclassifier__eta0'
    >>> low, high = found.suggested_range
    >>> 1e-4 < low < found.suggested < high < 1
    True
    >>> space = {found.lr_param: Real(low, high, scale="log")}
    """
    _check_arguments(lr_min, lr_max, n_steps, batch_size, stop_factor)
    head, last, prefix = _parts(estimator)
    rate = rate_of(last, lr_param, "lr_range_test")
    measure = _loss_of(last)
    rng = check_random_state(random_state)

    (X_train, y_train), (X_test, y_test) = _held_out(last, X, y, holdout, rng)
    if head is not None:
        X_train = head.fit_transform(X_train, y_train)
        X_test = head.transform(X_test)
    model = rate.prepare(_seeded(clone(last), rng))
    classes = classes_of(last, y if sparse.issparse(y) else np.asarray(y))
    losses = _curve(
        model,
        rate,
        lrs := np.geomspace(lr_min, lr_max, n_steps),
        _endless_batches(X_train, y_train, batch_size, rng),
        classes,
        lambda: measure(model, X_test, y_test, classes),
        stop_factor,
    )
    lrs = lrs[: len(losses)]
    smoothed = _smooth(lrs, losses)
    found = _read(lrs, smoothed)
    _warn_of_a_poor_curve(smoothed, found, lrs, lr_max)
    return Bunch(
        lrs=lrs,
        losses=losses,
        smoothed=smoothed,
        loss=measure.__name__.strip("_"),
        lr_param=prefix + rate.param,
        **found,
    )


# ---- the run


def _curve(model, rate, lrs, batches, classes, measure, stop_factor):
    """Return the held-out loss after each update, until it blows up."""
    keywords = {} if classes is None else {"classes": classes}
    if not takes(model.partial_fit, "classes"):
        keywords = {}
    losses = []
    for lr, (X_batch, y_batch) in zip(lrs, batches, strict=False):
        rate.set(model, float(lr))
        loss = _after_update(model, X_batch, y_batch, keywords, measure, losses)
        if not isfinite(loss):
            break
        losses.append(loss)
        if loss > stop_factor * min(losses):
            break
    return np.array(losses)


def _after_update(model, X, y, keywords, measure, losses):
    """Return the loss after one update; inf = scikit-learn met numbers too large."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.partial_fit(X, y, **keywords)
            return measure()
    except ValueError:
        if not losses:  # the smallest rate: it is something else that is wrong
            raise
        return np.inf


def _endless_batches(X, y, batch_size, rng):
    """Yield mini-batches for ever, from pass to pass in another order."""
    n = num_samples(X)
    for _ in count():
        order = rng.permutation(n)
        for batch in gen_batches(n, batch_size):
            rows = order[batch]
            yield take_rows(X, rows), take_rows(y, rows)


def _held_out(estimator, X, y, holdout, rng):
    seed = rng.randint(2**31 - 1)
    for labels in (y, None) if is_classifier(estimator) else (None,):
        try:
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=holdout, random_state=seed, stratify=labels
            )
            return (X_train, y_train), (X_test, y_test)
        except ValueError:  # a class with one row cannot be shared out
            if labels is None:
                raise


def _parts(estimator):
    """Return (transformers or None, what learns, prefix of its parameters)."""
    if not isinstance(estimator, Pipeline):
        return None, estimator, ""
    name, last = estimator.steps[-1]
    head = clone(estimator[:-1]) if len(estimator.steps) > 1 else None
    return head, last, f"{name}__"


def _seeded(estimator, rng):
    if estimator.get_params().get("random_state", 0) is None:
        estimator.set_params(random_state=rng.randint(2**31 - 1))
    return estimator


# ---- losses


def _loss_of(estimator):
    """Return loss(model, X, y, classes): what suits the predictions it can give."""
    if is_classifier(estimator):
        return _log_loss if hasattr(estimator, "predict_proba") else _hinge_loss
    if is_regressor(estimator):
        return _squared_error
    raise ValueError(
        f"lr_range_test measures a loss of classifiers and regressors, and "
        f"{type(estimator).__name__} is neither."
    )


def _log_loss(model, X, y, classes):
    probabilities = np.clip(model.predict_proba(X), 1e-7, 1)  # float32, and zeros
    if np.ndim(y) == 2:  # multilabel: the mean over its binary labels
        truth = y.toarray() if sparse.issparse(y) else np.asarray(y)
        right = np.where(truth == 1, probabilities, np.clip(1 - probabilities, 1e-7, 1))
        return float(-np.log(right).mean())
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return log_loss(y, probabilities, labels=classes)


def _hinge_loss(model, X, y, classes):
    return hinge_loss(y, model.decision_function(X), labels=classes)


def _squared_error(model, X, y, classes):
    return mean_squared_error(y, model.predict(X))


# ---- what the curve says


def _smooth(lrs, losses):
    """Return S: no lag, unlike a running mean, so that places stay where they are."""
    decades = np.log10(lrs[-1] / lrs[0]) / max(len(lrs) - 1, 1)
    cut = np.minimum(losses, CEILING * losses[0])
    return gaussian_filter1d(cut, WIDTH / decades, mode="nearest") if decades else cut


def _read(lrs, smoothed):
    lowest = int(np.argmin(smoothed))
    falling = smoothed[: lowest + 1]
    slopes = np.gradient(falling) if lowest else np.zeros(1)
    steepest, least = float(lrs[np.argmin(slopes)]), float(lrs[lowest])
    suggested = float(np.sqrt(steepest * least / FROM_MINIMUM))
    return dict(
        lr_steepest=steepest,
        lr_min_loss=least,
        suggested=suggested,
        suggested_range=(suggested / SPREAD, max(suggested * SPREAD, least)),
    )


def _warn_of_a_poor_curve(smoothed, found, lrs, lr_max):
    if smoothed.min() > (1 - LEAST_FALL) * smoothed[0]:
        warn_user(
            f"The loss hardly fell between the rates {lrs[0]:.3g} and {lrs[-1]:.3g} "
            f"(from {smoothed[0]:.4g} to {smoothed.min():.4g}), so that the suggestion "
            "says little. Scale the features, or give other bounds, a larger "
            "batch_size or more n_steps."
        )
    elif found["lr_min_loss"] >= lrs[-1] and lrs[-1] >= 0.999 * lr_max:
        warn_user(f"The loss was still falling at lr_max={lr_max!r}: raise lr_max.")


def _check_arguments(lr_min, lr_max, n_steps, batch_size, stop_factor):
    if not (isinstance(lr_min, Real) and isinstance(lr_max, Real)) or not (
        0 < lr_min < lr_max < np.inf
    ):
        raise ValueError(
            f"The rates must be 0 < lr_min < lr_max, got lr_min={lr_min!r} and "
            f"lr_max={lr_max!r}."
        )
    for name, value, least in (("n_steps", n_steps, 10), ("batch_size", batch_size, 1)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer >= {least}, got {value!r}.")
    if not isinstance(stop_factor, Real) or not stop_factor > 1:
        raise ValueError(f"stop_factor must be a number above 1, got {stop_factor!r}.")
