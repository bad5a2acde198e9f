"""What may change while a model is trained alters the next update, and only that."""

import pickle
from copy import deepcopy

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import (
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import _sklearn
from skhpo.evaluation import check_swappable, swap_params, swappable
from skhpo.evaluation._families import REGISTRY
from skhpo.evaluation._resources import choose_resource
from skhpo.evaluation._stepper import Seeds, Step, train
from skhpo.evaluation._swap import SWAPS
from tests.evaluation.test_stepper import output

X, y = make_classification(
    120, 8, n_informative=5, n_classes=3, class_sep=0.5, random_state=0
)
X = StandardScaler().fit_transform(X)
SEEDS = Seeds(root=7, candidate=1, fold=2)
BEFORE, AFTER = 4, 5  # units of the model that is changed, and after the next update

pytestmark = pytest.mark.filterwarnings(
    "ignore:Class PassiveAggressive:FutureWarning"  # leaves scikit-learn in 1.10
)


def case(kind, params, **changes):
    return kind, params, changes


def mlp(kind, solver, params, **changes):
    params = dict(hidden_layer_sizes=(5,), solver=solver, batch_size=30, **params)
    return case(kind, params, alpha=1.0, batch_size=10, **changes)


CONSTANT = dict(learning_rate="constant", eta0=0.01)
SGD_CHANGES = dict(alpha=0.1, eta0=0.5, penalty="l1")
SGD_MOMENTA = dict(momentum=0.1, nesterovs_momentum=False)
ADAM_MOMENTA = dict(beta_1=0.1, beta_2=0.5, epsilon=0.1)
HIST_CHANGES = dict(
    **dict(learning_rate=0.5, max_leaf_nodes=3, max_depth=1, min_samples_leaf=40),
    **dict(l2_regularization=100.0, max_features=0.2),
)
GRADIENT_CHANGES = dict(
    **dict(max_depth=1, max_leaf_nodes=3, min_samples_split=60, min_samples_leaf=30),
    **dict(min_weight_fraction_leaf=0.3, max_features=1, subsample=0.4, ccp_alpha=0.1),
    min_impurity_decrease=1e6,
)

CASES = [
    case(SGDClassifier, dict(loss="log_loss", **CONSTANT), **SGD_CHANGES),
    case(SGDClassifier, dict(penalty="elasticnet", **CONSTANT), l1_ratio=0.9),
    case(SGDClassifier, dict(learning_rate="adaptive", eta0=0.01), eta0=0.5),
    case(SGDClassifier, dict(loss="huber", **CONSTANT), epsilon=0.5),
    case(SGDClassifier, dict(average=True, **CONSTANT), **SGD_CHANGES),
    case(
        SGDClassifier,
        dict(learning_rate="invscaling", eta0=0.01),
        **dict(power_t=0.1, **SGD_CHANGES),
    ),
    case(SGDClassifier, dict(), alpha=0.1, penalty="l1"),  # the optimal rate
    case(SGDRegressor, dict(power_t=0.2), power_t=0.1, **SGD_CHANGES),
    case(SGDRegressor, dict(penalty="elasticnet"), l1_ratio=0.9),
    case(SGDRegressor, dict(loss="epsilon_insensitive"), epsilon=0.5),
    case(SGDOneClassSVM, CONSTANT, nu=0.1, eta0=0.5),
    case(SGDOneClassSVM, dict(learning_rate="invscaling", eta0=0.1), power_t=0.1),
    case(Perceptron, dict(penalty="l2"), alpha=0.1, eta0=0.5, penalty="l1"),
    case(Perceptron, dict(penalty="elasticnet"), l1_ratio=0.9),
    case(PassiveAggressiveClassifier, dict(), C=0.01),
    case(PassiveAggressiveClassifier, dict(loss="squared_hinge"), C=0.01),
    case(PassiveAggressiveRegressor, dict(), C=0.01, epsilon=1.0),
    *[
        one
        for kind in (MLPClassifier, MLPRegressor)
        for one in (
            mlp(kind, "sgd", {}, learning_rate_init=0.1, **SGD_MOMENTA),
            mlp(kind, "sgd", dict(learning_rate="adaptive"), learning_rate_init=0.1),
            mlp(
                kind,
                "sgd",
                dict(learning_rate="invscaling"),
                learning_rate_init=0.1,
            ),
            mlp(kind, "adam", {}, learning_rate_init=0.1, **ADAM_MOMENTA),
        )
    ],
    case(HistGradientBoostingClassifier, dict(min_samples_leaf=5), **HIST_CHANGES),
    case(HistGradientBoostingRegressor, dict(min_samples_leaf=5), **HIST_CHANGES),
    case(
        HistGradientBoostingRegressor,
        dict(min_samples_leaf=5, loss="absolute_error"),
        **HIST_CHANGES,
    ),
    case(GradientBoostingClassifier, dict(), **GRADIENT_CHANGES),
    case(GradientBoostingClassifier, dict(subsample=0.5), subsample=1.0),
    case(GradientBoostingRegressor, dict(loss="huber"), **GRADIENT_CHANGES),
]


def each_change(cases):
    return [
        pytest.param(kind, params, name, value, id=f"{index}-{kind.__name__}-{name}")
        for index, (kind, params, changes) in enumerate(cases)
        for name, value in changes.items()
    ]


def trained(chosen, estimator, to, model=None):
    """Return a model of so many units."""
    is_one = is_classifier(estimator)
    step = Step(to, SEEDS, classes=np.unique(y) if is_one else None)
    return train(chosen, estimator, X, y if is_one else y.astype(float), step, model)


def advance(chosen, model):
    """Return the estimator after the next update."""
    return trained(chosen, model.estimator, AFTER, model).estimator


def staged(estimator):
    """Return what the first rounds alone say; None = there are no rounds."""
    kind = type(estimator).__name__
    if kind.startswith("XGB"):
        return estimator.predict(X, output_margin=True, iteration_range=(0, BEFORE))
    if kind.startswith("LGBM"):
        return estimator.predict(X, num_iteration=BEFORE, raw_score=True)
    if kind.startswith("CatBoost"):
        keywords = dict(prediction_type="RawFormulaVal", ntree_end=BEFORE)
        return estimator.predict(X, **keywords)
    for method in ("staged_decision_function", "staged_predict"):
        if hasattr(estimator, method):
            return list(getattr(estimator, method)(X))[BEFORE - 1]


def learnt(estimator):
    """Return a hash of all that was learnt: weights, trees, momenta, counts."""
    state = {k: v for k, v in vars(estimator).items() if k.endswith("_")}
    optimizer = getattr(estimator, "_optimizer", None)
    momenta = ("velocities", "ms", "vs", "t")
    state["momenta"] = [getattr(optimizer, name, None) for name in momenta]
    return joblib.hash(state)


def check_contract(estimator, name, value):
    chosen = choose_resource("auto", estimator, exact=False)
    assert chosen.continued
    blob = pickle.dumps(trained(chosen, clone(estimator), BEFORE))
    control = advance(chosen, pickle.loads(blob))
    model = pickle.loads(blob)
    was = learnt(model.estimator)
    said = output(model.estimator, X)
    rounds = staged(model.estimator)

    # what was learnt stays, and the parameter reads as set
    swap_params(model.estimator, {name: value})
    assert model.estimator.get_params()[name] == value
    assert learnt(model.estimator) == was
    np.testing.assert_array_equal(output(model.estimator, X), said)

    # the next update is another one, also after a journey; old rounds are as they were
    carried = pickle.loads(pickle.dumps(model))
    changed = advance(chosen, model)
    assert not np.array_equal(output(changed, X), output(control, X))
    np.testing.assert_array_equal(
        output(advance(chosen, carried), X), output(changed, X)
    )
    if rounds is not None:
        np.testing.assert_array_equal(staged(changed), rounds)

    # and a change to the same value is none
    same = pickle.loads(blob)
    present = same.estimator.get_params().get(name)
    if present is not None:
        swap_params(same.estimator, {name: present})
        np.testing.assert_array_equal(
            output(advance(chosen, same), X), output(control, X)
        )


@pytest.mark.parametrize("kind, params, name, value", each_change(CASES))
def test_a_change_alters_the_next_update_and_nothing_before(kind, params, name, value):
    check_contract(kind(**params), name, value)


BOOSTERS = {
    "xgboost": [
        ("XGBClassifier", {}),
        ("XGBRegressor", {}),
        ("XGBRegressor", {"tree_method": "exact"}),
    ],
    "lightgbm": [("LGBMClassifier", {}), ("LGBMRegressor", {"subsample_freq": 1})],
    "catboost": [
        ("CatBoostClassifier", {}),
        ("CatBoostRegressor", {"bootstrap_type": "Bernoulli"}),
        ("CatBoostRegressor", {"grow_policy": "Lossguide"}),
        ("CatBoostRegressor", {"grow_policy": "Depthwise"}),
    ],
}
QUIET = {
    "xgboost": dict(n_jobs=1),
    "lightgbm": dict(n_jobs=1, verbose=-1, min_child_samples=5),
    "catboost": dict(
        thread_count=1, verbose=0, allow_writing_files=False, learning_rate=0.1
    ),
}
BOOSTER_CHANGES = {
    **dict(learning_rate=0.9, max_depth=1, max_leaves=3, gamma=5.0, subsample=0.4),
    **dict(min_child_weight=20.0, colsample_bytree=0.3, colsample_bylevel=0.3),
    **dict(colsample_bynode=0.3, reg_alpha=5.0, reg_lambda=100.0, max_delta_step=0.01),
    **dict(num_leaves=3, min_child_samples=40, min_split_gain=5.0),
    **dict(depth=1, l2_leaf_reg=100.0, random_strength=50.0, bagging_temperature=20.0),
    **dict(rsm=0.2, min_data_in_leaf=40),
}


@pytest.mark.filterwarnings("ignore:.* has no effect with:UserWarning")
@pytest.mark.parametrize("library", BOOSTERS)
def test_boosting_libraries_keep_the_same_contract(library):
    module = pytest.importorskip(library)
    tested = set()
    for kind, params in BOOSTERS[library]:
        estimator = getattr(module, kind)(**QUIET[library], **params)
        for name in check_swappable(estimator, swappable(estimator))[0]:
            if not refuses(estimator, name):
                check_contract(estimator, name, BOOSTER_CHANGES[name])
                tested.add(name)
    assert tested == set(swappable(estimator))


def refuses(estimator, name):
    """Whether the library raises an error of its own for this combination."""
    params = estimator.get_params()
    kind = params.get("bootstrap_type")
    return (
        (name == "colsample_bynode" and params.get("tree_method") == "exact")
        or (name == "subsample" and type(estimator).__name__ == "CatBoostClassifier")
        or (
            name == "bagging_temperature"
            and (kind or type(estimator).__name__ == "CatBoostRegressor")
        )
    )


def test_every_registered_parameter_is_tested():
    tested = {}
    for kind, _, changes in CASES:
        tested.setdefault(kind.__name__, set()).update(changes)
    ours = {name: set(swaps.names) for name, swaps in SWAPS.items()}
    libraries = ("XGB", "LGBM", "CatBoost")
    assert tested == {k: v for k, v in ours.items() if not k.startswith(libraries)}
    assert set(ours) <= set(REGISTRY)  # what cannot be continued cannot change


# ---- by how much: the formulas


def steps_of(estimator, changes):
    """Return what one more epoch adds to the first weights: as is, and changed."""
    models = [deepcopy(estimator) for _ in range(2)]
    swap_params(models[1], changes)
    before = estimator.coefs_[0]
    return [model.partial_fit(X, y).coefs_[0] - before for model in models]


def test_eta0_and_alpha_of_sgd_enter_the_next_step():
    # w <- (1 - eta alpha) w - eta (w x + b - t) x, for one row and squared error
    x, t = np.array([[1.0, -2.0]]), np.array([3.0])
    model = SGDRegressor(**CONSTANT).partial_fit(x, t).partial_fit(-x, 2 * t)
    w, b = model.coef_.copy(), model.intercept_.copy()
    swap_params(model, {"eta0": 0.2, "alpha": 0.3})
    model.partial_fit(x, t)
    expected = (1 - 0.2 * 0.3) * w - 0.2 * (w @ x[0] + b - t) * x[0]
    np.testing.assert_allclose(model.coef_, expected, rtol=1e-12)


@pytest.mark.parametrize("rule", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_the_next_step_of_a_network_is_as_long_as_its_new_rate(solver, rule):
    model = MLPClassifier(
        (4,), solver=solver, learning_rate=rule, momentum=0.0, batch_size=120
    )
    for _ in range(3):
        model.partial_fit(X, y, classes=np.unique(y))
    plain, changed = steps_of(model, {"learning_rate_init": 0.003})
    np.testing.assert_allclose(changed, 3 * plain, rtol=1e-6, atol=1e-15)


def test_the_adapted_rate_of_a_network_stays_the_same_part_of_the_first_one():
    model = MLPClassifier((4,), solver="sgd", learning_rate="adaptive", tol=10.0)
    for _ in range(25):  # no progress of 10 ever: a fifth after ten epochs, twice
        model.partial_fit(X, y, classes=np.unique(y))
    part = model._optimizer.learning_rate / 0.001
    assert part < 0.1
    swap_params(model, {"learning_rate_init": 0.01})
    assert model._optimizer.learning_rate == pytest.approx(0.01 * part)


def test_the_momentum_of_a_network_changes_and_its_velocity_does_not():
    model = MLPClassifier(
        (4,), solver="sgd", nesterovs_momentum=False, batch_size=120, random_state=0
    )
    for _ in range(3):
        model.partial_fit(X, y, classes=np.unique(y))
    velocity = model._optimizer.velocities[0].copy()
    plain, changed = steps_of(model, {"momentum": 0.4})
    expected = (0.4 - 0.9) * velocity
    np.testing.assert_allclose(changed - plain, expected, rtol=1e-6, atol=1e-15)


def test_the_next_tree_of_histogram_boosting_is_shrunk_by_the_new_rate():
    model = HistGradientBoostingRegressor(max_iter=3, warm_start=True).fit(X, y)
    halved = deepcopy(model)
    swap_params(halved, {"learning_rate": 0.05})
    trees = [
        one.set_params(max_iter=4).fit(X, y).predict(X) - model.predict(X)
        for one in (halved, deepcopy(model))
    ]
    np.testing.assert_allclose(trees[0], trees[1] / 2, rtol=1e-6, atol=1e-9)


def test_gradient_boosting_would_rescale_its_past():
    # why learning_rate is not registered: no fit at all, and other predictions
    model = GradientBoostingClassifier(n_estimators=5).fit(X, y)
    before = model.predict_proba(X)
    model.learning_rate = 0.5
    assert np.abs(model.predict_proba(X) - before).max() > 0.1


# ---- which ones, and what is said of the others


def test_names_carry_the_prefix_of_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier())
    assert "mlpclassifier__alpha" in swappable(pipeline)
    names = ["standardscaler__with_mean", "mlpclassifier__alpha"]
    assert check_swappable(pipeline, names) == ((names[1],), (names[0],))
    swap_params(pipeline, {"mlpclassifier__alpha": 0.5})
    assert pipeline[-1].alpha == 0.5


def test_subclasses_are_known():
    class Mine(SGDClassifier):
        pass

    assert "alpha" in swappable(Mine())


@pytest.mark.parametrize(
    "estimator, name, said",
    [
        (RandomForestClassifier(), "max_depth", "its trees are trained independently"),
        (ExtraTreesRegressor(), "max_depth", "its trees are trained independently"),
        (BaggingClassifier(), "max_samples", "its estimators are trained independent"),
        (GradientBoostingClassifier(), "learning_rate", "scales all trees, those of"),
        (GradientBoostingClassifier(), "learning_rate", "It can change 'max_depth', "),
        (SVC(), "C", "__skhpo_swap__()"),
        (MLPClassifier(solver="lbfgs"), "alpha", "MLPClassifier cannot change 'alpha'"),
        (SGDClassifier(), "loss", "It can change 'alpha', 'penalty', 'epsilon'."),
        (make_pipeline(StandardScaler(), SVC()), "svc__C", "SVC cannot change"),
        (make_pipeline(StandardScaler(), "passthrough"), "x", "cannot change 'x'"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_space_with_nothing_to_change_is_refused(estimator, name, said):
    with pytest.raises(ValueError) as refused:
        check_swappable(estimator, [name])
    message = str(refused.value)
    assert said in message
    assert "HyperbandSearchCV and BayesSearchCV" in message
    assert repr(name) in message


@pytest.mark.parametrize(
    "estimator, name, other",
    [
        (SGDClassifier(), "eta0", "learning_rate='optimal'"),
        (SGDClassifier(), "l1_ratio", "penalty='l2'"),
        (SGDRegressor(), "epsilon", "loss='squared_error'"),
        (Perceptron(), "alpha", "penalty=None"),
        (MLPClassifier(), "momentum", "solver='adam'"),
        (MLPClassifier(solver="sgd"), "beta_1", "solver='sgd'"),
        (MLPClassifier(solver="sgd", momentum=0), "nesterovs_momentum", "momentum=0"),
    ],
)
def test_a_parameter_without_effect_is_said_and_stays_fixed(estimator, name, other):
    acting = "eta0" if isinstance(estimator, Perceptron) else "alpha"
    with pytest.warns(UserWarning, match=f"{name} has no effect with {other}"):
        assert check_swappable(estimator, [name, acting]) == ((acting,), (name,))
    with pytest.raises(ValueError, match=f"{name} has no effect with {other}"):
        check_swappable(estimator, [name])


def test_a_parameter_whose_effect_is_searched_counts():
    swapped, fixed = check_swappable(SGDClassifier(), ["eta0", "learning_rate"])
    assert (swapped, fixed) == (("eta0",), ("learning_rate",))


def test_a_wrong_name_leaves_all_as_it_was():
    model = SGDClassifier()
    with pytest.raises(ValueError, match="SGDClassifier cannot change 'loss'"):
        swap_params(model, {"alpha": 0.5, "loss": "log_loss"})
    assert model.alpha == SGDClassifier().alpha


def test_a_model_that_was_not_trained_is_given_its_parameters():
    model = MLPClassifier((3,), solver="sgd", random_state=0)
    swap_params(model, {"learning_rate_init": 0.5, "momentum": 0.1})
    plain = MLPClassifier(
        (3,), solver="sgd", random_state=0, learning_rate_init=0.5, momentum=0.1
    )
    for one in (model, plain):
        one.partial_fit(X, y, classes=np.unique(y))
    np.testing.assert_array_equal(output(model, X), output(plain, X))


def test_another_home_of_the_optimizer_takes_its_parameters_off_the_list(monkeypatch):
    # scikit-learn is free to move it; then alpha and batch_size still change
    import importlib

    from skhpo.evaluation import _swap

    monkeypatch.setattr(_sklearn, "HAS_MLP_OPTIMIZERS", False)
    try:
        names = importlib.reload(_swap).SWAPS["MLPClassifier"].names
    finally:
        monkeypatch.undo()
        importlib.reload(_swap)
    assert names == ("alpha", "batch_size")


def test_an_optimizer_that_is_not_found_is_no_silent_failure():
    model = MLPClassifier((3,)).partial_fit(X, y, classes=np.unique(y))
    del model._optimizer
    with pytest.raises(RuntimeError, match="does not keep its optimizer where skhpo"):
        swap_params(model, {"learning_rate_init": 0.5})


# ---- a user's own


class Own(ClassifierMixin, BaseEstimator):
    def __init__(self, rate=1.0, depth=3):
        self.rate = rate
        self.depth = depth

    def __skhpo_swap__(self):
        return ["rate"]


class Steps:
    kind, param, swappable = "steps", None, ("depth",)

    def advance(self, estimator, X, y, frm, to):
        pass


def test_an_estimator_names_its_own():
    assert swappable(Own()) == ("rate",)
    model = Own()
    swap_params(model, {"rate": 0.5})
    assert model.rate == 0.5
    with pytest.raises(
        ValueError, match="Own cannot change 'own__depth'.* 'own__rate'"
    ):
        check_swappable(make_pipeline(StandardScaler(), Own()), ["own__depth"])


def test_so_does_a_resource():
    assert swappable(Own(), resource=Steps()) == ("depth",)
    assert swappable(SGDClassifier(), resource=Steps()) == ("depth",)
    assert swappable(Own(), resource="auto") == ("rate",)


def test_and_a_resource_that_the_estimator_brings():
    class Bringing(BaseEstimator):
        def __init__(self, depth=3):
            self.depth = depth

        def __skhpo_resource__(self):
            return Steps()

    assert swappable(Bringing()) == ("depth",)


def test_a_string_is_no_list_of_names():
    class Sloppy(Own):
        def __skhpo_swap__(self):
            return "rate"

    with pytest.raises(TypeError, match=r"Sloppy.__skhpo_swap__\(\) must be names"):
        swappable(Sloppy())
