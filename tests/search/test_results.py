"""results_: the table of trials in plain types."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skhpo import BayesSearchCV, EvolutionarySearchCV, HyperbandSearchCV
from skhpo.search._results import plain_column, tidy

X, y = make_classification(90, 5, random_state=0)


def column(*values, name="p"):
    return plain_column(name, [{} if v is ... else {name: v} for v in values])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 2), pd.Series([1, 2], dtype=np.int64)),
        ((1, 2.5), pd.Series([1.0, 2.5])),
        ((1, ...), pd.Series([1.0, np.nan])),
        ((np.float32(0.5), 1), pd.Series([0.5, 1.0])),
        ((True, False), pd.Series([True, False])),
        ((True, ...), pd.Series([True, None], dtype=object)),
        (("a", ...), pd.Series(["a", None], dtype=object)),
        ((None, 3), pd.Series(["None", "3"], dtype=object)),
        ((True, 1), pd.Series(["True", "1"], dtype=object)),
        (((1, 2), "a"), pd.Series(["(1, 2)", "a"], dtype=object)),
        ((10**30, 1), pd.Series([1e30, 1.0])),
    ],
)
def test_values_are_numbers_truth_values_or_text(values, expected):
    pd.testing.assert_series_equal(column(*values), expected)


def test_an_estimator_is_text_on_one_line():
    (text,) = column(Pipeline([("a", StandardScaler()), ("b", SGDClassifier())]))
    assert text.startswith("Pipeline(") and "\n" not in text


def test_a_search_has_one_row_per_trial():
    search = BayesSearchCV(
        LogisticRegression(),
        {"C": (1e-3, 1e3, "log-uniform"), "class_weight": [None, "balanced"]},
        n_iter=6,
        cv=3,
        random_state=0,
    ).fit(X, y)
    table = search.results_
    assert table.columns.tolist() == [
        "number",
        "status",
        "score",
        "std",
        "rank",
        "fit_time",
        "param_C",
        "param_class_weight",
    ]
    assert (table["status"] == "complete").all()
    assert table["number"].tolist() == list(range(6))
    best = table.loc[table["rank"].idxmin()]
    assert best["number"] == search.best_index_
    assert best["score"] == search.best_score_
    assert best["param_C"] == search.best_params_["C"]
    assert set(table["param_class_weight"]) <= {"None", "balanced"}


def test_rungs_bring_their_resource():
    search = HyperbandSearchCV(
        SGDClassifier(random_state=0),
        {"alpha": (1e-6, 1e-1, "log-uniform")},
        max_resource=9,
        cv=2,
        random_state=0,
    ).fit(X, y)
    table = search.results_
    assert table["n_resources"].tolist() == list(search.cv_results_["n_resources"])
    assert "promoted" in set(table["status"]) or len(set(table["n_resources"])) == 1


def test_the_steering_metric_is_the_score_and_others_have_their_names():
    search = BayesSearchCV(
        LogisticRegression(),
        {"C": [0.1, 1.0, 10.0]},
        n_iter=3,
        cv=2,
        scoring=["accuracy", "roc_auc"],
        refit="roc_auc",
    ).fit(X, y)
    table, results = search.results_, search.cv_results_
    np.testing.assert_array_equal(table["score"], results["mean_test_roc_auc"])
    np.testing.assert_array_equal(
        table["score_accuracy"], results["mean_test_accuracy"]
    )


def test_a_raced_out_trial_has_the_estimate_that_ranks_it():
    results = {
        "params": [{"C": 1}, {"C": 2}],
        "mean_test_score": np.array([0.5, 0.9]),
        "mean_test_score_partial": np.array([0.5, 0.4]),
        "std_test_score": np.zeros(2),
        "rank_test_score": np.array([1, 2]),
        "mean_fit_time": np.ones(2),
        "status": np.array(["complete", "raced_out"], dtype=object),
    }
    table = tidy(results)
    assert table["score"].tolist() == [0.5, 0.4]
    assert "score_score_partial" not in table


def test_before_fit_there_is_no_table():
    search = BayesSearchCV(LogisticRegression(), {"C": [1, 2]})
    assert not hasattr(search, "results_")
    with pytest.raises(AttributeError, match="not fitted yet"):
        search.results_  # noqa: B018


def test_where_a_trial_stands_in_a_search_is_in_the_table():
    evolution = EvolutionarySearchCV(
        LogisticRegression(),
        {"C": (0.01, 10.0, "log-uniform")},
        n_iter=12,
        population_size=4,
        cv=2,
        random_state=0,
    ).fit(X, y)
    table, results = evolution.results_, evolution.cv_results_
    for name in ("generation", "parents", "operator", "origin"):
        assert table[name].tolist() == results[name].tolist()
    assert table["generation"].max() > 0
    assert table["origin"][0] == "default"
    names = list(table.columns)
    assert names.index("rank") < names.index("generation") < names.index("param_C")
    assert not {"params", "error", "split0_test_score"} & set(names)
