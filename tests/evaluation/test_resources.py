"""What a rung counts, how it is found, and what stands in the way."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skhpo.evaluation._resources import (
    Resource,
    choose_resource,
    resource_bounds,
    resource_info,
)
from skhpo.evaluation._rows import nest_rows
from skhpo.evaluation._stepper import Seeds, Step, train
from tests.evaluation.growers import RowSpy, Sweeper, Sweeps

CLF = Pipeline([("scaler", StandardScaler()), ("clf", SGDClassifier())])


def info(estimator, resource="auto", least="auto", most="auto", factor=3, **choice):
    chosen = choose_resource(resource, estimator, **choice)
    rows, n_classes = make_rows(900), 2
    bounds = resource_bounds(chosen, estimator, least, most, factor, rows, n_classes)
    return resource_info(chosen, *bounds)


def make_rows(n, cv=None):
    y = np.arange(n) % 2
    splits = list((cv or KFold(3)).split(y, y))
    rng = np.random.default_rng(0)
    return nest_rows(splits, y, is_classifier=True, rng=rng)


# ---- what is found


@pytest.mark.parametrize(
    "estimator, kind, param, most, mode",
    [
        (SGDClassifier(), "epochs", None, 81, "continued"),
        (SGDRegressor(max_iter=5), "epochs", None, 81, "continued"),
        (MLPClassifier(max_iter=50), "epochs", None, 50, "continued"),
        (MLPClassifier(solver="lbfgs"), "n_samples", None, 600, "refitted"),
        (RandomForestClassifier(), "trees", "n_estimators", 100, "continued"),
        (BaggingClassifier(), "estimators", "n_estimators", 10, "continued"),
        (
            GradientBoostingClassifier(n_estimators=7),
            *("boosting rounds", "n_estimators", 7, "continued"),
        ),
        (
            HistGradientBoostingClassifier(),
            *("boosting rounds", "max_iter", 100, "continued"),
        ),
        (CLF, "epochs", None, 81, "continued"),
        (
            make_pipeline(StandardScaler(), RandomForestClassifier()),
            *("trees", "randomforestclassifier__n_estimators", 100, "continued"),
        ),
        # a partial_fit is not an epoch, and a warm start not a resource
        (GaussianNB(), "n_samples", None, 600, "refitted"),
        (LogisticRegression(), "n_samples", None, 600, "refitted"),
        (SVC(), "n_samples", None, 600, "refitted"),
        # through wrappers no further
        (
            TransformedTargetRegressor(SGDRegressor()),
            "n_samples",
            None,
            600,
            "refitted",
        ),
        (make_pipeline(SVC(), "passthrough"), "n_samples", None, 600, "refitted"),
        (Sweeper(), "sweeps", None, 27, "continued"),
        (make_pipeline(StandardScaler(), Sweeper()), "sweeps", None, 27, "continued"),
    ],
)
def test_the_resource_is_found(estimator, kind, param, most, mode):
    found = info(estimator)
    assert [found[key] for key in ("kind", "param", "max", "mode")] == [
        *(kind, param, most, mode)
    ]
    assert found["why"].endswith(".")


def test_subclasses_and_libraries_are_known_by_name():
    class Forest(RandomForestClassifier):
        pass

    assert info(Forest())["kind"] == "trees"

    class LGBMModel(BaseEstimator):
        __module__ = "lightgbm.sklearn"

        def __init__(self, n_estimators=60, boosting_type="gbdt"):
            self.n_estimators = n_estimators
            self.boosting_type = boosting_type

    found = info(LGBMModel())
    assert (found["kind"], found["max"]) == ("boosting rounds", 60)
    assert "init_model" in found["why"]
    with pytest.warns(UserWarning, match="boosting_type='dart'.*cannot be continued"):
        assert info(LGBMModel(boosting_type="dart"))["mode"] == "refitted"


def test_catboost_is_continued_only_with_a_learning_rate_of_its_own():
    class CatBoost(BaseEstimator):
        """Its get_params holds what was given, and nothing else."""

        __module__ = "catboost.core"

        def __init__(self, **params):
            self.given = params

        def get_params(self, deep=True):
            return self.given

    still = {"random_strength": 0, "bootstrap_type": "No"}
    assert info(CatBoost(learning_rate=0.1, **still))["param"] == "iterations"
    assert info(CatBoost(learning_rate=0.1, **still))["max"] == 1000
    searched = info(CatBoost(**still), searched=["learning_rate"])
    assert searched["mode"] == "continued"
    given = info(CatBoost(learning_rate=0.1, num_trees=30, **still))
    assert (given["param"], given["max"]) == ("num_trees", 30)
    with pytest.warns(UserWarning, match="derives from the number of rounds"):
        assert info(CatBoost(**still))["mode"] == "refitted"


def test_the_forest_of_a_boosting_library_is_not_boosted():
    class XGBModel(BaseEstimator):
        __module__ = "xgboost.sklearn"

        def __init__(self, n_estimators=None):
            self.n_estimators = n_estimators

    class XGBRFClassifier(XGBModel):
        __module__ = "xgboost.sklearn"

    assert info(XGBModel())["max"] == 100
    assert info(XGBRFClassifier())["kind"] == "n_samples"


def test_what_is_asked_for_wins():
    assert info(RandomForestClassifier(), "n_samples")["kind"] == "n_samples"
    assert info(RowSpy(), "epochs")["max"] == 81
    assert info(Sweeper(), "epochs")["kind"] == "epochs"
    assert info(SGDClassifier(), Sweeps())["kind"] == "sweeps"
    named = info(CLF.set_params(), "clf__max_iter", most=40)
    assert (named["param"], named["mode"]) == ("clf__max_iter", "refitted")
    grown = info(RandomForestClassifier(), "n_estimators")
    assert (grown["param"], grown["mode"]) == ("n_estimators", "continued")
    depth = info(DecisionTreeClassifier(), "max_depth", most=9)
    assert (depth["kind"], depth["mode"]) == ("max_depth", "refitted")


def test_a_choice_travels_to_other_processes():
    rows = pickle.loads(pickle.dumps(choose_resource("n_samples", SVC())))
    assert rows.is_rows
    epochs = pickle.loads(pickle.dumps(choose_resource("auto", CLF)))
    assert epochs.continued and not epochs.is_rows


def test_sweeps_are_a_resource():
    assert isinstance(Sweeps(), Resource)
    assert not isinstance(SVC(), Resource)


def test_info_says_what_becomes_of_early_stopping_and_of_kept_models():
    assert "'auto' is off" in info(HistGradientBoostingClassifier())["why"]
    assert (
        "off" not in info(HistGradientBoostingClassifier(early_stopping=False))["why"]
    )
    chosen = choose_resource("auto", SGDClassifier())
    without = resource_info(chosen, 3, 81, keeps_models=False)
    assert without["mode"] == "refitted"
    assert "keep_models='none'" in without["why"]
    adaptive = info(SGDClassifier(learning_rate="adaptive", eta0=0.1))
    assert "does not adapt" in adaptive["why"]
    counted = info(KNeighborsClassifier(), searched=["n_neighbors", "p"])
    assert "n_neighbors" in counted["why"]
    assert "Counts" not in info(KNeighborsClassifier(), searched=["p"])["why"]


# ---- what stands in the way


@pytest.mark.parametrize(
    "estimator, settings, obstacle",
    [
        (
            HistGradientBoostingClassifier(early_stopping=True),
            {},
            "early_stopping=True",
        ),
        (
            HistGradientBoostingClassifier(),
            {"searched": ["early_stopping"]},
            "early_stopping in the search space",
        ),
        (
            GradientBoostingClassifier(n_iter_no_change=3),
            *({}, "n_iter_no_change=3"),
        ),
        (BaggingClassifier(oob_score=True), {}, "oob_score=True"),
    ],
)
def test_models_that_stop_themselves_are_refitted(estimator, settings, obstacle):
    with pytest.warns(UserWarning, match=f"refitted at each rung: with {obstacle}"):
        chosen = choose_resource("auto", estimator, **settings)
    assert not chosen.continued
    assert chosen.param in ("max_iter", "n_estimators")
    assert obstacle in chosen.why
    X = np.random.default_rng(0).normal(size=(60, 2))
    step = Step(40, Seeds(0, 0, 0))
    model = train(chosen, clone(estimator), X, np.arange(60) % 2, step)
    assert model.estimator.get_params()[chosen.param] == 40


@pytest.mark.parametrize(
    "estimator, settings, error, message",
    [
        (
            MLPClassifier(early_stopping=True),
            *(
                {},
                ValueError,
                "early_stopping=True rules out. Set early_stopping=False",
            ),
        ),
        (
            CLF,
            {"searched": ["clf__early_stopping"]},
            *(ValueError, "clf__early_stopping in the search space.*'n_samples'"),
        ),
        (
            RandomForestClassifier(),
            {"searched": ["max_depth", "n_estimators"]},
            *(ValueError, "'n_estimators' is in the search space.*number of trees"),
        ),
        (
            MLPClassifier(),
            {"searched": ["max_iter"]},
            *(ValueError, "'max_iter' is in the search space.*number of epochs"),
        ),
        (
            make_pipeline(SVC()),
            {"resource": "svc__max_iter", "searched": ["svc__max_iter"]},
            *(ValueError, "'svc__max_iter' is in the search space"),
        ),
        (
            LogisticRegression(),
            {"resource": "n_estimators"},
            ValueError,
            "'n_estimators' is not a parameter of LogisticRegression. "
            "LogisticRegression cannot be trained in steps; use growing data: "
            "resource='n_samples'",
        ),
        (
            RandomForestClassifier(),
            {"resource": "n_estimatrs"},
            *(ValueError, "Did you mean 'n_estimators'.*by trees: resource='n_est"),
        ),
        (
            CLF,
            {"resource": "max_iter"},
            ValueError,
            r"not a parameter of Pipeline\(scaler, clf\).*Did you mean "
            "'clf__max_iter'.*resource='epochs'",
        ),
        (
            RandomForestClassifier(),
            {"resource": "epochs"},
            *(ValueError, "needs partial_fit.*trees: resource='n_estimators'"),
        ),
        (
            MLPClassifier(solver="lbfgs"),
            {"resource": "epochs"},
            *(ValueError, "needs partial_fit.*cannot be trained in steps"),
        ),
        (SVC(), {"resource": "kernel"}, ValueError, "counts nothing, as kernel='rbf'"),
        (SVC(), {"resource": "shrinking"}, ValueError, "counts nothing"),
        (SVC(), {"resource": "C"}, ValueError, "counts nothing, as C=1.0"),
        (SVC(), {"resource": 5}, TypeError, "resource=5 must be a string or an obj"),
        (
            RowSpy(),
            {"resource": "epochs", "fit_params": {"coef_init": 0}},
            *(TypeError, "RowSpy.partial_fit takes no coef_init.*'n_samples'"),
        ),
        (
            CLF,
            {"fit_params": {"clf__coef_init": 0}},
            *(TypeError, "SGDClassifier.partial_fit takes no coef_init"),
        ),
    ],
)
def test_what_cannot_be_is_said_before_the_first_fit(
    estimator, settings, error, message
):
    with pytest.raises(error, match=message):
        choose_resource(settings.pop("resource", "auto"), estimator, **settings)


class Passes(RowSpy):
    """Declares in an attribute that a call of partial_fit is an epoch."""

    __skhpo_resource__ = "epochs"


class Blocks(RowSpy):
    """Has a partial_fit of which nothing is known."""


def test_a_partial_fit_of_which_nothing_is_known_is_named():
    found = info(Blocks())
    assert (found["kind"], found["mode"]) == ("n_samples", "refitted")
    assert "Blocks has a partial_fit" in found["why"]
    assert "resource='epochs'" in found["why"]
    in_pipeline = info(make_pipeline(StandardScaler(), Blocks()))
    assert "resource='epochs'" in in_pipeline["why"]
    for settings in ({"most": 300}, {"least": 100}):
        with pytest.warns(UserWarning, match="count rows here.*resource='epochs'"):
            info(Blocks(), **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info(Blocks())
        info(Blocks(), "n_samples", most=300)  # rows were asked for
        info(SVC(), most=300)
    for settings in ({"most": 601}, {"least": 3}, {"least": 400, "most": 300}):
        with (
            pytest.raises(ValueError, match="resource='epochs'"),
            pytest.warns(UserWarning, match="count rows here"),
        ):
            info(Blocks(), **settings)
    with pytest.raises(ValueError, match="by its partial_fit.*resource='epochs'"):
        choose_resource("sweeps", Blocks())
    assert info(Blocks(), "epochs")["mode"] == "continued"


def test_naive_bayes_counts_rows_twice_that_it_is_shown_twice():
    for model in (GaussianNB(), make_pipeline(MultinomialNB())):
        why = info(model, most=300)["why"]
        assert "no further epoch" in why and "count twice" in why


def test_an_estimator_declares_its_resource_in_a_method_or_an_attribute():
    class ByObject(RowSpy):
        __skhpo_resource__ = Sweeps()

    class ByClass(RowSpy):
        __skhpo_resource__ = Sweeps

    class ByMethod(RowSpy):
        def __skhpo_resource__(self):
            return "epochs"

    class ByRows(SGDClassifier):
        __skhpo_resource__ = "n_samples"

    class ByParameter(LogisticRegression):
        __skhpo_resource__ = "max_iter"

    for kind, expected in [
        (Passes, "epochs"),
        (ByMethod, "epochs"),
        (ByObject, "sweeps"),
        (ByClass, "sweeps"),
        (ByRows, "n_samples"),
    ]:
        assert info(kind())["kind"] == expected
        assert info(make_pipeline(StandardScaler(), kind()))["kind"] == expected
    assert info(Passes())["mode"] == "continued"
    assert info(Passes(), "epochs")["kind"] == "epochs"
    pipeline = make_pipeline(StandardScaler(), ByParameter())
    assert info(pipeline)["param"] == "byparameter__max_iter"


def test_networks_of_skorch_go_on_by_epochs_of_one_pass():
    class NeuralNetClassifier(RowSpy):
        __module__ = "skorch.classifier"

        def __init__(self, max_epochs=10):
            self.max_epochs = max_epochs

    assert info(NeuralNetClassifier(1))["kind"] == "epochs"
    found = info(NeuralNetClassifier())
    assert found["kind"] == "n_samples"
    assert "Set max_epochs=1" in found["why"]


def test_a_step_that_is_searched_grows_by_rows():
    found = info(CLF, searched=["clf", "clf__alpha"])
    assert found["kind"] == "n_samples"
    assert "'clf' is in the search space" in found["why"]


@pytest.mark.parametrize("word", ["samples", "n_sample", "rows"])
def test_rows_under_another_name_are_understood(word):
    with pytest.raises(ValueError, match="Did you mean 'n_samples'"):
        choose_resource(word, SVC())


def test_weights_that_partial_fit_does_not_take_are_refused():
    class Weightless(RowSpy):
        def partial_fit(self, X, y, classes=None):
            return super().partial_fit(X, y, classes)

    weights = {"sample_weight": np.ones(3)}
    with pytest.raises(TypeError, match="Weightless.partial_fit takes no sample_weig"):
        choose_resource("epochs", Weightless(), fit_params=weights)
    assert choose_resource("n_samples", Weightless(), fit_params=weights).is_rows
    in_pipeline = {"clf__sample_weight": np.ones(3)}
    assert choose_resource("auto", CLF, fit_params=in_pipeline).continued


def test_a_network_whose_calls_are_many_epochs_is_refused():
    class NeuralNet(RowSpy):
        def __init__(self, max_epochs=10):
            self.max_epochs = max_epochs

    with pytest.raises(ValueError, match="max_epochs=10 rules out. Set max_epochs=1 "):
        choose_resource("epochs", NeuralNet())
    assert choose_resource("epochs", NeuralNet(1)).continued


def test_an_own_resource_must_count_by_a_parameter_that_exists():
    class Wrong(Sweeps):
        param = "n_sweps"

    class HasSweeps(BaseEstimator):
        def __init__(self, n_sweeps=1):
            self.n_sweeps = n_sweeps

    with pytest.raises(ValueError, match="'n_sweps', which is none.*'n_sweeps'"):
        choose_resource(Wrong(), HasSweeps())


def test_a_pipeline_that_resamples_goes_on_and_says_what_resamples():
    class Resampler(StandardScaler):
        def fit_resample(self, X, y):
            return X, y

    pipeline = make_pipeline(Resampler(), SGDClassifier())
    for chosen in (choose_resource(name, pipeline) for name in ("auto", "epochs")):
        assert chosen.kind == "epochs"
        assert chosen.why.endswith("resampled once per model, by Resampler.")
    assert "resampled" not in choose_resource("auto", SGDClassifier()).why


# ---- from where to where


@pytest.mark.parametrize(
    "estimator, settings, expected",
    [
        (SGDClassifier(), {}, (3, 81)),
        (RandomForestClassifier(), {}, (3, 100)),
        (RandomForestClassifier(), {"most": 8}, (1, 8)),
        (RandomForestClassifier(), {"most": 1000, "factor": 10}, (1, 1000)),
        (SGDClassifier(), {"least": 1, "most": 243}, (1, 243)),
        (SVC(), {}, (200, 600)),  # a third: fewer than 250, but two rungs
        (SVC(), {"least": 4}, (4, 600)),
        (SVC(), {"most": 300}, (100, 300)),
    ],
)
def test_bounds(estimator, settings, expected):
    found = info(estimator, **settings)
    assert (found["min"], found["max"]) == expected
    assert type(found["min"]) is type(found["max"]) is int


def test_many_rows_start_at_a_27th_or_at_250():
    chosen = choose_resource("auto", SVC())
    for n, n_classes, expected in [(30_000, 2, 740), (3000, 2, 250), (3000, 8, 400)]:
        rows = make_rows(n)
        least, most = resource_bounds(chosen, SVC(), "auto", "auto", 3, rows, n_classes)
        assert (least, most) == (expected, 2 * n // 3)


def test_few_rows_are_not_cut_and_that_is_said():
    chosen = choose_resource("auto", SVC())
    rows = make_rows(150)
    with pytest.warns(UserWarning, match="The 100 rows of a training fold are too few"):
        bounds = resource_bounds(chosen, SVC(), "auto", "auto", 3, rows, 2)
    assert bounds == (100, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resource_bounds(chosen, SVC(), 20, "auto", 3, rows, 2) == (20, 100)


@pytest.mark.parametrize(
    "estimator, settings, message",
    [
        (SGDClassifier(), {"least": 100}, "min_resource=100 is more than.*= 81 epochs"),
        (SGDClassifier(), {"least": 0}, "min_resource must be 'auto' or an integer"),
        (SGDClassifier(), {"most": 2.5}, "max_resource must be .* got 2.5"),
        (SGDClassifier(), {"most": True}, "max_resource must be .* got True"),
        (SVC(), {"most": 601}, "more than the 600 rows of the smallest"),
        (SVC(), {"least": 3}, "min_resource=3 rows are too few: it takes 4"),
        (
            DecisionTreeClassifier(),
            {"resource": "max_depth"},
            "'auto' finds no number of max_depth.*found None.*max_resource=<int>",
        ),
    ],
)
def test_bounds_that_make_no_search_are_refused(estimator, settings, message):
    with pytest.raises(ValueError, match=message):
        info(estimator, **settings)
