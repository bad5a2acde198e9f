import numpy as np
import pandas as pd
import pytest

from skhpo.plots import LineageDisplay, ScheduleDisplay
from skhpo.plots._population import (
    lineage_data,
    lineage_segments,
    schedule_data,
    stairs,
)

LINEAGE = pd.DataFrame(
    {
        "member": [0, 1, 0, 1],
        "event": ["init", "init", "continue", "exploit"],
        "parent": [-1, -1, 0, 0],
        "from": [0, 0, 2, 2],
        "to": [2, 2, 4, 4],
        "is_best": [True, False, False, True],
        "score": [0.5, 0.1, 0.6, 0.7],
    }
)


def test_lines_lead_from_the_parent_by_kind():
    segments = lineage_segments(LINEAGE.assign(is_best=False))
    np.testing.assert_array_equal(segments["continue"], [[[2, 0.5], [4, 0.6]]])
    np.testing.assert_array_equal(segments["exploit"], [[[2, 0.5], [4, 0.7]]])
    assert len(segments["best"]) == 0


def test_the_line_of_the_best_is_drawn_apart():
    segments = lineage_segments(LINEAGE)
    np.testing.assert_array_equal(segments["best"], [[[2, 0.5], [4, 0.7]]])
    assert len(segments["exploit"]) == 0


def test_a_failed_row_has_no_line():
    scores = [0.5, 0.1, np.nan, 0.7]
    assert len(lineage_segments(LINEAGE.assign(score=scores))["continue"]) == 0


def test_a_setting_is_constant_within_each_step():
    x, y = stairs(LINEAGE, [10.0, 20.0, 10.0, 40.0], [3, 1])
    assert list(x) == [0, 2, 2, 4]
    assert list(y) == [20, 20, 40, 40]


def test_the_thick_line_is_the_best_schedule(plt, population):
    display = ScheduleDisplay.from_search(population)
    names = [axis.name for axis in display.axes]
    assert names == list(population.swapped_)
    for name, line in zip(names, display.best_lines_, strict=True):
        steps = [step["params"][name] for step in population.best_schedule_]
        np.testing.assert_allclose(line.get_ydata(), np.repeat(steps, 2))
        assert list(line.get_xdata()) == [0, 2, 2, 4, 4, 6]
    assert [len(lines) for lines in display.lines_] == [4, 4]
    assert [p.get_yscale() for p in display.axes_.ravel()] == ["log", "log"]


def test_schedules_of_chosen_parameters(plt, population):
    display = ScheduleDisplay.from_search(population, params=["alpha"])
    assert display.axes_.shape == (1, 1)
    assert display.axes_[0, 0].get_xlabel() == "Trained for (epochs)"
    with pytest.raises(ValueError, match="Did you mean 'alpha'"):
        schedule_data(population, params=["alfa"])


def test_each_member_and_step_is_a_dot(plt, population):
    display = LineageDisplay.from_search(population)
    n = {kind: len(lines.get_segments()) for kind, lines in display.lines_.items()}
    assert n["best"] == 2
    assert sum(n.values()) == 8
    assert len(display.points_.get_offsets()) == 12
    assert list(display.ax_.get_xticks()) == [2, 4, 6]


@pytest.mark.parametrize("data", [lineage_data, schedule_data])
def test_a_search_without_a_population_is_an_error(grid, data):
    with pytest.raises(ValueError, match="GridSearchCV has no lineage_"):
        data(grid)
