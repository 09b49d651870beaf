"""The executors by name: those that come with bench, and those of installed packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from bench.errors import RunError, UnknownName, in_words
from bench.executors import Executor

GROUP = "bench.executors"
"""Entry points of this group name a class: ``slurm = "package.module:SlurmExecutor"``."""

BUILT_IN = {
    "local": "bench.executors.local:LocalExecutor",
    "ray": "bench.executors.cluster.ray:RayExecutor",
    "slurm": "bench.executors.cluster.slurm:SlurmExecutor",
}


def executor_names() -> list[str]:
    """The names of all executors, sorted."""
    return sorted(_table())


def load_executor(name: str) -> type[Executor]:
    """The class of an executor; what it imports is imported here.

    Raises:
        UnknownName: no executor has this name.
        RunError: its class cannot be imported.
    """
    known = _table()
    if name not in known:
        raise UnknownName("executor", name, known, hint="--executor local")
    try:
        found: type[Executor] = known[name].load()
    except Exception as error:  # a package's module may raise anything
        raise RunError(
            f"executor {name!r} ({known[name].value}) cannot be imported: {in_words(error)}",
            hint="install what it needs, or choose another with --executor",
        ) from error
    return found


def _table() -> dict[str, EntryPoint]:
    """A package may add names; it cannot replace the executors of bench."""
    own = {name: EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()}
    return {one.name: one for one in entry_points(group=GROUP)} | own
