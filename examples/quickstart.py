"""A first search: which support vector machine reads handwritten digits best?

The same pipeline, the same space and as many candidates for ``BayesSearchCV`` and for
scikit-learn's ``RandomizedSearchCV``; then one table of what came out.

    python examples/quickstart.py
"""

from importlib.util import find_spec
from statistics import mean
from time import perf_counter

from scipy.stats import loguniform, randint
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skhpo import BayesSearchCV

N_ITER = 30
SEEDS = (0, 1, 2)

pipeline = Pipeline([("scale", StandardScaler()), ("pca", PCA()), ("svc", SVC())])

# Distributions, as RandomizedSearchCV takes them, so that both search the same space.
# BayesSearchCV also takes (1e-2, 1e3, "log-uniform") and (5, 60).
space = {
    "pca__n_components": randint(5, 61),
    "pca__whiten": [False, True],
    "svc__C": loguniform(1e-2, 1e3),
    "svc__gamma": loguniform(1e-5, 1e1),
}


def main():
    X, y = load_digits(return_X_y=True)
    data = train_test_split(X, y, train_size=600, stratify=y, random_state=0)
    rows = []
    for seed in SEEDS:
        settings = {"n_iter": N_ITER, "n_jobs": 2, "random_state": seed}
        bayes = BayesSearchCV(pipeline, space, **settings)
        random = RandomizedSearchCV(pipeline, space, **settings)
        if seed == SEEDS[0]:
            print(f"BayesSearchCV, {N_ITER} candidates on 5 folds:")
            show_progress(bayes)
        rows.append((seed, *measure(bayes, data), *measure(random, data)))
    print_table(rows)


def show_progress(search):
    """Let scikit-learn draw its bar where it can; print plain lines where it cannot."""
    if find_spec("sklearn.callback") and find_spec("rich"):
        from sklearn.callback import ProgressBar

        search.set_callbacks(ProgressBar())
    else:
        search.set_params(callbacks=[print_progress])


def print_progress(info):
    """Print each fifth candidate. A true return value would end the search."""
    if info.n_done % 5 == 0 or info.n_done == info.n_iter:
        print(
            f"  {info.n_done:3d} of {info.n_iter}   best score {info.best_score:.4f}"
            f"   {info.elapsed:5.1f} s",
            flush=True,
        )


def measure(search, data):
    """Return best cross-validation score, score on held-out data, and seconds."""
    X_train, X_test, y_train, y_test = data
    start = perf_counter()
    search.fit(X_train, y_train)
    return search.best_score_, search.score(X_test, y_test), perf_counter() - start


def print_table(rows):
    print(
        f"\n{N_ITER} candidates for both; BayesSearchCV spares those that will not win "
        "some folds:\n"
    )
    print("           BayesSearchCV              RandomizedSearchCV")
    print("  seed     CV      test    seconds    CV      test    seconds")
    means = ("mean", *(mean(column) for column in list(zip(*rows, strict=True))[1:]))
    for seed, *values in [*rows, means]:
        numbers = "{:.4f}  {:.4f}  {:7.1f}    {:.4f}  {:.4f}  {:7.1f}".format(*values)
        print(f"  {seed!s:4}     {numbers}")
    print("\nCV: best mean accuracy of 5 folds; test: accuracy on 1,197 other digits.")


if __name__ == "__main__":
    main()
