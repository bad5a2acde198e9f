"""Which parameters to tune first, in words.

Notation
--------
======== ====== ========================================================================
symbol   shape  meaning
======== ====== ========================================================================
f                posterior mean of the surrogate, as a score
x_0              the estimator's own parameters, as a point of the space
x*               the best setting that was evaluated
x_k              x_(k-1) with one more parameter as in x*: the one that raises f most
======== ====== ========================================================================

    gain_k = f(x_k) - f(x_(k-1)),  and sum_k gain_k = f(x*) - f(x_0)                 (1)

the ablation path of Fawcett and Hoos [1]_, on the surrogate instead of real runs. The
order in which the gains come is greedy: of two parameters that help only together the
first one may show none.

References
----------
.. [1] Fawcett, Hoos (2016), Analysing differences between algorithm configurations
   through ablation, Journal of Heuristics 22.
"""

from collections.abc import Iterator

import numpy as np

from skhpo._words import Text
from skhpo.importance._evidence import LEAST_TO_DISMISS, NOT_SMALL, SMALL
from skhpo.importance._global import SearchImportance, examine, generator
from skhpo.importance._local import LocalImportance, local_of
from skhpo.importance._rows import Rows, read_rows
from skhpo.importance._sobol import Array, columns_by_name
from skhpo.importance._surrogate import fit_surrogate
from skhpo.space import default_params

_EDGE = 0.05  # of the range


def tune_first(search, *, metric=None, method="auto", random_state=0):
    """Say in words which parameters to tune first, and why.

    Parameters
    ----------
    search, metric, method, random_state
        As of :func:`search_importance`.

    Returns
    -------
    text : str
        A numbered list, the most important parameter first: its share of the variance,
        where it does best, with which others it acts together, and what it gained over
        the estimator's own value, if the space has that. Then what can be left alone,
        and what there is not enough evidence about: verdicts and figures are those of
        :func:`search_importance`. A notebook shows the lines.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.importance import tune_first
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(), {"n_neighbors": [1, 5, 20, 50, 100], "p": [1, 2]}
    ... ).fit(X, y)
    >>> print(tune_first(search, random_state=0))
    Tune first (10 settings, R2 of the surrogate ...):
    1. n_neighbors: ...
    Not enough evidence to leave alone: p (that takes ...).
    """
    rows, surrogate, whole = examine(
        search,
        metric=metric,
        method=method,
        region="all",
        interactions=True,
        n_boot=50,
        random_state=random_state,
    )
    if not whole.is_enough:
        return Text(_not_enough(whole))
    gains = _gains_on_the_way(search, rows, surrogate)
    return Text("\n".join(_lines(whole, local_of(rows, surrogate), gains, rows)))


def _not_enough(whole: SearchImportance) -> str:
    reason = whole.doubt
    if reason.startswith("R2"):
        reason = f"the surrogate explains too little of the scores ({reason})"
    return (
        f"Not enough evidence to say what to tune first: {reason}. Try more settings, "
        "or folds that make the scores less noisy."
    )


def _lines(
    whole: SearchImportance, local: LocalImportance, gains: dict, rows: Rows
) -> Iterator[str]:
    yield (
        f"Tune first ({whole.n_used} settings, R2 of the surrogate "
        f"{whole.surrogate_score:.2f}):"
    )
    table = whole.importances
    important = table[table["verdict"] == "important"]
    for number, (name, row) in enumerate(important.iterrows(), 1):
        reasons = [
            *_share(row),
            *_best_value(name, local, rows),
            *_partners(name, whole.interactions),
            *_gain(name, gains),
        ]
        yield f"{number}. {name}: {'; '.join(reasons)}."
    rest = table.index[table["verdict"] == "unimportant"]
    if len(rest):
        yield f"Leave alone: {', '.join(rest)} (less than 5 % of the variance each)."
    rest = table.index[table["verdict"] == "unclear"]
    if len(rest):
        yield (
            f"Not enough evidence to leave alone: {', '.join(rest)} (that takes "
            f"{LEAST_TO_DISMISS} settings per parameter, and an interval of the share "
            f"below {NOT_SMALL:.0%})."
        )


def _share(row) -> Iterator[str]:
    yield f"{row.importance:.0%} of the variance [{row.low:.0%}, {row.high:.0%}]"
    if row.share_active < 1:
        yield f"active in {row.share_active:.0%} of the settings"


def _best_value(name: str, local: LocalImportance, rows: Rows) -> Iterator[str]:
    if name not in local.profiles:
        return
    value = local.importances["best_value"].to_dict()[name]
    value = value.item() if isinstance(value, np.generic) else value  # no np.int64(3)
    text = f"{value:.3g}" if isinstance(value, float) else repr(value)
    yield f"best near {text}{_edge(name, local, rows)}"


def _edge(name: str, local: LocalImportance, rows: Rows) -> str:
    """A hint where a number does best at the end of its range."""
    (j, *others) = columns_by_name(rows.space)[name]
    if others or rows.space.categorical[j]:
        return ""
    scores = local.profiles[name]["score"].to_numpy()
    place = scores.argmax() / max(len(scores) - 1, 1)
    at_the_end = not _EDGE < place < 1 - _EDGE and len(scores) > 2
    return ", the end of its range: try a wider one" if at_the_end else ""


def _partners(name: str, pairs) -> Iterator[str]:
    strong = pairs[pairs["low"] >= SMALL]
    found = [
        f"{row.second if row.first == name else row.first} ({row.share:.0%})"
        for row in strong.itertuples()
        if name in (row.first, row.second)
    ]
    if found:
        yield f"acts together with {', '.join(found)}: tune them jointly"


def _gain(name: str, gains: dict[str, float]) -> Iterator[str]:
    if gains.get(name, 0.0) > 0.0:
        yield f"expected gain over the default {gains[name]:+.2g}"


def ablation(search, *, metric=None, method="auto", random_state=0):
    """Tell what each parameter gains on the way from the default to the best: eq. (1).

    Parameters
    ----------
    search, metric, method, random_state
        As of :func:`search_importance`.

    Returns
    -------
    gains : dict of str -> float
        Expected gain of the score, in the order of the path. Empty where the space has
        no place for the estimator's own parameters, where default and best lie in
        different alternatives, or where there is no surrogate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skhpo.importance import ablation
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(
    ...     KNeighborsClassifier(n_neighbors=100),
    ...     {"n_neighbors": [1, 5, 20, 50, 100], "p": [1, 2]},
    ... ).fit(X, y)
    >>> gains = ablation(search, random_state=0)
    >>> max(gains, key=gains.get)
    'n_neighbors'
    """
    rows, rng = read_rows(search, metric), generator(random_state)
    surrogate = fit_surrogate(rows, method=method, region="all", n_boot=0, rng=rng)
    return _gains_on_the_way(search, rows, surrogate)


def _gains_on_the_way(search, rows: Rows, surrogate) -> dict[str, float]:
    start = default_params(rows.space, getattr(search, "estimator", None))
    if start is None or isinstance(surrogate, str):
        return {}
    x, best = start[0], rows.points[rows.best]
    if rows.space.branch_of(x) != rows.space.branch_of(best):
        return {}

    def score(points: Array) -> Array:
        return surrogate.transform.inverse(surrogate.predict(points)[0])

    return _path(x, best, rows, score)


def _path(x: Array, best: Array, rows: Rows, score) -> dict[str, float]:
    groups = {n: j for n, j in columns_by_name(rows.space).items()}
    left = [n for n, j in groups.items() if not _same(x[j], best[j])]
    U, now = np.where(np.isnan(x), best, x), float(score(x[None])[0])
    U = np.where(np.isnan(U), 0.5, U)
    gains = {}
    while left:
        tries = np.repeat(U[None], len(left), axis=0)
        for row, name in enumerate(left):
            tries[row, groups[name]] = np.where(
                np.isnan(best[groups[name]]), U[groups[name]], best[groups[name]]
            )
        scores = score(rows.space.snap(tries))
        k = int(scores.argmax())
        gains[left.pop(k)] = float(scores[k] - now)
        U, now = tries[k], float(scores[k])
    return gains


def _same(a: Array, b: Array) -> bool:
    return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))
