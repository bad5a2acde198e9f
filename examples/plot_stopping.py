"""
Stop when it no longer pays
===========================

**Question:** 80 candidates, or 800? Nobody knows how many are enough before the search
has begun. Can the search tell when it is done?

``n_iter`` is then only the limit, and ``stop=`` has the rule. Here the search is run to
the end once, to see what each rule would have missed.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV, ExpectedGainBelow, NoImprovement, TargetReached
from skhpo.plots import SearchHistoryDisplay

X, y = load_breast_cancer(return_X_y=True)
space = {
    "svc__C": (1e-3, 1e3, "log-uniform"),
    "svc__gamma": (1e-6, 1e1, "log-uniform"),
}
full = BayesSearchCV(
    make_pipeline(StandardScaler(), SVC()), space, n_iter=80, random_state=0
)
full.fit(X, y)

# %%
# Three rules
# -----------
#
# * ``TargetReached``: good enough. For those who know what they need.
# * ``NoImprovement``: nothing better in so many candidates. Simple, and blind to the
#   question whether something better is still to be expected.
# * ``ExpectedGainBelow``: a Gaussian process bounds what the best setting of the whole
#   space could still gain. By default the search ends when that is less than the
#   standard error of the score itself, beyond which tuning fits the folds.
#
# They combine: ``a | b`` stops when either does, ``a & b`` when both do. With the same
# ``random_state`` a search that stops early is the beginning of the full one.

rules = {
    "TargetReached(0.97)": TargetReached(0.97),
    "NoImprovement(20)": NoImprovement(20),
    "ExpectedGainBelow()": ExpectedGainBelow(),
}
stopped = {}
for name, rule in rules.items():
    search = BayesSearchCV(full.estimator, space, n_iter=80, stop=rule, random_state=0)
    stopped[name] = search.fit(X, y)
    n = len(search.results_)
    assert search.cv_results_["params"] == full.cv_results_["params"][:n]
    print(
        f"{name:20} {n:3d} candidates, best {search.best_score_:.4f}"
        f"   {search.stop_reason_}"
    )
print(
    f"{'to the end':20} {len(full.results_):3d} candidates, best {full.best_score_:.4f}"
)

# %%
# The picture
# -----------
#
# The band is one standard error of the best mean over its folds. ``TargetReached`` took
# the first candidate that was good enough, and gave away what came next; the other two
# missed nothing here.

assert full.best_score_ - stopped["ExpectedGainBelow()"].best_score_ < 0.005

display = SearchHistoryDisplay.from_search(full)
for number, (name, search) in enumerate(stopped.items()):
    n = len(search.results_)
    display.ax_.axvline(n, color=f"C{number + 3}", linestyle="--", label=name)
display.ax_.set_ylim(0.94, 1.005)
display.ax_.legend(loc="upper right", ncols=2)
plt.show()
