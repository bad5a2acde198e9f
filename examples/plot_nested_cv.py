"""
How much does ``best_score_`` flatter?
======================================

**Question:** the search says 0.71. May I write that into the report?

``best_score_`` is the best of many scores on the same folds, and part of what made it
the best is luck. Here the truth is known, because the data are made up: the search
gets 100 rows, and its winner is tried on 5,000 others.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV
from skhpo.model_selection import nested_cross_validate
from skhpo.plots import NestedCVDisplay

X, y = make_classification(
    5100, 25, n_informative=5, n_redundant=0, flip_y=0.3, random_state=3
)
X, X_fresh, y, y_fresh = train_test_split(
    X, y, train_size=100, stratify=y, random_state=0
)

# %%
# The search
# ----------
#
# ``store_predictions=True`` keeps what the candidates predicted for the rows that they
# had not seen, a few kilobytes here. They are needed for the second estimate below.

search = BayesSearchCV(
    make_pipeline(StandardScaler(), SVC()),
    {
        "svc__C": (1e-2, 1e3, "log-uniform"),
        "svc__gamma": (1e-4, 1e0, "log-uniform"),
        "svc__class_weight": [None, "balanced"],
    },
    n_iter=40,
    store_predictions=True,
    random_state=0,
)
search.fit(X, y)

# %%
# Three answers
# -------------
#
# 1. ``best_score_``, which costs nothing and flatters.
# 2. ``score_estimate_``, which costs no further fit: it repeats the choice among the
#    candidates on bootstrap samples of the rows.
# 3. Nested cross-validation, which costs five searches: each sees four fifths of the
#    rows, and its winner is scored on the last fifth.

nested = nested_cross_validate(search, X, y, random_state=0)

estimate = search.score_estimate_
truth = search.score(X_fresh, y_fresh)
low, high = nested.interval()
print(f"best_score_              {search.best_score_:.3f}")
print(f"score_estimate_          {estimate.score:.3f}")
print(f"nested cross-validation  {nested.score:.3f}   95 % [{low:.3f}, {high:.3f}]")
print(f"on 5,000 fresh rows      {truth:.3f}")

assert low < truth < high

# %%
# The interval is wide because there are 100 rows, and no method can do anything about
# that. One data set is an anecdote, besides: on average over many searches like this
# one ``best_score_`` was 0.04 too high, but now and then it is too low, as in the last
# of the outer folds below.
#
# The picture
# -----------
#
# A line for each outer fold: what the search believed of its winner, and what the
# winner did on rows that this search never saw.

display = NestedCVDisplay.from_result(nested, metric="accuracy")
display.ax_.axhline(truth, color="0.4", linestyle=":", label="5,000 fresh rows")
display.ax_.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()
