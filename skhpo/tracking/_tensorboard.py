"""Scores and settings for TensorBoard."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from skhpo._callbacks import Progress, SearchEnd
from skhpo.tracking._tracker import Tracker
from skhpo.tracking._values import number_or_text


class TensorBoardCallback(Tracker):
    """Record a search for TensorBoard: scores over trials, and its HPARAMS page.

    It writes with ``tensorboardX`` where that is installed, else with
    ``torch.utils.tensorboard`` (which needs the packages torch and tensorboard). Look
    at it with ``tensorboard --logdir LOG_DIR``.

    Each search has a folder below ``log_dir``, named after its class and id, with the
    scalars ``score``, ``best_score`` and ``seconds`` over the number of finished
    trials; each trial that did not fail has one below that, with its setting and its
    scores.

    Parameters
    ----------
    log_dir : str or path-like
        Folder for the records; made where there is none.

    Raises
    ------
    ImportError
        In ``fit``, before the first candidate, when neither writer is installed:
        ``pip install "skhpo[tensorboard]"``.

    Examples
    --------
    >>> from skhpo.tracking import TensorBoardCallback
    >>> TensorBoardCallback("runs")
    TensorBoardCallback(log_dir='runs')

    It goes into ``callbacks=`` of a search, as
    ``BayesSearchCV(..., callbacks=TensorBoardCallback("runs"))``.
    """

    def __init__(self, log_dir):
        self.log_dir = log_dir

    def open(self, begin):
        """Make the folder of the search."""
        folder = Path(self.log_dir) / f"{begin.name}-{begin.id}"
        return _TensorBoardRecord(_summary_writer()(str(folder)))


@dataclass
class _TensorBoardRecord:
    writer: Any

    def write(self, progress: Progress) -> None:
        step = progress.n_done
        for name in ("score", "best_score", "seconds"):
            self._add(name, getattr(progress, name), step)
        for name, value in progress.scores.items():
            if len(progress.scores) > 1:
                self._add(f"scores/{name}", value, step)
        if progress.status != "failed":
            self._add_setting(progress)
        self.writer.flush()

    def _add(self, name, value, step):
        if isfinite(value):
            self.writer.add_scalar(name, value, step)

    def _add_setting(self, progress):
        setting = {k: number_or_text(v) for k, v in progress.params.items()}
        metrics = {"hparam/score": progress.score, "hparam/seconds": progress.seconds}
        if progress.n_resources is not None:
            metrics["hparam/n_resources"] = progress.n_resources
        name = f"trial-{progress.number}"
        # the folder's name is run_name= in torch and name= in tensorboardX
        own = "tensorboardX" in type(self.writer).__module__
        self.writer.add_hparams(
            setting, metrics, **{"name" if own else "run_name": name}
        )

    def close(self, end: SearchEnd) -> None:
        self.writer.close()


def _summary_writer():
    """Return the class that writes; the light one where both are installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "TensorBoardCallback writes with tensorboardX or with torch and "
                "tensorboard, and neither is installed. Install the first: "
                "python -m pip install 'skhpo[tensorboard]'."
            ) from error
    return SummaryWriter
