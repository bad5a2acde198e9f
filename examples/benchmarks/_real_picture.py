"""Score over CPU seconds, a panel per family: what ``bench_real.py --picture`` draws.

Scores of different tables are put on one scale: 0 is what a random candidate is
expected to score, 1 what random search is expected to have found at the end of its
curve. A method without a candidate counts as 0.
"""

import matplotlib

matplotlib.use("Agg")
import _real_methods
import _tasks
import matplotlib.pyplot as plt
import numpy as np

SHARES = np.array(_real_methods.GRID)
LEAST_RANGE = 1e-9  # a task whose random candidates all score the same shows nothing


def draw(known, args):
    """Write the picture; the runs are those of the whole budget."""
    tasks = [task for task in args.tasks if task in known.references]
    families = {task.partition("/")[0]: [] for task in tasks}
    for task in tasks:
        families[task.partition("/")[0]].append(task)
    names = [family for family in _tasks.FAMILIES if family in families]
    n_columns = min(4, len(names) + 1)
    n_rows = -(-(len(names) + 1) // n_columns)
    figure, axes = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3.3 * n_columns, 2.8 * n_rows),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axis, name in zip(axes.flat, ["all families", *names], strict=False):
        of = tasks if name == "all families" else families[name]
        draw_panel(axis, known, of, args)
        axis.set_title(f"{name} ({len(of)} tasks)", fontsize=10)
    for axis in list(axes.flat)[len(names) + 1 :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("inner score (0: one random\ncandidate, 1: 150 of them)")
    for axis in axes[-1]:
        axis.set_xlabel("CPU, in budgets")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    figure.savefig(args.picture, dpi=120)
    plt.close(figure)


def draw_panel(axis, known, tasks, args):
    """The mean curve of each method over tasks and seeds, and that of random search."""
    scales = {task: scale(known, task) for task in tasks}
    tasks = [task for task in tasks if scales[task] is not None]
    if not tasks:
        return
    random = [
        on_scale(
            [known.curve(t).inner_at(s * known.budget(t)) for s in SHARES], scales[t]
        )
        for t in tasks
    ]
    axis.plot(SHARES, np.mean(random, axis=0), "k--", label="random search, expected")
    for number, spec in enumerate(args.methods):
        curves = [
            on_scale(run["curve"], scales[task])
            for task in tasks
            for seed in range(args.seeds)
            for run in [known.runs.get((task, spec, seed, 1.0), {})]
            if "curve" in run
        ]
        if curves:
            mean = np.mean(curves, axis=0)
            is_ours = spec.partition(":")[0] in ("ours", "hyperband", "evolution")
            width = 2.2 if is_ours else 1.2
            axis.plot(SHARES, mean, color=f"C{number}", lw=width, label=spec)
    axis.set_xscale("log")
    axis.set_xticks([0.05, 0.1, 0.2, 0.5, 1.0], ["1/20", "1/10", "1/5", "1/2", "1"])
    axis.minorticks_off()
    axis.grid(alpha=0.3)


def scale(known, task):
    """(0, 1) of the scale of a task, or None where there is none."""
    curve = known.curve(task)
    low, high = float(curve.inner.mean()), curve.inner_at(curve.end)
    return (low, high) if high - low > LEAST_RANGE else None


def on_scale(scores, ends):
    low, high = ends
    values = np.array([low if s is None else s for s in scores], dtype=float)
    return np.maximum(values - low, 0.0) / (high - low)
