"""No subject and no image on two sides of a split."""

from pathlib import Path

import pytest

from bench.data.files import SubjectFiles
from bench.data.find.leaks import refuse_overlap
from bench.data.find.selection import Selection
from bench.errors import SplitError


def selection(*names, dataset="toy", folder="a"):
    files = tuple(SubjectFiles(dataset, one, {"T1": Path(f"{folder}/{one}.nii")}) for one in names)
    return Selection(files, len(files), (), False)


def test_sides_without_overlap_pass():
    refuse_overlap(selection("1"), selection("2"), selection("3"), {})
    refuse_overlap(selection("1"), None, selection("1", dataset="other"), {})


@pytest.mark.parametrize("twin", [("1", "1", "3"), ("1", "2", "1"), ("1", "2", "2")])
def test_a_subject_on_two_sides_is_refused(twin):
    with pytest.raises(SplitError, match=r"subject '[12]' of 'toy' is in"):
        refuse_overlap(*[selection(one) for one in twin], {})


def test_the_same_image_under_two_names_is_refused_with_both():
    shas = {Path("a/1.nii"): "x", Path("a/2.nii"): "y", Path("b/1.nii"): "x"}
    with pytest.raises(SplitError) as caught:
        refuse_overlap(
            selection("1"), selection("2"), selection("1", dataset="other", folder="b"), shas
        )
    assert "a/1.nii" in str(caught.value)
    assert "b/1.nii" in str(caught.value)
    twice = selection("1", "3")
    refuse_overlap(twice, None, selection("2"), {p: "x" for p in twice.present[0].files})


def test_all_doubles_are_named_at_once_up_to_a_number():
    people = [str(n) for n in range(3)]
    with pytest.raises(SplitError) as caught:
        refuse_overlap(selection(*people), None, selection(*people), {})
    assert str(caught.value).startswith("3 subjects are on two sides:\n  subject '0'")
    assert "subject '2' of 'toy' is in training and in test" in str(caught.value)

    people = [str(n) for n in range(30)]
    learn, judge = selection(*people), selection(*people, dataset="other", folder="b")
    shas = {p: p.stem for side in (learn, judge) for one in side.present for p in one.files}
    with pytest.raises(SplitError) as caught:
        refuse_overlap(learn, None, judge, shas)
    said = str(caught.value)
    assert said.startswith("30 images are on two sides:\n  a/0.nii (training) and b/0.nii (test)")
    assert said.endswith("\n  and 10 more")
    assert "a/19.nii" in said
    assert "a/20.nii" not in said
    assert "remove" in caught.value.hint
    assert "bench data check other, bench data check toy" in caught.value.hint
