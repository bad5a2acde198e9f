"""Bins of gradient boosting: found once per fold, not once per candidate and rung.

``HistGradientBoosting*`` cuts each feature into bins at the start of every fit, which
costs as much as ten rounds of boosting. A search fits on the same rows again and again,
in short steps at that: without this, half of the time of a low rung goes there. The
bins depend on the rows and on a few settings alone, so that the models are the same.
"""

from collections import OrderedDict
from copy import copy
from threading import Lock

import joblib

from skhpo._sklearn import bins_with

#: Bins of so many bytes are remembered (a byte per value), in each process.
MEMORY_BYTES = 256 * 2**20


class SharedBins:
    """Remembers binned rows by their content, the latest ones.

    Parameters
    ----------
    limit : int
        Bytes to remember.
    """

    def __init__(self, limit=MEMORY_BYTES):
        self.limit = limit
        self._known = OrderedDict()  # key -> (mapper, binned rows), the oldest first
        self._lock = Lock()

    def __len__(self):
        return len(self._known)

    def bin(self, mapper, X, weights, fit_transform):
        """Return a fitted twin of ``mapper``, and the rows ``X`` in its bins.

        ``fit_transform()`` fits ``mapper`` and bins the rows, where they are new.
        """
        key = _key(mapper, X, weights)
        with self._lock:
            found = self._known.get(key)
        if found is None:
            binned = fit_transform()
            self._remember(key, copy(mapper), binned)
            return mapper, binned
        known, binned = copy(found[0]), found[1]
        known.random_state = mapper.random_state  # the only thing that may differ
        return known, binned

    def forget(self):
        """Give the memory back."""
        with self._lock:
            self._known.clear()

    def _remember(self, key, mapper, binned):
        with self._lock:
            self._known[key] = mapper, binned
            while sum(rows.nbytes for _, rows in self._known.values()) > self.limit:
                self._known.popitem(last=False)


def _key(mapper, X, weights):
    settings = dict(mapper.get_params())
    if settings["subsample"] is None or len(X) <= settings["subsample"]:
        del settings["random_state"]  # nothing is drawn
    return joblib.hash((X, weights, settings), hash_name="sha1")


#: Those of this process.
shared_bins = SharedBins()


def binning_once(estimator):
    """Return a context in which an estimator takes the bins that others have found."""
    return bins_with(estimator, shared_bins.bin)
