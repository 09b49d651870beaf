"""The notebooks are committed without what they showed; `make site` runs them."""

import json

import pytest

from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_that_a_notebook_showed_is_committed(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    for cell in cells:
        compile("".join(cell["source"]), str(path), "exec")


def test_both_notebooks_are_in_the_menu_and_make_site_runs_them():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 2
    assert all(f"docs/notebooks/{path.stem}.md" in menu for path in NOTEBOOKS)
    assert "docs/notebooks.py" in (ROOT / "Makefile").read_text(encoding="utf-8")
