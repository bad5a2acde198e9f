"""The stepper: 10, then 30, then 90 is 90 at once."""

import pickle
import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    LogisticRegression,
    PassiveAggressiveClassifier,
    Perceptron,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder
from sklearn.svm import SVC

from skhpo.evaluation._resources import choose_resource
from skhpo.evaluation._stepper import (
    Model,
    Seeds,
    Step,
    classes_of,
    silenced,
    train,
)
from tests.evaluation.growers import (
    CountingScaler,
    RowSpy,
    Selfish,
    Sweeper,
    step_in_worker,
    steps_to,
)

X, y = make_classification(
    90, 6, n_informative=4, n_classes=3, class_sep=0.5, random_state=0
)
SEEDS = Seeds(root=7, candidate=1, fold=2)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Class PassiveAggressive:FutureWarning"  # leaves scikit-learn in 1.10
)


def small_mlp(kind, **params):
    return kind(hidden_layer_sizes=(5,), batch_size=30, **params)


FAMILIES = {
    "SGDClassifier": SGDClassifier(loss="log_loss"),
    "averaged SGD": SGDClassifier(average=True, learning_rate="invscaling", eta0=0.1),
    "SGDRegressor": SGDRegressor(),
    "SGDOneClassSVM": SGDOneClassSVM(),
    "Perceptron": Perceptron(penalty="l1"),
    "MLPClassifier": small_mlp(MLPClassifier),
    "MLP by sgd": small_mlp(MLPClassifier, solver="sgd", learning_rate="invscaling"),
    "MLPRegressor": small_mlp(MLPRegressor),
    "PassiveAggressive": PassiveAggressiveClassifier,
    "RandomForestClassifier": RandomForestClassifier(max_depth=3),
    "RandomForestRegressor": RandomForestRegressor(max_depth=3, random_state=3),
    "ExtraTreesClassifier": ExtraTreesClassifier(max_depth=3),
    "ExtraTreesRegressor": ExtraTreesRegressor(max_depth=3, bootstrap=True),
    "RandomTreesEmbedding": RandomTreesEmbedding(max_depth=2),
    "IsolationForest": IsolationForest(max_samples=20, contamination=0.1),
    "BaggingClassifier": BaggingClassifier(max_features=0.5, max_samples=0.5),
    "BaggingRegressor": BaggingRegressor(SGDRegressor(max_iter=5, tol=None)),
    "GradientBoosting": GradientBoostingClassifier(subsample=0.5, max_features=2),
    "GradientBoostingRegressor": GradientBoostingRegressor(loss="huber", subsample=0.7),
    "HistGradientBoosting": HistGradientBoostingClassifier(
        max_features=0.5, min_samples_leaf=5, max_leaf_nodes=4
    ),
    "HistGradientBoostingRegressor": HistGradientBoostingRegressor(min_samples_leaf=5),
    "RandomState": RandomForestClassifier(random_state=np.random.RandomState(3)),
    "pipeline": make_pipeline(StandardScaler(), SGDClassifier()),
}


def output(estimator, X=X):
    """What a model says about rows, as numbers."""
    for method in ("predict_proba", "decision_function", "predict", "transform"):
        if hasattr(estimator, method):
            out = getattr(estimator, method)(X)
            return out.toarray() if hasattr(out, "toarray") else out


@pytest.mark.parametrize("name", FAMILIES)
def test_steps_give_the_model_that_one_step_gives(name):
    estimator = FAMILIES[name]
    if isinstance(estimator, type):  # deprecated: made only under the filter above
        estimator = estimator()
    chosen = choose_resource("auto", estimator)
    assert chosen.continued
    classes = np.unique(y)
    stepped = steps_to(chosen, estimator, X, y, [2, 5, 12], classes=classes)
    at_once = steps_to(chosen, estimator, X, y, [12], classes=classes)
    np.testing.assert_array_equal(output(stepped.estimator), output(at_once.estimator))
    short = steps_to(chosen, estimator, X, y, [2], classes=classes)
    assert not np.array_equal(output(short.estimator), output(at_once.estimator))
    assert stepped.units == 12
    # and the parameters read as before, but for the number of units
    expected = clone(estimator)
    if chosen.param is not None:
        expected.set_params(**{chosen.param: 12})
    changed, expected = (
        {k: repr(v).partition(" at ")[0] for k, v in one.get_params().items()}
        for one in (stepped.estimator, expected)
    )
    assert changed == expected


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(random_state=4),
        ExtraTreesRegressor(random_state=4),
        BaggingClassifier(random_state=4),
        GradientBoostingClassifier(random_state=4, subsample=0.5),
        HistGradientBoostingClassifier(random_state=4, max_features=0.5),
        IsolationForest(random_state=4),
    ],
)
def test_with_an_int_seed_warm_starts_equal_a_plain_fit(estimator):
    chosen = choose_resource("auto", estimator)
    model = steps_to(chosen, estimator, X, y, [3, 6])
    plain = clone(estimator).set_params(**{chosen.param: 6}).fit(X, y)
    np.testing.assert_array_equal(output(model.estimator), output(plain))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_a_model_goes_on_in_another_worker(backend):
    """States above 1 MB too: as live objects they would arrive read-only."""
    wide = np.random.default_rng(0).normal(size=(4, 150_000))
    label = np.arange(4) % 2
    cases = [
        (SGDClassifier(), wide, label),
        (MLPClassifier((1,)), wide, label),
        (RandomForestClassifier(), X, y),
    ]
    states = [None] * len(cases)
    for to in (1, 2):
        with joblib.Parallel(2, backend=backend) as parallel:
            states = parallel(
                joblib.delayed(step_in_worker)(
                    choose_resource("auto", estimator),
                    estimator,
                    *data,
                    Step(to, SEEDS, classes=np.unique(data[1])),
                    state,
                )
                for (estimator, *data), state in zip(cases, states, strict=True)
            )
    for (estimator, *data), state in zip(cases, states, strict=True):
        chosen = choose_resource("auto", estimator)
        here = steps_to(
            chosen, estimator, *data, [2], classes=np.unique(data[1]), seeds=(7, 1, 2)
        )
        there = pickle.loads(state).estimator
        np.testing.assert_array_equal(
            output(there, data[0]), output(here.estimator, data[0])
        )
    assert len(states[0]) > 1_000_000


# ---- seeds


def test_every_epoch_has_its_own_seed_and_every_fold_and_candidate_too():
    chosen = choose_resource("epochs", RowSpy())
    runs = [(7, 1, 2), (7, 1, 3), (7, 2, 2), (8, 1, 2)]
    seeds = [
        steps_to(chosen, RowSpy(), X, y, [2, 5], seeds=run).estimator.seeds_
        for run in runs
    ]
    assert len({seed for row in seeds for seed in row}) == 4 * 5


def test_with_an_int_seed_epochs_differ_but_candidates_and_folds_draw_alike():
    spy = RowSpy(random_state=3)
    chosen = choose_resource("epochs", spy)
    one = steps_to(chosen, spy, X, y, [4], seeds=(7, 1, 2)).estimator
    other = steps_to(chosen, spy, X, y, [2, 4], seeds=(9, 5, 0)).estimator
    assert one.seeds_ == other.seeds_
    assert len(set(one.seeds_)) == 4
    assert one.random_state == 3


def test_a_model_that_was_dropped_comes_back_equal():
    chosen = choose_resource("auto", SGDClassifier())
    kept = steps_to(chosen, SGDClassifier(), X, y, [3, 9], classes=np.unique(y))
    again = steps_to(chosen, SGDClassifier(), X, y, [9], classes=np.unique(y))
    np.testing.assert_array_equal(output(kept.estimator), output(again.estimator))


def test_a_plain_refit_repeats_too():
    chosen = choose_resource("n_samples", RandomForestClassifier())
    models = [steps_to(chosen, RandomForestClassifier(5), X, y, [90]) for _ in range(2)]
    first, second = (output(model.estimator) for model in models)
    np.testing.assert_array_equal(first, second)
    assert models[0].estimator.random_state is None


def test_a_model_cannot_go_back_and_stays_where_it_is():
    chosen = choose_resource("auto", SGDClassifier())
    model = steps_to(chosen, SGDClassifier(), X, y, [4], classes=np.unique(y))
    before = pickle.dumps(model)
    same = train(chosen, SGDClassifier(), X, y, Step(4, SEEDS), model)
    assert pickle.dumps(same) == before
    with pytest.raises(ValueError, match="4 epochs cannot be brought to 3"):
        train(chosen, SGDClassifier(), X, y, Step(3, SEEDS), model)


# ---- what is given to the steps


def test_classes_that_a_fold_lacks_are_known():
    few = y != 2
    for estimator in (SGDClassifier(loss="log_loss"), MLPClassifier((2,))):
        chosen = choose_resource("auto", estimator)
        classes = np.unique(y)
        model = steps_to(chosen, estimator, X[few], y[few], [1, 2], classes=classes)
        assert model.estimator.predict_proba(X).shape == (90, 3)


def test_several_labels_per_row_are_known_by_number():
    labels = np.column_stack([y == 0, y == 1, np.zeros(90)]).astype(int)
    network = MLPClassifier((2,))
    classes = classes_of(network, labels)
    chosen = choose_resource("auto", network)
    model = steps_to(chosen, network, X, labels, [1, 2], classes=classes)
    assert model.estimator.predict(X).shape == (90, 3)
    assert classes_of(SGDRegressor(), y) is None
    assert classes_of(IsolationForest(), None) is None
    pipeline = make_pipeline(StandardScaler(), SGDClassifier())
    assert list(classes_of(pipeline, np.array(list("abca")))) == list("abc")


def test_balanced_class_weights_are_those_of_fit():
    names = np.array(["few", "some", "many"])[np.digitize(np.arange(90), [6, 30])]
    estimator = SGDClassifier(class_weight="balanced", random_state=0, shuffle=False)
    chosen = choose_resource("auto", estimator)
    model = steps_to(chosen, estimator, X, names, [1], classes=np.unique(names))
    plain = clone(estimator).set_params(max_iter=1, tol=None).fit(X, names)
    np.testing.assert_array_equal(model.estimator.coef_, plain.coef_)
    unweighted = clone(plain).set_params(class_weight=None).fit(X, names)
    assert not np.array_equal(plain.coef_, unweighted.coef_)
    few = names != "few"  # a class that the fold lacks, with weights of the others
    model = steps_to(
        chosen, estimator, X[few], names[few], [2], classes=np.unique(names)
    )
    assert list(model.estimator.classes_) == ["few", "many", "some"]
    assert model.estimator.class_weight == "balanced"


def test_a_balanced_forest_grows_without_a_word():
    forest = RandomForestClassifier(class_weight="balanced_subsample", max_depth=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = steps_to(choose_resource("auto", forest), forest, X, y, [1, 2])
    assert len(model.estimator.estimators_) == 2


def test_sample_weights_arrive_at_every_epoch():
    weight = np.arange(90.0)
    chosen = choose_resource("epochs", RowSpy(), fit_params={"sample_weight": weight})
    model = steps_to(chosen, RowSpy(), X, y, [1, 2], sample_weight=weight)
    np.testing.assert_array_equal(model.estimator.weights_, weight)


def test_only_the_given_rows_are_shown():
    table = np.column_stack([np.arange(90), X])
    rows = np.arange(1, 90, 2)
    for resource in ("epochs", "n_samples"):
        chosen = choose_resource(resource, RowSpy())
        model = steps_to(chosen, RowSpy(), table[rows], y[rows], [1, 3])
        for seen in model.estimator.seen_:
            np.testing.assert_array_equal(seen, rows)
        assert len(model.estimator.seen_) == (3 if resource == "epochs" else 1)


def test_a_named_parameter_is_set_and_a_short_solver_stays_quiet():
    chosen = choose_resource("max_iter", LogisticRegression())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step = Step(1, SEEDS, quiet=True)
        model = train(chosen, LogisticRegression(), X, y, step)
    assert model.estimator.max_iter == 1
    with pytest.warns(ConvergenceWarning):  # the refit of the best one says it
        train(chosen, LogisticRegression(), X, y, Step(1, SEEDS))


def test_threads_that_silence_leave_no_filter_behind():
    before = list(warnings.filters)
    inside, leave = threading.Barrier(3), threading.Event()

    def work():
        with silenced("", ConvergenceWarning):
            inside.wait()
            leave.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    inside.wait()
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("short", ConvergenceWarning, stacklevel=1)
    assert not caught
    leave.set()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_what_fails_leaves_the_parameters_as_they_were():
    forest = RandomForestClassifier(max_depth=-1)
    with pytest.raises(ValueError, match="max_depth"):
        train(choose_resource("auto", forest), forest, X, y, Step(2, SEEDS))
    assert forest.random_state is None
    assert not forest.warm_start


def test_a_histogram_booster_grows_past_its_first_step():
    """tune-sklearn's never did; nor does early stopping end it, above 10,000 rows."""
    rng = np.random.default_rng(0)
    many = rng.integers(0, 3, size=(10_002, 1)).astype(float)
    label = rng.integers(0, 2, size=10_002)  # nothing to learn: would stop early
    estimator = HistGradientBoostingClassifier(max_leaf_nodes=2, n_iter_no_change=1)
    chosen = choose_resource("auto", estimator)
    model = steps_to(chosen, estimator, many, label, [5, 15]).estimator
    assert model.n_iter_ == 15
    assert (model.max_iter, model.early_stopping) == (15, "auto")
    frame = pd.DataFrame({"a": pd.Categorical(np.where(X[:, 0] > 0, "u", "v"))})
    by_type = HistGradientBoostingClassifier(categorical_features="from_dtype")
    model = steps_to(choose_resource("auto", by_type), by_type, frame, y, [2, 5])
    plain = clone(by_type).set_params(max_iter=5).fit(frame, y)
    np.testing.assert_array_equal(
        model.estimator.predict_proba(frame), plain.predict_proba(frame)
    )


# ---- pipelines


def counting(*steps):
    CountingScaler.log.clear()
    return make_pipeline(*steps)


def test_transformers_are_fitted_once_per_fold():
    pipeline = counting(CountingScaler(), SGDClassifier())
    chosen = choose_resource("auto", pipeline)
    model = steps_to(chosen, pipeline, X, y, [1, 3, 9], classes=np.unique(y))
    assert CountingScaler.log == [90]
    assert model.X_head is None
    assert model.estimator[-1].t_ == 9 * 90 + 1


@pytest.mark.parametrize("head", [Selfish(), PCA(3, svd_solver="full")])
def test_what_transform_does_not_repeat_is_kept(head):
    pipeline = make_pipeline(head, SGDClassifier())
    chosen = choose_resource("auto", pipeline)
    stepped = steps_to(chosen, pipeline, X, y, [1, 9], classes=np.unique(y))
    at_once = steps_to(chosen, pipeline, X, y, [9], classes=np.unique(y))
    expected = clone(head).fit_transform(X, y)
    np.testing.assert_array_equal(stepped.X_head, expected)
    np.testing.assert_array_equal(output(stepped.estimator), output(at_once.estimator))


def test_a_target_encoder_never_shows_a_row_its_own_target():
    column = np.arange(90).reshape(-1, 1) // 2  # pairs: nothing to learn but targets
    label = np.arange(90) % 2
    pipeline = make_pipeline(TargetEncoder(), SGDClassifier())
    chosen = choose_resource("auto", pipeline)
    model = steps_to(chosen, pipeline, column, label, [1, 3], classes=[0, 1])
    seen_at_birth = model.X_head
    assert not np.allclose(seen_at_birth, model.estimator[0].transform(column))


def test_seeds_of_transformers_are_fixed_at_birth_and_taken_back():
    pipeline = make_pipeline(PCA(2, svd_solver="randomized"), SGDClassifier())
    chosen = choose_resource("auto", pipeline)
    one, two = (
        steps_to(chosen, pipeline, X, y, stops, classes=np.unique(y)).estimator
        for stops in ([1, 4], [4])
    )
    np.testing.assert_array_equal(one[0].components_, two[0].components_)
    assert one[0].random_state is None


def test_a_pipeline_with_memory_fits_equal_transformers_once(tmp_path):
    pipeline = counting(CountingScaler(), SGDClassifier())
    chosen, classes = choose_resource("auto", pipeline), np.unique(y)
    plain = steps_to(chosen, pipeline, X, y, [3], classes=classes)
    pipeline.set_params(memory=str(tmp_path))
    CountingScaler.log.clear()
    for alpha in (1e-4, 1e-2, 1e-4):
        pipeline.set_params(sgdclassifier__alpha=alpha)
        model = steps_to(chosen, pipeline, X, y, [1, 3], classes=classes)
    assert CountingScaler.log == [90]
    np.testing.assert_array_equal(output(model.estimator), output(plain.estimator))


def test_a_transformer_without_slices_is_kept_rather_than_asked():
    def as_list(X):
        return [list(row) for row in X]

    pipeline = make_pipeline(FunctionTransformer(as_list), SGDClassifier())
    chosen = choose_resource("auto", pipeline)
    model = train(chosen, clone(pipeline), X, y, Step(1, SEEDS, np.unique(y)))
    assert isinstance(model, Model)
    assert model.estimator.predict(X).shape == (90,)


@pytest.mark.parametrize("routing", [False, True])
def test_fit_parameters_reach_their_steps(routing):
    weight = np.arange(90.0)
    with config_context(enable_metadata_routing=routing):
        if routing:
            scaler = CountingScaler().set_fit_request(sample_weight=True)
            spy = RowSpy().set_fit_request(sample_weight=True)
            params = {"sample_weight": weight}
        else:
            scaler, spy = CountingScaler(), RowSpy()
            params = {
                "countingscaler__sample_weight": weight,
                "rowspy__sample_weight": weight,
            }
        pipeline = counting(scaler, spy)
        chosen = choose_resource("epochs", pipeline, fit_params=params)
        model = steps_to(chosen, pipeline, X, y, [1, 2], **params)
    assert model.estimator[0].weight_ == weight.sum()
    np.testing.assert_array_equal(model.estimator[1].weights_, weight)


# ---- the user's own


def test_a_resource_of_ones_own_is_advanced_with_fixed_seeds():
    chosen = choose_resource("auto", Sweeper())
    model = steps_to(chosen, Sweeper(), X, y, [2, 5], sample_weight=np.ones(90))
    assert len(model.estimator.seen_) == 5
    assert len(set(model.estimator.seeds_)) == 1
    assert isinstance(model.estimator.seeds_[0], int)
    assert model.estimator.random_state is None


def test_an_own_resource_may_return_another_object_and_counts_by_its_parameter():
    class Fresh:
        kind, param = "support vectors", "max_iter"

        def advance(self, estimator, X, y, frm, to):
            return SVC(max_iter=to).fit(X, y)

    chosen = choose_resource(Fresh(), SVC())
    with silenced("", ConvergenceWarning):
        model = train(chosen, SVC(), X, y, Step(3, SEEDS))
    assert model.estimator.max_iter == 3


# ---- boosting libraries


def make_booster():
    """Return a class of the shape of xgboost's: rounds on top of ``xgb_model``."""
    from sklearn.base import BaseEstimator

    class XGBModel(BaseEstimator):
        __module__ = "xgboost.sklearn"

        def __init__(self, n_estimators=None, random_state=None):
            self.n_estimators = n_estimators
            self.random_state = random_state

        def fit(self, X, y, xgb_model=None):
            old = [] if xgb_model is None else xgb_model.rounds_
            self.rounds_ = old + [self.random_state] * self.n_estimators
            return self

    return XGBModel


def test_a_booster_goes_on_from_its_last_rounds():
    Booster = make_booster()
    chosen = choose_resource("auto", Booster(), exact=False)
    assert chosen.param == "n_estimators"
    model = train(chosen, Booster(), X, y, Step(2, SEEDS))
    model = train(chosen, Booster(), X, y, Step(5, SEEDS), model)
    rounds = model.estimator.rounds_
    assert len(rounds) == 5
    assert len(set(rounds[:2])) == len(set(rounds[2:])) == 1
    assert rounds[1] != rounds[2]  # or the samples of the first step would come again
    assert model.estimator.get_params() == {"n_estimators": 5, "random_state": None}
    seeded = train(chosen, Booster(random_state=3), X, y, Step(2, SEEDS))
    assert seeded.estimator.rounds_ == [3, 3]
    chosen = choose_resource("auto", Booster())  # nothing is drawn: one seed for life
    model = train(chosen, Booster(), X, y, Step(2, SEEDS))
    model = train(chosen, Booster(), X, y, Step(5, SEEDS), model)
    assert len(set(model.estimator.rounds_)) == 1


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_the_real_boosters_are_identical_without_sampling(library, n_classes):
    module = pytest.importorskip(library)
    label = y if n_classes == 3 else (y == 1).astype(int)
    estimator = {
        "xgboost": lambda: module.XGBClassifier(n_jobs=1, max_depth=2),
        "lightgbm": lambda: module.LGBMClassifier(n_jobs=1, verbose=-1, max_depth=2),
        "catboost": lambda: module.CatBoostClassifier(
            **dict(thread_count=1, verbose=0, allow_writing_files=False),
            **dict(learning_rate=0.1, random_strength=0, bootstrap_type="No"),
        ),
    }[library]()
    chosen = choose_resource("auto", estimator)
    stepped = steps_to(chosen, estimator, X, label, [2, 7, 21]).estimator
    at_once = steps_to(chosen, estimator, X, label, [21]).estimator
    rtol = 1e-13 if library == "catboost" else 0  # it adds up scores in another order
    probabilities = at_once.predict_proba(X)
    np.testing.assert_allclose(stepped.predict_proba(X), probabilities, rtol=rtol)
    plain = clone(estimator).set_params(**{chosen.param: 21}).fit(X, label)
    np.testing.assert_array_equal(at_once.predict_proba(X), plain.predict_proba(X))
    assert stepped.get_params()[chosen.param] == 21
    again = clone(stepped).fit(X, label)
    np.testing.assert_array_equal(again.predict_proba(X), plain.predict_proba(X))
