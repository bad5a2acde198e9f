"""How much of its budget a search has used up."""

import time
from dataclasses import dataclass, field

from skhpo._archive import Archive


@dataclass(eq=False)
class BudgetUsed:
    """A clock for optimizers, which have none: the share that is used up, in [0, 1].

    Of the time since this object was made, or of the candidates where that is more.
    """

    max_time: float  # seconds
    n_iter: int | None
    archive: Archive
    start: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        of_time = (time.monotonic() - self.start) / self.max_time
        of_candidates = len(self.archive.closed) / self.n_iter if self.n_iter else 0.0
        return min(max(of_time, of_candidates), 1.0)
