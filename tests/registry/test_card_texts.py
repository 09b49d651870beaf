"""What shipped cards say is joined without stray blanks, and says how to get the files."""

import re

import pytest

from bench import registry
from bench.data.fetch.dataset import fetch_dataset
from bench.errors import DataError


def texts(content, place=""):
    if isinstance(content, str):
        yield place, content
    for key, value in content.items() if isinstance(content, dict) else ():
        yield from texts(value, f"{place}.{key}")
    for at, value in enumerate(content if isinstance(content, list) else ()):
        yield from texts(value, f"{place}.{at}")


def test_no_text_of_a_card_has_a_stray_blank():
    cards = [
        *registry.load_datasets().values(),
        *registry.load_methods().values(),
        *registry.load_protocols().values(),
        *registry.load_rows(),
    ]
    assert len(cards) > 50
    odd = [
        (card.name, place, text)
        for card in cards
        for place, text in texts(card.model_dump(mode="json"))
        if re.search(r"\S- [a-z0-9]+\.(?:\s|$)|[^/ ]/ \w|  |[ \t]\n|^ | [.,;]", text)
        and place != ".layouts"
    ]
    assert odd == []


@pytest.mark.parametrize("name", ["bmad-brain", "bmad-camelyon", "bmad-chest", "bmad-liver"])
def test_the_folder_to_fill_is_named_in_one_word(name):
    assert f"DIR/{name}." in registry.dataset(name).obtain


def test_data_get_names_the_public_mirror_of_mslub(tmp_path):
    with pytest.raises(DataError) as caught:
        fetch_dataset(registry.dataset("mslub"), tmp_path)
    assert "https://github.com/muschellij2/open_ms_data" in caught.value.hint
