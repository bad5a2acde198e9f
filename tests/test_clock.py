"""The order of commits."""

import numpy as np

from skhpo._clock import VirtualClock


def commit_order(durations, n_slots):
    """Keep ``n_slots`` jobs running; return the order in which they are committed."""
    clock, order, jobs = VirtualClock(), [], iter(enumerate(durations))
    for number, duration in jobs:
        clock.start(number, duration)
        if len(clock) == n_slots:
            break
    while len(clock):
        order.append(clock.first())
        clock.finish(order[-1])
        for number, duration in jobs:
            clock.start(number, duration)
            break
    return order


def test_equal_durations_are_committed_in_ask_order():
    for n_slots in (1, 3, 8):
        assert commit_order([1] * 20, n_slots) == list(range(20))


def test_a_long_job_does_not_hold_back_short_ones():
    assert commit_order([9, 1, 1, 1, 1], n_slots=2) == [1, 2, 3, 4, 0]


def test_the_order_is_that_of_a_simulated_cluster():
    rng = np.random.default_rng(0)
    durations = rng.integers(1, 10, size=60)
    free, ends = [0.0] * 4, []
    for number, duration in enumerate(durations):  # next job to the slot free first
        slot = int(np.argmin(free))
        free[slot] += duration
        ends.append((free[slot], number))
    assert commit_order(durations, n_slots=4) == [number for _, number in sorted(ends)]


def test_a_job_may_be_finished_out_of_order():
    clock = VirtualClock()
    for number in range(3):
        clock.start(number, 2)
    clock.finish(2)
    clock.start(3, 1)
    assert clock.now == 2
    assert [clock.first(), len(clock)] == [0, 3]
