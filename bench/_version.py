"""The version of the package, on its own so that no room imports the public API."""

__version__ = "0.1.0"
