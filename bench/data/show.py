"""Draw what preparation makes of a dataset, to see that it is upright and fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.atomic import PICTURE_SUFFIXES, picture_format, whole_file
from bench.cards import AnyPreparation, DatasetCard, ImagePreparation, Preparation, Split
from bench.data.files import SubjectFiles
from bench.data.find.index import Index, index_dataset
from bench.data.find.selection import select
from bench.data.find.splits import split_ids
from bench.data.prepare.subject import PreparationRequest, PreparedSubject, prepare_subject
from bench.data.progress import Progress
from bench.errors import DataError, UsageError

# For cards that only serve as training source and so declare no preparation.
_PREPARATION = Preparation(spacing_mm=(1.0, 1.0, 2.0), grid=(224, 224, 90))
_PICTURES = ImagePreparation(foreground="whole")
_SUBJECTS, _SLICES, _SIZE = 4, 6, 160


@dataclass(frozen=True)
class _Row:
    title: str
    prepared: PreparedSubject


def show_dataset(
    card: DatasetCard,
    data_dir: Path | None,
    cache: Path,
    out: Path,
    progress: Progress | None = None,
) -> Path:
    """Draw a few subjects of a dataset, all modalities that are there.

    Args:
        card: the dataset; of a generated one, a few test subjects are made.
        data_dir: folder that holds a folder per dataset.
        cache: the cache folder.
        out: a PNG, JPEG or PDF file, by its suffix; it is overwritten.
        progress: called after each row.

    Returns:
        ``out``.

    Raises:
        DataError: nothing to draw, or files that cannot be prepared.
        UsageError: ``out`` cannot be written.
    """
    index = index_dataset(card, data_dir, cache)
    if card.generator is not None:
        subjects = _generated(index, progress)
    else:
        subjects = _spread([one for one in index.subjects.values() if one.modalities], _SUBJECTS)
    return montage(
        subjects,
        preparation=card.preparation or (_PICTURES if subjects[0].image_files else _PREPARATION),
        title=f"{card.title} ({card.name})",
        cache=cache,
        out=out,
        progress=progress,
    )


def montage(
    subjects: Sequence[SubjectFiles],
    *,
    preparation: AnyPreparation,
    title: str,
    cache: Path,
    out: Path,
    progress: Progress | None = None,
) -> Path:
    """Draw subjects: evenly spaced slices with the lesions outlined, and a histogram.

    Each modality of a subject is one row, prepared alone; grey runs from 0 to 1, the
    preparation's percentiles.

    Args:
        subjects: to be drawn, in this order.
        preparation: how to prepare them.
        title: of the figure.
        cache: the cache folder.
        out: a PNG, JPEG or PDF file, by its suffix; it is overwritten.
        progress: called after each row.

    Returns:
        ``out``.

    Raises:
        DataError: nothing to draw, or files that cannot be prepared.
        UsageError: ``out`` has another suffix or cannot be written.
    """
    form = picture_format(out)
    if form is None:
        raise UsageError(f"{out} must end in one of {PICTURE_SUFFIXES}")
    wanted = [(one, modality) for one in subjects for modality in one.modalities]
    if not wanted:
        raise DataError(f"{title}: no image to show")
    rows = []
    for done, (files, modality) in enumerate(wanted, start=1):
        with_label = bool(files.image_files) or files.label is not None
        request = PreparationRequest([modality], preparation, _SIZE, with_label=with_label)
        prepared = prepare_subject(files, request, cache)
        rows.append(_Row(f"{files.subject}\n{modality}", prepared))
        if progress is not None:
            progress(done, len(wanted), "drawing")
    figure = _draw(rows, title)
    try:
        with whole_file(out) as partial:
            figure.savefig(partial, format=form, dpi=80)
    except OSError as error:
        raise UsageError(
            f"cannot write {out}: {error.strerror or error}", hint="name another file with --out"
        ) from error
    return out


def _generated(index: Index, progress: Progress | None) -> list[SubjectFiles]:
    """A few subjects of the first test split; making all of them would take minutes."""
    card = index.card
    first = "test" if "test" in card.splits else next(iter(card.splits))
    split = next((task.test for task in card.tasks.values() if task.data is None), first)
    few = Split(subjects=_spread(split_ids(card, split), _SUBJECTS), rule="to be shown")
    small = replace(index, card=card.model_copy(update={"splits": {split: few}}))
    modalities = [*card.layouts[0].images]
    return [*select(small, split, modalities, need_label=False, progress=progress).present]


def _draw(rows: Sequence[_Row], title: str) -> Figure:
    # As many columns as the fullest row has images, so that no frame stays empty.
    columns = min(_SLICES, max(len(row.prepared.images) for row in rows)) + 1
    figure = Figure(figsize=(2 * columns + 1, 2 * len(rows) + 0.8), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        prepared = row.prepared
        chosen = _spread(range(len(prepared.images)), _SLICES)
        for place in axes[len(chosen) : -1]:
            place.set_visible(False)
        for place, k in zip(axes, chosen, strict=False):
            image = np.clip(prepared.images[k].transpose(1, 2, 0), 0, 1)
            place.imshow(
                image if image.shape[2] == 3 else image[:, :, 0], cmap="gray", vmin=0, vmax=1
            )
            label = None if prepared.labels is None else prepared.labels[k]
            if label is not None and label.any():
                place.contour(label, levels=[0.5], colors="red", linewidths=0.8)
            place.set_title(_caption(prepared, k), fontsize=7)
        for place in axes[:-1]:
            place.set_xticks([])
            place.set_yticks([])
        axes[0].set_ylabel(row.title)
        _histogram(axes[-1], prepared)
    return figure


def _caption(prepared: PreparedSubject, k: int) -> str:
    if prepared.geometry is not None:
        return f"slice {prepared.geometry.slices[k]}"
    return f"image {k}: {'abnormal' if prepared.image_labels[k] else 'normal'}"


def _histogram(axes: Any, prepared: PreparedSubject) -> None:  # noqa: ANN401 - matplotlib Axes
    values = prepared.images[:, 0][prepared.masks]
    bins = np.linspace(-0.2, 1.4, 81).tolist()
    axes.hist(values, bins=bins, density=True, color="0.6")
    if prepared.labels is not None and (prepared.labels & prepared.masks).any():
        lesion = prepared.images[:, 0][prepared.labels & prepared.masks]
        axes.hist(lesion, bins=bins, density=True, histtype="step", color="red")
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.set_title("foreground (red: lesion)", fontsize=7)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """Up to ``count`` items, evenly spaced, without the ends where there are more."""
    if len(items) <= count:
        return list(items)
    places = (np.arange(count) + 0.5) * len(items) / count
    return [items[int(place)] for place in places]
