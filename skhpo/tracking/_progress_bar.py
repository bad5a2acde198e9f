"""A progress bar of trials, drawn with rich."""

from dataclasses import dataclass
from typing import Any

from skhpo._callbacks import Progress, SearchEnd
from skhpo.tracking._tracker import Tracker


class ProgressBar(Tracker):
    """Show how many trials are finished, the time left, and the best score so far.

    For any version of scikit-learn; from 1.9 on it has one of its own, which counts
    folds (``search.set_callbacks(sklearn.callback.ProgressBar())``).

    Raises
    ------
    ImportError
        In ``fit``, before the first candidate, when rich is not installed:
        ``pip install "skhpo[progress]"``.

    Examples
    --------
    >>> from skhpo.tracking import ProgressBar
    >>> ProgressBar()
    ProgressBar()

    It goes into ``callbacks=``: ``BayesSearchCV(..., callbacks=ProgressBar())``.
    """

    def open(self, begin):
        """Show the bar, empty."""
        bar = _rich_progress()
        task = bar.add_task(begin.name, total=begin.n_iter, best="")
        bar.start()
        return _Bar(bar, task)


@dataclass
class _Bar:
    bar: Any
    task: Any

    def write(self, progress: Progress) -> None:
        best = f"best {progress.best_score:.4g}"
        self.bar.update(self.task, completed=progress.n_done, best=best)

    def close(self, end: SearchEnd) -> None:
        self.bar.stop()


def _rich_progress():
    try:
        from rich import progress
    except ImportError as error:
        raise ImportError(
            "ProgressBar draws with rich, which is not installed. Install it: "
            "python -m pip install 'skhpo[progress]' (or rich alone)."
        ) from error
    columns = progress.Progress.get_default_columns()
    counts = progress.MofNCompleteColumn(), progress.TextColumn("{task.fields[best]}")
    return progress.Progress(*columns, *counts)
