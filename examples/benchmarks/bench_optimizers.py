"""Which of our own optimizers for which space? The figures of doc/decisions/0008.

Two parts, to be run together or apart:

``regret``
    What is left to gain after so many evaluations: 0 = the optimum, 1 = a random
    setting (the median of 1,000). Cheap objectives with a known optimum, one point at
    a time: four with many categories, two with 36 and more columns most of which are
    inactive at a time, and ``skhpo.testing.toys``.
``cost``
    CPU time of one suggestion (ask and tell), by observations and by columns.
"""

import argparse
import time
from functools import partial

import _common  # noqa: F401, first of all that loads numpy: limits the BLAS threads
import numpy as np

from skhpo.optimizers import (
    ForestOptimizer,
    GaussianProcessOptimizer,
    Proposal,
    RandomDesign,
    Result,
    TPEOptimizer,
)
from skhpo.space import Integer, Real, Space
from skhpo.testing import Toy, toys

OPTIMIZERS = {
    "gp": GaussianProcessOptimizer,
    "forest": ForestOptimizer,
    "tpe": partial(TPEOptimizer, n_initial=8),
    "random": RandomDesign,
}

# ---------------------------------------------------------------------- the problems


def categories(sizes):
    """The parameters c0, c1, ... with so many levels each."""
    return {f"c{j}": [f"v{i}" for i in range(k)] for j, k in enumerate(sizes)}


def levels(params, n):
    return [int(params[f"c{j}"][1:]) for j in range(n)]


def categories_additive():
    """Six categories of 5 to 30 levels, each with an effect of its own."""
    rng, sizes = np.random.default_rng(0), (5, 8, 10, 15, 20, 30)
    effects = [rng.normal(size=k) * rng.uniform(0.3, 1) for k in sizes]

    def score(params):
        pairs = zip(effects, levels(params, len(sizes)), strict=True)
        return float(sum(effect[i] for effect, i in pairs))

    best = sum(effect.max() for effect in effects)
    return Toy("categories, additive", Space(categories(sizes)), score, best)


def categories_pairs():
    """Eight of 5 to 30 levels; two by two they have effects together."""
    rng, sizes = np.random.default_rng(1), (5, 6, 8, 10, 12, 20, 25, 30)
    effects = [rng.normal(size=k) * rng.uniform(0.2, 0.8) for k in sizes]
    tables = [
        0.5 * rng.normal(size=sizes[j : j + 2])
        + effects[j][:, None]
        + effects[j + 1][None]
        for j in range(0, len(sizes), 2)
    ]

    def score(params):
        i = levels(params, len(sizes))
        return float(sum(t[i[2 * j], i[2 * j + 1]] for j, t in enumerate(tables)))

    best = sum(table.max() for table in tables)
    return Toy("categories, pairs", Space(categories(sizes)), score, best)


def categories_latent():
    """Five of 10 to 30 levels, each level a hidden number; a valley in these."""
    rng, sizes = np.random.default_rng(2), (10, 10, 15, 20, 30)
    hidden = [rng.random(k) for k in sizes]
    centre = rng.random(len(sizes))
    axes = np.linalg.qr(rng.normal(size=(len(sizes), len(sizes))))[0]

    def score(params):
        pairs = zip(hidden, levels(params, len(sizes)), strict=True)
        x = np.array([numbers[i] for numbers, i in pairs])
        return -float(np.sum((axes @ (x - centre)) ** 2 * [1, 2, 1, 4, 1]))

    return Toy("categories, latent", Space(categories(sizes)), score, 0.0)


def categories_and_numbers():
    """Three of 10 to 20 levels and four numbers, whose optimum one of them decides."""
    rng, sizes = np.random.default_rng(3), (10, 12, 20)
    effects = [rng.normal(size=k) * 0.3 for k in sizes]
    optima = rng.random((sizes[2], 4)) * 0.5 + rng.random(4) * 0.5
    numbers = {f"x{i}": (0.0, 1.0) for i in range(4)}

    def score(params):
        i = levels(params, len(sizes))
        x = np.array([params[name] for name in numbers])
        effect = sum(effect[k] for effect, k in zip(effects, i, strict=True))
        return float(effect - 2 * np.sum((x - optima[i[2]]) ** 2))

    best = sum(effect.max() for effect in effects)
    space = Space({**categories(sizes), **numbers})
    return Toy("categories and numbers", space, score, best)


def pipeline():
    """Eight algorithms, six preprocessors, four selectors, with their own numbers."""
    rng = np.random.default_rng(4)
    stages = {"alg": (8, 0.3, (3, 6)), "pre": (6, 0.2, (0, 3)), "sel": (4, 0.1, (1, 2))}
    space, effects, optima, weights = {}, {}, {}, {}
    for stage, (n, scale, _) in stages.items():
        space[stage] = [f"{stage}{i}" for i in range(n)]
        effects.update(zip(space[stage], scale * rng.normal(size=n), strict=True))
    for stage, (_, _, n_numbers) in stages.items():
        for choice in list(space[stage]):
            for k in range(rng.integers(*n_numbers)):
                name, when = f"{choice}_{k}", {stage: [choice]}
                is_real = rng.random() < 2 / 3
                space[name] = (Real if is_real else Integer)(
                    0, 1 if is_real else 20, when=when
                )
                optima[name], weights[name] = rng.random(), rng.uniform(0.2, 1.5)

    def score(params):
        total = sum(effects[params[stage]] for stage in stages)
        for name in optima.keys() & params.keys():
            x = params[name] / (20 if isinstance(params[name], int) else 1)
            total -= weights[name] * (x - optima[name]) ** 2
        return float(total)

    best = sum(max(effects[choice] for choice in space[stage]) for stage in stages)
    return Toy("pipeline, conditional", Space(space), score, best)


def eight_alternatives():
    """A list of eight dicts with four to six numbers each."""
    rng = np.random.default_rng(5)
    effects = rng.normal(size=8) * 0.2
    branches, optima, weights = [], {}, {}
    for i in range(8):
        names = [f"m{i}_{k}" for k in range(rng.integers(4, 7))]
        branches.append({"model": [i], **dict.fromkeys(names, (0.0, 1.0))})
        optima.update({name: rng.random() for name in names})
        weights.update({name: rng.uniform(0.2, 1.5) for name in names})

    def score(params):
        active = optima.keys() & params.keys()
        loss = sum(weights[k] * (params[k] - optima[k]) ** 2 for k in active)
        return float(effects[params["model"]] - loss)

    return Toy("eight alternatives", Space(branches), score, effects.max())


def problems():
    return [
        categories_additive(),
        categories_pairs(),
        categories_latent(),
        categories_and_numbers(),
        pipeline(),
        eight_alternatives(),
        *toys(),
    ]


# -------------------------------------------------------------------------- the parts


def regret(n, n_seeds, at):
    print(f"regret after {', '.join(map(str, at))} evaluations, {n_seeds} seeds")
    print(f"{'':24}{'columns':8}" + "".join(f"{name:>22}" for name in OPTIMIZERS))
    totals = []
    for toy in problems():
        rows = [
            np.mean([left_to_gain(make, toy, n, s)[at] for s in range(n_seeds)], axis=0)
            for make in OPTIMIZERS.values()
        ]
        print_row(toy.name, toy.space.n_dims, rows)
        totals.append(rows)
    print_row("mean", "", np.mean(totals, axis=0))


def left_to_gain(make, toy, n, seed):
    """(n + 1,) normalised regret, by evaluations."""
    sample = toy.space.sample(1000, np.random.default_rng(99))
    middle = np.median([toy(point) for point in sample])
    optimizer = make(toy.space, rng=np.random.default_rng(seed))
    scores = [middle]
    for _ in range(n):
        (proposal,) = optimizer.ask(1)
        scores.append(toy(proposal.point))
        optimizer.tell([Result(proposal, scores[-1])])
    return (toy.optimum - np.maximum.accumulate(scores)) / (toy.optimum - middle)


def print_row(name, n_columns, rows):
    cells = "".join(f"{' '.join(f'{r:.3f}' for r in row):>22}" for row in rows)
    print(f"{name:24}{n_columns!s:8}{cells}", flush=True)


def cost(sizes, widths):
    print("CPU ms per suggestion: mean (max)")
    print(f"{'':24}{'n':8}" + "".join(f"{name:>14}" for name in OPTIMIZERS))
    mixed = {f"x{i}": (0.0, 1.0) for i in range(6)}
    spaces = {"6 numbers, 2 others": {**mixed, "c": list("abcdefgh"), "n": (1, 50)}}
    for n in sizes:
        print_cost(*next(iter(spaces.items())), n)
    for width in widths:
        branches = [
            {"m": [i], **{f"m{i}_{k}": (0.0, 1.0) for k in range(5)}}
            for i in range(width // 6)
        ]
        print_cost(f"{width} columns, branches", branches, 190)


def print_cost(name, space, n):
    space = Space(space)
    cells = ""
    for make in OPTIMIZERS.values():
        times = 1e3 * np.array(suggestion_times(make, space, n))
        cells += f"{f'{times.mean():.0f} ({times.max():.0f})':>14}"
    print(f"{name:24}{n:<8}{cells}", flush=True)


def suggestion_times(make, space, n):
    """Seconds of CPU of each of some suggestions after n observations."""
    rng = np.random.default_rng(0)
    optimizer = make(space, rng=rng)

    def result(i, point):
        return Result(Proposal(i, point), -float(np.nansum((point - 0.3) ** 2)))

    optimizer.tell([result(i, x) for i, x in enumerate(space.sample(n, rng))])
    optimizer.ask(1)
    times = []
    for i in range(10 + n // 100):
        start = time.process_time()
        (proposal,) = optimizer.ask(1)
        optimizer.tell([result(n + i, proposal.point)])
        times.append(time.process_time() - start)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=[], metavar="regret|cost")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="does it run at all?")
    arguments = parser.parse_args()
    parts = arguments.parts or ["regret", "cost"]
    if "regret" in parts:
        n, n_seeds, at = (12, 1, [6, 12]) if arguments.quick else (80, 0, [20, 40, 80])
        regret(n, n_seeds or arguments.seeds, at)
    if "cost" in parts:
        quick = ([50], [12])
        cost(*quick if arguments.quick else ([200, 500, 2000, 5000], [48, 120, 240]))


if __name__ == "__main__":
    main()
