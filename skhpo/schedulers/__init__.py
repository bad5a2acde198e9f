"""Order: which job comes next. Schedulers know jobs and trials, not points or fits."""

from skhpo.schedulers._asha import AsynchronousHalving
from skhpo.schedulers._brackets import (
    Bracket,
    halving_bracket,
    hyperband_brackets,
    median_bracket,
    plan,
)
from skhpo.schedulers._fifo import Fifo
from skhpo.schedulers._halving import SuccessiveHalving
from skhpo.schedulers._median import MedianStopping

__all__ = [
    "AsynchronousHalving",
    "Bracket",
    "Fifo",
    "MedianStopping",
    "SuccessiveHalving",
    "halving_bracket",
    "hyperband_brackets",
    "median_bracket",
    "plan",
]
