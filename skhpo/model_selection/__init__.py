"""Honest estimates."""

from skhpo.model_selection._estimate import (
    OptimismWarning,
    ScoreEstimate,
    score_estimate,
    summary,
)

__all__ = [
    "OptimismWarning",
    "ScoreEstimate",
    "score_estimate",
    "summary",
]
