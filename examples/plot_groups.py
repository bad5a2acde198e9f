"""
Several rows of one patient
===========================

**Question:** each patient was measured several times. What happens when a search does
not know that?

Rows of one patient look alike. If some of them lie in the training rows and others in
the held-out ones, a model that recognises patients is taken for one that recognises the
disease; and a search will find it, since this is what it is asked to do.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV

# %%
# 40 patients, 6 measurements each. Ten features describe the patient, whatever he has;
# two tell a little about the disease. The rows come in the order of the visits, not by
# patient. 200 more patients are kept for the end.


def measure(n_patients, rng):
    """Return features, disease and patient of six measurements of each patient."""
    patient = rng.permutation(np.repeat(np.arange(n_patients), 6))
    is_ill = rng.permutation(n_patients) % 2
    person = rng.normal(size=(n_patients, 10))
    signs = rng.normal(size=(n_patients, 2)) + 0.8 * is_ill[:, None]
    features = np.hstack([person, signs])[patient]
    return features + 0.3 * rng.normal(size=features.shape), is_ill[patient], patient


rng = np.random.default_rng(0)
X, y, patient = measure(40, rng)
X_new, y_new, _ = measure(200, rng)

# %%
# Two searches that differ in the splitter only. Whoever passes ``groups`` to a splitter
# that ignores them hears of it: the search warns.

space = {
    "svc__C": (1e-2, 1e3, "log-uniform"),
    "svc__gamma": (1e-4, 1e1, "log-uniform"),
}
model = make_pipeline(StandardScaler(), SVC())
by_row = BayesSearchCV(model, space, n_iter=25, cv=5, random_state=0)
by_patient = BayesSearchCV(model, space, n_iter=25, cv=GroupKFold(5), random_state=0)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    by_row.fit(X, y, groups=patient)
for one in caught:
    print(f"{one.category.__name__}: {one.message}")

by_patient.fit(X, y, groups=patient)

# %%
# What they promise, and what their winners do for patients whom nobody has seen:

for name, search in {"by row": by_row, "by patient": by_patient}.items():
    print(
        f"folds {name:10}   best score {search.best_score_:.2f}"
        f"   new patients {search.score(X_new, y_new):.2f}"
        f"   gamma {search.best_params_['svc__gamma']:.4f}"
    )

assert by_row.best_score_ - by_row.score(X_new, y_new) > 0.2
assert by_row.score(X_new, y_new) < by_patient.score(X_new, y_new)

# %%
# The picture
# -----------
#
# The damage is not only a number that is too high. Folds by row reward a large gamma,
# which draws a small circle around each patient; folds by patient do not.

figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
for name, search, marker in (("row", by_row, "o"), ("patient", by_patient, "s")):
    table = search.results_
    points = ax.plot(
        table["param_svc__gamma"], table["score"], marker, label=f"Folds by {name}"
    )
    ax.axhline(
        search.score(X_new, y_new),
        color=points[0].get_color(),
        linestyle="--",
        label="its winner, on new patients",
    )
ax.set(xscale="log", xlabel="svc__gamma", ylabel="Accuracy")
figure.legend(loc="outside upper center", ncols=2)
plt.show()
