"""What the tests, the docstrings and the pages of the documentation share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close what an example drew: matplotlib warns of more than 20 open figures."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
