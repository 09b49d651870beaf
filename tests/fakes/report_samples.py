"""A small store that holds every kind of line a report can meet."""

from __future__ import annotations

import numpy as np

from bench import registry
from bench.cards import (
    DatasetCard,
    Headline,
    Layout,
    MethodCard,
    Preparation,
    ProtocolCard,
    PublishedRow,
    PublishedValue,
    Split,
    Task,
)
from bench.report import Cards
from bench.stats.draws import draws_of, subject_draws
from bench.stats.intervals import logit_interval
from bench.store.records import Cost, Interval, ProtocolNumbers, Record, Subjects, TrainedOn
from bench.store.replicates import Replicates, Resampled

BRAIN = Preparation(spacing_mm=(2.0, 2.0, 2.0), grid=(112, 112, 80))


def dataset(name: str, tasks: dict[str, Task], **more) -> DatasetCard:
    return DatasetCard(
        name=name,
        title=name,
        version=1,
        description="for tests",
        licence="none",
        citation="none",
        layouts=[Layout(name="plain", title="plain", images={"t1": "{subject}.nii"})],
        splits={"test": Split(subjects="rest", rule="all")},
        preparation=BRAIN,
        tasks=tasks,
        **more,
    )


def method(name: str, family: str, *, deterministic: bool = False) -> MethodCard:
    return MethodCard.model_validate(
        {
            "name": name,
            "title": name,
            "class": "somewhere:Class",
            "version": 1,
            "family": family,
            "description": "for tests",
            "deterministic": deterministic,
            "yardstick": "all" if family == "trivial" else None,
        }
    )


def protocol(name: str, level: str, description: str) -> ProtocolCard:
    return ProtocolCard.model_validate(
        {
            "name": name,
            "version": 1,
            "title": name,
            "description": description,
            "level": level,
            "pool": "pooled",
        }
    )


PLAIN = Headline(protocol="pixel-pooled@1", metric="ap")

CARDS = Cards(
    datasets={
        card.name: card
        for card in (
            dataset(
                "mslub",
                {"t1": Task(title="MSLUB T1", channels=["t1"], train_on="ixi", headline=PLAIN)},
            ),
            dataset(
                "odd",
                {
                    "t1": Task(
                        title="50 % off_label & <script>alert(1)</script> | $x^2$ #1 ~{a}\\",
                        channels=["t1"],
                        headline=PLAIN,
                    ),
                    "image": Task(
                        title="Images",
                        channels=["t1"],
                        headline=Headline(protocol="image@1", metric="auroc"),
                    ),
                },
                synthetic=True,
            ),
        )
    },
    methods={
        card.name: card
        for card in (
            method("random", "trivial"),
            method("equalized", "trivial", deterministic=True),
            method("gaussian", "classical", deterministic=True),
            method("ae", "autoencoder"),
            method("proxyano", "proxy"),
        )
    },
    protocols={
        card.id: card
        for card in (
            protocol("pixel-pooled", "pixel", "All foreground pixels ranked together."),
            protocol("pixel-subject", "pixel", "Mean over subjects."),
            protocol("image", "image", "All images ranked together by their score."),
        )
    },
)

ROWS = (
    PublishedRow(
        name="mslub-t1",
        order=1,
        title="MSLUB T1",
        metric="ap",
        tasks=["mslub/t1"],
        protocol="pixel-pooled@1",
        values=[
            PublishedValue(method="PHANES", value=2.04),
            PublishedValue(method="ProxyAno", value=3.32, ours="proxyano"),
            PublishedValue(method="Never_run & co", value=3.0, ours="never-run"),
        ],
        source="Somebody & al., 100 % <made up>",
        known="Nothing.",
        unknown="All.",
        not_comparable="the source's protocol is not known",
    ),
    PublishedRow(
        name="oct",
        order=2,
        title="Retinal OCT",
        metric="auroc",
        tasks=["oct/lesion"],
        protocol="image@1",
        values=[PublishedValue(method="ProxyAno", value=93.3, ours="proxyano")],
        source="Somebody",
        known="Nothing.",
        unknown="All.",
    ),
)


def resampled(metrics, subjects, *, spread=0.1, seed=0) -> Resampled:
    """Replicates around numbers as if each of the subjects p0, p1, ... had a value of its own."""
    names = [f"p{at}" for at in range(subjects)]
    draws = subject_draws(names)
    total = np.where(draws.any(axis=1), draws.sum(axis=1), np.nan)
    found = {}
    for at, (metric, value) in enumerate(metrics.items()):
        own = np.random.default_rng([seed, at]).standard_normal(subjects)
        values = value * (1 + spread * (own - own.mean()))
        found[metric] = Replicates.of(draws @ values / total)
    return Resampled(draws=draws_of(names), subjects=subjects, metrics=found)


def numbers(
    value: float,
    *,
    auroc: float | None = None,
    half: float | None = None,
    prevalence: float = 0.0187,
    subjects: int = 2,
    degenerate: bool = False,
    drawn: int | None = None,
    spread: float = 0.1,
) -> ProtocolNumbers:
    """Numbers, with replicates where a seed of them is given as ``drawn``."""
    metrics = {"ap": value} | ({"auroc": auroc} if auroc is not None else {})
    intervals = {}
    if half is not None:
        intervals = {
            name: Interval(low=one - half, high=one + half) for name, one in metrics.items()
        }
    kept = None
    if drawn is not None:
        kept = resampled(metrics, subjects, spread=spread, seed=drawn)
        for name, one in kept.metrics.items():
            ends = logit_interval(metrics[name], one.values(), subjects)
            if ends is not None:
                intervals[name] = Interval(low=ends[0], high=ends[1])
    return ProtocolNumbers(
        status="done",
        metrics=metrics,
        intervals=intervals,
        prevalence=prevalence,
        cases=1000,
        positives=round(1000 * prevalence),
        subjects=subjects,
        degenerate=degenerate,
        resampled=kept,
    )


def record(
    method: str,
    value: float | None = None,
    *,
    seed: int = 0,
    task: str = "mslub/t1",
    test: int = 2,
    expected: int = 30,
    half: float | None = 0.004,
    auroc: float = 0.6,
    protocols: dict[str, ProtocolNumbers] | None = None,
    seconds: float = 12.0,
    drawn: int | None = None,
    spread: float = 0.1,
    **more,
) -> Record:
    """A record; one with a value is done, with the usual two protocols.

    ``drawn`` seeds replicates; a record of an older bench has none.
    """
    dataset_name = task.split("/")[0]
    if protocols is None and value is not None:
        protocols = {
            "pixel-pooled@1": numbers(
                value, auroc=auroc, half=half, subjects=test, drawn=drawn, spread=spread
            ),
            "image@1": numbers(0.5, auroc=auroc - 0.05, prevalence=0.4, subjects=test),
        }
    done = bool(protocols)
    content = {
        "key": f"{task}-{method}-{seed}-{more.get('config')}-{more.get('budget')}",
        "fit_key": "f",
        "dataset": dataset_name,
        "dataset_version": 1,
        "task": task,
        "method": method,
        "method_version": 1,
        "train_on": "ixi",
        "budget": "quick",
        "budget_values": registry.budget(str(more.get("budget", "quick"))).key_values(),
        "seed": seed,
        "deterministic": False,
        "device": "cpu",
        "status": "done",
        "protocols": protocols or {},
        "subjects": Subjects(
            train=["a"],
            validation=[],
            test=[f"p{at}" for at in range(test)],
            test_expected=expected,
        ),
        "trained_on": TrainedOn(subjects=64, images=3495) if done else None,
        "cost": Cost(
            fit_seconds=seconds + seed,
            fit_shared=False,
            predict_ms_per_image=2.5,
            peak_rss_mb=812.4,
            parameters=1000,
        )
        if done
        else None,
    }
    return Record.model_validate(content | more)


def sample_records() -> list[Record]:
    """Several seeds, ties, a failure, a skip, a lost seed, constant scores, settings, old cells."""
    failed = {"status": "failed", "error_class": "timeout", "reason": "stopped after 240 min [/x]"}
    return [
        *(record("proxyano", value, seed=at) for at, value in enumerate((0.019, 0.021, 0.0215))),
        record("proxyano", 0.025, config={"proxy": "edge", "slots": 100}),
        record("ae", 0.02, seed=0, auroc=0.58),
        record("ae", 0.0203, seed=1, auroc=0.61),
        record("ae", seed=2, **failed),
        record("gaussian", 0.0313, deterministic=True),
        record("equalized", 0.0313, auroc=0.71, deterministic=True),
        record("equalized", 0.5, method_version=0, key="old"),
        record("random", 0.0186, auroc=0.5),
        record(
            "constant_one",
            protocols={"pixel-pooled@1": numbers(0.0187, auroc=0.5, half=0.0, degenerate=True)},
        ),
        record(
            "broken", status="failed", error_class="method", reason="shape (3, |4|)\n<b> 5 % _x_"
        ),
        record("needs_rgb", status="skipped", reason="accepts 3 channels & has 1"),
        *(
            record(
                "ae", value, seed=at, task="odd/t1", test=5, expected=5, train_on="odd", drawn=at
            )
            for at, value in enumerate((0.11, 0.13))
        ),
        record(
            "ae", 0.2, task="odd/t1", test=5, expected=5, train_on="odd", budget="paper", drawn=2
        ),
        record(
            "gaussian",
            0.15,
            task="odd/t1",
            test=4,
            expected=5,
            train_on="ixi",
            adapted=["grey repeated to RGB"],
        ),
        record(
            "ae",
            task="odd/image",
            test=1,
            expected=1,
            train_on="odd",
            protocols={
                "image@1": numbers(0.8, auroc=0.9, prevalence=0.4, subjects=1),
                "pixel-pooled@1": ProtocolNumbers(status="not applicable", reason="no masks"),
            },
        ),
    ]
