import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skhpo.space import Categorical, Integer, Ordinal, Real, Space
from skhpo.space._dimensions import Distribution
from skhpo.space._parse import parse, parse_branches
from tests.ids import plain


@pytest.mark.parametrize(
    "written, meant",
    [
        ([2, 8], Categorical([2, 8])),
        ([None, 3, "a"], Categorical([None, 3, "a"])),
        ([(50,), (50, 50)], Categorical([(50,), (50, 50)])),
        ([True, False], Categorical([True, False])),
        ([5], Categorical([5])),
        (("relu", "tanh"), Categorical(["relu", "tanh"])),
        ((True, False), Categorical([True, False])),
        ((None, 1), Categorical([None, 1])),
        ((1, 2, "log2"), Categorical([1, 2, "log2"])),
        (((1, 1), (1, 2)), Categorical([(1, 1), (1, 2)])),
        ([1, 10, 100], Ordinal([1, 10, 100])),
        ((1, 2, 3), Ordinal([1, 2, 3])),
        ([3.0, 2, 0.5], Ordinal([3.0, 2, 0.5])),
        ([1, 100, 10], Categorical([1, 100, 10])),
        ([1, 2, True], Categorical([1, 2, True])),
        (range(2, 30), Ordinal(range(2, 30))),
        ((1, 10), Integer(1, 10)),
        ((np.int64(1), np.int32(10)), Integer(1, 10)),
        ((1, 10, "uniform"), Integer(1, 10)),
        ((1, 10, "log-uniform"), Integer(1, 10, "log")),
        ((0.0, 1.0), Real(0.0, 1.0)),
        ((0, 1.0), Real(0, 1.0)),
        ((np.float32(0.5), 1), Real(0.5, 1)),
        ((1e-6, 1.0, "log-uniform"), Real(1e-6, 1.0, "log")),
        ((0.01, 0.99, "logit-uniform"), Real(0.01, 0.99, "logit")),
        (stats.uniform(1, 3), Real(1.0, 4.0)),
        (stats.uniform(loc=1, scale=3), Real(1.0, 4.0)),
        (stats.loguniform(1e-3, 1e3), Real(1e-3, 1e3, "log")),
        (stats.loguniform(1, 10, scale=2), Real(2.0, 20.0, "log")),
        (stats.reciprocal(1e-3, 1e3), Real(1e-3, 1e3, "log")),
        (stats.randint(1, 10), Integer(1, 9)),
        (stats.randint(1, 10, loc=5), Integer(6, 14)),
        (stats.randint(3, 4), Ordinal([3])),
        (Integer(1, 4), Integer(1, 4)),
    ],
    ids=plain,
)
def test_short_forms(written, meant):
    dimension = parse("p", written)
    assert dimension == meant
    assert type(dimension) is type(meant)


def test_a_shifted_loguniform_keeps_its_law():
    law = stats.loguniform(1, 10, loc=5)
    assert parse("p", law) == Distribution(law)


def test_choices_are_the_users_own_objects():
    written = [Ridge(), None, "passthrough", StandardScaler(), {"a": 1}, np.arange(3)]
    kept = parse("p", written).choices
    assert all(a is b for a, b in zip(kept, written, strict=True))


def test_array_elements_are_what_iteration_gives():
    assert type(parse("p", np.array([1, 5, 10])).choices[0]) is np.int64
    assert type(parse("p", np.array(["a", "b"])).choices[0]) is np.str_
    assert parse("p", pd.Series(["a", "b"])) == Categorical(["a", "b"])
    assert parse("p", pd.Index([1, 2, 5])) == Ordinal([1, 2, 5])


def test_repeated_choices_collapse():
    assert parse("p", [1, 1, "a", "a", 1.0]).choices == (1, "a", 1.0)


def test_ranges_hold_python_numbers():
    dimension = parse("p", (np.int64(1), np.int64(3)))
    assert type(dimension.low) is int
    assert type(Space({"p": Integer(np.int64(1), 5)}).columns[0].dimension.low) is int
    assert type(Space({"p": Real(np.float64(1), 5)}).columns[0].dimension.low) is float


def test_an_empty_dict_is_one_setting():
    assert parse_branches({}) == [{}]
    assert parse_branches([{}, {"a": [1]}]) == [{}, {"a": Categorical([1])}]


class OnlyRvs:
    def rvs(self, random_state=None):
        return 1


@pytest.mark.parametrize(
    "space, error, words",
    [
        ([], ValueError, "search space is empty"),
        ((), ValueError, "search space is empty"),
        (5, TypeError, "should be a dict or a list of dicts, got: 5 of type int"),
        (None, TypeError, "should be a dict or a list"),
        ("C", TypeError, "should be a dict or a list"),
        ([1], TypeError, r"is not a dict \(1\)"),
        ({1: [2]}, TypeError, "names in a search space must be strings, got 1"),
        ({"C": []}, ValueError, "parameter 'C' need to be a non-empty sequence"),
        ({"C": ()}, ValueError, "parameter 'C' need to be a non-empty sequence"),
        ({"C": Categorical([])}, ValueError, "Categorical for 'C'.*empty"),
        ({"C": Categorical("abc")}, TypeError, "'C'.*must be a list, got 'abc'"),
        ({"C": Ordinal(5)}, TypeError, "'C'.*must be a list, got 5"),
        (
            {"C": 1},
            TypeError,
            "Parameter grid for parameter 'C' needs to be a list or a numpy array, "
            r"but got 1 \(of type int\) instead. Single values need to be wrapped in a "
            "list with one element.",
        ),
        ({"C": "1,2"}, TypeError, r"got '1,2' \(of type str\).*wrapped in a list"),
        ({"C": None}, TypeError, "'C'.*got None.*wrapped in a list"),
        ({"C": Ridge()}, TypeError, r"'C'.*got Ridge\(\).*wrapped in a list"),
        ({"C": np.array(3)}, TypeError, "'C'.*wrapped in a list"),
        ({"C": {1, 2}}, TypeError, "A set has no order"),
        ({"C": {"a": 1}}, TypeError, "'C'.*wrapped in a list"),
        ({"C": (x for x in [1, 2])}, TypeError, "'C'.*of type generator"),
        (
            {"C": np.ones((3, 2))},
            ValueError,
            r"(?s)'C' should be one-dim.*list\(array\)",
        ),
        (
            {"C": (10, 1)},
            ValueError,
            r"Integer\(10, 1\) for 'C': low must be less than",
        ),
        (
            {"C": (1.0, 1.0)},
            ValueError,
            r"'C': low must be less.*write a list: \[1.0\]",
        ),
        ({"C": (100, 50)}, ValueError, r"write a list: \[100, 50\]"),
        ({"C": (0, float("inf"))}, ValueError, "'C': high must be a finite number"),
        ({"C": (float("nan"), 1.0)}, ValueError, "'C': low must be a finite number"),
        ({"C": Real("1", 2)}, TypeError, "'C': low must be a finite number, got '1'"),
        ({"C": Real(True, 2)}, TypeError, "'C': low must be a finite number, got True"),
        (
            {"C": Integer(1, 2.5)},
            TypeError,
            "'C': high must be a whole number, got 2.5",
        ),
        ({"C": Integer(0, 2**60)}, ValueError, "'C': bounds must lie within"),
        (
            {"alpha": Real(0, 10, scale="log")},
            ValueError,
            r"^Real\(0, 10, scale='log'\) for 'alpha': a log scale needs low > 0, got "
            r"low=0\. Use a small positive bound, for example "
            r"Real\(1e-6, 10, scale='log'\)\.$",
        ),
        (
            {"n": (0, 10, "log-uniform")},
            ValueError,
            r"for 'n'.*got low=0.*Integer\(1, 10, scale='log'\)",
        ),
        ({"n": (-5.0, -1.0, "log-uniform")}, ValueError, r"Real\(1e-6, 1.0, scale"),
        (
            {"p": (0.0, 1.0, "logit-uniform")},
            ValueError,
            "'p': a logit scale needs 0 <",
        ),
        ({"n": (1, 9, "logit-uniform")}, ValueError, "'n': a logit scale needs"),
        ({"n": Integer(1, 9, "logit")}, ValueError, "'n': scale must be one of"),
        ({"n": Real(1, 9, "lgo")}, ValueError, "got 'lgo'. Did you mean 'log'?"),
        ({"n": (1, 9, "log")}, ValueError, "got 'log'. Did you mean 'log-uniform'?"),
        ({"n": (0.1, 9, "loguniform")}, ValueError, "Did you mean 'log-uniform'?"),
        ({"n": OnlyRvs()}, TypeError, r"'n' can be sampled but has no ppf\(\).*scipy"),
        ({"n": stats.loguniform}, TypeError, r"'n'.*Give the distribution its param"),
        (
            {"n": stats.poisson(1e10)},
            ValueError,
            "'n' is spread over more than 100,000",
        ),
        ({"n": stats.norm(0, -1)}, ValueError, r"'n': ppf\(0.5\) is nan"),
    ],
)
def test_bad_input_gets_a_clear_error(space, error, words):
    with pytest.raises(error, match=words):
        Space(space)


# ---- what other libraries read


FOREIGN = {
    "float": ("FloatDistribution", dict(low=0.0, high=1.0, log=False, step=None)),
    "log": ("FloatDistribution", dict(low=1e-3, high=1, log=True, step=None)),
    "grid": ("FloatDistribution", dict(low=0.0, high=1.0, log=False, step=0.25)),
    "int": ("IntDistribution", dict(low=1, high=9, log=False, step=1)),
    "log int": ("IntDistribution", dict(low=1, high=9, log=True, step=1)),
    "int grid": ("IntDistribution", dict(low=1, high=9, log=False, step=4)),
    "choice": ("CategoricalDistribution", dict(choices=("a", None))),
    "skopt real": ("Real", dict(low=1, high=2, prior="uniform", rvs=1)),
    "skopt log": ("Real", dict(low=0.1, high=2, prior="log-uniform", rvs=1)),
    "skopt int": ("Integer", dict(low=1, high=2, prior="uniform", rvs=1)),
    "skopt choice": ("Categorical", dict(categories=("a", "b"), prior=None, rvs=1)),
}
WRITTEN = {
    "float": "(0.0, 1.0)",
    "log": "(0.001, 1.0, 'log-uniform')",
    "grid": "numpy.linspace(0.0, 1.0, 5)",
    "int": "(1, 9)",
    "log int": "(1, 9, 'log-uniform')",
    "int grid": "range(1, 10, 4)",
    "choice": "['a', None]",
    "skopt real": "(1.0, 2.0)",
    "skopt log": "(0.1, 2.0, 'log-uniform')",
    "skopt int": "(1, 2)",
    "skopt choice": "['a', 'b']",
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_optuna_or_skopt_reads_is_answered_with_how_to_write_it(case):
    kind, attributes = FOREIGN[case]
    value = type(kind, (), attributes)()
    with pytest.raises(TypeError) as caught:
        parse("C", value)
    assert f"{kind}, which another library reads" in str(caught.value)
    assert f"Write {WRITTEN[case]}, which means the same." in str(caught.value)
    parse("C", eval(WRITTEN[case], {"numpy": np}))  # what is written is possible


@pytest.mark.parametrize("wrap", [list, tuple])
def test_pairs_of_a_space_and_a_number_are_refused_in_one_sentence(wrap):
    pairs = wrap([({"a": [1]}, 20), {"b": [1]}, ({"c": [1]}, 10)])
    with pytest.raises(TypeError, match=r"2 \(space, n_iter\) pairs.*n_iter=30\."):
        parse_branches(pairs)
    with pytest.raises(TypeError, match=r"1 \(space, n_iter\) pairs.*n_iter=5\."):
        parse_branches(({"a": [1]}, 5))
