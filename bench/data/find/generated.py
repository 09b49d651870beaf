"""Embedded datasets: a generator makes their files in the cache."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cards import DatasetCard
from bench.data.cache.folder import cache_errors
from bench.data.cache.kinds import CacheKind
from bench.data.progress import Progress
from bench.errors import CardError

# A card is data: it must not decide what runs on a machine.
_ALLOWED = "bench.data.phantom."


def _generator(name: str) -> tuple[Any, Callable[..., None]]:
    module_name, _, function = name.partition(":")
    if not module_name.startswith(_ALLOWED):
        raise CardError(
            f"generator {name!r} must be a function below {_ALLOWED.rstrip('.')}, as "
            f"{_ALLOWED}brain.generate:generate; a card imports nothing else"
        )
    try:
        module = importlib.import_module(module_name)
        return module, getattr(module, function)
    except (ImportError, AttributeError, ValueError) as error:
        raise CardError(f"generator {name!r} cannot be used: {error}") from error


def generated_root(card: DatasetCard, generator: str, cache: Path) -> Path:
    """The folder in the cache where an embedded dataset's files are.

    Raises:
        CardError: the generator cannot be used, or a split does not list its subjects.
    """
    for name, split in card.splits.items():
        if not isinstance(split.subjects, list):
            raise CardError(
                f"card {card.name!r}, split {name!r}: a generated dataset must list its subjects"
            )
    module, _ = _generator(generator)
    return CacheKind.generated.folder(cache) / f"{module.__name__}-{module.GENERATOR_VERSION}"


def generate(
    generator: str, root: Path, ids: list[str], processes: int, progress: Progress | None
) -> None:
    """Make those of the subjects that are not there yet.

    Args:
        generator: ``module:function`` of the card.
        root: `generated_root`.
        ids: subjects to make.
        processes: how many processes the generator may use.
        progress: called after each subject.

    Raises:
        CardError: the generator cannot be used.
        StoreError: the cache cannot be written.
    """
    _, function = _generator(generator)
    with cache_errors(root):
        root.mkdir(parents=True, exist_ok=True)

    def tell(done: int, total: int, subject: str) -> None:
        # One note for all subjects: each note is a bar, or a line, of its own.
        if progress is not None:
            progress(done, total, "making phantom subjects")

    function(root, ids, processes=processes, progress=tell)
