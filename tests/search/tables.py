"""``cv_results_`` as tests look at it."""

import pandas as pd


def table(search, times=False):
    """Return ``cv_results_`` as a frame, without what takes time."""
    frame = pd.DataFrame(search.cv_results_)
    return frame[[c for c in frame if times or not c.endswith("_time")]]


def assert_equal_tables(one, other):
    pd.testing.assert_frame_equal(table(one), table(other), check_exact=True)
