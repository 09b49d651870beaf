import numpy as np
import pytest

from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.phantom.retina.generate import SCANS, SIDE, generate, scans
from bench.data.read.images import read_image
from bench.errors import DataError
from bench.registry import load_datasets


def test_a_subject_is_the_same_whatever_else_is_made(tmp_path):
    told = []
    generate(tmp_path / "a", ["train-01", "test-fluid-01"], progress=lambda *s: told.append(s))
    generate(tmp_path / "b", ["test-fluid-01"])
    assert told[-1] == (2, 2, "test-fluid-01")
    for path in sorted((tmp_path / "b").rglob("*.png")):
        twin = tmp_path / "a" / path.relative_to(tmp_path / "b")
        assert path.read_bytes() == twin.read_bytes()
    (tmp_path / "b/test-fluid-01/3_lesion.png").unlink()
    (tmp_path / "b/test-fluid-01/8_lesion.png").unlink()
    generate(tmp_path / "b", ["test-fluid-01"])
    assert len(list((tmp_path / "b").rglob("*.png"))) == 2 * SCANS
    with pytest.raises(DataError, match="no subject 'train-1'"):
        generate(tmp_path, ["train-1"])


def test_only_the_sick_have_lesions_and_not_in_every_scan():
    for subject in ("train-01", "val-02", "test-normal-03"):
        assert not any(lesion.any() for _, lesion in scans(subject))
    for kind in ("drusen", "fluid"):
        for number in range(1, 7):
            sick = [lesion.any() for _, lesion in scans(f"test-{kind}-{number:02d}")]
            assert 0 < sum(sick) < SCANS


def test_it_looks_like_a_retina():
    image, _ = scans("train-01")[SCANS // 2]
    assert (image.shape, image.dtype) == ((SIDE, SIDE), np.uint16)
    assert image.max() > 255 * 16
    rows = image.astype(float)[:, 20:40].mean(axis=1)
    surface = int(np.argmax(rows > 4 * np.median(rows[:20])))
    assert 20 < surface < SIDE // 2
    bright = int(np.argmax(np.convolve(rows, np.ones(5) / 5, "same")))
    assert surface + 30 < bright < surface + 100  # the pigment epithelium below the retina
    # Speckle: the spread grows with the mean.
    retina = image[surface + 10 : surface + 20, 20:40]
    assert 0.2 < retina.std() / retina.mean() < 0.7


def test_fluid_is_dark_and_a_druse_is_bright():
    def contrast(kind):
        inside, around = [], []
        for number in range(1, 7):
            for image, lesion in scans(f"test-{kind}-{number:02d}"):
                inside += image[lesion].tolist()
                above = np.roll(lesion, -25, axis=0) & ~lesion
                around += image[above].tolist()
        return np.mean(inside) / np.mean(around)

    assert contrast("fluid") < 0.6
    assert contrast("drusen") > 1.2


def test_the_task_is_on_the_phantom_and_the_files_on_a_card_of_their_own(tmp_path):
    cards = load_datasets()
    task = cards["phantom"].tasks["oct"]
    assert (task.data, task.headline.protocol) == ("phantom-oct", "image-top@1")
    card = cards["phantom-oct"]
    one = card.model_copy(
        update={"splits": {"test": card.splits["test"].model_copy(
            update={"subjects": ["test-fluid-02", "test-normal-01"]})}}
    )  # fmt: skip
    index = index_dataset(one, None, tmp_path)
    found = select(index, "test", ["OCT"], need_label=True)
    assert [len(files.image_files) for files in found.present] == [SCANS, SCANS]
    assert read_image(found.present[0].image_files[0].paths["OCT"]).shape == (SIDE, SIDE)
