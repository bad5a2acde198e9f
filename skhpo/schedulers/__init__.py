"""Order: which job comes next. Schedulers know jobs and trials, never points or fits."""

from skhpo.schedulers._fifo import Fifo

__all__ = ["Fifo"]
