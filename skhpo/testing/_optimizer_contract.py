"""What every optimizer promises, as tests that a class inherits."""

import itertools
import pickle
from collections.abc import Iterator, Sequence

import numpy as np

from skhpo._types import Optimizer, Proposal, Result
from skhpo.space import Integer, Space

_ROUNDS = 15  # enough to get past an initial design
_IN_FLIGHT = 3

ODD_SCORES = {
    "all failed": [np.nan],
    "all infinite": [np.inf, -np.inf],
    "constant": [0.5],
    "huge": [1e300, -1e300, 1e308, 0.0],
    "tiny": [1e-310, 2e-310, 0.0],
    "failures among scores": [0.1, np.nan, 0.7, np.inf, 0.3, -np.inf],
    "two values": [0.0, 1.0],
    "a disaster": [0.5, 0.6, -1e30, 0.7],
}


class OptimizerContract:
    """Inherit, say how your optimizer is made, and let pytest collect the rest.

    Examples
    --------
    >>> from skhpo.optimizers import RandomDesign
    >>> class TestMyOptimizer(OptimizerContract):
    ...     def make(self, space, rng):
    ...         return RandomDesign(space, rng=rng)
    >>> TestMyOptimizer().test_asking_for_none_gives_none()
    """

    #: Whether a finite space is gone through again once it is exhausted: right for
    #: populations, whose members go different ways from equal beginnings.
    starts_again = False

    def make(self, space: Space, rng: np.random.Generator) -> Optimizer:
        """A new optimizer over this space. To be defined."""
        raise TypeError(f"{type(self).__name__} must define make(space, rng)")

    def spaces(self) -> dict[str, Space]:
        """The spaces to test on; drop those that the optimizer does not support."""
        return contract_spaces()

    # What it proposes -------------------------------------------------------------

    def test_points_lie_in_the_cube_in_their_cells(self):
        for name, space, optimizer in self._cases():
            points = np.array([p.point for p, _ in run(optimizer)])
            inside = np.isnan(points) | ((points >= 0) & (points <= 1))
            assert inside.all(), f"{name}: outside of the unit cube"
            np.testing.assert_array_equal(space.snap(points), points, err_msg=name)

    def test_points_satisfy_the_constraints(self):
        for name, space, optimizer in self._cases():
            for proposal, _ in run(optimizer):
                assert space.is_feasible(proposal.point), f"{name}: {proposal.point}"

    def test_no_point_comes_twice_while_others_are_in_flight(self):
        for name, space, optimizer in self._cases():
            keys = [space.key(p.point) for p, _ in run(optimizer, in_flight=_IN_FLIGHT)]
            assert len(keys) == len(set(keys)), f"{name}: a point came twice"

    def test_several_points_at_once_are_different(self):
        for name, space, optimizer in self._cases():
            pending: list[Proposal] = []
            for _ in range(4):
                pending += optimizer.ask(3, pending=pending)
            keys = {space.key(proposal.point) for proposal in pending}
            assert len(keys) == len(pending), f"{name}: a point came twice"

    def test_points_told_by_others_are_not_proposed(self):
        for name, space, optimizer in self._cases():
            others = space.sample(20, np.random.default_rng(5))
            optimizer.tell(
                [Result(Proposal(1000 + i, x), score=i) for i, x in enumerate(others)]
            )
            known = {space.key(x) for x in others}
            n_unseen = (space.size or 1000) - len(known)
            for proposal, _ in run(optimizer, n_rounds=min(_ROUNDS, n_unseen)):
                assert space.key(proposal.point) not in known, name

    def test_ids_are_distinct(self):
        for name, _, optimizer in self._cases():
            ids = [proposal.id for proposal, _ in run(optimizer, in_flight=_IN_FLIGHT)]
            assert len(ids) == len(set(ids)), name

    def test_asking_for_none_gives_none(self):
        for _, _, optimizer in self._cases():
            assert optimizer.ask(0) == []
            optimizer.tell([])
            assert optimizer.ask(0, pending=[]) == []

    def test_asking_near_a_point_gives_feasible_points(self):
        for name, space, optimizer in self._cases():
            run(optimizer, n_rounds=4)
            near = space.sample(1, np.random.default_rng(0))[0]
            for proposal in optimizer.ask(2, near=near):
                assert space.is_feasible(proposal.point), name
                snapped = space.snap(proposal.point[None])[0]
                np.testing.assert_array_equal(snapped, proposal.point, err_msg=name)

    def test_a_finite_space_is_exhausted_without_repeats(self):
        space = self.spaces()["finite"]
        expected = sorted(space.key(point) for point in space.grid())
        for in_flight in (1, _IN_FLIGHT):
            optimizer = self.make(space, np.random.default_rng(0))
            n_rounds = space.size if self.starts_again else 2 * space.size
            asked = run(optimizer, n_rounds=n_rounds, in_flight=in_flight)
            keys = sorted(space.key(proposal.point) for proposal, _ in asked)
            assert keys == expected
            assert len(optimizer.ask(1)) == self.starts_again

    # What it does with scores -----------------------------------------------------

    def test_odd_scores_do_no_harm(self):
        for kind, scores in ODD_SCORES.items():
            for name, space, optimizer in self._cases("mixed", "finite"):
                asked = run(optimizer, scores=scores)
                keys = {space.key(proposal.point) for proposal, _ in asked}
                assert len(keys) == len(asked), f"{kind}, {name}"
                assert len(asked) == min(_ROUNDS, space.size or _ROUNDS), kind

    def test_odd_noise_and_cost_do_no_harm(self):
        values = itertools.cycle([np.nan, 0.0, 1e300, -1.0, np.inf, 0.1])
        for _, _, optimizer in self._cases("mixed"):
            for i in range(_ROUNDS):
                (proposal,) = optimizer.ask(1)
                noise, cost = next(values), next(values)
                optimizer.tell([Result(proposal, i % 5, noise=noise, cost=cost)])

    def test_the_order_within_a_told_batch_does_not_matter_for_being_right(self):
        for name, space, optimizer in self._cases():
            batch = optimizer.ask(6)
            results = [Result(p, score_of(p.point)) for p in batch]
            optimizer.tell(results[::-1])
            known = {space.key(proposal.point) for proposal in batch}
            for proposal, _ in run(optimizer, n_rounds=6):
                assert space.key(proposal.point) not in known, name

    # How it behaves ---------------------------------------------------------------

    def test_equal_seeds_give_equal_points(self):
        for name, space, _ in self._cases():
            first, second = (
                run(self.make(space, np.random.default_rng(3)), in_flight=2)
                for _ in range(2)
            )
            assert_same(first, second, name)

    def test_a_pickled_optimizer_continues_exactly(self):
        for name, _, optimizer in self._cases():
            run(optimizer, n_rounds=_ROUNDS - 4)
            copy = pickle.loads(pickle.dumps(optimizer))
            assert_same(run(optimizer, n_rounds=6), run(copy, n_rounds=6), name)

    def test_the_global_random_state_is_left_alone(self):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        for _, _, optimizer in self._cases("mixed"):
            run(optimizer)
        after = np.random.get_state()[1]  # noqa: NPY002
        np.testing.assert_array_equal(before, after)

    def _cases(self, *names: str) -> Iterator[tuple[str, Space, Optimizer]]:
        for name, space in self.spaces().items():
            if not names or name in names:
                yield name, space, self.make(space, np.random.default_rng(0))


def contract_spaces() -> dict[str, Space]:
    """A space of each kind."""
    mixed = {"x": (0.0, 1.0), "rate": (1e-4, 1.0, "log-uniform"), "n": (1, 9)}
    choice = {"kind": ["a", "b", None], "flag": [True, False]}
    return {
        "numeric": Space({"x": (0.0, 1.0), "y": (-5.0, 5.0)}),
        "mixed": Space({**mixed, **choice}),
        "conditional": Space({**choice, "depth": Integer(1, 50, when={"kind": ["b"]})}),
        "branches": Space(
            [{"m": [1], "x": (0.0, 1.0)}, {"m": [2], "y": (0.0, 1.0)}, {"m": [3, 4]}]
        ),
        "constrained": Space(mixed, constraints=[_is_allowed]),
        "finite": Space({**choice, "n": (1, 4)}),
    }


def _is_allowed(params) -> bool:
    return params["x"] + params["n"] / 9 < 1.0


def score_of(point: np.ndarray) -> float:
    """A smooth score of any point."""
    return float(-np.nansum((point - 0.3) ** 2))


def run(
    optimizer: Optimizer,
    *,
    n_rounds: int = _ROUNDS,
    in_flight: int = 1,
    scores: Sequence[float] | None = None,
) -> list[tuple[Proposal, float]]:
    """Ask and tell, with so many proposals in flight; all that was asked and told."""
    given = itertools.cycle(scores) if scores is not None else None
    asked: list[tuple[Proposal, float]] = []
    pending: list[Proposal] = []
    while len(asked) + len(pending) < n_rounds or pending:
        missing = min(in_flight - len(pending), n_rounds - len(asked) - len(pending))
        more = optimizer.ask(missing, pending=list(pending)) if missing > 0 else []
        pending += more
        if not pending:
            break
        proposal = pending.pop(0)
        score = next(given) if given is not None else score_of(proposal.point)
        optimizer.tell([Result(proposal, score)])
        asked.append((proposal, score))
    return asked


def assert_same(first: list, second: list, name: str) -> None:
    """The same proposals in the same order."""
    assert [p.id for p, _ in first] == [p.id for p, _ in second], name
    np.testing.assert_array_equal(
        np.array([p.point for p, _ in first]),
        np.array([p.point for p, _ in second]),
        err_msg=name,
    )
