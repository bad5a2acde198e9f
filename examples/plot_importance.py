"""
Which parameters mattered?
==========================

**Question:** five parameters were searched. Which of them made the difference, and
which can be left alone the next time?
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV
from skhpo.importance import search_importance, tune_first
from skhpo.plots import ParamImportanceDisplay, ParamSliceDisplay

X, y = load_digits(return_X_y=True)
search = BayesSearchCV(
    make_pipeline(StandardScaler(), SVC()),
    {
        "svc__C": (1e-2, 1e3, "log-uniform"),
        "svc__gamma": (1e-5, 1e1, "log-uniform"),
        "svc__class_weight": [None, "balanced"],
        "svc__shrinking": [False, True],
        "svc__tol": (1e-5, 1e-1, "log-uniform"),
    },
    n_iter=60,
    cv=3,
    random_state=0,
)
search.fit(X[:400], y[:400])

# %%
# In words
# --------
#
# ``tune_first`` says what to do next. It works for ``GridSearchCV`` and
# ``RandomizedSearchCV`` too.

print(tune_first(search, random_state=0))

# %%
# In numbers
# ----------
#
# The importance of a parameter is the share of the variance of the score that would
# remain if all others were known. Shares may add up to more than 1, since what two
# parameters do together counts for both. The intervals come from bootstrap samples of
# the candidates.
#
# The first line after the title is the one to read first: it says how well a model of
# the scores predicts candidates that it has not seen. Where it does not, nothing is
# known, and the report says so.

importance = search_importance(search, random_state=0)
print(importance)

assert importance.is_enough
assert set(importance.importances.index[:2]) == {"svc__C", "svc__gamma"}

# %%
# The pictures
# ------------

ParamImportanceDisplay.from_importance(importance)

# %%
# What matters has a shape. A dot is a candidate, and the upper edge of the cloud tells
# how good it can be with this value: it falls to the right of ``svc__gamma`` and to the
# left of ``svc__C``, and is flat all along ``svc__tol``.

ParamSliceDisplay.from_search(search, params=["svc__gamma", "svc__C", "svc__tol"])
plt.show()
