"""One subject's files become a stack of images, cached by content.

Every value follows from one subject alone: no statistic of other subjects, of labels or of the
test set enters.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cards import AnyPreparation, Preparation
from bench.data.cache.fingerprint import fingerprint_files, refuse_changed
from bench.data.cache.stored import (
    Check,
    Foreground,
    PreparedSubject,
    has_stack,
    read_subject,
    stack_subjects,
    subject_folder,
    write_subject,
)
from bench.data.files import SubjectFiles
from bench.data.prepare.images import prepare_images
from bench.data.prepare.notes import Note
from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.version import PREPARATION_VERSION, version_of
from bench.data.prepare.volumes import prepare_volumes
from bench.errors import DataError, StoreError
from bench.geometry import Geometry
from bench.keys import key_of

__all__ = [
    "PREPARATION_VERSION",
    "Check",
    "PreparationRequest",
    "PreparedSubject",
    "already_prepared",
    "has_stack",
    "prepare_subject",
    "stack_subjects",
]


def prepare_subject(
    files: SubjectFiles,
    request: PreparationRequest,
    cache: Path,
    planned: Mapping[Path, str] | None = None,
    *,
    check: Check = "all",
) -> PreparedSubject:
    """Prepare one subject, or open it where the cache has it.

    2-D images as `bench.data.prepare.images.prepare_images` says, volumes as
    `bench.data.prepare.volumes.prepare_volumes`.

    Args:
        files: the subject's files.
        request: what is wanted of it.
        cache: the cache folder.
        planned: sha256 of the files when the run was planned, as `fingerprint_files` gives it;
            None asks for the files as they are now.
        check: what of an existing entry to compare with its checksums, as `read_subject` says.

    Returns:
        The subject's stack; of a volume without holes, unless ``lesion_free`` drops slices.

    Raises:
        DataError: a file is missing or cannot be trusted, channels on several grids, no
            foreground, a constant image, a brain that does not fit in the common grid, or a file
            that has changed since the plan or while it was read.
        StoreError: the cache cannot be written.
    """
    _require_files(files, request)
    preparation = request.preparation
    _require_kind(files, preparation)
    shas = _fingerprints(files, request, cache)
    refuse_changed(shas, planned or {}, "the plan")
    folder, recipe = _entry(files, request, cache, shas)
    prepared = read_subject(folder, files.subject, check=check)
    if prepared is None:
        geometry: Geometry | None = None
        foreground: Foreground | None = None
        notes: list[Note] = []
        if isinstance(preparation, Preparation):
            arrays, geometry, truth, foreground, dropped, notes = prepare_volumes(
                files, request, preparation, cache
            )
        else:
            arrays, truth, foreground, dropped, notes = prepare_images(
                files, request, preparation, cache
            )
        if not request.with_label:
            arrays.pop("labels", None)
            arrays.pop("ignored", None)
            truth = None
        # An entry's name promises the bytes that its files had, so these must not have moved.
        refuse_changed(_fingerprints(files, request, cache), shas, "they were first read")
        write_subject(folder, arrays, geometry, truth, recipe, foreground, dropped, notes)
        prepared = read_subject(folder, files.subject)
    if prepared is None:
        raise StoreError(f"the cache entry {folder} was removed as soon as it was written")
    return prepared


def already_prepared(
    files: SubjectFiles, request: PreparationRequest, cache: Path
) -> PreparedSubject | None:
    """What the cache has of a subject, its arrays not compared with their checksums.

    Args:
        files: the subject's files.
        request: what is wanted of it.
        cache: the cache folder.
    """
    folder, _ = _entry(files, request, cache, _fingerprints(files, request, cache))
    return read_subject(folder, files.subject, check="description")


def _fingerprints(files: SubjectFiles, request: PreparationRequest, cache: Path) -> dict[Path, str]:
    """The sha256 of each file that is used."""
    used = files.roles(request.channels, with_label=request.needs_label)
    return fingerprint_files([path for _, path in used], cache, kind=files.kind)


def _entry(
    files: SubjectFiles, request: PreparationRequest, cache: Path, shas: Mapping[Path, str]
) -> tuple[Path, dict[str, Any]]:
    """The folder of a prepared subject, and everything that its arrays follow from."""
    used = files.roles(request.channels, with_label=request.needs_label)
    recipe = {
        "version": version_of(request.preparation),
        "files": [[role, shas[path]] for role, path in used],
        "channels": list(request.channels),
        "preparation": request.preparation.model_dump(mode="json"),
        "size": request.size,
        "lesion_free": request.lesion_free,
        "with_label": request.with_label,
    }
    if request.with_label and files.truth_by_rule:
        recipe["truth"] = "by rule"
    return subject_folder(cache, key_of(recipe)), recipe


def _require_files(files: SubjectFiles, request: PreparationRequest) -> None:
    lacking = [one for one in request.channels if files.lacks(one)]
    if request.needs_label and not files.image_files and files.lacks_truth:
        lacking.append("label")
    if lacking:
        raise DataError(
            f"subject {files.subject!r} of {files.dataset!r} has no {', no '.join(lacking)}",
            hint=f"see what is there with: bench data check {files.dataset}",
        )


def _require_kind(files: SubjectFiles, preparation: AnyPreparation) -> None:
    if bool(files.image_files) == isinstance(preparation, Preparation):
        kinds = ("2-D images", "volumes") if files.image_files else ("volumes", "2-D images")
        raise DataError(
            f"dataset {files.dataset!r} holds {kinds[0]}, but the task prepares {kinds[1]}",
            hint="choose another training source with --train-on",
        )
