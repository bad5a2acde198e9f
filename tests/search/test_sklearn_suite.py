"""scikit-learn's ``model_selection/tests/test_search.py``, passed in both roles.

What is left out, and why, stands in ``EXCLUDED``; nothing else is.
"""

import sklearn

from .peer_suite import collect, load

EXCLUDED = {
    "test_array_api_search_cv_classifier": "array API",
    "test_custom_run_search": "a hand-written subclass of scikit-learn's BaseSearchCV "
    "must have every attribute of GridSearchCV; ours has more (n_points_, ...)",
    "test_search_with_2d_array": "expects the very settings that ParameterSampler "
    "draws for random_state=0",
}

if sklearn.__version__ < "1.7":
    EXCLUDED["test_random_search_bad_cv"] = "scikit-learn has reworded the message"

module = load("sklearn.model_selection.tests.test_search")
globals().update(collect(module, EXCLUDED))
