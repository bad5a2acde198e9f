"""The equations of _bias.py beside slow and plain versions of them."""

import warnings

import numpy as np
import pytest
from sklearn import metrics

from skhpo.model_selection._bias import (
    any_metric,
    bbc_draws,
    bootstrap_weights,
    completed,
    completed_bias,
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


# ---- folds that a race skipped


def raced(s, margin):
    """Scores with nan from where a candidate falls behind the best before it."""
    s, best = s.copy(), s[:, 0]
    for c in range(1, s.shape[1]):
        for j in range(1, len(s)):
            if (s[:j, c] - best[:j]).mean() < -margin / np.sqrt(j):
                s[j:, c] = np.nan
                break
        else:
            best = max(best, s[:, c], key=np.mean)
    return s


def completed_by_loops(s, limits, seed, n_draws):
    """Eq. (5), a number at a time."""
    K, C = s.shape
    middle = [np.median([v for v in fold if v == v]) for fold in s]
    lead = max(s[0]) - middle[0]
    x = [[max(v, middle[k] - 3 * lead) for v in s[k]] for k in range(K)]
    usual = [v for v in s[0] if v >= middle[0] - 3 * lead]
    r = [v - np.mean(usual) for v in usual]
    above = below = 0
    for k in range(1, K):
        known = [c for c in range(C) if s[k, c] == s[k, c]]
        one, two = (np.mean([x[i][c] for c in known]) for i in (0, k))
        above += sum((x[0][c] - one) * (x[k][c] - two) for c in known)
        below += sum((x[0][c] - one) ** 2 for c in known)
    rho = min(max(above / below, 0), 1)
    order = sorted(range(C), key=lambda c: s[0, c])
    n_groups = round(C**0.5)
    group = {c: rank * n_groups // C for rank, c in enumerate(order)}
    rng, draws = np.random.default_rng(seed), []
    numbers = [rng.choice(r, size=(n_draws, n_groups)) for _ in range(1, K)]
    for m in range(n_draws):
        z = [list(x[0])] + [[None] * C for _ in range(1, K)]
        for k in range(1, K):
            b = k * rho / (1 + (k - 1) * rho)
            before = [np.mean([z[i][c] for i in range(k)]) for c in range(C)]
            known = [c for c in range(C) if s[k, c] == s[k, c]]
            level = np.mean([x[k][c] - b * before[c] for c in known])
            for c in range(C):
                own = numbers[k - 1][m][group[c]] * (1 - b * rho) ** 0.5
                value = min(max(level + b * before[c] + own, limits[0]), limits[1])
                z[k][c] = x[k][c] if c in known else value
        draws.append(
            [
                [z[k][c] if s[k, c] != s[k, c] else s[k, c] for c in range(C)]
                for k in range(K)
            ]
        )
    return np.array(draws)


def made_up(rng, shared, n_models=8, n_alike=8):
    """(5, C) scores of model (4), of standard deviation .07; some candidates alike."""
    level = rng.normal(size=n_models) * np.sqrt(shared)
    own = rng.normal(size=(5, n_models)) * np.sqrt(1 - shared)
    s = np.repeat(level + own, n_alike, axis=1)
    s += 0.1 * rng.normal(size=s.shape)
    order = rng.permutation(n_models * n_alike)
    return 0.6 + 0.03 * rng.normal(size=(5, 1)) + 0.07 * s[:, order]


def test_skipped_folds_are_drawn_as_by_plain_loops():
    s = raced(made_up(np.random.default_rng(3), 0.3, 12, 1), 0.1)
    s[0, 4] = -7.0  # a fit that diverged
    assert 5 < np.isnan(s).sum() < 40
    expected = completed_by_loops(s, (0.3, 0.7), seed=5, n_draws=4)
    found = completed(s, (0.3, 0.7), np.random.default_rng(5), n_draws=4)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_array_equal(found[:, ~np.isnan(s)], [s[~np.isnan(s)]] * 4)


def test_the_winner_is_a_complete_candidate_whatever_is_drawn():
    s = np.full((3, 8), np.nan)
    s[0] = [0.6, 0.45, 0.58, 0.57, 0.62, 0.61, 0.5, 0.4]
    s[1:, 0], s[1:, 1] = 0.5, 0.45
    draws = completed(s, (0, 1), np.random.default_rng(5))
    expected = np.mean([(d.max(axis=1) - s[:, 0]).mean() for d in draws])
    found = completed_bias(s, 20, (0, 1), np.random.default_rng(5))
    assert found == pytest.approx(expected)
    assert any(d.mean(axis=0).argmax() > 1 for d in draws)


def test_without_a_race_the_bias_is_that_of_tibshirani_to_the_last_bit():
    s = made_up(np.random.default_rng(0), 0.3)
    rng = np.random.default_rng(0)
    assert completed_bias(s, 20, (0, 1), rng) == tibshirani_bias(s)
    assert rng.random() == np.random.default_rng(0).random()  # nothing was drawn


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.7])
def test_what_a_race_hides_is_found_again_on_average(shared):
    rng = np.random.default_rng(1)
    whole = [made_up(rng, shared) for _ in range(40)]
    races = [raced(s, 0.07) for s in whole]
    finished = [np.isfinite(s).all(axis=0) for s in races]
    pairs = list(zip(whole, finished, strict=True))
    truth = np.mean([tibshirani_bias(s, is_whole) for s, is_whole in pairs])
    without = np.mean([tibshirani_bias(s[:, is_whole]) for s, is_whole in pairs])
    found = np.mean([completed_bias(s, 20, (0, 1), rng) for s in races])
    assert without + (truth - without) / 3 < found
    assert abs(found - truth) < 0.015


def test_diverged_fits_do_not_make_the_others_better():
    s = raced(made_up(np.random.default_rng(2), 0.3), 0.05)
    before = completed_bias(s, 20, (-np.inf, 1), np.random.default_rng(0))
    failed = np.full((5, 20), np.nan)
    failed[0] = -1e10
    s = np.hstack([s, failed])
    after = completed_bias(s, 20, (-np.inf, 1), np.random.default_rng(0))
    assert 0.5 * before < after < 2 * before


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_scores_of_any_size_can_be_drawn(size):
    s = raced(made_up(np.random.default_rng(2), 0.3), 0.05)
    limits = (-np.inf, np.inf)
    bias = completed_bias(s, 20, limits, np.random.default_rng(0))
    large = completed_bias(s * size, 20, limits, np.random.default_rng(0))
    assert large == pytest.approx(bias * size, rel=1e-6)


def test_a_race_that_one_candidate_finished_has_a_bias():
    s = np.full((5, 10), np.nan)
    s[0] = np.linspace(0.5, 0.7, 10)
    s[:, 9] = [0.7, 0.6, 0.65, 0.62, 0.68]
    assert 0 < completed_bias(s, 20, (0, 1), np.random.default_rng(0)) < 0.2


def test_equal_scores_have_no_bias_after_a_race():
    s = np.full((3, 4), 0.5)
    s[1:, 2:] = np.nan
    assert completed_bias(s, 20, (0, 1), np.random.default_rng(0)) == 0


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
