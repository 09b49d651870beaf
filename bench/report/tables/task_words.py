"""Caption, footnotes and legend of a task's table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import agreed, counted, counted_of
from bench.metrics.table import METRICS
from bench.report.tables import compared_words, wording
from bench.report.tables.table import Text
from bench.report.tables.task_lines import CHOICES, TaskLines
from bench.store.records import ONE_CLASS

_NAMED = 3  # subjects of which it is said what is left out
_POSITIVES = {"pixel": "lesion pixels", "image": "abnormal images", "subject": "abnormal subjects"}


def caption(lines: TaskLines) -> str:
    """What holds for all lines: protocol, subjects, training source, budget, seeds, chance."""
    sentences = [f"Protocol {lines.protocol}.", *_smoothing(lines)]
    if lines.cards.is_synthetic(lines.task):
        sentences.insert(0, "Synthetic images, which say nothing about patients.")
    facts = []
    for title in ("Subjects", "Trained on", "Budget"):
        texts = {CHOICES[title](row) for row in lines.lines} - {""}
        if title == "Trained on":
            facts.append(wording.training_words(lines.lines))
        elif len(texts) == 1:
            facts.append(_fact(title, texts.pop()))
    facts.append(wording.seed_count(lines.lines))
    sentences.append(f"{_capital('; '.join(one for one in facts if one))}.")
    return " ".join([*sentences, *_chance(lines)])


def notes(lines: TaskLines) -> list[Text]:
    """What must be known of single lines."""
    return [
        *_lost_lesions(lines),
        *_unranked(lines),
        *_findings(lines),
        *compared_words.notes(lines),
        *_without_trivial(lines),
        *wording.line_notes(lines.lines, lines.label),
    ]


def legend(lines: TaskLines) -> list[str]:
    """What protocols and signs mean."""
    rows = lines.measured
    texts = []
    for name in (lines.protocol, lines.image_protocol):
        card = lines.cards.protocols.get(name or "")
        if card is not None and rows:
            texts.append(f"{card.id}: {card.description}")
    if any(row.sd is not None for row in rows):
        texts.append(wording.SPREAD)
    return [*texts, *wording.interval_words(rows), *compared_words.legend(lines)]


def _smoothing(lines: TaskLines) -> list[str]:
    """What the protocol does to the maps of all methods alike."""
    card = lines.cards.protocols.get(lines.protocol)
    if card is None or not card.needs_maps:
        return []
    if not card.smoothing:
        return ["Maps are not smoothed."]
    order = "then" if card.absolute == "after" else "after they were"
    return [
        f"All maps are smoothed alike (sd {100 * card.smoothing:g} % of the image's side), "
        f"{order} made absolute where they are signed."
    ]


def _chance(lines: TaskLines) -> list[str]:
    levels = []
    for metric in METRICS.values():
        if metric.name not in lines.metrics or not lines.measured:
            continue
        if metric.chance == "prevalence" and lines.chances:
            what = _POSITIVES[lines.level]
            level = f"{lines.chances[0]} %" if len(lines.chances) == 1 else "as listed"
            levels.append(f"{metric.title} {level} (the share of {what})")
        elif isinstance(metric.chance, float):
            levels.append(f"{metric.title} {100 * metric.chance:g} %")
    return [f"Chance level: {', '.join(levels)}."] if levels else []


def _findings(lines: TaskLines) -> list[Text]:
    """What is odd about the files, each once."""
    said = dict.fromkeys(text for row in lines.lines for text in row.findings)
    return [Text(f"Files: {text}.") for text in said]


def _lost_lesions(lines: TaskLines) -> list[Text]:
    """Says how many lesions of the labels no protocol can see."""
    total, lost = max(
        ((row.lesions, row.lesions - row.lesions_kept) for row in lines.lines),
        key=lambda one: one[1],
        default=(0, 0),
    )
    if not lost:
        return []
    return [
        Text(
            f"Lost: {counted_of(lost, total, 'lesion')} of the test labels {agreed(lost, 'are')} "
            "outside the grid or the foreground of the prepared images; no protocol counts them."
        )
    ]


def _unranked(lines: TaskLines) -> list[Text]:
    """Says what the table's protocols left out of their numbers, each once.

    Not what has one class only: a mean over subjects with lesions has no others by its definition.
    """
    shown = [(lines.protocol, lines.metrics[0])]
    if lines.image_protocol:
        shown.append((lines.image_protocol, "auroc"))
    said: dict[str, None] = {}
    for protocol, metric in shown:
        for line in lines.lines:
            row = lines.other(line, protocol, metric)
            for reason, parts in row.unranked.items() if row else ():
                if reason != ONE_CLASS:
                    said[f"{protocol} leaves out ({reason}): {_first(parts)}."] = None
    return [Text(one) for one in said]


def _first(parts: Sequence[str]) -> str:
    more = len(parts) - _NAMED
    return ", ".join(parts[:_NAMED]) + (
        f", and {counted(more, 'more subject')}" if more > 0 else ""
    )


def _without_trivial(lines: TaskLines) -> list[Text]:
    """Says so where a table has no trivial method to compare the others with."""
    known = sorted(
        name
        for name, one in lines.cards.methods.items()
        if one.family == "trivial" and one.yardstick == "all"
    )
    if not known or not lines.measured or any(lines.is_trivial(row) for row in lines.lines):
        return []
    first = lines.measured[0]
    methods = " ".join(f"--method {name}" for name in known)
    command = f"bench run {methods} --task {lines.task} --train-on {first.train_on}"
    return [
        Text(
            "This table has no trivial method to hold the others against:",
            f"{command} --budget {first.budget}",
        )
    ]


def _fact(title: str, text: str) -> str:
    if title == "Subjects":
        return f"{text} test subject{'' if text == '1' else 's'}"
    return f"{title.lower()} {text}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
