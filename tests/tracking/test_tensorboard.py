import sys
from types import ModuleType

import pytest

from skhpo.tracking import TensorBoardCallback
from tests.tracking.helpers import Fussy, interrupt, recorded

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")


def test_without_a_writer_the_first_line_says_how_to_install_one(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install 'skhpo\[tensorboard\]'"):
        recorded([TensorBoardCallback(tmp_path), interrupt])


class TorchWriter:
    """Takes what torch.utils.tensorboard.SummaryWriter takes, and keeps it."""

    def __init__(self, log_dir=None):
        self.log_dir, self.scalars, self.settings, self.closed = log_dir, [], {}, False
        writers.append(self)

    def add_scalar(self, tag, scalar_value, global_step=None):
        self.scalars.append((tag, scalar_value, global_step))

    def add_hparams(self, hparam_dict, metric_dict, *, run_name=None):
        self.settings[run_name] = hparam_dict, metric_dict

    def flush(self): ...

    def close(self):
        self.closed = True


writers = []


@pytest.fixture
def torch_writers(monkeypatch):
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = TorchWriter
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    for name in ("torch", "torch.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    writers.clear()
    return writers


@quiet
def test_scores_and_settings_of_each_trial(torch_writers, tmp_path):
    search = recorded(TensorBoardCallback(tmp_path), Fussy(), n_iter=8)
    (writer,) = torch_writers
    table = search.cv_results_
    assert writer.log_dir.startswith(str(tmp_path / "BayesSearchCV-"))
    scores = [v for tag, v, _ in writer.scalars if tag == "score"]
    good = [i for i, status in enumerate(table["status"]) if status == "complete"]
    assert sorted(scores) == sorted(table["mean_test_score"][good])
    best = [v for tag, v, _ in writer.scalars if tag == "best_score"]
    assert best[-1] == search.best_score_ and best == sorted(best)
    assert set(writer.settings) == {f"trial-{i}" for i in good}
    for i in good:
        setting, metrics = writer.settings[f"trial-{i}"]
        assert setting == table["params"][i]
        assert metrics["hparam/score"] == table["mean_test_score"][i]
    assert writer.closed


def test_an_interrupted_search_closes_the_writer(torch_writers, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        recorded([TensorBoardCallback(tmp_path), interrupt])
    assert torch_writers[0].closed


def test_several_metrics_are_written(torch_writers, tmp_path):
    metrics = {"scoring": ["accuracy", "f1"], "refit": "f1"}
    search = recorded(TensorBoardCallback(tmp_path), **metrics)
    written = [v for tag, v, _ in torch_writers[0].scalars if tag == "scores/accuracy"]
    assert sorted(written) == sorted(search.cv_results_["mean_test_accuracy"])


def test_tensorboardx_writes_files(tmp_path):
    pytest.importorskip("tensorboardX")
    recorded(TensorBoardCallback(tmp_path), n_iter=3)
    (folder,) = tmp_path.iterdir()
    files = [path.parent.name for path in folder.rglob("events.*")]
    assert sorted(files) == sorted([folder.name, "trial-0", "trial-1", "trial-2"])
