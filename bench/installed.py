"""How bench was installed, and so which command adds a package to the same environment."""

from __future__ import annotations

import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

DISTRIBUTION = "medical-anomaly-bench"
"""The name of bench's own package."""


def command_to_install(extra: str, package: str = DISTRIBUTION) -> str:
    """The command that installs an extra here: of pip, of uv, or of pipx.

    Args:
        extra: its name, or several with commas.
        package: whose extra it is.
    """
    wanted = f"'{package}[{extra}]'"
    # pipx has this file in every environment that it makes, whatever installs the packages there.
    if Path(sys.prefix, "pipx_metadata.json").is_file():
        return f"pipx inject {DISTRIBUTION} {wanted}"
    # An environment of uv has no pip. The interpreter is named, since a tool's is never active.
    if _installer() == "uv":
        return f"uv pip install --python {shlex.quote(sys.executable)} {wanted}"
    return f"pip install {wanted}"


def _installer() -> str:
    """Which program installed bench, by its own word; empty where it is only on the path."""
    try:
        return (distribution(DISTRIBUTION).read_text("INSTALLER") or "").strip()
    except PackageNotFoundError:
        return ""
