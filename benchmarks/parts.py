"""Do ProxyAno's memory and proxy help? The comparisons that methods/proxyano/README.md planned.

    bench suite parts
    python benchmarks/parts.py [--results DIR] [--budget quick]

A fit is compared with the fit of the same seed on the same subjects: they share the order of the
images and the patches. `bench compare` takes the seeds of two methods as two samples, which says
less, and corrects over all pairs of a table. Here p is corrected over the planned comparisons of
the budget alone. With one seed, an interval is over subjects; with more, over subjects and seeds.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import special

import bench
from bench.stats.holm import holm
from bench.stats.intervals import seed_part, subject_part, t_quantile, total
from bench.stats.limits import ALPHA, LEVEL

WHOLE = "proxyano"
PARTS = {"memory": "proxyano-no-memory", "proxy": "proxyano-no-proxy"}
TASKS = ("phantom-large/glioma-t1", "phantom-large/glioma-t2")
PROTOCOL, METRIC = "pixel-pooled@2", "ap"
Floats = npt.NDArray[np.float64]
Cell = tuple[str, str, int]
"""Task, method and seed."""


@dataclass(frozen=True)
class Found:
    """A number of one cell: its replicates under shared resamples of the subjects."""

    value: float
    replicates: Floats
    draws: str
    subjects: int


@dataclass(frozen=True)
class Gain:
    """What a part adds: a mean over seeds, from -1 to 1, with its 95 % interval and p."""

    difference: float
    low: float
    high: float
    p_value: float


def gain(pairs: Sequence[tuple[Found, Found]]) -> Gain:
    """The mean difference of pairs of fits, one pair a seed, first minus second.

    Raises:
        ValueError: pairs that were not resampled alike, or on too few subjects.
    """
    if len({one.draws for pair in pairs for one in pair}) != 1:
        raise ValueError("the cells were not measured on the same subjects")
    by_seed = [one.value - two.value for one, two in pairs]
    replicates: Floats = np.mean([one.replicates - two.replicates for one, two in pairs], axis=0)
    subjects = min(one.subjects for pair in pairs for one in pair)
    part = subject_part(replicates, subjects)
    if part is None:
        raise ValueError(f"{subjects} subjects say nothing")
    variance, freedom = total([part, *seed_part(by_seed)])
    difference, error = math.fsum(by_seed) / len(by_seed), math.sqrt(variance)
    half = t_quantile(LEVEL, freedom) * error
    p_value = 1.0 if not difference else 2.0 ** (1 - subjects)  # where all subjects differ alike
    if error:
        p_value = float(2 * special.stdtr(freedom, -abs(difference) / error))
    return Gain(difference, difference - half, difference + half, p_value)


def found_of(records: Iterable[bench.Record], budget: str) -> dict[Cell, Found]:
    """The number of each finished cell of default settings that has replicates."""
    found = {}
    for one in records:
        numbers = one.protocols.get(PROTOCOL)
        if one.budget != budget or one.config or numbers is None or numbers.resampled is None:
            continue
        drawn = numbers.resampled
        found[one.task, one.method, one.seed] = Found(
            numbers.metrics[METRIC], drawn.metrics[METRIC].values(), drawn.draws, drawn.subjects
        )
    return found


def lines(found: Mapping[Cell, Found]) -> list[str]:
    """Rows of a Markdown table: each comparison, and below it each seed by itself."""
    planned = {
        (task, part): {
            seed: (found[task, WHOLE, seed], found[task, without, seed])
            for _, _, seed in sorted(found)
            if (task, WHOLE, seed) in found and (task, without, seed) in found
        }
        for task in TASKS
        for part, without in PARTS.items()
    }
    known = {key: pairs for key, pairs in planned.items() if pairs}
    gains = {key: gain(list(pairs.values())) for key, pairs in known.items()}
    corrected = holm([one.p_value for one in gains.values()])
    rows = []
    for (key, one), p_value in zip(gains.items(), corrected, strict=True):
        pairs = known[key]
        rows.append(_row(*key, f"{len(pairs)}", list(pairs.values()), one, p_value))
        if len(pairs) > 1:
            rows += [_row("", "", f"only {seed}", [pair], gain([pair]))
                     for seed, pair in pairs.items()]  # fmt: skip
    return rows


def _row(
    task: str,
    part: str,
    seeds: str,
    pairs: Sequence[tuple[Found, Found]],
    one: Gain,
    p_value: float | None = None,
) -> str:
    sides = [100 * math.fsum(pair[at].value for pair in pairs) / len(pairs) for at in (0, 1)]
    cells = [task, part, seeds, *(f"{side:.2f}" for side in sides)]
    cells.append(f"{100 * one.difference:+.2f} [{100 * one.low:.2f}, {100 * one.high:.2f}]")
    if p_value is None:
        return f"| {' | '.join((*cells, '', ''))} |"
    verdict = "no difference shown"
    if p_value <= ALPHA:
        verdict = "helps" if one.difference > 0 else "hurts"
    return f"| {' | '.join((*cells, f'{p_value:.3g}', verdict))} |"


def main() -> None:
    """Print the table of one budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("results/runs"))
    parser.add_argument("--budget", default="quick")
    asked = parser.parse_args()
    found = found_of(bench.load_records(asked.results), asked.budget)
    print("| task | part | seeds | with, AP % | without | difference | p, Holm | |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
