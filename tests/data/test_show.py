import matplotlib.image
import numpy as np
import pytest

from bench.data import show
from bench.data.cache.stored import PreparedSubject
from bench.data.show import montage, show_dataset
from bench.errors import DataError, UsageError
from fakes.brain_files import PREPARATION, ball, card, subject


def test_it_draws_images_lesions_and_a_histogram(tmp_path):
    for number in range(1, 7):
        subject(tmp_path / "toy", f"s{number}", label=ball((10, 5, 3), 9))
    told = []
    out = tmp_path / "new/picture.png"
    assert show_dataset(card(), tmp_path, tmp_path, out, lambda *one: told.append(one[:2])) == out
    assert told[-1] == (4, 4)
    picture = matplotlib.image.imread(out)
    assert picture.shape[1] > picture.shape[0] > 400
    red = (picture[..., 0] > 0.9) & (picture[..., 1] < 0.1)
    assert red.sum() > 100


def test_a_training_source_without_preparation_and_labels_can_be_drawn(tmp_path):
    subject(tmp_path / "toy", "s1", voxel=(4, 4, 4), room=1.1)
    bare = card().layouts[0].model_dump() | {"label": None}
    source = card(preparation=None, tasks={}, layouts=[bare])
    out = show_dataset(source, tmp_path, tmp_path, tmp_path / "a.png")
    assert matplotlib.image.imread(out).std() > 0


def test_nothing_to_show_and_nowhere_to_write(tmp_path):
    options = {"preparation": PREPARATION, "title": "Toy", "cache": tmp_path}
    with pytest.raises(DataError, match="no image"):
        montage([], out=tmp_path / "a.png", **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write") as caught:
        montage([subject(tmp_path)], out=tmp_path / "file/a.png", **options)
    assert "--out" in caught.value.hint


def test_a_generated_dataset_makes_only_what_it_shows(tmp_path, monkeypatch):
    (tmp_path / "toy_show_generator.py").write_text(
        "from fakes.brain_files import ball, subject\n"
        "GENERATOR_VERSION = 1\n"
        "def make(folder, subjects, *, processes, progress):\n"
        "    for one in subjects:\n"
        "        subject(folder, one, label=ball((10, 5, 3), 9))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    # Cards may name the phantoms' generators only; this one stands in for them.
    monkeypatch.setattr("bench.data.find.generated._ALLOWED", "toy_show_generator")
    many = {"test": {"subjects": [f"s{n}" for n in range(9)], "rule": ""}}
    layout = card().layouts[0].model_dump() | {"images": {"T1": "{subject}_T1.nii.gz"}}
    made = card(generator="toy_show_generator:make", splits=many, layouts=[layout])
    show_dataset(made, None, tmp_path, tmp_path / "a.png")
    assert len(list((tmp_path / "generated/toy_show_generator-1").glob("*_T1*"))) == 4


def test_a_row_with_fewer_images_has_no_empty_frames(monkeypatch):
    few, many = (
        PreparedSubject(
            key=name,
            subject=name,
            images=np.full((count, 1, 4, 4), 0.5, np.float32),
            masks=np.ones((count, 4, 4), bool),
            labels=None,
            image_labels=np.zeros(count, bool),
            geometry=None,
        )
        for name, count in (("a", 1), ("b", 2))
    )
    figure = show._draw([show._Row("a", few), show._Row("b", many)], "x")
    assert len(figure.axes) == 2 * 3  # two images at most, and the histogram
    assert [one.get_visible() for one in figure.axes] == [True, False, True, True, True, True]
