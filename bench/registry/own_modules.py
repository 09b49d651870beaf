"""What a method card may import: a card is data and must not decide what runs on a machine."""

from __future__ import annotations

import re
from collections.abc import Collection
from importlib.metadata import entry_points
from pathlib import Path

from bench.cards import MethodCard
from bench.errors import CardError


def require_modules_of(card: MethodCard, packages: Collection[str], path: Path) -> None:
    """Refuse a card that would import something else than its own package: a card is data.

    Raises:
        CardError: ``class`` or ``config_schema`` names a module of another package.
    """
    for key, name in (("class", card.class_path), ("config_schema", card.config_schema)):
        if name is not None and re.split(r"[.:]", name)[0] not in packages:
            raise CardError(
                f"{path}: {key} = {name!r} must lead into {', '.join(sorted(packages))}; a card "
                "imports nothing else"
            )


def plugin_packages(group: str) -> set[str]:
    """The packages that cards of installed plug-ins may import: all of the group, and ours."""
    return {"methods", *(one.module.split(".")[0] for one in entry_points(group=group))}
