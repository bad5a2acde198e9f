import pickle
import time
from types import SimpleNamespace

import numpy as np
import pytest

from skhpo import BayesSearchCV
from skhpo._archive import Archive
from skhpo.optimizers import GaussianProcessOptimizer
from skhpo.search._budget import BudgetUsed
from tests.search.doors import SPACE, X, y
from tests.search.spies import Toy


def the_only_one(scores):
    return None


def archive_of(n_closed):
    archive = Archive(3, the_only_one)
    archive.closed = [SimpleNamespace()] * n_closed
    return archive


def budget(max_time, n_iter, n_closed, spent):
    start = time.monotonic() - spent
    return BudgetUsed(max_time, n_iter, archive_of(n_closed), start=start)()


def test_the_larger_share_of_time_and_candidates_counts():
    assert budget(1000.0, 20, 5, spent=100.0) == pytest.approx(0.25)
    assert budget(1000.0, 20, 5, spent=600.0) == pytest.approx(0.6, abs=1e-3)
    assert budget(1000.0, None, 5, spent=600.0) == pytest.approx(0.6, abs=1e-3)


def test_no_more_than_all_can_be_used():
    assert budget(10.0, 4, 5, spent=600.0) == 1.0


def test_it_can_be_pickled():
    used = BudgetUsed(100.0, 10, archive_of(5))
    assert pickle.loads(pickle.dumps(used))() == 0.5


def test_without_max_time_no_clock_is_read():
    used = BudgetUsed(None, 10, archive_of(4), seconds=pytest.fail)
    assert used() == 0.4


@pytest.mark.parametrize(
    ("max_time", "price"), [(None, None), (60.0, None), (None, "auto"), (60.0, "auto")]
)
def test_only_a_search_with_a_price_asks_how_much_is_used(monkeypatch, max_time, price):
    shares = []
    init = GaussianProcessOptimizer.__init__

    def watched(self, *args, budget_used, **kwargs):
        init(self, *args, budget_used=budget_used, **kwargs)
        if budget_used is not None:
            ask = self.ask

            def noting(*args, **kwargs):
                shares.append(budget_used())
                return ask(*args, **kwargs)

            self.ask = noting

    monkeypatch.setattr(GaussianProcessOptimizer, "__init__", watched)
    settings = dict(n_iter=10, cv=3, random_state=0, max_time=max_time, n_points=1)
    search = BayesSearchCV(Toy(), SPACE, price=price, **settings)
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 10
    if price is None:
        assert shares == []
    elif max_time is None:
        np.testing.assert_allclose(shares, np.arange(1, 10) / 10)
    else:
        assert np.all(np.diff(shares) > 0)
        assert shares[-1] >= 0.9


def test_without_max_time_costs_do_not_matter(monkeypatch):
    """A table that depends on nothing but the seed."""
    tables = []
    for nap in (0.0, 0.004):
        search = BayesSearchCV(Toy(nap=nap), SPACE, n_iter=12, cv=3, random_state=0)
        tables.append(repr(search.fit(X, y).cv_results_["params"]))
    assert tables[0] == tables[1]
