import sys

import pytest

from skhpo.tracking import ProgressBar
from tests.tracking.helpers import interrupt, recorded


def test_without_rich_the_first_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(ImportError, match=r"pip install 'skhpo\[progress\]'"):
        recorded([ProgressBar(), interrupt])


def test_the_bar_counts_trials_and_shows_the_best_score(capsys):
    search = recorded(ProgressBar())
    shown = capsys.readouterr().out
    assert "BayesSearchCV" in shown and "6/6" in shown
    assert f"best {search.best_score_:.4g}" in shown


def test_a_search_without_a_number_of_trials_has_a_bar(capsys):
    recorded(ProgressBar(), n_iter=None, max_time=30, stop=lambda archive, space: "ok")
    assert "1/?" in capsys.readouterr().out


def test_an_interrupted_bar_is_taken_down(capsys):
    bar = ProgressBar()
    for _ in range(2):  # rich refuses a second live display while one is up
        with pytest.raises(KeyboardInterrupt):
            recorded([bar, interrupt])
    assert "2/6" in capsys.readouterr().out
