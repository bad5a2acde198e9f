"""How much of its budget a search has used up."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skhpo._archive import Archive


@dataclass(eq=False)
class BudgetUsed:
    """A clock for optimizers, which have none: the share that is used up, in [0, 1].

    Of the time since this object was made (or of what ``seconds()`` returns), or of the
    candidates where that is more. Without ``max_time`` no clock is read. ``prior_cost``
    guesses what a setting costs before anything is fitted.
    """

    max_time: float | None  # seconds
    n_iter: int | None
    archive: Archive
    start: float = field(default_factory=time.monotonic)
    seconds: Callable[[], float] | None = None
    prior_cost: Callable[[Mapping[str, Any]], float] | None = None

    def __call__(self) -> float:
        of_candidates = len(self.archive.closed) / self.n_iter if self.n_iter else 0.0
        return min(max(self._of_time(), of_candidates), 1.0)

    def _of_time(self) -> float:
        if self.max_time is None:
            return 0.0
        now = time.monotonic() - self.start if self.seconds is None else self.seconds()
        return now / self.max_time
