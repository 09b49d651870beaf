"""Whether a detector has learned: its error on held-out normal images beside what knows nothing."""

import json
import shutil

import numpy as np
import pytest

from bench import registry
from bench.detector import NormalImages, Reconstructs
from bench.errors import MethodError
from bench.execution.learning import MOST_IMAGES, NOT_JUDGED, mean_image, what_was_learned
from bench.report import build_report, render
from bench.report.rows.cards import Cards
from bench.store.store import Store
from fakes import tiny
from fakes.cells import cells, run
from fakes.detectors import Brightness


def _normal(validation=True, count=3):
    rng = np.random.default_rng(0)
    images = rng.random((4, 2, 8, 8), dtype=np.float32)
    masks = rng.random((4, 8, 8)) < 0.7
    images *= masks[:, None]
    held = rng.random((count, 2, 8, 8), dtype=np.float32)
    inside = rng.random((count, 8, 8)) < 0.7
    return NormalImages(
        images, masks, NormalImages(held * inside[:, None], inside) if validation else None
    )


class Shifts(Brightness):
    """Rebuilds every image with an error of `by` everywhere."""

    def __init__(self, by):
        self.by, self.seen = by, 0

    def reconstructions(self, images):
        self.seen += len(images)
        return images.images + np.float32(self.by)


def test_errors_are_means_over_foreground_and_channels():
    normal = _normal()
    found = what_was_learned(Shifts(0.125), normal, "cpu", "shifts")
    held, inside = normal.validation.images, normal.validation.masks
    channelled = np.broadcast_to(inside[:, None], held.shape)
    mean = np.zeros((2, 8, 8))
    for row, column in np.ndindex(8, 8):
        shown = normal.masks[:, row, column]
        if shown.any():
            mean[:, row, column] = normal.images[shown, :, row, column].mean(axis=0)
    medians = [
        np.median(one[:, mask], axis=1)[:, None, None]
        for one, mask in zip(held, inside, strict=True)
    ]
    assert found.images == 3
    assert found.error == pytest.approx(0.125, rel=1e-5)
    assert mean_image(normal) == pytest.approx(mean, abs=1e-6)
    assert found.mean_image_error == pytest.approx(np.abs(held - mean)[channelled].mean(), rel=1e-5)
    assert found.constant_error == pytest.approx(
        np.abs(held - np.stack(medians))[channelled].mean(), rel=1e-5
    )


@pytest.mark.parametrize(("by", "trained"), [(0.0, True), (0.2, True), (0.3, False)])
def test_a_method_has_learned_where_it_beats_both(by, trained):
    found = what_was_learned(Shifts(by), _normal(), "cpu", "shifts")
    assert 0.2 < min(found.constant_error, found.mean_image_error) < 0.3
    assert found.trained is trained


def test_who_does_not_reconstruct_or_has_no_validation_says_nothing():
    assert not isinstance(Brightness({}), Reconstructs)
    assert what_was_learned(Brightness({}), _normal(), "cpu", "brightness") is None
    assert what_was_learned(Shifts(0.1), _normal(validation=False), "cpu", "shifts") is None


def test_of_many_images_some_are_looked_at():
    detector = Shifts(0.1)
    found = what_was_learned(detector, _normal(count=3 * MOST_IMAGES + 1), "cpu", "shifts")
    assert found.images == detector.seen <= MOST_IMAGES


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (np.zeros((3, 8, 8)), r"\(3, 8, 8\) float64"),
        (None, "NoneType"),
        (np.full((3, 2, 8, 8), np.nan), "NaN or infinite values, as of a network whose training"),
    ],
)
def test_reconstructions_of_another_form_are_refused(wrong, words):
    class Wrong(Shifts):
        def reconstructions(self, images):
            return wrong

    with pytest.raises(MethodError, match=r"finite \(3, 2, 8, 8\) float32.*found " + words):
        what_was_learned(Wrong(0), _normal(), "cpu", "wrong")


@pytest.mark.parametrize("covered", [True, False])
def test_one_validation_image_is_enough_if_it_has_foreground(covered):
    normal = _normal(count=1)
    held = normal.validation
    if not covered:
        held = NormalImages(np.zeros_like(held.images), np.zeros_like(held.masks))
    found = what_was_learned(
        Shifts(0.1), NormalImages(normal.images, normal.masks, held), "cpu", "shifts"
    )
    assert (found.images, found.trained) == (1, covered)
    if not covered:  # nothing to measure an error on
        assert (found.error, found.constant_error, found.mean_image_error) == (0, 0, 0)


def test_constant_images_have_nothing_to_beat():
    flat = np.full((2, 1, 8, 8), 0.5, np.float32)
    masks = np.ones((2, 8, 8), bool)
    found = what_was_learned(
        Shifts(0.1), NormalImages(flat, masks, NormalImages(flat, masks)), "cpu", "shifts"
    )
    assert found.constant_error == found.mean_image_error == 0
    assert not found.trained


def test_it_is_measured_once_for_a_fit_and_stands_in_every_record(tmp_path):
    tiny.make_volumes(tmp_path)
    first, second = cells(tmp_path, tiny.method("Rebuilds"), tasks=("t1", "t1-again"))
    one, other = run(tmp_path, first), run(tmp_path, second)
    assert one.status == "done", one.reason
    assert one.learning == other.learning
    assert one.cost.fit_cpu_seconds == other.cost.fit_cpu_seconds >= 0
    assert one.learning.error == 0
    assert one.learning.trained
    folder = Store(tmp_path / "runs").fit_folder(first.fit.key)
    assert json.loads((folder / "fit.json").read_text())["learning"]["images"] > 0
    (silent,) = cells(tmp_path, tiny.method("Brightness"))
    assert run(tmp_path, silent).learning is None


def test_without_validation_images_the_record_and_the_table_say_that_nothing_tells(tmp_path):
    tiny.make_volumes(tmp_path)
    shutil.rmtree(tmp_path / "tiny" / "n4")
    rebuilds, silent = cells(tmp_path, tiny.method("Rebuilds"), tiny.method("Brightness"))
    records = [run(tmp_path, rebuilds), run(tmp_path, silent)]
    assert [one.learning for one in records] == [None, None]
    assert [one.adapted for one in records] == [[NOT_JUDGED], []]
    report = build_report(records, Cards({"tiny": tiny.card()}, {}, registry.load_protocols()))
    assert f"- {records[0].method}: {NOT_JUDGED}" in render(report, "markdown").replace("\\", "")


def test_a_fit_of_an_older_bench_is_used_without_it(tmp_path):
    tiny.make_volumes(tmp_path)
    first, second = cells(tmp_path, tiny.method("Rebuilds"), tasks=("t1", "t1-again"))
    run(tmp_path, first)
    folder = Store(tmp_path / "runs").fit_folder(first.fit.key)
    about = json.loads((folder / "fit.json").read_text())
    del about["learning"]
    (folder / "fit.json").write_text(json.dumps(about))
    (folder / "checksums.json").unlink()
    record = run(tmp_path, second)
    assert record.status == "done"
    assert (record.cost.fit_shared, record.learning) == (True, None)


@pytest.mark.parametrize("name", ["ae", "dae", "pca", "proxyano", "phanes-like"])
def test_methods_that_rebuild_say_so(name):
    card = registry.method(name)
    assert isinstance(registry.load_class(card)(card.config), Reconstructs)


@pytest.mark.parametrize("name", ["gaussian", "knn-patches", "ssl-padim", "constant", "equalized"])
def test_methods_that_do_not_rebuild_say_nothing(name):
    card = registry.method(name)
    assert not isinstance(registry.load_class(card)(card.config), Reconstructs)
