"""Layouts: where the files of a dataset are, and what their names and values mean."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from bench.cards.base import Card, Name

_PLACE = re.compile(r"\{(\w+)\}")


class Table(Card):
    """A CSV file that holds the classes of images.

    Attributes:
        file: relative to the dataset's folder.
        image: column with what ``{image}`` stands for, with or without a suffix.
        label: column with the class.
    """

    file: str
    image: str
    label: str


class Layout(Card):
    """One way the files of a dataset can lie on disk.

    Patterns are relative to the dataset's folder; ``*`` stands for anything within one path
    part, and what stands in brackets may be absent: ``{part}/[img/]{image}.png``. Three kinds:

    - ``volumes``: ``{subject}`` is the subject's id. With ``{visit}`` a subject may have several
      volumes; the first by name that has the most files stands for the subject.
    - ``images``: 2-D images, any number of each subject. ``{image}`` tells the images of a
      subject apart, ``{class}`` is one of ``normal`` and ``abnormal``, ``{part}`` a folder that
      the publisher split by.
    - ``medmnist``: an ``.npz`` with arrays ``<part>_images`` and ``<part>_labels``. It has no
      patient ids: ``block`` consecutive images of a part stand for a subject.

    Attributes:
        subject: regular expression of ``{subject}``.
        image: regular expression of ``{image}``.
        id: the subject's id, made of ``{subject}``, ``{part}``, ``{class}`` and ``{image}``.
        images: pattern per modality.
        label: pattern of the label; non-zero is lesion. Images of a normal class need none.
        mask: pattern of a given foreground mask.
        normal: classes without lesions.
        abnormal: classes with lesions. Files of other classes do not belong to the dataset.
        table: where the classes stand, if not in ``{class}``.
        block: images that stand for a subject, ``medmnist`` only.
    """

    name: Name
    title: str
    kind: Literal["volumes", "images", "medmnist"] = "volumes"
    subject: str = r"[^/]+?"
    image: str = r"[^/]+?"
    id: str = "{subject}"
    images: dict[str, str] = Field(min_length=1)
    label: str | None = None
    mask: str | None = None
    normal: list[str] = Field(default_factory=list)
    abnormal: list[str] = Field(default_factory=list)
    table: Table | None = None
    block: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _placeholders(self) -> Layout:
        known = {
            "volumes": {"subject", "visit"},
            "images": {"subject", "image", "class", "part"},
            "medmnist": set(),
        }[self.kind]
        patterns = [*self.images.values(), self.label or "", self.mask or ""]
        strange = sorted({n for one in patterns for n in _PLACE.findall(one)} - known)
        if strange:
            raise ValueError(
                f"layout {self.name!r}: a pattern of kind {self.kind!r} may hold"
                f" {', '.join(f'{{{one}}}' for one in sorted(known)) or 'no placeholder'},"
                f" not {', '.join(f'{{{one}}}' for one in strange)}"
            )
        if self.kind == "images":
            for one in self.images.values():
                lacking = sorted({*_PLACE.findall(self.id)} - {*_PLACE.findall(one)})
                if lacking:
                    raise ValueError(f"layout {self.name!r}: {one!r} lacks {{{lacking[0]}}} of id")
        if "{class}" in "".join(patterns) and not (self.normal or self.abnormal):
            raise ValueError(f"layout {self.name!r}: {{class}} needs normal or abnormal classes")
        return self

    @property
    def has_truth(self) -> bool:
        """Whether it says which images are abnormal, by labels or by classes."""
        return self.label is not None or bool(self.normal or self.abnormal)
