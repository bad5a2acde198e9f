"""What a notebook shows of a search."""

import re
from html.parser import HTMLParser

import pytest
import sklearn
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_html_repr

from skhpo import BayesSearchCV, Categorical
from skhpo.model_selection import _estimate
from tests.search.doors import SPACE, X, doors_at_all, one_door, y
from tests.search.spies import Toy

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test"
)


class Text(HTMLParser):
    """Collects the text of each element; sees that all of them are closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.pieces = [], set(), [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.pieces.append(data)

    @property
    def text(self):
        return "|".join(self.pieces)


def shown(search):
    """Return the panel, and the rest, without the running numbers of scikit-learn."""
    html = search._repr_html_()
    assert _bare(html) == _bare(search._repr_mimebundle_()["text/html"])
    panel, closed, rest = html.partition("</dl></div>")
    return (panel + closed, rest) if closed else ("", html)


def _bare(html):
    return re.sub(r"sk-(container|estimator)-id-\d+", "", html)


@doors_at_all
def test_a_fitted_search_shows_its_result_above_the_diagram(door):
    search = door.search(Toy(), SPACE).fit(X, y)
    panel, rest = shown(search)
    assert _bare(rest) == _bare(estimator_html_repr(search))
    text = Text(panel).text
    assert f"Best mean score: {search.best_score_:.3f}" in text
    for name, value in search.best_params_.items():
        assert f"{name} = {value!r}" in text
    assert f"{search.score_estimate_.score:.3f} expected" in text
    assert ", 3 folds, " in text and " s of fits): " in text
    assert "Failed" not in text and "Model" not in text


@doors_at_all
def test_before_fit_it_is_scikit_learns(door):
    search = door.search(Toy(), SPACE)
    assert _bare(search._repr_html_()) == _bare(estimator_html_repr(search))
    fitted = door.search(Toy(), SPACE).fit(X, y)
    assert "skhpo-panel" not in clone(fitted)._repr_html_()


@one_door
def test_the_panel_is_plain(door):
    panel, _ = shown(door.search(Toy(), SPACE).fit(X, y))
    seen = Text(panel)
    assert seen.tags <= {"div", "dl", "dt", "dd", "code", "br", "strong", "span"}
    assert {name for name, _ in seen.attributes} == {"class", "style"}
    assert "url(" not in panel and "http" not in panel
    assert len(panel) < 5000


class Rude(Toy):
    """Fails with a message that would be HTML."""

    def fit(self, X, y):
        if self.kind == "y":
            raise ValueError("<script>alert('&')</script>")
        return super().fit(X, y)


def test_text_of_users_is_escaped():
    rude = Categorical(["x", "y", "<b onclick='f()'>bold</b>"])
    search = BayesSearchCV(
        Rude(), {"kind": rude}, n_iter=3, cv=3, scoring=lambda e, X, y: len(e.kind)
    ).fit(X, y)
    panel, _ = shown(search)
    assert "<script" not in panel and "<b " not in panel
    text = "".join(Text(panel).pieces)
    assert "1 of 3 (1 x ValueError: <script>alert('&')</script>)" in text
    assert "<b onclick='f()'>bold</b>" in text


def test_long_values_are_cut():
    search = BayesSearchCV(Toy(), {"a": [0.5], "kind": ["x" * 5000]}, cv=3)
    search.set_params(scoring=lambda e, X, y: 0.5).fit(X, y)
    panel, _ = shown(search)
    assert len(panel) < 5000 and " ...</code>" in panel


def test_what_takes_a_minute_is_not_computed_to_be_shown(monkeypatch):
    search = BayesSearchCV(
        Toy(), SPACE, n_iter=3, cv=3, scoring="accuracy", store_predictions=True
    ).fit(X, y)
    monkeypatch.setattr(_estimate, "_bbc", None)  # whoever calls it fails
    assert "score_estimate_" in Text(shown(search)[0]).text
    monkeypatch.undo()
    estimate = search.score_estimate_
    assert f"{estimate.score:.3f} expected" in shown(search)[0]


def test_two_folds_are_no_estimate():
    search = BayesSearchCV(Toy(), SPACE, n_iter=3, cv=2).fit(X, y)
    assert "Without optimism" not in shown(search)[0]


def test_an_interrupted_search_shows_what_it_has():
    def stop(progress):
        if progress.n_done == 2:
            raise KeyboardInterrupt

    search = BayesSearchCV(Toy(), SPACE, n_iter=5, cv=3, callbacks=stop)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    text = Text(shown(search)[0]).text
    assert "it was interrupted" in text and "2 candidates" in text
    assert "Model|none: the refit failed or was not reached" in text


def test_without_a_best_row_it_says_why():
    search = BayesSearchCV(
        Toy(), SPACE, n_iter=2, cv=3, scoring=["accuracy", "f1"], refit=False
    ).fit(X, y)
    text = Text(shown(search)[0]).text
    assert text.startswith("BayesSearchCV|Best|not chosen; of several metrics")


def test_within_a_pipeline_the_diagram_is_scikit_learns():
    search = BayesSearchCV(Toy(), SPACE, n_iter=2, cv=3)
    pipeline = make_pipeline(FunctionTransformer(), search).fit(X, y)
    assert "skhpo-panel" not in pipeline._repr_html_()


@one_door
def test_who_wants_text_gets_text(door):
    search = door.search(Toy(), SPACE).fit(X, y)
    with sklearn.config_context(display="text"):
        assert not hasattr(search, "_repr_html_")
        assert list(search._repr_mimebundle_()) == ["text/plain"]
