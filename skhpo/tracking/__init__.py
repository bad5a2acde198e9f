"""Callbacks that record a search: files, MLflow, TensorBoard, a progress bar."""

from skhpo.tracking._files import CSVWriter, JSONLinesWriter
from skhpo.tracking._mlflow import MLflowCallback
from skhpo.tracking._progress_bar import ProgressBar
from skhpo.tracking._tensorboard import TensorBoardCallback
from skhpo.tracking._tracker import Tracker

__all__ = [
    "CSVWriter",
    "JSONLinesWriter",
    "MLflowCallback",
    "ProgressBar",
    "TensorBoardCallback",
    "Tracker",
]
