"""The arithmetic of examples/benchmarks, and that its methods search what they should.

The peers are not needed here. What a benchmark prints is believed by people, so its
sums deserve a second opinion like any other.
"""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from skhpo.evaluation import tells_work
from skhpo.space import Space

FOLDER = Path(__file__).parents[1] / "examples" / "benchmarks"


@pytest.fixture(scope="module")
def bench():
    """Return a function that imports one of the modules of the benchmarks."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))


def record(scores, *, method="random", seed=0, **more):
    n_iter = len(scores)
    return {
        "problem": "kNN/iris/nll",
        "method": method,
        "seed": seed,
        "n_iter": n_iter,
        "scores": scores,
        "error": None,
        "suggest_ms": 1.0,
        **more,
    }


# ---------------------------------------------------------------------------- regret


def test_the_scale_is_the_best_of_all_and_the_median_of_random(bench):
    _regret = bench("_regret")
    records = [record([-3.0, -1.0, -2.0, None]), record([-0.5, -9.0], method="ours")]
    assert _regret.scale(records) == (0.5, 2.0)


def test_regret_is_of_the_best_so_far_and_one_before_the_first_success(bench):
    curve = bench("_regret").regret_curve(
        record([None, -2.0, -3.0, -1.0]), n_iter=5, best=1.0, clip=3.0
    )
    assert curve.tolist() == [1.0, 0.5, 0.5, 0.0, 0.0]


def test_a_noisy_problem_is_judged_by_what_the_chosen_setting_is_worth(bench):
    noisy = record([-2.0, -0.1, -0.2], judged=[-2.0, -3.0, -3.0])
    curve = bench("_regret").regret_curve(noisy, n_iter=4, best=1.0, clip=3.0)
    assert curve.tolist() == [0.5, 1.0, 1.0, 1.0]


def test_first_below_counts_from_one_and_says_when_never(bench):
    curves = np.array([[0.9, 0.5, 0.1], [0.9, 0.8, 0.7]])
    assert bench("_regret").first_below(curves, 0.5).tolist() == [2.0, np.inf]


def test_a_draw_of_the_bootstrap_is_a_mean_of_drawn_seeds_of_drawn_problems(bench):
    _regret = bench("_regret")
    # problems with 2 and 3 seeds; drawn: the first twice, then each once
    problems = np.array([[0, 0], [1, 0]])
    weights = _regret._weights(problems, np.array([2, 3]), np.random.default_rng(0))
    assert weights.shape == (2, 5)
    assert weights.sum(axis=1) == pytest.approx([1, 1])
    assert weights[0, 2:].sum() == 0
    assert weights[1, :2].sum() == pytest.approx(0.5)
    assert set(np.round(weights[1, 2:] * 6)) <= {0.0, 1.0, 2.0, 3.0}


def test_the_bootstrap_has_the_standard_error_of_nested_sampling(bench):
    _regret = bench("_regret")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 1)) + 0.5 * rng.normal(size=(40, 5))
    curves = _regret.Curves([row[:, None] for row in values])
    problems = rng.integers(40, size=(4000, 40))
    drawn = curves.draws(problems, rng)[:, 0]
    within = np.var(values, axis=1).mean() / 5
    expected = np.sqrt((np.var(values.mean(axis=1)) + within) / 40)
    assert drawn.mean() == pytest.approx(values.mean(), abs=4 * expected / 60)
    assert drawn.std() == pytest.approx(expected, rel=0.05)


def test_the_lead_is_paired_by_problem(bench):
    _regret = bench("_regret")
    difficulty = np.linspace(0.1, 0.9, 20)
    own = _regret.Curves([np.full((3, 4), d - 0.05) for d in difficulty])
    peer = _regret.Curves([np.full((2, 4), d) for d in difficulty])
    comparison = _regret.Comparison({"ours": own, "peer": peer})
    assert comparison.lead("ours", "peer", 4) == pytest.approx((5, 5, 5))
    low, high = comparison.interval("peer", 4)
    assert high - low > 0.1  # the problems differ, the lead does not


def test_evaluations_to_match_are_read_off_the_mean_curves(bench):
    _regret = bench("_regret")
    own = _regret.Curves([np.array([[0.8, 0.4, 0.2, 0.1]])] * 3)
    peer = _regret.Curves([np.array([[0.9, 0.8, 0.6, 0.4]])] * 3)
    comparison = _regret.Comparison({"ours": own, "peer": peer})
    assert comparison.match("ours", "peer", 4) == (2.0, 2.0, 2.0)
    assert comparison.match("peer", "ours", 4) == (np.inf, np.inf, np.inf)
    assert comparison.median_match("ours", "peer", 4) == 2.0


def test_ranks_of_equals_are_shared(bench):
    _regret = bench("_regret")
    regrets = {"a": [0.1, 0.2], "b": [0.1, 0.3], "c": [0.5, 0.1]}
    curves = {
        m: _regret.Curves([np.array([[r]]) for r in values])
        for m, values in regrets.items()
    }
    ranks = _regret.Comparison(curves).ranks(1)
    assert {m: r.tolist() for m, r in ranks.items()} == {
        "a": [1.5, 2.0],
        "b": [1.5, 3.0],
        "c": [3.0, 1.0],
    }


def test_welch_agrees_with_scipy(bench):
    from scipy.stats import ttest_ind

    a, b = np.array([3.0, 4.0, 6.0]), np.array([1.0, 1.5, 1.2, 2.0])
    interval = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    expected = (a.mean() - b.mean(), interval.low, interval.high)
    assert bench("_regret").welch(a, b) == pytest.approx(expected)
    assert bench("_regret").welch(a[:1] * 0 + 2, b)[0] == pytest.approx(2 - b.mean())


# ------------------------------------------------------------------------------ runs


def test_a_longer_run_of_a_sequential_method_serves_a_shorter_request(bench):
    _runs = bench("_runs")
    long = record([-1.0] * 50)
    own = record([-1.0] * 50, method="ours")
    runs = _runs.Runs([long, own])
    assert runs.find("kNN/iris/nll", "random", 0, 25) is long
    assert runs.find("kNN/iris/nll", "random", 0, 60) is None
    assert runs.find("kNN/iris/nll", "ours", 0, 25) is None
    assert runs.find("kNN/iris/nll", "ours", 0, 50) is own


def test_half_a_line_at_the_end_of_the_file_is_not_read(bench, tmp_path):
    import json

    path = tmp_path / "runs.jsonl"
    line = json.dumps(record([-1.0]))
    path.write_text(line + "\n" + line[:20])
    assert len(bench("_runs").read([path]).on("kNN/iris/nll")) == 1


# -------------------------------------------------------------------------- problems


def test_the_halves_split_the_quick_problems_by_model_and_data(bench):
    _problems = bench("_problems")
    assert len(_problems.ALL) == 90
    assert len(_problems.QUICK) == 56
    assert len(_problems.TUNE) == len(_problems.HELD_OUT) == 28
    pairs = [
        {name.rpartition("/")[0] for name in half}
        for half in (_problems.TUNE, _problems.HELD_OUT)
    ]
    assert not pairs[0] & pairs[1]


def test_every_problem_gets_settings_that_its_estimator_takes(bench):
    _problems = bench("_problems")
    rng = np.random.default_rng(0)
    for name in [*_problems.ALL, *_problems.EXTRA]:
        problem = _problems.Problem(name)
        for branch in problem.branches:
            params = branch.sample(rng)
            assert set(params) == {*branch.fixed, *branch.space}
            problem.estimator.set_params(**params)


@pytest.mark.slow
def test_a_drawn_problem_is_one_and_the_same_and_takes_its_settings(bench):
    _drawn = bench("_drawn")
    rng = np.random.default_rng(0)
    for name in [
        f"{kind}/{number}" for kind in ("drawn", "pipe") for number in range(30)
    ]:
        problem, again = _drawn.Drawn(name), _drawn.Drawn(name)
        np.testing.assert_array_equal(problem.data[0], again.data[0])
        assert len(problem.branches) == (3 if name.startswith("pipe") else 1)
        params = [branch.sample(rng) for branch in problem.branches]
        assert problem.evaluate(params[0]) == again.evaluate(params[0])
        for branch, values in zip(problem.branches, params, strict=True):
            assert set(values) == {*branch.fixed, *branch.space}
            problem.estimator.set_params(**values)


@pytest.mark.parametrize("name", ["drawn/3", "pipe/3"])
def test_searches_run_on_drawn_problems(bench, name):
    for method in ("ours", "ours-per-family", "random"):
        result = bench("bench_drawn").run(name, method, seed=1, n_iter=7)
        assert result["error"] is None
        assert result["seed"] == 1
        assert np.isfinite(result["scores"]).all()
        assert len(result["scores"]) == 7


# --------------------------------------------------------------------------- methods

NAMES = ("DT/wine/acc", "lasso/diabetes/mse", "noisy-DT/diabetes/mse", "pipe/wine/acc")


SPECS = ("random", "ours", "ours-per-family", "gp:n_points=3", "evolution")


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_scores_each_setting_that_it_tries(bench, monkeypatch, spec, name):
    monkeypatch.setattr(bench("_problems"), "N_REPEATS", 2)
    result = bench("_runs").run(name, spec, 0, 7)
    assert result["error"] is None
    assert len(result["scores"]) == 7
    assert ("judged" in result) == name.startswith("noisy")


def test_a_method_that_breaks_says_how(bench):
    result = bench("_runs").run("DT/wine/acc", "ours:optimizer=magic", 0, 3)
    assert "magic" in result["error"]


def test_constants_are_changed_for_a_while(bench):
    from skhpo.optimizers import _maximiser
    from skhpo.optimizers._gp import _model, _optimizer

    _methods = bench("_methods")
    full, warp = _maximiser.FULL, _model.WARP_FROM
    with _methods.patched({"WARP_FROM": 77, "FULL.n_cloud": 5}):
        assert _model.WARP_FROM == 77
        assert _maximiser.FULL.n_cloud == _optimizer.FULL.n_cloud == 5
        assert _maximiser.FULL.n_children == full.n_children
    assert _model.WARP_FROM == warp
    assert _maximiser.FULL is _optimizer.FULL is full


def test_a_constant_that_nobody_has_is_an_error(bench):
    import skhpo  # noqa: F401

    with pytest.raises(ValueError, match="NO_SUCH"):
        with bench("_methods").patched({"NO_SUCH": 1}):
            pass


def test_options_keep_commas_in_brackets_together(bench):
    _, options = bench("_methods").parse("ours:n_points=1,X=(1, 2),acquisition=ei")
    assert options == {"n_points": 1, "X": (1, 2), "acquisition": "ei"}


def test_what_is_not_installed_is_skipped_and_leaves_no_run(bench, monkeypatch, capsys):
    monkeypatch.setitem(bench("_methods").NEEDS, "tpe", ("no_such_module",))
    _runs = bench("_runs")
    wanted = [("DT/wine/acc", "tpe", 0, 3)]
    _runs.complete(_runs.Runs(), wanted, Path("/nonexistent/runs.jsonl"), 1)
    assert "tpe is skipped: no_such_module" in capsys.readouterr().err


# ------------------------------------------------------------------------- schedules


def found(**scores):
    """Return {task: {seed: {method: record}}} of lists of test scores by method."""
    n = max(map(len, scores.values()))
    by_seed = {
        seed: {m: {"test": t[seed]} for m, t in scores.items() if t[seed] is not None}
        for seed in range(n)
    }
    return {"a task": by_seed}


def test_differences_are_of_the_seeds_that_both_have(bench):
    results = found(pbt=[0.9, 0.8, None, 0.3], sha=[0.7, 0.8, 0.1, 0.1 + 0.2])
    pair = ("pbt", "test"), ("sha", "test")
    (d,) = bench("bench_pbt").by_task(results, *pair).values()
    assert d.tolist() == [0.2, 0.0, 0.0]  # .1 + .2 is a tie with .3


def test_a_summary_counts_wins_ties_and_losses(bench):
    from scipy.stats import wilcoxon

    bench_pbt = bench("bench_pbt")
    d = np.array([0.3, -0.1, 0.0, 0.2, 0.4, 0.5])
    n, mean, se, wins, ties, losses, p = bench_pbt.summary(d)
    assert (n, mean, wins, ties, losses) == (6, "+0.2167", 4, 1, 1)
    assert float(se) == pytest.approx(np.std(d, ddof=1) / np.sqrt(6), abs=1e-4)
    assert float(p) == pytest.approx(wilcoxon(d).pvalue, abs=1e-3)
    assert bench_pbt.p_value(np.zeros(9)) == 1.0


def test_where_it_does_not_pay_is_said(bench, capsys):
    lead = [0.01 * i for i in range(1, 9)]
    results = {
        **found(pbt=lead, sha=[0.0] * 8, random=lead),
        "another": found(pbt=[0.0] * 8, sha=lead, random=lead)["a task"],
    }
    bench("bench_pbt").report_where_it_does_not_pay(results, ["sha", "random"])
    said = capsys.readouterr().out
    assert "a task: not clearly better than random" in said
    assert "a task: not clearly better than sha" not in said
    assert "another: worse than sha" in said


def test_a_benchmark_of_schedules_goes_on_where_it_stopped(
    bench, monkeypatch, tmp_path
):
    bench_pbt = bench("bench_pbt")
    cache, done = tmp_path / "runs.jsonl", []

    def measure(task, method, seed, size):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append((task.name, method, seed))
        return {"test": 0.5, "cv": 0.5, "trained": 12, "seconds": 0.1}

    monkeypatch.setattr(bench("_schedules"), "measure", measure)
    options = ["bench_pbt", "--quick", "--seeds", "1", "--cache", str(cache)]
    monkeypatch.setattr(sys, "argv", [*options, "--tasks", "sgd digits"])
    args = bench_pbt.parse_arguments()
    with pytest.raises(KeyboardInterrupt):
        bench_pbt.complete(bench_pbt.read(cache), args)
    done.pop(), done.pop(), done.pop()
    bench_pbt.complete(bench_pbt.read(cache), args)
    assert [method for _, method, _ in done] == ["random", "sha", "bayes"]
    results = bench_pbt.results_of(bench_pbt.read(cache), args)
    assert len(results["sgd digits"][0]) == 6


@pytest.mark.slow
def test_every_method_trains_what_a_population_trains(bench):
    _schedules = bench("_schedules")
    size = _schedules.Size(rows=200, members=4, units=6)
    for method in _schedules.METHODS:
        record = _schedules.measure(_schedules.TASKS[0], method, 0, size)
        if method == "sha":  # whole candidates: it may fall short
            assert 0.7 * 24 <= record["trained"] <= 24
        else:
            assert record["trained"] == 24
        assert 0 <= record["test"] <= 1


def test_the_last_settings_are_worth_the_schedule_where_they_never_changed(bench):
    _schedules = bench("_schedules")
    task, size = _schedules.TASKS[0], _schedules.Size(200, 4, 6)
    data, held_out = task.parts(0, size.rows)
    search = _schedules.run_pbt(task, data, 0, size).search
    for step in search.best_schedule_:
        step["params"] = search.best_params_
    expected = search.replay(*data).score(*held_out)
    assert _schedules.judge_last(search, data, held_out) == expected


# ---------------------------------------------------------------- simulated populations


def test_the_quadratic_is_the_mean_of_gradient_descent_on_it(bench):
    learner = bench("bench_explore").Quadratic()
    learner.updates = 5
    params, rng = {"rate": 0.4, "beta": 0.3}, np.random.default_rng(0)
    h, x = learner.curvature, np.full((20_000, 20), np.sqrt(10.0))
    for _ in range(5):
        x -= params["rate"] * h * (x + np.sqrt(20) * rng.standard_normal(x.shape))
    expected = np.mean(x**2, axis=0)
    assert learner.train(learner.start(), params, 1) == pytest.approx(expected, rel=0.1)


def test_the_lowest_quarter_copies_the_highest(bench):
    scores = np.array([3.0, 0.0, 7.0, 1.0, 6.0, 5.0, 4.0, 2.0])
    pairs = bench("bench_explore").copies(scores, np.random.default_rng(0))
    assert [loser for loser, _ in pairs] == [1, 3]
    assert {winner for _, winner in pairs} <= {2, 4}


def test_a_simulated_population_learns_and_an_ablation_is_undone(bench):
    bench_explore = bench("bench_explore")
    before = bench_explore._pb2.within_steps
    with bench_explore.changed("pb2 raw"):
        assert bench_explore._pb2.within_steps is not before
    assert bench_explore._pb2.within_steps is before
    ((score, seconds),) = bench_explore.measure("drift", "pb2", 1, 8, 4)
    assert 0.1 < score < 1.0
    assert seconds > 0


# ----------------------------------------------------------------------------- rungs


def hyperband_record(method, test, *, task="sgd", seed=0, **more):
    size = dict(rows=500, units=9, sweeps=2)
    return dict(**size, task=task, seed=seed, method=method, test=test, **more)


def arguments(**more):
    from types import SimpleNamespace

    size = dict(rows=500, units=9, sweeps=2)
    chosen = dict(tasks=["sgd", "boosting"], seeds=range(2))
    return SimpleNamespace(**{**size, **chosen, **more})


def test_what_is_known_is_not_run_again_and_the_default_sets_the_clock(
    bench, monkeypatch, tmp_path
):
    bench_hyperband, _rungs = bench("bench_hyperband"), bench("_rungs")
    calls = []

    def measure(task, method, seed, n_rows, most, n_sweeps, seconds):
        calls.append((task.name, method, seed, seconds))
        return {"seconds": 7.0 + seed, "test": 0.5}

    monkeypatch.setattr(_rungs, "measure", measure)
    args = arguments(cache=tmp_path / "runs.jsonl", methods=["gp", "random"])
    args.seeds, args.tasks = range(1), ["sgd"]
    bench_hyperband.complete({}, args)
    args.seeds = range(2)
    runs = bench_hyperband.read(args.cache)
    bench_hyperband.complete(runs, args)
    assert calls == [
        ("sgd", "gp", 0, None),
        ("sgd", "random", 0, 7.0),
        ("sgd", "gp", 1, None),
        ("sgd", "random", 1, 8.0),
    ]
    assert bench_hyperband.read(args.cache).keys() == runs.keys()
    assert len(runs) == 4


def test_dask_is_skipped_with_a_word(bench, monkeypatch, capsys, tmp_path):
    bench_hyperband, _rungs = bench("bench_hyperband"), bench("_rungs")
    monkeypatch.setattr(_rungs.importlib.util, "find_spec", lambda name: None)
    args = arguments(cache=tmp_path / "runs.jsonl", methods=["dask"], seeds=range(1))
    bench_hyperband.complete({}, args)
    said = capsys.readouterr().err
    assert "sgd, seed 0: dask is skipped: dask-ml is not installed" in said
    monkeypatch.setattr(_rungs.importlib.util, "find_spec", lambda name: object())
    boosting = next(task for task in _rungs.TASKS if task.name == "boosting")
    assert _rungs.why_not("dask", boosting) == "it needs partial_fit"


def test_differences_are_paired_by_seed_and_task(bench):
    bench_hyperband = bench("bench_hyperband")
    records = [
        hyperband_record("hyperband", 0.9),
        hyperband_record("random", 0.8),
        hyperband_record("hyperband", 0.7, seed=1),  # alone
        hyperband_record("hyperband", 0.5, task="boosting"),
        hyperband_record("random", 0.9, task="boosting"),
    ]
    runs = {bench_hyperband.key_of(record): record for record in records}
    results = bench_hyperband.results_of(
        runs, arguments(methods=["hyperband", "random"])
    )
    pair = [("hyperband", "test"), ("random", "test")]
    found = [of for seeds in results.values() for of in seeds.values()]
    d = bench_hyperband.differences(pair, found)
    assert d == pytest.approx([0.1, -0.4])
    assert bench_hyperband.summary("ALL", d) == ["ALL", 2, "-0.1500", 1, 1, "-"]


def test_the_speed_up_is_to_the_final_score_of_random_search(bench):
    speed = bench("bench_hyperband").speed
    random = {"cv": 0.8, "seconds": 20.0, "history": [[3.0, 0.6], [12.0, 0.8]]}
    ours = {"history": [[2.0, 0.7], [4.0, 0.8], [6.0, 0.9]]}
    assert speed(ours, random) == (3.0, 5.0)
    assert speed({"history": [[2.0, 0.7]]}, random) == (0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["hyperband", "random", "halving", "top-k"])
def test_a_method_finds_a_full_model_in_its_time(bench, method):
    _rungs = bench("_rungs")
    task = next(task for task in _rungs.TASKS if task.name == "sgd")
    record = _rungs.measure(task, method, 0, 200, 27, 1, 0.2)
    assert 0.4 < record["test"] <= 1.0
    assert record["history"][-1][1] == record["cv"]
    assert record["history"][-1][0] <= record["seconds"]
    if method == "hyperband":
        assert record["by_sweep"] == [[record["cv"], record["test"]]]


def test_known_settings_are_judged_anew(bench, tmp_path):
    bench_hyperband, _rungs = bench("bench_hyperband"), bench("_rungs")
    task = next(task for task in _rungs.TASKS if task.name == "mlp")
    found = {
        "mlpclassifier__learning_rate_init": 0.01,
        "mlpclassifier__alpha": 1e-4,
        "mlpclassifier__batch_size": 64,
        "mlpclassifier__max_iter": 2,
    }
    texts = {name: str(value) for name, value in found.items()}
    known = hyperband_record("random", 0.0, task="mlp", params=texts, cv=0.7)
    known = {**known, "units": 2, "by_sweep": []}
    runs = {bench_hyperband.key_of(known): known}
    args = arguments(cache=tmp_path / "runs.jsonl", methods=["random"], units=2)
    args.tasks, args.seeds = ["mlp"], range(1)
    bench_hyperband.judge_again(runs, args)
    (record,) = bench_hyperband.read(args.cache).values()
    assert _rungs.read_params(texts) == found
    scores = []
    (X, y), held_out = task.halves(0, 500)
    for seed in range(_rungs.N_JUDGED):
        found["mlpclassifier__random_state"] = seed
        scores.append(
            clone(task.estimator).set_params(**found).fit(X, y).score(*held_out)
        )
    assert record["test"] == pytest.approx(np.mean(scores))
    assert record["by_sweep"] == []


def test_ways_to_cut_rows_keep_what_they_promise(bench):
    bench_rungs = bench("bench_rungs")
    y = np.repeat([0, 1, 2, 3], [400, 300, 280, 20])
    splits = [(np.arange(0, 1000, 2), np.arange(1, 1000, 2))]
    for way, cut in bench_rungs.WAYS.items():
        ((train, test),) = cut(splits, y, np.random.default_rng(0))
        assert len(train) == 500 // 27
        assert set(train) <= set(splits[0][0])
        assert len(test) == (500 // 27 if way == "theirs" else 500)
        least = {"ours": 2, "one each": 1}.get(way, 0)
        assert min(np.bincount(y[train], minlength=4)) >= least


def test_overhead_is_what_is_left_when_units_sleep(bench):
    row = bench("bench_rungs").overhead_row(seconds=0.0005, most=9, n_repeats=1)
    _, units, fits, share, per_fit = row
    assert (units, fits) == (138, 44)
    assert float(share.removesuffix(" %")) == pytest.approx(
        100 * per_fit * fits / (units * 0.5), rel=0.01
    )


# -------------------------------------------------------------------------- distinct


def test_repeats_cost_nothing_and_the_last_distinct_setting_ends_the_search(bench):
    _distinct = bench("_distinct")
    problem = _distinct.Distinct("DT/wine/acc", 2)
    first, second, third = (
        problem.branches[0].sample(np.random.default_rng(seed)) for seed in range(3)
    )
    again = {name: first[name] for name in reversed(first)}
    scores = [problem.evaluate(params) for params in (first, again, second, first)]
    assert scores[0] == scores[1] == scores[3]
    assert problem.scores == [scores[0], scores[2]]
    assert problem.n_asked == 4
    with pytest.raises(_distinct.Enough):
        problem.evaluate(third)


def test_a_method_that_only_repeats_itself_is_ended(bench, monkeypatch):
    _distinct = bench("_distinct")
    monkeypatch.setattr(_distinct, "MAX_REPEATS", 5)
    problem = _distinct.Distinct("DT/wine/acc", 2)
    params = problem.branches[0].sample(np.random.default_rng(0))
    with pytest.raises(_distinct.Enough):
        for _ in range(20):
            problem.evaluate(params)
    assert problem.n_asked == 6


def test_equal_settings_have_one_key_and_others_have_not(bench):
    key_of = bench("_distinct").key_of
    assert key_of({"a": 0.1 + 0.2, "b": None}) == key_of({"b": None, "a": 0.3})
    keys = {key_of({"a": value}) for value in (1, 1.5, True, "1", None, 1.5 + 1e-9)}
    assert len(keys) == 6


@pytest.mark.parametrize("algorithm", ["de", "ga", "regularized", "cmaes"])
def test_a_search_through_the_door_scores_what_the_problem_says(bench, algorithm):
    spec = f"evolution:algorithm={algorithm}"
    record = bench("_distinct").run("kernel-ridge/diabetes/r2", spec, 0, 12)
    assert record["error"] is None
    assert len(record["scores"]) == record["n_asked"] == 12


def test_random_search_is_the_same_through_the_stand_in(bench):
    name = "kernel-ridge/diabetes/r2"
    direct = bench("_runs").run(name, "random", 1, 6)
    distinct = bench("_distinct").run(name, "random", 1, 6)
    assert distinct["scores"] == direct["scores"]


def test_zero_is_the_mean_best_of_ten_random_ones_and_one_the_best_known(bench):
    evolution, _runs = bench("bench_evolution"), bench("_runs")
    runs = _runs.Runs(
        [
            record([-3.0] + [-4.0] * 9 + [-1.0], seed=0),
            record([-5.0] * 10 + [-2.0], seed=1),
            record([None, -0.5, -9.0], method="ours"),
        ]
    )
    zero, one = evolution.scale(runs, "kNN/iris/nll")
    assert (zero, one) == (-4.0, -0.5)
    curve = evolution.best_curve(runs.find("kNN/iris/nll", "ours", 0, 3), 4)
    assert curve.tolist() == [-np.inf, -0.5, -0.5, -0.5]
    assert evolution.normalised(curve, zero, one).tolist() == [-1, 1, 1, 1]


def test_duels_are_fought_by_seed(bench):
    ours = {"p": {0: record([1.0]), 1: record([2.0]), 2: record([0.0]), 3: record([0])}}
    random = {"p": {0: record([0.5]), 1: record([2.0 + 1e-12]), 2: record([0.1])}}
    assert bench("bench_evolution").duels(ours, random, 1) == "1:1:1"


def test_generations_leave_workers_idle_and_asking_at_once_does_not(bench):
    idle = bench("bench_evolution").idle
    asynchronous, waves = (idle("de", 200, p, 0)[1] for p in (None, "generations"))
    assert asynchronous == pytest.approx(0)
    assert waves > 0.3


# -------------------------------------------------------------------------- optimism


def test_the_bias_is_the_mean_error_and_the_width_a_multiple(bench):
    _optimism = bench("bench_optimism")
    records = [
        dict(truth=0.5, bbc=0.6, bbc_interval=(0.4, 0.7), n_rows=100),
        dict(truth=0.8, bbc=0.6, bbc_interval=(0.5, 0.7), n_rows=100),
    ]
    row = _optimism.bias_row("x", records, "bbc")
    assert row[2:] == pytest.approx([2, -0.05, 0.15, np.sqrt((0.01 + 0.04) / 2)])
    row = _optimism.interval_row("x", records, "bbc")
    pooled = 2 * 1.96 * np.sqrt(0.6 * 0.4 / 100)
    assert row[2:] == pytest.approx([2, 0.5, 0.25, 0.25 / pooled])


@pytest.mark.parametrize("method", ["random", "racing", "gp"])
def test_a_repetition_has_every_estimate(bench, method):
    record = bench("bench_optimism").run("noise", method, 0, 40, 6)
    assert record["truth"] == 0.5
    assert {"best", "bbc", "tt", "bbc_interval", "tt_interval"} < set(record)
    assert ("nested" in record) == (method == "random")


def test_optimism_is_measured_with_every_rule_of_racing(bench):
    _optimism = bench("bench_optimism")
    rules = [_optimism.racing_of(m) for m in ("gp", "racing", "gp-racing", "gp-paired")]
    assert rules == [None, "forgiving", "forgiving", "paired"]


def test_noise_has_as_many_rows_of_each_class(bench):
    _, y, _, _ = bench("bench_optimism").draw("noise", 3, 40)
    assert np.bincount(y).tolist() == [20, 20]


def test_the_least_squares_svm_solves_its_equations(bench):
    _optimism = bench("bench_optimism")
    X, y, X_fresh, y_fresh = _optimism.draw("signal", 0, 60)
    model = _optimism.LeastSquaresSVC(C=3.0, gamma=0.05).fit(X, y)
    residual = np.where(y == 1, 1, -1) - model.decision_function(X)
    np.testing.assert_allclose(residual, model.alpha_ / 3.0, atol=1e-9)
    assert len(X_fresh) == len(y_fresh) == _optimism.N_FRESH


def test_finished_repetitions_are_not_run_again(bench, tmp_path):
    _optimism = bench("bench_optimism")
    record = _optimism.run("noise", "racing", 0, 40, 6)
    path = tmp_path / "runs.jsonl"
    path.write_text(_optimism.json.dumps(record) + '\n{"half a li')
    known = _optimism.read(path)
    assert list(known) == [("noise", "racing", 0, 40, 6)]
    _optimism.complete(list(known), known, Path("/nonexistent/runs.jsonl"), 1)


# ------------------------------------------------------------------------------ work


def test_work_is_judged_by_logarithms_and_by_the_share_of_telling(bench):
    work = np.array([1e6, 1e7, 1e8])
    rows = np.column_stack([work, 3e-9 * work**1.0, 3e-11 * work, [1.0, 3.0, 2.0]])
    correlation, ratio, spread, telling, guess = bench("bench_work").summary(rows)
    assert correlation == pytest.approx(1.0)
    assert ratio == pytest.approx(3.0)
    assert 40.0 < spread < 100.0
    assert telling == pytest.approx(0.01)
    assert guess == pytest.approx(0.5)
    rows[0, 3] = np.nan
    assert np.isnan(bench("bench_work").summary(rows)[-1])


def test_the_best_score_at_a_time_is_that_of_what_was_done_by_then(bench):
    best_at = bench("bench_work").best_at
    points = np.array([[1.0, -2.0], [2.0, -1.0], [5.0, -0.5]])
    assert best_at(points, 4.9) == -1.0
    assert best_at(points, 5.0) == -0.5
    assert np.isnan(best_at(points, 0.5))


def test_every_family_whose_work_is_measured_tells_it(bench):
    families = bench("bench_work").families()
    assert {"RandomForest", "SVC", "MLP", "KNeighbors"} <= set(families)
    for _, estimator, space in families.values():
        space = Space(space)
        (point,) = space.sample(1, np.random.default_rng(0))
        clone(estimator).set_params(**space.to_params(point))
        assert tells_work(estimator)
