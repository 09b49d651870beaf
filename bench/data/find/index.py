"""Find the files and subjects of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cards import DatasetCard, Layout
from bench.data.files import Match, SubjectFiles
from bench.data.find.generated import generated_root
from bench.data.find.layouts import match_layout
from bench.data.find.splits import split_ids
from bench.errors import DataError, allowed, counted


@dataclass(frozen=True)
class Index:
    """The files of a dataset.

    Attributes:
        root: the dataset's folder.
        layout: the layout that fits the most subjects, the first of the card among equals.
        subjects: files by subject id, sorted by id, in that layout.
        matches: what every layout of the card finds, in the card's order. `select` chooses
            among them again, by the channels it is asked for.
    """

    card: DatasetCard
    root: Path
    layout: Layout
    subjects: dict[str, SubjectFiles]
    matches: tuple[Match, ...]


def index_dataset(card: DatasetCard, data_dir: Path | None, cache: Path) -> Index:
    """Find the files of a dataset.

    Args:
        card: the dataset.
        data_dir: folder that holds a folder per dataset, named as the card; not needed for
            datasets with a generator.
        cache: the cache folder; generated files are in ``generated/<module>-<version>``.

    Raises:
        DataError: no folder, no file in it that a layout of the card expects, or a file whose name
            is not UTF-8 text. A generated dataset may be empty: `select` makes what it needs.
        CardError: a pattern or the generator cannot be used.
    """
    if card.generator is not None:
        root = generated_root(card, card.generator, cache)
        listed = {one for name in card.splits for one in split_ids(card, name)}
        matches = tuple(only(m, listed) for m in _match_all(card, root))
    else:
        root = _ordinary_root(card, data_dir)
        matches = _match_all(card, root)
        _require_text(matches, root)
        if not any(one.subjects for one in matches):
            raise DataError(
                f"no file of dataset {card.name!r} in {root}; expected one of: "
                + "; ".join(_first_pattern(layout) for layout in card.layouts)
                + "".join(f"\n  {one}" for one in _why_none(matches)),
                hint=f"bench data list, and the card {card.name}.toml, say where files must be",
            )
    best = max(matches, key=lambda one: sum(bool(s.modalities) for s in one.subjects.values()))
    return Index(card, root, best.layout, best.subjects, matches)


# --- folders ------------------------------------------------------------------------------------


def _ordinary_root(card: DatasetCard, data_dir: Path | None) -> Path:
    if data_dir is None:
        raise DataError(
            f"dataset {card.name!r} needs a data folder",
            hint=f"say --data-dir DIR or set BENCH_DATA; DIR/{card.name} must hold the files",
        )
    root = data_dir / card.name
    if root.is_dir():
        return root
    if not data_dir.is_dir():
        raise DataError(
            f"the data folder {data_dir} does not exist",
            hint=f"say --data-dir DIR or set BENCH_DATA; DIR/{card.name} must hold the files",
        )
    folders = [one.name for one in data_dir.glob("*") if one.is_dir()]
    raise DataError(
        f"no folder {root} for dataset {card.name!r}; {allowed(card.name, folders)}",
        hint=f"put the files into {root}, or name another folder with --data-dir",
    )


def _match_all(card: DatasetCard, root: Path) -> tuple[Match, ...]:
    return tuple(match_layout(card.name, layout, root, card.exclude) for layout in card.layouts)


def _require_text(matches: Sequence[Match], root: Path) -> None:
    """Refuse names of files that no record, key or table can hold.

    Raises:
        DataError: one of them is not UTF-8 text.
    """
    for path in (p for one in matches for files in one.subjects.values() for p in files.files):
        try:
            str(path.relative_to(root)).encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(
                f"the name of {path} is not UTF-8 text, as that of an old archive",
                hint="rename the file, for example with: convmv -f latin1 -t utf-8 --notest FILE",
            ) from error


def only(match: Match, ids: set[str]) -> Match:
    """A match without the subjects of other cards that share the generated folder."""
    return replace(match, subjects={s: f for s, f in match.subjects.items() if s in ids})


def _why_no_class(layout: Layout) -> str:
    if layout.table is None and not any("{class}" in one for one in layout.images.values()):
        return ": no pattern of the images holds {class}, and the layout names no `table`"
    return ""


def _first_pattern(layout: Layout) -> str:
    return f"{next(iter(layout.images.values()))} (layout {layout.name!r})"


def _why_none(matches: Sequence[Match]) -> Iterator[str]:
    """Files that are there, and why none of them counts."""
    for match in matches:
        where = f"layout {match.layout.name!r}"
        if match.unread:
            suffixes = ", ".join(sorted({one.path.suffix or "none" for one in match.unread}))
            yield (
                f"{where}: {counted(len(match.unread), 'file', 'have')} a suffix that is not "
                f"read ({suffixes})"
            )
        if match.strays:
            yield (
                f"{where}: {counted(len(match.strays), 'file', 'have')} none of the classes "
                f"{', '.join([*match.layout.normal, *match.layout.abnormal])}"
                f"{_why_no_class(match.layout)}"
            )
        if match.table_rows:
            shown = ", ".join(match.table_rows[:3])
            yield (
                f"{where}: the table names {counted(len(match.table_rows), 'image')} without a "
                f"file, such as {shown}"
            )
        if any(match.excluded.values()):
            yield (
                f"{where}: {counted(sum(match.excluded.values()), 'file', 'are')} excluded by"
                " the card"
            )
