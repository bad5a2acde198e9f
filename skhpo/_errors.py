"""Help with wording errors, and placing warnings, for the person at the keyboard."""

import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from types import FrameType

#: Code in which no user wrote the line that a warning is about.
_NOT_THE_USERS = ("skhpo", "sklearn", "joblib")


class CheckpointError(ValueError):
    """A checkpoint cannot be used: it is damaged, in use, or of another search.

    The message says what is wrong, and what to do.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skhpo import CheckpointError, load_results
    >>> with TemporaryDirectory() as folder:
    ...     path = f"{folder}/notes.txt"
    ...     with open(path, "w") as file:
    ...         _ = file.write("to buy: milk")
    ...     try:
    ...         load_results(path)
    ...     except CheckpointError as error:
    ...         print("is no checkpoint of skhpo" in str(error))
    True
    """


def did_you_mean(name: object, possible: Iterable[object]) -> str:
    """A sentence naming the closest possible name, or "" when none is close.

    It starts with a space, so that it can stand between two sentences.

    Examples
    --------
    >>> did_you_mean("learning_rat", ["learning_rate", "max_iter"])
    " Did you mean 'learning_rate'?"
    >>> did_you_mean("gamma", ["learning_rate", "max_iter"])
    ''
    """
    by_text = {str(other): other for other in possible}
    close = get_close_matches(str(name), by_text, n=1)
    return f" Did you mean {by_text[close[0]]!r}?" if close else ""


def without_stack(traceback: str | None) -> str:
    r"""The error that a traceback ends with, and its message, in one line.

    Examples
    --------
    >>> without_stack("Traceback:\n  File ...\nValueError: C is\nnegative\n")
    'ValueError: C is negative'
    """
    lines = (traceback or "").strip().splitlines()
    last = max((i for i, line in enumerate(lines) if line[:1].isspace()), default=-1)
    return " ".join(lines[last + 1 :] or lines[-1:]).strip()


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and point to the line by which the user came here.

    Whatever the depth of the calls between: of skhpo's own, and of scikit-learn's where
    the search is inside one of its meta-estimators.
    """
    frame, level = sys._getframe(1), 2  # 1 = the line below
    while frame.f_back is not None and _is_not_the_users(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_not_the_users(frame: FrameType) -> bool:
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in _NOT_THE_USERS
