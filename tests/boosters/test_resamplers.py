"""Pipelines of imbalanced-learn: rows are resampled once, and the model goes on."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from skhpo import HyperbandSearchCV, PBTSearchCV
from skhpo.evaluation._resources import choose_resource
from tests.evaluation.growers import steps_to

over_sampling = pytest.importorskip("imblearn.over_sampling")
under_sampling = pytest.importorskip("imblearn.under_sampling")
make_pipeline = pytest.importorskip("imblearn.pipeline").make_pipeline
pytestmark = pytest.mark.boosters

X, y = make_classification(200, 5, weights=[0.85], flip_y=0.1, random_state=0)
SMOTE, Under = over_sampling.SMOTE, under_sampling.RandomUnderSampler


class Doubling(BaseEstimator):
    """A resampler that shows each row twice, shuffled, and counts its calls."""

    log = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit_resample(self, X, y):
        self.log.append(len(X))
        rows = np.random.default_rng(self.random_state).permutation(2 * len(X)) // 2
        return X[rows], y[rows]


class Quiet(SGDClassifier):
    """Linear, with probabilities."""

    __skhpo_resource__ = "epochs"

    def __init__(self, alpha=1e-3, random_state=None, class_weight=None):
        settings = dict(alpha=alpha, random_state=random_state)
        super().__init__(loss="log_loss", class_weight=class_weight, **settings)


PIPELINES = {
    "unseeded": make_pipeline(SMOTE(), Quiet()),
    "seeded": make_pipeline(SMOTE(random_state=3), Quiet(random_state=1)),
    "between": make_pipeline(StandardScaler(), Under(), StandardScaler(), Quiet()),
    "two": make_pipeline(SMOTE(sampling_strategy=0.5), Under(), Quiet()),
    "balanced": make_pipeline(Doubling(), Quiet(class_weight="balanced")),
    "forest": make_pipeline(SMOTE(), RandomForestClassifier(max_depth=3)),
    "booster": make_pipeline(
        Under(), HistGradientBoostingClassifier(min_samples_leaf=5, max_features=0.5)
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_steps_give_the_model_that_one_step_gives(name):
    pipeline = PIPELINES[name]
    chosen, classes = choose_resource("auto", pipeline), np.unique(y)
    assert chosen.continued
    stepped = steps_to(chosen, pipeline, X, y, [3, 9, 27], classes=classes)
    at_once = steps_to(chosen, pipeline, X, y, [27], classes=classes)
    for model in (stepped, at_once):
        assert len(model.X_head) == len(model.y_head) != len(X)
    np.testing.assert_array_equal(stepped.X_head, at_once.X_head)
    np.testing.assert_array_equal(
        stepped.estimator.predict_proba(X), at_once.estimator.predict_proba(X)
    )


def test_unseeded_resamplers_draw_for_each_candidate_and_fold():
    pipeline = make_pipeline(Under(), Quiet())
    chosen = choose_resource("auto", pipeline)
    drawn = [
        steps_to(chosen, pipeline, X, y, [1], classes=[0, 1], seeds=seeds).X_head
        for seeds in [(7, 1, 2), (7, 1, 2), (7, 1, 3), (7, 2, 2)]
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert not np.array_equal(drawn[0], drawn[3])


@pytest.mark.parametrize("memory", [False, True])
def test_with_int_seeds_it_is_a_plain_fit(memory, tmp_path):
    forest = RandomForestClassifier(9, max_depth=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), SMOTE(random_state=0), forest)
    if memory:
        pipeline.set_params(memory=str(tmp_path))
    chosen = choose_resource("auto", pipeline)
    model = steps_to(chosen, pipeline, X, y, [1, 3, 9]).estimator
    plain = clone(pipeline).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_weights_of_rows_are_refused_and_the_reason_is_said():
    pipeline = make_pipeline(Doubling(), Quiet())
    weights = {"quiet__sample_weight": np.ones(len(X))}
    chosen = choose_resource("auto", pipeline, fit_params=weights)
    with pytest.raises(ValueError, match=r"^sample_weight has an entry.*resampler"):
        steps_to(chosen, pipeline, X, y, [1], classes=[0, 1], **weights)


# ---- searches

N_TEST = len(X) // 2


def whole_fold(estimator, X, y):
    """Score by log-loss, which differs wherever models do, on all rows of the fold."""
    assert len(X) == N_TEST
    p = np.clip(estimator.predict_proba(X)[np.arange(len(y)), y], 1e-9, 1)
    return float(np.mean(np.log(p)))


def hyperband(pipeline, space, **settings):
    given = dict(cv=2, random_state=0, scoring=whole_fold, error_score="raise")
    limits = dict(max_resource=9, n_candidates=9, strategy="sha")
    return HyperbandSearchCV(pipeline, space, **{**given, **limits, **settings})


def pbt(pipeline, space, **settings):
    given = dict(cv=2, random_state=0, scoring=whole_fold, error_score="raise")
    limits = dict(population_size=4, n_steps=3, interval=2)
    return PBTSearchCV(pipeline, space, **{**given, **limits, **settings})


SPACE = {"quiet__alpha": (1e-5, 1e-1, "log-uniform")}


@pytest.mark.parametrize("search", [hyperband, pbt])
def test_results_depend_on_neither_workers_nor_kept_models(search):
    pipeline = make_pipeline(SMOTE(), Quiet())
    space = {**SPACE, "smote__k_neighbors": (1, 5)}
    first, *others = [
        search(pipeline, space, **settings).fit(X, y)
        for settings in ({}, {"n_jobs": 2}, {"keep_models": "none"})
    ]
    assert first.resource_info_["kind"] == "epochs"
    assert "by SMOTE" in first.resource_info_["why"]
    for other in others:
        np.testing.assert_array_equal(
            first.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"]
        )
        np.testing.assert_array_equal(first.predict_proba(X), other.predict_proba(X))


def test_resampling_runs_once_for_each_candidate_and_fold():
    Doubling.log.clear()
    search = hyperband(make_pipeline(Doubling(), Quiet()), SPACE).fit(X, y)
    candidates = set(search.cv_results_["candidate"])
    assert Doubling.log == [N_TEST] * 2 * len(candidates) + [len(X)]


def test_resamplers_may_be_searched():
    space = {"sampler": [SMOTE(), "passthrough", Under(), None], **SPACE}
    pipeline = make_pipeline("passthrough", Quiet())
    pipeline.steps[0] = ("sampler", "passthrough")
    search = hyperband(pipeline, space).fit(X, y)
    assert np.isfinite(search.best_score_)
    assert search.resource_info_["kind"] == "epochs"
