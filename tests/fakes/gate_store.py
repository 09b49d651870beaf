"""A small data set with lesions on one side only, and stores of it, for the gate's own test."""

from pathlib import Path

import numpy as np

from bench import registry
from bench.cards import DatasetCard
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.plan import make_plan
from bench.planning.request import Request, TaskChoice
from bench.planning.settings import choose_settings, parse_settings
from bench.report import SummaryRow, summarise
from bench.store.store import Store
from fakes import tiny

METHODS = ("intensity", "gaussian", "proxyano")
# Proxies covered by patches of other images, and networks too shallow to look around them: what
# the reconstruction is held against decides everything.
SETTINGS = (
    "proxyano:paste_count=40",
    "proxyano:paste_smallest=0.3",
    "proxyano:paste_largest=0.6",
    "proxyano:paste_source=another",
    'proxyano:paste_on="proxy"',
    "proxyano:paste_feather=0.0",
    "proxyano:paste_gain=0.0",
    "proxyano:paste_offset=0.0",
    'proxyano:irm_input="true"',
    "proxyano:proxy=blur",
    "proxyano:memory=none",
    "proxyano:depth=1",
    "proxyano:stride=2",
    "proxyano:training=two-stage",
    "proxyano:learning_rate=0.005",
)
BUDGET = tiny.BUDGET.model_copy(update={"steps": 300, "batch_size": 8, "width": 16})


def make_data(root: Path) -> Path:
    """Balls with a structure that can be learned; patients have a bright spot on their right."""
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in tiny.SHAPE), indexing="ij")
    brain = sum(axis**2 for axis in axes) < 0.8
    for number, subject in enumerate(["n1", "n2", "n3", "n4", "p1", "p2", "p3", "p4"]):
        rng = np.random.default_rng(number)
        phase = rng.uniform(-0.2, 0.2)
        image = 100 + 40 * np.sin(5 * axes[0] + phase) * np.cos(4 * axes[1]) + 15 * axes[2]
        image += rng.normal(0, 6, tiny.SHAPE)
        lesion = np.zeros(tiny.SHAPE, bool)
        if subject in ("p1", "p3"):
            lesion[15:19, 12:17, 8:12] = True
        image += 60 * lesion
        folder = root / "tiny" / subject
        folder.mkdir(parents=True)
        # Two modalities with the same voxels would be refused: one of them must be misnamed.
        for modality, more in (("T1", 0.0), ("T2", 10.0)):
            tiny.write_volume(folder / f"{modality}.nii.gz", (image + more) * brain)
        tiny.write_volume(folder / "lesion.nii.gz", (lesion & brain).astype(np.uint8))
    return root


def run_store(data: Path, results: Path, cache: Path, methods: tuple[str, ...]) -> list[SummaryRow]:
    """Run methods in this process, so that what a test has patched is what runs."""
    card: DatasetCard = tiny.card()
    chosen = [registry.method(name) for name in methods]
    settings = [one for one in SETTINGS if one.split(":")[0] in methods]
    task = TaskChoice(name="tiny/t1", dataset=card, task=card.tasks["t1"], train_on=card)
    request = Request(choose_settings(chosen, parse_settings(settings)), (task,), BUDGET, seeds=3)
    place = RunContext(results, cache, device="cpu", keep="none", command="test")
    for cell in make_plan(request, data_dir=data, cache=cache).cells:
        record = run_cell(cell, place, lambda *_: None)
        assert record.status == "done", record.reason
    records, _ = Store(results).read_all()
    return summarise(records, {"tiny": card}, registry.load_protocols())
