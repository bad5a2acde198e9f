"""The arithmetic of bench_real.py: random search's curve, tables, tasks, reports.

The peers are not needed here.
"""

import argparse
import importlib
import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """Return a function that imports one of the modules of the benchmarks."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))


def candidate(seconds, inner, test=0.0, refit_seconds=0.0):
    return {
        "seconds": seconds,
        "inner": inner,
        "test": test,
        "refit_seconds": refit_seconds,
    }


FOUR = [
    candidate(1.0, 0.5, test=0.4, refit_seconds=0.3),
    candidate(2.5, 0.9, test=0.7, refit_seconds=1.0),
    candidate(0.4, 0.2, test=0.9, refit_seconds=0.1),
    candidate(3.0, 0.7, test=0.1, refit_seconds=0.5),
]
CONSTANT = {"inner": 0.0, "test": 0.0}


# ----------------------------------------------------------------------------- curve


def brute_force(candidates, seconds, with_refit):
    """Mean over all orders of the inner and test score of the best in time."""
    found = []
    for order in itertools.permutations(candidates):
        time, best, in_time = 0.0, None, None
        for each in order:
            time += each["seconds"]
            if best is None or each["inner"] > best["inner"]:
                best = each
            if time + with_refit * best["refit_seconds"] <= seconds:
                in_time = best
        found.append(in_time or order[0])
    return tuple(np.mean([each[n] for each in found]) for n in ("inner", "test"))


def all_orders(n):
    return np.array([*itertools.permutations(range(n))])


@pytest.mark.parametrize("seconds", [0.0, 0.39, 0.4, 1.4, 2.0, 3.9, 5.5, 6.9, 100.0])
def test_the_curve_is_the_mean_over_all_orders(bench, seconds):
    curve = bench("_reference").Curve.of(FOUR, CONSTANT, orders=all_orders(4))
    inner, _ = brute_force(FOUR, seconds, with_refit=False)
    _, test = brute_force(FOUR, seconds, with_refit=True)
    assert curve.inner_at(seconds) == pytest.approx(inner)
    assert curve.test_at(seconds) == pytest.approx(test)


def test_the_time_to_a_score_is_where_the_curve_gets_there(bench):
    curve = bench("_reference").Curve.of(FOUR, CONSTANT, orders=all_orders(4))
    for score in (0.65, 0.71, 0.81, 0.89):
        seconds = curve.seconds_to(score)
        assert curve.inner_at(seconds + 1e-9) >= score
        assert curve.inner_at(seconds - 1e-6) < score


def test_the_best_is_expected_at_the_end_and_better_is_never_reached(bench):
    curve = bench("_reference").Curve.of(FOUR, CONSTANT, orders=all_orders(4))
    assert curve.seconds_to(0.9) <= curve.end == pytest.approx(6.9)
    assert curve.seconds_to(0.900001) == np.inf
    assert curve.seconds_to(-5.0) == pytest.approx(6.9 / 4)  # the first is awaited


def test_many_orders_are_near_all_orders(bench):
    _reference = bench("_reference")
    exact = _reference.Curve.of(FOUR, CONSTANT, orders=all_orders(4))
    drawn = _reference.Curve.of(FOUR, CONSTANT)
    assert len(drawn.orders) == 400
    assert {*map(tuple, np.sort(drawn.orders))} == {(0, 1, 2, 3)}
    for seconds in (1.0, 3.0, 5.0):
        expected = exact.inner_at(seconds)
        assert drawn.inner_at(seconds) == pytest.approx(expected, abs=0.05)


def test_what_failed_or_diverged_is_a_constant_model_and_takes_its_time(bench):
    candidates = [candidate(1.0, None, None), candidate(1.0, 0.5, -1e9)]
    constant = {"inner": 0.1, "test": -0.2}
    curve = bench("_reference").Curve.of(candidates, constant, orders=all_orders(2))
    assert curve.end == 2.0
    assert curve.inner_at(1.0) == pytest.approx(0.3)
    assert curve.test.tolist() == [-0.2, -0.2]


def test_the_factor_is_random_search_over_the_method(bench):
    _reference = bench("_reference")
    curve = _reference.Curve.of(FOUR, CONSTANT, orders=all_orders(4))
    needed = curve.seconds_to(0.8)
    assert _reference.factor(curve, 0.8, 2.0) == (pytest.approx(needed / 2.0), True)
    # what random search never reaches counts as the end of its curve
    assert _reference.factor(curve, 1.0, 2.0) == (pytest.approx(6.9 / 2.0), False)
    factor, is_reached = _reference.factor(curve, 0.0, 2.0)  # it found nothing
    assert factor == pytest.approx(6.9 / 4 / 2.0)
    assert is_reached


def test_a_budget_has_an_upper_limit(bench):
    _reference = bench("_reference")
    curve = _reference.Curve.of(FOUR, CONSTANT)
    assert _reference.budget(curve, 2, 20.0) == pytest.approx(6.9 / 2)
    assert _reference.budget(curve, 25, 20.0) == 20.0


def test_measuring_stops_when_the_seconds_are_used_up(bench):
    class Task:
        name = "a/b"
        branches = [type("Branch", (), {"sample": lambda self, rng: {"x": 1}})()]

        def evaluate(self, params):
            return 1.0 if params else self.own

        def refit(self, params):
            return 2.0, 0.25

        def constant(self):
            return CONSTANT

    measure, task = bench("_reference").measure, Task()
    task.own = 0.5
    measured = measure(task, 3, max_seconds=1e9)
    assert len(measured["candidates"]) == 3
    assert (measured["own"]["inner"], measured["own"]["test"]) == (0.5, 2.0)
    assert len(measure(task, 3, max_seconds=0)["candidates"]) == 1
    task.own = np.nan
    with pytest.raises(RuntimeError, match="a/b: the estimator's own setting failed"):
        measure(task, 3, max_seconds=1e9)


# ---------------------------------------------------------------------------- tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with two tables of 240 rows: text, missing values, an id."""
    path = tmp_path_factory.mktemp("tables")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "id": [f"row {k}" for k in range(240)],
            "size": rng.normal(size=240).round(3),
            "color": rng.choice(["red", "green", "blue"], 240),
            "flag": rng.choice([True, False], 240),
        }
    )
    X.loc[::7, "size"] = np.nan
    X.loc[::9, "color"] = None
    is_large = (X["size"].fillna(0) + (X["color"] == "red")) > 0.3
    labels = np.where(is_large, "yes", "no").astype(object)
    labels[:5] = "seldom"
    X.assign(target=labels).to_csv(path / "labels.csv", index=False)
    numbers = 100 + 50 * X["size"].fillna(0) + 30 * (X["color"] == "red")
    X.assign(target=numbers).to_csv(path / "numbers.csv.gz", index=False)
    (path / "catalog.csv").write_text(
        "name,task,rows\nlabels,classification,240\nnumbers,regression,240\n"
    )
    return str(path)


def test_a_table_is_read_with_its_text_and_what_is_missing(bench, folder):
    table = bench("_tables").read("labels", folder)
    assert table.text_columns == ["color"]
    assert table.number_columns == ["size", "flag"]
    assert table.X["color"].isna().any()
    assert table.X["size"].isna().any()
    assert "column id is an identifier" in table.notes


def test_a_rare_class_is_dropped_from_both_parts(bench, folder):
    table = bench("_tables").read("labels", folder)
    assert "class seldom is rare" in table.notes
    assert set(table.y) == set(table.y_test) == {0, 1}
    assert len(table.X) == len(table.y)
    assert len(table.y) + len(table.y_test) == 235


def test_a_target_is_standardized_on_the_training_rows(bench, folder):
    table = bench("_tables").read("numbers", folder)
    assert table.y.mean() == pytest.approx(0, abs=1e-9)
    assert table.y.std() == pytest.approx(1)
    assert 0.5 < table.y_test.std() < 2


@pytest.mark.parametrize(
    "n, train, test", [(240, 160, 80), (2100, 1400, 700), (20_000, 2000, 5000)]
)
def test_a_third_of_the_rows_is_the_test_set(bench, n, train, test):
    a, b = bench("_tables").division(n)
    assert (len(a), len(b)) == (train, test)
    assert len({*a, *b}) == train + test


# ----------------------------------------------------------------------------- tasks


def test_two_families_per_table_take_turns(bench):
    _tasks = bench("_tasks")
    names = _tasks.task_names([f"t{k}" for k in range(51)])
    assert len(names) == len(set(names)) == 102
    counts = [sum(n.startswith(f"{f}/") for n in names) for f in _tasks.FAMILIES]
    assert set(counts) == {14, 15}
    assert names[:3] == ["boosting/t0", "forest/t0", "svm/t1"]


FAMILIES = ("boosting", "forest", "svm", "linear", "neighbors", "network", "lightgbm")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("table", ["labels", "numbers"])
def test_a_pipeline_takes_text_and_missing_values(bench, folder, family, table):
    _tasks = bench("_tasks")
    if family == "lightgbm":
        pytest.importorskip("lightgbm")
    task = _tasks.Task(f"{family}/{table}", folder)
    assert set(task.space) <= set(task.estimator.get_params())
    for seed in range(2):
        params = task.branches[0].sample(np.random.default_rng(seed))
        score, seconds = task.refit(params)
        assert np.isfinite(score)
        assert seconds > 0
    assert clone(task.estimator).set_params(**params).fit(*task.data) is not None


def test_the_own_setting_is_what_the_estimator_is_without_one(bench, folder):
    task = bench("_tasks").Task("linear/labels", folder)
    own = bench("_reference").measured(task, {})
    assert own["inner"] == pytest.approx(task.evaluate({}))
    fitted = clone(task.estimator).fit(*task.data)
    assert own["test"] == pytest.approx(task.judge(fitted))


def test_failed_fits_have_no_score(bench, folder):
    task = bench("_tasks").Task("linear/labels", folder)
    measured = bench("_reference").measured(task, {"model__C": -1.0})
    assert measured["inner"] is None
    assert measured["test"] is None


# --------------------------------------------------------------------------- methods


def test_a_trace_knows_what_less_budget_would_have_found(bench):
    trace = bench("_real_methods").Trace(budget=10.0)
    trace.seconds, trace.scores = [1.0, 3.0, 11.0], [0.1, 0.5, 0.7]
    trace.params, trace.end = [{"a": 1}, {"a": 2}, {"a": 3}], 11.5
    assert trace.at(2.0) == (3.0, 0.5, {"a": 2}, 2)
    assert trace.at(10.0) == (11.5, 0.7, {"a": 3}, 3)


def test_a_trace_is_a_curve_over_shares_of_the_budget(bench):
    methods = bench("_real_methods")
    trace = methods.Trace(budget=10.0)
    trace.seconds, trace.scores = [1.0, 3.0, 11.0], [0.1, 0.5, 0.7]
    for share, score in zip(methods.GRID, trace.curve(10.0), strict=True):
        done = [
            s
            for t, s in zip(trace.seconds, trace.scores, strict=True)
            if t <= 10.0 * share
        ]
        assert score == (done[-1] if done else None)


def test_a_failed_candidate_does_not_replace_the_best(bench):
    trace = bench("_real_methods").Trace(budget=1e9)
    for score in (np.nan, 0.3, np.nan, 0.2, 0.4):
        assert not trace.evaluated(score, {"score": score})
    assert trace.scores == [-np.inf, 0.3, 0.3, 0.3, 0.4]
    assert [p["score"] for p in trace.params[1:]] == [0.3, 0.3, 0.3, 0.4]


def test_halving_takes_what_its_rungs_cost(bench):
    candidates = bench("_real_methods").candidates_to_halve
    assert candidates(25, ratio=1.0) == 25  # one rung: each one in full
    n = candidates(25, ratio=27.0)  # four rungs of n / 27 full candidates each
    assert n == 168
    assert candidates(0.1, ratio=27.0) == 1


def test_a_sleeping_process_has_a_clock_that_stands(bench):
    import time

    original = time.time
    with bench("_real_methods").cpu_clock():
        before = time.monotonic(), time.process_time()
        time.sleep(0.2)
        assert time.monotonic() - before[0] < 0.15
    assert time.time is original


@pytest.mark.parametrize("spec", ["ours:n_iter=12", "hyperband", "evolution", "random"])
def test_a_search_runs_until_its_seconds_are_used_up(bench, folder, spec):
    task = bench("_tasks").Task("neighbors/numbers", folder, mean_seconds=0.05)
    found = bench("_real_methods").run(task, spec, 0, 0.3, [0.1, 0.3])
    for mark, each in found.items():
        assert each["error"] is None
        assert each["inner"] <= 1
        assert np.isfinite(each["test"])
        assert each["seconds"] >= mark or "n_iter" in spec
    assert found[0.3]["inner"] >= found[0.1]["inner"]


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["halving", "optuna", "skopt", "genetic", "flaml"])
def test_a_peer_finds_a_setting_of_the_same_space(bench, folder, spec):
    _real_methods = bench("_real_methods")
    if _real_methods.load(spec):
        pytest.skip("it is not installed")
    task = bench("_tasks").Task("svm/numbers", folder, mean_seconds=0.05)
    (found,) = _real_methods.run(task, spec, 0, 0.5, [0.5]).values()
    assert found["error"] is None
    params = found["params"]
    assert params.keys() == task.space.keys()
    assert found["inner"] == pytest.approx(task.evaluate(params))
    for name, d in task.space.items():
        if d.kind != "choice":
            assert d.low <= params[name] <= d.high


def test_a_search_that_breaks_says_how(bench, folder):
    task = bench("_tasks").Task("neighbors/numbers", folder)
    found = bench("_real_methods").run(task, "ours:racing=3", 0, 0.1, [0.1])
    assert "racing" in found[0.1]["error"]
    assert "inner" not in found[0.1]


# ---------------------------------------------------------------------------- report


def references(bench):
    size = (2, 4, 20.0)
    known = bench("bench_real").Known([], size)
    for task in ("forest/a", "svm/b"):
        known.add(
            dict(
                task=task,
                size=list(size),
                metric="r2",
                candidates=FOUR,
                own=candidate(1.0, 0.5, test=0.6),
                constant=CONSTANT,
            )
        )
    return known


def run(known, task, method, *, inner, test, share=1.0, **more):
    known.add(
        dict(
            task=task,
            method=method,
            seed=0,
            share=share,
            size=known.size,
            inner=inner,
            test=test,
            seconds=2.0,
            refit_seconds=0.5,
            n=3,
            error=None,
        )
        | more
    )


def test_an_outcome_is_beside_random_search_at_the_same_seconds(bench):
    known = references(bench)
    run(known, "forest/a", "ours", inner=0.95, test=0.5)
    outcome = bench("bench_real").outcome(known, "forest/a", "ours", 0, 1.0)
    curve = known.curve("forest/a")
    assert outcome["factor"] == pytest.approx(6.9 / 2.0)
    assert not outcome["is_reached"]
    assert outcome["difference"] == pytest.approx(0.5 - curve.test_at(2.5))
    assert outcome["is_below_own"]
    assert outcome["used"] == pytest.approx(2.0 / (2 * 6.9 / 4))


def test_known_runs_are_of_one_size_and_the_last_counts(bench):
    known = references(bench)
    run(known, "svm/b", "ours", inner=0.1, test=0.1)
    run(known, "svm/b", "ours", inner=0.2, test=0.2)
    run(known, "svm/b", "tpe", inner=0.2, test=0.2, size=[1, 1, 1.0])
    assert [r["inner"] for r in known.runs.values()] == [0.2]


def test_an_interval_is_over_tables(bench):
    values = {("f/a", 0): 1.0, ("f/a", 1): 1.0, ("g/a", 0): 1.0, ("f/b", 0): 5.0}
    mean, low, high = bench("bench_real").over_tables(values)
    assert (mean, low, high) == (2.0, 1.0, 5.0)


def test_ranks_are_among_the_methods_that_did_the_run(bench):
    outcomes = {
        "a": {1: {"test": 0.9}, 2: {"test": 0.5}},
        "b": {1: {"test": 0.8}, 2: None},
        "c": {1: {"test": 0.8}, 2: {"test": 0.6}},
    }
    ranks = bench("bench_real").mean_ranks(outcomes, "test")
    assert ranks == {"a": 1.5, "b": 2.5, "c": 1.75}


def test_the_report_counts_what_is_missing_beyond_and_below(bench, capsys):
    known = references(bench)
    for share in (1.0, 1 / 3):
        run(known, "forest/a", "ours", inner=0.95, test=0.95, share=share)
        run(known, "svm/b", "ours", inner=0.5, test=0.0, share=share)
        run(known, "forest/a", "peer", inner=0.5, test=0.5, share=share)
        failed = dict(error="ValueError: no", share=share)
        run(known, "svm/b", "peer", inner=None, test=None, **failed)
        del known.runs["svm/b", "peer", 0, share]["seconds"]
    args = argparse.Namespace(
        tasks=["forest/a", "svm/b"], methods=["ours", "peer"], seeds=1
    )
    bench("bench_real").report(known, args)
    text = capsys.readouterr().out
    lines = [line.split() for line in text.splitlines()]
    ours = next(line for line in lines if line[:1] == ["ours"])
    assert ours[1:3] == ["2", "0"]  # runs, missing
    assert ours[6] == "1"  # beyond random search
    assert "1 : 1" in text
    assert "50 %" in text
    peer = next(line for line in lines if line[:1] == ["peer"])
    assert peer[1:3] == ["1", "1"]
    assert "2 x peer, svm: ValueError: no" in text


def test_the_picture_has_a_panel_per_family(bench, tmp_path):
    known = references(bench)
    curve = [None] * 4 + [0.6] * 10
    run(known, "forest/a", "ours", inner=0.6, test=0.5, curve=curve)
    args = argparse.Namespace(
        tasks=["forest/a", "svm/b"],
        methods=["ours"],
        seeds=1,
        picture=tmp_path / "p.png",
    )
    picture = bench("_real_picture")
    assert picture.scale(known, "forest/a") == (0.575, pytest.approx(0.9))
    picture.draw(known, args)
    assert args.picture.stat().st_size > 10_000


def test_what_is_known_is_not_run_again(bench):
    bench_real = bench("bench_real")
    known = references(bench)
    args = argparse.Namespace(tasks=["svm/b"], tables=None, seeds=1, size=(2, 4, 20.0))
    (job,) = bench_real.missing_runs(known, "ours", args)
    assert job[4] == [1.0, 1 / 3]  # one search serves both
    assert len([*bench_real.missing_runs(known, "hyperband", args)]) == 2
    run(known, "svm/b", "ours", inner=0.1, test=0.1)
    (job,) = bench_real.missing_runs(known, "ours", args)
    assert job[4] == [1 / 3]


# ----------------------------------------------------------------------------- pools


@pytest.fixture(scope="module")
def pool(bench, folder, tmp_path_factory):
    _pool = bench("_pool")
    task = bench("_tasks").Task("forest/numbers", folder)
    path = tmp_path_factory.mktemp("pools")
    return _pool.Pool.read(_pool.record(task, path, n_settings=6, units=(10, 20)))


def test_a_pool_holds_what_fits_brought(bench, folder, pool):
    assert len(pool.points) == len(pool.scores) == 12
    assert (pool.seconds > 0).all()
    assert (pool.fold_work > 10 * 10).all()
    task = bench("_tasks").Task("forest/numbers", folder)
    params = pool.space.to_params(pool.points[1])
    assert pool.scores[1] == pytest.approx(task.evaluate(params), abs=1e-5)


def test_a_simulation_looks_up_each_row_once(bench, pool):
    _pool = bench("_pool")
    for strategy in _pool.STRATEGIES.values():
        seconds, best = _pool.simulate(pool, strategy, 1e9, seed=0)
        assert len(seconds) == 12
        assert (np.diff(best) >= 0).all()
        if strategy.racing is None:
            assert seconds[-1] == pytest.approx(pool.seconds.sum())
            assert best[-1] == pool.scores.max()
        else:
            assert seconds[-1] < pool.seconds.sum()


def test_a_simulated_race_runs_the_folds_that_decide(bench, pool):
    folds, order = pool.folds, np.argsort(-pool.scores)
    run = bench("_pool").FoldsRun(pool, "forgiving")
    n, score, noise = run.add(order[0])
    assert (n, score, noise) == (5, pool.scores[order[0]], 0.0)
    worst = order[-1]
    n, score, noise = run.add(worst)
    assert n < 5
    d = (folds[worst] - folds[order[0]])[:n].mean()
    assert score == pytest.approx(pool.scores[order[0]] + d)
    assert noise > 0
    assert run.incumbent == order[0]


def test_a_simulation_without_a_race_runs_all_folds(bench, pool):
    run = bench("_pool").FoldsRun(pool, None)
    found = [run.add(row) for row in range(12)]
    assert found == [(5, score, 0.0) for score in pool.scores]
    assert run.incumbent == np.argmax(pool.scores)
