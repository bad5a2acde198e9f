import numpy as np
import pytest

from skhpo._types import Proposal, Result
from skhpo.optimizers._gp._levels import with_levels
from skhpo.optimizers._gp._model import Model
from skhpo.optimizers._gp._prior_mean import no_offset
from skhpo.optimizers._observations import Observations
from skhpo.space import Space

SPACES = [{"kind": ["good"], "x": (0.0, 1.0)}]
SPACES += [{"kind": ["poor"], **{f"y{j}": (0.0, 1.0) for j in range(8)}}]
TWO = Space(SPACES)


def rng(seed=0):
    return np.random.default_rng(seed)


def score(params):
    """The poor alternative never comes near the good one."""
    if params["kind"] == "good":
        return 1.0 - (params["x"] - 0.37) ** 2
    return 0.3 + 0.2 * np.prod([params[f"y{j}"] for j in range(8)])


def told(space, n, seed=1):
    data = Observations(space)
    points = space.sample(n, rng(seed))
    data.add([Result(Proposal(0, x), score(space.to_params(x)), 0.0) for x in points])
    return data


def test_a_level_is_the_mean_of_an_alternative_shrunk_by_two_points():
    data, targets = told(TWO, 12), rng(2).normal(size=12)
    levels = with_levels(no_offset, data, targets)(data.encoded)
    for branch in range(2):
        rows = np.array([TWO.branch_of(point) == branch for point in data.points])
        expected = targets[rows].sum() / (rows.sum() + 2)
        np.testing.assert_allclose(levels[rows], expected)


def test_levels_are_of_what_another_prior_mean_leaves():
    data, targets = told(TWO, 12), rng(2).normal(size=12)

    def three(X):
        return np.full(len(X), 3.0)

    plain = with_levels(no_offset, data, targets - 3.0)(data.encoded)
    raised = with_levels(three, data, targets)(data.encoded)
    np.testing.assert_allclose(raised, plain + 3.0)


def test_an_alternative_that_was_never_seen_has_the_level_0():
    data = told(TWO, 40)
    rows = [TWO.branch_of(point) == 0 for point in data.points]
    seen, unseen = data.encoded[rows], data.encoded[np.logical_not(rows)]
    data.encoded = seen
    levels = with_levels(no_offset, data, np.ones(len(seen)))
    np.testing.assert_array_equal(levels(unseen), 0.0)
    assert (levels(seen) > 0.5).all()


def test_a_space_without_alternatives_has_no_levels():
    space = Space({"x": (0.0, 1.0)})
    data = Observations(space)
    assert with_levels(no_offset, data, np.empty(0)) is no_offset


def test_far_from_all_points_an_alternative_is_believed_to_be_what_it_usually_is():
    data = told(TWO, 30)
    belief = Model(TWO.categorical, rng=rng()).belief(data)
    corner = TWO.encode(TWO.snap(np.full((1, TWO.n_dims), 0.999)))
    assert TWO.branch_of(corner[0]) == 1
    assert belief.mean(corner)[0] < 0.0 < belief.best
    assert belief.mean(corner) == pytest.approx(
        belief.process.mean(corner) + belief.offset(corner)
    )
