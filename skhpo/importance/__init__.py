"""Which parameters mattered in a search, where, and which to tune first."""

from skhpo.importance._global import SearchImportance, search_importance

__all__ = ["SearchImportance", "search_importance"]
