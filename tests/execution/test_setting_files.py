"""Settings that are files: their content counts, not their path."""

import pytest

from bench import registry
from bench.cards import MethodCard
from bench.cards.base import parse_card
from bench.errors import CardError, StoreError, UsageError
from bench.execution.fitted import load_fitted
from bench.planning.settings import choose_settings, named_settings
from bench.report import Cards, build_report, render
from bench.report.rows.provenance import reproduce_command
from bench.store.store import Store
from fakes import tiny
from fakes.cells import cells, run

CARD = {
    "name": "weighted",
    "title": "Weighted",
    "class": "fakes.detectors:Weighted",
    "version": 1,
    "family": "other",
    "description": "a fake",
    "config": {"weights": "none"},
    "files": ["weights"],
}


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def weighted(path):
    card = MethodCard.model_validate(CARD)
    (choice,) = choose_settings([card], named_settings({"weights": str(path)}))
    return choice


def file(data, name, text):
    path = data / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_the_same_bytes_elsewhere_are_the_same_cell_and_other_bytes_are_another(data):
    first = file(data, "w.txt", "1.0")
    (cell,) = cells(data, weighted(first))
    (moved,) = cells(data, weighted(file(data, "other/v.txt", "1.0")))
    assert (moved.key, moved.fit.key) == (cell.key, cell.fit.key)
    first.write_text("2.0")
    (changed,) = cells(data, weighted(first))
    assert changed.fit.key != cell.fit.key
    one, two = run(data, moved), run(data, changed)
    assert (one.status, two.status) == ("done", "done")
    assert one.config != two.config
    assert one.provenance["setting_files"] == {"weights": str(data / "other" / "v.txt")}


def test_tables_name_the_content_and_the_command_names_the_path(data):
    path = file(data, "w.txt", "1.0")
    (cell,) = cells(data, weighted(path))
    record = run(data, cell)
    cards = Cards({"tiny": tiny.card()}, {}, registry.load_protocols())
    label = cell.fit.config["weights"][: len("sha256:") + 12]
    assert f"weighted (weights={label})" in render(build_report([record], cards), "markdown")
    assert f"--set weights={path}" in reproduce_command(record, cards)


def test_a_file_that_changes_after_the_plan_fails_its_cell(data):
    path = file(data, "w.txt", "1.0")
    (cell,) = cells(data, weighted(path))
    path.write_text("2.0")
    record = run(data, cell)
    assert (record.status, record.error_class) == ("failed", "data")
    assert f"data changed since the plan: {path}" in record.reason


def test_a_fit_is_loaded_with_its_file_or_without_it(data, monkeypatch):
    path = file(data, "w.txt", "1.0")
    (cell,) = cells(data, weighted(path))
    record = run(data, cell)
    monkeypatch.setattr(registry, "load_methods", lambda: {"weighted": cell.fit.method})
    monkeypatch.setattr(registry, "dataset", lambda name: tiny.card())
    monkeypatch.setattr(registry, "all_tasks", lambda: {"tiny/t1": tiny.card().tasks["t1"]})
    store = Store(data / "runs")
    assert load_fitted(store, record, "cpu").detector.config == {"weights": str(path)}
    path.write_text("2.0")
    found = load_fitted(store, record, "cpu").detector
    assert found.config == {"weights": cell.fit.config["weights"]}
    level = store.fit_folder(cell.fit.key) / "detector" / "level.json"
    level.write_text("0.5")
    with pytest.raises(StoreError, match=r"level\.json has other bytes"):
        load_fitted(store, record, "cpu")


def test_a_path_that_is_not_a_file_is_refused_before_anything_runs(data):
    with pytest.raises(UsageError, match=r"weighted:weights='.*none\.pth' is not a file"):
        weighted(data / "none.pth")
    assert weighted("random").config == {"weights": "random"}


def test_a_card_names_settings_only():
    with pytest.raises(CardError, match="files: 'wieghts' is not a setting; did you mean"):
        parse_card({**CARD, "files": ["wieghts"]}, MethodCard, where="card")


def test_the_weights_of_every_anomalib_method_are_files():
    cards = [
        card
        for name, card in registry.load_methods().items()
        if name.startswith("anomalib-") and "weights" in card.config
    ]
    assert len(cards) == 8
    assert all(card.files == ["weights"] for card in cards)
