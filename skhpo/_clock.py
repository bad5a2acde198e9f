"""The virtual clock: an order of commits that does not depend on who finished first.

A job occupies one of ``n_points`` slots and lasts as many virtual seconds as it has
resource units (1 for a plain fit). Results are committed in the order in which the jobs
would end on that clock, ties by number. So what an optimizer has been told when it is
asked depends on the seed and on ``n_points`` alone: not on ``n_jobs``, the backend, or
the load of the machine. For plain fits this is the order of asking; for rungs it keeps
long jobs from holding back short ones.
"""

from heapq import heapify, heappop, heappush


class VirtualClock:
    """Which running job ends first in virtual time."""

    def __init__(self):
        self.now = 0.0
        self._ends = []  # heap of (virtual end, job number)

    def __len__(self):
        """Return the number of running jobs."""
        return len(self._ends)

    def start(self, number, duration=1.0):
        """Start job ``number`` now, for ``duration`` units of virtual time."""
        heappush(self._ends, (self.now + duration, number))

    def first(self):
        """Return the number of the running job that ends first."""
        return self._ends[0][1]

    def finish(self, number):
        """End a job; the clock moves on to its end if that lies ahead."""
        if self._ends and self._ends[0][1] == number:
            end, _ = heappop(self._ends)
        else:  # committed on arrival, out of virtual order
            end = next(e for e, other in self._ends if other == number)
            self._ends.remove((end, number))
            heapify(self._ends)
        self.now = max(self.now, end)
