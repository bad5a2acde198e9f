import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from skhpo.surrogates import fit_forest
from skhpo.surrogates._forest import target_codes

NAN = np.nan
MIXED = np.array([False, True, False])


def data(n=60, seed=0):
    """A number, a category of five, a number that is active in half of the points."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, 3))
    X[:, 1] = (rng.integers(5, size=n) + 0.5) / 5
    X[::2, 2] = NAN
    t = X[:, 0] + (X[:, 1] == 0.3) + np.where(np.isnan(X[:, 2]), -1.0, X[:, 2])
    return X, (t - t.mean()) / t.std()


def forest(X, t, is_categorical=MIXED, seed=0, **kwargs):
    return fit_forest(X, t, is_categorical, rng=np.random.default_rng(seed), **kwargs)


def by_hand(forest, x):
    """Mean and variance at one point, tree by tree, node by node."""
    means, variances = [], []
    for b, tree in enumerate(forest.trees):
        z = np.where(np.isnan(x), -1.0, x)
        for j, seen, codes in zip(
            forest.categories.columns, forest.categories.seen, tree.codes, strict=True
        ):
            here = np.flatnonzero(seen == z[j])
            z[j] = codes[here[0] if len(here) else -1]
        node, splits = 0, tree.splits
        while splits.children_left[node] >= 0:
            left = np.float32(z[splits.feature[node]]) <= splits.threshold[node]
            node = (splits.children_left if left else splits.children_right)[node]
        node += forest.offsets[b, 0]
        means.append(forest.mu[node])
        variances.append(forest.s2[node])
    return np.mean(means), max(np.var(means) + np.mean(variances), 1e-4)


def test_mean_and_variance_follow_the_law_of_total_variance():
    X, t = data()
    model = forest(X, t)
    at, _ = data(30, seed=1)
    mean, variance = model.predict(at)
    expected = [by_hand(model, x) for x in at]
    np.testing.assert_allclose(np.column_stack([mean, variance]), expected, rtol=1e-12)


def test_leaves_hold_the_targets_that_fell_into_them():
    X, t = data()
    X[:, 1] = NAN  # the same code for all: the samples can be told from the leaves
    model = forest(X, t)
    roots = model.offsets[:, 0]
    assert np.all(model.n[roots] == len(t))
    sampled = [t[np.random.default_rng(0).integers(60, size=60)]]
    assert model.mu[roots[0]] == pytest.approx(sampled[0].mean())
    assert model.s2[roots[0]] == pytest.approx(sampled[0].var())


def test_numbers_are_predicted_as_well_as_by_the_forest_of_scikit_learn():
    rng = np.random.default_rng(0)
    X, at = rng.random((150, 4)), rng.random((500, 4))

    def f(X):
        return np.sin(5 * X[:, 0]) + X[:, 1] * X[:, 2]

    model = forest(X, f(X), np.zeros(4, bool), n_trees=50)
    theirs = ExtraTreesRegressor(50, bootstrap=True, random_state=0).fit(X, f(X))
    errors = [
        np.sqrt(np.mean((prediction - f(at)) ** 2))
        for prediction in (model.predict(at)[0], theirs.predict(at))
    ]
    assert errors[0] == pytest.approx(errors[1], rel=0.1)
    assert errors[0] < 0.5 * f(at).std()


def test_trees_disagree_more_where_nothing_was_seen():
    rng = np.random.default_rng(0)
    X = rng.random((60, 2)) * [0.5, 1.0]
    model = forest(X, np.sin(9 * X[:, 0]), np.zeros(2, bool))
    _, seen = model.predict(X)
    _, unseen = model.predict(rng.random((60, 2)) * [0.0, 1.0] + [0.25, 0.0])
    assert seen.mean() < unseen.mean()


def test_a_good_category_among_many_is_found():
    rng = np.random.default_rng(0)
    X = (rng.integers(30, size=(90, 2)) + 0.5) / 30
    good = (X[:, 0] * 30).astype(int) % 2 == 0  # no order of the places tells
    model = forest(X, 2.0 * good - 1.0, np.array([True, True]))
    mean, _ = model.predict(X)
    assert np.all(np.where(good, mean, -mean) > 0.0)
    assert np.where(good, mean, -mean).mean() > 0.8


def test_a_category_that_nobody_saw_is_like_a_category_in_general_but_unsure():
    rng = np.random.default_rng(0)
    X = (rng.integers(6, size=(90, 1)) + 0.5) / 10
    t = np.array([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0])[(X[:, 0] * 10).astype(int)]
    model = forest(X, t, np.array([True]), n_trees=200)
    mean, variance = model.predict(np.array([[0.95], [0.05]]))
    assert abs(mean[0]) < 0.4
    assert mean[1] == pytest.approx(-2.0)
    assert variance[0] > 1.0 > 0.01 > variance[1]


def test_codes_are_shrunken_means_and_missing_ones_are_borrowed():
    index, t = np.array([0, 0, 2]), np.array([1.0, 2.0, -4.0])
    codes = target_codes(index, t, 4, np.random.default_rng(0))
    assert codes[0] == pytest.approx(1.0)  # (1 + 2 + 0) / 3
    assert codes[2] == pytest.approx(-2.0)
    assert set(codes[[1, 3, 4]]) <= {codes[0], codes[2]}


def test_inactive_columns_are_a_place_of_their_own():
    X, t = data(200)
    model = forest(X, t)
    active, inactive = X[1].copy(), X[1].copy()
    inactive[2] = NAN
    mean, _ = model.predict(np.array([active, inactive]))
    assert mean[0] > mean[1] + 0.5


def test_more_targets_join_their_leaves():
    X, t = data()
    model = forest(X, t)
    more, u = data(5, seed=1)
    grown = model.extend(more, u)
    assert len(grown.targets) == 65
    np.testing.assert_array_equal(model.targets, t)  # the old one is as it was
    x = more[:1]
    leaves = model._leaves(x)[:, 0]
    one = model.extend(x, u[:1])
    for leaf in leaves:
        n, mu, s2 = model.n[leaf], model.mu[leaf], model.s2[leaf]
        sums = n * mu + u[0], n * (s2 + mu**2) + u[0] ** 2
        mean = sums[0] / (n + 1)
        assert one.mu[leaf] == pytest.approx(mean)
        assert one.s2[leaf] == pytest.approx(sums[1] / (n + 1) - mean**2, abs=1e-12)


def test_what_is_believed_to_come_true_makes_sure():
    X, t = data()
    model = forest(X, t)
    x = data(2, seed=5)[0][:1]
    (mean,), (variance,) = model.predict(x)
    grown = model.extend(x)
    assert grown.targets[-1] == mean
    (after,), (surer,) = grown.predict(x)
    assert after == pytest.approx(mean, abs=0.3 * np.sqrt(variance))
    assert surer < variance or variance == 1e-4


def test_a_draw_is_one_of_the_trees():
    X, t = data()
    model = forest(X, t)
    function = model.draw(np.random.default_rng(0))
    leaves = model._leaves(X)
    distance = [np.abs(function(X) - model.mu[leaf]).max() for leaf in leaves]
    assert min(distance) < 1e-5
    assert np.sort(distance)[1] > 0.1


def test_one_target_is_enough_and_equal_ones_do_no_harm():
    mean, variance = forest(np.array([[0.3, 0.5, NAN]]), np.array([1.5])).predict(
        np.array([[0.9, 0.1, 0.2]])
    )
    assert (mean[0], variance[0]) == (1.5, 1e-4)
    X, t = data()
    mean, _ = forest(X, np.full(60, 0.25)).predict(X)
    np.testing.assert_allclose(mean, 0.25)


def test_equal_seeds_make_equal_forests():
    X, t = data()
    one, same, other = (forest(X, t, seed=seed).predict(X)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
