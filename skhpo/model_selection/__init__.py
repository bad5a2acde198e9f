"""Honest estimates: what a tuned model is worth on rows that the tuning never saw."""

from skhpo.model_selection._confirm import confirm
from skhpo.model_selection._early_stopping import EarlyStoppingSplit
from skhpo.model_selection._estimate import (
    OptimismWarning,
    ScoreEstimate,
    score_estimate,
    summary,
)
from skhpo.model_selection._guards import LeakageWarning, check_leaks
from skhpo.model_selection._intervals import ScoreInterval
from skhpo.model_selection._nested import nested_cross_validate
from skhpo.model_selection._refit_rules import (
    one_standard_error,
    pareto,
    under_limit,
    within_tolerance,
)
from skhpo.model_selection._report import TuningReport, tuning_report
from skhpo.model_selection._result import NestedResult
from skhpo.model_selection._stability import ParameterStability, Stability

__all__ = [
    "EarlyStoppingSplit",
    "LeakageWarning",
    "NestedResult",
    "OptimismWarning",
    "ParameterStability",
    "ScoreEstimate",
    "ScoreInterval",
    "Stability",
    "TuningReport",
    "check_leaks",
    "confirm",
    "nested_cross_validate",
    "one_standard_error",
    "pareto",
    "score_estimate",
    "summary",
    "tuning_report",
    "under_limit",
    "within_tolerance",
]
