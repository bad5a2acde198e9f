"""
Resume after a crash
====================

**Question:** the machine went down at candidate 14 of 40. Is it all lost?

With ``checkpoint=`` each fold is written down as soon as it is done. To resume is to
run the same program again: what is on file is read, the rest is computed, and the
result is that of a search that was never interrupted.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV, load_results
from skhpo.plots import SearchHistoryDisplay

X, y = load_breast_cancer(return_X_y=True)
path = Path(tempfile.mkdtemp()) / "search.jsonl"


def new_search(**settings):
    """Return the search, as each run of the program makes it."""
    return BayesSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {
            "svc__C": (1e-3, 1e3, "log-uniform"),
            "svc__gamma": (1e-6, 1e1, "log-uniform"),
        },
        n_iter=40,
        random_state=0,
        **settings,
    )


# %%
# The accident
# ------------
#
# A callback plays the power failure. A real one, or ``kill -9``, may come in the middle
# of a fold: then this fold is computed again.


def power_failure(progress):
    """End the program after 14 candidates."""
    if progress.n_done == 14:
        raise SystemExit("no more power")


try:
    new_search(checkpoint=path, callbacks=power_failure).fit(X, y)
except SystemExit as failure:
    print(f"The program ended: {failure}.")

# %%
# The file can be read at any time, also while a search is running.

so_far = load_results(path)
print(f"{len(so_far)} candidates on file, the best {so_far['score'].max():.4f}")

# %%
# The second run
# --------------

resumed = new_search(checkpoint=path)
resumed.fit(X, y)

# %%
# Had there been no accident, the result would be the same, to the last digit:

straight = new_search().fit(X, y)
assert resumed.best_params_ == straight.best_params_
np.testing.assert_array_equal(
    resumed.cv_results_["mean_test_score"], straight.cv_results_["mean_test_score"]
)
print(f"resumed  {resumed.best_score_:.4f}")
print(f"straight {straight.best_score_:.4f}")

# %%
# The picture
# -----------
#
# Left of the line is what was read, right of it what was computed in the second run.

display = SearchHistoryDisplay.from_search(resumed)
display.ax_.axvline(14.5, color="C3", linestyle="--", label="power failure")
display.ax_.set_ylim(0.94, 1.0)
display.ax_.legend(loc="upper right", ncols=2)
plt.show()
