import csv
import io
import os
import random
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bench.errors import UnknownName
from bench.report import FORMATS, build_report, render, summarise
from bench.report.formats.latex import escape as escape_latex
from bench.report.formats.markdown import escape as escape_markdown
from bench.report.tables.methods_by_tasks import methods_by_tasks
from bench.report.tables.table import Column, Number, one_line, with_ranks
from bench.store.records import HealthyVolume, ProtocolNumbers
from fakes.report_golden import assert_golden
from fakes.report_samples import CARDS, ROWS, numbers, record, sample_records

SUFFIX = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def markdown(records, cards=CARDS, rows=(), **options) -> str:
    return render(build_report(records, cards, rows, **options), "markdown")


@pytest.mark.parametrize("format", FORMATS)
def test_golden(format):
    report = build_report(sample_records(), CARDS, ROWS)
    assert_golden(f"all.{SUFFIX[format]}", render(report, format))


@pytest.mark.parametrize("format", FORMATS)
def test_golden_published(format):
    report = build_report(sample_records(), CARDS, ROWS, which="published")
    assert_golden(f"published.{SUFFIX[format]}", render(report, format))


@pytest.mark.parametrize("format", FORMATS)
def test_the_order_of_records_changes_nothing(format):
    expected = render(build_report(sample_records(), CARDS, ROWS), format)
    for seed in range(20):
        records = sample_records()
        random.Random(seed).shuffle(records)
        assert render(build_report(records, CARDS, ROWS), format) == expected


def test_locale_and_hash_seed_change_nothing():
    code = (
        "import locale, sys; sys.path.insert(0, sys.argv[1]); from fakes.report_samples import *;"
        "from bench.report import *; report = build_report(sample_records(), CARDS, ROWS);"
        "text = ''.join(render(report, format) for format in FORMATS);"
        "sys.stdout.buffer.write(text.encode())"
    )
    written = set()
    for locale, seed in (("C", "1"), ("de_DE.UTF-8", "2")):
        environment = {**os.environ, "LC_ALL": locale, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", code, str(Path(__file__).parents[1])]
        written.add(
            subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        )
    assert len(written) == 1


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(UnknownName, match="did you mean 'latex'"):
        render(build_report([], CARDS), "latx")


@pytest.mark.parametrize("format", ["latex", "markdown"])
def test_nothing_gives_nothing(format):
    assert render(build_report([], CARDS), format) == ""


def test_no_heavy_library_is_imported():
    heavy = {"torch", "pandas", "numpy", "scipy", "matplotlib", "sklearn", "rich", "jinja2"}
    code = "import sys, bench.report; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert not heavy & set(loaded)


def test_csv_holds_what_json_holds():
    report = build_report(sample_records(), CARDS)
    lines = list(csv.DictReader(io.StringIO(render(report, "csv"))))
    assert len(lines) == len(report.rows)
    for line, row in zip(lines, report.rows, strict=True):
        assert line["method"] == row.method
        assert line["value"] == ("" if row.value is None else repr(row.value))
        assert "cost" not in line


def test_ties_share_a_place_as_printed():
    column = Column("AP", scale=100)
    cells = [Number(0.03131), Number(0.03129), None, Number(0.02), Number(0.01), Number(0.9)]
    eligible = [True] * 5 + [False]
    placed = with_ranks(cells, column, eligible)
    assert [cell.rank if cell else None for cell in placed] == [1, 1, None, 2, 0, 0]


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (-0.00001, True, "0.00"),
        (0.0, False, "0.00"),
        (-0.0123, True, "-1.23"),
        (0.0123, True, "+1.23"),
        (0.0123, False, "1.23"),
        (1.0, False, "100.00"),
    ],
)
def test_numbers_print_without_a_negative_zero(value, signed, text):
    assert Column("x", scale=100, signed=signed).fixed(value) == text


def test_lines_are_ordered_by_the_headline_and_failures_come_last():
    methods = re.findall(r"^\| ([a-z_\\]+)", markdown(sample_records()).split("\n## ")[0], re.M)
    expected = ["equalized", "gaussian", "proxyano", "proxyano", "ae", r"constant\_one", "random"]
    assert methods == [*expected, "broken", r"needs\_rgb"]


def test_every_number_can_be_understood_from_the_table_alone():
    text = markdown([record("ae", 0.02), record("random", 0.0186)])
    for words in (
        "Protocol pixel-pooled@1",
        "2 of 30 test subjects",
        "trained on 64 subjects, 3,495 images of ixi",
        "budget quick",
        "1 seed",
        "AP 1.87 % (the share of lesion pixels)",
        "random (trivial)",
        "Too few test subjects: 2 with lesions (or without, where these are fewer), and at least 5",
    ):
        assert words in text


def test_a_table_without_a_trivial_method_says_how_to_get_the_yardsticks():
    words = "This table has no trivial method to hold the others against: `bench run --method equ"
    assert words in markdown([record("ae", 0.02)])
    assert words not in markdown([record("ae", 0.02), record("random", 0.0186)])


def test_what_differs_between_lines_becomes_a_column():
    ten = {"pixel-pooled@1": numbers(0.02, prevalence=0.1)}
    text = markdown([record("ae", 0.02), record("ae", budget="paper", protocols=ten)])
    head = next(line for line in text.splitlines() if line.startswith("| Method"))
    assert [one.strip() for one in head.strip("|").split("|")][:4] == [
        "Method",
        "Budget",
        "AP %",
        "Chance %",
    ]
    assert "AP as listed" in text


def test_a_chosen_protocol_replaces_the_headline():
    text = markdown([record("ae", 0.02)], protocol="image@1")
    assert "Protocol image@1" in text
    assert "the share of abnormal images" in text
    text = markdown(
        [record("ae", 0.02), record("broken", status="failed", reason="x")],
        protocol="pixel-subject@1",
    )
    assert "not computed" in text
    assert "`bench rescore --protocol pixel-subject@1`" in text
    assert "broken: failed: x" in text


def test_synthetic_images_are_labelled_in_every_format_for_people():
    report = build_report([record("ae", 0.1, task="odd/t1")], CARDS)
    for format in ("markdown", "latex"):
        assert "Synthetic images" in render(report, format)


@given(st.text())
def test_markdown_prints_any_text_as_it_is(text):
    source = f"| a | b |\n| - | - |\n| {escape_markdown('x' + text)} | y |\n"
    cells = re.findall(r"<td>(.*?)</td>", PARSER.render(source), re.S)
    assert [unescape(one) for one in cells] == [one_line(f"x{text}"), "y"]


@given(st.text())
def test_latex_keeps_no_special_letter(text):
    escaped = escape_latex(text)
    assert "\n" not in escaped
    assert not re.search(r"(?<!\\)[&%$#_]", re.sub(r"\$\\?[-a-z]+\$", "", escaped))
    assert escaped.count("{") - escaped.count(r"\{") == escaped.count("}") - escaped.count(r"\}")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("σ=0.5", r"\ensuremath{\sigma}=0.5"),  # noqa: RUF001
        ("Δ", r"\ensuremath{\Delta}"),
        ("ά", r"\ensuremath{\acute{\alpha}}"),
        ("Β", r"\ensuremath{\mathrm{B}}"),  # noqa: RUF001
        ("µm", r"\ensuremath{\mu}m"),
        ("Müller", "Müller"),
        ("Mu\u0308ller", "Müller"),
        ("Dvořák", r"Dvo\v{r}ák"),
        ("Łódź", r"\L{}ód\'{z}"),
        ("Erdős", r"Erd\H{o}s"),
        ("Nguyễn", r"Nguy\~{\^{e}}n"),
        ("ĩ", r"\~{\i}"),
        ("ą", r"{\fontencoding{T1}\selectfont\k{a}}"),
        ("m²", r"m\textsuperscript{2}"),
        ("H₂O", r"H\textsubscript{2}O"),
        ("異常 Ж ☃", "異常 Ж ☃"),
    ],
)
def test_latex_keeps_the_letters_of_authors(text, latex):
    assert escape_latex(text) == latex


@given(st.text())
def test_no_letter_becomes_a_question_mark(text):
    assert escape_latex(text.replace("?", "").replace("¿", "")).count("?") == 0


def test_the_spread_of_one_seed_is_a_dash_beside_spreads_of_several():
    one = [record("gaussian", 0.03, test=12)]
    several = [record("ae", 0.02, test=12), record("ae", 0.03, seed=1, test=12)]
    assert "**3.00** ± – [2.60, 3.40]" in markdown(one + several)  # noqa: RUF001
    assert "3.00 [2.60, 3.40]" in markdown(one)


def test_the_volume_of_false_positives_in_healthy_subjects_is_a_column():
    def cell(seed, ml):
        volume = HealthyVolume(mean_ml=ml, per_subject={"a": ml})
        one = numbers(0.5).model_copy(update={"healthy": {"0.01": volume}})
        return record("ae", seed=seed, protocols={"pixel-pooled@1": one})

    text = markdown([cell(0, 2.0), cell(1, 4.5)])
    lines = [one.split("|") for one in text.splitlines() if one.startswith("|")]
    heads, line = lines[0], lines[2]
    assert line[[one.strip() for one in heads].index("FP ml at 1 %")].strip() == "3.2"
    assert "FP ml: mean volume above the threshold" in text
    assert "FP ml" not in markdown([record("ae", 0.5)])


def test_pixel_cells_of_a_method_without_maps_say_so():
    gone = ProtocolNumbers(status="not applicable", reason="the method gives no maps")
    records = [record("ae", 0.02), record("position", protocols={"pixel-pooled@1": gone})]
    text = render(build_report(records, CARDS), "markdown")
    (line,) = [one for one in text.splitlines() if one.startswith("| position")]
    assert "no map" in line
    assert "skipped" not in line
    rows = summarise(records, CARDS.datasets, CARDS.protocols)
    (cell,) = [row[1] for row in methods_by_tasks(rows, CARDS).rows if row[0].text == "position"]
    assert cell.text == "no map"


def test_what_a_protocol_does_not_rank_is_said_once():
    """Of the table's own protocol and of the images beside it; of means, not who has one class."""
    pixels = numbers(0.3, auroc=0.6).model_copy(
        update={"left_out": {"lesion pixels outside the foreground": ["a: 3 of 70 lesion pixels"]}}
    )
    unmatched = [f"{name}: 2 of 9 abnormal images" for name in "abcde"]
    left_out = {"no normal image at like position": unmatched, "one class only": ["n1"]}
    images = numbers(0.5, auroc=0.7).model_copy(update={"left_out": left_out})
    protocols = {"pixel-pooled@1": pixels, "image@1": images}
    text = markdown([record(name, protocols=protocols) for name in ("ae", "pca")])
    pixel_note = (
        "- pixel-pooled@1 leaves out (lesion pixels outside the foreground): "
        "a: 3 of 70 lesion pixels."
    )
    image_note = (
        "- image@1 leaves out (no normal image at like position): a: 2 of 9 abnormal images, "
        "b: 2 of 9 abnormal images, c: 2 of 9 abnormal images, and 2 more subjects."
    )
    assert text.count(pixel_note) == text.count(image_note) == 1
    assert "one class only" not in text
    alone = markdown([record("ae", protocols=protocols)], protocol="image@1")
    assert image_note in alone
    assert "pixel-pooled@1 leaves out" not in alone


def test_the_best_of_a_column_is_marked_by_what_the_column_shows():
    """Also a yardstick without maps; not a number of the column that is constant."""
    gone = ProtocolNumbers(status="not applicable", reason="the method gives no maps")

    def cell(method, pixels, images, **more):
        return record(method, protocols={"pixel-pooled@1": pixels, "image@1": images}, **more)

    image = {name: numbers(0.5, auroc=auroc) for name, auroc in (("ae", 0.6), ("pca", 0.7))}
    records = [
        cell("position", gone, numbers(0.5, auroc=0.8)),
        cell("ae", numbers(0.3, auroc=0.6), image["ae"]),
        cell("pca", numbers(0.2, auroc=0.7), image["pca"]),
        cell("flat", numbers(0.1, auroc=0.5), numbers(0.4, auroc=0.95, degenerate=True)),
    ]
    lines = [line.strip("|").split("|") for line in markdown(records).splitlines() if "|" in line]
    shown = {line[0].strip(): [one.strip() for one in line] for line in lines}
    at = shown["Method"].index("Image AUROC %")
    assert {name: shown[name][at] for name in ("position", "pca", "ae", "flat")} == {
        "position": "**80.00**",
        "pca": "*70.00*",
        "ae": "60.00",
        "flat": "95.00",
    }
    assert [shown[name][shown["Method"].index("AP %")].strip("*") for name in ("ae", "pca")] == [
        "30.00",
        "20.00",
    ]


def test_lines_that_failed_for_one_reason_share_a_note():
    fault = {"status": "failed", "error_class": "data"}
    records = [
        record("ae", reason="broken disk", **fault),
        record("pca", reason="broken disk", **fault),
        record("gaussian", reason="another", **fault),
    ]
    text = markdown(records)
    assert "- ae, pca: failed (data): broken disk" in text
    assert "- gaussian: failed (data): another" in text
