"""Order: which job comes next. Schedulers know jobs and trials, not points or fits."""

from skhpo.schedulers._asha import AsynchronousHalving
from skhpo.schedulers._brackets import (
    Bracket,
    halving_bracket,
    hyperband_brackets,
    median_bracket,
    plan,
    with_place,
)
from skhpo.schedulers._fifo import Fifo
from skhpo.schedulers._halving import SuccessiveHalving
from skhpo.schedulers._median import MedianStopping
from skhpo.schedulers._pbt import PopulationBased

__all__ = [
    "AsynchronousHalving",
    "Bracket",
    "Fifo",
    "MedianStopping",
    "PopulationBased",
    "SuccessiveHalving",
    "halving_bracket",
    "hyperband_brackets",
    "median_bracket",
    "plan",
    "with_place",
]
