"""The table of published rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.cards import PublishedRow
from bench.metrics.table import title_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import NumberKey
from bench.report.rows.published import PublishedLine
from bench.report.rows.summary import SummaryRow
from bench.report.tables import wording
from bench.report.tables.table import Cell, Column, Number, Table, Text, one_line, with_spread

_DIFFERENCE = "Diff.: measured minus published, in percentage points."
_PREVALENCE = "Prevalence: of lesions in our test images; the AP of a random map equals it."
_COLUMNS = (
    Column("Method", kind="text"),
    Column("Published", "%", scale=100),
    Column("Measured", "%", scale=100),
    Column("Diff.", scale=100, signed=True, note=_DIFFERENCE),
    Column("Prevalence", "%", scale=100, minor=1, note=_PREVALENCE),
    Column("Subjects", kind="text", minor=2),
    Column("Verdict", kind="prose"),
)


def published_table(lines: Sequence[PublishedLine], cards: Cards) -> Table:
    """All published rows in one table, a block of lines per row.

    Args:
        lines: of `compare`.
        cards: for families of methods.
    """
    measured = [line.measured for line in lines if line.measured is not None]
    label = _labels(measured, cards)
    rows = list({line.row.name: line.row for line in lines}.values())
    blocks = {
        at: f"{line.row.title}, {title_of(line.row.metric)}"
        for at, line in enumerate(lines)
        if at == 0 or lines[at - 1].row is not line.row
    }
    cells = [_cells(line, label) for line in lines]
    return Table(
        title="Published rows",
        name="published",
        caption=_caption(measured),
        columns=tuple(
            with_spread(column, [row[at] for row in cells]) for at, column in enumerate(_COLUMNS)
        ),
        rows=tuple(cells),
        notes=(
            *_shared(rows, _source),
            *_shared(rows, _caveats),
            *_seeds(lines, label),
            *_commands(lines),
        ),
        legend=_legend(lines),
        blocks=blocks,
    )


def _labels(measured: Sequence[SummaryRow], cards: Cards) -> dict[NumberKey, str]:
    """Names of our lines, with budget and training source where lines differ in them."""
    budgets = {row.budget for row in measured}
    label = {}
    for row in measured:
        sources = {
            one.train_on for one in measured if (one.task, one.method) == (row.task, row.method)
        }
        more = [row.budget or ""] if len(budgets) > 1 else []
        more += [row.train_on or ""] if len(sources) > 1 else []
        label[row.number] = wording.line_label(row, cards, *more)
    return label


def _cells(line: PublishedLine, label: Mapping[NumberKey, str]) -> tuple[Cell, ...]:
    published, measured = line.published, line.measured
    ours = label[measured.number] if measured is not None else ""
    theirs = published.method if published is not None else ""
    # The name of our re-implementation says nothing more than the published name beside it.
    plain = published is not None and ours in ("", published.ours)
    method = theirs if plain else " / ".join(one for one in (theirs, ours) if one)
    number: Cell = None
    if measured is not None and measured.value is not None:
        number = Number(measured.value, measured.sd, measured.low, measured.high)
    return (
        Text(method),
        None if published is None else Number(published.value / 100),
        number,
        None if line.difference is None else Number(line.difference),
        Number(measured.prevalence) if measured and measured.prevalence is not None else None,
        Text(wording.subject_count(measured)) if measured and measured.seeds else None,
        Text(line.verdict),
    )


def _caption(measured: Sequence[SummaryRow]) -> str:
    if not measured:
        return "Nothing of these rows has been measured yet."
    budgets = sorted({row.budget or "" for row in measured})
    sentence = f"Measured with budget {', '.join(budgets)}"
    seeds, learned = wording.seed_count(measured), wording.training_words(measured)
    return f"{'; '.join(one for one in (sentence, learned, seeds) if one)}."


def _seeds(lines: Sequence[PublishedLine], label: Mapping[NumberKey, str]) -> list[Text]:
    """How many seeds a line has, where they differ, and why seeds are missing."""
    shown = [(line.row.title, one) for line in lines if (one := line.measured) is not None]
    notes = wording.seed_notes((label[row.number], title, row.seeds) for title, row in shown)
    return notes + [
        Text(f"{title}, {label[row.number]}: {one_line(row.reason)}")
        for title, row in shown
        if row.reason and row.value is not None
    ]


def _legend(lines: Sequence[PublishedLine]) -> tuple[str, ...]:
    measured = [line.measured for line in lines if line.measured is not None]
    if not measured:
        return ()
    several = any(len(line.row.tasks) > 1 for line in lines if line.measured is not None)
    spread = (wording.SPREAD, *((wording.AVERAGE_SPREAD,) if several else ()))
    return (*spread, *wording.interval_words(measured))


def _commands(lines: Sequence[PublishedLine]) -> list[Text]:
    """What brings the missing numbers of each row: one command for all its methods."""
    rest: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        first, _, after = line.command.partition(" --method ")
        method, _, options = after.partition(" ")
        title = f"{line.row.title}, {line.verdict}:"
        if method:
            rest.setdefault((title, f"{first}|{options}"), []).append(method)
        elif first:
            rest.setdefault((title, first), [])
    notes = []
    for (title, command), methods in rest.items():
        first, _, options = command.partition("|")
        names = [f"--method {name}" for name in methods]
        notes.append(Text(title, " ".join([first, *names, options]).strip()))
    return notes


def _shared(rows: Sequence[PublishedRow], tell: Callable[[PublishedRow], str]) -> list[Text]:
    """Texts about rows, each once, after the titles of the rows it is true for."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        titles.setdefault(tell(row), []).append(row.title)
    return [Text(f"{', '.join(names)}. {text}") for text, names in titles.items()]


def _source(row: PublishedRow) -> str:
    return f"Source: {row.source}"


def _caveats(row: PublishedRow) -> str:
    text = f"Measured by {row.protocol}. Known: {row.known} Unknown: {row.unknown}"
    return f"{text} Not comparable: {row.not_comparable}." if row.not_comparable else text
