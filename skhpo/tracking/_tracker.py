"""What all trackers share: settings travel, records do not, failures cost a warning."""

from typing import Any, Protocol

from skhpo._callbacks import Progress, SearchBegin, SearchEnd
from skhpo._errors import warn_user


class Record(Protocol):
    """The open record of one search: what :meth:`Tracker.open` returns."""

    def write(self, progress: Progress) -> None:
        """Record a trial that was finished."""

    def close(self, end: SearchEnd) -> None:
        """Record the end of the search, and let go of files and connections."""


class Tracker:
    """Base class of the callbacks that record a search, also of your own.

    A subclass stores its settings in ``__init__`` and defines ``open(begin)``. A search
    that is cloned or pickled carries the settings; what is open belongs to the search
    that opened it, so that each of several searches has a record of its own.

    What cannot work is said before the first fit: an error in ``open`` is raised. What
    breaks later (a full disk, a server that is gone) costs a warning and the rest of
    this record, never the search.

    Examples
    --------
    >>> from skhpo.tracking import Tracker
    >>> class Printed(Tracker):
    ...     def open(self, begin):
    ...         return self
    ...
    ...     def write(self, progress):
    ...         print(progress.number, progress.status)
    ...
    ...     def close(self, end):
    ...         print(end.stop_reason)
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skhpo import BayesSearchCV
    >>> search = BayesSearchCV(
    ...     DecisionTreeClassifier(), {"max_depth": [1, 2]}, callbacks=Printed()
    ... )
    >>> _ = search.fit(*load_iris(return_X_y=True))
    0 complete
    1 complete
    space_exhausted
    """

    _record: Record | None = None  # open only while a search runs

    def open(self, begin: SearchBegin) -> Record:
        """Open the record of a search; an error here is raised before the first fit.

        Parameters
        ----------
        begin : SearchBegin
            What is known of the search.

        Returns
        -------
        record : object
            With ``write(progress)``, called after each trial, and ``close(end)``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define open(begin).")

    def on_search_begin(self, begin: SearchBegin) -> None:
        """Open the record."""
        self._record = self.open(begin)

    def __call__(self, progress: Progress) -> None:
        """Record a finished trial."""
        if self._record is None:
            return
        try:
            self._record.write(progress)
        except Exception as error:
            self._record = None
            self._warn(error, "the rest of this search is not recorded")

    def on_search_end(self, end: SearchEnd) -> None:
        """Record the end, and close the record."""
        record, self._record = self._record, None
        if record is None:
            return
        try:
            record.close(end)
        except Exception as error:
            self._warn(error, "the end of this search is not recorded")

    def _warn(self, error, what):
        warn_user(f"{self!r}: {what}. {type(error).__name__}: {error}")

    def __repr__(self):
        given = (f"{k}={v!r}" for k, v in self._settings().items() if v is not None)
        return f"{type(self).__name__}({', '.join(given)})"

    def __getstate__(self) -> dict[str, Any]:
        return self._settings()

    def _settings(self):
        return {k: v for k, v in vars(self).items() if k != "_record"}
