"""An estimator under a scheduled learning rate."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skhpo import BayesSearchCV, HyperbandSearchCV
from skhpo.evaluation import check_swappable, swap_params, swappable
from skhpo.evaluation._resources import choose_resource, resource_bounds
from skhpo.learning_rate import ScheduledPartialFit
from tests.evaluation.growers import steps_to
from tests.evaluation.test_stepper import output

X, y = make_classification(
    100, 6, n_informative=4, n_classes=3, class_sep=0.5, random_state=0
)
X = StandardScaler().fit_transform(X)
CONSTANT = dict(learning_rate="constant", eta0=0.05)

INNER = {
    "SGDClassifier": SGDClassifier(loss="log_loss", random_state=3),
    "SGDRegressor": SGDRegressor(random_state=3),
    "MLPClassifier": MLPClassifier((4,), random_state=3),
    "MLPClassifier by sgd": MLPClassifier((4,), solver="sgd", random_state=3),
    "MLPRegressor": MLPRegressor(hidden_layer_sizes=(4,), random_state=3),
}


def scheduled(inner=None, **params):
    inner = SGDClassifier(loss="log_loss", random_state=3) if inner is None else inner
    return ScheduledPartialFit(inner, **{"lr_max": 0.1, "epochs": 12, **params})


# ---- the rates


def test_the_rate_follows_the_schedule_from_epoch_to_epoch():
    model = scheduled(schedule="linear", epochs=4, lr_max=0.8).fit(X, y)
    assert model.history_["epoch"] == [0, 1, 2, 3]
    assert model.history_["lr"] == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert model.n_epochs_ == 4
    assert all(map(math.isnan, model.history_["loss"]))


def test_and_from_batch_to_batch():
    model = scheduled(schedule="linear", epochs=2, lr_max=1.0, batch_size=40)
    model.fit(X, y)  # 40, 40 and 20 of 100 rows, twice
    expected = [1, 0.8, 0.6, 0.5, 0.3, 0.1]
    assert model.history_["lr"] == pytest.approx(expected)
    assert model.history_["epoch"] == [0, 0, 0, 1, 1, 1]


def test_the_estimator_is_trained_with_these_rates():
    spy = SpyingSGD(loss="log_loss")
    model = ScheduledPartialFit(spy, "linear", lr_max=0.5, lr_min=0.1, epochs=4)
    model.fit(X, y)
    expected = [0.5, 0.4, 0.3, 0.2]
    assert model.estimator_.rates_ == pytest.approx(expected)
    assert {rule for rule in model.estimator_.rules_} == {"constant"}


class SpyingSGD(SGDClassifier):
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        self.rates_ = [*getattr(self, "rates_", []), self.eta0]
        self.rules_ = [*getattr(self, "rules_", []), self.learning_rate]
        self.orders_ = [*getattr(self, "orders_", []), self.random_state]
        return super().partial_fit(X, y, classes, sample_weight)


def test_a_network_is_trained_with_these_rates_too():
    model = scheduled(INNER["MLPClassifier"], epochs=3, schedule="linear").fit(X, y)
    rate = model.estimator_._optimizer.learning_rate_init
    assert rate == pytest.approx(0.1 / 3)
    assert model.history_["loss"] == pytest.approx(model.estimator_.loss_curve_)


def test_without_lr_max_the_rate_is_the_estimators_own():
    model = ScheduledPartialFit(SGDClassifier(eta0=0.3), "constant", epochs=2)
    assert model.fit(X, y).history_["lr"] == [0.3, 0.3]


def test_a_function_is_a_schedule():
    model = scheduled(schedule=lambda p: 2.0**-p, epochs=2).fit(X, y)
    assert model.history_["lr"] == pytest.approx([0.1, 0.1 / math.sqrt(2)])


# ---- the same as by hand


@pytest.mark.parametrize("name", INNER)
def test_a_constant_schedule_is_the_plain_training_bit_for_bit(name):
    inner = INNER[name]
    rate = "learning_rate_init" if name.startswith("MLP") else "eta0"
    plain = clone(inner).set_params(**{rate: 0.01, "learning_rate": "constant"})
    classes = np.unique(y) if is_classifier(inner) else None
    chosen = choose_resource("epochs", plain)
    plain = steps_to(chosen, plain, X, y, [12], classes=classes).estimator
    model = scheduled(inner, schedule="constant", lr_max=0.01).fit(X, y)
    np.testing.assert_array_equal(output(model, X), output(plain, X))


@pytest.mark.parametrize("name", INNER)
def test_without_shuffling_it_is_a_loop_over_partial_fit(name):
    inner = clone(INNER[name]).set_params(shuffle=False, learning_rate="constant")
    rate = "learning_rate_init" if name.startswith("MLP") else "eta0"
    model = scheduled(inner, schedule="constant", lr_max=0.01).fit(X, y)
    loop = clone(inner).set_params(**{rate: 0.01})
    if name.startswith("MLP"):  # the first weights are drawn from the seed of epoch 1
        seed = spied_orders(inner)[0]
        loop.set_params(random_state=seed)
    for _ in range(12):
        keywords = {"classes": np.unique(y)} if is_classifier(inner) else {}
        loop.partial_fit(X, y, **keywords)
    np.testing.assert_array_equal(output(model, X), output(loop, X))


def spied_orders(inner):
    spy = SpyingSGD(random_state=inner.random_state)
    return scheduled(spy, epochs=2).fit(X, y).estimator_.orders_


def test_each_epoch_has_an_order_of_its_own():
    orders = scheduled(SpyingSGD(random_state=5)).fit(X, y).estimator_.orders_
    assert len(set(orders)) == 12
    assert orders == scheduled(SpyingSGD(random_state=5)).fit(X, y).estimator_.orders_


@pytest.mark.parametrize("batch_size", [None, 60])
@pytest.mark.parametrize("name", INNER)
def test_steps_are_the_whole(name, batch_size):
    settings = dict(batch_size=batch_size, random_state=3, epochs=6)
    model = scheduled(INNER[name], schedule="one_cycle", **settings)
    chosen = choose_resource("auto", model)
    assert (chosen.kind, chosen.param, chosen.continued) == ("epochs", None, True)
    stepped = steps_to(chosen, model, X, y, [1, 3, 6]).estimator
    at_once = steps_to(chosen, model, X, y, [6]).estimator
    np.testing.assert_array_equal(output(stepped, X), output(at_once, X))
    assert stepped.history_["lr"] == at_once.history_["lr"]
    by_hand = clone(model).fit(X, y)
    np.testing.assert_array_equal(output(by_hand, X), output(at_once, X))


def test_partial_fit_goes_through_the_schedule_too():
    whole = scheduled().fit(X, y)
    parts = scheduled()
    for _ in range(12):
        parts.partial_fit(X, y, classes=np.unique(y))
    np.testing.assert_array_equal(output(parts, X), output(whole, X))
    parts.partial_fit(X, y)  # beyond the plan: the last rate
    assert parts.history_["lr"][-1] == parts.history_["lr"][-2]
    assert parts.n_epochs_ == 13


def test_without_seeds_two_models_differ_and_with_one_they_do_not():
    free = SGDClassifier(loss="log_loss")
    a, b = (scheduled(free, random_state=None).fit(X, y) for _ in range(2))
    assert not np.array_equal(output(a, X), output(b, X))
    a, b = (scheduled(free, random_state=1).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(output(a, X), output(b, X))
    generator = np.random.RandomState(1)
    a, b = (scheduled(free, random_state=generator).fit(X, y) for _ in range(2))
    assert not np.array_equal(output(a, X), output(b, X))


# ---- what it is given


def test_balanced_classes_and_sample_weights_reach_the_estimator():
    rare = np.where(np.arange(100) < 90, 0, 1)
    plain = scheduled().fit(X, rare)
    balanced = scheduled(
        SGDClassifier(loss="log_loss", random_state=3, class_weight="balanced")
    ).fit(X, rare)
    weights = np.where(rare == 1, 100 / 20, 100 / 180)
    weighted = scheduled().fit(X, rare, sample_weight=weights)
    assert not np.allclose(output(plain, X), output(balanced, X))
    np.testing.assert_allclose(output(weighted, X), output(balanced, X))
    assert balanced.estimator.class_weight == "balanced"


@pytest.mark.parametrize("batch_size", [None, 30])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.coo_matrix, pd.DataFrame])
def test_forms_of_data(form, batch_size):
    names = dict(columns=list("abcdef"), index=np.arange(100)[::-1])
    frame = form(X, **names) if form is pd.DataFrame else form(X)
    model = scheduled(batch_size=batch_size).fit(frame, pd.Series(y, index=range(100)))
    same = X if form is pd.DataFrame else sparse.csr_array(X)  # slower intercepts
    plain = scheduled(batch_size=batch_size).fit(same, y)
    np.testing.assert_allclose(output(model, frame), output(plain, X), rtol=1e-6)
    assert hasattr(model, "feature_names_in_") == (form is pd.DataFrame)
    assert model.n_features_in_ == 6


def test_several_outputs_and_labels():
    both = np.c_[y, -y]
    network = MLPRegressor(hidden_layer_sizes=(4,), random_state=0)
    assert scheduled(network, batch_size=30).fit(X, both).predict(X).shape == (100, 2)
    labels = (both > 0).astype(int)
    network = MLPClassifier((4,), random_state=0)
    assert scheduled(network).fit(X, labels).predict_proba(X).shape == (100, 2)


def test_it_does_what_the_estimator_inside_does():
    model = scheduled()
    assert hasattr(model, "predict_proba")
    assert not hasattr(scheduled(SGDClassifier(loss="hinge")), "predict_proba")
    assert not hasattr(scheduled(SGDRegressor()), "decision_function")
    assert is_classifier(model)
    assert not is_classifier(scheduled(SGDRegressor()))
    model.fit(X, y)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    assert model.score(X, y) == model.estimator_.score(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_the_estimator_given_is_left_alone():
    inner = SGDClassifier()
    before = inner.get_params()
    model = ScheduledPartialFit(inner, lr_max=0.1, epochs=2).fit(X, y)
    assert model.estimator is inner
    assert inner.get_params() == before
    assert not hasattr(inner, "coef_")


class OwnLearner(ClassifierMixin, BaseEstimator):
    def __init__(self, speed=0.5):
        self.speed = speed

    def partial_fit(self, X, y):
        self.classes_ = np.unique(y)
        self.speeds_ = [*getattr(self, "speeds_", []), self.speed]
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def __skhpo_swap__(self):
        return ["speed"]


def test_an_estimator_of_ones_own_names_its_rate():
    model = ScheduledPartialFit(OwnLearner(), "linear", epochs=4, lr_param="speed")
    assert model.fit(X, y).estimator_.speeds_ == pytest.approx(
        [0.5, 0.375, 0.25, 0.125]
    )
    with pytest.raises(ValueError, match="does not know which parameter of OwnLearner"):
        ScheduledPartialFit(OwnLearner()).fit(X, y)


# ---- in the searches


def test_hyperband_counts_its_epochs():
    pipeline = make_pipeline(StandardScaler(), scheduled(SGDClassifier(), epochs=9))
    space = {
        "scheduledpartialfit__lr_max": (1e-3, 1.0, "log-uniform"),
        "scheduledpartialfit__schedule": ["constant", "cosine", "one_cycle"],
        "scheduledpartialfit__warmup": (0.05, 0.5),
    }
    search = HyperbandSearchCV(
        pipeline, space, n_candidates=9, min_resource=1, strategy="sha", random_state=0
    ).fit(X, y)
    assert search.resource_info_["max"] == 9
    assert search.resource_info_["mode"] == "continued"
    assert search.resource_info_["kind"] == "epochs"
    best = search.best_estimator_[-1]
    assert best.n_epochs_ == best.epochs == 9
    assert len(best.history_["lr"]) == 9


def test_epochs_by_name_are_those_of_the_plan():
    named = choose_resource("epochs", scheduled())
    assert named.how.resource.kind == "epochs"
    assert resource_bounds(named, scheduled(), "auto", "auto", 3) == (1, 12)


def test_epochs_beyond_the_schedule_are_refused():
    model = scheduled(epochs=12)
    chosen = choose_resource("auto", model)
    assert resource_bounds(chosen, model, "auto", "auto", 3) == (1, 12)
    with pytest.raises(ValueError, match="20 epochs are more than epochs=12"):
        steps_to(chosen, model, X, y, [20])
    with pytest.raises(ValueError, match="'epochs' is in the search space"):
        choose_resource("auto", model, searched=["epochs"])


def test_other_searches_take_it_as_any_estimator():
    grid = {"lr_max": [0.01, 0.1], "estimator__alpha": [1e-4, 1e-2]}
    search = GridSearchCV(scheduled(epochs=3), grid, cv=3).fit(X, y)
    assert search.best_params_["lr_max"] in (0.01, 0.1)
    space = {"lr_max": (1e-3, 1.0, "log-uniform"), "epochs": (2, 5)}
    search = BayesSearchCV(scheduled(), space, n_iter=5, cv=3, random_state=0).fit(X, y)
    assert search.best_estimator_.n_epochs_ == search.best_params_["epochs"]


def test_the_rate_and_the_parameters_inside_can_be_swapped():
    model = scheduled(epochs=4, schedule="constant")
    assert swappable(model)[:3] == ("lr_max", "batch_size", "estimator__alpha")
    assert "estimator__eta0" not in swappable(model)
    names = ["lr_max", "estimator__alpha", "schedule"]
    assert check_swappable(model, names) == (tuple(names[:2]), ("schedule",))
    model.train_epochs(X, y, 0, 2)
    before = output(model, X)
    swap_params(model, {"lr_max": 0.02, "estimator__alpha": 0.3})
    np.testing.assert_array_equal(output(model, X), before)
    model.train_epochs(X, y, 2, 4)
    assert model.history_["lr"] == [0.1, 0.1, 0.02, 0.02]
    assert model.estimator_.alpha == 0.3


# ---- what cannot be


@pytest.mark.parametrize(
    "params, said",
    [
        (dict(lr_max=0), "lr_max must be a number above 0, got 0."),
        (dict(lr_max=math.inf), "lr_max must be a number above 0, got inf."),
        (dict(lr_max="fast"), "got 'fast'"),
        (dict(inner=SGDClassifier(eta0=0.0), lr_max=None), "(the estimator's eta0)"),
        (dict(lr_min=0.2), "lr_min must lie between 0 and lr_max=0.1, got 0.2"),
        (dict(epochs=0), "epochs must be an integer >= 1, got 0"),
        (dict(batch_size=2.5), "batch_size must be an integer >= 1, got 2.5"),
        (dict(schedule="cosin"), "Did you mean 'cosine'?"),
        (dict(warmup=1.0), "0 <= warmup < 1, got 1.0"),
        (dict(inner=LogisticRegression()), "LogisticRegression has none"),
        (dict(inner=MLPClassifier(solver="lbfgs")), "MLPClassifier has none"),
        (
            dict(inner=GaussianNB()),
            "which parameter of GaussianNB is its learning rate",
        ),
        (dict(lr_param="loss"), "lr_param='loss' of SGDClassifier cannot be changed"),
        (
            dict(inner=make_pipeline(StandardScaler(), SGDClassifier())),
            "Pipeline has none that can be used; make ScheduledPartialFit its last",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_said_before_anything_is_trained(params, said):
    with pytest.raises(ValueError) as refused:
        scheduled(**params).fit(X, y)
    assert said in str(refused.value)


@pytest.mark.parametrize("inner", [SGDRegressor(), MLPClassifier()])
def test_labels_that_are_missing_are_an_error(inner):
    for method in (scheduled(inner).fit, scheduled(inner).partial_fit):
        with pytest.raises(ValueError, match="requires y to be passed"):
            method(X)


def test_weights_that_the_estimator_cannot_take_are_an_error():
    model = ScheduledPartialFit(OwnLearner(), epochs=4, lr_param="speed")
    with pytest.raises(TypeError, match="OwnLearner.partial_fit takes no sample"):
        model.fit(X, y, sample_weight=np.ones(100))


def test_metadata_routing_hands_it_weights():
    weights = np.linspace(0.1, 1, 100)
    expected = scheduled().fit(X, y, sample_weight=weights)
    with config_context(enable_metadata_routing=True):
        model = scheduled().set_fit_request(sample_weight=True)
        pipeline = make_pipeline(model).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(output(pipeline, X), output(expected, X))


def expected_failures(model):
    """Return the checks that SGD* themselves do not pass."""
    name = "check_sample_weight_equivalence_on_{}_data"
    why = "other rows, another order"
    return {name.format(kind): why for kind in ("dense", "sparse")}


CHECKED = [
    scheduled(SGDClassifier(), epochs=20),
    scheduled(SGDRegressor(), epochs=20, lr_max=0.01, batch_size=50),
]


@parametrize_with_checks(CHECKED, expected_failed_checks=expected_failures)
def test_passes_the_estimator_checks_of_scikit_learn(estimator, check):
    check(estimator)
