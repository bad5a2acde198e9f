"""Help with wording errors for the person at the keyboard."""

from collections.abc import Iterable
from difflib import get_close_matches


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
