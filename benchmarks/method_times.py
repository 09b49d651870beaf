"""Speed and memory of the methods, each against what it could be at best, in one run.

    python benchmarks/method_times.py                         # all three tables, every method
    python benchmarks/method_times.py training ae proxyano    # one table, some methods
    .venv-anomalib/bin/python benchmarks/method_times.py search   # with anomalib as a peer

training: the loop of `methods.shared.training` against bare forward and backward passes of the same
networks and losses on the same batch, in turns; the target is a median ratio of 1.15 at most.
Processor seconds of 100 steps are those of the loop, with the budget's batch and width.
prediction: images per second of every method. search: nearest neighbours in a bank, against
anomalib's and torch's. Every row is measured in a process of its own, on made-up images.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.detector import Run
    from methods.shared.training import Arrays

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # so that another environment than ours can run it

Timing = dict[str, float]
TARGET = 1.15
SIZES = (64, 112)
BANKS = ((1024, 4000, 112), (3136, 4000, 112), (3136, 10_000, 112), (3136, 4000, 448))
KEYS = ("wall", "processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("table", nargs="?", choices=["all", *TABLES], default="all")
    parser.add_argument("methods", nargs="*", help="all where none is named")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20, help="of one repeat of training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(json.loads(options.worker))))
        return
    kept = {}
    for table in TABLES if options.table == "all" else [options.table]:
        print(f"\n## {table}, {options.threads} thread(s), median of {options.repeats}\n")
        header, cases, shown = TABLES[table][1:]
        print("| " + " | ".join(header) + " |\n" + "|---" * len(header) + "|")
        kept[table] = []
        for case in cases(options.methods):
            job = {"table": table, "case": case, **vars(options), "json": None}
            for row in in_own_process(job):
                kept[table].append(row)
                cells = shown(row) if "error" not in row else [row["name"], row["error"]]
                print("| " + " | ".join(cells) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def in_own_process(job: dict[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__, "--worker", json.dumps(job)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [{"name": str(job["case"]), "error": f"failed: {last[:160]}"}]
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def worker(job: dict[str, Any]) -> list[dict[str, Any]]:
    from bench.execution import seeding

    logging.disable()
    seeding.seed_everything(0, threads=job["threads"], device="cpu")
    rows: list[dict[str, Any]] = TABLES[job["table"]][0](job["case"], job)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [
        {**row, "peak_mb": peak / (2**20 if sys.platform == "darwin" else 2**10)} for row in rows
    ]


def in_turns(peers: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[Timing]]:
    """Time peers in turns, so that all meet the same load; the first turn warms up."""
    times: dict[str, list[Timing]] = {name: [] for name in peers}
    for turn in range(repeats + 1):
        for name, call in peers.items():
            wall, processor = time.perf_counter(), time.process_time()
            call()
            spent = {
                "wall": time.perf_counter() - wall,
                "processor": time.process_time() - processor,
            }
            if turn:
                times[name].append(spent)
    return times


def median(timings: Sequence[Timing], key: str) -> float:
    return statistics.median(one[key] for one in timings)


def ratio(ours: Sequence[Timing], theirs: Sequence[Timing], key: str) -> float:
    """Median over the turns of the two's ratio within a turn."""
    return statistics.median(a[key] / b[key] for a, b in zip(ours, theirs, strict=True))


# --- methods ----------------------------------------------------------------------------------


def method_cases(names: Sequence[str]) -> list[tuple[str, int]]:
    from bench import registry

    chosen = [registry.method(name).name for name in names] or list(registry.load_methods())
    return [(name, size) for name in chosen for size in SIZES]


def fitted(
    name: str, size: int, steps: int, device: str = "cpu", budget: str = "smoke"
) -> tuple[Any, Any]:
    """A detector after a token fit, and the images that it saw."""
    from bench import registry
    from bench.cards import Budget
    from bench.conformance.trial import made_up
    from bench.detector import NormalImages, Run

    card = registry.method(name)
    channels = card.channels[0] if card.channels and 1 not in card.channels else 1
    normal = NormalImages(
        *made_up(32, channels, size, seed=0), NormalImages(*made_up(4, channels, size, seed=1))
    )
    values = registry.budget(budget).model_dump()
    spent = Budget.model_validate({**values, "image_size": size, "steps": steps})
    detector = registry.load_class(card)(registry.resolve_config(card, {}))
    with tempfile.TemporaryDirectory() as folder:
        detector.fit(normal, Run(seed=0, device=device, budget=spent, scratch=Path(folder)))
    return detector, normal


def training(case: tuple[str, int], job: dict[str, Any]) -> list[dict[str, Any]]:
    """Catch what a method hands to the loop, and time the loop and the bare passes on it."""
    from bench import registry
    from bench.errors import MissingExtra
    from methods.shared import training as loop

    name, size = case
    plain, rows = loop.train, []

    def measured(
        players: Sequence[Any],
        arrays: Arrays,
        run: Run,
        *,
        steps: int,
        note: str,
    ) -> dict[str, float]:
        result = plain(players, arrays, run, steps=2, note=note)
        fabric = loop._fabric("cpu")
        chosen = next(
            loop.batch_order(len(next(iter(arrays.values()))), run.budget.batch_size, 1, 0)
        )
        batch = loop._draw(arrays, chosen, fabric)

        def bare() -> None:
            for step in range(job["steps"]):
                shared = loop.Step(step / job["steps"], dict(batch))
                for player in players:
                    player.network.train()
                    player.network.zero_grad()
                    player.loss(shared).backward()

        def ours() -> None:
            plain(players, arrays, run, steps=job["steps"], note=note)

        times = in_turns({"ours": ours, "bare": bare}, job["repeats"])
        images = job["steps"] * run.budget.batch_size
        rows.append(
            {
                "name": f"{name}: {note}",
                "size": size,
                "images_per_s": images / median(times["ours"], "wall"),
                "processor_100": 100 * median(times["ours"], "processor") / job["steps"],
            }
            | {key: ratio(times["ours"], times["bare"], key) for key in KEYS}
        )
        for player in players:
            player.network.eval()
        return result

    try:
        registry.load_class(registry.method(name))
    except MissingExtra as missing:
        return [{"name": name, "error": str(missing)}]
    for module in list(sys.modules.values()):
        if module.__name__.startswith("methods.") and getattr(module, "train", None) is plain:
            module.train = measured  # type: ignore[attr-defined]
    fitted(name, size, steps=job["steps"])
    return rows


def training_row(row: dict[str, Any]) -> list[str]:
    verdict = "yes" if row["processor"] <= TARGET else "no"
    return [
        row["name"],
        str(row["size"]),
        f"{row['images_per_s']:.0f}",
        f"{row['processor_100']:.1f}",
        f"{row['wall']:.2f}",
        f"{row['processor']:.2f}",
        verdict,
        f"{row['peak_mb']:.0f}",
    ]


def prediction(case: tuple[str, int], job: dict[str, Any]) -> list[dict[str, Any]]:
    from bench.detector import Images, Skip
    from bench.errors import MissingExtra

    name, size = case
    try:
        detector, normal = fitted(name, size, steps=2)
    except (MissingExtra, Skip) as reason:
        return [{"name": name, "error": str(reason)}]
    images = Images(normal.images, normal.masks)
    times = in_turns({"ours": lambda: detector.predict(images)}, job["repeats"])["ours"]
    rates = {key: len(images) / median(times, key) for key in KEYS}
    return [{"name": name, "size": size, **rates}]


def prediction_row(row: dict[str, Any]) -> list[str]:
    rates = [f"{row[key]:.0f}" for key in KEYS]
    return [row["name"], str(row["size"]), *rates, f"{row['peak_mb']:.0f}"]


# --- search -----------------------------------------------------------------------------------


def search(case: tuple[int, int, int], job: dict[str, Any]) -> list[dict[str, Any]]:
    """The same queries in the same bank, by ours and by peers, in turns."""
    import torch

    from methods.features.neighbours import Bank

    queries_count, bank_count, dimensions = case
    generator = torch.Generator().manual_seed(0)
    bank = torch.randn(bank_count, dimensions, generator=generator)
    queries = torch.randn(queries_count, dimensions, generator=generator)
    own = Bank(bank)
    peers: dict[str, Callable[[], Any]] = {
        "ours": lambda: own.nearest(queries, 1)[0][:, 0],
        "torch.cdist": lambda: torch.cdist(queries, bank).min(dim=1).values,
    }
    theirs = anomalib_search(bank)
    if theirs is not None:
        peers["anomalib"] = lambda: theirs(queries)
    with torch.inference_mode():
        exact = torch.cdist(queries.double(), bank.double()).min(dim=1).values
        errors = {name: float((call() - exact).abs().max()) for name, call in peers.items()}
        times = in_turns(peers, job["repeats"])
    name = f"{queries_count} x {bank_count} x {dimensions}"
    rows = [
        {"name": name, "peer": peer, "ms": 1000 * median(found, "wall"), "off_by": errors[peer]}
        | {key: ratio(found, times["ours"], key) for key in KEYS}
        for peer, found in times.items()
    ]
    if theirs is None:
        rows.append({"name": name, "error": "anomalib cannot be imported here, so it is left out"})
    return rows


def anomalib_search(bank: Any) -> Callable[[Any], Any] | None:  # noqa: ANN401 - torch comes late
    if importlib.util.find_spec("anomalib") is None:
        return None
    from anomalib.models.image.patchcore.torch_model import PatchcoreModel

    model = PatchcoreModel(layers=["layer1"], backbone="resnet18", pre_trained=False)
    model.memory_bank = bank
    return lambda queries: model.nearest_neighbors(queries, n_neighbors=1)[0]


def search_row(row: dict[str, Any]) -> list[str]:
    ratios = [f"{row[key]:.1f}" for key in KEYS]
    return [
        row["name"],
        row["peer"],
        f"{row['ms']:.1f}",
        *ratios,
        f"{row['off_by']:.0e}",
        f"{row['peak_mb']:.0f}",
    ]


# table -> what measures a case, the header, the cases, how a row is shown
TABLES: dict[str, Any] = {
    "training": (
        training,
        [
            "method: part",
            "px",
            "images/s",
            "CPU s, 100 steps",
            "wall / bare",
            "processor / bare",
            f"<= {TARGET}",
            "peak MB",
        ],
        method_cases,
        training_row,
    ),
    "prediction": (
        prediction,
        ["method", "px", "images/s (wall)", "images/s (processor)", "peak MB"],
        method_cases,
        prediction_row,
    ),
    "search": (
        search,
        [
            "queries x bank x D",
            "by",
            "ms",
            "wall / ours",
            "processor / ours",
            "off by",
            "peak MB (all)",
        ],
        lambda _: BANKS,
        search_row,
    ),
}


if __name__ == "__main__":
    main()
