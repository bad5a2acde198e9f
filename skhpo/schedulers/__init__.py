"""Order: which job comes next. Schedulers know jobs and trials, not points or fits."""

from skhpo.schedulers._fifo import Fifo

__all__ = ["Fifo"]
