"""
Which model at all?
===================

**Question:** a linear model, a support vector machine or a forest: which one, with
which parameters, when there is one budget for all of them?

A search for each would spend as much on the worst model as on the best. A list of dicts
is a list of alternatives that share one budget: each has parameters of its own, and the
search soon spends more on those that promise more.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=400, stratify=y, random_state=0
)

# %%
# The alternatives
# ----------------
#
# The model is a step of the pipeline, and steps are parameters like all others. The
# forest does not need the scaler, so its alternative leaves it out.

pipeline = Pipeline([("scale", StandardScaler()), ("model", SVC())])
space = [
    {
        "model": [LogisticRegression(max_iter=200)],
        "model__C": (1e-4, 1e2, "log-uniform"),
    },
    {
        "model": [SVC()],
        "model__C": (1e-2, 1e3, "log-uniform"),
        "model__gamma": (1e-5, 1e0, "log-uniform"),
    },
    {
        "scale": ["passthrough"],
        "model": [RandomForestClassifier(n_estimators=50, random_state=0)],
        "model__max_features": (0.05, 1.0),
        "model__min_samples_leaf": (1, 20, "log-uniform"),
    },
]
search = BayesSearchCV(pipeline, space, n_iter=40, cv=3, random_state=0)
search.fit(X_train, y_train)

# %%
# What became of the budget
# -------------------------

model = [type(params["model"]).__name__ for params in search.cv_results_["params"]]
table = search.results_.assign(model=model)
print(table.groupby("model")["score"].agg(["count", "max"]).sort_values("max").round(3))
print(search.best_params_)
print(f"test {search.score(X_test, y_test):.3f}")

# %%
# The picture
# -----------
#
# Candidates in the order in which they were tried. A model that falls behind is tried
# now and then, in case it was only set badly.

figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
for name, rows in table.groupby("model"):
    ax.plot(rows.index + 1, rows["score"], "o", label=f"{name} ({len(rows)})")
ax.set(xlabel="Candidates", ylabel="Mean test accuracy", ylim=(0.8, 1.0))
ax.legend(title="Model (candidates)", loc="lower right")
plt.show()
