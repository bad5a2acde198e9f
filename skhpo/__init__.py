"""Hyperparameter search estimators for scikit-learn.

What stands here is loaded when it is first used, so that ``import skhpo`` costs next to
nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from skhpo._version import __version__

if TYPE_CHECKING:  # for editors and type checkers; the table below is what counts
    from skhpo._callbacks import Progress, SearchBegin, SearchEnd
    from skhpo._errors import CheckpointError
    from skhpo._stopping import ExpectedGainBelow, NoImprovement, TargetReached
    from skhpo.search import (
        BayesSearchCV,
        Checkpoint,
        EvolutionarySearchCV,
        HyperbandSearchCV,
        PBTSearchCV,
        load_results,
        replay,
    )
    from skhpo.space import Categorical, Integer, Ordinal, Real
    from skhpo.surrogates import EI, PI, UCB, LogEI, Thompson

__all__ = [
    "BayesSearchCV",
    "Categorical",
    "Checkpoint",
    "CheckpointError",
    "EI",
    "EvolutionarySearchCV",
    "ExpectedGainBelow",
    "HyperbandSearchCV",
    "Integer",
    "LogEI",
    "NoImprovement",
    "Ordinal",
    "PBTSearchCV",
    "PI",
    "Progress",
    "Real",
    "SearchBegin",
    "SearchEnd",
    "TargetReached",
    "Thompson",
    "UCB",
    "__version__",
    "load_results",
    "replay",
]

_NAMES_IN = {
    "_callbacks": ("Progress", "SearchBegin", "SearchEnd"),
    "_errors": ("CheckpointError",),
    "_stopping": ("ExpectedGainBelow", "NoImprovement", "TargetReached"),
    "search": (
        "BayesSearchCV",
        "Checkpoint",
        "EvolutionarySearchCV",
        "HyperbandSearchCV",
        "PBTSearchCV",
        "load_results",
        "replay",
    ),
    "space": ("Categorical", "Integer", "Ordinal", "Real"),
    "surrogates": ("EI", "LogEI", "PI", "Thompson", "UCB"),
}
_HOME = {name: home for home, names in _NAMES_IN.items() for name in names}
_PACKAGES = (
    "evaluation",
    "importance",
    "learning_rate",
    "model_selection",
    "optimizers",
    "plots",
    "schedulers",
    "search",
    "space",
    "surrogates",
    "testing",
    "tracking",
)


def __getattr__(name):
    if name in _PACKAGES:
        return import_module(f"skhpo.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'skhpo' has no attribute {name!r}")
    value = getattr(import_module(f"skhpo.{_HOME[name]}"), name)
    globals()[name] = value  # from now on without this function
    return value


def __dir__():
    return sorted({*globals(), *__all__, *_PACKAGES})
