"""Files that match and cannot be used, or only in part: each is counted and named."""

import numpy as np
import pytest
from PIL import Image

from bench.cards import DatasetCard
from bench.data.find.faults import file_findings
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.find.splits import members
from bench.errors import DataError

MVTEC = {
    "id": "{part}-{class}-{image}",
    "images": {"I": "{part}/{class}/{image}.*"},
    "label": "masks/{class}/{image}.*",
    "normal": ["good"],
    "abnormal": ["bad"],
}
PARTS = {
    "train": {"subjects": {"part": "train"}, "slices": "lesion-free", "rule": ""},
    "test": {"subjects": {"part": "test"}, "rule": ""},
}


def card(layout, splits=PARTS, **changes):
    full = {"name": "own", "title": "", "kind": "images", **layout}
    about = dict.fromkeys(("title", "description", "licence", "citation"), "")
    return DatasetCard.model_validate(
        {"name": "toy", "version": 1, "layouts": [full], "splits": splits, **about, **changes}
    )


def picture(root, *names):
    for name in names:
        path = root / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)


def mvtec(root):
    picture(root, "train/good/t.png", "test/good/g.png", "test/bad/b.png", "masks/bad/b.png")


def found(one, root):
    index = index_dataset(one, root, root)
    splits = [*one.splits]
    return {f.problem: f.severity for f in file_findings(index, index.matches[0], splits)}


def test_a_normal_image_needs_no_label_and_the_dataset_has_labels(tmp_path):
    mvtec(tmp_path)
    index = index_dataset(card(MVTEC), tmp_path, tmp_path)
    assert all(files.pixel_labels for files in index.subjects.values())
    test = select(index, "test", ["I"], need_label=True)
    assert [one.subject for one in test.present] == ["test-bad-b", "test-good-g"]
    assert found(card(MVTEC), tmp_path) == {}


def test_an_unlabelled_abnormal_image_stays_and_is_named(tmp_path):
    mvtec(tmp_path)
    picture(tmp_path, "test/bad/c.png")
    test = select(index_dataset(card(MVTEC), tmp_path, tmp_path), "test", ["I"], need_label=True)
    assert len(test.present) == 3
    ((problem, severity),) = found(card(MVTEC), tmp_path).items()
    assert problem == "1 of 2 abnormal images has no label: test-bad-c"
    assert severity == "warning"


def test_suffixes_that_are_not_read(tmp_path):
    mvtec(tmp_path)
    picture(tmp_path, "test/bad/d.webp")
    (tmp_path / "toy/test/bad/notes.txt").write_text("")
    problems = found(card(MVTEC), tmp_path)
    said = "1 of 3 test images has a suffix that is not read (.webp): test/bad/d.webp"
    assert problems[said] == "error"
    assert any("test/bad/notes.txt" in one for one, level in problems.items() if level == "info")


def test_a_label_for_two_images(tmp_path):
    layout = {
        "images": {"I": "{subject}/{class}/{image}.png"},
        "label": "masks/{image}.png",
        "normal": ["good"],
        "abnormal": ["bad"],
    }
    picture(tmp_path, "p1/bad/1.png", "p2/bad/1.png", "masks/1.png")
    splits = {"test": {"subjects": ["p1", "p2"], "rule": ""}}
    problems = found(card(layout, splits), tmp_path)
    assert [p for p, level in problems.items() if level == "error"] == [
        "1 label fits more than one image: masks/1.png; the first fits p1/bad-1, p2/bad-1"
    ]


def test_what_a_card_excludes(tmp_path):
    mvtec(tmp_path)
    picture(tmp_path, "test/bad/c.png", "test/good/h.png")
    one = card(MVTEC, exclude=["test-bad-c", "test/good/h.png", "nobody"])
    index = index_dataset(one, tmp_path, tmp_path)
    assert members(one, "test", index.subjects) == ["test-bad-b", "test-good-g"]
    problems = found(one, tmp_path)
    assert any(p.startswith("2 files are excluded") for p in problems)
    assert problems["1 entry of `exclude` fits no file: nobody"] == "warning"


def test_normal_subjects_are_divided_and_abnormal_ones_all_tested(tmp_path):
    layout = {"id": "{image}", "images": {"I": "{class}/{image}.png"}, "normal": ["good"],
              "abnormal": ["bad"]}  # fmt: skip
    picture(tmp_path, *[f"good/n{i}.png" for i in range(24)], *[f"bad/a{i}.png" for i in range(10)])
    buckets = {"train": ([0, 1, 2, 3, 4, 5, 6], "none"), "test": ([7, 8, 9], "all")}
    splits = {
        name: {"subjects": {"of": 10, "take": take, "abnormal": abnormal}, "rule": ""}
        for name, (take, abnormal) in buckets.items()
    }
    one = card(layout, splits)
    present = index_dataset(one, tmp_path, tmp_path).subjects
    train, test = members(one, "train", present), members(one, "test", present)
    assert sorted([*train, *test]) == sorted(present)
    assert [name for name in test if name.startswith("a")] == [f"a{i}" for i in range(10)]
    assert all(name.startswith("n") for name in train)
    assert train


def table(root, text):
    (root / "toy").mkdir(parents=True, exist_ok=True)
    (root / "toy/t.csv").write_text(text)


TABLE = {
    "id": "{image}",
    "images": {"I": "{image}.png"},
    "normal": ["0"],
    "abnormal": ["1"],
    "table": {"file": "t.csv", "image": "Name", "label": "class"},
}
ALL = {"test": {"subjects": "all", "rule": ""}}


def test_ids_with_dots(tmp_path):
    picture(tmp_path, "1.2.3.png", "1.2.4.png")
    table(tmp_path, "Name,class\n1.2.3,0\n1.2.4,1\n")
    subjects = index_dataset(card(TABLE, ALL), tmp_path, tmp_path).subjects
    kinds = {name: files.image_files[0].abnormal for name, files in subjects.items()}
    assert kinds == {"1.2.3": False, "1.2.4": True}


def test_tables_with_holes_name_the_lines(tmp_path):
    picture(tmp_path, "a.png", "b.png")
    table(tmp_path, "Name,class\na\nb,\n")
    with pytest.raises(DataError, match="2 lines without 'class': line 2, 3"):
        index_dataset(card(TABLE, ALL), tmp_path, tmp_path)


def test_classes_that_the_card_writes_otherwise(tmp_path):
    picture(tmp_path, "a.png", "b.png")
    table(tmp_path, "Name,class\na,0.0\nb,1.0\n")
    with pytest.raises(DataError, match=r"found '0\.0', '1\.0', expected '0', '1'"):
        index_dataset(card(TABLE, ALL), tmp_path, tmp_path)


def test_a_table_of_whole_file_names(tmp_path):
    picture(tmp_path, "x/1222_OD_o_2.png", "x/1223_OS_o_1.png")
    table(tmp_path, "Name,class\n1222_OD_o_2,0\n1223_OS_o_1.png,1\ngone,1\n")
    layout = {**TABLE, "id": "{subject}", "images": {"I": "*/{subject}_{image}.png"},
              "subject": r"\d+"}  # fmt: skip
    one = card(layout, ALL)
    subjects = index_dataset(one, tmp_path, tmp_path).subjects
    assert {n: f.image_files[0].abnormal for n, f in subjects.items()} == {
        "1222": False,
        "1223": True,
    }
    assert found(one, tmp_path) == {"1 image of the table has no file: gone": "warning"}


def test_a_table_names_the_subjects(tmp_path):
    picture(tmp_path, "a.png", "b.png")
    table(tmp_path, "Name,class,who\na,0,P1\nb,1,P1\n")
    layout = {**TABLE, "id": "{subject}", "table": {**TABLE["table"], "subject": "who"}}
    (files,) = index_dataset(card(layout, ALL), tmp_path, tmp_path).subjects.values()
    assert files.subject == "P1"
    assert [one.abnormal for one in files.image_files] == [False, True]


@pytest.mark.parametrize(
    ("labels", "said"),
    [(np.zeros((4, 14), np.uint8), "14 labels"), (np.zeros((3, 1), np.uint8), "3 labels")],
)
def test_medmnist_files_that_do_not_fit(tmp_path, labels, said):
    (tmp_path / "toy").mkdir()
    images = np.zeros((4, 8, 8), np.uint8)
    np.savez(tmp_path / "toy/x.npz", test_images=images, test_labels=labels)
    layout = {"kind": "medmnist", "images": {"I": "x.npz"}, "normal": ["0"], "abnormal": ["1"]}
    with pytest.raises(DataError, match=said):
        index_dataset(card(layout, ALL), tmp_path, tmp_path)
