"""What all tests share: how hypothesis runs."""

import os

import pytest
import scipy.linalg  # noqa: F401 - loads the BLAS that is to be limited
import sklearn.utils  # noqa: F401 - loads OpenMP
from hypothesis import settings
from threadpoolctl import threadpool_limits

# No deadline: two cores are shared, and a slow example says nothing about the code.
# In CI the examples are always the same, so a failure there is never a matter of luck.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Limit BLAS and OpenMP to one thread: small data, and one process per core.

    Otherwise the optimizers' tests take ten times as long on two loaded cores.
    """
    with threadpool_limits(limits=1):
        yield
