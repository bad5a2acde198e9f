"""A user's own optimizer: made, asked in words that it understands, and checked.

An optimizer of one's own needs two methods, ``ask(n)`` and ``tell(results)``. What it
leaves out is added here, and what it proposes is looked at before anything is fitted.
``doc/own_optimizer.rst`` describes the protocol for those who write one.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from inspect import Parameter, signature
from typing import Any

import numpy as np

from skhpo._types import Proposal, Result
from skhpo.optimizers._base import Points
from skhpo.space import Space

_CONTEXT = ("pending", "near", "resource")  # what ask may also want to know
_ROUNDING = 1e-9  # by which a coordinate may miss the unit interval
_PAGE = "See doc/own_optimizer.rst."


class OwnOptimizer:
    """Stands between the search and an object with ``ask`` and ``tell``.

    Parameters
    ----------
    optimizer : object
        The user's: ``ask(n)`` returns at most n settings, each a dict of parameters, a
        point of the unit cube or a :class:`Proposal`; ``tell(results)`` learns. ``ask``
        is handed ``pending``, ``near`` and ``resource`` where its signature has them.
    space : Space
        Where proposals must lie.

    Raises
    ------
    ValueError
        From ``ask``, when what was proposed is no setting of the space.

    Examples
    --------
    >>> from skhpo.optimizers import OwnOptimizer
    >>> from skhpo.space import Space
    >>> class Middle:
    ...     def ask(self, n):
    ...         return [{"C": 5.5}]
    ...
    ...     def tell(self, results):
    ...         pass
    >>> optimizer = OwnOptimizer(Middle(), Space({"C": (1.0, 10.0)}))
    >>> print(optimizer.ask(1)[0].point)
    [0.5]
    """

    def __init__(self, optimizer: Any, space: Space):
        check_ask_and_tell(optimizer)
        self.optimizer = optimizer
        self.space = space
        self._keywords = _keywords_of(optimizer.ask)
        self._n_proposed = 0

    @property
    def name(self) -> str:
        """The class of the user's object."""
        return type(self.optimizer).__name__

    def ask(
        self,
        n: int,
        *,
        pending: Sequence[Proposal] = (),
        near: Points | None = None,
        resource: int | None = None,
    ) -> list[Proposal]:
        """At most ``n`` proposals, checked and numbered."""
        context = {
            "pending": [self._with_params(proposal) for proposal in pending],
            "near": near,
            "resource": resource,
        }
        wanted = {name: context[name] for name in self._keywords}
        answers = self._as_list(self.optimizer.ask(n, **wanted))
        if len(answers) > n:
            raise ValueError(
                f"{self.name}.ask({n}) returned {len(answers)} proposals: {answers!r}. "
                f"It may return at most as many as are asked for. {_PAGE}"
            )
        return [self._numbered(self._checked(answer)) for answer in answers]

    def tell(self, results: Sequence[Result]) -> None:
        """Hand results on, each with the parameters of its proposal."""
        self.optimizer.tell(
            [
                replace(result, proposal=self._with_params(result.proposal))
                for result in results
            ]
        )

    # What ask returned -----------------------------------------------------------

    def _as_list(self, answer: Any) -> list:
        """Several proposals; one may stand for the list of it."""
        if isinstance(answer, (Mapping, Proposal)) or _is_one_point(answer):
            return [answer]
        if isinstance(answer, (list, tuple, np.ndarray)):
            return list(answer)
        raise ValueError(
            f"{self.name}.ask returned {answer!r}. It must return a list of settings "
            f"(dicts of parameters, points of the unit cube, Proposals). {_PAGE}"
        )

    def _checked(self, answer: Any) -> Proposal:
        proposal = self._as_proposal(answer)
        if not self.space.is_feasible(proposal.point):
            raise self._refusal(answer, "It violates the constraints.")
        return proposal

    def _as_proposal(self, answer: Any) -> Proposal:
        if isinstance(answer, Proposal) and answer.params is None:
            return self._with_params(replace(answer, point=self._point(answer.point)))
        if isinstance(answer, Proposal):
            return replace(answer, point=self._point_of_params(answer.params))
        if isinstance(answer, Mapping):
            point = self._point_of_params(answer)
            return Proposal(0, point, dict(answer), {"origin": "ask"})
        point = self._point(answer)
        return Proposal(0, point, self.space.to_params(point), {"origin": "ask"})

    def _point_of_params(self, params: Mapping[str, Any]) -> Points:
        try:
            return self.space.to_point(params)
        except (ValueError, TypeError) as error:
            raise self._refusal(params, str(error)) from error

    def _point(self, answer: Any) -> Points:
        """(d,) the nearest point of the space; what is far from it is refused."""
        d = self.space.n_dims
        try:
            point = np.array(answer, dtype=float)
        except (ValueError, TypeError):
            reason = f"It is neither a dict nor a Proposal nor {d} numbers."
            raise self._refusal(answer, reason) from None
        if point.shape != (d,):
            raise self._refusal(
                answer,
                f"The space has {d} dimensions {self._columns}, so that a point has "
                f"shape ({d},), not {point.shape}.",
            )
        self._check_inside(answer, point)
        snapped = self.space.snap(point[None])[0]
        missing = np.isnan(point) & ~np.isnan(snapped)
        if missing.any():
            column = self._columns[int(np.argmax(missing))]
            reason = f"{column!r} is nan, but active beside the other values."
            raise self._refusal(answer, reason)
        return snapped

    def _check_inside(self, answer: Any, point: Points) -> None:
        is_outside = (point < -_ROUNDING) | (point > 1.0 + _ROUNDING)
        if is_outside.any():
            j = int(np.argmax(is_outside))
            raise self._refusal(
                answer,
                f"{self._columns[j]!r} is {point[j]:g} there, outside of [0, 1]: a "
                "point lies in the unit cube (space.to_point(params) gives it), or "
                "return the dict of parameters itself.",
            )

    def _refusal(self, answer: Any, reason: str) -> ValueError:
        return ValueError(f"{self.name}.ask proposed {answer!r}. {reason} {_PAGE}")

    # ---------------------------------------------------------------------------

    @property
    def _columns(self) -> list[str]:
        return [column.name for column in self.space.columns]

    def _numbered(self, proposal: Proposal) -> Proposal:
        self._n_proposed += 1
        return replace(proposal, id=self._n_proposed - 1)

    def _with_params(self, proposal: Proposal) -> Proposal:
        if proposal.params is not None:
            return proposal
        return replace(proposal, params=self.space.to_params(proposal.point))


def make_own_optimizer(
    given: Any, space: Space, *, rng: np.random.Generator
) -> OwnOptimizer:
    """What the user passed as ``optimizer=``, ready for one search.

    A class or a factory is called as ``given(space, rng=rng)``; of an object a copy is
    used, so that the search's parameter stays as it is.

    Parameters
    ----------
    given : object, class or callable
        The user's.
    space : Space
        Where proposals must lie.
    rng : numpy.random.Generator
        Handed on to classes and factories.

    Returns
    -------
    optimizer : OwnOptimizer
        The user's, with checks around it.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.optimizers import RandomDesign, make_own_optimizer
    >>> from skhpo.space import Space
    >>> space = Space({"C": (1.0, 10.0)})
    >>> optimizer = make_own_optimizer(
    ...     RandomDesign, space, rng=np.random.default_rng(0)
    ... )
    >>> optimizer.name
    'RandomDesign'
    """
    check_own_optimizer(given)
    if _is_factory(given):
        return OwnOptimizer(given(space, rng=rng), space)
    return OwnOptimizer(deepcopy(given), space)


def check_own_optimizer(given: Any) -> None:
    """Raise a TypeError, if this can make no optimizer.

    Parameters
    ----------
    given : object, class or callable
        What a user passed as ``optimizer=``.

    Raises
    ------
    TypeError
        Naming the method that is missing, or the signature that does not fit.

    Examples
    --------
    >>> from skhpo.optimizers import check_own_optimizer
    >>> check_own_optimizer(42)
    Traceback (most recent call last):
        ...
    TypeError: optimizer=42 has no method ask and no method tell. ...
    """
    if not _is_factory(given):
        check_ask_and_tell(given)
        _check_copy(given)
        return
    try:
        signature(given).bind("space", rng="rng")
    except TypeError as error:
        raise TypeError(
            f"optimizer={given!r} will be called as f(space, rng=generator), which "
            f"does not fit its signature: {error}. {_PAGE}"
        ) from None
    except ValueError:  # a signature that Python cannot tell
        return


def check_ask_and_tell(optimizer: Any) -> None:
    """Raise a TypeError, if a method is missing or asks for more than there is."""
    missing = [
        name for name in ("ask", "tell") if not callable(getattr(optimizer, name, None))
    ]
    if missing:
        raise TypeError(
            f"optimizer={optimizer!r} has no method {' and no method '.join(missing)}. "
            "An optimizer of your own has ask(n), which returns settings, and "
            "tell(results); pass such an object, its class, or a function "
            f"f(space, rng=generator) that returns one. {_PAGE}"
        )
    for name in ("ask", "tell"):
        method = getattr(optimizer, name)
        keywords = _keywords_of(method) if name == "ask" else ()
        try:
            signature(method).bind("one argument", **dict.fromkeys(keywords))
        except TypeError as error:
            wanted = {"ask": "ask(n)", "tell": "tell(results)"}[name]
            raise TypeError(
                f"{type(optimizer).__name__}.{name} cannot be called as {wanted}: "
                f"{error}. {_PAGE}"
            ) from None
        except ValueError:
            continue


def _check_copy(optimizer: Any) -> None:
    try:
        deepcopy(optimizer)
    except Exception as error:
        raise TypeError(
            f"optimizer={optimizer!r} cannot be copied ({type(error).__name__}: "
            f"{error}), and each fit needs a fresh copy of it. Pass its class, or a "
            f"function f(space, rng=generator) that returns a new one. {_PAGE}"
        ) from error


def _is_factory(given: Any) -> bool:
    return isinstance(given, type) or (callable(given) and not hasattr(given, "ask"))


def _keywords_of(ask: Callable) -> tuple[str, ...]:
    """Which of the things that may help it, its signature has a place for."""
    try:
        parameters = signature(ask).parameters
    except (TypeError, ValueError):
        return ()
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values()):
        return _CONTEXT
    return tuple(name for name in _CONTEXT if name in parameters)


def _is_one_point(answer: Any) -> bool:
    """Whether this is a vector of numbers, and not a list of proposals."""
    if not isinstance(answer, (list, tuple, np.ndarray)) or not len(answer):
        return False
    return all(isinstance(u, (int, float, np.number)) for u in answer)
