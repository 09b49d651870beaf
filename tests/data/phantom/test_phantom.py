"""The phantom's files: made whole or not at all, the same bytes whatever else is made."""

import errno
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bench.cards import DatasetCard, read_card
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.phantom.brain import files as phantom_files
from bench.data.phantom.brain import generate as phantom
from bench.data.phantom.brain.generate import FILES, GENERATOR_VERSION, generate
from bench.data.phantom.brain.subjects import SUBJECTS
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.errors import DataError, RunError, StoreError
from conftest import ROOT


def content(folder: Path) -> dict[str, bytes]:
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    generate(folder, ["train-01", "test-ms-02"])
    return folder


@pytest.fixture
def quick(monkeypatch):
    """Volumes that cost nothing, for tests of files and folders."""
    monkeypatch.setattr(phantom_files, "volumes", lambda s: (s.name.encode(), b"T2", b"lesion"))


# --- the same bytes -----------------------------------------------------------------------------


def test_same_bytes_alone_and_in_another_order(made, tmp_path):
    generate(tmp_path, ["test-ms-02"])
    generate(tmp_path, ["train-01"])
    assert content(tmp_path) == content(made)


@pytest.mark.slow
def test_same_bytes_from_several_processes(made, tmp_path):
    said = []
    generate(tmp_path, ["train-01", "test-ms-02"], processes=2, progress=lambda *a: said.append(a))
    assert content(tmp_path) == content(made)
    assert [(done, total) for done, total, _ in said] == [(1, 2), (2, 2)]
    assert {name for _, _, name in said} == {"train-01", "test-ms-02"}


def test_no_time_stamp_or_name_in_the_files(made):
    for one in made.rglob("*.nii.gz"):
        head = one.read_bytes()[:10]
        assert head[3] == 0, "no optional header fields, such as a file name"
        assert head[4:8] == bytes(4), "no time"


def test_subjects_differ(made):
    first, second = (nibabel.load(made / one / "T1.nii.gz") for one in ("train-01", "test-ms-02"))
    share = np.mean(np.asarray(first.dataobj) != np.asarray(second.dataobj))
    assert share > 0.15


def test_changed_numbers_need_a_new_version(made):
    # Loose enough for another CPU, tight enough for any change of the generator. If this fails
    # after a change, raise GENERATOR_VERSION and put the new numbers here.
    known = {"train-01": (64112903, 56580737, 0), "test-ms-02": (118305476, 53507896, 380)}
    for name, numbers in known.items():
        volumes = [nibabel.load(made / name / file).get_fdata() for file in FILES]
        found = [float(one.sum()) for one in volumes]
        assert found == pytest.approx(numbers, rel=2e-4, abs=3)
    assert GENERATOR_VERSION == 1


# --- files and folders --------------------------------------------------------------------------


def test_header(made):
    for name in FILES:
        image = nibabel.load(made / "train-01" / name)
        assert nibabel.aff2axcodes(image.affine) == ("L", "A", "S")
        assert image.header.get_zooms() == (2, 2, 2)
        assert image.get_data_dtype() == (np.uint8 if name.startswith("lesion") else np.int16)
    assert nibabel.load(made / "train-01" / "T1.nii.gz").dataobj.slope == 0.25


def test_makes_only_what_is_missing(quick, tmp_path):
    said = []
    generate(tmp_path, ["val-01"])
    generate(tmp_path, ["val-01", "val-02", "val-02"], progress=lambda *a: said.append(a))
    assert said == [(1, 1, "val-02")]


def test_an_incomplete_folder_is_made_again(quick, tmp_path):
    generate(tmp_path, ["val-01"])
    (tmp_path / "val-01" / "T2.nii.gz").unlink()
    generate(tmp_path, ["val-01"])
    assert sorted(one.name for one in (tmp_path / "val-01").iterdir()) == sorted(FILES)


def test_leftovers_of_a_killed_run_disturb_nothing(quick, tmp_path):
    (tmp_path / ".partial-0123").mkdir()
    (tmp_path / ".partial-0123" / "T1.nii.gz").write_bytes(b"half")
    generate(tmp_path, ["val-01"])
    assert (tmp_path / "val-01" / "T1.nii.gz").read_bytes() == b"val-01"


def test_interrupted_in_the_middle_leaves_nothing(quick, tmp_path, monkeypatch):
    def interrupted(self: Path, data: bytes) -> int:
        if self.name == "T2.nii.gz":
            raise KeyboardInterrupt
        return original(self, data)

    original = Path.write_bytes
    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, ["val-01"])
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_on_the_same_subjects(quick, tmp_path):
    ids = [f"train-{n:02d}" for n in range(1, 25)]
    with ThreadPoolExecutor(4) as pool:
        for task in [pool.submit(generate, tmp_path, ids) for _ in range(4)]:
            task.result()
    assert sorted(one.name for one in tmp_path.iterdir()) == ids


# --- errors -------------------------------------------------------------------------------------


def test_unknown_subject_makes_nothing(quick, tmp_path):
    with pytest.raises(DataError, match=r"no subject 'test-ms-09'; did you mean 'test-ms-0"):
        generate(tmp_path / "new", ["train-01", "test-ms-09"])
    assert not (tmp_path / "new").exists()


def test_unwritable_folder(quick, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"):
        generate(tmp_path / "file", ["train-01"])


def test_full_disk(quick, tmp_path, monkeypatch):
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        generate(tmp_path, ["train-01"])
    assert str(tmp_path) in str(caught.value)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_named(tmp_path, monkeypatch):
    def submit(*_args):
        task = Future()
        task.set_exception(BrokenProcessPool("gone"))
        return task

    monkeypatch.setattr(phantom.ProcessPoolExecutor, "submit", submit)
    with pytest.raises(RunError, match="was killed"):
        generate(tmp_path, ["train-01", "train-02"], processes=2)


# --- cards --------------------------------------------------------------------------------------


def cards() -> list[DatasetCard]:
    return [read_card(ROOT / "datasets" / f"{name}.toml", DatasetCard) for name in
            ("phantom", "phantom-tune", "phantom-fresh", "phantom-large")]  # fmt: skip


def test_cards_list_every_subject_once_per_role():
    main, tune, fresh, large = cards()
    for card in (main, tune, fresh, large):
        assert card.synthetic
        assert card.generator == "bench.data.phantom.brain.generate:generate"
        brains = [name for name, task in card.tasks.items() if task.data is None]
        gliomas = ["glioma-t1", "glioma-t2"]
        assert brains == (gliomas if card is large else ["ms-t1", "ms-t2", *gliomas])
        assert all("synthetic" in task.title for task in card.tasks.values())
    for further in (tune, fresh, large):
        assert main.preparation == further.preparation
        assert {task.train_on for task in further.tasks.values()} == {"phantom"}
    listed = [
        one
        for card in (main, tune, fresh, large)
        for side in card.splits.values()
        for one in side.subjects
    ]
    assert set(listed) == set(SUBJECTS)
    tested = {one for one in listed if one.startswith(("test", "tune", "fresh", "large"))}
    assert all(SUBJECTS[one].kind == "normal" for one in set(listed) - tested)


def test_generic_reader_path(tmp_path):
    main, *_ = cards()
    small = main.model_copy(
        update={
            "splits": {
                "test-ms": main.splits["test-ms"].model_copy(
                    update={"subjects": ["test-ms-02", "test-normal-01"]}
                )
            }
        }
    )
    index = index_dataset(small, None, tmp_path)
    chosen = select(index, "test-ms", ["T1", "T2"], need_label=True)
    assert [one.subject for one in chosen.present] == ["test-ms-02", "test-normal-01"]
    for files in chosen.present:
        request = PreparationRequest(
            ["T1", "T2"], main.preparation, main.preparation.grid[0], with_label=True
        )
        prepared = prepare_subject(files, request, tmp_path)
        assert prepared.labels.any() == files.subject.startswith("test-ms")
        edge = np.ones(prepared.masks.shape[1:], dtype=bool)
        edge[4:-4, 4:-4] = False
        assert not prepared.masks[:, edge].any(), "a margin of 8 mm in the common grid"


def test_the_module_starts_light():
    code = (
        "import sys, bench.data.phantom.brain.generate\n"
        "print(*({'scipy', 'nilearn', 'skimage', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
