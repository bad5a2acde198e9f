"""
Tomorrow must not be known
==========================

**Question:** which folds does a search for a forecast need?

A forecast is made from the past, and folds that are drawn at random give it the future
as well: yesterday and tomorrow are among the training rows of nearly every day that is
held out. So the score is too good, and it is the score that the search goes by.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.svm import SVR

from skhpo import BayesSearchCV

# %%
# Three years of the daily demand of a town: the week, the seasons, a trend, and a mood
# that lasts for weeks. The model knows the calendar only. The last three months are
# kept for the end.

rng = np.random.default_rng(0)
days = pd.date_range("2021-01-01", "2023-12-31", freq="D")
number = np.arange(len(days))
angle = 2 * np.pi * number / 365.25
weekday = number % 7
mood = np.zeros(len(days))  # of the weather, say: it lasts for weeks
for day in number[1:]:
    mood[day] = 0.95 * mood[day - 1] + 1.5 * rng.normal()
demand = (
    100
    + 0.02 * number
    + 15 * np.cos(angle)
    + np.array([0, 2, 3, 2, 0, -8, -12])[weekday]
    + mood
    + 2 * rng.normal(size=len(days))
)
y = pd.Series(demand, index=days)
X = pd.DataFrame(
    {
        "number": number / 365.25,
        "cos": np.cos(angle),
        "sin": np.sin(angle),
        **{f"weekday {k}": 1.0 * (weekday == k) for k in range(7)},
    },
    index=days,
)
past, future = slice(None, "2023-09-30"), slice("2023-10-01", None)

# %%
# Two searches
# ------------
#
# ``TimeSeriesSplit`` tests on rows that come after those of the training set: here on
# the last four quarters, one after the other, since a quarter is to be forecast. The
# rows carry their dates, so that the other search notices the shuffling, and warns.

space = {"C": (1e-1, 1e3, "log-uniform"), "gamma": (1e-4, 1e2, "log-uniform")}
settings = {"scoring": "neg_mean_absolute_error", "n_iter": 25, "random_state": 0}
model = SVR()
shuffled = BayesSearchCV(
    model, space, cv=KFold(4, shuffle=True, random_state=0), **settings
)
forward = BayesSearchCV(model, space, cv=TimeSeriesSplit(4, test_size=90), **settings)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    shuffled.fit(X[past], y[past])
print(f"{caught[0].category.__name__}: {caught[0].message}")

forward.fit(X[past], y[past])

# %%
# What they promise, and what comes of it
# ---------------------------------------
#
# Shuffled folds reward a model that fills the gap between yesterday and tomorrow: a
# large ``gamma``, which looks at the nearest days only and falls back to a mean when
# there is no tomorrow. It promises the smaller error and makes the larger one.

errors = {}
for name, search in {"shuffled": shuffled, "forward": forward}.items():
    promised, kept = -search.best_score_, -search.score(X[future], y[future])
    errors[name] = f"promised {promised:.1f}, kept {kept:.1f}"
    print(f"folds {name:9} {errors[name]:24} gamma {search.best_params_['gamma']:.4f}")

assert shuffled.best_score_ > forward.best_score_
assert shuffled.score(X[future], y[future]) < forward.score(X[future], y[future])

# %%
# The picture
# -----------

figure, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
ax.plot(y["2023-07-01":], color="0.3", label="Demand")
for name, search in {"shuffled": shuffled, "forward": forward}.items():
    forecast = pd.Series(search.predict(X[future]), X[future].index)
    ax.plot(forecast, label=f"Folds {name}: {errors[name]}")
ax.axvline(pd.Timestamp("2023-09-30"), color="0.6", linestyle=":")
ax.set(ylabel="Demand", title="The last three months: mean absolute error")
ax.legend(loc="upper left")
plt.show()
