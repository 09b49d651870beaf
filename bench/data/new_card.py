"""Write the card of a user's own dataset."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.cards import DatasetCard, parse_card
from bench.errors import UsageError

_BUCKETS = {
    "train": ([0, 1, 2, 3, 4, 5], True),
    "validation": ([6], True),
    "test": ([7, 8, 9], False),
}


@dataclass(frozen=True)
class Answers:
    """What a card needs to know.

    Attributes:
        images: pattern per modality.
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
    train_on: str | None = None
    colour: Literal["grey", "rgb"] = "grey"
    title: str = ""
    licence: str = "not stated"
    citation: str = "none"


def write_card(answers: Answers, folder: Path, taken: set[str]) -> Path:
    """Write ``NAME.toml``.

    Args:
        answers: what the card says.
        folder: where cards lie.
        taken: names of all cards there are.

    Returns:
        The card.

    Raises:
        UsageError: the name is taken, or the file cannot be written.
        CardError: the answers make no card.
    """
    path = folder / f"{answers.name}.toml"
    if answers.name in taken or path.exists():
        raise UsageError(
            f"a dataset card named {answers.name!r} is there already", hint="choose another name"
        )
    text = card_text(answers)
    parse_card(tomllib.loads(text), DatasetCard, where=f"the new card {answers.name!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def card_text(answers: Answers) -> str:
    """The card in TOML."""
    title = answers.title or answers.name
    lines = [
        _line("name", answers.name),
        _line("title", title),
        "version = 1  # raise it when splits or preparation change",
        _line("description", f"{title}, a dataset of its user."),
        _line("licence", answers.licence),
        _line("citation", answers.citation),
        "",
        "[[layouts]]",
        _line("name", "own"),
        _line("title", "as the user lays the files"),
        _line("kind", answers.kind),
    ]
    if answers.kind == "images":
        lines.append(_line("id", _image_id(answers)))
    optional = {"subject": answers.subject, "label": answers.label, "mask": answers.mask}
    lines += [_line(key, value) for key, value in optional.items() if value]
    inner = ", ".join(_line(key, value) for key, value in answers.images.items())
    lines.append(f"images = {{ {inner} }}")
    lines += [_line(key, value) for key, value in _classes(answers).items() if value]
    has_truth = bool(answers.label or answers.normal or answers.abnormal)
    lines += _splits(answers, has_truth)
    if has_truth:
        lines += [*_preparation(answers), *_task(answers, title)]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:  # noqa: ANN401 - what TOML and JSON write alike
    bare = key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)
    return f"{bare} = {json.dumps(value, ensure_ascii=False)}"


def _classes(answers: Answers) -> dict[str, list[str]]:
    return {"normal": answers.normal, "abnormal": answers.abnormal}


def _image_id(answers: Answers) -> str:
    places = re.findall(r"\{(\w+)\}", next(iter(answers.images.values())))
    if "subject" in places:
        return "{subject}"
    return "-".join(f"{{{one}}}" for one in ("part", "class", "image") if one in places)


def _splits(answers: Answers, has_truth: bool) -> list[str]:
    if answers.train_on is not None:
        return ["", "[splits.test]", _line("subjects", "all"), _line("rule", "all that are there")]
    lines = []
    for name, (take, normal_only) in _BUCKETS.items():
        if name == "test" and not has_truth:
            continue
        if not has_truth and name == "train":
            take = [*take, 7, 8, 9]
        rule = f"sha256 of the subject's id modulo 10 is {', '.join(map(str, take))}"
        lines += ["", f"[splits.{name}]", f"subjects = {{ of = 10, take = {json.dumps(take)} }}"]
        if normal_only and has_truth:
            lines.append(_line("slices", "lesion-free"))
            rule += "; only what has no lesion"
        lines.append(_line("rule", rule))
    return lines


def _preparation(answers: Answers) -> list[str]:
    if answers.kind == "volumes":
        return ["", "[preparation]", "spacing_mm = [1.0, 1.0, 2.0]", "grid = [224, 224, 90]"]
    return ["", "[preparation]", _line("foreground", "whole"), _line("colour", answers.colour)]


def _task(answers: Answers, title: str) -> list[str]:
    lines = ["", "[tasks.lesion]", _line("title", title)]
    lines.append(_line("channels", [*answers.images]))
    if answers.train_on is not None:
        lines.append(_line("train_on", answers.train_on))
    if answers.label is None:
        lines.append(_line("protocols", ["image@1", "image-max@1", "image-mean@1"]))
    if answers.kind == "images":
        lines.append('headline = { protocol = "image@1", metric = "auroc" }')
    return lines
