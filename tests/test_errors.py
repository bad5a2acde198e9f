"""Words for the person at the keyboard, and to which line warnings point."""

import os
import warnings

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV, HyperbandSearchCV
from skhpo._errors import warn_user, without_stack
from skhpo.evaluation import open_store


def test_a_warning_points_to_the_line_that_called():
    with pytest.warns(UserWarning, match="word") as said:
        warn_user("word")
    assert said[0].filename == __file__


def test_categories_other_than_user_warning():
    with pytest.warns(FutureWarning):
        warn_user("word", FutureWarning)


def test_inside_of_scikit_learns_code_it_points_to_who_called_that():
    search = HyperbandSearchCV(
        DecisionTreeClassifier(), {"max_depth": (1, 3)}, n_candidates=2
    )
    with pytest.warns(UserWarning, match="too few to be cut") as said:
        cross_val_score(search, *load_iris(return_X_y=True), cv=2)
    assert {warning.filename for warning in said} == {__file__}


def failing_score(estimator, X, y):
    raise RuntimeError("no score today")


def test_scores_that_fail_are_reported_where_fit_was_called():
    search = BayesSearchCV(
        DecisionTreeClassifier(), {"max_depth": (1, 3)},
        n_iter=2, cv=2, scoring=failing_score, optimizer="random", refit=False,
    )  # fmt: skip
    with pytest.warns(UserWarning) as said:
        search.fit(*load_iris(return_X_y=True))
    assert len(said) > 1
    assert {warning.filename for warning in said} == {__file__}


def test_a_full_disk_is_reported_where_fit_was_called(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "skhpo.search._base.open_store",
        lambda keep_models: open_store(keep_models, os.fspath(tmp_path / "none")),
    )
    search = HyperbandSearchCV(
        SGDClassifier(), {"alpha": (1e-4, 1.0)},
        max_resource=3, min_resource=1, n_candidates=3, strategy="sha",
        keep_models="disk", cv=2,
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        search.fit(*load_iris(return_X_y=True))
    disk = [w for w in said if "could not be kept on disk" in str(w.message)]
    assert disk
    assert {warning.filename for warning in disk} == {__file__}


@pytest.mark.parametrize(
    "traceback, line",
    [
        (None, ""),
        ("", ""),
        ("Traceback:\n  File x\n    f()\nKeyError: 3\n", "KeyError: 3"),
        ("Traceback:\n  File x\nValueError: a\nb\n", "ValueError: a b"),
        ("Traceback:\n  File x\nValueError: a\n  b\n", "b"),
    ],
)
def test_the_error_of_a_traceback_in_one_line(traceback, line):
    assert without_stack(traceback) == line
