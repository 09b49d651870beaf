"""Layouts: where the files of a dataset are, and what their names and values mean."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from bench.cards.base import Card, Name

_PLACE = re.compile(r"\{(\w+)\}")


class TableLayout(Card):
    """A CSV file that holds the classes of images.

    Attributes:
        file: relative to the dataset's folder.
        image: column with what ``{image}`` stands for, or with the whole file name; with or
            without a suffix.
        label: column with the class.
        subject: column with the subject, where there is one. It tells images of one name apart,
            and names the subject where the pattern of the images has no ``{subject}``.
    """

    file: str
    image: str
    label: str
    subject: str | None = None


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
        series: per modality, ``label`` or ``mask``, which DICOM series it is where a folder holds
            several: the series number, or the description with wildcards.
        label: pattern of the label. An image of a normal class without one is normal in every
            pixel; of an abnormal image without one the pixels are unknown, and pixel protocols
            leave it out.
        unlabelled: what a missing label means where no class says it: ``healthy``, or
            ``unknown``; a subject of unknown truth is left out where truth is needed.
        lesion: values of a label that are lesion; all but 0 where none are given.
        ignore: values of a label that are neither lesion nor normal: pixel protocols leave
            them out, and a lesion-free split does not learn from them.
        merge_labels: several label files of one image are put together; else they are refused.
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
    series: dict[str, str] = Field(default_factory=dict)
    label: str | None = None
    unlabelled: Literal["unknown", "healthy"] = "unknown"
    lesion: list[int] = Field(default_factory=list)
    ignore: list[int] = Field(default_factory=list)
    merge_labels: bool = False
    mask: str | None = None
    normal: list[str] = Field(default_factory=list)
    abnormal: list[str] = Field(default_factory=list)
    table: TableLayout | None = None
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
                given = {*_PLACE.findall(one)}
                if self.table is not None and self.table.subject is not None:
                    given |= {"subject"}
                lacking = sorted({*_PLACE.findall(self.id)} - given)
                if lacking:
                    raise ValueError(f"layout {self.name!r}: {one!r} lacks {{{lacking[0]}}} of id")
        if "{class}" in "".join(patterns) and not (self.normal or self.abnormal):
            raise ValueError(f"layout {self.name!r}: {{class}} needs normal or abnormal classes")
        return self

    @model_validator(mode="after")
    def _apart(self) -> Layout:
        both = sorted({*self.normal} & {*self.abnormal})
        if both:
            raise ValueError(
                f"layout {self.name!r}: class {both[0]!r} is in normal and in abnormal"
            )
        roles = {**self.images, **({"label": self.label} if self.label is not None else {})}
        owners: dict[tuple[str, str | None], str] = {}
        for role, pattern in roles.items():
            first = owners.setdefault((pattern, self.series.get(role)), role)
            if first != role:
                raise ValueError(
                    f"layout {self.name!r}: {first} and {role} have the same pattern {pattern!r},"
                    " so one would be measured as the other"
                )
        return self

    @model_validator(mode="after")
    def _series_of_roles(self) -> Layout:
        strange = sorted({*self.series} - {*self.images, "label", "mask"})
        if strange:
            raise ValueError(
                f"layout {self.name!r}: series names {strange[0]!r}, expected one of"
                f" {', '.join([*self.images, 'label', 'mask'])}"
            )
        return self

    @model_validator(mode="after")
    def _label_values(self) -> Layout:
        used = [
            name
            for name, value in (
                ("lesion", self.lesion),
                ("ignore", self.ignore),
                ("merge_labels", self.merge_labels),
                ("unlabelled", self.unlabelled == "healthy"),
            )
            if value
        ]
        if used and self.label is None:
            raise ValueError(f"layout {self.name!r}: {used[0]} needs a pattern `label`")
        both = sorted({*self.lesion} & {*self.ignore})
        if both:
            raise ValueError(f"layout {self.name!r}: value {both[0]} is in lesion and in ignore")
        if 0 in self.lesion:
            raise ValueError(f"layout {self.name!r}: 0 is the background, it cannot be lesion")
        return self

    @property
    def has_truth(self) -> bool:
        """Whether it says which images are abnormal, by labels or by classes."""
        return self.label is not None or bool(self.normal or self.abnormal)
