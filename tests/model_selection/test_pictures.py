import sys

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier

from skhpo.model_selection import _pictures, tuning_report
from skhpo.model_selection._pictures import draw_pictures, pictures_as_html

PNG = b"\x89PNG\r\n"
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def search():
    grid = {"n_neighbors": [1, 3, 9, 20], "p": [1, 2]}
    return GridSearchCV(KNeighborsClassifier(), grid, cv=3).fit(X, y)


def test_a_report_shows_its_text_and_its_pictures(search):
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    report = tuning_report(search, X, y, top=1, seeds=2)
    assert list(report.pictures) == ["history", "leaders", "importance", "slices"]
    assert all(png.startswith(PNG) for png in report.pictures.values())
    html = report._repr_html_()
    assert html.startswith("<pre>GridSearchCV: what its result is worth")
    assert html.count('<img alt="') == 4
    assert "+-" in html and "<" not in html.split("<pre>")[1].split("</pre>")[0]
    assert plt.get_fignums() == before


def test_what_a_search_does_not_have_is_left_out():
    pytest.importorskip("matplotlib")
    search = GridSearchCV(KNeighborsClassifier(), {}, cv=3).fit(X, y)
    assert list(draw_pictures(search, "score")) == ["history", "leaders"]


def test_without_matplotlib_there_are_no_pictures(search, monkeypatch):
    monkeypatch.setattr(_pictures, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert draw_pictures(search, "score") == {}
    report = tuning_report(search, X, y, top=1, seeds=2)
    assert report.pictures == {} and "<img" not in report._repr_html_()


def test_pictures_that_are_not_wanted_are_not_drawn(search):
    report = tuning_report(search, X, y, top=1, seeds=2, pictures=False)
    assert report.pictures == {}


def test_the_page_needs_no_other_file():
    html = pictures_as_html({"history": b"abc"})
    assert 'src="data:image/png;base64,YWJj"' in html
    assert "<figcaption>How it went</figcaption>" in html
