import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo.space import Integer, Real, Space
from skhpo.space._defaults import default_params, starting_points
from tests.ids import plain

LOG_C = (1e-3, 1e3, "log-uniform")


@pytest.mark.parametrize(
    "space, estimator, expected",
    [
        ({"C": LOG_C, "kernel": ["linear", "rbf"]}, SVC(), {"C": 1.0, "kernel": "rbf"}),
        ({"C": (2.0, 3.0)}, SVC(), {"C": 2.0}),
        ({"C": (0.1, 0.5)}, SVC(C=9.0), {"C": 0.5}),
        ({"degree": (4, 9)}, SVC(), {"degree": 4}),
        ({"C": stats.expon(scale=10)}, SVC(), {"C": 1.0}),
        ({"degree": stats.poisson(3)}, SVC(), {"degree": 3}),
        ({"gamma": ["scale", "auto"]}, SVC(), {"gamma": "scale"}),
        ({"class_weight": ["balanced", None]}, SVC(), {"class_weight": None}),
        ({}, SVC(), {}),
        # no place in the space
        ({"gamma": LOG_C}, SVC(), None),
        # 2 rows, where the range holds shares of them
        ({"min_samples_split": (0.01, 0.99)}, RandomForestClassifier(), None),
        ({"min_samples_leaf": stats.uniform(0, 0.5)}, RandomForestClassifier(), None),
        ({"max_depth": (1, 9)}, RandomForestClassifier(), None),
        ({"max_features": (1, 9)}, RandomForestClassifier(max_features=1.0), None),
        ({"kernel": ["poly"]}, SVC(), None),
        ({"C": [0.1, 10]}, SVC(), None),
        ({"nonsense": [1]}, SVC(), None),
    ],
    ids=plain,
)
def test_the_estimators_own_setting(space, estimator, expected):
    space = Space(space)
    found = default_params(space, estimator)
    if expected is None:
        assert found is None
    else:
        point, params = found
        assert params == expected
        assert list(map(type, params.values())) == list(map(type, expected.values()))
        assert np.array_equal(space.snap(point[None])[0], point, equal_nan=True)
        assert space.key(space.to_point(params)) == space.key(point)


def test_conditions_are_those_of_the_current_values():
    space = Space(
        {
            "degree": Integer(4, 6, when={"kernel": "poly"}),
            "coef0": Real(0.5, 1, when={"degree": 4}),
            "kernel": ["rbf", "poly"],
        }
    )
    assert default_params(space, SVC())[1] == {"kernel": "rbf"}
    of_poly = default_params(space, SVC(kernel="poly"))[1]
    assert of_poly == {"degree": 4, "coef0": 0.5, "kernel": "poly"}
    assert list(of_poly) == ["degree", "coef0", "kernel"]


def test_the_alternative_that_the_estimator_is_in():
    svc, forest = SVC(), RandomForestClassifier()
    space = Space(
        [
            {"clf": [svc], "clf__C": LOG_C},
            {"clf": [forest], "clf__max_depth": [3, None]},
        ]
    )
    steps = [("scaler", StandardScaler())]
    for clf, branch, own in [
        (SVC(), 0, {"clf": svc, "clf__C": 1.0}),
        (RandomForestClassifier(), 1, {"clf": forest, "clf__max_depth": None}),
    ]:
        point, params = default_params(space, Pipeline([*steps, ("clf", clf)]))
        assert space.branch_of(point) == branch
        assert params == own
    other = Pipeline([*steps, ("clf", LogisticRegression())])
    assert default_params(space, other) is None


def test_a_setting_that_violates_a_constraint_is_skipped():
    assert default_params(Space({"C": LOG_C}, lambda p: p["C"] > 5), SVC()) is None


def test_estimators_without_parameters_have_no_setting():
    assert default_params(Space({"a": [1]}), object()) is None


def starts(space, estimator):
    """The settings; each must stand at its point."""
    space = Space(space) if not isinstance(space, Space) else space
    found = starting_points(space, estimator)
    for point, params in found:
        assert space.key(space.to_point(params)) == space.key(point)
    return [params for _, params in found]


@pytest.mark.parametrize(
    "space, estimator, expected",
    [
        ({"C": LOG_C, "kernel": ["linear", "rbf"]}, SVC(), {"C": 1.0, "kernel": "rbf"}),
        ({"C": (0.01, 1.0, "log-uniform"), "gamma": LOG_C}, SVC(C=0.5), (0.5, 1.0)),
        ({"kernel": ["poly", "sigmoid"], "degree": (1, 4)}, SVC(), ("poly", 3)),
        ({"max_depth": (1, 9)}, RandomForestClassifier(), (5,)),
        ({"min_samples_leaf": (0.1, 0.5)}, RandomForestClassifier(), (0.3,)),
    ],
    ids=str,
)
def test_what_has_no_place_starts_in_the_middle(space, estimator, expected):
    (params,) = starts(space, estimator)
    if not isinstance(expected, dict):
        expected = dict(zip(space, expected, strict=True))
    assert params == {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in expected.items()
    }


def test_each_alternative_has_a_start_and_the_estimators_own_comes_first():
    svc, forest = SVC(), RandomForestClassifier(min_samples_leaf=3)
    space = [
        {"clf": [svc], "clf__C": LOG_C, "clf__gamma": (0.01, 1.0, "log-uniform")},
        {"clf": [forest], "clf__min_samples_leaf": (1, 9)},
        {
            "scaler": ["passthrough"],
            "clf": [LogisticRegression(C=7.0)],
            "clf__C": LOG_C,
        },
    ]
    steps = [("scaler", StandardScaler()), ("clf", RandomForestClassifier())]
    found = starts(space, Pipeline(steps))
    # the forest of the pipeline is another one than that of the space
    assert found[0] == {"clf": svc, "clf__C": 1.0, "clf__gamma": pytest.approx(0.1)}
    assert found[1] == {"clf": forest, "clf__min_samples_leaf": 3}
    assert found[2]["clf__C"] == 7.0
    assert len(found) == 3
    own = starts(space, Pipeline([*steps[:1], ("clf", clone(forest))]))
    assert own == [found[1], found[0], found[2]]


def test_starts_obey_conditions_and_constraints():
    space = {
        "kernel": ["poly", "sigmoid"],
        "degree": Integer(2, 4, when={"kernel": "poly"}),
        "coef0": Real(0.0, 1.0, when={"kernel": "sigmoid"}),
    }
    assert starts(space, SVC()) == [{"kernel": "poly", "degree": 3}]
    assert starts(Space({"C": LOG_C}, lambda params: params["C"] > 5), SVC()) == []


def test_alternatives_with_one_and_the_same_setting_have_one_start():
    assert starts([{"C": (0.1, 2.0)}, {"C": (0.1, 2.0)}], SVC()) == [{"C": 1.0}]
