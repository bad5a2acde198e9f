import functools

import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers import (
    OwnOptimizer,
    RandomDesign,
    check_own_optimizer,
    make_own_optimizer,
)
from skhpo.space import Integer, Space
from skhpo.testing import OptimizerContract

SPACE = Space(
    {
        "x": (0.0, 2.0),
        "kind": ["a", "b"],
        "n": Integer(1, 10, when={"kind": ["b"]}),
    },
    constraints=[lambda params: params["x"] < 1.9],
)
A = {"x": 1.0, "kind": "a"}


class Scripted:
    """Returns the answers it was given, in turn; remembers what it hears."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.told = []

    def ask(self, n):
        return self.answers.pop(0)

    def tell(self, results):
        self.told += results


def answer_to(answer, n=1):
    return OwnOptimizer(Scripted(answer), SPACE).ask(n)


class TestOwnOptimizerWithDicts(OptimizerContract):
    """The adapter keeps every promise that the optimizer inside keeps."""

    kind = "params"

    def make(self, space, rng):
        return OwnOptimizer(Translated(space, rng, self.kind), space)


class TestOwnOptimizerWithPoints(TestOwnOptimizerWithDicts):
    kind = "point"


class Translated:
    """A random design that answers in another language."""

    def __init__(self, space, rng, kind):
        self.design, self.kind = RandomDesign(space, rng=rng), kind

    def ask(self, n, pending):
        proposals = self.design.ask(n, pending=pending)
        if self.kind == "point":
            return [proposal.point for proposal in proposals]
        return [self.design.space.to_params(proposal.point) for proposal in proposals]

    def tell(self, results):
        self.design.tell(results)


# ---- what ask may return


@pytest.mark.parametrize(
    "answer",
    [
        [A],
        A,
        [[0.5, 0.25, np.nan]],
        [0.5, 0.25, np.nan],
        np.array([0.5, 0.25, np.nan]),
        np.array([[0.5, 0.25, np.nan]]),
        [np.array([0.5, 0.1, 0.7])],  # the nearest point of the space
        [Proposal(17, np.array([0.5, 0.25, np.nan]))],
        Proposal(17, np.array([0.5, 0.25, np.nan])),
        (A,),
    ],
    ids=str,
)
def test_a_setting_may_be_written_in_many_ways(answer):
    (proposal,) = answer_to(answer)
    assert proposal.id == 0
    assert proposal.params == A
    np.testing.assert_array_equal(proposal.point, SPACE.to_point(A))


def test_exact_values_and_labels_of_a_proposal_are_kept():
    params = {"x": 1.0 / 3.0, "kind": "b", "n": 7}
    given = Proposal(5, np.full(3, np.nan), params, {"origin": "mine", "step": 3})
    (proposal,) = answer_to([given])
    assert proposal.params is params
    assert proposal.labels == {"origin": "mine", "step": 3}
    np.testing.assert_array_equal(proposal.point, SPACE.to_point(params))


def test_nothing_may_be_returned():
    assert answer_to([], n=3) == []
    assert answer_to(np.empty((0, 3)), n=3) == []


def test_rounding_beyond_the_faces_is_forgiven():
    (proposal,) = answer_to([[-1e-12, 0.25, np.nan]])
    assert proposal.point[0] == 0.0


REFUSED = {
    "outside": ([[0.5, 1.25, 0.5]], ["'kind' is 1.25", "[0, 1]"]),
    "below": ([[-0.5, 0.25, 0.5]], ["'x' is -0.5", "[0, 1]"]),
    "infinite": ([[np.inf, 0.25, 0.5]], ["'x' is inf", "[0, 1]"]),
    "too short": ([[0.5, 0.25]], ["3 dimensions", "'x', 'kind', 'n'", "(2,)"]),
    "a matrix in a list": ([np.zeros((2, 3))], ["(2, 3)"]),
    "nan where active": ([[0.5, 0.75, np.nan]], ["'n' is nan", "active"]),
    "no numbers": ([["a", "b", "c"]], ["['a', 'b', 'c']", "3 numbers"]),
    "a text": ("abc", ["'abc'", "list of settings"]),
    "none": (None, ["None", "list of settings"]),
    "a list of none": ([None], ["None"]),
    "unknown name": ([{"x": 1.0, "kid": "a"}], ["'kid'", "Did you mean 'kind'?"]),
    "missing name": ([{"x": 1.0}], ["'kind' is missing"]),
    "value outside": ([{"x": 3.0, "kind": "a"}], ["'x'", "3.0"]),
    "inactive name": ([{**A, "n": 3}], ["'n'", "not active"]),
    "value of a proposal": (
        [Proposal(0, np.zeros(3), {"x": 9.0, "kind": "a"})],
        ["'x'", "9.0"],
    ),
    "infeasible": ([{"x": 1.95, "kind": "a"}], ["1.95", "constraints"]),
    "infeasible point": ([[0.99, 0.25, np.nan]], ["0.99", "constraints"]),
    "too many": ([A, A], ["2 proposals", "ask(1)"]),
}


@pytest.mark.parametrize("answer, words", REFUSED.values(), ids=REFUSED)
def test_what_is_no_setting_is_refused_with_the_class_and_the_value(answer, words):
    with pytest.raises(ValueError) as caught:
        answer_to(answer)
    message = str(caught.value)
    for word in ["Scripted.ask", *words]:
        assert word in message


# ---- what it is handed


def test_ask_is_handed_what_its_signature_has_a_place_for():
    heard = []

    class Curious(Scripted):
        def ask(self, n, pending=(), *, resource):
            heard.append((n, pending, resource))
            return []

    pending = [Proposal(3, SPACE.to_point(A))]
    OwnOptimizer(Curious(), SPACE).ask(2, pending=pending, near=None, resource=9)
    ((n, told, resource),) = heard
    assert (n, resource) == (2, 9)
    assert [proposal.params for proposal in told] == [A]


def test_ask_is_handed_everything_where_it_takes_anything():
    heard = {}

    class Greedy(Scripted):
        def ask(self, n, **context):
            heard.update(context)
            return []

    OwnOptimizer(Greedy(), SPACE).ask(1)
    assert set(heard) == {"pending", "near", "resource"}


def test_results_come_with_params():
    inner = Scripted()
    OwnOptimizer(inner, SPACE).tell([Result(Proposal(0, SPACE.to_point(A)), 0.7)])
    assert inner.told[0].proposal.params == A
    assert inner.told[0].score == 0.7


# ---- what may be passed


def test_a_class_or_a_function_is_called_with_the_space_and_a_generator():
    rng = np.random.default_rng(0)
    by_class = make_own_optimizer(Maker, SPACE, rng=rng)
    assert by_class.name == "Maker"
    assert (by_class.optimizer.space, by_class.optimizer.rng) == (SPACE, rng)
    by_function = make_own_optimizer(
        lambda space, rng: Maker(space, rng), SPACE, rng=rng
    )
    assert by_function.name == "Maker"
    partial = functools.partial(Maker, step=3)
    assert make_own_optimizer(partial, SPACE, rng=rng).optimizer.step == 3


class Maker(Scripted):
    def __init__(self, space, rng, step=1):
        super().__init__()
        self.space, self.rng, self.step = space, rng, step


def test_of_an_object_a_copy_is_used():
    given = Scripted([A])
    own = make_own_optimizer(given, SPACE, rng=np.random.default_rng(0))
    own.ask(1)
    assert own.name == "Scripted"
    assert given.answers == [[A]]


def test_an_object_that_can_be_called_is_still_an_object():
    class Callable_(Scripted):
        def __call__(self, space, rng):
            raise AssertionError

    assert make_own_optimizer(Callable_(), SPACE, rng=None).name == "Callable_"


class OnlyAsk:
    def ask(self, n):
        return []


class AskOfNothing(OnlyAsk):
    def ask(self):
        return []

    def tell(self, results):
        pass


class AskOfMore(AskOfNothing):
    def ask(self, n, temperature):
        return []


class TellsPairs(OnlyAsk):
    def tell(self, points, scores):
        pass


class Uncopyable(Scripted):
    def __deepcopy__(self, memo):
        raise RuntimeError("no")


NO_OPTIMIZER = {
    "None": (None, ["None", "ask", "tell"]),
    "a number": (5, ["5", "ask"]),
    "half of one": (OnlyAsk(), ["OnlyAsk", "no method tell"]),
    "ask() without n": (AskOfNothing(), ["AskOfNothing.ask", "ask(n)"]),
    "ask that wants more": (AskOfMore(), ["AskOfMore.ask", "temperature"]),
    "tell(points, scores)": (TellsPairs(), ["TellsPairs.tell", "tell(results)"]),
    "a class with other arguments": (Scripted, ["rng", "f(space, rng=generator)"]),
    "a function of nothing": (lambda: None, ["f(space, rng=generator)"]),
    "no copy": (Uncopyable(), ["cannot be copied", "RuntimeError: no", "class"]),
}


@pytest.mark.parametrize("given, words", NO_OPTIMIZER.values(), ids=NO_OPTIMIZER)
def test_what_is_no_optimizer_is_refused(given, words):
    with pytest.raises(TypeError) as caught:
        check_own_optimizer(given)
    for word in words:
        assert word in str(caught.value)


def test_a_function_that_returns_no_optimizer_is_refused():
    with pytest.raises(TypeError, match="None.*no method ask"):
        make_own_optimizer(lambda space, rng: None, SPACE, rng=None)
