"""What every optimizer promises that explores round copied settings."""

import numpy as np

from skhpo._types import Result


class ExplorerContract:
    """To be inherited before OptimizerContract; ``make`` also takes ``swapped``."""

    starts_again = True

    def test_as_many_points_near_another_as_are_asked_for(self):
        for name, space, optimizer in self._cases():
            for near in space.sample(5, np.random.default_rng(1)):
                assert len(optimizer.ask(7, near=near, resource=3)) == 7, name

    def test_points_near_another_lie_in_the_space(self):
        for name, space, optimizer in self._cases():
            for near in space.sample(10, np.random.default_rng(1)):
                for proposal in optimizer.ask(3, near=near, resource=3):
                    snapped = space.snap(proposal.point[None])[0]
                    np.testing.assert_array_equal(snapped, proposal.point, err_msg=name)
                    assert space.is_feasible(proposal.point), name

    def test_columns_of_what_is_not_swapped_stay_exactly(self):
        for name, space, _ in self._cases():
            swapped = space.names[:1]
            rng = np.random.default_rng(0)
            optimizer = self.make(space, rng, swapped=swapped)
            fixed = [not c.is_hidden and c.name not in swapped for c in space.columns]
            for near in space.sample(10, np.random.default_rng(1)):
                for proposal in optimizer.ask(3, near=near, resource=3):
                    np.testing.assert_array_equal(
                        proposal.point[fixed], near[fixed], err_msg=name
                    )

    def test_the_copied_point_is_left_alone(self):
        for _, space, optimizer in self._cases():
            near = space.sample(1, np.random.default_rng(1))[0]
            before = near.copy()
            for proposal in optimizer.ask(5, near=near, resource=3):
                proposal.point[:] = 0.5
            np.testing.assert_array_equal(near, before)

    def test_a_population_that_fails_is_no_trouble(self):
        for name, _, optimizer in self._cases():
            members = optimizer.ask(4)
            for step in range(1, 4):
                optimizer.tell([Result(p, np.nan, resource=step) for p in members])
                near = members[0].point
                members = optimizer.ask(4, near=near, resource=step + 1)
                assert len(members) == 4, name
