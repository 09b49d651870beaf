"""What `bench data new` proposes for the files of a folder."""

import pytest

from bench.data.new_card import Answers, proposed_pattern, write_card
from bench.errors import UsageError


@pytest.mark.parametrize(
    ("names", "kind", "pattern"),
    [
        (["a.nrrd", "b.nrrd", "readme.txt"], "volume", "{subject}.nrrd"),
        (["a/T1.mha", "b/T1.mha", "c.nii"], "volume", "{subject}/*.mha"),
        (["a/T1/1.dcm", "a/T1/2.dcm"], "volume", "{subject}/*/*.dcm"),
        (["a.b.nii.gz"], "volume", "{subject}.nii.gz"),
        ([".hidden.nii", "a.txt"], "volume", None),
        (["good/a.png", "bad/b.png"], "image", "*/{image}.png"),
    ],
)
def test_the_most_frequent_format_is_proposed(tmp_path, names, kind, pattern):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert proposed_pattern(tmp_path, kind) == pattern


def test_dicom_without_a_suffix_is_proposed(tmp_path):
    (tmp_path / "p1").mkdir()
    (tmp_path / "p1" / "IM_0001").write_bytes(b"\0" * 128 + b"DICM")
    assert proposed_pattern(tmp_path, "volume") == "{subject}/*"


def test_a_folder_that_is_not_there_proposes_nothing(tmp_path):
    assert proposed_pattern(tmp_path / "none", "volume") is None


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".hdr"])
def test_cards_of_volumes_take_formats_that_cards_of_images_do_not(tmp_path, suffix):
    given = Answers("own", "volumes", {"T1": f"{{subject}}{suffix}"})
    assert write_card(given, tmp_path, set()).exists()
    with pytest.raises(UsageError, match="no reader for images knows the suffix"):
        write_card(Answers("other", "images", {"T1": f"{{image}}{suffix}"}), tmp_path, set())


def test_a_dicom_file_is_a_volume_or_an_image_as_the_card_says(tmp_path):
    for kind, pattern in (("volumes", "{subject}/*.dcm"), ("images", "{subject}/{image}.dcm")):
        answers = Answers(f"own-{kind}", kind, {"T1": pattern})
        assert write_card(answers, tmp_path, set()).exists()
