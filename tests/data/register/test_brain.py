"""Brain masks by installed commands: what they are asked, what they give, how they fail."""

import hashlib

import nibabel
import numpy as np
import pytest

from bench.data.files import SubjectFiles
from bench.errors import DataError

pytest.importorskip("SimpleITK")
from bench.data.register.affine import Template, to_itk
from bench.data.register.brain import EXTRACTIONS, extract_brain
from bench.data.register.subject import Steps, register_subject

# Axes turned and mirrored, other voxels along each.
AFFINE = np.array([[0, -2.0, 0, 30], [0, 0, 3.0, -20], [-1.5, 0, 0, 40], [0, 0, 0, 1]])


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a command on PATH, whose text is that of a shell script."""

    def put(name, text):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
        return path

    return put


@pytest.mark.parametrize("name", EXTRACTIONS)
def test_the_mask_of_a_command_comes_back_on_the_grid_of_the_image(name, install, tmp_path):
    how = EXTRACTIONS[name]
    # It takes for the brain what it is given, so the mask shows which image that was.
    said = tmp_path / "said"
    install(how.command, f'echo "$@ threads $OMP_NUM_THREADS" > {said}\ncp image.nii.gz {how.mask}')
    brain = np.zeros((7, 9, 11), dtype=np.float32)
    brain[1:4, 2, 3:9] = 1
    brain[1, 2:6, 3] = 1
    found = extract_brain(to_itk(brain, AFFINE), how)
    np.testing.assert_array_equal(found, brain > 0)
    assert said.read_text() == f"{' '.join(how.arguments)} threads 1\n"


def test_a_command_that_fails_says_why(install):
    image, how = to_itk(np.ones((4, 4, 4), np.float32), AFFINE), EXTRACTIONS["hd-bet"]
    install("hd-bet", "echo starting\necho no weights here >&2\nexit 3")
    with pytest.raises(DataError, match=r"hd-bet failed \(exit 3\): no weights here"):
        extract_brain(image, how)
    install("hd-bet", "true")
    with pytest.raises(DataError, match=r"hd-bet wrote no mask brain_bet\.nii\.gz") as error:
        extract_brain(image, how)
    assert "version 2" in error.value.hint
    install("hd-bet", "cp image.nii.gz brain_bet.nii.gz")
    with pytest.raises(DataError, match="hd-bet found no brain"):
        extract_brain(to_itk(np.zeros((4, 4, 4), np.float32), AFFINE), how)


def test_a_command_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="'mri_synthstrip' is not on PATH") as error:
        EXTRACTIONS["synthstrip"].version()
    assert "FreeSurfer" in error.value.hint
    assert "leave --brain" in error.value.hint


def test_its_version_is_what_it_says_or_its_content(install):
    how = EXTRACTIONS["hd-bet"]
    install("hd-bet", "echo hd-bet 2.0.1")
    assert how.version() == "hd-bet 2.0.1"
    path = install("hd-bet", "echo unknown option >&2; exit 2")
    assert how.version() == f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def test_a_command_that_is_not_a_program_is_named(install):
    path = install("hd-bet", "")
    path.write_bytes(b"\x7fELF of another machine")
    with pytest.raises(DataError, match=rf"{path} cannot be run: .*Exec format error"):
        EXTRACTIONS["hd-bet"].version()


def test_a_registration_takes_the_mask_of_the_command(install, tmp_path):
    install("hd-bet", "cp image.nii.gz brain_bet.nii.gz")
    template = Template.load(4)
    head = np.pad((template.brain * template.mask * 400), 12).astype(np.float32)
    affine = template.affine.copy()
    affine[:3, 3] -= 12 * 4
    nibabel.save(nibabel.Nifti1Image(head, affine), tmp_path / "T1.nii")
    wrong = np.ones(head.shape, np.uint8)
    nibabel.save(nibabel.Nifti1Image(wrong, affine), tmp_path / "mask.nii")
    files = SubjectFiles("toy", "s1", {"T1": tmp_path / "T1.nii"}, mask=tmp_path / "mask.nii")
    found = register_subject(files, tmp_path / "out", "key", Steps(4, "hd-bet"))
    assert found.brain == "hd-bet"
    assert found.dice > 0.97
    assert found.growth == pytest.approx(1, abs=0.02)


def test_with_a_brain_mask_the_head_and_neck_draw_nothing_off(tmp_path):
    template = Template.load(4)
    pads = ((4, 4), (4, 4), (24, 4))
    head = np.pad(template.brain * template.mask * 400, pads).astype(np.float32)
    mask = np.pad(template.mask, pads).astype(np.uint8)
    head[12:-12, :40, :22] = 500  # a neck, far back
    affine = template.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ [4, 4, 24]
    nibabel.save(nibabel.Nifti1Image(head, affine), tmp_path / "T1.nii")
    nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "mask.nii")
    files = SubjectFiles("toy", "s1", {"T1": tmp_path / "T1.nii"}, mask=tmp_path / "mask.nii")
    found = register_subject(files, tmp_path / "out", "key", Steps(4))
    assert found.brain == "given"
    assert found.dice > 0.97
