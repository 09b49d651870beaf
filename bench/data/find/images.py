"""Which 2-D images of a folder belong to which subject, with their classes and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from bench.cards import Layout
from bench.data.files import ImageFiles, LabelValues, Match, SubjectFiles, Unread, safe_id
from bench.data.find.class_tables import Attached, ClassTable, Row, read_table
from bench.data.find.exclusion import Exclusion
from bench.data.find.patterns import Found, matches
from bench.data.find.suffixes import is_companion, is_read
from bench.errors import DataError, counted


@dataclass(frozen=True)
class _Image:
    """A file of an image, with what is known of it by its place or by a table."""

    file: Found
    subject: str
    name: str
    abnormal: bool | None


@dataclass
class _Sorted:
    """The files of all modalities."""

    images: dict[tuple[str, str], dict[str, list[_Image]]] = field(default_factory=dict)
    strays: list[Path] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    companions: list[Path] = field(default_factory=list)


def match_images(dataset: str, layout: Layout, root: Path, exclusion: Exclusion) -> Match:
    """What a layout of 2-D images finds; the arguments and errors of `match_layout`."""
    beside = {
        role: _Beside.of(role, matches(dataset, layout, pattern, root))
        for role, pattern in (("label", layout.label), ("mask", layout.mask))
        if pattern is not None
    }
    taken = {path for one in beside.values() for path in one.all_paths}
    found = _Sorted()
    for one in beside.values():
        found.unread += one.unread
        found.companions += one.companions
    table = _Classes.read(dataset, layout, root, exclusion)
    rows: list[set[str]] = []
    for modality, pattern in layout.images.items():
        files = [one for one in matches(dataset, layout, pattern, root) if one.path not in taken]
        # A companion can have the suffix of an image only where the pattern leaves it open.
        named = [one for one in files if not is_companion(one.path)]
        found.companions += [one.path for one in files if is_companion(one.path)]
        images, strays, unused = table.classify(named)
        rows.append(unused)
        found.strays += strays
        _sort(images, modality, found, beside, exclusion, root)
    subjects, doubles = _subjects(dataset, layout, found, beside)
    shared = _shared(subjects.values())
    return Match(
        layout,
        subjects,
        doubles,
        strays=tuple(found.strays),
        unread=tuple(found.unread),
        companions=tuple(found.companions),
        shared_labels=shared,
        orphans=tuple(path for one in beside.values() for path in one.orphans),
        table_rows=tuple(sorted(set.intersection(*rows))) if rows else (),
        excluded=dict(exclusion.counts),
    )


def _sort(
    images: Iterable[_Image],
    modality: str,
    found: _Sorted,
    beside: dict[str, _Beside],
    exclusion: Exclusion,
    root: Path,
) -> None:
    unread = []
    for one in images:
        path, file = one.file.path, one.file
        for role in beside.values():
            role.paths(file)
        raw = file.get("subject")
        inside = PurePosixPath(path.relative_to(root).as_posix())
        if exclusion.takes(inside, one.subject, *filter(None, [raw, file.get("image")])):
            continue
        if is_read(path):
            key = (one.subject, one.name)
            found.images.setdefault(key, {}).setdefault(modality, []).append(one)
        else:
            unread.append(one)
    for one in unread:
        path = one.file.path
        if modality in found.images.get((one.subject, one.name), {}):
            found.companions.append(path)  # the same image, once more
        else:
            part = one.file.get("part")
            found.unread.append(Unread(path, modality, one.subject, part, one.abnormal))


def _subjects(
    dataset: str, layout: Layout, found: _Sorted, beside: dict[str, _Beside]
) -> tuple[dict[str, SubjectFiles], dict[tuple[str, str], tuple[Path, ...]]]:
    of_subject: dict[str, list[ImageFiles]] = {}
    doubles: dict[tuple[str, str], tuple[Path, ...]] = {}
    for (subject, name), files in sorted(found.images.items()):
        first = next(iter(files.values()))[0]
        paths = {modality: [one.file.path for one in some] for modality, some in files.items()}
        paths |= {role: one.paths(first.file) for role, one in beside.items()}
        labels = paths.pop("label", []) if layout.merge_labels else []
        for role, some in paths.items():
            if len(some) > 1:
                doubles[subject, role] = (*doubles.get((subject, role), ()), *some)
        single = {role: some[0] for role, some in paths.items() if len(some) == 1}
        label = labels[0] if labels else single.get("label")
        healthy = layout.unlabelled == "healthy" and label is None and first.abnormal is None
        of_subject.setdefault(subject, []).append(
            ImageFiles(
                name=name,
                paths={one: single[one] for one in layout.images if one in single},
                label=label,
                more_labels=tuple(labels[1:]),
                mask=single.get("mask"),
                abnormal=False if healthy else first.abnormal,
                part=first.file.get("part"),
            )
        )
    lesions = {one.label for some in of_subject.values() for one in some if one.abnormal}
    own = {
        subject: tuple(_own_label(one, lesions) for one in some)
        for subject, some in of_subject.items()
    }
    # A property of the dataset, decided once for all its subjects.
    labelled = any(one.label is not None for some in own.values() for one in some)
    subjects = {
        subject: SubjectFiles(
            dataset,
            subject,
            {},
            image_files=some,
            values=LabelValues(tuple(layout.lesion), tuple(layout.ignore)),
            pixel_labels=labelled,
        )
        for subject, some in own.items()
    }
    return subjects, doubles


def _own_label(files: ImageFiles, lesions: set[Path | None]) -> ImageFiles:
    """Of good/01 and bad/01, the one label/01 belongs to the abnormal image."""
    if files.abnormal is False and files.label in lesions:
        return replace(files, label=None, more_labels=())
    return files


def _shared(subjects: Iterable[SubjectFiles]) -> dict[Path, tuple[str, ...]]:
    users: dict[Path, list[str]] = {}
    for subject in subjects:
        for one in subject.image_files:
            for path in one.labels:
                users.setdefault(path, []).append(f"{subject.subject}/{one.name}")
    return {path: tuple(names) for path, names in users.items() if len(names) > 1}


# --- classes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Classes:
    """Says of each file whose image it is, and whether it is abnormal."""

    dataset: str
    layout: Layout
    root: Path
    table: ClassTable | None

    @classmethod
    def read(cls, dataset: str, layout: Layout, root: Path, exclusion: Exclusion) -> _Classes:
        table = None
        if layout.table is not None:
            table = read_table(root, layout.table, exclusion.counts)
        return cls(dataset, layout, root, table)

    def classify(self, files: list[Found]) -> tuple[list[_Image], list[Path], set[str]]:
        """The images, the files that have none of the classes, and rows without a file."""
        images, strays = [], []
        rows, unused = self._rows(files)
        for file in files:
            row = rows.get(file.path)
            kind = file.get("class") if self.layout.table is None else (row.kind if row else "")
            abnormal: bool | None = None
            if self.layout.normal or self.layout.abnormal:
                if kind not in (*self.layout.normal, *self.layout.abnormal):
                    strays.append(file.path)
                    continue
                abnormal = kind in self.layout.abnormal
            elif self.layout.table is not None and row is None:
                strays.append(file.path)
                continue
            images.append(self._image(file, row, abnormal))
        return images, strays, unused

    def _rows(self, files: list[Found]) -> tuple[dict[Path, Row], set[str]]:
        if self.table is None:
            return {}, set()
        attached = self.table.attach(files)
        for line, paths in attached.users.items():
            if len({path for path in paths if is_read(path)}) > 1:
                raise DataError(
                    f"line {line} of {self.table.path} fits {counted(len(paths), 'image')}: "
                    f"{', '.join(map(str, paths[:3]))}",
                    hint="name the column of subjects in the card: table = { ..., subject = ... }",
                )
        self._require_known_classes(attached)
        return attached.rows, {row.image for row in attached.unused}

    def _require_known_classes(self, attached: Attached) -> None:
        known = [*self.layout.normal, *self.layout.abnormal]
        kinds = {row.kind for row in attached.rows.values()}
        if self.table is not None and known and kinds and not kinds & {*known}:
            shown = ", ".join(map(repr, sorted(kinds)[:10])) + (", …" if len(kinds) > 10 else "")
            raise DataError(
                f"none of the {counted(len(attached.rows), 'image')} in {self.table.path} has a "
                f"class of the card: found {shown}, expected {', '.join(map(repr, known))}",
                hint="write the classes in `normal` and `abnormal` of the card as the table does",
            )

    def _image(self, file: Found, row: Row | None, abnormal: bool | None) -> _Image:
        places = dict(file.places)
        if row is not None and row.subject:
            places.setdefault("subject", row.subject)
        subject = safe_id(
            self.layout.id.format_map(places), f"card {self.dataset!r}, file {file.path}"
        )
        name = "-".join(filter(None, map(file.get, ("part", "class", "image")))) or subject
        return _Image(file, subject, name, abnormal)


# --- labels and masks ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Beside:
    """Labels or masks, found by those places of an image's pattern that theirs shares."""

    places: tuple[str, ...]
    files: dict[tuple[str, ...], list[Path]]
    unread: tuple[Unread, ...]
    companions: tuple[Path, ...]
    used: set[tuple[str, ...]] = field(default_factory=set)

    @classmethod
    def of(cls, role: str, found: Iterator[Found]) -> _Beside:
        places: tuple[str, ...] = ()
        files: dict[tuple[str, ...], list[Path]] = {}
        unread, companions = [], []
        for one in found:
            if is_read(one.path):
                places = tuple(sorted(one.places))
                files.setdefault(tuple(map(one.get, places)), []).append(one.path)
            elif is_companion(one.path):
                companions.append(one.path)
            else:
                unread.append(Unread(one.path, role))
        return cls(places, files, tuple(unread), tuple(companions))

    @property
    def all_paths(self) -> Iterator[Path]:
        """Every file that fits the pattern, read or not."""
        for paths in self.files.values():
            yield from paths
        yield from (one.path for one in self.unread)
        yield from self.companions

    @property
    def orphans(self) -> list[Path]:
        """Files for which no image has asked."""
        return [path for key, paths in self.files.items() if key not in self.used for path in paths]

    def paths(self, image: Found) -> list[Path]:
        """The files of an image."""
        key = tuple(map(image.get, self.places))
        self.used.add(key)
        return self.files.get(key, [])
