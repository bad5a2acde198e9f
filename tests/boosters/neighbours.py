"""Measures which settings continue exactly: ``python -m tests.boosters.neighbours``.

For each booster and each setting near its defaults a model is trained through 3, 9 and
27 rounds, and another one through 27 at once. The table shows by how much their
predictions differ (of regressors: in standard deviations of the target), and what a
search does with the setting:

equal           continued from rung to rung
pauses matter   refitted in rungs; PBTSearchCV, whose pauses are fixed, goes on
refitted        refitted in rungs; PBTSearchCV refuses it
"""

import importlib
import pickle
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression

from skhpo.evaluation._families import registered_family
from skhpo.evaluation._resources import ChosenResource, choose_resource
from skhpo.evaluation._stepper import Seeds, Step, train

STOPS = (3, 9, 27)
SEEDS = Seeds(root=7, candidate=1, fold=2)


def squared_error(y_true, y_pred):
    """An objective of one's own."""
    return y_pred - y_true, np.ones_like(y_true)


# ---- what is tried


def each(**values):
    """Return a setting for each value of each parameter."""
    return [{name: value} for name, tried in values.items() for value in tried]


XGBOOST = [
    {},
    *each(
        objective=["reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"],
        base_score=[0.3],
        eval_metric=["mae"],
        gamma=[0.5],
        grow_policy=["lossguide"],
        n_jobs=[2],
        missing=[0.0],
        importance_type=["weight"],
        interaction_constraints=["[[0,1],[2,3,4]]"],
        learning_rate=[0.05, 1.0],
        max_bin=[16],
        max_delta_step=[0.5],
        max_cat_threshold=[4],
        max_cat_to_onehot=[3],
        max_depth=[2, 0],
        max_leaves=[4],
        min_child_weight=[5],
        monotone_constraints=["(1,-1)"],
        multi_strategy=["multi_output_tree"],
        num_parallel_tree=[3],
        random_state=[3],
        reg_alpha=[1.0],
        reg_lambda=[5.0],
        sampling_method=["uniform"],
        scale_pos_weight=[2.0],
        tree_method=["exact", "approx", "hist"],
        validate_parameters=[True],
        verbosity=[0],
        feature_types=[["q"] * 8],
        feature_weights=[np.arange(8) + 1.0],
        enable_categorical=[True],
        eta=[0.2],
        alpha=[0.5],
        nthread=[1],
        seed=[4],
        min_split_loss=[0.3],
        subsample=[0.5],
        colsample_bytree=[0.5],
        colsample_bylevel=[0.5],
        colsample_bynode=[0.5],
        booster=["dart", "gblinear"],
        device=["cpu"],
        callbacks=[[]],
        early_stopping_rounds=[None],
        rate_drop=[0.5],
    ),
    {"objective": squared_error},
    {"objective": "reg:quantileerror", "quantile_alpha": 0.3},
    {"objective": "reg:pseudohubererror", "huber_slope": 2.0},
    {"objective": "reg:tweedie", "tweedie_variance_power": 1.3},
    {"booster": "dart", "rate_drop": 0.5},
    {"subsample": 0.5, "sampling_method": "gradient_based"},
    {"lambda": 3.0},
]

LIGHTGBM = [
    {},
    *each(
        objective=["regression", "regression_l1", "huber", "quantile", "mape", "fair"],
        class_weight=["balanced"],
        importance_type=["gain"],
        learning_rate=[0.02, 1.0],
        max_depth=[2],
        min_child_samples=[2, 50],
        min_child_weight=[5.0],
        min_split_gain=[0.5],
        n_jobs=[2],
        num_leaves=[3, 63],
        random_state=[3],
        reg_alpha=[1.0],
        reg_lambda=[5.0],
        subsample=[0.5],
        subsample_for_bin=[100],
        bin_construct_sample_cnt=[100],
        boost_from_average=[False],
        cat_l2=[3.0],
        cat_smooth=[3.0],
        data_random_seed=[5],
        deterministic=[True],
        enable_bundle=[False],
        eta=[0.3],
        force_col_wise=[True],
        force_row_wise=[True],
        interaction_constraints=[[[0, 1], [2, 3]]],
        is_unbalance=[True],
        lambda_l1=[1.0],
        lambda_l2=[2.0],
        max_bin=[15],
        max_bin_by_feature=[[5] * 8],
        max_cat_threshold=[4],
        max_delta_step=[0.5],
        max_leaves=[5],
        metric=["l2"],
        min_data_in_bin=[10],
        min_data_in_leaf=[5],
        min_gain_to_split=[0.2],
        min_sum_hessian_in_leaf=[2.0],
        monotone_constraints=[[1, -1] + [0] * 6],
        num_threads=[1],
        path_smooth=[1.0],
        reg_sqrt=[True],
        scale_pos_weight=[2.0],
        seed=[3],
        shrinkage_rate=[0.3],
        sigmoid=[2.0],
        use_missing=[False],
        verbosity=[-1],
        zero_as_missing=[True],
        boosting_type=["gbrt", "goss", "dart"],
        boosting=["dart", "goss"],
        boost=["dart"],
        data_sample_strategy=["goss"],
        colsample_bytree=[0.5],
        feature_fraction=[0.5],
        feature_fraction_bynode=[0.5],
        extra_trees=[True],
        subsample_freq=[1],
        linear_tree=[True],
        linear_trees=[True],
        use_quantized_grad=[True],
        cegb_penalty_feature_coupled=[[20.0] * 8],
        cegb_penalty_feature_lazy=[[0.1] * 8],
    ),
    *each(**dict.fromkeys(["num_iterations", "n_iter", "num_boost_round"], [9])),
    {"objective": squared_error},
    {"objective": "quantile", "alpha": 0.3},
    {"objective": "fair", "fair_c": 2.0},
    {"objective": "tweedie", "tweedie_variance_power": 1.3},
    {"bagging_fraction": 0.5},
    {"subsample": 0.5, "subsample_freq": 1},
    {"bagging_fraction": 0.5, "bagging_freq": 1},
    {"pos_bagging_fraction": 0.5, "neg_bagging_fraction": 0.9, "bagging_freq": 1},
]

CATBOOST = [
    {},
    *each(
        depth=[2, 8],
        max_depth=[3],
        l2_leaf_reg=[10.0],
        reg_lambda=[5.0],
        loss_function=["MAE", "Quantile:alpha=0.3", "Huber:delta=1", "MultiClass"],
        objective=["MAPE", "Expectile:alpha=0.3", "MultiClassOneVsAll"],
        border_count=[16],
        max_bin=[20],
        feature_border_type=["Uniform", "MinEntropy"],
        nan_mode=["Min"],
        leaf_estimation_iterations=[1, 5],
        leaf_estimation_method=["Gradient", "Newton"],
        leaf_estimation_backtracking=["No"],
        random_seed=[3],
        random_state=[3],
        metric_period=[2],
        grow_policy=["Lossguide", "Depthwise"],
        score_function=["L2"],
        auto_class_weights=["Balanced"],
        scale_pos_weight=[2.0],
        eval_metric=["RMSE"],
        thread_count=[2],
        used_ram_limit=["1gb"],
        train_dir=["catboost_info"],
        name=["a"],
        logging_level=["Silent"],
        silent=[True],
        sampling_frequency=["PerTree"],
        mvs_reg=[0.1],
        allow_const_label=[True],
        n_estimators=[9],
        num_trees=[9],
        boost_from_average=[False, True],
        task_type=["CPU"],
        use_best_model=[False],
        boosting_type=["Plain", "Ordered"],
        rsm=[0.5],
        colsample_bylevel=[0.5],
        bootstrap_type=["Bayesian", "Bernoulli", "MVS", None],
        random_strength=[1.0, None],
        learning_rate=[None, 0.5],
        langevin=[True],
        model_shrink_rate=[0.1],
        diffusion_temperature=[100],
    ),
    {"bootstrap_type": None, "random_strength": None},
    {"bootstrap_type": "Bernoulli", "subsample": 0.5},
    {"bootstrap_type": "Bayesian", "bagging_temperature": 2.0},
    {"grow_policy": "Lossguide", "max_leaves": 5},
    {"grow_policy": "Lossguide", "num_leaves": 5},
    {"grow_policy": "Depthwise", "min_data_in_leaf": 20},
    {"grow_policy": "Depthwise", "min_child_samples": 20},
    {"learning_rate": None, "eta": 0.2},
]

#: By library: names of the classes, settings of all, and what is tried.
BOOSTERS = {
    "xgboost": ("XGBClassifier XGBRegressor", {"n_jobs": 1, "max_depth": 4}, XGBOOST),
    "lightgbm": (
        "LGBMClassifier LGBMRegressor",
        {"n_jobs": 1, "verbose": -1},
        LIGHTGBM,
    ),
    "catboost": (
        "CatBoostClassifier CatBoostRegressor",
        {
            "thread_count": 1,
            "verbose": 0,
            "allow_writing_files": False,
            "learning_rate": 0.1,
            "random_strength": 0,
            "bootstrap_type": "No",
        },
        CATBOOST,
    ),
}

# ---- on what


def problems(estimator):
    """Return the data sets that an estimator is tried on, by name."""
    if not is_classifier(estimator):
        X, y = make_regression(240, 8, n_informative=5, noise=20, random_state=0)
        return {"numbers": (X, y), "positive numbers": (X, y - y.min() + 1)}
    made = {
        f"{n} classes": make_classification(
            240, 8, n_informative=5, n_classes=n, flip_y=0.2, random_state=0
        )
        for n in (2, 3)
    }
    return made


def frame(X):
    """Return rows with a category and missing values."""
    table = pd.DataFrame(X, columns=list("abcdefgh"))
    table["a"] = pd.Categorical(np.digitize(X[:, 0], [-1, -0.3, 0.3, 1]).astype(str))
    table.loc[::7, "b"] = np.nan
    return table


def output(estimator, X):
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    return np.asarray(getattr(estimator, method)(X), dtype=float)


# ---- how much it differs


def grown(chosen, estimator, X, y, stops, **fit_params):
    """Return a model that was pickled at each stop."""
    model = None
    for to in stops:
        step = Step(to, SEEDS, fit_params=fit_params)
        model = train(chosen, clone(estimator), X, y, step, model)
        model = pickle.loads(pickle.dumps(model))
    return model.estimator


def difference(estimator, X, y, how=None, **fit_params):
    """Return by how much predictions differ between three pauses and none."""
    chosen = ChosenResource(how or registered_family(estimator), "", "")
    paused, at_once = (
        output(grown(chosen, estimator, X, y, stops, **fit_params), X)
        for stops in (STOPS, STOPS[-1:])
    )
    scale = 1.0 if is_classifier(estimator) else np.std(y)
    return float(np.max(np.abs(paused - at_once)) / scale)


def decision(estimator, **fit_params):
    """Return what a search does with an estimator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for word, exact in (("equal", True), ("pauses matter", False)):
            chosen = choose_resource(
                "auto", estimator, fit_params=fit_params, exact=exact
            )
            if chosen.continued:
                return word, chosen.how
    return "refitted", None


def build(library, kind, setting):
    """Return an estimator with a setting, or None where it has no such parameter."""
    given = {**BOOSTERS[library][1], **setting}
    if {"silent", "logging_level"} & set(setting):
        del given["verbose"]
    given = {k: v for k, v in given.items() if v is not None or library != "catboost"}
    try:
        return getattr(importlib.import_module(library), kind)(**given)
    except TypeError:
        return None


def measure(library):
    """Yield (class, setting, problem, decision, difference) for all that is tried.

    What the library itself refuses is left out; a difference of None says that it
    refuses to go on with what it can fit.
    """
    kinds, _, settings = BOOSTERS[library]
    for kind in kinds.split():
        for setting in settings:
            estimator = build(library, kind, setting)
            if estimator is None:
                continue
            word, how = decision(estimator)
            for name, (X, y) in problems(estimator).items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = _difference_or_none(estimator, X, y, how)
                if found is not False:
                    yield kind, setting, name, word, found


def _difference_or_none(estimator, X, y, how):
    chosen = ChosenResource(how or registered_family(estimator), "", "")
    try:
        grown(chosen, estimator, X, y, (2,))
    except Exception:  # the library has no such model
        return False
    try:
        return difference(estimator, X, y, how)
    except Exception:
        return None


def text(setting):
    """Return a setting in words."""
    parts = [f"{k}={getattr(v, '__name__', v)!s:.24}" for k, v in setting.items()]
    return ", ".join(parts) or "(as above)"


def main(libraries):
    """Print a table per library, a row per setting: the largest difference."""
    for library in libraries:
        print(f"\n{library}: {BOOSTERS[library][1]}\n")
        print("| setting | what a search does | largest difference |\n|---|---|---|")
        rows = {}
        for _, setting, _, word, found in measure(library):
            rows.setdefault((text(setting), word), []).append(found)
        for (setting, word), found in rows.items():
            worst = "cannot" if None in found else f"{max(found):.1g}"
            print(f"| {setting} | {word} | {worst} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(BOOSTERS))
