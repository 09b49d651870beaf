"""Files, folders and patterns that a user gives a detector: which images they are."""

import pytest

from bench.data.find.given_images import given_images
from bench.errors import DataError, UsageError
from fakes import tiny
from fakes.brain_files import card

TWO = ["T1", "T2"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with scans of two channels, one file that is not a volume, and older maps."""
    for name in ("t1/b", "t1/a", "t2/x", "t2/y", "lone/a", "out/a_map"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tiny.write_volume(tmp_path / f"{name}.nii.gz", tiny.np.ones((2, 2, 2)))
    (tmp_path / "t1/notes.txt").write_text("not a volume")
    (tmp_path / "t1/.hidden.nii.gz").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(here, *texts, channels=TWO):
    images, found, skipped = given_images(texts, card(), channels, here / "out")
    names = [tuple(map(str, one)) for one in images]
    return names, found, {why: [str(one) for one in some] for why, some in skipped.items()}


def test_channels_are_paired_in_the_order_of_their_names(here):
    assert given(here, "t1,t2/*.nii.gz") == (
        [("t1/a.nii.gz", "t2/x.nii.gz"), ("t1/b.nii.gz", "t2/y.nii.gz")],
        [True, True],
        {"not read as volumes": ["t1/notes.txt"]},
    )


def test_a_file_by_its_name_is_taken_as_it_is_and_the_output_is_no_input(here):
    names, found, skipped = given(here, "lone/a.nii.gz", "./*/a*.nii.gz", channels=["T1"])
    assert names == [("lone/a.nii.gz",), ("lone/a.nii.gz",), ("t1/a.nii.gz",)]
    assert found == [False, True, True]
    assert skipped == {"of the output folder": ["out/a_map.nii.gz"]}


def test_channels_with_different_numbers_of_files_are_refused_with_the_numbers(here):
    with pytest.raises(UsageError) as refused:
        given(here, "t1,lone")
    assert str(refused.value) == (
        "the channels of t1,lone have different numbers of files: 2 in t1, 1 in lone"
    )


def test_a_folder_without_a_volume_is_refused(here):
    (here / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no file that can be read as a volume"):
        given(here, "empty", channels=["T1"])
