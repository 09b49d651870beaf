"""The version of the preparation, on its own so that keys can be made without its imports."""

PREPARATION_VERSION = 1
"""Raised whenever the arrays of `bench.data.prepare` change; part of every key."""
