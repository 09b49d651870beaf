"""Libraries of the extra ``formats``, which not every installation has."""

from __future__ import annotations

import importlib
from types import ModuleType

from bench.errors import DataError
from bench.installed import command_to_install


def library(name: str, path: object) -> ModuleType:
    """Import a library of the extra.

    Args:
        name: ``SimpleITK`` or ``pydicom``.
        path: what it is needed for, for the message.

    Raises:
        DataError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(
            f"{path} can only be read with {name}, which is not installed",
            hint=command_to_install("formats"),
        ) from error
