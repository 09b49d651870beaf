"""One fit: loaded where the store has it, else trained and kept."""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from bench import registry
from bench.checksums import check_folder, is_sealed, seal
from bench.data.cache.derived import derived_folder
from bench.data.progress import LogValues, Progress
from bench.detector import Detector, Run
from bench.errors import StoreError, in_words
from bench.execution import seeding
from bench.execution.checkpoints import FitCheckpoints
from bench.execution.context import RunContext
from bench.execution.inputs import normal_images, trained_on
from bench.execution.isolation import undisturbed
from bench.execution.learning import what_was_learned
from bench.execution.provenance import versions
from bench.planning.plan import Cell
from bench.store.locks import hold
from bench.store.records import Learning, TrainedOn
from bench.store.store import Store


@dataclass
class Trained:
    """A fitted detector, and what it took.

    Attributes:
        detector: ready to predict.
        seconds: of its fit.
        cpu_seconds: processor time of its fit; None where it is not known.
        shared: whether the store had it.
        trained_on: what it learned from; None where an older bench wrote the fit.
        learning: its error on held-out normal images, see `bench.execution.learning`.
        adapted: what was changed to make the fit possible, in words.
    """

    detector: Detector
    seconds: float
    shared: bool
    trained_on: TrainedOn | None
    learning: Learning | None
    cpu_seconds: float | None
    adapted: tuple[str, ...] = ()


def fit_or_load(
    cell: Cell,
    context: RunContext,
    store: Store,
    device: str,
    channels: int,
    told: tuple[Progress, LogValues],
    log: logging.Logger,
) -> Trained:
    """Load the fit of a cell, or train and keep it; one process does it, others wait."""
    fit, (progress, log_values) = cell.fit, told
    folder = store.fit_folder(fit.key)
    with hold(store.lock_path("fit", fit.key)):
        there = _load(cell, folder, context, device, log)
        if there is not None:
            return there
        normal = normal_images(cell, context.cache, channels, progress)
        learned = trained_on(cell, context.cache)
        # The reading above may have drawn numbers; a fit must not depend on what came before.
        seeding.seed_everything(fit.seed, threads=fit.budget.threads, device=device)
        with undisturbed():
            detector = registry.load_class(fit.method)(fit.given_config)
        scratch = store.scratch()
        adapted: list[str] = []
        checkpoints = FitCheckpoints(
            store.checkpoint_folder(fit.key),
            made_with={"device": device, **versions()},
            log=log,
            since=context.fresh_after,
        )
        run = Run(
            seed=fit.seed,
            device=device,
            budget=fit.budget,
            scratch=scratch,
            progress=lambda done, total, note: progress(done, total, note or "fit"),
            log_values=log_values,
            logger=log,
            derived_folder=partial(derived_folder, context.cache),
            checkpoints=checkpoints,
            micro_batches=fit.method.micro_batches,
            adapted=adapted.append,
        )
        fit.require_same_files()
        busy = time.process_time()
        try:
            with undisturbed():
                detector.fit(normal, run)
            fit.require_same_files()
        except (MemoryError, OSError, torch.OutOfMemoryError):
            raise  # no fault of what was learned: the next run goes on from there
        except Exception:
            checkpoints.remove()
            raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        seconds = checkpoints.seconds
        # What a process did that was killed is not known.
        cpu_seconds = None if checkpoints.resumed else time.process_time() - busy
        learning = what_was_learned(detector, normal, device, fit.method.name)
        with store.new_folder(folder) as unfinished_fit:
            (unfinished_fit / "detector").mkdir()
            with undisturbed():
                detector.save(unfinished_fit / "detector")
            about: dict[str, object] = {
                "method": fit.method.name,
                "seed": fit.seed,
                "device": device,
                "seconds": seconds,
                "cpu_seconds": cpu_seconds,
                "trained_on": learned.model_dump() if learned else None,
                "resumed": checkpoints.resumed,
                "adapted": adapted,
                "learning": learning.model_dump() if learning else None,
            }
            (unfinished_fit / "fit.json").write_text(json.dumps(about), encoding="utf-8")
            seal(unfinished_fit)
        checkpoints.remove()
    return Trained(detector, seconds, False, learned, learning, cpu_seconds, tuple(adapted))


def _load(
    cell: Cell, folder: Path, context: RunContext, device: str, log: logging.Logger
) -> Trained | None:
    """The fit in the store; None where there is none, it is too old, or it is damaged."""
    fresh_after = context.fresh_after
    if not folder.is_dir() or (fresh_after is not None and folder.stat().st_mtime < fresh_after):
        return None
    with undisturbed():
        detector = registry.load_class(cell.fit.method)(cell.fit.given_config)
    try:
        if is_sealed(folder):
            check_folder(folder)
        else:
            log.info("the fit %s has no checksums: an older bench wrote it", folder)
        kept = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
        stated = kept.get("trained_on")
        learned = TrainedOn.model_validate(stated) if stated else None
        busy = kept.get("cpu_seconds")
        cpu_seconds = None if busy is None else float(busy)
        measured = kept.get("learning")  # an older bench did not measure it
        learning = Learning.model_validate(measured) if measured else None
        with undisturbed():
            detector.load(folder / "detector")
    except MemoryError:
        raise
    except Exception as error:  # whatever a method's reader raises on damage
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            # Too many open files or a failing disk say nothing against the fit: it stays.
            raise StoreError(f"the fit {folder} cannot be read: {in_words(error)}") from error
        log.warning("the fit %s is damaged and trained again: %s", folder, in_words(error))
        return None
    # Fits of an older bench do not state it.
    learned = learned or trained_on(cell, context.cache)
    adapted = tuple(map(str, kept.get("adapted", ())))
    trained_at = kept.get("device", device)  # an older bench did not state it
    if trained_at != device:
        adapted += (f"fit on {trained_at}, predictions on {device}",)
    seconds = float(kept["seconds"])
    return Trained(detector, seconds, True, learned, learning, cpu_seconds, adapted)
