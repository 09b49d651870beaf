"""All subjects of a dataset, a table with outliers, and the card of the result."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import tomlkit

from bench.atomic import write_text
from bench.cards import DatasetCard, Registration
from bench.data.cache.fingerprint import fingerprint_files
from bench.data.files import SubjectFiles
from bench.data.find.index import index_dataset
from bench.data.find.registration import N4, TABLE
from bench.data.progress import Progress
from bench.data.read.optional import library
from bench.data.register.affine import Template
from bench.data.register.brain import EXTRACTIONS
from bench.data.register.subject import (
    IGNORED,
    LABEL,
    LESION,
    MASK,
    TEMPLATE,
    Registered,
    Steps,
    register_subject,
)
from bench.errors import BenchError, DataError
from bench.keys import key_of

VERSION = 3
"""Raised whenever the result of a registration changes; part of its key."""
_LEAST_DICE = 0.9
_FAR = 4.0
_FEW = 4
"""So many subjects or fewer say nothing of what is usual."""
_LESS_LIKE = 0.5
"""Share of the usual mutual information. Of IXI, brains that were found have 0.026 to 0.032 above
1, two that were lost 0.007 and 0.010."""


@dataclass(frozen=True)
class Outcome:
    """What became of a dataset.

    Attributes:
        folder: with a folder per subject, and the table.
        done: subjects, by id.
        failed: why a subject was left out, by id.
        odd: what is odd about a subject, by id.
        how: what its card says of it.
    """

    folder: Path
    done: tuple[Registered, ...]
    failed: dict[str, str]
    odd: dict[str, str]
    how: Registration


def register_dataset(
    card: DatasetCard,
    data_dir: Path,
    cache: Path,
    progress: Progress | None = None,
    *,
    jobs: int = 1,
    steps: Steps | None = None,
) -> Outcome:
    """Register the volumes of a dataset into ``DATA/NAME-mni``; the originals stay as they are.

    A subject whose files, steps and versions are those of its result there is not done again.

    Args:
        card: the dataset, of volumes.
        data_dir: folder that holds a folder per dataset.
        cache: the cache folder, for fingerprints.
        progress: told after each subject.
        jobs: subjects at once.
        steps: what is chosen; None for the defaults.

    Raises:
        DataError: no files, SimpleITK or the command for the brain is not installed, or no
            subject could be registered.
    """
    steps = steps or Steps()
    how = described(card, steps)
    index = index_dataset(card, data_dir, cache)
    if index.layout.kind != "volumes":
        raise DataError(f"dataset {card.name!r} holds 2-D images, expected volumes")
    folder = data_dir / f"{card.name}-mni"
    subjects = [one for one in index.subjects.values() if one.paths]
    done: list[Registered] = []
    failed = {name: "it has no image" for name, one in index.subjects.items() if not one.paths}
    work = []
    for one in subjects:
        key = _key(one, cache, [steps.key, how.versions])
        work.append((one, folder / one.subject, key, steps))
    for count, (subject, result) in enumerate(_each(work, jobs), start=1):
        if isinstance(result, Registered):
            done.append(result)
        else:
            failed[subject] = result
        if progress is not None:
            progress(count, len(work), "registering")
    if not done:
        raise DataError(
            f"no subject of {card.name!r} could be registered; the first: "
            f"{next(iter(failed.values()), 'none has an image')}",
            hint=f"bench data check {card.name}",
        )
    done.sort(key=lambda one: one.subject)
    odd = outliers(done)
    _write_table(folder / TABLE, done, odd, failed)
    return Outcome(folder, tuple(done), failed, odd, how)


def described(card: DatasetCard, steps: Steps) -> Registration:
    """What the card of the result says: the steps, and the versions of what decides it.

    Raises:
        DataError: SimpleITK or the command for the brain is not installed.
    """
    sitk = library("SimpleITK", f"dataset {card.name!r}")
    found = {
        "SimpleITK": sitk.Version.VersionString(),
        "nilearn": version("nilearn"),
        "template": f"sha256 {Template.load(steps.voxel_mm).sha256[:12]}",
    }
    if steps.brain != TEMPLATE:
        found[steps.brain] = EXTRACTIONS[steps.brain].version()
    mask = "given or template's" if steps.brain == TEMPLATE else steps.brain
    return Registration(
        source=card.name,
        steps=[*[N4] * steps.even, f"brain mask ({mask})", "affine onto MNI152"],
        brain=steps.brain,
        voxel_mm=steps.voxel_mm,
        versions=found,
    )


_Work = tuple[SubjectFiles, Path, str, Steps]


def _each(work: Sequence[_Work], jobs: int) -> Iterator[tuple[str, Registered | str]]:
    """The results, or why there is none, as they come."""
    if jobs == 1:
        for one in work:
            yield one[0].subject, _attempt(one)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(_attempt, one): one[0].subject for one in work}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _attempt(work: _Work) -> Registered | str:
    try:
        return register_subject(*work)
    except (BenchError, OSError) as error:
        return str(error)
    except RuntimeError as error:  # ITK's
        return f"ITK cannot register it: {str(error).strip().splitlines()[-1]}"


def outliers(done: Sequence[Registered]) -> dict[str, str]:
    """What is odd, by subject: little overlap, or a growth far from that of the others.

    The likeness counts only where the overlap is not known, because tumours lower it too.
    """
    middle = statistics.median(one.growth for one in done)
    spread = statistics.median(abs(one.growth - middle) for one in done) or 1e-6
    common = [one.likeness - 1 for one in done if one.likeness is not None]
    usual = statistics.median(common) if len(common) > _FEW else 0.0
    found = {}
    for one in done:
        reasons = []
        if one.dice is not None and one.dice < _LEAST_DICE:
            reasons.append(f"its brain overlaps the template's by Dice {one.dice:.2f}")
        if len(done) > _FEW and abs(one.growth - middle) > max(
            _FAR * 1.4826 * spread, 0.2 * middle
        ):
            reasons.append(f"it grew {one.growth:.2f} times, the others {middle:.2f}")
        alike = one.likeness if one.dice is None else None
        if alike is not None and alike - 1 < _LESS_LIKE * usual:
            reasons.append(
                "it is little like the template: mutual information "
                f"{alike:.3f}, the others {1 + usual:.3f}"
            )
        if reasons:
            found[one.subject] = "; ".join(reasons)
    return found


def mni_card(
    card: DatasetCard, subjects: Sequence[SubjectFiles], known: set[str], how: Registration
) -> str:
    """The card of the registered dataset, in TOML.

    Args:
        card: of the original.
        subjects: which of its files were registered.
        known: names of all cards; a task that learns from a dataset which has a registered one
            learns from that.
        how: it was registered.
    """
    content = card.model_dump(mode="json", exclude_defaults=True, exclude_none=True, by_alias=True)
    for key in ("downloads", "mirror", "exclude", "subjects_table", "obtain", "generator"):
        content.pop(key, None)
    name = f"{card.name}-mni"
    modalities = sorted({one for files in subjects for one in files.paths})
    layout: dict[str, object] = {
        "name": "mni",
        "title": "as bench data register writes it",
        "images": {one: f"{{subject}}/{one}.nii.gz" for one in modalities},
        "mask": f"{{subject}}/{MASK}.nii.gz",
    }
    healthy = any(files.labels_mean_lesions for files in subjects)
    if healthy or any(files.labels for files in subjects):
        layout["label"] = f"{{subject}}/{LABEL}.nii.gz"
        if healthy:
            layout["unlabelled"] = "healthy"
        if any(files.values.ignore for files in subjects):
            layout |= {"lesion": [LESION], "ignore": [IGNORED]}
    content |= {"name": name, "title": f"{card.title}, in MNI space", "layouts": [layout]}
    content["registered"] = how.model_dump()
    for task in content.get("tasks", {}).values():
        source = task.get("train_on")
        if source == card.name or f"{source}-mni" in known:
            task["train_on"] = f"{source}-mni"
    return tomlkit.dumps(content)


def updated_card(text: str, how: Registration) -> str:
    """A card as it stands, with how the files were made this time."""
    content = tomlkit.parse(text)
    content["registered"] = how.model_dump()
    return tomlkit.dumps(content)


def _key(files: SubjectFiles, cache: Path, steps: Sequence[object]) -> str:
    roles = [*files.paths.items(), *((f"label {n}", p) for n, p in enumerate(files.labels))]
    roles += [("mask", files.mask)] if files.mask is not None else []
    shas = fingerprint_files([path for _, path in roles], cache)
    meaning = [list(files.values.lesion), list(files.values.ignore)]
    return key_of([VERSION, [[role, shas[path]] for role, path in roles], meaning, list(steps)])


def _write_table(
    path: Path, done: Sequence[Registered], odd: dict[str, str], failed: dict[str, str]
) -> None:
    text = io.StringIO(newline="")
    names = [*(one.name for one in fields(Registered)), "odd", "failed"]
    table = csv.DictWriter(text, names, restval="")
    table.writeheader()
    table.writerows(asdict(one) | {"odd": odd.get(one.subject, "")} for one in done)
    table.writerows({"subject": name, "failed": why} for name, why in sorted(failed.items()))
    write_text(path, text.getvalue())
