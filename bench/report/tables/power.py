"""How many subjects two methods' differences need, and what more subjects could show."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import UsageError, counted
from bench.report.tables.comparing import MORE_SEEDS, subjects_needed
from bench.report.tables.duels import Duel, caption, notes
from bench.report.tables.table import Cell, Column, Number, Table, Text
from bench.stats.limits import ALPHA, LEAST_SUBJECTS, POWER

STUDIES = (10, 30, 100)
_COLUMNS = (
    Column("Task", kind="text"),
    Column("Trained on", kind="text"),
    Column("Budget", kind="text"),
    Column("Subjects", decimals=0),
    Column("Difference", scale=100, signed=True),
    Column("Spread", scale=100),
    Column("Needs", kind="text"),
    Column("In the table", kind="text"),
    *(Column(f"{n} show", scale=100) for n in STUDIES),
    Column("Seeds", kind="text"),
)
_LEGEND = (
    "Subjects: those with lesions, or those without where these are fewer.",
    "Difference: first minus second, in percentage points, with its 95 % interval; as the tables "
    "and bench compare have it.",
    "Spread: standard deviation of the difference between subjects, scaled to one subject; it "
    "falls with the root of their number.",
    f"Needs: how many subjects would show this difference with {100 * POWER:g} % power in a test "
    f"of this pair alone, at {100 * ALPHA:g} %; In the table: at the level that Holm's correction "
    "over all lines of the task's table asks of one pair. With as many seeds as now, where there "
    f"are several; {MORE_SEEDS}: these differ so much that no number of subjects suffices.",
    f"N show: the smallest true difference, in percentage points, that N subjects show with "
    f"{100 * POWER:g} % power, this pair alone, with as many seeds as now.",
    "All this holds for these trained detectors and for patients like those of the store. The "
    "interval of the difference says how far the true difference, and so the need, may be off.",
)


def usable(found: Sequence[Duel]) -> list[Duel]:
    """The duels whose spread between subjects is known.

    Raises:
        UsageError: there is none.
    """
    kept = [one for one in found if one.pair is not None and one.pair.low is not None]
    if kept:
        return kept
    if any(one.pair is None for one in found):
        protocol = found[0].first.protocol
        raise UsageError(
            "no two records have replicates of the same subjects",
            hint=f"bench rescore --protocol {protocol}",
        )
    most = max(one.pair.subjects for one in found if one.pair is not None)
    raise UsageError(
        f"{counted(most, 'subject', 'are')} too few to know how subjects differ; at least "
        f"{LEAST_SUBJECTS} with and without lesions are needed"
    )


def power_table(found: Sequence[Duel], first: str, second: str) -> Table:
    """One line per task, training source and budget.

    Args:
        found: of `duels`.
        first: name of the first method.
        second: of the second.

    Raises:
        UsageError: as `usable`.
    """
    kept = usable(found)
    left = len(found) - len(kept)
    note = f"Left out: {left} without replicates of the same subjects, or with too few subjects."
    return Table(
        title=f"Subjects to tell {first} from {second}",
        name=f"power-{first}-{second}",
        caption=caption(kept),
        columns=_COLUMNS,
        rows=tuple(_cells(one) for one in kept),
        notes=(*((Text(note),) if left else ()), *notes(kept)),
        legend=_LEGEND,
    )


def _cells(one: Duel) -> tuple[Cell, ...]:
    from bench.stats.power import difference_shown

    pair, row = one.pair, one.first
    if pair is None:
        return ()
    shown = [difference_shown(pair.spread, n, seeds=pair.seeds) for n in STUDIES]
    return (
        Text(row.task),
        Text(row.train_on or ""),
        Text(row.budget or ""),
        Number(pair.subjects),
        Number(pair.difference, low=pair.low, high=pair.high),
        Number(pair.spread),
        Text(subjects_needed(pair, alpha=ALPHA)),
        Text(subjects_needed(pair)),
        *map(Number, shown),
        Text(one.seeds),
    )
