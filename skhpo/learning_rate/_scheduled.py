"""An estimator that is trained by ``partial_fit`` under a scheduled learning rate."""

import math
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import check_random_state, gen_batches, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skhpo._sklearn import num_samples, take_rows
from skhpo.evaluation import (
    Seeds,
    balanced_weights,
    classes_of,
    swap_params,
    swappable,
    takes,
)
from skhpo.learning_rate._rate import rate_of
from skhpo.learning_rate._schedules import shape_of


class EpochsOfPlan:
    """The resource of a ScheduledPartialFit: how many of its epochs were done.

    The parameter ``epochs`` is the length of the plan, and stays: a model of 10 epochs
    out of 90 has seen the first ninth of the schedule, and goes on from there.
    """

    kind = "epochs"
    param = None
    max_resource = "epochs"  # the parameter that says how many make a full model

    def advance(self, estimator, X, y, frm, to, **fit_params):
        """Train from ``frm`` to ``to`` epochs."""
        if to > estimator.epochs:
            raise ValueError(
                f"{to} epochs are more than epochs={estimator.epochs}, for which the "
                f"schedule of {type(estimator).__name__} is made. Set epochs={to}, or "
                "lower max_resource."
            )
        estimator.train_epochs(X, y, frm, to, **fit_params)


def _inner_has(name):
    """Whether the estimator inside has a method; its AttributeError says why not."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), name)
        return True

    return check


class ScheduledPartialFit(MetaEstimatorMixin, BaseEstimator):
    """Train an estimator epoch by epoch while its learning rate follows a schedule.

    For SGD* and MLP* of scikit-learn, and others that learn by ``partial_fit``. The
    rate rises and falls as ``schedule`` says, whatever rule the estimator has of its
    own (that one is set to "constant" in the trained copy, ``estimator_``). The best
    model of a schedule is hardly better than that of the best constant rate; but rates
    that are too high do less harm, so that ``lr_max`` is easier to search.

    Parameters
    ----------
    estimator : estimator
        A classifier or a regressor with ``partial_fit``. It is cloned, never trained.
        For a pipeline, make this the last step of it.
    schedule : {"constant", "linear", "cosine", "warmup_cosine", "one_cycle", \
            "cyclical"} or callable, default="one_cycle"
        The shape of the rate over the whole training. "linear" and "cosine" fall to 0;
        "warmup_cosine" and "one_cycle" rise first, which allows higher rates;
        "cyclical" rises and falls ``n_cycles`` times. A function gets the share of the
        training that is done (0 <= p < 1) and returns a factor of ``lr_max`` above 0.
    lr_max : float or None, default=None
        The largest rate. None = the estimator's own (``eta0``,
        ``learning_rate_init``). ``lr_range_test`` suggests bounds to search it in.
    lr_min : float, default=0.0
        The rate is this much where the factor of the schedule is 0, and never less.
    warmup : float, default=0.2
        Share of the training in which the rate of "warmup_cosine" and "one_cycle"
        rises, from a 25th of the range; 0 <= warmup < 1.
    n_cycles : float, default=3
        Number of cycles of "cyclical".
    epochs : int, default=30
        Length of the training in passes over the rows, and of the schedule. It is the
        resource that ``HyperbandSearchCV`` counts: a model on its way has done some of
        these epochs, on a schedule of this length.
    batch_size : int or None, default=None
        Rows of each call of ``partial_fit``, shuffled in each epoch; the rate changes
        from call to call. None = all rows, and the rate changes from epoch to epoch
        (MLP* makes mini-batches of its own inside).
    lr_param : str, default="auto"
        Name of the parameter that holds the rate; "auto" knows the estimators of
        scikit-learn. For one of your own, let its method ``__skhpo_swap__()`` return
        the names of parameters that each ``partial_fit`` reads anew.
    random_state : int, RandomState instance or None, default=None
        For the order of rows in each epoch. None = the ``random_state`` of the
        estimator, if that is an int. An int gives equal models in equal runs, and each
        epoch an order of its own.

    Attributes
    ----------
    estimator_ : estimator
        The trained estimator.
    n_epochs_ : int
        Epochs done.
    history_ : dict of str to list
        One entry for each call of ``partial_fit``: "epoch" (from 0), "lr", and "loss",
        the training loss that MLP* report (nan for others).
    classes_ : ndarray of shape (n_classes,)
        Of classifiers.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Where the columns of X have names.

    See Also
    --------
    lr_range_test : Bounds for ``lr_max``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import SGDClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skhpo.learning_rate import ScheduledPartialFit
    >>> X, y = load_iris(return_X_y=True)
    >>> sgd = SGDClassifier(random_state=0)
    >>> model = ScheduledPartialFit(sgd, schedule="cosine", lr_max=0.5, epochs=4)
    >>> pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    >>> [round(lr, 3) for lr in model.history_["lr"]]
    [0.5, 0.427, 0.25, 0.073]

    Its parameters are searched as any others:

    >>> from skhpo import HyperbandSearchCV
    >>> space = {
    ...     "scheduledpartialfit__lr_max": (1e-3, 1.0, "log-uniform"),
    ...     "scheduledpartialfit__schedule": ["constant", "cosine", "one_cycle"],
    ... }
    >>> search = HyperbandSearchCV(pipeline, space, n_candidates=4, random_state=0)
    >>> search.fit(X, y).resource_info_["max"]
    4
    """

    def __init__(
        self,
        estimator,
        schedule="one_cycle",
        *,
        lr_max=None,
        lr_min=0.0,
        warmup=0.2,
        n_cycles=3,
        epochs=30,
        batch_size=None,
        lr_param="auto",
        random_state=None,
    ):
        self.estimator = estimator
        self.schedule = schedule
        self.lr_max = lr_max
        self.lr_min = lr_min
        self.warmup = warmup
        self.n_cycles = n_cycles
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr_param = lr_param
        self.random_state = random_state

    # ---- training

    def fit(self, X, y=None, sample_weight=None):
        """Train for ``epochs`` epochs, from the start.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        sample_weight : array-like of shape (n_samples,), default=None
            Passed to ``partial_fit`` of the estimator.

        Returns
        -------
        self
        """
        return self.train_epochs(X, y, 0, self.epochs, sample_weight)

    def partial_fit(self, X, y=None, classes=None, sample_weight=None):
        """Train for the next epoch of the schedule, on these rows.

        After the last one the rates of the last one are used.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        classes : array-like of shape (n_classes,), default=None
            All classes; needed by classifiers in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        if not hasattr(self, "estimator_"):
            self._begin()
        self._train_epoch(X, y, classes, sample_weight)
        return self

    def train_epochs(self, X, y, frm, to, sample_weight=None):
        """Train from ``frm`` to ``to`` epochs of the schedule, on the same rows.

        10 epochs, then 20 more, are 30 at once, bit for bit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        frm : int
            Epochs done; 0 = start anew.
        to : int
            Epochs in all.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self
        """
        if frm == 0:
            self._begin(y)
        classes = classes_of(self.estimator_, _as_labels(y))
        for _ in range(frm, to):
            self._train_epoch(X, y, classes, sample_weight)
        return self

    def _begin(self, y=None):
        """Make the untrained copy; ``y`` holds all labels, where they are known."""
        rate = rate_of(self.estimator, self.lr_param, type(self).__name__)
        self._check_parameters(rate)
        self.estimator_ = rate.prepare(clone(self.estimator))
        if y is not None:
            weights = balanced_weights(self.estimator_, _as_labels(y))
            self.estimator_.set_params(**weights)
        self._root = self._root_seed()
        self.n_epochs_ = 0
        self.history_ = {"epoch": [], "lr": [], "loss": []}

    def _train_epoch(self, X, y, classes, sample_weight):
        rate = rate_of(self.estimator, self.lr_param, type(self).__name__)
        rate_at = self._schedule(rate)
        self._follow_changes(rate)
        keywords = self._keywords(classes, sample_weight)
        if y is None and get_tags(self.estimator).target_tags.required:
            raise ValueError(
                f"{type(self.estimator).__name__} requires y to be passed, but the "
                "target y is None."
            )
        seed = Seeds(0, 0, 0).at(self.n_epochs_ + 1, own=self._root)
        if "random_state" in self.estimator_.get_params(deep=False):
            self.estimator_.random_state = seed  # an int would shuffle all epochs alike
        batches = _batches(X, y, sample_weight, self.batch_size, seed)
        for share, (X_batch, y_batch, weights) in batches:
            lr = rate_at(self.n_epochs_ + share)
            rate.set(self.estimator_, lr)
            if weights is not None:
                keywords["sample_weight"] = weights
            args = (X_batch,) if y is None else (X_batch, y_batch)
            self.estimator_.partial_fit(*args, **keywords)
            self._note(lr)
        self.n_epochs_ += 1
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))

    def _schedule(self, rate):
        """Return the rate as a function of the epochs done, fractions included."""
        shape = shape_of(self.schedule, self.warmup, self.n_cycles)
        largest = self._largest(rate)

        def rate_at(epochs):
            epochs = min(epochs, self.epochs - 1 + epochs % 1)  # after the last one
            factor = shape(epochs / self.epochs)
            return self.lr_min * (1 - factor) + largest * factor

        return rate_at

    def _largest(self, rate):
        if self.lr_max is not None:
            return self.lr_max
        return self.estimator.get_params()[rate.param]

    def _follow_changes(self, rate):
        """Pass on parameters of the estimator that were set during training."""
        possible = set(swappable(self.estimator)) - {rate.param}
        wanted = self.estimator.get_params()
        present = self.estimator_.get_params()
        changes = {n: wanted[n] for n in possible if wanted[n] != present[n]}
        swap_params(self.estimator_, changes)

    def _keywords(self, classes, sample_weight):
        method = self.estimator_.partial_fit
        if sample_weight is not None and not takes(method, "sample_weight"):
            raise TypeError(
                f"{type(self.estimator_).__name__}.partial_fit takes no sample_weight "
                "(that of MLP* does from scikit-learn 1.7 on)."
            )
        takes_classes = classes is not None and takes(method, "classes")
        return {"classes": classes} if takes_classes else {}

    def _note(self, lr):
        self.history_["epoch"].append(self.n_epochs_)
        self.history_["lr"].append(float(lr))
        self.history_["loss"].append(float(getattr(self.estimator_, "loss_", math.nan)))

    def _root_seed(self):
        own = getattr(self.estimator, "random_state", None)
        if self.random_state is None and isinstance(own, Integral):
            return int(own)
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _check_parameters(self, rate):
        shape_of(self.schedule, self.warmup, self.n_cycles)
        _check_count("epochs", self.epochs)
        if self.batch_size is not None:
            _check_count("batch_size", self.batch_size)
        largest = self._largest(rate)
        if not isinstance(largest, Real) or not 0 < largest < math.inf:
            own = "" if self.lr_max is not None else f" (the estimator's {rate.param})"
            raise ValueError(
                f"lr_max must be a number above 0, got {largest!r}{own}. Give lr_max=, "
                "for example what lr_range_test suggests."
            )
        if not isinstance(self.lr_min, Real) or not 0 <= self.lr_min <= largest:
            raise ValueError(
                f"lr_min must lie between 0 and lr_max={largest!r}, got "
                f"{self.lr_min!r}."
            )

    # ---- what the estimator inside does

    @available_if(_inner_has("predict"))
    def predict(self, X):
        """Call ``predict`` of the trained estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._inner().predict(X)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X):
        """Call ``predict_proba`` of the trained estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._inner().predict_proba(X)

    @available_if(_inner_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Call ``predict_log_proba`` of the trained estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._inner().predict_log_proba(X)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X):
        """Call ``decision_function`` of the trained estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._inner().decision_function(X)

    @available_if(_inner_has("score"))
    def score(self, X, y=None, **params):
        """Call ``score`` of the trained estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        **params : dict
            Such as ``sample_weight``.

        Returns
        -------
        float
        """
        return self._inner().score(X, y, **params)

    def _inner(self):
        check_is_fitted(self, "estimator_")
        return self.estimator_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        for name in (
            *("estimator_type", "classifier_tags", "regressor_tags"),
            *("input_tags", "target_tags"),
        ):
            setattr(tags, name, getattr(inner, name))
        return tags

    # ---- what the searches ask

    def __skhpo_resource__(self):
        return EpochsOfPlan()

    def __skhpo_swap__(self):
        rate = rate_of(self.estimator, self.lr_param, type(self).__name__)
        inner = [name for name in swappable(self.estimator) if name != rate.param]
        return ["lr_max", "batch_size", *(f"estimator__{name}" for name in inner)]


def _batches(X, y, weights, batch_size, seed):
    """Yield (share of the epoch done, rows): mini-batches in an order of the seed.

    All rows at once come as they are; the estimator shuffles them itself.
    """
    if batch_size is None:
        yield 0.0, (X, y, weights)
        return
    X, y, weights = indexable(X, y, weights)
    rows = np.arange(num_samples(X))
    np.random.default_rng(seed).shuffle(rows)
    for batch in gen_batches(len(rows), batch_size):
        chosen = rows[batch]
        yield batch.start / len(rows), [_rows(part, chosen) for part in (X, y, weights)]


def _rows(part, chosen):
    return None if part is None else take_rows(part, chosen)


def _as_labels(y):
    return y if y is None or sparse.issparse(y) else np.asarray(y)


def _check_count(name, value):
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}.")
