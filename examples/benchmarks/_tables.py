"""Real tables: how they are read, and which of their rows a search sees.

A folder holds ``catalog.csv``, with the columns name and task ("classification" or
"regression") among others, and a file ``name.csv`` or ``name.csv.gz`` per table, whose
column ``target`` is predicted. Without a folder there are scikit-learn's own tables.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

MAX_TRAIN, MAX_TEST = 2000, 5000  # rows
MIN_TEST_SHARE = 1 / 3
MIN_ROWS_OF_CLASS = 10  # in the training rows
MAX_DISTINCT_SHARE = 0.3  # a text column with more distinct values is an identifier

BUNDLED = {
    "sklearn.breast_cancer": datasets.load_breast_cancer,
    "sklearn.diabetes": datasets.load_diabetes,
    "sklearn.wine": datasets.load_wine,
    "sklearn.digits": datasets.load_digits,
    "sklearn.iris": datasets.load_iris,
}


@dataclass(frozen=True, eq=False)
class Table:
    """Training and test rows of one table."""

    name: str
    is_classification: bool
    X: pd.DataFrame
    y: np.ndarray  # labels 0, 1, ..., or a target of mean 0 and sd 1 on these rows
    X_test: pd.DataFrame
    y_test: np.ndarray
    notes: tuple[str, ...] = ()  # what was left out

    @property
    def text_columns(self):
        return [name for name in self.X if self.X[name].dtype == object]

    @property
    def number_columns(self):
        return [name for name in self.X if self.X[name].dtype != object]


def names(folder=None):
    """{name: whether it is a classification} in the order of the catalog."""
    if folder is None:
        return {name: name != "sklearn.diabetes" for name in BUNDLED}
    catalog = pd.read_csv(Path(folder) / "catalog.csv")
    kinds = catalog["task"] == "classification"
    return dict(zip(catalog["name"], kinds.tolist(), strict=True))


@lru_cache(maxsize=2)
def read(name, folder=None):
    """Read one table and divide its rows."""
    is_classification = names(folder)[name]
    X, y = _bundled(name) if folder is None else _from_file(Path(folder), name)
    X, identifiers = without_identifiers(X)
    notes = [f"column {column} is an identifier" for column in identifiers]
    train, test = division(len(X))
    if is_classification:
        y, rare = with_labels(y, train)
        notes += [f"class {label} is rare" for label in rare]
        train, test = train[y[train] >= 0], test[y[test] >= 0]
    else:  # r2 is the same on any scale, and some models need this one
        y = (y - y[train].mean()) / y[train].std()
    rows = (
        part
        for rows in (train, test)
        for part in (X.iloc[rows].reset_index(drop=True), y[rows])
    )
    return Table(name, is_classification, *rows, tuple(notes))


def _bundled(name):
    found = BUNDLED[name](as_frame=True)
    return found.data, found.target.to_numpy()


def _from_file(folder, name):
    paths = [folder / f"{name}{ending}" for ending in (".csv", ".csv.gz")]
    table = pd.read_csv(next(path for path in paths if path.exists()))
    return table.drop(columns="target"), table["target"].to_numpy()


def without_identifiers(X):
    """The table with its text as objects, missing ones nan, and columns left out."""
    columns, identifiers = {}, []
    for name, column in X.items():
        if pd.api.types.is_bool_dtype(column):
            column = column.astype(int)
        if not pd.api.types.is_numeric_dtype(column):
            column = column.astype(object).where(column.notna(), np.nan)
            if column.nunique() > MAX_DISTINCT_SHARE * len(column):
                identifiers.append(name)
                continue
        columns[str(name)] = column
    return pd.DataFrame(columns), identifiers


def division(n_rows):
    """Row numbers to train and to test on, always the same ones."""
    n_train = min(MAX_TRAIN, n_rows - int(np.ceil(n_rows * MIN_TEST_SHARE)))
    rows = np.random.default_rng(0).permutation(n_rows)
    return rows[:n_train], rows[n_train : n_train + MAX_TEST]


def with_labels(y, train):
    """Labels 0, 1, ... of the classes; -1 = too rare in the training rows; these."""
    values, codes = np.unique(y, return_inverse=True)
    counts = np.bincount(codes[train], minlength=len(values))
    is_rare = counts < MIN_ROWS_OF_CLASS
    labels = np.where(is_rare, -1, np.cumsum(~is_rare) - 1)
    return labels[codes], values[is_rare].tolist()
