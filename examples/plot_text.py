"""
Texts: what should the vectorizer count?
========================================

**Question:** single words or pairs, or the letters of words; all of them or the common
ones; and how much penalty? In texts, what stands before the classifier matters as much
as the classifier.

The corpus comes with scikit-learn: paragraphs of its own docstrings. From which
subpackage does a paragraph come?
"""

import importlib
import inspect
import re
from collections import Counter

import matplotlib.pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline

from skhpo import BayesSearchCV
from skhpo.plots import ParallelCoordinatesDisplay

PACKAGES = ["cluster", "decomposition", "ensemble", "preprocessing", "svm"]


def paragraphs(package):
    """Yield the name of each class or function, and the paragraphs about it."""
    module = importlib.import_module(f"sklearn.{package}")
    for name in module.__all__:
        for paragraph in inspect.getdoc(getattr(module, name)).split("\n\n"):
            text = re.sub(r"\s+", " ", paragraph)
            if 80 < len(text) < 400 and ">>>" not in text:
                yield name, text


rows = [(p, name, text) for p in PACKAGES for name, text in paragraphs(p)]
times = Counter(text for _, _, text in rows)
rows = [row for row in rows if times[row[2]] == 1]  # without what is said everywhere
labels, names, texts = (list(column) for column in zip(*rows, strict=True))
print(f"{len(texts)} paragraphs about {len(set(names))} classes and functions")
print(f"{labels[0]}, {names[0]}: {texts[0][:60]}...")

# %%
# Paragraphs of one docstring know each other, so they stay together, on one side of
# each split (``plot_groups.py`` shows what happens otherwise).

splitter = StratifiedGroupKFold(4, shuffle=True, random_state=0)
train, test = next(splitter.split(texts, labels, names))


def at(rows, column):
    """Return the given rows of a list."""
    return [column[row] for row in rows]


# %%
# The search
# ----------
#
# A list is a set of choices, whatever stands in it: here pairs of numbers too, as the
# vectorizer wants them.

search = BayesSearchCV(
    Pipeline([("tfidf", TfidfVectorizer()), ("sgd", SGDClassifier(random_state=0))]),
    {
        "tfidf__analyzer": ["word", "char_wb"],
        "tfidf__ngram_range": [(1, 1), (1, 2), (2, 4)],
        "tfidf__min_df": (1, 10, "log-uniform"),
        "tfidf__sublinear_tf": [False, True],
        "sgd__alpha": (1e-6, 1e-2, "log-uniform"),
    },
    n_iter=25,
    cv=StratifiedGroupKFold(3),
    random_state=0,
)
search.fit(at(train, texts), at(train, labels), groups=at(train, names))
print(search.best_params_)
print(f"cross-validation {search.best_score_:.3f}")
print(f"other docstrings {search.score(at(test, texts), at(test, labels)):.3f}")

# %%
# The picture
# -----------
#
# Each line is a candidate; the best third is drawn in colour. Where the coloured lines
# meet, the choice matters; where they spread, it matters less. Here all the good ones
# count pieces of words (``"char_wb"``), two to four letters long.

assert search.best_params_["tfidf__analyzer"] == "char_wb"
assert search.best_params_["tfidf__ngram_range"] == (2, 4)


ParallelCoordinatesDisplay.from_search(search, top=0.3)
plt.show()
