"""The detector of a cell, loaded again: to judge new images, or to show what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench import registry
from bench.cards import AnyPreparation, DatasetCard, MethodCard
from bench.checksums import check_folder, is_sealed
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.prepare.subject import PreparationRequest, PreparedSubject, prepare_subject
from bench.data.prepare.version import preparation_fingerprint
from bench.detector import BoolArray, Detector, Explains, FloatArray, Images, Prediction, Skip
from bench.errors import DataError, MethodError, StoreError, UsageError, in_words
from bench.execution import seeding
from bench.execution.pieces import Pieces
from bench.execution.run import accepted_channels, check_judged
from bench.geometry import Geometry
from bench.planning.plan import fit_key
from bench.planning.settings import file_content
from bench.registry import plugins
from bench.store.records import Record
from bench.store.store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Fitted:
    """A trained detector with what its images must look like.

    Attributes:
        card: of the method.
        dataset: whose preparation its images go through.
        channels: modalities, in order.
        size: side of its images in pixels.
        device: where it computes.
    """

    card: MethodCard
    dataset: DatasetCard
    channels: tuple[str, ...]
    preparation: AnyPreparation
    size: int
    device: str
    detector: Detector

    @property
    def explains(self) -> bool:
        """Whether it can show the steps between image and map."""
        return isinstance(self.detector, Explains)

    @property
    def input_channels(self) -> int:
        """Channels of a prepared image."""
        return len(self.channels) * self.preparation.channels_per_modality

    def test_subject(
        self, record: Record, subject: str, data_dir: Path | None, cache: Path
    ) -> PreparedSubject:
        """Prepare one of the cell's test subjects again, or open it where the cache has it.

        Raises:
            DataError: its files are not there.
        """
        task = registry.all_tasks()[record.task]
        index = index_dataset(self.dataset, data_dir, cache)
        selection = select(index, task.test, self.channels, need_label=True)
        for files in selection.present:
            if files.subject == subject:
                request = PreparationRequest(
                    self.channels,
                    self.preparation,
                    self.size,
                    lesion_free=selection.lesion_free,
                    with_label=True,
                )
                return prepare_subject(files, request, cache)
        raise DataError(f"subject {subject!r} of {self.dataset.name!r} is not in the data folder")

    def judge(
        self, images: FloatArray, masks: BoolArray, geometry: Geometry | None = None
    ) -> Prediction:
        """Predict as a run does.

        Args:
            images: (N, C, H, W) float32, prepared.
            masks: (N, H, W) bool.
            geometry: of the stack of images; None for single images.

        Raises:
            MethodError: the detector breaks its contract.
        """
        batch = self._batch(images, masks, geometry)
        prediction = self._asked(partial(Pieces().predict, self.detector.predict), batch)
        check_judged(prediction, batch, self.card, self.detector)
        return prediction

    def explain(self, images: FloatArray, masks: BoolArray) -> dict[str, FloatArray]:
        """Pictures by name, each (N, C, H, W) float32; see `bench.detector.Explains`.

        Raises:
            MethodError: the detector fails, or has nothing to show (see `explains`).
        """
        if not isinstance(self.detector, Explains):
            raise MethodError(f"{self.card.name} has no method `explain`")
        return self._asked(self.detector.explain, self._batch(images, masks))

    def _asked(self, question: Callable[[Images], T], batch: Images) -> T:
        try:
            return question(batch)
        except Exception as error:  # a method may raise anything
            at = plugins.place_of(error, self.card)
            raise MethodError(
                f"{self.card.name} failed: {in_words(error, at=at)}",
                hint=f"bench test-method {self.card.name}",
            ) from error

    def _batch(
        self, images: FloatArray, masks: BoolArray, geometry: Geometry | None = None
    ) -> Images:
        try:
            channels = accepted_channels(self.card.channels, images.shape[1], self.card.name)
        except Skip as reason:
            raise UsageError(str(reason)) from reason
        wide = np.broadcast_to(images, (len(images), channels, *images.shape[2:]))
        positions = None if geometry is None else geometry.positions
        return Images(wide, np.asarray(masks), self.device, positions)


def load_fitted(store: Store, record: Record, device: str = "auto") -> Fitted:
    """Load the detector of a cell.

    Args:
        store: that has the cell.
        record: of the cell.
        device: where to compute.

    Raises:
        StoreError: the fit is not there or damaged, or a card has moved on since.
        MethodError: the method cannot be found or imported.
        UsageError: this machine does not have the device.
    """
    what = f"cell {record.key[:12]} ({record.method} on {record.task})"
    folder = store.fit_folder(record.fit_key)
    if record.status != "done" or not folder.is_dir():
        why = f"it was {record.status}: {record.reason}" if record.status != "done" else "removed"
        raise StoreError(
            f"the fit of {what} is not in {store.root}: {why}",
            hint="run the cell again with --force",
        )
    card, dataset = _method_card(record), registry.dataset(record.dataset)
    task, preparation = registry.all_tasks().get(record.task), dataset.preparation
    if task is None or preparation is None:
        raise StoreError(f"{what}: its task has no card", hint="bench list tasks")
    expected = fit_key(
        card,
        training=record.fingerprints.get("training", ""),
        channels=task.channels,
        preparation=preparation,
        config=record.resolved_config,
        budget=record.budget_values,
        seed=record.seed,
    )
    if expected != record.fit_key:
        moved = ", ".join(_moved(record, card, preparation))
        raise StoreError(
            f"the fit of {what} belongs to another state of: {moved}",
            hint="run it again, or go back to the bench, cards and code it was made with",
        )
    seeding.prepare_environment(device, None)
    device = seeding.resolve_device(device)
    seeding.seed_everything(record.seed, threads=record.budget_values["threads"], device=device)
    detector = registry.load_class(card)({**record.resolved_config, **_files_of(record)})
    try:
        if is_sealed(folder):  # fits of an older bench have no checksums
            check_folder(folder)
        detector.load(folder / "detector")
    except Exception as error:  # whatever a method's reader raises on damage
        raise StoreError(
            f"the fit of {what} is damaged: {in_words(error)}",
            hint="run it again with --force",
        ) from error
    return Fitted(
        card=card,
        dataset=dataset,
        channels=tuple(task.channels),
        preparation=preparation,
        size=record.budget_values["image_size"],
        device=device,
        detector=detector,
    )


def _files_of(record: Record) -> dict[str, str]:
    """The files of a record's settings that are still where they were, as they were."""
    given: dict[str, str] = record.provenance.get("setting_files", {})
    return {
        key: path
        for key, path in given.items()
        if Path(path).is_file() and file_content(Path(path)) == record.resolved_config.get(key)
    }


def _method_card(record: Record) -> MethodCard:
    known = registry.load_methods().get(record.method)
    address = record.provenance.get("method_file")
    if known is not None:
        return known
    if address is None:
        raise MethodError(
            f"method {record.method!r} is not installed here",
            hint="install the package it came with; bench list methods",
        )
    file = Path(str(address).rpartition(":")[0])
    # Before it is imported: a store may come from elsewhere, and importing runs the file.
    if file.is_file() and plugins.file_sources(file) != record.fingerprints.get("method"):
        raise StoreError(
            f"the fit of cell {record.key[:12]} belongs to another state of: the method's source "
            f"({address})",
            hint="run it again, or go back to the file it was made with",
        )
    return plugins.read_file(str(address))


def _moved(record: Record, card: MethodCard, preparation: AnyPreparation) -> Sequence[str]:
    """The parts of today's cards that differ from the record; at least one."""
    sources = card.sources if isinstance(card, plugins.PluginCard) else None
    moved = {
        f"the name of the method ({card.name!r} today)": card.name == record.method,
        f"the method's version ({record.method_version} then, {card.version} today)": (
            card.version == record.method_version
        ),
        "the method's source": sources == record.fingerprints.get("method"),
        f"the preparation of {record.dataset!r}": (
            preparation_fingerprint(preparation) == record.fingerprints.get("preparation")
        ),
    }
    return [name for name, same in moved.items() if not same] or ["the task's channels"]
