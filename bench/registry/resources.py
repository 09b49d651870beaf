"""Where the cards are: inside the wheel, in a checkout, and in the working directory."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def card_folders(kind: str) -> list[Path]:
    """Folders that hold cards of one kind; later ones may add cards but not replace them.

    Args:
        kind: ``datasets`` or ``published``.

    Returns:
        The folder that came with the package (in the wheel, or in the same checkout), then
        the one in the working directory, if it is another.
    """
    in_wheel = PACKAGE / "_resources" / kind
    relative = Path("results", "published") if kind == "published" else Path(kind)
    shipped = in_wheel if in_wheel.is_dir() else PACKAGE.parent / relative
    folders = [shipped]
    local = relative.resolve()
    if local.is_dir() and local != shipped.resolve():
        folders.append(local)
    return folders


def protocol_folder() -> Path:
    """The folder of the protocol cards."""
    return PACKAGE / "protocols"


def budget_file() -> Path:
    """The file of all budgets."""
    return PACKAGE / "budgets.toml"


def suite_folder() -> Path:
    """The folder of the suites that ship with the package."""
    return PACKAGE / "suites"


def template_folder() -> Path:
    """The folder of the templates of ``bench new``."""
    return PACKAGE / "templates"
