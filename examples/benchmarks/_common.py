"""What the benchmark scripts share. Import it first: it limits the BLAS threads.

One thread per process makes CPU times comparable between libraries and machines, and
it has to be decided before numpy is loaded for the first time.
"""

import os

for _name in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR"):
    os.environ.setdefault(f"{_name}_NUM_THREADS", "1")

import platform  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from importlib import import_module  # noqa: E402
from importlib.metadata import PackageNotFoundError, version  # noqa: E402
from pathlib import Path  # noqa: E402

PACKAGES = ("scikit-learn", "joblib", "numpy", "scipy")
PEERS = ("optuna", "torch", "scikit-optimize")


def print_machine(packages=PACKAGES):
    """Print on what the figures were measured: a figure without it says nothing."""
    found = ", ".join(f"{p} {_version_of(p)}" for p in packages)
    print(f"skhpo {_version_of('skhpo')}, {found}, Python {platform.python_version()}")
    print(
        f"{_cpu_model()}, {os.cpu_count()} cores, load {_load()}, "
        f"{platform.system()} {platform.release()}, {time.strftime('%Y-%m-%d %H:%M')}"
    )


def _version_of(package):
    """The version of a package, also of one that runs from its source folder."""
    try:
        return version(package)
    except PackageNotFoundError:
        pass
    try:
        return import_module(package).__version__
    except ImportError:
        return "-"


def _cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return models[0] if models else platform.machine()


def _load():
    """Load of the last minute: above the number of cores, distrust wall times."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"


def print_table(title, headers, rows):
    """Print rows of strings and numbers in columns, the first one left-aligned."""
    cells = [[_text(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))
        print("  ".join([first, *rest]))
        if number == 0:
            print("  ".join("-" * w for w in widths))
    sys.stdout.flush()


def _text(cell):
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def progress(text):
    """Say on stderr what is running, so that stdout holds nothing but the tables."""
    print(text, file=sys.stderr, flush=True)


def cpu_time():
    """CPU seconds of this process and of its live children (loky's workers).

    The system adds a child's time to its parent's only when the child ends, and loky
    keeps its workers; on Linux ``/proc`` knows better. Elsewhere: this process alone.
    """
    return time.process_time() + sum(_cpu_of_children(os.getpid()))


def _cpu_of_children(parent):
    ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The command stands in brackets and may contain blanks: count from its end.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # the process ended between the listing and the reading
            continue
        if int(fields[1]) == parent:  # fields: state, ppid, ... 11 = utime, 12 = stime
            yield (int(fields[11]) + int(fields[12])) / ticks


def reset_peak_memory():
    """Let the high-water mark start from what is resident now (Linux only)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def peak_memory():
    """The high-water mark of this process's resident memory, in bytes."""
    import resource  # not on Windows

    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(li.split()[1]) for li in lines if li.startswith("VmHWM"))
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
