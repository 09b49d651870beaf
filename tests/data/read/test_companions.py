"""Formats of several files: all bytes that are read count, a missing or shared file is an error."""

import nibabel as nib
import numpy as np
import pytest

from bench.data.cache.fingerprint import fingerprint_files
from bench.data.check.dataset import check_dataset
from bench.data.files import SubjectFiles
from bench.data.read.formats import companions
from bench.data.read.volumes import read_volume
from bench.errors import DataError
from fakes.brain_files import brain, card, prepare, world

SHAPE = (60, 66, 50)


def pair(path, change=lambda values: values, kind=nib.Nifti1Pair):
    """A brain as header and voxels in two files; all headers are the same bytes."""
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = [-3 * (n - 1) / 2 for n in SHAPE]
    values = change(brain(world(SHAPE, affine)).astype(np.float32))
    nib.save(kind(values, affine), path)
    return path


@pytest.fixture
def two(tmp_path):
    return [
        pair(tmp_path / "a.hdr"),
        pair(tmp_path / "b.hdr", lambda values: np.where(values > 0, values[::-1] + 1, 0)),
    ]


def test_two_headers_of_the_same_bytes_are_two_images(two, tmp_path):
    assert two[0].read_bytes() == two[1].read_bytes()
    found = fingerprint_files(two, tmp_path / "c")
    assert found[two[0]] != found[two[1]]
    made = [
        prepare(SubjectFiles("toy", "s", {"T1": one}), tmp_path / "c", with_label=False)
        for one in two
    ]
    assert made[0].key != made[1].key
    assert not np.array_equal(made[0].images, made[1].images)


@pytest.mark.parametrize("named", [".hdr", ".img"])
def test_new_voxels_beside_the_same_header_are_seen(two, tmp_path, named):
    path = two[0].with_suffix(named)
    before = fingerprint_files([path], tmp_path / "c")
    other = path.with_suffix({".hdr": ".img", ".img": ".hdr"}[named])
    content = bytearray(other.read_bytes())
    content[150 if named == ".img" else -1] ^= 1  # the description, or a voxel
    other.write_bytes(content)
    assert fingerprint_files([path], tmp_path / "c") != before


def test_a_matrix_of_spm_counts_where_it_exists(two, tmp_path):
    before = fingerprint_files(two[:1], tmp_path / "c")
    two[0].with_suffix(".mat").write_bytes(b"matrix")
    assert fingerprint_files(two[:1], tmp_path / "c") != before


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("a.hdr", "a.img"), ("a.img", "a.hdr"), ("a.img.gz", "a.hdr.gz"), ("A.HDR", "A.IMG"),
        ("a+orig.HEAD", "a+orig.BRIK"), ("a.PAR", "a.REC"), ("a.rec", "a.par"),
    ],
)  # fmt: skip
def test_the_files_of_a_pair(tmp_path, name, other):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match="beside it, which does not exist") as caught:
        companions(tmp_path / name)
    assert caught.value.hint
    (tmp_path / other).touch()
    assert companions(tmp_path / name) == (tmp_path / other,)


def test_a_file_that_stands_alone_has_no_companion(tmp_path):
    assert companions(tmp_path / "a.nii.gz") == ()
    assert companions(tmp_path / "a.png") == ()


def test_a_missing_companion_is_named_by_the_reader(two):
    two[0].with_suffix(".img").unlink()
    with pytest.raises(DataError, match=r"a\.hdr needs a\.img beside it"):
        read_volume(two[0])


def test_a_shared_companion_is_refused(two, tmp_path):
    shared = two[1].with_suffix(".img")
    shared.unlink()
    shared.symlink_to(two[0].with_suffix(".img"))
    with pytest.raises(DataError, match="are both read with"):
        fingerprint_files(two, tmp_path / "c")
    with pytest.raises(DataError, match="are both read with"):
        fingerprint_files([two[0], two[0].with_suffix(".img")], tmp_path / "c")


def pairs_card():
    layout = card().layouts[0].model_dump() | {"images": {"T1": "{subject}_T1.hdr"}, "label": None}
    return card(layouts=[layout], tasks={}, splits={"train": {"subjects": "all", "rule": ""}})


def errors_of(folder):
    found = check_dataset(pairs_card(), folder, folder / "c")
    return sorted(one.problem for one in found if one.severity == "error")


def test_the_check_compares_voxels_and_names_a_missing_file(tmp_path):
    root = tmp_path / "toy"
    root.mkdir()
    for name in ("s1", "s2", "s3", "s4"):
        pair(
            root / f"{name}_T1.hdr",
            lambda values, n=name: np.where(values > 0, values + int(n[1]), 0),
        )
    errors = [
        one
        for one in check_dataset(pairs_card(), tmp_path, tmp_path / "c")
        if one.severity == "error"
    ]
    assert errors == []
    (root / "s2_T1.img").write_bytes((root / "s1_T1.img").read_bytes())
    (root / "s4_T1.img").unlink()
    errors = [
        one
        for one in check_dataset(pairs_card(), tmp_path, tmp_path / "c")
        if one.severity == "error"
    ]
    problems = sorted(one.problem for one in errors)
    assert len(problems) == 2
    assert "needs s4_T1.img beside it" in problems[0]
    assert "the same image as" in problems[1]
