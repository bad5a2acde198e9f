"""Text for people: a ``str`` that shows its lines wherever it is shown."""


class Text(str):
    r"""A ``str`` whose repr is the text, so that a notebook cell shows its lines.

    Examples
    --------
    >>> Text("first line\nsecond line")
    first line
    second line
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def count(n: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "seed"), count(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{n} {noun}" + ("" if n == 1 else "s")
