"""Which lines of a table are told apart. The one place: tables, pages and duels ask here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.rows.pick import LineKey
from bench.report.rows.sampling import side_of
from bench.report.rows.summary import SummaryRow
from bench.stats.limits import LEAST_SUBJECTS, MOST_SUBJECTS

if TYPE_CHECKING:
    from bench.stats.paired import Pair

MORE_SEEDS = "more seeds"
"""What is needed where seeds differ so much that no number of subjects suffices."""


@dataclass(frozen=True)
class Compared:
    """The pairs of one task's lines, by one protocol and metric.

    Attributes:
        pairs: those that were resampled alike, by the keys of first and second line.
        tested: how many of them have enough subjects: the correction is over these.
    """

    pairs: Mapping[tuple[LineKey, LineKey], Pair]
    tested: int

    def pair(self, first: SummaryRow, second: SummaryRow) -> Pair | None:
        """First against second; None where they have no replicates of the same draws."""
        found = self.pairs.get((first.line, second.line))
        if found is not None:
            return found
        turned = self.pairs.get((second.line, first.line))
        return None if turned is None else turned.turned


def compare_rows(rows: Sequence[SummaryRow], *, sign: int) -> Compared:
    """Compare every line with every other.

    Args:
        rows: the lines of one task whose numbers say something of their method, all by one
            protocol and metric.
        sign: 1 where higher is better, -1 where lower is.
    """
    usable = [row for row in rows if row.resampled and row.value is not None]
    if len(usable) < 2:
        return Compared({}, 0)
    from bench.stats.paired import compare_all  # numpy and scipy are not for light commands

    # In an order that the values do not decide: the same pair always has the same first line.
    sides = {
        row.line: side_of(
            row.value or 0.0, [one for _, one in row.by_seed], row.resampled, row.metric
        )
        for row in sorted(usable, key=lambda row: row.line)
    }
    pairs = compare_all(sides, higher_is_better=sign > 0)
    tested = sum(one.verdict != "too few subjects" for one in pairs.values())
    return Compared(pairs, tested)


def subjects_needed(pair: Pair, *, alpha: float | None = None) -> str:
    """How many subjects would show a pair's difference: ``12``, or ``more seeds``.

    Args:
        pair: of which the difference, its spread and that of its seeds are known.
        alpha: error rate of the test; None takes the table's level.
    """
    from bench.stats.power import subjects_needed as needed

    difference, spread = pair.difference, pair.spread
    level = pair.level if alpha is None else alpha
    if not any(variance for variance, _ in pair.seeds):
        return count_words(needed(difference, spread, alpha=level))
    # With few seeds fewer subjects may tell more than many: what is there did not suffice.
    tried = alpha is None and pair.verdict == "no difference shown"
    least = pair.subjects + 1 if tried else LEAST_SUBJECTS
    found = needed(difference, spread, alpha=level, seeds=pair.seeds, least=least)
    if found is None and needed(difference, spread, alpha=level) is not None:
        return MORE_SEEDS  # as far as subjects go, so many would do
    return count_words(found)


def need_words(pair: Pair) -> str:
    """What would show a pair's difference at the table's level: ``12 subjects``."""
    found = subjects_needed(pair)
    return found if found == MORE_SEEDS else f"{found} subjects"


def count_words(subjects: int | None) -> str:
    """A number of subjects, or that no study of a sensible size suffices."""
    return f"{subjects}" if subjects is not None else f"more than {MOST_SUBJECTS:,}"
