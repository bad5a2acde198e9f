"""Honest estimates: what a tuned model is worth on rows that the tuning never saw."""

from skhpo.model_selection._early_stopping import EarlyStoppingSplit
from skhpo.model_selection._guards import LeakageWarning
from skhpo.model_selection._intervals import ScoreInterval
from skhpo.model_selection._nested import nested_cross_validate
from skhpo.model_selection._refit_rules import (
    one_standard_error,
    pareto,
    under_limit,
    within_tolerance,
)
from skhpo.model_selection._result import NestedResult
from skhpo.model_selection._stability import ParameterStability, Stability

__all__ = [
    "EarlyStoppingSplit",
    "LeakageWarning",
    "NestedResult",
    "ParameterStability",
    "ScoreInterval",
    "Stability",
    "nested_cross_validate",
    "one_standard_error",
    "pareto",
    "under_limit",
    "within_tolerance",
]
