"""What of a search its own ``random_state`` does not reach, in words."""

import numpy as np


def about_seeds(search):
    """Return what has no seed though the search has one, or None.

    As everywhere in scikit-learn, estimators and splitters keep their own. A search
    that trains models in steps draws the seeds that its estimator leaves open.
    """
    if getattr(search, "random_state", None) is None:
        return None
    found = sorted(_unseeded(search))
    lines = []
    if found and "resource_info_" in vars(search):
        lines.append(
            f"Seeds: {_listed(found)} had none (random_state=None); the search drew "
            "them for each candidate and fold."
        )
        found = []
    if _draws_without_seed(search.cv):
        found.append(f"cv={type(search.cv).__name__}")
    if found:
        lines.append(
            f"Without a seed of its own: {_listed(found)} (random_state=None). Where "
            "it is random, another run has other scores."
        )
    return " ".join(lines) or None


def _listed(names):
    return ", ".join(names)


def _unseeded(search):
    """Return the classes that a candidate was made of and that have an open seed."""
    settings = search.cv_results_["params"]
    replaced = {name for params in settings for name in params}
    found = _open_seeds("", search.estimator, replaced)
    values = {id(v): (n, v) for params in settings for n, v in params.items()}
    for name, value in values.values():
        if hasattr(value, "get_params") and not isinstance(value, type):
            found |= _open_seeds(f"{name}__", value, replaced)
    return found


def _open_seeds(prefix, estimator, replaced):
    """Return the classes in an estimator with ``random_state=None``.

    A generator is none of them: each clone starts from the same state. Parts and seeds
    that the candidates replace do not count.
    """
    params = estimator.get_params()
    found = set()
    for name, value in params.items():
        owner, _, last = name.rpartition("__")
        if last == "random_state" and value is None:
            if not _is_replaced(prefix + name, replaced, len(prefix)):
                part = params.get(owner, estimator)
                found.add(type(part).__name__)
    return found


def _is_replaced(name, replaced, start):
    """Return whether a candidate sets a parameter, or a part that holds it.

    The part of which the first ``start`` characters are the name does not count.
    """
    ends = [i for i in range(start, len(name)) if name[i : i + 2] == "__"]
    return any(name[:end] in replaced for end in [*ends, len(name)] if end > start)


def _draws_without_seed(cv):
    """Return whether a splitter draws, and other splits each time."""
    draws = hasattr(cv, "random_state") and getattr(cv, "shuffle", True)
    return bool(draws) and not isinstance(cv.random_state, int | np.integer)
