"""The images of a subject by their bytes, so that one image under two names is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.data.cache.unpacked import Row
from bench.data.files import SubjectFiles


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
    """

    where: str
    sha: str
    subject: str
    modality: str
    abnormal: bool | None = None
    in_array: bool = False


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
    for one in files.image_files:
        for modality, path in one.paths.items():
            in_array = one.row is not None
            sha = shas.get(path) if one.row is None else rows.get((path, one.part, one.row))
            if sha is not None:
                where = one.where(path)
                yield Content(where, sha, files.subject, modality, one.abnormal, in_array)
