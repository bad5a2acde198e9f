"""
A learning rate that falls
==========================

**Question:** a learning rate that is good in the beginning is too large in the end.
When should it fall, and by how much?

``PBTSearchCV`` trains a population side by side. After each step the worst members take
over models and settings of the best, and go on with settings a little different. What
comes out is not one setting but a schedule.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skhpo import PBTSearchCV
from skhpo.plots import ScheduleDisplay

# %%
# Features that go together make gradient descent slow, unless its rate is large; noise
# makes a large rate stagger around the optimum for ever.

X, y = make_regression(
    6000, 40, n_informative=40, effective_rank=4, tail_strength=0.3, random_state=0
)
y = y / y.std() + 0.3 * np.random.default_rng(0).normal(size=len(y))
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=1500, random_state=0
)

# %%
# The search
# ----------
#
# With ``learning_rate="constant"`` the model has no schedule of its own. Eight members
# are trained for 40 epochs and compared after every fourth. A member that
# has copied another one halves or doubles its rate, or now and then draws a new one.

model = make_pipeline(
    StandardScaler(),
    SGDRegressor(
        learning_rate="constant", alpha=1e-6, max_iter=40, tol=None, random_state=0
    ),
)
search = PBTSearchCV(
    model,
    {"sgdregressor__eta0": (1e-4, 1e-1, "log-uniform")},
    population_size=8,
    n_steps=10,
    max_resource=40,
    perturb_factors=(0.5, 2.0),
    cv=3,
    random_state=0,
)
search.fit(X_train, y_train)

# %%
# The schedule
# ------------
#
# ``best_estimator_`` was trained along it, on all rows. Neither the rate of the first
# step nor that of the last does as well when it is kept for all epochs.

rates = [step["params"]["sgdregressor__eta0"] for step in search.best_schedule_]
print("rates:", *(f"{rate:.2g}" for rate in rates))


def score_with(rate):
    """Return the test score of a model that keeps one rate."""
    constant = clone(model).set_params(sgdregressor__eta0=rate)
    return constant.fit(X_train, y_train).score(X_test, y_test)


along = search.score(X_test, y_test)
first, last = score_with(rates[0]), score_with(rates[-1])
print(f"R2 on other rows: along the schedule {along:.4f}")
print(f"                  always the first   {first:.4f}")
print(f"                  always the last    {last:.4f}")

assert rates[-1] < rates[0] / 4
assert along > max(first, last)

# %%
# Is it worth it? A constant rate that lies well between the two comes close:

tried = {rate: score_with(rate) for rate in np.geomspace(1e-4, 1e-2, 7)}
best = max(tried, key=tried.get)
print(f"                  always {best:.2g}     {tried[best]:.4f}")

# %%
# So do not expect much of a schedule where one good constant exists; the population's
# merit is that nobody had to know it. (On real tasks we measured no gain over searches
# for constant settings at equal cost.)
#
# The picture
# -----------
#
# A line is a member; where it jumps, the member copied another one. The best one's line
# goes down, step by step.

_, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
ScheduleDisplay.from_search(search, ax=ax)
plt.show()
