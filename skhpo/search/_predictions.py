"""What a search keeps of its out-of-fold predictions, and how they are looked at."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import is_classifier, is_clusterer
from sklearn.metrics import accuracy_score, r2_score

from skhpo._errors import warn_user
from skhpo._sklearn import is_own_score, scorer_parts, scorer_response_method
from skhpo.evaluation import (
    PredictionPlan,
    PredictionStore,
    best_possible_score,
    takes,
)
from skhpo.evaluation._predictions import (
    AUTO_BYTES,
    MEMORY_SHARE,
    codes_of,
    machine_bytes,
)
from skhpo.model_selection._guards import split_facts, times_of


class Predictions(Mapping):
    """Out-of-fold predictions of the complete candidates of a search.

    ``search.predictions_[index]`` are those of the candidate in row ``index`` of
    ``cv_results_``, as :func:`~sklearn.model_selection.cross_val_predict` would give
    them with the method that the scorer asks: labels for accuracy, the probability of
    the positive class for a binary log loss, a column per class for a multi-class one.
    They stand in the order of the rows of ``X``, nan where a row was never tested;
    with repeated splits there is one such array per repeat along the first axis.

    Attributes
    ----------
    n_rows : int
        Rows of X.

    n_repeats : int
        How often the splits go through the data. Folds that share test rows belong to
        different repeats.

    classes : ndarray or None
        Class labels, where predictions are labels or have a column per class.

    nbytes : int
        Memory that the predictions take.
    """

    def __init__(self, kept, tests, target, scoring):
        self._kept = kept  # {row of cv_results_: [array of each fold]}
        self._tests = tests  # test rows of each fold
        self._target = target  # _Target
        self._scoring = scoring  # (function, sign, arguments) or None
        self._repeats = repeats_of(tests)

    @property
    def n_rows(self):
        """Rows of X."""
        return len(self._target.y)

    @property
    def n_repeats(self):
        """How often the splits go through the data."""
        return int(self._repeats[-1]) + 1

    @property
    def classes(self):
        """Class labels, or None."""
        return self._target.classes

    @property
    def nbytes(self):
        """Memory that the predictions take."""
        return sum(a.nbytes for arrays in self._kept.values() for a in arrays)

    def __getitem__(self, index):
        if index not in self._kept:
            raise KeyError(
                f"No predictions of row {index!r}. They are kept of complete rows that "
                f"may be the best: {_listed(self._kept)}."
            )
        values = self.numbers(index)
        if self.are_labels(index):
            values = _labels(values, self.classes)
        return values if self.n_repeats > 1 else values[0]

    def __iter__(self):
        return iter(self._kept)

    def __len__(self):
        return len(self._kept)

    def __repr__(self):
        return (
            f"<out-of-fold predictions of {len(self)} candidates for {self.n_rows} "
            f"rows, {self.nbytes / 1e6:.1f} MB>"
        )

    def numbers(self, index):
        """Return (n_repeats, n_rows[, n_outputs]) float32, labels as codes."""
        arrays = self._kept[index]
        shape = (self.n_repeats, self.n_rows, *arrays[0].shape[1:])
        values = np.full(shape, np.nan, dtype=np.float32)
        for repeat, rows, array in zip(self._repeats, self._tests, arrays, strict=True):
            values[repeat, rows] = array
        return values

    def are_labels(self, index):
        """Return whether the predictions of a candidate are class labels."""
        return self._kept[index][0].dtype.kind == "i"

    @property
    def scoring(self):
        """(function, sign, arguments) of the metric, or None if it is not known."""
        return self._scoring

    @property
    def target(self):
        """What the predictions are compared with."""
        return self._target


class Target:
    """What predictions are compared with: y as numbers, and what goes with each row.

    ``y`` are codes where there are ``classes``. ``groups`` and ``weight`` are None, or
    one number per row; ``is_ordered`` says that every fold is tested on rows after its
    training rows, as in a time series.
    """

    def __init__(self, y, classes, groups, weight, is_ordered):
        self.y = y
        self.classes = classes
        self.groups = groups
        self.weight = weight
        self.is_ordered = is_ordered


def repeats_of(tests):
    """(n_splits,) number of the repeat that each fold belongs to.

    A fold opens a new one when it tests a row of the present one again.
    """
    repeats, seen = [], set()
    number = 0
    for rows in tests:
        rows = set(np.asarray(rows).tolist())
        if seen & rows:
            number, seen = number + 1, set()
        seen |= rows
        repeats.append(number)
    return np.array(repeats)


def _labels(codes, classes):
    """Return labels; nan where there is no code, if need be in an array of objects."""
    is_known = ~np.isnan(codes)
    labels = np.asarray(classes)[np.where(is_known, codes, 0).astype(int)]
    if is_known.all():
        return labels
    kind = float if labels.dtype.kind in "iuf" else object
    return np.where(is_known, labels.astype(kind), np.nan)


def _listed(rows, n_shown=10):
    texts = [str(row) for row in list(rows)[:n_shown]]
    return ", ".join(texts) + (", ..." if len(rows) > n_shown else "")


# ---- before the first fit


class Keeping:
    """How the predictions of one ``fit`` are made and kept.

    Parameters
    ----------
    plan : PredictionPlan
        For the workers.
    store : PredictionStore
        For the archive.
    target, scoring
        For :class:`Predictions`.
    """

    def __init__(self, plan, store, target, scoring):
        self.plan, self.store = plan, store
        self._target, self._scoring = target, scoring

    def predictions(self, archive, splits):
        """Return what was kept; None where that was too much, or nothing at all."""
        trials, n_splits = archive.finished, len(splits)
        kept = {
            int(row): arrays
            for row in archive.rows_to_choose_from()
            if (arrays := self.store.get(trials[row], n_splits))
        }
        if self.store.is_full or not kept:
            return None
        tests = [np.asarray(test) for _, test in splits]
        return Predictions(kept, tests, self._target, self._scoring)


def open_keeping(store_predictions, task, scorer, n_complete, choices_of):
    """Return how predictions are kept in a search; None = not at all.

    Parameters
    ----------
    store_predictions : True or "auto"
        As the user said.
    task : _Task
        Data, splits and parameters.
    scorer : callable
        The metric for which they are kept: the one that chooses the best row.
    n_complete : int or None
        Rows among which the best is chosen, at most; None = not known.
    choices_of : callable
        Returns the values that the search may set for a parameter, by its name.
    """
    if task.y is None:
        warn_user(
            f"store_predictions={store_predictions!r} has no effect without y: there "
            "is nothing to predict."
        )
        return None
    scoring = _scoring_of(task, scorer, choices_of)
    target = _target(task, scoring)
    n_bytes = _bytes_needed(task, scorer, target, n_complete)
    if store_predictions == "auto":
        if n_bytes is not None and n_bytes > AUTO_BYTES:
            _warn_of_size(n_bytes)
            return None
        store = PredictionStore(AUTO_BYTES, on_full=_warn_of_size)
    else:
        _check_memory(n_bytes)
        store = PredictionStore()
    plan = PredictionPlan(scorer if scorer_parts(scorer) else None, target.classes)
    return Keeping(plan, store, target, scoring)


def _target(task, scoring):
    y = np.asarray(task.y)
    classes = None
    if is_classifier(task.estimator) and y.ndim == 1:
        classes = np.unique(y)
        y = codes_of(y, classes)
    return Target(
        y=y,
        classes=classes,
        groups=_groups(task),
        weight=_weight(task, scoring),
        is_ordered=split_facts(task.splits, when=times_of(task.X)).is_series,
    )


def _groups(task):
    groups = task.routed.splitter.split.get("groups")
    return None if groups is None else np.unique(groups, return_inverse=True)[1]


def _weight(task, scoring):
    weight = task.score_params.get("sample_weight")
    if weight is None or scoring is None or not takes(scoring[0], "sample_weight"):
        return None  # of several metrics, some may take no weights
    return np.asarray(weight, dtype=float)


def _bytes_needed(task, scorer, target, n_complete):
    """Return n x C x outputs x 4; None where the number of candidates is not known."""
    if n_complete is None:
        return None
    n_tested = sum(len(test) for _, test in task.splits)
    return 4 * n_tested * n_complete * _n_outputs(scorer, target)


def _n_outputs(scorer, target):
    if scorer_response_method(scorer) in (None, "predict") or target.classes is None:
        return 1 if target.y.ndim == 1 else target.y.shape[1]
    return 1 if len(target.classes) <= 2 else len(target.classes)


def _warn_of_size(n_bytes=None):
    much = "more than" if n_bytes is None else f"{n_bytes / 1e6:.0f} MB, limit"
    warn_user(
        "Predictions are not kept: store_predictions='auto' stops at "
        f"{AUTO_BYTES / 1e6:.0f} MB (this search: {much} {AUTO_BYTES / 1e6:.0f} MB). "
        "score_estimate_ is computed from the scores of the folds. Use "
        "store_predictions=True to keep them all the same, or False to say no more."
    )


def _check_memory(n_bytes):
    memory = machine_bytes()
    if n_bytes is None or memory is None or n_bytes <= MEMORY_SHARE * memory:
        return
    raise ValueError(
        f"store_predictions=True would keep {n_bytes / 1e9:.1f} GB of predictions, and "
        f"this machine has {memory / 1e9:.1f} GB of memory. Use "
        "store_predictions='auto' or False, or fewer candidates."
    )


def _scoring_of(task, scorer, choices_of):
    """Return (function, sign, arguments) of a metric of y and predictions alone.

    None where a scorer may look at other things.
    """
    if set(task.score_params) - {"sample_weight"} or is_clusterer(task.estimator):
        return None  # what a cluster is called differs from fold to fold
    if not is_own_score(scorer):
        return scorer_parts(scorer)
    if best_possible_score(scorer, task.estimator, choices_of) is None:
        return None
    function = accuracy_score if is_classifier(task.estimator) else r2_score
    return function, 1, {}
