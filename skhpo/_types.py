"""The values that travel between the parts of a search.

Five nouns meet in one loop (``_loop.py``): a *space* of settings, an *optimizer* that
proposes points, a *scheduler* that decides which job comes next, an *evaluator* that
fits models, and an *archive* that remembers. What they hand to each other is defined
here, and nothing else.

The idea that unifies sequential, batch, asynchronous, multi-fidelity and
population-based search is one value: a :class:`Job`. Its ``parent`` names the trial
whose fitted models are continued: ``None`` = train from scratch; an earlier trial of
the same candidate = promotion to the next rung; a trial of *another* candidate =
population-based training's exploit.

Conventions: a score is higher-is-better everywhere; a point lies in the unit cube with
one column per dimension and ``nan`` where a dimension is inactive.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Labels = Mapping[str, int | str | float]

#: The number of a trial that is no row: the estimator's own setting, scored once.
REFERENCE = -1

#: What can become of a trial. Never inferred from a nan score.
STATUSES = ("complete", "raced_out", "promoted", "stopped", "failed", "interrupted")


@dataclass(frozen=True, eq=False)
class Proposal:
    """A point that an optimizer suggests.

    ``params`` is given only where the exact values matter more than their place in the
    unit cube (settings written by the user, the estimator's own); otherwise the space
    computes them from the point. ``labels`` become columns of the results.

    Parameters
    ----------
    id : int
        Number of the proposal; counts up per optimizer.
    point : ndarray of shape (n_dims,)
        Its place in the unit cube; nan where a parameter is inactive.
    params : dict, default=None
        The exact values; None = those of the point.
    labels : dict, default={}
        Texts and numbers that say where it comes from, such as ``{"origin": "ask"}``.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import RandomDesign
    >>> from skhpo.space import Space
    >>> space = Space({"C": (0.01, 100.0, "log-uniform")})
    >>> (proposal,) = RandomDesign(space, rng=np.random.default_rng(0)).ask(1)
    >>> proposal.id, proposal.point.shape
    (0, (1,))
    """

    id: int
    point: NDArray[np.float64]  # (d,), unit cube, nan = inactive
    params: Mapping[str, Any] | None = None
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Job:
    """One evaluation to do: a proposal at a resource, from scratch or continued."""

    proposal: Proposal
    resource: int | None = (
        None  # units in all (epochs, trees, rows); None = a plain fit
    )
    candidate: int | None = None  # None = a new candidate
    parent: int | None = None  # trial whose models are continued
    origin: str = "ask"
    labels: Labels = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Result:
    """What an optimizer is told about a proposal, in commit order.

    Parameters
    ----------
    proposal : Proposal
        What was evaluated.
    score : float
        Higher is better; nan when the evaluation failed: a failure is a fact of its own
        and not a number.
    noise : float, default=nan
        Variance of ``score`` as an estimate of the mean over all folds of the search: 0
        when all were evaluated, nan = unknown.
    resource : int or None, default=None
        Units to which the models were trained; None = plain fits.
    cost : float, default=nan
        Price of the evaluation, nan = unknown: the work of its fits, or the seconds
        spent on them, as the search's ``price`` says. All results have one unit.
    parent : Proposal or None, default=None
        The proposal whose models were continued: the same one on the next rung, another
        one where they were copied; None = trained from scratch.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import RandomDesign, Result
    >>> from skhpo.space import Space
    >>> optimizer = RandomDesign(Space({"x": (0.0, 1.0)}), rng=np.random.default_rng(0))
    >>> (proposal,) = optimizer.ask(1)
    >>> optimizer.tell([Result(proposal, score=0.93)])
    """

    proposal: Proposal
    score: float
    noise: float = float("nan")
    resource: int | None = None
    cost: float = float("nan")
    parent: Proposal | None = None  # None = trained from scratch


@dataclass(frozen=True)
class FoldOutcome:
    """What one fit and its scoring on one fold came to. Travels back from a worker."""

    trial: int
    fold: int
    test_scores: float | dict[str, float]
    train_scores: float | dict[str, float] | None
    fit_time: float  # seconds
    score_time: float  # seconds
    error: str | None = None  # traceback text
    stage: str | None = None  # where it failed: "fit" or "score"
    task_time: float = 0.0  # seconds in the worker, all told
    units: int = 0  # of the resource that were trained here; 0 = a plain fit
    state: bytes | None = None  # the model, where it may be continued
    predictions: Any = None  # of the held-out rows, where they are kept
    started: float = float("nan")  # wall clock, seconds since the epoch
    worker: str = ""  # host:pid, and the thread where it is not the main one
    work: float = float("nan")  # of the fit, as the fitted model tells it; no clock
    work_error: str | None = None  # what its own __skhpo_work__ did wrong


@runtime_checkable
class Optimizer(Protocol):
    """Knows points. Implementers keep what they were told and nothing about fits.

    ``ask`` must not assume that the number of outstanding proposals is fixed: what is
    in flight is handed over as ``pending`` at each call. It may return fewer than ``n``
    proposals: "wait for results", or, with nothing pending, "the space is exhausted".
    It must not propose a point that is pending or was told before, as long as the
    space has unseen points. ``tell`` must accept any score: nan, constant, 1e300.
    """

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: NDArray[np.float64] | None = None,
        resource: int | None = None,
    ) -> list[Proposal]: ...

    def tell(self, results: Sequence[Result]) -> None: ...


#: The optimizer's ask with the pending proposals already bound: ``propose(n)``.
Propose = Callable[..., list[Proposal]]


class Scheduler(Protocol):
    """Knows order: which job comes next. Pull, never push: it never pauses a fit.

    ``next_jobs`` is asked again until it returns an empty list, and calls ``propose``
    at most once each time. ``status_of`` says at the end of the search what became of a
    trial that was committed.
    """

    def next_jobs(self, n: int, propose: Propose) -> list[Job]: ...

    def observe(self, trial: Any) -> None: ...

    def may_continue(self) -> set[int]: ...

    def status_of(self, trial: Any) -> str: ...


class Evaluator(Protocol):
    """Fits models. The only part that does.

    ``collect`` blocks until at least one fold is finished. The three flags say what the
    backend can do; they are asked, never guessed.
    """

    can_kill: bool
    is_asynchronous: bool
    shares_memory: bool

    def submit(self, trial: Any) -> None: ...

    def collect(self) -> list[FoldOutcome]: ...

    def cancel(self, trial: Any) -> None: ...

    def keep_models(self, trials: set[int]) -> None: ...
