"""What a surrogate says about a search, and whether it is to be believed."""

from typing import Any

from skhpo.importance._marginal import marginals
from skhpo.space import space_of


def read_marginals(search: Any, metric: str | None) -> tuple[Any, str | None]:
    """Return the marginals of a search, and why not to draw them; None = do."""
    if space_of(search) is None:
        return None, "the space of this search cannot be read"
    found = marginals(search, metric=metric)
    return found, doubt_of(found)


def doubt_of(found: Any) -> str | None:
    """Return why a surrogate is not to be believed; None = it is.

    ``found`` is anything with ``doubt``.
    """
    if found.doubt is None:
        return None
    return f"not enough evidence:\n{found.doubt.replace('R2', 'R²')}"
