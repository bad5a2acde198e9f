"""First in, first out: every proposal is evaluated once, in full."""

from skhpo._types import Job


class Fifo:
    """Turns proposals into jobs until the budget is used up.

    Parameters
    ----------
    n_iter : int or None
        Number of candidates; None = no limit but time, or the end of the space.

    Examples
    --------
    >>> from skhpo.schedulers import Fifo
    >>> from skhpo.testing import SimulatedSearch
    >>> search = SimulatedSearch(Fifo(n_iter=5), n_points=2)
    >>> search.run()
    >>> len(search.trials)
    5
    """

    def __init__(self, n_iter):
        self.n_left = float("inf") if n_iter is None else n_iter

    def next_jobs(self, n, propose):
        """Return up to ``n`` jobs; fewer = wait for results, or nothing is left."""
        n = min(n, self.n_left)
        proposals = propose(int(n)) if n > 0 else []
        self.n_left -= len(proposals)
        return [Job(p, origin=p.labels.get("origin", "ask")) for p in proposals]

    def observe(self, trial):
        """Learn that a trial was committed: nothing depends on it here."""

    def status_of(self, trial):
        """Return what became of a trial: its own status."""
        return trial.status

    def may_continue(self):
        """Return the trials whose models must be kept: none."""
        return set()
