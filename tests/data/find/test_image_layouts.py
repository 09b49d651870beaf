import numpy as np
import pytest
from PIL import Image

from bench.data.check.dataset import check_dataset
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.errors import DataError
from fakes.brain_files import card


def picture(path, *, seed=None, lesion=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(str(path).encode()) if seed is None else seed)
    array = rng.integers(0, 200, (24, 24), dtype=np.uint8)
    if lesion:
        array[5:9, 5:9] = 255
    Image.fromarray(array).save(path)
    return path


def images_card(**changes):
    layout = {
        "name": "own",
        "title": "",
        "kind": "images",
        "subject": r"\d+",
        "images": {"OCT": "{part}/{class}/{class}-{subject}-{image}.*"},
        "normal": ["NORMAL"],
        "abnormal": ["CNV"],
    } | changes
    return card(
        layouts=[layout],
        preparation={"foreground": "whole"},
        tasks={
            "lesion": {
                "title": "",
                "channels": ["OCT"],
                "headline": {"protocol": "image-top@1", "metric": "auroc"},
            }
        },
        splits={
            "train": {"subjects": ["1"], "slices": "lesion-free", "rule": ""},
            "test": {"subjects": ["2", "3"], "rule": ""},
        },
    )


@pytest.fixture
def oct(tmp_path):
    root = tmp_path / "toy"
    for name in (
        "train/NORMAL/NORMAL-1-1", "train/NORMAL/NORMAL-1-2", "test/CNV/CNV-1-1",
        "test/NORMAL/NORMAL-2-1", "train/CNV/CNV-2-1", "test/CNV/CNV-3-1",
    ):  # fmt: skip
        picture(root / f"{name}.png")
    return tmp_path


def test_a_pattern_that_ends_in_a_star_finds_all_images_of_a_folder(tmp_path):
    for name in ("NORMAL/a1", "NORMAL/a2", "CNV/a1"):
        picture(tmp_path / f"toy/{name}.png")
    card = images_card(images={"OCT": "{class}/{image}*"}, id="{class}-{image}")
    subjects = index_dataset(card, tmp_path, tmp_path).subjects
    assert [(name, one.image_files[0].abnormal) for name, one in subjects.items()] == [
        ("CNV-a1.png", True), ("NORMAL-a1.png", False), ("NORMAL-a2.png", False),
    ]  # fmt: skip


def test_a_patient_gathers_images_of_all_folders_and_classes(oct):
    subjects = index_dataset(images_card(), oct, oct).subjects
    assert list(subjects) == ["1", "2", "3"]
    assert [(one.name, one.abnormal, one.part) for one in subjects["1"].image_files] == [
        ("test-CNV-1", True, "test"), ("train-NORMAL-1", False, "train"),
        ("train-NORMAL-2", False, "train"),
    ]  # fmt: skip


def test_a_normal_split_takes_normal_images_only(oct):
    index = index_dataset(images_card(), oct, oct)
    train = select(index, "train", ["OCT"], need_label=False)
    assert [one.abnormal for one in train.present[0].image_files] == [False, False]
    test = select(index, "test", ["OCT"], need_label=True)
    assert [len(one.image_files) for one in test.present] == [2, 1]


def test_an_optional_folder_and_labels_beside_it(tmp_path):
    root = tmp_path / "toy"
    for name in ("train/good/a", "test/good/img/b", "test/Ungood/img/c", "test/Ungood/img/d",
                 "test/Ungood/label/c"):  # fmt: skip
        picture(root / f"{name}.png")
    (root / "test/Ungood/img/notes.txt").write_text("")
    one = images_card(
        id="{part}-{class}-{image}", images={"OCT": "{part}/{class}/[img/]{image}.*"},
        label="{part}/{class}/label/{image}.*", normal=["good"], abnormal=["Ungood"],
    )  # fmt: skip
    index = index_dataset(one, tmp_path, tmp_path)
    assert list(index.subjects) == ["test-Ungood-c", "test-Ungood-d", "test-good-b", "train-good-a"]
    assert not index.matches[0].strays
    lacking = [s for s, files in index.subjects.items() if files.lacks("label")]
    assert lacking == ["test-Ungood-d"]


def test_a_label_of_two_classes_belongs_to_the_abnormal_image(tmp_path):
    root = tmp_path / "toy"
    for name in ("good/01", "good/02", "bad/01", "label/01", "label/02"):
        picture(root / f"test/{name}.png")
    one = images_card(
        id="{part}-{class}-{image}", images={"OCT": "{part}/{class}/{image}.*"},
        label="{part}/label/{image}.*", normal=["good"], abnormal=["bad"],
    )  # fmt: skip
    subjects = index_dataset(one, tmp_path, tmp_path).subjects
    labels = {name: files.image_files[0].label is not None for name, files in subjects.items()}
    # good/02 keeps what is said of it alone, so that the check can contradict.
    assert labels == {"test-bad-01": True, "test-good-01": False, "test-good-02": True}


def test_classes_in_a_table(tmp_path):
    root = tmp_path / "toy"
    for name in ("a", "b", "c"):
        picture(root / f"images/{name}.jpeg")
    (root / "t.csv").write_text("id,grade\na,0\nb.jpeg,2\n")
    table = {"file": "t.csv", "image": "id", "label": "grade"}
    options = {
        "id": "{image}",
        "images": {"OCT": "images/{image}.*"},
        "normal": ["0"],
        "abnormal": ["2"],
    }
    one = images_card(**options, table=table)
    match = index_dataset(one, tmp_path, tmp_path).matches[0]
    assert {s: f.image_files[0].abnormal for s, f in match.subjects.items()} == {
        "a": False,
        "b": True,
    }
    assert [path.name for path in match.strays] == ["c.jpeg"]
    (root / "t.csv").write_text("id,grade\na,0\na.jpeg,2\n")
    with pytest.raises(DataError, match="two classes"):
        index_dataset(one, tmp_path, tmp_path)
    with pytest.raises(DataError, match="no column 'level'"):
        index_dataset(images_card(**options, table=table | {"label": "level"}), tmp_path, tmp_path)
    # A comma in a number would move the class, an open quote would take all further rows.
    (root / "t.csv").write_text("id,age,grade\na,3,5,0\nb,42,2\n")
    with pytest.raises(DataError, match="1 line with more cells than there are columns: line 2"):
        index_dataset(one, tmp_path, tmp_path)
    (root / "t.csv").write_text('id,grade\na,"0\nb,2\n')
    with pytest.raises(DataError, match=r"cannot read .*t\.csv"):
        index_dataset(one, tmp_path, tmp_path)


def test_a_table_that_gives_one_image_to_several_subjects_names_its_lines(tmp_path):
    root = tmp_path / "toy"
    picture(root / "images/a.png")
    (root / "t.csv").write_text("who,id,grade\np,a,0\nq,b,0\nq,a,2\n")
    table = {"file": "t.csv", "image": "id", "label": "grade", "subject": "who"}
    options = {"images": {"OCT": "images/{image}.*"}, "normal": ["0"], "abnormal": ["2"]}
    with pytest.raises(DataError, match=r"gives image 'a' several subjects, in lines 2, 4") as odd:
        index_dataset(images_card(**options, id="{image}", table=table), tmp_path, tmp_path)
    assert odd.value.hint == (
        "put {subject} into the card's pattern, so that they can be told apart"
    )


def test_blocks_of_an_archive_stand_for_subjects(tmp_path):
    (tmp_path / "toy").mkdir()
    labels = np.array([0, 1, 2, 3, 3])[:, None]
    np.savez(tmp_path / "toy/x.npz", test_images=np.zeros((5, 4, 4)), test_labels=labels)
    one = images_card(kind="medmnist", images={"OCT": "x.npz"}, normal=["3"], abnormal=["0", "1"],
                      block=2)  # fmt: skip
    subjects = index_dataset(one, tmp_path, tmp_path).subjects
    assert {s: [(p.row, p.abnormal) for p in f.image_files] for s, f in subjects.items()} == {
        "test-00000": [(0, True), (1, True)],
        "test-00001": [(3, False)],
        "test-00002": [(4, False)],
    }
    (tmp_path / "toy/x.npz").write_bytes(b"PK no")
    with pytest.raises(DataError, match="MedMNIST"):
        index_dataset(one, tmp_path, tmp_path)


def test_the_first_visit_with_the_most_files(tmp_path):
    root = tmp_path / "toy"
    names = ["A-1-000/t1", "A-1-001/t1", "A-1-001/t2", "A-2-000/t1", "A-2-000/t2", "A-2-003/t1"]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.nii").write_text(name)
    layout = card().layouts[0].model_dump() | {
        "subject": r"\d", "label": None,
        "images": {"T1": "A-{subject}-{visit}/t1.nii", "T2": "A-{subject}-{visit}/t2.nii"},
    }  # fmt: skip
    index = index_dataset(card(layouts=[layout]), tmp_path, tmp_path)
    assert {s: f.paths["T1"].parent.name for s, f in index.subjects.items()} == {
        "1": "A-1-001", "2": "A-2-000"
    }  # fmt: skip
    assert index.matches[0].left_out == {"1": ("000",), "2": ("003",)}


def test_two_files_for_one_image(oct):
    picture(oct / "toy/train/NORMAL/NORMAL-1-1.jpeg")
    match = index_dataset(images_card(), oct, oct).matches[0]
    assert [*match.doubles] == [("1", "OCT")]
    with pytest.raises(DataError, match="2 files for OCT"):
        select(index_dataset(images_card(), oct, oct), "train", ["OCT"], need_label=False)


def test_a_name_that_is_not_an_id(tmp_path):
    picture(tmp_path / "toy/a b.png")
    one = images_card(id="{image}", images={"OCT": "{image}.png"}, normal=[], abnormal=[])
    (files,) = index_dataset(one, tmp_path, tmp_path).subjects.values()
    assert files.subject.startswith("a_b-")
    assert files.image_files[0].paths["OCT"].name == "a b.png"


# --- checking -----------------------------------------------------------------------------------


def findings(folder, **changes):
    found = check_dataset(images_card(**changes), folder, folder / "cache")
    return [(one.severity, one.problem) for one in found if one.severity != "info"]


def test_sound_images(oct):
    assert findings(oct) == []


def test_damage_is_named(oct):
    path = oct / "toy/test/CNV/CNV-3-1.png"
    path.write_bytes(path.read_bytes()[:200])
    ((severity, problem),) = findings(oct)
    assert severity == "error"
    assert "CNV-3-1.png is truncated" in problem


def test_one_image_of_two_patients_and_twice_of_one(oct):
    root = oct / "toy"
    source = (root / "train/NORMAL/NORMAL-1-1.png").read_bytes()
    (root / "train/NORMAL/NORMAL-1-7.png").write_bytes(source)
    ((severity, problem),) = findings(oct)
    assert (severity, "NORMAL-1-7" in problem) == ("warning", True)
    (root / "test/NORMAL/NORMAL-2-7.png").write_bytes(source)
    ((severity, problem),) = findings(oct)
    assert (severity, "the same image" in problem) == ("error", True)


def test_a_class_that_the_card_does_not_know(oct):
    picture(oct / "toy/test/DME/DME-3-1.png")
    ((severity, problem),) = findings(oct)
    assert severity == "warning"
    assert "1 image is of none of the classes NORMAL, CNV" in problem


def test_labels_against_their_class(oct):
    root = oct / "toy/labels"
    label = np.zeros((24, 24), np.uint8)
    root.mkdir()

    def write(name, array):
        Image.fromarray(array).save(root / f"{name}.png")

    for name in ("CNV-1-1", "CNV-2-1", "CNV-3-1"):
        label[3:5, 3:5] = 1
        write(name, label)
    options = {"label": "labels/{class}-{subject}-{image}.png"}
    assert findings(oct, **options) == []
    write("NORMAL-1-1", label)
    assert [s for s, p in findings(oct, **options) if "normal class" in p] == ["error"]
    (root / "NORMAL-1-1.png").unlink()
    write("CNV-1-1", label * 0)
    assert [s for s, p in findings(oct, **options) if "label is empty" in p] == ["warning"]
    write("CNV-1-1", np.repeat(np.repeat(np.arange(9, dtype=np.uint8).reshape(3, 3), 8, 0), 8, 1))
    assert [s for s, p in findings(oct, **options) if "expected two" in p] == ["warning"]
    write("CNV-1-1", np.arange(576, dtype=np.uint8).reshape(24, 24) % 9)
    assert [s for s, p in findings(oct, **options) if "not a label of classes" in p] == ["error"]
    write("CNV-1-1", label[:20])
    assert [s for s, p in findings(oct, **options) if "20 x 24 pixels" in p] == ["error"]


def test_outliers_need_company(oct):
    for number in range(4, 12):
        picture(oct / f"toy/test/NORMAL/NORMAL-{number}-1.png")
    large = np.random.default_rng(0).integers(0, 255, (240, 240), dtype=np.uint8)
    Image.fromarray(large).save(oct / "toy/test/NORMAL/NORMAL-5-1.png")
    ((severity, problem),) = findings(oct)
    assert severity == "warning"
    assert "pixels is 5.76e+04" in problem
