import pickle
import re

import pytest

from bench.cards import DatasetCard
from bench.data.find.index import index_dataset
from bench.data.find.selection import chosen, select
from bench.errors import CardError, DataError, UnknownName
from fakes.brain_files import card


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


@pytest.fixture
def toy(tmp_path):
    """Subjects s1 to s4, T1 and labels; T2 for s1 alone."""
    names = [f"s{n}_{role}.nii.gz" for n in (1, 2, 3, 4) for role in ("T1", "label")]
    touch(tmp_path / "toy", *names, "s1_T2.nii.gz", "notes.txt", "sX_T1.nii.gz", "._s9_T1.nii.gz")
    return tmp_path


def ids(selection):
    return [one.subject for one in selection.present]


# --- indexing ---------------------------------------------------------------------------------


def test_files_become_subjects_sorted_by_id(toy):
    index = index_dataset(card(), toy, toy)
    assert list(index.subjects) == ["s1", "s2", "s3", "s4"]
    assert index.root == toy / "toy"
    assert index.layout.name == "flat"
    files = index.subjects["s1"]
    assert files.paths == {
        "T1": toy / "toy/s1_T1.nii.gz", "T2": toy / "toy/s1_T2.nii.gz"
    }  # fmt: skip
    assert files.label == toy / "toy/s1_label.nii.gz"
    assert files.mask is None
    assert files.files == tuple(sorted([*files.paths.values(), files.label]))
    assert pickle.loads(pickle.dumps(index)).subjects == index.subjects


@pytest.mark.parametrize("where", [None, "nowhere"])
def test_without_a_data_folder_the_option_is_named(tmp_path, where):
    with pytest.raises(DataError) as caught:
        index_dataset(card(), tmp_path / where if where else None, tmp_path)
    assert "--data-dir" in caught.value.hint
    assert "BENCH_DATA" in caught.value.hint
    assert "toy" in caught.value.hint


def test_a_missing_folder_is_named_with_the_folders_that_are_there(tmp_path):
    (tmp_path / "toys").mkdir()
    (tmp_path / "else").mkdir()
    with pytest.raises(DataError, match="did you mean 'toys'") as caught:
        index_dataset(card(), tmp_path, tmp_path)
    assert str(tmp_path / "toy") in str(caught.value)


def test_no_matching_file_lists_every_layout(tmp_path):
    touch(tmp_path / "toy", "a.nii")
    more = {"name": "nested", "title": "", "images": {"T1": "{subject}/t1.nii.gz"}}
    layouts = [one.model_dump() for one in card().layouts]
    with pytest.raises(DataError) as caught:
        index_dataset(card(layouts=[*layouts, more]), tmp_path, tmp_path)
    assert "{subject}_T1.nii.gz (layout 'flat')" in str(caught.value)
    assert "{subject}/t1.nii.gz (layout 'nested')" in str(caught.value)


def two_layouts():
    return card(
        layouts=[
            {"name": "a", "title": "", "images": {"T1": "a/{subject}.nii"}},
            {"name": "b", "title": "", "images": {"T1": "b/{subject}.nii"}},
            {"name": "c", "title": "", "images": {"T2": "c/{subject}.nii"}},
        ]
    )


def test_the_layout_with_the_most_subjects_wins_then_the_first(tmp_path):
    root = tmp_path / "toy"
    touch(root, "a/s1.nii", "b/s1.nii")
    assert index_dataset(two_layouts(), tmp_path, tmp_path).layout.name == "a"
    touch(root, "b/s2.nii")
    assert index_dataset(two_layouts(), tmp_path, tmp_path).layout.name == "b"
    touch(root, "c/s1.nii", "c/s2.nii", "c/s3.nii")
    index = index_dataset(two_layouts(), tmp_path, tmp_path)
    assert index.layout.name == "c"
    selection = select(index, "test", ["T1"], need_label=False)
    assert [one.paths["T1"].parent.name for one in selection.present] == ["b", "b"]


@pytest.mark.parametrize(
    "pattern", ["../{subject}.nii", "/etc/{subject}", "**/{subject}", "T1.nii"]
)
def test_a_pattern_cannot_leave_the_folder(tmp_path, pattern):
    touch(tmp_path / "toy", "s1.nii")
    layout = {"name": "a", "title": "", "images": {"T1": pattern}}
    with pytest.raises(CardError, match="pattern"):
        index_dataset(card(layouts=[layout]), tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("name", "start"),
    [("-rf.nii", "rf-"), ("a b.nii", "a_b-"), ("\u00e4.nii", "_-"), ("a;b.nii", "a_b-")],
)
def test_an_id_that_is_not_a_file_name_becomes_one(tmp_path, name, start):
    touch(tmp_path / "toy", name)
    layout = {"name": "a", "title": "", "images": {"T1": "{subject}.nii"}}
    (files,) = index_dataset(card(layouts=[layout]), tmp_path, tmp_path).subjects.values()
    assert files.subject.startswith(start)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", files.subject)
    assert files.paths["T1"].name == name


def test_odd_ids_stay_apart_and_a_card_lists_them_as_they_are(tmp_path):
    touch(tmp_path / "toy", "a b.nii", "a;b.nii", "a_b.nii", "mu\u0308.nii")
    layout = {"name": "a", "title": "", "images": {"T1": "{subject}.nii"}}
    # The accent stands alone in the file's name, as macOS stores it, and not in the card.
    splits = {"test": {"subjects": ["a b", "a_b", "m\u00fc"], "rule": ""}}
    index = index_dataset(card(layouts=[layout], splits=splits), tmp_path, tmp_path)
    assert len(index.subjects) == 4
    found = select(index, "test", ["T1"], need_label=False)
    names = sorted(one.paths["T1"].name for one in found.present)
    assert names == ["a b.nii", "a_b.nii", "mu\u0308.nii"]
    assert found.absent == ()


def test_an_id_in_the_card_cannot_leave_the_folder(toy):
    splits = {"test": {"subjects": ["../s1"], "rule": ""}}
    index = index_dataset(card(splits=splits), toy, toy)
    with pytest.raises(CardError, match="letters, digits"):
        select(index, "test", ["T1"], need_label=False)


def test_a_subject_that_stands_twice_in_a_pattern_must_agree(tmp_path):
    touch(tmp_path / "toy", "s1/s1.nii", "s1/s2.nii", "s3/s3.nii")
    layout = {"name": "a", "title": "", "images": {"T1": "{subject}/{subject}.nii"}}
    index = index_dataset(card(layouts=[layout]), tmp_path, tmp_path)
    assert list(index.subjects) == ["s1", "s3"]


def test_a_broken_regular_expression_is_the_cards_fault(tmp_path):
    touch(tmp_path / "toy", "s1.nii")
    layout = {"name": "a", "title": "", "subject": "(", "images": {"T1": "{subject}.nii"}}
    with pytest.raises(CardError, match="regular expression"):
        index_dataset(card(layouts=[layout]), tmp_path, tmp_path)


# --- selecting --------------------------------------------------------------------------------


def test_listed_and_rest(toy):
    index = index_dataset(card(), toy, toy)
    test = select(index, "test", ["T1"], need_label=True)
    assert (ids(test), test.expected, test.absent) == (["s1", "s2"], 2, ())
    rest = select(index, "train", ["T1"], need_label=False)
    assert (ids(rest), rest.expected, rest.absent) == (["s3", "s4"], 2, ())
    assert not rest.lesion_free


def test_absent_subjects_are_named_with_what_they_lack(toy):
    splits = {"test": {"subjects": ["s4", "s7", "s1", "s2"], "rule": ""}}
    (toy / "toy/s4_label.nii.gz").unlink()
    index = index_dataset(card(splits=splits), toy, toy)
    selection = select(index, "test", ["T1"], need_label=True)
    assert ids(selection) == ["s1", "s2"]
    assert selection.absent == ("s4", "s7")
    assert selection.expected == 4
    assert selection.reasons["s4"] == "no label (s4_label.nii.gz)"
    assert "no T1 (s7_T1.nii.gz)" in selection.reasons["s7"]
    assert select(index, "test", ["T1"], need_label=False).absent == ("s7",)


def test_a_modality_that_all_lack_is_an_error_only_when_asked_for(toy):
    (toy / "toy/s1_T2.nii.gz").unlink()
    index = index_dataset(card(), toy, toy)
    select(index, "test", ["T1"], need_label=False)
    with pytest.raises(DataError) as caught:
        select(index, "test", ["T2"], need_label=False, allow_empty=True)
    assert "has T2; expected files like" in str(caught.value)
    assert str(toy / "toy/{subject}_T2.nii.gz") in str(caught.value)


def test_unknown_split_and_modality_are_named(toy):
    index = index_dataset(card(), toy, toy)
    with pytest.raises(UnknownName, match="allowed: test, train"):
        select(index, "tests", ["T1"], need_label=False)
    with pytest.raises(UnknownName, match="did you mean 'T1'"):
        select(index, "test", ["T1w"], need_label=False)
    apart = index_dataset(two_layouts(), _made(toy), toy)
    with pytest.raises(DataError, match="T1, T2 together"):
        chosen(apart, ["T1", "T2"])


def _made(folder):
    touch(folder / "toy", "a/s1.nii", "c/s1.nii")
    return folder


def test_an_empty_split_is_an_error_unless_allowed(toy):
    splits = {
        "test": {"subjects": ["s1"], "rule": ""},
        "validation": {"subjects": ["s8", "s9"], "rule": ""},
    }
    index = index_dataset(card(splits=splits), toy, toy)
    with pytest.raises(DataError, match="none of the 2 subjects of split 'validation'") as caught:
        select(index, "validation", ["T1"], need_label=False)
    assert "s8_T1.nii.gz" in str(caught.value)
    empty = select(index, "validation", ["T1"], need_label=False, allow_empty=True)
    assert empty.present == ()
    assert empty.absent == ("s8", "s9")


def test_rest_of_nothing_says_so(toy):
    splits = {
        "test": {"subjects": ["s1", "s2", "s3", "s4"], "rule": ""},
        "train": {"subjects": "rest", "rule": ""},
    }
    index = index_dataset(card(splits=splits), toy, toy)
    with pytest.raises(DataError, match="all subjects are in other splits"):
        select(index, "train", ["T1"], need_label=False)


def test_lesion_free_needs_labels(toy):
    splits = {"train": {"subjects": ["s3", "s4"], "slices": "lesion-free", "rule": ""}}
    (toy / "toy/s4_label.nii.gz").unlink()
    index = index_dataset(card(splits=splits, tasks={}), toy, toy)
    selection = select(index, "train", ["T1"], need_label=False)
    assert selection.lesion_free
    assert ids(selection) == ["s3"]
    bare = [card().layouts[0].model_copy(update={"label": None}).model_dump()]
    index = index_dataset(card(splits=splits, tasks={}, layouts=bare), toy, toy)
    with pytest.raises(DataError, match="has no labels"):
        select(index, "train", ["T1"], need_label=False)


def ixi_like():
    return card(
        layouts=[
            {
                "name": "t1",
                "title": "",
                "subject": r"\d{3}",
                "images": {"T1": "T1/IXI{subject}-*-T1.nii.gz"},
                "mask": "T1/IXI{subject}-*-T1_brainmask.nii.gz",
            }
        ],
        splits={"train": {"subjects": "rest", "rule": ""}},
        tasks={},
    )


def test_a_wildcard_does_not_swallow_masks_and_a_missing_mask_is_named(tmp_path):
    root = tmp_path / "toy/T1"
    touch(root, "IXI002-Guys-0828-T1.nii.gz", "IXI013-HH-1212-T1.nii.gz")
    index = index_dataset(ixi_like(), tmp_path, tmp_path)
    with pytest.raises(DataError, match="has mask; expected files like") as caught:
        select(index, "train", ["T1"], need_label=False)
    assert "skull-stripping" in caught.value.hint
    touch(root, "IXI013-HH-1212-T1_brainmask.nii.gz")
    index = index_dataset(ixi_like(), tmp_path, tmp_path)
    selection = select(index, "train", ["T1"], need_label=False)
    assert ids(selection) == ["013"]
    assert selection.absent == ("002",)
    assert selection.present[0].paths["T1"].name == "IXI013-HH-1212-T1.nii.gz"
    assert selection.present[0].mask is not None


def test_two_files_for_one_are_both_named_when_they_are_needed(tmp_path):
    root = tmp_path / "toy/T1"
    touch(root, "IXI002-Guys-0828-T1.nii.gz", "IXI002-HH-0001-T1.nii.gz")
    touch(root, "IXI002-Guys-0828-T1_brainmask.nii.gz")
    index = index_dataset(ixi_like(), tmp_path, tmp_path)
    with pytest.raises(DataError, match="2 files for T1") as caught:
        select(index, "train", ["T1"], need_label=False)
    assert "IXI002-Guys-0828-T1.nii.gz" in str(caught.value)
    assert "IXI002-HH-0001-T1.nii.gz" in str(caught.value)


# --- generated datasets -----------------------------------------------------------------------

GENERATOR = """
GENERATOR_VERSION = 3
calls = []
def make(folder, subjects, *, processes, progress):
    calls.append((list(subjects), processes))
    for one in subjects:
        (folder / f"{one}_T1.nii.gz").write_text(one)
        (folder / f"{one}_label.nii.gz").write_text(one)
"""


@pytest.fixture
def generated(tmp_path, monkeypatch):
    (tmp_path / "toy_generator.py").write_text(GENERATOR)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "toy_generator", raising=False)
    monkeypatch.setattr("bench.data.find.generated._ALLOWED", "toy_generator")
    splits = {
        "train": {"subjects": ["s3"], "rule": ""},
        "test": {"subjects": ["s1", "s2"], "rule": ""},
    }
    return card(generator="toy_generator:make", splits=splits)


def test_a_generator_makes_what_a_split_needs_and_no_more(generated, tmp_path):
    cache = tmp_path / "cache"
    index = index_dataset(generated, None, cache)
    assert index.root == cache / "generated/toy_generator-3"
    assert index.subjects == {}
    selection = select(index, "test", ["T1"], need_label=True, processes=2)
    assert ids(selection) == ["s1", "s2"]
    import toy_generator

    assert toy_generator.calls == [(["s1", "s2"], 2)]
    assert sorted(one.name for one in index.root.iterdir())[0] == "s1_T1.nii.gz"
    again = index_dataset(generated, None, cache)
    assert ids(select(again, "test", ["T1"], need_label=True)) == ["s1", "s2"]
    assert len(toy_generator.calls) == 1
    select(again, "train", ["T1"], need_label=False)
    assert toy_generator.calls[1] == (["s3"], 1)


def test_a_generator_makes_no_more_than_the_limit_and_nobody_is_absent(generated, tmp_path):
    index = index_dataset(generated, None, tmp_path)
    selection = select(index, "test", ["T1"], need_label=True, limit=1)
    assert (ids(selection), selection.absent, selection.expected) == (["s1"], (), 2)
    import toy_generator

    assert toy_generator.calls == [(["s1"], 1)]


def test_a_limit_takes_the_first_of_the_subjects_that_are_there(toy):
    (toy / "toy/s1_T1.nii.gz").unlink()
    selection = select(index_dataset(card(), toy, toy), "train", ["T1"], need_label=False, limit=1)
    whole = select(index_dataset(card(), toy, toy), "train", ["T1"], need_label=False)
    assert ids(selection) == ids(whole)[:1]
    assert (selection.absent, selection.expected) == (whole.absent, whole.expected)


def test_two_cards_of_one_generator_do_not_see_each_other(generated, tmp_path):
    cache = tmp_path / "cache"
    select(index_dataset(generated, None, cache), "test", ["T1"], need_label=True)
    splits = {"test": {"subjects": ["s9"], "rule": ""}}
    other = generated.model_copy(
        update={"name": "other", "splits": DatasetCard.model_validate(
            generated.model_dump() | {"splits": splits, "tasks": {}}).splits}
    )  # fmt: skip
    index = index_dataset(other, None, cache)
    assert index.subjects == {}
    assert ids(select(index, "test", ["T1"], need_label=True)) == ["s9"]


def test_a_generator_that_is_not_there_or_a_rest_is_the_cards_fault(generated, tmp_path):
    wrong = generated.model_copy(update={"generator": "toy_generator:nothing"})
    with pytest.raises(CardError, match="nothing"):
        index_dataset(wrong, None, tmp_path)
    with pytest.raises(CardError, match="must list its subjects"):
        index_dataset(card(generator="toy_generator:make"), None, tmp_path)
