"""The examples do what they say: they run, quickly, without a warning."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))

#: Seconds. Alone on a quiet core each takes less than 30; machines are shared.
LIMIT = 300

by_name = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


@pytest.mark.gallery
@by_name
def test_example_runs_without_a_warning(example, tmp_path):
    pytest.importorskip("matplotlib")
    # no display: there plt.show() of the Agg backend would warn that it shows nothing
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-W", "default", str(example)],
        cwd=tmp_path,
        env=environment
        | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@by_name
def test_example_has_a_title_and_a_question(example):
    title, underline, *rest = ast.get_docstring(
        ast.parse(example.read_text(encoding="utf-8"))
    ).splitlines()
    assert underline == "=" * len(title)
    assert any(line.startswith("**Question:**") for line in rest)


def test_the_list_of_examples_is_complete():
    text = (ROOT / "examples" / "README.rst").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES if f"``{path.name}``" not in text] == []
