"""Do the intervals cover, do the tests keep their error rate, do the sizes of studies hold?

    python benchmarks/intervals.py coverage [--trials 500] [--out results/figures/coverage.png]
    python benchmarks/intervals.py null     [--trials 300]
    python benchmarks/intervals.py power    [--trials 300]
    python benchmarks/intervals.py seeds    [--trials 500]

Subjects are made with skewed lesion sizes, contrasts and noise of their own, as 120-bin histograms
of the scores of their lesion and other pixels; so truth (100,000 subjects) is known, and no pixel
needs to be drawn. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from bench.stats.draws import subject_draws
from bench.stats.intervals import logit_interval
from bench.stats.limits import LEAST_SUBJECTS, POWER
from bench.stats.paired import Side, compare_all
from bench.stats.power import power_of, subjects_needed

Floats = npt.NDArray[np.float64]
EDGES = np.linspace(-6.0, 12.0, 121)
SIZES = (2, 3, 4, 5, 8, 12, 20, 40)


@dataclass(frozen=True)
class Scenario:
    """Distribution of subjects: lesion share (log mean and sd), contrast (mean and sd)."""

    title: str
    measure: Callable[[Floats, Floats], Floats]
    pooled: bool
    share: tuple[float, float]
    contrast: tuple[float, float]


def average_precision(lesion: Floats, other: Floats) -> Floats:
    """(R,) of (R, 120) histograms, the highest scores first."""
    tp, fp = np.cumsum(lesion, axis=-1), np.cumsum(other, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = lesion / tp[..., -1:]
        return (gain * tp / np.maximum(tp + fp, 1e-300)).sum(axis=-1)


def auroc(lesion: Floats, other: Floats) -> Floats:
    """(R,) of (R, 120) histograms, the highest scores first."""
    tp = np.cumsum(lesion, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((tp - lesion / 2) * other).sum(axis=-1) / (tp[..., -1] * other.sum(axis=-1))


SCENARIOS = (
    Scenario("AP, pooled, small lesions", average_precision, True, (-5.2, 1.2), (1.6, 0.7)),
    Scenario("AP, pooled, large lesions", average_precision, True, (-3.4, 0.8), (2.0, 0.8)),
    Scenario("AP, mean over subjects", average_precision, False, (-4.5, 1.2), (1.6, 0.9)),
    Scenario("AUROC, pooled", auroc, True, (-4.0, 1.0), (1.5, 0.8)),
    Scenario("AUROC near 1, pooled", auroc, True, (-2.0, 0.5), (4.0, 1.2)),
)


@dataclass(frozen=True)
class Cohort:
    """Subjects and their (n, 120) histograms under one method."""

    scenario: Scenario
    lesion: Floats
    other: Floats

    def drawn(self, draws: Floats) -> Floats:
        """The number in each resample."""
        one = self.scenario
        if one.pooled:
            return one.measure(draws @ self.lesion, draws @ self.other)
        own = one.measure(self.lesion, self.other)
        with np.errstate(invalid="ignore"):
            return draws @ own / draws.sum(axis=1)

    @property
    def value(self) -> float:
        """The number of the subjects as they are."""
        return float(self.drawn(np.ones((1, len(self.lesion))))[0])


@dataclass(frozen=True)
class Subjects:
    """What all methods see alike: lesions, contrasts, noise."""

    share: Floats
    contrast: Floats
    level: Floats
    spread: Floats
    size: Floats

    @classmethod
    def sample(cls, one: Scenario, n: int, generator: np.random.Generator) -> Subjects:
        """So many subjects of a scenario."""
        share = np.minimum(np.exp(generator.normal(*one.share, n)), 0.5)
        return cls(
            share,
            generator.normal(*one.contrast, n),
            generator.normal(0.0, 0.4, n),
            np.exp(generator.normal(0.0, 0.15, n)),
            np.exp(generator.normal(0.0, 0.15, n)),
        )

    def judged(self, one: Scenario, gain: float = 0.0, own: Floats | float = 0.0) -> Cohort:
        """By a method with so much more contrast, and a share of luck in each subject."""
        contrast = self.contrast + gain + own
        lesion = _histogram(self.level + contrast * self.spread, 1.2 * self.spread)
        other = _histogram(self.level, self.spread)
        pixels = self.size[:, None]
        share = self.share[:, None]
        return Cohort(one, lesion * share * pixels, other * (1 - share) * pixels)


def _histogram(mean: Floats, sd: Floats) -> Floats:
    below = special.ndtr((EDGES[None] - mean[:, None]) / sd[:, None])
    below[:, 0], below[:, -1] = 0.0, 1.0
    return np.diff(below, axis=1)[:, ::-1]


# --- coverage ---------------------------------------------------------------------------------


def intervals(
    cohort: Cohort, names: list[str], generator: np.random.Generator
) -> dict[str, Floats]:
    """Every candidate's 95 % interval."""
    n, value = len(cohort.lesion), cohort.value
    plain = cohort.drawn(generator.multinomial(n, np.full(n, 1 / n), 1000).astype(float))
    jack = cohort.drawn(1.0 - np.eye(n))
    draws = subject_draws(names).astype(float)
    ours = logit_interval(value, cohort.drawn(draws), n)
    slope, centre = value * (1 - value), special.logit(value)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * ((jack - jack.mean()) ** 2).sum())
    both = np.array([-1.0, 1.0])
    return {
        "percentile": np.quantile(plain, [0.025, 0.975]),
        "BCa": _bca(value, plain, jack),
        "jackknife t": value + both * half,
        "jackknife t, logit": special.expit(centre + both * half / slope),
        "bootstrap t, logit (chosen)": np.array(ours if ours else (np.nan, np.nan)),
    }


def _bca(value: float, drawn: Floats, jack: Floats) -> Floats:
    moved = jack.mean() - jack
    skew = float((moved**3).sum() / (6 * (moved**2).sum() ** 1.5 + 1e-300))
    below = float(np.mean(drawn < value) + np.mean(drawn == value) / 2)
    bias = special.ndtri(np.clip(below, 1e-3, 1 - 1e-3))
    ends = bias + special.ndtri([0.025, 0.975])
    return np.quantile(drawn, special.ndtr(bias + ends / (1 - skew * ends)))


def coverage(trials: int, out: Path | None) -> None:
    found: dict[str, dict[str, dict[int, float]]] = {}
    for scenario in SCENARIOS:
        truth = truth_of(scenario)
        table: dict[str, dict[int, float]] = defaultdict(dict)
        width: dict[int, float] = {}
        for n in SIZES:
            generator = np.random.default_rng([n, zlib.crc32(scenario.title.encode())])
            hits: dict[str, int] = defaultdict(int)
            widths = []
            for trial in range(trials):
                cohort = Subjects.sample(scenario, n, generator).judged(scenario)
                names = [f"{trial}-{at}" for at in range(n)]
                for name, (low, high) in intervals(cohort, names, generator).items():
                    hits[name] += bool(low <= truth <= high)
                    table[name].setdefault(n, 0.0)
                widths.append(high - low)
            for name in table:
                table[name][n] = hits[name] / trials
            width[n] = float(np.median(widths))
        found[scenario.title] = table
        print(f"\n{scenario.title}: truth {truth:.3f}; coverage in % of {trials} trials\n")
        print_table(("n", *map(str, SIZES)), [
            *((name, *(f"{100 * one:.0f}" for one in row.values())) for name, row in table.items()),
            ("width of the chosen one", *(f"{one:.2f}" for one in width.values())),
        ])  # fmt: skip
    if out is not None:
        draw(found, out)


def truth_of(scenario: Scenario, gain: float = 0.0) -> float:
    many = Subjects.sample(scenario, 100_000, np.random.default_rng(99))
    return many.judged(scenario, gain).value


def draw(found: dict[str, dict[str, dict[int, float]]], out: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(found), figsize=(3 * len(found), 3), sharey=True)
    for axis, (title, table) in zip(axes, found.items(), strict=True):
        axis.axhline(95, color="0.6", linestyle="--", linewidth=1)
        axis.axvline(LEAST_SUBJECTS - 0.5, color="0.8", linewidth=1)
        for name, row in table.items():
            chosen = "chosen" in name
            axis.plot(list(row), [100 * one for one in row.values()], label=name, marker=".",
                      linewidth=2.5 if chosen else 1, color="#0072b2" if chosen else None,
                      zorder=3 if chosen else 2)  # fmt: skip
        axis.set_title(title, fontsize=8)
        axis.set_xscale("log")
        axis.set_xticks(SIZES, map(str, SIZES))
        axis.minorticks_off()
        axis.set_xlabel("subjects")
    axes[0].set_ylabel("coverage of 95 % intervals, %")
    axes[0].legend(fontsize=6)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=90)
    print(f"\nwritten: {out}")


# --- error rate and power ---------------------------------------------------------------------


def side(cohort: Cohort, names: list[str]) -> Side:
    """A method's number as a record keeps it."""
    drawn = cohort.drawn(subject_draws(names).astype(float))
    return Side(cohort.value, (), drawn, "same", len(names))


def methods(
    scenario: Scenario, n: int, gains: list[float], generator: np.random.Generator, names: list[str]
) -> dict[str, Side]:
    """Methods on the same subjects, each with luck of its own in each subject."""
    subjects = Subjects.sample(scenario, n, generator)
    return {
        f"m{at}": side(subjects.judged(scenario, gain, generator.normal(0, 0.4, n)), names)
        for at, gain in enumerate(gains)
    }


def null(trials: int) -> None:
    """Six equally good methods: how often does a table tell any two apart?"""
    print(f"\nTables of 6 equal methods that tell some pair apart, in % of {trials}; 5 % allowed\n")
    rows = []
    for scenario in SCENARIOS:
        cells = []
        for n in (5, 8, 12, 20):
            generator = np.random.default_rng([n, 7])
            wrong = best = 0
            for trial in range(trials):
                names = [f"{trial}-{at}" for at in range(n)]
                sides = methods(scenario, n, [0.0] * 6, generator, names)
                pairs = compare_all(sides)
                wrong += any("better" in one.verdict for one in pairs.values())
                first = max(sides, key=lambda one: sides[one].value)
                p = sorted(one.p_value for key, one in pairs.items() if first in key)
                best += p[0] * 5 <= 0.05
            cells.append(f"{100 * wrong / trials:.1f} ({100 * best / trials:.1f})")
        rows.append((scenario.title, *cells))
    print_table(("n: all pairs (only the pairs with the best)", "5", "8", "12", "20"), rows)


def power(trials: int) -> None:
    """How often is a difference shown that the formula expects in 80 % of studies?"""
    print(f"\nPower where the formula, given the true spread, expects it; {trials} studies\n")
    rows = []
    for scenario, gain in itertools.product(SCENARIOS, (0.15, 0.3)):
        generator = np.random.default_rng(5)
        names = [f"p{at}" for at in range(400)]
        sides = methods(scenario, 400, [0.0, gain], generator, names)
        (pilot,) = compare_all(sides).values()
        difference = truth_of(scenario) - truth_of(scenario, gain)
        n = subjects_needed(difference, pilot.spread)
        if n is None or n > 400:
            rows.append((scenario.title, f"{difference:+.3f}", "more", "", ""))
            continue
        shown = 0
        for trial in range(trials):
            names = [f"{trial}-{at}" for at in range(n)]
            (pair,) = compare_all(methods(scenario, n, [0.0, gain], generator, names)).values()
            shown += "better" in pair.verdict
        expected = power_of(difference, pilot.spread, n)
        rows.append((scenario.title, f"{difference:+.3f}", str(n), f"{100 * expected:.0f}",
                     f"{100 * shown / trials:.0f}"))  # fmt: skip
    print_table(("scenario", "difference", f"n for {POWER:.0%}", "expected %", "shown %"), rows)


def seeds(trials: int) -> None:
    """Twelve equally good methods, eight of which draw: how often does a table tell two apart?

    The numbers of different seeds differ by so many times what the means over 8 subjects do.
    """
    print(
        f"\nTables of 12 equal methods that tell some pair apart, in % of {trials}; 5 % allowed\n"
    )
    n = 8
    drawn = subject_draws([f"p{at}" for at in range(n)]).astype(float)
    drawn /= drawn.sum(axis=1, keepdims=True)
    rows = []
    for ratio in (0.1, 0.5, 1.0, 2.0, 5.0):
        cells = []
        for count in (1, 2, 3, 5):
            generator, wrong = np.random.default_rng([count, 3]), 0
            for _ in range(trials):
                sides = {}
                for at in range(12):
                    luck = generator.standard_normal(n)
                    own = generator.standard_normal(count) * ratio / np.sqrt(n) * (at < 8)
                    value = luck.mean() + own.mean()
                    by_seed = tuple(luck.mean() + own) if at < 8 and count > 1 else ()
                    sides[at] = Side(value, by_seed, drawn @ luck + own.mean(), "same", n)
                pairs = compare_all(sides)
                wrong += any("better" in one.verdict for one in pairs.values())
            cells.append(f"{100 * wrong / trials:.1f}")
        rows.append((f"{ratio:g}", *cells))
    print_table(("seeds differ by", "1 seed", "2 seeds", "3 seeds", "5 seeds"), rows)


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    for at, row in enumerate([head, *rows]):
        print(f"| {' | '.join(row)} |", flush=True)
        if not at:
            print(f"|{' --- |' * len(head)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["coverage", "null", "power", "seeds"])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--out", type=Path, help="picture of the coverage")
    arguments = parser.parse_args()
    if arguments.what == "coverage":
        coverage(arguments.trials, arguments.out)
    else:
        {"null": null, "power": power, "seeds": seeds}[arguments.what](arguments.trials)


if __name__ == "__main__":
    main()
