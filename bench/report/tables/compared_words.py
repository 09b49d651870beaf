"""What a table's footnotes say of its comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.report.rows.summary import SummaryRow
from bench.report.tables.comparing import MORE_SEEDS, need_words
from bench.report.tables.table import Text
from bench.report.tables.task_lines import TaskLines
from bench.stats.limits import ALPHA, LEAST_SUBJECTS, POWER, RESAMPLES

_LEGEND = (
    f"Told apart: by the difference of two lines under the same {RESAMPLES:,} resamples of the "
    "subjects (Student's t; over several seeds, their variance is added; a line of one seed speaks "
    "of that trained detector alone), after Holm's correction over all pairs of the table's lines, "
    f"at {100 * ALPHA:g} %.",
    "Needs N subjects: a study of so many would show the measured difference, in a table with so "
    f"many lines and with as many seeds, with {100 * POWER:g} % power.",
)
_MORE_SEEDS = (
    f"Needs {MORE_SEEDS}: the seeds differ so much that no number of subjects would show the "
    "measured difference with so few of them."
)


def notes(lines: TaskLines) -> list[Text]:
    """Which lines are not told from the best, and not from the best that knows nothing."""
    if len(lines.ranked) < 2:
        return []
    trivial = [row for row in lines.ranked if lines.is_trivial(row)]
    return [
        *_few(lines),
        *_beside_best(lines, lines.ranked[0], lines.ranked[1:]),
        *(_beside_trivial(lines, trivial[0]) if trivial else []),
        *_basis(lines),
    ]


def legend(lines: TaskLines) -> list[str]:
    """How lines were compared."""
    if not lines.compared.tested:
        return []
    needed = any(f"needs {MORE_SEEDS}" in note.text for note in notes(lines))
    return [*_LEGEND, *([_MORE_SEEDS] if needed else [])]


def _few(lines: TaskLines) -> list[Text]:
    """Says so where neither an interval nor a comparison would hold."""
    counts = [
        min((one.subjects for one in row.resampled), default=row.subjects) for row in lines.ranked
    ]
    if max(counts) >= LEAST_SUBJECTS:
        return []
    return [
        Text(
            f"Too few test subjects: {max(counts)} with lesions (or without, where these are "
            f"fewer), and at least {LEAST_SUBJECTS} are needed. No interval holds, and no two "
            "methods are told apart."
        )
    ]


def _beside_best(lines: TaskLines, best: SummaryRow, others: Sequence[SummaryRow]) -> list[Text]:
    paired, by_interval = _split(lines, best, others)
    close = [row for row in paired if not lines.beats(best, row)]
    found = []
    if close:
        names = _names(lines, close, lambda row: _need(lines, best, row))
        what = f"Not shown to differ from the best method ({lines.label[best.line]})"
        found.append(Text(f"{what}: {names}."))
    bar = lines.goodness(best, "worst")
    touching = [row for row in by_interval if lines.goodness(row, "best") >= bar]
    if touching:
        what = f"Intervals overlap the best method's ({lines.label[best.line]})"
        found.append(Text(f"{what}: {_names(lines, touching)}."))
    return found


def _beside_trivial(lines: TaskLines, bar: SummaryRow) -> list[Text]:
    others = [row for row in lines.ranked if not lines.is_trivial(row)]
    paired, by_interval = _split(lines, bar, others)
    bar_name = lines.label[bar.line].replace(" (trivial)", "").replace(", trivial", "")
    found = []
    worse = [row for row in paired if not lines.beats(row, bar)]
    if worse:
        names = _names(lines, worse, lambda row: _need(lines, row, bar))
        what = f"Not shown to beat the best trivial method ({bar_name})"
        found.append(Text(f"{what}: {names}."))
    worse = [row for row in by_interval if not lines.beats(row, bar)]
    if worse:
        what = f"Intervals do not exclude the value of the best trivial method ({bar_name})"
        found.append(Text(f"{what}: {_names(lines, worse)}."))
    return found


def _basis(lines: TaskLines) -> list[Text]:
    """Over how many comparisons was corrected, and which lines could not be paired."""
    found = []
    tested = lines.compared.tested
    if tested:
        pairs = "1 pair" if tested == 1 else f"all {tested} pairs"
        found.append(Text(f"Compared: {pairs} of lines; Holm's correction is over these."))
    enough = [row for row in lines.ranked if row.low is not None]
    old = [row for row in enough if not row.resampled]
    if old:
        what = "Compared by intervals alone, as an older bench made their records"
        command = f"bench rescore --protocol {lines.protocol}"
        found.append(Text(f"{what}: {_names(lines, old)};", command))
    draws = [{one.draws for one in row.resampled} for row in enough if row.resampled]
    if len(set[str]().union(*draws)) > 1:
        found.append(Text("Lines on different test subjects are compared by their intervals."))
    return found


def _split(
    lines: TaskLines, one: SummaryRow, others: Sequence[SummaryRow]
) -> tuple[list[SummaryRow], list[SummaryRow]]:
    """Lines that are compared with one in pairs, and by intervals; too few subjects: in neither."""
    pairs = [(row, lines.compared.pair(one, row)) for row in others]
    paired = [row for row, pair in pairs if pair and pair.verdict != "too few subjects"]
    by_interval = [
        row for row, pair in pairs if not pair and row.low is not None and one.low is not None
    ]
    return paired, by_interval


def _need(lines: TaskLines, first: SummaryRow, second: SummaryRow) -> str:
    pair = lines.compared.pair(first, second)
    if pair is None or pair.verdict == "second is better":
        return "shown worse"
    return f"needs {need_words(pair)}"


def _names(
    lines: TaskLines, rows: Sequence[SummaryRow], more: Callable[[SummaryRow], str] | None = None
) -> str:
    if more is None:
        return ", ".join(lines.label[row.line] for row in rows)
    return "; ".join(f"{lines.label[row.line]}, {more(row)}" for row in rows)
