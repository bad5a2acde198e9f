import numpy as np

from skhpo.optimizers._screen import Screen
from skhpo.space import Space
from tests.optimizers.asking import UNIT, peak, results


def screen(n=40, score=peak, space=UNIT):
    screen = Screen(space)
    points = space.sample(n, np.random.default_rng(0))
    screen.tell(results(points, [score(point) for point in points]))
    return screen


def test_the_point_nearest_to_the_best_comes_first():
    points = np.array([[0.9, 0.9], [0.3, 0.31], [0.6, 0.1]])
    assert screen().order(points)[0] == 1


def test_optimism_prefers_what_is_unknown():
    model = Screen(UNIT)
    points = UNIT.sample(40, np.random.default_rng(0)) * [0.5, 1.0]
    model.tell(results(points, points[:, 1]))
    good, unknown = [0.2, 0.9], [0.95, 0.9]
    assert list(model.order(np.array([unknown, good]))) == [1, 0]
    assert list(model.order(np.array([unknown, good]), optimism=4.0)) == [0, 1]


def test_points_in_flight_push_others_away():
    points = np.array([[0.3, 0.31], [0.45, 0.45]])
    in_flight = [np.array([0.3, 0.3])] * 5
    nobody = Screen(UNIT)
    nobody.tell(results(UNIT.sample(12, np.random.default_rng(3)), np.arange(12.0)))
    free = nobody._fitted().predict(points)[1]
    crowded = nobody._fitted().believing(np.array(in_flight)).predict(points)[1]
    assert (crowded < free).all()
    assert crowded[0] / free[0] < crowded[1] / free[1]
    assert set(nobody.order(points, in_flight=in_flight)) == {0, 1}


def test_learns_which_category_is_good():
    space = Space({"x": (0.0, 1.0), "kind": list("abc")})
    good = 0.5  # the cell of "b"
    model = screen(30, lambda point: point[1] == good, space)
    points = space.snap([[0.5, 0.1], [0.5, 0.5], [0.5, 0.9]])
    assert model.order(points)[0] == 1


def test_is_ready_once_there_is_something_to_learn():
    assert not screen(4).is_ready
    assert not screen(40, lambda point: 0.5).is_ready
    assert not screen(40, lambda point: np.nan).is_ready
    assert screen(40).is_ready
    assert not screen(1600).is_ready


def test_many_rows_are_thinned_to_the_best_and_the_latest():
    model = screen(600)
    rows = model._rows()
    scores = model._observations.scores
    assert len(rows) == len(set(rows)) <= 300
    assert set(np.argsort(-scores)[:100]) <= set(rows)
    assert set(range(550, 600)) <= set(rows)
    assert model.order(np.array([[0.9, 0.9], [0.3, 0.31]]))[0] == 1
