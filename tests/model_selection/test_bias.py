"""The equations of _bias.py beside slow and plain versions of them."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from skhpo.model_selection._bias import (
    any_metric,
    bbc_draws,
    bootstrap_weights,
    fast_score,
    merged_folds,
    pooled,
    tibshirani_bias,
)

N = 40
rng = np.random.default_rng(0)
W = rng.multinomial(N, np.full(N, 1 / N), size=6)
OUT = (W == 0).astype(int)


def by_hand(function, y, p, w, v=None, **arguments):
    """The score of each sample, by repeating rows."""
    values = []
    for each in w:
        rows = np.repeat(np.arange(len(y)), each)
        more = {} if v is None else {"sample_weight": v[rows]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values.append(function(y[rows], p[rows], **arguments, **more))
    return np.array(values)


BINARY = rng.integers(2, size=N)
MULTI = rng.integers(3, size=N)
NUMBER = rng.normal(size=N)
PROBABILITY = np.round(rng.random(N), 1)  # with ties, and 0 and 1
COLUMNS = rng.dirichlet(np.ones(3), size=N)
TWO = np.array([0, 1])
THREE = np.array([0, 1, 2])

CASES = {
    "accuracy": (metrics.accuracy_score, {}, MULTI, rng.permutation(MULTI), THREE),
    "balanced": (metrics.balanced_accuracy_score, {}, MULTI, MULTI[::-1], THREE),
    "f1": (metrics.f1_score, {}, BINARY, BINARY[::-1], TWO),
    "f1 named": (metrics.f1_score, {"average": "binary"}, BINARY, BINARY[::-1], TWO),
    "macro": (
        metrics.f1_score,
        {"average": "macro", "pos_label": None},
        MULTI,
        MULTI[::-1],
        THREE,
    ),
    "micro": (metrics.precision_score, {"average": "micro"}, MULTI, MULTI[::-1], THREE),
    "weighted": (
        metrics.recall_score,
        {"average": "weighted"},
        MULTI,
        MULTI[::-1],
        THREE,
    ),
    "jaccard": (metrics.jaccard_score, {}, BINARY, BINARY[::-1], TWO),
    "log loss": (metrics.log_loss, {}, BINARY, np.clip(PROBABILITY, 0.01, 0.99), TWO),
    "AUC": (metrics.roc_auc_score, {}, BINARY, PROBABILITY, TWO),
    "Brier": (metrics.brier_score_loss, {}, BINARY, PROBABILITY, TWO),
    "squared": (metrics.mean_squared_error, {}, NUMBER, NUMBER[::-1], None),
    "absolute": (metrics.mean_absolute_error, {}, NUMBER, NUMBER[::-1], None),
    "root": (metrics.root_mean_squared_error, {}, NUMBER, NUMBER[::-1], None),
    "R2": (metrics.r2_score, {}, NUMBER, NUMBER[::-1], None),
    "two outputs": (
        metrics.mean_squared_error,
        {},
        rng.normal(size=(N, 2)),
        rng.normal(size=(N, 2)),
        None,
    ),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_pooled_score_is_that_of_scikit_learn_on_repeated_rows(case, weighted):
    function, arguments, y, p, classes = CASES[case]
    v = rng.uniform(0.5, 2, size=N) if weighted else None
    are_labels = classes is not None and p.dtype.kind == "i"
    score = fast_score(function, arguments, y, p[None], classes, are_labels)
    assert score is not None
    for w in (W, OUT):
        expected = by_hand(function, y, p, w, v, **arguments)
        np.testing.assert_allclose(score(y, p, w, v), expected, atol=1e-12)
        slow = any_metric(function, arguments)
        np.testing.assert_allclose(slow(y, p, w, v), expected)


def test_the_log_loss_of_several_classes_is_that_of_scikit_learn():
    score = fast_score(metrics.log_loss, {}, MULTI, COLUMNS[None], THREE, False)
    expected = by_hand(metrics.log_loss, MULTI, COLUMNS, W, labels=THREE)
    np.testing.assert_allclose(score(MULTI, COLUMNS, W, None), expected)


@pytest.mark.parametrize(
    ("function", "arguments", "classes"),
    [
        (metrics.fbeta_score, {"beta": 2}, TWO),
        (metrics.f1_score, {"pos_label": 0}, TWO),
        (metrics.f1_score, {}, np.array(["no", "yes"])),
        (metrics.matthews_corrcoef, {}, TWO),
        (metrics.accuracy_score, {"normalize": False}, TWO),
        (lambda y, p: 0.0, {}, TWO),
    ],
)
def test_what_is_not_known_by_heart_is_left_to_its_function(
    function, arguments, classes
):
    y = BINARY
    assert fast_score(function, arguments, y, y[None], classes, True) is None


def test_any_metric_gets_labels_where_there_are_codes():
    classes = np.array(["no", "yes"])
    score = any_metric(metrics.f1_score, {"pos_label": "yes"}, classes, True)
    expected = by_hand(metrics.f1_score, BINARY, BINARY[::-1], W)
    p = BINARY[::-1].astype(np.float32)
    np.testing.assert_allclose(score(BINARY, p, W, None), expected)


def test_the_auc_of_a_single_class_is_not_known():
    y = np.zeros(4, dtype=int)
    score = fast_score(metrics.roc_auc_score, {}, y, np.ones((1, 4)), TWO, False)
    assert np.isnan(score(y, np.arange(4.0), np.ones((1, 4)), None)).all()


def test_a_pooled_score_leaves_out_what_was_never_tested_and_averages_repeats():
    y = np.array([0, 1, 1, 0])
    p = np.array([[0, 1, 0, np.nan], [1, np.nan, 1, 0]])
    accuracy = fast_score(metrics.accuracy_score, {}, y, p, TWO, True)
    S = pooled(accuracy, y, p, None)
    w = np.array([[1, 1, 1, 1], [0, 2, 1, 3]])
    expected = [(2 / 3 + 2 / 3) / 2, (2 / 3 + 4 / 4) / 2]
    np.testing.assert_allclose(S(w), expected)


# ---- equations


def test_bbc_is_that_of_two_plain_loops():
    y = rng.integers(2, size=12)
    P = [rng.integers(2, size=12) for _ in range(5)]
    w = rng.multinomial(12, np.full(12, 1 / 12), size=30)
    expected = []
    for each in w:
        drawn = np.repeat(np.arange(12), each)
        left = [i for i in range(12) if i not in drawn]
        accuracies = [np.mean(y[drawn] == p[drawn]) for p in P]
        best = P[accuracies.index(max(accuracies))]
        expected.append(np.mean(y[left] == best[left]))
    accuracy = fast_score(metrics.accuracy_score, {}, y, P[0][None], TWO, True)
    scores = [pooled(accuracy, y, p[None].astype(float), None) for p in P]
    np.testing.assert_allclose(bbc_draws(scores, w), expected)


def test_samples_without_a_score_are_left_out():
    scores = [lambda w: np.where(w[:, 0] > 0, 1.0, np.nan)]
    w = np.array([[0, 2], [1, 1], [2, 0]])
    assert bbc_draws(scores, w).tolist() == [1.0]


def test_tibshirani_by_hand():
    s = np.array([[0.9, 0.5], [0.6, 0.8], [0.7, 0.6]])  # means .733, .633
    assert tibshirani_bias(s) == pytest.approx((0 + 0.2 + 0) / 3)


def test_a_candidate_without_rivals_has_no_bias():
    assert tibshirani_bias(np.array([[0.3], [0.9], [0.5]])) == 0


def test_folds_of_single_rows_are_merged():
    s = rng.random((60, 4))
    merged = merged_folds(s, n_test=1)
    assert merged.shape == (3, 4)
    np.testing.assert_allclose(merged[0], s[:20].mean(axis=0))
    assert merged_folds(s[:5], n_test=20) is not None
    assert merged_folds(s[:5], n_test=20).shape == (5, 4)
    assert merged_folds(s[:5], n_test=np.inf).shape == (5, 4)


def test_groups_are_drawn_as_wholes():
    units = np.array([7, 7, 3, 3, 3, 9])
    w = bootstrap_weights(units, 200, np.random.default_rng(0))
    assert (w[:, 0] == w[:, 1]).all()
    assert (w[:, 2] == w[:, 4]).all()
    assert (w[:, [0, 2, 5]].sum(axis=1) == 3).all()
    assert w[:, 0].mean() == pytest.approx(1, abs=0.15)
