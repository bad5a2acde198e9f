"""What is continued equals what is trained at once; what is unknown is refitted."""

import copyreg
import inspect
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.datasets import make_classification
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
from sklearn.linear_model import (
    LogisticRegression,
    PassiveAggressiveClassifier,
    PassiveAggressiveRegressor,
    Perceptron,
    Ridge,
    SGDClassifier,
    SGDOneClassSVM,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skhpo.evaluation._families import (
    REGISTRY,
    known_class,
    overridden,
    registered_family,
)
from skhpo.evaluation._resources import choose_resource
from tests.evaluation.growers import RowSpy, steps_to
from tests.evaluation.test_stepper import output

X, y = make_classification(
    90, 6, n_informative=4, n_classes=3, class_sep=0.5, random_state=0
)
WEIGHT = np.random.default_rng(0).uniform(0.2, 3, size=90)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Class PassiveAggressive:FutureWarning",  # leaves scikit-learn in 1.10
    "ignore:Some inputs do not have OOB scores",
    "ignore:.*'criterion':FutureWarning",
)

LINEAR = dict(
    **dict(alpha=[0.1], l1_ratio=[0.5], fit_intercept=[False], max_iter=[5]),
    **dict(tol=[None], shuffle=[False], epsilon=[0.5], nu=[0.2], C=[0.1], n_jobs=[2]),
    **dict(eta0=[0.1], power_t=[0.3], validation_fraction=[0.3], n_iter_no_change=[2]),
    **dict(average=[True, 20], random_state=[3], verbose=[0], warm_start=[True]),
)
SGD = dict(LINEAR, penalty=["l1", "elasticnet"])
RATES = dict(learning_rate=["constant", "invscaling", "adaptive"], eta0=[0.1])
CLASSES = dict(class_weight=["balanced", {0: 2.0, 1: 1.0, 2: 0.5}])
NETWORK = dict(
    **dict(hidden_layer_sizes=[(4, 3)], activation=["tanh"], solver=["sgd"]),
    **dict(alpha=[1.0], batch_size=[20], learning_rate_init=[0.1], power_t=[0.3]),
    **dict(max_iter=[5], shuffle=[False], tol=[10.0], momentum=[0.1], beta_1=[0.1]),
    **dict(nesterovs_momentum=[False], validation_fraction=[0.3], beta_2=[0.5]),
    **dict(epsilon=[0.1], n_iter_no_change=[1], max_fun=[5], random_state=[3]),
    **dict(verbose=[False], warm_start=[True], learning_rate=["adaptive"]),
)
TREE = dict(
    **dict(max_depth=[2], max_features=[2], max_leaf_nodes=[3], ccp_alpha=[0.01]),
    **dict(min_impurity_decrease=[0.01], min_samples_leaf=[5], min_samples_split=[9]),
    **dict(min_weight_fraction_leaf=[0.1], random_state=[3], verbose=[0]),
    **dict(warm_start=[True]),
)
FOREST = dict(
    TREE,
    **dict(bootstrap=[True, False], max_samples=[0.5], oob_score=[True], n_jobs=[2]),
)
BAGGING = dict(
    **dict(bootstrap=[False], bootstrap_features=[True], max_features=[0.5]),
    **dict(max_samples=[0.5], n_jobs=[1], random_state=[3], verbose=[0]),
    **dict(warm_start=[True]),
)
GRADIENT = dict(
    TREE,
    **dict(learning_rate=[0.5], subsample=[0.5], tol=[0.1], validation_fraction=[0.3]),
)
HIST = dict(
    **dict(learning_rate=[0.5], max_leaf_nodes=[4], max_depth=[2], max_bins=[9]),
    **dict(min_samples_leaf=[5], l2_regularization=[5.0], max_features=[0.5]),
    **dict(categorical_features=[None], monotonic_cst=[[1] + [0] * 5], tol=[1.0]),
    **dict(interaction_cst=["pairwise"], scoring=["loss"], validation_fraction=[0.3]),
    **dict(n_iter_no_change=[1], random_state=[3], verbose=[0], warm_start=[True]),
)

#: By class: what it has been made with, and what is tried beside that.
CASES = {
    SGDClassifier: dict(SGD, **RATES, **CLASSES, loss=["log_loss", "modified_huber"]),
    SGDRegressor: dict(SGD, **RATES, loss=["huber", "epsilon_insensitive"]),
    SGDOneClassSVM: dict(LINEAR, **RATES),
    Perceptron: dict(SGD, **CLASSES),
    PassiveAggressiveClassifier: dict(LINEAR, **CLASSES, loss=["squared_hinge"]),
    PassiveAggressiveRegressor: dict(
        LINEAR, loss=["squared_epsilon_insensitive"], epsilon=[0.5]
    ),
    MLPClassifier: NETWORK,
    MLPRegressor: dict(NETWORK, loss=["squared_error"]),
    RandomForestClassifier: dict(
        FOREST, **CLASSES, criterion=["entropy"], monotonic_cst=[None]
    ),
    RandomForestRegressor: dict(
        FOREST, criterion=["friedman_mse"], monotonic_cst=[[1] + [0] * 5]
    ),
    ExtraTreesClassifier: dict(
        FOREST, **CLASSES, criterion=["entropy"], monotonic_cst=[None]
    ),
    ExtraTreesRegressor: dict(
        FOREST, criterion=["poisson"], monotonic_cst=[[1] + [0] * 5]
    ),
    RandomTreesEmbedding: dict(TREE, sparse_output=[False], n_jobs=[2]),
    IsolationForest: dict(
        **dict(max_samples=[20], contamination=[0.2], max_features=[0.5], n_jobs=[2]),
        **dict(bootstrap=[True], random_state=[3], verbose=[0], warm_start=[True]),
    ),
    BaggingClassifier: dict(
        BAGGING,
        estimator=[DecisionTreeClassifier(max_features=1), LogisticRegression()],
    ),
    BaggingRegressor: dict(BAGGING, estimator=[DecisionTreeRegressor(max_depth=2)]),
    GradientBoostingClassifier: dict(
        GRADIENT, criterion=["squared_error"], init=["zero", LogisticRegression()]
    ),
    GradientBoostingRegressor: dict(
        GRADIENT,
        **dict(criterion=["squared_error"], init=["zero", Ridge()], alpha=[0.3]),
        **dict(loss=["huber", "quantile", "absolute_error"]),
    ),
    HistGradientBoostingClassifier: {**HIST, **CLASSES, "monotonic_cst": [None]},
    HistGradientBoostingRegressor: dict(
        HIST, loss=["absolute_error", "poisson"], quantile=[0.3]
    ),
}
#: Parameters that count the units, and those of which one value alone is continued.
NOT_TRIED = {
    *("n_estimators", "max_iter", "early_stopping", "oob_score", "n_iter_no_change"),
    *("loss", "criterion"),  # of classes that know one value
}


def each_setting(kind):
    """Return the plain estimator, and one for each value of each parameter."""
    tried = CASES[kind]
    known = inspect.signature(kind).parameters
    made = [{name: value} for name in tried for value in tried[name] if name in known]
    for setting in made:
        if {"oob_score", "max_samples"} & set(setting):
            setting["bootstrap"] = True
        if "learning_rate" in setting and "eta0" in known:
            setting["eta0"] = 0.1  # 0 by default before scikit-learn 1.8
    return [{}, *made]


def target(estimator):
    return y if is_classifier(estimator) else X[:, 0] ** 2 + y


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_each_parameter_continues_to_the_model_of_all_units_at_once(kind):
    for setting in each_setting(kind):
        estimator = kind(**setting)
        chosen = choose_resource("auto", estimator)
        assert chosen.continued, setting
        t = target(estimator)
        classes = np.unique(y) if is_classifier(estimator) else None
        stepped, at_once = (
            output(steps_to(chosen, estimator, X, t, stops, classes=classes).estimator)
            for stops in ([2, 4, 7], [7])
        )
        np.testing.assert_allclose(stepped, at_once, atol=1e-6, err_msg=str(setting))


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_each_parameter_of_each_class_is_tried(kind):
    known = inspect.signature(kind).parameters
    assert set(known) - set(CASES[kind]) <= NOT_TRIED


def test_each_class_of_scikit_learn_is_tried():
    libraries = ("XGB", "LGBM", "CatBoost")
    names = {name for name in REGISTRY if not name.startswith(libraries)}
    assert names == {kind.__name__ for kind in CASES}


@pytest.mark.parametrize(
    "estimator",
    [
        SGDClassifier(),
        RandomForestClassifier(max_depth=3),
        BaggingRegressor(),
        GradientBoostingRegressor(subsample=0.5),
        HistGradientBoostingClassifier(max_leaf_nodes=3),
        IsolationForest(),
    ],
)
def test_sample_weights_continue_too(estimator):
    params = {"sample_weight": WEIGHT}
    chosen = choose_resource("auto", estimator, fit_params=params)
    assert chosen.continued
    classes = np.unique(y) if is_classifier(estimator) else None
    stepped, at_once = (
        output(
            steps_to(
                chosen,
                estimator,
                X,
                target(estimator),
                stops,
                classes=classes,
                **params,
            ).estimator
        )
        for stops in ([2, 4, 7], [7])
    )
    np.testing.assert_allclose(stepped, at_once, atol=1e-6)


@pytest.mark.parametrize(
    "estimator, name",
    [
        (GradientBoostingClassifier(), "monitor"),
        (HistGradientBoostingClassifier(), "X_val"),
        (HistGradientBoostingRegressor(), "y_val"),
    ],
)
def test_fit_parameters_that_may_end_the_training_are_refitted(estimator, name):
    with pytest.warns(UserWarning, match=f"the fit parameter {name}"):
        chosen = choose_resource("auto", estimator, fit_params={name: X})
    assert not chosen.continued
    assert choose_resource("auto", estimator, fit_params={name: None}).continued


# ---- whose class it is


def test_a_class_that_only_has_the_name_is_not_known():
    class RandomForestClassifier(BaseEstimator):
        def __init__(self, n_estimators=9):
            self.n_estimators = n_estimators

    assert known_class(RandomForestClassifier()) is None
    assert choose_resource("auto", RandomForestClassifier()).is_rows


def test_a_subclass_counts_as_its_class_unless_it_trains_in_its_own_way():
    class Mine(RandomForestClassifier):
        """Has thresholds."""

        def predict(self, X):
            return super().predict(X)

        def my_own(self):
            return 1

    class Mixin:
        def _fit(self, X, y):
            raise NotImplementedError

    class Changed(Mixin, SGDClassifier):
        pass

    class Other(RandomForestClassifier):
        def __init__(self, n_estimators=7):
            super().__init__(n_estimators, max_depth=2)

        def fit(self, X, y):
            return super().fit(X[::2], y[::2])

    class Counts(SGDClassifier):
        def fit(self, X, y):
            raise NotImplementedError

        def partial_fit(self, X, y, classes=None):
            self.n_calls_ = getattr(self, "n_calls_", 0) + 1
            return super().partial_fit(X, y, classes=classes)

    class Fits(SGDClassifier):
        def fit(self, X, y):
            return super().fit(X / 2, y)

    assert overridden(Counts()) == []
    assert choose_resource("auto", Counts()).kind == "epochs"
    assert overridden(Fits()) == ["fit"]
    assert choose_resource("auto", Fits()).is_rows
    copyreg._slotnames(Mine)  # pickling leaves a note in the class
    assert overridden(Mine()) == []
    assert choose_resource("auto", Mine()).continued
    assert overridden(Changed()) == ["_fit"]
    assert choose_resource("auto", Changed()).is_rows
    assert overridden(Other()) == ["__init__", "fit"]
    with pytest.warns(UserWarning, match="with __init__, fit of its own, in place"):
        chosen = choose_resource("auto", Other())
    assert (chosen.param, chosen.continued) == ("n_estimators", False)


def test_a_subclass_without_the_parameter_that_counts_grows_by_rows():
    class Fixed(RandomForestClassifier):
        def __init__(self, depth=3):
            super().__init__(9, max_depth=depth)
            self.depth = depth

    assert registered_family(Fixed()) is None
    assert choose_resource("auto", Fixed()).is_rows


def test_a_parameter_of_a_later_release_is_continued_at_its_default_only(monkeypatch):
    class RandomForestRegressor2(RandomForestRegressor):
        def __init__(self, n_estimators=9, new=None):
            super().__init__(n_estimators)
            self.new = new

    RandomForestRegressor2.__name__ = "RandomForestRegressor"
    RandomForestRegressor2.__module__ = "sklearn.ensemble._forest"
    assert choose_resource("auto", RandomForestRegressor2()).continued
    with pytest.warns(UserWarning, match="with new=1 .*Leave out new to continue"):
        assert not choose_resource("auto", RandomForestRegressor2(new=1)).continued
    with pytest.warns(UserWarning, match="with new in the search space"):
        assert not choose_resource("auto", RandomForestRegressor2(), ["new"]).continued


def test_parameters_of_parts_are_those_of_the_part():
    bagging = BaggingClassifier(DecisionTreeClassifier())
    assert choose_resource("auto", bagging, ["estimator__max_depth"]).continued
    boosting = GradientBoostingClassifier(init=LogisticRegression())
    assert choose_resource("auto", boosting, ["init__C", "max_depth"]).continued


def test_what_is_in_the_table_fits_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for estimator in (SGDClassifier(), RowSpy(), HistGradientBoostingRegressor()):
            choose_resource("auto", clone(estimator))
