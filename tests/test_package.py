"""What is shipped: a light import, a version, type hints, a README that is true."""

import ast
import doctest
import importlib.metadata
import io
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import docutils.core
import pytest
from docutils.nodes import reference

import skhpo

ROOT = Path(__file__).parents[1]
README = ROOT / "README.rst"
DOC = ROOT / "doc"
#: Pages of directives that only Sphinx has; tests/test_docs.py builds them.
SPHINX = {"index", "guide", "api", "developers", "benchmarks", "glossary"}
SPHINX |= {"sg_execution_times"}  # left behind by a build
PAGES = [
    README,
    *(page for page in sorted(DOC.glob("*.rst")) if page.stem not in SPHINX),
    *(page for page in sorted(DOC.glob("coming_from/*.rst")) if page.stem != "index"),
]
QUICKSTART = "python -m pip install . && python examples/quickstart.py"
RUN_TESTS = 'python -m pip install ".[test]" && python -m pytest'


def modules_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded afterwards."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_import_loads_no_package_that_scikit_learn_does_not():
    # scikit-learn 1.9 itself loads rich and pandas where they are installed
    ours = modules_after("from skhpo import *")
    theirs = modules_after("import sklearn.model_selection, pandas")
    assert {name for name in ours - theirs if not is_standard(name)} == {"skhpo"}
    assert "matplotlib" not in ours


def test_no_part_loads_what_is_optional():
    # all of it, as somebody who writes import * everywhere
    every = ", ".join(f"skhpo.{name}" for name in skhpo._PACKAGES)
    loaded = modules_after(f"from skhpo import *\nimport {every}")
    assert loaded & {"matplotlib", "cmaes", "dask", "ray", "mlflow", "torch"} == set()
    assert loaded & {"tensorboardX", "xgboost", "lightgbm", "optuna"} == set()


def test_import_loads_nothing_before_it_is_used():
    assert "sklearn" not in modules_after("import skhpo")


def is_standard(name: str) -> bool:
    return name in sys.stdlib_module_names or name.startswith("_")


def test_all_public_names_exist():
    assert "BayesSearchCV" in skhpo.__all__
    assert all(hasattr(skhpo, name) for name in skhpo.__all__)
    assert {*skhpo.__all__, *skhpo._PACKAGES} <= set(dir(skhpo))
    with pytest.raises(AttributeError, match="no attribute 'BayesSearch'"):
        _ = skhpo.BayesSearch


def test_the_tables_of_the_front_door_agree():
    assert {*skhpo._HOME, "__version__"} == set(skhpo.__all__)
    tree = ast.parse((ROOT / "skhpo/__init__.py").read_text(encoding="utf-8"))
    (shown,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        (node.module.removeprefix("skhpo."), alias.name)
        for node in shown.body
        for alias in node.names
    }
    assert seen == {(home, name) for name, home in skhpo._HOME.items()}
    folders = {path.parent.name for path in (ROOT / "skhpo").glob("*/__init__.py")}
    assert folders == set(skhpo._PACKAGES)


def test_a_package_is_there_after_the_first_import():
    code = "import skhpo; skhpo.optimizers.PB2; skhpo.BayesSearchCV; skhpo.plots"
    assert "skhpo" in modules_after(code)


def installed() -> importlib.metadata.Distribution:
    """Return the installed skhpo, not the egg-info that pip leaves in the sources."""
    for distribution in importlib.metadata.distributions(name="skhpo"):
        if distribution.read_text("RECORD"):
            return distribution
    pytest.skip("skhpo is not installed, only importable")


def test_version_is_that_of_the_installed_package():
    assert installed().version == skhpo.__version__


def test_type_hints_are_shipped():
    assert (resources.files("skhpo") / "py.typed").is_file()
    assert "skhpo/py.typed" in map(str, installed().files)


def test_nothing_but_the_package_is_shipped():
    folders = {file.parts[0] for file in installed().files}
    assert folders & {"tests", "doc", "examples", "build"} == set()


def test_readme_has_the_two_commands_word_for_word():
    lines = [line.strip() for line in README.read_text(encoding="utf-8").splitlines()]
    assert QUICKSTART in lines
    assert RUN_TESTS in lines


def test_readme_code_is_a_doctest_of_at_most_20_lines():
    # pytest runs it: README.rst stands in testpaths
    text = README.read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_examples(text)
    assert any("BayesSearchCV" in example.source for example in examples)
    assert sum(example.source.count("\n") for example in examples) <= 20
    assert ".. code" not in text


def test_pages_are_written_ones():
    assert len(PAGES) > 15
    assert all(page.exists() for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_renders_without_a_warning(page):
    warnings = io.StringIO()
    docutils.core.publish_string(
        page.read_text(encoding="utf-8"),
        source_path=str(page),
        writer="html5",
        settings_overrides={
            "warning_stream": warnings,
            "report_level": 1,
            "halt_level": 5,
        },
    )
    assert warnings.getvalue() == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_page_lead_somewhere(page):
    tree = docutils.core.publish_doctree(page.read_text(encoding="utf-8"))
    links = [node.get("refuri", "") for node in tree.findall(reference)]
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []
