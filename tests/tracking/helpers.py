"""Small searches to be recorded."""

import warnings

from skhpo import BayesSearchCV
from tests.search.doors import X, y
from tests.search.spies import Toy

SPACE = [{"kind": ["x"], "a": (0.0, 1.0)}, {"kind": ["y", "z"]}]


class Fussy(Toy):
    """Does not like ``kind="z"``."""

    def fit(self, X, y):
        if self.kind == "z":
            raise ValueError('no "z",\nplease')
        return super().fit(X, y)


def recorded(tracker, estimator=None, space=SPACE, **parameters):
    """Return a fitted search of a few trials that ``tracker`` recorded."""
    parameters = {"n_iter": 6, "cv": 3, "random_state": 0, **parameters}
    search = BayesSearchCV(estimator or Toy(), space, callbacks=tracker, **parameters)
    with warnings.catch_warnings():  # of Fussy
        warnings.filterwarnings("ignore", "One or more of the test scores")
        return search.fit(X, y)


def interrupt(progress):
    """End a search as Ctrl-C does, after its second trial."""
    if progress.n_done == 2:
        raise KeyboardInterrupt
