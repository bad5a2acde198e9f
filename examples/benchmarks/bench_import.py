"""How long does an import take, beside that of scikit-learn?

Each in a fresh process, in turns, median of 10, from compiled files as pip leaves them.
The promise: ``import skhpo`` takes at
most as long as ``import sklearn.model_selection``, plus 0.05 s. What is loaded at the
first use of a name is shown, too: the search classes need scikit-learn anyway.

Wall times mean something on a quiet machine only; CPU times survive company.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial

import _common
import numpy as np

STATEMENTS = (
    "import sklearn.model_selection",
    "import skhpo",
    "import sklearn.model_selection; import skhpo",
    "from skhpo import BayesSearchCV",
    "from skhpo import *",
)

_WITHOUT = "PYTHONDONTWRITEBYTECODE"  # "" = compiled files are kept

#: What an import may take beyond that of sklearn.model_selection, in seconds.
MARGIN = 0.05

TIMED = """
import time, json
start = time.perf_counter(), time.process_time()
{statement}
print(json.dumps([time.perf_counter() - start[0], time.process_time() - start[1]]))
"""


def main():
    args = parse_arguments()
    _common.print_machine()
    seconds = measure(2 if args.quick else args.repeats)
    first = seconds[STATEMENTS[0]]
    rows = [
        [statement, *map(_text, median), *map(_text, median - first)]
        for statement, median in seconds.items()
    ]
    headers = ["statement", "wall s", "CPU s", "more wall", "more CPU"]
    _common.print_table("Seconds of an import", headers, rows)
    more = (seconds["import skhpo"] - first)[1]
    verdict = "kept" if more <= MARGIN else "MISSED"
    print(f"\nimport skhpo: sklearn.model_selection {more:+.3f} s CPU, {verdict}")


def measure(repeats):
    """Return the median wall and CPU seconds of each statement."""
    with tempfile.TemporaryDirectory() as compiled:
        run = partial(timed, compiled)
        runs = [list(map(run, STATEMENTS)) for _ in range(repeats + 1)]
    return dict(zip(STATEMENTS, np.median(runs[1:], axis=0), strict=True))


def timed(compiled, statement):
    """Return the wall and CPU seconds of a statement in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement=statement)],
        env={**os.environ, "PYTHONPYCACHEPREFIX": compiled, _WITHOUT: ""},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def _text(seconds):
    return f"{seconds:.3f}"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="two processes each")
    return parser.parse_args()


if __name__ == "__main__":
    main()
