"""Bad input gets one clear error before the first fit."""

import re

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV, Categorical, Integer, NoImprovement, Ordinal, Real
from tests.ids import plain

from .doors import SPACE, X, doors_at_all, y
from .spies import Recorder, Toy, fits, two_scores, watched


def assert_refused(search, error, *words, fit_params=None):
    """Check for an error that says the words, and that nothing was fitted before."""
    watched()
    with pytest.raises(error) as caught:
        search.fit(X, y, **(fit_params or {}))
    message = str(caught.value)
    missing = [word for word in words if word not in message]
    assert not missing, f"{missing} not in: {message}"
    assert fits() == []
    assert not hasattr(search, "cv_results_")


# ---- the space


@doors_at_all
def test_an_unknown_parameter(door):
    search = door.search(Toy(), {"kinds": ["x", "y"]})
    assert_refused(search, ValueError, "'kinds'", "Toy", "Did you mean 'kind'?")


@doors_at_all
def test_an_unknown_parameter_of_a_step(door):
    pipe = Pipeline([("scale", StandardScaler()), ("clf", Toy())])
    search = door.search(pipe, {"clf__knd": ["x", "y"]})
    assert_refused(
        search, ValueError, "'clf__knd'", "Pipeline(scale, clf)", "'clf__kind'"
    )
    search = door.search(pipe, {"clv__kind": ["x", "y"]})
    assert_refused(search, ValueError, "'clv__kind'", "'clf__kind'")


@doors_at_all
def test_an_unknown_parameter_of_the_second_alternative(door):
    search = door.search(Toy(), [{"a": [0.1]}, {"aa": [0.1]}])
    assert_refused(search, ValueError, "'aa'", "Toy")


@doors_at_all
def test_an_unknown_parameter_of_an_estimator_in_the_space(door):
    pipe = Pipeline([("clf", Toy())])
    search = door.search(pipe, {"clf": [SVC()], "clf__CC": [1.0]})
    assert_refused(search, ValueError, "'clf__CC'", "SVC", "Did you mean 'clf__C'?")


class Converts(Toy):
    """Changes an argument in its constructor, so that it has no clone."""

    def __init__(self, a=0.5, b=1, kind=("x",)):
        super().__init__(a, b, list(kind))


@doors_at_all
@pytest.mark.parametrize("name", ["a", "not_a_parameter"])
def test_an_estimator_that_cannot_be_cloned(door, name):
    search = door.search(Converts(), {name: [0.1, 0.2]})
    assert_refused(search, RuntimeError, "estimator (a Converts) cannot be cloned")
    pipe = Pipeline([("scale", StandardScaler()), ("clf", Converts())])
    search = door.search(pipe, {f"clf__{name}": [0.1, 0.2]})
    assert_refused(search, RuntimeError, "estimator__clf (a Converts) cannot be cloned")


@doors_at_all
def test_a_choice_that_cannot_be_cloned(door):
    pipe = Pipeline([("scale", StandardScaler()), ("clf", Toy())])
    search = door.search(pipe, {"clf": [Toy(), Converts()], "clf__a": [0.1, 0.2]})
    assert_refused(search, RuntimeError, "search_space['clf'][1] (a Converts) cannot")


RANGES = {
    "low above high": ((2.0, 1.0), ["'a'", "low", "high"]),
    "low equal to high": ((1.0, 1.0), ["'a'", "low", "high"]),
    "integers upside down": ((9, 1), ["'a'", "low", "high"]),
    "log of zero": ((0.0, 1.0, "log-uniform"), ["'a'", "log", "> 0"]),
    "log below zero": ((-1.0, 1.0, "log-uniform"), ["'a'", "log", "> 0"]),
    "log of integer zero": ((0, 9, "log-uniform"), ["'a'", "log", ">"]),
    "logit outside": ((0.0, 1.0, "logit-uniform"), ["'a'", "logit"]),
    "misspelt scale": ((0.1, 1.0, "loguniform"), ["'a'", "'log-uniform'"]),
    "infinite": ((0.0, float("inf")), ["'a'", "finite"]),
    "nan": ((float("nan"), 1.0), ["'a'", "nan"]),
    "empty list": ([], ["'a'", "non-empty"]),
    "empty tuple": ((), ["'a'", "non-empty"]),
    "empty array": (np.array([]), ["'a'", "non-empty"]),
    "Real upside down": (Real(2, 1), ["'a'", "low", "high"]),
    "Real with log of zero": (Real(0, 1, scale="log"), ["'a'", "log", "> 0"]),
    "Integer upside down": (Integer(3, 1), ["'a'", "low", "high"]),
    "unknown scale": (Real(0, 1, scale="logg"), ["'a'", "logg", "log"]),
    "no choices": (Categorical([]), ["'a'", "empty"]),
    "no steps": (Ordinal([]), ["'a'", "empty"]),
    "two dimensions": (np.ones((2, 2)), ["'a'", "one-dimensional"]),
}


@pytest.mark.parametrize("values, words", RANGES.values(), ids=RANGES)
def test_values_that_make_no_range(values, words):
    assert_refused(BayesSearchCV(Toy(), {"a": values}), ValueError, *words)


KINDS = {
    "a number": (0.5, ["'a'", "list", "0.5"]),
    "a text": ("x", ["'a'", "list", "'x'"]),
    "nothing": (None, ["'a'", "None"]),
    "a set": ({0.1, 0.2}, ["'a'", "list"]),
    "a function": (lambda: 0.1, ["'a'", "list"]),
    "Integer of floats": (Integer(0.5, 2.5), ["'a'", "0.5"]),
    "Integer of texts": (Integer("a", "b"), ["'a'"]),
    "Real of texts": (Real("low", "high"), ["'a'"]),
    "a distribution without its parameters": (stats.loguniform, ["'a'", "loguniform"]),
}


@pytest.mark.parametrize("values, words", KINDS.values(), ids=KINDS)
def test_values_of_the_wrong_type(values, words):
    search = BayesSearchCV(Toy(), {"a": values})
    assert_refused(search, (TypeError, ValueError), *words)


@doors_at_all
def test_an_empty_space(door):
    assert_refused(door.search(Toy(), []), ValueError, "empty", "[]")


@pytest.mark.parametrize(
    "space", [None, "a", 5, [1, 2], {1: [2]}, [["a", [1]]]], ids=str
)
def test_what_is_no_space(space):
    search = BayesSearchCV(Toy(), space)
    assert_refused(search, TypeError)


def test_a_condition_on_a_parameter_that_does_not_exist():
    space = {"a": Real(0, 1, when={"kimd": ["x"]}), "kind": ["x", "y"]}
    assert_refused(BayesSearchCV(Toy(), space), ValueError, "'kimd'", "'kind'")


def test_a_condition_that_never_holds():
    space = {"a": Real(0, 1, when={"kind": ["w"]}), "kind": ["x", "y"]}
    assert_refused(BayesSearchCV(Toy(), space), ValueError, "'w'", "kind")


def test_conditions_that_go_in_circles():
    space = {
        "a": Categorical([0.1, 0.2], when={"kind": ["x"]}),
        "kind": Categorical(["x", "y"], when={"a": [0.1]}),
    }
    assert_refused(BayesSearchCV(Toy(), space), ValueError, "a", "kind")


# ---- constraints


@pytest.mark.parametrize(
    "space", [SPACE, {"a": [0.1, 0.2]}], ids=["infinite", "finite"]
)
@doors_at_all
def test_contradictory_constraints(door, space):
    def too_much(params):
        return params["a"] > 2

    search = door.search(Toy(), space, constraints=[too_much])
    assert_refused(search, ValueError, "constraint", "too_much")
    message = _message(search)
    assert re.search(r"0 of (all )?[\d,]+ (sampled )?settings", message)


def _message(search):
    with pytest.raises(ValueError) as caught:
        search.fit(X, y)
    return str(caught.value)


@pytest.mark.parametrize(
    "constraint, error, words",
    [
        (lambda params: params["nothing"] > 1, ValueError, ["constraint", "KeyError"]),
        (lambda params: None, ValueError, ["constraint", "None"]),
        ("a < 1", (TypeError, ValueError), ["constraints"]),
        (["a < 1"], (TypeError, ValueError), ["constraints", "'a < 1'"]),
        (5, (TypeError, ValueError), ["constraints"]),
    ],
)
@doors_at_all
def test_constraints_that_cannot_be_asked(door, constraint, error, words):
    assert_refused(door.search(Toy(), SPACE, constraints=constraint), error, *words)


# ---- the budget


@pytest.mark.parametrize("n_iter", [0, -3, 2.5, "10"])
def test_a_budget_of_nothing(n_iter):
    search = BayesSearchCV(Toy(), SPACE, n_iter=n_iter)
    assert_refused(search, ValueError, "n_iter", repr(n_iter))


def test_no_limit_at_all():
    search = BayesSearchCV(Toy(), SPACE, n_iter=None)
    assert_refused(search, ValueError, "n_iter=None", "max_time")


@pytest.mark.parametrize("max_time", [0, -1.0, "1h"])
@doors_at_all
def test_a_time_of_nothing(door, max_time):
    search = door.search(Toy(), SPACE, max_time=max_time)
    assert_refused(search, ValueError, "max_time", repr(max_time))


# ---- scoring, refit, objective


@doors_at_all
def test_an_unknown_scorer(door):
    search = door.search(Toy(), SPACE, scoring="acuracy")
    assert_refused(search, ValueError, "'acuracy'", "Did you mean 'accuracy'?")


@doors_at_all
def test_an_unknown_scorer_among_several(door):
    search = door.search(
        Toy(), SPACE, scoring=["accuracy", "f1_makro"], refit="accuracy"
    )
    assert_refused(search, ValueError, "'f1_makro'", "Did you mean 'f1_macro'?")


@pytest.mark.parametrize(
    "scoring", [[], {}, 5, ["accuracy", "accuracy"], {1: "accuracy"}], ids=str
)
@doors_at_all
def test_what_is_no_scoring(door, scoring):
    search = door.search(Toy(), SPACE, scoring=scoring, refit=False)
    assert_refused(search, (TypeError, ValueError))


@doors_at_all
def test_an_estimator_without_a_score(door):
    from sklearn.cluster import MeanShift

    search = door.search(MeanShift(), {"bandwidth": [1.0, 2.0]})
    assert_refused(search, TypeError, "MeanShift", "score")


@doors_at_all
def test_several_metrics_without_a_choice(door):
    search = door.search(Toy(), SPACE, scoring=["accuracy", "f1_macro"])
    assert_refused(search, ValueError, "refit", "True")


@doors_at_all
def test_several_metrics_and_an_unknown_choice(door):
    search = door.search(
        Toy(), SPACE, scoring=["accuracy", "f1_macro"], refit="acuracy"
    )
    assert_refused(search, ValueError, "refit", "acuracy")


@doors_at_all
def test_a_function_of_several_metrics_without_a_choice_is_refused_early(door):
    watched()
    with pytest.raises(ValueError, match="refit"):
        door.search(Toy(), SPACE, scoring=two_scores).fit(X, y)
    assert len(fits()) <= 3 * 3  # known after the first candidate


@doors_at_all
def test_an_unknown_objective(door):
    search = door.search(
        Toy(), SPACE, scoring=["accuracy", "f1_macro"], refit=False, objective="acuracy"
    )
    assert_refused(
        search, ValueError, "objective", "'acuracy'", "Did you mean 'accuracy'?"
    )


@doors_at_all
def test_an_objective_for_a_single_metric(door):
    for scoring in (None, "accuracy"):
        search = door.search(Toy(), SPACE, scoring=scoring, objective="accuracy")
        assert_refused(search, ValueError, "objective", "'accuracy'", "several metrics")


@doors_at_all
def test_an_objective_for_a_function_with_one_score(door):
    def score(estimator, X, y):
        return 1.0

    watched()
    with pytest.raises(ValueError, match="objective"):
        door.search(Toy(), SPACE, scoring=score, objective="accuracy").fit(X, y)
    assert len(fits()) <= 3 * 3


@pytest.mark.parametrize("refit", ["accuracy", 5, None, [True]], ids=repr)
@doors_at_all
def test_what_is_no_refit(door, refit):
    search = door.search(Toy(), SPACE, refit=refit)
    if refit == "accuracy":  # scikit-learn takes any text for "yes" here
        search.fit(X, y)
    else:
        assert_refused(search, (TypeError, ValueError), "refit")


# ---- given to the wrong place


@pytest.mark.parametrize(
    "name, value",
    [("random_state", 0), ("budget", 10), ("scoring", "accuracy"), ("cv", 3)],
)
@doors_at_all
def test_parameters_of_the_search_passed_to_fit(door, name, value):
    name = door.budget if name == "budget" else name
    search = door.search(Toy(), SPACE)
    assert_refused(
        search,
        TypeError,
        f"'{name}'",
        type(search).__name__,
        f"{name}={value!r}",
        fit_params={name: value},
    )


@pytest.mark.parametrize("name", ["optimizer_kwargs", "search_spaces", "n_calls"])
def test_parameters_of_other_libraries(name):
    with pytest.raises(TypeError, match=name):
        BayesSearchCV(Toy(), **{"search_space": SPACE, name: 1})


@pytest.mark.skipif(
    not hasattr(GridSearchCV, "set_callbacks"), reason="scikit-learn >= 1.9"
)
@pytest.mark.parametrize("as_list", [True, False])
@doors_at_all
def test_callbacks_of_scikit_learn_have_their_own_door(door, as_list):
    callback = Recorder()
    search = door.search(Toy(), SPACE, callbacks=[callback] if as_list else callback)
    assert_refused(search, (TypeError, ValueError), "callbacks", "set_callbacks")


@pytest.mark.skipif(
    not hasattr(GridSearchCV, "set_callbacks"), reason="scikit-learn >= 1.9"
)
@doors_at_all
def test_a_class_of_callbacks_is_no_callback(door):
    search = door.search(Toy(), SPACE, callbacks=[Recorder])
    assert_refused(search, (TypeError, ValueError), "callbacks", "set_callbacks")


@doors_at_all
def test_a_class_of_rules_is_no_rule(door):
    search = door.search(Toy(), SPACE, stop=NoImprovement)
    assert_refused(search, TypeError, "stop=NoImprovement(...)")


@pytest.mark.parametrize("callbacks", [5, "print", ["print"], [None]], ids=repr)
@doors_at_all
def test_what_is_no_callback(door, callbacks):
    search = door.search(Toy(), SPACE, callbacks=callbacks)
    assert_refused(search, (TypeError, ValueError), "callbacks")


# ---- initial_params

INITIAL = {
    "incomplete": ({"a": 0.5}, ["'kind'", "missing"]),
    "outside": ({"a": 1.5, "kind": "x"}, ["'a'", "1.5"]),
    "no choice": ({"a": 0.5, "kind": "w"}, ["'kind'", "'w'"]),
    "unknown": ({"a": 0.5, "kind": "x", "bb": 1}, ["'bb'"]),
    "second of two": (
        [{"a": 0.5, "kind": "x"}, {"a": 2.0, "kind": "x"}],
        ["[1]", "2.0"],
    ),
    "wrong type": ({"a": "high", "kind": "x"}, ["'a'", "'high'"]),
}


@pytest.mark.parametrize("given, words", INITIAL.values(), ids=INITIAL)
@doors_at_all
def test_initial_params_that_are_no_setting(door, given, words):
    search = door.search(Toy(), SPACE, initial_params=given)
    assert_refused(search, ValueError, "initial_params", *words)


@pytest.mark.parametrize("given", [5, "a", ["a"], [None], [("a", 1)]], ids=repr)
@doors_at_all
def test_initial_params_of_the_wrong_type(door, given):
    search = door.search(Toy(), SPACE, initial_params=given)
    assert_refused(search, (TypeError, ValueError), "initial_params")


@doors_at_all
def test_initial_params_against_the_constraints(door):
    search = door.search(
        Toy(),
        SPACE,
        initial_params={"a": 1.0, "kind": "x"},
        constraints=[lambda params: params["a"] < 0.9],
    )
    assert_refused(search, ValueError, "initial_params", "constraint")


# ---- optimizer, acquisition


@pytest.mark.parametrize(
    "name, meant", [("tp", "tpe"), ("forrest", "forest"), ("Sobol", "sobol")]
)
def test_an_unknown_optimizer(name, meant):
    search = BayesSearchCV(Toy(), SPACE, optimizer=name)
    assert_refused(
        search, ValueError, repr(name), f"Did you mean '{meant}'?", "'auto'", "'gp'"
    )


@pytest.mark.parametrize(
    "optimizer", [None, 5, ["gp"], object(), Toy, Toy()], ids=plain
)
def test_what_is_no_optimizer(optimizer):
    search = BayesSearchCV(Toy(), SPACE, optimizer=optimizer)
    assert_refused(search, TypeError, "optimizer=")


def test_a_function_that_makes_no_optimizer():
    search = BayesSearchCV(Toy(), SPACE, optimizer=lambda space, rng: space)
    assert_refused(search, TypeError, "ask", "tell")


@pytest.mark.parametrize("optimizer", ["gp", "forest", "tpe", "random"])
def test_an_unknown_acquisition(optimizer):
    search = BayesSearchCV(Toy(), SPACE, optimizer=optimizer, acquisition="ucv")
    assert_refused(search, ValueError, "'ucv'", "Did you mean 'ucb'?", "'logei'")


# ---- everything else

PARAMETERS = {
    "optimizer": ["bayes", None, 5],
    "acquisition": ["eii", None, 5, min],
    "initial_points": [0, -1, "many", 2.5],
    "n_points": [0, -1, "many", 1.5, None],
    "asynchronous": ["yes", None],
    "objective": [5],
    "error_score": ["ignore", None],
    "random_state": ["seed", -1],
    "n_jobs": ["two", 1.5],
    "verbose": [-1],
    "return_train_score": ["yes"],
    "cv": ["five", 1, 0],
    "pre_dispatch": [None, [1]],
}


@pytest.mark.parametrize(
    "name, value",
    [(name, value) for name, values in PARAMETERS.items() for value in values],
)
def test_parameters_of_the_wrong_type_or_out_of_range(name, value):
    search = BayesSearchCV(Toy(), SPACE, **{"n_iter": 3, name: value})
    words = [] if name in ("cv", "random_state") else [name]
    assert_refused(search, (TypeError, ValueError), *words)


@pytest.mark.parametrize("pre_dispatch", ["many", "0*n_jobs", -1])
def test_a_pre_dispatch_that_means_nothing_changes_nothing_or_is_refused(pre_dispatch):
    search = BayesSearchCV(Toy(), SPACE, n_iter=3, pre_dispatch=pre_dispatch, cv=3)
    try:
        search.fit(X, y)
    except ValueError:
        assert not hasattr(search, "cv_results_")


@doors_at_all
def test_an_estimator_class_instead_of_an_object(door):
    assert_refused(door.search(Toy, SPACE), (TypeError, ValueError))


@doors_at_all
def test_a_splitter_without_splits(door):
    assert_refused(door.search(Toy(), SPACE, cv=iter([])), ValueError)


@doors_at_all
def test_more_folds_than_rows(door):
    assert_refused(door.search(Toy(), SPACE, cv=KFold(31)), ValueError, "31")


@doors_at_all
def test_data_of_unequal_length(door):
    watched()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        door.search(Toy(), SPACE).fit(X, y[:-1])
    assert fits() == []


@doors_at_all
def test_an_unpicklable_search_in_processes(door):
    import threading

    search = door.search(Toy(log=None), SPACE, n_jobs=2)
    search.estimator.kind = threading.Lock()
    with pytest.raises((ValueError, TypeError), match="pickle|cannot be sent"):
        search.fit(X, y)


@doors_at_all
def test_the_mistake_can_be_corrected_on_the_same_object(door):
    search = door.search(RandomForestClassifier(n_estimators=2), {"max_deph": [1, 2]})
    with pytest.raises(ValueError, match="max_depth"):
        search.fit(X, y)
    search.set_params(search_space={"max_depth": [1, 2]}).fit(X, y)
    assert set(search.best_params_) == {"max_depth"}
