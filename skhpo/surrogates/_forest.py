"""A forest of randomised trees: their mean, and how much they disagree.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
X        (n, d) points of the unit cube; nan = the column is inactive
t        (n,)   targets, higher is better
T        ()     number of trees
n_l      (L,)   targets in leaf l; L = nodes of all trees, one tree after the other
mu_l     (L,)   their mean
s2_l     (L,)   their variance
======== ====== ========================================================================

Each tree is an extremely randomised one [2]_ on a bootstrap sample. A point x lies in
one leaf per tree, and the law of total variance makes a belief of that [1]_:

    mean(x) = mean over trees of mu_l
    var(x)  = variance over trees of mu_l  +  mean over trees of s2_l

Random thresholds, since those of the usual trees all lie in the middle between two
observations: the forest would be a staircase whose steps all trees share.

Trees split ordered numbers. In each tree the categories of a column stand in the order
of their mean target in its own sample, which makes the best of all subsets a threshold
[3]_. A category that the sample lacks stands where one that it has stands, drawn at
random: its mean is that of a category in general, and the trees disagree about it. An
inactive number lies left of all others; an inactive category is a category.

References
----------
.. [1] Hutter, Xu, Hoos, Leyton-Brown (2014), Algorithm runtime prediction: methods and
   evaluation, arXiv:1211.0906.
.. [2] Geurts, Ernst, Wehenkel (2006), Extremely randomized trees, Machine Learning 63.
.. [3] Fisher (1958), On grouping for maximum homogeneity, Journal of the American
   Statistical Association 53.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skhpo.surrogates._kernels import Array

_INACTIVE = -1.0  # left of the unit interval
_MIN_VARIANCE = 1e-4  # targets have variance 1
_SHRINKAGE = 1.0  # targets of 0 that each category is taken to have had besides its own
_BREAKS_TIES = 1e-6


@dataclass(frozen=True, eq=False)
class Categories:
    """Which categories were seen, for each column that has any.

    Parameters
    ----------
    columns : (k,) array of int
        The categorical ones.
    seen : tuple of k arrays (c_j,)
        In ascending order.
    """

    columns: np.ndarray
    seen: tuple[Array, ...]

    def indices(self, X: Array) -> list[np.ndarray]:
        """For each column the (n,) places in ``seen``; c_j = never seen."""
        return [
            _places(seen, _without_nan(X[:, j]))
            for j, seen in zip(self.columns, self.seen, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class Tree:
    """One tree: splits numbers, once its codes replace the categories.

    Parameters
    ----------
    splits : sklearn.tree._tree.Tree
        What a fitted ``ExtraTreeRegressor`` keeps in ``tree_``.
    codes : list of k arrays (c_j + 1,)
        A number for each category; the last one for those never seen.
    """

    splits: object
    codes: list[Array]

    def leaves(self, numbers: np.ndarray, categories: Categories, indices) -> Array:
        """(m,) nodes. ``numbers`` is (m, d) float32 and written to."""
        for j, codes, index in zip(
            categories.columns, self.codes, indices, strict=True
        ):
            numbers[:, j] = codes[index]
        return self.splits.apply(numbers)


@dataclass(frozen=True, eq=False)
class Forest:
    """What is believed about a score, made by :func:`fit_forest`.

    Attributes
    ----------
    trees : tuple of Tree
        The grown trees.
    categories : Categories
        What is known about the unordered columns.
    offsets : ndarray of shape (n_trees, 1)
        Nodes before those of each tree.
    n, mu, s2 : ndarray of shape (n_nodes,)
        Number, mean and variance of the targets in each node.
    targets : ndarray of shape (n,)
        All that it was told or made to believe.

    Examples
    --------
    >>> import numpy as np
    >>> from skhpo.surrogates import fit_forest
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((50, 1))
    >>> forest = fit_forest(X, X[:, 0], np.array([False]), rng=rng)
    >>> mean, variance = forest.predict(np.array([[0.1], [0.9]]))
    >>> bool(mean[0] < mean[1]), bool((variance > 0).all())
    (True, True)
    """

    trees: tuple[Tree, ...]
    categories: Categories
    offsets: np.ndarray  # (T, 1) nodes before those of each tree
    n: Array
    mu: Array
    s2: Array
    targets: Array  # all that it was told or made to believe

    def predict(self, X: Array) -> tuple[Array, Array]:
        """(m,) means and variances at (m, d) points."""
        leaves = self._leaves(X)
        means = self.mu[leaves]
        variance = means.var(axis=0) + self.s2[leaves].mean(axis=0)
        return means.mean(axis=0), np.maximum(variance, _MIN_VARIANCE)

    def tree_means(self, X: Array) -> Array:
        """(T, m) what each tree says at (m, d) points."""
        return self.mu[self._leaves(X)]

    def extend(self, X: Array, t: Array | None = None) -> "Forest":
        """The forest after more targets: each joins its leaves, and no leaf is split.

        ``t=None``: what is believed about these points has come true.
        """
        t = self.predict(X)[0] if t is None else t
        n, mu, s2 = self.n.copy(), self.mu.copy(), self.s2.copy()
        for leaves, target in zip(self._leaves(X).T, t, strict=True):
            n_l, surprise = n[leaves], target - mu[leaves]
            s2[leaves] = (s2[leaves] + surprise**2 / (n_l + 1.0)) * n_l / (n_l + 1.0)
            mu[leaves] += surprise / (n_l + 1.0)
            n[leaves] += 1.0
        return replace(self, n=n, mu=mu, s2=s2, targets=np.append(self.targets, t))

    def draw(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        """A function that may be the true one: a tree. The forest breaks its ties."""
        b = rng.integers(len(self.trees))

        def function(X: Array) -> Array:
            means = self.mu[self._leaves(X)]
            return means[b] + _BREAKS_TIES * means.mean(axis=0)

        return function

    def _leaves(self, X: Array) -> np.ndarray:
        """(T, m) where the points lie."""
        numbers, indices = _numbers(X), self.categories.indices(X)
        leaves = [tree.leaves(numbers, self.categories, indices) for tree in self.trees]
        return np.array(leaves).reshape(len(self.trees), len(X)) + self.offsets


def fit_forest(
    X: Array,
    t: Array,
    is_categorical: np.ndarray,
    *,
    n_trees: int = 20,
    rng: np.random.Generator,
) -> Forest:
    """A forest that has seen targets t at points X.

    Parameters
    ----------
    X : (n, d) array
        Points of the unit cube; nan = inactive. n >= 1.
    t : (n,) array
        Standardised targets, all finite; higher is better.
    is_categorical : (d,) array of bool
        Which columns are unordered.
    n_trees : int, default=20
        More give smoother means, at proportional time.
    rng : numpy.random.Generator
        Draws samples, codes and thresholds.

    Returns
    -------
    forest : Forest
        Predicts means and variances.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.random((50, 2))
    >>> forest = fit_forest(X, X[:, 0] - 0.5, np.array([False, False]), rng=rng)
    >>> mean, variance = forest.predict(np.array([[0.1, 0.5], [0.9, 0.5]]))
    >>> bool(mean[0] < -0.2 and mean[1] > 0.2)
    True
    """
    columns = np.flatnonzero(is_categorical)
    seen = tuple(np.unique(_without_nan(X[:, j])) for j in columns)
    categories = Categories(columns, seen)
    numbers, indices = _numbers(X), categories.indices(X)
    trees = [
        _grow(numbers, t, categories, indices, rng.integers(len(t), size=len(t)), rng)
        for _ in range(n_trees)
    ]
    splits = [tree.splits for tree in trees]
    ends = np.cumsum([tree.node_count for tree in splits])
    return Forest(
        trees=tuple(trees),
        categories=categories,
        offsets=np.append(0, ends[:-1])[:, None],
        n=np.concatenate([tree.weighted_n_node_samples for tree in splits]),
        mu=np.concatenate([tree.value[:, 0, 0] for tree in splits]),
        s2=np.concatenate([tree.impurity for tree in splits]),
        targets=t,
    )


def _grow(numbers, t, categories: Categories, indices, rows, rng) -> Tree:
    """A tree on some of the rows."""
    codes = [
        target_codes(index[rows], t[rows], len(seen), rng)
        for index, seen in zip(indices, categories.seen, strict=True)
    ]
    for j, code, index in zip(categories.columns, codes, indices, strict=True):
        numbers[:, j] = code[index]
    from sklearn.tree import ExtraTreeRegressor  # it loads half of scikit-learn

    tree = ExtraTreeRegressor(random_state=int(rng.integers(2**31 - 1)))
    tree.fit(numbers[rows], t[rows], check_input=False)
    return Tree(tree.tree_, codes)


def target_codes(
    index: np.ndarray, t: Array, n_categories: int, rng: np.random.Generator
) -> Array:
    """(n_categories + 1,) shrunken mean targets; those without any take one of these.

    Parameters
    ----------
    index : (n,) array of int
        Category of each target.
    n_categories : int
        The last code is for a category that nobody saw.
    """
    counts = np.bincount(index, minlength=n_categories + 1)
    sums = np.bincount(index, t, minlength=n_categories + 1)
    codes = sums / (counts + _SHRINKAGE)
    is_missing = counts == 0
    codes[is_missing] = rng.choice(codes[~is_missing], is_missing.sum())
    return codes


def _numbers(X: Array) -> np.ndarray:
    """(m, d) as the trees want them; a copy."""
    return np.where(np.isnan(X), _INACTIVE, X).astype(np.float32)


def _without_nan(x: Array) -> Array:
    return np.where(np.isnan(x), _INACTIVE, x)


def _places(seen: Array, x: Array) -> np.ndarray:
    """(m,) indices of numbers in a sorted array; its length where they are not."""
    place = np.searchsorted(seen, x)
    is_seen = seen[np.minimum(place, len(seen) - 1)] == x
    return np.where(is_seen, place, len(seen))
