"""Files as other systems name them: each is found and belongs together, or is refused by name."""

import os
import unicodedata

import numpy as np
import pytest

from bench.cards import DatasetCard, Layout
from bench.data.check.dataset import check_dataset
from bench.data.find.exclusion import Exclusion
from bench.data.find.index import index_dataset
from bench.data.find.patterns import matches
from bench.data.find.predict_files import Beside
from bench.errors import CardError, DataError
from bench.registry import all_cards
from fakes import field

NFC, NFD = (unicodedata.normalize(form, "Zo\u00eb") for form in ("NFC", "NFD"))
PICTURES = {"kind": "images", "id": "{image}", "images": {"I": "{class}/{image}.png"},
            "label": "masks/{image}.png", "normal": ["good"], "abnormal": ["bad"]}  # fmt: skip
EVERY = {"test": {"subjects": "all", "rule": ""}}
WHOLE = {"foreground": "whole"}


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def found(root, pattern="{subject}_T1.nii.gz"):
    layout = Layout.model_validate({"name": "l", "title": "l", "images": {"T1": pattern}})
    return [(one.path.name, one.get("subject")) for one in matches("d", layout, pattern, root)]


def test_a_suffix_may_be_written_large(tmp_path):
    for name in ("a_T1.nii.gz", "b_T1.NII.GZ", "c_T1.Nii.gz", "d_t1.nii.gz", "e_T1.nii"):
        touch(tmp_path / name)
    assert found(tmp_path) == [
        ("a_T1.nii.gz", "a"),
        ("b_T1.NII.GZ", "b"),
        ("c_T1.Nii.gz", "c"),
    ]
    assert found(tmp_path, "{subject}_T1.NII") == [("e_T1.nii", "e")]
    assert len(found(tmp_path, "{subject}_T1.*")) == 4


def test_one_image_under_two_suffixes_is_named(tmp_path):
    card = field.card(PICTURES, EVERY, WHOLE)
    for name in ("a.png", "a.PNG"):
        field.png(tmp_path / "own/good/x.png", field.picture(1, False)[0])
        (tmp_path / "own/good/x.png").rename(tmp_path / "own/good" / name)
    (match,) = index_dataset(card, tmp_path, tmp_path / "cache").matches
    assert [path.name for path in match.doubles["a", "I"]] == ["a.PNG", "a.png"]


def test_a_label_whose_umlaut_is_written_otherwise_belongs_to_its_image(tmp_path):
    image, label = field.picture(1, True)
    field.png(tmp_path / f"own/bad/{NFD}.png", image)
    field.png(tmp_path / f"own/masks/{NFC}.png", label)
    card = field.card(PICTURES, EVERY, WHOLE)
    ((_, files),) = index_dataset(card, tmp_path, tmp_path / "cache").subjects.items()
    assert files.image_files[0].label == tmp_path / f"own/masks/{NFC}.png"
    assert not [one for one in check_dataset(card, tmp_path, tmp_path / "cache")
                if one.severity != "info"]  # fmt: skip
    for entry in (NFC, NFD, f"bad/{NFC}.png"):
        excluded = field.card(PICTURES, EVERY, WHOLE).model_copy(update={"exclude": [entry]})
        with pytest.raises(DataError, match="1 file is excluded by the card"):
            index_dataset(excluded, tmp_path, tmp_path / "cache")
    assert Exclusion([NFD]).takes(tmp_path / "x.png", NFC)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path):
    try:
        touch(tmp_path / "own/good" / os.fsdecode(b"Zo\xeb.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    with pytest.raises(DataError, match="is not UTF-8 text") as caught:
        index_dataset(field.card(PICTURES, EVERY, WHOLE), tmp_path, tmp_path / "cache")
    assert "convmv" in caught.value.hint
    (path,) = tmp_path.rglob("*.png")
    around = Beside(field.card(PICTURES, EVERY, WHOLE), "I")
    assert around.other_role(path) is None  # beside images of `bench predict` it does no harm


# --- cards that contradict themselves ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"abnormal": ["bad", "good"]}, "class 'good' is in normal and in abnormal"),
        ({"images": {"I": "{class}/{image}.png", "J": "{class}/{image}.png"}},
         "I and J have the same pattern '{class}/{image}.png', so one would be measured as"),
        ({"label": "{class}/{image}.png"}, "I and label have the same pattern"),
    ],
)  # fmt: skip
def test_a_layout_that_says_two_things_of_one_file_is_refused(changes, said):
    with pytest.raises(ValueError, match="own") as caught:
        field.card({**PICTURES, **changes}, EVERY, WHOLE)
    assert said in str(caught.value)


def test_series_of_one_folder_share_a_pattern():
    images = {"T1": "{subject}/*", "T2": "{subject}/*"}
    layout = {"name": "l", "title": "l", "images": images, "series": {"T1": "3", "T2": "4"}}
    assert Layout.model_validate(layout).series == {"T1": "3", "T2": "4"}


def test_two_layouts_have_two_names():
    card = field.card(PICTURES, EVERY, WHOLE).model_dump(by_alias=True, exclude_none=True)
    card["layouts"] *= 2
    with pytest.raises(ValueError, match="two layouts are named 'own'"):
        DatasetCard.model_validate(card)


def test_a_card_may_begin_with_the_mark_of_windows(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('name = "c"\n', encoding="utf-8-sig")
    with pytest.raises(CardError, match="title: is missing"):
        all_cards.read_card(path, DatasetCard)
    assert np.frombuffer(path.read_bytes()[:3], np.uint8).tolist() == [239, 187, 191]
