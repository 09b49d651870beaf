"""What the documentation repeats of the code is generated, and a stale part is noticed."""

import importlib.util

import pytest

from conftest import ROOT


@pytest.fixture
def generate(tmp_path, monkeypatch):
    """docs/generate.py, which renews the pages of a folder made up here."""
    place = ROOT / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("docs_generate", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(module, "pages", lambda: [tmp_path / "docs" / "page.md"])
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def run(generate, monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["generate.py", *arguments])
    return generate.main()


def test_a_stale_part_fails_the_check_and_is_renewed(generate, tmp_path, monkeypatch, capsys):
    page = tmp_path / "docs" / "page.md"
    page.write_text("before\n<!-- generated: budgets -->\nold\n<!-- end -->\nafter\n")
    assert run(generate, monkeypatch, "--check") == 1
    assert (
        capsys.readouterr().out == "docs/page.md repeats the code and is stale; next: make docs\n"
    )
    assert "old" in page.read_text(), "the check changes nothing"
    assert run(generate, monkeypatch) == 0
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| `smoke` | 64 px | 1,000 steps of 4 images, 8 subjects | 1 | 1 |" in text
    assert run(generate, monkeypatch, "--check") == 0


def test_an_unknown_part_is_named(generate, tmp_path, monkeypatch):
    (tmp_path / "docs" / "page.md").write_text("<!-- generated: moods -->\n<!-- end -->\n")
    with pytest.raises(SystemExit, match=r"page\.md: no part is named 'moods'"):
        run(generate, monkeypatch)


def test_the_arrows_drawn_leave_out_what_follows_from_others(generate, monkeypatch):
    rooms = {"errors": set(), "a": {"errors"}, "b": {"a", "errors"}, "c": {"a", "b"}}
    monkeypatch.setattr(generate, "_rooms", lambda: rooms)
    lines = [line.strip() for line in generate.arrows().splitlines() if "-->" in line]
    assert lines == ["b[b] --> a[a]", "c[c] --> b[b]"]


def test_every_part_stands_on_some_page():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    source = (ROOT / "docs" / "generate.py").read_text(encoding="utf-8")
    named = source.split("PARTS: ")[1].split("}")[0].count('": ')
    assert named == len({line for line in text.splitlines() if line.startswith("<!-- generated: ")})
