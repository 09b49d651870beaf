"""A script without ``if __name__ == "__main__":`` is refused before any process starts."""

from __future__ import annotations

import ast
import multiprocessing
import os
import sys
from pathlib import Path
from types import FrameType


def require_guard(call: str) -> None:
    """End a script that calls the library at its top level.

    Cells run in processes that import the script again; each would start the run again.

    Args:
        call: the function that was called, such as ``bench.run``.

    Raises:
        SystemExit: one sentence, and an exit code that is not 0. An error would print the script's
            traceback, which says nothing of the cause.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(_sentence(call, "this script"))
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    spec = getattr(main, "__spec__", None)
    if main is None or file is None or (spec is not None and spec.name.endswith("__main__")):
        return  # a notebook, a prompt, or a package that is run: none is imported again
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (
        frame.f_code.co_name == "<module>"
        and frame.f_globals is vars(main)
        and os.path.abspath(frame.f_code.co_filename) == os.path.abspath(file)
    ):
        frame = frame.f_back
    if frame is not None and not _is_guarded(Path(file), frame.f_lineno):
        raise SystemExit(_sentence(call, f"{file}, line {frame.f_lineno},"))


def _is_guarded(file: Path, line: int) -> bool:
    """Whether a line of a script stands below a question for ``__name__``."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return True  # it runs, so it is something else than it was
    asked = (node for node in tree.body if isinstance(node, ast.If))
    return any(
        node.lineno <= line <= (node.end_lineno or node.lineno)
        and any(isinstance(one, ast.Name) and one.id == "__name__" for one in ast.walk(node.test))
        for node in asked
    )


def _sentence(call: str, where: str) -> str:
    return (
        f'{where} calls {call} at its top level; put the call below `if __name__ == "__main__":`, '
        "because it starts processes, which import the script again"
    )
