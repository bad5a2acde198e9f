"""``timeline_``: who fitted what, and when. Kept as small arrays, shown as a table."""

from dataclasses import dataclass
from math import isnan

import numpy as np
import pandas as pd

from skhpo._archive import FINISHED

_COLUMNS = ("number", "split", "worker", "start", "seconds", "status")


@dataclass(frozen=True, eq=False)
class Timeline:
    """The fits of a search in the order of their beginnings; 21 bytes each.

    Attributes
    ----------
    number : (n,) array of int
        Row of ``cv_results_``; -1 = none.
    split : (n,) array of int
    worker, status : (n,) array of int
        Places in ``workers`` and ``statuses``.
    start, seconds : (n,) array
        Since the beginning of the first fit, and how long it took. A start that nobody
        wrote down (a worker that died) is nan, and stands at the end.
    workers, statuses : tuple of str
    """

    number: np.ndarray
    split: np.ndarray
    worker: np.ndarray
    start: np.ndarray
    seconds: np.ndarray
    status: np.ndarray
    workers: tuple[str, ...]
    statuses: tuple[str, ...]

    @classmethod
    def of(cls, archive):
        """Read what an archive remembers, at the end of a search or where it broke."""
        fits = sorted(_fits(archive), key=lambda fit: (isnan(fit[3]), fit[3]))
        number, split, worker, start, seconds, status = (
            zip(*fits, strict=True) if fits else ([],) * len(_COLUMNS)
        )
        workers, worker = _coded(worker)
        statuses, status = _coded(status)
        start = np.array(start, dtype=np.float64)
        return cls(
            number=np.array(number, dtype=np.int32),
            split=np.array(split, dtype=np.int16),
            worker=worker.astype(np.int16),
            start=start - (start[0] if fits else 0.0),
            seconds=np.array(seconds, dtype=np.float32),
            status=status.astype(np.int8),
            workers=workers,
            statuses=statuses,
        )

    def frame(self):
        """Return it as a table of plain types."""
        return pd.DataFrame(
            {
                "number": self.number.astype(np.int64),
                "split": self.split.astype(np.int64),
                "worker": np.array(self.workers, dtype=object)[self.worker],
                "start": self.start,
                "seconds": self.seconds.astype(np.float64),
                "status": np.array(self.statuses, dtype=object)[self.status],
            }
        )


def _fits(archive):
    """Yield the values of each fit, in the order of ``_COLUMNS``."""
    row_of = {trial.id: row for row, trial in enumerate(archive.finished)}
    for trial in archive.trials:
        row = row_of.get(trial.id, -1)
        status = trial.status if trial.status in FINISHED else "interrupted"
        for outcomes, what in ((trial.outcomes, status), (trial.ahead, "ahead")):
            for o in outcomes:
                if o.trial == trial.id:  # a twin copies the other's, and fits nothing
                    yield row, o.fold, o.worker, o.started, o.task_time, what


def _coded(texts):
    """Return the distinct texts in the order of their coming, and (n,) their places."""
    place_of = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return tuple(place_of), np.array([place_of[t] for t in texts], dtype=np.int64)
