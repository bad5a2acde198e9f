"""Every public object has a docstring in numpydoc's form, with an example that runs.

That the examples run is pytest's ``--doctest-modules``; that they are there, and that
nothing is missing from the reference, is looked at here.
"""

import importlib
import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import skhpo

API = Path(__file__).parents[1] / "doc" / "api.rst"

#: Packages of which users see nothing: their public names are for the rooms next door.
INTERNAL = {"evaluation", "search"}

#: Codes of numpydoc that we do not follow, and why.
IGNORED = {
    "GL01": "where the first line begins is for ruff to say (numpydoc < 1.11 asks)",
    "SA01": "not everything has something to see beside it",
    "ES01": "one sentence may say it all",
    "RT02": "results have names here: 'estimate : ScoreEstimate'",
    "PR04": "'search, metric, method' of several functions have their types in one",
    "PR07": "a name and a type may say it all: 'metric : str'",
}


def public_packages():
    """The package, and those of its rooms that are for users."""
    folder = Path(skhpo.__file__).parent
    rooms = {file.parent.name for file in folder.glob("*/__init__.py")} - INTERNAL
    names = ["skhpo", *(f"skhpo.{room}" for room in sorted(rooms) if room[0] != "_")]
    return [importlib.import_module(name) for name in names]


def public_objects():
    """Name and object, each object once, by the shortest of its names."""
    found = {}
    for package in public_packages():
        for name in package.__all__:
            if not name.startswith("__"):
                value = getattr(package, name)
                found.setdefault(id(value), (f"{package.__name__}.{name}", value))
    return list(found.values())


PUBLIC = public_objects()
every_object = pytest.mark.parametrize(
    ("name", "value"), PUBLIC, ids=[name for name, _ in PUBLIC]
)


def listed_in_the_reference():
    """Full names of what doc/api.rst lists."""
    found, module = set(), None
    for line in API.read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z][\w.]*", line):
            found.add(f"{module}.{line.strip()}")
    return found


def test_there_is_something_to_look_at():
    assert len(PUBLIC) > 100
    assert "skhpo.BayesSearchCV" in dict(PUBLIC)
    assert "skhpo.space.Space" in dict(PUBLIC)


def test_reference_lists_all_that_is_public():
    # a name too many is a warning of Sphinx, and an error in tests/test_docs.py
    assert set(dict(PUBLIC)) - listed_in_the_reference() == set()


@every_object
def test_docstring_has_an_example(name, value):
    _, _, examples = inspect.getdoc(value).partition("Examples\n--------\n")
    assert ">>> " in examples


def test_dataclasses_document_their_fields():
    # as Parameters, where users make them, or as Attributes, where they only get them
    for name, value in PUBLIC:
        if is_dataclass(value):
            text = inspect.getdoc(value)
            lines = re.findall(r"^(\w[\w, ]*)(?= :)", text, flags=re.MULTILINE)
            documented = {part.strip() for line in lines for part in line.split(",")}
            settable = {f.name for f in fields(value) if f.repr and f.init}
            assert settable <= documented, name


@pytest.mark.docs
@every_object
def test_docstring_validates(name, value):
    validate = pytest.importorskip("numpydoc.validate").validate
    ignored = set(IGNORED)
    if is_dataclass(value) or issubclass_of_dict(value):
        ignored.add("PR01")  # their fields are looked at above
    errors = [error for error in validate(name)["errors"] if error[0] not in ignored]
    assert errors == []


def issubclass_of_dict(value):
    return isinstance(value, type) and issubclass(value, dict)
