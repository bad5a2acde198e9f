"""The rules of racing, replayed on fold scores; nothing is fitted here."""

from itertools import product
from math import inf, nan

import numpy as np
import pytest

from skhpo.evaluation import Race, check_racing, make_race
from skhpo.evaluation._racing import Exact, Paired, forgiving


def replay(table, rule):
    """Return how many folds each candidate gets when all come in this order.

    By the letter: fold by fold, against the best complete candidate so far.
    """
    best, n_folds = None, []
    for row in table:
        n = len(row)
        for j in range(1, len(row)):
            if best is not None and rule(row[:j], best):
                n = j
                break
        if n == len(row) and (best is None or row.mean() > best.mean()):
            best = row
        n_folds.append(n)
    return np.array(n_folds)


def replay_race(table, rule):
    """Return the same, by our race."""
    race, best, n_folds = Race(rule, table.shape[1]), -inf, []
    for row in table:
        n = race.n_folds(row)  # all folds ran ahead of the decision
        if n == len(row):
            race.observe(row, row.mean() > best)
            best = max(best, row.mean())
        n_folds.append(n)
    return np.array(n_folds)


def tables(n, seed=0, n_candidates=15):
    """Yield tables of fold scores up to 1: of candidates, of folds, many tied."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        k = rng.integers(2, 11)
        spread = 10 ** rng.uniform(-3, 0)
        scores = rng.normal(0.7, spread, size=(n_candidates, 1))
        scores = scores + rng.normal(0, spread / 3, size=(1, k))
        scores = scores + rng.normal(0, spread / 3, size=(n_candidates, k))
        rows = rng.integers(5, 200)  # accuracy on so many rows: ties
        yield np.minimum(np.round(scores * rows) / rows, 1.0)


def winners(table, n_folds):
    """Return the rows of the best mean among complete candidates."""
    means = np.where(n_folds == table.shape[1], table.mean(axis=1), -inf)
    return np.flatnonzero(means == means.max()).tolist()


@pytest.mark.parametrize("scale, n", [(1.0, 1000), (1e-12, 100), (1e12, 100)])
def test_exact_keeps_the_winner_and_its_ties_in_a_thousand_replays(scale, n):
    n_spared = 0
    for table in tables(n):
        scores = (table - 1) * scale  # a loss: 0 is the best
        n_folds = replay_race(scores, Exact(0.0))
        assert winners(scores, n_folds) == winners(scores, np.full(15, table.shape[1]))
        n_spared += np.sum(n_folds < table.shape[1])
    assert n_spared > n


def test_exact_drops_at_the_first_fold_after_which_it_cannot_tie():
    k, levels = 4, np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    best = np.array([0.75, 0.5, 1.0, 0.75])
    for c in product(levels, repeat=3):
        for j in (1, 2, 3):
            known = np.array(c[:j])
            rest = max(product(levels, repeat=k - j), key=sum)
            can_tie = sum(known) + sum(rest) >= best.sum()
            assert Exact(1.0)(known, best) is not can_tie


def test_exact_is_not_fooled_by_rounding():
    third = 1 / 3
    best = np.array([0.1, 0.2, 1.0])
    c = np.array([0.2, 0.1])  # with a 1.0 it ties, whatever the order of summing
    assert not Exact(1.0)(c, best)
    assert not Exact(third)(np.full(9, third), np.full(10, third))


@pytest.mark.parametrize("scores", [[-1e308] * 3, [-1e308, 1e308, 0.0], [0.0] * 3])
def test_scores_out_of_all_bounds_are_no_obstacle(scores):
    race = Race(Exact(1.0), 4)
    race.observe([1e308, -1e308, 1e308, 1e308], True)
    assert race.n_folds([*scores, 0.0]) in (1, 2, 3, 4)


@pytest.mark.parametrize("rule", [Exact(1.0), forgiving])
def test_a_race_is_the_rule_applied_by_the_letter(rule):
    for table in tables(100, seed=1):
        np.testing.assert_array_equal(replay_race(table, rule), replay(table, rule))


def test_forgiving_allows_one_fold_what_the_incumbents_worst_one_falls_short_by():
    best = np.array([0.9, 0.5, 0.7])  # the worst fold is 0.2 below the mean
    assert forgiving(np.array([0.69]), best)
    assert not forgiving(np.array([0.71]), best)


def test_forgiving_allows_several_folds_less_by_the_root():
    best = np.array([0.9, 0.5, 0.7])
    allowed = 0.2 * np.sqrt((1 / 2 - 1 / 3) / (1 - 1 / 3))
    assert forgiving(best[:2] - 1.01 * allowed, best)
    assert not forgiving(best[:2] - 0.99 * allowed, best)


def test_forgiving_keeps_what_is_level_with_an_incumbent_without_spread():
    best = np.array([0.1, 0.1, 0.1]) + 0.2
    assert not forgiving(np.array([0.3]), best)
    assert forgiving(np.array([0.29]), best)


# ---- paired


def paired_by_the_letter(c, complete, best):
    """Return whether the formula drops c, from all complete candidates."""
    others = [row for row in complete[-50:] if row is not best]
    if len(others) < 5:
        return forgiving(c, best)
    variances = [np.var(row - best, ddof=1) for row in others]
    sd = np.sqrt(max(np.mean(variances), np.var(best, ddof=1)))
    rounding = 1e-10 * np.abs(best).max()
    return np.mean(c - best[: len(c)]) < -sd / np.sqrt(len(c)) - rounding


def replay_paired(table):
    """Return the folds of each candidate by the formula."""
    complete, best, n_folds = [], None, []
    for row in table:
        drops = [
            j
            for j in range(1, len(row))
            if best is not None and paired_by_the_letter(row[:j], complete, best)
        ]
        n_folds.append(min(drops, default=len(row)))
        if not drops:
            complete.append(row)
            best = row if best is None or row.mean() > best.mean() else best
    return np.array(n_folds)


def test_paired_is_its_formula():
    n_differ, n_spared = 0, 0
    for table in tables(200, seed=2, n_candidates=30):
        n_folds = replay_race(table, Paired())
        np.testing.assert_array_equal(n_folds, replay_paired(table))
        n_differ += np.sum(n_folds != replay_race(table, forgiving))
        n_spared += np.sum(n_folds < table.shape[1])
    assert n_differ > 0
    assert n_spared > 1000


def test_paired_looks_at_the_latest_fifty_complete_candidates():
    rng = np.random.default_rng(0)
    means = np.linspace(0, 1, 200)  # on the way up, most are complete
    means[::4] -= rng.uniform(0, 0.02, 50)
    table = (means + np.linspace(0.001, 0.01, 200) * rng.normal(size=(5, 200))).T
    n_folds = replay_race(table, Paired())
    assert (n_folds == 5).sum() > 60
    np.testing.assert_array_equal(n_folds, replay_paired(table))


def race_after(complete, rule):
    """Return a race in which these were complete; the first is the incumbent."""
    race = Race(rule, len(complete[0]))
    for number, scores in enumerate(complete):
        race.observe(scores, number == 0)
    return race


def test_paired_is_forgiving_until_it_has_seen_five_beside_the_incumbent():
    best = np.array([0.9, 0.5, 0.7])  # the worst fold is 0.2 below the mean
    others = [best - [0.5, 0.1, 0.0]] * 5  # and these differ by more
    behind = best[:1] - 0.22
    assert forgiving(behind, best)
    assert race_after([best, *others[:4]], Paired()).n_folds(behind) == 1
    assert race_after([best, *others], Paired()).n_folds(behind) is None


def test_paired_goes_by_what_differs_from_the_incumbent_at_random():
    best = np.array([0.6, 0.4, 0.5, 0.55, 0.45])
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.2, size=(6, 5))  # more than the incumbent's folds differ
    race = race_after([best, *(best - 0.1 + noise)], Paired())
    sd = np.sqrt(np.var(noise, axis=1, ddof=1).mean())
    assert race.n_folds(best[:1] - 0.99 * sd) is None
    assert race.n_folds(best[:1] - 1.01 * sd) == 1
    assert race.n_folds(best[:4] - 0.99 * sd) == 2


def test_on_a_plateau_paired_keeps_what_is_level_and_a_little_behind():
    best = np.array([0.9, 0.5, 0.7, 0.8, 0.6])
    race = race_after([best] * 7, Paired())
    sd = np.std(best, ddof=1)
    assert race.n_folds(best[:4]) is None
    assert race.n_folds(best[:1] - 0.99 * sd) is None
    assert race.n_folds(best[:1] - 1.01 * sd) == 1


def test_without_any_spread_paired_drops_what_is_worse_and_nothing_else():
    flat = np.array([0.1, 0.1, 0.1]) + 0.2
    race = race_after([flat] * 7, Paired())
    assert race.n_folds([0.3, 0.3]) is None
    assert race.n_folds([0.29]) == 1


@pytest.mark.parametrize("scores", [[1e308, -1e308, 0.0], [np.finfo(float).max] * 3])
def test_paired_survives_scores_out_of_all_bounds(scores):
    race = race_after([scores] * 7, Paired())
    assert race.n_folds([-1e308, 1e308, 0.0]) in (1, 2, 3)


def test_each_race_learns_for_itself():
    first, second = make_race("paired", 3, None), make_race("paired", 3, None)
    for _ in range(7):
        first.observe([0.5, 0.5, 0.5], True)
    second.observe([0.9, 0.5, 0.7], True)
    assert second.n_folds([0.71]) is None


# ---- the race


def test_folds_that_ran_ahead_do_not_change_where_a_candidate_ends():
    race = Race(forgiving, 4)
    race.observe([0.5, 0.6, 0.7, 0.8], True)
    row = [0.6, 0.2, 0.9, 0.9]
    ends = [race.n_folds(row[:j]) for j in range(5)]
    assert ends == [None, None, 2, 2, 2]


def test_without_an_incumbent_nobody_drops_out():
    race = Race(lambda c, b: True, 3)
    assert race.n_folds([0.1, 0.2]) is None
    race.observe([0.5, 0.5, 0.5], True)
    assert race.n_folds([0.1, 0.2]) == 1


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_a_failed_fold_ends_a_candidate(bad):
    assert Race(forgiving, 5).n_folds([0.5, bad]) == 2
    assert Race(forgiving, 5).n_folds([0.5, 0.5]) is None


def test_a_rule_sees_the_folds_done_and_all_of_the_incumbents():
    seen = []
    race = Race(lambda c, b: seen.append((c.tolist(), b.tolist())), 3)
    race.observe([0.1, 0.2, 0.3], True)
    race.observe([0.1, 0.2, 0.2], False)
    assert race.n_folds([0.3, 0.2]) is None
    assert seen == [([0.3], [0.1, 0.2, 0.3]), ([0.3, 0.2], [0.1, 0.2, 0.3])]


def test_a_rule_cannot_change_the_incumbent():
    def cheat(c, b):
        b[:] = 1e9

    race = Race(cheat, 2)
    race.observe([0.5, 0.5], True)
    with pytest.raises(ValueError, match="read-only"):
        race.n_folds([0.1])


def test_the_noise_is_that_of_a_mean_over_some_of_the_folds():
    rng = np.random.default_rng(0)
    k, n = 5, 20_000
    d = rng.normal(0, 0.1, size=(n, k))  # differences of one candidate's folds
    race = Race(forgiving, k)
    race.observe(np.zeros(k), True)
    for row in d[:50]:
        race.observe(row, False)
    for j in (1, 2, 4):
        error = d[:, :j].mean(axis=1) - d.mean(axis=1)
        assert race.noise(j) == pytest.approx(error.var(), rel=0.3)
    assert race.noise(k) == 0.0


def test_the_noise_is_at_least_that_of_independent_scores():
    race = Race(forgiving, 2)
    race.observe([0.1, 0.3], True)
    assert race.noise(1) == pytest.approx(2 * 0.02 * 0.5)
    for _ in range(5):
        race.observe([0.1, 0.3], False)  # a plateau: nothing to learn from
    assert race.noise(1) == pytest.approx(2 * 0.02 * 0.5)


def test_one_outlier_does_not_make_the_noise():
    race = Race(forgiving, 3)
    race.observe([0.5, 0.5, 0.5], True)
    for _ in range(5):
        race.observe([0.4, 0.5, 0.45], False)
    before = race.noise(1)
    race.observe([0.5, -1e6, 0.5], False)
    assert race.noise(1) == pytest.approx(before)


# ---- what the user asked for


@pytest.mark.parametrize(
    "racing", [None, "auto", "exact", "forgiving", "paired", max, lambda c, b: 0]
)
def test_rules(racing):
    check_racing(racing)


@pytest.mark.parametrize(
    "racing, error, words",
    [
        ("forgivin", ValueError, "Did you mean 'forgiving'?"),
        ("aut", ValueError, "Did you mean 'auto'?"),
        ("pared", ValueError, "Did you mean 'paired'?"),
        (
            "wilcoxon",
            ValueError,
            "Possible: None, 'auto', 'exact',",
        ),
        (True, TypeError, "racing=True is not a rule"),
        (np.zeros(3), TypeError, "is not a rule"),
        (["exact"], TypeError, "is not a rule"),
        (lambda scores: True, TypeError, "two arguments"),
    ],
)
def test_what_is_no_rule(racing, error, words):
    with pytest.raises(error) as caught:
        check_racing(racing)
    assert words in str(caught.value)


def test_exact_is_off_where_no_bound_is_known():
    assert make_race("exact", 5, None) is None
    assert make_race("exact", 5, 1.0) is not None
    assert make_race("forgiving", 5, None) is not None
    assert make_race(None, 5, 1.0) is None
