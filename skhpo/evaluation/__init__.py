"""Work: the only room that fits models."""

from skhpo.evaluation._dispatch import open_dispatcher
from skhpo.evaluation._evaluator import FoldEvaluator
from skhpo.evaluation._task import Payload, fit_metadata

__all__ = ["FoldEvaluator", "Payload", "fit_metadata", "open_dispatcher"]
