"""A model of a booster that goes on equals the model of all rounds at once.

``python -m tests.boosters.neighbours`` prints what is measured here.
"""

import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo import HyperbandSearchCV, PBTSearchCV
from skhpo.evaluation import choose_resource
from skhpo.evaluation._families import REGISTRY, registered_family
from tests.boosters.neighbours import (
    BOOSTERS,
    build,
    decision,
    difference,
    frame,
    measure,
    problems,
)

pytestmark = pytest.mark.boosters

#: Parameters of the safe list that no setting tries: what they do is said beside them.
NOT_TRIED = {
    "n_estimators": "counts the rounds",
    "iterations": "counts the rounds",
    "verbose": "set for all",
    "verbose_eval": "prints",
    "allow_writing_files": "set for all",
    "sample_weight": "a fit parameter",
    "feature_name": "a fit parameter",
    "categorical_feature": "a fit parameter",
}


@pytest.mark.slow
@pytest.mark.parametrize("library", BOOSTERS)
def test_what_is_continued_equals_what_is_trained_at_once(library):
    pytest.importorskip(library)
    rows = list(measure(library))
    wrong = [row for row in rows if row[3] == "equal" and not (row[4] or 0) <= 1e-6]
    cannot = [row for row in rows if row[3] == "equal" and row[4] is None]
    assert not wrong + cannot
    by_word = {
        word: {str(row[1]) for row in rows if row[3] == word}
        for word in ("equal", "pauses matter", "refitted")
    }
    assert len(by_word["equal"]) >= 20
    assert by_word["pauses matter"] and by_word["refitted"]


@pytest.mark.parametrize("library", BOOSTERS)
def test_each_parameter_of_the_safe_list_is_tried(library):
    pytest.importorskip(library)
    kinds, common, settings = BOOSTERS[library]
    how = REGISTRY[kinds.split()[0]]
    tried = {name for setting in settings for name in setting} | set(common)
    rest = (how.free | set(how.needs) | set(how.draws)) - tried - set(how.rounds)
    features = {"cat_features", "text_features", "embedding_features"}
    assert rest - features <= set(NOT_TRIED)


@pytest.mark.parametrize("library", BOOSTERS)
def test_a_parameter_that_nobody_measured_is_refitted(library):
    module = pytest.importorskip(library)
    for kind in BOOSTERS[library][0].split():
        how = REGISTRY[kind]
        names = set(inspect.signature(getattr(module, kind)).parameters)
        names -= {"kwargs", *how.free, *how.needs, *how.draws}
        for name in sorted(names):
            estimator = build(library, kind, {name: 0.123})
            assert decision(estimator)[0] == "refitted", name


def test_a_searched_parameter_counts_as_all_of_its_values():
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier()
    for name in ("boosting_type", "colsample_bytree", "linear_tree", "extra_trees"):
        with pytest.warns(UserWarning, match=f"with {name} in the search space"):
            assert not choose_resource("auto", model, [name]).continued
    assert choose_resource("auto", model, ["num_leaves", "subsample"]).continued


def test_one_warning_has_all_that_stands_in_the_way():
    catboost = pytest.importorskip("catboost")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chosen = choose_resource("auto", catboost.CatBoostClassifier())
    assert not chosen.continued
    (text,) = {str(one.message) for one in caught}
    for name in ("bootstrap_type='No'", "random_strength=0", "learning_rate"):
        assert name in text


# ---- rows of all kinds, and fit parameters


FIT_PARAMS = {
    "xgboost": [{}, {"verbose": False}],
    "lightgbm": [
        {},
        {"categorical_feature": ["c"]},
        {"feature_name": [f"feature {i}" for i in range(8)]},
    ],
    "catboost": [{}, {"verbose": False}],
}
UNSAFE = {
    "xgboost": ["base_margin", "eval_set", "xgb_model", "callbacks"],
    "lightgbm": ["init_score", "eval_set", "init_model", "callbacks", "eval_X"],
    "catboost": ["baseline", "eval_set", "init_model", "early_stopping_rounds"],
}


@pytest.mark.parametrize("library", BOOSTERS)
def test_weights_and_tables_change_nothing(library):
    pytest.importorskip(library)
    weight = np.random.default_rng(0).uniform(0.1, 3, size=240)
    setting = {"enable_categorical": True} if library == "xgboost" else {}
    for kind in BOOSTERS[library][0].split():
        estimator = build(library, kind, setting)
        for X, y in problems(estimator).values():
            table = frame(X)
            if library == "catboost":  # a category needs cat_features, and is refitted
                table = table.drop(columns="a")
            for fit_params in FIT_PARAMS[library]:
                fit_params = {"sample_weight": weight, **fit_params}
                rows = X if "feature_name" in fit_params else table
                word, how = decision(estimator, **fit_params)
                assert word == "equal"
                assert difference(estimator, rows, y, how, **fit_params) <= 1e-6


@pytest.mark.parametrize("library", BOOSTERS)
def test_fit_parameters_that_steer_the_training_are_refitted(library):
    pytest.importorskip(library)
    estimator = build(library, BOOSTERS[library][0].split()[0], {})
    pipeline = make_pipeline(StandardScaler(), estimator)
    prefix = pipeline.steps[-1][0] + "__"
    for name in UNSAFE[library]:
        assert decision(estimator, **{name: "any"})[0] == "refitted"
        assert decision(pipeline, **{prefix + name: "any"})[0] == "refitted"
        with pytest.warns(UserWarning, match=f"the fit parameter {prefix}{name}"):
            choose_resource("auto", pipeline, fit_params={prefix + name: "any"})
        assert decision(estimator, **{name: None})[0] == "equal"


# ---- classes


def test_a_subclass_that_overrides_no_training_counts_as_its_class():
    lightgbm = pytest.importorskip("lightgbm")

    class Plain(lightgbm.LGBMClassifier):
        def predict(self, X):
            return super().predict(X)

    class Own(lightgbm.LGBMClassifier):
        def fit(self, X, y):
            return super().fit(X[::2], y[::2])

    assert decision(Plain(n_jobs=1))[0] == "equal"
    assert decision(Own(n_jobs=1))[0] == "refitted"
    with pytest.warns(UserWarning, match="Own is refitted.*fit of its own"):
        assert choose_resource("auto", Own()).param == "n_estimators"


@pytest.mark.parametrize(
    "library, kind",
    [
        ("xgboost", "XGBRanker"),
        ("lightgbm", "LGBMRanker"),
        ("catboost", "CatBoostRanker"),
    ],
)
def test_rankers_are_refitted(library, kind):
    module = pytest.importorskip(library)
    assert decision(getattr(module, kind)())[0] == "refitted"


def test_balanced_forests_are_refitted():
    ensemble = pytest.importorskip("imblearn.ensemble")
    for kind in ("BalancedRandomForest", "BalancedBagging", "EasyEnsemble"):
        model = getattr(ensemble, f"{kind}Classifier")()
        assert decision(model)[0] == "refitted"
        with pytest.warns(UserWarning, match=f"{kind}Classifier is refitted"):
            assert choose_resource("auto", model).param == "n_estimators"


# ---- the number of rounds has many names


@pytest.mark.parametrize("door", [HyperbandSearchCV, PBTSearchCV])
def test_each_name_of_the_number_of_rounds_counts(door):
    lightgbm = pytest.importorskip("lightgbm")
    names = lightgbm.basic._ConfigAliases.get("num_iterations")
    rounds = registered_family(lightgbm.LGBMClassifier()).rounds
    assert names <= set(rounds)
    X, y = problems(lightgbm.LGBMClassifier())["2 classes"]
    for name in sorted(names - {"n_estimators"}):
        model = lightgbm.LGBMClassifier(**{name: 9}, n_jobs=1, verbose=-1)
        assert choose_resource("auto", model).param == name
        with pytest.raises(ValueError, match="is in the search space"):
            choose_resource("auto", model, ["n_estimators"])
    settings = {"population_size": 4, "n_steps": 3} if door is PBTSearchCV else {}
    search = door(
        model, {"learning_rate": (0.05, 0.5)}, cv=2, random_state=0, **settings
    )
    search.fit(X, y)
    assert search.resource_info_["max"] == search.best_resource_ == 9
    assert search.best_estimator_.booster_.num_trees() == 9


def test_the_name_that_lightgbm_prefers_is_the_one():
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=50, num_iterations=9)
    assert choose_resource("n_estimators", model).param == "num_iterations"


# ---- catboost: models that outlive their predecessors

CATEGORIES = """
import sys, warnings
import numpy as np, pandas as pd
from catboost import CatBoostClassifier
from skhpo import HyperbandSearchCV, PBTSearchCV
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X = pd.DataFrame({"c": rng.choice(list("abcdefgh"), 150), "x": rng.rand(150)})
y = ((X.c < "d") ^ (X.x > 0.5)).astype(int).to_numpy()
model = CatBoostClassifier(iterations=6, verbose=0, allow_writing_files=False,
                           random_seed=0, thread_count=1)
space = {"learning_rate": (0.05, 0.5), "depth": (2, 4)}
door, settings = {
    "H": (HyperbandSearchCV, {}),
    "P": (PBTSearchCV, {"population_size": 4, "n_steps": 3, "interval": 2}),
}[sys.argv[1]]
tables = [
    door(model, space, cv=2, random_state=0, error_score="raise", n_jobs=n_jobs,
         keep_models=kept, **settings)
    .fit(X, y, cat_features=["c"]).cv_results_["mean_test_score"]
    for n_jobs, kept in ((1, "auto"), (2, "auto"), (1, "none"))
]
assert np.abs(np.subtract(tables, tables[-1])).max() < 1e-9
"""


@pytest.mark.parametrize("door", ["H", "P"])
def test_catboost_with_categories_is_the_same_however_models_are_kept(door):
    pytest.importorskip("catboost")
    command = [sys.executable, "-c", CATEGORIES, door]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, timeout=300, cwd=root, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


# ---- the table of a search


def test_scores_in_rungs_are_those_of_one_fit():
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.model_selection import KFold

    model = lightgbm.LGBMRegressor(n_estimators=9, n_jobs=1, verbose=-1)
    X, y = problems(model)["numbers"]
    offset = 1000.0 + 50 * X[:, 0]
    cv = KFold(2)

    def error(estimator, X, y):
        return -np.mean((estimator.predict(X) + 1000.0 + 50 * X[:, 0] - y) ** 2)

    search = HyperbandSearchCV(
        model, {"num_leaves": [4, 7, 15]}, scoring=error, cv=cv, random_state=0
    )
    with pytest.warns(UserWarning, match="fit parameter init_score"):
        search.fit(X, y + offset, init_score=offset)
    table = pd.DataFrame(search.cv_results_)
    for row in table.itertuples():
        plain = clone(model).set_params(**row.params)
        scores = [
            error(
                clone(plain).fit(
                    X[train], (y + offset)[train], init_score=offset[train]
                ),
                X[test],
                (y + offset)[test],
            )
            for train, test in cv.split(X)
        ]
        assert row.mean_test_score == pytest.approx(np.mean(scores))
