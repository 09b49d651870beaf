"""Curves, galleries and figures of cells that have really run."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cards import ProtocolCard
from bench.report import build_report, summarise
from bench.report.figures.charts import all_charts
from bench.report.figures.gallery import (
    chosen_subjects,
    ranking,
    shared_scale,
    shown_subjects,
)
from bench.report.figures.paper import save_charts, save_gallery
from bench.report.figures.pictures import MOST_PIXELS, input_png, map_png, mask_png
from bench.report.figures.views import draw_cells, wanted_cells
from bench.report.rows.pick import LineKey
from bench.store.predictions import (
    SubjectPrediction,
    read_subject,
    shown_image,
    write_index,
    write_prediction,
)
from bench.store.records import ProtocolNumbers, SubjectNumbers
from bench.store.store import Store
from fakes.report_samples import CARDS, record
from fakes.tiny import bench, make_volumes, write_card

PIXELS = ProtocolCard.model_validate(
    {
        "name": "pixel-pooled",
        "version": 1,
        "title": "t",
        "description": "d",
        "level": "pixel",
        "pool": "pooled",
    }
)
SUBJECTS = ("p1", "p2", "p3", "p4", "n1")


def a_cell(root: Path, *, size: int = 16, preview: bool = True, kept: str = "maps"):
    """A record with kept predictions: p1 is found best, p4 worst, n1 is normal."""
    found = {
        name: SubjectNumbers(cases=9, positives=1, metrics={"ap": 0.9 - at / 10})
        for at, name in enumerate(SUBJECTS[:4])
    }
    found["n1"] = SubjectNumbers(cases=9, positives=0)
    numbers = ProtocolNumbers(
        status="done", metrics={"ap": 0.5}, prevalence=0.1, subjects=5, per_subject=found
    )
    one = record("ae", protocols={"pixel-pooled@1": numbers}, key="a" * 64, kept=kept)
    store = Store(root)
    store.write_record(one)
    folder = store.prediction_folder(one.key)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for at, name in enumerate(SUBJECTS):
        labels = np.zeros((3, size, size), bool)
        if name != "n1":
            labels[1, 3 : 5 + at, 3:6] = True
            labels[2, 3, 3] = True
        masks = np.zeros_like(labels)
        masks[:, 1:-1, 1:-1] = True
        maps = rng.normal(size=labels.shape).astype(np.float32) + (4 - at) * labels
        write_prediction(
            folder,
            SubjectPrediction(
                subject=name,
                role="test",
                maps=maps if kept == "maps" else None,
                scores=maps.max(axis=(1, 2)),
                masks=masks,
                labels=labels,
                image_labels=labels.any(axis=(1, 2)),
                preview=rng.random((size, size)).astype(np.float16) if preview else None,
            ),
        )
    write_index(folder, {"test": SUBJECTS, "validation": []})
    return store, one


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_best_median_and_worst_are_those_of_the_record(tmp_path):
    _, one = a_cell(tmp_path)
    assert chosen_subjects(one, "pixel-pooled@1", "ap") == [
        ("best", "p1", 0.9),
        ("median", "p2", 0.8),
        ("worst", "p4", pytest.approx(0.6)),
    ]
    assert chosen_subjects(one, "image@1", "ap") == []


@pytest.mark.parametrize(("count", "places"), [(0, []), (1, ["best"]), (2, ["best", "worst"])])
def test_few_subjects_have_few_places(count, places):
    values = {
        f"p{at}": SubjectNumbers(cases=2, positives=1, metrics={"ap": 0.5}) for at in range(count)
    }
    numbers = ProtocolNumbers(status="done", per_subject=values)
    one = record("ae", protocols={"x@1": numbers})
    assert [place for place, _, _ in chosen_subjects(one, "x@1", "ap")] == places


def test_where_images_are_ranked_a_protocol_of_pixels_chooses_the_subjects():
    """A subject of one image has one class, so no AUROC of its own."""
    own = {"p1": SubjectNumbers(cases=9, positives=1, metrics={"ap": 0.5, "auroc": 0.7})}
    none = {"p1": SubjectNumbers(cases=1, positives=1)}
    numbers = {
        "image-top@1": ProtocolNumbers(status="done", per_subject=none),
        "pixel-pooled@1": ProtocolNumbers(status="done", per_subject=own),
        "pixel-pooled@2": ProtocolNumbers(status="done", per_subject=own),
    }
    one = record("ae", protocols=numbers)
    assert ranking(one, "image-top@1", "auroc") == ("pixel-pooled@2", "auroc")
    assert ranking(one, "pixel-pooled@1", "ap") == ("pixel-pooled@1", "ap")
    images = record("ae", protocols={"image-top@1": numbers["image-top@1"]})
    assert ranking(images, "image-top@1", "auroc") is None


def test_the_image_with_the_largest_lesion_is_shown_and_all_share_one_scale(tmp_path):
    store, one = a_cell(tmp_path)
    shown = shown_subjects(one, store.prediction_folder(one.key), "pixel-pooled@1", "ap")
    assert [(found.subject, found.at, found.of) for found in shown] == [
        ("p1", 1, 3),
        ("p2", 1, 3),
        ("p4", 1, 3),
    ]
    low, high = shared_scale(shown)
    values = np.concatenate([found.map[found.inside] for found in shown])
    assert values.min() < low < high < values.max()
    colours = opened(map_png(shown[0], (low, high)))
    assert (colours[~shown[0].inside] == 0).all()
    assert (colours[shown[0].inside].sum(axis=-1) > 0).all()
    truth = opened(mask_png(shown[0]))
    assert (truth[shown[0].lesion] == (255, 176, 0)).all()


def test_a_normal_subject_shows_its_largest_foreground():
    masks = np.zeros((3, 4, 4), bool)
    masks[1] = True
    assert shown_image(masks, np.zeros_like(masks)) == 1
    assert shown_image(masks, None) == 1


def test_pictures_of_large_images_are_reduced_and_keep_small_lesions(tmp_path):
    store, one = a_cell(tmp_path, size=300)
    shown = shown_subjects(one, store.prediction_folder(one.key), "pixel-pooled@1", "ap")[0]
    for png in (input_png(shown), map_png(shown, (0.0, 1.0)), mask_png(shown)):
        picture = opened(png)
        assert max(picture.shape) <= MOST_PIXELS
    assert (picture == (255, 176, 0)).all(axis=-1).any()


def test_views_hold_curves_and_pictures(tmp_path):
    store, one = a_cell(tmp_path)
    wanted = wanted_cells([one], CARDS, store)
    view = draw_cells(wanted, store, processes=2)[LineKey("mslub/t1", "ae", "{}", "ixi", "quick")]
    assert view.problem == ""
    assert view.roc[0] == (0, 0)
    assert view.roc[-1] == (1, 1)
    assert view.pr[-1][0] == 1
    assert [one.standing for one in view.pictures] == ["best", "median", "worst"]
    assert draw_cells(wanted, store, processes=1) == draw_cells(wanted, store, processes=2)


def test_predictions_without_maps_give_no_picture(tmp_path):
    store, one = a_cell(tmp_path, kept="scores")
    (view,) = draw_cells(wanted_cells([one], CARDS, store), store, processes=1).values()
    assert (view.roc, view.pictures, view.problem) == (None, (), "")


def test_an_older_cell_without_previews_is_drawn_without_input(tmp_path):
    store, one = a_cell(tmp_path, preview=False)
    (view,) = draw_cells(wanted_cells([one], CARDS, store), store, processes=1).values()
    assert [one.input for one in view.pictures] == [None] * 3


def test_damaged_predictions_are_named_and_not_fatal(tmp_path):
    store, one = a_cell(tmp_path)
    path = store.prediction_folder(one.key) / "test-p2.npz.zst"
    path.write_bytes(path.read_bytes()[:200])
    (view,) = draw_cells(wanted_cells([one], CARDS, store), store, processes=1).values()
    assert "test-p2.npz.zst has other bytes than were written" in view.problem


def test_a_missing_prediction_file_is_named_and_nothing_is_drawn_without_it(tmp_path):
    store, one = a_cell(tmp_path)
    (store.prediction_folder(one.key) / "test-p2.npz.zst").unlink()
    (view,) = draw_cells(wanted_cells([one], CARDS, store), store, processes=1).values()
    assert "1 of 5 test subjects is missing ['p2']" in view.problem
    assert (view.roc, view.pictures) == (None, ())


def test_figures_are_the_same_bytes_twice(tmp_path):
    store, one = a_cell(tmp_path / "store")
    records = [one, record("random$x$", 0.02)]
    rows = summarise(records, CARDS.datasets, CARDS.protocols)
    charts = all_charts(
        rows, CARDS, draw_cells(wanted_cells([one], CARDS, store), store, processes=1)
    )
    written = [save_charts(charts, tmp_path / name) for name in "ab"]
    names = [path.name for path in written[0]]
    assert "mslub-t1-roc.pdf" in names
    assert "mslub-t1-fit-cost.png" in names
    for first, second in zip(*written, strict=True):
        assert first.read_bytes() == second.read_bytes()
        assert first.stat().st_size > 3000


def test_a_cell_is_drawn_to_a_file(tmp_path):
    store, one = a_cell(tmp_path / "store", preview=False)
    shown = shown_subjects(one, store.prediction_folder(one.key), "pixel-pooled@1", "ap")
    out = save_gallery(shown, "ae on $x$", "AP", tmp_path / "new" / "cell.png")
    assert min(Image.open(out).size) > 500


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ran")
    make_volumes(folder / "data")
    write_card(folder)
    words = "run --method intensity --method random --task tiny/t1 --budget smoke --seeds 1"
    place = {"BENCH_CACHE": str(folder / "cache")}
    done = bench(folder, *words.split(), "--data-dir", "data", **place)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_run_keeps_previews_of_test_subjects_only(ran):
    folder = next((ran / "results/runs/_predictions").iterdir())
    kept = read_subject(folder, "test", "p1")
    assert kept.preview.shape == kept.masks.shape[1:]
    assert kept.preview.dtype == np.float16
    assert 0.3 < kept.preview[kept.masks[shown_image(kept.masks, kept.labels)]].mean() < 0.7
    assert read_subject(folder, "validation", "n4").preview is None
    assert read_subject(folder, "test", "nobody") is None


def test_the_command_line_draws_everything(ran):
    done = bench(ran, "report", "--format", "html", "--out", "r.html", "--figures", "f")
    assert done.returncode == 0, done.stderr
    text = (ran / "r.html").read_text(encoding="utf-8")
    assert text.count('<details class="gallery"') == 2
    assert "absent" not in text.split("<main>")[1]
    assert "bench run --method intensity --task tiny/t1 --budget smoke --seeds 1" in text
    assert (ran / "f" / "tiny-t1-pr.pdf").is_file()
    again = bench(ran, "report", "--format", "html")
    assert again.stdout == text
    published = bench(ran, "report", "--format", "html", "--rows", "published")
    assert "Published rows" in published.stdout
    assert "<b>0</b> cells done" in published.stdout


def test_show_draws_a_cell_by_the_first_letters_of_its_key(ran):
    key = next((ran / "results/runs/tiny/t1/intensity").iterdir()).stem
    done = bench(ran, "show", "--cell", key[:10], "--out", "cell.png")
    assert done.returncode == 0, done.stderr
    assert (ran / "cell.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("key", "words"), [("zz", "no cell has"), ("", "no cell has"), ("KEY", "maps were not kept")]
)
def test_show_says_what_it_cannot_draw(ran, tmp_path, key, words):
    shutil.copytree(ran / "results", tmp_path / "results")
    whole = next((tmp_path / "results/runs/tiny/t1/random").iterdir()).stem
    shutil.rmtree(tmp_path / "results/runs/_predictions" / whole)
    done = bench(tmp_path, "show", "--cell", whole if key == "KEY" else key, "--out", "x.png")
    assert done.returncode == 2
    assert words in done.stderr
    assert "next: bench" in done.stderr


def test_a_broken_record_is_named_in_the_page(ran, tmp_path):
    shutil.copytree(ran / "results", tmp_path / "results")
    newer = tmp_path / "results/runs/tiny/t1/random/newer.json"
    newer.write_text('{"schema_version": 99}')
    foreign = newer.with_name("foreign.json")
    foreign.write_text("<not json>")
    done = bench(tmp_path, "report", "--format", "html")
    assert done.returncode == 0
    assert "tiny/t1/random/newer.json</code>: written by a newer bench" in done.stdout
    assert "tiny/t1/random/foreign.json</code>:" in done.stdout
    assert "2 files of the store could not be read" in done.stdout


def test_html_of_slim_records_equals_that_of_whole_ones(tmp_path):
    store, _ = a_cell(tmp_path)
    slim, whole = store.read_all(by_subject=False)[0], store.read_all()[0]
    assert not slim[0].protocols["pixel-pooled@1"].per_subject
    assert build_report(slim, CARDS) == build_report(whole, CARDS)
    views = [
        draw_cells(wanted_cells(one, CARDS, store), store, processes=1) for one in (slim, whole)
    ]
    assert views[0] == views[1]
