"""A table per task of numbers by strata: a block per stratum, a line per method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.cards import ProtocolCard
from bench.errors import counted
from bench.metrics.table import METRICS, sign_of, title_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import LineKey
from bench.report.rows.strata import StratumRow
from bench.report.rows.summary import SummaryRow
from bench.report.tables import wording
from bench.report.tables.table import Cell, Column, Number, Table, Text, with_spread
from bench.stats.limits import LEAST_SUBJECTS

_WHAT = {
    "lesion-size": "Strata of lesions by their volume (pixels where there is none), cut at the "
    "thirds of their number.",
    "contrast": "Strata of lesions by their contrast: the difference of their mean intensity "
    "from that of the normal pixels within 3 pixels, in standard deviations of the normal "
    "foreground of the subject, cut at the thirds of their number.",
    "slice-position": "Strata of slices by their place between the lowest and the highest "
    "{slices} one. A lesion that reaches into several counts in each.",
}
_OTHER_LESIONS = {
    "pixel": "Lesions of other strata count neither as lesion nor as normal.",
    "image": "An image counts as abnormal in each stratum of which it holds a lesion; where it "
    "holds none of the stratum and some of others, it is not ranked.",
}
_WHOLE = "Lesions are told apart in the whole stack, and parted before it is cut or resized."
_COLUMN = (
    "Strata of test subjects by column {by} of the dataset's table; numbers are cut at the thirds "
    "of the subjects."
)
_COUNT = (
    f"Subjects: all of the stratum. No interval is printed where fewer than {LEAST_SUBJECTS} of "
    "them are abnormal, because the variance of a number comes from these."
)
_CHANCE = "AP depends on the share of positives, which differs between strata: see Chance."


def strata_tables(rows: Sequence[StratumRow], by: str, cards: Cards) -> list[Table]:
    """One table per task.

    Args:
        rows: of `stratum_rows`.
        by: what the test data were parted by.
        cards: where words come from.
    """
    tasks = list(dict.fromkeys(one.row.task for one in rows))
    return [
        _table(task, [one for one in rows if one.row.task == task], by, cards) for task in tasks
    ]


def labels_of(rows: Sequence[StratumRow], cards: Cards) -> dict[LineKey, str]:
    """The name of each line, with budget and training source where lines differ in them."""
    differing = [
        name for name in ("budget", "train_on") if len({getattr(one.row, name) for one in rows}) > 1
    ]
    return {
        one.row.line: wording.line_label(
            replace(one.row, degenerate=False),
            cards,
            *(str(getattr(one.row, name)) for name in differing),
        )
        for one in rows
    }


def _table(task: str, rows: Sequence[StratumRow], by: str, cards: Cards) -> Table:
    protocol = rows[0].row.protocol
    card = cards.protocols.get(protocol)
    metrics = [*(card.metrics if card else dict.fromkeys(one.row.metric for one in rows))]
    labels = labels_of(rows, cards)
    lines = _ordered(rows, metrics[0])
    strata = list(dict.fromkeys(one.stratum.name for one in rows))
    by_cell = {(one.stratum.name, one.row.line, one.row.metric): one for one in rows}
    chance = any(METRICS[one].chance == "prevalence" for one in metrics if one in METRICS)
    body: list[tuple[Cell, ...]] = []
    blocks: dict[int, str] = {}
    for name in strata:
        shown = [line for line in lines if (name, line, metrics[0]) in by_cell]
        if shown:
            blocks[len(body)] = _title(by_cell[name, shown[0], metrics[0]])
        for line in shown:
            first = by_cell[name, line, metrics[0]]
            cells: list[Cell] = [Text(labels[line])]
            cells += [_number(by_cell.get((name, line, metric))) for metric in metrics]
            if chance:
                share = first.row.prevalence
                cells.append(None if share is None else Number(share))
            cells.append(Number(first.row.subjects) if first.row.value is not None else None)
            body.append(tuple(cells))
    columns = [Column("Method", kind="text")]
    for at, metric in enumerate(metrics, start=1):
        lower = sign_of(metric) < 0
        note = f"{title_of(metric)}: lower is better." if lower else ""
        column = Column(title_of(metric), "%", scale=100, lower_is_better=lower, note=note)
        columns.append(with_spread(column, [row[at] for row in body]))
    if chance:
        columns.append(Column("Chance", "%", scale=100, note=_CHANCE))
    columns.append(Column("Subjects", decimals=0, note=_COUNT))
    known = cards.task(task)
    measured = [one.row for one in rows if one.row.seeds]
    synthetic = "Synthetic images, which say nothing about patients. "
    return Table(
        title=f"{known.title} ({task}) by {by}" if known else f"{task} by {by}",
        name=f"{task.replace('/', '-')}-by-{_slug(by)}",
        caption=(synthetic if cards.is_synthetic(task) else "")
        + f"Protocol {protocol}. {_what(by, card)}"
        + _seed_words(measured),
        columns=tuple(columns),
        rows=tuple(body),
        notes=(
            *wording.seed_notes((labels[row.line], row.metric, row.seeds) for row in measured),
            *_reasons(rows),
        ),
        legend=(
            *((f"{card.id}: {card.description}",) if card else ()),
            *((wording.SPREAD,) if any(one.row.sd is not None for one in rows) else ()),
            *wording.interval_words([one.row for one in rows]),
        ),
        blocks=blocks,
    )


def _seed_words(rows: Sequence[SummaryRow]) -> str:
    count = wording.seed_count(rows)
    return f" {count[:1].upper()}{count[1:]}." if count else ""


def _what(by: str, card: ProtocolCard | None) -> str:
    """How the test data are parted, for a protocol that looks at all of it or at a part."""
    if by not in _WHAT:
        return _COLUMN.format(by=by)
    cut = card is not None and card.slices is not None
    words = [_WHAT[by].format(slices="ranked" if cut else "prepared")]
    if by != "slice-position":
        words.append(_OTHER_LESIONS.get(card.level if card else "pixel", ""))
        words += [_WHOLE] if cut or (card is not None and card.size is not None) else []
    return " ".join(one for one in words if one)


def _slug(by: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in by.lower())


def _title(one: StratumRow) -> str:
    stratum = one.stratum
    parts = [f"{counted(stratum.images, 'image')} of {counted(stratum.subjects, 'subject')}"]
    if stratum.abnormal is not None:
        parts.append(f"{stratum.abnormal:,} of them abnormal")
    if stratum.lesions is not None:
        parts.append(counted(stratum.lesions, "lesion"))
    return f"{stratum.name}: {', '.join(parts)}"


def _ordered(rows: Sequence[StratumRow], metric: str) -> list[LineKey]:
    """Lines by the mean of their strata, the best first."""
    values: dict[LineKey, list[float]] = {}
    for one in rows:
        own = values.setdefault(one.row.line, [])
        if one.row.metric == metric and one.row.value is not None:
            own.append(one.row.value)
    return sorted(
        values,
        key=lambda line: (
            not values[line],
            -sign_of(metric) * sum(values[line]) / max(len(values[line]), 1),
            line,
        ),
    )


def _number(one: StratumRow | None) -> Cell:
    if one is None:
        return None
    row = one.row
    if row.value is None:
        return None
    return Number(row.value, sd=row.sd, low=row.low, high=row.high)


def _reasons(rows: Sequence[StratumRow]) -> list[Text]:
    """Why strata have no number, each once."""
    said = {
        f"{one.stratum.name}: {one.row.reason}.": None
        for one in rows
        if one.row.value is None and one.row.reason
    }
    return [Text(one) for one in said]
