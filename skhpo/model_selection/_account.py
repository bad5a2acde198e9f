"""What a search did, as numbers: for its summary and its panel in notebooks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from skhpo._errors import without_stack
from skhpo._words import count

_REASONS = {
    "n_iter": "all n_iter candidates were tried",
    "space_exhausted": "every setting of the space was tried",
    "callback": "a callback ended it",
    "interrupted": "it was interrupted",
    "plan_completed": "the plan was completed",
    "population_failed": "the whole population failed",
}
_LONGEST_ERROR = 200
_N_ERRORS = 3


@dataclass(frozen=True)
class Best:
    """The row that was chosen.

    ``n_resources`` is how far it was trained, with the unit; None where all are.
    ``std`` is None where there is no spread to measure, as of a single fold.
    """

    row: int
    metric: str
    score: float
    std: float | None
    params: Mapping[str, Any]
    n_resources: str | None


def check_has_results(search):
    """Refuse a search that was not fitted; an interrupted one has its table."""
    if "cv_results_" not in vars(search):
        raise NotFittedError(
            f"This {type(search).__name__} is not fitted yet. Call fit first."
        )


class Account:
    """What became of the trials of a fitted search, ours or scikit-learn's.

    Also of one that was interrupted: it has a table and no model.
    """

    def __init__(self, search):
        check_has_results(search)
        self._search = search
        self._table = search.cv_results_
        self.name = type(search).__name__
        self.n_splits = search.n_splits_

    @cached_property
    def status(self) -> Counter:
        """Number of trials by what became of them."""
        return Counter(map(str, self._table.get("status", ["complete"] * self.n_rows)))

    @property
    def n_rows(self) -> int:
        return len(self._table["params"])

    @property
    def n_candidates(self) -> int:
        """Number of settings; in rungs less than there are rows."""
        return len(np.unique(self._table.get("candidate", np.arange(self.n_rows))))

    @property
    def has_rungs(self) -> bool:
        return "n_resources" in self._table

    @cached_property
    def _n_folds(self):
        """(n,) folds that were evaluated."""
        whole = np.full(self.n_rows, self.n_splits)
        return np.asarray(self._table.get("n_splits_evaluated", whole))

    @property
    def n_fits(self) -> int:
        return int(self._n_folds.sum())

    @property
    def fit_seconds(self) -> float:
        """Seconds of fits and scoring, of all workers together."""
        t = self._table
        return float(
            np.nansum((t["mean_fit_time"] + t["mean_score_time"]) * self._n_folds)
        )

    @property
    def seconds(self) -> float | None:
        """Seconds that the search took; None where it does not say."""
        return getattr(self._search, "search_time_", None)

    @property
    def reason(self) -> str | None:
        """Why it ended, in words."""
        reason = getattr(self._search, "stop_reason_", None)
        if reason == "max_time":
            return f"time was up (max_time={self._search.max_time!r} s)"
        return _REASONS.get(reason, reason)

    @cached_property
    def errors(self) -> list[tuple[str, int]]:
        """What went wrong, in one line each, and how often; the most frequent first."""
        lines = [without_stack(text) for text in self._table.get("error", ()) if text]
        shown = Counter(lines).most_common(_N_ERRORS)
        return [(_cut(line, _LONGEST_ERROR), n) for line, n in shown]

    @property
    def lacks_model(self) -> bool:
        """Whether a model was wanted that is not there."""
        s = self._search
        return bool(s.refit) and not hasattr(s, "best_estimator_")

    def best(self, metric: str | None) -> Best | None:
        """Return the chosen row; ``metric`` names the score that chose it, if one did.

        None where no row was chosen.
        """
        if not hasattr(self._search, "best_index_"):
            return None
        row = int(self._search.best_index_)

        def number(kind):
            column = self._table.get(f"{kind}_test_{metric}")
            return np.nan if column is None else float(column[row])

        std = number("std")
        if std == 0 and np.ptp(self._fold_scores(row, metric)) > 0:
            std = np.nan  # the squares of tiny differences are no floats
        return Best(
            row=row,
            metric=metric,
            score=number("mean"),
            std=std if self.n_splits > 1 and np.isfinite(std) else None,
            params=self._search.best_params_,
            n_resources=self._resources_of(row),
        )

    def _fold_scores(self, row, metric):
        names = (f"split{fold}_test_{metric}" for fold in range(self.n_splits))
        return np.array([self._table[name][row] for name in names], dtype=float)

    def _resources_of(self, row):
        if not self.has_rungs:
            return None
        kind = getattr(self._search, "resource_info_", {}).get("kind", "resources")
        return units_in_words(int(self._table["n_resources"][row]), kind)

    @property
    def default_score(self) -> float | None:
        """Score of the estimator's own setting in full, or None."""
        return getattr(self._search, "default_score_", None)

    @property
    def racing(self) -> str:
        """The rule of the race, and how it was asked for; "" where there is none."""
        rule = getattr(self._search, "racing_", None)
        if rule is None:
            return ""
        is_auto = isinstance(self._search.racing, str) and self._search.racing == "auto"
        return f"racing='auto': {rule}" if is_auto else f"racing={rule!r}"

    @property
    def why_not_raced(self) -> str | None:
        """Why ``racing="auto"`` is off, where that may surprise."""
        return getattr(self._search, "_why_not_raced", None)

    @property
    def is_told_of_default(self) -> bool:
        """Whether the search is one of ours, which knows of its estimator's setting."""
        return hasattr(self._search, "stop_reason_")


# ---- in words


def what_was_tried(account: Account) -> str:
    """Return how many candidates, folds and fits there were.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]})
    >>> what_was_tried(Account(search.fit(*load_iris(return_X_y=True))))
    '2 candidates, 5 folds, 10 fits'
    """
    candidates = count(account.n_candidates, "candidate")
    if account.has_rungs:
        full = account.status["complete"]
        candidates = f"{count(account.n_rows, 'trial')} of {candidates}"
        candidates = f"{candidates} ({full} trained in full)"
    folds = count(account.n_splits, "fold")
    return f"{candidates}, {folds}, {count(account.n_fits, 'fit')}"


def what_it_took(account: Account) -> str:
    """Return the time of the search, and of its fits."""
    fits = f"{duration(account.fit_seconds)} of fits"
    return fits if account.seconds is None else f"{duration(account.seconds)} ({fits})"


def what_failed(account: Account) -> str | None:
    """Return how many trials failed, and of what; None = none did."""
    n = account.status["failed"]
    if not n:
        return None
    kinds = "; ".join(f"{k} x {line}" for line, k in account.errors)
    return f"{n} of {account.n_rows}" + (f" ({kinds})" if kinds else "")


def what_was_raced_out(account: Account) -> str | None:
    """Return how many trials were spared folds, and by which rule.

    Or why ``racing="auto"`` is off, where that may surprise; None = there is nothing to
    say.
    """
    n = account.status["raced_out"]
    if n:
        by = f" ({account.racing})" if account.racing else ""
        return f"Raced out: {n} of {account.n_rows}, on fewer folds{by}"
    if account.why_not_raced:
        return f"Not raced: {account.why_not_raced} (racing='auto')"
    return None


def what_of_the_default(account: Account, best: Best | None) -> str | None:
    """Return what the estimator's own setting scores beside the best, or None.

    Where it scores higher, by what can be seen in four digits, a sentence says so.
    """
    default = account.default_score
    if default is None:
        return "Own setting: not tried" if account.is_told_of_default else None
    if np.isnan(default):
        return "Own setting: failed, and has no score"
    if best is None or np.isnan(best.score):
        return f"Own setting: {default:.4g}"
    own, found = f"{default:.4g}", f"{best.score:.4g}"
    if best.score < default and found != own:
        return (
            "The estimator's own setting scores higher in cross-validation than what "
            f"was found: {own} against {found}. Keep it, or search more candidates."
        )
    return f"Own setting: {own} (best {best.score - default:+.2g})"


def units_in_words(n: int, kind: str) -> str:
    """Return units of a resource as people say it.

    Examples
    --------
    >>> units_in_words(100, "n_samples"), units_in_words(1, "epochs")
    ('100 rows', '1 epoch')
    """
    kind = "rows" if kind == "n_samples" else kind
    return f"{n} {kind.removesuffix('s') if n == 1 else kind}"


def duration(seconds: float) -> str:
    """Return seconds as people read them.

    Examples
    --------
    >>> duration(0.0321), duration(3.21), duration(185), duration(7384)
    ('0.03 s', '3.2 s', '3 min 5 s', '2 h 3 min')
    """
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _cut(text, n):
    return text if len(text) <= n else text[: n - 4] + " ..."
