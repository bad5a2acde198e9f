# What .ci/run and .ci/full share. Sourced by them, after `set -euo pipefail`.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME
export PIP_QUIET=2 PIP_PREFER_BINARY=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# pip builds in the sources; an old build/ would install modules that are gone.
clean() { rm -rf build skhpo.egg-info; }

say() { printf '\n== %s (%d s so far)\n' "$*" "$SECONDS"; }

# fresh NAME: a new virtual environment; `python` is its python from here on.
fresh() {
    python3 -m venv "$scratch/$1"
    PATH="$scratch/$1/bin:${outer_path:=$PATH}"
    hash -r
    clean
}

# The README's line that runs the tests, as a user would copy it.
readme_command() {
    local command='python -m pip install ".[test]" && python -m pytest'
    grep -qxF "    $command" README.rst || { echo "README.rst lacks: $command" >&2; return 1; }
    printf '%s\n' "$command"
}

# Each "name>=version" of pyproject.toml's dependencies, as "name==version".
lowest_versions() {
    python3 - <<'PYTHON'
import tomllib
with open("pyproject.toml", "rb") as file:
    dependencies = tomllib.load(file)["project"]["dependencies"]
print("\n".join(line.replace(">=", "==") for line in dependencies))
PYTHON
}

# fresh_lowest NAME: a new environment with the package on the lowest versions.
fresh_lowest() {
    fresh "$1"
    lowest_versions >"$scratch/lowest.txt"
    python -m pip install --only-binary :all: -r "$scratch/lowest.txt"
    python -m pip install ".[test]" -c "$scratch/lowest.txt"
    python -m pip freeze | grep -iE '^(scikit-learn|joblib|numpy|scipy|pandas|threadpoolctl)=='
}
