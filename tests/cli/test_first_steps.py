"""What a new user reads first: notes on a new card, lists in a narrow terminal, wrong names."""

import numpy as np
import pytest
from PIL import Image

from bench import registry
from bench.cards import DatasetCard
from bench.cli.listing import lines
from bench.data.find.faults import empty_findings
from bench.data.find.index import index_dataset
from bench.data.new_card import Answers, card_text, notes
from bench.errors import DataError, MethodError, UnknownName, UsageError


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"images": {"photo": "{image}.png"}}, "so the card has no task"),
        ({"images": {"photo": "{image}.png"}, "normal": ["good"]}, "no pattern holds {class}"),
        (
            {"images": {"photo": "{part}/{class}/{image}.png"}, "normal": ["good"]},
            "{part} only tells files apart",
        ),
    ],
)
def test_a_new_card_says_what_its_user_may_not_expect(answers, said):
    asked = Answers("mine", "images", **answers)
    assert card_text(asked)
    (note,) = notes(asked)
    assert said in note


def test_a_new_card_of_classes_needs_no_note():
    assert notes(Answers("mine", "images", {"p": "{class}/{image}.png"}, normal=["good"])) == []


def test_a_list_fits_the_terminal_and_loses_nothing_elsewhere():
    rows = [{"name": "a-task/with-a-long-name", "title": "words " * 20, "seeds": 1}]
    whole = lines(rows, ("name", "title", "seeds"))
    assert ("words " * 20).strip() in whole[1]
    narrow = lines(rows, ("name", "title", "seeds"), 60)
    assert max(map(len, narrow)) <= 60
    assert narrow[1].startswith("a-task/with-a-long-name  words words")
    assert "…" in narrow[1]
    assert narrow[1].endswith("1")
    assert max(map(len, lines(rows, ("name", "title", "seeds"), 10))) > 10, "a name is never cut"


def test_a_name_without_its_path_leads_to_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("class Mine: pass\n")
    with pytest.raises(UnknownName) as caught:
        registry.method("mine")
    assert caught.value.hint == "for your file say ./mine.py"


def test_a_syntax_error_names_its_line_once(tmp_path):
    (tmp_path / "bad.py").write_text("class Bad(\n")
    with pytest.raises(MethodError) as caught:
        registry.method(f"{tmp_path}/bad.py:Bad")
    assert str(caught.value).count("line 1") == 1


def test_a_setting_of_another_type_is_named_with_its_article():
    card = registry.method("gaussian")
    with pytest.raises(UsageError, match=r"must be a float, like its default 4\.0"):
        registry.resolve_config(card, {"prior_images": "x"})


def card(**layout):
    about = dict.fromkeys(("title", "description", "licence", "citation"), "")
    own = {"name": "own", "title": "", "kind": "images", "id": "{image}", **layout}
    splits = {"validation": {"subjects": {"of": 10, "take": [6]}, "rule": "by ids"}}
    return DatasetCard.model_validate(
        {"name": "toy", "version": 1, "layouts": [own], "splits": splits, **about}
    )


@pytest.fixture
def pictures(tmp_path):
    """Two images whose ids are in no bucket of the validation."""
    (tmp_path / "toy").mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(
            tmp_path / f"toy/{name}.png"
        )
    return tmp_path


def test_a_bucket_without_a_subject_says_how_to_fill_it(pictures):
    index = index_dataset(card(images={"I": "{image}.png"}), pictures, pictures / "cache")
    (found,) = empty_findings(index, "validation")
    assert found.problem == "no subject that is there belongs to it (by ids)"
    assert "take more of the 10 buckets" in found.remedy


def test_classes_without_a_place_say_so(pictures):
    with pytest.raises(DataError, match=r"2 files have none of the classes good: no pattern"):
        index_dataset(
            card(images={"I": "{image}.png"}, normal=["good"]), pictures, pictures / "cache"
        )
