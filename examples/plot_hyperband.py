"""
Boosting: most candidates need not be trained to the end
========================================================

**Question:** full models take long. Can bad settings be told from a few rounds?

``HyperbandSearchCV`` trains many candidates for a few rounds, goes on with the best
third, and so on up to full models. Models go on where they stopped, fold by fold, so
nothing is trained twice.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from skhpo import HyperbandSearchCV
from skhpo.plots import RungDisplay

X, y = make_classification(3000, 20, n_informative=8, flip_y=0.05, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1500, random_state=0
)

# %%
# The plan
# --------
#
# The number of rounds is not searched: it is what the search spends. It is found by
# itself (``resource_info_`` says what was found), and 81 rounds are a full model.
# ``plan`` tells what a search will cost before anything is fitted.

search = HyperbandSearchCV(
    HistGradientBoostingClassifier(max_iter=81, random_state=0),
    {
        "learning_rate": (0.01, 1.0, "log-uniform"),
        "max_leaf_nodes": (3, 63, "log-uniform"),
        "min_samples_leaf": (2, 100, "log-uniform"),
        "l2_regularization": (1e-3, 1e2, "log-uniform"),
        "max_features": (0.2, 1.0),
    },
    cv=3,
    random_state=0,
)
plan = search.plan(X_train, y_train)
print(plan[["bracket", "rung", "n_candidates", "n_resources", "units"]])

n_candidates = plan.loc[plan["rung"] == 0, "n_candidates"].sum()
full_models = plan["units"].sum() / (81 * 3)  # units are rounds, here of three folds
print(f"{n_candidates} candidates for the rounds of {full_models:.0f} full models")

# %%
# The search
# ----------

search.fit(X_train, y_train)

print(search.best_params_)
print(f"cross-validation {search.best_score_:.3f}")
print(f"test             {search.score(X_test, y_test):.3f}")

# %%
# The picture
# -----------
#
# A line is a candidate, and it ends where the candidate was dropped. Lines that cross
# are candidates whose order changed: what is best after three rounds need not be best
# in the end. So Hyperband runs several brackets, each of which begins higher and drops
# less.
#
# ``rank_correlation_`` has a number for it: Kendall's tau between two rungs, over the
# candidates that reached both; 1 is the same order, 0 is no relation. Where rungs as a
# whole are a poor judge, the search warns.

print(search.rank_correlation_.round(2))
RungDisplay.from_search(search)
plt.show()
