"""How much of its budget a search has used up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from skhpo._archive import Archive


@dataclass(eq=False)
class BudgetUsed:
    """A clock for optimizers, which have none: the share that is used up, in [0, 1].

    Of the time since this object was made (or of what ``seconds()`` returns), or of the
    candidates where that is more.
    """

    max_time: float  # seconds
    n_iter: int | None
    archive: Archive
    start: float = field(default_factory=time.monotonic)
    seconds: Callable[[], float] | None = None

    def __call__(self) -> float:
        now = time.monotonic() - self.start if self.seconds is None else self.seconds()
        of_time = now / self.max_time
        of_candidates = len(self.archive.closed) / self.n_iter if self.n_iter else 0.0
        return min(max(of_time, of_candidates), 1.0)
