"""The shapes of the schedules, at points that can be computed by hand."""

from math import cos, pi, sqrt

import numpy as np
import pytest

from skhpo.learning_rate._schedules import END, SCHEDULES, START, shape_of

POINTS = np.linspace(0, 1, 1001)[:-1]


def factors(schedule, points, warmup=0.1, n_cycles=3):
    shape = shape_of(schedule, warmup, n_cycles)
    return [shape(p) for p in points]


@pytest.mark.parametrize(
    "schedule, settings, points, expected",
    [
        ("constant", {}, [0, 0.3, 0.999], [1, 1, 1]),
        ("linear", {}, [0, 0.25, 0.5, 0.9], [1, 0.75, 0.5, 0.1]),
        # (1 + cos(pi p)) / 2
        ("cosine", {}, [0, 1 / 3, 0.5, 2 / 3], [1, 0.75, 0.5, 0.25]),
        ("cosine", {}, [0.25, 0.75], [0.5 + sqrt(2) / 4, 0.5 - sqrt(2) / 4]),
        # 1/25 + 24/25 p/w, then the cosine over what is left
        ("warmup_cosine", {"warmup": 0.2}, [0, 0.1, 0.2], [0.04, 0.52, 1]),
        ("warmup_cosine", {"warmup": 0.2}, [0.6], [0.5]),
        ("warmup_cosine", {"warmup": 0}, [0, 0.5], [1, 0.5]),
        # half a cosine up from 1/25, and one down to 1/25 * 1e-4
        ("one_cycle", {"warmup": 0.4}, [0, 0.2, 0.4], [0.04, 0.52, 1]),
        ("one_cycle", {"warmup": 0.4}, [0.7], [(1 + 4e-6) / 2]),
        # triangles: 1/25 .. 1
        ("cyclical", {"n_cycles": 2}, [0, 0.25, 0.5, 0.75], [0.04, 1, 0.04, 1]),
        ("cyclical", {"n_cycles": 2}, [0.125, 0.625], [0.52, 0.52]),
        ("cyclical", {"n_cycles": 0.5}, [0.5], [0.52]),
    ],
)
def test_the_formulas(schedule, settings, points, expected):
    assert factors(schedule, points, **settings) == pytest.approx(expected, rel=1e-12)


def test_one_cycle_is_that_of_pytorch():
    # torch.optim.lr_scheduler.OneCycleLR(max_lr=1, pct_start=0.3), its _annealing_cos
    def annealed(start, end, share):
        return end + (start - end) / 2.0 * (cos(pi * share) + 1)

    for p in POINTS[::50]:
        expected = (
            annealed(1 / 25, 1.0, p / 0.3)
            if p < 0.3
            else annealed(1.0, 1 / 25 / 1e4, (p - 0.3) / 0.7)
        )
        (found,) = factors("one_cycle", [p], warmup=0.3)
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 0.1, 0.7])
def test_every_schedule_is_continuous_and_never_zero(schedule, warmup):
    found = np.array(factors(schedule, POINTS, warmup=warmup))
    assert np.all((found > 0) & (found <= 1))
    steepest = max(6, pi / 2 / (1 - warmup), pi / 2 / (warmup or 1))  # of all shapes
    assert np.abs(np.diff(found)).max() <= steepest * (POINTS[1] - POINTS[0])
    assert factors(schedule, [1 - 1e-9])[0] > 0  # where 1 + cos(pi p) is 0 in floats


@pytest.mark.parametrize("schedule", ["warmup_cosine", "one_cycle"])
def test_the_peak_comes_at_the_end_of_the_warm_up(schedule):
    found = factors(schedule, POINTS, warmup=0.25)
    assert POINTS[np.argmax(found)] == pytest.approx(0.25)
    assert max(found) == 1
    assert found[0] == pytest.approx(START)
    assert found[-1] < 1e-4
    assert END < found[-1]


def test_a_function_is_taken_as_it_is():
    assert factors(lambda p: 2 - p, [0, 0.5]) == [2, 1.5]


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), "fast", None])
def test_a_function_must_return_a_factor(factor):
    with pytest.raises(ValueError, match=r"must return a factor .* for 0.5 of the tr"):
        factors(lambda p: factor, [0.5])


@pytest.mark.parametrize(
    "settings, said",
    [
        (dict(schedule="cosin"), "'warmup_cosine', 'one_cycle', 'cyclical'"),
        (dict(schedule="cosin"), "Did you mean 'cosine'?"),
        (dict(schedule=None), "or a function of the share"),
        (dict(warmup=1), "0 <= warmup < 1, got 1"),
        (dict(warmup=-0.1), "0 <= warmup < 1, got -0.1"),
        (dict(warmup="long"), "0 <= warmup < 1, got 'long'"),
        (dict(n_cycles=0), "n_cycles must be a number above 0, got 0"),
    ],
)
def test_what_is_no_schedule_is_said(settings, said):
    with pytest.raises(ValueError) as refused:
        shape_of(**{"schedule": "cosine", "warmup": 0.1, "n_cycles": 3, **settings})
    assert said in str(refused.value)
