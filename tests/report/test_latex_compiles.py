import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench import registry
from bench.report import build_report, render
from fakes.report_samples import CARDS, ROWS, numbers, record, sample_records

PLAIN = r"\documentclass[%s]{article}\usepackage{booktabs,array,longtable}"


PACKAGES = "texlive-latex-recommended and texlive-science"


def lacking(what: str) -> None:
    """Skip, or fail where everything must be there."""
    stop = pytest.fail if os.environ.get("BENCH_REQUIRE_ALL") == "1" else pytest.skip
    stop(f"{what} is not installed (Debian: {PACKAGES})")


@pytest.fixture
def pdflatex() -> str:
    found = shutil.which("pdflatex")
    if found is None:
        lacking("pdflatex")
    return str(found)


def compile_latex(
    pdflatex: str, folder: Path, body: str, packages: str = "", paper: str = "a4paper"
) -> str:
    source = f"{PLAIN % paper}{packages}\n\\begin{{document}}\n{body}\\end{{document}}\n"
    (folder / "report.tex").write_text(source, encoding="utf-8")
    command = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    log = ""
    for _ in range(2 if "{longtable}" in body else 1):  # the first pass measures a longtable
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
        log = done.stdout.decode("latin-1")
        assert done.returncode == 0, log[-3000:]
    return log


def test_every_table_compiles(pdflatex, tmp_path):
    text = render(build_report(sample_records(), CARDS, ROWS), "latex")
    log = compile_latex(pdflatex, tmp_path, text)
    assert "Missing character" not in log


LETTERS = "αβγδεζηθικλμνξοπρσςτυφχψω ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ άέήίόύώϊ ϑϕϵµ"
ACCENTS = "ÀÉÎÕÜçñøåæßÿ ăąćčđďęěğġĩįıłńňőœřśšşșțţůűźżž ĄĐĘŁŐŒŘŞŠŻŽ ÐðÞþŋ ạḍḥṭẽ Việt Nguyễn"
SIGNS = "± × ÷ · ≈ ≠ ∞ → ≤ ≥ − – — … ° § © ® € £ «» „“ ‚‘ ¡¿ ½ m² H₂O ﬁ Ａ"  # noqa: RUF001


def test_letters_of_authors_are_printed_not_replaced(pdflatex, tmp_path):
    reason = f"{LETTERS} {ACCENTS} {SIGNS}"
    failed = record("ae", status="failed", error_class="method", reason=reason)
    text = render(build_report([failed, record("pca", 0.02)], CARDS), "latex")
    assert "pdflatex cannot print" not in text
    log = compile_latex(pdflatex, tmp_path, text)
    assert "Missing character" not in log
    assert "undefined" not in log.lower()


def test_what_pdflatex_cannot_print_stays_and_the_engine_is_named(pdflatex, tmp_path):
    failed = record("ae", status="failed", error_class="method", reason="Ошибка 異常 עברית")
    text = render(build_report([failed], CARDS), "latex")
    assert "Ошибка 異常 עברית" in text
    head = text.split("\\begin")[0]
    assert "xelatex or lualatex" in head
    assert head.rstrip().endswith(" ".join(sorted(set("Ошибка異常עברית"))))
    with pytest.raises(AssertionError, match="not set up for use with LaTeX"):
        compile_latex(pdflatex, tmp_path, text)  # loudly, not with a question mark


def test_an_ordinary_table_fits_the_page(pdflatex, tmp_path):
    records = [
        record(method, 0.02, seed=seed) for method in ("ae", "equalized") for seed in range(3)
    ]
    text = render(build_report(records, CARDS, ROWS), "latex")
    assert "Overfull" not in compile_latex(pdflatex, tmp_path, text)


def wide_store():
    """More methods and tasks than a page has room for."""
    protocols = {"pixel-pooled@1": numbers(0.1234, half=0.02, subjects=12, drawn=1)}
    return [
        record(
            f"a-method-with-a-long-name-{at}",
            task=f"a-long-dataset/task-{task}",
            seed=seed,
            protocols=protocols,
            test=12,
            expected=30,
            config={"width": 64 + at} if at % 5 == 0 else {},
        )
        for at in range(45)
        for task in range(2 if at > 2 else 9)
        for seed in range(2)
    ]


@pytest.mark.parametrize("paper", ["a4paper", "letterpaper"])
@pytest.mark.parametrize(
    "options",
    [{}, {"which": "published"}, {"layout": "methods-by-tasks", "protocol": "pixel-pooled@1"}],
    ids=["tasks", "published", "methods-by-tasks"],
)
def test_every_table_fits_the_page_of_an_article(pdflatex, tmp_path, paper, options):
    records = wide_store() if options.get("protocol") else sample_records()
    rows = [] if options.get("protocol") else [*ROWS, *registry.load_rows()]
    text = render(build_report(records, CARDS, rows, **options), "latex")
    log = compile_latex(pdflatex, tmp_path, text, paper=paper)
    assert "Overfull" not in log
    assert "Float too large" not in log


def test_long_tables_run_over_pages_and_wide_ones_are_parted():
    made = build_report(wide_store(), CARDS, layout="methods-by-tasks", protocol="pixel-pooled@1")
    text = render(made, "latex")
    assert r"\begin{longtable}" in text
    assert r"\begin{table}" not in text
    assert "Methods by tasks, part 1 of 4." in text
    assert text.count(r"\label{tab:methods-by-tasks-") == 4
    short = render(build_report([record("ae", 0.02)], CARDS), "latex")
    assert r"\begin{table}" in short
    assert "longtable}[" not in short


def test_what_a_page_has_no_room_for_is_said():
    text = render(build_report(sample_records(), CARDS), "latex")
    (said,) = re.findall(r"Not shown for lack of space: ([^;]*);", text)
    assert said == r"Image AUROC \%, intervals of all numbers"


def test_columns_of_numbers_can_be_those_of_siunitx(pdflatex, tmp_path):
    if not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True).stdout:
        lacking("siunitx")
    text = render(build_report(sample_records(), CARDS, ROWS), "latex")
    column = re.compile(r"(?<=[lrS{}])r(?=[lrS@>])")
    changed = "\n".join(
        column.sub("S[table-format=2.2]", line) if line.startswith(r"\begin{tabular}") else line
        for line in text.splitlines()
    )
    assert changed.count("S[table-format=2.2]") > 10
    compile_latex(pdflatex, tmp_path, changed, r"\usepackage{siunitx}")
