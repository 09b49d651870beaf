import io

import pytest
from rich.console import Console

from bench.report import build_report, print_tables
from fakes.report_golden import assert_golden
from fakes.report_samples import CARDS, ROWS, record, sample_records


def printed(records, width: int) -> str:
    screen = Console(file=io.StringIO(), width=width, color_system=None)
    print_tables(build_report(records, CARDS, ROWS).tables, screen)
    return "".join(f"{line.rstrip()}\n" for line in screen.file.getvalue().splitlines())


def test_golden():
    assert_golden("terminal-100.txt", printed(sample_records(), 100))


@pytest.mark.parametrize("width", [50, 60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal_and_no_headline_is_cut(width):
    records = [record("ae", 0.02, test=12), record("equalized", 0.0313, test=12)]
    text = printed(records, width)
    assert max(map(len, text.splitlines())) <= width
    assert "3.13" in text
    assert "2.00" in text
    assert ("[1.60, 2.40]" in text) == (width >= 80)
    assert ("812" in text) == (width >= 100)  # the RAM


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (200, ""),
        (100, "intervals of other numbers"),
        (80, "Fit s, ms/image, RAM MB, intervals of other numbers"),
        (40, "Image AUROC %, Fit s, ms/image, RAM MB, intervals of all numbers"),
    ],
)
def test_what_a_narrow_terminal_leaves_out_is_said(width, words):
    records = [record("ae", 0.02, test=12), record("equalized", 0.0313, test=12)]
    said = " ".join(printed(records, width).split())
    start = "Not shown, as the terminal is narrow: "
    assert (f"{start}{words}." in said) if words else (start not in said)


def test_square_brackets_are_not_read_as_markup():
    text = printed([record("ae", status="failed", reason="shape [red] [/x]")], 80)
    assert "shape [red] [/x]" in text
