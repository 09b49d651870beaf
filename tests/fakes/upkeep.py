"""Stores with everything that belongs to a cell."""

from pathlib import Path

from bench.checksums import seal
from bench.store.records import Record
from bench.store.store import Store


def full_store(root: Path, *records: Record) -> Store:
    """A store whose cells have a fit, predictions and a log; what they hold follows from keys."""
    store = Store(root)
    store.open_for_writing()
    for record in records:
        folder = store.prediction_folder(record.key)
        if not folder.exists():
            folder.mkdir()
            (folder / "p1.npz").write_bytes(f"maps of {record.key}".encode())
            seal(folder)
        fit = store.fit_folder(record.fit_key)
        if not fit.exists():
            (fit / "detector").mkdir(parents=True)
            (fit / "fit.json").write_text("{}")
            (fit / "detector" / "weights.safetensors").write_bytes(record.fit_key.encode() * 9)
            seal(fit)
        store.log_path(record.key).write_text("trained\n")
        store.write_record(record)
    return store
