"""What a fit will take, guessed from the parameters before any model is fitted.

*Prior work* ranks the settings of a search. It uses the formulas of ``_work.py``: each
family says here what its fitted model will look like, from the parameters and the shape
of X. What only a fit can tell (iterations until convergence, early stopping) is left
out, and a family whose work depends on little else has no prior.

=======================================  ==============================================
family                                   what is expected
=======================================  ==============================================
boosting                                 rounds, leaves
forests, bagging of trees, single trees  trees, leaves, columns tried, rows drawn
SGD, MLP                                 epochs, weights, batches
pipelines                                the last step
=======================================  ==============================================

Leaves are as many as the parameters allow (``max_leaf_nodes``, ``2 ** max_depth``) and
the rows can fill.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isfinite, log2, nan
from numbers import Integral
from types import SimpleNamespace
from typing import Any

import numpy as np

from skhpo.evaluation._work import (
    OWN,
    PER_FIT,
    Size,
    Trees,
    both,
    catboost,
    class_names,
    gradient,
    hist,
    lightgbm,
    mlp,
    sgd,
    sum_of_trees,
    xgboost,
)

_EPOCHS = 60  # that a linear learner takes at most until it converges
_FILLED = 1.5  # rows of a leaf that may not be split, in min_samples_leaf


@dataclass(frozen=True)
class Setting:
    """An estimator as it will be once parameters are set; nothing is set."""

    estimator: Any
    params: Mapping[str, Any]  # by nested name

    def get(self, *names: str, default: Any = None) -> Any:
        """The value of a parameter, which may have several names.

        Read off the attribute: ``get_params`` takes longer than all the rest.
        """
        own, params = self.estimator, self.params
        found = (params[n] if n in params else getattr(own, n, None) for n in names)
        return next((value for value in found if value is not None), default)

    def part(self, name: str, estimator: Any) -> "Setting":
        """A nested estimator, with what is set of it; it may be replaced itself."""
        start = f"{name}__"
        inner = [(n.removeprefix(start), n) for n in self.params if n.startswith(start)]
        params = {short: self.params[name] for short, name in inner}
        return Setting(self.params.get(name, estimator), params)

    def head(self) -> "Setting":
        """The last step of a pipeline, or the whole."""
        if "Pipeline" not in class_names(self.estimator):
            return self
        return self.part(*self.estimator.steps[-1]).head()


Prior = Callable[[Setting, Size, int], float]  # of a setting, rows and columns


def prior_work(
    estimator: Any, params: Mapping[str, Any], n_rows: int, n_columns: int
) -> float:
    """Return a guess at the work of a fit with these parameters; nan = there is none.

    Parameters
    ----------
    estimator : estimator
        Not changed.
    params : dict
        By nested name, as ``set_params`` takes them.
    n_rows, n_columns : int
        Of the training data. The last step of a pipeline may see other columns.
    """
    try:
        setting = Setting(estimator, params).head()
        prior = _prior(setting.estimator)
        if prior is None:
            return nan
        work = PER_FIT + float(prior(setting, Size(n_rows, n_rows), n_columns))
    except Exception:  # values that make no sense: their fit will say so
        return nan
    return work if isfinite(work) and work > 0.0 else nan


def _prior(estimator: Any) -> Prior | None:
    if hasattr(estimator, OWN):  # in a unit of its own
        return None
    names = class_names(estimator)
    return next((_PRIORS[name] for name in names if name in _PRIORS), None)


# ---- trees


def _leaves(max_leaves: Any, max_depth: Any, rows: float, least_rows: float) -> float:
    """Leaves of a tree: None, 0 and -1 mean no limit."""
    by_count = max_leaves if max_leaves and max_leaves > 0 else inf
    by_depth = 2.0 ** min(max_depth, 60) if max_depth and max_depth > 0 else inf
    by_rows = rows / max(_FILLED * least_rows, 1.0)
    return max(1.0, min(by_count, by_depth, by_rows))


def _part_of(n: float, value: Any) -> float:
    """A number, or a share of n; None = all of it."""
    if value is None:
        return n
    return min(n, value) if isinstance(value, Integral) else max(1.0, n * value)


def _of_boosting(formula: Any, rounds: float, leaves: float, size: Size, columns: int):
    trees = Trees(rounds, rounds, rounds * (2.0 * leaves - 1.0))
    return formula.of(trees, size.n * columns, columns)


def _hist(setting: Setting, size: Size, columns: int) -> float:
    leaves = _leaves(
        setting.get("max_leaf_nodes"),
        setting.get("max_depth"),
        size.n,
        setting.get("min_samples_leaf"),
    )
    return _of_boosting(hist, setting.get("max_iter"), leaves, size, columns)


def _lightgbm(setting: Setting, size: Size, columns: int) -> float:
    leaves = _leaves(
        setting.get("num_leaves", "max_leaves", default=31),
        setting.get("max_depth"),
        size.n,
        setting.get("min_data_in_leaf", "min_child_samples", default=20),
    )
    rounds = setting.get("num_iterations", "n_estimators", default=100)
    return _of_boosting(lightgbm, rounds, leaves, size, columns)


def _xgboost(setting: Setting, size: Size, columns: int) -> float:
    leaves = _leaves(
        setting.get("max_leaves"),
        setting.get("max_depth", default=6),
        size.n,
        4.0 * setting.get("min_child_weight", default=1.0),  # p (1 - p) of a row
    )
    rounds = setting.get("n_estimators", default=100)
    rounds *= setting.get("num_parallel_tree", default=1)
    return _of_boosting(xgboost, rounds, leaves, size, columns)


def _catboost(setting: Setting, size: Size, columns: int) -> float:
    """Trees without holes: they have all leaves of their depth."""
    own = setting.estimator.get_params()  # they are no attributes
    setting = Setting(setting.estimator, {**own, **setting.params})
    depth = setting.get("depth", "max_depth", default=6)
    names = ("iterations", "n_estimators", "num_boost_round", "num_trees")
    rounds = setting.get(*names, default=1000)
    return _of_boosting(catboost, rounds, 2.0**depth, size, columns)


def _gradient(setting: Setting, size: Size, columns: int) -> float:
    rows = _part_of(size.n, setting.get("subsample"))
    tree, rounds = _tree_of(setting, rows, columns), setting.get("n_estimators")
    return gradient(rounds, size) + rounds * sum_of_trees([tree])


def _forest(setting: Setting, size: Size, columns: int) -> float:
    rows = _part_of(size.n, setting.get("max_samples"))
    rows *= 0.63 if setting.get("bootstrap") else 1.0  # the others are drawn again
    tree = _tree_of(setting, rows, columns, _is_extra(setting.estimator))
    return setting.get("n_estimators") * sum_of_trees([tree])


def _tree(setting: Setting, size: Size, columns: int) -> float:
    is_random = setting.get("splitter") == "random"
    return sum_of_trees([_tree_of(setting, size.n, columns, is_random)])


def _bagging(setting: Setting, size: Size, columns: int) -> float:
    """Of whatever is bagged; without it trees are."""
    rows = _part_of(size.n, setting.get("max_samples"))
    columns = max(1, int(_part_of(columns, setting.get("max_features"))))
    inner = setting.part("estimator", setting.get("estimator")).head()
    if inner.estimator is None:
        one = sum_of_trees([_fitted_tree(rows / _FILLED, rows, columns)])
    else:
        one = (_prior(inner.estimator) or _unknown)(inner, Size(rows, rows), columns)
    return setting.get("n_estimators") * one


def _unknown(setting: Setting, size: Size, columns: int) -> float:
    return nan


def _tree_of(
    setting: Setting, rows: float, columns: int, is_random: bool = False
) -> SimpleNamespace:
    """What the tree of a setting will look like."""
    by_leaf = _part_of(rows, setting.get("min_samples_leaf", default=1))
    by_split = _part_of(rows, setting.get("min_samples_split", default=2)) / 2.0
    leaves = _leaves(
        setting.get("max_leaf_nodes"),
        setting.get("max_depth"),
        rows,
        max(by_leaf, by_split),
    )
    tried = _columns_tried(setting.get("max_features"), columns)
    return _fitted_tree(leaves, rows, tried, is_random)


def _fitted_tree(leaves: float, rows: float, tried: float, is_random: bool = False):
    """What ``sum_of_trees`` reads off a tree."""
    return SimpleNamespace(
        tree_=SimpleNamespace(node_count=2.0 * leaves - 1.0, n_node_samples=[rows]),
        splitter="random" if is_random else "best",
        max_features_=tried,
    )


def _columns_tried(max_features: Any, columns: int) -> float:
    if max_features in ("sqrt", "log2"):
        return max(1.0, columns**0.5 if max_features == "sqrt" else log2(columns))
    return _part_of(columns, max_features)


def _is_extra(estimator: Any) -> bool:
    return any(name.startswith("ExtraTrees") for name in class_names(estimator))


# ---- epochs


def _sgd(setting: Setting, size: Size, columns: int) -> float:
    epochs = min(setting.get("max_iter"), _EPOCHS)
    return sgd(SimpleNamespace(n_iter_=epochs, n_features_in_=columns), size)


def _mlp(setting: Setting, size: Size, columns: int) -> float:
    widths = [columns, *np.ravel(setting.get("hidden_layer_sizes")), 1]
    pairs = zip(widths[:-1], widths[1:], strict=True)
    model = SimpleNamespace(
        n_iter_=setting.get("max_iter"),
        coefs_=[SimpleNamespace(size=n * m) for n, m in pairs],
        batch_size=setting.get("batch_size"),
        solver=setting.get("solver"),
    )
    return mlp(model, size)


# ---- the table


_PRIORS: dict[str, Prior] = {
    name: prior
    for prior, names in (
        (_hist, both("HistGradientBoosting")),
        (_lightgbm, ["LGBMModel"]),
        (_xgboost, ["XGBModel"]),
        (_catboost, ["CatBoost"]),
        (_gradient, both("GradientBoosting")),
        (_forest, [*both("RandomForest", "ExtraTrees"), "IsolationForest"]),
        (_tree, both("DecisionTree", "ExtraTree")),
        (_bagging, both("Bagging")),
        (_sgd, [*both("SGD", "PassiveAggressive"), "Perceptron", "SGDOneClassSVM"]),
        (_mlp, both("MLP")),
    )
    for name in names
}
