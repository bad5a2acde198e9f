"""
Evolution: some hundred quick candidates
========================================

**Question:** a fit takes milliseconds, so that hundreds of candidates are affordable.
What searches well then, and costs next to nothing itself?

``EvolutionarySearchCV`` keeps a population of settings and makes new ones from the
differences between good ones. A suggestion takes a few milliseconds, however many came
before. Here it meets ``RandomizedSearchCV`` at an equal number of fits.
"""

from statistics import median

import matplotlib.pyplot as plt
import pandas as pd
from scipy.stats import loguniform, randint, uniform
from sklearn.datasets import load_diabetes
from sklearn.model_selection import RandomizedSearchCV
from sklearn.tree import DecisionTreeRegressor

from skhpo import EvolutionarySearchCV
from skhpo.plots import SearchComparisonDisplay

X, y = load_diabetes(return_X_y=True)

# %%
# Two searches of one space
# -------------------------
#
# Distributions as ``RandomizedSearchCV`` takes them are taken here too, so the space
# need not be written twice. One run of each would be luck; here are three.

space = {
    "criterion": ["squared_error", "absolute_error"],
    "max_depth": randint(2, 20),
    "min_samples_leaf": randint(1, 60),
    "min_samples_split": randint(2, 60),
    "max_features": uniform(0.1, 0.9),
    "ccp_alpha": loguniform(1e-2, 1e3),
}
tree = DecisionTreeRegressor(random_state=0)
evolution, random = [], []
for seed in range(3):
    settings = {"n_iter": 150, "cv": 3, "random_state": seed}
    evolution.append(EvolutionarySearchCV(tree, space, **settings).fit(X, y))
    random.append(RandomizedSearchCV(tree, space, **settings).fit(X, y))

for name, searches in {"evolution": evolution, "random": random}.items():
    print(f"{name:10}", *(f"{search.best_score_:.3f}" for search in searches))

assert median(s.best_score_ for s in evolution) > median(s.best_score_ for s in random)

# %%
# ``cv_results_`` has the family tree: in which generation a candidate was born, how,
# and of which rows.

family = pd.DataFrame(evolution[0].cv_results_)
family = family[["generation", "operator", "parents", "mean_test_score"]]
print(family.nlargest(3, "mean_test_score"))

# %%
# The picture
# -----------
#
# The best score so far: the median of the three runs, and their quartiles.

display = SearchComparisonDisplay.from_searches(
    {"evolution": evolution, "random": random}
)
display.ax_.set_ylim(0.25, 0.42)
plt.show()
