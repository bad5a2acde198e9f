"""Work: the only room that fits models."""

from skhpo.evaluation._best_scores import best_possible_score
from skhpo.evaluation._dispatch import open_dispatcher
from skhpo.evaluation._evaluator import FoldEvaluator, RacingEvaluator
from skhpo.evaluation._racing import Race, check_racing, make_race
from skhpo.evaluation._task import Payload, fit_metadata

__all__ = [
    "FoldEvaluator",
    "Payload",
    "Race",
    "RacingEvaluator",
    "best_possible_score",
    "check_racing",
    "fit_metadata",
    "make_race",
    "open_dispatcher",
]
