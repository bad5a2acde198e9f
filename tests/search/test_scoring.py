"""Where nothing can be scored: the search stops early, and says why."""

import warnings

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import log_loss, make_scorer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skhpo import (
    BayesSearchCV,
    EvolutionarySearchCV,
    HyperbandSearchCV,
    PBTSearchCV,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(123, 4))
y = np.r_[np.tile([0, 1], 60), [2, 2, 2]]  # class 2 is absent from two of five folds

LINEAR = SGDClassifier(
    loss="log_loss", learning_rate="constant", eta0=0.1, random_state=0
)
RATES = {"eta0": (1e-3, 1.0, "log-uniform")}
SEARCHES = {
    "bayes": (BayesSearchCV, dict(n_iter=40)),
    "evolution": (EvolutionarySearchCV, dict(n_iter=40)),
    "hyperband": (HyperbandSearchCV, dict(max_resource=9)),
    "pbt": (PBTSearchCV, dict(population_size=4, n_steps=3, interval=2)),
}
every_search = pytest.mark.parametrize("name", SEARCHES)


def make(name, estimator=LINEAR, space=RATES, **settings):
    cls, budget = SEARCHES[name]
    return cls(estimator, space, **{"random_state": 0, **budget, **settings})


def message_of(search, X=X, y=y):
    with pytest.raises(ValueError) as caught:
        search.fit(X, y)
    return str(caught.value)


# ---- a class that some folds lack


@every_search
def test_a_class_that_folds_lack_ends_the_search_and_is_named(name):
    search = make(name, scoring="neg_log_loss")
    text = message_of(search)
    assert "None of the 3 candidates could be scored on all 5 folds" in text
    absent = "Class '2' (3 rows) is absent from the test rows of splits "
    assert absent in text
    assert "Use fewer folds (cv=3 has each class in every fold)" in text
    assert text.count("Traceback") == 1
    assert search.stop_reason_ == "scoring_fails"
    assert len(search.cv_results_["params"]) == 3
    assert set(search.cv_results_["status"]) == {"failed"}
    assert not hasattr(search, "best_index_")


def test_what_the_message_proposes_works():
    text = message_of(make("bayes", scoring="neg_log_loss"))
    written = text.partition("all labels: ")[2].partition(". cv_results_")[0]
    names = dict(make_scorer=make_scorer, log_loss=log_loss, np=np, y=y)
    for settings in ({"scoring": eval(written, names)}, {"cv": 3}):
        given = {"scoring": "neg_log_loss", "n_iter": 4, **settings}
        assert make("bayes", **given).fit(X, y).best_score_ > -2


@pytest.mark.parametrize(
    "labels, cv, words",
    [
        (np.sort(y), KFold(3), "Use cv=StratifiedKFold(3), which has each class"),
        (np.r_[y[:-2], [0, 0]], 5, "Leave a class of one row out."),
    ],
)
def test_the_cure_suits_the_classes(labels, cv, words):
    assert words in message_of(make("bayes", scoring="neg_log_loss", cv=cv), y=labels)


@pytest.mark.parametrize("settings", [{"n_jobs": 2}, {"racing": "forgiving"}])
def test_it_stops_at_the_same_candidate_with_workers_and_races(settings):
    expected = make("bayes", scoring="neg_log_loss")
    search = make("bayes", scoring="neg_log_loss", **settings)
    message_of(expected)
    message_of(search)
    assert search.cv_results_["params"] == expected.cv_results_["params"]


def test_with_several_metrics_only_the_one_that_steers_matters():
    scoring = ["accuracy", "neg_log_loss"]
    search = make("bayes", scoring=scoring, refit="accuracy", n_iter=5).fit(X, y)
    assert len(search.cv_results_["params"]) == 5
    text = message_of(make("bayes", scoring=scoring, refit="neg_log_loss"))
    assert "None of the 3" in text and "make_scorer(log_loss" in text


def test_a_finished_checkpoint_raises_again_without_a_fit(tmp_path):
    calls = []

    def scorer(estimator, X, y):
        calls.append(len(X))
        return log_loss(y, estimator.predict_proba(X))

    settings = dict(scoring=scorer, checkpoint=tmp_path / "search")
    first = message_of(make("bayes", **settings))
    n_calls = len(calls)
    search = make("bayes", **settings)
    assert message_of(search) == first
    assert search.stop_reason_ == "scoring_fails"
    assert len(calls) == n_calls


# ---- other reasons


@pytest.mark.parametrize(
    "estimator, scoring, words",
    [
        (LogisticRegression(), "f1", "Target is multiclass"),
        (LinearSVC(), "neg_log_loss", "LinearSVC has none of"),
        (make_pipeline(LinearSVC()), "neg_log_loss", "has none of|has no attribute"),
        (Ridge(), "roc_auc", "Ridge has none of"),
        (Ridge(), lambda estimator, X, y: {}["missing"], "KeyError: 'missing'"),
    ],
)
def test_a_metric_that_suits_nothing_ends_the_search(estimator, scoring, words):
    name = next(n for n in estimator.get_params() if n.endswith(("C", "alpha")))
    search = make("bayes", estimator, {name: (0.1, 10.0)}, scoring=scoring, cv=3)
    with pytest.raises(ValueError, match=f"(?s)None of the 3 .*({words})") as caught:
        search.fit(X, y)
    assert "is absent" not in str(caught.value)
    assert search.stop_reason_ == "scoring_fails"


def fussy(estimator, X, y):
    """Score; refuse what diverged, as metrics refuse nan."""
    if estimator.alpha < 1.0:
        raise ValueError("Input contains NaN.")
    return estimator.alpha


def test_candidates_that_diverge_alike_end_nothing():
    bad = [{"alpha": value} for value in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    space = {"alpha": (0.01, 10.0)}
    search = make("bayes", Ridge(), space, scoring=fussy, n_iter=12, initial_params=bad)
    search.fit(X, y)
    assert len(search.cv_results_["params"]) == 12
    assert search.best_score_ > 1.0


def test_a_method_that_a_choice_brings_along_ends_nothing():
    losses = [{"loss": loss} for loss in ("hinge", "squared_hinge", "perceptron")]
    space = {"loss": ["hinge", "squared_hinge", "perceptron", "log_loss"]}
    settings = dict(scoring="neg_log_loss", cv=3, initial_params=losses, n_iter=4)
    search = make("bayes", LINEAR, space, **settings).fit(X, y)
    assert search.best_params_ == {"loss": "log_loss"}


def test_where_all_fail_without_such_a_sign_it_is_said_once_at_the_end():
    search = make("bayes", Ridge(), {"alpha": (0.01, 0.9)}, scoring=fussy, n_iter=8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    (text,) = [str(w.message) for w in caught if "Traceback" in str(w.message)]
    assert "None of the 8 candidates could be scored on all 5 folds. Use" in text
    assert "own setting" in text and "Input contains NaN." in text
    assert search.stop_reason_ == "n_iter"
    assert search.best_params_ == {"alpha": 0.9}  # nearest to its own 1.0


@pytest.mark.parametrize(
    "estimator", [GaussianMixture(), make_pipeline(StandardScaler(), GaussianMixture())]
)
def test_probabilities_of_components_are_no_probabilities_of_classes(estimator):
    name = next(n for n in estimator.get_params() if n.endswith("n_components"))
    search = make("bayes", estimator, {name: [1, 2, 3]}, scoring="roc_auc")
    words = "scoring='roc_auc' compares .* density estimator.* components, not classes"
    with pytest.raises(ValueError, match=words):
        search.fit(X, y == 1)
    assert not hasattr(search, "cv_results_")


# ---- scores that are no numbers


def nothing(estimator, X, y):
    return np.nan


FOREST = RandomForestClassifier(20, max_depth=3, random_state=0)
DEPTHS = {"max_depth": (1, 9)}


@pytest.mark.parametrize("name", ["bayes", "evolution", "hyperband"])
def test_of_scores_that_are_nan_the_own_setting_is_refitted_in_full(name):
    search = make(name, FOREST, DEPTHS, scoring=nothing, cv=2)
    search.set_params(**{"n_iter": 6} if name != "hyperband" else {})
    with pytest.warns(UserWarning, match="None of the .* could be scored"):
        search.fit(X, y)
    assert search.best_params_["max_depth"] == search.best_estimator_.max_depth == 3
    n_trees = 9 if name == "hyperband" else 20
    assert len(search.best_estimator_.estimators_) == n_trees
    if name == "hyperband":
        assert search.best_resource_ == search.best_params_["n_estimators"] == 9
    assert np.isnan(search.best_score_)


def test_a_population_without_scores_is_refitted_along_all_units():
    search = make("pbt", scoring=nothing, cv=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
    assert sum("could be scored" in str(w.message) for w in caught) == 1
    assert search.best_resource_ == 6
    assert [step["to"] for step in search.best_schedule_] == [6]
