"""The version, as a literal: a tarball without git builds the same."""

__version__ = "0.1.0.dev0"
