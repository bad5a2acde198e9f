"""What BayesSearchCV alone has: a choice of optimizers, and the user's own."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone

from skhpo import UCB, BayesSearchCV, LogEI

from .doors import SPACE, X, n_rows, y
from .spies import Toy, fits, watched

NAMES = ("gp", "forest", "tpe", "random", "sobol")


def search(**parameters):
    defaults = dict(n_iter=8, cv=3, random_state=0, n_points=1)
    return BayesSearchCV(Toy(), SPACE, **{**defaults, **parameters})


class Climber:
    """Draws at random, and says what it heard."""

    def __init__(self, space, rng, asks=10**9):
        self.space, self.rng, self.asks = space, rng, asks
        self.heard = []

    def ask(self, n):
        self.asks -= 1
        if self.asks < 0:
            return [np.full(self.space.n_dims, 1.5)]
        return [self.space.to_params(x) for x in self.space.sample(n, self.rng)]

    def tell(self, results):
        self.heard += [result.score for result in results]


class Ready:
    """Knows what it searches without being told; keeps count."""

    def __init__(self):
        self.n_asked = 0

    def ask(self, n):
        self.n_asked += 1
        return [{"a": self.n_asked / 100, "kind": "x"}]

    def tell(self, results):
        pass


# ---- by name


@pytest.mark.parametrize("name", NAMES)
def test_optimizer_says_what_was_used(name):
    fitted = search(optimizer=name, n_iter=3).fit(X, y)
    assert fitted.optimizer_ == name


def test_auto_is_the_gaussian_process_and_says_so():
    auto, gp = (search(optimizer=name).fit(X, y) for name in ("auto", "gp"))
    assert auto.optimizer_ == "gp"
    assert auto.cv_results_["params"] == gp.cv_results_["params"]


@pytest.mark.parametrize("name", ["auto", *NAMES])
def test_a_small_finite_space_is_tried_in_full(name):
    fitted = BayesSearchCV(Toy(), {"kind": ["x", "y"]}, optimizer=name).fit(X, y)
    assert fitted.optimizer_ == "grid"


@pytest.mark.parametrize("name", ["gp", "forest"])
def test_the_acquisition_matters_to_optimizers_that_have_one(name):
    tables = [
        search(
            optimizer=name, acquisition=acquisition, initial_points=3, n_iter=12
        ).fit(X, y)
        for acquisition in ("logei", UCB(kappa=5.0))
    ]
    first, second = (table.cv_results_["params"] for table in tables)
    assert first != second


@pytest.mark.parametrize("optimizer", ["tpe", "random", "sobol", Climber])
def test_an_acquisition_that_nobody_looks_at_is_one_warning(optimizer):
    with pytest.warns(UserWarning, match=r"UCB\(kappa=2.0\) is ignored") as caught:
        search(optimizer=optimizer, acquisition=UCB(2.0), n_iter=2).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("optimizer", ["auto", *NAMES, Climber])
@pytest.mark.parametrize("acquisition", ["logei", LogEI()])
def test_the_default_acquisition_never_complains(optimizer, acquisition):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search(optimizer=optimizer, acquisition=acquisition, n_iter=2).fit(X, y)


# ---- one's own


def test_a_class_proposes_and_is_told():
    made = []

    def make(space, rng):
        made.append(Climber(space, rng))
        return made[0]

    fitted = search(optimizer=make).fit(X, y)
    assert fitted.optimizer_ == "Climber"
    assert made[0].heard == fitted.cv_results_["mean_test_score"].tolist()


def test_its_randomness_follows_from_random_state():
    first, same, other = (
        search(optimizer=Climber, random_state=seed).fit(X, y).cv_results_["params"]
        for seed in (1, 1, 2)
    )
    assert first == same != other


def test_an_object_is_left_as_it_was():
    own = Ready()
    estimator = search(optimizer=own)
    first, again = (estimator.fit(X, y).cv_results_["params"] for _ in range(2))
    copied = clone(estimator).fit(X, y).cv_results_["params"]
    assert first == again == copied
    assert first[0] == {"a": 0.01, "kind": "x"}
    assert estimator.optimizer is own
    assert own.n_asked == 0


def test_it_is_asked_also_where_the_space_is_small():
    class First(Ready):
        def ask(self, n):
            return [{"kind": "y"}]

    fitted = BayesSearchCV(Toy(), {"kind": ["x", "y"]}, optimizer=First()).fit(X, y)
    assert fitted.optimizer_ == "First"
    assert {params["kind"] for params in fitted.cv_results_["params"]} == {"y"}


def test_initial_params_come_first_and_are_told():
    first = {"a": 0.25, "kind": "z"}
    made = []

    def make(space, rng):
        made.append(Climber(space, rng))
        return made[0]

    fitted = search(optimizer=make, initial_params=first).fit(X, y)
    assert fitted.cv_results_["params"][0] == first
    assert len(made[0].heard) == 8


def test_a_repeated_setting_is_not_fitted_again():
    class Stubborn(Ready):
        def ask(self, n):
            return [{"a": 0.5, "kind": "x"}] * n

    watched()
    fitted = search(optimizer=Stubborn(), refit=False, n_iter=5).fit(X, y)
    assert n_rows(fitted) == 5
    assert len(fits()) == 3


def test_a_point_outside_of_the_cube_keeps_what_was_evaluated():
    def make(space, rng):
        return Climber(space, rng, asks=4)

    broken = search(optimizer=make)
    with pytest.raises(ValueError, match=r"Climber.ask proposed .*1\.5.*\[0, 1\]"):
        broken.fit(X, y)
    assert n_rows(broken) == 4
    assert broken.best_params_ in broken.cv_results_["params"]
    assert broken.stop_reason_ == "interrupted"


def test_settings_of_the_own_optimizer_can_be_set_by_the_search():
    from functools import partial

    fitted = search(optimizer=partial(Climber, asks=100)).fit(X, y)
    assert fitted.optimizer_ == "Climber"
