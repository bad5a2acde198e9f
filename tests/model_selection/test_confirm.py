"""The leaders on new splits and seeds."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skhpo import BayesSearchCV
from skhpo.model_selection import confirm

X, y = make_classification(60, 5, flip_y=0.2, random_state=0)
KNN, SPACE = KNeighborsClassifier(), {"n_neighbors": [1, 3, 5, 9, 15]}


def grid(**arguments):
    return GridSearchCV(KNN, SPACE, **{"cv": 3, **arguments}).fit(X, y)


@pytest.mark.parametrize("make", [GridSearchCV, BayesSearchCV])
def test_leaders_are_scored_on_shuffled_folds_by_hand(make):
    search = make(KNN, SPACE, cv=3).fit(X, y)
    leaders = confirm(search, X, y, top=2, seeds=[4, 7])
    assert leaders.index[0] == search.best_index_
    assert list(leaders["params"])[0] == search.best_params_
    assert leaders["old_score"].iloc[0] == search.best_score_
    for row, (_, leader) in enumerate(leaders.iterrows()):
        means = [
            cross_val_score(
                KNN.set_params(**leader["params"]),
                X,
                y,
                cv=StratifiedKFold(3, shuffle=True, random_state=seed),
            ).mean()
            for seed in (4, 7)
        ]
        assert leader["new_score"] == pytest.approx(np.mean(means))
        assert leader["se"] == pytest.approx(abs(means[0] - means[1]) / 2)
        assert np.shape(leaders.attrs["scores"]) == (2, 2, 3)
        np.testing.assert_allclose(np.mean(leaders.attrs["scores"][row], axis=1), means)


def test_new_ranks_are_those_of_the_new_scores():
    leaders = confirm(grid(), X, y, top=5, seeds=3)
    assert (leaders["old_rank"].diff().dropna() >= 0).all()
    expected = leaders["new_score"].round(12).rank(ascending=False, method="min")
    assert (leaders["new_rank"] == expected).all()


def test_equal_settings_are_scored_once():
    search = GridSearchCV(KNN, [{"n_neighbors": [3]}, {"n_neighbors": [3, 5]}], cv=3)
    assert len(confirm(search.fit(X, y), X, y, seeds=2)) == 2


def test_the_estimators_seed_is_drawn_too():
    search = GridSearchCV(
        DecisionTreeClassifier(splitter="random", random_state=0),
        {"max_depth": [2, 4]},
        cv=KFold(3),
    ).fit(X, y)
    scores = np.array(confirm(search, X, y, top=1, seeds=4).attrs["scores"])
    assert len({tuple(each) for each in scores[0]}) > 1
    by_hand = cross_val_score(
        DecisionTreeClassifier(
            splitter="random", random_state=2, **search.best_params_
        ),
        X,
        y,
        cv=KFold(3),
    )
    np.testing.assert_allclose(scores[0, 1], by_hand)


@pytest.mark.parametrize(
    "cv", [KFold(3), TimeSeriesSplit(3), [(range(40), range(40, 60))]]
)
def test_where_nothing_can_be_drawn_the_user_is_told(cv):
    with pytest.raises(ValueError, match="every seed would give the same scores"):
        confirm(grid(cv=cv), X, y)
    assert len(confirm(grid(cv=cv), X, y, seeds=1)) == 3
    shuffled = KFold(3, shuffle=True)
    assert len(confirm(grid(cv=cv), X, y, cv=shuffled, seeds=2)) == 3


def test_times_are_not_shuffled():
    frame = pd.DataFrame(X, index=pd.date_range("2020", periods=60))
    search = GridSearchCV(KNN, SPACE, cv=3).fit(frame, y)
    with pytest.raises(ValueError, match="carry times.*TimeSeriesSplit"):
        confirm(search, frame, y)


def test_groups_stay_together_when_they_are_drawn_anew():
    groups = np.repeat(np.arange(12), 5)
    alike = np.repeat(np.random.default_rng(0).normal(size=12), 5)
    rows = np.column_stack([alike, X])
    target = np.repeat(np.arange(12) % 2, 5)  # known from the group, and from no rows
    search = GridSearchCV(KNN, {"n_neighbors": [1]}, cv=GroupKFold(4))
    search.fit(rows, target, groups=groups)
    scores = confirm(search, rows, target, seeds=4, params={"groups": groups})
    assert scores["new_score"].iloc[0] < 0.9


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_the_fits(routing):
    with sklearn.config_context(enable_metadata_routing=routing):
        model = LogisticRegression()
        if routing:
            model.set_fit_request(sample_weight=True)
        weight = np.where(y == 1, 100.0, 1.0)
        scorer = make_scorer(recall_score)
        if routing:
            scorer.set_score_request(sample_weight=False)
        search = GridSearchCV(model, {"C": [0.1, 1.0]}, scoring=scorer, cv=3)
        search.fit(X, y, sample_weight=weight)
        one = confirm(search, X, y, seeds=2, params={"sample_weight": weight})
        other = confirm(search, X, y, seeds=2, params={"sample_weight": 1 / weight})
    assert one["new_score"].iloc[0] > other["new_score"].iloc[0]


def test_several_metrics_are_confirmed_by_the_one_that_chose():
    search = grid(scoring=["accuracy", "roc_auc"], refit="roc_auc")
    leaders = confirm(search, X, y, top=1, seeds=2)
    expected = search.cv_results_["mean_test_roc_auc"][search.best_index_]
    assert leaders["old_score"].iloc[0] == expected


def test_splitters_that_draw_draw_anew():
    search = grid(cv=ShuffleSplit(2, test_size=0.3, random_state=0))
    scores = confirm(search, X, y, top=1, seeds=2).attrs["scores"]
    assert np.shape(scores) == (1, 2, 2)


def test_a_single_seed_has_no_standard_error():
    assert np.isnan(confirm(grid(), X, y, seeds=1)["se"]).all()


@pytest.mark.parametrize("top", [0, -1, 1.5])
def test_a_wrong_number_of_leaders_is_named(top):
    with pytest.raises(ValueError, match="top="):
        confirm(grid(), X, y, top=top)


def test_two_tables_of_leaders_can_be_put_together():
    leaders = confirm(grid(), X, y, top=2, seeds=2)
    others = confirm(grid(), X, y, top=2, seeds=[5, 6])
    assert len(pd.concat([leaders, others])) == 4
