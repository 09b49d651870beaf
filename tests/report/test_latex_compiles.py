import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.report import build_report, render
from fakes.report_samples import CARDS, ROWS, record, sample_records

WIDE = r"\documentclass{article}\usepackage[margin=2cm]{geometry}\usepackage{booktabs,array}"


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


def compile_latex(pdflatex: str, folder: Path, body: str, packages: str = "") -> str:
    source = f"{WIDE}{packages}\n\\begin{{document}}\n{body}\\end{{document}}\n"
    (folder / "report.tex").write_text(source, encoding="utf-8")
    command = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
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
