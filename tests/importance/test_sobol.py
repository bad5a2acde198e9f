"""Sobol indices against their analytic values."""

import numpy as np
import pytest

from skhpo import Categorical, Integer
from skhpo.importance._sobol import sobol_indices
from skhpo.space import Space

UNIT = {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 1.0)}


def indices(f, search_space, constraints=None, n_samples=20_000, **options):
    space = Space(search_space, constraints)
    rng = np.random.default_rng(0)
    found = sobol_indices(
        lambda points: f(space, points)[:, None],
        space,
        n_samples=n_samples,
        rng=rng,
        **options,
    )
    total = dict(zip(found.names, found.total[:, 0], strict=True))
    return total, found


def ishigami(_, U, a=7.0, b=0.1):
    x = np.pi * (2 * U - 1)
    return (
        np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])
    )


def test_ishigami_has_its_total_indices_and_its_one_interaction():
    a, b, pi = 7.0, 0.1, np.pi
    V1, V2 = 0.5 * (1 + b * pi**4 / 5) ** 2, a**2 / 8
    V13 = b**2 * pi**8 * (1 / 18 - 1 / 50)
    V = V1 + V2 + V13
    total, found = indices(ishigami, UNIT, interactions=True)
    expected = {"a": (V1 + V13) / V, "b": V2 / V, "c": V13 / V}
    assert total == pytest.approx(expected, abs=0.02)
    pairs = {pair: float(share[0]) for pair, share in found.pairs.items()}
    expected = {("a", "b"): 0, ("a", "c"): V13 / V, ("b", "c"): 0}
    assert pairs == pytest.approx(expected, abs=0.02)


def test_main_effects_leave_out_what_happens_in_interactions():
    a, b, pi = 7.0, 0.1, np.pi
    V1, V2 = 0.5 * (1 + b * pi**4 / 5) ** 2, a**2 / 8
    V = V1 + V2 + b**2 * pi**8 * (1 / 18 - 1 / 50)
    _, found = indices(ishigami, UNIT)
    np.testing.assert_allclose(found.main[:, 0], [V1 / V, V2 / V, 0], atol=0.015)


def test_the_main_effect_of_categories_is_that_of_their_own_means():
    space = {"k": Integer(0, 3), "cat": Categorical(["x", "y", "z"])}
    _, found = indices(lambda _, U: (U[:, 0] - 0.5) * (U[:, 1] < 0.3), space)
    # E[f | k] = (k - 1/2) / 3, so V(E[f | k]) = V(k) / 9; V(f) = V(k) / 3; E[f|cat] = 0
    np.testing.assert_allclose(found.main[:, 0], [1 / 3, 0], atol=0.02)


def test_the_main_effect_of_a_conditional_parameter_is_among_its_settings():
    space = {
        "x": (0.0, 1.0),
        "on": [True, False],
        "y": Integer(1, 4, when={"on": True}),
    }
    _, found = indices(lambda _, U: U[:, 0] + 2 * np.nan_to_num(U[:, 2]), space)
    var_y = 4 * (1 - 1 / 16) / 12
    main = dict(zip(found.names, found.main[:, 0], strict=True))
    assert main["y"] == pytest.approx(var_y / (1 / 12 + var_y), abs=0.02)


def test_an_additive_function_has_the_shares_of_the_variances():
    total, _ = indices(lambda _, U: U @ [1.0, 2.0, 3.0], UNIT)
    assert total == pytest.approx({"a": 1 / 14, "b": 4 / 14, "c": 9 / 14}, abs=0.01)


def test_categories_and_integers_count_by_their_prior():
    space = {"k": Integer(0, 3), "cat": Categorical(["x", "y", "z"])}

    def f(space, points):
        params = [space.to_params(point) for point in points]
        return np.array([p["k"] + 3.0 * (p["cat"] == "x") for p in params])

    total, _ = indices(f, space, n_samples=5000)
    var_k, var_cat = 15 / 12, 9 * 2 / 9  # of 0..3; of a coin that falls on x in 1 of 3
    expected = {"k": var_k / (var_k + var_cat), "cat": var_cat / (var_k + var_cat)}
    assert total == pytest.approx(expected, abs=0.03)


def test_a_conditional_parameter_counts_where_it_is_active():
    space = {
        "x": (0.0, 1.0),
        "kernel": Categorical(["rbf", "poly"]),
        "degree": Integer(1, 4, when={"kernel": "poly"}),
    }

    def f(_, points):
        x, _, degree = points.T
        return x + np.where(np.isnan(degree), 10.0, 2 * np.nan_to_num(degree))

    total, found = indices(f, space)
    shares = dict(zip(found.names, found.share_active, strict=True))
    assert shares == pytest.approx({"x": 1, "kernel": 1, "degree": 0.5}, abs=0.02)
    var_x, var_degree = 1 / 12, 4 * (1 - 1 / 16) / 12  # cells .125, .375, ..., times 2
    assert total["degree"] == pytest.approx(var_degree / (var_x + var_degree), abs=0.02)
    assert total["kernel"] > 0.9


def test_alternatives_are_a_parameter_and_columns_of_one_name_are_one():
    space = [{"C": (0.0, 1.0)}, {"C": (5.0, 6.0), "gamma": (0.0, 1.0)}]

    def f(space, points):
        return np.array([space.to_params(point)["C"] for point in points])

    total, found = indices(f, space, n_samples=4000)
    assert set(found.names) == {"<branch>", "C", "gamma"}
    assert total["<branch>"] > 0.9
    variance = 25 / 4 + 1 / 12
    assert total["C"] == pytest.approx(1 / 12 / variance, abs=0.005)
    assert total["gamma"] == 0


def test_constraints_are_kept_by_what_is_compared():
    seen = []

    def f(space, points):
        seen.extend(points)
        return points[:, 0]

    space = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
    total, _ = indices(f, space, lambda p: p["a"] > p["b"], n_samples=2000)
    assert all(a > b for a, b in seen)
    # E[Var(a | b)] = E[(1 - b)^2] / 12 with density 2 (1 - b); Var a = 1 / 18
    assert total["a"] == pytest.approx((2 / 4 / 12) / (1 / 18), abs=0.06)
    assert total["b"] == 0


def test_a_constant_depends_on_nothing():
    total, _ = indices(lambda _, U: np.full(len(U), 3.0), UNIT, n_samples=100)
    assert total == {"a": 0, "b": 0, "c": 0}
