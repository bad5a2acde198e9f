"""The loop, on a simulated evaluator: arrival in any order, one order of commits."""

from heapq import heappop, heappush

import numpy as np
import pytest

from skhpo._archive import Archive
from skhpo._loop import MAX_TIME, SPACE_EXHAUSTED, SearchLoop
from skhpo._types import FoldOutcome, Proposal
from skhpo.evaluation import RacingEvaluator, make_race
from skhpo.schedulers import Fifo
from skhpo.space import Space

SPACE = Space({"a": (0.0, 1.0)})


def single(scores):
    """There is one metric."""


class SimulatedEvaluator:
    """Workers on a simulated clock; a fold's seconds are a function of (trial, fold).

    ``busy`` is the time that workers spent on folds, ``now`` the clock.
    """

    def __init__(self, n_workers, n_splits, seconds):
        self.n_workers, self.n_splits, self.seconds = n_workers, n_splits, seconds
        self.now = self.busy = 0.0
        self.waiting, self.running = [], []

    @property
    def is_hungry(self):
        return len(self.waiting) + len(self.running) <= self.n_workers

    def submit(self, trial):
        self.waiting += [(trial, fold) for fold in range(self.n_splits)]
        self._feed()

    def keep_models(self, trials):
        """There are none."""

    def cancel(self, trial):
        self.waiting = [item for item in self.waiting if item[0] is not trial]

    def collect(self, timeout=None):
        self.now, number, fold, params = heappop(self.running)
        self._feed()
        score = -((params["a"] - 0.3) ** 2) + 0.01 * fold
        return [FoldOutcome(number, fold, score, None, 0.0, 0.0)]

    def _feed(self):
        while self.waiting and len(self.running) < self.n_workers:
            trial, fold = self.waiting.pop(0)
            seconds = self.seconds(trial.id, fold)
            self.busy += seconds
            heappush(self.running, (self.now + seconds, trial.id, fold, trial.params))


class Walk:
    """An optimizer whose proposals depend on all that it was told, and when."""

    step = 0.1

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.best, self.point, self.n_asked = -np.inf, 0.5, 0
        self.log = []

    def ask(self, n, *, pending=(), near=None, resource=None):
        self.log.append(("ask", n, len(pending)))
        proposals = []
        for _ in range(n):
            step = self.rng.normal(scale=self.step)
            point = np.array([np.clip(self.point + step, 0, 1)])
            proposals.append(Proposal(self.n_asked, point))
            self.n_asked += 1
        return proposals

    def tell(self, results):
        for result in results:
            self.log.append(("tell", result.proposal.id))
            if result.score > self.best:
                self.best, self.point = result.score, float(result.proposal.point[0])


def lognormal_seconds(seed, n=2000, n_splits=5, between=1.0, within=0.2):
    rng = np.random.default_rng(seed)
    times = np.exp(rng.normal(scale=between, size=(n, 1)))
    times = times * np.exp(rng.normal(scale=within, size=(n, n_splits)))
    return lambda trial, fold: times[trial, fold]


def search(n_iter=40, n_workers=2, n_points=3, n_splits=5, seed=0, **keywords):
    evaluator = SimulatedEvaluator(n_workers, n_splits, lognormal_seconds(seed))
    archive = Archive(n_splits, choose_metric=single)
    optimizer = keywords.pop("optimizer", None) or Walk()
    loop = SearchLoop(
        space=SPACE,
        optimizer=optimizer,
        scheduler=Fifo(n_iter),
        evaluator=evaluator,
        archive=archive,
        n_points=n_points,
        **keywords,
    )
    reason = loop.run()
    return archive, evaluator, optimizer, reason


def settings(archive):
    return [trial.params["a"] for trial in archive.finished]


@pytest.mark.parametrize("n_points", [1, 3, 7])
def test_the_table_depends_on_n_points_not_on_workers_or_durations(n_points):
    first = settings(search(n_points=n_points, n_workers=1)[0])
    assert len(first) == 40
    for n_workers in (2, 4, 16):
        for seed in (1, 2):
            archive, *_ = search(n_points=n_points, n_workers=n_workers, seed=seed)
            assert settings(archive) == first


def test_each_commit_is_followed_by_one_ask_per_freed_slot():
    *_, optimizer, _ = search(n_iter=6, n_points=3, n_workers=4)
    assert optimizer.log == [
        ("ask", 3, 0),
        ("tell", 0),
        ("ask", 1, 2),
        ("tell", 1),
        ("ask", 1, 2),
        ("tell", 2),
        ("ask", 1, 2),
        ("tell", 3),
        ("tell", 4),
        ("tell", 5),
    ]


def test_asynchronous_commits_on_arrival():
    *_, optimizer, _ = search(n_iter=30, n_workers=4, n_splits=1, asynchronous=True)
    told = [event[1] for event in optimizer.log if event[0] == "tell"]
    assert sorted(told) == list(range(30))
    assert told != sorted(told)


@pytest.mark.parametrize(
    "n_workers, n_splits, n_points, asynchronous, share",
    [
        (2, 5, 3, False, 0.98),
        (4, 5, 3, False, 0.90),
        (4, 5, 3, True, 0.98),
        (4, 1, 8, True, 0.97),
        (8, 5, 4, True, 0.97),
    ],
)
def test_workers_are_busy(n_workers, n_splits, n_points, asynchronous, share):
    _, evaluator, *_ = search(
        n_iter=400,
        n_workers=n_workers,
        n_splits=n_splits,
        n_points=n_points,
        asynchronous=asynchronous,
    )
    assert evaluator.busy / (n_workers * evaluator.now) >= share


class Repeating(Walk):
    """Proposes the same three points for ever."""

    points = (0.1, 0.2, 0.3)

    def ask(self, n, *, pending=(), near=None, resource=None):
        self.n_asked += n
        return [
            Proposal(i, np.array([self.points[i % 3]]))
            for i in range(self.n_asked - n, self.n_asked)
        ]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_equal_settings_are_fitted_once_and_shown_as_often_as_asked(asynchronous):
    archive, evaluator, *_ = search(
        n_iter=10, optimizer=Repeating(), asynchronous=asynchronous
    )
    assert len(archive.finished) == 10
    fitted = [t for t in archive.finished if t.twin is None]
    assert len(fitted) == 3
    for trial in archive.finished:
        first = fitted[trial.id % 3]
        assert trial.score == first.score


def test_an_optimizer_that_only_repeats_itself_ends_the_search():
    archive, *_, reason = search(n_iter=None, optimizer=Repeating())
    assert reason == SPACE_EXHAUSTED
    assert len(archive.finished) < 120


def test_a_listener_ends_the_search_and_what_is_in_flight_is_dropped():
    def stop(trial):
        return "enough" if trial.id == 4 else None

    archive, *_, reason = search(n_iter=40, n_workers=4, listeners=[stop])
    assert reason == "enough"
    assert [t.id for t in archive.finished] == [0, 1, 2, 3, 4]
    assert {t.status for t in archive.trials[5:]} == {"interrupted"}


def test_an_exception_keeps_what_was_evaluated():
    def fail(trial):
        if trial.id == 4:
            raise KeyboardInterrupt

    evaluator = SimulatedEvaluator(4, 1, lognormal_seconds(0))
    archive = Archive(1, choose_metric=single)
    loop = SearchLoop(
        space=SPACE,
        optimizer=Walk(),
        scheduler=Fifo(40),
        evaluator=evaluator,
        archive=archive,
        n_points=8,
        listeners=[fail],
    )
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    evaluated = [t for t in archive.trials if len(t.outcomes) == 1]
    assert len(evaluated) >= 5
    assert archive.finished == evaluated


def test_a_deadline_in_the_past_awaits_the_first_candidate():
    archive, *_, reason = search(n_iter=None, deadline=0.0)
    assert reason == MAX_TIME
    assert archive.trials[0].status == "complete"
    assert len(archive.closed) >= 1


def test_the_end_of_proposals_is_the_end_of_the_search():
    class Three(Walk):
        def ask(self, n, **context):
            return super().ask(min(n, 3 - self.n_asked), **context)

    archive, *_, reason = search(optimizer=Three())
    assert reason == SPACE_EXHAUSTED
    assert len(archive.finished) == 3


# ---- racing


class NoCallbacks:
    active = False


class SimulatedDispatcher:
    """Workers on a simulated clock, as :class:`SimulatedEvaluator` has them."""

    can_kill = is_asynchronous = False
    shares_memory = True
    limit = None

    def __init__(self, n_jobs, seconds):
        self.n_jobs, self.seconds = n_jobs, seconds
        self.now, self.running, self.n_fits = 0.0, [], 0

    def submit(self, call):
        number, params, (fold,), _ = call
        assert len(self.running) < self.n_jobs
        end = self.now + self.seconds(number, fold)
        heappush(self.running, (end, number, fold, params))
        self.n_fits += 1

    def get(self, timeout=None):
        self.now, number, fold, params = heappop(self.running)
        error = None if params["a"] < 0.9 else "no fit on the edge"
        score = None if error else fold_score(params["a"], fold)
        stage = "fit" if error else None
        return [FoldOutcome(number, fold, score, None, 1.0, 0.0, error, stage)]


def fold_score(a, fold):
    """A hill whose folds differ in difficulty, and a little in taste."""
    return 1 - (a - 0.3) ** 2 + 0.02 * fold + 0.01 * np.sin(50 * a * (fold + 1)) - 0.2


class Roam(Walk):
    """Proposes much that is hopeless."""

    step = 0.4


def close_call(c, b):
    """Drop what is below the incumbent on the folds done; comes and goes with it."""
    return c.mean() < b[: len(c)].mean()


def raced(racing="forgiving", n_workers=1, n_points=3, seed=0, n_splits=5, **keywords):
    """Run a race of simulated fits; ``stop_at`` ends it at a commit."""
    race = make_race(racing, n_splits, 1.2)
    archive = Archive(n_splits, choose_metric=single, race=race)
    dispatcher = SimulatedDispatcher(n_workers, lognormal_seconds(seed))
    loop = SearchLoop(
        space=SPACE,
        optimizer=keywords.pop("optimizer", None) or Roam(),
        scheduler=Fifo(keywords.pop("n_iter", 60)),
        evaluator=RacingEvaluator(
            archive.is_over, dispatcher, n_splits, n_points, NoCallbacks()
        ),
        archive=archive,
        n_points=n_points,
        **keywords,
    )
    loop.run()
    return archive, dispatcher, loop


def rows(archive):
    """Return what the table has of each trial."""
    return [
        (t.params["a"], t.status, len(t.outcomes), repr(t.estimate), repr(t.noise))
        for t in archive.finished
    ]


RULES = pytest.mark.parametrize("racing", ["exact", "forgiving", close_call])


@RULES
@pytest.mark.parametrize("n_points", [1, 3, 7])
def test_a_race_depends_on_n_points_not_on_workers_or_durations(racing, n_points):
    archive, dispatcher, _ = raced(racing, n_points=n_points)
    first = rows(archive)
    assert len(first) == 60
    assert {"complete", "raced_out", "failed"} == {row[1] for row in first}
    for n_workers in (2, 3, 4, 16):
        for seed in (1, 2):
            archive, dispatcher, _ = raced(racing, n_workers, n_points, seed)
            assert rows(archive) == first


@RULES
@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("n_points", [1, 3, 7])
def test_one_worker_fits_nothing_in_vain(racing, n_points, asynchronous):
    archive, dispatcher, _ = raced(racing, n_points=n_points, asynchronous=asynchronous)
    fitted = [t for t in archive.finished if t.twin is None]
    assert dispatcher.n_fits == sum(len(t.outcomes) for t in fitted)
    assert not any(t.ahead for t in archive.trials)


def test_folds_that_ran_ahead_are_not_in_the_row_but_in_its_cost():
    archive, dispatcher, _ = raced(n_workers=4)
    assert any(t.ahead for t in archive.finished)
    for trial in archive.finished:
        assert [o.fold for o in trial.outcomes] == list(range(len(trial.outcomes)))
        assert trial.cost == len(trial.outcomes) + len(trial.ahead)  # a second each


@pytest.mark.parametrize("n_workers, share", [(2, 0.8), (4, 0.5), (8, 0.3)])
def test_several_workers_fit_little_in_vain(n_workers, share):
    needed = raced(n_iter=300)[1].n_fits
    assert needed < 0.7 * 300 * 5
    assert needed / raced(n_iter=300, n_workers=n_workers)[1].n_fits > share


def test_a_race_ends_sooner_than_all_folds_of_all_candidates():
    for n_workers in (1, 2, 4):
        all_folds = raced(lambda c, b: False, n_workers, n_iter=200)[1].now
        assert raced("forgiving", n_workers, n_iter=200)[1].now < 0.8 * all_folds


@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_an_asynchronous_race_comes_to_its_end(n_workers):
    archive, *_ = raced(n_workers=n_workers, asynchronous=True)
    assert len(archive.finished) == 60
    best = max(archive.finished, key=lambda t: t.score if t.score > 0 else -1)
    assert best.status == "complete"


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("n_workers", [1, 4])
def test_a_twin_shares_the_fate_of_the_first(n_workers, asynchronous):
    class Downhill(Repeating):
        points = (0.4, 0.8, 0.9)

    archive, *_ = raced(
        n_iter=10,
        n_workers=n_workers,
        optimizer=Downhill(),
        asynchronous=asynchronous,
    )
    assert len(archive.finished) == 10
    for trial in archive.finished:
        first = archive.finished[trial.id % 3]
        assert trial.twin is (None if trial is first else first)
        assert trial.status == first.status
        assert (trial.estimate, trial.noise) == (first.estimate, first.noise)
    assert [t.status for t in archive.finished[:3]] == [
        "complete",
        "raced_out",
        "failed",
    ]


@pytest.mark.parametrize("n_workers", [1, 2, 4])
def test_a_rule_that_changes_its_mind_does_not_hang(n_workers):
    rng = np.random.default_rng(0)
    for asynchronous in (False, True):
        archive, *_ = raced(
            lambda c, b: rng.uniform() < 0.3,
            n_workers=n_workers,
            asynchronous=asynchronous,
        )
        assert len(archive.finished) == 60
        assert {len(t.outcomes) for t in archive.finished} > {1, 5}


def test_what_was_raced_out_is_kept_when_the_search_is_interrupted():
    def fail(trial):
        if len(archive_of_the_race) == 20:
            raise KeyboardInterrupt
        archive_of_the_race.append(trial)

    for n_workers in (1, 4):
        archive_of_the_race = []
        with pytest.raises(KeyboardInterrupt):
            raced(n_workers=n_workers, listeners=[fail])
        reference = rows(raced()[0])
        statuses = [trial.status for trial in archive_of_the_race]
        assert statuses == [row[1] for row in reference[:20]]


def test_the_optimizer_hears_an_estimate_of_what_was_raced_out():
    class Listener(Roam):
        def tell(self, results):
            super().tell(results)
            told.extend(results)

    told = []
    archive, *_ = raced(optimizer=Listener())
    noises = []
    for trial, result in zip(archive.closed, told, strict=True):
        all_folds = [fold_score(trial.params["a"], fold) for fold in range(5)]
        if trial.status == "complete":
            assert result.score == np.mean(all_folds)
            assert result.noise == 0.0
        elif trial.status == "raced_out":
            assert result.score == pytest.approx(np.mean(all_folds), abs=0.03)
            assert result.score < trial.rival.score
            noises.append(result.noise)
        else:
            assert np.isnan(result.score)
    assert len(noises) > 5
    assert 0 < min(noises) <= np.median(noises) < 0.06**2
