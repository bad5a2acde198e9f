import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo.space import Space
from skhpo.space._names import check_names

PIPE = Pipeline([("scaler", StandardScaler()), ("clf", LogisticRegression())])


@pytest.mark.parametrize(
    "space",
    [
        {},
        {"clf__C": [1], "scaler__with_mean": [True], "scaler": ["passthrough"]},
        {"clf": [SVC()], "clf__gamma": [1]},
        {
            "clf": [SVC(), RandomForestClassifier()],
            "clf__max_depth": [1],
            "clf__gamma": [1],
        },
        {"scaler": [StandardScaler(), "passthrough"], "scaler__with_std": [True]},
        {"scaler": ["passthrough"]},
        [{"clf": [SVC()], "clf__gamma": [1]}, {"clf__C": [1]}],
        {
            "clf": [BaggingClassifier()],
            "clf__estimator": [SVC(), None],
            "clf__estimator__gamma": [1],
        },
    ],
)
def test_names_of_the_estimator_or_of_what_may_replace_a_part(space):
    check_names(Space(space), PIPE)


def test_names_deep_in_a_column_transformer():
    union = ColumnTransformer([("num", Pipeline([("sc", StandardScaler())]), [0])])
    pipe = Pipeline([("union", union), ("clf", SVC())])
    check_names(Space({"union__num__sc__with_mean": [True]}), pipe)
    with pytest.raises(ValueError, match="Did you mean 'union__num__sc__with_mean'"):
        check_names(Space({"union__num__sc__with_maen": [True]}), pipe)


def test_an_unknown_name_is_answered_with_the_nearest():
    n = len(PIPE.get_params())
    words = (
        r"^'clf__max_itre' is not a parameter of Pipeline\(scaler, clf\)\. "
        r"Did you mean 'clf__max_iter'\? "
        rf"All {n} names: estimator\.get_params\(\)\.keys\(\)\.$"
    )
    with pytest.raises(ValueError, match=words):
        check_names(Space({"clf__max_itre": [1]}), PIPE)


@pytest.mark.parametrize(
    "name, hint",
    [
        ("C", "Did you mean 'clf__C'?"),
        ("copy", "Did you mean 'scaler__copy'?"),
        ("verbos", "Did you mean 'verbose'?"),
    ],
)
def test_a_forgotten_step_is_found(name, hint):
    with pytest.raises(ValueError) as caught:
        check_names(Space({name: [1]}), PIPE)
    assert hint in str(caught.value)


def test_of_a_name_that_several_steps_have_all_are_offered():
    pipe = Pipeline([("a", StandardScaler()), ("b", StandardScaler())])
    words = "Did you mean 'a__with_mean' or 'b__with_mean'"
    with pytest.raises(ValueError, match=words):
        check_names(Space({"with_mean": [True]}), pipe)


@pytest.mark.parametrize(
    "space, words",
    [
        ({"C": [1]}, r"'C' is not a parameter of Pipeline"),
        ([{"clf__C": [1]}, {"clf__CC": [1]}], "'clf__CC'.*'clf__C'"),
        (
            {"clf": [RandomForestClassifier()], "clf__C": [1]},
            "'clf__C' is not a parameter of RandomForestClassifier.*for 'clf'",
        ),
        (
            [{"clf": [SVC()]}, {"clf__gamma": [1]}],
            "'clf__gamma' is not a parameter of Pipeline",
        ),
        (
            {"clf": [SVC(), RandomForestClassifier()], "clf__gama": [1]},
            "SVC or RandomForestClassifier.*Did you mean 'clf__gamma'",
        ),
        ({"nope__C": [1]}, "'nope__C' is not a parameter of Pipeline"),
        ({"clf__C__deep": [1]}, "'clf__C__deep' is not a parameter"),
    ],
)
def test_a_wrong_name_is_found_in_every_alternative(space, words):
    with pytest.raises(ValueError, match=words):
        check_names(Space(space), PIPE)


def test_a_passthrough_step_belongs_to_its_candidates():
    pipe = Pipeline([("scaler", "passthrough"), ("clf", SVC())])
    check_names(
        Space({"scaler": [StandardScaler(), None], "scaler__with_mean": [True]}), pipe
    )
    with pytest.raises(ValueError, match="'scaler__with_mean' is not a parameter"):
        check_names(Space({"scaler__with_mean": [True]}), pipe)


def test_estimators_that_do_not_tell_are_taken_at_their_word():
    class Silent:
        def get_params(self, deep=True):
            return {}

    class Rude:
        def get_params(self, deep=True):
            raise RuntimeError

    class Bare:
        pass

    for estimator in (Silent(), Rude(), Bare()):
        check_names(Space({"anything": [1], "a__b": [2]}), estimator)
    check_names(Space({"clf": [Silent()], "clf__anything": [1]}), PIPE)
