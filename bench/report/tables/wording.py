"""Words that several tables share: labels of lines, counts, footnotes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bench.errors import counted, counted_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import LineKey
from bench.report.rows.summary import SummaryRow
from bench.report.tables.table import PLUS_MINUS, Text, one_line
from bench.stats.limits import LEAST_SUBJECTS, RESAMPLES

SPREAD = f"{PLUS_MINUS}: standard deviation over seeds (ddof 1); a dash with one seed."
AVERAGE_SPREAD = f"{PLUS_MINUS} of an average over tasks: a dash also where these have other seeds."
INTERVAL = (
    f"[low, high]: 95 % interval over test subjects, by bootstrap ({RESAMPLES:,} resamples, "
    "Student's t on the logit; over several seeds, their variance is added). In simulations with "
    "skewed subjects it covered 88 to 98 % with 5 to 40 subjects (84 to 90 % of an AUROC near 1); "
    f"with fewer than {LEAST_SUBJECTS} it says next to nothing, and none is printed."
)
OLD_INTERVAL = (
    "[low, high] in records of an older bench: percentile interval by bootstrap over test "
    "subjects, averaged over seeds. In simulations it covered 63 to 94 % with 5 to 40 subjects."
)


def interval_words(rows: Iterable[SummaryRow]) -> list[str]:
    """What the intervals of some lines are."""
    kinds = {bool(row.resampled) for row in rows if row.low is not None}
    return [text for new, text in ((True, INTERVAL), (False, OLD_INTERVAL)) if new in kinds]


# How a record names a file that is the value of a setting; twelve digits tell files apart.
_CONTENT = re.compile(r"sha256:[0-9a-f]{64}")
_CONTENT_SHOWN = len("sha256:") + 12


def name_with_settings(method: str, config: Mapping[str, object]) -> str:
    """``proxyano (proxy=edge)``: a method with the settings that are not its defaults."""
    return _tagged(method, _settings(config))


def line_label(row: SummaryRow, cards: Cards, *more: str) -> str:
    """A method with what sets this line of it apart: ``proxyano (proxy=edge)``."""
    tags = _settings(row.config)
    card = cards.methods.get(row.method)
    if card is not None and card.family == "trivial":
        tags.append("trivial")
    if row.degenerate:
        tags.append("degenerate")
    if row.untrained:
        tags.append("not yet trained")
    if row.stale:
        tags.append(f"stale, {row.stale}")
    return _tagged(row.method, [*tags, *more])


def _settings(config: Mapping[str, object]) -> list[str]:
    return [f"{key}={_setting(value)}" for key, value in config.items()]


def _tagged(method: str, tags: Sequence[str]) -> str:
    return one_line(f"{method} ({', '.join(tags)})" if tags else method)


def subject_count(row: SummaryRow) -> str:
    """``2 of 30``, or ``30`` where all subjects of the split were tested."""
    if row.test_subjects == row.test_expected:
        return str(row.test_subjects)
    return f"{row.test_subjects} of {row.test_expected}"


def training_words(rows: Iterable[SummaryRow]) -> str:
    """``trained on 64 subjects, 3,495 images of ixi``; empty without any line.

    Where lines differ, each amount comes once; with the budgets where one source gave several.
    """
    known = [row for row in rows if row.train_on]
    measured = [row for row in known if row.seeds] or known
    amounts: dict[str, dict[str, set[str]]] = {}
    for row in sorted(measured, key=lambda row: (row.train_on or "", row.train_subjects or 0)):
        of_source = amounts.setdefault(row.train_on or "", {})
        of_source.setdefault(_amount(row), set()).add(row.budget or "")
    words = [
        amount + (f" (budget {', '.join(sorted(budgets))})" if len(of_source) > 1 else "")
        for of_source in amounts.values()
        for amount, budgets in of_source.items()
    ]
    return f"trained on {'; on '.join(words)}" if words else ""


def _amount(row: SummaryRow) -> str:
    if not row.train_subjects:  # hand-made records
        return row.train_on or ""
    images = "" if row.train_images is None else f", {counted(row.train_images, 'image')}"
    return f"{counted(row.train_subjects, 'subject')}{images} of {row.train_on}"


def in_place_of_number(row: SummaryRow) -> str:
    """What a cell says where a line has no value."""
    if row.status == "skipped" and "no maps" in (row.reason or ""):
        return "no map"
    return "not computed" if row.status == "missing" else row.status


def seed_count(rows: Iterable[SummaryRow]) -> str:
    """``3 seeds``, or ``1 to 3 seeds`` where lines differ; empty without any."""
    counts = sorted({row.seeds for row in rows if row.seeds})
    if not counts:
        return ""
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} seeds"
    return counted(counts[0], "seed")


def seed_notes(counts: Iterable[tuple[str, str, int]]) -> list[Text]:
    """Which lines have how many seeds, where they differ: ``Seeds: 3, but 1 of pca``.

    Args:
        counts: name of the line, where it stands (a task), and its seeds; 0 is passed over.
    """
    by_name: dict[str, dict[str, int]] = {}
    for name, place, seeds in counts:
        if seeds:
            by_name.setdefault(name, {})[place] = seeds
    numbers = Counter(seeds for places in by_name.values() for seeds in places.values())
    if len(numbers) < 2:
        return []
    usual = min(numbers, key=lambda one: (-numbers[one], -one))
    others: dict[int, list[str]] = {}
    for name, places in by_name.items():
        for seeds in sorted(set(places.values()) - {usual}, reverse=True):
            some = [place for place, one in places.items() if one == seeds]
            where = "" if len(some) == len(places) else f" on {' and '.join(some)}"
            others.setdefault(seeds, []).append(f"{name}{where}")
    said = [f"{seeds} of {', '.join(others[seeds])}" for seeds in sorted(others, reverse=True)]
    return [Text(f"Seeds: {usual}, but {'; '.join(said)}.")]


def line_notes(rows: Iterable[SummaryRow], label: Mapping[LineKey, str]) -> list[Text]:
    """Footnotes on single lines: failures, missing seeds, constant scores, no learning.

    Args:
        rows: lines in printed order.
        label: name of each line. Lines with one reason share a note.
    """
    notes: list[Text] = []
    kept = list(rows)
    sharing: dict[str, list[str]] = {}
    for row in kept:
        if row.reason and row.status != "missing":
            sharing.setdefault(row.reason, []).append(label[row.line])
    for row in kept:
        name = label[row.line]
        if row.reason and row.status == "missing":
            command = f"bench rescore --protocol {row.protocol}"
            notes.append(Text(f"{name}: {one_line(row.reason)};", command))
        elif row.reason and (names := sharing.pop(row.reason, [])):
            notes.append(Text(f"{', '.join(names)}: {one_line(row.reason)}"))
        if row.degenerate:
            notes.append(Text(f"{name}: constant scores, so the number says nothing of the method"))
        if row.untrained:
            notes.append(Text(f"{name}: {_untrained(row)}"))
        if row.adapted:
            notes.append(Text(f"{name}: {one_line('; '.join(row.adapted))}"))
        if row.left_out:
            what = f"{counted(row.left_out, 'record')} of another version or other files"
            notes.append(Text(f"{name}: not in the number: {what}"))
    return notes


def _untrained(row: SummaryRow) -> str:
    count, seeds = row.unlearned
    if seeds > 1:
        return (
            f"in {counted_of(count, seeds, 'seed')} its error on normal validation images is not "
            "smaller than that of the image's own median or of the mean training image, so there "
            "it has learned no more than these"
        )
    ratio = row.error_ratio
    size = "not smaller than" if ratio is None or ratio < 1 else f"{ratio:.2f} times"
    return (
        f"its error on normal validation images is {size} that of the image's own median or of "
        "the mean training image, so it has learned no more than these"
    )


def _setting(value: object) -> str:
    if isinstance(value, str) and _CONTENT.fullmatch(value):
        return value[:_CONTENT_SHOWN]
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
