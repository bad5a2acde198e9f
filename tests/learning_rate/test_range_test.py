"""Where the learning rate is worth searching."""

import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Perceptron, SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo.learning_rate import ScheduledPartialFit, lr_range_test
from skhpo.learning_rate._range_test import _read, _smooth

X, y = make_classification(
    600, 20, n_informative=8, n_classes=3, class_sep=1.5, random_state=0
)
X = StandardScaler().fit_transform(X)
X_reg, y_reg = make_regression(600, 20, noise=1.0, random_state=0)
y_reg = y_reg / y_reg.std()

MODELS = {
    "SGDClassifier": SGDClassifier(loss="log_loss"),
    "SGD without probabilities": SGDClassifier(),
    "MLPClassifier": MLPClassifier((16,)),
    "MLPClassifier by sgd": MLPClassifier((16,), solver="sgd"),
    "SGDRegressor": SGDRegressor(),
    "MLPRegressor": MLPRegressor(hidden_layer_sizes=(16,)),
    "scheduled": ScheduledPartialFit(MLPClassifier((16,))),
}


def data_of(model):
    return (X_reg, y_reg) if "Regressor" in type(model).__name__ else (X, y)


@pytest.mark.parametrize("name", MODELS)
def test_what_it_returns(name):
    model = clone(MODELS[name])
    before = repr(model.get_params())
    found = lr_range_test(model, *data_of(model), random_state=0)
    assert repr(model.get_params()) == before
    assert not hasattr(model, "coef_") and not hasattr(model, "coefs_")
    n = len(found.lrs)
    assert found.losses.shape == found.smoothed.shape == (n,)
    assert n <= 60
    np.testing.assert_allclose(found.lrs, np.geomspace(1e-5, 10, 60)[:n])
    low, high = found.suggested_range
    assert low < found.suggested < high
    assert found.lr_steepest < found.lr_min_loss <= high
    assert found.losses.min() < 0.9 * found.losses[0]
    expected = {
        "SGD without probabilities": "hinge_loss",
        "SGDRegressor": "squared_error",
        "MLPRegressor": "squared_error",
    }
    assert found.loss == expected.get(name, "log_loss")
    again = lr_range_test(model, *data_of(model), random_state=0)
    np.testing.assert_array_equal(found.losses, again.losses)


def test_the_losses_are_those_of_a_loop_by_hand():
    settings = dict(lr_min=0.01, lr_max=1.0, n_steps=10, batch_size=50, random_state=0)
    model = MLPClassifier((8,), solver="sgd", random_state=0)
    found = lr_range_test(model, X, y, **settings)
    spy = Recorder()
    with pytest.warns(UserWarning, match="hardly fell"):  # it learns nothing
        lr_range_test(spy, X, y, lr_param="eta0", **settings)
    losses = []
    for lr, (X_batch, y_batch) in zip(found.lrs, spy.log, strict=True):
        model.set_params(learning_rate_init=lr)
        if losses:
            model._optimizer.learning_rate_init = model._optimizer.learning_rate = lr
        model.partial_fit(X_batch, y_batch, classes=np.unique(y))
        probabilities = model.predict_proba(spy.held_out[0])
        losses.append(log_loss(spy.y_held_out(), probabilities))
    np.testing.assert_allclose(found.losses, losses, rtol=1e-6)


class Recorder(ClassifierMixin, BaseEstimator):
    """Writes down what it is shown; clones share the notes."""

    log, held_out = [], []

    def __init__(self, eta0=1.0):
        self.eta0 = eta0

    def partial_fit(self, X, y, classes=None):
        self.log.append((X, y))
        self.classes_ = classes
        return self

    def predict_proba(self, X):
        self.held_out.append(X)
        return np.full((len(X), 3), 1 / 3)

    def __skhpo_swap__(self):
        return ["eta0"]

    def y_held_out(self):
        rows = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
        return [rows[row.tobytes()] for row in self.held_out[0]]


def test_it_takes_less_than_a_second_on_2000_rows_of_64_columns():
    rows, labels = make_classification(2000, 64, n_informative=10, random_state=0)
    for model in (MLPClassifier((32,)), SGDClassifier(loss="log_loss")):
        start = time.process_time()
        lr_range_test(model, rows, labels, random_state=0)
        assert time.process_time() - start < 1.0


def test_rates_within_the_range_train_better_than_those_outside():
    digits, labels = load_digits(return_X_y=True)
    digits = StandardScaler().fit_transform(digits)
    model = MLPClassifier((32,), solver="sgd", random_state=0)
    found = lr_range_test(model, digits, labels, random_state=0)

    def loss(rate):
        run = ScheduledPartialFit(model, "constant", lr_max=rate, epochs=8)
        run.fit(digits[:1200], labels[:1200])
        return log_loss(labels[1200:], run.predict_proba(digits[1200:]))

    low, high = found.suggested_range
    suggested = loss(found.suggested)
    assert suggested < 0.5 * loss(low / 3)
    assert suggested < 0.5 * loss(high * 3)


def test_the_transformers_of_a_pipeline_see_the_training_rows_only():
    class Spy(StandardScaler):
        seen = []

        def fit(self, X, y=None, sample_weight=None):
            self.seen.append(len(X))
            return super().fit(X, y)

    pipeline = make_pipeline(Spy(), SGDClassifier(loss="log_loss"))
    found = lr_range_test(pipeline, 100 * X + 5, y, holdout=0.25, random_state=0)
    assert Spy.seen == [450]
    assert found.lr_param == "sgdclassifier__eta0"
    plain = lr_range_test(SGDClassifier(loss="log_loss"), X, y, random_state=0)
    assert plain.lr_param == "eta0"
    assert found.suggested == pytest.approx(plain.suggested, rel=3)
    name = "scheduledpartialfit__lr_max"
    pipeline = make_pipeline(Spy(), ScheduledPartialFit(SGDClassifier()))
    assert lr_range_test(pipeline, X, y, random_state=0).lr_param == name


def test_forms_of_data():
    model = SGDClassifier(loss="log_loss", random_state=0)
    plain = lr_range_test(model, X, y, random_state=0)
    frame = pd.DataFrame(X, index=np.arange(600)[::-1])
    found = lr_range_test(model, frame, pd.Series(y), random_state=0)
    np.testing.assert_allclose(found.losses, plain.losses)
    words = np.array(["a", "b", "c"])[y]
    found = lr_range_test(model, X, words, random_state=0)
    np.testing.assert_allclose(found.losses, plain.losses)
    lr_range_test(model, sparse.csr_array(X), y, random_state=0)
    labels = np.c_[y == 0, y == 1].astype(int)
    found = lr_range_test(MLPClassifier((8,)), X, labels, random_state=0)
    assert found.losses[0] < 1.0  # a mean over labels
    both = np.c_[y_reg, -y_reg]
    lr_range_test(MLPRegressor(hidden_layer_sizes=(8,)), X_reg, both, random_state=0)


def test_a_class_of_one_row_is_no_obstacle():
    rare = np.where(np.arange(600) == 7, 3, y)
    lr_range_test(SGDClassifier(loss="log_loss"), X, rare, random_state=0)


def test_it_stops_when_the_loss_blows_up():
    model = SGDRegressor(random_state=0)
    found = lr_range_test(model, X_reg, y_reg, random_state=0, lr_max=1e6)
    assert len(found.lrs) < 60
    assert np.all(np.isfinite(found.losses))
    assert np.all(found.losses[:-1] <= 4 * np.minimum.accumulate(found.losses)[:-1])
    longer = lr_range_test(
        model, X_reg, y_reg, random_state=0, lr_max=1e6, stop_factor=1e9
    )
    assert len(longer.lrs) > len(found.lrs)


# ---- what is read from a curve


def test_the_steepest_place_and_the_minimum_of_a_known_curve():
    # a smooth step down at 1e-2, flat from 1e-1 on, up again behind 1
    lrs = np.geomspace(1e-5, 10, 121)
    z = np.log10(lrs)
    losses = 1 - 0.8 / (1 + np.exp(-6 * (z + 2))) + 3 * np.clip(z, 0, None) ** 2
    losses += 0.05 * np.clip(-0.5 - z, 0, None)
    found = SimpleNamespace(**_read(lrs, _smooth(lrs, losses)))
    assert np.log10(found.lr_steepest) == pytest.approx(-2, abs=0.1)
    assert -0.8 < np.log10(found.lr_min_loss) < 0.1
    suggested = np.sqrt(found.lr_steepest * found.lr_min_loss / 3)
    assert found.suggested == pytest.approx(suggested)
    low, high = found.suggested_range
    assert low == pytest.approx(found.suggested / 10)
    assert high == pytest.approx(max(10 * found.suggested, found.lr_min_loss))


def test_smoothing_moves_nothing_and_cuts_off_what_blew_up():
    lrs = np.geomspace(1e-5, 10, 61)
    line = np.linspace(1.0, 0.0, 61)
    np.testing.assert_allclose(_smooth(lrs, line)[10:-10], line[10:-10], atol=1e-12)
    line[-1] = 1e300
    assert _smooth(lrs, line).max() <= 2.0


# ---- what cannot be


def test_labels_that_are_noise_are_said():
    noise = np.random.default_rng(0).integers(0, 2, 600)
    with pytest.warns(UserWarning, match="The loss hardly fell between the rates 1e"):
        lr_range_test(SGDClassifier(loss="log_loss"), X, noise, random_state=0)


def test_a_range_that_ends_too_soon_is_said():
    with pytest.warns(UserWarning, match="still falling at lr_max=0.01: raise lr_max"):
        lr_range_test(SGDClassifier(loss="log_loss"), X, y, lr_max=0.01, random_state=0)


class Own(RegressorMixin, BaseEstimator):
    def __init__(self, speed=0.1):
        self.speed = speed

    def partial_fit(self, X, y):
        step = self.speed * (np.mean(y) - getattr(self, "mean_", 0.0))
        self.mean_ = getattr(self, "mean_", 0.0) + step
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)

    def __skhpo_swap__(self):
        return ["speed"]


def test_an_estimator_of_ones_own_names_its_rate():
    shifted = y_reg + 100.0
    found = lr_range_test(Own(), X_reg, shifted, lr_param="speed", random_state=0)
    assert found.lr_param == "speed"
    assert 1e-3 < found.suggested < 10
    with pytest.raises(ValueError, match="which parameter of Own is its learning rate"):
        lr_range_test(Own(), X_reg, y_reg)


@pytest.mark.parametrize(
    "model, settings, said",
    [
        (RandomForestClassifier(), {}, "RandomForestClassifier has none that can be"),
        (MLPClassifier(solver="lbfgs"), {}, "MLPClassifier has none that can be used"),
        (Perceptron(), {}, "does not know which parameter of Perceptron"),
        (MiniBatchKMeans(), {}, "does not know which parameter of MiniBatchKMeans"),
        (make_pipeline(StandardScaler()), {}, "StandardScaler"),
        (SGDClassifier(), dict(lr_param="loss"), "lr_param='loss' of SGDClassifier"),
        (SGDClassifier(), dict(lr_min=0), "0 < lr_min < lr_max, got lr_min=0 and"),
        (SGDClassifier(), dict(lr_min=1, lr_max=0.1), "lr_min=1 and lr_max=0.1"),
        (SGDClassifier(), dict(n_steps=2), "n_steps must be an integer >= 10, got 2"),
        (SGDClassifier(), dict(batch_size=0), "batch_size must be an integer >= 1"),
        (SGDClassifier(), dict(stop_factor=1), "stop_factor must be a number above 1"),
        (SGDClassifier(early_stopping=True), {}, "early_stopping"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else str(value)[:30],
)
def test_bad_input_is_said(model, settings, said):
    with pytest.raises(ValueError) as refused:
        lr_range_test(model, X, y, **settings)
    assert said in str(refused.value)
