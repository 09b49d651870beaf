"""The healthy side: nominal against achieved rates of p-maps, and how many ml they mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.report.tables.table import Cell, Column, Number, Table, Text
from bench.stats.limits import LEAST_SUBJECTS
from bench.store.records import HealthyVolume

_SHOWN = (0.01, 0.05)


@dataclass(frozen=True)
class HealthyLine:
    """One line of the table.

    Attributes:
        task: ``dataset/name``.
        label: of the method.
        train_on: the dataset it learned from, whose validation subjects it is calibrated on.
        validation: how many these are.
        levels: nominal rates.
        achieved: per healthy test subject, the share of its foreground that is marked at each
            level.
        marked_ml: per healthy test subject the volume; empty for single images.
        recorded: volumes that the record has of the protocol, by the nominal rate (``0.01``); they
            are shown, so that no report says another number.
    """

    task: str
    label: str
    train_on: str
    validation: int
    levels: Sequence[float]
    achieved: Sequence[Sequence[float]]
    marked_ml: Sequence[Sequence[float]]
    recorded: Mapping[str, HealthyVolume] = field(default_factory=dict)

    def volume(self, level: float) -> Number | None:
        """Marked volume at a level: what the record says, else by the p-maps."""
        known = self.recorded.get(f"{level:g}")
        if known is None:
            return self.mean(self.marked_ml, level)
        return Number(known.mean_ml, low=known.low_ml, high=known.high_ml)

    def mean(self, values: Sequence[Sequence[float]], level: float) -> Number | None:
        """Mean over subjects at a level, with its 95 % interval where there are enough of them."""
        from bench.stats.intervals import mean_interval

        at = list(self.levels).index(level)
        found = [one[at] for one in values]
        if not found:
            return None
        low, high = mean_interval(found) or (None, None)
        return Number(sum(found) / len(found), low=low, high=high)

    def highest(self, level: float) -> float:
        """The highest share among the subjects."""
        at = list(self.levels).index(level)
        return max(one[at] for one in self.achieved)


def healthy_table(lines: Sequence[HealthyLine], protocol: str) -> Table:
    """One line per task, method and source, by task and then by what is achieved at 1 %.

    Args:
        lines: with at least one healthy test subject each.
        protocol: whose steps are applied to the maps.
    """
    ordered = sorted(lines, key=lambda one: (one.task, one.train_on, _first(one), one.label))
    blocks: dict[int, str] = {}
    for at, one in enumerate(ordered):
        if at == 0 or ordered[at - 1].task != one.task:
            blocks[at] = one.task
    return Table(
        title="False positives of p-maps in healthy test subjects",
        name="healthy",
        caption=f"Conformal p-values from healthy validation voxels, maps as {protocol} has them.",
        columns=(
            Column("Method", kind="text"),
            Column("Trained on", kind="text"),
            Column("Validation", decimals=0),
            Column("Healthy", decimals=0),
            *(column for level in _SHOWN for column in _columns(level)),
        ),
        rows=tuple(_row(one) for one in ordered),
        legend=(
            "P-value of a voxel: (1 + healthy validation voxels that score as high) / (1 + all of "
            "them). Where test subjects are like validation subjects, a share of A % has a "
            "p-value of at most A %.",
            "Achieved: that share of the foreground in %, mean over healthy test subjects, with "
            f"its 95 % interval over them (none with fewer than {LEAST_SUBJECTS}); Highest: of the "
            "worst of them; ml: marked volume per healthy test subject, that of the record where "
            f"{protocol} was applied (its threshold is the validation voxel next below).",
            "Validation and Healthy: number of validation and of healthy test subjects. Voxels of "
            "one subject are alike: N validation subjects by themselves guarantee no rate below "
            "1 / (N + 1) for a new subject, which is why the achieved one is measured.",
        ),
        blocks=blocks,
    )


def _first(one: HealthyLine) -> float:
    found = one.mean(one.achieved, _SHOWN[0])
    return found.value if found is not None else 0.0


def _columns(level: float) -> tuple[Column, ...]:
    at = f"at {100 * level:g} %"
    return (
        Column(f"Achieved {at}", scale=100),
        Column(f"Highest {at}", scale=100),
        Column(f"ml {at}"),
    )


def _row(one: HealthyLine) -> tuple[Cell, ...]:
    cells: list[Cell] = [
        Text(one.label),
        Text(one.train_on),
        Number(one.validation),
        Number(len(one.achieved)),
    ]
    for level in _SHOWN:
        cells += [
            one.mean(one.achieved, level),
            Number(one.highest(level)),
            one.volume(level),
        ]
    return tuple(cells)


def by_source(lines: Sequence[HealthyLine]) -> Mapping[str, list[HealthyLine]]:
    """Lines by task and source, in the order of both."""
    found: dict[str, list[HealthyLine]] = {}
    for one in sorted(lines, key=lambda one: (one.task, one.train_on, one.label)):
        found.setdefault(f"{one.task}, trained on {one.train_on}", []).append(one)
    return found
