"""Training along a schedule: what may stand in one, and what comes of it."""

import re

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import replay

X, Y = make_classification(200, 6, random_state=0)
CONSTANT = SGDClassifier(learning_rate="constant", eta0=0.1)
FALLING = [
    {"to": 2, "params": {"eta0": 0.5, "alpha": 1e-3}},
    {"to": 4, "params": {"eta0": 0.05}},
]


def test_a_schedule_of_ones_own_needs_units_and_settings_only():
    model = replay(CONSTANT, FALLING, X, Y, random_state=0)
    assert model.t_ == 1 + 4 * 200
    assert (model.eta0, model.alpha, model.random_state) == (0.05, 1e-3, None)
    assert not hasattr(CONSTANT, "coef_")
    again = replay(CONSTANT, FALLING, X, Y, random_state=0)
    np.testing.assert_array_equal(model.coef_, again.coef_)
    other = replay(CONSTANT, FALLING, X, Y, random_state=1)
    assert not np.array_equal(model.coef_, other.coef_)


def test_settings_stay_until_they_are_named_again():
    full = [FALLING[0], {"to": 4, "params": {"eta0": 0.05, "alpha": 1e-3}}]
    models = [replay(CONSTANT, s, X, Y, random_state=0) for s in (FALLING, full)]
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)


def test_pauses_without_a_change_are_none():
    one = [{"to": 6, "params": {"learning_rate_init": 0.01}, "seed": 3}]
    three = [{"to": to, "params": {"learning_rate_init": 0.01}, "seed": 3}
             for to in (2, 4, 6)]  # fmt: skip
    net = MLPClassifier((4,))
    models = [replay(net, schedule, X, Y) for schedule in (one, three)]
    np.testing.assert_array_equal(*[model.coefs_[0] for model in models])


def test_the_parameter_that_counts_may_be_named_and_is_what_to_says():
    net = HistGradientBoostingClassifier()
    schedule = [
        {"to": 3, "params": {"learning_rate": 0.5, "max_iter": 3}},
        {"to": 5, "params": {"learning_rate": 0.1, "max_iter": 5}},
    ]
    assert replay(net, schedule, X, Y).n_iter_ == 5


def test_what_is_no_other_type_than_before_is_no_change():
    deep = GradientBoostingClassifier(max_features=1.0)
    schedule = [
        {"to": 2, "params": {"max_features": 1.0, "learning_rate": 0.1}},
        {"to": 4, "params": {"max_features": 0.5, "learning_rate": 0.1}},
    ]
    assert replay(deep, schedule, X, Y, random_state=0).n_estimators_ == 4


def test_weights_and_pipelines():
    pipe = make_pipeline(StandardScaler(), CONSTANT)
    schedule = [
        {"to": step["to"], "params": {f"sgdclassifier__{k}": v for k, v in p.items()}}
        for step in FALLING
        for p in [step["params"]]
    ]
    weights = np.linspace(0, 1, 200)
    model = replay(pipe, schedule, X, Y, sgdclassifier__sample_weight=weights)
    assert model[-1].eta0 == 0.05
    assert model[0].n_samples_seen_ == 200


@pytest.mark.parametrize(
    "schedule, words",
    [
        ([], "non-empty list of dicts"),
        ({"to": 3, "params": {}}, "non-empty list of dicts"),
        ([{"to": 3}], r"schedule\[0\] must be a dict with 'to' and 'params'"),
        (["eta0"], r"schedule\[0\] must be a dict"),
        ([{"to": 0, "params": {}}], r"schedule\[0\]: 'to' must be an integer above 0"),
        ([{"to": 1.5, "params": {}}], "'to' must be an integer above 0.*1.5"),
        ([{"to": True, "params": {}}], "'to' must be an integer"),
        ([{"to": 3, "params": {}}, {"to": 3, "params": {}}],
         r"schedule\[1\]: 'to' must be an integer above 3"),
        ([{"to": 3, "params": {}}, {"from": 4, "to": 5, "params": {}}],
         r"schedule\[1\]: 'from' is 4.*ends at 3"),
        ([{"to": 3, "params": {"eta": 0.1}}], "'eta' is not.*Did you mean 'eta0'"),
        ([{"to": 3, "params": {"loss": "hinge"}},
          {"to": 4, "params": {"loss": "log_loss"}}],
         "'loss' changes at 3 epochs.*cannot change it.*What can change.*'alpha'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_schedule_is_said_before_any_fit(schedule, words):
    with pytest.raises(ValueError, match=words):
        replay(CONSTANT, schedule, X, Y)


def test_what_cannot_be_trained_on_has_no_schedule():
    with pytest.raises(ValueError, match=r"SVC cannot be trained on.*BayesSearchCV"):
        replay(SVC(), [{"to": 150, "params": {"C": 1.0}}], X, Y)


def test_a_rate_that_scales_the_past_is_refused():
    schedule = [
        {"to": 2, "params": {"learning_rate": 0.1}},
        {"to": 4, "params": {"learning_rate": 0.05}},
    ]
    with pytest.raises(ValueError, match=re.escape("'learning_rate' changes at 2")):
        replay(GradientBoostingClassifier(), schedule, X, Y)
