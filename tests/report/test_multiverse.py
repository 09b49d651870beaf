"""Pairs and choices over all universes, from made-up numbers whose answer is known."""

import pytest

from bench.report import Report, render
from bench.report.figures.multiverse_chart import multiverse_charts
from bench.report.figures.paper import save_charts
from bench.report.html import make_content, to_html
from bench.report.rows.multiverse import verses
from bench.report.tables.multiverse import multiverse_tables, tell
from bench.store.multiverse import KeptMultiverse, KeptUniverse
from bench.store.records import ProtocolNumbers
from fakes.report_samples import CARDS, numbers, record

NONE = ProtocolNumbers(status="not applicable", reason="all subjects are abnormal")


def kept(value, *, level="pixel", drawn=0):
    """Two choices with two options; ``value`` gives a number, or None, for each."""
    universes = []
    for smoothing in ("4 %", "none"):
        for mask in ("foreground", "whole"):
            found = value(smoothing, mask)
            made = NONE if found is None else numbers(found, subjects=12, drawn=drawn, spread=0.01)
            universes.append(
                KeptUniverse(
                    level=level, choices={"smoothing": smoothing, "mask": mask}, numbers=made
                )
            )
    return KeptMultiverse(design=1, predictions="", universes=universes)


def told(**methods):
    records = [record(name, 0.3, test=12, expected=12) for name in methods]
    found = {one.key: made for one, made in zip(records, methods.values(), strict=True)}
    return [tell(one, CARDS) for one in verses(records, found)]


def smoothed_only(smoothing, mask):
    return 0.4 if smoothing == "4 %" else 0.1


@pytest.fixture
def turned():
    """ae is clearly better with smoothing, gaussian without."""
    (one,) = told(ae=kept(smoothed_only), gaussian=kept(lambda *_: 0.2, drawn=1))
    return one


def test_a_pair_that_smoothing_turns(turned):
    (pair,) = turned.standings
    assert (pair.first.method, pair.second.method) == ("ae", "gaussian")
    assert (pair.ahead, pair.behind) == (2, 2)
    assert (pair.shown_ahead, pair.shown_behind) == (2, 2)
    assert pair.flips
    assert pair.flips_shown
    assert pair.most == "smoothing"
    assert turned.alone == {"smoothing": 1.0, "mask": 0.0}
    assert turned.order == pytest.approx({"smoothing": 1, "mask": 0, "metric": 0, "together": 0})
    assert turned.size == pytest.approx({"smoothing": 1, "mask": 0, "together": 0})


def test_equal_numbers_turn_nothing():
    (one,) = told(ae=kept(lambda *_: 0.2), gaussian=kept(lambda *_: 0.2))
    (pair,) = one.standings
    assert (pair.ahead, pair.behind, pair.most) == (0, 0, "")
    assert one.order == {}


def test_an_option_without_numbers_is_left_out_and_named():
    def only_foreground(smoothing, mask):
        return None if mask == "whole" else smoothed_only(smoothing, mask)

    (one,) = told(ae=kept(only_foreground), gaussian=kept(only_foreground))
    assert one.verse.dropped == ("mask: whole",)
    assert len(one.verse.places) == 2
    table = multiverse_tables([one], CARDS)[1]
    assert any("mask: whole" in note.plain for note in table.notes)


def test_a_method_that_lacks_universes_is_left_out_and_named():
    def some(smoothing, mask):
        return None if mask == "whole" else 0.3

    (one,) = told(ae=kept(smoothed_only), gaussian=kept(lambda *_: 0.2), pca=kept(some))
    assert [line.method for line in one.verse.lines] == ["ae", "gaussian"]
    ((row, why),) = one.verse.left_out
    assert (row.method, why) == ("pca", "no number in 2 of 4 universes")


def test_one_method_says_nothing():
    assert told(ae=kept(smoothed_only)) == []


def test_tables_in_every_format(turned):
    tables = tuple(multiverse_tables([turned], CARDS))
    markdown, latex = (render(Report(tables, ()), one) for one in ("markdown", "latex"))
    assert "1 of 1 pair flips, 1 with both orders shown" in markdown
    assert "sign of the difference" in markdown
    assert latex.count(r"\begin{table}") == 2
    assert r"\label{tab:multiverse" in latex


def test_the_page_has_a_section_where_the_store_keeps_a_multiverse(turned):
    records = [record("ae", 0.3, test=12, expected=12)]
    page = to_html(make_content(records, [], CARDS, multiverse=[turned]))
    assert '<section id="multiverse">' in page
    assert "What the order of methods hangs on" in page
    assert 'id="multiverse"' not in to_html(make_content(records, [], CARDS))


def test_charts_are_drawn(turned, tmp_path):
    charts = multiverse_charts([turned])
    assert [one.name for one in charts] == ["multiverse-choices", "mslub-t1-pixel-multiverse"]
    assert charts[0].series[0].points == ((0.0, 1.0), (1.0, 0.0))
    files = save_charts(charts, tmp_path)
    assert len(files) == 4
    assert all(one.stat().st_size > 1000 for one in files)


def test_numbers_of_older_predictions_do_not_count(tmp_path):
    from bench.store.multiverse import read_multiverse, write_multiverse
    from bench.store.store import Store

    one = record("ae", 0.3, test=12, provenance={"finished": "2026-01-01T00:00:00"})
    store = Store(tmp_path)
    store.open_for_writing()
    made = kept(smoothed_only).model_copy(update={"predictions": "2026-01-01T00:00:00"})
    size = write_multiverse(store, one, made)
    assert size > 1000
    assert read_multiverse(store, [one]).by_cell == {one.key: made}
    again = one.model_copy(update={"provenance": {"finished": "2026-01-02T00:00:00"}})
    assert read_multiverse(store, [again]).lacking == (again,)
    assert read_multiverse(store, [one], design=2).lacking == (one,)
