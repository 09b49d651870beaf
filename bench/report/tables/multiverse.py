"""What the multiverse says: which choice turns orders, and how each pair of methods stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import counted, counted_of
from bench.metrics.table import sign_of, title_of
from bench.report.rows.cards import Cards
from bench.report.rows.multiverse import METRIC, Verse
from bench.report.rows.pick import LineKey
from bench.report.tables import wording
from bench.report.tables.comparing import compare_rows
from bench.report.tables.table import Cell, Column, Number, Table, Text

if TYPE_CHECKING:
    from bench.stats.intervals import Floats

_TITLES = {"pixel": "pixels", "image": "images"}
_ORDER = (
    "Order of a pair: the sign of the difference of the two numbers on the same subjects (means "
    "over seeds), exact; equal numbers turn nothing. Shown: after the paired test of the tables, "
    "with Holm's correction over all pairs of the universe."
)
_CHOICE_LEGEND = (
    "Universe: one combination of the options of all choices; all of them are tried on the same "
    "kept maps.",
    _ORDER,
    "Turned alone: of all pairs of methods and pairs of universes that differ in this choice "
    "alone, how many have opposite orders.",
    "Share of the order: of the variance of the order over universes, what the choice explains by "
    "itself (main effect in a full factorial, added over pairs); the last line is what choices "
    "explain together.",
    "Share of the difference: the same of the size of the difference, each metric in units of its "
    "own spread, so that the metric itself has no share.",
)
_PAIR_LEGEND = (
    _ORDER,
    "Ahead: in how many of the universes the first is the better one; Behind: the second.",
    "Shown ahead and Shown behind: in how many that is shown. A pair with both is turned round "
    "by choice, and not by chance.",
    "Turned most by: the choice that, changed alone, turns this pair most often.",
)


@dataclass(frozen=True)
class Standing:
    """How one pair of lines stands over all universes, as counts of them.

    Attributes:
        ahead: the first is better.
        behind: the second is better.
        shown_ahead: the first is shown to be better.
        shown_behind: the second is shown to be better.
        most: the choice that alone turns the pair most often; empty where none does.
    """

    first: LineKey
    second: LineKey
    ahead: int
    behind: int
    shown_ahead: int
    shown_behind: int
    most: str

    @property
    def flips(self) -> bool:
        """Whether both orders occur."""
        return self.ahead > 0 and self.behind > 0

    @property
    def flips_shown(self) -> bool:
        """Whether both orders occur and are shown."""
        return self.shown_ahead > 0 and self.shown_behind > 0


@dataclass(frozen=True)
class Told:
    """A verse with what is computed of it.

    Attributes:
        standings: of each pair.
        alone: per choice, how often it alone turns an order; see `turned_alone`.
        order: per choice, its share of the variance of the order; empty where none turns.
        size: per choice, its share of the variance of the difference.
        label: name of each line.
    """

    verse: Verse
    standings: tuple[Standing, ...]
    alone: Mapping[str, float]
    order: Mapping[str, float]
    size: Mapping[str, float]
    label: Mapping[LineKey, str]

    @property
    def name(self) -> str:
        """``dataset/name, pixels``."""
        return f"{self.verse.task}, {_TITLES.get(self.verse.level, self.verse.level)}"

    def options(self, choice: str) -> list[str]:
        """The options of a choice, in their order; metrics by their titles."""
        found = list(dict.fromkeys(one.choices[choice] for one in self.verse.places))
        return [title_of(one) for one in found] if choice == METRIC else found


def tell(verse: Verse, cards: Cards) -> Told:
    """Compute what is said of a verse."""
    import numpy as np

    from bench.stats.multiverse import turned_alone, variance_shares

    differences = verse.differences()
    signs = np.sign(differences)
    choices = [one.choices for one in verse.places]
    return Told(
        verse,
        _standings(verse, signs),
        turned_alone(signs, choices),
        variance_shares(signs, choices),
        _size_shares(verse, differences),
        _labels(verse, cards),
    )


def _standings(verse: Verse, signs: Floats) -> tuple[Standing, ...]:
    from bench.stats.multiverse import turned_alone

    choices = [one.choices for one in verse.places]
    shown: dict[tuple[LineKey, LineKey], list[int]] = {pair: [0, 0] for pair in verse.pairs}
    for place, rows in zip(verse.places, verse.rows, strict=True):
        compared = compare_rows([rows[line] for line in verse.lines], sign=sign_of(place.metric))
        for (one, two), counts in shown.items():
            found = compared.pair(rows[one], rows[two])
            if found is not None:
                counts[0] += found.verdict == "first is better"
                counts[1] += found.verdict == "second is better"
    standings = []
    for ((one, two), counts), mine in zip(shown.items(), signs, strict=True):
        alone = turned_alone(mine[None], choices)
        most = max(alone, key=lambda name: alone[name], default="")
        standings.append(
            Standing(
                first=one,
                second=two,
                ahead=int((mine > 0).sum()),
                behind=int((mine < 0).sum()),
                shown_ahead=counts[0],
                shown_behind=counts[1],
                most=most if alone.get(most, 0.0) > 0 else "",
            )
        )
    return tuple(standings)


def _size_shares(verse: Verse, differences: Floats) -> dict[str, float]:
    """Shares of the variance of differences, over the choices other than the metric."""
    import numpy as np

    from bench.stats.multiverse import variance_shares

    parts, others = [], list[dict[str, str]]()
    for metric in dict.fromkeys(one.metric for one in verse.places):
        at = [i for i, one in enumerate(verse.places) if one.metric == metric]
        own = differences[:, at]
        spread = float(np.sqrt(((own - own.mean(axis=1, keepdims=True)) ** 2).mean()))
        parts.append(own / (spread or 1.0))
        others = [{k: v for k, v in verse.places[i].choices.items() if k != METRIC} for i in at]
    return variance_shares(np.concatenate(parts), others)


def _labels(verse: Verse, cards: Cards) -> dict[LineKey, str]:
    """Names of the lines, with budget and training source where they differ in them."""
    rows = [verse.rows[0][line] for line in verse.lines]
    varying = [
        name for name in ("budget", "train_on") if len({getattr(one, name) for one in rows}) > 1
    ]
    return {
        row.line: wording.line_label(row, cards, *(str(getattr(row, name)) for name in varying))
        for row in rows
    }


def multiverse_tables(told: Sequence[Told], cards: Cards) -> list[Table]:
    """The table of choices, over all tasks, then one of pairs per task and level."""
    return [_choice_table(told), *(_pair_table(one, cards) for one in told)] if told else []


def _choice_table(told: Sequence[Told]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    blocks = {}
    for one in told:
        blocks[len(rows)] = _block(one)
        rows += _choice_rows(one)
    return Table(
        title="What the order of methods hangs on",
        name="multiverse",
        caption="The same predictions under every combination of choices that papers make "
        "differently.",
        columns=(
            Column("Choice", kind="text"),
            Column("Options", kind="prose"),
            Column("Turned alone", unit="%", scale=100, decimals=1),
            Column("Share of the order", unit="%", scale=100, decimals=1),
            Column("Share of the difference", unit="%", scale=100, decimals=1),
        ),
        rows=tuple(rows),
        legend=_CHOICE_LEGEND,
        blocks=blocks,
    )


def _block(one: Told) -> str:
    pairs = one.standings
    turned = sum(pair.flips for pair in pairs)
    return (
        f"{one.name}: {counted(len(one.verse.lines), 'method')}, "
        f"{counted(len(one.verse.places), 'universe')}; "
        f"{counted_of(turned, len(pairs), 'pair', 'flip')}, "
        f"{sum(pair.flips_shown for pair in pairs)} with both orders shown"
    )


def _choice_rows(one: Told) -> list[tuple[Cell, ...]]:
    from bench.stats.multiverse import TOGETHER

    # What turns most comes first.
    names = sorted(one.alone, key=lambda name: -one.alone[name])
    rows: list[tuple[Cell, ...]] = [
        (
            Text(name),
            Text(", ".join(one.options(name))),
            Number(one.alone[name]),
            _share(one.order, name),
            _share(one.size, name),
        )
        for name in names
    ]
    last = (Text(TOGETHER), None, None, _share(one.order, TOGETHER), _share(one.size, TOGETHER))
    return [*rows, last]


def _share(shares: Mapping[str, float], name: str) -> Cell:
    return Number(shares[name]) if name in shares else None


def _pair_table(one: Told, cards: Cards) -> Table:
    verse = one.verse
    first = verse.places[0]
    said = ", ".join(
        f"{name} {title_of(option) if name == METRIC else option}"
        for name, option in first.choices.items()
    )
    known = cards.task(verse.task)
    notes = [
        Text(f"{wording.line_label(row, cards)}: left out: {why}") for row, why in verse.left_out
    ]
    notes += [
        Text(f"Option left out, because no method has a number: {name}") for name in verse.dropped
    ]
    rows = [verse.rows[0][line] for line in verse.lines]
    notes += wording.seed_notes((one.label[row.line], "", row.seeds) for row in rows)
    notes += [
        Text(
            f"{one.label[row.line]}: "
            f"{counted_of(lost, row.seeds + lost, 'seed', 'are')} not in these numbers: "
            "failed, skipped or without kept maps"
        )
        for row in rows
        if (lost := verse.lacking.get(row.line, 0))
    ]
    return Table(
        title=f"{known.title if known else verse.task} ({one.name}): every pair in every universe",
        name=f"{verse.task.replace('/', '-')}-{verse.level}-multiverse",
        caption=f"{counted(len(verse.places), 'universe')}; {wording.seed_count(rows)}; the first "
        f"of each pair is the better one with: {said}.",
        columns=(
            Column("First", kind="text"),
            Column("Second", kind="text"),
            Column("Ahead", decimals=0),
            Column("Behind", decimals=0),
            Column("Shown ahead", decimals=0),
            Column("Shown behind", decimals=0),
            Column("Turned most by", kind="text"),
        ),
        rows=tuple(
            (
                Text(one.label[pair.first]),
                Text(one.label[pair.second]),
                Number(pair.ahead),
                Number(pair.behind),
                Number(pair.shown_ahead),
                Number(pair.shown_behind),
                Text(pair.most) if pair.most else None,
            )
            for pair in sorted(one.standings, key=lambda pair: -min(pair.ahead, pair.behind))
        ),
        notes=tuple(notes),
        legend=_PAIR_LEGEND,
    )
