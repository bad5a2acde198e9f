"""
An optimizer of your own in 30 lines
====================================

**Question:** I have an idea how to search. How do I try it on real models, without
writing all that a search is made of?

``BayesSearchCV(optimizer=...)`` takes a class with two methods. ``ask`` says what to
try next, ``tell`` hears how good it was. Folds, workers, failures, the table and the
refit remain the search's business.
"""

import math
from statistics import mean

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV
from skhpo.plots import SearchComparisonDisplay

# %%
# The idea
# --------
#
# Simulated annealing: change the present setting a little; take the new one if it is
# better, and now and then if it is not; rarely so towards the end.
#
# ``space`` knows everything about the parameters. Settings are points of the unit cube,
# whatever stands behind them: ``space.sample`` draws some, ``space.perturb`` changes
# some. All that is drawn comes from ``rng``, so that ``random_state`` decides.


class Annealing:
    """Simulated annealing: worse settings are accepted, ever more rarely."""

    def __init__(self, space, rng):
        self.space, self.rng = space, rng
        self.point, self.score = None, -math.inf
        self.temperature = 0.02  # in units of the score
        self.n_random = 8  # to begin with: a climb that starts in a desert ends there

    def ask(self, n):
        """Return up to ``n`` settings to try."""
        if self.n_random > 0 or self.point is None:
            return self.space.sample(n, self.rng)
        return self.space.perturb([self.point] * n, 0.1, self.rng)

    def tell(self, results):
        """Hear what became of some of them."""
        for result in results:
            if result.score > self.score - self.forgiven():
                self.point, self.score = result.proposal.point, result.score
            self.n_random -= 1

    def forgiven(self):
        """Return by how much a setting may be worse, by chance (nan is never good)."""
        if self.n_random > 0:
            return 0.0
        self.temperature *= 0.9
        return -self.temperature * math.log(self.rng.random())


# %%
# Does it work?
# -------------
#
# The same space, folds and numbers of candidates for the idea, for random search and
# for the built-in Gaussian process; three seeds each. With ``n_points=1`` each result
# is told before the next question.

X, y = load_digits(return_X_y=True)
space = {
    "svc__C": (1e-3, 1e3, "log-uniform"),
    "svc__gamma": (1e-6, 1e1, "log-uniform"),
}
searches = {}
for name, optimizer in {"annealing": Annealing, "random": "random", "gp": "gp"}.items():
    searches[name] = [
        BayesSearchCV(
            make_pipeline(StandardScaler(), SVC()),
            space,
            optimizer=optimizer,
            n_iter=30,
            n_points=1,
            cv=3,
            random_state=seed,
        ).fit(X[:300], y[:300])
        for seed in range(3)
    ]
    print(f"{name:10} {mean(s.best_score_ for s in searches[name]):.3f}")

# %%
# On this problem, in these three runs, it is no disgrace and no revolution.
# ``skhpo.testing.OptimizerContract`` has the tests that a built-in optimizer passes,
# for those who want more than a sketch.
#
# The picture
# -----------
#
# The best score so far: the median of three runs, and their quartiles.

display = SearchComparisonDisplay.from_searches(searches)
display.ax_.set_ylim(0.8, 1.0)
plt.show()
