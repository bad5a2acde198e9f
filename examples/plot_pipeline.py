"""
Replace GridSearchCV in a pipeline
==================================

**Question:** what has to change when ``BayesSearchCV`` takes the place of
``GridSearchCV``, and what is gained?

The handwritten digits go through a scaler and a principal component analysis to a
support vector machine. Four numbers are to be tuned. A grid has to be coarse, or it
explodes: three values of each are 81 candidates already.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV
from skhpo.plots import SearchComparisonDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=400, stratify=y, random_state=0
)
pipeline = Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("svc", SVC())])

# %%
# As it was
# ---------
#
# The pipeline and the names of the parameters are scikit-learn's, and will stay.

grid = GridSearchCV(
    pipeline,
    {
        "pca__n_components": [10, 20, 40],
        "pca__whiten": [False, True],
        "svc__C": [0.1, 1, 10, 100],
        "svc__gamma": [1e-4, 1e-3, 1e-2, 1e-1],
    },
    cv=3,
)
grid.fit(X_train, y_train)

# %%
# As it is now
# ------------
#
# Two things change: the name of the class, and lists of numbers that become ranges. A
# range of two whole numbers is searched in whole numbers; ``"log-uniform"`` says that
# 0.01 and 0.1 are as far apart as 10 and 100. What is a choice remains a list.

bayes = BayesSearchCV(
    pipeline,
    {
        "pca__n_components": (5, 40),
        "pca__whiten": [False, True],
        "svc__C": (1e-2, 1e3, "log-uniform"),
        "svc__gamma": (1e-5, 1e1, "log-uniform"),
    },
    n_iter=40,
    cv=3,
    random_state=0,
)
bayes.fit(X_train, y_train)

# %%
# Everything around the search goes on working: ``best_params_``, ``best_estimator_``,
# ``cv_results_``, ``predict``, ``score``.

for search in (grid, bayes):
    n_candidates = len(search.cv_results_["params"])
    print(
        f"{type(search).__name__:14} {n_candidates:3d} candidates"
        f"   cross-validation {search.best_score_:.3f}"
        f"   test {search.score(X_test, y_test):.3f}"
    )
print("Best of the grid:", grid.best_params_)
print("Best of Bayes:   ", bayes.best_params_)

# %%
# The picture
# -----------
#
# The grid looks at its candidates in the order of the lists, and learns nothing from
# them. The Gaussian process behind ``BayesSearchCV`` proposes where it expects the
# most, so that the curve is high early; with less than half of the candidates it ends
# no lower.

assert bayes.best_score_ >= grid.best_score_

display = SearchComparisonDisplay.from_searches({"grid": grid, "Bayes": bayes})
display.ax_.set_ylim(0.8, 1.0)
plt.show()
