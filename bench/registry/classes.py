"""Loads the class of a method only when it is needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from bench.cards import MethodCard
from bench.errors import MethodError, MissingExtra, allowed
from bench.installed import DISTRIBUTION, command_to_install
from bench.registry import plugins

if TYPE_CHECKING:  # NumPy does not belong into the start of the command line
    from bench.detector import DetectorClass


def load_class(card: MethodCard) -> DetectorClass:
    """Import a method's class; the heavy imports happen here.

    Raises:
        MissingExtra: an optional dependency is not installed.
        MethodError: the module has no such class, or a plug-in's source has changed.
    """
    if isinstance(card, plugins.PluginCard):
        in_file = plugins.load(card)
        if in_file is not None:
            return in_file
    module_name, class_name = card.class_path.split(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not card.extras:
            raise MethodError(
                f"method {card.name!r}: {card.class_path} cannot be imported: {error}"
            ) from error
        extras = ",".join(card.extras)
        theirs = isinstance(card, plugins.PluginCard)
        owner = card.class_path.partition(".")[0] if theirs else DISTRIBUTION
        raise MissingExtra(
            f"method {card.name!r} needs {error.name!r}, which is not installed",
            hint=command_to_install(extras, owner),
        ) from error
    except Exception as error:  # a plug-in's module may raise anything
        raise MethodError(
            f"method {card.name!r}: {card.class_path} cannot be imported: "
            f"{type(error).__name__}: {error}",
            hint=f"python -c 'import {module_name}' shows where",
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [name for name, one in vars(module).items() if isinstance(one, type)]
        raise MethodError(
            f"method {card.name!r}: {module_name} has no class {class_name!r}; "
            f"{allowed(class_name, classes)}"
        )
    detector_class: DetectorClass = found
    return detector_class
