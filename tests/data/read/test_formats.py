"""One table says which suffix is read by which reader; whatever decides by suffix asks it."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.new_card import Answers, write_card
from bench.data.read import formats
from bench.data.read.formats import FORMATS, Format, format_of, known_format, stem, suffixes
from bench.data.read.images import read_image
from bench.data.read.volumes import read_volume
from bench.errors import DataError, UsageError
from conftest import ROOT


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.title)
def test_every_reader_exists(one):
    assert callable(one.volume_reader() if one.kind == "volume" else one.image_reader())


def test_a_suffix_has_one_reader():
    for kind in ("volume", "image"):
        assert len(set(suffixes(kind))) == len(suffixes(kind))


def test_the_page_of_formats_has_every_suffix():
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    packed = (".gz", ".bz2", ".zst")
    known = {one for one in (*suffixes("volume"), *suffixes("image")) if not one.endswith(packed)}
    assert {one for one in known if f"`{one}`" not in page} == set()


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("a.nii.gz", "volume", "NIfTI"),
        ("A.NII", "volume", "NIfTI"),
        ("a.b.img", "volume", "NIfTI or Analyze pair"),
        ("a.mgz", "volume", "FreeSurfer"),
        ("a.JPG", "image", "JPEG"),
        ("a.tif", "image", "TIFF"),
    ],
)
def test_the_longest_suffix_decides_and_case_does_not_matter(name, kind, title):
    assert format_of(Path(name), kind).title == title


@pytest.mark.parametrize("read", [read_volume, read_image])
def test_an_unknown_suffix_names_the_known_ones(tmp_path, read):
    path = tmp_path / "a.xyz"
    path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"'\.xyz' is not known; known are \.") as caught:
        read(path)
    assert caught.value.hint


def test_a_volume_is_not_an_image():
    assert known_format(Path("a.png"), "volume") is None
    assert known_format(Path("a.nii.gz"), "image") is None


@pytest.mark.parametrize(
    ("name", "expected"), [("a.b.nii.gz", "a.b"), ("x.JPEG", "x"), ("y.xyz", "y"), (".nii", ".nii")]
)
def test_the_stem_is_without_the_whole_suffix(name, expected):
    assert stem(Path(name)) == expected


def test_a_card_for_files_that_no_reader_knows_is_refused(tmp_path):
    answers = Answers("own", "volumes", {"T1": "{subject}.xyz"}, label="{subject}_l.nii.gz")
    with pytest.raises(UsageError, match=r"knows the suffix of \{subject\}\.xyz; known are \.nii"):
        write_card(answers, tmp_path, set())
    assert not list(tmp_path.iterdir())


class _Cube:
    """A volume of a format that is not in the table."""

    shape, channels, oriented, nifti_header = (3, 4, 5), 1, True, None
    affine = np.diag([-1.0, 1, 2, 1])

    def slabs(self, thick):
        values = np.arange(60, dtype=np.float32).reshape(self.shape)
        for start in range(0, 5, thick):
            yield start, values[:, :, start : start + thick]


def open_cube(path):
    return _Cube()


def test_a_new_format_is_one_reader_and_one_line(tmp_path, monkeypatch):
    line = Format("Cube", "volume", (".cube",), f"{__name__}:open_cube")
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, line))
    volume = read_volume(tmp_path / "a.cube")
    assert volume.shape == (3, 4, 5)
    np.testing.assert_array_equal(volume.voxel_mm, [1, 1, 2])
    expected = np.arange(60).reshape(3, 4, 5)[::-1]  # x runs from right to left in the file
    np.testing.assert_array_equal(volume.data, expected)
