"""Records made up for tests, and stores of them."""

from pathlib import Path

from bench import registry
from bench.store.records import ProtocolNumbers, Record, Subjects
from bench.store.store import Store


def record(method: str = "far", value: float | None = 0.5, *, seed: int = 0, **more) -> Record:
    """A done record of a task and a method that no card knows; a failed one without a value."""
    prevalence = more.pop("prevalence", 0.02)
    subjects = more.pop("subjects", ["p1", "p2"])
    task = more.pop("task", "made-up/t1")
    numbers = {
        name: ProtocolNumbers(
            status="done",
            metrics={"ap": value, "auroc": 0.5 + value / 2},
            prevalence=prevalence,
            subjects=len(subjects),
        )
        for name in ("pixel-pooled@1", "image@1")
        if value is not None
    }
    content = {
        "key": f"{method}-{seed}-{len(more)}",
        "fit_key": "f",
        "dataset": task.split("/")[0],
        "dataset_version": 1,
        "task": task,
        "method": method,
        "method_version": 1,
        "train_on": "made-up",
        "budget": "smoke",
        "budget_values": registry.budget("smoke").key_values(),
        "seed": seed,
        "deterministic": False,
        "device": "cpu",
        "status": "done" if numbers else "failed",
        "reason": None if numbers else "the loss is a teapot",
        "error_class": None if numbers else "method",
        "protocols": numbers,
        "subjects": Subjects(train=["n1"], validation=[], test=subjects, test_expected=2),
        **more,
    }
    return Record.model_validate(content)


def store(folder: Path, *records: Record) -> Path:
    """Write records into a new store."""
    made = Store(folder)
    made.open_for_writing()
    for one in records:
        made.write_record(one)
    return folder


def a_record(**changes) -> Record:
    """A plausible done record without numbers."""
    content = {
        "key": "c" * 64,
        "fit_key": "f" * 64,
        "dataset": "phantom",
        "dataset_version": 1,
        "task": "phantom/ms-t1",
        "method": "ae",
        "method_version": 1,
        "train_on": "phantom",
        "budget": "smoke",
        "budget_values": {"steps": 1},
        "seed": 0,
        "deterministic": False,
        "device": "cpu",
        "status": "done",
        "subjects": Subjects(train=["a"], validation=[], test=["b"], test_expected=1),
    }
    return Record(**{**content, **changes})
