"""Which parameters mattered in a search, where, and which to tune first."""

from skhpo.importance._global import SearchImportance, search_importance
from skhpo.importance._local import LocalImportance, local_importance
from skhpo.importance._text import ablation, tune_first

__all__ = [
    "LocalImportance",
    "SearchImportance",
    "ablation",
    "local_importance",
    "search_importance",
    "tune_first",
]
