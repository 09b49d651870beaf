"""The images of a subject by their bytes, so that one image under two names is found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.cache.unpacked import Row
from bench.data.files import SubjectFiles
from bench.data.findings import Finding, some
from bench.errors import counted


@dataclass(frozen=True)
class Content:
    """One image.

    Attributes:
        where: its file, and its place in an array.
        sha: sha256 of its bytes.
        subject: whose it is.
        modality: of the image.
        abnormal: what its class says; None where it has none.
        in_array: it is a row of an array, without a file of its own.
        alone: it is the only image of its subject, in 2-D: nobody says whose it is.
    """

    where: str
    sha: str
    subject: str
    modality: str
    abnormal: bool | None = None
    in_array: bool = False
    alone: bool = False


def of_two_classes(group: Iterable[Content]) -> bool:
    """Whether the same image is called normal and abnormal."""
    return {False, True} <= {one.abnormal for one in group}


def of_two_owners(group: Collection[Content]) -> bool:
    """Whether the same image stands for two subjects, or for two modalities.

    Of images that are alone nobody knows whose they are: two of them may be of one person.
    """
    subjects = {one.subject for one in group}
    known = len(subjects) > 1 and not all(one.alone for one in group)
    return known or len({one.modality for one in group}) > 1


def twice_finding(groups: Sequence[Sequence[Content]]) -> Iterator[Finding]:
    """Images that are there more than once and are no error.

    Args:
        groups: of the same image each.
    """
    if groups:
        named = [" and ".join(one.where for one in group[:3]) for group in groups]
        yield Finding(
            "warning",
            "images",
            f"{counted(len(groups), 'image', 'are')} there twice: {some(named)}",
            "nothing, or remove one or name it in `exclude` of the card; each counts as often as it"
            " is there",
        )


def contents(
    files: SubjectFiles, shas: Mapping[Path, str], rows: Mapping[Row, str]
) -> Iterator[Content]:
    """The images of a subject whose sha256 is known.

    Args:
        files: of the subject.
        shas: sha256 by file.
        rows: sha256 by file, part and row.
    """
    for modality, path in files.paths.items():
        if path in shas:
            yield Content(str(path), shas[path], files.subject, modality)
    alone = len(files.image_files) == 1
    for one in files.image_files:
        for modality, path in one.paths.items():
            in_array = one.row is not None
            sha = shas.get(path) if one.row is None else rows.get((path, one.part, one.row))
            if sha is not None:
                where = one.where(path)
                yield Content(
                    where, sha, files.subject, modality, one.abnormal, in_array, alone or in_array
                )
