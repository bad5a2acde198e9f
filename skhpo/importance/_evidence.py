"""When a search says enough about its parameters: one rule for all who report.

A statement needs a surrogate that explains scores it has not seen, and settings for
each parameter. That a parameter does *not* matter needs more of them, and an interval
that excludes that it does.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skhpo._words import count
from skhpo.importance._rows import Rows

#: R2 of the surrogate below which nothing is said about parameters.
ENOUGH = 0.3

#: Settings with a score below which nothing is said, in all and per parameter.
LEAST_SETTINGS, LEAST_PER_PARAMETER = 10, 5

#: Settings per parameter below which none is called unimportant.
LEAST_TO_DISMISS = 10

#: Share of the variance below which a parameter, or a pair, is not worth a line.
SMALL = 0.05

#: Share of the variance that the interval of an unimportant parameter excludes.
NOT_SMALL = 0.1


def doubt_about(rows: Rows, surrogate) -> str | None:
    """Say why a surrogate is not to be believed, or return None.

    Parameters
    ----------
    rows : Rows
        What it was fitted to.
    surrogate : ProcessSurrogate, ForestSurrogate or str
        Text = why there is none.
    """
    if isinstance(surrogate, str):
        return surrogate
    n_params = max(rows.n_params, 1)
    least = max(LEAST_SETTINGS, LEAST_PER_PARAMETER * n_params)
    if rows.n_known < least:
        return (
            f"{count(rows.n_known, 'setting')} of {count(n_params, 'parameter')}, at "
            f"least {least} needed"
        )
    if not surrogate.score >= ENOUGH:
        figure = f"{surrogate.score:.2f} < {ENOUGH}"
        return f"R2 of the surrogate ({surrogate.method}) {figure}"
    return None


def verdicts(rows: Rows, table: pd.DataFrame) -> NDArray[np.str_]:
    """Return "important", "unimportant" or "unclear" for each parameter of a table.

    Parameters
    ----------
    rows : Rows
        With enough evidence for a statement.
    table : DataFrame
        With the columns ``importance``, ``high`` and ``share_active``.
    """
    matters = table["importance"] * table["share_active"] >= SMALL
    can_be_dismissed = rows.n_known >= LEAST_TO_DISMISS * rows.n_params
    dismissed = ~matters & (table["high"] < NOT_SMALL) & can_be_dismissed
    return np.select([matters, dismissed], ["important", "unimportant"], "unclear")
