import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.cards import Task
from bench.report import build_report, summarise
from bench.report.figures.rank_chart import rank_chart
from bench.report.figures.views import CellView, GalleryPicture
from bench.report.html import make_content, to_html
from bench.report.rows.pick import LineKey
from bench.report.rows.provenance import provenance_of, reproduce_command
from bench.report.tables.task_lines import TaskLines
from fakes.report_golden import assert_golden
from fakes.report_samples import CARDS, PLAIN, ROWS, record, sample_records

MACHINE = {"bench": "0.1.0", "host": "a<b>", "packages": {"torch": "2.13", "numpy": None}}


def page(records=None, views=None, **more) -> str:
    records = sample_records() if records is None else records
    made = build_report(records, CARDS, ROWS)
    published = [one for one in made.tables if one.name == "published"]
    content = make_content(records, made.rows, CARDS, further=published, views=views, **more)
    return to_html(content)


def a_view() -> CellView:
    picture = GalleryPicture("best", "p<0>", 0.5, 3, 9, None, b"map", b"mask")
    curve = ((0.0, 0.0), (0.5, 0.9), (1.0, 1.0))
    return CellView("k", roc=curve, pr=((0.5, 0.4), (1.0, 0.1)), pictures=(picture,))


class Structure(HTMLParser):
    """Open tags, ids and links of a page; fails on a tag that is closed but not open."""

    VOID = frozenset({"meta", "link", "input", "img", "line", "path", "circle", "br"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        # Browsers close these for us.
        while self.stack[-1] != tag and self.stack[-1] in {"p", "li", "option", "dt", "dd"}:
            self.stack.pop()
        assert self.stack.pop() == tag


def structure(text: str) -> Structure:
    found = Structure()
    found.feed(text)
    assert not found.stack
    return found


def test_golden():
    text = page(broken=[("odd/t1/ae/x.json", "2 faults & <i>")], stale=3)
    for name, kind in (("style", "style"), ("script", "script")):
        text = re.sub(rf"<{name}>.*?</{name}>", f"<{name}>...</{name}>", text, flags=re.S)
        text = re.sub(rf"({kind}-src )&#39;sha256-[^&]*&#39;", r"\1...", text)
    assert_golden("all.html", text)


def test_order_locale_and_hash_seed_change_nothing():
    expected = page()
    records = sample_records()
    random.Random(1).shuffle(records)
    assert page(records) == expected
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; import test_html;"
        "sys.stdout.buffer.write(test_html.page().encode())"
    )
    environment = {**os.environ, "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "7"}
    command = [
        sys.executable,
        "-c",
        code,
        str(Path(__file__).parent),
        str(Path(__file__).parents[1]),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == expected


def test_the_page_is_well_formed_and_every_link_leads_somewhere():
    found = structure(page(broken=[("a", "b")], stale=1))
    assert len(found.ids) == len(set(found.ids))
    for link in found.links:
        assert link == "data:," or link.removeprefix("#") in found.ids


def test_everything_is_escaped():
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'{{ 7*7 }}"
    records = [
        record("ae", 0.02, config={evil: evil}, provenance={"command": evil, "host": evil}),
        record("ae", 0.03, task="odd/t1", adapted=[evil]),
        record(evil, status="failed", reason=evil, error_class="method"),
    ]
    text = page(records, broken=[(evil, evil)])
    assert "<img src=x" not in text
    assert "alert(1)</script>" not in text
    assert "{{ 7*7 }}" in text
    assert structure(text).tags.count("script") == 2  # pictures, and the page's own


def test_partial_failed_and_skipped_cells_say_so():
    text = page()
    assert "partial: 2 of 30 subjects" in text
    assert "2 of 30" in text
    assert "shape (3, |4|)" in text
    assert "accepts 3 channels &amp; has 1" in text
    assert "failed (timeout)" in text
    assert "stopped after 240 min [/x]" in text


def test_what_could_not_be_read_is_named():
    text = page(broken=[("mslub/t1/ae/77.json", "written by a newer bench: schema 9")], stale=2)
    assert "1 file of the store could not be read" in text
    assert "<code>mslub/t1/ae/77.json</code>: written by a newer bench: schema 9" in text
    assert "2 stale records left out" in text


def test_a_page_without_any_record():
    text = page([])
    assert "<b>0</b> cells done" in text
    structure(text)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "bench run --method ae --task mslub/t1 --budget quick --seeds 3 --device cpu"),
        ({"train_on": "fastmri"}, "--task mslub/t1 --train-on fastmri --budget"),
        ({"config": {"a": "it's", "b": "1", "c": [1]}}, """--set 'a=it'"'"'s' --set 'b="1"' """),
        ({"config": {"c": [1, 2]}}, "--set 'c=[1, 2]'"),
    ],
)
def test_the_command_makes_the_cell_again(changes, words):
    assert words in reproduce_command(record("ae", 0.02, seed=2, **changes), CARDS)


def test_settings_of_a_command_are_read_back_as_they_were():
    import shlex

    from bench.planning.settings import parse_settings

    config = {"word": "edge", "digits": "12", "none": None, "list": [1, "x"], "on": True}
    words = shlex.split(reproduce_command(record("ae", 0.02, config=config), CARDS))
    given = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert {one.key: one.value for one in parse_settings(given)} == config


def test_machines_are_told_once():
    records = [record("ae", 0.02, seed=at, provenance={**MACHINE, "finished": at}) for at in (0, 1)]
    found = provenance_of([*records, record("pca", 0.01)], CARDS)
    assert [cell.machine for cell in found.cells] == [1, 1, 0]
    assert found.machines == ({"bench": "0.1.0", "host": "a<b>", "packages": "torch 2.13"},)


def test_curves_and_pictures_of_a_view_are_drawn_with_chance_lines():
    views = {LineKey("mslub/t1", "ae", "{}", "ixi", "quick"): a_view()}
    text = page([record("ae", 0.02), record("random", 0.0187)], views)
    for name in ("quality", "roc", "pr", "fit-cost", "predict-cost", "sensitivity"):
        assert f'id="chart-mslub-t1-{name}"' in text
    for name in ("roc", "pr"):
        chart = text.split(f'id="chart-mslub-t1-{name}"')[1].split("</figure>")[0]
        assert 'class="chance"' in chart
        assert chart.count('class="line"') == 1
    assert "1 of 2 lines drawn" in text
    assert "p&lt;0&gt;, 50.00 %, image 4 of 9" in text
    assert "input not kept" in text
    assert text.count('"bWFw"') == 1  # the map, in base64


def test_pictures_are_kept_once_whoever_shows_them():
    keys = [LineKey("mslub/t1", name, "{}", "ixi", "quick") for name in ("ae", "pca")]
    text = page([record("ae", 0.02), record("pca", 0.01)], dict.fromkeys(keys, a_view()))
    assert text.count('alt="Truth, p&lt;0&gt;"') == 2
    assert text.count('"bWFzaw=="') == 1


def test_unreadable_predictions_are_named():
    key = LineKey("mslub/t1", "ae", "{}", "ixi", "quick")
    assert "ae: damaged" in page([record("ae", 0.02)], {key: CellView("k", problem="damaged")})


def test_average_ranks_need_two_methods_on_two_tasks():
    assert "Average ranks need two methods" in page([record("ae", 0.02)])
    records = [
        record(name, value, task=task, train_on=source)
        for task, source in (("mslub/t1", "ixi"), ("odd/t1", "odd"))
        for name, value in (("ae", 0.02), ("pca", 0.01), ("random", 0.005))
    ]
    text = page(records)
    assert "3 methods on 2 tasks (mslub/t1, odd/t1)" in text
    assert "critical difference of 2.34" in text
    chart = text.split('id="chart-ranks"')[1].split("</figure>")[0]
    assert chart.count('class="dot"') == 3
    assert "ae: average rank 1.00" in chart


def test_a_task_on_another_datasets_images_counts_in_the_ranks():
    # It has `data` and no `train_on`, so it learns from the dataset that it tests on.
    borrowed = Task(title="Borrowed", channels=["t1"], data="mslub", headline=PLAIN)
    odd = CARDS.datasets["odd"]
    odd = odd.model_copy(update={"tasks": {**odd.tasks, "borrowed": borrowed}})
    cards = replace(CARDS, datasets={**CARDS.datasets, "odd": odd})
    tasks = {"mslub/t1": "ixi", "odd/borrowed": "mslub"}
    records = [
        record(name, value, task=task, train_on=source)
        for task, source in tasks.items()
        for name, value in (("ae", 0.02), ("pca", 0.01))
    ]
    rows = summarise(records, cards.datasets, cards.protocols)
    chart = rank_chart([TaskLines(task, rows, cards, None) for task in tasks], cards)
    assert "2 methods on 2 tasks (mslub/t1, odd/borrowed)" in chart.caption
