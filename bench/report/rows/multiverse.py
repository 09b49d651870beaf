"""The lines of a task in every universe of the multiverse, and how each pair stands there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import TYPE_CHECKING

from bench.errors import counted_of
from bench.metrics.table import METRICS, sign_of
from bench.report.rows.pick import LineKey, line_key
from bench.report.rows.summary import SummaryRow, summarise
from bench.store.multiverse import KeptMultiverse
from bench.store.records import Record

if TYPE_CHECKING:
    from bench.stats.intervals import Floats

METRIC = "metric"


@dataclass(frozen=True)
class Place:
    """One universe: the option of each choice, the metric among them."""

    choices: Mapping[str, str]
    protocol: str
    metric: str


@dataclass(frozen=True)
class Verse:
    """One task and level under every combination of choices.

    Attributes:
        task: ``dataset/name``.
        level: ``pixel`` or ``image``.
        places: the universes, a full factorial; the first is what bench's headline protocols do.
        rows: per universe, the row of each line.
        lines: that have a number in every universe, by their number in the first one, best first.
        left_out: other lines, and why.
        dropped: options that no line has a number for.
        lacking: how many seeds of a line are not in it, because they failed or no maps were kept.
    """

    task: str
    level: str
    places: tuple[Place, ...]
    rows: tuple[Mapping[LineKey, SummaryRow], ...]
    lines: tuple[LineKey, ...]
    left_out: tuple[tuple[SummaryRow, str], ...]
    dropped: tuple[str, ...]
    lacking: Mapping[LineKey, int] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[LineKey, LineKey]]:
        """All pairs; the first is the better one in the first universe, or equal there."""
        return list(combinations(self.lines, 2))

    def differences(self) -> Floats:
        """(P, U) float64: first minus second of each pair, turned so that higher is better."""
        import numpy as np

        values = np.array(
            [
                [sign_of(place.metric) * (rows[line].value or 0.0) for line in self.lines]
                for place, rows in zip(self.places, self.rows, strict=True)
            ]
        )
        one, two = np.triu_indices(len(self.lines), 1)
        found: Floats = (values[:, one] - values[:, two]).T
        return found


def verses(records: Iterable[Record], kept: Mapping[str, KeptMultiverse]) -> list[Verse]:
    """One per task and level of which at least two lines can be compared.

    Args:
        records: that are reported.
        kept: of `bench.store.multiverse.read_multiverse`, by cell.
    """
    placed: dict[str, tuple[str, Mapping[str, str]]] = {}
    given = []
    lacking: Counter[LineKey] = Counter()
    for record in records:
        mine = kept.get(record.key)
        if mine is None:
            lacking[line_key(record)] += 1
            continue
        placed.update({one.name: (one.level, one.choices) for one in mine.universes})
        protocols = {one.name: one.numbers for one in mine.universes}
        given.append(record.model_copy(update={"protocols": protocols}))
    by_level: dict[tuple[str, str], list[SummaryRow]] = defaultdict(list)
    for row in summarise(given, {}, {}):
        if row.protocol in placed:
            by_level[row.task, placed[row.protocol][0]].append(row)
    found = []
    for task, level in sorted(by_level, key=lambda one: (one[0], one[1] != "pixel")):
        choices = {name: mine for name, (where, mine) in placed.items() if where == level}
        verse = _verse(task, level, by_level[task, level], choices)
        if verse is not None:
            found.append(replace(verse, lacking={one: lacking[one] for one in verse.lines}))
    return found


def _verse(
    task: str, level: str, rows: Sequence[SummaryRow], choices: Mapping[str, Mapping[str, str]]
) -> Verse | None:
    metrics = [name for name in METRICS if name in {row.metric for row in rows}]
    places = [
        Place({**mine, METRIC: metric}, name, metric)
        for name, mine in choices.items()
        for metric in metrics
    ]
    by_place: dict[tuple[str, str], dict[LineKey, SummaryRow]] = {
        (one.protocol, one.metric): {} for one in places
    }
    for row in rows:
        if row.value is not None:
            by_place[row.protocol, row.metric][row.line] = row
    filled = {place: set(found) for place, found in by_place.items()}
    kept, dropped = _factorial(places, filled)
    if not kept:
        return None
    named = {row.line: row for row in rows}
    whole, left_out = [], []
    for line, row in sorted(named.items()):
        numbers = [by_place[one.protocol, one.metric].get(line) for one in kept]
        lacking = sum(one is None for one in numbers)
        if lacking:
            left_out.append((row, f"no number in {counted_of(lacking, len(kept), 'universe')}"))
        elif any(one is not None and one.degenerate for one in numbers):
            left_out.append((row, "constant scores"))
        else:
            whole.append(line)
    first = by_place[kept[0].protocol, kept[0].metric]
    whole.sort(key=lambda line: (-sign_of(kept[0].metric) * (first[line].value or 0.0), line))
    if len(whole) < 2:
        return None
    return Verse(
        task,
        level,
        tuple(kept),
        tuple(by_place[one.protocol, one.metric] for one in kept),
        tuple(whole),
        tuple(left_out),
        tuple(dropped),
    )


def _factorial(
    places: Sequence[Place], filled: Mapping[tuple[str, str], set[LineKey]]
) -> tuple[list[Place], list[str]]:
    """The universes without the options that keep them from being every combination.

    An option goes where no line has a number with it, the emptiest one first (such as whole
    subjects, where all are abnormal).
    """
    kept, dropped = list(places), list[str]()
    while kept:
        options: dict[str, list[str]] = {}
        for place in kept:
            for name, option in place.choices.items():
                if option not in options.setdefault(name, []):
                    options[name].append(option)
        have = {
            tuple(place.choices[name] for name in options): bool(
                filled[place.protocol, place.metric]
            )
            for place in kept
        }
        missing = [one for one in product(*options.values()) if not have.get(one)]
        if not missing:
            break
        counts = {
            (name, option): sum(one[at] == option for one in missing)
            / (sum(1 for other in product(*options.values()) if other[at] == option))
            for at, (name, known) in enumerate(options.items())
            for option in known
        }
        name, option = max(counts, key=lambda one: counts[one])
        dropped.append(f"{name}: {option}")
        kept = [place for place in kept if place.choices[name] != option]
    return kept, dropped
