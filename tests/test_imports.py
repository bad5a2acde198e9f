"""Who may import whom.

The rooms of the house (skhpo's sub-packages and its single files) stand in one table
with the rooms each may know. Imports count wherever they stand: at the top of a file,
inside a function, or under ``TYPE_CHECKING``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skhpo").rglob("*.py"))

# Points, order, work and mathematics: they meet in the loop, not in each other.
PARTS = {
    "_errors": set(),
    "_clock": set(),
    "_version": set(),
    "_random": {"_errors"},
    "_table": {"_errors"},
    "_statistics": set(),
    "_words": set(),
    "_types": {"_errors"},
    "_sklearn": {"_errors"},
    "space": {"_errors"},
    "surrogates": {"_errors"},
    "schedulers": {"_types", "_errors"},
    "optimizers": {"_types", "space", "surrogates", "_errors", "_random"},
    "evaluation": {"_types", "_sklearn", "_errors", "_random"},
    "_archive": {"_types", "_sklearn", "_errors"},
    "_stopping": {"_types", "_archive", "_clock", "space", "surrogates", "_errors"},
    "_callbacks": {"_types", "_archive", "_clock", "_sklearn", "_errors"},
    "_events": {"_types"},
    "_journal": {"_types", "_archive", "_events", "_errors"},
    "_loop": {"_types", "_archive", "_clock", "_stopping", "_callbacks", "_errors"},
}
READERS = {
    "learning_rate": {"evaluation", "_sklearn", "_errors"},
    "importance": {"_table", "_words", "space", "surrogates", "_errors"},
    "plots": {"_table", "_statistics", "importance", "space", "surrogates", "_errors"},
    "tracking": {"_callbacks", "_errors"},
}
MAY_IMPORT = {
    **PARTS,
    **READERS,
    "testing": set(PARTS),
    "search": {*PARTS, "model_selection", "importance"},
    "model_selection": {*PARTS, "search", "plots"},
    "skhpo": {
        "search",
        "space",
        "surrogates",
        "_callbacks",
        "_errors",
        "_stopping",
        "_version",
    },  # skhpo/__init__.py
}

# The only files that may lean on what scikit-learn and joblib do not promise.
MAY_USE_PRIVATE_NAMES = {"skhpo/_sklearn.py", "skhpo/evaluation/_dispatch.py"}


def modules_imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of each thing imported, ``from`` targets included.

    ``package`` is the dotted name of the package that the file lies in.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = origin(node, package)
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def origin(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute name of what a ``from ... import`` reads from."""
    if node.level == 0:
        return node.module
    parts = package.split(".")
    above = ".".join(parts[: len(parts) - node.level + 1])
    return f"{above}.{node.module}" if node.module else above


def room_of(name: str) -> str:
    """Return the room of a dotted name: ``skhpo.space._real.Real`` is in ``space``.

    What the front door itself offers (``from skhpo import BayesSearchCV``) is in
    the room ``skhpo``.
    """
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and is_room(parts[1]) else "skhpo"


def is_room(name: str) -> bool:
    folder = ROOT / "skhpo" / name
    return name in MAY_IMPORT or folder.is_dir() or folder.with_suffix(".py").is_file()


def room_of_file(path: str) -> str:
    """Return the room that a file (``skhpo/space/_real.py``) belongs to."""
    parts = path.removesuffix(".py").split("/")
    return "skhpo" if parts[1] == "__init__" else parts[1]


def package_of_file(path: str) -> str:
    return ".".join(path.split("/")[:-1])


def forbidden_edges(path: str, source: str) -> list[str]:
    """One line per import that leads to a room this file's room may not know."""
    room = room_of_file(path)
    if room not in MAY_IMPORT:
        return [f"{path}:1: the room {room!r} is not in the table of {__file__}"]
    allowed = {room, *MAY_IMPORT[room]}
    imports = modules_imported(ast.parse(source), package_of_file(path))
    return [
        f"{path}:{line}: {room} may not import {room_of(name)} ({name})"
        for line, name in imports
        if name.split(".")[0] == "skhpo" and room_of(name) not in allowed
    ]


def private_names(path: str, source: str) -> list[str]:
    """One line per private name of scikit-learn or joblib, imported or spelt out."""
    tree = ast.parse(source)
    names = {*modules_imported(tree, package_of_file(path)), *dotted_names(tree)}
    return [
        f"{path}:{line}: {name} is private; take it from skhpo._sklearn"
        for line, name in sorted(names)
        if is_private(name)
    ]


def dotted_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, name) of expressions such as ``joblib.externals.loky``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if name.replace(".", "").isidentifier():
                yield node.lineno, name


def is_private(name: str) -> bool:
    package, *rest = name.split(".")
    if package not in ("sklearn", "joblib"):
        return False
    hidden = any(part.startswith("_") and not part.startswith("__") for part in rest)
    return hidden or (package == "joblib" and rest[:1] == ["externals"])


def read(path: Path) -> tuple[str, str]:
    return path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def test_every_import_follows_the_table():
    found = [line for path in SOURCES for line in forbidden_edges(*read(path))]
    assert not found, "\n" + "\n".join(found)


def test_private_names_of_others_stay_in_two_files():
    found = [
        line
        for path, source in map(read, SOURCES)
        if path not in MAY_USE_PRIVATE_NAMES
        for line in private_names(path, source)
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_table_names_only_its_own_rooms():
    named = set().union(*MAY_IMPORT.values())
    assert named <= set(MAY_IMPORT)


def test_the_parts_never_depend_on_each_other_in_a_circle():
    left = dict(PARTS)
    while free := [room for room in left if not left[room] & set(left)]:
        for room in free:
            del left[room]
    assert not left


@pytest.mark.parametrize(
    "line",
    [
        "from skhpo.evaluation import Evaluator",
        "from skhpo import _loop",
        "import skhpo.search._bayes",
        "from .. import schedulers",
        "from ..evaluation._dispatch import submit",
        "from skhpo import BayesSearchCV",
        "def f():\n    from skhpo._archive import Archive",
    ],
)
def test_an_optimizer_that_looks_too_far_is_found(line):
    (message,) = forbidden_edges("skhpo/optimizers/_new.py", line)
    assert message.startswith(f"skhpo/optimizers/_new.py:{line.count(chr(10)) + 1}: ")
    assert "optimizers may not import" in message


@pytest.mark.parametrize(
    "line",
    [
        "from ._design import SobolDesign",
        "from . import _design",
        "from ..space import Space",
        "from .._types import Proposal",
        "import skhpo._random",
        "import numpy as np",
    ],
)
def test_an_optimizer_may_import_what_lies_below_it(line):
    assert forbidden_edges("skhpo/optimizers/_new.py", line) == []


def test_a_room_that_the_table_does_not_know_is_found():
    assert "is not in the table" in forbidden_edges("skhpo/attic/_a.py", "")[0]


@pytest.mark.parametrize(
    "line",
    [
        "from sklearn.model_selection._search import BaseSearchCV",
        "from sklearn import _config",
        "from sklearn.utils import _safe_indexing",
        "import sklearn.utils._tags",
        "from joblib.externals.loky import get_reusable_executor",
        "from joblib import _utils",
        "joblib.externals.loky",
        "sklearn.utils._safe_indexing(X, 0)",
    ],
)
def test_a_private_name_is_found(line):
    assert private_names("skhpo/_loop.py", line)


@pytest.mark.parametrize(
    "line",
    [
        "from sklearn.base import clone",
        "from sklearn import __version__",
        "from joblib.parallel import get_active_backend",
        "import joblib; joblib.parallel_config()",
    ],
)
def test_a_public_name_is_not(line):
    assert private_names("skhpo/_loop.py", line) == []
