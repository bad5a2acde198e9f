import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone
from sklearn.svm import SVC

from skhpo.space import Categorical, Integer, Ordinal, Real
from skhpo.space._dimensions import Distribution
from tests.ids import plain

unit = st.floats(0, 1)

DIMENSIONS = [
    Real(-2, 3),
    Real(1e-6, 1, "log"),
    Real(1e-3, 0.999, "logit"),
    Integer(-3, 12),
    Integer(1, 1000, "log"),
    Categorical([1, True, 1.0, None, "a", (2, 3)]),
    Ordinal([1, 5, 10]),
    Distribution(stats.norm(3, 2)),
    Distribution(stats.beta(2, 5)),
    Distribution(stats.poisson(4)),
    Distribution(stats.binom(1000, 0.5)),
    Distribution(stats.zipf(2.0)),
    Distribution(stats.rv_discrete(values=([0.5, 1.5, 7], [0.2, 0.5, 0.3]))),
]
named = pytest.mark.parametrize("dimension", DIMENSIONS, ids=plain)


@named
@given(u=unit)
@settings(deadline=None, derandomize=True, max_examples=30)
def test_a_value_comes_back_from_its_position(dimension, u):
    value = dimension.value(u)
    back = dimension.value(dimension.position(value))
    if dimension.is_continuous:
        # Flat parts of a distribution function lose digits, its tails are cut.
        if 1e-6 < u < 1 - 1e-6:
            assert back == pytest.approx(value, rel=1e-6, abs=1e-9)
    else:
        assert back == value and type(back) is type(value)


@named
@given(u=unit)
@settings(deadline=None, derandomize=True, max_examples=30)
def test_snap_is_idempotent_and_keeps_the_value(dimension, u):
    once = dimension.snap(np.array([u]))
    assert np.array_equal(dimension.snap(once), once)
    if not dimension.is_continuous:
        assert dimension.value(float(once[0])) is dimension.value(u) or (
            dimension.value(float(once[0])) == dimension.value(u)
        )


@named
def test_every_cell_has_its_own_centre(dimension):
    if dimension.is_continuous:
        pytest.skip("no cells")
    cells = np.arange(min(dimension.n_cells, 2000))
    centres = dimension.centre(cells)
    assert np.array_equal(dimension.cell(centres), cells)
    assert [dimension.cell_at(float(u)) for u in centres[:50]] == list(cells[:50])


@named
def test_copies_are_equal(dimension):
    pickled = pickle.loads(pickle.dumps(dimension))
    assert copy.copy(dimension) == dimension
    if not repr(dimension).startswith("<"):  # laws without a name: by identity
        assert pickled == copy.deepcopy(dimension) == dimension
        assert hash(pickled) == hash(dimension)
        assert clone(dimension, safe=False) == dimension
    assert pickled.value(0.3) == dimension.value(0.3)


@named
def test_values_are_python_objects(dimension):
    if not isinstance(dimension, (Categorical, Ordinal)):
        assert type(dimension.value(0.5)) in (int, float)


def test_dimensions_read_as_they_were_written():
    assert repr(Real(1e-6, 1.0, scale="log")) == "Real(1e-6, 1.0, scale='log')"
    assert repr(Integer(2, 5)) == "Integer(2, 5)"
    assert (
        repr(Integer(2, 5, when={"kernel": ["poly"]}))
        == "Integer(2, 5, when={'kernel': ['poly']})"
    )
    assert repr(Categorical(["a", None])) == "Categorical(['a', None])"
    assert repr(Ordinal(range(3))) == "Ordinal(range(0, 3))"
    assert "with 1,000 values" in repr(Categorical([str(i) for i in range(1000)]))
    assert repr(Distribution(stats.norm(0, scale=2))) == "norm(0, scale=2)"


def test_equality_looks_at_kind_and_condition():
    assert Real(0, 1) == Real(0.0, 1.0)
    assert Real(0, 1) != Integer(0, 1)
    assert Categorical([1, 2, 3]) != Ordinal([1, 2, 3])
    assert Categorical([1]) != Categorical([True])
    assert Integer(1, 2) != Integer(1, 2, when={"a": 1})
    assert Categorical([np.arange(2)]) == Categorical([np.arange(2)])
    assert Distribution(stats.norm(0, 1)) == Distribution(stats.norm(0, 1))
    assert Distribution(stats.norm(0, 1)) != Distribution(stats.norm(0, 2))


def test_constructors_only_store():
    choices = [3, 3, SVC()]
    assert Categorical(choices).choices is choices
    assert Real("x", None, "nonsense").low == "x"


def test_integer_log_cells_are_as_wide_as_on_the_log_scale():
    dimension = Integer(1, 100, "log")
    u = (np.arange(200_000) + 0.5) / 200_000
    share = np.mean(dimension.cell(u) == 0)
    assert share == pytest.approx(np.log(1.5 / 0.5) / np.log(100.5 / 0.5), abs=1e-4)


@pytest.mark.parametrize(
    "law",
    [
        stats.norm(3, 2),
        stats.expon(scale=10),
        stats.gamma(2),
        stats.truncnorm(-1, 2),
        stats.loguniform(1e-4, 10),
        stats.uniform(-1, 3),
    ],
    ids=lambda law: law.dist.name,
)
def test_a_continuous_law_is_kept(law):
    u = np.random.default_rng(0).random(2000)
    dimension = Distribution(law)
    values = [dimension.value(x) for x in dimension.snap(u)]
    assert stats.kstest(values, law.cdf).pvalue > 0.01


@pytest.mark.parametrize(
    "law",
    [stats.poisson(3), stats.binom(20, 0.3), stats.geom(0.3), stats.bernoulli(0.2)],
)
def test_a_discrete_law_is_kept(law):
    u = np.random.default_rng(0).random(20_000)
    dimension = Distribution(law)
    values = np.array([dimension.value(x) for x in dimension.snap(u)])
    common = [k for k in range(20) if law.pmf(k) > 0.005]
    shares = [np.mean(values == k) for k in common]
    assert shares == pytest.approx([law.pmf(k) for k in common], abs=0.015)


def test_discrete_laws_know_whether_they_are_finite():
    assert Distribution(stats.binom(5, 0.5)).n_levels == 6
    assert Distribution(stats.poisson(5)).n_levels is None
    assert Distribution(stats.norm()).n_levels is None


@pytest.mark.parametrize(
    "dimension, value",
    [
        (Real(0, 1), 1.1),
        (Real(0, 1), "0.5"),
        (Real(0, 1), None),
        (Real(0, 1), True),
        (Real(0, 1), float("nan")),
        (Integer(1, 5), 6),
        (Integer(1, 5), 2.5),
        (Integer(0, 5), True),
        (Integer(0, 5), float("inf")),
        (Categorical(["a", "b"]), "c"),
        (Categorical([0, 1]), True),
        (Distribution(stats.expon()), -1.0),
        (Distribution(stats.poisson(3)), 1.5),
        (Distribution(stats.poisson(3)), None),
    ],
)
def test_a_value_outside_has_no_position(dimension, value):
    with pytest.raises(ValueError, match="lies outside|not one of"):
        dimension.position(value)


def test_bounds_are_reached_exactly():
    for dimension in DIMENSIONS[:5]:
        assert dimension.value(0.0) == dimension.low
        assert dimension.value(1.0) == dimension.high
