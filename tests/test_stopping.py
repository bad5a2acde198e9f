"""When a search ends by itself."""

from math import nan

import numpy as np
import pytest

from skhpo._archive import Archive
from skhpo._stopping import (
    ExpectedGainBelow,
    NoImprovement,
    TargetReached,
    expected_gain,
)
from skhpo._types import FoldOutcome, Job, Proposal
from skhpo.evaluation import Race
from skhpo.space import Space

SPACE = Space({"a": (0.0, 1.0), "b": (0.0, 1.0)})


def single(scores):
    """There is one metric."""


def archive_of(scores, points=None, n_splits=2, spread=0.0):
    """Return an archive with one closed trial per mean score."""
    archive = Archive(n_splits, choose_metric=single)
    for number, score in enumerate(scores):
        point = np.array([0.5, 0.5]) if points is None else points[number]
        trial = archive.open(Job(Proposal(number, point)), {})
        for fold in range(n_splits):
            sign = 1 if fold % 2 else -1
            archive.add(FoldOutcome(number, fold, score + sign * spread, None, 0, 0))
        archive.close(trial)
    return archive


@pytest.mark.parametrize(
    "scores, stops",
    [
        ([0.5], False),
        ([0.5, 0.4, 0.4], False),
        ([0.5, 0.4, 0.4, 0.4], True),
        ([0.5, nan, nan, nan], True),  # failures count
        ([nan, nan, nan, nan], False),  # but not before anything succeeded
        ([0.5, 0.4, 0.6, 0.4], False),
        ([0.5, 0.4, 0.4, 0.5001], False),
    ],
)
def test_no_improvement_in_three_candidates(scores, stops):
    assert bool(NoImprovement(3)(archive_of(scores), SPACE)) == stops


def test_an_improvement_within_the_tolerance_does_not_count():
    archive = archive_of([0.5, 0.4, 0.4, 0.5001])
    assert NoImprovement(3, tol=1e-3)(archive, SPACE)


def test_a_target_is_reached_by_complete_candidates_only():
    assert TargetReached(0.9)(archive_of([nan, 0.5]), SPACE) is None
    assert TargetReached(0.9)(archive_of([0.5, 0.95]), SPACE) == (
        "target_reached: 0.95 >= 0.9"
    )
    assert TargetReached(-0.3)(archive_of([-0.4, -0.2]), SPACE)


def test_rules_combine():
    archive = archive_of([0.5, 0.4, 0.4])
    yes, no = NoImprovement(2), TargetReached(0.9)
    assert (yes | no)(archive, SPACE) == yes(archive, SPACE)
    assert (no | yes)(archive, SPACE) == yes(archive, SPACE)
    assert (yes & no)(archive, SPACE) is None
    assert (yes & TargetReached(0.1))(archive, SPACE).count(" and ") == 1


def quadratic(points):
    return -np.sum((points - 0.4) ** 2, axis=1)


def test_the_expected_gain_bounds_the_regret_and_shrinks():
    rng = np.random.default_rng(0)
    points = SPACE.sample(60, rng)
    gains, regrets = [], []
    for n in (8, 16, 30, 60):
        scores = quadratic(points[:n])
        gains.append(expected_gain(archive_of(scores, points), SPACE))
        regrets.append(-scores.max())
    assert all(g > r for g, r in zip(gains, regrets, strict=True))
    assert gains[-1] < 0.1 * gains[0]
    assert gains[-1] < 0.02


def test_the_expected_gain_is_in_score_units():
    points = SPACE.sample(30, np.random.default_rng(0))
    scores = quadratic(points)
    gain = expected_gain(archive_of(scores, points), SPACE)
    scaled = expected_gain(archive_of(1000 * scores, points), SPACE)
    assert scaled == pytest.approx(1000 * gain, rel=0.05)


def test_the_search_goes_on_while_much_is_to_be_gained():
    points = SPACE.sample(60, np.random.default_rng(0))
    few = archive_of(quadratic(points[:15]), points)
    many = archive_of(quadratic(points), points)
    assert ExpectedGainBelow(0.02)(few, SPACE) is None
    assert ExpectedGainBelow(0.02)(many, SPACE).startswith("expected_gain_below")


def test_without_a_tolerance_the_error_of_the_score_decides():
    points = SPACE.sample(60, np.random.default_rng(0))
    precise = archive_of(quadratic(points), points, spread=1e-6)
    vague = archive_of(quadratic(points), points, spread=0.2)
    assert ExpectedGainBelow()(precise, SPACE) is None
    assert ExpectedGainBelow()(vague, SPACE)


@pytest.mark.parametrize("scores", [[nan] * 20, [1.0] * 20, [1e300] * 20])
def test_scores_that_say_nothing_do_not_stop_the_search(scores):
    points = SPACE.sample(20, np.random.default_rng(0))
    rule = ExpectedGainBelow(0.01, every=1)
    assert rule(archive_of(scores, points), SPACE) is None


def raced_archive(scores, points=None, n_splits=2):
    """Return an archive in which half of the incumbent's score is raced out."""

    def is_half(c, b):
        return c[0] < b[0] / 2

    archive = Archive(n_splits, choose_metric=single, race=Race(is_half, n_splits))
    for number, score in enumerate(scores):
        point = np.array([0.5, 0.5]) if points is None else points[number]
        trial = archive.open(Job(Proposal(number, point)), {})
        for fold in range(n_splits):
            archive.add(FoldOutcome(number, fold, score + 0.01 * fold, None, 0, 0))
        archive.close(trial)
    return archive


def test_what_was_raced_out_is_no_improvement():
    archive = raced_archive([0.5, 0.1, 0.6, 0.1, 0.2, 0.1])
    assert NoImprovement(3)(archive, SPACE)
    assert NoImprovement(4)(archive, SPACE) is None
    assert TargetReached(0.7)(archive, SPACE) is None


def test_the_expected_gain_learns_from_what_was_raced_out():
    points = SPACE.sample(40, np.random.default_rng(0))
    scores = 1 + 3 * quadratic(points)
    archive = raced_archive(scores, points)
    statuses = [trial.status for trial in archive.closed]
    assert statuses.count("raced_out") > 5
    whole = expected_gain(archive_of(scores, points), SPACE)
    assert expected_gain(archive, SPACE) == pytest.approx(whole, rel=0.5)
