"""``price``: what a candidate costs, and what the search makes of it."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skhpo import BayesSearchCV, EvolutionarySearchCV
from skhpo.evaluation import prior_work
from skhpo.optimizers import RandomDesign
from skhpo.search._warm_start import Metric, read_old_studies
from skhpo.space import Space
from tests.search.doors import X, y
from tests.search.spies import Toy, fits, watched

SPACE = {"a": (0.0, 1.0), "b": (1, 6)}


class Dear(Toy):
    """A factor of a thousand along ``a``, which says next to nothing of the score."""

    def score(self, X, y=None):
        return 1.0 - 0.01 * (self.b - 3) ** 2 - 1e-3 * (self.a - 0.5) ** 2

    def __skhpo_work__(self):
        return 1000.0**self.a


class Noting(RandomDesign):
    """An optimizer that keeps what it was told."""

    costs: list = []

    def tell(self, results):
        super().tell(results)
        self.costs.extend(result.cost for result in results)


def search(estimator=None, space=SPACE, **parameters):
    estimator = Dear() if estimator is None else estimator
    settings = dict(n_iter=20, cv=3, random_state=0, refit=False) | parameters
    return BayesSearchCV(estimator, space, **settings).fit(X, y)


def params(fitted):
    return fitted.cv_results_["params"]


def total_work(fitted):
    return float(np.sum(fitted.cv_results_["mean_work"]))


@pytest.mark.parametrize("optimizer", ["gp", "forest"])
def test_work_is_paid_attention_to_without_being_asked_for(optimizer):
    mindful, plain = (
        [search(optimizer=optimizer, price=price, random_state=s) for s in range(1, 5)]
        for price in ("auto", None)
    )
    assert sum(map(total_work, mindful)) < 0.7 * sum(map(total_work, plain))
    best = [np.mean([one.best_score_ for one in of]) for of in (mindful, plain)]
    assert best[0] > best[1] - 2e-3


def test_all_optimizers_with_a_gain_to_divide_do_so_and_others_do_not():
    for acquisition in ("ei", "pi"):
        one, other = (
            total_work(search(acquisition=acquisition, price=p)) for p in ("work", None)
        )
        assert one < other
    for settings in (dict(acquisition="ucb"), dict(optimizer="tpe")):
        assert params(search(**settings)) == params(search(price=None, **settings))


def test_where_no_work_is_known_the_table_is_that_without_a_price():
    assert params(search(Toy())) == params(search(Toy(), price=None))


def test_work_gives_one_table_for_any_number_of_workers_and_any_load():
    expected = params(search())
    assert params(search(n_jobs=2)) == expected
    assert params(search(Dear(nap=0.003))) == expected


def test_work_gives_one_table_after_a_resume(tmp_path):
    class Enough(Exception):
        pass

    def stop(progress):
        if progress.n_done == 13:
            raise Enough

    with pytest.raises(Enough):
        search(checkpoint=tmp_path / "a", callbacks=stop)
    assert params(search(checkpoint=tmp_path / "a")) == params(search())


@pytest.mark.parametrize(
    ("price", "max_time", "told"),
    [
        ("auto", None, "work"),
        ("auto", 60.0, "seconds"),
        ("work", 60.0, "work"),
        ("seconds", None, "seconds"),
        (None, 60.0, "nothing"),
    ],
)
def test_what_an_optimizer_is_told(price, max_time, told):
    Noting.costs = []
    table = search(
        optimizer=Noting, price=price, max_time=max_time, n_iter=5
    ).cv_results_
    seconds = 3 * (table["mean_fit_time"] + table["mean_score_time"])
    expected = {"work": table["mean_work"], "seconds": seconds}
    costs = expected.get(told, np.full(5, np.nan))
    np.testing.assert_allclose(Noting.costs, costs)


def test_old_studies_tell_the_same_kind_of_cost():
    table = search(n_iter=6).cv_results_
    space, metric = Space(SPACE), Metric(["score"])

    def costs(table, price):
        return read_old_studies(table, space, metric, price)[0].costs

    np.testing.assert_array_equal(costs(table, "work"), table["mean_work"])
    seconds = 3 * (table["mean_fit_time"] + table["mean_score_time"])
    np.testing.assert_allclose(costs(table, "seconds"), seconds)
    assert np.isnan(costs(table, None)).all()
    del table["mean_work"]
    assert np.isnan(costs(table, "work")).all()


# ---- what is known before the first fit


TREE = DecisionTreeRegressor(max_leaf_nodes=20, random_state=0)
FOREST = BaggingRegressor(TREE, random_state=0)
FOREST_SPACE = {
    "n_estimators": (1, 60, "log-uniform"),
    "estimator__max_leaf_nodes": (2, 30, "log-uniform"),
}


def forest_search(door=BayesSearchCV, **parameters):
    settings = dict(n_iter=7, cv=2, random_state=0, refit=False) | parameters
    return door(FOREST, FOREST_SPACE, **settings).fit(X, y)


@pytest.mark.parametrize("price", ["auto", "seconds"])
def test_the_own_setting_comes_first_and_then_cheap_ones(price):
    settings = dict(n_points=1, n_iter=6, initial_points=6)
    priced, free = (forest_search(price=p, **settings) for p in (price, None))
    own = {"n_estimators": 10, "estimator__max_leaf_nodes": 20}
    assert params(priced)[0] == params(free)[0] == own
    guesses = [prior_work(FOREST, p, len(X) // 2, X.shape[1]) for p in params(priced)]
    assert guesses[1:] == sorted(guesses[1:])
    free = [prior_work(FOREST, p, len(X) // 2, X.shape[1]) for p in params(free)]
    assert free[1:] != sorted(free[1:])


@pytest.mark.parametrize("algorithm", ["de", "ga", "regularized"])
def test_an_evolution_begins_cheap_unless_its_price_is_none(algorithm):
    settings = dict(n_iter=8, population_size=7, algorithm=algorithm, n_points=1)
    priced, free = (
        forest_search(EvolutionarySearchCV, price=p, **settings) for p in ("auto", None)
    )
    assert total_work(priced) < 0.8 * total_work(free)


@pytest.mark.slow
@pytest.mark.parametrize("door", [BayesSearchCV, EvolutionarySearchCV])
def test_guesses_give_one_table_for_any_number_of_workers_and_after_a_resume(
    door, tmp_path
):
    class Enough(Exception):
        pass

    def stop(progress):
        if progress.n_done == 4:
            raise Enough

    expected = params(forest_search(door))
    assert params(forest_search(door, n_jobs=2)) == expected
    with pytest.raises(Enough):
        forest_search(door, checkpoint=tmp_path / "a", callbacks=stop)
    assert params(forest_search(door, checkpoint=tmp_path / "a")) == expected


def test_rows_in_a_list_are_priced_like_those_of_an_array():
    in_lists = BayesSearchCV(
        FOREST, FOREST_SPACE, n_iter=6, cv=2, random_state=0, refit=False
    ).fit(X.tolist(), y.tolist())
    assert params(in_lists) == params(forest_search(n_iter=6))


@pytest.mark.parametrize(
    "settings",
    [dict(optimizer="tpe"), dict(acquisition="ucb"), dict(optimizer="sobol")],
)
def test_what_does_not_weigh_costs_starts_as_without(settings):
    priced, free = (
        params(forest_search(n_iter=5, price=price, **settings))
        for price in ("auto", None)
    )
    assert priced == free


# ---- what is not possible


@pytest.mark.parametrize("estimator", [Toy(), make_pipeline(StandardScaler(), Toy())])
def test_work_of_a_class_that_tells_none_is_an_error_before_the_first_fit(estimator):
    prefix = "" if isinstance(estimator, Toy) else "toy__"
    watched()
    with pytest.raises(ValueError, match="is not known") as caught:
        search(estimator, {f"{prefix}a": (0.0, 1.0)}, price="work")
    assert "__skhpo_work__" in str(caught.value)
    assert "boosting" in str(caught.value)
    assert fits() == []


def test_where_only_fits_can_show_it_there_is_a_warning():
    pipe = make_pipeline(StandardScaler(), Toy())
    space = {"toy": [Toy(a=a) for a in (0.1, 0.2)] + [Dear()]}
    with pytest.warns(UserWarning, match="do not tell their work") as caught:
        search(pipe, space, price="work")
    assert len([w for w in caught if "tell their work" in str(w.message)]) == 1


@pytest.mark.parametrize("price", ["time", 1, True])
def test_other_prices_are_refused(price):
    with pytest.raises(ValueError, match="price"):
        search(price=price)


@pytest.mark.parametrize(
    "settings",
    [dict(optimizer="tpe"), dict(optimizer="sobol"), dict(acquisition="ucb")],
)
def test_a_price_that_nobody_weighs_is_reported(settings):
    with pytest.warns(UserWarning, match="price='work' is ignored"):
        search(price="work", n_iter=4, **settings)


# ---- real models


@pytest.mark.slow
def test_boosting_searches_do_less_work_for_as_good_models():
    rng = np.random.default_rng(0)
    rows = rng.random((150, 4))
    target = np.sin(6 * rows[:, 0]) + rows[:, 1] + 0.1 * rng.standard_normal(150)
    model = GradientBoostingRegressor(random_state=0)
    space = {
        "n_estimators": (2, 150, "log-uniform"),
        "max_depth": (1, 8),
        "learning_rate": (0.02, 0.5, "log-uniform"),
    }
    works, best = [], []
    for price in ("auto", None):
        settings = dict(n_iter=20, cv=2, price=price, refit=False)
        done = [
            BayesSearchCV(model, space, random_state=seed, **settings).fit(rows, target)
            for seed in range(4)
        ]
        works.append(sum(map(total_work, done)))
        best.append(np.mean([one.best_score_ for one in done]))
    assert works[0] < works[1]
    assert best[0] > best[1] - 0.005


def test_the_first_points_are_those_of_a_search_without_a_price():
    tables = [params(search(price=price, n_points=1)) for price in ("auto", None)]
    is_same = [one == other for one, other in zip(*tables, strict=True)]
    assert all(is_same[:5])
    assert not all(is_same)
    assert all(a >= b for a, b in pairwise(is_same[:6]))
