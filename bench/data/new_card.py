"""Write the card of a user's own dataset."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomlkit
from tomlkit.items import InlineTable, Table

from bench.atomic import write_text
from bench.cards import DatasetCard, parse_card
from bench.data.read.formats import Kind, known_format, suffixes
from bench.errors import UsageError

_BUCKETS: dict[str, tuple[list[int], Literal["all", "none"]]] = {
    "train": ([0, 1, 2, 3, 4, 5], "none"),
    "validation": ([6], "none"),
    "test": ([7, 8, 9], "all"),
}

# Enough to know which format a folder holds.
_MOST_LOOKED_AT = 10_000


@dataclass(frozen=True)
class Answers:
    """What a card needs to know.

    Attributes:
        images: pattern per modality.
        unlabelled: what a missing label means; None says nothing of it.
        train_on: dataset to learn from; None splits the own subjects.
    """

    name: str
    kind: Literal["volumes", "images"]
    images: dict[str, str]
    label: str | None = None
    mask: str | None = None
    subject: str | None = None
    normal: list[str] = field(default_factory=list)
    abnormal: list[str] = field(default_factory=list)
    unlabelled: Literal["unknown", "healthy"] | None = None
    train_on: str | None = None
    colour: Literal["grey", "rgb"] = "grey"
    title: str = ""
    licence: str = "not stated"
    citation: str = "none"


def write_card(answers: Answers, folder: Path, taken: set[str]) -> Path:
    """Write ``NAME.toml``.

    Args:
        answers: what the card says.
        folder: the folder of cards; it is made where it does not exist.
        taken: names of all cards that exist.

    Returns:
        The card's file.

    Raises:
        UsageError: the name is taken, a suffix is not known, or the file cannot be written.
        CardError: the answers do not make a valid card.
    """
    path = folder / f"{answers.name}.toml"
    if answers.name in taken or path.exists():
        raise UsageError(
            f"a dataset card named {answers.name!r} already exists", hint="choose another name"
        )
    _require_readers(answers)
    text = card_text(answers)
    parse_card(tomllib.loads(text), DatasetCard, where=f"the new card {answers.name!r}")
    try:
        write_text(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def proposed_pattern(root: Path, kind: Kind) -> str | None:
    """A pattern for the most frequent format of a folder's files.

    Args:
        root: the dataset's folder.
        kind: ``volume`` or ``image``.

    Returns:
        ``{subject}.mha``, or with folders ``{subject}/*.mha``; None where no file can be read.
    """
    found: Counter[tuple[int, str]] = Counter()
    if root.is_dir():
        for path in itertools.islice(root.rglob("*"), _MOST_LOOKED_AT):
            inside = path.relative_to(root)
            hidden = any(part.startswith(".") for part in inside.parts)
            one = None if hidden or not path.is_file() else known_format(path, kind)
            if one is not None:
                fit = [s for s in one.suffixes if path.name.lower().endswith(s)]
                suffix = path.name[-len(max(fit, key=len)) :] if fit else ""
                found[len(inside.parts) - 1, suffix] += 1
    if not found:
        return None
    (depth, suffix), _ = found.most_common(1)[0]
    place = "{subject}" if kind == "volume" else "{image}"
    if depth == 0 or kind == "image":
        return "*/" * depth + place + suffix
    return place + "/*" * depth + suffix


def notes(answers: Answers) -> list[str]:
    """What a user may not expect of the card, and what to write into it instead."""
    found = []
    images = " ".join(answers.images.values())
    has_classes = bool(answers.normal or answers.abnormal)
    if not (answers.label or has_classes):
        found.append(
            "neither labels nor classes are named, so the card has no task: other datasets can"
            f" learn from it (--train-on {answers.name})"
        )
    if has_classes and "{class}" not in images:
        found.append(
            "no pattern holds {class}: where a table has the classes, add to the card's layout"
            ' table = { file = "labels.csv", image = "COLUMN", label = "COLUMN" }'
        )
    if "{part}" in images and answers.train_on is None:
        found.append(
            "{part} only tells files apart, and subjects are divided by their ids; to keep folders"
            ' as they are, write subjects = { part = "train" } into [splits.train], and so on'
        )
    return found


def _require_readers(answers: Answers) -> None:
    """Refuse patterns that end in a suffix that no reader knows.

    Raises:
        UsageError: naming them, and the suffixes that are known.
    """
    kind: Kind = "volume" if answers.kind == "volumes" else "image"
    given = [*answers.images.values(), answers.label, answers.mask]
    patterns = [one for one in given if one is not None and not one.endswith(("*", "}", "]"))]
    strange = [one for one in patterns if known_format(Path(one), kind) is None]
    if strange:
        raise UsageError(
            f"no reader for {answers.kind} knows the suffix of {', '.join(strange)}; known are"
            f" {', '.join(suffixes(kind))}",
            hint="convert the files to one of these formats, without loss",
        )


def card_text(answers: Answers) -> str:
    """The card in TOML."""
    title = answers.title or answers.name
    has_truth = bool(answers.label or answers.normal or answers.abnormal)
    card = tomlkit.document()
    card["name"] = answers.name
    card["title"] = title
    card["version"] = tomlkit.item(1).comment("raise it when splits or preparation change")
    card["description"] = f"{title}, a dataset of its user."
    card["licence"] = answers.licence
    card["citation"] = answers.citation
    layouts = tomlkit.aot()
    layouts.append(_layout(answers))
    card["layouts"] = layouts
    card["splits"] = _nested(_splits(answers, has_truth))
    if has_truth:
        card["preparation"] = _table(_preparation(answers))
        card["tasks"] = _nested({"lesion": _task(answers, title)})
    return tomlkit.dumps(card)


def _table(content: dict[str, Any]) -> Table:
    table = tomlkit.table()
    table.update(content)
    return table


def _nested(content: dict[str, dict[str, Any]]) -> Table:
    """Tables in a table that has no header of its own: ``[splits.train]``, ``[splits.test]``."""
    table = tomlkit.table(is_super_table=True)
    for key, value in content.items():
        table[key] = _table(value)
    return table


def _inline(content: dict[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(content)
    return table


def _layout(answers: Answers) -> Table:
    table = _table({"name": "own", "title": "as the user has the files", "kind": answers.kind})
    if answers.kind == "images":
        table["id"] = _image_id(answers)
    optional = {
        "subject": answers.subject,
        "label": answers.label,
        "unlabelled": answers.unlabelled,
        "mask": answers.mask,
    }
    table.update({key: value for key, value in optional.items() if value})
    table["images"] = _inline(answers.images)
    classes = {"normal": answers.normal, "abnormal": answers.abnormal}
    table.update({key: value for key, value in classes.items() if value})
    return table


def _image_id(answers: Answers) -> str:
    places = re.findall(r"\{(\w+)\}", next(iter(answers.images.values())))
    if "subject" in places:
        return "{subject}"
    return "-".join(f"{{{one}}}" for one in ("part", "class", "image") if one in places)


def _splits(answers: Answers, has_truth: bool) -> dict[str, dict[str, Any]]:
    if answers.train_on is not None:
        return {"test": {"subjects": "all", "rule": "all that are there"}}
    splits: dict[str, dict[str, Any]] = {}
    for name, (take, abnormal) in _BUCKETS.items():
        if name == "test" and not has_truth:
            continue
        if not has_truth and name == "train":
            take = [*take, 7, 8, 9]
        rule = f"sha256 of the subject's id modulo 10 is {', '.join(map(str, take))}"
        bucket: dict[str, Any] = {"of": 10, "take": take}
        if has_truth:
            bucket["abnormal"] = abnormal
            rule += f"; of abnormal subjects {abnormal}, if there are normal ones"
        splits[name] = {"subjects": _inline(bucket)}
        if abnormal == "none" and has_truth:
            splits[name]["slices"] = "lesion-free"
            rule += "; only what has no lesion"
        splits[name]["rule"] = rule
    return splits


def _preparation(answers: Answers) -> dict[str, Any]:
    if answers.kind == "volumes":
        return {"spacing_mm": [1.0, 1.0, 2.0], "grid": [224, 224, 90]}
    return {"foreground": "whole", "colour": answers.colour}


def _task(answers: Answers, title: str) -> dict[str, Any]:
    task: dict[str, Any] = {"title": title, "channels": [*answers.images]}
    if answers.train_on is not None:
        task["train_on"] = answers.train_on
    if answers.label is None:
        task["protocols"] = ["image-top@1", "image@1", "image-max@1", "image-mean@1"]
    if answers.kind == "images":
        task["headline"] = _inline({"protocol": "image-top@1", "metric": "auroc"})
    return task
